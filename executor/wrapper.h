/* SPDX-License-Identifier: MIT
 * What is sent to a machine's shell to run a script there, and what comes back: composes the bytes
 * for standard input and reads the answer. Pure: no I/O, no SSH, no journal. The shell side is
 * executor/shell/; docs/wrapper.md tells how both keep the promise that a recover attempt starts on
 * a machine at most once.
 *
 * One request is one exec channel: start wrapper_command() there, write the composed bytes, send
 * EOF, and read until wrapper_complete() says so (a daemon that a looking script leaves behind may
 * hold the channel open for ever: do not wait for EOF), or until exit, EOF or the caller's own
 * deadline. Then wrapper_parse() what came.
 *
 * The channel's standard error carries the script's standard error for WRAPPER_LOOK, and whatever
 * the login shell or sudo has to say; a recover's standard error is merged into its output. */
#ifndef EXECUTOR_WRAPPER_H
#define EXECUTOR_WRAPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

#define WRAPPER_VERSION 1
#define WRAPPER_NONCE_BYTES 40  /* with its NUL */
#define WRAPPER_SIGNAL_BYTES 16 /* "TERM"; with its NUL */

enum wrapper_act {
    WRAPPER_LOOK, /* check, collect, verify: runs the script; no lock, no record, may be repeated at
                     any time */
    WRAPPER_RECOVER, /* runs the script at most once for (run, step, attempt), under lock, token and
                        record */
    WRAPPER_ASK, /* writes the token, then reads the record. Where there is none it writes one that
                  * forbids this attempt to start ever: so NEVER_STARTED is a promise, also against
                  * bytes still on their way */
    WRAPPER_END,   /* as ASK; and what still runs of the attempt is ended (TERM, after kill_after_s
                      KILL) */
    WRAPPER_CONTACT, /* chooses or checks the folder, makes the memory where there is none, tells
                        what the machine is */
    WRAPPER_ACTS,
};

/* A scenario value: becomes an unexported variable of the script's shell. Any bytes but NUL. */
struct wrapper_value {
    const char *name;  /* borrowed; [A-Za-z_][A-Za-z0-9_]*, not one of the shell's own (PATH, IFS,
                          ...), not fl_... */
    const char *value; /* borrowed */
    size_t bytes;
};

/* The fence. Compared in this order; of two equal ones only the same incarnation passes. */
struct wrapper_token {
    uint32_t timeline;
    uint64_t epoch;          /* up to INT64_MAX */
    const char *incarnation; /* borrowed; word, see below */
};

/* "word" below: 1 to 100 of [A-Za-z0-9._-], not beginning with '.' or '-'. All pointers are
 * borrowed. RECOVER, ASK, TOKEN and END need folder, cluster, machine, memory_id, boot_id, run and
 * token. */
struct wrapper_task {
    enum wrapper_act act;
    const char *script; /* LOOK, RECOVER; NUL-terminated shell text */
    const struct wrapper_value *values;
    int values_count;
    const char *become; /* user to run as, a word; NULL or the login user: no sudo. END, ASK: as the
                           recover said */
    unsigned
        timeout_s; /* LOOK, RECOVER: the script's deadline, counted from its start; 1 to 86400 */
    unsigned kill_after_s; /* between TERM and KILL; 0 means 5 */
    const char *cluster;   /* word */
    const char *machine;   /* word; CONTACT: NULL means the machine's own id (/etc/machine-id) */
    const char *folder;    /* absolute path without . or ..; CONTACT: NULL means choose */
    const char *memory_id; /* as CONTACT told in the holder's own epoch */
    const char *boot_id;   /* likewise */
    const char *sent_memory_id; /* ASK, END: what the attempt's own RECOVER named as memory_id;
                                 * NULL: not known any more. Only where it is the machine's present
                                 * one does a missing record prove that the attempt never started;
                                 * else the folder may be younger than the attempt: LOST */
    const char *run;            /* word */
    int step;
    int attempt;
    struct wrapper_token token;
    size_t out_bytes_max; /* RECOVER, ASK, END: what is sent back, first and last half; 0 means 64
                             KiB */
};

