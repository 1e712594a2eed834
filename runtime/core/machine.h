#ifndef RBK_RUNTIME_CORE_MACHINE_H
#define RBK_RUNTIME_CORE_MACHINE_H

/*
 * The machine: what rbkc makes of a checked plan, and all the runtime ever sees of it. Plain tables
 * that name each other by index; no pointers between rows, no code.
 *
 * Those who know this format: compiler/lower (fills it), core/machine_format.c (describes its rows,
 * for core/machine_json.c, which writes its canonical text, core/machine_read.c, which reads it,
 * and core/machine_check.c, which proves every index and bound of a loaded one), and core/step.c
 * (walks it).
 *
 * Conventions: RBK_NONE is "no row"; an expression field names a row of `exprs`; a slice is
 * {first, count} into the table its comment names; all times are milliseconds. 0 in a `…_ms` limit
 * means "none was written".
 */

#include "runtime/core/expr.h"

#define RBK_MACHINE_FORMAT_VERSION 1u
#define RBK_NONE UINT32_MAX
/* The largest `…_ms` of a machine: 285,000 years, so that an instant and a span never overflow. */
#define RBK_MACHINE_MS_MAX ((uint64_t)1 << 53)
#define RBK_SIGNALS_MAX 64u        /* signals of a plan: bits of rbk_state.signals */
#define RBK_QUESTION_ROLES_MAX 32u /* roles of a question … */
#define RBK_QUESTION_SEATS_MAX 32u /* … and its seats (seat.h): bits of its approvals */

struct rbk_slice {
    uint32_t first;
    uint32_t count;
};

/* A place in a source of the plan. Line and column count from 1; source is a row of `sources`. */
struct rbk_machine_place {
    uint32_t source;
    uint32_t line;
    uint32_t column;
};

/* ---- what states do -------------------------------------------------------------------------- */

/* X(constant, word, meaning) */
#define RBK_REGION_KINDS(X)                                    \
    X(PLAN, "plan", "region 0; drives the others")             \
    X(STAGE, "stage", "one stage of the plan")                 \
    X(BRANCH, "branch", "one statement of a `parallel` block") \
    X(RETIRE, "retire", "the `retire` block, after grace")

#define RBK_STATE_KINDS(X)                                                                        \
    X(EFFECT, "effect", "carry out `effect`, then next[outcome]")                                 \
    X(GUARD, "guard",                                                                             \
      "next[ok] when the effect of state `guard` was dispatched in this attempt "                 \
      "of the stage, else next[fail]")                                                            \
    X(FORK, "fork",                                                                               \
      "start the branch regions in `branches`; next[ok] when all ended well, "                    \
      "next[fail] when one failed and the others were stopped")                                   \
    X(PASS, "pass", "go to next[ok] at once")                                                     \
    X(WAITING, "waiting", "a stage before its predecessors, `not before` and window allow it")    \
    X(APPLIED, "applied", "a stage (or retire) that stands")                                      \
    X(ROLLBACK, "rollback", "a stage about to be rolled back: waits for its turn, then next[ok]") \
    X(ROLLED_BACK, "rolled_back", "a stage taken back and verified")                              \
    X(HELD, "held", "a stage that failed before its apply")                                       \
    X(STUCK, "stuck", "a stage whose strategies are used up")                                     \
    X(BRANCH_DONE, "branch_done", "the good end of a branch")                                     \
    X(BRANCH_FAILED, "branch_failed", "the bad end of a branch")                                  \
    X(START, "start", "plan: before anything")                                                    \
    X(STAGES, "stages", "plan: the stages run; next[ok] when all stand applied")                  \
    X(OBSERVE, "observe", "plan: all applied, triggers armed, for observe_ms")                    \
    X(GRACE, "grace", "plan: the old system stays, `abort` works, for grace_ms")                  \
    X(RETIRING, "retiring", "plan: the retire region runs")                                       \
    X(ABORTING, "aborting", "plan: every stage rolls back; next[ok] when none stands")            \
    X(COMPLETED, "completed", "end of the plan")                                                  \
    X(ABORTED, "aborted", "end of the plan: rolled back, verified")                               \
    X(CANCELLED, "cancelled", "end of the plan: nothing had been applied")

