/*
 * The connection to the runner. At most one: a runner that connects takes over from the one before,
 * whose unread messages are dropped with its connection. While a runner is connected results live
 * in memory; the moment none is, every result not forgotten is written to disk, and when all are
 * and nothing runs the supervisor leaves.
 *
 * How a runner can go, and what makes the supervisor leave then:
 *   it says SHUTDOWN (the run is over)   what runs is stopped; then it leaves
 *   its end of the connection closes     what runs goes on, its time stands still; when all has
 *                                        ended and is on disk it leaves
 *   it connects and says nothing         the connection is dropped after GREET_MS
 *   it is gone, and the run's directory  nobody can come back, so time is counted again: what runs
 *   with it                              ends by its time at the latest, nothing is kept
 * Where only the socket's name is gone it is made anew, so that a runner can come back.
 *
 * Leaving is the one delicate place: a new runner may connect just then. It starts nothing before
 * WELCOME, and WELCOME is sent only by a supervisor that stays; serve_over() looks at the queue of
 * the listening socket last.
 */
#include "runtime/drivers/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORD_RETRY_MS 1000u
/* How often to look whether a new runner can still come, while none is there. */
#define LOOK_MS 1000u
/* How long a connection may take to say HELLO. */
#define GREET_MS 5000u
/* An inbox that grew beyond this for one large stdin is given back. */
#define INBOX_KEPT_BYTES ((size_t)1 << 20)

static int watch_add(struct supervisor *supervisor, int file, struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    return epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, file, &event);
}

/* Messages hold secrets. */
static void wipe_inbox(struct supervisor *supervisor)
{
    if (supervisor->inbox.capacity) {
        explicit_bzero(supervisor->inbox.data, supervisor->inbox.capacity);
    }
    rbk_buffer_fini(&supervisor->inbox);
}

static void disconnect(struct supervisor *supervisor)
{
    if (supervisor->connection < 0) {
        return;
    }
    epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, supervisor->connection, NULL);
    close(supervisor->connection);
    supervisor->connection = -1;
    supervisor->welcomed = false;
    supervisor->ask_writable = false;
    wipe_inbox(supervisor);
    rbk_buffer_fini(&supervisor->outbox);
    supervisor->look_ms = now_ms();
    supervisor->abandoned = false;
    command_hold_time(supervisor);
    for (struct command *command = supervisor->commands; command; command = command->next) {
        command->start.ticket = 0;
        command->told = false;
        if (!command->start.reading) {
            continue;
        }
        /* Only the runner that asked wants a reading. */
        if (command->state == COMMAND_ENDED) {
            command->forgotten = true;
        } else {
            command_cancel(command);
        }
    }
}

static int connect_to(struct supervisor *supervisor, int connection)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 ||
        peer.uid != geteuid() || fcntl(connection, F_SETFL, O_NONBLOCK) != 0) {
        close(connection);
        return -1;
    }
    disconnect(supervisor);
    if (watch_add(supervisor, connection, &supervisor->watch_connection) != 0) {
        close(connection);
        return -1;
    }
    supervisor->connection = connection;
    supervisor->greet_ms = now_ms() + GREET_MS;
    return 0;
}

/* Says on disk that commands may be given to this process from now on. On a full disk, where a way
 * back must still work, the old file goes instead: no file proves nothing. 0 or -1. */
static int claim(struct supervisor *supervisor)
{
    supervisor->id.state = RBK_SUPERVISOR_SERVING;
    if (rbk_supervisor_id_write(supervisor->directory, supervisor->run, &supervisor->id) == 0) {
        return 0;
    }
    return rbk_supervisor_id_remove(supervisor->directory);
}

/* Makes the socket that runners find. The lock is ours: whatever stands under its name belongs to
 * nobody. The working directory is the run's, so that a long path does not matter. 0 or -1. */
