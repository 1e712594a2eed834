/*
 * Words for a run: stages, causes, reactions, commands. The questions are in view_asked.c, what to
 * do and what is timed in view_explain.c.
 */
#include "runtime/people/view.h"
#include "runtime/core/seat_text.h"

#include <string.h>

#include "runtime/people/when.h"

#define X(constant, word) word,
static const char *const tone_names[] = {RBK_TONES(X)};
#undef X

const char *rbk_tone_name(enum rbk_tone tone)
{
    return tone < RBK_TONE_COUNT ? tone_names[tone] : "?";
}

/* Whether a shell takes every byte of a word as it is. */
static bool is_plain_word(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "%+,-./:=@_")] == '\0';
}

static void append_word(struct rbk_buffer *out, const char *text)
{
    if (is_plain_word(text)) {
        rbk_buffer_append_text(out, text);
        return;
    }
    rbk_buffer_append_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            rbk_buffer_append_text(out, "'\\''");
        } else {
            rbk_buffer_append_byte(out, *text);
        }
    }
    rbk_buffer_append_byte(out, '\'');
}

void rbk_view_command(const struct rbk_view *view, const char *verb, struct rbk_str rest,
                      struct rbk_buffer *out)
{
    rbk_buffer_printf(out, "rbk %s %s", verb, view->run);
    if (rest.bytes != 0) {
        rbk_buffer_append_byte(out, ' ');
        rbk_buffer_append_str(out, rest);
    }
    if (view->store != NULL) {
        rbk_buffer_append_text(out, " --store ");
        append_word(out, view->store);
    }
}

struct rbk_str rbk_view_spelled(const struct rbk_view *view, uint32_t expr)
{
    return expr < view->machine->expr_count ? view->machine->exprs[expr].text : RBK_STR("");
}

void rbk_view_expr(const struct rbk_view *view, uint32_t expr, struct rbk_buffer *out)
{
    struct rbk_value value = rbk_value_missing(RBK_TYPE_TEXT);
    struct rbk_arena arena;

    if (expr >= view->machine->expr_count) {
        return;
    }
    rbk_arena_init(&arena, RBK_VIEW_BYTES_MAX);
    if (view->scope != NULL && view->machine->exprs[expr].reads.count == 0 &&
        rbk_expr_evaluate(view->scope, expr, &arena, &value, NULL) == 0 && !value.missing) {
        rbk_value_print(out, value);
    } else {
        rbk_buffer_append_str(out, view->machine->exprs[expr].text);
    }
    rbk_arena_fini(&arena);
}

struct rbk_str rbk_view_short(const struct rbk_effect *effect)
{
    struct rbk_str text = effect->text;
    size_t opening = rbk_str_find(text, '"'), closing;
    if ((effect->kind != RBK_EFFECT_CHECK && effect->kind != RBK_EFFECT_REQUIRE) ||
        opening >= sizeof("require ")) {
        return text;
    }
    closing = rbk_str_find(rbk_str_slice(text, opening + 1, text.bytes), '"');
    return rbk_str_slice(text, 0, opening + closing + 2);
}

/* `text` of the effect of a state, or the state's name. */
static void append_step(const struct rbk_view *view, uint32_t index, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    if (index >= machine->state_count) {
        return;
    }
    const struct rbk_machine_state *at = &machine->states[index];
    if (at->effect < machine->effect_count && machine->effects[at->effect].text.bytes != 0) {
        rbk_buffer_printf(out, "%.*s (%.*s)",
                          RBK_STR_ARG(rbk_view_short(&machine->effects[at->effect])),
                          RBK_STR_ARG(at->name));
    } else {
        rbk_buffer_append_str(out, at->name);
    }
}

