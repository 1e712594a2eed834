/*
 * The machine as it is explored, and what can be known of it before any state is.
 *
 * Cut down: an effect is retried at most once, since a second retry leads nowhere the first did
 * not; criteria come true when they like, instead of by counting. Triggers become lists of paths:
 * each way from an edge of its condition to a reaction. The arguments are in docs/internals.md.
 */
#include "compiler/explore/internal.h"

#include <string.h>

/* ---- tables with counters ---- */

static void cut_effects(struct rbk_machine *cut, struct rbk_arena *arena)
{
    struct rbk_effect *rows = rbk_new_array(arena, struct rbk_effect, cut->effect_count + 1u);
    for (uint32_t i = 0; i < cut->effect_count; i++) {
        rows[i] = cut->effects[i];
        rows[i].retry_count = rows[i].retry_count ? 1 : 0;
    }
    cut->effects = rows;
}

static void cut_criteria(struct rbk_machine *cut, struct rbk_arena *arena)
{
    struct rbk_criterion *rows =
        rbk_new_array(arena, struct rbk_criterion, cut->criterion_count + 1u);
    for (uint32_t i = 0; i < cut->criterion_count; i++) {
        rows[i] = cut->criteria[i];
        rows[i].reads_probes = true;
    }
    cut->criteria = rows;
}

/* An instant that is to come: each stage's later than the one before, which keeps their order. */
static void cut_regions(struct rbk_machine *cut, struct rbk_arena *arena)
{
    struct rbk_region *rows = rbk_new_array(arena, struct rbk_region, cut->region_count + 1u);
    for (uint32_t i = 0; i < cut->region_count; i++) {
        rows[i] = cut->regions[i];
        rows[i].attempts = rows[i].attempts > 2 ? 2 : rows[i].attempts;
        uint64_t rank = 1;
        for (uint32_t k = 0; k < cut->region_count && rows[i].not_before_ms; k++) {
            uint64_t other_ms = cut->regions[k].not_before_ms;
            rank += other_ms && other_ms < rows[i].not_before_ms;
        }
        rows[i].not_before_ms = rows[i].not_before_ms ? RBK_EXPLORE_NOW + rank : 0;
    }
    cut->regions = rows;
}

/* ---- what depends on what ---- */

static void make_dependencies(struct model *model, struct rbk_arena *arena)
{
    const struct rbk_machine *machine = &model->cut;
    uint32_t count = machine->region_count;
    model->words = (count + 63) / 64;
    model->before = rbk_new_array(arena, uint64_t, (size_t)count * model->words + 1);
    bool again = true;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < count; i++) {
            struct rbk_slice rows = machine->regions[i].predecessors;
            uint64_t *mine = model->before + (size_t)i * model->words;
            for (uint32_t k = 0; k < rows.count; k++) {
                uint32_t on = machine->predecessors[rows.first + k].region;
                const uint64_t *its = model->before + (size_t)on * model->words;
                for (uint32_t w = 0; w < model->words; w++) {
                    uint64_t all = mine[w] | its[w];
                    all |= w == on / 64 ? UINT64_C(1) << on % 64 : 0;
                    again |= all != mine[w];
                    mine[w] = all;
                }
            }
        }
    }
}

static void make_sides(struct model *model, struct rbk_arena *arena)
{
    const struct rbk_machine *machine = &model->cut;
    uint32_t count = machine->region_count;
    model->beside = rbk_new_array(arena, uint64_t, (size_t)count * model->words + 1);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < count; k++) {
            bool stages = machine->regions[i].kind == RBK_REGION_STAGE &&
                          machine->regions[k].kind == RBK_REGION_STAGE;
            if (i != k && stages && !rbk_explore_depends(model, i, k) &&
                !rbk_explore_depends(model, k, i)) {
                model->beside[(size_t)i * model->words + k / 64] |= UINT64_C(1) << k % 64;
            }
        }
    }
}

