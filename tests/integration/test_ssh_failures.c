/* SPDX-License-Identifier: MIT
 * SSH where things go wrong, over both transports: trust, login, servers that cannot be talked to, silence, crowds, and
 * connections that break.
 * Over 600 lines: one flat list of failures, each with its test. */
#include "tests/kit/kit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
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

#include "tests/kit/kit_port.h"
#include "tests/kit/kit_ssh.h"

static struct kit_sshd *server;     /* plain */
static struct kit_sshd *server_rsa; /* RSA host key only */
static struct kit_sshd *server_etm; /* EtM MACs only */
static struct kit_sshd *server_two; /* two sessions a connection, two logins at once */
static char hosts_file[128];        /* the known_hosts of the case in hand */

static void write_hosts(const char *text)
{
    FILE *f = fopen(hosts_file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* "names type key": the key of a server's type for other names. */
static const char *line_of(const char *marker_and_names, const struct kit_sshd *s, const char *type)
{
    static char texts[4][2048];
    static int next;
    char *text = texts[next++ % 4], *key = kit_sshd_host_key(s, type);
    snprintf(text, sizeof texts[0], "%s %s\n", marker_and_names, key);
    free(key);
    return text;
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static void expect_error(const struct result *r, const char *what, enum error_kind kind,
    const char *text, const char *hint)
{
    if (!r->failed)
        fail_msg("%s: no error", what);
    if (r->err.kind != kind)
        fail_msg("%s: %s: %s", what, error_kind_name(r->err.kind), r->err.text);
    expect_text(r->err.text, text);
    expect_text(r->err.hint, hint);
    assert_int_equal(r->outcome.maybe_ran, kind == ERROR_UNCERTAIN);
}

/* ---- trust and login: one row a case, both transports ---- */

enum hosts { HOSTS_OWN, HOSTS_OTHER, HOSTS_CHANGED, HOSTS_REVOKED, HOSTS_NAME, HOSTS_PATTERN, HOSTS_HASHED,
    HOSTS_ED_AND_RSA, HOSTS_GARBAGE };
enum key { KEY_ED, KEY_ECDSA, KEY_RSA, KEY_LOCKED, KEY_LOCKED_WRONG, KEY_LOCKED_NONE, KEY_STRANGER, KEY_OPEN,
    KEY_MISSING };
enum which { PLAIN, RSA, ETM };

struct expected {
    enum error_kind kind; /* ERROR_NONE: it works */
    const char *text, *hint;
};

static const struct row {
    const char *what;
    enum which server;
    enum hosts hosts;
    enum key key;
    struct expected libssh2, openssh;
} rows[] = {
    {"own", PLAIN, HOSTS_OWN, KEY_ED, {0}, {0}},
    {"ecdsa key", PLAIN, HOSTS_OWN, KEY_ECDSA, {0}, {0}},
    {"known by another name", PLAIN, HOSTS_NAME, KEY_ED, {0}, {0}},
    {"known by a pattern", PLAIN, HOSTS_PATTERN, KEY_ED, {0}, {0}},
    {"known by a hash", PLAIN, HOSTS_HASHED, KEY_ED, {0}, {0}},
    {"behind garbage", PLAIN, HOSTS_GARBAGE, KEY_ED, {0}, {0}},
    {"unknown", PLAIN, HOSTS_OTHER, KEY_ED,
        {ERROR_REFUSED, "unknown host key: '127.0.0.1' port ", "ssh-keyscan -p "},
        {ERROR_REFUSED, "unknown host key: '127.0.0.1' port ", "ssh-keyscan -p "}},
    {"changed", PLAIN, HOSTS_CHANGED, KEY_ED,
        {ERROR_REFUSED, "the host key changed: it showed SHA256:", "case_known_hosts:1"},
        {ERROR_REFUSED, "the host key changed: 'Offending", "stand between"}},
    {"revoked", PLAIN, HOSTS_REVOKED, KEY_ED,
        {ERROR_REFUSED, "is revoked (", "no longer to be trusted"},
        {ERROR_REFUSED, "the host key is revoked", "no longer to be trusted"}},
    {"rsa host", RSA, HOSTS_OWN, KEY_ED,
        {ERROR_CONFIG, "known_hosts:1 has only an RSA host key", "transport: openssh"}, {0}},
    {"rsa host with an ed25519 line", RSA, HOSTS_ED_AND_RSA, KEY_ED,
        {ERROR_REFUSED, "no host key type in common: on file and usable by libssh2 1.", "transport: openssh"},
        {0}},
    {"etm host", ETM, HOSTS_OWN, KEY_ED,
        {ERROR_REFUSED, "no MACs in common: libssh2 1.", "transport: openssh"}, {0}},
    {"rsa user key", PLAIN, HOSTS_OWN, KEY_RSA,
        {ERROR_REFUSED, "is an RSA key, and libssh2 1.", "transport: openssh"}, {0}},
    {"passphrase", PLAIN, HOSTS_OWN, KEY_LOCKED, {0}, {0}},
    {"wrong passphrase", PLAIN, HOSTS_OWN, KEY_LOCKED_WRONG,
        {ERROR_CONFIG, "cannot be opened with the passphrase", "first line"},
        {ERROR_CONFIG, "cannot be opened with the passphrase", "first line"}},
    {"no passphrase", PLAIN, HOSTS_OWN, KEY_LOCKED_NONE,
        {ERROR_CONFIG, "needs a passphrase and none is set", "passphrase file"},
        {ERROR_CONFIG, "needs a passphrase and none is set", "passphrase file"}},
    {"stranger", PLAIN, HOSTS_OWN, KEY_STRANGER,
        {ERROR_REFUSED, "login as 'root' with key '", "authorized_keys"},
        {ERROR_REFUSED, "Permission denied", "authorized_keys"}},
    {"key readable by others", PLAIN, HOSTS_OWN, KEY_OPEN,
        {ERROR_CONFIG, "can be read by others (mode 0644)", "chmod 600"},
        {ERROR_CONFIG, "can be read by others", "chmod 600"}},
    {"no key file", PLAIN, HOSTS_OWN, KEY_MISSING,
        {ERROR_CONFIG, "No such file", ""}, {ERROR_CONFIG, "no such identity", ""}},
};

static const struct kit_sshd *server_of(const struct row *row)
{
    return row->server == RSA ? server_rsa : row->server == ETM ? server_etm : server;
}

static void make_hosts(const struct row *row, const struct kit_sshd *s)
{
    char own[64], text[8192] = "";
    snprintf(own, sizeof own, "[127.0.0.1]:%u", s->port);
    char revoked[80], command[300];
    char *file = kit_read(s->known_hosts, NULL);
    switch (row->hosts) {
    case HOSTS_OWN:
    case HOSTS_HASHED:
        snprintf(text, sizeof text, "%s", file);
        break;
    case HOSTS_OTHER:
        snprintf(text, sizeof text, "%s", line_of("[127.0.0.1]:1", s, "ed25519"));
        break;
    case HOSTS_CHANGED:
        snprintf(text, sizeof text, "%s", line_of(own, server_etm, "ed25519"));
        break;
    case HOSTS_REVOKED:
        snprintf(revoked, sizeof revoked, "@revoked %s", "*");
        snprintf(text, sizeof text, "%s%s%s", file, line_of(revoked, s, "ed25519"),
            line_of(revoked, s, "ecdsa"));
        break;
    case HOSTS_NAME:
        snprintf(text, sizeof text, "x,db-3.eu %s", strchr(line_of("y", s, "ecdsa"), ' ') + 1);
        break;
    case HOSTS_PATTERN:
        snprintf(text, sizeof text, "%s", line_of("*.us,db-?.eu,!db-4.eu", s, "ed25519"));
        break;
    case HOSTS_ED_AND_RSA:
        snprintf(text, sizeof text, "%s%s", line_of(own, server_etm, "ed25519"), file);
        break;
    case HOSTS_GARBAGE:
        snprintf(text, sizeof text, "garbage\n\xff\xfe ssh-ed25519 AAAA\n%s", file);
        break;
    }
    free(file);
    write_hosts(text);
    if (row->hosts == HOSTS_HASHED) {
        snprintf(command, sizeof command, "ssh-keygen -q -H -f %s 2>/dev/null", hosts_file);
        FILE *p = popen(command, "r");
        assert_int_equal(pclose(p), 0);
        char *hashed = kit_read(hosts_file, NULL);
        assert_non_null(strstr(hashed, "|1|"));
        assert_null(strstr(hashed, "127.0.0.1"));
        free(hashed);
    }
}

static void choose_key(const struct row *row, const struct kit_sshd *s, struct ssh_target *t)
{
    static char path[128];
    switch (row->key) {
    case KEY_ED:
        break;
    case KEY_ECDSA:
        t->key_file = s->key_ecdsa;
        break;
    case KEY_RSA:
        t->key_file = s->key_rsa;
        break;
    case KEY_LOCKED:
    case KEY_LOCKED_WRONG:
    case KEY_LOCKED_NONE:
        t->key_file = s->key_locked;
        t->passphrase_file = row->key == KEY_LOCKED         ? s->passphrase
                             : row->key == KEY_LOCKED_WRONG ? s->passphrase_wrong
                                                            : NULL;
        break;
    case KEY_STRANGER:
        t->key_file = s->key_stranger;
        break;
    case KEY_OPEN:
    case KEY_MISSING:
        snprintf(path, sizeof path, "%s/%s", s->folder, row->key == KEY_OPEN ? "open" : "missing");
        if (row->key == KEY_OPEN) {
            FILE *f = fopen(path, "w");
            assert_non_null(f);
            char *key = kit_read(s->key_ed25519, NULL);
            fputs(key, f);
            free(key);
            fclose(f);
            assert_int_equal(chmod(path, 0644), 0);
        }
        t->key_file = path;
        break;
    }
}

static void trust_and_login(enum ssh_transport transport)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        const struct expected *want = transport == SSH_LIBSSH2 ? &row->libssh2 : &row->openssh;
        const struct kit_sshd *s = server_of(row);
        make_hosts(row, s);
        struct bed b;
        bed_open(&b, transport, (struct ssh_settings){0}, hosts_file);
        struct ssh_target t = bed_target(&b, s);
        choose_key(row, s, &t);
        if (row->hosts == HOSTS_NAME || row->hosts == HOSTS_PATTERN)
            t.known_as = "db-3.eu";
        struct result r;
        bed_run(&b, &t, (struct ssh_request){.command = "echo in"}, &r);
        if (want->kind == ERROR_NONE) {
            if (r.failed)
                fail_msg("%s: %s", row->what, r.err.text);
            assert_string_equal(r.out, "in\n");
        } else {
            expect_error(&r, row->what, want->kind, want->text, want->hint);
            expect_text(r.err.text, "db-3 (127.0.0.1:");
            assert_null(strstr(r.err.text, "horse"));
            assert_null(strstr(r.err.text, "battery"));
        }
        result_done(&r);
        bed_close(&b);
    }
}

static bool holds(const char *folder, const char *file, const char *text)
{
    char path[300], data[65536];
    snprintf(path, sizeof path, "/proc/%s/%s", folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, data, sizeof data);
    close(fd);
    return n > 0 && memmem(data, (size_t)n, text, strlen(text));
}

/* Whether any process shows this text in its arguments or environment. */
static bool is_shown(const char *text)
{
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    bool found = false;
    for (struct dirent *e; !found && (e = readdir(proc)) != NULL;)
        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
                (holds(e->d_name, "cmdline", text) || holds(e->d_name, "environ", text));
    closedir(proc);
    return found;
}

/* The passphrase reaches ssh by a helper that reads the file: no argument, no variable has it. */
static void passphrases_are_not_shown(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, SSH_OPENSSH, (struct ssh_settings){0}, server->known_hosts);
    struct ssh_target t = bed_target(&b, server);
    t.key_file = server->key_locked;
    t.passphrase_file = server->passphrase;
    struct result r;
    bed_start(&b, &t, (struct ssh_request){.command = "true"}, &r);
    char *passphrase = kit_read(server->passphrase, NULL);
    passphrase[strcspn(passphrase, "\n")] = '\0';
    while (!r.done) {
        loop_turn(b.loop, 5);
        assert_false(is_shown(passphrase));
    }
    free(passphrase);
    assert_false(r.failed);
    assert_true(is_shown(server->passphrase)); /* the look itself works: the file's name is there */
    result_done(&r);
    bed_close(&b);
}

