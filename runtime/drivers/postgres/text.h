#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_TEXT_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_TEXT_H

/* What PostgreSQL says, as text for a person, and the name by which its backends know us. */

#include <libpq-fe.h>

#include "runtime/core/base/buffer.h"
#include "runtime/drivers/driver.h"

/** The longest application_name a server keeps, without NUL. */
#define RBK_POSTGRES_NAME_BYTES 63

/** Stands for a text of the server's that fits into no message. */
#define RBK_POSTGRES_TOO_LONG "the server's message is too long to be shown"

/** Writes "ERROR 23505: text" to `message`, and the other fields, a line each, to `details` (may be
 * NULL): DETAIL, HINT, POSITION, CONTEXT, and the table, column and constraint. */
void rbk_postgres_put_error(struct rbk_buffer *message, struct rbk_buffer *details,
                            const PGresult *result);

/** Writes a notice: "NOTICE: text", its detail and hint. */
void rbk_postgres_put_notice(struct rbk_buffer *details, const PGresult *result);

/** Cuts line ends off the end. */
void rbk_postgres_trim(struct rbk_buffer *text);

/**
 * `rbk/RUN/STAGE` for a reading; for an effect `rbk/RUN/STAGE/SERIAL`, by which a recovery finds
 * the backend of exactly that dispatch. What is too long is cut in the middle, and a hash of all of
 * it put there, so that no two runs share a name. Plain ASCII: a server would replace anything
 * else.
 */
void rbk_postgres_name(const struct rbk_request *request, char out[RBK_POSTGRES_NAME_BYTES + 1]);

#endif
