/*
 * The difference of two plans: the sentences reviewers wait for, one each; and two properties over
 * random changes of a real plan. Whatever changes the machine's hash is told, in a sentence that
 * names what was changed; what does not change it is not told.
 */
#include "compiler/compile.h"
#include "compiler/format_scan.h"
#include "compiler/lower/lower.h"
#include "compiler/review/difference.h"
#include "compiler/review/document.h"
#include "rbk_parser.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAN RBK_TEST_ROOT "/plans/lead_cutover/plan.rbk"
#define MUTATIONS 500u

/* Plans that are changed at random: a real one, and one with every kind of step. */
static const char *const changed_plans[] = {
    PLAN,
    RBK_TEST_ROOT "/tests/golden/documents/plan.rbk",
};

/* A plan, compiled as far as it goes. */
struct plan {
    struct rbk_compile compile;
    struct rbk_machine *machine; /* NULL when it does not compile. */
};

static void open_plan_at(struct plan *plan, const char *path, struct rbk_str text)
{
    struct rbk_buffer written;
    *plan = (struct plan){.machine = NULL};
    rbk_compile_open(&plan->compile, RBK_TEST_ROOT "/stdlib");
    rbk_compile_load_text(&plan->compile, path, text);
    if (rbk_compile_analyse(&plan->compile) == 0 &&
        rbk_compile_lower(&plan->compile, &plan->machine) == 0) {
        rbk_buffer_init(&written, RBK_MACHINE_BYTES_MAX);
        ck_assert_int_eq(rbk_machine_write(plan->machine, &written, NULL), 0);
        rbk_buffer_fini(&written);
    }
}

static void open_plan(struct plan *plan, struct rbk_str text)
{
    open_plan_at(plan, PLAN, text);
}

static void close_plan(struct plan *plan)
{
    rbk_compile_close(&plan->compile);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char *text = calloc(1, 1 << 20);
    size_t bytes = fread(text, 1, (1 << 20) - 1, file);
    ck_assert_uint_gt(bytes, 1000);
    fclose(file);
    return text;
}

static char *read_plan(void)
{
    return read_file(PLAN);
}

static void compare(struct plan *before, struct plan *after, struct rbk_difference *difference)
{
    struct rbk_difference_side old_side = {&before->compile, before->machine};
    struct rbk_difference_side new_side = {&after->compile, after->machine};
    rbk_difference_compare(&after->compile.arena, &old_side, &new_side, difference);
}

/* A sentence without marks. */
static void plain(struct rbk_str text, char *out, size_t bytes_max)
{
    size_t at = 0;
    for (size_t i = 0; i < text.bytes && at + 1 < bytes_max; i++) {
        char byte = text.data[i];
        out[at++] = byte == RBK_MARK_CODE[0] || byte == RBK_MARK_CODE_END[0] ? '`' : byte;
    }
    out[at] = '\0';
}