static int listen_anew(struct supervisor *supervisor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = RBK_EXEC_SOCKET_NAME};
    struct stat status;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return -1;
    }
    unlink(RBK_EXEC_SOCKET_NAME);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(RBK_EXEC_SOCKET_NAME, 0600) != 0 || listen(listener, 8) != 0 ||
        stat(RBK_EXEC_SOCKET_NAME, &status) != 0 ||
        watch_add(supervisor, listener, &supervisor->watch_listener) != 0) {
        close(listener);
        return -1;
    }
    if (supervisor->listener >= 0) {
        close(supervisor->listener);
    }
    supervisor->listener = listener;
    supervisor->socket_device = status.st_dev;
    supervisor->socket_inode = status.st_ino;
    return 0;
}

int serve_open(struct supervisor *supervisor)
{
    rbk_buffer_init(&supervisor->inbox, RBK_EXEC_FRAME_BYTES_MAX * 2);
    rbk_buffer_init(&supervisor->outbox, RBK_EXEC_FRAME_BYTES_MAX * 2);
    supervisor->watch_listener.kind = WATCH_LISTENER;
    supervisor->watch_connection.kind = WATCH_CONNECTION;
    supervisor->connection = -1;
    supervisor->listener = -1;
    if (listen_anew(supervisor) != 0 || claim(supervisor) != 0) {
        return -1;
    }
    return connect_to(supervisor, RBK_EXEC_FD_CONNECTION);
}

