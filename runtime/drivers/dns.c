/*
 * uv_getaddrinfo() cannot be stopped once its thread runs; a cancelled question is only forgotten.
 */
#include "runtime/drivers/dns.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct rbk_dns {
    uv_getaddrinfo_t request;
    struct rbk_task_driver *driver;
    rbk_dns_fn *on_done; /* NULL: cancelled */
    void *owner;
};

static size_t collect(const struct addrinfo *list, struct rbk_dns_address *addresses)
{
    size_t count = 0;
    for (const struct addrinfo *at = list; at && count < RBK_DNS_ADDRESSES_MAX; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) {
            continue;
        }
        struct rbk_dns_address *address = &addresses[count];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address->text, sizeof(address->text), NULL, 0,
                        NI_NUMERICHOST) == 0) {
            count++;
        }
    }
    return count;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct rbk_dns *dns = RBK_CONTAINER_OF(request, struct rbk_dns, request);
    struct rbk_task_driver *driver = dns->driver;
    if (dns->on_done) {
        struct rbk_dns_address addresses[RBK_DNS_ADDRESSES_MAX];
        size_t count = status == 0 ? collect(list, addresses) : 0;
        int error = status == 0 && count == 0 ? UV_EAI_NODATA : status;
        dns->on_done(dns->owner, error, addresses, count);
    }
    uv_freeaddrinfo(list);
    free(dns);
    rbk_task_driver_release(driver);
}

int rbk_dns_start(struct rbk_task_driver *driver, const char *host, rbk_dns_fn *on_done,
                  void *owner, struct rbk_dns **ret_dns)
{
    struct rbk_dns *dns = calloc(1, sizeof(*dns));
    if (!dns) {
        return -RBK_ENOMEM;
    }
    dns->driver = driver;
    dns->on_done = on_done;
    dns->owner = owner;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (uv_getaddrinfo(driver->setup->loop, &dns->request, on_resolved, host, NULL, &hints) != 0) {
        free(dns); /* a name longer than any host's, or no memory */
        return -RBK_ENOMEM;
    }
    rbk_task_driver_hold(driver);
    *ret_dns = dns;
    return 0;
}

void rbk_dns_cancel(struct rbk_dns *dns)
{
    if (dns) {
        dns->on_done = NULL;
        (void)uv_cancel((uv_req_t *)&dns->request);
    }
}
