/*
 * SQL files: read when the plan is compiled, because a run is bound to its machine.
 */
#ifndef RBK_COMPILER_LOWER_SQL_FILE_H
#define RBK_COMPILER_LOWER_SQL_FILE_H

#include "compiler/source.h"

/**
 * Read the file that a source names, relative to that source.
 * @arena     Takes the text.
 * @ret_text  Set on success only.
 * @return NULL, or what is wrong with the file, for a message: it cannot be opened, is not a
 * regular file, is larger than RBK_SQL_FILE_BYTES_MAX, or is not UTF-8.
 */
const char *rbk_sql_file_read(struct rbk_arena *arena, const struct rbk_source *source,
                              struct rbk_str name, struct rbk_str *ret_text);

#endif
