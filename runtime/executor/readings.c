/*
 * The file of live readings. Everything here may fail without harm: then others see none.
 *
 * Noting a reading copies a few bytes, since it happens with every poll; texts are made once a
 * second, when the file is written.
 */
#include "runtime/executor/readings.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/timestamp.h"
#include "runtime/core/value_text.h"

/* What is kept of a text value, and of the reason why there is none. */
#define TEXT_BYTES 160
/* What it may take to evaluate both sides of a condition, to print and to redact them. */
#define MEASURE_BYTES_MAX ((size_t)64 << 20)

struct last {
    bool read;              /* it gave something, or failed, at least once */
    struct rbk_value value; /* a text lies in `text` */
    uint64_t at_ms;         /* wall clock, of the last good one; 0: none */
    char text[TEXT_BYTES];
    char why[TEXT_BYTES]; /* of the last failed one; empty: it was good */
};

struct rbk_readings {
    struct last *probes;         /* machine->probe_count */
    struct rbk_gauge_text *owns; /* machine->trigger_count: of those that read themselves */
    char *written;               /* the file as it was written last, without its time */
};

static struct rbk_readings *readings_of(struct rbk_run *run)
{
    struct rbk_readings *readings = run->readings;

    if (readings == NULL && (readings = calloc(1, sizeof(*readings))) != NULL) {
        const struct rbk_machine *machine = run->replay->machine;

        readings->probes = calloc(machine->probe_count + 1u, sizeof(*readings->probes));
        readings->owns = calloc(machine->trigger_count + 1u, sizeof(*readings->owns));
        if (readings->probes == NULL || readings->owns == NULL) {
            free(readings->probes);
            free(readings->owns);
            free(readings);
            readings = NULL;
        }
        run->readings = readings;
    }
    return readings;
}

/* As much as there is room for, cut between characters. @room  With the NUL. @return Bytes. */
static size_t keep(char *out, size_t room, struct rbk_str text)
{
    size_t bytes = text.bytes < room - 1 ? text.bytes : room - 1;

    if (bytes < text.bytes) {
        while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xc0u) == 0x80u) {
            bytes--;
        }
    }
    if (bytes != 0) {
        memcpy(out, text.data, bytes);
    }
    out[bytes] = '\0';
    return bytes;
}

/* A value: redacted before it is cut, or the beginning of a secret would be left that nobody knows
 * for one. What is kept whole is redacted when it is written, which happens less often. */
static size_t keep_value(struct rbk_run *run, char out[TEXT_BYTES], struct rbk_str text)
{
    struct rbk_arena arena;
    size_t bytes;

    if (text.bytes < TEXT_BYTES) {
        return keep(out, TEXT_BYTES, text);
    }
    rbk_arena_init(&arena, text.bytes * 5 + ((size_t)1 << 20));
    bytes = keep(out, TEXT_BYTES, rbk_secrets_redact(run->secrets, &arena, text));
    rbk_arena_fini(&arena);
    return bytes;
}

void rbk_readings_note(struct rbk_run *run, uint32_t probe, struct rbk_value value,
                       struct rbk_str why)
{
    struct rbk_readings *readings = readings_of(run);
    struct last *last;

    if (readings == NULL) {
        return;
    }
    last = &readings->probes[probe];
    last->read = true;
    if (value.missing) {
        (void)keep(last->why, TEXT_BYTES, why.bytes != 0 ? why : RBK_STR("no value"));
        return;
    }
    last->why[0] = '\0';
    last->at_ms = rbk_run_clock_ms(run);
    last->value = value;
    if (rbk_type_is_text(value.type)) {
        last->value.as.text =
            (struct rbk_str){last->text, keep_value(run, last->text, value.as.text)};
    } else if (value.type == RBK_TYPE_LIST) {
        last->value = rbk_value_text(RBK_TYPE_TEXT, RBK_STR("a list"));
    }
}

/* ---- how near a trigger is --------------------------------------------------------------------
 */

