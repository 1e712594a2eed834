/*
 * Two plans, with a zero byte between them: what differs, the review page, the runbook and the
 * pictures. A difference is empty exactly when the machines have the same hash; a page fits where
 * it has to; what is written is UTF-8 whatever the plans say. A single plan is compared with
 * itself.
 */
#include "compiler/compile.h"
#include "compiler/graph/graph.h"
#include "compiler/lower/lower.h"
#include "compiler/review/document.h"
#include "compiler/review/review.h"
#include "compiler/runbook/runbook.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/machine.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define TEXT_BYTES_MAX ((size_t)256 << 20)

/* A plan, compiled as far as it goes. */
struct plan {
    struct rbk_compile compile;
    struct rbk_machine *machine; /* NULL when it does not compile. */
};

static void open_plan(struct plan *plan, struct rbk_str text)
{
    struct rbk_buffer written;
    plan->machine = NULL;
    rbk_compile_open(&plan->compile, "/nowhere");
    rbk_compile_load_text(&plan->compile, "/nowhere/fuzz.rbk", text);
    if (rbk_compile_analyse(&plan->compile) == 0 && plan->compile.program.plan &&
        rbk_compile_lower(&plan->compile, &plan->machine) == 0) {
        rbk_buffer_init(&written, TEXT_BYTES_MAX);
        RBK_ASSERT(rbk_machine_write(plan->machine, &written, NULL) == 0);
        rbk_buffer_fini(&written);
    }
}

static bool is_broken(const struct plan *plan)
{
    return plan->compile.program.files[0]->tree->broken;
}

static void write_runbook(struct plan *plan, enum rbk_document_format format)
{
    struct rbk_document document;
    rbk_document_begin(&document, format, plan->machine->title, TEXT_BYTES_MAX);
    rbk_runbook_write(&plan->compile, plan->machine, &document);
    rbk_document_end(&document);
    RBK_ASSERT(document.out.error == 0);
    RBK_ASSERT(rbk_utf8_valid(rbk_buffer_str(&document.out), NULL));
    rbk_document_fini(&document);
}

static void draw(const struct plan *plan)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    (void)rbk_graph_mermaid(plan->machine, true, &text);
    (void)rbk_graph_mermaid(plan->machine, false, &text);
    RBK_ASSERT(text.error == 0);
    rbk_buffer_fini(&text);
}

static void review(struct plan *before, struct plan *after)
{
    struct rbk_difference difference;
    struct rbk_difference_side old_side = {&before->compile, before->machine};
    struct rbk_difference_side new_side = {&after->compile, after->machine};
    struct rbk_review page = {
        .compile = &after->compile, .machine = after->machine, .against = RBK_STR("before")};
    struct rbk_str text;
    if (!is_broken(before) && !is_broken(after)) {
        rbk_difference_compare(&after->compile.arena, &old_side, &new_side, &difference);
        page.difference = &difference;
        if (before->machine && after->machine) {
            bool same = strcmp(before->machine->hash, after->machine->hash) == 0;
            RBK_ASSERT(same == (difference.count == 0));
        }
    }
    RBK_ASSERT(rbk_review_write(&page, &text) == 0);
    RBK_ASSERT(text.bytes <= RBK_REVIEW_BYTES_MAX);
    RBK_ASSERT(rbk_utf8_valid(text, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct rbk_str input = {(const char *)data, bytes};
    if (bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    size_t end = rbk_str_find(input, '\0');
    struct rbk_str first = rbk_str_slice(input, 0, end);
    struct rbk_str second = end < bytes ? rbk_str_slice(input, end + 1, bytes) : first;
    struct plan before;
    struct plan after;
    open_plan(&before, first);
    open_plan(&after, second);
    review(&before, &after);
    if (after.machine) {
        write_runbook(&after, RBK_DOCUMENT_MARKDOWN);
        write_runbook(&after, RBK_DOCUMENT_HTML);
        draw(&after);
    }
    rbk_compile_close(&after.compile);
    rbk_compile_close(&before.compile);
    return 0;
}
