/*
 * Finding a store and a run in it.
 */
#include "runtime/people/run_store.h"

#include <stdio.h>
#include <string.h>

int rbk_run_store_path(const struct rbk_options *options, struct rbk_buffer *out,
                       struct rbk_error *reterr)
{
    const char *path = rbk_options_store(options);
    if (path == NULL) {
        return rbk_store_default_path(out, reterr);
    }
    if (strncmp(path, "postgresql:", 11) == 0 || strncmp(path, "postgres:", 9) == 0) {
        return rbk_error_set(reterr, RBK_EUNSUPPORTED,
                             "a store in PostgreSQL is not carried out by this version; give the "
                             "path of a file");
    }
    if (rbk_buffer_append_text(out, path) != 0) {
        return rbk_error_set(reterr, RBK_EUSAGE, "the path of the store is too long");
    }
    return 0;
}

int rbk_run_store_open(const struct rbk_options *options, enum rbk_store_role role,
                       struct rbk_store **ret_store, struct rbk_error *reterr)
{
    struct rbk_buffer path;
    int error;
    rbk_buffer_init(&path, 4096);
    if ((error = rbk_run_store_path(options, &path, reterr)) == 0) {
        error = rbk_store_open(path.data, role, ret_store, reterr);
    }
    if (error == -RBK_ENOTFOUND && reterr != NULL) {
        size_t bytes = strlen(reterr->text);
        (void)snprintf(reterr->text + bytes, sizeof(reterr->text) - bytes,
                       "; --store or RBK_STORE names another");
    }
    rbk_buffer_fini(&path);
    return error;
}

/* A search among the runs, the newest first. */
struct search {
    struct rbk_str given;
    size_t found;
    bool exact;
    char id[RBK_RUN_ID_BYTES];
    struct rbk_buffer names; /* of the first few that fit */
};

static int look_at(void *context, const struct rbk_store_run *run)
{
    struct search *search = context;
    if (run->id.bytes >= RBK_RUN_ID_BYTES || !rbk_str_starts(run->id, search->given)) {
        return 0;
    }
    if (search->found++ == 0) {
        memcpy(search->id, run->id.data, run->id.bytes);
        search->id[run->id.bytes] = '\0';
    }
    if (search->found <= 5) {
        rbk_buffer_printf(&search->names, "%s%.*s (%.*s, %.*s)", search->found == 1 ? "" : ", ",
                          RBK_STR_ARG(run->id), RBK_STR_ARG(run->plan), RBK_STR_ARG(run->status));
    } else if (search->found == 6) {
        rbk_buffer_append_text(&search->names, ", …");
    }
    if (search->given.bytes != 0 && run->id.bytes == search->given.bytes) {
        memcpy(search->id, run->id.data, run->id.bytes);
        search->id[run->id.bytes] = '\0';
        search->exact = true;
        return 1;
    }
    return 0;
}

static int first_one(void *context, const struct rbk_store_run *run)
{
    (void)look_at(context, run);
    return 1;
}

static int choose(struct rbk_store *store, struct search *search, const char *given,
                  enum rbk_run_choice choice, struct rbk_error *reterr)
{
    int error = rbk_store_each_run(store, given == NULL, look_at, search, reterr);
    if (error < 0) {
        return error;
    }
    if (given == NULL && search->found == 0 && choice == RBK_CHOOSE_LATEST) {
        error = rbk_store_each_run(store, false, first_one, search, reterr);
        if (error < 0) {
            return error;
        }
    }
    if (search->found == 0) {
        return given != NULL ? rbk_error_set(reterr, RBK_ENOTFOUND,
                                             "there is no run \"%s\" in %s; `rbk runs` lists them",
                                             given, rbk_store_path(store))
                             : rbk_error_set(reterr, RBK_ENOTFOUND, "there is no %srun in %s",
                                             choice == RBK_CHOOSE_UNFINISHED ? "unfinished " : "",
                                             rbk_store_path(store));
    }
    if (search->found > 1 && !search->exact) {
        return rbk_error_set(reterr, RBK_EUSAGE, "which run? %s", search->names.data);
    }
    return 0;
}

int rbk_run_store_find(struct rbk_store *store, const char *given, enum rbk_run_choice choice,
                       char ret_id[RBK_RUN_ID_BYTES], struct rbk_error *reterr)
{
    struct search search = {.given = rbk_str_from(given)};
    int error;
    if (given != NULL && given[0] == '\0') { /* an unset variable of a script; not "any run" */
        return rbk_error_set(reterr, RBK_EUSAGE, "the id of the run is empty");
    }
    rbk_buffer_init(&search.names, 4096);
    error = choose(store, &search, given, choice, reterr);
    if (error == 0) {
        memcpy(ret_id, search.id, RBK_RUN_ID_BYTES);
    }
    rbk_buffer_fini(&search.names);
    return error;
}
