#ifndef RBK_RUNTIME_PEOPLE_SAID_H
#define RBK_RUNTIME_PEOPLE_SAID_H

/*
 * What people said of a run: who answered, resolved or asked for what, when, and why. Kept while a
 * journal is replayed, for `rbk status`; the latest ones only, so that it does not grow with a run.
 */

#include "runtime/executor/record.h"
#include "runtime/people/view.h"

#define RBK_SAID_MAX 32u

/* One of them. Owned texts, as they are in the journal: whoever prints them sanitizes them. */
struct rbk_said {
    uint64_t at_ms;
    char *who;
    char *word;   /* what was said: "yes", "done", "abort" */
    char *about;  /* the step, stage or trigger, with what it asked; may be empty */
    char *reason; /* may be empty */
};

/* The latest RBK_SAID_MAX, in order. {0} is an empty one. */
struct rbk_said_list {
    struct rbk_said items[RBK_SAID_MAX];
    size_t count; /* kept */
    size_t total; /* said; more than count: the first ones are gone */
};

/* Take in what an event of a person says; any other is passed over. @before  The state it came to.
 * @return 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_said_record(struct rbk_said_list *list, const struct rbk_view *view,
                                 const struct rbk_record *record, const struct rbk_state *before);
void rbk_said_fini(struct rbk_said_list *list);

/* Append "a.apply.1" or "trigger.errors" of the question an event answers, and what it asks:
 * `a.apply.1 (Set www to the new address)`. Nothing when it answers none. */
void rbk_said_about(const struct rbk_view *view, const struct rbk_state *before,
                    const struct rbk_event *event, struct rbk_buffer *out);

#endif
