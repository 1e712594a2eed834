/*
 * Triggers and how often they spoke, abort criteria and signals and whether one of them was met.
 */
#include "runtime/report/report_internal.h"

#include "runtime/core/base/limits.h"

/* `avg(error_rate, 5m) > 5% for 2m` */
static struct rbk_str spelled_trigger(struct rbk_run_report *report, const struct rbk_view *view,
                                      const struct rbk_trigger *trigger)
{
    struct rbk_buffer text;
    struct rbk_str result;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_buffer_append_str(&text, rbk_view_spelled(view, trigger->condition));
    if (trigger->for_ms != 0) {
        rbk_buffer_printf(&text, " for %s", rbk_when_limit(trigger->for_ms).text);
    }
    if (trigger->for_readings != 0) {
        rbk_buffer_printf(&text, " for %u readings", trigger->for_readings);
    }
    result = rbk_report_take(report, &text);
    rbk_buffer_fini(&text);
    return result;
}

static struct rbk_str spelled_reaction(struct rbk_run_report *report, const struct rbk_view *view,
                                       uint32_t reaction)
{
    struct rbk_buffer text;
    struct rbk_str result;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_reaction(view, reaction, &text);
    result = rbk_report_take(report, &text);
    rbk_buffer_fini(&text);
    return result;
}

static void criteria_begin(struct rbk_run_report *report, const struct rbk_view *view)
{
    const struct rbk_machine *machine = view->machine;

    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        struct rbk_report_criterion *row =
            rbk_report_push(report, report->criteria, RBK_TRIGGERS_MAX);
        if (row != NULL) {
            row->condition =
                rbk_report_text(report, rbk_view_spelled(view, machine->criteria[i].condition));
            row->message = rbk_report_text(report, machine->criteria[i].message);
        }
    }
    for (uint32_t i = 0; i < machine->signal_count; i++) {
        struct rbk_report_criterion *row =
            rbk_report_push(report, report->criteria, RBK_TRIGGERS_MAX + RBK_SIGNALS_MAX);
        if (row != NULL) {
            row->condition =
                rbk_report_printf(report, "on signal %.*s", RBK_STR_ARG(machine->signals[i].name));
            row->message = rbk_report_text(report, machine->signals[i].message);
        }
    }
}

void rbk_report_triggers_begin(struct rbk_run_report *report, const struct rbk_view *view)
{
    for (uint32_t i = 0; i < view->machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &view->machine->triggers[i];
        struct rbk_report_trigger *row =
            rbk_report_push(report, report->triggers, RBK_TRIGGERS_MAX);
        if (row != NULL) {
            row->name = rbk_report_text(report, trigger->name);
            row->severity = rbk_report_text(report, trigger->severity);
            row->condition = spelled_trigger(report, view, trigger);
            row->reaction = spelled_reaction(report, view, trigger->reaction);
            row->missing = spelled_reaction(report, view, trigger->missing);
        }
    }
    criteria_begin(report, view);
}

/* A decision was taken on one of them. */
static void meet_criterion(const struct rbk_report_moment *moment, struct rbk_cause cause)
{
    size_t row = cause.kind == RBK_CAUSE_CRITERION ? cause.index
                 : cause.kind == RBK_CAUSE_SIGNAL
                     ? (size_t)moment->machine->criterion_count + cause.index
                     : SIZE_MAX;

    if (row < moment->report->criteria.count) {
        moment->report->criteria.items[row].met = true;
    }
}

void rbk_report_trigger(const struct rbk_report_moment *moment)
{
    const struct rbk_event *event = &moment->record->event;
    struct rbk_report_trigger *row;

    if (moment->before->turned == 0 && moment->after->turned != 0) {
        meet_criterion(moment, moment->after->cause);
    }
    if (event->kind != RBK_EVENT_TRIGGER || event->index >= moment->report->triggers.count) {
        return;
    }
    row = &moment->report->triggers.items[event->index];
    row->last_ms = moment->at_ms;
    if (event->level != RBK_LEVEL_FALSE) {
        /* After a gap without data the same edge comes again, and is not reacted to. */
        bool news = rbk_state_trigger(moment->machine, moment->before, event->index)->fired !=
                    rbk_state_trigger(moment->machine, moment->after, event->index)->fired;

        row->fired += event->level == RBK_LEVEL_TRUE && news ? 1u : 0u;
        row->unreadable += event->level == RBK_LEVEL_MISSING ? 1u : 0u;
        rbk_report_retext(moment->report, &row->readings, moment->record->message);
        rbk_report_mark(moment->report, RBK_REPORT_MARK_TRIGGER, moment->at_ms,
                        rbk_report_passing(moment->report, "trigger %.*s %s: %.*s",
                                           RBK_STR_ARG(row->name),
                                           event->level != RBK_LEVEL_TRUE ? "cannot be read"
                                           : news                         ? "fired"
                                                                          : "holds still",
                                           RBK_STR_ARG(row->readings)));
    }
}
