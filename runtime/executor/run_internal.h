#ifndef RBK_RUNTIME_EXECUTOR_RUN_INTERNAL_H
#define RBK_RUNTIME_EXECUTOR_RUN_INTERNAL_H

/*
 * What the files of the executor share. Nobody outside runtime/executor includes this.
 *
 *   run_open.c      create, reopen, free
 *   run_drive.c     the loop, from the first turn to the last
 *   run_end.c       when the loop ends, and with which exit status
 *   run_look.c      what an observer may look at
 *   run.c           the one door: records from the queue through step() into the journal
 *   turn.c          what comes first of what happens in one turn
 *   due.c           the timer for the earliest deadline
 *   work.c          what is under way: one struct work for each dispatched effect
 *   work_driver.c     effects carried out by a driver, and finding out about them after a crash
 *   work_progress.c   how far a wait is
 *   work_reading.c    let, check, test, require, wait until, capture, baseline, done when
 *   arming.c          the effect that arms, and why what cannot be read cannot
 *   arm_only.c      the same for `rbk run --arm-only`: reads once, leaves nothing
 *   watcher.c       probes and triggers into records
 *   way_back.c      which ways back are open while a stage stands applied
 *   daily_window.c  windows and `not before` by the clock of a time zone
 *   inbox.c         what people ask for, into records
 *   readings.c      what probes and triggers say now, for other processes
 *   tell.c          hooks, notifications, reports, escalations into outbox rows
 *   about.c         what the run was when a message was written
 *   reason.c        why the run is where it is, in one line (with replay.c, without a loop)
 *   outbox.c        outbox rows out through channels: queues, attempts, pauses
 *   outbox_send.c     one attempt: the effects of a channel, one after the other
 *   resend.c        messages that were set aside, and are to be sent again
 *   scope.c         what templates see
 *   variables.c     the variables of a run, for templates and for who reads its journal
 */

#include "runtime/drivers/module.h"
#include "runtime/executor/replay.h"
#include "runtime/executor/run.h"
#include "runtime/executor/secrets.h"
#include "runtime/probes/poll.h"

struct work;
struct outbox;
struct rbk_ways;
struct rbk_probe_source;
struct rbk_readings;

/* A record on its way to step(), with what is to be stored beside it. Owns its texts (arena). */
struct queued {
    struct queued *next;
    uint64_t turn; /* of the loop, in which it was pushed */
    struct rbk_record record;
    struct rbk_str label;            /* evidence: its label; empty: none */
    struct rbk_str content;          /* evidence */
    const struct rbk_effect *effect; /* RESULT: of which; NULL: of none */
    uint32_t region;                 /* of the effect */
    bool proceed;                    /* a driver waits for this note to be in the journal */
    bool left;                       /* asked for before this runner came: nobody waits any more */
    struct rbk_arena arena;
};

struct rbk_run {
    struct rbk_run_options options; /* strings are the caller's */
    uv_loop_t loop;
    bool loop_open;
    struct rbk_store *store; /* owned */
    uint64_t epoch;
    char *id;                          /* owned */
    char *directory;                   /* owned: where commands run */
    char *run_directory;               /* owned: outputs, sockets, bell */
    char *supervisor, *filter_worker;  /* owned: programs beside this one */
    struct rbk_driver_modules modules; /* those that the machine needs */
    struct rbk_replay *replay;         /* owned: machine, state, values */
    struct rbk_state *before; /* owned: the state before the record under way, for the observer */
    struct rbk_secrets *secrets;
    struct rbk_watch *watch;
    struct rbk_drivers *drivers;
    struct rbk_reader *reader;
    struct rbk_poll *poll; /* NULL until probes are needed */
    struct outbox *outbox;
    struct rbk_readings *readings;    /* owned: what others may see; see readings.c */
    struct rbk_probe_source *sources; /* owned, by probe: what it gave last; see arming.c */

    struct rbk_scope scope;      /* for templates of effects: with secrets */
    struct rbk_scope open_scope; /* for everything a person reads: without */
    struct rbk_arena scratch;    /* reset before each use */
    struct rbk_arena telling;    /* texts of messages; reset for each record */
    bool has_mail;               /* rows may be in the outbox that are not loaded yet */
    uint32_t told_region; /* the stage a message is about; RBK_NONE: whichever is under way */
    bool in_question;     /* the text of a question is being evaluated */

