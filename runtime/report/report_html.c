/*
 * The report as one HTML file: nothing in it is fetched, no script runs (its policy forbids both),
 * and what the picture and the rows mean by colour they say in words too.
 */
#include "runtime/report/report_page.h"

#include "compiler/review/document_inline.h"

#define PAGE_BYTES_MAX ((size_t)128 << 20)

/* clang-format off */
static const char style[] =
    ":root { --good: #1a7f37; --bad: #b3261e; --warn: #8a5a00; --ask: #6639ba; --dim: #5c6570;\n"
    "  --apply: #2f6fd0; --verify: #1f9d8f; --prepare: #8fa3b8; --people: #8250df; --back: #d9730d;\n"
    "  --backverify: #b98a00; --stands: #1a7f37; --stuck: #b3261e; --going: #9db7dd; --still: #c4b5e8;\n"
    "  --watching: #a9d5b5; --stripe: #fff; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --good: #57c275; --bad: #ff8a80; --warn: #e0b252; --ask: #b794f6; --dim: #98a2ad;\n"
    "    --apply: #5b9bf3; --verify: #35b8a8; --prepare: #66788b; --people: #a371f7; --back: #ea8a2f;\n"
    "    --backverify: #cda435; --stands: #3f9d5a; --stuck: #e5534b; --going: #3f5f8a; --still: #5f4b8b;\n"
    "    --watching: #2f6b45; --stripe: #14171a; }\n"
    "}\n"
    "body { max-width: 72rem; }\n"
    "h1 { margin: 0 0 .2em; font-size: 1.7rem; }\n"
    ".hero { margin-top: 1.5rem; }\n"
    ".hero .sub { color: var(--dim); margin: 0 0 1rem; overflow-wrap: anywhere; }\n"
    ".badge { display: inline-block; border: 2px solid currentColor; border-radius: 999px; padding: .05em .7em;\n"
    "  font-size: 1rem; vertical-align: .2em; margin-left: .4em; }\n"
    ".facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); gap: .6rem;\n"
    "  margin: 0 0 1rem; }\n"
    ".facts div { background: var(--soft); border-radius: 6px; padding: .5rem .8rem; min-width: 0; }\n"
    ".facts dt { color: var(--dim); font-size: .8rem; }\n"
    ".facts dd { margin: 0; overflow-wrap: anywhere; }\n"
    ".facts .big { font-size: 1.25rem; font-weight: 600; }\n"
    ".warning { border: 2px solid var(--bad); border-radius: 6px; padding: .6rem .9rem; overflow-wrap: anywhere; }\n"
    ".good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }\n"
    ".ask { color: var(--ask); } .dim { color: var(--dim); }\n"
    "tr.good, tr.bad, tr.warn, tr.ask { color: inherit; }\n"
    "tr.good > td:first-child { box-shadow: inset 4px 0 var(--good); }\n"
    "tr.bad > td:first-child { box-shadow: inset 4px 0 var(--bad); }\n"
    "tr.warn > td:first-child { box-shadow: inset 4px 0 var(--warn); }\n"
    "tr.ask > td:first-child { box-shadow: inset 4px 0 var(--ask); }\n"
    "tr.bad { background: color-mix(in srgb, var(--bad) 8%, transparent); }\n"
    "td { overflow-wrap: anywhere; min-width: 5rem; font-size: .93rem; }\n"
    "td:first-child { white-space: nowrap; padding-left: .8em; font-variant-numeric: tabular-nums; }\n"
    "table { max-width: 100%; }\n"
    "details { margin: .5rem 0; } summary { cursor: pointer; }\n"
    ".picture { margin: 1rem 0; }\n"
    ".picture .scroll { overflow-x: auto; }\n"
    ".picture svg[viewBox] { width: 100%; min-width: 46rem; height: auto; display: block; }\n"
    ".picture text { fill: var(--ink); font: 12.5px system-ui, sans-serif; }\n"
    ".picture .label { text-anchor: end; } .picture .label.run { font-weight: 600; }\n"
    ".picture .time { fill: var(--dim); font-size: 11px; text-anchor: middle; }\n"
    ".picture .first { text-anchor: start; } .picture .last { text-anchor: end; }\n"
    ".picture .broken { fill: var(--dim); font-size: 11px; text-anchor: middle; font-style: italic; }\n"
    ".picture .rule { stroke: var(--line); } .picture .tick { stroke: var(--line); stroke-dasharray: 2 3; }\n"
    ".picture .break { stroke: var(--dim); fill: none; stroke-width: 1.5; }\n"
    ".bar { stroke: var(--paper); stroke-width: .7; }\n"
    ".prepare { fill: var(--prepare); } .bar.apply { fill: var(--apply); } .bar.verify { fill: var(--verify); }\n"
    ".bar.people { fill: url(#dots); stroke: var(--people); stroke-width: 1.2; } .bar.stands { fill: var(--stands); opacity: .55; }\n"
    ".bar.rollback { fill: url(#back); } .bar.rollback_verify { fill: var(--backverify); }\n"
    ".bar.turn { fill: var(--back); opacity: .45; } .bar.stuck { fill: var(--stuck); }\n"
    ".bar.going { fill: var(--going); } .bar.still { fill: var(--still); } .bar.watching { fill: var(--watching); }\n"
    "#back .ground { fill: var(--back); } #back .stripe { stroke: var(--stripe); stroke-width: 1.6; opacity: .6; }\n"
    "#dots .ground { fill: var(--paper); } #dots .dot { fill: var(--people); }\n"
    "#nobody .hatch { stroke: var(--dim); stroke-width: 1.4; opacity: .7; } .gap { fill: url(#nobody); }\n"
    ".sign line { stroke: currentColor; stroke-width: 1.2; stroke-dasharray: 4 2; }\n"
    ".picture .sign text { fill: currentColor; font-size: 12px; font-weight: 600; }\n"
    ".sign { color: var(--ink); } .trigger, .step { color: var(--bad); } .decision { color: var(--back); }\n"
    ".person { color: var(--ask); } .sign.runner { color: var(--dim); } .sign.end { color: var(--ink); }\n"
    ".legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .4rem 0; font-size: .85rem; }\n"
    ".legend svg { vertical-align: -1px; }\n"
    ".signs { list-style: none; padding: 0; margin: .4rem 0; font-size: .9rem; columns: 26rem 2; }\n"
    ".signs li { overflow-wrap: anywhere; break-inside: avoid; color: inherit; } .signs time { color: var(--dim); }\n"
    ".signs b { display: inline-block; min-width: 2.4em; }\n"
    "@media screen and (max-width: 40rem) { .facts { grid-template-columns: 1fr 1fr; } h1 { font-size: 1.35rem; }\n"
    "  table { display: block; width: fit-content; overflow-x: auto; } td { min-width: 5.2rem; overflow-wrap: break-word; }\n"
    "  td:first-child { white-space: normal; } }\n"
    "@media print { .picture svg[viewBox] { min-width: 0; } .bar, tr, .gap { print-color-adjust: exact;\n"
    "  -webkit-print-color-adjust: exact; } details > summary { list-style: none; }\n"
    "  details::details-content { content-visibility: visible; display: block; } }\n";
