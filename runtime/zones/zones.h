#ifndef RBK_RUNTIME_ZONES_ZONES_H
#define RBK_RUNTIME_ZONES_ZONES_H

/*
 * Where zones come from: the tables of this host ($TZDIR, else /usr/share/zoneinfo), for those that
 * may read files. What they mean is core/zone.h's business. The zone of the process (TZ) is neither
 * asked nor changed.
 */

#include "runtime/core/zone.h"

/** What became of a name. */
enum rbk_zone_found {
    RBK_ZONE_FOUND,
    RBK_ZONE_UNKNOWN,  /**< There is no such zone: a name that is none, or no file of that name. */
    RBK_ZONE_DAMAGED,  /**< There is a file, and it is no zone, or cannot be read. */
    RBK_ZONE_NO_TABLES /**< This host has no tables at all, so that nobody can tell. */
};

/**
 * Find a zone: an offset ("+01:00", "UTC"), which needs no table, or a name.
 * @ret_zone  Set when found; lives in `arena`.
 */
enum rbk_zone_found rbk_zones_find(struct rbk_arena *arena, struct rbk_str name,
                                   const struct rbk_zone **ret_zone);

/** Why it was not found, for people: "there is no time zone of this name". */
const char *rbk_zones_why(enum rbk_zone_found found);

#endif