    struct queued *queue, **queue_end;
    struct work *works;      /* under way; newest first */
    uv_idle_t idle;          /* active while the queue holds something */
    uv_check_t pump;         /* empties the queue once a turn */
    uv_timer_t due_timer;    /* the earliest deadline of the state */
    uint64_t due_ms;         /* the instant it is armed for; 0: nothing */
    uint64_t due_loop_ms;    /* the same in the loop's time, from when it was first armed */
    uint64_t read_first_ms;  /* the loop's, since when it waits for readings; 0: it does not */
    uv_timer_t watch_timer;  /* the earliest `for D` of a trigger */
    uv_timer_t second_timer; /* inbox, windows, ways back: regular looks */
    uv_fs_event_t bell;      /* rung by whoever writes to the inbox */
    bool bell_open;
    int64_t inbox_seen; /* last request taken into the queue */
    int64_t inbox_ms;   /* of its first look into the inbox; 0: not yet */
    bool inbox_more;    /* there were more than are taken in one look */

    struct rbk_ways *ways;   /* owned: the strategies of stages that stand applied */
    uv_timer_t way_timer;    /* the next look at one of them */
    struct run_hours *hours; /* owned: the zones of windows and of `not before` */

    bool started; /* resumed or started: the loop runs for real */
    bool resumed;
    bool stopping; /* leaving the loop */
    bool leave;    /* leave commands to their supervisor */
    unsigned interrupts;
    unsigned closing; /* what is still to close */
    int failed;       /* negative rbk_err: the store failed */
    struct rbk_error error;
    int exit_status;
    uint64_t commits; /* of the journal, by this runner */
    uint64_t turns;   /* of the loop */
    /* for tests: how many turns a record waited at most for its commit, and how many commits one
     * turn has seen at most */
    uint64_t turns_waited_max, turn_commits, turn_commits_max;
};

/* ---- run_open.c ---- */

/* A run without a store, an outbox and probes that are polled: parameters, secrets, drivers, a
 * reader and a watch, with a folder for its drivers that the caller removes. Never driven. */
RBK_MUST_USE int rbk_run_create_bare(const struct rbk_run_options *options,
                                     const struct rbk_machine *machine, const char *directory,
                                     const struct rbk_run_setting *settings, size_t setting_count,
                                     struct rbk_run **ret_run, struct rbk_error *reterr);

/* The folder of such a run, with all that is in it; once its drivers are closed. */
void rbk_run_remove_folder(struct rbk_run *run);

/* ---- run.c ---- */

/* A record to be filled and pushed; its texts go into queued->arena. NULL when out of memory (then
 * the run fails). */
struct queued *rbk_queue_new(struct rbk_run *run, enum rbk_event_kind kind);
void rbk_queue_push(struct rbk_run *run, struct queued *queued);
void rbk_queue_free(struct queued *queued);
/* There is something to write at the end of this turn. */
void rbk_run_wake(struct rbk_run *run);
/* Stop the run at its last durable event. */
void rbk_run_fail(struct rbk_run *run, int code);
/* What is done at the end of each turn, on the handle run->pump. */
void rbk_run_pump(uv_check_t *check);
/* Write down what became of messages, in a turn without records. */
void rbk_run_write_outbox(struct rbk_run *run);
/* The wall clock, never before the last event. */
uint64_t rbk_run_clock_ms(const struct rbk_run *run);
void rbk_run_notice(struct rbk_run *run, const char *format, ...) RBK_PRINTF(2, 3);

/* ---- turn.c ---- */

/* Put what waits in the queue into the order in which step() is to have it (core/turn.h). */
void rbk_turn_sort(struct rbk_run *run);
/* step() refused an event: whoever posted it must know when it comes again. */
void rbk_turn_refused(struct rbk_run *run, const struct rbk_event *event);

/* ---- run_end.c ---- */
/* An end was reached, or nothing goes on without a person who is not waited for. */
bool rbk_run_should_stop(const struct rbk_run *run);
/* 0, 10, 20, 30 or 40, as docs/operating.md has them. */
int rbk_run_exit_status(const struct rbk_run *run);

/* ---- due.c ---- */
void rbk_due_arm(struct rbk_run *run);

/* ---- work.c ---- */
void rbk_work_dispatch(struct rbk_run *run, const struct rbk_action *action);
void rbk_work_look(struct rbk_run *run, const struct rbk_action *action);
void rbk_work_cancel(struct rbk_run *run, const struct rbk_action *action);
/* A question was opened, or closed: look for its `done when`, if it has one, as long as it is. */
void rbk_work_watch(struct rbk_run *run, const struct rbk_action *action);
void rbk_work_unwatch(struct rbk_run *run, const struct rbk_action *action);
void rbk_work_resolve(struct rbk_run *run, const struct rbk_action *action);
/* A driver's note is in the journal: it may go on. */
void rbk_work_proceed(struct rbk_run *run, uint32_t serial);
/* Nothing is under way but questions, and what is looked for while they are open. */
bool rbk_work_idle(const struct rbk_run *run);
/* Let go of everything under way, without results. */
void rbk_work_drop_all(struct rbk_run *run);

