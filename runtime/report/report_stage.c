/*
 * What each stage did when: spans for the picture, passes through phases for the table of times,
 * the run's own spans, and the times in which no runner lived. Told by looking at where a region
 * stands after each record, so that nothing is missed whatever brought it there.
 */
#include "runtime/report/report_internal.h"

#include "runtime/core/base/limits.h"

#include <string.h>

#include "compiler/times/times.h"

#define SPANS_MAX 5000
#define PHASES_MAX 2000
#define GAPS_MAX 500

/* ---- rows -------------------------------------------------------------------------------------
 */

void rbk_report_stages_begin(struct rbk_run_report *report, const struct rbk_view *view)
{
    const struct rbk_machine *machine = view->machine;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        struct rbk_report_stage *row;

        if ((region->kind != RBK_REGION_STAGE && region->kind != RBK_REGION_RETIRE) ||
            (row = rbk_report_push(report, report->stages, RBK_STAGES_MAX + 1)) == NULL) {
            continue;
        }
        report->building->regions[i].row = (uint32_t)report->stages.count - 1;
        row->region = i;
        row->name = rbk_report_text(report, region->name);
        row->title = rbk_report_text(report, region->title);
        row->kind = region->has_kind ? rbk_stage_kind_name(region->stage_kind) : NULL;
        row->risk = region->has_risk ? rbk_risk_name(region->risk) : NULL;
        row->data = rbk_report_text(report, region->data);
        row->unwatched = rbk_report_text(report, region->unwatched);
        row->guideline_ms = row->kind != NULL ? rbk_times_guideline_ms(rbk_str_from(row->kind)) : 0;
        row->status = "waiting";
    }
}

/* ---- spans ------------------------------------------------------------------------------------
 */

static void close_span(struct rbk_run_report *report, uint32_t *open, uint64_t at_ms)
{
    if (*open != RBK_NONE) {
        report->spans.items[*open].to_ms = at_ms;
        *open = RBK_NONE;
    }
}

/* Change what a row does. */
static void turn_span(struct rbk_run_report *report, uint32_t *open, uint32_t row,
                      enum rbk_report_span_kind kind, uint64_t at_ms)
{
    struct rbk_report_span *span;

    if (*open != RBK_NONE && report->spans.items[*open].kind == kind) {
        return;
    }
    close_span(report, open, at_ms);
    if (kind == RBK_REPORT_SPAN_NONE ||
        (span = rbk_report_push(report, report->spans, SPANS_MAX)) == NULL) {
        return;
    }
    *span = (struct rbk_report_span){.row = row, .kind = kind, .from_ms = at_ms};
    *open = (uint32_t)report->spans.count - 1;
}

static enum rbk_report_span_kind span_of_region(const struct rbk_machine *machine,
                                                const struct rbk_region_state *rs)
{
    const struct rbk_machine_state *at = &machine->states[rs->state];

    if (rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT) {
        return RBK_REPORT_SPAN_PEOPLE;
    }
    switch (at->kind) {
    case RBK_STATE_APPLIED:
        return machine->regions[at->region].kind == RBK_REGION_STAGE ? RBK_REPORT_SPAN_STANDS
                                                                     : RBK_REPORT_SPAN_NONE;
    case RBK_STATE_HELD:
        return RBK_REPORT_SPAN_STILL;
    case RBK_STATE_STUCK:
        return RBK_REPORT_SPAN_STUCK;
    case RBK_STATE_ROLLBACK:
        return RBK_REPORT_SPAN_TURN;
    case RBK_STATE_WAITING:
    case RBK_STATE_ROLLED_BACK:
        return RBK_REPORT_SPAN_NONE;
    default:
        break;
    }
    if (rs->mode == RBK_MODE_IDLE && rs->stage_attempt == 0 && rs->order == 0) {
        return RBK_REPORT_SPAN_NONE;
    }
    switch (at->phase) {
    case RBK_PHASE_REQUIRE:
    case RBK_PHASE_APPROVE:
    case RBK_PHASE_PREPARE:
        return RBK_REPORT_SPAN_PREPARE;
    case RBK_PHASE_APPLY:
        return RBK_REPORT_SPAN_APPLY;
    case RBK_PHASE_VERIFY:
        return RBK_REPORT_SPAN_VERIFY;
    case RBK_PHASE_ROLLBACK:
        return RBK_REPORT_SPAN_ROLLBACK;
    case RBK_PHASE_ROLLBACK_VERIFY:
        return RBK_REPORT_SPAN_ROLLBACK_VERIFY;
    default:
        return RBK_REPORT_SPAN_NONE;
    }
}

