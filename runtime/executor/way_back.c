/*
 * The way back is watched (language, principle 8). While a stage stands applied the condition of
 * each of its strategies is read, at once when it comes to stand or a new runner takes over, then
 * as often as the plan says; what that comes to (core/way_back.h) is a record when it has changed.
 *
 *   not watched ── stage stands applied ──▶ due ── timer ──▶ reading ── answer ──▶ due …
 *       ▲                                    │                  │
 *       └──────────── it stands no more ─────┴──────────────────┘
 *
 * One timer serves all of them; each has at most one reading under way. An answer that did not come
 * is asked for again soon. A reading that no deadline of its own ends, of a file on a disk that
 * hangs, goes on, since a second one would only hang as well: each AGAIN_MS it counts as a look
 * without an answer, so that a run never waits for it in silence, and what it gives in the end is
 * asked for anew.
 */
#include "runtime/core/way_back.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/check.h"
#include "runtime/core/expr_describe.h"
#include "runtime/core/stop_times.h"
#include "runtime/core/timestamp.h"
#include "runtime/executor/run_internal.h"

/* After a look without an answer the next one comes no later than this. */
#define AGAIN_MS 5000u
/* The reading's own limit comes first, and says more. */
#define DEADLINE_SLACK_MS 2000u

/* A strategy. */
struct strategy {
    struct rbk_run *run;
    uint32_t region;
    uint32_t row;                /* of machine->strategies */
    bool watched;                /* it has a condition, and its stage stands applied */
    struct rbk_reading *reading; /* under way, or NULL */
    uint64_t begun_ms;           /* loop time of the last look */
    bool late;                   /* the reading under way has missed its deadline */
    uint64_t next_ms;            /* loop time of the next look; while reading, of its deadline */
    uint64_t read_ms;            /* wall clock of the last answer; 0: none yet */
    char why[160];               /* why the last look gave none; empty: it did */
    char seen[160];              /* what the last answer was made of */
};

struct rbk_ways {
    struct strategy *strategies; /* machine->strategy_count */
    struct rbk_way *known;       /* likewise: what rbk_way_back_level() wants */
    uint8_t *told;               /* likewise: the level in the last record about it */
    uint8_t *levels;             /* by region: the level of the last record; LEVEL_COUNT: none */
    bool any;                    /* a strategy has a condition */
};

int rbk_ways_open(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_ways *ways = calloc(1, sizeof(*ways));

    run->ways = ways;
    if (ways == NULL) {
        return -RBK_ENOMEM;
    }
    ways->strategies = calloc(machine->strategy_count + 1u, sizeof(*ways->strategies));
    ways->known = calloc(machine->strategy_count + 1u, sizeof(*ways->known));
    ways->told = calloc(machine->strategy_count + 1u, sizeof(*ways->told));
    ways->levels = calloc(machine->region_count + 1u, sizeof(*ways->levels));
    if (ways->strategies == NULL || ways->known == NULL || ways->told == NULL ||
        ways->levels == NULL) {
        return -RBK_ENOMEM;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        for (uint32_t k = 0; k < machine->regions[i].strategies.count; k++) {
            uint32_t row = machine->regions[i].strategies.first + k;

            ways->strategies[row] = (struct strategy){.run = run, .region = i, .row = row};
            ways->any = ways->any || machine->strategies[row].when != RBK_NONE;
        }
    }
    return 0;
}

void rbk_ways_free(struct rbk_run *run)
{
    if (run->ways != NULL) {
        free(run->ways->strategies);
        free(run->ways->known);
        free(run->ways->told);
        free(run->ways->levels);
        free(run->ways);
        run->ways = NULL;
    }
}

/* ---- records -----------------------------------------------------------------------------------
 */

