/*
 * A source: the text of one .rbk file, held in memory for as long as the compilation.
 *
 * Everything in the compiler that points at text does so with a span: two byte offsets into one
 * source. Lines and columns exist only when a message is printed or a place is written into a
 * machine; they are derived here from a table of line starts. A span alone does not say which
 * source it belongs to: inside one tree that is the tree's file, and across files (a module called
 * from a plan) struct rbk_place carries both.
 */
#ifndef RBK_COMPILER_SOURCE_H
#define RBK_COMPILER_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

struct rbk_arena;
struct rbk_diagnostics;
struct rbk_error;

/** A half-open range of bytes of a source: start is included, end is not. start <= end <=
 * source.text.bytes. */
struct rbk_span {
    uint32_t start; /**< Offset of the first byte. */
    uint32_t end;   /**< Offset one past the last byte; equal to start for a point (end of file). */
};

/** One file's text. Immutable once opened; owned by the arena it was opened with. */
struct rbk_source {
    struct rbk_str path; /**< As the user gave it; used in messages. NUL-terminated. */
    struct rbk_str text; /**< The whole file, followed by two NUL bytes which are not counted. */
    const uint32_t *line_starts; /**< line_count offsets, ascending; line_starts[0] is 0. */
    uint32_t line_count;         /**< At least 1, also for an empty file. */
    uint32_t id; /**< Position among the sources of a compilation; the opener sets it (0 unless
                    changed). */
};

/** A span together with the source it belongs to. */
struct rbk_place {
    const struct rbk_source
        *source; /**< Borrowed; NULL when a message has no place in any source. */
    struct rbk_span span;
};

/** Where an offset is, in the terms of an editor. */
struct rbk_position {
    uint32_t line;   /**< From 1. */
    uint32_t column; /**< From 1, in characters (code points), a tab being one character. */
};

/** Make a span from two offsets. */
static inline struct rbk_span rbk_span_make(uint32_t start, uint32_t end)
{
    return (struct rbk_span){start, end};
}

/** The span from the start of @first to the end of @last. */
static inline struct rbk_span rbk_span_join(struct rbk_span first, struct rbk_span last)
{
    return (struct rbk_span){first.start, last.end};
}

/** Put a span and its source together. */
static inline struct rbk_place rbk_place_make(const struct rbk_source *source, struct rbk_span span)
{
    return (struct rbk_place){source, span};
}

/**
 * Read a file into memory and build its line table.
 * @arena      Owns the text, the path and the result.
 * @path       NUL-terminated; "-" is not special.
 * @ret_source Set on success only.
 * @reterr     Set on failure only.
 * @return 0; -RBK_EIO, -RBK_ENOTFOUND or -RBK_ELIMIT (larger than RBK_SOURCE_BYTES_MAX, which is
 * found without reading it; rbk_compile() reports it as RBK170). The text has not
 * been checked for UTF-8: rbk_source_check() does that.
 */
RBK_MUST_USE int rbk_source_open(struct rbk_arena *arena, const char *path,
                                 struct rbk_source **ret_source, struct rbk_error *reterr);

/**
 * Make a source from bytes in memory (tests, fuzzing, a text handed over by an editor).
 * @text Copied into the arena; at most RBK_SOURCE_BYTES_MAX bytes, asserted.
 * @return Never NULL.
 */
struct rbk_source *rbk_source_from_text(struct rbk_arena *arena, struct rbk_str path,
                                        struct rbk_str text);

/**
 * Check that the text reads as it compiles: RBK161 for NUL and other control bytes, invalid UTF-8,
 * bidirectional and invisible characters. Names of mixed scripts are found by the scanner, which
 * knows what a name is.
 * @return 0 when clean, -1 when at least one diagnostic was added (parsing is then pointless).
 */
RBK_MUST_USE int rbk_source_check(const struct rbk_source *source,
                                  struct rbk_diagnostics *diagnostics);

/** The line (from 1) and column of an offset; offsets past the end give the end. Time: log of the
 * lines. */
struct rbk_position rbk_source_position(const struct rbk_source *source, uint32_t offset);

/** The text of line @line (from 1), without its line end; an empty string for a line that does not
 * exist. */
struct rbk_str rbk_source_line(const struct rbk_source *source, uint32_t line);

/** The bytes of a span; never NUL-terminated. */
struct rbk_str rbk_source_text(const struct rbk_source *source, struct rbk_span span);

#endif
