/*
 * Building a report: lists that grow to a maximum, texts that are made harmless once, when they
 * come in.
 */
#include "runtime/report/report_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/hash.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/when.h"

#define ARENA_BYTES_MAX ((size_t)512 << 20)
#define SCRATCH_BYTES_MAX ((size_t)64 << 20)
#define MESSAGES_MAX 2000
#define EVIDENCE_MAX 1000
/* Signs that only say what went wrong leave room for those that say what was decided. */
#define MARKS_MAX 40
#define LESSER_MARKS_MAX 24
#define REFUSED_MAX 500

#define X(constant, word) word,
static const char *const actors[] = {RBK_REPORT_ACTORS(X)};
#undef X
#define X(constant, word, says) word,
static const char *const spans[] = {RBK_REPORT_SPANS(X)};
#undef X
#define X(constant, word, says) says,
static const char *const spans_say[] = {RBK_REPORT_SPANS(X)};
#undef X
#define X(constant, sign, word) sign,
static const char *const signs[] = {RBK_REPORT_MARKS(X)};
#undef X
#define X(constant, sign, word) word,
static const char *const marks[] = {RBK_REPORT_MARKS(X)};
#undef X

const char *rbk_report_actor_name(enum rbk_report_actor actor)
{
    return actor < RBK_REPORT_ACTOR_COUNT ? actors[actor] : "?";
}

const char *rbk_report_span_name(enum rbk_report_span_kind kind)
{
    return kind < RBK_REPORT_SPAN_COUNT ? spans[kind] : "?";
}

const char *rbk_report_span_says(enum rbk_report_span_kind kind)
{
    return kind < RBK_REPORT_SPAN_COUNT ? spans_say[kind] : "?";
}

const char *rbk_report_mark_sign(enum rbk_report_mark_kind kind)
{
    return kind < RBK_REPORT_MARK_COUNT ? signs[kind] : "?";
}

