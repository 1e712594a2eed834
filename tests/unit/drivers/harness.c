/*
 * See harness.h. Everything lives in the test's own process (Check forks), so a failed test takes
 * its loop and its handles with it.
 */
#include "tests/unit/drivers/harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/drivers/servers.h"

static void copy_text(char *to, size_t room, struct rbk_str text)
{
    size_t bytes = text.bytes < room - 1 ? text.bytes : room - 1;
    if (bytes > 0) {
        memcpy(to, text.data, bytes);
    }
    to[bytes] = '\0';
}

static void record(struct harness *harness, const struct rbk_result *result)
{
    struct harness_answer *answer = &harness->answer;
    answer->count++;
    answer->outcome = result->outcome;
    answer->cancelled = result->cancelled;
    answer->missing = result->value.missing;
    answer->type = result->value.type;
    answer->integer = result->value.type == RBK_TYPE_INT ? result->value.as.integer : 0;
    if (!result->value.missing && result->value.type == RBK_TYPE_SCALAR) {
        answer->value_bytes = result->value.as.text.bytes;
        copy_text(answer->value, sizeof(answer->value), result->value.as.text);
    }
    copy_text(answer->message, sizeof(answer->message), result->message);
    copy_text(answer->detail, sizeof(answer->detail), result->detail);
    answer->status = result->status;
    answer->retry_after_ms = result->retry_after_ms;
    answer->impossible = result->impossible;
    answer->elapsed_ms = result->elapsed_ms;
    answer->took_ms = uv_hrtime() / 1000000 - answer->took_ms;
}

static void on_closed(void *context)
{
    ((struct harness *)context)->closed = true;
}

static void on_result(void *owner, struct rbk_activity *activity, const struct rbk_result *result)
{
    struct harness *harness = owner;
    ck_assert_ptr_eq(activity, harness->activity);
    record(harness, result);
    if (harness->close_inside) {
        harness->driver->ops->close(harness->driver, false, on_closed, harness);
        ck_assert(!harness->closed);
    }
}

static void on_recovered(void *owner, struct rbk_activity *activity, enum rbk_recovery recovery,
                         const struct rbk_result *result)
{
    struct harness *harness = owner;
    ck_assert_ptr_eq(activity, harness->activity);
    harness->answer.recovered = true;
    harness->answer.recovery = recovery;
    ck_assert_ptr_nonnull(result);
    record(harness, result);
}

static void on_note(void *owner, struct rbk_activity *activity, struct rbk_str note)
{
    struct harness *harness = owner;
    harness->note_count++;
    copy_text(harness->note, sizeof(harness->note), note);
    if (harness->on_note) {
        harness->on_note(harness);
    }
    if (!harness->hold_note) {
        harness->driver->ops->proceed(activity);
    }
}

static void on_watchdog(uv_timer_t *timer)
{
    struct harness *harness = timer->data;
    harness->barked = true;
}

uint64_t harness_ms(uint64_t ms)
{
    const char *slowness = getenv("RBK_TEST_SLOWNESS");
    return ms * (slowness ? strtoul(slowness, NULL, 10) : 1);
}

void harness_open(struct harness *harness, harness_open_fn *open)
{
    memset(harness, 0, sizeof(*harness));
    ck_assert_int_eq(uv_loop_init(&harness->loop), 0);
    (void)snprintf(harness->directory, sizeof(harness->directory), "/tmp/rbk-drivers-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(harness->directory));
    harness->setup = (struct rbk_driver_setup){
        .loop = &harness->loop,
        .callbacks = {.on_result = on_result, .on_note = on_note, .on_recovered = on_recovered},
        .run = "run-1",
        .run_directory = harness->directory,
        .plan_directory = harness->directory};
    ck_assert_int_eq(uv_timer_init(&harness->loop, &harness->watchdog), 0);
    harness->watchdog.data = harness;
    struct rbk_error error = {0};
    if (open) {
        ck_assert_int_eq(open(&harness->setup, &harness->driver, &error), 0);
    }
}

static bool is_closed(struct harness *harness)
{
    return harness->closed;
}

void harness_close(struct harness *harness)
{
    if (harness->driver) {
        harness->driver->ops->close(harness->driver, false, on_closed, harness);
        ck_assert(!harness->closed);
        harness_wait(harness, is_closed);
    }
    uv_close((uv_handle_t *)&harness->watchdog, NULL);
    uv_run(&harness->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&harness->loop), 0);
    const char *const words[] = {"rm", "-rf", harness->directory, NULL};
    ck_assert_int_eq(servers_command(words, NULL, 0), 0);
}

struct rbk_request harness_request(void)
{
    return (struct rbk_request){.run = "run-1",
                                .step = "migrate.apply.1",
                                .stage = "migrate",
                                .key = "run-1/migrate.apply.1",
                                .serial = 7,
                                .attempt = 1,
                                .timeout_ms = harness_ms(10000)};
}

static void expect_answer(struct harness *harness)
{
    memset(&harness->answer, 0, sizeof(harness->answer));
    harness->answer.took_ms = uv_hrtime() / 1000000;
    harness->note_count = 0;
}

void harness_start(struct harness *harness, const struct rbk_request *request)
{
    struct rbk_error error = {0};
    expect_answer(harness);
    ck_assert_int_eq(
        harness->driver->ops->start(harness->driver, request, harness, &harness->activity, &error),
        0);
    ck_assert_uint_eq(harness->answer.count, 0);
}

void harness_start_recover(struct harness *harness, const struct rbk_request *request,
                           const char *note)
{
    struct rbk_error error = {0};
    expect_answer(harness);
    ck_assert_int_eq(harness->driver->ops->recover(harness->driver, request, rbk_str_from(note),
                                                   harness, &harness->activity, &error),
                     0);
    ck_assert_uint_eq(harness->answer.count, 0);
}

void harness_wait(struct harness *harness, bool (*condition)(struct harness *harness))
{
    harness->barked = false;
    uv_update_time(&harness->loop);
    uv_timer_start(&harness->watchdog, on_watchdog, harness_ms(HARNESS_WAIT_MS), 0);
    while (!condition(harness)) {
        ck_assert_msg(!harness->barked, "the loop waited in vain");
        uv_run(&harness->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&harness->watchdog);
}

static bool has_answer(struct harness *harness)
{
    return harness->answer.count > 0;
}

const struct harness_answer *harness_finish(struct harness *harness)
{
    harness_wait(harness, has_answer);
    harness_drain(harness);
    ck_assert_uint_eq(harness->answer.count, 1);
    return &harness->answer;
}

const struct harness_answer *harness_run(struct harness *harness, const struct rbk_request *request)
{
    harness_start(harness, request);
    return harness_finish(harness);
}

const struct harness_answer *harness_recover(struct harness *harness,
                                             const struct rbk_request *request, const char *note)
{
    harness_start_recover(harness, request, note);
    return harness_finish(harness);
}

const struct harness_answer *harness_close_inside(struct harness *harness,
                                                  const struct rbk_request *request,
                                                  harness_open_fn *open)
{
    struct rbk_error error = {0};
    harness->close_inside = true;
    harness_start(harness, request);
    harness_wait(harness, is_closed);
    ck_assert_uint_eq(harness->answer.count, 1);
    harness->close_inside = false;
    harness->closed = false;
    ck_assert_int_eq(open(&harness->setup, &harness->driver, &error), 0);
    return &harness->answer;
}

void harness_drain(struct harness *harness)
{
    for (int turn = 0; turn < 16; turn++) {
        uv_run(&harness->loop, UV_RUN_NOWAIT);
    }
}
