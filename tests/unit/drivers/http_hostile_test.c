/*
 * The HTTP driver against a server that speaks the protocol to do harm: a stub says what the tests
 * want. Whatever it says, the loop goes on and each request ends, with a message.
 */
#include "runtime/drivers/http/http.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/hostile.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static struct harness harness;

static void open_driver(void)
{
    harness_open(&harness, rbk_http_open);
}

static void close_driver(void)
{
    harness_close(&harness);
}

/* What a reading, or an effect, comes to with a server that answers so. */
static const struct harness_answer *meet(struct hostile_turn turn, const char *method)
{
    static char url[64];
    struct hostile hostile = hostile_start(&turn, 1);
    struct rbk_request request = harness_request();
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", hostile.port);
    request.method = rbk_str_from(method);
    request.url = rbk_str_from(url);
    request.reading = strcmp(method, "GET") == 0;
    request.timeout_ms = harness_ms(400);
    const struct harness_answer *answer = harness_run(&harness, &request);
    hostile_stop(&hostile);
    return answer;
}

/* A reading fails, and an effect that was sent is in doubt. */
static void fails(struct hostile_turn turn, const char *message)
{
    const struct harness_answer *answer = meet(turn, "GET");
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "outcome %d: %s", answer->outcome,
                  answer->message);
    ck_assert_msg(strstr(answer->message, message), "%s: %s", message, answer->message);
    answer = meet(turn, "POST");
    ck_assert_msg(answer->outcome == RBK_OUTCOME_DOUBT, "outcome %d: %s", answer->outcome,
                  answer->message);
    ck_assert_msg(strstr(answer->message, message), "%s: %s", message, answer->message);
}

/* A head, and behind it a megabyte of the same. */
static struct hostile_turn flood(const char *head, const char *unit)
{
    static char bytes[1 << 20];
    size_t at = strlen(head);
    memcpy(bytes, head, at);
    for (size_t length = strlen(unit); at + length <= sizeof(bytes); at += length) {
        memcpy(bytes + at, unit, length);
    }
    return (struct hostile_turn){.bytes = bytes, .length = at, .times = 1};
}

START_TEST(heads_without_an_end_are_given_up)
{
    static const char larger[] = "headers of the answer are larger than 65536 bytes";
    fails(HOSTILE_SAYS("HTTP/1.1 100 Continue\r\n\r\n", 0), larger);
    fails(HOSTILE_SAYS("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0), larger);
    fails(flood(OK_HEAD, "X-More: and more\r\n"), larger);
    fails(flood(OK_HEAD "X-More: ", "and more and more"), "");
    fails(flood("", "and more and more "), "");
    fails(flood(CHUNKED "0\r\n", "X-More: and more\r\n"), larger); /* behind the body */
}
END_TEST

START_TEST(lengths_that_make_no_sense_are_a_broken_answer)
{
    fails(HOSTILE_SAYS(OK_HEAD "Content-Length: -1\r\n\r\nbody", 1), "");
    fails(HOSTILE_SAYS(CHUNKED "ffffffffffffffffffff\r\nbody", 1), "");
    fails(HOSTILE_SAYS(CHUNKED "zz\r\nbody", 1), "");
    fails(HOSTILE_SAYS("SSH-2.0-OpenSSH_9.2\r\n", 1), "");
    fails(HOSTILE_SAYS("HTTP/9.9 999 \r\n\r\n", 1), "");
    fails(HOSTILE_CLOSES, "");
}
END_TEST

START_TEST(a_body_without_an_end_is_given_up_or_meets_our_deadline)
{
    const struct harness_answer *answer = meet(flood(CHUNKED "1;", "and more"), "GET");
    ck_assert_msg(answer->outcome != RBK_OUTCOME_OK, "%s", answer->message);
    answer = meet(HOSTILE_SAYS(CHUNKED "1\r\nx\r\n", 1), "GET");
    ck_assert_msg(answer->outcome == RBK_OUTCOME_TIMEOUT, "%s", answer->message);
    /* One that fits into no number is as good as none: then the connection's end is the body's. */
    answer =
        meet(HOSTILE_SAYS(OK_HEAD "Content-Length: 99999999999999999999\r\n\r\nbody", 1), "GET");
    ck_assert_msg(answer->outcome == RBK_OUTCOME_TIMEOUT, "%s", answer->message);
    answer = meet(HOSTILE_SAYS(OK_HEAD "Content-Length: 9223372036854775807\r\n\r\nx", 1), "POST");
    ck_assert_msg(answer->outcome == RBK_OUTCOME_DOUBT, "%s", answer->message);
}
END_TEST

START_TEST(nul_bytes_are_no_value)
{
    const struct harness_answer *answer =
        meet(HOSTILE_SAYS(OK_HEAD "Content-Length: 3\r\n\r\na\0b", 1), "GET");
    ck_assert(answer->missing);
    fails(HOSTILE_SAYS(OK_HEAD "X: a\0b\r\nContent-Length: 1\r\n\r\na", 1), "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("http_hostile");
    tcase_add_checked_fixture(tests, open_driver, close_driver);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, heads_without_an_end_are_given_up);
    tcase_add_test(tests, lengths_that_make_no_sense_are_a_broken_answer);
    tcase_add_test(tests, a_body_without_an_end_is_given_up_or_meets_our_deadline);
    tcase_add_test(tests, nul_bytes_are_no_value);
    Suite *suite = suite_create("http_hostile");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
