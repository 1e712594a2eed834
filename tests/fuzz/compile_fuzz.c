/*
 * Compiling arbitrary bytes as a plan: names, types, rules and lowering. Whatever is refused has an
 * error with a place; what is accepted gives a machine that passes its check, the same one each
 * time.
 */
#include "compiler/compile.h"
#include "compiler/format.h"
#include "compiler/lower/lower.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/machine.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define TEXT_BYTES_MAX ((size_t)256 << 20)

static void check_diagnostics(const struct rbk_diagnostics *diagnostics)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    for (const struct rbk_diagnostic *record = diagnostics->first; record; record = record->next) {
        RBK_ASSERT(record->message.bytes > 0);
        RBK_ASSERT(record->code > 0);
        RBK_ASSERT(record->place.source);
        RBK_ASSERT(record->place.span.start <= record->place.span.end);
        RBK_ASSERT(record->place.span.end <= record->place.source->text.bytes);
    }
    rbk_diagnostics_render(diagnostics, RBK_DIAGNOSTIC_HUMAN, false, &text);
    RBK_ASSERT((text.bytes > 0) == (diagnostics->count > 0));
    rbk_buffer_fini(&text);
}

/* Append the plan in the one layout. */
static void lay_out(struct rbk_compile *compile, struct rbk_buffer *layout)
{
    struct rbk_error error;
    const struct rbk_tree_file *file = compile->program.files[0]->tree;
    RBK_ASSERT(rbk_format_file(&compile->arena, file, layout, &error) == 0);
}

/* What came of one compilation. */
struct outcome {
    struct rbk_buffer text;   /* The machine's. */
    struct rbk_buffer layout; /* The plan's. */
    char hash[RBK_SHA256_HEX_BYTES];
};

static void outcome_init(struct outcome *outcome)
{
    rbk_buffer_init(&outcome->text, TEXT_BYTES_MAX);
    rbk_buffer_init(&outcome->layout, TEXT_BYTES_MAX);
}

static void outcome_fini(struct outcome *outcome)
{
    rbk_buffer_fini(&outcome->text);
    rbk_buffer_fini(&outcome->layout);
}

/* Compile. @return whether there is a machine; only then @outcome is filled. */
static bool compile_text(struct rbk_str plan, struct outcome *outcome)
{
    struct rbk_compile compile;
    rbk_compile_open(&compile, "/nowhere");
    rbk_compile_load_text(&compile, "/nowhere/fuzz.rbk", plan);
    struct rbk_machine *machine = NULL;
    int result = rbk_compile_analyse(&compile);
    RBK_ASSERT((result == 0) == (compile.diagnostics.errors == 0));
    if (result == 0 && compile.program.plan) {
        result = rbk_compile_lower(&compile, &machine);
        RBK_ASSERT((result == 0) == (compile.diagnostics.errors == 0));
    }
    check_diagnostics(&compile.diagnostics);
    if (machine) {
        RBK_ASSERT(result == 0);
        struct rbk_error error;
        RBK_ASSERT(rbk_machine_write(machine, &outcome->text, &error) == 0);
        RBK_ASSERT(rbk_machine_check(machine, &error) == 0);
        memcpy(outcome->hash, machine->hash, sizeof(outcome->hash));
        lay_out(&compile, &outcome->layout);
    }
    rbk_compile_close(&compile);
    return result == 0 && machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    struct rbk_str plan = {(const char *)data, bytes};
    struct outcome once;
    struct outcome twice;
    struct outcome formatted;
    outcome_init(&once);
    outcome_init(&twice);
    outcome_init(&formatted);
    if (compile_text(plan, &once)) {
        RBK_ASSERT(compile_text(plan, &twice));
        RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&once.text), rbk_buffer_str(&twice.text)));
        RBK_ASSERT(compile_text(rbk_buffer_str(&once.layout), &formatted));
        RBK_ASSERT(memcmp(once.hash, formatted.hash, sizeof(once.hash)) == 0);
    }
    outcome_fini(&once);
    outcome_fini(&twice);
    outcome_fini(&formatted);
    return 0;
}
