/*
 * The watcher: it sees the events that go in, the actions that come out, and the rows regions stand
 * in afterwards, as an observer of a run would, and keeps books of its own. From these it judges
 * every property that one step can break. It asks none of the functions by which step() decides.
 *
 * Its books (struct watch, struct run_watch) are part of a state: two states that it would judge
 * differently are two.
 */
#include "compiler/explore/internal.h"

#include "runtime/core/base/assert.h"

void rbk_explore_found(struct explorer *x, enum rbk_explore_property property, uint32_t region,
                       uint32_t state, const char *text)
{
    if (x->told) {
        return; /* a story is being told: it was found before */
    }
    x->found_seen++;
    if (x->properties_found >> property & 1 || x->found_count == RBK_EXPLORE_VIOLATIONS_MAX) {
        return; /* one story for each property: the first is the shortest */
    }
    x->properties_found |= 1u << property;
    x->found[x->found_count++] = (struct found){.property = (uint8_t)property,
                                                .from = x->current,
                                                .move = x->move,
                                                .region = region,
                                                .state = state,
                                                .text = text};
}

static const struct rbk_region_state *before_of(const struct explorer *x, uint32_t region)
{
    return x->from.regions + region;
}

static const struct rbk_region_state *after_of(const struct explorer *x, uint32_t region)
{
    return x->work.regions + region;
}

static bool is_stage(const struct explorer *x, uint32_t region)
{
    return x->model.cut.regions[region].kind == RBK_REGION_STAGE;
}

static bool is_back(enum rbk_phase phase)
{
    return phase == RBK_PHASE_ROLLBACK || phase == RBK_PHASE_ROLLBACK_VERIFY;
}

/* ---- the table ---- */

#define WALK_DEPTH_MAX 32u

/* Whether a row leads to another through rows that do nothing. */
static bool leads_to(const struct rbk_machine *machine, uint32_t row, uint32_t to, uint32_t depth)
{
    for (uint32_t hops = 0; row != RBK_NONE && hops <= machine->state_count; hops++) {
        const struct rbk_machine_state *at = &machine->states[row];
        if (row == to) {
            return true;
        }
        if (at->kind == RBK_STATE_GUARD) {
            if (depth < WALK_DEPTH_MAX &&
                leads_to(machine, at->next[RBK_OUTCOME_OK], to, depth + 1)) {
                return true;
            }
            row = at->next[RBK_OUTCOME_FAIL];
        } else if (at->kind == RBK_STATE_PASS) {
            row = at->next[RBK_OUTCOME_OK];
        } else {
            return false;
        }
    }
    return false;
}

/* Whether the plan lets a region go from one row to another when its effect has done its work. */
static bool follows_ok(const struct rbk_machine *machine, uint32_t from, uint32_t to)
{
    return leads_to(machine, machine->states[from].next[RBK_OUTCOME_OK], to, 0);
}

/* … or when it has not: a condition that does not hold, a failure passed over, silence. */
static bool follows_otherwise(const struct rbk_machine *machine, uint32_t from, uint32_t to)
{
    const struct rbk_machine_state *at = &machine->states[from];
    const struct rbk_effect *effect = at->effect == RBK_NONE ? NULL : &machine->effects[at->effect];
    for (uint32_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        if (i != RBK_OUTCOME_OK && leads_to(machine, at->next[i], to, 0)) {
            return true;
        }
    }
    return effect && effect->optional && follows_ok(machine, from, to);
}

/* ---- what an event proves ---- */

