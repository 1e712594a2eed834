/*
 * Where statements may stand. The grammar takes every step in every block; what a block is for
 * decides which of them mean something there (RBK100).
 */
#include "compiler/placement.h"
#include "compiler/analysis.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/map.h"

/* A set of steps. The kinds of steps are the last ones of RBK_STATEMENTS, LET first; the two that
 * also stand elsewhere come behind them. */
#define STEP(KIND) (UINT64_C(1) << (RBK_STATEMENT_##KIND - RBK_STATEMENT_LET))
#define STEP_VERIFY (UINT64_C(1) << 62)
#define STEP_ATTEST (UINT64_C(1) << 63)

_Static_assert(RBK_STATEMENT_KINDS - RBK_STATEMENT_LET < 62, "a set of steps is one word");

#define CONTROL (STEP(IF) | STEP(PARALLEL) | STEP(FOREACH))
#define LOOKING                                                                                    \
    (STEP(LET) | STEP(CHECK) | STEP(WAIT) | STEP(WAIT_UNTIL) | STEP(CAPTURE) | STEP(CAPTURE_RUN) | \
     STEP(NOTIFY))
#define DOING (STEP(RUN) | STEP(SHELL) | STEP(SQL) | STEP(REDIS) | STEP(HTTP) | STEP(DO))
#define ASKING (STEP_ATTEST | STEP(ASK))

/* Blocks: X(NAME, words for a message, steps that may stand in it). */
#define BLOCKS(X)                                                                              \
    X(PREPARE, "`prepare`", LOOKING | ASKING | CONTROL | STEP(TAKE) | STEP(HTTP))              \
    X(APPLY, "`apply`", LOOKING | DOING | ASKING | CONTROL | STEP(MANUAL) | STEP(TAKE))        \
    X(VERIFY, "`verify`", LOOKING | DOING | ASKING | CONTROL | STEP(MANUAL))                   \
    X(ROLLBACK, "`rollback`",                                                                  \
      LOOKING | DOING | ASKING | CONTROL | STEP(MANUAL) | STEP(RESTORE) | STEP(UNDO) |         \
          STEP(NOTHING) | STEP_VERIFY)                                                         \
    X(TAKE, "the `take` of a backup", LOOKING | DOING | ASKING | CONTROL | STEP(MANUAL))       \
    X(RESTORE, "the `restore` of a backup", LOOKING | DOING | ASKING | CONTROL | STEP(MANUAL)) \
    X(LOCK, "a lock", LOOKING | DOING | CONTROL)                                               \
    X(HOOK, "an `on` block", STEP(NOTIFY))                                                     \
    X(ACTION, "an action", LOOKING | DOING | CONTROL | STEP(UNDO_BLOCK))                       \
    X(INVERSE, "the `undo` of an action", LOOKING | DOING | CONTROL)                           \
    X(CHANNEL, "a channel", (DOING & ~STEP(DO)) | STEP(IF))

enum block {
#define X(NAME, WORDS, STEPS) BLOCK_##NAME,
    BLOCKS(X)
#undef X
};

static const struct {
    const char *words;
    uint64_t steps;
} blocks[] = {
#define X(NAME, WORDS, STEPS) {WORDS, STEPS},
    BLOCKS(X)
#undef X
};

static uint64_t step_of(const struct rbk_tree_statement *statement)
{
    if (statement->kind == RBK_STATEMENT_VERIFY) {
        return STEP_VERIFY;
    }
    if (statement->kind == RBK_STATEMENT_ATTEST) {
        return STEP_ATTEST;
    }
    return statement->kind >= RBK_STATEMENT_LET
               ? UINT64_C(1) << (statement->kind - RBK_STATEMENT_LET)
               : 0;
}

static struct rbk_diagnostic *report(struct rbk_analysis *analysis,
                                     const struct rbk_tree_statement *statement, const char *before,
                                     const char *after)
{
    return rbk_diagnostic_error(
        &analysis->compile->diagnostics, 100, rbk_analysis_place(analysis, statement->head),
        "%s`%s` %s", before, rbk_statement_words((enum rbk_statement_kind)statement->kind), after);
}

