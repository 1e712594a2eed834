/*
 * What can happen in a state. A move that turns out to be impossible is refused by step() and costs
 * a little time; a move that is missing here would be a hole in every proof.
 */
#include "compiler/explore/internal.h"

enum edge_kind rbk_explore_edge_kind(const struct move *move)
{
    switch ((enum move_kind)move->kind) {
    case MOVE_RESULT: /* that of a question: nobody has to bring it about */
        return move->more ? EDGE_PERSON : EDGE_DRIVER;
    case MOVE_START:
    case MOVE_RESOLVED:
        return EDGE_DRIVER;
    case MOVE_WINDOW: /* windows open again, and so do ways back: the world's doing */
    case MOVE_WAY_BACK:
        return move->detail == RBK_LEVEL_TRUE ? EDGE_DRIVER : EDGE_PERSON;
    case MOVE_TIME_REGION:
    case MOVE_TIME_BLOCK:
    case MOVE_TIME_START:
    case MOVE_TIME_PLAN:
    case MOVE_TIME_HOLD:
    case MOVE_TIME_TRIGGER:
        return EDGE_TIME;
    default:
        return EDGE_PERSON;
    }
}

/* ---- effects ---- */

#define CAN(outcome) (1u << RBK_OUTCOME_##outcome)

/* How an effect of this kind can end, as a set of outcomes. */
static unsigned outcomes_of(enum rbk_effect_kind kind)
{
    switch (kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
    case RBK_EFFECT_CAPTURE_RUN:
        return CAN(OK) | CAN(FAIL) | CAN(TIMEOUT) | CAN(DOUBT);
    case RBK_EFFECT_LET:
    case RBK_EFFECT_CHECK:
    case RBK_EFFECT_TEST:
    case RBK_EFFECT_REQUIRE:
    case RBK_EFFECT_WAIT_UNTIL:
    case RBK_EFFECT_CAPTURE:
    case RBK_EFFECT_BASELINE:
    case RBK_EFFECT_ARM:
        return CAN(OK) | CAN(FAIL) | CAN(TIMEOUT) | CAN(MISSING);
    case RBK_EFFECT_WAIT:
    case RBK_EFFECT_NOTIFY:
        return CAN(OK) | CAN(FAIL);
    case RBK_EFFECT_NOTHING:
    case RBK_EFFECT_QUESTION:
    case RBK_EFFECT_KIND_COUNT:
        break;
    }
    return CAN(OK);
}

static bool can_doubt(enum rbk_effect_kind kind)
{
    return outcomes_of(kind) & CAN(DOUBT);
}

/* The same move, once more with each counter that the state does not keep at its limit. */
static void try_counted(struct explorer *x, move_fn *try_move, struct move move, bool attempts)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region_state *rs = rbk_state_region(machine, x->from.state, move.index);
    uint32_t phase = machine->states[rs->state].phase;
    bool back = phase == RBK_PHASE_ROLLBACK || phase == RBK_PHASE_ROLLBACK_VERIFY;
    uint32_t root = x->model.roots[move.index];
    bool stage = back && machine->regions[root].attempts > 1;
    bool follows = back && x->from.regions[root].flags & RBK_FLAG_FOLLOWED;
    for (unsigned variant = 0; variant < VARIANT_COUNT; variant++) {
        bool possible = (attempts || !(variant & VARIANT_ATTEMPTS_OVER)) &&
                        (stage || !(variant & VARIANT_STAGE_ATTEMPTS_OVER)) &&
                        (follows || !(variant & VARIANT_LEADS));
        if (x->options->full ? variant == 0 : possible) {
            move.variant = (uint8_t)variant;
            try_move(x, move);
        }
    }
}

static void running_moves(struct explorer *x, move_fn *try_move, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region_state *rs = &x->from.regions[region];
    const struct rbk_machine_state *at = &machine->states[rs->state];
    unsigned outcomes = outcomes_of(machine->effects[at->effect].kind);
    bool test = machine->effects[at->effect].kind == RBK_EFFECT_TEST;
    for (unsigned i = 0; i < RBK_OUTCOME_COUNT; i++) {
        struct move move = {.kind = MOVE_RESULT, .detail = (uint8_t)i, .index = region};
        bool as_failure = !test && (at->next[RBK_OUTCOME_MISSING] == RBK_NONE ||
                                    at->next[RBK_OUTCOME_MISSING] == at->next[RBK_OUTCOME_FAIL]);
        if (!(outcomes >> i & 1) || (i == RBK_OUTCOME_MISSING && as_failure && !x->options->full)) {
            continue; /* what leads to the same place differs in the cause alone */
        }
        try_counted(x, try_move, move, i != RBK_OUTCOME_OK);
    }
}

