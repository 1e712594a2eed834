/*
 * The text of machines: what is written reads back and writes the same bytes; nothing else is read.
 * Hostile texts are made from the sample: cut, flipped bit by bit, and flipped with the hash put
 * right again, so that what stands behind the hash is reached as well.
 */
#include "runtime/core/machine.h"

#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine_format.h"
#include "runtime/core/machine_text.h"
#include "tests/unit/core/machine/sample_machine.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define MEMORY_MAX ((size_t)16 << 20)
#define HASH_KEY "\"integrity\":\""

static struct rbk_arena arena;
static struct rbk_buffer sample; /* the text of the sample machine */

static void set_up(void)
{
    struct rbk_error error = {0};
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_buffer_init(&sample, TEXT_BYTES_MAX);
    struct rbk_machine *machine = sample_machine(&arena);
    ck_assert_msg(rbk_machine_check(machine, &error) == 0, "%s", error.text);
    ck_assert_int_eq(rbk_machine_write(machine, &sample, &error), 0);
}

static void tear_down(void)
{
    rbk_buffer_fini(&sample);
    rbk_arena_fini(&arena);
}

/* Reads a text of its own length, so that a byte read beyond it is seen. If it is accepted it must
 * pass the check and write the same bytes. Returns the error. */
static int read_copy(const char *text, size_t bytes, struct rbk_error *error)
{
    struct rbk_arena memory;
    rbk_arena_init(&memory, MEMORY_MAX);
    char *copy = malloc(bytes ? bytes : 1);
    ck_assert_ptr_nonnull(copy);
    (void)memcpy(copy, text, bytes);
    const struct rbk_machine *machine = NULL;
    int result = rbk_machine_read(&memory, (struct rbk_str){copy, bytes}, &machine, error);
    free(copy);
    if (result == 0) {
        struct rbk_buffer again;
        rbk_buffer_init(&again, TEXT_BYTES_MAX);
        struct rbk_machine changeable = *machine;
        ck_assert_int_eq(rbk_machine_check(machine, error), 0);
        ck_assert_int_eq(rbk_machine_write(&changeable, &again, error), 0);
        ck_assert(rbk_str_equal(rbk_buffer_str(&again), (struct rbk_str){text, bytes}));
        ck_assert_str_eq(changeable.hash, machine->hash);
        rbk_buffer_fini(&again);
    } else {
        ck_assert_int_eq(error->code, -result);
        ck_assert_int_gt((int)strlen(error->text), 0);
    }
    rbk_arena_fini(&memory);
    return result;
}

/* Puts the hash of a changed text right, if it still has one. */
static void seal(char *text, size_t bytes)
{
    const char *key = memmem(text, bytes, HASH_KEY, strlen(HASH_KEY));
    size_t at = key ? (size_t)(key - text) + strlen(HASH_KEY) : bytes;
    if (bytes - at >= RBK_MACHINE_HASH_DIGITS) {
        char hash[RBK_SHA256_HEX_BYTES];
        rbk_machine_hash_text((struct rbk_str){text, bytes}, at, hash);
        (void)memcpy(text + at, hash, RBK_MACHINE_HASH_DIGITS);
    }
}

/* Replaces one place of the sample, seals it and reads it; the message must say `says`. */
static void expect_refused(const char *from, const char *to, int code, const char *says)
{
    struct rbk_error error = {0};
    char *at = strstr(sample.data, from);
    ck_assert_msg(at != NULL, "%s", from);
    size_t before = (size_t)(at - sample.data);
    size_t bytes = sample.bytes - strlen(from) + strlen(to);
    char *text = malloc(bytes + 1);
    ck_assert_ptr_nonnull(text);
    (void)memcpy(text, sample.data, before);
    (void)memcpy(text + before, to, strlen(to));
    (void)memcpy(text + before + strlen(to), at + strlen(from),
                 sample.bytes - before - strlen(from));
    seal(text, bytes);
    int result = read_copy(text, bytes, &error);
    free(text);
    ck_assert_msg(result == -code, "%s -> %s: %d %s", from, to, result, error.text);
    ck_assert_msg(strstr(error.text, says) != NULL, "\"%s\" does not say \"%s\"", error.text, says);
}

START_TEST(what_is_written_reads_back_and_writes_the_same_bytes)
{
    struct rbk_error error = {0};
    ck_assert_msg(read_copy(sample.data, sample.bytes, &error) == 0, "%s", error.text);
}
END_TEST

