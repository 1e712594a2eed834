/*
 * Who drives a run: the lease says which process on which host, /proc whether it is stopped.
 */
#include "runtime/people/runner.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/base/buffer.h"
#include "runtime/people/json_lines.h"

#define X(constant, word) word,
static const char *const state_names[] = {RBK_RUNNER_STATES(X)};
#undef X

/* "process 24137 on host1"; what is not in that form leaves all of it unknown. */
static void read_holder(struct rbk_runner *runner, const char *holder)
{
    static const char before[] = "process ", between[] = " on ";
    char here[RBK_RUNNER_HOST_BYTES] = "";
    char *end = NULL;
    long process;

    if (strncmp(holder, before, sizeof(before) - 1) != 0) {
        return;
    }
    process = strtol(holder + sizeof(before) - 1, &end, 10);
    if (process <= 0 || strncmp(end, between, sizeof(between) - 1) != 0) {
        return;
    }
    runner->process = process;
    (void)snprintf(runner->host, sizeof(runner->host), "%s", end + sizeof(between) - 1);
    runner->here = gethostname(here, sizeof(here) - 1) == 0 && strcmp(runner->host, here) == 0;
}

/* Whether /proc says "T" (stopped) or "t" (held by a debugger) of a process. */
static bool is_stopped(long process)
{
    char path[64], line[512];
    const char *name_end;
    size_t bytes;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", process);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bytes = fread(line, 1, sizeof(line) - 1, file);
    line[bytes] = '\0';
    (void)fclose(file);
    /* The name stands in parentheses, and may contain some itself. */
    name_end = strrchr(line, ')');
    return name_end != NULL && name_end[1] == ' ' && (name_end[2] == 'T' || name_end[2] == 't');
}

struct rbk_runner rbk_runner_look(struct rbk_store *store, const char *run)
{
    bool lives = rbk_store_lease_held(store, run);
    struct rbk_runner runner = {.state = RBK_RUNNER_GONE};
    struct rbk_buffer holder;

    rbk_buffer_init(&holder, 4096);
    if (rbk_store_lease_holder(store, run, &holder, NULL) == 0) {
        read_holder(&runner, holder.data);
    }
    rbk_buffer_fini(&holder);
    if (lives) {
        runner.state = runner.process != 0 && !runner.here         ? RBK_RUNNER_ELSEWHERE
                       : runner.here && is_stopped(runner.process) ? RBK_RUNNER_STOPPED
                                                                   : RBK_RUNNER_ALIVE;
    }
    return runner;
}

bool rbk_runner_lives(const struct rbk_runner *runner)
{
    return runner->state != RBK_RUNNER_GONE;
}

json_t *rbk_runner_json(const struct rbk_runner *runner)
{
    json_t *object = json_pack("{s:s}", "state", state_names[runner->state]);

    if (object != NULL && runner->process != 0) {
        (void)json_object_set_new(object, "pid", json_integer(runner->process));
        rbk_json_set_text(object, "host", rbk_str_from(runner->host));
    }
    return object;
}
