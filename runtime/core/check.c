/*
 * How the readings of one effect are judged. The table in check.h is the specification; each kind
 * of effect has its function here.
 *
 *     feed -> decided                      the effect ends with `outcome`
 *          -> not decided, next_ms         the executor reads again then
 */
#include "runtime/core/check.h"

#include "runtime/core/base/assert.h"

/* Between two readings where neither the plan nor a probe says how long. */
#define EVERY_MS_DEFAULT 1000u

enum rbk_level rbk_level_of(struct rbk_value value)
{
    if (!value.missing && value.type == RBK_TYPE_SCALAR) {
        value = rbk_value_parse(RBK_TYPE_BOOL, value.as.text);
    }
    if (value.missing || value.type != RBK_TYPE_BOOL) {
        return RBK_LEVEL_MISSING;
    }
    return value.as.truth ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
}

void rbk_check_start(struct rbk_check *check, const struct rbk_effect *effect, uint64_t now_ms)
{
    *check = (struct rbk_check){.effect = effect, .started_ms = now_ms};
}

static struct rbk_check_verdict decided(enum rbk_outcome outcome)
{
    return (struct rbk_check_verdict){.decided = true, .outcome = outcome};
}

static struct rbk_check_verdict again(uint64_t next_ms)
{
    return (struct rbk_check_verdict){.next_ms = next_ms};
}

static uint64_t every_ms(const struct rbk_check *check)
{
    return check->effect->every_ms ? check->effect->every_ms : EVERY_MS_DEFAULT;
}

static enum rbk_outcome outcome_of(enum rbk_level level)
{
    return level == RBK_LEVEL_TRUE    ? RBK_OUTCOME_OK
           : level == RBK_LEVEL_FALSE ? RBK_OUTCOME_FAIL
                                      : RBK_OUTCOME_MISSING;
}

/* A reading that was not good: uses up a retry, or decides. */
static struct rbk_check_verdict retry_or(struct rbk_check *check, enum rbk_level level,
                                         uint64_t now_ms)
{
    if (check->retries_used < check->effect->retry_count) {
        check->retries_used++;
        uint64_t delay_ms = check->effect->retry_every_ms;
        return again(now_ms + (delay_ms ? delay_ms : every_ms(check)));
    }
    return decided(outcome_of(level));
}

/* let, capture, test, require: the first good reading decides, and for a test a false one does. */
static struct rbk_check_verdict feed_once(struct rbk_check *check, enum rbk_level level,
                                          uint64_t now_ms)
{
    bool require = check->effect->kind == RBK_EFFECT_REQUIRE;
    bool good = level == RBK_LEVEL_TRUE || (level == RBK_LEVEL_FALSE && !require);
    return good ? decided(outcome_of(level)) : retry_or(check, level, now_ms);
}

/* check, require, wait until … for D */
static struct rbk_check_verdict feed_span(struct rbk_check *check, enum rbk_level level,
                                          uint64_t now_ms)
{
    const struct rbk_effect *effect = check->effect;
    if (level != RBK_LEVEL_TRUE) {
        check->in_span = false;
        check->true_from_ms = 0;
        bool waits = effect->kind == RBK_EFFECT_WAIT_UNTIL || effect->timeout_ms > 0;
        if (check->retries_used == effect->retry_count && waits) {
            return again(now_ms + every_ms(check)); /* its time ends it */
        }
        return retry_or(check, level, now_ms);
    }
    if (!check->in_span) {
        check->in_span = true;
        check->true_from_ms = now_ms;
    }
    uint64_t end_ms = check->true_from_ms + effect->for_ms;
    if (now_ms >= end_ms) {
        return decided(RBK_OUTCOME_OK);
    }
    uint64_t next_ms = now_ms + every_ms(check);
    return again(next_ms < end_ms ? next_ms : end_ms);
}

void rbk_check_broken_off(struct rbk_check *check)
{
    check->in_span = false;
    check->true_from_ms = 0;
}

struct rbk_check_verdict rbk_check_feed(struct rbk_check *check, enum rbk_level level,
                                        uint64_t now_ms)
{
    RBK_ASSERT(check->effect);
    check->readings++;
    bool lasts = check->effect->for_ms > 0;
    switch (check->effect->kind) {
    case RBK_EFFECT_CHECK:
        if (lasts) {
            return feed_span(check, level, now_ms);
        }
        return level == RBK_LEVEL_TRUE ? decided(RBK_OUTCOME_OK) : retry_or(check, level, now_ms);
    case RBK_EFFECT_WAIT_UNTIL:
        if (lasts) {
            return feed_span(check, level, now_ms);
        }
        return level == RBK_LEVEL_TRUE ? decided(RBK_OUTCOME_OK) : again(now_ms + every_ms(check));
    case RBK_EFFECT_REQUIRE:
        if (lasts) {
            return feed_span(check, level, now_ms);
        }
        return feed_once(check, level, now_ms);
    default:
        return feed_once(check, level, now_ms);
    }
}
