/*
 * Writing the canonical text of a machine:
 *
 *     {"format_version":1,"integrity":"<64 digits>","plan":{…},"tables":{"args":[
 *     {"expr":0,"kind":"word","name":""},
 *     {"expr":1,"kind":"word","name":""}
 *     ],"baselines":[],…}}
 *
 * It is JSON with sorted keys, every key present, no blanks, one line a row, integers and shortest
 * decimal strings only, and the escapes jansson would write: there is one text for one machine.
 *
 * machine_format.c says which fields there are; machine_read.c reads along the same description.
 */
#include "runtime/core/machine.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine_format.h"
#include "runtime/core/machine_text.h"
#include "runtime/core/number.h"
#include "runtime/core/value_text.h"

#include <stdio.h>
#include <string.h>

/* How much text is collected before it goes into the hash of a machine's meaning. */
#define HASH_CHUNK_BYTES ((size_t)1 << 16)

/* What has an escape of its own, and its letter. */
#define ESCAPED_BYTES ((size_t)7)
static const char escaped_bytes[] = "\b\f\n\r\t\"\\";
static const char escape_letters[] = "bfnrt\"\\";
static const char no_hash[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void put_text(struct rbk_buffer *out, struct rbk_str text)
{
    size_t start = 0;
    (void)rbk_buffer_append_byte(out, '"');
    for (size_t at = 0; at < text.bytes; at++) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        char escape[RBK_JSON_ESCAPE_BYTES];
        (void)rbk_buffer_append(out, text.data + start, at - start);
        (void)rbk_buffer_append(out, escape, rbk_json_escape(escape, byte));
        start = at + 1;
    }
    if (text.bytes > start) {
        (void)rbk_buffer_append(out, text.data + start, text.bytes - start);
    }
    (void)rbk_buffer_append_byte(out, '"');
}

static void put_integer(struct rbk_buffer *out, uint64_t integer)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + integer % 10);
        integer /= 10;
    } while (integer > 0);
    (void)rbk_buffer_append(out, digits + at, sizeof(digits) - at);
}

static void put_row(struct rbk_buffer *out, uint32_t row)
{
    if (row == RBK_NONE) {
        (void)rbk_buffer_append_text(out, "null");
    } else {
        put_integer(out, row);
    }
}

static void put_value(struct rbk_buffer *out, struct rbk_value value, unsigned depth)
{
    if (value.missing) {
        (void)rbk_buffer_append_text(out, "{\"missing\":true,\"type\":");
        put_text(out, rbk_str_from(rbk_type_name(value.type)));
        (void)rbk_buffer_append_byte(out, '}');
        return;
    }
    (void)rbk_buffer_append_text(out, "{\"type\":");
    put_text(out, rbk_str_from(rbk_type_name(value.type)));
    (void)rbk_buffer_append_text(out, ",\"value\":");
    if (value.type == RBK_TYPE_BOOL) {
        (void)rbk_buffer_append_text(out, value.as.truth ? "true" : "false");
    } else if (rbk_type_is_integer(value.type)) {
        if (value.as.integer < 0) {
            (void)rbk_buffer_append_byte(out, '-');
        }
        put_integer(out, value.as.integer < 0 ? -(uint64_t)value.as.integer
                                              : (uint64_t)value.as.integer);
    } else if (rbk_type_is_real(value.type)) {
        char number[RBK_NUMBER_BYTES];
        size_t bytes = rbk_number_print(number, value.as.number, 0);
        put_text(out, (struct rbk_str){number, bytes});
    } else if (value.type == RBK_TYPE_LIST) {
        RBK_ASSERT(depth < RBK_VALUE_DEPTH_MAX);
        (void)rbk_buffer_append_byte(out, '[');
        for (size_t i = 0; i < value.as.list.count; i++) {
            if (i > 0) {
                (void)rbk_buffer_append_byte(out, ',');
            }
            put_value(out, value.as.list.items[i], depth + 1);
        }
        (void)rbk_buffer_append_byte(out, ']');
    } else {
        put_text(out, value.as.text);
    }
    (void)rbk_buffer_append_byte(out, '}');
}

