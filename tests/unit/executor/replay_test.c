/*
 * A journal read again: it gives the run that wrote it, with a snapshot and without, at every
 * event; and one that was edited, cut or made up is refused with the place.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/value_text.h"
#include "runtime/executor/replay.h"
#include "runtime/executor/settings.h"
#include "runtime/executor/snapshot.h"
#include "runtime/people/history.h"

static struct plan plan;
static char path[128];
static struct rbk_store *store;
static uint64_t epoch;
static struct rbk_replay *live; /* the run as it goes on */
static uint64_t later_ms;       /* than its events are apart */
static struct rbk_error error;

static void create_run(void)
{
    struct rbk_store_run run = {.id = RBK_STR("r1"),
                                .machine = rbk_str_from(plan.machine->hash),
                                .plan = RBK_STR("small"),
                                .user = RBK_STR("ines"),
                                .params = RBK_STR("{}"),
                                .status = RBK_STR("ready"),
                                .started_ms = 1000};

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_machine(store, plan.machine->hash, plan.file.text, &error), 0);
    ck_assert_int_eq(rbk_store_create_run(store, &run, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), 0);
}

static int load(struct rbk_replay **ret_replay)
{
    return rbk_replay_load(store, "r1", NULL, NULL, ret_replay, &error);
}

static void setup_with(const char *head)
{
    later_ms = 0;
    plan_open(&plan, head,
              "run \"touch made\" into one idempotent\n"
              "let two = run.output(\"date\")\n"
              "let many = lines(run.output(\"ls\"))\n"
              "parallel {\n"
              "    run \"echo ${one}\" idempotent\n"
              "    run \"echo ${two}\" idempotent\n"
              "}\n"
              "run \"echo ${many}\" idempotent");
    snprintf(path, sizeof(path), "%s/state/store.db", plan.folder);
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
    create_run();
    ck_assert_int_eq(load(&live), 0);
}

static void setup(void)
{
    setup_with("");
}

static void teardown(void)
{
    rbk_replay_free(live);
    rbk_store_close(store);
    plan_close(&plan);
}

/* ---- writing a journal -------------------------------------------------------------------------
 */

static void append(const struct rbk_record *record, bool snapshot)
{
    struct rbk_buffer body;
    struct rbk_store_event event;

    rbk_buffer_init(&body, RBK_EVENT_BYTES_MAX);
    ck_assert_int_eq(rbk_record_encode(record, &body), 0);
    event = (struct rbk_store_event){.seq = live->seq + 1,
                                     .at_ms = (int64_t)record->event.now_ms,
                                     .kind = rbk_str_from(rbk_event_name(record->event.kind)),
                                     .body = rbk_buffer_str(&body)};
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_append_event(store, "r1", epoch, live->hash, &event, &error), 0);
    live->seq = event.seq;
    memcpy(live->hash, event.hash, sizeof(live->hash));
    if (snapshot) {
        ck_assert_int_eq(rbk_snapshot_write(store, live, &error), 0);
    }
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    rbk_buffer_fini(&body);
}

static void post(struct rbk_record *record, bool snapshot)
{
    record->status = -1;
    record->event.now_ms = 1000 + (uint64_t)live->seq * 10 + later_ms;
    ck_assert_int_eq(rbk_replay_apply(live, record), RBK_REFUSAL_ACCEPTED);
    append(record, snapshot);
}

static void begin(bool snapshot)
{
    struct rbk_record record = {.event = {.kind = RBK_EVENT_START}};
    char settings[65];

    ck_assert_int_eq(rbk_settings_hash(&live->run, settings), 0);
    record.settings = rbk_str_from(settings);
    post(&record, snapshot);
}

static void note_alert(bool snapshot)
{
    const struct rbk_pair labels[] = {{RBK_STR("service"), RBK_STR("leads")}};
    struct rbk_record record = {.event = {.kind = RBK_EVENT_NOTE},
                                .alert = RBK_STR("Slow"),
                                .firing = true,
                                .labels = labels,
                                .label_count = 1};

    post(&record, snapshot);
}

