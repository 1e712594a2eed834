/*
 * Why a run is where it is, in one line for a person: what happened, what was read when it did, and
 * who said what about it. The line is made when the run's cause changes, from the record that did
 * it and from what was kept of those before: a trigger's readings come minutes before the answer
 * that makes it turn the run, and a stage goes back before the run is held for what it failed of.
 *
 * What is kept is bounded, is part of a snapshot, and follows from the journal alone.
 */
#include "runtime/executor/reason.h"

#include <stdio.h>
#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/core/variable.h"

/* A line, whatever a server or a person wrote into its parts. */
#define REASON_BYTES_MAX ((size_t)1500)
/* Of the reason before, where that is part of it. */
#define BEFORE_BYTES_MAX ((size_t)400)

/* Cut between two characters. */
static struct rbk_str cut(struct rbk_str text, size_t bytes_max)
{
    size_t bytes = bytes_max;

    if (text.bytes <= bytes_max) {
        return text;
    }
    while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xc0u) == 0x80u) {
        bytes--;
    }
    return rbk_str_slice(text, 0, bytes);
}

static void keep_text(char text[RBK_WHY_BYTES], struct rbk_str from)
{
    from = cut(from, RBK_WHY_BYTES - 1u);
    snprintf(text, RBK_WHY_BYTES, "%.*s", (int)from.bytes, from.bytes != 0 ? from.data : "");
}

/* ---- triggers ----------------------------------------------------------------------------------
 */

static bool is_answer_to(const struct rbk_event *event, uint32_t trigger)
{
    return event->kind == RBK_EVENT_ANSWER && event->owner == RBK_OWNER_TRIGGER &&
           event->index == trigger;
}

/* "dana said yes: looks bad" */
static void append_said(struct rbk_buffer *out, const struct rbk_record *record)
{
    rbk_buffer_printf(out, "%.*s said %s", RBK_STR_ARG(record->who),
                      rbk_answer_name(record->event.answer));
    if (record->message.bytes != 0) {
        rbk_buffer_printf(out, ": %.*s", RBK_STR_ARG(cut(record->message, BEFORE_BYTES_MAX)));
    }
}

static void hear_answer(struct rbk_heard *heard, const struct rbk_record *record)
{
    struct rbk_buffer said;

    rbk_buffer_init(&said, RBK_EVENT_BYTES_MAX);
    rbk_buffer_append_text(&said, heard->said);
    rbk_buffer_append_text(&said, "; ");
    append_said(&said, record);
    if (said.error == 0) {
        keep_text(heard->said, rbk_buffer_str(&said));
    }
    rbk_buffer_fini(&said);
}

/* A new level, of which nobody has said anything yet: not even that of which people are asked, or
 * the answers to that are gone with the question before it. */
static bool begins_anew(const struct rbk_replay *replay, const struct rbk_event *event,
                        uint32_t trigger)
{
    const struct rbk_trigger_state *state =
        rbk_state_trigger(replay->machine, replay->state, trigger);

    return event->kind == RBK_EVENT_TRIGGER && event->index == trigger &&
           event->level != RBK_LEVEL_FALSE &&
           (state->mode != RBK_TRIGGER_ASKING || (state->approvals == 0 && state->proposed == 0));
}

/* What a trigger saw, what people said of it, and whether they are still asked. */
static void hear(struct rbk_replay *replay, const struct rbk_record *record)
{
    const struct rbk_event *event = &record->event;

    if (event->kind == RBK_EVENT_TRIGGER && event->level == RBK_LEVEL_TRUE) {
        keep_text(replay->heard[event->index].saw, record->message);
    } else if (event->kind == RBK_EVENT_TRIGGER && event->level == RBK_LEVEL_MISSING) {
        keep_text(replay->heard[event->index].lacked, record->message);
    }
    for (uint32_t i = 0; i < replay->machine->trigger_count; i++) {
        struct rbk_heard *heard = &replay->heard[i];
        bool asks =
            rbk_state_trigger(replay->machine, replay->state, i)->mode == RBK_TRIGGER_ASKING;

        if (is_answer_to(event, i)) {
            hear_answer(heard, record);
        } else if (event->kind == RBK_EVENT_TIME && heard->asks && !asks) {
            char said[RBK_WHY_BYTES];

            memcpy(said, heard->said, sizeof(said));
            snprintf(heard->said, sizeof(heard->said), "%.*s; nobody%s answered in time",
                     (int)cut(rbk_str_from(said), RBK_WHY_BYTES - 64u).bytes, said,
                     said[0] != '\0' ? " else" : "");
        } else if (asks != heard->asks || begins_anew(replay, event, i)) {
            heard->said[0] = '\0';
        }
        heard->asks = asks;
    }
}

