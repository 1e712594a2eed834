#ifndef RBK_RUNTIME_PEOPLE_ASK_H
#define RBK_RUNTIME_PEOPLE_ASK_H

/*
 * What a person asks of a run, put into the run's inbox. `rbk approve` and its sisters call this
 * with the operating system's user, `rbk serve` with the person a token is bound to; a runner takes
 * the rows out (executor/inbox.c) and replies.
 *
 * An answer is bound when it is given: to the run, to the hash of its machine (what was reviewed),
 * and to the serial of the very question that is open now. Whatever of the three differs when the
 * runner takes it is refused, so an answer that comes late, or is copied elsewhere, meets nothing.
 *
 * The functions only check what can be checked without the runner: that the run exists and has not
 * ended, that the question is open, that texts are UTF-8. Whether the person may answer it is for
 * the runner to say, since only it decides; rbk_store_get_reply() has what it said. Each is durable
 * when it returned 0, and needs a store opened as RBK_STORE_CLIENT, outside a transaction.
 */

#include <jansson.h>

#include "runtime/store/store.h"

struct rbk_replay;

/* Who asks. Borrowed for the call. */
struct rbk_asker {
    struct rbk_str user; /* the person; never from an argument of the person's own */
    /* Names of roles: of those that list `user` (or nobody) it speaks only for these. It never
     * speaks for more than its name does. NULL: for all of them. */
    const struct rbk_str *roles;
    size_t role_count;
    /* The run as whoever asks has it before him, up to date; NULL: it is read from the store. */
    const struct rbk_replay *replay;
};

/*
 * Answer a question.
 * @run       The whole id.
 * @question  "NAME@SERIAL", "NAME", "@SERIAL", or NULL or "" for the only one that is open.
 * @answer    A word of enum rbk_answer; which of them a question takes is for the runner.
 * @reason    For the journal; NULL: none. A doubt is not answered without one.
 * @ret_request  Row of the inbox, for rbk_store_get_reply().
 * @return 0; -RBK_ENOTFOUND (no such run), -RBK_ESTATE (it has ended, the question is not open),
 * -RBK_EUSAGE (several are open: the message lists them as NAME@SERIAL; a reason is
 * missing), -RBK_EINVALID (not UTF-8,
 * no such answer), or an error of the store.
 */
RBK_MUST_USE int rbk_ask_answer(struct rbk_store *store, const char *run,
                                const struct rbk_asker *asker, const char *question,
                                const char *answer, const char *reason, int64_t *ret_request,
                                struct rbk_error *reterr);

/* State that what an `attest` asks is so: "yes", but to no other kind of question. As above. */
RBK_MUST_USE int rbk_ask_attest(struct rbk_store *store, const char *run,
                                const struct rbk_asker *asker, const char *question,
                                const char *reason, int64_t *ret_request, struct rbk_error *reterr);

/*
 * Say what became of a step in doubt, or that a stuck stage was taken back by hand.
 * @step    Its name, perhaps with "@SERIAL" of the question about it; or a stuck stage's.
 * @done    Whether it happened (was taken back).
 * @reason  How the person knows. Not empty: -RBK_EUSAGE.
 */
RBK_MUST_USE int rbk_ask_resolve(struct rbk_store *store, const char *run,
                                 const struct rbk_asker *asker, const char *step, bool done,
                                 const char *reason, int64_t *ret_request,
                                 struct rbk_error *reterr);

/*
 * Any other command: pause, continue, abort, cancel, retry, signal.
 * @target  Of `retry`: a stage, or NULL for all; of `signal`: its name; else NULL. -RBK_ESTATE when
 *          the plan has none of that name.
 */
RBK_MUST_USE int rbk_ask_command(struct rbk_store *store, const char *run,
                                 const struct rbk_asker *asker, const char *command,
                                 const char *target, const char *reason, int64_t *ret_request,
                                 struct rbk_error *reterr);

/* Messages that were set aside are to be sent again, also of a run that has ended. @message  A row
 * of the outbox, 0: all of them. */
RBK_MUST_USE int rbk_ask_resend(struct rbk_store *store, const char *run,
                                const struct rbk_asker *asker, int64_t message,
                                int64_t *ret_request, struct rbk_error *reterr);

/* An alert begins or ceases to fire. @labels: an object of texts; borrowed; NULL: none. */
RBK_MUST_USE int rbk_ask_alert(struct rbk_store *store, const char *run,
                               const struct rbk_asker *asker, const char *name, bool firing,
                               json_t *labels, int64_t *ret_request, struct rbk_error *reterr);
/* Whether some probe of the run's plan may read an alert of that name with these labels (as above);
 * else those that its probes do read are appended, with the labels that they ask for. */
struct rbk_buffer;
bool rbk_ask_alert_is_read(struct rbk_store *store, const char *run, const char *name,
                           const json_t *labels, struct rbk_buffer *out);

#endif
