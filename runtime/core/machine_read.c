/*
 * Reading a machine from hostile bytes.
 *
 * This is not a JSON parser with a tree: it asks for the one canonical text of a machine, byte by
 * byte, along the description by which machine_json.c wrote it. What differs - a key twice or out
 * of order, a blank, another spelling of a number - is refused where it stands; nothing nests
 * deeper than the format does; memory is bounded by the text; and what was read writes back as the
 * same bytes. (A tree of a machine at its size limit would take ten times its text before the first
 * check.)
 *
 * Order of the refusals: size, version, UTF-8, integrity, text, then rbk_machine_check().
 */
#include "runtime/core/machine.h"

#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/machine_format.h"
#include "runtime/core/machine_text.h"
#include "runtime/core/number.h"
#include "runtime/core/value_text.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A reading under way. The functions below return 0 and move `at` on, or fail with the error set.
 */
struct reader {
    const char *start;
    const char *at;
    const char *end;
    struct rbk_arena *arena; /* borrowed; takes everything that was read */
    const char *table;       /* being read, for messages; NULL before the tables */
    uint32_t row;            /* of that table */
    struct rbk_error *reterr;
};

RBK_PRINTF(3, 4)
static int fail(const struct reader *reader, enum rbk_err code, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    size_t line = 1;
    const char *line_start = reader->start;
    for (const char *at = reader->start;
         (at = memchr(at, '\n', (size_t)(reader->at - at))) != NULL;) {
        line_start = ++at;
        line++;
    }
    size_t column = (size_t)(reader->at - line_start) + 1;
    if (reader->table) {
        return rbk_error_set(reader->reterr, code,
                             "machine, line %zu, column %zu, row %u of \"%s\": %s", line, column,
                             reader->row, reader->table, text);
    }
    return rbk_error_set(reader->reterr, code, "machine, line %zu, column %zu: %s", line, column,
                         text);
}

/* "expected X, found Y". */
static int unexpected(const struct reader *reader, const char *expected)
{
    char found[20];
    size_t bytes = 0;
    while (bytes < sizeof(found) - 1 && reader->at + bytes < reader->end &&
           reader->at[bytes] > ' ' && reader->at[bytes] <= '~') {
        found[bytes] = reader->at[bytes];
        bytes++;
    }
    found[bytes] = '\0';
    return fail(reader, RBK_EMACHINE, "expected %s, found %s", expected,
                reader->at == reader->end ? "the end"
                : bytes > 0               ? found
                                          : "another byte");
}

static int out_of_memory(const struct reader *reader)
{
    return fail(reader, RBK_ELIMIT, "the machine takes more memory than it may");
}

static void *allocate(const struct reader *reader, size_t count, size_t bytes)
{
    size_t all = 0;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        return NULL;
    }
    return rbk_arena_try_alloc(reader->arena, all, alignof(max_align_t));
}

static bool stands(const struct reader *reader, const char *literal, size_t bytes)
{
    return (size_t)(reader->end - reader->at) >= bytes && memcmp(reader->at, literal, bytes) == 0;
}

static bool accept(struct reader *reader, const char *literal)
{
    size_t bytes = strlen(literal);
    if (!stands(reader, literal, bytes)) {
        return false;
    }
    reader->at += bytes;
    return true;
}

static int expect(struct reader *reader, const char *literal)
{
    return accept(reader, literal) ? 0 : unexpected(reader, literal);
}

static int take_count(struct reader *reader, uint64_t max, uint64_t *ret)
{
    const char *at = reader->at;
    uint64_t number = 0;
    while (at < reader->end && *at >= '0' && *at <= '9') {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number) || number > max) {
            return fail(reader, RBK_EMACHINE, "a number is larger than %llu",
                        (unsigned long long)max);
        }
        at++;
    }
    if (at == reader->at || (*reader->at == '0' && at - reader->at > 1)) {
        return unexpected(reader, "a number");
    }
    reader->at = at;
    *ret = number;
    return 0;
}

static int take_u32(struct reader *reader, uint32_t *ret)
{
    uint64_t number = 0;
    int error = take_count(reader, UINT32_MAX, &number);
    if (!error) {
        *ret = (uint32_t)number;
    }
    return error;
}

