/*
 * libcurl puts header lines into the request as they are; a line end inside one would be a second
 * header, or a second request. So names and values are checked here, byte by byte.
 */
#include "runtime/drivers/http/request.h"

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_HEADER "Idempotency-Key"

bool rbk_http_method_is_safe(struct rbk_str method)
{
    return rbk_str_is(method, "GET") || rbk_str_is(method, "HEAD") || method.bytes == 0;
}

static bool is_token(struct rbk_str name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.bytes; i++) {
        if (name.data[i] == '\0' || !strchr(allowed, name.data[i])) {
            return false;
        }
    }
    return name.bytes > 0;
}

static bool is_field_value(struct rbk_str value)
{
    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool has_header(const struct rbk_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        struct rbk_str given = request->headers[i].name;
        if (given.bytes == strlen(name) && strncasecmp(given.data, name, given.bytes) == 0) {
            return true;
        }
    }
    return false;
}

static int put_line(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (!longer) {
        return -RBK_ENOMEM;
    }
    *headers = longer;
    return 0;
}

/* Adds a header; an empty value is written "Name;", which is how libcurl is told of one. */
static int put_header(struct curl_slist **headers, struct rbk_str name, struct rbk_str value)
{
    struct rbk_buffer line;
    rbk_buffer_init(&line, RBK_HTTP_HEADER_BYTES_MAX);
    (void)rbk_buffer_append_str(&line, name);
    (void)rbk_buffer_append_text(&line, value.bytes ? ": " : ";");
    (void)rbk_buffer_append_str(&line, value);
    int error = line.error ? line.error : put_line(headers, line.data);
    rbk_buffer_fini(&line);
    return error;
}

static const char *content_type(struct rbk_str body)
{
    struct rbk_str text = rbk_str_trim(body);
    bool json = text.bytes > 0 && (text.data[0] == '{' || text.data[0] == '[');
    return json ? "Content-Type: application/json" : "Content-Type: text/plain; charset=utf-8";
}

static int put_headers(const struct rbk_request *request, struct curl_slist **headers,
                       struct rbk_error *reterr)
{
    int error = 0;
    for (size_t i = 0; !error && i < request->header_count; i++) {
        const struct rbk_pair *header = &request->headers[i];
        if (!is_token(header->name) || !is_field_value(header->value)) {
            return rbk_error_set(
                reterr, RBK_EINVALID, "the header \"%.*s\" holds a character no header may hold",
                (int)(is_token(header->name) ? header->name.bytes : 0), header->name.data);
        }
        error = put_header(headers, header->name, header->value);
    }
    if (!error && !rbk_http_method_is_safe(request->method) && *request->key &&
        !has_header(request, KEY_HEADER)) {
        error = put_header(headers, RBK_STR(KEY_HEADER), rbk_str_from(request->key));
    }
    if (!error && !has_header(request, "User-Agent")) {
        error = put_line(headers, "User-Agent: rbk/" RBK_VERSION);
    }
    if (!error && request->has_body && !has_header(request, "Content-Type")) {
        error = put_line(headers, content_type(request->body));
    }
    if (!error && !has_header(request, "Expect")) {
        error = put_line(headers, "Expect:"); /* no waiting for "100 Continue" */
    }
    return error ? rbk_error_set(reterr, (enum rbk_err) - error, "the headers are too large") : 0;
}

static bool is_loopback(const char *host)
{
    size_t bytes = strlen(host);
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 ||
           (bytes > 10 && strcasecmp(host + bytes - 10, ".localhost") == 0);
}

/* Checks the URL; a proxy is for hosts elsewhere. */
static int set_url(CURL *easy, const struct rbk_request *request, struct rbk_error *reterr)
{
    CURLU *url = curl_url();
    char *host = NULL;
    char *scheme = NULL;
    bool fine = url && !memchr(request->url.data, '\0', request->url.bytes) &&
                curl_url_set(url, CURLUPART_URL, request->url.data, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (fine && is_loopback(host)) {
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (fine) {
        fine = curl_easy_setopt(easy, CURLOPT_URL, request->url.data) == CURLE_OK;
    }
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    return fine ? 0 : rbk_error_set(reterr, RBK_EINVALID, "not an http or https URL");
}

static void set_method(CURL *easy, const struct rbk_request *request)
{
    struct rbk_str method = request->method.bytes ? request->method : RBK_STR("GET");
    if (request->has_body || rbk_str_is(method, "POST")) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.bytes);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                               request->body.bytes ? request->body.data : "");
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.data);
    } else if (rbk_str_is(method, "HEAD")) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (!rbk_str_is(method, "GET")) {
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.data);
    }
}

/* Authorities of one's own are named as for other programs with libcurl or OpenSSL. */
static void set_authorities(CURL *easy)
{
    const char *file = getenv("CURL_CA_BUNDLE");
    file = file && *file ? file : getenv("SSL_CERT_FILE");
    if (file && *file) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, file);
    }
}

struct rbk_str rbk_http_host(struct rbk_str url)
{
    size_t end = 0;
    for (int slashes = 0; end < url.bytes; end++) {
        slashes += url.data[end] == '/';
        if (slashes == 3 || url.data[end] == '?' || url.data[end] == '#') {
            break;
        }
    }
    return rbk_str_slice(url, 0, end);
}

int rbk_http_prepare(CURL *easy, const struct rbk_request *request, struct curl_slist **ret_headers,
                     struct rbk_error *reterr)
{
    *ret_headers = NULL;
    if (request->method.bytes && !is_token(request->method)) {
        return rbk_error_set(reterr, RBK_EINVALID, "not an HTTP method");
    }
    int error = set_url(easy, request, reterr);
    error = error ? error : put_headers(request, ret_headers, reterr);
    if (error) {
        return error;
    }
    set_method(easy, request);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_headers);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set_authorities(easy);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* One request, one connection, one order of bytes: what was sent can be told. */
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* Ours is the only deadline; the default for connecting would be five minutes. */
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           request->timeout_ms < 86400000 ? (long)request->timeout_ms + 1000
                                                          : 86400000L);
    if (!rbk_http_method_is_safe(request->method)) {
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    return 0;
}