void rbk_view_cause(const struct rbk_view *view, struct rbk_cause cause, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    switch ((enum rbk_cause_kind)cause.kind) {
    case RBK_CAUSE_FAILURE:
        append_step(view, cause.index, out);
        rbk_buffer_append_text(out, rbk_state_is_test(machine, cause.index) ? " does not hold"
                                                                            : " failed");
        return;
    case RBK_CAUSE_TIMEOUT:
        rbk_buffer_append_text(out, "time ran out in ");
        append_step(view, cause.index, out);
        return;
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        if (cause.index < machine->trigger_count) {
            rbk_buffer_printf(out, "trigger %.*s %s",
                              RBK_STR_ARG(machine->triggers[cause.index].name),
                              cause.kind == RBK_CAUSE_TRIGGER ? "fired" : "could not be read");
        }
        return;
    case RBK_CAUSE_CRITERION:
        if (cause.index < machine->criterion_count) {
            rbk_buffer_printf(out, "abort criterion: %.*s",
                              RBK_STR_ARG(machine->criteria[cause.index].message));
        }
        return;
    case RBK_CAUSE_SIGNAL:
        if (cause.index < machine->signal_count) {
            rbk_buffer_printf(out, "signal %.*s: %.*s",
                              RBK_STR_ARG(machine->signals[cause.index].name),
                              RBK_STR_ARG(machine->signals[cause.index].message));
        }
        return;
    case RBK_CAUSE_COMMAND:
        rbk_buffer_append_text(out, "a person asked for it");
        return;
    case RBK_CAUSE_GATE:
        append_step(view, cause.index, out);
        rbk_buffer_append_text(out, " was refused or not answered in time");
        return;
    case RBK_CAUSE_UNDECIDED:
        rbk_buffer_append_text(out, "nobody decided in time how to go on");
        return;
    case RBK_CAUSE_INTERRUPT:
        rbk_buffer_append_text(out, "it was interrupted at the runner");
        return;
    case RBK_CAUSE_WAY_BACK:
        if (cause.index < machine->region_count) {
            rbk_buffer_printf(out, "no way back of stage %.*s is open",
                              RBK_STR_ARG(machine->regions[cause.index].name));
        }
        return;
    case RBK_CAUSE_NONE:
    case RBK_CAUSE_COUNT:
        return;
    }
}

bool rbk_view_same_cause(struct rbk_cause a, struct rbk_cause b)
{
    return a.kind == b.kind && a.index == b.index;
}

void rbk_view_roles(const struct rbk_view *view, struct rbk_slice roles, struct rbk_buffer *out)
{
    for (uint32_t i = 0; i < roles.count; i++) {
        uint32_t role = view->machine->indexes[roles.first + i];
        rbk_buffer_printf(out, "%s%.*s", i == 0 ? "" : ", ",
                          RBK_STR_ARG(view->machine->roles[role].name));
    }
}

/* Who is asked, as a plan spells it: "2 of dba, lead four eyes". */
static void append_asked(const struct rbk_view *view, uint32_t question, struct rbk_buffer *out)
{
    for (uint32_t i = 0; i < view->machine->questions[question].roles.count; i++) {
        rbk_buffer_append_text(out, i == 0 ? "" : ", ");
        rbk_seat_role_text(view->machine, question, i, out);
    }
    if (rbk_question_four_eyes(view->machine, question)) {
        rbk_buffer_append_text(out, " four eyes");
    }
}

/* One reaction without what follows it, "" at depth 0. */
static void append_reaction(const struct rbk_view *view, uint32_t row, unsigned depth,
                            struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    if (row >= machine->reaction_count || depth > 4) {
        return;
    }
    const struct rbk_reaction *reaction = &machine->reactions[row];
    rbk_buffer_append_text(out, rbk_reaction_kind_name(reaction->kind));
    if (reaction->kind == RBK_REACTION_NOTIFY && reaction->channel < machine->channel_count) {
        rbk_buffer_printf(out, " %.*s", RBK_STR_ARG(machine->channels[reaction->channel].name));
    }
    if (reaction->kind == RBK_REACTION_HOLD) {
        rbk_buffer_printf(out, " %s then ", rbk_when_limit(reaction->hold_ms).text);
        append_reaction(view, reaction->then, depth + 1, out);
    }
    if (reaction->question < machine->question_count) {
        const struct rbk_question *question = &machine->questions[reaction->question];
        rbk_buffer_append_text(out,
                               reaction->kind == RBK_REACTION_ASK ? " " : " with approval of ");
        append_asked(view, reaction->question, out);
        rbk_buffer_printf(out, " within %s else ", rbk_when_limit(question->within_ms).text);
        append_reaction(view, question->otherwise, depth + 1, out);
    }
}

void rbk_view_reaction(const struct rbk_view *view, uint32_t reaction, struct rbk_buffer *out)
{
    append_reaction(view, reaction, 0, out);
}

struct rbk_str rbk_view_stage_name(const struct rbk_view *view, uint32_t region)
{
    if (region >= view->machine->region_count) {
        return view->machine->name;
    }
    return view->machine->regions[rbk_region_root(view->machine, region)].name;
}

