/*
 * Expressions: what each operation does, how missing travels, how units and scalars meet. Text is
 * in expr_text_test.c.
 */
#include "tests/unit/core/machine/expr_program.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"

START_TEST(numbers_compare_exactly)
{
    expect_order(integer(3), '<', integer(4));
    expect_order(integer(3), '=', number(3));
    expect_order(integer(3), '<', number(3.5));
    expect_order(integer(-3), '>', number(-3.5));
    expect_order(integer(9007199254740993), '>', number(9007199254740992.0));
    expect_order(integer(INT64_MAX), '<', number(9223372036854775808.0));
    expect_order(integer(INT64_MIN), '=', number(-9223372036854775808.0));
    expect_order(integer(INT64_MIN), '>', number(-1e300));
    expect_order(ratio(0.05), '<', ratio(0.06));
    expect_order(duration(60000), '=', duration(60000));
    expect_order(rbk_value_integer(RBK_TYPE_TIME, 1), '<', rbk_value_integer(RBK_TYPE_TIME, 2));
}
END_TEST

START_TEST(units_do_not_compare_with_each_other_or_with_bare_numbers)
{
    expect_order(ratio(0.05), '?', number(0.05));
    expect_order(ratio(0.05), '?', integer(5));
    expect_order(duration(5), '?', integer(5));
    expect_order(duration(5), '?', rbk_value_integer(RBK_TYPE_BYTES, 5));
    expect_order(text("5"), '?', integer(5));
    expect_order(rbk_value_bool(true), '?', integer(1));
}
END_TEST

START_TEST(text_compares_by_bytes_and_a_url_is_text)
{
    expect_order(text("a"), '<', text("b"));
    expect_order(text("a"), '<', text("ab"));
    expect_order(text(""), '=', text(""));
    expect_order(rbk_value_text(RBK_TYPE_URL, RBK_STR("http://a")), '=', text("http://a"));
    expect_order(text("10"), '<', text("9"));
}
END_TEST

START_TEST(a_scalar_is_read_as_what_it_is_compared_with)
{
    expect_order(scalar("42"), '=', integer(42));
    expect_order(scalar("42.0\n"), '=', integer(42));
    expect_order(scalar("41.5"), '<', integer(42));
    expect_order(scalar("0.1"), '=', number(0.1));
    expect_order(scalar("healthy"), '=', text("healthy"));
    expect_order(scalar("healthy"), '?', integer(3));
    expect_order(scalar(""), '?', integer(0));
    expect_order(scalar("90s"), '=', duration(90000));
    expect_order(scalar("90"), '?', duration(90000));
    expect_order(scalar("nan"), '?', number(1));
    expect_order(scalar("10"), '>', scalar("9"));
    expect_order(scalar("10"), '<', scalar("9x"));
    expect_order(scalar("1e2"), '=', scalar("100.0"));
    ck_assert(binary(RBK_OP_EQ, 0, scalar("t"), rbk_value_bool(true)).as.truth);
    ck_assert(binary(RBK_OP_EQ, 0, scalar("t"), scalar("true")).as.truth);
    ck_assert(binary(RBK_OP_EQ, 0, scalar("yes"), rbk_value_bool(true)).missing);
}
END_TEST

START_TEST(bools_and_lists_are_equal_or_not_and_have_no_order)
{
    struct rbk_value items[] = {integer(1), scalar("2")};
    struct rbk_value same[] = {integer(1), integer(2)};
    struct rbk_value other[] = {integer(1), integer(3)};
    struct rbk_value holes[] = {integer(1), missing()};
    ck_assert(binary(RBK_OP_EQ, 0, rbk_value_list(items, 2), rbk_value_list(same, 2)).as.truth);
    ck_assert(binary(RBK_OP_NE, 0, rbk_value_list(items, 2), rbk_value_list(other, 2)).as.truth);
    ck_assert(binary(RBK_OP_NE, 0, rbk_value_list(items, 2), rbk_value_list(same, 1)).as.truth);
    ck_assert(binary(RBK_OP_EQ, 0, rbk_value_list(items, 2), rbk_value_list(holes, 2)).missing);
    ck_assert(binary(RBK_OP_LE, 0, rbk_value_list(items, 2), rbk_value_list(same, 2)).missing);
    ck_assert(binary(RBK_OP_NE, 0, rbk_value_bool(true), rbk_value_bool(false)).as.truth);
    ck_assert(binary(RBK_OP_LE, 0, rbk_value_bool(true), rbk_value_bool(true)).missing);
}
END_TEST

