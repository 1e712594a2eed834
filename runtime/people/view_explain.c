/*
 * What now: why a run does not go on by itself and which commands lead on, and every clock that
 * runs.
 */
#include "runtime/people/view.h"

#include <string.h>

#include "runtime/core/daily.h"
#include "runtime/people/when.h"

/* Where lines go while an explanation is put together. */
struct explain {
    const struct rbk_view *view;
    const struct rbk_state *state;
    rbk_line_fn *emit;
    void *context;
    struct rbk_buffer line;
};

static void send_line(struct explain *explain, enum rbk_tone tone, struct rbk_str stage)
{
    explain->emit(explain->context, tone, stage, rbk_buffer_str(&explain->line));
    rbk_buffer_clear(&explain->line);
}

/* "  rbk retry RUN migrate    try the stage again" */
static void send_command(struct explain *explain, const char *verb, struct rbk_str rest,
                         const char *meaning)
{
    rbk_buffer_append_text(&explain->line, "  ");
    rbk_view_command(explain->view, verb, rest, &explain->line);
    rbk_buffer_printf(&explain->line, "   # %s", meaning);
    send_line(explain, RBK_TONE_ASK, RBK_STR(""));
}

static bool nothing_touched(const struct explain *explain)
{
    const struct rbk_machine *machine = explain->view->machine;
    for (uint32_t region = 0; region < machine->region_count; region++) {
        if (machine->regions[region].kind == RBK_REGION_STAGE &&
            rbk_stage_touched(machine, explain->state, region)) {
            return false;
        }
    }
    return true;
}

static bool rests_undecided(const struct explain *explain, uint32_t region)
{
    const struct rbk_machine *machine = explain->view->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, explain->state, region);
    enum rbk_state_kind kind = machine->states[rs->state].kind;
    return rs->mode == RBK_MODE_IDLE &&
           (kind == RBK_STATE_HELD ||
            (kind == RBK_STATE_ROLLED_BACK && (rs->flags & RBK_FLAG_FOLLOWED) == 0));
}

/* There is no way back from here: the run only ends, with the old system gone or kept. */
static void explain_retire(struct explain *explain, struct rbk_str name)
{
    struct rbk_buffer rest;
    rbk_buffer_init(&rest, 4096);
    send_command(explain, "retry", name, "try it again");
    rbk_buffer_printf(&rest, "%.*s done --reason WHY", RBK_STR_ARG(name));
    send_command(explain, "resolve", rbk_buffer_str(&rest),
                 "you have done it by hand: the run completes");
    rbk_buffer_clear(&rest);
    rbk_buffer_printf(&rest, "%.*s not-done --reason WHY", RBK_STR_ARG(name));
    send_command(explain, "resolve", rbk_buffer_str(&rest),
                 "leave the old system as it is: the run completes");
    rbk_buffer_fini(&rest);
}

/* Append a cause behind some words, or nothing for no cause. */
static void append_because(struct explain *explain, const char *words, struct rbk_cause cause)
{
    size_t before = explain->line.bytes;
    rbk_buffer_append_text(&explain->line, words);
    rbk_view_cause(explain->view, cause, &explain->line);
    if (explain->line.bytes == before + strlen(words)) {
        rbk_buffer_truncate(&explain->line, before);
    }
}

static void explain_stages(struct explain *explain, enum rbk_state_kind wanted)
{
    const struct rbk_machine *machine = explain->view->machine;
    for (uint32_t region = 0; region < machine->region_count; region++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, explain->state, region);
        enum rbk_state_kind kind = machine->states[rs->state].kind;
        struct rbk_str name = machine->regions[region].name;
        if (wanted == RBK_STATE_STUCK ? kind != RBK_STATE_STUCK
                                      : !rests_undecided(explain, region)) {
            continue;
        }
        if (region == 0) { /* what the head of the plan wants first: no stage has begun */
            name = RBK_STR("");
            rbk_buffer_append_text(&explain->line, "no stage has begun");
        } else {
            rbk_buffer_printf(&explain->line, "stage %.*s is %s", RBK_STR_ARG(name),
                              rbk_view_region_word(explain->view, explain->state, region, NULL));
        }
        if (kind == RBK_STATE_STUCK) {
            append_because(explain, ": ", rs->failed_back);
            if (explain->state->turned == 0 ||
                !rbk_view_same_cause(rs->cause, explain->state->cause)) {
                append_because(explain, "; it is going back because of this: ", rs->cause);
            }
        } else {
            append_because(explain, ": ", rs->cause);
            append_because(explain, "; on its way back: ", rs->failed_back);
        }
        send_line(explain, kind == RBK_STATE_STUCK ? RBK_TONE_BAD : RBK_TONE_WARN, name);
        if (kind == RBK_STATE_STUCK) {
            struct rbk_buffer rest;
            rbk_buffer_init(&rest, 4096);
            send_command(explain, "retry", name, "try its ways back again, from the first");
            rbk_buffer_printf(&rest, "%.*s done --reason WHY", RBK_STR_ARG(name));
            send_command(explain, "resolve", rbk_buffer_str(&rest),
                         "you have taken it back by hand, and verified it");
            rbk_buffer_fini(&rest);
        } else if (machine->regions[region].kind == RBK_REGION_RETIRE) {
            explain_retire(explain, name);
        } else if (region == 0) {
            send_command(explain, "retry", name, "begin again");
        } else {
            send_command(explain, "retry", name, "try the stage again");
        }
    }
}

