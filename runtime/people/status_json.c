/*
 * The status of a run as one JSON object, for programs. Keys that do not apply are left out.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/seat.h"
#include "runtime/core/way_back.h"
#include "runtime/people/json_lines.h"
#include "runtime/people/messages.h"
#include "runtime/people/readings.h"
#include "runtime/people/status.h"
#include "runtime/people/ways.h"
#include "runtime/people/when.h"

/* A status being put together. */
struct building {
    const struct rbk_history *history;
    const struct rbk_view *view;
    json_t *array; /* of the section under way */
    json_t *live;  /* what its runner sees; NULL: nobody drives it */
};

static json_t *text_of(const char *text)
{
    return rbk_json_text(rbk_str_from(text));
}

static void set_buffer(json_t *object, const char *key, struct rbk_buffer *text)
{
    rbk_json_set_text(object, key, rbk_buffer_str(text));
    rbk_buffer_clear(text);
}

static json_t *commands_of(struct building *building, const struct rbk_asked *asked)
{
    json_t *commands = json_array();
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t number = 0;
         rbk_asked_command(building->view, building->history->replay->state, asked, number, &text);
         number++) {
        (void)json_array_append_new(commands, rbk_json_text(rbk_buffer_str(&text)));
        rbk_buffer_clear(&text);
    }
    rbk_buffer_fini(&text);
    return commands;
}

/* Who may answer: of each role so many different people. None: anybody may. */
static json_t *roles_of(const struct rbk_machine *machine, uint32_t question)
{
    json_t *array = json_array();
    uint32_t count = question == RBK_NONE ? 0 : machine->questions[question].roles.count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = machine->indexes[machine->questions[question].roles.first + i];
        json_t *object = json_object();
        (void)json_object_set_new(object, "role", rbk_json_text(machine->roles[row].name));
        (void)json_object_set_new(object, "people",
                                  json_integer(rbk_question_quorum(machine, question, i)));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *questions_of(struct building *building)
{
    const struct rbk_state *state = building->history->replay->state;
    json_t *array = json_array();
    struct rbk_asked asked[32];
    struct rbk_buffer text;
    size_t count = rbk_view_asked(building->view, state, asked, RBK_COUNT(asked));
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        json_t *object = json_object();
        rbk_asked_name(building->view, state, &asked[i], &text);
        set_buffer(object, "question", &text);
        (void)json_object_set_new(object, "id", json_integer(asked[i].serial));
        (void)json_object_set_new(object, "kind", text_of(rbk_question_kind_name(asked[i].kind)));
        rbk_asked_text(building->view, state, &asked[i], &text);
        set_buffer(object, "text", &text);
        rbk_json_set_time(object, "until", asked[i].due_ms);
        (void)json_object_set_new(object, "roles",
                                  roles_of(building->view->machine, asked[i].question));
        (void)json_object_set_new(
            object, "four_eyes",
            json_boolean(rbk_question_four_eyes(building->view->machine, asked[i].question)));
        (void)json_object_set_new(object, "commands", commands_of(building, &asked[i]));
        (void)json_array_append_new(array, object);
    }
    rbk_buffer_fini(&text);
    return array;
}

