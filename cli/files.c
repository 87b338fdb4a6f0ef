/* SPDX-License-Identifier: MIT
 * Finding and reading scenarios and inventory for subcommands that need no database. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"

static bool exists(const char *path, mode_t type)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static int out_of_memory(const char *command)
{
    fprintf(stderr, "firstline %s: out of memory\n", command);
    return -1;
}

static void load_scenarios(struct files *f, const char *folder)
{
    struct scenario_set_options options = {
        .token_pattern = f->settings ? f->settings->keyword.token : NULL};
    f->scenarios = scenario_set_load(folder, &options, f->diag);
}

static void load_inventory(struct files *f, const char *const *paths)
{
    f->has_inventory = paths[0] != NULL;
    if (f->has_inventory)
        f->inventory = inventory_load(paths, f->diag);
}

/* What stands beside the scenarios: inventory/ or inventory.yaml. */
static void load_inventory_beside(struct files *f)
{
    char path[4096];
    const char *paths[2] = {path, NULL};
    int n = snprintf(path, sizeof path, "%s/inventory", f->folder);
    if (n > 0 && (size_t)n + 6 < sizeof path && !exists(path, S_IFDIR)) {
        (void)snprintf(path, sizeof path, "%s/inventory.yaml", f->folder); /* fits: see above */
        if (!exists(path, S_IFREG))
            return;
    }
    load_inventory(f, paths);
}

static void load_folder(struct files *f)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/scenarios", f->folder);
    bool inside = n > 0 && (size_t)n < sizeof path && exists(path, S_IFDIR);
    load_scenarios(f, inside ? path : f->folder);
    if (f->inventories[0])
        load_inventory(f, f->inventories);
    else if (inside)
        load_inventory_beside(f);
}

static int load_configured(struct files *f, const char *command)
{
    const struct settings *s = f->settings;
    if (s->files.scenarios)
        load_scenarios(f, s->files.scenarios);
    const char **paths = calloc((size_t)s->files.inventory.count + 1, sizeof *paths);
    if (!paths)
        return out_of_memory(command);
    for (int i = 0; i < s->files.inventory.count; i++)
        paths[i] = s->files.inventory.items[i];
    load_inventory(f, f->inventories[0] ? f->inventories : paths);
    free(paths);
    return 0;
}

int files_named(struct files *f, int count, char **names, const char *command)
{
    if (count > 1)
        return command_wrong(command, "one folder at a time; unexpected", names[1]);
    f->folder = count == 1 ? names[0] : NULL;
    if (!f->folder && !f->settings_path)
        f->settings_path = settings_file_default();
    if (f->folder || f->settings_path)
        return 0;
    return command_wrong(command, "wants a folder, or --config: there is no " SETTINGS_FILE_DEFAULT, NULL);
}

int files_load(struct files *f, const char *command)
{
    f->diag = diag_new();
    if (!f->diag)
        return out_of_memory(command);
    if (f->folder && !exists(f->folder, S_IFDIR)) {
        fprintf(stderr, "firstline %s: %s \"%s\"; see: firstline %s --help\n", command,
            access(f->folder, F_OK) == 0 ? "wants a folder, not" : "there is no folder", f->folder, command);
        return -1;
    }
    if (f->settings_path) {
        f->settings = settings_load(f->settings_path, f->diag);
        if (!f->settings)
            return 0; /* told in the diag */
    }
    if (!f->folder)
        return load_configured(f, command);
    load_folder(f);
    return 0;
}

void files_done(struct files *f)
{
    scenario_set_free(f->scenarios);
    inventory_unref(f->inventory);
    settings_free(f->settings);
    diag_free(f->diag);
}
