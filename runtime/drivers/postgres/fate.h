#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_FATE_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_FATE_H

/*
 * What became of a backend and its transaction, asked over a second connection. First the backend
 * is ended and shown to be gone, since "not committed" could otherwise become "committed" a second
 * later; then the server is asked for the transaction's status.
 *
 *   connect (again and again) ──▶ same server? ──▶ terminate, until none is left ──▶ pg_xact_status
 *                                                        ▲            │ in progress      │
 *                                                        └────────────┴──────────────────┘
 */

#include "runtime/drivers/postgres/note.h"
#include "runtime/drivers/task.h"

struct rbk_postgres_inquiry; /* one inquiry under way */

enum rbk_postgres_fate {
    RBK_POSTGRES_FATE_GONE, /**< No transaction was asked for; the backend is gone. */
    RBK_POSTGRES_FATE_COMMITTED,
    RBK_POSTGRES_FATE_ABORTED,
    RBK_POSTGRES_FATE_UNKNOWN /**< Not to be found out; the reason says why. */
};

/** What is asked. Copied, but for `request`. */
struct rbk_postgres_question {
    const struct rbk_request *request;    /**< Address and names; borrowed until the end. */
    const struct rbk_postgres_note *note; /**< Backend, server, transaction; NULL: the backend is
                                               known by its application_name only. */
    bool by_name;                         /**< Also end backends with the request's name. */
    uint64_t limit_ms;                    /**< Then the answer is UNKNOWN. */
};

/** @reason  One line for a person; valid during the callback. */
typedef void rbk_postgres_fate_fn(void *owner, enum rbk_postgres_fate fate, const char *reason);

/** Asks; one callback on a later turn, unless it is closed before. 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_postgres_inquire(struct rbk_task_driver *driver,
                                      const struct rbk_postgres_question *question,
                                      rbk_postgres_fate_fn *on_fate, void *owner,
                                      struct rbk_postgres_inquiry **ret_inquiry);

/** Ends it without a callback; after a callback, frees it. NULL is fine. */
void rbk_postgres_inquiry_close(struct rbk_postgres_inquiry *inquiry);

#endif
