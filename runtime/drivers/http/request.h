#ifndef RBK_RUNTIME_DRIVERS_HTTP_REQUEST_H
#define RBK_RUNTIME_DRIVERS_HTTP_REQUEST_H

/* A request as libcurl's settings, and what is not to be sent at all. */

#include <curl/curl.h>

#include "runtime/drivers/driver.h"

/** Whether the method only looks: GET or HEAD. */
bool rbk_http_method_is_safe(struct rbk_str method);

/** The part of a URL before its path: scheme, host and port; it borrows from the URL. */
struct rbk_str rbk_http_host(struct rbk_str url);

/**
 * Sets the method, URL, headers, body and limits of a transfer. The request must outlive it.
 * @ret_headers  Owned by the caller, also on failure; may become NULL.
 * @return 0; -RBK_EINVALID with the reason; -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_http_prepare(CURL *easy, const struct rbk_request *request,
                                  struct curl_slist **ret_headers, struct rbk_error *reterr);

#endif
