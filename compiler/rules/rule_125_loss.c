/*
 * RBK125, the warning: a statement that destroys data in the `apply` of a stage that does not say
 * `modified irreversible`. Rollbacks, `restore` and `retire` are where things are meant to go; what
 * the plan itself has made before is no loss, nor is an UPDATE that the rollback answers with one.
 */
#include "compiler/rules/facts.h"
#include "compiler/rules/rule_125.h"

/* A bit of an ACTION's annotation_flags: none of its SQL destroys anything. */
#define KEEPS_ALL 0x4000u

/* ---- what was made, and what is taken back ----------------------------------------------------
 */

/* The key of something made: the connection, and a table's or schema's name, or a column behind its
 * table's. Names are folded as far as they are plain; odd ones only match when they are written
 * alike. */
static struct rbk_str made_key(const struct rbk_sql_step *step, struct rbk_str table,
                               struct rbk_str name)
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

void rbk_sql_remember(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
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

static bool was_made(const struct rbk_sql_step *step, struct rbk_str table, struct rbk_str name)
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

static bool rollback_updates_back(const struct rbk_sql_step *step, struct rbk_str table)
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

bool rbk_sql_loses(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
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

bool rbk_sql_is_watched(const struct rbk_program_stage *stage, const struct rbk_tree_statement *at)
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

void rbk_sql_warn_loss(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement)
{
    struct rbk_rules *rules = step->rules;
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, step->stage, rbk_sql_text_span(rules, &step->text, statement->loss_mark),
        "`%s` destroys data that no rollback of `%.*s` is said to bring back", statement->loses,
        RBK_STR_ARG(step->stage->statement->name->name->text));
    (void)rbk_sql_step_locate(step, diagnostic, statement->loss_mark);
    explain_loss(rules, step->stage, diagnostic);
}

/* ---- actions ----------------------------------------------------------------------------------
 */

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

void rbk_sql_check_do(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                      const struct rbk_tree_statement *statement)
{
    struct rbk_tree_statement *action = (struct rbk_tree_statement *)rbk_fact_action(statement);
    const char *words;
    struct rbk_place place;
    if (action && !(action->annotation_flags & KEEPS_ALL) && rbk_sql_is_watched(stage, statement) &&
        action_loses(rules, action, &words, &place)) {
        struct rbk_diagnostic *diagnostic =
            rbk_rule_warn(rules, stage, statement->head,
                          "`%s` destroys data that no rollback of `%.*s` is said to bring back",
                          words, RBK_STR_ARG(stage->statement->name->name->text));
        rbk_diagnostic_label(diagnostic, place, "in this action");
        explain_loss(rules, stage, diagnostic);
    }
}