static void region_moves(struct explorer *x, move_fn *try_move, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region_state *rs = &x->from.regions[region];
    const struct rbk_machine_state *at = &machine->states[rs->state];
    struct move move = {.index = region};
    switch ((enum rbk_mode)rs->mode) {
    case RBK_MODE_RUNNING:
        running_moves(x, try_move, region);
        break;
    case RBK_MODE_LOOKING:
        move.kind = MOVE_RESULT;
        for (unsigned i = 0; i < 3; i++) {
            static const uint8_t looked[] = {RBK_OUTCOME_OK, RBK_OUTCOME_FAIL, RBK_OUTCOME_MISSING};
            move.detail = looked[i];
            try_counted(x, try_move, move, i == 1);
        }
        break;
    case RBK_MODE_CANCELLING:
        move.kind = MOVE_RESULT;
        move.detail = RBK_OUTCOME_OK;
        try_move(x, move);
        move.detail = RBK_OUTCOME_FAIL;
        try_move(x, move);
        if (can_doubt(machine->effects[at->effect].kind)) {
            move.detail = RBK_OUTCOME_DOUBT;
            try_move(x, move);
        }
        break;
    case RBK_MODE_RESOLVING:
        move.kind = MOVE_RESOLVED;
        move.detail = RBK_RECOVERY_KNOWN;
        move.more = RBK_OUTCOME_OK;
        try_counted(x, try_move, move, false);
        move.more = RBK_OUTCOME_FAIL;
        try_counted(x, try_move, move, true);
        move.more = RBK_OUTCOME_TIMEOUT;
        try_counted(x, try_move, move, true);
        move.detail = RBK_RECOVERY_ATTACHED;
        try_move(x, move);
        move.detail = RBK_RECOVERY_NOT_STARTED;
        try_move(x, move);
        move.detail = RBK_RECOVERY_UNKNOWN;
        try_counted(x, try_move, move, true);
        break;
    case RBK_MODE_ASKING:
    case RBK_MODE_DOUBT:
        move.kind = MOVE_ANSWER;
        for (unsigned i = RBK_ANSWER_YES; i <= RBK_ANSWER_NOT_DONE; i++) {
            move.detail = (uint8_t)i;
            try_counted(x, try_move, move, false);
        }
        if (machine->effects[at->effect].kind == RBK_EFFECT_QUESTION &&
            machine->effects[at->effect].done_when != RBK_NONE) {
            move.kind = MOVE_RESULT; /* what was asked for is there, whoever did it */
            move.detail = RBK_OUTCOME_OK;
            move.more = 1;
            try_counted(x, try_move, move, false);
        }
        break;
    default:
        break;
    }
}

/* ---- time ---- */

static void time_moves(struct explorer *x, move_fn *try_move, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region_state *rs = &x->from.regions[region];
    const struct rbk_machine_state *at = &machine->states[rs->state];
    struct move move = {.index = region};
    if (rs->due_ms && at->kind != RBK_STATE_WAITING) {
        move.kind = MOVE_TIME_REGION;
        try_counted(x, try_move, move, false);
    }
    move.kind = MOVE_TIME_BLOCK;
    for (uint32_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
        if (rs->block_due_ms[i] && rs->target == RBK_NONE) {
            move.detail = (uint8_t)i;
            try_counted(x, try_move, move, false);
        }
    }
    const struct rbk_region *row = &machine->regions[region];
    bool waits = row->kind == RBK_REGION_STAGE && at->kind == RBK_STATE_WAITING &&
                 rs->mode == RBK_MODE_IDLE && !x->from.state->hold;
    bool timed = rs->due_ms || row->not_before_ms;
    for (uint32_t i = 0; waits && i < row->predecessors.count; i++) {
        timed |= machine->predecessors[row->predecessors.first + i].for_ms != 0;
    }
    if (waits && timed) {
        move.kind = MOVE_TIME_START;
        try_move(x, move);
    }
}

