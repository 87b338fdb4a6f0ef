/* SPDX-License-Identifier: MIT
 * `firstline dev`: the demo from its first line to its last. Everything it starts ends with it. */
#include "cli/dev.h"

#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/dev_parts.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/io/http_client.h"
#include "lib/io/loop.h"

#define LOOK_MS 200
#define EXIT_INTERRUPTED 130

static void on_signal(void *owner)
{
    struct dev *d = owner;
    if (!d->ending)
        dev_say(d, TONE_BOLD, "\nending; this takes a moment");
    d->ending = true;
    d->by_signal = true;
}

/* A port that is free now; nobody else should take it in the moment until its user does. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &bytes) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good ? ntohs(at.sin_port) : -1;
}

static int read_options(struct dev *d, int argc, char **argv)
{
    static const struct option options[] = {{"once", no_argument, NULL, 'o'}, {"keep", no_argument, NULL, 'k'},
        {"folder", required_argument, NULL, 'f'}, {"port", required_argument, NULL, 'p'},
        {"simulator", required_argument, NULL, 's'}, {0}};
    optind = 1;
    for (int c; (c = command_option(argc, argv, options)) != -1;) {
        char *end = NULL;
        if (c == 'o')
            d->once = true;
        else if (c == 'k')
            d->keep = true;
        else if (c == 'f')
            d->given = optarg;
        else if (c == 's')
            d->simulator = optarg;
        else if (c == 'p')
            d->port = (int)strtoll(optarg, &end, 10);
        else
            return -1;
        if (c == 'p' && (*end || d->port < 1 || d->port > 65535)) {
            return command_wrong("dev", "--port takes 1 to 65535, not", optarg);
        }
    }
    if (optind == argc)
        return 0;
    return command_wrong("dev", "unexpected", argv[optind]);
}

static int set_up(struct dev *d, struct error *err)
{
    ssize_t n = readlink("/proc/self/exe", d->program, sizeof d->program - 1);
    if (n <= 0)
        return error_set(err, ERROR_LIMIT, "cannot tell the program's own path from /proc/self/exe");
    d->nodes[0].port = free_port();
    d->nodes[1].port = free_port();
    d->ssh_port = free_port();
    d->port = d->port ? d->port : free_port();
    if (d->nodes[0].port < 0 || d->nodes[1].port < 0 || d->ssh_port < 0 || d->port < 0)
        return error_set(err, ERROR_LIMIT, "no free port on 127.0.0.1");
    d->loop = loop_new(err);
    d->http = d->loop ? http_client_new(d->loop, &(struct http_client_settings){0}, err) : NULL;
    if (!d->http)
        return -1;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++)
        d->signals[i] = loop_signal_new(d->loop, numbers[i], on_signal, d);
    return 0;
}

static void tear_down(struct dev *d)
{
    for (int i = 0; i < 3; i++)
        loop_signal_free(d->signals[i]);
    http_client_free(d->http);
    loop_free(d->loop);
}

static void say_more(const struct dev *d)
{
    printf("\n");
    dev_say(d, TONE_BOLD, "It stays up for you to try more.");
    printf("  post one       curl -s localhost:%d/control/incidents -d '{\"title\": \"[AMS:service-down service=search] web1: search "
           "does not answer\", \"alerts\": [{\"details\": {\"host\": \"web1\"}}]}'\n", d->port);
    printf("  web view       http://localhost:%d/\n", d->port);
    printf("  the machine    ssh -i %s/machine/key -p %d -o UserKnownHostsFile=%s/known_hosts ops@127.0.0.1\n", d->folder,
        d->ssh_port, d->folder);
    printf("  runs           %s runs --config %s/tokyo-1.yaml\n", d->program, d->folder);
    printf("  database       psql -h %s/postgres -U postgres firstline\n", d->folder);
    printf("  scenarios      %s/scenarios (then: kill -HUP the nodes)\n", d->folder);
    printf("  readiness      curl -s localhost:%d/readyz (tokyo-1), localhost:%d/readyz (osaka-1)\n", d->nodes[0].port,
        d->nodes[1].port);
    if (d->keys)
        printf("  keys           k kills the node that holds a run, s throws or releases the stop switch, b breaks something,"
               " q ends\n");
    else
        printf("  end            Ctrl-C\n");
    printf("\n");
}

static void stay(struct dev *d)
{
    say_more(d);
    while (dev_pause(d, LOOK_MS))
        dev_show_news(d);
}

static int run(struct dev *d)
{
    struct error err = {0};
    dev_say(d, TONE_BOLD, "firstline dev: two regions, a database, PagerDuty and a machine, all on this one");
    if (dev_start_all(d, &err) < 0) {
        d->failed = !d->ending;
        if (!d->ending)
            fprintf(stderr, "firstline dev: %s%s%s\n", err.text, err.hint[0] ? "\n  hint: " : "", err.hint);
        return EXIT_FAILED;
    }
    dev_say(d, TONE_DIM, "  watch it in a browser too: http://localhost:%d/", d->port);
    d->keys = dev_keys_new();
    if (d->keys)
        dev_say(d, TONE_DIM, "  keys: k kills the node that holds a run, s stop switch, b breaks something, q ends");
    int wrong = dev_cases_run(d);
    if (wrong > 0) {
        d->failed = true;
        dev_show_tail(d, "tokyo-1.log");
        dev_show_tail(d, "osaka-1.log");
    }
    if (wrong >= 0 && !d->once)
        stay(d);
    dev_keys_free(d->keys);
    d->keys = NULL;
    return wrong == 0 ? EXIT_OK : EXIT_FAILED;
}

int command_dev(int argc, char **argv)
{
    struct dev *d = calloc(1, sizeof *d);
    if (!d)
        return EXIT_FAILED;
    *d = (struct dev){.simulator = FIRSTLINE_SOURCE "/tests/simulators/pagerduty/server.py",
        .nodes = {{.name = "tokyo-1", .region = "tokyo", .hook = "PHOOKTY"},
            {.name = "osaka-1", .region = "osaka", .hook = "PHOOKOS"}}};
    int rc = EXIT_USAGE;
    struct error err = {0};
    if (read_options(d, argc, argv) < 0)
        goto out;
    rc = EXIT_FAILED;
    (void)signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    dev_show_setup(d);
    if (geteuid() != 0) {
        fprintf(stderr, "firstline dev: must be root: it makes a machine of its own, with namespaces, mounts and sudo\n");
        goto out;
    }
    if (set_up(d, &err) < 0) {
        fprintf(stderr, "firstline dev: %s\n", err.text);
        goto out;
    }
    rc = run(d);
    dev_end_all(d);
    if (d->by_signal)
        rc = EXIT_INTERRUPTED;
    tear_down(d);
out:
    free(d);
    return rc;
}
