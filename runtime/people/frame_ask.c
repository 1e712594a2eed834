/*
 * What a person has to do: the questions with who may answer and the commands that do, messages
 * that nobody got, and what leads on when nothing goes on by itself.
 */
#include "runtime/people/frame_internal.h"
#include "runtime/people/when.h"

#define ASKED_MAX 8u
/* Of two lines: what stands before the roles, and the end of a line that a word is too long for. */
#define LOST_TO_BREAKS 50u

static void draw_unsent(struct drawing *drawing)
{
    const struct rbk_facts *facts = drawing->picture->facts;
    struct rbk_unsent_fact unsent;
    if (facts == NULL || facts->unsent == NULL || !facts->unsent(facts->context, &unsent)) {
        return;
    }
    if (unsent.count != 0) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN, " %s ",
                       rbk_style_mark(drawing->picture->style, RBK_TONE_BAD));
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN, "%zu%s %s not sent yet%s%s", unsent.count,
                       unsent.or_more ? " or more" : "", unsent.count == 1 ? "message" : "messages",
                       unsent.reason[0] != '\0' ? ": " : "", unsent.reason);
        rbk_pen_end(&drawing->pen);
    }
    if (unsent.aside != 0) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN, " %s ",
                       rbk_style_mark(drawing->picture->style, RBK_TONE_BAD));
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN,
                       "%zu %s refused, and set aside; rbk status says why", unsent.aside,
                       unsent.aside == 1 ? "message" : "messages");
        rbk_pen_end(&drawing->pen);
    }
}

/* "   asked: dba <…>, infra_lead (agreed); by 22:04:11, else abort". What silence means is never
 * cut: where both are too long for two lines it has a line of its own. */
static void draw_roles(struct drawing *drawing, const struct rbk_asked *asked)
{
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_buffer roles, due;
    rbk_buffer_init(&roles, RBK_VIEW_BYTES_MAX);
    rbk_buffer_init(&due, RBK_VIEW_BYTES_MAX);
    rbk_asked_roles(drawing->view, asked, &roles);
    if (asked->due_ms != 0) {
        rbk_buffer_printf(&due, "by %s, else ",
                          rbk_when_until(asked->due_ms, drawing->picture->now_ms).text);
        rbk_asked_silence(drawing->view, drawing->state, asked, &due);
    }
    if (roles.bytes + due.bytes + LOST_TO_BREAKS <= 2 * pen->width) {
        rbk_buffer_append_text(&roles, roles.bytes != 0 ? "; " : "");
        rbk_buffer_append_str(&roles, rbk_buffer_str(&due));
        rbk_buffer_clear(&due);
    }
    if (roles.bytes != 0) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("   "));
        rbk_pen_wrap(pen, RBK_TONE_DIM, RBK_STR("asked: "), rbk_buffer_str(&roles), 2);
    }
    if (due.bytes != 0) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("          "));
        rbk_pen_wrap(pen, RBK_TONE_DIM, RBK_STR(""), rbk_buffer_str(&due), 3);
    }
    rbk_buffer_fini(&roles);
    rbk_buffer_fini(&due);
}

static void draw_asked(struct drawing *drawing, const struct rbk_asked *asked)
{
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_asked_words(drawing->view, drawing->state, asked, &text);
    if (asked->due_ms != 0) {
        uint64_t left_ms = rbk_when_between(drawing->picture->now_ms, asked->due_ms);
        rbk_pen_right(pen, RBK_TONE_WARN, "%s left", rbk_when_ticks(left_ms).text);
    }
    rbk_pen_wrap(pen, RBK_TONE_ASK, RBK_STR(" ? "), rbk_buffer_str(&text), 3);
    rbk_buffer_clear(&text);
    draw_roles(drawing, asked);
    for (size_t number = 0; rbk_asked_command(drawing->view, drawing->state, asked, number, &text);
         number++) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("     "));
        rbk_pen_command(pen, RBK_TONE_ASK, rbk_buffer_str(&text));
        rbk_buffer_clear(&text);
    }
    rbk_buffer_fini(&text);
}

/* A line of rbk_view_explain(): a sentence, or "  rbk …   # what it does". */
static void draw_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct drawing *drawing = context;
    struct rbk_pen *pen = &drawing->pen;
    size_t comment = 0;
    if (stage.bytes != 0) {
        return; /* what became of a stage stands in the tree */
    }
    if (!rbk_str_starts(text, RBK_STR("  rbk "))) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
        rbk_pen_wrap(pen, tone, RBK_STR(""), text, 3);
        return;
    }
    while (comment < text.bytes &&
           !rbk_str_starts(rbk_str_slice(text, comment, text.bytes), RBK_STR("   # "))) {
        comment++;
    }
    if (comment + 5 < text.bytes) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("   "));
        rbk_pen_wrap(pen, RBK_TONE_PLAIN, RBK_STR(""), rbk_str_slice(text, comment + 5, text.bytes),
                     2);
    }
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("     "));
    rbk_pen_command(pen, tone, rbk_str_slice(text, 2, comment));
}

static void draw_escalation(struct drawing *drawing)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_called(drawing->view, drawing->state, drawing->picture->now_ms, &text);
    if (text.bytes != 0) {
        rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
        rbk_pen_wrap(&drawing->pen, RBK_TONE_WARN, RBK_STR(""), rbk_buffer_str(&text), 2);
    }
    rbk_buffer_fini(&text);
}

void rbk_frame_draw_below(struct drawing *drawing)
{
    struct rbk_asked asked[ASKED_MAX];
    size_t count = rbk_view_asked(drawing->view, drawing->state, asked, ASKED_MAX);

    for (size_t i = 0; i < count && i < ASKED_MAX; i++) {
        draw_asked(drawing, &asked[i]);
    }
    rbk_view_explain(drawing->view, drawing->state, draw_line, drawing);
    draw_escalation(drawing);
    if (drawing->picture->interrupted) {
        rbk_pen_text(
            &drawing->pen, RBK_TONE_WARN,
            drawing->state->turned
                ? RBK_STR(" Ctrl-C: the rollback goes on; again: leaves it here at once")
            : rbk_view_goes_back(drawing->machine, drawing->state)
                ? RBK_STR(" Ctrl-C: pauses once what goes back is back; again: stops here at once")
                : RBK_STR(" Ctrl-C: pauses after this step; again: stops here at once"));
        rbk_pen_end(&drawing->pen);
    }
    draw_unsent(drawing);
}
