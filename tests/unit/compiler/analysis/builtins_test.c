/*
 * Built-ins: every reading and variable of the machine has an entry of its own type, each is found
 * under its spelling and under no other, and the two meanings of `count` are told apart.
 */
#include "compiler/builtins.h"
#include "compiler/typing.h"
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdlib.h>

static struct rbk_arena arena;
static struct rbk_names names;
static struct rbk_builtins builtins;

static void open_builtins(void)
{
    rbk_arena_init(&arena, (size_t)16 << 20);
    rbk_names_init(&names, &arena);
    rbk_builtins_init(&builtins, &arena, &names);
}

static void close_builtins(void)
{
    rbk_arena_fini(&arena);
}

/* Look up "space.name" or "name". */
static const struct rbk_builtin *find(const char *spelling)
{
    struct rbk_str text = rbk_str_from(spelling);
    size_t dot = rbk_str_find(text, '.');
    struct rbk_name *space = NULL;
    struct rbk_str last = text;
    if (dot < text.bytes) {
        space = rbk_names_intern(&names, rbk_str_slice(text, 0, dot));
        last = rbk_str_slice(text, dot + 1, text.bytes);
    }
    return rbk_builtin_of(rbk_builtins_find(&builtins, space, rbk_names_intern(&names, last)));
}

START_TEST(every_reading_of_the_machine_is_spelled_and_typed)
{
    for (unsigned read = 0; read < RBK_READ_KIND_COUNT; read++) {
        const struct rbk_builtin *builtin = find(rbk_read_kind_name((enum rbk_read_kind)read));
        ck_assert_ptr_nonnull(builtin);
        ck_assert_uint_eq(builtin->kind, RBK_BUILTIN_READING);
        ck_assert_uint_eq(builtin->is.read, read);
        ck_assert_uint_eq(builtin->result, rbk_read_kind_type((enum rbk_read_kind)read));
    }
}
END_TEST

START_TEST(every_variable_of_the_run_is_spelled_and_typed)
{
    for (unsigned variable = 0; variable < RBK_VARIABLE_COUNT; variable++) {
        const struct rbk_builtin *builtin = find(rbk_variable_name((enum rbk_variable)variable));
        ck_assert_ptr_nonnull(builtin);
        ck_assert_uint_eq(builtin->kind, RBK_BUILTIN_VARIABLE);
        ck_assert_uint_eq(builtin->is.variable, variable);
        ck_assert_uint_eq(builtin->result, rbk_variable_type((enum rbk_variable)variable));
    }
    ck_assert(rbk_builtin_only_in_channel(find("message")));
    ck_assert(!rbk_builtin_only_in_channel(find("elapsed")));
}
END_TEST

START_TEST(what_is_not_built_in_is_not_found)
{
    ck_assert_ptr_null(find("http.statuses"));
    ck_assert_ptr_null(find("status"));
    ck_assert_ptr_null(find("run.avg"));
    ck_assert_ptr_null(find("nothing_like_it"));
    ck_assert(rbk_builtins_has_space(&builtins, rbk_names_intern(&names, RBK_STR("host"))));
    ck_assert(!rbk_builtins_has_space(&builtins, rbk_names_intern(&names, RBK_STR("avg"))));
}
END_TEST

START_TEST(count_means_an_aggregate_or_a_function)
{
    ck_assert_uint_eq(find("count")->kind, RBK_BUILTIN_AGGREGATE);
    const struct rbk_builtin *function = rbk_builtin_of(rbk_builtins_count_of_list(&builtins));
    ck_assert_uint_eq(function->kind, RBK_BUILTIN_FUNCTION);
    ck_assert_uint_eq(function->is.function, RBK_FUNCTION_COUNT);
}
END_TEST

START_TEST(parameters_of_every_entry_are_in_order)
{
    uint32_t count;
    const struct rbk_builtin *table = rbk_builtin_table(&count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_le(table[i].parameter_count, RBK_BUILTIN_PARAMETERS_MAX);
        for (uint8_t j = 0; j < table[i].parameter_count; j++) {
            const struct rbk_builtin_parameter *parameter = &table[i].parameters[j];
            ck_assert_ptr_nonnull(parameter->name);
            /* Only the last may be left out, repeated or take labels. */
            if (parameter->optional || parameter->repeated || parameter->labels) {
                ck_assert_uint_eq(j + 1, table[i].parameter_count);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("builtins");
    TCase *tests = tcase_create("builtins");
    tcase_add_checked_fixture(tests, open_builtins, close_builtins);
    tcase_add_test(tests, every_reading_of_the_machine_is_spelled_and_typed);
    tcase_add_test(tests, every_variable_of_the_run_is_spelled_and_typed);
    tcase_add_test(tests, what_is_not_built_in_is_not_found);
    tcase_add_test(tests, count_means_an_aggregate_or_a_function);
    tcase_add_test(tests, parameters_of_every_entry_are_in_order);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
