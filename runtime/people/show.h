#ifndef RBK_RUNTIME_PEOPLE_SHOW_H
#define RBK_RUNTIME_PEOPLE_SHOW_H

/*
 * Where the story of a run goes: lines with the time in front (plain.c), JSON objects
 * (json_lines.c) or a live view (live.c). One interface, so that `rbk run`, `rbk resume` and `rbk
 * log` tell the same story. Output that cannot be written any more (a closed pipe, a terminal that
 * is gone) is dropped: a run does not depend on whoever watches it.
 */

#include "runtime/people/facts.h"
#include "runtime/people/style.h"
#include "runtime/people/track.h"
#include "runtime/people/view.h"

struct rbk_show;

/* What just happened, for a show. Everything is borrowed for the call. */
struct rbk_shown_record {
    int64_t seq;
    const struct rbk_record *record;
    const struct rbk_state *before, *after;
    const struct rbk_actions *actions; /* may be NULL */
};

/* One way of showing. Functions may be NULL. */
struct rbk_show_kind {
    const char *name;
    void (*on_record)(struct rbk_show *show, const struct rbk_shown_record *record);
    void (*on_notice)(struct rbk_show *show, const char *text);
    /* Called a few times a second while a run is driven. */
    void (*on_tick)(struct rbk_show *show);
    /* The terminal has another size. */
    void (*on_resize)(struct rbk_show *show);
    /* The program is about to be stopped (Ctrl-Z): leave the terminal to the shell. */
    void (*on_suspend)(struct rbk_show *show);
    /* The last words; @status is the exit status of the program. */
    void (*on_end)(struct rbk_show *show, int status);
    void (*fini)(struct rbk_show *show);
};

extern const struct rbk_show_kind rbk_show_plain;
extern const struct rbk_show_kind rbk_show_json;
extern const struct rbk_show_kind rbk_show_live;

/* A show. The caller's memory; fields are set by rbk_show_init() and by whoever drives it. */
struct rbk_show {
    const struct rbk_show_kind *kind;
    int descriptor; /* where it writes */
    bool failed;    /* it could not be written to: drop everything */
    int failure;    /* the errno of that */
    bool patient;   /* it waits for its reader; else (a runner waits for nobody) … */
    bool stalled;   /* nobody reads at the moment: drop, and try again with what comes next */
    bool with_day;  /* plain: tell when another day begins */
    size_t width;   /* live: columns at which lines are broken; 0: they are not */
    struct rbk_style style;
    const struct rbk_view *view;   /* borrowed; set before the first record */
    struct rbk_track track;        /* of view->machine */
    bool tracking;                 /* track is set up */
    const struct rbk_state *state; /* borrowed; the present one */
    const struct rbk_facts *facts; /* borrowed; NULL: what the state says is all there is */
    struct rbk_str reason;         /* why the run turned round, as told; borrowed, may be empty */
    uint64_t now_ms;               /* wall clock; set before each call */
    bool interrupted;              /* Ctrl-C was pressed */
    char day[16];                  /* plain: of the last line */
    char clock[16];                /* plain: the time of the last line; empty: none yet */
    uint64_t clock_s;              /* plain: the second it stands for */
    uint64_t told_ms;              /* plain: when a long step was last told of */
    bool gathering;                /* what is written waits for rbk_show_flush() */
    struct rbk_buffer gathered;    /* owned: what waits */
    void *own;                     /* the kind's own; freed by its fini */
    /* Called after each record; may be NULL. What goes beside the journal is told here. */
    void (*after_record)(struct rbk_show *show, void *context, int64_t seq);
    void *after_context;
};

/* What to use for a descriptor: live on a terminal that can, else plain. */
const struct rbk_show_kind *rbk_show_choose(bool json, bool plain, int descriptor);

void rbk_show_init(struct rbk_show *show, const struct rbk_show_kind *kind, int descriptor);
/* Begin with a run. @return 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_show_begin(struct rbk_show *show, const struct rbk_view *view,
                                const struct rbk_state *state);
void rbk_show_record(struct rbk_show *show, const struct rbk_shown_record *record);
void rbk_show_notice(struct rbk_show *show, const char *text);
void rbk_show_tick(struct rbk_show *show);
void rbk_show_resize(struct rbk_show *show);
void rbk_show_suspend(struct rbk_show *show);
void rbk_show_end(struct rbk_show *show, int status);
void rbk_show_fini(struct rbk_show *show);

/* For kinds: write all bytes; after a failure nothing is written any more. While the show gathers
 * they wait for rbk_show_flush(), unless they are many. */
void rbk_show_write(struct rbk_show *show, const char *data, size_t bytes);
/* Write what has been gathered. Whoever sets `gathering` calls this before anything that may take
 * time. */
void rbk_show_flush(struct rbk_show *show);

/* plain.c: append the line of an event, ended, as the plain view and the log above the live view
 * write it: time, stage, text. */
void rbk_plain_line(struct rbk_show *show, uint64_t at_ms, enum rbk_tone tone, struct rbk_str stage,
                    struct rbk_str text, struct rbk_buffer *out);

#endif
