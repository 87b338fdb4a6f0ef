/* SPDX-License-Identifier: MIT
 * The topics of `firstline help`. */
#include "cli/topic.h"

#include <stdio.h>
#include <string.h>

#include "cli/settings.h"
#include "coordinator/metrics.h"
#include "coordinator/webhook.h"
#include "executor/inventory.h"
#include "executor/scenario_schema.h"

#define PAGE_BYTES_MAX (1024 * 1024)

static void settings_help(struct buf *out)
{
    schema_help(&settings_schema, out);
}

static void settings_json(struct buf *out)
{
    schema_json(&settings_schema, "firstline settings", out);
}

static void inventory_help(struct buf *out)
{
    schema_help(&inventory_schema, out);
}

static void inventory_json(struct buf *out)
{
    schema_json(&inventory_schema, "firstline inventory", out);
}

static void inventory_table(struct buf *out)
{
    schema_markdown(&inventory_schema, out);
}

static void scenario_help(struct buf *out)
{
    schema_help(&scenario_schema, out);
}

static void scenario_json(struct buf *out)
{
    schema_json(&scenario_schema, "firstline scenario", out);
}

static void scenario_table(struct buf *out)
{
    schema_markdown(&scenario_schema, out);
}

const struct topic topics[] = {
    {"settings", "every key of the settings file", settings_help},
    {"settings-example", "a settings file with all keys (deploy/firstline.yaml)", settings_example},
    {"settings-page", "the same as tables (docs/settings.md)", settings_page},
    {"settings-schema", "the same as a JSON Schema, for editors", settings_json},
    {"hands-page", "whose hand an event shows, and what it does (in docs/intake.md)", webhook_page},
    {"metrics-page", "every metric of GET /metrics (docs/metrics.md)", metrics_page},
    {"inventory", "every key of an inventory file", inventory_help},
    {"inventory-page", "the same as tables (in docs/inventory.md)", inventory_table},
    {"inventory-schema", "the same as a JSON Schema, for editors", inventory_json},
    {"scenario", "every key of a scenario file", scenario_help},
    {"scenario-page", "the same as tables (in docs/scenarios.md)", scenario_table},
    {"scenario-schema", "the same as a JSON Schema, for editors", scenario_json},
    {0},
};

bool topic_print(const char *name)
{
    for (const struct topic *t = topics; t->name; t++) {
        if (strcmp(t->name, name) != 0)
            continue;
        struct buf page;
        buf_init(&page, PAGE_BYTES_MAX);
        t->make(&page);
        fputs(buf_text(&page), stdout);
        buf_done(&page);
        return true;
    }
    return false;
}
