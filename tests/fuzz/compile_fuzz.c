/*
 * Compiling arbitrary bytes as a plan: names, types, rules and lowering. Whatever is refused has an
 * error with a place; what is accepted gives a machine that passes its check, the same one each
 * time.
 */
#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/machine.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

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

/* Compile; where there is a machine, append its text. @return whether there is one. */
static bool compile_text(struct rbk_str plan, struct rbk_buffer *text)
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
        RBK_ASSERT(rbk_machine_write(machine, text, &error) == 0);
        RBK_ASSERT(rbk_machine_check(machine, &error) == 0);
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
    struct rbk_buffer once;
    struct rbk_buffer twice;
    rbk_buffer_init(&once, TEXT_BYTES_MAX);
    rbk_buffer_init(&twice, TEXT_BYTES_MAX);
    if (compile_text(plan, &once)) {
        RBK_ASSERT(compile_text(plan, &twice));
        RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&once), rbk_buffer_str(&twice)));
    }
    rbk_buffer_fini(&once);
    rbk_buffer_fini(&twice);
    return 0;
}