static void make_facts(struct model *model, struct rbk_arena *arena)
{
    const struct rbk_machine *machine = &model->cut;
    model->roots = rbk_new_array(arena, uint32_t, machine->region_count + 1u);
    model->awaited_for = rbk_new_array(arena, bool, machine->region_count + 1u);
    model->closable = rbk_new_array(arena, bool, machine->region_count + 1u);
    model->fork = rbk_new_array(arena, uint32_t, machine->region_count + 1u);
    model->guarded = rbk_new_array(arena, uint64_t, machine->state_count / 64 + 1u);
    model->any_window = machine->daily_window != RBK_NONE;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        model->fork[i] = RBK_NONE;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *row = &machine->regions[i];
        model->roots[i] = rbk_region_root(machine, i);
        model->any_window |= rbk_stage_own_hours(row);
        for (uint32_t k = 0; k < row->predecessors.count; k++) {
            const struct rbk_predecessor *on = &machine->predecessors[row->predecessors.first + k];
            model->awaited_for[on->region] |= on->for_ms != 0;
        }
        bool closable = row->kind == RBK_REGION_STAGE && row->strategies.count;
        for (uint32_t k = 0; k < row->strategies.count; k++) {
            closable &= machine->strategies[row->strategies.first + k].when != RBK_NONE;
        }
        model->closable[i] = closable;
    }
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *at = &machine->states[i];
        if (at->kind == RBK_STATE_GUARD && at->guard != RBK_NONE) {
            model->guarded[at->guard / 64] |= UINT64_C(1) << at->guard % 64;
        }
        for (uint32_t k = 0; at->kind == RBK_STATE_FORK && k < at->branches.count; k++) {
            model->fork[at->branches.first + k] = i;
        }
    }
}

/* ---- verify ---- */

bool rbk_explore_shows(const struct rbk_machine *machine, uint32_t row)
{
    const struct rbk_machine_state *at = &machine->states[row];
    if (at->effect == RBK_NONE ||
        (at->phase != RBK_PHASE_VERIFY && at->phase != RBK_PHASE_ROLLBACK_VERIFY)) {
        return false;
    }
    switch (machine->effects[at->effect].kind) {
    case RBK_EFFECT_CHECK:
    case RBK_EFFECT_WAIT_UNTIL:
    case RBK_EFFECT_REQUIRE:
    case RBK_EFFECT_QUESTION:
    case RBK_EFFECT_TEST:
        return true;
    default:
        return false;
    }
}

static void make_proofs(struct model *model, struct rbk_arena *arena)
{
    const struct rbk_machine *machine = model->machine;
    model->proofs = rbk_new_array(arena, uint8_t, machine->region_count + 1u);
    for (uint32_t i = 0; i < machine->state_count; i++) {
        bool applied = machine->states[i].phase == RBK_PHASE_VERIFY;
        if (rbk_explore_shows(machine, i)) {
            model->proofs[model->roots[machine->states[i].region]] |=
                applied ? PROOF_APPLIED : PROOF_ROLLED_BACK;
        }
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (model->roles[i] != ROLE_WHOLE) {
            model->proofs[model->roots[i]] = 0;
        }
    }
}

/* ---- triggers ---- */

/* Paths are counted in a first walk and written in a second. */
struct path_walk {
    struct model *model;
    struct trigger_path path; /* so far */
    bool count_only;
};

static void add_path(struct path_walk *walk, enum rbk_reaction_kind final)
{
    struct model *model = walk->model;
    if (!walk->count_only) {
        model->paths[model->path_count] = walk->path;
        model->paths[model->path_count].final = (uint8_t) final;
    }
    model->path_count++;
}

static void walk_reaction(struct path_walk *walk, uint32_t reaction);

static void walk_question(struct path_walk *walk, uint32_t reaction)
{
    const struct rbk_machine *machine = &walk->model->cut;
    const struct rbk_reaction *row = &machine->reactions[reaction];
    uint8_t at = walk->path.turn_count;
    if (at == TRIGGER_TURNS_MAX) {
        return; /* the machine's chains are shorter: RBK170 */
    }
    walk->path.turn_count++;
    if (row->kind == RBK_REACTION_ASK) {
        walk->path.turns[at] = TURN_ABORT;
        add_path(walk, RBK_REACTION_ABORT);
        if (machine->triggers[walk->path.trigger].region != RBK_NONE) {
            walk->path.turns[at] = TURN_ROLLBACK;
            add_path(walk, RBK_REACTION_ROLLBACK);
        }
        walk->path.turns[at] = TURN_PAUSE;
        add_path(walk, RBK_REACTION_PAUSE);
        walk->path.turns[at] = TURN_IGNORE;
        add_path(walk, RBK_REACTION_KEEP);
    } else {
        walk->path.turns[at] = TURN_YES;
        add_path(walk, row->kind);
        walk->path.turns[at] = TURN_NO;
        add_path(walk, RBK_REACTION_KEEP);
    }
    walk->path.turns[at] = TURN_DUE;
    uint32_t otherwise = machine->questions[row->question].otherwise;
    if (otherwise == RBK_NONE) {
        add_path(walk, RBK_REACTION_ABORT);
    } else {
        walk_reaction(walk, otherwise);
    }
    walk->path.turn_count = at;
}

