/*
 * Loading: the plan's file, then the modules it uses, depth first, each once. A module is reached
 * through its name, so two spellings of one file cannot be loaded twice. The chain of files being
 * loaded is what a cycle message prints.
 */
#include "compiler/program.h"

#include "compiler/compile.h"
#include "compiler/nearest.h"
#include "compiler/parse.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

/* rbk_program_file.state */
enum { LOADING = 1, LOADED = 2 };

/* The way from the plan to the file being loaded. */
struct chain {
    const struct chain *outer; /* Who uses it; NULL for the plan. */
    struct rbk_program_file *file;
    const struct rbk_tree_statement *use; /* The statement in the outer file. */
    uint32_t depth;                       /* 1 for the plan. */
};

static void load_file(struct rbk_compile *compile, struct rbk_source *source, struct chain *chain);

void rbk_statements_add(struct rbk_arena *arena, struct rbk_statements *statements,
                        struct rbk_tree_statement *statement)
{
    if (statements->count == statements->capacity) {
        uint32_t capacity = statements->capacity ? statements->capacity * 2 : 4;
        struct rbk_tree_statement **items =
            rbk_new_array(arena, struct rbk_tree_statement *, capacity);
        if (statements->count) {
            memcpy(items, statements->items,
                   statements->count * sizeof(struct rbk_tree_statement *));
        }
        statements->items = items;
        statements->capacity = capacity;
    }
    statements->items[statements->count++] = statement;
}

/* ---- finding modules ------------------------------------------------------------------------- */

/* "std.kubernetes" of a `use` or `module` statement. */
static struct rbk_str dotted(struct rbk_compile *compile, const struct rbk_tree_name *names,
                             char separator)
{
    size_t bytes = 0;
    for (const struct rbk_tree_name *name = names; name; name = name->next) {
        bytes += name->name->text.bytes + 1;
    }
    char *text = rbk_arena_alloc(&compile->arena, bytes + 1, 1);
    size_t at = 0;
    for (const struct rbk_tree_name *name = names; name; name = name->next) {
        if (at) {
            text[at++] = separator;
        }
        memcpy(text + at, name->name->text.data, name->name->text.bytes);
        at += name->name->text.bytes;
    }
    return (struct rbk_str){text, at};
}

/* Everything up to and including the last slash of a path. */
static struct rbk_str directory_of(struct rbk_str path)
{
    size_t end = path.bytes;
    while (end > 0 && path.data[end - 1] != '/') {
        end--;
    }
    return rbk_str_slice(path, 0, end);
}

static struct rbk_place name_place(const struct rbk_tree_file *file,
                                   const struct rbk_tree_name *names)
{
    struct rbk_span span = names->span;
    for (const struct rbk_tree_name *name = names; name; name = name->next) {
        span = rbk_span_join(span, name->span);
    }
    return rbk_place_make(file->source, span);
}

/* Offer every module of a directory to a search for the nearest name. */
static void offer_modules(struct rbk_compile *compile, struct rbk_nearest *nearest,
                          const char *directory, const char *prefix)
{
    DIR *stream = opendir(directory);
    if (!stream) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        struct rbk_str name = rbk_str_from(entry->d_name);
        if (!rbk_str_ends(name, RBK_STR(".rbk")) || name.bytes > RBK_NAME_BYTES_MAX) {
            continue;
        }
        rbk_nearest_offer(nearest, rbk_arena_printf(&compile->arena, "%s%.*s", prefix,
                                                    (int)(name.bytes - 4), name.data));
    }
    closedir(stream);
}

/* Offer the modules in the folder where the module would lie. */
static void offer_beside(struct rbk_compile *compile, struct rbk_nearest *nearest,
                         struct rbk_str module)
{
    struct rbk_str plan = directory_of(compile->program.files[0]->tree->source->path);
    plan = plan.bytes > 0 ? plan : RBK_STR("./"); /* without a folder it has no bytes to copy */
    size_t bytes = module.bytes;
    while (bytes > 0 && module.data[bytes - 1] != '.') {
        bytes--;
    }
    struct rbk_str prefix = rbk_arena_copy(&compile->arena, rbk_str_slice(module, 0, bytes));
    char *folder = rbk_arena_alloc(&compile->arena, plan.bytes + bytes + 1, 1);
    memcpy(folder, plan.data, plan.bytes);
    for (size_t i = 0; i < bytes; i++) {
        folder[plan.bytes + i] = module.data[i] == '.' ? '/' : module.data[i];
    }
    folder[plan.bytes + bytes] = '\0';
    offer_modules(compile, nearest, folder, prefix.data);
}

