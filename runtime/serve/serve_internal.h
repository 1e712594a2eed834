#ifndef RBK_RUNTIME_SERVE_SERVE_INTERNAL_H
#define RBK_RUNTIME_SERVE_SERVE_INTERNAL_H

/*
 * What the files of rbk serve share. Nobody outside runtime/serve includes this.
 *
 *   server.c     the loop: libmicrohttpd's descriptors and time-outs on libuv, signals, the end
 *   listen.c     where it listens, and what a Host header may say
 *   tls.c        certificates, before they are used
 *   request.c    a request from its first byte to its last: checks, body, handler, log line
 *   routes.c     the table of routes
 *   access.c     who asks: tokens, and what is refused
 *   token.c      the form of a token
 *   log.c        the log
 *   reply.c      answers: JSON, problems, headers
 *   wait.c       requests that wait: for a reply, a lock, a run that is being read, the next turn
 *   seen.c       runs as they were last seen, kept so that only what is new is replayed
 *   spool.c      what does not fit into memory of them
 *   runs.c       runs, their events, evidence and questions
 *   plan.c       a machine for people: stages, strategies, triggers, probes
 *   asks.c       answers and commands into the inbox, and the runner's replies
 *   alerts.c     Alertmanager's webhook
 *   alerts_known.c   what a run knows of alerts already
 *   stream.c     server-sent events
 *   metrics.c    numbers for Prometheus
 *
 * One thread, and nothing holds it up for longer than a commit takes. The store is asked on the
 * loop: its answers come from memory, and a row in the inbox costs one flush. What another process
 * has locked is not waited for, and a journal is read a piece in each turn: whoever needs it is
 * suspended, and called again (wait.c). Streams are suspended while there is nothing to send.
 */

#include <jansson.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <uv.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/people/ask.h"
#include "runtime/people/history.h"
#include "runtime/serve/serve.h"
#include "runtime/serve/spool.h"
#include "runtime/serve/token.h"

/* ---- limits ------------------------------------------------------------------------------------
 */

#define RBK_SERVE_CONNECTIONS_MAX 512
#define RBK_SERVE_CONNECTIONS_OF_ONE_MAX 384 /* of one address, unless a proxy has it */
#define RBK_SERVE_STREAMS_MAX 64             /* server-sent events, of all */
#define RBK_SERVE_STREAMS_OF_ONE_MAX 32      /* with one token */
#define RBK_SERVE_HEADER_BYTES_MAX \
    ((size_t)32 << 10) /* request line and headers, and its buffers */
#define RBK_SERVE_BODY_BYTES_MAX ((size_t)64 << 10)
#define RBK_SERVE_ALERTS_BYTES_MAX ((size_t)4 << 20)
#define RBK_SERVE_JSON_DEPTH_MAX 16
#define RBK_SERVE_HEADERS_MS 15000u /* from the first byte to the end of the headers */
#define RBK_SERVE_BODY_MS 30000u    /* … of the body */
#define RBK_SERVE_SEND_MS 120000u   /* … of an answer that is no stream */
#define RBK_SERVE_WAIT_MS 5000u     /* for a runner's reply */
#define RBK_SERVE_LOCKED_MS 5000u   /* for a store that another process has locked */
#define RBK_SERVE_READ_MS 60000u    /* for a run whose journal is being read */
#define RBK_SERVE_SCRAPE_MS 5000u   /* … when numbers are asked for */
#define RBK_SERVE_HEARTBEAT_MS 15000u
#define RBK_SERVE_PAGE_MAX 1000 /* events or runs in one answer */
#define RBK_SERVE_PAGE_BYTES ((size_t)1 << 20)
#define RBK_SERVE_SEEN_MAX 128         /* runs kept as last seen */
#define RBK_SERVE_METRICS_RUNS_MAX 100 /* unfinished runs told in detail */
#define RBK_SERVE_PENDING_MAX 1000     /* alerts that wait in one run's inbox */
/* Bodies that are being taken, answers that are being sent: of all connections. */
#define RBK_SERVE_BODIES_BYTES_MAX ((size_t)64 << 20)
#define RBK_SERVE_ANSWERS_BYTES_MAX ((size_t)128 << 20)

