/*
 * Readings of one host take turns: so many are under way, the others wait and begin as those end.
 * Whoever waits keeps nobody of another host waiting, and no effect.
 */
#include "runtime/drivers/http/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/http_stub.h"

#define READINGS 600
#define AT_ONCE 512 /* what curl_loop.c promises for one host */

/* A host that takes every connection and never answers. */
struct silent {
    uv_poll_t poll;
    int socket;
    int port;
    int clients[READINGS + 1];
    int count;
};

struct asked {
    struct rbk_activity *activity;
    bool answered;
    enum rbk_outcome outcome;
};

static uv_loop_t loop;
static struct rbk_driver *driver;
static struct silent silent;
static struct http_stub stub;
static struct asked asked[READINGS + 2];
static int answers;
static bool barked, closed;

static void on_result(void *owner, struct rbk_activity *activity, const struct rbk_result *result)
{
    struct asked *one = owner;
    ck_assert_ptr_eq(one->activity, activity);
    ck_assert(!one->answered);
    one->answered = true;
    one->outcome = result->outcome;
    answers++;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(events, UV_READABLE);
    ck_assert_int_lt(silent.count, READINGS + 1);
    silent.clients[silent.count] = accept(silent.socket, NULL, NULL);
    ck_assert_int_ge(silent.clients[silent.count], 0);
    silent.count++;
}

static void setup(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    static const struct rbk_driver_setup driver_setup = {.loop = &loop,
                                                         .callbacks = {.on_result = on_result},
                                                         .run = "run-1",
                                                         .run_directory = "/tmp",
                                                         .plan_directory = "/tmp"};
    struct rbk_error error = {0};
    struct rlimit files;

    /* Both ends of each connection are here. */
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    silent.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(silent.socket, (struct sockaddr *)&address, bytes), 0);
    ck_assert_int_eq(getsockname(silent.socket, (struct sockaddr *)&address, &bytes), 0);
    ck_assert_int_eq(listen(silent.socket, READINGS + 1), 0);
    silent.port = ntohs(address.sin_port);
    ck_assert_int_eq(uv_poll_init_socket(&loop, &silent.poll, silent.socket), 0);
    ck_assert_int_eq(uv_poll_start(&silent.poll, UV_READABLE, on_connection), 0);
    stub = http_stub_start();
    ck_assert_int_eq(rbk_http_open(&driver_setup, &driver, &error), 0);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    barked = true;
}

/* Turns the loop until a number has come up to what is wanted. */
static void wait_for(const int *number, int wanted)
{
    uv_timer_t watchdog;
    uv_timer_init(&loop, &watchdog);
    uv_timer_start(&watchdog, on_watchdog, harness_ms(HARNESS_WAIT_MS), 0);
    while (*number < wanted && !barked) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(*number, wanted);
    ck_assert(!barked);
    uv_close((uv_handle_t *)&watchdog, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void teardown(void)
{
    driver->ops->close(driver, false, on_closed, &closed);
    while (!closed) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&silent.poll, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    for (int i = 0; i < silent.count; i++) {
        close(silent.clients[i]);
    }
    close(silent.socket);
    http_stub_stop(&stub);
}

static void ask(struct asked *one, int port, bool reading)
{
    static char urls[READINGS + 2][64];
    char *url = urls[one - asked];
    struct rbk_request request = harness_request();
    struct rbk_error error = {0};

    (void)snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%d/status/200?%d", port,
                   (int)(one - asked));
    request.method = RBK_STR("GET");
    request.url = rbk_str_from(url);
    request.reading = reading;
    request.timeout_ms = 60000;
    ck_assert_int_eq(driver->ops->start(driver, &request, one, &one->activity, &error), 0);
}

static void ask_silent_host(void)
{
    for (int i = 0; i < READINGS; i++) {
        ask(&asked[i], silent.port, true);
    }
    wait_for(&silent.count, AT_ONCE);
}

START_TEST(readings_of_one_host_begin_as_others_end)
{
    ask_silent_host();
    for (int i = 0; i < 10; i++) {
        driver->ops->cancel(asked[i].activity);
    }
    wait_for(&answers, 10);
    wait_for(&silent.count, AT_ONCE + 10);
    /* Those that wait can be cancelled like those that wait for an answer, in any order. */
    for (int i = READINGS - 1; i >= 10; i -= 2) {
        driver->ops->cancel(asked[i].activity);
    }
    for (int i = 10; i < READINGS; i += 2) {
        driver->ops->cancel(asked[i].activity);
    }
    wait_for(&answers, READINGS);
}
END_TEST

START_TEST(a_host_that_hangs_keeps_no_other_host_and_no_effect_waiting)
{
    struct asked *other = &asked[READINGS], *effect = &asked[READINGS + 1];

    ask_silent_host();
    ask(other, stub.port, true);
    wait_for(&answers, 1);
    ck_assert(other->answered);
    ck_assert_int_eq(other->outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(silent.count, AT_ONCE);
    ask(effect, silent.port, false);
    wait_for(&silent.count, AT_ONCE + 1);
}
END_TEST

START_TEST(a_driver_closes_with_readings_that_wait)
{
    ask_silent_host();
    ck_assert_int_eq(answers, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("driver_http_turns");
    TCase *tests = tcase_create("turns");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, readings_of_one_host_begin_as_others_end);
    tcase_add_test(tests, a_host_that_hangs_keeps_no_other_host_and_no_effect_waiting);
    tcase_add_test(tests, a_driver_closes_with_readings_that_wait);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures == 0 ? 0 : 1;
}
