/* What the file of this driver is loaded for. */
#include "runtime/drivers/module.h"

#include "runtime/drivers/http/http.h"

extern const struct rbk_driver_module rbk_driver_module;

RBK_DRIVER_MODULE_EXPORT const struct rbk_driver_module rbk_driver_module = {
    .version = RBK_VERSION,
    .file = "rbk-driver-http.so",
    .open = rbk_http_open,
};
