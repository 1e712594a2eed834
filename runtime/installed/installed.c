/* Installed files are found from the running program: an installation can be moved as a whole. */
#include "runtime/installed/installed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"

char *rbk_installed_path(const char *name)
{
    char self[RBK_PATH_BYTES_MAX];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash, *path = NULL;

    if (bytes <= 0) {
        return NULL;
    }
    self[bytes] = '\0';
    if ((slash = strrchr(self, '/')) == NULL) {
        return NULL;
    }
    *slash = '\0';
    if (asprintf(&path, "%s/%s", self, name) < 0) {
        return NULL;
    }
    if (access(path, F_OK) == 0) {
        return path;
    }
    free(path);
    return asprintf(&path, "%s/../libexec/rbk/%s", self, name) < 0 ? NULL : path;
}
