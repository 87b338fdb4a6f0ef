/* SPDX-License-Identifier: MIT
 * Groups of sessions with one destination: who gets a channel, when another session is made, what happens to waiting
 * operations when a session fails. Knows no protocol; the transports report by the ssh_session_ functions. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/io/ssh_internal.h"

#define PAUSE_MS 1000 /* before another session is tried where one stands and another failed */

void ssh_list_init(struct ssh_list *l)
{
    l->next = l->prev = l;
}

static void insert(struct ssh_list *before, struct ssh_list *l)
{
    l->prev = before->prev;
    l->next = before;
    before->prev->next = l;
    before->prev = l;
}

void ssh_list_add_last(struct ssh_list *head, struct ssh_list *l)
{
    insert(head, l);
}

void ssh_list_add_first(struct ssh_list *head, struct ssh_list *l)
{
    insert(head->next, l);
}

void ssh_list_remove(struct ssh_list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    ssh_list_init(l);
}

void ssh_group_wrap(const struct ssh_group *g, struct error *err)
{
    if (!g)
        return;
    char hint[sizeof err->hint];
    memcpy(hint, err->hint, sizeof hint);
    if (strchr(g->address, ':'))
        error_wrap(err, "%s ([%s]:%u)", g->name, g->address, g->port);
    else
        error_wrap(err, "%s (%s:%u)", g->name, g->address, g->port);
    memcpy(err->hint, hint, sizeof hint);
}