/* A note of its driver for what is in flight, then its result, with a value where one is kept. */
static void advance(bool snapshot)
{
    const struct rbk_in_flight row = live->in_flight[0];
    const struct rbk_effect *effect =
        &plan.machine->effects[plan.machine->states[row.state].effect];
    struct rbk_record note = {.event = {.kind = RBK_EVENT_NOTE, .serial = row.serial},
                              .note = RBK_STR("xid 4711")};
    struct rbk_record result = {
        .event = {.kind = RBK_EVENT_RESULT, .serial = row.serial, .outcome = RBK_OUTCOME_OK}};
    const struct rbk_value items[] = {rbk_value_text(RBK_TYPE_TEXT, RBK_STR("a")),
                                      rbk_value_text(RBK_TYPE_TEXT, RBK_STR("\xff b"))};
    char text[32];

    snprintf(text, sizeof(text), "value %u", (unsigned)row.serial);
    if (effect->into != RBK_NONE) {
        result.has_value = true;
        result.value = plan.machine->slots[effect->into].type == RBK_TYPE_LIST
                           ? rbk_value_list(items, 2)
                           : rbk_value_text(RBK_TYPE_SCALAR, rbk_str_from(text));
    }
    post(&note, snapshot);
    post(&result, snapshot);
}

static bool has_ended(void)
{
    return rbk_status_is_end((enum rbk_status)live->state->status);
}

/* A whole run, `each` after every event. */
static void play(bool snapshot, void (*each)(void))
{
    begin(snapshot);
    note_alert(snapshot);
    for (int guard = 0; !has_ended(); guard++) {
        ck_assert_int_lt(guard, 100);
        ck_assert_uint_gt(live->in_flight_count, 0);
        if (each != NULL) {
            each();
        }
        advance(snapshot);
    }
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

static void expect_same_value(struct rbk_value a, struct rbk_value b)
{
    struct rbk_buffer left, right;

    rbk_buffer_init(&left, 65536);
    rbk_buffer_init(&right, 65536);
    rbk_value_print(&left, a);
    rbk_value_print(&right, b);
    ck_assert_int_eq(a.type, b.type);
    ck_assert_str_eq(left.data, right.data);
    rbk_buffer_fini(&left);
    rbk_buffer_fini(&right);
}

static void expect_same_why(const struct rbk_why *left, const struct rbk_why *right)
{
    ck_assert_uint_eq(left->cause.kind, right->cause.kind);
    ck_assert_uint_eq(left->cause.index, right->cause.index);
    ck_assert_str_eq(left->text, right->text);
}

static void expect_same(const struct rbk_replay *again)
{
    ck_assert_int_eq(again->seq, live->seq);
    ck_assert_str_eq(again->hash, live->hash);
    ck_assert_mem_eq(again->state, live->state, rbk_state_bytes(plan.machine));
    for (uint32_t i = 0; i < plan.machine->slot_count; i++) {
        expect_same_value(again->slots[i], live->slots[i]);
    }
    ck_assert_uint_eq(again->in_flight_count, live->in_flight_count);
    for (size_t i = 0; i < live->in_flight_count; i++) {
        const struct rbk_in_flight *left = &again->in_flight[i], *right = &live->in_flight[i];

        ck_assert_uint_eq(left->serial, right->serial);
        ck_assert_uint_eq(left->state, right->state);
        ck_assert_uint_eq(left->since_ms, right->since_ms);
        ck_assert(rbk_str_equal(left->note, right->note));
    }
    for (uint32_t i = 0; i < plan.machine->region_count; i++) {
        expect_same_why(&again->whys[i], &live->whys[i]);
        expect_same_why(&again->stucks[i], &live->stucks[i]);
    }
    for (uint32_t i = 0; i < plan.machine->trigger_count; i++) {
        ck_assert_int_eq(again->heard[i].asks, live->heard[i].asks);
        ck_assert_str_eq(again->heard[i].saw, live->heard[i].saw);
        ck_assert_str_eq(again->heard[i].lacked, live->heard[i].lacked);
        ck_assert_str_eq(again->heard[i].said, live->heard[i].said);
    }
    ck_assert_uint_eq(again->alerts.count, live->alerts.count);
    ck_assert(rbk_str_equal(again->reason, live->reason));
}

static void load_and_compare(void)
{
    struct rbk_replay *again;

    ck_assert_msg(load(&again) == 0, "%s", error.text);
    expect_same(again);
    rbk_replay_free(again);
}

static void load_from_snapshot_and_compare(void)
{
    const struct rbk_pair label = {RBK_STR("service"), RBK_STR("leads")};
    struct rbk_replay *again;

    ck_assert_msg(load(&again) == 0, "%s", error.text);
    ck_assert_int_eq(again->snapshot_seq, live->seq);
    ck_assert(rbk_alerts_fire(&again->alerts, RBK_STR("Slow"), &label, 1));
    expect_same(again);
    rbk_replay_free(again);
}

START_TEST(a_journal_gives_the_run_that_wrote_it)
{
    play(false, load_and_compare);
    ck_assert_uint_eq(live->state->status, RBK_STATUS_COMPLETED);
    load_and_compare();
}
END_TEST

START_TEST(a_snapshot_gives_the_same_at_every_event)
{
    play(true, load_from_snapshot_and_compare);
    load_from_snapshot_and_compare();
}
END_TEST

START_TEST(what_follows_a_snapshot_is_replayed)
{
    begin(false);
    note_alert(true);
    for (int i = 0; i < 4; i++) {
        advance(false);
    }

    struct rbk_replay *again;

    ck_assert_int_eq(load(&again), 0);
    ck_assert_int_eq(again->snapshot_seq, 2);
    expect_same(again);
    rbk_replay_free(again);
}
END_TEST

/* ---- journals that nobody wrote ----------------------------------------------------------------
 */

static void edit(const char *statement)
{
    sqlite3 *database;
    char *text = NULL;

    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(database, statement, NULL, NULL, &text) == SQLITE_OK, "%s", text);
    ck_assert_int_gt(sqlite3_changes(database), 0);
    ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
}

