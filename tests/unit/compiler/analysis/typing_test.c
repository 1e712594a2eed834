/*
 * Facts about types: the words after `as`, the names in messages, and which types are quantities or
 * carry a unit.
 */
#include "compiler/typing.h"
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdlib.h>

START_TEST(a_unit_after_as_says_its_quantity)
{
    enum rbk_unit unit;
    enum rbk_type type;
    for (unsigned i = 0; i < RBK_UNIT_COUNT; i++) {
        ck_assert(rbk_as_word(rbk_str_from(rbk_unit_name((enum rbk_unit)i)), &unit, &type));
        ck_assert_uint_eq(unit, i);
        ck_assert_uint_eq(type, i < RBK_UNIT_BYTE ? RBK_TYPE_DURATION : RBK_TYPE_BYTES);
    }
    ck_assert(rbk_as_word(RBK_STR("milliseconds"), &unit, &type));
    ck_assert_uint_eq(unit, RBK_UNIT_MILLISECONDS);
}
END_TEST

START_TEST(a_type_after_as_is_no_unit)
{
    enum rbk_unit unit;
    enum rbk_type type;
    ck_assert(rbk_as_word(RBK_STR("int"), &unit, &type));
    ck_assert_uint_eq(unit, RBK_UNIT_COUNT);
    ck_assert_uint_eq(type, RBK_TYPE_INT);
    ck_assert(rbk_as_word(RBK_STR("duration"), &unit, &type));
    ck_assert_uint_eq(unit, RBK_UNIT_COUNT);
    ck_assert_uint_eq(type, RBK_TYPE_DURATION);
    /* The word `bytes` is the unit. */
    ck_assert(rbk_as_word(RBK_STR("bytes"), &unit, &type));
    ck_assert_uint_eq(unit, RBK_UNIT_BYTE);
}
END_TEST

START_TEST(what_no_value_can_be_read_as_is_refused)
{
    const char *const words[] = {"list", "scalar", "secret", "unknown", "percent", "", "Seconds"};
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        enum rbk_unit unit = RBK_UNIT_COUNT;
        enum rbk_type type = RBK_TYPE_UNKNOWN;
        ck_assert_msg(!rbk_as_word(rbk_str_from(words[i]), &unit, &type), "%s", words[i]);
        ck_assert_uint_eq(type, RBK_TYPE_UNKNOWN);
    }
}
END_TEST

START_TEST(what_has_a_unit_is_a_quantity_or_a_time)
{
    for (unsigned type = 0; type < RBK_TYPE_COUNT; type++) {
        if (rbk_type_has_unit(type)) {
            ck_assert(rbk_type_is_quantity(type) || type == RBK_TYPE_TIME);
        }
    }
    ck_assert(rbk_type_is_quantity(RBK_TYPE_INT) && !rbk_type_has_unit(RBK_TYPE_INT));
    ck_assert(!rbk_type_is_quantity(RBK_TYPING_CONNECTION));
}
END_TEST

START_TEST(typings_are_called_by_words_a_plan_uses)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, (size_t)1 << 20);
    ck_assert(rbk_str_is(rbk_typing_words(&arena, rbk_typing_list(RBK_TYPE_TEXT)), "list of text"));
    ck_assert(rbk_str_is(rbk_typing_words(&arena, rbk_typing_make(RBK_TYPE_RATIO)), "ratio"));
    struct rbk_tree_typing connection = {RBK_TYPING_CONNECTION, RBK_CONNECTIONS_SQL};
    ck_assert(rbk_str_is(rbk_typing_words(&arena, connection), "postgres or sqlite connection"));
    connection.element = RBK_CONNECTION_BIT(RBK_CONNECTION_REDIS);
    ck_assert(rbk_str_is(rbk_typing_words(&arena, connection), "redis connection"));
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("typing");
    TCase *tests = tcase_create("typing");
    tcase_add_test(tests, a_unit_after_as_says_its_quantity);
    tcase_add_test(tests, a_type_after_as_is_no_unit);
    tcase_add_test(tests, what_no_value_can_be_read_as_is_refused);
    tcase_add_test(tests, what_has_a_unit_is_a_quantity_or_a_time);
    tcase_add_test(tests, typings_are_called_by_words_a_plan_uses);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
