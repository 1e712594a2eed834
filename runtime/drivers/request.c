/*
 * The same walk over a request runs twice: once to measure, with no memory behind it, and once to
 * copy. So the two cannot disagree about the size.
 */
#include "runtime/drivers/request.h"

#include "runtime/core/base/assert.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Lists inside lists; the values of a plan are far flatter. Deeper ones are copied as missing. */
#define LIST_DEPTH_MAX 16

struct copier {
    char *base; /**< NULL while measuring. */
    size_t used;
};

struct block {
    size_t bytes; /**< Of the whole block, this header included. */
    struct rbk_request request;
};

static void *put(struct copier *copier, const void *data, size_t bytes, size_t align)
{
    copier->used = (copier->used + align - 1) & ~(align - 1);
    char *at = copier->base ? copier->base + copier->used : NULL;
    if (at && bytes > 0) {
        memcpy(at, data, bytes);
    }
    copier->used += bytes;
    return at;
}

static struct rbk_str put_str(struct copier *copier, struct rbk_str str)
{
    struct rbk_str copy = {put(copier, str.data, str.bytes, 1), str.bytes};
    put(copier, "", 1, 1);
    return copy;
}

static const char *put_text(struct copier *copier, const char *text)
{
    return put_str(copier, rbk_str_from(text)).data;
}

static const struct rbk_str *put_strs(struct copier *copier, const struct rbk_str *items,
                                      size_t count)
{
    struct rbk_str *copy = put(copier, items, count * sizeof(*items), alignof(struct rbk_str));
    for (size_t i = 0; i < count; i++) {
        struct rbk_str item = put_str(copier, items[i]);
        if (copy) {
            copy[i] = item;
        }
    }
    return copy;
}

static const struct rbk_pair *put_pairs(struct copier *copier, const struct rbk_pair *items,
                                        size_t count)
{
    struct rbk_pair *copy = put(copier, items, count * sizeof(*items), alignof(struct rbk_pair));
    for (size_t i = 0; i < count; i++) {
        struct rbk_str name = put_str(copier, items[i].name);
        struct rbk_str value = put_str(copier, items[i].value);
        if (copy) {
            copy[i] = (struct rbk_pair){name, value};
        }
    }
    return copy;
}

/* Bounded by LIST_DEPTH_MAX. */
static const struct rbk_value *put_values(struct copier *copier, const struct rbk_value *items,
                                          size_t count, unsigned depth)
{
    struct rbk_value *copy = put(copier, items, count * sizeof(*items), alignof(struct rbk_value));
    for (size_t i = 0; i < count; i++) {
        struct rbk_value value = items[i];
        if (value.missing) {
            continue;
        }
        switch (value.type) {
        case RBK_TYPE_TEXT:
        case RBK_TYPE_URL:
        case RBK_TYPE_JSON:
        case RBK_TYPE_SCALAR:
        case RBK_TYPE_SECRET:
            value.as.text = put_str(copier, value.as.text);
            break;
        case RBK_TYPE_LIST:
            if (depth >= LIST_DEPTH_MAX) {
                value.missing = true;
                break;
            }
            value.as.list.items =
                put_values(copier, value.as.list.items, value.as.list.count, depth + 1);
            break;
        default:
            break;
        }
        if (copy) {
            copy[i] = value;
        }
    }
    return copy;
}

/* Rewrites every pointer of `request` to its copy; measures only when there is no memory. */
static void put_parts(struct copier *copier, struct rbk_request *request)
{
    request->run = put_text(copier, request->run);
    request->step = put_text(copier, request->step);
    request->stage = put_text(copier, request->stage);
    request->key = put_text(copier, request->key);
    request->connection = put_text(copier, request->connection);
    request->secrets = put_strs(copier, request->secrets, request->secret_count);
    request->words = put_strs(copier, request->words, request->word_count);
    request->directory = put_str(copier, request->directory);
    request->environment = put_pairs(copier, request->environment, request->environment_count);
    request->input = put_str(copier, request->input);
    request->expect =
        put(copier, request->expect, request->expect_count * sizeof(int64_t), alignof(int64_t));
    request->cancel_words = put_strs(copier, request->cancel_words, request->cancel_word_count);
    request->address = put_str(copier, request->address);
    request->statement = put_str(copier, request->statement);
    request->binds = put_values(copier, request->binds, request->bind_count, 0);
    request->method = put_str(copier, request->method);
    request->url = put_str(copier, request->url);
    request->headers = put_pairs(copier, request->headers, request->header_count);
    request->body = put_str(copier, request->body);
}

struct rbk_request *rbk_request_copy(const struct rbk_request *request)
{
    struct copier copier = {.used = sizeof(struct block)};
    struct rbk_request measured = *request;
    put_parts(&copier, &measured);
    size_t bytes = copier.used;
    struct block *block = malloc(bytes);
    if (!block) {
        return NULL;
    }
    copier = (struct copier){.base = (char *)block, .used = sizeof(struct block)};
    block->bytes = bytes;
    block->request = *request;
    put_parts(&copier, &block->request);
    RBK_ASSERT(copier.used == bytes);
    return &block->request;
}

void rbk_request_free(struct rbk_request *copy)
{
    if (copy) {
        struct block *block = RBK_CONTAINER_OF(copy, struct block, request);
        explicit_bzero(block, block->bytes);
        free(block);
    }
}
