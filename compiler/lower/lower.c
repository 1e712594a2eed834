/*
 * The way through lowering, and what all of its files need: places, refusals, bindings, frames.
 *
 * The order is fixed by what names what: sources, the head's rows, probes, the regions (stages are
 * named by triggers and by each other), channels, then stages, retire, the plan's own region,
 * messages and triggers; at the end the rings of probes, which every window may enlarge, and the
 * references.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/stop_times.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a plan may take of a compilation's memory while it is written out. */
#define LOWER_BYTES_MAX (RBK_COMPILE_BYTES_MAX / 2)

struct rbk_place rbk_lower_place(const struct rbk_lower *lower, struct rbk_span span)
{
    return rbk_place_make(lower->source, span);
}

struct rbk_machine_place rbk_lower_machine_place(struct rbk_lower *lower, struct rbk_span span)
{
    /* Finding a column counts characters from the start of the line; what is written out many times
     * asks for the same place each time. */
    struct rbk_known_place *known = &lower->known_places[span.start % RBK_KNOWN_PLACES];
    if (known->source != lower->source || known->offset != span.start) {
        struct rbk_position position = rbk_source_position(lower->source, span.start);
        known->source = lower->source;
        known->offset = span.start;
        known->place =
            (struct rbk_machine_place){lower->source->id, position.line, position.column};
    }
    return known->place;
}

struct rbk_diagnostic *rbk_lower_refuse(struct rbk_lower *lower, struct rbk_span span,
                                        const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_UNSUPPORTED,
                                rbk_lower_place(lower, span),
                                "%s is not carried out by this version", what);
}

void rbk_lower_stop(struct rbk_lower *lower, struct rbk_span span, const char *what)
{
    if (!lower->stopped) {
        lower->stopped = true;
        (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_LIMIT,
                                   rbk_lower_place(lower, span), "%s", what);
    }
}

void rbk_lower_check_size(struct rbk_lower *lower, struct rbk_span span)
{
    const struct rbk_machine *machine = lower->builder.machine;
    if (machine->state_count > RBK_STATES_MAX ||
        lower->builder.arena->bytes_used > LOWER_BYTES_MAX) {
        rbk_lower_stop(lower, span, "the plan has too many steps once everything is written out");
    } else if (machine->region_count > RBK_REGIONS_MAX) {
        rbk_lower_stop(lower, span, "the plan has too many stages and parallel branches");
    }
}

/* ---- bindings -------------------------------------------------------------------------------- */

struct rbk_frame *rbk_lower_enter(struct rbk_lower *lower, const struct rbk_source *source)
{
    struct rbk_frame *frame = rbk_new(lower->builder.arena, struct rbk_frame);
    frame->outer = lower->frame;
    frame->source = source;
    lower->frame = frame;
    return frame;
}

static void frame_add(struct rbk_lower *lower, struct rbk_frame *frame, struct rbk_bound bound)
{
    if (frame->count == frame->capacity) {
        uint32_t capacity = frame->capacity == 0 ? 4 : frame->capacity * 2;
        struct rbk_bound *bounds = rbk_new_array(lower->builder.arena, struct rbk_bound, capacity);
        if (frame->count > 0) {
            memcpy(bounds, frame->bounds, frame->count * sizeof *bounds);
        }
        frame->bounds = bounds;
        frame->capacity = capacity;
    }
    frame->bounds[frame->count++] = bound;
}

void rbk_lower_leave(struct rbk_lower *lower, bool keep)
{
    struct rbk_frame *frame = lower->frame;
    lower->frame = frame->outer;
    for (uint32_t i = frame->count; i-- > 0;) {
        struct rbk_bound *bound = &frame->bounds[i];
        bool kept = keep && (bound->declaration->kind == RBK_DECLARATION_LET ||
                             bound->declaration->kind == RBK_DECLARATION_INTO);
        if (!kept) {
            bound->declaration->index = bound->saved;
        } else if (frame->outer != NULL) {
            frame_add(lower, frame->outer, *bound);
        }
    }
}

