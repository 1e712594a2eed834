/*
 * Reading a run for its report: the journal goes through step() again (people/history), each record
 * is told to the report, then what lies beside the journal in the store. Nothing is written.
 */
#include "runtime/report/report_internal.h"

#include "runtime/people/history.h"
#include "runtime/people/status.h"

static void on_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    rbk_report_record(show->own, show->view, shown->seq, shown->record, shown->before, shown->after,
                      shown->actions);
}

static const struct rbk_show_kind into_report = {.name = "report", .on_record = on_record};

/* Where rows of the store go. */
struct rows {
    struct rbk_run_report *report;
    const struct rbk_view *view;
};

static int on_message(void *context, const struct rbk_store_message *message)
{
    const struct rows *rows = context;
    rbk_report_message(rows->report, rows->view, message);
    return 0;
}

static int on_request(void *context, const struct rbk_store_request *request)
{
    const struct rows *rows = context;
    rbk_report_request(rows->report, request);
    return 0;
}

static int on_evidence(void *context, const struct rbk_store_evidence *evidence)
{
    const struct rows *rows = context;
    rbk_report_evidence(rows->report, evidence);
    return 0;
}

/* What the store says of a run that its journal does not bear out: a journal whose end was cut off
 * is whole in itself. */
static void compare(const struct rbk_replay *replay, struct rbk_error *broken)
{
    const char *status = rbk_status_name((enum rbk_status)replay->state->status);

    if (broken->code != 0) {
        return;
    }
    if (replay->run.events > replay->seq) {
        (void)rbk_error_set(broken, RBK_ECORRUPT,
                            "the journal ends with event %lld, but there were %lld",
                            (long long)replay->seq, (long long)replay->run.events);
    } else if (replay->run.ended_ms != 0 && !rbk_str_is(replay->run.status, status)) {
        (void)rbk_error_set(broken, RBK_ECORRUPT,
                            "the store says that the run is %.*s, by its journal it is %s",
                            RBK_STR_ARG(rbk_str_slice(replay->run.status, 0, 40)), status);
    }
}

static int complete(struct rbk_run_report *report, struct rbk_history *history, uint64_t now_ms,
                    struct rbk_error *broken, struct rbk_error *reterr)
{
    const struct rbk_replay *replay = history->replay;
    struct rows rows = {report, &history->view};
    int error;

    compare(replay, broken);
    if ((error = rbk_store_each_message(history->store, history->id, on_message, &rows, reterr)) !=
            0 ||
        (error = rbk_store_each_asked(history->store, history->id, on_request, &rows, reterr)) !=
            0 ||
        (error = rbk_store_each_evidence(history->store, history->id, on_evidence, &rows,
                                         reterr)) != 0) {
        return error;
    }
    const struct rbk_report_end end = {
        .run = &replay->run,
        .state = replay->state,
        .reason = replay->reason,
        .chain = rbk_str_from(replay->hash),
        .broken = broken->code != 0 ? rbk_str_from(broken->text) : RBK_STR(""),
        .events = replay->seq,
        .runner = rbk_runner_lives(&history->runner),
        .now_ms = now_ms,
    };
    if (replay->state->ended_ms == 0) {
        rbk_status_explain(history, now_ms, rbk_report_open, report);
    }
    rbk_report_finish(report, &history->view, &end);
    return rbk_report_failed(report) ? rbk_error_set(reterr, RBK_ENOMEM, "out of memory") : 0;
}

int rbk_report_read(struct rbk_store *store, const char *id, const char *store_path,
                    uint64_t now_ms, struct rbk_run_report **ret_report, struct rbk_error *reterr)
{
    struct rbk_run_report *report = rbk_report_new();
    struct rbk_history history;
    struct rbk_error broken = {0};
    struct rbk_show show;
    int error;

    if (report == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_show_init(&show, &into_report, -1);
    show.own = report;
    error = rbk_history_open_far(&history, store, id, &show, &broken, reterr);
    if (error == 0) {
        history.view.store = store_path;
        error = complete(report, &history, now_ms, &broken, reterr);
    }
    rbk_show_fini(&show);
    rbk_history_fini(&history);
    if (error != 0) {
        rbk_report_free(report);
        return error;
    }
    *ret_report = report;
    return 0;
}
