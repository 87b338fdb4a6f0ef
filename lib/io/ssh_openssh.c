/* SPDX-License-Identifier: MIT
 * A session by the ssh program: starting the master, knowing when it is ready, ending it. Channels are in
 * ssh_openssh_mux.c, the meaning of its words in ssh_openssh_why.c.
 *
 * What "wait" means: libuv's callbacks; nothing is repeated. The master is ready when its LocalCommand, which it runs
 * after login and after its control socket listens, has written a line. That command also leaves a watcher behind which
 * ends the master when we are gone, however we went: its standard input is a pipe that only we hold. */
#include "lib/io/ssh_openssh.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define KILL_MS 1500 /* after SIGTERM */
#define ARGUMENTS_MAX 80

static const struct {
    const char *doing;
    size_t limit; /* offset of its own deadline in the settings */
} os_states[] = {
    [OS_CONNECT] = {"connecting", offsetof(struct ssh_settings, connect_ms)},
    [OS_HANDSHAKE] = {"shaking hands", offsetof(struct ssh_settings, handshake_ms)},
    [OS_LOGIN] = {"logging in", offsetof(struct ssh_settings, login_ms)},
    [OS_READY] = {"ready", 0},
};
_Static_assert(sizeof os_states / sizeof os_states[0] == OS_STATES, "one row for each state");

static void os_close(struct ssh_session *base);

static struct os_session *from_base(struct ssh_session *base)
{
    assert(base->magic == SSH_SESSION_MAGIC);
    return (struct os_session *)base; /* base is its first member */
}

static unsigned limit_ms(const struct os_session *s)
{
    unsigned ms;
    memcpy(&ms, (const char *)&s->base.ssh->settings + os_states[s->state].limit, sizeof ms);
    return ms;
}

static void os_move(struct os_session *s, enum os_state state)
{
    s->state = state;
    if (state < OS_READY)
        loop_timer_start(s->timer, limit_ms(s), 0);
    else
        loop_timer_stop(s->timer);
}

/* ---- the private folder ---- */

static int write_askpass(const char *folder, struct error *err)
{
    static const char script[] = "#!/bin/sh\nexec head -n 1 -- \"$FIRSTLINE_PASSPHRASE_FILE\"\n";
    char path[OS_SOCKET_BYTES];
    int bytes = snprintf(path, sizeof path, "%s/askpass", folder);
    if (bytes < 0 || (size_t)bytes >= sizeof path)
        return error_set(err, ERROR_CONFIG, "the folder name '%s' is too long", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "'%s'", path);
    int rc = file_write(fd, script, sizeof script - 1);
    if (rc < 0)
        (void)error_from_errno(err, ERROR_CONFIG, errno, "'%s'", path);
    (void)close(fd); /* a short file is found by the write */
    return rc;
}

static int make_folder(struct ssh *ssh, struct error *err)
{
    if (ssh->private_folder)
        return 0;
    char path[OS_SOCKET_BYTES];
    (void)snprintf(path, sizeof path, "%s/fl-ssh-XXXXXX", ssh->openssh_folder);
    if (!mkdtemp(path)) /* mode 0700 */
        return error_from_errno(err, ERROR_CONFIG, errno, "a folder for SSH control sockets in '%s'",
            ssh->openssh_folder);
    ssh->private_folder = strdup(path);
    if (!ssh->private_folder)
        return error_set(err, ERROR_LIMIT, "no memory for SSH");
    return write_askpass(path, err);
}

void ssh_openssh_clean(struct ssh *ssh)
{
    if (!ssh->private_folder)
        return;
    char path[OS_SOCKET_BYTES];
    (void)snprintf(path, sizeof path, "%s/askpass", ssh->private_folder);
    (void)unlink(path); /* the sockets were unlinked with their sessions */
    (void)rmdir(ssh->private_folder);
    free(ssh->private_folder);
    ssh->private_folder = NULL;
}

/* ---- arguments ---- */

struct arguments {
    char *list[ARGUMENTS_MAX]; /* owned texts */
    int count;
    bool failed;
};

