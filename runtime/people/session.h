#ifndef RBK_RUNTIME_PEOPLE_SESSION_H
#define RBK_RUNTIME_PEOPLE_SESSION_H

/*
 * A runner at a terminal: a run that is driven, shown, and interrupted by signals. What `rbk run`
 * and `rbk resume` have in common.
 */

#include "runtime/executor/run.h"
#include "runtime/people/options.h"
#include "runtime/people/show.h"
#include "runtime/people/user.h"

/* So many different notices are remembered, so that none is repeated with each poll. */
#define RBK_SESSION_TOLD 64

/* The caller's memory. */
struct rbk_session {
    const struct rbk_options *options;
    struct rbk_buffer store_path;
    char user[RBK_USER_BYTES];
    struct rbk_run_options run_options; /* for rbk_run_create() and rbk_run_reopen() */
    struct rbk_run *run;                /* owned from rbk_session_drive() on */
    struct rbk_view view;
    struct rbk_show show;
    struct rbk_state *after;    /* owned: the state after the record under way */
    struct rbk_actions scratch; /* owned: room for the step that makes it */
    struct rbk_facts facts;     /* of this runner, for the show */
    struct rbk_unsent_fact unsent;
    uint64_t unsent_ms;              /* when it was asked for last */
    uint64_t told[RBK_SESSION_TOLD]; /* notices of late, by what they say */
    uint64_t told_ms[RBK_SESSION_TOLD];
    uv_signal_t signals[6]; /* SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT */
    size_t signal_count;
    uv_timer_t tick;
    uv_prepare_t before_wait;  /* before the loop waits for something */
    uint64_t gathered_from_ms; /* loop time of the oldest line not yet written; 0: none */
    size_t open_handles;
};

/* Find the store and the user; run_options is complete afterwards. 0 or a negative error. */
RBK_MUST_USE int rbk_session_init(struct rbk_session *session, const struct rbk_options *options,
                                  struct rbk_error *reterr);
/* Drive the run to its end, or to where it stops, and free it. @return The program's exit status.
 */
int rbk_session_drive(struct rbk_session *session, struct rbk_run *run);
void rbk_session_fini(struct rbk_session *session);

#endif