enum wrapper_verdict {
    WRAPPER_BROKEN, /* not our answer at all: garbage, no shell, another version. Doubt, for a
                       recover */
    WRAPPER_CUT,    /* began well, the end is missing (out holds what came). Doubt, for a recover */
    WRAPPER_DONE,   /* CONTACT: done */
    WRAPPER_ENDED,  /* the script ended; status, signal, timed_out tell how */
    WRAPPER_RUNNING,       /* it runs still */
    WRAPPER_NEVER_STARTED, /* it did not start here, and now never will */
    WRAPPER_LOST, /* nothing of it runs, and whether or how it ended is not recorded. Doubt */
    WRAPPER_BUSY, /* another attempt held the machine for 10 s: not started; may be asked for anew
                   */
    WRAPPER_REFUSED_STALE, /* the run's token here is higher, or equal and another's: not started */
    WRAPPER_REFUSED_MEMORY, /* the folder has no memory or another one, or the machine has rebooted:
                             * not started by this request; what was there before is not known.
                             * Doubt for an earlier request */
    WRAPPER_NO_FOLDER, /* no safe, writable folder, or no room in it (text says which): not started
                        */
    WRAPPER_NO_BECOME, /* sudo -n refused, or is missing; text has its words: not started */
    WRAPPER_UNFIT,     /* a tool or /proc is missing (text says which): not started */
    WRAPPER_VERDICTS,
};

/* Texts are in the parser's arena; never NULL ("" when not told). */
struct wrapper_report {
    enum wrapper_verdict verdict;
    bool already; /* RECOVER: the attempt was known; this is the first one's record */
    int status;   /* exit status of the script's shell, -1 when killed by a signal or not ended */
    char signal[WRAPPER_SIGNAL_BYTES]; /* "KILL", ... where a signal ended the script's shell; else
                                          "" */
    bool timed_out;                    /* the deadline ended it */
    bool ended_by_us;                  /* a WRAPPER_END ended it */
    const char *out; /* LOOK: standard output; RECOVER: output and errors merged. May hold NUL;
                        NUL-terminated */
    size_t out_bytes;
    bool out_cut;             /* the middle is missing; a line in its place says how much */
    uint64_t out_bytes_total; /* as the script wrote it */
    int left; /* processes of the step that live on (a daemon, or what could not be killed); -1: not
                 looked */
    uint64_t started_wall_s, ended_wall_s; /* by the clock of who sent it, when it was sent; 0: unknown. LOOK: 0 */
    uint64_t duration_ms;
    struct {
        uint32_t timeline;
        uint64_t epoch;
        const char *incarnation;
    } token; /* the run's token on the machine, as it is after this request; STALE: the one that
                refused */
    const char *memory_id, *boot_id, *machine_id, *folder; /* of the machine now */
    int64_t uid;                                           /* of the login user; -1: not told */
    const char *login;                                     /* its name */
    const char *tools;  /* CONTACT: words: "setsid flock sudo timeout" as present */
    const char *holder; /* BUSY: "run step attempt" that holds the machine */
    const char *text;   /* a sentence for people, where the verdict needs one */
};

/* The command for the exec channel: constant, says nothing of script or values, means the same to
 * sh, bash, dash, BusyBox, tcsh, csh, fish and zsh as login shells. */
const char *wrapper_command(void);

/* A random boundary for one request: what the script prints cannot forge an answer. */
void wrapper_nonce(char out[WRAPPER_NONCE_BYTES]);

/* Adds to `out` what goes to standard input. Give `out` a limit of WRAPPER_STDIN_BYTES_MAX, and
 * wipe it if values are secret. Errors: INPUT (a field is missing or malformed, NUL in a value, a
 * reserved name), LIMIT (does not fit). */
int wrapper_compose(const struct wrapper_task *task, const char *nonce, struct buf *out,
    struct error *err) MUST_USE;

/* Whether the answer's last line has come. Cheap enough to be asked after each read. */
bool wrapper_complete(const char *out, size_t bytes, const char *nonce);

/* Reads an answer: all of the channel's standard output, also after secrets were replaced in it
 * (lengths may differ). Never fails for what a machine sent: that is BROKEN or CUT, with text.
 * Errors: LIMIT (the arena is full). */
int wrapper_parse(const char *out, size_t bytes, const char *nonce, struct arena *arena,
    struct wrapper_report *out_report, struct error *err) MUST_USE;

/* "ended", "never started", ...; static. */
const char *wrapper_verdict_name(enum wrapper_verdict verdict);

/* Whether, by this verdict, this request's own recover attempt certainly has not started and will
 * not start: then a new attempt may be journaled. (false: it ran, runs, or is in doubt.) */
bool wrapper_not_started(enum wrapper_verdict verdict);

#endif
