/*
 * One step: its limit, its attempts, what it takes to stop it, and the question when nobody knows
 * whether it happened. What happens at its end is the core's: step_region.c (retries, doubt) and
 * check.c (readings); how long drivers take is core/stop_times.h.
 *
 *   attempt -> timeout -> stopped -> delay -> attempt … -> timeout -> stopped
 *
 * A request to a server (http, redis) that is neither a reading nor idempotent is in doubt whenever
 * it is cut off: it is looked for by `done when`, and done again at most twice more than the
 * retries that are written, unless it was told to stop; or a person is asked. That a look cannot
 * tell, so that a person is asked after all, is not counted.
 */
#include "compiler/rules/facts.h"
#include "compiler/times/walk.h"
#include "compiler/typing.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/stop_times.h"

/* What lowering and the executor give to what says nothing itself. */
#define EVERY_MS 1000u        /* between two attempts */
#define UNLIMITED_MS 3600000u /* an effect that no rule lets through; a person who is asked */

/* ---- readings -------------------------------------------------------------------------------- */

static uint64_t reads_of(struct rbk_times *times, const struct rbk_tree_expr *expr);

/* In an expression and those after it. */
static uint64_t reads_of_all(struct rbk_times *times, const struct rbk_tree_expr *expr)
{
    uint64_t count = 0;
    for (; expr; expr = expr->next) {
        count = rbk_worst_add_ms(count, reads_of(times, expr));
    }
    return count;
}

static uint64_t reads_of_declared(struct rbk_times *times, const struct rbk_declaration *reading)
{
    const struct rbk_times_known *known =
        rbk_times_known_of(times, reading->statement, false, false);
    if (known) {
        return known->worst.ok_ms;
    }
    /* Entered first: a reading that reads itself has been reported, and must end here all the same.
     */
    rbk_times_known_of(times, reading->statement, false, true)->worst.ok_ms = 0;
    uint64_t count = reads_of(times, reading->statement->value);
    rbk_times_known_of(times, reading->statement, false, true)->worst.ok_ms = count;
    return count;
}

static uint64_t reads_of_call(struct rbk_times *times, const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    const struct rbk_tree_parameter *parameters = NULL;
    uint64_t count = builtin && builtin->kind == RBK_BUILTIN_READING ? 1 : 0;
    if (call->ref && call->ref->kind == RBK_DECLARATION_READING) {
        parameters = call->ref->statement->parameters;
        count = reads_of_declared(times, call->ref);
    }
    for (const struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        /* An argument is put where its parameter stands, as often as it does. */
        const struct rbk_tree_parameter *parameter = parameters;
        for (uint32_t i = 0; parameter && i < at->index; i++) {
            parameter = parameter->next;
        }
        uint64_t uses = parameter && parameter->declaration ? parameter->declaration->uses : 1;
        count = rbk_worst_add_ms(
            count, rbk_worst_times_ms(reads_of(times, at->value), uses > 1 ? uses : 1));
    }
    return count;
}

/* How many readings of the outside an expression takes, one after the other. */
static uint64_t reads_of(struct rbk_times *times, const struct rbk_tree_expr *expr)
{
    if (!expr) {
        return 0;
    }
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_CALL:
        return reads_of_call(times, expr);
    case RBK_EXPR_NAME: /* a step reads what the probe reads, and does not wait for its slot */
        return expr->ref && expr->ref->kind == RBK_DECLARATION_PROBE
                   ? reads_of_declared(times, expr->ref)
                   : 0;
    case RBK_EXPR_STRING:
        return expr->has_parts ? reads_of_all(times, expr->parts) : 0;
    case RBK_EXPR_LIST:
        return reads_of_all(times, expr->items);
    case RBK_EXPR_BINARY:
        return rbk_worst_add_ms(reads_of(times, expr->left), reads_of(times, expr->right));
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
    case RBK_EXPR_FILE:
        return reads_of(times, expr->left);
    default:
        return 0;
    }
}

static struct rbk_str print(struct rbk_times_walk *walk, const char *before, uint64_t ms)
{
    char text[RBK_TIMES_TEXT_BYTES];
    return rbk_arena_printf(walk->times->arena, "%s%s", before, rbk_times_text(ms, text));
}