/* ---- people ---- */

static void command_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_state *state = x->from.state;
    static const enum rbk_command plain[] = {RBK_COMMAND_PAUSE, RBK_COMMAND_INTERRUPT,
                                             RBK_COMMAND_CONTINUE, RBK_COMMAND_ABORT,
                                             RBK_COMMAND_CANCEL};
    struct move move = {.kind = MOVE_COMMAND, .index = RBK_NONE};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        move.detail = (uint8_t)plain[i];
        if (x->options->full || plain[i] != RBK_COMMAND_INTERRUPT) {
            try_move(x, move);
        }
    }
    if (machine->signal_count && (x->options->full || x->current % 3 == 0)) {
        move.detail = RBK_COMMAND_SIGNAL;
        move.index = x->current % machine->signal_count;
        try_move(x, move);
    }
    if (!state->hold && !state->stuck_ms && state->status != RBK_STATUS_STUCK) {
        bool doubts = false;
        for (uint32_t i = 0; i < machine->region_count; i++) {
            doubts |= rbk_state_region(machine, state, i)->mode == RBK_MODE_DOUBT;
        }
        if (!doubts && !x->options->full) {
            return; /* nothing is held, stuck or in doubt */
        }
    }
    move.detail = RBK_COMMAND_RETRY;
    move.index = RBK_NONE;
    try_move(x, move);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        enum rbk_state_kind kind = machine->states[rs->state].kind;
        bool stuck = kind == RBK_STATE_STUCK;
        bool rests =
            rs->mode == RBK_MODE_IDLE && (kind == RBK_STATE_HELD || kind == RBK_STATE_ROLLED_BACK);
        move.index = i;
        if (stuck || rests) {
            move.detail = RBK_COMMAND_RETRY;
            try_move(x, move);
        }
        if (stuck || rests || rs->mode == RBK_MODE_DOUBT) {
            move.detail = RBK_COMMAND_RESOLVE;
            move.more = RBK_ANSWER_DONE;
            try_move(x, move);
            move.more = RBK_ANSWER_NOT_DONE;
            try_move(x, move);
            move.more = 0;
        }
    }
}

/* ---- the world ---- */

static void window_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_machine *machine = &x->model.cut;
    bool own = machine->daily_window == RBK_NONE;
    for (uint32_t i = 0; x->model.any_window && i < machine->region_count; i++) {
        const struct rbk_region_state *rs = &x->from.regions[i];
        bool stage = machine->regions[i].kind == RBK_REGION_STAGE;
        bool waits = stage && machine->states[rs->state].kind == RBK_STATE_WAITING;
        if (i == 0 ? own
                   : !rbk_stage_own_hours(&machine->regions[i]) || !(waits || x->options->full)) {
            continue;
        }
        struct move move = {.kind = MOVE_WINDOW, .detail = RBK_LEVEL_TRUE, .index = i};
        try_move(x, move);
        move.detail = RBK_LEVEL_FALSE;
        try_move(x, move);
    }
}

static void way_back_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_machine *machine = &x->model.cut;
    bool tried = false;
    for (uint32_t i = 0; i < machine->region_count && !tried; i++) {
        const struct rbk_region_state *rs = &x->from.regions[i];
        if (!x->model.closable[i] || machine->states[rs->state].kind != RBK_STATE_APPLIED ||
            rs->target != RBK_NONE) {
            continue;
        }
        struct move move = {.kind = MOVE_WAY_BACK, .index = i};
        if (rs->flags & (RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD)) {
            move.detail = RBK_LEVEL_TRUE;
            try_move(x, move);
        }
        if (!(rs->flags & RBK_FLAG_WAY_CLOSED)) {
            move.detail = RBK_LEVEL_FALSE;
            try_move(x, move);
        }
        tried = !x->options->full;
    }
}

