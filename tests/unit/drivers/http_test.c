/*
 * The HTTP driver against nginx and against a server that misbehaves: what is OK, what failed, and
 * above all what is in doubt.
 */
#include "runtime/drivers/http/http.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/http_stub.h"
#include "tests/unit/drivers/servers.h"

static struct harness harness;
static struct http_stub stub;
static int nginx_port;

static void open_driver(void)
{
    harness_open(&harness, rbk_http_open);
}

static void close_driver(void)
{
    harness_close(&harness);
}

static struct rbk_request request_at(int port, const char *method, const char *path)
{
    static char urls[4][256];
    static unsigned next;
    char *url = urls[next++ % 4];
    (void)snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%d%s", port, path);
    struct rbk_request request = harness_request();
    request.method = rbk_str_from(method);
    request.url = rbk_str_from(url);
    return request;
}

static struct rbk_request effect(const char *method, const char *path)
{
    return request_at(stub.port, method, path);
}

static struct rbk_request reading(const char *path)
{
    struct rbk_request request = effect("GET", path);
    request.reading = true;
    return request;
}

START_TEST(a_post_carries_its_key_and_its_body)
{
    struct rbk_request request = effect("POST", "/echo");
    request.body = RBK_STR(" {\"a\": 1}");
    request.has_body = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_int_eq(answer->status, 200);
    ck_assert_ptr_nonnull(strstr(answer->value, "POST /echo HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(answer->value, "\r\nIdempotency-Key: run-1/migrate.apply.1\r\n"));
    ck_assert_ptr_nonnull(strstr(answer->value, "\r\nUser-Agent: rbk/"));
    ck_assert_ptr_nonnull(strstr(answer->value, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(answer->value, "\r\n\r\n {\"a\": 1}"));
    ck_assert_ptr_null(strstr(answer->value, "Expect"));
}
END_TEST

START_TEST(headers_of_the_plan_win)
{
    const struct rbk_pair headers[] = {{RBK_STR("idempotency-key"), RBK_STR("mine")},
                                       {RBK_STR("X-Empty"), RBK_STR("")},
                                       {RBK_STR("content-type"), RBK_STR("text/csv")}};
    struct rbk_request request = effect("PUT", "/echo");
    request.headers = headers;
    request.header_count = RBK_COUNT(headers);
    request.body = RBK_STR("a,b");
    request.has_body = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_ptr_nonnull(strstr(answer->value, "PUT /echo"));
    ck_assert_ptr_nonnull(strstr(answer->value, "idempotency-key: mine\r\n"));
    ck_assert_ptr_nonnull(strstr(answer->value, "X-Empty:\r\n"));
    ck_assert_ptr_nonnull(strstr(answer->value, "content-type: text/csv\r\n"));
    ck_assert_ptr_null(strstr(answer->value, "run-1/migrate.apply.1"));
}
END_TEST

START_TEST(a_header_cannot_smuggle_another)
{
    const struct rbk_pair headers[] = {{RBK_STR("X-A"), RBK_STR("1\r\nX-B: 2")}};
    struct rbk_request request = effect("POST", "/echo");
    request.headers = headers;
    request.header_count = 1;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "no header may hold"));
}
END_TEST

START_TEST(only_http_and_https_are_spoken)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1 x", ""};
    for (size_t i = 0; i < RBK_COUNT(urls); i++) {
        struct rbk_request request = effect("GET", "/");
        request.url = rbk_str_from(urls[i]);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", urls[i]);
    }
}
END_TEST

START_TEST(a_reading_gives_the_body_or_only_the_status)
{
    struct rbk_request request = request_at(nginx_port, "GET", "/status/200");
    request.reading = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer->value, "200\n");
    request = request_at(nginx_port, "GET", "/status/503");
    request.reading = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_str_eq(answer->message, "HTTP status 503: 503"); /* what the service said */
    request.status_only = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(answer->type, RBK_TYPE_INT);
    ck_assert_int_eq(answer->integer, 503);
    request = reading("/endless");
    request.status_only = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->integer, 200);
}
END_TEST

START_TEST(statuses_mean_what_the_header_says)
{
    static const struct {
        int status;
        enum rbk_outcome doubtful;
        enum rbk_outcome idempotent;
    } cases[] = {
        {200, RBK_OUTCOME_OK, RBK_OUTCOME_OK},      {204, RBK_OUTCOME_OK, RBK_OUTCOME_OK},
        {301, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},  {404, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},
        {408, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},  {409, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},
        {422, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},  {425, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},
        {429, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},  {500, RBK_OUTCOME_DOUBT, RBK_OUTCOME_FAIL},
        {501, RBK_OUTCOME_FAIL, RBK_OUTCOME_FAIL},  {502, RBK_OUTCOME_DOUBT, RBK_OUTCOME_FAIL},
        {503, RBK_OUTCOME_DOUBT, RBK_OUTCOME_FAIL}, {504, RBK_OUTCOME_DOUBT, RBK_OUTCOME_FAIL}};
    for (size_t i = 0; i < RBK_COUNT(cases); i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "/status/%d", cases[i].status);
        struct rbk_request request = effect("POST", path);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == cases[i].doubtful, "%s: %s", path, answer->message);
        ck_assert_int_eq(answer->status, cases[i].status);
        request.idempotent = true;
        answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == cases[i].idempotent, "%s: %s", path, answer->message);
        int64_t expected = cases[i].status;
        request.expect = &expected;
        request.expect_count = 1;
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    }
}
END_TEST

