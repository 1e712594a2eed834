/*
 * Dumping trees. Expressions and clauses are lists in brackets, `(word part…)`; statements are such
 * a list on a line of their own, what stands in their blocks indented below.
 */
#include "compiler/tree_dump.h"

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"

#include <inttypes.h>

static void dump_expr(struct rbk_buffer *buffer, const struct rbk_tree_expr *expr);

static void dump_names(struct rbk_buffer *buffer, const struct rbk_tree_name *name)
{
    for (; name; name = name->next) {
        rbk_buffer_append_byte(buffer, ' ');
        if (name->seats_start) {
            rbk_buffer_printf(buffer, "%" PRIu32 "*", name->quorum);
        }
        rbk_buffer_append_str(buffer, name->name->text);
    }
}

/* A text with everything that is not plain ASCII, and what ends it, escaped. */
static void dump_text(struct rbk_buffer *buffer, struct rbk_str text)
{
    rbk_buffer_append_byte(buffer, '"');
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '\n') {
            rbk_buffer_append_text(buffer, "\\n");
        } else if (byte == '"' || byte == '\\') {
            rbk_buffer_printf(buffer, "\\%c", byte);
        } else if (byte < 0x20) {
            rbk_buffer_printf(buffer, "\\x%02x", byte);
        } else {
            rbk_buffer_append_byte(buffer, (char)byte);
        }
    }
    rbk_buffer_append_byte(buffer, '"');
}

static void dump_list(struct rbk_buffer *buffer, const struct rbk_tree_expr *item)
{
    for (; item; item = item->next) {
        rbk_buffer_append_byte(buffer, ' ');
        dump_expr(buffer, item);
    }
}

static void dump_arguments(struct rbk_buffer *buffer, const struct rbk_tree_argument *argument)
{
    for (; argument; argument = argument->next) {
        rbk_buffer_append_byte(buffer, ' ');
        if (argument->name) {
            rbk_buffer_printf(buffer, "%.*s: ", RBK_STR_ARG(argument->name->name->text));
        }
        dump_expr(buffer, argument->value);
    }
}

static void dump_string(struct rbk_buffer *buffer, const struct rbk_tree_expr *expr)
{
    static const char *const quotes[] = {"", "raw ", "lines ", "raw lines "};
    if (!expr->has_parts && expr->quote == RBK_QUOTE_DOUBLE) {
        dump_text(buffer, expr->text);
        return;
    }
    rbk_buffer_printf(buffer, "(%stext", quotes[expr->quote]);
    if (expr->has_parts) {
        dump_list(buffer, expr->parts);
    } else {
        rbk_buffer_append_byte(buffer, ' ');
        dump_text(buffer, expr->text);
    }
    rbk_buffer_append_byte(buffer, ')');
}

static void dump_number(struct rbk_buffer *buffer, const struct rbk_tree_expr *expr)
{
    rbk_buffer_printf(buffer, "%" PRId64, expr->number);
    if (expr->decimals) {
        rbk_buffer_printf(buffer, "e-%u", expr->decimals);
    }
    if (expr->kind == RBK_EXPR_RATIO) {
        rbk_buffer_append_text(buffer, "r");
    } else if (expr->kind == RBK_EXPR_DURATION) {
        rbk_buffer_append_text(buffer, "ms");
    } else if (expr->kind == RBK_EXPR_BYTES) {
        rbk_buffer_append_text(buffer, "B");
    }
}

/* `(word left…`; the caller closes the bracket. */
static void dump_open(struct rbk_buffer *buffer, const char *word, const struct rbk_tree_expr *left)
{
    rbk_buffer_printf(buffer, "(%s ", word);
    dump_expr(buffer, left);
}

