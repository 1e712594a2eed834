#ifndef RBK_RUNTIME_PEOPLE_MESSAGES_H
#define RBK_RUNTIME_PEOPLE_MESSAGES_H

/*
 * The messages of a run, as people look at them: which are not sent yet, why, and when they are
 * tried again; which were refused and are set aside (`rbk status`); and each beside the event it
 * was written with (`rbk log`).
 */

#include "runtime/people/history.h"

/* One message of the log. */
struct rbk_told_message {
    int64_t seq; /* of the event it was written with */
    struct rbk_str channel, text, reason;
    int64_t id, attempts, sent_ms, next_ms, aside_ms;
};

/* All messages of a run, in the order they were written. Memory of its own. */
struct rbk_messages {
    struct rbk_arena arena;
    struct rbk_told_message *items;
    size_t count, capacity;
    size_t told; /* how many rbk_messages_tell() has told of */
};

/* Load them anew; what was told of is not told again. @return 0 or a negative error. */
RBK_MUST_USE int rbk_messages_load(struct rbk_messages *messages, struct rbk_store *store,
                                   const char *run, const struct rbk_machine *machine,
                                   struct rbk_error *reterr);
void rbk_messages_fini(struct rbk_messages *messages);

/* Tell a show of those that were written with the events up to `seq`. */
void rbk_messages_tell(struct rbk_messages *messages, int64_t seq, struct rbk_show *show);

/* {"sent": N, "unsent": [{"id", "channel", "text", "written", "attempts", "reason", "next"}],
 * "aside": [the same, "since" instead of "next"]}; NULL with reterr set. */
struct json_t *rbk_messages_json(const struct rbk_history *history, struct rbk_error *reterr);

#endif
