/* What the conditions of a stage's strategies come to. */
#include "runtime/core/way_back.h"

#define EVERY_MS 60000u

uint64_t rbk_way_every_ms(const struct rbk_strategy *strategy)
{
    if (strategy->when == RBK_NONE) {
        return 0;
    }
    return strategy->when_every_ms != 0 ? strategy->when_every_ms : EVERY_MS;
}

bool rbk_way_back_level(const struct rbk_machine *machine, uint32_t region,
                        const struct rbk_way *ways, bool was_open, enum rbk_level *ret_level)
{
    struct rbk_slice strategies = machine->regions[region].strategies;
    bool open = false, first = false, closed = true;
    for (uint32_t i = 0; i < strategies.count; i++) {
        bool always = machine->strategies[strategies.first + i].when == RBK_NONE;
        if (!always && !ways[i].read) {
            return false;
        }
        bool holds = always || ways[i].level == RBK_LEVEL_TRUE;
        open |= holds;
        first |= holds && i == 0;
        closed &= !holds && (ways[i].level == RBK_LEVEL_FALSE ||
                             ways[i].unanswered >= RBK_WAY_UNANSWERED_MAX);
    }
    if (!open && !closed && !was_open) {
        return false;
    }
    *ret_level = first ? RBK_LEVEL_TRUE : !open && closed ? RBK_LEVEL_FALSE : RBK_LEVEL_MISSING;
    return true;
}

const char *rbk_way_back_word(const struct rbk_region_state *region)
{
    return region->flags & RBK_FLAG_WAY_CLOSED    ? "closed"
           : region->flags & RBK_FLAG_WAY_CLOSING ? "closing"
           : region->flags & RBK_FLAG_WAY_UNREAD  ? "unread"
                                                  : "open";
}

const char *rbk_way_word(enum rbk_level level)
{
    return level == RBK_LEVEL_TRUE ? "open" : level == RBK_LEVEL_FALSE ? "closed" : "unknown";
}
