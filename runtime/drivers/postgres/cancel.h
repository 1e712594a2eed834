#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_CANCEL_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_CANCEL_H

/*
 * Requests to cancel a query. libpq's call blocks until the server has closed the connection made
 * for it, and a server that hangs, or is stopped, never does. So each request has a thread of its
 * own that nobody waits for: the pool's threads are for others, and a driver is closed, and a run
 * ends, whatever a server does.
 */

#include <libpq-fe.h>

/** The requests of one driver; lives until the last of them has ended. */
struct rbk_postgres_cancels;

/** @return NULL: no memory. */
struct rbk_postgres_cancels *rbk_postgres_cancels_new(void);
/** The driver's end: requests under way go on. NULL is fine. */
void rbk_postgres_cancels_free(struct rbk_postgres_cancels *cancels);

/** Asks the server of a connection to cancel what runs; nothing is reported, since whether it
 * worked shows in the query's reply. Nothing is sent when too many requests hang already. */
void rbk_postgres_cancel(struct rbk_postgres_cancels *cancels, PGconn *connection);

#endif
