/*
 * What a run wants to be left of a window before it begins a stage is what RBK113 proves of the
 * plan, not the sum of the limits that are written: plans in which the two differ, either way.
 */
#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/times/times.h"
#include "runtime/core/hours.h"
#include "runtime/core/worst_walk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((size_t)1 << 16)
#define MINUTE_MS UINT64_C(60000)
#define SECOND_MS UINT64_C(1000)

/* A compiled plan with its hours. */
struct subject {
    struct rbk_compile compile;
    struct rbk_machine *machine;
    struct rbk_hours hours;
};

/* A plan of one stage in a window of four hours. @params  Of the run; NULL: their defaults. */
static void subject_init(struct subject *subject, const char *head, const char *stage,
                         const struct rbk_value *params)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_buffer_printf(&text,
                      "plan p {\n    role ops { contact \"ops@example.com\" }\n    %s\n"
                      "    stage s \"S\" {\n        unwatched because \"a test\"\n"
                      "        window 22:00 to 02:00 \"UTC\"\n        %s\n    }\n}\n",
                      head, stage);
    rbk_compile_open(&subject->compile, NULL);
    rbk_compile_load_text(&subject->compile, "plan.rbk", rbk_buffer_str(&text));
    if (rbk_compile_analyse(&subject->compile) != 0 ||
        rbk_compile_lower(&subject->compile, &subject->machine) != 0) {
        fprintf(stderr, "%s\n", text.data);
        ck_assert_int_eq(
            rbk_diagnostics_print(&subject->compile.diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr), 0);
        ck_abort_msg("the plan does not compile");
    }
    rbk_buffer_fini(&text);
    ck_assert_int_eq(rbk_hours_init(&subject->hours, subject->machine, params), 0);
}

static void subject_fini(struct subject *subject)
{
    rbk_hours_fini(&subject->hours);
    rbk_compile_close(&subject->compile);
}

static uint32_t stage_region(const struct subject *subject)
{
    uint32_t region = 0;
    while (subject->machine->regions[region].kind != RBK_REGION_STAGE) {
        region++;
    }
    return region;
}

/* The limits that are written around its outermost blocks. */
static uint64_t limits_ms(const struct subject *subject)
{
    uint64_t sum_ms = 0;
    for (uint32_t i = 0; i < subject->machine->block_count; i++) {
        const struct rbk_block *block = &subject->machine->blocks[i];
        sum_ms +=
            block->depth == 0 && block->region == stage_region(subject) ? block->within_ms : 0;
    }
    return sum_ms;
}

#define CHECKED "check \"c\" file.exists(\"f\") timeout 10s"
#define BACK "rollback { run \"b\" timeout 30s idempotent verify { " CHECKED " } }"

/* A stage, and what it takes by hand: forward, stopping, back. */
struct row {
    const char *head, *stage;
    uint64_t needs_ms;
};

static const struct row rows[] = {
    /* no limit is written at all: 5m, 10s stopping or 10s for the check, and 40s back */
    {"", "apply { run \"a\" timeout 5m idempotent } verify { " CHECKED " } " BACK,
     5 * MINUTE_MS + 10 * SECOND_MS + 40 * SECOND_MS},
    /* limits that nothing in them comes to */
    {"",
     "apply within 3h { run \"a\" timeout 1m idempotent } verify within 2h { " CHECKED " } "
     "rollback within 1h { run \"b\" timeout 30s idempotent verify { " CHECKED " } }",
     1 * MINUTE_MS + 10 * SECOND_MS + 40 * SECOND_MS},
    /* people come first, and have half an hour */
    {"",
     "approve ops within 30m else abort apply { run \"a\" timeout 1m idempotent } verify { " CHECKED
     " } " BACK,
     31 * MINUTE_MS + 10 * SECOND_MS + 40 * SECOND_MS},
    /* three attempts, each stopped for 10s, and a minute between them */
    {"", "apply { run \"a\" timeout 1m retry 2 every 1m idempotent } verify { " CHECKED " } " BACK,
     (uint64_t)(3 * 70 + 2 * 60 + 40) * SECOND_MS},
    /* the longer of two branches */
    {"",
     "apply { parallel { run \"a\" timeout 1m idempotent run \"b\" timeout 5m idempotent } } "
     "verify { " CHECKED " } " BACK,
     5 * MINUTE_MS + 10 * SECOND_MS + 40 * SECOND_MS},
    /* nobody knows whether it was done: dba has a quarter of an hour to say */
    {"",
     "apply { run \"a\" timeout 1m in doubt ask ops within 15m else abort } verify { " CHECKED
     " } " BACK,
     16 * MINUTE_MS + 10 * SECOND_MS + 10 * SECOND_MS + 40 * SECOND_MS},
    /* two ways back, of which the first fails at its latest */
    {"",
     "apply { run \"a\" timeout 1m idempotent } verify { " CHECKED " } "
     "rollback quick when file.exists(\"q\") { run \"q\" timeout 2m idempotent verify { " CHECKED
     " } } " BACK,
     (uint64_t)(60 + 10 + 10 + 120 + 10 + 40) * SECOND_MS},
    /* a wait, by its parameter's default */
    {"param calm: duration = 20m",
     "apply { run \"a\" timeout 1m idempotent wait calm because \"c\" } verify { " CHECKED
     " } " BACK,
     21 * MINUTE_MS + 10 * SECOND_MS + 40 * SECOND_MS},
};

