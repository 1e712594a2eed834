/*
 * The head of a plan: what it is called, what it takes, whom it asks, what it connects to.
 */
#include "compiler/calendar.h"
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

#define HELD_AT_MOST_MS 3600000u

static struct rbk_str head_text(struct rbk_lower *lower, enum rbk_statement_kind kind)
{
    const struct rbk_tree_statement *statement = rbk_program_head(lower->program, kind);
    return statement == NULL ? RBK_STR("")
                             : rbk_lower_literal(lower, statement->value, "a text about the plan");
}

static uint64_t head_within(struct rbk_lower *lower, enum rbk_statement_kind kind)
{
    const struct rbk_tree_statement *statement = rbk_program_head(lower->program, kind);
    const struct rbk_tree_clause *within =
        statement == NULL ? NULL : rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN);
    return within == NULL ? 0 : rbk_clause_duration_ms(within);
}

static uint32_t head_expr(struct rbk_lower *lower, enum rbk_statement_kind kind)
{
    const struct rbk_tree_statement *statement = rbk_program_head(lower->program, kind);
    return statement == NULL ? RBK_NONE : rbk_lower_expr(lower, statement->value);
}

static void lower_params(struct rbk_lower *lower)
{
    const struct rbk_statements *params = &lower->program->head[RBK_STATEMENT_PARAM];
    if (params->count > RBK_PARAMETERS_MAX) {
        rbk_lower_stop(lower, params->items[RBK_PARAMETERS_MAX]->head, "more than 1024 parameters");
    }
    for (uint32_t i = 0; i < params->count; i++) {
        params->items[i]->declaration->index = i; /* before any default or condition names it */
    }
    for (uint32_t i = 0; i < params->count; i++) {
        const struct rbk_tree_statement *statement = params->items[i];
        struct rbk_tree_typing typing = statement->type->typing;
        struct rbk_param param = {
            .name = statement->name->name->text,
            .type = (enum rbk_type)typing.type,
            .item_type =
                typing.type == RBK_TYPE_LIST ? (enum rbk_type)typing.element : RBK_TYPE_UNKNOWN,
            .value = RBK_NONE,
            .where = RBK_NONE,
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        if (statement->value != NULL) {
            param.value = rbk_lower_expr(lower, statement->value);
        }
        if (statement->second != NULL) {
            param.where = rbk_lower_expr(lower, statement->second);
        }
        if (statement->text != NULL) {
            param.message = rbk_lower_literal(lower, statement->text, "a message");
        }
        (void)rbk_build_param(&lower->builder, param);
    }
}

static void lower_secrets(struct rbk_lower *lower)
{
    const struct rbk_statements *secrets = &lower->program->head[RBK_STATEMENT_SECRET];
    for (uint32_t i = 0; i < secrets->count; i++) {
        const struct rbk_tree_statement *statement = secrets->items[i];
        struct rbk_secret secret = {
            .name = statement->name->name->text,
            .source = (enum rbk_secret_source)statement->word,
            .text = rbk_lower_text(lower, statement->value),
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        statement->declaration->index = rbk_build_secret(&lower->builder, secret);
    }
}

static void lower_connections(struct rbk_lower *lower)
{
    const struct rbk_statements *connections = &lower->program->head[RBK_STATEMENT_CONNECTION];
    for (uint32_t i = 0; i < connections->count; i++) {
        const struct rbk_tree_statement *statement = connections->items[i];
        const struct rbk_builtin *builtin =
            statement->value->kind == RBK_EXPR_CALL ? rbk_builtin_of(statement->value->ref) : NULL;
        if (builtin == NULL || builtin->kind != RBK_BUILTIN_CONSTRUCTOR) {
            rbk_lower_refuse(lower, statement->value->span, "a connection of this kind");
            continue;
        }
        const struct rbk_tree_expr *address = rbk_call_value(statement->value, 0);
        struct rbk_expr_open open;
        rbk_lower_open(lower, &open);
        rbk_lower_emit_joined(lower, rbk_lower_pieces(lower, address), false);
        struct rbk_connection connection = {
            .name = statement->name->name->text,
            .kind = builtin->is.connection,
            .address = rbk_lower_close(lower, &open, RBK_TYPE_TEXT, RBK_STR("")),
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        lower->saw_secret = false; /* an address is a place for one */
        statement->declaration->index = rbk_build_connection(&lower->builder, connection);
    }
}

static void lower_roles(struct rbk_lower *lower)
{
    const struct rbk_statements *roles = &lower->program->head[RBK_STATEMENT_ROLE];
    for (uint32_t i = 0; i < roles->count; i++) {
        const struct rbk_tree_statement *statement = roles->items[i];
        const struct rbk_tree_clause *contact = rbk_tree_clause_find(statement, RBK_CLAUSE_CONTACT);
        struct rbk_role role = {
            .name = statement->name->name->text,
            .members = {lower->builder.machine->text_count, 0},
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        for (; contact != NULL; contact = rbk_tree_clause_next(contact)) {
            struct rbk_str one = rbk_lower_literal(lower, contact->value, "a contact");
            role.contact =
                rbk_arena_printf(lower->builder.arena, "%.*s%s%.*s", RBK_STR_ARG(role.contact),
                                 role.contact.bytes > 0 ? ", " : "", RBK_STR_ARG(one));
        }
        const struct rbk_tree_clause *members = rbk_tree_clause_find(statement, RBK_CLAUSE_MEMBERS);
        for (; members != NULL; members = rbk_tree_clause_next(members)) {
            for (const struct rbk_tree_expr *member = members->value; member != NULL;
                 member = member->next) {
                (void)rbk_build_text(&lower->builder, rbk_lower_literal(lower, member, "a member"));
                role.members.count++;
            }
        }
        statement->declaration->index = rbk_build_role(&lower->builder, role);
    }
}

static void lower_escalations(struct rbk_lower *lower)
{
    const struct rbk_statements *escalations = &lower->program->head[RBK_STATEMENT_ESCALATE];
    for (uint32_t i = 0; i < escalations->count; i++) {
        const struct rbk_tree_statement *statement = escalations->items[i];
        if (!rbk_str_is(statement->name->name->text, "stuck")) {
            rbk_lower_refuse(lower, statement->head, "`escalate %.*s`",
                             RBK_STR_ARG(statement->name->name->text));
        }
        const struct rbk_tree_clause *step =
            rbk_tree_clause_find(statement, RBK_CLAUSE_ESCALATE_STEP);
        for (; step != NULL; step = rbk_tree_clause_next(step)) {
            struct rbk_escalation escalation = {
                .role = step->name->ref->index,
                .after_ms = rbk_clause_duration_ms(step),
                .place = rbk_lower_machine_place(lower, step->span),
            };
            (void)rbk_build_escalation(&lower->builder, escalation);
        }
    }
}

static void lower_signals(struct rbk_lower *lower)
{
    const struct rbk_statements *signals = &lower->program->head[RBK_STATEMENT_ABORT_ON_SIGNAL];
    if (signals->count > RBK_SIGNALS_MAX) {
        rbk_lower_stop(lower, signals->items[RBK_SIGNALS_MAX]->head, "more than 64 signals");
    }
    for (uint32_t i = 0; i < signals->count; i++) {
        const struct rbk_tree_statement *statement = signals->items[i];
        struct rbk_signal signal = {
            .name = statement->name->name->text,
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        if (statement->text != NULL) {
            signal.message = rbk_lower_literal(lower, statement->text, "a message");
        }
        (void)rbk_build_signal(&lower->builder, signal);
    }
}

uint32_t rbk_lower_window(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    if (statement == NULL) {
        return RBK_NONE;
    }
    struct rbk_daily_window window = rbk_calendar_window(statement);
    window.zone = rbk_lower_literal(lower, statement->text, "a time zone");
    return rbk_build_daily_window(&lower->builder, window);
}

void rbk_lower_allows(struct rbk_lower *lower, const struct rbk_statements *allows)
{
    for (uint32_t i = 0; i < allows->count; i++) {
        const struct rbk_tree_statement *statement = allows->items[i];
        struct rbk_waiver waiver = {
            .code = statement->name->name->text,
            .because = rbk_lower_literal(lower, statement->text, "a reason"),
            .place = rbk_lower_machine_place(lower, statement->head),
        };
        (void)rbk_build_waiver(&lower->builder, waiver);
    }
}

void rbk_lower_head(struct rbk_lower *lower)
{
    struct rbk_machine *machine = lower->builder.machine;
    const struct rbk_program *program = lower->program;
    const struct rbk_tree_statement *estimate = rbk_program_head(program, RBK_STATEMENT_ESTIMATE);
    const struct rbk_tree_statement *held = rbk_program_head(program, RBK_STATEMENT_HELD);
    const struct rbk_tree_clause *otherwise =
        held == NULL ? NULL : rbk_tree_clause_find(held, RBK_CLAUSE_ELSE);

    machine->name = program->plan->name->name->text;
    machine->title = head_text(lower, RBK_STATEMENT_TITLE);
    machine->ticket = head_text(lower, RBK_STATEMENT_TICKET);
    machine->owner = head_text(lower, RBK_STATEMENT_OWNER);
    machine->service = head_text(lower, RBK_STATEMENT_SERVICE);
    machine->estimate_ms = estimate == NULL ? 0 : rbk_lower_known_duration(lower, estimate->value);
    machine->rollback_within_ms = head_within(lower, RBK_STATEMENT_ROLLBACK_WITHIN);
    machine->rehearsed_within_ms = head_within(lower, RBK_STATEMENT_REHEARSED_WITHIN);

    lower->mode.refused = true; /* no readings before the run has begun */
    lower_params(lower);
    lower_secrets(lower);
    lower_connections(lower);
    lower_roles(lower);
    lower_escalations(lower);
    lower_signals(lower);
    machine->observe = head_expr(lower, RBK_STATEMENT_OBSERVE);
    machine->grace = head_expr(lower, RBK_STATEMENT_GRACE);
    lower->mode.refused = false;

    machine->held_at_most_ms =
        held == NULL ? HELD_AT_MOST_MS : rbk_lower_known_duration(lower, held->value);
    if (otherwise != NULL) {
        uint32_t text =
            rbk_lower_constant_text(lower, RBK_STR("nobody has decided about this run"));
        machine->held_otherwise =
            rbk_lower_asked_on(lower, otherwise->reaction, RBK_QUESTION_HELD, text);
    } else {
        machine->held_otherwise = rbk_lower_plain_reaction(lower, RBK_REACTION_ABORT);
    }
    machine->daily_window =
        rbk_lower_window(lower, rbk_program_head(program, RBK_STATEMENT_WINDOW));
    rbk_lower_allows(lower, &program->head[RBK_STATEMENT_ALLOW]);
}
