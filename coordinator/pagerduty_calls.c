/* SPDX-License-Identifier: MIT
 * The calls to PagerDuty: what each says, and what it takes from the answer. Sends nothing itself. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty_inside.h"
#include "coordinator/pagerduty_parse.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define SUMMARY_CHARACTERS_MAX 1024 /* of the Events API: longer ones are refused, not cut */

/* Ids go into paths: letters and digits only, else nothing is sent. */
static bool is_id(const char *id)
{
    size_t bytes = id ? strlen(id) : 0;
    return bytes > 0 && bytes <= PAGERDUTY_ID_BYTES_MAX &&
           strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") == bytes;
}

static uint64_t refuse_id(struct pagerduty_op *op)
{
    return pagerduty_op_refuse(op, ERROR_INPUT, "an id is not one of PagerDuty's: nothing was sent");
}

/* A JSON string of any text: what is not UTF-8 is repaired, since jansson refuses it. */
static json_t *json_of(const char *text)
{
    size_t bytes = strlen(text);
    struct buf good;
    buf_init(&good, 3 * bytes + 1);
    text_repair(text, bytes, &good);
    json_t *value = json_stringn(buf_text(&good), good.bytes);
    buf_done(&good);
    return value;
}

/* Steals body. */
static int set_body(struct pagerduty_op *op, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return -1;
    buf_clear(&op->body);
    int rc = buf_add_text(&op->body, text);
    explicit_bzero(text, strlen(text)); /* may hold a routing key */
    free(text);
    return rc;
}

/* ---- one incident ---- */

static enum pagerduty_next take_incident(struct pagerduty_op *op, json_t *root)
{
    bool good = pagerduty_parse_incident(json_object_get(root, "incident"), &op->result.incident);
    return good ? PAGERDUTY_NEXT_END : PAGERDUTY_NEXT_INVALID;
}

uint64_t pagerduty_read_incident(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "GET", take_incident);
    (void)buf_printf(&op->what, "read incident %.*s", PAGERDUTY_ID_BYTES_MAX, incident_id ? incident_id : "");
    if (!is_id(incident_id))
        return refuse_id(op);
    (void)buf_printf(&op->path, "/incidents/%s?include%%5B%%5D=escalation_policies", incident_id);
    return pagerduty_op_send(op);
}

static uint64_t send_change(struct pagerduty_op *op)
{
    op->method = "PUT";
    op->take = take_incident;
    op->writes = true;
    buf_clear(&op->path);
    (void)buf_add_text(&op->path, buf_text(&op->put_path)); /* it fitted there */
    json_t *change = op->change;
    op->change = NULL;
    return set_body(op, json_pack("{s:o}", "incident", change)) == 0
               ? pagerduty_op_send(op)
               : pagerduty_op_refuse(op, ERROR_LIMIT, "no memory, or the change is too large");
}

static int set_reference(json_t *change, const char *key, const char *id, const char *type)
{
    return json_object_set_new(change, key, json_pack("{s:s, s:s}", "id", id, "type", type));
}

/* The highest priority of that name; NULL: none. The list is ordered from the most severe. */
static const char *priority_id(const json_t *priorities, const char *name)
{
    for (size_t i = 0; i < json_array_size(priorities); i++) {
        const json_t *p = json_array_get(priorities, i);
        const char *has = json_string_value(json_object_get(p, "name"));
        if (!has)
            has = json_string_value(json_object_get(p, "summary"));
        if (has && strcmp(has, name) == 0)
            return json_string_value(json_object_get(p, "id"));
    }
    return NULL;
}

static enum pagerduty_next take_priorities(struct pagerduty_op *op, json_t *root)
{
    struct pagerduty *pd = op->pd;
    json_t *list = json_object_get(root, "priorities");
    if (!json_is_array(list))
        return PAGERDUTY_NEXT_INVALID;
    json_decref(pd->priorities);
    pd->priorities = json_incref(list);
    pd->priorities_ms = clock_mono_ms();
    const char *id = priority_id(list, op->priority_name);
    if (!id) {
        op->result.class = PAGERDUTY_NEVER;
        error_set(&op->result.err, ERROR_REFUSED, "PagerDuty: %s: this account has no priority '%.60s'",
            buf_text(&op->what), op->priority_name);
        return PAGERDUTY_NEXT_END;
    }
    if (set_reference(op->change, "priority", id, "priority_reference") != 0)
        return PAGERDUTY_NEXT_INVALID;
    (void)send_change(op); /* sends or refuses by itself: see pagerduty_next */
    return PAGERDUTY_NEXT_SENT;
}

