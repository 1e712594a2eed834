/*
 * The proof of times against the core: no walk of a random plan ever takes longer than its bounds,
 * and some walk reaches them. Seeds are printed; RBK_SEED replays one plan.
 *
 * The longest way is searched for by climbing: a walk is changed in a few choices, and kept when it
 * took no less time. So a bound that is not reached may be one that was not found; the plans below
 * whose bounds are tight by construction must all be reached exactly.
 */
#include "tests/unit/compiler/times/plans.h"
#include "tests/unit/compiler/times/virtual.h"

#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/times/times.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)

/* A compiled plan with its bounds. */
struct subject {
    struct rbk_compile compile;
    struct rbk_machine *machine;
    struct rbk_times *times;
    uint32_t stage_count;
};

static void subject_init(struct subject *subject, struct rbk_str text)
{
    rbk_compile_open(&subject->compile, NULL);
    rbk_compile_load_text(&subject->compile, "plan.rbk", text);
    if (rbk_compile_analyse(&subject->compile) != 0 ||
        rbk_compile_lower(&subject->compile, &subject->machine) != 0) {
        fprintf(stderr, "%.*s\n", RBK_STR_ARG(text));
        ck_assert_int_eq(
            rbk_diagnostics_print(&subject->compile.diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr), 0);
        ck_abort_msg("the plan does not compile");
    }
    subject->times = rbk_times_of(&subject->compile);
    subject->stage_count = subject->compile.program.head[RBK_STATEMENT_STAGE].count;
    ck_assert_uint_le(subject->stage_count, STAGES_MAX);
}

static void subject_fini(struct subject *subject)
{
    rbk_compile_close(&subject->compile);
}

static const struct rbk_stage_times *stage_of(const struct subject *subject, uint32_t stage)
{
    const struct rbk_statements *stages = &subject->compile.program.head[RBK_STATEMENT_STAGE];
    return rbk_times_stage(subject->times, stages->items[stage]);
}

static uint64_t bound_ms(const struct subject *subject)
{
    const struct rbk_abort_points *points = rbk_times_points(subject->times);
    return points->items[points->worst].total_ms;
}

/* All strategies fail. */
static uint64_t stuck_bound_ms(const struct subject *subject, uint32_t stage)
{
    const struct rbk_stage_times *times = stage_of(subject, stage);
    uint64_t sum_ms = 0;
    for (uint32_t i = 0; i < times->strategy_count; i++) {
        sum_ms += times->strategies[i].end_ms;
    }
    return sum_ms;
}

/* @what  A bound's name. Asserted only when it is broken: Check writes down each assertion. */
static void within_bound(const char *what, uint32_t stage, uint64_t ms, uint64_t limit_ms)
{
    if (ms > limit_ms) {
        ck_abort_msg("%s of stage %u took %llu ms, proved %llu ms", what, stage,
                     (unsigned long long)ms, (unsigned long long)limit_ms);
    }
}

static void assert_bounds(const struct subject *subject, const struct measures *measures)
{
    within_bound("from the decision to the end, with the first", 0, measures->back_ms,
                 bound_ms(subject));
    for (uint32_t i = 0; i < subject->stage_count; i++) {
        const struct rbk_stage_times *stage = stage_of(subject, i);
        within_bound("the way back", i, measures->stage_back_ms[i], stage->back_ms);
        within_bound("all ways back", i, measures->stage_stuck_ms[i], stuck_bound_ms(subject, i));
        within_bound("the way forward", i, measures->stage_forward_ms[i], stage->forward.ok_ms);
    }
}

/* ---- paths ----------------------------------------------------------------------------------- */

static uint64_t sum_ms(const struct rbk_times_path *path)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        sum += path->items[i].ms;
    }
    return sum;
}

