/*
 * Arming. The effect of that name waits until every condition that is armed from the first apply on
 * has a value: those over probes when their probes, which are polled already, have answered; those
 * with readings of their own when these were taken once.
 *
 *   on_look() ── all have a value ────────────────────────────────────▶ ok
 *     ▲  │ ── none of the others can be hoped for, or the deadline ─▶ failed: who, and why
 *     └──┘ every LOOK_MS
 *
 * A source is given up when it has failed as often as makes its probe missing, and twice at least:
 * a single failure right after the start says little. Failures before the effect began do not
 * count: whoever retries has mended something. Its readings do not wait for their slots meanwhile,
 * which are far apart after many failures.
 */
#include "runtime/executor/arming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/expr_describe.h"

/* How often is looked whether everything has a value. */
#define LOOK_MS 100u
/* A reading of a condition's own that failed is taken again after this. */
#define AGAIN_MS 1000u
/* Beyond the slowest probe's readings, the time conditions have to get a value. */
#define SLACK_MS 10000u
/* How often a source must have failed before it is given up. */
#define FAILED_MIN 2u
#define FAILURE_BYTES 400u

/* What a probe gave last. */
struct rbk_probe_source {
    bool good;       /* it has given a value once */
    uint32_t failed; /* times in a row */
    char *failure;   /* owned: why the last reading failed; NULL: it did not */
};

/* A trigger that takes readings of its own, while it is armed. */
struct own {
    struct work *work;
    uint32_t expr;
    uint64_t timeout_ms;
    uint64_t again_ms;           /* loop time: not read before */
    struct rbk_reading *reading; /* under way, or NULL */
    bool good;
    uint32_t failed;
    char failure[FAILURE_BYTES];
};

struct rbk_arming {
    struct own *owns; /* by condition; work NULL: it has no readings of its own, or is not armed */
};

/* ---- conditions --------------------------------------------------------------------------------
 */

static bool reads_itself(const struct rbk_machine *machine, struct rbk_condition condition)
{
    return machine->exprs[condition.expr].reads.count != 0;
}

/* ---- sources -----------------------------------------------------------------------------------
 */

void rbk_arming_note(struct rbk_run *run, uint32_t probe, bool missing, struct rbk_str message)
{
    struct rbk_probe_source *source;

    if (run->sources == NULL &&
        (run->sources = calloc(run->replay->machine->probe_count, sizeof(*run->sources))) == NULL) {
        return; /* only what it would say is lost */
    }
    source = &run->sources[probe];
    free(source->failure);
    source->failure = NULL;
    if (!missing) {
        source->good = true;
        source->failed = 0;
        return;
    }
    source->failed++;
    source->failure = strndup(message.bytes != 0 ? message.data : "no value",
                              message.bytes != 0 ? message.bytes : FAILURE_BYTES);
}

struct rbk_str rbk_arming_failure(const struct rbk_run *run, uint32_t probe)
{
    const char *failure = run->sources != NULL ? run->sources[probe].failure : NULL;

    return (struct rbk_str){failure, failure != NULL ? strnlen(failure, FAILURE_BYTES) : 0};
}

void rbk_arming_free(struct rbk_run *run)
{
    for (uint32_t i = 0; run->sources != NULL && i < run->replay->machine->probe_count; i++) {
        free(run->sources[i].failure);
    }
    free(run->sources);
    run->sources = NULL;
}

static struct rbk_probe_source source_of(const struct rbk_run *run, uint32_t probe)
{
    const struct rbk_probe_source none = {false, 0, NULL};

    return run->sources != NULL ? run->sources[probe] : none;
}

/* One line of an explanation: "probe NAME, EXPRESSION: why"; what has no name of its own is told
 * once. */
