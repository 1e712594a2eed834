/*
 * The phases of a compilation in their order: load, resolve, place, type, rules. A phase that finds
 * errors does not stop the next one; what it could not make out stays unknown, and unknown things
 * are not complained about a second time.
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

int rbk_compile_analyse(struct rbk_compile *compile)
{
    struct rbk_program *program = &compile->program;
    struct rbk_analysis analysis = {.compile = compile};
    for (uint32_t i = 0; i < program->file_count; i++) {
        analysis.broken |= program->files[i]->tree->broken;
    }
    if (compile->loaded) {
        rbk_resolve(&analysis);
        rbk_types(&analysis);
        if (!analysis.broken) {
            rbk_placement_check(&analysis);
            rbk_templates_check(compile);
            rbk_rules_apply(&analysis);
            rbk_scope_report_unused(&analysis);
        }
    }
    return !compile->loaded || compile->diagnostics.errors ? -RBK_ECOMPILE : 0;
}
