/*
 * The machine of sample_machine.h, row by row. Rows are added in the order in which others name
 * them.
 */
#include "tests/unit/core/machine/sample_machine.h"

#include "runtime/core/base/assert.h"

#include <string.h>

#define ROWS_MAX 64u
#define NONE RBK_NONE

/* A row more in a table that was given room for ROWS_MAX. */
#define ADD(machine, rows, row, ...)                \
    (RBK_ASSERT((machine)->row##_count < ROWS_MAX), \
     (machine)->rows[(machine)->row##_count] = (__VA_ARGS__), (machine)->row##_count++)

/* One instruction. */
#define OP(constant, number) ((struct rbk_op_code){RBK_OP_##constant, (number)})

static uint32_t constant(struct rbk_machine *machine, struct rbk_value value)
{
    return ADD(machine, constants, constant, value);
}

static uint32_t expr(struct rbk_machine *machine, enum rbk_type type, const char *text,
                     struct rbk_slice reads, const struct rbk_op_code *codes, uint32_t count)
{
    struct rbk_expr row = {.code = {machine->code_count, count},
                           .reads = reads,
                           .type = type,
                           .text = rbk_str_from(text)};
    for (uint32_t i = 0; i < count; i++) {
        (void)ADD(machine, codes, code, codes[i]);
    }
    return ADD(machine, exprs, expr, row);
}

#define EXPR(machine, type, text, ...)                                  \
    expr((machine), RBK_TYPE_##type, (text), (struct rbk_slice){0, 0},  \
         (const struct rbk_op_code[]){__VA_ARGS__},                     \
         (uint32_t)(sizeof((const struct rbk_op_code[]){__VA_ARGS__}) / \
                    sizeof(struct rbk_op_code)))

static uint32_t text(struct rbk_machine *machine, const char *words)
{
    uint32_t row = constant(machine, rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(words)));
    return EXPR(machine, TEXT, words, OP(CONST, row));
}

static uint32_t arg(struct rbk_machine *machine, enum rbk_arg_kind kind, uint32_t expression)
{
    return ADD(machine, args, arg,
               (struct rbk_arg){.kind = kind, .name = RBK_STR(""), .expr = expression});
}

static const struct rbk_machine_place place = {0, 3, 5};

static void add_values(struct rbk_machine *machine)
{
    static const struct rbk_value items[] = {{.type = RBK_TYPE_INT, .as.integer = 1},
                                             {.type = RBK_TYPE_INT, .as.integer = 2}};
    (void)ADD(machine, sources, source,
              (struct rbk_machine_source){RBK_STR("sample.rbk"), RBK_STR("00ff")});
    (void)ADD(machine, texts, text, RBK_STR("dana \"D\" \\ \t\x01 ü"));
    (void)constant(machine, rbk_value_list(items, 2));
    (void)constant(machine, rbk_value_missing(RBK_TYPE_TIME));
    (void)constant(machine, rbk_value_number(RBK_TYPE_RATIO, 0.05));
    (void)constant(machine, rbk_value_integer(RBK_TYPE_INT, INT64_MIN));
    (void)constant(machine, rbk_value_bool(true));
    (void)constant(machine, rbk_value_integer(RBK_TYPE_INT, 2));
    (void)constant(machine, rbk_value_integer(RBK_TYPE_DURATION, 60000));
    (void)ADD(machine, params, param,
              (struct rbk_param){.name = RBK_STR("replicas"),
                                 .type = RBK_TYPE_INT,
                                 .value = EXPR(machine, INT, "2", OP(CONST, 5)),
                                 .where = EXPR(machine, BOOL, "replicas > 2", OP(PARAM, 0),
                                               OP(CONST, 5), OP(GT, 0)),
                                 .message = RBK_STR("more than two"),
                                 .place = place});
    (void)ADD(machine, secrets, secret,
              (struct rbk_secret){RBK_STR("url"), RBK_SECRET_ENV, text(machine, "URL"), place});
    (void)ADD(machine, connections, connection,
              (struct rbk_connection){RBK_STR("db"), RBK_CONNECTION_SQLITE,
                                      EXPR(machine, TEXT, "url", OP(SECRET, 0)), place});
    (void)ADD(machine, slots, slot, (struct rbk_slot){RBK_STR("move.before"), RBK_TYPE_SCALAR});
    (void)ADD(machine, roles, role,
              (struct rbk_role){RBK_STR("dba"), RBK_STR("dba@example.com"), {0, 1}, place});
    (void)ADD(machine, indexes, index, 0);                  /* the role */
    (void)ADD(machine, indexes, index, SAMPLE_REGION_MOVE); /* `except during move` */
    (void)ADD(machine, indexes, index, 1);                  /* one person of the role */
    (void)ADD(machine, escalations, escalation, (struct rbk_escalation){0, 600000, place});
    (void)ADD(machine, signals, signal,
              (struct rbk_signal){RBK_STR("integrity"), RBK_STR("rows are wrong"), place});
    (void)ADD(machine, waivers, waiver,
              (struct rbk_waiver){RBK_STR("RBK112"), RBK_STR("agreed"), place});
    (void)ADD(machine, daily_windows, daily_window,
              (struct rbk_daily_window){1320, 120, 0x1f, 0, RBK_STR("Europe/Berlin")});
}

static uint32_t effect(struct rbk_machine *machine, enum rbk_effect_kind kind,
                       enum rbk_crash_rule crash, struct rbk_slice args)
{
    return ADD(machine, effects, effect,
               (struct rbk_effect){.kind = kind,
                                   .args = args,
                                   .connection = kind == RBK_EFFECT_SQL ? 0 : NONE,
                                   .condition = NONE,
                                   .timeout_ms = 30000,
                                   .crash = crash,
                                   .done_when = NONE,
                                   .doubt_question = NONE,
                                   .question = NONE,
                                   .channel = NONE,
                                   .into = NONE,
                                   .because = RBK_STR(""),
                                   .text = RBK_STR("a step"),
                                   .place = place});
}

/* A reading of one row from the database; the expression that gives it. */
static uint32_t reading(struct rbk_machine *machine, const char *statement, enum rbk_type type,
                        const struct rbk_op_code *codes, uint32_t count)
{
    struct rbk_slice args = {arg(machine, RBK_ARG_STATEMENT, text(machine, statement)), 1};
    uint32_t row = ADD(machine, reads, read,
                       (struct rbk_read){.kind = RBK_READ_SQL_VALUE,
                                         .connection = 0,
                                         .args = args,
                                         .timeout_ms = 5000,
                                         .place = place});
    return expr(machine, type, statement, (struct rbk_slice){row, 1}, codes, count);
}

static void add_effects(struct rbk_machine *machine)
{
    static const struct rbk_op_code read_it[] = {{RBK_OP_READ, 0}};
    static const struct rbk_op_code is_two[] = {
        {RBK_OP_READ, 0}, {RBK_OP_CONST, 5}, {RBK_OP_EQ, 0}};
    uint32_t let = effect(machine, RBK_EFFECT_LET, RBK_CRASH_AGAIN, (struct rbk_slice){0, 0});
    machine->effects[let].condition =
        reading(machine, "SELECT count(*) FROM a", RBK_TYPE_SCALAR, read_it, 1);
    machine->effects[let].into = 0;

    struct rbk_slice statement = {arg(machine, RBK_ARG_STATEMENT, text(machine, "INSERT")), 1};
    (void)effect(machine, RBK_EFFECT_SQL, RBK_CRASH_TRANSACTION, statement);

    struct rbk_slice words = {arg(machine, RBK_ARG_WORD, text(machine, "echo")), 2};
    (void)arg(
        machine, RBK_ARG_WORD,
        EXPR(machine, TEXT, "n=${before}", OP(CONST, 7), OP(SLOT, 0), OP(TEXT, 0), OP(CONCAT, 2)));
    (void)effect(machine, RBK_EFFECT_RUN, RBK_CRASH_ATTACH, words);

    uint32_t check =
        effect(machine, RBK_EFFECT_CHECK, RBK_CRASH_AGAIN,
               (struct rbk_slice){arg(machine, RBK_ARG_LABEL, text(machine, "ok")), 1});
    machine->effects[check].condition =
        reading(machine, "SELECT count(*) FROM b", RBK_TYPE_BOOL, is_two, 3);
    machine->effects[check].retry_count = 3;
    machine->effects[check].retry_every_ms = 5000;

    struct rbk_slice message = {
        arg(machine, RBK_ARG_MESSAGE,
            EXPR(machine, TEXT, "message", OP(VARIABLE, RBK_VARIABLE_MESSAGE))),
        1};
    uint32_t notify = effect(machine, RBK_EFFECT_SHELL, RBK_CRASH_AGAIN, message);
    (void)ADD(machine, channels, channel,
              (struct rbk_channel){RBK_STR("incident"), {notify, 1}, place});
}

static void add_watching(struct rbk_machine *machine)
{
    static const struct rbk_op_code read_it[] = {{RBK_OP_READ, 0}};
    (void)ADD(machine, reactions, reaction,
              (struct rbk_reaction){RBK_REACTION_ABORT, NONE, NONE, 0, NONE});
    (void)ADD(machine, reactions, reaction,
              (struct rbk_reaction){RBK_REACTION_HOLD, NONE, NONE, 300000, 0});
    (void)ADD(machine, questions, question,
              (struct rbk_question){.kind = RBK_QUESTION_APPROVE,
                                    .text = text(machine, "May it go on?"),
                                    .roles = {0, 1},
                                    .quorums = {2, 1},
                                    .within_ms = 600000,
                                    .otherwise = 0,
                                    .place = place});
    uint32_t ratio = reading(machine, "SELECT r", RBK_TYPE_SCALAR, read_it, 1);
    (void)ADD(machine, probes, probe,
              (struct rbk_probe){RBK_STR("errors"), ratio, RBK_TYPE_RATIO, 15000, 5000, 2, 8, false,
                                 place});
    uint32_t paged =
        ADD(machine, reads, read,
            (struct rbk_read){.kind = RBK_READ_ALERT,
                              .connection = NONE,
                              .args = {arg(machine, RBK_ARG_NAME, text(machine, "Paged")), 1},
                              .timeout_ms = 5000,
                              .place = place});
    (void)ADD(machine, probes, probe,
              (struct rbk_probe){RBK_STR("paged"),
                                 expr(machine, RBK_TYPE_BOOL, "alert(\"Paged\")",
                                      (struct rbk_slice){paged, 1}, read_it, 1),
                                 RBK_TYPE_BOOL, 0, 5000, 1, 1, true, place});
    uint32_t latency = reading(machine, "SELECT l", RBK_TYPE_SCALAR, read_it, 1);
    (void)ADD(machine, probes, probe,
              (struct rbk_probe){RBK_STR("latency"), latency, RBK_TYPE_DURATION, 5000, 5000, 1, 16,
                                 false, place});
    (void)ADD(machine, windows, window,
              (struct rbk_window){RBK_WINDOW_AVG, SAMPLE_PROBE_ERRORS, 60000});
    (void)ADD(machine, windows, window,
              (struct rbk_window){RBK_WINDOW_LAST, SAMPLE_PROBE_PAGED, 0});
    (void)ADD(machine, windows, window,
              (struct rbk_window){RBK_WINDOW_LAST, SAMPLE_PROBE_LATENCY, 0});
    (void)ADD(machine, baselines, baseline,
              (struct rbk_baseline){SAMPLE_PROBE_LATENCY,
                                    EXPR(machine, DURATION, "1m", OP(CONST, 6)), 3, place});
    struct rbk_trigger trigger = {.name = RBK_STR("errors"),
                                  .severity = RBK_STR("high"),
                                  .region = NONE,
                                  .since = RBK_SINCE_FIRST_APPLY,
                                  .since_region = NONE,
                                  .except = {1, 1},
                                  .reaction = 0,
                                  .missing = 1,
                                  .place = place};
    trigger.condition =
        EXPR(machine, BOOL, "avg(errors, 1m) > 5%", OP(WINDOW, 0), OP(CONST, 2), OP(GT, 0));
    (void)ADD(machine, triggers, trigger, trigger);
    trigger.name = RBK_STR("paged");
    trigger.except = (struct rbk_slice){0, 0};
    trigger.condition = EXPR(machine, BOOL, "paged", OP(WINDOW, 1));
    trigger.pushed = true;
    (void)ADD(machine, triggers, trigger, trigger);
    trigger.name = RBK_STR("slow");
    trigger.condition =
        EXPR(machine, BOOL, "latency > 2 * baseline(latency)", OP(WINDOW, 2), OP(CONST, 5),
             OP(BASELINE, 0), OP(MULTIPLY, RBK_TYPE_DURATION), OP(GT, 0));
    trigger.pushed = false;
    trigger.for_ms = 20000;
    (void)ADD(machine, triggers, trigger, trigger);
    static const struct rbk_op_code is_two[] = {
        {RBK_OP_READ, 0}, {RBK_OP_CONST, 5}, {RBK_OP_EQ, 0}};
    trigger.name = RBK_STR("own");
    trigger.condition = reading(machine, "SELECT 2", RBK_TYPE_BOOL, is_two, 3);
    trigger.for_ms = 0;
    trigger.for_readings = 3;
    trigger.every_ms = 30000;
    trigger.region = SAMPLE_REGION_MOVE;
    trigger.since = RBK_SINCE_STAGE_STARTED;
    trigger.since_region = SAMPLE_REGION_MOVE;
    (void)ADD(machine, triggers, trigger, trigger);
    (void)ADD(machine, criteria, criterion,
              (struct rbk_criterion){
                  EXPR(machine, BOOL, "errors > 5%", OP(WINDOW, 0), OP(CONST, 2), OP(GT, 0)), true,
                  RBK_STR("too many errors"), place});
    (void)ADD(
        machine, messages, message,
        (struct rbk_message){
            0, EXPR(machine, TEXT, "Run ${run.id}", OP(VARIABLE, RBK_VARIABLE_RUN_ID)), place});
    (void)ADD(machine, hooks, hook, (struct rbk_hook){RBK_HOOK_ABORT, {0, 1}});
    (void)ADD(machine, reports, report,
              (struct rbk_report){0, EXPR(machine, DURATION, "1m", OP(CONST, 6))});
}

static uint32_t state(struct rbk_machine *machine, uint32_t region, const char *name,
                      enum rbk_state_kind kind, enum rbk_phase phase, uint32_t ok, uint32_t fail)
{
    struct rbk_machine_state row = {.name = rbk_str_from(name),
                                    .kind = kind,
                                    .phase = phase,
                                    .region = region,
                                    .block = NONE,
                                    .effect = NONE,
                                    .guard = NONE,
                                    .place = place};
    for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        row.next[i] = kind == RBK_STATE_EFFECT ? fail : NONE;
    }
    row.next[RBK_OUTCOME_OK] = ok;
    row.next[RBK_OUTCOME_FAIL] = fail;
    return ADD(machine, states, state, row);
}

static void add_states(struct rbk_machine *machine)
{
    enum rbk_phase plan = RBK_PHASE_PLAN;
    (void)state(machine, 0, "start", RBK_STATE_START, plan, 1, NONE);
    (void)state(machine, 0, "stages", RBK_STATE_STAGES, plan, 2, NONE);
    (void)state(machine, 0, "observe", RBK_STATE_OBSERVE, plan, 3, NONE);
    (void)state(machine, 0, "grace", RBK_STATE_GRACE, plan, 4, NONE);
    (void)state(machine, 0, "completed", RBK_STATE_COMPLETED, plan, NONE, NONE);
    (void)state(machine, 0, "aborting", RBK_STATE_ABORTING, plan, 6, NONE);
    (void)state(machine, 0, "aborted", RBK_STATE_ABORTED, plan, NONE, NONE);
    (void)state(machine, 0, "cancelled", RBK_STATE_CANCELLED, plan, NONE, NONE);
    (void)state(machine, 1, "move.waiting", RBK_STATE_WAITING, RBK_PHASE_WAITING, 9, NONE);
    (void)state(machine, 1, "move.prepare.1", RBK_STATE_EFFECT, RBK_PHASE_PREPARE, 10, 19);
    (void)state(machine, 1, "move.apply.1", RBK_STATE_EFFECT, RBK_PHASE_APPLY, 11, 14);
    (void)state(machine, 1, "move.apply.2", RBK_STATE_FORK, RBK_PHASE_APPLY, 12, 14);
    (void)state(machine, 1, "move.verify.1", RBK_STATE_EFFECT, RBK_PHASE_VERIFY, 13, 14);
    (void)state(machine, 1, "move.applied", RBK_STATE_APPLIED, RBK_PHASE_APPLIED, NONE, NONE);
    (void)state(machine, 1, "move.rollback", RBK_STATE_ROLLBACK, RBK_PHASE_ROLLBACK, 15, NONE);
    (void)state(machine, 1, "move.rollback.guard", RBK_STATE_GUARD, RBK_PHASE_ROLLBACK, 16, 17);
    (void)state(machine, 1, "move.rollback.1", RBK_STATE_EFFECT, RBK_PHASE_ROLLBACK, 17, 20);
    (void)state(machine, 1, "move.rollback.verify.1", RBK_STATE_EFFECT, RBK_PHASE_ROLLBACK_VERIFY,
                18, 20);
    (void)state(machine, 1, "move.rolled_back", RBK_STATE_ROLLED_BACK, RBK_PHASE_REST, NONE, NONE);
    (void)state(machine, 1, "move.held", RBK_STATE_HELD, RBK_PHASE_REST, NONE, NONE);
    (void)state(machine, 1, "move.stuck", RBK_STATE_STUCK, RBK_PHASE_REST, NONE, NONE);
    for (uint32_t branch = 2; branch < 4; branch++) {
        uint32_t first = machine->state_count;
        (void)state(machine, branch, "move.apply.2.b", RBK_STATE_EFFECT, RBK_PHASE_APPLY, first + 1,
                    first + 2);
        (void)state(machine, branch, "move.apply.2.b.done", RBK_STATE_BRANCH_DONE, RBK_PHASE_REST,
                    NONE, NONE);
        (void)state(machine, branch, "move.apply.2.b.failed", RBK_STATE_BRANCH_FAILED,
                    RBK_PHASE_REST, NONE, NONE);
        machine->states[first].effect = 2;
    }
    machine->states[9].effect = 0;
    machine->states[10].effect = 1;
    machine->states[12].effect = 3;
    machine->states[16].effect = 1;
    machine->states[17].effect = 3;
    machine->states[SAMPLE_STATE_FORK].branches = (struct rbk_slice){2, 2};
    machine->states[SAMPLE_STATE_GUARD].guard = 10;
    (void)ADD(machine, blocks, block, (struct rbk_block){1, NONE, 0, 120000, 14, place});
    (void)ADD(machine, blocks, block, (struct rbk_block){1, 0, 1, 60000, 14, place});
    machine->states[10].block = 0;
    machine->states[11].block = 0;
    machine->states[12].block = 1;
}

static void add_regions(struct rbk_machine *machine)
{
    struct rbk_region row = {.kind = RBK_REGION_PLAN,
                             .states = {0, 8},
                             .parent = NONE,
                             .applied = NONE,
                             .rollback = NONE,
                             .rolled_back = NONE,
                             .held = NONE,
                             .stuck = NONE,
                             .apply = NONE,
                             .window = NONE,
                             .attempts = 1,
                             .place = place};
    (void)ADD(machine, regions, region, row);
    struct rbk_region stage = row;
    stage.kind = RBK_REGION_STAGE;
    stage.name = RBK_STR("move");
    stage.title = RBK_STR("Move the rows");
    stage.states = (struct rbk_slice){8, 13};
    stage.applied = 13;
    stage.rollback = 14;
    stage.rolled_back = 18;
    stage.held = 19;
    stage.stuck = 20;
    stage.apply = 10;
    stage.strategies = (struct rbk_slice){0, 1};
    stage.window = 0;
    stage.has_risk = true;
    stage.risk = RBK_RISK_HIGH;
    (void)ADD(machine, regions, region, stage);
    for (uint32_t branch = 0; branch < 2; branch++) {
        row.kind = RBK_REGION_BRANCH;
        row.parent = SAMPLE_REGION_MOVE;
        row.states = (struct rbk_slice){21 + 3 * branch, 3};
        (void)ADD(machine, regions, region, row);
    }
    (void)ADD(machine, strategies, strategy,
              (struct rbk_strategy){RBK_STR(""), 15, NONE, 60000, 180000, place});
    /* No stage waits for this one: the row only has to be written and read. */
    (void)ADD(machine, predecessors, predecessor, (struct rbk_predecessor){1, 3600000});
}

struct rbk_machine *sample_machine(struct rbk_arena *arena)
{
    struct rbk_machine *machine = rbk_new(arena, struct rbk_machine);
#define X(type, rows, row) machine->rows = rbk_new_array(arena, type, ROWS_MAX);
    RBK_MACHINE_TABLES(X)
#undef X
    machine->format_version = RBK_MACHINE_FORMAT_VERSION;
    machine->name = RBK_STR("sample");
    machine->title = RBK_STR("A sample");
    machine->estimate_ms = 3600000;
    machine->held_at_most_ms = 3600000;
    machine->held_otherwise = 0;
    machine->daily_window = NONE;
    machine->retire_region = NONE;
    machine->stages_state = 1;
    machine->aborting_state = 5;
    machine->cancelling_state = 7;
    add_values(machine);
    add_effects(machine);
    add_watching(machine);
    machine->observe = EXPR(machine, DURATION, "1m", OP(CONST, 6));
    machine->grace = NONE;
    add_states(machine);
    add_regions(machine);
    return machine;
}
