/*
 * A spool gives back what it was given, by number, whether it is in its file yet or not; and where
 * there is no room for it, it says so instead of giving something else.
 */
#include "runtime/serve/spool.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_spool spool;
static struct rbk_buffer out;
static struct rbk_error error;

static void setup(void)
{
    rbk_spool_init(&spool);
    rbk_buffer_init(&out, (size_t)1 << 20);
}

static void teardown(void)
{
    rbk_spool_fini(&spool);
    rbk_buffer_fini(&out);
}

/* "17:xxx…", of a length of its own. */
static size_t text_of(size_t index, char text[4096])
{
    size_t bytes = (size_t)snprintf(text, 32, "%zu:", index), more = index * 37 % 3000;

    memset(text + bytes, 'a' + (int)(index % 26), more);
    text[bytes + more] = '\0';
    return bytes + more;
}

static void add(size_t count)
{
    char text[4096];

    for (size_t i = 0; i < count; i++) {
        rbk_spool_add(&spool, text, text_of(i, text));
    }
}

START_TEST(every_text_is_read_back_by_its_number)
{
    char text[4096];

    add(500);
    ck_assert(!spool.lost);
    ck_assert_int_ge(spool.file, 0);           /* much of it is in the file */
    ck_assert_uint_ne(spool.pending.bytes, 0); /* and some is not */
    for (size_t i = 500; i-- > 0;) {
        rbk_buffer_clear(&out);
        ck_assert_int_eq(rbk_spool_read(&spool, i, &out, &error), 0);
        ck_assert_uint_eq(out.bytes, text_of(i, text));
        ck_assert_str_eq(out.data, text);
    }
    ck_assert_int_eq(rbk_spool_read(&spool, 500, &out, &error), -RBK_EFULL);
}
END_TEST

START_TEST(few_texts_need_no_file)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent-folder", 1), 0);
    add(10);
    ck_assert_int_eq(rbk_spool_read(&spool, 9, &out, &error), 0);
    ck_assert_int_lt(spool.file, 0);
}
END_TEST

START_TEST(where_there_is_no_room_nothing_is_given_back)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent-folder", 1), 0);
    add(500);
    ck_assert(spool.lost);
    ck_assert_int_eq(rbk_spool_read(&spool, 0, &out, &error), -RBK_EFULL);
    ck_assert_ptr_nonnull(strstr(error.text, "temporary files"));
    ck_assert_uint_eq(spool.bytes, 0);
    add(1); /* what comes later is of no use without what was before */
    ck_assert_int_eq(rbk_spool_read(&spool, 0, &out, &error), -RBK_EFULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_spool");
    TCase *cases = tcase_create("serve_spool");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_text_is_read_back_by_its_number);
    tcase_add_test(cases, few_texts_need_no_file);
    tcase_add_test(cases, where_there_is_no_room_nothing_is_given_back);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