/* An operator's ssh_config may add, and may not weaken: what must hold is said first. */
static void a_config_cannot_weaken(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        bool changed_key;
        enum error_kind kind;
        const char *text;
    } cases[] = {
        {"Host db-3\n  Ciphers aes128-ctr\n", false, ERROR_NONE, ""},
        {"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n", true, ERROR_REFUSED,
            "the host key changed"},
        {"Host *\n  PermitLocalCommand no\n  ControlPath none\n  LogLevel QUIET\n", false, ERROR_NONE, ""},
        {"Host db-3\n  NoSuchOption yes\n", false, ERROR_CONFIG, "onfiguration option"},
    };
    char path[128], own[64];
    snprintf(path, sizeof path, "%s/ssh_config", server->folder);
    snprintf(own, sizeof own, "[127.0.0.1]:%u", server->port);
    write_hosts(line_of(own, server_etm, "ed25519"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(cases[i].config, f);
        fclose(f);
        struct bed b;
        bed_open(&b, SSH_OPENSSH, (struct ssh_settings){.openssh_config = path},
            cases[i].changed_key ? hosts_file : server->known_hosts);
        struct ssh_target t = bed_target(&b, server);
        struct result r;
        bed_run(&b, &t, (struct ssh_request){.command = "echo in"}, &r);
        if (cases[i].kind != ERROR_NONE)
            expect_error(&r, cases[i].config, cases[i].kind, cases[i].text, "");
        else if (r.failed)
            fail_msg("%s: %s", cases[i].config, r.err.text);
        result_done(&r);
        bed_close(&b);
    }
}

