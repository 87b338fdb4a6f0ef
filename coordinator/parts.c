/* SPDX-License-Identifier: MIT
 * What is there and what is away. */
#include "coordinator/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/store/state.h"

#define LOOK_EVERY_MS 2000
#define LOOK_LONGEST_MS 1500
#define ACCOUNTS_MAX 32
#define REGIONS_MAX 16

enum part_state { PART_UNKNOWN, PART_THERE, PART_AWAY };
static const char *const state_names[] = {"unknown", "there", "away"};

struct part {
    enum part_state state;
    int64_t since_mono_ms; /* when it came to be so */
    char why[256];         /* of AWAY; one line */
};

struct region {
    char name[64];
    struct part part;
    int64_t live, beat_ms_ago, lease_ms_left; /* as of the last answer */
};

struct account {
    char name[64];
    struct part part;
};

struct parts {
    struct loop *loop; /* borrowed */
    struct parts_settings settings;
    const struct log_ctx *log; /* borrowed */
    struct loop_timer *timer;  /* owned */
    uint64_t op;               /* the look under way; 0: none */
    struct part database, lease, replication, retention, scenarios;
    struct account accounts[ACCOUNTS_MAX];
    int accounts_count;
    struct region regions[REGIONS_MAX];
    int regions_count;
    int64_t answered_mono_ms;  /* the regions are as of then; 0: never */
    char hosts[SSH_TROUBLES_MAX][sizeof((struct ssh_trouble){0}.name)]; /* that the log was told of */
    int hosts_count;
};

/* Whether it has changed, and the log must know. That a part is there when first seen is no news. */
static bool change(struct part *part, bool there, const char *why)
{
    enum part_state now = there ? PART_THERE : PART_AWAY, was = part->state;
    struct buf line; /* an error's text may be cut within a character */
    buf_init(&line, 4096);
    text_one_line(why, strlen(why), &line);
    (void)snprintf(part->why, sizeof part->why, "%s", there ? "" : buf_text(&line));
    buf_done(&line);
    if (now == was)
        return false;
    part->state = now;
    part->since_mono_ms = clock_mono_ms();
    return there ? was == PART_AWAY : true;
}

/* --- each part ---------------------------------------------------------------------------------------------------- */

static void see_database(struct parts *p, const struct error *err)
{
    int64_t since = p->database.since_mono_ms;
    if (!change(&p->database, !err, err ? err->text : ""))
        return;
    if (err)
        log_warning(p->log, "the database is away: webhooks are answered 503, looking steps go on, no recover starts",
            LOG_S("why", p->database.why));
    else
        log_info(p->log, "the database is back", LOG_I("away_ms", clock_mono_ms() - since));
}

static void see_lease(struct parts *p)
{
    int64_t since = p->lease.since_mono_ms;
    bool held = lease_held(p->settings.lease);
    if (p->lease.state == PART_UNKNOWN && !held && !lease_joined(p->settings.lease))
        return; /* not yet; a lease that was lost before we looked is another matter */
    if (!change(&p->lease, held, "it was not renewed in time"))
        return;
    if (!held)
        log_warning(p->log, "this node cannot show a lease: it starts nothing that has an effect");
    else
        log_info(p->log, "this node holds a lease again", LOG_I("without_ms", clock_mono_ms() - since));
}

static void see_replication(struct parts *p, bool in_force)
{
    int64_t since = p->replication.since_mono_ms;
    if (!change(&p->replication, in_force, "no synchronous standby"))
        return;
    if (in_force)
        log_info(p->log, "a synchronous standby is in force again", LOG_I("away_ms", clock_mono_ms() - since));
    else
        log_warning(p->log, p->settings.standby_hold ? "no synchronous standby is in force: recovers are held (without_standby: hold)"
                                                     : "no synchronous standby is in force: recovers go on and say so (without_standby: run)");
}

static void see_retention(struct parts *p)
{
    const char *why;
    int64_t since = p->retention.since_mono_ms;
    enum retention_state state = p->settings.retention ? retention_look(p->settings.retention, &why) : RETENTION_UNKNOWN;
    if (state == RETENTION_UNKNOWN || !change(&p->retention, state == RETENTION_WORKS, why))
        return;
    if (state == RETENTION_WORKS)
        log_info(p->log, "old history leaves the database again", LOG_I("away_ms", clock_mono_ms() - since));
    else
        log_warning(p->log, "old history stays in the database until it can be archived", LOG_S("why", p->retention.why));
}

