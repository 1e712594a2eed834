/*
 * Reports of runs that are driven by step() in virtual time: what a real run would need days for,
 * or a hundred thousand events. RBK_TEST_PAGES=FOLDER leaves the pages there to look at.
 */
#include "runtime/report/report.h"

#include "tests/unit/people/told.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE ((uint64_t)60000)
#define HOUR (60 * MINUTE)

/* A run that is told to a report. */
struct reported {
    struct told told;
    struct rbk_run_report *report;
    struct rbk_buffer text;
    int64_t seq;
};

static void tell(struct reported *reported, const struct rbk_record *record)
{
    struct told *told = &reported->told;
    rbk_report_record(reported->report, &told->view, ++reported->seq, record, told->before,
                      told->run.state, &told->run.actions);
}

static void post(struct reported *reported, struct rbk_record record)
{
    told_post(&reported->told, record);
    record.event.now_ms = reported->told.run.now_ms;
    tell(reported, &record);
}

static void start(struct reported *reported, struct machine_builder *builder)
{
    const struct rbk_record record = {.event = {.kind = RBK_EVENT_START}, .who = RBK_STR("dana")};
    memset(reported, 0, sizeof(*reported));
    reported->report = rbk_report_new();
    ck_assert_ptr_nonnull(reported->report);
    rbk_buffer_init(&reported->text, (size_t)64 << 20);
    told_start(&reported->told, builder);
    tell(reported, &record);
}

static void pass(struct reported *reported, uint64_t ms)
{
    reported->told.run.now_ms += ms;
}

static void result(struct reported *reported, const char *state, enum rbk_outcome outcome,
                   const char *message)
{
    struct told *told = &reported->told;
    uint32_t region = told_region(told, state);
    post(reported,
         (struct rbk_record){
             .event = {.kind = RBK_EVENT_RESULT,
                       .serial =
                           rbk_state_region(told->run.machine, told->run.state, region)->serial,
                       .outcome = outcome},
             .status = -1,
             .message = rbk_str_from(message)});
}

static void answer(struct reported *reported, const char *state, enum rbk_answer said)
{
    post(reported, (struct rbk_record){.event = {.kind = RBK_EVENT_ANSWER,
                                                 .owner = RBK_OWNER_REGION,
                                                 .index = told_region(&reported->told, state),
                                                 .answer = said,
                                                 .seats = 1},
                                       .who = RBK_STR("dana")});
}

static void due(struct reported *reported)
{
    struct told *told = &reported->told;
    told->run.now_ms = rbk_state_next_due(told->run.machine, told->run.state);
    ck_assert_uint_ne(told->run.now_ms, 0);
    post(reported, (struct rbk_record){.event = {.kind = RBK_EVENT_TIME}});
}

static void finish(struct reported *reported, bool runner, uint64_t later_ms)
{
    struct told *told = &reported->told;
    const struct rbk_store_run run = {.id = RBK_STR("20260101-0000-test"),
                                      .machine = RBK_STR("00"),
                                      .user = RBK_STR("dana"),
                                      .host = RBK_STR("here"),
                                      .started_ms = (int64_t)told->run.state->started_ms};
    const struct rbk_report_end end = {.run = &run,
                                       .state = told->run.state,
                                       .chain = RBK_STR("0123456789abcdef0123456789abcdef"),
                                       .events = reported->seq,
                                       .runner = runner,
                                       .now_ms = told->run.now_ms + later_ms};
    if (told->run.state->ended_ms == 0) {
        rbk_view_explain(&told->view, told->run.state, rbk_report_open, reported->report);
    }
    rbk_report_finish(reported->report, &told->view, &end);
    ck_assert(!rbk_report_failed(reported->report));
}

/* The page, kept for people when they ask for it. */
static const char *page(struct reported *reported, const char *name)
{
    const char *folder = getenv("RBK_TEST_PAGES");
    char path[512];
    rbk_buffer_clear(&reported->text);
    ck_assert_int_eq(rbk_report_html(reported->report, &reported->text), 0);
    if (folder != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s.html", folder, name);
        FILE *file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        (void)fputs(reported->text.data, file);
        (void)fclose(file);
    }
    return reported->text.data;
}