/* The incident object of a PUT; NULL when out of memory. */
static json_t *change_object(const struct pagerduty_change *change)
{
    json_t *o = json_pack("{s:s}", "type", "incident_reference");
    int rc = o ? 0 : -1;
    if (change->title)
        rc |= json_object_set_new(o, "title", json_of(change->title));
    if (change->status)
        rc |= json_object_set_new(o, "status", json_string(change->status));
    if (change->resolution)
        rc |= json_object_set_new(o, "resolution", json_of(change->resolution));
    if (change->escalation_level > 0)
        rc |= json_object_set_new(o, "escalation_level", json_integer(change->escalation_level));
    if (change->escalation_policy_id)
        rc |= set_reference(o, "escalation_policy", change->escalation_policy_id, "escalation_policy_reference");
    if (change->priority_id)
        rc |= set_reference(o, "priority", change->priority_id, "priority_reference");
    if (rc == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* The name of a priority becomes its id: from what is remembered, else by asking first. */
static uint64_t send_named_change(struct pagerduty_op *op, const char *name)
{
    struct pagerduty *pd = op->pd;
    bool fresh = pd->priorities && clock_mono_ms() - pd->priorities_ms < PAGERDUTY_PRIORITIES_MS;
    const char *id = fresh ? priority_id(pd->priorities, name) : NULL;
    if (id)
        return set_reference(op->change, "priority", id, "priority_reference") == 0
                   ? send_change(op)
                   : pagerduty_op_refuse(op, ERROR_LIMIT, "no memory");
    op->priority_name = strdup(name);
    if (!op->priority_name)
        return pagerduty_op_refuse(op, ERROR_LIMIT, "no memory");
    op->method = "GET";
    op->take = take_priorities;
    (void)buf_printf(&op->path, "/priorities?limit=%d", PAGERDUTY_PAGE);
    return pagerduty_op_send(op);
}

uint64_t pagerduty_change_incident(struct pagerduty *pd, const char *incident_id,
    const struct pagerduty_change *change, pagerduty_done *done, void *owner)
{
    assert(!change->status || strcmp(change->status, "acknowledged") == 0 || strcmp(change->status, "resolved") == 0);
    assert(change->title || change->status || change->escalation_level > 0 || change->escalation_policy_id ||
           change->priority_id || change->priority_name);
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "PUT", take_incident);
    (void)buf_printf(&op->what, "change%s%s%s%s of incident %.*s", change->title ? " title" : "",
        change->status ? " status" : "",
        change->escalation_level || change->escalation_policy_id ? " escalation" : "",
        change->priority_id || change->priority_name ? " priority" : "", PAGERDUTY_ID_BYTES_MAX,
        incident_id ? incident_id : "");
    if (!is_id(incident_id) || (change->escalation_policy_id && !is_id(change->escalation_policy_id)) ||
        (change->priority_id && !is_id(change->priority_id)))
        return refuse_id(op);
    (void)buf_printf(&op->put_path, "/incidents/%s", incident_id);
    op->change = change_object(change);
    if (!op->change)
        return pagerduty_op_refuse(op, ERROR_LIMIT, "no memory");
    return change->priority_name && !change->priority_id ? send_named_change(op, change->priority_name)
                                                         : send_change(op);
}

/* ---- notes ---- */

static enum pagerduty_next take_note(struct pagerduty_op *op, json_t *root)
{
    if (!pagerduty_parse_note(json_object_get(root, "note"), &op->note))
        return PAGERDUTY_NEXT_INVALID;
    op->result.notes = &op->note;
    op->result.count = 1;
    return PAGERDUTY_NEXT_END;
}

uint64_t pagerduty_add_note(struct pagerduty *pd, const char *incident_id, const char *content, pagerduty_done *done,
    void *owner)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "POST", take_note);
    op->writes = true;
    (void)buf_printf(&op->what, "add a note to incident %.*s", PAGERDUTY_ID_BYTES_MAX, incident_id ? incident_id : "");
    if (!is_id(incident_id))
        return refuse_id(op);
    (void)buf_printf(&op->path, "/incidents/%s/notes", incident_id);
    if (set_body(op, json_pack("{s:{s:o}}", "note", "content", json_of(content))) != 0)
        return pagerduty_op_refuse(op, ERROR_INPUT, "the note is too large");
    return pagerduty_op_send(op);
}

uint64_t pagerduty_delete_note(struct pagerduty *pd, const char *incident_id, const char *note_id,
    pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "DELETE", NULL);
    op->writes = op->deletes = true;
    (void)buf_printf(&op->what, "delete a note of incident %.*s", PAGERDUTY_ID_BYTES_MAX,
        incident_id ? incident_id : "");
    if (!is_id(incident_id) || !is_id(note_id))
        return refuse_id(op);
    (void)buf_printf(&op->path, "/incidents/%s/notes/%s", incident_id, note_id);
    return pagerduty_op_send(op);
}

