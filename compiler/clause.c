/*
 * The clauses of each statement, as one table of sets. A clause has its meaning from its statement
 * (`every` of a probe, of a retry, of a trigger), so what is not in the table would be silently
 * ignored later; it is refused here instead.
 */
#include "compiler/clause.h"

#include "compiler/diagnostic.h"
#include "compiler/parse.h"
#include "compiler/parse_state.h"
#include "runtime/core/base/assert.h"

#include <stdio.h>

#include <stdint.h>

#define ONE(KIND) (UINT64_C(1) << RBK_CLAUSE_##KIND)

_Static_assert(RBK_CLAUSE_KINDS <= 64, "a set of clauses is one word");

/* Every effect may be limited, repeated and passed over; those that change something say how a
 * crash is resolved. */
#define ANY_EFFECT (ONE(TIMEOUT) | ONE(RETRY) | ONE(EVERY) | ONE(OPTIONAL))
#define CRASH_RULE (ONE(IDEMPOTENT) | ONE(DONE_WHEN) | ONE(IN_DOUBT))
#define COMMAND (ONE(IN) | ONE(ENV) | ONE(STDIN) | ONE(USING) | ONE(EXPECT))
#define QUESTION (ONE(WITHIN) | ONE(ELSE) | ONE(FOUR_EYES))

static uint64_t clauses_of(enum rbk_statement_kind statement)
{
    switch (statement) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
        return ANY_EFFECT | CRASH_RULE | COMMAND | ONE(INTO) | ONE(CANCEL);
    case RBK_STATEMENT_SQL:
        return ANY_EFFECT | CRASH_RULE | ONE(AUTOCOMMIT) | ONE(INTO);
    case RBK_STATEMENT_REDIS:
        return ANY_EFFECT | CRASH_RULE | ONE(INTO);
    case RBK_STATEMENT_HTTP:
        return ANY_EFFECT | CRASH_RULE | ONE(HEADER) | ONE(JSON) | ONE(BODY) | ONE(EXPECT) |
               ONE(INTO);
    case RBK_STATEMENT_DO:
        return ANY_EFFECT | CRASH_RULE;
    case RBK_STATEMENT_CAPTURE_RUN:
        return ANY_EFFECT | COMMAND;
    case RBK_STATEMENT_LET:
    case RBK_STATEMENT_CAPTURE:
    case RBK_STATEMENT_NOTIFY:
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_RESTORE:
        return ANY_EFFECT;
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_REQUIRE:
        return ANY_EFFECT | ONE(FOR);
    case RBK_STATEMENT_WAIT_UNTIL:
        return ONE(EVERY) | ONE(TIMEOUT) | ONE(FOR) | ONE(PROGRESS) | ONE(OPTIONAL);
    case RBK_STATEMENT_MANUAL:
        return QUESTION | CRASH_RULE | ONE(EVERY) | ONE(OPTIONAL);
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
        return QUESTION;
    case RBK_STATEMENT_PROBE:
        return ONE(EVERY) | ONE(TIMEOUT) | ONE(MISSING_AFTER);
    case RBK_STATEMENT_TRIGGER:
        return ONE(FOR) | ONE(FOR_READINGS) | ONE(SINCE) | ONE(DURING_APPLY) | ONE(EXCEPT_DURING) |
               ONE(THEN) | ONE(MISSING) | ONE(EVERY) | ONE(TIMEOUT) | ONE(CONFIRM);
    case RBK_STATEMENT_BASELINE:
        return ONE(AT_LEAST);
    case RBK_STATEMENT_PREPARE:
    case RBK_STATEMENT_APPLY:
    case RBK_STATEMENT_VERIFY:
    case RBK_STATEMENT_BACKUP_TAKE:
    case RBK_STATEMENT_BACKUP_RESTORE:
    case RBK_STATEMENT_ACQUIRE:
    case RBK_STATEMENT_RELEASE:
    case RBK_STATEMENT_ROLLBACK_WITHIN:
    case RBK_STATEMENT_REHEARSED_WITHIN:
        return ONE(WITHIN);
    case RBK_STATEMENT_ROLLBACK:
        return ONE(WITHIN) | ONE(WHEN) | ONE(EVERY);
    case RBK_STATEMENT_ROLE:
        return ONE(CONTACT) | ONE(MEMBERS);
    case RBK_STATEMENT_ESCALATE:
        return ONE(ESCALATE_STEP);
    case RBK_STATEMENT_SEVERITY:
        return ONE(THEN);
    case RBK_STATEMENT_HELD:
        return ONE(ELSE);
    case RBK_STATEMENT_DATA:
        return ONE(DATA_CREATED) | ONE(DATA_MODIFIED) | ONE(DATA_BACKUP);
    case RBK_STATEMENT_AFTER:
        return ONE(FOR);
    case RBK_STATEMENT_ATTEMPTS:
    case RBK_STATEMENT_ABORT_WHEN:
        return ONE(EVERY);
    case RBK_STATEMENT_FOREACH:
        return ONE(AT_MOST);
    default:
        return 0;
    }
}

