/*
 * Messages that were set aside, and that a person wants to be sent again (`rbk resend`): they come
 * back with their keys and their places, as if they had never been tried. Not part of the journal:
 * the inbox keeps who asked, and the outbox what became of it.
 */
#include "runtime/executor/run_internal.h"

#include <string.h>

static int bring_back(struct rbk_run *run, const struct resend *item, int64_t *count)
{
    int64_t found = 0;
    int error = rbk_store_resend(run->store, run->id, item->message, &found, &run->error);

    if (error == 0) {
        *count += found;
        error = rbk_store_reply(run->store, item->request,
                                found != 0           ? "accepted"
                                : item->message != 0 ? "the run has no such message set aside"
                                                     : "no message of the run is set aside",
                                &run->error);
    }
    return error;
}

int rbk_resend(struct rbk_run *run, const struct resend *items, size_t count)
{
    int64_t found = 0;
    int error = rbk_store_begin(run->store, &run->error);

    if (error != 0) {
        return error;
    }
    /* First what is under way becomes known: what is looked for anew is what the store says. */
    error = rbk_outbox_write(run);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = bring_back(run, &items[i], &found);
    }
    if (error != 0) {
        rbk_store_rollback(run->store);
        return error;
    }
    if ((error = rbk_store_commit(run->store, &run->error)) != 0) {
        return error;
    }
    rbk_outbox_written(run);
    if (found != 0) {
        rbk_outbox_rewind(run);
    }
    return 0;
}
