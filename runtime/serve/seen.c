/*
 * Runs as they were last seen. To show a run its whole journal goes through step(); so what was
 * replayed is kept, and only new events are added. The last records are kept as the texts they are
 * sent as; older ones are made anew by a replay of their own, which nobody asks for often.
 *
 * What is kept is bounded in runs and in texts; the run that was not asked for longest goes.
 */
#include "runtime/serve/serve_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/people/json_lines.h"
#include "runtime/people/readings.h"

#define RECORDS_MAX 8192u
#define RECORD_BYTES_MAX ((size_t)4 << 20)
/* However many streams there are, the file of readings is read once in that time. */
#define READINGS_MS 150u

static char *record_text(const struct rbk_show *show, const struct rbk_shown_record *shown)
{
    json_t *object = rbk_json_record(show->view, shown);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(object);
    return text;
}

static void drop_oldest(struct seen *seen)
{
    char **oldest = &seen->records[seen->record_first];

    seen->record_bytes -= *oldest != NULL ? strlen(*oldest) : 0;
    free(*oldest);
    *oldest = NULL;
    seen->record_first = (seen->record_first + 1) % RECORDS_MAX;
    seen->record_count--;
}

/* A text that there was no memory for is kept as NULL: whoever wants it makes it anew. */
static void keep_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    struct seen *seen = show->own;
    char *text = record_text(show, shown);

    while (seen->record_count == RECORDS_MAX ||
           (seen->record_count != 0 && seen->record_bytes > RECORD_BYTES_MAX)) {
        drop_oldest(seen);
    }
    seen->records[(seen->record_first + seen->record_count++) % RECORDS_MAX] = text;
    seen->record_bytes += text != NULL ? strlen(text) : 0;
}

static const struct rbk_show_kind kind = {.name = "serve", .on_record = keep_record};

/* ---- one run ----------------------------------------------------------------------------------
 */

static void seen_free(struct seen *seen)
{
    rbk_history_fini(&seen->history);
    seen->show.own = NULL; /* it is this */
    rbk_show_fini(&seen->show);
    while (seen->record_count != 0) {
        drop_oldest(seen);
    }
    free(seen->readings);
    free(seen->records);
    free(seen);
}

static struct seen *seen_new(struct rbk_server *server, struct rbk_store *store, const char *run,
                             struct rbk_error *reterr)
{
    struct seen *seen = calloc(1, sizeof(*seen));

    if (seen == NULL || (seen->records = calloc(RECORDS_MAX, sizeof(*seen->records))) == NULL) {
        free(seen);
        (void)rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        return NULL;
    }
    rbk_show_init(&seen->show, &kind, -1);
    seen->show.own = seen;
    if (rbk_history_open(&seen->history, store, run, &seen->show, reterr) != 0) {
        seen_free(seen);
        return NULL;
    }
    seen->generation = server->generation;
    return seen;
}

/* Take a run out of the list. */
static struct seen *take_out(struct rbk_server *server, const char *run)
{
    for (struct seen **link = &server->seen; *link != NULL; link = &(*link)->next) {
        struct seen *seen = *link;

        if (strcmp(seen->history.id, run) == 0) {
            *link = seen->next;
            server->seen_count--;
            return seen;
        }
    }
    return NULL;
}

static void forget_oldest(struct rbk_server *server)
{
    struct seen **link = &server->seen;

    while (*link != NULL && (*link)->next != NULL) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        seen_free(*link);
        *link = NULL;
        server->seen_count--;
    }
}

struct seen *rbk_seen(struct rbk_server *server, const char *run, struct rbk_error *reterr)
{
    struct rbk_store *store = rbk_server_store(server);
    struct seen *seen;

