/*
 * Driving a run on this terminal.
 *
 * Signals: the first SIGINT, SIGTERM or SIGHUP asks for a pause after the current step, the second
 * stops the runner at once, a third one is the system's again. None of them loses anything: the run
 * is in its journal. Any number of SIGHUPs counts as one. A SIGHUP that was ignored from the start
 * (nohup) stays ignored. SIGTSTP (Ctrl-Z) stops this process once the terminal is tidy; commands go
 * on under their supervisor meanwhile.
 *
 * The executor hands records out after a whole batch of them has been carried out, so its state may
 * be ahead of the record that is being told. The state after each record is made here, by the same
 * step().
 */
#include "runtime/people/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/when.h"

#define TICK_MS 250
/* How long a line may wait for others while the loop never does. */
#define GATHER_MS 50
/* How often the store is asked for messages that were not sent. */
#define UNSENT_MS 2000u
/* How long the same notice is not told again. */
#define TOLD_AGAIN_MS 60000u
/* Of --url. */
#define URL_BYTES_MAX 1024u
#define URL_CHARACTERS                                               \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" \
    "-._~:/?[]@!$&'()*+,;=%"

static const int signal_numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};

static struct rbk_session *session_of(void *context)
{
    return context;
}

/* The clock and the state for what is shown next. */
static void look_at_run(struct rbk_session *session)
{
    session->show.now_ms = rbk_run_now_ms(session->run);
    session->show.state = rbk_run_state(session->run);
    session->show.reason = rbk_run_reason(session->run);
    session->show.interrupted = rbk_run_interrupts(session->run) != 0;
}

/* ---- from the executor ------------------------------------------------------------------------
 */

/* Make the state after a record; a note of the run itself (an alert) does not reach step(). */
static void make_after(struct rbk_session *session, const struct rbk_record *record,
                       const struct rbk_state *before)
{
    memcpy(session->after, before, before->bytes);
    session->scratch.count = 0;
    if (record->event.kind != RBK_EVENT_NOTE || record->event.serial != 0) {
        (void)rbk_step(session->view.machine, rbk_run_settings(session->run), session->after,
                       &record->event, &session->scratch);
    }
}

static void on_record(void *context, struct rbk_run *run, int64_t seq,
                      const struct rbk_record *record, const struct rbk_state *before,
                      const struct rbk_actions *actions)
{
    struct rbk_session *session = session_of(context);
    if (!session->show.tracking || before == NULL) {
        return;
    }
    make_after(session, record, before);
    struct rbk_shown_record shown = {seq, record, before, session->after, actions};
    (void)run;
    look_at_run(session);
    rbk_show_record(&session->show, &shown);
}

/* FNV-1a: enough to tell a handful of notices apart. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    }
    return hash;
}

/* Whether this was said within the last minute: a source that is down is polled again and again. */
static bool was_told(struct rbk_session *session, const char *text)
{
    uint64_t hash = hash_of(text), now_ms = session->show.now_ms;
    size_t oldest = 0;
    for (size_t i = 0; i < RBK_SESSION_TOLD; i++) {
        if (session->told[i] == hash && now_ms < session->told_ms[i] + TOLD_AGAIN_MS) {
            return true;
        }
        oldest = session->told_ms[i] < session->told_ms[oldest] ? i : oldest;
    }
    session->told[oldest] = hash;
    session->told_ms[oldest] = now_ms;
    return false;
}

static void on_notice(void *context, struct rbk_run *run, const char *text)
{
    struct rbk_session *session = session_of(context);
    if (session->show.tracking) {
        (void)run;
        look_at_run(session);
        if (!was_told(session, text)) {
            rbk_show_notice(&session->show, text);
        }
    }
}

/* ---- what only the runner knows -----------------------------------------------------------------
 */

static uint64_t loop_ms(struct rbk_session *session)
{
    return uv_now(rbk_run_loop(session->run));
}

