/*
 * The PostgreSQL driver against a server that speaks the protocol to do harm: a stub says what the
 * tests want. Whatever it says, the loop goes on and each request ends, with a message.
 *
 * A reading asks three times: it connects, opens its transaction, sends its statement.
 */
#include "runtime/drivers/postgres/postgres.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/hostile.h"

#define WELCOME "R\0\0\0\x08\0\0\0\0"
#define READY "Z\0\0\0\x05I"
#define READY_INSIDE "Z\0\0\0\x05T"
#define SERVER_KEY "K\0\0\0\x0c\0\0\0\x01\0\0\0\x02"
#define BEGUN          \
    "C\0\0\0\x0a"      \
    "BEGIN\0"          \
    "C\0\0\0\x08SET\0" \
    "C\0\0\0\x08SET\0" READY_INSIDE
#define COLUMN "T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
#define PARSED    \
    "1\0\0\0\x04" \
    "2\0\0\0\x04"
#define ROW                       \
    "D\0\0\0\x0b\0\x01\0\0\0\x01" \
    "5"
#define SELECTED  \
    "C\0\0\0\x0d" \
    "SELECT 1\0" READY_INSIDE
#define COMMITTED \
    "C\0\0\0\x0b" \
    "COMMIT\0" READY
#define NOTICE "N\0\0\0\x1cSNOTICE\0Mabcdef\0C00000\0\0"
#define TEXT_BYTES ((size_t)20000)

static struct harness harness;

static void open_driver(void)
{
    harness_open(&harness, rbk_sql_postgres_open);
}

static void close_driver(void)
{
    harness_close(&harness);
}

static struct rbk_request reading_at(int port)
{
    static char address[160];
    struct rbk_request request = harness_request();
    (void)snprintf(address, sizeof(address),
                   "postgresql://u:secretword@127.0.0.1:%d/d?sslmode=disable&gssencmode=disable",
                   port);
    request.connection_kind = RBK_CONNECTION_POSTGRES;
    request.address = rbk_str_from(address);
    request.statement = RBK_STR("SELECT n FROM t");
    request.reading = true;
    request.timeout_ms = harness_ms(300);
    return request;
}

/* What a reading comes to with a server that answers so. */
static const struct harness_answer *meet(const struct hostile_turn *turns, size_t count)
{
    struct hostile hostile = hostile_start(turns, count);
    struct rbk_request request = reading_at(hostile.port);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_ptr_null(strstr(answer->message, "secretword"));
    hostile_stop(&hostile);
    return answer;
}

/* The same when it is well behaved up to the statement. */
static const struct harness_answer *meet_statement(struct hostile_turn turn)
{
    const struct hostile_turn turns[] = {HOSTILE_SAYS(WELCOME SERVER_KEY READY, 1),
                                         HOSTILE_SAYS(BEGUN, 1), turn, HOSTILE_SAYS(COMMITTED, 1)};
    return meet(turns, 4);
}

static void fails(const struct harness_answer *answer, const char *message)
{
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s: outcome %d, %s", message,
                  answer->outcome, answer->message);
    ck_assert_msg(strstr(answer->message, message), "%s: %s", message, answer->message);
}

static void times_out(const struct harness_answer *answer)
{
    ck_assert_msg(answer->outcome == RBK_OUTCOME_TIMEOUT, "outcome %d: %s", answer->outcome,
                  answer->message);
}

START_TEST(a_server_that_behaves_is_read)
{
    const struct harness_answer *answer =
        meet_statement(HOSTILE_SAYS(PARSED COLUMN ROW SELECTED, 1));
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(answer->value, "5");
}
END_TEST

START_TEST(copies_that_nobody_asked_for_end)
{
    fails(meet_statement(HOSTILE_SAYS(PARSED "W\0\0\0\x07\0\0\0", 1)), "COPY");
    fails(meet_statement(HOSTILE_SAYS(PARSED "G\0\0\0\x07\0\0\0", 0)), "COPY");
    times_out(meet_statement(HOSTILE_SAYS("H\0\0\0\x07\0\0\0"
                                          "d\0\0\0\x08"
                                          "copy",
                                          2000)));
}
END_TEST

START_TEST(results_without_an_end_meet_our_deadline)
{
    times_out(meet_statement(HOSTILE_SAYS(PARSED COLUMN, 1)));
    times_out(meet_statement(HOSTILE_SAYS(PARSED COLUMN ROW ROW NOTICE, 0)));
}
END_TEST

START_TEST(a_row_larger_than_the_limit_is_given_up)
{
    static const char head[] = PARSED COLUMN "D\x3f\xff\xff\xff\0\x01\x3f\xff\xff";
    static char bytes[68 << 20]; /* of the gigabyte that is announced */
    struct hostile_turn turn = {.bytes = bytes, .length = sizeof(bytes), .times = 1};
    memcpy(bytes, head, sizeof(head));
    fails(meet_statement(turn), "larger than 67108864 bytes");
    turn.length = 40 << 20; /* as 20 MB of a bytea: the rest may come */
    times_out(meet_statement(turn));
}
END_TEST

