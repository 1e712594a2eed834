/*
 * See pipeline.h: what is made of a plan for people.
 */
#include "compiler/explore/explore.h"
#include "compiler/review/document.h"
#include "compiler/review/review.h"
#include "compiler/runbook/runbook.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "tests/fuzz/judge.h"
#include "tests/fuzz/pipeline.h"

#include <string.h>

#define STATES_MAX UINT64_C(1000)

/* ---- the runbook ----------------------------------------------------------------------------- */

void fuzz_check_runbook(struct fuzz_plan *plan)
{
    static const enum rbk_document_format formats[] = {RBK_DOCUMENT_MARKDOWN, RBK_DOCUMENT_HTML};
    for (size_t i = 0; i < RBK_COUNT(formats); i++) {
        struct rbk_document document;
        rbk_document_begin(&document, formats[i], plan->machine->title, RBK_MACHINE_BYTES_MAX);
        rbk_runbook_write(&plan->compile, plan->machine, &document);
        rbk_document_end(&document);
        RBK_ASSERT(!document.out.error);
        if (formats[i] == RBK_DOCUMENT_HTML) {
            fuzz_judge_html(rbk_buffer_str(&document.out));
        } else {
            fuzz_judge_markdown(rbk_buffer_str(&document.out));
        }
        rbk_document_fini(&document);
    }
}

/* ---- the difference -------------------------------------------------------------------------- */

static void show_both(const struct fuzz_plan *before, const struct fuzz_plan *plan,
                      const char *message)
{
    struct rbk_buffer both;
    rbk_buffer_init(&both, 2 * FUZZ_PLAN_BYTES_MAX + 64);
    (void)rbk_buffer_append_str(&both, before->compile.program.files[0]->tree->source->text);
    (void)rbk_buffer_append_text(&both, "\n-- and --\n");
    (void)rbk_buffer_append_str(&both, plan->compile.program.files[0]->tree->source->text);
    fuzz_fail(rbk_buffer_str(&both), "%s", message);
}

static void compare(struct fuzz_plan *before, struct fuzz_plan *plan,
                    struct rbk_difference *ret_difference)
{
    struct rbk_difference_side sides[2] = {{&before->compile, before->machine},
                                           {&plan->compile, plan->machine}};
    uint32_t count = 0;
    uint32_t weaker = 0;
    enum rbk_change_weight last = RBK_CHANGE_WEAKER;
    rbk_difference_compare(&plan->compile.arena, &sides[0], &sides[1], ret_difference);
    for (const struct rbk_change *change = ret_difference->first; change; change = change->next) {
        RBK_ASSERT(change->text.bytes > 0);
        RBK_ASSERT(change->weight >= last);
        last = change->weight;
        count++;
        weaker += change->weight == RBK_CHANGE_WEAKER;
    }
    RBK_ASSERT(count == ret_difference->count && weaker == ret_difference->weaker);
}

/* Both ways round. */
static void check_difference(struct fuzz_plan *before, struct fuzz_plan *plan,
                             struct rbk_difference *ret_difference)
{
    struct rbk_difference back;
    struct rbk_difference none;
    compare(plan, plan, &none);
    if (none.count > 0) {
        show_both(plan, plan, "a plan differs from itself");
    }
    compare(plan, before, &back);
    compare(before, plan, ret_difference);
    if (before->machine && plan->machine) {
        bool same = strcmp(before->machine->hash, plan->machine->hash) == 0;
        if (same != (ret_difference->count == 0)) {
            show_both(before, plan,
                      same ? "the same machine, and a difference is told"
                           : "another machine, and no difference is told");
        }
    }
    if ((back.count == 0) != (ret_difference->count == 0)) {
        show_both(before, plan, "a difference is told one way round only");
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static void write_page(struct fuzz_plan *plan, const struct rbk_difference *difference,
                       const struct rbk_explore_result *exploration)
{
    struct rbk_review review = {
        .compile = &plan->compile,
        .machine = plan->machine,
        .difference = difference,
        .exploration = exploration,
        .against = difference ? RBK_STR("old `plan` <b>.rbk") : RBK_STR(""),
    };
    struct rbk_str text;
    RBK_ASSERT(rbk_review_write(&review, &text) == 0);
    RBK_ASSERT(text.bytes > 0 && text.bytes <= RBK_REVIEW_BYTES_MAX);
    fuzz_judge_markdown(text);
    review.whole = true;
    RBK_ASSERT(rbk_review_write(&review, &text) == 0);
    fuzz_judge_markdown(text);
}

void fuzz_check_review(struct fuzz_plan *before, struct fuzz_plan *plan)
{
    struct rbk_explore_options options = {.states_max = STATES_MAX};
    struct rbk_explore_result exploration;
    struct rbk_difference difference;
    bool compared = before && before->whole && plan->whole;
    if (plan->compile.program.file_count == 0) {
        return;
    }
    if (plan->machine) {
        RBK_ASSERT(rbk_explore(&plan->compile.arena, plan->machine, &options, &exploration) == 0);
    }
    if (compared) {
        check_difference(before, plan, &difference);
    }
    write_page(plan, compared ? &difference : NULL, plan->machine ? &exploration : NULL);
}
