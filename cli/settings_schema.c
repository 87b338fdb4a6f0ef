/* SPDX-License-Identifier: MIT
 * The table of the settings: the only place that names a key, its unit, default, bounds and meaning. */
#include "cli/settings.h"

#include <stddef.h>

#include "lib/base/limits.h"

#define SET(member) offsetof(struct settings, member)
#define ACCOUNT(member) offsetof(struct settings_account, member)
#define SUBSCRIPTION(member) offsetof(struct settings_subscription, member)
#define CUSTOMER(member) offsetof(struct policy_customer, member)
#define SERVICE(member) offsetof(struct policy_service, member)

#define SECONDS 1000
#define MINUTES (60 * SECONDS)
#define HOURS (60 * MINUTES)
#define DAYS (INT64_C(24) * HOURS)
#define KIB 1024
#define MIB (1024 * KIB)
#define PATH_BYTES 4096

static const char *const roles[] = {"coordinator", "executor", NULL};
static const char *const regions[] = {"us", "eu", NULL};
static const char *const without_standby[] = {"run", "hold", NULL};
static const char *const recover_blind[] = {"hold", "go", NULL};
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};

/* clang-format off */
static const struct schema_field node_fields[] = {
    {.name = "name", .type = SCHEMA_NAME, .offset = SET(node.name),
        .about = "What this node is called in logs and lists; the host's name when absent."},
    {.name = "region", .type = SCHEMA_NAME, .offset = SET(node.region), .standard = "local",
        .about = "The region it runs in: stop switches and hosts may name it."},
    {.name = "roles", .type = SCHEMA_WORDS, .offset = SET(node.roles), .words = roles, .standard = "[coordinator, executor]",
        .about = "What it does: take webhooks and write to PagerDuty, hold runs, or both."},
    {.name = "slots", .type = SCHEMA_INT, .offset = SET(node.slots), .least = 1, .most = 20000, .standard = "500",
        .about = "The most runs it holds at once."},
    {.name = "drain", .type = SCHEMA_DURATION, .offset = SET(node.drain_ms), .least = 0, .most = HOURS, .standard = "30s",
        .about = "How long a planned stop waits for steps to end before it hands the runs back."},
    {0},
};
static const struct schema node_schema = {.name = "node map", .fields = node_fields, .about = "This node."};

static const struct schema_field database_fields[] = {
    {.name = "conninfo", .type = SCHEMA_TEXT, .offset = SET(database.conninfo), .most = 4096,
        .standard = "\"host=/var/run/postgresql dbname=firstline\"",
        .about = "libpq keywords or URI, several hosts allowed: the one that accepts writes is taken. No password here."},
    {.name = "password_file", .type = SCHEMA_SECRET, .offset = SET(database.password), .most = PATH_BYTES, .flags = SCHEMA_RELOAD,
        .about = "A file with the password; it is read again at each connect."},
    {.name = "connect_within", .type = SCHEMA_DURATION, .offset = SET(database.connect_ms), .least = 100, .most = MINUTES, .standard = "3s",
        .about = "How long one host of the database may take to accept a connection."},
    {.name = "answer_within", .type = SCHEMA_DURATION, .offset = SET(database.answer_ms), .least = 500, .most = MINUTES, .standard = "10s",
        .about = "How long an answer may take before the connection is parked and its outcome counts as unknown."},
    {.name = "parked", .type = SCHEMA_INT, .offset = SET(database.parked), .least = 1, .most = 64, .standard = "2",
        .about = "The most connections of each lane (renewal, intake, work, delivery) that may wait for a late answer."},
    {0},
};
static const struct schema database_schema = {.name = "database map", .fields = database_fields, .about = "The Postgres that all nodes share."};

static const struct schema_field lease_fields[] = {
    {.name = "renew", .type = SCHEMA_DURATION, .offset = SET(lease.renew_ms), .least = 200, .most = 30 * SECONDS, .standard = "2s",
        .about = "How often the node renews its lease; at most half the length."},
    {.name = "length", .type = SCHEMA_DURATION, .offset = SET(lease.length_ms), .least = SECONDS, .most = 2 * MINUTES, .standard = "6s",
        .about = "How long the lease lasts: a node that is gone this long loses its runs. The same on all nodes."},
    {.name = "gap", .type = SCHEMA_DURATION, .offset = SET(lease.gap_ms), .least = 300, .most = MINUTES, .standard = "3s",
        .about = "A node takes over others' runs only when its own renewals had no longer gap; between renew and length."},
    {0},
};
static const struct schema lease_schema = {.name = "lease map", .fields = lease_fields, .about = "How a dead node is noticed."};

