/*
 * The page as a whole: its order, and what is left out of one that is too long.
 *
 * The difference and the findings come first and stay longest: a reviewer who knows the plan needs
 * nothing else. A page that does not fit is written again with less, and says what it lacks.
 */
#include "compiler/review/review.h"

#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/explore/explore.h"
#include "compiler/graph/graph.h"
#include "compiler/review/review_parts.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

/* What is left out, one after the other. X(constant, words for the notice) */
#define LEVELS(X)                          \
    X(ALL, "")                             \
    X(NO_PICTURE, "the picture")           \
    X(NO_STEPS, "the steps of each stage") \
    X(NO_EXITS, "how each stage can end")  \
    X(NO_STAGES, "stages, approvals, times")

#define X(constant, words) LEVEL_##constant,
enum level { LEVELS(X) LEVEL_COUNT };
#undef X

/* ---- parts ----------------------------------------------------------------------------------- */

static void put_head(struct rbk_review_page *page)
{
    const struct rbk_compile *compile = page->review->compile;
    const struct rbk_difference *difference = page->review->difference;
    const struct rbk_explore_result *exploration = page->review->exploration;
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    struct rbk_str path = compile->program.files[0]->tree->source->path;
    if (machine != NULL) {
        rbk_document_heading(document, 1, "Review of " RBK_CODE("%.*s") "%s%.*s",
                             RBK_STR_ARG(machine->name), machine->title.bytes > 0 ? ": " : "",
                             RBK_STR_ARG(machine->title));
    } else {
        rbk_document_heading(document, 1, "Review of " RBK_CODE("%.*s"), RBK_STR_ARG(path));
    }
    struct rbk_str changes = RBK_STR("");
    if (difference != NULL) {
        changes = rbk_arena_printf(page->describe.arena,
                                   "; %u %s against " RBK_CODE("%.*s") ", %u of them weaker",
                                   difference->count, difference->count == 1 ? "change" : "changes",
                                   RBK_STR_ARG(page->review->against), difference->weaker);
    }
    rbk_document_paragraph(
        document, RBK_STRONG("%u %s, %u %s%.*s.") "%s", compile->diagnostics.errors,
        compile->diagnostics.errors == 1 ? "error" : "errors", compile->diagnostics.warnings,
        compile->diagnostics.warnings == 1 ? "warning" : "warnings", RBK_STR_ARG(changes),
        machine == NULL ? " The plan does not compile: there is no machine."
        : exploration != NULL && exploration->violations_seen > 0
            ? " A promise is broken (RBK150): see how each stage can end."
            : "");
}

static void put_digest(struct rbk_review_page *page)
{
    const struct rbk_machine *machine = page->machine;
    struct rbk_document *document = page->document;
    rbk_document_heading(document, 2, "Digest");
    rbk_document_paragraph(document, "Machine " RBK_CODE("%s") "%s%.*s. A run is bound to it.",
                           machine->hash, machine->ticket.bytes > 0 ? ", ticket " : "",
                           RBK_STR_ARG(machine->ticket));
    rbk_document_table(document, "Source", "SHA-256", NULL);
    for (uint32_t i = 0; i < machine->source_count; i++) {
        rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(machine->sources[i].path));
        rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(machine->sources[i].sha256));
        rbk_document_row_end(document);
    }
}

static void put_picture(struct rbk_review_page *page)
{
    struct rbk_buffer picture;
    rbk_buffer_init(&picture, RBK_GRAPH_MERMAID_BYTES_MAX);
    unsigned edges = rbk_graph_mermaid(page->machine, false, &picture);
    if (!picture.error && edges <= RBK_GRAPH_MERMAID_EDGES_MAX) {
        rbk_document_fold(page->document, "Picture");
        rbk_document_code(page->document, 0, "mermaid", rbk_buffer_str(&picture));
        rbk_document_fold_end(page->document);
    } else {
        rbk_document_paragraph(page->document,
                               "The plan is too large for a picture here; " RBK_CODE(
                                   "rbkc graph --stages --format svg") " draws it.");
    }
    rbk_buffer_fini(&picture);
}

void rbk_review_findings(struct rbk_review_page *page)
{
    const struct rbk_diagnostics *diagnostics = &page->review->compile->diagnostics;
    struct rbk_document *document = page->document;
    static const char *const words[] = {"error", "warning", "note"};
    rbk_document_heading(document, 2, "Findings");
    if (diagnostics->count == 0) {
        rbk_document_paragraph(document, "Nothing was found.");
        return;
    }
    for (unsigned severity = RBK_SEVERITY_ERROR; severity <= RBK_SEVERITY_NOTE; severity++) {
        for (const struct rbk_diagnostic *d = diagnostics->first; d != NULL; d = d->next) {
            if (d->severity != severity) {
                continue;
            }
            struct rbk_str place = RBK_STR("");
            if (d->place.source != NULL) {
                struct rbk_position position =
                    rbk_source_position(d->place.source, d->place.span.start);
                place = rbk_arena_printf(page->describe.arena, " — " RBK_CODE("%.*s:%u"),
                                         RBK_STR_ARG(d->place.source->path), position.line);
            }
            rbk_document_item(document, 0, RBK_STRONG("%s RBK%03u") ": %.*s%.*s", words[severity],
                              d->code,
                              RBK_STR_ARG(rbk_describe_quoted(page->describe.arena, d->message)),
                              RBK_STR_ARG(place));
        }
    }
    if (diagnostics->dropped > 0) {
        rbk_document_item(document, 0, "… and %u more", diagnostics->dropped);
    }
}