/* Whether the event says that what the region had under way was done. */
static bool says_done(const struct explorer *x, const struct rbk_event *event, uint32_t region)
{
    const struct rbk_region_state *was = before_of(x, region);
    enum watch_awaited awaited = (enum watch_awaited)x->from.watches[region].awaited;
    switch (event->kind) {
    case RBK_EVENT_RESULT:
        return event->serial == was->serial && event->outcome == RBK_OUTCOME_OK &&
               (awaited == AWAITS_RESULT || awaited == AWAITS_LOOK || awaited == AWAITS_ANSWER);
    case RBK_EVENT_RESOLVED:
        return event->serial == was->serial && event->recovery == RBK_RECOVERY_KNOWN &&
               event->outcome == RBK_OUTCOME_OK;
    case RBK_EVENT_ANSWER:
        return event->owner == RBK_OWNER_REGION && event->index == region &&
               (event->answer == RBK_ANSWER_YES || event->answer == RBK_ANSWER_DONE);
    case RBK_EVENT_COMMAND:
        return event->command == RBK_COMMAND_RESOLVE && event->index == region &&
               event->answer == RBK_ANSWER_DONE;
    default:
        return false;
    }
}

static bool says_doubt(const struct rbk_event *event)
{
    return (event->kind == RBK_EVENT_RESULT && event->outcome == RBK_OUTCOME_DOUBT) ||
           (event->kind == RBK_EVENT_RESOLVED && event->recovery == RBK_RECOVERY_UNKNOWN);
}

/* ---- verify ---- */

/* What a region has left behind may be the proof that its stage waited for. */
static void note_proof(struct explorer *x, const struct rbk_event *event, uint32_t region,
                       uint32_t from)
{
    const struct rbk_machine *machine = &x->model.cut;
    uint32_t stage = x->model.roots[region];
    bool test = machine->states[from].effect != RBK_NONE &&
                machine->effects[machine->states[from].effect].kind == RBK_EFFECT_TEST;
    if (rbk_explore_shows(machine, from) && (test || says_done(x, event, region)) &&
        is_stage(x, stage)) {
        x->work.watches[stage].proved = 1;
        x->changed[stage / 64] |= UINT64_C(1) << stage % 64;
    }
}

/* ---- rows ---- */

/* A stage, or the retire, has come to count as applied, or as taken back. */
static void judge_arrival(struct explorer *x, const struct rbk_event *event, uint32_t region,
                          uint32_t from, enum rbk_state_kind arrived)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region *row = &machine->regions[region];
    bool applied = arrived == RBK_STATE_APPLIED;
    uint32_t to = applied ? row->applied : row->rolled_back;
    bool by_hand = !applied && machine->states[from].kind == RBK_STATE_STUCK &&
                   event->kind == RBK_EVENT_COMMAND && event->answer == RBK_ANSWER_DONE;
    bool seen = x->model.proofs[region] & (applied ? PROOF_APPLIED : PROOF_ROLLED_BACK);
    bool proved = x->work.watches[region].proved || !seen;
    x->work.watches[region].proved = 0; /* it has served */
    if (to == RBK_NONE || by_hand ||
        (proved && (follows_ok(machine, from, to) || follows_otherwise(machine, from, to)))) {
        return;
    }
    rbk_explore_found(x, RBK_EXPLORE_VERIFY, region, from,
                      applied ? "it counts as applied, and its verify was not carried out"
                              : "it counts as rolled back, and that was not verified");
}

/* An effect was left behind: was it done? */
static void judge_leaving(struct explorer *x, const struct rbk_event *event, uint32_t region,
                          uint32_t from, uint32_t to)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_machine_state *at = &machine->states[from];
    if (at->kind != RBK_STATE_EFFECT || !follows_ok(machine, from, to) ||
        follows_otherwise(machine, from, to) || says_done(x, event, region)) {
        return;
    }
    bool doubtful = says_doubt(event) || before_of(x, region)->mode == RBK_MODE_DOUBT ||
                    before_of(x, region)->mode == RBK_MODE_LOOKING;
    bool verify = at->phase == RBK_PHASE_VERIFY || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
    if (doubtful) {
        rbk_explore_found(x, RBK_EXPLORE_DOUBT, region, from,
                          "nobody knows whether it happened, and it is taken as done");
    } else {
        rbk_explore_found(x, verify ? RBK_EXPLORE_VERIFY : RBK_EXPLORE_BROKEN, region, from,
                          "it was not done, and what comes after it begins");
    }
}

