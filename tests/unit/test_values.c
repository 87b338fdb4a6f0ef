/* SPDX-License-Identifier: MIT
 * Values: every type's strict check, where they are looked for, and the words when one is missing or wrong. */
#include "tests/kit/kit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "executor/story_texts.h"
#include "executor/values.h"
#include "executor/values_alerts.h"
#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define ARENA_BYTES (16 * 1024 * 1024)

/* --- types ------------------------------------------------------------------------------------------------------- */

static const struct {
    enum value_type type;
    const char *text;
    const char *good; /* the script's form; NULL: refused */
    const char *says; /* a part of why */
} types[] = {
    {VALUE_HOST, "web-1.acme.example", "web-1.acme.example", NULL},
    {VALUE_HOST, "10.0.0.1", "10.0.0.1", NULL},
    {VALUE_HOST, "fe80::1", "fe80::1", NULL},
    {VALUE_HOST, "::1", "::1", NULL},
    {VALUE_HOST, "i-0a1b2c_x", "i-0a1b2c_x", NULL},
    {VALUE_HOST, "", NULL, "is empty"},
    {VALUE_HOST, "-oProxyCommand=x", NULL, "no host's name"},
    {VALUE_HOST, "-web", NULL, "it begins with"},
    {VALUE_HOST, ".web", NULL, "it begins with"},
    {VALUE_HOST, "web 1", NULL, "no host's name"},
    {VALUE_HOST, "web;reboot", NULL, "no host's name"},
    {VALUE_HOST, "wéb", NULL, "no host's name"},
    {VALUE_HOST, "user@web", NULL, "no host's name"},
    {VALUE_HOST, "web\n", NULL, "no host's name"},
    {VALUE_WORD, "nginx@2.service", "nginx@2.service", NULL},
    {VALUE_WORD, "a+b:c_d-e", "a+b:c_d-e", NULL},
    {VALUE_WORD, "-rf", NULL, "must begin"},
    {VALUE_WORD, "@x", NULL, "must begin"},
    {VALUE_WORD, "two words", NULL, "not one word"},
    {VALUE_WORD, "a/b", NULL, "not one word"},
    {VALUE_WORD, "$(id)", NULL, "not one word"},
    {VALUE_WORD, "", NULL, "is empty"},
    {VALUE_PATH, "/", "/", NULL},
    {VALUE_PATH, "/var/log my/..x/.hidden", "/var/log my/..x/.hidden", NULL},
    {VALUE_PATH, "/データ", "/データ", NULL},
    {VALUE_PATH, "/a'b\"c$d", "/a'b\"c$d", NULL},
    {VALUE_PATH, "var", NULL, "not an absolute path"},
    {VALUE_PATH, "", NULL, "is empty"},
    {VALUE_PATH, "/var/../etc", NULL, "has a part"},
    {VALUE_PATH, "/..", NULL, "has a part"},
    {VALUE_PATH, "/var/..", NULL, "has a part"},
    {VALUE_PATH, "/a\nb", NULL, "control character"},
    {VALUE_PATH, "/a\x7f", NULL, "control character"},
    {VALUE_PATH, "/\xff", NULL, "not valid UTF-8"},
    {VALUE_INT, "42", "42", NULL},
    {VALUE_INT, "-7", "-7", NULL},
    {VALUE_INT, "+7", "7", NULL},
    {VALUE_INT, "007", "7", NULL},
    {VALUE_INT, "9223372036854775807", "9223372036854775807", NULL},
    {VALUE_INT, "9223372036854775808", NULL, "larger number"},
    {VALUE_INT, "1e3", NULL, "not a whole number"},
    {VALUE_INT, "0x10", NULL, "not a whole number"},
    {VALUE_INT, "1.5", NULL, "not a whole number"},
    {VALUE_INT, " 1", NULL, "not a whole number"},
    {VALUE_INT, "-", NULL, "not a whole number"},
    {VALUE_INT, "１", NULL, "not a whole number"},
    {VALUE_DURATION, "90s", "90", NULL},
    {VALUE_DURATION, "1h30m", "5400", NULL},
    {VALUE_DURATION, "90", NULL, "no duration"},
    {VALUE_DURATION, "500ms", NULL, "whole number of seconds"},
    {VALUE_DURATION, "-5s", NULL, "no duration"},
    {VALUE_DURATION, "5 fortnights", NULL, "no duration"},
    {VALUE_PERCENT, "85", "85", NULL},
    {VALUE_PERCENT, "85%", "85", NULL},
    {VALUE_PERCENT, "99.5%", "99.5", NULL},
    {VALUE_PERCENT, "0", "0", NULL},
    {VALUE_PERCENT, "007", "7", NULL},
    {VALUE_PERCENT, "100", "100", NULL},
    {VALUE_PERCENT, "100.1", NULL, "more than 100"},
    {VALUE_PERCENT, "101", NULL, "more than 100"},
    {VALUE_PERCENT, "-1", NULL, "no percentage"},
    {VALUE_PERCENT, "85%%", NULL, "no percentage"},
    {VALUE_PERCENT, "85.", NULL, "no percentage"},
    {VALUE_PERCENT, ".5", NULL, "no percentage"},
    {VALUE_PERCENT, "85 %", NULL, "no percentage"},
    {VALUE_PERCENT, "1000", NULL, "no percentage"},
    {VALUE_TEXT, "", "", NULL},
    {VALUE_TEXT, "two\nlines; $(reboot) `x` 'y' \"z\"", "two\nlines; $(reboot) `x` 'y' \"z\"", NULL},
    {VALUE_TEXT, "正常", "正常", NULL},
    {VALUE_TEXT, "\xc0\x80", NULL, "not valid UTF-8"},
};

