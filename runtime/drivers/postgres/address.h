#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_ADDRESS_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_ADDRESS_H

/*
 * The address of a PostgreSQL connection, conninfo or postgresql:// URL, as the two arrays libpq
 * takes, with the numeric address of every host put in, because libpq would resolve names while the
 * loop waits. Everything else of the address stays as the plan has it.
 */

#include <stddef.h>

#include "runtime/core/base/error.h"
#include "runtime/core/base/str.h"
#include "runtime/drivers/dns.h"

/** Hosts of one address, before and after names became addresses. */
#define RBK_POSTGRES_HOSTS_MAX 16

struct rbk_postgres_address; /* owned by whoever parsed it */

/** Parses. @return 0, or -RBK_EINVALID (the text never repeats the address) / -RBK_ENOMEM. */
RBK_MUST_USE int rbk_postgres_address_parse(const char *text, struct rbk_postgres_address **ret,
                                            struct rbk_error *reterr);
void rbk_postgres_address_free(struct rbk_postgres_address *address);

/** The next host whose name has to be resolved, or NULL when none is left. */
const char *rbk_postgres_address_next_name(const struct rbk_postgres_address *address);

/** What became of that host: its addresses; count 0: it has none and is left out. */
void rbk_postgres_address_resolved(struct rbk_postgres_address *address,
                                   const struct rbk_dns_address *addresses, size_t count);

/**
 * The arrays for PQconnectStartParams(), valid until the address is freed; call once, when no name
 * is left.
 * @application_name  Replaces what the address says.
 * @return 0; -RBK_ENOTFOUND: no host could be resolved; -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_postgres_address_finish(struct rbk_postgres_address *address,
                                             const char *application_name,
                                             const char *const **ret_keywords,
                                             const char *const **ret_values);

#endif
