#ifndef RBK_RUNTIME_DRIVERS_SQL_BIND_H
#define RBK_RUNTIME_DRIVERS_SQL_BIND_H

/*
 * Values of the language as the text a database reads: exact, with a point whatever the locale, and
 * without units a server would not know.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/value.h"

/**
 * Appends the text of a value that is not missing: numbers and ratios as decimals (5% is 0.05),
 * bytes as a number, durations as "90000 milliseconds" (an interval), times as ISO 8601 in UTC,
 * bools as true/false, lists as a PostgreSQL array literal, everything else as it is.
 * @return 0, or -RBK_ELIMIT / -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_sql_bind_text(struct rbk_buffer *out, struct rbk_value value);

#endif