/* Held because a stage would start and nothing could take back what stands. */
static void explain_way_back(struct explain *explain)
{
    uint32_t region = rbk_run_lacks_way_back(explain->view->machine, explain->state);
    if (region == RBK_NONE) {
        return;
    }
    struct rbk_str name = explain->view->machine->regions[region].name;
    rbk_buffer_printf(&explain->line,
                      "stage %.*s stands applied and no way back of it is open: no further stage "
                      "starts, and the run goes on by itself as soon as one opens",
                      RBK_STR_ARG(name));
    send_line(explain, RBK_TONE_WARN, name);
}

/* A pause that came while the run was held or stuck, or before. */
static void explain_wanted(struct explain *explain)
{
    if (explain->state->wanted.kind == RBK_CAUSE_NONE) {
        return;
    }
    rbk_buffer_append_text(&explain->line, "when it would go on it is paused instead: ");
    rbk_view_cause(explain->view, explain->state->wanted, &explain->line);
    send_line(explain, RBK_TONE_WARN, RBK_STR(""));
    send_command(explain, "continue", RBK_STR(""), "take that pause back");
}

static void explain_still(struct explain *explain)
{
    const struct rbk_state *state = explain->state;
    const struct rbk_machine *machine = explain->view->machine;
    bool past_grace = rbk_run_past_grace(machine, state);
    size_t before;

    rbk_buffer_append_text(&explain->line, rbk_status_name((enum rbk_status)state->status));
    before = explain->line.bytes;
    rbk_buffer_append_text(&explain->line, ": ");
    rbk_view_cause(explain->view, state->cause, &explain->line);
    if (explain->line.bytes == before + 2) {
        rbk_buffer_truncate(&explain->line, before);
    }
    if (state->hold_due_ms != 0) {
        rbk_buffer_printf(&explain->line, "; undecided until %s at most, then ",
                          rbk_when_until(state->hold_due_ms, state->now_ms).text);
        uint32_t next = rbk_held_next(machine, state);
        bool asks = next != RBK_NONE && machine->reactions[next].kind == RBK_REACTION_ASK &&
                    machine->reactions[next].question != RBK_NONE;
        if (past_grace && !asks) {
            rbk_buffer_append_text(&explain->line, "the old system is kept");
        } else if (past_grace) { /* whatever its last `else` says: nothing is rolled back */
            rbk_buffer_append_text(&explain->line, "ask ");
            rbk_view_roles(explain->view,
                           machine->questions[machine->reactions[next].question].roles,
                           &explain->line);
            rbk_buffer_append_text(&explain->line, ", and at last the old system is kept");
        } else {
            rbk_view_reaction(explain->view, next, &explain->line);
        }
    }
    send_line(explain, RBK_TONE_WARN, RBK_STR(""));
    explain_wanted(explain);
    if (state->status == RBK_STATUS_PAUSED && state->cause.kind == RBK_CAUSE_INTERRUPT) {
        send_command(explain, "resume", RBK_STR(""), "go on, once the interrupted runner is gone");
    } else if (state->status == RBK_STATUS_PAUSED) {
        send_command(explain, "continue", RBK_STR(""), "go on");
    } else {
        explain_stages(explain, RBK_STATE_HELD);
        explain_way_back(explain);
    }
    if (past_grace) {
        return; /* nothing is rolled back or cancelled any more */
    }
    if (nothing_touched(explain)) {
        send_command(explain, "cancel", RBK_STR(""), "end the run: nothing stands applied");
    } else {
        send_command(explain, "abort", RBK_STR(""), "roll back what stands applied");
    }
}

