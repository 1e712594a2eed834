/*
 * A file of its own because the kernel's header, whose struct tcp_info counts bytes, and libc's,
 * which libuv includes and which does not, cannot be included together.
 */
#include "runtime/drivers/postgres/taken.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool rbk_postgres_taken(int fd, uint64_t *ret_bytes)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof(info);
    int unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 ||
        bytes < offsetof(struct tcp_info, tcpi_segs_out) || ioctl(fd, FIONREAD, &unread) != 0) {
        return false;
    }
    uint64_t received = info.tcpi_bytes_received;
    *ret_bytes = received > (uint64_t)unread ? received - (uint64_t)unread : 0;
    return true;
}
