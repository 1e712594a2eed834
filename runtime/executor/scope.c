/* What templates and conditions see of a run. */
#include "runtime/executor/run_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/asked.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/value_text.h"
#include "runtime/core/variable.h"
#include "runtime/executor/about.h"
#include "runtime/executor/reason.h"

/* Of `run.question`: how many are told, and how much of each. */
#define QUESTIONS_MAX 5u
#define QUESTION_CHARACTERS_MAX 300u

uint32_t rbk_scope_stage(const struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_state *state = run->replay->state;
    uint32_t under_way = RBK_NONE, last = RBK_NONE, order = 0, way_order = 0;

    if (run->told_region != RBK_NONE && run->told_region != 0) {
        return run->told_region;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *region;

        if (machine->regions[i].kind != RBK_REGION_STAGE &&
            machine->regions[i].kind != RBK_REGION_RETIRE) {
            continue;
        }
        region = rbk_state_region(machine, state, i);
        /* On the way back all that stand applied are under way: the latest of them comes first. */
        if ((rbk_stage_under_way(machine, state, i) || region->mode == RBK_MODE_RUNNING) &&
            (under_way == RBK_NONE || region->order > way_order)) {
            under_way = i;
            way_order = region->order;
        }
        if (region->order > order) {
            order = region->order;
            last = i;
        }
    }
    return under_way != RBK_NONE ? under_way : last;
}

/* The day the run started, in UTC: the same for its whole life. */
static struct rbk_value date(struct rbk_run *run)
{
    time_t started = (time_t)(run->replay->run.started_ms / 1000);
    struct tm parts;
    char text[16];

    gmtime_r(&started, &parts);
    strftime(text, sizeof(text), "%Y-%m-%d", &parts);
    return rbk_value_text(RBK_TYPE_TEXT, rbk_arena_copy(&run->scratch, rbk_str_from(text)));
}

static struct rbk_value text(struct rbk_str content)
{
    return rbk_value_text(RBK_TYPE_TEXT, content);
}

static struct rbk_value duration(uint64_t ms)
{
    return rbk_value_integer(RBK_TYPE_DURATION, (int64_t)ms);
}

static struct rbk_value since(uint64_t from_ms, uint64_t to_ms)
{
    return duration(rbk_span_ms(from_ms, to_ms));
}

static struct rbk_value remaining(const struct rbk_run *run, uint64_t now_ms)
{
    const struct rbk_state *state = run->replay->state;
    uint64_t estimate_ms = run->replay->machine->estimate_ms;
    uint64_t passed_ms = rbk_span_ms(state->first_effect_ms, now_ms);

    if (estimate_ms == 0) {
        return rbk_value_missing(RBK_TYPE_DURATION);
    }
    return duration(passed_ms < estimate_ms && state->all_applied_ms == 0 ? estimate_ms - passed_ms
                                                                          : 0);
}

/* One more question behind those before it. */
static void append_question(struct rbk_run *run, uint32_t row, struct rbk_buffer *out,
                            unsigned *ret_count)
{
    struct rbk_value value;
    const struct rbk_question *question = &run->replay->machine->questions[row];
    struct rbk_str text = question->kind == RBK_QUESTION_HELD
                              ? RBK_STR("what is to become of the run?")
                              : RBK_STR("a question is open");

    if (++*ret_count > QUESTIONS_MAX) {
        return;
    }
    if (question->text != RBK_NONE &&
        rbk_expr_evaluate(&run->open_scope, question->text, &run->scratch, &value, NULL) == 0 &&
        !value.missing && rbk_type_is_text(value.type)) {
        text = rbk_about_line(value.as.text, QUESTION_CHARACTERS_MAX, &run->scratch);
    }
    rbk_buffer_append_text(out, out->bytes == 0 ? "" : "; ");
    rbk_buffer_append_str(out, text);
}

/* All that are open, of regions, of triggers and of the run; how many more there are than are told.
 */
static struct rbk_value question(struct rbk_run *run)
{
    struct rbk_buffer all;
    struct rbk_value value;
    struct rbk_asked asked;
    unsigned count = 0;

    if (run->in_question) {
        return text(RBK_STR("")); /* its text may ask for this variable, too */
    }
    run->in_question = true;
    rbk_buffer_init(&all, RBK_TEMPLATE_BYTES_MAX);
    for (uint32_t at = 0; rbk_asked_next(run->replay->machine, run->replay->state, &at, &asked);) {
        if (asked.question != RBK_NONE) {
            append_question(run, asked.question, &all, &count);
        }
    }
    if (count > QUESTIONS_MAX) {
        rbk_buffer_printf(&all, "; and %u more", count - QUESTIONS_MAX);
    }
    run->in_question = false;
    value = text(rbk_arena_copy(&run->scratch, rbk_buffer_str(&all)));
    rbk_buffer_fini(&all);
    return value;
}

static struct rbk_value link_to(struct rbk_run *run)
{
    struct rbk_str url = run->replay->run.url;

    while (url.bytes != 0 && url.data[url.bytes - 1] == '/') {
        url.bytes--;
    }
    return text(url.bytes == 0
                    ? RBK_STR("")
                    : rbk_arena_printf(&run->scratch, "%.*s/runs/%s", RBK_STR_ARG(url), run->id));
}

