/* SPDX-License-Identifier: MIT
 * A session by libssh2, from reading the key to closing the socket. Its channels are in ssh_libssh2_channel.c.
 *
 * What "wait" means: EAGAIN, or nothing to do; the same call is repeated with the same arguments. The wanted direction is
 * asked from libssh2 after every turn; 0 means readable. Readiness is a hint. */
#include "lib/io/ssh_libssh2.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum step_result s2_step(struct s2_session *s);
static s2_step key_step, trust_step, resolve_step, connect_step, handshake_step, host_key_step,
    login_step;

static const struct {
    const char *doing;
    s2_step *step;
    size_t limit; /* offset of its own deadline in the settings */
} s2_states[] = {
    [S2_KEY] = {"reading the key file", key_step, offsetof(struct ssh_settings, resolve_ms)},
    [S2_TRUST] = {"looking into known_hosts", trust_step, offsetof(struct ssh_settings, resolve_ms)},
    [S2_RESOLVE] = {"looking up the address", resolve_step, offsetof(struct ssh_settings, resolve_ms)},
    [S2_CONNECT] = {"connecting", connect_step, offsetof(struct ssh_settings, connect_ms)},
    [S2_HANDSHAKE] = {"shaking hands", handshake_step, offsetof(struct ssh_settings, handshake_ms)},
    [S2_HOST_KEY] = {"checking the host key", host_key_step, offsetof(struct ssh_settings, handshake_ms)},
    [S2_LOGIN] = {"logging in", login_step, offsetof(struct ssh_settings, login_ms)},
    [S2_READY] = {"ready", NULL, 0},
};
_Static_assert(sizeof s2_states / sizeof s2_states[0] == S2_STATES, "one row for each state");

static void drive(struct s2_session *s);
static void tear_down(struct s2_session *s);

static struct s2_session *from_base(struct ssh_session *base)
{
    assert(base->magic == SSH_SESSION_MAGIC);
    return (struct s2_session *)base; /* base is its first member */
}

static unsigned limit_ms(const struct s2_session *s)
{
    unsigned ms;
    memcpy(&ms, (const char *)&s->base.ssh->settings + s2_states[s->state].limit, sizeof ms);
    return ms;
}

static enum step_result s2_move(struct s2_session *s, enum s2_state state)
{
    s->state = state;
    if (state < S2_READY)
        loop_timer_start(s->timer, limit_ms(s), 0);
    return STEP_MOVED;
}

enum step_result s2_break(struct s2_session *s, int rc, const char *what)
{
    char *text = NULL;
    if (s->raw)
        (void)libssh2_session_last_error(s->raw, &text, NULL, 0);
    s->broken = true;
    if (s->saw_end)
        error_from(&s->err, ERROR_UNREACHED, ERROR_FROM_SSH, rc,
            "%s: the host closed the connection", what);
    else if (s->socket_errno)
        error_from(&s->err, ERROR_UNREACHED, ERROR_FROM_SSH, rc, "%s: %s", what,
            strerror(s->socket_errno));
    else
        error_from(&s->err, ERROR_UNREACHED, ERROR_FROM_SSH, rc, "%s: '%s'", what,
            text && text[0] ? text : "no reason given");
    return STEP_FAILED;
}

static enum step_result fail_errno(struct s2_session *s, enum error_kind kind, int number,
    const char *what)
{
    s->broken = true;
    error_from_errno(&s->err, kind, number, "%s", what);
    return STEP_FAILED;
}

/* ---- reading the key ---- */

static void read_key(uv_work_t *work)
{
    struct s2_session *s = work->data; /* in the pool: touches only the key, its error and constant texts */
    const struct ssh_group *g = s->base.group;
    s->work_result = ssh_key_read(&s->key, g->key_file, g->passphrase_file, &s->key_error);
}

static void free_if_closed(struct s2_session *s)
{
    if (!s->torn_down || s->open_handles > 0 || s->working)
        return;
    ssh_session_gone(&s->base);
    free(s);
}

static void key_was_read(uv_work_t *work, int status)
{
    struct s2_session *s = work->data;
    s->working = false;
    if (s->torn_down) {
        ssh_key_done(&s->key);
        free_if_closed(s);
        return;
    }
    if (status < 0)
        s->work_result = error_from(&s->key_error, ERROR_LIMIT, ERROR_FROM_LIBUV, status,
            "reading the key file: %s", uv_strerror(status));
    drive(s);
}

static enum step_result key_step(struct s2_session *s)
{
    if (s->working)
        return STEP_WAIT;
    if (s->work_result < 0) {
        s->broken = true;
        s->err = s->key_error;
        return STEP_FAILED;
    }
    return s2_move(s, S2_TRUST);
}

