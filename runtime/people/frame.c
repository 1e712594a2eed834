/*
 * A picture of a run: how the rows of a terminal are shared out. Each part is drawn for itself
 * first, so that what it takes is known. The status comes first; then what a person has to do,
 * since that is why they look; then how far it is and why it turned round; then the stages, those
 * under way first; and the triggers get at least half of what is left.
 */
#include "runtime/people/frame.h"

#include <string.h>

#include "runtime/people/frame_internal.h"

#define NAME_COLUMNS_MAX 18u /* on a terminal of 80 columns; a fifth of a wider one */
#define RULE_ROWS_MIN 16u    /* from then on a line parts the picture from the log above it */

void rbk_frame_init(struct rbk_frame *frame)
{
    memset(frame, 0, sizeof(*frame));
    rbk_buffer_init(&frame->text, RBK_VIEW_BYTES_MAX);
}

void rbk_frame_fini(struct rbk_frame *frame)
{
    rbk_buffer_fini(&frame->text);
}

void rbk_frame_clear(struct rbk_frame *frame)
{
    rbk_buffer_clear(&frame->text);
    frame->line_count = 0;
}

double rbk_frame_share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

/* The widest name, within what a terminal of this size can spare. */
static size_t name_columns(const struct rbk_machine *machine, size_t columns)
{
    size_t widest = 0, most = columns / 5 > NAME_COLUMNS_MAX ? columns / 5 : NAME_COLUMNS_MAX;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (rbk_frame_is_stage(&machine->regions[i])) {
            size_t bytes = machine->regions[i].name.bytes;
            widest = bytes > widest ? bytes : widest;
        }
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        size_t bytes = machine->triggers[i].name.bytes;
        widest = bytes > widest ? bytes : widest;
    }
    return widest < most ? widest : most;
}

/* Begin to draw into a frame of any number of lines. */
static struct drawing begin(struct rbk_frame *frame, const struct rbk_picture *picture)
{
    size_t columns = picture->columns < 20 ? 20 : picture->columns;
    struct drawing drawing = {.picture = picture,
                              .view = picture->view,
                              .machine = picture->view->machine,
                              .state = picture->state};
    rbk_frame_clear(frame);
    rbk_pen_init(&drawing.pen, frame, picture->style, columns - 1, RBK_FRAME_LINES_MAX);
    drawing.name_columns = name_columns(drawing.machine, columns);
    return drawing;
}

void rbk_frame_head(struct rbk_frame *frame, const struct rbk_picture *picture)
{
    struct drawing drawing = begin(frame, picture);
    rbk_frame_draw_way(&drawing, "  progress  ");
    rbk_pen_fini(&drawing.pen);
}

void rbk_frame_stage(struct rbk_frame *frame, const struct rbk_picture *picture, uint32_t region)
{
    struct drawing drawing = begin(frame, picture);
    rbk_frame_draw_stage(&drawing, region);
    rbk_pen_fini(&drawing.pen);
}

void rbk_frame_trigger(struct rbk_frame *frame, const struct rbk_picture *picture, uint32_t trigger)
{
    struct drawing drawing = begin(frame, picture);
    rbk_frame_draw_trigger(&drawing, trigger);
    rbk_pen_fini(&drawing.pen);
}

/* Append the first lines of a part. */
static void append_lines(struct rbk_frame *frame, const struct rbk_frame *part, size_t count)
{
    struct rbk_str rest = rbk_buffer_str(&part->text);
    for (size_t i = 0; i < part->line_count && i < count; i++) {
        size_t end = rbk_str_find(rest, '\n') + 1;
        if (frame->line_count < RBK_FRAME_LINES_MAX) {
            rbk_buffer_append_str(&frame->text, rbk_str_slice(rest, 0, end));
            frame->line_columns[frame->line_count++] = part->line_columns[i];
        }
        rest = rbk_str_slice(rest, end, rest.bytes);
    }
}

/* Take what is wanted of what is left. */
static size_t share_out(size_t *left, size_t wanted)
{
    size_t given = wanted < *left ? wanted : *left;
    *left -= given;
    return given;
}

void rbk_frame_draw(struct rbk_frame *frame, const struct rbk_picture *picture)
{
    size_t rows = picture->rows < 5 ? 5 : picture->rows, left = rows - 2;
    size_t head_lines, reason_lines, below_lines, step_lines, stage_lines, trigger_lines;
    struct rbk_frame head, reason, below, part;
    struct drawing drawing;

    rbk_frame_init(&head);
    rbk_frame_init(&reason);
    rbk_frame_init(&below);
    rbk_frame_init(&part);
    drawing = begin(&head, picture);
    rbk_frame_draw_head(&drawing);
    drawing.pen.frame = &reason;
    rbk_frame_draw_reason(&drawing);
    drawing.pen.frame = &below;
    rbk_frame_draw_below(&drawing);
    drawing.pen.frame = &part;
    rbk_frame_draw_plan_step(&drawing);

    /* One line of the tree stays, whatever is asked. */
    left -= rows >= RULE_ROWS_MIN ? 2 : 1;
    below_lines = share_out(&left, below.line_count);
    reason_lines = share_out(&left, reason.line_count);
    head_lines = 1 + share_out(&left, head.line_count - 1);
    step_lines = share_out(&left, part.line_count);
    left++;
    stage_lines = rbk_frame_stage_lines(&drawing);
    trigger_lines = rbk_frame_trigger_lines(&drawing);
    if (trigger_lines > left / 2 && trigger_lines + stage_lines > left) {
        trigger_lines = stage_lines < left - left / 2 ? left - stage_lines : left / 2;
    }
    trigger_lines = trigger_lines < 2 ? 0 : trigger_lines;

    rbk_frame_clear(frame);
    drawing.pen.frame = frame;
    if (rows >= RULE_ROWS_MIN) {
        rbk_pen_rule(&drawing.pen, RBK_TONE_DIM);
    }
    append_lines(frame, &head, head_lines);
    append_lines(frame, &reason, reason_lines);
    append_lines(frame, &part, step_lines);
    drawing.pen.lines_max = rows - 1;
    rbk_frame_draw_stages(&drawing, left - trigger_lines);
    rbk_frame_draw_triggers(&drawing, trigger_lines);
    bool cut = below_lines > 3 && below_lines < below.line_count;
    append_lines(frame, &below, below_lines - (cut ? 1 : 0));
    if (cut) {
        rbk_pen_printf(&drawing.pen, RBK_TONE_DIM, "   %s more: rbk status %s",
                       picture->style->utf8 ? "…" : "...", picture->view->run);
        rbk_pen_end(&drawing.pen);
    }
    rbk_pen_fini(&drawing.pen);
    rbk_frame_fini(&head);
    rbk_frame_fini(&reason);
    rbk_frame_fini(&below);
    rbk_frame_fini(&part);
}
