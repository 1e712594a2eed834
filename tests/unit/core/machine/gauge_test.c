/*
 * How near a condition is to its threshold.
 */
#include "runtime/core/gauge.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A machine with one condition over window 0, and what that window says. */
struct gauged {
    struct rbk_machine machine;
    struct rbk_scope scope;
    struct rbk_op_code codes[8];
    struct rbk_value constants[2];
    struct rbk_expr expr;
    struct rbk_window window;
    struct rbk_probe probe;
    struct rbk_value reading;
    struct rbk_arena arena;
};

static struct rbk_value read_window(void *context, uint32_t window)
{
    struct gauged *gauged = context;
    (void)window;
    return gauged->reading;
}

static void gauged_init(struct gauged *gauged, const struct rbk_op_code *codes, uint32_t count)
{
    *gauged = (struct gauged){.machine = {.expr_count = 1}};
    for (uint32_t i = 0; i < count; i++) {
        gauged->codes[i] = codes[i];
    }
    gauged->expr = (struct rbk_expr){.code = {0, count}, .type = RBK_TYPE_BOOL};
    gauged->machine.exprs = &gauged->expr;
    gauged->machine.codes = gauged->codes;
    gauged->machine.code_count = count;
    gauged->machine.constants = gauged->constants;
    gauged->machine.constant_count = 2;
    gauged->machine.windows = &gauged->window;
    gauged->machine.window_count = 1;
    gauged->machine.probes = &gauged->probe;
    gauged->machine.probe_count = 1;
    gauged->probe.type = RBK_TYPE_RATIO;
    gauged->scope =
        (struct rbk_scope){.machine = &gauged->machine, .context = gauged, .window = read_window};
    rbk_arena_init(&gauged->arena, 1u << 20);
}

static const struct rbk_op_code above[] = {{RBK_OP_WINDOW, 0}, {RBK_OP_CONST, 0}, {RBK_OP_GT, 0}};
static const struct rbk_op_code below[] = {{RBK_OP_WINDOW, 0}, {RBK_OP_CONST, 0}, {RBK_OP_LT, 0}};
/* window > 2 * constant */
static const struct rbk_op_code twice[] = {{RBK_OP_WINDOW, 0},
                                           {RBK_OP_CONST, 1},
                                           {RBK_OP_CONST, 0},
                                           {RBK_OP_MULTIPLY, RBK_TYPE_RATIO},
                                           {RBK_OP_GT, 0}};
static const struct rbk_op_code both[] = {{RBK_OP_WINDOW, 0}, {RBK_OP_CONST, 0}, {RBK_OP_GT, 0},
                                          {RBK_OP_WINDOW, 0}, {RBK_OP_CONST, 0}, {RBK_OP_GT, 0},
                                          {RBK_OP_AND, 0}};

START_TEST(the_share_rises_towards_the_threshold)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    gauged_init(&gauged, above, 3);
    gauged.constants[0] = rbk_value_number(RBK_TYPE_RATIO, 0.05);
    gauged.reading = rbk_value_number(RBK_TYPE_RATIO, 0.02);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.has_share && fabs(gauge.share - 0.4) < 1e-9);
    gauged.reading = rbk_value_number(RBK_TYPE_RATIO, 0.5);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.share >= 1);
    rbk_arena_fini(&gauged.arena);
}
END_TEST

START_TEST(a_falling_value_comes_near_from_above)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    gauged_init(&gauged, below, 3);
    gauged.constants[0] = rbk_value_number(RBK_TYPE_RATIO, 0.1);
    gauged.reading = rbk_value_number(RBK_TYPE_RATIO, 0.4);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.has_share && fabs(gauge.share - 0.25) < 1e-9);
    gauged.reading = rbk_value_number(RBK_TYPE_RATIO, 0);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.share >= 1);
    rbk_arena_fini(&gauged.arena);
}
END_TEST

START_TEST(a_computed_threshold_is_computed)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    gauged_init(&gauged, twice, 5);
    gauged.constants[0] = rbk_value_number(RBK_TYPE_RATIO, 0.1);
    gauged.constants[1] = rbk_value_number(RBK_TYPE_NUMBER, 2);
    gauged.reading = rbk_value_number(RBK_TYPE_RATIO, 0.1);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.has_share && fabs(gauge.share - 0.5) < 1e-9);
    rbk_arena_fini(&gauged.arena);
}
END_TEST

