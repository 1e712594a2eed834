/*
 * Decisions and who took them, questions and who answered.
 *
 * A decision is whatever changed where the run goes: it turned round, a stage did, it was held or
 * paused and went on, a person asked for something, a trigger asked for its reaction, a question
 * was closed. Who took it follows from the event that brought it, or else from the cause that
 * step() noted; what it was taken on stands in the message of the event, or in that of the trigger
 * that had asked for it before.
 */
#include "runtime/report/report_internal.h"

#include "runtime/core/expr_describe.h"

#define DECISIONS_MAX 1000
#define REACTIONS_MAX 800
#define QUESTIONS_MAX 1000

/* ---- who and on what --------------------------------------------------------------------------
 */

static enum rbk_report_actor actor_of(const struct rbk_report_moment *moment,
                                      struct rbk_cause cause)
{
    enum rbk_event_kind kind = moment->record->event.kind;

    if (kind == RBK_EVENT_COMMAND || kind == RBK_EVENT_ANSWER || kind == RBK_EVENT_START ||
        kind == RBK_EVENT_RESUMED) {
        return RBK_REPORT_BY_PERSON;
    }
    switch ((enum rbk_cause_kind)cause.kind) {
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        return RBK_REPORT_BY_TRIGGER;
    case RBK_CAUSE_CRITERION:
        return RBK_REPORT_BY_CRITERION;
    case RBK_CAUSE_FAILURE:
        return RBK_REPORT_BY_STEP;
    case RBK_CAUSE_GATE:
    case RBK_CAUSE_TIMEOUT:
    case RBK_CAUSE_UNDECIDED:
        return RBK_REPORT_BY_DEADLINE;
    case RBK_CAUSE_SIGNAL:
    case RBK_CAUSE_COMMAND:
    case RBK_CAUSE_INTERRUPT:
        return RBK_REPORT_BY_PERSON;
    default:
        return RBK_REPORT_BY_PLAN;
    }
}

static struct rbk_str who_of(const struct rbk_report_moment *moment, enum rbk_report_actor actor,
                             struct rbk_cause cause)
{
    const struct rbk_machine *machine = moment->machine;

    if (actor == RBK_REPORT_BY_PERSON) {
        return rbk_report_text(moment->report, moment->record->who.bytes != 0
                                                   ? moment->record->who
                                                   : RBK_STR("somebody"));
    }
    if (actor == RBK_REPORT_BY_TRIGGER && cause.index < machine->trigger_count) {
        return rbk_report_text(moment->report, machine->triggers[cause.index].name);
    }
    if (actor == RBK_REPORT_BY_CRITERION && cause.index < machine->criterion_count) {
        return rbk_report_text(moment->report, machine->criteria[cause.index].message);
    }
    return RBK_STR("");
}

/* What a criterion over the run itself saw: "rollbacks = 1, elapsed = 12m". */
static struct rbk_str criterion_readings(const struct rbk_report_moment *moment, uint32_t index)
{
    struct rbk_buffer text;
    struct rbk_str result;

    if (moment->record->event.kind == RBK_EVENT_CRITERION || moment->view->scope == NULL ||
        index >= moment->machine->criterion_count) {
        return rbk_report_text(moment->report, moment->record->message);
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_expr_describe(moment->view->scope, moment->machine->criteria[index].condition, NULL, &text);
    result = rbk_report_take(moment->report, &text);
    rbk_buffer_fini(&text);
    return result;
}

static struct rbk_str readings_of(const struct rbk_report_moment *moment, struct rbk_cause cause)
{
    enum rbk_event_kind kind = moment->record->event.kind;