static const struct schema_field http_fields[] = {
    {.name = "address", .type = SCHEMA_TEXT, .offset = SET(http.address), .most = 64, .standard = "127.0.0.1",
        .about = "The address to listen on; a proxy in front ends TLS."},
    {.name = "port", .type = SCHEMA_INT, .offset = SET(http.port), .least = 0, .most = 65535, .standard = "8480",
        .about = "The port to listen on; 0 takes any free one."},
    {.name = "body_limit", .type = SCHEMA_SIZE, .offset = SET(http.body_bytes), .least = 256 * KIB, .most = 16 * MIB, .standard = "512KiB",
        .about = "The largest request body; PagerDuty's are at most 256KiB."},
    {.name = "bodies_limit", .type = SCHEMA_SIZE, .offset = SET(http.bodies_bytes), .least = MIB, .most = 1024 * MIB, .standard = "64MiB",
        .about = "The most memory for the bodies of all requests in hand."},
    {.name = "connections", .type = SCHEMA_INT, .offset = SET(http.connections), .least = 1, .most = 20000, .standard = "1000",
        .about = "The most connections at once."},
    {.name = "per_ip", .type = SCHEMA_INT, .offset = SET(http.per_ip), .least = 0, .most = 20000, .standard = "0",
        .about = "The most connections from one address; 0 for no limit, as behind a proxy."},
    {0},
};
static const struct schema http_schema = {.name = "http map", .fields = http_fields, .about = "The door for webhooks, health checks and operators."};

static const struct schema_field files_fields[] = {
    {.name = "scenarios", .type = SCHEMA_PATH, .offset = SET(files.scenarios), .most = PATH_BYTES, .flags = SCHEMA_RELOAD,
        .example = "scenarios", .about = "The folder of scenarios."},
    {.name = "inventory", .type = SCHEMA_PATHS, .offset = SET(files.inventory), .most = 100, .flags = SCHEMA_RELOAD,
        .example = "[inventory]", .about = "Files and folders of the inventory."},
    {.name = "known_hosts", .type = SCHEMA_PATH, .offset = SET(files.known_hosts), .most = PATH_BYTES, .flags = SCHEMA_RELOAD,
        .example = "known_hosts", .about = "The host keys that are trusted, in OpenSSH's form; without it every host is unknown."},
    {0},
};
static const struct schema files_schema = {.name = "files map", .fields = files_fields,
    .about = "Where scenarios, hosts and host keys stand. Relative paths are from this file's folder; all are read again on reload."};

static const struct schema_field keyword_fields[] = {
    {.name = "prefix", .type = SCHEMA_TEXT, .offset = SET(keyword.prefix), .most = 16, .example = "AMS",
        .about = "What begins the keyword token in titles, as in [AMS:disk-full]: capitals and digits. Absent: any such prefix."},
    {.name = "pattern", .type = SCHEMA_TEXT, .offset = SET(keyword.pattern), .most = 1024,
        .about = "Instead of the prefix, a pattern (PCRE) for the whole token with the named group keyword, and values where it carries some."},
    {0},
};
static const struct schema keyword_schema = {.name = "keyword map", .fields = keyword_fields, .about = "How a title names its scenario."};

