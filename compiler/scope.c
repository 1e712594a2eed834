/*
 * The scope: declarations in a stack, found through their interned names. Pushing and popping cost
 * the same whatever is in scope; only messages look at everything, and only while messages are
 * still kept.
 */
#include "compiler/analysis.h"
#include "compiler/nearest.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

#include <string.h>

/* An unknown name is looked for in the other stages while fewer than so many findings are kept. */
#define STAGES_LOOKED_THROUGH_MAX 100u

enum rbk_name_space rbk_space_of(enum rbk_declaration_kind kind)
{
    switch (kind) {
    case RBK_DECLARATION_MODULE:
    case RBK_DECLARATION_PARAM:
    case RBK_DECLARATION_SECRET:
    case RBK_DECLARATION_CONNECTION:
    case RBK_DECLARATION_PROBE:
    case RBK_DECLARATION_PARAMETER:
    case RBK_DECLARATION_LET:
    case RBK_DECLARATION_INTO:
    case RBK_DECLARATION_FOREACH:
        return RBK_SPACE_VALUE;
    case RBK_DECLARATION_ACTION:
    case RBK_DECLARATION_READING:
    case RBK_DECLARATION_CHANNEL_TYPE:
        return RBK_SPACE_CALLABLE;
    case RBK_DECLARATION_CHANNEL:
        return RBK_SPACE_CHANNEL;
    case RBK_DECLARATION_ROLE:
        return RBK_SPACE_ROLE;
    case RBK_DECLARATION_SEVERITY:
        return RBK_SPACE_SEVERITY;
    case RBK_DECLARATION_TRIGGER:
        return RBK_SPACE_TRIGGER;
    case RBK_DECLARATION_SIGNAL:
        return RBK_SPACE_SIGNAL;
    case RBK_DECLARATION_BACKUP:
        return RBK_SPACE_BACKUP;
    case RBK_DECLARATION_LOCK:
        return RBK_SPACE_LOCK;
    case RBK_DECLARATION_STAGE:
        return RBK_SPACE_STAGE;
    case RBK_DECLARATION_STRATEGY:
        return RBK_SPACE_STRATEGY;
    case RBK_DECLARATION_PLAN:
    case RBK_DECLARATION_CORE:
    case RBK_DECLARATION_KINDS:
        return RBK_SPACE_NONE;
    }
    return RBK_SPACE_NONE;
}

const char *rbk_article(const char *word)
{
    return word[0] && strchr("aeiou", word[0]) ? "an" : "a";
}

/* What a declaration is, in a word. */
static const char *kind_words(const struct rbk_declaration *declaration)
{
    return rbk_declaration_words((enum rbk_declaration_kind)declaration->kind);
}

/* What a space holds, for messages. */
static const char *space_words(enum rbk_name_space space)
{
    static const char *const words[] = {
        [RBK_SPACE_VALUE] = "name",        [RBK_SPACE_CALLABLE] = "action or reading",
        [RBK_SPACE_CHANNEL] = "channel",   [RBK_SPACE_ROLE] = "role",
        [RBK_SPACE_SEVERITY] = "severity", [RBK_SPACE_TRIGGER] = "trigger",
        [RBK_SPACE_SIGNAL] = "signal",     [RBK_SPACE_BACKUP] = "backup",
        [RBK_SPACE_LOCK] = "lock",         [RBK_SPACE_STAGE] = "stage",
        [RBK_SPACE_STRATEGY] = "strategy", [RBK_SPACE_NONE] = "name",
    };
    return words[space];
}

/* What is written before and after a name to declare it at the head of a plan. */
static const struct {
    enum rbk_name_space space;
    const char *before, *after;
} examples[] = {
    {RBK_SPACE_CHANNEL, "channel", " = …"},
    {RBK_SPACE_ROLE, "role", " { contact \"…\" }"},
    {RBK_SPACE_SEVERITY, "severity", " then …"},
    {RBK_SPACE_BACKUP, "backup", " { … }"},
};

