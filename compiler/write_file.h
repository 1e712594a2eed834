/*
 * Writing what a command made, to a file or to stdout.
 */
#ifndef RBK_COMPILER_WRITE_FILE_H
#define RBK_COMPILER_WRITE_FILE_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/** Write all of a text to an open file. @return 0, or -1 with errno set. */
RBK_MUST_USE int rbk_write_all(int fd, struct rbk_str text);

/**
 * Write a file whole: beside its name, then renamed, so that it is there whole or not at all.
 * @path  NUL-terminated; NULL writes to stdout.
 * @return 0, or -1 with errno set and nothing left behind.
 */
RBK_MUST_USE int rbk_write_file(const char *path, struct rbk_str text);

/** The same for a file that is there: it keeps its permissions, and its owner where we may give it
 * away. @return 0, or -1 with errno set. */
RBK_MUST_USE int rbk_replace_file(const char *path, struct rbk_str text);

#endif
