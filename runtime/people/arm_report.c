/*
 * The table of `rbk run --arm-only`. Rows are collected as text first, because the width of a
 * column depends on all of them; then they are printed within the width of the terminal, cells that
 * do not fit broken between words.
 */
#include "runtime/people/arm_report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/core/base/utf8.h"
#include "runtime/core/gauge.h"
#include "runtime/core/value_text.h"
#include "runtime/executor/arm_only.h"
#include "runtime/people/commands.h"
#include "runtime/people/json_lines.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/style.h"
#include "runtime/people/user.h"
#include "runtime/people/when.h"

#define COLUMNS_DEFAULT 80u
#define COLUMNS_MIN 40u
#define CELL_MIN 7u
#define GAP 2u
#define REPORT_BYTES_MAX ((size_t)256 << 20)

/* The columns. X(constant, title, key in JSON) */
#define CELLS(X)                        \
    X(NAME, "trigger", "name")          \
    X(SEVERITY, "severity", "severity") \
    X(REACTION, "reaction", "reaction") \
    X(ARMS, "armed", "armed")           \
    X(READING, "reading", "reading")    \
    X(LIMIT, "fires at", "threshold")   \
    X(FAR, "how far", "distance")
#define X(constant, ...) CELL_##constant,
enum cell { CELLS(X) CELL_COUNT };
#undef X

struct row {
    struct rbk_str cells[CELL_COUNT];
    struct rbk_str no_data; /* one source a line */
    struct rbk_str missing; /* what follows from no data when it is armed; empty: criterion */
    struct rbk_str condition, readings;
    enum rbk_level level;
    bool criterion, later;
};

struct report {
    const struct rbk_machine *machine;
    struct rbk_view view;
    struct rbk_arena arena;
    struct row *rows;
    size_t count;
    struct rbk_style style;
};

/* ---- collecting --------------------------------------------------------------------------------
 */

/* A copy of what a buffer holds, as it can be printed; the buffer is empty afterwards. */
static struct rbk_str keep(struct report *report, struct rbk_buffer *text)
{
    struct rbk_buffer clean;
    struct rbk_str copy;
    rbk_buffer_init(&clean, REPORT_BYTES_MAX);
    rbk_sanitize(&clean, rbk_buffer_str(text));
    copy = rbk_arena_copy(&report->arena, rbk_buffer_str(&clean));
    rbk_buffer_fini(&clean);
    rbk_buffer_clear(text);
    return copy;
}

/* The same for several lines: each is made printable, the line ends stay. */
static struct rbk_str keep_lines(struct report *report, struct rbk_str text)
{
    struct rbk_buffer clean;
    struct rbk_str copy;
    rbk_buffer_init(&clean, REPORT_BYTES_MAX);
    while (text.bytes != 0) {
        size_t end = rbk_str_find(text, '\n');
        rbk_sanitize(&clean, rbk_str_slice(text, 0, end));
        rbk_buffer_append_byte(&clean, '\n');
        text = rbk_str_slice(text, end + 1, text.bytes);
    }
    copy = rbk_arena_copy(&report->arena, rbk_buffer_str(&clean));
    rbk_buffer_fini(&clean);
    return copy;
}

/* "abort", "abort, asks dba", "after 5m pause". */
static void append_reaction(const struct report *report, uint32_t reaction, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = report->machine;
    for (int hops = 0; reaction != RBK_NONE && hops < 4; hops++) {
        const struct rbk_reaction *row = &machine->reactions[reaction];
        if (row->kind == RBK_REACTION_HOLD) {
            rbk_buffer_printf(out, "after %s ", rbk_when_limit(row->hold_ms).text);
            reaction = row->then;
            continue;
        }
        rbk_buffer_append_text(out, rbk_reaction_kind_name(row->kind));
        if (row->kind == RBK_REACTION_NOTIFY && row->channel < machine->channel_count) {
            rbk_buffer_printf(out, " %.*s", RBK_STR_ARG(machine->channels[row->channel].name));
        }
        if (row->question != RBK_NONE) {
            rbk_buffer_append_text(out, row->kind == RBK_REACTION_ASK ? " " : ", asks ");
            rbk_view_roles(&report->view, machine->questions[row->question].roles, out);
        }
        return;
    }
}

