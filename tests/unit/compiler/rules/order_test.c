/*
 * The order of stages, and when triggers are armed: small plans, and each pair asked.
 */
#include "compiler/rules/order.h"

#include "compiler/compile.h"
#include "compiler/rules/armed.h"
#include "runtime/core/base/buffer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_compile compile;
static struct rbk_rules rules;

/* A plan of stages a to d; what stands in each, and at the head. */
static void analyse(const char *head, const char *const items[4])
{
    static const char names[] = "abcd";
    struct rbk_buffer text;
    rbk_buffer_init(&text, 1 << 16);
    rbk_buffer_printf(&text, "plan p {\n    probe load = host.load() every 5s\n%s\n", head);
    for (int i = 0; i < 4; i++) {
        rbk_buffer_printf(&text,
                          "    stage %c {\n        unwatched because \"a test\"\n        %s\n"
                          "        apply within 1m { run \"touch %c\" idempotent }\n"
                          "        verify within 1m { check \"c\" file.exists(\"%c\") }\n"
                          "        rollback within 1m {\n            run \"rm -f %c\" idempotent\n"
                          "            verify { check \"c\" not file.exists(\"%c\") }\n        }\n"
                          "    }\n",
                          names[i], items[i], names[i], names[i], names[i], names[i]);
    }
    rbk_buffer_append_str(&text, RBK_STR("}\n"));
    rbk_compile_open(&compile, NULL);
    rbk_compile_load_text(&compile, "p.rbk", rbk_buffer_str(&text));
    (void)!rbk_compile_analyse(&compile);
    rules = (struct rbk_rules){.compile = &compile,
                               .program = &compile.program,
                               .source = compile.program.files[0]->tree->source};
    rbk_buffer_fini(&text);
}

static void close_compile(void)
{
    rbk_compile_close(&compile);
}

/* Which stages come before which: "ab ac" says a before b, and a before c. */
static void expect_order(const char *expected, bool concurrency)
{
    const struct rbk_stage_order *order = rbk_stage_order(&rules);
    ck_assert_int_eq(order->has_concurrency, concurrency);
    for (uint32_t first = 0; first < 4; first++) {
        for (uint32_t second = 0; second < 4; second++) {
            char pair[3] = {(char)('a' + first), (char)('a' + second), '\0'};
            bool before = strstr(expected, pair) != NULL;
            ck_assert_msg(rbk_stage_before(order, first, second) == before, "%s", pair);
        }
    }
}

START_TEST(stages_without_after_run_as_they_are_written)
{
    analyse("", (const char *const[]){"", "", "", ""});
    expect_order("ab ac ad bc bd cd", false);
}
END_TEST

START_TEST(after_says_who_comes_before_whom)
{
    analyse("", (const char *const[]){"", "after nothing", "after a, b", ""});
    expect_order("ac ad bc bd cd", true);
    ck_assert(rbk_stage_concurrent(rules.order, 0, 1));
    ck_assert(!rbk_stage_concurrent(rules.order, 0, 0));
    ck_assert(!rbk_stage_concurrent(rules.order, 0, 3));
}
END_TEST

START_TEST(after_may_name_a_stage_below)
{
    analyse("", (const char *const[]){"after d", "after nothing", "after a", "after b"});
    expect_order("bd ba bc da dc ac", false);
}
END_TEST

START_TEST(a_cycle_leaves_the_order_of_the_page)
{
    analyse("", (const char *const[]){"after d", "", "", ""});
    expect_order("ab ac ad bc bd cd", false);
}
END_TEST

/* When the first trigger is armed: for each stage `u` under way, `s` once it stands, `-` neither.
 */
static void expect_armed(const char *expected)
{
    const struct rbk_tree_statement *trigger = compile.program.triggers.items[0];
    for (uint32_t i = 0; i < 4; i++) {
        const struct rbk_tree_statement *stage = rbk_rules_stages(&rules)->items[i];
        bool under_way = rbk_armed_under_way(&rules, trigger, stage);
        bool applied = rbk_armed_applied(&rules, trigger, stage);
        char found = under_way ? (applied ? 'b' : 'u') : (applied ? 's' : '-');
        ck_assert_msg(found == expected[i], "stage %c: %c, expected %c", (char)('a' + i), found,
                      expected[i]);
    }
}

/* A trigger at the head (or in stage c) of a plan whose stages run one by one, and of one in which
 * b and c run beside each other after a. `b`: both, `u`: under way only, `s`: standing only. */
static const struct {
    const char *clauses;
    bool in_stage;
    const char *one_by_one;
    const char *side_by_side;
} armings[] = {
    {"", false, "bbbb", "bbbb"},
    {"since b", false, "-sbb", "-s-b"},
    {"since b started", false, "-bbb", "-b-b"},
    {"except during a", false, "sbbb", "sbbb"},
    {"except during b", false, "usbb", "us-b"},
    {"except during d", false, "uuus", "uuus"},
    {"except during a, b", false, "-sbb", "-s-b"},
    {"", true, "--bb", "--bb"},
    {"since a", true, "--bb", "--bb"},
    {"since c", true, "--sb", "--sb"},
    {"since d", true, "---s", "---s"},
    {"during apply", true, "----", "----"},
};

START_TEST(a_trigger_is_armed_as_it_says)
{
    char trigger[128];
    snprintf(trigger, sizeof(trigger), "    trigger t when load > 5.0 %s then pause\n",
             armings[_i].clauses);
    const char *head = armings[_i].in_stage ? "" : trigger;
    char in_c[160];
    snprintf(in_c, sizeof(in_c), "after a %s", armings[_i].in_stage ? trigger : "");
    analyse(head, (const char *const[]){"", "", armings[_i].in_stage ? trigger : "", ""});
    expect_armed(armings[_i].one_by_one);
    rbk_compile_close(&compile);
    analyse(head, (const char *const[]){"", "", in_c, "after b, c"});
    expect_armed(armings[_i].side_by_side);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/rules/order");
    TCase *tests = tcase_create("order");
    tcase_add_checked_fixture(tests, NULL, close_compile);
    tcase_add_test(tests, stages_without_after_run_as_they_are_written);
    tcase_add_test(tests, after_says_who_comes_before_whom);
    tcase_add_test(tests, after_may_name_a_stage_below);
    tcase_add_test(tests, a_cycle_leaves_the_order_of_the_page);
    tcase_add_loop_test(tests, a_trigger_is_armed_as_it_says, 0,
                        (int)(sizeof(armings) / sizeof(armings[0])));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
