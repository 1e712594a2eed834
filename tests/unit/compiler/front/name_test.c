/*
 * Names: one spelling is one object, reserved words are known by their token, and the grammar and
 * the table of names agree on what the reserved words are.
 */
#include "compiler/name.h"

#include "compiler/keyword.h"
#include "rbk_parser.h"
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX ((size_t)64 << 20)

START_TEST(one_spelling_is_one_name)
{
    struct rbk_arena arena;
    struct rbk_names names;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
    char text[] = "leads";
    struct rbk_name *first = rbk_names_intern(&names, rbk_str_from(text));
    text[0] = 'h';
    ck_assert(rbk_str_is(first->text, "leads"));
    ck_assert_ptr_eq(rbk_names_intern(&names, RBK_STR("leads")), first);
    ck_assert_ptr_eq(rbk_names_find(&names, RBK_STR("leads")), first);
    ck_assert_ptr_null(rbk_names_find(&names, RBK_STR("heads")));
    ck_assert_ptr_ne(rbk_names_intern(&names, RBK_STR("lead")), first);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(names_survive_the_growth_of_the_table)
{
    struct rbk_arena arena;
    struct rbk_names names;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
    static struct rbk_name *kept[20000];
    uint32_t reserved = names.count;
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "name_%d", i);
        kept[i] = rbk_names_intern(&names, rbk_str_from(text));
        ck_assert_uint_eq(kept[i]->id, reserved + (uint32_t)i);
    }
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "name_%d", i);
        ck_assert_ptr_eq(rbk_names_find(&names, rbk_str_from(text)), kept[i]);
    }
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(the_grammar_spells_the_reserved_words_alike)
{
    struct rbk_arena arena;
    struct rbk_names names;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
#define WORD(TOKEN, SPELLING)                                       \
    ck_assert_str_eq(rbk_token_words(RBK_TOKEN_##TOKEN), SPELLING); \
    ck_assert_int_eq(rbk_names_find(&names, RBK_STR(SPELLING))->token, RBK_TOKEN_##TOKEN);
    RBK_KEYWORDS(WORD)
#undef WORD
    ck_assert_int_eq(rbk_names_intern(&names, RBK_STR("no_such_word"))->token, RBK_TOKEN_ID);
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/name");
    TCase *tests = tcase_create("name");
    tcase_add_test(tests, one_spelling_is_one_name);
    tcase_add_test(tests, names_survive_the_growth_of_the_table);
    tcase_add_test(tests, the_grammar_spells_the_reserved_words_alike);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
