/*
 * Clauses of two matched statements, in any order. Those that say the same are passed over; the
 * rest is paired by kind, the first with the first.
 *
 * `idempotent`, `done when` and `in doubt` are one thing in different words: how a crash is
 * resolved. They are told together.
 */
#include "compiler/review/comparison.h"

#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/value.h"

/* Clauses of one statement beyond this many are compared as one text. */
#define CLAUSES_MAX 256u

static struct rbk_str was(const struct rbk_pair_compared *pair,
                          const struct rbk_tree_clause *clause)
{
    return rbk_comparison_before(pair->comparison, clause->span);
}

static struct rbk_str now(const struct rbk_pair_compared *pair,
                          const struct rbk_tree_clause *clause)
{
    return rbk_comparison_after(pair->comparison, clause->span);
}

static bool is_crash_rule(uint8_t kind)
{
    return kind == RBK_CLAUSE_IDEMPOTENT || kind == RBK_CLAUSE_DONE_WHEN ||
           kind == RBK_CLAUSE_IN_DOUBT;
}

/* ---- amounts --------------------------------------------------------------------------------- */

/* What a clause that is an amount is called; NULL for others. */
static const char *amount_words(enum rbk_clause_kind kind)
{
    switch (kind) {
    case RBK_CLAUSE_TIMEOUT:
        return "timeout";
    case RBK_CLAUSE_WITHIN:
        return "time";
    case RBK_CLAUSE_RETRY:
        return "retries";
    case RBK_CLAUSE_EVERY:
        return "`every`";
    case RBK_CLAUSE_FOR:
    case RBK_CLAUSE_FOR_READINGS:
        return "`for`";
    case RBK_CLAUSE_MISSING_AFTER:
        return "`missing after`";
    case RBK_CLAUSE_CONFIRM:
        return "`confirm within`";
    case RBK_CLAUSE_AT_LEAST:
        return "`at least`";
    case RBK_CLAUSE_AT_MOST:
        return "`at most`";
    default:
        return NULL;
    }
}

static bool is_duration(enum rbk_clause_kind kind)
{
    return kind == RBK_CLAUSE_TIMEOUT || kind == RBK_CLAUSE_WITHIN || kind == RBK_CLAUSE_EVERY ||
           kind == RBK_CLAUSE_FOR || kind == RBK_CLAUSE_CONFIRM;
}

static struct rbk_str amount_text(const struct rbk_pair_compared *pair,
                                  const struct rbk_tree_clause *clause)
{
    if (!is_duration((enum rbk_clause_kind)clause->kind)) {
        return rbk_arena_printf(pair->comparison->arena, "%llu",
                                (unsigned long long)clause->amount);
    }
    struct rbk_buffer text;
    rbk_buffer_init(&text, 256);
    rbk_value_print(&text, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)clause->amount));
    struct rbk_str result = rbk_arena_copy(pair->comparison->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return result;
}

/* Whether more of it makes the plan weaker (1), stronger (-1), or neither. */
static int more_is_weaker(const struct rbk_pair_compared *pair, enum rbk_clause_kind kind)
{
    enum rbk_statement_kind statement = (enum rbk_statement_kind)pair->after->kind;
    bool watches = statement == RBK_STATEMENT_PROBE || statement == RBK_STATEMENT_TRIGGER;
    bool back = pair->comparison->in_rollback || statement == RBK_STATEMENT_ROLLBACK ||
                statement == RBK_STATEMENT_ROLLBACK_WITHIN;
    switch (kind) {
    case RBK_CLAUSE_WITHIN:
        return back || statement == RBK_STATEMENT_REHEARSED_WITHIN ? 1 : 0;
    case RBK_CLAUSE_TIMEOUT:
        return back ? 1 : 0;
    case RBK_CLAUSE_EVERY:
        return watches || statement == RBK_STATEMENT_ROLLBACK ? 1 : 0;
    case RBK_CLAUSE_FOR:
        return statement == RBK_STATEMENT_TRIGGER ? 1 : statement == RBK_STATEMENT_CHECK ? -1 : 0;
    case RBK_CLAUSE_FOR_READINGS:
    case RBK_CLAUSE_MISSING_AFTER:
    case RBK_CLAUSE_CONFIRM:
        return 1;
    case RBK_CLAUSE_AT_LEAST:
        return -1;
    default:
        return 0;
    }
}

static enum rbk_change_weight weight_of(int weaker)
{
    return weaker > 0 ? RBK_CHANGE_WEAKER : weaker < 0 ? RBK_CHANGE_STRONGER : RBK_CHANGE_OTHER;
}

