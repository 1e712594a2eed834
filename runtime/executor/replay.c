/* The journal through step(), and what it binds along the way. */
#include "runtime/executor/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/executor/reason.h"
#include "runtime/executor/settings.h"
#include "runtime/executor/snapshot.h"

#define REPLAY_ARENA_BYTES ((size_t)1 << 30)
/* Texts that go when they are replaced: they are collected once there are more than these. */
#define TEXTS_BYTES_MAX ((size_t)256 << 20)
#define TEXTS_BYTES_KEPT ((size_t)1 << 20)

/* ---- the table of what is in flight ------------------------------------------------------------
 */

static void forget_region(struct rbk_replay *replay, uint32_t region)
{
    for (size_t i = 0; i < replay->in_flight_count; i++) {
        if (replay->in_flight[i].region == region) {
            replay->in_flight[i--] = replay->in_flight[--replay->in_flight_count];
        }
    }
}

static struct rbk_in_flight *find_serial(struct rbk_replay *replay, uint32_t serial)
{
    for (size_t i = 0; i < replay->in_flight_count; i++) {
        if (replay->in_flight[i].serial == serial) {
            return &replay->in_flight[i];
        }
    }
    return NULL;
}

/* A step that a new runner begins again has been under way all along: a `wait` ends when it would
 * have ended. */
static uint64_t begun_ms(const struct rbk_replay *replay, const struct rbk_action *action,
                         const struct rbk_event *event)
{
    for (size_t i = 0; i < replay->in_flight_count && event->kind == RBK_EVENT_RESUMED; i++) {
        const struct rbk_in_flight *in_flight = &replay->in_flight[i];

        if (in_flight->region == action->region && in_flight->state == action->state &&
            in_flight->look == (action->kind == RBK_ACTION_LOOK)) {
            return in_flight->since_ms;
        }
    }
    return event->now_ms;
}

static void remember(struct rbk_replay *replay, const struct rbk_action *action,
                     const struct rbk_event *event)
{
    uint64_t since_ms = begun_ms(replay, action, event);

    forget_region(replay, action->region);
    /* At most one is in flight per region, and the table has room for all regions. */
    replay->in_flight[replay->in_flight_count++] =
        (struct rbk_in_flight){.serial = action->serial,
                               .region = action->region,
                               .state = action->state,
                               .attempt = action->attempt,
                               .look = action->kind == RBK_ACTION_LOOK,
                               .since_ms = since_ms};
}

/* ---- values -----------------------------------------------------------------------------------
 */

bool rbk_replay_has_room(const struct rbk_replay *replay, const struct rbk_record *record)
{
    return !record->has_value || rbk_value_block_bytes(record->value) + replay->kept_slots.bytes +
                                         replay->kept_baselines.bytes <=
                                     RBK_REPLAY_KEPT_BYTES_MAX;
}

static void keep(struct rbk_replay *replay, struct rbk_values *values, uint32_t index,
                 struct rbk_value value)
{
    int error = rbk_values_set(values, index, value);

    if (error != 0) {
        replay->failed = error;
    }
}

static void bind_value(struct rbk_replay *replay, const struct rbk_in_flight *in_flight,
                       const struct rbk_record *record)
{
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_effect *effect = &machine->effects[machine->states[in_flight->state].effect];

    if (in_flight->look || !record->has_value) {
        return;
    }
    if (!rbk_replay_has_room(replay, record)) {
        /* The runner journals what does not fit as missing: this journal was written by another. */
        replay->failed = -RBK_ELIMIT;
    } else if (effect->kind == RBK_EFFECT_BASELINE) {
        for (uint32_t i = 0; i < machine->baseline_count && i < record->value.as.list.count; i++) {
            keep(replay, &replay->kept_baselines, i, record->value.as.list.items[i]);
        }
    } else if (effect->into != RBK_NONE) {
        keep(replay, &replay->kept_slots, effect->into, record->value);
    }
}

/* ---- texts ------------------------------------------------------------------------------------
 */

