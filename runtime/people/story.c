/*
 * What happened: one or more lines for the event of a record. story_change.c tells what followed.
 */
#include "runtime/people/story.h"

#include "runtime/people/story_internal.h"
#include "runtime/people/when.h"

/* How much of a value or of a step's output stands in a line. */
#define VALUE_BYTES_MAX 200u
#define DETAIL_LINES_MAX 12u

void rbk_story_send(struct story *story, enum rbk_tone tone, uint32_t region)
{
    struct rbk_str stage = RBK_STR("");
    if (region < story->view->machine->region_count && region != 0) {
        stage = rbk_view_stage_name(story->view, region);
    }
    story->emit(story->context, tone, stage, rbk_buffer_str(&story->line));
    rbk_buffer_clear(&story->line);
}

void rbk_story_because(struct story *story, struct rbk_cause cause)
{
    size_t before = story->line.bytes;
    rbk_buffer_append_text(&story->line, ": ");
    rbk_view_cause(story->view, cause, &story->line);
    if (story->line.bytes == before + 2) {
        rbk_buffer_truncate(&story->line, before);
    }
}

static uint32_t region_of_serial(const struct rbk_view *view, const struct rbk_state *state,
                                 uint32_t serial)
{
    if (serial == 0) {
        return RBK_NONE;
    }
    for (uint32_t region = 0; region < view->machine->region_count; region++) {
        if (rbk_state_region(view->machine, state, region)->serial == serial) {
            return region;
        }
    }
    return RBK_NONE;
}

uint32_t rbk_story_region(const struct rbk_view *view, const struct rbk_record *record,
                          const struct rbk_state *before)
{
    const struct rbk_event *event = &record->event;
    switch (event->kind) {
    case RBK_EVENT_RESULT:
    case RBK_EVENT_NOTE:
    case RBK_EVENT_RESOLVED:
        return region_of_serial(view, before, event->serial);
    case RBK_EVENT_ANSWER:
        if (event->owner == RBK_OWNER_REGION && event->index < view->machine->region_count) {
            return event->index;
        }
        return RBK_NONE;
    case RBK_EVENT_COMMAND:
        if ((event->command == RBK_COMMAND_RETRY || event->command == RBK_COMMAND_RESOLVE) &&
            event->index < view->machine->region_count) {
            return event->index;
        }
        return RBK_NONE;
    case RBK_EVENT_WINDOW:
    case RBK_EVENT_WAY_BACK:
        return event->index < view->machine->region_count ? event->index : RBK_NONE;
    case RBK_EVENT_TRIGGER:
        return event->index < view->machine->trigger_count
                   ? view->machine->triggers[event->index].region
                   : RBK_NONE;
    case RBK_EVENT_START:
    case RBK_EVENT_TIME:
    case RBK_EVENT_CRITERION:
    case RBK_EVENT_RESUMED:
    case RBK_EVENT_COUNT:
        break;
    }
    return RBK_NONE;
}

/* The lines of a step's output, indented, at most DETAIL_LINES_MAX of them: the last ones, because
 * the reason usually stands at the end. */
static void tell_detail(struct story *story, uint32_t region)
{
    struct rbk_str detail = rbk_str_trim(story->record->detail);
    size_t lines = 0, skip, number = 0;

    if (detail.bytes == 0) {
        return;
    }
    for (size_t i = 0; i < detail.bytes; i++) {
        lines += detail.data[i] == '\n' ? 1u : 0u;
    }
    lines++;
    skip = lines > DETAIL_LINES_MAX ? lines - DETAIL_LINES_MAX : 0;
    if (skip != 0) {
        rbk_buffer_printf(&story->line, "  | (%zu lines before)", skip);
        rbk_story_send(story, RBK_TONE_DIM, region);
    }
    while (detail.bytes != 0) {
        size_t end = rbk_str_find(detail, '\n');
        if (number++ >= skip) {
            rbk_buffer_append_text(&story->line, "  | ");
            rbk_buffer_append_str(&story->line, rbk_str_slice(detail, 0, end));
            rbk_story_send(story, RBK_TONE_DIM, region);
        }
        detail = rbk_str_slice(detail, end + 1, detail.bytes);
    }
}

