/*
 * The block below the log: everything a person must see, whatever the size of the terminal.
 */
#include "runtime/people/frame.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/people/sanitize.h"
#include "tests/unit/people/told.h"

static void draw(struct told *told, struct rbk_frame *frame, const struct rbk_style *style,
                 size_t columns, size_t rows)
{
    struct rbk_picture picture = {.view = &told->view,
                                  .state = told->run.state,
                                  .track = &told->track,
                                  .style = style,
                                  .now_ms = told->run.now_ms,
                                  .columns = columns,
                                  .rows = rows};
    rbk_frame_draw(frame, &picture);
}

/* Every line fits, and there are no more than fit. */
static void check_size(const struct rbk_frame *frame, size_t columns, size_t rows)
{
    struct rbk_str rest = rbk_buffer_str(&frame->text);
    size_t count = 0;
    while (rest.bytes != 0) {
        size_t end = rbk_str_find(rest, '\n');
        size_t width = rbk_sanitize_columns(rbk_str_slice(rest, 0, end));
        ck_assert_uint_le(width, columns - 1);
        ck_assert_uint_eq(width, frame->line_columns[count]);
        count++;
        rest = rbk_str_slice(rest, end + 1, rest.bytes);
    }
    ck_assert_uint_eq(count, frame->line_count);
    ck_assert_uint_le(count, rows - 1);
}

#define ck_drawn(frame, expected)                                                                  \
    ck_assert_msg(strstr((frame)->text.data, (expected)) != NULL, "no \"%s\" in:\n%s", (expected), \
                  (frame)->text.data)

