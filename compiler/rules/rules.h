/*
 * The rules: what a plan must have so that it can be taken back, told of crashes, and ends.
 *
 * Each rule is one function in one file, and one row of the table in rules.c; `rbkc explain` and
 * the reference go by the same rows. A rule looks at the analysed program and reports through
 * rbk_rule_report(), which knows whether the plan waives it.
 */
#ifndef RBK_COMPILER_RULES_RULES_H
#define RBK_COMPILER_RULES_RULES_H

#include "compiler/compile.h"
#include "compiler/program.h"
#include "runtime/core/base/map.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_analysis;
struct rbk_rules;
struct rbk_stage_order;

/** Look for breaches of one rule in the plan's head and the modules, or across stages. */
typedef void rbk_rule_fn(struct rbk_rules *rules);

/** Look for breaches of one rule in one STAGE or RETIRE. All rules see one stage before any sees
 * the next: a long plan's tree is larger than the cache, and this way each part of it is fetched
 * once. A RETIRE that was written wrongly may hold anything, rollbacks too: it has no name. Stages
 * come in source order.
 */
typedef void rbk_rule_stage_fn(struct rbk_rules *rules, struct rbk_tree_statement *stage);

/** One row of the table. */
struct rbk_rule {
    uint16_t code;                  /**< 101 is RBK101. Never reused. */
    bool waivable;                  /**< `allow RBKxxx because "…"` is possible. */
    const char *title;              /**< What breaks the rule, one line. */
    rbk_rule_fn *check;             /**< May be NULL, */
    rbk_rule_stage_fn *check_stage; /**< and so may this; both are for codes other phases report. */
};

/** The table, ascending by code. */
const struct rbk_rule *rbk_rule_table(uint32_t *ret_count);

/** The row of a code, or NULL. */
const struct rbk_rule *rbk_rule_find(unsigned code);

/** What rules work on. */
struct rbk_rules {
    struct rbk_compile *compile;
    const struct rbk_program *program;
    const struct rbk_source
        *source; /**< The plan's; rules that go into modules set it for their reports. */
    const struct rbk_rule *rule;         /**< Under way. */
    const struct rbk_stage_order *order; /**< Private to order.c: rbk_stage_order(). */
    bool facts_unknown;       /**< Calls go in circles or too deep: actions are taken on trust. */
    struct rbk_map sql_files; /**< RBK125: the SQL files read so far, as sources or NULL. */
    struct rbk_map sql_made;  /**< RBK125: the tables and columns that steps so far make. */
    struct rbk_map sql_back;  /**< RBK125: the tables that rollbacks of the stage below update. */
    const struct rbk_program_stage *sql_back_of; /**< RBK125: or NULL, when none was asked about. */
    bool endless; /**< RBK114 was reported: what lasts without a limit has no worst case. */
    bool unsound; /**< Words, names or types are wrong. Set when the stages have been seen: what
                       the plan as a whole would be is then not judged. */
};

/**
 * Report a breach of the rule under way. Where the stage, or else the plan, waives it, the report
 * becomes a note that repeats the reason.
 * @stage Whose `allow` counts beside the plan's, or NULL.
 * @return Never NULL, for labels and help.
 */
RBK_PRINTF(4, 5)
struct rbk_diagnostic *rbk_rule_report(struct rbk_rules *rules,
                                       const struct rbk_program_stage *stage, struct rbk_span span,
                                       const char *format, ...);

/** The same for a warning: nobody has to waive it, and a waiver makes it a note all the same. */
RBK_PRINTF(4, 5)
struct rbk_diagnostic *rbk_rule_warn(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                                     struct rbk_span span, const char *format, ...);

/** A place in the source under way. */
static inline struct rbk_place rbk_rules_place(const struct rbk_rules *rules, struct rbk_span span)
{
    return rbk_place_make(rules->source, span);
}

/** The stages of the plan. */
static inline const struct rbk_statements *rbk_rules_stages(const struct rbk_rules *rules)
{
    return &rules->program->head[RBK_STATEMENT_STAGE];
}

/** The first statement at the plan's head that is left to `check`, or NULL; rbk_head_next() goes
 * on.
 */
static inline struct rbk_tree_statement *rbk_rules_head(const struct rbk_rules *rules)
{
    return rules->program->plan ? rbk_head_first(rules->program->plan) : NULL;
}

/**
 * Start checking a program of which everything outside the stages has been resolved and placed.
 * @rules Set up; the caller's memory, for the two functions below.
 */
void rbk_rules_init(struct rbk_rules *rules, const struct rbk_analysis *analysis);

/** Apply the rules to one STAGE or RETIRE, which has been resolved, typed and placed. */
void rbk_rules_check_stage(struct rbk_rules *rules, struct rbk_tree_statement *stage);

/** Apply the rules to the rest of the plan, after its stages; then look at the waivers. */
void rbk_rules_finish(struct rbk_rules *rules);

/* The rules. */
rbk_rule_fn rbk_rule_104, rbk_rule_106, rbk_rule_114, rbk_rule_120, rbk_rule_121, rbk_rule_125,
    rbk_rule_111;
rbk_rule_fn rbk_rule_123, rbk_rule_124, rbk_rule_126, rbk_rule_127, rbk_rule_132, rbk_rule_133,
    rbk_rule_134, rbk_rule_143, rbk_rule_160;
rbk_rule_fn rbk_rule_131;

/* The rules for each stage; `_stage` where the code has one for the rest of the plan, too. */
rbk_rule_stage_fn rbk_rule_126_stage, rbk_rule_127_stage, rbk_rule_132_stage, rbk_rule_142,
    rbk_rule_160_stage;
rbk_rule_stage_fn rbk_rule_131_stage;
rbk_rule_stage_fn rbk_rule_101, rbk_rule_102, rbk_rule_103, rbk_rule_104_stage, rbk_rule_105,
    rbk_rule_114_stage, rbk_rule_120_stage, rbk_rule_121_stage, rbk_rule_122, rbk_rule_125_stage,
    rbk_rule_110, rbk_rule_112, rbk_rule_113;

#endif
