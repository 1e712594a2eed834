/*
 * One region as a process: its states are labels, in the order of the machine. A stage begins at
 * `waiting`, goes to `halted` when it is told to stop, and to `turn` when it is to be taken back.
 */
#include "compiler/promela/promela_internal.h"

#include "runtime/core/state.h"

#define put rbk_promela_put

uint32_t rbk_promela_expired(const struct rbk_machine *machine, uint32_t state,
                             uint32_t ret_targets[RBK_BLOCK_DEPTH_MAX])
{
    const struct rbk_machine_state *at = &machine->states[state];
    uint32_t count = 0;
    uint32_t block = at->block;
    for (uint32_t hops = 0; block != RBK_NONE && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        const struct rbk_block *row = &machine->blocks[block];
        bool known = row->region != at->region || !row->within_ms;
        for (uint32_t i = 0; i < count; i++) {
            known |= ret_targets[i] == row->expired;
        }
        if (!known) {
            ret_targets[count++] = row->expired;
        }
        block = row->parent;
    }
    return count;
}

/* Where the plan is once it is in a state, or NULL when it stays where it was. */
static const char *plan_place(const struct rbk_machine_state *at)
{
    switch (at->kind) {
    case RBK_STATE_STAGES:
        return "STAGES";
    case RBK_STATE_OBSERVE:
    case RBK_STATE_GRACE:
        return "WATCHING";
    case RBK_STATE_RETIRING:
        return "RETIRING";
    case RBK_STATE_ABORTING:
        return "ABORTING";
    case RBK_STATE_COMPLETED:
    case RBK_STATE_ABORTED:
    case RBK_STATE_CANCELLED:
        return "RELEASING";
    default:
        return at->phase == RBK_PHASE_RELEASE ? "RELEASING" : NULL;
    }
}

void rbk_promela_goto(struct promela *model, uint32_t region, uint32_t next)
{
    if (next == RBK_NONE) {
        put(model, "assert(false); goto done /* nothing follows */");
        return;
    }
    const char *place = region == 0 ? plan_place(&model->machine->states[next]) : NULL;
    if (place) {
        put(model, "plan = %s; ", place);
    }
    put(model, "goto state_%u", next);
}

/* ---- the states of a stage ------------------------------------------------------------------- */

static void write_waiting(struct promela *model, uint32_t region, uint32_t state)
{
    const struct rbk_machine *machine = model->machine;
    const struct rbk_region *row = &machine->regions[region];
    put(model,
        "waiting:\n    atomic { place[%u] = WAITING; again[%u] = false; told[%u] = 0 }\n    if\n"
        "    :: atomic { FREE && plan == STAGES",
        region, region, region);
    for (uint32_t i = 0; i < row->predecessors.count; i++) {
        uint32_t before = machine->predecessors[row->predecessors.first + i].region;
        put(model, " && place[%u] == APPLIED && told[%u] == 0", before, before);
    }
    put(model,
        " ->\n        place[%u] = BEFORE; followed[%u] = false; proved[%u] = false;\n"
        "        if :: tries[%u] < %u -> tries[%u]++ :: else fi;\n",
        region, region, region, region, row->attempts < 255 ? row->attempts : 255, region);
    for (uint32_t i = 0; i < machine->state_count; i++) {
        if (model->guards[i] != RBK_NONE &&
            rbk_region_root(machine, machine->states[i].region) == region) {
            put(model, "        dispatched[%u] = false;\n", model->guards[i]);
        }
    }
    put(model, "        ");
    rbk_promela_goto(model, region, machine->states[state].next[RBK_OUTCOME_OK]);
    put(model, " }\n    :: atomic { turned || cancelled -> goto rest }\n    fi;\n");
}

/* Whatever was taken back because this stage was waits again when it does. */
static void put_wake(struct promela *model, uint32_t region)
{
    const struct rbk_machine *machine = model->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE &&
            rbk_promela_depends(machine, i, region)) {
            put(model, "if :: place[%u] == BACKED -> again[%u] = true :: else fi; ", i, i);
        }
    }
}

static void put_wait_for_word(struct promela *model, uint32_t region)
{
    put(model, "    if\n    :: atomic { again[%u] -> ", region);
    put_wake(model, region);
    put(model, "goto waiting }\n    :: atomic { turned || cancelled -> goto rest }\n    fi;\n");
}

