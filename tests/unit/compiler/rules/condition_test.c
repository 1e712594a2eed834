/*
 * RBK131 never lies: what it claims of a condition is held against the core's own evaluator.
 *
 * Conditions are made at random from parameters, probes, their windows, arithmetic and `??`,
 * compiled as triggers of a plan that waives RBK131, and lowered. Each one about which something
 * was claimed is evaluated for many values that its parameters and probes can have, missing ones
 * among them: a condition that "can never hold" must not come out true, one that "holds for every
 * value" not false. So that silence does not pass for truth, a share of all conditions must be
 * claimed about, and the ones written down in the goldens are.
 */
#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/rules/rules.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/check.h"
#include "runtime/core/expr.h"
#include "runtime/core/machine.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TRIGGERS 40u /* of a plan */
#define PLANS 120u
#define VALUES 150u /* tried for a condition */
#define PROBES 6u
#define READINGS_MAX 4u /* in a window */
#define DEPTH_MAX 3u

static uint64_t seed;

static uint32_t choose(uint32_t count)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % count);
}

/* ---- conditions --------------------------------------------------------------------------------
 */

static const char head[] = "plan random {\n"
                           "    allow RBK131 because \"a test\"\n"
                           "    allow RBK132 because \"a test\"\n"
                           "    allow RBK133 because \"a test\"\n"
                           "    param i: int where i >= 0 and i <= 20\n"
                           "    param j: int\n"
                           "    param b: bool\n"
                           "    param d: duration where not (d < 1s or d == 3s)\n"
                           "    param r: ratio\n"
                           "    param n: number where n != 0.0\n"
                           "    param t: text\n"
                           "    connection db = sqlite(\"x.db\")\n"
                           "    probe share = sql.ratio(db, \"SELECT 1\") every 1s\n"
                           "    probe rows = sql.rows(db, \"SELECT 1\") every 1s\n"
                           "    probe slow = http.latency(\"http://localhost/\") every 1s\n"
                           "    probe code = http.status(\"http://localhost/\") every 1s\n"
                           "    probe up = file.exists(\"x\") every 1s\n"
                           "    probe load = host.load() every 1s\n";

static const char tail[] = "    stage one {\n"
                           "        apply within 1m { run \"a\" idempotent }\n"
                           "        verify within 1m { check \"there\" file.exists(\"a\") }\n"
                           "        rollback within 1m {\n"
                           "            run \"b\" idempotent\n"
                           "            verify { check \"gone\" not file.exists(\"a\") }\n"
                           "        }\n"
                           "    }\n"
                           "}\n";

enum { INT, RATIO, DURATION, NUMBER, KINDS };

static void put(struct rbk_buffer *out, const char *text)
{
    ck_assert_int_eq(rbk_buffer_append_text(out, text), 0);
}

static void put_leaf(struct rbk_buffer *out, unsigned kind)
{
    static const char *const leaves[KINDS][14] = {
        {"i", "j", "rows", "code", "0", "5", "20", "21", "-1", "200", "max(rows, 1m)",
         "min(rows, 2m)", "count(rows, 1m)", "(rows ?? 3)"},
        {"r", "share", "share", "0%", "5%", "50%", "100%", "500%", "avg(share, 1m)",
         "max(share, 1m)", "min(share, 2m)", "ratio(rows, i)", "(share ?? 10%)", "ratio(i, 20)"},
        {"d", "slow", "slow", "0s", "1s", "3s", "5s", "7s", "avg(slow, 1m)", "max(slow, 1m)",
         "min(slow, 2m)", "(i as seconds)", "(slow ?? 2s)", "999ms"},
        {"n", "n", "0.0", "2.5", "-1.5", "(rows / 3)", "(d / 2s)", "(slow as seconds)",
         "(share / 50%)", "load", "(i / j)", "1000000.0", "(n * n)", "abs(n)"},
    };
    put(out, leaves[kind][choose(14)]);
}

