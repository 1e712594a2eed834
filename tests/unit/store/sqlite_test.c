/*
 * The SQLite store: what was committed is there and chained, what was damaged is refused with a
 * reason, one runner per run, and people's requests come in order and are answered once.
 */
#include "runtime/store/store.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/base/buffer.h"
#include "tests/unit/store/fixture.h"

static char folder[STORE_FOLDER_BYTES];
static char path[128];
static struct rbk_store *store;
static struct rbk_error error;

static void setup(void)
{
    store_fixture_folder(folder);
    snprintf(path, sizeof(path), "%s/deep/er/store.db", folder);
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
}

static void teardown(void)
{
    rbk_store_close(store);
    store = NULL;
    store_fixture_remove(folder);
}

static void append(uint64_t epoch, int64_t seq, const char *previous, char ret_hash[65])
{
    struct rbk_store_event event = {.seq = seq,
                                    .at_ms = 10 * seq,
                                    .kind = RBK_STR("result"),
                                    .body = RBK_STR("{\"serial\":1}")};

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_append_event(store, "r1", epoch, previous, &event, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    memcpy(ret_hash, event.hash, 65);
}

static uint64_t with_three_events(void)
{
    char hash[4][65] = {""};
    uint64_t epoch = 0;

    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), 0);
    for (int i = 1; i <= 3; i++) {
        append(epoch, i, hash[i - 1], hash[i]);
    }
    return epoch;
}

static int count_event(void *context, const struct rbk_store_event *event)
{
    int *count = context;

    ck_assert_int_eq(event->seq, *count + 1);
    ++*count;
    return 0;
}

static int read_journal(int *ret_count)
{
    *ret_count = 0;
    return rbk_store_each_event(store, "r1", 1, count_event, ret_count, &error);
}

/* Somebody with the sqlite3 tool and bad intentions. */
static void tamper(const char *sql)
{
    sqlite3 *database;

    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

START_TEST(what_was_committed_is_read_back_in_order)
{
    int count;

    with_three_events();
    ck_assert_int_eq(read_journal(&count), 0);
    ck_assert_int_eq(count, 3);
}
END_TEST

START_TEST(what_was_rolled_back_is_not_there)
{
    uint64_t epoch = with_three_events();
    struct rbk_store_event event = {
        .seq = 4, .at_ms = 1, .kind = RBK_STR("time"), .body = RBK_STR("{}")};
    int count;

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_append_event(store, "r1", epoch, "", &event, &error), 0);
    rbk_store_rollback(store);
    ck_assert_int_eq(read_journal(&count), 0);
    ck_assert_int_eq(count, 3);
}
END_TEST

START_TEST(an_edited_event_breaks_the_chain)
{
    int count;

    with_three_events();
    tamper("UPDATE events SET body = '{\"serial\":2}' WHERE seq = 2");
    ck_assert_int_eq(read_journal(&count), -RBK_ECORRUPT);
    ck_assert_int_eq(count, 1);
    ck_assert_ptr_nonnull(strstr(error.text, "event 2"));
}
END_TEST

START_TEST(a_removed_event_leaves_a_gap)
{
    int count;

    with_three_events();
    tamper("DELETE FROM events WHERE seq = 2");
    ck_assert_int_eq(read_journal(&count), -RBK_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, "event 2 is missing"));
}
END_TEST

START_TEST(rows_that_cannot_be_read_are_an_error)
{
    int64_t at_ms = -1;

    ck_assert_int_eq(rbk_store_last_rehearsal(store, "m", &at_ms, &error), 0);
    ck_assert_int_eq(at_ms, 0);
    tamper("DROP TABLE rehearsals"); /* The statement has been prepared: it fails at its step. */
    ck_assert_int_lt(rbk_store_last_rehearsal(store, "m", &at_ms, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.text, "rehearsals"));
}
END_TEST

START_TEST(an_append_of_an_old_epoch_is_refused)
{
    uint64_t epoch = with_three_events(), newer = 0;
    struct rbk_store_event event = {
        .seq = 4, .at_ms = 1, .kind = RBK_STR("time"), .body = RBK_STR("{}")};

    rbk_store_release_lease(store);
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &newer, &error), 0);
    ck_assert_uint_gt(newer, epoch);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_append_event(store, "r1", epoch, "", &event, &error), -RBK_ELEASE);
    rbk_store_rollback(store);
}
END_TEST

