/*
 * What a check decides on is read anew for each of its tries: the tracker of core/check.c and the
 * reader, put together as the executor does, over files that come and go between two readings.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/core/check.h"
#include "runtime/core/expr_describe.h"
#include "runtime/probes/reading.h"

static struct plan plan;
static uv_loop_t loop;
static struct rbk_reader *reader;
static struct rbk_scope scope;
static struct rbk_check check;
static struct rbk_check_verdict verdict;
static uint64_t now_ms;
static enum rbk_level level;

static void begin(const char *step)
{
    plan_open(&plan, "", step);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    scope = (struct rbk_scope){.machine = plan.machine};
    const struct rbk_reader_setup setup = {
        .loop = &loop, .scope = &scope, .run = "run", .directory = plan.folder};
    reader = rbk_reader_new(&setup);
    ck_assert_ptr_nonnull(reader);
    now_ms = 1000;
}

static void end(void)
{
    rbk_reader_drop(reader);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    rbk_reader_free(reader);
    plan_close(&plan);
}

static void on_read(void *owner, struct rbk_reading *reading, struct rbk_value value,
                    struct rbk_str message)
{
    (void)owner, (void)reading, (void)message;
    level = value.missing ? RBK_LEVEL_MISSING : value.as.truth ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
}

/* One try: what it read, and what the tracker makes of it. */
static void try_once(const struct rbk_effect *effect)
{
    struct rbk_reading *reading = NULL;
    struct rbk_error error;
    ck_assert_int_eq(rbk_reading_start(reader, effect->condition, "a.apply.1", "a", 5000, NULL,
                                       on_read, &reading, &error),
                     0);
    uv_run(&loop, UV_RUN_DEFAULT);
    verdict = rbk_check_feed(&check, level, now_ms);
    now_ms = verdict.decided ? now_ms : verdict.next_ms;
}

static void put(const char *name, bool there)
{
    char path[256];
    if (there) {
        plan_write(&plan, name, "x", 1);
        return;
    }
    snprintf(path, sizeof(path), "%s/%s", plan.folder, name);
    ck_assert_int_eq(unlink(path), 0);
}

START_TEST(a_checks_retry_reads_anew)
{
    begin(
        "run \"touch made\" idempotent check \"both\" file.exists(\"here\") and file.size(\"large\") > 1B "
        "retry 3 every 50ms");
    const struct rbk_effect *effect = plan_effect(&plan, RBK_EFFECT_CHECK);
    rbk_check_start(&check, effect, now_ms);
    try_once(effect);
    ck_assert(!verdict.decided);
    ck_assert_uint_eq(now_ms, 1050);
    put("here", true);
    put("large", true); /* one byte: it is read, and not large yet */
    try_once(effect);
    ck_assert(!verdict.decided);
    ck_assert_int_eq(level, RBK_LEVEL_FALSE);
    plan_write(&plan, "large", "xx", 2);
    put("here", false); /* what held at the try before counts for nothing */
    try_once(effect);
    ck_assert(!verdict.decided);
    put("here", true);
    try_once(effect);
    ck_assert(verdict.decided);
    ck_assert_int_eq(verdict.outcome, RBK_OUTCOME_OK);
    ck_assert_uint_eq(check.readings, 4);
    end();
}
END_TEST

START_TEST(a_check_for_a_span_reads_anew_between_its_ends)
{
    begin(
        "run \"touch made\" idempotent check \"stays\" file.exists(\"here\") for 1s retry 1 every 50ms");
    const struct rbk_effect *effect = plan_effect(&plan, RBK_EFFECT_CHECK);
    put("here", true);
    rbk_check_start(&check, effect, now_ms);
    try_once(effect);
    ck_assert(!verdict.decided);
    ck_assert(check.in_span);
    put("here", false);
    try_once(effect);
    ck_assert(!verdict.decided);
    ck_assert(!check.in_span);
    put("here", true);
    for (int i = 0; i < 100 && !verdict.decided; i++) {
        try_once(effect);
    }
    ck_assert_int_eq(verdict.outcome, RBK_OUTCOME_OK);
    ck_assert_uint_ge(now_ms, 2050);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor check_reads");
    TCase *cases = tcase_create("check_reads");
    suite_add_tcase(suite, cases);
    tcase_add_test(cases, a_checks_retry_reads_anew);
    tcase_add_test(cases, a_check_for_a_span_reads_anew_between_its_ends);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