int ssh_group_unknown(const struct ssh_group *g, struct error *err)
{
    const struct known_hosts *k = g->ssh->known_hosts;
    error_set(err, ERROR_REFUSED, "unknown host key: '%.100s' port %u is not in %.200s", g->known_as,
        g->port, k ? known_hosts_file(k) : "any known_hosts file (none is set)");
    error_hint(err, "compare what `ssh-keyscan -p %u %.60s` prints with the host's own, then add it",
        g->port, g->address);
    return -1;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool is_for(const struct ssh_group *g, const struct ssh_target *t, uint16_t port)
{
    const char *known_as = or_empty(t->known_as)[0] ? t->known_as : t->address;
    return g->transport == t->transport && g->port == port && strcmp(g->address, t->address) == 0 &&
           strcmp(g->user, t->user) == 0 && strcmp(g->key_file, t->key_file) == 0 &&
           strcmp(g->known_as, known_as) == 0 &&
           strcmp(g->passphrase_file, or_empty(t->passphrase_file)) == 0;
}

static void group_free(struct ssh_group *g)
{
    ssh_list_remove(&g->link);
    loop_timer_free(g->retry);
    free(g->name);
    free(g->address);
    free(g->known_as);
    free(g->user);
    free(g->key_file);
    free(g->passphrase_file);
    g->magic = 0;
    free(g);
}

static void on_retry(void *owner)
{
    ssh_pool_serve(owner);
}

static struct ssh_group *group_new(struct ssh *ssh, const struct ssh_target *t, uint16_t port)
{
    struct ssh_group *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->magic = SSH_GROUP_MAGIC;
    g->ssh = ssh;
    g->port = port;
    g->transport = t->transport;
    ssh_list_init(&g->waiting);
    ssh_list_init(&g->sessions);
    ssh_list_init(&g->link);
    g->name = strdup(or_empty(t->name)[0] ? t->name : t->address);
    g->address = strdup(t->address);
    g->known_as = strdup(or_empty(t->known_as)[0] ? t->known_as : t->address);
    g->user = strdup(t->user);
    g->key_file = strdup(t->key_file);
    g->passphrase_file = strdup(or_empty(t->passphrase_file));
    g->retry = loop_timer_new(ssh->loop, on_retry, g);
    if (!g->name || !g->address || !g->known_as || !g->user || !g->key_file ||
        !g->passphrase_file) {
        group_free(g);
        return NULL;
    }
    ssh_list_add_last(&ssh->groups, &g->link);
    return g;
}

static void free_if_unused(struct ssh_group *g)
{
    if (ssh_list_empty(&g->waiting) && ssh_list_empty(&g->sessions))
        group_free(g);
}

static void wait_in(struct ssh_group *g, struct ssh_op *op, bool first)
{
    op->group = g;
    op->session = NULL;
    if (first)
        ssh_list_add_first(&g->waiting, &op->work);
    else
        ssh_list_add_last(&g->waiting, &op->work);
    g->waiting_count++;
}

int ssh_pool_add(struct ssh_op *op, const struct ssh_target *t, struct error *err)
{
    struct ssh *ssh = op->ssh;
    uint16_t port = t->port ? t->port : 22;
    for (struct ssh_list *l = ssh->groups.next; l != &ssh->groups; l = l->next) {
        struct ssh_group *g = SSH_FROM(l, struct ssh_group, link);
        if (is_for(g, t, port)) {
            wait_in(g, op, false);
            return 0;
        }
    }
    struct ssh_group *g = group_new(ssh, t, port);
    if (!g)
        return error_set(err, ERROR_LIMIT, "no memory for an SSH destination");
    wait_in(g, op, false);
    return 0;
}

void ssh_pool_remove(struct ssh_op *op)
{
    struct ssh_group *g = op->group;
    if (!g)
        return;
    ssh_list_remove(&op->work);
    op->group = NULL;
    if (op->session) {
        assert(op->session->op_count > 0);
        op->session->op_count--;
        op->session = NULL;
        return; /* the session keeps the group */
    }
    assert(g->waiting_count > 0);
    g->waiting_count--;
    free_if_unused(g);
}

static void attach(struct ssh_session *s, struct ssh_op *op)
{
    ssh_list_remove(&op->work);
    s->group->waiting_count--;
    ssh_list_add_last(&s->ops, &op->work);
    op->session = s;
    op->fresh = s->op_total == 0;
    op->attached_mono_ms = clock_mono_ms();
    s->op_count++;
    s->op_total++;
    if (s->op_count > s->ssh->counts.channels_peak)
        s->ssh->counts.channels_peak = s->op_count;
    loop_timer_stop(s->idle);
    ssh_op_move(op, OP_OPEN);
    if (s->verbs->attach(s, op) < 0) {
        struct error err = {0};
        error_set(&err, ERROR_LIMIT, "no memory for an SSH channel");
        ssh_group_wrap(op->group, &err);
        ssh_op_end(op, &err);
    }
}

static struct ssh_session *with_room(const struct ssh_group *g)
{
    for (struct ssh_list *l = g->sessions.next; l != &g->sessions; l = l->next) {
        struct ssh_session *s = SSH_FROM(l, struct ssh_session, link);
        if (s->state == SESSION_READY && !s->retiring && s->op_count + s->lingering < s->channels_max)
            return s;
    }
    return NULL;
}

static unsigned making_to(const struct ssh *ssh, const struct ssh_group *like)
{
    unsigned n = 0;
    for (struct ssh_list *l = ssh->groups.next; l != &ssh->groups; l = l->next) {
        const struct ssh_group *g = SSH_FROM(l, struct ssh_group, link);
        if (g->making_count > 0 && g->port == like->port && strcmp(g->address, like->address) == 0)
            n += g->making_count;
    }
    return n;
}

static bool may_make(const struct ssh_group *g)
{
    const struct ssh *ssh = g->ssh;
    return !ssh->closing && !loop_timer_active(g->retry) &&
           ssh->making_count < ssh->settings.handshakes_all_max &&
           g->session_count < SSH_SESSIONS_GROUP_MAX && ssh->session_count < SSH_SESSIONS_MAX &&
           making_to(ssh, g) < ssh->settings.handshakes_host_max;
}

static void fail_waiting(struct ssh_group *g, const struct error *err)
{
    while (!ssh_list_empty(&g->waiting)) {
        struct ssh_op *op = SSH_FROM(g->waiting.next, struct ssh_op, work);
        bool last = g->waiting_count == 1; /* then g may be freed */
        struct error own = *err;
        ssh_group_wrap(g, &own);
        ssh_op_end(op, &own);
        if (last)
            return;
    }
}

static int make(struct ssh_group *g)
{
    struct ssh *ssh = g->ssh;
    struct error err = {0};
    struct ssh_session *s =
        g->transport == SSH_LIBSSH2 ? ssh_libssh2_new(g, &err) : ssh_openssh_new(g, &err);
    if (!s) {
        fail_waiting(g, &err);
        return -1;
    }
    unsigned to_host = making_to(ssh, g);
    if (ssh->making_count > ssh->counts.handshakes_peak)
        ssh->counts.handshakes_peak = ssh->making_count;
    if (to_host > ssh->counts.handshakes_host_peak)
        ssh->counts.handshakes_host_peak = to_host;
    s->verbs->start(s);
    return 0;
}

void ssh_pool_serve(struct ssh_group *g)
{
    assert(g->magic == SSH_GROUP_MAGIC);
    for (struct ssh_session *s; g->waiting_count > 0 && (s = with_room(g)) != NULL;)
        attach(s, SSH_FROM(g->waiting.next, struct ssh_op, work));
    unsigned each = g->ssh->settings.channels_session_max;
    while (g->waiting_count > 0 && g->making_count < (g->waiting_count + each - 1) / each &&
           may_make(g))
        if (make(g) < 0)
            return; /* g may be gone */
}

/* A place for a handshake became free. Each group has its turn first once. */
static void serve_all(struct ssh *ssh)
{
    unsigned n = 0;
    for (struct ssh_list *l = ssh->groups.next; l != &ssh->groups; l = l->next)
        n++;
    while (n-- > 0 && !ssh_list_empty(&ssh->groups) &&
           ssh->making_count < ssh->settings.handshakes_all_max) {
        struct ssh_group *g = SSH_FROM(ssh->groups.next, struct ssh_group, link);
        ssh_list_remove(&g->link);
        ssh_list_add_last(&ssh->groups, &g->link);
        if (g->waiting_count > 0)
            ssh_pool_serve(g);
    }
}

static void on_idle(void *owner)
{
    struct ssh_session *s = owner;
    assert(s->magic == SSH_SESSION_MAGIC && s->op_count == 0);
    if (s->state != SESSION_READY)
        return;
    s->state = SESSION_CLOSING;
    s->verbs->close(s);
}

void ssh_session_init(struct ssh_session *s, struct ssh_group *g,
    const struct ssh_session_verbs *verbs)
{
    s->magic = SSH_SESSION_MAGIC;
    s->verbs = verbs;
    s->ssh = g->ssh;
    s->group = g;
    s->state = SESSION_MAKING;
    s->channels_max = g->ssh->settings.channels_session_max;
    ssh_list_init(&s->ops);
    ssh_list_add_last(&g->sessions, &s->link);
    s->idle = loop_timer_new(g->ssh->loop, on_idle, s);
    g->session_count++;
    g->making_count++;
    g->ssh->session_count++;
    g->ssh->making_count++;
}

static void made(struct ssh_session *s)
{
    assert(s->state == SESSION_MAKING && s->ssh->making_count > 0);
    s->group->making_count--;
    s->ssh->making_count--;
}

void ssh_session_ready(struct ssh_session *s)
{
    made(s);
    s->state = SESSION_READY;
    s->group->failures = 0;
    s->ssh->counts.connected++;
    loop_timer_start(s->idle, s->ssh->settings.idle_ms, 0);
    ssh_pool_serve(s->group);
    serve_all(s->ssh);
}

/* Whether another session of the group may still serve what waits. */
static bool has_hope(const struct ssh_group *g)
{
    for (struct ssh_list *l = g->sessions.next; l != &g->sessions; l = l->next) {
        struct ssh_session *s = SSH_FROM(l, struct ssh_session, link);
        if (s->state == SESSION_MAKING || (s->state == SESSION_READY && !s->retiring))
            return true;
    }
    return false;
}

void ssh_session_failed(struct ssh_session *s, const struct error *err, bool retry)
{
    struct ssh_group *g = s->group;
    struct ssh *ssh = s->ssh;
    made(s);
    s->state = SESSION_CLOSING;
    if (retry && !ssh->closing && g->failures < SSH_RETRIES_MAX) {
        uint64_t wait = SSH_RETRY_MS * (uint64_t)++g->failures;
        loop_timer_start(g->retry, wait + id_random() % (wait + 1), 0);
    } else if (has_hope(g)) {
        loop_timer_start(g->retry, PAUSE_MS, 0);
    } else {
        g->failures = 0;
        fail_waiting(g, err); /* s keeps g */
    }
    s->verbs->close(s);
    serve_all(ssh);
}

static void lose(struct ssh_op *op, const struct error *cause)
{
    struct error err = {.kind = ERROR_UNREACHED};
    if (op->maybe_ran) {
        int64_t ms = clock_mono_ms() - op->sent_mono_ms;
        error_from(&err, ERROR_UNCERTAIN, cause->source, cause->code,
            "connection lost %d.%d s after the command was sent, while %s: %.300s",
            (int)(ms / 1000), (int)(ms % 1000 / 100), ssh_op_doing(op), cause->text);
        error_hint(&err, "the command may have ended, may run still, or may not have begun");
    } else {
        error_from(&err, ERROR_UNREACHED, cause->source, cause->code,
            "connection lost while %s: %.300s", ssh_op_doing(op), cause->text);
    }
    ssh_group_wrap(op->group, &err);
    ssh_op_end(op, &err);
}

/* Back to the front of the line, as if it never had a channel. */
static void wait_again(struct ssh_op *op)
{
    struct ssh_session *s = op->session;
    ssh_list_remove(&op->work);
    s->op_count--;
    wait_in(s->group, op, true);
    ssh_op_move(op, OP_WAIT);
}

void ssh_session_lost(struct ssh_session *s, const struct error *err)
{
    assert(s->state == SESSION_READY);
    s->state = SESSION_CLOSING;
    loop_timer_stop(s->idle);
    while (!ssh_list_empty(&s->ops)) {
        struct ssh_op *op = SSH_FROM(s->ops.prev, struct ssh_op, work); /* so the oldest is first */
        if (op->channel)
            s->verbs->abandon(s, op);
        assert(!op->channel);
        if (!op->maybe_ran && op->session_failures++ < SSH_RECONNECTS_MAX)
            wait_again(op);
        else
            lose(op, err);
    }
    ssh_pool_serve(s->group);
    s->verbs->close(s);
}

void ssh_session_full(struct ssh_session *s, struct ssh_op *op, const struct error *err)
{
    assert(!op->channel && !op->maybe_ran);
    /* Where it served others before, their places may just not be free yet. */
    bool may_pass = s->op_total > 1 && op->refusals++ < SSH_REFUSALS_MAX;
    if (s->op_count > 1 || s->lingering > 0 || s->retiring || may_pass) {
        if (s->op_count > 1)
            s->channels_max = s->op_count - 1 + s->lingering;
        s->retiring |= s->op_count == 1;
        wait_again(op);
        ssh_session_changed(s);
        return;
    }
    struct error own = *err;
    ssh_group_wrap(op->group, &own);
    ssh_op_end(op, &own);
}

void ssh_session_linger(struct ssh_session *s)
{
    s->lingering++;
    if (2 * s->lingering >= s->channels_max)
        s->retiring = true; /* commands that do not end would fill it */
}

void ssh_session_lingered(struct ssh_session *s)
{
    assert(s->lingering > 0);
    s->lingering--;
    ssh_session_changed(s);
}

void ssh_session_changed(struct ssh_session *s)
{
    if (s->state != SESSION_READY)
        return;
    struct ssh_group *g = s->group;
    if (s->retiring && s->op_count == 0) {
        s->state = SESSION_CLOSING;
        if (g->waiting_count > 0)
            ssh_pool_serve(g);
        s->verbs->close(s);
        return;
    }
    if (s->op_count == 0)
        loop_timer_start(s->idle, s->ssh->settings.idle_ms, 0);
    if (g->waiting_count > 0)
        ssh_pool_serve(g);
}

void ssh_session_gone(struct ssh_session *s)
{
    struct ssh_group *g = s->group;
    assert(s->state == SESSION_CLOSING && s->op_count == 0);
    loop_timer_free(s->idle);
    ssh_list_remove(&s->link);
    g->session_count--;
    s->ssh->session_count--;
    s->magic = 0;
    struct ssh *ssh = s->ssh;
    if (g->waiting_count > 0)
        ssh_pool_serve(g);
    else
        free_if_unused(g);
    if (ssh->session_count == SSH_SESSIONS_MAX - 1)
        serve_all(ssh); /* others may wait for this place */
}

void ssh_pool_close(struct ssh *ssh)
{
    for (struct ssh_list *l = ssh->groups.next, *next; l != &ssh->groups; l = next) {
        struct ssh_group *g = SSH_FROM(l, struct ssh_group, link);
        next = l->next;
        loop_timer_stop(g->retry);
        for (struct ssh_list *m = g->sessions.next, *after; m != &g->sessions; m = after) {
            struct ssh_session *s = SSH_FROM(m, struct ssh_session, link);
            after = m->next;
            if (s->state == SESSION_CLOSING)
                continue;
            if (s->state == SESSION_MAKING)
                made(s);
            s->state = SESSION_CLOSING;
            s->verbs->close(s);
        }
    }
}

void ssh_pool_free(struct ssh *ssh)
{
    while (!ssh_list_empty(&ssh->groups)) {
        struct ssh_group *g = SSH_FROM(ssh->groups.next, struct ssh_group, link);
        assert(ssh_list_empty(&g->waiting) && ssh_list_empty(&g->sessions));
        group_free(g);
    }
}
