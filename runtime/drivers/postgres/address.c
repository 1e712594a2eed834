/*
 * libpq wants as many hostaddr and port items as host items. A host that resolves to several
 * addresses is therefore repeated, once per address, with its own port; sockets and hosts that have
 * a numeric address keep theirs.
 */
#include "runtime/drivers/postgres/address.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Dead peers are noticed within this time after something was sent, also while cancelling. */
#define USER_TIMEOUT_MS "30000"
#define KEYWORDS_MAX 80
#define LIST_BYTES_MAX ((size_t)8192)

struct host {
    char *name;    /* owned */
    char port[16]; /* "" is libpq's default */
    bool named;    /* must be resolved */
    struct rbk_dns_address addresses[RBK_DNS_ADDRESSES_MAX];
    size_t address_count;
};

struct rbk_postgres_address {
    PQconninfoOption *options; /* owned by libpq's allocator */
    struct host hosts[RBK_POSTGRES_HOSTS_MAX];
    size_t host_count; /* 0: libpq's own defaults are used as they are */
    size_t next;       /* first host that may have to be resolved */
    char *host_list;   /* owned; the three lists that libpq is given */
    char *address_list;
    char *port_list;
    const char *keywords[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
};

static const char *option(const struct rbk_postgres_address *address, const char *keyword)
{
    for (const PQconninfoOption *at = address->options; at->keyword; at++) {
        if (strcmp(at->keyword, keyword) == 0) {
            return at->val && *at->val ? at->val : NULL;
        }
    }
    return NULL;
}

/* Whether libpq would take the host for something else than a name. */
static bool is_name(const char *host)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    return *host != '\0' && *host != '/' && *host != '@' && uv_ip4_addr(host, 0, &v4) != 0 &&
           uv_ip6_addr(host, 0, &v6) != 0;
}

static size_t item_bytes(const char *list)
{
    return strcspn(list, ",");
}

/* Cuts "a,b" and its ports into hosts. */
static int cut_hosts(struct rbk_postgres_address *address, const char *list, const char *ports)
{
    for (;;) {
        if (address->host_count == RBK_POSTGRES_HOSTS_MAX) {
            return -RBK_EINVALID;
        }
        struct host *host = &address->hosts[address->host_count++];
        host->name = strndup(list, item_bytes(list));
        if (!host->name) {
            return -RBK_ENOMEM;
        }
        host->named = is_name(host->name);
        size_t port_bytes = ports ? item_bytes(ports) : 0;
        if (port_bytes >= sizeof(host->port)) {
            return -RBK_EINVALID;
        }
        memcpy(host->port, ports ? ports : "", port_bytes);
        if (ports && ports[port_bytes] == ',') {
            ports += port_bytes + 1; /* otherwise the one port is everybody's */
        }
        list += item_bytes(list);
        if (*list == '\0') {
            return 0;
        }
        list++;
    }
}

int rbk_postgres_address_parse(const char *text, struct rbk_postgres_address **ret,
                               struct rbk_error *reterr)
{
    struct rbk_postgres_address *address = calloc(1, sizeof(*address));
    if (!address) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for an address");
    }
    char *message = NULL;
    address->options = PQconninfoParse(text, &message);
    PQfreemem(message); /* it repeats parts of the address, which may be a password */
    if (!address->options) {
        rbk_postgres_address_free(address);
        return rbk_error_set(reterr, RBK_EINVALID,
                             "the address is neither a postgresql:// URL nor \"host=… dbname=…\"");
    }
    const char *hosts = option(address, "host");
    const char *ports = option(address, "port");
    hosts = hosts ? hosts : getenv("PGHOST");
    ports = ports ? ports : getenv("PGPORT");
    bool numeric = option(address, "hostaddr") || (!hosts && getenv("PGHOSTADDR"));
    int error = 0;
    if (hosts && *hosts && !numeric) {
        error = cut_hosts(address, hosts, ports);
    }
    if (error) {
        rbk_postgres_address_free(address);
        return rbk_error_set(reterr, (enum rbk_err) - error,
                             "the address has more than %d hosts, or a wrong port",
                             RBK_POSTGRES_HOSTS_MAX);
    }
    *ret = address;
    return 0;
}