static void judge_row(struct explorer *x, const struct rbk_event *event, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    uint32_t from = before_of(x, region)->state;
    uint32_t to = after_of(x, region)->state;
    const struct rbk_machine_state *at = &machine->states[to];
    struct watch *watch = &x->work.watches[region];
    if (x->model.roles[region] == ROLE_AT_ONCE) {
        watch->rank = 0; /* what takes no time is in nobody's way */
        watch->flags = 0;
        return;
    }
    if (from == to) {
        return;
    }
    judge_leaving(x, event, region, from, to);
    note_proof(x, event, region, from);
    if (!is_stage(x, region)) {
        return;
    }
    bool came_back = at->kind == RBK_STATE_ROLLED_BACK ||
                     (is_back(machine->states[from].phase) && at->kind != RBK_STATE_APPLIED &&
                      (at->kind == RBK_STATE_WAITING || at->phase < RBK_PHASE_ROLLBACK));
    if (at->kind == RBK_STATE_APPLIED) {
        judge_arrival(x, event, region, from, RBK_STATE_APPLIED);
        if (!watch->rank) {
            watch->rank = UINT16_MAX; /* an apply without an effect: it comes last */
        }
    } else if (came_back && x->from.watches[region].rank) {
        judge_arrival(x, event, region, from, RBK_STATE_ROLLED_BACK);
    }
    if (came_back || at->kind == RBK_STATE_WAITING || at->kind == RBK_STATE_HELD) {
        watch->rank = came_back || at->kind == RBK_STATE_WAITING ? 0 : watch->rank;
        watch->flags = 0;
        watch->proved = 0;
    }
}

/* ---- actions ---- */

static bool starts_effect(const struct explorer *x, const struct rbk_action *action)
{
    if (action->kind == RBK_ACTION_DISPATCH) {
        return true;
    }
    return action->kind == RBK_ACTION_QUESTION_OPEN && action->owner == RBK_OWNER_REGION &&
           after_of(x, action->region)->mode == RBK_MODE_ASKING;
}

/* No effect goes forward on what is being taken back, nor once the run turned round. */
static void judge_forward(struct explorer *x, uint32_t stage, uint32_t state)
{
    const struct watch *watches = x->work.watches;
    if (x->work.run.aborted || x->work.run.cancelled) {
        rbk_explore_found(x, RBK_EXPLORE_FORWARD, stage, state,
                          "it begins although the run was told to end");
        return;
    }
    if (!is_stage(x, stage)) {
        return;
    }
    if (watches[stage].flags) {
        rbk_explore_found(x, RBK_EXPLORE_FORWARD, stage, state,
                          "it begins while its own stage is being rolled back");
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (watches[i].flags & WATCH_ROLLING && i != stage &&
            (rbk_explore_depends(&x->model, i, stage) ||
             rbk_explore_depends(&x->model, stage, i))) {
            rbk_explore_found(x, RBK_EXPLORE_FORWARD, stage, state,
                              "it begins while a stage tied to it is being rolled back");
        }
    }
}

/* A stage's rollback begins: nothing that was applied later may still stand. */
static void judge_back(struct explorer *x, uint32_t stage, uint32_t state)
{
    struct watch *watches = x->work.watches;
    if (watches[stage].flags & WATCH_ROLLING) {
        return;
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        bool later = watches[i].rank > watches[stage].rank;
        bool tied = rbk_explore_depends(&x->model, i, stage);
        if (i == stage || !watches[i].rank) {
            continue;
        }
        if (watches[i].flags & WATCH_ROLLING) {
            rbk_explore_found(x, RBK_EXPLORE_ORDER, stage, state,
                              "it begins while another stage is being rolled back");
        } else if (tied || (later && (x->work.run.aborted || watches[i].flags & WATCH_TOLD))) {
            rbk_explore_found(x, RBK_EXPLORE_ORDER, stage, state,
                              "it begins although a stage that was applied later still stands");
        }
    }
    watches[stage].flags |= WATCH_TOLD | WATCH_ROLLING;
}

