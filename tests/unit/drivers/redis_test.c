/*
 * The Redis driver against a real server: replies, errors, accounts, and the two silences that must
 * end, a refused port and a stopped server. And against one that speaks the protocol to do harm.
 */
#include "runtime/drivers/redis.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/hostile.h"
#include "tests/unit/drivers/servers.h"

static struct harness harness;
static int redis_port;

static void open_driver(void)
{
    harness_open(&harness, rbk_redis_open);
}

static void close_driver(void)
{
    harness_close(&harness);
}

/* A request of blank-separated words on a port, with what stands before and after the host. */
static struct rbk_request command_at(int port, const char *user, const char *tail, const char *line)
{
    static struct rbk_str words[4][16];
    static char addresses[4][128];
    static unsigned next;
    unsigned slot = next++ % 4;
    struct rbk_request request = harness_request();
    (void)snprintf(addresses[slot], sizeof(addresses[0]), "redis://%s127.0.0.1:%d%s", user, port,
                   tail);
    request.connection_kind = RBK_CONNECTION_REDIS;
    request.address = rbk_str_from(addresses[slot]);
    request.words = words[slot];
    for (const char *at = line; *at; at += *at == ' ') {
        size_t bytes = strcspn(at, " ");
        words[slot][request.word_count++] = (struct rbk_str){at, bytes};
        at += bytes;
    }
    return request;
}

static struct rbk_request effect(const char *line)
{
    return command_at(redis_port, "", "/0", line);
}

static struct rbk_request reading(const char *line)
{
    struct rbk_request request = effect(line);
    request.reading = true;
    return request;
}

static const struct harness_answer *run(const char *line)
{
    struct rbk_request request = effect(line);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s: %s", line, answer->message);
    return answer;
}

START_TEST(replies_become_values)
{
    ck_assert_str_eq(run("SET k hello")->value, "OK");
    ck_assert_str_eq(run("GET k")->value, "hello");
    (void)run("DEL n l");
    ck_assert_str_eq(run("INCRBY n 42")->value, "42");
    ck_assert_str_eq(run("RPUSH l a \"b")->value, "2");
    ck_assert_str_eq(run("LRANGE l 0 -1")->value, "[\"a\",\"\\\"b\"]");
    ck_assert_str_eq(run("MGET k none")->value, "[\"hello\",null]");
    struct rbk_request request = reading("GET none");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_MISSING);
    ck_assert(run("GET none")->missing);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_no_value)
{
    struct rbk_str words[] = {RBK_STR("SET"), RBK_STR("bytes"), RBK_STR("a\xff z")};
    struct rbk_request request = effect("PING");
    request.words = words;
    request.word_count = 3;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    ck_assert(run("GET bytes")->missing);
    ck_assert(run("MGET none bytes")->missing);
    request = reading("GET bytes");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert(answer->missing);
    ck_assert_ptr_nonnull(strstr(answer->detail, "not text"));
    words[2] = (struct rbk_str){"a\0z", 3};
    request = effect("PING");
    request.words = words;
    request.word_count = 3;
    (void)harness_run(&harness, &request);
    ck_assert(run("GET bytes")->missing);
}
END_TEST

START_TEST(words_are_sent_as_they_are)
{
    struct rbk_str words[] = {RBK_STR("SET"), RBK_STR("odd key\r\nDEL k"), {"a\0b", 3}};
    struct rbk_request request = effect("PING");
    request.words = words;
    request.word_count = 3;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    words[0] = RBK_STR("STRLEN");
    request.word_count = 2;
    ck_assert_str_eq(harness_run(&harness, &request)->value, "3");
}
END_TEST

START_TEST(an_error_reply_fails_with_its_text)
{
    (void)run("SET k hello");
    struct rbk_request request = effect("INCR k");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "not an integer"));
    request = effect("EVALSHA ffffffffffffffffffffffffffffffffffffffff 0");
    ck_assert_ptr_nonnull(strstr(harness_run(&harness, &request)->message, "NOSCRIPT"));
}
END_TEST

START_TEST(a_database_and_an_account_are_used)
{
    (void)run("FLUSHALL");
    struct rbk_request request = command_at(redis_port, "", "/3", "SET only here");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    ck_assert(run("GET only")->missing);
    request = command_at(redis_port, "", "/999", "PING");
    ck_assert_ptr_nonnull(strstr(harness_run(&harness, &request)->message, "SELECT: "));
    (void)run("ACL SETUSER bob on >pa:ss@w ~* +@all");
    request = command_at(redis_port, "bob:pa:ss%40w@", "", "ACL WHOAMI");
    ck_assert_str_eq(harness_run(&harness, &request)->value, "bob");
    request = command_at(redis_port, "bob:wrong@", "", "PING");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "AUTH: WRONGPASS"));
}
END_TEST

START_TEST(a_refused_port_fails_at_once)
{
    struct rbk_request request = command_at(servers_closed_port(), "", "", "PING");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "Connection refused"));
}
END_TEST