/* ---- what a record says of a cause -------------------------------------------------------------
 */

static void append_trigger(const struct rbk_replay *replay, const struct rbk_record *record,
                           struct rbk_cause cause, struct rbk_buffer *out)
{
    const struct rbk_heard *heard = &replay->heard[cause.index];
    bool fired = cause.kind == RBK_CAUSE_TRIGGER;

    if (record->event.kind == RBK_EVENT_TRIGGER && record->event.index == cause.index) {
        rbk_buffer_append_str(out, record->message);
    } else {
        rbk_buffer_append_text(out, fired ? heard->saw : heard->lacked);
        rbk_buffer_append_text(out, heard->said);
    }
}

/* What is behind the colon of a reason. */
static void append_words(const struct rbk_replay *replay, const struct rbk_record *record,
                         struct rbk_cause cause, struct rbk_buffer *out)
{
    enum rbk_event_kind kind = record->event.kind;

    switch (cause.kind) {
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        append_trigger(replay, record, cause, out);
        break;
    case RBK_CAUSE_GATE:
        if (kind == RBK_EVENT_ANSWER) {
            append_said(out, record);
        } else {
            rbk_buffer_append_text(out, "nobody answered in time");
        }
        break;
    case RBK_CAUSE_FAILURE:
    case RBK_CAUSE_TIMEOUT:
        if (kind == RBK_EVENT_ANSWER) {
            append_said(out, record);
        } else if (kind == RBK_EVENT_COMMAND) {
            rbk_buffer_printf(out, "%.*s said so%s%.*s", RBK_STR_ARG(record->who),
                              record->message.bytes != 0 ? ": " : "", RBK_STR_ARG(record->message));
        } else {
            rbk_buffer_append_str(out, record->message);
        }
        break;
    default:
        rbk_buffer_append_str(out, record->message);
        break;
    }
}

/* What the record says of a cause that it gave to a region, if it did. */
static void keep_why(const struct rbk_replay *replay, const struct rbk_record *record,
                     struct rbk_cause cause, struct rbk_why *why)
{
    struct rbk_buffer words;

    if (why->cause.kind == cause.kind && why->cause.index == cause.index) {
        return;
    }
    rbk_buffer_init(&words, RBK_EVENT_BYTES_MAX);
    if (cause.kind != RBK_CAUSE_NONE) {
        append_words(replay, record, cause, &words);
    }
    why->cause = cause;
    keep_text(why->text, rbk_buffer_str(&words));
    rbk_buffer_fini(&words);
}

static void keep_whys(struct rbk_replay *replay, const struct rbk_record *record)
{
    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        const struct rbk_region_state *region = rbk_state_region(replay->machine, replay->state, i);
        bool stuck = replay->machine->states[region->state].kind == RBK_STATE_STUCK;

        keep_why(replay, record, region->cause, &replay->whys[i]);
        /* Of this time: the same step may say something else when it fails again. */
        keep_why(replay, record,
                 stuck ? region->failed_back : (struct rbk_cause){RBK_CAUSE_NONE, 0},
                 &replay->stucks[i]);
    }
}

/* What was said of the run's cause when it came up: by the record that held, paused or turned the
 * run, or before, when a stage failed and went back first. */
static void append_words_of_cause(const struct rbk_replay *replay, const struct rbk_record *record,
                                  struct rbk_cause cause, struct rbk_buffer *out)
{
    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        const struct rbk_why *why = &replay->whys[i];

        if (cause.kind != RBK_CAUSE_COMMAND && cause.kind == why->cause.kind &&
            cause.index == why->cause.index) {
            rbk_buffer_append_text(out, why->text);
            return;
        }
    }
    append_words(replay, record, cause, out);
}

/* ---- the line ----------------------------------------------------------------------------------
 */

/* Whoever pauses, aborts or cancels is the cause anew, though a person was the last one, too. A
 * pause that has to wait is not the cause yet. */
