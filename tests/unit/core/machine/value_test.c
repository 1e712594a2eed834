/*
 * Values as text and as JSON: what a person reads, and that what was printed or written reads back
 * as the value it was. Tables for the spellings, seeded random values for the round trips.
 */
#include "runtime/core/value.h"

#include "runtime/core/base/error.h"
#include "runtime/core/number.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_printed(struct rbk_value value, const char *text)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, 1 << 20);
    rbk_value_print(&buffer, value);
    ck_assert_str_eq(rbk_buffer_str(&buffer).bytes ? rbk_buffer_str(&buffer).data : "", text);
    rbk_buffer_fini(&buffer);
}

static void expect_same(struct rbk_value a, struct rbk_value b)
{
    ck_assert_int_eq(a.type, b.type);
    ck_assert_int_eq(a.missing, b.missing);
    if (a.missing) {
        return;
    }
    switch (a.type) {
    case RBK_TYPE_BOOL:
        ck_assert_int_eq(a.as.truth, b.as.truth);
        break;
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        ck_assert(a.as.number == b.as.number && signbit(a.as.number) == signbit(b.as.number));
        break;
    case RBK_TYPE_INT:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
    case RBK_TYPE_TIME:
        ck_assert_int_eq(a.as.integer, b.as.integer);
        break;
    case RBK_TYPE_LIST:
        ck_assert_uint_eq(a.as.list.count, b.as.list.count);
        for (size_t i = 0; i < a.as.list.count; i++) {
            expect_same(a.as.list.items[i], b.as.list.items[i]);
        }
        break;
    default:
        ck_assert(rbk_str_equal(a.as.text, b.as.text));
        break;
    }
}

/* xorshift64: the same series on every host. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

START_TEST(durations_print_in_all_their_units)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},
                 {400, "400ms"},
                 {90000, "1m 30s"},
                 {5400000, "1h 30m"},
                 {86400000, "1d"},
                 {90061500, "1d 1h 1m 1s 500ms"},
                 {-1500, "-1s 500ms"},
                 {INT64_MIN, "-106751991167d 7h 12m 55s 808ms"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_printed(rbk_value_integer(RBK_TYPE_DURATION, cases[i].ms), cases[i].text);
    }
}
END_TEST

START_TEST(bytes_print_exactly_in_the_largest_fitting_unit)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1, "1B"},
                 {1000, "1000B"},
                 {1024, "1KiB"},
                 {1536, "1.5KiB"},
                 {1025, "1025B"},
                 {10737418240, "10GiB"},
                 {1181116006, "1181116006B"},
                 {1207959552, "1.125GiB"},
                 {-2048, "-2KiB"},
                 {INT64_MIN, "-8388608TiB"},
                 {INT64_MAX, "9223372036854775807B"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_printed(rbk_value_integer(RBK_TYPE_BYTES, cases[i].bytes), cases[i].text);
    }
}
END_TEST

START_TEST(numbers_print_the_shortest_text)
{
    static const struct {
        double number;
        const char *text;
        const char *ratio;
    } cases[] = {{0, "0", "0%"},
                 {-0.0, "0", "0%"},
                 {3, "3", "300%"},
                 {0.05, "0.05", "5%"},
                 {0.07, "0.07", "7%"},
                 {0.001, "0.001", "0.1%"},
                 {1.0 / 3, "0.3333333333333333", "33.33333333333333%"},
                 {-2.5, "-2.5", "-250%"},
                 {1e16, "10000000000000000", "1e+18%"},
                 {1e300, "1e+300", "1e+302%"},
                 {5e-324, "5e-324", "5e-322%"},
                 {1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+310%"},
                 {0.0000001, "0.0000001", "0.00001%"},
                 {0.1 + 0.2, "0.30000000000000004", "30.000000000000004%"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_printed(rbk_value_number(RBK_TYPE_NUMBER, cases[i].number), cases[i].text);
        expect_printed(rbk_value_number(RBK_TYPE_RATIO, cases[i].number), cases[i].ratio);
    }
}
END_TEST

START_TEST(nan_and_infinity_are_missing)
{
    ck_assert(rbk_value_number(RBK_TYPE_NUMBER, (double)NAN).missing);
    ck_assert(rbk_value_number(RBK_TYPE_RATIO, (double)INFINITY).missing);
    ck_assert(rbk_value_parse(RBK_TYPE_NUMBER, RBK_STR("nan")).missing);
    ck_assert(rbk_value_parse(RBK_TYPE_NUMBER, RBK_STR("inf")).missing);
    ck_assert(rbk_value_parse(RBK_TYPE_NUMBER, RBK_STR("1e999")).missing);
}
END_TEST

START_TEST(times_print_as_iso_8601)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00Z"},
                 {-1, "1969-12-31T23:59:59.999Z"},
                 {1795327200250, "2026-11-22T06:00:00.250Z"},
                 {951782400000, "2000-02-29T00:00:00Z"},
                 {253402300800000, "+10000-01-01T00:00:00Z"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_printed(rbk_value_integer(RBK_TYPE_TIME, cases[i].ms), cases[i].text);
    }
}
END_TEST

START_TEST(lists_bools_and_missing_print_for_a_person)
{
    struct rbk_value items[] = {rbk_value_bool(true), rbk_value_text(RBK_TYPE_TEXT, RBK_STR("a")),
                                rbk_value_missing(RBK_TYPE_INT)};
    expect_printed(rbk_value_list(items, 3), "true, a, (missing)");
    expect_printed(rbk_value_list(NULL, 0), "");
    expect_printed(rbk_value_bool(false), "false");
}
END_TEST

/* `text` NULL: the text is not of that type. */
static void expect_parsed(enum rbk_type type, const char *text, const char *printed)
{
    struct rbk_value value = rbk_value_parse(type, rbk_str_from(text));
    ck_assert_int_eq(value.type, type);
    ck_assert_msg(value.missing == !printed, "%s \"%s\"", rbk_type_name(type), text);
    if (printed) {
        expect_printed(value, printed);
    }
}

