/* SPDX-License-Identifier: MIT
 * What the parts of ssh share: operations (ssh.c), groups of sessions with one destination (ssh_pool.c), and the two
 * transports. A session belongs to a group; an operation waits in its group, then holds one channel of a session.
 *
 *   ssh_run -> waiting in its group -> attached to a session (OPEN, SEND, TALK, EXIT) -> END -> done
 *
 * An operation's memory lives until done was called and its transport let go of the channel. */
#ifndef LIB_IO_SSH_INTERNAL_H
#define LIB_IO_SSH_INTERNAL_H

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/io/resolve.h"
#include "lib/io/ssh.h"

#define SSH_MAGIC 0x53534800u
#define SSH_OP_MAGIC 0x53534f50u
#define SSH_GROUP_MAGIC 0x53534752u
#define SSH_SESSION_MAGIC 0x53535353u

enum step_result { STEP_MOVED, STEP_WAIT, STEP_FAILED };

enum ssh_op_state { OP_WAIT, OP_OPEN, OP_SEND, OP_TALK, OP_EXIT, OP_END, OP_STATES };

struct ssh_list { /* doubly linked, the head points to itself */
    struct ssh_list *next, *prev;
};

struct ssh_session;

/* One of stdout and stderr. */
struct ssh_output {
    struct redact_stream stream;
    struct buf kept; /* the head, redacted */
    bool cut;
};

struct ssh_op {
    uint32_t magic;
    struct ssh_list link; /* in ssh->ops; while it lives */
    struct ssh_list work; /* in group->waiting or session->ops; else alone */
    struct ssh *ssh;      /* borrowed */
    struct ssh_group *group;     /* borrowed; NULL once it ended */
    struct ssh_session *session; /* borrowed; NULL while it waits and once it ended */
    void *channel;               /* the transport's own; owned by it; NULL when none */
    uint64_t id;
    ssh_done *done;
    void *owner; /* borrowed until done */
    ssh_output_fn *on_output;

    char *command; /* owned */
    char *input;   /* owned */
    size_t input_bytes;
    struct ssh_output out, err;

    enum ssh_op_state state;
    enum ssh_op_state ended_in; /* the state before OP_END */
    const char *waited_for;     /* static: what its group was doing when it ended in OP_WAIT */
    struct loop_timer *timer;   /* owned */
    int64_t began_mono_ms, entered_mono_ms, attached_mono_ms, sent_mono_ms;
    int64_t deadline_mono_ms;
    unsigned deadline_ms;
    unsigned session_failures; /* sessions that failed or broke under it before its command was sent */
    unsigned refusals; /* by servers that had no channel for it */
    bool maybe_ran, have_status, fresh, cancel_asked, delivered;
    int status;
    char exit_signal[16];
    bool failed; /* failure is set */
    struct error failure;
};

/* A destination: what must be equal for two operations to share a session. Strings are owned by the group. */
struct ssh_group {
    uint32_t magic;
    struct ssh_list link; /* in ssh->groups */
    struct ssh *ssh;      /* borrowed */
    char *name, *address, *known_as, *user, *key_file, *passphrase_file; /* owned; texts, maybe "" */
    uint16_t port;
    enum ssh_transport transport;
    struct ssh_list waiting;  /* operations, oldest first */
    struct ssh_list sessions;
    unsigned waiting_count, session_count, making_count;
    unsigned failures;        /* retryable ones in a row */
    struct loop_timer *retry; /* owned; active: no new session before it fires */
};

struct ssh_session_verbs {
    /* Begins to connect. ssh_session_ready or ssh_session_failed follows, never from inside. */
    void (*start)(struct ssh_session *s);
    /* op was put into s->ops: takes a channel for it. Calls back later, never from inside. -1: no memory. */
    int (*attach)(struct ssh_session *s, struct ssh_op *op);
    /* op needs its channel no more. Lets go of it (op->channel = NULL) now or, by ssh_op_let_go, later: a channel that has
     * only its end to wait for may linger (ssh_session_linger), so that the session can be used on. */
    void (*abandon)(struct ssh_session *s, struct ssh_op *op);
    /* Tears down. All channels are let go at once; ssh_session_gone follows, maybe from inside. */
    void (*close)(struct ssh_session *s);
    /* What it does while it is being made: "connecting". Static. */
    const char *(*doing)(const struct ssh_session *s);
};

enum ssh_session_state { SESSION_MAKING, SESSION_READY, SESSION_CLOSING };

struct ssh_session {
    uint32_t magic;
    const struct ssh_session_verbs *verbs;
    struct ssh_list link;    /* in group->sessions */
    struct ssh *ssh;         /* borrowed */
    struct ssh_group *group; /* borrowed */
    enum ssh_session_state state;
    struct ssh_list ops;
    unsigned op_count, op_total;
    unsigned lingering;      /* channels whose operation was given up and whose command may still run */
    unsigned channels_max;
    bool retiring;           /* takes no new operation, and closes when the last one ended */
    struct loop_timer *idle; /* owned */
};

