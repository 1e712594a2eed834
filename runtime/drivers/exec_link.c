/*
 * Seeking a supervisor, in turns of a timer:
 *   the lock can be taken -> nothing lives: on_absent(), perhaps start one that inherits the lock
 *   it cannot             -> one lives, is about to, or is leaving: connect; where that fails, or
 * the other side closes before WELCOME, try again a little later
 *
 * Who answered is checked twice: the kernel names the uid and pid at the other end of the socket,
 * and WELCOME names pid, start time and boot, which must be that pid's.
 */
#include "runtime/drivers/exec_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How long a supervisor that holds the lock may take to answer, and how often it is tried. */
#define SEEK_MS 5000u
/* How much longer one may that has taken the connection. Without a runner it flushes every result
 * to a disk that the command under way, a restore perhaps, keeps busy; to end it is to end that. */
#define LAST_LOOK_MS 25000u
#define STARTS_MAX 3u /* supervisors that end before they are ready, one after the other */
#define SEEK_EVERY_MS 5u
#define CHUNK_BYTES ((size_t)64 << 10)

struct rbk_exec_wire {
    uv_pipe_t pipe;
    struct rbk_exec_link *link; /* NULL once the link has let go of it */
    struct rbk_exec_link *home; /* counts its handle; outlives it */
    /* At the other end when it was connected to; pid 0: a pair of sockets, it may be anyone's
     * child. */
    struct rbk_process_id peer;
    struct rbk_buffer inbox;
    char chunk[CHUNK_BYTES];
};

/* A write that could not be made at once. */
struct pending_write {
    uv_write_t request;
    size_t bytes;
    char data[];
};

static void on_timer(uv_timer_t *timer);

static void handle_closed(struct rbk_exec_link *link)
{
    link->handles--;
    if (link->handles == 0 && link->state == RBK_EXEC_LINK_CLOSED) {
        link->on_closed(link->context);
    }
}

/* ---- the connection -------------------------------------------------------------------------- */

static void wire_on_closed(uv_handle_t *handle)
{
    struct rbk_exec_wire *wire = RBK_CONTAINER_OF(handle, struct rbk_exec_wire, pipe);
    struct rbk_exec_link *home = wire->home;
    rbk_buffer_fini(&wire->inbox);
    free(wire);
    handle_closed(home);
}

/* Lets go of the connection; no callback of it reaches the link afterwards. */
static void wire_drop(struct rbk_exec_link *link)
{
    struct rbk_exec_wire *wire = link->wire;
    if (!wire) {
        return;
    }
    link->wire = NULL;
    wire->link = NULL;
    uv_close((uv_handle_t *)&wire->pipe, wire_on_closed);
}

static void fail(struct rbk_exec_link *link, const char *why)
{
    wire_drop(link);
    uv_timer_stop(&link->timer);
    link->state = RBK_EXEC_LINK_IDLE;
    link->events->on_failed(link->context, why);
}

/* The connection broke: that is the end of it, or, before WELCOME, a reason to look again. */
static void wire_broke(struct rbk_exec_link *link)
{
    bool started = link->wire && link->wire->peer.pid == 0;
    bool ready = link->state == RBK_EXEC_LINK_READY;
    wire_drop(link);
    if (ready) {
        link->state = RBK_EXEC_LINK_IDLE;
        link->events->on_lost(link->context);
    } else if (started && link->starts >= STARTS_MAX) {
        fail(link, "the supervisor ended before it was ready");
    } else {
        /* One that was started may have met a signal to the runner's group before it had a session
         * of its own. It was told nothing yet, so another one may be started. */
        link->state = RBK_EXEC_LINK_SEEKING;
        uv_timer_start(&link->timer, on_timer, SEEK_EVERY_MS, 0);
    }
}

static bool welcome_is_good(struct rbk_exec_link *link, struct rbk_str fields)
{
    struct rbk_exec_welcome welcome;
    if (rbk_exec_read_welcome(fields, &welcome) != 0 || welcome.version != RBK_EXEC_VERSION) {
        return false;
    }
    if (link->wire->peer.pid != 0 && welcome.process.pid != link->wire->peer.pid) {
        return false;
    }
    link->peer = welcome.process;
    return rbk_process_alive(&link->peer, link->boot);
}

