/*
 * Templates: commands are cut as a shell would cut them, and values never split, join or end what
 * stands around them.
 *
 * A template is written here as a row of texts in which "@" stands for a value; what comes out is
 * written the same way, so that a case reads as "this becomes that".
 */
#include "compiler/lower/template.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 16u

static struct rbk_arena arena;
static int value; /* what every "@" points at */

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)1 << 20);
}

static void tear_down(void)
{
    rbk_arena_fini(&arena);
}

static struct rbk_pieces pieces_of(const char *text)
{
    struct rbk_piece *pieces = rbk_new_array(&arena, struct rbk_piece, PIECES_MAX);
    size_t count = 0;
    while (*text != '\0') {
        size_t bytes = strcspn(text, "@");
        ck_assert_uint_lt(count, PIECES_MAX - 1);
        if (bytes > 0) {
            pieces[count++].text = (struct rbk_str){text, bytes};
        }
        text += bytes;
        if (*text == '@') {
            pieces[count++].value = &value;
            text++;
        }
    }
    return (struct rbk_pieces){pieces, count};
}

/* The words as "[one][two@]", or "fault". */
static const char *words_of(const char *command)
{
    struct rbk_words words;
    const char *fault = NULL;
    struct rbk_buffer out;
    rbk_buffer_init(&out, 4096);
    if (rbk_template_words(&arena, pieces_of(command), &words, &fault) < 0) {
        ck_assert_ptr_nonnull(fault);
        return "fault";
    }
    for (size_t i = 0; i < words.count; i++) {
        rbk_buffer_append_byte(&out, '[');
        for (size_t k = 0; k < words.items[i].count; k++) {
            const struct rbk_piece *piece = &words.items[i].items[k];
            rbk_buffer_append_str(&out, piece->value != NULL ? RBK_STR("@") : piece->text);
        }
        rbk_buffer_append_byte(&out, ']');
    }
    const char *text = rbk_arena_copy(&arena, rbk_buffer_str(&out)).data;
    rbk_buffer_fini(&out);
    return text;
}

static const char *shell_of(const char *script)
{
    struct rbk_taken taken;
    const char *fault = NULL;
    if (rbk_template_shell(&arena, pieces_of(script), &taken, &fault) < 0) {
        ck_assert_ptr_nonnull(fault);
        return "fault";
    }
    return taken.text.data;
}

static const char *sql_of(const char *statement)
{
    struct rbk_taken taken;
    const char *fault = NULL;
    if (rbk_template_sql(&arena, pieces_of(statement), &taken, &fault) < 0) {
        ck_assert_ptr_nonnull(fault);
        return "fault";
    }
    return taken.text.data;
}

START_TEST(blanks_of_every_kind_separate_words)
{
    ck_assert_str_eq(words_of("  one\ttwo\n three  "), "[one][two][three]");
}
END_TEST

START_TEST(quotes_join_what_they_hold_and_may_stand_inside_a_word)
{
    ck_assert_str_eq(words_of("a 'b c' \"d e\" f'g h'\"i\"j"), "[a][b c][d e][fg hij]");
    ck_assert_str_eq(words_of("a '' \"\""), "[a][][]");
    ck_assert_str_eq(words_of("'\"' \"'\""), "[\"][']");
}
END_TEST

START_TEST(a_backslash_protects_as_a_shell_has_it)
{
    ck_assert_str_eq(words_of("a\\ b \\\"c \\'"), "[a b][\"c][']");
    ck_assert_str_eq(words_of("'a\\b' \"a\\b\\\"\\\\\\$\""), "[a\\b][a\\b\"\\$]");
    ck_assert_str_eq(words_of("a \\\n b"), "[a][b]");
    ck_assert_str_eq(words_of("\"a\\\nb\""), "[ab]");
}
END_TEST

START_TEST(nothing_else_of_a_shell_is_expanded)
{
    ck_assert_str_eq(words_of("echo $HOME *.c ~ `id` $(id) a;b|c >d"),
                     "[echo][$HOME][*.c][~][`id`][$(id)][a;b|c][>d]");
}
END_TEST

START_TEST(a_value_neither_splits_nor_joins_words)
{
    ck_assert_str_eq(words_of("a @ b"), "[a][@][b]");
    ck_assert_str_eq(words_of("@"), "[@]");
    ck_assert_str_eq(words_of("@@"), "[@@]");
    ck_assert_str_eq(words_of("--x=@ '@' \"a @ b\"c@"), "[--x=@][@][a @ bc@]");
}
END_TEST

START_TEST(a_command_that_cannot_be_cut_is_refused)
{
    ck_assert_str_eq(words_of("a 'b"), "fault");
    ck_assert_str_eq(words_of("a \"b"), "fault");
    ck_assert_str_eq(words_of("a \\"), "fault");
    ck_assert_str_eq(words_of("a \\@"), "fault");
    ck_assert_str_eq(words_of("   "), "fault");
    ck_assert_str_eq(words_of(""), "fault");
}
END_TEST

START_TEST(a_shell_value_is_quoted_by_where_it_stands)
{
    ck_assert_str_eq(shell_of("echo @"), "echo \"${RBK_1}\"");
    ck_assert_str_eq(shell_of("echo \"a @ b\""), "echo \"a ${RBK_1} b\"");
    ck_assert_str_eq(shell_of("echo 'a @ b'"), "echo 'a '\"${RBK_1}\"' b'");
    ck_assert_str_eq(shell_of("@ \"'@'\" @"), "\"${RBK_1}\" \"'${RBK_2}'\" \"${RBK_3}\"");
    ck_assert_str_eq(shell_of("# it's\necho @"), "# it's\necho \"${RBK_1}\"");
    ck_assert_str_eq(shell_of("echo a#b 'c' @"), "echo a#b 'c' \"${RBK_1}\"");
    ck_assert_str_eq(shell_of("echo \\' @"), "echo \\' \"${RBK_1}\"");
}
END_TEST

