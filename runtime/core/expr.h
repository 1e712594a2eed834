#ifndef RBK_RUNTIME_CORE_EXPR_H
#define RBK_RUNTIME_CORE_EXPR_H

/*
 * Expressions: a typed stack code, evaluated with three-valued logic. An expression that compiled
 * cannot fail on a type; it can only be missing. The readings an expression needs are listed beside
 * it (struct rbk_expr in machine.h), taken first by the caller, and pushed by READ.
 *
 * The three who know this format: compiler/lower (emits), machine_json.c (reads and writes),
 * expr.c (runs).
 */

#include "runtime/core/value.h"

struct rbk_machine;

/* X(constant, word, what it does to the stack) — `operand` is the instruction's number. */
#define RBK_OPS(X)                                                                                \
    X(CONST, "const", "push constant[operand]")                                                   \
    X(SLOT, "slot", "push the value bound to slot[operand]; missing when unset")                  \
    X(PARAM, "param", "push param[operand]")                                                      \
    X(SECRET, "secret", "push secret[operand]; only in templates of effects")                     \
    X(VARIABLE, "variable", "push run variable (enum rbk_variable) operand")                      \
    X(READ, "read", "push the result of this expression's reading number operand")                \
    X(WINDOW, "window", "push aggregate window[operand] of a probe (last, avg, max, min, count)") \
    X(BASELINE, "baseline", "push baseline[operand]")                                             \
    X(NOT, "not", "a -> not a")                                                                   \
    X(AND, "and", "a b -> a and b, three-valued")                                                 \
    X(OR, "or", "a b -> a or b, three-valued")                                                    \
    X(EQ, "eq", "a b -> a == b")                                                                  \
    X(NE, "ne", "a b -> a != b")                                                                  \
    X(LT, "lt", "a b -> a < b")                                                                   \
    X(LE, "le", "a b -> a <= b")                                                                  \
    X(GT, "gt", "a b -> a > b")                                                                   \
    X(GE, "ge", "a b -> a >= b")                                                                  \
    X(ADD, "add", "a b -> a + b; operand is the result type")                                     \
    X(SUBTRACT, "subtract", "a b -> a - b; operand is the result type")                           \
    X(MULTIPLY, "multiply", "a b -> a * b; operand is the result type")                           \
    X(DIVIDE, "divide", "a b -> a / b; operand is the result type; by zero is missing")           \
    X(NEGATE, "negate", "a -> -a")                                                                \
    X(ABS, "abs", "a -> |a|")                                                                     \
    X(RATIO, "ratio", "a b -> a / b as a ratio; by zero is missing")                              \
    X(COALESCE, "coalesce", "a b -> b when a is missing, else a")                                 \
    X(READ_AS, "read_as", "scalar, text or number -> value of type operand, or missing")          \
    X(READ_UNIT, "read_unit",                                                                     \
      "scalar or text -> duration or bytes: it names its unit, or is a number of the "            \
      "unit operand; else missing")                                                               \
    X(PRINT_AS, "print_as", "duration or bytes -> number in the unit operand (enum rbk_unit)")    \
    X(TEXT, "text", "a -> its printed text")                                                      \
    X(CONCAT, "concat", "operand texts -> one text; missing when one is")                         \
    X(URL_ENCODE, "url_encode", "text -> percent-encoded (RFC 3986 unreserved kept)")             \
    X(URL_BASE, "url_base", "text -> the same without `/` at its end; a path follows")            \
    X(JSON_VALUE, "json_value", "a -> the text of a whole JSON value")                            \
    X(JSON_ESCAPE, "json_escape", "text -> escaped for the inside of a JSON string")              \
    X(LIST, "list", "operand values -> a list")                                                   \
    X(ITEM, "item", "list index -> the item; missing when out of range")                          \
    X(LENGTH, "length", "list -> its length")                                                     \
    X(LINES, "lines", "text -> list of its lines")                                                \
    X(MEMBER, "member", "JSON object, name -> that member; missing when there is none")           \
    X(FIND, "find",                                                                               \
      "JSON array of objects, path of names with dots between them, text -> the first object "    \
      "that has this text at this path; missing when there is none")                              \
    X(MAIL_HEADER, "mail_header", "text -> the value of a mail's header, folded, RFC 2047")       \
    X(MAIL_TEXT, "mail_text", "text -> the same for the body of a mail, quoted-printable")        \
    X(NO_DASH, "no_dash", "text -> the same; refused (RBK_EREFUSED) when it begins with '-'")

enum rbk_op {
#define X(constant, word, effect) RBK_OP_##constant,
    RBK_OPS(X)
#undef X
        RBK_OP_COUNT
};

/* Units of PRINT_AS: X(constant, word, how many milliseconds or bytes one is). */
#define RBK_UNITS(X)             \
    X(MILLISECONDS, "ms", 1)     \
    X(SECONDS, "seconds", 1000)  \
    X(MINUTES, "minutes", 60000) \
    X(HOURS, "hours", 3600000)   \
    X(DAYS, "days", 86400000)    \
    X(BYTE, "bytes", 1)          \
    X(KIB, "KiB", 1024)          \
    X(MIB, "MiB", 1048576)       \
    X(GIB, "GiB", 1073741824)    \
    X(TIB, "TiB", 1099511627776)

enum rbk_unit {
#define X(constant, word, factor) RBK_UNIT_##constant,
    RBK_UNITS(X)
#undef X
        RBK_UNIT_COUNT
};