/* "down: closed; from_backup: unknown, exit status 1" */
static void describe(struct rbk_run *run, uint32_t region, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_slice rows = machine->regions[region].strategies;

    for (uint32_t i = 0; i < rows.count; i++) {
        const struct rbk_strategy *row = &machine->strategies[rows.first + i];
        const struct strategy *strategy = &run->ways->strategies[rows.first + i];

        rbk_buffer_append_text(out, i == 0 ? "" : "; ");
        if (row->name.bytes != 0) {
            rbk_buffer_append_str(out, row->name);
        } else {
            rbk_buffer_printf(out, "rollback %u", i + 1);
        }
        rbk_buffer_printf(
            out, ": %s",
            row->when == RBK_NONE ? "open" : rbk_way_word(run->ways->known[rows.first + i].level));
        if (strategy->why[0] != '\0' || strategy->seen[0] != '\0') {
            rbk_buffer_printf(out, ", %s",
                              strategy->why[0] != '\0' ? strategy->why : strategy->seen);
        }
    }
}

static void post(struct rbk_run *run, uint32_t region, enum rbk_level level)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_slice rows = machine->regions[region].strategies;
    struct queued *queued = rbk_queue_new(run, RBK_EVENT_WAY_BACK);
    struct rbk_buffer text;
    uint8_t *levels;

    if (queued == NULL) {
        return;
    }
    levels = rbk_new_array(&queued->arena, uint8_t, rows.count + 1u);
    for (uint32_t i = 0; i < rows.count; i++) {
        levels[i] = run->ways->told[rows.first + i];
    }
    rbk_buffer_init(&text, RBK_MESSAGE_BYTES_MAX);
    describe(run, region, &text);
    queued->record.event.index = region;
    queued->record.event.level = level;
    queued->record.ways = levels;
    queued->record.way_count = rows.count;
    queued->record.message =
        rbk_secrets_redact(run->secrets, &queued->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    rbk_queue_push(run, queued);
}

/* What the strategies of a stage come to, if that has changed. */
static void judge(struct rbk_run *run, uint32_t region)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_slice rows = machine->regions[region].strategies;
    struct rbk_ways *ways = run->ways;
    uint32_t flags = rbk_state_region(machine, run->replay->state, region)->flags;
    bool changed = false;
    enum rbk_level level;

    if (!rbk_way_back_level(machine, region, &ways->known[rows.first],
                            (flags & (RBK_FLAG_WAY_UNREAD | RBK_FLAG_WAY_CLOSED)) == 0, &level)) {
        return;
    }
    changed = ways->levels[region] != level;
    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        uint8_t now = machine->strategies[i].when == RBK_NONE ? RBK_LEVEL_TRUE
                                                              : (uint8_t)ways->known[i].level;

        changed = changed || ways->told[i] != now;
        ways->told[i] = now;
    }
    ways->levels[region] = (uint8_t)level;
    if (changed) {
        post(run, region, level);
    }
}

/* ---- readings ----------------------------------------------------------------------------------
 */

static void arm_timer(struct rbk_run *run);

/* What an answer was made of, for the record. */
static void note_seen(struct strategy *strategy, const struct rbk_reading *reading)
{
    struct rbk_run *run = strategy->run;
    struct rbk_buffer text;
    struct rbk_str clean;

    rbk_buffer_init(&text, RBK_DESCRIBE_BYTES_MAX * 2);
    rbk_reading_describe(reading, &text);
    rbk_arena_reset(&run->scratch);
    clean = rbk_secrets_redact(run->secrets, &run->scratch, rbk_buffer_str(&text));
    snprintf(strategy->seen, sizeof(strategy->seen), "%.*s", RBK_STR_ARG(clean));
    rbk_buffer_fini(&text);
}

