#ifndef RBK_RUNTIME_DRIVERS_SET_H
#define RBK_RUNTIME_DRIVERS_SET_H

/*
 * All drivers of a run, opened when first needed, and the evaluation of what they are asked: the
 * arguments of an effect or reading become a request.
 */

#include "runtime/core/expr.h"
#include "runtime/drivers/driver.h"
#include "runtime/drivers/filter.h"
#include "runtime/drivers/module.h"

struct rbk_drivers;

/* Who started an activity. Embedded as the first member of the owner object. */
struct rbk_client {
    void (*on_result)(struct rbk_client *client, const struct rbk_result *result);
    void (*on_note)(struct rbk_client *client, struct rbk_str note);
    void (*on_recovered)(struct rbk_client *client, enum rbk_recovery recovery,
                         const struct rbk_result *result);
};

/*
 * Load the modules of the drivers that anything in a machine needs; the others stay NULL.
 * @return 0, -RBK_ENOTFOUND or -RBK_EVERSION of rbk_driver_module_load().
 */
RBK_MUST_USE int rbk_drivers_load(const struct rbk_machine *machine,
                                  struct rbk_driver_modules *ret_modules, struct rbk_error *reterr);

/* The setup's callbacks are filled in here. Strings are borrowed for the life of the set. */
RBK_MUST_USE int rbk_drivers_new(const struct rbk_driver_setup *setup,
                                 struct rbk_drivers **ret_drivers, struct rbk_error *reterr);
/* The driver of an effect kind (connection kinds choose among the sql ones); NULL for effects that
 * no driver carries out. Opens it. */
RBK_MUST_USE int rbk_drivers_for_effect(struct rbk_drivers *drivers,
                                        const struct rbk_machine *machine,
                                        const struct rbk_effect *effect,
                                        struct rbk_driver **ret_driver, struct rbk_error *reterr);
RBK_MUST_USE int rbk_drivers_for_read(struct rbk_drivers *drivers,
                                      const struct rbk_machine *machine,
                                      const struct rbk_read *read, struct rbk_driver **ret_driver,
                                      struct rbk_error *reterr);
RBK_MUST_USE int rbk_drivers_filter(struct rbk_drivers *drivers, struct rbk_filter **ret_filter,
                                    struct rbk_error *reterr);
/* Tell the exec driver that the journal has a result. */
void rbk_drivers_forget(struct rbk_drivers *drivers, uint32_t serial);
/* Close all; on_closed runs when nothing of them is left on the loop; then free. */
void rbk_drivers_close(struct rbk_drivers *drivers, bool leave, void (*on_closed)(void *context),
                       void *context);
void rbk_drivers_free(struct rbk_drivers *drivers);

/* Parts of a request common to effects and readings, and the arguments evaluated into it. */
struct rbk_request_source {
    const struct rbk_scope *scope; /* with secrets */
    struct rbk_slice args;
    uint32_t connection; /* RBK_NONE: none */
    bool environment;    /* the connection goes into the environment (`using`) */
    const struct rbk_driver_modules *modules; /* of the machine; may be NULL without environment */
    const char *run, *step, *stage, *key;
};

/*
 * Evaluate the arguments and the connection's address into `ret_request` (memory from `arena`).
 * A RUN, SHELL or exec reading with a connection gets its environment (PGHOST, PGUSER, …).
 * @return 0; -RBK_EMISSING (a value is missing: the text names the part), -RBK_EREFUSED (a word
 * that begins with '-'), -RBK_ELIMIT.
 */
RBK_MUST_USE int rbk_request_build(const struct rbk_request_source *source, struct rbk_arena *arena,
                                   struct rbk_request *ret_request, struct rbk_error *reterr);
/* The FILTER argument of a reading evaluated, or empty. */
RBK_MUST_USE int rbk_request_filter(const struct rbk_request_source *source,
                                    struct rbk_arena *arena, struct rbk_str *ret_filter,
                                    struct rbk_error *reterr);

#endif