static void print_all(const struct rbk_difference *difference)
{
    char text[4096];
    for (const struct rbk_change *c = difference->first; c != NULL; c = c->next) {
        plain(c->text, text, sizeof text);
        fprintf(stderr, "  %d: %s\n", (int)c->weight, text);
    }
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* A change of the plan, and the sentence it must give. */
struct example {
    const char *before; /* Stands in the plan once at least; the first is replaced. */
    const char *after;
    enum rbk_change_weight weight;
    const char *sentence;
};

/* clang-format off */
static const struct example examples[] = {
    {"5m) > 5%", "5m) > 8%", RBK_CHANGE_WEAKER, "`errors` now fires at `8%` instead of `5%`"},
    {"5m) > 5%", "5m) > 3%", RBK_CHANGE_STRONGER, "`errors` now fires at `3%` instead of `5%`"},
    {"disk_free < 10%", "disk_free < 4%", RBK_CHANGE_WEAKER, "`disk` now fires at `4%` instead of `10%`"},
    {"timeout 8m", "timeout 7m", RBK_CHANGE_OTHER,
     "timeout of `sql db file \"sql/010_move_leads.sql\"` in the apply of `migrate` 8m → 7m"},
    {"retry 10 every 5s", "retry 3 every 5s", RBK_CHANGE_OTHER,
     "retries of `check \"no pods left\"` in the verify of `stop_writes` 10 → 3"},
    {"replicas: int   = 3", "replicas: int = 5", RBK_CHANGE_OTHER, "parameter `replicas`: default `3` → `5`"},
    {"then pause   missing", "then notify incident missing", RBK_CHANGE_WEAKER,
     "trigger `disk` reacts with `notify incident` instead of `pause`"},
    {"severity critical then abort", "severity critical then pause", RBK_CHANGE_WEAKER,
     "severity `critical` reacts with `pause` instead of `abort` (triggers `unhealthy`, `alerted`, `corrupt`)"},
    {"every 15s timeout 5s  missing after 4", "every 60s timeout 5s missing after 4", RBK_CHANGE_WEAKER,
     "probe `p99` is read every 1m instead of 15s"},
    {"elapsed > 2 * estimate", "elapsed > 3 * estimate", RBK_CHANGE_WEAKER,
     "abort criterion `\"twice the estimate\"` loosened: `elapsed > 3 * estimate` instead of `elapsed > 2 * estimate`"},
    {"approve dba, infra_lead", "approve infra_lead", RBK_CHANGE_WEAKER, "approval by `dba` of `migrate` dropped"},
    {"approve dba within", "approve dba, infra_lead within", RBK_CHANGE_STRONGER, "approval by `infra_lead` of `retire` added"},
    {"approve dba, infra_lead", "approve 2 of dba, infra_lead", RBK_CHANGE_STRONGER, "approval by `dba`, `infra_lead` of `migrate` needs 2 of `dba` now, 1 before"},
    {"approve dba, infra_lead", "approve dba, infra_lead four eyes", RBK_CHANGE_STRONGER, "approval by `dba`, `infra_lead` of `migrate` has `four eyes` now"},
    {"verify { check \"API healthy\" http.json(\"${api}/health\", '.status') == \"healthy\" retry 12 every 5s }", "",
     RBK_CHANGE_WEAKER, "rollback of `stop_writes` lost its verification"},
    {"verify   within 1m { check \"no pods left\" k8s.ready_replicas(\"intelliflow-api\") == 0 retry 10 every 5s }", "",
     RBK_CHANGE_WEAKER, "stage `stop_writes` lost its verification"},
    {"check \"bad rows below 1%\" sql.ratio(db, file \"sql/bad_rows.sql\") < 1%",
     "check \"bad rows below 1%\" sql.ratio(db, file \"sql/bad_rows.sql\") < 2%", RBK_CHANGE_WEAKER,
     "`check \"bad rows below 1%\"` in the verify of `migrate` now wants `sql.ratio(db, file \"sql/bad_rows.sql\") < 2%` "
     "instead of `sql.ratio(db, file \"sql/bad_rows.sql\") < 1%`"},
    {"redis cache \"FLUSHDB\" idempotent", "redis cache \"FLUSHDB\" done when paged", RBK_CHANGE_OTHER,
     "after a crash `redis cache \"FLUSHDB\"` in the apply of `migrate` is resolved by `done when paged` instead of `idempotent`"},
    {"risk high", "risk low", RBK_CHANGE_WEAKER, "`risk` of `migrate` `high` → `low`"},
    {"observe watch", "", RBK_CHANGE_WEAKER, "`observe` dropped"},
    {"unwatched because", "unwatched because", RBK_CHANGE_OTHER, NULL},
    {"risk low", "risk low unwatched because \"quick\"", RBK_CHANGE_WEAKER,
     "`unwatched` of `stop_writes` added, because \"quick\""},
    {"risk low", "risk low allow RBK112 because \"agreed\"", RBK_CHANGE_WEAKER,
     "waiver of `RBK112` of `stop_writes` added, because \"agreed\""},
    {"rollback within 15m", "rollback within 20m", RBK_CHANGE_WEAKER, "time of `rollback within` 15m → 20m"},
    {"members \"dana\", \"dirk\"", "members \"dana\"", RBK_CHANGE_OTHER, "role `dba` lost its member `\"dirk\"`"},
    {"trigger alerted   critical when paged", "", RBK_CHANGE_WEAKER, "trigger `alerted` dropped"},
    {"rollback within 3m {", "rollback within 4m {", RBK_CHANGE_WEAKER, "worst-case rollback of `stop_writes` 3m → 4m"},
    {"    title   \"Legacy lead data migration\"", "    title \"Other\"", RBK_CHANGE_OTHER,
     "`title` `\"Legacy lead data migration\"` → `\"Other\"`"},
    {"replicas: 0", "replicas: 1", RBK_CHANGE_OTHER,
     "`do k8s.scale(\"intelliflow-api\", replicas: 0)` in the apply of `stop_writes` became "
     "`do k8s.scale(\"intelliflow-api\", replicas: 1)`"},
};
/* clang-format on */

/* The plan with one text put in the place of another. */
static char *replaced(const char *text, const char *before, const char *after)
{
    const char *at = strstr(text, before);
    if (at == NULL) {
        return NULL;
    }
    size_t bytes = strlen(text) + strlen(after) + 1;
    char *result = calloc(1, bytes);
    snprintf(result, bytes, "%.*s%s%s", (int)(at - text), text, after, at + strlen(before));
    return result;
}

START_TEST(each_change_is_told_in_the_words_of_the_plan)
{
    char *text = read_plan();
    struct plan before;
    open_plan(&before, rbk_str_from(text));
    ck_assert_ptr_nonnull(before.machine);
    for (size_t i = 0; i < RBK_COUNT(examples); i++) {
        const struct example *example = &examples[i];
        char *changed = replaced(text, example->before, example->after);
        if (example->sentence == NULL) {
            free(changed);
            continue;
        }
        ck_assert_msg(changed != NULL, "not in the plan: %s", example->before);
        struct plan after;
        struct rbk_difference difference;
        bool found = false;
        open_plan(&after, rbk_str_from(changed));
        compare(&before, &after, &difference);
        for (const struct rbk_change *c = difference.first; c != NULL; c = c->next) {
            char sentence[4096];
            plain(c->text, sentence, sizeof sentence);
            found =
                found || (c->weight == example->weight && strcmp(sentence, example->sentence) == 0);
        }
        if (!found) {
            print_all(&difference);
        }
        ck_assert_msg(found, "not told: %s", example->sentence);
        close_plan(&after);
        free(changed);
    }
    close_plan(&before);
    free(text);
}
END_TEST

START_TEST(stages_that_are_new_gone_or_moved_are_told)
{
    char *text = read_plan();
    char *from = strstr(text, "    stage open_traffic");
    char *to = strstr(text, "    observe watch");
    char *first = strstr(text, "    stage stop_writes");
    ck_assert(from != NULL && to != NULL && first != NULL);
    size_t bytes = strlen(text) + 1;
    char *moved = calloc(1, bytes);
    snprintf(moved, bytes, "%.*s%.*s%.*s%s", (int)(first - text), text, (int)(to - from), from,
             (int)(from - first), first, to);
    struct plan before;
    struct plan after;
    struct rbk_difference difference;
    char sentence[4096];
    open_plan(&before, rbk_str_from(text));
    open_plan(&after, rbk_str_from(moved));
    compare(&before, &after, &difference);
    bool found = false;
    for (const struct rbk_change *c = difference.first; c != NULL; c = c->next) {
        plain(c->text, sentence, sizeof sentence);
        found =
            found || strcmp(sentence, "stage `open_traffic` moved before stage `stop_writes`") == 0;
    }
    ck_assert(found);
    close_plan(&after);
    close_plan(&before);
    free(moved);
    free(text);
}
END_TEST

START_TEST(what_weakens_comes_first)
{
    char *text = read_plan();
    char *once = replaced(text, "replicas: int   = 3", "replicas: int = 4");
    char *twice = replaced(once, "disk_free < 10%", "disk_free < 4%");
    struct plan before;
    struct plan after;
    struct rbk_difference difference;
    open_plan(&before, rbk_str_from(text));
    open_plan(&after, rbk_str_from(twice));
    compare(&before, &after, &difference);
    ck_assert_uint_eq(difference.count, 2);
    ck_assert_uint_eq(difference.weaker, 1);
    ck_assert_int_eq(difference.first->weight, RBK_CHANGE_WEAKER);
    close_plan(&after);
    close_plan(&before);
    free(twice);
    free(once);
    free(text);
}
END_TEST

/* ---- layout ---------------------------------------------------------------------------------- */

START_TEST(layout_and_comments_make_no_difference_even_without_machines)
{
    char *text = read_plan();
    char *laid_out = calloc(2, strlen(text) + 1);
    size_t bytes = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == ' ' && at[1] == ' ') {
            continue;
        }
        laid_out[bytes++] = *at;
        if (*at == '{' && at[1] == '\n') {
            memcpy(laid_out + bytes, "  # more\n\n", 10);
            bytes += 10;
        }
    }
    struct plan before;
    struct plan after;
    struct rbk_difference difference;
    open_plan(&before, rbk_str_from(text));
    open_plan(&after, rbk_str_from(laid_out));
    ck_assert_str_eq(before.machine->hash, after.machine->hash);
    compare(&before, &after, &difference);
    ck_assert_uint_eq(difference.count, 0);
    before.machine = NULL;
    after.machine = NULL;
    compare(&before, &after, &difference);
    print_all(&difference);
    ck_assert_uint_eq(difference.count, 0);
    close_plan(&after);
    close_plan(&before);
    free(laid_out);
    free(text);
}
END_TEST

