#ifndef RBK_RUNTIME_DRIVERS_DNS_H
#define RBK_RUNTIME_DRIVERS_DNS_H

/*
 * Host names to numeric addresses, off the loop. libpq and hiredis would both resolve names while
 * the loop waits, so they are given addresses only.
 */

#include "runtime/drivers/task.h"

struct rbk_dns; /* one question under way; frees itself when it was answered */

/** Addresses kept of one name. */
#define RBK_DNS_ADDRESSES_MAX 8

struct rbk_dns_address {
    char text[64]; /**< Numeric, with a zone for link-local IPv6. */
};

/**
 * @error      0, or a libuv code (UV_EAI_…), with no addresses.
 * @addresses  In the resolver's order; valid during the callback.
 */
typedef void rbk_dns_fn(void *owner, int error, const struct rbk_dns_address *addresses,
                        size_t count);

/**
 * Asks; exactly one callback on a later turn, unless rbk_dns_cancel() comes first. A numeric
 * address is answered, too. Holds the driver until the resolver's thread is done.
 * @return 0, or -RBK_ENOMEM with no callback to come.
 */
RBK_MUST_USE int rbk_dns_start(struct rbk_task_driver *driver, const char *host,
                               rbk_dns_fn *on_done, void *owner, struct rbk_dns **ret_dns);

/** The callback will not run; the question is dropped when its thread is done. NULL is fine. */
void rbk_dns_cancel(struct rbk_dns *dns);

#endif
