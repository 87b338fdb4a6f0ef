/* SPDX-License-Identifier: MIT
 * The demo's files: its folder, settings of two nodes, inventory, scenarios, keys. Starts nothing but ssh-keygen. */
#include "cli/dev_parts.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/embed.h"
#include "lib/base/file.h"
#include "lib/io/process.h"

#define KEYGEN_LONGEST_MS 30000
#define FILE_BYTES_MAX (256 * 1024)

extern const struct embedded dev_scenarios[]; /* deploy/demo-scenarios */
extern const struct embedded dev_machine[];   /* deploy/demo-machine */

/* The simulator's seed knows these; they open nothing else. */
#define TOKEN "demo-account-token-0001"
#define SECRET_TOKYO "demo-webhook-secret-tokyo-0000000000000000000000000000000000000001"
#define SECRET_OSAKA "demo-webhook-secret-osaka-0000000000000000000000000000000000000001"

static const char *const hosts[] = {"web1", "data1", "mail1", "raid1", "pay1", "db1", "juchu1"};

void dev_path(const struct dev *d, const char *name, char *out, size_t room)
{
    (void)snprintf(out, room, "%s/%s", d->folder, name);
}

static int write_file(const struct dev *d, const char *name, const char *text, mode_t mode, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, name, path, sizeof path);
    FILE *f = fopen(path, "w");
    bool good = f && fchmod(fileno(f), mode) == 0 && fputs(text, f) >= 0;
    if ((f && fclose(f) != 0) || !good)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot write %s", path);
    return 0;
}

/* A full disk ends each of the programs we start in a way of its own; here it can still be said in one. */
static int check_space(const struct dev *d, struct error *err)
{
    struct statvfs at;
    if (statvfs(d->folder, &at) < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "looking at the disk of %s", d->folder);
    unsigned long long left = (unsigned long long)at.f_bavail * at.f_frsize / (1024 * 1024);
    if (left >= DEV_DISK_MIB_MIN)
        return 0;
    (void)error_set(err, ERROR_LIMIT, "the disk of %s has %llu MiB left; the demo wants %d", d->folder, left, DEV_DISK_MIB_MIN);
    error_hint(err, "--folder takes one on another disk");
    return -1;
}

static int make_folder(const struct dev *d, const char *name, mode_t mode, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, name, path, sizeof path);
    if (mkdir(path, mode) < 0 || chmod(path, mode) < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot make the folder %s", path);
    return 0;
}

