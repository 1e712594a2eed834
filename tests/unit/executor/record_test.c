/*
 * Records and their JSON: whatever a driver or a person said, the journal can be read again, and
 * says the same; what nobody wrote is refused.
 */
#include "runtime/executor/record.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/utf8.h"

#define ROUNDS 3000

struct fixture {
    struct rbk_arena arena;
    struct rbk_buffer body;
    struct rbk_error error;
};

static void fixture_init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    rbk_arena_init(&fixture->arena, (size_t)64 << 20);
    rbk_buffer_init(&fixture->body, (size_t)4 << 20);
}

static void fixture_fini(struct fixture *fixture)
{
    rbk_buffer_fini(&fixture->body);
    rbk_arena_fini(&fixture->arena);
}

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* Any bytes: NUL, halves of characters, quotes, escapes. */
static struct rbk_str any_bytes(struct fixture *fixture, uint64_t *seed)
{
    size_t bytes = draw(seed) % 24;
    char *data = rbk_new_array(&fixture->arena, char, bytes + 1);

    for (size_t i = 0; i < bytes; i++) {
        data[i] = draw(seed) % 2 ? (char)(draw(seed) & 0xff) : "\\\"{}\n\t\0u"[draw(seed) % 8];
    }
    return (struct rbk_str){data, bytes};
}

static struct rbk_value any_value(struct fixture *fixture, uint64_t *seed)
{
    switch (draw(seed) % 5) {
    case 0:
        return rbk_value_text(RBK_TYPE_SCALAR, any_bytes(fixture, seed));
    case 1:
        return rbk_value_integer(RBK_TYPE_INT, (int64_t)draw(seed) - 1000);
    case 2:
        return rbk_value_bool(draw(seed) % 2);
    case 3:
        return rbk_value_number(RBK_TYPE_NUMBER, (double)draw(seed) / 7);
    default:
        return rbk_value_missing(RBK_TYPE_SCALAR);
    }
}

/* Two of them, their names plain and not the same. */
static const struct rbk_pair *any_labels(struct fixture *fixture, uint64_t *seed)
{
    struct rbk_pair *labels = rbk_new_array(&fixture->arena, struct rbk_pair, 2);

    labels[0] = (struct rbk_pair){RBK_STR("service"), any_bytes(fixture, seed)};
    labels[1] = (struct rbk_pair){RBK_STR("pod"), any_bytes(fixture, seed)};
    return labels;
}

static struct rbk_record any_record(struct fixture *fixture, uint64_t *seed)
{
    struct rbk_record record = {.status = (int64_t)(draw(seed) % 300) - 1,
                                .elapsed_ms = draw(seed) % 100000,
                                .message = any_bytes(fixture, seed),
                                .detail = any_bytes(fixture, seed),
                                .who = any_bytes(fixture, seed),
                                .note = any_bytes(fixture, seed),
                                .alert = any_bytes(fixture, seed),
                                .firing = draw(seed) % 2,
                                .has_value = draw(seed) % 2};

    record.settings = any_bytes(fixture, seed);
    record.label_count = draw(seed) % 3;
    record.labels = any_labels(fixture, seed);
    record.way_count = draw(seed) % 3;
    record.ways = (const uint8_t *)"\0\1\2" + draw(seed) % 2;
    record.event.kind = (enum rbk_event_kind)(draw(seed) % RBK_EVENT_COUNT);
    record.event.now_ms = draw(seed);
    record.event.serial = draw(seed);
    record.event.index = draw(seed) % 2 ? RBK_NONE : draw(seed);
    record.event.seats = draw(seed);
    record.event.outcome = (enum rbk_outcome)(draw(seed) % RBK_OUTCOME_COUNT);
    record.event.level = (enum rbk_level)(draw(seed) % RBK_LEVEL_COUNT);
    record.event.answer = (enum rbk_answer)(draw(seed) % RBK_ANSWER_COUNT);
    record.event.command = (enum rbk_command)(draw(seed) % RBK_COMMAND_COUNT);
    record.event.recovery = (enum rbk_recovery)(draw(seed) % (RBK_RECOVERY_UNKNOWN + 1u));
    record.event.owner = (enum rbk_question_owner)(draw(seed) % (RBK_OWNER_RUN + 1u));
    if (record.has_value) {
        record.value = any_value(fixture, seed);
    }
    return record;
}

static int decode(struct fixture *fixture, enum rbk_event_kind kind, const char *body,
                  struct rbk_record *ret_record)
{
    return rbk_record_decode(rbk_str_from(rbk_event_name(kind)), rbk_str_from(body), 7,
                             &fixture->arena, ret_record, &fixture->error);
}