/* A look gave no answer: the next one comes soon. */
static void note_unanswered(struct strategy *strategy, struct rbk_str message)
{
    struct rbk_run *run = strategy->run;
    struct rbk_way *way = &run->ways->known[strategy->row];
    struct rbk_str why;

    rbk_way_feed(way, RBK_LEVEL_MISSING);
    rbk_arena_reset(&run->scratch);
    why = rbk_secrets_redact(run->secrets, &run->scratch,
                             message.bytes != 0 ? message : RBK_STR("no answer"));
    snprintf(strategy->why, sizeof(strategy->why), "%.*s", RBK_STR_ARG(why));
}

static void on_read(void *owner, struct rbk_reading *reading, struct rbk_value value,
                    struct rbk_str message)
{
    struct strategy *strategy = owner;
    struct rbk_run *run = strategy->run;
    struct rbk_way *way = &run->ways->known[strategy->row];
    uint64_t every_ms = rbk_way_every_ms(&run->replay->machine->strategies[strategy->row]);
    enum rbk_level level = rbk_level_of(value);
    bool answered = !strategy->late && level != RBK_LEVEL_MISSING;

    strategy->reading = NULL;
    uv_update_time(&run->loop);
    strategy->next_ms = strategy->begun_ms + every_ms;
    if (!answered) {
        uint64_t again_ms = uv_now(&run->loop) + AGAIN_MS;

        strategy->next_ms = again_ms < strategy->next_ms ? again_ms : strategy->next_ms;
    }
    if (strategy->late) {
        strategy->late = false; /* what it gave was so long ago; that look has been counted */
        arm_timer(run);
        return;
    }
    if (answered) {
        rbk_way_feed(way, level);
        strategy->read_ms = rbk_run_clock_ms(run);
        strategy->why[0] = '\0';
        note_seen(strategy, reading);
    } else {
        note_unanswered(strategy, message);
    }
    judge(run, strategy->region);
    arm_timer(run);
}

static void read_now(struct strategy *strategy)
{
    struct rbk_run *run = strategy->run;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_strategy *row = &machine->strategies[strategy->row];
    struct rbk_error error;

    strategy->begun_ms = uv_now(&run->loop);
    strategy->next_ms = strategy->begun_ms + RBK_READING_MS_MAX + DEADLINE_SLACK_MS;
    if (rbk_reading_start(run->reader, row->when, "way_back",
                          machine->regions[strategy->region].name.data, RBK_READING_MS_MAX,
                          strategy, on_read, &strategy->reading, &error) != 0) {
        on_read(strategy, NULL, rbk_value_missing(RBK_TYPE_BOOL), rbk_str_from(error.text));
    }
}

/* No answer by the deadline, or still none. */
static void miss(struct strategy *strategy)
{
    strategy->late = true;
    strategy->next_ms = uv_now(&strategy->run->loop) + AGAIN_MS;
    note_unanswered(strategy, RBK_STR("no answer within 10 s, and none yet"));
    judge(strategy->run, strategy->region);
}

static void on_due(uv_timer_t *timer)
{
    struct rbk_run *run = timer->data;

    for (uint32_t i = 0; i < run->replay->machine->strategy_count; i++) {
        struct strategy *strategy = &run->ways->strategies[i];

        if (!strategy->watched || strategy->next_ms > uv_now(&run->loop)) {
            continue;
        }
        if (strategy->reading != NULL) {
            miss(strategy);
        } else {
            read_now(strategy);
        }
    }
    arm_timer(run);
}

static void arm_timer(struct rbk_run *run)
{
    uint64_t next_ms = UINT64_MAX, now_ms = uv_now(&run->loop);

    for (uint32_t i = 0; i < run->replay->machine->strategy_count; i++) {
        const struct strategy *strategy = &run->ways->strategies[i];

        if (strategy->watched && strategy->next_ms < next_ms) {
            next_ms = strategy->next_ms;
        }
    }
    if (next_ms == UINT64_MAX) {
        uv_timer_stop(&run->way_timer);
    } else {
        uv_timer_start(&run->way_timer, on_due, next_ms > now_ms ? next_ms - now_ms : 0, 0);
    }
}

