/*
 * What now: for the status in either form. Beside what the state says (view_explain.c): that the
 * runner is stopped or gone, what is still under way, who has been told, and where to read on.
 */
#include "runtime/people/status.h"

/* Where lines go. */
struct telling {
    const struct rbk_history *history;
    const struct rbk_state *state;
    rbk_line_fn *emit;
    void *context;
    struct rbk_buffer line;
};

static void send_line(struct telling *telling, enum rbk_tone tone)
{
    telling->emit(telling->context, tone, RBK_STR(""), rbk_buffer_str(&telling->line));
    rbk_buffer_clear(&telling->line);
}

/* "  rbk log RUN REST   # what happened" */
static void send_command(struct telling *telling, const char *verb, struct rbk_str rest,
                         const char *meaning)
{
    rbk_buffer_append_text(&telling->line, "  ");
    rbk_view_command(&telling->history->view, verb, rest, &telling->line);
    rbk_buffer_printf(&telling->line, "   # %s", meaning);
    send_line(telling, RBK_TONE_ASK);
}

/* It keeps the run to itself: whatever is asked for below waits for it. */
static void tell_stopped(struct telling *telling)
{
    rbk_buffer_append_text(
        &telling->line, "the runner is stopped: nothing goes on, no trigger is read, and what is "
                        "asked for waits, until it goes on");
    send_line(telling, RBK_TONE_BAD);
    rbk_buffer_printf(&telling->line, "  kill -CONT %ld   # or `fg` in its terminal",
                      telling->history->runner.process);
    send_line(telling, RBK_TONE_ASK);
}

static void tell_gone(struct telling *telling)
{
    rbk_buffer_append_text(&telling->line,
                           "no runner drives it: nothing goes on, no trigger is read, and what is "
                           "asked for waits, until one does");
    send_line(telling, RBK_TONE_WARN);
    send_command(telling, "resume", RBK_STR(""), "a new runner takes it over");
}

/* A trigger that paused the run, and would say the same now: who lets the run go on takes that on.
 * While nobody reads it, nothing is known of now. */
static void tell_trigger(struct telling *telling)
{
    const struct rbk_machine *machine = telling->history->replay->machine;
    const struct rbk_cause cause = telling->state->cause;
    if ((cause.kind != RBK_CAUSE_TRIGGER && cause.kind != RBK_CAUSE_TRIGGER_MISSING) ||
        telling->state->status != RBK_STATUS_PAUSED) {
        return;
    }
    enum rbk_level level =
        (enum rbk_level)rbk_state_trigger(machine, telling->state, cause.index)->level;
    bool missing = level == RBK_LEVEL_MISSING;
    bool same = missing == (cause.kind == RBK_CAUSE_TRIGGER_MISSING);
    rbk_buffer_printf(&telling->line, "trigger %.*s ",
                      RBK_STR_ARG(machine->triggers[cause.index].name));
    if (telling->history->runner.state == RBK_RUNNER_GONE ||
        telling->history->runner.state == RBK_RUNNER_STOPPED) {
        rbk_buffer_printf(&telling->line, "%s when it was last read",
                          level == RBK_LEVEL_FALSE ? "was quiet again"
                          : missing                ? "gave no value"
                                                   : "held");
    } else if (level == RBK_LEVEL_FALSE) {
        rbk_buffer_append_text(&telling->line, "is quiet again");
    } else {
        rbk_buffer_printf(&telling->line,
                          "%s: a run that goes on does so in spite of it, and it reacts "
                          "again only once that has changed",
                          missing ? same ? "still cannot be read" : "cannot be read now"
                          : same  ? "still holds"
                                  : "holds now");
    }
    send_line(telling, level == RBK_LEVEL_FALSE ? RBK_TONE_PLAIN : RBK_TONE_WARN);
}