const struct rbk_effect *rbk_view_effect(const struct rbk_view *view, const struct rbk_state *state,
                                         uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(view->machine, state, region);
    uint32_t effect = view->machine->states[rs->state].effect;
    return effect < view->machine->effect_count ? &view->machine->effects[effect] : NULL;
}

/* What a stage does in a phase of its life. */
static const char *phase_word(enum rbk_phase phase, enum rbk_tone *tone)
{
    *tone = RBK_TONE_BUSY;
    switch (phase) {
    case RBK_PHASE_REQUIRE:
        return "checking needs";
    case RBK_PHASE_APPROVE:
        *tone = RBK_TONE_ASK;
        return "for approval";
    case RBK_PHASE_PREPARE:
        return "preparing";
    case RBK_PHASE_APPLY:
        return "applying";
    case RBK_PHASE_VERIFY:
        return "verifying";
    case RBK_PHASE_ROLLBACK:
        *tone = RBK_TONE_WARN;
        return "rolling back";
    case RBK_PHASE_ROLLBACK_VERIFY:
        *tone = RBK_TONE_WARN;
        return "rollback check";
    case RBK_PHASE_RELEASE:
        return "releasing";
    case RBK_PHASE_APPLIED:
        *tone = RBK_TONE_GOOD;
        return "applied";
    case RBK_PHASE_PLAN:
    case RBK_PHASE_WAITING:
    case RBK_PHASE_REST:
    case RBK_PHASE_COUNT:
        break;
    }
    *tone = RBK_TONE_DIM;
    return "waiting";
}

uint32_t rbk_view_strategy(const struct rbk_machine *machine, uint32_t region, uint32_t state)
{
    const struct rbk_machine_state *at = &machine->states[state];
    struct rbk_slice rows = machine->regions[region].strategies;
    uint32_t strategy = RBK_NONE;

    if (at->kind == RBK_STATE_ROLLBACK ||
        (at->phase != RBK_PHASE_ROLLBACK && at->phase != RBK_PHASE_ROLLBACK_VERIFY)) {
        return RBK_NONE;
    }
    /* One strategy stands behind the other. */
    for (uint32_t i = 0; i < rows.count; i++) {
        if (machine->strategies[rows.first + i].first_state <= state) {
            strategy = i;
        }
    }
    return strategy;
}

bool rbk_view_on_way_back(const struct rbk_machine_state *at)
{
    return at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
}

bool rbk_view_goes_back(const struct rbk_machine *machine, const struct rbk_state *state)
{
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t at = rbk_state_region(machine, state, i)->state;
        if (rbk_view_on_way_back(&machine->states[at])) {
            return true;
        }
    }
    return false;
}

/* Whether an effect of the apply of a region, or of a branch of it, was dispatched. */
static bool apply_began(const struct rbk_machine *machine, const struct rbk_state *state,
                        uint32_t region)
{
    for (uint32_t i = region; i < machine->region_count; i++) {
        struct rbk_slice states = machine->regions[i].states;
        for (uint32_t at = states.first; at < states.first + states.count; at++) {
            if (machine->states[at].phase == RBK_PHASE_APPLY &&
                rbk_state_dispatched(machine, state, at) && rbk_region_root(machine, i) == region) {
                return true;
            }
        }
    }
    return false;
}

enum rbk_view_retired rbk_view_retired(const struct rbk_view *view, const struct rbk_state *state)
{
    const struct rbk_machine *machine = view->machine;
    uint32_t retire = machine->retire_region;
    if (retire == RBK_NONE) {
        return RBK_VIEW_NOT_OVER;
    }
    const struct rbk_region_state *rs = rbk_state_region(machine, state, retire);
    if (machine->states[rs->state].kind == RBK_STATE_APPLIED) {
        return apply_began(machine, state, retire) ? RBK_VIEW_RETIRED : RBK_VIEW_KEPT;
    }
    return rs->mode == RBK_MODE_DONE ? RBK_VIEW_GIVEN_UP : RBK_VIEW_NOT_OVER;
}

/* What became of a retire that is over, in a word. */
static const char *retired_word(enum rbk_view_retired retired, enum rbk_tone *ret_tone)
{
    *ret_tone = retired == RBK_VIEW_RETIRED ? RBK_TONE_GOOD : RBK_TONE_DIM;
    return retired == RBK_VIEW_RETIRED ? "retired" : retired == RBK_VIEW_KEPT ? "kept" : "given up";
}

