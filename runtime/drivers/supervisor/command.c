/*
 * The life of one command. Transitions, each with the function that performs it:
 *
 *             command_start()
 *                   |--- cannot be started -------------------------------> ENDED  refuse()
 *                   v
 *               RUNNING --- first process ended, nothing left ------------> ENDED  finish()
 *                |  |------ it succeeded and left something running ------> ENDED  release()
 *   begin_stop() |          (a daemon: it may live; a reading's may not)
 *   time is up, CANCEL, or it failed and left something running
 *                v
 *               TERM ------ nothing left ---------------------------------> over()
 *    grace over  |  begin_kill()
 *                v
 *               KILL ------ nothing left, or KILL_LIMIT_MS is over -------> over()
 *
 *   over(): a command with a cancel command that was stopped by time or CANCEL goes back to RUNNING
 *   with `in_cancel` set, to run that; everything else goes to ENDED.
 *
 * "Time is up" is a budget: while no runner lives it is not counted (command_hold_time()), and goes
 * on when one is there again. The time of a stop under way and of a cancel command always counts.
 *
 * ENDED holds: no process of it is waited for, `ended` is complete, its files are closed. An object
 * is freed by command_free_forgotten() when the runner has forgotten it, nowhere else.
 */
#include "runtime/drivers/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Serials are given out in rising order, but branches may start a little out of order. */
#define ASKED_DISORDER 1024u

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A time from now that does not wrap. */
static uint64_t later(uint64_t delay_ms)
{
    uint64_t now = now_ms();
    return delay_ms > UINT64_MAX - now ? UINT64_MAX : now + delay_ms;
}

struct command *command_find(const struct supervisor *supervisor, uint32_t serial)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (command->start.serial == serial) {
            return command;
        }
    }
    return NULL;
}

struct command *command_by_ticket(const struct supervisor *supervisor, uint64_t ticket)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (ticket && command->start.ticket == ticket) {
            return command;
        }
    }
    return NULL;
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* What is needed only while it runs: secrets, texts of the message, the redactor. */
static void drop_block(struct command *command)
{
    uint64_t ticket = command->start.ticket;
    uint32_t serial = command->start.serial;
    uint32_t attempt = command->start.attempt;
    bool reading = command->start.reading;
    if (command->block) {
        explicit_bzero(command->block, command->block_bytes);
    }
    free(command->block);
    command->block = NULL;
    rbk_exec_start_fini(&command->start);
    free(command->asked_to_end);
    command->asked_to_end = NULL;
    command->asked_to_end_count = 0;
    command->start.ticket = ticket;
    command->start.serial = serial;
    command->start.attempt = attempt;
    command->start.reading = reading;
    rbk_redactor_free(command->redactor);
    command->redactor = NULL;
}

static void enter_ended(struct command *command)
{
    struct rbk_exec_ended *ended = &command->ended;
    sink_finish(&command->out);
    sink_finish(&command->err);
    ended->serial = command->start.serial;
    ended->attempt = command->start.attempt;
    ended->key = rbk_str_from(command->key);
    ended->elapsed_ms = now_ms() - command->began_ms;
    ended->out_bytes = command->out.kept;
    ended->out_dropped = command->out.dropped;
    ended->err_bytes = command->err.kept;
    ended->err_dropped = command->err.dropped;
    ended->output_errno = command->out.system ? command->out.system : command->err.system;
    ended->out = rbk_buffer_str(&command->out.memory);
    ended->err = rbk_buffer_str(&command->err.memory);
    drop_block(command);
    command->state = COMMAND_ENDED;
    command->first = 0;
    command->supervisor->running--;
    if (command->start.reading && command->start.ticket == 0) {
        command->forgotten = true; /* the runner that read is gone */
    }
}

static void refuse(struct command *command, enum rbk_exec_start_step step, int system)
{
    command->ended.end = RBK_EXEC_NOT_STARTED;
    command->ended.start_step = step;
    command->ended.status = system;
    command->ended.dead = true;
    enter_ended(command);
}

/* Notes how the first process ended. */
static void note_end(struct command *command, bool dead)
{
    struct rbk_exec_ended *ended = &command->ended;
    ended->dead = dead;
    ended->end = RBK_EXEC_LOST;
    ended->status = 0;
    if (command->main_alive) {
        return;
    }
    if (WIFEXITED(command->wait_status)) {
        ended->end = RBK_EXEC_EXITED;
        ended->status = WEXITSTATUS(command->wait_status);
    } else {
        ended->end = RBK_EXEC_SIGNALLED;
        ended->status = WTERMSIG(command->wait_status);
    }
}

