/*
 * The summary: what somebody who reads only the beginning has to know, in sentences.
 */
#include "runtime/report/report_internal.h"

#include <string.h>

#define SAY(REPORT, ...) say((REPORT), rbk_report_printf((REPORT), __VA_ARGS__))

static void say(struct rbk_run_report *report, struct rbk_str sentence)
{
    struct rbk_str *row = rbk_report_push(report, report->summary, 50);
    if (row != NULL) {
        *row = sentence;
    }
}

static const char *plural(size_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* ---- how it came out --------------------------------------------------------------------------
 */

static void say_completed(struct rbk_run_report *report)
{
    uint64_t took_ms = rbk_when_between(report->first_effect_ms, report->all_applied_ms);

    if (report->all_applied_ms == 0) {
        SAY(report, "Completed at %s.", rbk_report_at(report, report->ended_ms).text);
    } else if (report->estimate_ms == 0) {
        SAY(report, "Completed at %s: every stage stood applied %s after the first effect.",
            rbk_report_at(report, report->ended_ms).text, rbk_when_span(took_ms).text);
    } else {
        SAY(report,
            "Completed at %s: every stage stood applied %s after the first effect, %s the estimate "
            "of %s.",
            rbk_report_at(report, report->ended_ms).text, rbk_when_span(took_ms).text,
            took_ms <= report->estimate_ms ? "within" : "over",
            rbk_when_limit(report->estimate_ms).text);
    }
}

static void say_aborted(struct rbk_run_report *report)
{
    uint64_t took_ms = rbk_when_between(report->decided_ms, report->ended_ms);

    if (report->rollback_within_ms == 0) {
        SAY(report, "Rolled back and verified at %s, %s after the decision.",
            rbk_report_at(report, report->ended_ms).text, rbk_when_span(took_ms).text);
    } else {
        SAY(report,
            "Rolled back and verified at %s, %s after the decision: %s the %s that the plan "
            "allows.",
            rbk_report_at(report, report->ended_ms).text, rbk_when_span(took_ms).text,
            took_ms <= report->rollback_within_ms ? "within" : "over",
            rbk_when_limit(report->rollback_within_ms).text);
    }
}

static void say_status(struct rbk_run_report *report)
{
    const char *runner = report->runner ? "a runner drives it" : "no runner drives it";

    switch (report->status) {
    case RBK_STATUS_COMPLETED:
        say_completed(report);
        return;
    case RBK_STATUS_ABORTED:
        say_aborted(report);
        return;
    case RBK_STATUS_CANCELLED:
        SAY(report, "Cancelled at %s: nothing stands applied.",
            rbk_report_at(report, report->ended_ms).text);
        return;
    case RBK_STATUS_STUCK:
        SAY(report,
            "Stuck since %s: a rollback failed, no other way back is left, and nothing further is "
            "automatic; %s.",
            rbk_report_at(report, report->stuck_ms).text, runner);
        return;
    default:
        SAY(report, "Not over: %s at %s, the last event so far; %s.",
            rbk_status_name(report->status), rbk_report_at(report, report->last_ms).text, runner);
        return;
    }
}

void rbk_report_decided_by(const struct rbk_report_decision *decision, struct rbk_buffer *out)
{
    /* What a trigger or criterion is the cause of needs no cause beside it. */
    bool whole = decision->by == RBK_REPORT_BY_TRIGGER || decision->by == RBK_REPORT_BY_CRITERION;

    rbk_buffer_append_text(out, decision->by == RBK_REPORT_BY_STEP
                                    ? "a failed step"
                                    : rbk_report_actor_name(decision->by));
    if (decision->who.bytes != 0) {
        rbk_buffer_printf(out, " %.*s", RBK_STR_ARG(decision->who));
    }
    if (decision->because.bytes != 0 && !whole) {
        rbk_buffer_printf(out, ": %.*s", RBK_STR_ARG(decision->because));
    }
    if (decision->readings.bytes != 0) {
        rbk_buffer_printf(out, "; decided on %.*s", RBK_STR_ARG(decision->readings));
    }
}

static void say_turn(struct rbk_run_report *report)
{
    const struct rbk_report_decision *turn = rbk_report_turn(report);
    struct rbk_buffer who;

    if (turn == NULL) {
        return;
    }
    rbk_buffer_init(&who, RBK_REPORT_TEXT_MAX * 4);
    rbk_report_decided_by(turn, &who);
    SAY(report, "It turned round at %s by %s.", rbk_report_at(report, turn->at_ms).text, who.data);
    rbk_buffer_fini(&who);
    if (report->overdue) {
        SAY(report, "The rollback took longer than the plan's %s.",
            rbk_when_limit(report->rollback_within_ms).text);
    }
}

/* "Stages: 2 applied, 1 waiting." */
static void say_stages(struct rbk_run_report *report)
{
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_REPORT_TEXT_MAX);
    for (size_t i = 0; i < report->stages.count; i++) {
        const char *status = report->stages.items[i].status;
        size_t same = 0, before = 0;
        for (size_t j = 0; j < report->stages.count; j++) {
            bool equal = strcmp(report->stages.items[j].status, status) == 0;
            same += equal ? 1u : 0u;
            before += equal && j < i ? 1u : 0u;
        }
        if (before == 0) {
            rbk_buffer_printf(&text, "%s%zu %s", text.bytes == 0 ? "" : ", ", same, status);
        }
    }
    SAY(report, "Stages: %s.", text.bytes != 0 ? text.data : "none");
    rbk_buffer_fini(&text);
}

