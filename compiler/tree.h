/*
 * The tree: what the parser makes of a source, and what every later phase of the compiler walks and
 * annotates.
 *
 * Three node types carry the language: statements, clauses and expressions; reactions, parameters,
 * types and names hang off them. The parser only builds: nothing here has been looked up or
 * checked, except what the grammar itself demands (a duration literal where one must stand, limits
 * of nesting, RBK100 and RBK170).
 *
 * Everything that begins with a reserved word is a *statement*, from `use` at the top of a file to
 * `run` in a block. All kinds share one struct whose general fields (name, names, text, value,
 * block) mean the same thing everywhere; RBK_STATEMENTS below lists which ones a kind uses, so that
 * a walk which only cares about, say, "every expression in this block" needs no switch.
 *
 * What follows a statement's fixed part in any order is its *clauses*, one list per statement. The
 * `within` of a block, the `when` of a strategy, `within … else` of a question, the items of
 * `role { }` and `data { }` are clauses too. The grammar takes each clause after each step; which
 * belong where is checked as a statement is built (clause.h), so that later phases meet only those.
 *
 * Fields under "annotation" are zero after parsing and belong to the phase named there.
 *
 * Nodes live in the compilation's arena and are never freed or copied. Every span is a range of the
 * tree's own source (rbk_tree_file.source). Lists are singly linked through `next` in source order.
 * A tree contains no cycles apart from `parent`; expressions are at most RBK_EXPRESSION_DEPTH_MAX
 * deep, blocks and reactions RBK_NESTING_MAX, so walks may recurse. After a syntax error the tree
 * holds what could be parsed, with RBK_EXPR_POISON where an expression was broken: check
 * rbk_tree_file.broken before judging what is absent.
 */
#ifndef RBK_COMPILER_TREE_H
#define RBK_COMPILER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/name.h"
#include "compiler/source.h"
#include "runtime/core/base/str.h"
#include "runtime/core/machine.h" /* enum rbk_reaction_kind, enum rbk_secret_source, enum rbk_type */

struct rbk_arena;
struct rbk_tree_statement;
struct rbk_tree_clause;
struct rbk_tree_expr;
struct rbk_tree_reaction;
struct rbk_tree_file;

/* clang-format off */
/*
 * Statements: X(ENUM, "words for a message"). The comment says which fields are used, in the terms
 * of struct rbk_tree_statement; `[x]` may be NULL; clauses named are those that belong to the kind.
 *
 * In a file
 *   USE            names = dotted path, [name] = alias after `as`
 *   MODULE         names = dotted path
 *   PLAN           name, block
 *   ACTION         name, parameters, block (with one UNDO_BLOCK at most, checked later)
 *   READING        name, parameters, type, value
 *   CHANNEL_TYPE   name, parameters, block (`channel webhook(address: secret) { … }` in a module)
 * At the head of a plan
 *   TITLE TICKET OWNER SERVICE   value
 *   ESTIMATE       value (a duration literal)
 *   ROLLBACK_WITHIN, REHEARSED_WITHIN   clause WITHIN
 *   WINDOW         [names] = days, window.from_minute, window.to_minute, text = time zone (also in
 *                  a stage)
 *   PARAM          name, type, [value] = default, [second] = `where` condition, [text] = its message
 *   SECRET         name, word = enum rbk_secret_source, value
 *   CONNECTION CHANNEL   name, value
 *   PROBE          name, value; clauses EVERY TIMEOUT MISSING_AFTER …
 *   BASELINE       name = the probe, value = how long; clause AT_LEAST
 *   ROLE           name; clauses CONTACT, MEMBERS
 *   ESCALATE       name = `stuck`; clauses ESCALATE_STEP in order
 *   SEVERITY       name; clause THEN
 *   TRIGGER        name, [second_name] = severity, value; clauses FOR SINCE DURING_APPLY
 *                  EXCEPT_DURING THEN MISSING EVERY CONFIRM … (also in a stage)
 *   ABORT_WHEN     value, clause EVERY, [text];  ABORT_ON_SIGNAL  name, [text]
 *   REQUIRE        text, value, clauses (also in a stage)
 *   ATTEST         text, names = roles; clauses WITHIN, ELSE (also in a stage and as a step)
 *   HELD           value = how long, clause ELSE
 *   BACKUP         name, block of LET, BACKUP_TAKE, VERIFY, BACKUP_RESTORE
 *   LOCK           name, block of ACQUIRE, RELEASE
 *   ON             name = the event (`start abort stuck aborted …`), block
 *   REPORT         name = channel, value = every, text = message
 *   STAGE          name, [text] = title, block
 *   RETIRE         text, block
 *   OBSERVE GRACE  value
 *   ALLOW          name = the rule (`RBK112`), text = reason (also in a stage)
 * In a stage
 *   KIND RISK      name
 *   DATA           clauses DATA_CREATED, DATA_MODIFIED, DATA_BACKUP
 *   AFTER          [names] = predecessors (NULL: `after nothing`), clause FOR
 *   NOT_BEFORE     instant, text = time zone
 *   APPROVE        names = roles; clauses WITHIN, ELSE
 *   ATTEMPTS       count, clause EVERY
 *   UNWATCHED      text
 *   PREPARE APPLY VERIFY   block, clause WITHIN (VERIFY also inside a rollback, a backup)
 *   ROLLBACK       [name] = strategy, block; clauses WHEN EVERY WITHIN
 * Steps
 *   LET            name, value                  RUN       value = STRING or LIST
 *   SHELL          value = STRING               SQL       name = connection, value = STRING or FILE
 *   REDIS          name = connection, value = STRING or LIST
 *   HTTP           name = method, value = url   DO        value = CALL
 *   CHECK          text, value                  WAIT      value, text = because
 *   WAIT_UNTIL     value                        NOTIFY    name = channel, value
 *   CAPTURE        text, value                  CAPTURE_RUN   text, value = STRING or LIST
 *   RESTORE TAKE   name = backup                UNDO      -
 *   UNDO_BLOCK     block (in an action)         MANUAL    text, names = roles
 *   ASK            names = roles, text          FOREACH   name, value, block, clause AT_MOST
 *   PARALLEL       block                        IF        value, block, [else_block]
 *   NOTHING        text = because
 */