static bool exited_with(const struct command *command, int64_t status)
{
    return !command->main_alive && WIFEXITED(command->wait_status) &&
           WEXITSTATUS(command->wait_status) == status;
}

static bool succeeded(const struct command *command)
{
    if (command->in_cancel || command->start.expect_count == 0) {
        return exited_with(command, 0);
    }
    for (size_t index = 0; index < command->start.expect_count; index++) {
        if (exited_with(command, command->start.expect[index])) {
            return true;
        }
    }
    return false;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* The stdin of a command as a file in memory: it can be as large as it likes, nobody has to feed a
 * command that does not read it, and none waits for it. -1 with errno. */
static int input_open(struct rbk_str input)
{
    int file = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) {
        return -1;
    }
    for (size_t at = 0; at < input.bytes;) {
        ssize_t wrote = pwrite(file, input.data + at, input.bytes - at, (off_t)at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            close(file);
            return -1;
        }
        at += (size_t)wrote;
    }
    fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    return file;
}

/* Runs the command, or its cancel command. 0, or errno with *ret_step. */
static int run(struct command *command, enum rbk_exec_start_step *ret_step)
{
    const struct rbk_exec_start *start = &command->start;
    struct spawn spawn = {
        .words = command->in_cancel ? start->cancel_words.items : start->words.items,
        .environment = start->environment.items,
        .directory = start->directory.data,
        .output = -1,
        .errors = -1,
    };
    int system = 0;
    *ret_step = RBK_EXEC_STEP_PREPARE;
    if (start->has_input && !command->in_cancel) {
        spawn.input = input_open(start->input);
        if (spawn.input < 0) {
            system = errno;
        }
    }
    if (system == 0) {
        system = sink_open(&command->out, &spawn.output);
    }
    if (system == 0) {
        system = sink_open(&command->err, &spawn.errors);
    }
    if (system == 0) {
        pid_t pid = spawn_run(&spawn, ret_step, &system);
        if (pid > 0) {
            command->supervisor->childless = false;
            command->first = pid;
            command->main_alive = true;
            command->watch_ms = later(WATCH_AFTER_MS);
        }
    }
    if (spawn.input > 0) {
        close(spawn.input);
    }
    if (spawn.output >= 0) {
        close(spawn.output);
    }
    if (spawn.errors >= 0) {
        close(spawn.errors);
    }
    return system;
}

