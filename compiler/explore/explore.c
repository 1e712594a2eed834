/*
 * Breadth first over all states, and the result. See internal.h for who does what.
 *
 * States are numbered as they are found, so that a state's number orders it by the length of its
 * story: the queue is the numbering itself, and the first violation found is a shortest one.
 */
#include "compiler/explore/explore.h"

#include "compiler/explore/internal.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES_MAX ((size_t)1 << 32)
/* So far what runs side by side is explored together, which is exact; beyond, apart. */
#define TOGETHER_STATES_MAX UINT64_C(100000)

/* ---- names ---- */

#define X(constant, word, text) word,
static const char *const property_names[] = {RBK_EXPLORE_PROPERTIES(X)};
static const char *const exit_names[] = {RBK_EXPLORE_EXITS(X)};
#undef X
#define X(constant, word, text) text,
static const char *const property_texts[] = {RBK_EXPLORE_PROPERTIES(X)};
static const char *const exit_texts[] = {RBK_EXPLORE_EXITS(X)};
#undef X

const char *rbk_explore_property_name(enum rbk_explore_property property)
{
    return (size_t)property < RBK_EXPLORE_PROPERTY_COUNT ? property_names[property] : "?";
}

const char *rbk_explore_property_text(enum rbk_explore_property property)
{
    return (size_t)property < RBK_EXPLORE_PROPERTY_COUNT ? property_texts[property] : "?";
}

const char *rbk_explore_exit_name(enum rbk_explore_exit_kind kind)
{
    return (size_t)kind < RBK_EXPLORE_EXIT_COUNT ? exit_names[kind] : "?";
}

const char *rbk_explore_exit_text(enum rbk_explore_exit_kind kind)
{
    return (size_t)kind < RBK_EXPLORE_EXIT_COUNT ? exit_texts[kind] : "?";
}

/* ---- walking ---- */

static bool add_edge(struct explorer *x, struct edges *edges, uint32_t to)
{
    void *items = edges->items;
    if (!rbk_intern_grow(&x->space.budget, &items, &edges->capacity, edges->count + 1,
                         sizeof(*edges->items))) {
        return false;
    }
    edges->items = items;
    edges->items[edges->count++] = (struct edge){x->current, to};
    return true;
}

/* Keep the state in x->work, and how it was reached. */
static bool keep(struct explorer *x, uint32_t *ret_number, bool *ret_new)
{
    if (!rbk_explore_keep(x, ret_number, ret_new)) {
        return false;
    }
    if (!*ret_new) {
        return true;
    }
    void *reached = x->reached;
    if (!rbk_intern_grow(&x->space.budget, &reached, &x->reached_capacity, (size_t)*ret_number + 1,
                         sizeof(*x->reached))) {
        return false;
    }
    x->reached = reached;
    x->reached[*ret_number] = (struct reached){x->current, x->move};
    return true;
}

static void try_one(struct explorer *x, struct move move)
{
    uint32_t to = 0;
    bool new = false;
    if (x->out_of_room || !rbk_explore_perform(x, move)) {
        return;
    }
    if (!keep(x, &to, &new)) {
        x->out_of_room = true;
        return;
    }
    if (new) {
        const char *broken = rbk_state_broken(&x->model.cut, x->work.state);
        if (broken) {
            rbk_explore_found(x, RBK_EXPLORE_BROKEN, RBK_NONE, RBK_NONE, broken);
        }
    }
    enum edge_kind kind = rbk_explore_edge_kind(&move);
    if (kind != EDGE_PERSON && !add_edge(x, kind == EDGE_DRIVER ? &x->driver : &x->time, to)) {
        x->out_of_room = true;
    }
    rbk_explore_exits_note(x, to);
}

/* Whether two stages side by side have been told to go back: only then does it matter which of them
 * began first, and both are tried. Who is told does not depend on it. */
