/*
 * Connections of readings, kept for the next reading of the same address and name: a probe every
 * few seconds should not pay for a connection each time. Effects never use one.
 */
#include "runtime/drivers/postgres/task.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_NS_MAX ((uint64_t)60 * 1000000000)

static void forget(struct rbk_postgres_kept *kept)
{
    if (kept->address) {
        explicit_bzero(kept->address, strlen(kept->address));
    }
    free(kept->address);
    kept->address = NULL;
    kept->link = NULL;
}

static void on_kept_lost(void *owner)
{
    struct rbk_postgres_kept *kept = owner;
    rbk_postgres_link_close(kept->link);
    forget(kept);
}

static const struct rbk_postgres_link_events kept_events = {.on_lost = on_kept_lost};

struct rbk_postgres_link *rbk_postgres_kept_take(struct rbk_postgres_driver *driver,
                                                 const char *address, const char *name)
{
    for (size_t i = 0; i < RBK_POSTGRES_KEPT_LINKS; i++) {
        struct rbk_postgres_kept *kept = &driver->kept[i];
        if (kept->link && strcmp(kept->address, address) == 0 && strcmp(kept->name, name) == 0) {
            struct rbk_postgres_link *link = kept->link;
            bool fresh = uv_hrtime() - kept->since_ns < IDLE_NS_MAX;
            forget(kept);
            if (fresh) {
                return link;
            }
            rbk_postgres_link_close(link);
        }
    }
    return NULL;
}

void rbk_postgres_kept_put(struct rbk_postgres_driver *driver, struct rbk_postgres_link *link,
                           const char *address, const char *name)
{
    char *copy = rbk_postgres_link_is_idle(link) && !driver->base.closing ? strdup(address) : NULL;
    if (!copy) {
        rbk_postgres_link_close(link);
        return;
    }
    struct rbk_postgres_kept *place = &driver->kept[0];
    for (size_t i = 0; i < RBK_POSTGRES_KEPT_LINKS; i++) {
        struct rbk_postgres_kept *kept = &driver->kept[i];
        if (!kept->link) {
            place = kept;
            break;
        }
        if (kept->since_ns < place->since_ns) {
            place = kept;
        }
    }
    rbk_postgres_link_close(place->link);
    forget(place);
    place->link = link;
    place->address = copy;
    place->since_ns = uv_hrtime();
    memcpy(place->name, name, strlen(name) + 1);
    rbk_postgres_link_adopt(link, &kept_events, place, 1);
}

void rbk_postgres_kept_close_all(struct rbk_postgres_driver *driver)
{
    for (size_t i = 0; i < RBK_POSTGRES_KEPT_LINKS; i++) {
        rbk_postgres_link_close(driver->kept[i].link);
        forget(&driver->kept[i]);
    }
}
