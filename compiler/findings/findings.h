/*
 * Reports: what `rbkc check` found in all the plans of one command line, in a format for machines
 * or for a page. Unlike the human and the gcc format, which are printed plan by plan, these are one
 * document, so findings are first gathered as items that outlive the compilations they came from.
 *
 *     struct rbk_findings findings;
 *     rbk_findings_init(&findings);
 *     rbk_findings_add(&findings, &compile);            // for each plan
 *     error = rbk_findings_write(&findings, RBK_FINDINGS_SARIF, &buffer, &error);
 *     rbk_findings_fini(&findings);
 *
 * Items are in the order errors, warnings, notes, and within these as the plans were given and as
 * the findings stand in them. A finding in a module that several plans use is one item.
 */
#ifndef RBK_COMPILER_FINDINGS_FINDINGS_H
#define RBK_COMPILER_FINDINGS_FINDINGS_H

#include "compiler/diagnostic.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/map.h"
#include "runtime/core/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rbk_buffer;
struct rbk_compile;
struct rbk_error;

/** The formats. X(constant, word of `--format`) */
#define RBK_FINDINGS_FORMATS(X) \
    X(JSON, "json")             \
    X(SARIF, "sarif")           \
    X(GITHUB, "github")         \
    X(MARKDOWN, "markdown")
#define X(constant, word) RBK_FINDINGS_##constant,
enum rbk_findings_format { RBK_FINDINGS_FORMATS(X) RBK_FINDINGS_FORMAT_COUNT };
#undef X

/** The version of the JSON format; docs/check.schema.json describes it. The first number changes
 * when a reader of the old one could go wrong, the second when something is added. */
#define RBK_FINDINGS_JSON_VERSION "1.0"

/** A range of a file, for editors: lines from 1, columns from 1 in characters, bytes from 0. Ends
 * are exclusive. */
struct rbk_finding_place {
    struct rbk_str file; /**< As given, without a leading `./`; empty: no place. */
    uint32_t start_line, start_column, start_byte;
    uint32_t end_line, end_column, end_byte;
    struct rbk_str text; /**< A label; may be empty. */
};

/** A note or help of an item. */
struct rbk_finding_note {
    struct rbk_finding_note *next;
    struct rbk_str text;
    bool is_help;
    struct rbk_finding_place place; /**< Of a note with one, or of the fix. */
    bool is_fix;                    /**< The help is a change: */
    struct rbk_str replacement;
    enum rbk_applicability applicability;
};

/** A finding. */
struct rbk_finding {
    struct rbk_finding *next;
    enum rbk_severity severity;
    uint16_t code; /**< 0: none. */
    struct rbk_str message;
    struct rbk_finding_place place; /**< Its text is what stands beside the carets. */
    struct rbk_finding_place labels[RBK_DIAGNOSTIC_LABELS_MAX];
    uint32_t label_count;
    struct rbk_finding_note *notes, *notes_last;
    bool waived;
    struct rbk_str waived_because;
    struct rbk_str stage;    /**< The stage it stands in; may be empty. */
    struct rbk_str rendered; /**< As people read it, without colour. */
    char fingerprint[33];    /**< Stays the same when lines are added above; hexadecimal. */
};

/** A plan that was checked. */
struct rbk_findings_file {
    struct rbk_findings_file *next;
    struct rbk_str path;
    bool accepted; /**< No errors. */
};

/** A findings; the caller's memory. Read its fields freely. */
struct rbk_findings {
    struct rbk_arena arena;  /**< Owns everything. */
    struct rbk_map seen;     /**< Findings by their place and text, so that each is there once. */
    struct rbk_map ordinals; /**< Fingerprints given, with how many times. */
    struct rbk_findings_file *files, *files_last;
    struct rbk_finding *items[3], *items_last[3]; /**< By enum rbk_severity. */
    uint32_t counts[3];                           /**< The same. */
    uint32_t dropped; /**< Findings beyond the limit of a plan: not in the items. */
};

/** Start without any. */
void rbk_findings_init(struct rbk_findings *findings);

/** Give all memory back. */
void rbk_findings_fini(struct rbk_findings *findings);

/** Add what was found in a plan; copies all it keeps. */
void rbk_findings_add(struct rbk_findings *findings, const struct rbk_compile *compile,
                      const char *path);

/** The item after @item in the order of the findings; NULL begins, and ends. */
const struct rbk_finding *rbk_findings_next(const struct rbk_findings *findings,
                                            const struct rbk_finding *item);

/** "2 errors, 1 warning"; "nothing found". In the arena. */
struct rbk_str rbk_findings_summary(struct rbk_findings *findings);

/** Write the whole document. @return 0, -RBK_ENOMEM or -RBK_ELIMIT. */
RBK_MUST_USE int rbk_findings_write(struct rbk_findings *findings, enum rbk_findings_format format,
                                    struct rbk_buffer *buffer, struct rbk_error *reterr);

/** A JSON string; bytes that are no UTF-8 become U+FFFD. NULL when memory ran out. */
json_t *rbk_findings_string(struct rbk_str text);

/* ---- the formats, one file each -------------------------------------------------------------- */

/** The document of RBK_FINDINGS_JSON; the caller's reference, NULL when memory ran out. */
json_t *rbk_findings_json(struct rbk_findings *findings);

/** A SARIF 2.1.0 log (OASIS standard, 27 March 2020). The same. */
json_t *rbk_findings_sarif(struct rbk_findings *findings);

/** GitHub's workflow commands, as many as one step may give, then the findings as people read them
 * (docs.github.com, "Workflow commands for GitHub Actions"). */
void rbk_findings_github(struct rbk_findings *findings, struct rbk_buffer *buffer);

/** A page for a job's summary or a comment, at most RBK_FINDINGS_MARKDOWN_BYTES long. */
void rbk_findings_markdown(struct rbk_findings *findings, struct rbk_buffer *buffer);

/** What a step's summary may hold on GitHub is 1 MiB; a cut page says that it is cut. */
#define RBK_FINDINGS_MARKDOWN_BYTES ((size_t)1000 << 10)

#endif
