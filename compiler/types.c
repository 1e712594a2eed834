/*
 * The typer's frame: written types first, so that the order of declarations is free; then probes,
 * whose types come from their readings; then everything else, the stages last, one by one. In a
 * stage what is set in prepare, apply and verify is typed before the rollbacks and triggers that
 * use it.
 */
#include "compiler/types.h"

#include "runtime/core/base/arena.h"

/* ---- written types --------------------------------------------------------------------------- */

/* The connection kinds a word after a parameter's colon stands for; 0 if it is no such word. */
static unsigned connection_word(struct rbk_str word)
{
    if (rbk_str_is(word, "connection")) {
        return RBK_CONNECTIONS_ANY;
    }
#define X(CONSTANT, WORD)       \
    if (rbk_str_is(word, WORD)) \
        return RBK_CONNECTION_BIT(RBK_CONNECTION_##CONSTANT);
    RBK_CONNECTION_KINDS(X)
#undef X
    return 0;
}

/* Report "BEFORE`word`AFTER" about a written type. */
static void report_type(const struct rbk_typer *typer, const struct rbk_tree_type *type,
                        const char *before, const char *after)
{
    rbk_diagnostic_help(
        rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 130,
                             rbk_analysis_place(typer->analysis, type->name.span), "%s`%.*s`%s",
                             before, RBK_STR_ARG(type->name.name->text), after),
        "The types are text, bool, int, number, ratio, duration, bytes, time, url, json and "
        "`list of` one of them.");
}

struct rbk_tree_typing rbk_type_written(const struct rbk_typer *typer, struct rbk_tree_type *type,
                                        bool parameter, bool result)
{
    struct rbk_str word = type->name.name->text;
    unsigned mask = connection_word(word);
    enum rbk_type plain = rbk_type_from_name(word);
    struct rbk_tree_typing typing = rbk_typing_make(RBK_TYPE_UNKNOWN);
    if (plain == RBK_TYPE_LIST) {
        if (!type->element) {
            report_type(typer, type, "", " of what");
        } else {
            unsigned element = rbk_type_written(typer, type->element, false, false).type;
            if (element == RBK_TYPE_LIST) {
                report_type(typer, type, "a ", " of lists");
            } else if (element != RBK_TYPE_UNKNOWN) {
                typing = rbk_typing_list(element);
            }
        }
    } else if (type->element) {
        report_type(typer, type, "", " takes no `of`");
    } else if (mask && parameter) {
        typing = (struct rbk_tree_typing){RBK_TYPING_CONNECTION, (uint8_t)mask};
    } else if (mask || (plain == RBK_TYPE_SECRET && !parameter)) {
        report_type(typer, type, "", " is a type for parameters only");
    } else if (plain == RBK_TYPE_SCALAR && !result) {
        report_type(typer, type, "", " is a type for the result of a reading only");
    } else if (plain == RBK_TYPE_UNKNOWN) {
        report_type(typer, type, "unknown type ", "");
    } else {
        typing = rbk_typing_make(plain);
    }
    type->typing = typing;
    return typing;
}

/* ---- declarations ---------------------------------------------------------------------------- */

static void type_parameters(struct rbk_typer *typer, const struct rbk_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        const struct rbk_tree_statement *statement = statements->items[i];
        for (struct rbk_tree_parameter *at = statement->parameters; at; at = at->next) {
            at->declaration->typing = rbk_type_written(typer, at->type, true, false);
        }
        if (statement->type) {
            statement->declaration->typing = rbk_type_written(typer, statement->type, false, true);
        }
    }
}

static void type_defaults(struct rbk_typer *typer, const struct rbk_tree_statement *statement)
{
    typer->place = RBK_PLACE_PARAM;
    for (struct rbk_tree_parameter *at = statement->parameters; at; at = at->next) {
        rbk_type_expr(typer, at->value);
        rbk_type_expect(typer, at->value, at->declaration->typing, NULL);
    }
    typer->place = RBK_PLACE_RUN;
}

