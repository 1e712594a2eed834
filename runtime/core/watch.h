#ifndef RBK_RUNTIME_CORE_WATCH_H
#define RBK_RUNTIME_CORE_WATCH_H

/*
 * Watching: windows over the readings of probes, and the three-valued level of every trigger's and
 * criterion's condition. Pure; fed by the executor (or the simulator) with readings and the
 * monotonic clock. Nothing here is journalled: after a restart windows begin empty and a `for`
 * starts again, but the level a trigger had reacted to, which the state knows, stands until
 * readings say otherwise.
 */

#include "runtime/core/state.h"

struct rbk_watch; /* owns its rings; one per run */

/* Sized from the machine; NULL when out of memory. */
struct rbk_watch *rbk_watch_new(const struct rbk_machine *machine);
void rbk_watch_free(struct rbk_watch *watch);

/*
 * One reading of a probe.
 * @value   Numbers, bools and texts as read; a missing value is a failed reading (no sample, stale,
 *          error, NaN, infinity).
 * The probe counts as missing only after `missing_after` failed readings in a row, or when nothing
 * was fed for longer than that many would take; until then its last good value stands.
 */
void rbk_watch_feed(struct rbk_watch *watch, uint32_t probe, struct rbk_value value,
                    uint64_t now_ms);

/*
 * A reading of a probe, or of a trigger's own condition, is about to be taken. What is fed next for
 * it was begun now: it is a second look only for what was seen before. Without this a reading
 * counts as begun when it is fed.
 */
void rbk_watch_begin(struct rbk_watch *watch, bool trigger, uint32_t index);

/*
 * Whoever watches stood still until now (stopped, or the host was): nothing was read meanwhile, and
 * that says nothing about the sources. A probe whose reading is due is not known until it is read
 * again, as after a restart: its conditions keep their levels, a `for` over it that is not complete
 * begins anew, and a second look has its whole time again.
 * @slept  The monotonic clock did not count all of it (the host slept): nobody can tell how old
 *         what was read before is, so windows begin empty, too.
 */
void rbk_watch_woke(struct rbk_watch *watch, bool slept, uint64_t now_ms);

/* A baseline that was measured (from the journal, or just now). */
void rbk_watch_set_baseline(struct rbk_watch *watch, uint32_t baseline, struct rbk_value value);
/* Mean of the readings a probe gave within the last over_ms; missing when there was none.
 * @ret_count  How many good ones there were; may be NULL. */
struct rbk_value rbk_watch_mean(const struct rbk_watch *watch, uint32_t probe, uint64_t over_ms,
                                uint64_t now_ms, uint64_t *ret_count);
/* An aggregate, as the WINDOW op wants it; the text of a value lives until the next feed. */
struct rbk_value rbk_watch_window(const struct rbk_watch *watch, uint32_t window, uint64_t now_ms);
/* How many good readings the value of a window comes of; and when a probe last gave a good one (0:
 * never). For those who tell what a decision was made on. */
uint64_t rbk_watch_window_count(const struct rbk_watch *watch, uint32_t window, uint64_t now_ms);
uint64_t rbk_watch_last_ms(const struct rbk_watch *watch, uint32_t probe);
/* How many readings a probe has given since the watch began (good and failed). */
uint32_t rbk_watch_readings(const struct rbk_watch *watch, uint32_t probe);

/* What became of a `confirm within`. X(constant, words) */
#define RBK_CONFIRMATIONS(X)                                          \
    X(NONE, "")                                                       \
    X(ASKED, "it is read again before it fires")                      \
    X(REFUTED, "it does not hold at a second look: it does not fire") \
    X(CONFIRMED, "confirmed by a second look")                        \
    X(UNANSWERED, "no second reading came in time")
#define X(constant, words) RBK_CONFIRMATION_##constant,
enum rbk_confirmation { RBK_CONFIRMATIONS(X) RBK_CONFIRMATION_COUNT };
#undef X
/* The words for a person; "?" out of range. */
const char *rbk_confirmation_words(enum rbk_confirmation confirmation);

/* A condition whose level changed, or whose second look has news. */
struct rbk_watch_change {
    bool criterion; /* else a trigger */
    uint32_t index;
    enum rbk_level level;
    bool changed; /* the level did; ASKED and REFUTED mostly come without */
    enum rbk_confirmation confirmation;
};

/*
 * Evaluate every armed trigger and every probe-reading criterion that depends on `probe` (RBK_NONE:
 * all of them, e.g. after arming or when a `for D` comes due), and give the levels that changed
 * since the last call or since the trigger was armed (a trigger that has just been armed starts
 * from FALSE). `for D` and `for N readings` are part of the level: TRUE only when the span is
 * complete; with `confirm within D` only when the condition still held with readings that were all
 * begun later (rbk_watch_wanted says which are wanted), or when D passed without. Triggers with
 * readings of their own (every_ms != 0) are fed with rbk_watch_level instead.
 * @scope    For params, variables and baselines; its window callback is ignored.
 * @changes  Caller's, room for rbk_watch_changes_max(watch, probe).
 * @return   How many changes.
 */
size_t rbk_watch_evaluate(struct rbk_watch *watch, const struct rbk_state *state,
                          const struct rbk_scope *scope, uint32_t probe, uint64_t now_ms,
                          struct rbk_watch_change *changes);
/* step() would not have a change that was given: the trigger or criterion was not armed any more
 * when its turn came. It begins anew as soon as it is armed, so that its edge is not lost. */
void rbk_watch_refused(struct rbk_watch *watch, bool criterion, uint32_t index);
/* How many conditions a look at one probe, or at all (RBK_NONE), may judge. */
size_t rbk_watch_changes_max(const struct rbk_watch *watch, uint32_t probe);
/* Whether what a condition comes to hangs on how many readings a `count` would have had before
 * anybody watched: then it is not judged yet. @scope  As for rbk_watch_evaluate(). */
bool rbk_watch_too_early(struct rbk_watch *watch, bool criterion, uint32_t index,
                         const struct rbk_scope *scope, uint64_t now_ms);
/* The raw level of a trigger with readings of its own; same rules, same result (0 or 1 change). */
size_t rbk_watch_level(struct rbk_watch *watch, const struct rbk_state *state, uint32_t trigger,
                       enum rbk_level level, uint64_t now_ms, struct rbk_watch_change *change);
/*
 * Call `want` for each reading that a second look still waits for: a probe's, or that of a
 * trigger's own condition (which comes last, when its probes have been read). Those that are under
 * way since before the look are among them.
 */
typedef void rbk_watch_want_fn(void *context, bool trigger, uint32_t index);
void rbk_watch_wanted(struct rbk_watch *watch, rbk_watch_want_fn *want, void *context);
/* The earliest monotonic instant at which a `for D` would complete, or a `confirm within D` end,
 * with no further reading; 0: none. */
uint64_t rbk_watch_next_due(const struct rbk_watch *watch);
/* For display: the level before `for` is applied, and since when (monotonic; 0: not true). */
enum rbk_level rbk_watch_raw_level(const struct rbk_watch *watch, uint32_t trigger,
                                   uint64_t *ret_since_ms);
/* For display: of `for N readings`, how many in a row were true; never more than N. */
uint32_t rbk_watch_true_readings(const struct rbk_watch *watch, uint32_t trigger);

#endif
