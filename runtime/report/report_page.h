#ifndef RBK_RUNTIME_REPORT_REPORT_PAGE_H
#define RBK_RUNTIME_REPORT_REPORT_PAGE_H

/* The parts of the page, in the order in which they stand there. Internal to runtime/report. */

#include "compiler/review/document.h"
#include "runtime/report/report_internal.h"

#define TEXT(STR) RBK_STR_ARG(STR)

/* Everything behind the head: the same for Markdown and HTML. */
void rbk_report_page(const struct rbk_run_report *report, struct rbk_document *document);
/* Checks, failures, interruptions, triggers, values, messages, evidence (report_page_seen.c). */
void rbk_report_page_seen(const struct rbk_run_report *report, struct rbk_document *document);
/* A sentence on rows that there was no place for; none for 0. @what  In the plural. */
void rbk_report_left_out(struct rbk_document *document, size_t count, const char *what);
/* Rows of facts about the run: what, which. */
void rbk_report_page_head(const struct rbk_run_report *report, struct rbk_document *document);
/* What people have to fill in, with what is known already (report_postmortem.c). */
void rbk_report_postmortem(const struct rbk_run_report *report, struct rbk_document *document);
/* The picture with its legend, as markup (report_picture.c). */
void rbk_report_picture(const struct rbk_run_report *report, struct rbk_buffer *out);

#endif