static void put_value(struct rbk_buffer *out, unsigned kind, unsigned depth)
{
    static const char *const operators[] = {" + ", " - "};
    switch (depth == 0 ? 0 : choose(8)) {
    case 1:
        put(out, "(");
        put_value(out, kind, depth - 1);
        put(out, operators[choose(2)]);
        put_value(out, kind, depth - 1);
        put(out, ")");
        break;
    case 2:
        put(out, choose(2) ? "2 * " : "-3 * ");
        put_leaf(out, kind);
        break;
    case 3:
        put(out, "abs(");
        put_value(out, kind, depth - 1);
        put(out, ")");
        break;
    default:
        put_leaf(out, kind);
        break;
    }
}

static void put_comparison(struct rbk_buffer *out)
{
    static const char *const operators[] = {" < ", " > ", " <= ", " >= ", " == ", " != "};
    static const char *const others[] = {"b",
                                         "up",
                                         "b == up",
                                         "b == true",
                                         "b != false",
                                         "t == \"a\"",
                                         "t != \"a\"",
                                         "t == \"b\"",
                                         "up == true",
                                         "true",
                                         "int(\"5\") < i",
                                         "(\"x\" as int) == j",
                                         "(\"5%\" as ratio) < r",
                                         "(\"2\" as seconds) >= d",
                                         "i == i",
                                         "t != t",
                                         "rows >= rows",
                                         "t == \"a\""};
    unsigned kind = choose(KINDS + 1);
    if (kind == KINDS) {
        put(out, others[choose(RBK_COUNT(others))]);
        return;
    }
    put_value(out, kind, 1);
    put(out, operators[choose(RBK_COUNT(operators))]);
    put_value(out, kind, 1);
}

static void put_condition(struct rbk_buffer *out, unsigned depth)
{
    switch (depth == 0 ? 0 : choose(7)) {
    case 1:
    case 2:
        put(out, "(");
        put_condition(out, depth - 1);
        put(out, ") and (");
        put_condition(out, depth - 1);
        put(out, ")");
        break;
    case 3:
    case 4:
        put(out, "(");
        put_condition(out, depth - 1);
        put(out, ") or (");
        put_condition(out, depth - 1);
        put(out, ")");
        break;
    case 5:
        put(out, "not (");
        put_condition(out, depth - 1);
        put(out, ")");
        break;
    case 6:
        put(out, "((");
        put_condition(out, depth - 1);
        put(out, choose(2) ? ") ?? true)" : ") ?? false)");
        break;
    default:
        put_comparison(out);
        break;
    }
}

/* ---- values ------------------------------------------------------------------------------------
 */

/* What the probes have given. */
struct world {
    const struct rbk_machine *machine;
    struct rbk_value params[7];
    /* Good ones, by probe; the last one is the latest. */
    struct rbk_value readings[PROBES][READINGS_MAX];
    uint32_t counts[PROBES];
};

static struct rbk_value random_integer(enum rbk_type type, int64_t least, int64_t most)
{
    static const int64_t picks[] = {0,    1,    2,     3,    5,    6,    19,   20,     21,   100,
                                    200,  201,  999,   1000, 1001, 2999, 3000, 3001,   5000, 6999,
                                    7000, 7001, 20000, -1,   -5,   4,    599,  1 << 30};
    int64_t number = picks[choose(RBK_COUNT(picks))];
    number = number < least ? least : number > most ? most : number;
    return rbk_value_integer(type, number);
}

static struct rbk_value random_real(enum rbk_type type, double least, double most)
{
    static const double picks[] = {0,   0.05, 0.050000000000000003, 0.5, 1,    5,     1e-300,  2.5,
                                   0.1, 0.3,  0.99999999999999989,  -1,  -1.5, 1e300, 1000000, 0.7};
    double number = picks[choose(RBK_COUNT(picks))];
    number = number < least ? least : number > most ? most : number;
    return rbk_value_number(type, number);
}

