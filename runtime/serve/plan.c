/*
 * The machine of a run as a page draws it: stages with what they wait for, their steps in phases,
 * their ways back; triggers, criteria, probes, signals and roles. Not the machine's own text, which
 * is for programs that carry it out: names instead of rows, conditions as the plan spells them.
 */
#include "runtime/core/daily.h"
#include "runtime/people/json_lines.h"
#include "runtime/serve/serve_internal.h"

/* Of a day and time with its zone. */
#define SHOWN_BYTES_MAX 512u

/* What is being told of. */
struct telling {
    const struct rbk_history *history;
    const struct rbk_view *view;
    const struct rbk_machine *machine;
};

static void set_text(json_t *object, const char *key, struct rbk_str text)
{
    (void)json_object_set_new(object, key, rbk_json_text(text));
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)number));
}

/* A number that is left out when it is 0: "none". */
static void set_span(json_t *object, const char *key, uint64_t span_ms)
{
    if (span_ms != 0) {
        set_number(object, key, span_ms);
    }
}

static void set_reaction(const struct telling *telling, json_t *object, const char *key,
                         uint32_t reaction)
{
    struct rbk_buffer text;

    if (reaction == RBK_NONE) {
        return;
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_reaction(telling->view, reaction, &text);
    rbk_json_set_text(object, key, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

/* ---- stages -----------------------------------------------------------------------------------
 */

static json_t *steps_of(const struct telling *telling, uint32_t region)
{
    const struct rbk_machine *machine = telling->machine;
    json_t *steps = json_array();

    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *state = &machine->states[i];
        const struct rbk_effect *effect;
        json_t *object;

        if (state->effect == RBK_NONE || rbk_region_root(machine, state->region) != region) {
            continue;
        }
        effect = &machine->effects[state->effect];
        object = json_object();
        set_text(object, "step", state->name);
        set_text(object, "phase", rbk_str_from(rbk_phase_name(state->phase)));
        set_text(object, "kind", rbk_str_from(rbk_effect_kind_name(effect->kind)));
        set_text(object, "text", effect->text);
        if (state->region != region) {
            set_text(object, "branch", machine->regions[state->region].name);
        }
        set_span(object, "timeout_ms", effect->timeout_ms);
        (void)json_array_append_new(steps, object);
    }
    return steps;
}

static json_t *strategies_of(const struct telling *telling, const struct rbk_region *region)
{
    json_t *strategies = json_array();

    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy =
            &telling->machine->strategies[region->strategies.first + i];
        json_t *object = json_object();

        set_text(object, "strategy", strategy->name);
        rbk_json_set_text(object, "when", rbk_view_spelled(telling->view, strategy->when));
        set_span(object, "within_ms", strategy->within_ms);
        (void)json_array_append_new(strategies, object);
    }
    return strategies;
}

static json_t *after_of(const struct telling *telling, const struct rbk_region *region)
{
    json_t *after = json_array();

    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *row =
            &telling->machine->predecessors[region->predecessors.first + i];
        json_t *object = json_object();

        set_text(object, "stage", telling->machine->regions[row->region].name);
        set_span(object, "for_ms", row->for_ms);
        (void)json_array_append_new(after, object);
    }
    return after;
}

/* The days on which a window opens, from Monday on. */
static json_t *days_of(const struct rbk_daily_window *window)
{
    static const char *const words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    json_t *days = json_array();

    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        if ((window->days >> i & 1) != 0) {
            (void)json_array_append_new(days, json_string(words[i]));
        }
    }
    return days;
}

static json_t *stage_of(const struct telling *telling, uint32_t index)
{
    const struct rbk_region *region = &telling->machine->regions[index];
    json_t *object = json_object();

    set_text(object, "stage", region->name);
    rbk_json_set_text(object, "title", region->title);
    set_text(object, "kind", rbk_str_from(rbk_region_kind_name(region->kind)));
    if (region->has_kind) {
        set_text(object, "stage_kind", rbk_str_from(rbk_stage_kind_name(region->stage_kind)));
    }
    if (region->has_risk) {
        set_text(object, "risk", rbk_str_from(rbk_risk_name(region->risk)));
    }
    rbk_json_set_text(object, "data", region->data);
    rbk_json_set_time(object, "not_before", region->not_before_ms);
    if (region->not_before_zone.bytes != 0) {
        struct rbk_buffer shown;

        rbk_buffer_init(&shown, SHOWN_BYTES_MAX);
        rbk_daily_print_shown(&shown, region->not_before_shown_ms, region->not_before_zone);
        set_text(object, "not_before_shown", rbk_buffer_str(&shown));
        rbk_buffer_fini(&shown);
    }
    if (region->window != RBK_NONE) {
        const struct rbk_daily_window *window = &telling->machine->daily_windows[region->window];

        (void)json_object_set_new(object, "window",
                                  json_pack("{s:i, s:i, s:o, s:s%}", "from_minute",
                                            (int)window->from_minute, "to_minute",
                                            (int)window->to_minute, "days", days_of(window), "zone",
                                            window->zone.data, window->zone.bytes));
    }
    (void)json_object_set_new(object, "after", after_of(telling, region));
    (void)json_object_set_new(object, "strategies", strategies_of(telling, region));
    (void)json_object_set_new(object, "steps", steps_of(telling, index));
    return object;
}

