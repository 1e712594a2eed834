#ifndef RBK_RUNTIME_DRIVERS_POSTGRES_NOTE_H
#define RBK_RUNTIME_DRIVERS_POSTGRES_NOTE_H

/*
 * The note that is journalled before a COMMIT is sent: enough to find out later, from another
 * process, what became of the transaction, and to be sure that the same server answers.
 *
 *   {"lsn":"0/19AB","pid":4711,"reset":1763712000000000,"started":1763712000000000,
 *    "system":"7…","timeline":"00000001","value":"…","xid":"742"}
 *
 * A server that crashes may give the number of a transaction that had not been written out to
 * another one later, whose COMMIT must not be taken for ours. A crash shows: it resets the server's
 * statistics. Then "committed" is believed only when the log up to `lsn` survived.
 */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

/** A backend, and the server it belongs to. */
struct rbk_postgres_identity {
    int pid;            /**< 0: unknown. */
    int64_t started_us; /**< Start of the backend, microseconds since 1970; 0: unknown. */
    char system[32];    /**< System identifier; "" where the role may not ask for it. */
    char timeline[16];  /**< "00000001"; "" when unknown. */
    int64_t reset_us;   /**< When the server\'s statistics began, microseconds since 1970. */
};

struct rbk_postgres_note {
    struct rbk_postgres_identity identity;
    char xid[32]; /**< "" where the server is too old to be asked later. */
    char lsn[32]; /**< End of the log after the statements; "" when unknown. */
    char *value;  /**< Owned, NUL-terminated; what the statements gave; NULL: none kept. */
    size_t value_bytes;
};

/** One statement that gives an identity as JSON. It needs a function that some roles may not call;
 * the plain one asks for the backend only. */
extern const char rbk_postgres_identity_sql[];
extern const char rbk_postgres_identity_plain_sql[];

/** Reads the answer of either. @return 0 or -RBK_EPROTOCOL. */
RBK_MUST_USE int rbk_postgres_identity_read(struct rbk_str json,
                                            struct rbk_postgres_identity *ret_identity);

/** Whether two identities can belong to one history of one server: equal as far as both are known.
 */
bool rbk_postgres_same_server(const struct rbk_postgres_identity *a,
                              const struct rbk_postgres_identity *b);

/** Writes the note as one line of JSON. @return 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_postgres_note_write(const struct rbk_postgres_note *note,
                                         struct rbk_buffer *out);
/** Reads one. @return 0; -RBK_EINVALID or -RBK_ENOMEM with nothing to free. */
RBK_MUST_USE int rbk_postgres_note_read(struct rbk_str json, struct rbk_postgres_note *ret_note);
/** Frees the value. */
void rbk_postgres_note_fini(struct rbk_postgres_note *note);

#endif
