#ifndef RBK_RUNTIME_PEOPLE_PLAN_FILE_H
#define RBK_RUNTIME_PEOPLE_PLAN_FILE_H

/*
 * What `rbk run` is given: the source of a plan, compiled here and now, or a machine that rbkc
 * made.
 */

#include "runtime/core/machine.h"

/* A plan that can run. The caller's memory; give back with rbk_plan_file_fini(). */
struct rbk_plan_file {
    struct rbk_arena arena; /* holds the machine */
    const struct rbk_machine *machine;
    struct rbk_str text; /* its canonical text; owned by `bytes` */
    char *bytes;
    char *directory; /* owned, absolute: where commands run */
};

/*
 * @path       A .rbk source, or a machine (by its name .rbkm or by what it begins with).
 * @directory  Where commands run; NULL: the folder of the file.
 * @return 0; -RBK_ECOMPILE with what is wrong already printed to stderr (reterr's text is empty);
 *         -RBK_EMACHINE, -RBK_EVERSION, -RBK_ENOTFOUND, -RBK_EIO, -RBK_ELIMIT with reterr set.
 */
RBK_MUST_USE int rbk_plan_file_load(const char *path, const char *directory,
                                    struct rbk_plan_file *ret_file, struct rbk_error *reterr);
void rbk_plan_file_fini(struct rbk_plan_file *file);

#endif