static void write_turn(struct promela *model, uint32_t region, uint32_t state)
{
    const struct rbk_machine *machine = model->machine;
    const struct rbk_region *row = &machine->regions[region];
    uint32_t without = row->held != RBK_NONE ? row->held : row->rolled_back;
    put(model,
        "    atomic {\n        if\n        :: order[%u] == 0 -> told[%u] = 0; goto state_%u\n"
        "        :: else -> roll_back_%u(); told[%u] = 0; place[%u] = TURN\n        fi "
        "}\n"
        "turn:\n    atomic { !stuck",
        region, region, without, region, region, region);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (i == region || machine->regions[i].kind != RBK_REGION_STAGE) {
            continue;
        }
        put(model, " && place[%u] != BACK && !(ROLLING(%u) && order[%u] > order[%u])", i, i, i,
            region);
        if (rbk_promela_depends(machine, i, region)) {
            put(model, " && !WORKS(%u)", i);
        }
    }
    put(model, " ->\n        place[%u] = BACK; proved[%u] = false;\n", region, region);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (i == region || machine->regions[i].kind != RBK_REGION_STAGE) {
            continue;
        }
        if (rbk_promela_depends(machine, i, region)) {
            put(model, "        assert(order[%u] == 0);\n", i);
        }
        put(model, "        assert(!turned || order[%u] <= order[%u]);\n", i, region);
    }
    put(model, "        ");
    rbk_promela_goto(model, region, machine->states[state].next[RBK_OUTCOME_OK]);
    put(model, " }\n");
}

static void write_rolled_back(struct promela *model, uint32_t region)
{
    const struct rbk_region *row = &model->machine->regions[region];
    put(model,
        "    atomic {\n        assert(proved[%u]); forget(%u);\n        if\n"
        "        :: turned -> goto rest\n"
        "        :: !turned && !followed[%u] && tries[%u] < %u -> ",
        region, region, region, region, row->attempts < 255 ? row->attempts : 255);
    put_wake(model, region);
    put(model, "goto waiting\n        :: else -> place[%u] = BACKED\n        fi }\n", region);
    put_wait_for_word(model, region);
}

static void write_stuck(struct promela *model, uint32_t region)
{
    const struct rbk_region *row = &model->machine->regions[region];
    put(model,
        "    atomic { place[%u] = STUCK; stuck = true; followed[%u] = false; tries[%u] = %u }\n"
        "    if\n    :: COMMANDS && !alone -> progress_unstick: atomic { stuck = false; place[%u] = TURN; "
        "goto turn }\n"
        "    :: COMMANDS && !alone -> progress_resolved: atomic { stuck = false; proved[%u] = true; "
        "goto state_%u }\n    fi;\n",
        region, region, region, row->attempts < 255 ? row->attempts : 255, region, region,
        row->rolled_back);
}

/* ---- the states of the plan ------------------------------------------------------------------ */

static void write_end(struct promela *model, enum rbk_state_kind kind)
{
    const char *holds = kind == RBK_STATE_COMPLETED ? "ALL_APPLIED && !turned && !cancelled"
                        : kind == RBK_STATE_ABORTED ? "NONE_TOUCHED && turned"
                                                    : "NONE_TOUCHED && cancelled";
    put(model, "    atomic { assert(%s); ended = true; goto done }\n", holds);
}

static void write_retiring(struct promela *model, const struct rbk_machine_state *at)
{
    uint32_t retire = model->machine->retire_region;
    put(model, "    atomic { ");
    if (retire != RBK_NONE) {
        put(model, "ending[%u] = GOING }\n    atomic { ending[%u] != GOING -> ", retire, retire);
    }
    rbk_promela_goto(model, 0, at->next[RBK_OUTCOME_OK]);
    put(model, " }\n");
}

static void write_plan_state(struct promela *model, const struct rbk_machine_state *at)
{
    uint32_t next = at->next[RBK_OUTCOME_OK];
    switch (at->kind) {
    case RBK_STATE_START:
        put(model, "    atomic { started = true; ");
        rbk_promela_goto(model, 0, next);
        put(model, " }\n");
        break;
    case RBK_STATE_STAGES:
        put(model, "    if\n    :: atomic { turned || cancelled -> goto halted }\n"
                   "    :: atomic { !turned && !cancelled && ALL_APPLIED -> ");
        rbk_promela_goto(model, 0, next);
        put(model, " }\n    fi;\n");
        break;
    case RBK_STATE_OBSERVE:
    case RBK_STATE_GRACE:
        put(model,
            "    if\n    :: atomic { turned || cancelled -> goto halted }\n"
            "    :: atomic { plan == STAGES -> goto state_%u }\n"
            "    :: atomic { plan == WATCHING && FREE && ALL_APPLIED -> ",
            model->machine->stages_state);
        rbk_promela_goto(model, 0, next);
        put(model, " }\n    fi;\n");
        break;
    case RBK_STATE_RETIRING:
        write_retiring(model, at);
        break;
    case RBK_STATE_ABORTING:
        put(model, "    atomic { NONE_TOUCHED && ALL_STILL && !stuck -> ");
        rbk_promela_goto(model, 0, next);
        put(model, " }\n");
        break;
    default:
        write_end(model, at->kind);
        break;
    }
}

