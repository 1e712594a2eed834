/*
 * Commands: what reaches them (argv, environment, stdin, descriptors, signals), what comes back
 * (status, value, messages), and what becomes of output without bounds.
 */
#include "tests/unit/drivers/exec/world.h"

#include "runtime/core/base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world world;
static struct answer answer;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_fini(&world);
}

static void run_shell(const char *script)
{
    struct rbk_request request = world_shell(&world, script);
    world_run(&world, &request, &answer);
}

START_TEST(a_command_that_exits_with_0_is_ok)
{
    const char *words[] = {"true", NULL};
    struct rbk_request request = world_request(&world, words);
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(answer.status, 0);
    ck_assert_str_eq(answer.message, "exit status 0");
    ck_assert_str_eq(answer.value, "");
    ck_assert(!answer.missing);
    ck_assert_str_eq(answer.output_path, "");
}
END_TEST

START_TEST(a_silent_command_leaves_no_file)
{
    char byte;
    run_shell(":");
    ck_assert_int_eq(world_file(&world, "1.out", &byte, 1), -1);
    ck_assert_int_eq(world_file(&world, "1.err", &byte, 1), -1);
}
END_TEST

START_TEST(stdout_is_the_value_without_its_line_end_and_is_in_a_file)
{
    char bytes[64] = "";
    run_shell("echo 'hello  world'; echo; echo trouble >&2");
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer.value, "hello  world");
    ck_assert_str_eq(answer.detail, "trouble");
    ck_assert_int_eq(world_file(&world, "1.out", bytes, sizeof bytes), 14);
    ck_assert_mem_eq(bytes, "hello  world\n\n", 14);
    ck_assert_int_eq(access(answer.output_path, R_OK), 0);
}
END_TEST

START_TEST(other_exit_statuses_fail_and_are_told)
{
    run_shell("echo no >&2; exit 3");
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 3);
    ck_assert_str_eq(answer.message, "exit status 3");
    ck_assert_str_eq(answer.detail, "no");
}
END_TEST

START_TEST(expected_exit_statuses_are_ok)
{
    const int64_t expect[] = {0, 3};
    struct rbk_request request = world_shell(&world, "exit 3");
    request.expect = expect;
    request.expect_count = 2;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(answer.status, 3);
}
END_TEST

START_TEST(a_signal_is_named)
{
    run_shell("kill -KILL $$");
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, -1);
    ck_assert_str_eq(answer.message, "killed by SIGKILL");
}
END_TEST

START_TEST(what_cannot_be_started_says_why)
{
    const char *missing[] = {"/nowhere/at-all", NULL};
    const char *unknown[] = {"rbk-no-such-program", NULL};
    const char *denied[] = {"/etc/passwd", NULL};
    struct rbk_request request = world_request(&world, missing);
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 127);
    ck_assert_str_eq(answer.message, "cannot start /nowhere/at-all: no such file or directory");
    request = world_request(&world, unknown);
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.status, 127);
    request = world_request(&world, denied);
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.status, 126);
    ck_assert_str_eq(answer.message, "cannot start /etc/passwd: permission denied");
    request = world_shell(&world, ":");
    request.directory = RBK_STR("no/such/place");
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.message,
                     "cannot enter directory no/such/place: no such file or directory");
}
END_TEST

START_TEST(too_long_a_word_is_the_systems_error_not_ours)
{
    char *word = malloc(1 << 20);
    ck_assert_ptr_nonnull(word);
    memset(word, 'x', (1 << 20) - 1);
    word[(1 << 20) - 1] = '\0';
    const char *words[] = {"true", word, NULL};
    struct rbk_request request = world_request(&world, words);
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.message, "cannot start true: argument list too long");
    free(word);
}
END_TEST

START_TEST(nul_bytes_are_refused_before_anything_starts)
{
    struct rbk_request request = world_shell(&world, ":");
    struct rbk_str words[] = {RBK_STR("echo"), RBK_STR("a\0b")};
    struct rbk_pair pair = {RBK_STR("NAME"), RBK_STR("a\0b")};
    struct rbk_pair wrong = {RBK_STR("NA=ME"), RBK_STR("a")};
    request.words = words;
    request.word_count = 2;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_str_eq(answer.message, "word 2 of the command holds a NUL byte");
    request = world_shell(&world, ":");
    request.environment = &pair;
    request.environment_count = 1;
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.message, "the environment variable NAME holds a NUL byte");
    request.environment = &wrong;
    request.serial = ++world.serial;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
}
END_TEST

