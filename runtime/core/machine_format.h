#ifndef RBK_RUNTIME_CORE_MACHINE_FORMAT_H
#define RBK_RUNTIME_CORE_MACHINE_FORMAT_H

/*
 * The rows of a machine as data: for each field its name, its kind, where it lies, and what it
 * names. Writer and reader (machine_json.c) and the generic part of the check (machine_check.c)
 * walk this one description, so they cannot drift. Internal to runtime/core.
 */

#include "runtime/core/machine.h"
#include "runtime/core/names.h"

/* Kinds of fields, and how each stands in the canonical text. */
enum rbk_field_kind {
    RBK_FIELD_TEXT,   /* struct rbk_str: "…" */
    RBK_FIELD_BOOL,   /* bool: true, false */
    RBK_FIELD_COUNT,  /* uint32_t: 3 */
    RBK_FIELD_MS,     /* uint64_t, at most RBK_MACHINE_MS_MAX: 90000 */
    RBK_FIELD_WORD,   /* an enumeration: "stage", one of `words` */
    RBK_FIELD_ROW,    /* uint32_t, a row of `table`: 3; RBK_NONE, where it may be: null */
    RBK_FIELD_SLICE,  /* struct rbk_slice, rows of `table`: [first,count] */
    RBK_FIELD_PLACE,  /* struct rbk_machine_place: [source,line,column], source null when unknown */
    RBK_FIELD_NEXT,   /* uint32_t[RBK_OUTCOME_COUNT], rows of `states` or RBK_NONE: [1,null,…] */
    RBK_FIELD_VALUE,  /* struct rbk_value: {"type":"int","value":3}, as in the journal */
    RBK_FIELD_OP_CODE /* struct rbk_op_code: ["const",3] */
};

enum rbk_table_id {
#define X(type, rows, row) RBK_TABLE_##rows,
    RBK_MACHINE_TABLES(X)
#undef X
        RBK_TABLE_COUNT
};

/* One field of a row. */
struct rbk_field {
    const char *name; /* its key; NULL in a row that is this one field */
    enum rbk_field_kind kind;
    size_t offset;                 /* in the row */
    const struct rbk_words *words; /* WORD */
    enum rbk_table_id table;       /* ROW, SLICE */
    bool optional;                 /* ROW: may be RBK_NONE */
};

/* One table; or the machine's own fields, as the only row of a table without offsets. */
struct rbk_table {
    const char *name;
    size_t rows_offset;  /* in struct rbk_machine, of the pointer to the first row */
    size_t count_offset; /* in struct rbk_machine, of the number of rows */
    size_t row_bytes;
    const struct rbk_field *fields; /* sorted by name */
    size_t field_count;
};

extern const struct rbk_table rbk_tables[RBK_TABLE_COUNT]; /* by rbk_table_id */
extern const enum rbk_table_id
    rbk_tables_sorted[RBK_TABLE_COUNT];        /* by name, as they are written */
extern const struct rbk_table rbk_plan_fields; /* of struct rbk_machine */

uint32_t rbk_table_rows(const struct rbk_machine *machine, enum rbk_table_id table);
/* The first row; NULL in an empty table. */
const void *rbk_table_first(const struct rbk_machine *machine, enum rbk_table_id table);
/* Gives a machine under construction the rows of a table. */
void rbk_table_set(struct rbk_machine *machine, enum rbk_table_id table, void *rows,
                   uint32_t count);

#endif
