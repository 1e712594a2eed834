#ifndef RBK_RUNTIME_PEOPLE_STATUS_TEXT_H
#define RBK_RUNTIME_PEOPLE_STATUS_TEXT_H

/*
 * What the files share that print the status of a run for a person: status_text.c (what it is, what
 * to do, stages), status_seen.c (clocks, triggers, readings, evidence), status_said.c (people,
 * messages) and status_asked.c (requests). Nobody else includes this.
 */

#include "runtime/people/status_rows.h"

/* A status being printed. */
struct rbk_printing {
    const struct rbk_history *history;
    const struct rbk_view *view;
    const struct rbk_machine *machine;
    const struct rbk_state *state;
    struct rbk_style style;
    struct rbk_buffer line;
    uint64_t now_ms;
    size_t count; /* lines of the section under way */
    struct rbk_status_rows rows;
    json_t *live; /* what its runner sees, or saw before it was stopped; NULL: nobody drives it */
    bool doubts;  /* of the effects without a result those in doubt are printed; else the others */
};

/* Print the line, sanitized, in a tone; it is empty afterwards. */
void rbk_printing_line(struct rbk_printing *printing, enum rbk_tone tone);
/* Before each line of a section, of which the first gets the title; printing->count is 0 then. */
void rbk_printing_section(struct rbk_printing *printing, const char *title);
/* Rows of the live view: clean and coloured already. */
void rbk_printing_rows(struct rbk_str rows);

/* What a trigger's level came to last: "      true at 00:45:53, on rows = 7"; or nothing. */
void rbk_printing_level(struct rbk_printing *printing, uint32_t trigger, enum rbk_tone tone);
/* Clocks, triggers, and what its runner reads now. */
void rbk_printing_seen(struct rbk_printing *printing);
RBK_MUST_USE int rbk_printing_evidence(struct rbk_printing *printing, struct rbk_error *reterr);
/* Who answered or asked for what: the latest of it. */
void rbk_printing_people(struct rbk_printing *printing);
/* Requests that nobody has handled yet. */
RBK_MUST_USE int rbk_printing_asked(struct rbk_printing *printing, struct rbk_error *reterr);
/* The same, and messages that were not sent. */
RBK_MUST_USE int rbk_printing_messages(struct rbk_printing *printing, struct rbk_error *reterr);

#endif
