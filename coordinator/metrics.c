/* SPDX-License-Identifier: MIT
 * The table of metrics, and writing them. */
#include "coordinator/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/store/metrics.h"

#define ASK_LONGEST_MS 1500
#define WAITING_MAX 64
#define PAGE_BYTES_MAX (1024 * 1024)

/* All that the samples are taken from, read at one moment. */
struct readings {
    const struct metrics_settings *s;
    const struct pg_answer *answer; /* NULL: the database did not answer */
    struct intake_counts in;
    struct outbox_counts out;
    struct reconciler_counts found;
    struct retention_counts left;
    struct ssh_counts ssh;
};

struct metric {
    const char *name, *type, *about;
    void (*samples)(const struct readings *r, const struct metric *m, struct buf *out);
};

static void sample(struct buf *out, const struct metric *m, double value)
{
    (void)buf_printf(out, "%s %.15g\n", m->name, value); /* a full buffer is answered 503 */
}

/* A label's value: as Prometheus wants it escaped. */
static void add_label(struct buf *out, const char *name, const char *value)
{
    (void)buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            (void)buf_add_char(out, '\\');
        if (*value == '\n')
            (void)buf_add_text(out, "\\n");
        else
            (void)buf_add_char(out, *value);
    }
    (void)buf_add_char(out, '"');
}

static void labelled(struct buf *out, const struct metric *m, const char *label, const char *value, double number)
{
    (void)buf_printf(out, "%s{", m->name);
    add_label(out, label, value);
    (void)buf_printf(out, "} %.15g\n", number);
}

