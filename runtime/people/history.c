/*
 * Replaying a run for display.
 */
#include "runtime/people/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/executor/variables.h"
#include "runtime/people/run_store.h"

/* The variables of a run at one time: a reason, and five questions that are evaluated. */
#define WORDS_BYTES_MAX ((size_t)256 << 20)

/* ---- what labels may use ----------------------------------------------------------------------
 */

/* Each is worked out once for an event: its text stays where it is while a label, which may name it
 * twice, is put together, and a long look at one run takes no more memory than the run. */
static struct rbk_value variable(void *context, enum rbk_variable which)
{
    struct rbk_history *history = context;
    const struct rbk_variables variables = {.replay = history->replay,
                                            .run = rbk_str_from(history->id),
                                            .stage = RBK_NONE,
                                            .now_ms = history->replay->state->now_ms,
                                            .scope = &history->scope,
                                            .in_question = &history->in_question,
                                            .arena = &history->words};
    struct rbk_value value;

    if (history->words_seq != history->seq) {
        rbk_arena_reset(&history->words);
        memset(history->known, 0, sizeof(history->known));
        history->words_seq = history->seq;
    }
    if (history->known[which].known) {
        return history->known[which].value;
    }
    value = rbk_variables_get(&variables, which);
    if (!history->in_question) {
        history->known[which].known = true;
        history->known[which].value = value;
    }
    return value;
}

/* ---- replaying --------------------------------------------------------------------------------
 */

/* Set up everything that needs the machine, at the first event or after the last. */
static int begin(struct rbk_history *history, struct rbk_replay *replay)
{
    if (history->tracking) {
        return 0;
    }
    history->replay = replay;
    rbk_arena_init(&history->words, WORDS_BYTES_MAX);
    history->scope = (struct rbk_scope){.machine = replay->machine,
                                        .slots = replay->slots,
                                        .params = replay->params,
                                        .baselines = replay->baselines,
                                        .context = history,
                                        .print_missing = true,
                                        .variable = variable};
    history->view.run = history->id;
    history->view.machine = replay->machine;
    history->view.settings = &replay->settings;
    history->view.scope = &history->scope;
    history->before = calloc(1, rbk_state_bytes(replay->machine));
    if (history->before == NULL ||
        rbk_track_init(&history->track, replay->machine, replay->params) != 0) {
        return -RBK_ENOMEM;
    }
    history->tracking = true;
    return history->show != NULL ? rbk_show_begin(history->show, &history->view, replay->state) : 0;
}

static int on_record(void *context, struct rbk_replay *replay, const struct rbk_record *record,
                     const struct rbk_state *before)
{
    struct rbk_history *history = context;
    int error = begin(history, replay);
    if (error != 0) {
        return error;
    }
    history->seq++;
    if ((error = rbk_said_record(&history->said, &history->view, record, before)) != 0) {
        return error;
    }
    rbk_track_record(&history->track, &history->view, record, before, replay->state,
                     &replay->actions);
    if (history->show != NULL) {
        struct rbk_shown_record shown = {history->seq, record, before, replay->state,
                                         &replay->actions};
        history->show->now_ms = record->event.now_ms;
        history->show->state = replay->state;
        rbk_show_record(history->show, &shown);
    }
    return 0;
}

/* Replay the run whose store and id are set. @broken  NULL: a broken journal is an error. */
static int replay_run(struct rbk_history *history, struct rbk_error *broken,
                      struct rbk_error *reterr)
{
    struct rbk_replay *replay = NULL;
    int error = broken != NULL ? rbk_replay_load_far(history->store, history->id, on_record,
                                                     history, &replay, broken, reterr)
                               : rbk_replay_load(history->store, history->id, on_record, history,
                                                 &replay, reterr);

    history->replay = replay; /* NULL when it failed: the replay is gone then */
    if (error == 0 && begin(history, replay) != 0) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (error == 0) {
        history->runner = rbk_runner_look(history->store, history->id);
    }
    return error;
}