/* Which part of a stage's or plan's life a state belongs to. */
#define RBK_PHASES(X)                     \
    X(PLAN, "plan")                       \
    X(WAITING, "waiting")                 \
    X(REQUIRE, "require")                 \
    X(APPROVE, "approve")                 \
    X(PREPARE, "prepare")                 \
    X(APPLY, "apply")                     \
    X(VERIFY, "verify")                   \
    X(APPLIED, "applied")                 \
    X(ROLLBACK, "rollback")               \
    X(ROLLBACK_VERIFY, "rollback_verify") \
    X(REST, "rest")                       \
    X(RELEASE, "release")

/* How an effect can end. MISSING: a condition that could not be read. DENIED and EXPIRED only come
 * from questions. DOUBT: it may or may not have happened. */
#define RBK_OUTCOMES(X)   \
    X(OK, "ok")           \
    X(FAIL, "fail")       \
    X(TIMEOUT, "timeout") \
    X(MISSING, "missing") \
    X(DENIED, "denied")   \
    X(EXPIRED, "expired") \
    X(DOUBT, "doubt")

/* What an effect is. Column three is the driver that carries it out. */
#define RBK_EFFECT_KINDS(X)                                                                    \
    X(RUN, "run", "exec")                                                                      \
    X(SHELL, "shell", "exec")                                                                  \
    X(SQL, "sql", "sql")                                                                       \
    X(HTTP, "http", "http")                                                                    \
    X(REDIS, "redis", "redis")                                                                 \
    X(LET, "let", "reading")     /* evaluate `condition`, bind it to `into` */                 \
    X(CHECK, "check", "reading") /* `condition` with for/retry; ok, fail, missing, timeout */  \
    X(TEST, "test", "reading")   /* if, when: ok = true, fail = false */                       \
    X(REQUIRE, "require", "reading")                                                           \
    X(WAIT, "wait", "timer") /* DURATION arg, a wall-clock instant once it has begun */        \
    X(WAIT_UNTIL, "wait_until", "reading")                                                     \
    X(CAPTURE, "capture", "reading")      /* evaluate `condition`, keep as evidence */         \
    X(CAPTURE_RUN, "capture_run", "exec") /* keep a command's output as evidence */            \
    X(NOTIFY, "notify", "outbox")                                                              \
    X(QUESTION, "question", "people") /* approve, attest, ask, manual */                       \
    X(BASELINE, "baseline", "probes") /* measure all baselines */                              \
    X(ARM, "arm", "probes")           /* every trigger armed from the first apply must read */ \
    X(NOTHING, "nothing", "none")

/* How a resumed run learns what happened to an effect that was under way. */
#define RBK_CRASH_RULES(X)                                                         \
    X(AGAIN, "again", "idempotent, a reading, a notification: carry it out again") \
    X(TRANSACTION, "transaction", "ask the server (xid status or receipt row)")    \
    X(ATTACH, "attach", "ask the supervisor; where it does not know, a person")    \
    X(LOOK, "look", "`done when`: evaluate `done_when`")                           \
    X(ASK, "ask", "`in doubt ask …`: the question `doubt_question`")               \
    X(DURABLE, "durable", "lives in the journal itself: question, wait, nothing")

/* The parts of an effect or reading. X(constant, word, meaning) */
#define RBK_ARG_KINDS(X)                                                                  \
    X(WORD, "word", "one word of an argv")                                                \
    X(SCRIPT, "script", "the text of a `shell`; its values come as ENVIRONMENT")          \
    X(DIRECTORY, "directory", "`in DIR`")                                                 \
    X(ENVIRONMENT, "environment", "`env { name: value }`")                                \
    X(STDIN, "stdin", "`stdin v`")                                                        \
    X(EXPECT, "expect", "one accepted exit or HTTP status (number); none: 0, or 200-299") \
    X(CANCEL_WORD, "cancel_word", "one word of the `cancel` command's argv")              \
    X(STATEMENT, "statement", "the SQL text, `$1`… where values are bound")               \
    X(BIND, "bind", "one bind parameter, in order")                                       \
    X(METHOD, "method", "HTTP method")                                                    \
    X(URL, "url", "the URL")                                                              \
    X(HEADER, "header", "an HTTP header: name, value")                                    \
    X(BODY, "body", "the body as it is")                                                  \
    X(JSON, "json", "the body, JSON")                                                     \
    X(FILTER, "filter", "a jq filter over the answer")                                    \
    X(LABEL, "label", "what a person reads: a check's label, a question's text")          \
    X(MESSAGE, "message", "the text of a notification")                                   \
    X(DURATION, "duration", "how long to wait")                                           \
    X(PROGRESS, "progress", "a ratio for the display")                                    \
    X(PATH, "path", "a file, directory or mount point")                                   \
    X(NAME, "name", "the name of an environment variable or alert")                       \
    X(ALERT_LABEL, "alert_label", "one label an alert must carry: name, value")

