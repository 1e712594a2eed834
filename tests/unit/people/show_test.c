/*
 * Where the story goes: lines with the time in front, JSON objects, and nowhere once nobody reads.
 */
#include "runtime/people/show.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/people/told.h"

/* A show into a pipe that the test reads. */
struct piped {
    struct told told;
    struct rbk_show show;
    int reader;
    char text[16384];
};

static void piped_start(struct piped *piped, const struct rbk_show_kind *kind)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    piped->reader = ends[0];
    told_start(&piped->told, told_plan());
    rbk_show_init(&piped->show, kind, ends[1]);
    ck_assert_int_eq(rbk_show_begin(&piped->show, &piped->told.view, piped->told.run.state), 0);
}

/* What has been written so far. */
static const char *piped_read(struct piped *piped)
{
    ck_assert_int_eq(fcntl(piped->reader, F_SETFL, O_NONBLOCK), 0);
    ssize_t got = read(piped->reader, piped->text, sizeof(piped->text) - 1);
    piped->text[got > 0 ? got : 0] = '\0';
    return piped->text;
}

static void piped_fini(struct piped *piped)
{
    (void)close(piped->show.descriptor);
    if (piped->reader >= 0) {
        (void)close(piped->reader);
    }
    rbk_show_fini(&piped->show);
    told_fini(&piped->told);
}

/* The gate of the plan is answered, and shown. */
static void show_answer(struct piped *piped)
{
    struct told *told = &piped->told;
    struct rbk_record record = {
        .event = {.kind = RBK_EVENT_ANSWER, .index = 1, .answer = RBK_ANSWER_YES, .seats = 1},
        .who = RBK_STR("da\033[31mna")};
    told_post(told, record);
    record.event.now_ms = told->run.now_ms;
    struct rbk_shown_record shown = {7, &record, told->before, told->run.state, &told->run.actions};
    piped->show.now_ms = told->run.now_ms;
    rbk_show_record(&piped->show, &shown);
}

START_TEST(plain_lines_have_the_day_once_and_the_time_each)
{
    struct piped piped;
    piped_start(&piped, &rbk_show_plain);
    show_answer(&piped);
    rbk_show_notice(&piped.show, "told the channel");
    ck_assert_str_eq(piped_read(&piped),
                     "-- 1970-01-01 --\n"
                     "00:16:40  migrate         da\\x1b[31mna answered yes to migrate.approve.1\n"
                     "00:16:40  migrate         applying\n"
                     "00:16:40                  told the channel\n");
    piped_fini(&piped);
}
END_TEST

START_TEST(plain_tells_of_a_long_step_and_not_too_often)
{
    struct piped piped;
    piped_start(&piped, &rbk_show_plain);
    show_answer(&piped);
    (void)piped_read(&piped);
    piped.show.now_ms += 9000;
    rbk_show_tick(&piped.show);
    ck_assert_str_eq(piped_read(&piped), "");
    piped.show.now_ms += 3000;
    rbk_show_tick(&piped.show);
    ck_assert_ptr_nonnull(strstr(piped_read(&piped), "still: sql db file \"010_move_leads.sql\", "
                                                     "12s of 8m\n"));
    piped.show.now_ms += 30000;
    rbk_show_tick(&piped.show);
    ck_assert_str_eq(piped_read(&piped), "");
    piped.show.now_ms += 40000;
    rbk_show_tick(&piped.show);
    ck_assert_ptr_nonnull(strstr(piped_read(&piped), "still: "));
    piped_fini(&piped);
}
END_TEST

START_TEST(json_is_one_object_a_line_in_ascii)
{
    struct piped piped;
    piped_start(&piped, &rbk_show_json);
    show_answer(&piped);
    rbk_show_end(&piped.show, 30);
    char *first = (char *)piped_read(&piped);
    for (const char *at = first; *at != '\0'; at++) {
        ck_assert((*at >= 0x20 && *at < 0x7f) || *at == '\n');
    }
    char *second = strchr(first, '\n');
    ck_assert_ptr_nonnull(second);
    *second++ = '\0';
    json_t *object = json_loads(first, 0, NULL), *end = json_loads(second, 0, NULL);
    ck_assert_ptr_nonnull(object);
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "seq")), 7);
    ck_assert_str_eq(json_string_value(json_object_get(object, "kind")), "answer");
    ck_assert_str_eq(json_string_value(json_object_get(object, "stage")), "migrate");
    ck_assert_str_eq(json_string_value(json_object_get(object, "step")), "migrate.approve.1");
    ck_assert_str_eq(json_string_value(json_object_get(object, "status")), "running");
    ck_assert_str_eq(json_string_value(json_object_get(object, "at")), "1970-01-01T00:16:40Z");
    ck_assert_uint_eq(json_array_size(json_object_get(object, "lines")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(end, "kind")), "end");
    ck_assert_int_eq(json_integer_value(json_object_get(end, "exit")), 30);
    json_decref(object);
    json_decref(end);
    piped_fini(&piped);
}
END_TEST