struct rbk_place rbk_declaration_place(const struct rbk_declaration *declaration)
{
    if (!declaration->file) {
        return rbk_place_none();
    }
    return rbk_place_make(declaration->file->source, declaration->span);
}

void rbk_declarations_add(struct rbk_arena *arena, struct rbk_declarations *list,
                          struct rbk_declaration *declaration)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct rbk_declaration **items = rbk_new_array(arena, struct rbk_declaration *, capacity);
        if (list->count) {
            memcpy(items, list->items, list->count * sizeof(struct rbk_declaration *));
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = declaration;
}

struct rbk_declaration *rbk_declare(struct rbk_analysis *analysis, enum rbk_declaration_kind kind,
                                    const struct rbk_tree_name *name,
                                    struct rbk_tree_statement *statement)
{
    struct rbk_arena *arena = &analysis->compile->arena;
    struct rbk_declaration *declaration = rbk_new(arena, struct rbk_declaration);
    declaration->kind = (uint8_t)kind;
    declaration->name = name->name;
    declaration->span = name->span;
    declaration->statement = statement;
    declaration->file = analysis->file->tree;
    rbk_declarations_add(arena, &analysis->all, declaration);
    return declaration;
}

struct rbk_declaration *rbk_scope_find(const struct rbk_name *name, enum rbk_name_space space)
{
    struct rbk_declaration *at = name->bound;
    while (at && rbk_space_of((enum rbk_declaration_kind)at->kind) != space) {
        at = at->outer;
    }
    return at;
}

void rbk_scope_push_again(struct rbk_analysis *analysis, struct rbk_declaration *declaration)
{
    declaration->outer = declaration->name->bound;
    declaration->name->bound = declaration;
    rbk_declarations_add(&analysis->compile->arena, &analysis->scope, declaration);
}

/* A bare built-in variable that a declaration would hide, or NULL. */
static const struct rbk_builtin *hidden_variable(const struct rbk_analysis *analysis,
                                                 const struct rbk_declaration *declaration)
{
    if (rbk_space_of((enum rbk_declaration_kind)declaration->kind) != RBK_SPACE_VALUE ||
        declaration->kind == RBK_DECLARATION_MODULE) {
        return NULL;
    }
    const struct rbk_builtin *builtin = rbk_builtin_of(
        rbk_builtins_find(&analysis->compile->program.builtins, NULL, declaration->name));
    if (!builtin || builtin->kind != RBK_BUILTIN_VARIABLE) {
        return NULL;
    }
    return rbk_builtin_only_in_channel(builtin) && !analysis->in_channel ? NULL : builtin;
}

void rbk_scope_push(struct rbk_analysis *analysis, struct rbk_declaration *declaration)
{
    struct rbk_diagnostics *diagnostics = &analysis->compile->diagnostics;
    enum rbk_name_space space = rbk_space_of((enum rbk_declaration_kind)declaration->kind);
    const struct rbk_declaration *other = rbk_scope_find(declaration->name, space);
    if (other) {
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(diagnostics, 140, rbk_declaration_place(declaration),
                                 "`%.*s` is declared twice", RBK_STR_ARG(declaration->name->text));
        if (other->kind != declaration->kind) {
            rbk_diagnostic_mark(diagnostic, "here as %s %s", RBK_A(kind_words(declaration)));
            rbk_diagnostic_label(diagnostic, rbk_declaration_place(other),
                                 "first declared here, as %s %s", RBK_A(kind_words(other)));
        } else {
            rbk_diagnostic_label(diagnostic, rbk_declaration_place(other), "first declared here");
        }
        declaration->uses++; /* One message is enough. */
    } else if (hidden_variable(analysis, declaration)) {
        rbk_diagnostic_help(rbk_diagnostic_error(diagnostics, 140,
                                                 rbk_declaration_place(declaration),
                                                 "`%.*s` is built in and cannot be declared",
                                                 RBK_STR_ARG(declaration->name->text)),
                            "Choose another name.");
    }
    rbk_scope_push_again(analysis, declaration);
}

