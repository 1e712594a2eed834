/*
 * The parts of a review page. Private to review*.c.
 */
#ifndef RBK_COMPILER_REVIEW_REVIEW_PARTS_H
#define RBK_COMPILER_REVIEW_REVIEW_PARTS_H

#include "compiler/review/describe.h"
#include "compiler/review/document.h"
#include "compiler/review/review.h"

/** A page being written. */
struct rbk_review_page {
    const struct rbk_review *review;
    const struct rbk_machine *machine; /**< Not NULL where a part below is called. */
    struct rbk_document *document;
    struct rbk_describe describe;
};

/** The stages in a table, and with @steps each with its steps and what a crash means for them. */
void rbk_review_stages(struct rbk_review_page *page, bool steps);

/** Who is asked, for what. */
void rbk_review_approvals(struct rbk_review_page *page);

/** From where on going back loses something, and where there is no way back. */
void rbk_review_no_return(struct rbk_review_page *page);

/** The rules that are waived, with the reasons the plan gives. */
void rbk_review_waivers(struct rbk_review_page *page);

/** How long it takes, and how long the way back takes from every point. */
void rbk_review_times(struct rbk_review_page *page);

/** What follows from each way a stage can end, and whether RBK150 holds. */
void rbk_review_exits(struct rbk_review_page *page);

/** What is wrong with the plan; also when there is no machine. */
void rbk_review_findings(struct rbk_review_page *page);

/** What differs; also when there is no machine. */
void rbk_review_changes(struct rbk_review_page *page);

#endif