static enum rbk_report_span_kind span_of_run(enum rbk_status status)
{
    switch (status) {
    case RBK_STATUS_READY:
    case RBK_STATUS_RUNNING:
        return RBK_REPORT_SPAN_GOING;
    case RBK_STATUS_PAUSED:
    case RBK_STATUS_HELD:
        return RBK_REPORT_SPAN_STILL;
    case RBK_STATUS_ABORTING:
        return RBK_REPORT_SPAN_ROLLBACK;
    case RBK_STATUS_OBSERVING:
    case RBK_STATUS_GRACE:
        return RBK_REPORT_SPAN_WATCHING;
    case RBK_STATUS_STUCK:
        return RBK_REPORT_SPAN_STUCK;
    default:
        return RBK_REPORT_SPAN_NONE;
    }
}

/* ---- phases -----------------------------------------------------------------------------------
 */

/* The phase a state counts to in the table of times: a way back and its checks are one. */
static enum rbk_phase counted(const struct rbk_machine_state *at)
{
    switch (at->phase) {
    case RBK_PHASE_REQUIRE:
    case RBK_PHASE_APPROVE:
    case RBK_PHASE_PREPARE:
    case RBK_PHASE_APPLY:
    case RBK_PHASE_VERIFY:
        return at->kind == RBK_STATE_HELD ? RBK_PHASE_REST : at->phase;
    case RBK_PHASE_ROLLBACK:
    case RBK_PHASE_ROLLBACK_VERIFY:
        return at->kind == RBK_STATE_ROLLBACK || at->kind == RBK_STATE_ROLLED_BACK ||
                       at->kind == RBK_STATE_STUCK
                   ? RBK_PHASE_REST
                   : RBK_PHASE_ROLLBACK;
    default:
        return RBK_PHASE_REST;
    }
}

/* The limit of the outermost block around a state. */
static uint64_t limit_of(const struct rbk_machine *machine, uint32_t state)
{
    uint32_t block = machine->states[state].block;
    uint64_t within_ms = 0;

    for (uint32_t hops = 0; block < machine->block_count && hops <= RBK_BLOCK_DEPTH_MAX; hops++) {
        within_ms = machine->blocks[block].within_ms;
        block = machine->blocks[block].parent;
    }
    return within_ms;
}

/* The strategy whose first state this is, counted within the region; RBK_NONE. */
static uint32_t strategy_begun(const struct rbk_machine *machine, const struct rbk_region *region,
                               uint32_t state)
{
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        if (machine->strategies[region->strategies.first + i].first_state == state) {
            return i;
        }
    }
    return RBK_NONE;
}

/* How a phase ended, from where its region went. */
static const char *how_it_ended(const struct rbk_machine *machine, enum rbk_phase phase,
                                const struct rbk_region_state *after)
{
    const struct rbk_machine_state *to = &machine->states[after->state];
    bool own = (after->cause.kind == RBK_CAUSE_FAILURE || after->cause.kind == RBK_CAUSE_TIMEOUT ||
                after->cause.kind == RBK_CAUSE_GATE) &&
               after->cause.index < machine->state_count &&
               rbk_region_root(machine, machine->states[after->cause.index].region) ==
                   rbk_region_root(machine, to->region);

    if (phase == RBK_PHASE_ROLLBACK) {
        return to->kind == RBK_STATE_ROLLED_BACK ? "ok" : "failed";
    }
    if (to->kind == RBK_STATE_HELD || to->kind == RBK_STATE_ROLLBACK ||
        to->kind == RBK_STATE_ROLLED_BACK || to->kind == RBK_STATE_WAITING ||
        counted(to) == RBK_PHASE_ROLLBACK || after->mode == RBK_MODE_DONE) {
        return to->kind != RBK_STATE_APPLIED ? own ? "failed" : "stopped" : "ok";
    }
    return "ok";
}

