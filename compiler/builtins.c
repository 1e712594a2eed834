/*
 * The table of built-ins. Readings and variables come from the lists of the machine and the
 * expression code, so that none can be forgotten; what a reading takes is written here, one macro
 * each.
 */
#include "compiler/builtins.h"

#include "compiler/typing.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/attributes.h"

#include <string.h>

#define VALUE(NAME, TYPE)                                                 \
    {                                                                     \
        .name = (NAME), .takes = RBK_TAKES_VALUE, .type = RBK_TYPE_##TYPE \
    }
#define TAKES(NAME, TAKEN)                         \
    {                                              \
        .name = (NAME), .takes = RBK_TAKES_##TAKEN \
    }
#define SQL_CONNECTION                                                                   \
    {                                                                                    \
        .name = "connection", .takes = RBK_TAKES_CONNECTION, .type = RBK_CONNECTIONS_SQL \
    }
#define REDIS_CONNECTION                                     \
    {                                                        \
        .name = "connection", .takes = RBK_TAKES_CONNECTION, \
        .type = RBK_CONNECTION_BIT(RBK_CONNECTION_REDIS)     \
    }
#define SPAN                                    \
    {                                           \
        .name = "over", .takes = RBK_TAKES_SPAN \
    }
#define OPTIONAL_SPAN                                             \
    {                                                             \
        .name = "over", .takes = RBK_TAKES_SPAN, .optional = true \
    }
#define WORDS                                                                              \
    {                                                                                      \
        .name = "words", .takes = RBK_TAKES_VALUE, .type = RBK_TYPE_TEXT, .repeated = true \
    }
#define LABELS                                                                            \
    {                                                                                     \
        .name = "labels", .takes = RBK_TAKES_VALUE, .type = RBK_TYPE_TEXT, .labels = true \
    }

/* How many parameters, and which. */
#define TAKING(COUNT, ...) .parameter_count = COUNT, .parameters = {__VA_ARGS__}

#define READING_HTTP_STATUS TAKING(1, TAKES("url", URL))
#define READING_HTTP_JSON TAKING(2, TAKES("url", URL), TAKES("filter", FILTER))
#define READING_HTTP_TEXT TAKING(1, TAKES("url", URL))
#define READING_HTTP_LATENCY TAKING(1, TAKES("url", URL))
#define READING_SQL_VALUE TAKING(2, SQL_CONNECTION, TAKES("statement", STATEMENT))
#define READING_SQL_RATIO TAKING(2, SQL_CONNECTION, TAKES("statement", STATEMENT))
#define READING_SQL_ROWS TAKING(2, SQL_CONNECTION, TAKES("statement", STATEMENT))
#define READING_REDIS_VALUE TAKING(2, REDIS_CONNECTION, WORDS)
#define READING_RUN_EXIT TAKING(1, TAKES("command", COMMAND))
#define READING_RUN_OUTPUT TAKING(1, TAKES("command", COMMAND))
#define READING_RUN_JSON TAKING(2, TAKES("command", COMMAND), TAKES("filter", FILTER))
#define READING_FILE_EXISTS TAKING(1, VALUE("path", TEXT))
#define READING_FILE_SIZE TAKING(1, VALUE("path", TEXT))
#define READING_FILE_SHA256 TAKING(1, VALUE("path", TEXT))
#define READING_HOST_DISK_FREE TAKING(1, VALUE("path", TEXT))
#define READING_HOST_LOAD .parameter_count = 0
#define READING_ALERT TAKING(2, TAKES("name", CONSTANT), LABELS)
#define READING_ENV TAKING(1, TAKES("name", CONSTANT))

#define FUNCTION(SPELLING, CONSTANT, TYPE, ...)                                          \
    {                                                                                    \
        .spelling = (SPELLING), .kind = RBK_BUILTIN_FUNCTION, .result = RBK_TYPE_##TYPE, \
        .is.function = RBK_FUNCTION_##CONSTANT, __VA_ARGS__                              \
    }
#define AGGREGATE(SPELLING, CONSTANT, TYPE, ...)                                          \
    {                                                                                     \
        .spelling = (SPELLING), .kind = RBK_BUILTIN_AGGREGATE, .result = RBK_TYPE_##TYPE, \
        .is.window = RBK_WINDOW_##CONSTANT, TAKING(2, TAKES("probe", PROBE), __VA_ARGS__) \
    }
#define CONSTRUCTOR(SPELLING, CONSTANT, PARAMETER)                                                \
    {                                                                                             \
        .spelling = (SPELLING), .kind = RBK_BUILTIN_CONSTRUCTOR, .result = RBK_TYPING_CONNECTION, \
        .is.connection = RBK_CONNECTION_##CONSTANT, TAKING(1, TAKES(PARAMETER, ADDRESS))          \
    }

