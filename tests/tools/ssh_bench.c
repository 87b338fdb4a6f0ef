/* SPDX-License-Identifier: MIT
 * Runs a command so many times over SSH, by our own client, and measures it.
 *
 *   ssh_bench PORTS USER KEY KNOWN_HOSTS COMMAND COUNT AT_ONCE NAMES
 *
 * PORTS: of sshd on 127.0.0.1, with commas. NAMES: how many machines these are taken for; each name is known to KNOWN_HOSTS as
 * bench1, bench2, ... and has a session of its own, on the ports in turn, so COUNT names are COUNT connections. Fewer are kept
 * sessions, each made by one command before the clock starts. Prints one line of JSON. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/io/ssh.h"
#include "tests/tools/peak.h"

#define PORTS_MAX 64

struct bench {
    struct loop *loop;
    struct ssh *ssh;
    const char *user, *key, *command;
    int ports[PORTS_MAX], ports_count, names;
    int count, started, ended, failed, under_way, at_once;
    double *took_ms;
    struct error why; /* of the newest failure */
};

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* this clock always exists */
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(int who)
{
    struct rusage used;
    (void)getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void on_done(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct bench *b = owner;
    (void)op;
    b->under_way--;
    if (err || !outcome->have_status || outcome->status != 0) {
        b->failed++;
        if (err)
            b->why = *err;
    }
    b->took_ms[b->ended++] = outcome->total_ms;
}

static void start_one(struct bench *b)
{
    char name[32];
    int number = b->started++ % b->names;
    (void)snprintf(name, sizeof name, "bench%d", number + 1);
    struct ssh_target target = {.name = name, .address = "127.0.0.1", .known_as = name,
        .port = (uint16_t)b->ports[number % b->ports_count], .user = b->user, .key_file = b->key};
    struct ssh_request request = {.target = &target, .command = b->command, .deadline_ms = 120000};
    b->under_way++;
    (void)ssh_run(b->ssh, &request, on_done, b); /* done tells what is wrong */
}

static void run(struct bench *b, int count)
{
    for (b->ended = b->started = 0, b->count = count; b->ended < count;) {
        while (b->started < count && b->under_way < b->at_once)
            start_one(b);
        loop_turn(b->loop, 1000);
    }
}

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void read_ports(struct bench *b, char *text)
{
    for (char *word = strtok(text, ","); word && b->ports_count < PORTS_MAX; word = strtok(NULL, ","))
        b->ports[b->ports_count++] = atoi(word);
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "usage: ssh_bench PORTS USER KEY KNOWN_HOSTS COMMAND COUNT AT_ONCE NAMES\n");
        return 2;
    }
    struct bench b = {.user = argv[2], .key = argv[3], .command = argv[5], .at_once = atoi(argv[7]), .names = atoi(argv[8])};
    int count = atoi(argv[6]);
    struct error err = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    read_ports(&b, argv[1]);
    b.took_ms = calloc((size_t)count + 1, sizeof *b.took_ms);
    struct known_hosts *known = known_hosts_load(argv[4], NULL, &err);
    b.loop = known ? loop_new(&err) : NULL;
    struct ssh_settings settings = {.known_hosts = known, .handshakes_host_max = (unsigned)b.at_once, .idle_ms = 600000};
    b.ssh = b.loop ? ssh_new(b.loop, &settings, &err) : NULL;
    if (!b.ssh || count < 1 || b.names < 1 || b.at_once < 1 || b.ports_count < 1 || !b.took_ms) {
        fprintf(stderr, "ssh_bench: %s\n", err.text);
        return 1;
    }
    if (b.names < count)
        run(&b, b.names);
    double cpu_before = cpu_ms(RUSAGE_SELF), began = now_ms();
    run(&b, count);
    double wall = now_ms() - began, cpu = cpu_ms(RUSAGE_SELF) - cpu_before;
    qsort(b.took_ms, (size_t)count, sizeof *b.took_ms, by_number);
    printf("{\"asked\": %d, \"failed\": %d, \"wall_s\": %.4f, \"cpu_s\": %.4f, \"p50_ms\": %.1f, \"p99_ms\": %.1f, \"rss_kib\": %ld}\n", count, b.failed,
        wall / 1000, cpu / 1000, b.took_ms[count / 2], b.took_ms[(long)count * 99 / 100], peak_kib());
    if (b.failed)
        fprintf(stderr, "ssh_bench: %s\n", b.failed && b.why.text[0] ? b.why.text : "the command failed");
    ssh_free(b.ssh);
    known_hosts_free(known);
    loop_free(b.loop);
    free(b.took_ms);
    return b.failed ? 1 : 0;
}
