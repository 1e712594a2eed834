#ifndef RBK_RUNTIME_DRIVERS_CONNECTION_ENVIRONMENT_H
#define RBK_RUNTIME_DRIVERS_CONNECTION_ENVIRONMENT_H

/* `using CONNECTION`: how a command gets a connection, by environment and never by argv. */

#include "runtime/drivers/driver.h"

#define RBK_CONNECTION_ENVIRONMENT_MAX 32

/*
 * Add the variables of a connection to `pairs` (room for RBK_CONNECTION_ENVIRONMENT_MAX more):
 *   postgres  PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, … as libpq's own tools
 * read them (PostgreSQL manual, "Environment Variables") sqlite    SQLITE_FILE redis     REDIS_URL
 * @return 0, or -RBK_EINVALID when the address cannot be read (its text is not repeated: it may
 * hold a password).
 */
RBK_MUST_USE int rbk_connection_environment(enum rbk_connection_kind kind, struct rbk_str address,
                                            struct rbk_arena *arena, struct rbk_pair *pairs,
                                            size_t *count, struct rbk_error *reterr);

#endif
