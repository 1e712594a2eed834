/*
 * Watching, its levels: one struct per condition (a trigger or a criterion).
 *
 *     rbk_watch_evaluate -> raw level of each condition that depends on the probe
 *                        -> `for D`, `for N readings` -> `confirm within D`
 *                        -> level -> a change, if it differs
 *
 * A condition is judged only while it is armed, and only once each of its probes has given a good
 * reading or is missing: right after a restart nothing is known yet, which is not the same. A probe
 * that is pushed reads false until something arrives. A `count(p, D)` is no count of D before it
 * was watched for so long: until then its condition is judged only when the rest of D could not
 * matter.
 *
 * A `for` counts from the first true evaluation after arming. A gap breaks it, but one that was
 * complete stays so, over gaps and restarts, until the condition is seen not to hold: else the same
 * edge would be given twice. A reading that failed, but not often enough to make the probe missing,
 * neither counts as one of `for N readings` nor breaks their row.
 *
 * A `confirm` is a pause between a complete span and TRUE:
 *
 *     (not complete) --complete, begin_confirming()--> confirming --FALSE--> (not complete)
 *     confirming --all readings fresh and TRUE, or confirm_ms passed--> confirmed --FALSE--> …
 *
 * While it is confirming the level is FALSE, also when the second reading is missing: that is what
 * the time limit is for. What was confirmed stays so over a gap without data, so that the same edge
 * is not waited for twice. None of it is journalled: a new runner takes both looks anew.
 */
#include "runtime/core/watch_internal.h"

#include "runtime/core/check.h"

/* ---- levels ---------------------------------------------------------------------------------- */

/* The scope of one evaluation: ours for windows and baselines, the caller's for the rest. */
struct context {
    const struct rbk_watch *watch;
    const struct rbk_scope *outer; /* may be NULL */
    uint64_t now_ms;
    bool filled; /* counts are as if all readings had come for as long as nobody watched */
};

/* How many readings of a window nobody can have seen: from before the probe was first read. */
static uint64_t unseen_count(const struct rbk_watch *watch, const struct rbk_window *row,
                             uint64_t now_ms)
{
    const struct watched_probe *probe = &watch->probes[row->probe];
    uint64_t seen_ms =
        probe->began_ms != 0 && now_ms > probe->began_ms ? now_ms - probe->began_ms : 0;
    uint64_t every_ms = watch->machine->probes[row->probe].every_ms;
    return seen_ms >= row->over_ms || every_ms == 0 ? 0 : (row->over_ms - seen_ms) / every_ms + 1;
}

static struct rbk_value scope_window(void *data, uint32_t window)
{
    const struct context *context = data;
    const struct rbk_window *row = &context->watch->machine->windows[window];
    struct rbk_value value = rbk_watch_window(context->watch, window, context->now_ms);
    if (context->filled && row->kind == RBK_WINDOW_COUNT && !value.missing &&
        !context->watch->machine->probes[row->probe].pushed) {
        value.as.integer += (int64_t)unseen_count(context->watch, row, context->now_ms);
    }
    return value;
}

static struct rbk_value scope_variable(void *data, enum rbk_variable variable)
{
    const struct context *context = data;
    return context->outer->variable(context->outer->context, variable);
}

static enum rbk_level evaluate(struct rbk_watch *watch, const struct condition *condition,
                               const struct rbk_scope *outer, uint64_t now_ms, bool filled)
{
    struct context context = {watch, outer, now_ms, filled};
    struct rbk_scope scope = {.machine = watch->machine,
                              .slots = outer ? outer->slots : NULL,
                              .params = outer ? outer->params : NULL,
                              .baselines = watch->baselines,
                              .context = &context,
                              .variable = outer && outer->variable ? scope_variable : NULL,
                              .window = scope_window};
    struct rbk_value value = rbk_value_missing(RBK_TYPE_BOOL);
    int error = rbk_expr_evaluate(&scope, condition->expr, &watch->scratch, &value, NULL);
    enum rbk_level level = error ? RBK_LEVEL_MISSING : rbk_level_of(value);
    rbk_arena_reset(&watch->scratch);
    return level;
}

