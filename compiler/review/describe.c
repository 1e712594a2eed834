/*
 * Phrases about reactions, triggers, questions and effects.
 */
#include "compiler/review/describe.h"

#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/daily.h"

#define TEXT_BYTES_MAX ((size_t)1 << 20)

static struct rbk_str taken(const struct rbk_describe *describe, struct rbk_buffer *text)
{
    struct rbk_str result = rbk_arena_copy(describe->arena, rbk_buffer_str(text));
    rbk_buffer_fini(text);
    return result;
}

struct rbk_str rbk_describe_duration(const struct rbk_describe *describe, uint64_t duration_ms)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_value_print(&text, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)duration_ms));
    return taken(describe, &text);
}

struct rbk_str rbk_describe_roles(const struct rbk_describe *describe,
                                  const struct rbk_question *question)
{
    const struct rbk_machine *machine = describe->machine;
    struct rbk_slice roles = question->roles;
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    for (uint32_t i = 0; i < roles.count; i++) {
        const struct rbk_role *role = &machine->roles[machine->indexes[roles.first + i]];
        const char *separator = i == 0 ? "" : i + 1 == roles.count ? " and " : ", ";
        uint32_t quorum = machine->indexes[question->quorums.first + i];
        (void)rbk_buffer_append_text(&text, separator);
        if (quorum > 1) {
            (void)rbk_buffer_printf(&text, "%u of ", quorum);
        }
        (void)rbk_buffer_printf(&text, RBK_CODE("%.*s"), RBK_STR_ARG(role->name));
    }
    (void)rbk_buffer_append_text(&text, roles.count == 0 ? "anybody" : "");
    (void)rbk_buffer_append_text(&text, question->four_eyes ? " (four eyes)" : "");
    return taken(describe, &text);
}

static struct rbk_str within_else(const struct rbk_describe *describe,
                                  const struct rbk_question *question)
{
    struct rbk_str within = rbk_describe_duration(describe, question->within_ms);
    if (question->otherwise == RBK_NONE) {
        return rbk_arena_printf(describe->arena, "within %.*s", RBK_STR_ARG(within));
    }
    struct rbk_str otherwise = rbk_describe_reaction(describe, question->otherwise);
    return rbk_arena_printf(describe->arena, "within %.*s, else %.*s", RBK_STR_ARG(within),
                            RBK_STR_ARG(otherwise));
}

struct rbk_str rbk_describe_reaction(const struct rbk_describe *describe, uint32_t index)
{
    const struct rbk_machine *machine = describe->machine;
    if (index == RBK_NONE) {
        return RBK_STR("nothing");
    }
    const struct rbk_reaction *reaction = &machine->reactions[index];
    struct rbk_str text = rbk_str_from(rbk_reaction_kind_name(reaction->kind));
    if (reaction->kind == RBK_REACTION_NOTIFY) {
        text = rbk_arena_printf(describe->arena, "notify " RBK_CODE("%.*s"),
                                RBK_STR_ARG(machine->channels[reaction->channel].name));
    } else if (reaction->kind == RBK_REACTION_HOLD) {
        text = rbk_arena_printf(describe->arena, "wait %.*s for data, then %.*s",
                                RBK_STR_ARG(rbk_describe_duration(describe, reaction->hold_ms)),
                                RBK_STR_ARG(rbk_describe_reaction(describe, reaction->then)));
    }
    if (reaction->question != RBK_NONE) {
        const struct rbk_question *question = &machine->questions[reaction->question];
        struct rbk_str roles = rbk_describe_roles(describe, question);
        struct rbk_str rest = within_else(describe, question);
        text = rbk_arena_printf(describe->arena, "%.*s%s%.*s %.*s", RBK_STR_ARG(text),
                                reaction->kind == RBK_REACTION_ASK ? " " : " with approval of ",
                                RBK_STR_ARG(roles), RBK_STR_ARG(rest));
    }
    return text;
}