static void put_field(struct rbk_buffer *out, const struct rbk_field *field, const char *row)
{
    const void *at = row + field->offset;
    switch (field->kind) {
    case RBK_FIELD_TEXT:
        put_text(out, *(const struct rbk_str *)at);
        break;
    case RBK_FIELD_BOOL:
        (void)rbk_buffer_append_text(out, *(const bool *)at ? "true" : "false");
        break;
    case RBK_FIELD_COUNT:
        put_integer(out, *(const uint32_t *)at);
        break;
    case RBK_FIELD_MS:
        put_integer(out, *(const uint64_t *)at);
        break;
    case RBK_FIELD_WORD: {
        uint32_t constant = *(const uint32_t *)at;
        bool known = constant < field->words->count;
        put_text(out, rbk_str_from(known ? field->words->words[constant] : "?"));
        break;
    }
    case RBK_FIELD_ROW:
        put_row(out, *(const uint32_t *)at);
        break;
    case RBK_FIELD_SLICE: {
        const struct rbk_slice *slice = at;
        (void)rbk_buffer_append_byte(out, '[');
        put_integer(out, slice->first);
        (void)rbk_buffer_append_byte(out, ',');
        put_integer(out, slice->count);
        (void)rbk_buffer_append_byte(out, ']');
        break;
    }
    case RBK_FIELD_PLACE: {
        const struct rbk_machine_place *place = at;
        (void)rbk_buffer_append_byte(out, '[');
        put_row(out, place->source);
        (void)rbk_buffer_append_byte(out, ',');
        put_integer(out, place->line);
        (void)rbk_buffer_append_byte(out, ',');
        put_integer(out, place->column);
        (void)rbk_buffer_append_byte(out, ']');
        break;
    }
    case RBK_FIELD_NEXT: {
        const uint32_t *next = at;
        for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
            (void)rbk_buffer_append_byte(out, i == 0 ? '[' : ',');
            put_row(out, next[i]);
        }
        (void)rbk_buffer_append_byte(out, ']');
        break;
    }
    case RBK_FIELD_VALUE:
        put_value(out, *(const struct rbk_value *)at, 0);
        break;
    case RBK_FIELD_OP_CODE: {
        const struct rbk_op_code *code = at;
        (void)rbk_buffer_append_byte(out, '[');
        put_text(out, rbk_str_from(rbk_op_name(code->op)));
        (void)rbk_buffer_append_byte(out, ',');
        put_integer(out, code->operand);
        (void)rbk_buffer_append_byte(out, ']');
        break;
    }
    }
}

/* @places  Whether places are written; the meaning of a machine does not depend on them. */
static void put_fields(struct rbk_buffer *out, const struct rbk_table *table, const char *row,
                       bool places)
{
    if (!table->fields[0].name) {
        put_field(out, &table->fields[0], row);
        return;
    }
    bool first = true;
    for (size_t i = 0; i < table->field_count; i++) {
        if (table->fields[i].kind == RBK_FIELD_PLACE && !places) {
            continue;
        }
        (void)rbk_buffer_append_byte(out, first ? '{' : ',');
        first = false;
        put_text(out, rbk_str_from(table->fields[i].name));
        (void)rbk_buffer_append_byte(out, ':');
        put_field(out, &table->fields[i], row);
    }
    (void)rbk_buffer_append_byte(out, '}');
}

static void put_table(struct rbk_buffer *out, const struct rbk_machine *machine,
                      enum rbk_table_id id)
{
    const struct rbk_table *table = &rbk_tables[id];
    const char *row = rbk_table_first(machine, id);
    uint32_t count = rbk_table_rows(machine, id);
    put_text(out, rbk_str_from(table->name));
    (void)rbk_buffer_append_text(out, ":[");
    for (uint32_t i = 0; i < count; i++, row += table->row_bytes) {
        (void)rbk_buffer_append_text(out, i == 0 ? "\n" : ",\n");
        put_fields(out, table, row, true);
    }
    (void)rbk_buffer_append_text(out, count > 0 ? "\n]" : "]");
}

size_t rbk_json_escape(char out[RBK_JSON_ESCAPE_BYTES], unsigned char byte)
{
    const char *escaped = memchr(escaped_bytes, byte, ESCAPED_BYTES);
    if (escaped) {
        out[0] = '\\';
        out[1] = escape_letters[escaped - escaped_bytes];
        return 2;
    }
    if (byte >= 0x20) {
        out[0] = (char)byte;
        return 1;
    }
    return (size_t)snprintf(out, RBK_JSON_ESCAPE_BYTES, "\\u%04X", byte);
}

