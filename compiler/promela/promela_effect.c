/*
 * One effect in the model: it waits until it may go, is carried out, and ends in one of its ways;
 * a crash in between leaves it in doubt, which its crash rule resolves.
 */
#include "compiler/promela/promela_internal.h"

#include "runtime/core/state.h"

#define put rbk_promela_put

/* A set of states, small. */
struct targets {
    uint32_t items[RBK_OUTCOME_COUNT + RBK_BLOCK_DEPTH_MAX];
    uint32_t count;
};

static void add(struct targets *targets, uint32_t state)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        if (targets->items[i] == state) {
            return;
        }
    }
    targets->items[targets->count++] = state;
}

static bool is_forward(const struct rbk_machine_state *at)
{
    return at->phase != RBK_PHASE_ROLLBACK && at->phase != RBK_PHASE_ROLLBACK_VERIFY &&
           at->phase != RBK_PHASE_RELEASE;
}

/* Whether the region can be told to stop here: a rollback and a release cannot, but one branch of
 * theirs is stopped when another fails. */
static bool can_stop(const struct promela *model, const struct rbk_machine_state *at)
{
    return is_forward(at) || model->machine->regions[at->region].kind == RBK_REGION_BRANCH;
}

/* The guard that something told this region to stop. */
static void put_stopped(struct promela *model, const struct rbk_machine_state *at)
{
    if (at->region == 0) {
        put(model, "(turned || cancelled)");
    } else {
        put(model, "told[%u] != 0", at->region);
    }
}

/* An alternative that is open under a condition, and while the region is not being stopped. */
static void put_open(struct promela *model, const struct rbk_machine_state *at,
                     const char *condition)
{
    put(model, "    :: atomic { %s", condition);
    if (can_stop(model, at)) {
        put(model, " && !(");
        put_stopped(model, at);
        put(model, ")");
    }
    put(model, " -> ");
}

static void put_halt(struct promela *model, const struct rbk_machine_state *at)
{
    if (can_stop(model, at)) {
        put(model, "    :: atomic { ");
        put_stopped(model, at);
        put(model, " -> goto halted }\n");
    }
}

/* Whether it shows that a stage is as it should be; an `if` chooses what is to be shown. */
static bool proves(const struct rbk_machine_state *at, const struct rbk_effect *effect)
{
    bool verify = at->phase == RBK_PHASE_VERIFY || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
    return verify && (effect->kind == RBK_EFFECT_CHECK || effect->kind == RBK_EFFECT_WAIT_UNTIL ||
                      effect->kind == RBK_EFFECT_REQUIRE || effect->kind == RBK_EFFECT_QUESTION ||
                      effect->kind == RBK_EFFECT_TEST);
}

/* It ended well. */
static void put_done(struct promela *model, const struct rbk_machine_state *at)
{
    const struct rbk_effect *effect = &model->machine->effects[at->effect];
    if (proves(at, effect)) {
        put(model, "proved[%u] = true; ", rbk_region_root(model->machine, at->region));
    }
    rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_OK]);
    put(model, " }\n");
}

static void put_to(struct promela *model, const struct rbk_machine_state *at, uint32_t target)
{
    put_open(model, at, "true");
    if (model->machine->effects[at->effect].kind == RBK_EFFECT_TEST &&
        proves(at, &model->machine->effects[at->effect])) {
        put(model, "proved[%u] = true; ", rbk_region_root(model->machine, at->region));
    }
    rbk_promela_goto(model, at->region, target);
    put(model, " }\n");
}