static void return_to(struct rbk_frame *frame)
{
    if (frame == NULL) {
        return;
    }
    return_to(frame->outer);
    for (uint32_t i = 0; i < frame->count; i++) {
        struct rbk_bound *bound = &frame->bounds[i];
        bound->saved = bound->declaration->index;
        bound->declaration->index = bound->index;
    }
}

void rbk_lower_return(struct rbk_lower *lower, struct rbk_frame *frame)
{
    return_to(frame);
    lower->frame = frame;
    lower->source = frame->source;
}

void rbk_lower_abandon(struct rbk_lower *lower, struct rbk_frame *frame)
{
    (void)lower;
    for (; frame != NULL; frame = frame->outer) {
        for (uint32_t i = frame->count; i-- > 0;) {
            frame->bounds[i].declaration->index = frame->bounds[i].saved;
        }
    }
}

void rbk_lower_bind(struct rbk_lower *lower, struct rbk_declaration *declaration,
                    struct rbk_binding binding)
{
    if (lower->binding_count == lower->binding_capacity) {
        uint32_t capacity = lower->binding_capacity == 0 ? 64 : lower->binding_capacity * 2;
        struct rbk_binding *bindings =
            rbk_new_array(lower->builder.arena, struct rbk_binding, capacity);
        if (lower->binding_count > 0) {
            memcpy(bindings, lower->bindings, lower->binding_count * sizeof *bindings);
        }
        lower->bindings = bindings;
        lower->binding_capacity = capacity;
    }
    lower->bindings[lower->binding_count++] = binding;
    uint32_t index = lower->binding_count;
    if (lower->frame != NULL) {
        frame_add(lower, lower->frame, (struct rbk_bound){declaration, index, declaration->index});
    }
    declaration->index = index;
}

const struct rbk_binding *rbk_lower_binding(const struct rbk_lower *lower,
                                            const struct rbk_declaration *declaration)
{
    return declaration->index == 0 ? NULL : &lower->bindings[declaration->index - 1];
}

uint32_t rbk_lower_slot(struct rbk_lower *lower, const struct rbk_context *context,
                        struct rbk_declaration *declaration)
{
    struct rbk_slot slot = {
        .name = rbk_arena_printf(lower->builder.arena, "%.*s.%.*s", RBK_STR_ARG(context->label),
                                 RBK_STR_ARG(declaration->name->text)),
        .type = (enum rbk_type)declaration->typing.type,
    };
    uint32_t row = rbk_build_slot(&lower->builder, slot);
    rbk_lower_bind(lower, declaration, (struct rbk_binding){.kind = RBK_BINDING_SLOT, .slot = row});
    return row;
}

const struct rbk_tree_expr *rbk_lower_resolve(const struct rbk_lower *lower,
                                              const struct rbk_tree_expr *expr,
                                              const struct rbk_source **ret_source)
{
    const struct rbk_source *source = lower->source;
    while (expr->kind == RBK_EXPR_NAME && expr->ref != NULL &&
           (expr->ref->kind == RBK_DECLARATION_PARAMETER ||
            expr->ref->kind == RBK_DECLARATION_FOREACH)) {
        const struct rbk_binding *binding = rbk_lower_binding(lower, expr->ref);
        if (binding == NULL || binding->kind != RBK_BINDING_EXPR) {
            break;
        }
        expr = binding->expr;
        source = binding->source;
    }
    if (ret_source != NULL) {
        *ret_source = source;
    }
    return expr;
}

uint32_t rbk_lower_connection_expr(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, NULL);
    if (inner->ref == NULL || inner->ref->kind != RBK_DECLARATION_CONNECTION) {
        rbk_lower_refuse(lower, expr->span, "a connection that is not one of the plan's own");
        return 0;
    }
    return inner->ref->index;
}

