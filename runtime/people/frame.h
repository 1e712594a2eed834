#ifndef RBK_RUNTIME_PEOPLE_FRAME_H
#define RBK_RUNTIME_PEOPLE_FRAME_H

/*
 * One picture of a run, as lines for a terminal of a given size: what the live view draws below the
 * log. Pure: the same run, size and instant give the same text.
 *
 *     lead_cutover  Legacy lead data migration           running   12m 04s of 60m
 *     run 20261121-7f3a   [########------------]           to be back within 15m
 *      + stop_writes   applied                                              1m 12s
 *      > migrate       applying   [######--------] 3 of 7           3m 10s of 10m
 *          sql db file "sql/010_move_leads.sql"                       1m 02s of 8m
 *      . open_traffic  waiting
 *     triggers
 *       errors    avg(error_rate, 5m) > 5%     2.1%  [####------]
 *     ? approve? … - asked: dba; until 22:34:00 (29m 10s)
 *         rbk approve 20261121-7f3a migrate.approve.1
 */

#include "runtime/people/style.h"
#include "runtime/people/track.h"
#include "runtime/people/view.h"

#define RBK_FRAME_LINES_MAX 200

/* What is drawn. Everything is borrowed. */
struct rbk_picture {
    const struct rbk_view *view; /* its scope gives triggers their readings */
    const struct rbk_state *state;
    const struct rbk_track *track;
    const struct rbk_style *style;
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

/* Draw: at most rows - 1 lines of at most columns - 1 columns. */
void rbk_frame_draw(struct rbk_frame *frame, const struct rbk_picture *picture);

#endif
