/*
 * What all ways of showing share: choosing one, tracking, and writing that never blocks a run for
 * good.
 */
#include "runtime/people/show.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "runtime/people/terminal.h"

/* How long one piece of output may wait for a reader that does not read: the run waits with it. */
#define WRITE_MS 100
/* More than this is not gathered. */
#define GATHERED_BYTES_MAX ((size_t)32 << 10)

const struct rbk_show_kind *rbk_show_choose(bool json, bool plain, int descriptor)
{
    if (json) {
        return &rbk_show_json;
    }
    return !plain && rbk_terminal_possible(descriptor) ? &rbk_show_live : &rbk_show_plain;
}

void rbk_show_init(struct rbk_show *show, const struct rbk_show_kind *kind, int descriptor)
{
    memset(show, 0, sizeof(*show));
    show->kind = kind;
    show->descriptor = descriptor;
    rbk_buffer_init(&show->gathered, GATHERED_BYTES_MAX);
    show->with_day = true;
    bool utf8 = rbk_style_utf8();
    show->style = kind != &rbk_show_json && rbk_style_wanted() && isatty(descriptor) == 1
                      ? rbk_style_colour(utf8)
                      : rbk_style_plain(utf8);
}

int rbk_show_begin(struct rbk_show *show, const struct rbk_view *view,
                   const struct rbk_state *state)
{
    int error = rbk_track_init(&show->track, view->machine,
                               view->settings != NULL ? view->settings->params : NULL);
    if (error != 0) {
        return error;
    }
    show->tracking = true;
    show->view = view;
    show->state = state;
    return 0;
}

void rbk_show_record(struct rbk_show *show, const struct rbk_shown_record *record)
{
    rbk_track_record(&show->track, show->view, record->record, record->before, record->after,
                     record->actions);
    if (show->kind->on_record != NULL) {
        show->kind->on_record(show, record);
    }
    if (show->after_record != NULL) {
        show->after_record(show, show->after_context, record->seq);
    }
}

void rbk_show_notice(struct rbk_show *show, const char *text)
{
    if (show->kind->on_notice != NULL) {
        show->kind->on_notice(show, text);
    }
}

void rbk_show_tick(struct rbk_show *show)
{
    if (show->kind->on_tick != NULL) {
        show->kind->on_tick(show);
    }
}

void rbk_show_resize(struct rbk_show *show)
{
    if (show->kind->on_resize != NULL) {
        show->kind->on_resize(show);
    }
}

void rbk_show_suspend(struct rbk_show *show)
{
    if (show->kind->on_suspend != NULL) {
        show->kind->on_suspend(show);
    }
}

void rbk_show_end(struct rbk_show *show, int status)
{
    if (show->kind->on_end != NULL) {
        show->kind->on_end(show, status);
    }
}

void rbk_show_fini(struct rbk_show *show)
{
    if (show->kind != NULL && show->kind->fini != NULL) {
        show->kind->fini(show);
    }
    if (show->tracking) {
        rbk_track_fini(&show->track);
    }
    rbk_buffer_fini(&show->gathered);
    memset(show, 0, sizeof(*show));
}

/* Whether the descriptor takes bytes now, or within `wait_ms`. */
static bool takes_bytes(struct rbk_show *show, int wait_ms)
{
    struct pollfd ready = {.fd = show->descriptor, .events = POLLOUT};
    int polled;
    do {
        polled = poll(&ready, 1, wait_ms);
    } while (polled < 0 && errno == EINTR);
    if (polled < 0 || (polled > 0 && (ready.revents & POLLNVAL) != 0)) {
        show->failed = true;
    }
    return polled > 0 && !show->failed;
}

/* Write what fits at once; less than all only when nobody reads. */
static void write_bytes(struct rbk_show *show, const char *data, size_t bytes)
{
    while (!show->failed && bytes != 0) {
        if (!takes_bytes(show, show->patient ? -1 : WRITE_MS)) {
            show->stalled = true;
            return;
        }
        /* A pipe that is ready takes PIPE_BUF bytes without blocking. */
        size_t piece = bytes < 4096 ? bytes : 4096;
        ssize_t written = write(show->descriptor, data, piece);
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            show->failure = errno;
            show->failed = true;
        } else if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        }
    }
}

/* Write now, or drop it where nobody reads. */
static void pass_on(struct rbk_show *show, const char *data, size_t bytes)
{
    static const char gap[] = "\n(output was lost here while nobody read it; rbk log has all)\n";
    static const char json_gap[] = "\n{\"kind\":\"gap\"}\n";
    if (show->failed || bytes == 0) {
        return;
    }
    if (show->stalled) {
        if (!takes_bytes(show, 0)) {
            return;
        }
        show->stalled = false;
        if (show->kind == &rbk_show_json) {
            write_bytes(show, json_gap, sizeof(json_gap) - 1);
        } else {
            write_bytes(show, gap, sizeof(gap) - 1);
        }
    }
    if (!show->stalled) {
        write_bytes(show, data, bytes);
    }
}

void rbk_show_write(struct rbk_show *show, const char *data, size_t bytes)
{
    if (!show->gathering || bytes > GATHERED_BYTES_MAX / 2) {
        rbk_show_flush(show);
        pass_on(show, data, bytes);
        return;
    }
    if (show->gathered.bytes + bytes > GATHERED_BYTES_MAX / 2) {
        rbk_show_flush(show);
    }
    (void)rbk_buffer_append(&show->gathered, data, bytes);
}

void rbk_show_flush(struct rbk_show *show)
{
    pass_on(show, show->gathered.data, show->gathered.bytes);
    rbk_buffer_clear(&show->gathered);
}