static void explain_probe(const struct rbk_run *run, uint32_t probe, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_probe *row = &machine->probes[probe];
    struct rbk_probe_source source = source_of(run, probe);

    if (row->pushed || (source.good && source.failure == NULL)) {
        return;
    }
    rbk_buffer_printf(out, "probe %.*s", RBK_STR_ARG(row->name));
    if (!rbk_str_starts(row->name, machine->exprs[row->expr].text)) {
        rbk_buffer_printf(out, ", %.*s", RBK_STR_ARG(machine->exprs[row->expr].text));
    }
    rbk_buffer_printf(out, ": %s\n",
                      source.failure != NULL ? source.failure : "it has not answered yet");
}

void rbk_arming_explain(const struct rbk_run *run, uint32_t expr, struct rbk_str own,
                        struct rbk_buffer *out)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_expr *row = &machine->exprs[expr];
    size_t before = out->bytes;

    if (own.bytes != 0) {
        rbk_buffer_printf(out, "%.*s: %.*s\n", RBK_STR_ARG(row->text), RBK_STR_ARG(own));
    }
    for (uint32_t i = 0; i < row->code.count; i++) {
        struct rbk_op_code code = machine->codes[row->code.first + i];

        if (code.op == RBK_OP_WINDOW) {
            explain_probe(run, machine->windows[code.operand].probe, out);
        } else if (code.op == RBK_OP_BASELINE && run->open_scope.baselines != NULL &&
                   run->open_scope.baselines[code.operand].missing) {
            const struct rbk_probe *probe =
                &machine->probes[machine->baselines[code.operand].probe];

            rbk_buffer_printf(out, "baseline of probe %.*s: it was not measured\n",
                              RBK_STR_ARG(probe->name));
        } else if (code.op == RBK_OP_SLOT && run->replay->slots[code.operand].missing) {
            rbk_buffer_printf(out, "value %.*s: the run has not set it yet\n",
                              RBK_STR_ARG(machine->slots[code.operand].name));
        }
    }
    if (out->bytes == before) {
        rbk_buffer_printf(out, "%.*s: what was read makes no value of its kind\n",
                          RBK_STR_ARG(row->text));
    }
}

/* How often in a row a probe must have failed before it is given up. */
static uint32_t failed_enough(const struct rbk_probe *probe)
{
    return probe->missing_after > FAILED_MIN ? probe->missing_after : FAILED_MIN;
}

/* Read what failed again, soon: a source that is down is looked at ever more rarely. */
static void read_again(const struct rbk_run *run, uint32_t probe)
{
    if (run->poll != NULL && run->sources != NULL && run->sources[probe].failure != NULL &&
        run->sources[probe].failed < failed_enough(&run->replay->machine->probes[probe])) {
        rbk_poll_again(run->poll, false, probe);
    }
}

/* Whether a condition over probes, which has no value, may still get one. */
static bool may_answer(const struct rbk_run *run, uint32_t expr)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_slice code = machine->exprs[expr].code;

    for (uint32_t i = 0; i < code.count; i++) {
        struct rbk_op_code op = machine->codes[code.first + i];
        const struct rbk_probe *probe;
        struct rbk_probe_source source;

        if (op.op != RBK_OP_WINDOW) {
            continue;
        }
        probe = &machine->probes[machine->windows[op.operand].probe];
        source = source_of(run, machine->windows[op.operand].probe);
        if (!probe->pushed && source.failed < failed_enough(probe) &&
            (!source.good || source.failed != 0)) {
            return true;
        }
    }
    return false;
}

/* ---- readings of a condition's own -------------------------------------------------------------
 */

static void on_own(void *owner, struct rbk_reading *reading, struct rbk_value value,
                   struct rbk_str message)
{
    struct own *own = owner;
    struct rbk_run *run = own->work->run;
    struct rbk_str clean;

    own->reading = NULL;
    uv_update_time(&run->loop);
    own->again_ms = uv_now(&run->loop) + AGAIN_MS;
    if (!value.missing) {
        struct rbk_scope scope = run->open_scope;

        scope.reads = rbk_reading_results(reading);
        rbk_arena_reset(&run->scratch);
        value = rbk_condition_value(&scope, own->expr, &run->scratch);
    }
    own->good = !value.missing;
    if (own->good) {
        return;
    }
    message = message.bytes != 0 ? message : RBK_STR("not all that it needs gave a value");
    own->failed++;
    rbk_arena_reset(&run->scratch);
    clean = rbk_secrets_redact(run->secrets, &run->scratch, message);
    snprintf(own->failure, sizeof(own->failure), "%.*s", RBK_STR_ARG(clean));
}

