/*
 * What can become of a condition: true, false, missing. For RBK131; the lattice is written down in
 * condition.c. Everything here takes more than is possible where it cannot tell, so that only what
 * is absent from an answer means something.
 */
#ifndef RBK_COMPILER_RULES_CONDITION_H
#define RBK_COMPILER_RULES_CONDITION_H

#include "compiler/rules/range.h"
#include "compiler/rules/rules.h"

/** What can become of a condition: bits. */
enum {
    RBK_CAN_BE_TRUE = 1u << 0,
    RBK_CAN_BE_FALSE = 1u << 1,
    RBK_CAN_BE_MISSING = 1u << 2,
    RBK_CAN_BE_ANYTHING = 7u,
};

/** Where a range comes from, for a label. */
struct rbk_range_origin {
    struct rbk_place place; /**< A reading, a declaration, a `where`; source NULL: of the type. */
    const char *words;      /**< "a share", "a count" …; NULL when there is nothing to say. */
};

/** Values that are one and the same wherever they stand in a condition, and what is known of them.
 */
#define RBK_TERMS_MAX 12u
struct rbk_term {
    const struct rbk_tree_expr *expr; /**< Its first occurrence. */
    struct rbk_range range;
};

/** What is known while a condition is looked at. Copied where its ways part. */
struct rbk_terms {
    struct rbk_term items[RBK_TERMS_MAX];
    uint32_t count;
    bool impossible; /**< No values are left: this way cannot be gone. */
};

/** Declarations, and readings of modules, that are followed into each other. */
#define RBK_CONDITION_DEPTH_MAX 8u

/** A look at one condition. */
struct rbk_condition {
    struct rbk_rules *rules;
    const struct rbk_source *source; /**< That its expressions stand in. */
    uint32_t visits;                 /**< Of nodes so far; past a limit anything is possible. */
    uint32_t depth;                  /**< Of declarations and readings followed. */
    struct rbk_str texts[16];        /**< Texts that are compared; each stands for its number. */
    uint32_t text_count;
};

/** Begin with a condition that stands in the source under way. */
struct rbk_condition rbk_condition_make(struct rbk_rules *rules);

/** Terms about which nothing is known. */
static inline void rbk_terms_init(struct rbk_terms *terms)
{
    terms->count = 0;
    terms->impossible = false;
}

/** What can become of an expression, given what is known. */
unsigned rbk_condition_outcomes(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                                const struct rbk_terms *terms);

/** Learn what follows from an expression being true, or false. */
void rbk_condition_assume(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                          bool truth, struct rbk_terms *terms);

/** Learn that a value lies in a range. */
void rbk_condition_learn(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                         const struct rbk_range *range, struct rbk_terms *terms);

/**
 * Where the value of an expression can lie when it is not missing.
 * @ret_origin Where that comes from; may be NULL.
 */
struct rbk_range rbk_condition_range(struct rbk_condition *condition,
                                     const struct rbk_tree_expr *expr,
                                     const struct rbk_terms *terms,
                                     struct rbk_range_origin *ret_origin);

/** The first use of a declaration's name in an expression, read as its own type; NULL without one.
 */
const struct rbk_tree_expr *rbk_condition_name_in(const struct rbk_tree_expr *expr,
                                                  const struct rbk_declaration *declaration);

/* ---- condition_term.c -------------------------------------------------------------------------
 */

/** The type a value is read as; an int read as a number is the same number. */
enum rbk_type rbk_condition_type(const struct rbk_tree_expr *expr);

/** Whether the condition has been looked at for long enough. Counts a visit. */
bool rbk_condition_is_tired(struct rbk_condition *condition);

/** Whether an expression is a value that is the same wherever it stands in the condition. */
bool rbk_condition_is_term(const struct rbk_tree_expr *expr);

/** The term of an expression, or NULL. */
const struct rbk_term *rbk_terms_find(const struct rbk_condition *condition,
                                      const struct rbk_terms *terms,
                                      const struct rbk_tree_expr *expr);

/** Whether two expressions are one value, read the same way. */
bool rbk_condition_is_same(const struct rbk_condition *condition, const struct rbk_tree_expr *a,
                           const struct rbk_tree_expr *b);

/** Whether the value of an expression can be missing. */
bool rbk_condition_may_miss(const struct rbk_tree_expr *expr);

#endif
