/*
 * What rows of a machine say, in words for people. Shared by the runbook and the review page.
 *
 * All results are texts with the marks of document.h, made in the arena given; they borrow nothing
 * but what the machine owns. Values are shown as the plan names them (`${replicas}`,
 * `${secret db_url}`): a secret has no value here, and none is looked up.
 */
#ifndef RBK_COMPILER_REVIEW_DESCRIBE_H
#define RBK_COMPILER_REVIEW_DESCRIBE_H

#include "runtime/core/machine.h"

struct rbk_arena;

/** What most functions here need. */
struct rbk_describe {
    struct rbk_arena *arena;           /**< Takes the texts. */
    const struct rbk_machine *machine; /**< Checked. Borrowed. */
};

/** "1h 30m". */
struct rbk_str rbk_describe_duration(const struct rbk_describe *describe, uint64_t duration_ms);

/** An expression: as the plan spells it, or what its program puts together. No marks. */
struct rbk_str rbk_describe_expr(const struct rbk_describe *describe, uint32_t expr);

/** A template as it is filled in: literal text with `${name}` for values. No marks. */
struct rbk_str rbk_describe_template(const struct rbk_describe *describe, uint32_t expr);

/** Roles of a question: "`dba` and `infra_lead`"; "anybody" for none. */
struct rbk_str rbk_describe_roles(const struct rbk_describe *describe,
                                  const struct rbk_question *question);

/** "abort, with approval of `dba` within 2m, else abort". */
struct rbk_str rbk_describe_reaction(const struct rbk_describe *describe, uint32_t reaction);

/** When a trigger is armed: "from the start of `migrate`". */
struct rbk_str rbk_describe_armed(const struct rbk_describe *describe,
                                  const struct rbk_trigger *trigger);

/** The condition of a trigger with its `for`: "`p99 > 200ms` for 2m". */
struct rbk_str rbk_describe_condition(const struct rbk_describe *describe,
                                      const struct rbk_trigger *trigger);

/** "weekdays 22:00 to 02:00 Europe/Berlin" of a row of daily_windows. */
struct rbk_str rbk_describe_window(const struct rbk_describe *describe, uint32_t window);

/** `not before` of a stage: "2026-11-22T06:00:00Z", "2026-11-22 06:00 Europe/Berlin"; empty: none.
 */
struct rbk_str rbk_describe_not_before(const struct rbk_describe *describe,
                                       const struct rbk_region *region);

/**
 * What carries out an effect, for a block of code: the command line, script, statement or request.
 * Empty for effects that have none. No marks.
 * @ret_language  "sh", "sql", "http" or "".
 */
struct rbk_str rbk_describe_command(const struct rbk_describe *describe,
                                    const struct rbk_effect *effect, const char **ret_language);

/** The limits of an effect: "timeout 5m, up to 10 retries every 5s"; empty for none. */
struct rbk_str rbk_describe_limits(const struct rbk_describe *describe,
                                   const struct rbk_effect *effect);

/** How a resumed run learns what became of an effect: "server is asked whether it committed". */
struct rbk_str rbk_describe_crash(const struct rbk_describe *describe,
                                  const struct rbk_effect *effect);

/** The text of an effect without the word of its kind: "before = int(…)" of a `let`. No marks. */
struct rbk_str rbk_describe_text(const struct rbk_effect *effect);

/** A message with what it quotes in backticks as code. */
struct rbk_str rbk_describe_quoted(struct rbk_arena *arena, struct rbk_str message);

/** Whether an effect changes something outside. */
bool rbk_describe_changes(const struct rbk_machine *machine, const struct rbk_effect *effect);

/** A question: "`dba` attest: snapshot restored; within 10m, else cancel". */
struct rbk_str rbk_describe_question(const struct rbk_describe *describe, uint32_t question);

/** The question of an effect of kind QUESTION, and what it also ends by: "…; done when `dns == x`,
 * looked at every 30s". */
struct rbk_str rbk_describe_asked(const struct rbk_describe *describe,
                                  const struct rbk_effect *effect);

#endif