static void types_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct value_spec spec = {.name = "v", .type = types[i].type, .least = INT64_MIN, .most = INT64_MAX, .bytes_max = 100};
        const char *out = NULL;
        char why[160] = "";
        int rc = value_check(&spec, types[i].text, strlen(types[i].text), a, &out, why, sizeof why);
        if ((rc == 0) != (types[i].good != NULL))
            fail_msg("row %zu: \"%s\": %d %s", i, types[i].text, rc, why);
        if (rc == 0)
            assert_string_equal(out, types[i].good);
        else if (story_phrase(LANGUAGE_JA, why) == why)
            fail_msg("\"%s\" is said in English only", why);
        else if (!strstr(why, types[i].says))
            fail_msg("row %zu: \"%s\": %s", i, types[i].text, why);
        arena_free(a);
    }
}

static void bounds_lengths_and_choices(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    const char *out = NULL;
    char why[160], longer[VALUE_TEXT_BYTES_MAX + 2];
    static const char *const words[] = {"nginx", "80", NULL};
    const struct {
        struct value_spec spec;
        const char *text;
        int rc;
        const char *says;
    } rows[] = {
        {{.type = VALUE_INT, .least = 1, .most = 90}, "90", 0, ""},
        {{.type = VALUE_INT, .least = 1, .most = 90}, "91", -1, "more than the most"},
        {{.type = VALUE_INT, .least = 1, .most = 90}, "0", -1, "less than the least"},
        {{.type = VALUE_PERCENT, .least = 10, .most = 90}, "90.5", -1, "more than the most"},
        {{.type = VALUE_DURATION, .least = 1000, .most = 60000}, "61s", -1, "more than the most"},
        {{.type = VALUE_WORD, .one_of = words}, "nginx", 0, ""},
        {{.type = VALUE_WORD, .one_of = words}, "Nginx", -1, "none of the values"},
        {{.type = VALUE_INT, .least = INT64_MIN, .most = INT64_MAX, .one_of = words}, "080", 0, ""},
        {{.type = VALUE_TEXT, .bytes_max = 5}, "12345", 0, ""},
        {{.type = VALUE_TEXT, .bytes_max = 5}, "123456", -1, "too long"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why[0] = '\0';
        assert_int_equal(value_check(&rows[i].spec, rows[i].text, strlen(rows[i].text), a, &out, why, sizeof why), rows[i].rc);
        assert_non_null(strstr(why, rows[i].says));
        assert_true(rows[i].rc == 0 || story_phrase(LANGUAGE_JA, why) != why);
    }
    memset(longer, 'a', sizeof longer);
    struct value_spec text = {.type = VALUE_TEXT, .bytes_max = VALUE_TEXT_BYTES_MAX};
    assert_int_equal(value_check(&text, longer, VALUE_TEXT_BYTES_MAX, a, &out, why, sizeof why), 0);
    assert_int_equal(value_check(&text, longer, VALUE_TEXT_BYTES_MAX + 1, a, &out, why, sizeof why), -1);
    assert_int_equal(value_check(&text, "a\0b", 3, a, &out, why, sizeof why), -1);
    assert_non_null(strstr(why, "NUL"));
    static const struct {
        enum value_type type;
        size_t most;
    } lengths[] = {{VALUE_HOST, 253}, {VALUE_WORD, 128}, {VALUE_PATH, 1024}};
    for (int i = 0; i < 3; i++) {
        struct value_spec spec = {.type = lengths[i].type};
        longer[0] = spec.type == VALUE_PATH ? '/' : 'a';
        assert_int_equal(value_check(&spec, longer, lengths[i].most, a, &out, why, sizeof why), 0);
        assert_int_equal(value_check(&spec, longer, lengths[i].most + 1, a, &out, why, sizeof why), -1);
    }
    arena_free(a);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static const char file[] = "scenario: v\n"
                           "match: { keyword: v, title: 're:on (?<host>\\S+)' }\n"
                           "target: { host: [keyword.host, title.host, alert.details.host] }\n"
                           "values:\n"
                           "  mount: { type: path, from: [keyword.mount, alert.details.fs.mount], default: / }\n"
                           "  port: { type: int, from: alert.details.port, default: 80 }\n"
                           "  svc: { type: word, from: [incident.service, host.service], default: none }\n"
                           "steps:\n"
                           "  - { check: c, run: 'echo $mount $port $svc' }\n";

struct world {
    struct arena *arena;
    struct diag *diag;
    struct scenario *s;
    json_t *alerts;
    const char *service, *host_service;
};

static enum value_read read_world(void *owner, const struct value_source *source, int alert, const char **out,
    size_t *out_bytes)
{
    struct world *w = owner;
    if (source->kind == SOURCE_ALERT)
        return values_alert_read(json_array_get(w->alerts, (size_t)alert), source, w->arena, out, out_bytes);
    const char *text = source->kind == SOURCE_INCIDENT ? w->service : w->host_service;
    if (!text)
        return VALUE_READ_NONE;
    *out = text;
    *out_bytes = strlen(text);
    return VALUE_READ_TEXT;
}

static struct world world(const char *alerts)
{
    struct world w = {.arena = arena_new(ARENA_BYTES), .diag = diag_new()};
    struct yaml_node *root = yaml_parse(w.arena, "v.yaml", file, strlen(file), YAML_BYTES_MAX, YAML_NODES_MAX, w.diag);
    w.s = scenario_parse(w.arena, root, "v", w.diag);
    assert_non_null(w.s);
    json_error_t e;
    w.alerts = json_loads(alerts, 0, &e);
    if (!w.alerts)
        fail_msg("%s: %s", alerts, e.text);
    return w;
}

static void world_done(struct world *w)
{
    json_decref(w->alerts);
    diag_free(w->diag);
    arena_free(w->arena);
}

#define D(fields) "{\"body\":{\"details\":{" fields "}}}"

static const struct {
    const char *inline_name, *inline_text; /* of the token */
    const char *group_host;
    const char *alerts;
    const char *service, *host_service;
    const char *expected; /* "host=.. mount=.. port=.. svc=..", or the problem */
} searches[] = {
    {"host", "web1", 0, "[]", 0, 0, "host=web1(keyword.host) mount=/(default) port=80(default) svc=none(default)"},
    {"mount", "/var", "web2", "[]", "nginx", 0,
        "host=web2(title.host) mount=/var(keyword.mount) port=80(default) svc=nginx(incident.service)"},
    {0, 0, 0, "[" D("\"host\":\"web3\",\"port\":8080,\"fs\":{\"mount\":\"/data\"}") "]", 0, "apache2",
        "host=web3(alert.details.host) mount=/data(alert.details.fs.mount) port=8080(alert.details.port) svc=apache2(host.service)"},
    /* a key with dots, the older place of details, numbers as text */
    {0, 0, 0, "[{\"body\":{\"cef_details\":{\"details\":{\"host\":\"web4\",\"fs.mount\":\"/x\",\"port\":\"81\"}}}}]", 0, 0,
        "host=web4(alert.details.host) mount=/x(alert.details.fs.mount) port=81(alert.details.port) svc=none(default)"},
    {0, 0, 0, "[{\"body\":{\"details\":{},\"cef_details\":{\"details\":{\"host\":\"web4\"}}}}]", 0, 0,
        "host=web4(alert.details.host) mount=/(default) port=80(default) svc=none(default)"},
    /* several alerts: the same value, or only one that has it */
    {0, 0, 0, "[" D("\"host\":\"web5\"") "," D("\"host\":\"web5\",\"port\":1") "," D("\"port\":\"1\"") "]", 0, 0,
        "host=web5(alert.details.host) mount=/(default) port=1(alert.details.port) svc=none(default)"},
    /* several hosts are the inventory's to join or not */
    {0, 0, 0, "[" D("\"host\":\"web6\"") "," D("\"host\":\"web7\"") "]", 0, 0,
        "host=web6,web7(alert.details.host) mount=/(default) port=80(default) svc=none(default)"},
    /* an empty field counts as none */
    {"host", "", "", "[" D("\"host\":\"\",\"port\":\"\"") "," D("\"host\":\"web8\"") "]", "", 0,
        "host=web8(alert.details.host) mount=/(default) port=80(default) svc=none(default)"},
    /* nothing */
    {0, 0, 0, "[]", 0, 0,
        "the target host was not found; looked in keyword.host (the title has no token of this scenario), title.host "
        "(the title does not have it), alert.details.host (the incident has no alert)"},
    {"x", "1", 0, "[{}]", 0, 0,
        "the target host was not found; looked in keyword.host (not in the token \"[AMS:v x=1]\"), title.host (the title "
        "does not have it), alert.details.host (the alert does not have it)"},
    {0, 0, 0, "[{},{\"body\":null}]", 0, 0,
        "the target host was not found; looked in keyword.host (the title has no token of this scenario), title.host "
        "(the title does not have it), alert.details.host (none of 2 alerts has it)"},
    /* wrong */
    {"host", "web 1", 0, "[]", 0, 0,
        "the target host: keyword.host is \"web 1\", which is no host's name (letters, digits, . - _ and : only)"},
    {"host", "web1", 0, "[" D("\"fs\":{\"mount\":\"../etc\"}") "]", 0, 0,
        "the value \"mount\": alert.details.fs.mount is \"../etc\", which is not an absolute path"},
    {"mount", "var", "w", "[" D("\"fs\":{\"mount\":\"/var\"}") "]", 0, 0,
        "the value \"mount\": keyword.mount is \"var\", which is not an absolute path"},
    {0, 0, "w", "[" D("\"port\":[80]") "]", 0, 0, "the value \"port\": alert.details.port is a list, not int"},
    {0, 0, "w", "[" D("\"port\":{\"a\":1}") "]", 0, 0,
        "the value \"port\": alert.details.port is a group of fields, not int"},
    {0, 0, "w", "[" D("\"port\":80.5") "]", 0, 0,
        "the value \"port\": alert.details.port is \"80.5\", which is not a whole number"},
    {0, 0, "w", "[" D("\"port\":true") "]", 0, 0,
        "the value \"port\": alert.details.port is \"true\", which is not a whole number"},
    {0, 0, "w", "[" D("\"port\":null") "]", 0, 0,
        "host=w(title.host) mount=/(default) port=80(default) svc=none(default)"},
    {0, 0, "w", "[" D("\"fs\":{\"mount\":\"/a\\nb\"}") "]", 0, 0,
        "the value \"mount\": alert.details.fs.mount is \"/a b\", which has a control character"},
    {0, 0, "w", "[" D("\"port\":1") "," D("\"port\":2") "]", 0, 0,
        "the value \"port\" is not clear: the incident's alerts differ in alert.details.port: \"1\", \"2\""},
    /* shapes that monitors send */
    {0, 0, "w", "[{\"body\":{\"details\":\"just text\"}},{\"body\":[]},3,null,\"x\"]", 0, 0,
        "host=w(title.host) mount=/(default) port=80(default) svc=none(default)"},
};

static void run_search(struct world *w, size_t i, char *out, size_t bytes)
{
    struct match_pair inline_values = {searches[i].inline_name, searches[i].inline_text};
    struct match_pair group = {"host", searches[i].group_host};
    struct match_result match = {.inline_values = &inline_values, .inline_count = searches[i].inline_name ? 1 : 0,
        .groups = &group, .groups_count = searches[i].group_host ? 1 : 0,
        .token = searches[i].inline_name ? "[AMS:v x=1]" : NULL};
    struct values_input in = {.match = &match, .alerts_count = (int)json_array_size(w->alerts), .read = read_world, .owner = w};
    w->service = searches[i].service;
    w->host_service = searches[i].host_service;
    struct target_names target;
    struct values_problem problem = {0};
    const struct value *values = NULL;
    if (values_target(w->s, &in, w->arena, &target, &problem) != 0 ||
        values_extract(w->s, &in, w->arena, &values, &problem) != 0) {
        assert_true(problem.name[0] != '\0');
        (void)snprintf(out, bytes, "%s", problem.text);
        return;
    }
    size_t n = (size_t)snprintf(out, bytes, "host=");
    for (int k = 0; k < target.count; k++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%s", k ? "," : "", target.names[k]);
    n += (size_t)snprintf(out + n, bytes - n, "(%s)", target.source);
    for (int k = 0; k < w->s->values_count; k++)
        n += (size_t)snprintf(out + n, bytes - n, " %s=%s(%s)", values[k].name, values[k].text, values[k].source);
}

static void values_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct world w = world(searches[i].alerts);
        char got[1000];
        run_search(&w, i, got, sizeof got);
        if (strcmp(got, searches[i].expected) != 0)
            fail_msg("row %zu:\n got: %s\nwant: %s", i, got, searches[i].expected);
        world_done(&w);
    }
}

/* Each kind of problem, in the other language: nothing of ours is left in English. */
static void problems_in_japanese(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *alerts, *expected;
    } rows[] = {
        {"x", "1", "[]", "対象ホストが見つかりません (確認先: keyword.host (トークン「[AMS:v x=1]」になし), title.host (件名になし), alert.details.host (インシデントにアラートなし))"},
        {NULL, NULL, "[{},{}]", "対象ホストが見つかりません (確認先: keyword.host (件名にこのシナリオのトークンなし), title.host (件名になし), alert.details.host (2 件のアラートのいずれにもなし))"},
        {"host", "web 1", "[]", "対象ホスト: keyword.host の「web 1」はホスト名ではありません (英数字と . - _ : のみ)"},
        {"host", "w", "[" D("\"port\":[80]") "]", "値「port」: alert.details.port はリストで、int ではありません"},
        {"host", "w", "[" D("\"port\":1") "," D("\"port\":2") "]", "値「port」を決められません。アラートの alert.details.port が一致しません: \"1\", \"2\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w = world(rows[i].alerts);
        struct match_pair pair = {rows[i].name, rows[i].text};
        struct match_result match = {.inline_values = &pair, .inline_count = pair.name ? 1 : 0,
            .token = pair.name ? "[AMS:v x=1]" : NULL};
        struct values_input in = {.match = &match, .alerts_count = (int)json_array_size(w.alerts), .read = read_world,
            .owner = &w, .language = LANGUAGE_JA};
        struct target_names target;
        const struct value *values;
        struct values_problem problem = {.text = ""};
        assert_true(values_target(w.s, &in, w.arena, &target, &problem) != 0 ||
                    values_extract(w.s, &in, w.arena, &values, &problem) != 0);
        assert_string_equal(problem.text, rows[i].expected);
        world_done(&w);
    }
}

static void what_was_seen_is_short(void **state)
{
    (void)state;
    struct world w = world("[]");
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct match_pair pair = {"mount", longer};
    struct match_result match = {.inline_values = &pair, .inline_count = 1, .token = "[AMS:v]"};
    struct values_input in = {.match = &match};
    const struct value *values;
    struct values_problem problem;
    assert_int_equal(values_extract(w.s, &in, w.arena, &values, &problem), -1);
    assert_string_equal(problem.name, "mount");
    assert_true(strlen(problem.text) < 250);
    assert_non_null(strstr(problem.text, "..."));
    world_done(&w);
}

static void many_alerts_that_differ(void **state)
{
    (void)state;
    struct world w = world("[]");
    for (int i = 0; i < 1000; i++)
        json_array_append_new(w.alerts, json_pack("{s:{s:{s:s+, s:s}}}", "body", "details", "host", "web", i % 2 ? "x" : "y", "a", "b"));
    for (int i = 0; i < 100; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "h%d", i);
        json_array_append_new(w.alerts, json_pack("{s:{s:{s:s}}}", "body", "details", "host", name));
    }
    struct match_result match = {0};
    struct values_input in = {.match = &match, .alerts_count = (int)json_array_size(w.alerts), .read = read_world, .owner = &w};
    struct target_names target;
    struct values_problem problem;
    assert_int_equal(values_target(w.s, &in, w.arena, &target, &problem), 0);
    assert_int_equal(target.count, VALUE_TARGETS_MAX);
    world_done(&w);
}