void serve_on_listener(struct supervisor *supervisor)
{
    int connection = accept4(supervisor->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
        (void)connect_to(supervisor, connection);
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

static int on_hello(struct supervisor *supervisor, struct rbk_str fields)
{
    struct rbk_exec_hello hello;
    if (supervisor->welcomed || rbk_exec_read_hello(fields, &hello) != 0) {
        return -1;
    }
    if (hello.version != RBK_EXEC_VERSION || !rbk_str_is(hello.run, supervisor->run)) {
        return -1;
    }
    if (supervisor->serial_min_open && supervisor->id.serial_min < hello.serial_min) {
        supervisor->id.serial_min = hello.serial_min;
    }
    struct rbk_exec_welcome welcome = {RBK_EXEC_VERSION, supervisor->id.process};
    rbk_exec_write_welcome(&supervisor->outbox, &welcome);
    supervisor->welcomed = true;
    command_count_time(supervisor);
    return 0;
}

static bool was_asked(const struct supervisor *supervisor, uint32_t serial)
{
    for (size_t index = supervisor->asked_count; index > 0; index--) {
        if (supervisor->asked[index - 1].serial == serial) {
            return true;
        }
    }
    return false;
}

static int on_query(struct supervisor *supervisor, struct rbk_str fields)
{
    struct rbk_exec_name name;
    if (rbk_exec_read_name(fields, &name) != 0 || name.ticket == 0) {
        return -1;
    }
    struct rbk_exec_answer answer = {.ticket = name.ticket, .state = RBK_EXEC_STATE_UNKNOWN};
    struct command *command = command_find(supervisor, name.serial);
    if (command) {
        if (command->start.attempt == name.attempt && rbk_str_is(name.key, command->key)) {
            bool ended = command->state == COMMAND_ENDED;
            answer.state = ended ? RBK_EXEC_STATE_ENDED : RBK_EXEC_STATE_RUNNING;
            answer.ended = command->ended;
            command->start.ticket = name.ticket;
            command->told = ended;
        }
    } else if (!supervisor->serial_min_open && name.serial >= supervisor->id.serial_min &&
               !was_asked(supervisor, name.serial)) {
        answer.state = RBK_EXEC_STATE_NEVER;
    }
    answer.ended.ticket = name.ticket;
    rbk_exec_write_answer(&supervisor->outbox, &answer);
    return 0;
}

static int on_cancel(struct supervisor *supervisor, struct rbk_str fields)
{
    struct rbk_exec_name name;
    if (rbk_exec_read_name(fields, &name) != 0) {
        return -1;
    }
    struct command *command = command_by_ticket(supervisor, name.ticket);
    if (command) {
        command_cancel(command);
    }
    return 0;
}

static int on_forget(struct supervisor *supervisor, struct rbk_str fields)
{
    struct rbk_exec_name name;
    if (rbk_exec_read_name(fields, &name) != 0) {
        return -1;
    }
    struct command *command = name.serial ? command_find(supervisor, name.serial) : NULL;
    if (!command || command->state != COMMAND_ENDED) {
        return 0;
    }
    if (command->durable) {
        rbk_exec_record_remove(supervisor->directory, name.serial);
    }
    command->forgotten = true;
    return 0;
}

static int on_shutdown(struct supervisor *supervisor)
{
    supervisor->leaving = true;
    for (struct command *command = supervisor->commands; command; command = command->next) {
        command_cancel(command);
    }
    return 0;
}

/* One message; -1 when the connection cannot be trusted any further. */
static int on_message(struct supervisor *supervisor, enum rbk_exec_message kind,
                      struct rbk_str fields)
{
    if (kind == RBK_EXEC_HELLO) {
        return on_hello(supervisor, fields);
    }
    if (!supervisor->welcomed) {
        return -1;
    }
    switch (kind) {
    case RBK_EXEC_START:
        return command_start(supervisor, fields);
    case RBK_EXEC_CANCEL:
        return on_cancel(supervisor, fields);
    case RBK_EXEC_QUERY:
        return on_query(supervisor, fields);
    case RBK_EXEC_FORGET:
        return on_forget(supervisor, fields);
    case RBK_EXEC_SHUTDOWN:
        return on_shutdown(supervisor);
    default:
        return -1;
    }
}

static int on_received(struct supervisor *supervisor)
{
    struct rbk_buffer *inbox = &supervisor->inbox;
    for (;;) {
        enum rbk_exec_message kind;
        struct rbk_str fields;
        size_t bytes;
        int whole = rbk_exec_frame(rbk_buffer_str(inbox), &kind, &fields, &bytes);
        if (whole <= 0) {
            return whole;
        }
        int result = on_message(supervisor, kind, fields);
        explicit_bzero(inbox->data, bytes);
        rbk_buffer_consume(inbox, bytes);
        if (result != 0) {
            return result;
        }
        if (inbox->bytes == 0 && inbox->capacity > INBOX_KEPT_BYTES) {
            wipe_inbox(supervisor);
        }
    }
}

void serve_on_connection(struct supervisor *supervisor, uint32_t events)
{
    if (supervisor->connection < 0 || !(events & ~(uint32_t)EPOLLOUT)) {
        return;
    }
    ssize_t got = recv(supervisor->connection, supervisor->chunk, CHUNK_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got > 0) {
        rbk_buffer_append(&supervisor->inbox, supervisor->chunk, (size_t)got);
        explicit_bzero(supervisor->chunk, (size_t)got);
        if (supervisor->inbox.error == 0 && on_received(supervisor) == 0) {
            return;
        }
    }
    disconnect(supervisor);
}

/* ---- results --------------------------------------------------------------------------------- */

static void tell(struct supervisor *supervisor)
{
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (command->state != COMMAND_ENDED || command->told || command->start.ticket == 0) {
            continue;
        }
        command->ended.ticket = command->start.ticket;
        rbk_exec_write_ended(&supervisor->outbox, &command->ended);
        command->told = true;
        if (command->start.reading) {
            command->forgotten = true;
        }
    }
}

static void send_outbox(struct supervisor *supervisor)
{
    struct rbk_buffer *outbox = &supervisor->outbox;
    while (outbox->bytes) {
        ssize_t sent = send(supervisor->connection, outbox->data, outbox->bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno != EAGAIN) {
            disconnect(supervisor);
        }
        if (sent < 0) {
            break;
        }
        rbk_buffer_consume(outbox, (size_t)sent);
    }
    bool ask = supervisor->connection >= 0 && outbox->bytes > 0;
    if (ask == supervisor->ask_writable || supervisor->connection < 0) {
        return;
    }
    struct epoll_event event = {
        .events = EPOLLIN | (ask ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = &supervisor->watch_connection,
    };
    if (epoll_ctl(supervisor->epoll, EPOLL_CTL_MOD, supervisor->connection, &event) != 0) {
        disconnect(supervisor);
    } else {
        supervisor->ask_writable = ask;
    }
}

static bool wants_record(const struct command *command)
{
    return command->state == COMMAND_ENDED && !command->forgotten && !command->durable;
}

/* Whether the run's directory was removed, or its lock was: then no runner finds this process any
 * more, and there is nobody to keep anything for. */
static bool is_abandoned(const struct supervisor *supervisor)
{
    struct stat ours, found;
    if (fstat(RBK_EXEC_FD_LOCK, &ours) != 0) {
        return false;
    }
    if (fstatat(supervisor->directory, RBK_EXEC_LOCK_NAME, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT;
    }
    return found.st_dev != ours.st_dev || found.st_ino != ours.st_ino;
}

/* No runner is there: looks whether one can still come. */
static void look(struct supervisor *supervisor)
{
    struct stat found;
    if (supervisor->abandoned || supervisor->look_ms > now_ms()) {
        return;
    }
    supervisor->look_ms = now_ms() + LOOK_MS;
    supervisor->abandoned = is_abandoned(supervisor);
    if (supervisor->abandoned) {
        command_count_time(supervisor);
    } else if (stat(RBK_EXEC_SOCKET_NAME, &found) != 0
                   ? errno == ENOENT
                   : found.st_dev != supervisor->socket_device ||
                         found.st_ino != supervisor->socket_inode) {
        /* Should it fail, the next look tries again. */
        (void)listen_anew(supervisor);
    }
}

static void write_records(struct supervisor *supervisor)
{
    if (supervisor->record_retry_ms > now_ms()) {
        return;
    }
    supervisor->record_retry_ms = 0;
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (!wants_record(command)) {
            continue;
        }
        int result = rbk_exec_record_write(supervisor->directory, supervisor->run, &command->ended);
        if (result == 0 || supervisor->abandoned) {
            command->durable = true;
        } else {
            supervisor->record_retry_ms = now_ms() + RECORD_RETRY_MS;
        }
    }
}

void serve_flush(struct supervisor *supervisor)
{
    if (supervisor->connection >= 0 && !supervisor->welcomed && supervisor->greet_ms <= now_ms()) {
        disconnect(supervisor);
    }
    if (supervisor->connection < 0) {
        look(supervisor);
    } else {
        tell(supervisor);
        if (supervisor->outbox.error) {
            disconnect(supervisor);
        } else {
            send_outbox(supervisor);
        }
    }
    if (supervisor->connection < 0 || supervisor->leaving) {
        write_records(supervisor);
    }
}

uint64_t serve_due_ms(const struct supervisor *supervisor)
{
    uint64_t due_ms = supervisor->record_retry_ms ? supervisor->record_retry_ms : UINT64_MAX;
    if (supervisor->connection < 0 && !supervisor->abandoned && supervisor->look_ms < due_ms) {
        due_ms = supervisor->look_ms;
    }
    if (supervisor->connection >= 0 && !supervisor->welcomed && supervisor->greet_ms < due_ms) {
        due_ms = supervisor->greet_ms;
    }
    return due_ms;
}

bool serve_over(struct supervisor *supervisor)
{
    if (supervisor->running || supervisor->outbox.bytes) {
        return false;
    }
    if (supervisor->connection >= 0 && !supervisor->leaving) {
        return false;
    }
    for (struct command *command = supervisor->commands; command; command = command->next) {
        if (wants_record(command)) {
            return false;
        }
    }
    if (!supervisor->leaving) {
        serve_on_listener(supervisor);
        if (supervisor->connection >= 0) {
            return false;
        }
    }
    close(supervisor->listener);
    if (is_abandoned(supervisor)) {
        disconnect(supervisor);
        return true; /* what stands in the directory, if anything, is another's */
    }
    unlink(RBK_EXEC_SOCKET_NAME);
    if (supervisor->serial_min_open) {
        supervisor->id.serial_min = UINT32_MAX;
    }
    supervisor->id.state = RBK_SUPERVISOR_ENDED;
    /* Should it fail, the file goes on to say so of a process that is gone: doubt, not error. */
    if (rbk_supervisor_id_write(supervisor->directory, supervisor->run, &supervisor->id) != 0) {
        supervisor->id.state = RBK_SUPERVISOR_SERVING;
    }
    disconnect(supervisor);
    return true;
}
