/*
 * Steps that are one effect: what is carried out, with which arguments, for how long, how often,
 * and how a resumed run learns what happened to it.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/stop_times.h"

/* A reading may take this long where nothing else is said. */
/* Between two readings of a `for`, a retry or a `wait until`, where nothing else is said. */
#define EVERY_MS_DEFAULT 1000u

bool rbk_lower_is_effect(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_LET:
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_REDIS:
    case RBK_STATEMENT_HTTP:
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_WAIT:
    case RBK_STATEMENT_WAIT_UNTIL:
    case RBK_STATEMENT_NOTIFY:
    case RBK_STATEMENT_CAPTURE:
    case RBK_STATEMENT_CAPTURE_RUN:
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_NOTHING:
        return true;
    default:
        return false;
    }
}

/* ---- clauses --------------------------------------------------------------------------------- */

static bool changes(enum rbk_effect_kind kind)
{
    return kind == RBK_EFFECT_RUN || kind == RBK_EFFECT_SHELL || kind == RBK_EFFECT_SQL ||
           kind == RBK_EFFECT_HTTP || kind == RBK_EFFECT_REDIS;
}

/* A clause of the step; when it says nothing, of the innermost `do`, `take` or `restore` around it
 * that does. */
static const struct rbk_tree_clause *clause_of(const struct rbk_context *context,
                                               const struct rbk_tree_statement *statement,
                                               enum rbk_effect_kind effect,
                                               enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, kind);
    if (context == NULL || !changes(effect)) {
        return clause;
    }
    const struct rbk_inherited *around = context->inherited;
    for (; clause == NULL && around != NULL; around = around->outer) {
        clause = rbk_tree_clause_find(around->statement, kind);
    }
    return clause;
}

static uint64_t duration_of(const struct rbk_tree_statement *statement, enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, kind);
    return clause == NULL ? 0 : rbk_clause_duration_ms(clause);
}

struct rbk_effect rbk_lower_effect_row(struct rbk_lower *lower, enum rbk_effect_kind kind,
                                       struct rbk_span span)
{
    return (struct rbk_effect){
        .kind = kind,
        .args = {lower->builder.machine->arg_count, 0},
        .connection = RBK_NONE,
        .condition = RBK_NONE,
        .done_when = RBK_NONE,
        .doubt_question = RBK_NONE,
        .question = RBK_NONE,
        .channel = RBK_NONE,
        .into = RBK_NONE,
        .crash = RBK_CRASH_AGAIN,
        .idempotent = true,
        .place = rbk_lower_machine_place(lower, span),
    };
}

/* The question of a step that may or may not have happened. @clause  NULL: nobody said whom to ask,
 * so anybody may answer. */
static uint32_t doubt_question(struct rbk_lower *lower, const struct rbk_tree_clause *clause,
                               const struct rbk_effect *effect, struct rbk_span span)
{
    const struct rbk_tree_reaction *reaction = clause != NULL ? clause->reaction : NULL;
    uint32_t text = rbk_lower_constant_text(
        lower, effect->text); /* "did it happen?" is said by those who ask */
    if (reaction != NULL && reaction->kind != RBK_REACTION_ASK) {
        rbk_lower_refuse(lower, clause->span, "`in doubt` with anything but a question");
    }
    uint32_t otherwise = rbk_lower_asked_on(lower, reaction != NULL ? reaction->otherwise : NULL,
                                            RBK_QUESTION_DOUBT, text);
    return rbk_lower_question(lower, RBK_QUESTION_DOUBT, text,
                              reaction != NULL ? reaction->roles : NULL,
                              reaction != NULL && reaction->four_eyes,
                              reaction != NULL ? reaction->within_ms : 0, otherwise, span);
}

