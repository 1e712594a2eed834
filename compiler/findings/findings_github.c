/*
 * Findings as annotations of a pull request: GitHub's workflow commands ("Workflow commands for
 * GitHub Actions", docs.github.com). A step shows at most ten annotations of each kind, so errors
 * come first and what does not fit is counted in one more line; the text below has them all.
 *
 * That text quotes the plan, and GitHub's runner takes `##[command]` for a command wherever it
 * stands in a line. So commands are stopped around it, until a word comes that no plan can contain:
 * the hash of the text itself.
 */
#include "compiler/findings/findings.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/hash.h"

/* Per step and kind; more are dropped without a word (actions/toolkit issue 734). */
#define ANNOTATIONS_MAX 10u

/* A command's data: a line end would end it. Of a property also what separates properties. */
static void append_escaped(struct rbk_buffer *buffer, struct rbk_str text, bool is_property)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            rbk_buffer_append_text(buffer, "%25");
        } else if (byte == '\r') {
            rbk_buffer_append_text(buffer, "%0D");
        } else if (byte == '\n') {
            rbk_buffer_append_text(buffer, "%0A");
        } else if (is_property && byte == ':') {
            rbk_buffer_append_text(buffer, "%3A");
        } else if (is_property && byte == ',') {
            rbk_buffer_append_text(buffer, "%2C");
        } else {
            rbk_buffer_append_byte(buffer, byte);
        }
    }
}

static void annotate(struct rbk_buffer *buffer, const struct rbk_finding *item)
{
    static const char *const commands[] = {"error", "warning", "notice"};
    rbk_buffer_printf(buffer, "::%s ", commands[item->severity]);
    if (item->place.file.bytes) {
        bool one_line = item->place.start_line == item->place.end_line;
        rbk_buffer_append_text(buffer, "file=");
        append_escaped(buffer, item->place.file, true);
        rbk_buffer_printf(buffer, ",line=%u", item->place.start_line);
        /* Columns are only allowed of what stands in one line. */
        if (one_line) {
            rbk_buffer_printf(buffer, ",col=%u,endColumn=%u", item->place.start_column,
                              item->place.end_column);
        } else {
            rbk_buffer_printf(buffer, ",endLine=%u", item->place.end_line);
        }
        rbk_buffer_append_byte(buffer, ',');
    }
    rbk_buffer_printf(buffer, "title=RBK%03u::", item->code);
    append_escaped(buffer, item->message, false);
    for (const struct rbk_finding_note *note = item->notes; note; note = note->next) {
        rbk_buffer_append_text(buffer, note->is_help ? "%0Ahelp: " : "%0Anote: ");
        append_escaped(buffer, note->text, false);
    }
    rbk_buffer_append_byte(buffer, '\n');
}

/* All findings as people read them, while nothing is a command. */
static void append_text(const struct rbk_findings *findings, struct rbk_buffer *buffer)
{
    struct rbk_sha256 hash;
    char word[RBK_SHA256_HEX_BYTES];
    rbk_sha256_init(&hash);
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        rbk_sha256_update(&hash, item->rendered.data, item->rendered.bytes);
    }
    rbk_sha256_final_hex(&hash, word);
    rbk_sha256_fini(&hash);
    rbk_buffer_printf(buffer, "::stop-commands::%s\n", word);
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        rbk_buffer_append_str(buffer, item->rendered);
    }
    rbk_buffer_printf(buffer, "::%s::\n", word);
}

void rbk_findings_github(struct rbk_findings *findings, struct rbk_buffer *buffer)
{
    uint32_t given[3] = {0};
    uint32_t left = 0;
    for (const struct rbk_finding *item = rbk_findings_next(findings, NULL); item;
         item = rbk_findings_next(findings, item)) {
        if (given[item->severity] < ANNOTATIONS_MAX) {
            given[item->severity]++;
            annotate(buffer, item);
        } else {
            left++;
        }
    }
    struct rbk_str summary = rbk_findings_summary(findings);
    rbk_buffer_printf(buffer, "::group::rbkc check: %.*s\n", RBK_STR_ARG(summary));
    append_text(findings, buffer);
    rbk_buffer_append_text(buffer, "::endgroup::\n");
    if (left) {
        rbk_buffer_printf(buffer, "%u more without an annotation: see the text above\n", left);
    }
}
