#ifndef RBK_RUNTIME_DRIVERS_REDIS_ADDRESS_H
#define RBK_RUNTIME_DRIVERS_REDIS_ADDRESS_H

/* The address of a Redis server: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]. */

#include "runtime/core/base/error.h"
#include "runtime/core/base/str.h"

#define RBK_REDIS_WORD_BYTES 512

struct rbk_redis_address {
    char host[256];
    int port;                            /**< 6379 when not given. */
    char user[RBK_REDIS_WORD_BYTES];     /**< "": none. */
    char password[RBK_REDIS_WORD_BYTES]; /**< "": none. A secret. */
    int database;                        /**< 0 when not given. */
};

/** Parses; user and password are percent-decoded. @return 0, or -RBK_EINVALID / -RBK_EUNSUPPORTED
 * with a text that repeats nothing of the address but its scheme. */
RBK_MUST_USE int rbk_redis_address_parse(struct rbk_str text, struct rbk_redis_address *ret_address,
                                         struct rbk_error *reterr);

#endif