static bool has_order(struct explorer *x)
{
    uint64_t *told = x->going_back; /* free until the next state is kept */
    memset(told, 0, x->model.words * sizeof(*told));
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (x->work.watches[i].flags) {
            told[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        const uint64_t *beside = x->model.beside + (size_t)i * x->model.words;
        for (uint32_t k = 0; k < x->model.words && x->work.watches[i].flags; k++) {
            if (beside[k] & told[k]) {
                return true;
            }
        }
    }
    return false;
}

static void try_move(struct explorer *x, struct move move)
{
    uint64_t edges = x->edge_count;
    try_one(x, move);
    if (x->unordered && x->edge_count != edges && has_order(x)) {
        move.variant |= VARIANT_REVERSED;
        try_one(x, move);
    }
}

/* @return the number of states that were explored. */
static uint32_t walk(struct explorer *x, uint64_t states_max)
{
    uint32_t number;
    bool new;
    rbk_state_init(&x->model.cut, x->work.state);
    memset(&x->work.run, 0, sizeof(x->work.run));
    if (!keep(x, &number, &new)) {
        x->out_of_room = true;
        return 0;
    }
    uint32_t next = 0;
    for (; next < x->space.states.count; next++) {
        if (x->out_of_room || x->space.states.count > states_max) {
            break;
        }
        x->current = next;
        rbk_explore_load(x, next);
        x->unordered = rbk_explore_is_unordered(x);
        rbk_explore_moves(x, try_move);
    }
    return next;
}

/* ---- one turn ---- */

/* What all turns of an exploration share. */
struct exploration {
    struct rbk_arena *arena;  /* the caller's */
    struct rbk_arena scratch; /* of the exploration */
    const struct rbk_machine *machine;
    struct rbk_explore_options options;
    struct rbk_explore_result result;
    struct exit_book *exits;
    uint64_t *visited;
    uint32_t properties_found;
};

/* Rows of what was only sketched are not those of the plan. */
static void merge_visited(struct exploration *all, const struct explorer *x)
{
    for (uint32_t i = 0; i < all->machine->state_count; i++) {
        if (rbk_explore_is_whole(&x->model, all->machine->states[i].region)) {
            all->visited[i / 64] |= x->visited[i / 64] & UINT64_C(1) << i % 64;
        }
    }
}

static void tell_found(struct exploration *all, struct explorer *x)
{
    struct rbk_explore_result *result = &all->result;
    for (uint32_t i = 0; i < x->found_count && result->violation_count < RBK_EXPLORE_VIOLATIONS_MAX;
         i++) {
        rbk_explore_tell(x, &x->found[i], &result->violations[result->violation_count++]);
    }
    result->violations_seen += x->found_seen;
    all->properties_found |= x->properties_found;
}

/* Explore with these roles. @return 0, or -RBK_ENOMEM. */
static int take_turn(struct exploration *all, const uint8_t *roles, uint64_t states_max,
                     bool *ret_complete)
{
    struct explorer x = {.arena = all->arena, .options = &all->options};
    struct rbk_explore_result *result = &all->result;
    int status = -RBK_ENOMEM;
    x.step = all->options.step;
    x.exits = all->exits;
    x.properties_found = all->properties_found;
    x.space.budget.bytes_max = result->bytes_max;
    rbk_arena_init(&x.scratch, SCRATCH_BYTES_MAX);
    rbk_explore_model_make(&x.model, &x.scratch, all->machine, roles);
    x.visited = rbk_new_array(&x.scratch, uint64_t, all->machine->state_count / 64 + 1u);
    x.going_back = rbk_new_array(&x.scratch, uint64_t, x.model.words + 1u);
    x.changed = rbk_new_array(&x.scratch, uint64_t, x.model.words + 1u);
    x.order = rbk_new_array(&x.scratch, uint32_t, all->machine->region_count + 1u);
    x.undecided = rbk_new_array(&x.scratch, uint64_t, x.model.words + 1u);
    x.actions.capacity = rbk_actions_max(all->machine);
    x.actions.items = rbk_new_array(&x.scratch, struct rbk_action, x.actions.capacity);
    if (rbk_explore_space_make(&x)) {
        uint64_t walked = walk(&x, states_max);
        *ret_complete = !x.out_of_room && walked == x.space.states.count;
        if (*ret_complete) {
            rbk_explore_exits_settle(&x, rbk_explore_ends(&x));
        }
        merge_visited(all, &x);
        tell_found(all, &x);
        result->states += x.space.states.count;
        result->edges += x.edge_count;
        result->frontier += x.space.states.count - walked;
        result->bytes = x.space.budget.bytes > result->bytes ? x.space.budget.bytes : result->bytes;
        status = 0;
    }
    rbk_explore_space_drop(&x);
    free(x.reached);
    free(x.driver.items);
    free(x.time.items);
    rbk_arena_fini(&x.scratch);
    return status;
}

/* ---- the whole ---- */

static void begin(struct exploration *all)
{
    uint64_t states_max = all->result.states_max;
    size_t bytes_max = all->result.bytes_max;
    if (all->exits) {
        rbk_explore_exits_close(all->exits);
    }
    rbk_arena_reset(&all->scratch);
    all->result = (struct rbk_explore_result){.states_max = states_max, .bytes_max = bytes_max};
    all->result.violations =
        rbk_new_array(all->arena, struct rbk_explore_violation, RBK_EXPLORE_VIOLATIONS_MAX);
    all->exits = rbk_explore_exits_open(&all->scratch, all->machine);
    all->visited = rbk_new_array(&all->scratch, uint64_t, all->machine->state_count / 64 + 1u);
    all->properties_found = 0;
}

/* What runs side by side, one at a time. */
static int explore_apart(struct exploration *all, const struct model *model,
                         const uint32_t *turn_of, struct turns turns)
{
    bool complete = true;
    begin(all);
    uint8_t *roles = rbk_new_array(&all->scratch, uint8_t, all->machine->region_count + 1u);
    for (uint32_t turn = 0; turn < turns.stages * turns.branches && complete; turn++) {
        rbk_explore_roles(model, turn_of, turns, turn, roles);
        if (take_turn(all, roles, all->result.states_max, &complete) != 0) {
            return -RBK_ENOMEM;
        }
    }
    all->result.complete = complete;
    return 0;
}

/* Steps that no way leads to; rows that only say where a region rests are made for every region,
 * and rows without an effect are passed through. */
static void find_unreached(struct exploration *all, struct explorer *teller)
{
    const struct rbk_machine *machine = all->machine;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *at = &machine->states[i];
        bool matters = at->kind == RBK_STATE_EFFECT || at->kind == RBK_STATE_FORK;
        if (matters && !(all->visited[i / 64] >> i % 64 & 1)) {
            rbk_explore_found(teller, RBK_EXPLORE_UNREACHED, at->region, i, "nothing leads to it");
        }
    }
    tell_found(all, teller);
}