static void end(struct reported *reported)
{
    rbk_report_free(reported->report);
    rbk_buffer_fini(&reported->text);
    told_fini(&reported->told);
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        found++;
    }
    return found;
}

/* ---- pictures and times ---------------------------------------------------------------------- */

/* Three stages, watched for a day and kept for three. */
static struct machine_builder *long_plan(void)
{
    struct machine_builder *mb = mb_new();
    mb_machine(mb)->estimate_ms = HOUR;
    mb_machine(mb)->rollback_within_ms = 15 * MINUTE;
    (void)mb_plain_stage(mb, "stop_writes");
    (void)mb_plain_stage(mb, "migrate");
    (void)mb_plain_stage(mb, "open_traffic");
    mb_observe(mb);
    mb_grace(mb);
    return mb;
}

static void apply(struct reported *reported, const char *stage, uint64_t ms)
{
    char state[64];
    pass(reported, ms);
    (void)snprintf(state, sizeof(state), "%s.apply.1", stage);
    result(reported, state, RBK_OUTCOME_OK, NULL);
    pass(reported, ms / 10 + 1);
    (void)snprintf(state, sizeof(state), "%s.verify.1", stage);
    result(reported, state, RBK_OUTCOME_OK, "seen = 1");
}

START_TEST(days_of_watching_do_not_hide_minutes_of_work)
{
    struct reported reported;
    start(&reported, long_plan());
    reported.told.run.settings.observe_ms = 24 * HOUR;
    reported.told.run.settings.grace_ms = 72 * HOUR;
    apply(&reported, "stop_writes", 2 * MINUTE);
    apply(&reported, "migrate", 20 * MINUTE);
    apply(&reported, "open_traffic", 12 * MINUTE);
    due(&reported);
    due(&reported);
    finish(&reported, false, HOUR);
    ck_assert_uint_eq(reported.report->status, RBK_STATUS_COMPLETED);
    const char *text = page(&reported, "long");
    ck_assert_uint_ge(count(text, "class=\"break\""), 1);
    ck_assert_uint_eq(reported.report->stages.items[1].apply_ms, 22 * MINUTE + 1);
    ck_assert_ptr_nonnull(strstr(text, "within the estimate of 1h"));
    ck_assert_ptr_nonnull(strstr(text, ">1970-01-05 "));
    /* A bar of 20 minutes is far longer than one of 2. */
    double widths[3] = {0};
    const char *at = text;
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, "class=\"bar apply\" x=");
        ck_assert_ptr_nonnull(at);
        at = strstr(at, "width=\"") + 7;
        widths[i] = strtod(at, NULL);
    }
    ck_assert(widths[1] > 5 * widths[0] && widths[0] > 20);
    end(&reported);
}
END_TEST

