#ifndef RBK_RUNTIME_EXECUTOR_REASON_H
#define RBK_RUNTIME_EXECUTOR_REASON_H

/* The reason of a run, for a person: replay->reason, with what it is made of. Part of a replay. */

#include "runtime/executor/replay.h"

/*
 * A record was accepted, and the state is that after it: brings whys, heard and reason up to date.
 * @waited  A pause that was asked for earlier has come into force with this record.
 */
void rbk_reason_take(struct rbk_replay *replay, const struct rbk_record *record, bool waited);

#endif
