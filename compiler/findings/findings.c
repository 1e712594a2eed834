/*
 * Gathering findings. Positions are worked out here, since sources go with their compilation.
 *
 * A fingerprint is what an item is recognised by when the plan has changed elsewhere: the code, the
 * file, the stage, the text underlined with its white space folded, and, where all that is equal,
 * the number among equals. Lines do not count.
 */
#include "compiler/findings/findings.h"

#include "compiler/compile.h"
#include "compiler/tree.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Items of a command line: a hundred a plan, with their texts. */
#define REPORT_BYTES_MAX ((size_t)256 << 20)
/* One item as people read it. */
#define RENDERED_BYTES_MAX ((size_t)1 << 20)

void rbk_findings_init(struct rbk_findings *findings)
{
    *findings = (struct rbk_findings){.files = NULL};
    rbk_arena_init(&findings->arena, REPORT_BYTES_MAX);
    rbk_map_init(&findings->seen, &findings->arena);
    rbk_map_init(&findings->ordinals, &findings->arena);
}

void rbk_findings_fini(struct rbk_findings *findings)
{
    rbk_arena_fini(&findings->arena);
}

/* ---- items ----------------------------------------------------------------------------------- */

static struct rbk_str shown_path(struct rbk_findings *findings, struct rbk_str path)
{
    while (rbk_str_starts(path, RBK_STR("./"))) {
        path = rbk_str_slice(path, 2, path.bytes);
    }
    return rbk_arena_copy(&findings->arena, path);
}

static struct rbk_finding_place make_place(struct rbk_findings *findings, struct rbk_place place,
                                           struct rbk_str text)
{
    if (!place.source) {
        return (struct rbk_finding_place){.text = rbk_arena_copy(&findings->arena, text)};
    }
    struct rbk_position start = rbk_source_position(place.source, place.span.start);
    struct rbk_position end = rbk_source_position(place.source, place.span.end);
    return (struct rbk_finding_place){
        .file = shown_path(findings, place.source->path),
        .start_line = start.line,
        .start_column = start.column,
        .start_byte = place.span.start,
        .end_line = end.line,
        .end_column = end.column,
        .end_byte = place.span.end,
        .text = rbk_arena_copy(&findings->arena, text),
    };
}

static void add_note(struct rbk_findings *findings, struct rbk_finding *item,
                     const struct rbk_diagnostic_note *from)
{
    struct rbk_finding_note *note = rbk_new(&findings->arena, struct rbk_finding_note);
    note->text = rbk_arena_copy(&findings->arena, from->text);
    note->is_help = from->is_help;
    note->place = make_place(findings, from->fix ? from->fix->place : from->place, RBK_STR(""));
    note->is_fix = from->fix != NULL;
    if (from->fix) {
        note->replacement = rbk_arena_copy(&findings->arena, from->fix->replacement);
        note->applicability = from->fix->applicability;
    }
    if (item->notes_last) {
        item->notes_last->next = note;
    } else {
        item->notes = note;
    }
    item->notes_last = note;
}

/* The name of the stage a place of the plan's own file stands in; empty when in none. */
static struct rbk_str stage_of(const struct rbk_compile *compile, struct rbk_place place)
{
    const struct rbk_program *program = &compile->program;
    if (!place.source || !program->plan || place.source != program->files[0]->tree->source) {
        return RBK_STR("");
    }
    const enum rbk_statement_kind kinds[] = {RBK_STATEMENT_STAGE, RBK_STATEMENT_RETIRE};
    for (size_t k = 0; k < RBK_COUNT(kinds); k++) {
        const struct rbk_statements *stages = &program->head[kinds[k]];
        for (uint32_t i = 0; i < stages->count; i++) {
            const struct rbk_tree_statement *stage = stages->items[i];
            if (stage->span.start <= place.span.start && place.span.end <= stage->span.end) {
                return stage->name ? stage->name->name->text : RBK_STR("retire");
            }
        }
    }
    return RBK_STR("");
}

/* The text underlined, with its white space folded. */
static void hash_folded(struct rbk_sha256 *hash, struct rbk_str text)
{
    bool blank = false;
    for (size_t i = 0; i < text.bytes; i++) {
        bool is_blank = strchr(" \t\r\n", text.data[i]) && text.data[i];
        if (!is_blank) {
            if (blank) {
                rbk_sha256_update(hash, " ", 1);
            }
            rbk_sha256_update(hash, &text.data[i], 1);
        }
        blank = is_blank;
    }
    rbk_sha256_update(hash, "", 1);
}

static void fingerprint(struct rbk_findings *findings, struct rbk_finding *item,
                        struct rbk_place place)
{
    char hex[RBK_SHA256_HEX_BYTES];
    struct rbk_str underlined =
        place.source ? rbk_source_text(place.source, place.span) : RBK_STR("");
    for (uint32_t ordinal = 0;; ordinal++) {
        struct rbk_sha256 hash;
        char number[32];
        int bytes = snprintf(number, sizeof(number), "RBK%03u %u", item->code, ordinal);
        rbk_sha256_init(&hash);
        rbk_sha256_update(&hash, number, (size_t)bytes + 1);
        rbk_sha256_update(&hash, item->place.file.data, item->place.file.bytes);
        rbk_sha256_update(&hash, "", 1);
        rbk_sha256_update(&hash, item->stage.data, item->stage.bytes);
        rbk_sha256_update(&hash, "", 1);
        hash_folded(&hash, underlined);
        rbk_sha256_final_hex(&hash, hex);
        rbk_sha256_fini(&hash);
        memcpy(item->fingerprint, hex, sizeof(item->fingerprint) - 1);
        struct rbk_str key = rbk_arena_copy(&findings->arena, rbk_str_from(item->fingerprint));
        if (rbk_map_add_index(&findings->ordinals, key, 0)) {
            return;
        }
    }
}

