/*
 * rbk resume: take an unfinished run over, after a crash, a pause or a reboot.
 */
#include <stdio.h>

#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/session.h"

/* The run's id; the store is closed again before the executor opens it as a runner. */
static int find_run(const struct rbk_options *options, char id[RBK_RUN_ID_BYTES],
                    struct rbk_error *reterr)
{
    struct rbk_store *store = NULL;
    int error = rbk_run_store_open(options, RBK_STORE_READER, &store, reterr);
    if (error == 0) {
        error = rbk_run_store_find(store, options->word_count != 0 ? options->words[0] : NULL,
                                   RBK_CHOOSE_UNFINISHED, id, reterr);
    }
    rbk_store_close(store);
    return error;
}

int rbk_subcommand_resume(const struct rbk_options *options)
{
    struct rbk_error error = {0};
    struct rbk_session session;
    struct rbk_run *run = NULL;
    char id[RBK_RUN_ID_BYTES];
    int status;

    if (find_run(options, id, &error) != 0) {
        return rbk_subcommand_failed(options, &error);
    }
    if (rbk_session_init(&session, options, &error) != 0 ||
        rbk_run_reopen(&session.run_options, id, &run, &error) != 0) {
        status = rbk_subcommand_failed(options, &error);
    } else {
        status = rbk_session_drive(&session, run);
    }
    rbk_session_fini(&session);
    return status;
}
