/*
 * Which processes belong to a command. The supervisor is their subreaper: whatever a command starts
 * stays below the supervisor in the tree of processes, even a daemon that forked twice.
 *
 * A process belongs to a command when, going up from parent to parent, one first meets
 *   1. the first process of that command, or else
 *   2. an orphan (a child of the supervisor) of its session or process group, or else
 *   3. an orphan with RBK_STEP and RBK_KEY of that command in its environment, or else
 *   4. an orphan without such a mark that only this command can have started.
 * An orphan that fits none is doubtful: nobody signals it, and a command that must be shown dead
 * while it is there is not shown dead.
 */
#include "runtime/drivers/process_mark.h"
#include "runtime/drivers/supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Generations between an orphan and its youngest descendant; beyond, a process counts as doubtful.
 */
#define DEPTH_MAX 10000

/* One process of this host. */
struct entry {
    pid_t pid;
    struct rbk_process_stat stat;
};

struct table {
    struct entry *entries; /* by pid, rising */
    size_t count, room;
};

enum verdict { NOT_OURS, OURS, DOUBTFUL };

static bool is_released(const struct supervisor *supervisor, pid_t pid)
{
    for (const struct released *released = supervisor->released; released;
         released = released->next) {
        if (released->pid == pid) {
            return true;
        }
    }
    return false;
}

/* The command whose first process this is; NULL. */
static const struct command *first_of(const struct supervisor *supervisor, pid_t pid)
{
    for (const struct command *command = supervisor->commands; command; command = command->next) {
        if (command->first == pid && command->main_alive) {
            return command;
        }
    }
    return NULL;
}

bool tree_any_orphan(const struct supervisor *supervisor)
{
    if (supervisor->childless) {
        return false;
    }
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) {
        close(file);
    }
    /* Where the kernel has no such list, or a long one, a walk finds out. */
    if (got < 0 || (size_t)got == sizeof text - 1) {
        return true;
    }
    text[got] = '\0';
    char *at = text, *end;
    for (;; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at) {
            return false;
        }
        if (!first_of(supervisor, pid) && !is_released(supervisor, pid)) {
            return true;
        }
    }
}

static int by_pid(const void *a, const void *b)
{
    pid_t left = ((const struct entry *)a)->pid;
    pid_t right = ((const struct entry *)b)->pid;
    return (left > right) - (left < right);
}

/* Reads all processes; false when memory ran out or /proc cannot be read. */
static bool table_read(struct table *table)
{
    *table = (struct table){0};
    DIR *directory = opendir("/proc");
    if (!directory) {
        return false;
    }
    const struct dirent *item;
    bool good = true;
    while (good && (item = readdir(directory))) {
        char *end;
        long pid = strtol(item->d_name, &end, 10);
        if (pid <= 0 || *end != '\0') {
            continue;
        }
        if (table->count == table->room) {
            size_t room = table->room ? table->room * 2 : 256;
            struct entry *entries = realloc(table->entries, room * sizeof *entries);
            good = entries != NULL;
            if (!good) {
                break;
            }
            table->entries = entries;
            table->room = room;
        }
        struct entry *entry = &table->entries[table->count];
        entry->pid = (pid_t)pid;
        if (rbk_process_stat_read(entry->pid, &entry->stat) == 0) {
            table->count++;
        }
    }
    closedir(directory);
    if (good && table->count) {
        qsort(table->entries, table->count, sizeof *table->entries, by_pid);
    }
    return good;
}

static const struct entry *table_find(const struct table *table, pid_t pid)
{
    struct entry key = {.pid = pid};
    return bsearch(&key, table->entries, table->count, sizeof key, by_pid);
}

/* Looks for the command's mark in a process's environment: OURS, NOT_OURS (it has the mark of
 * another of this run), DOUBTFUL (it has none, or cannot be read). */
static enum verdict by_mark(const struct supervisor *supervisor, const struct command *command,
                            pid_t pid)
{
    switch (rbk_process_mark(pid, supervisor->run, command->start.step.data, command->key)) {
    case RBK_PROCESS_MARKED:
        return OURS;
    case RBK_PROCESS_OTHER:
        return NOT_OURS;
    default:
        return DOUBTFUL;
    }
}

/* Whether any other command can have started an orphan that carries no mark. */
static bool alone(const struct supervisor *supervisor, const struct command *command)
{
    if (supervisor->released) {
        return false;
    }
    for (const struct command *other = supervisor->commands; other; other = other->next) {
        if (other != command && other->state != COMMAND_ENDED) {
            return false;
        }
    }
    return true;
}