/* A reading without a limit of its own. @attempts, @delay_ms Of its `retry`. */
static struct rbk_worst open_reading(struct rbk_times_walk *walk,
                                     const struct rbk_tree_statement *statement, uint64_t reads,
                                     uint64_t attempts, uint64_t delay_ms)
{
    if (walk->limited) {
        rbk_times_share(walk, RBK_SHARE_REST, statement, 0, RBK_STR("what remains of the block"));
        return rbk_worst_open(0, RBK_STOP_READING_MS);
    }
    uint64_t ms = rbk_worst_add_ms(
        rbk_worst_times_ms(rbk_worst_times_ms(reads, RBK_READING_MS_MAX), attempts),
        rbk_worst_times_ms(delay_ms, attempts - 1));
    rbk_times_share(walk, RBK_SHARE_STEP, statement, ms,
                    walk->path ? print(walk, "readings of at most ", RBK_READING_MS_MAX)
                               : RBK_STR(""));
    return rbk_worst_of(ms);
}

struct rbk_worst rbk_times_hoisted(struct rbk_times_walk *walk,
                                   const struct rbk_tree_statement *statement,
                                   const struct rbk_tree_expr *value)
{
    uint64_t reads = reads_of(walk->times, value);
    return reads ? open_reading(walk, statement, reads, 1, 0) : (struct rbk_worst){0};
}

struct rbk_worst rbk_times_test(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement,
                                const struct rbk_tree_expr *condition)
{
    uint32_t mark = rbk_times_mark(walk);
    struct rbk_worst worst = {0};
    if (statement->kind == RBK_STATEMENT_ROLLBACK && !walk->limited &&
        reads_of(walk->times, condition)) {
        worst = rbk_worst_of(RBK_READING_MS_MAX); /* lowering gives the whole `when` so long */
        rbk_times_share(walk, RBK_SHARE_STEP, statement, RBK_READING_MS_MAX, RBK_STR(""));
    } else {
        worst = rbk_times_hoisted(walk, statement, condition);
    }
    if (walk->path && mark < walk->path->count && statement->kind == RBK_STATEMENT_ROLLBACK) {
        walk->path->items[mark].how = walk->limited
                                          ? RBK_STR("its `when`, what remains of the block")
                                          : RBK_STR("its `when`");
    }
    return worst;
}

/* What a step's texts read before it can begin. */
static struct rbk_worst hoisted_texts(struct rbk_times_walk *walk,
                                      const struct rbk_tree_statement *statement)
{
    struct rbk_worst worst = rbk_times_hoisted(walk, statement, statement->value);
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        switch ((enum rbk_clause_kind)at->kind) {
        case RBK_CLAUSE_IN:
        case RBK_CLAUSE_STDIN:
        case RBK_CLAUSE_JSON:
        case RBK_CLAUSE_BODY:
        case RBK_CLAUSE_HEADER:
        case RBK_CLAUSE_CANCEL:
            worst = rbk_worst_then(worst, rbk_times_hoisted(walk, statement, at->value));
            break;
        case RBK_CLAUSE_ENV:
            for (const struct rbk_tree_argument *a = at->arguments; a; a = a->next) {
                worst = rbk_worst_then(worst, rbk_times_hoisted(walk, statement, a->value));
            }
            break;
        default:
            break;
        }
    }
    return worst;
}

/* ---- durations ------------------------------------------------------------------------------- */

static void assume(struct rbk_times *times, struct rbk_tree_statement *param)
{
    for (uint32_t i = 0; i < times->assumed.count; i++) {
        if (times->assumed.items[i] == param) {
            return;
        }
    }
    rbk_statements_add(times->arena, &times->assumed, param);
}

/* The argument given for a parameter in the innermost call that has it. */
static const struct rbk_tree_expr *argument_of(struct rbk_times *times,
                                               const struct rbk_declaration *declaration,
                                               const struct rbk_times_frame **frame)
{
    for (const struct rbk_times_frame *at = *frame; at; at = at->outer) {
        uint32_t index = 0;
        const struct rbk_tree_parameter *parameter = rbk_call_parameters(at->call);
        for (; parameter; parameter = parameter->next, index++) {
            if (parameter->declaration == declaration) {
                times->bound++;
                *frame = at->outer;
                return rbk_call_value(at->call, index);
            }
        }
    }
    return NULL;
}