void rbk_exec_link_end(struct rbk_exec_link *link)
{
    if (link->state == RBK_EXEC_LINK_READY) {
        (void)rbk_process_signal(&link->peer, SIGKILL);
        wire_broke(link);
    }
}

/* Ends the one that took the connection and does not say WELCOME. False when it is no other than
 * the last: the kernel keeps it. */
static bool end_silent(struct rbk_exec_link *link)
{
    struct rbk_process_id peer = link->wire->peer;
    if (peer.pid == 0 || peer.start_time == 0 ||
        (peer.pid == link->peer.pid && peer.start_time == link->peer.start_time)) {
        return false;
    }
    link->peer = peer;
    return rbk_process_signal(&peer, SIGKILL) == 0;
}

static bool on_frame(struct rbk_exec_link *link, enum rbk_exec_message kind, struct rbk_str fields)
{
    if (link->state == RBK_EXEC_LINK_READY) {
        return link->events->on_message(link->context, kind, fields);
    }
    if (kind != RBK_EXEC_WELCOME || !welcome_is_good(link, fields)) {
        return false;
    }
    uv_timer_stop(&link->timer);
    link->state = RBK_EXEC_LINK_READY;
    link->starts = 0;
    link->events->on_ready(link->context);
    return true;
}

static void on_received(struct rbk_exec_wire *wire)
{
    enum rbk_exec_message kind;
    struct rbk_str fields;
    size_t bytes;
    int whole;
    while ((whole = rbk_exec_frame(rbk_buffer_str(&wire->inbox), &kind, &fields, &bytes)) == 1) {
        bool good = on_frame(wire->link, kind, fields);
        if (!wire->link) {
            return; /* the callback closed or dropped it */
        }
        if (!good) {
            wire_broke(wire->link);
            return;
        }
        rbk_buffer_consume(&wire->inbox, bytes);
    }
    if (whole < 0) {
        wire_broke(wire->link);
    }
}

static void wire_alloc(uv_handle_t *handle, RBK_UNUSED size_t suggested, uv_buf_t *buf)
{
    struct rbk_exec_wire *wire = RBK_CONTAINER_OF(handle, struct rbk_exec_wire, pipe);
    *buf = uv_buf_init(wire->chunk, sizeof wire->chunk);
}

static void wire_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct rbk_exec_wire *wire = RBK_CONTAINER_OF(stream, struct rbk_exec_wire, pipe);
    if (!wire->link || got == 0) {
        return;
    }
    if (got < 0 || rbk_buffer_append(&wire->inbox, buf->base, (size_t)got) != 0) {
        wire_broke(wire->link);
    } else {
        on_received(wire);
    }
}

/* Makes a connected socket the link's connection and says HELLO. 0, or a libuv code with the socket
 * closed. */
static int wire_open(struct rbk_exec_link *link, int socket, const struct rbk_process_id *peer)
{
    struct rbk_exec_wire *wire = calloc(1, sizeof *wire);
    int result = wire ? uv_pipe_init(link->setup->loop, &wire->pipe, 0) : UV_ENOMEM;
    if (result != 0) {
        free(wire);
        close(socket);
        return result;
    }
    link->handles++;
    link->wire = wire;
    wire->link = wire->home = link;
    wire->peer = *peer;
    rbk_buffer_init(&wire->inbox, RBK_EXEC_FRAME_BYTES_MAX * 2);
    result = uv_pipe_open(&wire->pipe, socket);
    if (result != 0) {
        close(socket);
    } else {
        result = uv_read_start((uv_stream_t *)&wire->pipe, wire_alloc, wire_on_read);
    }
    if (result != 0) {
        wire_drop(link);
        return result;
    }
    struct rbk_buffer frame;
    struct rbk_exec_hello hello = {
        .version = RBK_EXEC_VERSION,
        .run = rbk_str_from(link->setup->run),
        .serial_min = link->serial_min,
    };
    rbk_buffer_init(&frame, RBK_EXEC_FRAME_BYTES_MAX);
    rbk_exec_write_hello(&frame, &hello);
    rbk_exec_link_send(link, rbk_buffer_str(&frame));
    rbk_buffer_fini(&frame);
    link->state = RBK_EXEC_LINK_GREETING;
    return 0;
}

