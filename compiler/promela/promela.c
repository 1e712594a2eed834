/*
 * The model as a whole: what all processes share, and the processes beside the regions: `decider`
 * (people, triggers, and the time a held run may take) and `watchdog` (nothing may stop half way).
 */
#include "compiler/promela/promela.h"

#include "compiler/promela/promela_internal.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/state.h"

#include <stdarg.h>
#include <stdlib.h>

void rbk_promela_put(struct promela *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    rbk_buffer_vprintf(model->out, format, arguments);
    va_end(arguments);
}

#define put rbk_promela_put
#define put_name rbk_promela_put_name

void rbk_promela_put_name(struct promela *model, struct rbk_str name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char byte = name.data[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || byte == '_' || byte == '.';
        rbk_buffer_append(model->out, plain ? &byte : "?", 1);
    }
}

static bool is_stage(const struct rbk_machine *machine, uint32_t region)
{
    return machine->regions[region].kind == RBK_REGION_STAGE;
}

bool rbk_promela_depends(const struct rbk_machine *machine, uint32_t of, uint32_t on)
{
    struct rbk_slice before = machine->regions[of].predecessors;
    for (uint32_t i = 0; i < before.count; i++) {
        uint32_t region = machine->predecessors[before.first + i].region;
        /* A checked machine has no cycles here, and stages only depend on others. */
        if (region == on || rbk_promela_depends(machine, region, on)) {
            return true;
        }
    }
    return false;
}

/* ---- what all share -------------------------------------------------------------------------- */

static void write_head(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    put(model, "/* The plan ");
    put_name(model, machine->name);
    put(model,
        " as a model for Spin.\n"
        " *\n"
        " *   spin -a FILE && cc -O2 -o pan pan.c && ./pan -E           what must never happen\n"
        " *   cc -O2 -DNP -o pan pan.c && ./pan -E -l                   every execution ends\n"
        " */\n"
        "#ifndef CRASHES\n#define CRASHES 1 /* of the runtime, in one execution */\n#endif\n"
        "#ifndef FIRES\n#define FIRES 1 /* reactions of triggers, in one execution */\n#endif\n"
        "#ifndef COMMANDS\n#define COMMANDS 1 /* 0: people answer, and ask for nothing */\n#endif\n\n");
    put(model, "/* Where a stage is. */\n"
               "#define WAITING 0 /* not started */\n"
               "#define BEFORE 1 /* started, and nothing to take back */\n"
               "#define DURING 2 /* in its apply or verify */\n"
               "#define APPLIED 3\n"
               "#define TURN 4 /* to be taken back, when its turn comes */\n"
               "#define BACK 5 /* being taken back */\n"
               "#define BACKED 6 /* taken back and verified */\n"
               "#define HELD 7\n"
               "#define STUCK 8\n"
               "#define RESTED 9 /* nothing will happen to it any more */\n\n"
               "/* What a region is told. */\n"
               "#define GO_BACK 1\n"
               "#define GO_REST 2\n"
               "#define WAIT_AGAIN 3\n"
               "#define GIVE_UP 4\n\n"
               "/* Where a branch or the retire is. */\n"
               "#define AWAY 0\n"
               "#define GOING 1\n"
               "#define WELL 2\n"
               "#define BADLY 3\n"
               "#define STOPPED 4\n\n"
               "/* Where the plan is. */\n"
               "#define STARTING 0\n"
               "#define STAGES 1\n"
               "#define WATCHING 2 /* observe and grace */\n"
               "#define RETIRING 3\n"
               "#define RELEASING 4\n"
               "#define ABORTING 5\n\n");
    put(model,
        "byte place[%u], order[%u], told[%u], tries[%u], ending[%u];\n"
        "bool followed[%u], again[%u], proved[%u];\n"
        "byte plan, orders = 1, crashes, fires;\n"
        "bool started, plan_held, turned, cancelled, paused, stuck, ended, retire_held, alone;\n"

        "hidden byte k;\n",
        machine->region_count, machine->region_count, machine->region_count, machine->region_count,
        machine->region_count, machine->region_count, machine->region_count, machine->region_count);
    if (model->guard_count) {
        put(model, "bool dispatched[%u];\n", model->guard_count);
    }
}