/* A node that is killed cannot end its ssh programs: they notice. */
static void masters_do_not_outlive_us(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    char mark[96];
    snprintf(mark, sizeof mark, "%s/fl-ssh-", server->folder);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct bed b;
        bed_open(&b, SSH_OPENSSH, (struct ssh_settings){.openssh_folder = server->folder},
            server->known_hosts);
        struct ssh_target t = bed_target(&b, server);
        struct result r;
        bed_run(&b, &t, (struct ssh_request){.command = "true"}, &r);
        (void)!write(ready[1], "r", 1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(is_shown(mark));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int looks = 0;
    while (is_shown(mark) && looks++ < 500)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_false(is_shown(mark));
    close(ready[0]);
    close(ready[1]);
}

static void programs_and_folders_are_checked(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, SSH_OPENSSH, (struct ssh_settings){.openssh_program = "/nonexistent/ssh"},
        server->known_hosts);
    struct ssh_target t = bed_target(&b, server);
    struct result r;
    bed_run(&b, &t, (struct ssh_request){.command = "true"}, &r);
    expect_error(&r, "no program", ERROR_CONFIG, "starting '/nonexistent/ssh'", "");
    result_done(&r);
    static const char *const folders[] = {"/nonexistent", "/etc/passwd", "/tmp/with space",
        "/tmp/a-folder-with-a-name-that-is-much-too-long-for-a-socket"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct error err = {0};
        struct ssh_settings settings = {.openssh_folder = folders[i]};
        assert_null(ssh_new(b.loop, &settings, &err));
        assert_int_equal(err.kind, ERROR_CONFIG);
        expect_text(err.text, folders[i]);
    }
    bed_close(&b);
}