START_TEST(a_second_runner_is_refused_while_the_first_lives)
{
    int ends[2], status;
    char byte;
    pid_t child;
    uint64_t epoch;

    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct rbk_store *other;

        if (rbk_store_open(path, RBK_STORE_RUNNER, &other, &error) != 0 ||
            rbk_store_take_lease(other, "r1", &epoch, &error) != 0) {
            _exit(1);
        }
        (void)!write(ends[1], "!", 1);
        pause();
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert(rbk_store_lease_held(store, "r1"));
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), -RBK_EBUSY);
    ck_assert_ptr_nonnull(strstr(error.text, "process"));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    /* Killed without a chance to say good-bye: the lease is free all the same. */
    ck_assert(!rbk_store_lease_held(store, "r1"));
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int take_request(void *context, const struct rbk_store_request *request)
{
    int64_t *ids = context;

    ids[++ids[0]] = request->id;
    return 0;
}

START_TEST(a_request_is_open_until_it_is_answered_once)
{
    const struct rbk_store_request request = {
        .at_ms = 5, .who = RBK_STR("dana"), .kind = RBK_STR("command"), .body = RBK_STR("{}")};
    int64_t id = 0, second = 0, open[4] = {0};
    struct rbk_store *client = NULL;
    struct rbk_arena arena;
    struct rbk_str reply;

    rbk_arena_init(&arena, 1 << 20);
    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_CLIENT, &client, &error), 0);
    ck_assert_int_eq(rbk_store_ask(client, "r1", &request, &id, &error), 0);
    ck_assert_int_eq(rbk_store_ask(client, "r1", &request, &second, &error), 0);
    ck_assert_int_eq(rbk_store_each_request(store, "r1", take_request, open, &error), 0);
    ck_assert_int_eq(open[0], 2);
    ck_assert_int_eq(open[1], id);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_reply(store, id, "accepted", &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    open[0] = 0;
    ck_assert_int_eq(rbk_store_each_request(store, "r1", take_request, open, &error), 0);
    ck_assert_int_eq(open[0], 1);
    ck_assert_int_eq(open[1], second);
    ck_assert_int_eq(rbk_store_get_reply(client, id, &arena, &reply, &error), 0);
    ck_assert(rbk_str_is(reply, "accepted"));
    rbk_store_close(client);
    rbk_arena_fini(&arena);
}
END_TEST

/* What is to be seen of the messages: how many, how many of them sent, and the last one. */
struct seen {
    int count, sent;
    int64_t id, attempts, next_ms;
    char reason[64], about[64];
};

static int see_message(void *context, const struct rbk_store_message *message)
{
    struct seen *seen = context;

    seen->count++;
    seen->sent += message->sent_ms != 0;
    seen->id = message->id;
    seen->attempts = message->attempts;
    seen->next_ms = message->next_ms;
    snprintf(seen->reason, sizeof(seen->reason), "%.*s", RBK_STR_ARG(message->reason));
    snprintf(seen->about, sizeof(seen->about), "%.*s", RBK_STR_ARG(message->about));
    return 0;
}

