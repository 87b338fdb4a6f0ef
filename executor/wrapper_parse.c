/* SPDX-License-Identifier: MIT
 * Reads the answer of the wrapper's shell side. The answer is lines that begin with the request's
 * random boundary; what stands between "out" and the next such line is the script's. Knows no
 * lengths: secrets may have been replaced. */
#include "executor/wrapper.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

static const struct {
    enum wrapper_verdict verdict;
    const char *word; /* as the shell side says it; NULL: ours */
    const char *people;
    bool not_started;
} verdicts[] = {
    [WRAPPER_BROKEN] = {WRAPPER_BROKEN, NULL, "unreadable", false},
    [WRAPPER_CUT] = {WRAPPER_CUT, NULL, "cut off", false},
    [WRAPPER_DONE] = {WRAPPER_DONE, "done", "done", false},
    [WRAPPER_ENDED] = {WRAPPER_ENDED, "ended", "ended", false},
    [WRAPPER_RUNNING] = {WRAPPER_RUNNING, "running", "running", false},
    [WRAPPER_NEVER_STARTED] = {WRAPPER_NEVER_STARTED, "never", "never started", true},
    [WRAPPER_LOST] = {WRAPPER_LOST, "lost", "outcome lost", false},
    [WRAPPER_BUSY] = {WRAPPER_BUSY, "busy", "machine busy", true},
    [WRAPPER_REFUSED_STALE] = {WRAPPER_REFUSED_STALE, "stale", "refused: a newer holder was there",
        true},
    [WRAPPER_REFUSED_MEMORY] = {WRAPPER_REFUSED_MEMORY, "memory",
        "refused: the machine has forgotten", true},
    [WRAPPER_NO_FOLDER] = {WRAPPER_NO_FOLDER, "nofolder", "no usable folder", true},
    [WRAPPER_NO_BECOME] = {WRAPPER_NO_BECOME, "nobecome", "could not become the user", true},
    [WRAPPER_UNFIT] = {WRAPPER_UNFIT, "unfit", "the machine lacks something", true},
};
_Static_assert(
    sizeof verdicts / sizeof verdicts[0] == WRAPPER_VERDICTS, "one row for each verdict");

const char *wrapper_verdict_name(enum wrapper_verdict verdict)
{
    assert(verdict >= 0 && verdict < WRAPPER_VERDICTS);
    return verdicts[verdict].people;
}

bool wrapper_not_started(enum wrapper_verdict verdict)
{
    assert(verdict >= 0 && verdict < WRAPPER_VERDICTS);
    return verdicts[verdict].not_started;
}

struct answer {
    const char *at, *end; /* borrowed from the caller: what is still to be read */
    const char *nonce;    /* borrowed */
    size_t nonce_bytes;
    struct arena *arena;      /* borrowed */
    struct wrapper_report *r; /* borrowed */
    const char *head, *tail;  /* borrowed: the script's output, NULL where there is none */
    size_t head_bytes, tail_bytes;
    uint64_t cut_bytes;
    bool cut, missing, shell_seen, status_seen, verdict_seen, ended;
    bool full; /* the arena is */
    int shell; /* status of the session's first shell */
};

static const char *keep(struct answer *a, const char *text)
{
    const char *copy = arena_strdup(a->arena, text);
    if (!copy)
        a->full = true;
    return copy ? copy : "";
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return 0;
    unsigned long long n = strtoull(text, &end, 10);
    return errno == 0 && (*end == '\0' || *end == ' ') ? n : 0;
}

/* A number of the answer that must fit an int; -1 where it is none. */
static int small(const char *text)
{
    uint64_t n = number(text);
    return *text >= '0' && *text <= '9' && n < 1000000000 ? (int)n : -1;
}

static void read_verdict(struct answer *a, const char *v)
{
    for (size_t i = 0; i < WRAPPER_VERDICTS; i++)
        if (verdicts[i].word && strcmp(verdicts[i].word, v) == 0) {
            a->r->verdict = verdicts[i].verdict;
            a->verdict_seen = true;
        }
}

/* "3", "-1 TERM", "143 TERM": where there is a signal, the number is only a shell's way to say so.
 */
static void read_status(struct answer *a, const char *v)
{
    const char *signal = strchr(v, ' ');
    a->status_seen = true;
    if (signal && signal[1]) {
        snprintf(a->r->signal, sizeof a->r->signal, "%s", signal + 1);
        a->r->status = -1;
    } else {
        a->r->status = small(v);
    }
}

static void read_token(struct answer *a, const char *v)
{
    const char *epoch = strchr(v, ' ');
    const char *incarnation = epoch ? strchr(epoch + 1, ' ') : NULL;
    if (!incarnation)
        return;
    a->r->token.timeline = (uint32_t)number(v);
    a->r->token.epoch = number(epoch + 1);
    a->r->token.incarnation = keep(a, incarnation + 1);
}

