#ifndef RBK_RUNTIME_CORE_NAMES_H
#define RBK_RUNTIME_CORE_NAMES_H

/*
 * The words of every enumeration of a machine as data, for those who read or check an enumeration
 * without knowing which one it is (machine_format.c). Whoever knows calls rbk_…_name().
 */

#include <stdint.h>

#include "runtime/core/base/str.h"

/* The words of one enumeration: words[constant], each once. */
struct rbk_words {
    const char *const *words;
    uint32_t count;
};

/* X(name of the enumeration, its list, the constant of its count) */
#define RBK_WORD_LISTS(X)                                               \
    X(type, RBK_TYPES, RBK_TYPE_COUNT)                                  \
    X(op, RBK_OPS, RBK_OP_COUNT)                                        \
    X(unit, RBK_UNITS, RBK_UNIT_COUNT)                                  \
    X(variable, RBK_VARIABLES, RBK_VARIABLE_COUNT)                      \
    X(region_kind, RBK_REGION_KINDS, RBK_REGION_KIND_COUNT)             \
    X(state_kind, RBK_STATE_KINDS, RBK_STATE_KIND_COUNT)                \
    X(phase, RBK_PHASES, RBK_PHASE_COUNT)                               \
    X(outcome, RBK_OUTCOMES, RBK_OUTCOME_COUNT)                         \
    X(effect_kind, RBK_EFFECT_KINDS, RBK_EFFECT_KIND_COUNT)             \
    X(crash_rule, RBK_CRASH_RULES, RBK_CRASH_RULE_COUNT)                \
    X(arg_kind, RBK_ARG_KINDS, RBK_ARG_KIND_COUNT)                      \
    X(read_kind, RBK_READ_KINDS, RBK_READ_KIND_COUNT)                   \
    X(window_kind, RBK_WINDOW_KINDS, RBK_WINDOW_KIND_COUNT)             \
    X(question_kind, RBK_QUESTION_KINDS, RBK_QUESTION_KIND_COUNT)       \
    X(reaction_kind, RBK_REACTION_KINDS, RBK_REACTION_KIND_COUNT)       \
    X(connection_kind, RBK_CONNECTION_KINDS, RBK_CONNECTION_KIND_COUNT) \
    X(secret_source, RBK_SECRET_SOURCES, RBK_SECRET_SOURCE_COUNT)       \
    X(hook_kind, RBK_HOOK_KINDS, RBK_HOOK_KIND_COUNT)                   \
    X(stage_kind, RBK_STAGE_KINDS, RBK_STAGE_KIND_COUNT)                \
    X(risk, RBK_RISKS, RBK_RISK_COUNT)                                  \
    X(since, RBK_SINCE_KINDS, RBK_SINCE_COUNT)

#define X(name, list, count) extern const struct rbk_words rbk_words_##name;
RBK_WORD_LISTS(X)
#undef X

/* The constant of a word, or `words->count` when it is none of them. */
uint32_t rbk_words_find(const struct rbk_words *words, struct rbk_str word);

#endif