static void trust_libssh2(void **state)
{
    (void)state;
    trust_and_login(SSH_LIBSSH2);
}
static void trust_openssh(void **state)
{
    (void)state;
    trust_and_login(SSH_OPENSSH);
}

/* ---- servers that are none ---- */

enum manner { SILENT, DRIBBLES, HANGS_UP, IS_WEB, DEAF };

static uint16_t peer_port;

static int listen_on(int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    peer_port = ntohs(a.sin_port);
    return fd;
}

static void serve(int fd, enum manner manner)
{
    for (;;) {
        int c = accept(fd, NULL, NULL);
        if (manner == HANGS_UP)
            close(c);
        if (manner == IS_WEB) {
            (void)!write(c, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            shutdown(c, SHUT_WR);
        }
        for (int i = 0; manner == DRIBBLES && send(c, &"SSH-2.0-x"[i < 8 ? i : 8], 1, MSG_NOSIGNAL) == 1; i++)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

static pid_t start_peer(enum manner manner)
{
    int fd = listen_on(manner == DEAF ? 0 : 16);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (manner != DEAF)
            serve(fd, manner);
        pause();
        _exit(0);
    }
    close(fd);
    return pid;
}

static void end_peer(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void against(enum ssh_transport transport, enum manner manner, enum error_kind kind,
    const char *text)
{
    pid_t peer = start_peer(manner);
    int fillers[4] = {-1, -1, -1, -1};
    for (int i = 0; manner == DEAF && i < 4; i++) { /* fill its queue: further SYNs are dropped */
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(peer_port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&to, sizeof to);
    }
    char names[64];
    snprintf(names, sizeof names, "[127.0.0.1]:%u", peer_port);
    write_hosts(line_of(names, server, "ed25519"));
    struct bed b;
    bed_open(&b, transport, (struct ssh_settings){.connect_ms = 900, .handshake_ms = 700}, hosts_file);
    struct ssh_target t = bed_target(&b, server);
    t.port = peer_port;
    struct result r[2];
    bed_start(&b, &t, (struct ssh_request){.command = "true"}, &r[0]);
    bed_start(&b, &t, (struct ssh_request){.command = "true"}, &r[1]);
    bed_wait(&b, r, 2);
    for (int i = 0; i < 2; i++) {
        expect_error(&r[i], text, kind, text, "");
        result_done(&r[i]);
    }
    bed_close(&b);
    end_peer(peer);
    for (int i = 0; i < 4; i++)
        if (fillers[i] >= 0)
            close(fillers[i]);
}

static void strange_peers(void **state)
{
    (void)state;
    static const struct {
        enum ssh_transport transport;
        enum manner manner;
        enum error_kind kind;
        const char *text;
    } peers[] = {
        {SSH_LIBSSH2, SILENT, ERROR_DEADLINE, "timed out while shaking hands (0.700 s)"},
        {SSH_OPENSSH, SILENT, ERROR_DEADLINE, "timed out while shaking hands (0.700 s)"},
        {SSH_LIBSSH2, DRIBBLES, ERROR_DEADLINE, "timed out while shaking hands (0.700 s)"},
        {SSH_OPENSSH, DRIBBLES, ERROR_DEADLINE, "timed out while shaking hands (0.700 s)"},
        {SSH_LIBSSH2, DEAF, ERROR_DEADLINE, "timed out while connecting (0.900 s)"},
        {SSH_OPENSSH, DEAF, ERROR_DEADLINE, "timed out while connecting (0.900 s)"},
        {SSH_LIBSSH2, HANGS_UP, ERROR_UNREACHED, "closed the connection before it said anything"},
        {SSH_OPENSSH, HANGS_UP, ERROR_UNREACHED, "closed the connection before it said anything"},
        {SSH_LIBSSH2, IS_WEB, ERROR_REFUSED, "what answers there is not SSH: 'HTTP/1.1 400 Bad Request'"},
    };
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++)
        against(peers[i].transport, peers[i].manner, peers[i].kind, peers[i].text);
}

static void nobody_there(void **state)
{
    (void)state;
    uint16_t port = kit_free_port();
    char names[160];
    snprintf(names, sizeof names, "[127.0.0.1]:%u,[no-such-host.invalid]:%u,[*bad]:%u", port, port, port);
    write_hosts(line_of(names, server, "ed25519"));
    for (int transport = SSH_LIBSSH2; transport <= SSH_OPENSSH; transport++) {
        struct bed b;
        bed_open(&b, (enum ssh_transport)transport, (struct ssh_settings){0}, hosts_file);
        struct ssh_target t = bed_target(&b, server);
        t.port = port;
        struct result r;
        bed_run(&b, &t, (struct ssh_request){.command = "true"}, &r);
        expect_error(&r, "refused", ERROR_UNREACHED, "onnection refused", "");
        result_done(&r);
        t.address = "no-such-host.invalid";
        bed_run(&b, &t, (struct ssh_request){.command = "true"}, &r);
        expect_error(&r, "no name", ERROR_UNREACHED, "no-such-host.invalid", "");
        result_done(&r);
        t.address = "-bad";
        bed_run(&b, &t, (struct ssh_request){.command = "true"}, &r);
        expect_error(&r, "bad name", ERROR_INPUT, "'-bad' is no address", "");
        result_done(&r);
        bed_close(&b);
    }
}

/* ---- breaking connections ---- */

static void cut_while_running(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r[3], after;
    for (int i = 0; i < 3; i++)
        bed_start(b, &t, (struct ssh_request){.command = "echo up; sleep 300", .on_output = NULL}, &r[i]);
    struct ssh_counts counts;
    do { /* until all three run */
        loop_turn(b->loop, 50);
        ssh_count(b->ssh, &counts);
    } while (counts.waiting > 0 || counts.handshakes > 0);
    struct result probe;
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &probe);
    result_done(&probe);
    kit_sshd_cut(server);
    bed_wait(b, r, 3);
    for (int i = 0; i < 3; i++) {
        expect_error(&r[i], "cut", ERROR_UNCERTAIN, "after the command was sent, while ",
            "may have ended");
        expect_text(r[i].err.text, "connection lost ");
        assert_false(r[i].outcome.have_status);
        result_done(&r[i]);
    }
    bed_run(b, &t, (struct ssh_request){.command = "echo again"}, &after);
    assert_false(after.failed);
    assert_true(after.outcome.fresh);
    result_done(&after);
}

/* The loop has not yet seen that the session broke: the next command finds out, before it was sent, and reconnects. */
static void cut_while_idle(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    for (int i = 0; i < 5; i++) {
        struct result r;
        bed_run(b, &t, (struct ssh_request){.command = "echo here"}, &r);
        if (r.failed) /* a command that may have been sent is not sent again */
            assert_int_equal(r.err.kind, ERROR_UNCERTAIN);
        else
            assert_string_equal(r.out, "here\n");
        result_done(&r);
        kit_sshd_cut(server);
        if (i % 2)
            loop_turn(b->loop, 20);
    }
    struct ssh_counts counts;
    ssh_count(b->ssh, &counts);
    assert_true(counts.connected >= 3);
}

static void idle_sessions_close(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &r);
    result_done(&r);
    struct ssh_counts counts;
    int turns = 0;
    do {
        loop_turn(b->loop, 50);
        ssh_count(b->ssh, &counts);
    } while (counts.sessions > 0 && turns++ < 400);
    assert_int_equal(counts.sessions, 0);
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &r);
    assert_false(r.failed);
    assert_true(r.outcome.fresh);
    result_done(&r);
}

