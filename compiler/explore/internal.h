/*
 * What the files of the exploration share. Nobody outside compiler/explore includes this.
 *
 *     model.c    the machine as it is explored: counters cut down, triggers as lists of reactions
 *     apart.c    what runs side by side, one at a time
 *     space.c    states: what makes two the same, and how they are kept
 *     order.c    … in which order applies began
 *     moves.c    what can happen in a state
 *     perform.c  letting it happen, on the transition function
 *     watch.c    the properties that events and actions show
 *     ends.c     the property over all states: an end is reached
 *     story.c    how a violation is told
 *     exits.c    the exit table
 *     explore.c  breadth first, and the result
 *
 * Time is not kept in a state: an instant is either "not" (0), "passed" (NOW) or "to come" (LATER),
 * and of all that is to come anything may come next. A move that lets a deadline pass sets it to
 * NOW, and posts EVENT_TIME.
 */
#ifndef RBK_COMPILER_EXPLORE_INTERNAL_H
#define RBK_COMPILER_EXPLORE_INTERNAL_H

#include "compiler/explore/explore.h"
#include "compiler/explore/intern.h"

#define RBK_EXPLORE_NOW (UINT64_C(1) << 40)
#define RBK_EXPLORE_LATER (UINT64_C(1) << 60)
/* An attempt that is beyond every limit. */
#define RBK_EXPLORE_ATTEMPTS_OVER 1000u

/* ---- the model ---- */

/* How a trigger comes to a reaction: a level, then answers or silence. */
enum trigger_turn {
    TURN_DUE,
    TURN_YES,
    TURN_NO,
    TURN_ABORT,
    TURN_ROLLBACK,
    TURN_PAUSE,
    TURN_IGNORE
};
#define TRIGGER_TURNS_MAX 6u
struct trigger_path {
    uint32_t trigger;
    uint32_t asked; /* the reaction whose question is open when the path begins; RBK_NONE: it begins
                       with `level` */
    uint8_t level;  /* enum rbk_level */
    uint8_t turn_count;
    uint8_t turns[TRIGGER_TURNS_MAX];
    uint8_t final; /* enum rbk_reaction_kind; KEEP: nothing is done */
};

/* Paths that end in the same: any of them stands for all. */
struct trigger_class {
    uint8_t final;
    uint32_t stage; /* ROLLBACK: of which stage; else RBK_NONE */
    uint32_t *paths;
    uint32_t count;
};

/* How a region is explored, apart.c. */
enum role {
    ROLE_WHOLE,   /* as it is */
    ROLE_SKETCH,  /* one step forward, one step back */
    ROLE_AT_ONCE, /* forward and back in no time */
};

/* What of a stage shows something: without it there is nothing to wait for (RBK102, RBK103). */
enum proof { PROOF_APPLIED = 1, PROOF_ROLLED_BACK = 2 };

struct model {
    const struct rbk_machine *machine; /* the plan's, for names and places */
    struct rbk_machine cut;            /* the same with counters cut down; some tables its own */
    struct rbk_settings settings;
    uint8_t *roles;    /* by region: enum role */
    uint32_t *fork;    /* by region: the state whose fork starts this branch; RBK_NONE */
    uint32_t *roots;   /* by region: the stage, retire or plan it belongs to */
    uint64_t *before;  /* by region: bit set of the stages it depends on, directly or not */
    uint64_t *beside;  /* by region: … of the stages that neither depend on it nor it on them */
    uint32_t words;    /* of one such set */
    bool *awaited_for; /* by region: some stage waits for a time after it */
    uint8_t *proofs; /* by stage: enum proof: what it shows, where all of it is explored as it is */
    bool *closable;  /* by region: a stage whose every strategy has a `when` */
    uint64_t *guarded; /* bits by state: a guard asks whether it was dispatched */
    struct trigger_path *paths;
    uint32_t path_count;
    struct trigger_class *classes;
    uint32_t class_count;
    bool any_window;
};

/* roles: NULL: everything as it is. */
void rbk_explore_model_make(struct model *model, struct rbk_arena *arena,
                            const struct rbk_machine *machine, const uint8_t *roles);
/* Whether a row is of a verify, and of a kind that shows something: it can fail, or, as an `if`,
 * chooses what is to be shown. */
bool rbk_explore_shows(const struct rbk_machine *machine, uint32_t row);
/* Whether anything that is told of this region is told of the region itself. */
static inline bool rbk_explore_is_whole(const struct model *model, uint32_t region)
{
    return model->roles[region] == ROLE_WHOLE && model->roles[model->roots[region]] == ROLE_WHOLE;
}

