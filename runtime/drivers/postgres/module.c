/* What the file of this driver is loaded for. */
#include "runtime/drivers/module.h"

#include "runtime/drivers/postgres/environment.h"
#include "runtime/drivers/postgres/postgres.h"

extern const struct rbk_driver_module rbk_driver_module;

RBK_DRIVER_MODULE_EXPORT const struct rbk_driver_module rbk_driver_module = {
    .version = RBK_VERSION,
    .file = "rbk-driver-postgres.so",
    .open = rbk_sql_postgres_open,
    .environment = rbk_postgres_environment,
};
