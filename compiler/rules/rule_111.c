/* RBK111: wherever the decision to abort falls, everything is back and verified within the plan's
 * `rollback within`. */
#include "compiler/rules/rules.h"
#include "compiler/times/times.h"

/* Strategies of the longest way that are shown. */
#define LEGS_MAX 12
/* Characters of a step that are shown. */
#define WORDS_MAX 60

/* The longest way back, strategy by strategy. */
static void list_way(struct rbk_rules *rules, struct rbk_diagnostic *diagnostic,
                     const struct rbk_abort_point *point)
{
    struct rbk_times *times = rbk_times_of(rules->compile);
    char text[RBK_TIMES_TEXT_BYTES];
    uint32_t count;
    const struct rbk_times_leg *legs = rbk_times_way_back(times, point, &count);
    if (point->stop_ms) {
        struct rbk_str words =
            rbk_times_words(times, point->stop_source, point->stop_by, WORDS_MAX);
        rbk_diagnostic_note(diagnostic, rbk_place_make(point->stop_source, point->stop_by->head),
                            "%s: stopping the step under way, `%.*s`",
                            rbk_times_text(point->stop_ms, text), RBK_STR_ARG(words));
    }
    for (uint32_t i = 0; i < count && i < LEGS_MAX; i++) {
        const struct rbk_program_stage *stage = legs[i].stage->stage;
        const struct rbk_tree_statement *rollback = stage->rollbacks.items[legs[i].strategy];
        struct rbk_str name = rbk_times_block_words(times, rollback);
        rbk_diagnostic_note(diagnostic, rbk_rules_place(rules, rollback->head),
                            "%s: %.*s of `%.*s`%s", rbk_times_text(legs[i].ms, text),
                            RBK_STR_ARG(name), RBK_STR_ARG(stage->statement->name->name->text),
                            legs[i].fails ? ", which fails" : "");
    }
    if (count > LEGS_MAX) {
        rbk_diagnostic_note(diagnostic, rbk_place_none(), "and %u more ways back",
                            count - LEGS_MAX);
    }
    if (point->release_ms) {
        rbk_diagnostic_note(diagnostic, rbk_place_none(), "%s: releasing the locks",
                            rbk_times_text(point->release_ms, text));
    }
}

void rbk_rule_111(struct rbk_rules *rules)
{
    const struct rbk_tree_statement *statement =
        rbk_program_head(rules->program, RBK_STATEMENT_ROLLBACK_WITHIN);
    const struct rbk_tree_clause *within =
        statement ? rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN) : NULL;
    if (!within || rules->facts_unknown || rules->endless) {
        return;
    }
    struct rbk_times *times = rbk_times_of(rules->compile);
    const struct rbk_abort_points *points = rbk_times_points(times);
    const struct rbk_abort_point *point = &points->items[points->worst];
    char total[RBK_TIMES_TEXT_BYTES];
    char limit[RBK_TIMES_TEXT_BYTES];
    if (point->total_ms <= rbk_clause_duration_ms(within)) {
        return;
    }
    struct rbk_str where = rbk_times_point_words(times, point);
    rbk_times_text(point->total_ms, total);
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, NULL, statement->span,
                        "to be back and verified may take %s, longer than `rollback within %s`",
                        total, rbk_times_text(rbk_clause_duration_ms(within), limit));
    rbk_diagnostic_mark(diagnostic, "when it is decided %.*s", RBK_STR_ARG(where));
    list_way(rules, diagnostic, point);
    rbk_diagnostic_help(diagnostic,
                        "Shorten a way back, or allow for it: `rollback within %s`. `rbkc times` "
                        "lists every step.",
                        rbk_times_literal(point->total_ms, total));
}
