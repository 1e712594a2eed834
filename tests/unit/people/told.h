#ifndef RBK_TESTS_UNIT_PEOPLE_TOLD_H
#define RBK_TESTS_UNIT_PEOPLE_TOLD_H

/*
 * A run of step() that is told as people see it: posts records and collects the lines of the story
 * as "tone|stage|text".
 */

#include "runtime/people/story.h"
#include "runtime/people/track.h"
#include "tests/unit/core/step/run.h"

struct told {
    struct run run;
    struct rbk_view view;
    struct rbk_track track;
    struct rbk_state *before; /* owned */
    struct rbk_buffer lines;  /* of the last record */
};

/* Takes the builder; the run has started afterwards. */
void told_start(struct told *told, struct machine_builder *builder);
void told_fini(struct told *told);

/* Post a record at run.now_ms; it must be accepted. */
void told_post(struct told *told, struct rbk_record record);
/* A result for the effect under way in the state of this name. */
void told_result(struct told *told, const char *state, enum rbk_outcome outcome,
                 const char *message);
/* The row of the region that is in the state of this name. */
uint32_t told_region(const struct told *told, const char *state);

/* The lines of the last record contain this one / nothing like this. */
#define ck_told(told, expected)                                                                    \
    ck_assert_msg(strstr((told)->lines.data, (expected)) != NULL, "no \"%s\" in:\n%s", (expected), \
                  (told)->lines.data)
#define ck_not_told(told, unexpected)                                                 \
    ck_assert_msg(strstr((told)->lines.data, (unexpected)) == NULL, "\"%s\" in:\n%s", \
                  (unexpected), (told)->lines.data)

/* A stage `migrate` with a gate, an SQL step and a check, and one way back; see told.c. */
struct machine_builder *told_plan(void);

/* A stage `migrate` with two ways back, the second of them `undo` and a step: it begins with a
 * guard that is passed through, so no strategy is known by its first state alone. */
struct machine_builder *told_plan_of_two_ways(void);

#endif