/* The value of a duration that is known before the run. False: only the run knows it. */
static bool duration_of(struct rbk_times *times, const struct rbk_tree_expr *expr,
                        const struct rbk_times_frame *frame, uint64_t *ret_ms)
{
    struct rbk_declaration *ref = expr ? expr->ref : NULL;
    if (expr && expr->kind == RBK_EXPR_DURATION) {
        *ret_ms = (uint64_t)expr->number;
        return true;
    }
    if (!expr || expr->kind != RBK_EXPR_NAME || !ref) {
        return false;
    }
    if (ref->kind == RBK_DECLARATION_PARAM && ref->statement->value) {
        assume(times, ref->statement);
        return duration_of(times, ref->statement->value, NULL, ret_ms);
    }
    if (ref->kind == RBK_DECLARATION_PARAMETER) {
        const struct rbk_tree_expr *value = argument_of(times, ref, &frame);
        return duration_of(times, value, frame, ret_ms);
    }
    return false;
}

/* ---- effects --------------------------------------------------------------------------------- */

/* A clause of the step; when it says nothing, of the innermost call around it that does. */
static const struct rbk_tree_clause *clause_of(const struct rbk_times_walk *walk,
                                               const struct rbk_tree_statement *statement,
                                               enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, kind);
    const struct rbk_times_around *around =
        statement->kind == RBK_STATEMENT_CAPTURE_RUN ? NULL : walk->around;
    for (; !clause && around; around = around->outer) {
        clause = rbk_tree_clause_find(around->statement, kind);
    }
    return clause;
}

static uint64_t duration_clause(const struct rbk_tree_statement *statement,
                                enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, kind);
    return clause ? rbk_clause_duration_ms(clause) : 0;
}

/* The connection's kinds, as a mask: a parameter may stand for several. */
static unsigned kinds_of(const struct rbk_tree_statement *statement)
{
    const struct rbk_declaration *ref = statement->name ? statement->name->ref : NULL;
    return ref && ref->typing.type == RBK_TYPING_CONNECTION ? ref->typing.element
                                                            : RBK_CONNECTIONS_SQL;
}

static uint64_t dead_ms_of(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_CAPTURE_RUN:
        return rbk_tree_clause_find(statement, RBK_CLAUSE_CANCEL) ? RBK_STOP_EXEC_WITH_CANCEL_MS
                                                                  : RBK_STOP_EXEC_MS;
    case RBK_STATEMENT_SQL:
        return kinds_of(statement) & RBK_CONNECTION_BIT(RBK_CONNECTION_SQLITE)
                   ? RBK_STOP_SQLITE_MS
                   : RBK_STOP_POSTGRES_MS;
    default:
        return RBK_STOP_REQUEST_MS;
    }
}

static uint64_t held_ms(const struct rbk_program *program)
{
    const struct rbk_tree_statement *held = rbk_program_head(program, RBK_STATEMENT_HELD);
    return held && held->value && held->value->kind == RBK_EXPR_DURATION
               ? (uint64_t)held->value->number
               : UNLIMITED_MS;
}

/* How long those are asked, one after the other, whom a reaction asks. */
static uint64_t asked_ms(const struct rbk_tree_reaction *reaction)
{
    uint64_t ms = 0;
    for (; reaction && reaction->kind == RBK_REACTION_ASK; reaction = reaction->otherwise) {
        ms = rbk_worst_add_ms(ms, reaction->has_within ? reaction->within_ms : UNLIMITED_MS);
    }
    return ms;
}

/* What happens when nobody knows whether it happened. */
static void doubt(const struct rbk_times_walk *walk, const struct rbk_tree_statement *statement,
                  struct rbk_worst_effect *effect)
{
    const struct rbk_tree_clause *ask = clause_of(walk, statement, RBK_CLAUSE_IN_DOUBT);
    const struct rbk_tree_clause *done = clause_of(walk, statement, RBK_CLAUSE_DONE_WHEN);
    bool again = clause_of(walk, statement, RBK_CLAUSE_IDEMPOTENT) != NULL;
    bool request =
        statement->kind == RBK_STATEMENT_REDIS ||
        (statement->kind == RBK_STATEMENT_HTTP && !rbk_statement_is_http_read(statement));
    if (again || (done && !request)) {
        return;
    }
    if (ask && !done) {
        effect->asked_ms = asked_ms(ask->reaction);
    } else if (request) {
        effect->looks = done != NULL;
        effect->asked_ms = done ? 0 : held_ms(walk->times->program);
    }
    if (effect->looks) {
        effect->look_ms = rbk_stop_look_ms(effect->timeout_ms, reads_of(walk->times, done->value));
    }
}

