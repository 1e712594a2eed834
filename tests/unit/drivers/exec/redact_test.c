/*
 * The redactor: every form of a secret is hidden, wherever a stream is cut, and nothing else is.
 */
#include "runtime/drivers/redact.h"

#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_redactor *redactor;
static struct rbk_buffer out;

static void setup(void)
{
    redactor = rbk_redactor_new();
    ck_assert_ptr_nonnull(redactor);
    rbk_buffer_init(&out, (size_t)64 << 20);
}

static void teardown(void)
{
    rbk_redactor_free(redactor);
    rbk_buffer_fini(&out);
}

static void hide(const char *secret)
{
    ck_assert_int_eq(rbk_redactor_add(redactor, rbk_str_from(secret)), 0);
}

/* The text becomes `expected` in one piece, byte by byte, and cut at every place. */
static void expect(const char *text, const char *expected)
{
    struct rbk_str whole = rbk_str_from(text);
    rbk_buffer_clear(&out);
    rbk_redact(redactor, whole, &out);
    ck_assert_str_eq(out.data, expected);
    for (size_t cut = 0; cut <= whole.bytes; cut++) {
        struct rbk_redact_stream stream;
        rbk_buffer_clear(&out);
        rbk_redact_stream_init(&stream, redactor);
        rbk_redact_stream_feed(&stream, rbk_str_slice(whole, 0, cut), &out);
        rbk_redact_stream_feed(&stream, rbk_str_slice(whole, cut, whole.bytes), &out);
        rbk_redact_stream_end(&stream, &out);
        rbk_redact_stream_fini(&stream);
        ck_assert_str_eq(out.data, expected);
    }
    struct rbk_redact_stream stream;
    rbk_buffer_clear(&out);
    rbk_redact_stream_init(&stream, redactor);
    for (size_t at = 0; at < whole.bytes; at++) {
        rbk_redact_stream_feed(&stream, rbk_str_slice(whole, at, at + 1), &out);
    }
    rbk_redact_stream_end(&stream, &out);
    rbk_redact_stream_fini(&stream);
    ck_assert_str_eq(out.data, expected);
}

START_TEST(what_is_secret_in_an_address_is_hidden_by_itself)
{
    hide("https://hooks.example.com/services/T0/B0/xyzzyxyzzy");
    expect("no page /services/T0/B0/xyzzyxyzzy here", "no page /[secret] here");
    expect("at hooks.example.com", "at hooks.example.com");
    hide("https://example.com/hook?team=ops&token=abcdefgh%2Fij");
    expect("?team=ops&token=abcdefgh%2Fij!", "?[secret]!");
    expect("token abcdefgh/ij is revoked", "token [secret] is revoked");
    expect("for /hook?team=ops&token=abcdefgh%2Fij", "for /[secret]");
    hide("postgresql://rbk:p%40ss:word@db.example.com:5432/leads");
    expect("PGPASSWORD=p@ss:word", "PGPASSWORD=[secret]");
    expect("user rbk of leads at db.example.com:5432", "user rbk of leads at db.example.com:5432");
    hide("host=db password='two words' user=rbk");
    expect("it is two words", "it is [secret]");
    hide("host=db password=oneword1 user=rbk");
    expect("it is oneword1", "it is [secret]");
}
END_TEST

START_TEST(an_address_without_secret_parts_hides_no_ordinary_text)
{
    hide("redis://redis.internal:6379/0");
    hide("http://a/");
    hide("http://a");
    hide("x://:@/?&=&");
    hide("postgresql://rbk@db.example.com/production?sslmode=verify-full");
    hide("host=db password=");
    hide("https://example.com/a?b=c");
    expect("a b c 0 / ? redis.internal example.com", "a b c 0 / ? redis.internal example.com");
    expect("production with verify-full", "production with verify-full");
}
END_TEST

START_TEST(a_secret_is_hidden_as_it_is)
{
    hide("hunter2%");
    expect("", "");
    expect("nothing here", "nothing here");
    expect("hunter2%", "[secret]");
    expect("a hunter2% b hunter2%hunter2%", "a [secret] b [secret][secret]");
    expect("hunter2 hunter", "hunter2 hunter");
    expect("huhunter2%", "hu[secret]");
}
END_TEST

START_TEST(base64_is_hidden_at_all_alignments_and_alphabets)
{
    hide("p\xfb\xff?ss:word!");
    expect("cPv/P3NzOndvcmQh", "[secret]");
    expect("cPv_P3NzOndvcmQh.", "[secret].");
    expect("YXD7/z9zczp3b3JkIWI=", "YX[secret]I=");
    expect("YXD7_z9zczp3b3JkIWI", "YX[secret]I");
    expect("YWFw+/8/c3M6d29yZCFi", "YWF[secret]i");
    expect("cPv/P3Nz\nOndv\r\ncmQh", "[secret]");
}
END_TEST

START_TEST(hex_is_hidden_in_both_cases)
{
    hide("k\xeey!");
    expect("x6bee7921x", "x[secret]x");
    expect("6BEE7921", "[secret]");
    expect("6bEe7921", "[secret]");
    expect("6bee792", "6bee792");
}
END_TEST

START_TEST(url_forms_are_hidden)
{
    hide("a b/c+d%e");
    expect("a%20b%2Fc%2Bd%25e", "[secret]");
    expect("a+b%2fc%2bd%25e", "[secret]");
    expect("a%20b/c+d%25e", "[secret]");
    expect("%61%20%62%2f%63%2b%64%25%65", "[secret]");
    expect("a%2", "a%2");
    expect("a%zz", "a%zz");
}
END_TEST

