/*
 * What single steps came to: conditions with the readings they were decided on, values that were
 * bound, and every step that did not simply go well - with how it went on.
 */
#include "runtime/report/report_internal.h"

#include "runtime/people/story.h"

#define TROUBLES_MAX 1000
#define VALUES_MAX 1000

static struct rbk_str stage_name(const struct rbk_report_moment *moment, uint32_t region)
{
    uint32_t root = rbk_region_root(moment->machine, region);
    return root == 0 ? RBK_STR("")
                     : rbk_report_text(moment->report, moment->machine->regions[root].name);
}

static bool is_condition(enum rbk_effect_kind kind)
{
    return kind == RBK_EFFECT_CHECK || kind == RBK_EFFECT_REQUIRE || kind == RBK_EFFECT_TEST ||
           kind == RBK_EFFECT_WAIT_UNTIL || kind == RBK_EFFECT_BASELINE || kind == RBK_EFFECT_ARM;
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static struct rbk_report_check *check_of(const struct rbk_report_moment *moment, uint32_t region,
                                         uint32_t state, const struct rbk_effect *effect)
{
    struct rbk_run_report *report = moment->report;
    uint32_t *row = &moment->building->checks[state];
    struct rbk_report_check *check;

    if (*row != RBK_NONE) {
        return &report->checks.items[*row];
    }
    if ((check = rbk_report_push(report, report->checks, 5000)) == NULL) {
        return NULL;
    }
    *row = (uint32_t)report->checks.count - 1;
    check->state = state;
    check->kind = effect->kind;
    check->stage = stage_name(moment, region);
    check->step = rbk_report_text(report, moment->machine->states[state].name);
    check->text = rbk_report_text(report, effect->text.bytes != 0
                                              ? effect->text
                                              : rbk_str_from(rbk_effect_kind_name(effect->kind)));
    return check;
}

/* "p99 = 120ms, error_rate = 0.1%" */
static void set_baselines(const struct rbk_report_moment *moment, struct rbk_report_check *check)
{
    const struct rbk_machine *machine = moment->machine;
    const struct rbk_value *list = &moment->record->value;
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (uint32_t i = 0;
         list->type == RBK_TYPE_LIST && i < machine->baseline_count && i < list->as.list.count;
         i++) {
        rbk_buffer_printf(&text, "%s%.*s = ", i == 0 ? "" : ", ",
                          RBK_STR_ARG(machine->probes[machine->baselines[i].probe].name));
        rbk_value_print(&text, list->as.list.items[i]);
    }
    rbk_report_retext(moment->report, &check->readings, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

static void tell_check(const struct rbk_report_moment *moment, uint32_t region, uint32_t state,
                       const struct rbk_effect *effect)
{
    struct rbk_report_check *check = check_of(moment, region, state, effect);
    enum rbk_outcome outcome = moment->record->event.outcome;

    if (check == NULL) {
        return;
    }
    check->ok += outcome == RBK_OUTCOME_OK ? 1u : 0u;
    check->failed += outcome == RBK_OUTCOME_OK ? 0u : 1u;
    check->seq = moment->seq;
    check->at_ms = moment->at_ms;
    check->outcome = outcome;
    if (effect->kind == RBK_EFFECT_BASELINE && moment->record->has_value &&
        moment->record->message.bytes == 0) {
        set_baselines(moment, check);
    } else {
        rbk_report_retext(moment->report, &check->readings, moment->record->message);
    }
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void tell_value(const struct rbk_report_moment *moment, uint32_t region,
                       const struct rbk_effect *effect)
{
    struct rbk_run_report *report = moment->report;
    struct rbk_report_value *value;
    struct rbk_buffer text;

    if (!moment->record->has_value || effect->into >= moment->machine->slot_count ||
        effect->kind == RBK_EFFECT_BASELINE ||
        (value = rbk_report_push(report, report->values, VALUES_MAX)) == NULL) {
        return;
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_value_print(&text, moment->record->value);
    value->at_ms = moment->at_ms;
    value->stage = stage_name(moment, region);
    value->name = rbk_report_text(report, moment->machine->slots[effect->into].name);
    value->value = rbk_report_text(report, rbk_str_slice(rbk_buffer_str(&text), 0, 300));
    rbk_buffer_fini(&text);
}

/* ---- what went wrong --------------------------------------------------------------------------
 */

static struct rbk_report_trouble *trouble(const struct rbk_report_moment *moment, uint32_t region)
{
    struct rbk_run_report *report = moment->report;
    struct rbk_report_building *building = moment->building;
    const struct rbk_region_state *was = rbk_state_region(moment->machine, moment->before, region);
    struct rbk_report_trouble *row = rbk_report_push(report, report->troubles, TROUBLES_MAX);

    if (row != NULL) {
        row->seq = moment->seq;
        row->at_ms = moment->at_ms;
        row->stage = stage_name(moment, region);
        row->step = rbk_report_text(report, moment->machine->states[was->state].name);
        row->what = building->told_count != 0 ? rbk_report_text(report, building->told[0].text)
                                              : RBK_STR("");
        row->ended = RBK_STR("");
    }
    return row;
}

/* Where a region went after a step of it did not go well. */
static struct rbk_str how_it_went_on(const struct rbk_report_moment *moment, uint32_t region,
                                     const struct rbk_effect *effect)
{
    const struct rbk_machine *machine = moment->machine;
    uint32_t root = rbk_region_root(machine, region);
    const struct rbk_region_state *is = rbk_state_region(machine, moment->after, region);
    enum rbk_state_kind kind = machine->states[is->state].kind;

    if (is->mode == RBK_MODE_DOUBT) {
        return RBK_STR("a person was asked whether it happened");
    }
    if (is->mode == RBK_MODE_LOOKING) {
        return RBK_STR("looked up whether it happened");
    }
    if (is->mode == RBK_MODE_RETRY || is->mode == RBK_MODE_PARKED) {
        return RBK_STR("tried again");
    }
    if (kind == RBK_STATE_STUCK) {
        return RBK_STR("stuck: no way back was left");
    }
    if (kind == RBK_STATE_HELD) {
        return RBK_STR("held");
    }
    if (root != 0 && rbk_stage_rolling_back(machine, moment->after, root)) {
        return rbk_stage_rolling_back(machine, moment->before, root)
                   ? RBK_STR("the next way back was tried")
                   : RBK_STR("the stage was rolled back");
    }
    return effect->optional ? RBK_STR("passed over: the step is optional") : RBK_STR("");
}

static void tell_failure(const struct rbk_report_moment *moment, uint32_t region,
                         const struct rbk_effect *effect)
{
    const struct rbk_region_state *was = rbk_state_region(moment->machine, moment->before, region);
    struct rbk_report_trouble *row;

    struct rbk_str *failure = &moment->building->failures[was->state];
    bool lost = rbk_story_kept_nothing(effect, moment->record);

    if (moment->record->event.outcome != RBK_OUTCOME_OK && was->mode != RBK_MODE_CANCELLING) {
        rbk_report_retext(moment->report, failure, moment->record->message);
    }
    if ((moment->record->event.outcome == RBK_OUTCOME_OK && !lost) ||
        effect->kind == RBK_EFFECT_TEST || was->mode == RBK_MODE_LOOKING ||
        (row = trouble(moment, region)) == NULL) {
        return;
    }
    if (moment->record->event.outcome == RBK_OUTCOME_OK) {
        row->lost = true;
        row->ended = RBK_STR("evidence is missing; the run went on");
        return;
    }
    row->ended = was->mode == RBK_MODE_CANCELLING ? RBK_STR("it was stopped")
                                                  : how_it_went_on(moment, region, effect);
    if (was->mode != RBK_MODE_CANCELLING) {
        rbk_report_mark(moment->report, RBK_REPORT_MARK_FAILURE, moment->at_ms, row->what);
    }
}

/* A doubt that begins, and one that is over. */
static void tell_doubt(const struct rbk_report_moment *moment, uint32_t region)
{
    const struct rbk_region_state *was = rbk_state_region(moment->machine, moment->before, region);
    const struct rbk_region_state *is = rbk_state_region(moment->machine, moment->after, region);
    struct rbk_report_region *known = &moment->building->regions[region];
    const struct rbk_record *record = moment->record;
    struct rbk_report_trouble *row;

    if (was->mode != RBK_MODE_DOUBT && is->mode == RBK_MODE_DOUBT) {
        if ((row = trouble(moment, region)) != NULL) {
            row->doubt = true;
            known->doubt = (uint32_t)moment->report->troubles.count - 1;
        }
    } else if (was->mode == RBK_MODE_DOUBT && is->mode != RBK_MODE_DOUBT &&
               known->doubt != RBK_NONE) {
        row = &moment->report->troubles.items[known->doubt];
        known->doubt = RBK_NONE;
        row->ended_ms = moment->at_ms;
        if (record->event.kind == RBK_EVENT_COMMAND || record->event.kind == RBK_EVENT_ANSWER) {
            row->ended = rbk_report_printf(
                moment->report, "%s, said %.*s%s%.*s", rbk_answer_name(record->event.answer),
                RBK_STR_ARG(record->who.bytes != 0 ? record->who : RBK_STR("somebody")),
                record->message.bytes != 0 ? ": " : "", RBK_STR_ARG(record->message));
        } else {
            row->ended = RBK_STR("nobody said in time: what the plan says for silence was done");
        }
    }
}

/* ---- a record ---------------------------------------------------------------------------------
 */

/* Something that a new runner found out about a step under way. */
static void tell_resolved(const struct rbk_report_moment *moment, uint32_t region)
{
    struct rbk_report_trouble *row = trouble(moment, region);

    if (row != NULL) {
        const struct rbk_effect *effect = rbk_view_effect(moment->view, moment->before, region);
        row->ended = moment->record->event.recovery == RBK_RECOVERY_KNOWN
                         ? rbk_report_printf(moment->report, "it had ended: %s",
                                             rbk_outcome_name(moment->record->event.outcome))
                     : moment->record->event.recovery == RBK_RECOVERY_UNKNOWN && effect != NULL
                         ? how_it_went_on(moment, region, effect)
                         : RBK_STR("it went on");
    }
}

void rbk_report_step(const struct rbk_report_moment *moment)
{
    const struct rbk_event *event = &moment->record->event;
    const struct rbk_effect *effect;
    uint32_t region;

    if (event->kind == RBK_EVENT_RESULT || event->kind == RBK_EVENT_RESOLVED) {
        region = rbk_story_region(moment->view, moment->record, moment->before);
        effect = region != RBK_NONE ? rbk_view_effect(moment->view, moment->before, region) : NULL;
        if (effect != NULL && event->kind == RBK_EVENT_RESULT) {
            const struct rbk_region_state *was =
                rbk_state_region(moment->machine, moment->before, region);
            if (is_condition(effect->kind) && was->mode == RBK_MODE_RUNNING) {
                tell_check(moment, region, was->state, effect);
            }
            tell_value(moment, region, effect);
            tell_failure(moment, region, effect);
        } else if (effect != NULL) {
            tell_resolved(moment, region);
        }
    }
    for (uint32_t i = 0; i < moment->machine->region_count; i++) {
        uint32_t was = rbk_state_region(moment->machine, moment->before, i)->mode;
        uint32_t is = rbk_state_region(moment->machine, moment->after, i)->mode;
        if (was != is && (was == RBK_MODE_DOUBT || is == RBK_MODE_DOUBT)) {
            tell_doubt(moment, i);
        }
    }
}
