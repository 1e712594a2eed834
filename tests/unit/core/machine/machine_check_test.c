/*
 * The check of machines: the sample passes, and each way to break it is refused with its reason.
 * Where the description of rows says what a field names, every field of every row is broken in
 * turn.
 */
#include "runtime/core/machine.h"

#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine_format.h"
#include "tests/unit/core/machine/sample_machine.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_arena arena;
static struct rbk_machine *m;
static struct rbk_error error;

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)64 << 20);
    m = sample_machine(&arena);
    error = (struct rbk_error){0};
}

static void tear_down(void)
{
    rbk_arena_fini(&arena);
}

static void expect_refused(int code, const char *says)
{
    int result = rbk_machine_check(m, &error);
    ck_assert_msg(result == -code, "%d \"%s\" where \"%s\" was expected", result, error.text, says);
    ck_assert_msg(strstr(error.text, says) != NULL, "\"%s\" does not say \"%s\"", error.text, says);
}

/* Sets one place, expects the refusal, and puts it back. */
#define BROKEN(place, value, says)                         \
    do {                                                   \
        __typeof__(place) was_ = (place);                  \
        (place) = (value);                                 \
        expect_refused(RBK_EMACHINE, (says));              \
        (place) = was_;                                    \
        ck_assert_int_eq(rbk_machine_check(m, &error), 0); \
    } while (0)

START_TEST(the_sample_is_sound)
{
    ck_assert_msg(rbk_machine_check(m, &error) == 0, "%s", error.text);
}
END_TEST

START_TEST(every_index_slice_word_and_time_is_bounded)
{
    for (uint32_t id = 0; id < RBK_TABLE_COUNT; id++) {
        const struct rbk_table *table = &rbk_tables[id];
        uint32_t rows = rbk_table_rows(m, (enum rbk_table_id)id);
        /* The rows are this test's own. */
        char *first = (char *)(uintptr_t)rbk_table_first(m, (enum rbk_table_id)id);
        for (uint32_t row = 0; row < rows; row++) {
            for (size_t i = 0; i < table->field_count; i++) {
                const struct rbk_field *field = &table->fields[i];
                char *at = first + row * table->row_bytes + field->offset;
                char saved[sizeof(struct rbk_value)];
                (void)memcpy(saved, at, sizeof(uint64_t));
                uint64_t large = UINT64_MAX;
                uint32_t beyond = 1000000;
                switch (field->kind) {
                case RBK_FIELD_MS:
                    (void)memcpy(at, &large, sizeof(large));
                    break;
                case RBK_FIELD_WORD:
                case RBK_FIELD_ROW:
                case RBK_FIELD_SLICE:
                case RBK_FIELD_PLACE:
                case RBK_FIELD_NEXT:
                case RBK_FIELD_OP_CODE:
                    (void)memcpy(at, &beyond, sizeof(beyond));
                    break;
                default:
                    continue;
                }
                ck_assert_msg(rbk_machine_check(m, &error) == -RBK_EMACHINE, "%s[%u].%s",
                              table->name, row, field->name ? field->name : "");
                ck_assert_msg(strstr(error.text, table->name) != NULL, "%s", error.text);
                (void)memcpy(at, saved, sizeof(uint64_t));
            }
        }
    }
    ck_assert_int_eq(rbk_machine_check(m, &error), 0);
}
END_TEST

START_TEST(texts_are_utf_8_without_nul_and_numbers_are_finite)
{
    BROKEN(m->texts[0], ((struct rbk_str){"a\xff", 2}), "UTF-8");
    BROKEN(m->texts[0], ((struct rbk_str){"a\0b", 3}), "NUL");
    BROKEN(m->states[3].name, ((struct rbk_str){"\xc0\x80", 2}), "UTF-8");
    BROKEN(m->constants[2].as.number, (double)NAN, "finite");
    BROKEN(m->constants[0].type, RBK_TYPE_SECRET, "type");
}
END_TEST

START_TEST(a_window_opens_on_days_of_the_week)
{
    BROKEN(m->daily_windows[0].days, 0, "on no day");
    BROKEN(m->daily_windows[0].days, 128, "that there is not");
    BROKEN(m->daily_windows[0].to_minute, 1440, "minutes");
}
END_TEST

