/*
 * Worst-case times of a plan: how long each block and stage may take forward, each way back, and
 * how long it takes from a decision to abort until everything is rolled back and verified, at every
 * point of the plan where that decision can fall.
 *
 * Computed from the tree, since lowering a long plan costs more than checking it; the rules of time
 * are those of the runtime's core (docs/internals.md, "Worst-case times"). What is assumed: the
 * runner and its host live, a command's process tree dies by SIGKILL, `wait`s and the like have
 * their parameters' defaults, and nobody retries a stage by hand.
 *
 * The plan must have been analysed (compile.h). The figures of a stage need that stage only, so
 * rules may ask for them while later stages are still to be resolved; rbk_times_points() needs all.
 */
#ifndef RBK_COMPILER_TIMES_TIMES_H
#define RBK_COMPILER_TIMES_TIMES_H

#include "compiler/program.h"
#include "runtime/core/worst.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_compile;
struct rbk_times;

/** The parts of a stage forward, in their order. */
enum rbk_times_part {
    RBK_TIMES_REQUIRE,
    RBK_TIMES_APPROVE,
    RBK_TIMES_PREPARE,
    RBK_TIMES_APPLY,
    RBK_TIMES_VERIFY,
    RBK_TIMES_PARTS,
};

/** A block with a `within`. */
struct rbk_times_block {
    const struct rbk_tree_statement *statement; /**< PREPARE APPLY VERIFY ROLLBACK, or of a backup
                                                   or lock. */
    const struct rbk_source *source;            /**< Of the statement. */
    uint64_t within_ms;
    struct rbk_worst inside; /**< Of its steps, before the limit cuts them. */
};

/** One stage, or `retire`. */
struct rbk_stage_times {
    const struct rbk_program_stage *stage;
    struct rbk_worst parts[RBK_TIMES_PARTS]; /**< By enum rbk_times_part, limits applied. */
    struct rbk_worst forward;                /**< All parts, one attempt of the stage. */
    uint32_t strategy_count;      /**< Ways back; stage->rollbacks has their statements. */
    struct rbk_worst *strategies; /**< Of each: its `when`, steps and verify, limits applied. */
    uint64_t back_ms;       /**< All strategies one after the other: all but the last fail, at their
                                 latest, and the last ends well, at its latest. 0 without a rollback. */
    struct rbk_worst early; /**< The parts before `apply`, of which nothing is to be taken back; its
                                 stop_ms is what stopping them takes. */
    struct rbk_worst work;  /**< `apply` and `verify`. */
    uint64_t guideline_ms;  /**< Of its kind (RBK112); 0: no kind is written. */
    uint32_t block_count;
    struct rbk_times_block *blocks; /**< Blocks with a `within`, in the order met. A backup's or an
                                         action's belong to the stage that uses it first. */
};

/** Where a decision to abort can fall. */
enum rbk_point_kind {
    RBK_POINT_HEAD,  /**< Before the first stage: requirements, locks, baselines. */
    RBK_POINT_EARLY, /**< While a stage is prepared, required or approved. */
    RBK_POINT_STAGE, /**< While a stage is applied or verified. */
    RBK_POINT_ALL,   /**< While every stage stands applied: observe, grace, between stages. */
};

/** One such point. The time goes from the decision until every stage is back and verified, and the
 * locks are released. */
struct rbk_abort_point {
    enum rbk_point_kind kind;
    uint32_t stage;                           /**< EARLY, STAGE: index of the stage; else 0. */
    uint64_t stop_ms;                         /**< Stopping the step under way. */
    const struct rbk_tree_statement *stop_by; /**< That step; NULL: nothing takes time to stop. */
    const struct rbk_source *stop_source;     /**< Of that step. */
    uint64_t back_ms;    /**< Rolling back, one after the other, every stage that may be touched:
                              this one, and all that do not depend on it. */
    uint64_t release_ms; /**< Releasing the locks, last. */
    uint64_t total_ms;   /**< The three together. */
};

/** All points of a plan. */
struct rbk_abort_points {
    const struct rbk_abort_point *items;
    uint32_t count;
    uint32_t worst; /**< Index of the longest; of equals the first. */
};

/** The figures of a compilation, made when first asked for; lives in its arena. Never NULL. */
struct rbk_times *rbk_times_of(struct rbk_compile *compile);

/** A STAGE's or the RETIRE's figures; computed once. Never NULL. */
const struct rbk_stage_times *rbk_times_stage(struct rbk_times *times,
                                              const struct rbk_tree_statement *statement);

/** All abort points in the order of the plan; computed once, when all stages are resolved. */
const struct rbk_abort_points *rbk_times_points(struct rbk_times *times);

/** Whether a stage (by index) may have to be rolled back at a point. */
bool rbk_times_point_covers(struct rbk_times *times, const struct rbk_abort_point *point,
                            uint32_t stage);