/* It depends on what came before anybody watched. */
static bool is_too_early(struct rbk_watch *watch, const struct condition *condition,
                         const struct rbk_scope *scope, uint64_t now_ms)
{
    return condition->counts && evaluate(watch, condition, scope, now_ms, false) !=
                                    evaluate(watch, condition, scope, now_ms, true);
}

/* Whether every probe has read well once, or failed often enough to be missing; since whoever
 * watches stood still, if he did. */
static bool is_known(const struct rbk_watch *watch, const struct condition *condition,
                     uint64_t now_ms)
{
    for (uint32_t i = 0; i < condition->probes.count; i++) {
        uint32_t probe = watch->probe_lists[condition->probes.first + i];
        const struct watched_probe *read = &watch->probes[probe];
        if (read->unknown
                ? read->failed_in_row < watch->machine->probes[probe].missing_after
                : read->good_count == 0 && !rbk_watch_probe_missing(watch, probe, now_ms) &&
                      !watch->machine->probes[probe].pushed) {
            return false;
        }
    }
    return true;
}

/* How many readings in a row of one of its probes it held for, when its raw level now is `raw`: two
 * probes read once each are not two readings of either. */
static uint32_t count_readings(struct rbk_watch *watch, const struct condition *condition,
                               enum rbk_level raw)
{
    uint32_t most = 0;
    for (uint32_t i = 0; condition->for_readings && i < condition->probes.count; i++) {
        uint32_t probe = watch->probe_lists[condition->probes.first + i];
        struct counted *counted = &watch->counted[condition->probes.first + i];
        bool more = counted->seen != watch->probes[probe].good_count &&
                    counted->readings < condition->for_readings;
        counted->seen = watch->probes[probe].good_count;
        counted->readings = raw == RBK_LEVEL_TRUE ? counted->readings + more : 0;
        most = counted->readings > most ? counted->readings : most;
    }
    return most;
}

static void end_span(struct rbk_watch *watch, struct condition *condition)
{
    condition->in_span = false;
    condition->since_ms = 0;
    condition->readings = count_readings(watch, condition, RBK_LEVEL_FALSE);
}

/* Whether time alone may change a condition's level: keep the list of those. */
static void note_pending(struct rbk_watch *watch, uint32_t index)
{
    struct condition *condition = &watch->conditions[index];
    bool span = condition->in_span && condition->for_ms > 0 && condition->level != RBK_LEVEL_TRUE &&
                condition->readings >= condition->for_readings;
    bool pending = condition->armed && (span || condition->confirming);
    if (pending && condition->pending_at == 0) {
        watch->pending[watch->pending_count++] = index;
        condition->pending_at = watch->pending_count;
    } else if (!pending && condition->pending_at != 0) {
        uint32_t last = watch->pending[--watch->pending_count];
        watch->pending[condition->pending_at - 1] = last;
        watch->conditions[last].pending_at = condition->pending_at;
        condition->pending_at = 0;
    }
}

void rbk_watch_woke_levels(struct rbk_watch *watch, uint64_t now_ms)
{
    for (uint32_t i = 0; i < watch->condition_count; i++) {
        struct condition *condition = &watch->conditions[i];
        bool unknown = condition->own_readings;
        for (uint32_t p = 0; p < condition->probes.count; p++) {
            unknown |= watch->probes[watch->probe_lists[condition->probes.first + p]].unknown;
        }
        if (!unknown) {
            continue;
        }
        if (condition->confirming) {
            condition->confirming_ms = now_ms;
        } else if (!condition->stood) {
            end_span(watch, condition);
        }
        note_pending(watch, i);
    }
}

