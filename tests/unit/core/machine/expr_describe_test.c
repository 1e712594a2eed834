/*
 * What a decision was made on, in words: the sample machine's triggers with values put under them,
 * and an expression made for the purpose.
 */
#include "runtime/core/expr_describe.h"

#include "tests/unit/core/machine/sample_machine.h"

#include <check.h>
#include <string.h>

static struct rbk_arena arena;
static struct rbk_machine *machine;
static struct rbk_scope scope;
static struct rbk_buffer out;
static struct rbk_value window_value;

static struct rbk_value window(void *context, uint32_t index)
{
    (void)context;
    (void)index;
    return window_value;
}

static void note(void *context, uint32_t index, struct rbk_buffer *text)
{
    (void)context;
    rbk_buffer_printf(text, " of %u readings", 20 + index);
}

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)16 << 20);
    rbk_buffer_init(&out, (size_t)1 << 20);
    machine = sample_machine(&arena);
    scope = (struct rbk_scope){.machine = machine, .window = window};
    window_value = rbk_value_number(RBK_TYPE_RATIO, 0.08);
}

static void tear_down(void)
{
    rbk_buffer_fini(&out);
    rbk_arena_fini(&arena);
}

static const char *describe(uint32_t expr, rbk_describe_window_fn *window_note)
{
    rbk_buffer_clear(&out);
    rbk_expr_describe(&scope, expr, window_note, &out);
    return out.data;
}

START_TEST(a_window_is_told_with_its_span_and_its_readings)
{
    uint32_t expr = machine->triggers[SAMPLE_TRIGGER_ERRORS].condition;
    ck_assert_str_eq(describe(expr, NULL), "avg errors over 1m = 8%");
    ck_assert_str_eq(describe(expr, note), "avg errors over 1m = 8% of 20 readings");
    window_value = rbk_value_missing(RBK_TYPE_RATIO);
    ck_assert_str_eq(describe(expr, NULL), "avg errors over 1m = (missing)");
}
END_TEST

START_TEST(a_baseline_stands_beside_the_reading_it_is_compared_with)
{
    struct rbk_value baselines[1] = {rbk_value_integer(RBK_TYPE_DURATION, 120)};
    scope.baselines = baselines;
    window_value = rbk_value_integer(RBK_TYPE_DURATION, 412);
    const char *text = describe(machine->triggers[SAMPLE_TRIGGER_SLOW].condition, NULL);
    ck_assert_msg(strstr(text, "latency = 412ms") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "baseline latency = 120ms") != NULL, "%s", text);
}
END_TEST

/* An expression of slot 0, as often as asked for, over the machine's first slot. */
static uint32_t of_slots(const struct rbk_op_code *codes, uint32_t count)
{
    struct rbk_expr *row = &machine->exprs[0];
    machine->codes = rbk_new_array(&arena, struct rbk_op_code, count);
    memcpy(machine->codes, codes, count * sizeof(*codes));
    machine->code_count = count;
    row->code = (struct rbk_slice){0, count};
    return 0;
}

START_TEST(what_is_named_twice_is_told_once)
{
    const struct rbk_op_code codes[] = {
        {RBK_OP_SLOT, 0}, {RBK_OP_SLOT, 0}, {RBK_OP_EQ, 0}, {RBK_OP_CONST, 0}};
    struct rbk_value *slots = rbk_new_array(&arena, struct rbk_value, machine->slot_count);
    ck_assert_uint_gt(machine->slot_count, 0);
    slots[0] = rbk_value_integer(RBK_TYPE_INT, 42);
    scope.slots = slots;
    const char *text = describe(of_slots(codes, 4), NULL);
    ck_assert_ptr_nonnull(strstr(text, " = 42"));
    ck_assert_ptr_null(strchr(text, ','));
}
END_TEST

START_TEST(a_secret_is_named_and_not_told)
{
    const struct rbk_op_code codes[] = {{RBK_OP_SECRET, 0}};
    ck_assert_uint_gt(machine->secret_count, 0);
    const char *text = describe(of_slots(codes, 1), NULL);
    ck_assert_ptr_nonnull(strstr(text, "secret "));
    ck_assert_ptr_null(strchr(text, '='));
}
END_TEST

START_TEST(a_long_text_is_cut_on_one_line_between_characters)
{
    const struct rbk_op_code codes[] = {{RBK_OP_SLOT, 0}};
    struct rbk_value *slots = rbk_new_array(&arena, struct rbk_value, machine->slot_count);
    char text[1000];
    for (size_t i = 0; i + 1 < sizeof(text); i += 2) { /* "ä" everywhere, from the second byte on */
        memcpy(text + i, "\xc3\xa4", 2);
    }
    text[0] = 'x';
    memmove(text + 1, text + 2, sizeof(text) - 2);
    slots[0] = rbk_value_text(RBK_TYPE_TEXT, (struct rbk_str){text, 801});
    scope.slots = slots;
    const char *told = describe(of_slots(codes, 1), NULL);
    ck_assert_uint_lt(strlen(told), 250);
    ck_assert_ptr_nonnull(strstr(told, "\xc3\xa4\"…"));
    slots[0] = rbk_value_text(RBK_TYPE_TEXT, RBK_STR("one\ntwo"));
    ck_assert_ptr_nonnull(strstr(describe(0, NULL), "\"one\"…"));
}
END_TEST

START_TEST(a_long_list_of_names_ends_in_dots)
{
    enum { COUNT = 200 };
    struct rbk_op_code codes[COUNT];
    machine->params = rbk_new_array(&arena, struct rbk_param, COUNT);
    machine->param_count = COUNT;
    for (uint32_t i = 0; i < COUNT; i++) {
        machine->params[i].name = rbk_arena_printf(&arena, "parameter_%u", i);
        codes[i] = (struct rbk_op_code){RBK_OP_PARAM, i};
    }
    const char *text = describe(of_slots(codes, COUNT), NULL);
    ck_assert_uint_le(strlen(text), RBK_DESCRIBE_BYTES_MAX);
    ck_assert_str_eq(text + strlen(text) - strlen(", …"), ", …");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expr_describe");
    TCase *tests = tcase_create("describe");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_window_is_told_with_its_span_and_its_readings);
    tcase_add_test(tests, a_baseline_stands_beside_the_reading_it_is_compared_with);
    tcase_add_test(tests, what_is_named_twice_is_told_once);
    tcase_add_test(tests, a_secret_is_named_and_not_told);
    tcase_add_test(tests, a_long_text_is_cut_on_one_line_between_characters);
    tcase_add_test(tests, a_long_list_of_names_ends_in_dots);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
