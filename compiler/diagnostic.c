/*
 * The queue of diagnostics: adding records, with labels, notes and help. Printing is in
 * diagnostic_print.c.
 *
 * Records beyond the limit go into one sink that is filled again and again and never printed, so
 * that callers need no test. Its texts are not formatted: a file of nothing but errors must not
 * fill the arena.
 */
#include "compiler/diagnostic.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/limits.h"

#include <stdarg.h>
#include <stdio.h>

/* Longer texts are cut; a message is one line. */
#define TEXT_BYTES_MAX 4096

void rbk_diagnostics_init(struct rbk_diagnostics *diagnostics, struct rbk_arena *arena)
{
    *diagnostics =
        (struct rbk_diagnostics){.arena = arena, .count_max = (uint32_t)RBK_DIAGNOSTICS_MAX};
    diagnostics->sink = rbk_new(arena, struct rbk_diagnostic);
    diagnostics->sink->owner = diagnostics;
}

/* Whether a record is more than the sink, which nobody reads. */
static bool is_kept(const struct rbk_diagnostic *diagnostic)
{
    return diagnostic != diagnostic->owner->sink;
}

RBK_PRINTF(2, 0)
static struct rbk_str format_text(struct rbk_diagnostic *diagnostic, const char *format,
                                  va_list arguments)
{
    if (!is_kept(diagnostic)) {
        return RBK_STR("");
    }
    char text[TEXT_BYTES_MAX];
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    RBK_ASSERT(bytes >= 0);
    return rbk_arena_copy(diagnostic->owner->arena, rbk_str_from(text));
}

static struct rbk_diagnostic *new_record(struct rbk_diagnostics *diagnostics,
                                         enum rbk_severity severity, unsigned code,
                                         struct rbk_place place)
{
    if (severity == RBK_SEVERITY_ERROR) {
        diagnostics->errors++;
    } else if (severity == RBK_SEVERITY_WARNING) {
        diagnostics->warnings++;
    }

    if (diagnostics->count >= diagnostics->count_max) {
        diagnostics->dropped++;
        diagnostics->sink->label_count = 0;
        return diagnostics->sink;
    }
    struct rbk_diagnostic *record = rbk_new(diagnostics->arena, struct rbk_diagnostic);
    record->owner = diagnostics;
    record->code = (uint16_t)code;
    record->severity = (uint8_t)severity;
    record->order = diagnostics->count++;
    record->place = place;
    if (diagnostics->last) {
        diagnostics->last->next = record;
    } else {
        diagnostics->first = record;
    }
    diagnostics->last = record;
    return record;
}

struct rbk_diagnostic *rbk_diagnostic_add(struct rbk_diagnostics *diagnostics,
                                          enum rbk_severity severity, unsigned code,
                                          struct rbk_place place, const char *format, ...)
{
    struct rbk_diagnostic *record = new_record(diagnostics, severity, code, place);
    va_list arguments;
    va_start(arguments, format);
    record->message = format_text(record, format, arguments);
    va_end(arguments);
    return record;
}

struct rbk_diagnostic *rbk_diagnostic_error(struct rbk_diagnostics *diagnostics, unsigned code,
                                            struct rbk_place place, const char *format, ...)
{
    struct rbk_diagnostic *record = new_record(diagnostics, RBK_SEVERITY_ERROR, code, place);
    va_list arguments;
    va_start(arguments, format);
    record->message = format_text(record, format, arguments);
    va_end(arguments);
    return record;
}

struct rbk_diagnostic *rbk_diagnostic_warning(struct rbk_diagnostics *diagnostics, unsigned code,
                                              struct rbk_place place, const char *format, ...)
{
    struct rbk_diagnostic *record = new_record(diagnostics, RBK_SEVERITY_WARNING, code, place);
    va_list arguments;
    va_start(arguments, format);
    record->message = format_text(record, format, arguments);
    va_end(arguments);
    return record;
}

struct rbk_diagnostic *rbk_diagnostic_mark(struct rbk_diagnostic *diagnostic, const char *format,
                                           ...)
{
    va_list arguments;
    va_start(arguments, format);
    diagnostic->place_text = format_text(diagnostic, format, arguments);
    va_end(arguments);
    return diagnostic;
}

static void add_note(struct rbk_diagnostic *diagnostic, struct rbk_place place, struct rbk_str text,
                     bool is_help)
{
    if (!is_kept(diagnostic)) {
        return;
    }
    struct rbk_diagnostic_note *note =
        rbk_new(diagnostic->owner->arena, struct rbk_diagnostic_note);
    note->place = place;
    note->text = text;
    note->is_help = is_help;
    if (diagnostic->notes_last) {
        diagnostic->notes_last->next = note;
    } else {
        diagnostic->notes = note;
    }
    diagnostic->notes_last = note;
}

struct rbk_diagnostic *rbk_diagnostic_label(struct rbk_diagnostic *diagnostic,
                                            struct rbk_place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct rbk_str text = format_text(diagnostic, format, arguments);
    va_end(arguments);
    if (diagnostic->label_count == RBK_DIAGNOSTIC_LABELS_MAX) {
        add_note(diagnostic, place, text, false);
    } else {
        diagnostic->labels[diagnostic->label_count++] =
            (struct rbk_diagnostic_label){.place = place, .text = text};
    }
    return diagnostic;
}

struct rbk_diagnostic *rbk_diagnostic_note(struct rbk_diagnostic *diagnostic,
                                           struct rbk_place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_note(diagnostic, place, format_text(diagnostic, format, arguments), false);
    va_end(arguments);
    return diagnostic;
}

struct rbk_diagnostic *rbk_diagnostic_help(struct rbk_diagnostic *diagnostic, const char *format,
                                           ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_note(diagnostic, rbk_place_none(), format_text(diagnostic, format, arguments), true);
    va_end(arguments);
    return diagnostic;
}

#define X(constant, word) word,
const char *rbk_applicability_name(enum rbk_applicability applicability)
{
    static const char *const names[] = {RBK_APPLICABILITIES(X)};
    return (unsigned)applicability < RBK_COUNT(names) ? names[applicability] : "?";
}
#undef X

struct rbk_diagnostic *rbk_diagnostic_fix(struct rbk_diagnostic *diagnostic,
                                          enum rbk_applicability applicability,
                                          struct rbk_place place, struct rbk_str replacement)
{
    if (!is_kept(diagnostic)) {
        return diagnostic;
    }
    struct rbk_arena *arena = diagnostic->owner->arena;
    RBK_ASSERT(diagnostic->notes_last && diagnostic->notes_last->is_help);
    struct rbk_diagnostic_fix *fix = rbk_new(arena, struct rbk_diagnostic_fix);
    fix->place = place;
    fix->replacement = rbk_arena_copy(arena, replacement);
    fix->applicability = applicability;
    diagnostic->notes_last->fix = fix;
    return diagnostic;
}

struct rbk_diagnostic *rbk_diagnostic_waive(struct rbk_diagnostic *diagnostic,
                                            struct rbk_str because)
{
    if (is_kept(diagnostic)) {
        diagnostic->waived = true;
        diagnostic->waived_because = rbk_arena_copy(diagnostic->owner->arena, because);
    }
    return diagnostic;
}