START_TEST(json_and_c_forms_are_hidden)
{
    hide("q\"\\/\n\xc3\xa9\xf0\x9f\x94\x91z");
    expect("q\\\"\\\\/\\n\xc3\xa9\xf0\x9f\x94\x91z", "[secret]");
    expect("\\u0071\\\"\\\\\\/\\u000a\\u00e9\\uD83D\\uDD11z", "[secret]");
    expect("q\\\"\\\\/\\x0a\\xc3\\xa9\\xf0\\x9f\\x94\\x91z", "[secret]");
    expect("q\\\"\\\\/\\n\\u00e9\\uD83D", "q\\\"\\\\/\\n\\u00e9\\uD83D");
}
END_TEST

START_TEST(overlapping_secrets_are_hidden_whole)
{
    hide("abcd");
    hide("cdef");
    hide("abcdefgh");
    expect("abcdef", "[secret]");
    expect("xabcdefghx", "x[secret]x");
    expect("abcdabcd", "[secret][secret]");
    expect("abcdefg", "[secret]g");
}
END_TEST

START_TEST(a_secret_that_repeats_itself_needs_no_memory)
{
    hide("aaaa");
    struct rbk_redact_stream stream;
    char chunk[4096];
    memset(chunk, 'a', sizeof chunk);
    rbk_redact_stream_init(&stream, redactor);
    for (int index = 0; index < 1000; index++) {
        rbk_redact_stream_feed(&stream, (struct rbk_str){chunk, sizeof chunk}, &out);
    }
    ck_assert_uint_lt(stream.held.bytes, 64);
    rbk_redact_stream_end(&stream, &out);
    ck_assert_str_eq(out.data, "[secret]");
    rbk_redact_stream_fini(&stream);
}
END_TEST

START_TEST(each_line_of_a_long_value_is_hidden)
{
    hide("first line of it\n  second line of it\nx\n");
    expect("see: second line of it.", "see: [secret].");
    expect("first line of it", "[secret]");
    expect("x\n", "x\n");
}
END_TEST

START_TEST(values_that_cannot_be_hidden_are_refused)
{
    char *large = calloc(1, RBK_SECRET_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(rbk_redactor_add(redactor, RBK_STR("")), -RBK_EINVALID);
    ck_assert_int_eq(rbk_redactor_add(redactor, RBK_STR("abc")), -RBK_EINVALID);
    ck_assert_int_eq(rbk_redactor_add(redactor, (struct rbk_str){large, RBK_SECRET_BYTES_MAX + 1}),
                     -RBK_ELIMIT);
    expect("abc", "abc");
    free(large);
}
END_TEST

START_TEST(a_large_secret_in_a_large_stream_is_found)
{
    size_t bytes = RBK_SECRET_BYTES_MAX;
    char *secret = malloc(bytes);
    char *text = malloc(bytes * 6 + 1);
    ck_assert(secret && text);
    for (size_t index = 0; index < bytes; index++) {
        secret[index] = (char)('!' + index * index % 89);
        snprintf(text + index * 6, 7, "\\u%04x", (unsigned)secret[index]);
    }
    ck_assert_int_eq(rbk_redactor_add(redactor, (struct rbk_str){secret, bytes}), 0);
    struct rbk_redact_stream stream;
    rbk_redact_stream_init(&stream, redactor);
    rbk_redact_stream_feed(&stream, RBK_STR("<"), &out);
    rbk_redact_stream_feed(&stream, (struct rbk_str){text, bytes * 6}, &out);
    rbk_redact_stream_feed(&stream, RBK_STR(">"), &out);
    rbk_redact_stream_end(&stream, &out);
    ck_assert_str_eq(out.data, "<[secret]>");
    rbk_redact_stream_fini(&stream);
    free(secret);
    free(text);
}
END_TEST

START_TEST(without_secrets_everything_passes)
{
    struct rbk_redact_stream stream;
    rbk_redact(NULL, RBK_STR("a\0b"), &out);
    rbk_redact_stream_init(&stream, NULL);
    rbk_redact_stream_feed(&stream, RBK_STR("cd"), &out);
    rbk_redact_stream_end(&stream, &out);
    rbk_redact_stream_fini(&stream);
    ck_assert_uint_eq(out.bytes, 5);
    ck_assert_mem_eq(out.data, "a\0bcd", 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redact");
    TCase *tcase = tcase_create("redact");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 50);
    tcase_add_test(tcase, a_secret_is_hidden_as_it_is);
    tcase_add_test(tcase, what_is_secret_in_an_address_is_hidden_by_itself);
    tcase_add_test(tcase, an_address_without_secret_parts_hides_no_ordinary_text);
    tcase_add_test(tcase, base64_is_hidden_at_all_alignments_and_alphabets);
    tcase_add_test(tcase, hex_is_hidden_in_both_cases);
    tcase_add_test(tcase, url_forms_are_hidden);
    tcase_add_test(tcase, json_and_c_forms_are_hidden);
    tcase_add_test(tcase, overlapping_secrets_are_hidden_whole);
    tcase_add_test(tcase, a_secret_that_repeats_itself_needs_no_memory);
    tcase_add_test(tcase, each_line_of_a_long_value_is_hidden);
    tcase_add_test(tcase, values_that_cannot_be_hidden_are_refused);
    tcase_add_test(tcase, a_large_secret_in_a_large_stream_is_found);
    tcase_add_test(tcase, without_secrets_everything_passes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
