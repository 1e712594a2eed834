#ifndef RBK_TESTS_UNIT_DRIVERS_HTTP_STUB_H
#define RBK_TESTS_UNIT_DRIVERS_HTTP_STUB_H

/*
 * An HTTP server that misbehaves on request, in a child process. The path says how:
 *   /echo            200, the request itself as the body
 *   /seen            200, how many requests came before this one
 *   /status/NNN      that status, with a body; 429 asks for seven seconds
 *   /silent          reads the request and never answers
 *   /slow            a body that never ends, a byte now and then
 *   /endless         a body that never ends, as fast as it goes
 *   /endless-header  headers that never end
 *   /truncated       less body than announced
 *   /reset           resets after the whole request
 *   /reset-body      resets in the middle of the body
 * Connections are closed after each answer.
 */

#include <sys/types.h>

struct http_stub {
    pid_t pid;
    int port;
};

struct http_stub http_stub_start(void);
void http_stub_stop(const struct http_stub *stub);

#endif