static void append_arms(const struct rbk_machine *machine, const struct rbk_trigger *row,
                        struct rbk_buffer *out)
{
    struct rbk_str stage = row->since_region < machine->region_count
                               ? machine->regions[row->since_region].name
                               : RBK_STR("");
    switch (row->since) {
    case RBK_SINCE_FIRST_APPLY:
        rbk_buffer_append_text(out, "first apply");
        break;
    case RBK_SINCE_STAGE_STARTED:
        rbk_buffer_printf(out, "since %.*s started", RBK_STR_ARG(stage));
        break;
    case RBK_SINCE_STAGE_APPLIED:
        rbk_buffer_printf(out, "since %.*s", RBK_STR_ARG(stage));
        break;
    case RBK_SINCE_DURING_APPLY:
        rbk_buffer_printf(out, "during apply of %.*s", RBK_STR_ARG(stage));
        break;
    case RBK_SINCE_COUNT:
        break;
    }
    for (uint32_t i = 0; i < row->except.count; i++) {
        uint32_t region = machine->indexes[row->except.first + i];
        rbk_buffer_printf(out, "%s%.*s", i == 0 ? ", except during " : ", ",
                          RBK_STR_ARG(machine->regions[region].name));
    }
}

/* "fires", and what still has to happen before it does. */
static void append_fires(const struct rbk_trigger *trigger, struct rbk_buffer *out)
{
    rbk_buffer_append_text(out, "fires");
    if (trigger != NULL && trigger->for_ms != 0) {
        rbk_buffer_printf(out, " after %s", rbk_when_limit(trigger->for_ms).text);
    } else if (trigger != NULL && trigger->for_readings > 1) {
        rbk_buffer_printf(out, " after %u readings", trigger->for_readings);
    }
    if (trigger != NULL && trigger->confirm_ms != 0) {
        rbk_buffer_append_text(out, ", if a second look agrees");
    }
}

/* A text may hold what only the redacted description of the readings may show. */
static bool is_plain(struct rbk_value value)
{
    return !value.missing && !rbk_type_is_text(value.type) && value.type != RBK_TYPE_LIST;
}

/* What it reads, where it fires and how far that is. */
static void measure(struct report *report, const struct rbk_armed *armed,
                    const struct rbk_trigger *trigger, struct row *row)
{
    struct rbk_buffer text;
    struct rbk_arena arena;
    struct rbk_gauge gauge = {.has_share = false};
    rbk_buffer_init(&text, REPORT_BYTES_MAX);
    rbk_arena_init(&arena, RBK_VIEW_BYTES_MAX);
    bool missing = armed->level == RBK_LEVEL_MISSING;
    bool compared = rbk_gauge_read(armed->scope, armed->expr, &arena, &gauge) &&
                    (missing || is_plain(gauge.value)) && is_plain(gauge.limit);
    if (missing) {
        row->cells[CELL_READING] = RBK_STR("-");
    } else if (compared) {
        rbk_gauge_print(gauge.value, &text);
        row->cells[CELL_READING] = keep(report, &text);
    } else {
        rbk_buffer_append_str(&text, armed->readings);
        row->cells[CELL_READING] = keep(report, &text);
    }
    if (compared) {
        rbk_gauge_print_limit(&gauge, &text);
    } else {
        rbk_buffer_append_str(&text, report->machine->exprs[armed->expr].text);
    }
    row->cells[CELL_LIMIT] = keep(report, &text);
    if (armed->early) {
        rbk_buffer_append_text(&text, "too early");
    } else if (armed->level == RBK_LEVEL_TRUE) {
        append_fires(trigger, &text);
    } else if (missing) {
        rbk_buffer_append_text(&text, armed->later ? "later" : "no data");
    } else if (compared) {
        rbk_gauge_distance(&gauge, &text);
    } else {
        rbk_buffer_append_text(&text, trigger != NULL && trigger->pushed ? "no alert" : "false");
    }
    row->cells[CELL_FAR] = keep(report, &text);
    rbk_arena_fini(&arena);
    rbk_buffer_fini(&text);
}