void rbk_scope_pop(struct rbk_analysis *analysis, uint32_t count)
{
    while (analysis->scope.count > count) {
        struct rbk_declaration *declaration = analysis->scope.items[--analysis->scope.count];
        RBK_DCHECK(declaration->name->bound == declaration);
        declaration->name->bound = declaration->outer;
    }
}

/* A slot of the stage under way with this name that has gone out of scope. */
static const struct rbk_declaration *find_lost_slot(const struct rbk_analysis *analysis,
                                                    const struct rbk_name *name)
{
    for (uint32_t i = analysis->slots.count; i-- > 0;) {
        if (analysis->slots.items[i]->name == name) {
            return analysis->slots.items[i];
        }
    }
    return NULL;
}

/* Something else of that name, in whatever space. */
static const struct rbk_declaration *find_elsewhere(const struct rbk_name *name)
{
    const struct rbk_declaration *at = name->bound;
    while (at && at->kind == RBK_DECLARATION_PLAN) {
        at = at->outer;
    }
    return at;
}

static void suggest(const struct rbk_analysis *analysis, struct rbk_diagnostic *diagnostic,
                    const struct rbk_tree_name *name, enum rbk_name_space space)
{
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, name->name->text);
    const struct rbk_declaration *found = NULL;
    for (uint32_t i = 0; i < analysis->scope.count; i++) {
        const struct rbk_declaration *at = analysis->scope.items[i];
        if (rbk_space_of((enum rbk_declaration_kind)at->kind) != space) {
            continue;
        }
        unsigned distance = nearest.distance;
        rbk_nearest_offer(&nearest, at->name->text);
        if (nearest.distance < distance) {
            found = at;
        }
    }
    if (space == RBK_SPACE_VALUE || space == RBK_SPACE_CALLABLE) {
        uint32_t count;
        const struct rbk_builtin *table = rbk_builtin_table(&count);
        for (uint32_t i = 0; i < count; i++) {
            if ((table[i].kind == RBK_BUILTIN_VARIABLE) != (space == RBK_SPACE_VALUE) ||
                (rbk_builtin_only_in_channel(&table[i]) && !analysis->in_channel)) {
                continue;
            }
            unsigned distance = nearest.distance;
            rbk_nearest_offer(&nearest, rbk_str_from(table[i].spelling));
            if (nearest.distance < distance) {
                found = NULL;
            }
        }
    }
    if (nearest.best.bytes == 0) {
        for (size_t i = 0; i < RBK_COUNT(examples); i++) {
            if (examples[i].space == space) {
                rbk_diagnostic_help(diagnostic, "Declare it at the head of the plan: `%s %.*s%s`.",
                                    examples[i].before, RBK_STR_ARG(name->name->text),
                                    examples[i].after);
            }
        }
        return;
    }
    rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    rbk_diagnostic_fix(diagnostic, RBK_FIX_LIKELY, rbk_analysis_place(analysis, name->span),
                       nearest.best);
    if (found && found->file) {
        rbk_diagnostic_label(diagnostic, rbk_declaration_place(found), "%s %s with a similar name",
                             RBK_A(kind_words(found)));
    }
}

/* Where a statement or one inside it sets, or loops over, a name; or NULL. */
static const struct rbk_tree_name *find_inside(struct rbk_tree_statement *root,
                                               const struct rbk_name *name, bool *ret_foreach)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        *ret_foreach = at->kind == RBK_STATEMENT_FOREACH;
        if ((*ret_foreach || at->kind == RBK_STATEMENT_LET) && at->name->name == name) {
            return at->name;
        }
        const struct rbk_tree_clause *into = rbk_tree_clause_find(at, RBK_CLAUSE_INTO);
        if (into && into->name->name == name) {
            return into->name;
        }
    }
    return NULL;
}

