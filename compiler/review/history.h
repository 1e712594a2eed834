/*
 * A plan as it was in a revision of git: the plan, the modules beside it and the SQL files they
 * name, written into a directory of their own, from where they compile like any other plan.
 *
 * Git is run as a program with its arguments in an array, never through a shell. What a revision is
 * called is resolved to a commit's number first, so that a name cannot be taken for an option; what
 * a file of an old revision names is looked for in that revision only, and never written outside of
 * the directory. Content is text: none of it is executed, and no filter of the repository is
 * applied.
 */
#ifndef RBK_COMPILER_REVIEW_HISTORY_H
#define RBK_COMPILER_REVIEW_HISTORY_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

struct rbk_arena;
struct rbk_error;

/** A plan taken out of a revision; the caller's memory. */
struct rbk_history {
    struct rbk_str directory; /**< Where it was written; removed by rbk_history_close(). */
    struct rbk_str plan;      /**< The plan's path in it. */
};

/**
 * Take a plan out of a revision.
 * @arena     Takes the texts.
 * @revision  "main", "HEAD~2", a number: whatever git calls a revision. Hostile.
 * @plan      The plan's path now. Its directory is where git is asked.
 * @return 0; -RBK_EMISSING: the revision has no such plan; -RBK_ENOTFOUND: there is no such
 * revision, or the plan is not under git; -RBK_EIO. @reterr says which.
 */
RBK_MUST_USE int rbk_history_open(struct rbk_arena *arena, const char *revision, const char *plan,
                                  struct rbk_history *ret_history, struct rbk_error *reterr);

/** Remove what was written. A zeroed one is fine. */
void rbk_history_close(struct rbk_history *history);

#endif
