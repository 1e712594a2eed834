/* What goes in and out between people and runners: inbox, outbox, evidence. */
#include "runtime/store/sqlite_internal.h"

#include <fcntl.h>
#include <unistd.h>

/* A runner watches this file and looks into its inbox when it is written to. Losing a ring only
 * delays a request until the runner's next regular look. */
void rbk_store_ring(struct rbk_store *store, const char *run)
{
    struct rbk_buffer path;
    int descriptor;

    rbk_buffer_init(&path, 4096);
    rbk_store_run_directory(store, run, &path);
    rbk_buffer_printf(&path, "/bell");
    descriptor = open(path.data, O_WRONLY | O_CLOEXEC | O_APPEND | O_CREAT, 0600);
    if (descriptor >= 0) {
        ssize_t written = write(descriptor, "!", 1);

        (void)written;
        close(descriptor);
    }
    rbk_buffer_fini(&path);
}

int rbk_store_put_request(struct rbk_store *store, const char *run,
                          const struct rbk_store_request *request, int64_t *ret_id,
                          struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    int error;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_ASK, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, request->at_ms);
    rbk_sqlite_bind(statement, 3, request->who);
    rbk_sqlite_bind(statement, 4, request->kind);
    rbk_sqlite_bind(statement, 5, request->body);
    error = rbk_sqlite_run(store, statement, "cannot write to the inbox in", reterr);
    if (error == 0) {
        *ret_id = sqlite3_last_insert_rowid(store->database);
    }
    return error;
}

int rbk_store_ask(struct rbk_store *store, const char *run, const struct rbk_store_request *request,
                  int64_t *ret_id, struct rbk_error *reterr)
{
    int error;

    if ((error = rbk_store_begin(store, reterr)) != 0) {
        return error;
    }
    if ((error = rbk_store_put_request(store, run, request, ret_id, reterr)) != 0) {
        rbk_store_rollback(store);
        return error;
    }
    if ((error = rbk_store_commit(store, reterr)) != 0) {
        return error;
    }
    rbk_store_ring(store, run);
    return 0;
}

static struct rbk_store_request read_request(sqlite3_stmt *statement)
{
    return (struct rbk_store_request){
        .id = sqlite3_column_int64(statement, 0),
        .at_ms = sqlite3_column_int64(statement, 1),
        .who = rbk_sqlite_text(statement, 2),
        .kind = rbk_sqlite_text(statement, 3),
        .body = rbk_sqlite_text(statement, 4),
        .reply = rbk_sqlite_text(statement, 5),
    };
}

int rbk_store_get_request(struct rbk_store *store, const char *run, int64_t id,
                          struct rbk_arena *arena, struct rbk_store_request *ret_request,
                          struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_REQUEST, reterr);
    struct rbk_store_request request;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, id);
    if (rbk_sqlite_next(store, statement, "cannot read the inbox in", &error, reterr)) {
        struct rbk_str *const texts[] = {&request.who, &request.kind, &request.body,
                                         &request.reply};

        request = read_request(statement);
        error = rbk_sqlite_keep(store, statement, arena, texts, 4, reterr);
        if (error == 0) {
            *ret_request = request;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND, "no such request");
    }
    return error;
}

static int each_request(struct rbk_store *store, enum rbk_sqlite_statement which, const char *run,
                        int (*each)(void *context, const struct rbk_store_request *request),
                        void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, which, reterr);
    struct rbk_store_request request;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    while (rbk_sqlite_next(store, statement, "cannot read the inbox in", &error, reterr)) {
        request = read_request(statement);
        error = each(context, &request);
    }
    return error < 0 ? error : 0;
}

int rbk_store_each_request(struct rbk_store *store, const char *run,
                           int (*each)(void *context, const struct rbk_store_request *request),
                           void *context, struct rbk_error *reterr)
{
    return each_request(store, RBK_SQLITE_EACH_REQUEST, run, each, context, reterr);
}

int rbk_store_each_asked(struct rbk_store *store, const char *run,
                         int (*each)(void *context, const struct rbk_store_request *request),
                         void *context, struct rbk_error *reterr)
{
    return each_request(store, RBK_SQLITE_EACH_ASKED, run, each, context, reterr);
}

int rbk_store_reply(struct rbk_store *store, int64_t id, const char *reply,
                    struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_REPLY, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    sqlite3_bind_int64(statement, 1, id);
    rbk_sqlite_bind(statement, 2, rbk_str_from(reply));
    return rbk_sqlite_run(store, statement, "cannot answer a request in", reterr);
}

