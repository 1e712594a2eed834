/*
 * See world.h.
 */
#include "tests/unit/drivers/exec/world.h"

#include "runtime/core/base/assert.h"
#include "runtime/drivers/exec.h"
#include "runtime/drivers/exec_protocol.h"
#include "runtime/drivers/exec_record.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(char *to, size_t room, struct rbk_str text)
{
    ck_assert_uint_lt(text.bytes, room);
    if (text.bytes) {
        memcpy(to, text.data, text.bytes);
    }
    to[text.bytes] = '\0';
}

static void note(struct answer *answer, const struct rbk_result *result)
{
    answer->outcome = result->outcome;
    answer->cancelled = result->cancelled;
    answer->missing = result->value.missing;
    if (!result->value.missing) {
        ck_assert_int_eq(result->value.type, RBK_TYPE_SCALAR);
        copy(answer->value, sizeof answer->value, result->value.as.text);
    }
    copy(answer->message, sizeof answer->message, result->message);
    copy(answer->detail, sizeof answer->detail, result->detail);
    copy(answer->output_path, sizeof answer->output_path, result->output_path);
    answer->status = result->status;
    answer->elapsed_ms = result->elapsed_ms;
}

static void on_result(void *owner, struct rbk_activity *activity, const struct rbk_result *result)
{
    struct answer *answer = owner;
    ck_assert_ptr_eq(answer->activity, activity);
    answer->results++;
    uv_stop(answer->loop);
    note(answer, result);
}

static void on_recovered(void *owner, struct rbk_activity *activity, enum rbk_recovery recovery,
                         const struct rbk_result *result)
{
    struct answer *answer = owner;
    ck_assert_ptr_eq(answer->activity, activity);
    answer->recoveries++;
    answer->recovery = recovery;
    uv_stop(answer->loop);
    if (recovery == RBK_RECOVERY_ATTACHED) {
        ck_assert_ptr_null(result);
    } else {
        note(answer, result);
    }
}