static void on_armed(void *context, const struct rbk_armed *armed)
{
    struct report *report = context;
    const struct rbk_machine *machine = report->machine;
    const struct rbk_trigger *trigger = armed->criterion ? NULL : &machine->triggers[armed->index];
    struct row *row = &report->rows[report->count++];
    struct rbk_buffer text;

    rbk_buffer_init(&text, REPORT_BYTES_MAX);
    row->criterion = armed->criterion;
    row->later = armed->later;
    row->level = armed->early ? RBK_LEVEL_FALSE : armed->level;
    row->condition = machine->exprs[armed->expr].text;
    row->readings = keep_lines(report, armed->readings);
    row->no_data = keep_lines(report, armed->no_data);
    if (trigger != NULL) {
        row->cells[CELL_NAME] = trigger->name;
        row->cells[CELL_SEVERITY] = trigger->severity;
        append_reaction(report, trigger->reaction, &text);
        row->cells[CELL_REACTION] = keep(report, &text);
        append_arms(machine, trigger, &text);
        row->cells[CELL_ARMS] = keep(report, &text);
        append_reaction(report, trigger->missing, &text);
        row->missing = keep(report, &text);
    } else {
        rbk_buffer_append_str(&text, RBK_STR("abort when"));
        row->cells[CELL_NAME] = keep(report, &text);
        row->cells[CELL_REACTION] = RBK_STR("abort");
        row->cells[CELL_ARMS] = RBK_STR("from the start");
    }
    measure(report, armed, trigger, row);
    rbk_buffer_fini(&text);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

#define X(constant, title, key) title,
static const char *const titles[] = {CELLS(X)};
#undef X
#define X(constant, title, key) key,
static const char *const keys[] = {CELLS(X)};
#undef X

static size_t screen_columns(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col >= COLUMNS_MIN) {
        return size.ws_col;
    }
    return COLUMNS_DEFAULT;
}

/* Where a cell may be broken behind a character: between words, else inside a name or call. */
static bool breaks_behind(char character)
{
    return strchr("_(,./", character) != NULL;
}

/* The bytes of the next piece of a cell that fits into `width`: up to a space where there is one,
 * else up to a place where a name may be broken. */
static size_t piece(struct rbk_str text, size_t width)
{
    size_t bytes = 0, space = 0, inside = 0;
    for (size_t count = 0; bytes < text.bytes && count < width; count++) {
        uint32_t character;
        size_t step = rbk_utf8_decode(text, bytes, &character);
        space = text.data[bytes] == ' ' ? bytes : space;
        inside = breaks_behind(text.data[bytes]) ? bytes + 1 : inside;
        bytes += step != 0 ? step : 1;
    }
    if (bytes >= text.bytes || text.data[bytes] == ' ') {
        return bytes;
    }
    return space != 0 ? space : inside != 0 ? inside : bytes;
}

/* The longest run of characters in a text that a line end had better not cut. */
static size_t longest_part(struct rbk_str text)
{
    size_t longest = 0, count = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        count = text.data[i] == ' ' ? 0 : count + 1;
        longest = count > longest ? count : longest;
        count = breaks_behind(text.data[i]) ? 0 : count;
    }
    return longest;
}

/* The column that gives way next: the widest of those that are wider than their longest part, else
 * the widest of all. */
static size_t widest_column(const size_t width[CELL_COUNT], const size_t part[CELL_COUNT])
{
    size_t widest = 0, loose = CELL_COUNT;
    for (size_t c = 0; c < CELL_COUNT; c++) {
        widest = width[c] > width[widest] ? c : widest;
        if (width[c] > part[c] && width[c] > CELL_MIN &&
            (loose == CELL_COUNT || width[c] > width[loose])) {
            loose = c;
        }
    }
    return loose != CELL_COUNT ? loose : widest;
}

/* As wide as the widest cell of a column, 0 for one that is empty; then columns give way until a
 * line fits. */
