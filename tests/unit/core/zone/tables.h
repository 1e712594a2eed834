#ifndef RBK_TESTS_UNIT_CORE_ZONE_TABLES_H
#define RBK_TESTS_UNIT_CORE_ZONE_TABLES_H

/* Files of zones, made for tests. */

#include "runtime/core/zone.h"

/* One change of the clocks. */
struct table_change {
    int64_t at_s;
    int32_t offset_s;
};

/* A file of version 2: offset_s before the first change, then the changes, then the rule ("" for
 * none). In the arena. */
struct rbk_str table_make(struct rbk_arena *arena, int32_t offset_s,
                          const struct table_change *changes, size_t count, const char *rule);

/* The zone of a rule alone; a rule that cannot be read fails the test. */
const struct rbk_zone *table_of_rule(struct rbk_arena *arena, const char *rule);

/* An instant: table_at("2026-03-29T01:00:00Z"). */
int64_t table_at(const char *text);

#endif
