/*
 * Expressions over text: words, URLs, JSON, lists, what may not be said, and how much of it.
 */
#include "tests/unit/core/machine/expr_program.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"

START_TEST(text_operations_build_words_urls_and_json)
{
    struct rbk_value items[] = {integer(1), text("a\"b"), ratio(0.05), rbk_value_bool(true)};
    expect(unary(RBK_OP_TEXT, 0, duration(1500)), "1s 500ms");
    expect(unary(RBK_OP_TEXT, 0, rbk_value_list(items, 2)), "1, a\"b");
    expect(binary(RBK_OP_CONCAT, 2, text("n="), scalar("3")), "n=3");
    ck_assert(binary(RBK_OP_CONCAT, 2, text("n="), integer(3)).missing);
    expect(unary(RBK_OP_URL_ENCODE, 0, text("a b/ü?~-._")), "a%20b%2F%C3%BC%3F~-._");
    expect(unary(RBK_OP_URL_BASE, 0, text("http://a:9090/")), "http://a:9090");
    expect(unary(RBK_OP_URL_BASE, 0, text("http://a/b//")), "http://a/b");
    expect(unary(RBK_OP_URL_BASE, 0, text("http://a/b")), "http://a/b");
    expect(unary(RBK_OP_JSON_VALUE, 0, text("a\"\n\x01")), "\"a\\\"\\n\\u0001\"");
    expect(unary(RBK_OP_JSON_VALUE, 0, number(0.5)), "0.5");
    expect(unary(RBK_OP_JSON_VALUE, 0, duration(90000)), "\"1m 30s\"");
    expect(unary(RBK_OP_JSON_VALUE, 0, rbk_value_list(items, 4)), "[1,\"a\\\"b\",0.05,true]");
    expect(unary(RBK_OP_JSON_VALUE, 0, rbk_value_text(RBK_TYPE_JSON, RBK_STR("{}"))), "{}");
    expect(unary(RBK_OP_JSON_ESCAPE, 0, text("a\"\\")), "a\\\"\\\\");
    items[3] = missing();
    ck_assert(unary(RBK_OP_JSON_VALUE, 0, rbk_value_list(items, 4)).missing);
}
END_TEST

START_TEST(lists_have_items_lengths_and_lines)
{
    begin();
    push(integer(7));
    push(text("b"));
    op(RBK_OP_LIST, 2);
    push(integer(1));
    op(RBK_OP_ITEM, 0);
    expect(run(), "b");
    struct rbk_value items[] = {integer(1), integer(2)};
    expect(unary(RBK_OP_LENGTH, 0, rbk_value_list(items, 2)), "2");
    ck_assert(binary(RBK_OP_ITEM, 0, rbk_value_list(items, 2), integer(2)).missing);
    ck_assert(binary(RBK_OP_ITEM, 0, rbk_value_list(items, 2), integer(-1)).missing);
    expect(unary(RBK_OP_LINES, 0, text("a\r\nb\n\nc\n")), "a, b, , c");
    expect(unary(RBK_OP_LENGTH, 0, unary(RBK_OP_LINES, 0, text(""))), "0");
    expect(unary(RBK_OP_LENGTH, 0, unary(RBK_OP_LINES, 0, text("\n"))), "1");
    ck_assert(unary(RBK_OP_LENGTH, 0, text("a")).missing);
}
END_TEST

START_TEST(a_member_of_a_json_object_is_its_text_or_missing)
{
    struct rbk_value object =
        text("{\"id\":\"x 1\",\"n\":3,\"b\":true,\"no\":null,\"o\":{\"a\":[1]}}");

    expect(binary(RBK_OP_MEMBER, 0, object, text("id")), "x 1");
    expect(binary(RBK_OP_MEMBER, 0, object, text("n")), "3");
    expect(binary(RBK_OP_MEMBER, 0, object, text("b")), "true");
    expect(binary(RBK_OP_MEMBER, 0, object, text("o")), "{\"a\":[1]}");
    ck_assert(binary(RBK_OP_MEMBER, 0, object, text("no")).missing);
    ck_assert(binary(RBK_OP_MEMBER, 0, object, text("other")).missing);
    ck_assert(binary(RBK_OP_MEMBER, 0, text("[1]"), text("id")).missing);
    ck_assert(binary(RBK_OP_MEMBER, 0, text("{"), text("id")).missing);
    ck_assert(binary(RBK_OP_MEMBER, 0, missing(), text("id")).missing);
}
END_TEST

START_TEST(an_object_is_found_by_what_stands_at_a_path)
{
    const char *list =
        "[1, null, {\"id\": \"a\"}, {\"id\": \"b\", \"m\": {\"rbk\": {\"run\": \"r1\"}}},"
        " {\"id\": \"c\", \"m\": {\"rbk\": {\"run\": \"r1\"}}}]";
    static const char *const nothing[][3] = {
        {"m.rbk.run", "r2"}, {"m.rbk", "r1"}, {"m.rbk.run.x", "r1"}, {"", "r1"}, {".", ""}};

    begin();
    push(text(list));
    push(text("m.rbk.run"));
    push(text("r1"));
    op(RBK_OP_FIND, 0);
    expect(run(), "{\"id\":\"b\",\"m\":{\"rbk\":{\"run\":\"r1\"}}}");
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        begin();
        push(text(list));
        push(text(nothing[i][0]));
        push(text(nothing[i][1]));
        op(RBK_OP_FIND, 0);
        ck_assert(run().missing);
    }
    begin();
    push(text("{\"id\": \"r1\"}"));
    push(text("id"));
    push(text("r1"));
    op(RBK_OP_FIND, 0);
    ck_assert(run().missing);
    begin();
    push(text(list));
    push(missing());
    push(text("r1"));
    op(RBK_OP_FIND, 0);
    ck_assert(run().missing);
}
END_TEST