START_TEST(wrong_addresses_are_refused_and_not_repeated)
{
    static const char *const addresses[] = {
        "rediss://u:hunter22@127.0.0.1/", "127.0.0.1:6379",        "redis://:hunter22@/0",
        "redis://127.0.0.1:99999",        "redis://127.0.0.1/abc", ""};
    for (size_t i = 0; i < RBK_COUNT(addresses); i++) {
        struct rbk_request request = effect("PING");
        request.address = rbk_str_from(addresses[i]);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", addresses[i]);
        ck_assert_ptr_null(strstr(answer->message, "hunter22"));
    }
}
END_TEST

START_TEST(streams_are_refused)
{
    static const char *const lines[] = {"subscribe a", "MONITOR", "HELLO 3", "client reply off"};
    for (size_t i = 0; i < RBK_COUNT(lines); i++) {
        struct rbk_request request = effect(lines[i]);
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    }
    struct rbk_request request = effect("PING");
    request.word_count = 0;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
}
END_TEST

static pid_t server_pid(void)
{
    char path[128];
    int pid = 0;
    (void)snprintf(path, sizeof(path), "%s/redis/pid", servers_directory());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    return (pid_t)pid;
}

START_TEST(a_stopped_server_meets_our_deadline)
{
    pid_t pid = server_pid();
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    struct rbk_request request = effect("SET k 1");
    request.timeout_ms = harness_ms(1000);
    struct harness_answer answers[3];
    answers[0] = *harness_run(&harness, &request);
    request.idempotent = true;
    answers[1] = *harness_run(&harness, &request);
    request.reading = true;
    answers[2] = *harness_run(&harness, &request);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    ck_assert_int_eq(answers[0].outcome, RBK_OUTCOME_DOUBT);
    ck_assert_uint_ge(answers[0].took_ms, harness_ms(999));
    ck_assert_int_eq(answers[1].outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_int_eq(answers[2].outcome, RBK_OUTCOME_TIMEOUT);
}
END_TEST

START_TEST(a_blocking_command_can_be_cancelled)
{
    struct rbk_request request = reading("BLPOP nothing 0");
    harness_start(&harness, &request);
    bool blocks = false; /* run() replaces the activity the harness knows: that is fine here */
    while (!blocks) {
        blocks = strstr(run("CLIENT LIST")->value, "cmd=blpop") != NULL;
    }
    harness_close(&harness); /* the blocked one ends with the driver */
    open_driver();
    harness_start(&harness, &request);
    harness_drain(&harness);
    harness.driver->ops->cancel(harness.activity);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
}
END_TEST

START_TEST(a_driver_may_be_closed_inside_its_answer)
{
    struct rbk_request request = effect("PING");
    ck_assert_int_eq(harness_close_inside(&harness, &request, rbk_redis_open)->outcome,
                     RBK_OUTCOME_OK);
}
END_TEST

START_TEST(a_reply_that_is_lost_leaves_doubt)
{
    (void)run("SET n 0");
    struct proxy proxy = proxy_start(redis_port, "INCR", PROXY_CUT_AFTER, 1);
    struct rbk_request request = command_at(proxy.port, "", "", "INCR n");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_DOUBT, "%s", answer->message);
    ck_assert_str_eq(run("GET n")->value, "1");
    proxy_stop(&proxy);
    proxy = proxy_start(redis_port, "SELECT", PROXY_CUT_AFTER, 1); /* before the command */
    request = command_at(proxy.port, "", "/1", "INCR n");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    proxy_stop(&proxy);
}
END_TEST

START_TEST(a_reply_beyond_the_limit_is_refused)
{
    (void)run("SETRANGE big 12000000 x");
    struct rbk_request request = reading("GET big");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "larger than"));
    (void)run("SETRANGE middle 2000 x");
    request = reading("GET middle");
    request.output_bytes_max = 1000;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    (void)run("FLUSHALL");
}
END_TEST

/* What a reading and an effect come to when the server answers so. */
static void meets(struct hostile_turn turn, const char *message)
{
    struct hostile hostile = hostile_start(&turn, 1);
    struct rbk_request request = command_at(hostile.port, "", "", "GET k");
    request.reading = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s: %s", turn.bytes, answer->message);
    ck_assert_msg(strstr(answer->message, message), "%s: %s", message, answer->message);
    request = command_at(hostile.port, "", "", "INCR k");
    answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_DOUBT, "%s: %s", turn.bytes, answer->message);
    ck_assert_msg(strstr(answer->message, message), "%s: %s", message, answer->message);
    hostile_stop(&hostile);
}

START_TEST(an_announced_array_beyond_the_limit_is_refused_before_it_is_made)
{
    static const char too_many[] = "the reply has more than 100000 elements";
    meets(HOSTILE_SAYS("*1000000000\r\n", 1), too_many);
    meets(HOSTILE_SAYS("*2147483647\r\n", 1), too_many);
    meets(HOSTILE_SAYS("*100001\r\n", 1), too_many);
    meets(HOSTILE_SAYS("*2\r\n*1\r\n*99998\r\n", 1), too_many); /* 100,001 in all */
    meets(HOSTILE_SAYS("*99999\r\n*2\r\n", 1), too_many);
    meets(HOSTILE_SAYS("*50000\r\n" /* and the first of them never end */
                       "*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
                       0),
          too_many);
}
END_TEST