START_TEST(a_question_and_its_commands_are_always_drawn)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, "running  0s");
    ck_drawn(&frame, "nothing to take back");
    ck_drawn(&frame, " ? migrate  for approval");
    ck_drawn(&frame, "30m 00s left\n");
    ck_drawn(&frame, "rbk approve r1 migrate.approve.1@1\n");
    draw(&told, &frame, &style, 60, 8);
    check_size(&frame, 60, 8);
    ck_drawn(&frame, "rbk deny r1 migrate.approve.1@1\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(a_step_under_way_shows_its_time)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(true);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    told_post(&told, (struct rbk_record){.event = {.kind = RBK_EVENT_ANSWER,
                                                   .owner = RBK_OWNER_REGION,
                                                   .index = 1,
                                                   .answer = RBK_ANSWER_YES,
                                                   .seats = 1}});
    told.run.now_ms += 62000;
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, "▶ migrate  applying");
    ck_drawn(&frame, "[█████░░░░░░░░░] 1/3");
    ck_drawn(&frame, "sql db file \"010_move_leads.sql\"");
    ck_drawn(&frame, "1m 02s of 8m\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(a_stuck_stage_shows_the_way_on)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    told_post(
        &told,
        (struct rbk_record){
            .event = {.kind = RBK_EVENT_ANSWER, .index = 1, .answer = RBK_ANSWER_YES, .seats = 1}});
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "no");
    told_result(&told, "migrate.rollback.1", RBK_OUTCOME_FAIL, "still no");
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, "stuck");
    ck_drawn(&frame, "rbk retry r1 migrate");
    /* What began it at the top, what it is stuck by below the stage. */
    ck_drawn(&frame, " why: sql db file \"010_move_leads.sql\" (migrate.apply.1) failed\n");
    ck_drawn(&frame, "(migrate.rollback.1) failed: still\n     no\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(many_stages_are_counted_around_the_one_under_way)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = mb_new();
    char name[16];
    for (int i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        (void)mb_plain_stage(mb, name);
    }
    told_start(&told, mb);
    rbk_frame_init(&frame);
    for (int i = 0; i < 30; i++) {
        (void)snprintf(name, sizeof(name), "s%d.apply.1", i);
        told_result(&told, name, RBK_OUTCOME_OK, NULL);
        (void)snprintf(name, sizeof(name), "s%d.verify.1", i);
        told_result(&told, name, RBK_OUTCOME_OK, NULL);
    }
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, "   ... 21 more applied, 21 waiting\n");
    ck_drawn(&frame, " > s30");
    ck_drawn(&frame, " + s29");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(a_stage_that_waits_says_for_what)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct rbk_buffer text;
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "first");
    uint32_t second = mb_plain_stage(mb, "second");
    mb_region(mb, second)->not_before_ms = 2000000;
    told_start(&told, mb);
    rbk_frame_init(&frame);
    rbk_buffer_init(&text, 4096);
    rbk_view_waits_for(&told.view, told.run.state, second, &text);
    ck_assert_str_eq(text.data, "after first");
    told_result(&told, "first.apply.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "first.verify.1", RBK_OUTCOME_OK, NULL);
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, " . second  waits until 00:33:20");
    rbk_buffer_fini(&text);
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(a_stage_waits_for_one_that_stands_applied_and_is_told_to_go_back)
{
    struct told told;
    struct rbk_buffer text;
    struct machine_builder *mb = mb_new();
    uint32_t first = mb_plain_stage(mb, "first");
    uint32_t second = mb_plain_stage(mb, "second");
    mb_region(mb, second)->not_before_ms = 2000000;
    told_start(&told, mb);
    rbk_buffer_init(&text, 4096);
    told_result(&told, "first.apply.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "first.verify.1", RBK_OUTCOME_OK, NULL);
    rbk_state_region(told.run.machine, told.run.state, first)->target =
        told.run.machine->regions[first].rollback;
    rbk_view_waits_for(&told.view, told.run.state, second, &text);
    ck_assert_str_eq(text.data, "after first");
    rbk_buffer_fini(&text);
    told_fini(&told);
}
END_TEST

START_TEST(an_observed_run_says_how_long)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "only");
    mb_observe(mb);
    told_start(&told, mb);
    rbk_frame_init(&frame);
    told_result(&told, "only.apply.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "only.verify.1", RBK_OUTCOME_OK, NULL);
    draw(&told, &frame, &style, 80, 24);
    ck_drawn(&frame, "observing until 00:17:40, 1m 00s left");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(names_from_outside_do_not_control_the_terminal)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = told_plan();
    mb_machine(mb)->title = RBK_STR("\033[2Jgone");
    told_start(&told, mb);
    rbk_frame_init(&frame);
    draw(&told, &frame, &style, 80, 24);
    ck_assert_ptr_null(strchr(frame.text.data, '\033'));
    ck_drawn(&frame, "\\x1b[2Jgone");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

/* The reason, the failure and each whole command, on a terminal that is not wide enough for them.
 */
START_TEST(a_command_is_never_cut)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    told.view.store = "/var/lib/rbk/store of the team.db";
    draw(&told, &frame, &style, 60, 24);
    check_size(&frame, 60, 24);
    ck_drawn(&frame, "     rbk approve r1 migrate.approve.1@1 --store \\\n"
                     "       '/var/lib/rbk/store of the team.db'\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

static bool holds_for_40_seconds(void *context, uint32_t region, struct rbk_check_fact *ret_fact)
{
    (void)context;
    (void)region;
    *ret_fact = (struct rbk_check_fact){.holds = true, .held_ms = 40000, .retries_used = 2};
    return true;
}

static bool two_unsent(void *context, struct rbk_unsent_fact *ret_fact)
{
    (void)context;
    *ret_fact = (struct rbk_unsent_fact){.count = 2, .reason = "connection refused\033[2J"};
    return true;
}

START_TEST(what_only_the_runner_knows_is_drawn)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct rbk_facts facts = {.check = holds_for_40_seconds, .unsent = two_unsent};
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "only");
    uint32_t handle = mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_CHECK);
    mb_effect(mb, handle)->text = RBK_STR("check \"errors stay low\" errors < 1%");
    mb_effect(mb, handle)->for_ms = 60000;
    mb_effect(mb, handle)->retry_count = 9;
    mb_strategy(mb, stage, false, 60000);
    (void)mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    told_start(&told, mb);
    rbk_frame_init(&frame);
    struct rbk_picture picture = {.view = &told.view,
                                  .state = told.run.state,
                                  .track = &told.track,
                                  .style = &style,
                                  .facts = &facts,
                                  .now_ms = told.run.now_ms,
                                  .columns = 120,
                                  .rows = 24};
    rbk_frame_draw(&frame, &picture);
    check_size(&frame, 120, 24);
    ck_drawn(
        &frame,
        "     try 3 of 10: check \"errors stay low\"  [#########-----] held 40s of 1m  errors < 1%");
    ck_drawn(&frame, " ! 2 messages not sent yet: connection refused\\x1b[2J\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

static bool holds_for_a_while(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact)
{
    (void)context;
    (void)trigger;
    *ret_fact = (struct rbk_trigger_fact){.holds = true, .held_ms = 40000};
    return true;
}

START_TEST(a_trigger_says_what_it_waits_for)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct rbk_facts facts = {.trigger = holds_for_a_while};
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "only");
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t hold = mb_hold(mb, 300000, pause);
    uint32_t slow = mb_trigger(mb, RBK_NONE, pause, pause);
    uint32_t sure = mb_trigger(mb, RBK_NONE, pause, pause);
    uint32_t blind = mb_trigger(mb, RBK_NONE, pause, hold);
    mb_trigger_row(mb, slow)->name = RBK_STR("slow");
    mb_trigger_row(mb, slow)->for_ms = 120000;
    mb_trigger_row(mb, sure)->name = RBK_STR("sure");
    mb_trigger_row(mb, sure)->confirm_ms = 30000;
    mb_trigger_row(mb, blind)->name = RBK_STR("blind");
    told_start(&told, mb);
    rbk_frame_init(&frame);
    struct rbk_picture picture = {.view = &told.view,
                                  .state = told.run.state,
                                  .track = &told.track,
                                  .style = &style,
                                  .facts = &facts,
                                  .now_ms = told.run.now_ms,
                                  .columns = 80,
                                  .rows = 24};
    told_post(&told, (struct rbk_record){.event = {.kind = RBK_EVENT_TRIGGER,
                                                   .index = blind,
                                                   .level = RBK_LEVEL_MISSING}});
    rbk_frame_draw(&frame, &picture);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, " 3 of 3 triggers armed\n");
    ck_drawn(&frame, "holds for 40s of 2m\n");
    ck_drawn(&frame, "a second look\n");
    ck_drawn(&frame, " ! blind");
    ck_drawn(&frame, "pause in 5m 00s\n");
    told_post(&told,
              (struct rbk_record){
                  .event = {.kind = RBK_EVENT_TRIGGER, .index = slow, .level = RBK_LEVEL_TRUE}});
    picture.rows = 13;
    rbk_frame_draw(&frame, &picture);
    check_size(&frame, 80, 13);
    ck_drawn(&frame, "nearest to firing:\n");
    ck_drawn(&frame, "fired\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(an_abort_says_why_and_how_long_it_may_take)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = told_plan();
    told_start(&told, mb);
    rbk_frame_init(&frame);
    told_post(
        &told,
        (struct rbk_record){
            .event = {.kind = RBK_EVENT_ANSWER, .index = 1, .answer = RBK_ANSWER_YES, .seats = 1}});
    told_post(&told, (struct rbk_record){
                         .event = {.kind = RBK_EVENT_COMMAND, .command = RBK_COMMAND_ABORT}});
    told.run.now_ms += 65000;
    draw(&told, &frame, &style, 80, 24);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, "aborting  1m 05s\n");
    ck_drawn(&frame, "[#-------------] 1m 05s of 15m");
    ck_drawn(&frame, " why: a person asked for it\n");
    ck_drawn(&frame, "stopping: sql db file");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(any_size_is_drawn)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(true);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    for (size_t columns = 20; columns < 200; columns += 7) {
        for (size_t rows = 5; rows < 60; rows += 3) {
            draw(&told, &frame, &style, columns, rows);
            check_size(&frame, columns, rows);
        }
    }
    draw(&told, &frame, &style, 0, 0);
    check_size(&frame, 20, 5);
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

