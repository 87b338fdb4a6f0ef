/* SPDX-License-Identifier: MIT
 * Child processes. The memory lives until libuv has closed the handle; libuv reaps. */
#include "lib/io/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "lib/base/clock.h"
#include "lib/io/loop.h"

#define PROCESS_MAGIC 0x50524f43u
#define TURN_MS 100

struct process {
    uint32_t magic;
    uv_process_t uv;
    process_done *done; /* NULL: nobody asks */
    void *owner;        /* borrowed until done or freed */
    bool running;
    int status, signal;
};

/* uv_process_options_t takes what it only reads without const. */
static char **unconst(const char *const *list)
{
    union {
        const char *const *in;
        char **out;
    } both = {.in = list};
    return both.out;
}

static void on_ended(uv_process_t *uv, int64_t status, int number)
{
    struct process *p = uv->data;
    assert(p->magic == PROCESS_MAGIC && p->running);
    p->running = false;
    p->status = (int)status;
    p->signal = number;
    if (p->done)
        p->done(p->owner, p->status, p->signal);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int open_log(const char *path, struct error *err)
{
    int fd = open(path ? path : "/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "cannot open %s", path ? path : "/dev/null");
    return fd;
}

static int spawn(struct process *p, struct loop *l, const struct process_spec *spec, int log)
{
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = log},
        {.flags = UV_INHERIT_FD, .data.fd = log}};
    uv_process_options_t options = {.exit_cb = on_ended, .file = spec->argv[0], .args = unconst(spec->argv),
        .env = unconst(spec->environ), .cwd = spec->folder ? spec->folder : "/", .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3, .stdio = stdio};
    return uv_spawn(loop_uv(l), &p->uv, &options);
}

struct process *process_start(struct loop *l, const struct process_spec *spec, process_done *done, void *owner,
    struct error *err)
{
    assert(spec->argv && spec->argv[0]);
    struct process *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(err, ERROR_LIMIT, "no memory for a process");
        return NULL;
    }
    *p = (struct process){.magic = PROCESS_MAGIC, .done = done, .owner = owner};
    p->uv.data = p;
    int log = open_log(spec->log, err);
    if (log < 0) {
        free(p);
        return NULL;
    }
    int rc = spawn(p, l, spec, log);
    (void)close(log);
    if (rc != 0) { /* the handle was made all the same */
        error_from(err, ERROR_CONFIG, ERROR_FROM_LIBUV, rc, "cannot start %s: %s", spec->argv[0], uv_strerror(rc));
        uv_close((uv_handle_t *)&p->uv, on_closed);
        return NULL;
    }
    p->running = true;
    return p;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    assert(p->magic == PROCESS_MAGIC);
    process_signal(p, SIGKILL);
    pid_t left = p->running ? p->uv.pid : 0;
    p->magic = 0;
    uv_close((uv_handle_t *)&p->uv, on_closed);
    while (left > 0 && waitpid(left, NULL, 0) < 0 && errno == EINTR)
        ; /* libuv does not reap what was closed */
}

pid_t process_pid(const struct process *p)
{
    return p->uv.pid;
}

bool process_running(const struct process *p)
{
    return p->running;
}

int process_status(const struct process *p)
{
    return p->status;
}

int process_ended_by(const struct process *p)
{
    return p->signal;
}

void process_signal(struct process *p, int number)
{
    assert(p->magic == PROCESS_MAGIC);
    if (p->running) /* not reaped yet, so the number is still its own */
        (void)kill(-p->uv.pid, number);
}

void process_stop(struct loop *l, struct process *p, int number, int longest_ms)
{
    process_signal(p, number);
    for (int64_t until = clock_mono_ms() + longest_ms; p->running && clock_mono_ms() < until;)
        loop_turn(l, TURN_MS);
    process_signal(p, SIGKILL);
    while (p->running)
        loop_turn(l, TURN_MS);
}

int process_run(struct loop *l, const struct process_spec *spec, int longest_ms, struct error *err)
{
    struct process *p = process_start(l, spec, NULL, NULL, err);
    if (!p)
        return -1;
    for (int64_t until = clock_mono_ms() + longest_ms; p->running && clock_mono_ms() < until;)
        loop_turn(l, TURN_MS);
    int rc = 0;
    if (p->running) {
        process_stop(l, p, SIGKILL, 0);
        rc = error_set(err, ERROR_DEADLINE, "%s did not end within %d s", spec->argv[0], longest_ms / 1000);
    } else if (p->signal != 0) {
        rc = error_set(err, ERROR_REFUSED, "%s was ended by signal %d", spec->argv[0], p->signal);
    } else if (p->status != 0) {
        rc = error_set(err, ERROR_REFUSED, "%s ended with status %d", spec->argv[0], p->status);
    }
    process_free(p);
    return rc;
}
