#ifndef RBK_RUNTIME_PEOPLE_HISTORY_H
#define RBK_RUNTIME_PEOPLE_HISTORY_H

/*
 * A run read from its journal, for those who look at it without driving it: status and log. The
 * journal goes through the same step() again, so what is shown is what a resumed runner would find.
 */

#include "runtime/executor/replay.h"
#include "runtime/people/options.h"
#include "runtime/people/runner.h"
#include "runtime/people/said.h"
#include "runtime/people/show.h"

/* A variable of the run, as of the last event. */
struct rbk_known_variable {
    bool known; /* it has been asked for */
    struct rbk_value value;
};

/* The caller's memory. */
struct rbk_history {
    struct rbk_store *store; /* owned, unless `borrowed` */
    bool borrowed;
    char id[RBK_RUN_ID_BYTES];
    struct rbk_replay *replay; /* owned */
    struct rbk_scope scope;
    struct rbk_view view;
    struct rbk_track track;
    bool tracking;
    struct rbk_said_list said; /* what people said, the latest of it */
    struct rbk_show *show;     /* borrowed; NULL: only track */
    int64_t seq;
    struct rbk_runner runner; /* who drives it, when it was read */
    struct rbk_state *before; /* owned: for rbk_history_follow() */
    struct rbk_arena words;   /* owned: texts of `known` */
    int64_t words_seq;        /* the event that `known` is of */
    bool in_question;         /* the text of a question is being evaluated */
    struct rbk_known_variable known[RBK_VARIABLE_COUNT];
};

/*
 * Open the store, find the run (options->words[0], or the only one that is meant) and replay it.
 * @show  Is given every record, with its own track; its view is set here. NULL: nobody.
 */
RBK_MUST_USE int rbk_history_load(struct rbk_history *history, const struct rbk_options *options,
                                  struct rbk_show *show, struct rbk_error *reterr);
/* The same for a run whose whole id is known, in a store that stays the caller's and outlives the
 * history. */
RBK_MUST_USE int rbk_history_open(struct rbk_history *history, struct rbk_store *store,
                                  const char *id, struct rbk_show *show, struct rbk_error *reterr);
/* The same for a journal that may be broken: read as far as its events follow from each other; why
 * it ends there is in *ret_broken, whose code is 0 for a whole one. */
RBK_MUST_USE int rbk_history_open_far(struct rbk_history *history, struct rbk_store *store,
                                      const char *id, struct rbk_show *show,
                                      struct rbk_error *ret_broken, struct rbk_error *reterr);
/* The same, with no event taken in yet: for who cannot read a long journal in one go. */
RBK_MUST_USE int rbk_history_prepare(struct rbk_history *history, struct rbk_store *store,
                                     const char *id, struct rbk_show *show,
                                     struct rbk_error *reterr);
/* Take the events that came since. @return 0 or a negative error: it is of no use any more then. */
RBK_MUST_USE int rbk_history_follow(struct rbk_history *history, struct rbk_error *reterr);
/* Take some of them: as long as neither is 0; what is taken is taken off both.
 * @ret_more  Whether there are others, which the next call takes. */
RBK_MUST_USE int rbk_history_follow_some(struct rbk_history *history, uint64_t *count_left,
                                         uint64_t *bytes_left, bool *ret_more,
                                         struct rbk_error *reterr);
void rbk_history_fini(struct rbk_history *history);

#endif
