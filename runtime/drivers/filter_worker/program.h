#ifndef RBK_RUNTIME_DRIVERS_FILTER_WORKER_PROGRAM_H
#define RBK_RUNTIME_DRIVERS_FILTER_WORKER_PROGRAM_H

/*
 * Filters of jq, compiled once and kept: compiling takes 40 ms, most of it for jq's own library,
 * and running one takes a few microseconds.
 */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/core/filter_protocol.h"

struct filter_cache;

/** Ends the process when there is no memory. */
struct filter_cache *filter_cache_new(void);

/**
 * Applies a program to a document.
 * @program  NUL-terminated.
 * @ret_text, @ret_bytes  The reply's text; owned by the caller; NULL when there is none.
 */
enum rbk_filter_reply_kind filter_apply(struct filter_cache *cache, const char *program,
                                        const char *json, size_t json_bytes, char **ret_text,
                                        size_t *ret_bytes);

/**
 * See whether a program compiles; nothing is kept. What libjq had of memory may be damaged when it
 * does not, so that the process should do nothing more.
 * @ret_message  Why not, one line; empty when it compiles.
 * @return Whether it does.
 */
bool filter_compiles(const char *program, char ret_message[RBK_FILTER_MESSAGE_BYTES_MAX]);

#endif
