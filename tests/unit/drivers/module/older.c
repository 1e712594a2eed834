/* The driver of an rbk that is not this one. */
#include "runtime/drivers/module.h"

extern const struct rbk_driver_module rbk_driver_module;

RBK_DRIVER_MODULE_EXPORT const struct rbk_driver_module rbk_driver_module = {.version = "0.0.1"};