static void put_expired(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    uint32_t expired[RBK_BLOCK_DEPTH_MAX];
    uint32_t count = rbk_promela_expired(model->machine, state, expired);
    for (uint32_t i = 0; i < count; i++) {
        put_to(model, at, expired[i]);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

/* What a refusal, or silence, comes to. */
static void put_reaction(struct promela *model, const struct rbk_machine_state *at,
                         uint32_t reaction, enum rbk_outcome outcome)
{
    const struct rbk_machine *machine = model->machine;
    uint32_t root = rbk_region_root(machine, at->region);
    bool retire = machine->regions[root].kind == RBK_REGION_RETIRE;
    uint32_t failed =
        at->next[outcome] != RBK_NONE ? at->next[outcome] : at->next[RBK_OUTCOME_FAIL];
    if (machine->effects[at->effect].optional) {
        failed = at->next[RBK_OUTCOME_OK];
    }
    enum rbk_reaction_kind kind = reaction == RBK_NONE || !is_forward(at)
                                      ? RBK_REACTION_KIND_COUNT
                                      : machine->reactions[reaction].kind;
    if (kind == RBK_REACTION_ABORT && !retire) {
        put(model, "turn_round(); goto halted");
    } else if (kind == RBK_REACTION_CANCEL && !retire) {
        put(model, "turn_or_call_off(); goto halted");
    } else if (kind == RBK_REACTION_PAUSE) {
        put(model, "if :: !turned && !cancelled -> paused = true :: else fi; goto state_%u",
            (uint32_t)(at - machine->states));
    } else if (kind == RBK_REACTION_ROLLBACK && machine->regions[root].kind == RBK_REGION_STAGE) {
        put(model, "if :: order[%u] != 0 -> roll_back_%u(); goto halted :: else -> ", root, root);
        rbk_promela_goto(model, at->region, failed);
        put(model, " fi");
    } else if ((kind == RBK_REACTION_KEEP || kind == RBK_REACTION_ASK) &&
               at->next[RBK_OUTCOME_EXPIRED] != RBK_NONE) {
        rbk_promela_goto(model, at->region, at->next[RBK_OUTCOME_EXPIRED]);
    } else {
        rbk_promela_goto(model, at->region, failed);
    }
}

static void put_question(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    uint32_t question = model->machine->effects[at->effect].question;
    bool looked_for = model->machine->effects[at->effect].done_when != RBK_NONE;
    uint32_t otherwise =
        question == RBK_NONE ? RBK_NONE : model->machine->questions[question].otherwise;
    put(model, "asking_%u:\n    if\n", state);
    put_halt(model, at);
    put_open(model, at, looked_for ? "true" : "!alone");
    put_done(model, at);
    put_open(model, at, "!alone");
    put_reaction(model, at, otherwise, RBK_OUTCOME_DENIED);
    put(model, " }\n");
    put_open(model, at, "true");
    put_reaction(model, at, otherwise, RBK_OUTCOME_EXPIRED);
    put(model, " }\n");
    put_expired(model, state);
    put(model, "    fi;\n");
}

/* ---- doubt ----------------------------------------------------------------------------------- */

static void put_ask(struct promela *model, uint32_t state)
{
    const struct rbk_machine *machine = model->machine;
    const struct rbk_machine_state *at = &machine->states[state];
    const struct rbk_effect *effect = &machine->effects[at->effect];
    uint32_t question = effect->doubt_question;
    /* Who is asked after others makes no difference here: somebody may answer, or nobody does. */
    for (uint32_t next = question; next != RBK_NONE;
         next = rbk_question_asked_on(machine, question)) {
        question = next;
    }
    bool retire = machine->regions[rbk_region_root(machine, at->region)].kind == RBK_REGION_RETIRE;
    put(model, "asked_%u: /* did it happen? */\n    if\n", state);
    put_halt(model, at);
    put_open(model, at, "!alone");
    put_done(model, at);
    put_open(model, at, "!alone");
    put(model, "goto state_%u }\n", state);
    uint32_t otherwise = question == RBK_NONE ? RBK_NONE : machine->questions[question].otherwise;
    bool pauses = otherwise != RBK_NONE && is_forward(at) &&
                  machine->reactions[otherwise].kind == RBK_REACTION_PAUSE;
    put_open(model, at, pauses ? "!paused && !turned && !cancelled" : "true");
    if (question == RBK_NONE && is_forward(at) && !retire) {
        put(model, "turn_round(); goto halted");
    } else if (pauses) {
        /* A doubt outlives a pause, and is asked about as long as that lasts. */
        put(model, "paused = true; goto asked_%u", state);
    } else {
        put_reaction(model, at, otherwise, RBK_OUTCOME_EXPIRED);
    }
    put(model, " }\n");
    put_expired(model, state);
    put(model, "    fi;\n");
}

static void put_doubt(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    const struct rbk_effect *effect = &model->machine->effects[at->effect];
    bool asks = true;
    put(model, "doubt_%u: /* the runtime died: %s */\n    if\n", state,
        rbk_crash_rule_name(effect->crash));
    put_halt(model, at);
    switch (effect->crash) {
    case RBK_CRASH_AGAIN:
    case RBK_CRASH_DURABLE:
        put(model, "    :: goto state_%u\n", state);
        asks = false;
        break;
    case RBK_CRASH_TRANSACTION:
    case RBK_CRASH_ATTACH:
        put_open(model, at, "true");
        put_done(model, at); /* it is known to have happened */
        put(model, "    :: goto under_way_%u /* it still runs, or failed: known */\n", state);
        put(model, "    :: goto state_%u /* it never began */\n", state);
        put(model, "    :: goto asked_%u\n", state);
        break;
    case RBK_CRASH_LOOK:
        put_open(model, at, "true");
        put_done(model, at);
        put(model, "    :: goto state_%u /* looked: it did not happen */\n", state);
        put(model, "    :: goto asked_%u\n", state);
        break;
    case RBK_CRASH_ASK:
    case RBK_CRASH_RULE_COUNT:
        put(model, "    :: goto asked_%u\n", state);
        break;
    }
    put(model, "    fi;\n");
    if (asks) {
        put_ask(model, state);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What holds when an effect is dispatched, and what its dispatch changes. */
static void put_dispatch(struct promela *model, uint32_t state)
{
    const struct rbk_machine *machine = model->machine;
    const struct rbk_machine_state *at = &machine->states[state];
    uint32_t root = rbk_region_root(machine, at->region);
    bool stage = machine->regions[root].kind == RBK_REGION_STAGE;
    if (is_forward(at) && stage) {
        put(model, "assert(!turned && !cancelled); ");
    }
    if (at->phase == RBK_PHASE_APPLY && stage) {
        put(model, "assert(!ROLLING(%u)); ", root);
        for (uint32_t i = 0; i < machine->region_count; i++) {
            if (machine->regions[i].kind == RBK_REGION_STAGE &&
                rbk_promela_depends(machine, i, root)) {
                put(model, "assert(!ROLLING(%u)); ", i);
            }
        }
        put(model,
            "if :: order[%u] == 0 -> order[%u] = orders; orders++ :: else fi; "
            "place[%u] = DURING; ",
            root, root, root);
    }
    if (at->phase == RBK_PHASE_APPLY || at->phase == RBK_PHASE_ROLLBACK) {
        put(model, "proved[%u] = false; ", root);
    }
    if (model->guards[state] != RBK_NONE) {
        put(model, "dispatched[%u] = true; ", model->guards[state]);
    }
}

/* An effect may be dispatched. A branch begins nothing once its stage, or a fork above it, was told
 * to stop: it is told as well, soon. */
static void put_may_begin(struct promela *model, const struct rbk_machine_state *at)
{
    const struct rbk_machine *machine = model->machine;
    put(model, "    :: atomic { %s", is_forward(at) ? "FREE" : "true");
    if (can_stop(model, at)) {
        put(model, " && !(");
        put_stopped(model, at);
        put(model, ")");
    }
    for (uint32_t i = at->region; machine->regions[i].kind == RBK_REGION_BRANCH;) {
        i = machine->regions[i].parent;
        put(model, i == 0 ? " && !turned && !cancelled" : " && told[%u] == 0", i);
    }
    put(model, " -> ");
}

void rbk_promela_effect(struct promela *model, uint32_t state)
{
    const struct rbk_machine_state *at = &model->machine->states[state];
    const struct rbk_effect *effect = &model->machine->effects[at->effect];
    put(model, "    if\n");
    put_halt(model, at);
    put_may_begin(model, at);
    put_dispatch(model, state);
    put(model, "skip }\n");
    put_expired(model, state);
    put(model, "    fi;\n");
    if (effect->kind == RBK_EFFECT_QUESTION) {
        put_question(model, state);
        return;
    }

    struct targets failed = {.count = 0};
    const enum rbk_outcome outcomes[] = {RBK_OUTCOME_FAIL, RBK_OUTCOME_TIMEOUT,
                                         RBK_OUTCOME_MISSING};
    for (size_t i = 0; i < RBK_COUNT(outcomes); i++) {
        uint32_t next = at->next[outcomes[i]];
        if (next != RBK_NONE) {
            add(&failed, effect->optional ? at->next[RBK_OUTCOME_OK] : next);
        }
    }
    put(model, "under_way_%u:\n    if\n", state);
    put_halt(model, at);
    put_open(model, at, "true");
    put_done(model, at);
    for (uint32_t i = 0; i < failed.count; i++) {
        put_to(model, at, failed.items[i]);
    }
    put_expired(model, state);
    put(model, "    :: atomic { crashes < CRASHES -> crashes++; goto doubt_%u }\n    fi;\n", state);
    put_doubt(model, state);
}