/* clang-format on */
#define RBK_STATEMENTS(X)                   \
    X(USE, "use")                           \
    X(MODULE, "module")                     \
    X(PLAN, "plan")                         \
    X(ACTION, "action")                     \
    X(READING, "reading")                   \
    X(CHANNEL_TYPE, "channel")              \
    X(TITLE, "title")                       \
    X(TICKET, "ticket")                     \
    X(OWNER, "owner")                       \
    X(SERVICE, "service")                   \
    X(ESTIMATE, "estimate")                 \
    X(ROLLBACK_WITHIN, "rollback within")   \
    X(REHEARSED_WITHIN, "rehearsed within") \
    X(WINDOW, "window")                     \
    X(PARAM, "param")                       \
    X(SECRET, "secret")                     \
    X(CONNECTION, "connection")             \
    X(CHANNEL, "channel")                   \
    X(PROBE, "probe")                       \
    X(BASELINE, "baseline")                 \
    X(ROLE, "role")                         \
    X(ESCALATE, "escalate")                 \
    X(SEVERITY, "severity")                 \
    X(TRIGGER, "trigger")                   \
    X(ABORT_WHEN, "abort when")             \
    X(ABORT_ON_SIGNAL, "abort on signal")   \
    X(REQUIRE, "require")                   \
    X(ATTEST, "attest")                     \
    X(HELD, "held at most")                 \
    X(BACKUP, "backup")                     \
    X(BACKUP_TAKE, "take")                  \
    X(BACKUP_RESTORE, "restore")            \
    X(LOCK, "lock")                         \
    X(ACQUIRE, "acquire")                   \
    X(RELEASE, "release")                   \
    X(ON, "on")                             \
    X(REPORT, "report")                     \
    X(STAGE, "stage")                       \
    X(RETIRE, "retire")                     \
    X(OBSERVE, "observe")                   \
    X(GRACE, "grace")                       \
    X(ALLOW, "allow")                       \
    X(KIND, "kind")                         \
    X(RISK, "risk")                         \
    X(DATA, "data")                         \
    X(AFTER, "after")                       \
    X(NOT_BEFORE, "not before")             \
    X(APPROVE, "approve")                   \
    X(ATTEMPTS, "attempts")                 \
    X(UNWATCHED, "unwatched")               \
    X(PREPARE, "prepare")                   \
    X(APPLY, "apply")                       \
    X(VERIFY, "verify")                     \
    X(ROLLBACK, "rollback")                 \
    X(LET, "let")                           \
    X(RUN, "run")                           \
    X(SHELL, "shell")                       \
    X(SQL, "sql")                           \
    X(REDIS, "redis")                       \
    X(HTTP, "http")                         \
    X(DO, "do")                             \
    X(CHECK, "check")                       \
    X(WAIT, "wait")                         \
    X(WAIT_UNTIL, "wait until")             \
    X(NOTIFY, "notify")                     \
    X(CAPTURE, "capture")                   \
    X(CAPTURE_RUN, "capture … run")         \
    X(RESTORE, "restore")                   \
    X(TAKE, "take")                         \
    X(UNDO, "undo")                         \
    X(UNDO_BLOCK, "undo")                   \
    X(MANUAL, "manual")                     \
    X(ASK, "ask")                           \
    X(FOREACH, "foreach")                   \
    X(PARALLEL, "parallel")                 \
    X(IF, "if")                             \
    X(NOTHING, "nothing")