static struct rbk_str lines_of(struct rbk_review_page *page, const struct rbk_change *change)
{
    struct rbk_arena *arena = page->describe.arena;
    if (change->new_line > 0 && change->old_line > 0 && change->new_line != change->old_line) {
        return rbk_arena_printf(arena, " (line %u, was %u)", change->new_line, change->old_line);
    }
    if (change->new_line > 0) {
        return rbk_arena_printf(arena, " (line %u)", change->new_line);
    }
    if (change->old_line > 0) {
        return rbk_arena_printf(arena, " (was line %u)", change->old_line);
    }
    return RBK_STR("");
}

void rbk_review_changes(struct rbk_review_page *page)
{
    const struct rbk_difference *difference = page->review->difference;
    struct rbk_document *document = page->document;
    if (difference == NULL && page->review->no_old_plan.bytes == 0) {
        return;
    }
    rbk_document_heading(document, 2, "What changes against " RBK_CODE("%.*s"),
                         RBK_STR_ARG(page->review->against));
    if (page->review->no_old_plan.bytes > 0) {
        rbk_document_paragraph(document, "%.*s", RBK_STR_ARG(page->review->no_old_plan));
    }
    if (difference == NULL) {
        return;
    }
    if (difference->count == 0) {
        rbk_document_paragraph(document, "No difference: both plans mean the same.");
        return;
    }
    for (const struct rbk_change *c = difference->first; c != NULL; c = c->next) {
        rbk_document_item(document, 0, "%s%.*s%.*s",
                          c->weight == RBK_CHANGE_WEAKER     ? RBK_STRONG("weaker:") " "
                          : c->weight == RBK_CHANGE_STRONGER ? "stronger: "
                                                             : "",
                          RBK_STR_ARG(c->text), RBK_STR_ARG(lines_of(page, c)));
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_notice(struct rbk_review_page *page, unsigned level)
{
    static const char *const words[LEVEL_COUNT] = {
#define X(constant, text) [LEVEL_##constant] = (text),
        LEVELS(X)
#undef X
    };
    struct rbk_str left_out = RBK_STR("");
    for (unsigned i = 1; i <= level; i++) {
        left_out = rbk_arena_printf(page->describe.arena, "%.*s%s%s", RBK_STR_ARG(left_out),
                                    i > 1 ? "; " : "", words[i]);
    }
    if (level > 0) {
        rbk_document_paragraph(
            page->document,
            RBK_STRONG("Shortened to fit into a comment.") " Left out: %.*s. " RBK_CODE(
                "rbkc review --whole") " writes all of it.",
            RBK_STR_ARG(left_out));
    }
}

static void put_page(struct rbk_review_page *page, unsigned level)
{
    put_head(page);
    put_notice(page, level);
    rbk_review_changes(page);
    rbk_review_findings(page);
    if (page->machine == NULL) {
        return;
    }
    if (level < LEVEL_NO_STAGES) {
        rbk_review_stages(page, level < LEVEL_NO_STEPS);
        rbk_review_approvals(page);
    }
    rbk_review_no_return(page);
    if (level < LEVEL_NO_STAGES) {
        rbk_review_times(page);
    }
    if (level < LEVEL_NO_EXITS) {
        rbk_review_exits(page);
    }
    rbk_review_waivers(page);
    put_digest(page);
    if (level < LEVEL_NO_PICTURE) {
        put_picture(page);
    }
}

/* The beginning of a text that is still too long, up to a whole line, with a notice. */
static struct rbk_str cut(struct rbk_arena *arena, struct rbk_str text)
{
    static const char notice[] = "\n**Cut here: the page is too long for a comment.** "
                                 "`rbkc review --whole` writes all of it.\n";
    size_t bytes = RBK_REVIEW_BYTES_MAX - sizeof notice;
    while (bytes > 0 && text.data[bytes - 1] != '\n') {
        bytes--;
    }
    return rbk_arena_printf(arena, "%.*s%s", (int)bytes, text.data, notice);
}

int rbk_review_write(const struct rbk_review *review, struct rbk_str *ret_text)
{
    struct rbk_arena *arena = &review->compile->arena;
    int result = 0;
    struct rbk_str text = RBK_STR("");
    for (unsigned level = LEVEL_ALL; level < LEVEL_COUNT; level++) {
        struct rbk_document document;
        rbk_document_begin(&document, RBK_DOCUMENT_MARKDOWN, RBK_STR(""), RBK_MACHINE_BYTES_MAX);
        struct rbk_review_page page = {
            .review = review,
            .machine = review->machine,
            .document = &document,
            .describe = {.arena = arena, .machine = review->machine},
        };
        put_page(&page, level);
        rbk_document_end(&document);
        result = document.out.error;
        text = rbk_arena_copy(arena, rbk_buffer_str(&document.out));
        rbk_document_fini(&document);
        if (result != 0 || review->whole || text.bytes <= RBK_REVIEW_BYTES_MAX) {
            break;
        }
    }
    if (result == 0) {
        *ret_text = review->whole || text.bytes <= RBK_REVIEW_BYTES_MAX ? text : cut(arena, text);
    }
    return result;
}
