/*
 * UTF-8: every valid code point survives encoding and decoding; each kind of invalid byte sequence
 * is refused at its first byte.
 */
#include "runtime/core/base/utf8.h"

#include <check.h>
#include <stdlib.h>

START_TEST(every_code_point_comes_back)
{
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        char bytes[4];
        size_t count = rbk_utf8_encode(character, bytes);
        if (character >= 0xd800 && character <= 0xdfff) {
            ck_assert_uint_eq(count, 0);
            continue;
        }
        uint32_t back = 0xffffffff;
        size_t read = rbk_utf8_decode((struct rbk_str){bytes, count}, 0, &back);
        if (count == 0 || read != count || back != character) {
            ck_abort_msg("U+%04X: %zu bytes written, %zu read, gave U+%04X", character, count, read,
                         back);
        }
    }
    char bytes[4];
    ck_assert_uint_eq(rbk_utf8_encode(0x110000, bytes), 0);
}
END_TEST

static const struct {
    const char *text;
    size_t offset;
} invalid[] = {
    {"ab\x80", 2},               /* a continuation byte alone */
    {"a\xc0\xaf", 1},            /* overlong, two bytes */
    {"\xe0\x80\xaf", 0},         /* overlong, three bytes */
    {"\xf0\x80\x80\xaf", 0},     /* overlong, four bytes */
    {"\xed\xa0\x80", 0},         /* a surrogate */
    {"\xf4\x90\x80\x80", 0},     /* above U+10FFFF */
    {"\xf8\x88\x80\x80\x80", 0}, /* five bytes */
    {"ok\xff", 2},               /* never a first byte */
    {"\xc3", 0},                 /* the string ends inside a character */
    {"x\xe2\x82", 1},            /* likewise */
    {"\xe2\x28\xa1", 0},         /* a broken continuation */
};

START_TEST(invalid_sequences_are_refused_at_their_place)
{
    size_t offset = 99;
    ck_assert(!rbk_utf8_valid(rbk_str_from(invalid[_i].text), &offset));
    ck_assert_uint_eq(offset, invalid[_i].offset);
    ck_assert(!rbk_utf8_valid(rbk_str_from(invalid[_i].text), NULL));
}
END_TEST

START_TEST(valid_text_is_accepted_and_counted)
{
    size_t untouched = 99;
    ck_assert(
        rbk_utf8_valid(RBK_STR("Umlaut \xc3\xa4, \xe2\x82\xac, \xf0\x9f\x9a\x80"), &untouched));
    ck_assert_uint_eq(untouched, 99);
    ck_assert(rbk_utf8_valid((struct rbk_str){NULL, 0}, NULL));
    ck_assert(rbk_utf8_valid((struct rbk_str){"a\0b", 3}, NULL));
    ck_assert_uint_eq(rbk_utf8_count(RBK_STR("\xc3\xa4\xe2\x82\xac!")), 3);
    ck_assert_uint_eq(rbk_utf8_count(RBK_STR("a\xff\xfe")), 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("utf8");
    tcase_add_test(cases, every_code_point_comes_back);
    tcase_add_loop_test(cases, invalid_sequences_are_refused_at_their_place, 0,
                        (int)RBK_COUNT(invalid));
    tcase_add_test(cases, valid_text_is_accepted_and_counted);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("base/utf8");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
