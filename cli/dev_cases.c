/* SPDX-License-Identifier: MIT
 * The demo's incidents: a table of what breaks and how it must end, and posting them one after the other. */
#include "cli/dev_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/process.h"

#define LOOK_MS 200
#define CASE_LONGEST_MS 120000
#define ENDED_LONGEST_MS 15000 /* for title and status to follow the ending note */
#define QUIET_MS 1200      /* looked at once more after this, for what comes twice */
#define DUPLICATE_MS 2500  /* a second run would have written its start note by then */
#define RELOAD_LONGEST_MS 20000

#define SHOP "PSVCEN1"
#define JUCHU "PSVCJA1" /* its people read Japanese */

static bool to_auto(struct dev *d, struct error *err);
static bool clear_in_verify(struct dev *d, const json_t *incident);

static const struct dev_case cases[] = {
    {.name = "a stopped service, the scenario still in shadow mode",
        .about = "order-api on web1 has stopped. firstline looks, says what it would do, and touches nothing.",
        .title = "[AMS:service-down service=order-api] web1: order-api does not answer", .service = SHOP, .host = "web1",
        .status = "triggered", .prefix = "[firstline: shadow done]", .start = "in shadow mode", .ending = "Shadow run",
        .evidence = "start the service", .level = 1, .effect = "! /srv/shop/service order-api status"},
    {.name = "the same service, the scenario in mode auto",
        .about = "The scenario's file now says `mode: auto`, and the nodes have read it again (SIGHUP).",
        .title = "[AMS:service-down service=order-api] web1: order-api still does not answer", .service = SHOP, .host = "web1",
        .status = "resolved", .prefix = "[firstline: recovered]", .start = "firstline is checking", .ending = "Recovered. ",
        .evidence = "started, pid", .level = 1, .effect = "/srv/shop/service order-api status", .before = to_auto},
    {.name = "the same webhook once more, under another event id",
        .about = "PagerDuty may deliver an event twice, or much later. A second run must not come of it.",
        .title = "[AMS:service-down service=order-api] web1: order-api still does not answer", .service = SHOP, .host = "web1",
        .status = "resolved", .prefix = "[firstline: recovered]", .start = "firstline is checking", .ending = "Recovered. ",
        .level = 1, .effect = "/srv/shop/service order-api status", .again = true},
    {.name = "a stopped service whose people read Japanese",
        .about = "juchu-api on juchu1 has stopped. Its service is set to Japanese: notes and titles, and the scenario too.",
        .title = "[AMS:juchu-down] juchu1: 受注APIが応答しません", .service = JUCHU, .host = "juchu1",
        .status = "resolved", .prefix = "[firstline: 復旧済み]", .start = "firstline が juchu1 の確認を始めました",
        .ending = "【復旧】", .evidence = "started, pid", .level = 1, .japanese = true,
        .effect = "/srv/shop/service juchu-api status"},
    {.name = "a full filesystem",
        .about = "A 16 MB filesystem on data1 is full of one application's log.",
        .title = "[AMS:disk-full mount=/srv/data] data1: /srv/data is 97 % full", .service = SHOP, .host = "data1",
        .status = "resolved", .prefix = "[firstline: recovered]", .start = "firstline is checking", .ending = "Recovered. ",
        .evidence = "healthy is < 85", .level = 1,
        .effect = "[ \"$(df -P /srv/data | awk 'NR==2{print +$5}')\" -lt 50 ] && tail -n 2 /srv/data/log/app.log | grep -q DEBUG"},
    {.name = "one that healed by itself",
        .about = "The mail queue on mail1 was long when monitoring looked; it has drained since.",
        .title = "[AMS:queue-long] mail1: 2,311 mails wait", .service = SHOP, .host = "mail1",
        .status = "resolved", .prefix = "[firstline: healthy]", .start = "firstline is checking", .ending = "Already healthy. ",
        .evidence = "12", .level = 1},
    {.name = "a check that cannot tell",
        .about = "The disk array's tool is not installed on raid1: what cannot be told is handed over, never resolved.",
        .title = "[AMS:raid-degraded] raid1: array degraded", .service = SHOP, .host = "raid1",
        .status = "triggered", .prefix = "[firstline: handed over]", .start = "firstline is checking", .ending = "Handed over. ",
        .evidence = "127", .level = 1},
    {.name = "a recovery that fails",
        .about = "payment on pay1 lacks its key file and cannot start. It goes to level 2, with what was tried and seen.",
        .title = "[AMS:service-down service=payment] pay1: payment does not answer", .service = SHOP, .host = "pay1",
        .status = "triggered", .prefix = "[firstline: handed over]", .start = "firstline is checking", .ending = "Handed over. ",
        .evidence = "cannot read /srv/shop/payment.key", .level = 2, .effect = "! /srv/shop/service payment status"},
    {.name = "cleared by its monitor in mid-run",
        .about = "The replica on db1 catches up while firstline waits; monitoring closes the incident first.",
        .title = "[AMS:replica-behind] db1: the replica is 940 s behind", .service = SHOP, .host = "db1",
        .status = "resolved", .prefix = "[firstline: recovered]", .start = "firstline is checking", .ending = "Recovered. ",
        .evidence = "The monitor cleared its alert", .level = 1, .effect = "[ -e /srv/replica/woken ]",
        .during = clear_in_verify},
    {.name = "no scenario",
        .about = "Nothing is written for this. firstline says so and leaves it to people.",
        .title = "[AMS:coffee-empty] kitchen: no beans", .service = SHOP, .host = "web1",
        .status = "triggered", .prefix = "", .ending = "Not handled. ", .level = 1},
    {.name = "an unknown host",
        .about = "web99 is not in the inventory: it is never contacted.",
        .title = "[AMS:service-down service=order-api] web99: order-api does not answer", .service = SHOP, .host = "web99",
        .status = "triggered", .prefix = "[firstline: handed over]", .ending = "Handed over. ", .evidence = "web99", .level = 2},
};
#define CASES ((int)(sizeof cases / sizeof cases[0]))

