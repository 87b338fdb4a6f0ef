/* SPDX-License-Identifier: MIT
 * The settings: defaults, what is read, what is refused and where, environment, secrets, policies, and the files that are
 * made from the table. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/settings.h"
#include "cli/settings_parts.h"
#include "executor/inventory.h"
#include "lib/base/log.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])
#define MINUTE 60000

static struct settings *parse(const char *text, struct diag *d)
{
    return settings_parse("f.yaml", text, strlen(text), "/etc/firstline", d);
}

static struct settings *parse_good(const char *text)
{
    struct diag *d = diag_new();
    struct settings *s = parse(text, d);
    struct error err = {0};
    if (diag_error(d, &err) < 0)
        fail_msg("%s", err.text);
    diag_free(d);
    assert_non_null(s);
    return s;
}

static void the_defaults_are_right(void **state)
{
    (void)state;
    struct settings *s = parse_good("");
    assert_string_equal(s->cluster, "firstline");
    assert_true(s->node.name[0] != '\0');
    assert_string_equal(s->node.region, "local");
    assert_int_equal(s->node.roles, ROLE_COORDINATOR | ROLE_EXECUTOR);
    assert_int_equal(s->node.slots, 500);
    assert_int_equal(s->lease.renew_ms, 2000);
    assert_int_equal(s->lease.length_ms, 6000);
    assert_int_equal(s->http.body_bytes, 512 * 1024);
    assert_int_equal(s->http.port, 8480);
    assert_int_equal(s->runs.give_up_after_ms, 10 * MINUTE);
    assert_int_equal(s->runs.without_standby, WITHOUT_STANDBY_RUN);
    assert_int_equal(s->runs.recover_blind, RECOVER_BLIND_HOLD);
    assert_int_equal(s->outbox.rate, 960);
    assert_int_equal(s->outbox.request_ms, 20000);
    assert_int_equal(s->log.level, LOG_INFO);
    assert_int_equal(s->log.format, LOG_LOGFMT);
    assert_int_equal(s->retention.keys_ms, INT64_C(180) * 86400000);
    assert_int_equal(s->accounts.count, 0);
    assert_null(s->keyword.token);
    struct policy p;
    policy_of_service(&s->policies, "main", "PNONE", "none", &p);
    assert_null(p.customer);
    assert_int_equal(p.language, LANGUAGE_EN);
    assert_int_equal(p.first_responder, RESPONDER_PEOPLE);
    assert_int_equal(p.acknowledge, ACKNOWLEDGE_NEVER);
    assert_int_equal(p.mode_most, POLICY_AUTO);
    assert_string_equal(p.time_zone, "UTC");
    assert_int_equal(p.hand_over_level, 2);
    settings_free(s);
}

static const char whole[] =
    "cluster: c1\n"
    "node: { name: tokyo-1, region: tokyo, roles: [executor], slots: 20, drain: 1m30s }\n"
    "database: { conninfo: 'host=a,b dbname=f', password_file: secrets/db }\n"
    "lease: { renew: 1s, length: 4s, gap: 2s }\n"
    "http: { address: '::1', port: 0, body_limit: 1MiB, per_ip: 5 }\n"
    "files: { scenarios: scenarios, inventory: [/srv/inventory, more.yaml], known_hosts: known_hosts }\n"
    "keyword: { prefix: AMS }\n"
    "runs: { give_up_after: 20m, give_up_by_priority: { P1: 5m, 'P 2': 1h }, without_standby: hold, recover_blind: go }\n"
    "log: { level: debug, format: json }\n"
    "accounts:\n"
    "  - name: main\n"
    "    service_region: eu\n"
    "    token_file: /run/secrets/token\n"
    "    from: bot@example.com\n"
    "    bot_user_ids: [PBOT1, PBOT2]\n"
    "    subscriptions:\n"
    "      - { id: PSUB1, secret_files: [one, two] }\n"
    "      - { id: PSUB2, secret_files: [three] }\n"
    "  - { name: other, token_file: t, from: x@y, api_url: 'http://127.0.0.1:1', alarm_routing_key_file: key }\n"
    "customers:\n"
    "  - { name: acme, language: ja, time_zone: Asia/Tokyo, first_responder: bot, mode: shadow }\n"
    "  - { name: globex }\n"
    "services:\n"
    "  - { name: 'Acme *', customer: globex }\n"
    "  - { id: PSVC1, customer: acme }\n"
    "  - { id: PSVC2, account: other, customer: acme, language: en, acknowledge: while-running, hand_over_level: 3, mode: auto }\n"
    "  - { id: PSVC3, customer: globex, mode: suggest }\n";

static void everything_is_read(void **state)
{
    (void)state;
    struct settings *s = parse_good(whole);
    assert_string_equal(s->node.name, "tokyo-1");
    assert_int_equal(s->node.roles, ROLE_EXECUTOR);
    assert_int_equal(s->node.drain_ms, 90000);
    assert_string_equal(s->database.password.path, "/etc/firstline/secrets/db");
    assert_string_equal(s->http.address, "::1");
    assert_int_equal(s->http.body_bytes, 1024 * 1024);
    assert_string_equal(s->files.scenarios, "/etc/firstline/scenarios");
    assert_int_equal(s->files.inventory.count, 2);
    assert_string_equal(s->files.inventory.items[0], "/srv/inventory");
    assert_string_equal(s->files.inventory.items[1], "/etc/firstline/more.yaml");
    assert_null(s->files.inventory.items[2]);
    assert_string_equal(s->keyword.token,
        "\\[AMS:\\s*(?<keyword>[^\\s\\]\"=]{1,64})(?<values>(?:[^\\]\"]++|\"[^\"]*+\")*+)\\]");
    assert_int_equal(s->log.level, LOG_DEBUG);
    assert_int_equal(s->log.format, LOG_JSON);
    assert_int_equal(s->runs.without_standby, WITHOUT_STANDBY_HOLD);
    assert_int_equal(s->runs.recover_blind, RECOVER_BLIND_GO);
    assert_int_equal(s->accounts.count, 2);
    const struct settings_account *a = settings_account(s, "main");
    assert_string_equal(a->token.path, "/run/secrets/token");
    assert_null(a->token.data);
    assert_int_equal(a->bot_user_ids.count, 2);
    assert_int_equal(a->subscriptions.count, 2);
    const struct settings_subscription *subscription = a->subscriptions.items;
    assert_string_equal(subscription->id, "PSUB1");
    assert_int_equal(subscription->secrets.count, 2);
    assert_string_equal(((const struct secret *)subscription->secrets.items)[1].path, "/etc/firstline/two");
    assert_string_equal(settings_api_url(a), "https://api.eu.pagerduty.com");
    assert_string_equal(settings_events_url(a), "https://events.eu.pagerduty.com");
    a = settings_account(s, "other");
    assert_string_equal(settings_api_url(a), "http://127.0.0.1:1");
    assert_string_equal(settings_events_url(a), "https://events.pagerduty.com");
    assert_null(settings_account(s, "none"));
    assert_int_equal(s->secrets_count, 7);
    settings_free(s);
}

static void policies_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *account, *id, *name;
        const char *customer; /* NULL: none */
        enum policy_language language;
        const char *zone;
        enum policy_responder responder;
        enum policy_acknowledge acknowledge;
        int level;
        enum policy_mode mode;
    } rows[] = {
        {"main", "PSVC1", "x", "acme", LANGUAGE_JA, "Asia/Tokyo", RESPONDER_BOT, ACKNOWLEDGE_NEVER, 2, POLICY_SHADOW},
        {"main", "PSVC1", "acme disk", "acme", LANGUAGE_JA, "Asia/Tokyo", RESPONDER_BOT, ACKNOWLEDGE_NEVER, 2,
            POLICY_SHADOW}, /* ids go before names */
        {"other", "PSVC2", "x", "acme", LANGUAGE_EN, "Asia/Tokyo", RESPONDER_BOT, ACKNOWLEDGE_WHILE_RUNNING, 3,
            POLICY_SHADOW}, /* a service cannot widen its customer's mode */
        {"main", "PSVC2", "x", NULL, LANGUAGE_EN, "UTC", RESPONDER_PEOPLE, ACKNOWLEDGE_NEVER, 2, POLICY_AUTO},
        {NULL, "PSVC3", NULL, "globex", LANGUAGE_EN, "UTC", RESPONDER_PEOPLE, ACKNOWLEDGE_NEVER, 2, POLICY_SUGGEST},
        {"main", "P9", "ＡＣＭＥ disk", "globex", LANGUAGE_EN, "UTC", RESPONDER_PEOPLE, ACKNOWLEDGE_NEVER, 2, POLICY_AUTO},
        {"main", "P9", "acme", NULL, LANGUAGE_EN, "UTC", RESPONDER_PEOPLE, ACKNOWLEDGE_NEVER, 2, POLICY_AUTO},
        {NULL, NULL, NULL, NULL, LANGUAGE_EN, "UTC", RESPONDER_PEOPLE, ACKNOWLEDGE_NEVER, 2, POLICY_AUTO},
    };
    struct settings *s = parse_good(whole);
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct policy p;
        policy_of_service(&s->policies, rows[i].account, rows[i].id, rows[i].name, &p);
        if ((p.customer == NULL) != (rows[i].customer == NULL) || (p.customer && strcmp(p.customer, rows[i].customer) != 0))
            fail_msg("row %zu: customer %s", i, p.customer ? p.customer : "none");
        if (p.language != rows[i].language || strcmp(p.time_zone, rows[i].zone) != 0 || p.mode_most != rows[i].mode ||
            p.first_responder != rows[i].responder || p.acknowledge != rows[i].acknowledge ||
            p.hand_over_level != rows[i].level)
            fail_msg("row %zu", i);
    }
    struct policy p;
    assert_true(policy_of_customer(&s->policies, "acme", &p));
    assert_int_equal(p.mode_most, POLICY_SHADOW);
    assert_string_equal(p.customer, "acme");
    assert_false(policy_of_customer(&s->policies, "none", &p));
    assert_int_equal(policy_give_up_after_ms(&s->policies, "P1"), 5 * MINUTE);
    assert_int_equal(policy_give_up_after_ms(&s->policies, "P 2"), 60 * MINUTE);
    assert_int_equal(policy_give_up_after_ms(&s->policies, "P3"), 20 * MINUTE);
    assert_int_equal(policy_give_up_after_ms(&s->policies, NULL), 20 * MINUTE);
    settings_free(s);
}