/* Whether a slot is set in one branch of a `parallel` in which a name stands, too. */
static bool in_other_branch(const struct rbk_declaration *slot, struct rbk_span name)
{
    const struct rbk_tree_statement *at = slot->statement;
    while (at && !(at->kind == RBK_STATEMENT_PARALLEL && at->span.start <= name.start &&
                   name.end <= at->span.end)) {
        at = at->parent;
    }
    return at != NULL;
}

/* A value that exists, but not here; false when it does not exist. */
static bool report_out_of_reach(struct rbk_analysis *analysis, const struct rbk_tree_name *name)
{
    struct rbk_diagnostics *diagnostics = &analysis->compile->diagnostics;
    struct rbk_place place = rbk_analysis_place(analysis, name->span);
    struct rbk_str text = name->name->text;
    const struct rbk_declaration *lost = find_lost_slot(analysis, name->name);
    bool foreach = false;
    const struct rbk_tree_name *found =
        lost ? NULL : find_inside(analysis->root, name->name, &foreach);
    struct rbk_diagnostic *diagnostic;
    if (lost) {
        diagnostic = rbk_diagnostic_error(diagnostics, 140, place, "`%.*s` is not set here",
                                          RBK_STR_ARG(text));
        bool branch = in_other_branch(lost, name->span);
        rbk_diagnostic_label(diagnostic, rbk_declaration_place(lost), "set here, and seen %s",
                             branch ? "in this branch and after all of them"
                                    : "until the end of this block");
        if (branch) {
            rbk_diagnostic_help(diagnostic, "The branches of `parallel` run at the same time: set "
                                            "it before them.");
        } else {
            rbk_diagnostic_help(diagnostic,
                                "Move the `%s` out of the inner block, before this use.",
                                lost->kind == RBK_DECLARATION_LET ? "let" : "into");
        }
    } else if (found) {
        diagnostic =
            rbk_diagnostic_error(diagnostics, 140, place, "`%.*s` is %s", RBK_STR_ARG(text),
                                 foreach ? "seen inside its `foreach` only" : "not set yet");
        rbk_diagnostic_label(diagnostic, rbk_analysis_place(analysis, found->span),
                             foreach ? "declared here" : "set here");
    }
    return lost || found;
}

/* A value of a stage, named outside of it; false when no stage has it. All stages are looked
 * through, so a plan with very many errors gets the plain answer. */
static bool report_of_other_stage(struct rbk_analysis *analysis, const struct rbk_tree_name *name)
{
    const struct rbk_program *program = &analysis->compile->program;
    struct rbk_diagnostics *diagnostics = &analysis->compile->diagnostics;
    const struct rbk_statements *stages = &program->head[RBK_STATEMENT_STAGE];
    if (analysis->file != program->files[0] || diagnostics->count >= STAGES_LOOKED_THROUGH_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < stages->count; i++) {
        struct rbk_tree_statement *stage = stages->items[i];
        bool foreach = false;
        const struct rbk_tree_name *found = find_inside(stage, name->name, &foreach);
        if (!found || foreach) {
            continue;
        }
        struct rbk_str text = name->name->text;
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(diagnostics, 140, rbk_analysis_place(analysis, name->span),
                                 "`%.*s` is a value of stage `%.*s`, and not seen here",
                                 RBK_STR_ARG(text), RBK_STR_ARG(stage->name->name->text));
        rbk_diagnostic_label(diagnostic, rbk_analysis_place(analysis, found->span), "set here");
        rbk_diagnostic_help(diagnostic, "Move this into that stage, or read the value again here.");
        return true;
    }
    return false;
}

