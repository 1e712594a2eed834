/*
 * Assertions: for mistakes in our code, never for input. A hostile plan, machine or journal gets an
 * error. Write one condition per assertion, so that the message names the one that failed.
 */
#ifndef RBK_RUNTIME_CORE_BASE_ASSERT_H
#define RBK_RUNTIME_CORE_BASE_ASSERT_H

#include "runtime/core/base/attributes.h"

/** Ends the process with a message on stderr and abort(). Never returns. */
RBK_NORETURN void rbk_assert_failed(const char *condition, const char *file, int line,
                                    const char *function);

/** Holds in every build. */
#define RBK_ASSERT(CONDITION) \
    ((CONDITION) ? (void)0 : rbk_assert_failed(#CONDITION, __FILE__, __LINE__, __func__))

/** Marks a place that cannot be reached, such as the default of a complete switch. */
#define RBK_UNREACHABLE() rbk_assert_failed("unreachable", __FILE__, __LINE__, __func__)

/** Holds in debug builds; compiled, but not evaluated, where NDEBUG is set. */
#ifdef NDEBUG
#define RBK_DCHECK(CONDITION) ((void)sizeof((CONDITION) ? 1 : 0))
#else
#define RBK_DCHECK(CONDITION) RBK_ASSERT(CONDITION)
#endif

#endif