START_TEST(argv_arrives_byte_for_byte)
{
    char odd[257] = "";
    char bytes[2048], expected[2048];
    size_t length = 0;
    for (int byte = 1; byte < 256; byte++) {
        odd[byte - 1] = (char)byte;
    }
    const char *words[] = {"printf", "%s\\0", "",  "-rf",   "--", "a  b", "$(id)",
                           "`id`",   ";",     "*", "\"'\\", "\n", odd,    NULL};
    struct rbk_request request = world_request(&world, words);
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert(answer.missing);
    for (size_t index = 2; words[index]; index++) {
        memcpy(expected + length, words[index], strlen(words[index]) + 1);
        length += strlen(words[index]) + 1;
    }
    ck_assert_int_eq(world_file(&world, "1.out", bytes, sizeof bytes), (ssize_t)length);
    ck_assert_mem_eq(bytes, expected, length);
}
END_TEST

START_TEST(the_environment_is_exactly_what_was_asked_for)
{
    char expected[4096];
    const struct rbk_pair pairs[] = {
        {RBK_STR("PGPASSWORD"), RBK_STR("x y=z\n")}, {RBK_STR("HOME"), RBK_STR("/elsewhere")},
        {RBK_STR("TWICE"), RBK_STR("first")},        {RBK_STR("TWICE"), RBK_STR("second")},
        {RBK_STR("RBK_KEY"), RBK_STR("forged")},
    };
    ck_assert_int_eq(setenv("LANG", "C", 1), 0);
    ck_assert_int_eq(setenv("LEAKED", "yes", 1), 0);
    struct rbk_request request = world_shell(&world, "tr '\\0' '|' < /proc/$$/environ");
    request.environment = pairs;
    request.environment_count = 5;
    world_run(&world, &request, &answer);
    snprintf(expected, sizeof expected,
             "PATH=%s|LANG=C|PGPASSWORD=x y=z\n|HOME=/elsewhere|TWICE=second|RBK_RUN=run-7|"
             "RBK_STEP=migrate.apply.1|RBK_KEY=%s|",
             getenv("PATH"), world.key);
    ck_assert_str_eq(answer.value, expected);
}
END_TEST

START_TEST(it_has_its_own_session_no_descriptors_and_plain_signals)
{
    const char *words[] = {"ls", "/proc/self/fd", NULL};
    run_shell("read -r pid name state parent group session rest < /proc/$$/stat;"
              "[ $group = $$ ] && [ $session = $$ ] && echo session;"
              "grep -E '^Sig(Blk|Ign)' /proc/self/status | grep -vc ':.0000000000000000'");
    ck_assert_str_eq(answer.value, "session\n0");
    struct rbk_request request = world_request(&world, words);
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, "0\n1\n2\n3"); /* 3 is what ls reads */
}
END_TEST

START_TEST(it_runs_in_the_plans_directory_or_below)
{
    char path[128], expected[128];
    snprintf(path, sizeof path, "%s/sub", world.directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    struct rbk_request request = world_shell(&world, "pwd");
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, world.directory);
    request = world_shell(&world, "pwd");
    request.directory = RBK_STR("sub");
    world_run(&world, &request, &answer);
    snprintf(expected, sizeof expected, "%s/sub", world.directory);
    ck_assert_str_eq(answer.value, expected);
    request = world_shell(&world, "pwd");
    request.directory = RBK_STR("/");
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, "/");
}
END_TEST

START_TEST(stdin_is_empty_unless_given)
{
    run_shell("wc -c; readlink /proc/$$/fd/0");
    ck_assert_str_eq(answer.value, "0\n/dev/null");
}
END_TEST

START_TEST(stdin_of_megabytes_arrives_whole)
{
    size_t bytes = RBK_TEMPLATE_BYTES_MAX;
    char *input = malloc(bytes);
    ck_assert_ptr_nonnull(input);
    for (size_t index = 0; index < bytes; index++) {
        input[index] = (char)(index * 7 + index / 251);
    }
    struct rbk_request request = world_shell(&world, "tee copy | wc -c");
    request.has_input = true;
    request.input = (struct rbk_str){input, bytes};
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, "4194304");
    char *copied = malloc(bytes);
    ck_assert_ptr_nonnull(copied);
    ck_assert_int_eq(world_file(&world, "copy", copied, bytes), (ssize_t)bytes);
    ck_assert(memcmp(copied, input, bytes) == 0);
    free(copied);
    free(input);
}
END_TEST

