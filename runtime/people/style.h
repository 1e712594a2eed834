#ifndef RBK_RUNTIME_PEOPLE_STYLE_H
#define RBK_RUNTIME_PEOPLE_STYLE_H

/*
 * How tones look: the control sequences of this terminal, or none.
 */

#include "runtime/people/view.h"

struct rbk_style {
    const char *tones[RBK_TONE_COUNT]; /* never NULL; "" for no change */
    const char *bold;
    const char *off;
    bool utf8; /* bars and marks beyond ASCII may be used */
};

/* No colours. @utf8 as the locale says. */
struct rbk_style rbk_style_plain(bool utf8);
/* ANSI colours (SGR), which every terminal with colours understands. */
struct rbk_style rbk_style_colour(bool utf8);
/* Whether the environment allows colours: NO_COLOR is not set to something, TERM is not dumb. */
bool rbk_style_wanted(void);
/* Whether the locale writes UTF-8. */
bool rbk_style_utf8(void);
/* The mark in front of a stage or line. */
const char *rbk_style_mark(const struct rbk_style *style, enum rbk_tone tone);

#endif
