#ifndef RBK_RUNTIME_DRIVERS_MODULE_H
#define RBK_RUNTIME_DRIVERS_MODULE_H

/*
 * Drivers in a file of their own. libcurl and libpq bring some thirty shared libraries with them,
 * which take longer to load than all the rest of a start: only a machine that needs one of these
 * drivers loads it, and does so before anything of its run is journalled, so that a library which
 * is missing or was exchanged is found then and not in the middle of a cutover. What is loaded
 * stays until the process ends.
 */

#include "runtime/core/base/arena.h"
#include "runtime/drivers/driver.h"

/* Variables a connection takes at most. */
#define RBK_CONNECTION_ENVIRONMENT_MAX 32

/** Opens a driver; `setup` is borrowed for its life. */
typedef int rbk_driver_open_fn(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                               struct rbk_error *reterr);

/**
 * Adds the environment variables for an address to `pairs`, which has room for
 * RBK_CONNECTION_ENVIRONMENT_MAX more, and counts them in `count`. Memory is the arena's.
 * @return 0, or -RBK_EINVALID when the address cannot be read (its text is not repeated: it may
 * hold a password).
 */
typedef int rbk_driver_environment_fn(struct rbk_str address, struct rbk_arena *arena,
                                      struct rbk_pair *pairs, size_t *count,
                                      struct rbk_error *reterr);

/** What the file of a module has under the name RBK_DRIVER_MODULE_NAME. Constant. */
struct rbk_driver_module {
    const char *version; /**< RBK_VERSION of its build; another one is refused. */
    const char *file;    /**< Its name below; under another one it is refused. */
    rbk_driver_open_fn *open;
    rbk_driver_environment_fn *environment; /**< NULL: its connections have none. */
};
#define RBK_DRIVER_MODULE_NAME "rbk_driver_module"

/** Before the definition of that name in a module: all other names of the file are hidden. */
#define RBK_DRIVER_MODULE_EXPORT __attribute__((visibility("default")))

/** The modules of this installation: X(member, the driver's name in set.c, the file's name). */
#define RBK_DRIVER_MODULES(X)           \
    X(http, HTTP, "rbk-driver-http.so") \
    X(postgres, POSTGRES, "rbk-driver-postgres.so")

/** Those that a run has loaded; NULL: not needed. */
struct rbk_driver_modules {
#define X(member, ...) const struct rbk_driver_module *member;
    RBK_DRIVER_MODULES(X)
#undef X
};

/**
 * Loads the module in `path`, or finds it loaded.
 * @return 0, or -RBK_ENOTFOUND with what cannot be loaded or is damaged, and why, -RBK_EVERSION
 * when it is of another build.
 */
RBK_MUST_USE int rbk_driver_module_load(const char *path,
                                        const struct rbk_driver_module **ret_module,
                                        struct rbk_error *reterr);

#endif
