/* SPDX-License-Identifier: MIT
 * The PagerDuty client against a server that answers from a list: what is asked, and what is made of the answers. */
#include "tests/kit/kit.h"
#include "tests/kit/kit_raw.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/io/http_client.h"
#include "lib/io/http_server.h"
#include "lib/io/loop.h"

#define PATIENCE_MS 60000
#define TOKEN "tok-3n-0001"
#define FROM "bot@example.com"

struct canned {
    unsigned status; /* 0: never answers */
    const char *body;
    const char *header, *value, *header2, *value2;
};

struct stage {
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    struct pagerduty *pd;
    const struct canned *answers;
    size_t count, at;
    char asked[4096];  /* "METHOD path?query" a line for each request */
    char body[2048];   /* of the last request */
    char headers[512]; /* of the last request: "authorization|accept|type|from" */
    struct http_request *held; /* borrowed: not answered */

    int done;
    uint64_t last_id;
    enum pagerduty_class class;
    int code, status;
    int64_t wait_ms;
    size_t listed, next;
    bool cut;
    struct error err;
    char seen[512]; /* what the result held, in one line */
    bool inside;
    bool close_inside; /* done frees the account */
};

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void play(void *owner, struct http_request *req)
{
    struct stage *s = owner;
    size_t used = strlen(s->asked);
    const char *query = http_request_query(req);
    snprintf(s->asked + used, sizeof s->asked - used, "%s %s%s%s\n", http_request_method(req), http_request_path(req),
        query[0] ? "?" : "", query);
    snprintf(s->body, sizeof s->body, "%s", http_request_body(req, NULL));
    snprintf(s->headers, sizeof s->headers, "%s|%s|%s|%s", or_dash(http_request_header(req, "Authorization")),
        or_dash(http_request_header(req, "Accept")), or_dash(http_request_header(req, "Content-Type")),
        or_dash(http_request_header(req, "From")));
    assert_true(s->at < s->count);
    const struct canned *c = &s->answers[s->at++];
    if (c->status == 0) {
        s->held = req;
        return;
    }
    if (c->header)
        http_answer_header(req, c->header, c->value);
    if (c->header2)
        http_answer_header(req, c->header2, c->value2);
    http_answer(req, c->status, "application/json", c->body, c->body ? strlen(c->body) : 0);
}

static void stage_open(struct stage *s, const struct canned *answers, size_t count)
{
    *s = (struct stage){.answers = answers, .count = count};
    struct error err = {0};
    s->loop = loop_new(&err);
    s->server = http_server_new(s->loop, &(struct http_server_settings){0}, play, s, &err);
    s->client = http_client_new(s->loop, NULL, &err);
    assert_true(s->server && s->client);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", http_server_port(s->server));
    s->pd = pagerduty_new(s->loop, s->client,
        &(struct pagerduty_settings){.base_url = url, .events_url = url, .token = TOKEN, .from_email = FROM}, &err);
    if (!s->pd)
        fail_msg("%s", err.text);
}

static void stage_close(struct stage *s)
{
    pagerduty_free(s->pd);
    http_client_free(s->client);
    http_server_free(s->server);
    if (s->held)
        http_answer(s->held, 200, NULL, NULL, 0);
    loop_free(s->loop);
    assert_int_equal(s->at, s->count); /* every answer was asked for */
}

#define A(code, text) {.status = (code), .body = (text)}

#define STAGE(s, ...)                              \
    static const struct canned answers_[] = __VA_ARGS__; \
    struct stage s;                                \
    stage_open(&s, answers_, sizeof answers_ / sizeof answers_[0])

