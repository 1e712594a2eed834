/*
 * rbk token: who may speak to `rbk serve`, and as whom. Whoever can write to the store can make
 * tokens for anybody, as they could put anything into an inbox: the store's file is what is
 * protected. Who made a token is kept with it.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/value.h"
#include "runtime/people/commands.h"
#include "runtime/people/json_lines.h"
#include "runtime/people/run_store.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/user.h"
#include "runtime/people/when.h"
#include "runtime/serve/token.h"

/* ---- create -----------------------------------------------------------------------------------
 */

/* A name as plans have it, for roles; people may be called more (alice@example.org). */
static bool is_role(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    return name[0] != '\0' && strlen(name) <= RBK_NAME_BYTES_MAX &&
           strspn(name, letters) == strlen(name);
}

static bool is_person(const char *name)
{
    struct rbk_buffer clean;
    bool same;

    rbk_buffer_init(&clean, 4096);
    rbk_sanitize(&clean, rbk_str_from(name));
    same = name[0] != '\0' && strlen(name) < RBK_USER_BYTES &&
           rbk_str_equal(rbk_buffer_str(&clean), rbk_str_from(name));
    rbk_buffer_fini(&clean);
    return same;
}

/* What the options say; *ret_roles is a new text. */
static int read_token(const struct rbk_options *options, struct rbk_store_token *token,
                      char **ret_roles, struct rbk_error *reterr)
{
    const char *person = options->values[RBK_OPTION_PERSON];
    const char *expires = options->values[RBK_OPTION_EXPIRES];
    json_t *roles;

    if (person == NULL || !is_person(person)) {
        return rbk_error_set(reterr, RBK_EUSAGE,
                             person == NULL ? "--person NAME is missing: who is it for?"
                                            : "--person \"%s\": this is no name",
                             person);
    }
    if (options->given[RBK_OPTION_READ_ONLY] && options->given[RBK_OPTION_ALERTS_ONLY]) {
        return rbk_error_set(reterr, RBK_EUSAGE,
                             "--read-only and --alerts-only exclude each other");
    }
    token->person = rbk_str_from(person);
    token->scope = rbk_str_from(
        rbk_token_scope_name(options->given[RBK_OPTION_READ_ONLY]     ? RBK_TOKEN_READ
                             : options->given[RBK_OPTION_ALERTS_ONLY] ? RBK_TOKEN_ALERTS
                                                                      : RBK_TOKEN_ALL));
    token->created_ms = (int64_t)rbk_when_now_ms();
    if (expires != NULL) {
        struct rbk_value span = rbk_value_parse(RBK_TYPE_DURATION, rbk_str_from(expires));

        if (span.missing || span.as.integer <= 0 ||
            span.as.integer > INT64_MAX - token->created_ms) {
            return rbk_error_set(reterr, RBK_EUSAGE,
                                 "--expires \"%s\": say how long, like 8h or 30d", expires);
        }
        token->expires_ms = token->created_ms + span.as.integer;
    }
    roles = json_array();
    for (size_t i = 0; i < options->set_count; i++) {
        if (!is_role(options->sets[i])) {
            json_decref(roles);
            return rbk_error_set(reterr, RBK_EUSAGE, "--role \"%s\": this is no name of a role",
                                 options->sets[i]);
        }
        (void)json_array_append_new(roles, json_string(options->sets[i]));
    }
    *ret_roles = json_dumps(roles, JSON_COMPACT);
    json_decref(roles);
    return *ret_roles != NULL ? 0 : rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
}

static int put_token(struct rbk_store *store, const struct rbk_store_token *token,
                     struct rbk_error *reterr)
{
    int error = rbk_store_begin(store, reterr);

    if (error != 0) {
        return error;
    }
    if ((error = rbk_store_put_token(store, token, reterr)) != 0) {
        rbk_store_rollback(store);
        return error;
    }
    return rbk_store_commit(store, reterr);
}

static int create(const struct rbk_options *options, struct rbk_store *store,
                  struct rbk_error *reterr)
{
    char text[RBK_TOKEN_BYTES], hash[RBK_SHA256_HEX_BYTES], user[RBK_USER_BYTES];
    struct rbk_store_token token = {0};
    char *roles = NULL;
    int error;

    if ((error = read_token(options, &token, &roles, reterr)) != 0 ||
        (error = rbk_token_make(text, reterr)) != 0) {
        free(roles);
        return error;
    }
    rbk_user_name(user);
    rbk_token_hash(rbk_str_from(text), hash);
    (void)rbk_token_read(rbk_str_from(text), &token.id);
    token.sha256 = rbk_str_from(hash);
    token.roles = rbk_str_from(roles);
    token.created_by = rbk_str_from(user);
    error = put_token(store, &token, reterr);
    if (error == 0) {
        (void)printf("%s\n", text);
        (void)fprintf(stderr,
                      "rbk token: this is the only time it is shown; rbk token revoke %.*s ends "
                      "it\n",
                      RBK_STR_ARG(token.id));
    }
    explicit_bzero(text, sizeof(text));
    free(roles);
    return error;
}

/* ---- list -------------------------------------------------------------------------------------
 */

struct listing {
    bool json;
    size_t count;
};