/* Judges an orphan. */
static enum verdict judge_orphan(const struct supervisor *supervisor, const struct command *command,
                                 const struct entry *entry)
{
    pid_t session = entry->stat.session;
    if (is_released(supervisor, entry->pid)) {
        return NOT_OURS;
    }
    if (session == command->session || session == command->first) {
        return OURS;
    }
    if (entry->stat.group == command->session || entry->stat.group == command->first) {
        return OURS;
    }
    for (const struct command *other = supervisor->commands; other; other = other->next) {
        if (other->session && (session == other->session || session == other->first)) {
            return NOT_OURS;
        }
    }
    enum verdict verdict = by_mark(supervisor, command, entry->pid);
    if (verdict == DOUBTFUL && alone(supervisor, command)) {
        verdict = OURS;
    }
    return verdict;
}

static enum verdict judge(const struct supervisor *supervisor, const struct command *command,
                          const struct table *table, const struct entry *entry)
{
    pid_t self = getpid();
    for (int depth = 0; entry && depth < DEPTH_MAX; depth++) {
        const struct command *first = first_of(supervisor, entry->pid);
        if (first) {
            return first == command ? OURS : NOT_OURS;
        }
        if (entry->stat.parent == self) {
            return judge_orphan(supervisor, command, entry);
        }
        if (entry->stat.parent <= 1 || entry->pid == self) {
            return NOT_OURS;
        }
        entry = table_find(table, entry->stat.parent);
    }
    /* Its parent ended while we read: where it hangs now, the next walk will see. */
    return DOUBTFUL;
}

/* Whether SIGTERM was not sent to it yet; from now on it was. Without memory: it was not. */
static bool first_time(struct command *command, const struct entry *entry)
{
    size_t count = command->asked_to_end_count;
    for (size_t index = 0; index < count; index++) {
        const struct signalled *signalled = &command->asked_to_end[index];
        if (signalled->pid == entry->pid && signalled->start_time == entry->stat.start_time) {
            return false;
        }
    }
    struct signalled *grown = realloc(command->asked_to_end, (count + 1) * sizeof *grown);
    if (grown) {
        grown[count] = (struct signalled){entry->pid, entry->stat.start_time};
        command->asked_to_end = grown;
        command->asked_to_end_count = count + 1;
    }
    return true;
}

/* A process that cannot be signalled is gone, or is found by the next walk. */
static void signal_one(struct command *command, const struct entry *entry, int signal, pid_t group)
{
    struct rbk_process_id process = {.pid = entry->pid, .start_time = entry->stat.start_time};
    if (signal != SIGTERM) {
        rbk_process_signal(&process, signal);
    } else if (first_time(command, entry) && (group == 0 || entry->stat.group != group)) {
        rbk_process_signal(&process, SIGTERM);
        rbk_process_signal(&process, SIGCONT);
    }
}

struct tree tree_walk(const struct supervisor *supervisor, struct command *command, int signal,
                      pid_t group)
{
    struct tree tree = {0};
    struct table table;
    if (!table_read(&table)) {
        tree.doubtful = 1;
        goto out;
    }
    for (size_t index = 0; index < table.count; index++) {
        const struct entry *entry = &table.entries[index];
        if (entry->stat.state == 'Z' || entry->stat.state == 'X') {
            continue;
        }
        enum verdict verdict = judge(supervisor, command, &table, entry);
        if (verdict == DOUBTFUL) {
            tree.doubtful++;
        }
        if (verdict != OURS) {
            continue;
        }
        if (signal) {
            signal_one(command, entry, signal, group);
        }
        tree.count += first_of(supervisor, entry->pid) ? 0 : 1;
    }
out:
    free(table.entries);
    return tree;
}

void tree_release(struct supervisor *supervisor, const struct command *command)
{
    struct table table;
    if (!table_read(&table)) {
        goto out;
    }
    for (size_t index = 0; index < table.count; index++) {
        const struct entry *entry = &table.entries[index];
        if (entry->stat.parent != getpid() || first_of(supervisor, entry->pid)) {
            continue;
        }
        if (judge_orphan(supervisor, command, entry) != OURS) {
            continue;
        }
        struct released *released = calloc(1, sizeof *released);
        if (!released) {
            break;
        }
        released->pid = entry->pid;
        released->next = supervisor->released;
        supervisor->released = released;
    }
out:
    free(table.entries);
}

void tree_forget(struct supervisor *supervisor, pid_t pid)
{
    for (struct released **link = &supervisor->released; *link; link = &(*link)->next) {
        struct released *released = *link;
        if (released->pid != pid) {
            continue;
        }
        *link = released->next;
        free(released);
        return;
    }
}