/* Core readings. X(constant, spelling in a plan, driver, type it gives) */
#define RBK_READ_KINDS(X)                              \
    X(HTTP_STATUS, "http.status", "http", INT)         \
    X(HTTP_JSON, "http.json", "http", SCALAR)          \
    X(HTTP_TEXT, "http.text", "http", TEXT)            \
    X(HTTP_LATENCY, "http.latency", "http", DURATION)  \
    X(SQL_VALUE, "sql.value", "sql", SCALAR)           \
    X(SQL_RATIO, "sql.ratio", "sql", RATIO)            \
    X(SQL_ROWS, "sql.rows", "sql", INT)                \
    X(REDIS_VALUE, "redis.value", "redis", SCALAR)     \
    X(RUN_EXIT, "run.exit", "exec", INT)               \
    X(RUN_OUTPUT, "run.output", "exec", SCALAR)        \
    X(RUN_JSON, "run.json", "exec", SCALAR)            \
    X(FILE_EXISTS, "file.exists", "host", BOOL)        \
    X(FILE_SIZE, "file.size", "host", BYTES)           \
    X(FILE_SHA256, "file.sha256", "host", TEXT)        \
    X(HOST_DISK_FREE, "host.disk_free", "host", RATIO) \
    X(HOST_LOAD, "host.load", "host", NUMBER)          \
    X(ALERT, "alert", "inbox", BOOL)                   \
    X(ENV, "env", "host", TEXT)

#define RBK_WINDOW_KINDS(X) \
    X(LAST, "last")         \
    X(AVG, "avg")           \
    X(MAX, "max")           \
    X(MIN, "min")           \
    X(COUNT, "count")
#define RBK_QUESTION_KINDS(X)                                                       \
    X(APPROVE, "approve") /* yes or no by somebody of every role */                 \
    X(ATTEST, "attest")   /* a person states that something is so */                \
    X(ASK, "ask")         /* yes or no */                                           \
    X(MANUAL, "manual")   /* a person did it, or could not */                       \
    X(DECIDE, "decide")   /* a trigger's `ask`: abort, rollback, pause or ignore */ \
    X(DOUBT, "doubt")     /* did it happen? done or not-done */                     \
    X(HELD, "held")       /* of a run: continue, abort, cancel or ignore */
#define RBK_REACTION_KINDS(X) \
    X(ABORT, "abort")         \
    X(ROLLBACK, "rollback")   \
    X(PAUSE, "pause")         \
    X(ASK, "ask")             \
    X(NOTIFY, "notify")       \
    X(CANCEL, "cancel")       \
    X(KEEP, "keep")           \
    X(HOLD, "hold")
#define RBK_CONNECTION_KINDS(X) \
    X(POSTGRES, "postgres")     \
    X(SQLITE, "sqlite")         \
    X(REDIS, "redis")
#define RBK_SECRET_SOURCES(X) \
    X(ENV, "env")             \
    X(FILE, "file")           \
    X(COMMAND, "command")
#define RBK_HOOK_KINDS(X)     \
    X(START, "start")         \
    X(PAUSE, "pause")         \
    X(HOLD, "hold")           \
    X(ABORT, "abort")         \
    X(STAGE, "stage")         \
    X(STUCK, "stuck")         \
    X(ABORTED, "aborted")     \
    X(COMPLETED, "completed") \
    X(CANCELLED, "cancelled") \
    X(NO_WAY_BACK, "no_way_back")
