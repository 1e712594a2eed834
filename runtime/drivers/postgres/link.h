#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_LINK_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_LINK_H

/*
 * One connection to PostgreSQL on the loop, without ever blocking it: resolve, connect, and then
 * one query at a time. The driver above it decides what is asked; this only carries it.
 *
 *   RESOLVING ──▶ CONNECTING ──▶ IDLE ◀──▶ BUSY
 *        └──────────────┴──────────┴────────┴──▶ LOST     (close() from every state)
 */

#include <libpq-fe.h>

#include "runtime/drivers/task.h"

struct rbk_postgres_link;

/** What a query came to. The link's memory, valid during the callback. */
struct rbk_postgres_reply {
    bool lost;           /**< The connection broke before the query was answered in full. */
    bool failed;         /**< The server reported an error (also before a loss), or we refused. */
    char sqlstate[6];    /**< Of that error; "" when it is none of the server's. */
    unsigned statements; /**< Statements that were carried out. */
    bool has_rows;       /**< A result with columns came, perhaps with no row. */
    uint64_t rows;       /**< Of the last such result. */
    bool has_value;      /**< First column of its first row: there, not NULL, not too large. */
    bool too_large;      /**< It is there, but larger than the maximum. */
    struct rbk_str value;
    char tag[64];           /**< Command tag of the last statement: "COMMIT", "INSERT 0 1". */
    struct rbk_str message; /**< The error, one line: SQLSTATE and text; or why it was lost. */
    PGTransactionStatusType transaction; /**< As the server sees it now. */
};

/** Calls back on the loop, never inside a function of this header. */
struct rbk_postgres_link_events {
    /** Once: NULL, or why there is no connection. The link is LOST then; close it. */
    void (*on_connected)(void *owner, const char *failure);
    /** Once for each rbk_postgres_link_send(). The link may be closed or used again inside. */
    void (*on_reply)(void *owner, const struct rbk_postgres_reply *reply);
    /** The idle connection ended. May be NULL. */
    void (*on_lost)(void *owner);
};

/**
 * Begins to connect.
 * @address           Conninfo or URL; copied.
 * @application_name  At most 63 bytes; copied.
 * @value_bytes_max   The largest value a reply carries.
 * @return 0 or -RBK_ENOMEM; everything else comes through on_connected.
 */
RBK_MUST_USE int rbk_postgres_link_open(struct rbk_task_driver *driver, const char *address,
                                        const char *application_name, size_t value_bytes_max,
                                        const struct rbk_postgres_link_events *events, void *owner,
                                        struct rbk_postgres_link **ret_link);

/** Gives an idle link to another owner. @details  As below. */
void rbk_postgres_link_adopt(struct rbk_postgres_link *link,
                             const struct rbk_postgres_link_events *events, void *owner,
                             size_t value_bytes_max);

/** Where notices, and the fields of errors, are written as lines. May be NULL; borrowed. */
void rbk_postgres_link_details(struct rbk_postgres_link *link, struct rbk_buffer *details);

/** Sends statements as they are, by the simple protocol; the link must be idle. A failure to send
 * comes as a reply that is `lost`. */
void rbk_postgres_link_send(struct rbk_postgres_link *link, const char *sql);

/**
 * Sends one statement with parameters, by the extended protocol; more than one is an error.
 * @params  Texts; NULL for a NULL.
 * @types   Types where the server could not find them out; 0, or NULL for all: it can.
 */
void rbk_postgres_link_send_one(struct rbk_postgres_link *link, const char *sql,
                                const char *const *params, const Oid *types, size_t param_count);

/** Connected, idle and, as far as is known, alive. */
bool rbk_postgres_link_is_idle(const struct rbk_postgres_link *link);

/** Version of the server, 150020 for 15.20; 0 when not connected. */
int rbk_postgres_link_version(const struct rbk_postgres_link *link);

/** The connection, borrowed for the call, for rbk_postgres_cancel(); NULL when there is none. */
PGconn *rbk_postgres_link_connection(const struct rbk_postgres_link *link);

/** Ends it; its owner is never called again. Holds the driver until its handles are closed. */
void rbk_postgres_link_close(struct rbk_postgres_link *link);

#endif
