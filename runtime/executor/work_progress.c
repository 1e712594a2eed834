/*
 * How far a `wait until … progress EXPR` is, for whoever watches: read after each look that did not
 * end the wait, never two at once. It decides nothing: what cannot be read is not known, and the
 * last value stands.
 */
#include "runtime/executor/work.h"

static void on_progress(void *owner, struct rbk_reading *reading, struct rbk_value value,
                        struct rbk_str message)
{
    struct work *work = owner;

    (void)reading;
    (void)message;
    work->progress_reading = NULL;
    if (!value.missing && value.type == RBK_TYPE_RATIO) {
        work->has_progress = true;
        work->progress = value.as.number;
    }
}

void rbk_work_progress(struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;
    uint64_t now_ms = uv_now(&work->run->loop);
    struct rbk_slice args = work->effect->args;
    struct rbk_error error;

    if (work->effect->kind != RBK_EFFECT_WAIT_UNTIL || work->look ||
        work->progress_reading != NULL) {
        return;
    }
    for (uint32_t i = args.first; i < args.first + args.count; i++) {
        if (machine->args[i].kind == RBK_ARG_PROGRESS &&
            rbk_reading_start(work->run->reader, machine->args[i].expr, work->name, work->stage,
                              work->deadline_ms > now_ms ? work->deadline_ms - now_ms : 1, work,
                              on_progress, &work->progress_reading, &error) != 0) {
            work->progress_reading = NULL;
        }
    }
}

void rbk_work_progress_stop(struct work *work)
{
    if (work->progress_reading != NULL) {
        rbk_reading_cancel(work->progress_reading);
        work->progress_reading = NULL;
    }
}