/* Whoever would abort now, to be safe, had better know. */
static void tell_closed_ways(struct telling *telling)
{
    const struct rbk_machine *machine = telling->history->replay->machine;
    const struct rbk_state *state = telling->state;
    if (rbk_view_turned(state) || state->status == RBK_STATUS_STUCK ||
        rbk_run_past_grace(machine, state)) {
        return;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if ((rbk_state_region(machine, state, i)->flags & RBK_FLAG_WAY_CLOSED) != 0) {
            rbk_buffer_printf(
                &telling->line,
                "no way back of stage %.*s is open: an abort would be stuck there; its "
                "conditions stand with the stage",
                RBK_STR_ARG(machine->regions[i].name));
            send_line(telling, RBK_TONE_BAD);
        }
    }
}

static void count_open(void *context, const struct rbk_open_effect *open)
{
    size_t *count = context;
    *count += open->doubt ? 0u : 1u;
}

/* Whoever paused a run may think that all stands still. */
static void tell_under_way(struct telling *telling)
{
    size_t count = 0;
    rbk_status_open_effects(telling->history, count_open, &count);
    if (count != 0 && telling->state->hold != 0) {
        rbk_buffer_printf(&telling->line,
                          "%zu step%s still under way, and not stopped; nothing new begins behind "
                          "%s, but what goes back goes on",
                          count, count == 1 ? " is" : "s are", count == 1 ? "it" : "them");
        send_line(telling, RBK_TONE_PLAIN);
    }
}

/* The stage that is stuck; RBK_NONE: none is. */
static uint32_t stuck_stage(const struct rbk_machine *machine, const struct rbk_state *state)
{
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t at = rbk_state_region(machine, state, i)->state;
        if (machine->states[at].kind == RBK_STATE_STUCK) {
            return i;
        }
    }
    return RBK_NONE;
}

/* Who has been called, who is next, and how whoever takes it on lets the others sleep. */
static void tell_escalation(struct telling *telling, uint64_t now_ms)
{
    const struct rbk_machine *machine = telling->history->replay->machine;
    uint32_t stage = stuck_stage(machine, telling->state);
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_called(&telling->history->view, telling->state, now_ms, &text);
    if (text.bytes != 0) {
        rbk_buffer_append_str(&telling->line, rbk_buffer_str(&text));
        send_line(telling, RBK_TONE_WARN);
    }
    if (text.bytes != 0 && stage != RBK_NONE &&
        telling->state->escalated < machine->escalation_count) {
        rbk_buffer_clear(&text);
        rbk_buffer_printf(&text, "%.*s not-done --reason 'I am looking at it'",
                          RBK_STR_ARG(machine->regions[stage].name));
        send_command(telling, "resolve", rbk_buffer_str(&text),
                     "nobody further is called; it does nothing else");
    }
    rbk_buffer_fini(&text);
}

void rbk_status_explain(const struct rbk_history *history, uint64_t now_ms, rbk_line_fn *emit,
                        void *context)
{
    const struct rbk_state *state = history->replay->state;
    struct telling telling = {.history = history, .state = state, .emit = emit, .context = context};
    enum rbk_status status = (enum rbk_status)state->status;
    bool interrupted = status == RBK_STATUS_PAUSED && state->cause.kind == RBK_CAUSE_INTERRUPT;

    rbk_buffer_init(&telling.line, RBK_VIEW_BYTES_MAX);
    if (state->ended_ms == 0 && history->runner.state == RBK_RUNNER_STOPPED) {
        tell_stopped(&telling);
    }
    rbk_view_explain(&history->view, state, emit, context);
    tell_trigger(&telling);
    tell_closed_ways(&telling);
    if (rbk_runner_lives(&history->runner)) {
        tell_under_way(&telling);
    }
    tell_escalation(&telling, now_ms);
    if (status == RBK_STATUS_STUCK || status == RBK_STATUS_HELD) {
        send_command(&telling, "log", RBK_STR(""), "what happened, and what its steps printed");
    }
    /* Of one that was interrupted the lines above say it. */
    if (state->ended_ms == 0 && !interrupted && !rbk_runner_lives(&history->runner)) {
        tell_gone(&telling);
    }
    rbk_buffer_fini(&telling.line);
}