/* A row's number, which is never RBK_NONE, or null, which is. */
static int take_row(struct reader *reader, uint32_t *ret)
{
    uint64_t number = RBK_NONE;
    int error = accept(reader, "null") ? 0 : take_count(reader, RBK_NONE - 1, &number);
    if (!error) {
        *ret = (uint32_t)number;
    }
    return error;
}

static int take_bool(struct reader *reader, bool *ret)
{
    *ret = accept(reader, "true");
    return *ret || accept(reader, "false") ? 0 : unexpected(reader, "true or false");
}

/* The byte of the escape at `at` (a backslash); its length, or 0 when it is not the canonical one.
 */
static size_t unescape(const struct reader *reader, const char *at, char *ret)
{
    size_t left = (size_t)(reader->end - at);
    for (unsigned byte = 0; byte <= '\\'; byte++) {
        char escape[RBK_JSON_ESCAPE_BYTES];
        size_t bytes = rbk_json_escape(escape, (unsigned char)byte);
        if (bytes > 1 && bytes <= left && memcmp(at, escape, bytes) == 0) {
            *ret = (char)byte;
            return bytes;
        }
    }
    return 0;
}

/* A string; copied, and ended by NUL, which is not counted. */
static int take_text(struct reader *reader, struct rbk_str *ret)
{
    int error = expect(reader, "\"");
    if (error) {
        return error;
    }
    const char *end = reader->at;
    while (end < reader->end && *end != '"') {
        if ((unsigned char)*end < 0x20) {
            reader->at = end;
            return fail(reader, RBK_EMACHINE, "a control character stands in a string");
        }
        end += *end == '\\' ? 2 : 1;
    }
    if (end >= reader->end) {
        reader->at = reader->end;
        return fail(reader, RBK_EMACHINE, "a string does not end");
    }
    char *text = rbk_arena_try_alloc(reader->arena, (size_t)(end - reader->at) + 1, 1);
    if (!text) {
        return out_of_memory(reader);
    }
    size_t bytes = 0;
    while (reader->at < end) {
        const char *escape = memchr(reader->at, '\\', (size_t)(end - reader->at));
        size_t plain = (size_t)((escape ? escape : end) - reader->at);
        (void)memcpy(text + bytes, reader->at, plain);
        bytes += plain;
        reader->at += plain;
        if (escape) {
            size_t taken = unescape(reader, reader->at, text + bytes);
            if (taken == 0) {
                return fail(reader, RBK_EMACHINE, "an escape is not the canonical one");
            }
            bytes++;
            reader->at += taken;
        }
    }
    reader->at++;
    *ret = (struct rbk_str){text, bytes};
    return 0;
}

static int take_word(struct reader *reader, const struct rbk_words *words, uint32_t *ret)
{
    const char *start = reader->at;
    int error = expect(reader, "\"");
    if (error) {
        return error;
    }
    const char *end = memchr(reader->at, '"', (size_t)(reader->end - reader->at));
    if (!end) {
        return fail(reader, RBK_EMACHINE, "a string does not end");
    }
    uint32_t found =
        rbk_words_find(words, (struct rbk_str){reader->at, (size_t)(end - reader->at)});
    if (found == words->count) {
        reader->at = start;
        return unexpected(reader, "a known word");
    }
    reader->at = end + 1;
    *ret = found;
    return 0;
}

static int take_signed(struct reader *reader, int64_t *ret)
{
    bool negative = accept(reader, "-");
    uint64_t number = 0;
    int error = take_count(reader, (uint64_t)INT64_MAX + (negative ? 1 : 0), &number);
    if (!error && negative && number == 0) {
        return fail(reader, RBK_EMACHINE, "minus zero is not the canonical zero");
    }
    if (!error) {
        *ret = negative ? (int64_t)-number : (int64_t)number;
    }
    return error;
}

static int take_real(struct reader *reader, enum rbk_type type, struct rbk_value *ret)
{
    struct rbk_str text = {0};
    int error = take_text(reader, &text);
    if (error) {
        return error;
    }
    double number = 0;
    char same[RBK_NUMBER_BYTES];
    if (!rbk_number_parse(text, 0, &number)) {
        return fail(reader, RBK_EMACHINE, "a decimal number cannot be read");
    }
    (void)rbk_number_print(same, number, 0);
    if (!rbk_str_is(text, same)) {
        return fail(reader, RBK_EMACHINE, "a decimal number is not the shortest");
    }
    *ret = rbk_value_number(type, number);
    return 0;
}