/* ---- lists ---- */

/* What is kept of a list is what parses: without an id nothing could be done with it. */
#define FILL_LIST(op, type, parse, field)                                              \
    do {                                                                               \
        size_t n_ = json_array_size((op)->items);                                      \
        struct type *list_ = calloc(n_ ? n_ : 1, sizeof *list_);                       \
        if (!list_)                                                                    \
            return PAGERDUTY_NEXT_INVALID;                                             \
        for (size_t i_ = 0; i_ < n_; i_++)                                             \
            if (parse(json_array_get((op)->items, i_), &list_[(op)->result.count]))    \
                (op)->result.count++;                                                  \
        (op)->array = list_;                                                           \
        (op)->result.field = list_;                                                    \
    } while (0)

static enum pagerduty_next fill_list(struct pagerduty_op *op)
{
    if (strcmp(op->list_key, "incidents") == 0)
        FILL_LIST(op, pagerduty_incident, pagerduty_parse_incident, incidents);
    else if (strcmp(op->list_key, "alerts") == 0)
        FILL_LIST(op, pagerduty_alert, pagerduty_parse_alert, alerts);
    else if (strcmp(op->list_key, "notes") == 0)
        FILL_LIST(op, pagerduty_note, pagerduty_parse_note, notes);
    else if (strcmp(op->list_key, "log_entries") == 0)
        FILL_LIST(op, pagerduty_entry, pagerduty_parse_entry, entries);
    else
        FILL_LIST(op, pagerduty_subscription, pagerduty_parse_subscription, subscriptions);
    return PAGERDUTY_NEXT_END;
}

/* An element that moved from one page to the next while we read is kept once. */
static int keep_item(struct pagerduty_op *op, json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "id"));
    if (!id || json_object_get(op->seen, id))
        return 0;
    return json_object_set_new(op->seen, id, json_true()) | json_array_append(op->items, item);
}

static void set_page(struct pagerduty_op *op)
{
    buf_clear(&op->path);
    (void)buf_add_text(&op->path, buf_text(&op->put_path)); /* lists keep their path there; it fits */
    if (op->page > 0)
        (void)buf_printf(&op->path, "?%slimit=%zu&offset=%zu", op->query, op->page, op->offset);
}

static enum pagerduty_next take_page(struct pagerduty_op *op, json_t *root)
{
    json_t *page = json_object_get(root, op->list_key);
    if (!json_is_array(page))
        return PAGERDUTY_NEXT_INVALID;
    size_t got = json_array_size(page);
    for (size_t i = 0; i < got; i++)
        if (keep_item(op, json_array_get(page, i)) != 0)
            return PAGERDUTY_NEXT_INVALID;
    bool more = op->page > 0 && got > 0 && json_is_true(json_object_get(root, "more"));
    op->offset += got;
    op->result.next = op->offset;
    op->result.cut = more && (op->offset + op->page > op->list_max || op->list_bytes >= PAGERDUTY_LIST_BYTES_MAX);
    if (!more || op->result.cut)
        return fill_list(op);
    set_page(op);
    return PAGERDUTY_NEXT_SEND;
}

/* query: static, "" or ending in '&'. page 0: the list comes whole. */
static struct pagerduty_op *list_new(struct pagerduty *pd, pagerduty_done *done, void *owner, enum budget_use use,
    const char *key, const char *query, size_t page, size_t most)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "GET", take_page);
    op->use = use;
    op->list_key = key;
    op->query = query;
    op->page = page;
    op->list_max = most;
    op->items = json_array();
    op->seen = json_object();
    return op;
}

static uint64_t list_send(struct pagerduty_op *op)
{
    if (!op->items || !op->seen)
        return pagerduty_op_refuse(op, ERROR_LIMIT, "no memory");
    set_page(op);
    return pagerduty_op_send(op);
}

uint64_t pagerduty_list_notes(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op = list_new(pd, done, owner, BUDGET_WRITE, "notes", "", 0, 0);
    (void)buf_printf(&op->what, "list notes of incident %.*s", PAGERDUTY_ID_BYTES_MAX, incident_id ? incident_id : "");
    if (!is_id(incident_id))
        return refuse_id(op);
    (void)buf_printf(&op->put_path, "/incidents/%s/notes", incident_id);
    return list_send(op);
}

