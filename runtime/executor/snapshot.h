#ifndef RBK_RUNTIME_EXECUTOR_SNAPSHOT_H
#define RBK_RUNTIME_EXECUTOR_SNAPSHOT_H

/*
 * A snapshot: everything a replay knows after one event of the journal, as canonical JSON, so that
 * recovery need not begin with the first one. It is written in the transaction of that event, with
 * a SHA-256 of its own, and names the machine, the run, its settings and the event with its hash:
 * one that belongs anywhere else is not used. It proves nothing about the events before it, which
 * only a replay of the whole journal does.
 *
 *   alerts      [{"labels": {name: value}, "name": value}]
 *   baselines   [[index, value]]; slots likewise: what is bound now
 *   began       [[region, order, ms]]: when applies began
 *   event       hash of the event `seq`
 *   flight      [{"attempt", "look", "note", "region", "serial", "since", "state"}]
 *   format      RBK_SNAPSHOT_FORMAT
 *   heard       [[trigger, people are asked, what it saw, what it lacked, what was said]]
 *   layout      of the state's block: what else the program must have in common to read it
 *   machine, run, settings, seq
 *   reason      value; told: [kind, index]
 *   starters    who started or resumed the run, the latest first
 *   state       the block, in hex
 *   stucks      as whys: what stages are stuck by
 *   ways        [[strategy, level, since]]
 *   whys        [[region, cause, index, what its record said]]
 */

#include "runtime/executor/replay.h"

/* Changes when a reader of before would misread what is written now. */
#define RBK_SNAPSHOT_FORMAT 1
/* Events from one snapshot to the next. */
#define RBK_SNAPSHOT_EVERY 4096
/* A longer one is not written: the run is recovered by its whole journal then. */
#define RBK_SNAPSHOT_BYTES_MAX ((size_t)256 << 20)

/* What the block of a state looks like in this program: sizes, and the order of bytes. */
#define RBK_SNAPSHOT_LAYOUT_BYTES 64
void rbk_snapshot_layout(char layout[RBK_SNAPSHOT_LAYOUT_BYTES]);

/*
 * Write one inside the transaction of the replay's last event.
 * @return 0, also when it would be too long, or there is no memory for it: recovery does without.
 * Else the code of the store.
 */
RBK_MUST_USE int rbk_snapshot_write(struct rbk_store *store, struct rbk_replay *replay,
                                    struct rbk_error *reterr);

/*
 * Bring a fresh replay to the newest snapshot that verifies: sets replay->seq, or leaves it 0 where
 * none does.
 * @return 0; -RBK_ECORRUPT when the journal ends before a snapshot that was written with it; the
 * code of the store.
 */
RBK_MUST_USE int rbk_snapshot_load(struct rbk_store *store, struct rbk_replay *replay,
                                   struct rbk_error *reterr);

#endif