/* A way back whose `when` does not hold was not taken at all. */
static bool was_passed_over(const struct rbk_report_moment *moment,
                            const struct rbk_report_phase *phase)
{
    uint32_t index = moment->report->stages.items[phase->row].region;
    const struct rbk_region_state *was = rbk_state_region(moment->machine, moment->before, index);

    return phase->phase == RBK_PHASE_ROLLBACK && moment->record->event.kind == RBK_EVENT_RESULT &&
           moment->record->event.outcome != RBK_OUTCOME_OK &&
           strategy_begun(moment->machine, &moment->machine->regions[index], was->state) !=
               RBK_NONE &&
           was->mode == RBK_MODE_RUNNING &&
           moment->machine->effects[moment->machine->states[was->state].effect].kind ==
               RBK_EFFECT_TEST;
}

static void end_phase(const struct rbk_report_moment *moment, struct rbk_report_region *region,
                      const struct rbk_region_state *rs)
{
    if (region->phase != RBK_NONE) {
        struct rbk_report_phase *phase = &moment->report->phases.items[region->phase];
        phase->to_ms = moment->at_ms;
        phase->ended = was_passed_over(moment, phase)
                           ? "passed over"
                           : how_it_ended(moment->machine, phase->phase, rs);
        region->phase = RBK_NONE;
    }
}

static void turn_phase(const struct rbk_report_moment *moment, uint32_t index,
                       const struct rbk_region_state *rs, bool idle)
{
    const struct rbk_machine *machine = moment->machine;
    const struct rbk_region *row = &machine->regions[index];
    struct rbk_report_region *region = &moment->building->regions[index];
    enum rbk_phase is = idle ? RBK_PHASE_REST : counted(&machine->states[rs->state]);
    uint32_t begun =
        is == RBK_PHASE_ROLLBACK ? rbk_view_strategy(machine, index, rs->state) : RBK_NONE;
    bool other_way = begun != RBK_NONE && begun != region->strategy;
    struct rbk_report_phase *phase;

    if (region->phase != RBK_NONE) {
        phase = &moment->report->phases.items[region->phase];
        if (phase->phase == is && phase->attempt == rs->stage_attempt && !other_way) {
            return;
        }
        end_phase(moment, region, rs);
    }
    region->strategy = begun != RBK_NONE          ? begun
                       : is == RBK_PHASE_ROLLBACK ? region->strategy
                                                  : RBK_NONE;
    if (is == RBK_PHASE_REST ||
        (phase = rbk_report_push(moment->report, moment->report->phases, PHASES_MAX)) == NULL) {
        return;
    }
    *phase = (struct rbk_report_phase){.row = region->row,
                                       .phase = is,
                                       .attempt = rs->stage_attempt,
                                       .strategy = RBK_STR(""),
                                       .from_ms = moment->at_ms,
                                       .within_ms = limit_of(machine, rs->state),
                                       .ended = "under way"};
    if (region->strategy < row->strategies.count) {
        const struct rbk_strategy *strategy =
            &machine->strategies[row->strategies.first + region->strategy];
        phase->strategy = rbk_report_text(moment->report, strategy->name);
        phase->within_ms = strategy->within_ms != 0 ? strategy->within_ms : phase->within_ms;
    }
    region->phase = (uint32_t)moment->report->phases.count - 1;
}

/* What took no time was there all the same: 0 stands for "never". */
static uint64_t at_least_1(uint64_t ms)
{
    return ms != 0 ? ms : 1;
}

/* When it began, how long its apply took until it stood, and its way back. */
static void time_stage(const struct rbk_report_moment *moment, uint32_t index,
                       const struct rbk_region_state *was, const struct rbk_region_state *is)
{
    const struct rbk_machine *machine = moment->machine;
    struct rbk_report_region *region = &moment->building->regions[index];
    struct rbk_report_stage *row = &moment->report->stages.items[region->row];
    enum rbk_state_kind kind = machine->states[is->state].kind;

    if (row->began_ms == 0 &&
        (is->stage_attempt != 0 ||
         (machine->regions[index].kind == RBK_REGION_RETIRE && is->mode != RBK_MODE_IDLE))) {
        row->began_ms = moment->at_ms;
    }
    if (was->state == is->state) {
        return;
    }
    if (machine->states[is->state].phase == RBK_PHASE_APPLY &&
        machine->states[was->state].phase != RBK_PHASE_APPLY) {
        region->apply_ms = moment->at_ms;
    }
    if (kind == RBK_STATE_APPLIED && region->apply_ms != 0) {
        row->apply_ms = at_least_1(moment->at_ms - region->apply_ms);
    }
    if (counted(&machine->states[is->state]) == RBK_PHASE_ROLLBACK && region->back_ms == 0) {
        region->back_ms = moment->at_ms;
    }
    if (kind == RBK_STATE_ROLLED_BACK && region->back_ms != 0) {
        row->back_ms = at_least_1(moment->at_ms - region->back_ms);
        region->back_ms = 0;
    }
}