/* Others may pass through it: postgres and the machine's user have their parts in it. */
static int make_root(struct dev *d, struct error *err)
{
    char real[PATH_MAX];
    (void)snprintf(d->folder, sizeof d->folder, "%s", d->given ? d->given : "/var/tmp/firstline-dev-XXXXXX");
    if (!d->given && !mkdtemp(d->folder))
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot make a folder in /var/tmp");
    if (d->given && mkdir(d->folder, 0755) < 0 && errno != EEXIST)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot make the folder %s", d->folder);
    if (d->given && rmdir(d->folder) < 0) /* only an empty one */
        return error_from_errno(err, ERROR_INPUT, errno, "--folder %s must be new or empty", d->folder);
    if (d->given && mkdir(d->folder, 0755) < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot make the folder %s", d->folder);
    d->folder_made = true;
    if (!realpath(d->folder, real) || strlen(real) >= sizeof d->folder || strlen(real) > 80) /* a socket's path is short */
        return error_set(err, ERROR_INPUT, "the folder's path is too long: %s", d->folder);
    (void)memcpy(d->folder, real, strlen(real) + 1);
    if (chmod(d->folder, 0755) < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot set the mode of %s", d->folder);
    if (check_space(d, err) < 0)
        return -1;
    static const char *const folders[] = {"scenarios", "inventory", "machine", "machine/etc", "machine/home", "postgres"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (make_folder(d, folders[i], 0755, err) < 0)
            return -1;
    if (make_folder(d, "secrets", 0700, err) < 0)
        return -1;
    const struct passwd *pg = getpwnam("postgres");
    char path[PATH_MAX];
    dev_path(d, "postgres", path, sizeof path);
    if (!pg)
        return error_set(err, ERROR_CONFIG, "there is no user postgres; install postgresql: deploy/install run");
    /* Whoever may enter it is a superuser of the database: only postgres, and root. */
    if (chown(path, pg->pw_uid, pg->pw_gid) < 0 || chmod(path, 0700) < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot give %s to postgres", path);
    return 0;
}

static int write_settings(const struct dev *d, const struct dev_node *n, struct error *err)
{
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    (void)buf_printf(&text, "# Made by firstline dev.\n"
        "cluster: demo\n"
        "node: { name: %s, region: %s, drain: 2s }\n"
        "database: { conninfo: \"host=%s/postgres user=postgres dbname=firstline\" }\n"
        "http: { address: 127.0.0.1, port: %d }\n"
        "files: { scenarios: scenarios, inventory: [inventory], known_hosts: known_hosts }\n",
        n->name, n->region, d->folder, n->port);
    (void)buf_printf(&text, "accounts:\n"
        "  - name: demo\n"
        "    api_url: http://127.0.0.1:%d\n"
        "    events_url: http://127.0.0.1:%d\n"
        "    token_file: secrets/token\n"
        "    from: firstline@demo.example\n"
        "    bot_user_ids: [PBOT001]\n"
        "    subscriptions:\n"
        "      - { id: PHOOKTY, secret_files: [secrets/webhook-tokyo] }\n"
        "      - { id: PHOOKOS, secret_files: [secrets/webhook-osaka] }\n"
        "customers:\n"
        "  - { name: acme, time_zone: Asia/Tokyo, first_responder: people }\n"
        "services:\n"
        "  - { id: PSVCEN1, customer: acme }\n"
        "  - { id: PSVCJA1, customer: acme, language: ja }\n"
        "log: { level: info }\n", d->port, d->port);
    char name[64];
    (void)snprintf(name, sizeof name, "%s.yaml", n->name);
    int rc = write_file(d, name, buf_text(&text), 0644, err);
    buf_done(&text);
    return rc;
}

/* Each is a machine of its own to firstline, and the same sshd. */
static int write_inventory(const struct dev *d, struct error *err)
{
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    (void)buf_printf(&text, "customers:\n  acme:\n    defaults: { user: ops, port: %d, key: %s/machine/key }\n    hosts:\n",
        d->ssh_port, d->folder);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        (void)buf_printf(&text, "      %s: { address: 127.0.0.1, aliases: [%s.acme.example], machine: demo-%s }\n", hosts[i],
            hosts[i], hosts[i]);
    int rc = write_file(d, "inventory/acme.yaml", buf_text(&text), 0644, err);
    buf_done(&text);
    return rc;
}

static int write_embedded(const struct dev *d, const struct embedded *table, const char *folder, const char *suffix,
    struct error *err)
{
    for (const struct embedded *e = table; e->name; e++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s/%s.%s", folder, e->name, suffix);
        if (write_file(d, name, e->text, 0644, err) < 0)
            return -1;
    }
    return 0;
}

static int make_key(struct dev *d, const char *name, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, name, path, sizeof path);
    const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "firstline-demo", "-f", path, NULL};
    return process_run(d->loop, &(struct process_spec){.argv = argv}, KEYGEN_LONGEST_MS, err);
}

static int copy(const struct dev *d, const char *from, const char *to, const char *before, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, from, path, sizeof path);
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    (void)buf_add_text(&text, before);
    int rc = file_read(path, &text, NULL, err);
    if (rc == 0)
        rc = write_file(d, to, buf_text(&text), 0644, err);
    buf_done(&text);
    return rc;
}

static int write_sshd(struct dev *d, struct error *err)
{
    if (make_key(d, "machine/key", err) < 0 || make_key(d, "machine/host_key", err) < 0)
        return -1;
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    (void)buf_printf(&text, "Port %d\nListenAddress 127.0.0.1\nHostKey %s/machine/host_key\n"
        "AuthorizedKeysFile %s/machine/authorized_keys\nAllowUsers ops\nUsePAM no\nStrictModes no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\nPidFile none\nUseDNS no\n"
        "MaxStartups 100\n", d->ssh_port, d->folder, d->folder);
    int rc = write_file(d, "machine/sshd_config", buf_text(&text), 0644, err);
    buf_done(&text);
    char name[64];
    (void)snprintf(name, sizeof name, "[127.0.0.1]:%d ", d->ssh_port);
    if (rc < 0 || copy(d, "machine/key.pub", "machine/authorized_keys", "", err) < 0)
        return -1;
    return copy(d, "machine/host_key.pub", "known_hosts", name, err);
}

int dev_files_make(struct dev *d, struct error *err)
{
    if (make_root(d, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof d->nodes / sizeof d->nodes[0]; i++)
        if (write_settings(d, &d->nodes[i], err) < 0)
            return -1;
    if (write_file(d, "secrets/token", TOKEN "\n", 0600, err) < 0 ||
        write_file(d, "secrets/webhook-tokyo", SECRET_TOKYO "\n", 0600, err) < 0 ||
        write_file(d, "secrets/webhook-osaka", SECRET_OSAKA "\n", 0600, err) < 0)
        return -1;
    if (write_embedded(d, dev_scenarios, "scenarios", "yaml", err) < 0 ||
        write_embedded(d, dev_machine, "machine", "sh", err) < 0)
        return -1;
    return write_inventory(d, err) < 0 ? -1 : write_sshd(d, err);
}

int dev_files_mode(struct dev *d, const char *scenario, const char *mode, struct error *err)
{
    for (const struct embedded *e = dev_scenarios; e->name; e++) {
        const char *line = strcmp(e->name, scenario) == 0 ? strstr(e->text, "\nmode: ") : NULL;
        if (!line)
            continue;
        struct buf text;
        buf_init(&text, FILE_BYTES_MAX);
        (void)buf_add(&text, e->text, (size_t)(line - e->text));
        (void)buf_printf(&text, "\nmode: %s%s", mode, strchr(line + 1, '\n'));
        char name[128];
        (void)snprintf(name, sizeof name, "scenarios/%s.yaml", scenario);
        int rc = write_file(d, name, buf_text(&text), 0644, err);
        buf_done(&text);
        return rc;
    }
    return error_set(err, ERROR_INPUT, "no scenario %s with a mode", scenario);
}