/* What a name that other languages have is called here, or NULL. */
static const char *foreign_name(struct rbk_str text, enum rbk_name_space space, const char *what)
{
    static const struct {
        const char *name;
        const char *help;
    } rows[] = {
        {"null", "What is not there is missing: `x ?? 0` gives a value for it."},
        {"NULL", "What is not there is missing: `x ?? 0` gives a value for it."},
        {"nil", "What is not there is missing: `x ?? 0` gives a value for it."},
        {"None", "What is not there is missing: `x ?? 0` gives a value for it."},
        {"True", "Write `true`."},
        {"TRUE", "Write `true`."},
        {"yes", "Write `true`."},
        {"False", "Write `false`."},
        {"FALSE", "Write `false`."},
        {"no", "Write `false`."},
        {"now", "A run knows `run.started` and `run.elapsed`; SQL and jq know the time."},
        {"len", "`count(list)` counts the items of a list."},
        {"length", "`count(list)` counts the items of a list."},
        {"size", "`count(list)` counts the items of a list, `file.size(path)` bytes."},
        {"contains", "Look into a text where it is read: in SQL, or with a filter of jq."},
        {"matches", "Look into a text where it is read: in SQL, or with a filter of jq."},
        {"run", "`run.exit(\"…\")`, `run.output(\"…\")` and `run.json(\"…\", 'filter')` read "
                "something from a command."},
        {"exists", "Write `file.exists(path)`, or a function of a module."},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (rbk_str_is(text, rows[i].name) &&
            (space == RBK_SPACE_VALUE || space == RBK_SPACE_CALLABLE)) {
            return rows[i].help;
        }
    }
    return what && strcmp(what, "module") == 0
               ? "A module is named at the top of the file: `use std.kubernetes as k8s`."
               : NULL;
}

void rbk_scope_report_unknown(struct rbk_analysis *analysis, const struct rbk_tree_name *name,
                              enum rbk_name_space space, const char *what)
{
    struct rbk_diagnostics *diagnostics = &analysis->compile->diagnostics;
    struct rbk_str text = name->name->text;
    if (analysis->broken) {
        return;
    }
    /* A name that is missing in one space may be there in another: the space is part of the key. */
    struct rbk_str key =
        rbk_arena_printf(&analysis->compile->arena, "%u %.*s", (unsigned)space, RBK_STR_ARG(text));
    if (!rbk_map_add_index(&analysis->unknown, key, 0)) {
        return;
    }
    bool kept = diagnostics->count < diagnostics->count_max;
    const struct rbk_declaration *other = find_elsewhere(name->name);
    if (kept && space == RBK_SPACE_VALUE &&
        (report_out_of_reach(analysis, name) ||
         (!other && report_of_other_stage(analysis, name)))) {
        return;
    }
    struct rbk_place place = rbk_analysis_place(analysis, name->span);
    struct rbk_diagnostic *diagnostic;
    if (other) {
        const char *wanted = what ? what : space == RBK_SPACE_VALUE ? "value" : space_words(space);
        diagnostic =
            rbk_diagnostic_error(diagnostics, 140, place, "`%.*s` is %s %s, not %s %s",
                                 RBK_STR_ARG(text), RBK_A(kind_words(other)), RBK_A(wanted));
        if (other->file) {
            rbk_diagnostic_label(diagnostic, rbk_declaration_place(other), "declared here");
        }
    } else {
        diagnostic = rbk_diagnostic_error(diagnostics, 140, place, "unknown %s `%.*s`",
                                          what ? what : space_words(space), RBK_STR_ARG(text));
    }
    if (kept) {
        suggest(analysis, diagnostic, name, space);
    }
    const char *help = kept && !diagnostic->notes ? foreign_name(text, space, what) : NULL;
    if (help) {
        rbk_diagnostic_help(diagnostic, "%s", help);
    }
}

struct rbk_declaration *rbk_scope_use(struct rbk_analysis *analysis, struct rbk_tree_name *name,
                                      enum rbk_name_space space)
{
    struct rbk_declaration *found = rbk_scope_find(name->name, space);
    if (found) {
        found->uses++;
        name->ref = found;
    } else {
        rbk_scope_report_unknown(analysis, name, space, NULL);
    }
    return found;
}

