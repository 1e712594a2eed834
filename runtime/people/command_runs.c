/*
 * rbk runs: every run of the store, the newest first.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/timestamp.h"
#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/runner.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/when.h"

struct listing {
    struct rbk_store *store;
    bool json;
    size_t count;
    struct rbk_buffer line;
};

static struct rbk_runner runner_of(struct listing *listing, const struct rbk_store_run *run)
{
    char id[RBK_RUN_ID_BYTES];
    if (run->ended_ms != 0 || run->id.bytes >= sizeof(id)) {
        return (struct rbk_runner){0};
    }
    memcpy(id, run->id.data, run->id.bytes);
    id[run->id.bytes] = '\0';
    return rbk_runner_look(listing->store, id);
}

static const char *runner_word(struct listing *listing, const struct rbk_store_run *run)
{
    static const char *const words[RBK_RUNNER_STATE_COUNT] = {
        [RBK_RUNNER_GONE] = "none",
        [RBK_RUNNER_ALIVE] = "lives",
        [RBK_RUNNER_STOPPED] = "stopped",
        [RBK_RUNNER_ELSEWHERE] = "elsewhere",
    };
    return run->ended_ms != 0 ? "-" : words[runner_of(listing, run).state];
}

static void set_text(json_t *object, const char *key, struct rbk_str text)
{
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, 1u << 16);
    rbk_sanitize(&clean, text);
    (void)json_object_set_new(object, key, json_stringn(clean.data, clean.bytes));
    rbk_buffer_fini(&clean);
}

static void set_time(json_t *object, const char *key, int64_t at_ms)
{
    char text[RBK_TIMESTAMP_BYTES];
    (void)rbk_timestamp_print(text, at_ms);
    (void)json_object_set_new(object, key, at_ms != 0 ? json_string(text) : json_null());
}

static int print_json(struct listing *listing, const struct rbk_store_run *run)
{
    struct rbk_runner runner = runner_of(listing, run);
    json_t *object = json_object();
    char *text;
    set_text(object, "run", run->id);
    set_text(object, "plan", run->plan);
    set_text(object, "title", run->title);
    set_text(object, "status", run->status);
    set_text(object, "user", run->user);
    set_text(object, "host", run->host);
    set_text(object, "machine", run->machine);
    set_text(object, "unrehearsed", run->unrehearsed);
    set_time(object, "started", run->started_ms);
    set_time(object, "ended", run->ended_ms);
    (void)json_object_set_new(object, "events", json_integer(run->events));
    (void)json_object_set_new(object, "runner", json_boolean(rbk_runner_lives(&runner)));
    (void)json_object_set_new(object, "runner_process", rbk_runner_json(&runner));
    text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
    return 0;
}

static int print_line(void *context, const struct rbk_store_run *run)
{
    struct listing *listing = context;
    struct rbk_buffer *line = &listing->line;
    uint64_t started_ms = (uint64_t)run->started_ms;
    uint64_t until_ms = run->ended_ms != 0 ? (uint64_t)run->ended_ms : rbk_when_now_ms();
    uint64_t span_ms = until_ms > started_ms ? until_ms - started_ms : 0;

    if (listing->json) {
        return print_json(listing, run);
    }
    if (listing->count++ == 0) {
        (void)printf("%-19s %-10s %-9s %-19s %-8s %-10s %s\n", "RUN", "STATUS", "RUNNER", "STARTED",
                     "TIME", "BY", "PLAN");
    }
    rbk_buffer_clear(line);
    rbk_buffer_printf(line, "%-19.*s %-10.*s %-9s %.19s %-8s %-10.*s %.*s", RBK_STR_ARG(run->id),
                      RBK_STR_ARG(run->status), runner_word(listing, run),
                      rbk_when_full(started_ms).text, rbk_when_ticks(span_ms).text,
                      RBK_STR_ARG(run->user), RBK_STR_ARG(run->plan));
    if (run->title.bytes != 0) {
        rbk_buffer_printf(line, "  %.*s", RBK_STR_ARG(run->title));
    }
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, 1u << 16);
    rbk_sanitize(&clean, rbk_buffer_str(line));
    (void)puts(clean.data);
    rbk_buffer_fini(&clean);
    return 0;
}

int rbk_subcommand_runs(const struct rbk_options *options)
{
    struct listing listing = {.json = options->given[RBK_OPTION_JSON]};
    struct rbk_error error = {0};
    int result = rbk_run_store_open(options, RBK_STORE_READER, &listing.store, &error);

    if (result != 0) {
        return rbk_subcommand_failed(options, &error);
    }
    rbk_buffer_init(&listing.line, 1u << 16);
    result = rbk_store_each_run(listing.store, false, print_line, &listing, &error);
    if (result == 0 && listing.count == 0 && !listing.json) {
        (void)printf("there are no runs in %s\n", rbk_store_path(listing.store));
    }
    rbk_buffer_fini(&listing.line);
    rbk_store_close(listing.store);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