/* What is shown of a figure adds up to it. */
static void assert_paths(const struct subject *subject)
{
    for (uint32_t i = 0; i < subject->stage_count; i++) {
        const struct rbk_stage_times *stage = stage_of(subject, i);
        struct rbk_times_path path;
        for (uint32_t k = 0; k < stage->block_count; k++) {
            rbk_times_path_of_block(subject->times, stage->stage, &stage->blocks[k], &path);
            ck_assert_uint_eq(sum_ms(&path), stage->blocks[k].inside.needs_ms);
        }
        for (int part = 0; part < RBK_TIMES_PARTS; part++) {
            rbk_times_path_of_part(subject->times, stage->stage, (enum rbk_times_part)part, &path);
            ck_assert_uint_eq(sum_ms(&path), stage->parts[part].ok_ms);
        }
        for (uint32_t k = 0; k < stage->strategy_count; k++) {
            rbk_times_path_of_strategy(subject->times, stage->stage, k, false, &path);
            ck_assert_uint_eq(sum_ms(&path), stage->strategies[k].ok_ms);
            rbk_times_path_of_strategy(subject->times, stage->stage, k, true, &path);
            ck_assert_uint_eq(sum_ms(&path), stage->strategies[k].end_ms);
        }
    }
}

/* 300 plans: nothing is walked, so they cost little. */
START_TEST(the_steps_of_every_path_add_up)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rbk_buffer text;
        struct subject subject;
        rbk_buffer_init(&text, TEXT_BYTES_MAX);
        plans_write(&text, seed);
        fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)seed);
        subject_init(&subject, rbk_buffer_str(&text));
        assert_paths(&subject);
        subject_fini(&subject);
        rbk_buffer_fini(&text);
    }
}
END_TEST

/* ---- searching ------------------------------------------------------------------------------- */

/* What the search wants to be long: 0: from a decision to the end; then each stage's way back, then
 * each stage's way forward. */
static uint64_t measured(const struct subject *subject, const struct measures *measures,
                         uint32_t goal)
{
    if (goal == 0) {
        return measures->back_ms;
    }
    return goal <= subject->stage_count
               ? measures->stage_back_ms[goal - 1]
               : measures->stage_forward_ms[goal - 1 - subject->stage_count];
}

static uint64_t goal_ms(const struct subject *subject, uint32_t goal)
{
    if (goal == 0) {
        return bound_ms(subject);
    }
    return goal <= subject->stage_count
               ? stage_of(subject, goal - 1)->back_ms
               : stage_of(subject, goal - 1 - subject->stage_count)->forward.ok_ms;
}

static uint32_t goals(const struct subject *subject)
{
    return 1 + 2 * subject->stage_count;
}

/* Mostly straight on at first: the first of the choices is that all is well at once. */
static void begin_choices(struct choices *choices, uint64_t *seed, uint32_t goal)
{
    uint32_t often = 1 + virtual_below(seed, 4);
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        choices->bytes[i] = virtual_below(seed, 4) < often ? (uint8_t)virtual_below(seed, 60) : 0;
    }
    choices->abort_at = goal == 0 || virtual_below(seed, 3) == 0 ? 1 + virtual_below(seed, 30) : 0;
    choices->abort_late = virtual_below(seed, 2);
}

static void change_choices(struct choices *choices, uint64_t *seed)
{
    size_t used = choices->used < CHOICES_MAX ? choices->used : CHOICES_MAX;
    for (uint32_t left = 1 + virtual_below(seed, 3); left > 0 && used; left--) {
        choices->bytes[virtual_below(seed, (uint32_t)used)] = (uint8_t)virtual_below(seed, 60);
    }
    if (choices->abort_at && virtual_below(seed, 4) == 0) {
        choices->abort_at += virtual_below(seed, 5);
        choices->abort_at -= choices->abort_at > 2 ? 2 : 0;
        choices->abort_late = virtual_below(seed, 2);
    }
}

/* Climbs that go on though the bound is reached: one that is too low must be passed. */
#define BEYOND 4

/* The longest found; every walk keeps to every bound. */
static uint64_t search(const struct subject *subject, uint32_t goal, uint64_t seed, uint32_t climbs,
                       uint32_t walks)
{
    uint64_t limit_ms = goal_ms(subject, goal);
    uint64_t best_ms = 0;
    for (uint32_t climb = 0; climb < climbs && (best_ms < limit_ms || climb < BEYOND); climb++) {
        struct choices best;
        struct choices choices;
        uint64_t height_ms = 0;
        begin_choices(&best, &seed, goal);
        best.used = CHOICES_MAX;
        for (uint32_t walk = 0; walk < walks; walk++) {
            struct measures measures;
            choices = best;
            if (walk > 0) {
                change_choices(&choices, &seed);
            }
            virtual_walk(subject->machine, &choices, &measures);
            assert_bounds(subject, &measures);
            uint64_t ms = measured(subject, &measures, goal);
            if (ms >= height_ms) {
                height_ms = ms;
                best = choices;
            }
            best_ms = ms > best_ms ? ms : best_ms;
        }
    }
    return best_ms;
}

