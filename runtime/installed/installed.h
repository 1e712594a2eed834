#ifndef RBK_RUNTIME_INSTALLED_INSTALLED_H
#define RBK_RUNTIME_INSTALLED_INSTALLED_H

/* Where the files are that are installed with this program and are none of the user's commands. */

#include "runtime/core/base/attributes.h"

/**
 * The path of such a file: beside the running program in the build tree and among themselves, in
 * ../libexec/rbk when installed. It need not be there: who uses it says so.
 * @return Allocated, the caller frees it; NULL: out of memory, or the system does not say which
 * program runs (no /proc).
 */
RBK_MUST_USE char *rbk_installed_path(const char *name);

#endif
