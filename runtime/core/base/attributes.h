/*
 * Compiler attributes and two tiny macros, so that no other header names a compiler.
 */
#ifndef RBK_RUNTIME_CORE_BASE_ATTRIBUTES_H
#define RBK_RUNTIME_CORE_BASE_ATTRIBUTES_H

#include <stddef.h>

/** The caller must look at the result. */
#define RBK_MUST_USE __attribute__((warn_unused_result))

/** printf-like: argument FORMAT is the format, ARGUMENTS the first value (0 for a va_list). */
#define RBK_PRINTF(FORMAT, ARGUMENTS) __attribute__((format(printf, FORMAT, ARGUMENTS)))

/** The function never returns. */
#define RBK_NORETURN __attribute__((noreturn))

/** A parameter or function that may go unused, such as the data of a callback. */
#define RBK_UNUSED __attribute__((unused))

/** A case that goes on into the next one on purpose. */
#define RBK_FALLTHROUGH __attribute__((fallthrough))

/** The number of elements of an array (not of a pointer), as size_t. */
#define RBK_COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/** The object of type TYPE whose member MEMBER is at POINTER. */
#define RBK_CONTAINER_OF(POINTER, TYPE, MEMBER) \
    ((TYPE *)(void *)((char *)(POINTER)-offsetof(TYPE, MEMBER)))

#endif