/* A question, a stage that waits and one that stands applied want more lines than there are. */
START_TEST(no_size_gets_more_lines_than_it_has)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(true);
    struct machine_builder *mb = told_plan();
    for (int i = 0; i < 3; i++) {
        (void)mb_plain_stage(mb, i == 0 ? "one" : i == 1 ? "two" : "three");
    }
    told_start(&told, mb);
    rbk_frame_init(&frame);
    for (size_t columns = 20; columns < 100; columns += 10) {
        for (size_t rows = 5; rows < 20; rows++) {
            draw(&told, &frame, &style, columns, rows);
            check_size(&frame, columns, rows);
        }
    }
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(what_does_not_fit_is_said_to_be_elsewhere)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    told_start(&told, told_plan());
    rbk_frame_init(&frame);
    told.view.store = "/var/lib/rbk/store of the team.db";
    draw(&told, &frame, &style, 60, 8);
    check_size(&frame, 60, 8);
    ck_drawn(&frame, " ? approve?");
    ck_drawn(&frame, "   ... more: rbk status r1\n");
    draw(&told, &frame, &style, 60, 9);
    check_size(&frame, 60, 9);
    ck_assert_ptr_null(strstr(frame.text.data, "more: rbk"));
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(what_silence_means_is_not_cut)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = told_plan();
    told_start(&told, mb);
    ((struct rbk_role *)(uintptr_t)(const void *)&told.view.machine->roles[0])->contact =
        RBK_STR("the-team-that-is-on-call-this-week-and-the-next@pager.infrastructure.example.com");
    rbk_frame_init(&frame);
    draw(&told, &frame, &style, 60, 24);
    check_size(&frame, 60, 24);
    ck_drawn(&frame, "          by 00:46:40, else abort\n");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

