/*
 * The status of a run for a person: from the top what it is, what it waits for and which command
 * leads on, then the stages and effects under way. What was seen, what was said and what was asked
 * for follow, from status_seen.c, status_said.c and status_asked.c.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/core/way_back.h"
#include "runtime/people/readings.h"
#include "runtime/people/runner.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/status.h"
#include "runtime/people/status_text.h"
#include "runtime/people/terminal.h"
#include "runtime/people/ways.h"
#include "runtime/people/when.h"

#define ROW_COLUMNS 120u

void rbk_printing_line(struct rbk_printing *printing, enum rbk_tone tone)
{
    struct rbk_buffer clean;
    const char *on = printing->style.tones[tone];
    rbk_buffer_init(&clean, RBK_VIEW_BYTES_MAX);
    rbk_sanitize(&clean, rbk_buffer_str(&printing->line));
    (void)printf("%s%s%s\n", on, clean.data, on[0] != '\0' ? printing->style.off : "");
    rbk_buffer_fini(&clean);
    rbk_buffer_clear(&printing->line);
}

RBK_PRINTF(3, 4)
static void print_field(struct rbk_printing *printing, const char *name, const char *format, ...)
{
    va_list arguments;
    rbk_buffer_printf(&printing->line, "  %-11s ", name);
    va_start(arguments, format);
    rbk_buffer_vprintf(&printing->line, format, arguments);
    va_end(arguments);
    rbk_printing_line(printing, RBK_TONE_PLAIN);
}

void rbk_printing_section(struct rbk_printing *printing, const char *title)
{
    if (printing->count++ == 0) {
        (void)printf("\n%s%s%s\n", printing->style.bold, title, printing->style.off);
    }
}

/* ---- head -------------------------------------------------------------------------------------
 */

static void print_end(struct rbk_printing *printing)
{
    const struct rbk_state *state = printing->state;
    print_field(printing, "ended", "%s, after %s", rbk_when_full(state->ended_ms).text,
                rbk_when_span(rbk_when_between(state->started_ms, state->ended_ms)).text);
    if (state->decided_ms != 0 && state->first_effect_ms != 0) {
        uint64_t took_ms = rbk_when_between(state->decided_ms, state->ended_ms);
        print_field(printing, "rolled back", "in %s from the decision%s%s",
                    rbk_when_span(took_ms).text,
                    printing->machine->rollback_within_ms != 0 ? "; the plan allows " : "",
                    printing->machine->rollback_within_ms != 0
                        ? rbk_when_limit(printing->machine->rollback_within_ms).text
                        : "");
    } else if (state->all_applied_ms != 0) {
        print_field(
            printing, "applied", "in %s from the first effect%s%s",
            rbk_when_span(rbk_when_between(state->first_effect_ms, state->all_applied_ms)).text,
            printing->machine->estimate_ms != 0 ? "; the estimate was " : "",
            printing->machine->estimate_ms != 0
                ? rbk_when_limit(printing->machine->estimate_ms).text
                : "");
    }
}

/* Whether anybody does anything for the run, and what to do when not. */
static void print_runner(struct rbk_printing *printing)
{
    const struct rbk_runner *runner = &printing->history->runner;

    switch (runner->state) {
    case RBK_RUNNER_STOPPED:
        rbk_buffer_printf(&printing->line,
                          "  %-11s stopped (Ctrl-Z or SIGSTOP), and does nothing until `fg` there, "
                          "or kill -CONT %ld",
                          "runner", runner->process);
        rbk_printing_line(printing, RBK_TONE_BAD);
        return;
    case RBK_RUNNER_ALIVE:
        rbk_buffer_printf(&printing->line, "  %-11s lives", "runner");
        if (runner->process != 0) {
            rbk_buffer_printf(&printing->line, ", process %ld", runner->process);
        }
        rbk_printing_line(printing, RBK_TONE_PLAIN);
        return;
    case RBK_RUNNER_ELSEWHERE:
        print_field(printing, "runner",
                    "lives on %s, process %ld; from here nobody sees whether it is stopped",
                    runner->host, runner->process);
        return;
    case RBK_RUNNER_GONE:
    case RBK_RUNNER_STATE_COUNT:
        break;
    }
    rbk_buffer_printf(&printing->line, "  %-11s none; ", "runner");
    if (runner->process != 0 && !runner->here) {
        rbk_buffer_printf(&printing->line, "the last one ran on %s: ", runner->host);
    }
    rbk_buffer_append_text(&printing->line, "go on with ");
    rbk_view_command(printing->view, "resume", RBK_STR(""), &printing->line);
    rbk_printing_line(printing, RBK_TONE_WARN);
}