static struct rbk_value reading_of(uint32_t probe)
{
    switch (probe) {
    case 0:
        return random_real(RBK_TYPE_RATIO, 0, 1);
    case 1:
        return random_integer(RBK_TYPE_INT, 0, INT64_MAX);
    case 2:
        return random_integer(RBK_TYPE_DURATION, 0, INT64_MAX);
    case 3:
        return random_integer(RBK_TYPE_INT, 100, 999);
    case 4:
        return rbk_value_bool(choose(2) != 0);
    default:
        return random_real(RBK_TYPE_NUMBER, 0, INFINITY);
    }
}

static void fill(struct world *world)
{
    static const char *const texts[] = {"a", "b", "c", ""};
    struct rbk_value span = random_integer(RBK_TYPE_DURATION, 1000, INT64_MAX);
    struct rbk_value number = random_real(RBK_TYPE_NUMBER, -INFINITY, INFINITY);
    world->params[0] = random_integer(RBK_TYPE_INT, 0, 20);
    world->params[1] = random_integer(RBK_TYPE_INT, INT64_MIN, INT64_MAX);
    world->params[2] = rbk_value_bool(choose(2) != 0);
    world->params[3] = span.as.integer == 3000 ? rbk_value_integer(RBK_TYPE_DURATION, 3001) : span;
    world->params[4] = random_real(RBK_TYPE_RATIO, -INFINITY, INFINITY);
    world->params[5] = number.as.number == 0 ? rbk_value_number(RBK_TYPE_NUMBER, 1e-300) : number;
    world->params[6] = rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(texts[choose(4)]));
    for (uint32_t i = 0; i < PROBES; i++) {
        world->counts[i] = choose(4) == 0 ? 0 : 1 + choose(READINGS_MAX);
        for (uint32_t j = 0; j < world->counts[i]; j++) {
            world->readings[i][j] = reading_of(i);
        }
    }
}

static double real_of(struct rbk_value value)
{
    bool real = value.type == RBK_TYPE_RATIO || value.type == RBK_TYPE_NUMBER;
    return real ? value.as.number : (double)value.as.integer;
}

/* A window over the last readings: a long one sees all, a short one the last two. */
static struct rbk_value window(void *context, uint32_t number)
{
    const struct world *world = context;
    const struct rbk_window *asked = &world->machine->windows[number];
    const struct rbk_value *readings = world->readings[asked->probe];
    uint32_t count = world->counts[asked->probe];
    enum rbk_type type = world->machine->probes[asked->probe].type;
    uint32_t from = asked->over_ms == 60000 && count > 2 ? count - 2 : 0;
    if (asked->kind == RBK_WINDOW_COUNT) {
        return rbk_value_integer(RBK_TYPE_INT, count - from);
    }
    if (count == 0) {
        return rbk_value_missing(type);
    }
    struct rbk_value best = readings[count - 1];
    double sum = 0;
    for (uint32_t i = from; i < count; i++) {
        bool better = asked->kind == RBK_WINDOW_MIN ? real_of(readings[i]) < real_of(best)
                                                    : real_of(readings[i]) > real_of(best);
        best = better && asked->kind != RBK_WINDOW_LAST ? readings[i] : best;
        sum += real_of(readings[i]);
    }
    if (asked->kind != RBK_WINDOW_AVG) {
        return best;
    }
    double mean = sum / (count - from);
    return type == RBK_TYPE_RATIO || type == RBK_TYPE_NUMBER
               ? rbk_value_number(type, mean)
               : rbk_value_integer(type, (int64_t)nearbyint(mean));
}

/* ---- the test ----------------------------------------------------------------------------------
 */

enum claim { NOTHING, NEVER, ALWAYS };

