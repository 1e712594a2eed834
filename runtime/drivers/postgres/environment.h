#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_ENVIRONMENT_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_ENVIRONMENT_H

/* `using CONNECTION` for PostgreSQL: a command gets it by environment and never by argv. */

#include "runtime/drivers/module.h"

/** PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, … as libpq's own tools read them
 * (PostgreSQL manual, "Environment Variables"). See rbk_driver_environment_fn. */
RBK_MUST_USE int rbk_postgres_environment(struct rbk_str address, struct rbk_arena *arena,
                                          struct rbk_pair *pairs, size_t *count,
                                          struct rbk_error *reterr);

#endif