/* ---- who asks ---------------------------------------------------------------------------------
 */

/* Who a request comes from. Texts in the request's arena. */
struct identity {
    struct rbk_str token; /* its id; empty: nobody showed one */
    struct rbk_str person;
    enum rbk_token_scope scope;
    struct rbk_str *roles; /* NULL: all that the person has */
    size_t role_count;
};

/* What a route asks of whoever calls it. */
enum access {
    ACCESS_ANYBODY,
    ACCESS_LOCAL, /* anybody on this host, else READ */
    ACCESS_READ,
    ACCESS_ASK,
    ACCESS_ALERTS
};

/* ---- a connection, a request ------------------------------------------------------------------
 */

/* A connection of libmicrohttpd, so that its time is bounded whatever it sends. */
struct peer {
    struct peer *next, **link;
    struct rbk_server *server;
    int descriptor;
    uint64_t due_ms; /* it is cut then; 0: never (it is suspended, or streams) */
    char address[64];
};

struct request;
struct stream;
/* Answers by rbk_reply_…(), or suspends the request and is called again. */
typedef enum MHD_Result handler_fn(struct request *request);

struct route {
    const char *method;
    const char *path; /* "{…}" stands for one segment: first a run's id, then a number */
    enum access access;
    handler_fn *handle;
    size_t body_max; /* 0: it takes none */
};
extern const struct route rbk_routes[];
extern const size_t rbk_route_count;

/* What a suspended request waits for. */
enum waiting {
    WAITING_NOT,
    WAITING_REPLY, /* of the runner, to row `asked` */
    WAITING_LOCK,  /* until the store can be written to, or read */
    WAITING_RUN,   /* until a run has been read */
    WAITING_TURN,  /* others come first: it has much to do */
    WAITING_COUNT
};

/* One request. Freed when libmicrohttpd says that it is over. */
struct request {
    struct request *next, **link; /* of those that wait, while it waits */
    struct rbk_server *server;
    struct MHD_Connection *connection;
    struct peer *peer;
    const struct route *route; /* NULL: refused before one was found */
    struct rbk_arena arena;
    struct rbk_buffer body;
    struct identity identity;
    const char *method; /* in the arena */
    const char *path;
    char run[RBK_RUN_ID_BYTES];     /* of the path; "": none */
    int64_t number;                 /* of the path */
    uint64_t began_ms;              /* the loop's */
    struct stream *stream;          /* it became one; NULL: not */
    int64_t asked;                  /* row of the inbox whose reply it waits for; 0: none */
    enum waiting waiting;           /* suspended, in the list of those that wait */
    uint64_t due_ms[WAITING_COUNT]; /* until when it waits for that; 0: it has not yet */
    void *job; /* in the arena: what its handler has done before it was suspended; NULL: nothing */
    bool handling; /* its handler was called: it may wait */
    bool answered;
    unsigned status;
    size_t sent_bytes;
    size_t body_bytes;   /* counted in the server's */
    size_t answer_bytes; /* likewise */
};

/* ---- the server -------------------------------------------------------------------------------
 */

/* Failed attempts to get in, from one address, within a minute. */
struct failures {
    char address[64];
    uint64_t since_ms;
    unsigned count;
};
#define FAILURES_ADDRESSES 64
#define FAILURES_MAX 20u
#define FAILURES_WINDOW_MS 60000u

/* Requests answered, by route and status. */
struct counted {
    size_t route; /* rbk_route_count: none */
    unsigned status;
    uint64_t count;
};
#define COUNTED_MAX 256

/* Uses of tokens that are still to be written down. One that finds no room is forgotten: the next
 * use will do. */