static const struct schema_field ssh_fields[] = {
    {.name = "connect_within", .type = SCHEMA_DURATION, .offset = SET(ssh.connect_ms), .least = 100, .most = 2 * MINUTES, .standard = "10s",
        .about = "The deadline for connecting to a host."},
    {.name = "handshake_within", .type = SCHEMA_DURATION, .offset = SET(ssh.handshake_ms), .least = 100, .most = 2 * MINUTES, .standard = "10s",
        .about = "The deadline for the SSH handshake."},
    {.name = "login_within", .type = SCHEMA_DURATION, .offset = SET(ssh.login_ms), .least = 100, .most = 2 * MINUTES, .standard = "15s",
        .about = "The deadline for logging in."},
    {.name = "open_within", .type = SCHEMA_DURATION, .offset = SET(ssh.open_ms), .least = 100, .most = 2 * MINUTES, .standard = "10s",
        .about = "The deadline for opening a channel."},
    {.name = "send_within", .type = SCHEMA_DURATION, .offset = SET(ssh.send_ms), .least = 100, .most = 2 * MINUTES, .standard = "10s",
        .about = "The deadline for sending the command."},
    {.name = "exit_within", .type = SCHEMA_DURATION, .offset = SET(ssh.exit_ms), .least = 100, .most = 2 * MINUTES, .standard = "5s",
        .about = "The deadline for the exit status after the output has ended."},
    {.name = "idle", .type = SCHEMA_DURATION, .offset = SET(ssh.idle_ms), .least = SECONDS, .most = HOURS, .standard = "60s",
        .about = "A session without work is closed after this."},
    {.name = "keepalive", .type = SCHEMA_DURATION, .offset = SET(ssh.keepalive_ms), .least = SECONDS, .most = 10 * MINUTES, .standard = "15s",
        .about = "How often an idle session is asked whether it lives."},
    {.name = "unanswered", .type = SCHEMA_DURATION, .offset = SET(ssh.user_timeout_ms), .least = SECONDS, .most = 10 * MINUTES, .standard = "30s",
        .about = "A connection whose bytes are not acknowledged this long is dead (TCP_USER_TIMEOUT)."},
    {.name = "handshakes", .type = SCHEMA_INT, .offset = SET(ssh.handshakes), .least = 1, .most = 1000, .standard = "64",
        .about = "The most connections being made at once."},
    {.name = "handshakes_per_host", .type = SCHEMA_INT, .offset = SET(ssh.handshakes_per_host), .least = 1, .most = 10, .standard = "4",
        .about = "Of these, the most to one host; sshd refuses more than 10."},
    {.name = "channels_per_session", .type = SCHEMA_INT, .offset = SET(ssh.channels_per_session), .least = 1, .most = 10, .standard = "8",
        .about = "The most commands at once in one session; sshd allows 10."},
    {.name = "program", .type = SCHEMA_TEXT, .offset = SET(ssh.program), .most = PATH_BYTES, .example = "ssh",
        .about = "The ssh program for hosts with transport openssh."},
    {.name = "config", .type = SCHEMA_PATH, .offset = SET(ssh.config), .most = PATH_BYTES,
        .about = "An ssh_config for that program, for jump hosts and certificates."},
    {.name = "folder", .type = SCHEMA_PATH, .offset = SET(ssh.folder), .most = SSH_FOLDER_BYTES_MAX, .example = "/tmp",
        .about = "Where that program's private sockets are kept; a short path."},
    {0},
};
static const struct schema ssh_schema = {.name = "ssh map", .fields = ssh_fields, .about = "Deadlines and limits of SSH connections."};

static const struct schema_field runs_fields[] = {
    {.name = "give_up_after", .type = SCHEMA_DURATION, .offset = SET(runs.give_up_after_ms), .least = 10 * SECONDS, .most = DAYS, .standard = "10m",
        .flags = SCHEMA_RELOAD,
        .about = "Counted from the incident's creation: a run that has not ended is then handed to people. A scenario may say otherwise."},
    {.name = "give_up_by_priority", .type = SCHEMA_DURATIONS, .offset = SET(runs.give_up_by_priority), .least = 10 * SECONDS, .most = DAYS,
        .flags = SCHEMA_RELOAD, .example = "{ P1: 5m }", .about = "The same for incidents of a priority."},
    {.name = "without_standby", .type = SCHEMA_WORD, .offset = SET(runs.without_standby), .words = without_standby, .standard = "run",
        .about = "Whether a recover may start while no synchronous standby of the database is in force."},
    {.name = "recover_blind", .type = SCHEMA_WORD, .offset = SET(runs.recover_blind), .words = recover_blind, .standard = "hold",
        .about = "Whether a recover may start while PagerDuty cannot be asked about the incident."},
    {0},
};
static const struct schema runs_schema = {.name = "runs map", .fields = runs_fields, .about = "When runs act, wait and give up."};