/* ---- people, crashes, messages ----------------------------------------------------------------
 */

static void say_questions(struct rbk_run_report *report)
{
    uint64_t longest_ms = 0, total_ms = 0;
    size_t silent = 0, open = 0;

    if (report->questions.count == 0) {
        return;
    }
    for (size_t i = 0; i < report->questions.count; i++) {
        const struct rbk_report_question *row = &report->questions.items[i];
        uint64_t took_ms = rbk_when_between(row->asked_ms, row->closed_ms != 0 ? row->closed_ms
                                                                               : report->until_ms);
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        total_ms += took_ms;
        silent += rbk_str_is(row->result, "no answer in time") ? 1u : 0u;
        open += row->closed_ms == 0 ? 1u : 0u;
    }
    SAY(report, "%zu %s asked; people took %s in all, %s for the longest%s%s.",
        report->questions.count, plural(report->questions.count, "question was", "questions were"),
        rbk_when_span(total_ms).text, rbk_when_span(longest_ms).text,
        silent != 0 ? "; not all were answered in time" : "",
        open != 0 ? "; not all are closed" : "");
}

static void say_gaps(struct rbk_run_report *report)
{
    uint64_t total_ms = 0;
    size_t closed = 0;

    for (size_t i = 0; i < report->gaps.count; i++) {
        total_ms += rbk_when_between(report->gaps.items[i].from_ms, report->gaps.items[i].to_ms);
        closed += report->gaps.items[i].to_ms != 0 ? 1u : 0u;
    }
    if (closed != 0) {
        SAY(report,
            "The run was taken over by a new runner %zu %s; none lived for %s at most%s.", closed,
            plural(closed, "time", "times"), rbk_when_span(total_ms).text,
            closed == 1 ? "" : " in all");
    }
}

static void say_messages(struct rbk_run_report *report)
{
    size_t sent = 0;

    for (size_t i = 0; i < report->messages.count; i++) {
        sent += report->messages.items[i].sent_ms != 0 ? 1u : 0u;
    }
    if (report->messages.count != 0) {
        SAY(report, "%zu of %zu %s %s sent.", sent, report->messages.count,
            plural(report->messages.count, "message", "messages"), plural(sent, "was", "were"));
    }
}

void rbk_report_facts(struct rbk_run_report *report)
{
    if (report->broken.bytes != 0) {
        SAY(report,
            "THE JOURNAL IS NOT WHOLE: %.*s. This report ends with event %lld, the last one that "
            "follows from those before it; what came later cannot be trusted.",
            RBK_STR_ARG(report->broken), (long long)report->events);
    }
    say_status(report);
    say_turn(report);
    say_stages(report);
    say_questions(report);
    say_gaps(report);
    say_messages(report);
    if (report->unrehearsed.bytes != 0) {
        SAY(report, "It was started without a fresh rehearsal: %.*s.",
            RBK_STR_ARG(report->unrehearsed));
    }
    if (report->broken.bytes == 0) {
        SAY(report, "The journal has %lld events; its chain of hashes is whole.",
            (long long)report->events);
    }
}
