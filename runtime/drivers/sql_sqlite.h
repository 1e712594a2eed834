#ifndef RBK_RUNTIME_DRIVERS_SQL_SQLITE_H
#define RBK_RUNTIME_DRIVERS_SQL_SQLITE_H

/*
 * SQL on SQLite files. The address is a path, absolute or relative to the plan's directory, with or
 * without `sqlite:` or `sqlite://` before it. An effect creates a file that is not there; a reading
 * of one fails.
 *
 * A transactional effect leaves a row in the table rbk_receipt of the file (see sqlite_job.h), by
 * which recover() knows exactly whether it happened. Outside a transaction it never knows.
 */

#include "runtime/drivers/driver.h"

/** Opens the driver; `setup` is borrowed for its life. close() frees it. -RBK_ENOMEM. */
RBK_MUST_USE int rbk_sql_sqlite_open(const struct rbk_driver_setup *setup,
                                     struct rbk_driver **ret_driver, struct rbk_error *reterr);

#endif