static const struct schema_field outbox_fields[] = {
    {.name = "rate", .type = SCHEMA_INT, .offset = SET(outbox.rate), .least = 1, .most = 1000000, .standard = "960",
        .about = "Requests to PagerDuty a minute for each token, all nodes together."},
    {.name = "request", .type = SCHEMA_DURATION, .offset = SET(outbox.request_ms), .least = SECONDS, .most = 20 * SECONDS,
        .standard = "20s",
        .about = "The longest time of one change at PagerDuty. The same on all nodes: a doubtful one is looked for after this and "
                 "one lease."},
    {0},
};
static const struct schema outbox_schema = {.name = "outbox map", .fields = outbox_fields, .about = "Writing to PagerDuty."};

static const struct schema_field reconciler_fields[] = {
    {.name = "every", .type = SCHEMA_DURATION, .offset = SET(reconciler.every_ms), .least = SECONDS, .most = HOURS, .standard = "30s",
        .flags = SCHEMA_RELOAD,
        .about = "How often PagerDuty's open incidents are compared with ours, by one of all nodes; an incident that no webhook announced is found within twice this."},
    {0},
};
static const struct schema reconciler_schema = {.name = "reconciler map", .fields = reconciler_fields,
    .about = "Finding what no webhook told."};

static const struct schema_field log_fields[] = {
    {.name = "level", .type = SCHEMA_WORD, .offset = SET(log.level), .words = log_levels, .standard = "info", .flags = SCHEMA_RELOAD,
        .about = "The least that is logged."},
    {.name = "format", .type = SCHEMA_WORD, .offset = SET(log.format), .words = log_formats, .standard = "logfmt", .flags = SCHEMA_RELOAD,
        .about = "How a line is written."},
    {0},
};
static const struct schema log_schema = {.name = "log map", .fields = log_fields, .about = "The log on standard error."};

static const struct schema_field retention_fields[] = {
    {.name = "events", .type = SCHEMA_DURATION, .offset = SET(retention.events_ms), .least = 3 * DAYS, .most = 3650 * DAYS, .standard = "3d",
        .about = "How long webhooks stay in the hot table, where a copy of one is recognised; then they go to history."},
    {.name = "keys", .type = SCHEMA_DURATION, .offset = SET(retention.keys_ms), .least = 180 * DAYS, .most = 3650 * DAYS, .standard = "180d",
        .about = "How long the keys are kept that stop a late copy of an event from starting a second run."},
    {.name = "history", .type = SCHEMA_DURATION, .offset = SET(retention.history_ms), .least = 31 * DAYS, .most = 3650 * DAYS, .standard = "400d",
        .about = "How long a month of history stays in the database after its end: runs, steps, decisions, writes and webhooks. Then it "
                 "leaves to the archive, or is dropped where there is none."},
    {.name = "archive", .type = SCHEMA_PATH, .offset = SET(retention.archive), .most = PATH_BYTES, .example = "/var/lib/firstline/archive",
        .about = "A folder that a month of history is written to, as compressed JSON lines, before it leaves the database. Absent: "
                 "it is dropped and kept nowhere, which each node's log and \"firstline check\" say. Best one that all nodes share (docs/retention.md)."},
    {.name = "every", .type = SCHEMA_DURATION, .offset = SET(retention.every_ms), .least = SECONDS, .most = DAYS, .standard = "1h",
        .about = "How often one of all nodes looks whether a month of history is to leave."},
    {0},
};
static const struct schema retention_schema = {.name = "retention map", .fields = retention_fields, .about = "What is removed when."};

/* What defaults, customers and services have in common. Only defaults have a default. */
#define POLICY_FIELDS(AT, language_, time_zone_, responder_, acknowledge_, level_, mode_) \
    {.name = "language", .type = SCHEMA_WORD, .offset = AT(language), .words = policy_languages, .standard = language_, \
        .about = "The language of notes and titles."}, \
    {.name = "time_zone", .type = SCHEMA_TEXT, .offset = AT(time_zone), .most = 64, .standard = time_zone_, \
        .about = "The zone of the times in them, such as Asia/Tokyo."}, \
    {.name = "first_responder", .type = SCHEMA_WORD, .offset = AT(first_responder), .words = policy_responders, .standard = responder_, \
        .about = "With bot, every ending that is not healed escalates at once; with people, they have been paged already."}, \
    {.name = "acknowledge", .type = SCHEMA_WORD, .offset = AT(acknowledge), .words = policy_acknowledges, .standard = acknowledge_, \
        .about = "Whether the bot acknowledges while it works, which moves the incident to the bot's user."}, \
    {.name = "hand_over_level", .type = SCHEMA_INT, .offset = AT(hand_over_level), .least = 1, .most = 20, .standard = level_, \
        .about = "The escalation level that a hand-over goes to, where the scenario does not say."}, \
    {.name = "mode", .type = SCHEMA_WORD, .offset = AT(mode), .words = policy_modes, .standard = mode_, \
        .about = "The most that scenarios may do here, whatever their own mode; of several such limits the narrowest holds."}

