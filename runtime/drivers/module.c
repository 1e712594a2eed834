/*
 * Loading a driver's module with dlopen(3). All its symbols are bound at once: one that a library
 * lacks would else end the process when it is first called, in the middle of a cutover. And the
 * file is looked at beforehand: the loader maps what the headers promise, and of a file that was
 * cut it would die by SIGBUS.
 */
#include "runtime/drivers/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool reads(int file, void *into, size_t bytes, uint64_t offset)
{
    return offset <= INT64_MAX && pread(file, into, bytes, (off_t)offset) == (ssize_t)bytes;
}

/* Whether `bytes` at `offset` lie in a file of `size`. */
static bool lies_within(uint64_t offset, uint64_t bytes, uint64_t size)
{
    return offset <= size && bytes <= size - offset;
}

/* Whether the file has all that its headers speak of; what they mean is the loader's business. */
static bool is_whole(int file, uint64_t size)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) part;

    if (!reads(file, &head, sizeof(head), 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        !lies_within(head.e_shoff, (uint64_t)head.e_shnum * head.e_shentsize, size)) {
        return false;
    }
    for (unsigned i = 0; i < head.e_phnum; i++) {
        if (!reads(file, &part, sizeof(part), head.e_phoff + (uint64_t)i * sizeof(part)) ||
            !lies_within(part.p_offset, part.p_filesz, size)) {
            return false;
        }
    }
    return true;
}

/* Refuses a file that is damaged; of one that cannot be opened the loader says why. */
static int look(const char *path, struct rbk_error *reterr)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat stat;
    bool damaged;

    if (file < 0) {
        return 0;
    }
    damaged = fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode) ||
              !is_whole(file, (uint64_t)stat.st_size);
    (void)close(file);
    return damaged ? rbk_error_set(reterr, RBK_ENOTFOUND,
                                   "a part of this installation is damaged: \"%s\" is not, or not "
                                   "the whole of, a loadable file; install rbk anew, all of it",
                                   path)
                   : 0;
}

int rbk_driver_module_load(const char *path, const struct rbk_driver_module **ret_module,
                           struct rbk_error *reterr)
{
    const struct rbk_driver_module *module;
    int error = look(path, reterr);
    void *handle;

    if (error != 0) {
        return error;
    }
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return rbk_error_set(reterr, RBK_ENOTFOUND,
                             "a part of this installation cannot be loaded: %s; install rbk and "
                             "what it needs anew",
                             dlerror());
    }
    module = dlsym(handle, RBK_DRIVER_MODULE_NAME);
    if (module == NULL || strcmp(module->version, RBK_VERSION) != 0 ||
        strcmp(module->file, basename(path)) != 0) {
        (void)dlclose(handle);
        return rbk_error_set(reterr, RBK_EVERSION,
                             "\"%s\" is not that of rbk %s: install rbk anew, all of it", path,
                             RBK_VERSION);
    }
    *ret_module = module;
    return 0;
}
