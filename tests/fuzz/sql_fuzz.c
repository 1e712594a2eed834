/*
 * SQL from arbitrary bytes, as PostgreSQL and as SQLite cut it: tokens are in the text, in order,
 * and none is empty; statements are in the text, and so is all that is said of them; names are
 * the same exactly when their keys are.
 */
#include "compiler/sql_lexer.h"
#include "compiler/sql_statement.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define MEMORY_MAX ((size_t)64 << 20)

/* Slices of the text, in its order; an empty one may be anywhere. */
static void check_slice(struct rbk_str text, struct rbk_str slice)
{
    RBK_ASSERT(slice.bytes == 0 ||
               (slice.data >= text.data && slice.data + slice.bytes <= text.data + text.bytes));
}

static void check_tokens(struct rbk_str text, enum rbk_sql_dialect dialect)
{
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make(text, dialect);
    const char *behind = text.data;
    for (size_t count = 0;; count++) {
        RBK_ASSERT(count <= text.bytes);
        struct rbk_sql_token token = rbk_sql_lex(&lexer);
        RBK_ASSERT(lexer.at <= text.bytes);
        if (token.kind == RBK_SQL_END) {
            RBK_ASSERT(rbk_sql_lex(&lexer).kind == RBK_SQL_END);
            return;
        }
        check_slice(text, token.text);
        RBK_ASSERT(token.text.bytes > 0 && token.text.data >= behind);
        behind = token.text.data + token.text.bytes;
        RBK_ASSERT(lexer.at == (size_t)(behind - text.data));
        RBK_ASSERT(token.opened == NULL || lexer.at == text.bytes);
        RBK_ASSERT(token.kind != RBK_SQL_SYMBOL || token.text.bytes == 1);
        if (token.kind == RBK_SQL_WORD) {
            RBK_ASSERT(!rbk_sql_is_symbol(&token, ';'));
        }
    }
}

static void check_names(struct rbk_arena *arena, struct rbk_str text,
                        const struct rbk_sql_names *names)
{
    RBK_ASSERT(names->count <= RBK_SQL_NAMES_MAX);
    for (uint32_t i = 0; i < names->count; i++) {
        check_slice(text, names->items[i]);
        for (uint32_t j = 0; j < names->count; j++) {
            bool same = rbk_sql_same_name(names->items[i], names->items[j]);
            RBK_ASSERT(same == rbk_sql_same_name(names->items[j], names->items[i]));
            RBK_ASSERT(same == rbk_str_equal(rbk_sql_name_key(arena, names->items[i]),
                                             rbk_sql_name_key(arena, names->items[j])));
        }
        RBK_ASSERT(rbk_sql_same_name(names->items[i], names->items[i]));
    }
}

static void check_statements(struct rbk_arena *arena, struct rbk_str text,
                             enum rbk_sql_dialect dialect)
{
    struct rbk_sql_reader reader = rbk_sql_read(text, dialect);
    struct rbk_sql_statement statement;
    const char *behind = text.data;
    size_t count = 0;
    while (rbk_sql_read_next(&reader, &statement)) {
        RBK_ASSERT(count++ <= text.bytes);
        check_slice(text, statement.text);
        RBK_ASSERT(statement.text.bytes > 0 && statement.text.data >= behind);
        behind = statement.text.data + statement.text.bytes;
        check_slice(text, statement.mark);
        check_slice(text, statement.loss_mark);
        check_slice(text, statement.table);
        RBK_ASSERT((statement.what == NULL) == (statement.class == RBK_SQL_PLAIN));
        RBK_ASSERT((statement.loses == NULL) == (statement.loss == RBK_SQL_KEEPS));
        check_names(arena, text, &statement.names);
        check_names(arena, text, &statement.makes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const enum rbk_sql_dialect dialects[] = {RBK_SQL_POSTGRES, RBK_SQL_SQLITE};
    struct rbk_str text = {(const char *)data, bytes};
    if (bytes == 0 || bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    for (size_t i = 0; i < RBK_COUNT(dialects); i++) {
        struct rbk_arena arena;
        rbk_arena_init(&arena, MEMORY_MAX);
        check_tokens(text, dialects[i]);
        check_statements(&arena, text, dialects[i]);
        rbk_arena_fini(&arena);
    }
    return 0;
}
