/*
 * A trigger is armed from the start of the first apply, or its stage's, or from what `since` says;
 * `during apply` ends with that apply, and `except during` leaves out the time from when a stage
 * begins (its gates included) until it stands applied.
 */
#include "compiler/rules/armed.h"

#include "compiler/rules/order.h"

const struct rbk_tree_statement *rbk_armed_owner(const struct rbk_tree_statement *trigger)
{
    const struct rbk_tree_statement *parent = trigger->parent;
    return parent && parent->kind == RBK_STATEMENT_STAGE ? parent : NULL;
}

static uint32_t index_of(const struct rbk_tree_statement *stage)
{
    return rbk_program_stage_of(stage)->index;
}

/* The stage a name stands for, or NULL. */
static const struct rbk_tree_statement *stage_of(const struct rbk_tree_name *name)
{
    return name && name->ref && name->ref->kind == RBK_DECLARATION_STAGE ? name->ref->statement
                                                                         : NULL;
}

/* Whether what a trigger waits for has happened: by then stage @now has begun its apply, and stands
 * applied when @applied. */
static bool has_begun(const struct rbk_stage_order *order, const struct rbk_tree_statement *trigger,
                      uint32_t now, bool applied)
{
    const struct rbk_tree_statement *owner = rbk_armed_owner(trigger);
    if (owner && index_of(owner) != now && !rbk_stage_before(order, index_of(owner), now)) {
        return false;
    }
    const struct rbk_tree_clause *since = rbk_tree_clause_find(trigger, RBK_CLAUSE_SINCE);
    if (!since) {
        return true;
    }
    const struct rbk_tree_statement *stage = stage_of(since->name);
    if (!stage) {
        return true; /* Unknown, and reported. */
    }
    bool started = (since->flags & RBK_CLAUSE_STARTED) != 0;
    return index_of(stage) == now ? started || applied
                                  : rbk_stage_before(order, index_of(stage), now);
}

bool rbk_armed_under_way(struct rbk_rules *rules, const struct rbk_tree_statement *trigger,
                         const struct rbk_tree_statement *stage)
{
    const struct rbk_stage_order *order = rbk_stage_order(rules);
    uint32_t now = index_of(stage);
    if (rbk_tree_clause_find(trigger, RBK_CLAUSE_DURING_APPLY)) {
        return false; /* Its verify is not covered. */
    }
    const struct rbk_tree_clause *except = rbk_tree_clause_find(trigger, RBK_CLAUSE_EXCEPT_DURING);
    for (const struct rbk_tree_name *at = except ? except->name : NULL; at; at = at->next) {
        const struct rbk_tree_statement *out = stage_of(at);
        if (out && (out == stage || rbk_stage_concurrent(order, index_of(out), now))) {
            return false;
        }
    }
    return has_begun(order, trigger, now, false);
}

bool rbk_armed_applied(struct rbk_rules *rules, const struct rbk_tree_statement *trigger,
                       const struct rbk_tree_statement *stage)
{
    const struct rbk_stage_order *order = rbk_stage_order(rules);
    uint32_t now = index_of(stage);
    if (rbk_tree_clause_find(trigger, RBK_CLAUSE_DURING_APPLY)) {
        return false;
    }
    const struct rbk_tree_clause *except = rbk_tree_clause_find(trigger, RBK_CLAUSE_EXCEPT_DURING);
    for (const struct rbk_tree_name *at = except ? except->name : NULL; at; at = at->next) {
        const struct rbk_tree_statement *out = stage_of(at);
        if (out && out != stage && !rbk_stage_before(order, index_of(out), now)) {
            return false;
        }
    }
    return has_begun(order, trigger, now, true);
}
