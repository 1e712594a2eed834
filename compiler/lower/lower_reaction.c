/*
 * Reactions and questions: what is done when something fires or a person says no, and what a person
 * is asked.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"

static struct rbk_reaction reaction_row(enum rbk_reaction_kind kind)
{
    return (struct rbk_reaction){
        .kind = kind,
        .question = RBK_NONE,
        .channel = RBK_NONE,
        .then = RBK_NONE,
    };
}

uint32_t rbk_lower_plain_reaction(struct rbk_lower *lower, enum rbk_reaction_kind kind)
{
    /* Plain ones say nothing but their kind: one row each is enough. */
    const struct rbk_machine *machine = lower->builder.machine;
    for (uint32_t i = 0; i < machine->reaction_count && i < 64; i++) {
        const struct rbk_reaction *known = &machine->reactions[i];
        if (known->kind == kind && known->question == RBK_NONE && known->channel == RBK_NONE &&
            known->then == RBK_NONE) {
            return i;
        }
    }
    return rbk_build_reaction(&lower->builder, reaction_row(kind));
}

struct rbk_slice rbk_lower_indexes(struct rbk_lower *lower, const struct rbk_tree_name *names,
                                   uint32_t offset)
{
    struct rbk_slice slice = {lower->builder.machine->index_count, 0};
    for (const struct rbk_tree_name *name = names; name != NULL; name = name->next) {
        RBK_ASSERT(name->ref != NULL);
        (void)rbk_build_index(&lower->builder, name->ref->index + offset);
        slice.count++;
    }
    return slice;
}

uint32_t rbk_lower_question(struct rbk_lower *lower, enum rbk_question_kind kind, uint32_t text,
                            const struct rbk_tree_name *names, bool four_eyes, uint64_t within_ms,
                            uint32_t otherwise, struct rbk_span span)
{
    struct rbk_slice roles = rbk_lower_indexes(lower, names, 0);
    struct rbk_slice quorums = {lower->builder.machine->index_count, roles.count};
    for (const struct rbk_tree_name *name = names; name != NULL; name = name->next) {
        (void)rbk_build_index(&lower->builder, rbk_tree_quorum(name));
    }
    struct rbk_question question = {
        .kind = kind,
        .text = text,
        .roles = roles,
        .quorums = quorums,
        .four_eyes = four_eyes,
        .within_ms = within_ms > 0 ? within_ms : 3600000,
        .otherwise = otherwise,
        .place = rbk_lower_machine_place(lower, span),
    };
    return rbk_build_question(&lower->builder, question);
}

uint32_t rbk_lower_reaction(struct rbk_lower *lower, const struct rbk_tree_reaction *reaction,
                            uint32_t text)
{
    enum rbk_reaction_kind kind = (enum rbk_reaction_kind)reaction->kind;
    struct rbk_reaction row = reaction_row(kind);
    if (reaction->roles == NULL && reaction->channel == NULL) {
        return rbk_lower_plain_reaction(lower, kind);
    }
    if (reaction->channel != NULL) {
        row.channel = reaction->channel->ref->index;
    }
    if (reaction->roles != NULL) {
        uint32_t otherwise = reaction->otherwise != NULL
                                 ? rbk_lower_reaction(lower, reaction->otherwise, text)
                                 : rbk_lower_plain_reaction(lower, RBK_REACTION_PAUSE);
        /* `ask` lets a person choose; `with approval of` wants a yes. */
        enum rbk_question_kind asked =
            kind == RBK_REACTION_ASK ? RBK_QUESTION_DECIDE : RBK_QUESTION_APPROVE;
        row.question =
            rbk_lower_question(lower, asked, text, reaction->roles, reaction->four_eyes != 0,
                               reaction->within_ms, otherwise, reaction->span);
    }
    return rbk_build_reaction(&lower->builder, row);
}

uint32_t rbk_lower_asked_on(struct rbk_lower *lower, const struct rbk_tree_reaction *reaction,
                            enum rbk_question_kind kind, uint32_t text)
{
    if (reaction == NULL) {
        return rbk_lower_plain_reaction(lower, RBK_REACTION_ABORT);
    }
    if (reaction->kind != RBK_REACTION_ASK) {
        return rbk_lower_reaction(lower, reaction, text);
    }
    struct rbk_reaction row = reaction_row(RBK_REACTION_ASK);
    uint32_t next = rbk_lower_asked_on(lower, reaction->otherwise, kind, text);
    row.question = rbk_lower_question(lower, kind, text, reaction->roles, reaction->four_eyes != 0,
                                      reaction->within_ms, next, reaction->span);
    return rbk_build_reaction(&lower->builder, row);
}
