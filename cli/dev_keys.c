/* SPDX-License-Identifier: MIT
 * Waiting in the demo, and what keys do meanwhile: k kills a node, s throws or releases the stop switch, b breaks something
 * again, q ends. */
#include "cli/dev_parts.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/io/loop.h"
#include "lib/io/process.h"

#define TURN_MS 50
#define DEAD_MS 12000 /* two leases: the other node has taken over by then */

struct dev_keys {
    struct termios before;
};

struct dev_keys *dev_keys_new(void)
{
    struct dev_keys *k = isatty(STDIN_FILENO) ? calloc(1, sizeof *k) : NULL;
    if (!k || tcgetattr(STDIN_FILENO, &k->before) < 0) {
        free(k);
        return NULL;
    }
    struct termios raw = k->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    return k;
}

void dev_keys_free(struct dev_keys *k)
{
    if (k)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &k->before);
    free(k);
}

/* The node that the database says holds a run; NULL: none does. */
static struct dev_node *holder(struct dev *d)
{
    for (int asked = 0; asked < 2; asked++) {
        if (!d->nodes[asked].process || !process_running(d->nodes[asked].process))
            continue;
        json_t *answer = dev_ask(d, "GET", d->nodes[asked].port, "/readyz", NULL, NULL);
        struct dev_node *found = NULL;
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(answer, "nodes"), i, row) {
            const char *name = json_string_value(json_object_get(row, "name"));
            for (int n = 0; n < 2 && name && json_integer_value(json_object_get(row, "runs")) > 0; n++)
                if (strcmp(d->nodes[n].name, name) == 0 && d->nodes[n].process && process_running(d->nodes[n].process))
                    found = &d->nodes[n];
        }
        json_decref(answer);
        return found;
    }
    return NULL;
}

static void key_kill(struct dev *d)
{
    struct dev_node *n = holder(d);
    if (!n) {
        dev_tell(d, TONE_BOLD, "key k", "no node holds a run just now; press it while one works (b breaks something that takes long)");
        return;
    }
    dev_tell(d, TONE_BAD, "killed", "%s (SIGKILL) held a run; the other takes it over when its lease has run out", n->name);
    process_signal(n->process, SIGKILL);
    n->again_mono_ms = clock_mono_ms() + DEAD_MS;
}

static void key_switch(struct dev *d)
{
    const char *stop[] = {"stop", "--why", "thrown in the demo", "global", NULL}, *go[] = {"go", "global", NULL};
    struct error err = {0};
    if (dev_run_self(d, d->switch_set ? go : stop, NULL, &err) < 0) {
        dev_tell(d, TONE_BAD, "failed", "%s", err.text);
        return;
    }
    d->switch_set = !d->switch_set;
    dev_tell(d, TONE_BOLD, "switch", "%s", d->switch_set ? "stop switch set: no recover starts any more; s releases it"
                                                         : "stop switch released");
}

static void key_break(struct dev *d)
{
    struct error err = {0};
    json_t *alert = json_pack("{s:s, s:s, s:[{s:s, s:{s:s}}]}", "title", "[AMS:replica-behind] db1 is 900 s behind", "service",
        "PSVCEN1", "alerts", "summary", "replica behind", "details", "host", "db1");
    if (dev_on_machine(d, "echo 900 | sudo -n tee /srv/replica/lag >/dev/null; (sleep 30; echo 3 | sudo -n tee /srv/replica/lag)"
                          " </dev/null >/dev/null 2>&1 &", &err) < 0)
        dev_tell(d, TONE_BAD, "failed", "%s", err.text);
    else
        dev_tell(d, TONE_BOLD, "broken", "the replica on db1 is behind, and will have caught up in 30 s: time to press k");
    json_decref(dev_control(d, "POST", "incidents", alert, NULL));
}

static void read_keys(struct dev *d)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;
    if (!d->keys || poll(&p, 1, 0) <= 0)
        return;
    if (read(STDIN_FILENO, &key, 1) != 1) { /* the terminal is gone */
        d->ending = true;
        return;
    }
    switch (key) {
    case 'k': key_kill(d); break;
    case 's': key_switch(d); break;
    case 'b': key_break(d); break;
    case 'q': d->ending = true; break;
    default: dev_say(d, TONE_DIM, "  keys: k kills the node that holds a run, s stop switch, b breaks something, q ends");
    }
}

static void look_after_nodes(struct dev *d)
{
    for (int i = 0; i < 2; i++) {
        struct dev_node *n = &d->nodes[i];
        struct error err = {0};
        if (!n->process || process_running(n->process))
            continue;
        if (n->again_mono_ms == 0) {
            dev_tell(d, TONE_BAD, "ended", "%s ended by itself (%s %d); see %s/%s.log", n->name,
                process_ended_by(n->process) ? "signal" : "status",
                process_ended_by(n->process) ? process_ended_by(n->process) : process_status(n->process), d->folder, n->name);
            d->failed = true;
            n->again_mono_ms = clock_mono_ms() + DEAD_MS;
        }
        if (clock_mono_ms() < n->again_mono_ms)
            continue;
        if (dev_start_node(d, n, &err) < 0)
            dev_tell(d, TONE_BAD, "failed", "%s: %s", n->name, err.text);
        else
            dev_tell(d, TONE_BOLD, "started", "%s again", n->name);
    }
}

bool dev_pause(struct dev *d, int64_t ms)
{
    for (int64_t until = clock_mono_ms() + ms;;) {
        read_keys(d);
        if (d->ending)
            return false;
        look_after_nodes(d);
        int64_t left = until - clock_mono_ms();
        if (left <= 0)
            return true;
        loop_turn(d->loop, (uint64_t)(left < TURN_MS ? left : TURN_MS));
    }
}
