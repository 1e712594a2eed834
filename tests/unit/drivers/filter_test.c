/*
 * jq filters in their worker: what they give, and that no filter, however bad, hurts the runtime or
 * the filter after it.
 */
#include "runtime/drivers/filter.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/harness.h"

static struct harness harness;
static struct rbk_filter *filter;
static char worker_path[512];

struct outcome {
    unsigned count;
    int error;
    bool missing;
    enum rbk_type type;
    char text[4096];
};

static void on_done(void *owner, int error, struct rbk_value value, struct rbk_str message)
{
    struct outcome *outcome = owner;
    outcome->count++;
    outcome->error = error;
    outcome->missing = value.missing;
    outcome->type = value.type;
    struct rbk_str text = error || value.missing ? message : value.as.text;
    (void)snprintf(outcome->text, sizeof(outcome->text), "%.*s", RBK_STR_ARG(text));
    harness.answer.count++;
}

static void open_filter(void)
{
    struct rbk_error error = {0};
    const char *bin = getenv("RBK_BIN");
    harness_open(&harness, NULL);
    (void)snprintf(worker_path, sizeof(worker_path), "%s/rbk-filter-worker", bin ? bin : "bin");
    harness.setup.filter_worker = worker_path;
    ck_assert_int_eq(rbk_filter_open(&harness.setup, &filter, &error), 0);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void close_filter(void)
{
    bool closed = false;
    rbk_filter_close(filter, on_closed, &closed);
    ck_assert(!closed);
    uv_run(&harness.loop, UV_RUN_DEFAULT);
    ck_assert(closed);
    harness_close(&harness);
}

static void start(const char *program, const char *json, uint64_t timeout_ms,
                  struct outcome *outcome)
{
    struct rbk_error error = {0};
    *outcome = (struct outcome){0};
    ck_assert_int_eq(rbk_filter_apply(filter, rbk_str_from(program), rbk_str_from(json), timeout_ms,
                                      outcome, on_done, &error),
                     0);
    ck_assert_uint_eq(outcome->count, 0);
}

static unsigned wanted;

static bool all_came(struct harness *self)
{
    return self->answer.count >= wanted;
}

static void wait_for(unsigned count)
{
    wanted = count;
    harness_wait(&harness, all_came);
}

static struct outcome apply(const char *program, const char *json)
{
    struct outcome outcome;
    harness.answer.count = 0;
    start(program, json, harness_ms(10000), &outcome);
    wait_for(1);
    ck_assert_uint_eq(outcome.count, 1);
    return outcome;
}

static void gives(const char *program, const char *json, enum rbk_type type, const char *text)
{
    struct outcome outcome = apply(program, json);
    ck_assert_msg(outcome.error == 0, "%s: %s", program, outcome.text);
    ck_assert_msg(!outcome.missing, "%s gave nothing", program);
    ck_assert_int_eq(outcome.type, type);
    ck_assert_str_eq(outcome.text, text);
}

static void fails(const char *program, const char *json, const char *text)
{
    struct outcome outcome = apply(program, json);
    ck_assert_msg(outcome.error < 0, "%s gave %s", program, outcome.text);
    ck_assert_msg(strstr(outcome.text, text) != NULL, "%s: %s", program, outcome.text);
}

START_TEST(the_first_output_is_the_value)
{
    gives(".status", "{\"status\": \"healthy\"}", RBK_TYPE_SCALAR, "healthy");
    gives(".a.b[1]", "{\"a\": {\"b\": [1, true]}}", RBK_TYPE_SCALAR, "true");
    gives(".[]", "[7, 8, 9]", RBK_TYPE_SCALAR, "7");
    gives(".", "{\"b\": [1, null], \"a\": {}}", RBK_TYPE_JSON, "{\"b\":[1,null],\"a\":{}}");
    gives(".status.readyReplicas // 0", "{\"status\": {}}", RBK_TYPE_SCALAR, "0");
    ck_assert(apply("empty", "1").missing);
    ck_assert(apply(".none", "{}").missing);
    ck_assert(apply("infinite", "1").missing);
    ck_assert(apply("nan", "1").missing);
}
END_TEST

START_TEST(numbers_are_exact_up_to_two_to_the_53)
{
    gives(".", "9007199254740992", RBK_TYPE_SCALAR, "9007199254740992");
    gives(".", "-9007199254740991", RBK_TYPE_SCALAR, "-9007199254740991");
    gives(".a + 1", "{\"a\": 9007199254740990}", RBK_TYPE_SCALAR, "9007199254740991");
    gives(".", "1700000000000", RBK_TYPE_SCALAR, "1700000000000");
    gives(".", "0.05", RBK_TYPE_SCALAR, "0.05");
    gives(".", "-0", RBK_TYPE_SCALAR, "0");
}
END_TEST

START_TEST(errors_say_what_is_wrong)
{
    fails(".[", "1", "syntax error");
    fails("nosuch", "1", "nosuch/0 is not defined");
    fails("error(\"boom\")", "1", "boom");
    fails(".a", "\"text\"", "Cannot index string");
    fails(".", "{\"a\":", "not JSON");
    fails(".", "", "not JSON");
    fails(".", "1 2", "not JSON");
    fails("\"x\" | halt_error", "1", "halted");
    gives(".", "1", RBK_TYPE_SCALAR, "1"); /* by the same worker */
}
END_TEST

START_TEST(a_filter_sees_neither_files_nor_the_environment)
{
    (void)setenv("RBK_TEST_SECRET", "hunter22", 1);
    gives("env | length", "1", RBK_TYPE_SCALAR, "0");
    gives("$ENV | length", "1", RBK_TYPE_SCALAR, "0");
    fails("import \"x\" as x; .", "1", "no modules");
    fails(" # a comment\n\timport \"x\" as x; .", "1", "no modules");
    fails("module {}; import \"x\" as x; .", "1", "no modules");
    fails("include \"x\"; .", "1", "no modules");
    fails("import \"passwd\" as $d {search: \"/etc\"}; $d", "1", "no modules");
    fails("input", "1", "reak");
    gives("{import: 1} | .import", "1", RBK_TYPE_SCALAR, "1");
}
END_TEST

START_TEST(an_endless_filter_is_killed_and_the_next_one_runs)
{
    struct outcome outcomes[3];
    harness.answer.count = 0;
    gives(".", "1", RBK_TYPE_SCALAR, "1");
    harness.answer.count = 0;
    start("def f: f; f", "1", 200, &outcomes[0]);
    start(".a", "{\"a\": 5}", harness_ms(10000), &outcomes[1]); /* waits behind it */
    start(".b", "{\"b\": 6}", harness_ms(10000), &outcomes[2]);
    wait_for(3);
    ck_assert_int_eq(outcomes[0].error, -RBK_ETIMEOUT);
    ck_assert_str_eq(outcomes[1].text, "5");
    ck_assert_str_eq(outcomes[2].text, "6");
}
END_TEST

START_TEST(a_filter_that_takes_all_memory_ends_only_its_worker)
{
    if (getenv("RBK_SANITIZED")) {
        return; /* the worker has no limit on address space there */
    }
    fails("[range(1e9)]", "1", "memory");
    gives(".", "2", RBK_TYPE_SCALAR, "2");
}
END_TEST

START_TEST(an_output_that_is_too_large_is_refused)
{
    fails("[range(400000)]", "1", "too large");
    gives(".", "3", RBK_TYPE_SCALAR, "3");
}
END_TEST

/* Applies a filter thirty times, with another text each time or always with the same. Gives the
 * nanoseconds. */
static uint64_t thirty_times(bool another)
{
    uint64_t before = uv_hrtime();
    for (int i = 0; i < 30; i++) {
        char program[64];
        (void)snprintf(program, sizeof(program), ".a | tostring # %d", another ? i : -1);
        gives(program, "{\"a\": 2}", RBK_TYPE_SCALAR, "2");
    }
    return uv_hrtime() - before;
}

START_TEST(a_compiled_filter_is_kept)
{
    gives(".", "1", RBK_TYPE_SCALAR, "1");
    uint64_t kept_ns = thirty_times(false);
    /* Compiling takes some fifty times as long as applying. */
    ck_assert_uint_lt(kept_ns, thirty_times(true) / 2);
    for (int i = 0; i < 100; i++) { /* more than the cache holds */
        char program[16];
        char text[16];
        (void)snprintf(program, sizeof(program), ". + %d", i);
        (void)snprintf(text, sizeof(text), "%d", i + 1);
        gives(program, "1", RBK_TYPE_SCALAR, text);
    }
}
END_TEST

START_TEST(a_cancelled_apply_calls_nobody)
{
    struct outcome forgotten;
    struct outcome wanted_one;
    harness.answer.count = 0;
    start(".", "1", harness_ms(10000), &forgotten);
    start(".", "2", harness_ms(10000), &wanted_one);
    rbk_filter_cancel(filter, &forgotten);
    wait_for(1);
    ck_assert_uint_eq(forgotten.count, 0);
    ck_assert_str_eq(wanted_one.text, "2");
}
END_TEST

START_TEST(a_worker_that_is_not_there_is_an_error)
{
    (void)snprintf(worker_path, sizeof(worker_path), "/nonexistent/rbk-filter-worker");
    fails(".", "1", "cannot be started");
    harness.setup.filter_worker = NULL;
    fails(".", "1", "cannot be started");
}
END_TEST

START_TEST(closing_at_work_leaves_nothing_behind)
{
    struct outcome outcomes[2];
    start("def f: f; f", "1", harness_ms(10000), &outcomes[0]);
    start(".", "1", harness_ms(10000), &outcomes[1]);
    harness_drain(&harness);
    close_filter();
    ck_assert_uint_eq(outcomes[0].count + outcomes[1].count, 0);
    open_filter();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("filter");
    tcase_add_checked_fixture(tests, open_filter, close_filter);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_first_output_is_the_value);
    tcase_add_test(tests, numbers_are_exact_up_to_two_to_the_53);
    tcase_add_test(tests, errors_say_what_is_wrong);
    tcase_add_test(tests, a_filter_sees_neither_files_nor_the_environment);
    tcase_add_test(tests, an_endless_filter_is_killed_and_the_next_one_runs);
    tcase_add_test(tests, a_filter_that_takes_all_memory_ends_only_its_worker);
    tcase_add_test(tests, an_output_that_is_too_large_is_refused);
    tcase_add_test(tests, a_compiled_filter_is_kept);
    tcase_add_test(tests, a_cancelled_apply_calls_nobody);
    tcase_add_test(tests, a_worker_that_is_not_there_is_an_error);
    tcase_add_test(tests, closing_at_work_leaves_nothing_behind);
    Suite *suite = suite_create("filter");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
