#ifndef RBK_RUNTIME_PEOPLE_STORY_H
#define RBK_RUNTIME_PEOPLE_STORY_H

/*
 * The story of a run: for each record of its journal the lines a person understands. First what
 * happened, then what changed because of it, then what is asked now. Pure; the same lines stand in
 * the terminal, in `rbk log` and in --json.
 */

#include "runtime/executor/record.h"
#include "runtime/people/view.h"

/*
 * Tell one record.
 * @before  The state before it.
 * @after   The state after it.
 * @actions What step() said to do; may be NULL.
 * Gives no line for what nobody needs to read (a driver's note, a guard).
 */
void rbk_story_tell(const struct rbk_view *view, const struct rbk_record *record,
                    const struct rbk_state *before, const struct rbk_state *after,
                    const struct rbk_actions *actions, rbk_line_fn *emit, void *context);

/*
 * The region whose effect a record is about (RESULT, NOTE, RESOLVED), looked up in the state before
 * it, or the region of its question or command; RBK_NONE: the whole run.
 */
uint32_t rbk_story_region(const struct rbk_view *view, const struct rbk_record *record,
                          const struct rbk_state *before);

/* Whether the result of a step is that of a `capture` which went well and kept nothing. */
bool rbk_story_kept_nothing(const struct rbk_effect *effect, const struct rbk_record *record);

#endif
