/*
 * What the files of lowering share; nobody else includes this.
 *
 * One struct rbk_lower lives for the length of rbk_compile_lower(). Statements become states in the
 * order they are met, each leading to the next one made in its region unless told otherwise
 * (builder.h); where a failure leads is part of the context they are lowered in.
 *
 * Names that stand for something else, the parameters of modules, the variables of loops and the
 * slots of `let`, have a *binding*, whose number + 1 is their declaration's `index`. A body that is
 * written out several times binds its names anew each time; a frame remembers those bindings, so
 * that `undo` can come back to them. No action calls itself (RBK141), so a name is bound once at
 * any moment and no search is needed.
 */
#ifndef RBK_COMPILER_LOWER_LOWERING_H
#define RBK_COMPILER_LOWER_LOWERING_H

#include "compiler/compile.h"
#include "compiler/lower/builder.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/template.h"
#include "compiler/parse.h"
#include "compiler/program.h"

/** How often a probe, and a trigger's own readings, are read where a plan does not say. */
#define RBK_LOWER_EVERY_MS 30000u

/** What a parameter, loop variable or slot stands for. */
enum rbk_binding_kind {
    RBK_BINDING_EXPR, /**< An expression, written out where the name is used. */
    RBK_BINDING_SLOT, /**< A slot of the machine. */
    RBK_BINDING_ITEM, /**< Item `item` of the list in a slot. */
};

struct rbk_binding {
    enum rbk_binding_kind kind;
    const struct rbk_tree_expr *expr;
    const struct rbk_source *source; /**< Where expr stands. */
    uint32_t slot;
    uint32_t item;
};

/** A name and what it stood for. */
struct rbk_bound {
    struct rbk_declaration *declaration;
    uint32_t index; /**< The declaration's index: binding + 1. */
    uint32_t saved; /**< What it was outside; restored when the frame is left. */
};

/** The names bound by one instance of a body: an action, a turn of a loop, a backup. */
struct rbk_frame {
    struct rbk_frame *outer;
    const struct rbk_source *source; /**< Where the body stands. */
    struct rbk_bound *bounds;
    uint32_t count, capacity;
};

/** One instance of an action in an `apply`, for `undo`. */
struct rbk_instance {
    const struct rbk_tree_statement *undo; /**< Its UNDO_BLOCK. */
    struct rbk_frame *frame;
    struct rbk_slice effects; /**< Rows of lower->first_effects: states, one of which must have been
                                   dispatched for the instance to have begun. None: it changes
                                   nothing. */
    struct rbk_str name;      /**< Of the instance, "scale". */
};

/** The `do`, `take` and `restore` around a step, innermost first; each lives as long as its own
 * lowering. */
struct rbk_inherited {
    const struct rbk_tree_statement *statement;
    const struct rbk_inherited *outer;
};

/** Where steps are being lowered. */
struct rbk_context {
    uint32_t region;
    enum rbk_phase phase;
    enum rbk_phase verify_phase; /**< Of `verify` blocks inside. */
    uint32_t block;              /**< RBK_NONE: no deadline. */
    uint32_t failed;             /**< Reference: where every failure leads. */
    struct rbk_str name;         /**< Of the block, "migrate.apply": prefix of its states' names. */
    struct rbk_str label;        /**< For slots: "migrate" or "migrate.scale". */
    bool undoable;               /**< Actions are remembered for `undo`: an `apply`. */
    const struct rbk_inherited *inherited; /**< Whose clauses hold for effects that say nothing
                                              themselves; NULL: nobody's. */
};

/** How readings and probes are lowered. */
struct rbk_reading_mode {
    uint64_t timeout_ms; /**< Of a reading; never 0. */
    bool windows; /**< A probe's name means its last value (triggers), not a fresh reading. */
    bool refused; /**< No reading can be taken here. */
    uint64_t probe_every_ms; /**< Not 0: what is read becomes a probe of its own (criteria). */
};

/** A place that was worked out before. */
struct rbk_known_place {
    const struct rbk_source *source; /**< NULL: none yet. */
    uint32_t offset;
    struct rbk_machine_place place;
};
#define RBK_KNOWN_PLACES 256u

