/*
 * The plan as written: its tokens, without comments and layout, for showing a part of it on one
 * line and for asking whether two parts are written the same.
 */
#ifndef RBK_COMPILER_REVIEW_WORDING_H
#define RBK_COMPILER_REVIEW_WORDING_H

#include "compiler/format_scan.h"
#include "compiler/tree.h"

struct rbk_arena;

/** The tokens of one source. */
struct rbk_wording {
    const struct rbk_source *source; /**< Borrowed. */
    struct rbk_format_text text;
};

/** Scan a source that was parsed. @names  Of its compilation. Everything is in @arena. */
void rbk_wording_scan(struct rbk_wording *wording, struct rbk_arena *arena, struct rbk_names *names,
                      const struct rbk_source *source);

/**
 * The tokens of a span on one line, cut after about @bytes_max bytes with an ellipsis. Texts over
 * several lines show their first one.
 */
struct rbk_str rbk_wording_show(struct rbk_arena *arena, const struct rbk_wording *wording,
                                struct rbk_span span, size_t bytes_max);

/** Whether two spans have the same tokens. */
bool rbk_wording_same(const struct rbk_wording *a, struct rbk_span a_span,
                      const struct rbk_wording *b, struct rbk_span b_span);

#endif