/* How a resumed run learns what happened to a step that changes something. */
static void crash_rule(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_tree_statement *statement, struct rbk_effect *effect)
{
    const struct rbk_tree_clause *done =
        clause_of(context, statement, effect->kind, RBK_CLAUSE_DONE_WHEN);
    const struct rbk_tree_clause *ask =
        clause_of(context, statement, effect->kind, RBK_CLAUSE_IN_DOUBT);
    bool again = clause_of(context, statement, effect->kind, RBK_CLAUSE_IDEMPOTENT) != NULL;
    effect->idempotent = again;
    if (effect->kind == RBK_EFFECT_SQL && !effect->autocommit) {
        /* The server knows; where it cannot be asked any more, what the plan says does. */
        effect->crash = RBK_CRASH_TRANSACTION;
        if (done != NULL) {
            effect->done_when = rbk_lower_condition(lower, done->value, effect->timeout_ms);
        }
        if (ask != NULL) {
            effect->doubt_question = doubt_question(lower, ask, effect, statement->head);
        }
    } else if (effect->kind == RBK_EFFECT_HTTP && rbk_statement_is_http_read(statement)) {
        effect->idempotent = true;
        effect->crash = RBK_CRASH_AGAIN;
    } else if (again || context == NULL) { /* a message is sent at least once, with its key */
        effect->crash = RBK_CRASH_AGAIN;
    } else if (done != NULL) {
        effect->crash = RBK_CRASH_LOOK;
        effect->done_when = rbk_lower_condition(lower, done->value, effect->timeout_ms);
    } else if (ask != NULL) {
        effect->crash = RBK_CRASH_ASK;
        effect->doubt_question = doubt_question(lower, ask, effect, statement->head);
    } else if (effect->kind == RBK_EFFECT_RUN || effect->kind == RBK_EFFECT_SHELL ||
               effect->kind == RBK_EFFECT_CAPTURE_RUN) {
        effect->crash = RBK_CRASH_ATTACH;
    } else {
        /* RBK120 demands one of the above; where it was allowed, a person is asked. */
        effect->crash = RBK_CRASH_ASK;
        effect->doubt_question = doubt_question(lower, NULL, effect, statement->head);
    }
}

static void general_clauses(struct rbk_lower *lower, const struct rbk_context *context,
                            const struct rbk_tree_statement *statement, struct rbk_effect *effect)
{
    const struct rbk_tree_clause *retry =
        clause_of(context, statement, effect->kind, RBK_CLAUSE_RETRY);
    const struct rbk_tree_clause *every =
        clause_of(context, statement, effect->kind, RBK_CLAUSE_EVERY);
    const struct rbk_tree_clause *optional = rbk_tree_clause_find(statement, RBK_CLAUSE_OPTIONAL);
    effect->timeout_ms = duration_of(statement, RBK_CLAUSE_TIMEOUT);
    if (retry != NULL) {
        effect->retry_count = (uint32_t)rbk_clause_count(retry);
        effect->retry_every_ms = every != NULL ? rbk_clause_duration_ms(every) : EVERY_MS_DEFAULT;
    }
    if (optional != NULL) {
        effect->optional = true;
        effect->because = rbk_lower_literal(lower, optional->value, "a reason");
    }
    effect->text = rbk_lower_statement_text(lower, statement);
}

void rbk_lower_effect_into(struct rbk_lower *lower, const struct rbk_context *context,
                           const struct rbk_tree_statement *statement, struct rbk_effect *effect)
{
    const struct rbk_tree_clause *into = rbk_tree_clause_find(statement, RBK_CLAUSE_INTO);
    if (statement->kind == RBK_STATEMENT_LET) {
        effect->into = rbk_lower_slot(lower, context, statement->declaration);
    } else if (into != NULL) {
        effect->into = rbk_lower_slot(lower, context, into->name->ref);
    }
}

/* ---- arguments by kind ----------------------------------------------------------------------- */

static void literal_argument(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                             enum rbk_clause_kind clause_kind, enum rbk_arg_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, clause_kind);
    if (clause != NULL) {
        rbk_lower_arg_text(lower, kind, RBK_STR(""), clause->value);
    }
}

static void expect_arguments(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, RBK_CLAUSE_EXPECT);
    if (clause == NULL) {
        return;
    }
    for (const struct rbk_tree_expr *item = clause->value; item != NULL; item = item->next) {
        uint32_t expr = rbk_lower_constant(lower, rbk_value_integer(RBK_TYPE_INT, item->number));
        rbk_builder_push_arg(&lower->builder, (struct rbk_arg){RBK_ARG_EXPECT, RBK_STR(""), expr});
    }
}