START_TEST(a_stage_needs_what_the_compiler_proves_of_it)
{
    const struct row *row = &rows[_i];
    struct subject subject;
    subject_init(&subject, row->head, row->stage, NULL);
    const struct rbk_tree_statement *statement =
        subject.compile.program.head[RBK_STATEMENT_STAGE].items[0];
    const struct rbk_stage_times *times =
        rbk_times_stage(rbk_times_of(&subject.compile), statement);
    uint64_t proven_ms = rbk_worst_done_and_undone_ms(&times->forward, times->back_ms);
    uint64_t needs_ms = subject.hours.needs_ms[stage_region(&subject)];
    ck_assert_uint_eq(needs_ms, proven_ms);
    ck_assert_uint_eq(needs_ms, row->needs_ms);
    ck_assert_uint_ne(needs_ms, limits_ms(&subject));
    subject_fini(&subject);
}
END_TEST

#define WAITS \
    "apply { run \"a\" timeout 1m idempotent wait calm because \"c\" } verify { " CHECKED " } " BACK

START_TEST(a_wait_takes_what_the_parameter_of_the_run_says)
{
    struct subject subject;
    struct rbk_value calm = rbk_value_integer(RBK_TYPE_DURATION, 3600000);
    subject_init(&subject, "param calm: duration = 20m", WAITS, &calm);
    ck_assert_uint_eq(subject.hours.needs_ms[stage_region(&subject)],
                      61 * MINUTE_MS + 50 * SECOND_MS);
    ck_assert_uint_eq(subject.hours.never, RBK_NONE);
    subject_fini(&subject);
}
END_TEST

START_TEST(a_way_back_takes_what_the_parameter_of_the_run_says)
{
    struct subject subject;
    struct rbk_worst_ways ways;
    struct rbk_value calm = rbk_value_integer(RBK_TYPE_DURATION, 3600000);
    subject_init(&subject, "param calm: duration = 20m",
                 "apply { run \"a\" timeout 1m idempotent } verify { " CHECKED " } "
                 "rollback { run \"b\" timeout 30s idempotent wait calm because \"c\" verify "
                 "{ " CHECKED " } }",
                 &calm);
    ck_assert_int_eq(rbk_worst_ways_init_run(&ways, subject.machine, &calm), 0);
    ck_assert_uint_eq(rbk_worst_way_back(&ways, stage_region(&subject)).ok_ms,
                      60 * MINUTE_MS + 40 * SECOND_MS);
    rbk_worst_ways_fini(&ways);
    subject_fini(&subject);
}
END_TEST

START_TEST(parameters_that_leave_no_room_in_any_window_are_told)
{
    struct subject subject;
    struct rbk_value calm = rbk_value_integer(RBK_TYPE_DURATION, 4 * 3600000);
    subject_init(&subject, "param calm: duration = 20m", WAITS, &calm);
    ck_assert_uint_eq(subject.hours.never, stage_region(&subject));
    ck_assert_uint_eq(subject.hours.never_ms, 241 * MINUTE_MS + 50 * SECOND_MS);
    ck_assert_uint_eq(subject.hours.needs_ms[subject.hours.never], subject.hours.never_ms);
    subject_fini(&subject);
}
END_TEST

START_TEST(parameters_without_defaults_are_held_to_the_window_too)
{
    struct subject subject;
    struct rbk_value calm = rbk_value_integer(RBK_TYPE_DURATION, 4 * 3600000);
    subject_init(&subject, "param calm: duration", WAITS, &calm);
    ck_assert_uint_eq(subject.hours.never, stage_region(&subject));
    ck_assert_uint_eq(subject.hours.never_ms, 241 * MINUTE_MS + 50 * SECOND_MS);
    subject_fini(&subject);
    calm.as.integer = 3600000;
    subject_init(&subject, "param calm: duration", WAITS, &calm);
    ck_assert_uint_eq(subject.hours.never, RBK_NONE);
    ck_assert_uint_eq(subject.hours.needs_ms[stage_region(&subject)],
                      61 * MINUTE_MS + 50 * SECOND_MS);
    subject_fini(&subject);
}
END_TEST

START_TEST(a_waived_stage_needs_only_that_its_window_is_open)
{
    struct subject subject;
    subject_init(&subject, "",
                 "allow RBK113 because \"agreed\" apply { run \"a\" timeout 5h idempotent } "
                 "verify { " CHECKED " } " BACK,
                 NULL);
    ck_assert_uint_eq(subject.hours.needs_ms[stage_region(&subject)], 0);
    subject_fini(&subject);
}
END_TEST

START_TEST(a_stage_that_the_compiler_knows_to_fit_takes_a_whole_window_at_most)
{
    /* As after an `undo` of an `if` with calls on both sides, where the machine's figures are
     * longer than the plan's: nobody had to waive anything. */
    struct subject subject;
    subject_init(&subject, "",
                 "apply { run \"a\" timeout 3h idempotent } verify { " CHECKED " } " BACK, NULL);
    rbk_hours_fini(&subject.hours);
    subject.machine->daily_windows[0].to_minute = 1380;
    ck_assert_int_eq(rbk_hours_init(&subject.hours, subject.machine, NULL), 0);
    ck_assert_uint_eq(subject.hours.needs_ms[stage_region(&subject)], 60 * MINUTE_MS);
    ck_assert_uint_eq(subject.hours.never, RBK_NONE);
    subject_fini(&subject);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler_times_hours");
    TCase *tests = tcase_create("hours");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, a_stage_needs_what_the_compiler_proves_of_it, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, a_wait_takes_what_the_parameter_of_the_run_says);
    tcase_add_test(tests, a_way_back_takes_what_the_parameter_of_the_run_says);
    tcase_add_test(tests, parameters_that_leave_no_room_in_any_window_are_told);
    tcase_add_test(tests, parameters_without_defaults_are_held_to_the_window_too);
    tcase_add_test(tests, a_waived_stage_needs_only_that_its_window_is_open);
    tcase_add_test(tests, a_stage_that_the_compiler_knows_to_fit_takes_a_whole_window_at_most);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