#define DEFAULTS(member) SET(defaults.member)
static const struct schema_field default_fields[] = {
    POLICY_FIELDS(DEFAULTS, "en", "UTC", "people", "never", "2", "auto"),
    {0},
};
static const struct schema default_schema = {.name = "defaults map", .fields = default_fields,
    .about = "What holds where neither the service nor its customer says otherwise."};

static const struct schema_field subscription_fields[] = {
    {.name = "id", .type = SCHEMA_NAME, .offset = SUBSCRIPTION(id), .flags = SCHEMA_REQUIRED, .example = "PWEBHK1",
        .about = "PagerDuty's id of the webhook subscription; it comes in a header of each delivery."},
    {.name = "secret_files", .type = SCHEMA_SECRETS, .offset = SUBSCRIPTION(secrets), .most = 8, .flags = SCHEMA_RELOAD,
        .example = "[secrets/webhook-tokyo]", .about = "Files with its signing secrets; all that are valid now, so two while one is replaced."},
    {0},
};
static const struct schema subscription_schema = {.name = "subscription", .bytes = sizeof(struct settings_subscription),
    .node_offset = SUBSCRIPTION(node), .fields = subscription_fields, .about = "A webhook subscription of the account; each region has its own."};

static const struct schema_field account_fields[] = {
    {.name = "name", .type = SCHEMA_NAME, .offset = ACCOUNT(name), .flags = SCHEMA_REQUIRED, .example = "main",
        .about = "What the account is called here."},
    {.name = "service_region", .type = SCHEMA_WORD, .offset = ACCOUNT(service_region), .words = regions, .standard = "us",
        .about = "PagerDuty's service region that the account belongs to."},
    {.name = "api_url", .type = SCHEMA_TEXT, .offset = ACCOUNT(api_url),
        .about = "Another URL for its REST API, for tests; absent: the service region's."},
    {.name = "events_url", .type = SCHEMA_TEXT, .offset = ACCOUNT(events_url),
        .about = "Another URL for its Events API, for tests; absent: the service region's."},
    {.name = "token_file", .type = SCHEMA_SECRET, .offset = ACCOUNT(token), .most = PATH_BYTES, .flags = SCHEMA_RELOAD,
        .example = "secrets/pagerduty-token", .about = "A file with its REST API token; needed here or in the environment."},
    {.name = "from", .type = SCHEMA_TEXT, .offset = ACCOUNT(from), .most = 254, .flags = SCHEMA_REQUIRED, .example = "firstline@example.com",
        .about = "The e-mail address of the bot's own user there."},
    {.name = "bot_user_ids", .type = SCHEMA_TEXTS, .offset = ACCOUNT(bot_user_ids), .most = 20, .example = "[PBOT001]",
        .about = "The ids of the bot's users: what they do is no person's hand."},
    {.name = "subscriptions", .type = SCHEMA_LIST, .offset = ACCOUNT(subscriptions), .inside = &subscription_schema, .most = 100,
        .about = "The webhook subscriptions that post here."},
    {.name = "alarm_routing_key_file", .type = SCHEMA_SECRET, .offset = ACCOUNT(alarm_routing_key), .most = PATH_BYTES, .flags = SCHEMA_RELOAD,
        .example = "secrets/alarm-key", .about = "A file with an Events API routing key, for incidents about firstline itself."},
    {0},
};
static const struct schema account_schema = {.name = "account", .bytes = sizeof(struct settings_account),
    .node_offset = ACCOUNT(node), .fields = account_fields, .about = "The PagerDuty accounts."};