struct touched {
    char id[RBK_TOKEN_ID_CHARS + 1];
    int64_t at_ms;
};
#define TOUCHED_MAX 64

struct seen;

struct rbk_server {
    struct rbk_serve_options options;
    uv_loop_t loop;
    struct rbk_store *store; /* owned */
    bool store_failed;       /* a write failed: it is to be opened anew */
    uint64_t reopen_ms;      /* the loop's: not before */
    int64_t changes;         /* rbk_store_changes() when last looked */
    uint64_t generation;     /* counts them */
    struct MHD_Daemon *daemon;
    uv_poll_t poll;        /* libmicrohttpd's epoll descriptor */
    uv_timer_t http_timer; /* when it wants to be called without an event */
    uv_timer_t tick;       /* streams, those who wait, connections that are too slow */
    uv_idle_t work;        /* the next turn, while there is something left to do */
    uv_signal_t term, interrupt;
    bool loopback; /* only this host reaches it */
    bool tls;
    int64_t cert_ends_ms; /* wall clock, with tls */
    bool stopping;
    char *own_name; /* of this host; owned */
    struct peer *peers;
    struct request *waiting;
    struct stream *streams;
    size_t stream_count, connection_count;
    struct seen *seen; /* newest use first */
    size_t seen_count;
    uint64_t spool_bytes;             /* of all of them */
    uint64_t worked;                  /* counts what was done for one of them in a turn */
    uint64_t turn;                    /* counts them */
    uint64_t events_left, bytes_left; /* what may be replayed in this turn */
    size_t body_bytes, answer_bytes;  /* of all requests */
    struct touched touched[TOUCHED_MAX];
    size_t touched_count;
    struct failures failures[FAILURES_ADDRESSES];
    struct counted counted[COUNTED_MAX];
    size_t counted_count;
    uint64_t lines_lost; /* of the log, since the last one that was written */
    uint64_t refused_tokens, alerts_taken, started_ms;
};

/* The wall clock; the loop's clock. */
int64_t rbk_server_now_ms(void);
uint64_t rbk_server_clock_ms(struct rbk_server *server);
/* Let libmicrohttpd work: after a suspended connection was resumed. */
void rbk_server_run(struct rbk_server *server);
/* The tick comes soon, and often while somebody waits. */
void rbk_server_hurry(struct rbk_server *server);
/* There is something to do in the next turn: rbk_seen_work(), and those who wait for it. */
void rbk_server_work(struct rbk_server *server);
/* A write failed: the store is opened anew before it is used again. */
void rbk_server_store_failed(struct rbk_server *server);
/* Open a store that has failed anew, if that can be. Before a request begins, and in the tick: who
 * holds the store or a run as it was seen must not look at it any more. */
void rbk_server_mend(struct rbk_server *server);
/* The store; what was seen of runs is looked at again when somebody has written to it. */
struct rbk_store *rbk_server_store(struct rbk_server *server);

/* ---- listen.c ---- */
/* A socket that listens. @ret_bound  "http://127.0.0.1:7433/". */
RBK_MUST_USE int rbk_listen_open(struct rbk_server *server, int *ret_socket,
                                 struct rbk_buffer *ret_bound, struct rbk_error *reterr);
/* Whether an address to listen at is this host's alone. */
RBK_MUST_USE int rbk_listen_loopback(const char *listen, bool *ret_loopback,
                                     struct rbk_error *reterr);
/* Whether a Host header may be meant for this server. */
bool rbk_listen_host_known(const struct rbk_server *server, const char *host);
void rbk_address_text(const struct sockaddr *address, char out[64]);

/* ---- log.c ---- */
/* A line for the log, without its end. Never waits for who reads it. */
void rbk_serve_log(struct rbk_server *server, const char *format, ...) RBK_PRINTF(2, 3);