START_TEST(logic_is_three_valued)
{
    static const char levels[] = "tf?";
    static const char *const and = "tf?fff?f?";
    static const char *const or = "tttt"
                                  "f?t??";
    for (size_t i = 0; i < 9; i++) {
        struct rbk_value operands[2];
        for (size_t side = 0; side < 2; side++) {
            char level = levels[side == 0 ? i / 3 : i % 3];
            operands[side] =
                level == '?' ? rbk_value_missing(RBK_TYPE_BOOL) : rbk_value_bool(level == 't');
        }
        struct rbk_value both = binary(RBK_OP_AND, 0, operands[0], operands[1]);
        struct rbk_value any = binary(RBK_OP_OR, 0, operands[0], operands[1]);
        ck_assert_int_eq(both.missing ? '?' : both.as.truth ? 't' : 'f', and[i]);
        ck_assert_int_eq(any.missing ? '?' : any.as.truth ? 't' : 'f', or [i]);
    }
    scope.all_needed = true;
    for (size_t i = 0; i < 2; i++) {
        struct rbk_value known = rbk_value_bool(i != 0), unknown = rbk_value_missing(RBK_TYPE_BOOL);
        ck_assert(binary(RBK_OP_AND, 0, known, unknown).missing);
        ck_assert(binary(RBK_OP_OR, 0, unknown, known).missing);
        ck_assert(!binary(RBK_OP_AND, 0, known, known).missing);
    }
    scope.all_needed = false;
    expect(unary(RBK_OP_NOT, 0, rbk_value_bool(true)), "false");
    ck_assert(unary(RBK_OP_NOT, 0, rbk_value_missing(RBK_TYPE_BOOL)).missing);
    expect(unary(RBK_OP_NOT, 0, scalar("f")), "true");
    ck_assert(unary(RBK_OP_NOT, 0, integer(0)).missing);
}
END_TEST

START_TEST(arithmetic_keeps_units)
{
    expect(binary(RBK_OP_ADD, RBK_TYPE_INT, integer(2), integer(3)), "5");
    expect(binary(RBK_OP_SUBTRACT, RBK_TYPE_DURATION, duration(90000), duration(30000)), "1m");
    expect(binary(RBK_OP_SUBTRACT, RBK_TYPE_DURATION, rbk_value_integer(RBK_TYPE_TIME, 5000),
                  rbk_value_integer(RBK_TYPE_TIME, 2000)),
           "3s");
    expect(binary(RBK_OP_ADD, RBK_TYPE_TIME, rbk_value_integer(RBK_TYPE_TIME, 0), duration(1000)),
           "1970-01-01T00:00:01Z");
    expect(binary(RBK_OP_MULTIPLY, RBK_TYPE_DURATION, integer(2), duration(90000)), "3m");
    expect(binary(RBK_OP_MULTIPLY, RBK_TYPE_DURATION, number(1.5), duration(90000)), "2m 15s");
    expect(binary(RBK_OP_MULTIPLY, RBK_TYPE_BYTES, ratio(0.5),
                  rbk_value_integer(RBK_TYPE_BYTES, 2048)),
           "1KiB");
    expect(binary(RBK_OP_DIVIDE, RBK_TYPE_INT, integer(7), integer(2)), "3");
    expect(binary(RBK_OP_DIVIDE, RBK_TYPE_NUMBER, integer(7), integer(2)), "3.5");
    expect(binary(RBK_OP_DIVIDE, RBK_TYPE_RATIO, duration(30000), duration(60000)), "50%");
    expect(binary(RBK_OP_MULTIPLY, RBK_TYPE_DURATION, scalar("30"), duration(1000)), "30s");
    expect(binary(RBK_OP_ADD, RBK_TYPE_NUMBER, scalar("0.5"), integer(1)), "1.5");
    expect(binary(RBK_OP_RATIO, 0, integer(1), integer(20)), "5%");
    expect(unary(RBK_OP_NEGATE, 0, duration(1000)), "-1s");
    expect(unary(RBK_OP_NEGATE, 0, number(0.5)), "-0.5");
    expect(unary(RBK_OP_ABS, 0, integer(-4)), "4");
    expect(unary(RBK_OP_ABS, 0, ratio(-0.5)), "50%");
    expect(unary(RBK_OP_ABS, 0, scalar("-2.5")), "2.5");
}
END_TEST

