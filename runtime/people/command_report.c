/*
 * rbk report: a run from its first to its last event, written as Markdown, HTML or JSON. The whole
 * text is there before the file is touched. Of a journal that is broken a report of what can be
 * trusted is written all the same; the exit status says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/when.h"
#include "runtime/report/report.h"

#define REPORT_BYTES_MAX ((size_t)256 << 20)

/* A form of the report: its name, how file names end that mean it, what writes it. */
struct form {
    const char *name;
    const char *endings[3];
    int (*write)(const struct rbk_run_report *report, struct rbk_buffer *out);
};

static const struct form forms[] = {
    {"md", {".md", ".markdown", NULL}, rbk_report_markdown},
    {"html", {".html", ".htm", NULL}, rbk_report_html},
    {"json", {".json", NULL, NULL}, rbk_report_json},
};

/* By --format, else by the name of the file, else Markdown. */
static int choose_form(const struct rbk_options *options, const struct form **ret_form,
                       struct rbk_error *reterr)
{
    const char *format = options->values[RBK_OPTION_FORMAT];
    const char *path = options->values[RBK_OPTION_OUTPUT];

    *ret_form = &forms[0];
    for (size_t i = 0; i < RBK_COUNT(forms); i++) {
        if (format != NULL && strcmp(format, forms[i].name) == 0) {
            *ret_form = &forms[i];
            return 0;
        }
        for (size_t j = 0; format == NULL && path != NULL && forms[i].endings[j] != NULL; j++) {
            if (rbk_str_ends(rbk_str_from(path), rbk_str_from(forms[i].endings[j]))) {
                *ret_form = &forms[i];
                return 0;
            }
        }
    }
    return format != NULL ? rbk_error_set(reterr, RBK_EUSAGE,
                                          "--format %.40s: it is one of md, html and json", format)
                          : 0;
}

static int write_all(int descriptor, struct rbk_str text)
{
    while (text.bytes != 0) {
        ssize_t written = write(descriptor, text.data, text.bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        text = rbk_str_slice(text, (size_t)written, text.bytes);
    }
    return 0;
}

static int put(const struct rbk_options *options, struct rbk_str text, struct rbk_error *reterr)
{
    const char *path = options->values[RBK_OPTION_OUTPUT];
    int descriptor = STDOUT_FILENO, failed;

    if (path != NULL) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (descriptor < 0) {
            return rbk_error_set(reterr, RBK_EDENIED, "cannot write %.200s: %s", path,
                                 strerror(errno));
        }
    }
    failed = write_all(descriptor, text) != 0 ? errno : 0;
    if (path == NULL && failed == EPIPE) {
        failed = 0; /* `rbk report | head`: who reads has seen enough */
    }
    if (path != NULL && close(descriptor) != 0 && failed == 0) {
        failed = errno;
    }
    return failed == 0 ? 0
                       : rbk_error_set(reterr, RBK_EDENIED, "cannot write %.200s: %s",
                                       path != NULL ? path : "the report", strerror(failed));
}

static int write_report(const struct rbk_options *options, const struct form *form,
                        const struct rbk_run_report *report, struct rbk_error *reterr)
{
    struct rbk_buffer text;
    int error;

    rbk_buffer_init(&text, REPORT_BYTES_MAX);
    error = form->write(report, &text);
    if (error != 0) {
        error = rbk_error_set(reterr, (enum rbk_err) - error, "the report is too long");
    } else {
        error = put(options, rbk_buffer_str(&text), reterr);
    }
    rbk_buffer_fini(&text);
    return error;
}

int rbk_subcommand_report(const struct rbk_options *options)
{
    struct rbk_store *store = NULL;
    struct rbk_run_report *report = NULL;
    struct rbk_error error = {0};
    const struct form *form;
    char id[RBK_RUN_ID_BYTES];
    bool broken = false;
    int result;

    if ((result = choose_form(options, &form, &error)) == 0 &&
        (result = rbk_run_store_open(options, RBK_STORE_READER, &store, &error)) == 0 &&
        (result = rbk_run_store_find(store, options->word_count != 0 ? options->words[0] : NULL,
                                     RBK_CHOOSE_LATEST, id, &error)) == 0 &&
        (result = rbk_report_read(store, id, options->values[RBK_OPTION_STORE], rbk_when_now_ms(),
                                  &report, &error)) == 0) {
        result = write_report(options, form, report, &error);
        broken = report->broken.bytes != 0;
        if (result == 0 && broken) {
            result = rbk_error_set(&error, RBK_ECORRUPT, "%.400s; the report ends there",
                                   report->broken.data);
        }
    }
    rbk_report_free(report);
    rbk_store_close(store);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