static void tell_amount(const struct rbk_pair_compared *pair, const struct rbk_tree_clause *before,
                        const struct rbk_tree_clause *after)
{
    enum rbk_clause_kind kind = (enum rbk_clause_kind)after->kind;
    int more = after->amount > before->amount ? 1 : after->amount < before->amount ? -1 : 0;
    enum rbk_change_weight weight = weight_of(more * more_is_weaker(pair, kind));
    struct rbk_str old_text = amount_text(pair, before);
    struct rbk_str new_text = amount_text(pair, after);
    if (more == 0) {
        /* `60s` for `1m`: another spelling of the same. */
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s says " RBK_CODE("%.*s") " for " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, after)),
                 RBK_STR_ARG(was(pair, before)));
    } else if (kind == RBK_CLAUSE_EVERY && pair->after->kind == RBK_STATEMENT_PROBE) {
        RBK_TELL(pair, weight, "%.*s is read every %.*s instead of %.*s", RBK_STR_ARG(pair->name),
                 RBK_STR_ARG(new_text), RBK_STR_ARG(old_text));
    } else {
        struct rbk_str words = rbk_str_from(amount_words(kind));
        if (words.data[0] == '`') {
            words = rbk_arena_printf(pair->comparison->arena, RBK_CODE("%.*s"),
                                     RBK_STR_ARG(rbk_str_slice(words, 1, words.bytes - 1)));
        }
        RBK_TELL(pair, weight, "%.*s of %.*s %.*s → %.*s", RBK_STR_ARG(words),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(old_text), RBK_STR_ARG(new_text));
    }
}

/* ---- others ---------------------------------------------------------------------------------- */

/* Add those of the triggers in a block that are of a severity: ", `slow`". */
static void put_triggers(struct rbk_buffer *out, const struct rbk_tree_block *block,
                         struct rbk_str severity)
{
    for (const struct rbk_tree_statement *s = block->first; s != NULL; s = s->next) {
        if (s->kind == RBK_STATEMENT_STAGE) {
            put_triggers(out, s->block, severity);
        } else if (s->kind == RBK_STATEMENT_TRIGGER && s->second_name != NULL &&
                   rbk_str_equal(s->second_name->name->text, severity)) {
            (void)rbk_buffer_printf(out, "%s" RBK_CODE("%.*s"), out->bytes > 0 ? ", " : "",
                                    RBK_STR_ARG(s->name->name->text));
        }
    }
}

/* What a changed severity concerns: " (triggers `slow`)"; else nothing. */
static struct rbk_str concerned(const struct rbk_pair_compared *pair)
{
    struct rbk_buffer text;
    struct rbk_str result = RBK_STR("");
    if (pair->after->kind != RBK_STATEMENT_SEVERITY || pair->after->parent == NULL) {
        return result;
    }
    rbk_buffer_init(&text, (size_t)64 << 10);
    put_triggers(&text, pair->after->parent->block, pair->after->name->name->text);
    if (text.bytes > 0) {
        result = rbk_arena_printf(pair->comparison->arena, " (triggers %.*s)",
                                  RBK_STR_ARG(rbk_buffer_str(&text)));
    }
    rbk_buffer_fini(&text);
    return result;
}

static void tell_reaction(const struct rbk_pair_compared *pair,
                          const struct rbk_tree_clause *before, const struct rbk_tree_clause *after)
{
    struct rbk_span old_span = before->reaction->span;
    struct rbk_span new_span = after->reaction->span;
    int change = rbk_reaction_strength(after->reaction) - rbk_reaction_strength(before->reaction);
    bool loosened = before->kind == RBK_CLAUSE_MISSING && after->amount > before->amount;
    const char *how = before->kind == RBK_CLAUSE_THEN       ? "reacts with"
                      : before->kind == RBK_CLAUSE_ELSE     ? "without an answer leads to"
                      : before->kind == RBK_CLAUSE_IN_DOUBT ? "when in doubt does"
                                                            : "without data reacts with";
    if (before->kind == RBK_CLAUSE_MISSING) {
        old_span = before->span; /* `hold` belongs to it */
        new_span = after->span;
    }
    RBK_TELL(pair, weight_of(loosened ? 1 : -change),
             "%.*s %s " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s") "%.*s",
             RBK_STR_ARG(pair->name), how,
             RBK_STR_ARG(rbk_comparison_after(pair->comparison, new_span)),
             RBK_STR_ARG(rbk_comparison_before(pair->comparison, old_span)),
             RBK_STR_ARG(concerned(pair)));
}

static bool has_text(const struct rbk_comparison *comparison, bool in_after,
                     const struct rbk_tree_expr *list, struct rbk_str text)
{
    for (; list != NULL; list = list->next) {
        struct rbk_str item = in_after ? rbk_comparison_after(comparison, list->span)
                                       : rbk_comparison_before(comparison, list->span);
        if (rbk_str_equal(item, text)) {
            return true;
        }
    }
    return false;
}