static void other_fields_of_an_alert(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    json_t *alert = json_pack("{s:s, s:s, s:s, s:{s:{s:s, s:s, s:s, s:s, s:s}}}", "summary", "Disk", "alert_key", "k1", "severity",
        "critical", "body", "cef_details", "source_origin", "web1", "source_component", "disk", "service_group", "g",
        "event_class", "c", "severity", "info");
    static const char *const rows[][2] = {{"summary", "Disk"}, {"key", "k1"}, {"severity", "critical"}, {"source", "web1"},
        {"component", "disk"}, {"group", "g"}, {"class", "c"}};
    for (int i = 0; i < 7; i++) {
        const char *path[] = {rows[i][0]};
        struct value_source source = {.kind = SOURCE_ALERT, .text = "", .path = path, .path_count = 1};
        const char *out = NULL;
        size_t bytes = 0;
        assert_int_equal(values_alert_read(alert, &source, a, &out, &bytes), VALUE_READ_TEXT);
        assert_string_equal(out, rows[i][1]);
    }
    json_decref(alert);
    arena_free(a);
}

static void little_memory_is_survived(void **state)
{
    (void)state;
    struct world w = world("[" D("\"host\":\"web3\",\"port\":8080,\"fs\":{\"mount\":\"/data\"}") "]");
    struct match_result match = {0};
    bool whole = false;
    struct arena *own = w.arena;
    for (size_t bytes = 0; !whole; bytes += 16) {
        struct arena *a = arena_new(bytes);
        w.arena = a; /* read_world prints numbers there too */
        struct values_input in = {.match = &match, .alerts_count = 1, .read = read_world, .owner = &w};
        struct target_names target;
        const struct value *values;
        struct values_problem problem = {.text = ""};
        whole = values_target(w.s, &in, a, &target, &problem) == 0 && values_extract(w.s, &in, a, &values, &problem) == 0;
        assert_true(whole || problem.text[0] != '\0');
        arena_free(a);
        assert_true(bytes < 100000);
    }
    w.arena = own;
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_strict),
        cmocka_unit_test(bounds_lengths_and_choices),
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(problems_in_japanese),
        cmocka_unit_test(what_was_seen_is_short),
        cmocka_unit_test(many_alerts_that_differ),
        cmocka_unit_test(other_fields_of_an_alert),
        cmocka_unit_test(little_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