START_TEST(waiting_that_is_shorter_than_the_work_is_drawn_in_proportion)
{
    struct reported reported;
    start(&reported, told_plan());
    pass(&reported, 5 * MINUTE);
    answer(&reported, "migrate.approve.1", RBK_ANSWER_YES);
    pass(&reported, 20 * MINUTE);
    result(&reported, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    result(&reported, "migrate.verify.1", RBK_OUTCOME_OK, NULL);
    finish(&reported, false, 0);
    ck_assert_uint_eq(count(page(&reported, "short"), "class=\"break\""), 0);
    ck_assert_uint_eq(reported.report->questions.items[0].closed_ms -
                          reported.report->questions.items[0].asked_ms,
                      5 * MINUTE);
    end(&reported);
}
END_TEST

START_TEST(an_empty_run_has_a_report)
{
    struct reported reported;
    start(&reported, told_plan());
    rbk_report_free(reported.report);
    reported.report = rbk_report_new();
    finish(&reported, true, 0);
    ck_assert_ptr_nonnull(strstr(page(&reported, "empty"), "</html>"));
    rbk_buffer_clear(&reported.text);
    ck_assert_int_eq(rbk_report_markdown(reported.report, &reported.text), 0);
    rbk_buffer_clear(&reported.text);
    ck_assert_int_eq(rbk_report_json(reported.report, &reported.text), 0);
    end(&reported);
}
END_TEST

/* ---- decisions ------------------------------------------------------------------------------- */

static const struct rbk_report_decision *decision(const struct reported *reported, const char *what)
{
    for (size_t i = 0; i < reported->report->decisions.count; i++) {
        if (rbk_str_is(reported->report->decisions.items[i].what, what)) {
            return &reported->report->decisions.items[i];
        }
    }
    ck_abort_msg("no decision \"%s\"", what);
}

START_TEST(silence_is_a_decision_by_a_deadline)
{
    struct reported reported;
    start(&reported, told_plan());
    due(&reported);
    finish(&reported, true, 0);
    const struct rbk_report_question *question = &reported.report->questions.items[0];
    ck_assert(rbk_str_is(question->result, "no answer in time"));
    ck_assert_uint_eq(question->answer_count, 0);
    ck_assert_uint_eq(decision(&reported, "migrate.approve.1: no answer in time")->by,
                      RBK_REPORT_BY_DEADLINE);
    end(&reported);
}
END_TEST

START_TEST(a_refusal_names_who_refused)
{
    struct reported reported;
    start(&reported, told_plan());
    answer(&reported, "migrate.approve.1", RBK_ANSWER_NO);
    finish(&reported, true, 0);
    const struct rbk_report_decision *row = decision(&reported, "migrate.approve.1: no");
    ck_assert_uint_eq(row->by, RBK_REPORT_BY_PERSON);
    ck_assert(rbk_str_is(row->who, "dana"));
    end(&reported);
}
END_TEST

START_TEST(a_failed_check_turns_its_stage_on_what_it_saw)
{
    struct reported reported;
    start(&reported, told_plan());
    answer(&reported, "migrate.approve.1", RBK_ANSWER_YES);
    result(&reported, "migrate.apply.1", RBK_OUTCOME_OK, NULL);
    result(&reported, "migrate.verify.1", RBK_OUTCOME_FAIL, "sql.value = 41, leads_before = 42");
    pass(&reported, 3 * MINUTE);
    result(&reported, "migrate.rollback.1", RBK_OUTCOME_OK, NULL);
    result(&reported, "migrate.rollback_verify.1", RBK_OUTCOME_OK, NULL);
    finish(&reported, true, 0);
    const struct rbk_report_decision *row = decision(&reported, "roll back migrate");
    ck_assert_uint_eq(row->by, RBK_REPORT_BY_STEP);
    ck_assert(rbk_str_is(row->readings, "sql.value = 41, leads_before = 42"));
    ck_assert_uint_eq(reported.report->stages.items[0].back_ms, 3 * MINUTE);
    const struct rbk_report_phase *phases = reported.report->phases.items;
    size_t last = reported.report->phases.count - 1;
    ck_assert_str_eq(phases[last].ended, "ok");
    ck_assert_str_eq(phases[last - 1].ended, "failed");
    ck_assert_str_eq(phases[last - 2].ended, "ok");
    (void)page(&reported, "rolled-back");
    end(&reported);
}
END_TEST

START_TEST(a_way_back_that_begins_with_undo_is_a_decision_as_any_other)
{
    struct reported reported;
    start(&reported, told_plan_of_two_ways());
    result(&reported, "migrate.apply.1", RBK_OUTCOME_FAIL, NULL);
    result(&reported, "migrate.rollback.1", RBK_OUTCOME_FAIL, NULL);
    result(&reported, "migrate.rollback.3", RBK_OUTCOME_OK, NULL);
    result(&reported, "migrate.rollback.4", RBK_OUTCOME_OK, NULL);
    result(&reported, "migrate.rollback_verify.2", RBK_OUTCOME_OK, NULL);
    finish(&reported, true, 0);
    (void)decision(&reported, "migrate: way back 2 of 2");
    end(&reported);
}
END_TEST

/* ---- bounds ---------------------------------------------------------------------------------- */

START_TEST(of_a_hundred_thousand_events_the_first_and_the_last_are_told)
{
    struct reported reported;
    char name[32];
    start(&reported, told_plan());
    answer(&reported, "migrate.approve.1", RBK_ANSWER_YES);
    struct rbk_record record = {.event = {.kind = RBK_EVENT_NOTE}, .firing = true};
    for (size_t i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof(name), "alert-%zu-", i);
        record.alert = rbk_str_from(name);
        record.event.now_ms = reported.told.run.now_ms;
        memcpy(reported.told.before, reported.told.run.state, reported.told.run.state->bytes);
        tell(&reported, &record);
    }
    finish(&reported, true, 0);
    ck_assert_uint_lt(reported.report->arena.bytes_held, (size_t)16 << 20);
    ck_assert_uint_le(reported.report->lines.count, 4000);
    const char *text = page(&reported, "many");
    ck_assert_uint_lt(reported.text.bytes, (size_t)2 << 20);
    ck_assert_ptr_nonnull(strstr(text, "alert-0-"));
    ck_assert_ptr_null(strstr(text, "alert-50000-"));
    const char *before = strstr(text, "alert-99998-"), *last = strstr(text, "alert-99999-");
    ck_assert(before != NULL && last != NULL && before < last);
    ck_assert_ptr_nonnull(strstr(text, "lines are left out here"));
    end(&reported);
}
END_TEST

