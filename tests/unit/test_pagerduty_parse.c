/* SPDX-License-Identifier: MIT
 * PagerDuty's objects: full, with nulls, with fields absent, of the wrong type. */
#include "tests/kit/kit.h"

#include <jansson.h>
#include <string.h>

#include "coordinator/pagerduty_parse.h"

static json_t *json_from(const char *text)
{
    json_t *root = pagerduty_parse_json(text, strlen(text));
    if (!root)
        fail_msg("not JSON: %s", text);
    return root;
}

static void a_full_incident(void **state)
{
    (void)state;
    json_t *root = json_from(
        "{\"id\":\"Q1\",\"incident_number\":7,\"title\":\"[X] t\",\"status\":\"triggered\",\"urgency\":\"high\","
        "\"priority\":{\"id\":\"PP\",\"summary\":\"P2\"},\"service\":{\"id\":\"S1\",\"summary\":\"Shop\"},"
        "\"escalation_policy\":{\"id\":\"E1\",\"escalation_rules\":[{},{},{}]},\"html_url\":\"https://x\","
        "\"created_at\":\"2026-01-01T00:00:00Z\",\"last_status_change_at\":\"2026-01-01T00:00:01Z\","
        "\"last_status_change_by\":{\"id\":\"U1\",\"type\":\"user_reference\"},"
        "\"assignments\":[{\"assignee\":{\"id\":\"U1\"}},{\"assignee\":null},{\"assignee\":{\"id\":\"U2\"}}],"
        "\"alert_counts\":{\"all\":3,\"triggered\":2,\"resolved\":1},\"resolve_reason\":null}");
    struct pagerduty_incident i;
    assert_true(pagerduty_parse_incident(root, &i));
    assert_string_equal(i.id, "Q1");
    assert_int_equal(i.number, 7);
    assert_string_equal(i.title, "[X] t");
    assert_string_equal(i.priority, "P2");
    assert_string_equal(i.service_id, "S1");
    assert_string_equal(i.service_name, "Shop");
    assert_string_equal(i.escalation_policy_id, "E1");
    assert_int_equal(i.escalation_levels, 3);
    assert_string_equal(i.last_status_change_by_id, "U1");
    assert_string_equal(i.last_status_change_by_type, "user_reference");
    assert_int_equal(i.assignees, 2);
    assert_string_equal(i.assignee_ids[1], "U2");
    assert_int_equal(i.alerts_all, 3);
    assert_int_equal(i.alerts_triggered, 2);
    assert_null(i.resolve_reason_type);
    assert_ptr_equal(i.json, root);
    json_decref(root);
}

static const struct {
    const char *json;
    bool good;
    const char *comment;
} incidents[] = {
    {"{\"id\":\"Q1\",\"status\":\"resolved\"}", true, "the least"},
    {"{\"id\":\"Q1\",\"status\":\"resolved\",\"title\":null,\"service\":null,\"priority\":null,\"assignments\":null,"
     "\"alert_counts\":null,\"escalation_policy\":null,\"last_status_change_by\":null,\"incident_number\":null}",
        true, "all null"},
    {"{\"id\":\"Q1\",\"status\":\"resolved\",\"title\":5,\"service\":\"x\",\"priority\":[],\"assignments\":{},"
     "\"alert_counts\":{\"all\":\"3\",\"triggered\":-1},\"incident_number\":\"7\"}",
        true, "all wrong"},
    {"{\"id\":null,\"status\":\"resolved\"}", false, "no id"},
    {"{\"id\":\"Q1\"}", false, "no status"},
    {"[]", false, "a list"},
    {"null", false, "null"},
};

static void incidents_with_less(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof incidents / sizeof incidents[0]; n++) {
        json_t *root = json_loads(incidents[n].json, JSON_DECODE_ANY, NULL);
        assert_non_null(root);
        struct pagerduty_incident i;
        if (pagerduty_parse_incident(root, &i) != incidents[n].good)
            fail_msg("%s", incidents[n].comment);
        assert_null(i.title);
        assert_null(i.service_id);
        assert_null(i.priority);
        assert_int_equal(i.number, 0);
        assert_int_equal(i.assignees, 0);
        assert_int_equal(i.alerts_all, -1);
        assert_int_equal(i.alerts_triggered, -1);
        assert_int_equal(i.escalation_levels, 0);
        json_decref(root);
    }
    struct pagerduty_incident i;
    assert_false(pagerduty_parse_incident(NULL, &i));
}