void rbk_machine_hash_text(struct rbk_str text, size_t hash_at, char out[RBK_SHA256_HEX_BYTES])
{
    struct rbk_sha256 hash;
    size_t rest = hash_at + RBK_MACHINE_HASH_DIGITS;
    rbk_sha256_init(&hash);
    rbk_sha256_update(&hash, text.data, hash_at);
    rbk_sha256_update(&hash, text.data + rest, text.bytes - rest);
    rbk_sha256_final_hex(&hash, out);
    rbk_sha256_fini(&hash);
}

/* Moves what was written into the hash. */
static void absorb(struct rbk_sha256 *hash, struct rbk_buffer *out)
{
    rbk_sha256_update(hash, out->data, out->bytes);
    rbk_buffer_clear(out);
}

int rbk_machine_identify(struct rbk_machine *machine, struct rbk_error *reterr)
{
    struct rbk_buffer out;
    struct rbk_sha256 hash;
    int error = 0;
    rbk_buffer_init(&out, RBK_MACHINE_BYTES_MAX);
    rbk_sha256_init(&hash);
    put_integer(&out, machine->format_version);
    put_fields(&out, &rbk_plan_fields, (const char *)machine, false);
    for (size_t i = 0; i < RBK_TABLE_COUNT; i++) {
        enum rbk_table_id id = rbk_tables_sorted[i];
        const struct rbk_table *table = &rbk_tables[id];
        const char *row = rbk_table_first(machine, id);
        uint32_t count = id == RBK_TABLE_sources ? 0 : rbk_table_rows(machine, id);
        put_text(&out, rbk_str_from(table->name));
        for (uint32_t k = 0; k < count; k++, row += table->row_bytes) {
            (void)rbk_buffer_append_byte(&out, '\n');
            put_fields(&out, table, row, false);
            if (out.bytes >= HASH_CHUNK_BYTES) {
                error = error ? error : out.error;
                absorb(&hash, &out);
            }
        }
        (void)rbk_buffer_append_byte(&out, '\n');
    }
    error = error ? error : out.error;
    absorb(&hash, &out);
    rbk_sha256_final_hex(&hash, machine->hash);
    rbk_sha256_fini(&hash);
    rbk_buffer_fini(&out);
    return error ? rbk_error_set(reterr, (enum rbk_err) - error, "the machine is too large: %s",
                                 rbk_error_text(error))
                 : 0;
}

int rbk_machine_write(struct rbk_machine *machine, struct rbk_buffer *out, struct rbk_error *reterr)
{
    size_t start = out->bytes;
    (void)rbk_buffer_append_text(out, "{\"format_version\":");
    put_integer(out, machine->format_version);
    (void)rbk_buffer_append_text(out, ",\"integrity\":\"");
    size_t hash_at = out->bytes - start;
    (void)rbk_buffer_append_text(out, no_hash);
    (void)rbk_buffer_append_text(out, "\",\"plan\":");
    put_fields(out, &rbk_plan_fields, (const char *)machine, true);
    (void)rbk_buffer_append_text(out, ",\"tables\":{");
    for (size_t i = 0; i < RBK_TABLE_COUNT; i++) {
        if (i > 0) {
            (void)rbk_buffer_append_byte(out, ',');
        }
        put_table(out, machine, rbk_tables_sorted[i]);
    }
    (void)rbk_buffer_append_text(out, "}}\n");
    if (out->error) {
        return rbk_error_set(reterr, (enum rbk_err) - out->error, "the machine is too large: %s",
                             rbk_error_text(out->error));
    }
    char *text = out->data + start;
    char integrity[RBK_SHA256_HEX_BYTES];
    rbk_machine_hash_text((struct rbk_str){text, out->bytes - start}, hash_at, integrity);
    /* As many digits as there were: the buffer keeps its length. */
    (void)memcpy(text + hash_at, integrity, RBK_MACHINE_HASH_DIGITS);
    return rbk_machine_identify(machine, reterr);
}
