/*
 * The phases of a compilation in their order: load, resolve, type, place, rules. A phase that finds
 * errors does not stop the next one; what it could not make out stays unknown, and unknown things
 * are not complained about a second time.
 *
 * All phases see modules and the plan's head first, then one stage after the other: the tree of a
 * long plan is larger than the cache, and is fetched from memory once this way.
 */
#include "compiler/compile.h"

#include "compiler/analysis.h"
#include "compiler/lower/template_check.h"
#include "compiler/rules/rules.h"
#include "compiler/stdlib_path.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

void rbk_compile_open(struct rbk_compile *compile, const char *stdlib)
{
    *compile = (struct rbk_compile){0};
    rbk_arena_init(&compile->arena, RBK_COMPILE_BYTES_MAX);
    rbk_names_init(&compile->names, &compile->arena);
    rbk_builtins_init(&compile->program.builtins, &compile->arena, &compile->names);
    rbk_diagnostics_init(&compile->diagnostics, &compile->arena);
    compile->stdlib = stdlib ? rbk_arena_copy(&compile->arena, rbk_str_from(stdlib))
                             : rbk_stdlib_directory(&compile->arena);
}

void rbk_compile_close(struct rbk_compile *compile)
{
    rbk_arena_fini(&compile->arena);
}

int rbk_compile_load(struct rbk_compile *compile, const char *path, struct rbk_error *reterr)
{
    struct rbk_source *source;
    int status = rbk_source_open(&compile->arena, path, &source, reterr);
    if (status < 0) {
        return status;
    }
    rbk_program_load(compile, source);
    compile->loaded = true;
    return 0;
}

void rbk_compile_load_text(struct rbk_compile *compile, const char *path, struct rbk_str text)
{
    rbk_program_load(compile, rbk_source_from_text(&compile->arena, rbk_str_from(path), text));
    compile->loaded = true;
}

/* Everything but the stages. */
static void analyse_head(struct rbk_analysis *analysis, struct rbk_arena *scratch,
                         struct rbk_rules *rules)
{
    rbk_resolve(analysis);
    rbk_types(analysis);
    if (!analysis->broken) {
        rbk_placement_check(analysis);
        rbk_templates_check(analysis->compile, scratch);
        rbk_rules_init(rules, analysis);
    }
}

static void analyse_stage(struct rbk_analysis *analysis, struct rbk_arena *scratch,
                          struct rbk_rules *rules, struct rbk_tree_statement *stage)
{
    uint32_t declared = analysis->all.count;
    rbk_resolve_stage(analysis, stage);
    rbk_types_stage(analysis, stage);
    if (!analysis->broken) {
        rbk_placement_check_stage(analysis, stage);
        rbk_templates_check_stage(analysis->compile, scratch, stage);
        rbk_rules_check_stage(rules, stage);
    }
    rbk_scope_forget_used(analysis, declared);
}

static void analyse(struct rbk_analysis *analysis)
{
    const struct rbk_tree_statement *plan = analysis->compile->program.plan;
    struct rbk_rules rules;
    struct rbk_arena scratch;
    rbk_arena_init(&scratch, RBK_COMPILE_BYTES_MAX);
    analyse_head(analysis, &scratch, &rules);
    if (plan) {
        struct rbk_tree_statement *at = rbk_stage_first(plan);
        for (; at; at = rbk_stage_next(at)) {
            analyse_stage(analysis, &scratch, &rules, at);
        }
        rbk_resolve_order(analysis);
    }
    rbk_scope_pop(analysis, 0);
    if (!analysis->broken) {
        rbk_rules_finish(&rules);
        rbk_scope_report_unused(analysis);
    }
    rbk_arena_fini(&scratch);
}

int rbk_compile_analyse(struct rbk_compile *compile)
{
    const struct rbk_program *program = &compile->program;
    struct rbk_analysis analysis = {.compile = compile};
    rbk_map_init(&analysis.zones, &compile->arena);
    for (uint32_t i = 0; i < program->file_count; i++) {
        analysis.broken |= program->files[i]->tree->broken;
    }
    if (compile->loaded) {
        analyse(&analysis);
    }
    return !compile->loaded || compile->diagnostics.errors ? -RBK_ECOMPILE : 0;
}