/* ---- random changes -------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* All statements of the plan, outer before inner. */
static uint32_t all_statements(struct rbk_tree_file *tree, struct rbk_tree_statement **list,
                               uint32_t count_max)
{
    uint32_t count = 0;
    for (struct rbk_tree_statement *root = tree->block.first; root != NULL; root = root->next) {
        for (struct rbk_tree_statement *s = root; s != NULL && count < count_max;
             s = rbk_statement_next(root, s)) {
            list[count++] = s;
        }
    }
    return count;
}

/* One change of a text: a span, and what takes its place. */
struct mutation {
    struct rbk_span span;
    char text[2000];
    const struct rbk_tree_statement *statement; /* What it is in. */
};

/* Change a token to another of its kind; @return false when this one is left alone. */
static bool change_token(const struct rbk_source *source, const struct rbk_format_token *token,
                         uint64_t random, struct mutation *mutation)
{
    struct rbk_str text = rbk_source_text(source, token->span);
    mutation->span = token->span;
    switch (token->kind) {
    case RBK_TOKEN_INT:
    case RBK_TOKEN_NUMBER:
    case RBK_TOKEN_RATIO:
    case RBK_TOKEN_DURATION:
        snprintf(mutation->text, sizeof mutation->text, "%d%.*s", 1 + (int)(random % 4),
                 RBK_STR_ARG(text));
        return true;
    case RBK_TOKEN_TEXT:
        if (text.bytes < 2 || text.bytes > 1000) {
            return false;
        }
        snprintf(mutation->text, sizeof mutation->text, "%.*sx%c", (int)text.bytes - 1, text.data,
                 text.data[text.bytes - 1]);
        return true;
    case '<':
    case '>':
        snprintf(mutation->text, sizeof mutation->text, "%c=", token->kind);
        return true;
    case RBK_TOKEN_TRUE:
        snprintf(mutation->text, sizeof mutation->text, "false");
        return true;
    default:
        return false;
    }
}