struct rbk_str rbk_describe_question(const struct rbk_describe *describe, uint32_t index)
{
    const struct rbk_question *question = &describe->machine->questions[index];
    struct rbk_str roles = rbk_describe_roles(describe, question);
    struct rbk_str rest = within_else(describe, question);
    struct rbk_str text = rbk_describe_template(describe, question->text);
    const char *verb = "";
    switch (question->kind) {
    case RBK_QUESTION_APPROVE:
        return rbk_arena_printf(describe->arena, "Approval by %.*s %.*s", RBK_STR_ARG(roles),
                                RBK_STR_ARG(rest));
    case RBK_QUESTION_ATTEST:
        verb = "attests that it is so";
        break;
    case RBK_QUESTION_MANUAL:
        verb = "does this by hand and says so";
        break;
    case RBK_QUESTION_ASK:
    case RBK_QUESTION_DECIDE:
    case RBK_QUESTION_DOUBT:
    case RBK_QUESTION_HELD:
    case RBK_QUESTION_KIND_COUNT:
        verb = "answers";
        break;
    }
    return rbk_arena_printf(describe->arena, RBK_STRONG("%.*s") ": %.*s %s %.*s", RBK_STR_ARG(text),
                            RBK_STR_ARG(roles), verb, RBK_STR_ARG(rest));
}

struct rbk_str rbk_describe_armed(const struct rbk_describe *describe,
                                  const struct rbk_trigger *trigger)
{
    const struct rbk_machine *machine = describe->machine;
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    struct rbk_str stage = trigger->since_region != RBK_NONE
                               ? machine->regions[trigger->since_region].name
                               : RBK_STR("");
    switch (trigger->since) {
    case RBK_SINCE_FIRST_APPLY:
    case RBK_SINCE_COUNT:
        (void)rbk_buffer_append_text(&text, "from the first change to the end of grace");
        break;
    case RBK_SINCE_STAGE_STARTED:
        (void)rbk_buffer_printf(&text, "once " RBK_CODE("%.*s") " is being applied",
                                RBK_STR_ARG(stage));
        break;
    case RBK_SINCE_STAGE_APPLIED:
        (void)rbk_buffer_printf(&text, "once " RBK_CODE("%.*s") " stands applied",
                                RBK_STR_ARG(stage));
        break;
    case RBK_SINCE_DURING_APPLY:
        (void)rbk_buffer_printf(&text, "only while " RBK_CODE("%.*s") " is being applied",
                                RBK_STR_ARG(stage));
        break;
    }
    for (uint32_t i = 0; i < trigger->except.count; i++) {
        uint32_t region = machine->indexes[trigger->except.first + i];
        (void)rbk_buffer_printf(&text, "%s" RBK_CODE("%.*s"), i == 0 ? ", not during " : ", ",
                                RBK_STR_ARG(machine->regions[region].name));
    }
    return taken(describe, &text);
}

struct rbk_str rbk_describe_asked(const struct rbk_describe *describe,
                                  const struct rbk_effect *effect)
{
    struct rbk_str text = rbk_describe_question(describe, effect->question);
    if (effect->done_when != RBK_NONE) {
        text = rbk_arena_printf(
            describe->arena, "%.*s; done when " RBK_CODE("%.*s") ", looked at every %.*s",
            RBK_STR_ARG(text), RBK_STR_ARG(rbk_describe_expr(describe, effect->done_when)),
            RBK_STR_ARG(rbk_describe_duration(describe, effect->every_ms)));
    }
    return text;
}

struct rbk_str rbk_describe_condition(const struct rbk_describe *describe,
                                      const struct rbk_trigger *trigger)
{
    struct rbk_str text =
        rbk_arena_printf(describe->arena, RBK_CODE("%.*s"),
                         RBK_STR_ARG(rbk_describe_expr(describe, trigger->condition)));
    if (trigger->every_ms > 0) {
        text = rbk_arena_printf(describe->arena, "%.*s, read every %.*s", RBK_STR_ARG(text),
                                RBK_STR_ARG(rbk_describe_duration(describe, trigger->every_ms)));
    }
    if (trigger->for_ms > 0) {
        text = rbk_arena_printf(describe->arena, "%.*s for %.*s", RBK_STR_ARG(text),
                                RBK_STR_ARG(rbk_describe_duration(describe, trigger->for_ms)));
    }
    if (trigger->for_readings > 0) {
        text = rbk_arena_printf(describe->arena, "%.*s for %u readings", RBK_STR_ARG(text),
                                trigger->for_readings);
    }
    if (trigger->confirm_ms > 0) {
        text = rbk_arena_printf(describe->arena, "%.*s, confirmed within %.*s", RBK_STR_ARG(text),
                                RBK_STR_ARG(rbk_describe_duration(describe, trigger->confirm_ms)));
    }
    return text;
}

struct rbk_str rbk_describe_window(const struct rbk_describe *describe, uint32_t index)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_daily_print(&text, &describe->machine->daily_windows[index]);
    return taken(describe, &text);
}