/* FALSE, since step() forgets a trigger that is not armed; after a restart, what it knows. */
static void begin_at(const struct rbk_watch *watch, const struct rbk_state *state, uint32_t index,
                     struct condition *condition)
{
    condition->level = RBK_LEVEL_FALSE;
    condition->stood = false;
    if (index < watch->machine->trigger_count) {
        const struct rbk_trigger_state *known = rbk_state_trigger(watch->machine, state, index);
        condition->level = (enum rbk_level)known->level;
        /* Missing by now, it may have been true before, and not false in between. */
        bool was_true = (known->seen & (UINT32_C(1) << RBK_LEVEL_TRUE)) != 0 &&
                        (known->seen & (UINT32_C(1) << RBK_LEVEL_FALSE)) == 0;
        condition->stood =
            known->level == RBK_LEVEL_TRUE || (known->level == RBK_LEVEL_MISSING && was_true);
    }
}

static bool is_armed(const struct rbk_watch *watch, const struct rbk_state *state, uint32_t index)
{
    const struct rbk_machine *machine = watch->machine;
    if (index < machine->trigger_count) {
        return rbk_trigger_armed(machine, state, index);
    }
    return machine->criteria[index - machine->trigger_count].reads_probes &&
           rbk_criteria_armed(machine, state);
}

/* Follows the arming of a trigger or criterion; a newly armed one begins anew. Whether it is to be
 * judged. */
static bool arm(struct rbk_watch *watch, const struct rbk_state *state, uint32_t index)
{
    struct condition *condition = &watch->conditions[index];
    bool armed = is_armed(watch, state, index);
    if (armed && !condition->armed) {
        condition->raw = RBK_LEVEL_FALSE;
        end_span(watch, condition);
        condition->confirmed = condition->confirming = false;
        begin_at(watch, state, index, condition);
    }
    condition->armed = armed;
    if (!armed) {
        condition->confirming = false;
        note_pending(watch, index);
    }
    return armed;
}

void rbk_watch_refused(struct rbk_watch *watch, bool criterion, uint32_t index)
{
    uint32_t row = criterion ? watch->machine->trigger_count + index : index;
    watch->conditions[row].armed = false;
    watch->conditions[row].confirming = false;
    note_pending(watch, row);
}

/* ---- the second look ------------------------------------------------------------------------- */

/* Whether the first look is older than the last good reading of a probe. One that is pushed cannot
 * be asked again. */
static bool probe_fresh(const struct rbk_watch *watch, const struct condition *condition,
                        uint32_t probe)
{
    return watch->machine->probes[probe].pushed || watch->probes[probe].fresh >= condition->asked;
}

static bool probes_fresh(const struct rbk_watch *watch, const struct condition *condition)
{
    for (uint32_t i = 0; i < condition->probes.count; i++) {
        if (!probe_fresh(watch, condition, watch->probe_lists[condition->probes.first + i])) {
            return false;
        }
    }
    return true;
}

/* Whether everything was read again. A reading of its own comes last: it is evaluated over what the
 * probes gave. */
static bool all_fresh(struct rbk_watch *watch, struct condition *condition)
{
    if (!probes_fresh(watch, condition)) {
        return false;
    }
    if (condition->own_readings && condition->own_asked == 0) {
        condition->own_asked = condition->probes.count > 0 ? ++watch->mark : condition->asked;
    }
    return !condition->own_readings || condition->own_fresh >= condition->own_asked;
}

static void begin_confirming(struct rbk_watch *watch, struct condition *condition, uint64_t now_ms)
{
    condition->confirming = true;
    condition->confirming_ms = now_ms;
    condition->asked = ++watch->mark;
    condition->own_asked = 0;
}

