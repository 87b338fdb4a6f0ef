/* SPDX-License-Identifier: MIT
 * Child processes on the loop (libuv), each the head of a session and process group of its own, so that it can be ended with
 * all that it started, and a terminal's Ctrl-C does not reach it. No shell, no pipes: output goes to a file. */
#ifndef LIB_IO_PROCESS_H
#define LIB_IO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/error.h"

struct loop;
struct process;

struct process_spec {
    const char *const *argv;    /* borrowed for the call; NULL-ended; argv[0] is looked for in PATH */
    const char *const *environ; /* borrowed for the call; NULL-ended "NAME=value"; NULL: ours */
    const char *folder;         /* borrowed for the call; where it runs; NULL: "/" */
    const char *log;            /* borrowed for the call; standard output and error are added to this file; NULL: /dev/null */
};

/* Called once when it has ended, in the loop. signal 0: it ended by itself with this status. May free the process. */
typedef void process_done(void *owner, int status, int signal);

/* Standard input is /dev/null; no other descriptor of ours is handed on.
 * done may be NULL. Errors: LIMIT (log, descriptors), CONFIG (the program cannot be started). NULL then. */
struct process *process_start(struct loop *l, const struct process_spec *spec, process_done *done, void *owner,
    struct error *err);
/* Ends it with its group by SIGKILL when it still runs; done is not called any more. NULL is fine. */
void process_free(struct process *p);

pid_t process_pid(const struct process *p);
bool process_running(const struct process *p);
/* As done tells them, once it has ended. */
int process_status(const struct process *p);
int process_ended_by(const struct process *p); /* the signal, or 0 */
/* To it and its group; nothing when it has ended. */
void process_signal(struct process *p, int number);

/* The next block: they turn the loop meanwhile, so they are for start-up and for programs that do one thing after the other. */

/* Sends the signal and waits for the end; after longest_ms SIGKILL, and waits on. */
void process_stop(struct loop *l, struct process *p, int number, int longest_ms);
/* Starts, waits and frees: 0 when its status was 0. Errors: as process_start, REFUSED (another status, or a signal: the text
 * says so), DEADLINE (it was ended after longest_ms). */
int process_run(struct loop *l, const struct process_spec *spec, int longest_ms, struct error *err) MUST_USE;

#endif
