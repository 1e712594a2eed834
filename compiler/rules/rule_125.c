/*
 * RBK125: what stands in a `sql` can run as the step runs it.
 *
 * A step without `autocommit` is one transaction of the runtime, whatever it holds: statements that
 * a server refuses there, that end that transaction, or that it accepts and passes over, are
 * errors. With `autocommit` the driver cuts the text and sends the statements one by one, so
 * several of them never form a transaction, unless they say BEGIN themselves.
 *
 * Beside that a warning: a statement that destroys data in the `apply` of a stage that does not say
 * `modified irreversible`. Rollbacks, `restore` and `retire` are where things are meant to go; what
 * the plan itself has made before is no loss, nor is an UPDATE that the rollback answers with one.
 */
#include "compiler/rules/facts.h"
#include "compiler/rules/sql_text.h"
#include "compiler/sql_statement.h"

#include <stdarg.h>
#include <stdio.h>

/* A bit of an ACTION's annotation_flags: none of its SQL destroys anything. */
#define KEEPS_ALL 0x4000u

/* A step under way. */
struct step {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage; /* NULL outside of stages */
    const struct rbk_tree_statement *statement;
    struct rbk_sql_text text;
    bool autocommit;
    struct rbk_str opened; /* with autocommit: the BEGIN that is open; no bytes when none is */
};

/* ---- what can run ---------------------------------------------------------------------------- */

static struct rbk_diagnostic *locate(const struct step *step, struct rbk_diagnostic *diagnostic,
                                     struct rbk_str mark)
{
    if (step->text.file) {
        rbk_diagnostic_label(diagnostic, rbk_sql_text_place(&step->text, mark), "here");
    }
    return diagnostic;
}

/* Report something about a statement of the step, at its place. */
RBK_PRINTF(3, 4)
static struct rbk_diagnostic *report(const struct step *step, struct rbk_str mark,
                                     const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return locate(step,
                  rbk_rule_report(step->rules, step->stage,
                                  rbk_sql_text_span(step->rules, &step->text, mark), "%s", text),
                  mark);
}

static void report_outside(const struct step *step, const struct rbk_sql_statement *statement)
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

static void report_control(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "`%s` %s a transaction, and this step is one already",
               statement->what, statement->class == RBK_SQL_OPENS ? "begins" : "ends");
    rbk_diagnostic_help(
        diagnostic, "Leave it out: what the step does is committed as a whole when its last "
                    "statement has run. Where it is to be committed in between, make two steps.");
}

static void report_nothing(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark,
               "`%s` has no effect inside a transaction, and this step is one", statement->what);
    rbk_diagnostic_help(diagnostic,
                        "SQLite passes over it without an error. Put it into a step with "
                        "`autocommit`; each step has a connection of its own.");
}

static void report_client(const struct step *step, const struct rbk_sql_statement *statement)
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

static void report_copy(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic = report(
        step, statement->mark, "`%s` talks to its client, and a plan is none", statement->what);
    rbk_diagnostic_help(diagnostic, "Write INSERT, let the server read a file of its own, or use "
                                    "`run \"psql …\" using CONNECTION`.");
}

static void report_unclosed(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_diagnostic *diagnostic =
        report(step, statement->mark, "the SQL ends inside %s", statement->what);
    rbk_diagnostic_help(diagnostic, "What follows the place where it opens belongs to it, and "
                                    "cannot be checked.");
}

/* @return whether to go on: after some faults the rest would only repeat them. */
static bool check_runs(struct step *step, const struct rbk_sql_statement *statement)
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

static void check_left_open(const struct step *step)
{
    if (step->opened.bytes > 0) {
        struct rbk_diagnostic *diagnostic =
            report(step, step->opened, "this transaction is never committed");
        rbk_diagnostic_help(diagnostic, "What follows is rolled back when the step ends. Add "
                                        "`COMMIT`, or leave out both and `autocommit`.");
    }
}

/* ---- what is lost ---------------------------------------------------------------------------- */

/* The key of something made: the connection, and a table's or schema's name, or a column behind its
 * table's. Names are folded as far as they are plain; odd ones only match when they are written
 * alike. */
static struct rbk_str made_key(const struct step *step, struct rbk_str table, struct rbk_str name)
{
    struct rbk_str key = rbk_arena_printf(&step->rules->compile->arena, "%.*s %.*s %.*s",
                                          RBK_STR_ARG(step->statement->name->name->text),
                                          RBK_STR_ARG(table), RBK_STR_ARG(name));
    char *bytes = (char *)key.data;
    for (size_t i = 0; i < key.bytes; i++) {
        bool upper = bytes[i] >= 'A' && bytes[i] <= 'Z';
        bytes[i] = upper ? (char)(bytes[i] - 'A' + 'a') : bytes[i];
    }
    return key;
}

