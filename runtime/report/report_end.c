/*
 * The end of a report: what the run came to, what waits for somebody now, and the commands that
 * show more.
 */
#include "runtime/report/report_internal.h"

#include "runtime/core/value_text.h"

static void head(struct rbk_run_report *report, const struct rbk_view *view,
                 const struct rbk_report_end *end)
{
    const struct rbk_machine *machine = view->machine;
    const struct rbk_state *state = end->state;

    report->run = rbk_report_text(report, end->run->id);
    report->plan = rbk_report_text(report, machine->name);
    report->title = rbk_report_text(report, machine->title);
    report->ticket = rbk_report_text(report, machine->ticket);
    report->owner = rbk_report_text(report, machine->owner);
    report->service = rbk_report_text(report, machine->service);
    report->user = rbk_report_text(report, end->run->user);
    report->host = rbk_report_text(report, end->run->host);
    report->directory = rbk_report_text(report, end->run->directory);
    report->machine = rbk_report_text(report, end->run->machine);
    report->unrehearsed = rbk_report_text(report, end->run->unrehearsed);
    report->status = (enum rbk_status)state->status;
    report->reason = rbk_report_text(report, end->reason);
    report->started_ms = (uint64_t)end->run->started_ms;
    report->first_effect_ms = state->first_effect_ms;
    report->all_applied_ms = state->all_applied_ms;
    report->decided_ms = state->decided_ms;
    report->stuck_ms = state->stuck_ms;
    report->ended_ms = state->ended_ms;
    report->last_ms = report->last_ms != 0 ? report->last_ms : report->started_ms;
    report->written_ms = end->now_ms;
    /* What is under way lasts until now, with or without a runner: deadlines wait for none. */
    report->until_ms = report->ended_ms == 0 && report->written_ms > report->last_ms
                           ? report->written_ms
                           : report->last_ms;
    report->estimate_ms = machine->estimate_ms;
    report->rollback_within_ms = machine->rollback_within_ms;
    report->overdue = state->overdue != 0;
    report->rollbacks = state->rollbacks;
    report->runner = end->runner;
    report->events = end->events;
    report->chain = rbk_report_text(report, end->chain);
    report->broken = rbk_report_text(report, end->broken);
}

static void params(struct rbk_run_report *report, const struct rbk_view *view)
{
    const struct rbk_machine *machine = view->machine;
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (uint32_t i = 0;
         view->scope != NULL && view->scope->params != NULL && i < machine->param_count; i++) {
        struct rbk_report_value *row = rbk_report_push(report, report->params, 1000);
        if (row != NULL) {
            rbk_value_print(&text, view->scope->params[i]);
            row->name = rbk_report_text(report, machine->params[i].name);
            row->value = rbk_report_take(report, &text);
        }
    }
    rbk_buffer_fini(&text);
}

void rbk_report_open(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct rbk_run_report *report = context;
    struct rbk_str *line = rbk_report_push(report, report->open, 200);

    (void)tone;
    (void)stage;
    if (line != NULL) {
        *line = rbk_report_text(report, rbk_str_trim(text));
    }
}

/* The questions that wait for somebody now, with the commands that answer them. */
static void questions(struct rbk_run_report *report, const struct rbk_view *view,
                      const struct rbk_state *state)
{
    struct rbk_asked asked[32];
    size_t count = rbk_view_asked(view, state, asked, RBK_COUNT(asked));
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        rbk_asked_text(view, state, &asked[i], &text);
        if (asked[i].due_ms != 0) {
            rbk_buffer_printf(&text, "; until %s",
                              rbk_when_until(asked[i].due_ms, state->now_ms).text);
        }
        rbk_report_open(report, RBK_TONE_ASK, RBK_STR(""), rbk_buffer_str(&text));
        rbk_buffer_clear(&text);
        for (size_t number = 0; rbk_asked_command(view, state, &asked[i], number, &text);
             number++) {
            rbk_report_open(report, RBK_TONE_ASK, RBK_STR(""), rbk_buffer_str(&text));
            rbk_buffer_clear(&text);
        }
        rbk_buffer_clear(&text);
    }
    rbk_buffer_fini(&text);
}

static void commands(struct rbk_run_report *report, const struct rbk_view *view)
{
    static const char *const verbs[] = {"log", "status", "report"};
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < RBK_COUNT(verbs); i++) {
        struct rbk_str *line = rbk_report_push(report, report->commands, 10);
        rbk_view_command(view, verbs[i],
                         i == 2 ? RBK_STR("--format html --output report.html") : RBK_STR(""),
                         &text);
        if (line != NULL) {
            *line = rbk_report_take(report, &text);
        }
        rbk_buffer_clear(&text);
    }
    rbk_buffer_fini(&text);
}

void rbk_report_finish(struct rbk_run_report *report, const struct rbk_view *view,
                       const struct rbk_report_end *end)
{
    if (!rbk_report_begin(report, view)) {
        return;
    }
    head(report, view, end);
    rbk_report_lines_end(report);
    params(report, view);
    rbk_report_stages_end(report, view, end->state);
    for (uint32_t i = 0; i < view->machine->waiver_count; i++) {
        struct rbk_report_waiver *row = rbk_report_push(report, report->waivers, 1000);
        if (row != NULL) {
            row->code = rbk_report_text(report, view->machine->waivers[i].code);
            row->because = rbk_report_text(report, view->machine->waivers[i].because);
        }
    }
    if (report->ended_ms == 0) {
        questions(report, view, end->state);
    }
    commands(report, view);
    rbk_report_facts(report);
}