/* The innermost statement around a place. */
static const struct rbk_tree_statement *around(struct rbk_tree_statement **list, uint32_t count,
                                               uint32_t offset)
{
    const struct rbk_tree_statement *found = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i]->span.start <= offset && offset < list[i]->span.end &&
            (found == NULL || list[i]->span.start >= found->span.start)) {
            found = list[i];
        }
    }
    return found;
}

static bool draw(const struct rbk_source *source, const struct rbk_format_text *tokens,
                 struct rbk_tree_statement **list, uint32_t count, uint64_t *seed,
                 struct mutation *mutation)
{
    ck_assert_uint_gt(count, 0);
    struct rbk_tree_statement *statement = list[next_random(seed) % count];
    switch (next_random(seed) % 4) {
    case 0: /* a statement is gone */
        mutation->statement = statement;
        mutation->span = statement->span;
        mutation->text[0] = '\0';
        return statement->kind != RBK_STATEMENT_PLAN;
    case 1: { /* a clause is gone */
        const struct rbk_tree_clause *clause = statement->clauses;
        if (clause == NULL) {
            return false;
        }
        mutation->statement = statement;
        mutation->span = clause->span;
        mutation->text[0] = '\0';
        return true;
    }
    case 2: { /* two statements change places */
        const struct rbk_tree_statement *next = statement->next;
        if (next == NULL || next->span.end - statement->span.start >= sizeof mutation->text) {
            return false;
        }
        struct rbk_str first = rbk_source_text(source, statement->span);
        struct rbk_str second = rbk_source_text(source, next->span);
        mutation->statement = statement;
        mutation->span = rbk_span_join(statement->span, next->span);
        snprintf(mutation->text, sizeof mutation->text, "%.*s\n%.*s", RBK_STR_ARG(second),
                 RBK_STR_ARG(first));
        return true;
    }
    default: { /* a token is another one */
        const struct rbk_format_token *token =
            &tokens->tokens[next_random(seed) % tokens->token_count];
        mutation->statement = around(list, count, token->span.start);
        return mutation->statement != NULL &&
               change_token(source, token, next_random(seed), mutation);
    }
    }
}