static void append_short(struct rbk_buffer *out, struct rbk_str text)
{
    struct rbk_str first = rbk_str_slice(text, 0, rbk_str_find(text, '\n'));
    bool cut = first.bytes < rbk_str_trim(text).bytes || first.bytes > VALUE_BYTES_MAX;
    rbk_buffer_append_str(out, rbk_str_slice(first, 0, VALUE_BYTES_MAX));
    if (cut) {
        rbk_buffer_append_text(out, " …");
    }
}

/* " = 1234" */
static void append_value(struct story *story)
{
    struct rbk_buffer text;
    if (!story->record->has_value) {
        return;
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_value_print(&text, story->record->value);
    rbk_buffer_append_text(&story->line, " = ");
    append_short(&story->line, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

/* `let before = int(run.output("…"))` without how it is read: the value follows. */
static struct rbk_str bound_name(struct rbk_str text)
{
    return rbk_str_trim(rbk_str_slice(text, 0, rbk_str_find(text, '=')));
}

static void append_elapsed(struct story *story)
{
    if (story->record->elapsed_ms >= 1000) {
        rbk_buffer_printf(&story->line, " in %s", rbk_when_span(story->record->elapsed_ms).text);
    }
}

/* How a step that did not go well ended; the tone of the line. */
static enum rbk_tone append_outcome(struct story *story, const struct rbk_effect *effect,
                                    enum rbk_outcome outcome)
{
    struct rbk_buffer *line = &story->line;
    enum rbk_tone tone = RBK_TONE_BAD;
    switch (outcome) {
    case RBK_OUTCOME_OK:
        return RBK_TONE_GOOD;
    case RBK_OUTCOME_FAIL:
        rbk_buffer_append_text(line, effect->kind == RBK_EFFECT_CHECK ||
                                             effect->kind == RBK_EFFECT_REQUIRE
                                         ? " does not hold"
                                         : " failed");
        break;
    case RBK_OUTCOME_TIMEOUT:
        rbk_buffer_append_text(line, " took too long");
        append_elapsed(story);
        break;
    case RBK_OUTCOME_MISSING:
        rbk_buffer_append_text(line, " could not be read");
        break;
    case RBK_OUTCOME_DENIED:
        rbk_buffer_append_text(line, " refused");
        break;
    case RBK_OUTCOME_EXPIRED:
        rbk_buffer_append_text(line, " not answered in time");
        break;
    case RBK_OUTCOME_DOUBT:
        rbk_buffer_append_text(line, " is in doubt: it may or may not have happened");
        break;
    case RBK_OUTCOME_COUNT:
        break;
    }
    if (effect->optional) {
        rbk_buffer_printf(line, " (optional: %.*s)", RBK_STR_ARG(effect->because));
        tone = RBK_TONE_WARN;
    }
    return tone;
}

static void append_message(struct story *story)
{
    if (story->record->message.bytes != 0) {
        rbk_buffer_append_text(&story->line, ": ");
        rbk_buffer_append_str(&story->line, story->record->message);
    }
}

/* A failed attempt with another one to come. */
static void append_retry(struct story *story, uint32_t region, const struct rbk_effect *effect,
                         enum rbk_tone *tone)
{
    const struct rbk_region_state *after =
        rbk_state_region(story->view->machine, story->after, region);
    if (after->mode != RBK_MODE_RETRY) {
        return;
    }
    rbk_buffer_printf(&story->line, "; again at %s (attempt %u of %u)",
                      rbk_when_clock(after->due_ms).text, after->attempt + 1,
                      effect->retry_count + 1);
    *tone = RBK_TONE_WARN;
}

/* `done when` was evaluated. */
static void tell_look(struct story *story, uint32_t region, const struct rbk_effect *effect)
{
    enum rbk_outcome outcome = story->record->event.outcome;
    rbk_buffer_append_str(&story->line, effect->text);
    rbk_buffer_append_text(&story->line, outcome == RBK_OUTCOME_OK     ? " has happened"
                                         : outcome == RBK_OUTCOME_FAIL ? " has not happened"
                                                                       : " cannot be looked up");
    append_message(story);
    rbk_story_send(story, outcome == RBK_OUTCOME_MISSING ? RBK_TONE_WARN : RBK_TONE_PLAIN, region);
}

/* What became of a step that was told to stop. */
static void tell_stopped(struct story *story, uint32_t region, const struct rbk_effect *effect)
{
    enum rbk_outcome outcome = story->record->event.outcome;
    enum rbk_tone tone = RBK_TONE_WARN;
    rbk_buffer_append_text(&story->line, "stopped: ");
    rbk_buffer_append_str(&story->line, rbk_view_short(effect));
    if (outcome == RBK_OUTCOME_OK) {
        rbk_buffer_append_text(&story->line, ", which had ended well");
    } else if (outcome == RBK_OUTCOME_DOUBT) {
        tone = append_outcome(story, effect, outcome);
        append_message(story);
    }
    rbk_story_send(story, tone, region);
}

bool rbk_story_kept_nothing(const struct rbk_effect *effect, const struct rbk_record *record)
{
    return effect->kind == RBK_EFFECT_CAPTURE_RUN && record->event.outcome == RBK_OUTCOME_OK &&
           rbk_str_starts(record->message, RBK_STR(RBK_RECORD_NOTHING_KEPT));
}

static void tell_result(struct story *story)
{
    const struct rbk_view *view = story->view;
    const struct rbk_record *record = story->record;
    uint32_t region = rbk_story_region(view, record, story->before);
    enum rbk_outcome outcome = record->event.outcome;
    const struct rbk_effect *effect;
    const struct rbk_region_state *was;
    enum rbk_tone tone;

    if (region == RBK_NONE || (effect = rbk_view_effect(view, story->before, region)) == NULL) {
        return;
    }
    was = rbk_state_region(view->machine, story->before, region);
    if (was->mode == RBK_MODE_LOOKING) {
        tell_look(story, region, effect);
        return;
    }
    if (was->mode == RBK_MODE_CANCELLING) {
        tell_stopped(story, region, effect);
        return;
    }
    if (was->mode == RBK_MODE_ASKING) {
        rbk_buffer_append_str(&story->line, rbk_view_short(effect));
        rbk_buffer_append_text(&story->line, ": it is done, by what was looked for");
        append_message(story);
        rbk_story_send(story, RBK_TONE_GOOD, region);
        return;
    }
    rbk_buffer_append_str(&story->line, outcome != RBK_OUTCOME_OK ? effect->text
                                        : story->record->has_value && effect->kind == RBK_EFFECT_LET
                                            ? bound_name(effect->text)
                                            : rbk_view_short(effect));
    tone = append_outcome(story, effect, outcome);
    if (outcome == RBK_OUTCOME_OK) {
        if (effect->kind == RBK_EFFECT_LET || effect->kind == RBK_EFFECT_CAPTURE) {
            size_t before = story->line.bytes;
            append_value(story);
            rbk_buffer_append_text(&story->line, story->line.bytes == before ? " ok" : "");
        } else {
            rbk_buffer_append_text(&story->line, " ok");
        }
        append_elapsed(story);
        if (rbk_story_kept_nothing(effect, record)) {
            append_message(story);
            tone = RBK_TONE_WARN;
        }
    } else if (effect->kind == RBK_EFFECT_TEST && outcome == RBK_OUTCOME_FAIL) {
        rbk_buffer_clear(&story->line);
        rbk_buffer_append_str(&story->line, effect->text);
        rbk_buffer_append_text(&story->line, ": no");
        tone = RBK_TONE_PLAIN;
    } else {
        append_message(story);
    }
    append_retry(story, region, effect, &tone);
    rbk_story_send(story, tone, region);
    if (outcome != RBK_OUTCOME_OK && effect->kind != RBK_EFFECT_TEST) {
        tell_detail(story, region);
    }
}

static void tell_resolved(struct story *story)
{
    const struct rbk_event *event = &story->record->event;
    uint32_t region = rbk_story_region(story->view, story->record, story->before);
    const struct rbk_effect *effect;
    enum rbk_tone tone = RBK_TONE_WARN;

    if (region == RBK_NONE ||
        (effect = rbk_view_effect(story->view, story->before, region)) == NULL) {
        return;
    }
    rbk_buffer_append_str(&story->line, effect->text);
    switch (event->recovery) {
    case RBK_RECOVERY_KNOWN:
        if (event->outcome == RBK_OUTCOME_OK) {
            rbk_buffer_append_text(&story->line, " had ended well before the interruption");
            tone = RBK_TONE_GOOD;
        } else {
            tone = append_outcome(story, effect, event->outcome);
        }
        break;
    case RBK_RECOVERY_ATTACHED:
        rbk_buffer_append_text(&story->line, " still runs: attached to it again");
        break;
    case RBK_RECOVERY_NOT_STARTED:
        rbk_buffer_append_text(&story->line, " had not begun: it is started now");
        break;
    case RBK_RECOVERY_UNKNOWN:
        rbk_buffer_append_text(&story->line, " was under way at the interruption; whether it "
                                             "happened cannot be told from here");
        break;
    }
    append_message(story);
    rbk_story_send(story, tone, region);
}

static void tell_trigger(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    const struct rbk_event *event = &story->record->event;
    if (event->index >= machine->trigger_count) {
        return;
    }
    const struct rbk_trigger *trigger = &machine->triggers[event->index];
    const struct rbk_trigger_state *ts = rbk_state_trigger(machine, story->after, event->index);
    bool waits = ts->mode == RBK_TRIGGER_HOLDING || ts->mode == RBK_TRIGGER_ASKING;
    uint32_t reaction = waits                               ? ts->reaction
                        : event->level == RBK_LEVEL_MISSING ? trigger->missing
                                                            : trigger->reaction;
    /* After a gap without data the same edge comes again, and is not reacted to. */
    bool news = ts->fired != rbk_state_trigger(machine, story->before, event->index)->fired;

    rbk_buffer_printf(&story->line, "trigger %.*s %s", RBK_STR_ARG(trigger->name),
                      event->level == RBK_LEVEL_TRUE      ? (news ? "fired" : "holds still")
                      : event->level == RBK_LEVEL_MISSING ? "cannot be read"
                                                          : "is quiet again");
    if (event->level == RBK_LEVEL_TRUE) {
        rbk_buffer_append_text(&story->line, ": ");
        rbk_buffer_append_str(&story->line, rbk_view_spelled(story->view, trigger->condition));
    }
    append_value(story);
    append_message(story);
    if (event->level != RBK_LEVEL_FALSE && !news && !waits) {
        rbk_buffer_append_text(&story->line, "; it has been reacted to");
    } else if (event->level != RBK_LEVEL_FALSE) {
        rbk_buffer_append_text(&story->line, " -> ");
        rbk_view_reaction(story->view, reaction, &story->line);
        if (ts->due_ms != 0) {
            rbk_buffer_printf(&story->line, ", until %s",
                              rbk_when_until(ts->due_ms, story->after->now_ms).text);
        }
    }
    rbk_story_send(story, event->level == RBK_LEVEL_FALSE ? RBK_TONE_PLAIN : RBK_TONE_BAD,
                   trigger->region);
}

static void append_who(struct story *story)
{
    struct rbk_str who = story->record->who;
    rbk_buffer_append_str(&story->line, who.bytes != 0 ? who : RBK_STR("somebody"));
}

static void tell_answer(struct story *story)
{
    const struct rbk_event *event = &story->record->event;
    struct rbk_asked asked;
    append_who(story);
    rbk_buffer_printf(&story->line, " answered %s", rbk_answer_name(event->answer));
    if (rbk_view_asked_by(story->view, story->before, event->owner, event->index, &asked)) {
        rbk_buffer_append_text(&story->line, " to ");
        rbk_asked_name(story->view, story->before, &asked, &story->line);
    }
    append_message(story);
    rbk_story_send(story, RBK_TONE_PLAIN,
                   rbk_story_region(story->view, story->record, story->before));
}

static bool in_doubt(const struct story *story, const struct rbk_event *event)
{
    struct rbk_asked asked;
    return rbk_view_asked_by(story->view, story->before, RBK_OWNER_REGION, event->index, &asked) &&
           asked.kind == RBK_QUESTION_DOUBT;
}

static void tell_command(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    const struct rbk_event *event = &story->record->event;
    if (event->command == RBK_COMMAND_INTERRUPT) {
        rbk_buffer_printf(&story->line, "interrupted: pauses %s; once more stops at once",
                          rbk_view_goes_back(machine, story->before) ? "once what goes back is back"
                                                                     : "after this step");
    } else if (event->command == RBK_COMMAND_RESOLVE && in_doubt(story, event)) {
        struct rbk_asked asked;
        append_who(story);
        rbk_buffer_append_text(&story->line, " resolved ");
        (void)rbk_view_asked_by(story->view, story->before, RBK_OWNER_REGION, event->index, &asked);
        rbk_asked_name(story->view, story->before, &asked, &story->line);
        rbk_buffer_printf(&story->line, " as %s", rbk_answer_name(event->answer));
        append_message(story);
    } else {
        append_who(story);
        rbk_buffer_printf(&story->line, " asked to %s", rbk_command_name(event->command));
        if (event->command == RBK_COMMAND_SIGNAL && event->index < machine->signal_count) {
            rbk_buffer_printf(&story->line, " %.*s",
                              RBK_STR_ARG(machine->signals[event->index].name));
        } else if ((event->command == RBK_COMMAND_RETRY || event->command == RBK_COMMAND_RESOLVE) &&
                   event->index < machine->region_count) {
            rbk_buffer_printf(&story->line, " %.*s",
                              RBK_STR_ARG(rbk_view_stage_name(story->view, event->index)));
        }
        if (event->command == RBK_COMMAND_RESOLVE) {
            rbk_buffer_printf(&story->line, " as %s", rbk_answer_name(event->answer));
        }
        append_message(story);
    }
    rbk_story_send(story, RBK_TONE_PLAIN,
                   rbk_story_region(story->view, story->record, story->before));
}

static void tell_start(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    rbk_buffer_printf(&story->line, "%.*s", RBK_STR_ARG(machine->name));
    if (machine->title.bytes != 0) {
        rbk_buffer_printf(&story->line, " \"%.*s\"", RBK_STR_ARG(machine->title));
    }
    rbk_buffer_printf(&story->line, " starts as run %s", story->view->run);
    if (story->record->who.bytes != 0) {
        rbk_buffer_printf(&story->line, ", by %.*s", RBK_STR_ARG(story->record->who));
    }
    append_message(story);
    rbk_story_send(story, RBK_TONE_PLAIN, RBK_NONE);
}

static void tell_note(struct story *story)
{
    if (story->record->alert.bytes != 0) {
        rbk_buffer_printf(&story->line, "alert %.*s", RBK_STR_ARG(story->record->alert));
        for (size_t i = 0; i < story->record->label_count; i++) {
            rbk_buffer_printf(&story->line, "%s%.*s=%.*s", i == 0 ? " with " : ", ",
                              RBK_STR_ARG(story->record->labels[i].name),
                              RBK_STR_ARG(story->record->labels[i].value));
        }
        rbk_buffer_append_text(&story->line, story->record->firing ? " is firing" : " is resolved");
        rbk_story_send(story, story->record->firing ? RBK_TONE_WARN : RBK_TONE_PLAIN, RBK_NONE);
    }
}

/* Whether a stage waits for what the clocks of a zone show. */
static bool by_zone(const struct story *story, uint32_t region)
{
    return story->view->machine->regions[region].not_before_zone.bytes != 0;
}

/* Whether a window that opens lets a stage begin, or one that closes keeps it from beginning. */
static bool window_matters(struct story *story, uint32_t region)
{
    bool open = story->record->event.level == RBK_LEVEL_TRUE;
    struct rbk_buffer waits;
    if (region >= story->view->machine->region_count) {
        return false;
    }
    rbk_buffer_init(&waits, RBK_VIEW_BYTES_MAX);
    rbk_view_waits_for(story->view, open ? story->before : story->after, region, &waits);
    bool matters = rbk_str_starts(rbk_buffer_str(&waits), RBK_STR("for its window")) ||
                   (by_zone(story, region) && waits.bytes != 0);
    rbk_buffer_fini(&waits);
    return matters;
}

/* The kinds that need one line each. */
static void tell_other(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    const struct rbk_event *event = &story->record->event;
    uint32_t region = rbk_story_region(story->view, story->record, story->before);
    enum rbk_tone tone = RBK_TONE_PLAIN;

    switch (event->kind) {
    case RBK_EVENT_CRITERION:
        if (event->index < machine->criterion_count) {
            const struct rbk_criterion *row = &machine->criteria[event->index];
            rbk_buffer_printf(&story->line, "abort criterion met: %.*s (%.*s)",
                              RBK_STR_ARG(row->message),
                              RBK_STR_ARG(rbk_view_spelled(story->view, row->condition)));
        }
        tone = RBK_TONE_BAD;
        break;
    case RBK_EVENT_WINDOW:
        if (!window_matters(story, region)) {
            return;
        }
        if (by_zone(story, region) && event->level == RBK_LEVEL_TRUE) {
            rbk_buffer_append_text(&story->line, "its time has come");
            break;
        }
        rbk_buffer_append_text(&story->line,
                               event->level == RBK_LEVEL_TRUE
                                   ? "its window is open now"
                                   : "its window has closed, or too little is left of it");
        break;
    case RBK_EVENT_WAY_BACK:
        rbk_buffer_append_text(&story->line,
                               event->level == RBK_LEVEL_TRUE ? "its way back is open"
                               : event->level == RBK_LEVEL_MISSING
                                   ? "its way back is closing"
                                   : "no way back is open while it stands applied: no further "
                                     "stage starts");
        append_message(story);
        tone = event->level == RBK_LEVEL_TRUE      ? RBK_TONE_GOOD
               : event->level == RBK_LEVEL_MISSING ? RBK_TONE_WARN
                                                   : RBK_TONE_BAD;
        break;
    case RBK_EVENT_RESUMED:
        rbk_buffer_append_text(&story->line, "a new runner took the run over");
        if (story->record->who.bytes != 0) {
            rbk_buffer_printf(&story->line, ", by %.*s", RBK_STR_ARG(story->record->who));
        }
        append_message(story);
        break;
    default:
        return;
    }
    rbk_story_send(story, tone, region);
}

void rbk_story_tell(const struct rbk_view *view, const struct rbk_record *record,
                    const struct rbk_state *before, const struct rbk_state *after,
                    const struct rbk_actions *actions, rbk_line_fn *emit, void *context)
{
    struct story story = {view, record, before, after, actions, emit, context, {0}};
    rbk_buffer_init(&story.line, RBK_VIEW_BYTES_MAX);
    switch (record->event.kind) {
    case RBK_EVENT_START:
        tell_start(&story);
        break;
    case RBK_EVENT_RESULT:
        tell_result(&story);
        break;
    case RBK_EVENT_RESOLVED:
        tell_resolved(&story);
        break;
    case RBK_EVENT_NOTE:
        tell_note(&story);
        break;
    case RBK_EVENT_TRIGGER:
        tell_trigger(&story);
        break;
    case RBK_EVENT_ANSWER:
        tell_answer(&story);
        break;
    case RBK_EVENT_COMMAND:
        tell_command(&story);
        break;
    default:
        tell_other(&story);
        break;
    }
    rbk_story_changes(&story);
    rbk_buffer_fini(&story.line);
}
