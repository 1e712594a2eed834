/*
 * What rows must say beyond having indexes that exist: the parts an effect's kind needs, a
 * reading's connection, limits that may not be 0 because every wait ends, reactions that come to an
 * end.
 */
#include "runtime/core/machine_check.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/seat.h"
#include "runtime/core/value_text.h"

#define REACTION_CHAIN_MAX 64u           /* reactions that follow from one another */
#define READINGS_MAX ((uint64_t)4 << 20) /* in the rings of all probes together */
#define MINUTES_PER_DAY 1440u

#define refuse rbk_machine_refuse

/* A sentence of the check: when it does not hold, the machine is refused with it. */
#define MUST(condition, table, row, ...)                                  \
    do {                                                                  \
        if (!(condition)) {                                               \
            return refuse(reterr, RBK_TABLE_##table, (row), __VA_ARGS__); \
        }                                                                 \
    } while (0)

static enum rbk_type type_of(const struct rbk_machine *machine, uint32_t expr)
{
    return machine->exprs[expr].type;
}

static bool is_condition(enum rbk_type type)
{
    return type == RBK_TYPE_BOOL || type == RBK_TYPE_SCALAR;
}

static bool takes_readings(const struct rbk_machine *machine, uint32_t expr)
{
    return machine->exprs[expr].reads.count > 0;
}

static int check_read(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_read *read = &machine->reads[row];
    MUST(read->timeout_ms > 0, reads, row, "a reading without a timeout");
    enum rbk_connection_kind kind = RBK_CONNECTION_KIND_COUNT;
    if (read->connection != RBK_NONE) {
        kind = machine->connections[read->connection].kind;
    }
    switch (read->kind) {
    case RBK_READ_SQL_VALUE:
    case RBK_READ_SQL_RATIO:
    case RBK_READ_SQL_ROWS:
        MUST(kind == RBK_CONNECTION_POSTGRES || kind == RBK_CONNECTION_SQLITE, reads, row,
             "%s needs a database", rbk_read_kind_name(read->kind));
        break;
    case RBK_READ_REDIS_VALUE:
        MUST(kind == RBK_CONNECTION_REDIS, reads, row, "redis.value needs a redis connection");
        break;
    default:
        break;
    }
    return 0;
}

static int check_probe(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_probe *probe = &machine->probes[row];
    MUST(probe->type != RBK_TYPE_LIST && probe->type != RBK_TYPE_SECRET &&
             probe->type != RBK_TYPE_UNKNOWN,
         probes, row, "a probe cannot be of type %s", rbk_type_name(probe->type));
    MUST(probe->pushed || (probe->every_ms > 0 && probe->timeout_ms > 0), probes, row,
         "a probe without an interval or a timeout");
    MUST(probe->missing_after > 0, probes, row, "missing after no reading");
    MUST(probe->ring_capacity <= RBK_WINDOW_READINGS_MAX, probes, row, "more than %zu readings",
         RBK_WINDOW_READINGS_MAX);
    return 0;
}

/* Rings and the aggregates over them are memory that the watch reserves. */
static int check_rings(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    uint64_t readings = 0;
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        readings += machine->probes[i].ring_capacity;
    }
    for (uint32_t i = 0; i < machine->window_count; i++) {
        const struct rbk_window *window = &machine->windows[i];
        const struct rbk_probe *probe = &machine->probes[window->probe];
        bool any = window->kind == RBK_WINDOW_LAST || window->kind == RBK_WINDOW_COUNT;
        MUST(any || rbk_type_is_number(probe->type), windows, i, "%s of a %s",
             rbk_window_kind_name(window->kind), rbk_type_name(probe->type));
        readings += window->kind == RBK_WINDOW_LAST ? 0 : probe->ring_capacity;
        if (readings > READINGS_MAX) {
            break;
        }
    }
    if (readings > READINGS_MAX) {
        return rbk_error_set(reterr, RBK_ELIMIT, "machine: its windows keep too many readings");
    }
    return 0;
}

