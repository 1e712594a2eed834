/*
 * The questions that are open, their names, their text and the commands that answer them.
 */
#include "runtime/core/seat_text.h"
#include "runtime/people/view.h"
#include "runtime/people/when.h"

bool rbk_view_asked_by(const struct rbk_view *view, const struct rbk_state *state,
                       enum rbk_question_owner owner, uint32_t index, struct rbk_asked *ret_asked)
{
    return rbk_asked_by(view->machine, state, owner, index, ret_asked);
}

size_t rbk_view_asked(const struct rbk_view *view, const struct rbk_state *state,
                      struct rbk_asked *asked, size_t count_max)
{
    struct rbk_asked one;
    size_t count = 0;
    for (uint32_t at = 0; rbk_asked_next(view->machine, state, &at, &one); count++) {
        if (count < count_max) {
            asked[count] = one;
        }
    }
    return count;
}

void rbk_asked_name(const struct rbk_view *view, const struct rbk_state *state,
                    const struct rbk_asked *asked, struct rbk_buffer *out)
{
    if (asked->owner == RBK_OWNER_RUN) {
        rbk_buffer_append_text(out, "held");
        return;
    }
    if (asked->owner == RBK_OWNER_TRIGGER) {
        rbk_buffer_printf(out, "trigger.%.*s",
                          RBK_STR_ARG(view->machine->triggers[asked->index].name));
        return;
    }
    const struct rbk_region_state *rs = rbk_state_region(view->machine, state, asked->index);
    rbk_buffer_append_str(out, view->machine->states[rs->state].name);
}

/* Who has agreed where people are told apart: "; agreed: dana". */
static void append_agreed(const struct rbk_view *view, const struct rbk_asked *asked,
                          struct rbk_buffer *out)
{
    if (asked->approvals == 0) {
        return;
    }
    if (asked->proposed != 0) {
        rbk_buffer_printf(out, "; %s, says ",
                          rbk_answer_name((enum rbk_answer)(asked->proposed - 1)));
    } else {
        rbk_buffer_append_text(out, "; agreed: ");
    }
    rbk_seats_names_text(view->machine, asked->question, asked->approvals, out);
}

/* "dba (agreed), infra_lead <lead@example.com>"; "2 of dba, four eyes; agreed: dana" */
static void append_roles(const struct rbk_view *view, const struct rbk_asked *asked,
                         struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    struct rbk_slice roles = machine->questions[asked->question].roles;
    bool personal = rbk_question_personal(machine, asked->question);
    for (uint32_t i = 0; i < roles.count; i++) {
        const struct rbk_role *role = &machine->roles[machine->indexes[roles.first + i]];
        rbk_buffer_append_text(out, i == 0 ? "" : ", ");
        rbk_seat_role_text(machine, asked->question, i, out);
        if (!personal && i < 32 && (asked->approvals >> i & 1u) != 0) {
            rbk_buffer_append_text(out, " (agreed)");
        } else if (role->contact.bytes != 0) {
            rbk_buffer_printf(out, " <%.*s>", RBK_STR_ARG(role->contact));
        }
    }
    if (rbk_question_four_eyes(machine, asked->question)) {
        rbk_buffer_append_text(out, ", four eyes");
    }
    if (personal) {
        append_agreed(view, asked, out);
    }
}

void rbk_asked_roles(const struct rbk_view *view, const struct rbk_asked *asked,
                     struct rbk_buffer *out)
{
    if (asked->question < view->machine->question_count) {
        append_roles(view, asked, out);
    }
}

/* "; it is held: `run x` failed (a.apply.1)" */
static void append_hold(const struct rbk_view *view, const struct rbk_state *state,
                        struct rbk_buffer *out)
{
    size_t before;
    rbk_buffer_printf(out, "; it is %s: ", rbk_status_name((enum rbk_status)state->hold));
    before = out->bytes;
    rbk_view_cause(view, state->cause, out);
    if (out->bytes == before) {
        rbk_buffer_truncate(out, before - 2);
    }
}