START_TEST(reading_gives_every_row_as_it_was)
{
    struct rbk_error error = {0};
    const struct rbk_machine *machine = NULL;
    ck_assert_int_eq(rbk_machine_read(&arena, rbk_buffer_str(&sample), &machine, &error), 0);
    ck_assert(rbk_str_is(machine->texts[0], "dana \"D\" \\ \t\x01 ü"));
    ck_assert_int_eq(machine->constants[3].as.integer, INT64_MIN);
    ck_assert(machine->constants[1].missing);
    ck_assert(machine->constants[2].as.number == 0.05);
    ck_assert_uint_eq(machine->constants[0].as.list.count, 2);
    ck_assert_int_eq(machine->constants[0].as.list.items[1].as.integer, 2);
    ck_assert_uint_eq(machine->states[SAMPLE_STATE_FORK].branches.count, 2);
    ck_assert_uint_eq(machine->states[SAMPLE_STATE_GUARD].next[RBK_OUTCOME_DOUBT], RBK_NONE);
    ck_assert_uint_eq(machine->daily_windows[0].from_minute, 1320);
    ck_assert_uint_eq(machine->daily_windows[0].days, 0x1f);
    ck_assert_int_eq(machine->effects[1].crash, RBK_CRASH_TRANSACTION);
    ck_assert_uint_eq(machine->retire_region, RBK_NONE);
}
END_TEST

START_TEST(the_text_is_canonical_json)
{
    json_error_t json_error;
    json_t *json = json_loadb(sample.data, sample.bytes, JSON_REJECT_DUPLICATES, &json_error);
    ck_assert_msg(json != NULL, "%s", json_error.text);
    char *dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    /* The same but for the line ends, which stand between rows only. */
    size_t at = 0;
    for (size_t i = 0; i < sample.bytes; i++) {
        if (sample.data[i] == '\n') {
            ck_assert_msg(i + 1 == sample.bytes || strchr("[,]\"0123456789{n", sample.data[i + 1]),
                          "line end at %zu", i);
        } else {
            ck_assert_int_eq(sample.data[i], dumped[at]);
            at++;
        }
    }
    ck_assert_uint_eq(at, strlen(dumped));
    free(dumped);
    json_decref(json);
}
END_TEST

START_TEST(every_table_has_rows_in_the_sample_and_sorted_keys)
{
    const struct rbk_machine *machine = sample_machine(&arena);
    const char *last_table = "";
    for (size_t id = 0; id < RBK_TABLE_COUNT; id++) {
        enum rbk_table_id sorted = rbk_tables_sorted[id];
        const struct rbk_table *table = &rbk_tables[sorted];
        ck_assert_msg(rbk_table_rows(machine, sorted) > 0, "%s", table->name);
        ck_assert_msg(strcmp(last_table, table->name) < 0, "%s", table->name);
        last_table = table->name;
        const char *last = "";
        for (size_t i = 0; i < table->field_count && table->fields[i].name; i++) {
            ck_assert_msg(strcmp(last, table->fields[i].name) < 0, "%s.%s", table->name,
                          table->fields[i].name);
            last = table->fields[i].name;
        }
    }
    for (size_t i = 1; i < rbk_plan_fields.field_count; i++) {
        ck_assert_str_lt(rbk_plan_fields.fields[i - 1].name, rbk_plan_fields.fields[i].name);
    }
}
END_TEST

START_TEST(the_integrity_is_of_the_text_with_an_empty_one)
{
    struct rbk_buffer without;
    rbk_buffer_init(&without, TEXT_BYTES_MAX);
    char *at = strstr(sample.data, HASH_KEY) + strlen(HASH_KEY);
    (void)rbk_buffer_append(&without, sample.data, (size_t)(at - sample.data));
    (void)rbk_buffer_append_text(&without, at + RBK_MACHINE_HASH_DIGITS);
    char hash[RBK_SHA256_HEX_BYTES];
    rbk_sha256_hex(without.data, without.bytes, hash);
    ck_assert_int_eq(memcmp(at, hash, RBK_MACHINE_HASH_DIGITS), 0);
    rbk_buffer_fini(&without);
}
END_TEST

/* The hash of the sample after a change, which is then undone by the caller. */
static void hash_of(struct rbk_machine *machine, char out[RBK_SHA256_HEX_BYTES])
{
    struct rbk_error error = {0};
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    ck_assert_int_eq(rbk_machine_write(machine, &text, &error), 0);
    (void)memcpy(out, machine->hash, RBK_SHA256_HEX_BYTES);
    rbk_buffer_fini(&text);
}

