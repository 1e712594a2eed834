/*
 * What a record gives to tell and to keep, written in its own transaction: messages into the outbox
 * (hooks, notifications, reports, escalations, `notify` steps) and evidence. Nothing is sent here.
 */
#include "runtime/executor/run_internal.h"

#include <stdio.h>

#include "runtime/core/base/hash.h"
#include "runtime/executor/about.h"
#include "runtime/executor/reason.h"

struct telling {
    struct rbk_run *run;
    int64_t seq;
    unsigned number; /* of messages in this record: part of their keys */
    enum rbk_told why;
    struct rbk_arena *arena;
};

static int put(struct telling *telling, uint32_t channel, struct rbk_str text)
{
    struct rbk_run *run = telling->run;
    uint32_t stage = rbk_scope_stage(run);
    struct rbk_store_message message = {
        .at_ms = (int64_t)rbk_run_clock_ms(run),
        .channel = channel,
        /* Run and event: a message is written once, and carries the same key however often sent. */
        .key = rbk_arena_printf(telling->arena, "%s/%lld/%u", run->id, (long long)telling->seq,
                                telling->number++),
        .text = text,
        .stage = stage != RBK_NONE ? run->replay->machine->regions[stage].name : RBK_STR(""),
        .about = rbk_about_write(run, telling->why, telling->arena)};

    run->has_mail = true;
    return rbk_store_put_message(run->store, run->id, &message, &run->error);
}

/* A text that no plan wrote: whoever is woken by it is told what to do first. */
static int put_own(struct telling *telling, uint32_t channel, struct rbk_str text)
{
    return put(telling, channel,
               rbk_arena_printf(telling->arena, "%.*s; look at it with `rbk status %s`",
                                RBK_STR_ARG(text), telling->run->id));
}

static int put_message(struct telling *telling, uint32_t index)
{
    const struct rbk_message *message = &telling->run->replay->machine->messages[index];

    return put(telling, message->channel,
               rbk_scope_text(telling->run, message->text, telling->arena));
}

static enum rbk_told why_of(uint32_t kind)
{
    static const enum rbk_told why[RBK_HOOK_KIND_COUNT] = {
#define X(constant, word) [RBK_HOOK_##constant] = RBK_TOLD_##constant,
        RBK_HOOK_KINDS(X)
#undef X
    };

    return why[kind];
}

static int tell_hook(struct telling *telling, uint32_t kind)
{
    const struct rbk_machine *machine = telling->run->replay->machine;
    int error = 0;

    telling->why = why_of(kind);
    for (uint32_t i = 0; i < machine->hook_count && error == 0; i++) {
        for (uint32_t j = 0;
             machine->hooks[i].kind == kind && j < machine->hooks[i].messages.count && error == 0;
             j++) {
            error = put_message(telling, machine->hooks[i].messages.first + j);
        }
    }
    return error;
}

/* `then notify CHANNEL`: the plan gives no text, the cause is the text. */
static int tell_cause(struct telling *telling, const struct rbk_action *action,
                      const struct rbk_record *record)
{
    const struct rbk_machine *machine = telling->run->replay->machine;
    const char *what = action->cause.kind == RBK_CAUSE_TRIGGER ? "fired" : "could not be read";

    telling->why = RBK_TOLD_TRIGGER;
    if (action->cause.kind == RBK_CAUSE_TRIGGER ||
        action->cause.kind == RBK_CAUSE_TRIGGER_MISSING) {
        telling->run->told_region = machine->triggers[action->cause.index].region;
    }
    if (action->cause.kind != RBK_CAUSE_TRIGGER &&
        action->cause.kind != RBK_CAUSE_TRIGGER_MISSING) {
        return put_own(telling, action->index,
                       rbk_arena_printf(telling->arena,
                                        "%.*s, run %s: nobody has decided yet: %.*s",
                                        RBK_STR_ARG(machine->name), telling->run->id,
                                        RBK_STR_ARG(telling->run->replay->reason)));
    }
    return put_own(telling, action->index,
                   rbk_arena_printf(telling->arena, "%.*s, run %s: trigger %.*s %s: %.*s",
                                    RBK_STR_ARG(machine->name), telling->run->id,
                                    RBK_STR_ARG(machine->triggers[action->cause.index].name), what,
                                    RBK_STR_ARG(record->message)));
}