START_TEST(a_slice_that_wraps_around_is_refused)
{
    BROKEN(m->exprs[0].code.count, UINT32_MAX, "rows that are not there");
    BROKEN(m->exprs[0].code.first, UINT32_MAX, "rows that are not there");
}
END_TEST

START_TEST(programs_balance_and_are_typed)
{
    uint32_t greater = m->exprs[m->triggers[SAMPLE_TRIGGER_ERRORS].condition].code.first + 2;
    BROKEN(m->codes[greater].op, RBK_OP_TEXT, "leaves 2 values");
    BROKEN(m->codes[greater].op, RBK_OP_AND, "wrong types");
    BROKEN(m->codes[greater].op, RBK_OP_CONCAT, "leaves 3 values");
    BROKEN(m->codes[greater - 1].op, RBK_OP_NOT, "wrong types");
    BROKEN(m->codes[greater - 2].op, RBK_OP_NOT, "too few");
    BROKEN(m->codes[greater - 2].operand, 999, "no such row");
    BROKEN(m->codes[greater - 1].operand, 5, "wrong types"); /* a ratio with a bare number */
    BROKEN(m->exprs[m->triggers[SAMPLE_TRIGGER_ERRORS].condition].type, RBK_TYPE_INT, "not int");
}
END_TEST

START_TEST(a_stack_deeper_than_the_limit_is_refused)
{
    uint32_t count = (uint32_t)RBK_STACK_MAX + 1;
    struct rbk_op_code *codes = rbk_new_array(&arena, struct rbk_op_code, count * 2);
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = (struct rbk_op_code){RBK_OP_CONST, 4};
        codes[count + i] = (struct rbk_op_code){RBK_OP_AND, 0};
    }
    m->codes = codes;
    m->code_count = count * 2 - 1;
    for (uint32_t i = 0; i < m->expr_count; i++) {
        m->exprs[i].code = (struct rbk_slice){0, 1};
        m->exprs[i].type = RBK_TYPE_UNKNOWN;
    }
    m->exprs[0].code.count = m->code_count;
    expect_refused(RBK_EMACHINE, "too many values");
}
END_TEST

START_TEST(a_reading_uses_only_readings_before_it)
{
    /* probe `errors` takes a reading whose statement shall use the reading before it */
    uint32_t expr = m->probes[SAMPLE_PROBE_ERRORS].expr;
    uint32_t read = m->exprs[expr].reads.first;
    struct rbk_expr *statement = &m->exprs[m->args[m->reads[read].args.first].expr];
    m->codes[statement->code.first] = (struct rbk_op_code){RBK_OP_READ, 0};
    expect_refused(RBK_EMACHINE, "not taken before");
    m->exprs[expr].reads = (struct rbk_slice){read - 1, 2};
    ck_assert_msg(rbk_machine_check(m, &error) == 0, "%s", error.text);
    m->codes[statement->code.first].operand = 1;
    expect_refused(RBK_EMACHINE, "not taken before");
    m->codes[statement->code.first].operand = 0;
    statement->reads = (struct rbk_slice){read, 1};
    expect_refused(RBK_EMACHINE, "readings of its own");
}
END_TEST

START_TEST(a_reading_of_another_expression_cannot_be_used_elsewhere)
{
    uint32_t label = m->args[m->effects[3].args.first].expr;
    m->codes[m->exprs[label].code.first] = (struct rbk_op_code){RBK_OP_READ, 0};
    expect_refused(RBK_EMACHINE, "reading that is not there");
    tear_down();
    set_up();
    m->codes[m->exprs[m->observe].code.first] = (struct rbk_op_code){RBK_OP_READ, 3};
    expect_refused(RBK_EMACHINE, "reading that is not there");
}
END_TEST

START_TEST(a_secret_stays_out_of_what_is_shown_or_kept)
{
    uint32_t secret = m->connections[0].address;
    BROKEN(m->messages[0].text, secret, "uses a secret");
    BROKEN(m->questions[0].text, secret, "uses a secret");
    BROKEN(m->args[m->effects[2].args.first].expr, secret, "others can see");
    BROKEN(m->effects[0].condition, secret, "uses a secret");
    BROKEN(m->slots[0].type, RBK_TYPE_SECRET, "secret");
}
END_TEST

