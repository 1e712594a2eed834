/*
 * What whoever reads for triggers and criteria is told of them; and the variables of a run, which
 * an abort criterion, a message and a display have from one place.
 */
#include "runtime/core/condition.h"
#include "runtime/core/variable.h"

#include <check.h>

#define ARENA_BYTES ((size_t)1 << 16)

static struct rbk_arena arena;

static void open_arena(void)
{
    rbk_arena_init(&arena, ARENA_BYTES);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

START_TEST(conditions_are_triggers_and_then_the_criteria_that_read)
{
    struct rbk_trigger triggers[] = {{.condition = 7}, {.condition = 8}};
    struct rbk_criterion criteria[] = {
        {.condition = 9}, {.condition = 10, .reads_probes = true}, {.condition = 11}};
    const struct rbk_machine machine = {
        .triggers = triggers, .trigger_count = 2, .criteria = criteria, .criterion_count = 3};
    ck_assert_uint_eq(rbk_condition_count(&machine), 3);
    static const struct rbk_condition expected[] = {
        {false, 0, 7}, {false, 1, 8}, {true, 1, 10}, {true, RBK_NONE, RBK_NONE}};
    for (uint32_t i = 0; i < RBK_COUNT(expected); i++) {
        struct rbk_condition condition = rbk_condition_at(&machine, i);
        ck_assert(condition.criterion == expected[i].criterion);
        ck_assert_uint_eq(condition.index, expected[i].index);
        ck_assert_uint_eq(condition.expr, expected[i].expr);
    }
}
END_TEST

START_TEST(what_is_armed_from_the_first_apply_has_a_value_before_it)
{
    static const struct {
        struct rbk_trigger trigger;
        bool first;
    } rows[] = {
        {{.since = RBK_SINCE_FIRST_APPLY, .region = RBK_NONE}, true},
        {{.since = RBK_SINCE_FIRST_APPLY, .region = RBK_NONE, .pushed = true}, false},
        {{.since = RBK_SINCE_STAGE_STARTED, .region = RBK_NONE}, false},
        {{.since = RBK_SINCE_FIRST_APPLY, .region = 1}, false},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        struct rbk_trigger trigger = rows[i].trigger;
        const struct rbk_machine machine = {.triggers = &trigger, .trigger_count = 1};
        ck_assert(rbk_condition_armed_first(&machine, rbk_condition_at(&machine, 0)) ==
                  rows[i].first);
    }
    ck_assert(rbk_condition_armed_first(&(struct rbk_machine){0},
                                        (struct rbk_condition){.criterion = true}));
}
END_TEST

/* A machine file may have a condition that gives a scalar, as servers do: its words count, and not
 * that there are some. */
START_TEST(a_condition_is_what_its_value_reads_as)
{
    static const struct {
        struct rbk_value value;
        enum rbk_level level;
    } rows[] = {
        {{.type = RBK_TYPE_BOOL, .as.truth = true}, RBK_LEVEL_TRUE},
        {{.type = RBK_TYPE_BOOL, .as.truth = false}, RBK_LEVEL_FALSE},
        {{.type = RBK_TYPE_BOOL, .missing = true}, RBK_LEVEL_MISSING},
        {{.type = RBK_TYPE_SCALAR, .as.text = {"true", 4}}, RBK_LEVEL_TRUE},
        {{.type = RBK_TYPE_SCALAR, .as.text = {"f", 1}}, RBK_LEVEL_FALSE},
        {{.type = RBK_TYPE_SCALAR, .as.text = {"maybe", 5}}, RBK_LEVEL_MISSING},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        struct rbk_value constant = rows[i].value;
        struct rbk_op_code code = {.op = RBK_OP_CONST, .operand = 0};
        struct rbk_expr expr = {.code = {0, 1}, .type = constant.type};
        const struct rbk_machine machine = {.constants = &constant,
                                            .constant_count = 1,
                                            .codes = &code,
                                            .code_count = 1,
                                            .exprs = &expr,
                                            .expr_count = 1};
        const struct rbk_scope scope = {.machine = &machine};
        struct rbk_value value = rbk_condition_value(&scope, 0, &arena);
        ck_assert_msg(rbk_level_of(value) == rows[i].level, "row %zu", i);
        ck_assert_int_eq(value.type, RBK_TYPE_BOOL);
    }
}
END_TEST

/* Armed it could not fire while the other side has no value. */
START_TEST(half_of_an_and_is_no_value_before_it_is_armed)
{
    struct rbk_value constants[] = {{.type = RBK_TYPE_BOOL},
                                    {.type = RBK_TYPE_BOOL, .missing = true}};
    struct rbk_op_code codes[] = {{.op = RBK_OP_CONST, .operand = 0},
                                  {.op = RBK_OP_CONST, .operand = 1},
                                  {.op = RBK_OP_AND + (unsigned)_i}};
    struct rbk_expr expr = {.code = {0, 3}, .type = RBK_TYPE_BOOL};
    const struct rbk_machine machine = {.constants = constants,
                                        .constant_count = 2,
                                        .codes = codes,
                                        .code_count = 3,
                                        .exprs = &expr,
                                        .expr_count = 1};
    const struct rbk_scope scope = {.machine = &machine};
    ck_assert(rbk_condition_value(&scope, 0, &arena).missing);
    constants[1] = rbk_value_bool(false);
    ck_assert_int_eq(rbk_level_of(rbk_condition_value(&scope, 0, &arena)), RBK_LEVEL_FALSE);
    if (codes[2].op == RBK_OP_OR) { /* it would fire at once, whatever the other side is */
        constants[0] = rbk_value_bool(true);
        constants[1] = rbk_value_missing(RBK_TYPE_BOOL);
        ck_assert_int_eq(rbk_level_of(rbk_condition_value(&scope, 0, &arena)), RBK_LEVEL_TRUE);
    }
}
END_TEST

START_TEST(a_reading_takes_its_interval_and_five_seconds_at_most)
{
    ck_assert_uint_eq(rbk_probe_timeout_ms(0), 5000);
    ck_assert_uint_eq(rbk_probe_timeout_ms(1), 1);
    ck_assert_uint_eq(rbk_probe_timeout_ms(4999), 4999);
    ck_assert_uint_eq(rbk_probe_timeout_ms(60000), 5000);
    struct rbk_trigger trigger = {.every_ms = 2000};
    const struct rbk_machine machine = {.triggers = &trigger, .trigger_count = 1};
    ck_assert_uint_eq(rbk_condition_timeout_ms(&machine, rbk_condition_at(&machine, 0)), 2000);
    ck_assert_uint_eq(rbk_condition_timeout_ms(&machine, (struct rbk_condition){.criterion = true}),
                      5000);
}
END_TEST

START_TEST(a_baseline_comes_of_half_the_readings_of_its_span)
{
    static const struct {
        uint32_t readings;
        uint64_t every_ms, over_ms, wanted;
    } rows[] = {{0, 1000, 60000, 30}, {0, 1000, 1500, 1}, {7, 1000, 60000, 7}, {0, 0, 60000, 1}};
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        struct rbk_probe probe = {.every_ms = rows[i].every_ms};
        struct rbk_baseline baseline = {.readings = rows[i].readings};
        const struct rbk_machine machine = {
            .probes = &probe, .probe_count = 1, .baselines = &baseline, .baseline_count = 1};
        ck_assert_uint_eq(rbk_baseline_readings(&machine, 0, rows[i].over_ms), rows[i].wanted);
    }
}
END_TEST

