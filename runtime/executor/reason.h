#ifndef RBK_RUNTIME_EXECUTOR_REASON_H
#define RBK_RUNTIME_EXECUTOR_REASON_H

/* The reason of a run, for a person: replay->reason, with what it is made of. Part of a replay. */

#include "runtime/executor/replay.h"

/*
 * A record was accepted, and the state is that after it: brings whys, heard and reason up to date.
 * @waited  A pause that was asked for earlier has come into force with this record.
 */
void rbk_reason_take(struct rbk_replay *replay, const struct rbk_record *record, bool waited);

/* The reason, and while the run is stuck what failed on the way back of each stuck stage: for those
 * who see nothing but this line. Bounded; lives in `arena`. */
struct rbk_str rbk_reason_whole(const struct rbk_replay *replay, struct rbk_arena *arena);

#endif