START_TEST(the_hash_is_of_the_meaning_and_not_of_places_and_sources)
{
    char before[RBK_SHA256_HEX_BYTES];
    char after[RBK_SHA256_HEX_BYTES];
    struct rbk_machine *machine = sample_machine(&arena);
    hash_of(machine, before);
    ck_assert_uint_gt(machine->state_count, 0);
    ck_assert_uint_gt(machine->source_count, 0);
    machine->states[0].place.line += 7;
    machine->effects[0].place.column += 1;
    machine->sources[0].path = RBK_STR("elsewhere.rbk");
    machine->sources[0].sha256 = RBK_STR("00");
    hash_of(machine, after);
    ck_assert_str_eq(before, after);
    machine->states[0].name = RBK_STR("another");
    hash_of(machine, after);
    ck_assert_str_ne(before, after);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct rbk_error error = {0};
    for (size_t bytes = 0; bytes < sample.bytes; bytes++) {
        ck_assert_int_ne(read_copy(sample.data, bytes, &error), 0);
    }
    char *text = malloc(sample.bytes + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t bytes = 0; bytes < sample.bytes; bytes++) {
        (void)memcpy(text, sample.data, bytes);
        seal(text, bytes);
        ck_assert_int_ne(read_copy(text, bytes, &error), 0);
    }
    free(text);
}
END_TEST

START_TEST(a_flipped_bit_in_any_byte_is_seen_by_the_hash)
{
    struct rbk_error error = {0};
    for (size_t bit = 0; bit < sample.bytes * 8; bit += 9) {
        sample.data[bit / 8] = (char)(sample.data[bit / 8] ^ (1 << bit % 8));
        ck_assert_msg(read_copy(sample.data, sample.bytes, &error) != 0, "bit %zu", bit);
        sample.data[bit / 8] = (char)(sample.data[bit / 8] ^ (1 << bit % 8));
    }
}
END_TEST

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

START_TEST(a_flipped_bit_with_a_right_hash_is_refused_or_gives_a_sound_machine)
{
    struct rbk_error error = {0};
    uint64_t seed = 20261121;
    int accepted = 0;
    char *text = malloc(sample.bytes);
    ck_assert_ptr_nonnull(text);
    (void)memcpy(text, sample.data, sample.bytes);
    for (int i = 0; i < 20000; i++) {
        size_t bit = next_random(&seed) % (sample.bytes * 8);
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        seal(text, sample.bytes);
        accepted += read_copy(text, sample.bytes, &error) == 0;
        (void)memcpy(text, sample.data, sample.bytes);
    }
    /* Letters of texts and digits of times may change: else the seal does not work. */
    ck_assert_int_gt(accepted, 500);
    free(text);
}
END_TEST

START_TEST(digits_replaced_at_random_give_no_unsound_machine)
{
    struct rbk_error error = {0};
    uint64_t seed = 815;
    char *text = malloc(sample.bytes);
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < 10000; i++) {
        (void)memcpy(text, sample.data, sample.bytes);
        for (int change = 0; change < 3; change++) {
            size_t at = next_random(&seed) % sample.bytes;
            while (text[at] < '0' || text[at] > '9') {
                at = (at + 1) % sample.bytes;
            }
            text[at] = (char)('0' + next_random(&seed) % 10);
        }
        seal(text, sample.bytes);
        (void)read_copy(text, sample.bytes, &error);
    }
    free(text);
}
END_TEST

START_TEST(another_version_is_named)
{
    expect_refused("\"format_version\":1,", "\"format_version\":2,", RBK_EVERSION,
                   "format version 2");
    expect_refused("\"format_version\":1,", "\"format_version\":01,", RBK_EMACHINE, "a number");
}
END_TEST

