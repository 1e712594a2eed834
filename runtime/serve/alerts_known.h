#ifndef RBK_RUNTIME_SERVE_ALERTS_KNOWN_H
#define RBK_RUNTIME_SERVE_ALERTS_KNOWN_H

/*
 * What a run knows of alerts, and what it will know once it has read its inbox. For alerts.c.
 */

#include "runtime/serve/serve_internal.h"

/* An alert: of a call, of a row that waits, or one that fires. Texts live as long as what it is
 * taken from. */
struct alert {
    struct rbk_str name;
    const struct rbk_pair *labels; /* without alertname, no value empty */
    size_t label_count;
    uint64_t hash; /* rbk_alert_hash() */
    bool firing;
};
/* Of name and labels, in whatever order these stand. */
uint64_t rbk_alert_hash(const struct alert *alert);

/* The names that the alert probes of a run wait for. */
struct names {
    struct rbk_str *items;
    size_t count;
    bool all; /* one cannot be told before the runner evaluates it */
};
/* Evaluate them, into the arena. false: there is no room. */
RBK_MUST_USE bool rbk_alert_names(const struct rbk_history *history, struct rbk_arena *arena,
                                  struct names *ret_names);
bool rbk_alert_waited_for(const struct names *names, struct rbk_str name);

/* What waits in the inbox of a run, found by hash. What is here cannot be more than is kept: it is
 * cut before. */
struct pending {
    struct rbk_arena *arena;
    struct alert *alerts; /* oldest first */
    size_t count, capacity, rows, bytes;
    uint32_t *table; /* `size` slots, a power of two: 1 + index into alerts; 0: free */
    size_t size;
    bool cut; /* there is more than was kept: what a run will know cannot be told */
};
/* Room for `capacity` alerts in pending->arena. false: there is none. */
RBK_MUST_USE bool rbk_pending_init(struct pending *pending, size_t capacity);
/* What comes behind all others. There must be room for it. */
void rbk_pending_add(struct pending *pending, const struct alert *alert);
/* For rbk_store_each_request(): take in a row of the inbox. @context  The pending. */
int rbk_pending_keep(void *context, const struct rbk_store_request *row);
/* The alerts that the run knows to fire come first, as if they waited, too. false: there is no
 * room. */
RBK_MUST_USE bool rbk_pending_add_known(struct pending *pending, const struct rbk_history *history);
/* The state that an alert will have for the run once it has read its inbox. */
bool rbk_pending_will_fire(struct pending *pending, const struct alert *alert);

#endif
