/*
 * Reading readings.json. It lies in a directory of the user's own, but it is text from outside all
 * the same: its size and its form are checked, and whatever is odd is as if it were not there.
 */
#include "runtime/people/readings.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/timestamp.h"

#define READINGS_BYTES_MAX ((size_t)4 << 20)

/* The file's text; false: there is none that could be one. */
static bool read_text(const char *path, struct rbk_buffer *out)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    ssize_t bytes = 0;
    void *room;

    if (descriptor < 0) {
        return false;
    }
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        while ((room = rbk_buffer_reserve(out, 16384)) != NULL &&
               (bytes = read(descriptor, room, 16384)) > 0) {
            rbk_buffer_commit(out, (size_t)bytes);
        }
    }
    (void)close(descriptor);
    return bytes == 0 && out->bytes != 0 && out->error == 0;
}

static bool has_text(const json_t *object, const char *key, bool needed)
{
    const json_t *value = json_object_get(object, key);

    return value == NULL ? !needed : json_is_string(value);
}

static bool is_probe(const json_t *probe)
{
    const json_t *number = json_object_get(probe, "number");

    return has_text(probe, "probe", true) && has_text(probe, "value", false) &&
           has_text(probe, "at", false) && has_text(probe, "missing", false) &&
           (number == NULL || json_is_number(number));
}

static bool is_share(const json_t *number)
{
    return json_is_number(number) && json_number_value(number) >= 0 &&
           json_number_value(number) <= 1;
}

static bool is_count(const json_t *number)
{
    return json_is_integer(number) && json_integer_value(number) >= 0 &&
           json_integer_value(number) <= UINT32_MAX;
}

static bool is_trigger(const json_t *trigger)
{
    const json_t *share = json_object_get(trigger, "share");
    const json_t *readings = json_object_get(trigger, "true_readings");

    return has_text(trigger, "trigger", true) && has_text(trigger, "level", true) &&
           has_text(trigger, "raw", true) && has_text(trigger, "since", false) &&
           has_text(trigger, "reading", false) && has_text(trigger, "threshold", false) &&
           has_text(trigger, "distance", false) && (share == NULL || is_share(share)) &&
           (readings == NULL || is_count(readings)) &&
           json_is_boolean(json_object_get(trigger, "armed"));
}

static bool is_check(const json_t *check)
{
    const json_t *progress = json_object_get(check, "progress");

    return has_text(check, "step", true) && has_text(check, "since", false) &&
           json_is_boolean(json_object_get(check, "holds")) &&
           is_count(json_object_get(check, "retries")) && (progress == NULL || is_share(progress));
}

static bool is_readings(const json_t *readings)
{
    const json_t *checks = json_object_get(readings, "checks");
    const json_t *probes = json_object_get(readings, "probes");
    const json_t *triggers = json_object_get(readings, "triggers");
    json_t *item;
    size_t index;

    if (!has_text(readings, "at", true) || !json_is_array(probes) || !json_is_array(triggers)) {
        return false;
    }
    json_array_foreach(probes, index, item)
    {
        if (!is_probe(item)) {
            return false;
        }
    }
    json_array_foreach(triggers, index, item)
    {
        if (!is_trigger(item)) {
            return false;
        }
    }
    json_array_foreach(checks, index, item)
    {
        if (!is_check(item)) {
            return false;
        }
    }
    return checks == NULL || json_is_array(checks);
}

json_t *rbk_readings_load(const struct rbk_store *store, const char *run)
{
    struct rbk_buffer path, text;
    json_t *readings = NULL;

    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    rbk_buffer_init(&text, READINGS_BYTES_MAX);
    rbk_store_run_directory(store, run, &path);
    rbk_buffer_append_text(&path, "/readings.json");
    if (path.error == 0 && read_text(path.data, &text)) {
        readings = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, NULL);
    }
    if (readings != NULL && !is_readings(readings)) {
        json_decref(readings);
        readings = NULL;
    }
    rbk_buffer_fini(&path);
    rbk_buffer_fini(&text);
    return readings;
}

uint64_t rbk_readings_at(const json_t *readings)
{
    const char *text = json_string_value(json_object_get(readings, "at"));
    int64_t at_ms;

    return text != NULL && rbk_timestamp_parse(rbk_str_from(text), &at_ms) && at_ms > 0
               ? (uint64_t)at_ms
               : 0;
}
