/* What the conditions of a stage's strategies come to. */
#include "runtime/core/way_back.h"

uint64_t rbk_way_every_ms(const struct rbk_strategy *strategy)
{
    if (strategy->when == RBK_NONE) {
        return 0;
    }
    return strategy->when_every_ms != 0 ? strategy->when_every_ms : RBK_WAY_EVERY_MS;
}

void rbk_way_feed(struct rbk_way *way, enum rbk_level level)
{
    way->read = true;
    way->level = level;
    if (level != RBK_LEVEL_MISSING) {
        way->unanswered = 0;
    } else if (way->unanswered < RBK_WAY_UNANSWERED_MAX) {
        way->unanswered++;
    }
}

uint32_t rbk_way_back_flags(enum rbk_level level)
{
    return level == RBK_LEVEL_FALSE     ? RBK_FLAG_WAY_CLOSED
           : level == RBK_LEVEL_MISSING ? RBK_FLAG_WAY_CLOSING
           : level == RBK_LEVEL_TRUE    ? 0
                                        : RBK_FLAG_WAY_UNREAD;
}

enum rbk_level rbk_way_back_of_flags(uint32_t flags)
{
    return flags & RBK_FLAG_WAY_CLOSED    ? RBK_LEVEL_FALSE
           : flags & RBK_FLAG_WAY_CLOSING ? RBK_LEVEL_MISSING
           : flags & RBK_FLAG_WAY_UNREAD  ? RBK_LEVEL_COUNT
                                          : RBK_LEVEL_TRUE;
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

bool rbk_way_back_open(const struct rbk_region_state *region)
{
    enum rbk_level level = rbk_way_back_of_flags(region->flags);
    return level == RBK_LEVEL_TRUE || level == RBK_LEVEL_MISSING;
}

const char *rbk_way_back_word(const struct rbk_region_state *region)
{
    switch (rbk_way_back_of_flags(region->flags)) {
    case RBK_LEVEL_FALSE:
        return "closed";
    case RBK_LEVEL_MISSING:
        return "closing";
    case RBK_LEVEL_TRUE:
        return "open";
    default:
        return "unread";
    }
}

const char *rbk_way_word(enum rbk_level level)
{
    return level == RBK_LEVEL_TRUE ? "open" : level == RBK_LEVEL_FALSE ? "closed" : "unknown";
}