static void add(struct arguments *a, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(struct arguments *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (a->count + 1 >= ARGUMENTS_MAX || vasprintf(&text, format, args) < 0)
        a->failed = true;
    else
        a->list[a->count++] = text;
    va_end(args);
}

static void arguments_done(struct arguments *a)
{
    for (int i = 0; i < a->count; i++)
        free(a->list[i]);
}

/* ssh expands % and $ in paths and splits at white space unless quoted. */
static bool is_plain(const char *path)
{
    return !strpbrk(path, "\"%$\\\n~");
}

static bool is_host_word(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < 200 && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") == n;
}

/* What the operator's ssh_config may not change: ssh takes the first value it sees, and these come first. */
static void add_fixed(struct arguments *a, const struct os_session *s)
{
    static const char *const options[] = {"StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none",
        "UpdateHostKeys=no", "CheckHostIP=no", "IdentitiesOnly=yes", "IdentityAgent=none",
        "PreferredAuthentications=publickey", "PasswordAuthentication=no",
        "KbdInteractiveAuthentication=no", "NumberOfPasswordPrompts=1", "ControlMaster=yes",
        "ControlPersist=no", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes",
        "RequestTTY=no", "EscapeChar=none", "ConnectionAttempts=1", "TCPKeepAlive=yes",
        "LogLevel=DEBUG1", "PermitLocalCommand=yes", "VisualHostKey=no"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        add(a, "-o");
        add(a, "%s", options[i]);
    }
    add(a, "-o");
    add(a, "BatchMode=%s", s->base.group->passphrase_file[0] ? "no" : "yes"); /* yes would forbid the helper */
    add(a, "-o");
    /* The watcher reads the standard input that only we hold; an asynchronous list has none of its own. A master that
     * ended by itself has unlinked its socket: its number is then no longer ours to kill. */
    add(a, "LocalCommand=exec 3<&0; (cat <&3; test -S '%s' && kill $PPID) >/dev/null 2>&1 & echo ready",
        s->socket);
}

static void make_arguments(const struct os_session *s, const char *known_name, struct arguments *a)
{
    const struct ssh_group *g = s->base.group;
    const struct ssh *ssh = g->ssh;
    unsigned keepalive_s = ssh->settings.keepalive_ms / 1000;
    add(a, "%s", ssh->openssh_program);
    add(a, "-F");
    add(a, "%s", ssh->openssh_config ? ssh->openssh_config : "none");
    add(a, "-N");
    add(a, "-S");
    add(a, "%s", s->socket);
    add_fixed(a, s);
    add(a, "-o");
    add(a, "UserKnownHostsFile=\"%s\"", known_hosts_file(ssh->known_hosts));
    add(a, "-o");
    add(a, "HostKeyAlias=%s", known_name);
    add(a, "-o");
    add(a, "IdentityFile=\"%s\"", g->key_file);
    add(a, "-o");
    add(a, "ConnectTimeout=%u", (ssh->settings.connect_ms + ssh->settings.handshake_ms) / 1000 + 1);
    add(a, "-o");
    add(a, "ServerAliveInterval=%u", keepalive_s ? keepalive_s : 1);
    add(a, "-o");
    add(a, "ServerAliveCountMax=2");
    add(a, "-o");
    add(a, "HostName=%s", g->address);
    add(a, "-p");
    add(a, "%u", g->port);
    add(a, "-l");
    add(a, "%s", g->user);
    add(a, "--");
    add(a, "%s", is_host_word(g->name) ? g->name : g->address);
}

/* The environment names files only, never a secret. */
static void make_environment(const struct os_session *s, struct arguments *a)
{
    const struct ssh_group *g = s->base.group;
    const char *path = getenv("PATH"), *home = getenv("HOME");
    add(a, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
    add(a, "HOME=%s", home ? home : "/");
    add(a, "LC_ALL=C");
    add(a, "SHELL=/bin/sh"); /* for LocalCommand */
    if (g->passphrase_file[0] == '\0')
        return;
    add(a, "SSH_ASKPASS=%s/askpass", s->base.ssh->private_folder);
    add(a, "SSH_ASKPASS_REQUIRE=force");
    add(a, "FIRSTLINE_PASSPHRASE_FILE=%s", g->passphrase_file);
}

/* ---- the program ---- */

static void on_closed(uv_handle_t *handle)
{
    struct os_session *s = handle->data;
    s->open_handles--;
    os_free_if_closed(s);
}

void os_free_if_closed(struct os_session *s)
{
    if (!s->closing || s->open_handles > 0 || s->alive)
        return;
    (void)unlink(s->socket); /* a killed master leaves it */
    loop_timer_free(s->timer);
    buf_done(&s->log);
    ssh_session_gone(&s->base);
    free(s);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct os_session *s = handle->data;
    (void)wanted;
    *out = uv_buf_init(s->read_room, sizeof s->read_room);
}

static void look_at_log(struct os_session *s)
{
    const char *text = buf_text(&s->log);
    for (;;) {
        const char *line = text + s->log_seen;
        const char *newline = strchr(line, '\n');
        if (!newline)
            return;
        enum os_state next = os_state_after(s->state, line, (size_t)(newline - line));
        if (s->state < OS_READY && next != s->state)
            os_move(s, next);
        s->log_seen = (size_t)(newline + 1 - text);
    }
}

static void on_stderr(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct os_session *s = stream->data;
    if (n <= 0 || s->closing)
        return; /* its end comes with the program's */
    if (s->log.bytes + (size_t)n > OS_LOG_BYTES_MAX) {
        buf_drop(&s->log, s->log_seen); /* the newest words matter */
        s->log_seen = 0;
    }
    (void)buf_add(&s->log, room->base, (size_t)n); /* full: what is there must do */
    look_at_log(s);
}

static void on_stdout(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct os_session *s = stream->data;
    (void)room;
    if (n <= 0 || s->closing || s->state == OS_READY)
        return;
    os_move(s, OS_READY);
    ssh_session_ready(&s->base);
}

static void failed(struct os_session *s, const struct error *err, bool retry)
{
    if (s->base.state == SESSION_MAKING)
        ssh_session_failed(&s->base, err, retry);
    else if (s->base.state == SESSION_READY)
        ssh_session_lost(&s->base, err);
}

/* Reads what it said at last: its end may be known before its words. */
static void read_rest(struct os_session *s)
{
    int fd;
    if (uv_fileno((uv_handle_t *)&s->err, &fd) < 0)
        return;
    for (ssize_t n; (n = read(fd, s->read_room, sizeof s->read_room)) > 0;)
        (void)buf_add(&s->log, s->read_room, (size_t)n); /* full: what is there must do */
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
    struct os_session *s = process->data;
    s->alive = false;
    uv_close((uv_handle_t *)process, on_closed);
    if (s->closing)
        return; /* the last close callback frees it */
    read_rest(s);
    struct error err = {0};
    bool retry = false;
    if (s->base.state == SESSION_MAKING)
        os_why(s, signal ? 128 + signal : status, &err, &retry);
    else
        os_why_lost(s, signal ? 128 + signal : status, &err);
    failed(s, &err, retry);
}

static void on_timer(void *owner)
{
    struct os_session *s = owner;
    if (s->closing) {
        if (s->alive)
            (void)uv_process_kill(&s->process, SIGKILL); /* gone already is fine */
        return;
    }
    struct error err = {0};
    unsigned ms = limit_ms(s);
    error_set(&err, ERROR_DEADLINE, ms % 1000 ? "timed out while %s (%u.%03u s)" : "timed out while %s (%u s)",
        os_states[s->state].doing, ms / 1000, ms % 1000);
    failed(s, &err, false);
}

static int open_pipe(struct os_session *s, uv_pipe_t *pipe)
{
    int rc = uv_pipe_init(loop_uv(s->base.ssh->loop), pipe, 0);
    assert(rc == 0); /* cannot fail */
    pipe->data = s;
    s->open_handles++;
    return rc;
}

static int launch(struct os_session *s, const char *known_name, struct error *err)
{
    struct arguments args = {0}, environment = {0};
    make_arguments(s, known_name, &args);
    make_environment(s, &environment);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&s->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->err},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = s->base.ssh->openssh_program,
        .args = args.list,
        .env = environment.list,
        .flags = UV_PROCESS_DETACHED, /* no terminal to ask at, no Ctrl-C meant for us */
        .stdio_count = 3,
        .stdio = stdio,
    };
    int rc = args.failed || environment.failed
                 ? UV_ENOMEM
                 : uv_spawn(loop_uv(s->base.ssh->loop), &s->process, &options);
    arguments_done(&args);
    arguments_done(&environment);
    s->process.data = s;
    s->open_handles++; /* also where it did not start */
    if (rc != 0) {
        uv_close((uv_handle_t *)&s->process, on_closed);
        return error_from(err, ERROR_CONFIG, ERROR_FROM_LIBUV, rc, "starting '%s': %s",
            s->base.ssh->openssh_program, uv_strerror(rc));
    }
    s->alive = true;
    (void)uv_read_start((uv_stream_t *)&s->out, give_room, on_stdout); /* fresh pipes: cannot fail */
    (void)uv_read_start((uv_stream_t *)&s->err, give_room, on_stderr);
    return 0;
}