static struct rbk_worst_effect effect_of(const struct rbk_times_walk *walk,
                                         const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *retry = clause_of(walk, statement, RBK_CLAUSE_RETRY);
    const struct rbk_tree_clause *every = clause_of(walk, statement, RBK_CLAUSE_EVERY);
    struct rbk_worst_effect effect = {
        .timeout_ms = duration_clause(statement, RBK_CLAUSE_TIMEOUT),
        .attempts = 1,
        .dead_ms = dead_ms_of(statement),
    };
    if (retry) {
        effect.attempts = rbk_clause_count(retry) + 1;
        effect.delay_ms = every ? rbk_clause_duration_ms(every) : EVERY_MS;
    }
    if (!effect.timeout_ms && !walk->limited) {
        effect.timeout_ms = UNLIMITED_MS;
    }
    doubt(walk, statement, &effect);
    return effect;
}

static struct rbk_str how_of(struct rbk_times_walk *walk, const struct rbk_worst_effect *effect)
{
    char timeout[RBK_TIMES_TEXT_BYTES];
    char delay[RBK_TIMES_TEXT_BYTES];
    if (!walk->path) {
        return RBK_STR("");
    }
    rbk_times_text(effect->timeout_ms, timeout);
    if (effect->looks || effect->attempts == 1) {
        return rbk_arena_printf(walk->times->arena, "timeout %s%s", timeout,
                                effect->looks      ? ", and again while `done when` says no"
                                : effect->asked_ms ? ", and its question in doubt"
                                                   : "");
    }
    return rbk_arena_printf(walk->times->arena, "%llu attempts of %s, %s apart",
                            (unsigned long long)effect->attempts, timeout,
                            rbk_times_text(effect->delay_ms, delay));
}

static struct rbk_worst effect_step(struct rbk_times_walk *walk,
                                    const struct rbk_tree_statement *statement)
{
    struct rbk_worst before = hoisted_texts(walk, statement);
    struct rbk_worst_effect effect = effect_of(walk, statement);
    struct rbk_worst worst = rbk_worst_of_effect(&effect);
    if (effect.timeout_ms) {
        rbk_times_share(walk, RBK_SHARE_STEP, statement,
                        walk->by_needs ? worst.needs_ms : worst.ok_ms, how_of(walk, &effect));
    } else {
        rbk_times_share(walk, RBK_SHARE_REST, statement, 0, RBK_STR("what remains of the block"));
    }
    if (worst.stop_ms) {
        worst.stop_by = statement;
        worst.stop_source = walk->source;
    }
    return rbk_worst_then(before, worst);
}

/* ---- readings as steps, waits, questions ----------------------------------------------------- */

static struct rbk_worst limited_step(struct rbk_times_walk *walk,
                                     const struct rbk_tree_statement *statement, uint64_t ms,
                                     const char *how)
{
    rbk_times_share(walk, RBK_SHARE_STEP, statement, ms,
                    walk->path ? print(walk, how, ms) : RBK_STR(""));
    return rbk_worst_of(ms);
}

/* How long a question may take, with those it is put to after the first. */
static uint64_t question_ms(const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *otherwise = rbk_tree_clause_find(statement, RBK_CLAUSE_ELSE);
    return rbk_worst_add_ms(duration_clause(statement, RBK_CLAUSE_WITHIN),
                            asked_ms(otherwise ? otherwise->reaction : NULL));
}

/* By hand: each of those who are asked to do it may be silent, and then those are asked who may
 * know whether it was done. */
