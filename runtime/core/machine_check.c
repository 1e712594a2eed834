/*
 * The check of a machine. This file proves what needs no meaning: along the description of the rows
 * (machine_format.c) every enumeration has one of its constants, every index and slice lies in its
 * table, every text is UTF-8 without NUL, every time is in range. The other parts, which may then
 * follow any index, are listed in machine_check.h.
 */
#include "runtime/core/machine_check.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/value_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int rbk_machine_refuse(struct rbk_error *reterr, enum rbk_table_id table, uint32_t row,
                       const char *format, ...)
{
    char text[240];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (table == RBK_TABLE_COUNT) {
        return rbk_error_set(reterr, RBK_EMACHINE, "machine: %s", text);
    }
    return rbk_error_set(reterr, RBK_EMACHINE, "machine, row %u of \"%s\": %s", row,
                         rbk_tables[table].name, text);
}

/* One field of one row. */
struct subject {
    const struct rbk_machine *machine;
    enum rbk_table_id table; /* RBK_TABLE_COUNT: the plan's own fields */
    uint32_t row;
    const struct rbk_field *field;
    const void *at;
    struct rbk_error *reterr;
};

static int refuse(const struct subject *subject, const char *what)
{
    const char *name = subject->field->name;
    return rbk_machine_refuse(subject->reterr, subject->table, subject->row, "%s%s%s",
                              name ? name : "", name ? ": " : "", what);
}

static int check_text(const struct subject *subject, struct rbk_str text)
{
    if (!rbk_utf8_valid(text, NULL)) {
        return refuse(subject, "not UTF-8");
    }
    if (rbk_str_find(text, '\0') < text.bytes) {
        return refuse(subject, "a NUL stands in a text");
    }
    return 0;
}

static int check_value(const struct subject *subject, const struct rbk_value *value, unsigned depth)
{
    if ((uint32_t)value->type >= RBK_TYPE_COUNT || value->type == RBK_TYPE_SECRET) {
        return refuse(subject, "not a type of constants");
    }
    if (value->missing) {
        return 0;
    }
    if (rbk_type_is_text(value->type)) {
        return check_text(subject, value->as.text);
    }
    if (rbk_type_is_real(value->type) && !isfinite(value->as.number)) {
        return refuse(subject, "not a finite number");
    }
    if (value->type == RBK_TYPE_UNKNOWN) {
        return refuse(subject, "a value without a type");
    }
    if (value->type == RBK_TYPE_LIST) {
        if (depth >= RBK_VALUE_DEPTH_MAX || value->as.list.count > RBK_LIST_MAX) {
            return refuse(subject, "a list is too deep or too long");
        }
        for (size_t i = 0; i < value->as.list.count; i++) {
            int error = check_value(subject, &value->as.list.items[i], depth + 1);
            if (error) {
                return error;
            }
        }
    }
    return 0;
}

static int check_row(const struct subject *subject, uint32_t row, enum rbk_table_id table,
                     bool optional)
{
    if (row == RBK_NONE ? optional : row < rbk_table_rows(subject->machine, table)) {
        return 0;
    }
    char what[80];
    (void)snprintf(what, sizeof(what), "no such row of \"%s\"", rbk_tables[table].name);
    return refuse(subject, what);
}

