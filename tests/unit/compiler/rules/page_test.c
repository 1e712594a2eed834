/*
 * The pages of the rules, and that each rule is what finds its page's bad plan: with the row of the
 * table switched off the code is gone. So a rule whose code is removed makes this fail.
 *
 * Left out of that are the codes that are no row's function: 100, 130, 140, 141, 161 and 170 come
 * from the scanner, parser, resolver and typer, which cannot be switched off without there being no
 * plan to judge, 150 from the exploration and 180 from lowering. tests/golden/rules_pages.sh
 * compiles their pages, and tests/golden/invalid has two plans or more for each.
 */
#include "compiler/compile.h"
#include "compiler/rules/page.h"
#include "compiler/rules/rules.h"
#include "runtime/core/base/buffer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* How often a plan gives a code, and anything else, with one rule switched off (0: with all). */
struct found {
    uint32_t code;
    uint32_t others;
};

static struct found compile_plan(struct rbk_str plan, unsigned code, unsigned rule_off)
{
    struct rbk_compile compile;
    struct found found = {0, 0};
    rbk_compile_open(&compile, NULL);
    compile.rule_off = (uint16_t)rule_off;
    rbk_compile_load_text(&compile, "page.rbk", plan);
    (void)!rbk_compile_analyse(&compile);
    for (const struct rbk_diagnostic *at = compile.diagnostics.first; at; at = at->next) {
        found.code += at->code == code;
        found.others += at->code != code;
    }
    rbk_compile_close(&compile);
    return found;
}

START_TEST(a_rule_that_is_taken_away_finds_nothing)
{
    uint32_t count;
    const struct rbk_rule *rules = rbk_rule_table(&count);
    const struct rbk_rule *rule = &rules[_i];
    const struct rbk_rule_page *page = rbk_rule_page_find(rule->code);
    ck_assert_uint_lt((unsigned)_i, count);
    if (!rule->check && !rule->check_stage) {
        return;
    }
    ck_assert_msg(page != NULL, "RBK%u has no page", (unsigned)rule->code);
    struct rbk_str bad = rbk_rule_page_plan(page, false);
    struct found with = compile_plan(bad, rule->code, 0);
    struct found without = compile_plan(bad, rule->code, rule->code);
    ck_assert_msg(with.code > 0, "RBK%u does not find its bad plan", (unsigned)rule->code);
    ck_assert_msg(with.others == 0, "the bad plan of RBK%u breaks another rule",
                  (unsigned)rule->code);
    ck_assert_msg(without.code == 0, "RBK%u is found without its rule", (unsigned)rule->code);
}
END_TEST

START_TEST(a_good_plan_has_no_findings)
{
    uint32_t count;
    const struct rbk_rule_page *pages = rbk_rule_pages(&count);
    for (uint32_t i = 0; i < count; i++) {
        struct found found = compile_plan(rbk_rule_page_plan(&pages[i], true), pages[i].code, 0);
        ck_assert_msg(found.code + found.others == 0, "the good plan of RBK%u",
                      (unsigned)pages[i].code);
    }
}
END_TEST

START_TEST(codes_are_read_in_any_spelling)
{
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("RBK121")), 121);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("rbk121")), 121);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("121")), 121);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("RBK12")), 0);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("1211")), 0);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("ABC121")), 0);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("RBK12x")), 0);
    ck_assert_uint_eq(rbk_rule_page_code(RBK_STR("")), 0);
    ck_assert_ptr_null(rbk_rule_page_find(0));
}
END_TEST

START_TEST(a_page_prints_without_marks)
{
    const struct rbk_rule_page *page = rbk_rule_page_find(101);
    struct rbk_buffer out;
    rbk_buffer_init(&out, 1 << 20);
    rbk_rule_page_print(page, &out);
    ck_assert_int_eq(out.error, 0);
    ck_assert(rbk_str_starts(rbk_buffer_str(&out), RBK_STR("RBK101: ")));
    ck_assert_ptr_null(strstr(out.data, "```"));
    ck_assert_ptr_null(strstr(out.data, "\n#"));
    ck_assert_ptr_nonnull(strstr(out.data, "\n    plan shop {"));
    ck_assert(rbk_rule_page_title(page).bytes > 10);
    rbk_buffer_fini(&out);
}
END_TEST

int main(void)
{
    uint32_t count;
    rbk_rule_table(&count);
    TCase *tests = tcase_create("pages");
    tcase_add_loop_test(tests, a_rule_that_is_taken_away_finds_nothing, 0, (int)count);
    tcase_add_test(tests, a_good_plan_has_no_findings);
    tcase_add_test(tests, codes_are_read_in_any_spelling);
    tcase_add_test(tests, a_page_prints_without_marks);
    Suite *suite = suite_create("compiler/rules/page");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