static void print_head(struct rbk_printing *printing)
{
    const struct rbk_store_run *run = &printing->history->replay->run;
    const struct rbk_state *state = printing->state;
    enum rbk_status status = (enum rbk_status)state->status;

    rbk_buffer_printf(&printing->line, "run %s  %.*s", printing->history->id,
                      RBK_STR_ARG(printing->machine->name));
    if (printing->machine->title.bytes != 0) {
        rbk_buffer_printf(&printing->line, "  %.*s", RBK_STR_ARG(printing->machine->title));
    }
    rbk_printing_line(printing, RBK_TONE_PLAIN);
    size_t asked_count = rbk_view_asked(printing->view, state, NULL, 0);
    rbk_buffer_printf(&printing->line, "  %-11s %s", "status", rbk_status_name(status));
    if (asked_count != 0 && status != RBK_STATUS_PAUSED && status != RBK_STATUS_HELD) {
        rbk_buffer_append_text(&printing->line,
                               asked_count == 1 ? ", a question is open" : ", questions are open");
    }
    if (status == RBK_STATUS_STUCK) {
        /* The reason is that of the decision; why it is stuck stands below, with each stage. */
        rbk_buffer_append_text(&printing->line, state->turned ? " while aborting"
                                                : state->hold == RBK_STATUS_PAUSED ? " while paused"
                                                : state->hold == RBK_STATUS_HELD   ? " while held"
                                                                                   : "");
    }
    if (printing->history->replay->reason.bytes != 0) {
        rbk_buffer_printf(&printing->line, ": %.*s",
                          RBK_STR_ARG(printing->history->replay->reason));
    } else if (rbk_run_cause(printing->machine, state).kind != RBK_CAUSE_NONE) {
        rbk_buffer_append_text(&printing->line, ": ");
        rbk_view_cause(printing->view, rbk_run_cause(printing->machine, state), &printing->line);
    }
    rbk_printing_line(printing, rbk_view_status_tone(status));
    print_field(printing, "started", "%s by %.*s on %.*s",
                rbk_when_full((uint64_t)run->started_ms).text, RBK_STR_ARG(run->user),
                RBK_STR_ARG(run->host));
    if (state->ended_ms != 0) {
        print_end(printing);
    } else {
        print_runner(printing);
    }
    if (run->unrehearsed.bytes != 0) {
        print_field(printing, "unrehearsed", "%.*s", RBK_STR_ARG(run->unrehearsed));
    }
    print_field(printing, "machine", "%.*s", RBK_STR_ARG(run->machine));
    print_field(printing, "directory", "%.*s", RBK_STR_ARG(run->directory));
    print_field(printing, "journal", "%lld event%s, chain whole", (long long)printing->history->seq,
                printing->history->seq == 1 ? "" : "s");
}

/* ---- what it waits for ------------------------------------------------------------------------
 */