static bool check_fact(void *context, uint32_t region, struct rbk_check_fact *ret_fact)
{
    struct rbk_session *session = session_of(context);
    const struct rbk_check *check = rbk_run_check(session->run, region);
    if (check == NULL) {
        return false;
    }
    *ret_fact = (struct rbk_check_fact){
        .readings = check->readings,
        .retries_used = check->retries_used,
        .holds = check->in_span,
        .held_ms = check->in_span ? loop_ms(session) - check->true_from_ms : 0,
    };
    ret_fact->has_progress = rbk_run_progress(session->run, region, &ret_fact->progress);
    return true;
}

static bool trigger_fact(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact)
{
    struct rbk_trigger_seen seen;
    rbk_run_trigger_seen(session_of(context)->run, trigger, &seen);
    *ret_fact = (struct rbk_trigger_fact){.watched = true,
                                          .holds = seen.holds,
                                          .held_ms = seen.held_ms,
                                          .true_readings = seen.true_readings,
                                          .gauge = seen.gauge};
    return true;
}

static bool unsent_fact(void *context, struct rbk_unsent_fact *ret_fact)
{
    *ret_fact = session_of(context)->unsent;
    return true;
}

/* Ask the store now and then: each picture would be too often. */
static void look_for_unsent(struct rbk_session *session)
{
    if (session->show.now_ms >= session->unsent_ms &&
        session->show.now_ms < session->unsent_ms + UNSENT_MS) {
        return;
    }
    session->unsent_ms = session->show.now_ms;
    session->unsent = (struct rbk_unsent_fact){0};
    session->unsent.count =
        rbk_run_unsent(session->run, session->unsent.reason, sizeof(session->unsent.reason));
    session->unsent.or_more = session->unsent.count == RBK_RUN_UNSENT_MAX;
    session->unsent.aside = rbk_run_set_aside(session->run);
}

/* ---- from the loop ----------------------------------------------------------------------------
 */

static void on_tick(uv_timer_t *timer)
{
    struct rbk_session *session = session_of(timer->data);
    look_at_run(session);
    if (session->show.kind == &rbk_show_live) {
        look_for_unsent(session);
    }
    rbk_show_tick(&session->show);
}

/* While one step follows another, their lines go out together: a write for each, and whoever reads
 * it woken for each, takes a good part of the time of a short step. Before the loop waits for
 * anything, a command or a server or a person, all is written. */