uint32_t rbk_lower_connection(struct rbk_lower *lower, const struct rbk_tree_name *name)
{
    const struct rbk_declaration *declaration = name->ref;
    if (declaration->kind == RBK_DECLARATION_CONNECTION) {
        return declaration->index;
    }
    const struct rbk_binding *binding = rbk_lower_binding(lower, declaration);
    if (binding == NULL || binding->kind != RBK_BINDING_EXPR) {
        rbk_lower_refuse(lower, name->span, "a connection that is not one of the plan's own");
        return 0;
    }
    return rbk_lower_connection_expr(lower, binding->expr);
}

struct rbk_str rbk_lower_literal(struct rbk_lower *lower, const struct rbk_tree_expr *expr,
                                 const char *what)
{
    const struct rbk_source *source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &source);
    if (inner->kind != RBK_EXPR_STRING || inner->has_parts) {
        rbk_lower_refuse(lower, expr->span, "%s that is not a literal text", what);
        return RBK_STR("");
    }
    return inner->text;
}

uint64_t rbk_lower_known_duration(const struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, NULL);
    if (inner->kind == RBK_EXPR_NAME && inner->ref != NULL &&
        inner->ref->kind == RBK_DECLARATION_PARAM && inner->ref->statement->value != NULL) {
        inner = inner->ref->statement->value;
    }
    return inner->kind == RBK_EXPR_DURATION ? (uint64_t)inner->number : 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The last part of a path. A machine is the same wherever the plan lies, and however the way to it
 * was spelled. */
static struct rbk_str file_name(struct rbk_str path)
{
    const char *slash = memrchr(path.data, '/', path.bytes);
    return slash != NULL ? rbk_str_slice(path, (size_t)(slash + 1 - path.data), path.bytes) : path;
}

static void lower_sources(struct rbk_lower *lower)
{
    for (uint32_t i = 0; i < lower->program->file_count; i++) {
        const struct rbk_program_file *file = lower->program->files[i];
        const struct rbk_source *source = file->tree->source;
        char digits[RBK_SHA256_HEX_BYTES];
        rbk_sha256_hex(source->text.data, source->text.bytes, digits);
        (void)rbk_build_source(
            &lower->builder,
            (struct rbk_machine_source){
                .path = file->module.bytes > 0 ? file->module : file_name(source->path),
                .sha256 = rbk_arena_copy(lower->builder.arena, rbk_str_from(digits)),
            });
    }
}

int rbk_compile_lower(struct rbk_compile *compile, struct rbk_machine **ret_machine)
{
    struct rbk_lower lower = {
        .compile = compile,
        .program = &compile->program,
        .mode = {.timeout_ms = RBK_READING_MS_MAX},
    };
    uint32_t errors = compile->diagnostics.errors;
    RBK_ASSERT(errors == 0);
    if (!compile->program.plan) {
        rbk_diagnostic_error(&compile->diagnostics, 100, rbk_place_none(),
                             "a module has no machine, only a plan has");
        return -RBK_ECOMPILE;
    }
    rbk_builder_init(&lower.builder, &compile->arena);
    rbk_arena_init(&lower.scratch, RBK_COMPILE_BYTES_MAX);
    lower.source = compile->program.files[0]->tree->source;

    lower_sources(&lower);
    rbk_lower_head(&lower);
    rbk_lower_probes(&lower);
    rbk_lower_criteria(&lower);
    rbk_lower_regions(&lower);
    rbk_lower_channels(&lower);
    rbk_lower_stages(&lower);
    rbk_lower_retire(&lower);
    rbk_lower_plan(&lower);
    rbk_lower_messages(&lower);
    rbk_lower_triggers(&lower);
    rbk_lower_probe_rings(&lower);
    rbk_lower_check_size(&lower, compile->program.plan->head);

    int result = -RBK_ECOMPILE;
    if (compile->diagnostics.errors == 0) {
        rbk_builder_finish(&lower.builder);
        *ret_machine = lower.builder.machine;
        result = 0;
    }
    rbk_arena_fini(&lower.scratch);
    return result;
}