static enum step_result trust_step(struct s2_session *s)
{
    if (s2_trust(s) < 0) {
        s->broken = true;
        return STEP_FAILED;
    }
    return s2_move(s, S2_RESOLVE);
}

/* ---- connecting ---- */

static void resolved(void *owner, const struct resolve_answer *answer, const struct error *err)
{
    struct s2_session *s = owner;
    s->resolve_id = 0;
    if (answer) {
        memcpy(s->address, answer->addresses[0].text, sizeof s->address);
    } else {
        s->broken = true;
        s->err = *err;
    }
    drive(s);
}

static enum step_result resolve_step(struct s2_session *s)
{
    if (s->broken)
        return STEP_FAILED;
    if (s->address[0] != '\0')
        return s2_move(s, S2_CONNECT);
    if (s->resolve_id == 0)
        s->resolve_id = resolve_start(s->base.ssh->resolve, s->base.group->address,
            s->base.ssh->settings.resolve_ms, resolved, s);
    return STEP_WAIT;
}

static socklen_t make_address(const struct s2_session *s, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, s->address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(s->base.group->port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, s->address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(s->base.group->port);
        return sizeof *six;
    }
    return 0;
}

static void set_number(int fd, int level, int option, unsigned value)
{
    int number = (int)value;
    (void)setsockopt(fd, level, option, &number, sizeof number); /* each is a help, none a need */
}

static void set_options(const struct s2_session *s)
{
    const struct ssh_settings *set = &s->base.ssh->settings;
    unsigned keepalive_s = set->keepalive_ms / 1000 ? set->keepalive_ms / 1000 : 1;
    set_number(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_number(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_number(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_s);
    set_number(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_s);
    set_number(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, set->user_timeout_ms);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct s2_session *s = handle->data;
    if (s->torn_down)
        return;
    if (status < 0)
        s->poll_mask = 0; /* libuv stopped it; what is wrong shows in the next call */
    /* sshd waits for our acknowledgement before its next small packet while it still uses Nagle. */
    if (events & UV_READABLE)
        set_number(s->fd, IPPROTO_TCP, TCP_QUICKACK, 1);
    if (s->state == S2_READY && ssh_list_empty(&s->channels)) {
        s->saw_end = true;
        (void)s2_break(s, LIBSSH2_ERROR_SOCKET_DISCONNECT, "waiting for work");
    }
    drive(s);
}

static void poll_for(struct s2_session *s, int mask)
{
    if (s->poll_mask == mask)
        return;
    int rc = uv_poll_start(&s->poll, mask, on_poll);
    assert(rc == 0);
    s->poll_mask = mask;
}

static enum step_result connect_step(struct s2_session *s)
{
    if (s->fd >= 0) {
        int number = 0;
        socklen_t n = sizeof number;
        if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &number, &n) < 0)
            number = errno;
        if (number != 0)
            return fail_errno(s, ERROR_UNREACHED, number, "connecting");
        struct sockaddr_storage peer;
        n = sizeof peer;
        if (getpeername(s->fd, (struct sockaddr *)&peer, &n) < 0)
            return STEP_WAIT;
        return s2_move(s, S2_HANDSHAKE);
    }
    struct sockaddr_storage to;
    socklen_t bytes = make_address(s, &to);
    if (bytes == 0)
        return fail_errno(s, ERROR_CONFIG, EAFNOSUPPORT, s->address);
    s->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return fail_errno(s, ERROR_LIMIT, errno, "a socket for SSH");
    set_options(s);
    int rc = uv_poll_init(loop_uv(s->base.ssh->loop), &s->poll, s->fd);
    if (rc != 0)
        return fail_errno(s, ERROR_LIMIT, -rc, "a socket for SSH");
    s->poll.data = s;
    s->polling = true;
    s->open_handles++;
    if (connect(s->fd, (struct sockaddr *)&to, bytes) < 0 && errno != EINPROGRESS)
        return fail_errno(s, ERROR_UNREACHED, errno, "connecting");
    return STEP_WAIT;
}

/* ---- shaking hands ---- */

static ssize_t on_receive(libssh2_socket_t fd, void *data, size_t bytes, int flags, void **abstract)
{
    struct s2_session *s = *abstract;
    ssize_t n = recv(fd, data, bytes, flags);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            s->socket_errno = errno;
        return errno == EINTR ? -EAGAIN : -errno;
    }
    s->saw_end = n == 0;
    s->received += (uint64_t)n;
    if (s->state == S2_HANDSHAKE && n > 0)
        (void)buf_add(&s->hello, data, (size_t)n); /* full: enough to tell why */
    return n;
}