/* ---- branches -------------------------------------------------------------------------------- */

/* All branches are still: forget how they ended and go on. */
static void put_joined(struct promela *model, const struct rbk_machine_state *at)
{
    put(model, "    atomic { true");
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, " && ending[%u] != GOING", at->branches.first + i);
    }
    put(model, " -> ");
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, "ending[%u] = AWAY; told[%u] = 0; ", at->branches.first + i,
            at->branches.first + i);
    }
}

static void put_stop_branches(struct promela *model, const struct rbk_machine_state *at)
{
    put(model, "    atomic { ");
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, "if :: ending[%u] == GOING -> told[%u] = GIVE_UP :: else fi; ",
            at->branches.first + i, at->branches.first + i);
    }
    put(model, "skip }\n");
}

static void put_stop_and_go(struct promela *model, const struct rbk_machine_state *at,
                            uint32_t target)
{
    put_stop_branches(model, at);
    put_joined(model, at);
    if (at->region != 0) {
        put(model, "if :: told[%u] != 0 -> goto halted :: else -> ", at->region);
        rbk_promela_goto(model, at->region, target);
        put(model, " fi }\n");
    } else {
        rbk_promela_goto(model, at->region, target);
        put(model, " }\n");
    }
}

static void write_fork(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    uint32_t expired[RBK_BLOCK_DEPTH_MAX];
    uint32_t count = rbk_promela_expired(model->machine, state, expired);
    uint32_t failed = at->next[RBK_OUTCOME_FAIL];
    put(model, "    atomic { ");
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, "told[%u] = 0; ending[%u] = GOING; ", at->branches.first + i,
            at->branches.first + i);
    }
    put(model, "skip }\n    if\n    :: atomic { told[%u] == 0", at->region);
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, " && ending[%u] == WELL", at->branches.first + i);
    }
    put(model, " -> ");
    rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_OK]);
    put(model, " }\n    :: told[%u] != 0", at->region);
    for (uint32_t i = 0; i < at->branches.count; i++) {
        put(model, " || ending[%u] == BADLY || ending[%u] == STOPPED", at->branches.first + i,
            at->branches.first + i);
    }
    put(model, " -> skip\n");
    for (uint32_t i = 0; i < count; i++) {
        put(model, "    :: goto late_%u_%u\n", state, i);
    }
    put(model, "    fi;\n");
    put_stop_and_go(model, at, failed);
    for (uint32_t i = 0; i < count; i++) {
        put(model, "late_%u_%u:\n", state, i);
        put_stop_and_go(model, at, expired[i]);
    }
}

/* ---- the process ----------------------------------------------------------------------------- */

static void write_held(struct promela *model, uint32_t region)
{
    const struct rbk_machine *machine = model->machine;
    uint32_t first = machine->regions[region].states.first;
    if (machine->regions[region].kind == RBK_REGION_STAGE) {
        put(model, "    place[%u] = HELD;\n", region);
        put_wait_for_word(model, region);
    } else if (region == 0) {
        put(model, "    plan_held = true;\n    if\n"
                   "    :: atomic { again[0] -> again[0] = false; plan_held = false; ");
        rbk_promela_goto(model, 0, machine->states[first].next[RBK_OUTCOME_OK]);
        put(model, " }\n    :: atomic { turned || cancelled -> plan_held = false; goto halted }\n"
                   "    fi;\n");
    } else {
        put(model,
            "    retire_held = true;\n    if\n"
            "    :: COMMANDS && !alone && told[%u] == 0 -> progress_retire: atomic { retire_held = false; goto "
            "state_%u }\n"
            "    :: atomic { told[%u] != 0 -> retire_held = false; goto halted }\n    fi;\n",
            region, first, region);
    }
}