/* Macros over all stages, written out: a loop in a guard is not possible. */
static void write_macros(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    put(model, "\n#define UNDECIDED (!turned && !cancelled && (plan_held || retire_held");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model, " || place[%u] == HELD || (place[%u] == BACKED && !followed[%u])", i, i, i);
        }
    }
    put(model, "))\n#define FREE (!paused && !turned && !cancelled && !stuck && !UNDECIDED)\n"
               "#define PAST (plan == RETIRING || (plan == RELEASING && !turned && !cancelled))\n"
               "#define CAN_TURN (started && !turned && !cancelled && !ended && !PAST)\n"
               "#define ROLLING(i) (told[i] == GO_BACK || place[i] == TURN || place[i] == BACK || "
               "place[i] == STUCK)\n"
               "#define WORKS(i) (place[i] == BEFORE || place[i] == DURING)\n"
               "#define ALL_APPLIED (true");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model, " && place[%u] == APPLIED && told[%u] == 0", i, i);
        }
    }
    put(model, ")\n#define NONE_TOUCHED (true");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model, " && order[%u] == 0", i);
        }
    }
    put(model, ")\n#define ALL_STILL (true");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model, " && !WORKS(%u) && place[%u] != BACK && place[%u] != TURN", i, i, i);
        }
    }
    put(model,
        ")\n\n/* A stage has been taken back: the others keep their order. */\n"
        "inline forget(i) {\n"
        "    if\n    :: order[i] != 0 ->\n        k = 0;\n        do\n"
        "        :: k < %u -> if :: order[k] > order[i] -> order[k]-- :: else fi; k++\n"
        "        :: else -> break\n        od;\n"
        "        k = 0; order[i] = 0; orders--\n    :: else\n    fi\n}\n",
        machine->region_count);
}

/* Telling one stage to go back tells those that depend on it. */
static void write_roll_back(struct promela *model, uint32_t stage)
{
    const struct rbk_machine *machine = model->machine;
    put(model, "inline roll_back_%u() { /* ", stage);
    put_name(model, machine->regions[stage].name);
    put(model,
        " */\n"
        "    if\n    :: order[%u] != 0 && !ROLLING(%u) ->\n"
        "        told[%u] = GO_BACK; followed[%u] = false;\n"
        "        if\n        :: !turned ->\n",
        stage, stage, stage, stage);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i) && rbk_promela_depends(machine, i, stage)) {
            put(model,
                "            if\n"
                "            :: order[%u] != 0 && !ROLLING(%u) -> told[%u] = GO_BACK; followed[%u] "
                "= true\n"
                "            :: order[%u] == 0 && place[%u] == BEFORE -> told[%u] = WAIT_AGAIN\n"
                "            :: else\n            fi;\n",
                i, i, i, i, i, i, i);
        }
    }
    put(model, "            if :: plan == WATCHING -> plan = STAGES :: else fi\n"
               "        :: else\n        fi\n    :: else\n    fi\n}\n");
}

static void write_inlines(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            write_roll_back(model, i);
        }
    }
    put(model, "inline turn_round() {\n    turned = true; paused = false;\n");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model,
                "    roll_back_%u();\n"
                "    if :: order[%u] == 0 && place[%u] == BEFORE -> told[%u] = GO_REST :: else fi;\n",
                i, i, i, i);
        }
    }
    put(model, "    skip\n}\ninline call_off() {\n    cancelled = true; paused = false;\n");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model, "    if :: place[%u] == BEFORE -> told[%u] = GO_REST :: else fi;\n", i, i);
        }
    }
    put(model, "    skip\n}\n"
               "inline turn_or_call_off() {\n"
               "    if :: NONE_TOUCHED -> call_off() :: else -> turn_round() fi\n}\n"
               "inline give_up_retire() {\n    paused = false;\n");
    if (machine->retire_region != RBK_NONE) {
        put(model, "    if :: ending[%u] == GOING -> told[%u] = GIVE_UP :: else fi;\n",
            machine->retire_region, machine->retire_region);
    }
    put(model, "    skip\n}\n");
}

/* ---- who decides ----------------------------------------------------------------------------- */

/* What happens to a run that is held or paused for too long. */
static void write_expiry(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    /* Who is asked before that may decide as anybody may; that is below. */
    enum rbk_reaction_kind kind = rbk_held_end(machine);
    put(model, "    :: atomic { (paused");
    if (machine->retire_region != RBK_NONE) {
        put(model, " || (retire_held && told[%u] == 0)", machine->retire_region);
    }
    put(model, ") && !stuck && !ended && PAST -> give_up_retire() }\n");
    if (kind == RBK_REACTION_NOTIFY || kind == RBK_REACTION_PAUSE || kind == RBK_REACTION_HOLD) {
        put(model, "    :: (paused || UNDECIDED) && !stuck && !ended && !PAST -> progress_held: "
                   "skip\n");
    } else {
        put(model, "    :: atomic { (paused || UNDECIDED) && !stuck && CAN_TURN -> %s() }\n",
            kind == RBK_REACTION_CANCEL ? "turn_or_call_off" : "turn_round");
    }
}