/* The level of a condition whose span is complete, or that is being confirmed. */
static enum rbk_level confirm(struct rbk_watch *watch, struct condition *condition, uint64_t now_ms,
                              enum rbk_confirmation *ret_news)
{
    if (condition->confirm_ms == 0 || condition->stood || condition->confirmed) {
        return RBK_LEVEL_TRUE;
    }
    if (!condition->confirming) {
        begin_confirming(watch, condition, now_ms);
        *ret_news = RBK_CONFIRMATION_ASKED;
    }
    if (condition->raw == RBK_LEVEL_TRUE && all_fresh(watch, condition)) {
        *ret_news = RBK_CONFIRMATION_CONFIRMED;
    } else if (now_ms - condition->confirming_ms >= condition->confirm_ms) {
        *ret_news = RBK_CONFIRMATION_UNANSWERED;
    } else {
        return RBK_LEVEL_FALSE;
    }
    condition->confirming = false;
    condition->confirmed = true;
    return RBK_LEVEL_TRUE;
}

void rbk_watch_wanted(struct rbk_watch *watch, rbk_watch_want_fn *want, void *context)
{
    for (uint32_t i = 0; i < watch->pending_count; i++) {
        struct condition *condition = &watch->conditions[watch->pending[i]];
        if (!condition->confirming) {
            continue;
        }
        for (uint32_t p = 0; p < condition->probes.count; p++) {
            uint32_t probe = watch->probe_lists[condition->probes.first + p];
            if (!probe_fresh(watch, condition, probe)) {
                want(context, false, probe);
            }
        }
        if (condition->own_readings && probes_fresh(watch, condition) &&
            !all_fresh(watch, condition)) {
            want(context, true, watch->pending[i]);
        }
    }
}

const char *rbk_confirmation_words(enum rbk_confirmation confirmation)
{
    static const char *const words[] = {
#define X(constant, text) text,
        RBK_CONFIRMATIONS(X)
#undef X
    };
    return (unsigned)confirmation < RBK_CONFIRMATION_COUNT ? words[confirmation] : "?";
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The level that `for` and `confirm` make of a raw one. @own_reading  It was read itself, just now.
 */
static enum rbk_level judge(struct rbk_watch *watch, struct condition *condition,
                            enum rbk_level raw, bool own_reading, uint64_t now_ms,
                            enum rbk_confirmation *ret_news)
{
    condition->raw = raw;
    if (raw == RBK_LEVEL_MISSING && condition->confirming) {
        return confirm(watch, condition, now_ms, ret_news);
    }
    if (raw == RBK_LEVEL_FALSE) {
        *ret_news = condition->confirming ? RBK_CONFIRMATION_REFUTED : RBK_CONFIRMATION_NONE;
        condition->confirming = condition->confirmed = condition->stood = false;
    }
    if (raw != RBK_LEVEL_TRUE) {
        end_span(watch, condition);
        return raw;
    }
    if (!condition->in_span) {
        condition->in_span = true;
        condition->since_ms = now_ms;
    }
    if (!condition->own_readings) {
        condition->readings = count_readings(watch, condition, raw);
    } else if (own_reading && condition->readings < condition->for_readings) {
        condition->readings++;
    }
    bool complete = condition->stood || (now_ms - condition->since_ms >= condition->for_ms &&
                                         condition->readings >= condition->for_readings);
    enum rbk_level level = complete ? confirm(watch, condition, now_ms, ret_news) : RBK_LEVEL_FALSE;
    condition->stood = level == RBK_LEVEL_TRUE;
    return level;
}

/* Judges a condition by its raw level, and notes what comes of it. Whether there is news. */
static bool changed(struct rbk_watch *watch, uint32_t index, enum rbk_level raw, bool own_reading,
                    uint64_t now_ms, struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[index];
    enum rbk_confirmation news = RBK_CONFIRMATION_NONE;
    enum rbk_level level = judge(watch, condition, raw, own_reading, now_ms, &news);
    uint32_t triggers = watch->machine->trigger_count;
    bool other = condition->level != level;
    condition->level = level;
    note_pending(watch, index);
    if (!other && news == RBK_CONFIRMATION_NONE) {
        return false;
    }
    *change = (struct rbk_watch_change){.criterion = index >= triggers,
                                        .index = index >= triggers ? index - triggers : index,
                                        .level = level,
                                        .changed = other,
                                        .confirmation = news};
    return true;
}

static bool evaluate_one(struct rbk_watch *watch, const struct rbk_state *state, uint32_t index,
                         const struct rbk_scope *scope, uint64_t now_ms,
                         struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[index];
    if (!arm(watch, state, index)) {
        return false;
    }
    if (condition->own_readings) {
        /* Without a reading only time can complete a span, or end a second look. */
        return (condition->in_span || condition->confirming) &&
               changed(watch, index, condition->raw, false, now_ms, change);
    }
    if (!is_known(watch, condition, now_ms)) {
        return false;
    }
    if (is_too_early(watch, condition, scope, now_ms)) {
        return false;
    }
    enum rbk_level raw = evaluate(watch, condition, scope, now_ms, false);
    return changed(watch, index, raw, false, now_ms, change);
}

bool rbk_watch_too_early(struct rbk_watch *watch, bool criterion, uint32_t index,
                         const struct rbk_scope *scope, uint64_t now_ms)
{
    index += criterion ? watch->machine->trigger_count : 0;
    return is_too_early(watch, &watch->conditions[index], scope, now_ms);
}

size_t rbk_watch_changes_max(const struct rbk_watch *watch, uint32_t probe)
{
    return probe == RBK_NONE ? watch->condition_count : watch->probes[probe].conditions.count;
}

size_t rbk_watch_evaluate(struct rbk_watch *watch, const struct rbk_state *state,
                          const struct rbk_scope *scope, uint32_t probe, uint64_t now_ms,
                          struct rbk_watch_change *changes)
{
    size_t count = 0;
    if (probe == RBK_NONE) {
        for (uint32_t i = 0; i < watch->condition_count; i++) {
            count += evaluate_one(watch, state, i, scope, now_ms, &changes[count]) ? 1 : 0;
        }
        return count;
    }
    struct rbk_slice list = watch->probes[probe].conditions;
    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t index = watch->dependents[list.first + i];
        count += evaluate_one(watch, state, index, scope, now_ms, &changes[count]) ? 1 : 0;
    }
    return count;
}