static void print_asked(struct rbk_printing *printing, const struct rbk_asked *asked)
{
    rbk_printing_section(printing, "questions");
    rbk_buffer_append_text(&printing->line, "  ? ");
    rbk_asked_name(printing->view, printing->state, asked, &printing->line);
    rbk_buffer_append_text(&printing->line, "  ");
    rbk_asked_text(printing->view, printing->state, asked, &printing->line);
    if (asked->due_ms != 0) {
        rbk_buffer_printf(&printing->line, "; until %s",
                          rbk_when_until(asked->due_ms, printing->now_ms).text);
        rbk_buffer_append_text(&printing->line, ", else ");
        rbk_asked_silence(printing->view, printing->state, asked, &printing->line);
    }
    rbk_printing_line(printing, RBK_TONE_ASK);
    if (asked->owner == RBK_OWNER_TRIGGER) {
        rbk_printing_level(printing, asked->index, RBK_TONE_PLAIN);
    }
    for (size_t number = 0;; number++) {
        rbk_buffer_append_text(&printing->line, "      ");
        if (!rbk_asked_command(printing->view, printing->state, asked, number, &printing->line)) {
            rbk_buffer_clear(&printing->line);
            return;
        }
        rbk_printing_line(printing, RBK_TONE_PLAIN);
    }
}

static void print_questions(struct rbk_printing *printing)
{
    struct rbk_asked asked[32];
    size_t count = rbk_view_asked(printing->view, printing->state, asked, RBK_COUNT(asked));
    printing->count = 0;
    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        print_asked(printing, &asked[i]);
    }
    if (count > RBK_COUNT(asked)) {
        rbk_buffer_printf(&printing->line, "  and %zu more", count - RBK_COUNT(asked));
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
}

static void print_explained(void *context, enum rbk_tone tone, struct rbk_str stage,
                            struct rbk_str text)
{
    struct rbk_printing *printing = context;
    (void)stage;
    rbk_printing_section(printing, "what now");
    rbk_buffer_append_text(&printing->line, "  ");
    rbk_buffer_append_str(&printing->line, text);
    rbk_printing_line(printing, tone);
}

/* ---- stages -----------------------------------------------------------------------------------
 */

/* "      down           closed   since 21:03:11, read 21:04:11   when file.exists("old")" */
static void print_way(void *context, const struct rbk_way_shown *way)
{
    struct rbk_printing *printing = context;
    rbk_buffer_printf(&printing->line, "      %-14.*s %-8s", RBK_STR_ARG(way->name),
                      rbk_way_word(way->level));
    if (way->since_ms != 0) {
        rbk_buffer_printf(&printing->line, " since %s",
                          rbk_when_until(way->since_ms, printing->now_ms).text);
    }
    if (way->when.bytes == 0) {
        rbk_buffer_append_text(&printing->line, ", always");
    } else if (way->read_ms != 0) {
        rbk_buffer_printf(&printing->line, "%s read %s", way->since_ms != 0 ? "," : "",
                          rbk_when_until(way->read_ms, printing->now_ms).text);
    } else {
        rbk_buffer_append_text(&printing->line, ", never read");
    }
    if (way->when.bytes != 0) {
        rbk_buffer_printf(&printing->line, ": %.*s", RBK_STR_ARG(way->when));
    }
    if (way->missing != NULL) {
        rbk_buffer_printf(&printing->line, " (%s)", way->missing);
    }
    rbk_printing_line(printing, way->level == RBK_LEVEL_TRUE    ? RBK_TONE_DIM
                                : way->level == RBK_LEVEL_FALSE ? RBK_TONE_BAD
                                                                : RBK_TONE_WARN);
}

void rbk_printing_rows(struct rbk_str rows)
{
    (void)printf("%.*s", RBK_STR_ARG(rows));
}

/* "     migrate.verify.1: sql.value = 2" */
static void print_failed(struct rbk_printing *printing, const char *words, uint32_t failed,
                         const char *said)
{
    if (failed >= printing->machine->state_count) {
        return;
    }
    rbk_buffer_printf(&printing->line, "     %s%.*s%s%s", words,
                      RBK_STR_ARG(printing->machine->states[failed].name),
                      said[0] != '\0' ? ": " : "", said);
    rbk_printing_line(printing, RBK_TONE_DIM);
}