static void two_labels(struct buf *out, const struct metric *m, const char *label, const char *value, const char *label2,
    const char *value2, const char *number)
{
    (void)buf_printf(out, "%s{", m->name);
    add_label(out, label, value);
    (void)buf_add_char(out, ',');
    add_label(out, label2, value2);
    (void)buf_printf(out, "} %s\n", number);
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

static void build(const struct readings *r, const struct metric *m, struct buf *out)
{
    two_labels(out, m, "node", r->s->node, "region", r->s->region, "1");
}

static void database_up(const struct readings *r, const struct metric *m, struct buf *out)
{
    sample(out, m, r->answer != NULL);
}

static void webhooks(const struct readings *r, const struct metric *m, struct buf *out)
{
    const struct {
        const char *answer;
        uint64_t n;
    } rows[] = {{"new", r->in.accepted - r->in.duplicates}, {"duplicate", r->in.duplicates}, {"refused", r->in.refused},
        {"wrong_signature", r->in.wrong_signature}, {"unavailable", r->in.unavailable}};
    for (size_t i = 0; r->s->intake && i < sizeof rows / sizeof rows[0]; i++)
        labelled(out, m, "answer", rows[i].answer, (double)rows[i].n);
}

static void odd(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (r->s->intake)
        sample(out, m, (double)r->in.odd);
}

static void silence(const struct readings *r, const struct metric *m, struct buf *out)
{
    struct intake_heard heard;
    for (size_t i = 0; r->s->intake && intake_heard(r->s->intake, i, &heard); i++) {
        char number[32];
        (void)snprintf(number, sizeof number, "%.3f", (double)(clock_mono_ms() - heard.mono_ms) / 1000);
        two_labels(out, m, "account", heard.account, "subscription", heard.subscription, number);
    }
}

static void rounds(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (!r->s->reconciler)
        return;
    labelled(out, m, "ended", "whole", (double)(r->found.rounds - r->found.failed));
    labelled(out, m, "ended", "early", (double)r->found.failed);
}

static void found(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (!r->s->reconciler)
        return;
    labelled(out, m, "what", "run", (double)r->found.runs);
    labelled(out, m, "what", "hand", (double)r->found.hands);
    labelled(out, m, "what", "subscription", (double)r->found.enabled);
}

static void of_database(const struct readings *r, const struct metric *m, const char *what, struct buf *out)
{
    struct metrics_row row;
    for (int i = 0; r->answer && i < metrics_rows(r->answer); i++) {
        metrics_row_at(r->answer, i, &row);
        if (strcmp(row.what, what) != 0)
            continue;
        if (row.of[0])
            two_labels(out, m, "account", row.of, "use", row.name, row.n);
        else
            labelled(out, m, "state", row.name, strtod(row.n, NULL));
    }
}

static void runs(const struct readings *r, const struct metric *m, struct buf *out)
{
    of_database(r, m, "run", out);
}

static void outbox_rows(const struct readings *r, const struct metric *m, struct buf *out)
{
    of_database(r, m, "write", out);
}

static void budget_left(const struct readings *r, const struct metric *m, struct buf *out)
{
    of_database(r, m, "budget", out);
}

static void writes(const struct readings *r, const struct metric *m, struct buf *out)
{
    const struct {
        const char *became;
        uint64_t n;
    } rows[] = {{"sent", r->out.sent}, {"dropped", r->out.dropped}, {"failed", r->out.failed}, {"again", r->out.again},
        {"unknown", r->out.unknown}};
    for (size_t i = 0; r->s->outbox && i < sizeof rows / sizeof rows[0]; i++)
        labelled(out, m, "became", rows[i].became, (double)rows[i].n);
}

static void mended(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (r->s->outbox)
        sample(out, m, (double)r->out.mended);
}

static void lease_left(const struct readings *r, const struct metric *m, struct buf *out)
{
    sample(out, m, (double)lease_left_ms(r->s->lease) / 1000);
}

static void lanes(const struct readings *r, const struct metric *m, struct buf *out)
{
    static const char *const names[STORE_LANES] = {"renewal", "intake", "work", "delivery"};
    bool parked = strstr(m->name, "parked") != NULL;
    for (int i = 0; i < STORE_LANES; i++) {
        struct pg *pg = store_lane(r->s->store, (enum store_lane)i);
        struct pg_lane lane;
        pg_lane(pg, &lane);
        labelled(out, m, "lane", names[i], parked ? lane.parked : pg_ready(pg));
    }
}

static void history_left(const struct readings *r, const struct metric *m, struct buf *out)
{
    const struct {
        const char *how;
        uint64_t n;
    } rows[] = {{"archived", r->left.archived}, {"dropped", r->left.dropped}};
    for (size_t i = 0; r->s->retention && i < sizeof rows / sizeof rows[0]; i++)
        labelled(out, m, "how", rows[i].how, (double)rows[i].n);
}

static void history_failed(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (r->s->retention)
        sample(out, m, (double)r->left.failed);
}

static void history_stays(const struct readings *r, const struct metric *m, struct buf *out)
{
    const char *why;
    if (r->s->retention)
        sample(out, m, retention_look(r->s->retention, &why) == RETENTION_FAILS);
}

static void ssh_sessions(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (r->s->ssh)
        sample(out, m, r->ssh.sessions);
}

static void ssh_commands(const struct readings *r, const struct metric *m, struct buf *out)
{
    if (r->s->ssh)
        sample(out, m, r->ssh.operations);
}

static void connections(const struct readings *r, const struct metric *m, struct buf *out)
{
    sample(out, m, http_server_connections(*r->s->server));
}

static void alarms(const struct readings *r, const struct metric *m, struct buf *out)
{
    sample(out, m, (double)*r->s->alarms);
}

static const struct metric table[] = {
    {"firstline_node", "gauge", "Always 1; its labels say which node answers.", build},
    {"firstline_webhooks_total", "counter", "Webhooks by answer: 202 new, 202 duplicate, 401 refused, 503 wrong_signature, 503 unavailable.", webhooks},
    {"firstline_webhooks_odd_total", "counter", "Webhooks that were stored and cannot be acted on.", odd},
    {"firstline_webhook_silence_seconds", "gauge", "Since the last webhook of a subscription on this node, or since its start: take the least over the nodes.", silence},
    {"firstline_reconciler_rounds_total", "counter", "Comparisons with PagerDuty that this node made, whole or ended early.", rounds},
    {"firstline_reconciler_found_total", "counter", "What no webhook had told: runs opened, hands of people, subscriptions enabled again.", found},
    {"firstline_runs", "gauge", "Runs that are not over, by state, of all nodes.", runs},
    {"firstline_outbox", "gauge", "Writes in the hot table by state, of all nodes: waiting, sending and unknown are to be written.", outbox_rows},
    {"firstline_writes_total", "counter", "Writes that this node made, by what became of them.", writes},
    {"firstline_notes_mended_total", "counter", "Doubled notes that this node deleted.", mended},
    {"firstline_budget_left", "gauge", "Requests to PagerDuty that a use may send at once, as last filled, by account and use.", budget_left},
    {"firstline_history_left_total", "counter", "Partitions of history that this node took out of the database, a month of one kind each: archived, or dropped where there is no archive.", history_left},
    {"firstline_history_failed_total", "counter", "Times that old history could not leave; nothing was dropped then.", history_failed},
    {"firstline_history_stays", "gauge", "Whether old history cannot leave by this node: its archive is missing, full or broken. See /readyz.", history_stays},
    {"firstline_lease_left_seconds", "gauge", "Until this node may start nothing with an effect any more, unless it renews.", lease_left},
    {"firstline_database_answers", "gauge", "Whether the database answered this question.", database_up},
    {"firstline_database_lane_up", "gauge", "Whether a lane's connection stands.", lanes},
    {"firstline_database_parked", "gauge", "Connections of a lane that wait for a late answer.", lanes},
    {"firstline_ssh_sessions", "gauge", "SSH sessions that stand or are being made.", ssh_sessions},
    {"firstline_ssh_commands", "gauge", "Commands on hosts that are not done.", ssh_commands},
    {"firstline_http_connections", "gauge", "Connections to this door.", connections},
    {"firstline_alarms_total", "counter", "Alarms about ourselves, the same one at most once a minute.", alarms},
};
#define METRICS ((int)(sizeof table / sizeof table[0]))

/* --- answering ---------------------------------------------------------------------------------------------------- */

struct asking {
    struct metrics *metrics;  /* borrowed */
    struct http_request *req; /* borrowed until answered */
    uint64_t op;
    struct asking *next, **back;
};

struct metrics {
    struct loop *loop; /* borrowed */
    struct metrics_settings settings;
    struct asking *waiting; /* owned */
    int waiting_count;
};

struct metrics *metrics_new(struct loop *loop, const struct metrics_settings *settings)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (!m)
        abort(); /* one at start-up */
    *m = (struct metrics){.loop = loop, .settings = *settings};
    return m;
}