/* What people said, the latest of it, in order. */
static json_t *people_of(struct building *building)
{
    const struct rbk_said_list *list = &building->history->said;
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct rbk_said *said = &list->items[i];
        json_t *object = json_object();
        rbk_json_set_time(object, "at", said->at_ms);
        rbk_json_set_text(object, "who", rbk_str_from(said->who));
        rbk_json_set_text(object, "said", rbk_str_from(said->word));
        rbk_json_set_text(object, "about", rbk_str_from(said->about));
        rbk_json_set_text(object, "reason", rbk_str_from(said->reason));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static void add_way(void *context, const struct rbk_way_shown *way)
{
    struct building *building = context;
    json_t *object = json_object();
    rbk_json_set_text(object, "strategy", way->name);
    (void)json_object_set_new(object, "status", text_of(rbk_way_word(way->level)));
    rbk_json_set_text(object, "when", way->when);
    rbk_json_set_time(object, "since", way->since_ms);
    rbk_json_set_time(object, "read", way->read_ms);
    rbk_json_set_text(object, "missing", rbk_str_from(way->missing != NULL ? way->missing : ""));
    (void)json_array_append_new(building->array, object);
}

static json_t *stage_of(struct building *building, uint32_t region)
{
    const struct rbk_replay *replay = building->history->replay;
    const struct rbk_machine *machine = replay->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, replay->state, region);
    const struct rbk_track_region *tracked = &building->history->track.regions[region];
    json_t *object = json_object();
    struct rbk_buffer text;
    uint32_t done, total;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_json_set_text(object, "stage", machine->regions[region].name);
    rbk_json_set_text(object, "title", machine->regions[region].title);
    (void)json_object_set_new(
        object, "status",
        text_of(rbk_view_region_word(building->view, replay->state, region, NULL)));
    rbk_json_set_text(object, "step", machine->states[rs->state].name);
    (void)json_object_set_new(object, "mode", text_of(rbk_mode_name((enum rbk_mode)rs->mode)));
    (void)json_object_set_new(object, "applied",
                              json_boolean(rbk_stage_applied(machine, replay->state, region)));
    (void)json_object_set_new(object, "touched",
                              json_boolean(rbk_stage_touched(machine, replay->state, region)));
    if (rbk_track_progress(&building->history->track, rs->state, &done, &total)) {
        (void)json_object_set_new(object, "steps_done", json_integer(done));
        (void)json_object_set_new(object, "steps", json_integer(total));
    }
    rbk_json_set_time(object, "started", tracked->started_ms);
    rbk_json_set_time(object, "rested", tracked->rested_ms);
    (void)json_object_set_new(object, "attempt", json_integer(rs->stage_attempt));
    rbk_view_cause(building->view, rs->cause, &text);
    set_buffer(object, "cause", &text);
    rbk_json_set_text(object, "failure", rbk_str_from(tracked->failure));
    rbk_view_cause(building->view, rs->failed_back, &text);
    set_buffer(object, "failed_back", &text);
    rbk_json_set_text(object, "failure_back", rbk_str_from(tracked->failure_back));
    rbk_view_waits_for(building->view, replay->state, region, &text);
    set_buffer(object, "waits", &text);
    (void)json_object_set_new(object, "way_back_open", json_boolean(rbk_way_back_open(rs)));
    if (rbk_ways_shown(building->history, region)) {
        building->array = json_array();
        (void)json_object_set_new(object, "way_back", text_of(rbk_way_back_word(rs)));
        (void)json_object_set_new(object, "ways", building->array);
        rbk_ways_each(building->history, building->live, region, add_way, building);
    }
    rbk_buffer_fini(&text);
    return object;
}

static json_t *stages_of(struct building *building)
{
    const struct rbk_machine *machine = building->history->replay->machine;
    json_t *array = json_array();
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE ||
            machine->regions[i].kind == RBK_REGION_RETIRE) {
            (void)json_array_append_new(array, stage_of(building, i));
        }
    }
    return array;
}

static void add_timer(void *context, const struct rbk_timer *timer)
{
    struct building *building = context;
    json_t *object = json_object();
    (void)json_object_set_new(object, "what", text_of(timer->what));
    rbk_json_set_text(object, "name", timer->name);
    (void)json_object_set_new(object, "kind", text_of(timer->budget ? "budget" : "deadline"));
    rbk_json_set_time(object, "until", timer->due_ms);
    if (timer->budget) {
        (void)json_object_set_new(object, "span_ms", json_integer((json_int_t)timer->span_ms));
    }
    (void)json_array_append_new(building->array, object);
}

static void add_open(void *context, const struct rbk_open_effect *open)
{
    struct building *building = context;
    json_t *object = json_object();
    rbk_json_set_text(object, "step", open->step);
    rbk_json_set_text(object, "text", open->effect->text);
    (void)json_object_set_new(object, "attempt", json_integer(open->attempt));
    rbk_json_set_time(object, "since", open->since_ms);
    rbk_json_set_text(object, "note", open->note);
    (void)json_object_set_new(object, "crash_rule",
                              text_of(rbk_crash_rule_name(open->effect->crash)));
    (void)json_object_set_new(object, "in_doubt", json_boolean(open->doubt));
    rbk_json_set_text(object, "why", open->why);
    (void)json_array_append_new(building->array, object);
}

static void add_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct building *building = context;
    (void)tone;
    (void)stage;
    (void)json_array_append_new(building->array, rbk_json_text(text));
}

static json_t *triggers_of(struct building *building)
{
    const struct rbk_replay *replay = building->history->replay;
    const struct rbk_machine *machine = replay->machine;
    json_t *array = json_array();
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger_state *ts = rbk_state_trigger(machine, replay->state, i);
        const struct rbk_track_trigger *tracked = &building->history->track.triggers[i];
        json_t *object = json_object();
        rbk_json_set_text(object, "trigger", machine->triggers[i].name);
        rbk_json_set_text(object, "condition",
                          rbk_view_spelled(building->view, machine->triggers[i].condition));
        (void)json_object_set_new(object, "armed",
                                  json_boolean(rbk_trigger_armed(machine, replay->state, i)));
        (void)json_object_set_new(object, "mode",
                                  text_of(rbk_trigger_mode_name((enum rbk_trigger_mode)ts->mode)));
        (void)json_object_set_new(object, "fired", json_integer(ts->fired));
        if (tracked->at_ms != 0) {
            (void)json_object_set_new(object, "level", text_of(rbk_level_name(tracked->level)));
            rbk_json_set_time(object, "at", tracked->at_ms);
            rbk_json_set_text(object, "reading", rbk_str_from(tracked->text));
        }
        (void)json_array_append_new(array, object);
    }
    return array;
}