    seen = take_out(server, run);
    if (seen != NULL && seen->generation != server->generation) {
        if (rbk_history_follow(&seen->history, reterr) != 0) {
            seen_free(seen);
            return NULL;
        }
        seen->generation = server->generation;
    }
    if (seen == NULL && (seen = seen_new(server, store, run, reterr)) == NULL) {
        return NULL;
    }
    seen->history.runner = rbk_store_lease_held(store, run);
    if (server->seen_count == RBK_SERVE_SEEN_MAX) {
        forget_oldest(server);
    }
    seen->next = server->seen;
    server->seen = seen;
    server->seen_count++;
    return seen;
}

void rbk_seen_close_all(struct rbk_server *server)
{
    while (server->seen != NULL) {
        struct seen *seen = server->seen;

        server->seen = seen->next;
        seen_free(seen);
    }
    server->seen_count = 0;
}

const char *rbk_seen_readings(struct rbk_server *server, struct seen *seen)
{
    uint64_t now_ms = rbk_server_clock_ms(server);
    json_t *readings;

    if (!seen->history.runner) {
        return NULL;
    }
    if (seen->readings_ms == 0 || now_ms - seen->readings_ms >= READINGS_MS) {
        seen->readings_ms = now_ms;
        free(seen->readings);
        readings = rbk_readings_load(seen->history.store, seen->history.id);
        seen->readings =
            readings != NULL ? json_dumps(readings, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
        json_decref(readings);
        if (seen->readings != NULL) {
            rbk_sha256_hex(seen->readings, strlen(seen->readings), seen->readings_hash);
        }
    }
    return seen->readings;
}

/* ---- records ----------------------------------------------------------------------------------
 */

/* A replay for the sake of old records. */
struct rereading {
    int64_t from_seq, count_max;
    int (*each)(void *context, int64_t seq, const char *text);
    void *context;
    int ended; /* what `each` ended it with */
};

static void reread_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    struct rereading *rereading = show->own;
    char *text;

    if (rereading->ended != 0 || rereading->count_max == 0 || shown->seq < rereading->from_seq) {
        return;
    }
    rereading->count_max--;
    text = record_text(show, shown);
    rereading->ended = text != NULL ? rereading->each(rereading->context, shown->seq, text) : 1;
    free(text);
}

static const struct rbk_show_kind rereading_kind = {.name = "reread", .on_record = reread_record};

static int reread(struct rbk_server *server, const char *run, struct rereading rereading,
                  struct rbk_error *reterr)
{
    struct rbk_store *store = rbk_server_store(server);
    struct rbk_history history;
    struct rbk_show show;
    int error;

    rbk_show_init(&show, &rereading_kind, -1);
    show.own = &rereading;
    error = rbk_history_open(&history, store, run, &show, reterr);
    rbk_history_fini(&history);
    show.own = NULL;
    rbk_show_fini(&show);
    return error;
}

bool rbk_seen_keeps(const struct seen *seen, int64_t seq)
{
    return seq > seen->history.seq - (int64_t)seen->record_count;
}

int rbk_seen_records(struct rbk_server *server, struct seen *seen, int64_t from_seq,
                     int64_t count_max, int (*each)(void *context, int64_t seq, const char *text),
                     void *context, struct rbk_error *reterr)
{
    int64_t kept_from = seen->history.seq - (int64_t)seen->record_count + 1;

    if (!rbk_seen_keeps(seen, from_seq)) {
        return reread(
            server, seen->history.id,
            (struct rereading){
                .from_seq = from_seq, .count_max = count_max, .each = each, .context = context},
            reterr);
    }
    for (int64_t seq = from_seq; seq <= seen->history.seq && count_max != 0; seq++, count_max--) {
        size_t at = (seen->record_first + (size_t)(seq - kept_from)) % RECORDS_MAX;

        if (seen->records[at] == NULL) {
            return reread(
                server, seen->history.id,
                (struct rereading){
                    .from_seq = seq, .count_max = count_max, .each = each, .context = context},
                reterr);
        }
        if (each(context, seq, seen->records[at]) != 0) {
            return 0;
        }
    }
    return 0;
}