START_TEST(a_step_that_fails_for_ever_does_not_fill_memory)
{
    struct reported reported;
    start(&reported, told_plan());
    struct rbk_record record = {.event = {.kind = RBK_EVENT_RESUMED}, .who = RBK_STR("dana")};
    for (size_t i = 0; i < 20000; i++) {
        pass(&reported, 1000);
        record.event.now_ms = reported.told.run.now_ms;
        memcpy(reported.told.before, reported.told.run.state, reported.told.run.state->bytes);
        tell(&reported, &record);
    }
    finish(&reported, true, 0);
    ck_assert_uint_lt(reported.report->arena.bytes_held, (size_t)16 << 20);
    ck_assert_uint_gt(reported.report->gaps.left_out, 0);
    ck_assert_uint_lt(strlen(page(&reported, "resumed")), (size_t)4 << 20);
    end(&reported);
}
END_TEST

START_TEST(a_trigger_that_speaks_for_ever_leaves_room_for_the_decision)
{
    struct reported reported;
    struct machine_builder *mb = told_plan();
    uint32_t notify = mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE);
    (void)mb_trigger(mb, RBK_NONE, notify, notify);
    start(&reported, mb);
    answer(&reported, "migrate.approve.1", RBK_ANSWER_YES);
    struct rbk_record record = {.event = {.kind = RBK_EVENT_TRIGGER}, .status = -1};
    for (size_t i = 0; i < 20000; i++) {
        pass(&reported, 100);
        record.event.level = i % 2 == 0 ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
        record.message = RBK_STR("avg error_rate over 5m = 8% of 20 readings, baseline = 1%");
        post(&reported, record);
    }
    post(&reported,
         (struct rbk_record){.event = {.kind = RBK_EVENT_COMMAND, .command = RBK_COMMAND_ABORT},
                             .who = RBK_STR("dirk"),
                             .message = RBK_STR("enough")});
    finish(&reported, true, 0);
    ck_assert_uint_eq(reported.report->triggers.items[0].fired, 10000);
    ck_assert_uint_lt(reported.report->arena.bytes_held, (size_t)8 << 20);
    ck_assert(decision(&reported, "abort")->turns);
    ck_assert(rbk_str_is(decision(&reported, "abort")->because, "enough"));
    ck_assert_ptr_nonnull(strstr(page(&reported, "chatter"), "abort: dirk"));
    end(&reported);
}
END_TEST