/* Whether neither of two stages depends on the other. */
static inline bool rbk_explore_beside(const struct model *model, uint32_t a, uint32_t b)
{
    return model->beside[(size_t)a * model->words + b / 64] >> b % 64 & 1;
}

/* apart.c */
/* How many turns there are: for each of the stages', one for each of the branches'. */
struct turns {
    uint32_t stages, branches;
};
/* In which turn each region is explored as it is: a stage's, or a branch's. */
struct turns rbk_explore_turns(const struct model *model, uint32_t *ret_turn);
/* The roles in one of stages * branches turns. */
void rbk_explore_roles(const struct model *model, const uint32_t *turn_of, struct turns turns,
                       uint32_t turn, uint8_t *ret_roles);
/* Change the tables, which are copied, so that each region plays its role. */
void rbk_explore_sketch(struct rbk_machine *cut, struct rbk_arena *arena, const uint8_t *roles);
/* Whether stage `region` depends on stage `on`, directly or not. */
static inline bool rbk_explore_depends(const struct model *model, uint32_t region, uint32_t on)
{
    return model->before[(size_t)region * model->words + on / 64] >> on % 64 & 1;
}

/* ---- states ---- */

/* What the watcher knows of a region, from events and actions alone. */
enum watch_awaited {
    AWAITS_NOTHING,
    AWAITS_RESULT,
    AWAITS_LOOK,
    AWAITS_CANCEL,
    AWAITS_RESOLVED,
    AWAITS_ANSWER
};
enum watch_flag { WATCH_TOLD = 1, WATCH_ROLLING = 2 };
struct watch {
    uint16_t rank;   /* STAGE: the how-manieth apply that began; 0: none to take back */
    uint8_t flags;   /* enum watch_flag */
    uint8_t awaited; /* enum watch_awaited */
    uint32_t proved; /* STAGE: a check of its verify, or of its rollback's, has held since the last
                        effect of its apply, or of that rollback, began */
};

/* And of the run. */
struct run_watch {
    uint32_t aborted;   /* somebody decided to turn round */
    uint32_t cancelled; /* … or to cancel */
};

struct part {
    struct rbk_region_state region;
    struct watch watch;
};

struct head {
    struct rbk_state state;
    struct run_watch watch;
};

/* A state spread out for work. */
struct spread {
    struct rbk_state *state;          /* the block step() works on */
    struct rbk_region_state *regions; /* its rows */
    struct watch *watches;            /* by region */
    struct run_watch run;
    uint32_t *numbers[8]; /* by level: the numbers it is kept as; level 0: parts */
};

#define SPACE_FAN 8u
#define SPACE_PARTS 3u /* level 0: head, dispatched bits, triggers, then regions */

struct space {
    struct rbk_intern_budget budget;
    struct rbk_intern heads, bits, triggers, parts, nodes, states;
    uint32_t level_counts[8];
    uint32_t levels; /* the last one has one node: the state */
    size_t trigger_bytes, bits_bytes;
};

/* ---- moves ---- */

#define MOVES(X)    \
    X(START)        \
    X(RESULT)       \
    X(RESOLVED)     \
    X(ANSWER)       \
    X(TIME_REGION)  \
    X(TIME_BLOCK)   \
    X(TIME_START)   \
    X(TIME_PLAN)    \
    X(TIME_HOLD)    \
    X(TIME_TRIGGER) \
    X(HELD_ANSWER)  \
    X(RESUMED)      \
    X(COMMAND) X(CRITERION) X(WINDOW) X(WAY_BACK) X(TRIGGER_LEVEL) X(TRIGGER_ANSWER) X(TRIGGER_PATH)
#define X(constant) MOVE_##constant,
enum move_kind { MOVES(X) MOVE_KIND_COUNT };
#undef X

enum move_variant {
    VARIANT_ATTEMPTS_OVER = 1,       /* the effect was tried as often as it may be */
    VARIANT_STAGE_ATTEMPTS_OVER = 2, /* and so was the stage */
    VARIANT_LEADS = 4,               /* the stage goes back on its own account, too */
    VARIANT_COUNT = 8,
    VARIANT_INTERRUPTED = 8, /* RESUMED: the run was paused by Ctrl-C */
    VARIANT_REVERSED = 16,   /* stages side by side began in the reverse order */
};

struct move {
    uint8_t kind;    /* enum move_kind */
    uint8_t detail;  /* outcome, recovery, answer, command, level, block depth */
    uint8_t more;    /* RESOLVED: outcome; RESOLVE: the answer */
    uint8_t variant; /* enum move_variant */
    uint32_t index;  /* region, trigger, path, … */
};

/* How a state was first reached. */
struct reached {
    uint32_t from;
    struct move move;
};

/* Who makes an edge happen, as far as reaching an end goes. */
enum edge_kind { EDGE_PERSON, EDGE_DRIVER, EDGE_TIME };