START_TEST(text_is_read_as_each_type_or_is_missing)
{
    expect_parsed(RBK_TYPE_INT, "42", "42");
    expect_parsed(RBK_TYPE_INT, " -42\n", "-42");
    expect_parsed(RBK_TYPE_INT, "+7", "7");
    expect_parsed(RBK_TYPE_INT, "9223372036854775807", "9223372036854775807");
    expect_parsed(RBK_TYPE_INT, "-9223372036854775808", "-9223372036854775808");
    expect_parsed(RBK_TYPE_INT, "9223372036854775808", NULL);
    expect_parsed(RBK_TYPE_INT, "99999999999999999999999", NULL);
    expect_parsed(RBK_TYPE_INT, "4.0", NULL);
    expect_parsed(RBK_TYPE_INT, "", NULL);
    expect_parsed(RBK_TYPE_INT, "-", NULL);
    expect_parsed(RBK_TYPE_INT, "0x10", NULL);
    expect_parsed(RBK_TYPE_NUMBER, "0.1", "0.1");
    expect_parsed(RBK_TYPE_NUMBER, "1e3", "1000");
    expect_parsed(RBK_TYPE_NUMBER, "1.", NULL);
    expect_parsed(RBK_TYPE_NUMBER, ".5", NULL);
    expect_parsed(RBK_TYPE_NUMBER, "1e", NULL);
    expect_parsed(RBK_TYPE_NUMBER, "1e+", NULL);
    expect_parsed(RBK_TYPE_NUMBER, "0,5", NULL);
    expect_parsed(RBK_TYPE_RATIO, "5%", "5%");
    expect_parsed(RBK_TYPE_RATIO, "0.7%", "0.7%");
    expect_parsed(RBK_TYPE_RATIO, "0.05", "5%");
    expect_parsed(RBK_TYPE_RATIO, "%", NULL);
    expect_parsed(RBK_TYPE_DURATION, "90s", "1m 30s");
    expect_parsed(RBK_TYPE_DURATION, "1h 30m", "1h 30m");
    expect_parsed(RBK_TYPE_DURATION, "1h30m", "1h 30m");
    expect_parsed(RBK_TYPE_DURATION, "1.5s", "1s 500ms");
    expect_parsed(RBK_TYPE_DURATION, "-2 ms", "-2ms");
    expect_parsed(RBK_TYPE_DURATION, "90", NULL);
    expect_parsed(RBK_TYPE_DURATION, "30m 1h", NULL);
    expect_parsed(RBK_TYPE_DURATION, "1h 1h", NULL);
    expect_parsed(RBK_TYPE_DURATION, "99999999999999d", NULL);
    expect_parsed(RBK_TYPE_DURATION, "", NULL);
    expect_parsed(RBK_TYPE_BYTES, "10GiB", "10GiB");
    expect_parsed(RBK_TYPE_BYTES, "1.5 KiB", "1.5KiB");
    expect_parsed(RBK_TYPE_BYTES, "10GB", NULL);
    expect_parsed(RBK_TYPE_BYTES, "10", NULL);
    expect_parsed(RBK_TYPE_BYTES, "9000000000TiB", NULL);
    expect_parsed(RBK_TYPE_BOOL, "true", "true");
    expect_parsed(RBK_TYPE_BOOL, "f\n", "false");
    expect_parsed(RBK_TYPE_BOOL, "yes", NULL);
    expect_parsed(RBK_TYPE_TIME, "2026-11-22", "2026-11-22T00:00:00Z");
    expect_parsed(RBK_TYPE_TIME, "2026-11-22 06:00:00.123456+01:30", "2026-11-22T04:30:00.123Z");
    expect_parsed(RBK_TYPE_TIME, "2026-11-22T06:00Z", "2026-11-22T06:00:00Z");
    expect_parsed(RBK_TYPE_TIME, "2026-11-22 06:00 UTC", "2026-11-22T06:00:00Z");
    expect_parsed(RBK_TYPE_TIME, "2026-11-22 06:00:00+00", "2026-11-22T06:00:00Z");
    expect_parsed(RBK_TYPE_TIME, "2026-02-29", NULL);
    expect_parsed(RBK_TYPE_TIME, "2026-13-01", NULL);
    expect_parsed(RBK_TYPE_TIME, "2026-11-22 24:00", NULL);
    expect_parsed(RBK_TYPE_TIME, "2026-11-22 06:00 CET", NULL);
    expect_parsed(RBK_TYPE_URL, "https://api.example.com/a?b=c", "https://api.example.com/a?b=c");
    expect_parsed(RBK_TYPE_URL, "api.example.com", NULL);
    expect_parsed(RBK_TYPE_URL, "https://a b", NULL);
    expect_parsed(RBK_TYPE_URL, "https://", NULL);
    expect_parsed(RBK_TYPE_JSON, "{\"a\":[1,null]}", "{\"a\":[1,null]}");
    expect_parsed(RBK_TYPE_JSON, "3", "3");
    expect_parsed(RBK_TYPE_JSON, "{\"a\":1,\"a\":2}", NULL);
    expect_parsed(RBK_TYPE_JSON, "{", NULL);
    expect_parsed(RBK_TYPE_TEXT, " kept \n", " kept \n");
    expect_parsed(RBK_TYPE_LIST, "[1]", NULL);
}
END_TEST

