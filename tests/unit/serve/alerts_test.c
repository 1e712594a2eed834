/*
 * An alert that ends while a runner takes over that it began: `rbk serve` compares what it is told
 * with the inbox and the journal of a run, and between its two looks a runner moves the alert from
 * the one into the other. Whichever moment that is, the end of the alert is not dropped as known.
 *
 * The server is a process of its own; the runner's part is played within it, around the very call
 * that reads the inbox (the linker puts the test's function in its place).
 */
#include "tests/unit/executor/plan.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/executor/record.h"
#include "runtime/executor/replay.h"
#include "runtime/executor/settings.h"
#include "runtime/serve/serve.h"
#include "runtime/serve/token.h"
#include "runtime/store/store.h"

enum moment { BEFORE_THE_INBOX, AFTER_THE_INBOX, NEVER };

static struct plan plan;
static char path[128];
static char secret[RBK_TOKEN_BYTES];
static uint64_t epoch;
static enum moment moment;
static bool taken;
static pid_t server;
static unsigned port;

/* ---- the runner -------------------------------------------------------------------------------
 */

/* A record, appended by whoever has the lease. */
static void append(struct rbk_store *store, struct rbk_replay *replay, struct rbk_record *record)
{
    struct rbk_buffer body;
    struct rbk_store_event event;
    struct rbk_error error;

    record->status = -1;
    record->event.now_ms = 1000 + (uint64_t)replay->seq * 10;
    ck_assert_int_eq(rbk_replay_apply(replay, record), RBK_REFUSAL_ACCEPTED);
    rbk_buffer_init(&body, RBK_EVENT_BYTES_MAX);
    ck_assert_int_eq(rbk_record_encode(record, &body), 0);
    event = (struct rbk_store_event){.seq = replay->seq + 1,
                                     .at_ms = (int64_t)record->event.now_ms,
                                     .kind = rbk_str_from(rbk_event_name(record->event.kind)),
                                     .body = rbk_buffer_str(&body)};
    ck_assert_int_eq(rbk_store_append_event(store, "r1", epoch, replay->hash, &event, &error), 0);
    rbk_buffer_fini(&body);
}

/* What waits in the inbox goes into the journal, in one transaction, as a runner does it. */
static void take(void)
{
    struct rbk_store *store;
    struct rbk_replay *replay;
    struct rbk_error error;
    struct rbk_record note = {
        .event = {.kind = RBK_EVENT_NOTE}, .alert = RBK_STR("Slow"), .firing = true};

    taken = true;
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
    ck_assert_int_eq(rbk_replay_load(store, "r1", NULL, NULL, &replay, &error), 0);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    append(store, replay, &note);
    ck_assert_int_eq(rbk_store_reply(store, 1, "accepted", &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    rbk_replay_free(replay);
    rbk_store_close(store);
}

typedef int each_fn(void *context, const struct rbk_store_request *request);
/* The names under which the linker has the store's function, and calls this one in its place. */
int each_request(struct rbk_store *store, const char *run, each_fn *each, void *context,
                 struct rbk_error *reterr) __asm__("__real_rbk_store_each_request");
int each_request_taken(struct rbk_store *store, const char *run, each_fn *each, void *context,
                       struct rbk_error *reterr) __asm__("__wrap_rbk_store_each_request");

int each_request_taken(struct rbk_store *store, const char *run, each_fn *each, void *context,
                       struct rbk_error *reterr)
{
    if (moment == BEFORE_THE_INBOX && !taken) {
        take();
    }
    int error = each_request(store, run, each, context, reterr);
    if (moment == AFTER_THE_INBOX && !taken) {
        take();
    }
    return error;
}

/* ---- the store --------------------------------------------------------------------------------
 */

/* A run that has begun, an alert that fires in its inbox, and a token. */
static void fill(void)
{
    struct rbk_store *store;
    struct rbk_replay *replay;
    struct rbk_error error;
    struct rbk_record start = {.event = {.kind = RBK_EVENT_START}};
    char settings[65], hash[RBK_SHA256_HEX_BYTES], body[512];
    int64_t id;
    struct rbk_store_run run = {.id = RBK_STR("r1"),
                                .machine = rbk_str_from(plan.machine->hash),
                                .plan = RBK_STR("small"),
                                .user = RBK_STR("ines"),
                                .params = RBK_STR("{}"),
                                .status = RBK_STR("ready"),
                                .started_ms = 1000};
    struct rbk_store_token token = {
        .person = RBK_STR("alertmanager"), .scope = RBK_STR("alerts"), .created_ms = 1000};

    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_machine(store, plan.machine->hash, plan.file.text, &error), 0);
    ck_assert_int_eq(rbk_store_create_run(store, &run, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), 0);
    ck_assert_int_eq(rbk_replay_load(store, "r1", NULL, NULL, &replay, &error), 0);
    ck_assert_int_eq(rbk_settings_hash(&replay->run, settings), 0);
    start.settings = rbk_str_from(settings);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    append(store, replay, &start);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    (void)snprintf(body, sizeof(body),
                   "{\"run\":\"r1\",\"machine\":\"%s\",\"name\":\"Slow\",\"firing\":true,"
                   "\"labels\":{}}",
                   plan.machine->hash);
    const struct rbk_store_request request = {.at_ms = 1000,
                                              .who = RBK_STR("alertmanager"),
                                              .kind = RBK_STR("alert"),
                                              .body = rbk_str_from(body)};
    ck_assert_int_eq(rbk_store_ask(store, "r1", &request, &id, &error), 0);
    ck_assert_int_eq(id, 1);
    ck_assert_int_eq(rbk_token_make(secret, &error), 0);
    rbk_token_hash(rbk_str_from(secret), hash);
    ck_assert(rbk_token_read(rbk_str_from(secret), &token.id));
    token.sha256 = rbk_str_from(hash);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_token(store, &token, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    rbk_replay_free(replay);
    rbk_store_close(store);
}

/* ---- the server -------------------------------------------------------------------------------
 */

static void begin(enum moment when)
{
    int ends[2];
    char line[256] = "";

    plan_open(&plan, "probe paged = alert(\"Slow\") trigger slow when paged then pause",
              "run \"touch made\" idempotent");
    (void)snprintf(path, sizeof(path), "%s/state/store.db", plan.folder);
    fill();
    moment = when;
    ck_assert_int_eq(pipe(ends), 0);
    server = fork();
    ck_assert_int_ge(server, 0);
    if (server == 0) {
        const struct rbk_serve_options options = {.store_path = path, .listen = "127.0.0.1:0"};
        struct rbk_error error;

        (void)dup2(ends[1], STDOUT_FILENO);
        _exit(rbk_serve(&options, &error) == 0 ? 0 : 1);
    }
    (void)close(ends[1]);
    FILE *told = fdopen(ends[0], "r");
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), told));
    const char *colon = strrchr(line, ':');
    ck_assert_msg(colon != NULL && sscanf(colon + 1, "%u", &port) == 1, "it says \"%s\"", line);
    (void)fclose(told);
}

