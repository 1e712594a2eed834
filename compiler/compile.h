/*
 * One compilation: from the path of a plan to a checked program, and by lowering to a machine.
 *
 *     struct rbk_compile compile;
 *     rbk_compile_open(&compile, NULL);
 *     int status = rbk_compile_load(&compile, path, &error);       // parse the plan and its
 * modules if (status == 0) status = rbk_compile_analyse(&compile);                  // names,
 * types, rules rbk_diagnostics_print(&compile.diagnostics, …); rbk_compile_close(&compile);
 *
 * All memory is the compilation's arena and goes with it. Nothing is global: two compilations can
 * run side by side.
 */
#ifndef RBK_COMPILER_COMPILE_H
#define RBK_COMPILER_COMPILE_H

#include "compiler/diagnostic.h"
#include "compiler/filters.h"
#include "compiler/name.h"
#include "compiler/program.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"

struct rbk_error;
struct rbk_times;

/** A compilation; the caller's memory. Do not copy. */
struct rbk_compile {
    struct rbk_arena arena;             /**< Owns trees, names, records, annotations. */
    struct rbk_names names;             /**< Shared by all files. */
    struct rbk_diagnostics diagnostics; /**< What is found; printed by the caller, once. */
    struct rbk_program program;         /**< What is compiled. */
    struct rbk_filters filters;         /**< The jq filters seen by rbk_compile_analyse(). */
    struct rbk_str
        stdlib; /**< Directory of the standard library; modules `std.x` are `x.rbk` in it. */
    struct rbk_times *times; /**< Worst-case times, once asked for (times/times.h); else NULL. */
    uint16_t rule_off;       /**< For tests: a rule of the table that is left out, or 0. */
    bool loaded;             /**< rbk_compile_load() has read the plan's file. */
};

/**
 * Start a compilation.
 * @stdlib Directory of the standard library, or NULL to look for it: $RBK_STDLIB, else
 *         ../share/rbk/stdlib beside the executable when that exists, else the installed one.
 */
void rbk_compile_open(struct rbk_compile *compile, const char *stdlib);

/** Give all memory back. */
void rbk_compile_close(struct rbk_compile *compile);

/**
 * Read and parse a plan and the modules it uses. What is wrong with their text is a diagnostic.
 * @return 0 when the plan's file could be read (look at diagnostics.errors), else -RBK_EIO,
 *         -RBK_ENOTFOUND or -RBK_ELIMIT with @reterr set. A file that is too large is RBK170 as
 * well.
 */
RBK_MUST_USE int rbk_compile_load(struct rbk_compile *compile, const char *path,
                                  struct rbk_error *reterr);

/** The same with the plan's text in memory; @path names it and says where modules beside it are.
 * Copies both. */
void rbk_compile_load_text(struct rbk_compile *compile, const char *path, struct rbk_str text);

/**
 * Resolve names, compute types, apply the rules.
 * @return 0 when no errors were found, in loading or here; else -RBK_ECOMPILE. Warnings do not
 * count. The annotations described in program.h are complete exactly when this returns 0.
 */
RBK_MUST_USE int rbk_compile_analyse(struct rbk_compile *compile);

#endif
