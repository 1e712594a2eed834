#ifndef RBK_RUNTIME_PEOPLE_FRAME_INTERNAL_H
#define RBK_RUNTIME_PEOPLE_FRAME_INTERNAL_H

/*
 * What the files of the frame share. Each part draws as many lines as it has into a frame of its
 * own; frame.c decides how many of them there is room for.
 */

#include "runtime/people/frame.h"
#include "runtime/people/pen.h"

#define RBK_BAR_COLUMNS 16u

/* A picture being drawn. */
struct drawing {
    const struct rbk_picture *picture;
    const struct rbk_view *view;
    const struct rbk_machine *machine;
    const struct rbk_state *state;
    struct rbk_pen pen;
    size_t name_columns; /* of the widest stage or trigger, bounded */
};

double rbk_frame_share(uint64_t part, uint64_t whole);
/* A stage or retire: a row of the tree. */
bool rbk_frame_is_stage(const struct rbk_region *region);

/* How far the run is, at the left and behind `label`; how far back, at the right. One line. */
void rbk_frame_draw_way(struct drawing *drawing, const char *label);
/* Two lines: the plan and its status; how far it is, and how far back. */
void rbk_frame_draw_head(struct drawing *drawing);
/* Why the run turned round; no line where it did not. */
void rbk_frame_draw_reason(struct drawing *drawing);

/* Whether a region has a step of its own to show. */
bool rbk_frame_has_step(const struct drawing *drawing, uint32_t region);
void rbk_frame_draw_step(struct drawing *drawing, uint32_t region);
void rbk_frame_draw_stage(struct drawing *drawing, uint32_t region);
/* A step of the plan itself that is under way: baselines, arming, locks. */
void rbk_frame_draw_plan_step(struct drawing *drawing);
/* How many lines the whole tree takes. */
size_t rbk_frame_stage_lines(const struct drawing *drawing);
/* The tree in so many lines: what is under way or in trouble first, the rest counted. */
void rbk_frame_draw_stages(struct drawing *drawing, size_t lines_max);

void rbk_frame_draw_trigger(struct drawing *drawing, uint32_t trigger);
/* How many lines the triggers would like; 0: none is armed. */
size_t rbk_frame_trigger_lines(const struct drawing *drawing);
void rbk_frame_draw_triggers(struct drawing *drawing, size_t lines_max);

/* Messages that were not sent, questions, and what to do when nothing goes on by itself. */
void rbk_frame_draw_below(struct drawing *drawing);

#endif
