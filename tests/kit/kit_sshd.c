/* SPDX-License-Identifier: MIT
 * The test sshd. Every session carries the folder's name in its environment, so that whatever it leaves behind can be
 * found and ended by id. */
#include "tests/kit/kit_sshd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/kit/kit.h"
#include "tests/kit/kit_port.h"

#define SERVERS_MAX 16
#define MARK "FIRSTLINE_KIT_SSHD="

/* The one global: what an exit must still clean up. */
static struct kit_sshd *running[SERVERS_MAX];

static void pause_briefly(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* between looks at a condition */
}

/* Runs a program to its end; its output goes nowhere. Returns its exit status, -1 when it could not be started. */
static int run(const char *const argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        union {
            const char *const *in;
            char *const *out;
        } args = {.in = argv}; /* execvp does not write to them */
        (void)execvp(argv[0], args.out);
        _exit(127);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void write_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
        fail_msg("write %s: %s", path, strerror(errno));
}

static void append_file(char *text, size_t room, const char *path)
{
    char *more = kit_read(path, NULL);
    (void)snprintf(text + strlen(text), room - strlen(text), "%s", more);
    free(more);
}

static void make_key(const struct kit_sshd *s, const char *type, const char *bits,
    const char *name, const char *passphrase, char *out_path)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
    const char *argv[] = {"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", passphrase, "-C", name,
        "-f", path, NULL};
    if (run(argv) != 0)
        fail_msg("ssh-keygen -t %s failed", type);
    if (out_path)
        memcpy(out_path, path, sizeof path);
}

static void make_keys(struct kit_sshd *s, const struct kit_sshd_options *o)
{
    if (o->rsa_host_key_only) {
        make_key(s, "rsa", "2048", "host_rsa", "", NULL);
    } else {
        make_key(s, "ed25519", "256", "host_ed25519", "", NULL);
        make_key(s, "ecdsa", "256", "host_ecdsa", "", NULL);
    }
    make_key(s, "ed25519", "256", "user_ed25519", "", s->key_ed25519);
    make_key(s, "ecdsa", "256", "user_ecdsa", "", s->key_ecdsa);
    make_key(s, "rsa", "2048", "user_rsa", "", s->key_rsa);
    char passphrase[80];
    (void)snprintf(passphrase, sizeof passphrase, "correct horse %s", s->folder); /* unique: tests look for it */
    make_key(s, "ed25519", "256", "user_locked", passphrase, s->key_locked);
    make_key(s, "ed25519", "256", "user_stranger", "", s->key_stranger);
    (void)snprintf(s->passphrase, sizeof s->passphrase, "%s/passphrase", s->folder);
    char line[96];
    (void)snprintf(line, sizeof line, "%s\n", passphrase);
    write_file(s->passphrase, 0600, line);
    (void)snprintf(s->passphrase_wrong, sizeof s->passphrase_wrong, "%s/passphrase_wrong",
        s->folder);
    write_file(s->passphrase_wrong, 0600, "battery staple\n");

    static const char *const allowed[] = {"user_ed25519", "user_ecdsa", "user_rsa", "user_locked"};
    char text[4096] = "", path[128];
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s.pub", s->folder, allowed[i]);
        append_file(text, sizeof text, path);
    }
    (void)snprintf(path, sizeof path, "%s/authorized_keys", s->folder);
    write_file(path, 0644, text);
}

char *kit_sshd_host_key(const struct kit_sshd *s, const char *type)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/host_%s.pub", s->folder, type);
    char *text = kit_read(path, NULL);
    char *space = strchr(text, ' ');
    assert_non_null(space);
    text[(size_t)(space - text) + 1 + strcspn(space + 1, " \n")] = '\0';
    return text;
}

