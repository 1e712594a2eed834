/*
 * Answers. All of them say that they are not to be kept, guessed at, or shown inside another page;
 * none says that another origin may read it.
 */
#include "runtime/serve/serve_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers that are sent however much is on its way. */
#define SMALL_BYTES ((size_t)64 << 10)
/* Seconds after which what was not possible is worth another try. */
#define RETRY_AFTER "5"

static const struct {
    const char *name, *value;
} headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* What may be on its way in all; a test makes do with less. */
static size_t answers_max(void)
{
    const char *text = getenv("RBK_TEST_ANSWERS_BYTES");

    return text != NULL ? strtoull(text, NULL, 10) : RBK_SERVE_ANSWERS_BYTES_MAX;
}

enum MHD_Result rbk_reply_response(struct request *request, unsigned status,
                                   struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO; /* out of memory: the connection is closed */
    }
    for (size_t i = 0; i < RBK_COUNT(headers); i++) {
        (void)MHD_add_response_header(response, headers[i].name, headers[i].value);
    }
    if (request->server->tls && !request->server->loopback) {
        (void)MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
    }
    if (status == MHD_HTTP_UNAUTHORIZED) {
        (void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"rbk\"");
    }
    request->answered = true;
    request->status = status;
    result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct request *request, unsigned status, const char *type,
                                 struct rbk_str text, const char *header, const char *value)
{
    /* libmicrohttpd does not write to it, whatever its type says. */
    struct MHD_Response *response;

    if (text.bytes > SMALL_BYTES && request->server->answer_bytes + text.bytes > answers_max()) {
        return rbk_reply_later(request, "too much is being sent to others; try again");
    }
    response = MHD_create_response_from_buffer(text.bytes, (void *)(uintptr_t)text.data,
                                               MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    request->answer_bytes = text.bytes;
    request->server->answer_bytes += text.bytes;
    (void)MHD_add_response_header(response, "Content-Type", type);
    if (header != NULL) {
        (void)MHD_add_response_header(response, header, value);
    }
    request->sent_bytes = text.bytes;
    return rbk_reply_response(request, status, response);
}

enum MHD_Result rbk_reply_text(struct request *request, unsigned status, const char *type,
                               struct rbk_str text)
{
    return send_text(request, status, type, text, NULL, NULL);
}

static enum MHD_Result send_json(struct request *request, unsigned status, const char *type,
                                 json_t *json, const char *header, const char *value)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    enum MHD_Result result = MHD_NO;

    json_decref(json);
    if (text != NULL) {
        result = send_text(request, status, type, rbk_str_from(text), header, value);
    }
    free(text);
    return result;
}

enum MHD_Result rbk_reply_json(struct request *request, unsigned status, json_t *json)
{
    return send_json(request, status, "application/json", json, NULL, NULL);
}

enum MHD_Result rbk_reply_with(struct request *request, unsigned status, json_t *json,
                               const char *header, const char *value)
{
    return send_json(request, status,
                     status >= 400 ? "application/problem+json" : "application/json", json, header,
                     value);
}

enum MHD_Result rbk_reply_problem(struct request *request, unsigned status, const char *format, ...)
{
    char detail[1024];
    va_list arguments;
    json_t *json;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    json = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title",
                     MHD_get_reason_phrase_for(status), "status", (int)status);
    if (json != NULL) {
        json_t *text = json_string(detail);

        /* A detail that was cut within a character is no text of JSON. */
        (void)json_object_set_new(json, "detail",
                                  text != NULL ? text : json_string("(not readable)"));
    }
    return send_json(request, status, "application/problem+json", json, NULL, NULL);
}

enum MHD_Result rbk_reply_later(struct request *request, const char *why)
{
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", "Service Unavailable",
                  "status", MHD_HTTP_SERVICE_UNAVAILABLE, "detail", why);

    if (json == NULL) { /* a path of the store may be no UTF-8 */
        json = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", "Service Unavailable",
                         "status", MHD_HTTP_SERVICE_UNAVAILABLE);
    }
    return rbk_reply_with(request, MHD_HTTP_SERVICE_UNAVAILABLE, json, "Retry-After", RETRY_AFTER);
}

enum MHD_Result rbk_reply_error(struct request *request, const struct rbk_error *error)
{
    unsigned status;

    if ((error->code == RBK_EBUSY && rbk_wait_for(request, WAITING_LOCK, RBK_SERVE_LOCKED_MS)) ||
        (error->code == RBK_ETIMEOUT && rbk_wait_for(request, WAITING_RUN, RBK_SERVE_READ_MS))) {
        return MHD_YES;
    }
    switch (error->code) {
    case RBK_ENOTFOUND:
        status = MHD_HTTP_NOT_FOUND;
        break;
    case RBK_EUSAGE:
    case RBK_EINVALID:
        status = MHD_HTTP_BAD_REQUEST;
        break;
    case RBK_ESTATE:
        status = MHD_HTTP_CONFLICT;
        break;
    case RBK_ECORRUPT:
    case RBK_EMACHINE:
    case RBK_EVERSION:
        status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        break;
    default:
        /* Of what may be mended soon: disk full, locked, out of memory. */
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
        break;
    }
    if (status >= 500) {
        rbk_serve_log(request->server, "rbk serve: %s", error->text);
    }
    return status == MHD_HTTP_SERVICE_UNAVAILABLE
               ? rbk_reply_later(request, error->text)
               : rbk_reply_problem(request, status, "%s", error->text);
}