START_TEST(what_overflows_or_divides_by_zero_is_missing)
{
    ck_assert(binary(RBK_OP_ADD, RBK_TYPE_INT, integer(INT64_MAX), integer(1)).missing);
    ck_assert(binary(RBK_OP_SUBTRACT, RBK_TYPE_INT, integer(INT64_MIN), integer(1)).missing);
    ck_assert(binary(RBK_OP_MULTIPLY, RBK_TYPE_DURATION, integer(INT64_MAX), duration(2)).missing);
    ck_assert(binary(RBK_OP_DIVIDE, RBK_TYPE_INT, integer(1), integer(0)).missing);
    ck_assert(binary(RBK_OP_DIVIDE, RBK_TYPE_INT, integer(INT64_MIN), integer(-1)).missing);
    ck_assert(binary(RBK_OP_DIVIDE, RBK_TYPE_NUMBER, number(1), number(0)).missing);
    ck_assert(binary(RBK_OP_MULTIPLY, RBK_TYPE_NUMBER, number(1e300), number(1e300)).missing);
    ck_assert(binary(RBK_OP_MULTIPLY, RBK_TYPE_DURATION, number(1e300), duration(2)).missing);
    ck_assert(binary(RBK_OP_RATIO, 0, integer(1), integer(0)).missing);
    ck_assert(unary(RBK_OP_NEGATE, 0, integer(INT64_MIN)).missing);
    ck_assert(unary(RBK_OP_ABS, 0, integer(INT64_MIN)).missing);
    ck_assert(binary(RBK_OP_ADD, RBK_TYPE_INT, text("1"), integer(1)).missing);
    ck_assert(binary(RBK_OP_ADD, RBK_TYPE_INT, scalar("x"), integer(1)).missing);
    ck_assert(binary(RBK_OP_ADD, RBK_TYPE_TEXT, integer(1), integer(1)).missing);
}
END_TEST

START_TEST(missing_travels_through_every_operation_but_coalesce_and_logic)
{
    static const enum rbk_op twos[] = {RBK_OP_EQ,       RBK_OP_NE,     RBK_OP_LT,   RBK_OP_LE,
                                       RBK_OP_GT,       RBK_OP_GE,     RBK_OP_ADD,  RBK_OP_SUBTRACT,
                                       RBK_OP_MULTIPLY, RBK_OP_DIVIDE, RBK_OP_RATIO};
    static const enum rbk_op ones[] = {
        RBK_OP_NOT,         RBK_OP_NEGATE, RBK_OP_ABS,        RBK_OP_READ_AS,     RBK_OP_PRINT_AS,
        RBK_OP_READ_UNIT,   RBK_OP_TEXT,   RBK_OP_URL_ENCODE, RBK_OP_URL_BASE,    RBK_OP_JSON_VALUE,
        RBK_OP_JSON_ESCAPE, RBK_OP_LENGTH, RBK_OP_LINES,      RBK_OP_MAIL_HEADER, RBK_OP_NO_DASH};
    for (size_t i = 0; i < sizeof(twos) / sizeof(twos[0]); i++) {
        ck_assert(binary(twos[i], RBK_TYPE_INT, missing(), integer(1)).missing);
        ck_assert(binary(twos[i], RBK_TYPE_INT, integer(1), missing()).missing);
    }
    for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
        ck_assert(unary(ones[i], RBK_TYPE_INT, missing()).missing);
    }
    ck_assert(binary(RBK_OP_CONCAT, 2, text("a"), missing()).missing);
    expect(binary(RBK_OP_COALESCE, 0, missing(), integer(2)), "2");
    expect(binary(RBK_OP_COALESCE, 0, integer(1), integer(2)), "1");
    ck_assert(binary(RBK_OP_COALESCE, 0, missing(), missing()).missing);
}
END_TEST

START_TEST(reading_as_a_type_gives_a_value_or_missing)
{
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_INT, scalar("3")), "3");
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_INT, text("3.0")), "3");
    ck_assert(unary(RBK_OP_READ_AS, RBK_TYPE_INT, text("3.5")).missing);
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_INT, number(-3.7)), "-3");
    ck_assert(unary(RBK_OP_READ_AS, RBK_TYPE_INT, number(1e19)).missing);
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_NUMBER, integer(3)), "3");
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_RATIO, number(0.05)), "5%");
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_RATIO, scalar("5%")), "5%");
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_DURATION, scalar("90s")), "1m 30s");
    ck_assert(unary(RBK_OP_READ_AS, RBK_TYPE_DURATION, integer(90)).missing);
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_TEXT, duration(90000)), "1m 30s");
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_BOOL, scalar("t")), "true");
    ck_assert(unary(RBK_OP_READ_AS, RBK_TYPE_URL, text("no url")).missing);
    ck_assert_int_eq(unary(RBK_OP_READ_AS, RBK_TYPE_SCALAR, text("a")).type, RBK_TYPE_SCALAR);
    expect(unary(RBK_OP_READ_AS, RBK_TYPE_JSON, text("[1]")), "[1]");
    ck_assert(unary(RBK_OP_READ_AS, RBK_TYPE_JSON, text("[1")).missing);
}
END_TEST