static void expect_refused(const char *says)
{
    struct rbk_replay *again = NULL;

    ck_assert_int_eq(load(&again), -RBK_ECORRUPT);
    ck_assert_msg(strstr(error.text, says) != NULL, "%s", error.text);
}

static const struct {
    const char *statement, *says;
} edits[] = {
    {"UPDATE events SET body = body || ' ' WHERE seq = 5", "event 5 does not follow"},
    {"UPDATE events SET at_ms = at_ms + 1 WHERE seq = 5", "event 5 does not follow"},
    {"UPDATE events SET kind = 'time' WHERE seq = 5", "event 5 does not follow"},
    {"UPDATE events SET hash = 'x' || substr(hash, 2) WHERE seq = 5", "event 5 does not follow"},
    {"UPDATE events SET hash = '' WHERE seq = 5", "event 5 is missing"},
    {"DELETE FROM events WHERE seq = 5", "event 5 is missing"},
    {"DELETE FROM events WHERE seq < 5", "event 1 is missing"},
    {"UPDATE events SET seq = seq + 1 WHERE seq = 5", "event 5 is missing"},
    {"UPDATE runs SET user = 'eve'", "settings of run r1 were changed"},
    {"UPDATE runs SET params = '{ }'", "settings of run r1 were changed"},
    {"UPDATE machines SET text = replace(text, 'touch made', 'touch fake')", "machine"},
};

START_TEST(an_edited_or_cut_journal_is_refused)
{
    play(false, NULL);
    edit(edits[_i].statement);

    struct rbk_replay *again = NULL;
    int result = load(&again);

    ck_assert_int_lt(result, 0);
    ck_assert_ptr_null(again);
    ck_assert_msg(strstr(error.text, edits[_i].says) != NULL, "%s", error.text);
}
END_TEST

