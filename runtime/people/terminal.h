#ifndef RBK_RUNTIME_PEOPLE_TERMINAL_H
#define RBK_RUNTIME_PEOPLE_TERMINAL_H

/*
 * The two things the live view needs of a terminal, from terminfo: moving up, and erasing from
 * there to the end of the screen. A module of its own, because the headers of curses define
 * everyday words as macros.
 */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"

struct rbk_terminal;

/* Whether the descriptor is a terminal that can do both ($TERM is known and not "dumb"). */
bool rbk_terminal_possible(int descriptor);
/* NULL when it cannot, or memory ran out. One terminal may be open at a time. */
RBK_MUST_USE struct rbk_terminal *rbk_terminal_open(int descriptor);
void rbk_terminal_close(struct rbk_terminal *terminal);
/*
 * Append what erases the `rows` rows above the cursor, which stands at the beginning of a line, and
 * leaves it where they began. Row by row: clearing to the end of the screen from its first row
 * would make tmux keep a copy of it in its history.
 */
void rbk_terminal_erase(struct rbk_terminal *terminal, size_t rows, struct rbk_buffer *out);
/* Append what goes up so many rows, to the beginning of the line; nothing for 0. */
void rbk_terminal_up(struct rbk_terminal *terminal, size_t rows, struct rbk_buffer *out);
/* Append what clears from the cursor to the end of its line. */
void rbk_terminal_clear_line(struct rbk_terminal *terminal, struct rbk_buffer *out);
/* The size of its window; 80 x 24 when it does not say. */
void rbk_terminal_size(int descriptor, size_t *ret_width, size_t *ret_height);

#endif