START_TEST(what_was_written_is_read_again)
{
    uint64_t seed = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct fixture fixture;
        struct rbk_record written, read;
        struct rbk_buffer again;

        fixture_init(&fixture);
        written = any_record(&fixture, &seed);
        ck_assert_int_eq(rbk_record_encode(&written, &fixture.body), 0);
        ck_assert(rbk_utf8_valid(rbk_buffer_str(&fixture.body), NULL));
        ck_assert_msg(rbk_record_decode(rbk_str_from(rbk_event_name(written.event.kind)),
                                        rbk_buffer_str(&fixture.body), 99, &fixture.arena, &read,
                                        &fixture.error) == 0,
                      "%s: %s", fixture.error.text, fixture.body.data);
        rbk_buffer_init(&again, (size_t)4 << 20);
        ck_assert_int_eq(rbk_record_encode(&read, &again), 0);
        ck_assert_str_eq(again.data, fixture.body.data);
        ck_assert_int_eq(read.event.kind, written.event.kind);
        ck_assert_uint_eq(read.event.now_ms, 99);
        ck_assert_int_eq(read.status, written.status);
        ck_assert(read.has_value == written.has_value);
        ck_assert_uint_eq(read.label_count, written.label_count);
        ck_assert_uint_eq(read.way_count, written.way_count);
        for (uint32_t k = 0; k < written.way_count; k++) {
            ck_assert_uint_eq(read.ways[k], written.ways[k]);
        }
        rbk_buffer_fini(&again);
        fixture_fini(&fixture);
    }
}
END_TEST

START_TEST(a_value_comes_back_byte_for_byte)
{
    struct fixture fixture;
    struct rbk_record read, written = {.status = -1, .has_value = true};
    const struct rbk_str bytes = {"a\0b\xff\x01\"", 6};

    fixture_init(&fixture);
    written.event.kind = RBK_EVENT_RESULT;
    written.value = rbk_value_text(RBK_TYPE_SCALAR, bytes);
    ck_assert_int_eq(rbk_record_encode(&written, &fixture.body), 0);
    ck_assert_int_eq(decode(&fixture, RBK_EVENT_RESULT, fixture.body.data, &read), 0);
    ck_assert(rbk_str_equal(read.value.as.text, bytes));
    fixture_fini(&fixture);
}
END_TEST

START_TEST(bytes_that_are_no_characters_become_a_mark)
{
    struct fixture fixture;
    struct rbk_record read, written = {.status = -1, .message = {"a\xff\0z", 4}};

    fixture_init(&fixture);
    written.event.kind = RBK_EVENT_RESULT;
    ck_assert_int_eq(rbk_record_encode(&written, &fixture.body), 0);
    ck_assert_int_eq(decode(&fixture, RBK_EVENT_RESULT, fixture.body.data, &read), 0);
    ck_assert_str_eq(read.message.data, "a\xef\xbf\xbd\xef\xbf\xbdz");
    fixture_fini(&fixture);
}
END_TEST

START_TEST(a_row_nobody_wrote_is_refused)
{
    static const struct {
        enum rbk_event_kind kind;
        const char *body;
    } rows[] = {
        {RBK_EVENT_RESULT, ""},
        {RBK_EVENT_RESULT, "[]"},
        {RBK_EVENT_RESULT, "null"},
        {RBK_EVENT_RESULT, "{"},
        {RBK_EVENT_RESULT, "{}x"},
        {RBK_EVENT_RESULT, "{\"serial\":1,\"serial\":2}"},
        {RBK_EVENT_RESULT, "{\"serial\":1,\"outcome\":\"great\"}"},
        {RBK_EVENT_RESULT, "{\"serial\":1,\"outcome\":7}"},
        {RBK_EVENT_RESULT, "{\"serial\":1,\"outcome\":\"ok\",\"value\":{}}"},
        {RBK_EVENT_RESULT, "{\"serial\":1,\"outcome\":\"ok\",\"value\":[1,2]}"},
        {RBK_EVENT_RESOLVED, "{\"serial\":1,\"outcome\":\"ok\"}"},
        {RBK_EVENT_RESOLVED, "{\"serial\":1,\"outcome\":\"ok\",\"recovery\":99}"},
        {RBK_EVENT_RESOLVED, "{\"serial\":1,\"outcome\":\"ok\",\"recovery\":-1}"},
        {RBK_EVENT_TRIGGER, "{\"index\":0,\"level\":\"high\"}"},
        {RBK_EVENT_WAY_BACK, "{\"index\":0,\"level\":\"true\",\"ways\":[\"ajar\"]}"},
        {RBK_EVENT_WAY_BACK, "{\"index\":0,\"level\":\"true\",\"ways\":[1]}"},
        {RBK_EVENT_ANSWER, "{\"index\":0,\"answer\":\"perhaps\"}"},
        {RBK_EVENT_COMMAND, "{\"index\":0}"},
        {RBK_EVENT_COMMAND, "{\"command\":\"explode\",\"index\":0}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture fixture;
        struct rbk_record read;

        fixture_init(&fixture);
        ck_assert_msg(decode(&fixture, rows[i].kind, rows[i].body, &read) == -RBK_ECORRUPT, "%s",
                      rows[i].body);
        ck_assert_str_ne(fixture.error.text, "");
        fixture_fini(&fixture);
    }
}
END_TEST

START_TEST(a_kind_of_another_version_is_refused)
{
    struct fixture fixture;
    struct rbk_record read;

    fixture_init(&fixture);
    ck_assert_int_eq(rbk_record_decode(RBK_STR("teleported"), RBK_STR("{}"), 1, &fixture.arena,
                                       &read, &fixture.error),
                     -RBK_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(fixture.error.text, "teleported"));
    fixture_fini(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor_record");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, what_was_written_is_read_again);
    tcase_add_test(tcase, a_value_comes_back_byte_for_byte);
    tcase_add_test(tcase, bytes_that_are_no_characters_become_a_mark);
    tcase_add_test(tcase, a_row_nobody_wrote_is_refused);
    tcase_add_test(tcase, a_kind_of_another_version_is_refused);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
