/*
 * Diagnostics: what the compiler has to say about a plan, as records in a queue.
 *
 * Code that finds something wrong adds a record and returns; it never prints. At the end one
 * function sorts the queue by place and prints it once. A record has a rule's number, a severity, a
 * primary place, up to three labelled places, notes and help. Adding never fails and never returns
 * NULL, so that a call can be followed by labels and help without a test: what comes after the
 * limit is counted and otherwise thrown away.
 *
 * Wording: one line, factual, lower-case start, no final stop, names quoted with `…`; what was
 * found *and* what was expected. Help is in full sentences and says what to do.
 *
 *     struct rbk_diagnostic *d = rbk_diagnostic_error(ds, 101, place, "stage has no rollback");
 *     rbk_diagnostic_help(d, "Add `rollback within … { … }` that takes back what `apply` does.");
 */
#ifndef RBK_COMPILER_DIAGNOSTIC_H
#define RBK_COMPILER_DIAGNOSTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compiler/source.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

struct rbk_arena;
struct rbk_buffer;

/** Labelled places a record can have beside its primary one. */
#define RBK_DIAGNOSTIC_LABELS_MAX 3

/** How much a record weighs. Only errors make a plan unusable. */
enum rbk_severity {
    RBK_SEVERITY_ERROR,   /**< The plan does not compile. */
    RBK_SEVERITY_WARNING, /**< The plan compiles; someone should look. */
    RBK_SEVERITY_NOTE,    /**< Something worth knowing, such as a rule that was waived. */
};

/** The layouts a list of diagnostics is printed in. */
enum rbk_diagnostic_format {
    RBK_DIAGNOSTIC_HUMAN, /**< Source lines, underlined, with labels, notes and help. */
    RBK_DIAGNOSTIC_GCC,   /**< One line each: file:line:col: error: message [RBK101]. */
};

/** A second place that a record points at, such as the other end of a conflict. */
struct rbk_diagnostic_label {
    struct rbk_place place; /**< May lie in another source than the primary place. */
    struct rbk_str text;    /**< Printed beside the marker; may be empty. */
};

/** How sure it is that a fix is what the author meant. X(constant, word in JSON) */
#define RBK_APPLICABILITIES(X)                                                                  \
    X(CERTAIN, "certain") /* the plan means the same, or what it was meant to: --fix does it */ \
    X(LIKELY, "likely")   /* probably right; somebody has to look */                            \
    X(PLACEHOLDERS, "placeholders") /* text with gaps that somebody has to fill in */
#define X(constant, word) RBK_FIX_##constant,
enum rbk_applicability { RBK_APPLICABILITIES(X) RBK_APPLICABILITY_COUNT };
#undef X

/** The word for JSON. */
const char *rbk_applicability_name(enum rbk_applicability applicability);

/** A change of the source that does what a line of help says. */
struct rbk_diagnostic_fix {
    struct rbk_place place;     /**< What is replaced; an empty span: inserted there. */
    struct rbk_str replacement; /**< Empty: removed. */
    enum rbk_applicability applicability;
};

/** A line of explanation below the source lines, in the order added. */
struct rbk_diagnostic_note {
    struct rbk_diagnostic_note *next;
    struct rbk_place place; /**< source is NULL for a note without a place. */
    struct rbk_str text;
    bool is_help;                   /**< Printed as `help:` instead of `note:`. */
    struct rbk_diagnostic_fix *fix; /**< What the help says, as a change; may be NULL. */
};

/** One record. Read its fields freely; change it only through the functions below. */
struct rbk_diagnostic {
    struct rbk_diagnostic *next;   /**< In the order added. */
    struct rbk_diagnostics *owner; /**< Borrowed. */
    uint16_t code;                 /**< 101 is printed as RBK101. */
    uint8_t severity;              /**< enum rbk_severity. */
    uint8_t label_count;           /**< Labels in use. */
    uint32_t order;         /**< Sequence number: records at the same place print in this order. */
    struct rbk_place place; /**< The primary place, underlined with carets. */
    struct rbk_str message; /**< One line. */
    struct rbk_str place_text; /**< Printed beside the carets; may be empty. */
    bool waived; /**< A note: what would have been an error or a warning, but the plan waives it. */
    struct rbk_str waived_because; /**< The reason it gives; may be empty. */
    struct rbk_diagnostic_label labels[RBK_DIAGNOSTIC_LABELS_MAX];
    struct rbk_diagnostic_note *notes; /**< Notes and help, in the order added. */
    struct rbk_diagnostic_note *notes_last;
};

/** The queue of a compilation. */
struct rbk_diagnostics {
    struct rbk_arena *arena;      /**< Borrowed; owns the records and their text. */
    struct rbk_diagnostic *first; /**< In the order added. */
    struct rbk_diagnostic *last;
    struct rbk_diagnostic *sink; /**< Takes what comes after the limit; never printed. */
    uint32_t count;              /**< Records in the queue. */
    uint32_t count_max;          /**< Records kept; later ones are only counted. */
    uint32_t dropped;            /**< Records thrown away because of count_max. */
    uint32_t errors;             /**< Errors added, dropped ones included. */
    uint32_t warnings;           /**< Warnings added, dropped ones included. */
};