static int make_redactor(struct command *command)
{
    if (command->start.secret_count == 0) {
        return 0;
    }
    command->redactor = rbk_redactor_new();
    if (!command->redactor) {
        return -1;
    }
    for (size_t index = 0; index < command->start.secret_count; index++) {
        struct rbk_str secret = command->start.secrets[index];
        /* Nothing of a secret too short to be hidden would be left of the output. */
        if (secret.bytes < RBK_REDACT_BYTES_MIN) {
            continue;
        }
        if (rbk_redactor_add(command->redactor, secret) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Takes the message over. 0 or -1. */
static int read_start(struct command *command, struct rbk_str fields)
{
    command->block = malloc(fields.bytes + 1);
    if (!command->block) {
        return -1;
    }
    memcpy(command->block, fields.data, fields.bytes);
    command->block_bytes = fields.bytes;
    fields.data = command->block;
    if (rbk_exec_read_start(fields, &command->start) != 0) {
        return -1;
    }
    command->key = strdup(command->start.key.data);
    return command->key && make_redactor(command) == 0 ? 0 : -1;
}

/* Remembers that a serial was asked for. Whether it is the first time; -1: no memory. */
static int note_asked(struct supervisor *supervisor, const struct rbk_exec_start *start)
{
    if (start->serial == 0) {
        return 1;
    }
    for (size_t index = supervisor->asked_count; index > 0; index--) {
        const struct asked *asked = &supervisor->asked[index - 1];
        if (asked->serial == start->serial && asked->attempt == start->attempt) {
            return 0;
        }
        if (asked->serial + ASKED_DISORDER < start->serial) {
            break;
        }
    }
    if (supervisor->asked_count == supervisor->asked_room) {
        size_t room = supervisor->asked_room ? supervisor->asked_room * 2 : 64;
        struct asked *asked = realloc(supervisor->asked, room * sizeof *asked);
        if (!asked) {
            return -1;
        }
        supervisor->asked = asked;
        supervisor->asked_room = room;
    }
    supervisor->asked[supervisor->asked_count++] =
        (struct asked){.serial = start->serial, .attempt = start->attempt};
    if (supervisor->serial_min_open) {
        supervisor->serial_min_open = false;
        if (supervisor->id.serial_min < start->serial) {
            supervisor->id.serial_min = start->serial;
        }
    }
    return 1;
}

int command_start(struct supervisor *supervisor, struct rbk_str fields)
{
    struct command *command = calloc(1, sizeof *command);
    if (!command) {
        return -1;
    }
    command->supervisor = supervisor;
    if (read_start(command, fields) != 0) {
        goto failed;
    }
    int asked = note_asked(supervisor, &command->start);
    if (asked < 0) {
        goto failed;
    }
    sink_init(&command->out, supervisor, command, "out");
    sink_init(&command->err, supervisor, command, "err");
    command->left_ms = UINT64_MAX;
    command->began_ms = now_ms();
    command->ended.began_ms = wall_ms();
    memcpy(command->ended.process.boot, supervisor->boot, sizeof supervisor->boot);
    command->next = supervisor->commands;
    supervisor->commands = command;
    supervisor->running++;

    if (asked == 0) {
        /* A serial is dispatched once. What became of the first time is not known here. */
        command->ended.end = RBK_EXEC_LOST;
        enter_ended(command);
        return 0;
    }
    if (supervisor->running > COMMANDS_MAX || supervisor->leaving) {
        refuse(command, RBK_EXEC_STEP_PREPARE, supervisor->leaving ? ESHUTDOWN : EAGAIN);
        return 0;
    }
    enum rbk_exec_start_step step;
    int system = run(command, &step);
    if (system != 0) {
        refuse(command, step, system);
        return 0;
    }
    command->session = command->first;
    command->ended.process.pid = command->first;
    command->due_ms = later(command->start.timeout_ms);
    return 0;
failed:
    drop_block(command);
    free(command->key);
    free(command);
    return -1;
}

/* ---- its time -------------------------------------------------------------------------------- */

/* Whether it is the command itself that is to end by its time, not what stops it. */
static bool has_budget(const struct command *command)
{
    return command->state == COMMAND_RUNNING && !command->in_cancel;
}

void command_hold_time(struct supervisor *supervisor)
{
    uint64_t now = now_ms();
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (has_budget(command) && command->left_ms == UINT64_MAX) {
            command->left_ms = command->due_ms > now ? command->due_ms - now : 0;
            command->due_ms = UINT64_MAX;
        }
    }
}

void command_count_time(struct supervisor *supervisor)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (command->left_ms != UINT64_MAX && has_budget(command)) {
            command->due_ms = later(command->left_ms);
        }
        command->left_ms = UINT64_MAX;
    }
}

/* ---- stopping -------------------------------------------------------------------------------- */

void command_cancel(struct command *command)
{
    if (command->state == COMMAND_RUNNING && !command->in_cancel) {
        command->stop_cancel = true;
    }
}

/* Whether nothing of it is left beside its first process. What is gets the signal (0: none), but
 * SIGTERM only once. */
static bool nothing_left(struct command *command, int signal)
{
    if (!tree_any_orphan(command->supervisor)) {
        return true;
    }
    struct tree tree = tree_walk(command->supervisor, command, signal, 0);
    return tree.count == 0 && tree.doubtful == 0;
}

/* It lives for longer than a moment: its output is read as it comes, its identity is noted. */
static void watch(struct command *command)
{
    if (command->watch_ms == UINT64_MAX) {
        return;
    }
    bool both = sink_watch(&command->out);
    both = sink_watch(&command->err) && both;
    command->watch_ms = both ? UINT64_MAX : later(WATCH_AFTER_MS);
    if (!command->in_cancel && command->main_alive) {
        command->ended.process = rbk_process_identify(command->first, command->supervisor->boot);
    }
}

static void begin_stop(struct command *command)
{
    watch(command);
    pid_t group = 0;
    if (command->main_alive) {
        /* The first process is ours until it is waited for, so its group is it. */
        group = command->first;
        kill(-group, SIGTERM);
        kill(-group, SIGCONT);
    }
    (void)tree_walk(command->supervisor, command, SIGTERM, group);
    command->state = COMMAND_TERM;
    command->due_ms = later(command->start.grace_ms);
}

static void send_kill(struct command *command)
{
    if (command->main_alive) {
        kill(-command->first, SIGKILL);
    }
    (void)tree_walk(command->supervisor, command, SIGKILL, 0);
    command->due_ms = later(KILL_AGAIN_MS);
}

static void begin_kill(struct command *command)
{
    command->state = COMMAND_KILL;
    command->give_up_ms = later(KILL_LIMIT_MS);
    send_kill(command);
}

static void finish(struct command *command)
{
    sink_drain(&command->out, false);
    sink_drain(&command->err, false);
    enter_ended(command);
}

/* It succeeded and left a daemon, which may go on; what that writes from now on is read and
 * dropped, as long as this supervisor lives. */