static void dump_expr(struct rbk_buffer *buffer, const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        rbk_buffer_printf(buffer, "%.*s", RBK_STR_ARG(expr->name->name->text));
        return;
    case RBK_EXPR_STRING:
        dump_string(buffer, expr);
        return;
    case RBK_EXPR_TEXT:
        dump_text(buffer, expr->text);
        return;
    case RBK_EXPR_BOOL:
        rbk_buffer_append_text(buffer, expr->number ? "true" : "false");
        return;
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
        dump_number(buffer, expr);
        return;
    case RBK_EXPR_MEMBER:
    case RBK_EXPR_AS:
        dump_open(buffer, expr->kind == RBK_EXPR_AS ? "as" : ".", expr->left);
        rbk_buffer_printf(buffer, " %.*s)", RBK_STR_ARG(expr->name->name->text));
        return;
    case RBK_EXPR_CALL:
        dump_open(buffer, "call", expr->left);
        dump_arguments(buffer, expr->arguments);
        break;
    case RBK_EXPR_LIST:
        rbk_buffer_append_text(buffer, "(list");
        dump_list(buffer, expr->items);
        break;
    case RBK_EXPR_FILE:
        dump_open(buffer, "file", expr->left);
        break;
    case RBK_EXPR_NOT:
        dump_open(buffer, "not", expr->left);
        break;
    case RBK_EXPR_NEGATE:
        dump_open(buffer, "-", expr->left);
        break;
    case RBK_EXPR_BINARY:
        dump_open(buffer, rbk_operator_spelling((enum rbk_operator)expr->op), expr->left);
        rbk_buffer_append_byte(buffer, ' ');
        dump_expr(buffer, expr->right);
        break;
    case RBK_EXPR_POISON:
    case RBK_EXPR_KINDS:
        rbk_buffer_append_text(buffer, "(broken");
        break;
    }
    rbk_buffer_append_byte(buffer, ')');
}

static void dump_reaction(struct rbk_buffer *buffer, const struct rbk_tree_reaction *reaction)
{
    static const char *const words[] = {
#define X(constant, word, ...) word,
        RBK_REACTION_KINDS(X)
#undef X
    };
    rbk_buffer_printf(buffer, "(%s", words[reaction->kind]);
    dump_names(buffer, reaction->channel);
    if (reaction->roles) {
        rbk_buffer_append_text(buffer, " (of");
        dump_names(buffer, reaction->roles);
        rbk_buffer_append_byte(buffer, ')');
    }
    if (reaction->four_eyes) {
        rbk_buffer_append_text(buffer, " four-eyes");
    }
    if (reaction->has_within) {
        rbk_buffer_printf(buffer, " %" PRIu64 "ms", reaction->within_ms);
    }
    if (reaction->otherwise) {
        rbk_buffer_append_text(buffer, " else ");
        dump_reaction(buffer, reaction->otherwise);
    }
    rbk_buffer_append_byte(buffer, ')');
}

/* Whether a clause's amount is a number that was written, and whether it is a duration. */
static bool has_amount(enum rbk_clause_kind kind, bool *ret_is_duration)
{
    switch (kind) {
    case RBK_CLAUSE_TIMEOUT:
    case RBK_CLAUSE_EVERY:
    case RBK_CLAUSE_FOR:
    case RBK_CLAUSE_WITHIN:
    case RBK_CLAUSE_CONFIRM:
    case RBK_CLAUSE_ESCALATE_STEP:
        *ret_is_duration = true;
        return true;
    case RBK_CLAUSE_RETRY:
    case RBK_CLAUSE_FOR_READINGS:
    case RBK_CLAUSE_MISSING_AFTER:
    case RBK_CLAUSE_AT_MOST:
    case RBK_CLAUSE_AT_LEAST:
        *ret_is_duration = false;
        return true;
    default:
        return false;
    }
}

static void dump_clause(struct rbk_buffer *buffer, const struct rbk_tree_clause *clause)
{
    enum rbk_clause_kind kind = (enum rbk_clause_kind)clause->kind;
    bool is_duration = false;
    rbk_buffer_printf(buffer, " (%s", rbk_clause_words(kind));
    dump_names(buffer, clause->name);
    if (clause->flags & RBK_CLAUSE_STARTED) {
        rbk_buffer_append_text(buffer, " started");
    }
    if (clause->flags & RBK_CLAUSE_HOLD) {
        rbk_buffer_printf(buffer, " hold %" PRIu64 "ms", clause->amount);
    }
    if (has_amount(kind, &is_duration)) {
        rbk_buffer_printf(buffer, " %" PRIu64 "%s", clause->amount, is_duration ? "ms" : "");
    }
    if (clause->second) {
        dump_list(buffer, clause->second);
    }
    if (clause->value) {
        dump_list(buffer, clause->value);
    }
    if (kind == RBK_CLAUSE_ENV) {
        dump_arguments(buffer, clause->arguments);
    } else if (clause->reaction) {
        rbk_buffer_append_byte(buffer, ' ');
        dump_reaction(buffer, clause->reaction);
    }
    rbk_buffer_append_byte(buffer, ')');
}

