/*
 * The lines a person reads: what happened, what changed because of it, what is asked now.
 */
#include "runtime/people/story.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/people/told.h"

static void approve(struct told *told)
{
    told_post(told, (struct rbk_record){.event = {.kind = RBK_EVENT_ANSWER,
                                                  .owner = RBK_OWNER_REGION,
                                                  .index = told_region(told, "migrate.approve.1"),
                                                  .answer = RBK_ANSWER_YES,
                                                  .seats = 1},
                                        .who = RBK_STR("dana")});
}

START_TEST(a_start_says_what_and_who)
{
    struct told told;
    told_start(&told, told_plan());
    ck_told(&told, "info||test starts as run r1, by dana\n");
    told_fini(&told);
}
END_TEST

START_TEST(a_question_comes_with_the_commands_that_answer_it)
{
    struct told told;
    told_start(&told, told_plan());
    ck_told(&told, "question|migrate|approve? ");
    ck_told(&told, "asked: dba");
    ck_told(&told, "; until 00:46:40, else abort\n");
    ck_told(&told, "question|migrate|  rbk approve r1 migrate.approve.1@1\n");
    ck_told(&told, "question|migrate|  rbk deny r1 migrate.approve.1@1\n");
    told_fini(&told);
}
END_TEST

START_TEST(commands_repeat_the_store_quoted_for_a_shell)
{
    struct told told;
    told_start(&told, told_plan());
    struct rbk_buffer text;
    rbk_buffer_init(&text, 4096);
    told.view.store = "/tmp/it's here/s.db";
    rbk_view_command(&told.view, "abort", RBK_STR(""), &text);
    ck_assert_str_eq(text.data, "rbk abort r1 --store '/tmp/it'\\''s here/s.db'");
    rbk_buffer_fini(&text);
    told_fini(&told);
}
END_TEST

START_TEST(an_answer_says_who_and_what_follows)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    ck_told(&told, "info|migrate|dana answered yes to migrate.approve.1\n");
    ck_told(&told, "quiet|migrate|applying\n");
    told_fini(&told);
}
END_TEST

START_TEST(a_good_step_says_how_long_it_took)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, "good|migrate|sql db file \"010_move_leads.sql\" ok in 1.2s\n");
    told_result(&told, "migrate.verify.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, "good|migrate|stands applied and verified\n");
    told_fini(&told);
}
END_TEST

START_TEST(evidence_without_a_value_to_show_is_told_to_be_there)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "migrate");
    struct told told;
    mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_CAPTURE);
    mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, stage, false, 0);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    told_start(&told, mb);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, " ok in 1.2s\n");
    told_fini(&told);
}
END_TEST

START_TEST(a_failed_step_says_why_and_that_its_stage_turns_round)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "ERROR 23505 duplicate key");
    ck_told(&told, "bad|migrate|sql db file \"010_move_leads.sql\" failed: ERROR 23505 duplicate "
                   "key\n");
    ck_told(&told, "warning|migrate|is to be rolled back: ");
    told_result(&told, "migrate.rollback.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "migrate.rollback_verify.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, "warning|migrate|is rolled back and verified\n");
    ck_told(&told, "warning||held: ");
    ck_told(&told, "  rbk retry r1 migrate   # try the stage again\n");
    told_fini(&told);
}
END_TEST

START_TEST(each_way_back_is_told_when_it_begins_whatever_it_begins_with)
{
    struct told told;
    told_start(&told, told_plan_of_two_ways());
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, NULL);
    ck_told(&told, "warning|migrate|rolls back (way 1 of 2)\n");
    told_result(&told, "migrate.rollback.1", RBK_OUTCOME_FAIL, NULL);
    ck_told(&told, "warning|migrate|rolls back (way 2 of 2)\n");
    told_result(&told, "migrate.rollback.3", RBK_OUTCOME_OK, NULL);
    ck_not_told(&told, "rolls back");
    told_fini(&told);
}
END_TEST

/* Somebody asks for something. */
static void told_command(struct told *told, enum rbk_command command)
{
    told_post(told, (struct rbk_record){
                        .event = {.kind = RBK_EVENT_COMMAND, .command = command, .index = RBK_NONE},
                        .who = RBK_STR("dana")});
}

