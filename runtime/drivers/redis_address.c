/*
 * The last `@` ends the user's part, so a password may hold one that is not encoded.
 */
#include "runtime/drivers/redis_address.h"

#include <stdlib.h>
#include <string.h>

#define DATABASE_MAX 65535

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies with %XX decoded; false when it does not fit, or would hold a NUL. */
static bool decode(struct rbk_str text, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];
        if (c == '%' && i + 2 < text.bytes && hex(text.data[i + 1]) >= 0 &&
            hex(text.data[i + 2]) >= 0) {
            c = (char)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));
            i += 2;
        }
        if (c == '\0' || used + 1 >= room) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool number(struct rbk_str text, int max, int *ret_number)
{
    int value = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > max) {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *ret_number = value;
    return text.bytes > 0 && value <= max;
}

static size_t find_last(struct rbk_str text, char byte)
{
    for (size_t i = text.bytes; i > 0; i--) {
        if (text.data[i - 1] == byte) {
            return i - 1;
        }
    }
    return text.bytes;
}

static bool parse_user(struct rbk_str text, struct rbk_redis_address *address)
{
    size_t colon = rbk_str_find(text, ':');
    if (colon == text.bytes) { /* redis://PASSWORD@…, as some clients write it */
        return decode(text, address->password, sizeof(address->password));
    }
    return decode(rbk_str_slice(text, 0, colon), address->user, sizeof(address->user)) &&
           decode(rbk_str_slice(text, colon + 1, text.bytes), address->password,
                  sizeof(address->password));
}

static bool parse_host(struct rbk_str text, struct rbk_redis_address *address)
{
    struct rbk_str host;
    struct rbk_str port = {0};
    if (text.bytes > 0 && text.data[0] == '[') {
        size_t end = rbk_str_find(text, ']');
        host = rbk_str_slice(text, 1, end);
        port = rbk_str_slice(text, end + 1, text.bytes);
        if (end == text.bytes || (port.bytes > 0 && port.data[0] != ':')) {
            return false;
        }
        port = rbk_str_slice(port, 1, port.bytes);
    } else {
        size_t colon = rbk_str_find(text, ':');
        host = rbk_str_slice(text, 0, colon);
        port = rbk_str_slice(text, colon + 1, text.bytes);
    }
    return decode(host, address->host, sizeof(address->host)) && *address->host &&
           (port.bytes == 0 || number(port, 65535, &address->port));
}

int rbk_redis_address_parse(struct rbk_str text, struct rbk_redis_address *ret_address,
                            struct rbk_error *reterr)
{
    static const char scheme[] = "redis://";
    struct rbk_redis_address address = {.port = 6379};
    if (rbk_str_starts(text, RBK_STR("rediss:"))) {
        return rbk_error_set(reterr, RBK_EUNSUPPORTED,
                             "TLS to Redis (rediss:) is not carried out by this version: put a TLS "
                             "proxy beside the runner and give its redis:// address");
    }
    bool fine = rbk_str_starts(text, rbk_str_from(scheme));
    struct rbk_str rest = rbk_str_slice(text, sizeof(scheme) - 1, text.bytes);
    size_t at = find_last(rest, '@');
    if (fine && at < rest.bytes) {
        fine = parse_user(rbk_str_slice(rest, 0, at), &address);
        rest = rbk_str_slice(rest, at + 1, rest.bytes);
    }
    size_t slash = rbk_str_find(rest, '/');
    struct rbk_str database = rbk_str_slice(rest, slash + 1, rest.bytes);
    fine = fine && (database.bytes == 0 || number(database, DATABASE_MAX, &address.database)) &&
           parse_host(rbk_str_slice(rest, 0, slash), &address);
    if (fine) {
        *ret_address = address;
    }
    explicit_bzero(&address, sizeof(address));
    return fine ? 0
                : rbk_error_set(reterr, RBK_EINVALID,
                                "the address is not "
                                "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]");
}