/* What the compiler says of the trigger that a place lies in. */
static void take_claims(const struct rbk_compile *compile, enum claim claims[TRIGGERS])
{
    const struct rbk_statements *triggers = &compile->program.head[RBK_STATEMENT_TRIGGER];
    for (const struct rbk_diagnostic *at = compile->diagnostics.first; at; at = at->next) {
        char text[200];
        (void)snprintf(text, sizeof(text), "%.*s", RBK_STR_ARG(at->message));
        bool never = strstr(text, "so the trigger never fires") != NULL;
        bool always = strstr(text, "so the trigger fires at its first reading") != NULL;
        for (uint32_t i = 0; at->code == 131 && (never || always) && i < triggers->count; i++) {
            struct rbk_span span = triggers->items[i]->value->span;
            if (at->place.span.start >= span.start && at->place.span.end <= span.end) {
                claims[i] = never ? NEVER : ALWAYS;
            }
        }
    }
}

static struct rbk_str condition_text(const struct rbk_compile *compile, uint32_t trigger)
{
    const struct rbk_statements *triggers = &compile->program.head[RBK_STATEMENT_TRIGGER];
    return rbk_source_text(compile->program.files[0]->tree->source,
                           triggers->items[trigger]->value->span);
}

static void hold_against(const struct rbk_compile *compile, const struct rbk_machine *machine,
                         uint32_t trigger, enum claim claim)
{
    struct world world = {.machine = machine};
    struct rbk_arena arena;
    rbk_arena_init(&arena, (size_t)1 << 20);
    for (unsigned i = 0; i < VALUES; i++) {
        struct rbk_value value;
        struct rbk_error error;
        fill(&world);
        const struct rbk_scope scope = {
            .machine = machine, .params = world.params, .context = &world, .window = window};
        ck_assert_int_eq(
            rbk_expr_evaluate(&scope, machine->triggers[trigger].condition, &arena, &value, &error),
            0);
        enum rbk_level level = rbk_level_of(value);
        struct rbk_str text = condition_text(compile, trigger);
        ck_assert_msg(claim != NEVER || level != RBK_LEVEL_TRUE, "can hold: %.*s (i %ld, j %ld)",
                      RBK_STR_ARG(text), (long)world.params[0].as.integer,
                      (long)world.params[1].as.integer);
        ck_assert_msg(claim != ALWAYS || level != RBK_LEVEL_FALSE, "can fail: %.*s",
                      RBK_STR_ARG(text));
        rbk_arena_reset(&arena);
    }
    rbk_arena_fini(&arena);
}

/* @return how many claims there were. */
static unsigned try_plan(void)
{
    struct rbk_buffer text;
    struct rbk_compile compile;
    struct rbk_machine *machine;
    enum claim claims[TRIGGERS] = {NOTHING};
    unsigned count = 0;
    rbk_buffer_init(&text, (size_t)1 << 20);
    put(&text, head);
    for (unsigned i = 0; i < TRIGGERS; i++) {
        ck_assert_int_eq(rbk_buffer_printf(&text, "    trigger t%u when ", i), 0);
        put_condition(&text, choose(DEPTH_MAX + 1));
        put(&text, " then pause\n");
    }
    put(&text, tail);
    rbk_compile_open(&compile, "/nonexistent");
    compile.diagnostics.count_max = 100000;
    rbk_compile_load_text(&compile, "random.rbk", rbk_buffer_str(&text));
    if (rbk_compile_analyse(&compile) != 0 || rbk_compile_lower(&compile, &machine) != 0) {
        (void)!rbk_diagnostics_print(&compile.diagnostics, RBK_DIAGNOSTIC_GCC, stderr);
        ck_abort_msg("the plan does not compile");
    }
    take_claims(&compile, claims);
    for (uint32_t i = 0; i < TRIGGERS; i++) {
        if (claims[i] != NOTHING) {
            hold_against(&compile, machine, i, claims[i]);
            count++;
        }
    }
    rbk_compile_close(&compile);
    rbk_buffer_fini(&text);
    return count;
}

START_TEST(no_claim_is_contradicted_by_the_evaluator)
{
    unsigned claims = 0;
    seed = 20261121;
    for (unsigned i = 0; i < PLANS; i++) {
        claims += try_plan();
    }
    ck_assert_uint_gt(claims, PLANS * TRIGGERS / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/rules/condition");
    TCase *cases = tcase_create("condition");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, no_claim_is_contradicted_by_the_evaluator);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