START_TEST(a_conflict_of_keys_is_explained)
{
    struct rbk_request request = effect("POST", "/status/409");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_ptr_nonnull(strstr(answer->message, "may still be under way"));
    ck_assert_ptr_nonnull(strstr(answer->detail, "the body says why"));
    request = effect("POST", "/status/422");
    ck_assert_ptr_nonnull(
        strstr(harness_run(&harness, &request)->message, "another request before"));
}
END_TEST

START_TEST(what_was_never_sent_has_failed)
{
    struct rbk_request request = request_at(servers_closed_port(), "POST", "/");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "was not sent"));
    char url[64]; /* a handshake that fails is not a request */
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", stub.port);
    request.url = rbk_str_from(url);
    request.timeout_ms = harness_ms(500);
    answer = harness_run(&harness, &request);
    ck_assert(answer->outcome == RBK_OUTCOME_FAIL || answer->outcome == RBK_OUTCOME_TIMEOUT);
    request.url = RBK_STR("http://nowhere.invalid/");
    request.timeout_ms = harness_ms(10000);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
}
END_TEST

START_TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    char path[128];
    char port[16] = "";
    char url[64];
    (void)snprintf(path, sizeof(path), "%s/https.port", servers_directory());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(port, sizeof(port), file));
    (void)fclose(file);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/status/200",
                   (int)strtol(port, NULL, 10));
    struct rbk_request request = effect("POST", "/");
    request.url = rbk_str_from(url);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "certificate"));
    ck_assert_ptr_nonnull(strstr(answer->message, "was not sent"));
    (void)snprintf(path, sizeof(path), "%s/http/cert.pem", servers_directory());
    (void)unsetenv("CURL_CA_BUNDLE");
    (void)setenv("SSL_CERT_FILE", path, 1); /* vouched for by whoever runs us */
    harness_close(&harness);
    open_driver();
    answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
}
END_TEST

START_TEST(what_was_sent_and_not_answered_is_in_doubt)
{
    static const char *const paths[] = {"/reset", "/reset-body", "/truncated", "/endless",
                                        "/endless-header"};
    for (size_t i = 0; i < RBK_COUNT(paths); i++) {
        struct rbk_request request = effect("POST", paths[i]);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == RBK_OUTCOME_DOUBT, "%s: %s", paths[i], answer->message);
        request.idempotent = true;
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
        request = reading(paths[i]);
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    }
}
END_TEST

START_TEST(nothing_is_sent_twice)
{
    struct rbk_request request = reading("/seen");
    long before = strtol(harness_run(&harness, &request)->value, NULL, 10);
    struct rbk_request post = effect("POST", "/reset");
    ck_assert_int_eq(harness_run(&harness, &post)->outcome, RBK_OUTCOME_DOUBT);
    ck_assert_int_eq(strtol(harness_run(&harness, &request)->value, NULL, 10), before + 2);
}
END_TEST

START_TEST(a_body_beyond_the_limit_ends_the_transfer)
{
    struct rbk_request request = reading("/endless");
    request.output_bytes_max = 1000;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "larger than 1000 bytes"));
}
END_TEST

static struct rbk_request message(const char *path)
{
    struct rbk_request request = effect("POST", path);
    request.reading = request.idempotent = request.status_enough = true;
    return request;
}

START_TEST(a_status_that_is_enough_is_the_answer_whatever_the_body_is)
{
    static const char *const paths[] = {"/echo", "/slow", "/endless", "/truncated", "/reset-body"};
    for (size_t i = 0; i < RBK_COUNT(paths); i++) {
        struct rbk_request request = message(paths[i]);
        request.timeout_ms = strcmp(paths[i], "/slow") == 0 ? harness_ms(300) : harness_ms(5000);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s: %s", paths[i], answer->message);
        ck_assert_int_eq(answer->status, 200);
        int64_t other = 201;
        request.expect = &other;
        request.expect_count = 1;
        answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome != RBK_OUTCOME_OK, "%s", paths[i]);
    }
    struct rbk_request request = message("/endless-header");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    request = message("/silent");
    request.timeout_ms = harness_ms(300);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_TIMEOUT);
}
END_TEST

START_TEST(what_is_wrong_is_said_of_a_body_without_end)
{
    struct rbk_request request = message("/endless");
    int64_t other = 201;
    request.expect = &other;
    request.expect_count = 1;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "HTTP status 200"));
}
END_TEST

START_TEST(a_server_that_wants_to_be_left_alone_is_heard)
{
    struct rbk_request request = message("/status/429");
    ck_assert_uint_eq(harness_run(&harness, &request)->retry_after_ms, 7000);
    request = message("/status/503");
    ck_assert_uint_eq(harness_run(&harness, &request)->retry_after_ms, 0);
}
END_TEST