static void report_unknown_module(struct rbk_compile *compile, const struct chain *chain,
                                  const struct rbk_tree_statement *use, struct rbk_str module,
                                  bool only_std)
{
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(&compile->diagnostics, 140, name_place(chain->file->tree, use->names),
                             "no module `%.*s`", RBK_STR_ARG(module));
    rbk_diagnostic_mark(diagnostic, only_std ? "not in the standard library"
                                             : "not beside the plan, not in the standard library");
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, module);
    offer_modules(compile, &nearest, compile->stdlib.data, "std.");
    if (!only_std) {
        offer_beside(compile, &nearest, module);
    }
    if (access(compile->stdlib.data, X_OK) != 0) {
        rbk_diagnostic_help(diagnostic,
                            "The standard library is not where it is looked for, in `%.*s`; "
                            "RBK_STDLIB says where it is.",
                            RBK_STR_ARG(compile->stdlib));
    } else if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "There is a module `%.*s`.", RBK_STR_ARG(nearest.best));
    } else if (!only_std) {
        rbk_diagnostic_help(diagnostic, "A module `a.b` is the file `a/b.rbk` beside the plan.");
    }
}

/* Open a module's file: beside the plan, then in the standard library. NULL after a message. */
static struct rbk_source *open_module(struct rbk_compile *compile, const struct chain *chain,
                                      const struct rbk_tree_statement *use, struct rbk_str module,
                                      bool *ret_std)
{
    const struct rbk_tree_name *names = use->names;
    bool only_std = rbk_str_is(names->name->text, "std") && names->next;
    struct rbk_str path = dotted(compile, only_std ? names->next : names, '/');
    struct rbk_str plan = directory_of(compile->program.files[0]->tree->source->path);
    struct rbk_source *source = NULL;
    struct rbk_error error;
    int status = -RBK_ENOTFOUND;
    *ret_std = false;
    if (!only_std) {
        status = rbk_source_open(
            &compile->arena,
            rbk_arena_printf(&compile->arena, "%.*s%.*s.rbk", RBK_STR_ARG(plan), RBK_STR_ARG(path))
                .data,
            &source, &error);
    }
    if (status == -RBK_ENOTFOUND) {
        *ret_std = true;
        status = rbk_source_open(&compile->arena,
                                 rbk_arena_printf(&compile->arena, "%.*s/%.*s.rbk",
                                                  RBK_STR_ARG(compile->stdlib), RBK_STR_ARG(path))
                                     .data,
                                 &source, &error);
    }
    if (status == 0) {
        return source;
    }
    if (status == -RBK_ENOTFOUND) {
        report_unknown_module(compile, chain, use, module, only_std);
    } else {
        rbk_diagnostic_error(&compile->diagnostics, status == -RBK_ELIMIT ? 170 : 140,
                             name_place(chain->file->tree, names),
                             "module `%.*s` cannot be read: %s", RBK_STR_ARG(module), error.text);
    }
    return NULL;
}

/* Say that a module uses itself, through the files of the chain. */
static void report_cycle(struct rbk_compile *compile, const struct chain *chain,
                         const struct rbk_tree_statement *use, const struct rbk_program_file *back)
{
    struct rbk_str path = rbk_arena_printf(&compile->arena, "`%.*s`", RBK_STR_ARG(back->module));
    const struct chain *link = chain;
    for (; link && link->file != back; link = link->outer) {
        path = rbk_arena_printf(&compile->arena, "`%.*s` -> %.*s", RBK_STR_ARG(link->file->module),
                                RBK_STR_ARG(path));
    }
    path = rbk_arena_printf(&compile->arena, "`%.*s` -> %.*s", RBK_STR_ARG(back->module),
                            RBK_STR_ARG(path));
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(&compile->diagnostics, 141, name_place(chain->file->tree, use->names),
                             "modules use each other: %.*s", RBK_STR_ARG(path));
    if (back != chain->file) {
        for (link = chain; link->outer && link->outer->file != back;) {
            link = link->outer;
        }
        if (link->outer) {
            rbk_diagnostic_label(diagnostic, name_place(back->tree, link->use->names),
                                 "the way there begins here");
        }
    }
    rbk_diagnostic_help(diagnostic, "Move what both need into a third module.");
}