size_t rbk_watch_level(struct rbk_watch *watch, const struct rbk_state *state, uint32_t trigger,
                       enum rbk_level level, uint64_t now_ms, struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[trigger];
    uint64_t begun = condition->own_begun ? condition->own_begun : watch->mark;
    bool new_reading = level != RBK_LEVEL_MISSING;
    condition->own_begun = 0;
    condition->own_fresh = new_reading ? begun : condition->own_fresh;
    if (!arm(watch, state, trigger) || (!new_reading && !is_known(watch, condition, now_ms))) {
        return 0; /* nobody knows yet what the probes in it say */
    }
    return changed(watch, trigger, level, new_reading, now_ms, change) ? 1 : 0;
}

uint64_t rbk_watch_next_due(const struct rbk_watch *watch)
{
    uint64_t due_ms = 0;
    for (uint32_t i = 0; i < watch->pending_count; i++) {
        const struct condition *condition = &watch->conditions[watch->pending[i]];
        uint64_t end_ms = condition->confirming ? condition->confirming_ms + condition->confirm_ms
                                                : condition->since_ms + condition->for_ms;
        due_ms = due_ms == 0 || end_ms < due_ms ? end_ms : due_ms;
    }
    return due_ms;
}

enum rbk_level rbk_watch_raw_level(const struct rbk_watch *watch, uint32_t trigger,
                                   uint64_t *ret_since_ms)
{
    const struct condition *condition = &watch->conditions[trigger];
    *ret_since_ms = condition->in_span ? condition->since_ms : 0;
    return condition->raw;
}

uint32_t rbk_watch_true_readings(const struct rbk_watch *watch, uint32_t trigger)
{
    return watch->conditions[trigger].readings;
}