/** The kinds of statement, RBK_STATEMENT_USE to RBK_STATEMENT_NOTHING. */
enum rbk_statement_kind {
#define X(name, words) RBK_STATEMENT_##name,
    RBK_STATEMENTS(X)
#undef X
        RBK_STATEMENT_KINDS, /**< How many there are. */
};

/* clang-format off */
/*
 * Clauses: X(ENUM, "words for a message"); the comment says which fields are used.
 *
 *   TIMEOUT EVERY FOR WITHIN CONFIRM          duration_ms
 *   RETRY FOR_READINGS MISSING_AFTER AT_MOST AT_LEAST   count
 *   WHEN DONE_WHEN BODY STDIN PROGRESS        value
 *   THEN ELSE IN_DOUBT                        reaction
 *   MISSING        reaction, duration_ms of `hold` (flag RBK_CLAUSE_HOLD)
 *   SINCE          name, flag RBK_CLAUSE_STARTED for `since STAGE started`
 *   DURING_APPLY IDEMPOTENT AUTOCOMMIT FOUR_EYES   -
 *   EXCEPT_DURING  name (a list)
 *   USING INTO     name
 *   CANCEL IN JSON OPTIONAL                   value (a STRING; OPTIONAL: because)
 *   EXPECT         value (a list of INT through next)
 *   HEADER         second = name of the header (STRING), value
 *   ENV            arguments (name: value)
 *   CONTACT        value (STRING)
 *   MEMBERS        value (a list of STRING through next)
 *   ESCALATE_STEP  name = role, duration_ms after the escalation starts (0 for the first)
 *   DATA_CREATED DATA_MODIFIED DATA_BACKUP    name
 */
/* clang-format on */
#define RBK_CLAUSES(X)                \
    X(TIMEOUT, "timeout")             \
    X(EVERY, "every")                 \
    X(RETRY, "retry")                 \
    X(FOR, "for")                     \
    X(FOR_READINGS, "for … readings") \
    X(CONFIRM, "confirm within")      \
    X(WITHIN, "within")               \
    X(WHEN, "when")                   \
    X(THEN, "then")                   \
    X(ELSE, "else")                   \
    X(FOUR_EYES, "four eyes")         \
    X(MISSING, "missing")             \
    X(MISSING_AFTER, "missing after") \
    X(SINCE, "since")                 \
    X(DURING_APPLY, "during apply")   \
    X(EXCEPT_DURING, "except during") \
    X(IDEMPOTENT, "idempotent")       \
    X(AUTOCOMMIT, "autocommit")       \
    X(DONE_WHEN, "done when")         \
    X(IN_DOUBT, "in doubt")           \
    X(USING, "using")                 \
    X(CANCEL, "cancel")               \
    X(INTO, "into")                   \
    X(EXPECT, "expect")               \
    X(HEADER, "header")               \
    X(JSON, "json")                   \
    X(BODY, "body")                   \
    X(STDIN, "stdin")                 \
    X(OPTIONAL, "optional")           \
    X(PROGRESS, "progress")           \
    X(IN, "in")                       \
    X(ENV, "env")                     \
    X(AT_MOST, "at most")             \
    X(AT_LEAST, "at least")           \
    X(CONTACT, "contact")             \
    X(MEMBERS, "members")             \
    X(ESCALATE_STEP, "after")         \
    X(DATA_CREATED, "created")        \
    X(DATA_MODIFIED, "modified")      \
    X(DATA_BACKUP, "backup")