/* What the reactions of triggers come to: each kind that some trigger can carry out. */
static void write_triggers(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    bool pauses = false;
    bool aborts = false;
    for (uint32_t i = 0; i < machine->reaction_count; i++) {
        enum rbk_reaction_kind kind = machine->reactions[i].kind;
        pauses |= kind == RBK_REACTION_PAUSE || kind == RBK_REACTION_ASK;
        aborts |= kind == RBK_REACTION_ABORT || kind == RBK_REACTION_ASK;
    }
    const char *armed = "fires < FIRES && CAN_TURN && !stuck && !NONE_TOUCHED && "
                        "(plan == STAGES || plan == WATCHING)";
    if (machine->trigger_count + machine->criterion_count == 0) {
        return;
    }
    if (aborts || machine->criterion_count) {
        put(model, "    :: atomic { %s -> fires++; turn_round() }\n", armed);
    }
    if (pauses) {
        /* Where something is held the run is paused once that goes on. */
        put(model, "    :: atomic { %s && !paused -> fires++; paused = true }\n", armed);
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        bool own = false;
        for (uint32_t t = 0; t < machine->trigger_count; t++) {
            own |= machine->triggers[t].region == i;
        }
        if (own && is_stage(machine, i)) {
            put(model,
                "    :: atomic { %s && order[%u] != 0 && !ROLLING(%u) -> fires++; "
                "roll_back_%u() }\n",
                armed, i, i, i);
        }
    }
}

/* What a person may ask for. Passing a label `progress` is what tells their doing from the run's.
 */
static void write_people(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    put(model,
        "    :: COMMANDS && !alone && CAN_TURN -> progress_abort: atomic { if :: CAN_TURN -> "
        "turn_round() :: else fi }\n"
        "    :: COMMANDS && !alone && CAN_TURN && NONE_TOUCHED -> progress_cancel: atomic { if :: "
        "CAN_TURN && NONE_TOUCHED -> call_off() :: else fi }\n"
        "    :: COMMANDS && !alone && started && (FREE || (UNDECIDED && !paused && !stuck)) && !ended "
        "-> progress_pause: atomic { if :: (FREE || (UNDECIDED && !paused && !stuck)) && !ended && "
        "plan != RELEASING -> paused = true :: else fi }\n"
        "    :: COMMANDS && !alone && paused -> progress_continue: paused = false\n"
        "    :: COMMANDS && !alone && plan_held -> progress_retry: atomic { if :: plan_held && !turned "
        "&& !cancelled -> again[0] = true :: else fi }\n");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (is_stage(machine, i)) {
            put(model,
                "    :: COMMANDS && !alone && (place[%u] == HELD || (place[%u] == BACKED && !followed[%u])) && "
                "!stuck && !turned && !cancelled -> progress_retry_%u: again[%u] = true\n",
                i, i, i, i, i);
        }
    }
    put(model, "    :: !alone -> alone = true\n");
}

static void write_decider(struct promela *model)
{
    put(model, "\nactive proctype decider() {\n    do\n");
    write_expiry(model);
    write_triggers(model);
    write_people(model);
    put(model, "    :: ended -> break\n    od\n}\n\n"
               "/* Where nothing can go on. */\n"
               "active proctype watchdog() {\n    timeout -> assert(ended || stuck)\n}\n");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void number_guards(struct promela *model)
{
    const struct rbk_machine *machine = model->machine;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        model->guards[i] = RBK_NONE;
    }
    for (uint32_t i = 0; i < machine->state_count; i++) {
        uint32_t guard =
            machine->states[i].kind == RBK_STATE_GUARD ? machine->states[i].guard : RBK_NONE;
        if (guard != RBK_NONE && model->guards[guard] == RBK_NONE) {
            model->guards[guard] = model->guard_count++;
        }
    }
}

int rbk_promela_write(const struct rbk_machine *machine, struct rbk_buffer *out,
                      struct rbk_error *reterr)
{
    if (machine->region_count > RBK_PROMELA_REGIONS_MAX) {
        return rbk_error_set(reterr, RBK_ELIMIT,
                             "Spin runs at most 255 processes, and the plan has %u stages and "
                             "branches",
                             machine->region_count);
    }
    struct promela model = {.machine = machine, .out = out};
    model.guards = calloc((size_t)machine->state_count + 1, sizeof(*model.guards));
    if (!model.guards) {
        return rbk_error_set(reterr, RBK_ENOMEM, "no memory for the model");
    }
    number_guards(&model);
    write_head(&model);
    write_macros(&model);
    write_inlines(&model);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        rbk_promela_region(&model, i);
    }
    write_decider(&model);
    free(model.guards);
    return out->error ? rbk_error_set(reterr, (enum rbk_err) - out->error, "the model is too long")
                      : 0;
}
