/*
 * RBK125: what stands in a `sql` can run as the step runs it.
 *
 * A step without `autocommit` is one transaction of the runtime, whatever it holds: statements that
 * a server refuses there, that end that transaction, or that it accepts and passes over, are
 * errors. With `autocommit` the driver cuts the text and sends the statements one by one, so
 * several of them never form a transaction, unless they say BEGIN themselves.
 */
#include "compiler/rules/rule_125.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- what can run ---------------------------------------------------------------------------- */

struct rbk_diagnostic *rbk_sql_step_locate(const struct rbk_sql_step *step,
                                           struct rbk_diagnostic *diagnostic, struct rbk_str mark)
{
    if (step->text.file) {
        rbk_diagnostic_label(diagnostic, rbk_sql_text_place(&step->text, mark), "here");
    }
    return diagnostic;
}

/* Report something about a statement of the step, at its place. */
RBK_PRINTF(3, 4)
static struct rbk_diagnostic *report(const struct rbk_sql_step *step, struct rbk_str mark,
                                     const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return rbk_sql_step_locate(step,
                               rbk_rule_report(step->rules, step->stage,
                                               rbk_sql_text_span(step->rules, &step->text, mark),
                                               "%s", text),
                               mark);
}

static void report_outside(const struct rbk_sql_step *step,
                           const struct rbk_sql_statement *statement)
{
    if (step->autocommit) {
        struct rbk_diagnostic *diagnostic = report(
            step, statement->mark, "`%s` cannot run between BEGIN and COMMIT", statement->what);
        rbk_diagnostic_help(diagnostic, "Put it into a step of its own.");
        return;
    }
    bool alone = statement->text.bytes == rbk_str_trim(step->text.text).bytes;
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "`%s` cannot run in a transaction, and this step is one",
               statement->what);
    rbk_diagnostic_help(diagnostic,
                        "%s `autocommit` and a crash rule: `idempotent`, `done when COND` or "
                        "`in doubt ask ROLE within 10m else abort`.",
                        alone ? "Give the step" : "Put it into a step of its own, with");
}

static void report_control(const struct rbk_sql_step *step,
                           const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "`%s` %s a transaction, and this step is one already",
               statement->what, statement->class == RBK_SQL_OPENS ? "begins" : "ends");
    rbk_diagnostic_help(
        diagnostic, "Leave it out: what the step does is committed as a whole when its last "
                    "statement has run. Where it is to be committed in between, make two steps.");
}

static void report_nothing(const struct rbk_sql_step *step,
                           const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark,
               "`%s` has no effect inside a transaction, and this step is one", statement->what);
    rbk_diagnostic_help(diagnostic,
                        "SQLite passes over it without an error. Put it into a step with "
                        "`autocommit`; each step has a connection of its own.");
}

static void report_client(const struct rbk_sql_step *step,
                          const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "`%.*s` is a command of %s, not SQL",
               (int)(statement->text.bytes < 60 ? statement->text.bytes : 60), statement->text.data,
               statement->what);
    rbk_diagnostic_help(diagnostic,
                        "Only %s understands it; the server would refuse it. Take it out, or run "
                        "the file with `run \"%s …\" using CONNECTION`.",
                        statement->what, statement->what);
}

static void report_copy(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic = report(
        step, statement->mark, "`%s` talks to its client, and a plan is none", statement->what);
    rbk_diagnostic_help(diagnostic, "Write INSERT, let the server read a file of its own, or use "
                                    "`run \"psql …\" using CONNECTION`.");
}

static void report_unclosed(const struct rbk_sql_step *step,
                            const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "the SQL ends inside %s", statement->what);
    rbk_diagnostic_help(diagnostic, "What follows the place where it opens belongs to it, and "
                                    "cannot be checked.");
}

/* Whether a name of a table, not a value, stands behind these words of a statement. */
static bool names_a_table(const struct rbk_sql_token *before, const struct rbk_sql_token *last)
{
    static const char *const alone[] = {"UPDATE", "INTO", "TABLE", "JOIN", "TRUNCATE"};
    for (size_t i = 0; i < RBK_COUNT(alone); i++) {
        if (rbk_sql_is_word(last, alone[i])) {
            return true;
        }
    }
    return (rbk_sql_is_word(last, "FROM") && rbk_sql_is_word(before, "DELETE")) ||
           (rbk_sql_is_word(last, "EXISTS") && rbk_sql_is_word(before, "IF"));
}

/* `UPDATE ${table} SET …`: what stands in `${}` is bound, and no server binds a name. @return
 * whether that is not so here. */