static bool is_new_command(const struct rbk_event *event, struct rbk_cause cause)
{
    if (cause.kind != RBK_CAUSE_COMMAND) {
        return false;
    }
    return event->kind == RBK_EVENT_COMMAND
               ? event->command == RBK_COMMAND_PAUSE || event->command == RBK_COMMAND_ABORT ||
                     event->command == RBK_COMMAND_CANCEL
               : event->kind == RBK_EVENT_ANSWER && event->owner == RBK_OWNER_RUN &&
                     (event->answer == RBK_ANSWER_ABORT || event->answer == RBK_ANSWER_CANCEL);
}

static void append_step(const struct rbk_replay *replay, struct rbk_cause cause,
                        struct rbk_buffer *out)
{
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_machine_state *state = &machine->states[cause.index];
    bool has_text = state->effect != RBK_NONE && machine->effects[state->effect].text.bytes != 0;

    rbk_buffer_append_str(out, has_text ? machine->effects[state->effect].text : state->name);
    rbk_buffer_append_text(out, cause.kind == RBK_CAUSE_TIMEOUT ? " ran out of time"
                                : cause.kind == RBK_CAUSE_GATE  ? " was refused or not answered"
                                : rbk_state_is_test(machine, cause.index) ? " does not hold"
                                                                          : " failed");
}

static bool uses(const struct rbk_machine *machine, uint32_t expr, enum rbk_variable which)
{
    const struct rbk_slice code = machine->exprs[expr].code;

    for (uint32_t i = 0; i < code.count; i++) {
        const struct rbk_op_code *at = &machine->codes[code.first + i];

        if (at->op == RBK_OP_VARIABLE && at->operand == (uint32_t)which) {
            return true;
        }
    }
    return false;
}

/* Its readings, or what the run itself counts. */
static void append_criterion(const struct rbk_replay *replay, const struct rbk_record *record,
                             uint32_t index, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_criterion *criterion = &machine->criteria[index];
    const struct rbk_state *state = replay->state;
    uint64_t ms = rbk_span_ms(state->first_effect_ms, state->now_ms);

    rbk_buffer_printf(out, "abort criterion: %.*s", RBK_STR_ARG(criterion->message));
    if (criterion->reads_probes && record->event.kind == RBK_EVENT_CRITERION &&
        record->message.bytes != 0) {
        rbk_buffer_printf(out, ": %.*s", RBK_STR_ARG(record->message));
    } else if (uses(machine, criterion->condition, RBK_VARIABLE_ROLLBACKS)) {
        rbk_buffer_printf(out, " (%u unplanned stage rollback%s)", state->rollbacks,
                          state->rollbacks == 1 ? "" : "s");
    } else if (uses(machine, criterion->condition, RBK_VARIABLE_ELAPSED)) {
        rbk_buffer_append_text(out, " (");
        rbk_value_print(out, rbk_value_integer(RBK_TYPE_DURATION,
                                               (int64_t)(ms >= 1000 ? ms / 1000 * 1000 : ms)));
        rbk_buffer_append_text(out, " since the first effect)");
    }
}

/* @waited  It is a pause that came earlier: the record is that of something else.
 * @before  The reason there was. */
