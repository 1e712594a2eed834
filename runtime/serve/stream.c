/*
 * Server-sent events of one run.
 *
 *   id: 17                     a record of the journal; its id is the seq, so a browser that comes
 *   event: record              back (Last-Event-ID) goes on where it was
 *   data: {…}
 *
 *   event: readings            what probes and triggers said last, when it changed
 *   event: end                 the run has ended and nothing more will come
 *   : still here               a comment, so that both sides notice when the other is gone
 *
 * A stream has no queue: it knows the next seq, and takes a little from the run as last seen when
 * its reader has taken what there was. While there is nothing it is suspended; the tick resumes it,
 * and so does who has read what was missing of the run.
 */
#include "runtime/serve/serve_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/state.h"

/* What is made ready at a time. */
#define OUT_BYTES ((size_t)64 << 10)
/* One record may be that large. */
#define OUT_BYTES_MAX ((size_t)32 << 20)

struct stream {
    struct stream *next, **link;
    struct rbk_server *server;
    struct request *request; /* NULL: it is over, and the stream is about to be */
    int64_t next_seq;
    char readings[RBK_SHA256_HEX_BYTES]; /* of those sent last */
    struct rbk_buffer out;               /* made ready, not taken yet */
    uint64_t heartbeat_ms;
    uint64_t token_ms; /* when its token is looked at again, however much there is to send */
    bool suspended, ending;
    bool half_closed; /* its reader sends nothing more: most often it is gone */
};

/* ---- what there is to send --------------------------------------------------------------------
 */

static int add_record(void *context, int64_t seq, const char *text)
{
    struct stream *stream = context;

    rbk_buffer_printf(&stream->out, "id: %lld\nevent: record\ndata: %s\n\n", (long long)seq, text);
    stream->next_seq = seq + 1;
    return stream->out.bytes >= OUT_BYTES;
}

/* Readings, when they are others than those sent last. */
static void add_readings(struct stream *stream, struct seen *seen)
{
    const char *text = rbk_seen_readings(stream->server, seen);

    if (text != NULL && strcmp(seen->readings_hash, stream->readings) != 0) {
        memcpy(stream->readings, seen->readings_hash, sizeof(stream->readings));
        rbk_buffer_printf(&stream->out, "event: readings\ndata: %s\n\n", text);
    }
}

/* A test does not wait for a quarter of a minute. */
static uint64_t heartbeat_ms(void)
{
    const char *text = getenv("RBK_TEST_HEARTBEAT_MS");

    return text != NULL ? strtoull(text, NULL, 10) : RBK_SERVE_HEARTBEAT_MS;
}

/* Whether whoever reads it still may: as often as a heart beats, also while none needs to. */
static bool may_go_on(struct stream *stream)
{
    uint64_t now_ms = rbk_server_clock_ms(stream->server);

    if (now_ms < stream->token_ms) {
        return true;
    }
    stream->token_ms = now_ms + heartbeat_ms();
    return rbk_access_stands(stream->request);
}

/* Make ready what has come since. */
static void fill(struct stream *stream)
{
    struct rbk_server *server = stream->request->server;
    struct rbk_error error = {0};
    struct seen *seen;

    if (server->stopping || stream->ending || !may_go_on(stream)) {
        stream->ending = true;
        return;
    }
    if ((seen = rbk_seen(server, stream->request->run, &error)) == NULL) {
        /* What is being read, or locked for a moment, comes later. Else the browser comes back, and
         * is told why then. */
        stream->ending = error.code != RBK_ETIMEOUT && error.code != RBK_EBUSY;
        return;
    }
    if (rbk_seen_records(seen, stream->next_seq, INT64_MAX, add_record, stream, &error) != 0) {
        stream->ending = true;
        return;
    }
    if (stream->next_seq <= seen->history.seq) {
        return; /* more of them first */
    }
    add_readings(stream, seen);
    if (rbk_status_is_end((enum rbk_status)seen->history.replay->state->status)) {
        rbk_buffer_append_text(&stream->out, "event: end\ndata: {}\n\n");
        stream->ending = true;
    }
}

static void beat(struct stream *stream)
{
    uint64_t now_ms = rbk_server_clock_ms(stream->request->server);

    if (stream->out.bytes != 0) {
        stream->heartbeat_ms = now_ms + heartbeat_ms();
    } else if (now_ms >= stream->heartbeat_ms && !stream->ending) {
        stream->heartbeat_ms = now_ms + heartbeat_ms();
        rbk_buffer_append_text(&stream->out, ": still here\n\n");
    }
}

