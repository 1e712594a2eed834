/*
 * Parsing arbitrary bytes as a plan. A source that is not accepted has a diagnostic with a place in
 * it, and every diagnostic can be printed. One that is accepted can be laid out anew; the result is
 * accepted, says the same, and stays as it is when laid out once more.
 */
#include "compiler/diagnostic.h"
#include "compiler/format.h"
#include "compiler/name.h"
#include "compiler/parse.h"
#include "compiler/source.h"
#include "compiler/tree_dump.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY_MAX ((size_t)512 << 20)
#define INPUT_BYTES_MAX ((size_t)2 << 20)
#define TEXT_BYTES_MAX ((size_t)256 << 20)

static void check_place(const struct rbk_source *source, struct rbk_place place)
{
    RBK_ASSERT(place.source == source);
    RBK_ASSERT(place.span.start <= place.span.end);
    RBK_ASSERT(place.span.end <= source->text.bytes);
}

static void check_diagnostics(const struct rbk_source *source,
                              const struct rbk_diagnostics *diagnostics)
{
    for (const struct rbk_diagnostic *record = diagnostics->first; record; record = record->next) {
        RBK_ASSERT(record->message.bytes > 0);
        check_place(source, record->place);
        for (size_t i = 0; i < record->label_count; i++) {
            check_place(source, record->labels[i].place);
        }
    }
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_diagnostics_render(diagnostics, RBK_DIAGNOSTIC_HUMAN, true, &text);
    rbk_diagnostics_render(diagnostics, RBK_DIAGNOSTIC_GCC, false, &text);
    RBK_ASSERT((text.bytes > 0) == (diagnostics->count > 0));
    rbk_buffer_fini(&text);
}

/* Parse, and look at what was said about it. */
static struct rbk_tree_file *parse(struct rbk_arena *arena, struct rbk_names *names,
                                   struct rbk_str text)
{
    struct rbk_diagnostics diagnostics;
    rbk_diagnostics_init(&diagnostics, arena);
    const struct rbk_source *source = rbk_source_from_text(arena, RBK_STR("fuzz.rbk"), text);
    struct rbk_tree_file *file = rbk_parse_source(arena, names, source, &diagnostics);
    RBK_ASSERT(file->broken == (diagnostics.errors > 0));
    check_diagnostics(source, &diagnostics);
    return file;
}

static void check_layout(struct rbk_arena *arena, const struct rbk_tree_file *file)
{
    struct rbk_buffer once;
    struct rbk_buffer twice;
    struct rbk_buffer tree;
    struct rbk_buffer tree_again;
    struct rbk_error error;
    rbk_buffer_init(&once, TEXT_BYTES_MAX);
    rbk_buffer_init(&twice, TEXT_BYTES_MAX);
    rbk_buffer_init(&tree, TEXT_BYTES_MAX);
    rbk_buffer_init(&tree_again, TEXT_BYTES_MAX);

    RBK_ASSERT(rbk_format_file(arena, file, &once, &error) == 0);
    struct rbk_tree_file *again = parse(arena, file->names, rbk_buffer_str(&once));
    RBK_ASSERT(!again->broken);
    rbk_tree_dump(file, &tree);
    rbk_tree_dump(again, &tree_again);
    RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&tree), rbk_buffer_str(&tree_again)));
    RBK_ASSERT(rbk_format_file(arena, again, &twice, &error) == 0);
    RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&once), rbk_buffer_str(&twice)));

    rbk_buffer_fini(&once);
    rbk_buffer_fini(&twice);
    rbk_buffer_fini(&tree);
    rbk_buffer_fini(&tree_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    struct rbk_arena arena;
    struct rbk_names names;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
    struct rbk_tree_file *file = parse(&arena, &names, (struct rbk_str){(const char *)data, bytes});
    if (!file->broken) {
        check_layout(&arena, file);
    }
    rbk_arena_fini(&arena);
    return 0;
}
