#ifndef RBK_RUNTIME_DRIVERS_REDIS_REPLY_H
#define RBK_RUNTIME_DRIVERS_REDIS_REPLY_H

/* A reply of Redis as text. */

#include <hiredis/hiredis.h>

#include "runtime/core/base/buffer.h"

/** Appends the reply: a string or status as it is, an integer in decimal, an array as JSON (errors
 * inside it as {"error": "…"}). Nil is written as null, and only inside an array.
 * @return 0 or the buffer's failure. */
RBK_MUST_USE int rbk_redis_reply_text(struct rbk_buffer *out, const redisReply *reply);

#endif