/* ---- tls.c ---- */
/* Whether a certificate and a key, the files' texts, are of use together. @ret_ends_ms  When the
 * certificate ends, wall clock. @return 0 or -RBK_EINVALID. */
RBK_MUST_USE int rbk_tls_check(const struct rbk_serve_options *options, const char *cert,
                               const char *key, int64_t *ret_ends_ms, struct rbk_error *reterr);

/* ---- request.c ---- */
enum MHD_Result rbk_request_handle(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *bytes, void **own);
void rbk_request_completed(void *context, struct MHD_Connection *connection, void **own,
                           enum MHD_RequestTerminationCode code);
void rbk_peer_notify(void *context, struct MHD_Connection *connection, void **own,
                     enum MHD_ConnectionNotificationCode code);
/* Cut connections whose time is up. */
void rbk_peers_look(struct rbk_server *server);
/* A copy in the request's arena, which ends in NUL. false: there is no room. */
RBK_MUST_USE bool rbk_request_keep(struct request *request, struct rbk_str text,
                                   struct rbk_str *ret_copy);
/* A parameter behind "?", or NULL. */
const char *rbk_request_query(const struct request *request, const char *name);
/* … as a number within bounds; `otherwise` when it is not there. false: it was answered. */
bool rbk_request_number(struct request *request, const char *name, int64_t least, int64_t most,
                        int64_t otherwise, int64_t *ret_number, enum MHD_Result *ret_answered);
/* … as true or false, which is what it is when it is not there. false: it was answered. */
bool rbk_request_flag(struct request *request, const char *name, bool *ret_flag,
                      enum MHD_Result *ret_answered);
/* The body as a JSON object, a new reference; NULL: it was answered with 400. @flags  Jansson's,
 * beside JSON_REJECT_DUPLICATES. */
json_t *rbk_request_json(struct request *request, size_t flags, enum MHD_Result *ret_answered);

/* ---- access.c ---- */
/* Whether the request may go on; else it was answered. */
bool rbk_access_check(struct request *request, enum access access, enum MHD_Result *ret_answered);
/* Write down which tokens were used, if nobody holds the store. */
void rbk_access_touch(struct rbk_server *server);
/* Whether the token of a request is still of use. */
bool rbk_access_stands(struct request *request);
/* The same for a request that may have shown none. */
bool rbk_access_still(struct request *request);
struct rbk_asker rbk_access_asker(const struct request *request);

/* ---- reply.c ---- */
enum MHD_Result rbk_reply_text(struct request *request, unsigned status, const char *type,
                               struct rbk_str text);
/* Takes `json`. */
enum MHD_Result rbk_reply_json(struct request *request, unsigned status, json_t *json);
/* RFC 9457. */
enum MHD_Result rbk_reply_problem(struct request *request, unsigned status, const char *format, ...)
    RBK_PRINTF(3, 4);
/* 503, with when to come again. */
enum MHD_Result rbk_reply_later(struct request *request, const char *why);
/* The status that an error of the store, of ask.h or of rbk_seen() stands for. While a handler is
 * called, what may be different soon is waited for instead, and the handler is called again. */
enum MHD_Result rbk_reply_error(struct request *request, const struct rbk_error *error);
/* Like rbk_reply_json(), with one more header. */
enum MHD_Result rbk_reply_with(struct request *request, unsigned status, json_t *json,
                               const char *header, const char *value);
/* Takes the response, gives it the headers that all have, and queues it. */
enum MHD_Result rbk_reply_response(struct request *request, unsigned status,
                                   struct MHD_Response *response);

/* ---- wait.c ---- */
/*
 * Suspend a request; its handler is called again when what it waits for may be there, and at the
 * latest `within_ms` after it first waited for that (RBK_SERVE_…_MS).
 * @return false, and nothing was done: its time is up, or it must not wait. It is to be answered.
 */
