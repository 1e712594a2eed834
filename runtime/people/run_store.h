#ifndef RBK_RUNTIME_PEOPLE_RUN_STORE_H
#define RBK_RUNTIME_PEOPLE_RUN_STORE_H

/*
 * The store a command works with, and the run it is about.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/people/options.h"
#include "runtime/store/store.h"

/* What part of a store's runs a command without RUN chooses from. */
enum rbk_run_choice {
    RBK_CHOOSE_UNFINISHED, /* the only unfinished one */
    RBK_CHOOSE_LATEST      /* the only unfinished one, else the latest of all */
};

/* Append the path of the store: --store, $RBK_STORE, or the user's own. */
RBK_MUST_USE int rbk_run_store_path(const struct rbk_options *options, struct rbk_buffer *out,
                                    struct rbk_error *reterr);

/* Open it. A reader or client of a store that is not there gets -RBK_ENOTFOUND. */
RBK_MUST_USE int rbk_run_store_open(const struct rbk_options *options, enum rbk_store_role role,
                                    struct rbk_store **ret_store, struct rbk_error *reterr);

/*
 * Find a run.
 * @given  An id or the beginning of one that is unique; NULL: by `choice`.
 * @return 0; -RBK_ENOTFOUND; -RBK_EUSAGE when it fits several runs (the message lists them).
 */
RBK_MUST_USE int rbk_run_store_find(struct rbk_store *store, const char *given,
                                    enum rbk_run_choice choice, char ret_id[RBK_RUN_ID_BYTES],
                                    struct rbk_error *reterr);

#endif
