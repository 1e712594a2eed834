/*
 * The exit table: for each stage and each way it can end, what the run does next.
 *
 * Every move out of a run that goes well, and every failing step of a rollback, is classified as it
 * is made; what can follow from where it leads is known when all states are (ends.c).
 */
#include "compiler/explore/internal.h"
#include "compiler/explore/print.h"

#include "runtime/core/base/buffer.h"

#include <stdlib.h>
#include <string.h>

#define WHAT_BYTES_MAX 4096u

/* One move that belongs to a row. */
struct exit_edge {
    uint32_t row;
    uint32_t to;
};

struct exit_book {
    uint32_t *of;         /* by (region, phase, kind): row + 1 */
    uint32_t *of_trigger; /* by trigger: row + 1 */
    struct rbk_explore_exit *rows;
    uint32_t count, capacity;
    struct exit_edge *edges;
    size_t edge_count, edge_capacity;
};

struct exit_book *rbk_explore_exits_open(struct rbk_arena *arena, const struct rbk_machine *machine)
{
    struct exit_book *book = rbk_new(arena, struct exit_book);
    size_t keys = (size_t)machine->region_count * RBK_PHASE_COUNT * RBK_EXPLORE_EXIT_COUNT;
    book->of = rbk_new_array(arena, uint32_t, keys + 1);
    book->of_trigger = rbk_new_array(arena, uint32_t, machine->trigger_count + 1u);
    return book;
}

void rbk_explore_exits_close(struct exit_book *book)
{
    free(book->rows);
    free(book->edges);
}

/* ---- noting ---- */

static uint32_t *slot_of(struct explorer *x, uint32_t stage, enum rbk_phase phase,
                         enum rbk_explore_exit_kind kind, uint32_t trigger)
{
    if (trigger != RBK_NONE) {
        return &x->exits->of_trigger[trigger];
    }
    size_t key = ((size_t)stage * RBK_PHASE_COUNT + phase) * RBK_EXPLORE_EXIT_COUNT + kind;
    return &x->exits->of[key];
}

static void note(struct explorer *x, uint32_t to, uint32_t region, uint32_t state,
                 enum rbk_explore_exit_kind kind, uint32_t trigger)
{
    struct exit_book *book = x->exits;
    const struct rbk_machine *machine = x->model.machine;
    uint32_t stage = x->model.roots[region];
    enum rbk_phase phase = machine->states[state].phase;
    if (!rbk_explore_is_whole(&x->model, region)) {
        return; /* its own turn tells */
    }
    uint32_t *slot = slot_of(x, stage, phase, kind, trigger);
    if (*slot == 0) {
        void *rows = book->rows;
        size_t capacity = book->capacity;
        if (!rbk_intern_grow(&x->space.budget, &rows, &capacity, (size_t)book->count + 1,
                             sizeof(*book->rows))) {
            return;
        }
        book->rows = rows;
        book->capacity = (uint32_t)capacity;
        book->rows[book->count] = (struct rbk_explore_exit){
            .stage = stage,
            .kind = kind,
            .phase = phase,
            .trigger = trigger,
            .place = trigger != RBK_NONE ? machine->triggers[trigger].place
                                         : machine->states[state].place};
        *slot = ++book->count;
    }
    struct rbk_explore_exit *row = &book->rows[*slot - 1];
    const struct rbk_state *after = x->work.state;
    row->next |= 1u << after->status;
    row->all_roll_back |= after->turned != 0;
    row->rolls_back |= x->work.watches[stage].flags & WATCH_TOLD;
    row->asks |= after->hold != 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t mode = rbk_state_region(&x->model.cut, after, i)->mode;
        row->asks |= mode == RBK_MODE_ASKING || mode == RBK_MODE_DOUBT;
    }
    void *edges = book->edges;
    if (rbk_intern_grow(&x->space.budget, &edges, &book->edge_capacity, book->edge_count + 1,
                        sizeof(*book->edges))) {
        book->edges = edges;
        book->edges[book->edge_count++] = (struct exit_edge){*slot - 1, to};
    }
}

/* A run that goes well: nobody has stopped or turned anything. */
static bool goes_well(const struct explorer *x)
{
    const struct rbk_state *state = x->from.state;
    if (!state->started_ms || state->hold || state->turned || state->cancelled || state->stuck_ms) {
        return false;
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        bool stops = rbk_state_region(&x->model.cut, state, i)->target != RBK_NONE;
        if (stops || x->from.watches[i].flags) {
            return false;
        }
    }
    return true;
}

