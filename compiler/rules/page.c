/*
 * Finding and printing pages. They are ours and tested, so what is not laid out as expected comes
 * out as it stands.
 */
#include "compiler/rules/page.h"

#include "runtime/core/base/buffer.h"

#include <string.h>

const struct rbk_rule_page *rbk_rule_page_find(unsigned code)
{
    uint32_t count;
    const struct rbk_rule_page *pages = rbk_rule_pages(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (pages[i].code == code) {
            return &pages[i];
        }
    }
    return NULL;
}

/* The line that begins at *at, without its end; *at becomes the next one's start. */
static struct rbk_str next_line(struct rbk_str text, size_t *at)
{
    struct rbk_str rest = rbk_str_slice(text, *at, text.bytes);
    struct rbk_str line = rbk_str_slice(rest, 0, rbk_str_find(rest, '\n'));
    *at += line.bytes + (line.bytes < rest.bytes);
    return line;
}

struct rbk_str rbk_rule_page_title(const struct rbk_rule_page *page)
{
    size_t at = 0;
    struct rbk_str line = next_line(page->text, &at);
    size_t colon = rbk_str_find(line, ':');
    return rbk_str_trim(rbk_str_slice(line, colon + (colon < line.bytes), line.bytes));
}

struct rbk_str rbk_rule_page_plan(const struct rbk_rule_page *page, bool good)
{
    bool in_section = false;
    size_t start = 0;
    for (size_t at = 0; at < page->text.bytes;) {
        size_t line_start = at;
        struct rbk_str line = next_line(page->text, &at);
        if (start && rbk_str_is(line, "```")) {
            return rbk_str_slice(page->text, start, line_start);
        }
        if (!start && rbk_str_starts(line, RBK_STR("## "))) {
            in_section = rbk_str_is(line, good ? "## Good" : "## Bad");
        } else if (in_section && rbk_str_starts(line, RBK_STR("```rbk"))) {
            start = at;
        }
    }
    return RBK_STR("");
}

void rbk_rule_page_print(const struct rbk_rule_page *page, struct rbk_buffer *buffer)
{
    bool in_block = false;
    for (size_t at = 0; at < page->text.bytes;) {
        struct rbk_str line = next_line(page->text, &at);
        if (rbk_str_starts(line, RBK_STR("```"))) {
            in_block = !in_block;
            continue;
        }
        if (in_block && line.bytes) {
            rbk_buffer_append_str(buffer, RBK_STR("    "));
        } else if (!in_block && line.bytes && line.data[0] == '#') {
            size_t marks = 0;
            while (marks < line.bytes && (line.data[marks] == '#' || line.data[marks] == ' ')) {
                marks++;
            }
            line = rbk_str_slice(line, marks, line.bytes);
            if (marks > 2) {
                rbk_buffer_printf(buffer, "%.*s\n", RBK_STR_ARG(line));
                continue;
            }
        }
        rbk_buffer_append_str(buffer, line);
        rbk_buffer_append_str(buffer, RBK_STR("\n"));
    }
}

unsigned rbk_rule_page_code(struct rbk_str text)
{
    unsigned code = 0;
    if (text.bytes == 6 &&
        (strncmp(text.data, "RBK", 3) == 0 || strncmp(text.data, "rbk", 3) == 0)) {
        text = rbk_str_slice(text, 3, 6);
    }
    if (text.bytes != 3) {
        return 0;
    }
    for (size_t i = 0; i < 3; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        code = code * 10 + (unsigned)(text.data[i] - '0');
    }
    return code;
}