/** The kinds of clause. */
enum rbk_clause_kind {
#define X(name, words) RBK_CLAUSE_##name,
    RBK_CLAUSES(X)
#undef X
        RBK_CLAUSE_KINDS, /**< How many there are. */
};

/** Flags of a clause (rbk_tree_clause.flags). */
enum {
    RBK_CLAUSE_STARTED = 1u << 0, /**< `since STAGE started`. */
    RBK_CLAUSE_HOLD = 1u << 1,    /**< `missing hold D then …`. */
};

/* clang-format off */
/*
 * Expressions: X(ENUM, "words for a message"); the comment says which fields are used.
 *
 *   POISON    nothing: a syntax error stood here and has been reported; say no more about it
 *   NAME      name                        BOOL      number (0 or 1)
 *   STRING    quote; text, or with has_parts: parts, TEXT and other expressions in any order
 *   TEXT      text: a literal piece of an interpolated STRING, escapes resolved; only there
 *   INT       number                      NUMBER    number / 10^decimals, decimals > 0
 *   RATIO     number / 10^decimals, the value itself: 5% is 5 / 10^2, 0.1% is 1 / 10^3
 *   DURATION  number, in milliseconds     BYTES     number, in bytes
 *   MEMBER    left . name                 CALL      left ( arguments )
 *   LIST      [ items ]                   FILE      left = the STRING after `file`
 *   NOT NEGATE  left                      AS        left `as` name
 *   BINARY    op, left, right
 */
/* clang-format on */
#define RBK_EXPRS(X)                 \
    X(POISON, "a broken expression") \
    X(NAME, "a name")                \
    X(STRING, "a text")              \
    X(TEXT, "a piece of text")       \
    X(BOOL, "a bool")                \
    X(INT, "an int")                 \
    X(NUMBER, "a number")            \
    X(RATIO, "a ratio")              \
    X(DURATION, "a duration")        \
    X(BYTES, "a size")               \
    X(MEMBER, "a member")            \
    X(CALL, "a call")                \
    X(LIST, "a list")                \
    X(FILE, "a file")                \
    X(NOT, "`not`")                  \
    X(NEGATE, "`-`")                 \
    X(AS, "`as`")                    \
    X(BINARY, "an operation")

/** The kinds of expression. */
enum rbk_expr_kind {
#define X(name, words) RBK_EXPR_##name,
    RBK_EXPRS(X)
#undef X
        RBK_EXPR_KINDS, /**< How many there are. */
};

/* Operators of RBK_EXPR_BINARY: X(ENUM, "spelling"). */
#define RBK_OPERATORS(X)   \
    X(OR, "or")            \
    X(AND, "and")          \
    X(EQUAL, "==")         \
    X(NOT_EQUAL, "!=")     \
    X(LESS, "<")           \
    X(GREATER, ">")        \
    X(LESS_EQUAL, "<=")    \
    X(GREATER_EQUAL, ">=") \
    X(COALESCE, "??")      \
    X(ADD, "+")            \
    X(SUBTRACT, "-")       \
    X(MULTIPLY, "*")       \
    X(DIVIDE, "/")

/** The operators with two sides. */
enum rbk_operator {
#define X(name, spelling) RBK_OPERATOR_##name,
    RBK_OPERATORS(X)
#undef X
        RBK_OPERATOR_KINDS, /**< How many there are. */
};

/** How a string was quoted. Raw ones (single quotes) have neither escapes nor ${}. */
enum rbk_quote {
    RBK_QUOTE_DOUBLE,        /**< "…" */
    RBK_QUOTE_SINGLE,        /**< '…', raw. */
    RBK_QUOTE_TRIPLE_DOUBLE, /**< """…""", common indentation removed. */
    RBK_QUOTE_TRIPLE_SINGLE, /**< '''…''', raw, common indentation removed. */
};