/* ---- stages that begin and cease to stand ------------------------------------------------------
 */

static void let_go(struct strategy *strategy)
{
    strategy->watched = strategy->late = false;
    if (strategy->reading != NULL) {
        rbk_reading_cancel(strategy->reading);
        strategy->reading = NULL;
    }
}

/* Begin with what the journal says, so that a new runner tells only what has changed since. */
static void begin(struct rbk_run *run, uint32_t region)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_region_state *state = rbk_state_region(machine, run->replay->state, region);
    struct rbk_slice rows = machine->regions[region].strategies;
    struct rbk_ways *ways = run->ways;
    bool known = false;

    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        const struct rbk_way_known *way = &run->replay->ways[i];
        bool stands = way->since_ms != 0 && way->since_ms >= state->applied_ms;

        known = known || stands;
        ways->told[i] = stands ? (uint8_t)way->level : RBK_LEVEL_COUNT;
        ways->known[i] = (struct rbk_way){.level = RBK_LEVEL_MISSING};
        ways->strategies[i].read_ms = 0;
        ways->strategies[i].why[0] = ways->strategies[i].seen[0] = '\0';
        ways->strategies[i].watched = machine->strategies[i].when != RBK_NONE;
        ways->strategies[i].next_ms = uv_now(&run->loop);
    }
    ways->levels[region] =
        known ? (uint8_t)rbk_way_back_of_flags(state->flags) : (uint8_t)RBK_LEVEL_COUNT;
}

void rbk_ways_after_step(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    bool changed = false;

    if (!run->ways->any) {
        return;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_slice rows = machine->regions[i].strategies;
        bool stands = rbk_stage_applied(machine, run->replay->state, i) &&
                      !rbk_stage_rolling_back(machine, run->replay->state, i);
        bool watched = false, conditional = false;

        for (uint32_t k = rows.first; k < rows.first + rows.count; k++) {
            watched = watched || run->ways->strategies[k].watched;
            conditional = conditional || machine->strategies[k].when != RBK_NONE;
        }
        if (stands && conditional && !watched) {
            begin(run, i);
            changed = true;
        } else if (!stands && watched) {
            for (uint32_t k = rows.first; k < rows.first + rows.count; k++) {
                let_go(&run->ways->strategies[k]);
            }
            changed = true;
        }
    }
    if (changed) {
        arm_timer(run);
    }
}

void rbk_ways_stop(struct rbk_run *run)
{
    for (uint32_t i = 0; i < run->replay->machine->strategy_count; i++) {
        let_go(&run->ways->strategies[i]);
    }
}

bool rbk_ways_unread(const struct rbk_run *run)
{
    for (uint32_t i = 0; i < run->replay->machine->strategy_count; i++) {
        if (run->ways->strategies[i].watched && !run->ways->known[i].read) {
            return true;
        }
    }
    return false;
}

/* ---- for other processes -----------------------------------------------------------------------
 */

bool rbk_ways_any(const struct rbk_run *run)
{
    return run->ways != NULL && run->ways->any;
}

json_t *rbk_ways_json(const struct rbk_run *run)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < run->replay->machine->strategy_count; i++) {
        const struct strategy *strategy = &run->ways->strategies[i];
        char read[RBK_TIMESTAMP_BYTES];
        json_t *object;

        if (!strategy->watched || (strategy->read_ms == 0 && strategy->why[0] == '\0')) {
            continue;
        }
        object = json_object();
        (void)json_object_set_new(object, "strategy", json_integer(i));
        if (strategy->read_ms != 0) {
            (void)rbk_timestamp_print(read, (int64_t)strategy->read_ms);
            (void)json_object_set_new(object, "read", json_string(read));
        }
        if (strategy->why[0] != '\0') {
            (void)json_object_set_new(object, "missing", json_string(strategy->why));
        }
        (void)json_array_append_new(array, object);
    }
    return array;
}
