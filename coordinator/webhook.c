/* SPDX-License-Identifier: MIT
 * The table of what events mean, and reading PagerDuty's webhooks. */
#include "coordinator/webhook_inside.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define SHOWS (EFFECT_SEE | EFFECT_CURRENT)

/* Columns of hands: clockwork or monitor, service, person, ours. */
const struct webhook_rule webhook_rules[] = {
    {"incident.triggered", SHOWS | EFFECT_OPEN, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "triggered it", NULL},
    {"incident.reopened", SHOWS | EFFECT_REOPEN | EFFECT_OPEN,
        {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "reopened it", NULL},
    {"incident.acknowledged", SHOWS, {HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE}, "acknowledged it", "acknowledge"},
    {"incident.unacknowledged", SHOWS, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "let it go", "unacknowledge"},
    {"incident.escalated", SHOWS, {HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE}, "escalated it", "escalate"},
    {"incident.reassigned", SHOWS, {HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE}, "reassigned it", "assign"},
    {"incident.delegated", SHOWS, {HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE}, "delegated it", "delegate"},
    {"incident.resolved", SHOWS, {HAND_CLOSE, HAND_CLOSE, HAND_CLOSE, HAND_NONE}, "resolved it", "resolve"},
    {"incident.priority_updated", SHOWS, {HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
        "changed its priority", "field_value_change"},
    {"incident.service_updated", SHOWS, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "moved it", NULL},
    {"incident.annotated", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NOTE, HAND_NONE}, "noted on it", NULL},
    {"incident.incident_type.changed", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.status_update_published", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.responder.added", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.responder.replied", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.custom_field_values.updated", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.conference_bridge.updated", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"incident.role.assigned", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {"pagey.ping", EFFECT_NONE, {HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE}, "", NULL},
    {0},
};
static const struct webhook_rule unknown_rule = {.type = "", .how = ""};

static const char *const agent_names[] = {"none", "service", "person", "ours"};
static const char *const hand_names[] = {"none", "touch", "close", "note"};
_Static_assert(sizeof agent_names / sizeof agent_names[0] == AGENT_KINDS, "one name an agent");

const char *webhook_agent_name(enum webhook_agent agent)
{
    return agent_names[agent];
}

const char *webhook_hand_name(enum webhook_hand hand)
{
    return hand_names[hand];
}

void webhook_page(struct buf *out)
{
    static const char *const words[] = {[HAND_NONE] = "", [HAND_TOUCH] = "stops", [HAND_CLOSE] = "closes", [HAND_NOTE] = "an order"};
    (void)buf_add_text(out, "| event | in the log | effect | null | service | person | our bots |\n|---|---|---|---|---|---|---|\n");
    for (const struct webhook_rule *r = webhook_rules; r->type; r++)
        (void)buf_printf(out, "| `%s` | %s%s%s | %s%s | %s | %s | %s | %s |\n", r->type, r->log ? "`" : "", r->log ? r->log : "",
            r->log ? "`" : "", r->effects & EFFECT_SEE ? "seen" : "stored",
            r->effects & EFFECT_REOPEN ? ", a new opening, a run" : r->effects & EFFECT_OPEN ? ", a run" : "", words[r->hands[AGENT_NONE]],
            words[r->hands[AGENT_SERVICE]], words[r->hands[AGENT_PERSON]], words[r->hands[AGENT_OURS]]);
}

/* A text of the body, made safe to store, cut to what a column should hold. */
const char *webhook_safe(struct arena *a, const json_t *value)
{
    if (!json_is_string(value))
        return "";
    struct buf b;
    buf_init(&b, WEBHOOK_TEXT_BYTES_MAX * 3 + 4);
    size_t bytes = json_string_length(value);
    text_repair(json_string_value(value), bytes < WEBHOOK_TEXT_BYTES_MAX ? bytes : WEBHOOK_TEXT_BYTES_MAX, &b);
    size_t cut = text_cut(buf_text(&b), b.bytes, b.bytes, WEBHOOK_TEXT_BYTES_MAX);
    char *copy = arena_strndup(a, buf_text(&b), cut);
    if (b.over) /* not by its limit, which is beyond what repairing adds */
        arena_starve(a);
    buf_done(&b);
    return copy ? copy : "";
}

const char *webhook_member(struct arena *a, const json_t *object, const char *name)
{
    return webhook_safe(a, json_object_get(object, name));
}

/* A time as sent, or "" when it is none: the database must never see another. */
static const char *time_member(struct arena *a, const json_t *object, const char *name, int64_t *out_ms)
{
    const char *text = webhook_member(a, object, name);
    int64_t ms;
    if (clock_wall_parse(text, &ms) < 0 || ms < 0)
        return "";
    if (out_ms)
        *out_ms = ms;
    char canonical[CLOCK_TEXT_BYTES];
    clock_wall_text(ms, canonical);
    char *copy = arena_strdup(a, canonical);
    return copy ? copy : "";
}

static void make_key(const char *id, size_t id_bytes, const char *body, size_t bytes, char out[80])
{
    if (id_bytes > 0 && id_bytes < 72) {
        (void)snprintf(out, 80, "%s", id);
        return;
    }
    char hash[ID_SHA256_BYTES];
    if (id_bytes > 0)
        id_sha256(id, id_bytes, hash);
    else
        id_sha256(body, bytes, hash);
    (void)snprintf(out, 80, "sha256:%s", hash);
}

static enum webhook_agent kind_of_agent(const char *type, const char *id, const char *const *bots)
{
    bool user = strcmp(type, "user_reference") == 0 || strcmp(type, "user") == 0;
    if (!user && strcmp(type, "bot_user_reference") != 0)
        return AGENT_SERVICE;
    for (; bots && *bots; bots++)
        if (strcmp(*bots, id) == 0)
            return AGENT_OURS;
    return user ? AGENT_PERSON : AGENT_SERVICE;
}

void webhook_read_agent(struct arena *a, const json_t *agent, const char *const *bots, struct webhook_event *out)
{
    out->agent_name = "";
    out->agent = AGENT_NONE;
    if (!json_is_object(agent))
        return;
    const char *id = webhook_member(a, agent, "id");
    const char *summary = webhook_member(a, agent, "summary");
    out->agent_name = summary[0] ? summary : id;
    out->agent = kind_of_agent(webhook_member(a, agent, "type"), id, bots);
}

static void read_incident(struct arena *a, const json_t *data, struct webhook_event *out)
{
    const json_t *service = json_object_get(data, "service");
    out->incident = webhook_member(a, data, "id");
    out->title = webhook_member(a, data, "title");
    out->status = webhook_member(a, data, "status");
    out->urgency = webhook_member(a, data, "urgency");
    out->priority = webhook_member(a, json_object_get(data, "priority"), "summary");
    out->service_id = webhook_member(a, service, "id");
    out->service_name = webhook_member(a, service, "summary");
    out->html_url = webhook_member(a, data, "html_url");
    out->number = json_integer_value(json_object_get(data, "number"));
    out->created_at = time_member(a, data, "created_at", NULL);
    out->reopened_at = time_member(a, data, "reopened_at", NULL);
    const json_t *reason = json_object_get(data, "resolve_reason");
    out->merged = strcmp(webhook_member(a, reason, "type"), "merge_resolve_reason") == 0;
    out->merged_into = webhook_member(a, json_object_get(reason, "incident"), "summary");
    out->whole = out->incident[0] != '\0';
}

/* "firstline stop" and "firstline go", alone on the note's first line, in any case and width. */
enum webhook_order webhook_read_order(const char *content)
{
    size_t line = strcspn(content, "\r\n");
    char first[64];
    if (line >= sizeof first)
        return ORDER_NONE;
    memcpy(first, content, line);
    first[line] = '\0';
    while (line > 0 && first[line - 1] == ' ')
        first[--line] = '\0';
    if (text_same(first, "firstline stop"))
        return ORDER_STOP;
    return text_same(first, "firstline go") ? ORDER_GO : ORDER_NONE;
}

static void read_data(struct arena *a, const json_t *data, struct webhook_event *out)
{
    const char *type = webhook_member(a, data, "type");
    if (strcmp(type, "incident") == 0 || strcmp(type, "incident_reference") == 0) {
        read_incident(a, data, out);
        return;
    }
    out->incident = webhook_member(a, json_object_get(data, "incident"), "id");
    if (out->hand == HAND_NOTE) {
        out->order = webhook_read_order(webhook_member(a, data, "content"));
        if (out->order == ORDER_NONE)
            out->hand = HAND_NONE;
    }
}

const struct webhook_rule *webhook_find_rule(const char *type)
{
    for (const struct webhook_rule *r = webhook_rules; r->type; r++)
        if (strcmp(r->type, type) == 0)
            return r;
    return &unknown_rule;
}

/* An event that changes what we know must say what it is about, and when it happened. */
static const char *find_odd(const struct webhook_event *e)
{
    if (e->type[0] == '\0')
        return "no event_type";
    if (e->rule->effects == EFFECT_NONE)
        return e->rule == &unknown_rule ? "unknown event type" : NULL;
    if (!e->whole)
        return "no incident in data";
    if (strlen(e->incident) > WEBHOOK_KEY_BYTES_MAX)
        return "incident id too long";
    if (e->occurred_at[0] == '\0')
        return "no occurred_at";
    return NULL;
}

void webhook_clear(struct webhook_event *out)
{
    *out = (struct webhook_event){.id = "", .type = "", .occurred_at = "", .rule = &unknown_rule, .agent_name = "",
        .incident = "", .title = "", .status = "", .urgency = "", .priority = "", .service_id = "", .service_name = "",
        .html_url = "", .created_at = "", .reopened_at = "", .merged_into = ""};
}

void webhook_parse(struct arena *a, const char *body, size_t bytes, const char *const *bots,
    struct webhook_event *out)
{
    webhook_clear(out);
    json_error_t why;
    json_t *root = json_loadb(body, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
    if (!root) /* jansson refuses invalid UTF-8, depth over 2048 and what is no JSON */
        root = json_loadb(body, bytes, JSON_ALLOW_NUL, &why);
    const json_t *event = json_object_get(root, "event");
    const json_t *id = json_object_get(event, "id");
    make_key(json_string_value(id), json_string_length(id), body, bytes, out->key);
    if (!json_is_object(event)) {
        out->odd = root ? "no event object" : "not JSON";
        json_decref(root);
        return;
    }
    out->id = webhook_safe(a, id);
    if (json_string_length(id) > 0 && strlen(out->id) != json_string_length(id))
        make_key(json_string_value(id), 0, body, bytes, out->key); /* NUL inside: the body names it */
    out->type = webhook_member(a, event, "event_type");
    out->occurred_at = time_member(a, event, "occurred_at", &out->occurred_wall_ms);
    out->rule = webhook_find_rule(out->type);
    webhook_read_agent(a, json_object_get(event, "agent"), bots, out);
    out->hand = out->rule->hands[out->agent];
    read_data(a, json_object_get(event, "data"), out);
    if (out->created_at[0] == '\0')
        out->created_at = out->occurred_at; /* 2021 captures have none */
    out->odd = find_odd(out);
    if (out->odd)
        out->hand = HAND_NONE;
    json_decref(root);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One "v1=<64 hex>"; -1 when malformed. */
static int read_signature(const char *text, size_t bytes, unsigned char out[32])
{
    if (bytes != 64)
        return -1;
    for (int i = 0; i < 32; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (unsigned char)(high * 16 + low);
    }
    return 0;
}

enum webhook_signature webhook_verify(const char *header, const struct webhook_secret *secrets,
    size_t count, const char *body, size_t bytes)
{
    if (!header)
        return SIGNATURE_MISSING;
    unsigned char got[WEBHOOK_SIGNATURES_MAX][32];
    size_t found = 0;
    for (const char *p = header; *p && found < WEBHOOK_SIGNATURES_MAX;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, " \t,");
        if (n > 3 && memcmp(p, "v1=", 3) == 0 && read_signature(p + 3, n - 3, got[found]) == 0)
            found++;
        p += n;
    }
    if (found == 0)
        return SIGNATURE_MALFORMED;
    bool right = false;
    for (size_t s = 0; s < count; s++) {
        unsigned char want[32];
        id_hmac_sha256(secrets[s].data, secrets[s].bytes, body, bytes, want);
        for (size_t i = 0; i < found; i++)
            right |= id_equal(want, got[i], sizeof want);
    }
    return right ? SIGNATURE_RIGHT : SIGNATURE_WRONG;
}
