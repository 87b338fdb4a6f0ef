/* SPDX-License-Identifier: MIT
 * The demo's processes: a private Postgres, the PagerDuty simulator, a machine with an sshd, two nodes. Each is told to die
 * with us by the kernel (setpriv --pdeathsig), so that even a SIGKILL leaves nothing; orderly ends go by dev_end_all. */
#include "cli/dev_parts.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/io/loop.h"
#include "lib/io/process.h"

#define STEP_LONGEST_MS 120000
#define READY_LONGEST_MS 40000
#define STOP_LONGEST_MS 15000
#define LOOK_MS 100
#define OUTPUT_BYTES_MAX (4 * 1024 * 1024)

/* The newest server that is installed: "/usr/lib/postgresql/15/bin/NAME". */
static int postgres_program(const char *name, char *out, size_t room, struct error *err)
{
    char pattern[128];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    int rc = glob(pattern, 0, NULL, &found);
    long long best = -1;
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
        long long version = strtoll(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
        if (version > best)
            (void)snprintf(out, room, "%s", found.gl_pathv[i]);
        best = version > best ? version : best;
    }
    globfree(&found);
    return best > 0 ? 0 : error_set(err, ERROR_CONFIG, "no Postgres server in /usr/lib/postgresql; try: deploy/install run");
}

static struct process *start(struct dev *d, const char *const *argv, const char *log, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, log, path, sizeof path);
    return process_start(d->loop, &(struct process_spec){.argv = argv, .log = path}, NULL, NULL, err);
}

static int run(struct dev *d, const char *const *argv, const char *log, struct error *err)
{
    char path[PATH_MAX];
    dev_path(d, log, path, sizeof path);
    if (process_run(d->loop, &(struct process_spec){.argv = argv, .log = path}, STEP_LONGEST_MS, err) == 0)
        return 0;
    error_wrap(err, "see %s", path);
    return -1;
}

static int interrupted(struct error *err)
{
    return error_set(err, ERROR_CANCELLED, "interrupted");
}

/* Whether a process that should go on has ended; err says so. */
static bool ended(const struct process *p, const char *what, struct error *err)
{
    if (process_running(p))
        return false;
    error_set(err, ERROR_REFUSED, "%s ended with %s %d", what, process_ended_by(p) ? "signal" : "status",
        process_ended_by(p) ? process_ended_by(p) : process_status(p));
    return true;
}

/* --- the parts ---------------------------------------------------------------------------------------------------- */

#define AS_POSTGRES "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"

static int start_postgres(struct dev *d, struct error *err)
{
    char initdb[128], server[128], ready[128], createdb[128], folder[PATH_MAX], data[PATH_MAX], log[PATH_MAX];
    if (postgres_program("initdb", initdb, sizeof initdb, err) < 0 ||
        postgres_program("postgres", server, sizeof server, err) < 0 ||
        postgres_program("pg_isready", ready, sizeof ready, err) < 0 ||
        postgres_program("createdb", createdb, sizeof createdb, err) < 0)
        return -1;
    dev_path(d, "postgres", folder, sizeof folder);
    dev_path(d, "postgres/data", data, sizeof data);
    const char *make[] = {AS_POSTGRES, "--", initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
        "--locale=C", NULL};
    if (run(d, make, "postgres.log", err) < 0)
        return -1;
    char sockets[PATH_MAX + 32];
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", folder);
    const char *serve[] = {AS_POSTGRES, "--pdeathsig=QUIT", "--", server, "-D", data, "-c", "listen_addresses=", "-c",
        sockets, "-c", "fsync=off", "-c", "max_connections=60", "-c", "lc_messages=C", NULL};
    d->postgres = start(d, serve, "postgres.log", err);
    if (!d->postgres)
        return -1;
    const char *ask[] = {ready, "-q", "-h", folder, NULL};
    dev_path(d, "dev.log", log, sizeof log);
    for (int64_t until = clock_mono_ms() + READY_LONGEST_MS;;) {
        struct error ignored;
        if (process_run(d->loop, &(struct process_spec){.argv = ask, .log = log}, STEP_LONGEST_MS, &ignored) == 0)
            break;
        if (d->ending)
            return interrupted(err);
        if (ended(d->postgres, "Postgres", err))
            return -1;
        if (clock_mono_ms() > until)
            return error_set(err, ERROR_DEADLINE, "Postgres does not answer");
        loop_turn(d->loop, LOOK_MS);
    }
    const char *create[] = {createdb, "-h", folder, "-U", "postgres", "firstline", NULL};
    return run(d, create, "dev.log", err);
}

