/*
 * Stories: the moves that lead to a violation are made once more, from the start, and what goes in
 * and comes out is told in the plan's own words.
 */
#include "compiler/explore/internal.h"

#include "runtime/core/base/buffer.h"

#define WORDS_MAX 72u /* of a step's text */
#define STORY_BYTES_MAX ((size_t)1 << 16)

struct teller {
    struct rbk_explore_line *lines;
    uint32_t count, capacity;
};

RBK_PRINTF(3, 4)
static void say(struct explorer *x, struct rbk_machine_place place, const char *format, ...)
{
    struct teller *teller = x->teller;
    struct rbk_buffer text;
    va_list arguments;
    if (teller->count == teller->capacity) {
        return;
    }
    rbk_buffer_init(&text, STORY_BYTES_MAX);
    va_start(arguments, format);
    (void)rbk_buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    teller->lines[teller->count++] =
        (struct rbk_explore_line){rbk_arena_copy(x->arena, rbk_buffer_str(&text)), place};
    rbk_buffer_fini(&text);
}

/* ---- names ---- */

static int shown(struct rbk_str text)
{
    size_t bytes = rbk_str_find(text, '\n');
    return (int)(bytes < WORDS_MAX ? bytes : WORDS_MAX);
}

static struct rbk_str step_text(const struct explorer *x, uint32_t state)
{
    const struct rbk_machine_state *at = &x->model.machine->states[state];
    struct rbk_str text = at->name;
    if (at->effect != RBK_NONE && x->model.machine->effects[at->effect].text.bytes) {
        text = x->model.machine->effects[at->effect].text;
    }
    return text;
}

static struct rbk_machine_place step_place(const struct explorer *x, uint32_t state)
{
    const struct rbk_machine_state *at = &x->model.machine->states[state];
    if (at->effect != RBK_NONE && x->model.machine->effects[at->effect].place.line) {
        return x->model.machine->effects[at->effect].place;
    }
    return at->place;
}

/* `migrate`; the run itself has no name. */
static struct rbk_str stage_name(const struct explorer *x, uint32_t region)
{
    uint32_t root = x->model.roots[region];
    return root == 0 ? x->model.machine->name : x->model.machine->regions[root].name;
}

#define STR(text) shown(text), (text).data

static const char *phase_words(enum rbk_phase phase)
{
    static const char *const words[RBK_PHASE_COUNT] = {[RBK_PHASE_PLAN] = "before its stages",
                                                       [RBK_PHASE_WAITING] = "waiting",
                                                       [RBK_PHASE_REQUIRE] = "require",
                                                       [RBK_PHASE_APPROVE] = "approval",
                                                       [RBK_PHASE_PREPARE] = "prepare",
                                                       [RBK_PHASE_APPLY] = "apply",
                                                       [RBK_PHASE_VERIFY] = "verify",
                                                       [RBK_PHASE_APPLIED] = "applied",
                                                       [RBK_PHASE_ROLLBACK] = "rollback",
                                                       [RBK_PHASE_ROLLBACK_VERIFY] =
                                                           "rollback verify",
                                                       [RBK_PHASE_REST] = "rest",
                                                       [RBK_PHASE_RELEASE] = "release"};
    return (size_t)phase < RBK_PHASE_COUNT && words[phase] ? words[phase] : "?";
}

/* ---- what goes in ---- */

static const char *outcome_words(enum rbk_outcome outcome)
{
    switch (outcome) {
    case RBK_OUTCOME_OK:
        return "succeeds";
    case RBK_OUTCOME_TIMEOUT:
        return "times out";
    case RBK_OUTCOME_MISSING:
        return "cannot be read";
    case RBK_OUTCOME_DOUBT:
        return "is in doubt: it may or may not have happened";
    default:
        return "fails";
    }
}