static void write_known_hosts(struct kit_sshd *s, const struct kit_sshd_options *o)
{
    static const char *const usual[] = {"ed25519", "ecdsa", NULL};
    static const char *const rsa[] = {"rsa", NULL};
    char text[4096] = "";
    for (const char *const *t = o->rsa_host_key_only ? rsa : usual; *t; t++) {
        char *key = kit_sshd_host_key(s, *t);
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "[127.0.0.1]:%u %s\n",
            s->port, key);
        free(key);
    }
    (void)snprintf(s->known_hosts, sizeof s->known_hosts, "%s/known_hosts", s->folder);
    write_file(s->known_hosts, 0600, text);
}

static void write_config(struct kit_sshd *s, const struct kit_sshd_options *o, char *path)
{
    char text[4096];
    unsigned startups = o->max_startups ? o->max_startups : 200;
    int n = snprintf(text, sizeof text,
        "ListenAddress 127.0.0.1\nPort %u\nUsePAM no\nStrictModes no\nPidFile none\n"
        "LogLevel VERBOSE\nUseDNS no\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "AuthorizedKeysFile %s/authorized_keys\nMaxStartups %u:100:%u\n"
        "SetEnv " MARK "%s HOME=%s/home\n%s%s%s%s%s",
        s->port, s->folder, startups, startups, s->folder, s->folder,
        o->etm_only ? "Ciphers aes256-ctr,aes128-ctr\n"
                      "MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com\n"
                    : "",
        o->force_command ? "ForceCommand " : "", o->force_command ? o->force_command : "",
        o->force_command ? "\n" : "", o->extra ? o->extra : "");
    static const char *const usual[] = {"ed25519", "ecdsa", NULL};
    static const char *const rsa[] = {"rsa", NULL};
    for (const char *const *t = o->rsa_host_key_only ? rsa : usual; *t; t++)
        n += snprintf(text + n, sizeof text - (size_t)n, "\nHostKey %s/host_%s", s->folder, *t);
    if (o->max_sessions)
        n += snprintf(text + n, sizeof text - (size_t)n, "\nMaxSessions %u", o->max_sessions);
    (void)snprintf(text + n, sizeof text - (size_t)n, "\n");
    (void)snprintf(path, 128, "%s/sshd_config", s->folder);
    write_file(path, 0600, text);
}

static bool answers(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char banner[4] = "";
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
               recv(fd, banner, 4, MSG_WAITALL) == 4 && memcmp(banner, "SSH-", 4) == 0;
    close(fd);
    return yes;
}

static void launch(struct kit_sshd *s, const char *config)
{
    (void)mkdir("/run/sshd", 0755); /* sshd wants it; there already is fine */
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        (void)execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", config, "-E", s->log, NULL);
        _exit(127);
    }
    if (s->pid < 0)
        fail_msg("fork: %s", strerror(errno));
    for (int i = 0; i < 1000 && !answers(s->port); i++) {
        if (waitpid(s->pid, NULL, WNOHANG) != 0) {
            s->pid = 0;
            fail_msg("sshd did not start; see its log: %s", kit_read(s->log, NULL));
        }
        pause_briefly();
    }
}

static void clean_up(void)
{
    for (int i = 0; i < SERVERS_MAX; i++)
        kit_sshd_stop(running[i]);
}

/* A home of its own: what the machine's real ones do at login (slow .bashrc) is not the tests' business. */
static void make_home(const struct kit_sshd *s)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/home", s->folder);
    const struct passwd *user = getpwnam(s->user);
    if (!user || mkdir(path, 0755) < 0 || chown(path, user->pw_uid, user->pw_gid) < 0)
        fail_msg("no home for '%s'", s->user);
}