static void tell_members(const struct rbk_pair_compared *pair, const struct rbk_tree_clause *before,
                         const struct rbk_tree_clause *after)
{
    uint32_t told = pair->comparison->count;
    for (const struct rbk_tree_expr *m = before->value; m != NULL; m = m->next) {
        struct rbk_str text = rbk_comparison_before(pair->comparison, m->span);
        if (!has_text(pair->comparison, true, after->value, text)) {
            RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s lost its member " RBK_CODE("%.*s"),
                     RBK_STR_ARG(pair->name), RBK_STR_ARG(text));
        }
    }
    for (const struct rbk_tree_expr *m = after->value; m != NULL; m = m->next) {
        struct rbk_str text = rbk_comparison_after(pair->comparison, m->span);
        if (!has_text(pair->comparison, false, before->value, text)) {
            RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s has a new member " RBK_CODE("%.*s"),
                     RBK_STR_ARG(pair->name), RBK_STR_ARG(text));
        }
    }
    if (pair->comparison->count == told) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s: " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(was(pair, before)),
                 RBK_STR_ARG(now(pair, after)));
    }
}

static void tell_changed(const struct rbk_pair_compared *pair, const struct rbk_tree_clause *before,
                         const struct rbk_tree_clause *after)
{
    enum rbk_clause_kind kind = (enum rbk_clause_kind)after->kind;
    bool claims = kind == RBK_CLAUSE_DATA_MODIFIED || kind == RBK_CLAUSE_DATA_CREATED;
    if (amount_words(kind) != NULL) {
        tell_amount(pair, before, after);
    } else if (kind == RBK_CLAUSE_THEN || kind == RBK_CLAUSE_ELSE || kind == RBK_CLAUSE_MISSING) {
        tell_reaction(pair, before, after);
    } else if (kind == RBK_CLAUSE_MEMBERS) {
        tell_members(pair, before, after);
    } else {
        /* What was irreversible or lost and is not any more is believed, and asks for less. */
        bool weaker = claims && (rbk_str_is(before->name->name->text, "irreversible") ||
                                 rbk_str_is(before->name->name->text, "lost"));
        RBK_TELL(pair, weaker ? RBK_CHANGE_WEAKER : RBK_CHANGE_OTHER,
                 "%.*s: " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"), RBK_STR_ARG(pair->name),
                 RBK_STR_ARG(was(pair, before)), RBK_STR_ARG(now(pair, after)));
    }
}

/* Whether having a clause makes a plan weaker (1) or stronger (-1). */
static int having_is_weaker(const struct rbk_pair_compared *pair, enum rbk_clause_kind kind)
{
    bool trigger = pair->after->kind == RBK_STATEMENT_TRIGGER;
    switch (kind) {
    case RBK_CLAUSE_OPTIONAL:
    case RBK_CLAUSE_AUTOCOMMIT:
    case RBK_CLAUSE_EXCEPT_DURING:
    case RBK_CLAUSE_DURING_APPLY:
    case RBK_CLAUSE_SINCE:
    case RBK_CLAUSE_MISSING_AFTER:
    case RBK_CLAUSE_CONFIRM:
        return 1;
    case RBK_CLAUSE_FOR:
    case RBK_CLAUSE_FOR_READINGS:
        return trigger ? 1 : -1;
    case RBK_CLAUSE_TIMEOUT:
    case RBK_CLAUSE_WITHIN:
    case RBK_CLAUSE_FOUR_EYES:
    case RBK_CLAUSE_CANCEL:
    case RBK_CLAUSE_MEMBERS:
    case RBK_CLAUSE_CONTACT:
    case RBK_CLAUSE_ESCALATE_STEP:
    case RBK_CLAUSE_EXPECT:
    case RBK_CLAUSE_DATA_BACKUP:
        return -1;
    default:
        return 0;
    }
}

static void tell_gone(const struct rbk_pair_compared *pair, const struct rbk_tree_clause *clause)
{
    int weaker = having_is_weaker(pair, (enum rbk_clause_kind)clause->kind);
    RBK_TELL(pair, weight_of(-weaker), "%.*s lost " RBK_CODE("%.*s"), RBK_STR_ARG(pair->name),
             RBK_STR_ARG(was(pair, clause)));
}

static void tell_new(const struct rbk_pair_compared *pair, const struct rbk_tree_clause *clause)
{
    int weaker = having_is_weaker(pair, (enum rbk_clause_kind)clause->kind);
    RBK_TELL(pair, weight_of(weaker), "%.*s has " RBK_CODE("%.*s") " now", RBK_STR_ARG(pair->name),
             RBK_STR_ARG(now(pair, clause)));
}

/* ---- crash rules ----------------------------------------------------------------------------- */

