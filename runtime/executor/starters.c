/*
 * Who started or resumed a run, and what that means under `four eyes`: their answers are refused,
 * and what they agreed to before they took the run over does not count any more. Both follow from
 * the events before, so they are worked out for each answer and not kept in the journal.
 */
#include "runtime/executor/replay.h"

#include "runtime/core/asked.h"
#include "runtime/core/seat.h"

/* Whether the journal says that this person started or resumed the run. */
static bool is_starter(const struct rbk_replay *replay, struct rbk_str user)
{
    for (const struct rbk_starter *at = replay->starters; at != NULL; at = at->next) {
        if (rbk_str_equal(at->name, user)) {
            return true;
        }
    }
    return false;
}

void rbk_replay_add_starter(struct rbk_replay *replay, struct rbk_str user)
{
    if (!is_starter(replay, user)) {
        struct rbk_starter *starter = rbk_new(&replay->arena, struct rbk_starter);

        *starter = (struct rbk_starter){rbk_arena_copy(&replay->arena, user), replay->starters};
        replay->starters = starter;
    }
}

uint32_t rbk_replay_question(const struct rbk_replay *replay, enum rbk_question_owner owner,
                             uint32_t index)
{
    struct rbk_asked asked;

    return rbk_asked_by(replay->machine, replay->state, owner, index, &asked) ? asked.question
                                                                              : RBK_NONE;
}

uint32_t rbk_replay_starter_seats(const struct rbk_replay *replay, uint32_t question)
{
    uint32_t seats = 0;

    if (!rbk_question_four_eyes(replay->machine, question)) {
        return 0;
    }
    for (const struct rbk_starter *at = replay->starters; at != NULL; at = at->next) {
        for (uint32_t seat = 0; seat < 32; seat++) {
            struct rbk_str name = rbk_question_seat_name(replay->machine, question, seat);
            seats |= name.bytes != 0 && rbk_str_equal(name, at->name) ? UINT32_C(1) << seat : 0;
        }
    }
    return seats;
}

void rbk_replay_bar_starters(const struct rbk_replay *replay, struct rbk_record *record)
{
    struct rbk_event *event = &record->event;

    event->own = is_starter(replay, record->who);
    event->barred = 0;
    if (event->kind == RBK_EVENT_ANSWER) {
        event->barred = rbk_replay_starter_seats(
            replay, rbk_replay_question(replay, event->owner, event->index));
    }
}
