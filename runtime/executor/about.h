#ifndef RBK_RUNTIME_EXECUTOR_ABOUT_H
#define RBK_RUNTIME_EXECUTOR_ABOUT_H

/*
 * What a message says of its run beside its text: the values of some variables when it was written.
 * A message may be sent long after; what it tells of is still what was so then. Kept beside the
 * message as JSON, one member for each variable, its value as in the journal:
 *
 *     {"event":{"type":"text","value":"abort"},"run.status":{"type":"text","value":"aborting"},…}
 */

#include "runtime/core/expr.h"

struct rbk_run;

/* Why a message is sent, for channels: X(constant, word in `event`, word in `severity`). Hooks have
 * the words of RBK_HOOK_KINDS; these come beside them. */
#define RBK_TOLD(X)                        \
    X(START, "start", "info")              \
    X(PAUSE, "pause", "warning")           \
    X(HOLD, "hold", "warning")             \
    X(ABORT, "abort", "error")             \
    X(STAGE, "stage", "info")              \
    X(STUCK, "stuck", "critical")          \
    X(ABORTED, "aborted", "warning")       \
    X(COMPLETED, "completed", "info")      \
    X(CANCELLED, "cancelled", "info")      \
    X(NO_WAY_BACK, "no_way_back", "error") \
    X(NOTIFY, "notify", "info")            \
    X(REPORT, "report", "info")            \
    X(TRIGGER, "trigger", "warning")       \
    X(ESCALATION, "escalation", "critical")

enum rbk_told {
#define X(constant, event, severity) RBK_TOLD_##constant,
    RBK_TOLD(X)
#undef X
};

/* The values now, redacted, as JSON in `arena`; empty when there is no memory. */
struct rbk_str rbk_about_write(struct rbk_run *run, enum rbk_told told, struct rbk_arena *arena);

/* Fill values[RBK_VARIABLE_COUNT] with what `text` says; those it does not name get the type
 * UNKNOWN. Texts live in `arena`. Whatever is no such JSON says nothing. */
void rbk_about_read(struct rbk_str text, struct rbk_arena *arena, struct rbk_value *values);

/* A text on one line: control characters become blanks, at most `characters_max` characters. Lives
 * in `arena`. rbk_about_summary(): a message for a subject or headline. */
#define RBK_SUMMARY_CHARACTERS_MAX 200u
struct rbk_str rbk_about_line(struct rbk_str text, size_t characters_max, struct rbk_arena *arena);
struct rbk_str rbk_about_summary(struct rbk_str message, struct rbk_arena *arena);

#endif