uint64_t pagerduty_list_alerts(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op =
        list_new(pd, done, owner, BUDGET_READ, "alerts", "", PAGERDUTY_ALERTS_PAGE, PAGERDUTY_ALERTS_MAX);
    (void)buf_printf(&op->what, "list alerts of incident %.*s", PAGERDUTY_ID_BYTES_MAX, incident_id ? incident_id : "");
    if (!is_id(incident_id))
        return refuse_id(op);
    (void)buf_printf(&op->put_path, "/incidents/%s/alerts", incident_id);
    return list_send(op);
}

uint64_t pagerduty_list_open_incidents(struct pagerduty *pd, size_t offset, pagerduty_done *done, void *owner)
{
    /* date_range=all: without it only a month is listed */
    static const char query[] = "statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&"
                                "sort_by=created_at%3Aasc&";
    struct pagerduty_op *op =
        list_new(pd, done, owner, BUDGET_RECONCILE, "incidents", query, PAGERDUTY_PAGE, offset + PAGERDUTY_PAGE);
    op->offset = offset;
    (void)buf_add_text(&op->what, "list open incidents");
    (void)buf_add_text(&op->put_path, "/incidents");
    return list_send(op);
}

uint64_t pagerduty_list_log(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op = list_new(pd, done, owner, BUDGET_RECONCILE, "log_entries", "", PAGERDUTY_PAGE, PAGERDUTY_PAGE);
    (void)buf_printf(&op->what, "list log of incident %.*s", PAGERDUTY_ID_BYTES_MAX, incident_id ? incident_id : "");
    if (!is_id(incident_id))
        return refuse_id(op);
    (void)buf_printf(&op->put_path, "/incidents/%s/log_entries", incident_id);
    return list_send(op);
}

uint64_t pagerduty_list_subscriptions(struct pagerduty *pd, pagerduty_done *done, void *owner)
{
    struct pagerduty_op *op =
        list_new(pd, done, owner, BUDGET_RECONCILE, "webhook_subscriptions", "", PAGERDUTY_PAGE, PAGERDUTY_SUBSCRIPTIONS_MAX);
    (void)buf_add_text(&op->what, "list webhook subscriptions");
    (void)buf_add_text(&op->put_path, "/webhook_subscriptions");
    return list_send(op);
}

uint64_t pagerduty_enable_subscription(struct pagerduty *pd, const char *subscription_id, pagerduty_done *done,
    void *owner)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "POST", NULL);
    op->writes = true;
    (void)buf_printf(&op->what, "enable webhook subscription %.*s", PAGERDUTY_ID_BYTES_MAX,
        subscription_id ? subscription_id : "");
    if (!is_id(subscription_id))
        return refuse_id(op);
    (void)buf_printf(&op->path, "/webhook_subscriptions/%s/enable", subscription_id);
    return pagerduty_op_send(op);
}

/* ---- the alarm about ourselves ---- */

static json_t *summary_of(const char *text)
{
    size_t bytes = strlen(text);
    struct buf line;
    buf_init(&line, 3 * bytes + 1);
    text_one_line(text, bytes, &line);
    json_t *value =
        json_stringn(buf_text(&line), text_cut(buf_text(&line), line.bytes, SUMMARY_CHARACTERS_MAX, line.bytes));
    buf_done(&line);
    return value;
}

static json_t *event_object(const struct pagerduty_event *event)
{
    union {
        const json_t *in;
        json_t *out;
    } details = {.in = event->details}; /* only counted and read */
    json_t *payload = json_pack("{s:o, s:o, s:s, s:O?}", "summary", summary_of(event->summary), "source",
        json_of(event->source), "severity", event->severity, "custom_details", details.out);
    if (!event->details)
        (void)json_object_del(payload, "custom_details"); /* null is not taken for absent there */
    return json_pack("{s:s, s:s, s:s, s:o}", "routing_key", event->routing_key, "event_action", event->action,
        "dedup_key", event->dedup_key, "payload", payload);
}

uint64_t pagerduty_send_event(struct pagerduty *pd, const struct pagerduty_event *event, pagerduty_done *done,
    void *owner)
{
    struct pagerduty_op *op = pagerduty_op_new(pd, done, owner, "POST", NULL);
    op->writes = op->events = true;
    (void)buf_printf(&op->what, "%s an alert about ourselves", event->action);
    op->routing_key = strdup(event->routing_key);
    op->secret = op->routing_key;
    (void)buf_add_text(&op->path, "/v2/enqueue");
    if (!op->routing_key || set_body(op, event_object(event)) != 0)
        return pagerduty_op_refuse(op, ERROR_INPUT, "the event is too large, or not text");
    return pagerduty_op_send(op);
}