static int prepare(struct os_session *s, char room[KNOWN_HOSTS_NAME_BYTES],
    const char **out_known_name, struct error *err)
{
    const struct ssh_group *g = s->base.group;
    struct ssh *ssh = s->base.ssh;
    const char *name =
        ssh->known_hosts ? known_hosts_name(ssh->known_hosts, g->known_as, g->port, room) : NULL;
    if (!name)
        return ssh_group_unknown(g, err);
    if (!is_plain(known_hosts_file(ssh->known_hosts)) || !is_plain(g->key_file) ||
        !is_plain(g->passphrase_file))
        return error_set(err, ERROR_CONFIG,
            "paths of keys and known_hosts with \", %%, $, ~ or \\ cannot be given to ssh");
    if (make_folder(ssh, err) < 0)
        return -1;
    (void)snprintf(s->socket, sizeof s->socket, "%s/%llx", ssh->private_folder,
        (unsigned long long)++ssh->last_socket);
    *out_known_name = name;
    return 0;
}

static void start_now(void *owner)
{
    struct os_session *s = owner;
    struct error err = {0};
    char room[KNOWN_HOSTS_NAME_BYTES];
    const char *known_name = NULL;
    if (prepare(s, room, &known_name, &err) < 0 || launch(s, known_name, &err) < 0)
        failed(s, &err, false);
}