static void choose_widths(const struct report *report, size_t width[CELL_COUNT])
{
    size_t columns = screen_columns() - 2, all, part[CELL_COUNT];
    for (size_t c = 0; c < CELL_COUNT; c++) {
        width[c] = part[c] = 0;
        for (size_t i = 0; i < report->count; i++) {
            size_t count = rbk_utf8_count(report->rows[i].cells[c]);
            size_t longest = longest_part(report->rows[i].cells[c]);
            width[c] = count > width[c] ? count : width[c];
            part[c] = longest > part[c] ? longest : part[c];
        }
        if (width[c] != 0) {
            size_t title = strlen(titles[c]);
            width[c] = width[c] < title ? title : width[c];
            part[c] = part[c] < title ? title : part[c];
        }
    }
    for (;;) {
        size_t give = widest_column(width, part);
        all = 0;
        for (size_t c = 0; c < CELL_COUNT; c++) {
            all += width[c] != 0 ? width[c] + GAP : 0;
        }
        if (all <= columns + GAP || width[give] <= CELL_MIN) {
            return;
        }
        width[give]--;
    }
}

/* One row, as many lines as its longest cell takes. */
static void print_row(const struct report *report, const struct rbk_str cells[CELL_COUNT],
                      const size_t width[CELL_COUNT], const char *tone)
{
    struct rbk_str left[CELL_COUNT];
    bool more = true;
    memcpy(left, cells, sizeof(left));
    while (more) {
        size_t owed = GAP;
        more = false;
        (void)fputs(tone, stdout);
        for (size_t c = 0; c < CELL_COUNT; c++) {
            size_t bytes = piece(left[c], width[c]);
            struct rbk_str shown = rbk_str_slice(left[c], 0, bytes);
            if (width[c] == 0) {
                continue;
            }
            if (bytes != 0) {
                (void)printf("%*s%.*s", (int)owed, "", RBK_STR_ARG(shown));
                owed = 0;
            }
            owed += width[c] - rbk_utf8_count(shown) + GAP;
            left[c] = rbk_str_slice(left[c], bytes, left[c].bytes);
            while (left[c].bytes != 0 && left[c].data[0] == ' ') {
                left[c] = rbk_str_slice(left[c], 1, left[c].bytes);
            }
            more = more || left[c].bytes != 0;
        }
        (void)printf("%s\n", tone[0] != '\0' ? report->style.off : "");
    }
}

static const char *tone_of(const struct report *report, const struct row *row)
{
    return report->style.tones[row->level == RBK_LEVEL_TRUE                     ? RBK_TONE_BAD
                               : row->level == RBK_LEVEL_MISSING && !row->later ? RBK_TONE_WARN
                                                                                : RBK_TONE_PLAIN];
}

/* What has no value, and what then: the sources one a line below its name. */
static void print_missing(const struct report *report, bool later)
{
    bool any = false;
    for (size_t i = 0; i < report->count; i++) {
        const struct row *row = &report->rows[i];
        if (row->level != RBK_LEVEL_MISSING || row->later != later) {
            continue;
        }
        if (!any) {
            (void)printf("\n%s%s%s\n", report->style.bold,
                         later ? "cannot be read before the run" : "no data", report->style.off);
            any = true;
        }
        (void)printf("  %.*s", RBK_STR_ARG(row->cells[CELL_NAME]));
        if (row->criterion) {
            (void)printf(" %.*s", RBK_STR_ARG(row->condition));
        } else if (row->missing.bytes != 0) {
            (void)printf(" (still so when it is armed: %.*s)", RBK_STR_ARG(row->missing));
        }
        (void)puts("");
        for (struct rbk_str left = row->no_data; left.bytes != 0;) {
            size_t end = rbk_str_find(left, '\n');
            (void)printf("    %.*s\n", RBK_STR_ARG(rbk_str_slice(left, 0, end)));
            left = rbk_str_slice(left, end + 1, left.bytes);
        }
    }
}