static int take_value(struct reader *reader, struct rbk_value *ret, unsigned depth);

/* The items after "[". They are collected in pieces of a fixed size, since their number comes last;
 * the pieces are then copied into one array. */
#define PIECE_ITEMS 64u
struct piece {
    struct piece *next;
    struct rbk_value items[PIECE_ITEMS];
};

static int take_items(struct reader *reader, struct rbk_value *ret, unsigned depth)
{
    struct piece *first = NULL;
    struct piece **last = &first;
    size_t count = 0;
    int error = depth < RBK_VALUE_DEPTH_MAX
                    ? expect(reader, "[")
                    : fail(reader, RBK_ELIMIT, "lists nest more than %u deep", RBK_VALUE_DEPTH_MAX);
    struct piece *piece = NULL;
    while (!error && (count > 0 || !stands(reader, "]", 1))) {
        if (count == RBK_LIST_MAX) {
            return fail(reader, RBK_ELIMIT, "a list has more than %zu items", RBK_LIST_MAX);
        }
        if (count % PIECE_ITEMS == 0) {
            piece = allocate(reader, 1, sizeof(*piece));
            if (!piece) {
                return out_of_memory(reader);
            }
            *last = piece;
            last = &piece->next;
        }
        error = take_value(reader, &piece->items[count % PIECE_ITEMS], depth + 1);
        count++;
        if (error || !accept(reader, ",")) {
            break;
        }
    }
    if (error || (error = expect(reader, "]"))) {
        return error;
    }
    struct rbk_value *items = allocate(reader, count, sizeof(*items));
    if (!items) {
        return out_of_memory(reader);
    }
    for (size_t i = 0; i < count; i += PIECE_ITEMS, first = first->next) {
        size_t left = count - i;
        (void)memcpy(&items[i], first->items,
                     (left < PIECE_ITEMS ? left : PIECE_ITEMS) * sizeof(*items));
    }
    *ret = rbk_value_list(items, count);
    return 0;
}

static int take_content(struct reader *reader, enum rbk_type type, struct rbk_value *ret,
                        unsigned depth)
{
    if (type == RBK_TYPE_BOOL) {
        *ret = rbk_value_bool(false);
        return take_bool(reader, &ret->as.truth);
    }
    if (rbk_type_is_integer(type)) {
        *ret = rbk_value_integer(type, 0);
        return take_signed(reader, &ret->as.integer);
    }
    if (rbk_type_is_real(type)) {
        return take_real(reader, type, ret);
    }
    if (type == RBK_TYPE_LIST) {
        return take_items(reader, ret, depth);
    }
    if (type == RBK_TYPE_UNKNOWN || type == RBK_TYPE_SECRET) {
        return fail(reader, RBK_EMACHINE, "a constant cannot be of type \"%s\"",
                    rbk_type_name(type));
    }
    *ret = rbk_value_text(type, RBK_STR(""));
    return take_text(reader, &ret->as.text);
}

static int take_value(struct reader *reader, struct rbk_value *ret, unsigned depth)
{
    bool missing = accept(reader, "{\"missing\":true,\"type\":");
    uint32_t type = 0;
    int error = 0;
    if ((!missing && (error = expect(reader, "{\"type\":"))) ||
        (error = take_word(reader, &rbk_words_type, &type))) {
        return error;
    }
    if (missing) {
        *ret = rbk_value_missing((enum rbk_type)type);
        return expect(reader, "}");
    }
    if ((error = expect(reader, ",\"value\":")) ||
        (error = take_content(reader, (enum rbk_type)type, ret, depth))) {
        return error;
    }
    return expect(reader, "}");
}

/* "[first,second]" */
static int take_slice(struct reader *reader, struct rbk_slice *ret)
{
    int error = 0;
    if ((error = expect(reader, "[")) || (error = take_u32(reader, &ret->first)) ||
        (error = expect(reader, ",")) || (error = take_u32(reader, &ret->count))) {
        return error;
    }
    return expect(reader, "]");
}

