/* Tokens: who may speak to `rbk serve`, and as whom. */
#include "runtime/store/sqlite_internal.h"

static struct rbk_store_token read_token(sqlite3_stmt *statement)
{
    return (struct rbk_store_token){
        .id = rbk_sqlite_text(statement, 0),
        .sha256 = rbk_sqlite_text(statement, 1),
        .person = rbk_sqlite_text(statement, 2),
        .roles = rbk_sqlite_text(statement, 3),
        .scope = rbk_sqlite_text(statement, 4),
        .created_by = rbk_sqlite_text(statement, 5),
        .created_ms = sqlite3_column_int64(statement, 6),
        .expires_ms = sqlite3_column_int64(statement, 7),
        .revoked_ms = sqlite3_column_int64(statement, 8),
        .used_ms = sqlite3_column_int64(statement, 9),
    };
}

int rbk_store_put_token(struct rbk_store *store, const struct rbk_store_token *token,
                        struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_writer(store, RBK_SQLITE_PUT_TOKEN, reterr);
    const struct rbk_str texts[] = {token->id,    token->sha256, token->person,
                                    token->roles, token->scope,  token->created_by};
    int error;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    for (int i = 0; i < (int)(sizeof(texts) / sizeof(texts[0])); i++) {
        rbk_sqlite_bind(statement, i + 1, texts[i]);
    }
    sqlite3_bind_int64(statement, 7, token->created_ms);
    sqlite3_bind_int64(statement, 8, token->expires_ms);
    error = rbk_sqlite_run(store, statement, "cannot keep a token in", reterr);
    if (error == 0 && sqlite3_changes(store->database) == 0) {
        error = rbk_error_set(reterr, RBK_EEXISTS, "there is a token %.*s already",
                              RBK_STR_ARG(token->id));
    }
    return error;
}

int rbk_store_get_token(struct rbk_store *store, struct rbk_str id, struct rbk_arena *arena,
                        struct rbk_store_token *ret_token, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_TOKEN, reterr);
    struct rbk_store_token token;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, id);
    if (rbk_sqlite_next(store, statement, "cannot read the tokens in", &error, reterr)) {
        struct rbk_str *const texts[] = {&token.id,    &token.sha256, &token.person,
                                         &token.roles, &token.scope,  &token.created_by};

        token = read_token(statement);
        error = rbk_sqlite_keep(store, statement, arena, texts, 6, reterr);
        if (error == 0) {
            *ret_token = token;
        }
    } else if (error == 0) {
        error = rbk_error_set(reterr, RBK_ENOTFOUND, "there is no token %.*s", RBK_STR_ARG(id));
    }
    return error;
}

int rbk_store_each_token(struct rbk_store *store,
                         int (*each)(void *context, const struct rbk_store_token *token),
                         void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_TOKEN, reterr);
    struct rbk_store_token token;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    while (rbk_sqlite_next(store, statement, "cannot read the tokens in", &error, reterr)) {
        token = read_token(statement);
        error = each(context, &token);
    }
    return error < 0 ? error : 0;
}

/* Run an UPDATE of one token's time; whether it changed a row. */
static int set_time(struct rbk_store *store, enum rbk_sqlite_statement which, struct rbk_str id,
                    int64_t at_ms, bool *ret_changed, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_writer(store, which, reterr);
    int error;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, id);
    sqlite3_bind_int64(statement, 2, at_ms);
    error = rbk_sqlite_run(store, statement, "cannot write to the tokens in", reterr);
    *ret_changed = error == 0 && sqlite3_changes(store->database) != 0;
    return error;
}

int rbk_store_revoke_token(struct rbk_store *store, struct rbk_str id, int64_t at_ms,
                           struct rbk_error *reterr)
{
    struct rbk_store_token token;
    struct rbk_arena arena;
    bool changed = false;
    int error;

    rbk_arena_init(&arena, (size_t)1 << 20);
    error = rbk_store_get_token(store, id, &arena, &token, reterr);
    if (error == 0) {
        error = set_time(store, RBK_SQLITE_REVOKE_TOKEN, id, at_ms, &changed, reterr);
    }
    if (error == 0 && !changed) {
        error = rbk_error_set(reterr, RBK_ESTATE, "token %.*s has been revoked before",
                              RBK_STR_ARG(id));
    }
    rbk_arena_fini(&arena);
    return error;
}

int rbk_store_touch_token(struct rbk_store *store, struct rbk_str id, int64_t at_ms,
                          struct rbk_error *reterr)
{
    bool changed;

    return set_time(store, RBK_SQLITE_TOUCH_TOKEN, id, at_ms, &changed, reterr);
}