static int add_evidence(void *context, const struct rbk_store_evidence *evidence)
{
    struct building *building = context;
    json_t *object = json_object();
    (void)json_object_set_new(object, "seq", json_integer(evidence->seq));
    rbk_json_set_time(object, "at", (uint64_t)evidence->at_ms);
    rbk_json_set_text(object, "label", evidence->label);
    rbk_json_set_text(object, "sha256", evidence->sha256);
    (void)json_object_set_new(object, "bytes", json_integer((json_int_t)evidence->content.bytes));
    (void)json_array_append_new(building->array, object);
    return 0;
}

static json_t *head_of(struct building *building)
{
    const struct rbk_replay *replay = building->history->replay;
    const struct rbk_store_run *run = &replay->run;
    const struct rbk_state *state = replay->state;
    json_t *object = json_object();
    struct rbk_buffer text;
    (void)json_object_set_new(object, "run", text_of(building->history->id));
    rbk_json_set_text(object, "plan", replay->machine->name);
    rbk_json_set_text(object, "title", replay->machine->title);
    (void)json_object_set_new(object, "status",
                              text_of(rbk_status_name((enum rbk_status)state->status)));
    rbk_json_set_text(object, "reason", replay->reason);
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_cause(building->view, rbk_run_cause(replay->machine, state), &text);
    set_buffer(object, "cause", &text);
    rbk_buffer_fini(&text);
    (void)json_object_set_new(object, "runner",
                              json_boolean(rbk_runner_lives(&building->history->runner)));
    (void)json_object_set_new(object, "runner_process",
                              rbk_runner_json(&building->history->runner));
    rbk_json_set_text(object, "machine", run->machine);
    rbk_json_set_text(object, "user", run->user);
    rbk_json_set_text(object, "host", run->host);
    rbk_json_set_text(object, "directory", run->directory);
    rbk_json_set_text(object, "unrehearsed", run->unrehearsed);
    rbk_json_set_time(object, "started", (uint64_t)run->started_ms);
    rbk_json_set_time(object, "first_effect", state->first_effect_ms);
    rbk_json_set_time(object, "all_applied", state->all_applied_ms);
    rbk_json_set_time(object, "decided", state->decided_ms);
    rbk_json_set_time(object, "ended", state->ended_ms);
    rbk_json_set_time(object, "undecided_until", state->hold_due_ms);
    (void)json_object_set_new(object, "rollbacks", json_integer(state->rollbacks));
    (void)json_object_set_new(object, "overdue", json_boolean(state->overdue != 0));
    (void)json_object_set_new(object, "events", json_integer(building->history->seq));
    return object;
}

json_t *rbk_status_json(const struct rbk_history *history, struct rbk_error *reterr)
{
    struct building building = {.history = history, .view = &history->view};
    const struct rbk_state *state = history->replay->state;
    json_t *object = head_of(&building), *messages;
    int error;

    building.live =
        rbk_runner_lives(&history->runner) ? rbk_readings_load(history->store, history->id) : NULL;
    (void)json_object_set_new(object, "stages", stages_of(&building));
    (void)json_object_set_new(object, "questions", questions_of(&building));
    (void)json_object_set_new(object, "people", people_of(&building));
    building.array = json_array();
    (void)json_object_set_new(object, "what_now", building.array);
    rbk_status_explain(history, rbk_when_now_ms(), add_line, &building);
    building.array = json_array();
    (void)json_object_set_new(object, "open_effects", building.array);
    rbk_status_open_effects(history, add_open, &building);
    building.array = json_array();
    (void)json_object_set_new(object, "clocks", building.array);
    rbk_view_timers(building.view, state, add_timer, &building);
    (void)json_object_set_new(object, "triggers", triggers_of(&building));
    if (building.live != NULL) {
        (void)json_object_set_new(object, "readings", building.live);
    }
    building.array = json_array();
    (void)json_object_set_new(object, "evidence", building.array);
    error =
        rbk_store_each_evidence_head(history->store, history->id, add_evidence, &building, reterr);
    messages = error == 0 ? rbk_messages_json(history, reterr) : NULL;
    if (messages == NULL) {
        json_decref(object);
        return NULL;
    }
    (void)json_object_set_new(object, "messages", messages);
    return object;
}

int rbk_status_print_json(const struct rbk_history *history, struct rbk_error *reterr)
{
    json_t *object = rbk_status_json(history, reterr);
    char *text;

    if (object == NULL) {
        return -(int)reterr->code;
    }
    text = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(object);
    if (text == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    (void)puts(text);
    free(text);
    return 0;
}
