/*
 * What is secret in a secret that is an address. A server seldom repeats an address as a whole: "no
 * such page: /services/T0/B0/xyz", "role x, password y". So the parts that tell are hidden by
 * themselves.
 */
#ifndef RBK_RUNTIME_DRIVERS_REDACT_PARTS_H
#define RBK_RUNTIME_DRIVERS_REDACT_PARTS_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/** One part; borrowed for the call. Non-zero ends the walk with that value. */
typedef int rbk_redact_part_fn(void *context, struct rbk_str part);

/**
 * Calls `each` with the parts of a URL that are long enough to be told from ordinary text: the
 * password (as it is, and percent-decoded), of http and https also the path with its query, the
 * path, the query, and the values in it; and with the password of `host=… password=…`.
 * @return 0 (no address, too), or what `each` returned.
 */
RBK_MUST_USE int rbk_redact_each_part(struct rbk_str value, rbk_redact_part_fn *each,
                                      void *context);

#endif