static ssize_t on_send(libssh2_socket_t fd, const void *data, size_t bytes, int flags,
    void **abstract)
{
    struct s2_session *s = *abstract;
    ssize_t n = send(fd, data, bytes, flags | MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno != EAGAIN && errno != EINTR)
        s->socket_errno = errno;
    return errno == EINTR ? -EAGAIN : -errno;
}

/* libssh2 takes any callback as a void pointer. */
static void set_callback(LIBSSH2_SESSION *raw, int kind, void (*fn)(void))
{
    void *pointer;
    memcpy(&pointer, &fn, sizeof pointer);
    (void)libssh2_session_callback_set(raw, kind, pointer); /* returns the one before */
}

static enum step_result make_session(struct s2_session *s)
{
    s->raw = libssh2_session_init_ex(NULL, NULL, NULL, s);
    if (!s->raw)
        return fail_errno(s, ERROR_LIMIT, ENOMEM, "an SSH session");
    libssh2_session_set_blocking(s->raw, 0);
    set_callback(s->raw, LIBSSH2_CALLBACK_RECV, (void (*)(void))on_receive);
    set_callback(s->raw, LIBSSH2_CALLBACK_SEND, (void (*)(void))on_send);
    int rc = libssh2_session_method_pref(s->raw, LIBSSH2_METHOD_HOSTKEY, s->host_keys);
    for (const struct s2_method *m = s2_methods; rc == 0 && m->list; m++)
        rc = libssh2_session_method_pref(s->raw, m->method, m->list);
    if (rc != 0)
        return s2_break(s, rc, "choosing methods");
    return STEP_MOVED;
}

static enum step_result handshake_step(struct s2_session *s)
{
    if (!s->raw && make_session(s) == STEP_FAILED)
        return STEP_FAILED;
    int rc = libssh2_session_handshake(s->raw, s->fd);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return STEP_WAIT;
    if (rc != 0) {
        (void)s2_break(s, rc, "shaking hands");
        s2_why_handshake(s, rc);
        return STEP_FAILED;
    }
    return s2_move(s, S2_HOST_KEY);
}

static enum step_result host_key_step(struct s2_session *s)
{
    if (s2_check_host_key(s) < 0) {
        s->broken = true;
        return STEP_FAILED;
    }
    return s2_move(s, S2_LOGIN);
}

static enum step_result login_step(struct s2_session *s)
{
    int rc = s2_log_in(s);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return STEP_WAIT;
    if (rc != 0) {
        (void)s2_break(s, rc, "logging in");
        if (!s->saw_end && !s->socket_errno)
            s2_why_login(s, rc);
        return STEP_FAILED;
    }
    ssh_key_done(&s->key);
    buf_done(&s->hello);
    unsigned keepalive_ms = s->base.ssh->settings.keepalive_ms;
    libssh2_keepalive_config(s->raw, 0, keepalive_ms / 1000); /* no answer: an idle session reads none */
    loop_timer_start(s->timer, keepalive_ms, keepalive_ms);
    return s2_move(s, S2_READY);
}

/* ---- the drive ---- */

/* Without a channel libssh2 has no call that reads: an idle session only watches for its end. What the host says
 * meanwhile is read with the next channel. While a packet waits to be sent, reading is not possible either. */
static void arm(struct s2_session *s)
{
    if (!s->polling)
        return;
    int mask = UV_READABLE;
    if (s->state == S2_CONNECT)
        mask = UV_WRITABLE;
    else if (s->state == S2_READY && ssh_list_empty(&s->channels))
        mask = UV_DISCONNECT;
    else if (s->state == S2_READY)
        mask = s->sender ? UV_WRITABLE : UV_READABLE;
    else if (s->raw && libssh2_session_block_directions(s->raw) == LIBSSH2_SESSION_BLOCK_OUTBOUND)
        mask = UV_WRITABLE;
    poll_for(s, mask);
}

static void drive_now(void *owner)
{
    struct s2_session *s = owner;
    s->driving = false;
    drive(s);
}

void s2_drive_soon(struct s2_session *s)
{
    if (s->driving || s->running || s->torn_down)
        return;
    s->driving = true;
    loop_soon(s->base.ssh->loop, drive_now, s);
}

static void end_broken(struct s2_session *s)
{
    if (s->base.state == SESSION_MAKING)
        ssh_session_failed(&s->base, &s->err, s->may_retry);
    else if (s->base.state == SESSION_READY)
        ssh_session_lost(&s->base, &s->err);
}

static enum step_result take_steps(struct s2_session *s)
{
    enum step_result got = STEP_MOVED;
    for (int moves = 0; got == STEP_MOVED && moves < SSH_MOVES_PER_TURN_MAX; moves++) {
        if (s->state < S2_READY)
            got = s2_states[s->state].step(s);
        else if (s->base.state == SESSION_MAKING)
            ssh_session_ready(&s->base); /* attaches what waits */
        else
            return s2_drive_channels(s);
    }
    return got;
}