struct rbk_str rbk_describe_not_before(const struct rbk_describe *describe,
                                       const struct rbk_region *region)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    if (region->not_before_zone.bytes > 0) {
        rbk_daily_print_shown(&text, region->not_before_shown_ms, region->not_before_zone);
    } else if (region->not_before_ms > 0) {
        rbk_value_print(&text, rbk_value_integer(RBK_TYPE_TIME, (int64_t)region->not_before_ms));
    }
    return taken(describe, &text);
}

struct rbk_str rbk_describe_limits(const struct rbk_describe *describe,
                                   const struct rbk_effect *effect)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    const char *separator = "";
    if (effect->for_ms > 0) {
        (void)rbk_buffer_printf(&text, "for %.*s",
                                RBK_STR_ARG(rbk_describe_duration(describe, effect->for_ms)));
        separator = ", ";
    }
    if (effect->kind == RBK_EFFECT_WAIT_UNTIL && effect->every_ms > 0) {
        (void)rbk_buffer_printf(&text, "%severy %.*s", separator,
                                RBK_STR_ARG(rbk_describe_duration(describe, effect->every_ms)));
        separator = ", ";
    }
    if (effect->timeout_ms > 0) {
        (void)rbk_buffer_printf(&text, "%stimeout %.*s", separator,
                                RBK_STR_ARG(rbk_describe_duration(describe, effect->timeout_ms)));
        separator = ", ";
    }
    if (effect->retry_count > 0) {
        (void)rbk_buffer_printf(
            &text, "%sup to %u %s every %.*s", separator, effect->retry_count,
            effect->retry_count == 1 ? "retry" : "retries",
            RBK_STR_ARG(rbk_describe_duration(describe, effect->retry_every_ms)));
        separator = ", ";
    }
    if (effect->optional) {
        (void)rbk_buffer_printf(&text, "%smay fail (%.*s)", separator,
                                RBK_STR_ARG(effect->because));
    }
    return taken(describe, &text);
}

struct rbk_str rbk_describe_crash(const struct rbk_describe *describe,
                                  const struct rbk_effect *effect)
{
    switch (effect->crash) {
    case RBK_CRASH_AGAIN:
        return RBK_STR("again: carried out once more");
    case RBK_CRASH_TRANSACTION:
        return RBK_STR("transaction: the server says whether it committed");
    case RBK_CRASH_ATTACH:
        return RBK_STR("attach: its supervisor knows; on another host a person is asked");
    case RBK_CRASH_LOOK:
        return rbk_arena_printf(describe->arena, "look: done when " RBK_CODE("%.*s"),
                                RBK_STR_ARG(rbk_describe_expr(describe, effect->done_when)));
    case RBK_CRASH_ASK: {
        const struct rbk_question *question = &describe->machine->questions[effect->doubt_question];
        return rbk_arena_printf(describe->arena, "ask %.*s %.*s",
                                RBK_STR_ARG(rbk_describe_roles(describe, question)),
                                RBK_STR_ARG(within_else(describe, question)));
    }
    case RBK_CRASH_DURABLE:
    case RBK_CRASH_RULE_COUNT:
        break;
    }
    return RBK_STR("durable: kept in the journal");
}

struct rbk_str rbk_describe_quoted(struct rbk_arena *arena, struct rbk_str message)
{
    char *text = rbk_arena_alloc(arena, message.bytes + 1, 1);
    bool open = false;
    for (size_t i = 0; i < message.bytes; i++) {
        text[i] = message.data[i];
        if (text[i] == '`') {
            text[i] = open ? RBK_MARK_CODE_END[0] : RBK_MARK_CODE[0];
            open = !open;
        }
    }
    return (struct rbk_str){text, message.bytes};
}

struct rbk_str rbk_describe_text(const struct rbk_effect *effect)
{
    static const char *const words[] = {"let ", "check ", "wait ", "capture "};
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        struct rbk_str word = rbk_str_from(words[i]);
        if (rbk_str_starts(effect->text, word)) {
            return rbk_str_slice(effect->text, word.bytes, effect->text.bytes);
        }
    }
    return effect->text;
}

bool rbk_describe_changes(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
        return true;
    case RBK_EFFECT_QUESTION:
        return machine->questions[effect->question].kind == RBK_QUESTION_MANUAL;
    default:
        return false;
    }
}