START_TEST(reading_as_a_unit_takes_the_texts_own_unit_first)
{
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_BYTE, scalar("10GiB")), "10GiB");
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_BYTE, scalar("1024")), "1KiB");
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_MIB, scalar(" 1.5\n")), "1.5MiB");
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_SECONDS, scalar("90")), "1m 30s");
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_SECONDS, text("90ms")), "90ms");
    expect(unary(RBK_OP_READ_UNIT, RBK_UNIT_MINUTES, number(1.5)), "1m 30s");
    ck_assert(unary(RBK_OP_READ_UNIT, RBK_UNIT_SECONDS, scalar("10GiB")).missing);
    ck_assert(unary(RBK_OP_READ_UNIT, RBK_UNIT_BYTE, scalar("many")).missing);
    ck_assert(unary(RBK_OP_READ_UNIT, RBK_UNIT_BYTE, scalar("")).missing);
    ck_assert(unary(RBK_OP_READ_UNIT, RBK_UNIT_TIB, scalar("1e300")).missing);
}
END_TEST

START_TEST(printing_as_a_unit_gives_a_number)
{
    expect(unary(RBK_OP_PRINT_AS, RBK_UNIT_MINUTES, duration(90000)), "1.5");
    expect(unary(RBK_OP_PRINT_AS, RBK_UNIT_DAYS, duration(86400000)), "1");
    expect(unary(RBK_OP_PRINT_AS, RBK_UNIT_KIB, rbk_value_integer(RBK_TYPE_BYTES, 512)), "0.5");
    ck_assert(unary(RBK_OP_PRINT_AS, RBK_UNIT_KIB, duration(512)).missing);
    ck_assert(unary(RBK_OP_PRINT_AS, RBK_UNIT_MINUTES, integer(512)).missing);
}
END_TEST

static struct rbk_value a_variable(void *context, enum rbk_variable variable)
{
    (void)context;
    return variable == RBK_VARIABLE_ROLLBACKS ? integer(4) : rbk_value_missing(RBK_TYPE_TEXT);
}

static struct rbk_value a_window(void *context, uint32_t window)
{
    (void)context;
    (void)window;
    return (struct rbk_value){.type = RBK_TYPE_NUMBER, .as.number = (double)NAN};
}

START_TEST(leaves_come_from_the_scope_and_are_missing_without_it)
{
    static const enum rbk_op leaves[] = {RBK_OP_SLOT,     RBK_OP_PARAM, RBK_OP_SECRET,
                                         RBK_OP_VARIABLE, RBK_OP_READ,  RBK_OP_WINDOW,
                                         RBK_OP_BASELINE};
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        begin();
        op(leaves[i], 0);
        ck_assert(run().missing);
    }
    struct rbk_value values[] = {integer(1)};
    scope.slots = values;
    scope.params = values;
    scope.reads = values;
    scope.baselines = values;
    for (size_t i = 0; i < 5; i++) {
        if (leaves[i] != RBK_OP_SECRET && leaves[i] != RBK_OP_VARIABLE) {
            begin();
            op(leaves[i], 0);
            expect(run(), "1");
        }
    }
    scope.variable = a_variable;
    scope.window = a_window;
    begin();
    op(RBK_OP_VARIABLE, RBK_VARIABLE_ROLLBACKS);
    expect(run(), "4");
    begin();
    op(RBK_OP_WINDOW, 0);
    ck_assert(run().missing); /* NaN */
}
END_TEST

START_TEST(the_result_is_of_the_expressions_type)
{
    begin();
    push(scalar("3"));
    expr.type = RBK_TYPE_INT;
    ck_assert_int_eq(run().type, RBK_TYPE_INT);
    expr.type = RBK_TYPE_BOOL;
    ck_assert(run().missing);
    ck_assert_int_eq(run().type, RBK_TYPE_BOOL);
    expr.type = RBK_TYPE_TEXT;
    ck_assert_int_eq(run().type, RBK_TYPE_SCALAR);
    begin();
    push(integer(3));
    expr.type = RBK_TYPE_NUMBER;
    ck_assert(run().as.number == 3);
    expr.type = RBK_TYPE_DURATION;
    ck_assert(run().missing);
}
END_TEST