/* ---- loading --------------------------------------------------------------------------------- */

static struct rbk_program_file *add_file(struct rbk_compile *compile, struct rbk_str module,
                                         bool is_std)
{
    struct rbk_program *program = &compile->program;
    if (program->file_count == program->file_capacity) {
        uint32_t capacity = program->file_capacity ? program->file_capacity * 2 : 8;
        struct rbk_program_file **files =
            rbk_new_array(&compile->arena, struct rbk_program_file *, capacity);
        if (program->file_count) {
            memcpy(files, program->files, program->file_count * sizeof(struct rbk_program_file *));
        }
        program->files = files;
        program->file_capacity = capacity;
    }
    struct rbk_program_file *file = rbk_new(&compile->arena, struct rbk_program_file);
    file->module = module;
    file->is_std = is_std;
    file->index = program->file_count;
    file->state = LOADING;
    rbk_map_init(&file->members, &compile->arena);
    program->files[program->file_count++] = file;
    return file;
}

/* A declaration of the module that a `use` statement names, under the name the file gives it. */
static void declare_use(struct rbk_compile *compile, const struct rbk_program_file *user,
                        struct rbk_tree_statement *use, struct rbk_program_file *module)
{
    struct rbk_tree_name *name = use->name;
    if (!name) {
        name = use->names;
        while (name->next) {
            name = name->next;
        }
    }
    struct rbk_declaration *declaration = rbk_new(&compile->arena, struct rbk_declaration);
    declaration->kind = RBK_DECLARATION_MODULE;
    declaration->name = name->name;
    declaration->span = name->span;
    declaration->statement = use;
    declaration->file = user->tree;
    declaration->annotation = module;
    use->declaration = declaration;
}

static void load_use(struct rbk_compile *compile, const struct chain *chain,
                     struct rbk_tree_statement *use)
{
    struct rbk_program *program = &compile->program;
    struct rbk_str module = dotted(compile, use->names, '.');
    struct rbk_program_file *found = rbk_map_get(&program->modules, module);
    if (found) {
        if (found->state == LOADING) {
            report_cycle(compile, chain, use, found);
        }
        declare_use(compile, chain->file, use, found);
        return;
    }
    bool is_std = false;
    struct rbk_source *source = NULL;
    if (chain->depth >= RBK_MODULE_DEPTH_MAX || program->file_count > RBK_MODULES_MAX) {
        rbk_diagnostic_error(
            &compile->diagnostics, RBK_RULE_LIMIT, name_place(chain->file->tree, use->names),
            chain->depth >= RBK_MODULE_DEPTH_MAX ? "modules that use modules more than %zu deep"
                                                 : "more than %zu modules",
            chain->depth >= RBK_MODULE_DEPTH_MAX ? RBK_MODULE_DEPTH_MAX : RBK_MODULES_MAX);
    } else {
        source = open_module(compile, chain, use, module, &is_std);
    }
    if (source) {
        found = add_file(compile, module, is_std);
        rbk_map_set(&program->modules, module, found);
        load_file(
            compile, source,
            &(struct chain){.outer = chain, .file = found, .use = use, .depth = chain->depth + 1});
    }
    declare_use(compile, chain->file, use, found);
}