static void read_signal(struct answer *a, const char *v)
{
    snprintf(a->r->signal, sizeof a->r->signal, "%s", v);
}

/* Numbers of processes and times; flags are 0 or 1. */
static bool read_number(struct answer *a, const char *k, const char *v)
{
    struct wrapper_report *r = a->r;
    if (strcmp(k, "started") == 0)
        r->started_wall_s = number(v);
    else if (strcmp(k, "ms") == 0)
        r->duration_ms = number(v);
    else if (strcmp(k, "timed") == 0)
        r->timed_out = number(v) == 1;
    else if (strcmp(k, "by_us") == 0)
        r->ended_by_us = number(v) == 1;
    else if (strcmp(k, "already") == 0)
        r->already = number(v) == 1;
    else if (strcmp(k, "left") == 0)
        r->left = small(v);
    else if (strcmp(k, "total") == 0)
        r->out_bytes_total = number(v);
    else if (strcmp(k, "missing") == 0)
        a->missing = true;
    else if (strcmp(k, "uid") == 0)
        r->uid = small(v);
    else
        return false;
    return true;
}

static void read_word(struct answer *a, const char *k, const char *v)
{
    struct wrapper_report *r = a->r;
    const struct {
        const char *name;
        const char **to;
    } words[] = {{"memory", &r->memory_id}, {"boot", &r->boot_id}, {"machine", &r->machine_id},
        {"folder", &r->folder}, {"login", &r->login}, {"tools", &r->tools}, {"holder", &r->holder},
        {"text", &r->text}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(k, words[i].name) == 0)
            *words[i].to = keep(a, v);
}

/* The next place at or behind `from` where a line begins with the boundary and a space; the end
 * where there is none. */
static const char *next_mark(const struct answer *a, const char *from)
{
    while (from < a->end) {
        const char *p = memmem(from, (size_t)(a->end - from), a->nonce, a->nonce_bytes);
        if (!p)
            return a->end;
        if (p[-1] == '\n' && (size_t)(a->end - p) > a->nonce_bytes && p[a->nonce_bytes] == ' ')
            return p;
        from = p + 1;
    }
    return a->end;
}

/* What the script wrote, up to the next line of ours; the newline before that one is ours, too. */
static void take_output(struct answer *a, const char **to, size_t *to_bytes)
{
    const char *next = next_mark(a, a->at);
    *to = a->at;
    *to_bytes = (size_t)(next - a->at);
    if (next<a->end && * to_bytes> 0)
        (*to_bytes)--;
    a->at = next;
}

static void read_fact(struct answer *a, const char *k, const char *v)
{
    if (strcmp(k, "verdict") == 0)
        read_verdict(a, v);
    else if (strcmp(k, "status") == 0)
        read_status(a, v);
    else if (strcmp(k, "signal") == 0)
        read_signal(a, v);
    else if (strcmp(k, "token") == 0)
        read_token(a, v);
    else if (strcmp(k, "shell") == 0) {
        a->shell = small(v);
        a->shell_seen = true;
    } else if (strcmp(k, "out") == 0) {
        take_output(a, &a->head, &a->head_bytes);
    } else if (strcmp(k, "cut") == 0) {
        a->cut = true;
        a->cut_bytes = number(v);
        take_output(a, &a->tail, &a->tail_bytes);
    } else if (!read_number(a, k, v)) {
        read_word(a, k, v);
    }
}

/* One line of ours, copied, since the answer is not ours to change. False when the line is not
 * whole. */
static bool read_line(struct answer *a)
{
    char line[1024];
    const char *end = memchr(a->at, '\n', (size_t)(a->end - a->at));
    if (!end)
        return false;
    const char *from = a->at + a->nonce_bytes + 1;
    size_t n = (size_t)(end - from);
    if (n > sizeof line - 1)
        n = sizeof line - 1;
    memcpy(line, from, n);
    line[n] = '\0';
    a->at = end + 1;
    if (strlen(line) != n)
        return true; /* a NUL: none of ours */
    a->ended |= strcmp(line, "end") == 0; /* with nothing behind it: what wrapper_complete waits for */
    char *value = strchr(line, ' ');
    if (value)
        *value++ = '\0';
    read_fact(a, line, value ? value : "");
    return true;
}

/* The shell that could tell a signal from a status was itself ended: its own status is all there
 * is. */
static void settle_status(struct answer *a)
{
    if (a->status_seen || !a->shell_seen)
        return;
    a->r->status = a->shell;
    if (a->shell > 128) {
        const char *name = sigabbrev_np(a->shell - 128);
        if (name) {
            snprintf(a->r->signal, sizeof a->r->signal, "%s", name);
            a->r->status = -1;
        }
    }
}

