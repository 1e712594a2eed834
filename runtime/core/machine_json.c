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

#include <string.h>

#define PEN_BYTES ((size_t)4096)

/* What has an escape of its own, and its letter. */
#define ESCAPED_BYTES ((size_t)7)
static const char escaped_bytes[] = "\b\f\n\r\t\"\\";
static const char escape_letters[] = "bfnrt\"\\";
static const char no_hash[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Where text goes: collected here, then moved on in pieces, since most of what is written is a few
 * bytes long. */
struct pen {
    struct rbk_buffer *out;  /* borrowed; NULL: not kept */
    struct rbk_sha256 *hash; /* borrowed; NULL: not hashed */
    size_t used;
    char bytes[PEN_BYTES];
};

static void put_down(struct pen *pen)
{
    if (pen->out) {
        (void)rbk_buffer_append(pen->out, pen->bytes, pen->used);
    }
    if (pen->hash) {
        rbk_sha256_update(pen->hash, pen->bytes, pen->used);
    }
    pen->used = 0;
}

static inline void put_bytes(struct pen *pen, const char *bytes, size_t count)
{
    while (count > PEN_BYTES - pen->used) {
        size_t piece = PEN_BYTES - pen->used;
        (void)memcpy(pen->bytes + pen->used, bytes, piece);
        pen->used += piece;
        bytes += piece;
        count -= piece;
        put_down(pen);
    }
    if (count > 0) {
        (void)memcpy(pen->bytes + pen->used, bytes, count);
        pen->used += count;
    }
}

static inline void put_byte(struct pen *pen, char byte)
{
    put_bytes(pen, &byte, 1);
}

static inline void put_word(struct pen *pen, const char *word)
{
    put_bytes(pen, word, strlen(word));
}

static void put_text(struct pen *pen, struct rbk_str text)
{
    size_t start = 0;
    put_byte(pen, '"');
    for (size_t at = 0; at < text.bytes; at++) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        char escape[RBK_JSON_ESCAPE_BYTES];
        put_bytes(pen, text.data + start, at - start);
        put_bytes(pen, escape, rbk_json_escape(escape, byte));
        start = at + 1;
    }
    if (text.bytes > start) {
        put_bytes(pen, text.data + start, text.bytes - start);
    }
    put_byte(pen, '"');
}

/* A word of ours, which needs no escapes. */
static void put_quoted(struct pen *pen, const char *word)
{
    put_byte(pen, '"');
    put_word(pen, word);
    put_byte(pen, '"');
}

static void put_integer(struct pen *pen, uint64_t integer)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + integer % 10);
        integer /= 10;
    } while (integer > 0);
    put_bytes(pen, digits + at, sizeof(digits) - at);
}

static void put_row(struct pen *pen, uint32_t row)
{
    if (row == RBK_NONE) {
        put_word(pen, "null");
    } else {
        put_integer(pen, row);
    }
}

static void put_value(struct pen *pen, struct rbk_value value, unsigned depth)
{
    if (value.missing) {
        put_word(pen, "{\"missing\":true,\"type\":");
        put_quoted(pen, rbk_type_name(value.type));
        put_byte(pen, '}');
        return;
    }
    put_word(pen, "{\"type\":");
    put_quoted(pen, rbk_type_name(value.type));
    put_word(pen, ",\"value\":");
    if (value.type == RBK_TYPE_BOOL) {
        put_word(pen, value.as.truth ? "true" : "false");
    } else if (rbk_type_is_integer(value.type)) {
        if (value.as.integer < 0) {
            put_byte(pen, '-');
        }
        put_integer(pen, value.as.integer < 0 ? -(uint64_t)value.as.integer
                                              : (uint64_t)value.as.integer);
    } else if (rbk_type_is_real(value.type)) {
        char number[RBK_NUMBER_BYTES];
        size_t bytes = rbk_number_print(number, value.as.number, 0);
        put_text(pen, (struct rbk_str){number, bytes});
    } else if (value.type == RBK_TYPE_LIST) {
        RBK_ASSERT(depth < RBK_VALUE_DEPTH_MAX);
        put_byte(pen, '[');
        for (size_t i = 0; i < value.as.list.count; i++) {
            if (i > 0) {
                put_byte(pen, ',');
            }
            put_value(pen, value.as.list.items[i], depth + 1);
        }
        put_byte(pen, ']');
    } else {
        put_text(pen, value.as.text);
    }
    put_byte(pen, '}');
}