static struct rbk_value random_value(uint64_t *seed)
{
    static const enum rbk_type integers[] = {RBK_TYPE_INT, RBK_TYPE_DURATION, RBK_TYPE_BYTES,
                                             RBK_TYPE_TIME};
    uint64_t random = next_random(seed);
    int64_t integer = (int64_t)(next_random(seed) >> (random % 64));
    integer = random & 64 ? -integer : integer;
    if (random & 128) {
        return rbk_value_integer(integers[random >> 8 & 3], integer);
    }
    double number = 0;
    uint64_t bits = next_random(seed);
    (void)memcpy(&number, &bits, sizeof(number));
    number = random & 256 ? number : (double)integer / 1000;
    return rbk_value_number(random & 512 ? RBK_TYPE_RATIO : RBK_TYPE_NUMBER, number);
}

START_TEST(what_is_printed_reads_back_as_the_same_value)
{
    uint64_t seed = UINT64_C(0x5eed);
    for (int i = 0; i < 100000; i++) {
        struct rbk_value value = random_value(&seed);
        if (value.missing) {
            continue;
        }
        struct rbk_buffer buffer;
        rbk_buffer_init(&buffer, 4096);
        rbk_value_print(&buffer, value);
        struct rbk_value again = rbk_value_parse(value.type, rbk_buffer_str(&buffer));
        ck_assert_msg(!again.missing, "%s: %s", rbk_type_name(value.type), buffer.data);
        expect_same(again, value);
        rbk_buffer_fini(&buffer);
    }
}
END_TEST