struct rbk_declaration *rbk_scope_use_as(struct rbk_analysis *analysis, struct rbk_tree_name *name,
                                         const char *what)
{
    struct rbk_declaration *found = rbk_scope_find(name->name, RBK_SPACE_VALUE);
    if (!found) {
        rbk_scope_report_unknown(analysis, name, RBK_SPACE_VALUE, what);
    } else {
        found->uses++;
    }
    return name->ref = found;
}

/* Whether nothing referring to a declaration is worth a warning, and what its statement is for. */
static const char *unused_words(const struct rbk_declaration *declaration)
{
    switch (declaration->kind) {
    case RBK_DECLARATION_PARAM:
    case RBK_DECLARATION_SECRET:
    case RBK_DECLARATION_CONNECTION:
    case RBK_DECLARATION_CHANNEL:
    case RBK_DECLARATION_PROBE:
    case RBK_DECLARATION_ROLE:
    case RBK_DECLARATION_ACTION:
    case RBK_DECLARATION_READING:
    case RBK_DECLARATION_CHANNEL_TYPE:
    case RBK_DECLARATION_PARAMETER:
        return "is never used";
    case RBK_DECLARATION_BACKUP:
        return "is never taken or restored";
    case RBK_DECLARATION_LET:
    case RBK_DECLARATION_INTO:
        return "is set and never read";
    default:
        return NULL;
    }
}

static void report_unused_modules(struct rbk_analysis *analysis,
                                  const struct rbk_program_file *file)
{
    for (uint32_t i = 0; i < file->uses.count; i++) {
        const struct rbk_declaration *module = file->uses.items[i]->declaration;
        if (module->uses == 0 && module->annotation && module->name->text.data[0] != '_') {
            struct rbk_place place = rbk_declaration_place(module);
            struct rbk_diagnostic *diagnostic = rbk_diagnostic_warning(
                &analysis->compile->diagnostics, 140, place, "module `%.*s` is never used",
                RBK_STR_ARG(module->name->text));
            place.span = file->uses.items[i]->span;
            rbk_diagnostic_help(diagnostic, "Remove the `use`.");
            rbk_diagnostic_fix(diagnostic, RBK_FIX_CERTAIN, place, RBK_STR(""));
        }
    }
}

void rbk_scope_forget_used(struct rbk_analysis *analysis, uint32_t count)
{
    struct rbk_declarations *all = &analysis->all;
    uint32_t kept = count;
    for (uint32_t i = count; i < all->count; i++) {
        if (all->items[i]->uses == 0) {
            all->items[kept++] = all->items[i];
        }
    }
    all->count = kept;
}

void rbk_scope_report_unused(struct rbk_analysis *analysis)
{
    /* After an error a name may seem unused because its use could not be made out. */
    if (analysis->broken || analysis->compile->diagnostics.errors) {
        return;
    }
    const struct rbk_program *program = &analysis->compile->program;
    for (uint32_t i = 0; i < analysis->all.count; i++) {
        const struct rbk_declaration *at = analysis->all.items[i];
        const char *words = at->uses == 0 ? unused_words(at) : NULL;
        /* What a module offers is for others; a name with an underscore says that it is unused. */
        const struct rbk_program_file *file = program->files[at->file->source->id];
        bool offered = file->index != 0 || !program->plan;
        if (!words || file->is_std || at->name->text.data[0] == '_' ||
            (offered && rbk_space_of((enum rbk_declaration_kind)at->kind) == RBK_SPACE_CALLABLE)) {
            continue;
        }
        rbk_diagnostic_warning(&analysis->compile->diagnostics, 140, rbk_declaration_place(at),
                               "%s `%.*s` %s", kind_words(at), RBK_STR_ARG(at->name->text), words);
    }
    for (uint32_t i = 0; i < program->file_count; i++) {
        if (!program->files[i]->is_std) {
            report_unused_modules(analysis, program->files[i]);
        }
    }
}