/* What the clauses of a command add. */
static void command_arguments(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                              struct rbk_effect *effect)
{
    const struct rbk_tree_clause *using = rbk_tree_clause_find(statement, RBK_CLAUSE_USING);
    const struct rbk_tree_clause *cancel = rbk_tree_clause_find(statement, RBK_CLAUSE_CANCEL);
    const struct rbk_tree_clause *env = rbk_tree_clause_find(statement, RBK_CLAUSE_ENV);
    literal_argument(lower, statement, RBK_CLAUSE_IN, RBK_ARG_DIRECTORY);
    for (const struct rbk_tree_argument *a = env != NULL ? env->arguments : NULL; a != NULL;
         a = a->next) {
        rbk_lower_arg_text(lower, RBK_ARG_ENVIRONMENT, a->name->name->text, a->value);
    }
    literal_argument(lower, statement, RBK_CLAUSE_STDIN, RBK_ARG_STDIN);
    expect_arguments(lower, statement);
    if (cancel != NULL) {
        rbk_lower_arg_words(lower, RBK_ARG_CANCEL_WORD, true, cancel->value);
    }
    if (using != NULL) {
        effect->connection = rbk_lower_connection(lower, using->name);
    }
}

static void http_arguments(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *json = rbk_tree_clause_find(statement, RBK_CLAUSE_JSON);
    rbk_lower_arg_constant(lower, RBK_ARG_METHOD, statement->name->name->text);
    rbk_lower_arg_url(lower, statement->value);
    const struct rbk_tree_clause *header = rbk_tree_clause_find(statement, RBK_CLAUSE_HEADER);
    for (; header != NULL; header = rbk_tree_clause_next(header)) {
        rbk_lower_arg_text(lower, RBK_ARG_HEADER,
                           rbk_lower_literal(lower, header->second, "a header's name"),
                           header->value);
    }
    if (json != NULL) {
        rbk_lower_arg_json(lower, json->value);
    }
    literal_argument(lower, statement, RBK_CLAUSE_BODY, RBK_ARG_BODY);
    expect_arguments(lower, statement);
}

/* A gate or a step that a person answers. */
static void question_effect(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                            enum rbk_question_kind kind, struct rbk_effect *effect)
{
    const struct rbk_tree_clause *otherwise = rbk_tree_clause_find(statement, RBK_CLAUSE_ELSE);
    uint32_t text = RBK_NONE;
    if (statement->text != NULL) {
        text = rbk_lower_text(lower, statement->text);
    } else {
        const struct rbk_tree_statement *stage = statement->parent;
        struct rbk_str title = stage != NULL && stage->text != NULL && !stage->text->has_parts
                                   ? stage->text->text
                                   : RBK_STR("");
        struct rbk_str name =
            stage != NULL && stage->name != NULL ? stage->name->name->text : RBK_STR("retire");
        text = rbk_lower_constant_text(
            lower,
            rbk_arena_printf(lower->builder.arena, "Go ahead with %.*s%s%.*s?", RBK_STR_ARG(name),
                             name.bytes && title.bytes ? ": " : "", RBK_STR_ARG(title)));
    }
    effect->question = rbk_lower_question(
        lower, kind, text, statement->names,
        rbk_tree_clause_find(statement, RBK_CLAUSE_FOUR_EYES) != NULL,
        duration_of(statement, RBK_CLAUSE_WITHIN),
        rbk_lower_asked_on(lower, otherwise != NULL ? otherwise->reaction : NULL, kind, text),
        statement->head);
    effect->crash = RBK_CRASH_DURABLE;
}

/* How long between two readings of what is read again and again. */
static uint64_t every_ms_of(const struct rbk_lower *lower,
                            const struct rbk_tree_statement *statement)
{
    uint64_t every_ms = duration_of(statement, RBK_CLAUSE_EVERY);
    uint64_t probe_ms = lower->probe_every_ms;
    return every_ms > 0 ? every_ms : probe_ms > 0 ? probe_ms : EVERY_MS_DEFAULT;
}

