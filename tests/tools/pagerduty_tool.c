/* SPDX-License-Identifier: MIT
 * For tests: makes calls to PagerDuty as firstline does. `pagerduty_tool URL TOKEN FROM`: a call a line on standard
 * input (a word of `start` below, arguments behind it), an answer a line on standard output, as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty.h"
#include "lib/io/http_client.h"
#include "lib/io/loop.h"

struct tool {
    struct loop *loop;
    struct http_client *client;
    struct pagerduty *pd;
    bool waiting;
};

static const char *first_id(const struct pagerduty_result *r)
{
    return r->incident.id                    ? r->incident.id
           : r->count > 0 && r->notes         ? r->notes[0].id
           : r->count > 0 && r->alerts        ? r->alerts[0].id
           : r->count > 0 && r->incidents     ? r->incidents[0].id
           : r->count > 0 && r->subscriptions ? r->subscriptions[0].id
                                              : NULL;
}

static void on_done(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    (void)id;
    struct tool *t = owner;
    t->waiting = false;
    json_t *line = json_pack("{s:s, s:i, s:i, s:I, s:I, s:s?, s:s?, s:s?, s:s}", "class",
        pagerduty_class_name(r->class), "status", r->status, "code", r->code, "wait_ms", (json_int_t)r->wait_ms,
        "count", (json_int_t)r->count, "id", first_id(r), "incident_status", r->incident.status, "title",
        r->incident.title, "error", r->err.text);
    (void)json_dumpf(line, stdout, JSON_COMPACT); /* the reader sees what is missing */
    (void)puts("");
    (void)fflush(stdout);
    json_decref(line);
}

static void change(struct tool *t, const char *id, const char *what, const char *value)
{
    struct pagerduty_change c = {0};
    if (strcmp(what, "title") == 0)
        c.title = value;
    else if (strcmp(what, "status") == 0)
        c.status = value;
    else if (strcmp(what, "level") == 0)
        c.escalation_level = value[0] - '0';
    else if (strcmp(what, "policy") == 0)
        c.escalation_policy_id = value;
    else if (strcmp(what, "priority_id") == 0)
        c.priority_id = value;
    else
        c.priority_name = value;
    (void)pagerduty_change_incident(t->pd, id, &c, on_done, t);
}

static void event(struct tool *t, const char *key, const char *action, const char *summary)
{
    json_t *details = json_pack("{s:s}", "part", "outbox");
    (void)pagerduty_send_event(t->pd,
        &(struct pagerduty_event){.routing_key = key, .action = action, .dedup_key = "firstline/test",
            .summary = summary, .source = "node-1", .severity = "critical", .details = details},
        on_done, t);
    json_decref(details);
}

/* Whether the line was a call. */
static bool start(struct tool *t, const char *call, const char *a, const char *b, const char *c)
{
    t->waiting = true;
    if (strcmp(call, "read_incident") == 0)
        (void)pagerduty_read_incident(t->pd, a, on_done, t);
    else if (strcmp(call, "list_alerts") == 0)
        (void)pagerduty_list_alerts(t->pd, a, on_done, t);
    else if (strcmp(call, "list_notes") == 0)
        (void)pagerduty_list_notes(t->pd, a, on_done, t);
    else if (strcmp(call, "list_open_incidents") == 0)
        (void)pagerduty_list_open_incidents(t->pd, 0, on_done, t);
    else if (strcmp(call, "list_subscriptions") == 0)
        (void)pagerduty_list_subscriptions(t->pd, on_done, t);
    else if (strcmp(call, "enable_subscription") == 0)
        (void)pagerduty_enable_subscription(t->pd, a, on_done, t);
    else if (strcmp(call, "add_note") == 0)
        (void)pagerduty_add_note(t->pd, a, b, on_done, t);
    else if (strcmp(call, "delete_note") == 0)
        (void)pagerduty_delete_note(t->pd, a, b, on_done, t);
    else if (strcmp(call, "change_incident") == 0)
        change(t, a, b, c);
    else if (strcmp(call, "send_event") == 0)
        event(t, a, b, c);
    else
        t->waiting = false;
    return t->waiting;
}

static int serve(struct tool *t)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        char call[64] = "", a[128] = "", b[128] = "", c[2048] = "";
        if (sscanf(line, "%63s %127s %127s %2047[^\n]", call, a, b, c) < 1)
            continue;
        if (!start(t, call, a, b, c)) {
            fprintf(stderr, "pagerduty_tool: unknown call \"%s\"\n", call);
            return 2;
        }
        while (t->waiting)
            loop_turn(t->loop, 1000);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: pagerduty_tool URL TOKEN FROM < CALLS\n");
        return 2;
    }
    struct tool t = {.loop = loop_new(&err)};
    t.client = t.loop ? http_client_new(t.loop, NULL, &err) : NULL;
    t.pd = t.client ? pagerduty_new(t.loop, t.client,
                          &(struct pagerduty_settings){.base_url = argv[1], .events_url = argv[1], .token = argv[2],
                              .from_email = argv[3]},
                          &err)
                    : NULL;
    if (!t.pd) {
        fprintf(stderr, "pagerduty_tool: %s\n", err.text);
        return 2;
    }
    int rc = serve(&t);
    pagerduty_free(t.pd);
    http_client_free(t.client);
    loop_free(t.loop);
    return rc;
}