static void write_done(uv_write_t *request, RBK_UNUSED int status)
{
    /* A failed write also ends the reading side, which reports it. */
    struct pending_write *pending = RBK_CONTAINER_OF(request, struct pending_write, request);
    explicit_bzero(pending->data, pending->bytes);
    free(pending);
}

void rbk_exec_link_send(struct rbk_exec_link *link, struct rbk_str frames)
{
    if (!link->wire || frames.bytes == 0) {
        return;
    }
    uv_stream_t *stream = (uv_stream_t *)&link->wire->pipe;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)frames.data, (unsigned)frames.bytes);
    int sent = uv_try_write(stream, &buf, 1);
    if (sent < 0) {
        sent = 0;
    }
    if ((size_t)sent == frames.bytes) {
        return;
    }
    frames = rbk_str_slice(frames, (size_t)sent, frames.bytes);
    struct pending_write *pending = malloc(sizeof *pending + frames.bytes);
    if (pending) {
        pending->bytes = frames.bytes;
        memcpy(pending->data, frames.data, frames.bytes);
        buf = uv_buf_init(pending->data, (unsigned)frames.bytes);
        if (uv_write(&pending->request, stream, &buf, 1, write_done) == 0) {
            return;
        }
        free(pending);
    }
    /* Half a frame is on its way: the other side can make nothing of what would follow. Its end of
     * the connection closes, and with it the reading side here. */
    int socket;
    if (uv_fileno((uv_handle_t *)stream, &socket) == 0) {
        shutdown(socket, SHUT_RDWR);
    }
}

/* ---- starting one ---------------------------------------------------------------------------- */

struct starter {
    uv_process_t process;
    struct rbk_exec_link *home;
};

static void starter_on_closed(uv_handle_t *handle)
{
    struct starter *starter = RBK_CONTAINER_OF(handle, struct starter, process);
    struct rbk_exec_link *home = starter->home;
    free(starter);
    handle_closed(home);
}

/* The process that was started has made the supervisor and ended. How it ended does not matter:
 * without a supervisor the connection closes. */
static void starter_on_exit(uv_process_t *process, RBK_UNUSED int64_t status, RBK_UNUSED int signal)
{
    uv_close((uv_handle_t *)process, starter_on_closed);
}

/* Executes the supervisor, which inherits one end of a pair of sockets and the lock. 0 or a libuv
 * code. */
static int spawn(struct rbk_exec_link *link, int lock, int socket)
{
    char *args[] = {
        (char *)(uintptr_t)link->setup->supervisor,
        (char *)(uintptr_t)link->run_directory,
        (char *)(uintptr_t)link->setup->run,
        NULL,
    };
    char *environment[] = {NULL};
    uv_stdio_container_t files[5] = {
        [0] = {.flags = UV_IGNORE},
        [1] = {.flags = UV_IGNORE},
        [2] = {.flags = UV_IGNORE},
        [RBK_EXEC_FD_CONNECTION] = {.flags = UV_INHERIT_FD, .data.fd = socket},
        [RBK_EXEC_FD_LOCK] = {.flags = UV_INHERIT_FD, .data.fd = lock},
    };
    /* In a session of its own as soon as can be: what a terminal sends to the runner's group
     * (Ctrl-C, its end) is not for a supervisor that is just being started. */
    uv_process_options_t options = {
        .flags = UV_PROCESS_DETACHED,
        .file = link->setup->supervisor,
        .args = args,
        .env = environment,
        .exit_cb = starter_on_exit,
        .stdio = files,
        .stdio_count = 5,
    };
    struct starter *starter = calloc(1, sizeof *starter);
    if (!starter) {
        return UV_ENOMEM;
    }
    starter->home = link;
    link->handles++;
    int result = uv_spawn(link->setup->loop, &starter->process, &options);
    if (result != 0) {
        uv_close((uv_handle_t *)&starter->process, starter_on_closed);
    }
    return result;
}