int rbk_history_load(struct rbk_history *history, const struct rbk_options *options,
                     struct rbk_show *show, struct rbk_error *reterr)
{
    int error;
    memset(history, 0, sizeof(*history));
    history->show = show;
    history->view.store = options->values[RBK_OPTION_STORE];
    error = rbk_run_store_open(options, RBK_STORE_READER, &history->store, reterr);
    if (error == 0) {
        error =
            rbk_run_store_find(history->store, options->word_count != 0 ? options->words[0] : NULL,
                               RBK_CHOOSE_LATEST, history->id, reterr);
    }
    return error == 0 ? replay_run(history, NULL, reterr) : error;
}

static int open_run(struct rbk_history *history, struct rbk_store *store, const char *id,
                    struct rbk_show *show, struct rbk_error *broken, struct rbk_error *reterr)
{
    memset(history, 0, sizeof(*history));
    history->show = show;
    history->store = store;
    history->borrowed = true;
    (void)snprintf(history->id, sizeof(history->id), "%s", id);
    return replay_run(history, broken, reterr);
}

int rbk_history_open(struct rbk_history *history, struct rbk_store *store, const char *id,
                     struct rbk_show *show, struct rbk_error *reterr)
{
    return open_run(history, store, id, show, NULL, reterr);
}

int rbk_history_open_far(struct rbk_history *history, struct rbk_store *store, const char *id,
                         struct rbk_show *show, struct rbk_error *ret_broken,
                         struct rbk_error *reterr)
{
    return open_run(history, store, id, show, ret_broken, reterr);
}

/* ---- following --------------------------------------------------------------------------------
 */

/* Events that came since, as many as are wanted. */
struct next {
    struct rbk_history *history;
    struct rbk_arena scratch;
    struct rbk_error *reterr;
    uint64_t count_left, bytes_left;
};

static int on_event(void *context, const struct rbk_store_event *event)
{
    struct next *next = context;
    struct rbk_history *history = next->history;
    struct rbk_record record;
    int error;

    if (next->count_left == 0 || next->bytes_left == 0) {
        return 1; /* there is more */
    }
    next->count_left--;
    next->bytes_left -= event->body.bytes < next->bytes_left ? event->body.bytes : next->bytes_left;
    error = rbk_replay_take(history->replay, event, &next->scratch, history->before, &record,
                            next->reterr);
    return error != 0 ? error : on_record(history, history->replay, &record, history->before);
}

int rbk_history_follow_some(struct rbk_history *history, uint64_t *count_left, uint64_t *bytes_left,
                            bool *ret_more, struct rbk_error *reterr)
{
    struct next next = {
        .history = history, .reterr = reterr, .count_left = *count_left, .bytes_left = *bytes_left};
    int error;

    rbk_arena_init(&next.scratch, RBK_REPLAY_SCRATCH_BYTES);
    error = rbk_store_each_event(history->store, history->id, history->seq + 1, on_event, &next,
                                 reterr);
    rbk_arena_fini(&next.scratch);
    *count_left = next.count_left;
    *bytes_left = next.bytes_left;
    history->runner = rbk_runner_look(history->store, history->id);
    *ret_more = error > 0;
    return error < 0 ? error : 0;
}

int rbk_history_follow(struct rbk_history *history, struct rbk_error *reterr)
{
    uint64_t count = UINT64_MAX, bytes = UINT64_MAX;
    bool more;

    return rbk_history_follow_some(history, &count, &bytes, &more, reterr);
}

int rbk_history_prepare(struct rbk_history *history, struct rbk_store *store, const char *id,
                        struct rbk_show *show, struct rbk_error *reterr)
{
    struct rbk_replay *replay = NULL;
    int error;

    memset(history, 0, sizeof(*history));
    history->show = show;
    history->store = store;
    history->borrowed = true;
    (void)snprintf(history->id, sizeof(history->id), "%s", id);
    error = rbk_replay_open(store, id, &replay, reterr);
    if (error == 0 && (error = begin(history, replay)) != 0) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (history->replay == NULL) {
        rbk_replay_free(replay);
    }
    return error;
}

void rbk_history_fini(struct rbk_history *history)
{
    if (history->tracking) {
        rbk_track_fini(&history->track);
    }
    rbk_arena_fini(&history->words);
    rbk_said_fini(&history->said);
    free(history->before);
    rbk_replay_free(history->replay);
    if (!history->borrowed) {
        rbk_store_close(history->store);
    }
    memset(history, 0, sizeof(*history));
}