START_TEST(every_wait_ends)
{
    BROKEN(m->questions[0].within_ms, 0, "without an end");
    BROKEN(m->reads[0].timeout_ms, 0, "without a timeout");
    BROKEN(m->held_at_most_ms, 0, "held without an end");
    BROKEN(m->reactions[1].hold_ms, 0, "hold without an end");
    BROKEN(m->reactions[1].then, 1, "does not end");
    BROKEN(m->probes[0].every_ms, 0, "interval");
    BROKEN(m->probes[0].missing_after, 0, "missing after");
}
END_TEST

START_TEST(questions_that_follow_each_other_end)
{
    m->reactions[0].question = 0; /* abort with approval …, else abort with approval … */
    expect_refused(RBK_EMACHINE, "does not end");
}
END_TEST

START_TEST(effects_have_what_their_kind_needs)
{
    BROKEN(m->effects[0].into, RBK_NONE, "let without a name");
    BROKEN(m->effects[0].condition, RBK_NONE, "let without a reading");
    BROKEN(m->effects[1].connection, RBK_NONE, "without a connection");
    BROKEN(m->effects[1].kind, RBK_EFFECT_REDIS, "");
    BROKEN(m->effects[1].autocommit, true, "transaction");
    BROKEN(m->effects[1].crash, RBK_CRASH_LOOK, "done when");
    BROKEN(m->effects[1].crash, RBK_CRASH_ASK, "without a question");
    BROKEN(m->effects[3].condition, RBK_NONE, "without a bool");
    BROKEN(m->effects[3].condition, m->effects[0].into, "without a bool");
    BROKEN(m->effects[3].kind, RBK_EFFECT_NOTIFY, "without a channel");
    BROKEN(m->effects[3].kind, RBK_EFFECT_QUESTION, "question");
    BROKEN(m->reads[0].connection, RBK_NONE, "needs a database");
    BROKEN(m->connections[0].kind, RBK_CONNECTION_REDIS, "");
}
END_TEST

START_TEST(triggers_say_when_they_are_read_and_what_missing_means)
{
    BROKEN(m->triggers[SAMPLE_TRIGGER_OWN].every_ms, 0, "interval");
    BROKEN(m->triggers[SAMPLE_TRIGGER_ERRORS].every_ms, 1000, "interval");
    BROKEN(m->triggers[SAMPLE_TRIGGER_ERRORS].missing, RBK_NONE, "missing");
    BROKEN(m->triggers[SAMPLE_TRIGGER_OWN].since_region, RBK_NONE, "since");
    BROKEN(m->triggers[SAMPLE_TRIGGER_OWN].since_region, 2, "since");
    BROKEN(m->indexes[1], 99, "");
    BROKEN(m->criteria[0].reads_probes, false, "reads probes");
    BROKEN(m->probes[SAMPLE_PROBE_ERRORS].type, RBK_TYPE_TEXT, "");
}
END_TEST

START_TEST(regions_are_consecutive_and_walks_stay_inside)
{
    BROKEN(m->states[SAMPLE_STATE_APPLY].region, 0, "region");
    BROKEN(m->states[SAMPLE_STATE_APPLY].next[RBK_OUTCOME_TIMEOUT], 2, "another region");
    BROKEN(m->states[SAMPLE_STATE_APPLY].next[RBK_OUTCOME_OK], RBK_NONE, "success");
    BROKEN(m->states[SAMPLE_STATE_GUARD].next[RBK_OUTCOME_FAIL], RBK_NONE, "failure");
    BROKEN(m->states[SAMPLE_STATE_GUARD].guard, 13, "guards no effect");
    BROKEN(m->states[SAMPLE_STATE_APPLY].effect, RBK_NONE, "no effect");
    BROKEN(m->states[13].effect, 0, "no effect");
    BROKEN(m->states[13].branches.count, 1, "only a fork");
    BROKEN(m->regions[1].states.count, 12, "");
    BROKEN(m->regions[1].kind, RBK_REGION_PLAN, "");
    BROKEN(m->regions[1].applied, 14, "another kind");
    BROKEN(m->regions[1].stuck, RBK_NONE, "lacks");
    BROKEN(m->regions[1].stuck, 2, "another region");
    BROKEN(m->regions[1].attempts, 0, "attempt");
    BROKEN(m->strategies[0].first_state, 3, "another region");
    BROKEN(m->aborting_state, 3, "another kind");
    BROKEN(m->aborting_state, 14, "another region");
    BROKEN(m->region_count, 0, "");
}
END_TEST