/* Whether an effect, or a block around it, has an end in time. */
static bool ends_in_time(const struct explorer *x, uint32_t state)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_effect *effect = &machine->effects[machine->states[state].effect];
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
    case RBK_EFFECT_CAPTURE_RUN:
    case RBK_EFFECT_WAIT_UNTIL:
        break;
    default:
        return true; /* readings have their own limit, the rest takes no time or its own */
    }
    uint32_t block = machine->states[state].block;
    bool ends = effect->timeout_ms != 0;
    for (uint32_t hops = 0; block != RBK_NONE && hops < RBK_BLOCK_DEPTH_MAX && !ends; hops++) {
        ends = machine->blocks[block].within_ms != 0;
        block = machine->blocks[block].parent;
    }
    return ends;
}

static void judge_action(struct explorer *x, const struct rbk_event *event,
                         const struct rbk_action *action)
{
    const struct rbk_machine *machine = &x->model.cut;
    if (action->kind == RBK_ACTION_QUESTION_OPEN && action->due_ms <= x->work.state->now_ms) {
        rbk_explore_found(x, RBK_EXPLORE_WAIT, RBK_NONE, action->state,
                          "a question is asked that nothing ends");
    }
    if (action->owner == RBK_OWNER_TRIGGER || action->region == RBK_NONE) {
        return;
    }
    struct watch *watch = &x->work.watches[action->region];
    switch (action->kind) {
    case RBK_ACTION_DISPATCH:
        watch->awaited = AWAITS_RESULT;
        break;
    case RBK_ACTION_LOOK:
        watch->awaited = AWAITS_LOOK;
        break;
    case RBK_ACTION_CANCEL:
        watch->awaited = AWAITS_CANCEL;
        break;
    case RBK_ACTION_RESOLVE:
        watch->awaited = AWAITS_RESOLVED;
        break;
    case RBK_ACTION_QUESTION_OPEN:
        watch->awaited = AWAITS_ANSWER;
        break;
    case RBK_ACTION_QUESTION_CLOSE:
        watch->awaited = AWAITS_NOTHING;
        break;
    default:
        return;
    }
    if (!starts_effect(x, action)) {
        return;
    }
    uint32_t stage = x->model.roots[action->region];
    enum rbk_phase phase = machine->states[action->state].phase;
    x->visited[action->state / 64] |= UINT64_C(1) << action->state % 64;
    if (action->kind == RBK_ACTION_DISPATCH && !ends_in_time(x, action->state)) {
        rbk_explore_found(x, RBK_EXPLORE_WAIT, stage, action->state,
                          "it begins, and neither it nor a block around it has an end");
    }
    if (phase == RBK_PHASE_APPLY && is_stage(x, stage) && !x->work.watches[stage].rank) {
        x->work.watches[stage].rank = UINT16_MAX; /* made small when the state is kept */
    }
    if (phase == RBK_PHASE_APPLY || phase == RBK_PHASE_ROLLBACK) {
        x->work.watches[stage].proved = 0;
        x->changed[stage / 64] |= UINT64_C(1) << stage % 64;
    }
    if (is_back(phase)) {
        judge_back(x, stage, action->state);
    } else if (phase != RBK_PHASE_RELEASE && event->kind != RBK_EVENT_RESUMED) {
        judge_forward(x, stage, action->state);
    }
}

/* ---- decisions ---- */

static bool past_return(const struct explorer *x)
{
    const struct rbk_machine_state *plan = &x->model.cut.states[before_of(x, 0)->state];
    return plan->kind == RBK_STATE_RETIRING || plan->phase == RBK_PHASE_RELEASE;
}

static bool decides_abort(const struct explorer *x, const struct rbk_event *event)
{
    const struct rbk_machine *machine = &x->model.cut;
    if (event->kind == RBK_EVENT_CRITERION) {
        return true;
    }
    if (event->kind == RBK_EVENT_COMMAND) {
        return event->command == RBK_COMMAND_ABORT || event->command == RBK_COMMAND_SIGNAL;
    }
    if (x->move.kind == MOVE_TIME_HOLD && !past_return(x)) {
        uint32_t next = rbk_held_next(machine, x->from.state);
        return next == RBK_NONE || machine->reactions[next].kind == RBK_REACTION_ABORT;
    }
    return x->decided == RBK_REACTION_ABORT;
}