static void plan_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_state *state = x->from.state;
    bool rotates = x->options->full || x->current % 3 == 1;
    if (state->plan_due_ms) {
        try_move(x, (struct move){.kind = MOVE_TIME_PLAN});
    }
    if (state->hold_due_ms && !state->stuck_ms) {
        try_move(x, (struct move){.kind = MOVE_TIME_HOLD});
    }
    for (unsigned answer = 0; state->held_reaction && answer < RBK_ANSWER_COUNT; answer++) {
        try_move(x, (struct move){.kind = MOVE_HELD_ANSWER, .detail = (uint8_t)answer});
    }
    if (machine->criterion_count && rotates) {
        uint32_t criterion = x->current % machine->criterion_count;
        try_move(x, (struct move){.kind = MOVE_CRITERION, .index = criterion});
    }
    bool paused = state->hold == RBK_STATUS_PAUSED && !state->turned;
    bool awaits = paused;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t mode = rbk_state_region(machine, state, i)->mode;
        awaits |= mode == RBK_MODE_RUNNING || mode == RBK_MODE_CANCELLING ||
                  mode == RBK_MODE_LOOKING || mode == RBK_MODE_RESOLVING;
    }
    if (awaits) {
        try_move(x, (struct move){.kind = MOVE_RESUMED});
    }
    if (paused && !x->options->full) {
        try_move(x, (struct move){.kind = MOVE_RESUMED, .variant = VARIANT_INTERRUPTED});
    }
}

/* ---- triggers ---- */

/* Each trigger as it is: for full exploration. */
static void trigger_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_machine *machine = &x->model.cut;
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger_state *ts = rbk_state_trigger(machine, x->from.state, i);
        struct move move = {.kind = MOVE_TRIGGER_LEVEL, .index = i};
        for (unsigned level = 0; level < RBK_LEVEL_COUNT; level++) {
            move.detail = (uint8_t)level;
            try_move(x, move);
        }
        if (ts->mode == RBK_TRIGGER_ASKING) {
            move.kind = MOVE_TRIGGER_ANSWER;
            for (unsigned answer = 0; answer < RBK_ANSWER_COUNT; answer++) {
                move.detail = (uint8_t)answer;
                try_move(x, move);
            }
        }
        if (ts->due_ms) {
            try_move(x, (struct move){.kind = MOVE_TIME_TRIGGER, .index = i});
        }
    }
}

/* A question may be open although its trigger sleeps, unless the way it was about is taken. */
static bool may_be_asking(const struct explorer *x, const struct trigger_path *path)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_state *state = x->from.state;
    uint32_t stage = machine->triggers[path->trigger].region;
    return path->asked != RBK_NONE && state->first_effect_ms && !state->turned &&
           !state->cancelled && !state->ended_ms &&
           (stage == RBK_NONE || rbk_state_region(machine, state, stage)->order);
}

/* Of the paths that come to the same, one: in each state another one. */
static void class_moves(struct explorer *x, move_fn *try_move, const struct trigger_class *class)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_state *state = x->from.state;
    if (class->stage != RBK_NONE && !rbk_state_region(machine, state, class->stage)->order) {
        return; /* nothing of it to take back */
    }
    for (uint32_t i = 0; i < class->count; i++) {
        uint32_t number = class->paths[(x->current + i) % class->count];
        const struct trigger_path *path = &x->model.paths[number];
        bool possible = path->asked != RBK_NONE ? may_be_asking(x, path)
                                                : rbk_trigger_armed(machine, state, path->trigger);
        if (possible) {
            uint64_t edges = x->edge_count;
            try_move(x, (struct move){.kind = MOVE_TRIGGER_PATH, .index = number});
            if (x->edge_count != edges) {
                return;
            }
        }
    }
}

void rbk_explore_moves(struct explorer *x, move_fn *try_move)
{
    const struct rbk_state *state = x->from.state;
    if (state->ended_ms) {
        return;
    }
    if (!state->started_ms) {
        window_moves(x, try_move);
        try_move(x, (struct move){.kind = MOVE_START});
        return;
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        region_moves(x, try_move, i);
        time_moves(x, try_move, i);
    }
    plan_moves(x, try_move);
    command_moves(x, try_move);
    window_moves(x, try_move);
    way_back_moves(x, try_move);
    if (x->options->full) {
        trigger_moves(x, try_move);
        return;
    }
    for (uint32_t i = 0; i < x->model.class_count; i++) {
        class_moves(x, try_move, &x->model.classes[i]);
    }
}