static json_t *stages_of(const struct telling *telling)
{
    json_t *stages = json_array();

    for (uint32_t i = 0; i < telling->machine->region_count; i++) {
        enum rbk_region_kind kind = telling->machine->regions[i].kind;

        if (kind == RBK_REGION_STAGE || kind == RBK_REGION_RETIRE) {
            (void)json_array_append_new(stages, stage_of(telling, i));
        }
    }
    return stages;
}

/* ---- watching ---------------------------------------------------------------------------------
 */

static json_t *triggers_of(const struct telling *telling)
{
    const struct rbk_machine *machine = telling->machine;
    json_t *triggers = json_array();

    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &machine->triggers[i];
        json_t *object = json_object();

        set_text(object, "trigger", trigger->name);
        rbk_json_set_text(object, "severity", trigger->severity);
        if (trigger->region != RBK_NONE) {
            set_text(object, "stage", machine->regions[trigger->region].name);
        }
        set_text(object, "condition", rbk_view_spelled(telling->view, trigger->condition));
        set_span(object, "for_ms", trigger->for_ms);
        set_span(object, "for_readings", trigger->for_readings);
        set_span(object, "confirm_ms", trigger->confirm_ms);
        set_reaction(telling, object, "reaction", trigger->reaction);
        set_reaction(telling, object, "missing", trigger->missing);
        (void)json_array_append_new(triggers, object);
    }
    return triggers;
}

static json_t *criteria_of(const struct telling *telling)
{
    const struct rbk_machine *machine = telling->machine;
    json_t *criteria = json_array();

    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        json_t *object = json_object();

        set_text(object, "condition",
                 rbk_view_spelled(telling->view, machine->criteria[i].condition));
        rbk_json_set_text(object, "message", machine->criteria[i].message);
        (void)json_array_append_new(criteria, object);
    }
    return criteria;
}

static json_t *probes_of(const struct telling *telling)
{
    const struct rbk_machine *machine = telling->machine;
    json_t *probes = json_array();

    for (uint32_t i = 0; i < machine->probe_count; i++) {
        const struct rbk_probe *probe = &machine->probes[i];
        json_t *object = json_object();

        set_text(object, "probe", probe->name);
        set_text(object, "reads", rbk_view_spelled(telling->view, probe->expr));
        (void)json_object_set_new(object, "pushed", json_boolean(probe->pushed));
        set_span(object, "every_ms", probe->every_ms);
        set_number(object, "missing_after", probe->missing_after);
        (void)json_array_append_new(probes, object);
    }
    return probes;
}

/* ---- people -----------------------------------------------------------------------------------
 */

static json_t *roles_of(const struct telling *telling)
{
    const struct rbk_machine *machine = telling->machine;
    json_t *roles = json_array();

    for (uint32_t i = 0; i < machine->role_count; i++) {
        const struct rbk_role *role = &machine->roles[i];
        json_t *object = json_object(), *members = json_array();

        for (uint32_t j = 0; j < role->members.count; j++) {
            (void)json_array_append_new(members,
                                        rbk_json_text(machine->texts[role->members.first + j]));
        }
        set_text(object, "role", role->name);
        rbk_json_set_text(object, "contact", role->contact);
        (void)json_object_set_new(object, "members", members);
        (void)json_array_append_new(roles, object);
    }
    return roles;
}

static json_t *signals_of(const struct telling *telling)
{
    json_t *signals = json_array();

    for (uint32_t i = 0; i < telling->machine->signal_count; i++) {
        json_t *object = json_object();

        set_text(object, "signal", telling->machine->signals[i].name);
        rbk_json_set_text(object, "message", telling->machine->signals[i].message);
        (void)json_array_append_new(signals, object);
    }
    return signals;
}

json_t *rbk_plan_json(const struct rbk_history *history)
{
    struct telling telling = {history, &history->view, history->replay->machine};
    const struct rbk_machine *machine = telling.machine;
    json_t *object = json_object();

    set_text(object, "run", rbk_str_from(history->id));
    set_text(object, "machine", rbk_str_from(machine->hash));
    set_text(object, "plan", machine->name);
    rbk_json_set_text(object, "title", machine->title);
    rbk_json_set_text(object, "ticket", machine->ticket);
    rbk_json_set_text(object, "owner", machine->owner);
    rbk_json_set_text(object, "service", machine->service);
    set_span(object, "estimate_ms", machine->estimate_ms);
    set_span(object, "rollback_within_ms", machine->rollback_within_ms);
    (void)json_object_set_new(object, "stages", stages_of(&telling));
    (void)json_object_set_new(object, "triggers", triggers_of(&telling));
    (void)json_object_set_new(object, "criteria", criteria_of(&telling));
    (void)json_object_set_new(object, "probes", probes_of(&telling));
    (void)json_object_set_new(object, "roles", roles_of(&telling));
    (void)json_object_set_new(object, "signals", signals_of(&telling));
    return object;
}
