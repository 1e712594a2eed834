/*
 * Numbers for Prometheus, in its text format 0.0.4. Ended runs are only counted; unfinished ones,
 * the newest first and at most RBK_SERVE_METRICS_RUNS_MAX, are told in detail.
 *
 * Samples of one name stand together, as the format wants it: each family walks over the runs.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/state.h"
#include "runtime/core/way_back.h"
#include "runtime/people/readings.h"
#include "runtime/serve/serve_internal.h"

#define METRICS_BYTES_MAX ((size_t)16 << 20)
#define STATUSES_MAX 32

struct scrape {
    struct rbk_server *server;
    struct rbk_store *store;
    struct rbk_buffer *out;
    char (*runs)[RBK_RUN_ID_BYTES];
    size_t run_count;
    struct {
        char status[32];
        uint64_t count;
    } statuses[STATUSES_MAX];
    size_t status_count;
    uint64_t now_ms;
    size_t behind; /* runs that are still being read */
};

/* One family's samples of one run. */
typedef void family_fn(struct scrape *scrape, const struct seen *seen);

/* ---- the format -------------------------------------------------------------------------------
 */

static void begin_family(struct rbk_buffer *out, const char *name, const char *type,
                         const char *help)
{
    rbk_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line end are escaped. */
static void add_value(struct rbk_buffer *out, struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        if (c == '\n') {
            rbk_buffer_append_text(out, "\\n");
        } else if (c == '"' || c == '\\') {
            rbk_buffer_append_byte(out, '\\');
            rbk_buffer_append_byte(out, c);
        } else {
            rbk_buffer_append_byte(out, c);
        }
    }
}

/* `name{run="…"`, open for more labels. */
static void begin_sample(struct scrape *scrape, const struct seen *seen, const char *name)
{
    rbk_buffer_printf(scrape->out, "%s{run=\"%s\"", name, seen->history.id);
}

static void add_label(struct scrape *scrape, const char *name, struct rbk_str value)
{
    rbk_buffer_printf(scrape->out, ",%s=\"", name);
    add_value(scrape->out, value);
    rbk_buffer_append_byte(scrape->out, '"');
}

static void end_sample(struct scrape *scrape, double value)
{
    rbk_buffer_printf(scrape->out, "} %.15g\n", value);
}

/* ---- families of a run ------------------------------------------------------------------------
 */

static void info(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_replay *replay = seen->history.replay;

    begin_sample(scrape, seen, "rbk_run_info");
    add_label(scrape, "plan", replay->machine->name);
    add_label(scrape, "user", replay->run.user);
    add_label(scrape, "status",
              rbk_str_from(rbk_status_name((enum rbk_status)replay->state->status)));
    end_sample(scrape, 1);
}

static void runner_stopped(struct scrape *scrape, const struct seen *seen)
{
    begin_sample(scrape, seen, "rbk_run_runner_stopped");
    end_sample(scrape, seen->history.runner.state == RBK_RUNNER_STOPPED);
}

static void runner(struct scrape *scrape, const struct seen *seen)
{
    begin_sample(scrape, seen, "rbk_run_runner_alive");
    end_sample(scrape, rbk_runner_lives(&seen->history.runner));
}

static void stages(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_replay *replay = seen->history.replay;

    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        enum rbk_region_kind kind = replay->machine->regions[i].kind;

        if (kind != RBK_REGION_STAGE && kind != RBK_REGION_RETIRE) {
            continue;
        }
        begin_sample(scrape, seen, "rbk_run_stage_state");
        add_label(scrape, "stage", replay->machine->regions[i].name);
        add_label(scrape, "state",
                  rbk_str_from(rbk_view_region_word(&seen->history.view, replay->state, i, NULL)));
        end_sample(scrape, 1);
    }
}

static void ways_back(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_replay *replay = seen->history.replay;

    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        if (replay->machine->regions[i].kind != RBK_REGION_STAGE) {
            continue;
        }
        begin_sample(scrape, seen, "rbk_run_way_back_open");
        add_label(scrape, "stage", replay->machine->regions[i].name);
        end_sample(scrape, rbk_way_back_open(rbk_state_region(replay->machine, replay->state, i)));
    }
}

