/*
 * Who asks. A request shows its token in Authorization: Bearer, and nowhere else: there are no
 * cookies, so a page of another site has nothing that a browser would add by itself.
 *
 * Attempts that fail are counted by address; beyond a limit they are answered with 429. A token
 * that is good is never refused for what others at the same address tried: behind a proxy they all
 * have one, and with 256 random bits the limit protects the log, not the tokens.
 */
#include "runtime/serve/serve_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* How exactly the last use of a token is kept. */
#define USED_EVERY_MS 60000
/* Of a token; more were not written by us. */
#define ROLES_MAX 1024u

/* ---- failures ---------------------------------------------------------------------------------
 */

/* The entry of an address: its own, a free one, or the oldest. */
static struct failures *failures_of(struct rbk_server *server, const char *address)
{
    struct failures *oldest = &server->failures[0];

    for (size_t i = 0; i < FAILURES_ADDRESSES; i++) {
        struct failures *entry = &server->failures[i];

        if (strcmp(entry->address, address) == 0) {
            return entry;
        }
        if (entry->since_ms < oldest->since_ms) {
            oldest = entry;
        }
    }
    memset(oldest, 0, sizeof(*oldest));
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    return oldest;
}

static enum MHD_Result refuse(struct request *request, const char *why)
{
    struct rbk_server *server = request->server;
    struct failures *failures = failures_of(server, request->peer->address);
    uint64_t now_ms = rbk_server_clock_ms(server);

    server->refused_tokens++;
    if (failures->count == 0 || now_ms - failures->since_ms >= FAILURES_WINDOW_MS) {
        failures->since_ms = now_ms;
        failures->count = 0;
    }
    if (failures->count++ >= FAILURES_MAX) {
        return rbk_reply_with(
            request, MHD_HTTP_TOO_MANY_REQUESTS,
            json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", "Too Many Requests",
                      "status", MHD_HTTP_TOO_MANY_REQUESTS, "detail",
                      "too many requests without a good token came from this address"),
            "Retry-After", "60");
    }
    return rbk_reply_problem(request, MHD_HTTP_UNAUTHORIZED, "%s", why);
}

/* ---- tokens -----------------------------------------------------------------------------------
 */

/* "Bearer TOKEN"; empty: none was shown. */
static struct rbk_str shown(const struct request *request)
{
    const char *header =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization");

    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0) {
        return RBK_STR("");
    }
    header += 7;
    header += strspn(header, " ");
    return rbk_str_from(header);
}

static enum rbk_token_scope scope_of(struct rbk_str word)
{
    for (unsigned i = 0; i < RBK_TOKEN_SCOPE_COUNT; i++) {
        if (rbk_str_is(word, rbk_token_scope_name((enum rbk_token_scope)i))) {
            return (enum rbk_token_scope)i;
        }
    }
    return RBK_TOKEN_SCOPE_COUNT; /* of a later version: it may do nothing */
}

/* false: there is no room for them. */
static bool take_roles(struct request *request, struct rbk_str text)
{
    struct identity *identity = &request->identity;
    bool taken = true;
    json_t *roles = json_loadb(text.data, text.bytes, 0, NULL), *role;
    size_t index;

    identity->roles = NULL;
    identity->role_count = 0;
    if (!json_is_array(roles) || json_array_size(roles) > ROLES_MAX) {
        /* Not written by us: it speaks for no role at all, rather than for every one. */
        identity->roles =
            rbk_arena_try_alloc(&request->arena, sizeof(struct rbk_str), alignof(struct rbk_str));
        taken = identity->roles != NULL;
    } else if (json_array_size(roles) != 0) {
        identity->roles =
            rbk_arena_try_alloc(&request->arena, json_array_size(roles) * sizeof(struct rbk_str),
                                alignof(struct rbk_str));
        taken = identity->roles != NULL;
        json_array_foreach(roles, index, role)
        {
            if (taken && json_is_string(role)) {
                struct rbk_str *name = &identity->roles[identity->role_count++];

                taken = rbk_request_keep(request, rbk_str_from(json_string_value(role)), name);
            }
        }
    }
    json_decref(roles);
    return taken;
}

void rbk_access_touch(struct rbk_server *server)
{
    struct rbk_store *store = server->store;
    int error;

    if (server->touched_count == 0 || rbk_store_begin(store, NULL) != 0) {
        return; /* the tick tries again */
    }
    error = 0;
    for (size_t i = 0; i < server->touched_count && error == 0; i++) {
        error = rbk_store_touch_token(store, rbk_str_from(server->touched[i].id),
                                      server->touched[i].at_ms, NULL);
    }
    if (error == 0) {
        error = rbk_store_commit(store, NULL);
    } else {
        rbk_store_rollback(store);
    }
    if (error != 0) {
        rbk_server_store_failed(server);
    }
    server->touched_count = 0;
}