/* `done when` of what a person does: looked at while the question is open. */
static void looked_for(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                       struct rbk_effect *effect)
{
    const struct rbk_tree_clause *done = rbk_tree_clause_find(statement, RBK_CLAUSE_DONE_WHEN);
    if (done != NULL) {
        effect->done_when = rbk_lower_condition(lower, done->value, 0);
        effect->every_ms = every_ms_of(lower, statement);
    }
}

static void reading_effect(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                           struct rbk_effect *effect)
{
    const struct rbk_tree_clause *progress = rbk_tree_clause_find(statement, RBK_CLAUSE_PROGRESS);
    effect->for_ms = duration_of(statement, RBK_CLAUSE_FOR);
    effect->condition = rbk_lower_condition(lower, statement->value, effect->timeout_ms);
    bool repeats = effect->kind == RBK_EFFECT_WAIT_UNTIL || effect->kind == RBK_EFFECT_CHECK ||
                   effect->for_ms > 0;
    if (repeats) {
        effect->every_ms = every_ms_of(lower, statement);
    }
    if (progress != NULL) {
        uint32_t expr = rbk_lower_condition(lower, progress->value, effect->timeout_ms);
        rbk_builder_push_arg(&lower->builder,
                             (struct rbk_arg){RBK_ARG_PROGRESS, RBK_STR(""), expr});
    }
}

static void label_argument(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    rbk_lower_arg_text(lower, RBK_ARG_LABEL, RBK_STR(""), statement->text);
}

static enum rbk_effect_kind kind_of(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_LET:
        return RBK_EFFECT_LET;
    case RBK_STATEMENT_RUN:
        return RBK_EFFECT_RUN;
    case RBK_STATEMENT_SHELL:
        return RBK_EFFECT_SHELL;
    case RBK_STATEMENT_SQL:
        return RBK_EFFECT_SQL;
    case RBK_STATEMENT_REDIS:
        return RBK_EFFECT_REDIS;
    case RBK_STATEMENT_HTTP:
        return RBK_EFFECT_HTTP;
    case RBK_STATEMENT_CHECK:
        return RBK_EFFECT_CHECK;
    case RBK_STATEMENT_WAIT:
        return RBK_EFFECT_WAIT;
    case RBK_STATEMENT_WAIT_UNTIL:
        return RBK_EFFECT_WAIT_UNTIL;
    case RBK_STATEMENT_NOTIFY:
        return RBK_EFFECT_NOTIFY;
    case RBK_STATEMENT_CAPTURE:
        return RBK_EFFECT_CAPTURE;
    case RBK_STATEMENT_CAPTURE_RUN:
        return RBK_EFFECT_CAPTURE_RUN;
    case RBK_STATEMENT_REQUIRE:
        return RBK_EFFECT_REQUIRE;
    case RBK_STATEMENT_NOTHING:
        return RBK_EFFECT_NOTHING;
    default:
        return RBK_EFFECT_QUESTION;
    }
}

