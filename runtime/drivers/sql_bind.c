/*
 * Doubles are printed with the fewest digits that read back as the same double.
 */
#include "runtime/drivers/sql_bind.h"

#include "runtime/core/base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_DEPTH_MAX 16

static void put_double(struct rbk_buffer *out, double number)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    char *comma = strchr(text, ','); /* a locale's decimal point */
    if (comma) {
        *comma = '.';
    }
    (void)rbk_buffer_append_text(out, text);
}

static void put_time(struct rbk_buffer *out, int64_t time_ms)
{
    int64_t seconds = time_ms / 1000;
    int64_t rest_ms = time_ms % 1000;
    if (rest_ms < 0) {
        rest_ms += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    char text[64];
    if (!gmtime_r(&when, &parts) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts)) {
        (void)snprintf(text, sizeof(text), "-infinity");
        (void)rbk_buffer_append_text(out, text);
        return;
    }
    (void)rbk_buffer_printf(out, "%s.%03dZ", text, (int)rest_ms);
}

static void put_value(struct rbk_buffer *out, struct rbk_value value, unsigned depth);

/* An array literal: every item quoted, so that no item needs a look at its characters but two. */
static void put_list(struct rbk_buffer *out, struct rbk_value value, unsigned depth)
{
    (void)rbk_buffer_append_byte(out, '{');
    for (size_t i = 0; i < value.as.list.count; i++) {
        struct rbk_value item = value.as.list.items[i];
        if (i > 0) {
            (void)rbk_buffer_append_byte(out, ',');
        }
        if (item.missing || depth >= LIST_DEPTH_MAX) {
            (void)rbk_buffer_append_text(out, "NULL");
            continue;
        }
        if (item.type == RBK_TYPE_LIST) {
            put_value(out, item, depth + 1);
            continue;
        }
        struct rbk_buffer text;
        rbk_buffer_init(&text, out->bytes_max);
        put_value(&text, item, depth + 1);
        (void)rbk_buffer_append_byte(out, '"');
        for (size_t at = 0; at < text.bytes; at++) {
            if (text.data[at] == '"' || text.data[at] == '\\') {
                (void)rbk_buffer_append_byte(out, '\\');
            }
            (void)rbk_buffer_append_byte(out, text.data[at]);
        }
        (void)rbk_buffer_append_byte(out, '"');
        rbk_buffer_fini(&text);
    }
    (void)rbk_buffer_append_byte(out, '}');
}

static void put_value(struct rbk_buffer *out, struct rbk_value value, unsigned depth)
{
    switch (value.type) {
    case RBK_TYPE_BOOL:
        (void)rbk_buffer_append_text(out, value.as.truth ? "true" : "false");
        break;
    case RBK_TYPE_INT:
    case RBK_TYPE_BYTES:
        (void)rbk_buffer_printf(out, "%" PRId64, value.as.integer);
        break;
    case RBK_TYPE_DURATION:
        (void)rbk_buffer_printf(out, "%" PRId64 " milliseconds", value.as.integer);
        break;
    case RBK_TYPE_TIME:
        put_time(out, value.as.integer);
        break;
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        put_double(out, value.as.number);
        break;
    case RBK_TYPE_LIST:
        put_list(out, value, depth);
        break;
    default:
        (void)rbk_buffer_append_str(out, value.as.text);
        break;
    }
}

int rbk_sql_bind_text(struct rbk_buffer *out, struct rbk_value value)
{
    put_value(out, value, 0);
    return out->error;
}