const char *rbk_report_mark_name(enum rbk_report_mark_kind kind)
{
    return kind < RBK_REPORT_MARK_COUNT ? marks[kind] : "?";
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct rbk_run_report *rbk_report_new(void)
{
    struct rbk_run_report *report = calloc(1, sizeof(*report));

    if (report == NULL || (report->building = calloc(1, sizeof(*report->building))) == NULL) {
        free(report);
        return NULL;
    }
    rbk_arena_init(&report->arena, ARENA_BYTES_MAX);
    rbk_arena_init(&report->building->scratch, SCRATCH_BYTES_MAX);
    rbk_buffer_init(&report->building->clean, SCRATCH_BYTES_MAX);
    report->building->run_span = RBK_NONE;
    return report;
}

void rbk_report_free(struct rbk_run_report *report)
{
    if (report == NULL) {
        return;
    }
    for (size_t i = 0; i < report->lines.count; i++) {
        free(report->lines.items[i].owned);
    }
    for (size_t i = 0; i < report->checks.count; i++) {
        free((char *)report->checks.items[i].readings.data);
    }
    for (size_t i = 0; i < report->triggers.count; i++) {
        free((char *)report->triggers.items[i].readings.data);
    }
    free(report->summary.items);
    free(report->open.items);
    free(report->params.items);
    free(report->stages.items);
    free(report->spans.items);
    free(report->phases.items);
    free(report->marks.items);
    free(report->decisions.items);
    free(report->questions.items);
    free(report->checks.items);
    free(report->troubles.items);
    free(report->gaps.items);
    free(report->values.items);
    free(report->triggers.items);
    free(report->criteria.items);
    free(report->messages.items);
    free(report->evidence.items);
    free(report->waivers.items);
    free(report->lines.items);
    free(report->commands.items);
    free(report->refused.items);
    free(report->building->regions);
    free(report->building->checks);
    for (uint32_t i = 0; i < report->building->failure_count; i++) {
        free((char *)report->building->failures[i].data);
    }
    free(report->building->failures);
    rbk_buffer_fini(&report->building->clean);
    rbk_arena_fini(&report->building->scratch);
    free(report->building);
    rbk_arena_fini(&report->arena);
    free(report);
}

bool rbk_report_failed(const struct rbk_run_report *report)
{
    return report->building->failed;
}

bool rbk_report_room(struct rbk_run_report *report, void **items, size_t *count, size_t *capacity,
                     size_t *left_out, size_t item_bytes, size_t count_max)
{
    if (*count >= count_max) {
        (*left_out)++;
        return false;
    }
    if (*count == *capacity) {
        size_t more = *capacity != 0 ? *capacity * 2 : 16;
        void *grown = realloc(*items, more * item_bytes);
        if (grown == NULL) {
            report->building->failed = true;
            return false;
        }
        *items = grown;
        *capacity = more;
    }
    memset((char *)*items + *count * item_bytes, 0, item_bytes);
    (*count)++;
    return true;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

/* The text as it may be shown; borrowed until the next call. */
struct rbk_str rbk_report_clean(struct rbk_run_report *report, struct rbk_str text)
{
    struct rbk_buffer *clean = &report->building->clean;
    size_t end;

    rbk_buffer_clear(clean);
    rbk_sanitize(clean, rbk_str_slice(text, 0, RBK_REPORT_TEXT_MAX));
    end = clean->bytes;
    if (text.bytes > RBK_REPORT_TEXT_MAX) {
        /* A character that was cut in two became "\xc3" and the like; that is fine: it is cut. */
        rbk_buffer_append_text(clean, " …");
        end = clean->bytes;
    }
    return (struct rbk_str){clean->data, end};
}

struct rbk_str rbk_report_text(struct rbk_run_report *report, struct rbk_str text)
{
    return text.bytes == 0 ? RBK_STR("")
                           : rbk_arena_copy(&report->arena, rbk_report_clean(report, text));
}

struct rbk_str rbk_report_take(struct rbk_run_report *report, struct rbk_buffer *buffer)
{
    struct rbk_str text = rbk_report_text(report, rbk_str_trim(rbk_buffer_str(buffer)));
    rbk_buffer_clear(buffer);
    return text;
}

/* Print, and keep it: sanitized in the report's arena, or as it is until the next record. */
RBK_PRINTF(3, 0)
static struct rbk_str printed(struct rbk_run_report *report, bool for_good, const char *format,
                              va_list arguments)
{
    struct rbk_buffer text;
    struct rbk_str result;

    rbk_buffer_init(&text, RBK_REPORT_TEXT_MAX * 8);
    rbk_buffer_vprintf(&text, format, arguments);
    result = for_good ? rbk_report_take(report, &text)
                      : rbk_arena_copy(&report->building->scratch, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return result;
}

struct rbk_str rbk_report_printf(struct rbk_run_report *report, const char *format, ...)
{
    struct rbk_str result;
    va_list arguments;

    va_start(arguments, format);
    result = printed(report, true, format, arguments);
    va_end(arguments);
    return result;
}

struct rbk_str rbk_report_passing(struct rbk_run_report *report, const char *format, ...)
{
    struct rbk_str result;
    va_list arguments;

    va_start(arguments, format);
    result = printed(report, false, format, arguments);
    va_end(arguments);
    return result;
}

void rbk_report_retext(struct rbk_run_report *report, struct rbk_str *text, struct rbk_str now)
{
    struct rbk_str clean = rbk_report_clean(report, now);
    char *owned = malloc(clean.bytes + 1);

    if (owned == NULL) {
        report->building->failed = true;
        return;
    }
    memcpy(owned, clean.data, clean.bytes);
    free((char *)text->data);
    *text = (struct rbk_str){owned, clean.bytes};
}

void rbk_report_mark(struct rbk_run_report *report, enum rbk_report_mark_kind kind, uint64_t at_ms,
                     struct rbk_str text)
{
    bool lesser = kind == RBK_REPORT_MARK_TRIGGER || kind == RBK_REPORT_MARK_FAILURE ||
                  kind == RBK_REPORT_MARK_CRASH;
    struct rbk_report_mark *mark =
        rbk_report_push(report, report->marks, lesser ? LESSER_MARKS_MAX : MARKS_MAX);

    if (mark != NULL) {
        *mark = (struct rbk_report_mark){kind, at_ms, rbk_report_text(report, text)};
    }
}

struct rbk_when rbk_report_at(const struct rbk_run_report *report, uint64_t at_ms)
{
    struct rbk_when first = rbk_when_day(report->started_ms), last = rbk_when_day(report->until_ms);
    struct rbk_when at = rbk_when_clock(at_ms);

    if (strcmp(first.text, last.text) != 0) {
        char clock[RBK_WHEN_BYTES];
        memcpy(clock, at.text, sizeof(clock));
        at = rbk_when_day(at_ms);
        size_t bytes = strlen(at.text);
        if (bytes + 1 + strlen(clock) < sizeof(at.text)) {
            at.text[bytes] = ' ';
            memcpy(at.text + bytes + 1, clock, strlen(clock) + 1);
        }
    }
    return at;
}

/* ---- a record ---------------------------------------------------------------------------------
 */

bool rbk_report_begin(struct rbk_run_report *report, const struct rbk_view *view)
{
    struct rbk_report_building *building = report->building;

    if (building->machine != NULL) {
        return true;
    }
    building->machine = view->machine;
    building->regions = calloc((size_t)view->machine->region_count + 1, sizeof(*building->regions));
    building->checks = calloc((size_t)view->machine->state_count + 1, sizeof(*building->checks));
    building->failures =
        calloc((size_t)view->machine->state_count + 1, sizeof(*building->failures));
    if (building->regions == NULL || building->checks == NULL || building->failures == NULL) {
        building->failed = true;
        building->machine = NULL;
        return false;
    }
    building->failure_count = view->machine->state_count;
    for (uint32_t i = 0; i < view->machine->region_count; i++) {
        building->regions[i] = (struct rbk_report_region){
            .row = RBK_NONE, .span = RBK_NONE, .phase = RBK_NONE, .doubt = RBK_NONE};
    }
    for (uint32_t i = 0; i < view->machine->state_count; i++) {
        building->checks[i] = RBK_NONE;
    }
    rbk_report_stages_begin(report, view);
    rbk_report_triggers_begin(report, view);
    return true;
}

void rbk_report_record(struct rbk_run_report *report, const struct rbk_view *view, int64_t seq,
                       const struct rbk_record *record, const struct rbk_state *before,
                       const struct rbk_state *after, const struct rbk_actions *actions)
{
    struct rbk_report_building *building = report->building;
    const struct rbk_report_moment moment = {
        report, building, view, view->machine, seq, after->now_ms, record, before, after, actions};

    if (!rbk_report_begin(report, view)) {
        return;
    }
    rbk_arena_reset(&building->scratch);
    rbk_report_lines(&moment);
    rbk_report_step(&moment);
    rbk_report_stage(&moment);
    rbk_report_trigger(&moment);
    rbk_report_decide(&moment);
    report->last_ms = after->now_ms;
}

/* ---- what lies beside the journal -------------------------------------------------------------
 */

void rbk_report_message(struct rbk_run_report *report, const struct rbk_view *view,
                        const struct rbk_store_message *message)
{
    struct rbk_report_message *row = rbk_report_push(report, report->messages, MESSAGES_MAX);

    if (row != NULL) {
        row->at_ms = (uint64_t)message->at_ms;
        row->sent_ms = (uint64_t)message->sent_ms;
        row->aside_ms = (uint64_t)message->aside_ms;
        row->attempts = message->attempts;
        row->channel = rbk_report_text(report, message->channel < view->machine->channel_count
                                                   ? view->machine->channels[message->channel].name
                                                   : RBK_STR("terminal and log"));
        row->text = rbk_report_text(report, message->text);
        row->reason = rbk_report_text(report, message->reason);
    }
}

void rbk_report_request(struct rbk_run_report *report, const struct rbk_store_request *request)
{
    struct rbk_report_refused *row;

    if (request->reply.bytes == 0 || rbk_str_is(request->reply, "accepted") ||
        (row = rbk_report_push(report, report->refused, REFUSED_MAX)) == NULL) {
        return;
    }
    row->at_ms = (uint64_t)request->at_ms;
    row->who = rbk_report_text(report, request->who);
    row->what = rbk_report_printf(report, "%.*s %.*s", RBK_STR_ARG(request->kind),
                                  RBK_STR_ARG(rbk_str_slice(request->body, 0, 300)));
    row->reply = rbk_report_text(report, request->reply);
}

/* The beginning of a content, each line of it made harmless. */
static struct rbk_str shown_content(struct rbk_run_report *report, struct rbk_str content,
                                    size_t bytes_max)
{
    struct rbk_str left = rbk_str_slice(content, 0, bytes_max), result;
    struct rbk_buffer text;

    rbk_buffer_init(&text, bytes_max * 8 + 1);
    while (left.bytes != 0) {
        size_t end = rbk_str_find(left, '\n');
        rbk_sanitize(&text, rbk_str_slice(left, 0, end));
        if (end < left.bytes) {
            rbk_buffer_append_byte(&text, '\n');
        }
        left = rbk_str_slice(left, end + 1, left.bytes);
    }
    result = rbk_arena_copy(&report->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return result;
}

void rbk_report_evidence(struct rbk_run_report *report, const struct rbk_store_evidence *evidence)
{
    struct rbk_report_building *building = report->building;
    struct rbk_report_evidence *row = rbk_report_push(report, report->evidence, EVIDENCE_MAX);
    size_t left = RBK_REPORT_EVIDENCE_TOTAL_MAX - building->evidence_bytes;
    char hash[RBK_SHA256_HEX_BYTES];

    if (row == NULL) {
        return;
    }
    rbk_sha256_hex(evidence->content.data, evidence->content.bytes, hash);
    row->seq = evidence->seq;
    row->at_ms = (uint64_t)evidence->at_ms;
    row->label = rbk_report_text(report, evidence->label);
    row->sha256 = rbk_report_text(report, evidence->sha256);
    row->bytes = evidence->content.bytes;
    row->nothing = rbk_str_starts(evidence->content, RBK_STR(RBK_RECORD_NOTHING_KEPT));
    row->genuine = rbk_str_is(evidence->sha256, hash);
    left = left < RBK_REPORT_EVIDENCE_BYTES_MAX ? left : RBK_REPORT_EVIDENCE_BYTES_MAX;
    row->cut = left < evidence->content.bytes;
    left = row->cut ? left : evidence->content.bytes;
    row->content = shown_content(report, evidence->content, left);
    building->evidence_bytes += left;
}