static void on_before_wait(uv_prepare_t *handle)
{
    struct rbk_session *session = session_of(handle->data);
    uv_loop_t *loop = handle->loop;
    if (session->show.gathered.bytes == 0) {
        return;
    }
    if (session->gathered_from_ms == 0) {
        session->gathered_from_ms = uv_now(loop);
    }
    if (uv_backend_timeout(loop) != 0 || uv_now(loop) >= session->gathered_from_ms + GATHER_MS) {
        rbk_show_flush(&session->show);
        session->gathered_from_ms = 0;
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct rbk_session *session = session_of(handle->data);
    look_at_run(session);
    if (number == SIGWINCH || number == SIGCONT) {
        rbk_show_resize(&session->show);
        return;
    }
    if (number == SIGTSTP) {
        rbk_show_suspend(&session->show);
        (void)raise(SIGSTOP);
        return;
    }
    if (number == SIGHUP && rbk_run_interrupts(session->run) != 0) {
        return; /* a terminal that goes away, perhaps saying so several times, insists on nothing */
    }
    rbk_run_interrupt(session->run);
    session->show.interrupted = true;
    if (rbk_run_interrupts(session->run) > 1) {
        /* The next one is the system's: nothing can keep a person from ending this process. */
        for (size_t i = 0; i < session->signal_count; i++) {
            (void)uv_signal_stop(&session->signals[i]);
        }
    }
}

static void on_closed(uv_handle_t *handle)
{
    session_of(handle->data)->open_handles--;
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void open_handles(struct rbk_session *session)
{
    uv_loop_t *loop = rbk_run_loop(session->run);
    for (size_t i = 0; i < RBK_COUNT(signal_numbers); i++) {
        uv_signal_t *handle = &session->signals[session->signal_count];
        if (is_ignored(signal_numbers[i]) || uv_signal_init(loop, handle) != 0) {
            continue;
        }
        handle->data = session;
        session->signal_count++;
        session->open_handles++;
        (void)uv_signal_start(handle, on_signal, signal_numbers[i]);
        uv_unref((uv_handle_t *)handle);
    }
    if (uv_timer_init(loop, &session->tick) == 0) {
        session->tick.data = session;
        session->open_handles++;
        (void)uv_timer_start(&session->tick, on_tick, TICK_MS, TICK_MS);
        uv_unref((uv_handle_t *)&session->tick);
    }
    if (uv_prepare_init(loop, &session->before_wait) == 0) {
        session->before_wait.data = session;
        session->open_handles++;
        (void)uv_prepare_start(&session->before_wait, on_before_wait);
        uv_unref((uv_handle_t *)&session->before_wait);
        session->show.gathering = session->show.kind != &rbk_show_live;
    }
}

static void close_handles(struct rbk_session *session)
{
    uv_loop_t *loop = rbk_run_loop(session->run);
    for (size_t i = 0; i < session->signal_count; i++) {
        uv_close((uv_handle_t *)&session->signals[i], on_closed);
    }
    session->show.gathering = false;
    rbk_show_flush(&session->show);
    if (session->tick.data != NULL) {
        uv_close((uv_handle_t *)&session->tick, on_closed);
    }
    if (session->before_wait.data != NULL) {
        uv_close((uv_handle_t *)&session->before_wait, on_closed);
    }
    for (unsigned turns = 0; session->open_handles != 0 && turns < 100; turns++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
}

/* ---- last words -------------------------------------------------------------------------------
 */

static void farewell_line(void *context, enum rbk_tone tone, struct rbk_str stage,
                          struct rbk_str text)
{
    struct rbk_session *session = context;
    struct rbk_buffer line;
    rbk_buffer_init(&line, RBK_VIEW_BYTES_MAX);
    rbk_plain_line(&session->show, session->show.now_ms, tone, stage, text, &line);
    rbk_show_write(&session->show, line.data, line.bytes);
    rbk_buffer_fini(&line);
}

static void tell(struct rbk_session *session, enum rbk_tone tone, const struct rbk_buffer *text)
{
    farewell_line(session, tone, RBK_STR(""), rbk_buffer_str(text));
}

/* How to go on with a run that has not ended. */
static void say_how_to_go_on(struct rbk_session *session)
{
    const struct rbk_state *state = rbk_run_state(session->run);
    struct rbk_buffer text;
    if (session->show.kind == &rbk_show_json || rbk_status_is_end((enum rbk_status)state->status)) {
        return;
    }
    rbk_buffer_init(&text, 4096);
    if (state->status == RBK_STATUS_PAUSED && state->cause.kind != RBK_CAUSE_INTERRUPT) {
        /* Not by Ctrl-C: a new runner would wait, too, until somebody lets the run go on. */
        rbk_buffer_append_text(&text, "paused; go on with ");
        rbk_view_command(&session->view, "continue", RBK_STR(""), &text);
        rbk_buffer_append_text(&text, " and then ");
    } else {
        rbk_buffer_printf(&text, "%s; resume with ",
                          state->status == RBK_STATUS_PAUSED ? "paused" : "the runner stops here");
    }
    rbk_view_command(&session->view, "resume", RBK_STR(""), &text);
    tell(session, RBK_TONE_WARN, &text);
    rbk_buffer_fini(&text);
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* --url, else $RBK_URL: it stands in messages, so it must read as a URL. NULL in *ret_url: none. */
static int read_url(const struct rbk_options *options, const char **ret_url,
                    struct rbk_error *reterr)
{
    const char *url = options->values[RBK_OPTION_URL];
    const char *rest;

    if (url == NULL) {
        url = getenv("RBK_URL");
    }
    *ret_url = url;
    if (url == NULL || url[0] == '\0') {
        *ret_url = NULL;
        return 0;
    }
    rest = strncmp(url, "http://", 7) == 0    ? url + 7
           : strncmp(url, "https://", 8) == 0 ? url + 8
                                              : "";
    if (rest[0] == '\0' || strlen(url) > URL_BYTES_MAX ||
        strspn(rest, URL_CHARACTERS) != strlen(rest)) {
        return rbk_error_set(reterr, RBK_EUSAGE, "%s is not a URL such as https://rbk.example.com",
                             options->values[RBK_OPTION_URL] != NULL ? "--url" : "RBK_URL");
    }
    return 0;
}

int rbk_session_init(struct rbk_session *session, const struct rbk_options *options,
                     struct rbk_error *reterr)
{
    const struct rbk_show_kind *kind = rbk_show_choose(
        options->given[RBK_OPTION_JSON], options->given[RBK_OPTION_PLAIN], STDOUT_FILENO);
    int error;
    memset(session, 0, sizeof(*session));
    session->options = options;
    rbk_user_name(session->user);
    rbk_buffer_init(&session->store_path, 4096);
    rbk_show_init(&session->show, kind, STDOUT_FILENO);
    session->show.now_ms = rbk_when_now_ms();
    error = rbk_run_store_path(options, &session->store_path, reterr);
    session->run_options = (struct rbk_run_options){
        .store_path = session->store_path.data,
        .user = session->user,
        .no_wait = options->given[RBK_OPTION_NO_WAIT],
        .observer = {.context = session, .on_record = on_record, .on_notice = on_notice},
    };
    return error != 0 ? error : read_url(options, &session->run_options.url, reterr);
}

static int prepare(struct rbk_session *session)
{
    session->view = (struct rbk_view){
        .run = rbk_run_id(session->run),
        .store = session->options->values[RBK_OPTION_STORE],
        .machine = rbk_run_machine(session->run),
        .settings = rbk_run_settings(session->run),
        .scope = rbk_run_scope(session->run),
    };
    const struct rbk_machine *machine = session->view.machine;
    session->after = calloc(1, rbk_state_bytes(machine));
    session->scratch.capacity = rbk_actions_max(machine);
    session->scratch.items = calloc(session->scratch.capacity + 1, sizeof(struct rbk_action));
    if (session->after == NULL || session->scratch.items == NULL) {
        return -RBK_ENOMEM;
    }
    session->facts = (struct rbk_facts){
        .context = session, .check = check_fact, .trigger = trigger_fact, .unsent = unsent_fact};
    session->show.facts = &session->facts;
    return rbk_show_begin(&session->show, &session->view, rbk_run_state(session->run));
}

int rbk_session_drive(struct rbk_session *session, struct rbk_run *run)
{
    struct rbk_error error = {0};
    int status;

    session->run = run;
    if (prepare(session) != 0) {
        (void)rbk_error_set(&error, RBK_ENOMEM, "out of memory");
        status = rbk_subcommand_failed(session->options, &error);
    } else {
        open_handles(session);
        status = rbk_run_drive(run, &error);
        close_handles(session);
        look_at_run(session);
        rbk_show_end(&session->show, status);
        say_how_to_go_on(session);
        if (status == RBK_EXIT_FAILED) {
            (void)rbk_subcommand_failed(session->options, &error);
        }
    }
    rbk_show_fini(&session->show);
    rbk_run_free(run);
    session->run = NULL;
    return status;
}

void rbk_session_fini(struct rbk_session *session)
{
    rbk_show_fini(&session->show);
    rbk_buffer_fini(&session->store_path);
    free(session->after);
    free(session->scratch.items);
    memset(session, 0, sizeof(*session));
}