static int check_question(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_question *question = &machine->questions[row];
    MUST(question->within_ms > 0, questions, row, "a question without an end");
    MUST(question->roles.count <= RBK_QUESTION_ROLES_MAX, questions, row, "more than %u roles",
         RBK_QUESTION_ROLES_MAX);
    for (uint32_t i = 0; i < question->roles.count; i++) {
        MUST(machine->indexes[question->roles.first + i] < machine->role_count, questions, row,
             "no such role");
    }
    MUST(question->quorums.count == question->roles.count, questions, row,
         "not one number of people for each role");
    for (uint32_t i = 0; i < question->roles.count; i++) {
        uint32_t quorum = machine->indexes[question->quorums.first + i];
        MUST(quorum >= 1 && quorum <= RBK_QUESTION_SEATS_MAX, questions, row,
             "nobody, or too many people, of a role");
    }
    MUST(rbk_question_seat_count(machine, row) <= RBK_QUESTION_SEATS_MAX, questions, row,
         "more than %u people to tell apart", RBK_QUESTION_SEATS_MAX);
    return 0;
}

/* The reaction that follows from one: after its hold, or when nobody answers its question. */
static uint32_t follower(const struct rbk_machine *machine, uint32_t reaction)
{
    const struct rbk_reaction *row = &machine->reactions[reaction];
    if (row->kind == RBK_REACTION_HOLD) {
        return row->then;
    }
    return row->question == RBK_NONE ? RBK_NONE : machine->questions[row->question].otherwise;
}

static int check_reaction(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_reaction *reaction = &machine->reactions[row];
    MUST(reaction->kind != RBK_REACTION_HOLD ||
             (reaction->hold_ms > 0 && reaction->then != RBK_NONE),
         reactions, row, "a hold without an end");
    MUST(reaction->kind != RBK_REACTION_ASK || reaction->question != RBK_NONE, reactions, row,
         "it asks no question");
    MUST(reaction->kind != RBK_REACTION_NOTIFY || reaction->channel != RBK_NONE, reactions, row,
         "it notifies no channel");
    uint32_t next = row;
    for (uint32_t i = 0; i < REACTION_CHAIN_MAX && next != RBK_NONE; i++) {
        next = follower(machine, next);
    }
    MUST(next == RBK_NONE, reactions, row, "what follows from it does not end");
    return 0;
}

static int check_trigger(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_trigger *trigger = &machine->triggers[row];
    MUST(is_condition(type_of(machine, trigger->condition)), triggers, row,
         "its condition is not a bool");
    MUST((trigger->every_ms > 0) == takes_readings(machine, trigger->condition), triggers, row,
         "readings of its own need an interval, and only they");
    MUST(trigger->missing != RBK_NONE || trigger->pushed, triggers, row,
         "it does not say what missing means");
    bool of_stage = trigger->since != RBK_SINCE_FIRST_APPLY;
    MUST(!of_stage || trigger->since_region != RBK_NONE, triggers, row, "since which stage?");
    MUST(!of_stage || machine->regions[trigger->since_region].kind == RBK_REGION_STAGE, triggers,
         row, "since what is not a stage");
    MUST(trigger->region == RBK_NONE ||
             machine->regions[trigger->region].kind == RBK_REGION_STAGE ||
             machine->regions[trigger->region].kind == RBK_REGION_RETIRE,
         triggers, row, "it stands in what is not a stage");
    MUST(trigger->except.count <= machine->region_count, triggers, row, "too many exceptions");
    for (uint32_t i = 0; i < trigger->except.count; i++) {
        MUST(machine->indexes[trigger->except.first + i] < machine->region_count, triggers, row,
             "except during no such stage");
    }
    return 0;
}