/* The kind of connection a constructor makes; read off before anything uses the connection. */
static void type_connection(const struct rbk_tree_statement *statement)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(statement->value->ref);
    if (builtin && builtin->kind == RBK_BUILTIN_CONSTRUCTOR) {
        statement->declaration->typing = (struct rbk_tree_typing){
            RBK_TYPING_CONNECTION, (uint8_t)RBK_CONNECTION_BIT(builtin->is.connection)};
    }
}

static void type_head_declarations(struct rbk_typer *typer, const struct rbk_program *program)
{
    const struct rbk_statements *head = program->head;
    for (uint32_t i = 0; i < head[RBK_STATEMENT_PARAM].count; i++) {
        const struct rbk_tree_statement *param = head[RBK_STATEMENT_PARAM].items[i];
        param->declaration->typing = rbk_type_written(typer, param->type, false, false);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_SECRET].count; i++) {
        head[RBK_STATEMENT_SECRET].items[i]->declaration->typing = rbk_typing_make(RBK_TYPE_SECRET);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_CONNECTION].count; i++) {
        type_connection(head[RBK_STATEMENT_CONNECTION].items[i]);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_PROBE].count; i++) {
        rbk_type_probe(typer, head[RBK_STATEMENT_PROBE].items[i]);
    }
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Type a statement and everything in its blocks. */
static void type_all(struct rbk_typer *typer, struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        rbk_type_statement_of(typer, at);
    }
}

void rbk_types_stage(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    struct rbk_typer typer = {.analysis = analysis};
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    struct rbk_tree_statement *sections[] = {stage->prepare, stage->apply, stage->verify};
    rbk_type_statement_of(&typer, statement);
    for (size_t i = 0; i < RBK_COUNT(sections); i++) {
        if (sections[i]) {
            type_all(&typer, sections[i]);
        }
    }
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        if (at != stage->prepare && at != stage->apply && at != stage->verify) {
            type_all(&typer, at);
        }
    }
}

static void type_callable(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    type_defaults(typer, statement);
    if (statement->kind == RBK_STATEMENT_READING) {
        rbk_type_expr(typer, statement->value);
        rbk_type_expect(typer, statement->value, statement->declaration->typing, NULL);
    } else {
        type_all(typer, statement);
    }
}

/* Callees before their callers: what is done with a connection narrows the parameter's type, which
 * the callers are checked against. The resolver left how deep each one calls in declaration->flags.
 */
static void type_callables(struct rbk_typer *typer, const struct rbk_program_file *file)
{
    const struct rbk_statements *lists[] = {&file->readings, &file->actions, &file->channels};
    for (size_t k = 0; k < RBK_COUNT(lists); k++) {
        unsigned height = 0;
        for (bool higher = true; higher; height++) {
            higher = false;
            for (uint32_t i = 0; i < lists[k]->count; i++) {
                struct rbk_declaration *declaration = lists[k]->items[i]->declaration;
                if (declaration->flags == height) {
                    type_callable(typer, lists[k]->items[i]);
                }
                higher |= declaration->flags > height;
            }
        }
        for (uint32_t i = 0; i < lists[k]->count; i++) {
            lists[k]->items[i]->declaration->flags = 0;
        }
    }
}

void rbk_types(struct rbk_analysis *analysis)
{
    struct rbk_program *program = &analysis->compile->program;
    struct rbk_typer typer = {.analysis = analysis};
    for (uint32_t i = 0; i < program->file_count; i++) {
        const struct rbk_program_file *file = program->order[i];
        analysis->file = file;
        type_parameters(&typer, &file->actions);
        type_parameters(&typer, &file->readings);
        type_parameters(&typer, &file->channels);
        type_callables(&typer, file);
    }
    analysis->file = program->files[0];
    if (program->plan) {
        type_head_declarations(&typer, program);
        struct rbk_tree_statement *at = rbk_head_first(program->plan);
        for (; at; at = rbk_head_next(at)) {
            type_all(&typer, at);
        }
    }
}