START_TEST(a_pause_of_a_held_run_is_told_when_it_comes_and_when_it_is_carried_out)
{
    struct told told;
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "a");
    told_start(&told, mb);
    told_result(&told, "a.apply.1", RBK_OUTCOME_FAIL, "no");
    told_result(&told, "a.rollback.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "a.rollback_verify.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, "warning||held: ");
    ck_not_told(&told, "paused instead");
    told_command(&told, RBK_COMMAND_PAUSE);
    ck_told(&told, "warning||when the run would go on it is paused instead\n");
    told_command(&told, RBK_COMMAND_CONTINUE);
    ck_told(&told, "warning||the run is not paused when it goes on\n");
    told_command(&told, RBK_COMMAND_PAUSE);
    told_command(&told, RBK_COMMAND_RETRY);
    ck_told(&told, "warning||paused: a person asked for it; undecided until ");
    told_fini(&told);
}
END_TEST

/* A stage that goes back alone goes all the way before the run pauses. */
START_TEST(ctrl_c_is_told_with_when_the_pause_comes)
{
    struct told told;
    told_start(&told, told_plan_of_two_ways());
    told_command(&told, RBK_COMMAND_INTERRUPT);
    ck_told(&told, "interrupted: pauses after this step; once more stops at once\n");
    told_command(&told, RBK_COMMAND_CONTINUE);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, NULL);
    told_command(&told, RBK_COMMAND_INTERRUPT);
    ck_told(&told, "interrupted: pauses once what goes back is back; once more stops at once\n");
    told_fini(&told);
}
END_TEST

START_TEST(a_missing_rule_that_waited_for_an_answer_is_told_with_it)
{
    struct told told;
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "a");
    uint32_t notify = mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE);
    uint32_t question = mb_question(mb, RBK_QUESTION_APPROVE, 0, 2000, notify);
    (void)mb_trigger(mb, RBK_NONE, mb_reaction(mb, RBK_REACTION_ABORT, question),
                     mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE));
    told_start(&told, mb);
    run_trigger(&told.run, 0, RBK_LEVEL_TRUE);
    run_trigger(&told.run, 0, RBK_LEVEL_FALSE);
    run_trigger(&told.run, 0, RBK_LEVEL_MISSING);
    told_post(&told, (struct rbk_record){.event = {.kind = RBK_EVENT_ANSWER,
                                                   .owner = RBK_OWNER_TRIGGER,
                                                   .answer = RBK_ANSWER_NO,
                                                   .seats = 1},
                                         .who = RBK_STR("dana")});
    ck_told(&told, "cannot be read -> pause\n");
    ck_told(&told, "warning||paused: trigger ");
    told_fini(&told);
}
END_TEST

START_TEST(what_now_of_a_held_run_has_the_pause_that_waits)
{
    struct told told;
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "a");
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    (void)mb_trigger(mb, RBK_NONE, pause, pause);
    told_start(&told, mb);
    run_trigger(&told.run, 0, RBK_LEVEL_TRUE);
    told_result(&told, "a.apply.1", RBK_OUTCOME_FAIL, "no");
    told_result(&told, "a.rollback.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "a.rollback_verify.1", RBK_OUTCOME_OK, NULL);
    ck_told(&told, "warning||when it would go on it is paused instead: trigger ");
    ck_told(&told, "rbk continue r1   # take that pause back\n");
    told_fini(&told);
}
END_TEST

START_TEST(what_now_of_a_run_whose_head_failed_speaks_of_no_stage)
{
    struct told told;
    struct machine_builder *mb = mb_new();
    (void)mb_plan_step(mb, RBK_PHASE_REQUIRE, RBK_EFFECT_CHECK);
    (void)mb_plain_stage(mb, "a");
    told_start(&told, mb);
    told_result(&told, "plan.require.1", RBK_OUTCOME_FAIL, NULL);
    ck_told(&told, "warning||no stage has begun: ");
    ck_told(&told, "rbk retry r1   # begin again\n");
    ck_not_told(&told, "|stage ");
    told_fini(&told);
}
END_TEST

START_TEST(output_of_a_failed_step_is_indented_and_bounded)
{
    struct told told;
    struct rbk_buffer detail;
    told_start(&told, told_plan());
    approve(&told);
    rbk_buffer_init(&detail, 4096);
    for (int i = 1; i <= 20; i++) {
        rbk_buffer_printf(&detail, "line %d\n", i);
    }
    uint32_t region = told_region(&told, "migrate.apply.1");
    told_post(
        &told,
        (struct rbk_record){
            .event = {.kind = RBK_EVENT_RESULT,
                      .serial = rbk_state_region(told.run.machine, told.run.state, region)->serial,
                      .outcome = RBK_OUTCOME_FAIL},
            .detail = rbk_buffer_str(&detail)});
    ck_told(&told, "quiet|migrate|  | (8 lines before)\n");
    ck_told(&told, "quiet|migrate|  | line 20\n");
    ck_not_told(&told, "| line 8\n");
    rbk_buffer_fini(&detail);
    told_fini(&told);
}
END_TEST