/* Remember what a statement makes, for those that come after it. */
static void remember(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_rules *rules = step->rules;
    if (!rules->sql_made.arena) {
        rbk_map_init(&rules->sql_made, &rules->compile->arena);
    }
    struct rbk_str table = statement->makes_columns ? statement->table : RBK_STR("");
    for (uint32_t i = 0; i < statement->makes.count; i++) {
        rbk_map_set(&rules->sql_made, made_key(step, table, statement->makes.items[i]), rules);
    }
}

static bool was_made(const struct step *step, struct rbk_str table, struct rbk_str name)
{
    const struct rbk_map *made = &step->rules->sql_made;
    return made->count > 0 && rbk_map_find(made, made_key(step, table, name)) != NULL;
}

/* Find the tables that something below @root updates: it gives the rows other values, the old ones
 * as like as not. */
static void find_updates(struct rbk_rules *rules, struct rbk_tree_statement *root,
                         struct rbk_map *updated)
{
    struct rbk_sql_text text;
    struct rbk_sql_statement one;
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        if (at->kind != RBK_STATEMENT_SQL || !rbk_sql_text_of(rules, at, &text)) {
            continue;
        }
        struct rbk_sql_reader reader = rbk_sql_read(text.text, text.dialect);
        while (rbk_sql_read_next(&reader, &one)) {
            if (one.updates) {
                rbk_map_set(updated, rbk_sql_name_key(&rules->compile->arena, one.table), root);
            }
        }
    }
}

static bool is_updated(struct rbk_rules *rules, const struct rbk_map *updated, struct rbk_str table)
{
    return rbk_map_find(updated, rbk_sql_name_key(&rules->compile->arena, table)) != NULL;
}

static bool rollback_updates_back(const struct step *step, struct rbk_str table)
{
    struct rbk_rules *rules = step->rules;
    if (rules->sql_back_of != step->stage) {
        rules->sql_back_of = step->stage;
        rbk_map_init(&rules->sql_back, &rules->compile->arena);
        for (uint32_t i = 0; i < step->stage->rollbacks.count; i++) {
            find_updates(rules, step->stage->rollbacks.items[i], &rules->sql_back);
        }
    }
    return is_updated(rules, &rules->sql_back, table);
}

/* Whether a statement destroys something that was there before the plan. */
static bool loses(const struct step *step, const struct rbk_sql_statement *statement)
{
    bool columns = statement->loss == RBK_SQL_DROPS_COLUMN || statement->loss == RBK_SQL_OVERWRITES;
    if (statement->loss == RBK_SQL_KEEPS) {
        return false;
    }
    if (statement->loss == RBK_SQL_OVERWRITES && rollback_updates_back(step, statement->table)) {
        return false;
    }
    if (columns && was_made(step, RBK_STR(""), statement->table)) {
        return false;
    }
    bool all_made = !statement->names.more && statement->names.count > 0;
    for (uint32_t i = 0; i < statement->names.count && all_made; i++) {
        all_made =
            was_made(step, columns ? statement->table : RBK_STR(""), statement->names.items[i]);
    }
    return !all_made;
}

/* The first `modified` of a stage that says irreversible, or else the first one; NULL without. */
static const struct rbk_tree_clause *modified(const struct rbk_program_stage *stage,
                                              bool *ret_irreversible)
{
    const struct rbk_tree_clause *first =
        stage->data ? rbk_tree_clause_find(stage->data, RBK_CLAUSE_DATA_MODIFIED) : NULL;
    *ret_irreversible = false;
    for (const struct rbk_tree_clause *at = first; at; at = rbk_tree_clause_next(at)) {
        if (rbk_str_is(at->name->name->text, "irreversible")) {
            *ret_irreversible = true;
            return at;
        }
    }
    return first;
}

/* Whether what a step of this stage destroys is to be told: where it stands in `apply` or `verify`,
 * and the stage does not say itself that it cannot be undone. */
static bool is_watched(const struct rbk_program_stage *stage, const struct rbk_tree_statement *at)
{
    bool irreversible;
    (void)modified(stage, &irreversible);
    if (irreversible || stage->statement->kind != RBK_STATEMENT_STAGE ||
        stage->rollbacks.count == 0) { /* which is RBK101 */
        return false;
    }
    while (at->parent && at->parent != stage->statement) {
        at = at->parent;
    }
    return at->kind == RBK_STATEMENT_APPLY || at->kind == RBK_STATEMENT_VERIFY;
}

static void explain_loss(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                         struct rbk_diagnostic *diagnostic)
{
    bool irreversible;
    const struct rbk_tree_clause *clause = modified(stage, &irreversible);
    rbk_diagnostic_label(diagnostic,
                         rbk_rules_place(rules, clause ? clause->span : stage->statement->head),
                         "%s", clause ? "can be taken back, this says" : "says nothing of it");
    rbk_diagnostic_help(diagnostic,
                        "Say `data { modified irreversible backup NAME }`, and restore that backup "
                        "in a rollback; or leave it to `retire`, after the grace time.");
}

