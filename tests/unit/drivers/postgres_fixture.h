#ifndef RBK_TESTS_UNIT_DRIVERS_POSTGRES_FIXTURE_H
#define RBK_TESTS_UNIT_DRIVERS_POSTGRES_FIXTURE_H

/*
 * One PostgreSQL server for a test program, a fresh table `leads` for each test, and a connection
 * of the test's own to look with.
 */

#include <check.h>
#include <libpq-fe.h>

#include "tests/unit/drivers/harness.h"
#include "tests/unit/drivers/servers.h"

extern struct harness harness;
extern int postgres_port; /**< Set by main(). */

/** Unchecked fixture: opens the driver and makes the table leads(id int primary key, name text). */
void postgres_setup(void);
void postgres_teardown(void);

/** An effect, or a reading, on the server's port or another. */
struct rbk_request effect(const char *sql);
struct rbk_request reading(const char *sql);
struct rbk_request through(int port, struct rbk_request request);

/** The first value of a query of the test's own, as text ("" for NULL or no row). */
const char *look(const char *sql);
/** The same as a number. */
int look_at_number(const char *sql);
/** Backends with our application_name, but for those of readings. */
int backends(void);
/** Waits (asking the server, bounded) until there are none. */
bool backends_end(void);

/** A connection of the test's own. */
PGconn *own_connection(const char *application_name);

/** Runs the tests of a case with the fixture; main()'s result. */
int postgres_main(TCase *tests);

#endif
