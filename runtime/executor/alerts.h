#ifndef RBK_RUNTIME_EXECUTOR_ALERTS_H
#define RBK_RUNTIME_EXECUTOR_ALERTS_H

/*
 * The alerts of a run, as pushed by `rbk alert`: several of one name live side by side, told apart
 * by their labels, as in Alertmanager. A label with an empty value is the same as none.
 */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/str.h"

/* The most labels one alert may carry. */
#define RBK_ALERT_LABELS_MAX 64
/* What all alerts that fire at one time may take; a run takes in no other until some are resolved.
 */
#define RBK_ALERTS_BYTES_MAX ((size_t)16 << 20)

/* The alerts that fire now. Zero is empty; rows and texts are in the arena given to set(). */
struct rbk_alerts {
    struct rbk_alert *items;
    size_t count, capacity;
};

struct rbk_alert {
    struct rbk_str name;
    const struct rbk_pair *labels; /* each name once, no value empty */
    size_t label_count;
};

/* The alert of this name and exactly these labels fires, or does not (any more). Copies. */
void rbk_alerts_set(struct rbk_alerts *alerts, struct rbk_arena *arena, struct rbk_str name,
                    const struct rbk_pair *labels, size_t label_count, bool firing);
/* What the alerts that fire take up. */
size_t rbk_alerts_bytes(const struct rbk_alerts *alerts);
/* Whether an alert of this name fires that carries all these labels; what else it carries does not
 * matter. */
bool rbk_alerts_fire(const struct rbk_alerts *alerts, struct rbk_str name,
                     const struct rbk_pair *labels, size_t label_count);

/* Whether an alert is one of those asked for: its name, and all the labels that are asked for. */
bool rbk_alert_is(const struct rbk_alert *alert, struct rbk_str name, const struct rbk_pair *labels,
                  size_t label_count);

#endif
