/*
 * The table of rules, applying them, and waivers.
 */
#include "compiler/rules/rules.h"

#include "compiler/analysis.h"
#include "compiler/rules/facts.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"

#include <stdarg.h>
#include <stdio.h>

/* Rows without a function: 100, 128, 130 to 141, 161 and 170 are found by the phases before the
 * rules; 129 is another program's word (filter_check.h); the others are proofs over the machine. */
static const struct rbk_rule table[] = {
    {100, false, "text that is no plan, or a statement where it means nothing", NULL, NULL},
    {101, false, "a stage has no rollback", NULL, rbk_rule_101},
    {102, false, "a stage has no verify", NULL, rbk_rule_102},
    {103, false, "a rollback has no verify", NULL, rbk_rule_103},
    {104, false, "an apply, rollback or verify that does nothing, or cannot fail", rbk_rule_104,
     rbk_rule_104_stage},
    {105, false, "an undo that leaves something of the apply standing", NULL, rbk_rule_105},
    {106, false, "a retire without approval, verify or grace", rbk_rule_106, NULL},
    {110, true, "the worst-case time of a block exceeds its within", NULL, rbk_rule_110},
    {111, true, "the worst-case time to be back exceeds the plan's rollback within", rbk_rule_111,
     NULL},
    {112, true, "a rollback longer than the guideline of its stage's kind", NULL, rbk_rule_112},
    {113, true, "a stage that cannot be done and undone within the window", NULL, rbk_rule_113},
    {114, false, "an effect, wait or question without an end", rbk_rule_114, rbk_rule_114_stage},
    {120, false, "an effect whose crash cannot be resolved", rbk_rule_120, rbk_rule_120_stage},
    {121, false, "a value used in a rollback that may not be set by then", rbk_rule_121,
     rbk_rule_121_stage},
    {122, true, "irreversible changes without a backup that a rollback restores", NULL,
     rbk_rule_122},
    {123, true, "a backup that is never verified, or taken after the change it protects",
     rbk_rule_123, NULL},
    {124, true, "a stage that lacks what its risk asks for", rbk_rule_124, NULL},
    {125, true, "a statement that cannot run in a transaction, or destroys unannounced",
     rbk_rule_125, rbk_rule_125_stage},
    {126, true, "a destructive shell pattern", rbk_rule_126, rbk_rule_126_stage},
    {127, true, "parallel work on the same thing without an order", rbk_rule_127,
     rbk_rule_127_stage},
    {128, false, "signs of a shell in a command that runs without one", NULL, NULL},
    {129, false, "a jq filter that does not compile", NULL, NULL},
    {130, false, "a type or unit error", NULL, NULL},
    {131, true, "a condition that can never hold, or always holds", rbk_rule_131,
     rbk_rule_131_stage},
    {132, true, "a probe too slow for the trigger that reads it", rbk_rule_132, rbk_rule_132_stage},
    {133, true, "two triggers that contradict each other", rbk_rule_133, NULL},
    {134, true, "a changed state in which no trigger is armed", rbk_rule_134, NULL},
    {140, false, "an unknown name, or one declared twice or never used", NULL, NULL},
    {141, false, "a cycle in after, in modules or in actions", NULL, NULL},
    {142, true, "a role that must approve its own run and has one member", NULL, rbk_rule_142},
    {143, true, "no notification on abort or stuck, or no escalation", rbk_rule_143, NULL},
    {150, false, "a state from which no end can be reached", NULL, NULL},
    {160, false, "a secret that could be seen, or a credential in the plan", rbk_rule_160,
     rbk_rule_160_stage},
    {161, false, "text that could read otherwise than it compiles", NULL, NULL},
    {170, false, "a limit is exceeded", NULL, NULL},
    {180, false, "something this version does not carry out", NULL, NULL},
};

const struct rbk_rule *rbk_rule_table(uint32_t *ret_count)
{
    *ret_count = (uint32_t)RBK_COUNT(table);
    return table;
}

const struct rbk_rule *rbk_rule_find(unsigned code)
{
    for (size_t i = 0; i < RBK_COUNT(table); i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return NULL;
}

/* ---- waivers --------------------------------------------------------------------------------- */

/* A bit of an ALLOW's annotation_flags: something was waived by it. */
#define WAIVER_USED 1u

/* The number in `RBK112`; 0 when the name is not spelled like a code. */
static unsigned code_of(const struct rbk_tree_statement *allow)
{
    struct rbk_str name = allow->name->name->text;
    unsigned code = 0;
    if (name.bytes != 6 || !rbk_str_starts(name, RBK_STR("RBK"))) {
        return 0;
    }
    for (size_t i = 3; i < name.bytes; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return 0;
        }
        code = code * 10 + (unsigned)(name.data[i] - '0');
    }
    return code;
}

static struct rbk_tree_statement *find_waiver(const struct rbk_statements *allows, unsigned code)
{
    for (uint32_t i = 0; i < allows->count; i++) {
        if (code_of(allows->items[i]) == code) {
            return allows->items[i];
        }
    }
    return NULL;
}