/* A note, in place of what the effect noted before. */
static void keep_note(struct rbk_replay *replay, struct rbk_in_flight *in_flight,
                      struct rbk_str note)
{
    in_flight->note = rbk_arena_copy(&replay->notes, note);
    if (replay->notes.bytes_used <= TEXTS_BYTES_KEPT) {
        return;
    }
    struct rbk_arena old = replay->notes;

    rbk_arena_init(&replay->notes, TEXTS_BYTES_MAX);
    for (size_t i = 0; i < replay->in_flight_count; i++) {
        replay->in_flight[i].note = rbk_arena_copy(&replay->notes, replay->in_flight[i].note);
    }
    rbk_arena_fini(&old);
}

static void keep_alert(struct rbk_replay *replay, const struct rbk_record *record)
{
    rbk_alerts_set(&replay->alerts, &replay->alert_texts, record->alert, record->labels,
                   record->label_count, record->firing);
    if (replay->alert_texts.bytes_used <= TEXTS_BYTES_KEPT + 2 * replay->alert_bytes) {
        return;
    }
    struct rbk_alerts old = replay->alerts;
    struct rbk_arena texts = replay->alert_texts;

    replay->alerts = (struct rbk_alerts){0};
    rbk_arena_init(&replay->alert_texts, TEXTS_BYTES_MAX);
    for (size_t i = 0; i < old.count; i++) {
        rbk_alerts_set(&replay->alerts, &replay->alert_texts, old.items[i].name,
                       old.items[i].labels, old.items[i].label_count, true);
    }
    replay->alert_bytes = replay->alert_texts.bytes_used;
    rbk_arena_fini(&texts);
}

/* ---- one event --------------------------------------------------------------------------------
 */

/* What a look at the strategies of a stage found; since when, where that is the same as before. */
static void keep_ways(struct rbk_replay *replay, const struct rbk_record *record)
{
    const struct rbk_machine *machine = replay->machine;
    struct rbk_slice strategies = machine->regions[record->event.index].strategies;
    uint64_t applied_ms = rbk_state_region(machine, replay->state, record->event.index)->applied_ms;

    for (uint32_t i = 0; i < strategies.count && i < record->way_count; i++) {
        struct rbk_way_known *way = &replay->ways[strategies.first + i];
        enum rbk_level level = (enum rbk_level)record->ways[i];

        if (way->since_ms < applied_ms || way->level != level) {
            *way = (struct rbk_way_known){level, record->event.now_ms};
        }
    }
}

/* The first thing an apply does tells when it began. */
static void keep_began(struct rbk_replay *replay, const struct rbk_action *action, uint64_t now_ms)
{
    uint32_t stage = rbk_region_root(replay->machine, action->region);
    uint32_t order = rbk_state_region(replay->machine, replay->state, stage)->order;

    if (order != 0 && order != replay->began[stage].order) {
        replay->began[stage] = (struct rbk_began){order, now_ms};
    }
}

static void after_step(struct rbk_replay *replay, const struct rbk_record *record, bool waited)
{
    const struct rbk_event *event = &record->event;
    struct rbk_in_flight *in_flight;

    if (event->kind == RBK_EVENT_RESULT || event->kind == RBK_EVENT_RESOLVED ||
        event->kind == RBK_EVENT_NOTE) {
        in_flight = find_serial(replay, event->serial);
        if (in_flight != NULL && event->kind == RBK_EVENT_NOTE) {
            keep_note(replay, in_flight, record->note);
        } else if (in_flight != NULL && !(event->kind == RBK_EVENT_RESOLVED &&
                                          event->recovery == RBK_RECOVERY_ATTACHED)) {
            if (event->outcome == RBK_OUTCOME_OK) {
                bind_value(replay, in_flight, record);
            }
            *in_flight = replay->in_flight[--replay->in_flight_count];
        }
    }
    for (size_t i = 0; i < replay->actions.count; i++) {
        const struct rbk_action *action = &replay->actions.items[i];

        if (action->kind == RBK_ACTION_DISPATCH || action->kind == RBK_ACTION_LOOK) {
            remember(replay, action, event);
        }
        if (action->kind == RBK_ACTION_DISPATCH ||
            (action->kind == RBK_ACTION_QUESTION_OPEN && action->owner == RBK_OWNER_REGION)) {
            keep_began(replay, action, replay->state->now_ms);
        }
    }
    if (event->kind == RBK_EVENT_WAY_BACK) {
        keep_ways(replay, record);
    }
    if (event->kind == RBK_EVENT_START || event->kind == RBK_EVENT_RESUMED) {
        rbk_replay_add_starter(replay, record->who);
    }
    rbk_reason_take(replay, record, waited);
}

