/*
 * Buffers: the maximum is exact, a failure sticks and keeps the content, and the content is text in
 * every state.
 */
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_empty_buffer_is_empty_text)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 10);
    ck_assert_str_eq(buffer.data, "");
    ck_assert_int_eq(rbk_buffer_append(&buffer, NULL, 0), 0);
    ck_assert_str_eq(buffer.data, "");
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(the_maximum_is_exact_and_failure_sticks)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 10);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "0123456789"), 0);
    ck_assert_int_eq(rbk_buffer_append_byte(&buffer, 'x'), -RBK_ELIMIT);
    ck_assert_str_eq(buffer.data, "0123456789");
    rbk_buffer_truncate(&buffer, 2);
    ck_assert_int_eq(rbk_buffer_append_byte(&buffer, 'x'), -RBK_ELIMIT);
    ck_assert_int_eq(rbk_buffer_printf(&buffer, "%d", 1), -RBK_ELIMIT);
    ck_assert_ptr_null(rbk_buffer_reserve(&buffer, 1));
    ck_assert_str_eq(buffer.data, "01");
    ck_assert_int_eq(buffer.error, -RBK_ELIMIT);
    rbk_buffer_clear(&buffer);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "again"), 0);
    ck_assert_str_eq(buffer.data, "again");
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(an_append_that_does_not_fit_appends_nothing)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 4);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "abc"), 0);
    ck_assert_int_eq(rbk_buffer_printf(&buffer, "%s", "de"), -RBK_ELIMIT);
    ck_assert_str_eq(buffer.data, "abc");
    ck_assert_uint_eq(buffer.bytes, 3);
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(a_buffer_with_no_limit_does_not_wrap)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, SIZE_MAX);
    ck_assert_int_eq(rbk_buffer_append_byte(&buffer, 'a'), 0);
    ck_assert_ptr_null(rbk_buffer_reserve(&buffer, SIZE_MAX - 1));
    ck_assert_int_eq(buffer.error, -RBK_ELIMIT);
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(many_appends_give_the_whole_text)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 1 << 20);
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(rbk_buffer_printf(&buffer, "%04d,", i), 0);
    }
    ck_assert_uint_eq(buffer.bytes, 50000);
    ck_assert_uint_eq(strlen(buffer.data), 50000);
    ck_assert_int_eq(memcmp(buffer.data + 5 * 1234, "1234,", 5), 0);
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(reserved_room_counts_only_once_committed)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 100);
    char *room = rbk_buffer_reserve(&buffer, 50);
    ck_assert_ptr_nonnull(room);
    memcpy(room, "reply", 5);
    ck_assert_uint_eq(buffer.bytes, 0);
    rbk_buffer_commit(&buffer, 5);
    ck_assert_str_eq(buffer.data, "reply");
    rbk_buffer_consume(&buffer, 2);
    ck_assert_str_eq(buffer.data, "ply");
    rbk_buffer_consume(&buffer, 100);
    ck_assert_str_eq(buffer.data, "");
    rbk_buffer_fini(&buffer);
}
END_TEST

START_TEST(taking_moves_the_content_out)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 100);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "mine"), 0);
    size_t bytes = 0;
    char *mine = rbk_buffer_take(&buffer, &bytes);
    ck_assert_str_eq(mine, "mine");
    ck_assert_uint_eq(bytes, 4);
    ck_assert_str_eq(buffer.data, "");
    free(mine);
    char *nothing = rbk_buffer_take(&buffer, NULL);
    ck_assert_str_eq(nothing, "");
    free(nothing);
}
END_TEST

START_TEST(taking_from_a_failed_buffer_gives_nothing)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 4);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "abc"), 0);
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "def"), -RBK_ELIMIT);
    ck_assert_ptr_null(rbk_buffer_take(&buffer, NULL));
    ck_assert_int_eq(rbk_buffer_append_text(&buffer, "new"), 0);
    rbk_buffer_fini(&buffer);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("buffer");
    tcase_add_test(cases, an_empty_buffer_is_empty_text);
    tcase_add_test(cases, the_maximum_is_exact_and_failure_sticks);
    tcase_add_test(cases, an_append_that_does_not_fit_appends_nothing);
    tcase_add_test(cases, a_buffer_with_no_limit_does_not_wrap);
    tcase_add_test(cases, many_appends_give_the_whole_text);
    tcase_add_test(cases, reserved_room_counts_only_once_committed);
    tcase_add_test(cases, taking_moves_the_content_out);
    tcase_add_test(cases, taking_from_a_failed_buffer_gives_nothing);
    Suite *suite = suite_create("base/buffer");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