static void dump_type(struct rbk_buffer *buffer, const struct rbk_tree_type *type)
{
    for (; type; type = type->element) {
        rbk_buffer_printf(buffer, "%.*s%s", RBK_STR_ARG(type->name.name->text),
                          type->element ? " of " : "");
    }
}

static void dump_parameters(struct rbk_buffer *buffer, const struct rbk_tree_parameter *parameter)
{
    for (; parameter; parameter = parameter->next) {
        rbk_buffer_printf(buffer, " (%.*s: ", RBK_STR_ARG(parameter->name.name->text));
        dump_type(buffer, parameter->type);
        dump_list(buffer, parameter->value);
        rbk_buffer_append_byte(buffer, ')');
    }
}

/* What only some kinds have. */
static void dump_special(struct rbk_buffer *buffer, const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_ACTION:
    case RBK_STATEMENT_READING:
    case RBK_STATEMENT_CHANNEL_TYPE:
        dump_parameters(buffer, statement->parameters);
        break;
    case RBK_STATEMENT_PARAM:
        if (statement->second) {
            rbk_buffer_append_text(buffer, " where");
            dump_list(buffer, statement->second);
        }
        break;
    case RBK_STATEMENT_TRIGGER:
        dump_names(buffer, statement->second_name);
        break;
    case RBK_STATEMENT_SECRET:
        rbk_buffer_printf(buffer, " source %u", statement->word);
        break;
    case RBK_STATEMENT_ATTEMPTS:
        rbk_buffer_printf(buffer, " %" PRIu64, statement->count);
        break;
    case RBK_STATEMENT_WINDOW:
        rbk_buffer_printf(buffer, " %u to %u", statement->window.from_minute,
                          statement->window.to_minute);
        break;
    case RBK_STATEMENT_NOT_BEFORE:
        rbk_buffer_printf(buffer, " %u-%u-%u %u", statement->instant.year, statement->instant.month,
                          statement->instant.day, statement->instant.minute);
        break;
    default:
        break;
    }
}

/* Blocks nest at most RBK_NESTING_MAX deep. */
static void dump_block(struct rbk_buffer *buffer, const struct rbk_tree_block *block,
                       unsigned depth)
{
    for (const struct rbk_tree_statement *statement = block->first; statement;
         statement = statement->next) {
        rbk_buffer_printf(buffer, "%*s(%s", (int)(depth * 2), "",
                          rbk_statement_words((enum rbk_statement_kind)statement->kind));
        dump_names(buffer, statement->name);
        if (statement->names) {
            rbk_buffer_append_text(buffer, " (names");
            dump_names(buffer, statement->names);
            rbk_buffer_append_byte(buffer, ')');
        }
        if (statement->type) {
            rbk_buffer_append_text(buffer, ": ");
            dump_type(buffer, statement->type);
        }
        dump_special(buffer, statement);
        if (statement->text) {
            dump_list(buffer, statement->text);
        }
        if (statement->value) {
            dump_list(buffer, statement->value);
        }
        for (const struct rbk_tree_clause *clause = statement->clauses; clause;
             clause = clause->next) {
            dump_clause(buffer, clause);
        }
        if (statement->block) {
            rbk_buffer_append_byte(buffer, '\n');
            dump_block(buffer, statement->block, depth + 1);
            if (statement->kind == RBK_STATEMENT_IF && statement->else_block) {
                rbk_buffer_printf(buffer, "%*selse\n", (int)(depth * 2), "");
                dump_block(buffer, statement->else_block, depth + 1);
            }
            rbk_buffer_printf(buffer, "%*s", (int)(depth * 2), "");
        }
        rbk_buffer_append_text(buffer, ")\n");
    }
}

void rbk_tree_dump(const struct rbk_tree_file *file, struct rbk_buffer *buffer)
{
    dump_block(buffer, &file->block, 0);
}
