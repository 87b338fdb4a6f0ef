/* SPDX-License-Identifier: MIT
 * Webhooks: every row of the table of event types and hands, odd bodies, signatures. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "coordinator/pagerduty.h"
#include "coordinator/webhook.h"
#include "lib/base/buf.h"
#include "lib/base/id.h"
#include "lib/base/limits.h"

static const char *const bots[] = {"PBOT", NULL};

/* What each type must do, by whose hand: written out again here, so that a slip in the table is seen. */
static const struct {
    const char *type;
    unsigned effects;
    enum webhook_hand none, service, person, ours;
} expected[] = {
    {"incident.triggered", EFFECT_SEE | EFFECT_CURRENT | EFFECT_OPEN, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.reopened", EFFECT_SEE | EFFECT_CURRENT | EFFECT_REOPEN | EFFECT_OPEN, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.acknowledged", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
    {"incident.unacknowledged", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.escalated", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
    {"incident.reassigned", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
    {"incident.delegated", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
    {"incident.resolved", EFFECT_SEE | EFFECT_CURRENT, HAND_CLOSE, HAND_CLOSE, HAND_CLOSE, HAND_NONE},
    {"incident.priority_updated", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_TOUCH, HAND_NONE},
    {"incident.service_updated", EFFECT_SEE | EFFECT_CURRENT, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.annotated", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NOTE, HAND_NONE},
    {"incident.incident_type.changed", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.status_update_published", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.responder.added", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.responder.replied", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.custom_field_values.updated", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.conference_bridge.updated", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"incident.role.assigned", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
    {"pagey.ping", EFFECT_NONE, HAND_NONE, HAND_NONE, HAND_NONE, HAND_NONE},
};

static void parse(struct arena *a, const char *body, struct webhook_event *out)
{
    webhook_parse(a, body, strlen(body), bots, out);
}

static void every_row_by_every_hand(void **state)
{
    (void)state;
    static const char *const agents[AGENT_KINDS] = {"null", "{\"id\":\"PSVC\",\"type\":\"service_reference\"}",
        "{\"id\":\"PHUM\",\"type\":\"user_reference\",\"summary\":\"Aiko\"}", "{\"id\":\"PBOT\",\"type\":\"user_reference\"}"};
    size_t rows = sizeof expected / sizeof expected[0];
    assert_null(webhook_rules[rows].type); /* a new row needs one here */
    for (size_t i = 0; i < rows; i++) {
        const enum webhook_hand hands[AGENT_KINDS] = {expected[i].none, expected[i].service, expected[i].person, expected[i].ours};
        assert_string_equal(webhook_rules[i].type, expected[i].type);
        for (int k = 0; k < AGENT_KINDS; k++) {
            struct arena *a = arena_new(1 << 20);
            char body[1024];
            const char *data = strcmp(expected[i].type, "incident.annotated") == 0
                ? "{\"type\":\"incident_note\",\"incident\":{\"id\":\"Q1\"},\"content\":\"firstline stop\"}"
                : "{\"type\":\"incident\",\"id\":\"Q1\",\"title\":\"t\",\"status\":\"triggered\",\"service\":{\"id\":\"S\"}}";
            (void)snprintf(body, sizeof body, "{\"event\":{\"id\":\"E1\",\"event_type\":\"%s\",\"occurred_at\":"
                "\"2026-01-02T03:04:05.678Z\",\"agent\":%s,\"data\":%s}}", expected[i].type, agents[k], data);
            struct webhook_event e;
            parse(a, body, &e);
            assert_int_equal(e.rule->effects, expected[i].effects);
            assert_int_equal(e.agent, k);
            assert_int_equal(e.hand, hands[k]);
            assert_string_equal(e.incident, "Q1");
            assert_null(e.odd);
            arena_free(a);
        }
    }
}

/* What is found in an incident's log goes through the same rows. */
static void every_row_found_in_the_log(void **state)
{
    (void)state;
    static const char *const agents[AGENT_KINDS] = {"null", "{\"id\":\"PSVC\",\"type\":\"service_reference\"}",
        "{\"id\":\"PHUM\",\"type\":\"user_reference\",\"summary\":\"Aiko\"}", "{\"id\":\"PBOT\",\"type\":\"user_reference\"}"};
    int logged = 0;
    for (const struct webhook_rule *r = webhook_rules; r->type; r++) {
        for (int k = 0; r->log && k < AGENT_KINDS; k++) {
            struct arena *a = arena_new(1 << 20);
            char text[512], type[64];
            (void)snprintf(type, sizeof type, "%s_log_entry", r->log);
            (void)snprintf(text, sizeof text, "{\"agent\":%s,\"channel\":{\"changeset\":{\"application_fields\":[{\"name\":\"priority\"}]}}}",
                agents[k]);
            json_t *json = json_loads(text, 0, NULL);
            struct pagerduty_entry entry = {.id = "R1", .type = type, .created_at = "2026-01-02T03:04:05Z", .json = json};
            struct webhook_event e;
            assert_true(webhook_of_entry(a, "Q1", NULL, &entry, bots, &e));
            assert_ptr_equal(e.rule, r);
            assert_int_equal(e.agent, k);
            assert_int_equal(e.hand, r->hands[k]);
            assert_string_equal(e.key, "log:R1");
            assert_string_equal(e.occurred_at, "2026-01-02T03:04:05.999Z"); /* the end of its second */
            logged++;
            json_decref(json);
            arena_free(a);
        }
    }
    assert_int_equal(logged, 7 * AGENT_KINDS);
}

static void what_the_log_tells_besides(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct webhook_event e;
    json_t *title = json_loads("{\"agent\":null,\"channel\":{\"changeset\":{\"application_fields\":[{\"name\":\"title\"}]}}}", 0, NULL);
    struct pagerduty_entry entry = {.id = "R1", .type = "field_value_change_log_entry", .created_at = "2026-01-02T03:04:05Z", .json = title};
    assert_false(webhook_of_entry(a, "Q1", NULL, &entry, bots, &e)); /* a title's change is nobody's taking over */
    entry.type = "notify_log_entry";
    assert_false(webhook_of_entry(a, "Q1", NULL, &entry, bots, &e));
    entry.type = "resolve_log_entry";
    entry.created_at = "soon";
    assert_false(webhook_of_entry(a, "Q1", NULL, &entry, bots, &e));
    json_decref(title);
    /* A note of our own, by the bot's own kind of reference, is no order; a person's is. */
    static const char *const users[] = {"{\"user\":{\"id\":\"PBOT\",\"type\":\"bot_user_reference\"}}",
        "{\"user\":{\"id\":\"PHUM\",\"type\":\"user_reference\"}}"};
    for (int i = 0; i < 2; i++) {
        json_t *json = json_loads(users[i], 0, NULL);
        struct pagerduty_note note = {.id = "N1", .content = "firstline stop", .created_at = "2026-01-02T03:04:05Z", .json = json};
        assert_int_equal(webhook_of_note(a, "Q1", &note, bots, &e), i == 1);
        json_decref(json);
    }
    arena_free(a);
}

static void orders(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        enum webhook_order order;
    } rows[] = {{"firstline stop", ORDER_STOP}, {"firstline go", ORDER_GO}, {"Firstline STOP \\nplease", ORDER_STOP},
        {"firstline stopped?", ORDER_NONE}, {"please firstline stop", ORDER_NONE}, {"", ORDER_NONE},
        {"\xef\xbd\x86irstline go", ORDER_GO}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        char body[1024];
        (void)snprintf(body, sizeof body, "{\"event\":{\"id\":\"E\",\"event_type\":\"incident.annotated\",\"occurred_at\":"
            "\"2026-01-02T03:04:05Z\",\"agent\":{\"id\":\"P\",\"type\":\"user_reference\"},\"data\":{\"type\":\"incident_note\","
            "\"incident\":{\"id\":\"Q\"},\"content\":\"%s\"}}}", rows[i].content);
        struct webhook_event e;
        parse(a, body, &e);
        assert_int_equal(e.order, rows[i].order);
        assert_int_equal(e.hand, rows[i].order == ORDER_NONE ? HAND_NONE : HAND_NOTE);
        arena_free(a);
    }
}

static void odd_bodies_are_kept_and_do_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body, *odd;
    } rows[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"[]", "no event object"},
        {"{\"event\":7}", "no event object"},
        {"{\"event\":{}}", "no event_type"},
        {"{\"event\":{\"event_type\":\"incident.exploded\"}}", "unknown event type"},
        {"{\"event\":{\"event_type\":\"incident.triggered\"}}", "no incident in data"},
        {"{\"event\":{\"event_type\":\"incident.triggered\",\"data\":{\"type\":\"incident\",\"id\":\"Q\"}}}", "no occurred_at"},
        {"{\"event\":{\"event_type\":\"incident.triggered\",\"occurred_at\":\"yesterday\",\"data\":{\"type\":\"incident\",\"id\":\"Q\"}}}",
            "no occurred_at"},
        {"\xff\xfe", "not JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        struct webhook_event e;
        parse(a, rows[i].body, &e);
        assert_non_null(e.odd);
        assert_string_equal(e.odd, rows[i].odd);
        assert_int_equal(e.hand, HAND_NONE);
        assert_true(strlen(e.key) > 0);
        arena_free(a);
    }
}

static void a_nul_in_a_title_is_repaired(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct webhook_event e;
    parse(a, "{\"event\":{\"id\":\"E\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-01-02T03:04:05Z\",\"agent\":null,"
             "\"data\":{\"type\":\"incident\",\"id\":\"Q\",\"title\":\"a\\u0000b\",\"status\":\"triggered\"}}}", &e);
    assert_null(e.odd);
    assert_string_equal(e.title, "a\xe2\x90\x80" "b");
    assert_string_equal(e.key, "E");
    arena_free(a);
}

static void a_long_id_becomes_a_hash(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_text(&b, "{\"event\":{\"event_type\":\"pagey.ping\",\"id\":\"");
    for (int i = 0; i < 12 * 1024; i++)
        buf_add_char(&b, 'x');
    buf_add_text(&b, "\"}}");
    struct arena *a = arena_new(1 << 20);
    struct webhook_event e;
    webhook_parse(a, buf_text(&b), b.bytes, bots, &e);
    assert_memory_equal(e.key, "sha256:", 7);
    assert_int_equal(strlen(e.key), 7 + 64);
    arena_free(a);
    buf_done(&b);
}

static void sign(const char *secret, const char *body, char out[80])
{
    unsigned char mac[32];
    id_hmac_sha256(secret, strlen(secret), body, strlen(body), mac);
    (void)snprintf(out, 80, "v1=");
    for (int i = 0; i < 32; i++)
        (void)snprintf(out + 3 + 2 * i, 3, "%02x", mac[i]);
}

static void signatures(void **state)
{
    (void)state;
    static const char body[] = "{\"event\":{}}";
    const struct webhook_secret secrets[] = {{"old", 3}, {"new", 3}};
    char by_old[80], by_new[80], by_other[80], header[400];
    sign("old", body, by_old);
    sign("new", body, by_new);
    sign("other", body, by_other);
#define VERIFY(h) webhook_verify((h), secrets, 2, body, strlen(body))
    assert_int_equal(VERIFY(NULL), SIGNATURE_MISSING);
    assert_int_equal(VERIFY(""), SIGNATURE_MALFORMED);
    assert_int_equal(VERIFY("v1=abc"), SIGNATURE_MALFORMED);
    assert_int_equal(VERIFY("v2=00"), SIGNATURE_MALFORMED);
    assert_int_equal(VERIFY(by_old), SIGNATURE_RIGHT);
    assert_int_equal(VERIFY(by_new), SIGNATURE_RIGHT);
    assert_int_equal(VERIFY(by_other), SIGNATURE_WRONG);
    (void)snprintf(header, sizeof header, "%s,%s", by_other, by_new);
    assert_int_equal(VERIFY(header), SIGNATURE_RIGHT);
    (void)snprintf(header, sizeof header, "v9=zz, %s", by_old);
    assert_int_equal(VERIFY(header), SIGNATURE_RIGHT);
    by_old[5] = by_old[5] == '0' ? '1' : '0';
    assert_int_equal(VERIFY(by_old), SIGNATURE_WRONG);
    assert_int_equal(webhook_verify(by_new, secrets, 0, body, strlen(body)), SIGNATURE_WRONG);
    assert_int_equal(webhook_verify(by_new, secrets, 2, body, strlen(body) - 1), SIGNATURE_WRONG);
#undef VERIFY
}

static void a_merge_is_seen(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct webhook_event e;
    parse(a, "{\"event\":{\"id\":\"E\",\"event_type\":\"incident.resolved\",\"occurred_at\":\"2026-01-02T03:04:05Z\",\"agent\":null,"
             "\"data\":{\"type\":\"incident\",\"id\":\"Q\",\"status\":\"resolved\",\"resolve_reason\":{\"type\":\"merge_resolve_reason\","
             "\"incident\":{\"id\":\"Q2\",\"summary\":\"[#2] other\"}}}}}", &e);
    assert_true(e.merged);
    assert_string_equal(e.merged_into, "[#2] other");
    assert_int_equal(e.hand, HAND_CLOSE);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_by_every_hand),
        cmocka_unit_test(every_row_found_in_the_log),
        cmocka_unit_test(what_the_log_tells_besides),
        cmocka_unit_test(orders),
        cmocka_unit_test(odd_bodies_are_kept_and_do_nothing),
        cmocka_unit_test(a_nul_in_a_title_is_repaired),
        cmocka_unit_test(a_long_id_becomes_a_hash),
        cmocka_unit_test(signatures),
        cmocka_unit_test(a_merge_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