static struct rbk_value stage_text(const struct rbk_run *run, bool title)
{
    uint32_t stage = rbk_scope_stage(run);
    const struct rbk_region *region;

    if (stage == RBK_NONE) {
        return text(RBK_STR(""));
    }
    region = &run->replay->machine->regions[stage];
    return text(title && region->title.bytes != 0 ? region->title : region->name);
}

/* From the start of the stage's apply until it stands applied, or now. */
static struct rbk_value stage_elapsed(const struct rbk_run *run, uint64_t now_ms)
{
    const struct rbk_replay *replay = run->replay;
    uint32_t stage = rbk_scope_stage(run);
    const struct rbk_region_state *region;

    if (stage == RBK_NONE) {
        return duration(0);
    }
    region = rbk_state_region(replay->machine, replay->state, stage);
    return since(replay->began[stage].at_ms, region->applied_ms != 0 ? region->applied_ms : now_ms);
}

static struct rbk_value variable(void *context, enum rbk_variable which)
{
    struct rbk_run *run = context;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_state *state = run->replay->state;
    uint64_t now_ms = rbk_run_clock_ms(run);
    struct rbk_value value;

    if (rbk_run_variable(machine, state, now_ms, which, &value)) {
        return value;
    }
    switch (which) {
    case RBK_VARIABLE_RUN_ID:
    case RBK_VARIABLE_MESSAGE_RUN:
        return text(rbk_str_from(run->id));
    case RBK_VARIABLE_RUN_USER:
        return text(run->replay->run.user);
    case RBK_VARIABLE_RUN_HOST:
        return text(run->replay->run.host);
    case RBK_VARIABLE_RUN_DATE:
        return date(run);
    case RBK_VARIABLE_RUN_STARTED:
        return rbk_value_integer(RBK_TYPE_TIME, run->replay->run.started_ms);
    case RBK_VARIABLE_RUN_STATUS:
        return text(rbk_str_from(rbk_status_name((enum rbk_status)state->status)));
    case RBK_VARIABLE_RUN_STAGE:
    case RBK_VARIABLE_STAGE_NAME:
        return stage_text(run, false);
    case RBK_VARIABLE_STAGE_TITLE:
        return stage_text(run, true);
    case RBK_VARIABLE_STAGE_ELAPSED:
        return stage_elapsed(run, now_ms);
    case RBK_VARIABLE_RUN_REMAINING:
        return remaining(run, now_ms);
    case RBK_VARIABLE_RUN_QUESTION:
        return question(run);
    case RBK_VARIABLE_RUN_LINK:
        return link_to(run);
    case RBK_VARIABLE_RUN_REASON:
        return text(state->status != RBK_STATUS_STUCK
                        ? run->replay->reason
                        : rbk_reason_whole(run->replay, &run->scratch));
    case RBK_VARIABLE_RUN_ELAPSED:
        return since((uint64_t)run->replay->run.started_ms,
                     state->ended_ms != 0 ? state->ended_ms : now_ms);
    default:
        return rbk_value_missing(rbk_variable_type(which)); /* of messages: set by the outbox */
    }
}

static struct rbk_value window(void *context, uint32_t index)
{
    struct rbk_run *run = context;

    return rbk_watch_window(run->watch, index, uv_now(&run->loop));
}

static struct rbk_value secret(void *context, uint32_t index)
{
    struct rbk_run *run = context;

    return rbk_value_text(RBK_TYPE_SECRET, rbk_secrets_get(run->secrets, index));
}

void rbk_scope_open(struct rbk_run *run)
{
    run->open_scope = (struct rbk_scope){.machine = run->replay->machine,
                                         .slots = run->replay->slots,
                                         .params = run->replay->params,
                                         .baselines = run->replay->baselines,
                                         .context = run,
                                         .variable = variable,
                                         .window = window};
    run->scope = run->open_scope;
    run->scope.secret = secret;
}

/* A message that is too long is cut, after its secrets were taken out, between two characters. */
static struct rbk_str cut(struct rbk_arena *arena, struct rbk_str text)
{
    size_t bytes = RBK_MESSAGE_BYTES_MAX;

    if (text.bytes <= bytes) {
        return text;
    }
    while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xc0) == 0x80) {
        bytes--;
    }
    return rbk_arena_printf(arena, "%.*s …", (int)bytes, text.data);
}

struct rbk_str rbk_scope_text(struct rbk_run *run, uint32_t expr, struct rbk_arena *arena)
{
    struct rbk_scope scope = run->open_scope;
    struct rbk_value value;
    struct rbk_buffer printed;
    struct rbk_str result;

    scope.print_missing = true;
    if (expr == RBK_NONE || rbk_expr_evaluate(&scope, expr, arena, &value, NULL) != 0) {
        return (struct rbk_str){NULL, 0};
    }
    rbk_buffer_init(&printed, RBK_TEMPLATE_BYTES_MAX);
    rbk_value_print(&printed, value);
    result = cut(arena, rbk_secrets_redact(run->secrets, arena, rbk_buffer_str(&printed)));
    rbk_buffer_fini(&printed);
    return result;
}