static void on_done(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct stage *s = owner;
    assert_false(s->inside);
    s->done++;
    s->last_id = id;
    s->class = r->class;
    s->code = r->code;
    s->status = r->status;
    s->wait_ms = r->wait_ms;
    s->listed = r->count;
    s->cut = r->cut;
    s->next = r->next;
    s->err = r->err;
    s->seen[0] = '\0';
    if (r->incident.id)
        snprintf(s->seen, sizeof s->seen, "%s %s %s", r->incident.id, or_dash(r->incident.status),
            or_dash(r->incident.title));
    for (size_t i = 0; i < r->count && i < 5; i++) {
        size_t used = strlen(s->seen);
        const char *what = r->notes           ? r->notes[i].content
                           : r->alerts        ? r->alerts[i].alert_key
                           : r->incidents     ? r->incidents[i].id
                           : r->subscriptions ? r->subscriptions[i].url
                                              : NULL;
        snprintf(s->seen + used, sizeof s->seen - used, "%s%s", i ? "," : "", or_dash(what));
    }
    assert_null(strstr(r->err.text, TOKEN));
    if (s->close_inside) {
        pagerduty_free(s->pd);
        s->pd = NULL;
    }
}

static void await(struct stage *s, int done)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (s->done < done) {
        if (clock_mono_ms() > end_ms)
            fail_msg("waited for %d answers, have %d; asked: %s", done, s->done, s->asked);
        loop_turn(s->loop, 10);
    }
    for (int i = 0; i < 3; i++)
        loop_turn(s->loop, 1);
    assert_int_equal(s->done, done);
}

#define CALL(s, call)                     \
    do {                                  \
        (s)->inside = true;               \
        assert_true((call) != 0);         \
        (s)->inside = false;              \
        await((s), (s)->done + 1);        \
    } while (0)

#define INCIDENT(id, status) \
    "{\"incident\":{\"id\":\"" id "\",\"status\":\"" status "\",\"title\":\"t\",\"incident_number\":1}}"

static void headers_are_as_pagerduty_wants_them(void **state)
{
    (void)state;
    STAGE(s, {A(200, INCIDENT("Q1", "triggered")), A(200, "{\"note\":{\"id\":\"N1\",\"content\":\"c\"}}")});
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    static const char all[] =
        "Token token=" TOKEN "|application/vnd.pagerduty+json;version=2|application/json|" FROM;
    assert_string_equal(s.headers, all);
    assert_string_equal(s.asked, "GET /incidents/Q1?include%5B%5D=escalation_policies\n");
    assert_int_equal(s.class, PAGERDUTY_DONE);
    assert_string_equal(s.seen, "Q1 triggered t");
    CALL(&s, pagerduty_add_note(s.pd, "Q1", "a \"b\"\n\xff", on_done, &s));
    assert_string_equal(s.headers, all);
    assert_string_equal(s.body, "{\"note\":{\"content\":\"a \\\"b\\\"\\n\xef\xbf\xbd\"}}");
    assert_string_equal(s.seen, "c");
    stage_close(&s);
}