void rbk_asked_words(const struct rbk_view *view, const struct rbk_state *state,
                     const struct rbk_asked *asked, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    bool known = asked->question < machine->question_count;
    bool worded = known && machine->questions[asked->question].text != RBK_NONE;
    size_t before;

    switch (asked->kind) {
    case RBK_QUESTION_APPROVE:
        rbk_buffer_append_text(out, worded ? "" : "approve? ");
        break;
    case RBK_QUESTION_ATTEST:
        rbk_buffer_append_text(out, "is it so? ");
        break;
    case RBK_QUESTION_MANUAL:
        rbk_buffer_append_text(out, "to do by hand: ");
        break;
    case RBK_QUESTION_DECIDE:
    case RBK_QUESTION_HELD:
        rbk_buffer_append_text(out, "what now? ");
        break;
    case RBK_QUESTION_DOUBT:
        rbk_buffer_append_text(out, "did it happen? ");
        break;
    case RBK_QUESTION_ASK:
    case RBK_QUESTION_KIND_COUNT:
        break;
    }
    before = out->bytes;
    if (known) {
        rbk_view_expr(view, machine->questions[asked->question].text, out);
    }
    if (asked->owner == RBK_OWNER_RUN) {
        append_hold(view, state, out);
    } else if (out->bytes == before) {
        if (asked->owner == RBK_OWNER_TRIGGER) {
            const struct rbk_trigger *trigger = &machine->triggers[asked->index];
            rbk_buffer_printf(out, "trigger %.*s: ", RBK_STR_ARG(trigger->name));
            rbk_buffer_append_str(out, rbk_view_spelled(view, trigger->condition));
        } else {
            const struct rbk_effect *effect = rbk_view_effect(view, state, asked->index);
            rbk_buffer_append_str(out, effect != NULL ? effect->text : RBK_STR(""));
        }
    }
}

/* A manual step that ends by itself: by what. */
static void append_looked_for(const struct rbk_view *view, const struct rbk_state *state,
                              const struct rbk_asked *asked, struct rbk_buffer *out)
{
    const struct rbk_effect *effect =
        asked->kind == RBK_QUESTION_MANUAL ? rbk_view_effect(view, state, asked->index) : NULL;
    if (effect != NULL && effect->done_when != RBK_NONE) {
        rbk_buffer_printf(out, " - or done when %.*s",
                          RBK_STR_ARG(rbk_view_spelled(view, effect->done_when)));
    }
}

void rbk_asked_text(const struct rbk_view *view, const struct rbk_state *state,
                    const struct rbk_asked *asked, struct rbk_buffer *out)
{
    rbk_asked_words(view, state, asked, out);
    if (asked->question < view->machine->question_count &&
        view->machine->questions[asked->question].roles.count != 0) {
        rbk_buffer_append_text(out, " - asked: ");
        append_roles(view, asked, out);
    }
    append_looked_for(view, state, asked, out);
}

/* What the silence about a question of a stage means where no `else` is asked; NULL: its `else`. */
static const char *silence_of_region(const struct rbk_view *view, const struct rbk_state *state,
                                     const struct rbk_asked *asked)
{
    const struct rbk_region_state *rs = rbk_state_region(view->machine, state, asked->index);
    bool on = rbk_question_asked_on(view->machine, asked->question) != RBK_NONE;
    if (asked->kind == RBK_QUESTION_DOUBT && on) {
        return NULL; /* others are asked, also while it is being stopped, or on a way back */
    }
    if (rs->target != RBK_NONE) {
        return "what is to follow begins";
    }
    if (rbk_view_on_way_back(&view->machine->states[rs->state])) {
        return "this way back has failed";
    }
    if (asked->question != RBK_NONE) {
        return NULL;
    }
    return rbk_run_past_grace(view->machine, state) ? "it has failed" : "abort";
}