/* libmicrohttpd wants bytes. */
static ssize_t on_read(void *context, uint64_t position, char *data, size_t bytes_max)
{
    struct stream *stream = context;
    size_t bytes;

    (void)position;
    if (stream->request == NULL) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (stream->out.bytes == 0) {
        fill(stream);
        beat(stream);
    }
    if (stream->out.error != 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (stream->out.bytes == 0) {
        if (stream->ending) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        stream->suspended = true;
        MHD_suspend_connection(stream->request->connection);
        return 0;
    }
    bytes = stream->out.bytes < bytes_max ? stream->out.bytes : bytes_max;
    memcpy(data, stream->out.data, bytes);
    rbk_buffer_consume(&stream->out, bytes);
    stream->request->sent_bytes += bytes;
    return (ssize_t)bytes;
}

void rbk_stream_request_over(struct stream *stream)
{
    /* libmicrohttpd frees the response after the request. */
    stream->request = NULL;
    stream->suspended = false;
}

static void on_free(void *context)
{
    struct stream *stream = context;

    if (stream->request != NULL) {
        stream->request->stream = NULL; /* the response was refused, and goes before the request */
    }
    *stream->link = stream->next;
    if (stream->next != NULL) {
        stream->next->link = stream->link;
    }
    stream->server->stream_count--;
    rbk_buffer_fini(&stream->out);
    free(stream);
}

/* ---- the tick ---------------------------------------------------------------------------------
 */

static void resume(struct stream *stream)
{
    stream->suspended = false;
    MHD_resume_connection(stream->request->connection);
}

/* Nobody else looks at a connection while it is suspended. Who has closed it, or only its own half,
 * gets a word: if it is gone that is answered with a reset, which is seen at the next look. */
static void look_for_reader(struct stream *stream)
{
    struct pollfd reader = {.fd = stream->request->peer->descriptor, .events = POLLRDHUP};

    if (poll(&reader, 1, 0) <= 0) {
        return;
    }
    if ((reader.revents & (POLLERR | POLLHUP)) != 0) {
        stream->ending = true;
    } else if ((reader.revents & POLLRDHUP) != 0 && !stream->half_closed) {
        stream->half_closed = true;
        stream->heartbeat_ms = 0;
    }
}

void rbk_streams_look(struct rbk_server *server)
{
    bool resumed = false;

    for (struct stream *stream = server->streams; stream != NULL; stream = stream->next) {
        if (!stream->suspended || stream->request == NULL) {
            continue;
        }
        look_for_reader(stream);
        fill(stream);
        beat(stream);
        if (stream->out.bytes != 0 || stream->ending) {
            resume(stream);
            resumed = true;
        }
    }
    if (resumed) {
        rbk_server_run(server);
    }
}

void rbk_streams_end(struct rbk_server *server)
{
    for (struct stream *stream = server->streams; stream != NULL; stream = stream->next) {
        stream->ending = true;
        if (stream->suspended) {
            resume(stream);
        }
    }
}

/* ---- beginning --------------------------------------------------------------------------------
 */

/* Behind which record it begins: Last-Event-ID, ?from=, or the newest one. false: it was answered.
 */
static bool begin_at(struct request *request, int64_t last, int64_t *ret_next,
                     enum MHD_Result *ret_answered)
{
    const char *id =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Last-Event-ID");
    char *end;

    if (id != NULL && id[0] != '\0') {
        long long number = strtoll(id, &end, 10);

        if (id[0] < '0' || id[0] > '9' || *end != '\0' || number > INT32_MAX) {
            *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                                              "Last-Event-ID is to be the id of a record");
            return false;
        }
        *ret_next = number + 1;
        return true;
    }
    return rbk_request_number(request, "from", 1, INT32_MAX, last + 1, ret_next, ret_answered);
}

static enum MHD_Result start(struct request *request, int64_t next_seq)
{
    struct rbk_server *server = request->server;
    struct stream *stream = calloc(1, sizeof(*stream));
    struct MHD_Response *response;

    if (stream == NULL) {
        return MHD_NO;
    }
    stream->server = server;
    stream->request = request;
    request->stream = stream;
    stream->next_seq = next_seq;
    stream->heartbeat_ms = stream->token_ms = rbk_server_clock_ms(server) + heartbeat_ms();
    rbk_buffer_init(&stream->out, OUT_BYTES_MAX);
    rbk_buffer_append_text(&stream->out, "retry: 2000\n\n");
    stream->next = server->streams;
    stream->link = &server->streams;
    if (stream->next != NULL) {
        stream->next->link = &stream->next;
    }
    server->streams = stream;
    server->stream_count++;
    request->peer->due_ms = 0;
    /* From here on the response owns the stream. */
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, OUT_BYTES / 4, on_read, stream,
                                                 on_free);
    if (response == NULL) {
        on_free(stream);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", "text/event-stream");
    (void)MHD_add_response_header(response, "X-Accel-Buffering", "no");
    return rbk_reply_response(request, MHD_HTTP_OK, response);
}

/* How many streams a token has open. */
static size_t streams_of(const struct rbk_server *server, struct rbk_str token)
{
    size_t count = 0;

    for (const struct stream *stream = server->streams; stream != NULL; stream = stream->next) {
        count += stream->request != NULL && rbk_str_equal(stream->request->identity.token, token);
    }
    return count;
}

enum MHD_Result rbk_get_stream(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_error error = {0};
    struct seen *seen = rbk_seen(request->server, request->run, &error);
    int64_t next;

    if (seen == NULL) {
        return rbk_reply_error(request, &error);
    }
    if (!begin_at(request, seen->history.seq, &next, &answered)) {
        return answered;
    }
    if (next > seen->history.seq &&
        rbk_status_is_end((enum rbk_status)seen->history.replay->state->status)) {
        /* Nothing more will come; a browser does not come back after this. */
        return rbk_reply_text(request, MHD_HTTP_NO_CONTENT, "text/event-stream", RBK_STR(""));
    }
    if (request->server->stream_count >= RBK_SERVE_STREAMS_MAX) {
        return rbk_reply_later(request, "too many streams are open already; try again");
    }
    if (streams_of(request->server, request->identity.token) >= RBK_SERVE_STREAMS_OF_ONE_MAX) {
        return rbk_reply_later(request, "too many streams are open with this token; try again");
    }
    return start(request, next);
}