/* ---- plans whose bounds are tight -------------------------------------------------------------
 */

/* What stands around the stages of a plan. */
#define HEAD                                     \
    "plan p {\n"                                 \
    "role ops { contact \"ops@example.com\" }\n" \
    "connection db = sqlite(\"t.db\")\n"         \
    "held at most 30s else abort\n"              \
    "allow RBK110 because \"a test\" allow RBK134 because \"t\"\n"
/* A stage: apply, verify, and ways back. */
#define STAGE(NAME, APPLY, BACK)                                       \
    "stage " NAME " \"S\" { unwatched because \"a test\" apply " APPLY \
    " verify { check \"applied\" run.exit(\"applied\") == 0 timeout 3s } " BACK "}\n"
#define STAGE_AFTER(NAME, AFTER, APPLY, BACK)                                          \
    "stage " NAME " \"S\" { after " AFTER " unwatched because \"a test\" apply " APPLY \
    " verify { check \"applied\" run.exit(\"applied\") == 0 timeout 3s } " BACK "}\n"
#define VERIFY " verify { check \"back\" run.exit(\"back\") == 0 timeout 2s }"
#define BACK(NAME, STEPS) " rollback " NAME " { " STEPS VERIFY " }"
#define ACTION                                                   \
    "action a(n: text) { run \"do ${n}\" timeout 6s idempotent " \
    "undo { run \"undo ${n}\" timeout 7s retry 1 every 2s idempotent } }\n"

static const struct {
    const char *claim;
    const char *text;
    uint32_t questions; /* on the longest way: each can be answered up to 1 ms before its end */
} tight[] = {
    {"attempts, their delays and what stops each add up",
     HEAD STAGE(
         "a", "{ run \"x\" timeout 5s retry 2 every 3s idempotent sql db \"SELECT 1\" timeout 4s }",
         BACK("w", "run \"y\" timeout 8s retry 1 every 1s idempotent")) "}",
     0},
    {"a limit cuts what has none, and what is under way is stopped after it",
     HEAD STAGE(
         "a", "within 20s { run \"x\" idempotent run \"z\" cancel \"stop\" timeout 5s idempotent }",
         BACK("w within 15s", "run \"y\" idempotent sql db \"SELECT 2\" timeout 3s")
             BACK("v within 12s", "run \"u\" idempotent")) "}",
     0},
    {"strategies add up, with their conditions",
     HEAD STAGE("a", "{ run \"x\" timeout 5s idempotent }",
                BACK("w when run.exit(\"w\") == 0", "run \"y\" timeout 8s idempotent")
                    BACK("v when run.exit(\"v\") == 0", "run \"u\" timeout 9s idempotent")
                        BACK("r", "sql db \"SELECT 1\" timeout 4s")) "}",
     0},
    {"the longest branch counts, and every turn of a loop",
     HEAD STAGE(
         "a",
         "{ parallel { run \"p\" timeout 4s idempotent run \"q\" timeout 9s idempotent }"
         " foreach x in [1, 2, 3] { run \"l ${x}\" timeout 2s idempotent }"
         " if run.exit(\"i\") == 0 { run \"t\" timeout 3s idempotent }"
         " else { run \"e\" timeout 8s idempotent } }",
         BACK("w", "parallel { run \"y\" timeout 8s idempotent wait 5s because \"so\" }")) "}",
     0},
    {"undo takes back every call, last first",
     ACTION HEAD STAGE("a", "{ do a(\"1\") do a(\"2\") foreach n in [\"3\"] { do a(n) } }",
                       BACK("w", "undo")) "}",
     0},
    {"stages go back one after the other",
     HEAD STAGE("a", "{ run \"x\" timeout 5s idempotent }",
                BACK("w", "run \"y\" timeout 8s idempotent"))
         STAGE("b", "{ run \"z\" timeout 5s idempotent }",
               BACK("w", "run \"u\" timeout 4s idempotent")) "}",
     0},
    {"stages that do not depend on each other go back together",
     HEAD STAGE("a", "{ run \"x\" timeout 5s idempotent }",
                BACK("w", "run \"y\" timeout 8s idempotent"))
         STAGE_AFTER("b", "nothing", "{ run \"z\" cancel \"stop\" timeout 5s idempotent }",
                     BACK("w", "run \"u\" timeout 4s idempotent")) "}",
     0},
    {"locks are released at the end, whatever fails",
     HEAD
     "lock l { acquire { run \"lock\" timeout 2s idempotent } release { run \"unlock\" timeout 3s "
     "idempotent } }\n" STAGE("a", "{ run \"x\" timeout 5s idempotent }",
                              BACK("w", "run \"y\" timeout 8s idempotent")) "}",
     0},
    {"a request that is cut off is looked for, or a person is asked",
     HEAD STAGE(
         "a", "{ http PUT \"http://h/1\" timeout 5s done when run.exit(\"x\") == 0 }",
         BACK("w", "http PUT \"http://h/2\" timeout 5s in doubt ask ops within 9s else abort")) "}",
     1},
    {"questions and manual steps take their time",
     HEAD STAGE("a",
                "{ run \"x\" timeout 5s idempotent manual \"m\" by ops within 20s else abort }",
                BACK("w", "manual \"n\" by ops within 25s else abort")) "}",
     1},
    {"silence about a manual step is asked about, and so is one that is cut off",
     HEAD STAGE(
         "a", "{ manual \"m\" by ops within 20s else abort in doubt ask ops within 9s else abort }",
         BACK("w", "manual \"n\" by ops within 25s else abort in doubt ask ops within 7s "
                   "else abort")) "}",
     2},
    {"what may fail is passed over, when it is dead",
     HEAD STAGE("a", "{ run \"x\" timeout 5s idempotent optional because \"it may\" }",
                BACK("w", "run \"y\" timeout 8s idempotent optional because \"it may\"")) "}",
     0},
};

