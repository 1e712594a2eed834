#ifndef RBK_RUNTIME_PEOPLE_STORY_INTERNAL_H
#define RBK_RUNTIME_PEOPLE_STORY_INTERNAL_H

/*
 * What story.c (what happened) and story_change.c (what changed because of it) share.
 */

#include "runtime/people/story.h"

/* One record being told. */
struct story {
    const struct rbk_view *view;
    const struct rbk_record *record;
    const struct rbk_state *before;
    const struct rbk_state *after;
    const struct rbk_actions *actions;
    rbk_line_fn *emit;
    void *context;
    struct rbk_buffer line; /* the line being put together */
};

/* Hand the line out and begin a new one. @region RBK_NONE: the run's. */
void rbk_story_send(struct story *story, enum rbk_tone tone, uint32_t region);
/* Append ": " and the cause, or nothing for no cause. */
void rbk_story_because(struct story *story, struct rbk_cause cause);
/* Stages, triggers, the run's status, questions: what is different after the record. */
void rbk_story_changes(struct story *story);

#endif