/** Start an empty queue with the usual limit (RBK_DIAGNOSTICS_MAX). @arena is borrowed until the
 * queue is done. */
void rbk_diagnostics_init(struct rbk_diagnostics *diagnostics, struct rbk_arena *arena);

/**
 * Add a record.
 * @code   The rule: 101 for RBK101. Rules are never renumbered.
 * @place  Where to point; place.source may be NULL for a message about no file.
 * @return Never NULL; labels, notes and help may be added to it.
 */
RBK_PRINTF(5, 6)
struct rbk_diagnostic *rbk_diagnostic_add(struct rbk_diagnostics *diagnostics,
                                          enum rbk_severity severity, unsigned code,
                                          struct rbk_place place, const char *format, ...);

/** rbk_diagnostic_add() with RBK_SEVERITY_ERROR. */
RBK_PRINTF(4, 5)
struct rbk_diagnostic *rbk_diagnostic_error(struct rbk_diagnostics *diagnostics, unsigned code,
                                            struct rbk_place place, const char *format, ...);

/** rbk_diagnostic_add() with RBK_SEVERITY_WARNING. */
RBK_PRINTF(4, 5)
struct rbk_diagnostic *rbk_diagnostic_warning(struct rbk_diagnostics *diagnostics, unsigned code,
                                              struct rbk_place place, const char *format, ...);

/** Set the short text beside the carets of the primary place. @return diagnostic. */
RBK_PRINTF(2, 3)
struct rbk_diagnostic *rbk_diagnostic_mark(struct rbk_diagnostic *diagnostic, const char *format,
                                           ...);

/** Add a labelled second place; a fourth one becomes a note with a place. @return diagnostic. */
RBK_PRINTF(3, 4)
struct rbk_diagnostic *rbk_diagnostic_label(struct rbk_diagnostic *diagnostic,
                                            struct rbk_place place, const char *format, ...);

/** Add a note; @place.source may be NULL. With a place it prints as `note: … --> file:line:col`.
 * @return diagnostic. */
RBK_PRINTF(3, 4)
struct rbk_diagnostic *rbk_diagnostic_note(struct rbk_diagnostic *diagnostic,
                                           struct rbk_place place, const char *format, ...);

/** Add a line of help: full sentences that say what to do. @return diagnostic. */
RBK_PRINTF(2, 3)
struct rbk_diagnostic *rbk_diagnostic_help(struct rbk_diagnostic *diagnostic, const char *format,
                                           ...);

/**
 * Say what the help just added means as a change of the source.
 * @diagnostic  Its last note must be help, asserted (but for what is thrown away).
 * @place       What is replaced.
 * @replacement Copied. Empty: the place is removed.
 * @return diagnostic.
 */
struct rbk_diagnostic *rbk_diagnostic_fix(struct rbk_diagnostic *diagnostic,
                                          enum rbk_applicability applicability,
                                          struct rbk_place place, struct rbk_str replacement);

/** Say that the plan waives what the record, a note, tells of. @because is copied. @return
 * diagnostic. */
struct rbk_diagnostic *rbk_diagnostic_waive(struct rbk_diagnostic *diagnostic,
                                            struct rbk_str because);

/**
 * The records in the order they are printed: those without a place first, then by source
 * (rbk_source.id), place and the order in which they were found.
 * @return An array of diagnostics->count, in the queue's arena.
 */
const struct rbk_diagnostic **rbk_diagnostics_sorted(const struct rbk_diagnostics *diagnostics);

/** Write one record as people read it. @colour as in rbk_diagnostics_render(). */
void rbk_diagnostic_render(const struct rbk_diagnostic *diagnostic, bool colour,
                           struct rbk_buffer *buffer);

/** "error", "warning", "note". */
const char *rbk_severity_name(enum rbk_severity severity);

/** A place in no source, for messages about the command line and for notes without a place. */
static inline struct rbk_place rbk_place_none(void)
{
    return (struct rbk_place){NULL, {0, 0}};
}

/**
 * Write the whole queue, sorted by source (rbk_source.id), place and order, in @format.
 * @colour Whether to write ANSI colours; rbk_diagnostics_want_colour() decides for a stream.
 * Ignored by the gcc format. The queue itself is not changed; calling again writes the same text.
 */
void rbk_diagnostics_render(const struct rbk_diagnostics *diagnostics,
                            enum rbk_diagnostic_format format, bool colour,
                            struct rbk_buffer *buffer);

/** Render and write to @stream, with colour when the stream wants it. Called once, at the end.
 * @return 0 or -RBK_EIO. */
RBK_MUST_USE int rbk_diagnostics_print(const struct rbk_diagnostics *diagnostics,
                                       enum rbk_diagnostic_format format, FILE *stream);

/** Whether @stream is a terminal that has colours (TERM), and the environment does not set
 * NO_COLOR.
 */
bool rbk_diagnostics_want_colour(FILE *stream);

#endif
