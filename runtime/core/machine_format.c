/*
 * The description of every row type. A new field of a row is added to its list here, in the order
 * of names; the assertions on sizes below fail until that is done. Nothing else needs to change for
 * it to be written, read and checked.
 */
#include "runtime/core/machine_format.h"

#include <stddef.h>
#include <string.h>

/* In a list of fields ROW is the type of its row. */
#define FIELD(member, field_kind)                                                        \
    {                                                                                    \
        .name = #member, .kind = RBK_FIELD_##field_kind, .offset = offsetof(ROW, member) \
    }
#define WORD(member, list)                                                        \
    {                                                                             \
        .name = #member, .kind = RBK_FIELD_WORD, .offset = offsetof(ROW, member), \
        .words = &rbk_words_##list                                                \
    }
#define REFERENCE(member, rows, may_be_none)                                     \
    {                                                                            \
        .name = #member, .kind = RBK_FIELD_ROW, .offset = offsetof(ROW, member), \
        .table = RBK_TABLE_##rows, .optional = (may_be_none)                     \
    }
#define ONE(member, rows) REFERENCE(member, rows, false)
#define MAYBE(member, rows) REFERENCE(member, rows, true)
#define SLICE(member, rows)                                                        \
    {                                                                              \
        .name = #member, .kind = RBK_FIELD_SLICE, .offset = offsetof(ROW, member), \
        .table = RBK_TABLE_##rows                                                  \
    }

/* Every enumeration is read and written as a uint32_t. */
_Static_assert(sizeof(enum rbk_type) == sizeof(uint32_t), "enumerations have four bytes");

/* Fails when a row has changed: describe its new field, then correct the number. */
#define DESCRIBED(type, bytes)                                     \
    _Static_assert(sizeof(void *) != 8 || sizeof(type) == (bytes), \
                   "a row has changed: describe its fields")

#define ROW struct rbk_machine_source
static const struct rbk_field source_fields[] = {FIELD(path, TEXT), FIELD(sha256, TEXT)};
DESCRIBED(ROW, 32);
#undef ROW

static const struct rbk_field text_fields[] = {{.kind = RBK_FIELD_TEXT}};
static const struct rbk_field index_fields[] = {{.kind = RBK_FIELD_COUNT}};
static const struct rbk_field constant_fields[] = {{.kind = RBK_FIELD_VALUE}};
static const struct rbk_field code_fields[] = {{.kind = RBK_FIELD_OP_CODE}};