static void end(void)
{
    int status = 0;

    ck_assert_int_eq(kill(server, SIGTERM), 0);
    ck_assert_int_eq(waitpid(server, &status, 0), server);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    plan_close(&plan);
}

/* How many rows an alert of this status became. */
static int tell(const char *status)
{
    char text[4096], body[256];
    size_t bytes = 0;
    ssize_t got;
    int stored = -1, socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    ck_assert_int_eq(connect(socket_fd, (const struct sockaddr *)(const void *)&to, sizeof(to)), 0);
    int body_bytes = snprintf(body, sizeof(body),
                              "{\"version\":\"4\",\"alerts\":[{\"status\":\"%s\",\"labels\":"
                              "{\"alertname\":\"Slow\"}}]}",
                              status);
    int text_bytes = snprintf(text, sizeof(text),
                              "POST /api/v1/alerts HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                              "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                              "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                              port, secret, body_bytes, body);
    ck_assert_int_eq(write(socket_fd, text, (size_t)text_bytes), text_bytes);
    while ((got = read(socket_fd, text + bytes, sizeof(text) - 1 - bytes)) > 0) {
        bytes += (size_t)got;
    }
    text[bytes] = '\0';
    (void)close(socket_fd);
    const char *found = strstr(text, "\"stored\":");
    ck_assert_msg(found != NULL && sscanf(found + 9, "%d", &stored) == 1, "it answers \"%s\"",
                  text);
    return stored;
}

/* _i: enum moment. */
START_TEST(the_end_of_an_alert_that_a_runner_takes_over_meanwhile_is_not_lost)
{
    begin((enum moment)_i);
    ck_assert_int_eq(tell("resolved"), 1);
    ck_assert_int_eq(tell("resolved"), 0); /* now it is known */
    ck_assert_int_eq(tell("firing"), 1);
    end();
}
END_TEST

START_TEST(an_alert_that_is_known_is_not_told_again)
{
    begin((enum moment)_i);
    ck_assert_int_eq(tell("firing"), 0);
    end();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("alerts");
    tcase_add_loop_test(cases, the_end_of_an_alert_that_a_runner_takes_over_meanwhile_is_not_lost,
                        0, NEVER + 1);
    tcase_add_loop_test(cases, an_alert_that_is_known_is_not_told_again, 0, NEVER + 1);
    Suite *suite = suite_create("serve/alerts");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
