/* The messages of a run, as people look at them. */
#include "runtime/people/messages.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/people/json_lines.h"
#include "runtime/people/when.h"

#define MESSAGES_BYTES ((size_t)256 << 20)
/* Of a message in one line of the log. */
#define SHOWN_BYTES_MAX 300u

static struct rbk_str channel_name(const struct rbk_machine *machine, uint32_t channel)
{
    return channel < machine->channel_count ? machine->channels[channel].name
                                            : RBK_STR("the terminal");
}

/* Keys are RUN/SEQ/NUMBER. */
static int64_t seq_of(struct rbk_str key)
{
    size_t slash = rbk_str_find(key, '/');

    return slash < key.bytes ? strtoll(key.data + slash + 1, NULL, 10) : 0;
}

/* ---- the log ----------------------------------------------------------------------------------
 */

struct loading {
    struct rbk_messages *messages;
    const struct rbk_machine *machine;
};

static int on_message(void *context, const struct rbk_store_message *row)
{
    struct loading *loading = context;
    struct rbk_messages *messages = loading->messages;

    if (messages->count == messages->capacity) {
        size_t capacity = messages->capacity != 0 ? messages->capacity * 2 : 64;
        void *items = realloc(messages->items, capacity * sizeof(*messages->items));

        if (items == NULL) {
            return -RBK_ENOMEM;
        }
        messages->items = items;
        messages->capacity = capacity;
    }
    messages->items[messages->count++] = (struct rbk_told_message){
        .seq = seq_of(row->key),
        .channel = channel_name(loading->machine, row->channel),
        .text = rbk_arena_copy(&messages->arena, row->text),
        .reason = rbk_arena_copy(&messages->arena, row->reason),
        .attempts = row->attempts,
        .sent_ms = row->sent_ms,
        .next_ms = row->next_ms,
        .aside_ms = row->aside_ms,
        .id = row->id,
    };
    return 0;
}

int rbk_messages_load(struct rbk_messages *messages, struct rbk_store *store, const char *run,
                      const struct rbk_machine *machine, struct rbk_error *reterr)
{
    struct loading loading = {messages, machine};
    size_t told = messages->told;
    int error;

    rbk_messages_fini(messages);
    rbk_arena_init(&messages->arena, MESSAGES_BYTES);
    messages->told = told;
    error = rbk_store_each_message(store, run, on_message, &loading, reterr);
    if (error == -RBK_ENOMEM) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    return error;
}

void rbk_messages_fini(struct rbk_messages *messages)
{
    rbk_arena_fini(&messages->arena);
    free(messages->items);
    memset(messages, 0, sizeof(*messages));
}

static void tell(const struct rbk_told_message *message, struct rbk_show *show)
{
    struct rbk_buffer line;
    struct rbk_str text = rbk_str_slice(message->text, 0, SHOWN_BYTES_MAX);

    while (text.bytes < message->text.bytes && text.bytes != 0 &&
           ((unsigned char)message->text.data[text.bytes] & 0xc0) == 0x80) {
        text.bytes--;
    }
    rbk_buffer_init(&line, 4096);
    rbk_buffer_printf(&line, "told %.*s: %.*s%s", RBK_STR_ARG(message->channel), RBK_STR_ARG(text),
                      text.bytes < message->text.bytes ? " …" : "");
    if (message->aside_ms != 0) {
        rbk_buffer_printf(&line, " (refused %lld times, message %lld is set aside: %.*s)",
                          (long long)message->attempts, (long long)message->id,
                          RBK_STR_ARG(message->reason));
    } else if (message->sent_ms == 0) {
        rbk_buffer_printf(&line, " (not sent yet%s%.*s)", message->reason.bytes != 0 ? ": " : "",
                          RBK_STR_ARG(message->reason));
    } else if (message->attempts > 1) {
        rbk_buffer_printf(&line, " (sent at %s, attempt %lld)",
                          rbk_when_clock((uint64_t)message->sent_ms).text,
                          (long long)message->attempts);
    }
    rbk_show_notice(show, line.data);
    rbk_buffer_fini(&line);
}

void rbk_messages_tell(struct rbk_messages *messages, int64_t seq, struct rbk_show *show)
{
    while (messages->told < messages->count && messages->items[messages->told].seq <= seq) {
        tell(&messages->items[messages->told++], show);
    }
}

/* ---- the status -------------------------------------------------------------------------------
 */

struct counting {
    const struct rbk_machine *machine;
    json_t *unsent, *aside;
    json_int_t sent;
};

static int count_message(void *context, const struct rbk_store_message *row)
{
    struct counting *counting = context;
    json_t *object;

    if (row->sent_ms != 0) {
        counting->sent++;
        return 0;
    }
    object = json_object();
    (void)json_object_set_new(object, "id", json_integer((json_int_t)row->id));
    rbk_json_set_text(object, "channel", channel_name(counting->machine, row->channel));
    rbk_json_set_text(object, "text", row->text);
    rbk_json_set_time(object, "written", (uint64_t)row->at_ms);
    (void)json_object_set_new(object, "attempts", json_integer((json_int_t)row->attempts));
    rbk_json_set_text(object, "reason", row->reason);
    if (row->aside_ms != 0) {
        rbk_json_set_time(object, "since", (uint64_t)row->aside_ms);
        (void)json_array_append_new(counting->aside, object);
    } else {
        rbk_json_set_time(object, "next", (uint64_t)row->next_ms);
        (void)json_array_append_new(counting->unsent, object);
    }
    return 0;
}

json_t *rbk_messages_json(const struct rbk_history *history, struct rbk_error *reterr)
{
    struct counting counting = {history->replay->machine, json_array(), json_array(), 0};

    if (rbk_store_each_message(history->store, history->id, count_message, &counting, reterr) !=
        0) {
        json_decref(counting.unsent);
        json_decref(counting.aside);
        return NULL;
    }
    return json_pack("{s:I,s:o,s:o}", "sent", counting.sent, "unsent", counting.unsent, "aside",
                     counting.aside);
}