static void triggers_armed(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_replay *replay = seen->history.replay;

    for (uint32_t i = 0; i < replay->machine->trigger_count; i++) {
        begin_sample(scrape, seen, "rbk_run_trigger_armed");
        add_label(scrape, "trigger", replay->machine->triggers[i].name);
        end_sample(scrape, rbk_trigger_armed(replay->machine, replay->state, i));
    }
}

static void triggers_fired(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_replay *replay = seen->history.replay;

    for (uint32_t i = 0; i < replay->machine->trigger_count; i++) {
        begin_sample(scrape, seen, "rbk_run_trigger_fired_total");
        add_label(scrape, "trigger", replay->machine->triggers[i].name);
        end_sample(scrape, rbk_state_trigger(replay->machine, replay->state, i)->fired);
    }
}

static void probes(struct scrape *scrape, const struct seen *seen)
{
    json_t *readings = rbk_runner_lives(&seen->history.runner)
                           ? rbk_readings_load(seen->history.store, seen->history.id)
                           : NULL;
    json_t *probe;
    size_t index;

    json_array_foreach(json_object_get(readings, "probes"), index, probe)
    {
        const json_t *number = json_object_get(probe, "number");

        if (number != NULL && json_object_get(probe, "missing") == NULL) {
            begin_sample(scrape, seen, "rbk_run_probe_value");
            add_label(scrape, "probe",
                      rbk_str_from(json_string_value(json_object_get(probe, "probe"))));
            end_sample(scrape, json_number_value(number));
        }
    }
    json_decref(readings);
}

static void questions(struct scrape *scrape, const struct seen *seen)
{
    begin_sample(scrape, seen, "rbk_run_questions_open");
    end_sample(scrape,
               (double)rbk_view_asked(&seen->history.view, seen->history.replay->state, NULL, 0));
}

static void questions_left(struct scrape *scrape, const struct seen *seen)
{
    const struct rbk_state *state = seen->history.replay->state;
    struct rbk_asked asked[32];
    size_t count = rbk_view_asked(&seen->history.view, state, asked, RBK_COUNT(asked));
    struct rbk_buffer name;

    rbk_buffer_init(&name, 4096);
    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        if (asked[i].due_ms == 0) {
            continue;
        }
        rbk_asked_name(&seen->history.view, state, &asked[i], &name);
        begin_sample(scrape, seen, "rbk_run_question_seconds_left");
        add_label(scrape, "question", rbk_buffer_str(&name));
        end_sample(scrape, ((double)asked[i].due_ms - (double)scrape->now_ms) / 1000);
        rbk_buffer_clear(&name);
    }
    rbk_buffer_fini(&name);
}

static void outbox(struct scrape *scrape, const struct seen *seen)
{
    int64_t count = 0, aside = 0;

    if (rbk_store_count_unsent(scrape->store, seen->history.id, &count, &aside, NULL) == 0) {
        begin_sample(scrape, seen, "rbk_run_outbox_unsent");
        end_sample(scrape, (double)count);
    }
}

static void set_aside(struct scrape *scrape, const struct seen *seen)
{
    int64_t count = 0, aside = 0;

    if (rbk_store_count_unsent(scrape->store, seen->history.id, &count, &aside, NULL) == 0) {
        begin_sample(scrape, seen, "rbk_run_outbox_set_aside");
        end_sample(scrape, (double)aside);
    }
}

static void last_event(struct scrape *scrape, const struct seen *seen)
{
    uint64_t at_ms = seen->history.replay->state->now_ms;

    if (at_ms != 0) {
        begin_sample(scrape, seen, "rbk_run_last_event_age_seconds");
        end_sample(scrape, ((double)scrape->now_ms - (double)at_ms) / 1000);
    }
}

static void events(struct scrape *scrape, const struct seen *seen)
{
    begin_sample(scrape, seen, "rbk_run_events_total");
    end_sample(scrape, (double)seen->history.seq);
}

