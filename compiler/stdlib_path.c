/*
 * Finding the standard library. The path beside the program comes first, so that an installation
 * can be moved as a whole and the programs of the build tree use the modules of the sources.
 */
#include "compiler/stdlib_path.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/** The folder that holds the running program's own folder, or an empty string. */
static struct rbk_str program_root(char *path, size_t bytes_max)
{
    ssize_t bytes = readlink("/proc/self/exe", path, bytes_max);
    if (bytes <= 0 || (size_t)bytes >= bytes_max) {
        return RBK_STR("");
    }
    size_t end = (size_t)bytes;
    for (int cut = 0; cut < 2; cut++) {
        while (end > 0 && path[end - 1] != '/') {
            end--;
        }
        end -= end > 0;
    }
    return (struct rbk_str){path, end};
}

struct rbk_str rbk_stdlib_directory(struct rbk_arena *arena)
{
    const char *chosen = getenv("RBK_STDLIB");
    if (chosen && chosen[0] != '\0') {
        return rbk_arena_copy(arena, rbk_str_from(chosen));
    }
    char path[RBK_PATH_BYTES_MAX];
    struct rbk_str root = program_root(path, sizeof(path));
    struct rbk_str beside = rbk_arena_printf(arena, "%.*s/share/rbk/stdlib", RBK_STR_ARG(root));
    struct stat status;
    if (stat(beside.data, &status) == 0 && S_ISDIR(status.st_mode)) {
        return beside;
    }
    return rbk_arena_copy(arena, RBK_STR(RBK_STDLIB_DIR));
}