static bool anything_stands(const struct explorer *x)
{
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (x->from.watches[i].rank) {
            return true;
        }
    }
    return false;
}

/* What the event decided, before the actions it gave rise to are judged. */
static void note_decision(struct explorer *x, const struct rbk_event *event)
{
    struct run_watch *run = &x->work.run;
    bool cancels = (event->kind == RBK_EVENT_COMMAND && event->command == RBK_COMMAND_CANCEL) ||
                   x->decided == RBK_REACTION_CANCEL;
    bool ending = run->aborted || run->cancelled;
    uint32_t trigger =
        x->move.kind == MOVE_TRIGGER_PATH ? x->model.paths[x->move.index].trigger : RBK_NONE;
    uint32_t stage = trigger == RBK_NONE ? RBK_NONE : x->model.cut.triggers[trigger].region;
    if (ending) {
        return;
    }
    if (decides_abort(x, event) || (cancels && anything_stands(x)) ||
        (x->decided == RBK_REACTION_ROLLBACK && stage == RBK_NONE)) {
        run->aborted = 1;
    } else if (cancels) {
        run->cancelled = 1;
    } else if (x->decided == RBK_REACTION_ROLLBACK && x->work.watches[stage].rank) {
        x->work.watches[stage].flags |= WATCH_TOLD;
        x->changed[stage / 64] |= UINT64_C(1) << stage % 64;
    }
}

/* ---- the run ---- */

static void judge_end(struct explorer *x)
{
    const struct rbk_machine *machine = &x->model.cut;
    enum rbk_status status = (enum rbk_status)x->work.state->status;
    if (x->work.run.aborted && status != RBK_STATUS_ABORTED) {
        rbk_explore_found(x, RBK_EXPLORE_ABORT, RBK_NONE, RBK_NONE,
                          "the run was told to abort, and ends otherwise");
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        bool kept = status == RBK_STATUS_COMPLETED &&
                    machine->states[after_of(x, i)->state].kind == RBK_STATE_APPLIED;
        if (is_stage(x, i) && !kept && x->work.watches[i].rank) {
            rbk_explore_found(x, RBK_EXPLORE_STANDS, i, after_of(x, i)->state,
                              "the run ends, and what it applied was neither kept nor taken back");
        } else if (is_stage(x, i) && !kept && status == RBK_STATUS_COMPLETED) {
            rbk_explore_found(x, RBK_EXPLORE_STANDS, i, after_of(x, i)->state,
                              "the run completes, and it does not stand applied");
        }
    }
}

static void judge_run(struct explorer *x)
{
    const struct rbk_state *state = x->work.state;
    enum rbk_status status = (enum rbk_status)state->status;
    bool turned =
        status == RBK_STATUS_ABORTING || status == RBK_STATUS_ABORTED || status == RBK_STATUS_STUCK;
    if (x->work.run.aborted && !turned) {
        rbk_explore_found(x, RBK_EXPLORE_ABORT, RBK_NONE, RBK_NONE,
                          "the run was told to abort, and does not");
    }
    if ((status == RBK_STATUS_HELD || status == RBK_STATUS_PAUSED) &&
        state->hold_due_ms <= state->now_ms && x->move.kind != MOVE_TIME_HOLD) {
        rbk_explore_found(x, RBK_EXPLORE_WAIT, RBK_NONE, RBK_NONE,
                          "the run waits for a decision, and nothing ends that");
    }
    if (state->ended_ms) {
        judge_end(x);
    }
}

