/*
 * Which addresses are this host's alone, what is no address, and which names a Host header may
 * have.
 */
#include "runtime/serve/serve_internal.h"

#include <check.h>
#include <stdlib.h>

START_TEST(loopback_is_told_from_everything_else)
{
    static const struct {
        const char *listen;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:7433", true}, {"127.9.9.9:1", true},   {"localhost:0", true},
        {"[::1]:7433", true},     {"0.0.0.0:7433", false}, {"[::]:7433", false},
        {"10.0.0.1:7433", false}, {"128.0.0.1:1", false},  {"[::ffff:127.0.0.1]:1", false}};

    for (size_t i = 0; i < RBK_COUNT(cases); i++) {
        bool loopback = !cases[i].loopback;
        struct rbk_error error;

        ck_assert_int_eq(rbk_listen_loopback(cases[i].listen, &loopback, &error), 0);
        ck_assert_msg(loopback == cases[i].loopback, "%s", cases[i].listen);
    }
}
END_TEST

START_TEST(what_is_no_address_is_wrong_usage)
{
    static const char *const cases[] = {"",
                                        ":",
                                        ":7433",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "[::1]",
                                        "::1:7433",
                                        "example.org:80",
                                        "1.2.3.4:-1",
                                        "1.2.3.4:x",
                                        "1.2.3.4:65536",
                                        "[]:80",
                                        "1.2.3.4:80 ",
                                        "1.2.3:80:90"};

    for (size_t i = 0; i < RBK_COUNT(cases); i++) {
        struct rbk_error error;
        bool loopback;

        ck_assert_msg(rbk_listen_loopback(cases[i], &loopback, &error) == -RBK_EUSAGE, "\"%s\"",
                      cases[i]);
    }
}
END_TEST

START_TEST(a_host_is_an_address_or_a_name_that_is_known)
{
    char given[] = "war.example.org", own[] = "db-1";
    char *hosts[] = {given};
    struct rbk_server server = {.options = {.hosts = hosts, .host_count = 1}, .own_name = own};
    static const struct {
        const char *host;
        bool known;
    } cases[] = {{"127.0.0.1", true},
                 {"127.0.0.1:7433", true},
                 {"10.1.2.3:80", true},
                 {"[::1]:7433", true},
                 {"[fe80::1]", true},
                 {"localhost", true},
                 {"LOCALHOST:1", true},
                 {"db-1", true},
                 {"war.example.org:443", true},
                 {"War.Example.Org", true},
                 {"", false},
                 {":80", false},
                 {"example.org", false},
                 {"xwar.example.org", false},
                 {"war.example.org.", false},
                 {"war.example.org.evil.net", false},
                 {"127.0.0.1.evil.net", false},
                 {"localhost.evil.net:80", false},
                 {"localhost:80x", false},
                 {"[::1", false},
                 {"[localhost]", false}};

    for (size_t i = 0; i < RBK_COUNT(cases); i++) {
        ck_assert_msg(rbk_listen_host_known(&server, cases[i].host) == cases[i].known, "\"%s\"",
                      cases[i].host);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_listen");
    TCase *cases = tcase_create("serve_listen");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, loopback_is_told_from_everything_else);
    tcase_add_test(cases, what_is_no_address_is_wrong_usage);
    tcase_add_test(cases, a_host_is_an_address_or_a_name_that_is_known);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
