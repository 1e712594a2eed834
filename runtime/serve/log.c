/*
 * The log on stderr. Whoever reads it may stop doing so (a pager, a collector that hangs), and the
 * server must not stop with him: a line that cannot be written at once is dropped, and how many
 * were is told by the next one that can.
 */
#include "runtime/serve/serve_internal.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Not more than a pipe takes in one piece: where poll() says that there is room, there is room for
 * so much. */
#define LINE_BYTES 1024

static bool is_writable(void)
{
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&log, 1, 0) == 1 && (log.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

static bool write_line(const char *line, int bytes)
{
    return bytes > 0 && is_writable() && write(STDERR_FILENO, line, (size_t)bytes) == bytes;
}

void rbk_serve_log(struct rbk_server *server, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    int bytes;

    if (server->lines_lost != 0) {
        bytes = snprintf(line, sizeof(line), "rbk serve: %llu lines of this log were lost\n",
                         (unsigned long long)server->lines_lost);
        if (write_line(line, bytes)) {
            server->lines_lost = 0;
        }
    }
    va_start(arguments, format);
    bytes = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (bytes >= (int)sizeof(line) - 1) {
        bytes = (int)sizeof(line) - 2;
    }
    if (bytes < 0) {
        return;
    }
    line[bytes++] = '\n';
    if (server->lines_lost != 0 || !write_line(line, bytes)) {
        server->lines_lost++;
    }
}