static struct rbk_str escalation_text(struct telling *telling, const struct rbk_role *role,
                                      struct rbk_str reason)
{
    const struct rbk_machine *machine = telling->run->replay->machine;
    /* The first is also told when a rollback takes longer than the plan's target. */
    const char *what = telling->run->replay->state->stuck_ms != 0
                           ? "is stuck and needs a person"
                           : "rolls back for longer than it should";

    return rbk_arena_printf(telling->arena, "%.*s (%.*s): run %s of %.*s %s%s%.*s",
                            RBK_STR_ARG(role->name), RBK_STR_ARG(role->contact), telling->run->id,
                            RBK_STR_ARG(machine->name), what, reason.bytes != 0 ? ": " : "",
                            RBK_STR_ARG(reason));
}

/* An escalation goes out on the channels that `on stuck` uses; without one, to terminal and log,
 * where what is stuck is to be seen anyway. */
static int tell_escalation(struct telling *telling, uint32_t index)
{
    const struct rbk_replay *replay = telling->run->replay;
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_role *role = &machine->roles[machine->escalations[index].role];
    struct rbk_str text = escalation_text(telling, role, rbk_reason_whole(replay, telling->arena));
    bool told = false;
    int error = 0;

    telling->why = RBK_TOLD_ESCALATION;
    for (uint32_t i = 0; i < machine->hook_count && error == 0; i++) {
        if (machine->hooks[i].kind != RBK_HOOK_STUCK) {
            continue;
        }
        for (uint32_t j = 0; j < machine->hooks[i].messages.count && error == 0; j++, told = true) {
            error = put_own(telling,
                            machine->messages[machine->hooks[i].messages.first + j].channel, text);
        }
    }
    return told || error != 0
               ? error
               : put(telling, UINT32_MAX, escalation_text(telling, role, replay->reason));
}

/* A `notify` step: its message goes out with the result of the step. */
static int tell_step(struct telling *telling, const struct queued *queued)
{
    struct rbk_run *run = telling->run;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_effect *effect = queued->effect;
    struct rbk_str text = {NULL, 0};
    int error;

    if (effect == NULL || effect->kind != RBK_EFFECT_NOTIFY ||
        queued->record.event.outcome != RBK_OUTCOME_OK) {
        return 0;
    }
    run->told_region = rbk_region_root(machine, queued->region);
    for (uint32_t i = 0; i < effect->args.count; i++) {
        if (machine->args[effect->args.first + i].kind == RBK_ARG_MESSAGE) {
            text = rbk_scope_text(run, machine->args[effect->args.first + i].expr, telling->arena);
        }
    }
    telling->why = RBK_TOLD_NOTIFY;
    error = put(telling, effect->channel, text);
    run->told_region = RBK_NONE;
    return error;
}

static int keep_evidence(struct telling *telling, const struct queued *queued)
{
    struct rbk_run *run = telling->run;
    char hash[RBK_SHA256_HEX_BYTES];
    struct rbk_store_evidence evidence = {.seq = telling->seq,
                                          .at_ms = (int64_t)queued->record.event.now_ms,
                                          .label = queued->label,
                                          .content = queued->content};

    if (queued->label.bytes == 0) {
        return 0;
    }
    rbk_sha256_hex(queued->content.data, queued->content.bytes, hash);
    evidence.sha256 = rbk_str_from(hash);
    return rbk_store_put_evidence(run->store, run->id, &evidence, &run->error);
}

int rbk_tell(struct rbk_run *run, const struct queued *queued, int64_t seq)
{
    const struct rbk_actions *actions = &run->replay->actions;
    struct telling telling = {.run = run, .seq = seq, .arena = &run->telling};
    int error;

    rbk_arena_reset(&run->telling);
    rbk_arena_reset(&run->scratch);
    if ((error = keep_evidence(&telling, queued)) != 0 ||
        (error = tell_step(&telling, queued)) != 0) {
        return error;
    }
    for (size_t i = 0; i < actions->count && error == 0; i++) {
        const struct rbk_action *action = &actions->items[i];

        run->told_region = action->region;
        switch (action->kind) {
        case RBK_ACTION_HOOK:
            error = tell_hook(&telling, action->index);
            break;
        case RBK_ACTION_NOTIFY:
            error = tell_cause(&telling, action, &queued->record);
            break;
        case RBK_ACTION_REPORT:
            telling.why = RBK_TOLD_REPORT;
            error = put_message(&telling, run->replay->machine->reports[action->index].message);
            break;
        case RBK_ACTION_ESCALATE:
            error = tell_escalation(&telling, action->index);
            break;
        default:
            break;
        }
        run->told_region = RBK_NONE;
    }
    return error;
}