static void print_stage(struct rbk_printing *printing, uint32_t region)
{
    const struct rbk_region_state *rs =
        rbk_state_region(printing->machine, printing->state, region);
    enum rbk_state_kind kind = printing->machine->states[rs->state].kind;
    const struct rbk_track_region *tracked = &printing->history->track.regions[region];
    enum rbk_tone tone;

    (void)rbk_view_region_word(printing->view, printing->state, region, &tone);
    rbk_printing_section(printing, "stages");
    rbk_printing_rows(rbk_status_rows_stage(&printing->rows, region));
    if (rbk_ways_shown(printing->history, region)) {
        rbk_ways_each(printing->history, printing->live, region, print_way, printing);
    }
    if (tone != RBK_TONE_WARN && tone != RBK_TONE_BAD) {
        return;
    }
    /* Of one that a person decides on the rows have told. */
    bool decided_on = kind == RBK_STATE_STUCK || kind == RBK_STATE_HELD ||
                      printing->state->status == RBK_STATUS_HELD;
    if (!decided_on) {
        print_failed(printing, "", tracked->failed, tracked->failure);
        print_failed(printing, "failed on the way back: ", tracked->failed_back,
                     tracked->failure_back);
    }
}

static void print_stages(struct rbk_printing *printing)
{
    printing->count = 0;
    for (uint32_t i = 0; i < printing->machine->region_count; i++) {
        if (printing->machine->regions[i].kind == RBK_REGION_STAGE ||
            printing->machine->regions[i].kind == RBK_REGION_RETIRE) {
            print_stage(printing, i);
        }
    }
}

/* ---- open effects -----------------------------------------------------------------------------
 */

/* Whether a supervisor knows how it ended, and is asked before any rule. */
static bool is_command(const struct rbk_effect *effect)
{
    return effect->kind == RBK_EFFECT_RUN || effect->kind == RBK_EFFECT_SHELL ||
           effect->kind == RBK_EFFECT_CAPTURE_RUN;
}

/* How a resumed runner finds out. */
static const char *rule_words(enum rbk_crash_rule rule)
{
    switch (rule) {
    case RBK_CRASH_AGAIN:
        return "it is carried out again: that does no harm";
    case RBK_CRASH_TRANSACTION:
        return "the database is asked whether the transaction was committed";
    case RBK_CRASH_ATTACH:
    case RBK_CRASH_ASK:
        return "you are asked";
    case RBK_CRASH_LOOK:
        return "`done when` is looked up";
    case RBK_CRASH_DURABLE:
    case RBK_CRASH_RULE_COUNT:
        break;
    }
    return "it lives in the journal";
}

/* Why nobody knows what became of it, what to look at, and what each answer brings about: the
 * commands stand with the question. */
