#ifndef RBK_RUNTIME_PEOPLE_STATUS_ROWS_H
#define RBK_RUNTIME_PEOPLE_STATUS_ROWS_H

/*
 * The rows of the live view for a run that is looked at from elsewhere: the state comes from the
 * journal, the readings from what its runner leaves for other processes (people/readings.h). Only
 * the last reading of a probe is known that way; a trigger over a window of them has no bar here.
 */

#include "runtime/people/frame.h"
#include "runtime/people/history.h"

struct json_t;

/* The caller's memory. */
struct rbk_status_rows {
    struct rbk_frame frame; /* owned: of the row asked for last */
    struct rbk_picture picture;
    struct rbk_view view;
    struct rbk_facts facts;
    const struct rbk_history *history; /* borrowed */
    const struct json_t *live;         /* borrowed; NULL: nobody drives it */
};

/* @style, @live  Borrowed until _fini(). @columns  What a row may take. */
void rbk_status_rows_init(struct rbk_status_rows *rows, const struct rbk_history *history,
                          const struct json_t *live, const struct rbk_style *style, uint64_t now_ms,
                          size_t columns);
void rbk_status_rows_fini(struct rbk_status_rows *rows);

/* The lines, each ended, sanitized and coloured; valid until the next call. */
struct rbk_str rbk_status_rows_head(struct rbk_status_rows *rows);
struct rbk_str rbk_status_rows_stage(struct rbk_status_rows *rows, uint32_t region);
struct rbk_str rbk_status_rows_trigger(struct rbk_status_rows *rows, uint32_t trigger);

#endif
