#ifndef RBK_RUNTIME_EXECUTOR_VARIABLES_H
#define RBK_RUNTIME_EXECUTOR_VARIABLES_H

/*
 * What the variables of a run are (`run.stage`, `run.elapsed`, …), for the runner's templates and
 * for those who show the run from its journal: the same text says the same at both.
 */

#include "runtime/executor/replay.h"

/* What they are made of; everything is borrowed. */
struct rbk_variables {
    const struct rbk_replay *replay;
    struct rbk_str run;            /* its id */
    uint32_t stage;                /* the one that is spoken of; RBK_NONE: rbk_run_stage() */
    uint64_t now_ms;               /* wall clock */
    const struct rbk_scope *scope; /* for the texts of questions */
    bool *in_question;             /* false; kept while such a text is evaluated, as it may ask for
                                      `run.question`, too */
    struct rbk_arena *arena;       /* for texts that are put together, and for `scope` */
};

/* One of them. Its text lives in `arena`, or as long as replay and run. Missing: those of messages,
 * and what is not known. */
struct rbk_value rbk_variables_get(const struct rbk_variables *variables, enum rbk_variable which);

#endif
