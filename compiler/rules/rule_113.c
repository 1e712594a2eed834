/* RBK113: a stage that is bound to a window can be done and undone in it. */
#include "compiler/calendar.h"
#include "compiler/rules/rules.h"
#include "compiler/times/times.h"
#include "runtime/core/daily.h"

#define MINUTE_MS UINT64_C(60000)

/* As written: on a night when the clocks are changed it may be longer or shorter, once a year. 0:
 * it never closes. */
static uint64_t length_ms(const struct rbk_tree_statement *statement)
{
    struct rbk_daily_window window = rbk_calendar_window(statement);
    return rbk_daily_minutes(&window) * MINUTE_MS;
}

void rbk_rule_113(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    const struct rbk_tree_statement *window =
        stage->window ? stage->window : rbk_program_head(rules->program, RBK_STATEMENT_WINDOW);
    if (rules->facts_unknown || !window || statement->kind == RBK_STATEMENT_RETIRE) {
        return;
    }
    const struct rbk_stage_times *times = rbk_times_stage(rbk_times_of(rules->compile), statement);
    uint64_t sum_ms = rbk_worst_done_and_undone_ms(&times->forward, times->back_ms);
    char sum[RBK_TIMES_TEXT_BYTES];
    char limit[RBK_TIMES_TEXT_BYTES];
    static const char *const parts[RBK_TIMES_PARTS] = {"require", "approve", "prepare", "apply",
                                                       "verify"};
    if (sum_ms <= length_ms(window) || length_ms(window) == 0) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, statement->head,
                        "to do and undo `%.*s` may take %s, longer than its window of %s",
                        RBK_STR_ARG(statement->name->name->text), rbk_times_text(sum_ms, sum),
                        rbk_times_text(length_ms(window), limit));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, window->span), "%s", limit);
    for (int i = 0; i < RBK_TIMES_PARTS; i++) {
        if (times->parts[i].ok_ms) {
            rbk_diagnostic_note(diagnostic, rbk_place_none(), "%s: %s",
                                rbk_times_text(times->parts[i].ok_ms, sum), parts[i]);
        }
    }
    if (times->forward.end_ms > times->forward.ok_ms) {
        rbk_diagnostic_note(diagnostic, rbk_place_none(), "%s: stopping what failed",
                            rbk_times_text(times->forward.end_ms - times->forward.ok_ms, sum));
    }
    rbk_diagnostic_note(diagnostic, rbk_place_none(), "%s: all its ways back, one after the other",
                        rbk_times_text(times->back_ms, sum));
    rbk_diagnostic_help(diagnostic, "Widen the window, or shorten a part of the stage: it would "
                                    "never be started.");
}