static void print_doubt(struct rbk_printing *printing, const struct rbk_open_effect *open)
{
    const struct rbk_region_state *rs =
        rbk_state_region(printing->machine, printing->state, open->region);
    if (open->why.bytes != 0) {
        rbk_buffer_printf(&printing->line, "      %.*s", RBK_STR_ARG(open->why));
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
    rbk_buffer_append_text(
        &printing->line, "      it happened, or it did not, or it is still going on. Make sure it "
                         "is not going on, look at what it changes, and answer the question:");
    rbk_printing_line(printing, RBK_TONE_PLAIN);
    rbk_buffer_append_text(
        &printing->line, rs->target != RBK_NONE ? "      done or not-done: what is to follow begins"
                         : open->effect->question != RBK_NONE
                             ? "      done: the run goes on behind it; not-done: its `else`"
                             : "      done: the run goes on behind it; not-done: it is carried "
                               "out as if it had never begun");
    rbk_printing_line(printing, RBK_TONE_PLAIN);
}

static void print_open(void *context, const struct rbk_open_effect *open)
{
    struct rbk_printing *printing = context;
    bool lives = rbk_runner_lives(&printing->history->runner);
    if (open->doubt != printing->doubts) {
        return; /* it is of the other section */
    }
    rbk_printing_section(printing, open->doubt ? "in doubt"
                                   : lives     ? "under way"
                                               : "without a result");
    rbk_buffer_printf(&printing->line, "  %.*s  %.*s", RBK_STR_ARG(open->step),
                      RBK_STR_ARG(open->effect->text));
    rbk_printing_line(printing, open->doubt ? RBK_TONE_BAD : RBK_TONE_PLAIN);
    rbk_buffer_append_text(&printing->line, "      ");
    if (open->since_ms != 0) {
        rbk_buffer_printf(&printing->line, "dispatched %s, ",
                          rbk_when_until(open->since_ms, printing->now_ms).text);
    }
    rbk_buffer_printf(&printing->line, "attempt %u; no result %s", open->attempt,
                      lives ? "yet" : "in the journal");
    rbk_printing_line(printing, RBK_TONE_DIM);
    if (open->note.bytes != 0) {
        rbk_buffer_printf(&printing->line, "      noted before: %.*s", RBK_STR_ARG(open->note));
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
    if (open->doubt) {
        print_doubt(printing, open);
    } else if (!rbk_runner_lives(&printing->history->runner)) {
        rbk_buffer_printf(
            &printing->line, "      a resumed run finds out: %s%s",
            is_command(open->effect) ? "its supervisor is asked; where it does not know, " : "",
            rule_words(open->effect->crash));
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
}

/* What a row may take: of a terminal what it has, elsewhere what most files are read at. */
static size_t columns_of_output(void)
{
    size_t columns = ROW_COLUMNS, rows;
    if (isatty(STDOUT_FILENO) == 1) {
        rbk_terminal_size(STDOUT_FILENO, &columns, &rows);
    }
    return columns;
}

int rbk_status_print_text(const struct rbk_history *history, struct rbk_error *reterr)
{
    bool utf8 = rbk_style_utf8();
    struct rbk_printing printing = {
        .history = history,
        .view = &history->view,
        .machine = history->replay->machine,
        .state = history->replay->state,
        .style = rbk_style_wanted() && isatty(STDOUT_FILENO) == 1 ? rbk_style_colour(utf8)
                                                                  : rbk_style_plain(utf8),
        .now_ms = history->replay->state->ended_ms != 0 ? history->replay->state->ended_ms
                                                        : rbk_when_now_ms(),
    };
    int error;
    printing.live =
        rbk_runner_lives(&history->runner) ? rbk_readings_load(history->store, history->id) : NULL;
    rbk_buffer_init(&printing.line, RBK_VIEW_BYTES_MAX);
    /* What a runner that is stopped saw last is no news of its triggers. */
    rbk_status_rows_init(&printing.rows, history,
                         history->runner.state == RBK_RUNNER_STOPPED ? NULL : printing.live,
                         &printing.style, printing.now_ms, columns_of_output());
    print_head(&printing);
    if (printing.state->ended_ms == 0) {
        rbk_printing_rows(rbk_status_rows_head(&printing.rows));
    }
    print_questions(&printing);
    printing.count = 0;
    rbk_status_explain(history, printing.now_ms, print_explained, &printing);
    print_stages(&printing);
    printing.count = 0;
    printing.doubts = true;
    rbk_status_open_effects(history, print_open, &printing);
    printing.doubts = false;
    printing.count = 0;
    rbk_status_open_effects(history, print_open, &printing);
    rbk_printing_seen(&printing);
    rbk_printing_people(&printing);
    error = rbk_printing_evidence(&printing, reterr);
    if (error == 0) {
        error = rbk_printing_messages(&printing, reterr);
    }
    rbk_status_rows_fini(&printing.rows);
    rbk_buffer_fini(&printing.line);
    json_decref(printing.live);
    return error;
}
