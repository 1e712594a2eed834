/* Loading a driver's module with dlopen(3). */
#include "runtime/drivers/module.h"

#include <dlfcn.h>
#include <string.h>

int rbk_driver_module_load(const char *path, const struct rbk_driver_module **ret_module,
                           struct rbk_error *reterr)
{
    const struct rbk_driver_module *module;
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);

    if (handle == NULL) {
        return rbk_error_set(reterr, RBK_ENOTFOUND,
                             "a part of this installation cannot be loaded: %s; install rbk and "
                             "what it needs anew",
                             dlerror());
    }
    module = dlsym(handle, RBK_DRIVER_MODULE_NAME);
    if (module == NULL || strcmp(module->version, RBK_VERSION) != 0) {
        (void)dlclose(handle);
        return rbk_error_set(reterr, RBK_EVERSION,
                             "\"%s\" is not of rbk %s: install rbk anew, all of it", path,
                             RBK_VERSION);
    }
    *ret_module = module;
    return 0;
}