static int explore(struct exploration *all, struct explorer *whole)
{
    struct rbk_explore_result *result = &all->result;
    uint32_t *turn_of = rbk_new_array(&whole->scratch, uint32_t, all->machine->region_count + 1u);
    struct turns turns = rbk_explore_turns(&whole->model, turn_of);
    bool may_part = turns.stages * turns.branches > 1 && !all->options.full;
    uint64_t together_max = result->states_max;
    if (may_part && together_max > TOGETHER_STATES_MAX) {
        together_max = TOGETHER_STATES_MAX;
    }
    begin(all);
    if (!(may_part && all->options.apart) &&
        take_turn(all, NULL, together_max, &result->complete) != 0) {
        return -RBK_ENOMEM;
    }
    if (may_part && !result->complete && result->violation_count == 0) {
        return explore_apart(all, &whole->model, turn_of, turns);
    }
    return 0;
}

int rbk_explore(struct rbk_arena *arena, const struct rbk_machine *machine,
                const struct rbk_explore_options *options, struct rbk_explore_result *ret_result)
{
    struct exploration all = {.arena = arena, .machine = machine};
    struct explorer whole = {.arena = arena, .options = &all.options};
    if (options) {
        all.options = *options;
    }
    if (!all.options.step) {
        all.options.step = rbk_step;
    }
    all.result.states_max =
        all.options.states_max ? all.options.states_max : RBK_EXPLORE_STATES_MAX;
    all.result.bytes_max = all.options.bytes_max ? all.options.bytes_max : RBK_EXPLORE_BYTES_MAX;
    if (machine->region_count > RBK_EXPLORE_REGIONS_MAX) {
        all.result.frontier = 1; /* the start */
        *ret_result = all.result;
        return 0;
    }
    rbk_arena_init(&all.scratch, SCRATCH_BYTES_MAX);
    rbk_arena_init(&whole.scratch, SCRATCH_BYTES_MAX);
    rbk_explore_model_make(&whole.model, &whole.scratch, machine, NULL);
    int status = explore(&all, &whole);
    if (status == 0) {
        whole.exits = all.exits;
        if (all.result.complete) {
            find_unreached(&all, &whole);
        }
        rbk_explore_exits_write(&whole, &all.result);
        *ret_result = all.result;
    }
    rbk_explore_exits_close(all.exits);
    rbk_arena_fini(&whole.scratch);
    rbk_arena_fini(&all.scratch);
    return status;
}