enum rbk_refusal rbk_replay_apply(struct rbk_replay *replay, struct rbk_record *record)
{
    enum rbk_refusal refusal;

    /* Only now: whoever answers may have taken over the run since, in this very turn even. */
    rbk_replay_bar_starters(replay, record);
    replay->actions.count = 0;
    if (record->event.kind == RBK_EVENT_NOTE && record->event.serial == 0) {
        if (record->alert.bytes != 0) {
            keep_alert(replay, record);
        }
        return RBK_REFUSAL_ACCEPTED;
    }
    bool wanted = replay->state->wanted.kind != RBK_CAUSE_NONE;
    refusal = rbk_step(replay->machine, &replay->settings, replay->state, &record->event,
                       &replay->actions);
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        after_step(replay, record,
                   wanted && replay->state->wanted.kind == RBK_CAUSE_NONE &&
                       replay->state->hold == RBK_STATUS_PAUSED);
    }
    return refusal;
}

/* ---- beginning --------------------------------------------------------------------------------
 */

void rbk_replay_reset(struct rbk_replay *replay)
{
    const struct rbk_machine *machine = replay->machine;

    for (uint32_t i = 0; i < machine->slot_count; i++) {
        keep(replay, &replay->kept_slots, i, rbk_value_missing(machine->slots[i].type));
    }
    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        keep(replay, &replay->kept_baselines, i,
             rbk_value_missing(machine->probes[machine->baselines[i].probe].type));
    }
    rbk_arena_reset(&replay->reasons);
    rbk_arena_reset(&replay->notes);
    rbk_arena_reset(&replay->alert_texts);
    for (uint32_t i = 0; i < machine->strategy_count; i++) {
        replay->ways[i] = (struct rbk_way_known){RBK_LEVEL_MISSING, 0};
    }
    memset(replay->began, 0, (machine->region_count + (size_t)1) * sizeof(struct rbk_began));
    memset(replay->whys, 0, (machine->region_count + (size_t)1) * sizeof(struct rbk_why));
    memset(replay->stucks, 0, (machine->region_count + (size_t)1) * sizeof(struct rbk_why));
    memset(replay->heard, 0, (machine->trigger_count + (size_t)1) * sizeof(struct rbk_heard));
    replay->in_flight_count = 0;
    replay->alerts = (struct rbk_alerts){0};
    replay->alert_bytes = 0;
    replay->starters = NULL;
    replay->reason = (struct rbk_str){NULL, 0};
    replay->told = (struct rbk_cause){0};
    replay->seq = replay->snapshot_seq = 0;
    replay->hash[0] = '\0';
    memset(replay->state, 0, rbk_state_bytes(machine));
    rbk_state_init(machine, replay->state);
}

