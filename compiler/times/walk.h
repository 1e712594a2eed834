/*
 * Walking a plan's blocks for their worst cases: private to compiler/times.
 *
 * A walk goes over statements the way lowering writes them out: actions where they are called,
 * backups where they are taken, loops turn by turn (by multiplying), `undo` as the inverses of what
 * the apply does. With a path it also notes which statements make the longest way, and how much
 * each; the shares added since a mark always add up to what the walk returned for the same part.
 */
#ifndef RBK_COMPILER_TIMES_WALK_H
#define RBK_COMPILER_TIMES_WALK_H

#include "compiler/times/times.h"

struct rbk_arena;

/** A call under way: gives parameters their arguments. */
struct rbk_times_frame {
    const struct rbk_tree_expr *call;
    const struct rbk_times_frame *outer; /**< Where the arguments mean something. */
};

/** A `do`, `take` or `restore` around a step, whose clauses the step inherits. */
struct rbk_times_around {
    const struct rbk_tree_statement *statement;
    const struct rbk_times_around *outer;
};

/** What is known of an action, its inverse, a reading, or a part of a backup; found once. */
struct rbk_times_known {
    const struct rbk_tree_statement *statement;
    bool limited; /**< As it is under a limit; else where none is around. */
    bool set;
    struct rbk_worst worst; /**< A reading: ok_ms is the number of its readings. */
};

/** The figures of a compilation. */
struct rbk_times {
    struct rbk_compile *compile;
    const struct rbk_program *program;
    struct rbk_arena *arena;         /**< The compilation's. */
    struct rbk_stage_times **stages; /**< By index; NULL: not computed. */
    struct rbk_stage_times *retire;  /**< NULL: not computed. */
    struct rbk_times_known *known;   /**< Open addressing; known_slots is a power of two. */
    uint32_t known_slots;
    uint32_t known_count;
    uint32_t bound;                  /**< Arguments looked up so far: what depends on one is
                                          not kept as known. */
    size_t calls;                    /**< Written out since a walk began at a stage. */
    struct rbk_statements assumed;   /**< PARAM. */
    struct rbk_abort_points *points; /**< NULL: not computed. */
    uint64_t *reach;                 /**< Bit rows: stage -> stages that depend on it; NULL:
                                          all that stand below it. */
    uint32_t reach_words;
};

/** What a walk knows of where it is. Copied for inner blocks. */
struct rbk_times_walk {
    struct rbk_times *times;
    const struct rbk_source *source;
    const struct rbk_program_stage *stage; /**< For `undo`; NULL outside a stage. */
    struct rbk_stage_times *blocks;        /**< Takes the blocks with a `within`; NULL: nobody. */
    struct rbk_times_path *path;           /**< NULL: only figures are wanted. */
    bool by_needs;                         /**< The path is that of needs_ms, not of ok_ms. */
    bool limited;                          /**< Some limit is around. */
    bool capped;                           /**< One of them counts for needs_ms: what is open fills
                                                it. */
    bool passes;                           /**< What fails is passed over: releasing a lock. */
    const struct rbk_times_frame *frame;   /**< NULL: in the plan itself. */
    const struct rbk_times_around *around; /**< NULL: no `do`, `take` or `restore`. */
};

/** One effect, reading, question or wait, without loops and calls around it. Adds its share. */
struct rbk_worst rbk_times_leaf(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement);

/** A reading that stands where something else is wanted (an argument, a list): bound by a `let` of
 * its own first. */
struct rbk_worst rbk_times_hoisted(struct rbk_times_walk *walk,
                                   const struct rbk_tree_statement *statement,
                                   const struct rbk_tree_expr *value);

/** The condition of an `if` or a `when`. */
struct rbk_worst rbk_times_test(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement,
                                const struct rbk_tree_expr *condition);

/** Any statement of a block. */
struct rbk_worst rbk_times_step(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement);

/** All statements of a block; NULL is nothing. */
struct rbk_worst rbk_times_steps(struct rbk_times_walk *walk, const struct rbk_tree_block *block);

/** PREPARE, APPLY, VERIFY, ACQUIRE, RELEASE and the like with their `within`; NULL is nothing. */
struct rbk_worst rbk_times_part_of(struct rbk_times_walk *walk,
                                   const struct rbk_tree_statement *statement);

/** A strategy: its `when`, its steps, its verify, its `within`. */
struct rbk_worst rbk_times_strategy_of(struct rbk_times_walk *walk,
                                       const struct rbk_tree_statement *rollback);

/** `undo`: the inverses of what the apply of the walk's stage does. */
struct rbk_worst rbk_times_undo(struct rbk_times_walk *walk);

/** The action a resolved DO calls, with the walk inside it; NULL when it could not be resolved. */
const struct rbk_tree_statement *rbk_times_enter(const struct rbk_times_walk *walk,
                                                 const struct rbk_tree_statement *call,
                                                 struct rbk_times_walk *ret_inner,
                                                 struct rbk_times_frame *frame,
                                                 struct rbk_times_around *around);

/** The entry of a statement; make it when @make, else NULL where there is none. */
struct rbk_times_known *rbk_times_known_of(struct rbk_times *times,
                                           const struct rbk_tree_statement *statement, bool limited,
                                           bool make);

/** Add a share, when there is a path and it takes any time. */
void rbk_times_share(struct rbk_times_walk *walk, enum rbk_share_kind kind,
                     const struct rbk_tree_statement *statement, uint64_t ms, struct rbk_str how);

/** How many shares there are; 0 without a path. */
uint32_t rbk_times_mark(const struct rbk_times_walk *walk);

/** Multiply the shares since a mark. */
void rbk_times_share_repeat(struct rbk_times_walk *walk, uint32_t mark, uint64_t count);

/** Put the shares since @middle before those from @mark to @middle. */
void rbk_times_share_swap(struct rbk_times_walk *walk, uint32_t mark, uint32_t middle);

/** Make the shares since a mark add up to @ms: what has no limit takes the rest, what is too much
 * is cut from the end. */
void rbk_times_share_fit(struct rbk_times_walk *walk, uint32_t mark, uint64_t ms);

/** Make one share of those of the same step that follow each other. */
void rbk_times_path_merge(struct rbk_times_path *path);

/** Add a share of stopping, so that those since a mark add up to @ms. */
void rbk_times_share_stop(struct rbk_times_walk *walk, uint32_t mark, uint64_t ms);

#endif
