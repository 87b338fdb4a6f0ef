/* SPDX-License-Identifier: MIT
 * The places' table: read from the environment once, then counted down. Empty in every build but `faults`. */
#include "lib/base/fault.h"

#ifdef FIRSTLINE_FAULTS

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"

#define FAULTS_MAX 32
#define FAULT_EXIT 70
#define WAIT_LOOK_NS 20000000
#define LEAK_BYTES 262144

enum fault_action { FAULT_STOP, FAULT_KILL, FAULT_LEAVE, FAULT_FAIL, FAULT_TOUCH, FAULT_WAIT, FAULT_LEAK, FAULT_ACTIONS };

static const struct {
    const char *name;
    bool wants_path;
} fault_actions[] = {
    [FAULT_STOP] = {"stop", false},
    [FAULT_KILL] = {"kill", false},
    [FAULT_LEAVE] = {"exit", false},
    [FAULT_FAIL] = {"fail", false},
    [FAULT_TOUCH] = {"touch", true},
    [FAULT_WAIT] = {"wait", true},
    [FAULT_LEAK] = {"leak", false},
};
_Static_assert(sizeof fault_actions / sizeof fault_actions[0] == FAULT_ACTIONS, "one row an action");

struct fault {
    const char *place, *path; /* of the copy of the environment, which stays */
    enum fault_action action;
    long at; /* the how many-th passing; 0: each */
    long passed;
};

static struct { /* the tests' own state: the environment is the process's, too */
    bool read;
    struct fault list[FAULTS_MAX];
    int count;
    const char *twin;
    char *copy; /* owned until the end of the process: the list points into it */
    char notice[512];
} faults;

static _Noreturn void wrong(const char *what)
{
    (void)fprintf(stderr, "firstline: FIRSTLINE_FAULT: \"%s\" is not place=action[@n]\n", what);
    _exit(FAULT_EXIT);
}

/* "place=action[:path][@n]", cut into its parts in place. */
static void read_one(char *text)
{
    char *is = strchr(text, '=');
    if (!is || faults.count == FAULTS_MAX)
        wrong(text);
    *is = '\0';
    struct fault f = {.place = text, .action = FAULT_ACTIONS, .at = 1};
    char *at = strrchr(is + 1, '@');
    if (at) {
        *at = '\0';
        char *end;
        f.at = strcmp(at + 1, "*") == 0 ? 0 : (long)strtoll(at + 1, &end, 10);
        if (f.at < 0 || (f.at == 0 && at[1] != '*'))
            wrong(at + 1);
    }
    char *path = strchr(is + 1, ':');
    if (path)
        *path = '\0';
    for (int i = 0; i < FAULT_ACTIONS; i++)
        if (strcmp(fault_actions[i].name, is + 1) == 0)
            f.action = (enum fault_action)i;
    if (f.action == FAULT_ACTIONS || fault_actions[f.action].wants_path != (path != NULL))
        wrong(is + 1);
    f.path = path ? path + 1 : NULL;
    faults.list[faults.count++] = f;
}

static void read_environment(void)
{
    if (faults.read)
        return;
    faults.read = true;
    const char *spec = getenv("FIRSTLINE_FAULT"), *twin = getenv("FIRSTLINE_TWIN");
    faults.twin = twin ? twin : "";
    (void)snprintf(faults.notice, sizeof faults.notice, " WITH FAULTS ON COMMAND, for tests only: never run it for real%s%s%s%s",
        faults.twin[0] ? "; it plays the broken twin " : "", faults.twin, spec && spec[0] ? "; told: " : "", spec ? spec : "");
    char *rest = faults.copy = strdup(spec ? spec : "");
    if (!rest)
        abort(); /* a few bytes */
    for (char *one; (one = strsep(&rest, ","));)
        if (one[0])
            read_one(one);
}

static void wait_for_file(const char *path)
{
    while (access(path, F_OK) != 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_LOOK_NS}, NULL); /* stands still: nothing else may move meanwhile */
}

/* As a program that forgets what it has: nothing frees it, and nothing may use it again. */
static void leak(void)
{
    static struct leak { struct leak *older; char bytes[LEAK_BYTES]; } *newest;
    struct leak *one = malloc(sizeof *one);
    if (!one)
        abort(); /* it was asked for */
    memset(one->bytes, 1, sizeof one->bytes); /* else it costs no memory */
    one->older = newest;
    newest = one;
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC); /* a descriptor, too */
}

static void act(const struct fault *f)
{
    log_warning(NULL, "a fault on command", LOG_S("place", f->place), LOG_S("action", fault_actions[f->action].name));
    int fd;
    switch (f->action) {
    case FAULT_STOP:
        (void)raise(SIGSTOP);
        break;
    case FAULT_KILL:
        (void)raise(SIGKILL);
        break;
    case FAULT_LEAVE:
        _exit(FAULT_EXIT);
    case FAULT_TOUCH:
        fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0)
            (void)close(fd);
        break;
    case FAULT_WAIT:
        wait_for_file(f->path);
        break;
    case FAULT_LEAK:
        leak();
        break;
    default: /* fail: the caller does it */
        break;
    }
}

static bool is_here(const struct fault *f, const char *place, const char *which)
{
    size_t n = strlen(place);
    if (strncmp(f->place, place, n) != 0)
        return false;
    return f->place[n] == '\0' || (f->place[n] == '/' && strcmp(f->place + n + 1, which) == 0);
}

bool fault_fails_for(const char *place, const char *which)
{
    read_environment();
    bool fails = false;
    for (int i = 0; i < faults.count; i++) {
        struct fault *f = &faults.list[i];
        if (!is_here(f, place, which) || (++f->passed != f->at && f->at != 0))
            continue;
        act(f);
        fails |= f->action == FAULT_FAIL;
    }
    return fails;
}

bool fault_fails(const char *place)
{
    return fault_fails_for(place, "");
}

void fault_point(const char *place)
{
    (void)fault_fails(place);
}

bool fault_twin(const char *name)
{
    read_environment();
    return strcmp(faults.twin, name) == 0;
}

const char *fault_notice(void)
{
    read_environment();
    return faults.notice;
}

#endif
