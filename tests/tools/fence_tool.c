/* SPDX-License-Identifier: MIT
 * For measuring: one kept SSH session, on which a command is run as often as asked. `fence_tool PORT USER KEY
 * KNOWN_HOSTS RUN [BECOME]`: a word a line on standard input (bare, parts, look, recover), an answer a line on standard
 * output: milliseconds until the answer was whole, and until the channel was closed. All run `true`: bare as SSH does, look and
 * recover under the wrapper; parts is what no recover in a shell can do without: the programs that it starts, with nothing of
 * ours around them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor/wrapper.h"
#include "lib/base/limits.h"
#include "lib/io/ssh.h"

struct tool {
    struct loop *loop;
    struct ssh *ssh;
    struct ssh_target target;
    struct wrapper_task task;
    char nonce[WRAPPER_NONCE_BYTES];
    struct buf out;      /* of the command under way */
    uint64_t whole_ns;   /* when its answer was whole; 0: not yet */
    bool done, wrapped;
};

static const char parts[] = "exec /bin/sh -c 'f=$(cat </dev/null); flock -n 9 9</proc/self/stat & wait $!; "
                            "( r=$(dd 2>&1 </dev/null >/dev/null) ) & ( sleep 0 & wait ) & setsid /bin/sh -c true; wait'";

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "fence_tool: %s: %s\n", what, why);
    exit(1);
}

static void on_output(void *owner, uint64_t op, bool is_stderr, const char *data, size_t bytes)
{
    struct tool *t = owner;
    (void)op;
    if (is_stderr)
        return;
    if (buf_add(&t->out, data, bytes) < 0)
        fail("output", "too much");
    if (t->wrapped && t->whole_ns == 0 && wrapper_complete(buf_text(&t->out), t->out.bytes, t->nonce))
        t->whole_ns = now_ns();
}

static void on_done(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct tool *t = owner;
    (void)op;
    (void)outcome;
    if (err)
        fail("ssh", err->text);
    t->done = true;
}

/* Runs it; what came back is in t->out. */
static void run(struct tool *t, const char *command, const struct buf *input, uint64_t *answer_ns, uint64_t *closed_ns)
{
    buf_clear(&t->out);
    t->whole_ns = 0;
    t->done = false;
    t->wrapped = input != NULL;
    struct ssh_request request = {.target = &t->target, .command = command, .on_output = on_output, .deadline_ms = 60000,
        .input = input ? buf_text(input) : NULL, .input_bytes = input ? input->bytes : 0};
    uint64_t began = now_ns();
    (void)ssh_run(t->ssh, &request, on_done, t);
    while (!t->done)
        loop_turn(t->loop, 1000);
    *closed_ns = now_ns() - began;
    *answer_ns = t->whole_ns ? t->whole_ns - began : *closed_ns;
}

/* One request under the wrapper; its report is in the arena. */
static struct wrapper_report wrapped(struct tool *t, enum wrapper_act act, struct arena *arena, uint64_t *answer_ns,
    uint64_t *closed_ns)
{
    struct buf input;
    struct error err = {0};
    struct wrapper_report report;
    buf_init(&input, WRAPPER_STDIN_BYTES_MAX);
    t->task.act = act;
    wrapper_nonce(t->nonce);
    if (wrapper_compose(&t->task, t->nonce, &input, &err) < 0)
        fail("compose", err.text);
    run(t, wrapper_command(), &input, answer_ns, closed_ns);
    if (wrapper_parse(buf_text(&t->out), t->out.bytes, t->nonce, arena, &report, &err) < 0)
        fail("parse", err.text);
    buf_done(&input);
    return report;
}

static void one(struct tool *t, const char *word)
{
    uint64_t answer, closed;
    struct arena *arena = arena_new(1 << 20);
    if (strcmp(word, "bare") == 0 || strcmp(word, "parts") == 0) {
        run(t, strcmp(word, "parts") == 0 ? parts : "true", NULL, &answer, &closed);
    } else {
        bool recover = strcmp(word, "recover") == 0;
        t->task.attempt += recover;
        struct wrapper_report r = wrapped(t, recover ? WRAPPER_RECOVER : WRAPPER_LOOK, arena, &answer, &closed);
        if (r.verdict != WRAPPER_ENDED || r.status != 0 || r.already)
            fail(word, *r.text ? r.text : wrapper_verdict_name(r.verdict));
    }
    arena_free(arena);
    printf("%.3f %.3f\n", (double)answer / 1e6, (double)closed / 1e6);
    (void)fflush(stdout); /* the reader sees what is missing */
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 7)
        fail("usage", "fence_tool PORT USER KEY KNOWN_HOSTS RUN [BECOME]");
    struct error err = {0};
    struct tool t = {.target = {.name = "machine", .address = "127.0.0.1", .port = (uint16_t)strtoul(argv[1], NULL, 10),
                         .user = argv[2], .key_file = argv[3]}};
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&t.out, WRAPPER_STDIN_BYTES_MAX);
    struct known_hosts *known = known_hosts_load(argv[4], NULL, &err);
    t.loop = known ? loop_new(&err) : NULL;
    struct ssh_settings settings = {.known_hosts = known};
    t.ssh = t.loop ? ssh_new(t.loop, &settings, &err) : NULL;
    if (!t.ssh)
        fail("start", err.text);
    t.task = (struct wrapper_task){.script = "true", .timeout_s = 60, .cluster = "bench", .run = argv[5], .step = 1,
        .token = {1, 1, "bench"}, .become = argc == 7 ? argv[6] : NULL};
    struct arena *arena = arena_new(1 << 20);
    uint64_t answer, closed;
    struct wrapper_report contact = wrapped(&t, WRAPPER_CONTACT, arena, &answer, &closed);
    if (contact.verdict != WRAPPER_DONE)
        fail("contact", contact.text);
    t.task.machine = contact.machine_id;
    t.task.folder = contact.folder;
    t.task.memory_id = t.task.sent_memory_id = contact.memory_id;
    t.task.boot_id = contact.boot_id;
    for (char word[32]; fgets(word, sizeof word, stdin);) {
        word[strcspn(word, "\n")] = '\0';
        one(&t, word);
    }
    ssh_free(t.ssh);
    known_hosts_free(known);
    loop_free(t.loop);
    arena_free(arena);
    buf_done(&t.out);
    return 0;
}
