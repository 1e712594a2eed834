/*
 * The runbook: a plan as a document for the people who run it, answer its questions, or take over
 * when it needs a person.
 */
#ifndef RBK_COMPILER_RUNBOOK_RUNBOOK_H
#define RBK_COMPILER_RUNBOOK_RUNBOOK_H

struct rbk_compile;
struct rbk_document;
struct rbk_machine;

/**
 * Write a plan as a document. Steps are those of the machine, commands as they will be carried out;
 * of a secret only its source is told.
 * @compile   Analysed without errors; its arena takes texts.
 * @machine   Lowered from it, and written once: its hash is shown.
 * @document  Begun, and ended by the caller.
 */
void rbk_runbook_write(struct rbk_compile *compile, const struct rbk_machine *machine,
                       struct rbk_document *document);

#endif