START_TEST(a_missing_reading_has_no_share)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    gauged_init(&gauged, above, 3);
    gauged.constants[0] = rbk_value_number(RBK_TYPE_RATIO, 0.05);
    gauged.reading = rbk_value_missing(RBK_TYPE_RATIO);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(gauge.value.missing && !gauge.has_share);
    rbk_arena_fini(&gauged.arena);
}
END_TEST

START_TEST(what_is_no_comparison_has_no_gauge)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    gauged_init(&gauged, both, 7);
    ck_assert(!rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    ck_assert(!rbk_gauge_read(&gauged.scope, RBK_NONE, &gauged.arena, &gauge));
    rbk_arena_fini(&gauged.arena);
}
END_TEST

/* What rbk_gauge_distance() says of a reading and a limit under a comparison. */
static void says(enum rbk_op op, struct rbk_value reading, struct rbk_value limit,
                 const char *expected)
{
    struct gauged gauged;
    struct rbk_gauge gauge;
    struct rbk_buffer text;
    const struct rbk_op_code codes[] = {{RBK_OP_WINDOW, 0}, {RBK_OP_CONST, 0}, {op, 0}};
    gauged_init(&gauged, codes, 3);
    gauged.constants[0] = limit;
    gauged.reading = reading;
    rbk_buffer_init(&text, 4096);
    ck_assert(rbk_gauge_read(&gauged.scope, 0, &gauged.arena, &gauge));
    rbk_gauge_print_limit(&gauge, &text);
    ck_assert_msg(strchr("=!<>", text.data[0]) != NULL, "%s", text.data);
    rbk_buffer_clear(&text);
    rbk_gauge_distance(&gauge, &text);
    ck_assert_str_eq(text.bytes != 0 ? text.data : "", expected);
    rbk_buffer_fini(&text);
    rbk_arena_fini(&gauged.arena);
}

START_TEST(the_distance_has_the_unit_of_the_threshold)
{
    says(RBK_OP_GT, rbk_value_number(RBK_TYPE_RATIO, 0.002), rbk_value_number(RBK_TYPE_RATIO, 0.05),
         "4.8% below 5%");
    says(RBK_OP_LT, rbk_value_number(RBK_TYPE_RATIO, 0.42), rbk_value_number(RBK_TYPE_RATIO, 0.1),
         "32% above 10%");
    says(RBK_OP_GE, rbk_value_integer(RBK_TYPE_DURATION, 120),
         rbk_value_integer(RBK_TYPE_DURATION, 400), "280ms below 400ms");
    says(RBK_OP_GT, rbk_value_integer(RBK_TYPE_INT, 5), rbk_value_integer(RBK_TYPE_INT, 5), "at 5");
    says(RBK_OP_GT, rbk_value_text(RBK_TYPE_SCALAR, RBK_STR("2.5")),
         rbk_value_number(RBK_TYPE_NUMBER, 4), "1.5 below 4");
}
END_TEST

START_TEST(what_is_compared_for_equality_has_no_distance)
{
    says(RBK_OP_NE, rbk_value_integer(RBK_TYPE_INT, 200), rbk_value_integer(RBK_TYPE_INT, 200),
         "is 200");
    says(RBK_OP_EQ, rbk_value_integer(RBK_TYPE_INT, 3), rbk_value_integer(RBK_TYPE_INT, 5),
         "is not 5");
    says(RBK_OP_GT, rbk_value_missing(RBK_TYPE_INT), rbk_value_integer(RBK_TYPE_INT, 5), "");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gauge");
    tcase_add_test(cases, the_share_rises_towards_the_threshold);
    tcase_add_test(cases, a_falling_value_comes_near_from_above);
    tcase_add_test(cases, a_computed_threshold_is_computed);
    tcase_add_test(cases, a_missing_reading_has_no_share);
    tcase_add_test(cases, what_is_no_comparison_has_no_gauge);
    tcase_add_test(cases, the_distance_has_the_unit_of_the_threshold);
    tcase_add_test(cases, what_is_compared_for_equality_has_no_distance);
    Suite *suite = suite_create("core/gauge");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