static void release(struct command *command, uint32_t count)
{
    command->ended.left_running = count;
    tree_release(command->supervisor, command);
    sink_drain(&command->out, true);
    sink_drain(&command->err, true);
    enter_ended(command);
}

static void run_cancel(struct command *command)
{
    enum rbk_exec_start_step step;
    sink_drain(&command->out, false);
    sink_drain(&command->err, false);
    command->in_cancel = true;
    if (run(command, &step) != 0) {
        command->ended.cancel = RBK_EXEC_CANCEL_FAILED;
        finish(command);
        return;
    }
    command->state = COMMAND_RUNNING;
    command->due_ms = later(command->start.cancel_timeout_ms);
}

/* What ran is over, by itself or by force. */
static void over(struct command *command, bool dead)
{
    if (command->in_cancel) {
        bool good = dead && !command->cancel_late && succeeded(command);
        command->ended.cancel = good ? RBK_EXEC_CANCEL_OK : RBK_EXEC_CANCEL_FAILED;
        if (!dead) {
            command->ended.dead = false;
        }
        finish(command);
        return;
    }
    note_end(command, dead);
    if ((command->ended.timed_out || command->ended.cancelled) &&
        command->start.cancel_words.count > 0) {
        run_cancel(command);
    } else {
        finish(command);
    }
}

/* ---- moving on ------------------------------------------------------------------------------- */

static void advance_running(struct command *command)
{
    if (command->main_alive) {
        bool late = now_ms() >= command->due_ms;
        if (!late && !command->stop_cancel) {
            return;
        }
        if (command->in_cancel) {
            command->cancel_late = true;
        } else {
            command->ended.cancelled = command->stop_cancel;
            command->ended.timed_out = !command->stop_cancel;
            command->stop_cancel = false;
        }
        begin_stop(command);
        return;
    }
    struct tree tree = {0};
    if (tree_any_orphan(command->supervisor)) {
        tree = tree_walk(command->supervisor, command, 0, 0);
    }
    if (tree.count == 0 && (tree.doubtful == 0 || succeeded(command))) {
        over(command, true);
    } else if (succeeded(command) && !command->start.reading && !command->in_cancel) {
        note_end(command, true);
        release(command, tree.count);
    } else {
        begin_stop(command);
    }
}

/* True when it changed its state, so that there may be more to do at once. */
static bool advance(struct command *command)
{
    enum command_state before = command->state;
    bool child_event = command->supervisor->child_event;
    uint64_t now = now_ms();
    if (before != COMMAND_ENDED && now >= command->watch_ms) {
        watch(command);
    }
    switch (before) {
    case COMMAND_RUNNING:
        advance_running(command);
        break;
    case COMMAND_TERM:
        if (!command->main_alive && child_event && nothing_left(command, SIGTERM)) {
            over(command, true);
        } else if (now >= command->due_ms) {
            begin_kill(command);
        }
        break;
    case COMMAND_KILL:
        if (!command->main_alive && nothing_left(command, 0)) {
            over(command, true);
        } else if (now >= command->give_up_ms) {
            over(command, false);
        } else if (now >= command->due_ms) {
            send_kill(command);
        }
        break;
    case COMMAND_ENDED:
        break;
    }
    return command->state != before;
}

void command_advance_all(struct supervisor *supervisor)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        while (advance(command)) {
        }
    }
    supervisor->child_event = false;
}

void command_reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;
    errno = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct command *command = supervisor->commands;
        while (command && !(command->main_alive && command->first == pid)) {
            command = command->next;
        }
        if (command) {
            command->main_alive = false;
            command->wait_status = status;
        } else {
            tree_forget(supervisor, pid);
        }
    }
    supervisor->childless = pid < 0 && errno == ECHILD;
}

uint64_t command_due_ms(const struct supervisor *supervisor)
{
    uint64_t due_ms = UINT64_MAX;
    for (const struct command *command = supervisor->commands; command; command = command->next) {
        if (command->state == COMMAND_ENDED) {
            continue;
        }
        due_ms = command->due_ms < due_ms ? command->due_ms : due_ms;
        due_ms = command->watch_ms < due_ms ? command->watch_ms : due_ms;
    }
    return due_ms;
}

void command_free_forgotten(struct supervisor *supervisor)
{
    for (struct command **link = &supervisor->commands; *link;) {
        struct command *command = *link;
        bool open = command->out.pipe >= 0 || command->err.pipe >= 0;
        if (command->state != COMMAND_ENDED || !command->forgotten || open) {
            link = &command->next;
            continue;
        }
        *link = command->next;
        sink_fini(&command->out);
        sink_fini(&command->err);
        free(command->key);
        free(command);
    }
}