static void os_start(struct ssh_session *base)
{
    struct os_session *s = from_base(base);
    os_move(s, OS_CONNECT);
    loop_soon(base->ssh->loop, start_now, s); /* it may fail at once, and must not inside start */
}

static void os_close(struct ssh_session *base)
{
    struct os_session *s = from_base(base);
    assert(!s->closing);
    s->closing = true;
    loop_soon_cancel(base->ssh->loop, s);
    os_drop_channels(s);
    uv_close((uv_handle_t *)&s->in, on_closed);
    uv_close((uv_handle_t *)&s->out, on_closed);
    uv_close((uv_handle_t *)&s->err, on_closed);
    loop_timer_stop(s->timer);
    if (s->alive) {
        (void)uv_process_kill(&s->process, SIGTERM); /* gone already is fine */
        loop_timer_start(s->timer, KILL_MS, 0);
    }
}

static const char *os_doing(const struct ssh_session *base)
{
    return os_states[((const struct os_session *)base)->state].doing;
}

static const struct ssh_session_verbs os_verbs = {
    .start = os_start,
    .attach = os_attach,
    .abandon = os_abandon,
    .close = os_close,
    .doing = os_doing,
};

struct ssh_session *ssh_openssh_new(struct ssh_group *g, struct error *err)
{
    struct os_session *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_LIMIT, "no memory for an SSH session");
        return NULL;
    }
    buf_init(&s->log, 2 * (size_t)OS_LOG_BYTES_MAX);
    ssh_list_init(&s->channels);
    s->timer = loop_timer_new(g->ssh->loop, on_timer, s);
    ssh_session_init(&s->base, g, &os_verbs);
    (void)open_pipe(s, &s->in);
    (void)open_pipe(s, &s->out);
    (void)open_pipe(s, &s->err);
    return &s->base;
}