/** From the start to the last stage applied: stages that do not depend on each other side by side.
 * `after … for D` counts, `not before`, windows and further attempts do not. */
uint64_t rbk_times_forward_ms(struct rbk_times *times);

/** The params whose defaults the figures assume (PARAM statements), in the order met. */
const struct rbk_statements *rbk_times_assumed(const struct rbk_times *times);

/** The guideline of a kind of stage (RBK112), by its word; 0 for an unknown one. */
uint64_t rbk_times_guideline_ms(struct rbk_str kind);

/* ---- paths ----------------------------------------------------------------------------------- */

/** What a share of a path is. */
enum rbk_share_kind {
    RBK_SHARE_STEP, /**< A step takes this long. */
    RBK_SHARE_REST, /**< A step without a limit takes what remains of its block. */
    RBK_SHARE_STOP, /**< What is under way at the end is stopped. */
};

/** One statement on a longest path, and what it contributes. */
struct rbk_times_share {
    enum rbk_share_kind kind;
    const struct rbk_tree_statement *statement; /**< NULL only for STOP. */
    const struct rbk_source *source;            /**< Of the statement. */
    struct rbk_str how; /**< Why so long, for a person: "timeout 8m", "3 × timeout 30s". */
    uint64_t ms;
    uint64_t turns; /**< How often it is done in a row; ms is for all. */
    bool open; /**< While it is worked out: it takes what remains of a limit not put around it yet.
                */
};

/** A longest path; its shares add up to what it belongs to. */
struct rbk_times_path {
    struct rbk_times_share *items;
    uint32_t count;
    uint32_t capacity;
};

/** The longest path through a block by the times that are written, before its own limit cuts it:
 * adds up to inside.needs_ms. What RBK110 lists. */
void rbk_times_path_of_block(struct rbk_times *times, const struct rbk_program_stage *stage,
                             const struct rbk_times_block *block, struct rbk_times_path *ret_path);

/** The longest path of one part forward; adds up to parts[part].ok_ms. */
void rbk_times_path_of_part(struct rbk_times *times, const struct rbk_program_stage *stage,
                            enum rbk_times_part part, struct rbk_times_path *ret_path);

/** The longest path of one strategy; adds up to its ok_ms (@fails false) or its end_ms. */
void rbk_times_path_of_strategy(struct rbk_times *times, const struct rbk_program_stage *stage,
                                uint32_t strategy, bool fails, struct rbk_times_path *ret_path);

/** One strategy on a way back. */
struct rbk_times_leg {
    const struct rbk_stage_times *stage;
    uint32_t strategy; /**< Index among its strategies. */
    bool fails;        /**< It fails at its latest, and the next one is tried. */
    uint64_t ms;
};

/** The strategies that run after a decision at a point, in the order that makes it longest; their
 * times add up to the point's back_ms. @ret_count How many. In the arena. */
const struct rbk_times_leg *rbk_times_way_back(struct rbk_times *times,
                                               const struct rbk_abort_point *point,
                                               uint32_t *ret_count);

/* ---- text ------------------------------------------------------------------------------------ */

/** Room for a duration's text, its NUL included. */
#define RBK_TIMES_TEXT_BYTES 48

/** A duration for a person: `9m30s`, `24h`, `1s500ms`, `0s`. @return @out. */
const char *rbk_times_text(uint64_t ms, char out[RBK_TIMES_TEXT_BYTES]);

/** What a plan may write for it, in one unit and as people would: `90s`, `8m`, `24h`, `450ms`. It
 * is rounded up: above 1 s to whole seconds, above 2 min to whole minutes, above 10 h to whole
 * hours.
 * @return @out. */
const char *rbk_times_literal(uint64_t ms, char out[RBK_TIMES_TEXT_BYTES]);

/** A statement's words on one line, without its block, at most @characters_max characters (the last
 * one `…` when cut). In the arena. */
struct rbk_str rbk_times_words(struct rbk_times *times, const struct rbk_source *source,
                               const struct rbk_tree_statement *statement, uint32_t characters_max);

struct rbk_buffer;

/** A module by its name, the plan by its path as given. */
struct rbk_str rbk_times_file(const struct rbk_times *times, const struct rbk_source *source);

/** "while `migrate` is applied or verified", for a person. In the arena. */
struct rbk_str rbk_times_point_words(struct rbk_times *times, const struct rbk_abort_point *point);

/** "apply", "rollback `down`", "take", …: what a block is called. In the arena. */
struct rbk_str rbk_times_block_words(struct rbk_times *times,
                                     const struct rbk_tree_statement *statement);

/** What `rbkc times` prints: tables, and the longest way back step by step. @colour With ANSI
 * colours. */
void rbk_times_print(struct rbk_times *times, bool colour, struct rbk_buffer *out);

/** The same as JSON, described by docs/times.schema.json. @return 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_times_print_json(struct rbk_times *times, struct rbk_buffer *out);

#endif