struct rbk_lower {
    struct rbk_compile *compile;
    struct rbk_program *program;
    struct rbk_builder builder;
    struct rbk_arena scratch;        /**< Reset after each effect. */
    const struct rbk_source *source; /**< Of the statement or expression being lowered. */
    struct rbk_frame *frame;         /**< Innermost, or NULL. */
    struct rbk_binding *bindings;
    uint32_t binding_count, binding_capacity;
    struct rbk_instance *instances; /**< Of the stage being lowered, in order. */
    uint32_t instance_count, instance_capacity;
    uint32_t written_out;    /**< Actions so far, of the whole plan. */
    uint32_t *first_effects; /**< Of all instances. */
    uint32_t first_effect_count, first_effect_capacity;
    const struct rbk_context *context; /**< While an effect is lowered: where readings inside its
                                            texts are bound first. NULL: nowhere. */
    struct rbk_str statement_name; /**< Of the state being made, for the states that precede it. */
    uint32_t hoisted;              /**< States that precede it so far. */

    struct rbk_reading_mode mode;
    uint32_t read_base; /**< Of the expression under way, on the stack of open readings. */
    bool
        in_reading; /**< Inside the arguments of a reading: its expressions have no own readings. */
    bool saw_secret;         /**< A secret was used in the expression under way. */
    bool saw_probe;          /**< A window or baseline was used. */
    uint64_t probe_every_ms; /**< Smallest `every` of the probes used; 0: none. */
    bool only_alerts;        /**< Every probe used is pushed. */

    uint32_t *probe_baselines; /**< Probe -> baseline, RBK_NONE. */
    uint32_t probe_capacity;   /**< Rows that probe_baselines and probe_span_ms have room for. */
    uint64_t *probe_span_ms;   /**< Probe -> longest span any window needs. */
    uint32_t first_stage;      /**< Region of stage 0. */
    struct rbk_known_place known_places[RBK_KNOWN_PLACES];
    bool stopped; /**< A limit was passed and reported: unwind quickly. */
};

/* ---- lower.c: places, refusals, bindings ---- */

/** The place of a span in the source being lowered, for diagnostics and for the machine. */
struct rbk_place rbk_lower_place(const struct rbk_lower *lower, struct rbk_span span);
struct rbk_machine_place rbk_lower_machine_place(struct rbk_lower *lower, struct rbk_span span);
/** RBK180: `what` is not carried out by this version. @return  For what to write instead. */
RBK_PRINTF(3, 4)
struct rbk_diagnostic *rbk_lower_refuse(struct rbk_lower *lower, struct rbk_span span,
                                        const char *format, ...);
/** RBK170, once: afterwards `stopped` is set. */
void rbk_lower_stop(struct rbk_lower *lower, struct rbk_span span, const char *what);
/** Stop when the machine under construction has passed a limit: bodies that are written out within
 * bodies grow without bound. */
void rbk_lower_check_size(struct rbk_lower *lower, struct rbk_span span);

struct rbk_frame *rbk_lower_enter(struct rbk_lower *lower, const struct rbk_source *source);
/** @keep  Names of `let` stay bound for what follows (a loop's last turn, a backup). */
void rbk_lower_leave(struct rbk_lower *lower, bool keep);
/** Come back to a frame that was left, and to those around it. Leave with rbk_lower_abandon(). */
void rbk_lower_return(struct rbk_lower *lower, struct rbk_frame *frame);
void rbk_lower_abandon(struct rbk_lower *lower, struct rbk_frame *frame);
/** Bind a name, in the frame if there is one. */
void rbk_lower_bind(struct rbk_lower *lower, struct rbk_declaration *declaration,
                    struct rbk_binding binding);
const struct rbk_binding *rbk_lower_binding(const struct rbk_lower *lower,
                                            const struct rbk_declaration *declaration);
/** A fresh slot bound to a LET or INTO declaration; its name is qualified by the context. */
uint32_t rbk_lower_slot(struct rbk_lower *lower, const struct rbk_context *context,
                        struct rbk_declaration *declaration);
