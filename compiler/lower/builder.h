/*
 * The builder: a machine under construction.
 *
 * Every table of a machine grows in the compilation's arena. States are made in the order lowering
 * meets them, which mixes regions (a `parallel` block makes its branches in the middle of a stage);
 * a machine wants the states of a region side by side. So until the end a state is named by a
 * *reference*, and rbk_builder_finish() sorts the states by region and turns every reference into
 * its final number:
 *
 *   RBK_NONE          nothing
 *   RBK_REF_NEXT      the state made next in the same region (only in `next`)
 *   a label           a place in a region that is set later, rbk_builder_label()
 *   anything else     a state, by the order in which it was made
 *
 * Stacks for expressions: the codes, readings and arguments of an expression must lie side by side,
 * but building one can build others. They are collected on the open stacks and copied to their
 * table when complete.
 */
#ifndef RBK_COMPILER_LOWER_BUILDER_H
#define RBK_COMPILER_LOWER_BUILDER_H

#include "runtime/core/base/arena.h"
#include "runtime/core/machine.h"

#include <stdbool.h>
#include <stdint.h>

/** The state made next in the same region. */
#define RBK_REF_NEXT (UINT32_MAX - 1u)
/** References from here on, except the two above, are labels. */
#define RBK_REF_LABELS 0x80000000u

/** A place in a region: before its state number `ordinal`. */
struct rbk_builder_label {
    uint32_t region; /**< RBK_NONE until the label is set. */
    uint32_t ordinal;
};

/** A machine under construction; the caller's memory. */
struct rbk_builder {
    struct rbk_arena *arena;     /**< Borrowed; owns every table and text of the machine. */
    struct rbk_machine *machine; /**< In the arena. */
#define X(type, rows, row) uint32_t row##_capacity; /**< Rows there is room for. */
    RBK_MACHINE_TABLES(X)
#undef X
    struct rbk_builder_label *labels;
    uint32_t label_count, label_capacity;
    uint32_t *constant_slots; /**< Hash table over constants: row + 1, 0 is free. */
    uint32_t constant_slot_count;

    struct rbk_op_code *open_codes; /**< Stack. */
    uint32_t open_code_count, open_code_capacity;
    struct rbk_read *open_reads; /**< Stack. */
    uint32_t open_read_count, open_read_capacity;
    struct rbk_arg *open_args; /**< Stack. */
    uint32_t open_arg_count, open_arg_capacity;
};

/** Start a machine with empty tables. */
void rbk_builder_init(struct rbk_builder *builder, struct rbk_arena *arena);

/* rbk_build_region(builder, row), rbk_build_effect(builder, row), …: append a row to a table and
 * give its number. Texts and slices of the row are taken as they are. For states and constants use
 * the functions below. */
#define X(type, rows, row) uint32_t rbk_build_##row(struct rbk_builder *builder, type value);
RBK_MACHINE_TABLES(X)
#undef X

/** Add a state to the region its row names, which exists already and counts it. */
uint32_t rbk_builder_state(struct rbk_builder *builder, struct rbk_machine_state state);

/** The number of an equal constant, added when there is none. Texts are copied when added. */
uint32_t rbk_builder_constant(struct rbk_builder *builder, struct rbk_value value);

/** A label that rbk_builder_set() will put somewhere; usable as a reference at once. */
uint32_t rbk_builder_label(struct rbk_builder *builder);

/** Put a label before the state of this region that is made next. Each label is set once. */
void rbk_builder_set(struct rbk_builder *builder, uint32_t label, uint32_t region);

/* The stacks. `mark` is the count before the first push; closing copies what is above it. */
void rbk_builder_push_code(struct rbk_builder *builder, enum rbk_op op, uint32_t operand);
uint32_t rbk_builder_push_read(struct rbk_builder *builder, struct rbk_read read);
void rbk_builder_push_arg(struct rbk_builder *builder, struct rbk_arg arg);
struct rbk_slice rbk_builder_close_codes(struct rbk_builder *builder, uint32_t mark);
struct rbk_slice rbk_builder_close_reads(struct rbk_builder *builder, uint32_t mark);
struct rbk_slice rbk_builder_close_args(struct rbk_builder *builder, uint32_t mark);

/** Sort the states by region and resolve every reference. Called once, last. */
void rbk_builder_finish(struct rbk_builder *builder);

#endif