#define RBK_STAGE_KINDS(X)            \
    X(APPLICATION, "application")     \
    X(CONFIGURATION, "configuration") \
    X(DATABASE, "database")           \
    X(DATA, "data")                   \
    X(INFRASTRUCTURE, "infrastructure")
#define RBK_RISKS(X)    \
    X(LOW, "low")       \
    X(MEDIUM, "medium") \
    X(HIGH, "high")
#define RBK_SINCE_KINDS(X)                                                                \
    X(FIRST_APPLY, "first_apply")     /* default of a plan's trigger */                   \
    X(STAGE_STARTED, "stage_started") /* since STAGE started; default of a stage's own */ \
    X(STAGE_APPLIED, "stage_applied") /* since STAGE */                                   \
    X(DURING_APPLY, "during_apply")   /* only while that stage's apply runs */

#define X(constant, word, ...) RBK_REGION_##constant,
enum rbk_region_kind { RBK_REGION_KINDS(X) RBK_REGION_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_STATE_##constant,
enum rbk_state_kind { RBK_STATE_KINDS(X) RBK_STATE_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_PHASE_##constant,
enum rbk_phase { RBK_PHASES(X) RBK_PHASE_COUNT };
#undef X
#define X(constant, word, ...) RBK_OUTCOME_##constant,
enum rbk_outcome { RBK_OUTCOMES(X) RBK_OUTCOME_COUNT };
#undef X
#define X(constant, word, ...) RBK_EFFECT_##constant,
enum rbk_effect_kind { RBK_EFFECT_KINDS(X) RBK_EFFECT_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_CRASH_##constant,
enum rbk_crash_rule { RBK_CRASH_RULES(X) RBK_CRASH_RULE_COUNT };
#undef X
#define X(constant, word, ...) RBK_ARG_##constant,
enum rbk_arg_kind { RBK_ARG_KINDS(X) RBK_ARG_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_READ_##constant,
enum rbk_read_kind { RBK_READ_KINDS(X) RBK_READ_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_WINDOW_##constant,
enum rbk_window_kind { RBK_WINDOW_KINDS(X) RBK_WINDOW_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_QUESTION_##constant,
enum rbk_question_kind { RBK_QUESTION_KINDS(X) RBK_QUESTION_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_REACTION_##constant,
enum rbk_reaction_kind { RBK_REACTION_KINDS(X) RBK_REACTION_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_CONNECTION_##constant,
enum rbk_connection_kind { RBK_CONNECTION_KINDS(X) RBK_CONNECTION_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_SECRET_##constant,
enum rbk_secret_source { RBK_SECRET_SOURCES(X) RBK_SECRET_SOURCE_COUNT };
#undef X
#define X(constant, word, ...) RBK_HOOK_##constant,
enum rbk_hook_kind { RBK_HOOK_KINDS(X) RBK_HOOK_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_STAGE_##constant,
enum rbk_stage_kind { RBK_STAGE_KINDS(X) RBK_STAGE_KIND_COUNT };
#undef X
#define X(constant, word, ...) RBK_RISK_##constant,
enum rbk_risk { RBK_RISKS(X) RBK_RISK_COUNT };
#undef X
#define X(constant, word, ...) RBK_SINCE_##constant,
enum rbk_since { RBK_SINCE_KINDS(X) RBK_SINCE_COUNT };
#undef X

/* ---- rows ------------------------------------------------------------------------------------ */

/* A source text the plan was made of, for messages and graphs. `sha256` is of its bytes (hex). */
struct rbk_machine_source {
    struct rbk_str path; /* the plan's file without its folder; modules as `std.kubernetes` */
    struct rbk_str sha256;
};

/* A stack program with the readings it needs. */
struct rbk_expr {
    struct rbk_slice code;  /* rows of `codes` */
    struct rbk_slice reads; /* rows of `reads`, taken in order; a later one may use an earlier */
    enum rbk_type type;
    struct rbk_str text; /* as the plan spells it, for messages: `error_rate < 0.1%` */
};

/* One part of an effect or reading. */
struct rbk_arg {
    enum rbk_arg_kind kind;
    struct rbk_str name; /* ENVIRONMENT, HEADER, ALERT_LABEL; else empty */
    uint32_t expr;
};

/* One core reading. */
struct rbk_read {
    enum rbk_read_kind kind;
    uint32_t connection; /* SQL_*, REDIS_*; else RBK_NONE */
    struct rbk_slice args;
    uint64_t timeout_ms; /* never 0 */
    struct rbk_machine_place place;
};

struct rbk_param {
    struct rbk_str name;
    enum rbk_type type;
    enum rbk_type item_type; /* of a LIST, else UNKNOWN */
    uint32_t value;          /* the default's expression; RBK_NONE: must be given */
    uint32_t where;          /* a bool expression over params; RBK_NONE: none */
    struct rbk_str message;  /* what `where` says when it does not hold */
    struct rbk_machine_place place;
};

struct rbk_secret {
    struct rbk_str name;
    enum rbk_secret_source source;
    uint32_t text; /* expression: variable name, file path or command line */
    struct rbk_machine_place place;
};

struct rbk_connection {
    struct rbk_str name;
    enum rbk_connection_kind kind;
    uint32_t address; /* expression, may use secrets and params */
    struct rbk_machine_place place;
};

struct rbk_role {
    struct rbk_str name;
    struct rbk_str contact;
    struct rbk_slice members; /* rows of `texts`; none: anybody may speak for it */
    struct rbk_machine_place place;
};

/* `escalate stuck to dba, then infra_lead after 10m`: one row a step. */
struct rbk_escalation {
    uint32_t role;
    uint64_t after_ms; /* from the moment the run got stuck */
    struct rbk_machine_place place;
};

/* A channel of the plan: effects carried out in order, by the outbox, to deliver one message. */
struct rbk_channel {
    struct rbk_str name;
    struct rbk_slice effects;
    struct rbk_machine_place place;
};

struct rbk_probe {
    struct rbk_str name;
    uint32_t expr; /* the reading */
    enum rbk_type type;
    uint64_t every_ms;
    uint64_t timeout_ms;
    uint32_t missing_after; /* readings in a row that must fail before the probe is missing; >= 1 */
    uint32_t ring_capacity; /* samples its windows need */
    bool pushed;            /* an `alert` probe: never polled */
    struct rbk_machine_place place;
};

/* An aggregate over a probe's recent readings. */
struct rbk_window {
    enum rbk_window_kind kind;
    uint32_t probe;
    uint64_t over_ms; /* 0 for LAST without a span */
};

struct rbk_baseline {
    uint32_t probe;
    uint32_t over;     /* expression, a duration */
    uint32_t readings; /* `at least N readings`; 0: half of what `over` holds, at least one */
    struct rbk_machine_place place;
};

struct rbk_question {
    enum rbk_question_kind kind;
    uint32_t text;          /* expression */
    struct rbk_slice roles; /* rows of `indexes` naming roles; each must answer */
    struct rbk_slice
        quorums;        /* rows of `indexes`, one for each role: by so many different people */
    uint64_t within_ms; /* never 0 */
    uint32_t otherwise; /* reaction on silence, and on a refusal of a gate */
    bool four_eyes;     /* nobody counts who started or resumed the run, and nobody for two roles */
    struct rbk_machine_place place;
};

struct rbk_reaction {
    enum rbk_reaction_kind kind;
    uint32_t question; /* ASK; and ABORT, ROLLBACK, PAUSE `with approval of`; else RBK_NONE */
    uint32_t channel;  /* NOTIFY */
    uint64_t hold_ms;  /* HOLD */
    uint32_t then;     /* HOLD */
};

struct rbk_trigger {
    struct rbk_str name;
    struct rbk_str severity; /* as written, may be empty */
    uint32_t region;         /* the stage it stands in; RBK_NONE: the plan's */
    uint32_t condition;      /* reads windows and baselines, or readings of its own */
    uint64_t every_ms;       /* how often its own readings are taken; 0: only probes */
    uint64_t for_ms;         /* `for D`; 0: none */
    uint32_t for_readings;   /* `for N readings`; 0: none */
    uint64_t confirm_ms;     /* `confirm within D`: a second look for at most so long; 0: none */
    enum rbk_since since;
    uint32_t since_region;   /* stage of STAGE_STARTED, STAGE_APPLIED, DURING_APPLY */
    struct rbk_slice except; /* `indexes`: stage regions during which it sleeps */
    uint32_t reaction;
    uint32_t missing; /* reaction when its condition is missing */
    bool pushed;      /* depends on alert probes only: no reading needed to arm it */
    struct rbk_machine_place place;
};

/* `abort when COND "message"` */
struct rbk_criterion {
    uint32_t condition;
    bool reads_probes; /* false: step() evaluates it itself from run variables */
    struct rbk_str message;
    struct rbk_machine_place place;
};

struct rbk_signal {
    struct rbk_str name;
    struct rbk_str message;
    struct rbk_machine_place place;
};

/* A message of a hook or a report. */
struct rbk_message {
    uint32_t channel;
    uint32_t text; /* expression */
    struct rbk_machine_place place;
};

struct rbk_hook {
    enum rbk_hook_kind kind;
    struct rbk_slice messages;
};

struct rbk_report {
    uint32_t message;
    uint32_t every; /* expression, a duration */
};

struct rbk_slot {
    struct rbk_str name; /* `before`, `leads_before`, qualified by stage and action for display */
    enum rbk_type type;
};

/* `window weekdays 22:00 to 02:00 "Europe/Berlin"`; core/daily.h has what it means. */
struct rbk_daily_window {
    uint32_t from_minute; /* of the day, local time of the zone */
    uint32_t to_minute;   /* of the next day, where it is not later than from_minute */
    uint32_t days;        /* on which it opens, a bit each: 1 is Monday, 64 Sunday; never 0 */
    uint32_t unused;      /* 0: keeps the row without padding */
    struct rbk_str zone;  /* "UTC", "+01:00" or a name */
};

struct rbk_effect {
    enum rbk_effect_kind kind;
    struct rbk_slice args;
    uint32_t connection;  /* SQL, REDIS; RUN and SHELL: `using` */
    uint32_t condition;   /* LET, CHECK, TEST, REQUIRE, WAIT_UNTIL, CAPTURE */
    uint64_t timeout_ms;  /* 0: what is left of the block */
    uint32_t retry_count; /* further attempts after the first */
    uint64_t retry_every_ms;
    uint64_t for_ms;   /* CHECK, REQUIRE, WAIT_UNTIL … for D */
    uint64_t every_ms; /* between two readings of a `for`, a `wait until` or a check's retry */
    enum rbk_crash_rule crash;
    uint32_t done_when;      /* LOOK; of a QUESTION: looked at every_ms, ends it when it holds */
    uint32_t doubt_question; /* ASK; of a manual QUESTION: when it is cut off or not answered */
    uint32_t question;       /* QUESTION */
    uint32_t channel;        /* NOTIFY */
    uint32_t into;           /* slot bound to the result */
    bool autocommit;         /* SQL */
    bool idempotent;         /* `idempotent` was written, or the kind is by nature */
    bool optional;           /* failure is recorded and passed over: FAIL counts as OK */
    struct rbk_str because;  /* of optional, wait, nothing */
    struct rbk_str text;     /* one line for people: the statement as written */
    struct rbk_machine_place place;
};

/* A block with a deadline; blocks nest at most RBK_BLOCK_DEPTH_MAX deep. */
#define RBK_BLOCK_DEPTH_MAX 4u
struct rbk_block {
    uint32_t region;
    uint32_t parent;    /* RBK_NONE: outermost */
    uint32_t depth;     /* 0 for an outermost block, parent's + 1 else */
    uint64_t within_ms; /* 0: none of its own */
    uint32_t expired;   /* the state its region goes to when the time is up */
    struct rbk_machine_place place;
};

struct rbk_machine_state {
    struct rbk_str name; /* `migrate.rollback.from_backup.2` */
    enum rbk_state_kind kind;
    enum rbk_phase phase;
    uint32_t region;
    uint32_t block;                   /* RBK_NONE: no deadline */
    uint32_t effect;                  /* EFFECT; else RBK_NONE */
    uint32_t guard;                   /* GUARD: a state of kind EFFECT */
    struct rbk_slice branches;        /* FORK: regions (rows of `regions`, consecutive) */
    uint32_t next[RBK_OUTCOME_COUNT]; /* global state indexes; RBK_NONE where it cannot happen */
    struct rbk_machine_place place;
};

/* A rollback strategy of a stage, in the order written. */
struct rbk_strategy {
    struct rbk_str name;  /* empty when the plan gives none */
    uint32_t first_state; /* its `when`, or its first step */
    uint32_t when;        /* expression; RBK_NONE: always */
    uint64_t when_every_ms;
    uint64_t within_ms;
    struct rbk_machine_place place;
};

/* `after a for 24h` */
struct rbk_predecessor {
    uint32_t region;
    uint64_t for_ms;
};

struct rbk_region {
    enum rbk_region_kind kind;
    struct rbk_str name;
    struct rbk_str title;
    struct rbk_slice states; /* consecutive rows of `states`; the first is where it begins */
    uint32_t parent;         /* BRANCH: the region whose FORK starts it; else RBK_NONE */
    /* stages only */
    uint32_t applied, rollback, rolled_back, held, stuck; /* states; RBK_NONE elsewhere */
    uint32_t apply;                                       /* first state of its apply */
    struct rbk_slice predecessors;                        /* rows of `predecessors` */
    struct rbk_slice strategies;                          /* rows of `strategies` */
    uint32_t window;                                      /* row of `windows_daily`; RBK_NONE */
    uint64_t not_before_ms;                               /* wall clock; 0: none */
    uint64_t not_before_shown_ms;   /* … or when the clocks of the zone show this: as if it */
    struct rbk_str not_before_zone; /* were UTC; an empty zone: not so */
    uint32_t attempts;              /* `attempts N`: at least 1 */
    uint64_t attempts_every_ms;
    enum rbk_stage_kind stage_kind;
    enum rbk_risk risk;
    bool has_kind, has_risk;
    struct rbk_str data;      /* the data words as written, for people */
    struct rbk_str unwatched; /* reason, may be empty */
    struct rbk_machine_place place;
};

struct rbk_waiver {
    struct rbk_str code;
    struct rbk_str because;
    struct rbk_machine_place place;
};

/* Every table: X(row type, field and name in JSON, prefix of its count). The loader, the writer and
 * the allocator go over this list. */
#define RBK_MACHINE_TABLES(X)                               \
    X(struct rbk_machine_source, sources, source)           \
    X(struct rbk_str, texts, text)                          \
    X(uint32_t, indexes, index)                             \
    X(struct rbk_value, constants, constant)                \
    X(struct rbk_op_code, codes, code)                      \
    X(struct rbk_expr, exprs, expr)                         \
    X(struct rbk_arg, args, arg)                            \
    X(struct rbk_read, reads, read)                         \
    X(struct rbk_param, params, param)                      \
    X(struct rbk_secret, secrets, secret)                   \
    X(struct rbk_connection, connections, connection)       \
    X(struct rbk_role, roles, role)                         \
    X(struct rbk_escalation, escalations, escalation)       \
    X(struct rbk_channel, channels, channel)                \
    X(struct rbk_probe, probes, probe)                      \
    X(struct rbk_window, windows, window)                   \
    X(struct rbk_baseline, baselines, baseline)             \
    X(struct rbk_question, questions, question)             \
    X(struct rbk_reaction, reactions, reaction)             \
    X(struct rbk_trigger, triggers, trigger)                \
    X(struct rbk_criterion, criteria, criterion)            \
    X(struct rbk_signal, signals, signal)                   \
    X(struct rbk_message, messages, message)                \
    X(struct rbk_hook, hooks, hook)                         \
    X(struct rbk_report, reports, report)                   \
    X(struct rbk_slot, slots, slot)                         \
    X(struct rbk_daily_window, daily_windows, daily_window) \
    X(struct rbk_effect, effects, effect)                   \
    X(struct rbk_block, blocks, block)                      \
    X(struct rbk_machine_state, states, state)              \
    X(struct rbk_strategy, strategies, strategy)            \
    X(struct rbk_predecessor, predecessors, predecessor)    \
    X(struct rbk_region, regions, region)                   \
    X(struct rbk_waiver, waivers, waiver)

/* Tables: machine->states[i] for i < machine->state_count, and so on. */
struct rbk_machine {
    uint32_t format_version;
    char hash[65]; /* SHA-256 (hex) of what the machine means: all rows but places and `sources`, so
                      that layout and comments of a plan do not change it. What runs, rehearsals
                      and stores know a machine by; not in its text, where "integrity" is the hash
                      of all other bytes. Set by rbk_machine_write() and rbk_machine_read(). */
    struct rbk_str name, title, ticket, owner, service;
    uint64_t estimate_ms;         /* 0: none */
    uint64_t rollback_within_ms;  /* 0: none */
    uint64_t rehearsed_within_ms; /* 0: none */
    uint64_t held_at_most_ms;     /* never 0: one hour by default */
    uint32_t held_otherwise;      /* reaction: abort by default */
    uint32_t observe, grace;      /* expressions (durations); RBK_NONE: none */
    uint32_t daily_window;        /* the plan's own; RBK_NONE */
    uint32_t retire_region;       /* RBK_NONE */
    uint32_t aborting_state;      /* the plan region's ABORTING */
    uint32_t cancelling_state;    /* where a cancel goes: the releases, or CANCELLED */
    uint32_t stages_state;        /* the plan region's STAGES */
#define X(type, rows, row) \
    type *rows;            \
    uint32_t row##_count;
    RBK_MACHINE_TABLES(X)
#undef X
};

/* Words of the enumerations, by constant; "?" out of range. */
const char *rbk_region_kind_name(enum rbk_region_kind kind);
const char *rbk_state_kind_name(enum rbk_state_kind kind);
const char *rbk_phase_name(enum rbk_phase phase);
const char *rbk_outcome_name(enum rbk_outcome outcome);
const char *rbk_effect_kind_name(enum rbk_effect_kind kind);
const char *rbk_crash_rule_name(enum rbk_crash_rule rule);
const char *rbk_arg_kind_name(enum rbk_arg_kind kind);
const char *rbk_read_kind_name(enum rbk_read_kind kind); /* "http.status" */
enum rbk_type rbk_read_kind_type(enum rbk_read_kind kind);
const char *rbk_window_kind_name(enum rbk_window_kind kind);
const char *rbk_question_kind_name(enum rbk_question_kind kind);
const char *rbk_reaction_kind_name(enum rbk_reaction_kind kind);
const char *rbk_connection_kind_name(enum rbk_connection_kind kind);
const char *rbk_secret_source_name(enum rbk_secret_source source);
const char *rbk_hook_kind_name(enum rbk_hook_kind kind);
const char *rbk_stage_kind_name(enum rbk_stage_kind kind);
const char *rbk_risk_name(enum rbk_risk risk);
const char *rbk_since_name(enum rbk_since since);

/*
 * Write the canonical text: UTF-8 JSON, keys sorted, no white space but a line end after each row
 * of a table (so that `diff` shows rows), reals as decimal strings, integers exact.
 * Sets machine->hash. Two equal machines give the same bytes on every host.
 * @return 0 or -RBK_ENOMEM / -RBK_ELIMIT.
 */
RBK_MUST_USE int rbk_machine_write(struct rbk_machine *machine, struct rbk_buffer *out,
                                   struct rbk_error *reterr);

/*
 * Read a machine from hostile bytes. Every index, bound, type, UTF-8 text and the hash are checked
 * (rbk_machine_check); the result lives in `arena`.
 * @return 0, or -RBK_EMACHINE / -RBK_EVERSION / -RBK_ELIMIT with a message that says where.
 */
RBK_MUST_USE int rbk_machine_read(struct rbk_arena *arena, struct rbk_str bytes,
                                  const struct rbk_machine **ret_machine, struct rbk_error *reterr);

/* Check every index and bound, that programs are typed and balanced, that blocks nest, that every
 * state's region walk stays inside its region. 0 or -RBK_EMACHINE. */
RBK_MUST_USE int rbk_machine_check(const struct rbk_machine *machine, struct rbk_error *reterr);

#endif
