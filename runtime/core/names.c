/*
 * The words of enumerations. Each list of X-macros is expanded once, into a table of words; the
 * functions that name a constant, and the reader of machines that looks a word up, use that table.
 */
#include "runtime/core/names.h"

#include "runtime/core/machine.h"

#define WORD(constant, word, ...) word,
#define X(name, list, count)                                        \
    static const char *const words_of_##name[count] = {list(WORD)}; \
    const struct rbk_words rbk_words_##name = {words_of_##name, (count)};
RBK_WORD_LISTS(X)
#undef X
#undef WORD

static const int64_t unit_factors[RBK_UNIT_COUNT] = {
#define X(constant, word, factor) factor,
    RBK_UNITS(X)
#undef X
};

static const enum rbk_type variable_types[RBK_VARIABLE_COUNT] = {
#define X(constant, spelling, type) RBK_TYPE_##type,
    RBK_VARIABLES(X)
#undef X
};

static const enum rbk_type read_kind_types[RBK_READ_KIND_COUNT] = {
#define X(constant, spelling, driver, type) RBK_TYPE_##type,
    RBK_READ_KINDS(X)
#undef X
};

static const char *word_of(const struct rbk_words *words, uint32_t constant, const char *none)
{
    return constant < words->count ? words->words[constant] : none;
}

uint32_t rbk_words_find(const struct rbk_words *words, struct rbk_str word)
{
    for (uint32_t i = 0; i < words->count; i++) {
        if (rbk_str_is(word, words->words[i])) {
            return i;
        }
    }
    return words->count;
}

const char *rbk_type_name(enum rbk_type type)
{
    return word_of(&rbk_words_type, (uint32_t)type, "unknown");
}

enum rbk_type rbk_type_from_name(struct rbk_str word)
{
    uint32_t found = rbk_words_find(&rbk_words_type, word);
    return found < RBK_TYPE_COUNT ? (enum rbk_type)found : RBK_TYPE_UNKNOWN;
}

int64_t rbk_unit_factor(enum rbk_unit unit)
{
    return (uint32_t)unit < RBK_UNIT_COUNT ? unit_factors[unit] : 1;
}

enum rbk_type rbk_variable_type(enum rbk_variable variable)
{
    return (uint32_t)variable < RBK_VARIABLE_COUNT ? variable_types[variable] : RBK_TYPE_UNKNOWN;
}

enum rbk_type rbk_read_kind_type(enum rbk_read_kind kind)
{
    return (uint32_t)kind < RBK_READ_KIND_COUNT ? read_kind_types[kind] : RBK_TYPE_UNKNOWN;
}

/* The functions that do nothing but name a constant: NAMED(function's name, enumeration). */
#define NAMED(name, enumeration)                                    \
    const char *rbk_##name##_name(enum rbk_##enumeration constant)  \
    {                                                               \
        return word_of(&rbk_words_##name, (uint32_t)constant, "?"); \
    }

NAMED(op, op)
NAMED(unit, unit)
NAMED(variable, variable)
NAMED(region_kind, region_kind)
NAMED(state_kind, state_kind)
NAMED(phase, phase)
NAMED(outcome, outcome)
NAMED(effect_kind, effect_kind)
NAMED(crash_rule, crash_rule)
NAMED(arg_kind, arg_kind)
NAMED(read_kind, read_kind)
NAMED(window_kind, window_kind)
NAMED(question_kind, question_kind)
NAMED(reaction_kind, reaction_kind)
NAMED(connection_kind, connection_kind)
NAMED(secret_source, secret_source)
NAMED(hook_kind, hook_kind)
NAMED(stage_kind, stage_kind)
NAMED(risk, risk)
NAMED(since, since)
