/*
 * Colours and marks. Every meaning has a word or a mark beside its colour, so that nothing is lost
 * without colours.
 */
#include "runtime/people/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

struct rbk_style rbk_style_plain(bool utf8)
{
    struct rbk_style style = {.bold = "", .off = "", .utf8 = utf8};
    for (size_t i = 0; i < RBK_TONE_COUNT; i++) {
        style.tones[i] = "";
    }
    return style;
}

struct rbk_style rbk_style_colour(bool utf8)
{
    struct rbk_style style = rbk_style_plain(utf8);
    style.tones[RBK_TONE_DIM] = "\033[2m";
    style.tones[RBK_TONE_GOOD] = "\033[32m";
    style.tones[RBK_TONE_BUSY] = "\033[36m";
    style.tones[RBK_TONE_WARN] = "\033[33m";
    style.tones[RBK_TONE_BAD] = "\033[1;31m";
    style.tones[RBK_TONE_ASK] = "\033[1;35m";
    style.bold = "\033[1m";
    style.off = "\033[0m";
    return style;
}

bool rbk_style_wanted(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

bool rbk_style_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *rbk_style_mark(const struct rbk_style *style, enum rbk_tone tone)
{
    switch (tone) {
    case RBK_TONE_GOOD:
        return style->utf8 ? "✓" : "+";
    case RBK_TONE_BUSY:
        return style->utf8 ? "▶" : ">";
    case RBK_TONE_WARN:
        return style->utf8 ? "↺" : "<";
    case RBK_TONE_BAD:
        return style->utf8 ? "✗" : "!";
    case RBK_TONE_ASK:
        return "?";
    case RBK_TONE_DIM:
        return style->utf8 ? "·" : ".";
    case RBK_TONE_PLAIN:
    case RBK_TONE_COUNT:
        break;
    }
    return " ";
}