/** A use, or the declaration, of a name. In lists through next. */
struct rbk_tree_name {
    struct rbk_name *name; /**< Interned spelling; never NULL. */
    struct rbk_tree_name
        *next; /**< The next of a list (`dba, infra_lead`, `std.kubernetes`), or NULL. */
    struct rbk_span span;
    struct rbk_declaration
        *ref;             /**< Annotation, resolver: what the name stands for; NULL if unknown. */
    uint32_t seats_start; /**< In a list of roles, `2 of dba`: where the number stands; else 0. */
    uint32_t quorum;      /**< … and the number; RBK_QUORUM_MAX for anything above. Else 0. */
};

/** More people than any role has members. */
#define RBK_QUORUM_MAX UINT32_MAX

/** How many different people of a role have to agree: 1 where nothing is written. */
static inline uint32_t rbk_tree_quorum(const struct rbk_tree_name *role)
{
    return role->seats_start ? role->quorum : 1;
}

/** A role with the number before it. */
static inline struct rbk_span rbk_tree_seats_span(const struct rbk_tree_name *role)
{
    return role->seats_start ? rbk_span_make(role->seats_start, role->span.end) : role->span;
}

/** A type as the compiler computes it: two bytes, copied freely. The values are enum rbk_type of
 * runtime/core/value.h. */
struct rbk_tree_typing {
    uint8_t type;    /**< enum rbk_type; 0 until the typer has been there. */
    uint8_t element; /**< enum rbk_type of the elements when type is the list type. */
};

/** A type as written: `int`, `list of text`. */
struct rbk_tree_type {
    struct rbk_tree_name name;     /**< Any word; `name.next` is unused. */
    struct rbk_tree_type *element; /**< After `of`, or NULL. */
    struct rbk_span span;
    struct rbk_tree_typing typing; /**< Annotation, typer. */
};

/** An argument of a call, or an entry of `env { }`. */
struct rbk_tree_argument {
    struct rbk_tree_argument *next;
    struct rbk_tree_name *name;  /**< Before the colon; NULL for a positional argument. */
    struct rbk_tree_expr *value; /**< Never NULL; may be RBK_EXPR_FILE. */
    uint32_t index;              /**< Annotation, resolver: the parameter it belongs to. */
};

/** A parameter of an action, reading or channel. */
struct rbk_tree_parameter {
    struct rbk_tree_parameter *next;
    struct rbk_tree_name name;
    struct rbk_tree_type *type;          /**< Never NULL. */
    struct rbk_tree_expr *value;         /**< The default, or NULL. */
    struct rbk_declaration *declaration; /**< Annotation, resolver. */
    struct rbk_span span;
};

/** An expression. */
struct rbk_tree_expr {
    uint8_t kind;     /**< enum rbk_expr_kind. */
    uint8_t op;       /**< enum rbk_operator of BINARY. */
    uint8_t quote;    /**< enum rbk_quote of STRING. */
    uint8_t decimals; /**< Of NUMBER and RATIO. */
    uint16_t depth;   /**< Longest way down to a leaf, from 1; at most RBK_EXPRESSION_DEPTH_MAX. */
    struct rbk_tree_typing typing; /**< Annotation, typer. */
    struct rbk_span span;          /**< Parentheses around an expression are part of it. */
    struct rbk_tree_expr *next;    /**< In lists: items, parts of a string. */
    struct rbk_tree_expr *left;    /**< By kind, see RBK_EXPRS. */
    union {
        struct rbk_tree_expr *right; /**< BINARY. */
        int64_t number;              /**< BOOL INT NUMBER RATIO DURATION BYTES; never negative. */
        struct rbk_str text;         /**< TEXT, and STRING without parts. */
        struct rbk_tree_name *name;  /**< NAME MEMBER AS. */
        struct rbk_tree_argument *arguments; /**< CALL. */
        struct rbk_tree_expr *items;         /**< LIST: the first item or NULL. */
        struct rbk_tree_expr *parts;         /**< STRING with has_parts. */
    };
    uint8_t has_parts;           /**< STRING: parts is in use, not text. */
    uint8_t annotation_flags;    /**< Annotation, free for the later phases. */
    uint32_t annotation_index;   /**< Annotation, free for the later phases (an expression index, a
                                    slot). */
    struct rbk_declaration *ref; /**< Annotation, resolver: what NAME, MEMBER, CALL stand for. */
};