void rbk_postgres_address_free(struct rbk_postgres_address *address)
{
    if (!address) {
        return;
    }
    for (size_t i = 0; i < address->host_count; i++) {
        free(address->hosts[i].name);
    }
    for (PQconninfoOption *at = address->options; at && at->keyword; at++) {
        if (at->val) {
            explicit_bzero(at->val, strlen(at->val));
        }
    }
    PQconninfoFree(address->options);
    free(address->host_list);
    free(address->address_list);
    free(address->port_list);
    free(address);
}

const char *rbk_postgres_address_next_name(const struct rbk_postgres_address *address)
{
    for (size_t i = address->next; i < address->host_count; i++) {
        if (address->hosts[i].named) {
            return address->hosts[i].name;
        }
    }
    return NULL;
}

void rbk_postgres_address_resolved(struct rbk_postgres_address *address,
                                   const struct rbk_dns_address *addresses, size_t count)
{
    while (address->next < address->host_count && !address->hosts[address->next].named) {
        address->next++;
    }
    RBK_ASSERT(address->next < address->host_count);
    struct host *host = &address->hosts[address->next++];
    host->address_count = count < RBK_DNS_ADDRESSES_MAX ? count : RBK_DNS_ADDRESSES_MAX;
    for (size_t i = 0; i < host->address_count; i++) {
        host->addresses[i] = addresses[i];
    }
}

/* Writes the three lists; false when nothing is left to connect to. */
static bool write_lists(const struct rbk_postgres_address *address, struct rbk_buffer *hosts,
                        struct rbk_buffer *addresses, struct rbk_buffer *ports)
{
    bool first = true;
    for (size_t i = 0; i < address->host_count; i++) {
        const struct host *host = &address->hosts[i];
        size_t count = host->named ? host->address_count : 1;
        for (size_t j = 0; j < count; j++) {
            const char *numeric = host->named ? host->addresses[j].text : "";
            const char *comma = first ? "" : ",";
            (void)rbk_buffer_printf(hosts, "%s%s", comma, host->name);
            (void)rbk_buffer_printf(addresses, "%s%s", comma, numeric);
            (void)rbk_buffer_printf(ports, "%s%s", comma, host->port);
            first = false;
        }
    }
    return !first;
}

static int make_lists(struct rbk_postgres_address *address)
{
    struct rbk_buffer hosts;
    struct rbk_buffer addresses;
    struct rbk_buffer ports;
    rbk_buffer_init(&hosts, LIST_BYTES_MAX);
    rbk_buffer_init(&addresses, LIST_BYTES_MAX);
    rbk_buffer_init(&ports, LIST_BYTES_MAX);
    bool some = write_lists(address, &hosts, &addresses, &ports);
    address->host_list = rbk_buffer_take(&hosts, NULL);
    address->address_list = rbk_buffer_take(&addresses, NULL);
    address->port_list = rbk_buffer_take(&ports, NULL);
    if (!some) {
        return -RBK_ENOTFOUND;
    }
    bool complete = address->host_list && address->address_list && address->port_list;
    return complete ? 0 : -RBK_ENOMEM;
}

static void put(struct rbk_postgres_address *address, size_t *count, const char *keyword,
                const char *value)
{
    RBK_ASSERT(*count + 1 < KEYWORDS_MAX);
    address->keywords[*count] = keyword;
    address->values[*count] = value;
    (*count)++;
}

static bool is_one_of_ours(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
           strcmp(keyword, "port") == 0;
}

int rbk_postgres_address_finish(struct rbk_postgres_address *address, const char *application_name,
                                const char *const **ret_keywords, const char *const **ret_values)
{
    bool ours = address->host_count > 0;
    if (ours) {
        int error = make_lists(address);
        if (error) {
            return error;
        }
    }
    size_t count = 0;
    for (const PQconninfoOption *at = address->options; at->keyword; at++) {
        bool skip = !at->val || strcmp(at->keyword, "application_name") == 0 ||
                    (ours && is_one_of_ours(at->keyword));
        if (!skip && count < KEYWORDS_MAX - 8) {
            put(address, &count, at->keyword, at->val);
        }
    }
    if (ours) {
        put(address, &count, "host", address->host_list);
        put(address, &count, "hostaddr", address->address_list);
        put(address, &count, "port", address->port_list);
    }
    put(address, &count, "application_name", application_name);
    put(address, &count, "client_encoding", "UTF8");
    if (!option(address, "tcp_user_timeout")) {
        put(address, &count, "tcp_user_timeout", USER_TIMEOUT_MS);
    }
    address->keywords[count] = NULL;
    *ret_keywords = address->keywords;
    *ret_values = address->values;
    return 0;
}
