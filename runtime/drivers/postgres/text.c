/*
 * Every text here comes from a server and is bounded by the buffer it is written to.
 */
#include "runtime/drivers/postgres/text.h"

#include "runtime/core/base/hash.h"

#include <stdio.h>
#include <string.h>

static const char *field(const PGresult *result, int code)
{
    return PQresultErrorField(result, code);
}

static void put_field(struct rbk_buffer *details, const PGresult *result, int code,
                      const char *label)
{
    const char *text = field(result, code);
    if (text && *text) {
        (void)rbk_buffer_printf(details, "%s: %s\n", label, text);
    }
}

static const char *severity(const PGresult *result)
{
    const char *text = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    text = text ? text : field(result, PG_DIAG_SEVERITY);
    return text ? text : "ERROR";
}

void rbk_postgres_put_error(struct rbk_buffer *message, struct rbk_buffer *details,
                            const PGresult *result)
{
    const char *text = field(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
    /* It is not cut: nobody would find the half of a secret in it later. */
    if (rbk_buffer_printf(message, "%s %s: %s", severity(result), sqlstate ? sqlstate : "",
                          text ? text : PQresultErrorMessage(result)) != 0) {
        rbk_buffer_clear(message);
        (void)rbk_buffer_printf(message, "%.16s %.5s: " RBK_POSTGRES_TOO_LONG, severity(result),
                                sqlstate ? sqlstate : "");
    }
    if (!details) {
        return;
    }
    static const struct {
        int code;
        const char *label;
    } fields[] = {{PG_DIAG_MESSAGE_DETAIL, "DETAIL"},
                  {PG_DIAG_MESSAGE_HINT, "HINT"},
                  {PG_DIAG_STATEMENT_POSITION, "POSITION"},
                  {PG_DIAG_INTERNAL_QUERY, "QUERY"},
                  {PG_DIAG_CONTEXT, "CONTEXT"},
                  {PG_DIAG_SCHEMA_NAME, "SCHEMA"},
                  {PG_DIAG_TABLE_NAME, "TABLE"},
                  {PG_DIAG_COLUMN_NAME, "COLUMN"},
                  {PG_DIAG_CONSTRAINT_NAME, "CONSTRAINT"}};
    for (size_t i = 0; i < RBK_COUNT(fields); i++) {
        put_field(details, result, fields[i].code, fields[i].label);
    }
}

void rbk_postgres_put_notice(struct rbk_buffer *details, const PGresult *result)
{
    put_field(details, result, PG_DIAG_MESSAGE_PRIMARY, severity(result));
    put_field(details, result, PG_DIAG_MESSAGE_DETAIL, "DETAIL");
    put_field(details, result, PG_DIAG_MESSAGE_HINT, "HINT");
}

void rbk_postgres_trim(struct rbk_buffer *text)
{
    while (text->bytes > 0 && strchr("\r\n", text->data[text->bytes - 1])) {
        rbk_buffer_truncate(text, text->bytes - 1);
    }
}

void rbk_postgres_name(const struct rbk_request *request, char out[RBK_POSTGRES_NAME_BYTES + 1])
{
    char whole[1024];
    char tail[32] = "";
    (void)snprintf(whole, sizeof(whole), "rbk/%s/%s", request->run, request->stage);
    if (!request->reading && request->serial != 0) {
        (void)snprintf(tail, sizeof(tail), "/%u", request->serial);
    }
    if (strlen(whole) + strlen(tail) > RBK_POSTGRES_NAME_BYTES) {
        char hash[RBK_SHA256_HEX_BYTES];
        char cut[sizeof(tail) + 16];
        rbk_sha256_hex(whole, strlen(whole), hash);
        (void)snprintf(cut, sizeof(cut), "~%.8s%s", hash, tail);
        size_t kept = RBK_POSTGRES_NAME_BYTES - strlen(cut);
        (void)snprintf(out, RBK_POSTGRES_NAME_BYTES + 1, "%.*s%s", (int)kept, whole, cut);
    } else {
        memcpy(out, whole, strlen(whole));
        memcpy(out + strlen(whole), tail, strlen(tail) + 1);
    }
    for (char *at = out; *at; at++) {
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    }
}