/* Redacted, then cut. The buffer is empty afterwards. */
static void keep_buffer(struct rbk_run *run, char out[RBK_GAUGE_TEXT_BYTES],
                        struct rbk_buffer *text, struct rbk_arena *arena)
{
    (void)keep(out, RBK_GAUGE_TEXT_BYTES,
               rbk_secrets_redact(run->secrets, arena, rbk_buffer_str(text)));
    rbk_buffer_clear(text);
}

/* @scope  With the values of the condition's own readings, if it has any. */
static void measure(struct rbk_run *run, const struct rbk_scope *scope, uint32_t condition,
                    struct rbk_gauge_text *ret_text)
{
    struct rbk_gauge gauge;
    struct rbk_buffer text;
    struct rbk_arena arena;

    memset(ret_text, 0, sizeof(*ret_text));
    rbk_arena_init(&arena, MEASURE_BYTES_MAX);
    rbk_buffer_init(&text, MEASURE_BYTES_MAX / 16);
    if (rbk_gauge_read(scope, condition, &arena, &gauge)) {
        ret_text->compared = true;
        ret_text->has_share = gauge.has_share;
        ret_text->share = gauge.share;
        rbk_gauge_print_limit(&gauge, &text);
        keep_buffer(run, ret_text->threshold, &text, &arena);
        if (!gauge.value.missing) {
            ret_text->has_reading = true;
            rbk_gauge_print(gauge.value, &text);
            keep_buffer(run, ret_text->reading, &text, &arena);
            rbk_gauge_distance(&gauge, &text);
            keep_buffer(run, ret_text->distance, &text, &arena);
        }
    }
    rbk_buffer_fini(&text);
    rbk_arena_fini(&arena);
}

void rbk_readings_note_own(struct rbk_run *run, uint32_t trigger, const struct rbk_reading *reading)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_slice reads = machine->exprs[machine->triggers[trigger].condition].reads;
    struct rbk_readings *readings = readings_of(run);
    struct rbk_scope scope = run->open_scope;
    struct rbk_value *none = NULL;

    if (readings == NULL) {
        return;
    }
    if (reading != NULL) {
        scope.reads = rbk_reading_results(reading);
    } else if ((none = calloc(reads.count + 1u, sizeof(*none))) != NULL) {
        /* Nothing was read, or not all: the threshold can be told all the same. */
        for (uint32_t i = 0; i < reads.count; i++) {
            none[i] = rbk_value_missing(rbk_read_kind_type(machine->reads[reads.first + i].kind));
        }
        scope.reads = none;
    }
    measure(run, &scope, machine->triggers[trigger].condition, &readings->owns[trigger]);
    free(none);
}

void rbk_run_trigger_seen(struct rbk_run *run, uint32_t trigger, struct rbk_trigger_seen *ret_seen)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_trigger *row = &machine->triggers[trigger];
    uint64_t since_ms = 0, now_ms = uv_now(&run->loop);

    memset(ret_seen, 0, sizeof(*ret_seen));
    if (rbk_watch_raw_level(run->watch, trigger, &since_ms) == RBK_LEVEL_TRUE) {
        ret_seen->holds = true;
        ret_seen->held_ms = since_ms != 0 && now_ms > since_ms ? now_ms - since_ms : 0;
        ret_seen->true_readings = rbk_watch_true_readings(run->watch, trigger);
    }
    if (machine->exprs[row->condition].reads.count == 0) {
        measure(run, &run->open_scope, row->condition, &ret_seen->gauge);
    } else if (run->readings != NULL && rbk_trigger_armed(machine, run->replay->state, trigger)) {
        ret_seen->gauge = run->readings->owns[trigger];
    }
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void set_text(json_t *object, const char *key, struct rbk_str text)
{
    json_t *json = rbk_utf8_valid(text, NULL) ? json_stringn(text.data, text.bytes)
                                              : json_string("(not readable)");

    (void)json_object_set_new(object, key, json);
}

/* Left out where there is nothing. */
static void set_some(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0') {
        set_text(object, key, rbk_str_from(text));
    }
}

