/*
 * Escaping of running text.
 *
 * Markdown: every character that could begin markup gets a backslash or an entity. `@name` and
 * `#12` would tell a person or link an issue wherever GitHub shows the page: an empty comment
 * between the two characters keeps them apart without being seen. Code is fenced by more backticks
 * than it has in a row, and a `|` in a table is escaped even there, as GitHub wants it.
 */
#include "compiler/review/document_inline.h"

#include "compiler/review/document.h"
#include "runtime/core/base/utf8.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

/* Characters that change how others are shown, or show nothing: those RBK161 refuses in a source.
 * Here they may come from an escape or a machine. */
static bool is_hidden(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0xad ||
           character == 0x61c || (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
           (character >= 0xe0000 && character <= 0xe007f);
}

bool rbk_inline_character(struct rbk_buffer *out, struct rbk_str text, size_t *at)
{
    uint32_t character = 0;
    size_t bytes = rbk_utf8_decode(text, *at, &character);
    if (bytes == 0 || is_hidden(character)) {
        (void)rbk_buffer_append_text(out, REPLACEMENT);
        *at += bytes > 0 ? bytes : 1;
        return false;
    }
    (void)rbk_buffer_append(out, text.data + *at, bytes);
    *at += bytes;
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (unsigned char)byte >= 0x80;
}

/* ---- Markdown -------------------------------------------------------------------------------- */

/* Code: from `at`, behind the opening mark, to the closing one or the end. @return behind it. */
static size_t put_code(struct rbk_buffer *out, struct rbk_str text, size_t at, bool in_table)
{
    size_t end = at;
    size_t run = 0;
    size_t longest = 0;
    for (; end < text.bytes && text.data[end] != RBK_MARK_CODE_END[0]; end++) {
        run = text.data[end] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    struct rbk_str code = rbk_str_trim(rbk_str_slice(text, at, end));
    if (code.bytes > 0) {
        bool padded = code.data[0] == '`' || code.data[code.bytes - 1] == '`';
        for (size_t i = 0; i <= longest; i++) {
            (void)rbk_buffer_append_byte(out, '`');
        }
        (void)rbk_buffer_append_text(out, padded ? " " : "");
        bool blank = false;
        for (size_t i = 0; i < code.bytes;) {
            if (is_blank(code.data[i])) {
                (void)rbk_buffer_append_text(out, blank ? "" : " ");
                blank = true;
                i++;
                continue;
            }
            blank = false;
            if (code.data[i] == '|' && in_table) {
                (void)rbk_buffer_append_byte(out, '\\');
            }
            (void)rbk_inline_character(out, code, &i);
        }
        (void)rbk_buffer_append_text(out, padded ? " " : "");
        for (size_t i = 0; i <= longest; i++) {
            (void)rbk_buffer_append_byte(out, '`');
        }
    }
    return end < text.bytes ? end + 1 : end;
}

/* Digits and a dot, or one of `-+#=`, begin a list or a heading at the beginning of a line. */
static size_t put_line_start(struct rbk_buffer *out, struct rbk_str text)
{
    size_t at = 0;
    while (at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9') {
        (void)rbk_buffer_append_byte(out, text.data[at++]);
    }
    if (at < text.bytes && (at > 0 ? (text.data[at] == '.' || text.data[at] == ')')
                                   : memchr("-+#=", text.data[at], 4) != NULL)) {
        (void)rbk_buffer_append_byte(out, '\\');
        (void)rbk_buffer_append_byte(out, text.data[at++]);
    }
    return at;
}

/* One character outside of code. @return behind it. */
static size_t put_plain(struct rbk_buffer *out, struct rbk_str text, size_t at)
{
    char byte = text.data[at];
    if (byte == '&') {
        (void)rbk_buffer_append_text(out, "&amp;");
        return at + 1;
    }
    if (byte == '<') {
        (void)rbk_buffer_append_text(out, "&lt;");
        return at + 1;
    }
    if (memchr("\\`*_[]>|~$", byte, 10) != NULL) {
        (void)rbk_buffer_append_byte(out, '\\');
        (void)rbk_buffer_append_byte(out, byte);
        return at + 1;
    }
    bool inside = at > 0 && is_word(text.data[at - 1]); /* of an address, which names nobody */
    if ((byte == '@' || byte == '#') && !inside && at + 1 < text.bytes &&
        is_word(text.data[at + 1])) {
        (void)rbk_buffer_append_byte(out, byte);
        (void)rbk_buffer_append_text(out, "<!-- -->");
        return at + 1;
    }
    (void)rbk_inline_character(out, text, &at);
    return at;
}

void rbk_inline_markdown(struct rbk_buffer *out, struct rbk_str text, bool in_table)
{
    bool strong = false;
    bool blank = false;
    size_t at = in_table ? 0 : put_line_start(out, text);
    while (at < text.bytes) {
        char byte = text.data[at];
        if (is_blank(byte)) {
            (void)rbk_buffer_append_text(out, blank ? "" : " ");
            blank = true;
            at++;
            continue;
        }
        blank = false;
        if (byte == RBK_MARK_CODE[0]) {
            at = put_code(out, text, at + 1, in_table);
        } else if (byte == RBK_MARK_STRONG[0] || byte == RBK_MARK_STRONG_END[0]) {
            bool wanted = byte == RBK_MARK_STRONG[0];
            (void)rbk_buffer_append_text(out, wanted != strong ? "**" : "");
            strong = wanted;
            at++;
        } else if (byte == RBK_MARK_CODE_END[0]) {
            at++;
        } else {
            at = put_plain(out, text, at);
        }
    }
    (void)rbk_buffer_append_text(out, strong ? "**" : "");
}

/* ---- HTML ------------------------------------------------------------------------------------ */

static size_t put_html(struct rbk_buffer *out, struct rbk_str text, size_t at)
{
    switch (text.data[at]) {
    case '&':
        (void)rbk_buffer_append_text(out, "&amp;");
        return at + 1;
    case '<':
        (void)rbk_buffer_append_text(out, "&lt;");
        return at + 1;
    case '>':
        (void)rbk_buffer_append_text(out, "&gt;");
        return at + 1;
    case '"':
        (void)rbk_buffer_append_text(out, "&quot;");
        return at + 1;
    case '\n':
    case '\t':
        (void)rbk_buffer_append_byte(out, text.data[at]);
        return at + 1;
    default:
        (void)rbk_inline_character(out, text, &at);
        return at;
    }
}

void rbk_inline_html_text(struct rbk_buffer *out, struct rbk_str text)
{
    for (size_t at = 0; at < text.bytes;) {
        at = put_html(out, text, at);
    }
}

/* Open or close an element, unless it is so already. */
static void put_tag(struct rbk_buffer *out, const char *name, bool wanted, bool *open)
{
    if (wanted != *open) {
        (void)rbk_buffer_printf(out, wanted ? "<%s>" : "</%s>", name);
        *open = wanted;
    }
}

void rbk_inline_html(struct rbk_buffer *out, struct rbk_str text)
{
    bool code = false;
    bool strong = false;
    for (size_t at = 0; at < text.bytes;) {
        char byte = text.data[at];
        if (byte == RBK_MARK_CODE[0] || byte == RBK_MARK_CODE_END[0]) {
            put_tag(out, "code", byte == RBK_MARK_CODE[0], &code);
            at++;
        } else if (byte == RBK_MARK_STRONG[0] || byte == RBK_MARK_STRONG_END[0]) {
            put_tag(out, "code", false, &code); /* code stands inside of emphasis, not around it */
            put_tag(out, "strong", byte == RBK_MARK_STRONG[0], &strong);
            at++;
        } else {
            at = put_html(out, text, at);
        }
    }
    put_tag(out, "code", false, &code);
    put_tag(out, "strong", false, &strong);
}
