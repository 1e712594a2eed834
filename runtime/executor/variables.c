/* The variables of a run: those of the core, and what its journal and its questions say. */
#include "runtime/executor/variables.h"

#include <stdio.h>
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

/* The day the run started, in UTC: the same for its whole life. */
static struct rbk_value date(const struct rbk_variables *variables)
{
    time_t started = (time_t)(variables->replay->run.started_ms / 1000);
    struct tm parts;
    char day[16];

    gmtime_r(&started, &parts);
    strftime(day, sizeof(day), "%Y-%m-%d", &parts);
    return text(rbk_arena_copy(variables->arena, rbk_str_from(day)));
}

static struct rbk_value remaining(const struct rbk_variables *variables)
{
    const struct rbk_state *state = variables->replay->state;
    uint64_t estimate_ms = variables->replay->machine->estimate_ms;
    uint64_t passed_ms = rbk_span_ms(state->first_effect_ms, variables->now_ms);

    if (estimate_ms == 0) {
        return rbk_value_missing(RBK_TYPE_DURATION);
    }
    return duration(passed_ms < estimate_ms && state->all_applied_ms == 0 ? estimate_ms - passed_ms
                                                                          : 0);
}

/* One more question behind those before it. */
static void append_question(const struct rbk_variables *variables, const struct rbk_scope *scope,
                            uint32_t row, struct rbk_buffer *out, unsigned *ret_count)
{
    struct rbk_value value;
    const struct rbk_question *question = &variables->replay->machine->questions[row];
    struct rbk_str words = question->kind == RBK_QUESTION_HELD
                               ? RBK_STR("what is to become of the run?")
                               : RBK_STR("a question is open");

    if (++*ret_count > QUESTIONS_MAX) {
        return;
    }
    if (question->text != RBK_NONE &&
        rbk_expr_evaluate(scope, question->text, variables->arena, &value, NULL) == 0 &&
        !value.missing && rbk_type_is_text(value.type)) {
        words = rbk_about_line(value.as.text, QUESTION_CHARACTERS_MAX, variables->arena);
    }
    rbk_buffer_append_text(out, out->bytes == 0 ? "" : "; ");
    rbk_buffer_append_str(out, words);
}

/* All that are open; how many more there are than are told. */
static struct rbk_value question(const struct rbk_variables *variables)
{
    struct rbk_scope scope = *variables->scope;
    struct rbk_buffer all;
    struct rbk_value value;
    struct rbk_asked asked;
    unsigned count = 0;

    if (*variables->in_question) {
        return text(RBK_STR(""));
    }
    scope.print_missing = false; /* a text that lacks something is not told at all */
    *variables->in_question = true;
    rbk_buffer_init(&all, RBK_TEMPLATE_BYTES_MAX);
    for (uint32_t at = 0;
         rbk_asked_next(variables->replay->machine, variables->replay->state, &at, &asked);) {
        if (asked.question != RBK_NONE) {
            append_question(variables, &scope, asked.question, &all, &count);
        }
    }
    if (count > QUESTIONS_MAX) {
        rbk_buffer_printf(&all, "; and %u more", count - QUESTIONS_MAX);
    }
    *variables->in_question = false;
    value = text(rbk_arena_copy(variables->arena, rbk_buffer_str(&all)));
    rbk_buffer_fini(&all);
    return value;
}

static struct rbk_value link_to(const struct rbk_variables *variables)
{
    struct rbk_str url = variables->replay->run.url;

    while (url.bytes != 0 && url.data[url.bytes - 1] == '/') {
        url.bytes--;
    }
    return text(url.bytes == 0 ? RBK_STR("")
                               : rbk_arena_printf(variables->arena, "%.*s/runs/%.*s",
                                                  RBK_STR_ARG(url), RBK_STR_ARG(variables->run)));
}

static uint32_t stage_of(const struct rbk_variables *variables)
{
    return variables->stage != RBK_NONE
               ? variables->stage
               : rbk_run_stage(variables->replay->machine, variables->replay->state);
}

static struct rbk_value stage_text(const struct rbk_variables *variables, bool title)
{
    uint32_t stage = stage_of(variables);
    const struct rbk_region *region;

    if (stage == RBK_NONE) {
        return text(RBK_STR(""));
    }
    region = &variables->replay->machine->regions[stage];
    return text(title && region->title.bytes != 0 ? region->title : region->name);
}

/* From the start of the stage's apply until it stands applied, or now. */
static struct rbk_value stage_elapsed(const struct rbk_variables *variables)
{
    const struct rbk_replay *replay = variables->replay;
    uint32_t stage = stage_of(variables);
    const struct rbk_region_state *region;

    if (stage == RBK_NONE) {
        return duration(0);
    }
    region = rbk_state_region(replay->machine, replay->state, stage);
    return since(replay->began[stage].at_ms,
                 region->applied_ms != 0 ? region->applied_ms : variables->now_ms);
}

struct rbk_value rbk_variables_get(const struct rbk_variables *variables, enum rbk_variable which)
{
    const struct rbk_replay *replay = variables->replay;
    const struct rbk_state *state = replay->state;
    struct rbk_value value;

    if (rbk_run_variable(replay->machine, state, variables->now_ms, which, &value)) {
        return value;
    }
    switch (which) {
    case RBK_VARIABLE_RUN_ID:
    case RBK_VARIABLE_MESSAGE_RUN:
        return text(variables->run);
    case RBK_VARIABLE_RUN_USER:
        return text(replay->run.user);
    case RBK_VARIABLE_RUN_HOST:
        return text(replay->run.host);
    case RBK_VARIABLE_RUN_DATE:
        return date(variables);
    case RBK_VARIABLE_RUN_STARTED:
        return rbk_value_integer(RBK_TYPE_TIME, replay->run.started_ms);
    case RBK_VARIABLE_RUN_STATUS:
        return text(rbk_str_from(rbk_status_name((enum rbk_status)state->status)));
    case RBK_VARIABLE_RUN_STAGE:
    case RBK_VARIABLE_STAGE_NAME:
        return stage_text(variables, false);
    case RBK_VARIABLE_STAGE_TITLE:
        return stage_text(variables, true);
    case RBK_VARIABLE_STAGE_ELAPSED:
        return stage_elapsed(variables);
    case RBK_VARIABLE_RUN_REMAINING:
        return remaining(variables);
    case RBK_VARIABLE_RUN_QUESTION:
        return question(variables);
    case RBK_VARIABLE_RUN_LINK:
        return link_to(variables);
    case RBK_VARIABLE_RUN_REASON:
        return text(state->status != RBK_STATUS_STUCK ? replay->reason
                                                      : rbk_reason_whole(replay, variables->arena));
    case RBK_VARIABLE_RUN_ELAPSED:
        return since((uint64_t)replay->run.started_ms,
                     state->ended_ms != 0 ? state->ended_ms : variables->now_ms);
    default:
        return rbk_value_missing(rbk_variable_type(which)); /* of messages: set by the outbox */
    }
}