/* What to do instead of what stands here, or NULL. */
static const char *advice(enum block block, const struct rbk_tree_statement *statement)
{
    uint64_t step = step_of(statement);
    if (step & (STEP(UNDO) | STEP(RESTORE)) && block != BLOCK_ROLLBACK) {
        return "It belongs into a `rollback`.";
    }
    if (step & STEP(NOTHING)) {
        return "It belongs into a `rollback NAME when …`.";
    }
    if (step & STEP(TAKE)) {
        return "Take backups in `prepare`.";
    }
    switch (block) {
    case BLOCK_PREPARE:
        return "Nothing takes back what is done in `prepare`: move it to `apply`.";
    case BLOCK_HOOK:
        return "Only `notify` stands in an `on` block.";
    case BLOCK_CHANNEL:
        return "A channel delivers its message: `http`, `run`, `shell`, `sql` and `redis` stand in "
               "it, and `if` around them.";
    default:
        return NULL;
    }
}

/* Steps that stand directly in their block, not inside `if`, `foreach` or `parallel`. */
#define AT_TOP (STEP(NOTHING) | STEP(UNDO_BLOCK) | STEP_VERIFY)

static void check_steps(struct rbk_analysis *analysis, const struct rbk_tree_block *list,
                        enum block block, bool top);

static void check_step(struct rbk_analysis *analysis, struct rbk_tree_statement *statement,
                       enum block block, bool top)
{
    uint64_t step = step_of(statement);
    bool allowed = (blocks[block].steps & step) != 0;
    if (block == BLOCK_PREPARE && (step & STEP(HTTP)) && !rbk_statement_is_http_read(statement)) {
        allowed = false;
    }
    if (!allowed) {
        struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
            &analysis->compile->diagnostics, 100, rbk_analysis_place(analysis, statement->head),
            "`%s` cannot stand in %s",
            rbk_statement_words((enum rbk_statement_kind)statement->kind), blocks[block].words);
        const char *help = advice(block, statement);
        if (help) {
            rbk_diagnostic_help(diagnostic, "%s", help);
        }
        statement->annotation_flags |= RBK_STATEMENT_REPORTED;
        return;
    }
    if (!top && (step & AT_TOP)) {
        report(analysis, statement, "", "stands directly in its block");
        return;
    }
    rbk_placement_check_clauses(analysis, statement, RBK_REACTS_IN_STEP);
    if (statement->kind == RBK_STATEMENT_UNDO_BLOCK) {
        if (statement->next) {
            rbk_diagnostic_help(
                report(analysis, statement->next, "", "behind the `undo` of its action"),
                "`undo` stands at the end of an action.");
        }
        check_steps(analysis, statement->block, BLOCK_INVERSE, true);
    } else if (statement->kind == RBK_STATEMENT_VERIFY) {
        check_steps(analysis, statement->block, BLOCK_VERIFY, true);
    } else {
        check_steps(analysis, statement->block, block, false);
        if (statement->kind == RBK_STATEMENT_IF) {
            check_steps(analysis, statement->else_block, block, false);
        }
    }
}

static void check_steps(struct rbk_analysis *analysis, const struct rbk_tree_block *list,
                        enum block block, bool top)
{
    for (struct rbk_tree_statement *at = list ? list->first : NULL; at; at = at->next) {
        check_step(analysis, at, block, top);
    }
}

/* ---- rollbacks, stages, backups -------------------------------------------------------------- */