static struct rbk_worst manual_step(struct rbk_times_walk *walk,
                                    const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *ask = rbk_tree_clause_find(statement, RBK_CLAUSE_IN_DOUBT);
    const struct rbk_tree_clause *otherwise = rbk_tree_clause_find(statement, RBK_CLAUSE_ELSE);
    uint64_t within_ms = question_ms(statement);
    if (!ask) {
        return limited_step(walk, statement, within_ms, "a person, within ");
    }
    uint64_t doubt_ms = asked_ms(ask->reaction);
    struct rbk_worst worst = rbk_worst_of(rbk_worst_add_ms(within_ms, doubt_ms));
    const struct rbk_tree_reaction *on = otherwise ? otherwise->reaction : NULL;
    for (; on && on->kind == RBK_REACTION_ASK; on = on->otherwise) {
        worst.ok_ms = rbk_worst_add_ms(worst.ok_ms, doubt_ms);
    }
    worst.needs_ms = within_ms;
    worst.end_ms = worst.ok_ms;
    worst.stop_ms = doubt_ms;
    worst.stop_by = statement;
    worst.stop_source = walk->source;
    rbk_times_share(walk, RBK_SHARE_STEP, statement, walk->by_needs ? within_ms : worst.ok_ms,
                    RBK_STR("a person, and its question in doubt"));
    return worst;
}

static struct rbk_worst reading_step(struct rbk_times_walk *walk,
                                     const struct rbk_tree_statement *statement)
{
    uint64_t timeout_ms = duration_clause(statement, RBK_CLAUSE_TIMEOUT);
    uint64_t for_ms = duration_clause(statement, RBK_CLAUSE_FOR);
    const struct rbk_tree_clause *retry = rbk_tree_clause_find(statement, RBK_CLAUSE_RETRY);
    uint64_t every_ms = duration_clause(statement, RBK_CLAUSE_EVERY);
    if (timeout_ms) {
        return limited_step(walk, statement, timeout_ms, "timeout ");
    }
    if (statement->kind == RBK_STATEMENT_WAIT_UNTIL || for_ms) {
        if (!walk->limited) {
            return limited_step(walk, statement, UNLIMITED_MS, "no limit, ");
        }
        rbk_times_share(walk, RBK_SHARE_REST, statement, for_ms,
                        for_ms && walk->path ? print(walk, "for ", for_ms)
                                             : RBK_STR("what remains of the block"));
        return rbk_worst_open(for_ms, RBK_STOP_READING_MS);
    }
    return open_reading(walk, statement,
                        walk->limited ? 1 : reads_of(walk->times, statement->value),
                        retry ? rbk_clause_count(retry) + 1 : 1, every_ms ? every_ms : EVERY_MS);
}

static struct rbk_worst wait_step(struct rbk_times_walk *walk,
                                  const struct rbk_tree_statement *statement)
{
    uint64_t ms = 0;
    if (duration_of(walk->times, statement->value, walk->frame, &ms)) {
        return limited_step(walk, statement, ms, "wait ");
    }
    if (!walk->limited) {
        return limited_step(walk, statement, UNLIMITED_MS, "known only to the run, taken as ");
    }
    rbk_times_share(walk, RBK_SHARE_REST, statement, 0, RBK_STR("what remains of the block"));
    return rbk_worst_open(0, RBK_STOP_READING_MS);
}

struct rbk_worst rbk_times_leaf(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement)
{
    uint32_t mark = rbk_times_mark(walk);
    struct rbk_worst worst = {0};
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_LET:
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_CAPTURE:
    case RBK_STATEMENT_WAIT_UNTIL:
        worst = reading_step(walk, statement);
        break;
    case RBK_STATEMENT_WAIT:
        worst = wait_step(walk, statement);
        break;
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_CAPTURE_RUN:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_HTTP:
    case RBK_STATEMENT_REDIS:
        worst = effect_step(walk, statement);
        break;
    case RBK_STATEMENT_MANUAL:
        worst = manual_step(walk, statement);
        break;
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
        worst = limited_step(walk, statement, question_ms(statement), "a person, within ");
        break;
    case RBK_STATEMENT_NOTIFY:
        worst = rbk_times_hoisted(walk, statement, statement->value);
        break;
    default:
        break;
    }
    if (walk->passes || rbk_tree_clause_find(statement, RBK_CLAUSE_OPTIONAL)) {
        worst = rbk_worst_passed(worst);
        if (!walk->by_needs) {
            rbk_times_share_stop(walk, mark, worst.ok_ms);
        }
    }
    return worst;
}