static void walk_reaction(struct path_walk *walk, uint32_t reaction)
{
    const struct rbk_machine *machine = &walk->model->cut;
    uint8_t at = walk->path.turn_count;
    if (reaction == RBK_NONE) {
        add_path(walk, RBK_REACTION_KEEP);
        return;
    }
    const struct rbk_reaction *row = &machine->reactions[reaction];
    if (row->kind == RBK_REACTION_HOLD) {
        if (at < TRIGGER_TURNS_MAX) {
            walk->path.turns[at] = TURN_DUE;
            walk->path.turn_count++;
            walk_reaction(walk, row->then);
            walk->path.turn_count = at;
        }
    } else if (row->question != RBK_NONE) {
        walk_question(walk, reaction);
    } else {
        add_path(walk, row->kind);
    }
}

/* A question stays open while its trigger sleeps: the same paths again, from each question on. */
static void walk_questions_of(struct path_walk *walk, uint32_t reaction)
{
    const struct rbk_machine *machine = &walk->model->cut;
    for (uint32_t hops = 0; reaction != RBK_NONE && hops < TRIGGER_TURNS_MAX; hops++) {
        const struct rbk_reaction *row = &machine->reactions[reaction];
        if (row->kind != RBK_REACTION_HOLD && row->question != RBK_NONE) {
            walk->path.asked = reaction;
            walk->path.turn_count = 0;
            walk_question(walk, reaction);
            reaction = machine->questions[row->question].otherwise;
        } else {
            reaction = row->kind == RBK_REACTION_HOLD ? row->then : RBK_NONE;
        }
    }
}

static void walk_triggers(struct model *model, bool count_only)
{
    model->path_count = 0;
    for (uint32_t i = 0; i < model->cut.trigger_count; i++) {
        const struct rbk_trigger *row = &model->cut.triggers[i];
        for (int missing = 0; missing < 2; missing++) {
            struct path_walk walk = {.model = model, .count_only = count_only};
            uint32_t reaction = missing ? row->missing : row->reaction;
            walk.path.trigger = i;
            walk.path.level = missing ? RBK_LEVEL_MISSING : RBK_LEVEL_TRUE;
            walk.path.asked = RBK_NONE;
            walk_reaction(&walk, reaction);
            walk_questions_of(&walk, reaction);
        }
    }
}

/* The effect of a path: `rollback` of a plan's trigger turns the whole run round. */
static enum rbk_reaction_kind effect_of(const struct model *model, const struct trigger_path *path)
{
    enum rbk_reaction_kind final = (enum rbk_reaction_kind)path->final;
    switch (final) {
    case RBK_REACTION_ROLLBACK:
        return model->cut.triggers[path->trigger].region == RBK_NONE ? RBK_REACTION_ABORT : final;
    case RBK_REACTION_ABORT:
    case RBK_REACTION_PAUSE:
    case RBK_REACTION_CANCEL:
        return final;
    default:
        return RBK_REACTION_KEEP;
    }
}

static void make_classes(struct model *model, struct rbk_arena *arena)
{
    model->classes = rbk_new_array(arena, struct trigger_class, model->path_count + 1u);
    for (uint32_t i = 0; i < model->path_count; i++) {
        const struct trigger_path *path = &model->paths[i];
        enum rbk_reaction_kind final = effect_of(model, path);
        uint32_t stage =
            final == RBK_REACTION_ROLLBACK ? model->cut.triggers[path->trigger].region : RBK_NONE;
        uint32_t k = 0;
        while (k < model->class_count &&
               (model->classes[k].final != final || model->classes[k].stage != stage)) {
            k++;
        }
        struct trigger_class *class = &model->classes[k];
        if (k == model->class_count) {
            *class = (struct trigger_class){.final = (uint8_t) final, .stage = stage};
            class->paths = rbk_new_array(arena, uint32_t, model->path_count);
            model->class_count++;
        }
        class->paths[class->count++] = i;
    }
}

void rbk_explore_model_make(struct model *model, struct rbk_arena *arena,
                            const struct rbk_machine *machine, const uint8_t *roles)
{
    *model = (struct model){.machine = machine, .cut = *machine};
    cut_effects(&model->cut, arena);
    cut_criteria(&model->cut, arena);
    cut_regions(&model->cut, arena);
    model->roles = rbk_new_array(arena, uint8_t, machine->region_count + 1u);
    if (roles) {
        memcpy(model->roles, roles, machine->region_count);
        rbk_explore_sketch(&model->cut, arena, roles);
    }
    model->settings.observe_ms = machine->observe != RBK_NONE ? 1000 : 0;
    model->settings.grace_ms = machine->grace != RBK_NONE ? 1000 : 0;
    model->settings.report_every_ms = rbk_new_array(arena, uint64_t, machine->report_count + 1u);
    make_dependencies(model, arena);
    make_sides(model, arena);
    make_facts(model, arena);
    make_proofs(model, arena);
    walk_triggers(model, true);
    model->paths = rbk_new_array(arena, struct trigger_path, model->path_count + 1u);
    walk_triggers(model, false);
    make_classes(model, arena);
}