START_TEST(a_trigger_that_nobody_reads_is_not_quiet)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "only");
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    mb_trigger_row(mb, mb_trigger(mb, RBK_NONE, pause, pause))->name = RBK_STR("errors");
    told_start(&told, mb);
    rbk_frame_init(&frame);
    draw(&told, &frame, &style, 80, 24);
    ck_drawn(&frame, "not read");
    ck_assert_ptr_null(strstr(frame.text.data, "quiet"));
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

static bool nearly(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact)
{
    (void)context;
    *ret_fact = (struct rbk_trigger_fact){.holds = trigger != 0,
                                          .true_readings = 2,
                                          .gauge = {.compared = true,
                                                    .has_reading = true,
                                                    .has_share = true,
                                                    .share = trigger == 0 ? 0.999 : 1,
                                                    .reading = "30"}};
    return true;
}

START_TEST(only_what_is_reached_fills_its_bar_and_names_keep_their_ends)
{
    struct told told;
    struct rbk_frame frame;
    struct rbk_style style = rbk_style_plain(false);
    struct rbk_facts facts = {.trigger = nearly};
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "move_the_orders_of_region_eu_1");
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t near = mb_trigger(mb, RBK_NONE, pause, pause);
    uint32_t there = mb_trigger(mb, RBK_NONE, pause, pause);
    mb_trigger_row(mb, near)->name = RBK_STR("near");
    mb_trigger_row(mb, there)->name = RBK_STR("there");
    mb_trigger_row(mb, there)->for_readings = 3;
    told_start(&told, mb);
    rbk_frame_init(&frame);
    struct rbk_picture picture = {.view = &told.view,
                                  .state = told.run.state,
                                  .track = &told.track,
                                  .style = &style,
                                  .facts = &facts,
                                  .now_ms = told.run.now_ms,
                                  .columns = 80,
                                  .rows = 24};
    rbk_frame_draw(&frame, &picture);
    check_size(&frame, 80, 24);
    ck_drawn(&frame, " near                [#############-] 30 ");
    ck_drawn(&frame, " there               [##############] 30 ");
    ck_drawn(&frame, "holds in 2 of 3 readings\n");
    ck_drawn(&frame, " > move_the_or~n_eu_1 ");
    rbk_frame_fini(&frame);
    told_fini(&told);
}
END_TEST

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    TCase *cases = tcase_create("frame");
    tcase_add_test(cases, a_question_and_its_commands_are_always_drawn);
    tcase_add_test(cases, a_step_under_way_shows_its_time);
    tcase_add_test(cases, a_stuck_stage_shows_the_way_on);
    tcase_add_test(cases, many_stages_are_counted_around_the_one_under_way);
    tcase_add_test(cases, a_stage_that_waits_says_for_what);
    tcase_add_test(cases, a_stage_waits_for_one_that_stands_applied_and_is_told_to_go_back);
    tcase_add_test(cases, an_observed_run_says_how_long);
    tcase_add_test(cases, names_from_outside_do_not_control_the_terminal);
    tcase_add_test(cases, a_command_is_never_cut);
    tcase_add_test(cases, what_only_the_runner_knows_is_drawn);
    tcase_add_test(cases, a_trigger_says_what_it_waits_for);
    tcase_add_test(cases, an_abort_says_why_and_how_long_it_may_take);
    tcase_add_test(cases, any_size_is_drawn);
    tcase_add_test(cases, no_size_gets_more_lines_than_it_has);
    tcase_add_test(cases, what_does_not_fit_is_said_to_be_elsewhere);
    tcase_add_test(cases, what_silence_means_is_not_cut);
    tcase_add_test(cases, a_trigger_that_nobody_reads_is_not_quiet);
    tcase_add_test(cases, only_what_is_reached_fills_its_bar_and_names_keep_their_ends);
    Suite *suite = suite_create("people/frame");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
