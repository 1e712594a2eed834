/*
 * Remembering what the state does not hold. Progress is computed once, when a display begins: the
 * path of good outcomes is walked from every beginning, and each state on it gets its number.
 */
#include "runtime/people/track.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"
#include "runtime/people/story.h"

#define NOT_ON_A_PATH UINT32_MAX

/* Whether a state is a step of its own: a `parallel` is one, whatever its branches have. */
static bool counts(enum rbk_state_kind kind)
{
    return kind == RBK_STATE_EFFECT || kind == RBK_STATE_FORK;
}

/* Number the steps along the good outcomes from `first` to the end of the path. */
static void number_path(struct rbk_track *track, uint32_t first)
{
    const struct rbk_machine *machine = track->machine;
    uint32_t count = 0, at = first, steps = 0;

    for (; at < machine->state_count && steps < machine->state_count; steps++) {
        if (track->done[at] != NOT_ON_A_PATH) {
            break;
        }
        track->done[at] = count;
        count += counts(machine->states[at].kind) ? 1u : 0u;
        at = machine->states[at].next[RBK_OUTCOME_OK];
    }
    /* Joined a path that is numbered already: what is left there comes on top. */
    uint32_t end = at;
    if (end < machine->state_count && track->total[end] >= track->done[end]) {
        count += track->total[end] - track->done[end];
    }
    at = first;
    for (uint32_t i = 0; i < steps; i++) {
        track->total[at] = count;
        at = machine->states[at].next[RBK_OUTCOME_OK];
    }
}

int rbk_track_init(struct rbk_track *track, const struct rbk_machine *machine,
                   const struct rbk_value *params)
{
    memset(track, 0, sizeof(*track));
    track->machine = machine;
    track->regions = calloc((size_t)machine->region_count + 1, sizeof(*track->regions));
    track->triggers = calloc((size_t)machine->trigger_count + 1, sizeof(*track->triggers));
    track->done = calloc((size_t)machine->state_count + 1, sizeof(*track->done));
    track->total = calloc((size_t)machine->state_count + 1, sizeof(*track->total));
    if (track->regions == NULL || track->triggers == NULL || track->done == NULL ||
        track->total == NULL || rbk_back_init(&track->back, machine, params) != 0) {
        rbk_track_fini(track);
        return -RBK_ENOMEM;
    }
    for (uint32_t i = 0; i < machine->state_count; i++) {
        track->done[i] = NOT_ON_A_PATH;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        track->regions[i].failed = track->regions[i].failed_back = RBK_NONE;
        if (region->states.count != 0) {
            number_path(track, region->states.first);
        }
        for (uint32_t j = 0; j < region->strategies.count; j++) {
            number_path(track, machine->strategies[region->strategies.first + j].first_state);
        }
    }
    return 0;
}

void rbk_track_fini(struct rbk_track *track)
{
    free(track->regions);
    free(track->triggers);
    free(track->done);
    free(track->total);
    rbk_back_fini(&track->back);
    memset(track, 0, sizeof(*track));
}

static void keep_text(char out[RBK_TRACK_TEXT_BYTES], struct rbk_str text)
{
    size_t bytes = text.bytes < RBK_TRACK_TEXT_BYTES ? text.bytes : RBK_TRACK_TEXT_BYTES - 1;
    if (bytes != 0) {
        memcpy(out, text.data, bytes);
    }
    out[bytes] = '\0';
}

static bool is_rest(const struct rbk_view *view, const struct rbk_state *state, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(view->machine, state, region);
    enum rbk_state_kind kind = view->machine->states[rs->state].kind;
    return (rs->mode == RBK_MODE_IDLE || rs->mode == RBK_MODE_DONE) &&
           (kind == RBK_STATE_APPLIED || kind == RBK_STATE_ROLLED_BACK || kind == RBK_STATE_HELD ||
            kind == RBK_STATE_STUCK);
}

static void record_regions(struct rbk_track *track, const struct rbk_view *view,
                           const struct rbk_state *before, const struct rbk_state *after)
{
    for (uint32_t i = 0; i < track->machine->region_count; i++) {
        const struct rbk_region_state *was = rbk_state_region(track->machine, before, i);
        const struct rbk_region_state *is = rbk_state_region(track->machine, after, i);
        struct rbk_track_region *region = &track->regions[i];
        /* A retire has no attempts: it begins once. */
        bool begins =
            was->stage_attempt != is->stage_attempt ||
            (region->started_ms == 0 && was->mode == RBK_MODE_IDLE && is->mode != RBK_MODE_IDLE &&
             track->machine->regions[i].kind == RBK_REGION_RETIRE);
        if (begins) {
            region->started_ms = after->now_ms;
            region->rested_ms = 0;
            region->failed = region->failed_back = RBK_NONE;
            region->failure[0] = region->failure_back[0] = '\0';
        } else if (was->rollbacks != is->rollbacks) {
            region->failed_back = RBK_NONE;
            region->failure_back[0] = '\0';
        }
        if (is_rest(view, after, i)) {
            if (!is_rest(view, before, i) || was->state != is->state) {
                region->rested_ms = after->now_ms;
            }
        } else {
            region->rested_ms = 0;
        }
        if (is->serial == 0) {
            region->since_ms = 0;
        }
    }
}