START_TEST(a_mail_header_is_one_value_whatever_the_text_holds)
{
    expect(unary(RBK_OP_MAIL_HEADER, 0, text("dba@example.com, ops@example.com")),
           "dba@example.com, ops@example.com");
    expect(unary(RBK_OP_MAIL_HEADER, 0, text("a@example.com\r\nBcc: b@example.com\n\nbody")),
           "a@example.com Bcc: b@example.com body");
    expect(unary(RBK_OP_MAIL_HEADER, 0, text("Rückfall")), "=?UTF-8?B?UsO8Y2tmYWxs?=");
    expect(unary(RBK_OP_MAIL_HEADER, 0, text("=?UTF-8?Q?x?=")), "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=");
    /* Folded between characters and between words, never in one. */
    expect(unary(RBK_OP_MAIL_HEADER, 0, text("äääääääääääääääääääääää")),
           "=?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?=\n "
           "=?UTF-8?B?w6Q=?=");
    expect(unary(RBK_OP_MAIL_HEADER, 0,
                 text("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 x")),
           "0123456789 0123456789 0123456789 0123456789 0123456789\n 0123456789 x");
}
END_TEST

START_TEST(a_text_of_a_mail_has_short_lines_of_ascii_and_says_the_same)
{
    expect(unary(RBK_OP_MAIL_TEXT, 0, text("plain, two\nlines")), "plain, two\nlines");
    expect(unary(RBK_OP_MAIL_TEXT, 0, text("a = b\r\n\xc3\xa4 \n.\n..x\nFrom here\nI'm From")),
           "a =3D b\n=C3=A4=20\n=2E\n=2E.x\n=46rom here\nI'm From");
    expect(unary(RBK_OP_MAIL_TEXT, 0, text("end \t")), "end =09");
    expect(unary(RBK_OP_MAIL_TEXT, 0, text("x\ry\x01")), "x=0Dy=01");
    expect(unary(RBK_OP_MAIL_TEXT, 0, text("")), "");
    expect(unary(RBK_OP_MAIL_TEXT, 0,
                 text("0123456789012345678901234567890123456789012345678901234567890123456789")),
           "012345678901234567890123456789012345678901234567890123456789=\n0123456789");
    ck_assert(unary(RBK_OP_MAIL_TEXT, 0, missing()).missing);
}
END_TEST

START_TEST(a_word_that_begins_with_a_dash_is_refused)
{
    expect(unary(RBK_OP_NO_DASH, 0, text("a-b")), "a-b");
    expect(unary(RBK_OP_NO_DASH, 0, text("")), "");
    begin();
    push(text("-rf"));
    op(RBK_OP_NO_DASH, 0);
    ck_assert_int_eq(run_code(), -RBK_EREFUSED);
    ck_assert_ptr_nonnull(strstr(failure.text, "-rf"));
}
END_TEST

static struct rbk_value the_secret(void *context, uint32_t secret)
{
    ck_assert_uint_eq(secret, 0);
    return rbk_value_text(RBK_TYPE_SECRET, rbk_str_from(context));
}

START_TEST(what_a_secret_went_into_is_a_secret)
{
    char hidden[] = "-hidden";
    scope.secret = the_secret;
    scope.context = hidden;
    begin();
    push(text("Bearer "));
    op(RBK_OP_SECRET, 0);
    op(RBK_OP_TEXT, 0);
    op(RBK_OP_URL_ENCODE, 0);
    op(RBK_OP_CONCAT, 2);
    expr.type = RBK_TYPE_TEXT;
    struct rbk_value value = run();
    ck_assert_int_eq(value.type, RBK_TYPE_SECRET);
    expect(value, "Bearer -hidden");
    op(RBK_OP_READ_AS, RBK_TYPE_TEXT);
    ck_assert_int_eq(run().type, RBK_TYPE_SECRET);
    begin();
    op(RBK_OP_SECRET, 0);
    op(RBK_OP_NO_DASH, 0);
    ck_assert_int_eq(run_code(), -RBK_EREFUSED);
    ck_assert_ptr_null(strstr(failure.text, "hidden"));
}
END_TEST

START_TEST(text_beyond_its_limit_is_refused)
{
    static char large[RBK_TEMPLATE_BYTES_MAX + 1];
    (void)memset(large, 'x', sizeof(large) - 1);
    begin();
    push(text(large));
    push(text("y"));
    op(RBK_OP_CONCAT, 2);
    ck_assert_int_eq(run_code(), -RBK_ELIMIT);
    (void)memset(large, ' ', sizeof(large) - 1);
    begin();
    push(text(large));
    op(RBK_OP_URL_ENCODE, 0);
    ck_assert_int_eq(run_code(), -RBK_ELIMIT);
    (void)memset(large, '\n', sizeof(large) - 1);
    begin();
    push(text(large));
    op(RBK_OP_LINES, 0);
    ck_assert_int_eq(run_code(), -RBK_ELIMIT);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("expr");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, text_operations_build_words_urls_and_json);
    tcase_add_test(cases, lists_have_items_lengths_and_lines);
    tcase_add_test(cases, a_member_of_a_json_object_is_its_text_or_missing);
    tcase_add_test(cases, an_object_is_found_by_what_stands_at_a_path);
    tcase_add_test(cases, a_mail_header_is_one_value_whatever_the_text_holds);
    tcase_add_test(cases, a_text_of_a_mail_has_short_lines_of_ascii_and_says_the_same);
    tcase_add_test(cases, a_word_that_begins_with_a_dash_is_refused);
    tcase_add_test(cases, what_a_secret_went_into_is_a_secret);
    tcase_add_test(cases, text_beyond_its_limit_is_refused);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("core/expr_text");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