#define ROW struct rbk_expr
static const struct rbk_field expr_fields[] = {SLICE(code, codes), SLICE(reads, reads),
                                               FIELD(text, TEXT), WORD(type, type)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_arg
static const struct rbk_field arg_fields[] = {ONE(expr, exprs), WORD(kind, arg_kind),
                                              FIELD(name, TEXT)};
DESCRIBED(ROW, 32);
#undef ROW

#define ROW struct rbk_read
static const struct rbk_field read_fields[] = {SLICE(args, args), MAYBE(connection, connections),
                                               WORD(kind, read_kind), FIELD(place, PLACE),
                                               FIELD(timeout_ms, MS)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_param
static const struct rbk_field param_fields[] = {
    WORD(item_type, type), FIELD(message, TEXT), FIELD(name, TEXT),  FIELD(place, PLACE),
    WORD(type, type),      MAYBE(value, exprs),  MAYBE(where, exprs)};
DESCRIBED(ROW, 64);
#undef ROW

#define ROW struct rbk_secret
static const struct rbk_field secret_fields[] = {FIELD(name, TEXT), FIELD(place, PLACE),
                                                 WORD(source, secret_source), ONE(text, exprs)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_connection
static const struct rbk_field connection_fields[] = {
    ONE(address, exprs), WORD(kind, connection_kind), FIELD(name, TEXT), FIELD(place, PLACE)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_role
static const struct rbk_field role_fields[] = {FIELD(contact, TEXT), SLICE(members, texts),
                                               FIELD(name, TEXT), FIELD(place, PLACE)};
DESCRIBED(ROW, 56);
#undef ROW

#define ROW struct rbk_escalation
static const struct rbk_field escalation_fields[] = {FIELD(after_ms, MS), FIELD(place, PLACE),
                                                     ONE(role, roles)};
DESCRIBED(ROW, 32);
#undef ROW

#define ROW struct rbk_channel
static const struct rbk_field channel_fields[] = {SLICE(effects, effects), FIELD(name, TEXT),
                                                  FIELD(place, PLACE)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_probe
static const struct rbk_field probe_fields[] = {
    FIELD(every_ms, MS),         ONE(expr, exprs),      FIELD(missing_after, COUNT),
    FIELD(name, TEXT),           FIELD(place, PLACE),   FIELD(pushed, BOOL),
    FIELD(ring_capacity, COUNT), FIELD(timeout_ms, MS), WORD(type, type)};
DESCRIBED(ROW, 64);
#undef ROW

#define ROW struct rbk_window
static const struct rbk_field window_fields[] = {WORD(kind, window_kind), FIELD(over_ms, MS),
                                                 ONE(probe, probes)};
DESCRIBED(ROW, 16);
#undef ROW

#define ROW struct rbk_baseline
static const struct rbk_field baseline_fields[] = {ONE(over, exprs), FIELD(place, PLACE),
                                                   ONE(probe, probes), FIELD(readings, COUNT)};
DESCRIBED(ROW, 24);
#undef ROW

#define ROW struct rbk_question
static const struct rbk_field question_fields[] = {
    FIELD(four_eyes, BOOL), WORD(kind, question_kind), MAYBE(otherwise, reactions),
    FIELD(place, PLACE),    SLICE(quorums, indexes),   SLICE(roles, indexes),
    ONE(text, exprs),       FIELD(within_ms, MS)};
DESCRIBED(ROW, 56);
#undef ROW

#define ROW struct rbk_reaction
static const struct rbk_field reaction_fields[] = {
    MAYBE(channel, channels), FIELD(hold_ms, MS), WORD(kind, reaction_kind),
    MAYBE(question, questions), MAYBE(then, reactions)};
DESCRIBED(ROW, 32);
#undef ROW

#define ROW struct rbk_trigger
static const struct rbk_field trigger_fields[] = {
    ONE(condition, exprs),     FIELD(confirm_ms, MS),    FIELD(every_ms, MS),
    SLICE(except, indexes),    FIELD(for_ms, MS),        FIELD(for_readings, COUNT),
    MAYBE(missing, reactions), FIELD(name, TEXT),        FIELD(place, PLACE),
    FIELD(pushed, BOOL),       ONE(reaction, reactions), MAYBE(region, regions),
    FIELD(severity, TEXT),     WORD(since, since),       MAYBE(since_region, regions)};
DESCRIBED(ROW, 112);
#undef ROW

#define ROW struct rbk_criterion
static const struct rbk_field criterion_fields[] = {ONE(condition, exprs), FIELD(message, TEXT),
                                                    FIELD(place, PLACE), FIELD(reads_probes, BOOL)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_signal
static const struct rbk_field signal_fields[] = {FIELD(message, TEXT), FIELD(name, TEXT),
                                                 FIELD(place, PLACE)};
DESCRIBED(ROW, 48);
#undef ROW

#define ROW struct rbk_message
static const struct rbk_field message_fields[] = {ONE(channel, channels), FIELD(place, PLACE),
                                                  ONE(text, exprs)};
DESCRIBED(ROW, 20);
#undef ROW

#define ROW struct rbk_hook
static const struct rbk_field hook_fields[] = {WORD(kind, hook_kind), SLICE(messages, messages)};
DESCRIBED(ROW, 12);
#undef ROW

#define ROW struct rbk_report
static const struct rbk_field report_fields[] = {ONE(every, exprs), ONE(message, messages)};
DESCRIBED(ROW, 8);
#undef ROW

#define ROW struct rbk_slot
static const struct rbk_field slot_fields[] = {FIELD(name, TEXT), WORD(type, type)};
DESCRIBED(ROW, 24);
#undef ROW

#define ROW struct rbk_daily_window
static const struct rbk_field daily_window_fields[] = {
    FIELD(days, COUNT), FIELD(from_minute, COUNT), FIELD(to_minute, COUNT), FIELD(zone, TEXT)};
DESCRIBED(ROW, 32);
#undef ROW

#define ROW struct rbk_effect
static const struct rbk_field effect_fields[] = {
    SLICE(args, args),         FIELD(autocommit, BOOL),    FIELD(because, TEXT),
    MAYBE(channel, channels),  MAYBE(condition, exprs),    MAYBE(connection, connections),
    WORD(crash, crash_rule),   MAYBE(done_when, exprs),    MAYBE(doubt_question, questions),
    FIELD(every_ms, MS),       FIELD(for_ms, MS),          FIELD(idempotent, BOOL),
    MAYBE(into, slots),        WORD(kind, effect_kind),    FIELD(optional, BOOL),
    FIELD(place, PLACE),       MAYBE(question, questions), FIELD(retry_count, COUNT),
    FIELD(retry_every_ms, MS), FIELD(text, TEXT),          FIELD(timeout_ms, MS)};
DESCRIBED(ROW, 144);
#undef ROW

#define ROW struct rbk_block
static const struct rbk_field block_fields[] = {FIELD(depth, COUNT),   ONE(expired, states),
                                                MAYBE(parent, blocks), FIELD(place, PLACE),
                                                ONE(region, regions),  FIELD(within_ms, MS)};
DESCRIBED(ROW, 40);
#undef ROW

#define ROW struct rbk_machine_state
static const struct rbk_field state_fields[] = {
    MAYBE(block, blocks),   SLICE(branches, regions), MAYBE(effect, effects), MAYBE(guard, states),
    WORD(kind, state_kind), FIELD(name, TEXT),        FIELD(next, NEXT),      WORD(phase, phase),
    FIELD(place, PLACE),    ONE(region, regions)};
DESCRIBED(ROW, 88);
#undef ROW

#define ROW struct rbk_strategy
static const struct rbk_field strategy_fields[] = {ONE(first_state, states), FIELD(name, TEXT),
                                                   FIELD(place, PLACE),      MAYBE(when, exprs),
                                                   FIELD(when_every_ms, MS), FIELD(within_ms, MS)};
DESCRIBED(ROW, 56);
#undef ROW

#define ROW struct rbk_predecessor
static const struct rbk_field predecessor_fields[] = {FIELD(for_ms, MS), ONE(region, regions)};
DESCRIBED(ROW, 16);
#undef ROW

#define ROW struct rbk_region
static const struct rbk_field region_fields[] = {MAYBE(applied, states),
                                                 MAYBE(apply, states),
                                                 FIELD(attempts, COUNT),
                                                 FIELD(attempts_every_ms, MS),
                                                 FIELD(data, TEXT),
                                                 FIELD(has_kind, BOOL),
                                                 FIELD(has_risk, BOOL),
                                                 MAYBE(held, states),
                                                 WORD(kind, region_kind),
                                                 FIELD(name, TEXT),
                                                 FIELD(not_before_ms, MS),
                                                 FIELD(not_before_shown_ms, MS),
                                                 FIELD(not_before_zone, TEXT),
                                                 MAYBE(parent, regions),
                                                 FIELD(place, PLACE),
                                                 SLICE(predecessors, predecessors),
                                                 WORD(risk, risk),
                                                 MAYBE(rollback, states),
                                                 MAYBE(rolled_back, states),
                                                 WORD(stage_kind, stage_kind),
                                                 SLICE(states, states),
                                                 SLICE(strategies, strategies),
                                                 MAYBE(stuck, states),
                                                 FIELD(title, TEXT),
                                                 FIELD(unwatched, TEXT),
                                                 MAYBE(window, daily_windows)};
DESCRIBED(ROW, 208);
#undef ROW

#define ROW struct rbk_waiver
static const struct rbk_field waiver_fields[] = {FIELD(because, TEXT), FIELD(code, TEXT),
                                                 FIELD(place, PLACE)};
DESCRIBED(ROW, 48);
#undef ROW

/* Everything of the machine but its version, its hash and its tables. */
#define ROW struct rbk_machine
static const struct rbk_field plan_fields[] = {ONE(aborting_state, states),
                                               ONE(cancelling_state, states),
                                               MAYBE(daily_window, daily_windows),
                                               FIELD(estimate_ms, MS),
                                               MAYBE(grace, exprs),
                                               FIELD(held_at_most_ms, MS),
                                               ONE(held_otherwise, reactions),
                                               FIELD(name, TEXT),
                                               MAYBE(observe, exprs),
                                               FIELD(owner, TEXT),
                                               FIELD(rehearsed_within_ms, MS),
                                               MAYBE(retire_region, regions),
                                               FIELD(rollback_within_ms, MS),
                                               FIELD(service, TEXT),
                                               ONE(stages_state, states),
                                               FIELD(ticket, TEXT),
                                               FIELD(title, TEXT)};
#undef ROW

#define X(type, rows, row)                                         \
    [RBK_TABLE_##rows] = {                                         \
        .name = #rows,                                             \
        .rows_offset = offsetof(struct rbk_machine, rows),         \
        .count_offset = offsetof(struct rbk_machine, row##_count), \
        .row_bytes = sizeof(type),                                 \
        .fields = row##_fields,                                    \
        .field_count = RBK_COUNT(row##_fields),                    \
    },
const struct rbk_table rbk_tables[RBK_TABLE_COUNT] = {RBK_MACHINE_TABLES(X)};
#undef X

const struct rbk_table rbk_plan_fields = {.name = "plan",
                                          .row_bytes = sizeof(struct rbk_machine),
                                          .fields = plan_fields,
                                          .field_count = RBK_COUNT(plan_fields)};

const enum rbk_table_id rbk_tables_sorted[RBK_TABLE_COUNT] = {
    RBK_TABLE_args,          RBK_TABLE_baselines,   RBK_TABLE_blocks,      RBK_TABLE_channels,
    RBK_TABLE_codes,         RBK_TABLE_connections, RBK_TABLE_constants,   RBK_TABLE_criteria,
    RBK_TABLE_daily_windows, RBK_TABLE_effects,     RBK_TABLE_escalations, RBK_TABLE_exprs,
    RBK_TABLE_hooks,         RBK_TABLE_indexes,     RBK_TABLE_messages,    RBK_TABLE_params,
    RBK_TABLE_predecessors,  RBK_TABLE_probes,      RBK_TABLE_questions,   RBK_TABLE_reactions,
    RBK_TABLE_reads,         RBK_TABLE_regions,     RBK_TABLE_reports,     RBK_TABLE_roles,
    RBK_TABLE_secrets,       RBK_TABLE_signals,     RBK_TABLE_slots,       RBK_TABLE_sources,
    RBK_TABLE_states,        RBK_TABLE_strategies,  RBK_TABLE_texts,       RBK_TABLE_triggers,
    RBK_TABLE_waivers,       RBK_TABLE_windows};

uint32_t rbk_table_rows(const struct rbk_machine *machine, enum rbk_table_id table)
{
    uint32_t count = 0;
    (void)memcpy(&count, (const char *)machine + rbk_tables[table].count_offset, sizeof(count));
    return count;
}

const void *rbk_table_first(const struct rbk_machine *machine, enum rbk_table_id table)
{
    const void *rows = NULL;
    (void)memcpy(&rows, (const char *)machine + rbk_tables[table].rows_offset, sizeof(rows));
    return rows;
}

void rbk_table_set(struct rbk_machine *machine, enum rbk_table_id table, void *rows, uint32_t count)
{
    (void)memcpy((char *)machine + rbk_tables[table].rows_offset, &rows, sizeof(rows));
    (void)memcpy((char *)machine + rbk_tables[table].count_offset, &count, sizeof(count));
}