bool rbk_view_turned(const struct rbk_state *state)
{
    return state->turned != 0 || state->cancelled != 0 || state->ended_ms != 0;
}

const char *rbk_view_region_word(const struct rbk_view *view, const struct rbk_state *state,
                                 uint32_t region, enum rbk_tone *ret_tone)
{
    const struct rbk_region_state *rs = rbk_state_region(view->machine, state, region);
    const struct rbk_machine_state *at = &view->machine->states[rs->state];
    enum rbk_tone tone = RBK_TONE_DIM;
    const char *word = NULL;

    if (rs->mode == RBK_MODE_DOUBT) {
        word = "in doubt";
        tone = RBK_TONE_BAD;
    } else if (rs->mode == RBK_MODE_CANCELLING) {
        word = "stopping";
        tone = RBK_TONE_WARN;
    } else if (rs->mode == RBK_MODE_RESOLVING || rs->mode == RBK_MODE_LOOKING) {
        word = "finding out";
        tone = RBK_TONE_WARN;
    } else if (view->machine->regions[region].kind == RBK_REGION_RETIRE &&
               rbk_view_retired(view, state) != RBK_VIEW_NOT_OVER) {
        word = retired_word(rbk_view_retired(view, state), &tone);
    } else {
        switch (at->kind) {
        case RBK_STATE_APPLIED:
            word = "applied";
            tone = RBK_TONE_GOOD;
            break;
        case RBK_STATE_ROLLBACK:
            word = "to be rolled back";
            tone = RBK_TONE_WARN;
            break;
        case RBK_STATE_ROLLED_BACK:
            word = "rolled back";
            tone = RBK_TONE_WARN;
            break;
        case RBK_STATE_HELD:
            /* Where a run that turned round stops what had not come to its apply. */
            if (rs->mode == RBK_MODE_DONE) {
                word = "not applied";
                break;
            }
            word = "held";
            tone = RBK_TONE_ASK;
            break;
        case RBK_STATE_STUCK:
            word = "stuck";
            tone = RBK_TONE_BAD;
            break;
        case RBK_STATE_WAITING:
            word = rbk_view_turned(state) ? "not begun" : "waiting";
            break;
        default:
            /* A stage at the first state of its life that nobody has started yet. */
            if (rs->mode == RBK_MODE_IDLE && rs->stage_attempt == 0 && rs->order == 0) {
                word = rbk_view_turned(state) ? "not begun" : "waiting";
            } else {
                word = phase_word(at->phase, &tone);
            }
        }
    }
    if (ret_tone != NULL) {
        *ret_tone = tone;
    }
    return word;
}

void rbk_view_called(const struct rbk_view *view, const struct rbk_state *state, uint64_t now_ms,
                     struct rbk_buffer *out)
{
    size_t before = out->bytes;
    size_t behind;

    if (state->escalated > view->machine->escalation_count) {
        /* Who had been told by then is not in the state. */
        rbk_buffer_append_text(out, state->status == RBK_STATUS_STUCK
                                        ? "somebody has answered: nobody further is called"
                                        : "");
        return;
    }
    rbk_buffer_append_text(out, state->escalated == 0 ? "nobody is told yet; " : "told: ");
    behind = out->bytes;
    rbk_view_escalation(view, state, now_ms, out);
    if (out->bytes == behind) {
        rbk_buffer_truncate(out, before);
    }
}

enum rbk_tone rbk_view_status_tone(enum rbk_status status)
{
    switch (status) {
    case RBK_STATUS_COMPLETED:
        return RBK_TONE_GOOD;
    case RBK_STATUS_RUNNING:
    case RBK_STATUS_OBSERVING:
    case RBK_STATUS_GRACE:
        return RBK_TONE_BUSY;
    case RBK_STATUS_PAUSED:
    case RBK_STATUS_HELD:
    case RBK_STATUS_ABORTING:
    case RBK_STATUS_ABORTED:
    case RBK_STATUS_CANCELLED:
        return RBK_TONE_WARN;
    case RBK_STATUS_STUCK:
        return RBK_TONE_BAD;
    case RBK_STATUS_READY:
    case RBK_STATUS_COUNT:
        break;
    }
    return RBK_TONE_PLAIN;
}