/* The mode a region is in says what it awaits; somebody must have been asked for it. */
static void judge_awaited(struct explorer *x, uint32_t region)
{
    static const uint8_t expected[RBK_MODE_COUNT] = {
        [RBK_MODE_RUNNING] = AWAITS_RESULT,     [RBK_MODE_CANCELLING] = AWAITS_CANCEL,
        [RBK_MODE_RESOLVING] = AWAITS_RESOLVED, [RBK_MODE_LOOKING] = AWAITS_LOOK,
        [RBK_MODE_ASKING] = AWAITS_ANSWER,      [RBK_MODE_DOUBT] = AWAITS_ANSWER};
    const struct rbk_region_state *rs = after_of(x, region);
    struct watch *watch = &x->work.watches[region];
    uint8_t awaited = rs->mode < RBK_MODE_COUNT ? expected[rs->mode] : AWAITS_NOTHING;
    bool timed =
        rs->mode == RBK_MODE_RETRY || rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT;
    if (awaited != AWAITS_NOTHING && awaited != watch->awaited) {
        rbk_explore_found(x, RBK_EXPLORE_WAIT, region, rs->state,
                          "it waits for something that nobody was asked for");
    } else if (timed && rs->due_ms <= x->work.state->now_ms && x->move.kind != MOVE_TIME_REGION) {
        rbk_explore_found(x, RBK_EXPLORE_WAIT, region, rs->state,
                          "it waits, and nothing ends that");
    }
    watch->awaited = awaited;
}

/* What the driver, or the death of the runner, has settled. */
static void note_event(struct explorer *x, const struct rbk_event *event)
{
    bool any = event->kind == RBK_EVENT_RESULT || event->kind == RBK_EVENT_RESOLVED ||
               event->kind == RBK_EVENT_RESUMED;
    for (uint32_t i = 0; any && i < x->model.cut.region_count; i++) {
        struct watch *watch = &x->work.watches[i];
        bool answered = (event->kind == RBK_EVENT_RESULT || event->kind == RBK_EVENT_RESOLVED) &&
                        before_of(x, i)->serial == event->serial;
        bool lost = event->kind == RBK_EVENT_RESUMED && watch->awaited != AWAITS_ANSWER;
        if (answered || lost) {
            watch->awaited = AWAITS_NOTHING;
        }
        if (answered && event->kind == RBK_EVENT_RESOLVED &&
            event->recovery == RBK_RECOVERY_ATTACHED) {
            watch->awaited = AWAITS_RESULT;
        }
    }
}

/* A stage that was told to go back is on its way. */
static void judge_told(struct explorer *x, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region_state *rs = after_of(x, region);
    const struct rbk_machine_state *at = &machine->states[rs->state];
    struct watch *watch = &x->work.watches[region];
    bool on_its_way = at->kind == RBK_STATE_ROLLBACK || at->kind == RBK_STATE_STUCK ||
                      is_back(at->phase) || rs->target == machine->regions[region].rollback;
    if (!watch->rank) {
        return;
    }
    if (on_its_way) {
        watch->flags |= WATCH_TOLD;
    } else if (watch->flags & WATCH_TOLD) {
        rbk_explore_found(x, RBK_EXPLORE_ABORT, region, rs->state,
                          "it was told to roll back, and does not");
    }
    if (at->kind == RBK_STATE_STUCK || at->kind == RBK_STATE_ROLLBACK) {
        watch->flags &= (uint8_t)~WATCH_ROLLING;
    }
}

void rbk_explore_watch_step(struct explorer *x, const struct rbk_event *event)
{
    uint32_t count = x->model.cut.region_count;
    rbk_explore_note_changes(x);
    note_event(x, event);
    note_decision(x, event);
    for (uint32_t i = 0; i < count; i++) {
        if (rbk_explore_changed(x, i)) {
            judge_row(x, event, i);
        }
    }
    for (size_t i = 0; i < x->actions.count; i++) {
        judge_action(x, event, &x->actions.items[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rbk_region_state *rs = after_of(x, i);
        if (!rbk_explore_changed(x, i) && event->kind != RBK_EVENT_RESUMED) {
            continue;
        }
        x->visited[rs->state / 64] |= UINT64_C(1) << rs->state % 64;
        judge_awaited(x, i);
        if (is_stage(x, i)) {
            judge_told(x, i);
        }
    }
    judge_run(x);
    x->edge_count++;
}
