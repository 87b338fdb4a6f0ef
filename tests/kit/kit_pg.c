/* SPDX-License-Identifier: MIT
 * Private Postgres servers. Each has a guardian: a process that waits for the test program to end, however it ends, and
 * then kills the server and removes its folder. Blocks freely: tests only. */
#include "tests/kit/kit_pg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/kit/kit.h"
#include "tests/kit/kit_port.h"

#define START_MS 60000
#define STOP_MS 60000
#define ASK_MS 60000
#define ARGS_MAX 32

struct kit_pg {
    char folder[128];
    char data[160];
    char tcp[192];   /* conninfo */
    char local[256]; /* conninfo by the unix socket */
    int port;
    pid_t pid;      /* the postmaster; 0: not running */
    pid_t guardian;
    int leash; /* the write end of the guardian's pipe */
};

static void nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* The server's programs: a folder of the newest version that is installed. */
static const char *program(const char *name, char *room, size_t bytes)
{
    for (int version = 20; version >= 13; version--) {
        (void)snprintf(room, bytes, "/usr/lib/postgresql/%d/bin/%s", version, name);
        if (access(room, X_OK) == 0)
            return room;
    }
    (void)snprintf(room, bytes, "%s", name);
    return room;
}

/* Postgres does not run as root. */
static void leave_root(void)
{
    if (geteuid() != 0)
        return;
    const struct passwd *user = getpwnam("postgres");
    if (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        _exit(126);
}

/* Starts a program with its output in folder/name.log, as the database's user. */
static pid_t spawn(struct kit_pg *k, const char *name, char *const *args)
{
    char path[96], log[192];
    (void)program(name, path, sizeof path);
    (void)snprintf(log, sizeof log, "%s/%s.log", k->folder, name);
    pid_t pid = fork();
    if (pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    leave_root();
    (void)setsid();
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    if (chdir("/") != 0)
        _exit(127);
    (void)setenv("LC_ALL", "C", 1);
    char *whole[ARGS_MAX] = {path}; /* initdb looks for its neighbours by the path it was called by */
    for (int i = 1; i < ARGS_MAX - 1 && args[i]; i++)
        whole[i] = args[i];
    execvp(path, whole);
    _exit(127);
}

static void show_log(const struct kit_pg *k, const char *name)
{
    char path[192], line[512];
    (void)snprintf(path, sizeof path, "%s/%s.log", k->folder, name);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        print_error("  %s: %s", name, line);
    if (f)
        fclose(f);
}

static void run(struct kit_pg *k, const char *name, char *const *args)
{
    int status = 0;
    pid_t pid = spawn(k, name, args);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    show_log(k, name);
    fail_msg("%s ended with status %d", name, status);
}

/* ---- processes ---- */

static pid_t parent_of(const char *pid)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = '\0';
    const char *end = strrchr(line, ')');
    int parent = 0;
    if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* First the postmaster, which then cannot start others, then its children. */
static void signal_all(pid_t postmaster, int number)
{
    if (postmaster <= 1)
        return;
    (void)kill(postmaster, number == SIGKILL ? SIGSTOP : number);
    DIR *proc = opendir("/proc");
    for (const struct dirent *e; proc && (e = readdir(proc));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == postmaster)
            (void)kill((pid_t)strtoll(e->d_name, NULL, 10), number);
    if (proc)
        closedir(proc);
    if (number == SIGKILL)
        (void)kill(postmaster, number);
}

/* The postmaster named in the lock file, if it is really this folder's; also the id of its shared memory, or -1. */
static pid_t find_postmaster(const char *data, int *out_memory)
{
    char path[192], line[256];
    long pid = 0, key = 0, memory = -1;
    (void)snprintf(path, sizeof path, "%s/postmaster.pid", data);
    FILE *f = fopen(path, "r");
    for (int i = 1; f && fgets(line, sizeof line, f); i++) {
        if (i == 1)
            (void)sscanf(line, "%ld", &pid);
        if (i == 7)
            (void)sscanf(line, "%ld %ld", &key, &memory);
    }
    if (f)
        fclose(f);
    *out_memory = (int)memory;
    if (pid <= 1)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    f = fopen(path, "r");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    return memmem(line, n, data, strlen(data)) ? (pid_t)pid : 0;
}

/* What a killed server leaves: its lock file and its small block of System V shared memory. */
static void sweep(const char *data)
{
    int memory = -1;
    char path[192];
    signal_all(find_postmaster(data, &memory), SIGKILL);
    if (memory >= 0)
        (void)shmctl(memory, IPC_RMID, NULL);
    (void)snprintf(path, sizeof path, "%s/postmaster.pid", data);
    (void)unlink(path);
}

static void remove_folder(const char *folder)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static void guard(const struct kit_pg *k, int pipe_end)
{
    char byte;
    (void)setsid();
    for (int number = 1; number < 32; number++)
        (void)signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
    for (int fd = 0; fd < 1024; fd++)
        if (fd != pipe_end)
            close(fd);
    while (read(pipe_end, &byte, 1) < 0 && errno == EINTR)
        continue;
    sweep(k->data);
    remove_folder(k->folder);
    _exit(0);
}

static void start_guardian(struct kit_pg *k)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    k->guardian = fork();
    if (k->guardian < 0)
        fail_msg("fork: %s", strerror(errno));
    if (k->guardian == 0) {
        close(ends[1]);
        guard(k, ends[0]);
    }
    close(ends[0]);
    k->leash = ends[1];
}

/* ---- servers ---- */

static struct kit_pg *new_folder(void)
{
    struct kit_pg *k = calloc(1, sizeof *k);
    assert_non_null(k);
    const char *top = getenv("TMPDIR");
    (void)snprintf(k->folder, sizeof k->folder, "%.80s/firstline-pg-XXXXXX", top ? top : "/tmp");
    if (!mkdtemp(k->folder))
        fail_msg("%s: %s", k->folder, strerror(errno));
    const struct passwd *user = getpwnam("postgres");
    if (geteuid() == 0 && (!user || chown(k->folder, user->pw_uid, user->pw_gid) != 0))
        fail_msg("no user postgres");
    (void)snprintf(k->data, sizeof k->data, "%s/data", k->folder);
    k->port = kit_free_port();
    (void)snprintf(k->tcp, sizeof k->tcp, "host=127.0.0.1 port=%d user=postgres dbname=test", k->port);
    (void)snprintf(k->local, sizeof k->local, "host=%s port=%d user=postgres dbname=test", k->folder,
        k->port);
    start_guardian(k);
    return k;
}

static void configure(const struct kit_pg *k, const char *extra)
{
    char path[192];
    (void)snprintf(path, sizeof path, "%s/postgresql.conf", k->data);
    FILE *f = fopen(path, "a");
    if (!f)
        fail_msg("%s: %s", path, strerror(errno));
    fprintf(f, "\nlisten_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\n", k->port,
        k->folder);
    fprintf(f, "fsync = off\nshared_buffers = 16MB\nmax_connections = 60\nmax_wal_senders = 5\n"
               "dynamic_shared_memory_type = mmap\nhot_standby = on\nwal_level = replica\n"
               "autovacuum = off\nwal_receiver_status_interval = 1s\nlog_min_messages = log\n%s\n",
        extra ? extra : "");
    fclose(f);
}

/* NULL while the server does not answer as wanted. */
static PGconn *try_connect(const struct kit_pg *k, const char *database)
{
    char info[400];
    (void)snprintf(info, sizeof info, "%s dbname=%s connect_timeout=5 options='-c client_min_messages=warning'", k->local, database);
    PGconn *c = PQconnectdb(info);
    if (PQstatus(c) == CONNECTION_OK)
        return c;
    PQfinish(c);
    return NULL;
}

static void wait_started(struct kit_pg *k)
{
    for (int64_t until = clock_mono_ms() + START_MS; clock_mono_ms() < until; nap()) {
        PGconn *c = try_connect(k, "postgres");
        PQfinish(c);
        if (c)
            return;
        if (waitpid(k->pid, NULL, WNOHANG) == k->pid) {
            k->pid = 0;
            break;
        }
    }
    show_log(k, "postgres");
    fail_msg("the server on port %d did not start", k->port);
}

void kit_pg_again(struct kit_pg *k)
{
    assert_int_equal(k->pid, 0);
    char *args[] = {(char[]){"postgres"}, (char[]){"-D"}, k->data, NULL};
    k->pid = spawn(k, "postgres", args);
    wait_started(k);
}

struct kit_pg *kit_pg_start(const char *extra)
{
    struct kit_pg *k = new_folder();
    char *args[] = {(char[]){"initdb"}, (char[]){"-D"}, k->data, (char[]){"-U"}, (char[]){"postgres"},
        (char[]){"-E"}, (char[]){"UTF8"}, (char[]){"--locale=C"}, (char[]){"--auth=trust"},
        (char[]){"--no-sync"}, (char[]){"--no-instructions"}, NULL};
    run(k, "initdb", args);
    configure(k, extra);
    kit_pg_again(k);
    PGconn *c = try_connect(k, "postgres");
    assert_non_null(c);
    PGresult *r = PQexec(c, "create database test");
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
    PQfinish(c);
    return k;
}

struct kit_pg *kit_pg_start_pair(struct kit_pg **out_standby, const char *extra)
{
    struct kit_pg *k = kit_pg_start(extra);
    struct kit_pg *s = new_folder();
    char *args[] = {(char[]){"pg_basebackup"}, (char[]){"-D"}, s->data, (char[]){"-R"}, (char[]){"-X"},
        (char[]){"stream"}, (char[]){"-c"}, (char[]){"fast"}, (char[]){"--no-sync"}, (char[]){"-d"},
        k->tcp, NULL};
    run(s, "pg_basebackup", args);
    configure(s, extra);
    kit_pg_again(s);
    kit_pg_run(k, "alter system set synchronous_standby_names = '*'");
    kit_pg_run(k, "select pg_reload_conf()");
    kit_pg_wait(k, "select count(*) from pg_stat_replication where sync_state = 'sync'", "1");
    *out_standby = s;
    return k;
}

static void wait_ended(struct kit_pg *k)
{
    for (int64_t until = clock_mono_ms() + STOP_MS; clock_mono_ms() < until; nap())
        if (waitpid(k->pid, NULL, WNOHANG) == k->pid) {
            k->pid = 0;
            return;
        }
    fail_msg("the server on port %d did not end", k->port);
}

void kit_pg_stop(struct kit_pg *k)
{
    if (k->pid == 0)
        return;
    assert_int_equal(kill(k->pid, SIGINT), 0);
    wait_ended(k);
}

void kit_pg_kill(struct kit_pg *k)
{
    if (k->pid == 0)
        return;
    signal_all(k->pid, SIGKILL);
    wait_ended(k);
    sweep(k->data);
}

void kit_pg_restart(struct kit_pg *k)
{
    kit_pg_stop(k);
    kit_pg_again(k);
}

void kit_pg_pause(struct kit_pg *k)
{
    assert_true(k->pid > 1);
    signal_all(k->pid, SIGSTOP);
}

void kit_pg_go_on(struct kit_pg *k)
{
    assert_true(k->pid > 1);
    signal_all(k->pid, SIGCONT);
}

void kit_pg_promote(struct kit_pg *k)
{
    kit_pg_run(k, "select pg_promote(true, 20)");
    kit_pg_wait(k, "select pg_is_in_recovery()::text", "false");
}

void kit_pg_free(struct kit_pg *k)
{
    if (!k)
        return;
    kit_pg_kill(k);
    close(k->leash);
    while (waitpid(k->guardian, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(k);
}

const char *kit_pg_conninfo(const struct kit_pg *k)
{
    return k->tcp;
}

const char *kit_pg_conninfo_unix(const struct kit_pg *k)
{
    return k->local;
}

int kit_pg_port(const struct kit_pg *k)
{
    return k->port;
}

const char *kit_pg_folder(const struct kit_pg *k)
{
    return k->folder;
}

/* ---- questions ---- */

char *kit_pg_ask(struct kit_pg *k, const char *sql)
{
    PGconn *c = try_connect(k, "test");
    if (!c)
        fail_msg("the server on port %d does not answer", k->port);
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        print_error("%s: %s\n", sql, PQresultErrorMessage(r));
        show_log(k, "postgres");
        fail_msg("SQL of the test");
    }
    char *text = strdup(PQntuples(r) > 0 && PQnfields(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    assert_non_null(text);
    PQclear(r);
    PQfinish(c);
    return text;
}

void kit_pg_run(struct kit_pg *k, const char *sql)
{
    free(kit_pg_ask(k, sql));
}

void kit_pg_wait(struct kit_pg *k, const char *sql, const char *expected)
{
    char last[128] = "";
    for (int64_t until = clock_mono_ms() + ASK_MS; clock_mono_ms() < until; nap()) {
        char *got = kit_pg_ask(k, sql);
        bool same = strcmp(got, expected) == 0;
        (void)snprintf(last, sizeof last, "%s", got);
        free(got);
        if (same)
            return;
    }
    fail_msg("%s stayed \"%s\", not \"%s\"", sql, last, expected);
}