static bool is_reading(enum rbk_effect_kind kind)
{
    return kind == RBK_EFFECT_CHECK || kind == RBK_EFFECT_TEST || kind == RBK_EFFECT_REQUIRE ||
           kind == RBK_EFFECT_WAIT_UNTIL;
}

/* Something happened to one region. */
static void note_region(struct explorer *x, uint32_t to)
{
    const struct rbk_machine *machine = x->model.machine;
    struct move move = x->move;
    const struct rbk_region_state *rs = rbk_state_region(&x->model.cut, x->from.state, move.index);
    const struct rbk_machine_state *at = &machine->states[rs->state];
    bool back = at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
    uint32_t stage = x->model.roots[move.index];
    const struct rbk_state *after = x->work.state;
    bool left = after->hold || after->turned || after->cancelled || after->stuck_ms ||
                x->work.watches[stage].flags ||
                rbk_state_region(&x->model.cut, after, move.index)->mode == RBK_MODE_DONE;
    enum rbk_explore_exit_kind kind = RBK_EXPLORE_EXIT_COUNT;
    if (at->effect == RBK_NONE && move.kind != MOVE_TIME_BLOCK) {
        return;
    }
    if (move.kind == MOVE_RESULT && rs->mode == RBK_MODE_RUNNING) {
        enum rbk_effect_kind effect = machine->effects[at->effect].kind;
        switch ((enum rbk_outcome)move.detail) {
        case RBK_OUTCOME_OK:
            return;
        case RBK_OUTCOME_DOUBT:
            kind = RBK_EXPLORE_EXIT_DOUBTED;
            left = true;
            break;
        case RBK_OUTCOME_TIMEOUT:
            kind = RBK_EXPLORE_EXIT_TIME_OUT;
            break;
        default:
            kind =
                is_reading(effect) ? RBK_EXPLORE_EXIT_CHECK_FAILED : RBK_EXPLORE_EXIT_STEP_FAILED;
            break;
        }
    } else if (move.kind == MOVE_TIME_BLOCK) {
        kind = RBK_EXPLORE_EXIT_TIME_OUT;
    } else if (move.kind == MOVE_TIME_REGION && rs->mode == RBK_MODE_ASKING) {
        kind = RBK_EXPLORE_EXIT_EXPIRED;
    } else if (move.kind == MOVE_ANSWER && rs->mode == RBK_MODE_ASKING &&
               (move.detail == RBK_ANSWER_NO || move.detail == RBK_ANSWER_NOT_DONE)) {
        kind = RBK_EXPLORE_EXIT_DENIED;
    }
    if (kind == RBK_EXPLORE_EXIT_COUNT) {
        return;
    }
    if (back && kind != RBK_EXPLORE_EXIT_DOUBTED) {
        note(x, to, move.index, rs->state, RBK_EXPLORE_EXIT_ROLLBACK_FAILED, RBK_NONE);
    } else if (left && goes_well(x)) {
        note(x, to, move.index, rs->state, kind, RBK_NONE);
    }
}

/* Something happened to the run: it concerns every stage that is under way. */
static void note_run(struct explorer *x, uint32_t to, enum rbk_explore_exit_kind kind)
{
    bool any = false;
    for (uint32_t i = 1; i < x->model.cut.region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(&x->model.cut, x->from.state, i);
        bool root = x->model.roots[i] == i;
        bool under_way = rs->mode != RBK_MODE_IDLE && rs->mode != RBK_MODE_DONE;
        if (root && under_way) {
            note(x, to, i, rs->state, kind, RBK_NONE);
            any = true;
        }
    }
    if (!any) {
        note(x, to, 0, rbk_state_region(&x->model.cut, x->from.state, 0)->state, kind, RBK_NONE);
    }
}