static const struct rbk_builtin table[] = {
#define X(CONSTANT, SPELLING, DRIVER, TYPE) \
    {.spelling = (SPELLING),                \
     .kind = RBK_BUILTIN_READING,           \
     .result = RBK_TYPE_##TYPE,             \
     .is.read = RBK_READ_##CONSTANT,        \
     READING_##CONSTANT},
    RBK_READ_KINDS(X)
#undef X

        FUNCTION("ratio", RATIO, RATIO,
                 TAKING(2, TAKES("part", QUANTITY), TAKES("whole", QUANTITY))),
    FUNCTION("abs", ABS, UNKNOWN, TAKING(1, TAKES("value", QUANTITY))),
    FUNCTION("int", INT, INT, TAKING(1, VALUE("value", INT))),
    FUNCTION("lines", LINES, LIST, TAKING(1, VALUE("text", TEXT))),
    FUNCTION("count", COUNT, INT, TAKING(1, TAKES("list", LIST))),
    FUNCTION("member", MEMBER, SCALAR, TAKING(2, VALUE("json", TEXT), VALUE("name", TEXT))),
    FUNCTION("find", FIND, SCALAR,
             TAKING(3, VALUE("json", TEXT), VALUE("path", TEXT), VALUE("value", TEXT))),
    FUNCTION("mail_header", MAIL_HEADER, TEXT, TAKING(1, VALUE("text", TEXT))),
    FUNCTION("mail_text", MAIL_TEXT, TEXT, TAKING(1, VALUE("text", TEXT))),

    AGGREGATE("avg", AVG, UNKNOWN, SPAN),
    AGGREGATE("max", MAX, UNKNOWN, SPAN),
    AGGREGATE("min", MIN, UNKNOWN, SPAN),
    AGGREGATE("last", LAST, UNKNOWN, OPTIONAL_SPAN),
    AGGREGATE("count", COUNT, INT, SPAN),

    {.spelling = "baseline", .kind = RBK_BUILTIN_BASELINE, TAKING(1, TAKES("probe", PROBE))},

    CONSTRUCTOR("postgres", POSTGRES, "address"),
    CONSTRUCTOR("sqlite", SQLITE, "path"),
    CONSTRUCTOR("redis", REDIS, "address"),

#define X(CONSTANT, SPELLING, TYPE) \
    {.spelling = (SPELLING),        \
     .kind = RBK_BUILTIN_VARIABLE,  \
     .result = RBK_TYPE_##TYPE,     \
     .is.variable = RBK_VARIABLE_##CONSTANT},
    RBK_VARIABLES(X)
#undef X
};

const struct rbk_builtin *rbk_builtin_table(uint32_t *ret_count)
{
    *ret_count = (uint32_t)RBK_COUNT(table);
    return table;
}

/* Intern both parts of a spelling; the part before the dot is NULL for a bare name. */
static struct rbk_name *intern_spelling(struct rbk_names *names, const char *spelling,
                                        struct rbk_name **ret_space)
{
    struct rbk_str text = rbk_str_from(spelling);
    size_t dot = rbk_str_find(text, '.');
    if (dot == text.bytes) {
        *ret_space = NULL;
        return rbk_names_intern(names, text);
    }
    *ret_space = rbk_names_intern(names, rbk_str_slice(text, 0, dot));
    return rbk_names_intern(names, rbk_str_slice(text, dot + 1, text.bytes));
}

void rbk_builtins_init(struct rbk_builtins *builtins, struct rbk_arena *arena,
                       struct rbk_names *names)
{
    uint32_t count = (uint32_t)RBK_COUNT(table);
    *builtins = (struct rbk_builtins){
        .declarations = rbk_new_array(arena, struct rbk_declaration, count),
        .spaces = rbk_new_array(arena, struct rbk_name *, count),
        .next = rbk_new_array(arena, uint32_t, count),
        .count = count,
    };
    for (uint32_t i = 0; i < count; i++) {
        struct rbk_declaration *declaration = &builtins->declarations[i];
        declaration->kind = RBK_DECLARATION_CORE;
        declaration->core = &table[i];
        declaration->name = intern_spelling(names, table[i].spelling, &builtins->spaces[i]);
        declaration->typing = table[i].result == RBK_TYPE_LIST ? rbk_typing_list(RBK_TYPE_TEXT)
                                                               : rbk_typing_make(table[i].result);
    }
    builtins->name_count = names->count;
    builtins->first = rbk_new_array(arena, uint32_t, names->count);
    for (uint32_t i = count;
         i-- > 0;) { /* backwards, so that a chain is in the order of the table */
        uint32_t id = builtins->declarations[i].name->id;
        builtins->next[i] = builtins->first[id];
        builtins->first[id] = i + 1;
    }
}

/* The next entry of a chain with this space; `at` and the result are entry numbers plus 1. */
static uint32_t find_in_chain(const struct rbk_builtins *builtins, uint32_t at,
                              const struct rbk_name *space)
{
    while (at != 0 && builtins->spaces[at - 1] != space) {
        at = builtins->next[at - 1];
    }
    return at;
}

struct rbk_declaration *rbk_builtins_find(const struct rbk_builtins *builtins,
                                          const struct rbk_name *space, const struct rbk_name *name)
{
    if (name->id >= builtins->name_count) {
        return NULL;
    }
    uint32_t at = find_in_chain(builtins, builtins->first[name->id], space);
    if (at == 0) {
        return NULL;
    }
    const struct rbk_builtin *builtin = builtins->declarations[at - 1].core;
    if (builtin->kind == RBK_BUILTIN_FUNCTION && builtin->is.function == RBK_FUNCTION_COUNT) {
        at = find_in_chain(builtins, builtins->next[at - 1], space);
    }
    RBK_DCHECK(at != 0);
    return &builtins->declarations[at - 1];
}

struct rbk_declaration *rbk_builtins_count_of_list(const struct rbk_builtins *builtins)
{
    for (uint32_t i = 0; i < builtins->count; i++) {
        if (table[i].kind == RBK_BUILTIN_FUNCTION && table[i].is.function == RBK_FUNCTION_COUNT) {
            return &builtins->declarations[i];
        }
    }
    RBK_UNREACHABLE();
}

bool rbk_builtins_has_space(const struct rbk_builtins *builtins, const struct rbk_name *space)
{
    for (uint32_t i = 0; i < builtins->count; i++) {
        if (builtins->spaces[i] == space) {
            return true;
        }
    }
    return false;
}
