#ifndef RBK_RUNTIME_PEOPLE_PEN_H
#define RBK_RUNTIME_PEOPLE_PEN_H

/*
 * Writing one line of a frame: text in a tone, cut where the line ends, and what stands at its
 * right end. All text is sanitized here.
 */

#include "runtime/people/frame.h"

/* A line under way. */
struct rbk_pen {
    struct rbk_frame *frame;
    const struct rbk_style *style;
    size_t width;     /* columns a line may have */
    size_t lines_max; /* lines the frame may have; more are left out */
    size_t column;
    struct rbk_buffer right; /* to stand at the right end */
    enum rbk_tone right_tone;
};

void rbk_pen_init(struct rbk_pen *pen, struct rbk_frame *frame, const struct rbk_style *style,
                  size_t width, size_t lines_max);
void rbk_pen_fini(struct rbk_pen *pen);

void rbk_pen_text(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text);
/* The same behind two blanks, and only when all of it fits. */
void rbk_pen_whole(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text);
/* Text, in bold. */
void rbk_pen_bold(struct rbk_pen *pen, struct rbk_str text);
RBK_PRINTF(3, 4)
void rbk_pen_printf(struct rbk_pen *pen, enum rbk_tone tone, const char *format, ...);
/* At most `columns` columns of text, filled with blanks. */
void rbk_pen_cell(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text, size_t columns);
/* The same for a name, cut in its middle: names that begin alike mostly end differently. */
void rbk_pen_name(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str name, size_t columns);
/* [####------], `columns` wide; share is cut to 0 to 1. */
void rbk_pen_bar(struct rbk_pen *pen, enum rbk_tone tone, double share, size_t columns);
/* A line across, and its end. */
void rbk_pen_rule(struct rbk_pen *pen, enum rbk_tone tone);
/* What stands at the right end; later text of the line keeps clear of it. */
RBK_PRINTF(3, 4)
void rbk_pen_right(struct rbk_pen *pen, enum rbk_tone tone, const char *format, ...);
/*
 * Write the rest of a line and end it: `label`, then text that is broken at blanks into at most
 * `lines_max` lines which begin under each other; what does not fit is cut.
 */
void rbk_pen_wrap(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str label,
                  struct rbk_str text, size_t lines_max);
/*
 * Write the rest of a line and end it: a command for a shell, never cut. Where it is too long it
 * goes on behind a backslash, so that it can be copied as it stands; a single word that is too long
 * is all that may be cut.
 */
void rbk_pen_command(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str command);
/* End the line. */
void rbk_pen_end(struct rbk_pen *pen);

#endif
