/* SPDX-License-Identifier: MIT
 * The hosts of a lane. While it is down each is tried on its own, with its own back-off, so that one that swallows
 * packets does not delay the others; the first that accepts writes wins. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/io/pg_inside.h"

#define FIRST_RETRY_MS 25
#define LONGEST_RETRY_MS 1000
#define STAGGER_MS 100 /* the first host gets this start over the second */

/* ---- conninfo ---- */

static const char *option(const struct pg *pg, const char *keyword)
{
    for (const PQconninfoOption *o = pg->options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0 && o->val)
            return o->val;
    return "";
}

static int count_parts(const char *list)
{
    int n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* The i-th part of a list with commas; the only one serves for all. */
static int part(const char *list, int i, const char *what, char *room, size_t bytes, struct error *err)
{
    if (count_parts(list) == 1)
        i = 0;
    for (; i > 0; i--)
        list = strchr(list, ',') + 1;
    size_t n = strcspn(list, ",");
    if (n >= bytes)
        return error_set(err, ERROR_CONFIG, "database conninfo: %s '%.*s' is too long", what, (int)n, list);
    memcpy(room, list, n);
    room[n] = '\0';
    return 0;
}

static bool is_address(const char *text)
{
    unsigned char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

static int read_host(struct pg *pg, int i, const char *names, const char *addresses, const char *ports,
    struct error *err)
{
    struct pg_host *h = &pg->hosts[i];
    h->pg = pg;
    if (part(names, i, "host", h->name, sizeof h->name, err) < 0 ||
        part(addresses, i, "hostaddr", h->hostaddr, sizeof h->hostaddr, err) < 0 ||
        part(ports, i, "port", h->port, sizeof h->port, err) < 0)
        return -1;
    if (!h->port[0])
        (void)snprintf(h->port, sizeof h->port, "5432");
    if (!h->hostaddr[0] && is_address(h->name))
        memcpy(h->hostaddr, h->name, strnlen(h->name, sizeof h->hostaddr - 1) + 1);
    h->look_up = h->name[0] && !h->hostaddr[0] && h->name[0] != '/' && h->name[0] != '@';
    return 0;
}

int pg_hosts_read(struct pg *pg, const char *conninfo, struct error *err)
{
    char *message = NULL, text[256];
    pg->options = PQconninfoParse(conninfo, &message);
    if (!pg->options) {
        pg_flatten(message, text, sizeof text);
        PQfreemem(message);
        return error_set(err, ERROR_CONFIG, "database conninfo: %s", text);
    }
    const char *names = option(pg, "host"), *addresses = option(pg, "hostaddr");
    const char *ports = option(pg, "port");
    int name_count = count_parts(names), address_count = count_parts(addresses);
    int count = name_count > address_count ? name_count : address_count;
    if ((*names && *addresses && name_count != address_count) ||
        (count_parts(ports) != 1 && count_parts(ports) != count))
        return error_set(err, ERROR_CONFIG, "database conninfo: %d hosts, but %d addresses and %d ports",
            name_count, address_count, count_parts(ports));
    if (count > PG_HOSTS_MAX)
        return error_set(err, ERROR_CONFIG, "database conninfo: %d hosts, at most %d", count, PG_HOSTS_MAX);
    pg->host_count = count;
    for (int i = 0; i < count; i++)
        if (read_host(pg, i, names, addresses, ports, err) < 0)
            return -1;
    return 0;
}

/* ---- attempts ---- */

static int64_t back_off_ms(unsigned failures)
{
    int64_t ms = FIRST_RETRY_MS;
    for (unsigned i = 1; i < failures && ms < LONGEST_RETRY_MS; i++)
        ms *= 2;
    if (ms > LONGEST_RETRY_MS)
        ms = LONGEST_RETRY_MS;
    return ms / 2 + (int64_t)(id_random() % (uint64_t)ms); /* half to one and a half of it */
}

void pg_hosts_failed(struct pg_host *h, const struct error *err)
{
    h->why = *err;
    h->failures++;
    /* further addresses of a name are tried at once, all of them before the next wait */
    bool others = h->look_up && h->next_address < h->found.count;
    h->retry_mono_ms = clock_mono_ms() + (others ? 0 : back_off_ms(h->failures));
    pg_due(h->pg, h->retry_mono_ms);
}

static void attempt(struct pg_host *h, const char *hostaddr)
{
    h->conn = pg_conn_new(h->pg, h, hostaddr);
    pg_conn_drive(h->conn); /* may fail at once, and set h->conn to NULL */
}

static void attempt_next(struct pg_host *h)
{
    assert(h->next_address < h->found.count);
    attempt(h, h->found.addresses[h->next_address++].text);
}

static void on_found(void *owner, const struct resolve_answer *answer, const struct error *err)
{
    struct pg_host *h = owner;
    h->op_id = 0;
    if (err) {
        h->found.count = 0;
        pg_lane_attempt_failed(h->pg, h, err);
        return;
    }
    h->found = *answer;
    h->next_address = 0;
    attempt_next(h);
}

static void try_host(struct pg_host *h)
{
    if (!h->look_up)
        attempt(h, h->hostaddr);
    else if (h->next_address < h->found.count)
        attempt_next(h);
    else
        h->op_id = resolve_start(h->pg->resolve, h->name, h->pg->settings.connect_timeout_ms, on_found, h);
}

int64_t pg_hosts_try(struct pg *pg, int64_t now_mono_ms)
{
    int64_t next = 0;
    for (int i = 0; i < pg->host_count && !pg->conn; i++) {
        struct pg_host *h = &pg->hosts[i];
        if (!h->conn && !h->op_id && h->retry_mono_ms <= now_mono_ms)
            try_host(h);
        if (!h->conn && !h->op_id && (next == 0 || h->retry_mono_ms < next))
            next = h->retry_mono_ms;
    }
    return pg->conn ? 0 : next;
}

void pg_hosts_stop(struct pg *pg)
{
    for (int i = 0; i < pg->host_count; i++) {
        struct pg_host *h = &pg->hosts[i];
        if (h->op_id)
            resolve_forget(pg->resolve, h->op_id);
        h->op_id = 0;
        pg_conn_close(h->conn);
        h->conn = NULL;
        h->next_address = h->found.count = 0;
    }
}

void pg_hosts_again(struct pg *pg, const struct pg_host *last, bool lived_long)
{
    int64_t now = clock_mono_ms(), later = STAGGER_MS;
    for (int i = 0; i < pg->host_count; i++) {
        struct pg_host *h = &pg->hosts[i];
        h->why.kind = ERROR_NONE;
        h->failures = lived_long || !last ? 0 : h->failures + 1;
        h->retry_mono_ms = now + (h->failures > 0 ? back_off_ms(h->failures) : 0);
        if (h == last || (!last && i == 0))
            continue;
        h->retry_mono_ms += later;
        later += STAGGER_MS;
    }
}