struct edge {
    uint32_t from, to;
};

struct edges {
    struct edge *items;
    size_t count, capacity;
};

struct found {
    uint8_t property;
    uint32_t from; /* the state before the last move */
    struct move move;
    uint32_t region; /* concerned; RBK_NONE */
    uint32_t state;  /* row of machine->states concerned; RBK_NONE */
    const char *text;
};

struct explorer {
    struct rbk_arena *arena; /* the caller's: what the result points at */
    struct rbk_arena scratch;
    const struct rbk_explore_options *options;
    struct model model;
    rbk_explore_step_fn *step;
    struct space space;
    struct spread from, work;
    struct rbk_actions actions;
    struct reached *reached;
    size_t reached_capacity;
    struct edges driver, time; /* edges by drivers, by time */
    uint64_t edge_count;
    uint64_t *visited;                /* bits by machine state */
    uint64_t *going_back, *undecided; /* sets of stages, as bits, of the state being kept */
    uint64_t *changed;                /* set of regions: those that differ between from and work */
    bool structural;                  /* … in what the reductions of others look at */
    uint32_t *order;                  /* room for every region, while states are kept */
    bool unordered;                   /* rbk_explore_is_unordered() of the state being expanded */
    uint32_t current;                 /* the state being expanded */
    struct move move;                 /* under way */
    uint32_t decided; /* TRIGGER_*: the reaction that must be carried out now, or RBK_NONE */
    struct found found[RBK_EXPLORE_VIOLATIONS_MAX];
    uint32_t found_count;
    uint64_t found_seen;
    uint32_t properties_found; /* bits */
    bool out_of_room;
    void (*told)(struct explorer *x, const struct rbk_event *event); /* story: after each event */
    void *teller;
    struct exit_book *exits;
};

/* space.c */
bool rbk_explore_space_make(struct explorer *x);
void rbk_explore_space_drop(struct explorer *x);
/* The state of a number, spread out into x->from. */
void rbk_explore_load(struct explorer *x, uint32_t number);
/* Whether stages side by side stand, of which x->from does not say which began first. */
bool rbk_explore_is_unordered(const struct explorer *x);
/* In x->work they began in the reverse order. */
void rbk_explore_reverse(struct explorer *x);
/* Number the places in the order anew. order.c */
void rbk_explore_close_orders(const struct explorer *x, struct spread *spread);
/* Find the regions that differ; adds to x->changed. */
void rbk_explore_note_changes(struct explorer *x);
static inline bool rbk_explore_changed(const struct explorer *x, uint32_t region)
{
    return x->changed[region / 64] >> region % 64 & 1;
}
/* x->work := x->from. */
void rbk_explore_copy(struct explorer *x);
/* Bring x->work into the form in which equal states are equal, and keep it. */
bool rbk_explore_keep(struct explorer *x, uint32_t *ret_number, bool *ret_new);
/* The kept state's head, without spreading it out. */
const struct head *rbk_explore_head(const struct explorer *x, uint32_t number);

/* moves.c */
typedef void move_fn(struct explorer *x, struct move move);
/* Every move that x->from may allow. */
void rbk_explore_moves(struct explorer *x, move_fn *try_move);
enum edge_kind rbk_explore_edge_kind(const struct move *move);

/* perform.c */
/* Let a move happen in x->work, a copy of x->from. false: it was refused. */
bool rbk_explore_perform(struct explorer *x, struct move move);

/* watch.c */
void rbk_explore_watch_step(struct explorer *x, const struct rbk_event *event);
void rbk_explore_found(struct explorer *x, enum rbk_explore_property property, uint32_t region,
                       uint32_t state, const char *text);

/* ends.c */
/* Which states reach an end without a person; the first that does not becomes a violation.
 * @return By state, bits of the statuses that can follow; in the explorer's scratch arena. */
uint16_t *rbk_explore_ends(struct explorer *x);

/* story.c */
void rbk_explore_tell(struct explorer *x, const struct found *found,
                      struct rbk_explore_violation *ret_violation);

/* exits.c: one book for all turns of an exploration */
struct exit_book *rbk_explore_exits_open(struct rbk_arena *arena,
                                         const struct rbk_machine *machine);
void rbk_explore_exits_close(struct exit_book *book);
/* The move under way led from x->from to x->work, which is kept as state `to`. */
void rbk_explore_exits_note(struct explorer *x, uint32_t to);
/* What can follow from the moves noted since the last time; ends: of rbk_explore_ends(). */
void rbk_explore_exits_settle(struct explorer *x, const uint16_t *ends);
void rbk_explore_exits_write(struct explorer *x, struct rbk_explore_result *result);

#endif
