/*
 * The status of a run for a person, its second part: clocks that run, triggers, what probes say
 * now, and what was kept as evidence.
 */
#include <jansson.h>
#include <stdio.h>

#include "runtime/core/timestamp.h"
#include "runtime/people/status_text.h"
#include "runtime/people/when.h"

static void print_timer(void *context, const struct rbk_timer *timer)
{
    struct rbk_printing *printing = context;
    rbk_printing_section(printing, "clocks");
    rbk_buffer_printf(&printing->line, "  %-28s %.*s  ", timer->what, RBK_STR_ARG(timer->name));
    if (timer->budget) {
        rbk_buffer_printf(&printing->line, "%s (budget: time without a runner does not count)",
                          rbk_when_limit(timer->span_ms).text);
    } else {
        rbk_buffer_printf(&printing->line, "until %s (wall clock",
                          rbk_when_until(timer->due_ms, printing->now_ms).text);
        if (timer->due_ms > printing->now_ms) {
            rbk_buffer_printf(&printing->line, ", in %s)",
                              rbk_when_ticks(timer->due_ms - printing->now_ms).text);
        } else {
            rbk_buffer_append_text(&printing->line, ", passed)");
        }
    }
    rbk_printing_line(printing, RBK_TONE_PLAIN);
}

void rbk_printing_level(struct rbk_printing *printing, uint32_t trigger, enum rbk_tone tone)
{
    const struct rbk_track_trigger *tracked = &printing->history->track.triggers[trigger];
    if (tracked->at_ms == 0) {
        return;
    }
    rbk_buffer_printf(&printing->line, "      %s at %s%s%s", rbk_level_name(tracked->level),
                      rbk_when_until(tracked->at_ms, printing->now_ms).text,
                      tracked->text[0] != '\0' ? ", on " : "", tracked->text);
    rbk_printing_line(printing, tone);
}

static void print_triggers(struct rbk_printing *printing)
{
    printing->count = 0;
    for (uint32_t i = 0; i < printing->machine->trigger_count; i++) {
        const struct rbk_trigger_state *ts =
            rbk_state_trigger(printing->machine, printing->state, i);
        const struct rbk_track_trigger *tracked = &printing->history->track.triggers[i];
        bool armed = rbk_trigger_armed(printing->machine, printing->state, i);
        if (!armed && ts->fired == 0 && tracked->at_ms == 0) {
            continue;
        }
        rbk_printing_section(printing, "triggers");
        if (armed) {
            rbk_printing_rows(rbk_status_rows_trigger(&printing->rows, i));
        } else {
            rbk_buffer_printf(&printing->line, "   %-18.*s asleep%s%s",
                              RBK_STR_ARG(printing->machine->triggers[i].name),
                              ts->fired != 0 ? ", has reacted" : "",
                              ts->fired > 1 ? " more than once" : "");
            rbk_printing_line(printing, RBK_TONE_DIM);
        }
        rbk_printing_level(printing, i, RBK_TONE_DIM);
    }
}

static struct rbk_str text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return rbk_str_from(text != NULL ? text : "");
}

/* "  rows               7  0.3s ago", "  errors             no reading: the server answered 500" */
static void print_probe(struct rbk_printing *printing, const json_t *probe)
{
    struct rbk_str missing = text_at(probe, "missing"), value = text_at(probe, "value");
    int64_t at_ms = 0;

    rbk_buffer_printf(&printing->line, "  %-18.*s ", RBK_STR_ARG(text_at(probe, "probe")));
    if (missing.bytes != 0) {
        rbk_buffer_printf(&printing->line, "no reading: %.*s", RBK_STR_ARG(missing));
    }
    if (value.bytes != 0 && rbk_timestamp_parse(text_at(probe, "at"), &at_ms)) {
        rbk_buffer_printf(&printing->line,
                          missing.bytes != 0 ? "; last %.*s, %s ago" : "%.*s  %s ago",
                          RBK_STR_ARG(value),
                          rbk_when_span(rbk_when_between((uint64_t)at_ms, printing->now_ms)).text);
    }
    rbk_printing_line(printing, missing.bytes != 0 ? RBK_TONE_WARN : RBK_TONE_PLAIN);
}

/* What the runner sees now: not in the journal, so it shows only while there is a runner. */
static void print_readings(struct rbk_printing *printing)
{
    const json_t *probe;
    size_t index;

    printing->count = 0;
    json_array_foreach(json_object_get(printing->live, "probes"), index, probe)
    {
        rbk_printing_section(printing, printing->history->runner.state == RBK_RUNNER_STOPPED
                                           ? "last readings: nothing is read now"
                                           : "live readings");
        print_probe(printing, probe);
    }
}

static int print_evidence(void *context, const struct rbk_store_evidence *evidence)
{
    struct rbk_printing *printing = context;
    rbk_printing_section(printing, "evidence");
    rbk_buffer_printf(&printing->line, "  %s  %.*s  %zu bytes  sha256 %.*s",
                      rbk_when_until((uint64_t)evidence->at_ms, printing->now_ms).text,
                      RBK_STR_ARG(evidence->label), evidence->content.bytes,
                      RBK_STR_ARG(evidence->sha256));
    rbk_printing_line(printing, RBK_TONE_PLAIN);
    return 0;
}

void rbk_printing_seen(struct rbk_printing *printing)
{
    printing->count = 0;
    rbk_view_timers(printing->view, printing->state, print_timer, printing);
    print_triggers(printing);
    print_readings(printing);
}

int rbk_printing_evidence(struct rbk_printing *printing, struct rbk_error *reterr)
{
    printing->count = 0;
    return rbk_store_each_evidence_head(printing->history->store, printing->history->id,
                                        print_evidence, printing, reterr);
}