int rbk_store_get_reply(struct rbk_store *store, int64_t id, struct rbk_arena *arena,
                        struct rbk_str *ret_reply, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_REPLY, reterr);
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    sqlite3_bind_int64(statement, 1, id);
    if (rbk_sqlite_next(store, statement, "cannot read the inbox in", &error, reterr)) {
        struct rbk_str reply = rbk_sqlite_text(statement, 0), *const texts[] = {&reply};

        error = rbk_sqlite_keep(store, statement, arena, texts, 1, reterr);
        if (error == 0) {
            *ret_reply = reply;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND, "no such request");
    }
    return error;
}

int rbk_store_put_message(struct rbk_store *store, const char *run,
                          const struct rbk_store_message *message, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_PUT_MESSAGE, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, message->at_ms);
    sqlite3_bind_int64(statement, 3, message->channel);
    rbk_sqlite_bind(statement, 4, message->key);
    rbk_sqlite_bind(statement, 5, message->text);
    rbk_sqlite_bind(statement, 6, message->stage);
    rbk_sqlite_bind(statement, 7, message->about);
    return rbk_sqlite_run(store, statement, "cannot write to the outbox in", reterr);
}

static int each_row(struct rbk_store *store, sqlite3_stmt *statement,
                    int (*each)(void *context, const struct rbk_store_message *message),
                    void *context, struct rbk_error *reterr)
{
    struct rbk_store_message message;
    int error = 0;

    while (rbk_sqlite_next(store, statement, "cannot read the outbox in", &error, reterr)) {
        message.id = sqlite3_column_int64(statement, 0);
        message.at_ms = sqlite3_column_int64(statement, 1);
        message.channel = (uint32_t)sqlite3_column_int64(statement, 2);
        message.key = rbk_sqlite_text(statement, 3);
        message.text = rbk_sqlite_text(statement, 4);
        message.stage = rbk_sqlite_text(statement, 5);
        message.about = rbk_sqlite_text(statement, 6);
        message.attempts = sqlite3_column_int64(statement, 7);
        message.sent_ms = sqlite3_column_int64(statement, 8);
        message.next_ms = sqlite3_column_int64(statement, 9);
        message.reason = rbk_sqlite_text(statement, 10);
        message.aside_ms = sqlite3_column_int64(statement, 11);
        error = each(context, &message);
    }
    return error < 0 ? error : 0;
}

int rbk_store_each_message(struct rbk_store *store, const char *run,
                           int (*each)(void *context, const struct rbk_store_message *message),
                           void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_MESSAGE, reterr);

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    return each_row(store, statement, each, context, reterr);
}

int rbk_store_unsent(struct rbk_store *store, const char *run, uint32_t channel, int64_t after_id,
                     uint32_t count_max,
                     int (*each)(void *context, const struct rbk_store_message *message),
                     void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_UNSENT, reterr);

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, channel);
    sqlite3_bind_int64(statement, 3, after_id);
    sqlite3_bind_int64(statement, 4, count_max);
    return each_row(store, statement, each, context, reterr);
}

int rbk_store_message_done(struct rbk_store *store, int64_t id, int64_t next_ms, const char *reason,
                           const char *kept, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_MESSAGE_DONE, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, next_ms == 0 ? rbk_sqlite_now_ms() : 0);
    sqlite3_bind_int64(statement, 3, next_ms);
    rbk_sqlite_bind(statement, 4, rbk_str_from(reason));
    rbk_sqlite_bind(statement, 5, rbk_str_from(kept));
    return rbk_sqlite_run(store, statement, "cannot write to the outbox in", reterr);
}

int rbk_store_set_aside(struct rbk_store *store, int64_t id, const char *reason, const char *kept,
                        struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_SET_ASIDE, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, rbk_sqlite_now_ms());
    rbk_sqlite_bind(statement, 3, rbk_str_from(reason));
    rbk_sqlite_bind(statement, 4, rbk_str_from(kept));
    return rbk_sqlite_run(store, statement, "cannot write to the outbox in", reterr);
}

int rbk_store_resend(struct rbk_store *store, const char *run, int64_t id, int64_t *ret_count,
                     struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    int error;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_RESEND, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, id);
    error = rbk_sqlite_run(store, statement, "cannot write to the outbox in", reterr);
    if (error == 0) {
        *ret_count = sqlite3_changes(store->database);
    }
    return error;
}