/* The tables of a replay whose arena, machine and params are set. */
static int begin(struct rbk_replay *replay, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = replay->machine;
    size_t bytes = rbk_state_bytes(machine);

    rbk_arena_init(&replay->reasons, TEXTS_BYTES_MAX);
    rbk_arena_init(&replay->notes, TEXTS_BYTES_MAX);
    rbk_arena_init(&replay->alert_texts, TEXTS_BYTES_MAX);
    if (rbk_values_init(&replay->kept_slots, machine->slot_count) != 0 ||
        rbk_values_init(&replay->kept_baselines, machine->baseline_count) != 0) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    replay->slots = replay->kept_slots.items;
    replay->baselines = replay->kept_baselines.items;
    replay->in_flight_capacity = machine->region_count + 1u;
    replay->in_flight =
        rbk_new_array(&replay->arena, struct rbk_in_flight, replay->in_flight_capacity);
    replay->ways =
        rbk_new_array(&replay->arena, struct rbk_way_known, machine->strategy_count + 1u);
    replay->began =
        rbk_new_array(&replay->arena, struct rbk_began, machine->region_count + (size_t)1);
    replay->whys = rbk_new_array(&replay->arena, struct rbk_why, machine->region_count + (size_t)1);
    replay->stucks =
        rbk_new_array(&replay->arena, struct rbk_why, machine->region_count + (size_t)1);
    replay->heard =
        rbk_new_array(&replay->arena, struct rbk_heard, machine->trigger_count + (size_t)1);
    replay->actions.capacity = rbk_actions_max(machine);
    replay->actions.items =
        rbk_new_array(&replay->arena, struct rbk_action, replay->actions.capacity);
    replay->state = rbk_arena_alloc(&replay->arena, bytes, 8);
    rbk_replay_reset(replay);
    return rbk_settings_derive(machine, replay->params, &replay->arena, &replay->settings, reterr);
}

struct rbk_replay *rbk_replay_begin(struct rbk_arena *arena, const struct rbk_machine *machine,
                                    struct rbk_value *params, struct rbk_error *reterr)
{
    struct rbk_replay *replay = calloc(1, sizeof(*replay));

    if (replay == NULL) {
        (void)rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        return NULL;
    }
    replay->arena = *arena; /* moves: the caller's is empty from here on */
    rbk_arena_init(arena, 0);
    replay->machine = machine;
    replay->params = params;
    if (begin(replay, reterr) != 0) {
        rbk_replay_free(replay);
        return NULL;
    }
    return replay;
}

void rbk_replay_free(struct rbk_replay *replay)
{
    if (replay == NULL) {
        return;
    }
    rbk_values_fini(&replay->kept_slots);
    rbk_values_fini(&replay->kept_baselines);
    rbk_arena_fini(&replay->reasons);
    rbk_arena_fini(&replay->notes);
    rbk_arena_fini(&replay->alert_texts);
    rbk_arena_fini(&replay->arena);
    free(replay);
}

/* ---- a whole journal --------------------------------------------------------------------------
 */

struct walk {
    struct rbk_replay *replay;
    rbk_replay_fn *each;
    void *context;
    struct rbk_state *before; /* only with `each` */
    struct rbk_arena scratch;
    struct rbk_error *reterr;
};

/* The journal proves its own events; what lies beside it in the store is proved by the first one.
 */
static int check_settings(const struct rbk_replay *replay, const struct rbk_record *start,
                          struct rbk_error *reterr)
{
    char hash[65];

    if (rbk_settings_hash(&replay->run, hash) != 0) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (!rbk_str_is(start->settings, hash)) {
        return rbk_error_set(reterr, RBK_ECORRUPT,
                             "the parameters or other settings of run %.*s were changed in the "
                             "store after it started",
                             RBK_STR_ARG(replay->run.id));
    }
    return 0;
}

int rbk_replay_take(struct rbk_replay *replay, const struct rbk_store_event *event,
                    struct rbk_arena *scratch, struct rbk_state *before,
                    struct rbk_record *ret_record, struct rbk_error *reterr)
{
    enum rbk_refusal refusal;
    int error;

    rbk_arena_reset(scratch);
    error = rbk_record_decode(event->kind, event->body, event->at_ms, scratch, ret_record, reterr);
    if (error != 0) {
        return error;
    }
    if (ret_record->event.kind == RBK_EVENT_START &&
        (error = check_settings(replay, ret_record, reterr)) != 0) {
        return error;
    }
    if (before != NULL) {
        memcpy(before, replay->state, rbk_state_bytes(replay->machine));
    }
    refusal = rbk_replay_apply(replay, ret_record);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        return rbk_error_set(
            reterr, RBK_ECORRUPT, "event %lld of the journal (%.*s) does not fit the run: %s",
            (long long)event->seq, RBK_STR_ARG(event->kind), rbk_refusal_text(refusal));
    }
    if (replay->failed != 0) {
        return rbk_error_set(reterr, (enum rbk_err) - replay->failed,
                             "event %lld of the journal binds a value for which there is no room",
                             (long long)event->seq);
    }
    replay->seq = event->seq;
    memcpy(replay->hash, event->hash, sizeof(replay->hash));
    return 0;
}