static void set_time(json_t *object, const char *key, uint64_t at_ms)
{
    char text[RBK_TIMESTAMP_BYTES];

    (void)rbk_timestamp_print(text, (int64_t)at_ms);
    (void)json_object_set_new(object, key, json_string(text));
}

/* The value as a number, for graphs: durations in milliseconds, a bool as 0 or 1. */
static bool number_of(struct rbk_value value, double *ret_number)
{
    if (value.type == RBK_TYPE_SCALAR) {
        /* What a source gave as text; most of them are numbers. */
        value = rbk_value_parse(RBK_TYPE_NUMBER, value.as.text);
        if (value.missing) {
            return false;
        }
    }
    switch (value.type) {
    case RBK_TYPE_BOOL:
        *ret_number = value.as.truth ? 1 : 0;
        return true;
    case RBK_TYPE_INT:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
    case RBK_TYPE_TIME:
        *ret_number = (double)value.as.integer;
        return true;
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        *ret_number = value.as.number;
        return true;
    default:
        return false;
    }
}

static json_t *probe_of(struct rbk_run *run, uint32_t index)
{
    const struct last *last = &run->readings->probes[index];
    json_t *object = json_object();
    struct rbk_buffer text;
    double number;

    set_text(object, "probe", run->replay->machine->probes[index].name);
    if (last->at_ms != 0) {
        rbk_buffer_init(&text, 4096);
        rbk_value_print(&text, last->value);
        rbk_arena_reset(&run->scratch);
        set_text(object, "value",
                 rbk_secrets_redact(run->secrets, &run->scratch, rbk_buffer_str(&text)));
        rbk_buffer_fini(&text);
        if (number_of(last->value, &number)) {
            (void)json_object_set_new(object, "number", json_real(number));
        }
        set_time(object, "at", last->at_ms);
    }
    if (last->why[0] != '\0') {
        set_text(object, "missing", rbk_str_from(last->why));
    }
    return object;
}

static json_t *trigger_of(struct rbk_run *run, uint32_t index)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_trigger_state *state = rbk_state_trigger(machine, run->replay->state, index);
    uint64_t since_ms = 0, now_ms = uv_now(&run->loop);
    enum rbk_level raw = rbk_watch_raw_level(run->watch, index, &since_ms);
    struct rbk_trigger_seen seen;
    json_t *object = json_object();

    set_text(object, "trigger", machine->triggers[index].name);
    (void)json_object_set_new(object, "armed",
                              json_boolean(rbk_trigger_armed(machine, run->replay->state, index)));
    set_text(object, "level", rbk_str_from(rbk_level_name((enum rbk_level)state->level)));
    set_text(object, "raw", rbk_str_from(rbk_level_name(raw)));
    if (since_ms != 0 && since_ms <= now_ms) {
        /* To the second: the two clocks do not tick together, and it is not to change for that. */
        set_time(object, "since", (rbk_run_clock_ms(run) - (now_ms - since_ms)) / 1000u * 1000u);
    }
    rbk_run_trigger_seen(run, index, &seen);
    if (machine->triggers[index].for_readings != 0) {
        (void)json_object_set_new(object, "true_readings", json_integer(seen.true_readings));
    }
    if (seen.gauge.has_reading) {
        set_text(object, "reading", rbk_str_from(seen.gauge.reading));
    }
    set_some(object, "threshold", seen.gauge.threshold);
    set_some(object, "distance", seen.gauge.distance);
    if (seen.gauge.has_share) {
        /* In so many steps as a bar can show: it is not to change for less. */
        (void)json_object_set_new(object, "share",
                                  json_real(round(seen.gauge.share * 1000) / 1000));
    }
    return object;
}

