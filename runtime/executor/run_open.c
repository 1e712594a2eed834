/* Creating a run, opening one again, and giving it back. */
#include "runtime/executor/arming.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/drivers/exec.h"
#include "runtime/installed/installed.h"
#include "runtime/executor/readings.h"
#include "runtime/executor/settings.h"

#define DESCRIPTORS_WANTED 256u
#define DESCRIPTORS_MIN 64u
#define FOLDER_DESCRIPTORS 8
#define SCRATCH_BYTES ((size_t)64 << 20)
#define REPLAY_BYTES ((size_t)1 << 30)

/* ---- what both ways share ----------------------------------------------------------------------
 */

/* A run that finds no descriptor half-way could not even take its steps back: look before it
 * begins. */
static bool has_descriptors(struct rbk_error *reterr)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return true;
    }
    if (limit.rlim_cur < DESCRIPTORS_WANTED && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= DESCRIPTORS_MIN) {
        return true;
    }
    (void)rbk_error_set(reterr, RBK_ELIMIT,
                        "only %llu files may be open at once, a run needs %u: raise `ulimit -n`",
                        (unsigned long long)limit.rlim_cur, DESCRIPTORS_MIN);
    return false;
}

static struct rbk_run *run_new(const struct rbk_run_options *options, struct rbk_error *reterr)
{
    struct rbk_run *run;

    if (!has_descriptors(reterr)) {
        return NULL;
    }
    if ((run = calloc(1, sizeof(*run))) == NULL) {
        (void)rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        return NULL;
    }
    run->options = *options;
    run->queue_end = &run->queue;
    run->told_region = RBK_NONE;
    rbk_arena_init(&run->scratch, SCRATCH_BYTES);
    rbk_arena_init(&run->telling, SCRATCH_BYTES);
    if (uv_loop_init(&run->loop) != 0) {
        (void)rbk_error_set(reterr, RBK_ENOMEM, "no event loop");
        free(run);
        return NULL;
    }
    run->loop_open = true;
    run->supervisor = rbk_installed_path("rbk-supervisor");
    run->filter_worker = rbk_installed_path("rbk-filter-worker");
    return run;
}

static bool has_alert(void *context, struct rbk_str name, const struct rbk_pair *labels,
                      size_t label_count)
{
    const struct rbk_run *run = context;

    return rbk_alerts_fire(&run->replay->alerts, name, labels, label_count);
}

/* What a run cannot do without, and what may well not be there: looked at before anything is left
 * in the store. */
static int prepare(struct rbk_run *run, struct rbk_error *reterr)
{
    const struct rlimit no_core = {0, 0};
    int error;

    if (run->supervisor == NULL || run->filter_worker == NULL) {
        return rbk_error_set(reterr, RBK_ENOTFOUND, "cannot tell where this program is installed");
    }
    if (access(run->supervisor, X_OK) != 0 || access(run->filter_worker, X_OK) != 0) {
        return rbk_error_set(reterr, RBK_ENOTFOUND,
                             "a program of this installation is missing: %s; install rbk anew",
                             access(run->supervisor, X_OK) != 0 ? run->supervisor
                                                                : run->filter_worker);
    }
    if ((error = rbk_drivers_load(run->replay->machine, &run->modules, reterr)) != 0) {
        return error;
    }
    if (run->replay->machine->secret_count != 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
    }
    return rbk_secrets_load(run->replay->machine, run->replay->params, run->directory,
                            &run->secrets, reterr);
}