void rbk_explore_exits_note(struct explorer *x, uint32_t to)
{
    struct move move = x->move;
    switch ((enum move_kind)move.kind) {
    case MOVE_RESULT:
    case MOVE_TIME_BLOCK:
    case MOVE_TIME_REGION:
    case MOVE_ANSWER:
        note_region(x, to);
        return;
    case MOVE_TIME_HOLD: {
        uint32_t next = rbk_held_next(&x->model.cut, x->from.state);
        if (next != RBK_NONE && x->model.cut.reactions[next].kind == RBK_REACTION_ASK) {
            return; /* others are asked; what comes of that is noted then */
        }
        note(x, to, 0, rbk_state_region(&x->model.cut, x->from.state, 0)->state,
             RBK_EXPLORE_EXIT_UNDECIDED, RBK_NONE);
        return;
    }
    default:
        break;
    }
    if (!goes_well(x)) {
        return;
    }
    if (move.kind == MOVE_RESUMED) {
        note_run(x, to, RBK_EXPLORE_EXIT_CRASHED);
    } else if (move.kind == MOVE_CRITERION) {
        note_run(x, to, RBK_EXPLORE_EXIT_ABORTED);
    } else if (move.kind == MOVE_COMMAND) {
        if (move.detail == RBK_COMMAND_INTERRUPT || move.detail == RBK_COMMAND_PAUSE) {
            note_run(x, to, RBK_EXPLORE_EXIT_INTERRUPTED);
        } else if (move.detail == RBK_COMMAND_ABORT || move.detail == RBK_COMMAND_SIGNAL) {
            note_run(x, to, RBK_EXPLORE_EXIT_ABORTED);
        }
    } else if (move.kind == MOVE_TRIGGER_PATH) {
        const struct trigger_path *path = &x->model.paths[move.index];
        uint32_t stage = x->model.machine->triggers[path->trigger].region;
        uint32_t region = stage == RBK_NONE ? 0 : stage;
        if (path->final != RBK_REACTION_KEEP && path->final != RBK_REACTION_NOTIFY) {
            note(x, to, region, rbk_state_region(&x->model.cut, x->from.state, region)->state,
                 RBK_EXPLORE_EXIT_TRIGGER, path->trigger);
        }
    }
}

/* ---- writing ---- */

/* `down`, else `from_backup`, else it is stuck */
static void write_strategies(const struct explorer *x, uint32_t stage, struct rbk_buffer *text)
{
    const struct rbk_machine *machine = x->model.machine;
    struct rbk_slice rows = machine->regions[stage].strategies;
    for (uint32_t i = 0; i < rows.count; i++) {
        struct rbk_str name = machine->strategies[rows.first + i].name;
        if (name.bytes) {
            (void)rbk_buffer_printf(text, "%s`%.*s`", i ? ", else " : "", (int)name.bytes,
                                    name.data);
        } else {
            (void)rbk_buffer_printf(text, "%sits rollback", i ? ", else " : "");
        }
    }
    (void)rbk_buffer_append_text(text, ", else it is stuck");
}

static void write_hold(const struct explorer *x, struct rbk_buffer *text)
{
    const struct rbk_machine *machine = x->model.machine;
    uint64_t after_ms = machine->held_at_most_ms;
    uint32_t otherwise = machine->held_otherwise;
    (void)rbk_buffer_append_text(text, "somebody decides");
    while (otherwise != RBK_NONE && machine->reactions[otherwise].kind == RBK_REACTION_ASK) {
        const struct rbk_question *question =
            &machine->questions[machine->reactions[otherwise].question];
        (void)rbk_buffer_append_text(text, ", else after ");
        rbk_explore_print_duration(after_ms, text);
        for (uint32_t i = 0; i < question->roles.count; i++) {
            uint32_t role = machine->indexes[question->roles.first + i];
            struct rbk_str name = machine->roles[role].name;
            (void)rbk_buffer_printf(text, "%s%.*s", i ? ", " : ": ", (int)name.bytes, name.data);
        }
        (void)rbk_buffer_append_text(text, " asked");
        after_ms = question->within_ms;
        otherwise = question->otherwise;
    }
    (void)rbk_buffer_append_text(text, ", else after ");
    rbk_explore_print_duration(after_ms, text);
    (void)rbk_buffer_printf(text, ": %s", rbk_reaction_kind_name(rbk_held_end(machine)));
}