static void hostile_name_patterns_end(void **state)
{
    (void)state;
    char text[700] = "services: [{customer: c, name: '";
    for (int i = 0; i < 120; i++)
        strcat(text, "*a");
    strcat(text, "'}]\n");
    struct settings *s = parse_good(text);
    char name[4000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 2] = 'b';
    name[sizeof name - 1] = '\0';
    struct policy p;
    policy_of_service(&s->policies, NULL, "x", name, &p);
    assert_null(p.customer);
    settings_free(s);
}

#define ACCOUNT "accounts:\n  - { name: a, token_file: t, from: x@y"

static const struct {
    const char *text, *expected;
} mistakes[] = {
    {"nodes: {}\n", "f.yaml:1:1: unknown key \"nodes\"; did you mean \"node\"?"},
    {"node: { slot: 1 }\n", "f.yaml:1:9: unknown key \"slot\"; did you mean \"slots\"?"},
    {"[]\n", "f.yaml:1:1: this settings file wants a map"},
    {"node: 5\n", "f.yaml:1:7: this node map wants a map (key: value), not a whole number"},
    {"node:\n", "f.yaml:1:1: node has no value; give it one or remove the line"},
    {"node: { slots: '5' }\n", "f.yaml:1:16: slots wants a whole number, without quotes"},
    {"node: { slots: many }\n", "f.yaml:1:16: slots wants a whole number, not text"},
    {"node: { slots: 0 }\n", "f.yaml:1:16: slots is 0; it must be at least 1"},
    {"node: { slots: 20001 }\n", "slots is 20001; it must be at most 20000"},
    {"node: { slots: 1.5 }\n", "slots wants a whole number, not a number"},
    {"node: { drain: 30 }\n", "f.yaml:1:16: drain has no unit; write 30s, for example"},
    {"node: { drain: 30x }\n", "f.yaml:1:16: drain: \"30x\" is no duration: the units are ms, s, m, h and d"},
    {"node: { drain: 2h }\n", "drain is 2h; it must be at most 1h"},
    {"node: { name: a b }\n", "f.yaml:1:15: name wants a name of at most 100 letters"},
    {"node: { name: '' }\n", "name must not be empty"},
    {"node: { name: 7 }\n", "name wants text, not a whole number; write it in quotes: \"7\""},
    {"node: { name: yes }\nnode: {}\n", "f.yaml:2:1: key \"node\" is given twice, first in line 1, column 1"},
    {"node: { roles: [] }\n", "f.yaml:1:16: roles wants at least one entry"},
    {"node: { roles: executor }\n", "roles wants a list, not text"},
    {"node: { roles: [exekutor] }\n", "f.yaml:1:17: roles wants coordinator or executor, not \"exekutor\"; did you mean \"executor\"?"},
    {"http: { body_limit: 512 }\n", "f.yaml:1:21: body_limit has no unit; write 512KiB, for example"},
    {"http: { body_limit: 1KiB }\n", "body_limit is 1KiB; it must be at least 256KiB"},
    {"http: { port: 65536 }\n", "port is 65536; it must be at most 65535"},
    {"lease: { renew: 4s }\n", "f.yaml:1:17: renew must be at most half of the lease's length"},
    {"lease: { gap: 2s }\n", "f.yaml:1:15: gap must be longer than renew"},
    {"lease: { gap: 6s }\n", "f.yaml:1:15: gap must be shorter than the lease's length"},
    {"lease: { length: 3s, gap: 2500ms }\n", "renew must be at most half"},
    {"database: { conninfo: 'host=a password=b' }\n", "f.yaml:1:23: a password does not belong here; use password_file"},
    {"database: { conninfo: 'postgres://u:p@h/d' }\n", "a password does not belong here"},
    {"keyword: { prefix: ams }\n", "f.yaml:1:20: \"ams\" cannot be a prefix: capitals and digits only"},
    {"keyword: { prefix: AMS, pattern: x }\n", "give a prefix or a pattern, not both"},
    {"keyword: { pattern: '(x' }\n", "f.yaml:1:21: the pattern is wrong at byte"},
    {"keyword: { pattern: 'x' }\n", "the pattern has no group (?<keyword>...)"},
    {"defaults: { time_zone: Asia/Tokio }\n", "f.yaml:1:24: there is no time zone \"Asia/Tokio\""},
    {"defaults: { time_zone: ../../etc/passwd }\n", "there is no time zone"},
    {"defaults: { language: jp }\n", "language wants en or ja, not \"jp\"; did you mean"},
    {"defaults: { first_responder: true }\n", "first_responder wants bot or people, not true"},
    {"runs: { give_up_by_priority: { P1: 5 } }\n", "f.yaml:1:36: P1 has no unit; write 5s, for example"},
    {"runs: { give_up_by_priority: { P1: 1s } }\n", "P1 is 1s; it must be at least 10s"},
    {"runs: { give_up_by_priority: [P1] }\n", "give_up_by_priority wants a map, not a list"},
    {"retention: { keys: 30d }\n", "keys is 30d; it must be at least 180d"},
    {"accounts: {}\n", "accounts wants a list, not a map"},
    {"accounts: [5]\n", "f.yaml:1:12: this account wants a map"},
    {"accounts:\n  - { name: a }\n", "f.yaml:2:5: this account has no \"from\""},
    {"accounts:\n  - { name: a, from: x@y }\n", "f.yaml:2:5: account \"a\" has no token_file, here or in the environment"},
    {"accounts:\n  - { name: a, from: x, token_file: t }\n", "from wants an e-mail address, not \"x\""},
    {ACCOUNT ", api_url: 'ftp://x' }\n", "api_url must begin with https:// or http://"},
    {ACCOUNT ", api_url: 'http://x/' }\n", "api_url must not end with /"},
    {ACCOUNT ", token: abc }\n", "unknown key \"token\""},
    {ACCOUNT ", subscriptions: [{ id: s }] }\n", "subscription \"s\" has no secret_files"},
    {ACCOUNT ", subscriptions: [{ id: s, secret_files: x }] }\n", "secret_files wants a list, not text"},
    {ACCOUNT ", subscriptions: [{ id: s, secret_files: [x] }, { id: s, secret_files: [x] }] }\n",
        "subscription \"s\" is given twice, first in line 2"},
    {ACCOUNT " }\n  - { name: a, token_file: t, from: x@y }\n", "f.yaml:3:13: account \"a\" is given twice, first in line 2"},
    {"customers: [{ name: a }, { name: b }, { name: a }]\n", "customer \"a\" is given twice"},
    {"customers: [{ name: acme }]\nservices: [{ id: P, customer: amce }]\n",
        "f.yaml:2:31: customer \"amce\" is not in customers; did you mean \"acme\"?"},
    {"services: [{ customer: a }]\n", "f.yaml:1:12: a service wants its id or its name, one of them"},
    {"services: [{ id: P, name: x, customer: a }]\n", "a service wants its id or its name"},
    {"services: [{ id: P }]\n", "this service has no \"customer\""},
    {"services: [{ id: P, customer: a, account: b }]\n", "there is no account \"b\""},
    {"services: [{ id: P, customer: a, hand_over_level: 0 }]\n", "hand_over_level is 0; it must be at least 1"},
};

