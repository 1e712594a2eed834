/*
 * Matching two lists of statements.
 *
 * Four rounds, each over what the ones before left over: the same words; the same key (a name, a
 * label, the only one of its kind); the same kind on the same thing (`sql db`, `do k8s.scale`); the
 * same kind. What is left after that is gone or new, unless it is the only one left of its kind on
 * both sides and has the same content: then it was renamed.
 *
 * The order of what was matched is compared within groups in which order means something. What
 * stays is a longest common sequence; the rest moved.
 */
#include "compiler/review/comparison.h"

#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/map.h"

#include <string.h>

/* Statements beyond this many per list are matched by words and keys only: the later rounds look at
 * every pair. */
#define PAIRWISE_MAX 2000u

#define NONE UINT32_MAX

/* Two lists being matched. */
struct matching {
    struct rbk_comparison *comparison;
    const struct rbk_tree_statement **before;
    const struct rbk_tree_statement **after;
    uint32_t *partner_of_before; /* Index into the other list, or NONE. */
    uint32_t *partner_of_after;
    uint32_t before_count;
    uint32_t after_count;
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* The whole statement as one line: equal exactly when its tokens are. */
static struct rbk_str words_of(struct rbk_comparison *comparison, bool is_after,
                               const struct rbk_tree_statement *statement)
{
    const struct rbk_wording *wording = is_after ? comparison->after : comparison->before;
    return rbk_wording_show(comparison->arena, wording, statement->span, SIZE_MAX / 2);
}

/* Kinds that are known by what they are called, and of which there may be several. */
static bool is_named(enum rbk_statement_kind kind)
{
    switch (kind) {
    case RBK_STATEMENT_ACTION:
    case RBK_STATEMENT_READING:
    case RBK_STATEMENT_CHANNEL_TYPE:
    case RBK_STATEMENT_PARAM:
    case RBK_STATEMENT_SECRET:
    case RBK_STATEMENT_CONNECTION:
    case RBK_STATEMENT_CHANNEL:
    case RBK_STATEMENT_PROBE:
    case RBK_STATEMENT_BASELINE:
    case RBK_STATEMENT_ROLE:
    case RBK_STATEMENT_SEVERITY:
    case RBK_STATEMENT_TRIGGER:
    case RBK_STATEMENT_ABORT_ON_SIGNAL:
    case RBK_STATEMENT_BACKUP:
    case RBK_STATEMENT_LOCK:
    case RBK_STATEMENT_ON:
    case RBK_STATEMENT_STAGE:
    case RBK_STATEMENT_ALLOW:
    case RBK_STATEMENT_ROLLBACK:
    case RBK_STATEMENT_LET:
        return true;
    default:
        return false;
    }
}

/* Steps that are alike: they are matched by what they work on. */
static bool is_step(enum rbk_statement_kind kind)
{
    switch (kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_REDIS:
    case RBK_STATEMENT_HTTP:
    case RBK_STATEMENT_DO:
    case RBK_STATEMENT_WAIT:
    case RBK_STATEMENT_WAIT_UNTIL:
    case RBK_STATEMENT_NOTIFY:
    case RBK_STATEMENT_RESTORE:
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_UNDO:
    case RBK_STATEMENT_FOREACH:
    case RBK_STATEMENT_PARALLEL:
    case RBK_STATEMENT_IF:
    case RBK_STATEMENT_NOTHING:
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_CAPTURE:
    case RBK_STATEMENT_CAPTURE_RUN:
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_ABORT_WHEN:
    case RBK_STATEMENT_APPROVE:
    case RBK_STATEMENT_REPORT:
    case RBK_STATEMENT_USE:
    case RBK_STATEMENT_AFTER:
        return true;
    default:
        return false;
    }
}

/* What a statement is known by: the same key, the same thing. Empty: not by anything. */
static struct rbk_str key_of(struct rbk_comparison *comparison, bool is_after,
                             const struct rbk_tree_statement *statement)
{
    const struct rbk_wording *wording = is_after ? comparison->after : comparison->before;
    enum rbk_statement_kind kind = (enum rbk_statement_kind)statement->kind;
    struct rbk_str part = RBK_STR("");
    if (is_named(kind)) {
        part = statement->name != NULL ? statement->name->name->text : RBK_STR("");
    } else if (is_step(kind)) {
        if (statement->text == NULL || kind == RBK_STATEMENT_WAIT) {
            return RBK_STR("");
        }
        part = rbk_wording_show(comparison->arena, wording, statement->text->span, SIZE_MAX / 2);
    }
    return rbk_arena_printf(comparison->arena, "%u %.*s", statement->kind, RBK_STR_ARG(part));
}

/* What a step works on: its connection, module action, method, first word. */
static struct rbk_str thing_of(struct rbk_comparison *comparison, bool is_after,
                               const struct rbk_tree_statement *statement)
{
    const struct rbk_wording *wording = is_after ? comparison->after : comparison->before;
    struct rbk_span span;
    if (statement->name != NULL) {
        return statement->name->name->text;
    }
    if (statement->kind == RBK_STATEMENT_DO && statement->value != NULL) {
        span = statement->value->left->span;
    } else if (statement->names != NULL) {
        span = statement->names->span;
    } else if (statement->value != NULL) {
        span = statement->value->span;
    } else {
        return RBK_STR("");
    }
    struct rbk_str text = rbk_wording_show(comparison->arena, wording, span, 400);
    return statement->kind == RBK_STATEMENT_DO ? text
                                               : rbk_str_slice(text, 0, rbk_str_find(text, ' '));
}

/* ---- rounds ---------------------------------------------------------------------------------- */

typedef struct rbk_str key_fn(struct rbk_comparison *comparison, bool is_after,
                              const struct rbk_tree_statement *statement);

static void pair_up(struct matching *matching, uint32_t before, uint32_t after)
{
    matching->partner_of_before[before] = after;
    matching->partner_of_after[after] = before;
}

/* Pair what has the same key, the first with the first. */
static void match_by(struct matching *matching, key_fn *key)
{
    struct rbk_arena *arena = matching->comparison->arena;
    struct rbk_map firsts; /* key -> the first of before that is free, in a chain */
    uint32_t *chain = rbk_new_array(arena, uint32_t, matching->before_count + 1);
    rbk_map_init(&firsts, arena);
    for (uint32_t i = matching->before_count; i-- > 0;) {
        if (matching->partner_of_before[i] != NONE) {
            continue;
        }
        struct rbk_str text = key(matching->comparison, false, matching->before[i]);
        uint32_t next = NONE;
        if (text.bytes > 0) {
            (void)!rbk_map_get_index(&firsts, text, &next);
            chain[i] = next;
            rbk_map_set_index(&firsts, text, i);
        }
    }
    for (uint32_t i = 0; i < matching->after_count; i++) {
        if (matching->partner_of_after[i] != NONE) {
            continue;
        }
        struct rbk_str text = key(matching->comparison, true, matching->after[i]);
        uint32_t first = NONE;
        if (text.bytes > 0 && rbk_map_get_index(&firsts, text, &first) && first != NONE) {
            pair_up(matching, first, i);
            rbk_map_set_index(&firsts, text, chain[first]);
        }
    }
}

/* Pair steps of one kind, in order; with @same_thing only those that work on the same. */
static void match_steps(struct matching *matching, bool same_thing)
{
    struct rbk_str *things =
        rbk_new_array(matching->comparison->arena, struct rbk_str, matching->after_count + 1);
    for (uint32_t i = 0; i < matching->after_count && same_thing; i++) {
        if (matching->partner_of_after[i] == NONE) {
            things[i] = thing_of(matching->comparison, true, matching->after[i]);
        }
    }
    for (uint32_t i = 0; i < matching->before_count; i++) {
        const struct rbk_tree_statement *before = matching->before[i];
        if (matching->partner_of_before[i] != NONE ||
            !is_step((enum rbk_statement_kind)before->kind)) {
            continue;
        }
        struct rbk_str thing =
            same_thing ? thing_of(matching->comparison, false, before) : RBK_STR("");
        for (uint32_t k = 0; k < matching->after_count; k++) {
            const struct rbk_tree_statement *after = matching->after[k];
            if (matching->partner_of_after[k] == NONE && after->kind == before->kind &&
                (!same_thing || rbk_str_equal(thing, things[k]))) {
                pair_up(matching, i, k);
                break;
            }
        }
    }
}

/* The only one of its kind that is left on a side, or NONE. */
static uint32_t only_one(const struct rbk_tree_statement *const *statements,
                         const uint32_t *partners, uint32_t count, uint8_t kind)
{
    uint32_t found = NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (partners[i] == NONE && statements[i]->kind == kind) {
            if (found != NONE) {
                return NONE;
            }
            found = i;
        }
    }
    return found;
}

