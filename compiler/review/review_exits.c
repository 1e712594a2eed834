/*
 * The exit table: for each part of a stage, each way it can end otherwise than well, what follows
 * and how long that takes at worst. What follows was found by exploration, the times by the
 * arithmetic of worst cases.
 */
#include "compiler/review/review_parts.h"

#include "compiler/exit_times.h"
#include "compiler/explore/explore.h"
#include "compiler/times/times.h"

static void put_exit(struct rbk_review_page *page, const struct rbk_explore_exit *row)
{
    struct rbk_document *document = page->document;
    struct rbk_str how =
        rbk_describe_quoted(page->describe.arena, rbk_str_from(rbk_explore_exit_text(row->kind)));
    char text[RBK_TIMES_TEXT_BYTES];
    uint64_t ms = rbk_exit_worst_ms(page->review->compile, page->machine, row);
    rbk_document_cell(document, "%s", rbk_phase_name(row->phase));
    if (row->trigger != RBK_NONE) {
        rbk_document_cell(document, "%.*s: " RBK_CODE("%.*s"), RBK_STR_ARG(how),
                          RBK_STR_ARG(page->machine->triggers[row->trigger].name));
    } else {
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(how));
    }
    rbk_document_cell(document, "%.*s",
                      RBK_STR_ARG(rbk_describe_quoted(page->describe.arena, row->what)));
    rbk_document_cell(document, "%s", ms > 0 ? rbk_times_text(ms, text) : "");
    rbk_document_row_end(document);
}

/* Whether exploration proved what it is for, in a sentence. */
static void put_verdict(struct rbk_review_page *page, const struct rbk_explore_result *result)
{
    struct rbk_document *document = page->document;
    if (!result->complete) {
        rbk_document_paragraph(
            document,
            RBK_STRONG("Not everything was explored:") " a limit was reached "
                                                       "after %llu states. " RBK_CODE(
                                                           "rbkc explore") " goes further.",
            (unsigned long long)result->states);
    } else if (result->violations_seen == 0) {
        rbk_document_paragraph(document,
                               "Everything the plan can do was explored (%llu states): every run "
                               "comes to an end that can be answered for.",
                               (unsigned long long)result->states);
    }
    for (uint32_t i = 0; i < result->violation_count; i++) {
        const struct rbk_explore_violation *violation = &result->violations[i];
        rbk_document_item(document, 0, RBK_STRONG("RBK150:") " %.*s",
                          RBK_STR_ARG(rbk_describe_quoted(page->describe.arena, violation->text)));
        for (uint32_t k = 0; k < violation->line_count; k++) {
            rbk_document_item(
                document, 1, "%.*s",
                RBK_STR_ARG(rbk_describe_quoted(page->describe.arena, violation->lines[k].text)));
        }
    }
}

void rbk_review_exits(struct rbk_review_page *page)
{
    const struct rbk_explore_result *result = page->review->exploration;
    struct rbk_document *document = page->document;
    rbk_document_heading(document, 2, "How each stage can end");
    if (result == NULL) {
        rbk_document_paragraph(document, "The plan is too long to be explored here: " RBK_CODE(
                                             "rbkc explore") " does it.");
        return;
    }
    put_verdict(page, result);
    for (uint32_t i = 0; i < result->exit_count; i++) {
        const struct rbk_explore_exit *row = &result->exits[i];
        bool first = i == 0 || result->exits[i - 1].stage != row->stage;
        if (first) {
            rbk_document_fold(document, "Ends of " RBK_CODE("%.*s"),
                              RBK_STR_ARG(row->stage == 0
                                              ? RBK_STR("the plan")
                                              : page->machine->regions[row->stage].name));
            rbk_document_table(document, "During", "How", "What follows", "Back at worst after",
                               NULL);
        }
        put_exit(page, row);
        if (i + 1 == result->exit_count || result->exits[i + 1].stage != row->stage) {
            rbk_document_fold_end(document);
        }
    }
}