/* Scopes, drivers, probes: everything that needs machine, parameters and secrets. */
static int equip(struct rbk_run *run, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_driver_setup drivers = {.loop = &run->loop,
                                       .run = run->id,
                                       .run_directory = run->run_directory,
                                       .plan_directory = run->directory,
                                       .supervisor = run->supervisor,
                                       .filter_worker = run->filter_worker,
                                       .modules = &run->modules};
    struct rbk_reader_setup reader = {.loop = &run->loop,
                                      .scope = &run->scope,
                                      .run = run->id,
                                      .directory = run->directory,
                                      .secrets = rbk_secrets_all(run->secrets),
                                      .secret_count = machine->secret_count,
                                      .alert = has_alert,
                                      .context = run};
    int error;

    rbk_scope_open(run);
    if ((error = rbk_drivers_new(&drivers, &run->drivers, reterr)) != 0) {
        return error;
    }
    reader.drivers = run->drivers;
    run->watch = rbk_watch_new(machine);
    run->reader = rbk_reader_new(&reader);
    if (run->options.observer.on_record != NULL) {
        run->before = calloc(1, rbk_state_bytes(machine));
    }
    if (run->watch == NULL || run->reader == NULL || rbk_ways_open(run) != 0 ||
        (run->options.observer.on_record != NULL && run->before == NULL)) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (run->store == NULL) {
        return 0; /* nothing is told, and probes are read when the caller says so */
    }
    if ((error = rbk_outbox_open(run)) != 0 || (error = rbk_watcher_start(run)) != 0) {
        *reterr = run->error;
    }
    return error;
}

/* Where everything of the plan happens. Without it each command would fail, the ways back among
 * them: a disk that is not mounted yet is no reason to be stuck. */
static int look_for_plan(const struct rbk_run *run, struct rbk_error *reterr)
{
    struct stat status;

    if (stat(run->directory, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
    } else if (access(run->directory, X_OK) == 0) {
        return 0;
    }
    return rbk_error_set_system(reterr, RBK_ENOTFOUND, errno,
                                "cannot enter \"%s\", the directory of the run", run->directory);
}

static int find_directory(struct rbk_run *run, struct rbk_error *reterr)
{
    struct rbk_buffer path;
    int error = 0;

    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    rbk_store_run_directory(run->store, run->id, &path);
    if (mkdir(path.data, 0700) != 0 && errno != EEXIST) {
        error = rbk_error_set_system(reterr, errno == ENOSPC ? RBK_EFULL : RBK_EIO, errno,
                                     "cannot create \"%s\"", path.data);
    }
    run->run_directory = rbk_buffer_take(&path, NULL);
    rbk_buffer_fini(&path);
    return error;
}

/* ---- creating ----------------------------------------------------------------------------------
 */

/* Short enough to type, sorted by time, and not guessable twice: 20261121-0738-k3f9. */
static char *make_id(uint64_t now_ms)
{
    static const char letters[] = "23456789abcdefghjkmnpqrstuvwxyz";
    time_t now = (time_t)(now_ms / 1000u);
    unsigned char random[4];
    struct tm parts;
    char day[24], *id = NULL;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return NULL;
    }
    gmtime_r(&now, &parts);
    strftime(day, sizeof(day), "%Y%m%d-%H%M", &parts);
    if (asprintf(&id, "%s-%c%c%c%c", day, letters[random[0] % (sizeof(letters) - 1)],
                 letters[random[1] % (sizeof(letters) - 1)],
                 letters[random[2] % (sizeof(letters) - 1)],
                 letters[random[3] % (sizeof(letters) - 1)]) < 0) {
        return NULL;
    }
    return id;
}

/* `rehearsed within`: stages of medium and high risk need a fresh record, or a reason. */
static int check_rehearsal(struct rbk_run *run, const struct rbk_machine *machine,
                           const char *unrehearsed, uint64_t now_ms, struct rbk_error *reterr)
{
    int64_t last_ms = 0;
    int error;

    if (machine->rehearsed_within_ms == 0 || (unrehearsed != NULL && unrehearsed[0] != '\0')) {
        return 0;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];

        if (!region->has_risk || region->risk == RBK_RISK_LOW) {
            continue;
        }
        if ((error = rbk_store_last_rehearsal(run->store, machine->hash, &last_ms, reterr)) != 0) {
            return error;
        }
        if (last_ms != 0 && (uint64_t)last_ms + machine->rehearsed_within_ms >= now_ms) {
            return 0;
        }
        return rbk_error_set(
            reterr, RBK_EREFUSED,
            "stage `%.*s` has risk %s and this plan has no rehearsal fresh enough; "
            "rehearse it, or give --unrehearsed REASON, which is journalled",
            RBK_STR_ARG(region->name), rbk_risk_name(region->risk));
    }
    return 0;
}