START_TEST(a_here_document_takes_a_bare_reference_until_its_delimiter)
{
    ck_assert_str_eq(shell_of("cat <<END\nit's @\nEND\necho @"),
                     "cat <<END\nit's ${RBK_1}\nEND\necho \"${RBK_2}\"");
    ck_assert_str_eq(shell_of("cat <<-END | sort\n@\n\tEND\necho @"),
                     "cat <<-END | sort\n${RBK_1}\n\tEND\necho \"${RBK_2}\"");
    ck_assert_str_eq(shell_of("cat <<A <<B\n@\nA\n@\nB\n@"),
                     "cat <<A <<B\n${RBK_1}\nA\n${RBK_2}\nB\n\"${RBK_3}\"");
    ck_assert_str_eq(shell_of("cat <<< @"), "cat <<< \"${RBK_1}\"");
    ck_assert_str_eq(shell_of("cat <<'END'\n@\nEND"), "fault");
    ck_assert_str_eq(shell_of("cat <<'END'\n$x\nEND\n@"), "cat <<'END'\n$x\nEND\n\"${RBK_1}\"");
}
END_TEST

/* The proof of the pudding: a real shell prints the values as they are. */
START_TEST(a_shell_sees_each_value_whole)
{
    const char *script = shell_of("printf '%s|' a@ \"b @\" 'c @' -- @@\ncat <<END\n@\nEND\n");
    ck_assert_int_eq(setenv("RBK_1", "1 ' \" $(id) *", 1), 0);
    for (int i = 2; i <= 6; i++) {
        char name[] = "RBK_0";
        name[4] = (char)('0' + i);
        ck_assert_int_eq(setenv(name, "x  y", 1), 0);
    }
    char path[] = "/tmp/rbk-template-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    fputs(script, file);
    fclose(file);
    char line[256];
    snprintf(line, sizeof line, "/bin/sh %s", path);
    /* A real shell is the point of this case, and the command is ours. */
    /* NOLINTNEXTLINE(cert-env33-c) */
    FILE *pipe = popen(line, "r");
    ck_assert_ptr_nonnull(pipe);
    char out[512] = {0};
    size_t bytes = fread(out, 1, sizeof out - 1, pipe);
    pclose(pipe);
    remove(path);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_str_eq(out, "a1 ' \" $(id) *|b x  y|c x  y|--|x  yx  y|x  y\n");
}
END_TEST

START_TEST(a_sql_value_becomes_a_bind_parameter)
{
    ck_assert_str_eq(sql_of("SELECT @ + @"), "SELECT $1 + $2");
    ck_assert_str_eq(sql_of("SELECT 'it''s', \"a\", @"), "SELECT 'it''s', \"a\", $1");
    ck_assert_str_eq(sql_of("SELECT 1 -- it's\n, @ /* ' /* \" */ */ , @"),
                     "SELECT 1 -- it's\n, $1 /* ' /* \" */ */ , $2");
    ck_assert_str_eq(sql_of("DO $x$ it's $x$; SELECT @"), "DO $x$ it's $x$; SELECT $1");
    ck_assert_str_eq(sql_of("SELECT E'a\\'b', @"), "SELECT E'a\\'b', $1");
    ck_assert_str_eq(sql_of("SELECT type'a\\', @"), "SELECT type'a\\', $1");
}
END_TEST

START_TEST(a_sql_value_inside_quotes_or_comments_is_refused)
{
    ck_assert_str_eq(sql_of("SELECT '@'"), "fault");
    ck_assert_str_eq(sql_of("SELECT \"@\""), "fault");
    ck_assert_str_eq(sql_of("SELECT 1 -- @"), "fault");
    ck_assert_str_eq(sql_of("SELECT 1 /* @ */"), "fault");
    ck_assert_str_eq(sql_of("SELECT $$ @ $$"), "fault");
    ck_assert_str_eq(sql_of("SELECT E'\\'@'"), "fault");
}
END_TEST

START_TEST(a_json_value_knows_whether_it_stands_in_a_string)
{
    const bool *inside;
    size_t count;
    rbk_template_json(&arena, pieces_of("{\"a\": @, \"b\": \"x @ \\\" @\", @: [@]}"), &inside,
                      &count);
    ck_assert_uint_eq(count, 5);
    ck_assert(!inside[0]);
    ck_assert(inside[1]);
    ck_assert(inside[2]);
    ck_assert(!inside[3]);
    ck_assert(!inside[4]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/lower/template");
    TCase *cases = tcase_create("template");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, blanks_of_every_kind_separate_words);
    tcase_add_test(cases, quotes_join_what_they_hold_and_may_stand_inside_a_word);
    tcase_add_test(cases, a_backslash_protects_as_a_shell_has_it);
    tcase_add_test(cases, nothing_else_of_a_shell_is_expanded);
    tcase_add_test(cases, a_value_neither_splits_nor_joins_words);
    tcase_add_test(cases, a_command_that_cannot_be_cut_is_refused);
    tcase_add_test(cases, a_shell_value_is_quoted_by_where_it_stands);
    tcase_add_test(cases, a_here_document_takes_a_bare_reference_until_its_delimiter);
    tcase_add_test(cases, a_shell_sees_each_value_whole);
    tcase_add_test(cases, a_sql_value_becomes_a_bind_parameter);
    tcase_add_test(cases, a_sql_value_inside_quotes_or_comments_is_refused);
    tcase_add_test(cases, a_json_value_knows_whether_it_stands_in_a_string);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