/* Whether a sentence has the first word of a text. */
static bool has_word(const char *sentence, struct rbk_str text)
{
    char word[256];
    snprintf(word, sizeof word, "%.*s", (int)rbk_str_find(text, ' '), text.data);
    return strstr(sentence, word) != NULL;
}

/* Whether some sentence has the statement's name or word, and the stage's or the like it is in. */
static bool is_named(const struct rbk_difference *difference,
                     const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_statement *outer = statement->parent;
    while (outer != NULL && outer->kind != RBK_STATEMENT_PLAN &&
           (outer->name == NULL || outer->kind == RBK_STATEMENT_ROLLBACK)) {
        outer = outer->parent;
    }
    bool inside = outer != NULL && outer->kind != RBK_STATEMENT_PLAN && outer->name != NULL;
    for (const struct rbk_change *c = difference->first; c != NULL; c = c->next) {
        char sentence[8192];
        plain(c->text, sentence, sizeof sentence);
        /* "approve" is told as "approval". */
        struct rbk_str words =
            rbk_str_from(rbk_statement_words((enum rbk_statement_kind)statement->kind));
        bool named = (statement->name != NULL && has_word(sentence, statement->name->name->text)) ||
                     has_word(sentence, rbk_str_slice(words, 0, 5));
        if (named && (!inside || has_word(sentence, outer->name->name->text))) {
            return true;
        }
    }
    return false;
}

START_TEST(a_random_change_is_told_exactly_when_it_changes_the_machine)
{
    const char *path = changed_plans[_i];
    char *text = read_file(path);
    struct plan before;
    open_plan_at(&before, path, rbk_str_from(text));
    ck_assert_ptr_nonnull(before.machine);
    const struct rbk_source *source = before.compile.program.files[0]->tree->source;
    struct rbk_format_text tokens;
    struct rbk_tree_statement *list[1000];
    rbk_format_scan(&before.compile.arena, &before.compile.names, source, &tokens);
    uint32_t count = all_statements(before.compile.program.files[0]->tree, list, 1000);
    ck_assert_uint_gt(count, 50);
    uint64_t seed = 0x9e3779b97f4a7c15u;
    unsigned compiled = 0;
    unsigned unchanged = 0;
    for (unsigned i = 0; i < MUTATIONS;) {
        struct mutation mutation = {.statement = NULL};
        if (!draw(source, &tokens, list, count, &seed, &mutation)) {
            continue;
        }
        i++;
        struct plan after;
        struct rbk_difference difference;
        char *changed = calloc(1, strlen(text) + sizeof mutation.text);
        snprintf(changed, strlen(text) + sizeof mutation.text, "%.*s%s%s", (int)mutation.span.start,
                 text, mutation.text, text + mutation.span.end);
        open_plan_at(&after, path, rbk_str_from(changed));
        if (!after.compile.program.files[0]->tree->broken) {
            compare(&before, &after, &difference);
            bool same =
                after.machine != NULL && strcmp(after.machine->hash, before.machine->hash) == 0;
            compiled += after.machine != NULL ? 1 : 0;
            unchanged += same ? 1 : 0;
            struct rbk_str was = rbk_source_text(source, mutation.span);
            if (same) {
                ck_assert_msg(difference.count == 0, "told, but the machine is the same: %.*s",
                              RBK_STR_ARG(was));
            } else if (after.machine != NULL) {
                ck_assert_msg(difference.count > 0, "not told: %.*s", RBK_STR_ARG(was));
            }
            if (difference.count > 0 && !is_named(&difference, mutation.statement)) {
                print_all(&difference);
                ck_abort_msg("not named: %.*s → %s", RBK_STR_ARG(was), mutation.text);
            }
        }
        close_plan(&after);
        free(changed);
    }
    /* The property is empty when next to nothing compiles. */
    ck_assert_uint_gt(compiled, MUTATIONS / 4);
    ck_assert_uint_gt(unchanged, 0);
    close_plan(&before);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("difference");
    TCase *tests = tcase_create("difference");
    tcase_set_timeout(tests, 50);
    tcase_add_test(tests, each_change_is_told_in_the_words_of_the_plan);
    tcase_add_test(tests, stages_that_are_new_gone_or_moved_are_told);
    tcase_add_test(tests, what_weakens_comes_first);
    tcase_add_test(tests, layout_and_comments_make_no_difference_even_without_machines);
    tcase_add_loop_test(tests, a_random_change_is_told_exactly_when_it_changes_the_machine, 0,
                        RBK_COUNT(changed_plans));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