static void put_field(struct pen *pen, const struct rbk_field *field, const char *row)
{
    const void *at = row + field->offset;
    switch (field->kind) {
    case RBK_FIELD_TEXT:
        put_text(pen, *(const struct rbk_str *)at);
        break;
    case RBK_FIELD_BOOL:
        put_word(pen, *(const bool *)at ? "true" : "false");
        break;
    case RBK_FIELD_COUNT:
        put_integer(pen, *(const uint32_t *)at);
        break;
    case RBK_FIELD_MS:
        put_integer(pen, *(const uint64_t *)at);
        break;
    case RBK_FIELD_WORD: {
        uint32_t constant = *(const uint32_t *)at;
        bool known = constant < field->words->count;
        put_quoted(pen, known ? field->words->words[constant] : "?");
        break;
    }
    case RBK_FIELD_ROW:
        put_row(pen, *(const uint32_t *)at);
        break;
    case RBK_FIELD_SLICE: {
        const struct rbk_slice *slice = at;
        put_byte(pen, '[');
        put_integer(pen, slice->first);
        put_byte(pen, ',');
        put_integer(pen, slice->count);
        put_byte(pen, ']');
        break;
    }
    case RBK_FIELD_PLACE: {
        const struct rbk_machine_place *place = at;
        put_byte(pen, '[');
        put_row(pen, place->source);
        put_byte(pen, ',');
        put_integer(pen, place->line);
        put_byte(pen, ',');
        put_integer(pen, place->column);
        put_byte(pen, ']');
        break;
    }
    case RBK_FIELD_NEXT: {
        const uint32_t *next = at;
        for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
            put_byte(pen, i == 0 ? '[' : ',');
            put_row(pen, next[i]);
        }
        put_byte(pen, ']');
        break;
    }
    case RBK_FIELD_VALUE:
        put_value(pen, *(const struct rbk_value *)at, 0);
        break;
    case RBK_FIELD_OP_CODE: {
        const struct rbk_op_code *code = at;
        put_byte(pen, '[');
        put_quoted(pen, rbk_op_name(code->op));
        put_byte(pen, ',');
        put_integer(pen, code->operand);
        put_byte(pen, ']');
        break;
    }
    }
}

/* @places  Whether places are written; the meaning of a machine does not depend on them. */
static void put_fields(struct pen *pen, const struct rbk_table *table, const char *row, bool places)
{
    if (!table->fields[0].name) {
        put_field(pen, &table->fields[0], row);
        return;
    }
    bool first = true;
    for (size_t i = 0; i < table->field_count; i++) {
        if (table->fields[i].kind == RBK_FIELD_PLACE && !places) {
            continue;
        }
        put_byte(pen, first ? '{' : ',');
        first = false;
        put_quoted(pen, table->fields[i].name);
        put_byte(pen, ':');
        put_field(pen, &table->fields[i], row);
    }
    put_byte(pen, '}');
}

static void put_table(struct pen *pen, const struct rbk_machine *machine, enum rbk_table_id id)
{
    const struct rbk_table *table = &rbk_tables[id];
    const char *row = rbk_table_first(machine, id);
    uint32_t count = rbk_table_rows(machine, id);
    put_quoted(pen, table->name);
    put_word(pen, ":[");
    for (uint32_t i = 0; i < count; i++, row += table->row_bytes) {
        put_word(pen, i == 0 ? "\n" : ",\n");
        put_fields(pen, table, row, true);
    }
    put_word(pen, count > 0 ? "\n]" : "]");
}

/* In capitals, as jansson writes them. */
static const char hex_digits[] = "0123456789ABCDEF";

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
    memcpy(out, "\\u00", 4);
    out[4] = hex_digits[byte >> 4];
    out[5] = hex_digits[byte & 15];
    return 6;
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

void rbk_machine_identify(struct rbk_machine *machine)
{
    struct rbk_sha256 hash;
    struct pen pen;
    pen.out = NULL;
    pen.hash = &hash;
    pen.used = 0;
    rbk_sha256_init(&hash);
    put_integer(&pen, machine->format_version);
    put_fields(&pen, &rbk_plan_fields, (const char *)machine, false);
    for (size_t i = 0; i < RBK_TABLE_COUNT; i++) {
        enum rbk_table_id id = rbk_tables_sorted[i];
        const struct rbk_table *table = &rbk_tables[id];
        const char *row = rbk_table_first(machine, id);
        uint32_t count = id == RBK_TABLE_sources ? 0 : rbk_table_rows(machine, id);
        put_quoted(&pen, table->name);
        for (uint32_t k = 0; k < count; k++, row += table->row_bytes) {
            put_byte(&pen, '\n');
            put_fields(&pen, table, row, false);
        }
        put_byte(&pen, '\n');
    }
    put_down(&pen);
    rbk_sha256_final_hex(&hash, machine->hash);
    rbk_sha256_fini(&hash);
}

int rbk_machine_write(struct rbk_machine *machine, struct rbk_buffer *out, struct rbk_error *reterr)
{
    size_t start = out->bytes;
    struct pen pen;
    pen.out = out;
    pen.hash = NULL;
    pen.used = 0;
    put_word(&pen, "{\"format_version\":");
    put_integer(&pen, machine->format_version);
    put_word(&pen, ",\"integrity\":\"");
    size_t hash_at = pen.used; /* the first piece: nothing was put down yet */
    put_word(&pen, no_hash);
    put_word(&pen, "\",\"plan\":");
    put_fields(&pen, &rbk_plan_fields, (const char *)machine, true);
    put_word(&pen, ",\"tables\":{");
    for (size_t i = 0; i < RBK_TABLE_COUNT; i++) {
        if (i > 0) {
            put_byte(&pen, ',');
        }
        put_table(&pen, machine, rbk_tables_sorted[i]);
    }
    put_word(&pen, "}}\n");
    put_down(&pen);
    if (out->error) {
        return rbk_error_set(reterr, (enum rbk_err) - out->error, "the machine is too large: %s",
                             rbk_error_text(out->error));
    }
    char *text = out->data + start;
    char integrity[RBK_SHA256_HEX_BYTES];
    rbk_machine_hash_text((struct rbk_str){text, out->bytes - start}, hash_at, integrity);
    /* As many digits as there were: the buffer keeps its length. */
    (void)memcpy(text + hash_at, integrity, RBK_MACHINE_HASH_DIGITS);
    rbk_machine_identify(machine);
    return 0;
}