struct kit_sshd *kit_sshd_start(const struct kit_sshd_options *options)
{
    const struct kit_sshd_options o = options ? *options : (struct kit_sshd_options){0};
    static bool at_exit;
    if (!at_exit)
        at_exit = atexit(clean_up) == 0;
    struct kit_sshd *s = calloc(1, sizeof *s);
    assert_non_null(s);
    int slot = 0;
    while (slot < SERVERS_MAX && running[slot])
        slot++;
    assert_true(slot < SERVERS_MAX);
    running[slot] = s;
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/fl-sshd-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(chmod(s->folder, 0755), 0);
    (void)snprintf(s->user, sizeof s->user, "%s", o.user ? o.user : "root");
    (void)snprintf(s->log, sizeof s->log, "%s/log", s->folder);
    make_home(s);
    s->port = kit_free_port();
    make_keys(s, &o);
    write_known_hosts(s, &o);
    char config[128];
    write_config(s, &o, config);
    launch(s, config);
    return s;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *close_bracket = strrchr(text, ')');
    int parent = -1;
    if (close_bracket)
        (void)sscanf(close_bracket + 1, " %*c %d", &parent);
    return parent;
}

static bool descends(pid_t pid, pid_t from)
{
    for (int depth = 0; pid > 1 && depth < 64; depth++) {
        pid = parent_of(pid);
        if (pid == from)
            return true;
    }
    return false;
}

static bool is_marked(const struct kit_sshd *s, pid_t pid)
{
    char path[64], mark[128], text[16384];
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    (void)snprintf(mark, sizeof mark, MARK "%s", s->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n > 0 && memmem(text, (size_t)n, mark, strlen(mark) + 1);
}

/* Kills what descends from the listener, or what its sessions left behind. Returns how many. */
static int kill_sessions(const struct kit_sshd *s, bool left_behind)
{
    pid_t found[1024];
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && n < 1024 && (e = readdir(proc)) != NULL;) {
        int pid = 0;
        if (sscanf(e->d_name, "%d", &pid) != 1 || pid <= 1 || pid == getpid())
            continue;
        if ((s->pid > 0 && descends(pid, s->pid)) || (left_behind && is_marked(s, pid)))
            found[n++] = pid;
    }
    if (proc)
        closedir(proc);
    for (int i = 0; i < n; i++)
        (void)kill(found[i], SIGKILL); /* gone by itself is fine */
    return n;
}

void kit_sshd_cut(struct kit_sshd *s)
{
    (void)kill_sessions(s, false);
}

void kit_sshd_kill(struct kit_sshd *s)
{
    if (s->pid > 0) {
        (void)kill(s->pid, SIGSTOP); /* no new session while we look */
        (void)kill_sessions(s, false);
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
    for (int i = 0; i < 100 && kill_sessions(s, true) > 0; i++)
        pause_briefly();
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void kit_sshd_stop(struct kit_sshd *s)
{
    if (!s)
        return;
    kit_sshd_kill(s);
    (void)nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < SERVERS_MAX; i++)
        if (running[i] == s)
            running[i] = NULL;
    free(s);
}

unsigned kit_sshd_logged(const struct kit_sshd *s, const char *text)
{
    char *log = kit_read(s->log, NULL);
    unsigned n = 0;
    for (const char *at = log; (at = strstr(at, text)) != NULL; at += strlen(text))
        n++;
    free(log);
    return n;
}

const char *kit_sshd_user(const char *shell)
{
    static char names[8][32];
    static int next;
    if (access(shell, X_OK) < 0)
        return NULL;
    assert_true(next < 8);
    char *name = names[next++];
    const char *base = strrchr(shell, '/');
    (void)snprintf(name, 32, "flt-%.8s-%d", base ? base + 1 : shell, (int)getpid() % 100000);
    const char *argv[] = {"useradd", "-M", "-N", "-d", "/tmp", "-p", "*", "-s", shell, name, NULL};
    if (run(argv) != 0)
        fail_msg("useradd %s failed", name);
    return name;
}

void kit_sshd_user_remove(const char *user)
{
    if (!user)
        return;
    const char *argv[] = {"userdel", "-f", user, NULL};
    (void)run(argv); /* gone already is fine */
}