static void put_message(const char *key, uint32_t channel)
{
    const struct rbk_store_message message = {.at_ms = 1,
                                              .channel = channel,
                                              .key = rbk_str_from(key),
                                              .text = RBK_STR("hello"),
                                              .about = RBK_STR("{}")};

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_message(store, "r1", &message, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
}

static void message_done(int64_t id, int64_t next_ms, const char *reason)
{
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_message_done(store, id, next_ms, reason, "", &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
}

static struct seen see_unsent(uint32_t channel, int64_t after_id, uint32_t count_max)
{
    struct seen seen = {0};

    ck_assert_int_eq(
        rbk_store_unsent(store, "r1", channel, after_id, count_max, see_message, &seen, &error), 0);
    return seen;
}

START_TEST(a_message_of_the_same_key_is_stored_once_and_stays_until_sent)
{
    struct seen seen;

    store_fixture_put_run(store, "r1");
    put_message("r1/7/0", 0);
    put_message("r1/7/0", 0);
    message_done(1, 5000, "refused");
    seen = see_unsent(0, 0, 10);
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(seen.attempts, 1);
    ck_assert_int_eq(seen.next_ms, 5000);
    ck_assert_str_eq(seen.reason, "refused");
    ck_assert_str_eq(seen.about, "{}");
    message_done(1, 0, "");
    ck_assert_int_eq(see_unsent(0, 0, 10).count, 0);
    seen = (struct seen){0};
    ck_assert_int_eq(rbk_store_each_message(store, "r1", see_message, &seen, &error), 0);
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(seen.sent, 1);
}
END_TEST

START_TEST(unsent_messages_come_by_channel_in_order_and_no_more_than_asked_for)
{
    store_fixture_put_run(store, "r1");
    put_message("r1/1/0", 0);
    put_message("r1/1/1", 1);
    put_message("r1/2/0", 0);
    put_message("r1/3/0", UINT32_MAX);
    ck_assert_int_eq(see_unsent(0, 0, 10).count, 2);
    ck_assert_int_eq(see_unsent(0, 0, 1).id, 1);
    ck_assert_int_eq(see_unsent(0, 1, 10).id, 3);
    ck_assert_int_eq(see_unsent(1, 0, 10).id, 2);
    ck_assert_int_eq(see_unsent(UINT32_MAX, 0, 10).count, 1);
}
END_TEST

static void expect_counts(int64_t wanted, int64_t wanted_aside)
{
    int64_t count = -1, aside = -1;

    ck_assert_int_eq(rbk_store_count_unsent(store, "r1", &count, &aside, &error), 0);
    ck_assert_int_eq(count, wanted);
    ck_assert_int_eq(aside, wanted_aside);
}

static int64_t resend(const char *run, int64_t id)
{
    int64_t count = -1;

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_resend(store, run, id, &count, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    return count;
}

START_TEST(a_message_that_is_set_aside_waits_for_a_person_and_then_is_as_new)
{
    struct seen seen;

    store_fixture_put_run(store, "r1");
    put_message("r1/1/0", 0);
    put_message("r1/2/0", 0);
    put_message("r1/3/0", 0);
    expect_counts(3, 0);
    ck_assert_int_eq(resend("r1", 0), 0);
    message_done(3, 0, "");
    for (int64_t id = 1; id <= 2; id++) {
        ck_assert_int_eq(rbk_store_begin(store, &error), 0);
        ck_assert_int_eq(rbk_store_set_aside(store, id, "status 413", "", &error), 0);
        ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    }
    expect_counts(0, 2);
    ck_assert_int_eq(see_unsent(0, 0, 10).count, 0);
    seen = (struct seen){0};
    ck_assert_int_eq(rbk_store_each_message(store, "r1", see_message, &seen, &error), 0);
    ck_assert_int_eq(seen.count, 3);
    ck_assert_int_eq(resend("another", 1), 0);
    ck_assert_int_eq(resend("r1", 3), 0);
    ck_assert_int_eq(resend("r1", 2), 1);
    expect_counts(1, 1);
    seen = see_unsent(0, 0, 10);
    ck_assert_int_eq(seen.id, 2);
    ck_assert_int_eq(seen.attempts, 0);
    ck_assert_int_eq(resend("r1", 0), 1);
    expect_counts(2, 0);
    ck_assert_int_ne(rbk_store_set_aside(store, 1, "", "", &error), 0); /* outside a transaction */
}
END_TEST

START_TEST(what_a_channel_keeps_is_what_it_kept_last)
{
    struct rbk_arena arena;
    struct rbk_str kept;

    rbk_arena_init(&arena, 4096);
    store_fixture_put_run(store, "r1");
    put_message("r1/1/0", 0);
    put_message("r1/2/0", 0);
    put_message("r1/3/0", 1);
    ck_assert_int_eq(rbk_store_get_kept(store, "r1", 0, &arena, &kept, &error), 0);
    ck_assert_uint_eq(kept.bytes, 0);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_message_done(store, 1, 9, "later", "first", &error), 0);
    ck_assert_int_eq(rbk_store_message_done(store, 2, 0, "", "second", &error), 0);
    ck_assert_int_eq(rbk_store_message_done(store, 3, 0, "", "other", &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_get_kept(store, "r1", 0, &arena, &kept, &error), 0);
    ck_assert_str_eq(kept.data, "second");
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(what_became_of_a_message_is_only_written_in_a_transaction)
{
    store_fixture_put_run(store, "r1");
    put_message("r1/1/0", 0);
    ck_assert_int_ne(rbk_store_message_done(store, 1, 0, "", "", &error), 0);
    ck_assert_int_eq(see_unsent(0, 0, 10).count, 1);
}
END_TEST

static int open_again(void)
{
    int result;

    rbk_store_close(store);
    store = NULL;
    result = rbk_store_open(path, RBK_STORE_RUNNER, &store, &error);
    return result;
}

START_TEST(a_store_of_another_version_is_refused)
{
    tamper("PRAGMA user_version = 99");
    ck_assert_int_eq(open_again(), -RBK_EVERSION);
    ck_assert_ptr_nonnull(strstr(error.text, "version 99"));
}
END_TEST

START_TEST(a_database_of_somebody_else_is_refused)
{
    tamper("PRAGMA application_id = 7");
    ck_assert_int_eq(open_again(), -RBK_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, "not a store"));
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    FILE *file;

    rbk_store_close(store);
    store = NULL;
    file = fopen(path, "w");
    for (int i = 0; i < 2000; i++) {
        fputs("not a database ", file);
    }
    fclose(file);
    snprintf(path + strlen(path), 8, "-wal");
    unlink(path);
    path[strlen(path) - 4] = '\0';
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), -RBK_ECORRUPT);
}
END_TEST

START_TEST(a_client_does_not_create_a_store)
{
    struct rbk_store *client = NULL;
    char other[160];

    snprintf(other, sizeof(other), "%s/none.db", folder);
    ck_assert_int_eq(rbk_store_open(other, RBK_STORE_CLIENT, &client, &error), -RBK_ENOTFOUND);
    ck_assert_int_ne(access(other, F_OK), 0);
}
END_TEST

START_TEST(after_a_failed_write_nothing_more_is_written)
{
    struct rbk_store_event event = {
        .seq = 1, .at_ms = 1, .kind = RBK_STR("time"), .body = RBK_STR("{}")};
    uint64_t epoch = with_three_events();

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    /* Event 1 is there already: the write fails. */
    ck_assert_int_lt(rbk_store_append_event(store, "r1", epoch, "", &event, &error), 0);
    rbk_store_rollback(store);
    ck_assert_int_eq(rbk_store_begin(store, &error), -RBK_ESTORE);
}
END_TEST

static int take_head(void *context, const struct rbk_store_evidence *evidence)
{
    size_t *bytes = context;

    ck_assert_ptr_null(evidence->content.data);
    ck_assert_int_gt(evidence->id, 0);
    ck_assert(rbk_str_is(evidence->label, "dump"));
    bytes[++bytes[0]] = evidence->content.bytes;
    return 0;
}

START_TEST(evidence_is_listed_without_its_content_and_with_its_size)
{
    struct rbk_store_evidence evidence = {
        .seq = 1, .label = RBK_STR("dump"), .sha256 = RBK_STR("x")};
    char *large = calloc(1, (1 << 20) + 1);
    size_t bytes[5] = {0};

    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 1 << 20);
    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    for (int i = 0; i < 3; i++) {
        evidence.content =
            (struct rbk_str[]){RBK_STR("\xc3\xa4"), RBK_STR(""), rbk_str_from(large)}[i];
        ck_assert_int_eq(rbk_store_put_evidence(store, "r1", &evidence, &error), 0);
    }
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_each_evidence_head(store, "r1", take_head, bytes, &error), 0);
    ck_assert_uint_eq(bytes[0], 3);
    ck_assert_uint_eq(bytes[1], 2);
    ck_assert_uint_eq(bytes[2], 0);
    ck_assert_uint_eq(bytes[3], 1 << 20);
    free(large);
}
END_TEST

