/* The report as Markdown. */
#include "runtime/report/report_page.h"

#define PAGE_BYTES_MAX ((size_t)64 << 20)

int rbk_report_markdown(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    struct rbk_document document;
    int error;

    rbk_document_begin(&document, RBK_DOCUMENT_MARKDOWN, report->plan, PAGE_BYTES_MAX);
    rbk_document_heading(&document, 1, "%.*s%s%.*s: %s",
                         RBK_STR_ARG(report->title.bytes != 0 ? report->title : report->plan),
                         report->title.bytes != 0 ? ", " : "",
                         RBK_STR_ARG(report->title.bytes != 0 ? report->plan : RBK_STR("")),
                         rbk_status_name(report->status));
    rbk_report_page_head(report, &document);
    rbk_report_page(report, &document);
    rbk_document_end(&document);
    error = document.out.error;
    if (error == 0) {
        error = rbk_buffer_append_str(out, rbk_buffer_str(&document.out));
    }
    rbk_document_fini(&document);
    return error;
}