    if ((cause.kind == RBK_CAUSE_FAILURE || cause.kind == RBK_CAUSE_TIMEOUT) &&
        cause.index < moment->building->failure_count &&
        moment->building->failures[cause.index].bytes != 0) {
        /* What the step said, which may be long ago: a run is held when its way back has ended. */
        return rbk_report_text(moment->report, moment->building->failures[cause.index]);
    }
    switch ((enum rbk_cause_kind)cause.kind) {
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        return cause.index < moment->report->triggers.count
                   ? rbk_report_text(moment->report,
                                     moment->report->triggers.items[cause.index].readings)
                   : RBK_STR("");
    case RBK_CAUSE_CRITERION:
        return criterion_readings(moment, cause.index);
    default:
        return kind == RBK_EVENT_RESULT || kind == RBK_EVENT_RESOLVED || kind == RBK_EVENT_TRIGGER
                   ? rbk_report_text(moment->report, moment->record->message)
                   : RBK_STR("");
    }
}

/* @what  Copied. A trigger that speaks again and again leaves room for what follows from it. */
static struct rbk_report_decision *decide_within(const struct rbk_report_moment *moment,
                                                 struct rbk_str what, struct rbk_cause cause,
                                                 size_t count_max)
{
    struct rbk_run_report *report = moment->report;
    enum rbk_event_kind kind = moment->record->event.kind;
    struct rbk_report_decision *row = rbk_report_push(report, report->decisions, count_max);
    struct rbk_buffer because;

    if (row == NULL) {
        return NULL;
    }
    row->seq = moment->seq;
    row->at_ms = moment->at_ms;
    row->what = rbk_report_text(report, what);
    row->by = actor_of(moment, cause);
    row->who = who_of(moment, row->by, cause);
    row->readings = readings_of(moment, cause);
    row->severity = (cause.kind == RBK_CAUSE_TRIGGER || cause.kind == RBK_CAUSE_TRIGGER_MISSING) &&
                            cause.index < report->triggers.count
                        ? report->triggers.items[cause.index].severity
                        : RBK_STR("");
    rbk_buffer_init(&because, RBK_VIEW_BYTES_MAX);
    if (cause.kind != RBK_CAUSE_COMMAND && row->by != RBK_REPORT_BY_CRITERION) {
        rbk_view_cause(moment->view, cause, &because);
    }
    if ((kind == RBK_EVENT_COMMAND || kind == RBK_EVENT_ANSWER) &&
        moment->record->message.bytes != 0) {
        rbk_buffer_printf(&because, "%s%.*s", because.bytes != 0 ? "; " : "",
                          RBK_STR_ARG(moment->record->message));
    } else if (kind == RBK_EVENT_TIME && row->by == RBK_REPORT_BY_TRIGGER) {
        rbk_buffer_append_text(&because, "; nothing to the contrary came in time");
    }
    row->because = rbk_report_take(report, &because);
    rbk_buffer_fini(&because);
    return row;
}

static struct rbk_report_decision *decide(const struct rbk_report_moment *moment,
                                          struct rbk_str what, struct rbk_cause cause)
{
    return decide_within(moment, what, cause, DECISIONS_MAX);
}

static void mark_decision(const struct rbk_report_moment *moment,
                          const struct rbk_report_decision *row)
{
    if (row != NULL) {
        rbk_report_mark(moment->report,
                        row->by == RBK_REPORT_BY_PERSON ? RBK_REPORT_MARK_PERSON
                                                        : RBK_REPORT_MARK_DECISION,
                        moment->at_ms,
                        rbk_report_passing(moment->report, "%.*s%s%.*s", RBK_STR_ARG(row->what),
                                           row->who.bytes != 0 ? ": " : "", RBK_STR_ARG(row->who)));
    }
}

/* ---- questions --------------------------------------------------------------------------------
 */

static struct rbk_report_question *find_question(struct rbk_run_report *report, uint32_t serial)
{
    for (size_t i = report->questions.count; serial != 0 && i > 0; i--) {
        if (report->questions.items[i - 1].serial == serial) {
            return &report->questions.items[i - 1];
        }
    }
    return NULL;
}

static void open_question(const struct rbk_report_moment *moment, const struct rbk_action *action)
{
    struct rbk_run_report *report = moment->report;
    struct rbk_report_question *row;
    struct rbk_asked asked;
    struct rbk_buffer text;

    if (!rbk_view_asked_by(moment->view, moment->after, action->owner, action->index, &asked) ||
        find_question(report, asked.serial) != NULL || /* a new runner asks the same again */
        (row = rbk_report_push(report, report->questions, QUESTIONS_MAX)) == NULL) {
        return;
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    row->serial = asked.serial;
    row->kind = asked.kind;
    row->asked_ms = moment->at_ms;
    row->due_ms = asked.due_ms;
    row->result = RBK_STR("");
    row->stage = RBK_STR("");
    if (action->owner == RBK_OWNER_REGION && rbk_region_root(moment->machine, action->index) != 0) {
        row->stage = rbk_report_text(report, rbk_view_stage_name(moment->view, action->index));
    }
    rbk_asked_name(moment->view, moment->after, &asked, &text);
    row->name = rbk_report_take(report, &text);
    rbk_asked_text(moment->view, moment->after, &asked, &text);
    row->text = rbk_report_take(report, &text);
    rbk_buffer_fini(&text);
}

/* Which question of its owner was open before; 0: none. */
static uint32_t open_serial(const struct rbk_report_moment *moment, enum rbk_question_owner owner,
                            uint32_t index)
{
    struct rbk_asked asked;
    return rbk_view_asked_by(moment->view, moment->before, owner, index, &asked) ? asked.serial : 0;
}

static void tell_answer(const struct rbk_report_moment *moment)
{
    const struct rbk_record *record = moment->record;
    const struct rbk_event *event = &record->event;
    struct rbk_report_question *row;

    if (event->kind == RBK_EVENT_ANSWER) {
        row = find_question(moment->report, open_serial(moment, event->owner, event->index));
    } else if (event->kind == RBK_EVENT_COMMAND && event->command == RBK_COMMAND_RESOLVE) {
        row = find_question(moment->report, open_serial(moment, RBK_OWNER_REGION, event->index));
    } else {
        return;
    }
    if (row == NULL) {
        return;
    }
    if (row->answer_count < RBK_REPORT_ANSWERS_MAX) {
        row->answers[row->answer_count] =
            (struct rbk_report_answer){.at_ms = moment->at_ms,
                                       .who = rbk_report_text(moment->report, record->who),
                                       .answer = rbk_str_from(rbk_answer_name(event->answer)),
                                       .reason = rbk_report_text(moment->report, record->message)};
    }
    row->answer_count++;
}

/* Whether this is the last that somebody said to a question. */
static bool is_last_word(const struct rbk_report_question *row, size_t count, size_t number)
{
    for (size_t later = number + 1; later < count; later++) {
        if (rbk_str_equal(row->answers[later].who, row->answers[number].who)) {
            return false;
        }
    }
    return true;
}

/* Everybody who stands by the answer that counted: a quorum decides together. */
static struct rbk_str all_who_answered(const struct rbk_report_moment *moment,
                                       const struct rbk_report_question *row)
{
    size_t count =
        row->answer_count < RBK_REPORT_ANSWERS_MAX ? row->answer_count : RBK_REPORT_ANSWERS_MAX;
    struct rbk_buffer who;
    struct rbk_str all;

    rbk_buffer_init(&who, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (rbk_str_equal(row->answers[i].answer, row->result) && is_last_word(row, count, i)) {
            rbk_buffer_printf(&who, "%s%.*s", who.bytes != 0 ? ", " : "",
                              RBK_STR_ARG(row->answers[i].who));
        }
    }
    all = rbk_report_text(moment->report, rbk_buffer_str(&who));
    rbk_buffer_fini(&who);
    return all;
}

/* A question that is not open any more. */
static void close_question(const struct rbk_report_moment *moment, enum rbk_question_owner owner,
                           uint32_t index)
{
    const struct rbk_event *event = &moment->record->event;
    struct rbk_report_question *row =
        find_question(moment->report, open_serial(moment, owner, index));
    bool answered =
        (event->kind == RBK_EVENT_ANSWER && event->owner == owner && event->index == index) ||
        (event->kind == RBK_EVENT_COMMAND && event->command == RBK_COMMAND_RESOLVE &&
         owner == RBK_OWNER_REGION && event->index == index);
    bool shown = event->kind == RBK_EVENT_RESULT && owner == RBK_OWNER_REGION && row != NULL &&
                 event->serial == row->serial;
    struct rbk_report_decision *decision;

    if (row == NULL || row->closed_ms != 0) {
        return;
    }
    row->closed_ms = moment->at_ms;
    if (answered) {
        row->result = rbk_str_from(rbk_answer_name(event->answer));
    } else if (shown) {
        row->result = RBK_STR("done, by what was looked for");
    } else if (row->due_ms != 0 && moment->at_ms >= row->due_ms) {
        row->result = RBK_STR("no answer in time");
    } else {
        row->result = RBK_STR("withdrawn");
        return;
    }
    decision = decide(moment,
                      rbk_report_passing(moment->report, "%.*s: %.*s", RBK_STR_ARG(row->name),
                                         RBK_STR_ARG(row->result)),
                      (struct rbk_cause){0});
    if (decision != NULL) {
        decision->by = answered ? RBK_REPORT_BY_PERSON
                       : shown  ? RBK_REPORT_BY_PLAN
                                : RBK_REPORT_BY_DEADLINE;
        if (answered && row->answer_count > 1) {
            decision->who = all_who_answered(moment, row);
        }
        mark_decision(moment, decision);
    }
}

static void tell_questions(const struct rbk_report_moment *moment)
{
    tell_answer(moment);
    for (uint32_t i = 0; i < moment->machine->region_count; i++) {
        uint32_t was = rbk_state_region(moment->machine, moment->before, i)->mode;
        if ((was == RBK_MODE_ASKING || was == RBK_MODE_DOUBT)) {
            struct rbk_asked asked;
            if (!rbk_view_asked_by(moment->view, moment->after, RBK_OWNER_REGION, i, &asked) ||
                asked.serial != open_serial(moment, RBK_OWNER_REGION, i)) {
                close_question(moment, RBK_OWNER_REGION, i);
            }
        }
    }
    for (uint32_t i = 0; i < moment->machine->trigger_count; i++) {
        const struct rbk_trigger_state *was = rbk_state_trigger(moment->machine, moment->before, i);
        const struct rbk_trigger_state *is = rbk_state_trigger(moment->machine, moment->after, i);
        if (was->mode == RBK_TRIGGER_ASKING &&
            (is->mode != RBK_TRIGGER_ASKING || is->serial != was->serial)) {
            close_question(moment, RBK_OWNER_TRIGGER, i);
        }
    }
    if (moment->before->held_reaction != 0 &&
        moment->after->held_serial != moment->before->held_serial) {
        close_question(moment, RBK_OWNER_RUN, 0);
    }
    for (size_t i = 0; moment->actions != NULL && i < moment->actions->count; i++) {
        if (moment->actions->items[i].kind == RBK_ACTION_QUESTION_OPEN) {
            open_question(moment, &moment->actions->items[i]);
        }
    }
}

/* ---- decisions --------------------------------------------------------------------------------
 */

static bool same_cause(struct rbk_cause a, struct rbk_cause b)
{
    return a.kind == b.kind && a.index == b.index;
}

/* A stage that goes back by itself, and not because the run does. */
static void tell_stages(const struct rbk_report_moment *moment)
{
    const struct rbk_machine *machine = moment->machine;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *is;
        if (machine->regions[i].kind != RBK_REGION_STAGE ||
            !rbk_stage_rolling_back(machine, moment->after, i) ||
            rbk_stage_rolling_back(machine, moment->before, i)) {
            continue;
        }
        is = rbk_state_region(machine, moment->after, i);
        if (moment->after->turned != 0 && same_cause(is->cause, moment->after->cause)) {
            continue;
        }
        mark_decision(moment, decide(moment,
                                     rbk_report_passing(moment->report, "roll back %.*s",
                                                        RBK_STR_ARG(machine->regions[i].name)),
                                     is->cause));
    }
}

/* A way back of a stage that has several: taken, or passed over because its `when` does not hold.
 */
static void tell_way(const struct rbk_report_moment *moment, const struct rbk_region *region,
                     uint32_t number, bool taken)
{
    const struct rbk_strategy *strategy =
        &moment->machine->strategies[region->strategies.first + number];
    struct rbk_report_decision *row =
        decide(moment,
               rbk_report_passing(moment->report, "%.*s: way back %u of %u%s%.*s%s",
                                  RBK_STR_ARG(region->name), number + 1, region->strategies.count,
                                  strategy->name.bytes != 0 ? ", " : "",
                                  RBK_STR_ARG(strategy->name), taken ? "" : ", passed over"),
               (struct rbk_cause){0});

    if (row == NULL) {
        return;
    }
    row->by = RBK_REPORT_BY_PLAN;
    row->who = RBK_STR("");
    if (strategy->when != RBK_NONE) {
        row->because = rbk_report_printf(
            moment->report, "%.*s %s", RBK_STR_ARG(rbk_view_spelled(moment->view, strategy->when)),
            taken                                                  ? "holds"
            : moment->record->event.outcome == RBK_OUTCOME_MISSING ? "could not be read"
                                                                   : "does not hold");
    } else {
        row->because = RBK_STR("");
        row->readings = RBK_STR("");
    }
}

static void tell_ways(const struct rbk_report_moment *moment)
{
    const struct rbk_machine *machine = moment->machine;
    bool result = moment->record->event.kind == RBK_EVENT_RESULT;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        const struct rbk_region_state *was, *is;
        if (region->kind != RBK_REGION_STAGE || region->strategies.count < 2) {
            continue;
        }
        was = rbk_state_region(machine, moment->before, i);
        is = rbk_state_region(machine, moment->after, i);
        for (uint32_t j = 0; was->state != is->state && j < region->strategies.count; j++) {
            const struct rbk_strategy *strategy =
                &machine->strategies[region->strategies.first + j];
            if (strategy->when != RBK_NONE && result && strategy->first_state == was->state &&
                was->mode == RBK_MODE_RUNNING) {
                tell_way(moment, region, j, moment->record->event.outcome == RBK_OUTCOME_OK);
            } else if (strategy->when == RBK_NONE &&
                       rbk_view_strategy(machine, i, is->state) == j &&
                       rbk_view_strategy(machine, i, was->state) != j) {
                tell_way(moment, region, j, true);
            }
        }
    }
}