static void check_rollback(struct rbk_analysis *analysis, const struct rbk_tree_statement *rollback)
{
    const struct rbk_tree_statement *verify = NULL;
    const struct rbk_tree_statement *nothing = NULL;
    bool guarded = rbk_tree_clause_find(rollback, RBK_CLAUSE_WHEN) != NULL;
    check_steps(analysis, rollback->block, BLOCK_ROLLBACK, true);
    for (const struct rbk_tree_statement *at = rollback->block->first; at; at = at->next) {
        if (at->kind == RBK_STATEMENT_NOTHING && !guarded) {
            rbk_diagnostic_help(
                report(analysis, at, "", "in a rollback without `when`"),
                "Say when there is nothing to do: `rollback NAME when COND { nothing because … }`.");
        }
        if (at->kind == RBK_STATEMENT_NOTHING) {
            nothing = at;
        } else if (nothing && rbk_statement_is_effect(at)) {
            rbk_diagnostic_label(report(analysis, at, "", "beside `nothing`"),
                                 rbk_analysis_place(analysis, nothing->head),
                                 "says that nothing is done");
        }
        if (verify && at->kind != RBK_STATEMENT_NOTIFY) {
            rbk_diagnostic_label(report(analysis, at, "", "behind the `verify` of its rollback"),
                                 rbk_analysis_place(analysis, verify->head),
                                 "what stands behind this is not verified");
        }
        if (at->kind == RBK_STATEMENT_VERIFY) {
            verify = at;
        }
    }
    if (rbk_tree_clause_find(rollback, RBK_CLAUSE_EVERY) && !guarded) {
        report(analysis, rollback, "`every` of a ", "without `when`");
    }
}

/* What `retire` cannot have: it comes once, last, and nothing takes it back. */
static void check_retire(struct rbk_analysis *analysis, const struct rbk_tree_statement *retire)
{
    for (const struct rbk_tree_statement *at = retire->block->first; at; at = at->next) {
        if (at->kind == RBK_STATEMENT_ROLLBACK || at->kind == RBK_STATEMENT_TRIGGER ||
            at->kind == RBK_STATEMENT_AFTER || at->kind == RBK_STATEMENT_ATTEMPTS) {
            rbk_diagnostic_help(report(analysis, at, "", "cannot stand in `retire`"),
                                at->kind == RBK_STATEMENT_ROLLBACK
                                    ? "What is retired is gone: there is no way back."
                                    : "`retire` runs once, after `grace`.");
        }
    }
}

/* Several `after`s add up, for other spans of time; no stage is named in two of them. */
static void check_afters(struct rbk_analysis *analysis, const struct rbk_statements *afters)
{
    struct rbk_map seen;
    rbk_map_init(&seen, &analysis->compile->arena);
    for (uint32_t i = 0; afters->count > 1 && i < afters->count; i++) {
        for (struct rbk_tree_name *name = afters->items[i]->names; name; name = name->next) {
            if (rbk_map_add(&seen, name->name->text, afters->items[i])) {
                continue;
            }
            const struct rbk_tree_statement *first = rbk_map_get(&seen, name->name->text);
            if (first == afters->items[i]) {
                continue; /* Within one `after` it was reported when the names were resolved. */
            }
            rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                                      rbk_analysis_place(analysis, name->span),
                                                      "`%.*s` is named twice",
                                                      RBK_STR_ARG(name->name->text)),
                                 rbk_analysis_place(analysis, first->head), "first named here");
        }
    }
}

void rbk_placement_check_stage(struct rbk_analysis *analysis,
                               const struct rbk_tree_statement *statement)
{
    bool retire = statement->kind == RBK_STATEMENT_RETIRE;
    const struct rbk_tree_statement *no_after = NULL;
    if (retire) {
        check_retire(analysis, statement);
    }
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        switch ((enum rbk_statement_kind)at->kind) {
        case RBK_STATEMENT_PREPARE:
            check_steps(analysis, at->block, BLOCK_PREPARE, true);
            break;
        case RBK_STATEMENT_APPLY:
            check_steps(analysis, at->block, BLOCK_APPLY, true);
            break;
        case RBK_STATEMENT_VERIFY:
            check_steps(analysis, at->block, BLOCK_VERIFY, true);
            break;
        case RBK_STATEMENT_ROLLBACK:
            check_rollback(analysis, at);
            break;
        case RBK_STATEMENT_TRIGGER:
            rbk_placement_check_trigger(analysis, at, true);
            break;
        case RBK_STATEMENT_AFTER:
            if (!at->names) {
                no_after = at;
            }
            break;
        default:
            rbk_placement_check_clauses(analysis, at,
                                        retire ? RBK_REACTS_IN_RETIRE : RBK_REACTS_IN_GATE);
            break;
        }
    }
    const struct rbk_statements *afters = &rbk_program_stage_of(statement)->afters;
    check_afters(analysis, afters);
    if (no_after && afters->count > 1) {
        report(analysis, no_after, "", "nothing beside another `after`");
    }
}

