/*
 * Sources: lines and columns, reading files, and the check of the text.
 */
#include "compiler/source.h"

#include "compiler/diagnostic.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)256 << 20)

static struct rbk_arena arena;

static struct rbk_source *source_of(struct rbk_str text)
{
    rbk_arena_init(&arena, MEMORY_MAX);
    return rbk_source_from_text(&arena, RBK_STR("test.rbk"), text);
}

static void assert_position(const struct rbk_source *source, uint32_t offset, uint32_t line,
                            uint32_t column)
{
    struct rbk_position position = rbk_source_position(source, offset);
    ck_assert_uint_eq(position.line, line);
    ck_assert_uint_eq(position.column, column);
}

START_TEST(columns_count_characters)
{
    struct rbk_source *source = source_of(RBK_STR("ab\n\tü漢x\n"));
    assert_position(source, 0, 1, 1);
    assert_position(source, 2, 1, 3);
    assert_position(source, 3, 2, 1);
    assert_position(source, 4, 2, 2);
    assert_position(source, 6, 2, 3);
    assert_position(source, 9, 2, 4);
    assert_position(source, 11, 3, 1);
    assert_position(source, 5000, 3, 1);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(lines_come_without_their_ends)
{
    struct rbk_source *source = source_of(RBK_STR("one\r\ntwo\n\nfour"));
    ck_assert_uint_eq(source->line_count, 4);
    ck_assert(rbk_str_is(rbk_source_line(source, 1), "one"));
    ck_assert(rbk_str_is(rbk_source_line(source, 2), "two"));
    ck_assert(rbk_str_is(rbk_source_line(source, 3), ""));
    ck_assert(rbk_str_is(rbk_source_line(source, 4), "four"));
    ck_assert(rbk_str_is(rbk_source_line(source, 5), ""));
    ck_assert(rbk_str_is(rbk_source_line(source, 0), ""));
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(an_empty_source_has_one_line)
{
    struct rbk_source *source = source_of(RBK_STR(""));
    ck_assert_uint_eq(source->line_count, 1);
    assert_position(source, 0, 1, 1);
    ck_assert_int_eq(source->text.data[0], '\0');
    rbk_arena_fini(&arena);
}
END_TEST

static uint32_t errors_in(struct rbk_str text)
{
    struct rbk_source *source = source_of(text);
    struct rbk_diagnostics diagnostics;
    rbk_diagnostics_init(&diagnostics, &arena);
    int result = rbk_source_check(source, &diagnostics);
    uint32_t errors = diagnostics.errors;
    ck_assert_int_eq(result, errors ? -1 : 0);
    rbk_arena_fini(&arena);
    return errors;
}

START_TEST(text_that_could_read_otherwise_is_refused)
{
    ck_assert_uint_eq(errors_in(RBK_STR("plain\ttext\r\n")), 0);
    ck_assert_uint_eq(errors_in(RBK_STR("\xef\xbb\xbf at the start")), 0);
    ck_assert_uint_eq(errors_in(RBK_STR("in the \xef\xbb\xbf middle")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("a\0b\0c")), 2);
    ck_assert_uint_eq(errors_in(RBK_STR("alone \r no line end")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("escape \033[1m")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("delete \177")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("c1 \xc2\x85")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("overlong \xc0\xaf and \xff")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("cut off \xe2\x82")), 1);
    ck_assert_uint_eq(errors_in(RBK_STR("surrogate \xed\xa0\x80")), 1);
}
END_TEST

START_TEST(a_file_is_read_whole)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int descriptor = fileno(file);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(write(descriptor, "0123456789\n", 11), 11);
    }
    rbk_arena_init(&arena, MEMORY_MAX);
    struct rbk_source *source = NULL;
    struct rbk_error error;
    ck_assert_int_eq(rbk_source_open(&arena, path, &source, &error), 0);
    ck_assert_uint_eq(source->text.bytes, 220000);
    ck_assert_uint_eq(source->line_count, 20001);
    ck_assert(rbk_str_is(source->path, path));

    /* A hole makes a file too large without filling the disk. */
    ck_assert_int_eq(ftruncate(descriptor, (off_t)RBK_SOURCE_BYTES_MAX + 1), 0);
    ck_assert_int_eq(rbk_source_open(&arena, path, &source, &error), -RBK_ELIMIT);
    fclose(file);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(what_is_no_file_is_an_error)
{
    rbk_arena_init(&arena, MEMORY_MAX);
    struct rbk_source *source = NULL;
    struct rbk_error error;
    ck_assert_int_eq(rbk_source_open(&arena, "/nowhere/at/all.rbk", &source, &error),
                     -RBK_ENOTFOUND);
    ck_assert_int_eq(rbk_source_open(&arena, "/tmp", &source, &error), -RBK_EIO);
    ck_assert_ptr_null(source);
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/source");
    TCase *tests = tcase_create("source");
    tcase_add_test(tests, columns_count_characters);
    tcase_add_test(tests, lines_come_without_their_ends);
    tcase_add_test(tests, an_empty_source_has_one_line);
    tcase_add_test(tests, text_that_could_read_otherwise_is_refused);
    tcase_add_test(tests, a_file_is_read_whole);
    tcase_add_test(tests, what_is_no_file_is_an_error);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