/* Waits until a GET brings JSON. */
static int wait_answer(struct dev *d, const struct process *p, const char *what, int port, const char *path, struct error *err)
{
    for (int64_t until = clock_mono_ms() + READY_LONGEST_MS;;) {
        struct error why = {0};
        json_t *answer = dev_ask(d, "GET", port, path, NULL, &why);
        json_decref(answer);
        if (answer)
            return 0;
        if (d->ending)
            return interrupted(err);
        if (ended(p, what, err))
            return -1;
        if (clock_mono_ms() > until) {
            *err = why;
            error_wrap(err, "%s is not ready", what);
            return -1;
        }
        loop_turn(d->loop, LOOK_MS);
    }
}

static int start_pagerduty(struct dev *d, struct error *err)
{
    char port[16], parent[16], tokyo[96], osaka[96];
    (void)snprintf(port, sizeof port, "%d", d->port);
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    (void)snprintf(tokyo, sizeof tokyo, "PHOOKTY=http://127.0.0.1:%d/webhooks/pagerduty", d->nodes[0].port);
    (void)snprintf(osaka, sizeof osaka, "PHOOKOS=http://127.0.0.1:%d/webhooks/pagerduty", d->nodes[1].port);
    if (access(d->simulator, R_OK) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "the simulator is not there (--simulator says where): %s", d->simulator);
    const char *argv[] = {"/usr/bin/python3", "-B", d->simulator, "--port", port, "--parent-pid", parent, "--url", tokyo,
        "--url", osaka, NULL};
    d->pagerduty = start(d, argv, "pagerduty.log", err);
    return d->pagerduty ? wait_answer(d, d->pagerduty, "the PagerDuty simulator", d->port, "/control/incidents", err) : -1;
}

static int start_machine(struct dev *d, struct error *err)
{
    char script[PATH_MAX], folder[PATH_MAX];
    dev_path(d, "machine/machine.sh", script, sizeof script);
    dev_path(d, "machine", folder, sizeof folder);
    const char *argv[] = {"setpriv", "--pdeathsig=KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child",
        "--mount-proc", "--propagation", "private", "sh", script, folder, NULL};
    d->machine = start(d, argv, "machine.log", err);
    if (!d->machine)
        return -1;
    for (int64_t until = clock_mono_ms() + READY_LONGEST_MS;;) {
        struct error why = {0};
        if (dev_on_machine(d, "true", &why) == 0)
            return 0;
        if (d->ending)
            return interrupted(err);
        if (ended(d->machine, "the machine", err))
            return -1;
        if (clock_mono_ms() > until)
            return error_set(err, ERROR_DEADLINE, "the machine's sshd does not answer: %s", why.text);
        loop_turn(d->loop, LOOK_MS);
    }
}

int dev_start_node(struct dev *d, struct dev_node *n, struct error *err)
{
    char settings[PATH_MAX], name[64], log[64];
    (void)snprintf(name, sizeof name, "%s.yaml", n->name);
    (void)snprintf(log, sizeof log, "%s.log", n->name);
    dev_path(d, name, settings, sizeof settings);
    n->again_mono_ms = 0;
    const char *argv[] = {"setpriv", "--pdeathsig=KILL", "--", d->program, "node", "--config", settings, NULL};
    process_free(n->process);
    n->process = start(d, argv, log, err);
    return n->process ? 0 : -1;
}