START_TEST(a_program_that_is_not_sound_is_an_error_and_no_crash)
{
    begin();
    op(RBK_OP_AND, 0);
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    begin();
    push(integer(1));
    push(integer(1));
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    begin();
    op(RBK_OP_CONST, 99);
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    begin();
    push(integer(1));
    op(RBK_OP_CONCAT, UINT32_MAX);
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    begin();
    for (size_t i = 0; i <= RBK_STACK_MAX; i++) {
        push(integer(1));
    }
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    begin();
    expr.code = (struct rbk_slice){UINT32_MAX, UINT32_MAX};
    ck_assert_int_eq(run_code(), -RBK_EMACHINE);
    struct rbk_value value = {0};
    ck_assert_int_eq(rbk_expr_evaluate(&scope, 1, &arena, &value, &failure), -RBK_EMACHINE);
    expr.code = (struct rbk_slice){0, 0};
}
END_TEST

START_TEST(random_programs_never_crash)
{
    static const enum rbk_type types[] = {RBK_TYPE_TEXT,   RBK_TYPE_BOOL,  RBK_TYPE_INT,
                                          RBK_TYPE_NUMBER, RBK_TYPE_RATIO, RBK_TYPE_DURATION,
                                          RBK_TYPE_SCALAR, RBK_TYPE_LIST,  RBK_TYPE_JSON};
    static const char *const texts[] = {"", "3", "-1.5", "t", "5%", "90s", "[1,2]", "x y\n"};
    struct rbk_value items[] = {integer(1), text("a"), missing()};
    uint64_t seed = 99;
    int good = 0;
    for (int i = 0; i < 100000; i++) {
        begin();
        for (int code = 0; code < 12; code++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint64_t random = seed >> 32;
            enum rbk_type type = types[random % 9];
            const char *words = texts[random / 9 % 8];
            int64_t whole = (int64_t)(seed * 31) >> (random % 64);
            if (random & 0x1000000) {
                push(type == RBK_TYPE_LIST   ? rbk_value_list(items, random % 4)
                     : type == RBK_TYPE_BOOL ? rbk_value_bool(random & 1)
                     : type == RBK_TYPE_INT || type == RBK_TYPE_DURATION
                         ? rbk_value_integer(type, whole)
                     : type == RBK_TYPE_NUMBER || type == RBK_TYPE_RATIO
                         ? rbk_value_number(type, (double)whole / 7)
                         : rbk_value_text(type, rbk_str_from(words)));
            } else {
                op((enum rbk_op)(random / 64 % RBK_OP_COUNT), (uint32_t)(random & 15));
            }
        }
        struct rbk_value value = {0};
        good += rbk_expr_evaluate(&scope, 0, &arena, &value, &failure) == 0;
        rbk_arena_reset(&arena);
    }
    ck_assert_int_gt(good, 10);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("expr");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, numbers_compare_exactly);
    tcase_add_test(cases, units_do_not_compare_with_each_other_or_with_bare_numbers);
    tcase_add_test(cases, text_compares_by_bytes_and_a_url_is_text);
    tcase_add_test(cases, a_scalar_is_read_as_what_it_is_compared_with);
    tcase_add_test(cases, bools_and_lists_are_equal_or_not_and_have_no_order);
    tcase_add_test(cases, logic_is_three_valued);
    tcase_add_test(cases, arithmetic_keeps_units);
    tcase_add_test(cases, what_overflows_or_divides_by_zero_is_missing);
    tcase_add_test(cases, missing_travels_through_every_operation_but_coalesce_and_logic);
    tcase_add_test(cases, reading_as_a_type_gives_a_value_or_missing);
    tcase_add_test(cases, reading_as_a_unit_takes_the_texts_own_unit_first);
    tcase_add_test(cases, printing_as_a_unit_gives_a_number);
    tcase_add_test(cases, leaves_come_from_the_scope_and_are_missing_without_it);
    tcase_add_test(cases, the_result_is_of_the_expressions_type);
    tcase_add_test(cases, a_program_that_is_not_sound_is_an_error_and_no_crash);
    tcase_add_test(cases, random_programs_never_crash);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("core/expr");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