static void see_account(struct parts *p, struct account *a, const struct pagerduty *client)
{
    const char *why;
    int64_t since = a->part.since_mono_ms;
    enum pagerduty_reach reach = pagerduty_reach(client, &why);
    if (reach == PAGERDUTY_NOT_ASKED || !change(&a->part, reach == PAGERDUTY_THERE, why))
        return;
    if (reach == PAGERDUTY_THERE)
        log_info(p->log, "PagerDuty's API is back: what waits is written", LOG_S("account", a->name),
            LOG_I("away_ms", clock_mono_ms() - since));
    else
        log_warning(p->log, p->settings.blind_go ? "PagerDuty's API is away: writes wait, recovers go on unasked (recover_blind: go)"
                                                 : "PagerDuty's API is away: writes wait, recovers are held (recover_blind: hold)",
            LOG_S("account", a->name), LOG_S("why", a->part.why));
}

static void see_accounts(struct parts *p)
{
    for (int i = 0; i < p->accounts_count; i++)
        if (p->settings.accounts[i].client)
            see_account(p, &p->accounts[i], p->settings.accounts[i].client);
}

static void see_ssh(struct parts *p)
{
    int count = 0, told = 0;
    const struct ssh_trouble *now = p->settings.ssh ? ssh_troubles(p->settings.ssh, &count) : NULL;
    for (int i = 0; i < p->hosts_count; i++) {
        int at = 0;
        while (at < count && strcmp(now[at].name, p->hosts[i]) != 0)
            at++;
        if (at < count)
            memmove(p->hosts[told++], p->hosts[i], sizeof p->hosts[i]);
        else
            log_info(p->log, "a host is reached by SSH again", LOG_S("host", p->hosts[i]));
    }
    p->hosts_count = told;
    for (int i = 0; i < count; i++) {
        int at = 0;
        while (at < told && strcmp(now[i].name, p->hosts[at]) != 0)
            at++;
        if (at < told)
            continue;
        log_warning(p->log, "a host is not reached by SSH", LOG_S("host", now[i].name), LOG_S("why", now[i].why));
        memcpy(p->hosts[p->hosts_count++], now[i].name, sizeof now[i].name); /* both hold SSH_TROUBLES_MAX */
    }
}

void parts_tell_scenarios(struct parts *p, bool any)
{
    if (!change(&p->scenarios, any, "its own set holds no scenario, or it has no inventory"))
        return;
    if (any)
        log_info(p->log, "this node has scenarios again: it takes new runs");
    else
        log_error(p->log, "this node has no scenario to serve with: it leaves new runs to nodes that have (files.scenarios)");
}

/* --- regions ------------------------------------------------------------------------------------------------------ */

static struct region *region_of(struct parts *p, const char *name)
{
    for (int i = 0; i < p->regions_count; i++)
        if (strcmp(p->regions[i].name, name) == 0)
            return &p->regions[i];
    if (p->regions_count == REGIONS_MAX)
        return NULL;
    struct region *r = &p->regions[p->regions_count++];
    *r = (struct region){0};
    (void)snprintf(r->name, sizeof r->name, "%s", name);
    return r;
}

static void see_region(struct parts *p, const struct state_region *seen)
{
    struct region *r = region_of(p, seen->name);
    if (!r)
        return;
    r->live = seen->live;
    r->beat_ms_ago = seen->beat_ms_ago;
    r->lease_ms_left = seen->lease_ms_left;
    int64_t since = r->part.since_mono_ms;
    if (!change(&r->part, seen->live > 0, "no node there has a lease"))
        return;
    if (seen->live > 0)
        log_info(p->log, "a region has live nodes again", LOG_S("seen", r->name), LOG_I("away_ms", clock_mono_ms() - since));
    else
        log_warning(p->log, "a region has no live node: its runs go on elsewhere", LOG_S("seen", r->name),
            LOG_I("last_beat_ms_ago", seen->beat_ms_ago));
}

