/*
 * Strings as {pointer, bytes}: borrowed text that need not end in NUL and may hold any byte.
 */
#ifndef RBK_RUNTIME_CORE_BASE_STR_H
#define RBK_RUNTIME_CORE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/** A borrowed piece of text; valid as long as what it points into. */
struct rbk_str {
    const char *data; /**< First byte; may be NULL when bytes is 0. */
    size_t bytes;     /**< Length in bytes, without any NUL. */
};

/** A name with a value: an environment variable, a header, a label. */
struct rbk_pair {
    struct rbk_str name;
    struct rbk_str value;
};

/** A string from a literal; the literal's NUL is not counted. */
#define RBK_STR(LITERAL) ((struct rbk_str){("" LITERAL), sizeof("" LITERAL) - 1})

/** The two arguments of "%.*s" for a string. */
#define RBK_STR_ARG(STR) (int)(STR).bytes, ((STR).bytes ? (STR).data : "")

/** The text of a NUL-terminated string; NULL gives the empty string. Borrows. */
struct rbk_str rbk_str_from(const char *text);

/** Whether both have the same bytes. */
bool rbk_str_equal(struct rbk_str a, struct rbk_str b);

/** Whether a string has the same bytes as a NUL-terminated one. */
bool rbk_str_is(struct rbk_str str, const char *text);

/** Whether a string begins, or ends, with the bytes of another; the empty string always fits. */
bool rbk_str_starts(struct rbk_str str, struct rbk_str prefix);
bool rbk_str_ends(struct rbk_str str, struct rbk_str suffix);

/** Byte order, a shorter string before the longer one it begins: < 0, 0 or > 0. */
int rbk_str_compare(struct rbk_str a, struct rbk_str b);

/** The bytes from `start` up to `end`; both are clamped to the string. */
struct rbk_str rbk_str_slice(struct rbk_str str, size_t start, size_t end);

/** Without blanks, tabs and line ends at both ends. */
struct rbk_str rbk_str_trim(struct rbk_str str);

/** The position of the first `byte` in a string, or its length when there is none. */
size_t rbk_str_find(struct rbk_str str, char byte);

#endif