static int check_criterion(const struct rbk_machine *machine, uint32_t row,
                           struct rbk_error *reterr)
{
    const struct rbk_criterion *criterion = &machine->criteria[row];
    MUST(is_condition(type_of(machine, criterion->condition)), criteria, row,
         "its condition is not a bool");
    MUST(!takes_readings(machine, criterion->condition), criteria, row,
         "a criterion has no readings of its own");
    bool probes = false;
    struct rbk_slice code = machine->exprs[criterion->condition].code;
    for (uint32_t i = 0; i < code.count; i++) {
        enum rbk_op op = machine->codes[code.first + i].op;
        probes = probes || op == RBK_OP_WINDOW || op == RBK_OP_BASELINE;
    }
    MUST(probes == criterion->reads_probes, criteria, row,
         "whether it reads probes is said wrongly");
    return 0;
}

/* What one kind of effect has to have. */
static int check_parts(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_effect *effect = &machine->effects[row];
    const char *name = rbk_effect_kind_name(effect->kind);
    enum rbk_type type =
        effect->condition == RBK_NONE ? RBK_TYPE_UNKNOWN : type_of(machine, effect->condition);
    switch (effect->kind) {
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_REDIS: {
        MUST(effect->connection != RBK_NONE, effects, row, "%s without a connection", name);
        bool redis = machine->connections[effect->connection].kind == RBK_CONNECTION_REDIS;
        MUST(redis == (effect->kind == RBK_EFFECT_REDIS), effects, row,
             "%s over another kind of connection", name);
        break;
    }
    case RBK_EFFECT_CHECK:
    case RBK_EFFECT_TEST:
    case RBK_EFFECT_REQUIRE:
    case RBK_EFFECT_WAIT_UNTIL:
        MUST(is_condition(type), effects, row, "%s without a bool", name);
        break;
    case RBK_EFFECT_LET:
        MUST(effect->into != RBK_NONE, effects, row, "let without a name");
        MUST(effect->condition != RBK_NONE, effects, row, "let without a reading");
        break;
    case RBK_EFFECT_CAPTURE:
        MUST(effect->condition != RBK_NONE, effects, row, "capture without a reading");
        break;
    case RBK_EFFECT_NOTIFY:
        MUST(effect->channel != RBK_NONE, effects, row, "notify without a channel");
        break;
    case RBK_EFFECT_QUESTION:
        MUST(effect->question != RBK_NONE, effects, row, "a question that is not there");
        MUST(effect->done_when == RBK_NONE ||
                 (is_condition(type_of(machine, effect->done_when)) && effect->every_ms > 0 &&
                  machine->questions[effect->question].kind == RBK_QUESTION_MANUAL),
             effects, row, "it is looked for without a bool, all the time, or instead of a person");
        MUST(effect->doubt_question == RBK_NONE ||
                 machine->questions[effect->question].kind == RBK_QUESTION_MANUAL,
             effects, row, "a question that changes nothing is in no doubt");
        break;
    default:
        break;
    }
    return 0;
}

static int check_effect(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_effect *effect = &machine->effects[row];
    MUST(effect->crash != RBK_CRASH_LOOK ||
             (effect->done_when != RBK_NONE && is_condition(type_of(machine, effect->done_when))),
         effects, row, "it is looked for without a `done when`");
    MUST(effect->crash != RBK_CRASH_ASK || effect->doubt_question != RBK_NONE, effects, row,
         "it asks about a doubt without a question");
    MUST(effect->crash != RBK_CRASH_TRANSACTION ||
             (effect->kind == RBK_EFFECT_SQL && !effect->autocommit),
         effects, row, "only a transaction of sql can be asked for its status");
    return check_parts(machine, row, reterr);
}

/* Effects of a channel come without states: what is around them is their condition. */
static int check_channels(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    for (uint32_t i = 0; i < machine->channel_count; i++) {
        struct rbk_slice effects = machine->channels[i].effects;
        for (uint32_t row = effects.first; row < effects.first + effects.count; row++) {
            uint32_t condition = machine->effects[row].condition;
            MUST(condition == RBK_NONE || (is_condition(type_of(machine, condition)) &&
                                           !takes_readings(machine, condition)),
                 effects, row, "its condition is not a bool without readings");
        }
    }
    return 0;
}