/* MaxSessions 2 and MaxStartups 2: every command ends well all the same. */
static void crowded(struct bed *b)
{
    enum { N = 24 };
    struct ssh_target t = bed_target(b, server_two);
    struct result r[N];
    for (int i = 0; i < N; i++)
        bed_start(b, &t, (struct ssh_request){.command = "sleep 0.05; echo in"}, &r[i]);
    bed_wait(b, r, N);
    for (int i = 0; i < N; i++) {
        if (r[i].failed)
            fail_msg("%d: %s", i, r[i].err.text);
        assert_string_equal(r[i].out, "in\n");
        result_done(&r[i]);
    }
}

static void freed_while_running(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r[4], first;
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &first);
    result_done(&first);
    for (int i = 0; i < 4; i++)
        bed_start(b, &t, (struct ssh_request){.command = "exec sleep 300"}, &r[i]);
    for (int i = 0; i < 30; i++)
        loop_turn(b->loop, 5);
    struct result late;
    bed_start(b, &t, (struct ssh_request){.command = "true"}, &late);
    ssh_free(b->ssh);
    b->ssh = NULL;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r[i].times, 1);
        assert_true(r[i].failed);
        assert_int_equal(r[i].err.kind, r[i].outcome.maybe_ran ? ERROR_UNCERTAIN : ERROR_CANCELLED);
        result_done(&r[i]);
    }
    assert_int_equal(late.times, 1);
    assert_int_equal(late.err.kind, ERROR_CANCELLED);
    result_done(&late);
}