static struct rbk_str render(struct rbk_findings *findings, const struct rbk_diagnostic *record)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, RENDERED_BYTES_MAX);
    rbk_diagnostic_render(record, false, &buffer);
    struct rbk_str text = rbk_arena_copy(&findings->arena, rbk_buffer_str(&buffer));
    rbk_buffer_fini(&buffer);
    return text;
}

static void add_item(struct rbk_findings *findings, const struct rbk_compile *compile,
                     const struct rbk_diagnostic *record)
{
    struct rbk_finding *item = rbk_new(&findings->arena, struct rbk_finding);
    item->severity = (enum rbk_severity)record->severity;
    item->code = record->code;
    item->message = rbk_arena_copy(&findings->arena, record->message);
    item->place = make_place(findings, record->place, record->place_text);
    struct rbk_str key = rbk_arena_printf(
        &findings->arena, "%.*s:%u:%u:%u:%.*s", RBK_STR_ARG(item->place.file),
        item->place.start_byte, item->place.end_byte, item->code, RBK_STR_ARG(item->message));
    if (!rbk_map_add_index(&findings->seen, key, 0)) {
        return;
    }
    for (uint32_t i = 0; i < record->label_count; i++) {
        item->labels[item->label_count++] =
            make_place(findings, record->labels[i].place, record->labels[i].text);
    }
    for (const struct rbk_diagnostic_note *note = record->notes; note; note = note->next) {
        add_note(findings, item, note);
    }
    item->waived = record->waived;
    item->waived_because = rbk_arena_copy(&findings->arena, record->waived_because);
    item->stage = rbk_arena_copy(&findings->arena, stage_of(compile, record->place));
    item->rendered = render(findings, record);
    fingerprint(findings, item, record->place);

    findings->counts[item->severity]++;
    if (findings->items_last[item->severity]) {
        findings->items_last[item->severity]->next = item;
    } else {
        findings->items[item->severity] = item;
    }
    findings->items_last[item->severity] = item;
}

void rbk_findings_add(struct rbk_findings *findings, const struct rbk_compile *compile,
                      const char *path)
{
    struct rbk_findings_file *file = rbk_new(&findings->arena, struct rbk_findings_file);
    file->path = shown_path(findings, rbk_str_from(path));
    file->accepted = compile->diagnostics.errors == 0;
    if (findings->files_last) {
        findings->files_last->next = file;
    } else {
        findings->files = file;
    }
    findings->files_last = file;
    findings->dropped += compile->diagnostics.dropped;
    const struct rbk_diagnostic **records = rbk_diagnostics_sorted(&compile->diagnostics);
    for (uint32_t i = 0; i < compile->diagnostics.count; i++) {
        add_item(findings, compile, records[i]);
    }
}

const struct rbk_finding *rbk_findings_next(const struct rbk_findings *findings,
                                            const struct rbk_finding *item)
{
    if (item && item->next) {
        return item->next;
    }
    unsigned severity = item ? item->severity + 1u : 0;
    while (severity < RBK_COUNT(findings->items) && !findings->items[severity]) {
        severity++;
    }
    return severity < RBK_COUNT(findings->items) ? findings->items[severity] : NULL;
}

struct rbk_str rbk_findings_summary(struct rbk_findings *findings)
{
    static const char *const words[] = {"error", "warning", "note"};
    struct rbk_str text = RBK_STR("");
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        uint32_t count = findings->counts[i];
        if (count) {
            text = rbk_arena_printf(&findings->arena, "%.*s%s%u %s%s", RBK_STR_ARG(text),
                                    text.bytes ? ", " : "", count, words[i], count == 1 ? "" : "s");
        }
    }
    return text.bytes ? text : RBK_STR("nothing found");
}

json_t *rbk_findings_string(struct rbk_str text)
{
    if (rbk_utf8_valid(text, NULL)) {
        return json_stringn(text.bytes ? text.data : "", text.bytes);
    }
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, text.bytes * 3);
    for (size_t at = 0; at < text.bytes;) {
        uint32_t character;
        size_t bytes = rbk_utf8_decode(text, at, &character);
        rbk_buffer_append_str(&clean, bytes ? rbk_str_slice(text, at, at + bytes)
                                            : RBK_STR("\xef\xbf\xbd"));
        at += bytes ? bytes : 1;
    }
    json_t *string = json_stringn(clean.data, clean.bytes);
    rbk_buffer_fini(&clean);
    return string;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_json(json_t *document, struct rbk_buffer *buffer, struct rbk_error *reterr)
{
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(document);
    if (!text) {
        return rbk_error_set(reterr, RBK_ENOMEM, "no memory for the findings");
    }
    rbk_buffer_append_text(buffer, text);
    rbk_buffer_append_byte(buffer, '\n');
    free(text);
    return 0;
}

int rbk_findings_write(struct rbk_findings *findings, enum rbk_findings_format format,
                       struct rbk_buffer *buffer, struct rbk_error *reterr)
{
    int result = 0;
    if (format == RBK_FINDINGS_JSON) {
        result = write_json(rbk_findings_json(findings), buffer, reterr);
    } else if (format == RBK_FINDINGS_SARIF) {
        result = write_json(rbk_findings_sarif(findings), buffer, reterr);
    } else if (format == RBK_FINDINGS_GITHUB) {
        rbk_findings_github(findings, buffer);
    } else {
        rbk_findings_markdown(findings, buffer);
    }
    if (result == 0 && buffer->error) {
        result = rbk_error_set(reterr, (enum rbk_err) - buffer->error, "the findings are too long");
    }
    return result;
}