START_TEST(reading_numbers_agrees_with_libc)
{
    uint64_t seed = 77;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        uint64_t random = next_random(&seed);
        (void)snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64 "e%d",
                       next_random(&seed) >> (random % 64),
                       next_random(&seed) >> (random / 64 % 64), (int)(random >> 32 & 63) - 32);
        double number = 0;
        ck_assert(rbk_number_parse(rbk_str_from(text), 0, &number));
        ck_assert_msg(number == strtod(text, NULL), "%s", text);
    }
}
END_TEST

START_TEST(the_locale_changes_nothing)
{
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
        return; /* this host has no locale with a decimal comma */
    }
    expect_printed(rbk_value_number(RBK_TYPE_NUMBER, 0.1 + 0.2), "0.30000000000000004");
    expect_parsed(RBK_TYPE_NUMBER, "1234567890.12345678901", "1234567890.1234567");
}
END_TEST

/* Writes, reads and compares; the text of the JSON must be `text`, unless that is NULL. */
static void expect_json(struct rbk_value value, const char *text)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, 1 << 20);
    json_t *json = rbk_value_to_json(value);
    ck_assert_ptr_nonnull(json);
    if (text) {
        char *dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        ck_assert_str_eq(dumped, text);
        free(dumped);
    }
    struct rbk_value again = {0};
    ck_assert_int_eq(rbk_value_from_json(json, &arena, &again), 0);
    expect_same(again, value);
    json_decref(json);
    rbk_arena_fini(&arena);
}

START_TEST(json_of_a_value_reads_back)
{
    struct rbk_value items[] = {rbk_value_bool(true), rbk_value_missing(RBK_TYPE_INT)};
    struct rbk_value lists[] = {rbk_value_list(items, 2), rbk_value_list(NULL, 0)};
    expect_json(rbk_value_integer(RBK_TYPE_DURATION, 90000),
                "{\"type\":\"duration\",\"value\":90000}");
    expect_json(rbk_value_number(RBK_TYPE_RATIO, 0.05), "{\"type\":\"ratio\",\"value\":\"0.05\"}");
    expect_json(rbk_value_missing(RBK_TYPE_INT), "{\"missing\":true,\"type\":\"int\"}");
    expect_json(rbk_value_text(RBK_TYPE_SCALAR, RBK_STR("\xff\x00 a")),
                "{\"hex\":\"ff002061\",\"type\":\"scalar\"}");
    expect_json(rbk_value_text(RBK_TYPE_TEXT, RBK_STR("\"ü\"")), NULL);
    expect_json(rbk_value_integer(RBK_TYPE_INT, INT64_MIN), NULL);
    expect_json(rbk_value_list(lists, 2), NULL);
    uint64_t seed = 4711;
    for (int i = 0; i < 10000; i++) {
        expect_json(random_value(&seed), NULL);
    }
}
END_TEST