static int start_nodes(struct dev *d, struct error *err)
{
    const char *migrate[] = {"migrate", NULL};
    if (dev_run_self(d, migrate, NULL, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (dev_start_node(d, &d->nodes[i], err) < 0)
            return -1;
    for (int i = 0; i < 2; i++)
        if (wait_answer(d, d->nodes[i].process, d->nodes[i].name, d->nodes[i].port, "/readyz", err) < 0)
            return -1;
    return 0;
}

int dev_start_all(struct dev *d, struct error *err)
{
    static const struct {
        const char *what, *log;
        int (*start)(struct dev *d, struct error *err);
    } parts[] = {
        {"a folder with settings, keys and scenarios", NULL, dev_files_make},
        {"a private Postgres", "postgres.log", start_postgres},
        {"a machine with an sshd, and things on it that are broken", "machine.log", start_machine},
        {"a PagerDuty simulator", "pagerduty.log", start_pagerduty},
        {"two nodes, posing as the regions tokyo and osaka", "tokyo-1.log", start_nodes},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (d->ending)
            return interrupted(err);
        int64_t begun = clock_mono_ms();
        if (parts[i].start(d, err) < 0) {
            error_wrap(err, "starting %s", parts[i].what);
            if (!d->ending && parts[i].log)
                dev_show_tail(d, parts[i].log);
            return -1;
        }
        dev_say(d, TONE_DIM, "  started %s (%.1f s)", parts[i].what, (double)(clock_mono_ms() - begun) / 1000);
    }
    return 0;
}

static void stop(struct dev *d, struct process **p, int number)
{
    if (*p)
        process_stop(d->loop, *p, number, STOP_LONGEST_MS);
    process_free(*p);
    *p = NULL;
}

void dev_end_all(struct dev *d)
{
    for (int i = 0; i < 2; i++)
        if (d->nodes[i].process)
            process_signal(d->nodes[i].process, SIGTERM);
    for (int i = 0; i < 2; i++)
        stop(d, &d->nodes[i].process, SIGTERM);
    stop(d, &d->pagerduty, SIGTERM);
    stop(d, &d->machine, SIGKILL);
    stop(d, &d->postgres, SIGINT);
    if (!d->folder_made)
        return;
    if (d->keep || d->failed) {
        dev_say(d, TONE_BOLD, "kept: %s (logs: tokyo-1.log, osaka-1.log, pagerduty.log, machine.log, postgres.log)", d->folder);
        return;
    }
    struct error err = {0};
    const char *argv[] = {"rm", "-rf", "--one-file-system", "--", d->folder, NULL};
    if (process_run(d->loop, &(struct process_spec){.argv = argv}, STEP_LONGEST_MS, &err) < 0)
        dev_say(d, TONE_BAD, "could not remove %s: %s", d->folder, err.text);
}

/* --- running things ----------------------------------------------------------------------------------------------- */

int dev_run_self(struct dev *d, const char *const *words, struct buf *out, struct error *err)
{
    char settings[PATH_MAX], log[PATH_MAX];
    dev_path(d, "tokyo-1.yaml", settings, sizeof settings);
    dev_path(d, "answer", log, sizeof log);
    const char *argv[16] = {d->program};
    int n = 1;
    for (; words[n - 1] && n < 12; n++)
        argv[n] = words[n - 1];
    argv[n++] = "--config";
    argv[n] = settings;
    (void)unlink(log);
    int rc = process_run(d->loop, &(struct process_spec){.argv = argv, .log = log}, STEP_LONGEST_MS, err);
    struct buf said;
    buf_init(&said, OUTPUT_BYTES_MAX);
    if (file_read(log, &said, NULL, NULL) == 0 && rc < 0)
        error_wrap(err, "firstline %s said \"%.300s\"", words[0], buf_text(&said));
    if (out)
        (void)buf_add(out, buf_text(&said), said.bytes);
    buf_done(&said);
    return rc;
}

int dev_on_machine(struct dev *d, const char *script, struct error *err)
{
    char key[PATH_MAX], hosts[PATH_MAX + 32], port[16], log[PATH_MAX];
    dev_path(d, "machine/key", key, sizeof key);
    (void)snprintf(hosts, sizeof hosts, "UserKnownHostsFile=%s/known_hosts", d->folder);
    (void)snprintf(port, sizeof port, "%d", d->ssh_port);
    dev_path(d, "dev.log", log, sizeof log);
    const char *argv[] = {"ssh", "-F", "/dev/null", "-i", key, "-p", port, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
        "-o", hosts, "-o", "LogLevel=ERROR", "ops@127.0.0.1", script, NULL};
    return process_run(d->loop, &(struct process_spec){.argv = argv, .log = log}, STEP_LONGEST_MS, err);
}
