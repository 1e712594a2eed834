#ifndef RBK_RUNTIME_CORE_ZONE_INTERNAL_H
#define RBK_RUNTIME_CORE_ZONE_INTERNAL_H

/* The rule of a zone for the time after its table (zone_rule.c), for zone.c alone. */

#include "runtime/core/zone.h"

/* When in a year the clocks are changed: `M3.5.0/2`, `J60`, `59`. */
struct rbk_zone_date {
    char
        kind; /* 'M': a weekday of a month; 'J': a day without the 29th of February; '0': with it */
    int32_t month, week, day;
    int32_t time_s; /* of that day, by the clock that was in force; may lie outside it */
};

/* "CET-1CEST,M3.5.0,M10.5.0/3" */
struct rbk_zone_rule {
    int32_t standard_s, summer_s; /* ahead of UTC */
    bool summer;                  /* the clocks are changed; else it is standard time for ever */
    struct rbk_zone_date begin, end;
};

/* One change of the clocks. */
struct rbk_zone_change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

/* Read a rule to its end; false: it is none. */
bool rbk_zone_rule_read(struct rbk_str text, struct rbk_zone_rule *ret_rule);

/* The last change at or before an instant, and the first after it. Of two at one instant the one
 * to summer time counts: so a zone is written whose summer lasts all year. With rule->summer. */
struct rbk_zone_change rbk_zone_rule_before(const struct rbk_zone_rule *rule, int64_t at_s);
struct rbk_zone_change rbk_zone_rule_after(const struct rbk_zone_rule *rule, int64_t at_s);

#endif