START_TEST(a_text_that_is_not_the_canonical_one_is_refused_with_its_place)
{
    expect_refused("{\"aborting_state\":5,", "{\"aborting_state\":5,\"aborting_state\":5,",
                   RBK_EMACHINE, "expected ,\"cancelling_state\":");
    expect_refused("{\"aborting_state\":5,", "{\"aborting_state\": 5,", RBK_EMACHINE,
                   "expected a number");
    expect_refused("\"aborting_state\":5,", "\"aborting_state\":005,", RBK_EMACHINE, "a number");
    expect_refused("\"aborting_state\":5,", "\"aborting_state\":-5,", RBK_EMACHINE, "a number");
    expect_refused("\"estimate_ms\":3600000,", "\"estimate_ms\":99999999999999999999999999,",
                   RBK_EMACHINE, "larger than");
    expect_refused("\"estimate_ms\":3600000,", "\"estimate_ms\":9007199254740993,", RBK_EMACHINE,
                   "larger than");
    expect_refused("\"name\":\"sample\"", "\"name\":\"s\\u0061mple\"", RBK_EMACHINE, "escape");
    expect_refused("\"name\":\"sample\"", "\"name\":\"s\\/mple\"", RBK_EMACHINE, "escape");
    expect_refused("\"name\":\"sample\"", "\"name\":\"s\\u0000mple\"", RBK_EMACHINE, "NUL");
    expect_refused("\"name\":\"sample\"", "\"name\":\"s\xffmple\"", RBK_EMACHINE, "not UTF-8");
    expect_refused("\"name\":\"sample\"", "\"name\":\"s\tmple\"", RBK_EMACHINE, "control");
    expect_refused("\"kind\":\"word\"", "\"kind\":\"wort\"", RBK_EMACHINE, "row");
    expect_refused("\"value\":\"0.05\"", "\"value\":\"0.050\"", RBK_EMACHINE, "shortest");
    expect_refused("\"value\":\"0.05\"", "\"value\":0.05", RBK_EMACHINE, "expected");
    expect_refused("\"value\":\"0.05\"", "\"value\":\"nan\"", RBK_EMACHINE, "cannot be read");
    expect_refused("-9223372036854775808", "-9223372036854775809", RBK_EMACHINE, "larger");
    expect_refused("-9223372036854775808", "-0", RBK_EMACHINE, "minus zero");
    expect_refused("\"waivers\":[\n", "\"waivers\":[\n\n", RBK_EMACHINE, "whole row");
    expect_refused(
        "\"waivers\":[\n{\"because\":\"agreed\",\"code\":\"RBK112\",\"place\":[0,3,5]}\n]",
        "\"waivers\":[\n]", RBK_EMACHINE, "expected a row");
    expect_refused("]}}\n", "]}}", RBK_EMACHINE, "expected }}");
    expect_refused("]}}\n", "]}}\n\n", RBK_EMACHINE, "expected the end");
    expect_refused("\"source\":\"env\"", "\"source\":\"env", RBK_EMACHINE, "secrets");
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    struct rbk_buffer deep;
    rbk_buffer_init(&deep, 4096);
    for (int i = 0; i < 100; i++) {
        (void)rbk_buffer_append_text(&deep, "{\"type\":\"list\",\"value\":[");
    }
    expect_refused("{\"type\":\"bool\",\"value\":true}", deep.data, RBK_ELIMIT, "nest");
    rbk_buffer_fini(&deep);
}
END_TEST

START_TEST(memory_is_bounded_by_the_arena)
{
    struct rbk_error error = {0};
    struct rbk_arena small;
    const struct rbk_machine *machine = NULL;
    rbk_arena_init(&small, 4096);
    ck_assert_int_eq(rbk_machine_read(&small, rbk_buffer_str(&sample), &machine, &error),
                     -RBK_ELIMIT);
    ck_assert_ptr_null(machine);
    rbk_arena_fini(&small);
}
END_TEST

START_TEST(writing_beyond_the_buffers_maximum_is_an_error)
{
    struct rbk_error error = {0};
    struct rbk_buffer small;
    rbk_buffer_init(&small, 1000);
    ck_assert_int_eq(rbk_machine_write(sample_machine(&arena), &small, &error), -RBK_ELIMIT);
    rbk_buffer_fini(&small);
}
END_TEST

START_TEST(the_text_goes_behind_what_a_buffer_holds)
{
    struct rbk_error error = {0};
    struct rbk_buffer out;
    rbk_buffer_init(&out, TEXT_BYTES_MAX);
    (void)rbk_buffer_append_text(&out, "before");
    ck_assert_int_eq(rbk_machine_write(sample_machine(&arena), &out, &error), 0);
    ck_assert(
        rbk_str_equal(rbk_str_slice(rbk_buffer_str(&out), 6, out.bytes), rbk_buffer_str(&sample)));
    rbk_buffer_fini(&out);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("machine_text");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_is_written_reads_back_and_writes_the_same_bytes);
    tcase_add_test(cases, reading_gives_every_row_as_it_was);
    tcase_add_test(cases, the_text_is_canonical_json);
    tcase_add_test(cases, every_table_has_rows_in_the_sample_and_sorted_keys);
    tcase_add_test(cases, the_integrity_is_of_the_text_with_an_empty_one);
    tcase_add_test(cases, the_hash_is_of_the_meaning_and_not_of_places_and_sources);
    tcase_add_test(cases, every_truncation_is_refused);
    tcase_add_test(cases, a_flipped_bit_in_any_byte_is_seen_by_the_hash);
    tcase_add_test(cases, a_flipped_bit_with_a_right_hash_is_refused_or_gives_a_sound_machine);
    tcase_add_test(cases, digits_replaced_at_random_give_no_unsound_machine);
    tcase_add_test(cases, another_version_is_named);
    tcase_add_test(cases, a_text_that_is_not_the_canonical_one_is_refused_with_its_place);
    tcase_add_test(cases, deep_nesting_is_refused);
    tcase_add_test(cases, memory_is_bounded_by_the_arena);
    tcase_add_test(cases, writing_beyond_the_buffers_maximum_is_an_error);
    tcase_add_test(cases, the_text_goes_behind_what_a_buffer_holds);
    tcase_set_timeout(cases, 250);
    Suite *suite = suite_create("core/machine_text");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