static int check_field(const struct subject *subject)
{
    const struct rbk_field *field = subject->field;
    const uint32_t *numbers = subject->at;
    switch (field->kind) {
    case RBK_FIELD_TEXT:
        return check_text(subject, *(const struct rbk_str *)subject->at);
    case RBK_FIELD_COUNT:
    case RBK_FIELD_BOOL:
        return 0;
    case RBK_FIELD_MS:
        return *(const uint64_t *)subject->at <= RBK_MACHINE_MS_MAX
                   ? 0
                   : refuse(subject, "a time out of range");
    case RBK_FIELD_WORD:
        return *numbers < field->words->count ? 0 : refuse(subject, "no such constant");
    case RBK_FIELD_ROW:
        return check_row(subject, *numbers, field->table, field->optional);
    case RBK_FIELD_SLICE: {
        const struct rbk_slice *slice = subject->at;
        uint32_t rows = rbk_table_rows(subject->machine, field->table);
        return slice->first <= rows && slice->count <= rows - slice->first
                   ? 0
                   : refuse(subject, "rows that are not there");
    }
    case RBK_FIELD_PLACE: {
        const struct rbk_machine_place *place = subject->at;
        /* Line 0 says that no place is known; then the source means nothing. */
        return place->line == 0 ? 0 : check_row(subject, place->source, RBK_TABLE_sources, false);
    }
    case RBK_FIELD_NEXT:
        for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
            int error = check_row(subject, numbers[i], RBK_TABLE_states, true);
            if (error) {
                return error;
            }
        }
        return 0;
    case RBK_FIELD_VALUE:
        return check_value(subject, subject->at, 0);
    case RBK_FIELD_OP_CODE:
        return (uint32_t)((const struct rbk_op_code *)subject->at)->op < RBK_OP_COUNT
                   ? 0
                   : refuse(subject, "no such operation");
    }
    return refuse(subject, "a field of an unknown kind");
}

static int check_fields(struct subject *subject, const struct rbk_table *table, const char *row)
{
    for (size_t i = 0; i < table->field_count; i++) {
        subject->field = &table->fields[i];
        subject->at = row + table->fields[i].offset;
        int error = check_field(subject);
        if (error) {
            return error;
        }
    }
    return 0;
}

static int check_tables(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    struct subject subject = {.machine = machine, .table = RBK_TABLE_COUNT, .reterr = reterr};
    int error = check_fields(&subject, &rbk_plan_fields, (const char *)machine);
    for (uint32_t id = 0; !error && id < RBK_TABLE_COUNT; id++) {
        const struct rbk_table *table = &rbk_tables[id];
        const char *row = rbk_table_first(machine, (enum rbk_table_id)id);
        uint32_t count = rbk_table_rows(machine, (enum rbk_table_id)id);
        subject.table = (enum rbk_table_id)id;
        for (uint32_t i = 0; !error && i < count; i++, row += table->row_bytes) {
            subject.row = i;
            error = check_fields(&subject, table, row);
        }
    }
    return error;
}

/* The most rows of the tables whose size other modules reserve memory for. */
static const struct {
    enum rbk_table_id table;
    size_t rows_max;
} maxima[] = {
    {RBK_TABLE_states, RBK_STATES_MAX},     {RBK_TABLE_regions, RBK_REGIONS_MAX},
    {RBK_TABLE_triggers, RBK_TRIGGERS_MAX}, {RBK_TABLE_criteria, RBK_TRIGGERS_MAX},
    {RBK_TABLE_probes, RBK_PROBES_MAX},     {RBK_TABLE_params, RBK_PARAMETERS_MAX},
    {RBK_TABLE_signals, RBK_SIGNALS_MAX},
};

static int check_sizes(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    for (size_t i = 0; i < RBK_COUNT(maxima); i++) {
        if (rbk_table_rows(machine, maxima[i].table) > maxima[i].rows_max) {
            return rbk_error_set(reterr, RBK_ELIMIT, "machine: more than %zu rows of \"%s\"",
                                 maxima[i].rows_max, rbk_tables[maxima[i].table].name);
        }
    }
    if (machine->format_version != RBK_MACHINE_FORMAT_VERSION) {
        return rbk_error_set(reterr, RBK_EVERSION, "machine: format version %u, not %u",
                             machine->format_version, RBK_MACHINE_FORMAT_VERSION);
    }
    return 0;
}

int rbk_machine_check(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    int error = 0;
    if ((error = check_sizes(machine, reterr)) || (error = check_tables(machine, reterr)) ||
        (error = rbk_machine_check_exprs(machine, reterr)) ||
        (error = rbk_machine_check_rows(machine, reterr))) {
        return error;
    }
    return rbk_machine_check_graph(machine, reterr);
}