static void answer(struct http_request *req, unsigned status, const char *text)
{
    http_answer(req, status, "text/plain; version=0.0.4; charset=utf-8", text, strlen(text));
}

static void asking_end(struct asking *a, unsigned status, const char *text)
{
    answer(a->req, status, text);
    *a->back = a->next;
    if (a->next)
        a->next->back = a->back;
    a->metrics->waiting_count--;
    free(a);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    while (m->waiting) {
        pg_forget(store_lane(m->settings.store, LANE_WORK), m->waiting->op);
        asking_end(m->waiting, 503, "stopping\n");
    }
    free(m);
}

static void take_readings(const struct metrics_settings *s, struct readings *r)
{
    if (s->intake)
        intake_counts(s->intake, &r->in);
    if (s->outbox)
        outbox_counts(s->outbox, &r->out);
    if (s->reconciler)
        reconciler_counts(s->reconciler, &r->found);
    if (s->retention)
        retention_count(s->retention, &r->left);
    if (s->ssh)
        ssh_count(s->ssh, &r->ssh);
}

static void on_counted(void *owner, const struct pg_answer *counted, const struct error *err)
{
    struct asking *a = owner;
    struct readings r = {.s = &a->metrics->settings, .answer = err ? NULL : counted};
    take_readings(r.s, &r);
    struct buf out;
    buf_init(&out, PAGE_BYTES_MAX);
    for (int i = 0; i < METRICS; i++) {
        (void)buf_printf(&out, "# HELP %s %s\n# TYPE %s %s\n", table[i].name, table[i].about, table[i].name, table[i].type);
        table[i].samples(&r, &table[i], &out);
    }
    asking_end(a, out.over ? 503 : 200, out.over ? "too many metrics\n" : buf_text(&out));
    buf_done(&out);
}

void metrics_show(struct metrics *m, struct http_request *req)
{
    struct asking *a = m->waiting_count < WAITING_MAX ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        answer(req, 503, "too many questions at once\n");
        return;
    }
    *a = (struct asking){.metrics = m, .req = req, .next = m->waiting, .back = &m->waiting};
    if (m->waiting)
        m->waiting->back = &a->next;
    m->waiting = a;
    m->waiting_count++;
    a->op = metrics_count(m->settings.store, ASK_LONGEST_MS, on_counted, a);
}

void metrics_page(struct buf *out)
{
    (void)buf_add_text(out, "# Metrics\n\n`GET /metrics` on the address of `/healthz`, as Prometheus text. Counters are of one node and begin at its\n"
                            "start; what says \"of all nodes\" is read from the database, and left out while that does not answer.\n"
                            "Made by `firstline help metrics-page`.\n\n| name | type | meaning |\n|---|---|---|\n");
    for (int i = 0; i < METRICS; i++)
        (void)buf_printf(out, "| `%s` | %s | %s |\n", table[i].name, table[i].type, table[i].about);
}
