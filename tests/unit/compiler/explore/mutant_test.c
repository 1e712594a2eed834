/*
 * A core with one decision broken, linked in the place of the sound one: exploration finds it, and
 * tells how. MUTANT_PROPERTY, MUTANT_STORY: what must be found, and what the story must speak of.
 */
#include "compiler/explore/explore.h"

#include "tests/unit/compiler/explore/plan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30)

START_TEST(it_is_found_whether_or_not_something_is_left_out)
{
    struct rbk_arena arena;
    struct rbk_explore_result result;
    struct rbk_explore_options options = {.full = true, .states_max = 30000};
    struct machine_builder *mb = plan_two_stages();
    bool found = false;
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    ck_assert_int_eq(rbk_explore(&arena, mb_machine(mb), &options, &result), 0);
    for (uint32_t i = 0; i < result.violation_count; i++) {
        found |=
            strcmp(rbk_explore_property_name(result.violations[i].property), MUTANT_PROPERTY) == 0;
    }
    ck_assert_msg(found, "nothing was found of the kind \"%s\"", MUTANT_PROPERTY);
    rbk_arena_fini(&arena);
    mb_free(mb);
}
END_TEST

START_TEST(the_broken_decision_is_found_and_told)
{
    struct rbk_arena arena;
    struct rbk_explore_result result;
    struct machine_builder *mb = plan_two_stages();
    bool found = false;
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    ck_assert_int_eq(rbk_explore(&arena, mb_machine(mb), NULL, &result), 0);
    for (uint32_t i = 0; i < result.violation_count; i++) {
        const struct rbk_explore_violation *violation = &result.violations[i];
        bool told = false;
        fprintf(stderr, "%s: %s\n", rbk_explore_property_name(violation->property),
                violation->text.data);
        if (strcmp(rbk_explore_property_name(violation->property), MUTANT_PROPERTY) != 0) {
            continue;
        }
        for (uint32_t k = 0; k < violation->line_count; k++) {
            fprintf(stderr, "%3u. %s\n", (unsigned)k + 1, violation->lines[k].text.data);
            told |= strstr(violation->lines[k].text.data, MUTANT_STORY) != NULL;
        }
        found = true;
        ck_assert_msg(told, "the story does not speak of \"%s\"", MUTANT_STORY);
    }
    ck_assert_msg(found, "nothing was found of the kind \"%s\"", MUTANT_PROPERTY);
    rbk_arena_fini(&arena);
    mb_free(mb);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore_mutant");
    TCase *tests = tcase_create("mutant");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_broken_decision_is_found_and_told);
    tcase_add_test(tests, it_is_found_whether_or_not_something_is_left_out);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