static void check_backup(struct rbk_analysis *analysis, const struct rbk_tree_statement *statement)
{
    const struct rbk_program_backup *backup = rbk_program_backup_of(statement);
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        if (at->block) {
            check_steps(analysis, at->block,
                        at->kind == RBK_STATEMENT_BACKUP_TAKE ? BLOCK_TAKE
                        : at->kind == RBK_STATEMENT_VERIFY    ? BLOCK_VERIFY
                                                              : BLOCK_RESTORE,
                        true);
        }
    }
    if (!backup->take || !backup->restore) {
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, statement->head),
                                                 "backup `%.*s` has no `%s`",
                                                 RBK_STR_ARG(statement->name->name->text),
                                                 backup->take ? "restore" : "take"),
                            "A backup says how it is taken, verified and restored.");
    }
}

static void check_lock(struct rbk_analysis *analysis, const struct rbk_tree_statement *lock)
{
    const struct rbk_tree_statement *parts[2] = {NULL, NULL};
    for (struct rbk_tree_statement *at = lock->block->first; at; at = at->next) {
        const struct rbk_tree_statement **part = &parts[at->kind == RBK_STATEMENT_RELEASE];
        if (*part) {
            rbk_diagnostic_label(report(analysis, at, "", "is given twice"),
                                 rbk_analysis_place(analysis, (*part)->head), "first given here");
        }
        *part = at;
        check_steps(analysis, at->block, BLOCK_LOCK, true);
    }
    if (!parts[0] || !parts[1]) {
        rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                                 rbk_analysis_place(analysis, lock->head),
                                                 "lock `%.*s` has no `%s`",
                                                 RBK_STR_ARG(lock->name->name->text),
                                                 parts[0] ? "release" : "acquire"),
                            "A lock says how it is acquired and how it is released.");
    }
}

/* ---- the head of a plan ---------------------------------------------------------------------- */

/* Statements a plan has once. */
static bool is_single(enum rbk_statement_kind kind)
{
    switch (kind) {
    case RBK_STATEMENT_TITLE:
    case RBK_STATEMENT_TICKET:
    case RBK_STATEMENT_OWNER:
    case RBK_STATEMENT_SERVICE:
    case RBK_STATEMENT_ESTIMATE:
    case RBK_STATEMENT_ROLLBACK_WITHIN:
    case RBK_STATEMENT_REHEARSED_WITHIN:
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_ESCALATE:
    case RBK_STATEMENT_HELD:
    case RBK_STATEMENT_RETIRE:
    case RBK_STATEMENT_OBSERVE:
    case RBK_STATEMENT_GRACE:
        return true;
    default:
        return false;
    }
}

