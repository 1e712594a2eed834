/* See exit_times.h. */
#include "compiler/exit_times.h"

#include "compiler/compile.h"
#include "compiler/explore/explore.h"
#include "compiler/times/times.h"
#include "runtime/core/machine.h"

/* The STAGE statement of a region. */
static const struct rbk_tree_statement *stage_of(const struct rbk_compile *compile,
                                                 const struct rbk_machine *machine, uint32_t region,
                                                 uint32_t *ret_index)
{
    const struct rbk_statements *stages = &compile->program.head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < stages->count; i++) {
        if (rbk_str_equal(stages->items[i]->name->name->text, machine->regions[region].name)) {
            *ret_index = i;
            return stages->items[i];
        }
    }
    return NULL;
}

uint64_t rbk_exit_worst_ms(struct rbk_compile *compile, const struct rbk_machine *machine,
                           const struct rbk_explore_exit *row)
{
    struct rbk_times *times = rbk_times_of(compile);
    const struct rbk_abort_points *points = rbk_times_points(times);
    uint32_t index = 0;
    const struct rbk_tree_statement *stage = stage_of(compile, machine, row->stage, &index);
    bool changed = row->phase >= RBK_PHASE_APPLY;
    uint64_t longest = 0;
    if (stage != NULL && row->rolls_back && !row->all_roll_back) {
        const struct rbk_stage_times *own = rbk_times_stage(times, stage);
        return rbk_worst_add_ms(own->work.stop_ms, own->back_ms);
    }
    for (uint32_t i = 0; i < points->count && row->all_roll_back; i++) {
        const struct rbk_abort_point *point = &points->items[i];
        bool head = stage == NULL && row->phase != RBK_PHASE_PLAN;
        bool own = head ? point->kind == RBK_POINT_HEAD
                   : stage == NULL || row->phase == RBK_PHASE_APPLIED
                       ? point->kind == RBK_POINT_ALL
                       : point->stage == index &&
                             point->kind == (changed ? RBK_POINT_STAGE : RBK_POINT_EARLY);
        longest = own && point->total_ms > longest ? point->total_ms : longest;
    }
    return longest;
}