/* ---- without a runner -------------------------------------------------------------------------
 */

static void tell_gap(const struct rbk_report_moment *moment)
{
    struct rbk_run_report *report = moment->report;
    struct rbk_report_gap *gap = rbk_report_push(report, report->gaps, GAPS_MAX);

    if (gap == NULL) {
        return;
    }
    gap->from_ms = moment->before->now_ms;
    gap->to_ms = moment->at_ms;
    gap->who = rbk_report_text(report, moment->record->who);
    for (uint32_t i = 0; i < moment->machine->region_count; i++) {
        gap->under_way +=
            rbk_state_region(moment->machine, moment->after, i)->mode == RBK_MODE_RESOLVING ? 1u
                                                                                            : 0u;
    }
    rbk_report_mark(report, RBK_REPORT_MARK_CRASH, gap->from_ms,
                    rbk_report_passing(report, "no runner for %s at most",
                                       rbk_when_span(gap->to_ms - gap->from_ms).text));
}

/* ---- a record, and the end --------------------------------------------------------------------
 */

void rbk_report_stage(const struct rbk_report_moment *moment)
{
    struct rbk_run_report *report = moment->report;
    const struct rbk_machine *machine = moment->machine;

    if (moment->record->event.kind == RBK_EVENT_RESUMED) {
        tell_gap(moment);
    }
    turn_span(report, &moment->building->run_span, RBK_NONE,
              span_of_run((enum rbk_status)moment->after->status), moment->at_ms);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_report_region *region = &moment->building->regions[i];
        const struct rbk_region_state *was, *is;

        if (region->row == RBK_NONE) {
            continue;
        }
        was = rbk_state_region(machine, moment->before, i);
        is = rbk_state_region(machine, moment->after, i);
        if (memcmp(was, is, sizeof(*is)) == 0) {
            continue; /* where it stood it stands still */
        }
        enum rbk_report_span_kind kind = span_of_region(machine, is);
        turn_span(report, &region->span, region->row, kind, moment->at_ms);
        turn_phase(moment, i, is, kind == RBK_REPORT_SPAN_NONE || kind == RBK_REPORT_SPAN_TURN);
        time_stage(moment, i, was, is);
    }
}

void rbk_report_stages_end(struct rbk_run_report *report, const struct rbk_view *view,
                           const struct rbk_state *state)
{
    uint64_t until_ms = report->until_ms;

    close_span(report, &report->building->run_span, until_ms);
    for (uint32_t i = 0; i < view->machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(view->machine, state, i);
        struct rbk_report_region *region = &report->building->regions[i];
        struct rbk_report_stage *row;

        if (region->row == RBK_NONE) {
            continue;
        }
        close_span(report, &region->span, until_ms);
        row = &report->stages.items[region->row];
        row->status = rbk_view_region_word(view, state, i, &row->tone);
        row->applied = rbk_stage_applied(view->machine, state, i);
        row->attempts = rs->stage_attempt;
        row->rollbacks = rs->rollbacks;
    }
    if (report->ended_ms != 0) {
        rbk_report_mark(report, RBK_REPORT_MARK_END, report->ended_ms,
                        rbk_str_from(rbk_status_name(report->status)));
    } else if (!report->runner) {
        struct rbk_report_gap *gap = rbk_report_push(report, report->gaps, GAPS_MAX);
        if (gap != NULL) {
            *gap = (struct rbk_report_gap){.from_ms = report->last_ms, .who = RBK_STR("")};
            for (uint32_t i = 0; i < view->machine->region_count; i++) {
                uint32_t mode = rbk_state_region(view->machine, state, i)->mode;
                gap->under_way += mode == RBK_MODE_RUNNING || mode == RBK_MODE_CANCELLING ||
                                          mode == RBK_MODE_RESOLVING || mode == RBK_MODE_LOOKING
                                      ? 1u
                                      : 0u;
            }
        }
    }
}