struct ssh {
    uint32_t magic;
    struct loop *loop;       /* borrowed */
    struct resolve *resolve; /* owned */
    struct ssh_settings settings; /* numbers only; its pointers are the fields below */
    const struct known_hosts *known_hosts; /* borrowed; may be NULL */
    struct redactor *redactor;             /* counted */
    char *openssh_program;   /* owned */
    char *openssh_config;    /* owned; NULL: none */
    char *openssh_folder;    /* owned; where the private folder is made */
    char *private_folder;    /* owned; NULL until the first session by openssh */
    struct ssh_list ops, groups;
    unsigned session_count, making_count;
    uint64_t last_op_id;
    uint64_t last_socket;    /* names control sockets */
    bool closing;
    bool set_up;             /* libssh2 was started */
    struct ssh_counts counts;
    struct ssh_trouble troubles[SSH_TROUBLES_MAX];
    int troubles_count;
};

/* An operation ends: its host was reached, or was not (err says why). */
void ssh_trouble_note(struct ssh_op *op, const struct error *err);

void ssh_list_init(struct ssh_list *l);
void ssh_list_add_last(struct ssh_list *head, struct ssh_list *l);
void ssh_list_add_first(struct ssh_list *head, struct ssh_list *l);
void ssh_list_remove(struct ssh_list *l); /* a lone one is fine */
static inline bool ssh_list_empty(const struct ssh_list *head)
{
    return head->next == head;
}
#define SSH_FROM(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* ---- operations (ssh.c) ---- */

/* Static: completes "timed out while ...". */
const char *ssh_op_doing(const struct ssh_op *op);
/* Enters a state: sets its deadline. */
void ssh_op_move(struct ssh_op *op, enum ssh_op_state state);
/* Bytes from the host: redacts, keeps, calls on_output. */
void ssh_op_output(struct ssh_op *op, bool is_stderr, const void *data, size_t bytes);
/* The command may have left from now on. */
void ssh_op_sent(struct ssh_op *op);
/* The command surely did not start after all (channel or exec refused). */
void ssh_op_not_sent(struct ssh_op *op);
/* Ends it; err is NULL when the command ended on the host. Copies err. done follows by loop_soon. Does not touch the
 * channel: the transport lets go of it before, or by ssh_op_let_go. */
void ssh_op_end(struct ssh_op *op, const struct error *err);
/* Frees it when it was delivered too. */
void ssh_op_let_go(struct ssh_op *op);

/* ---- groups and sessions (ssh_pool.c) ---- */

/* Puts a new operation into its group. 0, or -1 (LIMIT). */
int ssh_pool_add(struct ssh_op *op, const struct ssh_target *target, struct error *err) MUST_USE;
/* Takes it out of its group or session. */
void ssh_pool_remove(struct ssh_op *op);
/* Gives what waits in the group a channel, and makes sessions for the rest where limits allow. */
void ssh_pool_serve(struct ssh_group *g);
/* Closes all sessions and stops all retries. */
void ssh_pool_close(struct ssh *ssh);
void ssh_pool_free(struct ssh *ssh);

/* From the transports. */
void ssh_session_init(struct ssh_session *s, struct ssh_group *g, const struct ssh_session_verbs *verbs);
void ssh_session_ready(struct ssh_session *s);
/* It could not be made. retry: another try may go well soon (the server was busy). Closes it. */
void ssh_session_failed(struct ssh_session *s, const struct error *err, bool retry);
/* It stood and broke. Closes it. err is what its operations say. */
void ssh_session_lost(struct ssh_session *s, const struct error *err);
/* The server gave op no channel: the session's limit is what it has now, op waits again. */
void ssh_session_full(struct ssh_session *s, struct ssh_op *op, const struct error *err);
/* A channel stays behind without an operation, until ssh_session_lingered. Too many retire the session. */
void ssh_session_linger(struct ssh_session *s);
void ssh_session_lingered(struct ssh_session *s);
/* An operation ended or left. */
void ssh_session_changed(struct ssh_session *s);
/* Its last handle closed; the transport frees its memory after this. */
void ssh_session_gone(struct ssh_session *s);

/* Counted inside the library: one clean for each setup. */
int ssh_libssh2_setup(struct error *err) MUST_USE;
void ssh_libssh2_clean(void);
struct ssh_session *ssh_libssh2_new(struct ssh_group *g, struct error *err);
struct ssh_session *ssh_openssh_new(struct ssh_group *g, struct error *err);
/* Ends what is left of the private folder. */
void ssh_openssh_clean(struct ssh *ssh);

/* "db-3 (10.0.0.5:22)" in front of the text. */
void ssh_group_wrap(const struct ssh_group *g, struct error *err);
/* What a host said, for an error's text: redacted, printable ASCII, cut to room. */
void ssh_quote(const struct ssh *ssh, const char *text, size_t bytes, char *out, size_t room);
/* No line of known_hosts is for this destination. Returns -1. */
int ssh_group_unknown(const struct ssh_group *g, struct error *err);

#endif