static void warn_loss(const struct step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_rules *rules = step->rules;
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, step->stage, rbk_sql_text_span(rules, &step->text, statement->loss_mark),
        "`%s` destroys data that no rollback of `%.*s` is said to bring back", statement->loses,
        RBK_STR_ARG(step->stage->statement->name->name->text));
    (void)locate(step, diagnostic, statement->loss_mark);
    explain_loss(rules, step->stage, diagnostic);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* @stage NULL outside of stages. @watched: its losses are told. */
static void check_step(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement, bool watched)
{
    struct step step = {
        .rules = rules,
        .stage = stage,
        .statement = statement,
        .autocommit = rbk_tree_clause_find(statement, RBK_CLAUSE_AUTOCOMMIT) != NULL,
    };
    struct rbk_sql_statement one;
    bool warned = false;
    if (!rbk_sql_text_of(rules, statement, &step.text)) {
        return;
    }
    struct rbk_sql_reader reader = rbk_sql_read(step.text.text, step.text.dialect);
    while (rbk_sql_read_next(&reader, &one)) {
        if (!check_runs(&step, &one)) {
            return;
        }
        if (watched && !warned && loses(&step, &one)) {
            warn_loss(&step, &one);
            warned = true; /* once a step: the next one would say the same */
        }
        remember(&step, &one);
    }
    check_left_open(&step);
}

/* The first statement of an action, its inverse left out, that destroys something; false: none. */
static bool action_loses(struct rbk_rules *rules, struct rbk_tree_statement *action,
                         const char **ret_loses, struct rbk_place *ret_place)
{
    struct rbk_tree_statement *undo = rbk_program_action_of(action)->undo;
    const struct rbk_source *source = rules->source;
    bool found = false;
    struct rbk_map updated;
    if ((action->annotation_flags & KEEPS_ALL) || rules->facts_unknown) {
        return false;
    }
    rules->source = action->declaration->file->source;
    rbk_map_init(&updated, &rules->compile->arena);
    if (undo) {
        find_updates(rules, undo, &updated);
    }
    for (struct rbk_tree_statement *at = action->block->first; at && !found; at = at->next) {
        struct rbk_tree_statement *in = at == undo ? NULL : at;
        for (; in && !found; in = rbk_statement_next(at, in)) {
            struct rbk_sql_text text;
            struct rbk_sql_statement one;
            if (in->kind == RBK_STATEMENT_DO && rbk_fact_action(in)) {
                found = action_loses(rules, (struct rbk_tree_statement *)rbk_fact_action(in),
                                     ret_loses, ret_place);
                continue;
            }
            if (in->kind != RBK_STATEMENT_SQL || !rbk_sql_text_of(rules, in, &text)) {
                continue;
            }
            struct rbk_sql_reader reader = rbk_sql_read(text.text, text.dialect);
            while (!found && rbk_sql_read_next(&reader, &one)) {
                found = one.loss != RBK_SQL_KEEPS && one.names.count > 0 &&
                        (one.loss != RBK_SQL_OVERWRITES || !is_updated(rules, &updated, one.table));
                if (found) {
                    *ret_loses = one.loses;
                    *ret_place =
                        rbk_rules_place(rules, rbk_sql_text_span(rules, &text, one.loss_mark));
                }
            }
        }
    }
    rules->source = source;
    action->annotation_flags |= found ? 0 : KEEPS_ALL;
    return found;
}

static void check_do(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                     const struct rbk_tree_statement *statement)
{
    struct rbk_tree_statement *action = (struct rbk_tree_statement *)rbk_fact_action(statement);
    const char *words;
    struct rbk_place place;
    if (action && !(action->annotation_flags & KEEPS_ALL) && is_watched(stage, statement) &&
        action_loses(rules, action, &words, &place)) {
        struct rbk_diagnostic *diagnostic =
            rbk_rule_warn(rules, stage, statement->head,
                          "`%s` destroys data that no rollback of `%.*s` is said to bring back",
                          words, RBK_STR_ARG(stage->statement->name->name->text));
        rbk_diagnostic_label(diagnostic, place, "in this action");
        explain_loss(rules, stage, diagnostic);
    }
}

void rbk_rule_125_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (struct rbk_tree_statement *at = statement; at; at = rbk_statement_next(statement, at)) {
        if (at->kind == RBK_STATEMENT_SQL) {
            check_step(rules, stage, at, is_watched(stage, at));
        } else if (at->kind == RBK_STATEMENT_DO && statement->name) {
            check_do(rules, stage, at);
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