/* What a plan may ask about its run: X(constant, spelling, type). */
#define RBK_VARIABLES(X)                                                                           \
    X(RUN_ID, "run.id", TEXT)                                                                      \
    X(RUN_USER, "run.user", TEXT) /* who started it */                                             \
    X(RUN_HOST, "run.host", TEXT)                                                                  \
    X(RUN_DATE, "run.date", TEXT) /* the day it started, YYYY-MM-DD, UTC */                        \
    X(RUN_STARTED, "run.started", TIME)                                                            \
    X(RUN_STATUS, "run.status", TEXT)                                                              \
    X(RUN_STAGE, "run.stage", TEXT)   /* the stage under way, or the last one */                   \
    X(RUN_REASON, "run.reason", TEXT) /* why it turned round, paused or got stuck */               \
    X(RUN_ELAPSED, "run.elapsed", DURATION)                                                        \
    X(RUN_ROLLBACK_ELAPSED, "run.rollback_elapsed", DURATION) /* since the decision */             \
    X(RUN_REMAINING, "run.remaining", DURATION) /* of the estimate; 0 when it has passed */        \
    X(RUN_QUESTION, "run.question", TEXT)       /* what somebody is asked; empty: nothing */       \
    X(RUN_LINK, "run.link", TEXT)       /* where people look at it: --url; empty: nowhere */       \
    X(STAGE_NAME, "stage.name", TEXT)   /* as run.stage */                                         \
    X(STAGE_TITLE, "stage.title", TEXT) /* of that stage; its name when it has none */             \
    X(STAGE_ELAPSED, "stage.elapsed",                                                              \
      DURATION) /* since its apply began, until it stood applied */                                \
    X(PLAN_NAME, "plan.name", TEXT)                                                                \
    X(PLAN_TITLE, "plan.title", TEXT) /* its name when it has none */                              \
    X(PLAN_TICKET, "plan.ticket", TEXT)                                                            \
    X(PLAN_OWNER, "plan.owner", TEXT)                                                              \
    X(PLAN_SERVICE, "plan.service", TEXT)                                                          \
    X(PLAN_ESTIMATE, "plan.estimate", DURATION)                                                    \
    X(PLAN_ROLLBACK_WITHIN, "plan.rollback_within", DURATION)                                      \
    X(ROLLBACKS, "rollbacks", INT)  /* unplanned stage rollbacks so far */                         \
    X(ELAPSED, "elapsed", DURATION) /* from the first effect, stops when all is applied */         \
    X(ESTIMATE, "estimate", DURATION)                                                              \
    X(MESSAGE, "message", TEXT)           /* in a channel: what to tell */                         \
    X(MESSAGE_KEY, "key", TEXT)           /* in a channel: the idempotency key of this message */  \
    X(MESSAGE_RUN, "run", TEXT)           /* in a channel: the run's id */                         \
    X(MESSAGE_STAGE, "stage", TEXT)       /* in a channel: the stage under way */                  \
    X(MESSAGE_SUMMARY, "summary", TEXT)   /* in a channel: the message on one short line */        \
    X(MESSAGE_EVENT, "event", TEXT)       /* in a channel: why it is sent: abort, stage, … */    \
    X(MESSAGE_SEVERITY, "severity", TEXT) /* in a channel: info warning error critical */          \
    X(MESSAGE_KEPT, "kept", TEXT)         /* in a channel: of its last `into kept`; empty: none */ \
    X(MESSAGE_AT, "at", TIME)             /* in a channel: when it was written */

enum rbk_variable {
#define X(constant, spelling, type) RBK_VARIABLE_##constant,
    RBK_VARIABLES(X)
#undef X
        RBK_VARIABLE_COUNT
};

struct rbk_op_code {
    enum rbk_op op;
    uint32_t operand;
};

/* Where an expression finds what it names. Every callback may be NULL: its values are missing.
 * What a callback returns stays alive until the evaluation's result has been used. */
struct rbk_scope {
    const struct rbk_machine *machine;
    const struct rbk_value *slots;     /* machine->slot_count; NULL: all missing */
    const struct rbk_value *params;    /* machine->param_count; NULL: all missing */
    const struct rbk_value *reads;     /* results of this expression's readings, in its order */
    const struct rbk_value *baselines; /* machine->baseline_count; NULL: all missing */
    bool print_missing; /* in a text for people: "(missing)" where a value is, not the whole text */
    bool all_needed;    /* `and` and `or` are missing when one side is, whatever the other says */
    void *context;      /* handed to the callbacks */
    struct rbk_value (*variable)(void *context, enum rbk_variable variable);
    struct rbk_value (*window)(void *context, uint32_t window);
    struct rbk_value (*secret)(void *context, uint32_t secret);
};

/*
 * Evaluate expression number `expr` of the scope's machine. Results live in `arena`.
 * The value is of the expression's type (or missing), except that texts of all kinds (TEXT, URL,
 * JSON, SCALAR, SECRET) stand for each other, and that an UNKNOWN type may give anything.
 * A text may grow to RBK_TEMPLATE_BYTES_MAX, since a value may be a whole argument. What a secret
 * went into is of type SECRET, whatever the expression's type.
 * @return 0, or -RBK_EREFUSED (a word that begins with '-', text names it), -RBK_ELIMIT (a value
 *         grew past its limit), -RBK_ENOMEM (the arena's maximum), -RBK_EMACHINE (the program is
 * not sound; never for a checked machine); ret_value is untouched then.
 */
struct rbk_error;
RBK_MUST_USE int rbk_expr_evaluate(const struct rbk_scope *scope, uint32_t expr,
                                   struct rbk_arena *arena, struct rbk_value *ret_value,
                                   struct rbk_error *reterr);

const char *rbk_op_name(enum rbk_op op);
const char *rbk_unit_name(enum rbk_unit unit);
int64_t rbk_unit_factor(enum rbk_unit unit);
const char *rbk_variable_name(enum rbk_variable variable);
enum rbk_type rbk_variable_type(enum rbk_variable variable);

#endif