/* The way back of an applied stage is open, closing or closed: without one no stage starts. */
static void tell_way_back(const struct rbk_report_moment *moment)
{
    const struct rbk_event *event = &moment->record->event;
    struct rbk_report_decision *row;

    if (event->kind != RBK_EVENT_WAY_BACK || event->index >= moment->machine->region_count) {
        return;
    }
    row = decide(moment,
                 rbk_report_passing(moment->report, "%.*s: %s",
                                    RBK_STR_ARG(moment->machine->regions[event->index].name),
                                    event->level == RBK_LEVEL_TRUE    ? "a way back is open"
                                    : event->level == RBK_LEVEL_FALSE ? "no way back is open"
                                                                      : "its way back is closing"),
                 (struct rbk_cause){0});
    if (row != NULL) {
        row->by = RBK_REPORT_BY_PLAN;
        row->who = RBK_STR("");
        row->readings = rbk_report_text(moment->report, moment->record->message);
    }
}

/* What somebody asked for, where nothing above has said it. */
static void tell_command(const struct rbk_report_moment *moment)
{
    const struct rbk_event *event = &moment->record->event;
    struct rbk_buffer what;

    if (event->kind != RBK_EVENT_COMMAND || event->command == RBK_COMMAND_INTERRUPT) {
        return;
    }
    rbk_buffer_init(&what, RBK_VIEW_BYTES_MAX);
    rbk_buffer_append_text(&what, rbk_command_name(event->command));
    if (event->command == RBK_COMMAND_SIGNAL && event->index < moment->machine->signal_count) {
        rbk_buffer_printf(&what, " %.*s", RBK_STR_ARG(moment->machine->signals[event->index].name));
    } else if ((event->command == RBK_COMMAND_RETRY || event->command == RBK_COMMAND_RESOLVE) &&
               event->index < moment->machine->region_count) {
        rbk_buffer_printf(&what, " %.*s",
                          RBK_STR_ARG(rbk_view_stage_name(moment->view, event->index)));
    }
    if (event->command == RBK_COMMAND_RESOLVE) {
        rbk_buffer_printf(&what, " as %s", rbk_answer_name(event->answer));
    }
    mark_decision(moment, decide(moment, rbk_buffer_str(&what),
                                 (struct rbk_cause){.kind = RBK_CAUSE_COMMAND}));
    rbk_buffer_fini(&what);
}