static void read_own(struct own *own)
{
    struct work *work = own->work;
    struct rbk_error error;
    uint64_t now_ms = uv_now(&work->run->loop);

    if (own->good || own->reading != NULL || now_ms < own->again_ms) {
        return;
    }
    if (rbk_reading_start(work->run->reader, own->expr, "plan.arm", "", own->timeout_ms, own,
                          on_own, &own->reading, &error) != 0) {
        on_own(own, NULL, rbk_value_missing(RBK_TYPE_BOOL), rbk_str_from(error.text));
    }
}

/* ---- the effect --------------------------------------------------------------------------------
 */

static bool has_value(struct work *work, uint32_t number, struct rbk_condition condition)
{
    struct rbk_run *run = work->run;

    if (reads_itself(run->replay->machine, condition)) {
        return work->arming->owns[number].good;
    }
    rbk_arena_reset(&run->scratch);
    return !rbk_condition_value(&run->open_scope, condition.expr, &run->scratch).missing;
}

static bool may_come(const struct work *work, uint32_t number, struct rbk_condition condition)
{
    return reads_itself(work->run->replay->machine, condition)
               ? work->arming->owns[number].failed < FAILED_MIN
               : may_answer(work->run, condition.expr);
}

static void append_name(const struct rbk_machine *machine, struct rbk_condition condition,
                        struct rbk_buffer *out)
{
    if (condition.criterion) {
        rbk_buffer_printf(out, "abort when %.*s", RBK_STR_ARG(machine->exprs[condition.expr].text));
    } else {
        rbk_buffer_printf(out, "trigger %.*s",
                          RBK_STR_ARG(machine->triggers[condition.index].name));
    }
}

/* " cannot fire: SOURCE", and a line ", and SOURCE" for each further one. */
static void append_sources(struct rbk_str sources, struct rbk_buffer *out)
{
    const char *before = " cannot fire: ";

    while (sources.bytes != 0) {
        size_t end = rbk_str_find(sources, '\n');

        rbk_buffer_append_text(out, before);
        rbk_buffer_append_str(out, rbk_str_slice(sources, 0, end));
        rbk_buffer_append_byte(out, '\n');
        sources = rbk_str_slice(sources, end + 1, sources.bytes);
        before = "  and ";
    }
}

/* Who cannot fire, and why: the first one in the message, all of them in the lines below it. */
static void give_up(struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;
    struct work_result result = {.outcome = RBK_OUTCOME_FAIL, .status = -1};
    struct rbk_buffer message, detail, why;
    uint32_t count = 0;

    rbk_buffer_init(&message, RBK_MESSAGE_BYTES_MAX);
    rbk_buffer_init(&detail, RBK_MESSAGE_BYTES_MAX);
    rbk_buffer_init(&why, RBK_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < rbk_condition_count(machine); i++) {
        struct rbk_condition condition = rbk_condition_at(machine, i);

        if (!rbk_condition_armed_first(machine, condition) || has_value(work, i, condition)) {
            continue;
        }
        rbk_buffer_clear(&why);
        rbk_arming_explain(
            work->run, condition.expr,
            rbk_str_from(reads_itself(machine, condition) ? work->arming->owns[i].failure : ""),
            &why);
        append_name(machine, condition, &detail);
        append_sources(rbk_buffer_str(&why), &detail);
        if (count++ == 0) {
            struct rbk_str first = rbk_buffer_str(&why);

            append_name(machine, condition, &message);
            rbk_buffer_printf(&message, " cannot fire: %.*s",
                              RBK_STR_ARG(rbk_str_slice(first, 0, rbk_str_find(first, '\n'))));
        }
    }
    if (count > 1) {
        rbk_buffer_printf(&message, "; and %u more", count - 1);
    }
    rbk_buffer_append_text(&detail, "make these sources answer and retry; `rbk run --arm-only` "
                                    "reads them without a run");
    result.message = rbk_buffer_str(&message);
    result.detail = rbk_buffer_str(&detail);
    rbk_work_finish(work, &result);
    rbk_buffer_fini(&message);
    rbk_buffer_fini(&detail);
    rbk_buffer_fini(&why);
}