/* ---- watcher.c ---- */
/* Begin polling (once), and look at everything that may have changed with the state. */
int rbk_watcher_start(struct rbk_run *run);
void rbk_watcher_after_step(struct rbk_run *run);
void rbk_watcher_second(struct rbk_run *run);
/* Whether a `missing hold` waits, and the runner has only just gone on after it stood still: what
 * it waits for may have come back, and is being read. */
bool rbk_watcher_reads_first(struct rbk_run *run);
void rbk_watcher_stop(struct rbk_run *run);
/* An alert fires, or is resolved: a reading of the probes that wait for it. */
void rbk_watcher_alert(struct rbk_run *run, const struct rbk_alert *told);

/* ---- way_back.c ---- */
struct json_t;

/* 0 or -RBK_ENOMEM; rbk_ways_free() in any case. */
RBK_MUST_USE int rbk_ways_open(struct rbk_run *run);
/* Watch what has come to stand, let go of what does not any more. */
void rbk_ways_after_step(struct rbk_run *run);
void rbk_ways_stop(struct rbk_run *run);
void rbk_ways_free(struct rbk_run *run);
/* Whether a way back was not looked at yet by this runner: it may let a held run go on. */
bool rbk_ways_unread(const struct rbk_run *run);
/* Whether any strategy of the plan has a condition. */
bool rbk_ways_any(const struct rbk_run *run);
/* For readings.json: [{"strategy": row, "read"?: time, "missing"?: why}] of what is watched. A new
 * reference. */
struct json_t *rbk_ways_json(const struct rbk_run *run);

/* ---- daily_window.c ---- */
/* Find the zones that the plan names, and what stages need of their windows. 0, or an error when
 * the run has not begun and a zone is unknown here, or its parameters make a stage too long for its
 * window; of a resumed run the first is a notice, and what keeps to it does not begin. */
RBK_MUST_USE int rbk_daily_windows_start(struct rbk_run *run, struct rbk_error *reterr);
/* Post WINDOW events for stages whose window, or `not before`, has opened or closed. */
void rbk_daily_windows_look(struct rbk_run *run);
/* Whether the state has it that a stage may begin which may not by now. */
bool rbk_daily_windows_over(struct rbk_run *run);
void rbk_daily_windows_close(struct rbk_run *run);

/* ---- resend.c ---- */

/* A request for messages that were set aside. */
struct resend {
    int64_t request; /* row of the inbox */
    int64_t message; /* row of the outbox; 0: all of the run */
};

/* In a transaction of its own, replies included. The outbox looks for them when it looks next. */
RBK_MUST_USE int rbk_resend(struct rbk_run *run, const struct resend *items, size_t count);

/* ---- inbox.c ---- */
void rbk_inbox_look(struct rbk_run *run);
/* Of a run that has ended: messages may be sent again, everything else is refused. */
void rbk_inbox_look_ended(struct rbk_run *run);
/* Tell at the runner what was refused of the requests that it found when it came: who made them has
 * gone away with "waits for rbk resume". @word  The command or the answer. */
void rbk_inbox_tell_left(struct rbk_run *run, struct rbk_str who, const char *word,
                         const char *reply);
/* Append why an event of a person was refused, and what would be accepted. */
void rbk_inbox_explain(const struct rbk_run *run, const struct rbk_event *event,
                       enum rbk_refusal refusal, struct rbk_buffer *out);

/* ---- tell.c ---- */
/* Inside the record's transaction: outbox rows and evidence. */
int rbk_tell(struct rbk_run *run, const struct queued *queued, int64_t seq);

/* ---- outbox.c ---- */
int rbk_outbox_open(struct rbk_run *run);
/* New rows may be there. */
void rbk_outbox_look(struct rbk_run *run);
/* Attempts have ended that the store does not know of. */
bool rbk_outbox_has_ended(const struct rbk_run *run);
/* Inside a transaction: tell the store of them. After its commit: rbk_outbox_written(). */
RBK_MUST_USE int rbk_outbox_write(struct rbk_run *run);
/* They are durable. */
void rbk_outbox_written(struct rbk_run *run);
/* Messages that were set aside may have come back: what is not under way is looked for anew. The
 * store knows of every attempt that has ended. */
void rbk_outbox_rewind(struct rbk_run *run);
/* Everything was sent or set aside, and the store knows. */
bool rbk_outbox_idle(const struct rbk_run *run);
void rbk_outbox_close(struct rbk_run *run, void (*on_closed)(void *context), void *context);

/* ---- scope.c ---- */
void rbk_scope_open(struct rbk_run *run);
/* The stage under way, or the last one: a region, or RBK_NONE. */
uint32_t rbk_scope_stage(const struct rbk_run *run);
/* Evaluate a template for a person, redacted; lives in `arena`. */
struct rbk_str rbk_scope_text(struct rbk_run *run, uint32_t expr, struct rbk_arena *arena);

#endif