void rbk_view_explain(const struct rbk_view *view, const struct rbk_state *state, rbk_line_fn *emit,
                      void *context)
{
    struct explain explain = {view, state, emit, context, {0}};
    rbk_buffer_init(&explain.line, RBK_VIEW_BYTES_MAX);
    if (state->status == RBK_STATUS_STUCK) {
        rbk_buffer_append_text(&explain.line,
                               "stuck: a rollback failed, and nothing further is automatic");
        send_line(&explain, RBK_TONE_BAD, RBK_STR(""));
        explain_stages(&explain, RBK_STATE_STUCK);
        explain_wanted(&explain);
    } else if (state->status == RBK_STATUS_PAUSED || state->status == RBK_STATUS_HELD) {
        explain_still(&explain);
    }
    rbk_buffer_fini(&explain.line);
}

/* When the next one is told; 0: nobody is. */
static uint64_t next_told_ms(const struct rbk_machine *machine, const struct rbk_state *state)
{
    return state->status == RBK_STATUS_STUCK && state->escalated < machine->escalation_count
               ? state->stuck_ms + machine->escalations[state->escalated].after_ms
               : 0;
}

void rbk_view_escalation(const struct rbk_view *view, const struct rbk_state *state,
                         uint64_t now_ms, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    uint64_t next_ms = next_told_ms(machine, state);
    if (state->status != RBK_STATUS_STUCK) {
        return;
    }
    for (uint32_t i = 0; i < state->escalated && i < machine->escalation_count; i++) {
        rbk_buffer_printf(out, "%s%.*s", i == 0 ? "" : ", ",
                          RBK_STR_ARG(machine->roles[machine->escalations[i].role].name));
    }
    if (next_ms != 0) {
        const struct rbk_role *role = &machine->roles[machine->escalations[state->escalated].role];
        rbk_buffer_printf(out, "%s%.*s in %s", state->escalated == 0 ? "" : "; ",
                          RBK_STR_ARG(role->name),
                          rbk_when_ticks(rbk_when_between(now_ms, next_ms)).text);
    }
}

/* ---- what a stage waits for -------------------------------------------------------------------
 */

/* The stages before it that do not stand. */
static void wait_for_stages(const struct rbk_machine *machine, const struct rbk_state *state,
                            const struct rbk_region *row, struct rbk_buffer *out)
{
    const char *between = "after ";
    for (uint32_t i = 0; i < row->predecessors.count; i++) {
        const struct rbk_predecessor *before = &machine->predecessors[row->predecessors.first + i];
        if (!rbk_predecessor_stands(machine, state, before)) {
            rbk_buffer_printf(out, "%s%.*s", between,
                              RBK_STR_ARG(machine->regions[before->region].name));
            between = ", ";
        }
    }
}

/* Its window, its `not before` in a zone, or both: who only watches has no tables of zones. */
static void wait_for_hours(const struct rbk_machine *machine, const struct rbk_region *row,
                           struct rbk_buffer *out)
{
    uint32_t window = row->window != RBK_NONE ? row->window : machine->daily_window;
    if (row->not_before_zone.bytes != 0) {
        rbk_buffer_append_text(out, "until ");
        rbk_daily_print_shown(out, row->not_before_shown_ms, row->not_before_zone);
    }
    if (window < machine->daily_window_count) {
        rbk_buffer_printf(out, "%sfor its window ",
                          row->not_before_zone.bytes != 0 ? ", then " : "");
        rbk_daily_print(out, &machine->daily_windows[window]);
    }
}