START_TEST(what_is_gathered_is_written_whole_and_in_order)
{
    struct piped piped;
    char text[32];
    struct rbk_buffer written;
    unsigned found = 0;
    piped_start(&piped, &rbk_show_plain);
    piped.show.gathering = true;
    for (unsigned i = 0; i < 800; i++) {
        (void)snprintf(text, sizeof(text), "line %03u", i);
        rbk_show_notice(&piped.show, text);
        if (i == 99) {
            ck_assert_str_eq(piped_read(&piped), ""); /* it waits … */
        }
    }
    rbk_buffer_init(&written, 65536);
    rbk_buffer_append_text(&written, piped_read(&piped));
    ck_assert_uint_gt(written.bytes, 0); /* … but not in any number */
    rbk_show_flush(&piped.show);
    rbk_buffer_append_text(&written, piped_read(&piped));
    for (const char *at = written.data; (at = strstr(at, "line ")) != NULL; at++) {
        ck_assert_uint_eq(strtoul(at + 5, NULL, 10), found++);
    }
    ck_assert_uint_eq(found, 800);
    rbk_buffer_fini(&written);
    rbk_show_flush(&piped.show);
    ck_assert_str_eq(piped_read(&piped), "");
    piped_fini(&piped);
}
END_TEST

START_TEST(a_reader_that_is_gone_does_not_matter)
{
    struct piped piped;
    (void)signal(SIGPIPE, SIG_IGN);
    piped_start(&piped, &rbk_show_plain);
    (void)close(piped.reader);
    piped.reader = -1;
    show_answer(&piped);
    ck_assert(piped.show.failed);
    rbk_show_notice(&piped.show, "nobody reads this");
    piped_fini(&piped);
}
END_TEST

START_TEST(a_reader_that_stops_reading_misses_something_and_is_told)
{
    struct piped piped;
    char line[4001];
    piped_start(&piped, &rbk_show_plain);
    ck_assert_int_eq(fcntl(piped.show.descriptor, F_SETPIPE_SZ, 8192), 8192);
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    for (int i = 0; i < 3; i++) {
        rbk_show_notice(&piped.show, line);
    }
    ck_assert(piped.show.stalled && !piped.show.failed);
    rbk_show_notice(&piped.show, "dropped");
    ck_assert(strstr(piped_read(&piped), "dropped") == NULL);
    rbk_show_notice(&piped.show, "seen again");
    const char *text = piped_read(&piped);
    ck_assert_ptr_nonnull(strstr(text, "output was lost here"));
    ck_assert_ptr_nonnull(strstr(text, "seen again\n"));
    piped_fini(&piped);
}
END_TEST

START_TEST(a_pipe_is_no_terminal)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    (void)setenv("TERM", "xterm-256color", 1);
    ck_assert_ptr_eq(rbk_show_choose(false, false, ends[1]), &rbk_show_plain);
    ck_assert_ptr_eq(rbk_show_choose(true, false, ends[1]), &rbk_show_json);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(no_color_means_no_colours)
{
    (void)setenv("TERM", "xterm-256color", 1);
    (void)unsetenv("NO_COLOR");
    ck_assert(rbk_style_wanted());
    (void)setenv("NO_COLOR", "1", 1);
    ck_assert(!rbk_style_wanted());
    (void)unsetenv("NO_COLOR");
    (void)setenv("TERM", "dumb", 1);
    ck_assert(!rbk_style_wanted());
}
END_TEST

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    TCase *cases = tcase_create("show");
    tcase_add_test(cases, plain_lines_have_the_day_once_and_the_time_each);
    tcase_add_test(cases, plain_tells_of_a_long_step_and_not_too_often);
    tcase_add_test(cases, json_is_one_object_a_line_in_ascii);
    tcase_add_test(cases, what_is_gathered_is_written_whole_and_in_order);
    tcase_add_test(cases, a_reader_that_is_gone_does_not_matter);
    tcase_add_test(cases, a_reader_that_stops_reading_misses_something_and_is_told);
    tcase_add_test(cases, a_pipe_is_no_terminal);
    tcase_add_test(cases, no_color_means_no_colours);
    Suite *suite = suite_create("people/show");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