static void drive(struct s2_session *s)
{
    assert(!s->running);
    if (s->torn_down)
        return;
    s->running = true;
    enum step_result got = take_steps(s);
    if (got == STEP_FAILED || s->broken)
        end_broken(s); /* asks for the close */
    s->running = false;
    if (s->close_asked)
        tear_down(s);
    else if (got == STEP_MOVED)
        s2_drive_soon(s); /* fair to others: go on in the next turn */
    else
        arm(s);
}

static void keep_alive(struct s2_session *s)
{
    int unsent = 0, next = 0;
    /* A packet sent in part could not be finished: only where the socket is empty. */
    if (s->sender || s->running || ioctl(s->fd, TIOCOUTQ, &unsent) < 0 || unsent > 0)
        return;
    if (libssh2_keepalive_send(s->raw, &next) != 0) {
        (void)s2_break(s, LIBSSH2_ERROR_SOCKET_SEND, "keeping the connection alive");
        drive(s);
    }
}

static void on_timer(void *owner)
{
    struct s2_session *s = owner;
    if (s->state == S2_READY) {
        keep_alive(s);
        return;
    }
    char text[16];
    unsigned ms = limit_ms(s);
    (void)snprintf(text, sizeof text, ms % 1000 ? "%u.%03u s" : "%u s", ms / 1000, ms % 1000);
    s->broken = true;
    error_set(&s->err, ERROR_DEADLINE, "timed out while %s (%s)", s2_states[s->state].doing, text);
    end_broken(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct s2_session *s = handle->data;
    s->open_handles--;
    free_if_closed(s);
}

/* Never blocks: with the socket shut down, freeing the session cannot wait; the fd is closed last, since libssh2 would
 * still write to its number. */
static void tear_down(struct s2_session *s)
{
    if (s->torn_down)
        return;
    s->torn_down = true;
    loop_soon_cancel(s->base.ssh->loop, s);
    loop_timer_free(s->timer);
    if (s->resolve_id)
        resolve_forget(s->base.ssh->resolve, s->resolve_id);
    s2_drop_channels(s);
    if (s->polling)
        (void)uv_poll_stop(&s->poll); /* cannot fail */
    if (s->fd >= 0)
        (void)shutdown(s->fd, SHUT_RDWR); /* not connected is fine */
    for (int i = 0; s->raw && i < 100; i++)
        if (libssh2_session_free(s->raw) != LIBSSH2_ERROR_EAGAIN)
            s->raw = NULL;
    assert(!s->raw);
    if (s->polling)
        uv_close((uv_handle_t *)&s->poll, on_closed);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    if (!s->working)
        ssh_key_done(&s->key);
    buf_done(&s->hello);
    free_if_closed(s);
}

static void s2_close(struct ssh_session *base)
{
    struct s2_session *s = from_base(base);
    s->close_asked = true;
    if (!s->running)
        tear_down(s);
}

static const char *s2_doing(const struct ssh_session *base)
{
    const struct s2_session *s = (const struct s2_session *)base;
    return s2_states[s->state].doing;
}

static void s2_start(struct ssh_session *base)
{
    struct s2_session *s = from_base(base);
    (void)s2_move(s, S2_KEY);
    s->work.data = s;
    s->working = true;
    int rc = uv_queue_work(loop_uv(base->ssh->loop), &s->work, read_key, key_was_read);
    assert(rc == 0); /* fails only without a callback */
}

static const struct ssh_session_verbs s2_verbs = {
    .start = s2_start,
    .attach = s2_attach,
    .abandon = s2_abandon,
    .close = s2_close,
    .doing = s2_doing,
};

struct ssh_session *ssh_libssh2_new(struct ssh_group *g, struct error *err)
{
    struct s2_session *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_LIMIT, "no memory for an SSH session");
        return NULL;
    }
    s->fd = -1;
    ssh_key_init(&s->key);
    buf_init(&s->hello, S2_HELLO_BYTES_MAX);
    ssh_list_init(&s->channels);
    s->timer = loop_timer_new(g->ssh->loop, on_timer, s);
    struct in6_addr any;
    if (inet_pton(AF_INET, g->address, &any) == 1 || inet_pton(AF_INET6, g->address, &any) == 1)
        (void)snprintf(s->address, sizeof s->address, "%s", g->address);
    ssh_session_init(&s->base, g, &s2_verbs);
    return &s->base;
}

int ssh_libssh2_setup(struct error *err)
{
    int rc = libssh2_init(0);
    if (rc != 0)
        return error_from(err, ERROR_LIMIT, ERROR_FROM_SSH, rc, "libssh2 does not start");
    return 0;
}

void ssh_libssh2_clean(void)
{
    libssh2_exit();
}