/* Closes the lock in every case. */
static void start_one(struct rbk_exec_link *link, int lock)
{
    int pair[2];
    char why[256], reason[128];
    link->starts++;
    int result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    if (result != 0) {
        result = -errno;
        close(lock);
    } else {
        result = spawn(link, lock, pair[1]);
        close(pair[1]);
        close(lock);
        if (result != 0) {
            close(pair[0]);
        } else {
            result = wire_open(link, pair[0], &(struct rbk_process_id){.pid = 0});
        }
    }
    if (result == 0) {
        uv_timer_start(&link->timer, on_timer, SEEK_MS, 0);
        return;
    }
    snprintf(why, sizeof why, "cannot start the supervisor \"%s\": %s", link->setup->supervisor,
             uv_strerror_r(result, reason, sizeof reason));
    fail(link, why);
}

/* ---- seeking one ----------------------------------------------------------------------------- */

/* Connects to the socket in the run's directory. The path of a socket is short by law; the
 * directory's descriptor stands for a long one. -1: not now. */
static int connect_socket(const struct rbk_exec_link *link, struct rbk_process_id *ret_peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", link->directory,
             RBK_EXEC_SOCKET_NAME);
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0) {
        return -1;
    }
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (connect(file, (struct sockaddr *)&address, sizeof address) == 0 &&
        getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == geteuid() &&
        peer.pid > 0) {
        /* Now, while it holds the socket: later the pid may be somebody else's. */
        *ret_peer = rbk_process_identify(peer.pid, link->boot);
        return file;
    }
    close(file);
    return -1;
}

static void seek(struct rbk_exec_link *link)
{
    int lock = openat(link->directory, RBK_EXEC_LOCK_NAME,
                      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        fail(link, "the run's directory cannot be written");
        return;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        bool start = link->events->on_absent(link->context);
        if (link->state != RBK_EXEC_LINK_SEEKING) {
            close(lock); /* closed by the callback */
        } else if (start) {
            start_one(link, lock);
        } else {
            close(lock);
            link->state = RBK_EXEC_LINK_IDLE;
        }
        return;
    }
    close(lock);
    struct rbk_process_id peer;
    int socket = connect_socket(link, &peer);
    if (socket >= 0 && wire_open(link, socket, &peer) == 0) {
        uv_timer_start(&link->timer, on_timer, SEEK_MS, 0);
    } else {
        uv_timer_start(&link->timer, on_timer, SEEK_EVERY_MS, 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct rbk_exec_link *link = RBK_CONTAINER_OF(timer, struct rbk_exec_link, timer);
    if (uv_now(link->setup->loop) >= link->seek_until_ms) {
        if (link->state == RBK_EXEC_LINK_GREETING && !link->late) {
            link->late = true; /* its disk may stall, or we were stopped, with its answer unread */
            uv_timer_start(timer, on_timer, LAST_LOOK_MS, 0);
            return;
        }
        if (link->state == RBK_EXEC_LINK_GREETING && end_silent(link)) {
            link->late = false;
            link->seek_until_ms = uv_now(link->setup->loop) + SEEK_MS;
            wire_broke(link);
            return;
        }
        fail(link, "the supervisor of this run does not answer");
    } else if (link->state == RBK_EXEC_LINK_SEEKING) {
        seek(link);
    } else {
        wire_broke(link);
    }
}

int rbk_exec_link_init(struct rbk_exec_link *link, struct rbk_error *reterr)
{
    rbk_boot_id_read(link->boot);
    int result = uv_timer_init(link->setup->loop, &link->timer);
    if (result != 0) {
        return rbk_error_set(reterr, RBK_ENOMEM, "cannot make a timer");
    }
    link->handles = 1;
    link->state = RBK_EXEC_LINK_IDLE;
    return 0;
}

void rbk_exec_link_open(struct rbk_exec_link *link)
{
    if (link->state != RBK_EXEC_LINK_IDLE) {
        return;
    }
    link->state = RBK_EXEC_LINK_SEEKING;
    link->seek_until_ms = uv_now(link->setup->loop) + SEEK_MS;
    link->late = false;
    uv_timer_start(&link->timer, on_timer, 0, 0);
}

static void timer_on_closed(uv_handle_t *handle)
{
    handle_closed(RBK_CONTAINER_OF(handle, struct rbk_exec_link, timer));
}

void rbk_exec_link_close(struct rbk_exec_link *link, void (*on_closed)(void *context))
{
    wire_drop(link);
    link->state = RBK_EXEC_LINK_CLOSED;
    link->on_closed = on_closed;
    uv_close((uv_handle_t *)&link->timer, timer_on_closed);
}