START_TEST(json_that_this_module_would_not_write_is_refused)
{
    static const char *const wrong[] = {"{}",
                                        "[]",
                                        "3",
                                        "{\"type\":\"int\"}",
                                        "{\"type\":\"int\",\"value\":\"3\"}",
                                        "{\"type\":\"int\",\"value\":3.0}",
                                        "{\"type\":\"number\",\"value\":3}",
                                        "{\"type\":\"number\",\"value\":\"3.0\"}",
                                        "{\"type\":\"number\",\"value\":\"nan\"}",
                                        "{\"type\":\"number\",\"value\":\"1e999\"}",
                                        "{\"type\":\"nothing\",\"value\":3}",
                                        "{\"type\":\"bool\",\"value\":1}",
                                        "{\"type\":\"text\",\"hex\":\"61\"}",
                                        "{\"type\":\"text\",\"hex\":\"f\"}",
                                        "{\"type\":\"text\",\"hex\":\"FF\"}",
                                        "{\"type\":\"int\",\"value\":3,\"more\":1}",
                                        "{\"type\":\"secret\",\"value\":\"x\"}",
                                        "{\"type\":\"int\",\"missing\":false}",
                                        "{\"type\":\"unknown\",\"value\":1}",
                                        "{\"type\":\"list\",\"value\":[3]}",
                                        "{\"type\":\"list\",\"value\":{}}"};
    struct rbk_arena arena;
    rbk_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *json = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(json);
        struct rbk_value value = rbk_value_bool(true);
        ck_assert_msg(rbk_value_from_json(json, &arena, &value) == -RBK_EINVALID, "%s", wrong[i]);
        ck_assert_int_eq(value.type, RBK_TYPE_BOOL);
        json_decref(json);
    }
    ck_assert_int_eq(rbk_value_from_json(NULL, &arena, &(struct rbk_value){0}), -RBK_EINVALID);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(json_lists_nested_too_deep_are_refused)
{
    json_t *json = json_pack("{s:s,s:[]}", "type", "list", "value");
    for (int i = 0; i < 100; i++) {
        json = json_pack("{s:s,s:[o]}", "type", "list", "value", json);
    }
    struct rbk_arena arena;
    rbk_arena_init(&arena, 1 << 20);
    ck_assert_int_eq(rbk_value_from_json(json, &arena, &(struct rbk_value){0}), -RBK_EINVALID);
    json_decref(json);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(a_copy_lives_on_its_own)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, 1 << 20);
    char bytes[] = "before";
    struct rbk_value items[] = {rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(bytes))};
    struct rbk_value copy = rbk_value_copy(&arena, rbk_value_list(items, 1));
    (void)memcpy(bytes, "after!", 6);
    items[0] = rbk_value_bool(true);
    ck_assert(rbk_str_is(copy.as.list.items[0].as.text, "before"));
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(types_have_the_words_of_the_language)
{
    ck_assert_str_eq(rbk_type_name(RBK_TYPE_DURATION), "duration");
    ck_assert_str_eq(rbk_type_name((enum rbk_type)99), "unknown");
    for (int type = 0; type < RBK_TYPE_COUNT; type++) {
        const char *word = rbk_type_name((enum rbk_type)type);
        ck_assert_int_eq(rbk_type_from_name(rbk_str_from(word)), type);
    }
    ck_assert_int_eq(rbk_type_from_name(RBK_STR("durations")), RBK_TYPE_UNKNOWN);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("value");
    tcase_add_test(cases, durations_print_in_all_their_units);
    tcase_add_test(cases, bytes_print_exactly_in_the_largest_fitting_unit);
    tcase_add_test(cases, numbers_print_the_shortest_text);
    tcase_add_test(cases, nan_and_infinity_are_missing);
    tcase_add_test(cases, times_print_as_iso_8601);
    tcase_add_test(cases, lists_bools_and_missing_print_for_a_person);
    tcase_add_test(cases, text_is_read_as_each_type_or_is_missing);
    tcase_add_test(cases, what_is_printed_reads_back_as_the_same_value);
    tcase_add_test(cases, reading_numbers_agrees_with_libc);
    tcase_add_test(cases, the_locale_changes_nothing);
    tcase_add_test(cases, json_of_a_value_reads_back);
    tcase_add_test(cases, json_that_this_module_would_not_write_is_refused);
    tcase_add_test(cases, json_lists_nested_too_deep_are_refused);
    tcase_add_test(cases, a_copy_lives_on_its_own);
    tcase_add_test(cases, types_have_the_words_of_the_language);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("core/value");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