void rbk_asked_silence(const struct rbk_view *view, const struct rbk_state *state,
                       const struct rbk_asked *asked, struct rbk_buffer *out)
{
    const char *words = asked->owner == RBK_OWNER_REGION ? silence_of_region(view, state, asked)
                        : asked->owner == RBK_OWNER_RUN && rbk_run_past_grace(view->machine, state)
                            ? "the old system is kept"
                            : NULL;
    if (asked->due_ms == 0) {
        return;
    }
    if (words != NULL) {
        rbk_buffer_append_text(out, words);
    } else if (asked->question < view->machine->question_count) {
        rbk_view_reaction(view, view->machine->questions[asked->question].otherwise, out);
    }
}

/* Whether nothing stands applied, so that a run can be cancelled. */
static bool may_cancel(const struct rbk_view *view, const struct rbk_state *state)
{
    for (uint32_t i = 0; i < view->machine->region_count; i++) {
        if (rbk_stage_touched(view->machine, state, i)) {
            return false;
        }
    }
    return true;
}

const char *rbk_asked_held_answer(const struct rbk_view *view, const struct rbk_state *state,
                                  size_t number)
{
    bool past_grace = rbk_run_past_grace(view->machine, state);
    bool goes_on = state->cause.kind != RBK_CAUSE_WAY_BACK; /* it does so by itself then */
    const struct {
        const char *word;
        bool possible;
    } answers[] = {
        {"continue", goes_on},
        {"abort", !past_grace},
        {"ignore", true},
        {"cancel", !past_grace && may_cancel(view, state)},
    };
    for (size_t i = 0; i < RBK_COUNT(answers); i++) {
        if (answers[i].possible && number-- == 0) {
            return answers[i].word;
        }
    }
    return NULL;
}

bool rbk_asked_command(const struct rbk_view *view, const struct rbk_state *state,
                       const struct rbk_asked *asked, size_t number, struct rbk_buffer *out)
{
    static const char *const decisions[] = {"abort", "pause", "ignore", "rollback"};
    struct rbk_buffer rest;
    const char *verb = NULL, *word = NULL;
    size_t decision_count = 3;

    if (asked->owner == RBK_OWNER_TRIGGER &&
        view->machine->triggers[asked->index].region != RBK_NONE) {
        decision_count = RBK_COUNT(decisions);
    }
    switch (asked->kind) {
    case RBK_QUESTION_MANUAL:
        verb = number < 2 ? "answer" : NULL;
        word = number == 0 ? " done" : " not-done";
        break;
    case RBK_QUESTION_DOUBT:
        verb = number < 2 ? "resolve" : NULL;
        word = number == 0 ? " done --reason WHY" : " not-done --reason WHY";
        break;
    case RBK_QUESTION_DECIDE:
        verb = number < decision_count ? "answer" : NULL;
        break;
    case RBK_QUESTION_HELD:
        word = rbk_asked_held_answer(view, state, number);
        verb = word != NULL ? "answer" : NULL;
        break;
    case RBK_QUESTION_ATTEST:
        verb = number == 0 ? "attest" : number == 1 ? "deny" : NULL;
        break;
    case RBK_QUESTION_APPROVE:
    case RBK_QUESTION_ASK:
    case RBK_QUESTION_KIND_COUNT:
        verb = number == 0 ? "approve" : number == 1 ? "deny" : NULL;
        break;
    }
    if (verb == NULL) {
        return false;
    }
    rbk_buffer_init(&rest, 4096);
    rbk_asked_name(view, state, asked, &rest);
    rbk_buffer_printf(&rest, "@%u", asked->serial);
    if (asked->kind == RBK_QUESTION_DECIDE) {
        rbk_buffer_printf(&rest, " %s", decisions[number]);
    } else if (asked->kind == RBK_QUESTION_HELD) {
        rbk_buffer_printf(&rest, " %s", word);
    } else if (word != NULL) {
        rbk_buffer_append_text(&rest, word);
    }
    rbk_view_command(view, verb, rbk_buffer_str(&rest), out);
    rbk_buffer_fini(&rest);
    return true;
}
