/* SPDX-License-Identifier: MIT */
/* A network between places that are network namespaces of one machine: it delays packets, and it cuts.
 *
 *     wan FD...           each FD is a TUN device (IPv4 packets, no header); the first is port 1
 *
 * A packet goes to the port that the third byte of its destination names: 10.78.N.1 is behind port N. It arrives after
 * the delay of its pair of ports. A pair that is cut swallows everything, also what is on its way, and tells nobody: no
 * link goes down, no packet comes back. Commands come on standard input, a line each, and hold for both directions:
 *
 *     delay A B MICROSECONDS
 *     cut A B
 *     heal A B
 *     count
 *
 * Each is answered, once it is in force, by "ok DELIVERED SWALLOWED LOST" (packets so far; lost: the queue was full, or
 * the device took no more). It ends when standard input ends. It does not shape bandwidth and loses nothing by chance. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    PORTS_MAX = 16,
    PACKET_BYTES_MAX = 1600,   /* the MTU is 1500 */
    PACKETS_MAX = 32768,       /* on their way at once, all pairs together */
    PACKETS_PER_TURN = 64,     /* of one port, so that no port starves the others */
    COMMAND_BYTES_MAX = 256,
    DESTINATION_BYTE = 18,     /* of an IPv4 header: the third of the destination's four */
    HEADER_BYTES = 20,
};

struct packet {
    struct packet *next;       /* borrowed from the pool: the next of its pair, or of the free ones */
    int64_t due_mono_us;
    size_t bytes;
    unsigned char data[PACKET_BYTES_MAX];
};

/* One direction between two ports. A pair's delay is one for all its packets, so they arrive in order. */
struct path {
    struct packet *first, *last;   /* borrowed from the pool */
    int64_t delay_us;
    bool cut;
};

struct wan {
    struct path paths[PORTS_MAX][PORTS_MAX];
    struct pollfd polls[PORTS_MAX + 1];   /* the ports, then standard input */
    int ports;
    struct packet *unused;                /* owned: the pool */
    unsigned long delivered, swallowed, lost;
    char command[COMMAND_BYTES_MAX];
    size_t command_bytes;
};

static int64_t now_mono_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- packets ----------------------------------------------------------------------------------------------------- */

static struct packet *packet_take(struct wan *wan)
{
    struct packet *packet = wan->unused;
    if (packet)
        wan->unused = packet->next;
    return packet;
}

static void packet_give(struct wan *wan, struct packet *packet)
{
    packet->next = wan->unused;
    wan->unused = packet;
}

/* Delivers what is due on one path; the time at which its next packet is, or `later`. */
static int64_t path_deliver(struct wan *wan, int from, int to, int64_t now, int64_t later)
{
    struct path *path = &wan->paths[from][to];
    while (path->first && path->first->due_mono_us <= now) {
        struct packet *packet = path->first;
        path->first = packet->next;
        if (path->cut)
            wan->swallowed++;
        else if (write(wan->polls[to].fd, packet->data, packet->bytes) < 0)
            wan->lost++;
        else
            wan->delivered++;
        packet_give(wan, packet);
    }
    return path->first && path->first->due_mono_us < later ? path->first->due_mono_us : later;
}

static void path_add(struct wan *wan, int from, struct packet *packet, int64_t now)
{
    int to = packet->data[DESTINATION_BYTE] - 1;
    bool known = packet->bytes >= HEADER_BYTES && packet->data[0] >> 4 == 4 && to >= 0 && to < wan->ports && to != from;
    if (!known || wan->paths[from][to].cut) {
        wan->swallowed++;
        packet_give(wan, packet);
        return;
    }
    struct path *path = &wan->paths[from][to];
    packet->due_mono_us = now + path->delay_us;
    packet->next = NULL;
    if (path->first)
        path->last->next = packet;
    else
        path->first = packet;
    path->last = packet;
}