static void see_regions(struct parts *p, const struct pg_answer *answer)
{
    p->answered_mono_ms = clock_mono_ms();
    for (int i = 0; i < state_regions(answer); i++) {
        struct state_region seen;
        state_region_at(answer, i, &seen);
        see_region(p, &seen);
    }
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void on_seen(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct parts *p = owner;
    p->op = 0;
    see_database(p, err);
    if (!err) {
        see_replication(p, state_watch_standby(answer));
        see_regions(p, answer);
    }
}

static void look(void *owner)
{
    struct parts *p = owner;
    see_lease(p);
    see_retention(p);
    see_accounts(p);
    see_ssh(p);
    if (!p->op)
        p->op = state_watch(p->settings.store, LOOK_LONGEST_MS, on_seen, p);
}

void parts_swap(struct parts *p, const struct writer_account *accounts, int count)
{
    struct account old[ACCOUNTS_MAX];
    int old_count = p->accounts_count;
    memcpy(old, p->accounts, sizeof old);
    p->settings.accounts = accounts;
    p->accounts_count = count < ACCOUNTS_MAX ? count : ACCOUNTS_MAX;
    for (int i = 0; i < p->accounts_count; i++) {
        p->accounts[i] = (struct account){0};
        (void)snprintf(p->accounts[i].name, sizeof p->accounts[i].name, "%s", accounts[i].name);
        for (int k = 0; k < old_count; k++)
            if (strcmp(old[k].name, p->accounts[i].name) == 0)
                p->accounts[i].part = old[k].part;
    }
}

struct parts *parts_new(struct loop *loop, const struct parts_settings *settings, const struct log_ctx *log)
{
    struct parts *p = calloc(1, sizeof *p);
    if (!p)
        abort(); /* one at start-up */
    p->loop = loop;
    p->settings = *settings;
    p->log = log;
    parts_swap(p, settings->accounts, settings->accounts_count);
    p->timer = loop_timer_new(loop, look, p);
    loop_timer_start(p->timer, 1, LOOK_EVERY_MS);
    return p;
}

void parts_free(struct parts *p)
{
    if (!p)
        return;
    if (p->op)
        pg_forget(store_lane(p->settings.store, LANE_WORK), p->op);
    loop_timer_free(p->timer);
    free(p);
}

/* --- showing ------------------------------------------------------------------------------------------------------ */

static json_t *shown(const struct part *part)
{
    json_t *out = json_pack("{s:s}", "state", state_names[part->state]);
    if (part->state != PART_UNKNOWN)
        (void)json_object_set_new(out, "for_ms", json_integer(clock_mono_ms() - part->since_mono_ms));
    if (part->state == PART_AWAY)
        (void)json_object_set_new(out, "why", json_string(part->why));
    return out;
}

static json_t *shown_ssh(const struct parts *p)
{
    int count = 0;
    const struct ssh_trouble *now = p->settings.ssh ? ssh_troubles(p->settings.ssh, &count) : NULL;
    json_t *hosts = json_array();
    for (int i = 0; i < count; i++) {
        struct part part = {0};
        (void)change(&part, false, now[i].why);
        part.since_mono_ms = now[i].since_mono_ms;
        json_t *host = shown(&part);
        (void)json_object_set_new(host, "host", json_string(now[i].name));
        (void)json_array_append_new(hosts, host);
    }
    return json_pack("{s:s, s:o}", "state", count ? "away" : "there", "hosts_away", hosts);
}

/* As of the last answer: where the database is away, nobody here knows better. */
static json_t *shown_regions(const struct parts *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->regions_count; i++) {
        const struct region *r = &p->regions[i];
        json_t *out = shown(&r->part);
        (void)json_object_update_new(out, json_pack("{s:s, s:I, s:I, s:I, s:I}", "region", r->name, "live_nodes", (json_int_t)r->live,
            "last_beat_ms_ago", (json_int_t)r->beat_ms_ago, "lease_ms_left", (json_int_t)r->lease_ms_left, "seen_ms_ago",
            (json_int_t)(clock_mono_ms() - p->answered_mono_ms)));
        (void)json_array_append_new(list, out);
    }
    return list;
}

void parts_show(const struct parts *p, json_t *out)
{
    json_t *accounts = json_array();
    for (int i = 0; i < p->accounts_count; i++) {
        json_t *account = shown(&p->accounts[i].part);
        (void)json_object_set_new(account, "account", json_string(p->accounts[i].name));
        (void)json_array_append_new(accounts, account);
    }
    if (p->scenarios.state != PART_UNKNOWN)
        (void)json_object_set_new(out, "scenarios", shown(&p->scenarios));
    (void)json_object_set_new(out, "database", shown(&p->database));
    (void)json_object_set_new(out, "lease", shown(&p->lease));
    (void)json_object_set_new(out, "replication", shown(&p->replication));
    (void)json_object_set_new(out, "retention", shown(&p->retention));
    (void)json_object_set_new(out, "pagerduty", accounts);
    (void)json_object_set_new(out, "ssh", shown_ssh(p));
    (void)json_object_set_new(out, "regions", shown_regions(p));
}