START_TEST(an_event_that_does_not_fit_is_refused)
{
    struct rbk_record record = {.event = {.kind = RBK_EVENT_RESULT, .serial = 4711, .now_ms = 9000},
                                .status = -1};

    begin(false);
    append(&record, false); /* well chained, and yet nothing that a run could have written */
    expect_refused("event 2 of the journal (result) does not fit the run");
}
END_TEST

START_TEST(a_journal_cut_at_its_end_is_refused_by_a_snapshot)
{
    begin(false);
    advance(true);
    edit("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)");
    expect_refused("it ends before event 3, which it had");
}
END_TEST

static int on_event(void *context, struct rbk_replay *replay, const struct rbk_record *record,
                    const struct rbk_state *before)
{
    (void)replay;
    (void)record;
    (void)before;
    ++*(int *)context;
    return 0;
}

START_TEST(a_reader_of_events_gets_all_of_them)
{
    struct rbk_replay *again = NULL;
    int events = 0;

    play(true, NULL);
    edit("UPDATE events SET body = body || ' ' WHERE seq = 5");
    ck_assert_int_eq(load(&again), 0); /* by a snapshot, which proves nothing about event 5 */
    rbk_replay_free(again);
    ck_assert_int_eq(rbk_replay_load(store, "r1", on_event, &events, &again, &error),
                     -RBK_ECORRUPT);
    ck_assert_int_eq(events, 4);
}
END_TEST

/* ---- the reason --------------------------------------------------------------------------------
 */

static void command(enum rbk_command command, const char *who, const char *why)
{
    struct rbk_record record = {
        .event = {.kind = RBK_EVENT_COMMAND, .command = command, .index = RBK_NONE},
        .who = rbk_str_from(who),
        .message = rbk_str_from(why)};

    post(&record, true);
}

START_TEST(what_failed_is_told_after_its_stage_has_gone_back)
{
    begin(true);
    note_alert(true);
    bool failed = false;
    for (int i = 0; i < 30 && live->state->status != RBK_STATUS_HELD; i++) {
        const struct rbk_machine_state *state = &plan.machine->states[live->in_flight[0].state];
        bool fails = !failed &&
                     plan.machine->regions[live->in_flight[0].region].kind != RBK_REGION_PLAN &&
                     strstr(state->name.data, ".apply") != NULL;
        struct rbk_record record = {.event = {.kind = RBK_EVENT_RESULT,
                                              .serial = live->in_flight[0].serial,
                                              .outcome = fails ? RBK_OUTCOME_FAIL : RBK_OUTCOME_OK},
                                    .message =
                                        fails ? RBK_STR("no space") : RBK_STR("all is well")};

        failed = failed || fails;
        post(&record, true);
        load_from_snapshot_and_compare();
    }
    ck_assert(failed);
    ck_assert_uint_eq(live->state->status, RBK_STATUS_HELD);
    ck_assert_uint_eq(live->state->rollbacks, 1);
    ck_assert_ptr_nonnull(strstr(live->reason.data, "failed: no space"));
    load_and_compare();
}
END_TEST

START_TEST(a_pause_that_waited_is_not_told_with_the_words_of_who_went_on)
{
    begin(true);
    note_alert(true);
    for (int i = 0; i < 8 && live->state->status != RBK_STATUS_HELD; i++) {
        struct rbk_record failed = {.event = {.kind = RBK_EVENT_RESULT,
                                              .serial = live->in_flight[0].serial,
                                              .outcome = i ? RBK_OUTCOME_OK : RBK_OUTCOME_FAIL},
                                    .message = RBK_STR("no space")};
        post(&failed, true);
    }
    ck_assert_uint_eq(live->state->status, RBK_STATUS_HELD);
    ck_assert_ptr_nonnull(strstr(live->reason.data, "failed: no space"));
    command(RBK_COMMAND_PAUSE, "dana", "wait for me");
    ck_assert_ptr_nonnull(strstr(live->reason.data, "failed: no space"));
    command(RBK_COMMAND_RETRY, "ines", "there is space now");
    ck_assert_uint_eq(live->state->status, RBK_STATUS_PAUSED);
    ck_assert_str_eq(live->reason.data, "a pause was asked for while the run was held");
    load_from_snapshot_and_compare();
    load_and_compare();
}
END_TEST