static void changes_are_one_put(void **state)
{
    (void)state;
    STAGE(s, {A(200, INCIDENT("Q1", "resolved")), A(200, INCIDENT("Q1", "triggered")),
                 A(400, "{\"error\":{\"message\":\"Incident Already Resolved\",\"code\":1001}}")});
    CALL(&s, pagerduty_change_incident(s.pd, "Q1",
                 &(struct pagerduty_change){.title = "新しい", .status = "resolved", .resolution = "done"},
                 on_done, &s));
    assert_string_equal(s.asked, "PUT /incidents/Q1\n");
    assert_string_equal(s.body, "{\"incident\":{\"type\":\"incident_reference\",\"title\":\"新しい\","
                                "\"status\":\"resolved\",\"resolution\":\"done\"}}");
    assert_string_equal(s.seen, "Q1 resolved t");
    CALL(&s, pagerduty_change_incident(s.pd, "Q1",
                 &(struct pagerduty_change){.escalation_level = 2, .escalation_policy_id = "PE", .priority_id = "PP"},
                 on_done, &s));
    assert_string_equal(s.body,
        "{\"incident\":{\"type\":\"incident_reference\",\"escalation_level\":2,"
        "\"escalation_policy\":{\"id\":\"PE\",\"type\":\"escalation_policy_reference\"},"
        "\"priority\":{\"id\":\"PP\",\"type\":\"priority_reference\"}}}");
    CALL(&s, pagerduty_change_incident(s.pd, "Q1", &(struct pagerduty_change){.status = "resolved"}, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_ALREADY);
    assert_int_equal(s.code, 1001);
    stage_close(&s);
}

static void a_priority_is_found_by_its_name_once(void **state)
{
    (void)state;
#define PRIORITIES "{\"priorities\":[{\"id\":\"P1ID\",\"name\":\"P1\"},{\"id\":\"P2ID\",\"summary\":\"P2\"}]}"
    STAGE(s, {A(200, PRIORITIES), A(200, INCIDENT("Q1", "triggered")), A(200, INCIDENT("Q1", "triggered")),
                 A(200, PRIORITIES), A(402, "{\"error\":{\"message\":\"no\",\"code\":2014}}")});
    CALL(&s, pagerduty_change_incident(s.pd, "Q1", &(struct pagerduty_change){.priority_name = "P2"}, on_done, &s));
    assert_string_equal(s.asked, "GET /priorities?limit=100\nPUT /incidents/Q1\n");
    assert_non_null(strstr(s.body, "\"priority\":{\"id\":\"P2ID\",\"type\":\"priority_reference\"}"));
    CALL(&s, pagerduty_change_incident(s.pd, "Q1", &(struct pagerduty_change){.priority_name = "P1"}, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_DONE); /* remembered */
    CALL(&s, pagerduty_change_incident(s.pd, "Q1", &(struct pagerduty_change){.priority_name = "P9"}, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_NEVER);
    assert_non_null(strstr(s.err.text, "no priority 'P9'"));
    CALL(&s, pagerduty_change_incident(s.pd, "Q1", &(struct pagerduty_change){.priority_name = "P9"}, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_NEVER);
    stage_close(&s);
}

#define OPEN_QUERY                                                                                     \
    "GET /incidents?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&" \
    "sort_by=created_at%3Aasc&limit=100&offset="

static void open_incidents_come_page_by_page(void **state)
{
    (void)state;
    STAGE(s, {A(200, "{\"incidents\":[{\"id\":\"A\",\"status\":\"triggered\"},{\"id\":null},{\"id\":\"B\",\"status\":\"triggered\"}],"
                    "\"more\":true}"),
                 A(200, "{\"incidents\":[{\"id\":\"C\",\"status\":\"acknowledged\"}],\"more\":false}"),
                 A(200, "{\"incidents\":[],\"more\":true}"),
                 A(200, "{\"log_entries\":[{\"id\":\"R\",\"type\":\"assign_log_entry\",\"created_at\":\"x\"},{\"id\":\"S\"}],\"more\":true}")});
    CALL(&s, pagerduty_list_open_incidents(s.pd, 0, on_done, &s));
    assert_string_equal(s.seen, "A,B");
    assert_true(s.cut);
    assert_int_equal(s.next, 3);
    CALL(&s, pagerduty_list_open_incidents(s.pd, s.next, on_done, &s));
    assert_string_equal(s.seen, "C");
    assert_false(s.cut);
    CALL(&s, pagerduty_list_open_incidents(s.pd, 4, on_done, &s));
    assert_int_equal(s.listed, 0);
    assert_false(s.cut); /* an empty page ends the list, whatever it says */
    CALL(&s, pagerduty_list_log(s.pd, "Q1", on_done, &s));
    assert_int_equal(s.listed, 1);
    assert_true(s.cut);
    assert_string_equal(s.asked, OPEN_QUERY "0\n" OPEN_QUERY "3\n" OPEN_QUERY "4\nGET /incidents/Q1/log_entries?limit=100&offset=0\n");
    stage_close(&s);
}

static void a_failed_page_fails_the_list(void **state)
{
    (void)state;
    STAGE(s, {A(200, "{\"alerts\":[{\"id\":\"A\",\"alert_key\":\"k\"}],\"more\":true}"), A(500, "oops")});
    CALL(&s, pagerduty_list_alerts(s.pd, "Q1", on_done, &s));
    assert_string_equal(s.asked, "GET /incidents/Q1/alerts?limit=50&offset=0\n"
                                 "GET /incidents/Q1/alerts?limit=50&offset=1\n");
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
    assert_int_equal(s.listed, 0);
    stage_close(&s);
}

static void the_other_lists(void **state)
{
    (void)state;
    STAGE(s, {A(200, "{\"notes\":[{\"id\":\"N1\",\"content\":\"one\"},{\"id\":\"N2\",\"content\":null}]}"),
                 A(200, "{\"webhook_subscriptions\":[{\"id\":\"W\",\"delivery_method\":{\"url\":\"https://x\"}}],"
                       "\"more\":false}"),
                 A(200, "{\"alerts\":[{\"id\":\"A\",\"alert_key\":\"k1\"},{\"id\":\"B\"}],\"more\":false}")});
    CALL(&s, pagerduty_list_notes(s.pd, "Q1", on_done, &s));
    assert_string_equal(s.seen, "one,-");
    CALL(&s, pagerduty_list_subscriptions(s.pd, on_done, &s));
    assert_string_equal(s.seen, "https://x");
    CALL(&s, pagerduty_list_alerts(s.pd, "Q1", on_done, &s));
    assert_string_equal(s.seen, "k1,-");
    assert_string_equal(s.asked, "GET /incidents/Q1/notes\nGET /webhook_subscriptions?limit=100&offset=0\n"
                                 "GET /incidents/Q1/alerts?limit=50&offset=0\n");
    stage_close(&s);
}

static void what_answers_nothing_needs_no_body(void **state)
{
    (void)state;
    STAGE(s, {A(204, NULL), A(404, "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}"), A(200, "")});
    CALL(&s, pagerduty_delete_note(s.pd, "Q1", "N1", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_DONE);
    CALL(&s, pagerduty_delete_note(s.pd, "Q1", "N1", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_ALREADY);
    CALL(&s, pagerduty_enable_subscription(s.pd, "W1", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_DONE);
    assert_string_equal(s.asked, "DELETE /incidents/Q1/notes/N1\nDELETE /incidents/Q1/notes/N1\n"
                                 "POST /webhook_subscriptions/W1/enable\n");
    stage_close(&s);
}

static void a_success_that_cannot_be_read_is_unknown(void **state)
{
    (void)state;
    STAGE(s, {A(200, "<html>hello</html>"), A(200, ""), A(200, "{\"note\":{}}"), A(200, "{\"incident\":null}"),
                 A(200, "{\"incidents\":{}}")});
    for (int i = 0; i < 3; i++) {
        CALL(&s, pagerduty_add_note(s.pd, "Q1", "x", on_done, &s));
        assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
        assert_int_equal(s.err.kind, ERROR_UNCERTAIN);
    }
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
    CALL(&s, pagerduty_list_open_incidents(s.pd, 0, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
    stage_close(&s);
}

static void the_rate_is_heeded_and_forgotten(void **state)
{
    (void)state;
    STAGE(s, {{200, INCIDENT("Q1", "triggered"), "ratelimit-remaining", "900", "ratelimit-reset", "30"},
                 {200, INCIDENT("Q1", "triggered"), "ratelimit-remaining", "2", "ratelimit-reset", "9999999"},
                 {429, NULL, "Retry-After", "7", NULL, NULL}});
    assert_true(pagerduty_may_send(s.pd, clock_mono_ms()));
    assert_int_equal(pagerduty_remaining(s.pd, clock_mono_ms()), -1);
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    assert_true(pagerduty_may_send(s.pd, clock_mono_ms()));
    assert_int_equal(pagerduty_remaining(s.pd, clock_mono_ms()), 900);
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    int64_t now = clock_mono_ms();
    assert_false(pagerduty_may_send(s.pd, now));
    assert_true(pagerduty_wait_ms(s.pd, now) <= PAGERDUTY_WAIT_MS_MAX);
    assert_true(pagerduty_may_send(s.pd, now + PAGERDUTY_WAIT_MS_MAX)); /* an old answer wedges nothing */
    assert_int_equal(pagerduty_remaining(s.pd, now + PAGERDUTY_WAIT_MS_MAX), -1);
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_SLOW_DOWN);
    assert_int_equal(s.wait_ms, 7000);
    stage_close(&s);
}

static void the_alarm_needs_no_token(void **state)
{
    (void)state;
    STAGE(s, {A(202, "{\"status\":\"success\"}"),
                 A(400, "{\"status\":\"invalid event\",\"message\":\"bad key KEY32\",\"errors\":[]}")});
    json_t *details = json_pack("{s:i}", "lost", 3);
    char summary[3000];
    memset(summary, 'x', sizeof summary - 1);
    summary[sizeof summary - 1] = '\0';
    struct pagerduty_event event = {.routing_key = "KEY32", .action = "trigger", .dedup_key = "firstline/1",
        .summary = "line one\nline two", .source = "node-1", .severity = "critical", .details = details};
    CALL(&s, pagerduty_send_event(s.pd, &event, on_done, &s));
    assert_string_equal(s.headers, "-|*/*|application/json|-");
    assert_string_equal(s.asked, "POST /v2/enqueue\n");
    assert_string_equal(s.body,
        "{\"routing_key\":\"KEY32\",\"event_action\":\"trigger\",\"dedup_key\":\"firstline/1\",\"payload\":"
        "{\"summary\":\"line one line two\",\"source\":\"node-1\",\"severity\":\"critical\","
        "\"custom_details\":{\"lost\":3}}}");
    assert_int_equal(s.class, PAGERDUTY_DONE);
    event.summary = summary;
    event.details = NULL;
    CALL(&s, pagerduty_send_event(s.pd, &event, on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_NEVER);
    assert_null(strstr(s.err.text, "KEY32"));
    json_t *sent = json_loads(s.body, 0, NULL);
    json_t *payload = json_object_get(sent, "payload");
    assert_int_equal(json_string_length(json_object_get(payload, "summary")), 1024);
    assert_null(json_object_get(payload, "custom_details"));
    json_decref(sent);
    json_decref(details);
    stage_close(&s);
}

static void odd_ids_are_not_sent(void **state)
{
    (void)state;
    static const char *const ids[] = {"", "../users", "Q1/notes", "Q1?x", "Q 1", "Q\n", NULL,
        "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"};
    struct stage s;
    stage_open(&s, NULL, 0);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        CALL(&s, pagerduty_read_incident(s.pd, ids[i], on_done, &s));
        assert_int_equal(s.class, PAGERDUTY_NEVER);
        CALL(&s, pagerduty_delete_note(s.pd, "Q1", ids[i], on_done, &s));
        assert_int_equal(s.class, PAGERDUTY_NEVER);
        CALL(&s, pagerduty_change_incident(s.pd, ids[i], &(struct pagerduty_change){.title = "t"}, on_done, &s));
        assert_int_equal(s.class, PAGERDUTY_NEVER);
    }
    stage_close(&s);
}

static void await_held(struct stage *s)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (!s->held && clock_mono_ms() < end_ms)
        loop_turn(s->loop, 10);
    assert_non_null(s->held);
}

static void cancelling_says_what_is_known(void **state)
{
    (void)state;
    STAGE(s, {A(0, NULL)});
    uint64_t id = pagerduty_add_note(s.pd, "Q1", "x", on_done, &s);
    pagerduty_cancel(s.pd, id);
    assert_int_equal(s.done, 0);
    await(&s, 1);
    assert_int_equal(s.class, PAGERDUTY_NOT_SENT);
    id = pagerduty_add_note(s.pd, "Q1", "x", on_done, &s);
    await_held(&s);
    pagerduty_cancel(s.pd, id);
    await(&s, 2);
    assert_int_equal(s.last_id, id);
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
    pagerduty_cancel(s.pd, id);
    stage_close(&s);
}

static void closing_the_account_ends_its_calls(void **state)
{
    (void)state;
    STAGE(s, {A(0, NULL)});
    (void)pagerduty_add_note(s.pd, "Q1", "x", on_done, &s);
    await_held(&s);
    (void)pagerduty_read_incident(s.pd, "Q1", on_done, &s);
    (void)pagerduty_read_incident(s.pd, "not an id", on_done, &s);
    pagerduty_free(s.pd);
    s.pd = NULL;
    assert_int_equal(s.done, 3);
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN); /* the note, oldest, came last */
    loop_turn(s.loop, 10);
    assert_int_equal(s.done, 3);
    stage_close(&s);
}

static void an_owner_may_close_the_account_in_its_done(void **state)
{
    (void)state;
    STAGE(s, {A(200, INCIDENT("Q1", "triggered"))});
    s.close_inside = true;
    CALL(&s, pagerduty_read_incident(s.pd, "Q1", on_done, &s));
    assert_null(s.pd);
    stage_close(&s);
}

static void cut_connections_are_unknown_or_not_sent(void **state)
{
    (void)state;
    static const struct kit_part cut = {.answer = "HTTP/1.1 200 OK\r\nContent-Le"};
    struct stage s;
    stage_open(&s, NULL, 0);
    struct kit_raw raw;
    kit_raw_start(&raw, &cut, 1);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", raw.port);
    struct error err = {0};
    struct pagerduty *pd = pagerduty_new(s.loop, s.client,
        &(struct pagerduty_settings){.base_url = url, .token = TOKEN, .from_email = FROM}, &err);
    CALL(&s, pagerduty_add_note(pd, "Q1", "x", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_UNKNOWN);
    kit_raw_stop(&raw); /* nobody listens any more */
    CALL(&s, pagerduty_add_note(pd, "Q1", "x", on_done, &s));
    assert_int_equal(s.class, PAGERDUTY_NOT_SENT);
    pagerduty_free(pd);
    stage_close(&s);
}

static void bad_settings_are_named_without_the_token(void **state)
{
    (void)state;
    static const struct pagerduty_settings rows[] = {
        {.token = "", .from_email = FROM},
        {.token = NULL, .from_email = FROM},
        {.token = TOKEN "\n", .from_email = FROM},
        {.token = TOKEN, .from_email = "bot"},
        {.token = TOKEN, .from_email = "bot@x\r\nX: y"},
        {.token = TOKEN, .from_email = NULL},
        {.token = TOKEN, .from_email = FROM, .base_url = "api.pagerduty.com"},
    };
    struct stage s;
    stage_open(&s, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        assert_null(pagerduty_new(s.loop, s.client, &rows[i], &err));
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_null(strstr(err.text, TOKEN));
    }
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_as_pagerduty_wants_them),
        cmocka_unit_test(changes_are_one_put),
        cmocka_unit_test(a_priority_is_found_by_its_name_once),
        cmocka_unit_test(open_incidents_come_page_by_page),
        cmocka_unit_test(a_failed_page_fails_the_list),
        cmocka_unit_test(the_other_lists),
        cmocka_unit_test(what_answers_nothing_needs_no_body),
        cmocka_unit_test(a_success_that_cannot_be_read_is_unknown),
        cmocka_unit_test(the_rate_is_heeded_and_forgotten),
        cmocka_unit_test(the_alarm_needs_no_token),
        cmocka_unit_test(odd_ids_are_not_sent),
        cmocka_unit_test(cancelling_says_what_is_known),
        cmocka_unit_test(closing_the_account_ends_its_calls),
        cmocka_unit_test(an_owner_may_close_the_account_in_its_done),
        cmocka_unit_test(cut_connections_are_unknown_or_not_sent),
        cmocka_unit_test(bad_settings_are_named_without_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