START_TEST(an_edge_that_comes_again_after_a_gap_is_no_decision)
{
    static const enum rbk_level levels[] = {RBK_LEVEL_TRUE, RBK_LEVEL_MISSING, RBK_LEVEL_TRUE};
    struct reported reported;
    struct machine_builder *mb = told_plan();
    uint32_t notify = mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE);
    size_t decisions = 0;
    (void)mb_trigger(mb, RBK_NONE, notify, notify);
    start(&reported, mb);
    answer(&reported, "migrate.approve.1", RBK_ANSWER_YES);
    for (size_t i = 0; i < RBK_COUNT(levels); i++) {
        pass(&reported, 100);
        post(&reported,
             (struct rbk_record){.event = {.kind = RBK_EVENT_TRIGGER, .level = levels[i]},
                                 .status = -1});
        decisions = i == 0 ? reported.report->decisions.count : decisions;
    }
    finish(&reported, true, 0);
    ck_assert_uint_eq(reported.report->decisions.count, decisions);
    ck_assert_uint_eq(reported.report->triggers.items[0].fired, 1);
    end(&reported);
}
END_TEST

START_TEST(names_of_a_hostile_machine_are_shown_and_do_nothing)
{
    struct reported reported;
    struct machine_builder *mb = mb_new();
    (void)mb_plain_stage(mb, "evil\x1b[2J\xe2\x80\xae<b>");
    start(&reported, mb);
    finish(&reported, true, 0);
    ck_assert_int_eq(rbk_report_json(reported.report, &reported.text), 0);
    ck_assert_ptr_null(strstr(reported.text.data, "\\u001b"));
    ck_assert_ptr_null(strstr(reported.text.data, "\\u202e"));
    ck_assert_ptr_nonnull(strstr(reported.text.data, "evil\\\\x1b[2J\\\\u{202e}<b>"));
    const char *text = page(&reported, "hostile");
    ck_assert_ptr_null(strstr(text, "<b>evil"));
    ck_assert_ptr_null(strchr(text, '\x1b'));
    ck_assert_ptr_nonnull(strstr(text, "evil\\x1b[2J\\u{202e}&lt;b&gt;"));
    end(&reported);
}
END_TEST

START_TEST(what_was_not_sent_says_why)
{
    struct reported reported;
    const struct rbk_store_message sent = {.channel = UINT32_MAX,
                                           .text = RBK_STR("gone out"),
                                           .at_ms = 5,
                                           .sent_ms = 10,
                                           .attempts = 1};
    const struct rbk_store_message kept = {.channel = UINT32_MAX,
                                           .text = RBK_STR("stays here"),
                                           .at_ms = 6,
                                           .attempts = 7,
                                           .reason = RBK_STR("connection refused")};
    start(&reported, told_plan());
    rbk_report_message(reported.report, &reported.told.view, &sent);
    rbk_report_message(reported.report, &reported.told.view, &kept);
    finish(&reported, true, 0);
    const char *text = page(&reported, "messages");
    ck_assert_ptr_nonnull(strstr(text, "1 of 2 messages was sent."));
    ck_assert_ptr_nonnull(strstr(text, "<strong>not sent</strong>: connection refused"));
    ck_assert_uint_eq(count(text, "not sent"), 2); /* the other one: what did not go well */
    end(&reported);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, days_of_watching_do_not_hide_minutes_of_work);
    tcase_add_test(tests, waiting_that_is_shorter_than_the_work_is_drawn_in_proportion);
    tcase_add_test(tests, an_empty_run_has_a_report);
    tcase_add_test(tests, silence_is_a_decision_by_a_deadline);
    tcase_add_test(tests, a_refusal_names_who_refused);
    tcase_add_test(tests, a_failed_check_turns_its_stage_on_what_it_saw);
    tcase_add_test(tests, a_way_back_that_begins_with_undo_is_a_decision_as_any_other);
    tcase_add_test(tests, of_a_hundred_thousand_events_the_first_and_the_last_are_told);
    tcase_add_test(tests, a_step_that_fails_for_ever_does_not_fill_memory);
    tcase_add_test(tests, a_trigger_that_speaks_for_ever_leaves_room_for_the_decision);
    tcase_add_test(tests, names_of_a_hostile_machine_are_shown_and_do_nothing);
    tcase_add_test(tests, an_edge_that_comes_again_after_a_gap_is_no_decision);
    tcase_add_test(tests, what_was_not_sent_says_why);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
