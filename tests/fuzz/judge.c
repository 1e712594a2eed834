/*
 * See judge.h. Written from what readers of these formats do (CommonMark 0.30 for fences and spans,
 * the HTML standard for tags, GitHub's runner for commands), not from what the writers do.
 */
#include "tests/fuzz/judge.h"

#include "runtime/core/base/utf8.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define POLICY "meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\""
/* clang-format on */

/* Elements open inside another. */
#define DEPTH_MAX 32u

void fuzz_fail(struct rbk_str text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("fuzz: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n---- the text ----\n%.*s\n----\n", RBK_STR_ARG(text));
    va_end(arguments);
    abort();
}

/* The rest of a text, cut to what is worth showing. */
static struct rbk_str from(struct rbk_str text, size_t at)
{
    struct rbk_str rest = rbk_str_slice(text, at, text.bytes);
    rest.bytes = rest.bytes < 60 ? rest.bytes : 60;
    return rest;
}

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_hidden(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad ||
           c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

void fuzz_judge_text(struct rbk_str text)
{
    for (size_t at = 0; at < text.bytes;) {
        uint32_t character = 0;
        size_t bytes = rbk_utf8_decode(text, at, &character);
        if (bytes == 0) {
            fuzz_fail(text, "no UTF-8 at byte %zu", at);
        }
        if (is_hidden(character)) {
            fuzz_fail(text, "U+%04X, which is not seen, at byte %zu", (unsigned)character, at);
        }
        at += bytes;
    }
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static size_t run_of(struct rbk_str text, size_t at, char byte)
{
    size_t count = 0;
    while (at + count < text.bytes && text.data[at + count] == byte) {
        count++;
    }
    return count;
}

/* Where the span that a run of backticks opens ends, behind its closing run; 0: nowhere. */
static size_t span_end(struct rbk_str line, size_t at, size_t run)
{
    while (at < line.bytes) {
        size_t other = run_of(line, at, '`');
        if (other == run) {
            return at + run;
        }
        at += other > 0 ? other : 1;
    }
    return 0;
}

/* How long what the compiler writes at a `<` is; 0: it is of the plan. */
static size_t own_markup(struct rbk_str rest)
{
    static const char *const known[] = {"<!-- -->",   "<details>", "</details>", "<summary>",
                                        "</summary>", "<code>",    "</code>",    "<strong>",
                                        "</strong>",  "<br>"};
    for (size_t i = 0; i < RBK_COUNT(known); i++) {
        if (rbk_str_starts(rest, rbk_str_from(known[i]))) {
            return strlen(known[i]);
        }
    }
    return 0;
}

static void judge_markdown_line(struct rbk_str text, struct rbk_str line)
{
    for (size_t at = 0; at < line.bytes;) {
        char byte = line.data[at];
        if (byte == '\\') {
            at += 2;
        } else if (byte == '`') {
            size_t run = run_of(line, at, '`');
            size_t end = span_end(line, at + run, run);
            if (end == 0) {
                fuzz_fail(text, "code that is not closed in its line: %.*s",
                          RBK_STR_ARG(from(line, at)));
            }
            at = end;
        } else if (byte == '<') {
            size_t markup = own_markup(rbk_str_slice(line, at, line.bytes));
            if (markup == 0) {
                fuzz_fail(text, "a `<` that is not escaped: %.*s", RBK_STR_ARG(from(line, at)));
            }
            at += markup;
        } else {
            at++;
        }
    }
}

void fuzz_judge_markdown(struct rbk_str text)
{
    size_t fence = 0;
    fuzz_judge_text(text);
    for (size_t at = 0; at < text.bytes;) {
        size_t end = at + rbk_str_find(rbk_str_slice(text, at, text.bytes), '\n');
        struct rbk_str line = rbk_str_slice(text, at, end);
        struct rbk_str trimmed = rbk_str_trim(line);
        size_t run = run_of(trimmed, 0, '`');
        at = end + 1;
        bool only_run = run == trimmed.bytes;
        if (fence > 0) {
            fence = run >= fence && only_run ? 0 : fence;
        } else if (run >= 3 && memchr(trimmed.data + run, '`', trimmed.bytes - run) == NULL) {
            fence = run;
        } else {
            judge_markdown_line(text, line);
        }
    }
    if (fence > 0) {
        fuzz_fail(text, "a fence of %zu backticks is not closed", fence);
    }
}

/* ---- HTML ------------------------------------------------------------------------------------ */

struct page {
    struct rbk_str text;
    struct rbk_str open[DEPTH_MAX];
    unsigned depth;
};

/* Tags with attributes are known as a whole: the plan has no say in any of them. */
static bool is_void(struct rbk_str tag)
{
    static const char *const known[] = {
        "!DOCTYPE html",
        POLICY,
        "meta charset=\"utf-8\"",
        "meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"",
        "input type=\"checkbox\"",
    };
    for (size_t i = 0; i < RBK_COUNT(known); i++) {
        if (rbk_str_is(tag, known[i])) {
            return true;
        }
    }
    return false;
}

static bool is_element(struct rbk_str name)
{
    static const char *const known[] = {"html",  "head",   "title",   "style",  "body", "h1", "h2",
                                        "h3",    "h4",     "h5",      "h6",     "p",    "ul", "li",
                                        "table", "thead",  "tbody",   "tr",     "th",   "td", "pre",
                                        "code",  "strong", "details", "summary"};
    for (size_t i = 0; i < RBK_COUNT(known); i++) {
        if (rbk_str_is(name, known[i])) {
            return true;
        }
    }
    return false;
}

/* A tag, without its brackets. */
static void judge_tag(struct page *page, struct rbk_str tag)
{
    if (is_void(tag)) {
        return;
    }
    if (tag.bytes > 0 && tag.data[0] == '/') {
        struct rbk_str name = rbk_str_slice(tag, 1, tag.bytes);
        if (page->depth == 0 || !rbk_str_equal(page->open[page->depth - 1], name)) {
            fuzz_fail(page->text, "</%.*s> closes something else", RBK_STR_ARG(name));
        }
        page->depth--;
        return;
    }
    struct rbk_str name = rbk_str_slice(tag, 0, rbk_str_find(tag, ' '));
    struct rbk_str attributes = rbk_str_slice(tag, name.bytes, tag.bytes);
    if (!is_element(name) ||
        (attributes.bytes > 0 && !rbk_str_is(tag, "html lang=\"en\"") &&
         !rbk_str_is(tag, "li class=\"task\"") && !rbk_str_is(tag, "td class=\"number\""))) {
        fuzz_fail(page->text, "<%.*s> is not of the compiler", RBK_STR_ARG(tag));
    }
    if (page->depth == DEPTH_MAX) {
        fuzz_fail(page->text, "more than %u elements inside another", DEPTH_MAX);
    }
    page->open[page->depth++] = name;
}

static void judge_entity(const struct page *page, size_t at)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    struct rbk_str rest = rbk_str_slice(page->text, at, page->text.bytes);
    for (size_t i = 0; i < RBK_COUNT(known); i++) {
        if (rbk_str_starts(rest, rbk_str_from(known[i]))) {
            return;
        }
    }
    fuzz_fail(page->text, "a `&` that is not escaped: %.*s", RBK_STR_ARG(from(rest, 0)));
}

void fuzz_judge_html(struct rbk_str text)
{
    struct page page = {.text = text, .depth = 0};
    fuzz_judge_text(text);
    for (size_t at = 0; at < text.bytes; at++) {
        bool in_style = page.depth > 0 && rbk_str_is(page.open[page.depth - 1], "style");
        struct rbk_str rest = rbk_str_slice(text, at, text.bytes);
        if (in_style && !rbk_str_starts(rest, RBK_STR("</style>"))) {
            continue;
        }
        if (text.data[at] == '&') {
            judge_entity(&page, at);
        } else if (text.data[at] == '>') {
            fuzz_fail(text, "a `>` that is not escaped at byte %zu", at);
        } else if (text.data[at] == '<') {
            size_t bytes = rbk_str_find(rest, '>');
            if (bytes == rest.bytes) {
                fuzz_fail(text, "a tag that is not closed: %.*s", RBK_STR_ARG(from(rest, 0)));
            }
            judge_tag(&page, rbk_str_slice(rest, 1, bytes));
            at += bytes;
        }
    }
    if (page.depth > 0) {
        fuzz_fail(text, "<%.*s> is not closed", RBK_STR_ARG(page.open[page.depth - 1]));
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void fuzz_judge_json(struct rbk_str text)
{
    json_error_t error;
    json_t *json = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        fuzz_fail(text, "no JSON: %s at byte %d", error.text, error.position);
    }
    if (!json_is_object(json)) {
        fuzz_fail(text, "JSON, and no object");
    }
    json_decref(json);
}

/* ---- GitHub's commands ----------------------------------------------------------------------- */

/* What the runner takes for a command: two colons and a word at the start of a line, or the older
 * form anywhere in it. */
static bool is_command(struct rbk_str line)
{
    bool colons = rbk_str_starts(line, RBK_STR("::")) && line.bytes > 2 &&
                  ((line.data[2] >= 'a' && line.data[2] <= 'z') ||
                   (line.data[2] >= 'A' && line.data[2] <= 'Z'));
    return colons || (line.bytes > 0 && memmem(line.data, line.bytes, "##[", 3) != NULL);
}

/* A command of the compiler's, whose data is only data. */
static bool is_own_command(struct rbk_str line)
{
    static const char *const known[] = {"::error ",  "::warning ",   "::notice ",
                                        "::group::", "::endgroup::", "::stop-commands::"};
    for (size_t i = 0; i < RBK_COUNT(known); i++) {
        if (rbk_str_starts(line, rbk_str_from(known[i]))) {
            return true;
        }
    }
    return false;
}

void fuzz_judge_github(struct rbk_str text)
{
    struct rbk_str word = {NULL, 0}; /* that lets commands be commands again */
    fuzz_judge_text(text);
    for (size_t at = 0; at < text.bytes;) {
        size_t end = at + rbk_str_find(rbk_str_slice(text, at, text.bytes), '\n');
        struct rbk_str line = rbk_str_trim(rbk_str_slice(text, at, end));
        at = end + 1;
        if (word.bytes > 0) {
            bool ends = line.bytes == word.bytes + 4 && rbk_str_starts(line, RBK_STR("::")) &&
                        rbk_str_ends(line, RBK_STR("::")) &&
                        rbk_str_equal(rbk_str_slice(line, 2, line.bytes - 2), word);
            word.bytes = ends ? 0 : word.bytes;
        } else if (rbk_str_starts(line, RBK_STR("::stop-commands::"))) {
            word = rbk_str_slice(line, strlen("::stop-commands::"), line.bytes);
        } else if (is_command(line) && !is_own_command(line)) {
            fuzz_fail(text, "the plan gives a command: %.*s", RBK_STR_ARG(from(line, 0)));
        }
    }
    if (word.bytes > 0) {
        fuzz_fail(text, "commands stay stopped");
    }
}