static const struct {
    const char *name, *type, *help;
    family_fn *tell;
} families[] = {
    {"rbk_run_info", "gauge", "An unfinished run, its plan and where it stands.", info},
    {"rbk_run_runner_alive", "gauge", "Whether a runner drives the run.", runner},
    {"rbk_run_runner_stopped", "gauge",
     "Whether that runner is stopped (SIGSTOP), and does nothing.", runner_stopped},
    {"rbk_run_stage_state", "gauge", "The state that a stage is in.", stages},
    {"rbk_run_way_back_open", "gauge",
     "Whether a stage that stands applied can be rolled back; 0 before its ways were read.",
     ways_back},
    {"rbk_run_trigger_armed", "gauge", "Whether a trigger is armed.", triggers_armed},
    {"rbk_run_trigger_fired_total", "counter", "How often a trigger has fired.", triggers_fired},
    {"rbk_run_probe_value", "gauge",
     "What a probe gave last; durations in milliseconds, a yes is 1.", probes},
    {"rbk_run_questions_open", "gauge", "Questions that wait for people.", questions},
    {"rbk_run_question_seconds_left", "gauge", "Until silence counts as an answer.",
     questions_left},
    {"rbk_run_outbox_unsent", "gauge", "Messages that have not been sent yet.", outbox},
    {"rbk_run_outbox_set_aside", "gauge", "Messages that were refused, and are not tried again.",
     set_aside},
    {"rbk_run_last_event_age_seconds", "gauge", "Since the last event of the journal.", last_event},
    {"rbk_run_events_total", "counter", "Events of the journal.", events},
};

/* ---- all runs ---------------------------------------------------------------------------------
 */

static int count_run(void *context, const struct rbk_store_run *run)
{
    struct scrape *scrape = context;
    size_t i = 0;

    while (i < scrape->status_count && !rbk_str_is(run->status, scrape->statuses[i].status)) {
        i++;
    }
    if (i == scrape->status_count && i < STATUSES_MAX) {
        (void)snprintf(scrape->statuses[i].status, sizeof(scrape->statuses[i].status), "%.*s",
                       RBK_STR_ARG(run->status));
        scrape->status_count++;
    }
    if (i < STATUSES_MAX) {
        scrape->statuses[i].count++;
    }
    if (run->ended_ms == 0 && scrape->run_count < RBK_SERVE_METRICS_RUNS_MAX &&
        run->id.bytes < RBK_RUN_ID_BYTES) {
        memcpy(scrape->runs[scrape->run_count++], run->id.data, run->id.bytes);
    }
    return 0;
}

static void tell_statuses(struct scrape *scrape)
{
    begin_family(scrape->out, "rbk_runs", "gauge", "Runs of the store by status.");
    for (size_t i = 0; i < scrape->status_count; i++) {
        rbk_buffer_append_text(scrape->out, "rbk_runs{status=\"");
        add_value(scrape->out, rbk_str_from(scrape->statuses[i].status));
        rbk_buffer_printf(scrape->out, "\"} %llu\n", (unsigned long long)scrape->statuses[i].count);
    }
}

static void tell_server(struct scrape *scrape)
{
    struct rbk_server *server = scrape->server;
    struct rbk_buffer *out = scrape->out;

    begin_family(out, "rbk_build_info", "gauge", "The program.");
    rbk_buffer_append_text(out, "rbk_build_info{version=\"" RBK_VERSION "\"} 1\n");
    begin_family(out, "rbk_serve_start_time_seconds", "gauge", "When this server was started.");
    rbk_buffer_printf(out, "rbk_serve_start_time_seconds %.3f\n",
                      (double)server->started_ms / 1000);
    if (server->tls) {
        begin_family(out, "rbk_serve_certificate_end_time_seconds", "gauge",
                     "When the certificate of this server ends.");
        rbk_buffer_printf(out, "rbk_serve_certificate_end_time_seconds %lld\n",
                          (long long)server->cert_ends_ms / 1000);
    }
    begin_family(out, "rbk_serve_requests_total", "counter", "Requests that were answered.");
    for (size_t i = 0; i < server->counted_count; i++) {
        const struct counted *counted = &server->counted[i];
        bool known = counted->route < rbk_route_count;

        rbk_buffer_printf(out,
                          "rbk_serve_requests_total{method=\"%s\",route=\"%s\",code=\"%u\"} %llu\n",
                          known ? rbk_routes[counted->route].method : "",
                          known ? rbk_routes[counted->route].path : "", counted->status,
                          (unsigned long long)counted->count);
    }
    begin_family(out, "rbk_serve_refused_tokens_total", "counter",
                 "Requests without a token that is of use.");
    rbk_buffer_printf(out, "rbk_serve_refused_tokens_total %llu\n",
                      (unsigned long long)server->refused_tokens);
    begin_family(out, "rbk_serve_alerts_total", "counter", "Alerts that Alertmanager has sent.");
    rbk_buffer_printf(out, "rbk_serve_alerts_total %llu\n",
                      (unsigned long long)server->alerts_taken);
    begin_family(out, "rbk_serve_streams", "gauge", "Event streams that are open.");
    rbk_buffer_printf(out, "rbk_serve_streams %zu\n", server->stream_count);
    begin_family(out, "rbk_serve_requests_waiting", "gauge",
                 "Requests that wait for a runner, a lock, or a run that is being read.");
    rbk_buffer_printf(out, "rbk_serve_requests_waiting %zu\n", rbk_wait_count(server));
    begin_family(out, "rbk_serve_runs_behind", "gauge",
                 "Unfinished runs whose journal has not been read to its end yet.");
    rbk_buffer_printf(out, "rbk_serve_runs_behind %zu\n", scrape->behind);
    begin_family(out, "rbk_serve_connections", "gauge", "Connections that are open.");
    rbk_buffer_printf(out, "rbk_serve_connections %zu\n", server->connection_count);
}