START_TEST(a_row_too_large_for_its_reader_is_an_error_and_no_end)
{
    char *large = calloc(1, (1 << 21) + 1);
    struct rbk_store_request request = {
        .at_ms = 5, .who = RBK_STR("dana"), .kind = RBK_STR("command")};
    struct rbk_store_request got;
    struct rbk_arena arena;
    struct rbk_str reply;
    int64_t id = 0;

    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 1 << 21);
    request.body = rbk_str_from(large);
    rbk_arena_init(&arena, 1 << 20);
    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_ask(store, "r1", &request, &id, &error), 0);
    ck_assert_int_eq(rbk_store_get_request(store, "r1", id, &arena, &got, &error), -RBK_ELIMIT);
    ck_assert_int_eq(rbk_store_get_reply(store, id, &arena, &reply, &error), 0);
    rbk_arena_fini(&arena);
    free(large);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_sqlite");
    TCase *tests = tcase_create("store");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_was_committed_is_read_back_in_order);
    tcase_add_test(tests, what_was_rolled_back_is_not_there);
    tcase_add_test(tests, an_edited_event_breaks_the_chain);
    tcase_add_test(tests, a_removed_event_leaves_a_gap);
    tcase_add_test(tests, rows_that_cannot_be_read_are_an_error);
    tcase_add_test(tests, an_append_of_an_old_epoch_is_refused);
    tcase_add_test(tests, a_second_runner_is_refused_while_the_first_lives);
    tcase_add_test(tests, a_request_is_open_until_it_is_answered_once);
    tcase_add_test(tests, a_message_of_the_same_key_is_stored_once_and_stays_until_sent);
    tcase_add_test(tests, unsent_messages_come_by_channel_in_order_and_no_more_than_asked_for);
    tcase_add_test(tests, a_message_that_is_set_aside_waits_for_a_person_and_then_is_as_new);
    tcase_add_test(tests, what_became_of_a_message_is_only_written_in_a_transaction);
    tcase_add_test(tests, what_a_channel_keeps_is_what_it_kept_last);
    tcase_add_test(tests, a_store_of_another_version_is_refused);
    tcase_add_test(tests, a_database_of_somebody_else_is_refused);
    tcase_add_test(tests, a_file_that_is_no_database_is_refused);
    tcase_add_test(tests, a_client_does_not_create_a_store);
    tcase_add_test(tests, after_a_failed_write_nothing_more_is_written);
    tcase_add_test(tests, evidence_is_listed_without_its_content_and_with_its_size);
    tcase_add_test(tests, a_row_too_large_for_its_reader_is_an_error_and_no_end);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