/* A trigger whose reaction leads nowhere yet: it asks, holds, or only tells. */
static void tell_reaction(const struct rbk_report_moment *moment)
{
    const struct rbk_event *event = &moment->record->event;
    const struct rbk_trigger_state *ts;
    struct rbk_buffer spelled;
    uint32_t reaction;

    if (event->kind != RBK_EVENT_TRIGGER || event->level == RBK_LEVEL_FALSE ||
        event->index >= moment->machine->trigger_count) {
        return;
    }
    ts = rbk_state_trigger(moment->machine, moment->after, event->index);
    if (ts->fired == rbk_state_trigger(moment->machine, moment->before, event->index)->fired) {
        return; /* the same edge again, after a gap without data: nothing was decided */
    }
    reaction = ts->mode == RBK_TRIGGER_HOLDING || ts->mode == RBK_TRIGGER_ASKING ? ts->reaction
               : event->level == RBK_LEVEL_MISSING
                   ? moment->machine->triggers[event->index].missing
                   : moment->machine->triggers[event->index].reaction;
    rbk_buffer_init(&spelled, RBK_VIEW_BYTES_MAX);
    rbk_view_reaction(moment->view, reaction, &spelled);
    (void)decide_within(moment, rbk_buffer_str(&spelled),
                        (struct rbk_cause){event->level == RBK_LEVEL_MISSING
                                               ? (uint32_t)RBK_CAUSE_TRIGGER_MISSING
                                               : (uint32_t)RBK_CAUSE_TRIGGER,
                                           event->index},
                        REACTIONS_MAX);
    rbk_buffer_fini(&spelled);
}