RBK_MUST_USE bool rbk_wait_for(struct request *request, enum waiting waiting, uint64_t within_ms);
/* What the tick does: replies, locks, and whose time is up. */
void rbk_wait_look(struct rbk_server *server);
/* Call those again who wait for one of these. */
void rbk_wait_wake(struct rbk_server *server, enum waiting waiting);
/* How many wait. */
size_t rbk_wait_count(const struct rbk_server *server);
/* Resume all of them, for the end. */
void rbk_wait_end(struct rbk_server *server);

/* ---- seen.c ---- */

/* A run as it was last seen. */
struct seen {
    struct seen *next;
    struct rbk_server *server;
    char run[RBK_RUN_ID_BYTES];
    bool opened; /* history, show, records and spool are set up */
    bool behind; /* its journal has, or may have, more: rbk_seen_work() goes on with it */
    bool whole;  /* it was up to date once */
    bool failed, incomplete;
    struct rbk_error error; /* why it could not be read */
    uint64_t failed_turn;   /* the server's then */
    uint64_t worked;        /* the server's when it was last worked at */
    struct rbk_history history;
    struct rbk_show show;
    uint64_t generation;    /* of the server when it was last followed */
    struct rbk_spool spool; /* older records than those in `records`, from 1 on */
    char **records;         /* owned: the last records as JSON text; the newest is history.seq */
    size_t record_count;    /* of at most RECORDS_MAX */
    size_t record_first;    /* ring: index of the oldest */
    size_t record_bytes;
    char *readings; /* owned: what its runner sees, as JSON text; NULL: nothing */
    char readings_hash[RBK_SHA256_HEX_BYTES];
    uint64_t readings_ms; /* the loop's, when they were read; 0: never */
};
/* A turn of the loop begins: so much may be replayed in it. */
void rbk_seen_turn(struct rbk_server *server);
/* The run, up to date; lives until the next call. NULL with reterr set: -RBK_ETIMEOUT when it is
 * still being read, and the same may be tried again after rbk_seen_work(). */
struct seen *rbk_seen(struct rbk_server *server, const char *run, struct rbk_error *reterr);
/* The run as it stands, perhaps a little behind; NULL: it has not been read yet. */
struct seen *rbk_seen_last(struct rbk_server *server, const char *run);
/* Go on with one run that is behind. @ret_left  There are others. @return Whether it is no more. */
bool rbk_seen_work(struct rbk_server *server, bool *ret_left);
/*
 * Records from_seq … as JSON texts, at most `count_max`.
 * @each  The text is borrowed; non-zero ends the walk, below 0 with that error.
 */
RBK_MUST_USE int rbk_seen_records(struct seen *seen, int64_t from_seq, int64_t count_max,
                                  int (*each)(void *context, int64_t seq, const char *text),
                                  void *context, struct rbk_error *reterr);
/* What the run's runner sees now, as JSON text with its hash; read again a few times a second.
 * NULL: there is no runner, or it has told nothing. Borrowed until the next call. */
const char *rbk_seen_readings(struct rbk_server *server, struct seen *seen);
void rbk_seen_close_all(struct rbk_server *server);

/* ---- handlers ---- */
handler_fn rbk_get_health, rbk_get_openapi, rbk_get_me, rbk_get_runs, rbk_get_run, rbk_get_plan,
    rbk_get_events, rbk_get_evidence, rbk_get_one_evidence, rbk_get_questions, rbk_get_request,
    rbk_get_stream, rbk_get_metrics, rbk_post_answer, rbk_post_command, rbk_post_alerts;

/* ---- stream.c ---- */
/* What the tick does. */
void rbk_streams_look(struct rbk_server *server);
/* Resume all that is suspended, for the end. */
void rbk_streams_end(struct rbk_server *server);
/* The request of a stream is about to be freed. */
void rbk_stream_request_over(struct stream *stream);

/* plan.c: the machine of a run as its page shows it; a new reference. */
json_t *rbk_plan_json(const struct rbk_history *history);

#endif
