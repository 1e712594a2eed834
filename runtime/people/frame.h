#ifndef RBK_RUNTIME_PEOPLE_FRAME_H
#define RBK_RUNTIME_PEOPLE_FRAME_H

/*
 * One picture of a run, as lines for a terminal of a given size: what the live view draws below the
 * log, and the rows of which `rbk status` is made. Pure: the same run, size and instant give the
 * same text.
 *
 *     lead_cutover  Legacy lead data migration           running   12m 04s
 *     run 20261121-7f3a   [########------] 11m 50s of 1h   back in 6m 10s at worst
 *      + stop_writes   applied        way back 2m at worst               1m 12s
 *      > migrate       applying       [######------] 3/7          3m 10s of 10m
 *          2 of 3: sql db file "sql/010_move_leads.sql"            1m 02s of 8m
 *      . open_traffic  Bring workers back gradually
 *     2 of 4 triggers armed
 *       errors    [####------] 2.1%       avg(error_rate, 5m) > 5%
 *     ? Go ahead with open_traffic?                                29m 10s left
 *       dba <dba@example.com>; else abort
 *         rbk approve 20261121-7f3a open_traffic.approve.1@17
 *
 * The files: frame.c shares the rows of the terminal out, frame_head.c, frame_stage.c,
 * frame_step.c, frame_trigger.c and frame_ask.c draw the parts, pen.c writes a line.
 */

#include "runtime/people/facts.h"
#include "runtime/people/style.h"
#include "runtime/people/track.h"
#include "runtime/people/view.h"

#define RBK_FRAME_LINES_MAX 200

/* What is drawn. Everything is borrowed. */
struct rbk_picture {
    const struct rbk_view *view; /* for the words */
    const struct rbk_state *state;
    const struct rbk_track *track;
    const struct rbk_style *style;
    const struct rbk_facts *facts; /* NULL: there are none */
    struct rbk_str reason;         /* why the run turned round, as told; empty: its cause */
    uint64_t now_ms;
    size_t columns, rows; /* of the terminal; at least 20 and 5 are assumed */
    bool interrupted;     /* Ctrl-C was pressed */
};

/* The lines. The caller's memory; reused from picture to picture. */
struct rbk_frame {
    struct rbk_buffer text; /* each line ends in '\n' */
    size_t line_count;
    size_t line_columns[RBK_FRAME_LINES_MAX]; /* what each needs on the terminal */
};

void rbk_frame_init(struct rbk_frame *frame);
void rbk_frame_fini(struct rbk_frame *frame);

/* Without lines. */
void rbk_frame_clear(struct rbk_frame *frame);

/* Draw: at most rows - 1 lines of at most columns - 1 columns. */
void rbk_frame_draw(struct rbk_frame *frame, const struct rbk_picture *picture);

/* Draw how far the run is, and how far back: the second line of the picture. */
void rbk_frame_head(struct rbk_frame *frame, const struct rbk_picture *picture);
/*
 * Draw one stage (or retire) with its steps under way, or one trigger; picture->rows does not
 * count. For whoever shows all of them.
 */
void rbk_frame_stage(struct rbk_frame *frame, const struct rbk_picture *picture, uint32_t region);
void rbk_frame_trigger(struct rbk_frame *frame, const struct rbk_picture *picture,
                       uint32_t trigger);

#endif