/** The CONNECTION row that a name means, through parameters. */
uint32_t rbk_lower_connection(struct rbk_lower *lower, const struct rbk_tree_name *name);
uint32_t rbk_lower_connection_expr(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** The literal text of a string without values; refuses others. */
struct rbk_str rbk_lower_literal(struct rbk_lower *lower, const struct rbk_tree_expr *expr,
                                 const char *what);
/** A duration that must be known now: a literal, or a parameter's default. 0 when it is not. */
uint64_t rbk_lower_known_duration(const struct rbk_lower *lower, const struct rbk_tree_expr *expr);

/* ---- lower_text.c: the plan as written, in one spelling ---- */

/** An expression in canonical spelling on one line, cut to a readable length. In the arena. */
struct rbk_str rbk_lower_expr_text(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** The head of a statement likewise: `sql db "CREATE INDEX …"`. */
struct rbk_str rbk_lower_statement_text(struct rbk_lower *lower,
                                        const struct rbk_tree_statement *statement);

/* ---- lower_expr.c ---- */

/** An expression under construction. */
struct rbk_expr_open {
    uint32_t code_mark;
    uint32_t saved_read_base;
    bool saved_secret;
};
void rbk_lower_open(struct rbk_lower *lower, struct rbk_expr_open *open);
/** Close it: a row of `exprs` of this type. */
uint32_t rbk_lower_close(struct rbk_lower *lower, const struct rbk_expr_open *open,
                         enum rbk_type type, struct rbk_str text);

/** A whole expression as a row of `exprs`, with its readings. */
uint32_t rbk_lower_expr(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** A constant as a row of `exprs`. */
uint32_t rbk_lower_constant(struct rbk_lower *lower, struct rbk_value value);
uint32_t rbk_lower_constant_text(struct rbk_lower *lower, struct rbk_str text);
/** Push the code of an expression onto the one under way. */
void rbk_lower_emit(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** Push a value that stands in an effect's text: one that needs a reading is bound to a slot by a
 * LET state first. */
void rbk_lower_emit_value(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** Push the pieces joined to one text; in a url, values that are no url themselves are encoded. */
void rbk_lower_emit_joined(struct rbk_lower *lower, struct rbk_pieces pieces, bool url);
/** Push a JSON text: values become whole JSON values, or escaped text inside a JSON string. */
void rbk_lower_emit_json(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** Whether computing it needs a reading of the outside world. */
bool rbk_lower_reads(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** What a name or call of the plan's text stands for behind parameters: the innermost expression.
 */
const struct rbk_tree_expr *rbk_lower_resolve(const struct rbk_lower *lower,
                                              const struct rbk_tree_expr *expr,
                                              const struct rbk_source **ret_source);

/* ---- lower_call.c ---- */

void rbk_lower_emit_call(struct rbk_lower *lower, const struct rbk_tree_expr *call);
/** Bind the parameters of a declared ACTION, READING or CHANNEL_TYPE to what a call gives them; the
 * frame is entered already. With a context, an argument that needs a reading is read once, by a LET
 * state named `name.argument.PARAMETER`. */
void rbk_lower_bind_arguments(struct rbk_lower *lower, const struct rbk_context *context,
                              struct rbk_str name, const struct rbk_tree_expr *call,
                              const struct rbk_source *caller);
/** Push the fresh reading of a probe, or its last value, as the mode says. */
void rbk_lower_emit_probe(struct rbk_lower *lower, const struct rbk_declaration *probe);

/* ---- lower_template.c: arguments; each pushes rows on the open arguments ---- */

struct rbk_pieces rbk_lower_pieces(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** Text for people or for a command, as it is. */
void rbk_lower_arg_text(struct rbk_lower *lower, enum rbk_arg_kind kind, struct rbk_str name,
                        const struct rbk_tree_expr *expr);
void rbk_lower_arg_constant(struct rbk_lower *lower, enum rbk_arg_kind kind, struct rbk_str text);
void rbk_lower_arg_value(struct rbk_lower *lower, enum rbk_arg_kind kind,
                         const struct rbk_tree_expr *expr);
void rbk_lower_arg_words(struct rbk_lower *lower, enum rbk_arg_kind kind, bool dash_refused,
                         const struct rbk_tree_expr *expr);
void rbk_lower_arg_script(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
void rbk_lower_arg_url(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
void rbk_lower_arg_json(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** STATEMENT and its BINDs, from a text or a file. */
void rbk_lower_arg_statement(struct rbk_lower *lower, const struct rbk_tree_expr *expr);
/** The expression of a text, as a row of its own, for messages and questions. */
uint32_t rbk_lower_text(struct rbk_lower *lower, const struct rbk_tree_expr *expr);

/** RBK160 for a secret that would become readable. */
void rbk_lower_report_secret(struct rbk_lower *lower, struct rbk_span span);

/* ---- lower_effect.c: one step, one effect ---- */

/** Whether a step is one effect; the others are control, `do`, `take`, `restore` and `undo`. */
bool rbk_lower_is_effect(const struct rbk_tree_statement *statement);
/** An effect row that says nothing yet. */
struct rbk_effect rbk_lower_effect_row(struct rbk_lower *lower, enum rbk_effect_kind kind,
                                       struct rbk_span span);
/** The effect of a step that is one, and of REQUIRE and APPROVE. Readings inside its texts go
 * before it as LET states named after `name`; without a context they are refused. */
struct rbk_effect rbk_lower_step_effect(struct rbk_lower *lower, const struct rbk_context *context,
                                        const struct rbk_tree_statement *statement,
                                        struct rbk_str name);
/** Bind `into` and `let`, once the effect's own texts are lowered. */
void rbk_lower_effect_into(struct rbk_lower *lower, const struct rbk_context *context,
                           const struct rbk_tree_statement *statement, struct rbk_effect *effect);
/** Make the state of an effect. @return its reference. */
uint32_t rbk_lower_effect_state(struct rbk_lower *lower, const struct rbk_context *context,
                                struct rbk_str name, struct rbk_effect effect);
/** Make a state that carries out nothing; its `next` says nothing yet. @return its reference. */
uint32_t rbk_lower_plain_state(struct rbk_lower *lower, const struct rbk_context *context,
                               enum rbk_state_kind kind, struct rbk_str name,
                               struct rbk_machine_place place);
/** The row of a state by its reference. */
struct rbk_machine_state *rbk_lower_state(struct rbk_lower *lower, uint32_t reference);
/** An expression evaluated into a fresh slot, before what follows. @return the slot. */
uint32_t rbk_lower_let_state(struct rbk_lower *lower, const struct rbk_context *context,
                             struct rbk_str name, const struct rbk_tree_expr *expr);
/** A condition, with the reading mode of a step that has this timeout (0: none). */
uint32_t rbk_lower_condition(struct rbk_lower *lower, const struct rbk_tree_expr *expr,
                             uint64_t timeout_ms);

/* ---- lower_steps.c ---- */

void rbk_lower_block(struct rbk_lower *lower, const struct rbk_context *context,
                     const struct rbk_tree_block *block);
/** One statement, number `number` of its block. */
void rbk_lower_step(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, uint32_t number);
/** When the statement has this clause (WITHIN, or TIMEOUT of a `do`), a row of `blocks` for the
 * context: its time being up leads where its failures lead. */
void rbk_lower_within(struct rbk_lower *lower, struct rbk_context *context,
                      const struct rbk_tree_statement *statement, enum rbk_clause_kind clause_kind);

/* ---- lower_loop.c ---- */

void rbk_lower_foreach(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_tree_statement *statement, struct rbk_str name);
void rbk_lower_if(struct rbk_lower *lower, const struct rbk_context *context,
                  const struct rbk_tree_statement *statement, struct rbk_str name);
void rbk_lower_parallel(struct rbk_lower *lower, const struct rbk_context *context,
                        const struct rbk_tree_statement *statement, struct rbk_str name);

/* ---- lower_action.c ---- */

/** What the clauses of `do`, `take` and `restore` mean for the steps they stand for. @inherited Set
 * here; lives as long as the context. @ret_end  A label for rbk_lower_composite_end(), or RBK_NONE.
 */
void rbk_lower_composite(struct rbk_lower *lower, struct rbk_context *inner,
                         const struct rbk_tree_statement *statement,
                         struct rbk_inherited *inherited, uint32_t *ret_end);
void rbk_lower_composite_end(struct rbk_lower *lower, const struct rbk_context *context,
                             uint32_t end);
void rbk_lower_do(struct rbk_lower *lower, const struct rbk_context *context,
                  const struct rbk_tree_statement *statement, struct rbk_str name);
void rbk_lower_undo(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, struct rbk_str name);

/* ---- lower_backup.c ---- */

void rbk_lower_take(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, struct rbk_str name);
void rbk_lower_restore(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_tree_statement *statement, struct rbk_str name);

/* ---- lower_reaction.c ---- */

uint32_t rbk_lower_reaction(struct rbk_lower *lower, const struct rbk_tree_reaction *reaction,
                            uint32_t text);
uint32_t rbk_lower_plain_reaction(struct rbk_lower *lower, enum rbk_reaction_kind kind);
/** The `else` of a question of this kind; `ask R` in it puts the same question, with the same text,
 * to others. @reaction  NULL: nothing was written, and it aborts. */
uint32_t rbk_lower_asked_on(struct rbk_lower *lower, const struct rbk_tree_reaction *reaction,
                            enum rbk_question_kind kind, uint32_t text);
/** A question. @text  An expression; @roles  who is asked, with how many of each; the rest as in
 * struct rbk_question. */
uint32_t rbk_lower_question(struct rbk_lower *lower, enum rbk_question_kind kind, uint32_t text,
                            const struct rbk_tree_name *roles, bool four_eyes, uint64_t within_ms,
                            uint32_t otherwise, struct rbk_span span);
/** The rows of `indexes` for a list of names, each the row its declaration stands for. */
struct rbk_slice rbk_lower_indexes(struct rbk_lower *lower, const struct rbk_tree_name *names,
                                   uint32_t offset);

/* ---- lower_instant.c ---- */

/** `not before DAY TIME "ZONE"` in the row of its stage: an instant, or what a zone's clocks show.
 */
void rbk_lower_instant(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                       struct rbk_region *region);

/* ---- lower_head.c, lower_probe.c, lower_channel.c, lower_trigger.c ---- */

void rbk_lower_head(struct rbk_lower *lower);
/** The row of a WINDOW statement; RBK_NONE for NULL. */
uint32_t rbk_lower_window(struct rbk_lower *lower, const struct rbk_tree_statement *statement);
/** Waivers, of the plan or of a stage. */
void rbk_lower_allows(struct rbk_lower *lower, const struct rbk_statements *allows);
void rbk_lower_probes(struct rbk_lower *lower);
/** A probe of the machine, whose ring is not made yet. @return its row. */
uint32_t rbk_lower_add_probe(struct rbk_lower *lower, struct rbk_probe probe);
/** Once every window is known: how many readings each probe must keep. */
void rbk_lower_probe_rings(struct rbk_lower *lower);
void rbk_lower_channels(struct rbk_lower *lower);
/** Hooks and reports. */
void rbk_lower_messages(struct rbk_lower *lower);
void rbk_lower_triggers(struct rbk_lower *lower);
/** Before the plan's region: whether a criterion reads anything decides what that begins with. */
void rbk_lower_criteria(struct rbk_lower *lower);

/* ---- lower_stage.c, lower_plan.c ---- */

/** A region row that says nothing yet. */
struct rbk_region rbk_lower_region_row(struct rbk_lower *lower, enum rbk_region_kind kind,
                                       struct rbk_span span);
/** The rows of all regions but branches, so that they can name each other. */
void rbk_lower_regions(struct rbk_lower *lower);
void rbk_lower_stages(struct rbk_lower *lower);
void rbk_lower_retire(struct rbk_lower *lower);
void rbk_lower_plan(struct rbk_lower *lower);
/** A gate: REQUIRE, ATTEST, APPROVE as a state. */
void rbk_lower_gate(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, uint32_t number);

#endif