static int64_t variable_ms(const struct rbk_state *state, uint64_t now_ms, enum rbk_variable which)
{
    const struct rbk_machine machine = {0};
    struct rbk_value value;
    ck_assert(rbk_run_variable(&machine, state, now_ms, which, &value));
    ck_assert(!value.missing && value.type == RBK_TYPE_DURATION);
    return value.as.integer;
}

START_TEST(spans_of_a_run_end_with_what_they_measure)
{
    struct rbk_state state = {0};
    ck_assert_int_eq(variable_ms(&state, 5000, RBK_VARIABLE_ELAPSED), 0);
    state.first_effect_ms = 1000;
    ck_assert_int_eq(variable_ms(&state, 5000, RBK_VARIABLE_ELAPSED), 4000);
    ck_assert_int_eq(variable_ms(&state, 500, RBK_VARIABLE_ELAPSED), 0);
    state.all_applied_ms = 3000;
    ck_assert_int_eq(variable_ms(&state, 5000, RBK_VARIABLE_ELAPSED), 2000);
    state.decided_ms = 4000;
    ck_assert_int_eq(variable_ms(&state, 5000, RBK_VARIABLE_RUN_ROLLBACK_ELAPSED), 1000);
    state.ended_ms = 4500;
    ck_assert_int_eq(variable_ms(&state, 5000, RBK_VARIABLE_RUN_ROLLBACK_ELAPSED), 500);
}
END_TEST

START_TEST(a_plan_without_a_title_is_called_by_its_name)
{
    struct rbk_machine machine = {.name = {"move", 4}};
    const struct rbk_state state = {0};
    struct rbk_value value;
    ck_assert(rbk_run_variable(&machine, &state, 0, RBK_VARIABLE_PLAN_TITLE, &value));
    ck_assert(rbk_str_is(value.as.text, "move"));
    ck_assert(rbk_run_variable(&machine, &state, 0, RBK_VARIABLE_ESTIMATE, &value));
    ck_assert(value.missing);
    ck_assert(!rbk_run_variable(&machine, &state, 0, RBK_VARIABLE_RUN_USER, &value));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("condition");
    TCase *tests = tcase_create("condition");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_add_test(tests, conditions_are_triggers_and_then_the_criteria_that_read);
    tcase_add_test(tests, what_is_armed_from_the_first_apply_has_a_value_before_it);
    tcase_add_test(tests, a_condition_is_what_its_value_reads_as);
    tcase_add_loop_test(tests, half_of_an_and_is_no_value_before_it_is_armed, 0, 2);
    tcase_add_test(tests, a_reading_takes_its_interval_and_five_seconds_at_most);
    tcase_add_test(tests, a_baseline_comes_of_half_the_readings_of_its_span);
    tcase_add_test(tests, spans_of_a_run_end_with_what_they_measure);
    tcase_add_test(tests, a_plan_without_a_title_is_called_by_its_name);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
