/*
 * The parts of a runbook. Private to this folder.
 */
#ifndef RBK_COMPILER_RUNBOOK_RUNBOOK_PARTS_H
#define RBK_COMPILER_RUNBOOK_RUNBOOK_PARTS_H

#include "compiler/review/describe.h"
#include "compiler/review/document.h"
#include "compiler/review/wording.h"

struct rbk_compile;

/** A runbook being written. */
struct rbk_runbook {
    struct rbk_compile *compile;       /**< Borrowed. */
    const struct rbk_machine *machine; /**< Borrowed. */
    struct rbk_document *document;     /**< Borrowed. */
    struct rbk_describe describe;      /**< For words. */
    struct rbk_wording wording;        /**< Of the plan's own file. */
};

/** Sections before the stages: what must be there, who decides what. */
void rbk_runbook_prerequisites(struct rbk_runbook *runbook);
void rbk_runbook_decisions(struct rbk_runbook *runbook);

/** The stages and `retire`, step by step. */
void rbk_runbook_stages(struct rbk_runbook *runbook);

/** The steps of one phase in a range of states, as a list. @return how many there were. */
unsigned rbk_runbook_steps(struct rbk_runbook *runbook, struct rbk_slice states,
                           enum rbk_phase phase);

#endif