START_TEST(bytes_that_make_no_sense_end_the_connection)
{
    fails(meet_statement(HOSTILE_SAYS("HTTP/1.1 400 Bad Request\r\n\r\n", 1)), "lost");
    fails(meet_statement(HOSTILE_SAYS("\0\0\0\0\0\0\0\0", 1)), "lost");
    /* These are answered by no end of the query, for which we wait. */
    times_out(meet_statement(HOSTILE_SAYS(PARSED COLUMN "D\0\0\0\x0b\0\x05\0\0\0\x01"
                                                        "5",
                                          1)));
    times_out(meet_statement(HOSTILE_SAYS(PARSED "T\0\0\0\x06\xff\xff", 1)));
    fails(meet_statement(HOSTILE_CLOSES), "lost");
}
END_TEST

START_TEST(a_value_with_nul_bytes_is_none)
{
    const struct harness_answer *answer =
        meet_statement(HOSTILE_SAYS(PARSED COLUMN "D\0\0\0\x0d\0\x01\0\0\0\x03"
                                                  "a\0b" SELECTED,
                                    1));
    ck_assert(answer->missing);
}
END_TEST

/* An error whose text is longer than any message. */
START_TEST(an_error_of_any_length_is_told)
{
    static char bytes[TEXT_BYTES + 128];
    static const char head[] = "SERROR\0C42601\0M";
    char *at = bytes;
    *at++ = 'E';
    size_t length = 4 + sizeof(head) - 1 + TEXT_BYTES + 2;
    for (int shift = 24; shift >= 0; shift -= 8) {
        *at++ = (char)(length >> shift & 0xff);
    }
    memcpy(at, head, sizeof(head) - 1);
    at += sizeof(head) - 1;
    memset(at, 'x', TEXT_BYTES);
    at += TEXT_BYTES + 2;
    memcpy(at, READY_INSIDE, sizeof(READY_INSIDE) - 1);
    at += sizeof(READY_INSIDE) - 1;
    const struct hostile_turn turn = {.bytes = bytes, .length = (size_t)(at - bytes), .times = 1};
    fails(meet_statement(turn), "ERROR 42601: ");
    fails(meet(&turn, 1), "no connection: ");
    ck_assert_ptr_nonnull(strstr(harness.answer.message, "too long to be shown"));
}
END_TEST

START_TEST(connections_that_never_come_about_end)
{
    fails(meet((struct hostile_turn[]){HOSTILE_SAYS("R\0\0\0\x08\0\0\0\x63", 1)}, 1),
          "authentication method 99 not supported");
    fails(meet((struct hostile_turn[]){HOSTILE_SAYS("R\0\0\0\x0e\0\0\0\x0aNOPE\0\0", 1)}, 1),
          "SASL");
    fails(meet((struct hostile_turn[]){HOSTILE_SAYS("R\0\0\0\x04", 1)}, 1), "no connection");
    fails(meet((struct hostile_turn[]){HOSTILE_SAYS("HTTP/1.1 400 Bad Request\r\n", 1)}, 1),
          "no connection");
    fails(meet((struct hostile_turn[]){HOSTILE_CLOSES}, 1), "no connection");
}
END_TEST

START_TEST(settings_without_an_end_are_given_up)
{
    static const char setting[] = "S\0\0\0\x0b"
                                  "a\0bcde";                      /* and the NUL at its end */
    static char bytes[sizeof(WELCOME) + 40000 * sizeof(setting)]; /* half a megabyte */
    char *at = bytes;
    memcpy(at, WELCOME, sizeof(WELCOME) - 1);
    at += sizeof(WELCOME) - 1;
    for (int i = 0; i < 40000; i++, at += sizeof(setting)) {
        memcpy(at, setting, sizeof(setting));
    }
    const struct hostile_turn turn = {.bytes = bytes, .length = (size_t)(at - bytes), .times = 1};
    fails(meet(&turn, 1), "no connection: the server sends more than anybody needs to connect");
}
END_TEST

START_TEST(a_cancel_request_without_an_answer_holds_up_nothing)
{
    const struct hostile_turn turns[] = {HOSTILE_SAYS(WELCOME SERVER_KEY READY, 1),
                                         HOSTILE_SAYS(BEGUN, 1), HOSTILE_SAYS(PARSED, 1)};
    struct hostile hostile = hostile_start(turns, 3);
    struct rbk_request request = reading_at(hostile.port);
    times_out(harness_run(&harness, &request));
    close_driver(); /* while the request is under way */
    open_driver();
    hostile_stop(&hostile);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sql_postgres_hostile");
    tcase_add_checked_fixture(tests, open_driver, close_driver);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_server_that_behaves_is_read);
    tcase_add_test(tests, copies_that_nobody_asked_for_end);
    tcase_add_test(tests, results_without_an_end_meet_our_deadline);
    tcase_add_test(tests, a_row_larger_than_the_limit_is_given_up);
    tcase_add_test(tests, bytes_that_make_no_sense_end_the_connection);
    tcase_add_test(tests, a_value_with_nul_bytes_is_none);
    tcase_add_test(tests, an_error_of_any_length_is_told);
    tcase_add_test(tests, connections_that_never_come_about_end);
    tcase_add_test(tests, settings_without_an_end_are_given_up);
    tcase_add_test(tests, a_cancel_request_without_an_answer_holds_up_nothing);
    Suite *suite = suite_create("sql_postgres_hostile");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
