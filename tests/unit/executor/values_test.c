/*
 * The values that a run keeps: a copy of everything, one block each, and nothing of what was
 * overwritten.
 */
#include "runtime/executor/values.h"

#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_values values;

static void setup(void)
{
    ck_assert_int_eq(rbk_values_init(&values, 3), 0);
}

static void teardown(void)
{
    rbk_values_fini(&values);
    ck_assert_ptr_null(values.items);
}

static struct rbk_value text(const char *content)
{
    return rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(content));
}

START_TEST(a_fresh_table_is_missing_throughout)
{
    for (size_t i = 0; i < values.count; i++) {
        ck_assert(values.items[i].missing);
    }
    ck_assert_uint_eq(values.bytes, 0);
}
END_TEST

START_TEST(a_copy_outlives_what_it_was_copied_from)
{
    char buffer[] = "abc";
    struct rbk_value inner[] = {text(buffer), rbk_value_integer(RBK_TYPE_INT, 7)};
    struct rbk_value outer[] = {rbk_value_list(inner, 2), text(""),
                                rbk_value_missing(RBK_TYPE_URL)};

    ck_assert_int_eq(rbk_values_set(&values, 1, rbk_value_list(outer, 3)), 0);
    memset(buffer, 'x', 3);
    memset(inner, 0x55, sizeof(inner));
    memset(outer, 0x55, sizeof(outer));

    const struct rbk_value *items = values.items[1].as.list.items;

    ck_assert_uint_eq(values.items[1].as.list.count, 3);
    ck_assert_uint_eq(items[0].as.list.count, 2);
    ck_assert_str_eq(items[0].as.list.items[0].as.text.data, "abc");
    ck_assert_int_eq(items[0].as.list.items[1].as.integer, 7);
    ck_assert_str_eq(items[1].as.text.data, "");
    ck_assert(items[2].missing);
    ck_assert_uint_eq(values.bytes, rbk_value_block_bytes(values.items[1]));
}
END_TEST

/* Bytes that malloc() has given out. */
static size_t held(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

START_TEST(what_is_overwritten_takes_no_memory)
{
    const size_t bytes = (size_t)1 << 20;
    char *content = malloc(bytes + 1);

    ck_assert_ptr_nonnull(content);
    memset(content, 'a', bytes);
    content[bytes] = '\0';
    size_t before = held();
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(rbk_values_set(&values, 0, text(content)), 0);
        ck_assert_uint_eq(values.bytes, bytes + 1);
        ck_assert_uint_le(held() - before, 4 * bytes);
    }
    ck_assert_int_eq(rbk_values_set(&values, 0, rbk_value_missing(RBK_TYPE_TEXT)), 0);
    ck_assert_uint_eq(values.bytes, 0);
    ck_assert_ptr_null(values.blocks[0]);
    free(content);
}
END_TEST

START_TEST(a_value_may_be_set_from_itself)
{
    ck_assert_int_eq(rbk_values_set(&values, 2, text("the same")), 0);
    ck_assert_int_eq(rbk_values_set(&values, 2, values.items[2]), 0);
    ck_assert_str_eq(values.items[2].as.text.data, "the same");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor values");
    TCase *tcase = tcase_create("values");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_fresh_table_is_missing_throughout);
    tcase_add_test(tcase, a_copy_outlives_what_it_was_copied_from);
    tcase_add_test(tcase, what_is_overwritten_takes_no_memory);
    tcase_add_test(tcase, a_value_may_be_set_from_itself);
    suite_add_tcase(suite, tcase);
    SRunner *suite_runner = srunner_create(suite);
    srunner_run_all(suite_runner, CK_ENV);
    int failed = srunner_ntests_failed(suite_runner);
    srunner_free(suite_runner);
    return failed == 0 ? 0 : 1;
}
