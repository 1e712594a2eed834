/*
 * The time table: forward and back for each stage, and from every point at which somebody can
 * decide to turn round.
 */
#include "compiler/review/review_parts.h"

#include "compiler/compile.h"
#include "compiler/times/times.h"

static void put_time(struct rbk_review_page *page, uint64_t ms)
{
    char text[RBK_TIMES_TEXT_BYTES];
    rbk_document_cell(page->document, "%s", rbk_times_text(ms, text));
}

static void put_stages(struct rbk_review_page *page, struct rbk_times *times)
{
    const struct rbk_program *program = &page->review->compile->program;
    const struct rbk_statements *stages = &program->head[RBK_STATEMENT_STAGE];
    rbk_document_table(page->document, "Stage", "Prepare", "Apply", "Verify", "All of it, forward",
                       "All ways back", NULL);
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_stage_times *stage = rbk_times_stage(times, stages->items[i]);
        rbk_document_cell(page->document, RBK_CODE("%.*s"),
                          RBK_STR_ARG(stages->items[i]->name->name->text));
        put_time(page, stage->parts[RBK_TIMES_PREPARE].ok_ms);
        put_time(page, stage->parts[RBK_TIMES_APPLY].ok_ms);
        put_time(page, stage->parts[RBK_TIMES_VERIFY].ok_ms);
        put_time(page, stage->forward.ok_ms);
        put_time(page, stage->back_ms);
        rbk_document_row_end(page->document);
    }
}

static void put_points(struct rbk_review_page *page, struct rbk_times *times)
{
    const struct rbk_abort_points *points = rbk_times_points(times);
    uint64_t target_ms = page->machine->rollback_within_ms;
    rbk_document_paragraph(
        page->document, "From a decision to abort until everything is rolled back and verified:");
    rbk_document_table(page->document, "Decided", "Stopping", "Rolling back", "In all", NULL);
    for (uint32_t i = 0; i < points->count; i++) {
        const struct rbk_abort_point *point = &points->items[i];
        char text[RBK_TIMES_TEXT_BYTES];
        rbk_document_cell(page->document, "%.*s",
                          RBK_STR_ARG(rbk_describe_quoted(page->describe.arena,
                                                          rbk_times_point_words(times, point))));
        put_time(page, point->stop_ms);
        put_time(page, point->back_ms + point->release_ms);
        const char *total = rbk_times_text(point->total_ms, text);
        if (i == points->worst && points->count > 1) {
            rbk_document_cell(page->document, RBK_STRONG("%s"), total);
        } else {
            rbk_document_cell(page->document, "%s", total);
        }
        rbk_document_row_end(page->document);
    }
    if (points->count > 0 && target_ms > 0) {
        char worst[RBK_TIMES_TEXT_BYTES];
        char target[RBK_TIMES_TEXT_BYTES];
        uint64_t worst_ms = points->items[points->worst].total_ms;
        rbk_document_paragraph(page->document, "The plan promises %s; the longest is %s: %s.",
                               rbk_times_text(target_ms, target), rbk_times_text(worst_ms, worst),
                               worst_ms <= target_ms ? "kept" : RBK_STRONG("not kept"));
    }
}

void rbk_review_times(struct rbk_review_page *page)
{
    struct rbk_times *times = rbk_times_of(page->review->compile);
    char text[RBK_TIMES_TEXT_BYTES];
    rbk_document_heading(page->document, 2, "Times at worst");
    put_stages(page, times);
    rbk_document_paragraph(page->document, "From the start to the last stage applied: %s.",
                           rbk_times_text(rbk_times_forward_ms(times), text));
    put_points(page, times);
}