START_TEST(forks_start_branches_of_their_own)
{
    BROKEN(m->states[SAMPLE_STATE_FORK].branches.count, 0, "without branches");
    BROKEN(m->states[SAMPLE_STATE_FORK].branches.first, 1, "not a branch");
    BROKEN(m->regions[2].parent, 0, "not a branch of its own");
    BROKEN(m->regions[2].parent, RBK_NONE, "parent");
    BROKEN(m->regions[2].parent, 2, "do not end");
    BROKEN(m->states[12].kind, RBK_STATE_FORK, "");
}
END_TEST

START_TEST(a_branch_is_started_once)
{
    m->states[12].kind = RBK_STATE_FORK;
    m->states[12].effect = RBK_NONE;
    m->states[12].branches = m->states[SAMPLE_STATE_FORK].branches;
    expect_refused(RBK_EMACHINE, "two forks");
}
END_TEST

START_TEST(blocks_nest_within_their_depth)
{
    BROKEN(m->blocks[1].depth, 2, "parent");
    BROKEN(m->blocks[1].depth, RBK_BLOCK_DEPTH_MAX, "deep");
    BROKEN(m->blocks[0].depth, 1, "outermost");
    BROKEN(m->blocks[0].parent, 0, "parent");
    BROKEN(m->blocks[1].expired, 0, "another region");
    BROKEN(m->blocks[1].region, 2, "");
}
END_TEST

START_TEST(counts_that_others_reserve_memory_for_are_limited)
{
    m->probes[SAMPLE_PROBE_ERRORS].ring_capacity = (uint32_t)RBK_WINDOW_READINGS_MAX + 1;
    expect_refused(RBK_EMACHINE, "readings");
    m->probes[SAMPLE_PROBE_ERRORS].ring_capacity = (uint32_t)RBK_WINDOW_READINGS_MAX;
    struct rbk_window *windows = rbk_new_array(&arena, struct rbk_window, 1000);
    (void)memcpy(windows, m->windows, m->window_count * sizeof(*windows));
    for (uint32_t i = m->window_count; i < 1000; i++) {
        windows[i] = (struct rbk_window){RBK_WINDOW_AVG, SAMPLE_PROBE_ERRORS, 1000};
    }
    m->windows = windows;
    m->window_count = 1000;
    expect_refused(RBK_ELIMIT, "too many readings");
    m->format_version = 2;
    expect_refused(RBK_EVERSION, "version");
    m->signals = rbk_new_array(&arena, struct rbk_signal, RBK_SIGNALS_MAX + 1);
    m->signal_count = RBK_SIGNALS_MAX + 1;
    expect_refused(RBK_ELIMIT, "signals");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("machine_check");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, the_sample_is_sound);
    tcase_add_test(cases, every_index_slice_word_and_time_is_bounded);
    tcase_add_test(cases, texts_are_utf_8_without_nul_and_numbers_are_finite);
    tcase_add_test(cases, a_window_opens_on_days_of_the_week);
    tcase_add_test(cases, a_slice_that_wraps_around_is_refused);
    tcase_add_test(cases, programs_balance_and_are_typed);
    tcase_add_test(cases, a_stack_deeper_than_the_limit_is_refused);
    tcase_add_test(cases, a_reading_uses_only_readings_before_it);
    tcase_add_test(cases, a_reading_of_another_expression_cannot_be_used_elsewhere);
    tcase_add_test(cases, a_secret_stays_out_of_what_is_shown_or_kept);
    tcase_add_test(cases, every_wait_ends);
    tcase_add_test(cases, questions_that_follow_each_other_end);
    tcase_add_test(cases, effects_have_what_their_kind_needs);
    tcase_add_test(cases, triggers_say_when_they_are_read_and_what_missing_means);
    tcase_add_test(cases, regions_are_consecutive_and_walks_stay_inside);
    tcase_add_test(cases, forks_start_branches_of_their_own);
    tcase_add_test(cases, a_branch_is_started_once);
    tcase_add_test(cases, blocks_nest_within_their_depth);
    tcase_add_test(cases, counts_that_others_reserve_memory_for_are_limited);
    Suite *suite = suite_create("core/machine_check");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