/* clang-format on */

static const char *tone_class(enum rbk_tone tone)
{
    switch (tone) {
    case RBK_TONE_GOOD:
        return "good";
    case RBK_TONE_BAD:
        return "bad";
    case RBK_TONE_WARN:
        return "warn";
    default:
        return "plain";
    }
}

static void put_fact(struct rbk_buffer *out, const char *name, const char *kind,
                     struct rbk_str value)
{
    if (value.bytes != 0) {
        rbk_buffer_printf(out, "<div><dt>%s</dt><dd class=\"%s\">", name, kind);
        rbk_inline_html_text(out, value);
        rbk_buffer_append_text(out, "</dd></div>\n");
    }
}

/* "4m 10s of 15m" */
static struct rbk_str against(struct rbk_buffer *text, uint64_t from_ms, uint64_t to_ms,
                              uint64_t limit_ms)
{
    rbk_buffer_clear(text);
    if (from_ms != 0 && to_ms > from_ms) {
        rbk_buffer_append_text(text, rbk_when_span(to_ms - from_ms).text);
        if (limit_ms != 0) {
            rbk_buffer_printf(text, " of %s", rbk_when_limit(limit_ms).text);
        }
    }
    return rbk_buffer_str(text);
}

static void put_facts(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    uint64_t until_ms = report->ended_ms != 0 ? report->ended_ms : report->until_ms;
    struct rbk_buffer text;

    rbk_buffer_init(&text, 4096);
    rbk_buffer_append_text(out, "<dl class=\"facts\">\n");
    put_fact(out, report->ended_ms != 0 ? "Took" : "Lasts", "big",
             against(&text, report->started_ms, until_ms, 0));
    put_fact(out, report->all_applied_ms != 0 ? "Everything applied in" : "Since the first effect",
             "big",
             against(&text, report->first_effect_ms,
                     report->all_applied_ms != 0 ? report->all_applied_ms : until_ms,
                     report->estimate_ms));
    put_fact(out, report->status == RBK_STATUS_ABORTED ? "Rolled back in" : "Since the decision",
             "big", against(&text, report->decided_ms, until_ms, report->rollback_within_ms));
    put_fact(out, "Started", "", rbk_str_from(rbk_when_full(report->started_ms).text));
    rbk_buffer_clear(&text);
    rbk_buffer_printf(&text, "%.*s on %.*s", RBK_STR_ARG(report->user), RBK_STR_ARG(report->host));
    put_fact(out, "By", "", rbk_buffer_str(&text));
    put_fact(out, "Ticket", "", report->ticket);
    put_fact(out, "Owner", "", report->owner);
    rbk_buffer_clear(&text);
    rbk_buffer_printf(&text, "%lld events, %s", (long long)report->events,
                      report->broken.bytes == 0 ? "chain whole" : "CHAIN BROKEN");
    put_fact(out, "Journal", report->broken.bytes == 0 ? "" : "bad", rbk_buffer_str(&text));
    rbk_buffer_append_text(out, "</dl>\n");
    rbk_buffer_fini(&text);
}