int rbk_store_count_unsent(struct rbk_store *store, const char *run, int64_t *ret_count,
                           int64_t *ret_aside, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_COUNT_UNSENT, reterr);
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    while (rbk_sqlite_next(store, statement, "cannot read the outbox in", &error, reterr)) {
        *ret_aside = sqlite3_column_int64(statement, 1);
        *ret_count = sqlite3_column_int64(statement, 0) - *ret_aside;
    }
    return error;
}

int rbk_store_get_kept(struct rbk_store *store, const char *run, uint32_t channel,
                       struct rbk_arena *arena, struct rbk_str *ret_kept, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_KEPT, reterr);
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, channel);
    *ret_kept = (struct rbk_str){NULL, 0};
    if (rbk_sqlite_next(store, statement, "cannot read the outbox in", &error, reterr)) {
        struct rbk_str kept = rbk_sqlite_text(statement, 0), *const texts[] = {&kept};

        error = rbk_sqlite_keep(store, statement, arena, texts, 1, reterr);
        if (error == 0) {
            *ret_kept = kept;
        }
    }
    return error;
}

int rbk_store_put_evidence(struct rbk_store *store, const char *run,
                           const struct rbk_store_evidence *evidence, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_PUT_EVIDENCE, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, evidence->seq);
    sqlite3_bind_int64(statement, 3, evidence->at_ms);
    rbk_sqlite_bind(statement, 4, evidence->label);
    rbk_sqlite_bind(statement, 5, evidence->sha256);
    rbk_sqlite_bind(statement, 6, evidence->content);
    return rbk_sqlite_run(store, statement, "cannot keep evidence in", reterr);
}

static struct rbk_store_evidence read_evidence(sqlite3_stmt *statement)
{
    return (struct rbk_store_evidence){
        .seq = sqlite3_column_int64(statement, 0),
        .at_ms = sqlite3_column_int64(statement, 1),
        .label = rbk_sqlite_text(statement, 2),
        .sha256 = rbk_sqlite_text(statement, 3),
        .content = rbk_sqlite_text(statement, 4),
        .id = sqlite3_column_int64(statement, 5),
    };
}

int rbk_store_get_evidence(struct rbk_store *store, const char *run, int64_t id,
                           struct rbk_arena *arena, struct rbk_store_evidence *ret_evidence,
                           struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_EVIDENCE, reterr);
    struct rbk_store_evidence evidence;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, id);
    if (rbk_sqlite_next(store, statement, "cannot read the evidence in", &error, reterr)) {
        struct rbk_str *const texts[] = {&evidence.label, &evidence.sha256, &evidence.content};

        evidence = read_evidence(statement);
        error = rbk_sqlite_keep(store, statement, arena, texts, 3, reterr);
        if (error == 0) {
            *ret_evidence = evidence;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND, "the run has no such evidence");
    }
    return error;
}

int rbk_store_each_evidence(struct rbk_store *store, const char *run,
                            int (*each)(void *context, const struct rbk_store_evidence *evidence),
                            void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_EVIDENCE, reterr);
    struct rbk_store_evidence evidence;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    while (rbk_sqlite_next(store, statement, "cannot read the evidence in", &error, reterr)) {
        evidence = read_evidence(statement);
        error = each(context, &evidence);
    }
    return error < 0 ? error : 0;
}

/* How large a piece is, of which not more than the page that begins it is read. 0: it is gone. */
static size_t content_bytes(sqlite3_blob **blob, struct rbk_store *store, int64_t id)
{
    int code = *blob == NULL
                   ? sqlite3_blob_open(store->database, "main", "evidence", "content", id, 0, blob)
                   : sqlite3_blob_reopen(*blob, id);

    return code == SQLITE_OK ? (size_t)sqlite3_blob_bytes(*blob) : 0;
}

int rbk_store_each_evidence_head(struct rbk_store *store, const char *run,
                                 int (*each)(void *context,
                                             const struct rbk_store_evidence *evidence),
                                 void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_EVIDENCE_HEAD, reterr);
    sqlite3_blob *blob = NULL;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    while (rbk_sqlite_next(store, statement, "cannot read the evidence in", &error, reterr)) {
        const struct rbk_store_evidence evidence = {
            .seq = sqlite3_column_int64(statement, 0),
            .at_ms = sqlite3_column_int64(statement, 1),
            .label = rbk_sqlite_text(statement, 2),
            .sha256 = rbk_sqlite_text(statement, 3),
            .content = {NULL, content_bytes(&blob, store, sqlite3_column_int64(statement, 4))},
            .id = sqlite3_column_int64(statement, 4),
        };

        error = each(context, &evidence);
    }
    (void)sqlite3_blob_close(blob);
    return error < 0 ? error : 0;
}