static void print_json(const struct rbk_store_token *token, const char *useless)
{
    json_t *object = json_object();
    char *text;

    rbk_json_set_text(object, "token", token->id);
    rbk_json_set_text(object, "person", token->person);
    (void)json_object_set_new(object, "roles",
                              json_loadb(token->roles.data, token->roles.bytes, 0, NULL));
    rbk_json_set_text(object, "scope", token->scope);
    (void)json_object_set_new(object, "status", json_string(useless != NULL ? useless : "good"));
    rbk_json_set_text(object, "created_by", token->created_by);
    rbk_json_set_time(object, "created", (uint64_t)token->created_ms);
    rbk_json_set_time(object, "expires", (uint64_t)token->expires_ms);
    rbk_json_set_time(object, "revoked", (uint64_t)token->revoked_ms);
    rbk_json_set_time(object, "used", (uint64_t)token->used_ms);
    text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
}

/* "dba, lead"; a token without roles of its own speaks for all that the person has. */
static void append_roles(struct rbk_buffer *line, struct rbk_str text)
{
    json_t *roles = json_loadb(text.data, text.bytes, 0, NULL), *role;
    size_t index;

    json_array_foreach(roles, index, role)
    {
        rbk_buffer_printf(line, "%s%s", index == 0 ? "" : ", ", json_string_value(role));
    }
    if (json_array_size(roles) == 0) {
        rbk_buffer_append_text(line, "all of the person's");
    }
    json_decref(roles);
}

static int print_token(void *context, const struct rbk_store_token *token)
{
    struct listing *listing = context;
    const char *useless = rbk_token_useless(token, (int64_t)rbk_when_now_ms());
    struct rbk_buffer line, clean;

    listing->count++;
    if (listing->json) {
        print_json(token, useless);
        return 0;
    }
    if (listing->count == 1) {
        (void)printf("%-10s %-12s %-7s %-8s %-19s %-19s %-10s %s\n", "TOKEN", "PERSON", "SCOPE",
                     "STATUS", "EXPIRES", "USED", "BY", "ROLES");
    }
    rbk_buffer_init(&line, 1u << 16);
    rbk_buffer_init(&clean, 1u << 16);
    rbk_buffer_printf(
        &line, "%-10.*s %-12.*s %-7.*s %-8s %-19.19s ", RBK_STR_ARG(token->id),
        RBK_STR_ARG(token->person), RBK_STR_ARG(token->scope), useless != NULL ? useless : "good",
        token->expires_ms != 0 ? rbk_when_full((uint64_t)token->expires_ms).text : "never");
    rbk_buffer_printf(&line, "%-19.19s %-10.*s ",
                      token->used_ms != 0 ? rbk_when_full((uint64_t)token->used_ms).text : "never",
                      RBK_STR_ARG(token->created_by));
    append_roles(&line, token->roles);
    rbk_sanitize(&clean, rbk_buffer_str(&line));
    (void)puts(clean.data);
    rbk_buffer_fini(&clean);
    rbk_buffer_fini(&line);
    return 0;
}

static int list(const struct rbk_options *options, struct rbk_store *store,
                struct rbk_error *reterr)
{
    struct listing listing = {.json = options->given[RBK_OPTION_JSON]};
    int error = rbk_store_each_token(store, print_token, &listing, reterr);

    if (error == 0 && listing.count == 0 && !listing.json) {
        (void)printf("there are no tokens in %s\n", rbk_store_path(store));
    }
    return error;
}

/* ---- revoke -----------------------------------------------------------------------------------
 */

static int revoke(const struct rbk_options *options, struct rbk_store *store,
                  struct rbk_error *reterr)
{
    int error;

    if (options->word_count != 2) {
        return rbk_error_set(reterr, RBK_EUSAGE, "which one? rbk token revoke ID");
    }
    if ((error = rbk_store_begin(store, reterr)) != 0) {
        return error;
    }
    error = rbk_store_revoke_token(store, rbk_str_from(options->words[1]),
                                   (int64_t)rbk_when_now_ms(), reterr);
    if (error != 0) {
        rbk_store_rollback(store);
        return error;
    }
    if ((error = rbk_store_commit(store, reterr)) == 0) {
        (void)printf("revoked\n");
    }
    return error;
}

int rbk_subcommand_token(const struct rbk_options *options)
{
    static const struct {
        const char *word;
        int (*run)(const struct rbk_options *options, struct rbk_store *store,
                   struct rbk_error *reterr);
    } verbs[] = {{"create", create}, {"list", list}, {"revoke", revoke}};
    struct rbk_store *store = NULL;
    struct rbk_error error = {0};
    size_t i = 0;
    int result;

    while (i < RBK_COUNT(verbs) && strcmp(verbs[i].word, options->words[0]) != 0) {
        i++;
    }
    if (i == RBK_COUNT(verbs) || (options->word_count == 2 && verbs[i].run != revoke)) {
        (void)fprintf(stderr, "rbk token: create, list or revoke ID\n");
        return RBK_EXIT_USAGE;
    }
    result = rbk_run_store_open(options, RBK_STORE_KEEPER, &store, &error);
    if (result == 0) {
        result = verbs[i].run(options, store, &error);
    }
    rbk_store_close(store);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