static void mistakes_have_their_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(mistakes); i++) {
        struct diag *d = diag_new();
        struct settings *s = parse(mistakes[i].text, d);
        struct error err = {0};
        if (s || diag_error(d, &err) == 0)
            fail_msg("row %zu is accepted: %s", i, mistakes[i].text);
        if (!strstr(err.text, mistakes[i].expected))
            fail_msg("row %zu: got \"%s\", expected \"%s\"", i, err.text, mistakes[i].expected);
        diag_free(d);
    }
}

static void all_mistakes_at_once_with_line_and_caret(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    assert_null(parse("node:\n  slosts: 5\n  drain: 30\nlease: { renew: x }\n", d));
    struct buf out;
    buf_init(&out, 10000);
    diag_print(d, DIAG_TEXT, false, &out);
    assert_string_equal(buf_text(&out),
        "f.yaml:2:3: error: unknown key \"slosts\"; did you mean \"slots\"? [node.slosts]\n"
        "      2 |   slosts: 5\n"
        "        |   ^\n"
        "f.yaml:3:10: error: drain has no unit; write 30s, for example [node.drain]\n"
        "      3 |   drain: 30\n"
        "        |          ^\n"
        "f.yaml:4:17: error: renew: \"x\" is no duration: write numbers with units, such as 30s, 2m or 1h30m [lease.renew]\n"
        "      4 | lease: { renew: x }\n"
        "        |                 ^\n");
    buf_done(&out);
    diag_free(d);
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void secrets_are_read_and_only_by_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/firstline-settings-XXXXXX", path[5][300];
    assert_non_null(mkdtemp(folder));
    static const char *const names[5] = {"f.yaml", "token", "one", "empty", "key"};
    for (int i = 0; i < 5; i++)
        (void)snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    put(path[0], "accounts:\n  - { name: main, from: x@y, token_file: token, alarm_routing_key_file: empty,\n"
                 "      subscriptions: [{ id: S-1, secret_files: [one] }] }\n", 0600);
    put(path[1], "s3cret\r\n", 0600);
    put(path[2], "first", 0604);
    put(path[3], "\n", 0600);
    put(path[4], "routing", 0600);
    struct diag *bad = diag_new(), *good = diag_new();
    struct settings *none = settings_load(path[0], bad);
    assert_int_equal(setenv("FIRSTLINE_ACCOUNT_MAIN_ALARM_ROUTING_KEY_FILE", path[4], 1), 0);
    assert_int_equal(setenv("FIRSTLINE_SUBSCRIPTION_S_1_SECRET_FILE", path[4], 1), 0);
    assert_int_equal(setenv("FIRSTLINE_ACCOUNT_OTHER_TOKEN_FILE", path[4], 1), 0);
    struct settings *s = settings_load(path[0], good);
    unsetenv("FIRSTLINE_ACCOUNT_MAIN_ALARM_ROUTING_KEY_FILE");
    unsetenv("FIRSTLINE_SUBSCRIPTION_S_1_SECRET_FILE");
    unsetenv("FIRSTLINE_ACCOUNT_OTHER_TOKEN_FILE");
    for (int i = 0; i < 5; i++)
        assert_int_equal(unlink(path[i]), 0);
    assert_int_equal(rmdir(folder), 0);

    struct error err = {0};
    assert_null(none);
    assert_int_equal(diag_error(bad, &err), -1);
    assert_non_null(strstr(err.text, "/empty is empty"));
    assert_int_equal(diag_warnings(bad), 1); /* one may be read by everybody */
    struct buf out;
    buf_init(&out, 10000);
    diag_print(bad, DIAG_TEXT, false, &out);
    assert_null(strstr(buf_text(&out), "s3cret"));
    assert_null(strstr(buf_text(&out), "first\""));
    buf_done(&out);
    if (diag_error(good, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(diag_warnings(good), 1); /* the variable of an account that is not there */
    const struct settings_account *a = settings_account(s, "main");
    assert_string_equal(a->token.data, "s3cret");
    assert_int_equal(a->token.bytes, 6);
    assert_string_equal(a->alarm_routing_key.data, "routing");
    const struct settings_subscription *subscription = a->subscriptions.items;
    assert_int_equal(subscription->secrets.count, 1);
    assert_string_equal(((const struct secret *)subscription->secrets.items)->data, "routing");
    assert_int_equal(s->secrets_count, 3);
    settings_free(s);
    diag_free(bad);
    diag_free(good);
}

static void a_missing_file_is_told(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    struct error err = {0};
    assert_null(settings_load("/nonexistent/f.yaml", d));
    assert_int_equal(diag_error(d, &err), -1);
    assert_string_equal(err.text, "/nonexistent/f.yaml: opening /nonexistent/f.yaml: No such file or directory");
    diag_free(d);
}

static void what_waits_for_the_next_start_is_listed(void **state)
{
    (void)state;
    struct settings *a = parse_good(whole), *b = parse_good("cluster: c1\nnode: { region: osaka }\nlog: { level: info }\n");
    struct buf out;
    buf_init(&out, 10000);
    settings_differ(a, a, &out);
    assert_string_equal(buf_text(&out), "");
    settings_differ(a, b, &out);
    assert_non_null(strstr(buf_text(&out), "node.region\n"));
    assert_non_null(strstr(buf_text(&out), "lease.renew\n"));
    assert_non_null(strstr(buf_text(&out), "accounts\n"));
    assert_null(strstr(buf_text(&out), "cluster"));
    assert_null(strstr(buf_text(&out), "log"));
    assert_null(strstr(buf_text(&out), "services"));
    buf_done(&out);
    settings_free(a);
    settings_free(b);
}

static void expect_file(const char *path, const struct buf *expected, const char *command)
{
    assert_false(expected->over);
    char *text = kit_read(path, NULL);
    if (strcmp(text, buf_text(expected)) != 0)
        fail_msg("%s differs from the table; run: firstline help %s > %s", path, command, path);
    free(text);
}

static void the_files_are_those_of_the_table(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024 * 1024);
    settings_example(&out);
    expect_file("deploy/firstline.yaml", &out, "settings-example");
    struct settings *s = parse_good(buf_text(&out));
    assert_int_equal(s->accounts.count, 1);
    assert_int_equal(s->services.count, 1);
    settings_free(s);
    buf_clear(&out);
    settings_page(&out);
    expect_file("docs/settings.md", &out, "settings-page");
    buf_clear(&out);
    schema_markdown(&inventory_schema, &out);
    char *page = kit_read("docs/inventory.md", NULL);
    if (!strstr(page, buf_text(&out)))
        fail_msg("docs/inventory.md does not hold what firstline help inventory-page prints");
    free(page);
    buf_done(&out);
}

static void the_example_in_the_inventory_page_loads(void **state)
{
    (void)state;
    char *page = kit_read("docs/inventory.md", NULL);
    char *begin = strstr(page, "```yaml\n"), *end = begin ? strstr(begin + 8, "```") : NULL;
    assert_non_null(end);
    struct pack *p = pack_new(10000);
    assert_int_equal(pack_add(p, "page.yaml", begin + 8, (size_t)(end - begin - 8), NULL), 0);
    struct diag *d = diag_new();
    struct inventory *inv = inventory_parse(p, d);
    assert_non_null(inv);
    assert_non_null(inventory_find(inv, "acme", "I-0A1B2C3D", NULL));
    inventory_unref(inv);
    diag_free(d);
    pack_free(p);
    free(page);
}

static void every_field_says_what_it_is(const struct schema *s)
{
    for (const struct schema_field *f = s->fields; f->name; f++) {
        size_t n = strlen(f->about);
        if (n < 10 || f->about[n - 1] != '.')
            fail_msg("%s: its sentence is \"%s\"", f->name, f->about);
        if (f->type == SCHEMA_DURATION && f->most == 0)
            fail_msg("%s has no bounds", f->name);
        if (f->inside)
            every_field_says_what_it_is(f->inside);
    }
}

static void the_table_is_complete(void **state)
{
    (void)state;
    every_field_says_what_it_is(&settings_schema);
    every_field_says_what_it_is(&inventory_schema);
    assert_string_equal(schema_find(&settings_schema, "lease.renew")->standard, "2s");
    assert_int_equal(schema_find(&settings_schema, "accounts.token_file")->type, SCHEMA_SECRET);
    assert_null(schema_find(&settings_schema, "lease.none"));
    assert_null(schema_find(&settings_schema, "lease.renew.x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_right),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(policies_are_resolved),
        cmocka_unit_test(hostile_name_patterns_end),
        cmocka_unit_test(mistakes_have_their_places),
        cmocka_unit_test(all_mistakes_at_once_with_line_and_caret),
        cmocka_unit_test(secrets_are_read_and_only_by_file),
        cmocka_unit_test(a_missing_file_is_told),
        cmocka_unit_test(what_waits_for_the_next_start_is_listed),
        cmocka_unit_test(the_files_are_those_of_the_table),
        cmocka_unit_test(the_example_in_the_inventory_page_loads),
        cmocka_unit_test(the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
