/*
 * Making text harmless for a terminal. One function decides what a character becomes; widths come
 * from a small table of our own, because wcwidth() depends on the locale a person happens to have.
 */
#include "runtime/people/sanitize.h"

#include <stdio.h>

#include "runtime/core/base/utf8.h"

/* A range of characters, both ends included. */
struct range {
    uint32_t first, last;
};

/* What is invisible, or changes how its neighbours are read (Unicode: Cf, Zl, Zp, and fillers). */
static const struct range hidden[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},    {0x115F, 0x1160},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},    {0x2028, 0x202E},
    {0x2060, 0x206F},   {0x3164, 0x3164},   {0xE000, 0xF8FF},    {0xFE00, 0xFE0F},
    {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},    {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}, {0xF0000, 0x10FFFF},
};

/* What takes two columns (East Asian wide and full width, pictures). */
static const struct range wide[] = {
    {0x1100, 0x115E},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
    {0x3041, 0x3163},   {0x3165, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
    {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x16FE0, 0x18CFF}, {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF},
    {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335},
    {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3},
    {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440},
    {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E}, {0x1F550, 0x1F567},
    {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2}, {0x1F6D5, 0x1F6D7},
    {0x1F6DC, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
    {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF},
    {0x20000, 0x2FFFD}, {0x30000, 0x3FFFD},
};

/* What is drawn over the character before it. */
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x05BF, 0x05C7}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x06E7, 0x06ED},
    {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948}, {0x094D, 0x094D}, {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF},
    {0x302A, 0x302D}, {0x3099, 0x309A}, {0xFE20, 0xFE2F},
};

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (character > ranges[middle].last) {
            low = middle + 1;
        } else if (character < ranges[middle].first) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}

static size_t width_of(uint32_t character)
{
    if (character < 0x300) {
        return 1;
    }
    if (is_in(combining, RBK_COUNT(combining), character)) {
        return 0;
    }
    return is_in(wide, RBK_COUNT(wide), character) ? 2 : 1;
}

/* What one character becomes. */
struct shown {
    char text[16];
    size_t bytes;
    size_t columns;
};

static void show_escape(struct shown *shown, bool is_byte, unsigned value)
{
    int written = is_byte ? snprintf(shown->text, sizeof(shown->text), "\\x%02x", value)
                          : snprintf(shown->text, sizeof(shown->text), "\\u{%x}", value);
    shown->bytes = (size_t)written;
    shown->columns = (size_t)written;
}

/* The character at `offset`, which is inside the text. @return Its bytes in the text, at least 1.
 */
static size_t show_next(struct rbk_str text, size_t offset, struct shown *shown)
{
    uint32_t character = 0;
    size_t bytes = rbk_utf8_decode(text, offset, &character);
    unsigned byte = (unsigned char)text.data[offset];
    if (bytes == 0) {
        show_escape(shown, true, byte);
        return 1;
    }
    if (character == '\n') {
        shown->text[0] = '\\';
        shown->text[1] = 'n';
        shown->bytes = shown->columns = 2;
    } else if (character == '\t') {
        shown->text[0] = ' ';
        shown->bytes = shown->columns = 1;
    } else if (character < 0x20 || (character >= 0x7F && character < 0xA0)) {
        show_escape(shown, true, character);
    } else if (is_in(hidden, RBK_COUNT(hidden), character)) {
        show_escape(shown, false, character);
    } else {
        for (size_t i = 0; i < bytes; i++) {
            shown->text[i] = text.data[offset + i];
        }
        shown->bytes = bytes;
        shown->columns = width_of(character);
    }
    return bytes;
}

void rbk_sanitize(struct rbk_buffer *out, struct rbk_str text)
{
    size_t offset = 0;
    while (offset < text.bytes) {
        struct shown shown;
        offset += show_next(text, offset, &shown);
        rbk_buffer_append(out, shown.text, shown.bytes);
    }
}

size_t rbk_sanitize_cut(struct rbk_buffer *out, struct rbk_str text, size_t columns_max, bool utf8)
{
    size_t offset = 0, columns = 0, cut_bytes = out->bytes, cut_columns = 0;
    while (offset < text.bytes) {
        struct shown shown;
        offset += show_next(text, offset, &shown);
        if (columns + shown.columns > columns_max) {
            if (columns_max == 0) {
                return 0;
            }
            rbk_buffer_truncate(out, cut_bytes);
            rbk_buffer_append_text(out, utf8 ? "…" : "~");
            return cut_columns + 1;
        }
        rbk_buffer_append(out, shown.text, shown.bytes);
        columns += shown.columns;
        if (columns < columns_max) {
            cut_bytes = out->bytes;
            cut_columns = columns;
        }
    }
    return columns;
}

size_t rbk_sanitize_columns(struct rbk_str text)
{
    size_t offset = 0, columns = 0;
    while (offset < text.bytes) {
        struct shown shown;
        offset += show_next(text, offset, &shown);
        columns += shown.columns;
    }
    return columns;
}