static void append_reason(const struct rbk_replay *replay, const struct rbk_record *record,
                          bool waited, struct rbk_str before, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_cause cause = rbk_run_cause(machine, replay->state);
    size_t named;

    switch (cause.kind) {
    case RBK_CAUSE_FAILURE:
    case RBK_CAUSE_TIMEOUT:
    case RBK_CAUSE_GATE:
        append_step(replay, cause, out);
        break;
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        rbk_buffer_printf(out, "trigger %.*s %s", RBK_STR_ARG(machine->triggers[cause.index].name),
                          cause.kind == RBK_CAUSE_TRIGGER ? "fired" : "could not be read");
        break;
    case RBK_CAUSE_CRITERION:
        append_criterion(replay, record, cause.index, out);
        return;
    case RBK_CAUSE_SIGNAL:
        rbk_buffer_printf(out, "signal %.*s: %.*s", RBK_STR_ARG(machine->signals[cause.index].name),
                          RBK_STR_ARG(machine->signals[cause.index].message));
        if (record->event.kind != RBK_EVENT_COMMAND) {
            return;
        }
        rbk_buffer_printf(out, ", given by %.*s", RBK_STR_ARG(record->who));
        break;
    case RBK_CAUSE_COMMAND:
        if (waited) {
            rbk_buffer_append_text(out, "a pause was asked for while the run was held");
            return;
        }
        rbk_buffer_printf(out, "asked for by %.*s", RBK_STR_ARG(record->who));
        break;
    case RBK_CAUSE_UNDECIDED:
        rbk_buffer_append_text(out, "nobody decided in time");
        if (before.bytes != 0) {
            rbk_buffer_printf(out, " about this: %.*s", RBK_STR_ARG(cut(before, BEFORE_BYTES_MAX)));
        }
        return;
    case RBK_CAUSE_INTERRUPT:
        rbk_buffer_append_text(out, "interrupted at the runner");
        return;
    case RBK_CAUSE_WAY_BACK:
        rbk_buffer_printf(out, "no way back of stage %.*s is open",
                          RBK_STR_ARG(machine->regions[cause.index].name));
        if (record->event.kind != RBK_EVENT_WAY_BACK) {
            return;
        }
        break;
    default:
        return;
    }
    rbk_buffer_append_text(out, ": ");
    named = out->bytes;
    append_words_of_cause(replay, record, cause, out);
    if (out->bytes == named) {
        rbk_buffer_truncate(out, named - 2);
    }
}

/* Made when the cause changes. */
static void tell_reason(struct rbk_replay *replay, const struct rbk_record *record, bool waited)
{
    const struct rbk_cause cause = rbk_run_cause(replay->machine, replay->state);
    struct rbk_buffer line;
    struct rbk_str text;

    if (cause.kind == replay->told.kind && cause.index == replay->told.index &&
        !is_new_command(&record->event, cause)) {
        return;
    }
    replay->told = cause;
    rbk_buffer_init(&line, RBK_EVENT_BYTES_MAX * 2);
    append_reason(replay, record, waited, replay->reason, &line);
    text = cut(rbk_buffer_str(&line), REASON_BYTES_MAX);
    rbk_arena_reset(&replay->reasons);
    replay->reason = text.bytes == 0
                         ? (struct rbk_str){NULL, 0}
                         : rbk_arena_printf(&replay->reasons, "%.*s%s", RBK_STR_ARG(text),
                                            text.bytes < line.bytes ? " …" : "");
    rbk_buffer_fini(&line);
}

/* ---- stuck -------------------------------------------------------------------------------------
 */

/* A stage without a way back: what failed there is what a person has to mend. */
static void append_stuck(const struct rbk_replay *replay, uint32_t region, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_region_state *state = rbk_state_region(machine, replay->state, region);
    const char *why = replay->stucks[region].text;

    if (machine->states[state->state].kind != RBK_STATE_STUCK) {
        return;
    }
    rbk_buffer_printf(out, "%sstage %.*s is stuck", out->bytes != 0 ? "; " : "",
                      RBK_STR_ARG(machine->regions[region].name));
    if (state->failed_back.kind == RBK_CAUSE_FAILURE ||
        state->failed_back.kind == RBK_CAUSE_TIMEOUT) {
        rbk_buffer_append_text(out, ": ");
        append_step(replay, state->failed_back, out);
        rbk_buffer_printf(out, "%s%s", why[0] != '\0' ? ": " : "", why);
    }
}

struct rbk_str rbk_reason_whole(const struct rbk_replay *replay, struct rbk_arena *arena)
{
    struct rbk_buffer line;
    struct rbk_str text;

    rbk_buffer_init(&line, RBK_EVENT_BYTES_MAX * 2);
    rbk_buffer_append_str(&line, replay->reason);
    for (uint32_t i = 0;
         replay->state->status == RBK_STATUS_STUCK && i < replay->machine->region_count; i++) {
        append_stuck(replay, i, &line);
    }
    text = cut(rbk_buffer_str(&line), REASON_BYTES_MAX * 2);
    text =
        rbk_arena_printf(arena, "%.*s%s", RBK_STR_ARG(text), text.bytes < line.bytes ? " …" : "");
    rbk_buffer_fini(&line);
    return text;
}

void rbk_reason_take(struct rbk_replay *replay, const struct rbk_record *record, bool waited)
{
    hear(replay, record);
    keep_whys(replay, record);
    tell_reason(replay, record, waited);
}