/* The arguments of one effect, on the open stack. */
static void arguments(struct rbk_lower *lower, const struct rbk_context *context,
                      const struct rbk_tree_statement *statement, struct rbk_effect *effect)
{
    const struct rbk_tree_clause *in_doubt = rbk_tree_clause_find(statement, RBK_CLAUSE_IN_DOUBT);
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_CAPTURE_RUN:
        label_argument(lower, statement);
        /* fall through */
    case RBK_STATEMENT_RUN:
        rbk_lower_arg_words(lower, RBK_ARG_WORD, true, statement->value);
        command_arguments(lower, statement, effect);
        break;
    case RBK_STATEMENT_SHELL:
        rbk_lower_arg_script(lower, statement->value);
        command_arguments(lower, statement, effect);
        break;
    case RBK_STATEMENT_SQL:
        effect->connection = rbk_lower_connection(lower, statement->name);
        rbk_lower_arg_statement(lower, statement->value);
        break;
    case RBK_STATEMENT_REDIS:
        effect->connection = rbk_lower_connection(lower, statement->name);
        rbk_lower_arg_words(lower, RBK_ARG_WORD, false, statement->value);
        break;
    case RBK_STATEMENT_HTTP:
        http_arguments(lower, statement);
        break;
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_CAPTURE:
        label_argument(lower, statement);
        reading_effect(lower, statement, effect);
        break;
    case RBK_STATEMENT_LET:
    case RBK_STATEMENT_WAIT_UNTIL:
        reading_effect(lower, statement, effect);
        break;
    case RBK_STATEMENT_WAIT:
        rbk_lower_arg_value(lower, RBK_ARG_DURATION, statement->value);
        effect->because = statement->text != NULL
                              ? rbk_lower_literal(lower, statement->text, "a reason")
                              : effect->because;
        effect->crash = RBK_CRASH_DURABLE;
        break;
    case RBK_STATEMENT_NOTIFY:
        effect->channel = statement->name->ref->index;
        rbk_lower_arg_text(lower, RBK_ARG_MESSAGE, RBK_STR(""), statement->value);
        break;
    case RBK_STATEMENT_NOTHING:
        effect->because = rbk_lower_literal(lower, statement->text, "a reason");
        effect->crash = RBK_CRASH_DURABLE;
        break;
    case RBK_STATEMENT_MANUAL:
        question_effect(lower, statement, RBK_QUESTION_MANUAL, effect);
        looked_for(lower, statement, effect);
        if (in_doubt != NULL) {
            effect->doubt_question = doubt_question(lower, in_doubt, effect, statement->head);
        }
        break;
    case RBK_STATEMENT_ASK:
        question_effect(lower, statement, RBK_QUESTION_ASK, effect);
        break;
    case RBK_STATEMENT_ATTEST:
        question_effect(lower, statement, RBK_QUESTION_ATTEST, effect);
        break;
    case RBK_STATEMENT_APPROVE:
        question_effect(lower, statement, RBK_QUESTION_APPROVE, effect);
        break;
    default:
        RBK_UNREACHABLE();
    }
    (void)context;
}

struct rbk_effect rbk_lower_step_effect(struct rbk_lower *lower, const struct rbk_context *context,
                                        const struct rbk_tree_statement *statement,
                                        struct rbk_str name)
{
    struct rbk_effect effect = rbk_lower_effect_row(lower, kind_of(statement), statement->head);
    struct rbk_reading_mode mode = lower->mode;
    uint32_t mark = lower->builder.open_arg_count;
    general_clauses(lower, context, statement, &effect);
    effect.autocommit = rbk_tree_clause_find(statement, RBK_CLAUSE_AUTOCOMMIT) != NULL;
    lower->mode.timeout_ms = effect.timeout_ms > 0 ? effect.timeout_ms : RBK_READING_MS_MAX;
    lower->mode.refused = context == NULL;
    lower->context = context;
    lower->statement_name = name;
    lower->hoisted = 0;
    arguments(lower, context, statement, &effect);
    lower->context = NULL;
    effect.args = rbk_builder_close_args(&lower->builder, mark);
    if (changes(effect.kind) || effect.kind == RBK_EFFECT_CAPTURE_RUN) {
        crash_rule(lower, context, statement, &effect);
    }
    lower->mode = mode;
    return effect;
}

uint32_t rbk_lower_condition(struct rbk_lower *lower, const struct rbk_tree_expr *expr,
                             uint64_t timeout_ms)
{
    struct rbk_reading_mode mode = lower->mode;
    lower->mode.timeout_ms = timeout_ms > 0 ? timeout_ms : RBK_READING_MS_MAX;
    lower->probe_every_ms = 0;
    uint32_t row = rbk_lower_expr(lower, expr);
    lower->mode = mode;
    return row;
}

/* ---- states ---------------------------------------------------------------------------------- */

struct rbk_machine_state *rbk_lower_state(struct rbk_lower *lower, uint32_t reference)
{
    RBK_ASSERT(reference < lower->builder.machine->state_count);
    return &lower->builder.machine->states[reference];
}