struct posted {
    char id[32]; /* of the incident; "": not posted */
};

/* --- what some of them do beside ---------------------------------------------------------------------------------- */

static bool node_set(struct dev *d, int node, char *out, size_t room)
{
    json_t *answer = dev_ask(d, "GET", d->nodes[node].port, "/readyz", NULL, NULL);
    const char *set = json_string_value(json_object_get(answer, "scenario_set"));
    (void)snprintf(out, room, "%s", set ? set : "");
    json_decref(answer);
    return out[0] != '\0';
}

static bool to_auto(struct dev *d, struct error *err)
{
    char before[128], tokyo[128] = "", osaka[128] = "";
    if (!node_set(d, 0, before, sizeof before) || dev_files_mode(d, "service-down", "auto", err) < 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (d->nodes[i].process)
            process_signal(d->nodes[i].process, SIGHUP);
    for (int64_t until = clock_mono_ms() + RELOAD_LONGEST_MS; clock_mono_ms() < until;) {
        if (!dev_pause(d, LOOK_MS))
            return false;
        if (node_set(d, 0, tokyo, sizeof tokyo) && node_set(d, 1, osaka, sizeof osaka) && strcmp(tokyo, before) != 0 &&
            strcmp(tokyo, osaka) == 0)
            return true;
    }
    error_set(err, ERROR_DEADLINE, "the nodes did not take the changed scenario");
    return false;
}

/* Once firstline waits for the replica: the monitor closes the incident, then the replica is there. */
static bool clear_in_verify(struct dev *d, const json_t *incident)
{
    const char *title = json_string_value(json_object_get(incident, "title"));
    if (!title || strncmp(title, "[firstline: verifying]", 22) != 0)
        return false;
    char path[80];
    (void)snprintf(path, sizeof path, "incidents/%.31s/clear", json_string_value(json_object_get(incident, "id")));
    struct error err = {0};
    json_t *answer = dev_control(d, "POST", path, json_object(), &err);
    dev_tell(d, answer ? TONE_BOLD : TONE_BAD, "monitor", "%s", answer ? "clears its alert; the replica catches up" : err.text);
    json_decref(answer);
    (void)dev_pause(d, 1500);
    if (dev_on_machine(d, "echo 4 | sudo -n tee /srv/replica/lag >/dev/null", &err) < 0)
        dev_tell(d, TONE_BAD, "failed", "%s", err.text);
    return true;
}

static bool resend(struct dev *d, const char *incident, struct error *err)
{
    char path[160];
    (void)snprintf(path, sizeof path, "deliveries?incident=%.31s&event_type=incident.triggered", incident);
    json_t *all = dev_control(d, "GET", path, NULL, err);
    json_t *first = json_array_get(json_object_get(all, "deliveries"), 0);
    (void)snprintf(path, sizeof path, "deliveries/%lld/resend", (long long)json_integer_value(json_object_get(first, "n")));
    json_t *answer = first ? dev_control(d, "POST", path, json_pack("{s:s}", "event_id", "new"), err) : NULL;
    long long status = (long long)json_integer_value(json_object_get(answer, "status"));
    if (first && answer && status != 202)
        error_set(err, ERROR_REFUSED, "the node answered %lld to the copy", status);
    else if (all && !first)
        error_set(err, ERROR_INPUT, "the simulator knows no delivery for %s", incident);
    if (status == 202)
        dev_tell(d, TONE_BOLD, "webhook", "sent once more under another event id; the node answered 202");
    json_decref(all);
    json_decref(answer);
    return status == 202;
}

/* --- one case ----------------------------------------------------------------------------------------------------- */

static json_t *fetch(struct dev *d, const char *id)
{
    char path[64];
    (void)snprintf(path, sizeof path, "incidents/%.31s", id);
    return dev_control(d, "GET", path, NULL, NULL);
}

static bool post(struct dev *d, const struct dev_case *c, struct posted *p, struct error *err)
{
    json_t *body = json_pack("{s:s, s:s, s:[{s:s, s:{s:s}}]}", "title", c->title, "service", c->service, "alerts", "summary",
        c->title, "details", "host", c->host);
    json_t *made = dev_control(d, "POST", "incidents", body, err);
    const char *id = json_string_value(json_object_get(made, "id"));
    (void)snprintf(p->id, sizeof p->id, "%s", id ? id : "");
    json_decref(made);
    return p->id[0] != '\0';
}

static bool looks_right(struct dev *d, const struct dev_case *c, const char *id, bool *helped, bool *out_noted, struct buf *why)
{
    buf_clear(why);
    json_t *incident = fetch(d, id);
    if (!incident)
        (void)buf_add_text(why, "; the simulator does not answer");
    if (incident && c->during && !*helped)
        *helped = c->during(d, incident);
    bool right = incident && dev_judge(c, incident, out_noted, why) && (!c->during || *helped);
    json_decref(incident);
    return right;
}

/* One incident may have one run only. */
static void count_runs(struct dev *d, const char *id, struct buf *why)
{
    const char *words[] = {"runs", "--format", "json", "--most", "500", NULL};
    struct buf text;
    struct error err = {0};
    buf_init(&text, DEV_ANSWER_BYTES_MAX);
    json_t *all = dev_run_self(d, words, &text, &err) == 0 ? json_loads(buf_text(&text), 0, NULL) : NULL;
    buf_done(&text);
    int found = 0;
    size_t i;
    json_t *row;
    json_array_foreach(all, i, row) {
        const char *incident = json_string_value(json_object_get(row, "incident"));
        found += incident && strcmp(incident, id) == 0;
    }
    if (!all)
        (void)buf_printf(why, "; firstline runs: %s", err.text);
    else if (found != 1)
        (void)buf_printf(why, "; the incident has %d runs, not 1", found);
    json_decref(all);
}

/* Watches until it is as it should be, then looks again for what comes twice. False: it is not; why says so. */
static bool watch(struct dev *d, const struct dev_case *c, const char *id, struct buf *why)
{
    bool helped = false, right = false, noted = false;
    for (int64_t until = clock_mono_ms() + CASE_LONGEST_MS; clock_mono_ms() < until && !right;) {
        dev_show_news(d);
        right = looks_right(d, c, id, &helped, &noted, why);
        if (!right && !dev_pause(d, LOOK_MS))
            return false;
        if (noted && until > clock_mono_ms() + ENDED_LONGEST_MS)
            until = clock_mono_ms() + ENDED_LONGEST_MS;
    }
    for (int64_t until = clock_mono_ms() + (c->again ? DUPLICATE_MS : QUIET_MS); clock_mono_ms() < until;) {
        dev_show_news(d);
        if (!dev_pause(d, LOOK_MS))
            return false;
    }
    if (right)
        (void)looks_right(d, c, id, &helped, &noted, why);
    if (right && c->again)
        count_runs(d, id, why);
    struct error err = {0};
    if (c->effect && dev_on_machine(d, c->effect, &err) < 0)
        (void)buf_printf(why, "; on %s `%s` does not hold (%s)", c->host, c->effect, err.text);
    return why->bytes == 0;
}

static bool run_case(struct dev *d, int n, struct posted *posted)
{
    const struct dev_case *c = &cases[n];
    printf("\n");
    dev_say(d, TONE_BOLD, "%d/%d  %s", n + 1, CASES, c->name);
    dev_say(d, TONE_DIM, "      %s", c->about);
    struct error err = {0};
    struct buf why;
    buf_init(&why, 8192);
    bool good = !c->before || c->before(d, &err);
    if (c->again)
        posted[n] = posted[n - 1];
    good = good && (c->again ? resend(d, posted[n].id, &err) : post(d, c, &posted[n], &err));
    if (!good)
        (void)buf_printf(&why, "; %s", err.text);
    good = good && watch(d, c, posted[n].id, &why);
    if (d->ending)
        good = false;
    else if (good)
        dev_tell(d, TONE_GOOD, "right", "it ended as it should");
    else
        dev_tell(d, TONE_BAD, "WRONG", "it did not end as it should: %s", why.bytes > 2 ? buf_text(&why) + 2 : "?");
    buf_done(&why);
    return good;
}

/* What came later than its case: everything is judged again in the end. */
static int judge_again(struct dev *d, const struct posted *posted, const bool *good)
{
    int wrong = 0;
    for (int i = 0; i < CASES && !d->ending; i++) {
        struct buf why;
        buf_init(&why, 8192);
        bool helped = true, noted;
        if (good[i] && !looks_right(d, &cases[i], posted[i].id, &helped, &noted, &why)) {
            dev_tell(d, TONE_BAD, "WRONG", "%s: changed after it had ended: %s", cases[i].name, buf_text(&why) + 2);
            wrong++;
        }
        buf_done(&why);
    }
    return wrong;
}

int dev_cases_run(struct dev *d)
{
    struct posted posted[CASES] = {0};
    bool good[CASES] = {false};
    int wrong = 0;
    for (int i = 0; i < CASES && !d->ending; i++) {
        good[i] = run_case(d, i, posted);
        wrong += !good[i];
    }
    if (d->ending)
        return -1;
    wrong += judge_again(d, posted, good);
    printf("\n");
    dev_say(d, wrong ? TONE_BAD : TONE_GOOD, "%d of %d ended as they should", CASES - wrong, CASES);
    return wrong;
}