/* Clauses that may stand more than once. */
#define REPEATABLE (ONE(HEADER) | ONE(ESCALATE_STEP) | ONE(CONTACT))

/* `every` there is the distance of retries and means nothing without them. */
static bool every_needs_retry(enum rbk_statement_kind statement)
{
    return (clauses_of(statement) & ONE(RETRY)) != 0;
}

bool rbk_clause_belongs(enum rbk_statement_kind statement, enum rbk_clause_kind clause)
{
    RBK_ASSERT(clause < RBK_CLAUSE_KINDS);
    return (clauses_of(statement) >> clause & 1) != 0;
}

static struct rbk_diagnostic *report(struct rbk_parse *parse, const struct rbk_tree_clause *clause,
                                     const char *before, const char *words, const char *after)
{
    parse->file->broken = true;
    return rbk_diagnostic_error(parse->diagnostics, RBK_RULE_SYNTAX,
                                rbk_parse_place(parse, clause->span), "%s`%s`%s", before, words,
                                after);
}

/* Name the clauses that do belong, for help. */
static void help_with_others(struct rbk_diagnostic *diagnostic, enum rbk_statement_kind kind)
{
    char list[512] = "";
    size_t bytes = 0;
    for (unsigned clause = 0; clause < RBK_CLAUSE_KINDS; clause++) {
        if (!rbk_clause_belongs(kind, (enum rbk_clause_kind)clause)) {
            continue;
        }
        int written = snprintf(list + bytes, sizeof(list) - bytes, "%s`%s`", bytes ? ", " : "",
                               rbk_clause_words((enum rbk_clause_kind)clause));
        if (written < 0 || (size_t)written >= sizeof(list) - bytes) {
            break;
        }
        bytes += (size_t)written;
    }
    if (bytes) {
        rbk_diagnostic_help(diagnostic, "`%s` takes %s.", rbk_statement_words(kind), list);
    } else {
        rbk_diagnostic_help(diagnostic, "`%s` takes no clauses.", rbk_statement_words(kind));
    }
}

/* The same words twice are one too many; different ones may be a slip in either. */
static void report_second(struct rbk_parse *parse, const struct rbk_tree_clause *clause,
                          const struct rbk_tree_clause *first)
{
    const struct rbk_source *source = parse->source;
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_label(
        report(parse, clause, "second ", rbk_clause_words((enum rbk_clause_kind)clause->kind), ""),
        rbk_place_make(source, first->span), "the first");
    if (rbk_str_equal(rbk_source_text(source, clause->span),
                      rbk_source_text(source, first->span))) {
        rbk_diagnostic_help(diagnostic, "It says the same: remove it.");
        rbk_diagnostic_fix(diagnostic, RBK_FIX_CERTAIN, rbk_place_make(source, clause->span),
                           RBK_STR(""));
    }
}

void rbk_clause_check(struct rbk_parse *parse, const struct rbk_tree_statement *statement)
{
    uint64_t allowed = clauses_of((enum rbk_statement_kind)statement->kind);
    const struct rbk_tree_clause *seen[RBK_CLAUSE_KINDS] = {NULL};
    for (const struct rbk_tree_clause *clause = statement->clauses; clause; clause = clause->next) {
        const char *words = rbk_clause_words((enum rbk_clause_kind)clause->kind);
        const struct rbk_tree_clause *first = seen[clause->kind];
        if (!(allowed >> clause->kind & 1)) {
            struct rbk_diagnostic *diagnostic =
                report(parse, clause, "", words, " does not belong here");
            if (clause->kind == RBK_CLAUSE_IN) {
                rbk_diagnostic_help(diagnostic, "It is the folder of a command. To compare with "
                                                "several values write `x == 1 or x == 2`.");
                continue;
            }
            help_with_others(diagnostic, (enum rbk_statement_kind)statement->kind);
        } else if (first && !(REPEATABLE >> clause->kind & 1)) {
            report_second(parse, clause, first);
        }
        seen[clause->kind] = clause;
    }
    if (seen[RBK_CLAUSE_EVERY] && !seen[RBK_CLAUSE_RETRY] &&
        every_needs_retry((enum rbk_statement_kind)statement->kind)) {
        rbk_diagnostic_help(report(parse, seen[RBK_CLAUSE_EVERY], "", "every", " without `retry`"),
                            "Say how often: `retry 3 every 5s`.");
    }
    if (seen[RBK_CLAUSE_EVERY] && !seen[RBK_CLAUSE_DONE_WHEN] &&
        statement->kind == RBK_STATEMENT_MANUAL) {
        rbk_diagnostic_help(
            report(parse, seen[RBK_CLAUSE_EVERY], "", "every", " without `done when`"),
            "Say what is looked for: `done when COND every 30s`.");
    }
    if (seen[RBK_CLAUSE_JSON] && seen[RBK_CLAUSE_BODY]) {
        rbk_diagnostic_label(report(parse, seen[RBK_CLAUSE_BODY], "", "body", " beside `json`"),
                             rbk_parse_place(parse, seen[RBK_CLAUSE_JSON]->span), "the other body");
    }
}
