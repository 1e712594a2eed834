/*
 * Frames: what is written is read back; what is cut, longer than it says or changed at any bit is
 * refused or read as something else that is within its bounds, never a crash (run with sanitizers).
 */
#include "runtime/drivers/exec_protocol.h"

#include "runtime/core/base/error.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_buffer out;

static void setup(void)
{
    rbk_buffer_init(&out, RBK_EXEC_FRAME_BYTES_MAX);
}

static void teardown(void)
{
    rbk_buffer_fini(&out);
}

static void write_start(void)
{
    char *words[] = {"psql", "-c", "", NULL};
    char *environment[] = {"PATH=/bin", NULL};
    struct rbk_str secrets[] = {RBK_STR("se\0cret")};
    int64_t expect[] = {0, -3};
    struct rbk_exec_start start = {
        .ticket = 77,
        .serial = 5,
        .attempt = 2,
        .reading = true,
        .timeout_ms = UINT64_MAX,
        .grace_ms = 1,
        .cancel_timeout_ms = 2,
        .output_bytes_max = 3,
        .key = RBK_STR("key"),
        .step = RBK_STR("step"),
        .directory = RBK_STR("/"),
        .words = {words, 3},
        .environment = {environment, 1},
        .has_input = true,
        .input = RBK_STR("in\0put"),
        .secrets = secrets,
        .secret_count = 1,
        .expect = expect,
        .expect_count = 2,
    };
    rbk_exec_write_start(&out, &start);
    ck_assert_int_eq(out.error, 0);
}

static struct rbk_str fields_of(enum rbk_exec_message expected)
{
    enum rbk_exec_message kind;
    struct rbk_str fields;
    size_t bytes;
    ck_assert_int_eq(rbk_exec_frame(rbk_buffer_str(&out), &kind, &fields, &bytes), 1);
    ck_assert_int_eq(kind, expected);
    ck_assert_uint_eq(bytes, out.bytes);
    return fields;
}

START_TEST(a_start_is_read_as_it_was_written)
{
    struct rbk_exec_start start;
    write_start();
    ck_assert_int_eq(rbk_exec_read_start(fields_of(RBK_EXEC_START), &start), 0);
    ck_assert_uint_eq(start.ticket, 77);
    ck_assert_uint_eq(start.timeout_ms, UINT64_MAX);
    ck_assert(start.reading);
    ck_assert_uint_eq(start.words.count, 3);
    ck_assert_str_eq(start.words.items[1], "-c");
    ck_assert_str_eq(start.words.items[2], "");
    ck_assert_ptr_null(start.words.items[3]);
    ck_assert_str_eq(start.environment.items[0], "PATH=/bin");
    ck_assert_uint_eq(start.cancel_words.count, 0);
    ck_assert_uint_eq(start.input.bytes, 6);
    ck_assert_uint_eq(start.secrets[0].bytes, 7);
    ck_assert_int_eq(start.expect[1], -3);
    rbk_exec_start_fini(&start);
}
END_TEST

START_TEST(an_answer_is_read_as_it_was_written)
{
    struct rbk_exec_answer copy;
    struct rbk_exec_answer answer = {
        .ticket = 9,
        .state = RBK_EXEC_STATE_ENDED,
        .ended = {.ticket = 9,
                  .serial = 4,
                  .key = RBK_STR("k"),
                  .process = {.pid = 12, .start_time = 34, .boot = "b"},
                  .end = RBK_EXEC_SIGNALLED,
                  .status = -9,
                  .dead = true,
                  .out = RBK_STR("o"),
                  .err = RBK_STR("e")},
    };
    rbk_exec_write_answer(&out, &answer);
    ck_assert_int_eq(rbk_exec_read_answer(fields_of(RBK_EXEC_STATE), &copy), 0);
    ck_assert_int_eq(copy.state, RBK_EXEC_STATE_ENDED);
    ck_assert_int_eq(copy.ended.end, RBK_EXEC_SIGNALLED);
    ck_assert_int_eq(copy.ended.status, -9);
    ck_assert_str_eq(copy.ended.process.boot, "b");
    ck_assert(rbk_str_is(copy.ended.err, "e"));
}
END_TEST