/* The `module` statement of a file: it must say what the file was loaded as. */
static void check_module_name(struct rbk_compile *compile, struct rbk_program_file *file,
                              const struct rbk_tree_statement *statement)
{
    struct rbk_str name = dotted(compile, statement->names, '.');
    if (file->index == 0) {
        file->module = name;
    } else if (!rbk_str_equal(name, file->module)) {
        rbk_diagnostic_mark(rbk_diagnostic_error(&compile->diagnostics, 140,
                                                 name_place(file->tree, statement->names),
                                                 "this file is used as `%.*s`, not as `%.*s`",
                                                 RBK_STR_ARG(file->module), RBK_STR_ARG(name)),
                            "expected `%.*s`", RBK_STR_ARG(file->module));
    }
}

/* Sort the statements at the top of a file. */
static void sort_file(struct rbk_compile *compile, struct rbk_program_file *file)
{
    const struct rbk_tree_statement *module = NULL;
    for (struct rbk_tree_statement *at = file->tree->block.first; at; at = at->next) {
        switch (at->kind) {
        case RBK_STATEMENT_USE:
            rbk_statements_add(&compile->arena, &file->uses, at);
            break;
        case RBK_STATEMENT_ACTION:
            rbk_statements_add(&compile->arena, &file->actions, at);
            break;
        case RBK_STATEMENT_READING:
            rbk_statements_add(&compile->arena, &file->readings, at);
            break;
        case RBK_STATEMENT_CHANNEL_TYPE:
            rbk_statements_add(&compile->arena, &file->channels, at);
            break;
        case RBK_STATEMENT_MODULE:
            if (module) {
                rbk_diagnostic_label(
                    rbk_diagnostic_error(&compile->diagnostics, 100,
                                         rbk_place_make(file->tree->source, at->head),
                                         "a file has one `module` statement"),
                    rbk_place_make(file->tree->source, module->head), "the first one is here");
            } else {
                check_module_name(compile, file, at);
            }
            module = at;
            break;
        case RBK_STATEMENT_PLAN:
            if (file->index != 0 || module) {
                rbk_diagnostic_error(&compile->diagnostics, 100,
                                     rbk_place_make(file->tree->source, at->head),
                                     "a module cannot hold a plan");
            } else if (compile->program.plan) {
                struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
                    &compile->diagnostics, 100, rbk_place_make(file->tree->source, at->head),
                    "a file holds one plan");
                rbk_diagnostic_label(
                    diagnostic, rbk_place_make(file->tree->source, compile->program.plan->head),
                    "the first one is here");
                rbk_diagnostic_help(diagnostic, "Move the second plan into a file of its own.");
            } else {
                compile->program.plan = at;
            }
            break;
        default:
            break; /* The grammar lets nothing else stand here. */
        }
    }
    if (file->index == 0 && !compile->program.plan && !module && !file->tree->broken) {
        rbk_diagnostic_help(
            rbk_diagnostic_error(&compile->diagnostics, 100,
                                 rbk_place_make(file->tree->source, rbk_span_make(0, 0)),
                                 "no plan in this file"),
            "Write `plan NAME { … }`, or begin the file with `module NAME` if it is a module.");
    }
}

static void load_file(struct rbk_compile *compile, struct rbk_source *source, struct chain *chain)
{
    struct rbk_program_file *file = chain->file;
    source->id = file->index;
    file->tree = rbk_parse_source(&compile->arena, &compile->names, source, &compile->diagnostics);
    sort_file(compile, file);
    for (uint32_t i = 0; i < file->uses.count; i++) {
        load_use(compile, chain, file->uses.items[i]);
    }
    file->state = LOADED;
    struct rbk_program *program = &compile->program;
    program->order_count++;
    file->order = program->order_count;
}

void rbk_program_load(struct rbk_compile *compile, struct rbk_source *source)
{
    struct rbk_program *program = &compile->program;
    rbk_map_init(&program->modules, &compile->arena);
    struct chain chain = {.file = add_file(compile, RBK_STR(""), false), .depth = 1};
    load_file(compile, source, &chain);

    program->order = rbk_new_array(&compile->arena, struct rbk_program_file *, program->file_count);
    for (uint32_t i = 0; i < program->file_count; i++) {
        program->order[program->files[i]->order - 1] = program->files[i];
    }
    if (program->plan) {
        for (struct rbk_tree_statement *at = program->plan->block->first; at; at = at->next) {
            rbk_statements_add(&compile->arena, &program->head[at->kind], at);
        }
    }
}