/* A `check`, `require` or `wait until` under way. */
static json_t *check_of(struct rbk_run *run, uint32_t region, const struct rbk_check *check)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, run->replay->state, region);
    uint64_t now_ms = uv_now(&run->loop);
    json_t *object = json_object();
    double progress;

    set_text(object, "step", machine->states[rs->state].name);
    (void)json_object_set_new(object, "retries", json_integer(check->retries_used));
    (void)json_object_set_new(object, "holds", json_boolean(check->in_span));
    if (check->in_span && check->true_from_ms <= now_ms) {
        set_time(object, "since",
                 (rbk_run_clock_ms(run) - (now_ms - check->true_from_ms)) / 1000u * 1000u);
    }
    if (rbk_run_progress(run, region, &progress)) {
        (void)json_object_set_new(object, "progress", json_real(fmin(fmax(progress, 0), 1)));
    }
    return object;
}

static bool any_check(const struct rbk_run *run)
{
    for (uint32_t i = 0; run->works != NULL && i < run->replay->machine->region_count; i++) {
        if (rbk_run_check(run, i) != NULL) {
            return true;
        }
    }
    return false;
}

static json_t *checks_of(struct rbk_run *run)
{
    json_t *checks = json_array();
    const struct rbk_check *check;

    for (uint32_t i = 0; run->works != NULL && i < run->replay->machine->region_count; i++) {
        if ((check = rbk_run_check(run, i)) != NULL) {
            (void)json_array_append_new(checks, check_of(run, i, check));
        }
    }
    return checks;
}

/* Everything but the time and the epoch, as text; NULL: out of memory. */
static char *body_of(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    json_t *probes = json_array(), *triggers = json_array(), *object;
    char *text;

    for (uint32_t i = 0; i < machine->probe_count; i++) {
        if (run->readings->probes[i].read) {
            (void)json_array_append_new(probes, probe_of(run, i));
        }
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        (void)json_array_append_new(triggers, trigger_of(run, i));
    }
    object = json_pack("{s:o, s:o, s:o, s:o}", "probes", probes, "triggers", triggers, "ways",
                       rbk_ways_json(run), "checks", checks_of(run));
    text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    return text;
}

/* Append the path of the file, or of its name while it is written. */
static void path_of(const struct rbk_run *run, const char *suffix, struct rbk_buffer *out)
{
    rbk_buffer_printf(out, "%s/readings.json%s", run->run_directory, suffix);
}

static void write_file(struct rbk_run *run, const char *body)
{
    char at[RBK_TIMESTAMP_BYTES];
    struct rbk_buffer path, new_path;
    bool written = false;
    FILE *file;

    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    rbk_buffer_init(&new_path, RBK_PATH_BYTES_MAX);
    path_of(run, "", &path);
    path_of(run, ".new", &new_path);
    (void)rbk_timestamp_print(at, (int64_t)rbk_run_clock_ms(run));
    file = fopen(new_path.data, "we");
    if (file != NULL) {
        written = fprintf(file, "{\"at\":\"%s\",\"epoch\":%llu,%s\n", at,
                          (unsigned long long)run->epoch, body + 1) > 0;
        written = fclose(file) == 0 && written;
    }
    if (!written || rename(new_path.data, path.data) != 0) {
        (void)unlink(new_path.data);
    }
    rbk_buffer_fini(&path);
    rbk_buffer_fini(&new_path);
}

void rbk_readings_write(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    char *body;

    if (run->run_directory == NULL || readings_of(run) == NULL ||
        (run->readings->written == NULL && machine->probe_count == 0 &&
         machine->trigger_count == 0 && !rbk_ways_any(run) && !any_check(run)) ||
        (body = body_of(run)) == NULL) {
        return;
    }
    if (run->readings->written != NULL && strcmp(run->readings->written, body) == 0) {
        free(body);
        return;
    }
    free(run->readings->written);
    run->readings->written = body;
    write_file(run, body);
}

void rbk_readings_remove(struct rbk_run *run)
{
    struct rbk_buffer path;

    if (run->run_directory == NULL) {
        return;
    }
    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    path_of(run, "", &path);
    (void)unlink(path.data);
    rbk_buffer_fini(&path);
}

void rbk_readings_free(struct rbk_run *run)
{
    if (run->readings != NULL) {
        free(run->readings->probes);
        free(run->readings->owns);
        free(run->readings->written);
        free(run->readings);
        run->readings = NULL;
    }
}