void rbk_report_decide(const struct rbk_report_moment *moment)
{
    const struct rbk_state *before = moment->before, *after = moment->after;
    size_t count;

    if (moment->record->event.kind == RBK_EVENT_START) {
        (void)decide(moment, RBK_STR("start"), (struct rbk_cause){0});
    } else if (moment->record->event.kind == RBK_EVENT_RESUMED) {
        (void)decide(moment, RBK_STR("resume"), (struct rbk_cause){0});
    }
    tell_questions(moment);
    tell_way_back(moment);
    count = moment->report->decisions.count + moment->report->decisions.left_out;
    tell_stages(moment);
    if (before->turned == 0 && after->turned != 0) {
        struct rbk_report_decision *turn = decide(moment, RBK_STR("abort"), after->cause);
        if (turn != NULL) {
            turn->turns = true;
        }
        mark_decision(moment, turn);
    }
    if (before->cancelled == 0 && after->cancelled != 0) {
        mark_decision(moment, decide(moment, RBK_STR("cancel"), after->cause));
    }
    if (before->hold != after->hold && after->hold != 0) {
        mark_decision(moment,
                      decide(moment,
                             after->hold == RBK_STATUS_PAUSED ? RBK_STR("pause") : RBK_STR("hold"),
                             after->cause));
    }
    if (count == moment->report->decisions.count + moment->report->decisions.left_out) {
        tell_command(moment);
        tell_reaction(moment);
    }
    tell_ways(moment);
}

const struct rbk_report_decision *rbk_report_turn(const struct rbk_run_report *report)
{
    for (size_t i = 0; i < report->decisions.count; i++) {
        if (report->decisions.items[i].turns) {
            return &report->decisions.items[i];
        }
    }
    return NULL;
}

struct rbk_str rbk_report_severity(const struct rbk_run_report *report)
{
    const struct rbk_report_decision *turn = rbk_report_turn(report);

    return turn != NULL ? turn->severity : RBK_STR("");
}
