/*
 * The reserved words, once: X(TOKEN, "word"). The table of names is filled from this list, so that
 * the scanner finds a word and its token in one look-up; the grammar declares the same tokens with
 * the words as their aliases (tests/unit/compiler/name_test.c compares the two).
 *
 * RBK_WORDS_AS_NAMES are the reserved words that also serve as names wherever a name may stand.
 * After a dot, before a colon and as a type any word does: that is the grammar's business alone.
 */
#ifndef RBK_COMPILER_KEYWORD_H
#define RBK_COMPILER_KEYWORD_H

#define RBK_WORDS_AS_NAMES(X) \
    X(BASELINE, "baseline")   \
    X(BEFORE, "before")       \
    X(COMMAND, "command")     \
    X(CONFIRM, "confirm")     \
    X(ENV, "env")             \
    X(ESTIMATE, "estimate")   \
    X(EYES, "eyes")           \
    X(FILE, "file")           \
    X(FOUR, "four")           \
    X(HTTP, "http")           \
    X(LEAST, "least")         \
    X(PLAN, "plan")           \
    X(READINGS, "readings")   \
    X(REDIS, "redis")         \
    X(RUN, "run")             \
    X(SQL, "sql")             \
    X(STUCK, "stuck")

#define RBK_WORDS_RESERVED(X)   \
    X(ABORT, "abort")           \
    X(ACQUIRE, "acquire")       \
    X(ACTION, "action")         \
    X(AFTER, "after")           \
    X(ALLOW, "allow")           \
    X(AND, "and")               \
    X(APPLY, "apply")           \
    X(APPROVAL, "approval")     \
    X(APPROVE, "approve")       \
    X(AS, "as")                 \
    X(ASK, "ask")               \
    X(AT, "at")                 \
    X(ATTEMPTS, "attempts")     \
    X(ATTEST, "attest")         \
    X(AUTOCOMMIT, "autocommit") \
    X(BACKUP, "backup")         \
    X(BECAUSE, "because")       \
    X(BODY, "body")             \
    X(BY, "by")                 \
    X(CANCEL, "cancel")         \
    X(CAPTURE, "capture")       \
    X(CHANNEL, "channel")       \
    X(CHECK, "check")           \
    X(CONNECTION, "connection") \
    X(CONTACT, "contact")       \
    X(CREATED, "created")       \
    X(DATA, "data")             \
    X(DO, "do")                 \
    X(DONE, "done")             \
    X(DOUBT, "doubt")           \
    X(DURING, "during")         \
    X(ELSE, "else")             \
    X(ESCALATE, "escalate")     \
    X(EVERY, "every")           \
    X(EXCEPT, "except")         \
    X(EXPECT, "expect")         \
    X(FALSE, "false")           \
    X(FOR, "for")               \
    X(FOREACH, "foreach")       \
    X(FROM, "from")             \
    X(GRACE, "grace")           \
    X(HEADER, "header")         \
    X(HELD, "held")             \
    X(HOLD, "hold")             \
    X(IDEMPOTENT, "idempotent") \
    X(IF, "if")                 \
    X(IN, "in")                 \
    X(INTO, "into")             \
    X(JSON, "json")             \
    X(KEEP, "keep")             \
    X(KIND, "kind")             \
    X(LET, "let")               \
    X(LOCK, "lock")             \
    X(MANUAL, "manual")         \
    X(MEMBERS, "members")       \
    X(MISSING, "missing")       \
    X(MODIFIED, "modified")     \
    X(MODULE, "module")         \
    X(MOST, "most")             \
    X(NOT, "not")               \
    X(NOTHING, "nothing")       \
    X(NOTIFY, "notify")         \
    X(OBSERVE, "observe")       \
    X(OF, "of")                 \
    X(ON, "on")                 \
    X(OPTIONAL, "optional")     \
    X(OR, "or")                 \
    X(OVER, "over")             \
    X(OWNER, "owner")           \
    X(PARALLEL, "parallel")     \
    X(PARAM, "param")           \
    X(PAUSE, "pause")           \
    X(PREPARE, "prepare")       \
    X(PROBE, "probe")           \
    X(PROGRESS, "progress")     \
    X(READING, "reading")       \
    X(REHEARSED, "rehearsed")   \
    X(RELEASE, "release")       \
    X(REPORT, "report")         \
    X(REQUIRE, "require")       \
    X(RESTORE, "restore")       \
    X(RETIRE, "retire")         \
    X(RETRY, "retry")           \
    X(RISK, "risk")             \
    X(ROLE, "role")             \
    X(ROLLBACK, "rollback")     \
    X(SECRET, "secret")         \
    X(SERVICE, "service")       \
    X(SEVERITY, "severity")     \
    X(SHELL, "shell")           \
    X(SIGNAL, "signal")         \
    X(SINCE, "since")           \
    X(STAGE, "stage")           \
    X(STARTED, "started")       \
    X(STDIN, "stdin")           \
    X(TAKE, "take")             \
    X(THEN, "then")             \
    X(TICKET, "ticket")         \
    X(TIMEOUT, "timeout")       \
    X(TITLE, "title")           \
    X(TO, "to")                 \
    X(TRIGGER, "trigger")       \
    X(TRUE, "true")             \
    X(UNDO, "undo")             \
    X(UNTIL, "until")           \
    X(UNWATCHED, "unwatched")   \
    X(USE, "use")               \
    X(USING, "using")           \
    X(VERIFY, "verify")         \
    X(WAIT, "wait")             \
    X(WHEN, "when")             \
    X(WHERE, "where")           \
    X(WINDOW, "window")         \
    X(WITH, "with")             \
    X(WITHIN, "within")

#define RBK_KEYWORDS(X)   \
    RBK_WORDS_AS_NAMES(X) \
    RBK_WORDS_RESERVED(X)

#endif
