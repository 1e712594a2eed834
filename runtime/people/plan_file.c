/*
 * Loading what is to be run. A source goes the whole way, through the compiler to the machine's
 * canonical text and back through the reader that proves every index: what runs is what `rbkc
 * build` would have written.
 */
#include "runtime/people/plan_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/compile.h"
#include "compiler/filter_check.h"
#include "compiler/lower/lower.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

void rbk_plan_file_fini(struct rbk_plan_file *file)
{
    rbk_arena_fini(&file->arena);
    free(file->bytes);
    free(file->directory);
    memset(file, 0, sizeof(*file));
}

/* ---- a machine --------------------------------------------------------------------------------
 */

static int read_all(int descriptor, struct rbk_buffer *out)
{
    for (;;) {
        void *room = rbk_buffer_reserve(out, 1u << 16);
        if (room == NULL) {
            return out->error;
        }
        ssize_t got = read(descriptor, room, 1u << 16);
        if (got == 0) {
            return 0;
        }
        if (got > 0) {
            rbk_buffer_commit(out, (size_t)got);
        } else if (errno != EINTR) {
            return -RBK_EIO;
        }
    }
}

static int read_machine_file(const char *path, struct rbk_plan_file *file, struct rbk_error *reterr)
{
    struct rbk_buffer bytes;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;
    if (descriptor < 0) {
        return rbk_error_set_system(reterr, errno == ENOENT ? RBK_ENOTFOUND : RBK_EIO, errno,
                                    "cannot read \"%s\"", path);
    }
    (void)fcntl(descriptor, F_SETFL, 0); /* opened without waiting for a named pipe, read waiting */
    rbk_buffer_init(&bytes, RBK_MACHINE_BYTES_MAX);
    error = read_all(descriptor, &bytes);
    if (error == -RBK_EIO) {
        error = rbk_error_set_system(reterr, RBK_EIO, errno, "cannot read \"%s\"", path);
    } else if (error != 0) {
        error = rbk_error_set(reterr, RBK_ELIMIT, "\"%s\" is larger than a machine may be", path);
    } else if ((file->bytes = rbk_buffer_take(&bytes, &file->text.bytes)) == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    file->text.data = file->bytes;
    rbk_buffer_fini(&bytes);
    (void)close(descriptor);
    return error;
}

/* ---- a source ---------------------------------------------------------------------------------
 */

static int compile_source(const char *path, struct rbk_plan_file *file, struct rbk_error *reterr)
{
    struct rbk_compile compile;
    struct rbk_machine *machine = NULL;
    struct rbk_buffer text;
    int error;

    rbk_compile_open(&compile, NULL);
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    error = rbk_compile_load(&compile, path, reterr);
    if (error == 0) {
        error = rbk_compile_analyse(&compile);
        if (rbk_filter_check_once(&compile) != 0 && error == 0) {
            error = -RBK_ECOMPILE;
        }
        if (error == 0) {
            error = rbk_compile_lower(&compile, &machine);
        }
        if (rbk_diagnostics_print(&compile.diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr) != 0 &&
            error == 0) {
            error = 0; /* warnings that nobody can read do not stop a run */
        }
    }
    if (error == 0) {
        error = rbk_machine_write(machine, &text, reterr);
    }
    if (error == 0 && (file->bytes = rbk_buffer_take(&text, &file->text.bytes)) == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    file->text.data = file->bytes;
    rbk_buffer_fini(&text);
    rbk_compile_close(&compile);
    return error;
}

/* ---- both -------------------------------------------------------------------------------------
 */

/* Whether a file is a machine: by its name, or because it begins as JSON does. */
static bool is_machine(const char *path)
{
    struct rbk_str name = rbk_str_from(path);
    char first = '\0';
    struct stat status;
    if (rbk_str_ends(name, RBK_STR(".rbkm"))) {
        return true;
    }
    if (rbk_str_ends(name, RBK_STR(".rbk")) || stat(path, &status) != 0 ||
        !S_ISREG(status.st_mode)) {
        return false;
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool is = descriptor >= 0 && read(descriptor, &first, 1) == 1 && first == '{';
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return is;
}

static int find_directory(const char *path, const char *directory, struct rbk_plan_file *file,
                          struct rbk_error *reterr)
{
    char parent[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (directory == NULL && slash != NULL) {
        size_t bytes = slash == path ? 1 : (size_t)(slash - path);
        if (bytes >= sizeof(parent)) {
            return rbk_error_set(reterr, RBK_ELIMIT, "the path \"%.100s…\" is too long", path);
        }
        memcpy(parent, path, bytes);
        parent[bytes] = '\0';
    }
    const char *wanted = directory != NULL ? directory : parent;
    file->directory = realpath(wanted, NULL);
    if (file->directory == NULL) {
        return rbk_error_set_system(reterr, RBK_ENOTFOUND, errno, "cannot use the directory \"%s\"",
                                    wanted);
    }
    return 0;
}

int rbk_plan_file_load(const char *path, const char *directory, struct rbk_plan_file *ret_file,
                       struct rbk_error *reterr)
{
    struct rbk_plan_file file = {.machine = NULL};
    int error;
    rbk_arena_init(&file.arena, RBK_MACHINE_MEMORY_MAX);
    error = is_machine(path) ? read_machine_file(path, &file, reterr)
                             : compile_source(path, &file, reterr);
    if (error == 0) {
        error = rbk_machine_read(&file.arena, file.text, &file.machine, reterr);
    }
    if (error == 0) {
        error = find_directory(path, directory, &file, reterr);
    }
    if (error != 0) {
        rbk_plan_file_fini(&file);
        return error;
    }
    *ret_file = file;
    return 0;
}
