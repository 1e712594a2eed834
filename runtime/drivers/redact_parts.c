/* Addresses are cut here as servers and commands repeat them, not as RFC 3986 has them: whatever is
 * odd is left to the form as a whole. */
#include "runtime/drivers/redact_parts.h"

#include "runtime/core/base/limits.h"
#include "runtime/drivers/redact.h"

#include <stdbool.h>
#include <string.h>

/* Shorter paths and values are found in ordinary text. */
#define PART_BYTES_MIN ((size_t)8)

struct walk {
    rbk_redact_part_fn *each;
    void *context;
};

static int give(const struct walk *walk, struct rbk_str part, size_t bytes_min)
{
    return part.bytes >= bytes_min ? walk->each(walk->context, part) : 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The part as it is, and as it is meant. */
static int give_decoded(const struct walk *walk, struct rbk_str part, size_t bytes_min)
{
    char decoded[1024];
    size_t bytes = 0;
    int result = give(walk, part, bytes_min);
    if (result != 0 || part.bytes > sizeof(decoded) || rbk_str_find(part, '%') == part.bytes) {
        return result;
    }
    for (size_t i = 0; i < part.bytes; i++) {
        int high = part.data[i] == '%' && i + 2 < part.bytes ? hex_digit(part.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(part.data[i + 2]) : -1;
        decoded[bytes++] = low >= 0 ? (char)(high * 16 + low) : part.data[i];
        i += low >= 0 ? 2 : 0;
    }
    result = give(walk, (struct rbk_str){decoded, bytes}, bytes_min);
    explicit_bzero(decoded, sizeof(decoded));
    return result;
}

/* USER:PASSWORD@HOST; an @ may stand in the password. */
static int give_password(const struct walk *walk, struct rbk_str authority)
{
    size_t at = authority.bytes;
    while (at > 0 && authority.data[at - 1] != '@') {
        at--;
    }
    struct rbk_str user = rbk_str_slice(authority, 0, at > 0 ? at - 1 : 0);
    size_t colon = rbk_str_find(user, ':');
    return colon < user.bytes ? give_decoded(walk, rbk_str_slice(user, colon + 1, user.bytes),
                                             RBK_REDACT_BYTES_MIN)
                              : 0;
}

static int give_query(const struct walk *walk, struct rbk_str query)
{
    int result = give(walk, query, PART_BYTES_MIN);
    for (size_t start = 0; result == 0 && start < query.bytes;) {
        struct rbk_str rest = rbk_str_slice(query, start, query.bytes);
        struct rbk_str pair = rbk_str_slice(rest, 0, rbk_str_find(rest, '&'));
        size_t equals = rbk_str_find(pair, '=');
        if (equals < pair.bytes) {
            result =
                give_decoded(walk, rbk_str_slice(pair, equals + 1, pair.bytes), PART_BYTES_MIN);
        }
        start += pair.bytes + 1;
    }
    return result;
}

/* @http  Elsewhere the path is the name of a database, and the query how to connect to it. */
static int each_of_url(const struct walk *walk, struct rbk_str rest, bool http)
{
    size_t end = 0;
    while (end < rest.bytes && !strchr("/?#", rest.data[end])) {
        end++;
    }
    int result = give_password(walk, rbk_str_slice(rest, 0, end));
    if (result != 0 || !http) {
        return result;
    }
    /* Without the slash in front: some repeat the path without it. */
    struct rbk_str target = rbk_str_slice(rest, end < rest.bytes ? end + 1 : end, rest.bytes);
    if (end < rest.bytes && rest.data[end] == '?') {
        return give_query(walk, target);
    }
    size_t question = rbk_str_find(target, '?');
    if (question < target.bytes) {
        result = give(walk, target, PART_BYTES_MIN);
    }
    if (result == 0) {
        result = give(walk, rbk_str_slice(target, 0, question), PART_BYTES_MIN);
    }
    if (result == 0 && question < target.bytes) {
        result = give_query(walk, rbk_str_slice(target, question + 1, target.bytes));
    }
    return result;
}

/* `host=db password='a b'`: to the blank, or to the quote that closes it. */
static int each_of_words(const struct walk *walk, struct rbk_str value)
{
    static const char name[] = "password=";
    size_t bytes = sizeof(name) - 1;
    for (size_t i = 0; i + bytes < value.bytes; i++) {
        if (memcmp(value.data + i, name, bytes) != 0) {
            continue;
        }
        struct rbk_str rest = rbk_str_slice(value, i + bytes, value.bytes);
        bool quoted = rest.data[0] == '\'';
        rest = rbk_str_slice(rest, quoted ? 1 : 0, rest.bytes);
        return give(walk, rbk_str_slice(rest, 0, rbk_str_find(rest, quoted ? '\'' : ' ')),
                    RBK_REDACT_BYTES_MIN);
    }
    return 0;
}

int rbk_redact_each_part(struct rbk_str value, rbk_redact_part_fn *each, void *context)
{
    const struct walk walk = {each, context};
    for (size_t i = 4; i + 3 <= value.bytes && i < 32; i++) {
        if (memcmp(value.data + i, "://", 3) == 0) {
            return each_of_url(&walk, rbk_str_slice(value, i + 3, value.bytes),
                               memcmp(value.data, "http", 4) == 0);
        }
    }
    return each_of_words(&walk, value);
}