/* Add the record, or the note that says by what it is waived. */
static struct rbk_diagnostic *report(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                                     enum rbk_severity severity, struct rbk_span span,
                                     const char *text)
{
    struct rbk_diagnostics *diagnostics = &rules->compile->diagnostics;
    struct rbk_place place = rbk_rules_place(rules, span);
    unsigned code = rules->rule->code;
    struct rbk_tree_statement *waiver = NULL;
    if (rules->rule->waivable) {
        waiver = stage ? find_waiver(&stage->allows, code) : NULL;
        if (!waiver) {
            waiver = find_waiver(&rules->program->head[RBK_STATEMENT_ALLOW], code);
        }
    }
    if (!waiver) {
        return rbk_diagnostic_add(diagnostics, severity, code, place, "%s", text);
    }
    waiver->annotation_flags |= WAIVER_USED;
    struct rbk_diagnostic *note =
        rbk_diagnostic_add(diagnostics, RBK_SEVERITY_NOTE, code, place, "waived: %s", text);
    struct rbk_str reason = waiver->text->has_parts ? RBK_STR("") : waiver->text->text;
    rbk_diagnostic_waive(note, reason);
    rbk_diagnostic_label(note, rbk_rules_place(rules, waiver->head), "because \"%.*s\"",
                         RBK_STR_ARG(reason));
    /* What the rule adds explains how to keep it, which is settled: it goes to a record of its own.
     */
    struct rbk_diagnostic *aside = rbk_new(&rules->compile->arena, struct rbk_diagnostic);
    aside->owner = diagnostics;
    return aside;
}

struct rbk_diagnostic *rbk_rule_report(struct rbk_rules *rules,
                                       const struct rbk_program_stage *stage, struct rbk_span span,
                                       const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    rules->endless |= rules->rule->code == 114;
    return report(rules, stage, RBK_SEVERITY_ERROR, span, text);
}

struct rbk_diagnostic *rbk_rule_warn(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                                     struct rbk_span span, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return report(rules, stage, RBK_SEVERITY_WARNING, span, text);
}

static void check_waiver(const struct rbk_rules *rules, const struct rbk_tree_statement *allow)
{
    struct rbk_diagnostics *diagnostics = &rules->compile->diagnostics;
    struct rbk_place place = rbk_rules_place(rules, allow->name->span);
    struct rbk_str name = allow->name->name->text;
    const struct rbk_rule *rule = rbk_rule_find(code_of(allow));
    if (!rule) {
        rbk_diagnostic_help(
            rbk_diagnostic_error(diagnostics, 140, place, "unknown rule `%.*s`", RBK_STR_ARG(name)),
            "A rule is named by its code, as in `allow RBK112 because \"…\"`.");
    } else if (!rule->waivable) {
        rbk_diagnostic_help(rbk_diagnostic_error(diagnostics, 100, place, "`%.*s` cannot be waived",
                                                 RBK_STR_ARG(name)),
                            "It is kept by every plan: %s.", rule->title);
    } else if ((rule->check || rule->check_stage) && !(allow->annotation_flags & WAIVER_USED)) {
        struct rbk_diagnostic *diagnostic = rbk_diagnostic_warning(
            diagnostics, 140, place, "`allow %.*s` waives nothing", RBK_STR_ARG(name));
        rbk_diagnostic_help(diagnostic, "Remove it, so that it does not hide what comes later.");
        rbk_diagnostic_fix(diagnostic, RBK_FIX_CERTAIN, rbk_rules_place(rules, allow->span),
                           RBK_STR(""));
    }
}

static void check_waivers(const struct rbk_rules *rules)
{
    const struct rbk_statements *head = rules->program->head;
    for (uint32_t i = 0; i < head[RBK_STATEMENT_ALLOW].count; i++) {
        check_waiver(rules, head[RBK_STATEMENT_ALLOW].items[i]);
    }
    const enum rbk_statement_kind kinds[] = {RBK_STATEMENT_STAGE, RBK_STATEMENT_RETIRE};
    for (size_t k = 0; k < RBK_COUNT(kinds); k++) {
        for (uint32_t i = 0; i < head[kinds[k]].count; i++) {
            const struct rbk_statements *allows =
                &rbk_program_stage_of(head[kinds[k]].items[i])->allows;
            for (uint32_t j = 0; j < allows->count; j++) {
                check_waiver(rules, allows->items[j]);
            }
        }
    }
}

void rbk_rules_check_stage(struct rbk_rules *rules, struct rbk_tree_statement *stage)
{
    for (size_t i = 0; i < RBK_COUNT(table); i++) {
        if (table[i].check_stage && table[i].code != rules->compile->rule_off) {
            rules->rule = &table[i];
            table[i].check_stage(rules, stage);
        }
    }
}

/* A rule that goes into modules leaves their source behind. */
static void check_plan(struct rbk_rules *rules)
{
    const struct rbk_source *source = rules->source;
    for (size_t i = 0; i < RBK_COUNT(table); i++) {
        if (table[i].check && table[i].code != rules->compile->rule_off) {
            rules->rule = &table[i];
            table[i].check(rules);
            rules->source = source;
        }
    }
}

void rbk_rules_init(struct rbk_rules *rules, const struct rbk_analysis *analysis)
{
    *rules = (struct rbk_rules){
        .compile = analysis->compile,
        .program = &analysis->compile->program,
        .source = analysis->compile->program.files[0]->tree->source,
        .facts_unknown = analysis->calls_unsound,
    };
    rbk_facts_find(rules);
}

/* Whether the phases before the rules found errors. */
static bool is_unsound(const struct rbk_rules *rules)
{
    const struct rbk_diagnostic *at = rules->compile->diagnostics.first;
    for (; at; at = at->next) {
        const struct rbk_rule *rule = rbk_rule_find(at->code);
        if (at->severity == RBK_SEVERITY_ERROR && rule && !rule->check && !rule->check_stage) {
            return true;
        }
    }
    return false;
}

void rbk_rules_finish(struct rbk_rules *rules)
{
    rules->unsound = is_unsound(rules);
    check_plan(rules);
    if (!rules->unsound) {
        check_waivers(rules);
    }
}
