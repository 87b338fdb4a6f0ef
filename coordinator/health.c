/* SPDX-License-Identifier: MIT
 * Whether this node can do its work, in one document. */
#include "coordinator/health.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/store/state.h"

#define ASK_LONGEST_MS 1500
#define WAITING_MAX 64

struct asking {
    struct health *health;    /* borrowed */
    struct http_request *req; /* borrowed until answered */
    uint64_t op;
    struct asking *next, **back;
};

struct health {
    struct loop *loop; /* borrowed */
    struct health_settings settings;
    struct parts *parts; /* owned */
    char scenario_set[ID_SHA256_BYTES], inventory_set[ID_SHA256_BYTES];
    bool secrets_read, stopping;
    struct asking *waiting; /* owned */
    int waiting_count;
};

struct health *health_new(struct loop *loop, const struct health_settings *settings, const struct log_ctx *log)
{
    struct health *h = calloc(1, sizeof *h);
    if (!h)
        abort(); /* one at start-up */
    *h = (struct health){.loop = loop, .settings = *settings, .parts = parts_new(loop, &settings->parts, log)};
    return h;
}

void health_swap(struct health *h, const struct writer_account *accounts, int count)
{
    if (h)
        parts_swap(h->parts, accounts, count);
}

static void answer(struct http_request *req, unsigned status, const char *text)
{
    http_answer(req, status, "application/json", text, strlen(text));
}

static void asking_free(struct asking *a)
{
    *a->back = a->next;
    if (a->next)
        a->next->back = a->back;
    a->health->waiting_count--;
    free(a);
}

void health_free(struct health *h)
{
    if (!h)
        return;
    while (h->waiting) {
        struct asking *a = h->waiting;
        pg_forget(store_lane(h->settings.parts.store, LANE_WORK), a->op);
        answer(a->req, 503, "{\"ready\":false,\"why\":\"stopping\"}\n");
        asking_free(a);
    }
    parts_free(h->parts);
    free(h);
}

void health_show(struct health *h, const char *scenario_set, const char *inventory_set, bool secrets_read, bool stopping)
{
    (void)snprintf(h->scenario_set, sizeof h->scenario_set, "%s", scenario_set);
    (void)snprintf(h->inventory_set, sizeof h->inventory_set, "%s", inventory_set);
    h->secrets_read = secrets_read;
    h->stopping = stopping;
}

void health_tell_scenarios(struct health *h, bool any)
{
    parts_tell_scenarios(h->parts, any);
}

void health_live(struct http_request *req)
{
    answer(req, 200, "{\"alive\":true}\n");
}

static json_t *nodes(const struct health *h, const struct state_answer *state)
{
    json_t *list = json_array();
    for (int i = 0; i < state_nodes(state); i++) {
        struct state_node n;
        state_node_at(state, i, &n);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:b}", "name", n.name,
            "region", n.region, "version", n.version, "slots", (json_int_t)n.slots, "runs", (json_int_t)n.held,
            "lease_ms_left", (json_int_t)n.lease_ms_left, "last_beat_ms_ago", (json_int_t)n.beat_ms_ago, "scenario_set", n.scenario_set, "inventory_set", n.inventory_set,
            "same_scenarios", strcmp(n.scenario_set, h->scenario_set) == 0, "same_inventory",
            strcmp(n.inventory_set, h->inventory_set) == 0));
    }
    return list;
}