/* _i: a row of `tight`. */
START_TEST(some_walk_takes_as_long_as_proved)
{
    struct subject subject;
    subject_init(&subject, rbk_str_from(tight[_i].text));
    for (uint32_t goal = 0; goal < goals(&subject); goal++) {
        uint64_t best_ms = search(&subject, goal, (uint64_t)_i + 1, 60, 250);
        fprintf(stderr, "%s, goal %u: %llu of %llu ms\n", tight[_i].claim, goal,
                (unsigned long long)best_ms, (unsigned long long)goal_ms(&subject, goal));
        ck_assert_uint_ge(best_ms + tight[_i].questions, goal_ms(&subject, goal));
    }
    subject_fini(&subject);
}
END_TEST

/* ---- random plans ---------------------------------------------------------------------------- */

#define PLANS 120
#define PLANS_PER_TEST 10

START_TEST(no_walk_of_a_random_plan_takes_longer_than_proved)
{
    const char *replay = getenv("RBK_SEED");
    uint32_t reached = 0;
    uint32_t asked = 0;
    for (uint32_t i = 0; i < PLANS_PER_TEST; i++) {
        uint64_t seed =
            replay ? strtoull(replay, NULL, 10) : (uint64_t)_i * PLANS_PER_TEST + i + 1000;
        struct rbk_buffer text;
        struct subject subject;
        rbk_buffer_init(&text, TEXT_BYTES_MAX);
        plans_write(&text, seed);
        fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)seed);
        subject_init(&subject, rbk_buffer_str(&text));
        for (uint32_t goal = 0; goal < goals(&subject); goal++) {
            uint64_t best_ms = search(&subject, goal, seed, 4, 150);
            fprintf(stderr, "  goal %u: %llu of %llu ms\n", goal, (unsigned long long)best_ms,
                    (unsigned long long)goal_ms(&subject, goal));
            reached += best_ms == goal_ms(&subject, goal);
            asked++;
        }
        subject_fini(&subject);
        rbk_buffer_fini(&text);
    }
    fprintf(stderr, "reached %u of %u bounds\n", reached, asked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler_times_property");
    TCase *tests = tcase_create("property");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 40);
    tcase_add_loop_test(tests, no_walk_of_a_random_plan_takes_longer_than_proved, 0,
                        PLANS / PLANS_PER_TEST);
    tcase_add_test(tests, the_steps_of_every_path_add_up);
    tcase_add_loop_test(tests, some_walk_takes_as_long_as_proved, 0,
                        (int)(sizeof(tight) / sizeof(tight[0])));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