static void settle_output(struct answer *a)
{
    struct wrapper_report *r = a->r;
    char gap[80] = "";
    if (a->cut)
        snprintf(gap, sizeof gap, "\n[%" PRIu64 " bytes left out]\n", a->cut_bytes);
    size_t gap_bytes = strlen(gap);
    size_t bytes = a->head_bytes + gap_bytes + a->tail_bytes;
    char *to = arena_alloc(a->arena, bytes + 1);
    if (!to) {
        a->full = true;
        return;
    }
    if (a->head_bytes > 0)
        memcpy(to, a->head, a->head_bytes);
    memcpy(to + a->head_bytes, gap, gap_bytes);
    if (a->tail_bytes > 0)
        memcpy(to + a->head_bytes + gap_bytes, a->tail, a->tail_bytes);
    r->out = to;
    r->out_bytes = bytes;
    r->out_cut = a->cut || a->missing;
    if (r->out_bytes_total == 0)
        r->out_bytes_total = bytes;
}

static void settle(struct answer *a)
{
    struct wrapper_report *r = a->r;
    settle_status(a);
    settle_output(a);
    if (!a->ended || !a->verdict_seen) {
        r->verdict = a->ended ? WRAPPER_BROKEN : WRAPPER_CUT;
        r->text = a->ended ? "the answer has no verdict" : "the answer ended early";
    } else if (r->verdict == WRAPPER_ENDED && r->started_wall_s == 0 && !a->shell_seen &&
               !a->status_seen) {
        r->verdict = a->head ? WRAPPER_LOST : WRAPPER_NO_BECOME;
        r->text = a->head ? "the shell that watched over it was killed"
                          : "sudo did not start a shell; its words are on standard error";
    }
    if (r->started_wall_s > 0 && r->verdict == WRAPPER_ENDED)
        r->ended_wall_s = r->started_wall_s + r->duration_ms / 1000;
    if (a->missing && !*r->text)
        r->text = "the folder was full: some of the output is missing";
}

static struct wrapper_report empty_report(void)
{
    return (struct wrapper_report){.verdict = WRAPPER_BROKEN,
        .status = -1,
        .left = -1,
        .uid = -1,
        .out = "",
        .token = {.incarnation = ""},
        .memory_id = "",
        .boot_id = "",
        .machine_id = "",
        .folder = "",
        .login = "",
        .tools = "",
        .holder = "",
        .text = ""};
}

/* Behind the line that names format and boundary; NULL where there is none. Before it a login shell
 * may have talked. */
static const char *find_start(const char *out, size_t bytes, const char *nonce, int *version)
{
    static const char word[] = "firstline-wrapper ";
    const char *end = out + bytes;
    const char *at = out;
    while (at < end && (at = memmem(at, (size_t)(end - at), word, sizeof word - 1))) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol)
            return NULL;
        const char *from = at + sizeof word - 1;
        const char *space = memchr(from, ' ', (size_t)(eol - from));
        size_t nonce_bytes = strlen(nonce);
        if (space && (size_t)(eol - space) == nonce_bytes + 1 &&
            memcmp(space + 1, nonce, nonce_bytes) == 0 && (at == out || at[-1] == '\n')) {
            *version = space - from == 1 ? *from - '0' : 0;
            return eol + 1;
        }
        at = eol;
    }
    return NULL;
}

int wrapper_parse(const char *out, size_t bytes, const char *nonce, struct arena *arena,
    struct wrapper_report *out_report, struct error *err)
{
    struct wrapper_report r = empty_report();
    int version = 0;
    const char *start = bytes > 0 ? find_start(out, bytes, nonce, &version) : NULL;
    if (!start || version != WRAPPER_VERSION) {
        r.text = start       ? "an answer in another format"
                 : bytes > 0 ? "no answer of ours"
                             : "no answer";
        *out_report = r;
        return 0;
    }
    struct answer a = {.at = start,
        .end = out + bytes,
        .nonce = nonce,
        .nonce_bytes = strlen(nonce),
        .arena = arena,
        .r = &r};
    do
        a.at = next_mark(&a, a.at);
    while (a.at < a.end && read_line(&a) && !a.ended && !a.full);
    settle(&a);
    if (a.full)
        return error_set(err, ERROR_LIMIT, "an answer of %zu bytes does not fit", bytes);
    *out_report = r;
    return 0;
}

bool wrapper_complete(const char *out, size_t bytes, const char *nonce)
{
    char last[WRAPPER_NONCE_BYTES + 8];
    int n = snprintf(last, sizeof last, "\n%s end\n", nonce);
    assert(n > 0 && (size_t)n < sizeof last);
    return memmem(out, bytes, last, (size_t)n) != NULL;
}
