/*
 * The builder's tables, constants and stacks, and the resolution of references at the end.
 */
#include "compiler/lower/builder.h"

#include "runtime/core/base/assert.h"

#include <string.h>

/* Room for one more item; arrays double, so that growing costs a constant a row. */
static void *grow(struct rbk_arena *arena, void *items, uint32_t count, uint32_t *capacity,
                  size_t item_bytes, size_t align)
{
    if (count < *capacity) {
        return items;
    }
    uint32_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    RBK_ASSERT(wanted < RBK_REF_LABELS);
    void *grown = rbk_arena_alloc_array(arena, wanted, item_bytes, align);
    if (count > 0) {
        memcpy(grown, items, count * item_bytes);
    }
    *capacity = wanted;
    return grown;
}

#define GROW(builder, items, count, capacity, type) \
    ((type *)grow((builder)->arena, (items), (count), &(capacity), sizeof(type), alignof(type)))

void rbk_builder_init(struct rbk_builder *builder, struct rbk_arena *arena)
{
    memset(builder, 0, sizeof *builder);
    builder->arena = arena;
    builder->machine = rbk_new(arena, struct rbk_machine);
    builder->machine->format_version = RBK_MACHINE_FORMAT_VERSION;
}

#define X(type, rows, row)                                                                     \
    uint32_t rbk_build_##row(struct rbk_builder *builder, type value)                          \
    {                                                                                          \
        struct rbk_machine *machine = builder->machine;                                        \
        machine->rows =                                                                        \
            GROW(builder, machine->rows, machine->row##_count, builder->row##_capacity, type); \
        machine->rows[machine->row##_count] = value;                                           \
        return machine->row##_count++;                                                         \
    }
RBK_MACHINE_TABLES(X)
#undef X

uint32_t rbk_builder_state(struct rbk_builder *builder, struct rbk_machine_state state)
{
    builder->machine->regions[state.region].states.count++;
    return rbk_build_state(builder, state);
}

/* ---- constants ------------------------------------------------------------------------------- */

static bool is_text(enum rbk_type type)
{
    return type == RBK_TYPE_TEXT || type == RBK_TYPE_URL || type == RBK_TYPE_JSON ||
           type == RBK_TYPE_SCALAR || type == RBK_TYPE_SECRET;
}

/* The bytes that make a constant what it is; `scratch` holds those of a number. */
static struct rbk_str content(const struct rbk_value *value, char scratch[sizeof(double)])
{
    if (is_text(value->type)) {
        return value->as.text;
    }
    memset(scratch, 0, sizeof(double));
    if (value->type == RBK_TYPE_BOOL) {
        scratch[0] = value->as.truth ? 1 : 0;
    } else if (value->type == RBK_TYPE_NUMBER || value->type == RBK_TYPE_RATIO) {
        memcpy(scratch, &value->as.number, sizeof(double));
    } else {
        memcpy(scratch, &value->as.integer, sizeof(int64_t));
    }
    return (struct rbk_str){scratch, sizeof(double)};
}

static uint32_t hash_constant(const struct rbk_value *value)
{
    char scratch[sizeof(double)];
    struct rbk_str bytes = content(value, scratch);
    uint32_t hash = 2166136261u ^ (uint32_t)value->type; /* FNV-1a */
    for (size_t i = 0; i < bytes.bytes; i++) {
        hash = (hash ^ (unsigned char)bytes.data[i]) * 16777619u;
    }
    return hash;
}

static bool equal_constants(const struct rbk_value *a, const struct rbk_value *b)
{
    char scratch_a[sizeof(double)];
    char scratch_b[sizeof(double)];
    return a->type == b->type && a->missing == b->missing &&
           rbk_str_equal(content(a, scratch_a), content(b, scratch_b));
}

static void rehash_constants(struct rbk_builder *builder)
{
    uint32_t slots = builder->constant_slot_count == 0 ? 64 : builder->constant_slot_count * 2;
    builder->constant_slots = rbk_new_array(builder->arena, uint32_t, slots);
    builder->constant_slot_count = slots;
    for (uint32_t i = 0; i < builder->machine->constant_count; i++) {
        const struct rbk_value *value = &builder->machine->constants[i];
        if (value->type == RBK_TYPE_LIST) {
            continue;
        }
        uint32_t slot = hash_constant(value) & (slots - 1);
        while (builder->constant_slots[slot] != 0) {
            slot = (slot + 1) & (slots - 1);
        }
        builder->constant_slots[slot] = i + 1;
    }
}

uint32_t rbk_builder_constant(struct rbk_builder *builder, struct rbk_value value)
{
    if (value.type == RBK_TYPE_LIST) {
        return rbk_build_constant(builder, rbk_value_copy(builder->arena, value));
    }
    if ((builder->machine->constant_count + 1) * 2 > builder->constant_slot_count) {
        rehash_constants(builder);
    }
    uint32_t mask = builder->constant_slot_count - 1;
    uint32_t slot = hash_constant(&value) & mask;
    while (builder->constant_slots[slot] != 0) {
        uint32_t found = builder->constant_slots[slot] - 1;
        if (equal_constants(&builder->machine->constants[found], &value)) {
            return found;
        }
        slot = (slot + 1) & mask;
    }
    uint32_t added = rbk_build_constant(builder, rbk_value_copy(builder->arena, value));
    builder->constant_slots[slot] = added + 1;
    return added;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

void rbk_builder_push_code(struct rbk_builder *builder, enum rbk_op op, uint32_t operand)
{
    builder->open_codes = GROW(builder, builder->open_codes, builder->open_code_count,
                               builder->open_code_capacity, struct rbk_op_code);
    builder->open_codes[builder->open_code_count++] = (struct rbk_op_code){op, operand};
}

uint32_t rbk_builder_push_read(struct rbk_builder *builder, struct rbk_read read)
{
    builder->open_reads = GROW(builder, builder->open_reads, builder->open_read_count,
                               builder->open_read_capacity, struct rbk_read);
    builder->open_reads[builder->open_read_count] = read;
    return builder->open_read_count++;
}

void rbk_builder_push_arg(struct rbk_builder *builder, struct rbk_arg arg)
{
    builder->open_args = GROW(builder, builder->open_args, builder->open_arg_count,
                              builder->open_arg_capacity, struct rbk_arg);
    builder->open_args[builder->open_arg_count++] = arg;
}

struct rbk_slice rbk_builder_close_codes(struct rbk_builder *builder, uint32_t mark)
{
    struct rbk_slice slice = {builder->machine->code_count, builder->open_code_count - mark};
    for (uint32_t i = mark; i < builder->open_code_count; i++) {
        rbk_build_code(builder, builder->open_codes[i]);
    }
    builder->open_code_count = mark;
    return slice;
}

struct rbk_slice rbk_builder_close_reads(struct rbk_builder *builder, uint32_t mark)
{
    struct rbk_slice slice = {builder->machine->read_count, builder->open_read_count - mark};
    for (uint32_t i = mark; i < builder->open_read_count; i++) {
        rbk_build_read(builder, builder->open_reads[i]);
    }
    builder->open_read_count = mark;
    return slice;
}

struct rbk_slice rbk_builder_close_args(struct rbk_builder *builder, uint32_t mark)
{
    struct rbk_slice slice = {builder->machine->arg_count, builder->open_arg_count - mark};
    for (uint32_t i = mark; i < builder->open_arg_count; i++) {
        rbk_build_arg(builder, builder->open_args[i]);
    }
    builder->open_arg_count = mark;
    return slice;
}

/* ---- references ------------------------------------------------------------------------------ */

uint32_t rbk_builder_label(struct rbk_builder *builder)
{
    builder->labels = GROW(builder, builder->labels, builder->label_count, builder->label_capacity,
                           struct rbk_builder_label);
    builder->labels[builder->label_count] = (struct rbk_builder_label){.region = RBK_NONE};
    return RBK_REF_LABELS + builder->label_count++;
}

void rbk_builder_set(struct rbk_builder *builder, uint32_t label, uint32_t region)
{
    struct rbk_builder_label *row = &builder->labels[label - RBK_REF_LABELS];
    RBK_ASSERT(row->region == RBK_NONE);
    row->region = region;
    row->ordinal = builder->machine->regions[region].states.count;
}

/* What a reference means once states have their final numbers: final[made] is that of a state. */
struct resolution {
    const struct rbk_builder *builder;
    const uint32_t *final;
};

/* @next  The final number after that of the state whose field this is; RBK_NONE elsewhere. */
static void resolve(const struct resolution *resolution, uint32_t *reference, uint32_t next)
{
    if (*reference == RBK_NONE) {
        return;
    }
    if (*reference == RBK_REF_NEXT) {
        RBK_ASSERT(next != RBK_NONE);
        *reference = next;
    } else if (*reference >= RBK_REF_LABELS) {
        const struct rbk_builder_label *label =
            &resolution->builder->labels[*reference - RBK_REF_LABELS];
        RBK_ASSERT(label->region != RBK_NONE);
        const struct rbk_slice *states =
            &resolution->builder->machine->regions[label->region].states;
        RBK_ASSERT(label->ordinal < states->count);
        *reference = states->first + label->ordinal;
    } else {
        *reference = resolution->final[*reference];
    }
}

static void resolve_states(const struct resolution *resolution, struct rbk_machine *machine)
{
    for (uint32_t i = 0; i < machine->state_count; i++) {
        struct rbk_machine_state *state = &machine->states[i];
        const struct rbk_slice *region = &machine->regions[state->region].states;
        uint32_t next = i + 1 < region->first + region->count ? i + 1 : RBK_NONE;
        for (size_t outcome = 0; outcome < RBK_OUTCOME_COUNT; outcome++) {
            resolve(resolution, &state->next[outcome], next);
        }
        resolve(resolution, &state->guard, RBK_NONE);
    }
}

void rbk_builder_finish(struct rbk_builder *builder)
{
    struct rbk_machine *machine = builder->machine;
    uint32_t first = 0;
    uint32_t *placed = rbk_new_array(builder->arena, uint32_t, machine->region_count + 1);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        machine->regions[i].states.first = first;
        placed[i] = first;
        first += machine->regions[i].states.count;
    }
    uint32_t *final = rbk_new_array(builder->arena, uint32_t, machine->state_count + 1);
    struct rbk_machine_state *sorted =
        rbk_new_array(builder->arena, struct rbk_machine_state, machine->state_count + 1);
    for (uint32_t i = 0; i < machine->state_count; i++) {
        final[i] = placed[machine->states[i].region]++;
        sorted[final[i]] = machine->states[i];
    }
    machine->states = sorted;

    struct resolution resolution = {builder, final};
    resolve_states(&resolution, machine);
    for (uint32_t i = 0; i < machine->block_count; i++) {
        resolve(&resolution, &machine->blocks[i].expired, RBK_NONE);
    }
    for (uint32_t i = 0; i < machine->strategy_count; i++) {
        resolve(&resolution, &machine->strategies[i].first_state, RBK_NONE);
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_region *region = &machine->regions[i];
        resolve(&resolution, &region->applied, RBK_NONE);
        resolve(&resolution, &region->rollback, RBK_NONE);
        resolve(&resolution, &region->rolled_back, RBK_NONE);
        resolve(&resolution, &region->held, RBK_NONE);
        resolve(&resolution, &region->stuck, RBK_NONE);
        resolve(&resolution, &region->apply, RBK_NONE);
    }
    resolve(&resolution, &machine->aborting_state, RBK_NONE);
    resolve(&resolution, &machine->cancelling_state, RBK_NONE);
    resolve(&resolution, &machine->stages_state, RBK_NONE);
}