START_TEST(a_command_need_not_read_its_stdin)
{
    size_t bytes = 1 << 20;
    char *input = calloc(1, bytes);
    ck_assert_ptr_nonnull(input);
    struct rbk_request request = world_shell(&world, "exec true");
    request.has_input = true;
    request.input = (struct rbk_str){input, bytes};
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    free(input);
}
END_TEST

START_TEST(endless_output_is_read_but_kept_only_up_to_the_limit)
{
    struct stat status;
    char path[128], end[128];
    struct rbk_request request = world_shell(&world, "head -c 209715200 /dev/zero");
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert(answer.missing);
    snprintf(path, sizeof path, "%s/1.out", world.directory);
    ck_assert_int_eq(stat(path, &status), 0);
    int note = snprintf(end, sizeof end, "\n[rbk: output limit reached, %zu bytes dropped]\n",
                        209715200 - RBK_OUTPUT_BYTES_MAX);
    ck_assert_int_eq(status.st_size, (off_t)RBK_OUTPUT_BYTES_MAX + note);
}
END_TEST

START_TEST(a_reading_gives_its_output_and_leaves_no_file)
{
    char byte;
    struct rbk_request request = world_shell(&world, "echo 42; echo hm >&2; exit 1");
    request.reading = true;
    request.serial = 0;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 1);
    ck_assert_str_eq(answer.value, "42");
    ck_assert_str_eq(answer.detail, "hm");
    ck_assert_int_eq(world_file(&world, "0.out", &byte, 1), -1);
}
END_TEST

START_TEST(output_that_is_no_text_or_too_long_is_no_value)
{
    struct rbk_request request = world_shell(&world, "printf 'a\\0b'");
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert(answer.missing);
    request = world_shell(&world, "printf 'a\\377b'");
    request.reading = true;
    world_run(&world, &request, &answer);
    ck_assert(answer.missing);
    ck_assert_str_eq(answer.detail, "its output is not text");
    request = world_shell(&world, "echo 123456789");
    request.reading = true;
    request.output_bytes_max = 5;
    world_run(&world, &request, &answer);
    ck_assert(answer.missing);
    request = world_shell(&world, "printf 12345");
    request.reading = true;
    request.output_bytes_max = 5;
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, "12345");
}
END_TEST

START_TEST(nothing_in_the_detail_can_change_a_terminal)
{
    run_shell("printf 'a\\033[2Jb\\302\\233c\\342\\200\\256d\\377\\te\\n' >&2; exit 1");
    ck_assert_str_eq(answer.detail, "a\\x1b[2Jb\\u009bc\\u202ed\\xff\te");
}
END_TEST

START_TEST(secrets_are_hidden_in_every_form_and_across_writes)
{
    const struct rbk_str secrets[] = {RBK_STR("s3cr%t/\"pass word"), RBK_STR("xy")};
    char bytes[4096];
    struct rbk_request request = world_shell(
        &world,
        "printf 'a%sb' 's3cr%t/\"pass word'; printf s3c; read -r _; printf 'r%%t/\"pass word';"
        "printf ' s3cr%%25t%%2f%%22pass+word '; printf ' s3cr%%t\\\\/\\\\\"pass word ';"
        "printf 's3cr%%t/\"pass word' | base64; printf 'xs3cr%%t/\"pass word' | base64;"
        "printf 's3cr%%t/\"pass word' | od -An -tx1 | tr -d ' \\n'; echo xy");
    request.secrets = secrets;
    request.secret_count = 2;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ssize_t got = world_file(&world, "1.out", bytes, sizeof bytes - 1);
    ck_assert_int_gt(got, 0);
    bytes[got] = '\0';
    ck_assert_str_eq(bytes, "a[secret]b[secret] [secret]  [secret] [secret]=\n"
                            "eH[secret]\n[secret]xy\n");
}
END_TEST

