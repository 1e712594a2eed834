#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_TASK_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_TASK_H

/*
 * What the files of the PostgreSQL driver share: its tasks and their phases. Private to them.
 *
 *   effect:  CONNECTING ▶ IDENTIFYING ▶ BEGINNING ▶ WORKING ▶ NUMBERING ▶ NOTING ▶ COMMITTING ▶ end
 *   autocommit:  CONNECTING ▶ IDENTIFYING ▶ (LIMITING ▶ WORKING)… ▶ end
 *   reading:  CONNECTING (or a kept link) ▶ BEGINNING ▶ WORKING ▶ CLOSING ▶ end
 *   a stop:   WORKING ▶ (server cancels) ▶ end,  NOTING ▶ UNDOING ▶ end,  no answer ▶ SETTLING ▶
 * end a loss:   any ▶ SETTLING (rbk_postgres_inquire) ▶ end
 */

#include "runtime/drivers/postgres/cancel.h"
#include "runtime/drivers/postgres/fate.h"
#include "runtime/drivers/postgres/link.h"
#include "runtime/drivers/postgres/note.h"
#include "runtime/drivers/postgres/text.h"
#include "runtime/drivers/sql_split.h"
#include "runtime/drivers/task.h"

#define RBK_POSTGRES_KEPT_LINKS 4

enum rbk_postgres_phase {
    RBK_POSTGRES_CONNECTING,
    RBK_POSTGRES_IDENTIFYING, /**< Which backend, which server. */
    RBK_POSTGRES_BEGINNING,   /**< BEGIN and the time limits were sent. */
    RBK_POSTGRES_LIMITING,    /**< Time limits of the next autocommit statement were sent. */
    RBK_POSTGRES_WORKING,     /**< The plan's statements were sent. */
    RBK_POSTGRES_NUMBERING,   /**< The transaction's id was asked for. */
    RBK_POSTGRES_NOTING,      /**< Nothing runs; waits for proceed(). */
    RBK_POSTGRES_COMMITTING,  /**< COMMIT was sent: from here on only the server knows. */
    RBK_POSTGRES_CLOSING,     /**< A reading has its value; its transaction is being closed. */
    RBK_POSTGRES_UNDOING,     /**< ROLLBACK was sent, because of a stop. */
    RBK_POSTGRES_SETTLING     /**< An inquiry is under way. */
};

/** What the end of an inquiry means. */
enum rbk_postgres_settlement {
    RBK_POSTGRES_SETTLE_STOP,    /**< Backend gone: the stop's outcome; otherwise DOUBT. */
    RBK_POSTGRES_SETTLE_FAIL,    /**< Not committed in any case: FAIL. */
    RBK_POSTGRES_SETTLE_DOUBT,   /**< Autocommit: DOUBT in any case. */
    RBK_POSTGRES_SETTLE_COMMIT,  /**< Committed: OK; rolled back: FAIL; otherwise DOUBT. */
    RBK_POSTGRES_SETTLE_RECOVERY /**< recover(). */
};

/** A link between two readings. */
struct rbk_postgres_kept {
    struct rbk_postgres_link *link; /**< NULL: free. */
    char *address;                  /**< Owned. */
    char name[RBK_POSTGRES_NAME_BYTES + 1];
    uint64_t since_ns;
};

struct rbk_postgres_driver {
    struct rbk_task_driver base; /* first */
    struct rbk_postgres_kept kept[RBK_POSTGRES_KEPT_LINKS];
    struct rbk_postgres_cancels *cancels;
};

struct rbk_postgres_task {
    struct rbk_task task; /* first: struct rbk_activity is this address */
    enum rbk_postgres_phase phase;
    struct rbk_postgres_link *link;       /**< Owned; NULL when there is none. */
    struct rbk_postgres_inquiry *inquiry; /**< Owned. */
    enum rbk_postgres_settlement settlement;
    struct rbk_postgres_note note; /**< Backend, server, and later the transaction. */
    char name[RBK_POSTGRES_NAME_BYTES + 1];
    bool kept_link; /**< The link was used before: it may be dead. */
    bool plain_identity;
    char *journalled; /**< Owned; recover(): the note; NULL: none. */
    char **params;    /**< Owned texts; NULL for a NULL. */
    size_t param_count;
    struct rbk_sql_scan scan;           /**< Statements still to be sent, one by one. */
    struct rbk_sql_statement statement; /**< The one that was sent last. */
    unsigned done;                      /**< Statements carried out, of those. */
    uint64_t limited_ns;                /**< When the server's time limit began. */
    uint64_t limit_ms;
};

/** The task of a struct rbk_task, and its driver. */
struct rbk_postgres_task *rbk_postgres_task_of(struct rbk_task *task);
struct rbk_postgres_driver *rbk_postgres_driver_of(struct rbk_postgres_task *self);

/* kept.c: kept links. */

/** A kept, idle link for this address and name, now owned by the caller; or NULL. */
struct rbk_postgres_link *rbk_postgres_kept_take(struct rbk_postgres_driver *driver,
                                                 const char *address, const char *name);
/** Keeps an idle link; closes it when it is not idle, or there is no memory. */
void rbk_postgres_kept_put(struct rbk_postgres_driver *driver, struct rbk_postgres_link *link,
                           const char *address, const char *name);
void rbk_postgres_kept_close_all(struct rbk_postgres_driver *driver);

/* stop.c: deadlines, cancels, losses, recoveries. */

/** Closes what is open and answers. */
void rbk_postgres_end(struct rbk_postgres_task *self, enum rbk_outcome outcome);
/** ops->stop of a task. */
void rbk_postgres_stop(struct rbk_task *task);
/** Starts an inquiry whose end answers; the link is closed. */
void rbk_postgres_settle(struct rbk_postgres_task *self, enum rbk_postgres_settlement settlement,
                         bool by_name);
/** The connection broke in the task's phase; the message is set. */
void rbk_postgres_take_loss(struct rbk_postgres_task *self);
/** ops->begin of a recovering task. */
void rbk_postgres_begin_recovery(struct rbk_postgres_task *self);

#endif