static void print_table(const struct report *report, bool ready)
{
    const struct rbk_machine *machine = report->machine;
    struct rbk_str heads[CELL_COUNT];
    size_t width[CELL_COUNT], fires = 0;

    for (size_t i = 0; i < report->count; i++) {
        fires += report->rows[i].level == RBK_LEVEL_TRUE ? 1u : 0u;
    }
    (void)printf("plan %.*s: %u trigger%s", RBK_STR_ARG(machine->name), machine->trigger_count,
                 machine->trigger_count == 1 ? "" : "s");
    if (report->count > machine->trigger_count) {
        size_t criteria = report->count - machine->trigger_count;
        (void)printf(", %zu abort criteri%s", criteria, criteria == 1 ? "on" : "a");
    }
    (void)puts("; read once, nothing started");
    if (machine->baseline_count != 0) {
        (void)puts("(a baseline is that one reading here, in a run the mean of many)");
    }
    if (report->count != 0) {
        (void)puts("");
        for (size_t c = 0; c < CELL_COUNT; c++) {
            heads[c] = rbk_str_from(titles[c]);
        }
        choose_widths(report, width);
        print_row(report, heads, width, report->style.bold);
        for (size_t i = 0; i < report->count; i++) {
            print_row(report, report->rows[i].cells, width, tone_of(report, &report->rows[i]));
        }
    }
    print_missing(report, false);
    print_missing(report, true);
    (void)printf("\n%s\n", !ready ? "not ready: make the sources above answer, then arm again; a "
                                    "run would not start,\nor would do what it says of missing data"
                           : fires != 0
                               ? "ready, but what fires now fires in a run, too, once it is armed"
                               : "ready: every trigger has a value");
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

static json_t *lines_of(struct rbk_str text)
{
    json_t *array = json_array();
    while (text.bytes != 0) {
        size_t end = rbk_str_find(text, '\n');
        (void)json_array_append_new(array, rbk_json_text(rbk_str_slice(text, 0, end)));
        text = rbk_str_slice(text, end + 1, text.bytes);
    }
    return array;
}

static void print_json(const struct report *report, bool ready)
{
    json_t *object = json_object(), *array = json_array();
    rbk_json_set_text(object, "plan", report->machine->name);
    rbk_json_set_text(object, "machine", rbk_str_from(report->machine->hash));
    (void)json_object_set_new(object, "ready", json_boolean(ready));
    (void)json_object_set_new(object, "conditions", array);
    for (size_t i = 0; i < report->count; i++) {
        const struct row *row = &report->rows[i];
        json_t *item = json_object();
        (void)json_object_set_new(item, "kind",
                                  json_string(row->criterion ? "criterion" : "trigger"));
        for (size_t c = 0; c < CELL_COUNT; c++) {
            rbk_json_set_text(item, keys[c], row->cells[c]);
        }
        rbk_json_set_text(item, "condition", row->condition);
        rbk_json_set_text(item, "readings", rbk_str_trim(row->readings));
        (void)json_object_set_new(item, "level", json_string(rbk_level_name(row->level)));
        rbk_json_set_text(item, "missing", row->missing);
        if (row->level == RBK_LEVEL_MISSING) {
            (void)json_object_set_new(item, "no_data", lines_of(row->no_data));
            (void)json_object_set_new(item, "later", json_boolean(row->later));
        }
        (void)json_array_append_new(array, item);
    }
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (text != NULL) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
}

int rbk_arm_report(const struct rbk_options *options, const struct rbk_plan_file *file,
                   const struct rbk_params *params)
{
    const struct rbk_machine *machine = file->machine;
    char user[RBK_USER_BYTES];
    struct rbk_run_options run_options = {.user = user};
    bool utf8 = rbk_style_utf8(), ready = false;
    struct report report = {.machine = machine, .view = {.machine = machine}};
    struct rbk_error error = {0};

    rbk_user_name(user);
    rbk_arena_init(&report.arena, REPORT_BYTES_MAX);
    report.rows = rbk_new_array(&report.arena, struct row,
                                machine->trigger_count + machine->criterion_count + 1u);
    report.style = rbk_style_wanted() && isatty(STDOUT_FILENO) == 1 ? rbk_style_colour(utf8)
                                                                    : rbk_style_plain(utf8);
    if (rbk_arm_only(&run_options, machine, file->directory, params->items, params->count, on_armed,
                     &report, &ready, &error) != 0) {
        rbk_arena_fini(&report.arena);
        return rbk_subcommand_failed(options, &error);
    }
    if (options->given[RBK_OPTION_JSON]) {
        print_json(&report, ready);
    } else {
        print_table(&report, ready);
    }
    rbk_arena_fini(&report.arena);
    return ready ? RBK_EXIT_COMPLETED : RBK_EXIT_FAILED;
}
