#ifndef RBK_RUNTIME_DRIVERS_REQUEST_H
#define RBK_RUNTIME_DRIVERS_REQUEST_H

/*
 * A driver's own copy of a request. What the caller passes to start() is borrowed only until
 * start() returns; the copy is one block of memory, and it is wiped when it is freed, because an
 * address, a header or a bind may hold a secret.
 */

#include "runtime/drivers/driver.h"

/** A deep copy. Every string ends in NUL (not counted); `run`, `step`, `stage`, `key` and
 * `connection` are "" where the request has NULL. NULL: out of memory. */
RBK_MUST_USE struct rbk_request *rbk_request_copy(const struct rbk_request *request);

/** Wipes and frees a copy; NULL is fine. */
void rbk_request_free(struct rbk_request *copy);

#endif
