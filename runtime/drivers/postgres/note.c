/*
 * The timeline is taken from the position in the log, not from the last checkpoint, which may be
 * older than a promotion. A standby has none, and cannot commit anyway.
 */
#include "runtime/drivers/postgres/note.h"

#include "runtime/core/base/error.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MICROSECONDS(TIME) "(extract(epoch FROM " TIME ") * 1000000)::bigint"

/* The same members of every identity. */
#define BACKEND                                                                \
    "SELECT pg_catalog.json_build_object('pid', pg_catalog.pg_backend_pid(), " \
    "'started', (SELECT " MICROSECONDS(                                        \
        "backend_start") " FROM pg_catalog.pg_stat_activity "                  \
                         "WHERE pid = pg_catalog.pg_backend_pid()), "          \
                         "'reset', (SELECT " MICROSECONDS(                     \
                             "stats_reset") " FROM pg_catalog.pg_stat_bgwriter)"

const char rbk_postgres_identity_sql[] =
    BACKEND ", 'system', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), "
            "'timeline', CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE substr("
            "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END)::text";

const char rbk_postgres_identity_plain_sql[] = BACKEND ")::text";

static void copy_text(char *to, size_t room, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(to, room, "%s", text ? text : "");
}

static json_t *parse(struct rbk_str text)
{
    json_t *object = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static void read_identity(const json_t *object, struct rbk_postgres_identity *identity)
{
    *identity = (struct rbk_postgres_identity){
        .pid = (int)json_integer_value(json_object_get(object, "pid")),
        .started_us = json_integer_value(json_object_get(object, "started")),
        .reset_us = json_integer_value(json_object_get(object, "reset"))};
    copy_text(identity->system, sizeof(identity->system), object, "system");
    copy_text(identity->timeline, sizeof(identity->timeline), object, "timeline");
}

int rbk_postgres_identity_read(struct rbk_str json, struct rbk_postgres_identity *ret_identity)
{
    json_t *object = parse(json);
    if (!object) {
        return -RBK_EPROTOCOL;
    }
    read_identity(object, ret_identity);
    json_decref(object);
    return 0;
}

bool rbk_postgres_same_server(const struct rbk_postgres_identity *a,
                              const struct rbk_postgres_identity *b)
{
    /* A note that knows the server needs a server that can be known. */
    return (!*a->system || strcmp(a->system, b->system) == 0) &&
           (!*a->timeline || strcmp(a->timeline, b->timeline) == 0);
}

int rbk_postgres_note_write(const struct rbk_postgres_note *note, struct rbk_buffer *out)
{
    const struct rbk_postgres_identity *identity = &note->identity;
    json_t *object = json_pack("{s:i, s:I, s:I, s:s, s:s, s:s, s:s}", "pid", identity->pid,
                               "started", (json_int_t)identity->started_us, "reset",
                               (json_int_t)identity->reset_us, "system", identity->system,
                               "timeline", identity->timeline, "xid", note->xid, "lsn", note->lsn);
    if (object && note->value) {
        /* Not set when it is no valid UTF-8; then a recovery gives no value. */
        (void)json_object_set_new(object, "value", json_stringn(note->value, note->value_bytes));
    }
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(object);
    if (!text) {
        return -RBK_ENOMEM;
    }
    (void)rbk_buffer_append_text(out, text);
    free(text);
    return out->error;
}

int rbk_postgres_note_read(struct rbk_str json, struct rbk_postgres_note *ret_note)
{
    json_t *object = parse(json);
    if (!object) {
        return -RBK_EINVALID;
    }
    struct rbk_postgres_note note = {0};
    read_identity(object, &note.identity);
    copy_text(note.xid, sizeof(note.xid), object, "xid");
    copy_text(note.lsn, sizeof(note.lsn), object, "lsn");
    const json_t *value = json_object_get(object, "value");
    if (json_is_string(value)) {
        note.value_bytes = json_string_length(value);
        note.value = strndup(json_string_value(value), note.value_bytes);
    }
    bool complete = !json_is_string(value) || note.value;
    json_decref(object);
    if (!complete) {
        return -RBK_ENOMEM;
    }
    *ret_note = note;
    return 0;
}

void rbk_postgres_note_fini(struct rbk_postgres_note *note)
{
    free(note->value);
    note->value = NULL;
}