static void port_read(struct wan *wan, int port, int64_t now)
{
    for (int n = 0; n < PACKETS_PER_TURN; n++) {
        unsigned char nowhere[PACKET_BYTES_MAX];
        struct packet *packet = packet_take(wan);
        ssize_t got = read(wan->polls[port].fd, packet ? packet->data : nowhere, PACKET_BYTES_MAX);
        if (got <= 0) {
            if (packet)
                packet_give(wan, packet);
            return;
        }
        if (!packet) {
            wan->lost++;
            continue;
        }
        packet->bytes = (size_t)got;
        path_add(wan, port, packet, now);
    }
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static bool command_do(struct wan *wan, const char *line)
{
    int a = 0, b = 0, end = 0;
    long long delay_us = 0;
    if (strcmp(line, "count") == 0)
        return true;
    bool delay = sscanf(line, "delay %d %d %lld%n", &a, &b, &delay_us, &end) == 3;
    bool cut = !delay && sscanf(line, "cut %d %d%n", &a, &b, &end) == 2;
    bool heal = !delay && !cut && sscanf(line, "heal %d %d%n", &a, &b, &end) == 2;
    if (line[end] || !(delay || cut || heal) || a < 1 || b < 1 || a > wan->ports || b > wan->ports || a == b || delay_us < 0)
        return false;
    struct path *both[] = {&wan->paths[a - 1][b - 1], &wan->paths[b - 1][a - 1]};
    for (int n = 0; n < 2; n++) {
        if (delay)
            both[n]->delay_us = delay_us;
        else
            both[n]->cut = cut;
    }
    return true;
}

static void command_line(struct wan *wan, const char *line)
{
    if (command_do(wan, line))
        printf("ok %lu %lu %lu\n", wan->delivered, wan->swallowed, wan->lost);
    else
        printf("unknown command \"%s\"\n", line);
    (void)fflush(stdout); /* a reader that has gone is seen as the end of standard input */
}

/* False at the end of standard input. */
static bool commands_read(struct wan *wan)
{
    ssize_t got = read(STDIN_FILENO, wan->command + wan->command_bytes, COMMAND_BYTES_MAX - 1 - wan->command_bytes);
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    wan->command_bytes += (size_t)got;
    wan->command[wan->command_bytes] = '\0';
    for (char *end; (end = strchr(wan->command, '\n'));) {
        *end = '\0';
        command_line(wan, wan->command);
        wan->command_bytes -= (size_t)(end + 1 - wan->command);
        memmove(wan->command, end + 1, wan->command_bytes + 1);
    }
    return wan->command_bytes < COMMAND_BYTES_MAX - 1;
}

/* --- the program ------------------------------------------------------------------------------------------------- */

static int wan_init(struct wan *wan, int ports, char **fds)
{
    wan->ports = ports;
    for (int n = 0; n < ports; n++) {
        int fd = -1;
        int flags = sscanf(fds[n], "%d", &fd) == 1 ? fcntl(fd, F_GETFL) : -1;
        wan->polls[n] = (struct pollfd){.fd = fd, .events = POLLIN};
        if (flags < 0 || fcntl(wan->polls[n].fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            fprintf(stderr, "wan: descriptor \"%s\": %s\n", fds[n], strerror(errno));
            return -1;
        }
    }
    wan->polls[ports] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    struct packet *pool = calloc(PACKETS_MAX, sizeof *pool); /* kept until the end; untouched pages cost nothing */
    for (int n = 0; pool && n < PACKETS_MAX; n++)
        packet_give(wan, &pool[n]);
    return pool ? 0 : -1;
}

static int64_t deliver_all(struct wan *wan, int64_t now)
{
    int64_t next = now + 1000000;
    for (int from = 0; from < wan->ports; from++)
        for (int to = 0; to < wan->ports; to++)
            next = path_deliver(wan, from, to, now, next);
    return next;
}

int main(int count, char **words)
{
    static struct wan wan;
    if (count < 3 || count - 1 > PORTS_MAX) {
        fprintf(stderr, "usage: wan FD FD... (2 to %d TUN devices)\n", PORTS_MAX);
        return 2;
    }
    if (wan_init(&wan, count - 1, words + 1) < 0)
        return 1;
    for (;;) {
        int64_t now = now_mono_us();
        int64_t wait_us = deliver_all(&wan, now) - now;
        struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
        if (ppoll(wan.polls, (nfds_t)wan.ports + 1, &wait, NULL) < 0 && errno != EINTR)
            return 1;
        if (wan.polls[wan.ports].revents && !commands_read(&wan))
            return 0;
        now = now_mono_us();
        for (int n = 0; n < wan.ports; n++)
            if (wan.polls[n].revents)
                port_read(&wan, n, now);
    }
}