/* The clauses that say how a crash is resolved, in one text. */
static struct rbk_str crash_rule(const struct rbk_pair_compared *pair, bool is_after)
{
    const struct rbk_tree_statement *statement = is_after ? pair->after : pair->before;
    struct rbk_str text = RBK_STR("");
    for (const struct rbk_tree_clause *c = statement->clauses; c != NULL; c = c->next) {
        if (is_crash_rule(c->kind)) {
            text = rbk_arena_printf(pair->comparison->arena, "%.*s%s%.*s", RBK_STR_ARG(text),
                                    text.bytes > 0 ? " " : "",
                                    RBK_STR_ARG(is_after ? now(pair, c) : was(pair, c)));
        }
    }
    return text;
}

static void compare_crash_rules(const struct rbk_pair_compared *pair)
{
    struct rbk_str before = crash_rule(pair, false);
    struct rbk_str after = crash_rule(pair, true);
    if (rbk_str_equal(before, after)) {
        return;
    }
    /* A claim that doing it twice does no harm is taken on trust; looking is not. */
    bool trusting = rbk_str_is(after, "idempotent") || after.bytes == 0;
    const char *old_word = before.bytes == 0                              ? "none"
                           : rbk_str_starts(before, RBK_STR("done when")) ? "look"
                           : rbk_str_starts(before, RBK_STR("in doubt"))  ? "ask"
                                                                          : "again";
    if (rbk_str_is(after, "idempotent")) {
        RBK_TELL(pair, RBK_CHANGE_WEAKER,
                 "%.*s became " RBK_CODE("idempotent") " (was: %s%s" RBK_CODE("%.*s") ")",
                 RBK_STR_ARG(pair->name), old_word, before.bytes > 0 ? ", " : "",
                 RBK_STR_ARG(before));
        return;
    }
    RBK_TELL(pair, trusting ? RBK_CHANGE_WEAKER : RBK_CHANGE_OTHER,
             "after a crash %.*s is resolved by " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
             RBK_STR_ARG(pair->name), RBK_STR_ARG(after.bytes > 0 ? after : RBK_STR("its kind")),
             RBK_STR_ARG(before.bytes > 0 ? before : RBK_STR("its kind")));
}

/* ---- lists ----------------------------------------------------------------------------------- */

static uint32_t list_of(const struct rbk_tree_statement *statement,
                        const struct rbk_tree_clause **list)
{
    uint32_t count = 0;
    for (const struct rbk_tree_clause *c = statement->clauses; c != NULL && count < CLAUSES_MAX;
         c = c->next) {
        if (!is_crash_rule(c->kind)) {
            list[count++] = c;
        }
    }
    return count;
}

/* Take the pairs of one round out of both lists. @told  Whether they differ and are told. */
static void pair_off(const struct rbk_pair_compared *pair, const struct rbk_tree_clause **before,
                     uint32_t before_count, const struct rbk_tree_clause **after,
                     uint32_t after_count, bool told)
{
    for (uint32_t i = 0; i < before_count; i++) {
        for (uint32_t k = 0; k < after_count && before[i] != NULL; k++) {
            if (after[k] == NULL || after[k]->kind != before[i]->kind) {
                continue;
            }
            if (told) {
                tell_changed(pair, before[i], after[k]);
            } else if (!rbk_comparison_same(pair->comparison, before[i]->span, after[k]->span)) {
                continue;
            }
            before[i] = after[k] = NULL;
        }
    }
}

void rbk_comparison_clauses(struct rbk_comparison *comparison,
                            const struct rbk_tree_statement *before,
                            const struct rbk_tree_statement *after)
{
    const struct rbk_tree_clause *old_clauses[CLAUSES_MAX];
    const struct rbk_tree_clause *new_clauses[CLAUSES_MAX];
    uint32_t old_count = list_of(before, old_clauses);
    uint32_t new_count = list_of(after, new_clauses);
    struct rbk_pair_compared pair = {.comparison = comparison, .before = before, .after = after};
    pair.name = rbk_arena_printf(comparison->arena, "%.*s%.*s",
                                 RBK_STR_ARG(rbk_comparison_name(comparison, true, after)),
                                 RBK_STR_ARG(comparison->where));
    pair_off(&pair, old_clauses, old_count, new_clauses, new_count, false);
    pair_off(&pair, old_clauses, old_count, new_clauses, new_count, true);
    for (uint32_t i = 0; i < old_count; i++) {
        if (old_clauses[i] != NULL) {
            tell_gone(&pair, old_clauses[i]);
        }
    }
    for (uint32_t i = 0; i < new_count; i++) {
        if (new_clauses[i] != NULL) {
            tell_new(&pair, new_clauses[i]);
        }
    }
    compare_crash_rules(&pair);
}
