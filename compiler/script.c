/*
 * Scripts by ranges of code points, in ascending order.
 */
#include "compiler/script.h"

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
    const char *script; /* NULL: not a letter. */
};

static const struct range ranges[] = {
    {0x0041, 0x005a, "Latin"},      {0x0061, 0x007a, "Latin"},      {0x00aa, 0x00aa, "Latin"},
    {0x00ba, 0x00ba, "Latin"},      {0x00c0, 0x00d6, "Latin"},      {0x00d8, 0x00f6, "Latin"},
    {0x00f8, 0x02af, "Latin"},      {0x0370, 0x0373, "Greek"},      {0x0376, 0x0377, "Greek"},
    {0x037b, 0x037d, "Greek"},      {0x037f, 0x037f, "Greek"},      {0x0386, 0x0386, "Greek"},
    {0x0388, 0x03ff, "Greek"},      {0x0400, 0x0481, "Cyrillic"},   {0x048a, 0x052f, "Cyrillic"},
    {0x0531, 0x0556, "Armenian"},   {0x0560, 0x0588, "Armenian"},   {0x05d0, 0x05ea, "Hebrew"},
    {0x0620, 0x064a, "Arabic"},     {0x066e, 0x06d3, "Arabic"},     {0x0904, 0x0939, "Devanagari"},
    {0x0985, 0x09b9, "Bengali"},    {0x0e01, 0x0e30, "Thai"},       {0x10a0, 0x10ff, "Georgian"},
    {0x1100, 0x115e, "Hangul"},     {0x1161, 0x11ff, "Hangul"},     {0x13a0, 0x13fd, "Cherokee"},
    {0x1c90, 0x1cbf, "Georgian"},   {0x1d00, 0x1d25, "Latin"},      {0x1e00, 0x1eff, "Latin"},
    {0x1f00, 0x1fbc, "Greek"},      {0x2c60, 0x2c7f, "Latin"},      {0x2de0, 0x2dff, "Cyrillic"},
    {0x3041, 0x3096, "Japanese"},   {0x30a1, 0x30fa, "Japanese"},   {0x3400, 0x4dbf, "Han"},
    {0x4e00, 0x9fff, "Han"},        {0xa640, 0xa66e, "Cyrillic"},   {0xa720, 0xa7ff, "Latin"},
    {0xab30, 0xab64, "Latin"},      {0xab70, 0xabbf, "Cherokee"},   {0xac00, 0xd7a3, "Hangul"},
    {0xff21, 0xff3a, "full-width"}, {0xff41, 0xff5a, "full-width"}, {0x20000, 0x2fa1f, "Han"},
};

static const char *script_of(uint32_t character)
{
    size_t low = 0;
    size_t high = RBK_COUNT(ranges);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (character > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < RBK_COUNT(ranges) && character >= ranges[low].first ? ranges[low].script : NULL;
}

static bool is_combining(uint32_t c)
{
    return (c >= 0x0300 && c <= 0x036f) || (c >= 0x0483 && c <= 0x0489) ||
           (c >= 0x0591 && c <= 0x05c7) || (c >= 0x064b && c <= 0x065f) ||
           (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x1dc0 && c <= 0x1dff) ||
           (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe20 && c <= 0xfe2f);
}

static bool is_quote(uint32_t c)
{
    return (c >= 0x2018 && c <= 0x201f) || c == 0x00ab || c == 0x00bb || c == 0x2039 || c == 0x203a;
}

bool rbk_script_is_hidden(uint32_t c)
{
    return c == 0x00ad || c == 0x034f || c == 0x061c || c == 0x115f || c == 0x1160 || c == 0x17b4 ||
           c == 0x17b5 || (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 ||
           c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
           (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

struct rbk_script_check rbk_script_check(struct rbk_str word)
{
    struct rbk_script_check check = {RBK_SCRIPT_FINE, 0, 0, "", "", false};
    const char *script = NULL;
    for (size_t at = 0; at < word.bytes;) {
        uint32_t character = 0;
        size_t bytes = rbk_utf8_decode(word, at, &character);
        if (bytes == 0) {
            bytes = 1;
        }
        check.offset = at;
        check.bytes = bytes;
        at += bytes;
        if (character == '_' || (character >= '0' && character <= '9')) {
            continue;
        }
        if (is_combining(character)) {
            check.fault = RBK_SCRIPT_COMBINING;
            check.other_script = "combining";
            return check;
        }
        const char *found = script_of(character);
        if (!found) {
            check.fault = RBK_SCRIPT_NOT_A_LETTER;
            check.quote = is_quote(character);
            return check;
        }
        /* Japanese is written with Han characters beside its own. */
        bool japanese = script && ((script[0] == 'J' && found[0] == 'H' && found[2] == 'n') ||
                                   (script[0] == 'H' && script[2] == 'n' && found[0] == 'J'));
        if (script && found != script && !japanese && !rbk_str_is(rbk_str_from(found), script)) {
            check.fault = RBK_SCRIPT_MIXED;
            check.first_script = script;
            check.other_script = found;
            return check;
        }
        script = found;
    }
    return check;
}