/** What is done when …: `abort with approval of dba within 2m else pause`. */
struct rbk_tree_reaction {
    uint8_t kind;      /**< enum rbk_reaction_kind. */
    uint16_t depth;    /**< How many reactions deep, from 1. */
    bool has_within;   /**< Whether within_ms was written. */
    uint8_t four_eyes; /**< How often `four eyes` was written; more than once is an error. */
    struct rbk_span span;
    struct rbk_tree_name *channel; /**< NOTIFY: the channel. */
    struct rbk_tree_name *roles;   /**< ASK: who; otherwise after `with approval of`, or NULL. */
    uint64_t within_ms;            /**< How long the question may take. */
    struct rbk_tree_reaction
        *otherwise; /**< After `else`, or NULL (then the question has no way out: RBK114). */
};

/** A clause of a statement. */
struct rbk_tree_clause {
    uint8_t kind;              /**< enum rbk_clause_kind. */
    uint8_t flags;             /**< RBK_CLAUSE_STARTED, RBK_CLAUSE_HOLD. */
    uint16_t annotation_flags; /**< Annotation, free for the later phases. */
    struct rbk_span span;      /**< From the clause's word to its end. */
    struct rbk_tree_clause *next;
    uint64_t amount; /**< duration_ms or count of RBK_CLAUSES; see rbk_clause_duration_ms(). */
    struct rbk_tree_expr *value;
    struct rbk_tree_expr *second;
    struct rbk_tree_name *name;
    union {
        struct rbk_tree_reaction *reaction;
        struct rbk_tree_argument *arguments;
    };
};

/** Statements between braces, or at the top of a file. */
struct rbk_tree_block {
    struct rbk_tree_statement *first; /**< NULL when empty. */
    struct rbk_tree_statement *last;
    uint32_t count;
    struct rbk_span span; /**< Braces included. */
};

/** A statement; which fields a kind uses is listed above RBK_STATEMENTS. Unused ones are NULL or 0.
 */
struct rbk_tree_statement {
    uint8_t kind;              /**< enum rbk_statement_kind. */
    uint8_t word;              /**< Small choice: enum rbk_secret_source. */
    uint16_t annotation_flags; /**< Annotation, free for the later phases. */
    uint32_t
        annotation_index; /**< Annotation, free for lowering (a stage, state, effect number). */
    struct rbk_span span; /**< Everything, block included. */
    struct rbk_span head; /**< From the first word to before the clauses and the block: what a
                             message about the statement as a whole underlines. */
    struct rbk_tree_statement *next;
    struct rbk_tree_statement
        *parent;                     /**< Whose block this stands in; NULL at the top of a file. */
    struct rbk_tree_name *name;      /**< Declared or used here. */
    struct rbk_tree_name *names;     /**< A list. */
    struct rbk_tree_expr *text;      /**< A label, title, reason or message: always a STRING. */
    struct rbk_tree_expr *value;     /**< The main expression. */
    struct rbk_tree_clause *clauses; /**< In source order. */
    struct rbk_tree_block *block;    /**< The body. */
    union {
        struct rbk_tree_block *else_block;     /**< IF. */
        struct rbk_tree_expr *second;          /**< PARAM: the `where` condition. */
        struct rbk_tree_name *second_name;     /**< TRIGGER: the severity. */
        uint64_t count;                        /**< ATTEMPTS. */
        struct rbk_tree_parameter *parameters; /**< ACTION READING CHANNEL_TYPE. */
        struct {
            uint16_t from_minute; /**< Of the day, 0 … 1439. */
            uint16_t to_minute;   /**< Of the day; at or before from_minute means the next day. */
        } window;
        struct {
            uint16_t year;
            uint8_t month;   /**< 1 … 12. */
            uint8_t day;     /**< 1 … days of that month. */
            uint16_t minute; /**< Of the day, 0 … 1439. */
        } instant;           /**< NOT_BEFORE. */
    };
    struct rbk_tree_type *type; /**< PARAM READING. */
    struct rbk_declaration
        *declaration; /**< Annotation, resolver: what this statement declares, or NULL. */
    void *
        annotation; /**< Annotation, free for the later phases; owned by the compilation's arena. */
};