static void tell_runs(struct scrape *scrape)
{
    for (size_t f = 0; f < RBK_COUNT(families); f++) {
        begin_family(scrape->out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < scrape->run_count; i++) {
            const struct seen *seen = rbk_seen_last(scrape->server, scrape->runs[i]);

            /* A run that cannot be read is told of by rbk_runs alone. */
            if (seen != NULL) {
                families[f].tell(scrape, seen);
            }
        }
    }
}

/* Bring the runs up to date, as many as can be. */
static void look_at_runs(struct scrape *scrape)
{
    struct rbk_error error;

    scrape->behind = 0;
    for (size_t i = 0; i < scrape->run_count; i++) {
        error = (struct rbk_error){0};
        scrape->behind +=
            rbk_seen(scrape->server, scrape->runs[i], &error) == NULL && error.code == RBK_ETIMEOUT;
    }
}

/* The runs are listed once, however often this is called for them to be read. */
static struct scrape *scrape_of(struct request *request, struct rbk_error *reterr)
{
    struct scrape *scrape = request->job;

    if (scrape != NULL) {
        return scrape;
    }
    scrape = rbk_arena_try_alloc(&request->arena, sizeof(*scrape), alignof(struct scrape));
    if (scrape == NULL ||
        (scrape->runs = rbk_arena_try_alloc(
             &request->arena, RBK_SERVE_METRICS_RUNS_MAX * sizeof(*scrape->runs), 1)) == NULL) {
        (void)rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        return NULL;
    }
    scrape->server = request->server;
    if (rbk_store_each_run(rbk_server_store(request->server), false, count_run, scrape, reterr) !=
        0) {
        return NULL;
    }
    request->job = scrape;
    return scrape;
}

enum MHD_Result rbk_get_metrics(struct request *request)
{
    struct rbk_error error = {0};
    struct scrape *scrape = scrape_of(request, &error);
    enum MHD_Result result;
    struct rbk_buffer out;

    if (scrape == NULL) {
        return rbk_reply_error(request, &error);
    }
    look_at_runs(scrape);
    if (scrape->behind != 0 && rbk_wait_for(request, WAITING_RUN, RBK_SERVE_SCRAPE_MS)) {
        return MHD_YES;
    }
    scrape->store = rbk_server_store(request->server);
    scrape->now_ms = (uint64_t)rbk_server_now_ms();
    rbk_buffer_init(&out, METRICS_BYTES_MAX);
    scrape->out = &out;
    tell_server(scrape);
    tell_statuses(scrape);
    tell_runs(scrape);
    result = out.error == 0
                 ? rbk_reply_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                                  rbk_buffer_str(&out))
                 : rbk_reply_problem(request, MHD_HTTP_INTERNAL_SERVER_ERROR,
                                     "there is more to tell than %zu bytes", METRICS_BYTES_MAX);
    rbk_buffer_fini(&out);
    return result;
}
