/*
 * terminfo, kept away from everything else.
 */
#include "runtime/people/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Defines lines, columns and the like as macros: last, and in no header. */
#include <curses.h>
#include <term.h>

#define WIDTH_DEFAULT 80u
#define HEIGHT_DEFAULT 24u

struct rbk_terminal {
    char *up;    /* owned: capability cuu */
    char *clear; /* owned: capability el */
};

/* A copy of a capability without its padding ("$<50>"), which no terminal of today waits for; NULL
 * when the terminal does not have it. */
static char *capability(const char *name)
{
    char copy[8] = "";
    memcpy(copy, name, strlen(name) < sizeof(copy) ? strlen(name) : sizeof(copy) - 1);
    const char *text = tigetstr(copy);
    char *stripped;
    size_t bytes = 0;
    if (text == NULL || text == (char *)-1 || (stripped = malloc(strlen(text) + 1)) == NULL) {
        return NULL;
    }
    for (const char *at = text; *at != '\0'; at++) {
        const char *end = at[0] == '$' && at[1] == '<' ? strchr(at, '>') : NULL;
        if (end != NULL) {
            at = end;
        } else {
            stripped[bytes++] = *at;
        }
    }
    stripped[bytes] = '\0';
    return stripped;
}

struct rbk_terminal *rbk_terminal_open(int descriptor)
{
    const char *term = getenv("TERM");
    int error = 0;
    if (isatty(descriptor) != 1 || term == NULL || strcmp(term, "dumb") == 0 ||
        setupterm(NULL, descriptor, &error) != OK) {
        return NULL;
    }
    struct rbk_terminal *terminal = calloc(1, sizeof(*terminal));
    if (terminal != NULL) {
        terminal->up = capability("cuu");
        terminal->clear = capability("el");
    }
    if (terminal == NULL || terminal->up == NULL || terminal->clear == NULL) {
        rbk_terminal_close(terminal);
        return NULL;
    }
    return terminal;
}

void rbk_terminal_close(struct rbk_terminal *terminal)
{
    if (terminal != NULL) {
        free(terminal->up);
        free(terminal->clear);
        free(terminal);
    }
    if (cur_term != NULL) {
        (void)del_curterm(cur_term);
    }
}

bool rbk_terminal_possible(int descriptor)
{
    struct rbk_terminal *terminal = rbk_terminal_open(descriptor);
    if (terminal == NULL) {
        return false;
    }
    rbk_terminal_close(terminal);
    return true;
}

static void append_up(struct rbk_terminal *terminal, size_t rows, struct rbk_buffer *out)
{
    rbk_buffer_append_text(out, tparm(terminal->up, (long)rows, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L));
}

void rbk_terminal_up(struct rbk_terminal *terminal, size_t rows, struct rbk_buffer *out)
{
    rbk_buffer_append_byte(out, '\r');
    if (rows != 0) {
        append_up(terminal, rows, out);
    }
}

void rbk_terminal_clear_line(struct rbk_terminal *terminal, struct rbk_buffer *out)
{
    rbk_buffer_append_text(out, terminal->clear);
}

void rbk_terminal_erase(struct rbk_terminal *terminal, size_t rows, struct rbk_buffer *out)
{
    rbk_buffer_append_byte(out, '\r');
    if (rows == 0) {
        return;
    }
    append_up(terminal, rows, out);
    for (size_t i = 0; i < rows; i++) {
        rbk_buffer_append_text(out, terminal->clear);
        rbk_buffer_append_byte(out, '\n');
    }
    append_up(terminal, rows, out);
}

void rbk_terminal_size(int descriptor, size_t *ret_width, size_t *ret_height)
{
    struct winsize size;
    *ret_width = WIDTH_DEFAULT;
    *ret_height = HEIGHT_DEFAULT;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0) {
        *ret_width = size.ws_col;
        *ret_height = size.ws_row;
    }
}
