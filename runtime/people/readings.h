#ifndef RBK_RUNTIME_PEOPLE_READINGS_H
#define RBK_RUNTIME_PEOPLE_READINGS_H

/*
 * What the runner of a run sees now: the file that runtime/executor/readings.c writes, read by
 * whoever shows the run without driving it. Only what a living runner wrote counts: ask whether the
 * lease is held first.
 */

#include <stdint.h>

#include "runtime/store/store.h"

struct json_t;

/* The object in the file, with all its keys of the right types; NULL: there is none, or it is no
 * such thing. A new reference. */
struct json_t *rbk_readings_load(const struct rbk_store *store, const char *run);

/* When it was written, milliseconds since 1970; 0: it does not say. */
uint64_t rbk_readings_at(const struct json_t *readings);

#endif