static void put_hero(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    rbk_buffer_append_text(out, "<header class=\"hero\">\n<h1>");
    rbk_inline_html_text(out, report->title.bytes != 0 ? report->title : report->plan);
    rbk_buffer_printf(out, " <span class=\"badge %s\">%s</span></h1>\n<p class=\"sub\">run ",
                      tone_class(rbk_view_status_tone(report->status)),
                      rbk_status_name(report->status));
    rbk_inline_html_text(out, report->run);
    rbk_buffer_append_text(out, " of plan ");
    rbk_inline_html_text(out, report->plan);
    if (report->reason.bytes != 0) {
        rbk_buffer_append_text(out, " &middot; ");
        rbk_inline_html_text(out, report->reason);
    }
    rbk_buffer_append_text(out, "</p>\n");
    if (report->broken.bytes != 0) {
        rbk_buffer_append_text(out,
                               "<p class=\"warning\"><strong>The journal is not whole.</strong> ");
        rbk_inline_html_text(out, report->broken);
        rbk_buffer_printf(out, ". What stands here ends with event %lld.</p>\n",
                          (long long)report->events);
    }
    put_facts(report, out);
    rbk_buffer_append_text(out, "</header>\n");
}

int rbk_report_html(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    struct rbk_document document;
    struct rbk_buffer markup;
    struct rbk_str title = report->title.bytes != 0 ? report->title : report->plan;
    int error;

    rbk_buffer_init(&markup, PAGE_BYTES_MAX);
    rbk_document_begin(&document, RBK_DOCUMENT_HTML, title, PAGE_BYTES_MAX);
    rbk_document_style(&document, style);
    put_hero(report, &markup);
    rbk_report_picture(report, &markup);
    rbk_document_markup(&document, rbk_buffer_str(&markup));
    rbk_report_page(report, &document);
    rbk_document_heading(&document, 2, "About this run");
    rbk_report_page_head(report, &document);
    rbk_document_end(&document);
    error = markup.error != 0 ? markup.error : document.out.error;
    if (error == 0) {
        error = rbk_buffer_append_str(out, rbk_buffer_str(&document.out));
    }
    rbk_document_fini(&document);
    rbk_buffer_fini(&markup);
    return error;
}
