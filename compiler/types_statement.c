/*
 * What each statement and clause wants of its expressions.
 */
#include "compiler/types.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

/* Type an expression that must be of one type. */
static void type_as_wanted(struct rbk_typer *typer, struct rbk_tree_expr *expr, unsigned type,
                           const char *what)
{
    rbk_type_expr(typer, expr);
    rbk_type_expect(typer, expr, rbk_typing_make(type), what);
}

static void type_condition(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    rbk_type_expr(typer, expr);
    rbk_type_condition(typer, expr);
}

static void type_printable(struct rbk_typer *typer, struct rbk_tree_expr *expr, bool secrets,
                           const char *what)
{
    rbk_type_expr(typer, expr);
    rbk_type_printable(typer, expr, secrets, what);
}

static void type_constant(struct rbk_typer *typer, struct rbk_tree_expr *expr, const char *what)
{
    rbk_type_expr(typer, expr);
    rbk_type_constant(typer, expr, what);
}

/* An expression whose value is known before the run starts. */
static void type_early(struct rbk_typer *typer, struct rbk_tree_expr *expr, unsigned type,
                       const char *what)
{
    typer->place = RBK_PLACE_PARAM;
    type_as_wanted(typer, expr, type, what);
    typer->place = RBK_PLACE_RUN;
}

/* A span of time that is waited for: none at all is refused when the run begins, so say it now. */
static void type_span(struct rbk_typer *typer, struct rbk_tree_expr *expr, const char *what)
{
    type_early(typer, expr, RBK_TYPE_DURATION, what);
    if (expr && expr->kind == RBK_EXPR_DURATION && expr->number == 0) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "%s of no time", what),
                            "Say how long, as in `15m`, or leave it out.");
    }
}

/* What people read: a label, a reason, a question, a message. */
static void check_words(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                        const char *what)
{
    if (expr && expr->kind == RBK_EXPR_STRING && !expr->has_parts &&
        rbk_str_trim(expr->text).bytes == 0) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "%s without words", what),
                            "People read it, at night perhaps: say what it is about.");
    }
}

static void type_words(struct rbk_typer *typer, struct rbk_tree_expr *expr, const char *what)
{
    type_printable(typer, expr, false, what);
    check_words(typer, expr, what);
}

static void type_reason(struct rbk_typer *typer, struct rbk_tree_expr *expr, const char *what)
{
    type_constant(typer, expr, what);
    check_words(typer, expr, what);
}

/* ---- the head of a plan ---------------------------------------------------------------------- */

static void type_param(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    typer->place = RBK_PLACE_PARAM;
    rbk_type_expr(typer, statement->value);
    bool fits = rbk_type_expect(typer, statement->value, statement->declaration->typing, NULL);
    struct rbk_diagnostic *last = typer->analysis->compile->diagnostics.last;
    if (!fits && last) {
        rbk_diagnostic_label(last, rbk_analysis_place(typer->analysis, statement->type->span),
                             "declared as this type");
    }
    type_condition(typer, statement->second);
    typer->place = RBK_PLACE_RUN;
    type_constant(typer, statement->text, "the message of a param");
}

void rbk_type_probe(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    typer->place = RBK_PLACE_PROBE;
    typer->has_reading = false;
    struct rbk_tree_typing typing = rbk_type_expr(typer, statement->value);
    typer->place = RBK_PLACE_RUN;
    if (typing.type == RBK_TYPE_LIST || typing.type == RBK_TYPING_CONNECTION ||
        typing.type == RBK_TYPE_SECRET) {
        rbk_type_error(typer, statement->value, "a probe that gives %.*s",
                       RBK_STR_ARG(rbk_type_a(typer, typing)));
        typing = rbk_typing_make(RBK_TYPE_UNKNOWN);
    } else if (typing.type != RBK_TYPE_UNKNOWN && !typer->has_reading) {
        rbk_diagnostic_help(
            rbk_type_error(typer, statement->value, "a probe that reads nothing"),
            "A probe takes a reading, such as `http.status(url)`, again and again.");
    }
    statement->declaration->typing = typing;
}