static void tell_region_event(struct explorer *x, const struct rbk_event *event)
{
    uint32_t region = x->move.index;
    uint32_t state = rbk_state_region(&x->model.cut, x->from.state, region)->state;
    struct rbk_str step = step_text(x, state);
    struct rbk_machine_place place = step_place(x, state);
    bool over = x->move.variant & VARIANT_ATTEMPTS_OVER;
    static const char *const recoveries[] = {[RBK_RECOVERY_KNOWN] = "is found to have ended",
                                             [RBK_RECOVERY_ATTACHED] = "is found still running",
                                             [RBK_RECOVERY_NOT_STARTED] =
                                                 "is found never to have begun",
                                             [RBK_RECOVERY_UNKNOWN] = "cannot be found out about"};
    switch ((enum move_kind)x->move.kind) {
    case MOVE_RESULT:
        if (x->move.more) {
            say(x, place, "what `%.*s` waits for is there", STR(step));
            break;
        }
        say(x, place, "`%.*s` %s%s", STR(step), outcome_words(event->outcome),
            over ? ", at its last attempt" : "");
        break;
    case MOVE_RESOLVED:
        say(x, place, "`%.*s` %s", STR(step), recoveries[event->recovery]);
        break;
    case MOVE_ANSWER:
        say(x, place, "somebody answers `%s` to `%.*s`", rbk_answer_name(event->answer), STR(step));
        break;
    case MOVE_TIME_REGION:
        say(x, place, "the time of `%.*s` is up", STR(step));
        break;
    case MOVE_TIME_BLOCK:
        say(x, place, "the `within` of the %s of `%.*s` is up",
            phase_words(x->model.machine->states[state].phase), STR(stage_name(x, region)));
        break;
    default:
        say(x, x->model.machine->regions[region].place, "`%.*s` may start: its time has come",
            STR(stage_name(x, region)));
        break;
    }
}

static void tell_trigger(struct explorer *x, const struct rbk_event *event)
{
    uint32_t trigger =
        x->move.kind == MOVE_TRIGGER_PATH ? x->model.paths[x->move.index].trigger : x->move.index;
    const struct rbk_trigger *row = &x->model.machine->triggers[trigger];
    if (event->kind == RBK_EVENT_TRIGGER) {
        static const char *const levels[] = {[RBK_LEVEL_FALSE] = "no longer holds",
                                             [RBK_LEVEL_TRUE] = "comes true",
                                             [RBK_LEVEL_MISSING] = "cannot be read"};
        say(x, row->place, "trigger `%.*s` %s", STR(row->name), levels[event->level]);
    } else if (event->kind == RBK_EVENT_ANSWER) {
        say(x, row->place, "somebody answers `%s` about trigger `%.*s`",
            rbk_answer_name(event->answer), STR(row->name));
    } else if (event->kind == RBK_EVENT_TIME) {
        say(x, row->place, "the time of trigger `%.*s` is up", STR(row->name));
    }
}

static void tell_event(struct explorer *x, const struct rbk_event *event)
{
    static const struct rbk_machine_place nowhere = {0, 0, 0};
    const struct rbk_machine *machine = x->model.machine;
    switch ((enum move_kind)x->move.kind) {
    case MOVE_START:
        say(x, nowhere, "the run starts");
        break;
    case MOVE_TIME_PLAN:
        say(x, nowhere, "its time is up");
        break;
    case MOVE_TIME_HOLD:
        say(x, nowhere, "nobody decides in time");
        break;
    case MOVE_HELD_ANSWER:
        say(x, nowhere, "somebody answers `%s` to what is to become of the run",
            rbk_answer_name(event->answer));
        break;
    case MOVE_RESUMED:
        say(x, nowhere, "the runner dies, and another takes over");
        break;
    case MOVE_COMMAND:
        say(x, nowhere, "somebody says `%s`%s", rbk_command_name(event->command),
            event->command != RBK_COMMAND_RESOLVE ? ""
            : event->answer == RBK_ANSWER_DONE    ? " done"
                                                  : " not-done");
        break;
    case MOVE_CRITERION:
        say(x, machine->criteria[x->move.index].place, "an abort criterion comes true");
        break;
    case MOVE_WINDOW:
        say(x, nowhere, "the window %s", event->level == RBK_LEVEL_TRUE ? "opens" : "closes");
        break;
    case MOVE_WAY_BACK:
        say(x, machine->regions[x->move.index].place, "the way back of `%.*s` %s",
            STR(stage_name(x, x->move.index)),
            event->level == RBK_LEVEL_TRUE ? "is open" : "is closed");
        break;
    case MOVE_TIME_TRIGGER:
    case MOVE_TRIGGER_LEVEL:
    case MOVE_TRIGGER_ANSWER:
    case MOVE_TRIGGER_PATH:
        if (event->kind != RBK_EVENT_WINDOW) {
            tell_trigger(x, event);
        }
        break;
    default:
        tell_region_event(x, event);
        break;
    }
}

/* ---- what comes out ---- */