static void level(enum rbk_level to, const char *saw)
{
    struct rbk_record record = {.event = {.kind = RBK_EVENT_TRIGGER, .level = to},
                                .message = rbk_str_from(saw)};

    post(&record, true);
    load_from_snapshot_and_compare();
}

static void time_passes(uint64_t ms)
{
    struct rbk_record record = {.event = {.kind = RBK_EVENT_TIME}};

    later_ms += ms;
    post(&record, true);
    load_from_snapshot_and_compare();
}

START_TEST(what_was_said_of_one_edge_is_not_told_of_another)
{
    struct rbk_record ignore = {.event = {.kind = RBK_EVENT_ANSWER,
                                          .owner = RBK_OWNER_TRIGGER,
                                          .answer = RBK_ANSWER_IGNORE,
                                          .seats = 1},
                                .who = RBK_STR("dana"),
                                .message = RBK_STR("it grows slowly")};

    teardown();
    setup_with("role ops { contact \"o@example.com\" members \"dana\" }\n"
               "trigger big when file.size(\"big\") > 2B every 1s\n"
               "    then ask ops within 1m else abort missing hold 1m then pause");
    begin(true);
    note_alert(true);
    for (int i = 0; i < 8 && live->state->first_effect_ms == 0; i++) {
        advance(true);
    }
    level(RBK_LEVEL_TRUE, "file.size = 5B");
    post(&ignore, true);
    level(RBK_LEVEL_FALSE, "");
    level(RBK_LEVEL_MISSING, "no such file");
    time_passes(60000);
    ck_assert_uint_eq(live->state->status, RBK_STATUS_PAUSED);
    ck_assert_str_eq(live->reason.data, "trigger big could not be read: no such file");
    load_and_compare();
}
END_TEST

START_TEST(what_was_said_of_a_question_that_new_data_closed_is_not_told_of_the_next)
{
    struct rbk_record pause = {.event = {.kind = RBK_EVENT_ANSWER,
                                         .owner = RBK_OWNER_TRIGGER,
                                         .answer = RBK_ANSWER_PAUSE,
                                         .seats = 1},
                               .who = RBK_STR("dana"),
                               .message = RBK_STR("until it is back")};

    teardown();
    setup_with("role ops { contact \"o@example.com\" members \"dana\", \"dirk\" }\n"
               "trigger big when file.size(\"big\") > 2B every 1s\n"
               "    then ask 2 of ops within 1m else abort\n"
               "    missing then ask 2 of ops within 1m else pause");
    begin(true);
    note_alert(true);
    for (int i = 0; i < 8 && live->state->first_effect_ms == 0; i++) {
        advance(true);
    }
    level(RBK_LEVEL_MISSING, "no such file");
    post(&pause, true);
    level(RBK_LEVEL_TRUE, "file.size = 5B");
    time_passes(60000);
    ck_assert_uint_eq(live->state->status, RBK_STATUS_ABORTING);
    ck_assert_str_eq(live->reason.data,
                     "trigger big fired: file.size = 5B; nobody answered in time");
    load_and_compare();
}
END_TEST

/* ---- values ------------------------------------------------------------------------------------
 */

START_TEST(a_value_for_which_there_is_no_room_is_known)
{
    struct rbk_record record = {.has_value = true};

    record.value = rbk_value_text(RBK_TYPE_TEXT, (struct rbk_str){"", RBK_REPLAY_KEPT_BYTES_MAX});
    ck_assert(!rbk_replay_has_room(live, &record));
    record.value.as.text.bytes--;
    ck_assert(rbk_replay_has_room(live, &record));
    record.has_value = false;
    ck_assert(rbk_replay_has_room(live, &record));
}
END_TEST

/* ---- variables ---------------------------------------------------------------------------------
 */