START_TEST(what_can_never_be_sent_says_so)
{
    const struct rbk_pair headers[] = {{RBK_STR("X-A"), RBK_STR("1\r\nX-B: 2")}};
    struct rbk_request request = message("/echo");
    ck_assert(!harness_run(&harness, &request)->impossible);
    request.headers = headers;
    request.header_count = 1;
    ck_assert(harness_run(&harness, &request)->impossible);
    request = message("/echo");
    request.url = RBK_STR("ftp://127.0.0.1/");
    ck_assert(harness_run(&harness, &request)->impossible);
    request.url = RBK_STR("http://127.0.0.1:1/");
    ck_assert(!harness_run(&harness, &request)->impossible);
}
END_TEST

START_TEST(a_deadline_leaves_doubt_only_where_there_is_any)
{
    static const char *const paths[] = {"/silent", "/slow"};
    for (size_t i = 0; i < RBK_COUNT(paths); i++) {
        struct rbk_request request = effect("POST", paths[i]);
        request.timeout_ms = harness_ms(1000);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_int_eq(answer->outcome, RBK_OUTCOME_DOUBT);
        ck_assert_uint_ge(answer->took_ms, harness_ms(999));
        request.idempotent = true;
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_TIMEOUT);
        request = reading(paths[i]);
        request.timeout_ms = harness_ms(1000);
        ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_TIMEOUT);
    }
}
END_TEST

START_TEST(cancel_ends_a_transfer)
{
    struct rbk_request request = reading("/silent");
    harness_start(&harness, &request);
    harness_drain(&harness);
    harness.driver->ops->cancel(harness.activity);
    harness.driver->ops->cancel(harness.activity); /* asking twice changes nothing */
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
    request = effect("POST", "/echo");
    harness_start(&harness, &request);
    harness.driver->ops->cancel(harness.activity); /* before it began */
    answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
}
END_TEST

START_TEST(a_proxy_is_not_used_for_loopback)
{
    (void)setenv("http_proxy", "http://127.0.0.1:1/", 1);
    struct rbk_request request = reading("/echo");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_no_value)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/www/binary", servers_directory());
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs("a\xff\xfe z", file);
    (void)fclose(file);
    struct rbk_request request = request_at(nginx_port, "GET", "/binary");
    request.reading = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert(answer->missing);
    ck_assert_ptr_nonnull(strstr(answer->detail, "not text"));
}
END_TEST

START_TEST(a_driver_may_be_closed_inside_its_answer)
{
    struct rbk_request request = reading("/echo");
    ck_assert_int_eq(harness_close_inside(&harness, &request, rbk_http_open)->outcome,
                     RBK_OUTCOME_OK);
}
END_TEST

START_TEST(closing_a_driver_at_work_leaves_nothing_behind)
{
    struct rbk_request request = reading("/echo");
    (void)harness_run(&harness, &request);
    request = effect("POST", "/silent");
    harness_start(&harness, &request);
    harness_drain(&harness);
    harness_start(&harness, &request);
    harness_close(&harness);
    ck_assert_uint_eq(harness.answer.count, 0);
    open_driver();
}
END_TEST

int main(void)
{
    nginx_port = servers_start("http");
    stub = http_stub_start();
    TCase *tests = tcase_create("http");
    tcase_add_checked_fixture(tests, open_driver, close_driver);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_post_carries_its_key_and_its_body);
    tcase_add_test(tests, headers_of_the_plan_win);
    tcase_add_test(tests, a_header_cannot_smuggle_another);
    tcase_add_test(tests, only_http_and_https_are_spoken);
    tcase_add_test(tests, a_reading_gives_the_body_or_only_the_status);
    tcase_add_test(tests, statuses_mean_what_the_header_says);
    tcase_add_test(tests, a_conflict_of_keys_is_explained);
    tcase_add_test(tests, what_was_never_sent_has_failed);
    tcase_add_test(tests, a_certificate_that_nobody_vouches_for_is_refused);
    tcase_add_test(tests, what_was_sent_and_not_answered_is_in_doubt);
    tcase_add_test(tests, nothing_is_sent_twice);
    tcase_add_test(tests, a_body_beyond_the_limit_ends_the_transfer);
    tcase_add_test(tests, a_status_that_is_enough_is_the_answer_whatever_the_body_is);
    tcase_add_test(tests, what_is_wrong_is_said_of_a_body_without_end);
    tcase_add_test(tests, a_server_that_wants_to_be_left_alone_is_heard);
    tcase_add_test(tests, what_can_never_be_sent_says_so);
    tcase_add_test(tests, a_deadline_leaves_doubt_only_where_there_is_any);
    tcase_add_test(tests, cancel_ends_a_transfer);
    tcase_add_test(tests, a_proxy_is_not_used_for_loopback);
    tcase_add_test(tests, bytes_that_are_no_text_are_no_value);
    tcase_add_test(tests, a_driver_may_be_closed_inside_its_answer);
    tcase_add_test(tests, closing_a_driver_at_work_leaves_nothing_behind);
    Suite *suite = suite_create("http");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    http_stub_stop(&stub);
    servers_stop();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
