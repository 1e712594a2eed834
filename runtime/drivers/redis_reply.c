/*
 * hiredis nests arrays at most seven deep (its later versions a thousand), so the recursion is
 * bounded by the library.
 */
#include "runtime/drivers/redis_reply.h"

#include "runtime/core/base/utf8.h"

#include <string.h>

static void put_string(struct rbk_buffer *out, const char *data, size_t bytes)
{
    struct rbk_str text = {data, bytes};
    (void)rbk_buffer_append_byte(out, '"');
    for (size_t at = 0; at < bytes;) {
        size_t length = rbk_utf8_decode(text, at, NULL);
        unsigned char c = (unsigned char)data[at];
        if (c == '"' || c == '\\') {
            (void)rbk_buffer_printf(out, "\\%c", c);
        } else if (c < ' ') {
            (void)rbk_buffer_printf(out, "\\u%04x", c);
        } else {
            /* Also a byte that is no character: so the whole is no text, and no value. */
            (void)rbk_buffer_append(out, data + at, length > 0 ? length : 1);
        }
        at += length > 0 ? length : 1;
    }
    (void)rbk_buffer_append_byte(out, '"');
}

static void put_json(struct rbk_buffer *out, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        (void)rbk_buffer_append_byte(out, '[');
        for (size_t i = 0; i < reply->elements && !out->error; i++) {
            (void)rbk_buffer_append_text(out, i > 0 ? "," : "");
            put_json(out, reply->element[i]);
        }
        (void)rbk_buffer_append_byte(out, ']');
        break;
    case REDIS_REPLY_INTEGER:
        (void)rbk_buffer_printf(out, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        (void)rbk_buffer_append_text(out, "null");
        break;
    case REDIS_REPLY_ERROR:
        (void)rbk_buffer_append_text(out, "{\"error\":");
        put_string(out, reply->str, reply->len);
        (void)rbk_buffer_append_byte(out, '}');
        break;
    default:
        put_string(out, reply->str, reply->len);
        break;
    }
}

int rbk_redis_reply_text(struct rbk_buffer *out, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) {
        (void)rbk_buffer_append(out, reply->str, reply->len);
    } else {
        put_json(out, reply);
    }
    return out->error;
}