/* Each reason that makes the node unready is a sentence in `why`. */
static void judge(const struct health *h, const struct state_answer *state, const struct error *err, json_t *out)
{
    json_t *why = json_array();
    if (err) {
        struct buf line; /* an error's text may be cut within a character */
        buf_init(&line, 4096);
        text_one_line(err->text, strlen(err->text), &line);
        (void)json_array_append_new(why, json_sprintf("database: %s", buf_text(&line)));
        buf_done(&line);
    }
    if (!err && state->schema != store_schema_wanted())
        (void)json_array_append_new(why, json_sprintf("migrations: the database is at %d, this program wants %d; run: firstline migrate",
            state->schema, store_schema_wanted()));
    if (!err && h->settings.parts.standby_hold && !state->standby)
        (void)json_array_append_new(why, json_string("replication: no synchronous standby, and without_standby is hold"));
    if (!lease_held(h->settings.parts.lease))
        (void)json_array_append_new(why, json_string("lease: this worker cannot show one"));
    if (!h->secrets_read)
        (void)json_array_append_new(why, json_string("secrets: not all could be read"));
    if (h->stopping)
        (void)json_array_append_new(why, json_string("stopping"));
    (void)json_object_set_new(out, "ready", json_boolean(json_array_size(why) == 0));
    (void)json_object_set_new(out, "why", why);
}

static json_t *counts(const struct health *h)
{
    struct intake_counts in = {0};
    struct outbox_counts out = {0};
    if (h->settings.intake)
        intake_counts(h->settings.intake, &in);
    if (h->settings.outbox)
        outbox_counts(h->settings.outbox, &out);
    int64_t silent = in.last_mono_ms ? clock_mono_ms() - in.last_mono_ms : -1;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "webhooks_accepted", (json_int_t)in.accepted,
        "webhooks_duplicate", (json_int_t)in.duplicates, "webhooks_odd", (json_int_t)in.odd, "webhooks_refused",
        (json_int_t)in.refused, "webhooks_wrong_signature", (json_int_t)in.wrong_signature, "webhooks_unavailable",
        (json_int_t)in.unavailable, "webhooks_silent_ms", (json_int_t)silent, "writes_sent", (json_int_t)out.sent,
        "writes_failed", (json_int_t)out.failed, "writes_unknown", (json_int_t)out.unknown, "notes_mended",
        (json_int_t)out.mended);
}

static void on_state(void *owner, const struct pg_answer *result, const struct error *err)
{
    struct asking *a = owner;
    struct health *h = a->health;
    struct state_answer state = {0};
    if (!err)
        state_read(result, &state);
    json_t *out = json_object();
    judge(h, &state, err, out);
    (void)json_object_update_new(out, json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:o}", "node", h->settings.node, "region",
        h->settings.region, "incarnation", lease_incarnation(h->settings.parts.lease), "lease_ms_left",
        (json_int_t)lease_left_ms(h->settings.parts.lease), "scenario_set", h->scenario_set, "inventory_set", h->inventory_set,
        "counts", counts(h)));
    parts_show(h->parts, out);
    if (!err)
        (void)json_object_update_new(out, json_pack("{s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "migration", state.schema,
            "synchronous_standby", (int)state.standby, "runs_waiting", (json_int_t)state.runs_waiting, "runs_held",
            (json_int_t)state.runs_held, "runs_oldest_ms", (json_int_t)state.runs_oldest_ms, "writes_waiting",
            (json_int_t)state.writes_waiting, "writes_oldest_ms", (json_int_t)state.writes_oldest_ms, "writes_in_doubt",
            (json_int_t)state.writes_unknown, "writes_failed_lately", (json_int_t)state.writes_failed, "tokens_owed",
            (json_int_t)state.tokens_owed, "tokens_oldest_ms", (json_int_t)state.tokens_oldest_ms, "nodes", nodes(h, &state)));
    bool ready = json_is_true(json_object_get(out, "ready"));
    char *text = json_dumps(out, JSON_INDENT(2));
    json_decref(out);
    answer(a->req, ready ? 200 : 503, text ? text : "{}");
    free(text);
    asking_free(a);
}

void health_ready(struct health *h, struct http_request *req)
{
    struct asking *a = h->waiting_count < WAITING_MAX ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        answer(req, 503, "{\"ready\":false,\"why\":[\"too many questions at once\"]}\n");
        return;
    }
    *a = (struct asking){.health = h, .req = req, .next = h->waiting, .back = &h->waiting};
    if (h->waiting)
        h->waiting->back = &a->next;
    h->waiting = a;
    h->waiting_count++;
    a->op = state_ask(h->settings.parts.store, ASK_LONGEST_MS, on_state, a);
}