static int take_place(struct reader *reader, struct rbk_machine_place *ret)
{
    int error = 0;
    if ((error = expect(reader, "[")) || (error = take_row(reader, &ret->source)) ||
        (error = expect(reader, ",")) || (error = take_u32(reader, &ret->line)) ||
        (error = expect(reader, ",")) || (error = take_u32(reader, &ret->column))) {
        return error;
    }
    return expect(reader, "]");
}

static int take_next(struct reader *reader, uint32_t *ret)
{
    for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        int error = expect(reader, i == 0 ? "[" : ",");
        if (error || (error = take_row(reader, &ret[i]))) {
            return error;
        }
    }
    return expect(reader, "]");
}

static int take_op_code(struct reader *reader, struct rbk_op_code *ret)
{
    uint32_t op = 0;
    int error = 0;
    if ((error = expect(reader, "[")) || (error = take_word(reader, &rbk_words_op, &op)) ||
        (error = expect(reader, ",")) || (error = take_u32(reader, &ret->operand))) {
        return error;
    }
    ret->op = (enum rbk_op)op;
    return expect(reader, "]");
}

static int take_field(struct reader *reader, const struct rbk_field *field, char *row)
{
    void *at = row + field->offset;
    switch (field->kind) {
    case RBK_FIELD_TEXT:
        return take_text(reader, at);
    case RBK_FIELD_BOOL:
        return take_bool(reader, at);
    case RBK_FIELD_COUNT:
        return take_u32(reader, at);
    case RBK_FIELD_MS:
        return take_count(reader, RBK_MACHINE_MS_MAX, at);
    case RBK_FIELD_WORD:
        return take_word(reader, field->words, at);
    case RBK_FIELD_ROW:
        return take_row(reader, at);
    case RBK_FIELD_SLICE:
        return take_slice(reader, at);
    case RBK_FIELD_PLACE:
        return take_place(reader, at);
    case RBK_FIELD_NEXT:
        return take_next(reader, at);
    case RBK_FIELD_VALUE:
        return take_value(reader, at, 0);
    case RBK_FIELD_OP_CODE:
        return take_op_code(reader, at);
    }
    return fail(reader, RBK_EMACHINE, "a field of an unknown kind");
}

/* `{"name":` or `,"name":` before a field. */
static int expect_key(struct reader *reader, char before, const char *name)
{
    const char *start = reader->at;
    size_t bytes = strlen(name);
    if ((size_t)(reader->end - start) > bytes + 3 && start[0] == before && start[1] == '"' &&
        memcmp(start + 2, name, bytes) == 0 && start[bytes + 2] == '"' && start[bytes + 3] == ':') {
        reader->at += bytes + 4;
        return 0;
    }
    char key[80];
    (void)snprintf(key, sizeof(key), "%c\"%s\":", before, name);
    return unexpected(reader, key);
}

static int take_fields(struct reader *reader, const struct rbk_table *table, char *row)
{
    if (!table->fields[0].name) {
        return take_field(reader, &table->fields[0], row);
    }
    for (size_t i = 0; i < table->field_count; i++) {
        int error = expect_key(reader, i == 0 ? '{' : ',', table->fields[i].name);
        if (error || (error = take_field(reader, &table->fields[i], row))) {
            return error;
        }
    }
    return expect(reader, "}");
}

/* Fewer bytes than the text of any row of a table, so that rows cannot outgrow their text. */
static size_t row_text_bytes_min(const struct rbk_table *table)
{
    size_t bytes = 1;
    for (size_t i = 0; i < table->field_count && table->fields[i].name; i++) {
        bytes += strlen(table->fields[i].name) + 4;
    }
    return bytes;
}

/* How many rows stand before the line that begins with "]": one a line. */
static int count_rows(struct reader *reader, const struct rbk_table *table, uint32_t *ret)
{
    size_t bytes_min = row_text_bytes_min(table);
    const char *at = reader->at;
    uint32_t count = 0;
    while (at < reader->end && *at != ']') {
        const char *end = memchr(at, '\n', (size_t)(reader->end - at));
        if (!end || (size_t)(end - at) < bytes_min) {
            reader->at = at;
            return unexpected(reader, "a whole row and the end of its line");
        }
        count++; /* cannot overflow: a machine has fewer than 2^32 bytes */
        at = end + 1;
    }
    *ret = count;
    return 0;
}

