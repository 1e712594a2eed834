/* Machines and runs. */
#include "runtime/store/sqlite_internal.h"

#include <string.h>

int rbk_store_put_machine(struct rbk_store *store, const char *hash, struct rbk_str text,
                          struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_PUT_MACHINE, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(hash));
    rbk_sqlite_bind(statement, 2, text);
    return rbk_sqlite_run(store, statement, "cannot keep the machine in", reterr);
}

int rbk_store_get_machine(struct rbk_store *store, const char *hash, struct rbk_arena *arena,
                          struct rbk_str *ret_text, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_MACHINE, reterr);
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(hash));
    if (rbk_sqlite_next(store, statement, "cannot read", &error, reterr)) {
        struct rbk_str text = rbk_sqlite_text(statement, 0), *const texts[] = {&text};

        error = rbk_sqlite_keep(store, statement, arena, texts, 1, reterr);
        if (error == 0) {
            *ret_text = text;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND, "the store has no machine %.12s", hash);
    }
    return error;
}

int rbk_store_create_run(struct rbk_store *store, const struct rbk_store_run *run,
                         struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    const struct rbk_str texts[] = {run->id,          run->machine, run->plan,      run->title,
                                    run->user,        run->host,    run->directory, run->params,
                                    run->unrehearsed, run->status};

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_CREATE_RUN, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    for (int i = 0; i < (int)(sizeof(texts) / sizeof(texts[0])); i++) {
        rbk_sqlite_bind(statement, i + 1, texts[i]);
    }
    sqlite3_bind_int64(statement, 11, run->started_ms);
    rbk_sqlite_bind(statement, 12, run->url);
    return rbk_sqlite_run(store, statement, "cannot keep the run in", reterr);
}

static void read_run(sqlite3_stmt *statement, struct rbk_store_run *run)
{
    *run = (struct rbk_store_run){
        .id = rbk_sqlite_text(statement, 0),
        .machine = rbk_sqlite_text(statement, 1),
        .plan = rbk_sqlite_text(statement, 2),
        .title = rbk_sqlite_text(statement, 3),
        .user = rbk_sqlite_text(statement, 4),
        .host = rbk_sqlite_text(statement, 5),
        .directory = rbk_sqlite_text(statement, 6),
        .params = rbk_sqlite_text(statement, 7),
        .unrehearsed = rbk_sqlite_text(statement, 8),
        .status = rbk_sqlite_text(statement, 9),
        .started_ms = sqlite3_column_int64(statement, 10),
        .ended_ms = sqlite3_column_int64(statement, 11),
        .events = sqlite3_column_int64(statement, 12),
        .url = rbk_sqlite_text(statement, 13),
    };
}

int rbk_store_get_run(struct rbk_store *store, const char *id, struct rbk_arena *arena,
                      struct rbk_store_run *ret_run, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_RUN, reterr);
    struct rbk_store_run run;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(id));
    if (rbk_sqlite_next(store, statement, "cannot read", &error, reterr)) {
        struct rbk_str *const texts[] = {
            &run.id,        &run.machine, &run.plan,        &run.title,  &run.user, &run.host,
            &run.directory, &run.params,  &run.unrehearsed, &run.status, &run.url};

        read_run(statement, &run);
        error = rbk_sqlite_keep(store, statement, arena, texts, sizeof(texts) / sizeof(texts[0]),
                                reterr);
        if (error == 0) {
            *ret_run = run;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND,
                              "the store has no run \"%s\"; `rbk runs` lists them", id);
    }
    return error;
}

int rbk_store_set_run_status(struct rbk_store *store, const char *id, const char *status,
                             int64_t ended_ms, int64_t events, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_SET_STATUS, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(id));
    rbk_sqlite_bind(statement, 2, rbk_str_from(status));
    sqlite3_bind_int64(statement, 3, ended_ms);
    sqlite3_bind_int64(statement, 4, events);
    return rbk_sqlite_run(store, statement, "cannot write to", reterr);
}

int rbk_store_each_run(struct rbk_store *store, bool unfinished_only,
                       int (*each)(void *context, const struct rbk_store_run *run), void *context,
                       struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_RUN, reterr);
    struct rbk_store_run run;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    sqlite3_bind_int(statement, 1, unfinished_only);
    while (rbk_sqlite_next(store, statement, "cannot read", &error, reterr)) {
        read_run(statement, &run);
        error = each(context, &run);
    }
    return error < 0 ? error : 0;
}

int rbk_store_last_rehearsal(struct rbk_store *store, const char *machine, int64_t *ret_at_ms,
                             struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_LAST_REHEARSAL, reterr);
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(machine));
    while (rbk_sqlite_next(store, statement, "cannot read", &error, reterr)) {
        *ret_at_ms = sqlite3_column_int64(statement, 0);
    }
    return error;
}
