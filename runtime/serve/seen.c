/*
 * Runs as they were last seen. To show a run its whole journal goes through step(); so what was
 * replayed is kept, and only new events are added. The last records are kept in memory as the texts
 * they are sent as, those before them in a spool.
 *
 * One loop answers everybody, so nobody's journal is read in one go. In a turn of the loop only so
 * many events are replayed, whoever asks; a run of which there is more is `behind`, and goes on in
 * later turns, one run in each, the one first that has waited longest:
 *
 *   rbk_seen ─▶ advance ──── up to date ─▶ the run
 *                  └─ behind ─▶ -RBK_ETIMEOUT: the request waits (wait.c)
 *   turn: rbk_seen_work ─▶ advance ─▶ up to date: those who wait are called again
 *
 * What is kept is bounded in runs and in texts; the run that was not asked for longest goes.
 */
#include "runtime/serve/serve_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/people/json_lines.h"
#include "runtime/people/readings.h"

#define RECORDS_MAX 2048u
#define RECORD_BYTES_MAX ((size_t)1 << 20)
/* What may be replayed in one turn, for all: events, and their bytes. A machine that is read counts
 * as so many events. */
#define TURN_EVENTS 256u
#define TURN_BYTES ((uint64_t)512 << 10)
#define OPEN_EVENTS 64u
/* In the spools of all runs. */
#define SPOOL_BYTES_MAX ((uint64_t)512 << 20)
/* For so many turns whoever has waited for a run that cannot be read is told so, whatever has been
 * written since; after that it is tried again. */
#define FAILED_TURNS 4u
/* However many streams there are, the file of readings is read once in that time. */
#define READINGS_MS 150u

void rbk_seen_turn(struct rbk_server *server)
{
    const char *text = getenv("RBK_TEST_TURN_EVENTS");

    server->turn++;
    server->events_left = text != NULL ? strtoull(text, NULL, 10) : TURN_EVENTS;
    server->bytes_left = TURN_BYTES;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static char *record_text(const struct rbk_show *show, const struct rbk_shown_record *shown)
{
    json_t *object = rbk_json_record(show->view, shown);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(object);
    return text;
}

static void lose_spool(struct seen *seen)
{
    seen->server->spool_bytes -= seen->spool.bytes;
    rbk_spool_lose(&seen->spool);
}

/* Make room in the spools: whose records are old and were not asked for longest goes first. */
static void make_spool_room(struct seen *seen)
{
    while (seen->server->spool_bytes > SPOOL_BYTES_MAX) {
        struct seen *victim = NULL;

        for (struct seen *each = seen->server->seen; each != NULL; each = each->next) {
            victim = each != seen && each->spool.bytes != 0 ? each : victim;
        }
        lose_spool(victim != NULL ? victim : seen);
        if (victim == NULL) {
            return;
        }
    }
}

/* The oldest record in memory goes into the spool. */
static void spool_oldest(struct seen *seen)
{
    char **oldest = &seen->records[seen->record_first];
    size_t bytes = strlen(*oldest);
    uint64_t before = seen->spool.bytes;

    rbk_spool_add(&seen->spool, *oldest, bytes);
    if (seen->spool.lost) {
        seen->server->spool_bytes -= before;
    } else {
        seen->server->spool_bytes += bytes;
        make_spool_room(seen);
    }
    seen->record_bytes -= bytes;
    free(*oldest);
    *oldest = NULL;
    seen->record_first = (seen->record_first + 1) % RECORDS_MAX;
    seen->record_count--;
}

static void keep_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    struct seen *seen = show->own;
    char *text = record_text(show, shown);

    if (text == NULL) {
        seen->incomplete = true; /* out of memory: it is read anew */
        return;
    }
    while (seen->record_count == RECORDS_MAX ||
           (seen->record_count != 0 && seen->record_bytes > RECORD_BYTES_MAX)) {
        spool_oldest(seen);
    }
    seen->records[(seen->record_first + seen->record_count++) % RECORDS_MAX] = text;
    seen->record_bytes += strlen(text);
}