static void tell_action(struct explorer *x, const struct rbk_action *action)
{
    static const struct rbk_machine_place nowhere = {0, 0, 0};
    if (action->kind == RBK_ACTION_FINISHED) {
        say(x, nowhere, "the run ends: %s",
            rbk_status_name((enum rbk_status)x->work.state->status));
        return;
    }
    if (action->owner == RBK_OWNER_TRIGGER || action->region == RBK_NONE ||
        action->state == RBK_NONE) {
        return;
    }
    struct rbk_str step = step_text(x, action->state);
    struct rbk_machine_place place = step_place(x, action->state);
    const char *phase = phase_words(x->model.machine->states[action->state].phase);
    switch (action->kind) {
    case RBK_ACTION_DISPATCH:
        say(x, place, "`%.*s`, %s: `%.*s` begins", STR(stage_name(x, action->region)), phase,
            STR(step));
        break;
    case RBK_ACTION_LOOK:
        say(x, place, "`%.*s`, %s: it is looked whether `%.*s` was done",
            STR(stage_name(x, action->region)), phase, STR(step));
        break;
    case RBK_ACTION_CANCEL:
        say(x, place, "`%.*s`, %s: `%.*s` is stopped", STR(stage_name(x, action->region)), phase,
            STR(step));
        break;
    case RBK_ACTION_QUESTION_OPEN:
        say(x, place, "`%.*s`, %s: somebody is asked about `%.*s`",
            STR(stage_name(x, action->region)), phase, STR(step));
        break;
    case RBK_ACTION_HOOK:
        if (action->index == RBK_HOOK_STUCK) {
            say(x, nowhere, "`%.*s` is stuck", STR(stage_name(x, action->region)));
        } else if (action->index == RBK_HOOK_HOLD) {
            say(x, nowhere, "the run is held");
        } else if (action->index == RBK_HOOK_PAUSE) {
            say(x, nowhere, "the run is paused");
        } else if (action->index == RBK_HOOK_ABORT) {
            say(x, nowhere, "the run turns round");
        } else if (action->index == RBK_HOOK_STAGE) {
            say(x, nowhere, "`%.*s` stands applied", STR(stage_name(x, action->region)));
        }
        break;
    default:
        break;
    }
}

static void tell_step(struct explorer *x, const struct rbk_event *event)
{
    tell_event(x, event);
    for (size_t i = 0; i < x->actions.count; i++) {
        tell_action(x, &x->actions.items[i]);
    }
}

/* ---- the whole ---- */

void rbk_explore_tell(struct explorer *x, const struct found *found,
                      struct rbk_explore_violation *ret_violation)
{
    struct teller teller = {NULL, 0, 0};
    struct rbk_buffer text;
    uint32_t count = 1;
    rbk_buffer_init(&text, STORY_BYTES_MAX);
    if (found->region != RBK_NONE && x->model.roots[found->region] != 0) {
        (void)rbk_buffer_printf(&text, "`%.*s`", STR(stage_name(x, found->region)));
    }
    if (found->state != RBK_NONE) {
        struct rbk_str step = step_text(x, found->state);
        (void)rbk_buffer_printf(&text, "%s`%.*s`", text.bytes ? ", " : "", STR(step));
        ret_violation->place = step_place(x, found->state);
    } else if (found->region != RBK_NONE) {
        ret_violation->place = x->model.machine->regions[found->region].place;
    }
    (void)rbk_buffer_printf(&text, "%s%s", text.bytes ? ": " : "", found->text);
    ret_violation->property = (enum rbk_explore_property)found->property;
    ret_violation->text = rbk_arena_copy(x->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    if (found->property == RBK_EXPLORE_UNREACHED) {
        return;
    }
    for (uint32_t i = found->from; i != 0; i = x->reached[i].from) {
        count++;
    }
    struct move *moves = rbk_new_array(&x->scratch, struct move, count);
    uint32_t *from = rbk_new_array(&x->scratch, uint32_t, count);
    moves[count - 1] = found->move;
    from[count - 1] = found->from;
    for (uint32_t i = count - 1; i > 0; i--) {
        moves[i - 1] = x->reached[from[i]].move;
        from[i - 1] = x->reached[from[i]].from;
    }
    /* A move is a few events, an event a few actions. */
    teller.capacity = count * 24;
    teller.lines = rbk_new_array(x->arena, struct rbk_explore_line, teller.capacity);
    x->told = tell_step;
    x->teller = &teller;
    for (uint32_t i = 0; i < count; i++) {
        rbk_explore_load(x, from[i]);
        (void)rbk_explore_perform(x, moves[i]);
    }
    x->told = NULL;
    ret_violation->lines = teller.lines;
    ret_violation->line_count = teller.count;
}
