/*
 * Which reactions mean something where, and the clauses a trigger or probe cannot do without.
 */
#include "compiler/placement.h"

#include "runtime/core/base/limits.h"

#define ONE(KIND) (1u << RBK_REACTION_##KIND)
#define OF_TRIGGER (ONE(ABORT) | ONE(PAUSE) | ONE(ASK) | ONE(NOTIFY))

static const struct {
    const char *words;
    unsigned reactions;
} places[] = {
    [RBK_REACTS_IN_TRIGGER] = {"a trigger of the plan", OF_TRIGGER},
    [RBK_REACTS_IN_STAGE_TRIGGER] = {"a trigger", OF_TRIGGER | ONE(ROLLBACK)},
    [RBK_REACTS_IN_SEVERITY] = {"a severity", OF_TRIGGER | ONE(ROLLBACK)},
    /* A question may be put to others; nothing else that asks answers its silence. */
    [RBK_REACTS_IN_GATE] = {"a question", ONE(ABORT) | ONE(PAUSE) | ONE(CANCEL) | ONE(ASK)},
    [RBK_REACTS_IN_RETIRE] = {"a question of `retire`",
                              ONE(ABORT) | ONE(PAUSE) | ONE(KEEP) | ONE(ASK)},
    [RBK_REACTS_IN_STEP] = {"a step", ONE(ABORT) | ONE(PAUSE) | ONE(ASK)},
    [RBK_REACTS_IN_DOUBT] = {"a doubt", ONE(ABORT) | ONE(PAUSE) | ONE(ASK)},
    [RBK_REACTS_IN_HELD] = {"`held`", ONE(ABORT) | ONE(CANCEL) | ONE(ASK)},
};

static const char *advice(enum rbk_reaction_kind kind, enum rbk_reacts_in where)
{
    switch (kind) {
    case RBK_REACTION_ROLLBACK:
        return where == RBK_REACTS_IN_STEP
                   ? "A step that fails rolls its stage back; `abort` rolls back all stages."
                   : "`rollback` takes back the stage a trigger is written in; use `abort` or "
                     "`pause` here.";
    case RBK_REACTION_KEEP:
        return "`keep` leaves what `retire` would have removed; it stands only there.";
    case RBK_REACTION_CANCEL:
        return "`cancel` ends a run while nothing is applied: it answers a question before the "
               "first apply. Use `abort`.";
    case RBK_REACTION_NOTIFY:
        return "A message decides nothing; use `abort` or `pause`.";
    case RBK_REACTION_ASK:
        return "Name everybody in the first question, or escalate; silence needs an end, such as "
               "`abort`.";
    default:
        return "Use `abort`.";
    }
}

static void check_reaction(struct rbk_analysis *analysis, const struct rbk_tree_reaction *reaction,
                           enum rbk_reacts_in where)
{
    for (; reaction; reaction = reaction->otherwise) {
        enum rbk_reaction_kind kind = (enum rbk_reaction_kind)reaction->kind;
        bool asks_again =
            reaction->roles != NULL && kind != RBK_REACTION_ASK && where >= RBK_REACTS_IN_GATE;
        if (places[where].reactions >> kind & 1 && !asks_again) {
            continue;
        }
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, reaction->span),
                                                 "`%s` is no reaction of %s",
                                                 rbk_reaction_kind_name(kind), places[where].words),
                            "%s", advice(kind, where));
    }
}

void rbk_placement_check_clauses(struct rbk_analysis *analysis,
                                 const struct rbk_tree_statement *statement,
                                 enum rbk_reacts_in where)
{
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        if (at->kind == RBK_CLAUSE_THEN || at->kind == RBK_CLAUSE_ELSE ||
            at->kind == RBK_CLAUSE_MISSING) {
            check_reaction(analysis, at->reaction, where);
        }
        if (at->kind != RBK_CLAUSE_IN_DOUBT || !at->reaction) {
            continue;
        }
        if (at->reaction->kind == RBK_REACTION_ASK) {
            check_reaction(analysis, at->reaction->otherwise, RBK_REACTS_IN_DOUBT);
        } else {
            rbk_diagnostic_help(
                rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                     rbk_analysis_place(analysis, at->reaction->span),
                                     "`in doubt` without a question"),
                "Only a person can tell: `in doubt ask ROLE within 10m else abort`.");
        }
    }
}