static void files_are_swapped(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct error err = {0};
    struct known_hosts *none = known_hosts_parse("empty", "", 0, NULL, &err);
    struct redact_secret secret = {"other-secret", 12};
    struct redactor *other = redactor_new(&secret, 1, &err);
    struct result r;
    ssh_set_known_hosts(b->ssh, none);
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &r);
    expect_error(&r, "swapped", ERROR_REFUSED, "is not in empty", "");
    result_done(&r);
    ssh_set_known_hosts(b->ssh, b->known_hosts);
    ssh_set_redactor(b->ssh, other);
    redactor_free(other);
    bed_run(b, &t, (struct ssh_request){.command = "echo other-secret " KIT_SSH_SECRET}, &r);
    assert_false(r.failed);
    assert_string_equal(r.out, "[redacted] " KIT_SSH_SECRET "\n");
    result_done(&r);
    known_hosts_free(none);
}

/* Keepalives go out beside a command and while idle, and disturb neither. */
static void keepalives_disturb_nothing(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    for (int i = 0; i < 2; i++) {
        struct result r;
        bed_run(b, &t, (struct ssh_request){.command = "sleep 2.5; echo still here"}, &r);
        if (r.failed)
            fail_msg("%s", r.err.text);
        assert_string_equal(r.out, "still here\n");
        assert_int_equal(r.outcome.fresh, i == 0);
        result_done(&r);
        for (int turns = 0; turns < 50; turns++)
            loop_turn(b->loop, 30);
    }
}