static int take_table(struct reader *reader, struct rbk_machine *machine, enum rbk_table_id id)
{
    const struct rbk_table *table = &rbk_tables[id];
    uint32_t count = 0;
    int error = expect(reader, "[");
    if (error || accept(reader, "]")) {
        return error;
    }
    reader->table = table->name;
    reader->row = 0;
    if ((error = expect(reader, "\n")) || (error = count_rows(reader, table, &count))) {
        return error;
    }
    if (count == 0) {
        return unexpected(reader, "a row");
    }
    char *rows = allocate(reader, count, table->row_bytes);
    if (!rows) {
        return out_of_memory(reader);
    }
    rbk_table_set(machine, id, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        reader->row = i;
        if ((error = take_fields(reader, table, rows + (size_t)i * table->row_bytes)) ||
            (error = expect(reader, i + 1 < count ? ",\n" : "\n"))) {
            return error;
        }
    }
    return expect(reader, "]");
}

/* Version and integrity, which stand first. */
static int take_head(struct reader *reader, struct rbk_machine *machine)
{
    int error = 0;
    if ((error = expect(reader, "{\"format_version\":")) ||
        (error = take_u32(reader, &machine->format_version))) {
        return error;
    }
    if (machine->format_version != RBK_MACHINE_FORMAT_VERSION) {
        return fail(reader, RBK_EVERSION,
                    "format version %u, and this program reads version %u; compile the plan again",
                    machine->format_version, RBK_MACHINE_FORMAT_VERSION);
    }
    struct rbk_str text = {reader->start, (size_t)(reader->end - reader->start)};
    size_t bad = 0;
    if (!rbk_utf8_valid(text, &bad)) {
        reader->at = reader->start + bad;
        return fail(reader, RBK_EMACHINE, "not UTF-8");
    }
    if ((error = expect(reader, ",\"integrity\":\""))) {
        return error;
    }
    if ((size_t)(reader->end - reader->at) < RBK_MACHINE_HASH_DIGITS) {
        return unexpected(reader, "a hash of 64 digits");
    }
    char integrity[RBK_SHA256_HEX_BYTES];
    rbk_machine_hash_text(text, (size_t)(reader->at - reader->start), integrity);
    if (!stands(reader, integrity, RBK_MACHINE_HASH_DIGITS)) {
        return fail(reader, RBK_EMACHINE,
                    "the hash does not fit: the file is damaged or was edited");
    }
    reader->at += RBK_MACHINE_HASH_DIGITS;
    return expect(reader, "\"");
}

static int take_machine(struct reader *reader, struct rbk_machine *machine)
{
    int error = 0;
    if ((error = take_head(reader, machine)) || (error = expect(reader, ",\"plan\":")) ||
        (error = take_fields(reader, &rbk_plan_fields, (char *)machine)) ||
        (error = expect(reader, ",\"tables\":"))) {
        return error;
    }
    for (size_t i = 0; i < RBK_TABLE_COUNT; i++) {
        enum rbk_table_id id = rbk_tables_sorted[i];
        if ((error = expect_key(reader, i == 0 ? '{' : ',', rbk_tables[id].name)) ||
            (error = take_table(reader, machine, id))) {
            return error;
        }
        reader->table = NULL;
    }
    if ((error = expect(reader, "}}\n"))) {
        return error;
    }
    return reader->at == reader->end ? 0 : unexpected(reader, "the end");
}

int rbk_machine_read(struct rbk_arena *arena, struct rbk_str bytes,
                     const struct rbk_machine **ret_machine, struct rbk_error *reterr)
{
    struct reader reader = {.arena = arena, .reterr = reterr};
    reader.start = bytes.data ? bytes.data : "";
    reader.at = reader.start;
    reader.end = reader.start + bytes.bytes;
    if (bytes.bytes > RBK_MACHINE_BYTES_MAX) {
        return fail(&reader, RBK_ELIMIT, "more than %zu bytes", RBK_MACHINE_BYTES_MAX);
    }
    struct rbk_machine *machine = allocate(&reader, 1, sizeof(*machine));
    if (!machine) {
        return out_of_memory(&reader);
    }
    int error = take_machine(&reader, machine);
    if (!error) {
        error = rbk_machine_check(machine, reterr);
    }
    if (!error) {
        rbk_machine_identify(machine);
        *ret_machine = machine;
    }
    return error;
}