static void a_crowd_is_counted_and_its_beginning_kept(void **state)
{
    (void)state;
    json_t *root = json_from("{\"id\":\"Q1\",\"status\":\"triggered\",\"assignments\":[]}");
    for (int n = 0; n < 20; n++)
        json_array_append_new(json_object_get(root, "assignments"), json_pack("{s:{s:s}}", "assignee", "id", "U"));
    struct pagerduty_incident i;
    assert_true(pagerduty_parse_incident(root, &i));
    assert_int_equal(i.assignees, 20);
    assert_string_equal(i.assignee_ids[7], "U");
    json_decref(root);
}

static const struct {
    const char *json, *details; /* as JSON; NULL: none */
} alerts[] = {
    {"{\"id\":\"A\",\"body\":{\"details\":{\"host\":\"web-1\"}}}", "{\"host\": \"web-1\"}"},
    {"{\"id\":\"A\",\"body\":{\"details\":\"host=web-1\"}}", "\"host=web-1\""},
    {"{\"id\":\"A\",\"body\":{\"cef_details\":{\"details\":{\"host\":\"web-2\"}}}}", "{\"host\": \"web-2\"}"},
    {"{\"id\":\"A\",\"body\":{\"details\":{},\"cef_details\":{\"details\":{\"host\":\"web-2\"}}}}",
        "{\"host\": \"web-2\"}"},
    {"{\"id\":\"A\",\"body\":{\"details\":null,\"cef_details\":{\"details\":\"text\"}}}", "\"text\""},
    {"{\"id\":\"A\",\"body\":{\"details\":{\"host\":\"1\"},\"cef_details\":{\"details\":{\"host\":\"2\"}}}}",
        "{\"host\": \"1\"}"},
    {"{\"id\":\"A\",\"body\":{\"details\":[1]}}", NULL},
    {"{\"id\":\"A\",\"body\":null}", NULL},
    {"{\"id\":\"A\"}", NULL},
};

static void details_of_alerts_stand_in_several_places(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof alerts / sizeof alerts[0]; n++) {
        json_t *root = json_from(alerts[n].json);
        struct pagerduty_alert a;
        assert_true(pagerduty_parse_alert(root, &a));
        char *got = a.details ? json_dumps(a.details, JSON_ENCODE_ANY) : NULL;
        if (!got != !alerts[n].details || (got && strcmp(got, alerts[n].details) != 0))
            fail_msg("row %zu: %s", n, got ? got : "none");
        free(got);
        json_decref(root);
    }
}

static void notes_and_subscriptions(void **state)
{
    (void)state;
    json_t *root = json_from("{\"id\":\"N\",\"content\":\"c\",\"created_at\":\"t\",\"user\":{\"id\":\"U\"}}");
    struct pagerduty_note note;
    assert_true(pagerduty_parse_note(root, &note));
    assert_string_equal(note.content, "c");
    assert_string_equal(note.user_id, "U");
    json_decref(root);
    root = json_from("{\"id\":\"W\",\"active\":true,\"description\":null,"
                     "\"delivery_method\":{\"url\":\"https://x\",\"temporarily_disabled\":true,\"secret\":null}}");
    struct pagerduty_subscription s;
    assert_true(pagerduty_parse_subscription(root, &s));
    assert_true(s.active && s.temporarily_disabled);
    assert_null(s.description);
    assert_string_equal(s.url, "https://x");
    json_decref(root);
    root = json_from("{}");
    assert_false(pagerduty_parse_note(root, &note));
    assert_false(pagerduty_parse_subscription(root, &s));
    json_decref(root);
}

static void what_monitoring_sends_does_not_hide_an_incident(void **state)
{
    (void)state;
    const char *odd =
        "{\"id\":\"A\",\"body\":{\"details\":{\"n\":123456789012345678901234567890,\"z\":\"a\\u0000b\"}}}";
    json_t *root = json_from(odd);
    struct pagerduty_alert a;
    assert_true(pagerduty_parse_alert(root, &a));
    assert_true(json_is_real(json_object_get(a.details, "n")));
    assert_int_equal(json_string_length(json_object_get(a.details, "z")), 3);
    json_decref(root);
    assert_null(pagerduty_parse_json("{", 1));
    assert_null(pagerduty_parse_json("", 0));
    assert_null(pagerduty_parse_json("<html>", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_incident),
        cmocka_unit_test(incidents_with_less),
        cmocka_unit_test(a_crowd_is_counted_and_its_beginning_kept),
        cmocka_unit_test(details_of_alerts_stand_in_several_places),
        cmocka_unit_test(notes_and_subscriptions),
        cmocka_unit_test(what_monitoring_sends_does_not_hide_an_incident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