typedef void scene(struct bed *b);
static void play(scene *fn, enum ssh_transport transport)
{
    struct bed b;
    struct kit_sshd *s = fn == crowded ? server_two : server;
    struct ssh_settings settings = {.idle_ms = fn == idle_sessions_close ? 200 : 0,
        .keepalive_ms = fn == keepalives_disturb_nothing ? 1000 : 0};
    bed_open(&b, transport, settings, s->known_hosts);
    fn(&b);
    bed_close(&b);
}

#define BOTH(name, fn)                       \
    static void name##_libssh2(void **state) \
    {                                        \
        (void)state;                         \
        play(fn, SSH_LIBSSH2);               \
    }                                        \
    static void name##_openssh(void **state) \
    {                                        \
        (void)state;                         \
        play(fn, SSH_OPENSSH);               \
    }

BOTH(cut, cut_while_running)
BOTH(idle_cut, cut_while_idle)
BOTH(idle, idle_sessions_close)
BOTH(crowd, crowded)
BOTH(freed, freed_while_running)
BOTH(swap, files_are_swapped)
BOTH(keepalive, keepalives_disturb_nothing)

/* MaxSessions 0: login works, and no command ever gets a channel. */
static void no_channel_for_anybody(void **state)
{
    (void)state;
    struct kit_sshd *s = kit_sshd_start(&(struct kit_sshd_options){.extra = "MaxSessions 0\n"});
    for (int transport = SSH_LIBSSH2; transport <= SSH_OPENSSH; transport++) {
        struct bed b;
        bed_open(&b, (enum ssh_transport)transport, (struct ssh_settings){0}, s->known_hosts);
        struct ssh_target t = bed_target(&b, s);
        struct result r[3];
        for (int i = 0; i < 3; i++)
            bed_start(&b, &t, (struct ssh_request){.command = "true"}, &r[i]);
        bed_wait(&b, r, 3);
        for (int i = 0; i < 3; i++) {
            expect_error(&r[i], "no channel", ERROR_REFUSED, "opening a channel: '", "MaxSessions");
            result_done(&r[i]);
        }
        bed_close(&b);
    }
    kit_sshd_stop(s);
}

