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

static void try_move(struct explorer *x, struct move move)
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
        rbk_explore_moves(x, try_move);
    }
    return next;
}

/* Steps that no way leads to; rows that only say where a region rests are made for every region,
 * and rows without an effect are passed through. */
static void find_unreached(struct explorer *x)
{
    const struct rbk_machine *machine = &x->model.cut;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *at = &machine->states[i];
        bool matters = at->kind == RBK_STATE_EFFECT || at->kind == RBK_STATE_FORK;
        if (matters && !(x->visited[i / 64] >> i % 64 & 1)) {
            rbk_explore_found(x, RBK_EXPLORE_UNREACHED, at->region, i, "nothing leads to it");
        }
    }
}

static void write_result(struct explorer *x, struct rbk_explore_result *result)
{
    result->states = x->space.states.count;
    result->edges = x->edge_count;
    result->bytes = x->space.budget.bytes;
    result->violations_seen = x->found_seen;
    result->violations = rbk_new_array(x->arena, struct rbk_explore_violation, x->found_count + 1u);
    for (uint32_t i = 0; i < x->found_count; i++) {
        rbk_explore_tell(x, &x->found[i], &result->violations[i]);
    }
    result->violation_count = x->found_count;
}

int rbk_explore(struct rbk_arena *arena, const struct rbk_machine *machine,
                const struct rbk_explore_options *options, struct rbk_explore_result *ret_result)
{
    static const struct rbk_explore_options defaults = {0};
    struct explorer x = {.arena = arena, .options = options ? options : &defaults};
    struct rbk_explore_result result = {0};
    int status = -RBK_ENOMEM;
    result.states_max = x.options->states_max ? x.options->states_max : RBK_EXPLORE_STATES_MAX;
    result.bytes_max = x.options->bytes_max ? x.options->bytes_max : RBK_EXPLORE_BYTES_MAX;
    x.step = x.options->step ? x.options->step : rbk_step;
    x.space.budget.bytes_max = result.bytes_max;
    rbk_arena_init(&x.scratch, SCRATCH_BYTES_MAX);
    rbk_explore_model_make(&x.model, &x.scratch, machine);
    x.visited = rbk_new_array(&x.scratch, uint64_t, machine->state_count / 64 + 1u);
    x.actions.capacity = rbk_actions_max(machine);
    x.actions.items = rbk_new_array(&x.scratch, struct rbk_action, x.actions.capacity);
    rbk_explore_exits_make(&x);
    if (rbk_explore_space_make(&x)) {
        uint64_t walked = walk(&x, result.states_max);
        uint16_t *ends = NULL;
        result.complete = !x.out_of_room && walked == x.space.states.count;
        result.frontier = x.space.states.count - walked;
        if (result.complete) {
            ends = rbk_explore_ends(&x);
            find_unreached(&x);
        }
        write_result(&x, &result);
        rbk_explore_exits_write(&x, ends, &result);
        *ret_result = result;
        status = 0;
    }
    rbk_explore_exits_drop(&x);
    rbk_explore_space_drop(&x);
    free(x.reached);
    free(x.driver.items);
    free(x.time.items);
    rbk_arena_fini(&x.scratch);
    return status;
}