START_TEST(many_commands_run_at_the_same_time)
{
    enum { COUNT = 40 };
    static struct answer answers[COUNT];
    int fifo = world_fifo(&world, "gate");
    for (int index = 0; index < COUNT; index++) {
        char script[64];
        snprintf(script, sizeof script, "echo %d; read -r _ < gate; exit %d", index, index);
        struct rbk_request request = world_shell(&world, script);
        request.reading = index % 2;
        world_start(&world, &request, &answers[index]);
    }
    for (int index = 0; index < COUNT; index++) {
        ck_assert_int_eq(write(fifo, "\n", 1), 1);
    }
    for (int index = 0; index < COUNT; index++) {
        char expected[8];
        world_wait(&world, &answers[index]);
        snprintf(expected, sizeof expected, "%d", index);
        ck_assert_int_eq(answers[index].status, index);
        ck_assert_str_eq(answers[index].value, expected);
    }
    close(fifo);
}
END_TEST

START_TEST(a_supervisor_that_cannot_be_started_fails_the_command)
{
    world_close(&world, false);
    world_open(&world, false);
    struct rbk_driver_setup broken = world.setup;
    (void)broken;
    ck_assert_int_eq(setenv("RBK_TEST_SUPERVISOR", "/nowhere/rbk-supervisor", 1), 0);
    world_close(&world, false);
    world_open(&world, false);
    run_shell(":");
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_str_eq(answer.message, "cannot start the supervisor \"/nowhere/rbk-supervisor\": no "
                                     "such file or directory");
    ck_assert_int_eq(setenv("RBK_TEST_SUPERVISOR", "/bin/true", 1), 0);
    world_close(&world, false);
    world_open(&world, false);
    run_shell(":");
    ck_assert_str_eq(answer.message, "the supervisor ended before it was ready");
}
END_TEST

/* A signal to the runner's process group may meet the supervisor before it has a group of its own.
 */
START_TEST(a_supervisor_that_ends_before_it_is_ready_is_started_again)
{
    char script[4096];
    snprintf(script, sizeof script, "%s/stumbles", world.directory);
    FILE *file = fopen(script, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "#!/bin/sh\n/bin/mkdir \"$1/met\" && kill -HUP $$\nexec %s/rbk-supervisor \"$@\"\n",
            getenv("RBK_BIN"));
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(script, 0755), 0);
    ck_assert_int_eq(setenv("RBK_TEST_SUPERVISOR", script, 1), 0);
    world_close(&world, false);
    world_open(&world, false);
    run_shell("echo here");
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec");
    TCase *tcase = tcase_create("commands");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 50);
    tcase_add_test(tcase, a_command_that_exits_with_0_is_ok);
    tcase_add_test(tcase, a_silent_command_leaves_no_file);
    tcase_add_test(tcase, stdout_is_the_value_without_its_line_end_and_is_in_a_file);
    tcase_add_test(tcase, other_exit_statuses_fail_and_are_told);
    tcase_add_test(tcase, expected_exit_statuses_are_ok);
    tcase_add_test(tcase, a_signal_is_named);
    tcase_add_test(tcase, nul_bytes_are_refused_before_anything_starts);
    tcase_add_test(tcase, argv_arrives_byte_for_byte);
    tcase_add_test(tcase, the_environment_is_exactly_what_was_asked_for);
    tcase_add_test(tcase, it_runs_in_the_plans_directory_or_below);
    tcase_add_test(tcase, stdin_is_empty_unless_given);
    tcase_add_test(tcase, stdin_of_megabytes_arrives_whole);
    tcase_add_test(tcase, a_command_need_not_read_its_stdin);
    tcase_add_test(tcase, endless_output_is_read_but_kept_only_up_to_the_limit);
    tcase_add_test(tcase, a_reading_gives_its_output_and_leaves_no_file);
    tcase_add_test(tcase, output_that_is_no_text_or_too_long_is_no_value);
    tcase_add_test(tcase, nothing_in_the_detail_can_change_a_terminal);
    tcase_add_test(tcase, secrets_are_hidden_in_every_form_and_across_writes);
    tcase_add_test(tcase, many_commands_run_at_the_same_time);
    /* Under an emulator that makes vfork() a fork() the reason of a failed start is lost, and its
     * own descriptors are there too. */
    if (!getenv("RBK_TEST_EMULATED")) {
        tcase_add_test(tcase, it_has_its_own_session_no_descriptors_and_plain_signals);
        tcase_add_test(tcase, what_cannot_be_started_says_why);
        tcase_add_test(tcase, too_long_a_word_is_the_systems_error_not_ours);
        tcase_add_test(tcase, a_supervisor_that_cannot_be_started_fails_the_command);
        tcase_add_test(tcase, a_supervisor_that_ends_before_it_is_ready_is_started_again);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
