#ifndef RBK_RUNTIME_SERVE_SERVE_H
#define RBK_RUNTIME_SERVE_SERVE_H

/*
 * `rbk serve`: the runs of a store over HTTP, for programs and for the war room's page. It reads
 * state and inserts into the inbox, nothing else; several of them, and any number of runners, may
 * work with one store at a time.
 *
 * The routes are in the table of routes.c; docs/openapi.json documents each, and is part of the
 * program.
 */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/str.h"

/* Where it listens unless told otherwise. */
#define RBK_SERVE_LISTEN "127.0.0.1:7433"

/* What a person chose; texts are borrowed. */
struct rbk_serve_options {
    const char *store_path;
    const char *listen; /* ADDRESS:PORT, "[…]:PORT" for IPv6, "localhost:PORT"; NULL: the default */
    const char *tls_cert; /* files in PEM; both or neither */
    const char *tls_key;
    bool behind_proxy;  /* a proxy in front does TLS: plain text is fine, and nobody is local */
    char *const *hosts; /* further names that may stand in Host; host_count of them */
    size_t host_count;
};

/*
 * Listen and answer until SIGTERM or SIGINT. Where it listens is printed to stdout, one line,
 * before the first request is taken; a line for each request goes to stderr.
 * @return 0 when told to end; -RBK_EUSAGE (address, certificates without each other), -RBK_EREFUSED
 * (beyond loopback without a token, or without TLS), -RBK_EBUSY (the address is in use), -RBK_EIO,
 * or an error of the store.
 */
RBK_MUST_USE int rbk_serve(const struct rbk_serve_options *options, struct rbk_error *reterr);

/* docs/openapi.json, as it was when the program was built. */
struct rbk_str rbk_serve_openapi(void);

#endif