static int store_run(struct rbk_run *run, const struct rbk_machine *machine, struct rbk_str text,
                     const struct rbk_value *params, const char *unrehearsed, uint64_t now_ms,
                     struct rbk_error *reterr)
{
    struct rbk_buffer encoded;
    struct rbk_store_run row = {.id = rbk_str_from(run->id),
                                .machine = rbk_str_from(machine->hash),
                                .plan = machine->name,
                                .title = machine->title,
                                .user = rbk_str_from(run->options.user),
                                .directory = rbk_str_from(run->directory),
                                .unrehearsed = rbk_str_from(unrehearsed != NULL ? unrehearsed : ""),
                                .url =
                                    rbk_str_from(run->options.url != NULL ? run->options.url : ""),
                                .status = rbk_str_from(rbk_status_name(RBK_STATUS_READY)),
                                .started_ms = (int64_t)now_ms};
    int error;

    rbk_buffer_init(&encoded, RBK_EVENT_BYTES_MAX);
    if (rbk_settings_encode(machine, params, &encoded) != 0) {
        error = rbk_error_set(reterr, RBK_ELIMIT, "the parameters are too large");
        goto out;
    }
    row.params = rbk_arena_copy(&run->replay->arena, rbk_buffer_str(&encoded));
    row.host = run->replay->run.host;
    if ((error = rbk_store_begin(run->store, reterr)) != 0) {
        goto out;
    }
    if ((error = rbk_store_put_machine(run->store, machine->hash, text, reterr)) != 0 ||
        (error = rbk_store_create_run(run->store, &row, reterr)) != 0) {
        rbk_store_rollback(run->store);
        goto out;
    }
    error = rbk_store_commit(run->store, reterr);
    run->replay->run = row; /* as the store has it: its hash begins the journal */
out:
    rbk_buffer_fini(&encoded);
    return error;
}