/* What has a name and is the only one left of its kind was renamed, if it says the same. A rollback
 * is matched in any case: there is one way back on both sides. */
static void match_renamed(struct matching *matching)
{
    for (uint32_t i = 0; i < matching->before_count; i++) {
        const struct rbk_tree_statement *before = matching->before[i];
        if (matching->partner_of_before[i] != NONE ||
            !is_named((enum rbk_statement_kind)before->kind)) {
            continue;
        }
        uint32_t one = only_one(matching->before, matching->partner_of_before,
                                matching->before_count, before->kind);
        uint32_t other = only_one(matching->after, matching->partner_of_after,
                                  matching->after_count, before->kind);
        if (one != i || other == NONE) {
            continue;
        }
        const struct rbk_tree_statement *after = matching->after[other];
        bool same_block =
            before->block != NULL && after->block != NULL &&
            rbk_comparison_same(matching->comparison, before->block->span, after->block->span);
        bool same_value =
            before->block == NULL && before->value != NULL && after->value != NULL &&
            rbk_comparison_same(matching->comparison, before->value->span, after->value->span);
        if (same_block || same_value || before->kind == RBK_STATEMENT_ROLLBACK) {
            pair_up(matching, i, other);
        }
    }
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Statements whose order means something among those of the same group; 0: none. */
static unsigned order_group(enum rbk_statement_kind kind)
{
    switch (kind) {
    case RBK_STATEMENT_TITLE:
    case RBK_STATEMENT_TICKET:
    case RBK_STATEMENT_OWNER:
    case RBK_STATEMENT_SERVICE:
    case RBK_STATEMENT_ESTIMATE:
    case RBK_STATEMENT_ROLLBACK_WITHIN:
    case RBK_STATEMENT_REHEARSED_WITHIN:
    case RBK_STATEMENT_HELD:
    case RBK_STATEMENT_OBSERVE:
    case RBK_STATEMENT_GRACE:
    case RBK_STATEMENT_RETIRE:
    case RBK_STATEMENT_KIND:
    case RBK_STATEMENT_RISK:
    case RBK_STATEMENT_DATA:
    case RBK_STATEMENT_NOT_BEFORE:
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_ATTEMPTS:
    case RBK_STATEMENT_UNWATCHED:
    case RBK_STATEMENT_PREPARE:
    case RBK_STATEMENT_APPLY:
    case RBK_STATEMENT_BACKUP_TAKE:
    case RBK_STATEMENT_BACKUP_RESTORE:
    case RBK_STATEMENT_ACQUIRE:
    case RBK_STATEMENT_RELEASE:
        return 0;
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
        return 1;
    default:
        return is_step(kind) || kind == RBK_STATEMENT_LET || kind == RBK_STATEMENT_VERIFY ||
                       kind == RBK_STATEMENT_UNDO_BLOCK
                   ? 2
                   : 3 + (unsigned)kind;
    }
}

/* Mark what stays of a sequence of partners: a longest rising one. Quadratic, but what is long is
 * mostly in order: then each looks at one only. */
static void mark_rising(struct rbk_arena *arena, const uint32_t *values, uint32_t count,
                        bool *stays)
{
    uint32_t *length = rbk_new_array(arena, uint32_t, count + 1);
    uint32_t *previous = rbk_new_array(arena, uint32_t, count + 1);
    uint32_t *tails = rbk_new_array(arena, uint32_t, count + 1); /* by length: index of the end */
    uint32_t longest = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t low = 0;
        uint32_t high = longest;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (values[tails[middle]] < values[i]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        length[i] = low + 1;
        previous[i] = low > 0 ? tails[low - 1] : NONE;
        tails[low] = i;
        longest = low + 1 > longest ? low + 1 : longest;
    }
    for (uint32_t i = longest > 0 ? tails[longest - 1] : NONE; i != NONE; i = previous[i]) {
        stays[i] = true;
    }
}

static void tell_moved(struct matching *matching, uint32_t after_index, uint32_t next_index)
{
    struct rbk_comparison *comparison = matching->comparison;
    const struct rbk_tree_statement *after = matching->after[after_index];
    const struct rbk_tree_statement *before =
        matching->before[matching->partner_of_after[after_index]];
    struct rbk_str name = rbk_comparison_name(comparison, true, after);
    if (next_index == NONE) {
        rbk_comparison_add(comparison, RBK_CHANGE_OTHER, &before->span, &after->span,
                           "%.*s%.*s moved to the end", RBK_STR_ARG(name),
                           RBK_STR_ARG(comparison->where));
        return;
    }
    struct rbk_str next = rbk_comparison_name(comparison, true, matching->after[next_index]);
    rbk_comparison_add(comparison, RBK_CHANGE_OTHER, &before->span, &after->span,
                       "%.*s%.*s moved before %.*s", RBK_STR_ARG(name),
                       RBK_STR_ARG(comparison->where), RBK_STR_ARG(next));
}

/* Tell what moved among the statements of one group. */
static void compare_order(struct matching *matching, unsigned group)
{
    struct rbk_arena *arena = matching->comparison->arena;
    uint32_t *indexes = rbk_new_array(arena, uint32_t, matching->after_count + 1);
    uint32_t *values = rbk_new_array(arena, uint32_t, matching->after_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < matching->after_count; i++) {
        if (matching->partner_of_after[i] != NONE &&
            order_group((enum rbk_statement_kind)matching->after[i]->kind) == group) {
            indexes[count] = i;
            values[count++] = matching->partner_of_after[i];
        }
    }
    bool *stays = rbk_new_array(arena, bool, count + 1);
    mark_rising(arena, values, count, stays);
    for (uint32_t i = 0; i < count; i++) {
        if (!stays[i]) {
            tell_moved(matching, indexes[i], i + 1 < count ? indexes[i + 1] : NONE);
        }
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_gone(struct rbk_comparison *comparison, const struct rbk_tree_statement *before)
{
    struct rbk_str name = rbk_comparison_name(comparison, false, before);
    bool protects = rbk_statement_protects(before);
    enum rbk_change_weight weight = protects ? RBK_CHANGE_WEAKER : RBK_CHANGE_OTHER;
    const struct rbk_tree_statement *outer = before->parent;
    if (before->kind == RBK_STATEMENT_ALLOW || before->kind == RBK_STATEMENT_UNWATCHED) {
        weight = RBK_CHANGE_STRONGER;
    }
    if (before->kind == RBK_STATEMENT_VERIFY && outer != NULL) {
        rbk_comparison_add(comparison, RBK_CHANGE_WEAKER, &before->span, NULL,
                           "%.*s%.*s lost its verification",
                           RBK_STR_ARG(rbk_comparison_name(comparison, false, outer)),
                           RBK_STR_ARG(rbk_comparison_where(comparison, false, outer->parent)));
        return;
    }
    rbk_comparison_add(comparison, weight, &before->span, NULL, "%.*s%.*s %s", RBK_STR_ARG(name),
                       RBK_STR_ARG(comparison->where), protects ? "dropped" : "removed");
}

static void tell_new(struct rbk_comparison *comparison, const struct rbk_tree_statement *after)
{
    struct rbk_str name = rbk_comparison_name(comparison, true, after);
    enum rbk_change_weight weight =
        rbk_statement_protects(after) ? RBK_CHANGE_STRONGER : RBK_CHANGE_OTHER;
    if (after->kind == RBK_STATEMENT_ALLOW || after->kind == RBK_STATEMENT_UNWATCHED) {
        struct rbk_str reason =
            after->text != NULL ? rbk_comparison_after(comparison, after->text->span) : RBK_STR("");
        rbk_comparison_add(comparison, RBK_CHANGE_WEAKER, NULL, &after->span,
                           "%.*s%.*s added, because %.*s", RBK_STR_ARG(name),
                           RBK_STR_ARG(comparison->where), RBK_STR_ARG(reason));
        return;
    }
    rbk_comparison_add(comparison, weight, NULL, &after->span, "%.*s%.*s added", RBK_STR_ARG(name),
                       RBK_STR_ARG(comparison->where));
}

static void tell_renamed(struct rbk_comparison *comparison, const struct rbk_tree_statement *before,
                         const struct rbk_tree_statement *after)
{
    bool same = (before->name == NULL && after->name == NULL) ||
                (before->name != NULL && after->name != NULL &&
                 rbk_str_equal(before->name->name->text, after->name->name->text));
    if (!same && is_named((enum rbk_statement_kind)before->kind)) {
        rbk_comparison_add(comparison, RBK_CHANGE_OTHER, &before->span, &after->span,
                           "%.*s%.*s is %.*s now",
                           RBK_STR_ARG(rbk_comparison_name(comparison, false, before)),
                           RBK_STR_ARG(comparison->where),
                           RBK_STR_ARG(rbk_comparison_name(comparison, true, after)));
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

static const struct rbk_tree_statement **list_of(struct rbk_arena *arena,
                                                 const struct rbk_tree_block *block,
                                                 uint32_t *ret_count)
{
    uint32_t count = 0;
    for (const struct rbk_tree_statement *s = block != NULL ? block->first : NULL; s != NULL;
         s = s->next) {
        count++;
    }
    const struct rbk_tree_statement **list =
        rbk_new_array(arena, const struct rbk_tree_statement *, count + 1);
    *ret_count = 0;
    for (const struct rbk_tree_statement *s = block != NULL ? block->first : NULL; s != NULL;
         s = s->next) {
        list[(*ret_count)++] = s;
    }
    return list;
}

static void match(struct matching *matching)
{
    struct rbk_arena *arena = matching->comparison->arena;
    matching->partner_of_before = rbk_new_array(arena, uint32_t, matching->before_count + 1);
    matching->partner_of_after = rbk_new_array(arena, uint32_t, matching->after_count + 1);
    memset(matching->partner_of_before, 0xff, matching->before_count * sizeof(uint32_t));
    memset(matching->partner_of_after, 0xff, matching->after_count * sizeof(uint32_t));
    match_by(matching, words_of);
    match_by(matching, key_of);
    if (matching->before_count <= PAIRWISE_MAX && matching->after_count <= PAIRWISE_MAX) {
        match_steps(matching, true);
        match_steps(matching, false);
        match_renamed(matching);
    }
}

void rbk_comparison_blocks(struct rbk_comparison *comparison, const struct rbk_tree_block *before,
                           const struct rbk_tree_block *after)
{
    struct matching matching = {.comparison = comparison};
    matching.before = list_of(comparison->arena, before, &matching.before_count);
    matching.after = list_of(comparison->arena, after, &matching.after_count);
    match(&matching);
    for (uint32_t i = 0; i < matching.before_count; i++) {
        if (matching.partner_of_before[i] == NONE) {
            tell_gone(comparison, matching.before[i]);
        }
    }
    bool groups[3 + RBK_STATEMENT_KINDS] = {false};
    for (uint32_t i = 0; i < matching.after_count; i++) {
        const struct rbk_tree_statement *statement = matching.after[i];
        uint32_t partner = matching.partner_of_after[i];
        groups[order_group((enum rbk_statement_kind)statement->kind)] = true;
        if (partner == NONE) {
            tell_new(comparison, statement);
        } else {
            tell_renamed(comparison, matching.before[partner], statement);
            rbk_comparison_statements(comparison, matching.before[partner], statement);
        }
    }
    for (unsigned group = 1; group < 3 + RBK_STATEMENT_KINDS; group++) {
        if (groups[group]) {
            compare_order(&matching, group);
        }
    }
}
