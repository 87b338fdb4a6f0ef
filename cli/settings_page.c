/* SPDX-License-Identifier: MIT
 * The example file and the page in docs/, made from the table. */
#include "cli/settings.h"

void settings_example(struct buf *out)
{
    (void)buf_add_text(out, /* out->over is the caller's to see, here and below */
        "# The settings of a firstline node, all with their defaults or an example. Made by\n"
        "# `firstline help settings-example`; docs/settings.md has them as tables. Only what "
        "differs needs to stand here.\n"
        "# Use it with: firstline node --config FILE; mistakes are told with line and column "
        "before it starts.\n\n");
    schema_example(&settings_schema, out);
}

void settings_page(struct buf *out)
{
    (void)buf_add_text(out,
        "# Settings\n\n"
        "Made by `firstline help settings-page`; do not edit.\n\n"
        "A node reads one YAML file: `firstline node --config FILE`; without `--config` "
        "`" SETTINGS_FILE_DEFAULT "`,\n"
        "if it is there. The order is: defaults, the file, the environment.\n"
        "What is wrong is told with file, line and column, all of it at once, and nothing "
        "starts. Unknown keys are\n"
        "errors, durations (`500ms`, `30s`, `2m`, `1h30m`, `7d`) and sizes (`512B`, `64KiB`, "
        "`4MB`) need their unit.\n"
        "Relative paths are from the file's folder. "
        "[deploy/firstline.yaml](../deploy/firstline.yaml) is an example with all keys.\n\n"
        "On SIGHUP the file and everything it names are read again and checked whole; if that "
        "fails the old settings stay in\n"
        "force and the log says why. What is marked *Reload* takes effect then, the rest at the "
        "next start; the log lists\n"
        "what waits for it.\n\n"
        "Secrets stand in files of their own, one each, without other text; a line end behind it "
        "is ignored. A file that\n"
        "everybody may read is warned about. The environment may name these files, and nothing "
        "else:\n\n"
        "| variable | instead of |\n|---|---|\n"
        "| `FIRSTLINE_DATABASE_PASSWORD_FILE` | `database.password_file` |\n"
        "| `FIRSTLINE_ACCOUNT_NAME_TOKEN_FILE` | `token_file` of the account NAME |\n"
        "| `FIRSTLINE_ACCOUNT_NAME_ALARM_ROUTING_KEY_FILE` | `alarm_routing_key_file` of the "
        "account NAME |\n"
        "| `FIRSTLINE_SUBSCRIPTION_ID_SECRET_FILE` | `secret_files` of the subscription ID |\n\n"
        "NAME and ID are in capitals, with `_` for what is no letter or digit.\n");
    schema_markdown(&settings_schema, out);
}
