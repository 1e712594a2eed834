#ifndef RBK_RUNTIME_DRIVERS_HTTP_HTTP_H
#define RBK_RUNTIME_DRIVERS_HTTP_HTTP_H

/*
 * HTTP through libcurl. TLS is verified (against the system's authorities, or those of the file in
 * CURL_CA_BUNDLE or SSL_CERT_FILE), redirects are not followed, only http and https are
 * spoken; bodies and headers are bounded; a proxy of the environment is not used for loopback.
 *
 * Requests other than GET and HEAD carry `Idempotency-Key: KEY` unless the plan gives that header,
 * run on a connection of their own and are never sent again by the library. A body without a
 * Content-Type of the plan's is application/json when it begins like JSON, else text/plain.
 *
 * What an end means (doubtful: an effect that is neither GET, HEAD nor declared idempotent):
 * - an expected status: OK, the body is the value (with status_only: any status, an INT);
 * - nothing of the request was handed to the kernel: FAIL, or TIMEOUT at the deadline;
 * - the whole answer did not arrive, or it is an unexpected 500, 502, 503, 504: DOUBT when
 *   doubtful, else FAIL or TIMEOUT;
 * - any other status: FAIL.
 * There is no recover(): what a dead runner had sent is in doubt.
 */

#include "runtime/drivers/driver.h"

/** Opens the driver; `setup` is borrowed for its life. close() frees it. -RBK_ENOMEM. */
RBK_MUST_USE int rbk_http_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                               struct rbk_error *reterr);

#endif