static void expect_text(const struct rbk_history *history, enum rbk_variable which,
                        const char *text)
{
    struct rbk_value value = history->scope.variable(history->scope.context, which);

    ck_assert(!value.missing && rbk_type_is_text(value.type));
    ck_assert_msg(rbk_str_is(value.as.text, text), "%.*s", RBK_STR_ARG(value.as.text));
}

static void expect_ms(const struct rbk_history *history, enum rbk_variable which, int64_t ms)
{
    struct rbk_value value = history->scope.variable(history->scope.context, which);

    ck_assert(!value.missing && value.type == RBK_TYPE_DURATION);
    ck_assert_int_eq(value.as.integer, ms);
}

START_TEST(who_reads_the_journal_knows_the_variables_that_the_runner_knows)
{
    struct rbk_history history;
    struct rbk_value first, again;

    begin(false);
    ck_assert_msg(rbk_history_open(&history, store, "r1", NULL, &error) == 0, "%s", error.text);
    expect_text(&history, RBK_VARIABLE_RUN_ID, "r1");
    expect_text(&history, RBK_VARIABLE_RUN_USER, "ines");
    expect_text(&history, RBK_VARIABLE_RUN_DATE, "1970-01-01");
    expect_text(&history, RBK_VARIABLE_RUN_STATUS, "running");
    expect_text(&history, RBK_VARIABLE_RUN_STAGE, "only");
    expect_text(&history, RBK_VARIABLE_STAGE_NAME, "only");
    expect_text(&history, RBK_VARIABLE_STAGE_TITLE, "only");
    expect_text(&history, RBK_VARIABLE_RUN_REASON, "");
    expect_text(&history, RBK_VARIABLE_RUN_QUESTION, "");
    expect_text(&history, RBK_VARIABLE_RUN_LINK, "");
    expect_ms(&history, RBK_VARIABLE_RUN_ELAPSED, (int64_t)live->state->now_ms - 1000);
    expect_ms(&history, RBK_VARIABLE_STAGE_ELAPSED, 0);

    /* A text stays where it is while a label is put together, and follows the journal. */
    first = history.scope.variable(&history, RBK_VARIABLE_RUN_DATE);
    again = history.scope.variable(&history, RBK_VARIABLE_RUN_DATE);
    ck_assert_ptr_eq(first.as.text.data, again.as.text.data);
    uint64_t began_ms = live->state->now_ms;
    advance(false);
    ck_assert_msg(rbk_history_follow(&history, &error) == 0, "%s", error.text);
    expect_ms(&history, RBK_VARIABLE_STAGE_ELAPSED, (int64_t)(live->state->now_ms - began_ms));
    expect_ms(&history, RBK_VARIABLE_RUN_ELAPSED, (int64_t)live->state->now_ms - 1000);
    rbk_history_fini(&history);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor replay");
    TCase *cases = tcase_create("replay");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, a_journal_gives_the_run_that_wrote_it);
    tcase_add_test(cases, a_snapshot_gives_the_same_at_every_event);
    tcase_add_test(cases, what_follows_a_snapshot_is_replayed);
    tcase_add_loop_test(cases, an_edited_or_cut_journal_is_refused, 0, (int)RBK_COUNT(edits));
    tcase_add_test(cases, an_event_that_does_not_fit_is_refused);
    tcase_add_test(cases, a_journal_cut_at_its_end_is_refused_by_a_snapshot);
    tcase_add_test(cases, a_reader_of_events_gets_all_of_them);
    tcase_add_test(cases, what_failed_is_told_after_its_stage_has_gone_back);
    tcase_add_test(cases, a_pause_that_waited_is_not_told_with_the_words_of_who_went_on);
    tcase_add_test(cases, what_was_said_of_one_edge_is_not_told_of_another);
    tcase_add_test(cases, what_was_said_of_a_question_that_new_data_closed_is_not_told_of_the_next);
    tcase_add_test(cases, a_value_for_which_there_is_no_room_is_known);
    tcase_add_test(cases, who_reads_the_journal_knows_the_variables_that_the_runner_knows);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