int rbk_run_create(const struct rbk_run_options *options, const struct rbk_machine *machine,
                   struct rbk_str machine_text, const char *directory,
                   const struct rbk_run_setting *settings, size_t setting_count,
                   const char *unrehearsed, struct rbk_run **ret_run, struct rbk_error *reterr)
{
    struct rbk_run *run = run_new(options, reterr);
    struct rbk_arena arena;
    struct rbk_value *params = NULL;
    char host[128] = "";
    struct timespec now;
    uint64_t now_ms;
    int error;

    if (run == NULL) {
        return -RBK_ENOMEM;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    now_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    rbk_arena_init(&arena, REPLAY_BYTES);
    if ((error = rbk_settings_read(machine, settings, setting_count, &arena, &params, reterr)) !=
        0) {
        goto fail;
    }
    run->id = make_id(now_ms);
    run->directory = strdup(directory);
    if (run->id == NULL || run->directory == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    if ((error = look_for_plan(run, reterr)) != 0) {
        goto fail;
    }
    run->replay = rbk_replay_begin(&arena, machine, params, reterr);
    if (run->replay == NULL) {
        error = -(int)reterr->code;
        goto fail;
    }
    if ((error = rbk_store_open(options->store_path, RBK_STORE_RUNNER, &run->store, reterr)) != 0 ||
        (error = check_rehearsal(run, machine, unrehearsed, now_ms, reterr)) != 0) {
        goto fail;
    }
    run->replay->run.user = rbk_arena_copy(&run->replay->arena, rbk_str_from(options->user));
    gethostname(host, sizeof(host) - 1);
    run->replay->run.host = rbk_arena_copy(&run->replay->arena, rbk_str_from(host));
    run->replay->run.started_ms = (int64_t)now_ms;
    /* A run that cannot read its secrets leaves no lease and no folder behind. */
    if ((error = rbk_daily_windows_start(run, reterr)) != 0 ||
        (error = prepare(run, reterr)) != 0 ||
        (error = rbk_store_take_lease(run->store, run->id, &run->epoch, reterr)) != 0 ||
        (error = find_directory(run, reterr)) != 0 ||
        (error = rbk_exec_claim(run->run_directory, run->id, reterr)) != 0 ||
        (error = equip(run, reterr)) != 0 ||
        (error = store_run(run, machine, machine_text, run->replay->params, unrehearsed, now_ms,
                           reterr)) != 0) {
        goto fail;
    }
    *ret_run = run;
    return 0;

fail:
    rbk_arena_fini(&arena);
    rbk_run_free(run);
    return error;
}

/* A folder of its own for the drivers of a run that is in no store. */
static int make_folder(struct rbk_run *run, struct rbk_error *reterr)
{
    const char *temporary = getenv("TMPDIR");

    if (asprintf(&run->run_directory, "%s/rbk-arm-XXXXXX",
                 temporary != NULL && temporary[0] == '/' ? temporary : "/tmp") < 0) {
        run->run_directory = NULL;
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (mkdtemp(run->run_directory) == NULL) {
        return rbk_error_set_system(reterr, errno == ENOSPC ? RBK_EFULL : RBK_EIO, errno,
                                    "cannot create \"%s\"", run->run_directory);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void rbk_run_remove_folder(struct rbk_run *run)
{
    if (run->run_directory != NULL) {
        (void)nftw(run->run_directory, remove_one, FOLDER_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    }
}

int rbk_run_create_bare(const struct rbk_run_options *options, const struct rbk_machine *machine,
                        const char *directory, const struct rbk_run_setting *settings,
                        size_t setting_count, struct rbk_run **ret_run, struct rbk_error *reterr)
{
    struct rbk_run *run = run_new(options, reterr);
    struct rbk_arena arena;
    struct rbk_value *params = NULL;
    struct timespec now;
    int error;

    if (run == NULL) {
        return -RBK_ENOMEM;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    rbk_arena_init(&arena, REPLAY_BYTES);
    if ((error = rbk_settings_read(machine, settings, setting_count, &arena, &params, reterr)) !=
        0) {
        goto fail;
    }
    run->id = make_id((uint64_t)now.tv_sec * 1000u);
    run->directory = strdup(directory);
    if (run->id == NULL || run->directory == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    if ((run->replay = rbk_replay_begin(&arena, machine, params, reterr)) == NULL) {
        error = -(int)reterr->code;
        goto fail;
    }
    run->replay->run.user = rbk_arena_copy(&run->replay->arena, rbk_str_from(options->user));
    run->replay->run.started_ms = (int64_t)now.tv_sec * 1000;
    if ((error = rbk_daily_windows_start(run, reterr)) != 0 ||
        (error = prepare(run, reterr)) != 0 || (error = make_folder(run, reterr)) != 0) {
        goto fail;
    }
    if ((error = rbk_exec_claim(run->run_directory, run->id, reterr)) != 0 ||
        (error = equip(run, reterr)) != 0) {
        rbk_run_remove_folder(run);
        goto fail;
    }
    *ret_run = run;
    return 0;

fail:
    rbk_arena_fini(&arena);
    rbk_run_free(run);
    return error;
}

/* ---- opening again -----------------------------------------------------------------------------
 */

static int on_unsent(void *context, const struct rbk_store_message *message)
{
    bool *found = context;

    *found = message->sent_ms == 0 && message->aside_ms == 0;
    return *found ? 1 : 0;
}

static int on_resend(void *context, const struct rbk_store_request *request)
{
    bool *found = context;

    *found = rbk_str_is(request->kind, "resend");
    return *found ? 1 : 0;
}

/* A run that ended a moment before its runner died may have messages left to send, or somebody
 * wants those that were set aside to be sent after all. */
static bool has_unsent(struct rbk_run *run)
{
    bool found = false;

    return (rbk_store_each_message(run->store, run->id, on_unsent, &found, NULL) == 0 && found) ||
           (rbk_store_each_request(run->store, run->id, on_resend, &found, NULL) == 0 && found);
}

int rbk_run_reopen(const struct rbk_run_options *options, const char *id, struct rbk_run **ret_run,
                   struct rbk_error *reterr)
{
    struct rbk_run *run = run_new(options, reterr);
    enum rbk_status status;
    int error;

    if (run == NULL) {
        return -RBK_ENOMEM;
    }
    if ((run->id = strdup(id)) == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    if ((error = rbk_store_open(options->store_path, RBK_STORE_RUNNER, &run->store, reterr)) != 0 ||
        (error = rbk_store_take_lease(run->store, id, &run->epoch, reterr)) != 0 ||
        (error = find_directory(run, reterr)) != 0 ||
        (error = rbk_replay_load(run->store, id, NULL, NULL, &run->replay, reterr)) != 0) {
        goto fail;
    }
    status = (enum rbk_status)run->replay->state->status;
    if (rbk_status_is_end(status) && !has_unsent(run)) {
        error =
            rbk_error_set(reterr, RBK_ESTATE, "run %s has ended: %s", id, rbk_status_name(status));
        goto fail;
    }
    run->resumed = run->replay->seq != 0;
    if ((run->directory = strdup(run->replay->run.directory.data)) == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    /* What has ended has only messages to send, and most of those need no directory. */
    if (!rbk_status_is_end(status) && (error = look_for_plan(run, reterr)) != 0) {
        goto fail;
    }
    if ((error = rbk_daily_windows_start(run, reterr)) != 0 ||
        (error = prepare(run, reterr)) != 0 || (error = equip(run, reterr)) != 0) {
        goto fail;
    }
    *ret_run = run;
    return 0;

fail:
    rbk_run_free(run);
    return error;
}

/* ---- giving back -------------------------------------------------------------------------------
 */

static void on_nothing(void *context)
{
    unsigned *open = context;

    --*open;
}

/* A run that was opened and never driven still has timers and drivers on its loop. */
static void close_undriven(struct rbk_run *run)
{
    unsigned open = 0;

    if (run->poll != NULL) {
        open++;
        rbk_poll_close(run->poll, on_nothing, &open);
    }
    if (run->outbox != NULL) {
        open++;
        rbk_outbox_close(run, on_nothing, &open);
    }
    if (run->drivers != NULL && !run->started) {
        open++;
        rbk_drivers_close(run->drivers, true, on_nothing, &open);
    }
    while (open != 0) {
        uv_run(&run->loop, UV_RUN_ONCE);
    }
    if (run->reader != NULL) {
        rbk_reader_drop(run->reader);
    }
}

void rbk_run_free(struct rbk_run *run)
{
    struct queued *next;

    if (run == NULL) {
        return;
    }
    close_undriven(run);
    rbk_daily_windows_close(run);
    for (struct queued *queued = run->queue; queued != NULL; queued = next) {
        next = queued->next;
        rbk_queue_free(queued);
    }
    /* Whatever still closes gets its turns, and a file that is just looked at its moment; a loop
     * that cannot be closed is a leak, not a hang. */
    for (int turns = 0; run->loop_open && uv_loop_close(&run->loop) != 0 && turns < 100; turns++) {
        uv_run(&run->loop, UV_RUN_NOWAIT);
        if (turns >= 10) {
            uv_sleep(1);
        }
    }
    rbk_reader_free(run->reader);
    if (run->drivers != NULL) {
        rbk_drivers_free(run->drivers);
    }
    rbk_watch_free(run->watch);
    rbk_arming_free(run);
    rbk_readings_free(run);
    rbk_secrets_free(run->secrets);
    rbk_replay_free(run->replay);
    rbk_store_close(run->store);
    rbk_arena_fini(&run->scratch);
    rbk_arena_fini(&run->telling);
    rbk_ways_free(run);
    free(run->before);
    free(run->id);
    free(run->directory);
    free(run->run_directory);
    free(run->supervisor);
    free(run->filter_worker);
    free(run);
}
