/*
 * Findings as a page of Markdown (GitHub's flavour) for a job's summary or a comment. Texts of the
 * plan are hostile: outside of code they are escaped, and the fence of a code block is longer than
 * any run of backticks in it.
 */
#include "compiler/findings/findings.h"
#include "runtime/core/base/buffer.h"

#include <string.h>

/* Kept free for the sentence that says what was left out. */
#define RESERVE_BYTES 512u

static size_t backticks_at(struct rbk_str text, size_t at)
{
    size_t count = 0;
    while (at + count < text.bytes && text.data[at + count] == '`') {
        count++;
    }
    return count;
}

/* Where the code that a run of backticks begins ends, behind the run of the same length that closes
 * it; 0: it begins none. */
static size_t code_end(struct rbk_str text, size_t at)
{
    size_t run = backticks_at(text, at);
    for (size_t i = at + run; i < text.bytes;) {
        size_t other = backticks_at(text, i);
        if (other == run) {
            return i + run;
        }
        i += other > 0 ? other : 1;
    }
    return 0;
}

/* What stands between backticks is code already, where a backslash would show; backticks that do
 * not pair, as a reader of Markdown pairs them, make no code and are escaped, too. */
static void append_escaped(struct rbk_buffer *buffer, struct rbk_str text)
{
    size_t code = 0; /* the end of the code under way */
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        code = byte == '`' && i >= code ? code_end(text, i) : code;
        if (byte == '`' && code == 0) {
            for (size_t run = backticks_at(text, i); run > 1; run--, i++) {
                rbk_buffer_append_text(buffer, "\\`");
            }
            rbk_buffer_append_text(buffer, "\\`");
            continue;
        }
        if (byte && strchr("\\*_{}[]()#+!|<>&~$@", byte) && (i >= code || byte == '|')) {
            rbk_buffer_append_byte(buffer, '\\');
        }
        rbk_buffer_append_byte(buffer, byte == '\n' || byte == '\r' ? ' ' : byte);
    }
}

static size_t longest_backticks(struct rbk_str text)
{
    size_t longest = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        size_t run = backticks_at(text, i);
        longest = run > longest ? run : longest;
        i += run > 0 ? run - 1 : 0;
    }
    return longest;
}

static void append_fence(struct rbk_buffer *buffer, size_t backticks)
{
    for (size_t i = 0; i < backticks; i++) {
        rbk_buffer_append_byte(buffer, '`');
    }
}

/* The source lines of the rendered text: all but its first line, which is the heading. */
static void append_block(struct rbk_buffer *buffer, struct rbk_str rendered)
{
    size_t end = rbk_str_find(rendered, '\n');
    struct rbk_str text = rbk_str_slice(rendered, end + 1, rendered.bytes);
    while (text.bytes && text.data[text.bytes - 1] == '\n') {
        text.bytes--;
    }
    size_t fence = longest_backticks(text) + 1;
    fence = fence < 3 ? 3 : fence;
    append_fence(buffer, fence);
    rbk_buffer_append_text(buffer, "text\n");
    rbk_buffer_append_str(buffer, text);
    rbk_buffer_append_byte(buffer, '\n');
    append_fence(buffer, fence);
    rbk_buffer_append_text(buffer, "\n\n");
}

static void append_item(struct rbk_buffer *buffer, const struct rbk_finding *item)
{
    rbk_buffer_printf(buffer, "#### %s RBK%03u: ",
                      item->waived ? "waived" : rbk_severity_name(item->severity), item->code);
    append_escaped(buffer, item->message);
    rbk_buffer_append_text(buffer, "\n\n");
    append_block(buffer, item->rendered);
}

static void append_files(struct rbk_findings *findings, struct rbk_buffer *buffer)
{
    rbk_buffer_append_text(buffer, "| plan | verdict |\n| --- | --- |\n");
    for (const struct rbk_findings_file *file = findings->files; file; file = file->next) {
        rbk_buffer_append_text(buffer, "| ");
        append_escaped(buffer, file->path);
        rbk_buffer_printf(buffer, " | %s |\n", file->accepted ? "accepted" : "**not accepted**");
    }
    rbk_buffer_append_byte(buffer, '\n');
}

void rbk_findings_markdown(struct rbk_findings *findings, struct rbk_buffer *buffer)
{
    struct rbk_str summary = rbk_findings_summary(findings);
    rbk_buffer_printf(buffer, "### rbkc check: %.*s\n\n", RBK_STR_ARG(summary));
    append_files(findings, buffer);
    uint32_t left = findings->dropped;
    bool cut = false;
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        size_t before = buffer->bytes;
        append_item(buffer, item);
        if (cut || buffer->bytes + RESERVE_BYTES > RBK_FINDINGS_MARKDOWN_BYTES) {
            rbk_buffer_truncate(buffer, before);
            cut = true;
            left++;
        }
    }
    if (left) {
        rbk_buffer_printf(buffer, "%u more are not shown here; `rbkc check` prints them.\n", left);
    }
}