/* The few rows that are soon said. */
static int check_small(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    for (uint32_t i = 0; i < machine->message_count; i++) {
        MUST(type_of(machine, machine->messages[i].text) != RBK_TYPE_LIST, messages, i,
             "a message that is a list");
    }
    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        MUST(type_of(machine, machine->baselines[i].over) == RBK_TYPE_DURATION, baselines, i,
             "its span is not a duration");
        MUST(rbk_type_is_number(machine->probes[machine->baselines[i].probe].type), baselines, i,
             "a probe that is no number has no mean");
    }
    for (uint32_t i = 0; i < machine->report_count; i++) {
        MUST(type_of(machine, machine->reports[i].every) == RBK_TYPE_DURATION, reports, i,
             "its interval is not a duration");
    }
    for (uint32_t i = 0; i < machine->param_count; i++) {
        const struct rbk_param *param = &machine->params[i];
        MUST(param->where == RBK_NONE || is_condition(type_of(machine, param->where)), params, i,
             "its `where` is not a bool");
        MUST(param->type != RBK_TYPE_SECRET && param->type != RBK_TYPE_UNKNOWN, params, i,
             "a parameter cannot be of type %s", rbk_type_name(param->type));
    }
    for (uint32_t i = 0; i < machine->slot_count; i++) {
        MUST(machine->slots[i].type != RBK_TYPE_SECRET, slots, i, "a secret is not kept");
    }
    for (uint32_t i = 0; i < machine->daily_window_count; i++) {
        const struct rbk_daily_window *window = &machine->daily_windows[i];
        MUST(window->from_minute < MINUTES_PER_DAY && window->to_minute < MINUTES_PER_DAY,
             daily_windows, i, "a day has %u minutes", MINUTES_PER_DAY);
        MUST(window->days != 0 && window->days < 1u << 7, daily_windows, i,
             "it opens on no day, or on one that there is not");
    }
    for (uint32_t i = 0; i < machine->strategy_count; i++) {
        uint32_t when = machine->strategies[i].when;
        MUST(when == RBK_NONE || is_condition(type_of(machine, when)), strategies, i,
             "its `when` is not a bool");
    }
    return 0;
}

static int check_plan(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    if (machine->held_at_most_ms == 0) {
        return refuse(reterr, RBK_TABLE_COUNT, 0, "held without an end");
    }
    const uint32_t durations[] = {machine->observe, machine->grace};
    for (size_t i = 0; i < RBK_COUNT(durations); i++) {
        if (durations[i] != RBK_NONE && type_of(machine, durations[i]) != RBK_TYPE_DURATION) {
            return refuse(reterr, RBK_TABLE_COUNT, 0, "observe or grace is not a duration");
        }
    }
    return 0;
}

/* The checks of one row of a table, in the order of the walk. */
static const struct {
    enum rbk_table_id table;
    int (*check)(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr);
} row_checks[] = {
    {RBK_TABLE_reads, check_read},         {RBK_TABLE_probes, check_probe},
    {RBK_TABLE_questions, check_question}, {RBK_TABLE_reactions, check_reaction},
    {RBK_TABLE_triggers, check_trigger},   {RBK_TABLE_criteria, check_criterion},
    {RBK_TABLE_effects, check_effect},
};

int rbk_machine_check_rows(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    int error = check_plan(machine, reterr);
    for (size_t i = 0; !error && i < RBK_COUNT(row_checks); i++) {
        uint32_t rows = rbk_table_rows(machine, row_checks[i].table);
        for (uint32_t row = 0; !error && row < rows; row++) {
            error = row_checks[i].check(machine, row, reterr);
        }
    }
    if (!error) {
        error = check_rings(machine, reterr);
    }
    if (!error) {
        error = check_channels(machine, reterr);
    }
    return error ? error : check_small(machine, reterr);
}