/** One parsed source. */
struct rbk_tree_file {
    const struct rbk_source *source; /**< Borrowed. */
    struct rbk_names *names;         /**< Borrowed; shared by the compilation. */
    struct rbk_tree_block block;     /**< The file's statements; parent of each is NULL. */
    bool broken; /**< Whether syntax errors were reported: something may be absent. */
};

/* What a declaration declares: X(ENUM, "words for a message"). The resolver makes declarations; the
 * parser none. */
#define RBK_DECLARATIONS(X)          \
    X(MODULE, "module")              \
    X(PLAN, "plan")                  \
    X(ACTION, "action")              \
    X(READING, "reading")            \
    X(CHANNEL_TYPE, "channel type")  \
    X(PARAM, "param")                \
    X(SECRET, "secret")              \
    X(CONNECTION, "connection")      \
    X(CHANNEL, "channel")            \
    X(PROBE, "probe")                \
    X(ROLE, "role")                  \
    X(SEVERITY, "severity")          \
    X(TRIGGER, "trigger")            \
    X(SIGNAL, "signal")              \
    X(BACKUP, "backup")              \
    X(LOCK, "lock")                  \
    X(STAGE, "stage")                \
    X(STRATEGY, "rollback strategy") \
    X(PARAMETER, "parameter")        \
    X(LET, "let")                    \
    X(INTO, "into")                  \
    X(FOREACH, "foreach")            \
    X(CORE, "built-in")

/** The kinds of declaration. */
enum rbk_declaration_kind {
#define X(name, words) RBK_DECLARATION_##name,
    RBK_DECLARATIONS(X)
#undef X
        RBK_DECLARATION_KINDS, /**< How many there are. */
};

/** Something that has a name. Made by the resolver, one for each declaring statement, parameter or
 * `into`. */
struct rbk_declaration {
    uint8_t kind;                  /**< enum rbk_declaration_kind. */
    uint8_t flags;                 /**< Free for the phases after the resolver. */
    struct rbk_tree_typing typing; /**< Its type, where it has one. */
    uint32_t uses;                 /**< How often it is referred to. */
    uint32_t index;                /**< Free for lowering: slot, stage number, probe number. */
    struct rbk_name *name;
    struct rbk_declaration *outer; /**< What name->bound was before this one came into scope. */
    struct rbk_tree_file
        *file; /**< Where it stands; for MODULE the file of the module; NULL for CORE. */
    struct rbk_tree_statement
        *statement; /**< The declaring statement, or the one that holds `into`; NULL for CORE. */
    struct rbk_tree_parameter *parameter; /**< PARAMETER only. */
    struct rbk_tree_clause *clause;       /**< INTO only. */
    const void *core;                     /**< CORE only: the entry in the table of built-ins. */
    void *annotation;                     /**< Free for the later phases. */
    struct rbk_span span;                 /**< Of the name where it is declared. */
};

/** "use", "wait until", … for messages. */
const char *rbk_statement_words(enum rbk_statement_kind kind);
/** "timeout", "done when", … for messages. */
const char *rbk_clause_words(enum rbk_clause_kind kind);
/** "a call", … for messages. */
const char *rbk_expr_words(enum rbk_expr_kind kind);
/** "==", … as written in a plan. */
const char *rbk_operator_spelling(enum rbk_operator op);
/** "stage", … for messages. */
const char *rbk_declaration_words(enum rbk_declaration_kind kind);

/** The first clause of @kind, or NULL. Lists are short: this walks. */
struct rbk_tree_clause *rbk_tree_clause_find(const struct rbk_tree_statement *statement,
                                             enum rbk_clause_kind kind);

/** The next clause of the same kind after @clause (a repeated `header`, a doubled `timeout`), or
 * NULL. */
struct rbk_tree_clause *rbk_tree_clause_next(const struct rbk_tree_clause *clause);

/** The duration of a TIMEOUT, EVERY, FOR, WITHIN, MISSING (hold) or ESCALATE_STEP clause, in
 * milliseconds. */
static inline uint64_t rbk_clause_duration_ms(const struct rbk_tree_clause *clause)
{
    return clause->amount;
}

/** The count of a RETRY, FOR_READINGS, MISSING_AFTER, AT_MOST or AT_LEAST clause. */
static inline uint64_t rbk_clause_count(const struct rbk_tree_clause *clause)
{
    return clause->amount;
}

#endif