uint32_t rbk_lower_plain_state(struct rbk_lower *lower, const struct rbk_context *context,
                               enum rbk_state_kind kind, struct rbk_str name,
                               struct rbk_machine_place place)
{
    struct rbk_machine_state state = {
        .name = name,
        .kind = kind,
        .phase = context->phase,
        .region = context->region,
        .block = context->block,
        .effect = RBK_NONE,
        .guard = RBK_NONE,
        .place = place,
    };
    for (size_t outcome = 0; outcome < RBK_OUTCOME_COUNT; outcome++) {
        state.next[outcome] = RBK_NONE;
    }
    return rbk_builder_state(&lower->builder, state);
}

/* The state of the question that others are asked instead, behind the one that `reference` is. A
 * yes to either goes on behind both. */
static void ask_on(struct rbk_lower *lower, const struct rbk_context *context, struct rbk_str name,
                   struct rbk_effect effect, uint32_t reference)
{
    const struct rbk_machine *machine = lower->builder.machine;
    uint32_t otherwise = machine->questions[effect.question].otherwise;
    if (otherwise == RBK_NONE || machine->reactions[otherwise].kind != RBK_REACTION_ASK) {
        return;
    }
    effect.question = machine->reactions[otherwise].question;
    effect.text =
        rbk_arena_printf(lower->builder.arena, "%.*s, asked on", RBK_STR_ARG(effect.text));
    uint32_t done = rbk_builder_label(&lower->builder);
    uint32_t second = rbk_lower_effect_state(
        lower, context, rbk_arena_printf(lower->builder.arena, "%.*s.other", RBK_STR_ARG(name)),
        effect);
    struct rbk_machine_state *state = rbk_lower_state(lower, reference);
    for (size_t outcome = 0; outcome < RBK_OUTCOME_COUNT; outcome++) {
        if (state->next[outcome] == RBK_REF_NEXT) { /* OK, and what is passed over */
            state->next[outcome] = done;
        }
    }
    state->next[RBK_OUTCOME_DENIED] = second;
    state->next[RBK_OUTCOME_EXPIRED] = second;
    rbk_builder_set(&lower->builder, done, context->region);
}

uint32_t rbk_lower_effect_state(struct rbk_lower *lower, const struct rbk_context *context,
                                struct rbk_str name, struct rbk_effect effect)
{
    bool passes = effect.optional || effect.kind == RBK_EFFECT_NOTIFY;
    uint32_t failed = passes ? RBK_REF_NEXT : context->failed;
    uint32_t reference =
        rbk_lower_plain_state(lower, context, RBK_STATE_EFFECT, name, effect.place);
    uint32_t row = rbk_build_effect(&lower->builder, effect);
    struct rbk_machine_state *state = rbk_lower_state(lower, reference);
    state->effect = row;
    state->next[RBK_OUTCOME_OK] = RBK_REF_NEXT;
    state->next[RBK_OUTCOME_FAIL] = failed;
    state->next[RBK_OUTCOME_TIMEOUT] = failed;
    if (effect.condition != RBK_NONE) {
        state->next[RBK_OUTCOME_MISSING] = failed;
    }
    if (effect.kind == RBK_EFFECT_QUESTION) {
        state->next[RBK_OUTCOME_DENIED] = failed;
        state->next[RBK_OUTCOME_EXPIRED] = failed;
        ask_on(lower, context, name, effect, reference);
    }
    return reference;
}

uint32_t rbk_lower_let_state(struct rbk_lower *lower, const struct rbk_context *context,
                             struct rbk_str name, const struct rbk_tree_expr *expr)
{
    struct rbk_effect effect = rbk_lower_effect_row(lower, RBK_EFFECT_LET, expr->span);
    struct rbk_str text = rbk_lower_expr_text(lower, expr);
    effect.text = rbk_arena_printf(lower->builder.arena, "read %.*s", RBK_STR_ARG(text));
    effect.condition = rbk_lower_condition(lower, expr, lower->mode.timeout_ms);
    effect.into = rbk_build_slot(&lower->builder,
                                 (struct rbk_slot){.name = name, .type = rbk_expr_type(expr)});
    (void)rbk_lower_effect_state(lower, context, name, effect);
    return effect.into;
}