/* No `else` turns or stops a way back, and a doubt that the plan has no words for has none. */
START_TEST(what_silence_means_is_told_wherever_a_step_is_in_doubt)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    if (_i == 0) {
        told_result(&told, "migrate.apply.1", RBK_OUTCOME_DOUBT, "gone");
        ck_told(&told, ", else abort\n");
    } else if (_i == 1) {
        told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "no");
        told_result(&told, "migrate.rollback.1", RBK_OUTCOME_DOUBT, "gone");
        ck_told(&told, ", else this way back has failed\n");
    } else {
        told_post(&told, (struct rbk_record){.event = {.kind = RBK_EVENT_COMMAND,
                                                       .command = RBK_COMMAND_ABORT}});
        told_result(&told, "migrate.apply.1", RBK_OUTCOME_DOUBT, "gone");
        ck_told(&told, ", else what is to follow begins\n");
    }
    ck_told(&told, "did it happen? ");
    ck_assert_str_eq(told.track.regions[1].doubt, "gone");
    told_fini(&told);
}
END_TEST

START_TEST(who_is_told_of_a_stuck_run_and_who_is_next_can_be_seen)
{
    struct told told;
    struct rbk_buffer text;
    struct machine_builder *mb = told_plan();
    mb_escalation(mb, 0);
    mb_escalation(mb, 600000);
    told_start(&told, mb);
    approve(&told);
    rbk_buffer_init(&text, 4096);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "no");
    rbk_view_escalation(&told.view, told.run.state, told.run.now_ms, &text);
    ck_assert_uint_eq(text.bytes, 0); /* nobody is before it is stuck */
    told_result(&told, "migrate.rollback.1", RBK_OUTCOME_FAIL, "still no");
    rbk_view_escalation(&told.view, told.run.state, told.run.now_ms + 9000, &text);
    ck_assert_str_eq(text.data, "dba; dba in 9m 51s");
    rbk_buffer_fini(&text);
    told_fini(&told);
}
END_TEST

START_TEST(a_stuck_run_says_what_a_person_can_do)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "no");
    told_result(&told, "migrate.rollback.1", RBK_OUTCOME_FAIL, "still no");
    ck_told(&told, "bad|migrate|is stuck: no way back is left\n");
    ck_told(&told, "  rbk resolve r1 migrate done --reason WHY");
    told_fini(&told);
}
END_TEST

START_TEST(a_trigger_says_what_it_brings_about)
{
    struct told told;
    struct machine_builder *mb = told_plan();
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t question = mb_question(mb, RBK_QUESTION_APPROVE, 1, 120000, abort);
    uint32_t trigger =
        mb_trigger(mb, RBK_NONE, mb_reaction(mb, RBK_REACTION_ABORT, question), abort);
    mb_trigger_row(mb, trigger)->name = RBK_STR("errors");
    told_start(&told, mb);
    approve(&told);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    told_post(&told,
              (struct rbk_record){
                  .event = {.kind = RBK_EVENT_TRIGGER, .index = trigger, .level = RBK_LEVEL_TRUE}});
    ck_told(&told, "trigger errors fired: ");
    ck_told(&told, " -> abort with approval of dba within 2m else abort, until 00:18:40\n");
    ck_told(&told, "  rbk approve r1 trigger.errors@4\n");
    told_fini(&told);
}
END_TEST

START_TEST(an_edge_that_was_reacted_to_is_not_told_as_a_new_one)
{
    static const struct {
        enum rbk_level level;
        const char *line;
    } levels[] = {
        {RBK_LEVEL_TRUE, "trigger errors fired: "},
        {RBK_LEVEL_MISSING, "trigger errors cannot be read; it has been reacted to\n"},
        {RBK_LEVEL_TRUE, "trigger errors holds still: "},
        {RBK_LEVEL_FALSE, "trigger errors is quiet again\n"},
        {RBK_LEVEL_TRUE, "trigger errors fired: "},
    };
    struct told told;
    struct machine_builder *mb = told_plan();
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t trigger = mb_trigger(mb, RBK_NONE, pause, pause);
    mb_trigger_row(mb, trigger)->name = RBK_STR("errors");
    told_start(&told, mb);
    approve(&told);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    for (size_t i = 0; i < RBK_COUNT(levels); i++) {
        told_post(&told, (struct rbk_record){.event = {.kind = RBK_EVENT_TRIGGER,
                                                       .index = trigger,
                                                       .level = levels[i].level}});
        ck_told(&told, levels[i].line);
    }
    told_fini(&told);
}
END_TEST