static const struct schema_field customer_fields[] = {
    {.name = "name", .type = SCHEMA_TEXT, .offset = CUSTOMER(name), .most = 253, .flags = SCHEMA_REQUIRED, .example = "acme",
        .about = "The customer, named as in the inventory."},
    POLICY_FIELDS(CUSTOMER, NULL, NULL, NULL, NULL, NULL, NULL),
    {0},
};
static const struct schema customer_schema = {.name = "customer", .bytes = sizeof(struct policy_customer), .fields = customer_fields,
    .about = "What holds for a customer's services."};

static const struct schema_field service_fields[] = {
    {.name = "id", .type = SCHEMA_TEXT, .offset = SERVICE(id), .most = 64, .example = "PSVC001",
        .about = "The service's id in PagerDuty; this or name."},
    {.name = "name", .type = SCHEMA_TEXT, .offset = SERVICE(pattern), .most = 255,
        .about = "Instead of the id, the service's name, where each * stands for any text, such as \"acme *\"; the first that fits."},
    {.name = "account", .type = SCHEMA_NAME, .offset = SERVICE(account),
        .about = "The account that the service is in; absent: any."},
    {.name = "customer", .type = SCHEMA_TEXT, .offset = SERVICE(customer), .most = 253, .flags = SCHEMA_REQUIRED, .example = "acme",
        .about = "Whose hosts its incidents are about."},
    POLICY_FIELDS(SERVICE, NULL, NULL, NULL, NULL, NULL, NULL),
    {0},
};
static const struct schema service_schema = {.name = "service", .bytes = sizeof(struct policy_service), .fields = service_fields,
    .about = "Which service belongs to which customer, and what holds for it. The incidents of others are handed over."};

static const struct schema_field settings_fields[] = {
    {.name = "cluster", .type = SCHEMA_NAME, .offset = SET(cluster), .standard = "firstline",
        .about = "The name that all nodes of one database share: it names their folder on the machines, so it must never change."},
    {.name = "node", .type = SCHEMA_MAP, .inside = &node_schema, .about = "This node."},
    {.name = "database", .type = SCHEMA_MAP, .inside = &database_schema, .about = "The Postgres that all nodes share."},
    {.name = "http", .type = SCHEMA_MAP, .inside = &http_schema, .about = "The door for webhooks, health checks and operators."},
    {.name = "files", .type = SCHEMA_MAP, .inside = &files_schema, .about = "Where scenarios, hosts and host keys stand."},
    {.name = "accounts", .type = SCHEMA_LIST, .offset = SET(accounts), .inside = &account_schema, .most = 100, .about = "The PagerDuty accounts."},
    {.name = "customers", .type = SCHEMA_LIST, .offset = SET(customers), .inside = &customer_schema, .most = 10000, .flags = SCHEMA_RELOAD,
        .about = "What holds for a customer's services."},
    {.name = "services", .type = SCHEMA_LIST, .offset = SET(services), .inside = &service_schema, .most = 20000, .flags = SCHEMA_RELOAD,
        .about = "Which service belongs to which customer."},
    {.name = "defaults", .type = SCHEMA_MAP, .inside = &default_schema, .flags = SCHEMA_RELOAD, .about = "What holds for services that do not say otherwise."},
    {.name = "keyword", .type = SCHEMA_MAP, .inside = &keyword_schema, .about = "How a title names its scenario."},
    {.name = "runs", .type = SCHEMA_MAP, .inside = &runs_schema, .about = "When runs act, wait and give up."},
    {.name = "lease", .type = SCHEMA_MAP, .inside = &lease_schema, .about = "How a dead node is noticed."},
    {.name = "ssh", .type = SCHEMA_MAP, .inside = &ssh_schema, .about = "Deadlines and limits of SSH connections."},
    {.name = "outbox", .type = SCHEMA_MAP, .inside = &outbox_schema, .about = "Writing to PagerDuty."},
    {.name = "reconciler", .type = SCHEMA_MAP, .inside = &reconciler_schema, .about = "Finding what no webhook told."},
    {.name = "log", .type = SCHEMA_MAP, .inside = &log_schema, .about = "The log on standard error."},
    {.name = "retention", .type = SCHEMA_MAP, .inside = &retention_schema, .about = "What is removed when."},
    {0},
};
const struct schema settings_schema = {.name = "settings file", .bytes = sizeof(struct settings), .fields = settings_fields};
