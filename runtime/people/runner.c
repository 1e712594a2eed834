/*
 * Who drives a run: the lease says which process on which host, /proc whether it is stopped.
 */
#include "runtime/people/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/base/buffer.h"

#define HOST_BYTES 128

/* "process 24137 on host1" of this host; 0: of another one, or not in that form. */
static long process_here(const char *holder)
{
    static const char before[] = "process ", between[] = " on ";
    char here[HOST_BYTES] = "";
    char *end = NULL;
    long process;

    if (gethostname(here, sizeof(here) - 1) != 0 ||
        strncmp(holder, before, sizeof(before) - 1) != 0) {
        return 0;
    }
    process = strtol(holder + sizeof(before) - 1, &end, 10);
    return strncmp(end, between, sizeof(between) - 1) == 0 &&
                   strcmp(end + sizeof(between) - 1, here) == 0
               ? process
               : 0;
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
    struct rbk_runner runner = {.lives = rbk_store_lease_held(store, run)};
    struct rbk_buffer holder;
    long process;

    if (!runner.lives) {
        return runner;
    }
    rbk_buffer_init(&holder, 4096);
    if (rbk_store_lease_holder(store, run, &holder, NULL) == 0 &&
        (process = process_here(holder.data)) > 0 && is_stopped(process)) {
        runner.stopped = true;
        runner.process = process;
    }
    rbk_buffer_fini(&holder);
    return runner;
}
