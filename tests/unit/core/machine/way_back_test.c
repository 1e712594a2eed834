/*
 * What the conditions of a stage's strategies come to: open, closing, closed, or not to be said
 * yet.
 */
#include "runtime/core/way_back.h"

#include <check.h>
#include <stdlib.h>

/* A stage with up to three strategies. */
struct stage {
    struct rbk_machine machine;
    struct rbk_region region;
    struct rbk_strategy strategies[3];
    struct rbk_way ways[3];
};

/* @spelled  A letter for each strategy: O open, C closed, ? one look without an answer, ! two of
 *           them, . not read yet, a always open. */
static void stage_init(struct stage *stage, const char *spelled)
{
    *stage = (struct stage){.region = {.kind = RBK_REGION_STAGE}};
    stage->machine.regions = &stage->region;
    stage->machine.region_count = 1;
    stage->machine.strategies = stage->strategies;
    for (; spelled[stage->region.strategies.count] != '\0'; stage->region.strategies.count++) {
        uint32_t i = stage->region.strategies.count;
        char letter = spelled[i];
        stage->strategies[i].when = letter == 'a' ? RBK_NONE : 0;
        stage->ways[i].read = letter != '.' && letter != 'a';
        stage->ways[i].level = letter == 'O'   ? RBK_LEVEL_TRUE
                               : letter == 'C' ? RBK_LEVEL_FALSE
                                               : RBK_LEVEL_MISSING;
        stage->ways[i].unanswered = letter == '?' ? 1 : letter == '!' ? 2 : 0;
    }
}

static const struct {
    const char *ways;
    const char *first; /* when nothing was open before */
    const char *later;
} table[] = {
    {"O", "open", "open"},
    {"C", "closed", "closed"},
    {"?", "-", "closing"},
    {"!", "closed", "closed"},
    {".", "-", "-"},
    {"OC", "open", "open"},
    {"O?", "open", "open"},
    {"CO", "closing", "closing"},
    {"?O", "closing", "closing"},
    {"Ca", "closing", "closing"},
    {"?a", "closing", "closing"},
    {"Oa", "open", "open"},
    {"C?", "-", "closing"},
    {"C!", "closed", "closed"},
    {"CC", "closed", "closed"},
    {".O", "-", "-"},
    {".a", "-", "-"},
    {"CCO", "closing", "closing"},
    {"!!?", "-", "closing"},
};

START_TEST(the_ways_of_a_stage_come_to_one_word)
{
    static const char *const words[] = {"closed", "open", "closing"}; /* by level */
    for (int later = 0; later < 2; later++) {
        struct stage stage;
        enum rbk_level level = RBK_LEVEL_COUNT;
        stage_init(&stage, table[_i].ways);
        bool said = rbk_way_back_level(&stage.machine, 0, stage.ways, later, &level);
        const char *expected = later ? table[_i].later : table[_i].first;
        ck_assert_str_eq(said ? words[level] : "-", expected);
    }
}
END_TEST

START_TEST(a_condition_is_read_every_minute_unless_the_plan_says_otherwise)
{
    struct rbk_strategy strategy = {.when = 0};
    ck_assert_uint_eq(rbk_way_every_ms(&strategy), 60000);
    ck_assert_uint_eq(rbk_way_every_ms(&strategy), RBK_WAY_EVERY_MS);
    strategy.when_every_ms = 1;
    ck_assert_uint_eq(rbk_way_every_ms(&strategy), 1);
    strategy.when_every_ms = 1500;
    ck_assert_uint_eq(rbk_way_every_ms(&strategy), 1500);
    strategy.when = RBK_NONE;
    ck_assert_uint_eq(rbk_way_every_ms(&strategy), 0);
}
END_TEST

START_TEST(two_looks_without_an_answer_close_a_way_and_one_answer_opens_it)
{
    struct rbk_way way = {.level = RBK_LEVEL_MISSING};
    for (uint32_t i = 1; i <= 3; i++) {
        rbk_way_feed(&way, RBK_LEVEL_MISSING);
        ck_assert(way.read);
        ck_assert_uint_eq(way.unanswered, i < 2 ? i : 2);
    }
    rbk_way_feed(&way, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(way.unanswered, 0);
    ck_assert_int_eq(way.level, RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(a_state_keeps_what_was_said_of_a_way_back)
{
    for (int level = 0; level <= RBK_LEVEL_COUNT; level++) {
        uint32_t flags = rbk_way_back_flags((enum rbk_level)level);
        ck_assert_uint_eq(flags & ~RBK_FLAGS_WAY, 0);
        ck_assert_int_eq(rbk_way_back_of_flags(flags | RBK_FLAG_WINDOW_OPEN), level);
    }
}
END_TEST

START_TEST(a_way_back_that_was_not_read_is_not_told_as_open)
{
    static const bool open[] = {[RBK_LEVEL_FALSE] = false,
                                [RBK_LEVEL_TRUE] = true,
                                [RBK_LEVEL_MISSING] = true,
                                [RBK_LEVEL_COUNT] = false};
    static const char *const words[] = {[RBK_LEVEL_FALSE] = "closed",
                                        [RBK_LEVEL_TRUE] = "open",
                                        [RBK_LEVEL_MISSING] = "closing",
                                        [RBK_LEVEL_COUNT] = "unread"};
    for (int level = 0; level <= RBK_LEVEL_COUNT; level++) {
        struct rbk_region_state region = {.flags = rbk_way_back_flags((enum rbk_level)level)};
        ck_assert(rbk_way_back_open(&region) == open[level]);
        ck_assert_str_eq(rbk_way_back_word(&region), words[level]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core/way_back");
    TCase *tests = tcase_create("way_back");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, the_ways_of_a_stage_come_to_one_word, 0, (int)RBK_COUNT(table));
    tcase_add_test(tests, a_condition_is_read_every_minute_unless_the_plan_says_otherwise);
    tcase_add_test(tests, two_looks_without_an_answer_close_a_way_and_one_answer_opens_it);
    tcase_add_test(tests, a_state_keeps_what_was_said_of_a_way_back);
    tcase_add_test(tests, a_way_back_that_was_not_read_is_not_told_as_open);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