/* Everything has a value: which, for the journal. What a condition read itself is known only to
 * have been read. */
static void all_armed(struct work *work)
{
    struct rbk_run *run = work->run;
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_buffer message;

    rbk_buffer_init(&message, RBK_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < rbk_condition_count(machine) && message.error == 0; i++) {
        struct rbk_condition condition = rbk_condition_at(machine, i);

        if (rbk_condition_armed_first(machine, condition)) {
            rbk_buffer_append_text(&message, message.bytes != 0 ? "; " : "");
            append_name(machine, condition, &message);
            rbk_buffer_append_text(&message, ": ");
            if (reads_itself(machine, condition)) {
                rbk_buffer_append_text(&message, "read");
            } else {
                rbk_expr_describe(&run->open_scope, condition.expr, NULL, &message);
            }
        }
    }
    rbk_work_end(work, RBK_OUTCOME_OK, rbk_buffer_str(&message));
    rbk_buffer_fini(&message);
}

static void on_look(uv_timer_t *timer)
{
    struct work *work = timer->data;
    const struct rbk_machine *machine = work->run->replay->machine;
    bool all = true, hope = false;

    for (uint32_t i = 0; i < machine->probe_count; i++) {
        read_again(work->run, i);
    }
    for (uint32_t i = 0; i < rbk_condition_count(machine); i++) {
        struct rbk_condition condition = rbk_condition_at(machine, i);

        if (!rbk_condition_armed_first(machine, condition)) {
            continue;
        }
        if (work->arming->owns[i].work != NULL) {
            read_own(&work->arming->owns[i]);
        }
        if (!has_value(work, i, condition)) {
            all = false;
            hope = hope || may_come(work, i, condition);
        }
    }
    if (all) {
        all_armed(work);
    } else if (!hope || uv_now(&work->run->loop) >= work->deadline_ms) {
        give_up(work);
    } else {
        uv_timer_start(timer, on_look, LOOK_MS, 0);
    }
}

void rbk_arming_start(struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;
    uint32_t count = rbk_condition_count(machine);
    uint64_t slowest_ms = 0;

    work->arming = rbk_new(&work->arena, struct rbk_arming);
    work->arming->owns = rbk_new_array(&work->arena, struct own, count + 1u);
    for (uint32_t i = 0; i < count; i++) {
        struct rbk_condition condition = rbk_condition_at(machine, i);
        struct own *own = &work->arming->owns[i];

        if (!rbk_condition_armed_first(machine, condition) || !reads_itself(machine, condition)) {
            continue;
        }
        own->work = work;
        own->expr = condition.expr;
        own->timeout_ms = rbk_condition_timeout_ms(machine, condition);
    }
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        const struct rbk_probe *probe = &machine->probes[i];

        if (work->run->sources != NULL && work->run->sources[i].failed != 0) {
            work->run->sources[i].good = false;
            work->run->sources[i].failed = 0;
        }
        if (!probe->pushed && probe->timeout_ms * probe->missing_after > slowest_ms) {
            slowest_ms = probe->timeout_ms * probe->missing_after;
        }
    }
    work->deadline_ms = uv_now(&work->run->loop) + slowest_ms + SLACK_MS;
    uv_timer_start(&work->timer, on_look, 0, 0);
}

void rbk_arming_drop(struct work *work)
{
    uint32_t count = rbk_condition_count(work->run->replay->machine);

    for (uint32_t i = 0; i < count; i++) {
        if (work->arming->owns[i].reading != NULL) {
            rbk_reading_cancel(work->arming->owns[i].reading);
            work->arming->owns[i].reading = NULL;
        }
    }
    work->arming = NULL;
}
