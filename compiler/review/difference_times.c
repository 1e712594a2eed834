/*
 * Worst-case times of two plans: what a change of many small limits comes to.
 */
#include "compiler/review/comparison.h"

#include "compiler/compile.h"
#include "compiler/review/document.h"
#include "compiler/times/times.h"

/* "worst-case rollback 9m → 14m" */
static void compare_time(struct rbk_comparison *comparison, bool longer_is_weaker, const char *what,
                         struct rbk_str stage, uint64_t before_ms, uint64_t after_ms)
{
    char before[RBK_TIMES_TEXT_BYTES];
    char after[RBK_TIMES_TEXT_BYTES];
    if (before_ms == after_ms) {
        return;
    }
    enum rbk_change_weight weight = !longer_is_weaker      ? RBK_CHANGE_OTHER
                                    : after_ms > before_ms ? RBK_CHANGE_WEAKER
                                                           : RBK_CHANGE_STRONGER;
    (void)rbk_times_text(before_ms, before);
    (void)rbk_times_text(after_ms, after);
    if (stage.bytes == 0) {
        rbk_comparison_add(comparison, weight, NULL, NULL, "worst-case %s %s → %s", what, before,
                           after);
    } else {
        rbk_comparison_add(comparison, weight, NULL, NULL,
                           "worst-case %s of " RBK_CODE("%.*s") " %s → %s", what,
                           RBK_STR_ARG(stage), before, after);
    }
}

static uint64_t worst_point_ms(struct rbk_times *times)
{
    const struct rbk_abort_points *points = rbk_times_points(times);
    return points->count > 0 ? points->items[points->worst].total_ms : 0;
}

static const struct rbk_tree_statement *find_stage(const struct rbk_program *program,
                                                   struct rbk_str name)
{
    const struct rbk_statements *stages = &program->head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < stages->count; i++) {
        if (rbk_str_equal(stages->items[i]->name->name->text, name)) {
            return stages->items[i];
        }
    }
    return NULL;
}

void rbk_comparison_times(struct rbk_comparison *comparison, struct rbk_compile *before,
                          struct rbk_compile *after)
{
    struct rbk_times *old_times = rbk_times_of(before);
    struct rbk_times *new_times = rbk_times_of(after);
    const struct rbk_statements *stages = &after->program.head[RBK_STATEMENT_STAGE];
    compare_time(comparison, true, "rollback", RBK_STR(""), worst_point_ms(old_times),
                 worst_point_ms(new_times));
    compare_time(comparison, false, "way forward", RBK_STR(""), rbk_times_forward_ms(old_times),
                 rbk_times_forward_ms(new_times));
    for (uint32_t i = 0; i < stages->count; i++) {
        struct rbk_str name = stages->items[i]->name->name->text;
        const struct rbk_tree_statement *was = find_stage(&before->program, name);
        if (was != NULL) {
            compare_time(comparison, true, "rollback", name,
                         rbk_times_stage(old_times, was)->back_ms,
                         rbk_times_stage(new_times, stages->items[i])->back_ms);
        }
    }
}