void world_open(struct world *world, bool fresh)
{
    static const char supervisor[] = "rbk-supervisor";
    static char path[4096];
    const char *bin = getenv("RBK_BIN");
    const char *given = getenv("RBK_TEST_SUPERVISOR");
    ck_assert_ptr_nonnull(bin);
    snprintf(path, sizeof path, "%s/%s", bin, supervisor);
    /* As the runtime does: a supervisor that is gone must not end its runner. */
    ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(uv_loop_init(&world->loop), 0);
    world->setup = (struct rbk_driver_setup){
        .loop = &world->loop,
        .callbacks = {.on_result = on_result, .on_recovered = on_recovered},
        .run = "run-7",
        .run_directory = world->directory,
        .plan_directory = world->directory,
        .supervisor = given ? given : path,
    };
    struct rbk_error error = {0};
    if (fresh) {
        ck_assert_msg(rbk_exec_claim(world->directory, "run-7", &error) == 0, "%s", error.text);
    }
    ck_assert_msg(rbk_exec_open(&world->setup, &world->driver, &error) == 0, "%s", error.text);
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    snprintf(world->directory, sizeof world->directory, "%s", "/tmp/rbk-exec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->directory));
    snprintf(world->key, sizeof world->key, "run-7/%s", world->directory + strlen("/tmp/"));
    world_open(world, true);
}

static void on_closed(void *context)
{
    struct world *world = context;
    world->closed = true;
}

void world_close(struct world *world, bool leave)
{
    world->closed = false;
    world->driver->ops->close(world->driver, leave, on_closed, world);
    ck_assert(!world->closed);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    ck_assert(world->closed);
    ck_assert_int_eq(uv_loop_close(&world->loop), 0);
    world->driver = NULL;
}

/* Calls `visit` for each process that has these bytes in that file of /proc/PID; how many there
 * are. */
static unsigned each_process(const char *name, const char *wanted, size_t wanted_bytes,
                             void (*visit)(pid_t pid))
{
    static char text[1 << 20];
    unsigned count = 0;
    DIR *directory = opendir("/proc");
    ck_assert_ptr_nonnull(directory);
    const struct dirent *item;
    while ((item = readdir(directory))) {
        char path[512];
        pid_t pid = (pid_t)strtol(item->d_name, NULL, 10);
        if (pid <= 0) {
            continue;
        }
        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = file < 0 ? -1 : read(file, text, sizeof text);
        if (file >= 0) {
            close(file);
        }
        if (got <= 0 || !memmem(text, (size_t)got, wanted, wanted_bytes)) {
            continue;
        }
        count++;
        if (visit) {
            visit(pid);
        }
    }
    closedir(directory);
    return count;
}

/* What a supervisor under valgrind left: see valgrind-supervisor.sh. */
static void check_valgrind(const struct world *world)
{
    char pattern[128], text[16384] = "";
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/valgrind.*", world->directory);
    if (glob(pattern, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t index = 0; index < found.gl_pathc; index++) {
        const char *name = found.gl_pathv[index] + strlen(world->directory) + 1;
        ssize_t got = world_file(world, name, text, sizeof text - 1);
        ck_assert_msg(got <= 0, "%s", text);
    }
    globfree(&found);
}

static int remove_entry(const char *path, RBK_UNUSED const struct stat *status, RBK_UNUSED int type,
                        RBK_UNUSED struct FTW *place)
{
    return remove(path);
}

void world_remove(const char *directory)
{
    ck_assert_int_eq(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
}

static unsigned each_marked(const struct world *world, void (*visit)(pid_t pid))
{
    char wanted[160];
    snprintf(wanted, sizeof wanted, "RBK_KEY=%s", world->key);
    return each_process("environ", wanted, strlen(wanted) + 1, visit);
}

unsigned world_processes(const struct world *world)
{
    return each_marked(world, NULL);
}

unsigned world_sleepers(const char *seconds)
{
    char wanted[64];
    int bytes = snprintf(wanted, sizeof wanted, "sleep%c%s", 0, seconds);
    return each_process("cmdline", wanted, (size_t)bytes, NULL);
}

unsigned world_supervisors(const struct world *world)
{
    char wanted[128];
    int bytes =
        snprintf(wanted, sizeof wanted, "rbk-supervisor%c%s%crun-7", 0, world->directory, 0);
    return each_process("cmdline", wanted, (size_t)bytes + 1, NULL);
}

void world_fini(struct world *world)
{
    if (world->driver) {
        world_close(world, false);
    }
    each_marked(world, end);
    world_wait_supervisor_gone(world);
    check_valgrind(world);
    world_remove(world->directory);
    while (world->word_count) {
        free(world->words[--world->word_count]);
    }
}

struct rbk_request world_request(struct world *world, const char *const *words)
{
    size_t count = 0;
    while (words[count]) {
        count++;
    }
    struct rbk_str *copied = calloc(count + 1, sizeof *copied);
    ck_assert_ptr_nonnull(copied);
    ck_assert_uint_lt(world->word_count, RBK_COUNT(world->words));
    world->words[world->word_count++] = copied;
    for (size_t index = 0; index < count; index++) {
        copied[index] = rbk_str_from(words[index]);
    }
    return (struct rbk_request){
        .run = "run-7",
        .step = "migrate.apply.1",
        .stage = "migrate",
        .key = world->key,
        .serial = ++world->serial,
        .attempt = 1,
        .timeout_ms = 20000,
        .words = copied,
        .word_count = count,
    };
}

struct rbk_request world_shell(struct world *world, const char *script)
{
    const char *words[] = {"/bin/sh", "-c", script, NULL};
    return world_request(world, words);
}

void world_start(struct world *world, const struct rbk_request *request, struct answer *answer)
{
    struct rbk_error error = {0};
    memset(answer, 0, sizeof *answer);
    answer->loop = &world->loop;
    ck_assert_int_eq(
        world->driver->ops->start(world->driver, request, answer, &answer->activity, &error), 0);
    ck_assert_uint_eq(answer->results, 0);
}

void world_recover(struct world *world, const struct rbk_request *request, struct answer *answer)
{
    struct rbk_error error = {0};
    memset(answer, 0, sizeof *answer);
    answer->loop = &world->loop;
    ck_assert_int_eq(world->driver->ops->recover(world->driver, request, RBK_STR(""), answer,
                                                 &answer->activity, &error),
                     0);
    ck_assert_uint_eq(answer->recoveries, 0);
}

void world_wait(struct world *world, struct answer *answer)
{
    while (answer->results == 0) {
        uv_run(&world->loop, UV_RUN_DEFAULT);
    }
    ck_assert_uint_eq(answer->results, 1);
}

void world_wait_recovery(struct world *world, struct answer *answer)
{
    while (answer->recoveries == 0) {
        uv_run(&world->loop, UV_RUN_DEFAULT);
    }
    ck_assert_uint_eq(answer->recoveries, 1);
}

void world_run(struct world *world, const struct rbk_request *request, struct answer *answer)
{
    world_start(world, request, answer);
    world_wait(world, answer);
}

int world_fifo(struct world *world, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", world->directory, name);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    int fifo = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    ck_assert_int_ge(fifo, 0);
    return fifo;
}

struct waiter {
    uv_poll_t poll;
    bool ready;
    bool gone;
};

static void on_waiter_closed(uv_handle_t *handle)
{
    RBK_CONTAINER_OF(handle, struct waiter, poll)->gone = true;
    uv_stop(handle->loop);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct waiter *waiter = RBK_CONTAINER_OF(poll, struct waiter, poll);
    waiter->ready = status != 0 || events != 0;
    uv_close((uv_handle_t *)poll, on_waiter_closed);
}

char world_read(struct world *world, int fifo)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    char byte = 0;
    ck_assert_ptr_nonnull(waiter);
    ck_assert_int_eq(uv_poll_init(&world->loop, &waiter->poll, fifo), 0);
    ck_assert_int_eq(uv_poll_start(&waiter->poll, UV_READABLE, on_readable), 0);
    while (!waiter->gone) {
        uv_run(&world->loop, UV_RUN_DEFAULT);
    }
    ck_assert(waiter->ready);
    ck_assert_int_eq(read(fifo, &byte, 1), 1);
    free(waiter);
    return byte;
}

ssize_t world_file(const struct world *world, const char *name, char *bytes, size_t room)
{
    char path[320];
    snprintf(path, sizeof path, "%s/%s", world->directory, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    ssize_t got = read(file, bytes, room);
    close(file);
    return got;
}

pid_t world_supervisor(const struct world *world)
{
    struct rbk_supervisor_id id;
    int directory = open(world->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory, 0);
    int result = rbk_supervisor_id_read(directory, "run-7", &id);
    close(directory);
    return result == 0 ? id.process.pid : 0;
}

void world_wait_supervisor_gone(const struct world *world)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", world->directory, RBK_EXEC_LOCK_NAME);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    close(lock);
}