static void record_trigger(struct rbk_track *track, const struct rbk_record *record)
{
    if (record->event.index >= track->machine->trigger_count) {
        return;
    }
    struct rbk_track_trigger *trigger = &track->triggers[record->event.index];
    trigger->at_ms = record->event.now_ms;
    trigger->level = record->event.level;
    if (record->has_value) {
        struct rbk_buffer text;
        rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
        rbk_value_print(&text, record->value);
        keep_text(trigger->text, rbk_buffer_str(&text));
        rbk_buffer_fini(&text);
    } else {
        keep_text(trigger->text, record->message);
    }
}

static void record_failure(struct rbk_track *track, uint32_t state, struct rbk_str message)
{
    const struct rbk_machine *machine = track->machine;
    const struct rbk_machine_state *at = &machine->states[state];
    struct rbk_track_region *region = &track->regions[rbk_region_root(machine, at->region)];
    if (rbk_view_on_way_back(at)) {
        if (rbk_state_is_test(machine, state) && region->failed_back != RBK_NONE) {
            return; /* a way back that is not open hides none that failed */
        }
        region->failed_back = state;
        keep_text(region->failure_back, message);
    } else {
        region->failed = state;
        keep_text(region->failure, message);
    }
}

/* An effect came to be in doubt: what was said of an earlier one does not count for it. */
static void record_doubt(struct rbk_track *track, const struct rbk_view *view,
                         const struct rbk_record *record, const struct rbk_state *before,
                         const struct rbk_state *after)
{
    bool resolved = record->event.kind == RBK_EVENT_RESOLVED;
    uint32_t region = resolved || record->event.kind == RBK_EVENT_RESULT
                          ? rbk_story_region(view, record, before)
                          : RBK_NONE;
    if (region != RBK_NONE &&
        rbk_state_region(track->machine, after, region)->mode == RBK_MODE_DOUBT &&
        rbk_state_region(track->machine, before, region)->mode != RBK_MODE_DOUBT) {
        keep_text(track->regions[region].doubt,
                  record->message.bytes == 0 && resolved
                      ? RBK_STR("it was under way when the last runner ended")
                      : record->message);
    }
}

const char *rbk_track_failure(const struct rbk_track *track, struct rbk_cause cause)
{
    const struct rbk_machine *machine = track->machine;
    if ((cause.kind != RBK_CAUSE_FAILURE && cause.kind != RBK_CAUSE_TIMEOUT) ||
        cause.index >= machine->state_count) {
        return "";
    }
    const struct rbk_track_region *region =
        &track->regions[rbk_region_root(machine, machine->states[cause.index].region)];
    return region->failed == cause.index        ? region->failure
           : region->failed_back == cause.index ? region->failure_back
                                                : "";
}

void rbk_track_record(struct rbk_track *track, const struct rbk_view *view,
                      const struct rbk_record *record, const struct rbk_state *before,
                      const struct rbk_state *after, const struct rbk_actions *actions)
{
    record_regions(track, view, before, after);
    for (size_t i = 0; actions != NULL && i < actions->count; i++) {
        const struct rbk_action *action = &actions->items[i];
        if ((action->kind == RBK_ACTION_DISPATCH || action->kind == RBK_ACTION_LOOK) &&
            action->region < track->machine->region_count) {
            track->regions[action->region].since_ms = after->now_ms;
        }
    }
    record_doubt(track, view, record, before, after);
    if (record->event.kind == RBK_EVENT_RESULT && record->event.outcome != RBK_OUTCOME_OK) {
        uint32_t region = rbk_story_region(view, record, before);
        if (region != RBK_NONE &&
            rbk_state_region(track->machine, before, region)->mode == RBK_MODE_RUNNING) {
            record_failure(track, rbk_state_region(track->machine, before, region)->state,
                           record->message);
        }
    } else if (record->event.kind == RBK_EVENT_TRIGGER) {
        record_trigger(track, record);
    } else if (record->event.kind == RBK_EVENT_RESUMED) {
        track->resumed_ms = record->event.now_ms;
    }
}

bool rbk_track_progress(const struct rbk_track *track, uint32_t state, uint32_t *ret_done,
                        uint32_t *ret_total)
{
    /* A state beside the path (an `else`): where it comes back to it. */
    for (uint32_t hops = 0; hops < 1000 && state < track->machine->state_count; hops++) {
        if (track->done[state] != NOT_ON_A_PATH) {
            *ret_done = track->done[state];
            *ret_total = track->total[state];
            return *ret_total != 0;
        }
        state = track->machine->states[state].next[RBK_OUTCOME_OK];
    }
    return false;
}