/* Report the second and later of a list that tells the same name or thing twice. */
static void check_head_doubles(struct rbk_analysis *analysis, const struct rbk_statements *head)
{
    for (unsigned kind = 0; kind < RBK_STATEMENT_KINDS; kind++) {
        const struct rbk_statements *list = &head[kind];
        for (uint32_t i = 1; is_single((enum rbk_statement_kind)kind) && i < list->count; i++) {
            rbk_diagnostic_label(report(analysis, list->items[i], "", "is given twice"),
                                 rbk_analysis_place(analysis, list->items[0]->head),
                                 "first given here");
        }
    }
    const enum rbk_statement_kind named[] = {RBK_STATEMENT_ON, RBK_STATEMENT_BASELINE};
    for (size_t k = 0; k < RBK_COUNT(named); k++) {
        struct rbk_map seen;
        rbk_map_init(&seen, &analysis->compile->arena);
        const struct rbk_statements *list = &head[named[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            struct rbk_str name = list->items[i]->name->name->text;
            if (rbk_map_add(&seen, name, list->items[i])) {
                continue;
            }
            const struct rbk_tree_statement *first = rbk_map_get(&seen, name);
            rbk_diagnostic_label(report(analysis, list->items[i], "", "is given twice"),
                                 rbk_analysis_place(analysis, first->head), "first given here");
        }
    }
}

/* A plan without a stage would be carried out by doing nothing, and be called completed. */
static void check_stages(struct rbk_analysis *analysis, const struct rbk_program *program)
{
    if (program->head[RBK_STATEMENT_STAGE].count != 0) {
        return;
    }
    rbk_diagnostic_help(
        rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                             rbk_analysis_place(analysis, program->plan->head),
                             "plan `%.*s` has no stage: there is nothing to carry out",
                             RBK_STR_ARG(program->plan->name->name->text)),
        "Add `stage NAME \"What it does\" { … }` with an `apply`, a `verify` and a `rollback`.");
}

/* What there may be only so much of. */
static void check_limits(struct rbk_analysis *analysis, const struct rbk_program *program)
{
    const struct {
        const struct rbk_statements *list;
        size_t most;
        const char *words;
    } limits[] = {
        {&program->head[RBK_STATEMENT_PARAM], RBK_PARAMETERS_MAX, "params"},
        {&program->head[RBK_STATEMENT_PROBE], RBK_PROBES_MAX, "probes"},
        {&program->head[RBK_STATEMENT_ABORT_WHEN], RBK_TRIGGERS_MAX, "abort criteria"},
        {&program->triggers, RBK_TRIGGERS_MAX, "triggers"},
    };
    for (size_t i = 0; i < RBK_COUNT(limits); i++) {
        if (limits[i].list->count > limits[i].most) {
            rbk_diagnostic_error(
                &analysis->compile->diagnostics, 170,
                rbk_analysis_place(analysis, limits[i].list->items[limits[i].most]->head),
                "more than %zu %s", limits[i].most, limits[i].words);
        }
    }
}

static void check_head(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_BACKUP:
        check_backup(analysis, statement);
        break;
    case RBK_STATEMENT_LOCK:
        check_lock(analysis, statement);
        break;
    case RBK_STATEMENT_ON:
        check_steps(analysis, statement->block, BLOCK_HOOK, true);
        break;
    case RBK_STATEMENT_TRIGGER:
        rbk_placement_check_trigger(analysis, statement, false);
        break;
    case RBK_STATEMENT_SEVERITY:
        rbk_placement_check_clauses(analysis, statement, RBK_REACTS_IN_SEVERITY);
        break;
    case RBK_STATEMENT_HELD:
        rbk_placement_check_clauses(analysis, statement, RBK_REACTS_IN_HELD);
        break;
    case RBK_STATEMENT_PROBE:
        rbk_placement_check_probe(analysis, statement);
        break;
    default:
        rbk_placement_check_clauses(analysis, statement, RBK_REACTS_IN_GATE);
        break;
    }
}

static void check_callables(struct rbk_analysis *analysis, const struct rbk_statements *statements,
                            enum block block)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        check_steps(analysis, statements->items[i]->block, block, true);
    }
}

void rbk_placement_check(struct rbk_analysis *analysis)
{
    const struct rbk_program *program = &analysis->compile->program;
    for (uint32_t i = 0; i < program->file_count; i++) {
        analysis->file = program->files[i];
        check_callables(analysis, &program->files[i]->actions, BLOCK_ACTION);
        check_callables(analysis, &program->files[i]->channels, BLOCK_CHANNEL);
    }
    analysis->file = program->files[0];
    if (!program->plan) {
        return;
    }
    check_stages(analysis, program);
    check_limits(analysis, program);
    check_head_doubles(analysis, program->head);
    struct rbk_tree_statement *at = rbk_head_first(program->plan);
    for (; at; at = rbk_head_next(at)) {
        check_head(analysis, at);
    }
}