/* A severity may say `rollback`, which a trigger of the plan cannot do. */
static void check_severity(struct rbk_analysis *analysis, const struct rbk_tree_statement *trigger)
{
    const struct rbk_declaration *severity = trigger->second_name->ref;
    const struct rbk_tree_clause *then =
        severity ? rbk_tree_clause_find(severity->statement, RBK_CLAUSE_THEN) : NULL;
    for (const struct rbk_tree_reaction *at = then ? then->reaction : NULL; at;
         at = at->otherwise) {
        if (at->kind != RBK_REACTION_ROLLBACK) {
            continue;
        }
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                 rbk_analysis_place(analysis, trigger->second_name->span),
                                 "`rollback` is no reaction of a trigger of the plan");
        rbk_diagnostic_label(diagnostic, rbk_analysis_place(analysis, at->span), "what `%.*s` does",
                             RBK_STR_ARG(severity->name->text));
        rbk_diagnostic_help(diagnostic, "Write the trigger into the stage it takes back, or give "
                                        "it another severity.");
        return;
    }
}

void rbk_placement_check_trigger(struct rbk_analysis *analysis,
                                 const struct rbk_tree_statement *trigger, bool in_stage)
{
    rbk_placement_check_clauses(analysis, trigger,
                                in_stage ? RBK_REACTS_IN_STAGE_TRIGGER : RBK_REACTS_IN_TRIGGER);
    const struct rbk_tree_clause *then = rbk_tree_clause_find(trigger, RBK_CLAUSE_THEN);
    if (!trigger->second_name && !then) {
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, trigger->head),
                                                 "trigger `%.*s` has no reaction",
                                                 RBK_STR_ARG(trigger->name->name->text)),
                            "Give it a severity, or say what to do: `then abort`.");
    }
    if (trigger->second_name && !then && !in_stage) {
        check_severity(analysis, trigger);
    }
    const struct rbk_tree_clause *span = rbk_tree_clause_find(trigger, RBK_CLAUSE_FOR);
    const struct rbk_tree_clause *readings = rbk_tree_clause_find(trigger, RBK_CLAUSE_FOR_READINGS);
    if (span && readings) {
        rbk_diagnostic_help(
            rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                      rbk_analysis_place(analysis, readings->span),
                                                      "two kinds of `for`"),
                                 rbk_analysis_place(analysis, span->span),
                                 "says already how long it must hold"),
            "Say it either in time or in readings.");
    }
    const struct rbk_tree_clause *during = rbk_tree_clause_find(trigger, RBK_CLAUSE_DURING_APPLY);
    const struct rbk_tree_clause *since = rbk_tree_clause_find(trigger, RBK_CLAUSE_SINCE);
    if (during && !in_stage) {
        rbk_diagnostic_help(
            rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                 rbk_analysis_place(analysis, during->span),
                                 "`during apply` of a trigger of the plan"),
            "It means the apply of the stage a trigger is written in. Use `since STAGE started`.");
    }
    if (during && since) {
        rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                  rbk_analysis_place(analysis, since->span),
                                                  "`since` beside `during apply`"),
                             rbk_analysis_place(analysis, during->span),
                             "says already when it is armed");
    }
}

/* Whether a probe's value is an alert, which is pushed. */
static bool is_pushed(const struct rbk_tree_expr *value)
{
    const struct rbk_builtin *builtin =
        value->kind == RBK_EXPR_CALL ? rbk_builtin_of(value->ref) : NULL;
    return builtin && builtin->kind == RBK_BUILTIN_READING && builtin->is.read == RBK_READ_ALERT;
}

void rbk_placement_check_probe(struct rbk_analysis *analysis,
                               const struct rbk_tree_statement *probe)
{
    const struct rbk_tree_clause *every = rbk_tree_clause_find(probe, RBK_CLAUSE_EVERY);
    bool pushed = is_pushed(probe->value);
    if (every && pushed) {
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, every->span),
                                                 "`every` of an alert"),
                            "An alert is pushed by whoever raises it, and never polled.");
    }
    if (!every && !pushed && probe->value->typing.type != RBK_TYPE_UNKNOWN) {
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, probe->head),
                                                 "probe `%.*s` has no `every`",
                                                 RBK_STR_ARG(probe->name->name->text)),
                            "Say how often it is read, as in `every 15s`.");
    }
    const struct rbk_tree_clause *timeout = rbk_tree_clause_find(probe, RBK_CLAUSE_TIMEOUT);
    if (timeout && rbk_clause_duration_ms(timeout) > RBK_PROBE_TIMEOUT_MS_MAX) {
        rbk_diagnostic_help(
            rbk_diagnostic_error(&analysis->compile->diagnostics, 130,
                                 rbk_analysis_place(analysis, timeout->span),
                                 "one reading of a probe may take %ds at most",
                                 (int)(RBK_PROBE_TIMEOUT_MS_MAX / 1000)),
            "What takes longer is too slow to be watched: let something else measure it, and "
            "read its result.");
    }
}