START_TEST(a_take_over_and_what_was_found_out_are_told)
{
    struct told told;
    told_start(&told, told_plan());
    approve(&told);
    told_post(&told,
              (struct rbk_record){.event = {.kind = RBK_EVENT_RESUMED}, .who = RBK_STR("dirk")});
    ck_told(&told, "info||a new runner took the run over, by dirk\n");
    uint32_t region = told_region(&told, "migrate.apply.1");
    told_post(
        &told,
        (struct rbk_record){
            .event = {.kind = RBK_EVENT_RESOLVED,
                      .serial = rbk_state_region(told.run.machine, told.run.state, region)->serial,
                      .recovery = RBK_RECOVERY_KNOWN,
                      .outcome = RBK_OUTCOME_OK}});
    ck_told(&told, "had ended well before the interruption\n");
    told_fini(&told);
}
END_TEST

START_TEST(progress_counts_the_effects_of_the_way)
{
    struct told told;
    uint32_t done = 0, total = 0;
    told_start(&told, told_plan());
    const struct rbk_region_state *rs = rbk_state_region(told.run.machine, told.run.state, 1);
    ck_assert(rbk_track_progress(&told.track, rs->state, &done, &total));
    ck_assert_uint_eq(done, 0);
    ck_assert_uint_eq(total, 3);
    approve(&told);
    ck_assert(rbk_track_progress(&told.track, rs->state, &done, &total));
    ck_assert_uint_eq(done, 1);
    told_result(&told, "migrate.apply.1", RBK_OUTCOME_FAIL, "no");
    ck_assert(rbk_track_progress(&told.track, rs->state, &done, &total));
    ck_assert_uint_eq(done, 0);
    ck_assert_uint_eq(total, 2);
    ck_assert_str_eq(told.track.regions[1].failure, "no");
    told_fini(&told);
}
END_TEST

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    TCase *cases = tcase_create("story");
    tcase_add_test(cases, a_start_says_what_and_who);
    tcase_add_test(cases, a_question_comes_with_the_commands_that_answer_it);
    tcase_add_test(cases, commands_repeat_the_store_quoted_for_a_shell);
    tcase_add_test(cases, an_answer_says_who_and_what_follows);
    tcase_add_test(cases, a_good_step_says_how_long_it_took);
    tcase_add_test(cases, evidence_without_a_value_to_show_is_told_to_be_there);
    tcase_add_test(cases, a_failed_step_says_why_and_that_its_stage_turns_round);
    tcase_add_test(cases, each_way_back_is_told_when_it_begins_whatever_it_begins_with);
    tcase_add_test(cases, a_pause_of_a_held_run_is_told_when_it_comes_and_when_it_is_carried_out);
    tcase_add_test(cases, ctrl_c_is_told_with_when_the_pause_comes);
    tcase_add_test(cases, a_missing_rule_that_waited_for_an_answer_is_told_with_it);
    tcase_add_test(cases, what_now_of_a_held_run_has_the_pause_that_waits);
    tcase_add_test(cases, what_now_of_a_run_whose_head_failed_speaks_of_no_stage);
    tcase_add_test(cases, output_of_a_failed_step_is_indented_and_bounded);
    tcase_add_loop_test(cases, what_silence_means_is_told_wherever_a_step_is_in_doubt, 0, 3);
    tcase_add_test(cases, who_is_told_of_a_stuck_run_and_who_is_next_can_be_seen);
    tcase_add_test(cases, a_stuck_run_says_what_a_person_can_do);
    tcase_add_test(cases, a_trigger_says_what_it_brings_about);
    tcase_add_test(cases, an_edge_that_was_reacted_to_is_not_told_as_a_new_one);
    tcase_add_test(cases, a_take_over_and_what_was_found_out_are_told);
    tcase_add_test(cases, progress_counts_the_effects_of_the_way);
    Suite *suite = suite_create("people/story");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
