/*
 * Applying fixes: see fix.h.
 */
#include "compiler/fix.h"

#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/source.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

/* One fix can bring out another; more rounds than a few mean that two undo each other. */
#define ROUNDS_MAX 16u

/* A plan compiled from a text. */
struct attempt {
    struct rbk_compile compile;
    const struct rbk_source *source; /* the plan's own; NULL when it has none */
    bool clean;                      /* no errors were found */
};

static void compile_text(struct attempt *attempt, const char *path, struct rbk_str text)
{
    rbk_compile_open(&attempt->compile, NULL);
    rbk_compile_load_text(&attempt->compile, path, text);
    attempt->clean = rbk_compile_analyse(&attempt->compile) == 0;
    const struct rbk_program *program = &attempt->compile.program;
    attempt->source = program->file_count ? program->files[0]->tree->source : NULL;
}

/* What is removed leaves neither a blank line nor two blanks behind: with it goes a line that is
 * then empty, or the blanks before it. */
static struct rbk_span widen(struct rbk_str text, struct rbk_span span)
{
    uint32_t start = span.start;
    uint32_t end = span.end;
    while (start > 0 && (text.data[start - 1] == ' ' || text.data[start - 1] == '\t')) {
        start--;
    }
    while (end < text.bytes && (text.data[end] == ' ' || text.data[end] == '\t')) {
        end++;
    }
    bool line_start = start == 0 || text.data[start - 1] == '\n';
    if (end + 1 < text.bytes && text.data[end] == '\r' && text.data[end + 1] == '\n') {
        end += line_start; /* the line end of a file from Windows goes as a whole, or stays */
    }
    bool line_end = end == text.bytes || text.data[end] == '\n' || text.data[end] == '\r';
    if (line_start && line_end) {
        return rbk_span_make(start, end < text.bytes ? end + 1 : end);
    }
    return rbk_span_make(start, line_end ? end : span.end);
}

/* The text with every certain fix of its file; those that overlap an earlier one wait for the next
 * round. @return how many were made. */
static uint32_t apply(const struct attempt *attempt, struct rbk_buffer *out)
{
    const struct rbk_diagnostics *diagnostics = &attempt->compile.diagnostics;
    const struct rbk_diagnostic **records = rbk_diagnostics_sorted(diagnostics);
    struct rbk_str text = attempt->source->text;
    uint32_t done = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        for (const struct rbk_diagnostic_note *note = records[i]->notes; note; note = note->next) {
            const struct rbk_diagnostic_fix *fix = note->fix;
            if (!fix || fix->applicability != RBK_FIX_CERTAIN ||
                fix->place.source != attempt->source) {
                continue;
            }
            struct rbk_span span = fix->place.span;
            if (fix->replacement.bytes == 0) {
                span = widen(text, span);
            }
            if (span.start < done) {
                continue;
            }
            rbk_buffer_append_str(out, rbk_str_slice(text, done, span.start));
            rbk_buffer_append_str(out, fix->replacement);
            done = span.end;
            count++;
        }
    }
    rbk_buffer_append_str(out, rbk_str_slice(text, done, text.bytes));
    return count;
}

static bool is_broken(const struct attempt *attempt)
{
    return !attempt->source || attempt->compile.program.files[0]->tree->broken;
}

/* A plan with syntax errors is looked at no further: mending them may well bring out others. */
static bool is_better(const struct attempt *before, const struct attempt *after)
{
    if (after->clean || (is_broken(before) && !is_broken(after))) {
        return true;
    }
    return is_broken(before) == is_broken(after) &&
           after->compile.diagnostics.errors <= before->compile.diagnostics.errors;
}

int rbk_fix_plan(struct rbk_arena *arena, const char *path, struct rbk_fixed *ret_fixed,
                 struct rbk_error *reterr)
{
    struct rbk_source *source;
    int result = rbk_source_open(arena, path, &source, reterr);
    if (result != 0) {
        return result;
    }
    struct rbk_fixed fixed = {.before = source->text, .after = source->text};
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        struct attempt before;
        struct attempt after;
        struct rbk_buffer buffer;
        rbk_buffer_init(&buffer, RBK_SOURCE_BYTES_MAX);
        compile_text(&before, path, fixed.after);
        uint32_t count = before.source ? apply(&before, &buffer) : 0;
        bool better = false;
        if (count && !buffer.error) {
            compile_text(&after, path, rbk_buffer_str(&buffer));
            better = is_better(&before, &after);
            rbk_compile_close(&after.compile);
        }
        if (better) {
            fixed.after = rbk_arena_copy(arena, rbk_buffer_str(&buffer));
            fixed.count += count;
        }
        rbk_compile_close(&before.compile);
        rbk_buffer_fini(&buffer);
        if (!better) {
            break;
        }
    }
    *ret_fixed = fixed;
    return 0;
}
