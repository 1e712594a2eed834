#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_POSTGRES_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_POSTGRES_H

/*
 * SQL on PostgreSQL, through libpq, without blocking the loop.
 *
 * - A transactional effect: BEGIN, the statements, a note with the transaction's id (on_note), and
 *   only after proceed() COMMIT. A connection lost before COMMIT was sent is FAIL; lost later, the
 *   server is asked over a second connection, and only where that fails is the outcome DOUBT.
 * - An autocommit effect: statement by statement, outside a transaction; lost while one is under
 * way is DOUBT (its backend is ended first, if it can be).
 * - A reading: one statement in a READ ONLY transaction, on a connection that is kept for the next.
 * - A deadline or cancel(): the server is asked to cancel; if it does not answer, the backend is
 * ended over a second connection. Shown dead: TIMEOUT or FAIL; otherwise DOUBT.
 * - recover(): ends the old backend, then asks for the status of the noted transaction. No note:
 *   COMMIT was never sent, so NOT_STARTED. Autocommit: UNKNOWN.
 *
 * The address is a conninfo string or a postgresql:// URL. See text.h for the
 * application_name.
 */

#include "runtime/drivers/driver.h"

/** Opens the driver; `setup` is borrowed for its life. close() frees it. -RBK_ENOMEM. */
RBK_MUST_USE int rbk_sql_postgres_open(const struct rbk_driver_setup *setup,
                                       struct rbk_driver **ret_driver, struct rbk_error *reterr);

#endif