static void write_applied(struct promela *model, uint32_t region)
{
    if (model->machine->regions[region].kind != RBK_REGION_STAGE) {
        /* A retire ends here as well when nobody approves it: then there is nothing to prove. */
        put(model, "    atomic { ending[%u] = WELL; goto done }\n", region);
        return;
    }
    put(model,
        "    atomic {\n        assert(proved[%u]);\n"
        "        if :: order[%u] == 0 -> order[%u] = orders; orders++ :: else fi;\n"
        "        place[%u] = APPLIED }\n"
        "    if\n    :: atomic { told[%u] == GO_BACK -> told[%u] = 0; place[%u] = TURN; goto turn "
        "}\n"
        "    :: atomic { ended -> goto done }\n    fi;\n",
        region, region, region, region, region, region, region);
}

static void write_state(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    put(model, "state_%u: /* ", state);
    rbk_promela_put_name(model, at->name);
    put(model, ", line %u */\n", at->place.line);
    switch (at->kind) {
    case RBK_STATE_EFFECT:
        rbk_promela_effect(model, state);
        break;
    case RBK_STATE_GUARD:
        put(model, "    atomic { if :: dispatched[%u] -> ", model->guards[at->guard]);
        rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_OK]);
        put(model, " :: else -> ");
        rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_FAIL]);
        put(model, " fi }\n");
        break;
    case RBK_STATE_FORK:
        write_fork(model, state);
        break;
    case RBK_STATE_PASS:
        put(model, "    atomic { ");
        rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_OK]);
        put(model, " }\n");
        break;
    case RBK_STATE_WAITING:
        write_waiting(model, at->region, state);
        break;
    case RBK_STATE_APPLIED:
        write_applied(model, at->region);
        break;
    case RBK_STATE_ROLLBACK:
        write_turn(model, at->region, state);
        break;
    case RBK_STATE_ROLLED_BACK:
        write_rolled_back(model, at->region);
        break;
    case RBK_STATE_HELD:
        write_held(model, at->region);
        break;
    case RBK_STATE_STUCK:
        write_stuck(model, at->region);
        break;
    case RBK_STATE_BRANCH_DONE:
        put(model, "    atomic { ending[%u] = WELL; goto away }\n", at->region);
        break;
    case RBK_STATE_BRANCH_FAILED:
        put(model, "    atomic { ending[%u] = BADLY; goto away }\n", at->region);
        break;
    default:
        write_plan_state(model, at);
        break;
    }
}

/* Where a region goes that was told to stop. */
static void write_halted(struct promela *model, uint32_t region)
{
    const struct rbk_machine *machine = model->machine;
    switch (machine->regions[region].kind) {
    case RBK_REGION_PLAN:
        put(model, "halted:\n    if\n    :: atomic { turned -> ");
        rbk_promela_goto(model, 0, machine->aborting_state);
        put(model, " }\n    :: atomic { cancelled && ALL_STILL -> ");
        rbk_promela_goto(model, 0, machine->cancelling_state);
        put(model, " }\n    fi;\n");
        break;
    case RBK_REGION_STAGE:
        put(model,
            "halted:\n    if\n    :: atomic { told[%u] == GO_BACK -> told[%u] = 0; "
            "place[%u] = TURN; goto turn }\n"
            "    :: atomic { told[%u] == WAIT_AGAIN -> goto waiting }\n"
            "    :: atomic { told[%u] == GO_REST -> goto rest }\n    fi;\n"
            "rest:\n    atomic { place[%u] = RESTED; told[%u] = 0 }\n",
            region, region, region, region, region, region, region);
        break;
    default:
        put(model, "halted:\n    atomic { told[%u] = 0; ending[%u] = STOPPED }\n", region, region);
        if (machine->regions[region].kind == RBK_REGION_BRANCH) {
            put(model, "    goto away;\n");
        }
        break;
    }
    put(model, "done:\n    skip\n}\n");
}

void rbk_promela_region(struct promela *model, uint32_t region)
{
    const struct rbk_machine *machine = model->machine;
    const struct rbk_region *row = &machine->regions[region];
    put(model, "\nactive proctype region_%u() { /* %s ", region, rbk_region_kind_name(row->kind));
    rbk_promela_put_name(model, row->name);
    put(model, " */\n");
    if (row->kind == RBK_REGION_BRANCH || row->kind == RBK_REGION_RETIRE) {
        put(model,
            "away:\n    if\n    :: ending[%u] == GOING\n    :: atomic { ended -> goto done }\n"
            "    fi;\n",
            region);
    }
    for (uint32_t i = 0; i < row->states.count; i++) {
        write_state(model, row->states.first + i);
    }
    write_halted(model, region);
}