static int on_event(void *context, const struct rbk_store_event *event)
{
    struct walk *walk = context;
    struct rbk_record record;
    int error =
        rbk_replay_take(walk->replay, event, &walk->scratch, walk->before, &record, walk->reterr);

    return error != 0 || walk->each == NULL
               ? error
               : walk->each(walk->context, walk->replay, &record, walk->before);
}

int rbk_replay_open(struct rbk_store *store, const char *id, struct rbk_replay **ret_replay,
                    struct rbk_error *reterr)
{
    struct rbk_replay *replay = calloc(1, sizeof(*replay));
    int error;

    if (replay == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_arena_init(&replay->arena, REPLAY_ARENA_BYTES);
    if ((error = rbk_store_get_run(store, id, &replay->arena, &replay->run, reterr)) != 0 ||
        (error = rbk_store_get_machine(store, replay->run.machine.data, &replay->arena,
                                       &replay->machine_text, reterr)) != 0 ||
        (error = rbk_machine_read(&replay->arena, replay->machine_text, &replay->machine,
                                  reterr)) != 0) {
        goto fail;
    }
    if (!rbk_str_is(replay->run.machine, replay->machine->hash)) {
        error = rbk_error_set(reterr, RBK_ECORRUPT,
                              "the machine of run %s was changed in the store", id);
        goto fail;
    }
    if ((error = rbk_settings_decode(replay->machine, replay->run.params, &replay->arena,
                                     &replay->params, reterr)) != 0 ||
        (error = begin(replay, reterr)) != 0) {
        goto fail;
    }
    *ret_replay = replay;
    return 0;

fail:
    rbk_replay_free(replay);
    return error;
}

/* @broken  Where a journal that breaks off says why; NULL: that is an error like any other. */
static int load(struct rbk_store *store, const char *id, rbk_replay_fn *each, void *context,
                struct rbk_replay **ret_replay, struct rbk_error *broken, struct rbk_error *reterr)
{
    struct rbk_replay *replay = NULL;
    struct walk walk = {
        .each = each, .context = context, .reterr = broken != NULL ? broken : reterr};
    int error = rbk_replay_open(store, id, &replay, reterr);

    if (error != 0) {
        return error;
    }
    RBK_ASSERT(replay != NULL);
    walk.replay = replay;
    rbk_arena_init(&walk.scratch, RBK_REPLAY_SCRATCH_BYTES);
    if (each != NULL) {
        walk.before = rbk_arena_alloc(&replay->arena, rbk_state_bytes(replay->machine), 8);
    }
    if (each == NULL && (error = rbk_snapshot_load(store, replay, reterr)) != 0) {
        goto fail;
    }
    error = rbk_store_each_event(store, id, replay->seq + 1, on_event, &walk, walk.reterr);
    if (error < 0 && (broken == NULL || replay->failed != 0)) {
        if (broken != NULL && reterr != NULL) {
            *reterr = *broken;
        }
        goto fail;
    }
    rbk_arena_fini(&walk.scratch);
    *ret_replay = replay;
    return 0;

fail:
    rbk_arena_fini(&walk.scratch);
    rbk_replay_free(replay);
    return error;
}

int rbk_replay_load(struct rbk_store *store, const char *id, rbk_replay_fn *each, void *context,
                    struct rbk_replay **ret_replay, struct rbk_error *reterr)
{
    return load(store, id, each, context, ret_replay, NULL, reterr);
}

int rbk_replay_load_far(struct rbk_store *store, const char *id, rbk_replay_fn *each, void *context,
                        struct rbk_replay **ret_replay, struct rbk_error *ret_broken,
                        struct rbk_error *reterr)
{
    *ret_broken = (struct rbk_error){0};
    return load(store, id, each, context, ret_replay, ret_broken, reterr);
}