/* dba, then infra_lead after 10m */
static void write_escalation(const struct explorer *x, struct rbk_buffer *text)
{
    const struct rbk_machine *machine = x->model.machine;
    for (uint32_t i = 0; i < machine->escalation_count; i++) {
        const struct rbk_escalation *row = &machine->escalations[i];
        struct rbk_str name = machine->roles[row->role].name;
        (void)rbk_buffer_printf(text, "%s%.*s", i ? ", then " : "", (int)name.bytes, name.data);
        if (row->after_ms) {
            (void)rbk_buffer_append_text(text, " after ");
            rbk_explore_print_duration(row->after_ms, text);
        }
    }
    (void)rbk_buffer_append_text(text,
                                 machine->escalation_count ? " is called" : "nobody is called");
}

static void write_rollback_failed(const struct explorer *x, const struct rbk_explore_exit *row,
                                  struct rbk_buffer *text)
{
    if (x->model.machine->regions[row->stage].strategies.count > 1) {
        (void)rbk_buffer_append_text(text, "the next way back is tried; when none is left ");
    }
    (void)rbk_buffer_append_text(text, "it is stuck; called: ");
    write_escalation(x, text);
}

static void write_what(const struct explorer *x, const struct rbk_explore_exit *row,
                       struct rbk_buffer *text)
{
    const uint32_t held = 1u << RBK_STATUS_HELD | 1u << RBK_STATUS_PAUSED;
    const struct rbk_machine *machine = x->model.machine;
    /* A trigger does one thing when it comes true, and may do another when it cannot be read. */
    const char *joint = row->trigger == RBK_NONE ? "; " : "; or ";
    const char *and = "";
    if (row->kind == RBK_EXPLORE_EXIT_ROLLBACK_FAILED) {
        write_rollback_failed(x, row, text);
        return;
    }
    if (row->all_roll_back) {
        (void)rbk_buffer_append_text(text,
                                     "every stage applied is rolled back, the last one first");
        and = joint;
    }
    if (row->rolls_back && !row->all_roll_back &&
        machine->regions[row->stage].kind == RBK_REGION_STAGE) {
        (void)rbk_buffer_printf(text, "%srolled back: ", and);
        write_strategies(x, row->stage, text);
        and = joint;
    }
    if (row->next & held) {
        (void)rbk_buffer_printf(text, "%s%s: ", and,
                                row->next & 1u << RBK_STATUS_HELD ? "held" : "paused");
        write_hold(x, text);
    } else if (row->rolls_back && row->ends & held && !row->all_roll_back) {
        (void)rbk_buffer_append_text(text, "; then held: ");
        write_hold(x, text);
    } else if (row->ends == 1u << RBK_STATUS_CANCELLED) {
        (void)rbk_buffer_append_text(text, "cancelled: nothing was applied");
    } else if (row->asks && !row->all_roll_back && !row->rolls_back) {
        (void)rbk_buffer_append_text(text, "a person may be asked");
    }
    if (!text->bytes) {
        (void)rbk_buffer_append_text(text,
                                     row->kind == RBK_EXPLORE_EXIT_CRASHED
                                         ? "the resumed run finds out what happened, and goes on"
                                         : "the run goes on");
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct rbk_explore_exit *left = a;
    const struct rbk_explore_exit *right = b;
    if (left->stage != right->stage) {
        return left->stage < right->stage ? -1 : 1;
    }
    if (left->phase != right->phase) {
        return left->phase < right->phase ? -1 : 1;
    }
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    return left->trigger < right->trigger ? -1 : left->trigger > right->trigger;
}

void rbk_explore_exits_settle(struct explorer *x, const uint16_t *ends)
{
    struct exit_book *book = x->exits;
    for (size_t i = 0; i < book->edge_count; i++) {
        book->rows[book->edges[i].row].ends |= ends[book->edges[i].to];
    }
    book->edge_count = 0;
}

void rbk_explore_exits_write(struct explorer *x, struct rbk_explore_result *result)
{
    struct exit_book *book = x->exits;
    result->exits = rbk_new_array(x->arena, struct rbk_explore_exit, book->count + 1u);
    result->exit_count = book->count;
    for (uint32_t i = 0; i < book->count; i++) {
        struct rbk_buffer text;
        rbk_buffer_init(&text, WHAT_BYTES_MAX);
        write_what(x, &book->rows[i], &text);
        result->exits[i] = book->rows[i];
        result->exits[i].what = rbk_arena_copy(x->arena, rbk_buffer_str(&text));
        rbk_buffer_fini(&text);
    }
    qsort(result->exits, result->exit_count, sizeof(*result->exits), compare_rows);
}