/* Keep about when it was used; the request does not depend on it. */
static void touch(struct rbk_server *server, const struct rbk_store_token *token)
{
    int64_t now_ms = rbk_server_now_ms();
    size_t i = 0;

    if (now_ms - token->used_ms < USED_EVERY_MS) {
        return;
    }
    while (i < server->touched_count && !rbk_str_is(token->id, server->touched[i].id)) {
        i++;
    }
    if (i == TOUCHED_MAX || token->id.bytes >= sizeof(server->touched[i].id)) {
        return;
    }
    memcpy(server->touched[i].id, token->id.data, token->id.bytes);
    server->touched[i].id[token->id.bytes] = '\0';
    server->touched[i].at_ms = now_ms;
    if (i == server->touched_count) {
        server->touched_count++;
        rbk_access_touch(server);
    }
}

/* Find out who asks. 0; a positive number: nobody that is known, with what is wrong; or an error of
 * the store. */
static int identify(struct request *request, struct rbk_str text, const char **ret_why,
                    struct rbk_error *reterr)
{
    struct rbk_store *store = rbk_server_store(request->server);
    struct rbk_store_token token;
    struct rbk_str id;
    int error;

    *ret_why = "this token is not known here; rbk token list lists those that are";
    if (!rbk_token_read(text, &id)) {
        return 1;
    }
    error = rbk_store_get_token(store, id, &request->arena, &token, reterr);
    if (error == -RBK_ENOTFOUND) {
        return 1;
    }
    if (error != 0) {
        return error;
    }
    if (!rbk_token_matches(&token, text)) {
        return 1;
    }
    if (rbk_token_useless(&token, rbk_server_now_ms()) != NULL) {
        *ret_why = "this token has expired or was revoked; rbk token create makes another one";
        return 1;
    }
    request->identity.token = token.id;
    request->identity.person = token.person;
    request->identity.scope = scope_of(token.scope);
    if (!take_roles(request, token.roles)) {
        return rbk_error_set(reterr, RBK_ELIMIT, "there is no room for the roles of this token");
    }
    touch(request->server, &token);
    return 0;
}

static bool may(enum rbk_token_scope scope, enum access access)
{
    switch (access) {
    case ACCESS_ANYBODY:
        return true;
    case ACCESS_LOCAL:
    case ACCESS_READ:
        return scope == RBK_TOKEN_ALL || scope == RBK_TOKEN_READ;
    case ACCESS_ASK:
        return scope == RBK_TOKEN_ALL;
    case ACCESS_ALERTS:
        return scope == RBK_TOKEN_ALL || scope == RBK_TOKEN_ALERTS;
    }
    return false;
}

bool rbk_access_check(struct request *request, enum access access, enum MHD_Result *ret_answered)
{
    struct rbk_server *server = request->server;
    struct rbk_str text = shown(request);
    struct rbk_error error = {0};
    const char *why = NULL;
    int known;

    if (access == ACCESS_ANYBODY ||
        (access == ACCESS_LOCAL && server->loopback && !server->options.behind_proxy)) {
        return true;
    }
    if (text.bytes == 0) {
        *ret_answered = refuse(request, "show a token: Authorization: Bearer rbk_…; rbk token "
                                        "create makes one");
        return false;
    }
    known = identify(request, text, &why, &error);
    if (known < 0) {
        *ret_answered = rbk_reply_error(request, &error);
        return false;
    }
    if (known > 0) {
        *ret_answered = refuse(request, why);
        return false;
    }
    if (!may(request->identity.scope, access)) {
        *ret_answered = rbk_reply_problem(request, MHD_HTTP_FORBIDDEN,
                                          "this token is for \"%s\" only: it may not do this",
                                          rbk_token_scope_name(request->identity.scope));
        return false;
    }
    return true;
}

bool rbk_access_stands(struct request *request)
{
    struct rbk_store *store = rbk_server_store(request->server);
    struct rbk_store_token token;
    struct rbk_arena arena;
    bool stands;
    int error;

    rbk_arena_init(&arena, (size_t)1 << 20);
    error = rbk_store_get_token(store, request->identity.token, &arena, &token, NULL);
    /* While the store is locked nothing is known of it; the next look will tell. */
    stands = error == -RBK_EBUSY ||
             (error == 0 && rbk_token_useless(&token, rbk_server_now_ms()) == NULL);
    rbk_arena_fini(&arena);
    return stands;
}

bool rbk_access_still(struct request *request)
{
    return request->identity.token.bytes == 0 || rbk_access_stands(request);
}

struct rbk_asker rbk_access_asker(const struct request *request)
{
    return (struct rbk_asker){.user = request->identity.person,
                              .roles = request->identity.roles,
                              .role_count = request->identity.role_count};
}

enum MHD_Result rbk_get_me(struct request *request)
{
    const struct identity *identity = &request->identity;
    json_t *roles = identity->roles != NULL ? json_array() : json_null();

    for (size_t i = 0; identity->roles != NULL && i < identity->role_count; i++) {
        (void)json_array_append_new(
            roles, json_stringn(identity->roles[i].data, identity->roles[i].bytes));
    }
    return rbk_reply_json(request, MHD_HTTP_OK,
                          json_pack("{s:s%, s:s, s:o, s:s%}", "person", identity->person.data,
                                    identity->person.bytes, "scope",
                                    rbk_token_scope_name(identity->scope), "roles", roles, "token",
                                    identity->token.data, identity->token.bytes));
}
