#ifndef RBK_RUNTIME_EXECUTOR_READINGS_H
#define RBK_RUNTIME_EXECUTOR_READINGS_H

/*
 * What a living runner sees now, for other processes: readings are not journalled, so `rbk status`
 * in another terminal and `rbk serve` read them from readings.json in the run's directory:
 *
 *     {"at": time, "epoch": 3, "probes": [{"probe": name, "value"?: text, "number"?: real,
 *      "at"?: time, "missing"?: why}], "triggers": [{"trigger": name, "armed": bool,
 *      "level": word, "raw": word, "since"?: time, "true_readings"?: int, "reading"?: "2.1%",
 *      "threshold"?: "> 5%", "distance"?: "2.9% below 5%", "share"?: real}],
 *      "ways": [{"strategy": row, "read"?: time, "missing"?: why}],
 *      "checks": [{"step": state, "retries": int, "holds": bool, "since"?: time,
 *      "progress"?: real}]}
 *
 * The file is renamed into place, at most once a second, and only when something has changed. It is
 * not durable and proves nothing: whoever reads it first asks whether the run's lease is held.
 *
 * Nobody outside runtime/executor includes this; runtime/people/readings.h reads.
 */

#include "runtime/executor/run_internal.h"

/* The last reading of each probe, and of each trigger that reads itself; owned by the run. */
struct rbk_readings;

/* A probe gave a value, or none and why (redacted). Copies. */
void rbk_readings_note(struct rbk_run *run, uint32_t probe, struct rbk_value value,
                       struct rbk_str why);
/* A trigger's own condition was read. @reading  What was read; NULL: nothing that gave a value.
 * Copies. */
void rbk_readings_note_own(struct rbk_run *run, uint32_t trigger,
                           const struct rbk_reading *reading);
/* From the second timer: write what has changed. */
void rbk_readings_write(struct rbk_run *run);
/* Before the first write, and at the end: what an earlier runner left is gone. */
void rbk_readings_remove(struct rbk_run *run);
void rbk_readings_free(struct rbk_run *run);

#endif