static bool check_values(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make(statement->text, step->text.dialect);
    struct rbk_sql_token before = {0};
    struct rbk_sql_token last = {0};
    struct rbk_sql_token token = rbk_sql_lex(&lexer);
    while (token.kind != RBK_SQL_END) {
        if (token.kind == RBK_SQL_PARAMETER && last.kind == RBK_SQL_WORD &&
            names_a_table(&before, &last)) {
            struct rbk_diagnostic *diagnostic =
                report(step, token.text, "a value where the name of a table stands");
            rbk_diagnostic_help(diagnostic, "Values are sent beside the statement, which no server "
                                            "does with names. Write the name into the statement, "
                                            "and one step for each table.");
            return false;
        }
        before = last;
        last = token;
        token = rbk_sql_lex(&lexer);
    }
    return true;
}

/* A step that sends nothing would be called done. */
static void check_empty(const struct rbk_sql_step *step)
{
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        step->rules, step->stage, step->text.expr->span, "no statement in this SQL");
    rbk_diagnostic_help(diagnostic, "Nothing would be sent, and the step be called done: take it "
                                    "out, or name the right file.");
}

/* @return whether to go on: after some faults the rest would only repeat them. */
static bool check_runs(struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
{
    bool transaction = !step->autocommit || step->opened.bytes > 0;
    switch (statement->class) {
    case RBK_SQL_PLAIN:
        return true;
    case RBK_SQL_OUTSIDE:
        if (transaction) {
            report_outside(step, statement);
        }
        return true;
    case RBK_SQL_NOTHING:
        if (transaction) {
            report_nothing(step, statement);
        }
        return true;
    case RBK_SQL_OPENS:
    case RBK_SQL_CLOSES:
        if (!step->autocommit) {
            report_control(step, statement);
            return false;
        }
        step->opened = statement->class == RBK_SQL_OPENS ? statement->mark : RBK_STR("");
        return true;
    case RBK_SQL_CLIENT:
        report_client(step, statement);
        return false;
    case RBK_SQL_COPIES:
        report_copy(step, statement);
        return true;
    case RBK_SQL_UNCLOSED:
        report_unclosed(step, statement);
        return false;
    }
    return true;
}

static void check_left_open(const struct rbk_sql_step *step)
{
    if (step->opened.bytes > 0) {
        struct rbk_diagnostic *diagnostic =
            report(step, step->opened, "this transaction is never committed");
        rbk_diagnostic_help(diagnostic, "What follows is rolled back when the step ends. Add "
                                        "`COMMIT`, or leave out both and `autocommit`.");
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* @stage NULL outside of stages. @watched: its losses are told. */
static void check_step(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement, bool watched)
{
    struct rbk_sql_step step = {
        .rules = rules,
        .stage = stage,
        .statement = statement,
        .autocommit = rbk_tree_clause_find(statement, RBK_CLAUSE_AUTOCOMMIT) != NULL,
    };
    struct rbk_sql_statement one;
    bool warned = false;
    uint32_t count = 0;
    if (!rbk_sql_text_of(rules, statement, &step.text)) {
        return;
    }
    struct rbk_sql_reader reader = rbk_sql_read(step.text.text, step.text.dialect);
    for (; rbk_sql_read_next(&reader, &one); count++) {
        if (!check_runs(&step, &one)) {
            return;
        }
        if (!step.text.file && step.text.expr->has_parts && !check_values(&step, &one)) {
            return;
        }
        if (watched && !warned && rbk_sql_loses(&step, &one)) {
            rbk_sql_warn_loss(&step, &one);
            warned = true; /* once a step: the next one would say the same */
        }
        rbk_sql_remember(&step, &one);
    }
    if (count == 0) {
        check_empty(&step);
    }
    check_left_open(&step);
}

void rbk_rule_125_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (struct rbk_tree_statement *at = statement; at; at = rbk_statement_next(statement, at)) {
        if (at->kind == RBK_STATEMENT_SQL) {
            check_step(rules, stage, at, rbk_sql_is_watched(stage, at));
        } else if (at->kind == RBK_STATEMENT_DO && statement->name) {
            rbk_sql_check_do(rules, stage, at);
        }
    }
}

static void check_all(struct rbk_rules *rules, struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        if (at->kind == RBK_STATEMENT_SQL) {
            check_step(rules, NULL, at, false);
        }
    }
}

static void check_list(struct rbk_rules *rules, const struct rbk_statements *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        check_all(rules, list->items[i]);
    }
}

void rbk_rule_125(struct rbk_rules *rules)
{
    for (struct rbk_tree_statement *at = rbk_rules_head(rules); at; at = rbk_head_next(at)) {
        check_all(rules, at);
    }
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        rules->source = file->tree->source;
        check_list(rules, &file->actions);
        check_list(rules, &file->channels);
    }
}