static void type_baseline(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    const struct rbk_declaration *probe = statement->name->ref;
    type_early(typer, statement->value, RBK_TYPE_DURATION, "`over`");
    if (!probe || probe->kind != RBK_DECLARATION_PROBE || probe->typing.type == RBK_TYPE_UNKNOWN ||
        rbk_type_is_quantity(probe->typing.type)) {
        return;
    }
    rbk_diagnostic_label(
        rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 130,
                             rbk_analysis_place(typer->analysis, statement->name->span),
                             "a baseline of a probe that gives %.*s",
                             RBK_STR_ARG(rbk_type_a(typer, probe->typing))),
        rbk_declaration_place(probe), "declared here");
}

/* A trigger that takes readings of its own must say how often, with time between them. */
static void type_trigger(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *every = rbk_tree_clause_find(statement, RBK_CLAUSE_EVERY);
    typer->has_reading = typer->has_probe = false;
    type_condition(typer, statement->value);
    if (typer->has_reading && (!every || rbk_clause_duration_ms(every) == 0)) {
        rbk_diagnostic_help(
            rbk_diagnostic_error(
                &typer->analysis->compile->diagnostics, 114,
                rbk_analysis_place(typer->analysis, every ? every->span : statement->value->span),
                every ? "a trigger that reads without a pause, `every` is 0"
                      : "a trigger with a reading of its own and no `every`"),
            every ? "Say how long to wait between two readings: `every 30s`."
                  : "Add `every 30s`, or declare a probe and name it here.");
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* A statement's connection, and what may be asked of it. */
static void type_sql(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    rbk_type_connection(typer, statement->name, RBK_CONNECTIONS_SQL);
    rbk_type_expr(typer, statement->value);
    rbk_type_statement(typer, statement->value);
}

static void type_foreach(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    struct rbk_tree_expr *list = statement->value;
    struct rbk_tree_typing typing = rbk_type_expr(typer, list);
    const struct rbk_tree_clause *most = rbk_tree_clause_find(statement, RBK_CLAUSE_AT_MOST);
    if (typing.type == RBK_TYPE_UNKNOWN) {
        return;
    }
    if (typing.type != RBK_TYPE_LIST) {
        struct rbk_diagnostic *diagnostic =
            rbk_type_error(typer, list, "`foreach` goes over a list, found %.*s",
                           RBK_STR_ARG(rbk_type_words(typer, typing)));
        if (typing.type == RBK_TYPE_SCALAR || typing.type == RBK_TYPE_TEXT) {
            rbk_diagnostic_help(diagnostic, "`lines(…)` makes a list of the lines of a text.");
        }
        return;
    }
    statement->declaration->typing = rbk_typing_make(typing.element);
    if (list->kind == RBK_EXPR_LIST) {
        size_t count = 0;
        for (const struct rbk_tree_expr *item = list->items; item; item = item->next) {
            count++;
        }
        if (count > RBK_FOREACH_MAX) {
            rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 170,
                                 rbk_analysis_place(typer->analysis, list->span),
                                 "a list of more than %zu items", RBK_FOREACH_MAX);
        } else if (count == 0) {
            rbk_diagnostic_help(
                rbk_type_error(typer, list, "`foreach` over a list without items does nothing"),
                "Name what it is to go over, or leave it out.");
        } else if (most && rbk_clause_count(most) > 0 && rbk_clause_count(most) < count) {
            rbk_diagnostic_label(
                rbk_type_error(typer, list, "%zu items, where fewer are allowed", count),
                rbk_analysis_place(typer->analysis, most->span), "the step would always fail");
        }
    } else if (!most) {
        rbk_diagnostic_help(
            rbk_type_error(typer, list, "the length of this list is not known before it is read"),
            "Add `at most N`: proofs count with N, and more items than that are an error.");
    }
}

static void type_let(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    struct rbk_tree_typing typing = rbk_type_expr(typer, statement->value);
    if (typing.type == RBK_TYPE_SECRET || typing.type == RBK_TYPING_CONNECTION) {
        rbk_type_printable(typer, statement->value, false, "a `let`");
        typing = rbk_typing_make(RBK_TYPE_UNKNOWN);
    }
    statement->declaration->typing = typing;
}

/* ---- clauses --------------------------------------------------------------------------------- */

/* `expect 0, 3`: exit codes of a command, status codes of HTTP. */
static void check_expected(const struct rbk_typer *typer,
                           const struct rbk_tree_statement *statement,
                           const struct rbk_tree_clause *clause)
{
    bool http = statement->kind == RBK_STATEMENT_HTTP;
    int64_t least = http ? 100 : 0;
    int64_t most = http ? 599 : 255;
    for (const struct rbk_tree_expr *at = clause->value; at; at = at->next) {
        if (at->kind == RBK_EXPR_INT && (at->number < least || at->number > most)) {
            rbk_type_error(typer, at, "%s is between %d and %d",
                           http ? "an HTTP status" : "an exit code", (int)least, (int)most);
        }
    }
}

static void type_clause(struct rbk_typer *typer, const struct rbk_tree_statement *statement,
                        struct rbk_tree_clause *clause)
{
    switch ((enum rbk_clause_kind)clause->kind) {
    case RBK_CLAUSE_WHEN:
    case RBK_CLAUSE_DONE_WHEN:
        type_condition(typer, clause->value);
        break;
    case RBK_CLAUSE_BODY:
        type_printable(typer, clause->value, true, "a body");
        break;
    case RBK_CLAUSE_STDIN:
        type_printable(typer, clause->value, true, "`stdin`");
        break;
    case RBK_CLAUSE_JSON:
        type_printable(typer, clause->value, true, "`json`");
        break;
    case RBK_CLAUSE_PROGRESS:
        type_as_wanted(typer, clause->value, RBK_TYPE_RATIO, "`progress`");
        break;
    case RBK_CLAUSE_CANCEL:
        rbk_type_expr(typer, clause->value);
        rbk_type_command(typer, clause->value, false, "`cancel`");
        break;
    case RBK_CLAUSE_IN:
        type_printable(typer, clause->value, false, "`in`");
        break;
    case RBK_CLAUSE_OPTIONAL:
        type_reason(typer, clause->value, "a reason");
        break;
    case RBK_CLAUSE_EXPECT:
        for (struct rbk_tree_expr *at = clause->value; at; at = at->next) {
            rbk_type_expr(typer, at);
        }
        check_expected(typer, statement, clause);
        break;
    case RBK_CLAUSE_HEADER:
        type_constant(typer, clause->second, "the name of a header");
        type_printable(typer, clause->value, true, "a header");
        break;
    case RBK_CLAUSE_ENV:
        for (struct rbk_tree_argument *at = clause->arguments; at; at = at->next) {
            type_printable(typer, at->value, true, "`env`");
        }
        break;
    case RBK_CLAUSE_CONTACT:
        type_constant(typer, clause->value, "a contact");
        break;
    case RBK_CLAUSE_MEMBERS:
        for (struct rbk_tree_expr *at = clause->value; at; at = at->next) {
            type_constant(typer, at, "a member");
        }
        break;
    case RBK_CLAUSE_USING:
        rbk_type_connection(typer, clause->name, RBK_CONNECTIONS_ANY);
        break;
    default:
        break;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void type_head_or_stage(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_TITLE:
    case RBK_STATEMENT_TICKET:
    case RBK_STATEMENT_OWNER:
    case RBK_STATEMENT_SERVICE:
        type_constant(typer, statement->value,
                      rbk_statement_words((enum rbk_statement_kind)statement->kind));
        break;
    case RBK_STATEMENT_PARAM:
        type_param(typer, statement);
        break;
    case RBK_STATEMENT_SECRET:
        type_early(typer, statement->value, RBK_TYPE_TEXT, "where a secret comes from");
        break;
    case RBK_STATEMENT_CONNECTION:
    case RBK_STATEMENT_CHANNEL:
        typer->place = RBK_PLACE_PARAM;
        rbk_type_expr(typer, statement->value);
        typer->place = RBK_PLACE_RUN;
        break;
    case RBK_STATEMENT_BASELINE:
        type_baseline(typer, statement);
        break;
    case RBK_STATEMENT_TRIGGER:
        type_trigger(typer, statement);
        break;
    case RBK_STATEMENT_ABORT_WHEN:
        type_condition(typer, statement->value);
        type_reason(typer, statement->text, "the message of a criterion");
        break;
    case RBK_STATEMENT_REPORT:
        type_span(typer, statement->value, "`every`");
        type_words(typer, statement->text, "a report");
        break;
    case RBK_STATEMENT_OBSERVE:
        type_span(typer, statement->value, "`observe`");
        break;
    case RBK_STATEMENT_GRACE:
        type_span(typer, statement->value, "`grace`");
        break;
    case RBK_STATEMENT_HELD:
    case RBK_STATEMENT_ESTIMATE:
        rbk_type_expr(typer, statement->value);
        break;
    case RBK_STATEMENT_ATTEST:
        type_words(typer, statement->text, "a question");
        break;
    case RBK_STATEMENT_ABORT_ON_SIGNAL:
        type_reason(typer, statement->text, "the message of a criterion");
        break;
    case RBK_STATEMENT_ALLOW:
    case RBK_STATEMENT_UNWATCHED:
        type_reason(typer, statement->text, "a reason");
        break;
    case RBK_STATEMENT_STAGE:
    case RBK_STATEMENT_RETIRE:
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_NOT_BEFORE:
        type_constant(typer, statement->text,
                      rbk_statement_words((enum rbk_statement_kind)statement->kind));
        break;
    default:
        break;
    }
}

void rbk_type_statement_of(struct rbk_typer *typer, struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_CHECK:
        type_words(typer, statement->text, "a label");
        type_condition(typer, statement->value);
        break;
    case RBK_STATEMENT_LET:
        type_let(typer, statement);
        break;
    case RBK_STATEMENT_RUN:
        rbk_type_expr(typer, statement->value);
        rbk_type_command(typer, statement->value, false, "a command");
        break;
    case RBK_STATEMENT_SHELL:
        rbk_type_expr(typer, statement->value);
        break;
    case RBK_STATEMENT_SQL:
        type_sql(typer, statement);
        break;
    case RBK_STATEMENT_REDIS:
        rbk_type_connection(typer, statement->name, RBK_CONNECTION_BIT(RBK_CONNECTION_REDIS));
        rbk_type_expr(typer, statement->value);
        rbk_type_command(typer, statement->value, true, "a redis command");
        break;
    case RBK_STATEMENT_HTTP:
        rbk_type_expr(typer, statement->value);
        rbk_type_url(typer, statement->value);
        break;
    case RBK_STATEMENT_DO:
        rbk_type_expr(typer, statement->value);
        break;
    case RBK_STATEMENT_WAIT:
        type_as_wanted(typer, statement->value, RBK_TYPE_DURATION, "`wait`");
        type_reason(typer, statement->text, "a reason");
        break;
    case RBK_STATEMENT_WAIT_UNTIL:
    case RBK_STATEMENT_IF:
        type_condition(typer, statement->value);
        break;
    case RBK_STATEMENT_NOTIFY:
        type_words(typer, statement->value, "a message");
        break;
    case RBK_STATEMENT_CAPTURE:
        type_words(typer, statement->text, "a label");
        type_printable(typer, statement->value, false, "evidence");
        break;
    case RBK_STATEMENT_CAPTURE_RUN:
        type_words(typer, statement->text, "a label");
        rbk_type_expr(typer, statement->value);
        rbk_type_command(typer, statement->value, false, "a command");
        break;
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
        type_words(typer, statement->text, "a question");
        break;
    case RBK_STATEMENT_FOREACH:
        type_foreach(typer, statement);
        break;
    case RBK_STATEMENT_NOTHING:
        type_reason(typer, statement->text, "a reason");
        break;
    case RBK_STATEMENT_ATTEMPTS:
        rbk_type_count(typer, statement->head, statement->count, 1, RBK_TIMES_MAX);
        break;
    default:
        type_head_or_stage(typer, statement);
        break;
    }
    for (struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        type_clause(typer, statement, at);
        rbk_type_clause_value(typer, at);
    }
}