START_TEST(a_cut_frame_waits_for_more_and_cut_fields_are_refused)
{
    write_start();
    for (size_t cut = 0; cut < out.bytes; cut++) {
        enum rbk_exec_message kind;
        struct rbk_str fields;
        size_t bytes;
        ck_assert_int_eq(
            rbk_exec_frame(rbk_str_slice(rbk_buffer_str(&out), 0, cut), &kind, &fields, &bytes), 0);
    }
    struct rbk_str fields = fields_of(RBK_EXEC_START);
    for (size_t cut = 0; cut < fields.bytes; cut++) {
        struct rbk_exec_start start;
        /* A copy of its own, so that a read beyond the end is seen. */
        char *copy = malloc(cut + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, fields.data, cut);
        ck_assert_int_eq(rbk_exec_read_start((struct rbk_str){copy, cut}, &start), -RBK_EPROTOCOL);
        free(copy);
    }
}
END_TEST

START_TEST(changed_bits_never_lead_out_of_bounds)
{
    write_start();
    struct rbk_str fields = fields_of(RBK_EXEC_START);
    char *copy = malloc(fields.bytes);
    ck_assert_ptr_nonnull(copy);
    for (size_t bit = 0; bit < fields.bytes * 8; bit++) {
        struct rbk_exec_start start;
        struct rbk_exec_answer answer;
        struct rbk_exec_ended ended;
        struct rbk_exec_name name;
        struct rbk_str changed = {copy, fields.bytes};
        memcpy(copy, fields.data, fields.bytes);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        if (rbk_exec_read_start(changed, &start) == 0) {
            ck_assert_uint_ge(start.words.count, 1);
            ck_assert_uint_lt(strlen(start.words.items[0]), fields.bytes);
            rbk_exec_start_fini(&start);
        }
        ck_assert_int_eq(rbk_exec_read_answer(changed, &answer), -RBK_EPROTOCOL);
        ck_assert_int_eq(rbk_exec_read_ended(changed, &ended), -RBK_EPROTOCOL);
        ck_assert_int_eq(rbk_exec_read_name(changed, &name), -RBK_EPROTOCOL);
    }
    free(copy);
}
END_TEST

START_TEST(a_lie_about_a_length_or_count_costs_no_memory)
{
    char frame[64] = {(char)0xff, (char)0xff, (char)0xff, (char)0xff, RBK_EXEC_START};
    enum rbk_exec_message kind;
    struct rbk_str fields;
    size_t bytes;
    struct rbk_str whole = {frame, sizeof frame};
    ck_assert_int_eq(rbk_exec_frame(whole, &kind, &fields, &bytes), -RBK_EPROTOCOL);
    memset(frame, 0, 4);
    ck_assert_int_eq(rbk_exec_frame(whole, &kind, &fields, &bytes), -RBK_EPROTOCOL);
    frame[0] = 1;
    frame[4] = RBK_EXEC_MESSAGE_COUNT;
    ck_assert_int_eq(rbk_exec_frame(whole, &kind, &fields, &bytes), -RBK_EPROTOCOL);
    struct rbk_exec_start start;
    memset(frame, 0xff, sizeof frame);
    ck_assert_int_eq(rbk_exec_read_start(whole, &start), -RBK_EPROTOCOL);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
    struct rbk_exec_name name = {.key = RBK_STR("a key that is too long for this buffer")};
    struct rbk_buffer small;
    rbk_buffer_init(&small, 40);
    rbk_exec_write_name(&small, RBK_EXEC_QUERY, &name);
    ck_assert_int_eq(small.error, -RBK_ELIMIT);
    ck_assert_uint_eq(small.bytes, 0);
    rbk_buffer_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec protocol");
    TCase *tcase = tcase_create("protocol");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_start_is_read_as_it_was_written);
    tcase_add_test(tcase, an_answer_is_read_as_it_was_written);
    tcase_add_test(tcase, a_cut_frame_waits_for_more_and_cut_fields_are_refused);
    tcase_add_test(tcase, changed_bits_never_lead_out_of_bounds);
    tcase_add_test(tcase, a_lie_about_a_length_or_count_costs_no_memory);
    tcase_add_test(tcase, what_does_not_fit_is_not_written);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
