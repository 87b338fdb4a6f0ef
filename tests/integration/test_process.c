/* SPDX-License-Identifier: MIT
 * Child processes: status, signal, output, groups, and that freeing ends them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"
#include "lib/io/loop.h"
#include "lib/io/process.h"

static const struct {
    const char *script;
    int longest_ms;
    enum error_kind kind;
    const char *text;
} rows[] = {
    {"exit 0", 10000, ERROR_NONE, ""},
    {"exit 7", 10000, ERROR_REFUSED, "sh ended with status 7"},
    {"kill -9 $$", 10000, ERROR_REFUSED, "sh was ended by signal 9"},
    {"sleep 100 & wait", 300, ERROR_DEADLINE, "sh did not end within 0 s"},
};

static void test_run(void **state)
{
    (void)state;
    struct loop *l = loop_new(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        const char *argv[] = {"sh", "-c", rows[i].script, NULL};
        int rc = process_run(l, &(struct process_spec){.argv = argv}, rows[i].longest_ms, &err);
        assert_int_equal(rc, rows[i].kind == ERROR_NONE ? 0 : -1);
        assert_int_equal(err.kind, rows[i].kind);
        assert_string_equal(err.text, rows[i].text);
    }
    loop_free(l);
}

static void test_cannot_start(void **state)
{
    (void)state;
    struct loop *l = loop_new(NULL);
    struct error err = {0};
    const char *argv[] = {"/nowhere/program", NULL};
    assert_null(process_start(l, &(struct process_spec){.argv = argv}, NULL, NULL, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    err = (struct error){0};
    argv[0] = "true";
    assert_null(process_start(l, &(struct process_spec){.argv = argv, .log = "/nowhere/log"}, NULL, NULL, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    loop_free(l);
}

struct ended {
    int count, status, signal;
};

static void on_done(void *owner, int status, int number)
{
    struct ended *e = owner;
    *e = (struct ended){e->count + 1, status, number};
}

/* Output of both kinds and the folder go to the log; environment as given; standard input is empty. */
static void test_output(void **state)
{
    (void)state;
    char log[] = "/tmp/firstline-process-XXXXXX";
    int fd = mkstemp(log);
    assert_true(fd >= 0);
    (void)close(fd);
    struct loop *l = loop_new(NULL);
    const char *argv[] = {"/bin/sh", "-c", "cat; pwd; echo \"$WORD\" >&2; exit 3", NULL};
    const char *environ_[] = {"WORD=hello", NULL};
    struct ended e = {0};
    struct process_spec spec = {.argv = argv, .environ = environ_, .folder = "/usr", .log = log};
    struct process *p = process_start(l, &spec, on_done, &e, NULL);
    assert_non_null(p);
    assert_true(process_pid(p) > 0);
    while (process_running(p))
        loop_turn(l, 1000);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.status, 3);
    assert_int_equal(process_status(p), 3);
    assert_int_equal(process_ended_by(p), 0);
    process_free(p);
    loop_free(l);
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(file_read(log, &text, NULL, NULL), 0);
    assert_string_equal(buf_text(&text), "/usr\nhello\n");
    buf_done(&text);
    (void)unlink(log);
}

static pid_t read_pid(const char *path)
{
    struct buf text;
    buf_init(&text, 64);
    pid_t pid = file_read(path, &text, NULL, NULL) == 0 ? (pid_t)strtoll(buf_text(&text), NULL, 10) : 0;
    buf_done(&text);
    return pid;
}

/* A child of the child goes with it, by stop and by free. */
static void test_group(void **state)
{
    (void)state;
    for (int by_free = 0; by_free < 2; by_free++) {
        char path[] = "/tmp/firstline-process-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        (void)close(fd);
        struct loop *l = loop_new(NULL);
        const char *argv[] = {"sh", "-c", "sleep 1000 & echo $! >\"$0\"; wait", path, NULL};
        struct ended e = {0};
        struct process *p = process_start(l, &(struct process_spec){.argv = argv}, on_done, &e, NULL);
        assert_non_null(p);
        pid_t child = 0;
        while ((child = read_pid(path)) == 0)
            loop_turn(l, 10);
        if (!by_free) {
            process_stop(l, p, SIGTERM, 10000);
            assert_int_equal(e.signal, SIGTERM);
        }
        process_free(p);
        while (kill(child, 0) == 0) { /* somebody reaps it, or it is a zombie of ours for a moment */
            char state_path[64], line[512] = "";
            (void)snprintf(state_path, sizeof state_path, "/proc/%d/stat", (int)child);
            FILE *f = fopen(state_path, "r");
            size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
            if (f)
                (void)fclose(f);
            line[n] = '\0';
            if (strstr(line, ") Z ") || n == 0)
                break;
            loop_turn(l, 10);
        }
        assert_int_equal(e.count, by_free ? 0 : 1);
        loop_free(l);
        (void)unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_cannot_start),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