/* Whatever shell a user has: command, status and both streams come through. */
static void login_shells(void **state)
{
    (void)state;
    static const char *const shells[] = {"/bin/dash", "/bin/bash", "/usr/bin/tcsh", "/usr/bin/fish"};
    int tried = 0;
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        const char *user = kit_sshd_user(shells[i]);
        if (!user)
            continue;
        struct kit_sshd *s = kit_sshd_start(&(struct kit_sshd_options){.user = user});
        for (int transport = SSH_LIBSSH2; transport <= SSH_OPENSSH; transport++) {
            struct bed b;
            bed_open(&b, (enum ssh_transport)transport, (struct ssh_settings){0}, s->known_hosts);
            struct ssh_target t = bed_target(&b, s);
            struct result r;
            bed_run(&b, &t,
                (struct ssh_request){.command = "exec sh -c 'cat; id -un >&2; exit 4'",
                    .input = "through",
                    .input_bytes = 7},
                &r);
            if (r.failed)
                fail_msg("%s: %s", shells[i], r.err.text);
            assert_string_equal(r.out, "through");
            expect_text(r.err_out, user);
            assert_int_equal(r.outcome.status, 4);
            result_done(&r);
            bed_close(&b);
        }
        kit_sshd_stop(s);
        kit_sshd_user_remove(user);
        tried++;
    }
    assert_true(tried >= 2);
}

static int start_servers(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    server = kit_sshd_start(NULL);
    server_rsa = kit_sshd_start(&(struct kit_sshd_options){.rsa_host_key_only = true});
    server_etm = kit_sshd_start(&(struct kit_sshd_options){.etm_only = true});
    server_two = kit_sshd_start(&(struct kit_sshd_options){.max_sessions = 2, .max_startups = 2});
    snprintf(hosts_file, sizeof hosts_file, "%s/case_known_hosts", server->folder);
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    kit_sshd_stop(server);
    kit_sshd_stop(server_rsa);
    kit_sshd_stop(server_etm);
    kit_sshd_stop(server_two);
    return 0;
}

#define ROWS(name) cmocka_unit_test(name##_libssh2), cmocka_unit_test(name##_openssh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(trust),
        cmocka_unit_test(passphrases_are_not_shown),
        cmocka_unit_test(a_config_cannot_weaken),
        cmocka_unit_test(masters_do_not_outlive_us),
        cmocka_unit_test(programs_and_folders_are_checked),
        cmocka_unit_test(strange_peers),
        cmocka_unit_test(nobody_there),
        ROWS(cut),
        ROWS(idle_cut),
        ROWS(idle),
        ROWS(crowd),
        ROWS(freed),
        ROWS(swap),
        ROWS(keepalive),
        cmocka_unit_test(no_channel_for_anybody),
        cmocka_unit_test(login_shells),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