START_TEST(an_array_within_the_limit_is_a_value)
{
    static char nils[100000 * 5 + 16];
    size_t bytes = (size_t)snprintf(nils, sizeof(nils), "*100000\r\n");
    for (size_t i = 0; i < 100000; i++, bytes += 5) {
        memcpy(nils + bytes, "$-1\r\n", 5);
    }
    struct hostile_turn turn = {.bytes = nils, .length = bytes, .times = 1};
    struct hostile hostile = hostile_start(&turn, 1);
    struct rbk_request request = command_at(hostile.port, "", "", "LRANGE l 0 -1");
    request.reading = true;
    request.output_bytes_max = 1 << 20;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_uint_eq(answer->value_bytes, 100000 * 5 + 1);
    hostile_stop(&hostile);
}
END_TEST

START_TEST(counts_and_types_that_make_no_sense_are_a_broken_reply)
{
    static const char broken[] = "the reply is broken: ";
    meets(HOSTILE_SAYS("*-2\r\n", 1), broken);
    meets(HOSTILE_SAYS("*2147483648\r\n", 1), broken);
    meets(HOSTILE_SAYS("*99999999999999999999\r\n", 1), broken);
    meets(HOSTILE_SAYS("*1x\r\n", 1), broken);
    meets(HOSTILE_SAYS("$-2\r\n", 1), broken);
    meets(HOSTILE_SAYS("$99999999999999999999\r\n", 1), broken);
    meets(HOSTILE_SAYS(":99999999999999999999\r\n", 1), broken);
    meets(HOSTILE_SAYS("HTTP/1.1 400 Bad Request\r\n\r\n", 1), broken);
    meets(HOSTILE_SAYS("\0\0\0\0", 1), broken);
    meets(HOSTILE_SAYS("*1\r\n", 0), broken); /* deeper than the library nests */
}
END_TEST

START_TEST(a_reply_without_an_end_is_given_up)
{
    meets(HOSTILE_SAYS("+more and more and more and more ", 0),
          "has a line of more than 65536 bytes");
    meets(HOSTILE_SAYS("-0123456789abcdef\r0123456789abcdef\r", 0),
          "has a line of more than 65536 bytes");
    meets(HOSTILE_SAYS("$1111111111111111", 0), "has a line of more than 65536 bytes");
    meets(HOSTILE_SAYS("$9000000000\r\nmore and more and more and more and more\r\n", 0),
          "is larger than 8388608 bytes");
    meets(HOSTILE_CLOSES, "the connection was lost after the command was sent");
}
END_TEST

START_TEST(a_reply_that_is_announced_and_does_not_come_meets_our_deadline)
{
    const struct hostile_turn turns[] = {HOSTILE_SAYS("$9223372036854775807\r\nx", 1)};
    struct hostile hostile = hostile_start(turns, 1);
    struct rbk_request request = command_at(hostile.port, "", "", "GET k");
    request.reading = true;
    request.timeout_ms = harness_ms(200);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_TIMEOUT);
    hostile_stop(&hostile);
}
END_TEST

int main(void)
{
    redis_port = servers_start("redis");
    TCase *tests = tcase_create("redis");
    tcase_add_checked_fixture(tests, open_driver, close_driver);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, replies_become_values);
    tcase_add_test(tests, bytes_that_are_no_text_are_no_value);
    tcase_add_test(tests, words_are_sent_as_they_are);
    tcase_add_test(tests, an_error_reply_fails_with_its_text);
    tcase_add_test(tests, a_database_and_an_account_are_used);
    tcase_add_test(tests, a_refused_port_fails_at_once);
    tcase_add_test(tests, wrong_addresses_are_refused_and_not_repeated);
    tcase_add_test(tests, streams_are_refused);
    tcase_add_test(tests, a_stopped_server_meets_our_deadline);
    tcase_add_test(tests, a_blocking_command_can_be_cancelled);
    tcase_add_test(tests, a_driver_may_be_closed_inside_its_answer);
    tcase_add_test(tests, a_reply_that_is_lost_leaves_doubt);
    tcase_add_test(tests, a_reply_beyond_the_limit_is_refused);
    tcase_add_test(tests, an_announced_array_beyond_the_limit_is_refused_before_it_is_made);
    tcase_add_test(tests, an_array_within_the_limit_is_a_value);
    tcase_add_test(tests, counts_and_types_that_make_no_sense_are_a_broken_reply);
    tcase_add_test(tests, a_reply_without_an_end_is_given_up);
    tcase_add_test(tests, a_reply_that_is_announced_and_does_not_come_meets_our_deadline);
    Suite *suite = suite_create("redis");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    servers_stop();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