void rbk_view_waits_for(const struct rbk_view *view, const struct rbk_state *state, uint32_t region,
                        struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    const struct rbk_region *row = &machine->regions[region];
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    struct rbk_stage_wait wait;

    if (rbk_view_turned(state) || !rbk_stage_waits(machine, state, region, &wait)) {
        return;
    }
    if (wait.stages) {
        wait_for_stages(machine, state, row, out);
    } else if (wait.at_ms > state->now_ms) {
        rbk_buffer_printf(out, "until %s", rbk_when_until(wait.at_ms, state->now_ms).text);
        if (rs->due_ms != 0) { /* its next attempt */
            rbk_buffer_printf(out, " for try %u of %u", rs->stage_attempt + 1, row->attempts);
        }
    } else if (wait.hours) {
        wait_for_hours(machine, row, out);
    } else if (rbk_stage_flagged(machine, state, RBK_FLAG_WAY_CLOSED) != RBK_NONE) {
        rbk_buffer_append_text(out, "for a way back of what stands applied");
    } else if (rbk_stage_flagged(machine, state, RBK_FLAG_WAY_UNREAD) != RBK_NONE) {
        rbk_buffer_append_text(out, "for the first look at the ways back of what stands applied");
    }
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

static const char *block_word(enum rbk_phase phase)
{
    switch (phase) {
    case RBK_PHASE_PREPARE:
        return "`within` of prepare";
    case RBK_PHASE_APPLY:
        return "`within` of apply";
    case RBK_PHASE_VERIFY:
        return "`within` of verify";
    case RBK_PHASE_ROLLBACK:
    case RBK_PHASE_ROLLBACK_VERIFY:
        return "`within` of the rollback";
    default:
        return "`within` of the block";
    }
}

static void time_region(const struct rbk_view *view, const struct rbk_state *state, uint32_t region,
                        rbk_timer_fn *emit, void *context)
{
    const struct rbk_machine *machine = view->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    const struct rbk_machine_state *at = &machine->states[rs->state];
    const struct rbk_effect *effect = rbk_view_effect(view, state, region);
    struct rbk_timer timer = {.name = at->name, .due_ms = rs->due_ms};

    if (at->kind == RBK_STATE_WAITING && rs->due_ms != 0 && !rbk_view_turned(state)) {
        timer.what = "next attempt";
        timer.name = rbk_view_stage_name(view, region);
        emit(context, &timer);
    }
    if (rs->mode == RBK_MODE_IDLE || rs->mode == RBK_MODE_DONE) {
        return;
    }
    if (rs->due_ms != 0) {
        timer.what = rs->mode == RBK_MODE_RETRY    ? "next attempt"
                     : rs->mode == RBK_MODE_ASKING ? "answer"
                     : rs->mode == RBK_MODE_DOUBT  ? "answer about the doubt"
                                                   : "waits";
        emit(context, &timer);
    }
    if (rs->mode == RBK_MODE_RUNNING && effect != NULL && effect->timeout_ms != 0) {
        timer = (struct rbk_timer){
            .what = "timeout", .name = at->name, .span_ms = effect->timeout_ms, .budget = true};
        emit(context, &timer);
    }
    uint32_t block = at->block;
    for (uint32_t hops = 0; block < machine->block_count && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        const struct rbk_block *row = &machine->blocks[block];
        if (row->region == region && row->depth < RBK_BLOCK_DEPTH_MAX &&
            rs->block_due_ms[row->depth] != 0) {
            timer = (struct rbk_timer){.what = block_word(at->phase),
                                       .name = rbk_view_stage_name(view, region),
                                       .due_ms = rs->block_due_ms[row->depth]};
            emit(context, &timer);
        }
        block = row->parent;
    }
}

static void time_plan(const struct rbk_view *view, const struct rbk_state *state,
                      rbk_timer_fn *emit, void *context)
{
    const struct rbk_region_state *plan = rbk_state_region(view->machine, state, 0);
    struct rbk_timer timer = {0};
    if (state->hold_due_ms != 0) {
        timer.what = "decision of a person";
        timer.due_ms = state->hold_due_ms;
        emit(context, &timer);
    }
    if (state->plan_due_ms != 0) {
        enum rbk_state_kind kind = view->machine->states[plan->state].kind;
        timer.what = kind == RBK_STATE_OBSERVE ? "observe"
                     : kind == RBK_STATE_GRACE ? "grace"
                                               : "`rollback within` of the plan";
        timer.due_ms = state->plan_due_ms;
        emit(context, &timer);
    }
    if (next_told_ms(view->machine, state) != 0) {
        timer.what = "escalation";
        timer.name = view->machine->roles[view->machine->escalations[state->escalated].role].name;
        timer.due_ms = next_told_ms(view->machine, state);
        emit(context, &timer);
        timer.name = RBK_STR("");
    }
    if (state->criteria_due_ms != 0) {
        timer.what = "abort criterion";
        timer.due_ms = state->criteria_due_ms;
        emit(context, &timer);
    }
}

void rbk_view_timers(const struct rbk_view *view, const struct rbk_state *state, rbk_timer_fn *emit,
                     void *context)
{
    time_plan(view, state, emit, context);
    for (uint32_t region = 0; region < view->machine->region_count; region++) {
        time_region(view, state, region, emit, context);
    }
    for (uint32_t i = 0; i < view->machine->trigger_count; i++) {
        const struct rbk_trigger_state *ts = rbk_state_trigger(view->machine, state, i);
        if (ts->due_ms != 0) {
            struct rbk_timer timer = {.what = ts->mode == RBK_TRIGGER_HOLDING ? "trigger holds"
                                                                              : "answer",
                                      .name = view->machine->triggers[i].name,
                                      .due_ms = ts->due_ms};
            emit(context, &timer);
        }
    }
}