static const struct rbk_show_kind kind = {.name = "serve", .on_record = keep_record};

/* ---- one run ----------------------------------------------------------------------------------
 */

/* As before it was opened. */
static void seen_close(struct seen *seen)
{
    if (!seen->opened) {
        return;
    }
    rbk_history_fini(&seen->history);
    seen->show.own = NULL; /* it is this */
    rbk_show_fini(&seen->show);
    for (; seen->record_count != 0; seen->record_count--) {
        free(seen->records[seen->record_first]);
        seen->record_first = (seen->record_first + 1) % RECORDS_MAX;
    }
    free(seen->records);
    free(seen->readings);
    seen->records = NULL;
    seen->readings = NULL;
    seen->readings_ms = 0;
    seen->record_bytes = 0;
    seen->server->spool_bytes -= seen->spool.bytes;
    rbk_spool_fini(&seen->spool);
    seen->opened = seen->whole = seen->incomplete = false;
}

static void seen_free(struct seen *seen)
{
    seen_close(seen);
    free(seen);
}

static int seen_open(struct seen *seen, struct rbk_error *reterr)
{
    seen->records = calloc(RECORDS_MAX, sizeof(*seen->records));
    if (seen->records == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_show_init(&seen->show, &kind, -1);
    rbk_spool_init(&seen->spool);
    seen->show.own = seen;
    seen->opened = true;
    return rbk_history_prepare(&seen->history, seen->server->store, seen->run, &seen->show, reterr);
}

/* Take in what this turn still has room for. What cannot be read is closed, and says why. */
static void advance(struct seen *seen)
{
    struct rbk_server *server = seen->server;
    uint64_t generation = server->generation;
    bool more = true;
    int error = 0;

    seen->worked = ++server->worked;
    if (!seen->opened && server->events_left != 0) {
        server->events_left -=
            server->events_left < OPEN_EVENTS ? server->events_left : OPEN_EVENTS;
        error = seen_open(seen, &seen->error);
    }
    if (error == 0 && seen->opened && server->events_left != 0 && server->bytes_left != 0) {
        error = rbk_history_follow_some(&seen->history, &server->events_left, &server->bytes_left,
                                        &more, &seen->error);
        if (error == 0 && seen->incomplete) {
            error = rbk_error_set(&seen->error, RBK_ENOMEM, "out of memory");
        }
    }
    if (error != 0) {
        seen_close(seen);
        seen->failed = true;
        seen->failed_turn = server->turn;
    } else if (!more) {
        seen->generation = generation;
        seen->whole = true;
    }
    seen->behind = error == 0 && more;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static struct seen *find(struct rbk_server *server, const char *run)
{
    struct seen *seen = server->seen;

    while (seen != NULL && strcmp(seen->run, run) != 0) {
        seen = seen->next;
    }
    return seen;
}

static void take_out(struct rbk_server *server, struct seen *seen)
{
    struct seen **link = &server->seen;

    while (*link != seen) {
        link = &(*link)->next;
    }
    *link = seen->next;
    server->seen_count--;
}

static void put_first(struct rbk_server *server, struct seen *seen)
{
    seen->next = server->seen;
    server->seen = seen;
    server->seen_count++;
}

/* Room for one more: who is being read keeps his place, or nobody would ever be through. */
static bool make_room(struct rbk_server *server)
{
    struct seen *last = NULL;

    if (server->seen_count < RBK_SERVE_SEEN_MAX) {
        return true;
    }
    for (struct seen *seen = server->seen; seen != NULL; seen = seen->next) {
        last = seen->behind ? last : seen;
    }
    if (last != NULL) {
        take_out(server, last);
        seen_free(last);
    }
    return last != NULL;
}

static struct seen *seen_new(struct rbk_server *server, const char *run, struct rbk_error *reterr)
{
    struct rbk_store_run row;
    struct rbk_arena arena;
    struct seen *seen;
    int error;

    /* Whoever asks for runs that are not there drives none out that is. */
    rbk_arena_init(&arena, (size_t)64 << 20);
    error = rbk_store_get_run(server->store, run, &arena, &row, reterr);
    rbk_arena_fini(&arena);
    if (error != 0) {
        return NULL;
    }
    if (!make_room(server)) {
        (void)rbk_error_set(reterr, RBK_ETIMEOUT, "%d other runs are being read; try again",
                            RBK_SERVE_SEEN_MAX);
        return NULL;
    }
    if ((seen = calloc(1, sizeof(*seen))) == NULL) {
        (void)rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        return NULL;
    }
    seen->server = server;
    (void)snprintf(seen->run, sizeof(seen->run), "%s", run);
    put_first(server, seen);
    return seen;
}

/* Those who have waited for it are told what was found. */
static bool still_failed(struct seen *seen)
{
    if (seen->failed && seen->server->turn - seen->failed_turn > FAILED_TURNS) {
        seen->failed = false;
    }
    return seen->failed;
}

struct seen *rbk_seen(struct rbk_server *server, const char *run, struct rbk_error *reterr)
{
    struct rbk_store *store = rbk_server_store(server);
    struct seen *seen = find(server, run);

    if (seen == NULL && (seen = seen_new(server, run, reterr)) == NULL) {
        return NULL;
    }
    take_out(server, seen);
    put_first(server, seen);
    if (still_failed(seen)) {
        *reterr = seen->error;
        return NULL;
    }
    if (!seen->behind && (!seen->whole || seen->generation != server->generation)) {
        advance(seen);
    }
    if (seen->failed) {
        *reterr = seen->error;
        seen->failed = false; /* nobody has waited for this */
        return NULL;
    }
    if (seen->behind) {
        rbk_server_work(server);
        (void)rbk_error_set(reterr, RBK_ETIMEOUT, "run %s is still being read; try again", run);
        return NULL;
    }
    seen->history.runner = rbk_runner_look(store, run);
    return seen;
}

struct seen *rbk_seen_last(struct rbk_server *server, const char *run)
{
    struct seen *seen = find(server, run);

    return seen != NULL && seen->whole ? seen : NULL;
}

bool rbk_seen_work(struct rbk_server *server, bool *ret_left)
{
    struct seen *next = NULL;
    size_t count = 0;

    for (struct seen *seen = server->seen; seen != NULL; seen = seen->next) {
        if (seen->behind) {
            next = next == NULL || seen->worked < next->worked ? seen : next;
            count++;
        }
    }
    *ret_left = count != 0;
    if (next == NULL) {
        return false;
    }
    advance(next);
    *ret_left = next->behind || count > 1;
    return !next->behind;
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

    if (!rbk_runner_lives(&seen->history.runner)) {
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

/* ---- what was ---------------------------------------------------------------------------------
 */

int rbk_seen_records(struct seen *seen, int64_t from_seq, int64_t count_max,
                     int (*each)(void *context, int64_t seq, const char *text), void *context,
                     struct rbk_error *reterr)
{
    int64_t kept_from = seen->history.seq - (int64_t)seen->record_count + 1;
    struct rbk_buffer text;
    int error = 0;

    rbk_buffer_init(&text, (size_t)64 << 20);
    for (int64_t seq = from_seq; seq <= seen->history.seq && count_max != 0 && error == 0;
         seq++, count_max--) {
        if (seq >= kept_from) {
            size_t at = (seen->record_first + (size_t)(seq - kept_from)) % RECORDS_MAX;

            error = each(context, seq, seen->records[at]);
            continue;
        }
        rbk_buffer_clear(&text);
        error = rbk_spool_read(&seen->spool, (size_t)(seq - 1), &text, reterr);
        error = error == 0 ? each(context, seq, text.data) : error;
    }
    rbk_buffer_fini(&text);
    return error < 0 ? error : 0;
}
