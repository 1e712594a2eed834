#ifndef RBK_RUNTIME_DRIVERS_HTTP_CURL_LOOP_H
#define RBK_RUNTIME_DRIVERS_HTTP_CURL_LOOP_H

/*
 * libcurl's multi-socket interface on the loop: transfers are added, and each is reported once when
 * it has ended. What a transfer means is the HTTP driver's business.
 */

#include <curl/curl.h>

#include "runtime/drivers/task.h"

struct rbk_curl_loop;

/** A transfer ended by itself; it has been removed already. Not inside add() or remove(). */
typedef void rbk_curl_done_fn(void *owner, CURLcode code);

/** Opens; holds the driver until it is closed. 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_curl_loop_open(struct rbk_task_driver *driver,
                                    struct rbk_curl_loop **ret_curl);

/** Starts a transfer. The handle stays the caller's; its CURLOPT_PRIVATE is taken over. With `host`
 * (any text that names one) it takes its turn when there are many of that host, and its time goes
 * by meanwhile; with an empty one it begins at once. 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_curl_loop_add(struct rbk_curl_loop *curl, CURL *easy, struct rbk_str host,
                                   rbk_curl_done_fn *on_done, void *owner);

/** Ends a transfer early, or does nothing when it has ended; no report follows. Not from a callback
 * of libcurl itself. */
void rbk_curl_loop_remove(struct rbk_curl_loop *curl, CURL *easy);

/** Closes kept connections; all transfers must have been removed. */
void rbk_curl_loop_close(struct rbk_curl_loop *curl);

#endif
