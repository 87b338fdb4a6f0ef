/* SPDX-License-Identifier: MIT
 * The settings of a node: one YAML file, one table (settings_schema) with name, type, unit, default, bounds and one
 * sentence for each. Order: default, file, environment (FIRSTLINE_..._FILE, for secrets only). Immutable once read; a reload
 * reads a new one, and the old stays in force when that has an error. Does not look at scenarios or inventory. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/diag.h"
#include "lib/base/error.h"
#include "lib/base/policy.h"
#include "lib/base/schema.h"
#include "lib/base/secret.h"

enum settings_role { ROLE_COORDINATOR = 1, ROLE_EXECUTOR = 2 };
enum settings_region { SERVICE_REGION_US, SERVICE_REGION_EU };
enum settings_without_standby { WITHOUT_STANDBY_RUN, WITHOUT_STANDBY_HOLD };
enum settings_recover_blind { RECOVER_BLIND_HOLD, RECOVER_BLIND_GO };

struct settings_subscription {
    const char *id;             /* PagerDuty's id of the webhook subscription */
    struct schema_list secrets; /* of struct secret: all that are valid now */
    const struct yaml_node *node;
};

/* One PagerDuty account. Texts: the settings' arena, never NULL unless it says so. */
struct settings_account {
    const char *name;
    int service_region;     /* enum settings_region */
    const char *api_url;    /* NULL: the region's */
    const char *events_url; /* NULL: the region's */
    struct secret token;
    const char *from;       /* e-mail of our bot's user */
    struct schema_texts bot_user_ids;
    struct schema_list subscriptions; /* of struct settings_subscription */
    struct secret alarm_routing_key;  /* Events API key for incidents about ourselves; path NULL: none */
    const struct yaml_node *node;
};

struct settings {
    const char *cluster; /* names the folder on machines: all nodes of one database share it */
    struct {
        const char *name;   /* default: the host's name */
        const char *region;
        unsigned roles;     /* enum settings_role, or-ed */
        int64_t slots;      /* runs held at once */
        int64_t drain_ms;   /* a planned stop waits this long for steps to end */
    } node;
    struct {
        const char *conninfo;   /* libpq keywords or URI; several hosts */
        struct secret password; /* path NULL: none. pg.h reads the file itself at each connect */
        int64_t connect_ms;
        int64_t answer_ms;
        int64_t parked;
    } database;
    struct {
        int64_t renew_ms, length_ms, gap_ms;
    } lease;
    struct {
        const char *address;
        int64_t port;
        int64_t body_bytes, bodies_bytes;
        int64_t connections, per_ip;
        int64_t request_ms;
    } http;
    struct {
        const char *scenarios;         /* folder; NULL: none */
        struct schema_texts inventory; /* files and folders */
        const char *known_hosts;       /* NULL: none, so every host is unknown */
    } files;
    struct {
        const char *prefix;  /* of the keyword token: "AMS"; NULL: any capitals */
        const char *pattern; /* a pattern of one's own instead; NULL */
        const char *token;   /* what scenario_set_options wants: made of these two; NULL: the default */
    } keyword;
    struct {
        int64_t connect_ms, handshake_ms, login_ms, open_ms, send_ms, exit_ms;
        int64_t idle_ms, keepalive_ms, user_timeout_ms;
        int64_t handshakes, handshakes_per_host, channels_per_session;
        const char *program; /* NULL: ssh on PATH */
        const char *config;  /* NULL: none */
        const char *folder;  /* NULL: /tmp */
    } ssh;
    struct {
        int64_t give_up_after_ms;
        struct schema_pairs give_up_by_priority;
        int without_standby; /* enum settings_without_standby */
        int recover_blind;   /* enum settings_recover_blind */
    } runs;
    struct {
        int64_t rate; /* requests a minute and token, over all nodes */
        int64_t request_ms; /* of one that changes something */
    } outbox;
    struct {
        int64_t every_ms;
    } reconciler;
    struct {
        int level;  /* enum log_level */
        int format; /* enum log_format */
    } log;
    struct {
        int64_t events_ms, keys_ms, history_ms, every_ms;
        const char *archive; /* NULL: none */
    } retention;
    struct {
        int language, first_responder, acknowledge, mode;
        const char *time_zone;
        int64_t hand_over_level;
    } defaults;
    struct schema_list accounts;  /* of struct settings_account */
    struct schema_list customers; /* of struct policy_customer */
    struct schema_list services;  /* of struct policy_service */

    struct policies policies;     /* made of the above; borrowed by whoever asks */
    struct secret **secrets; /* arena; all that are configured, for the redactor; read unless settings_parse made this */
    int secrets_count;
    const char *file;             /* "" when none was read */
    const struct yaml_node *root; /* arena; NULL: no file */
    struct arena *arena;          /* owned */
    struct arena *wiped;          /* owned; the secrets */
};

#define DAY_MS 86400000
#define SETTINGS_FILE_DEFAULT "/etc/firstline/firstline.yaml"
const char *settings_file_default(void); /* NULL: it is not there */
/* Reads a file, then the environment's FIRSTLINE_..._FILE, then the secrets' files. path NULL: SETTINGS_FILE_DEFAULT
 * if it is there, else the defaults. Blocks. Mistakes go to d, all of them. NULL when there was an error. */
struct settings *settings_load(const char *path, struct diag *d);
/* From memory, without environment, and without reading the secrets: for `check`, tests and fuzzing. folder is that of relative paths. */
struct settings *settings_parse(const char *file, const char *text, size_t bytes, const char *folder,
    struct diag *d);
void settings_free(struct settings *s); /* wipes the secrets; NULL is fine */

/* Appends the names of the settings that are written differently and take effect only at the next start, one a line:
 * "lease.renew". For the log on reload. */
void settings_differ(const struct settings *before, const struct settings *after, struct buf *out);

/* The URLs in force for an account. */
const char *settings_api_url(const struct settings_account *a);
const char *settings_events_url(const struct settings_account *a);
const struct settings_account *settings_account(const struct settings *s, const char *name); /* NULL: none */

/* The table; help, example, docs and JSON Schema are made from it by schema.h. */
extern const struct schema settings_schema;
/* deploy/firstline.yaml and docs/settings.md, complete. */
void settings_example(struct buf *out);
void settings_page(struct buf *out);

#endif
