/* SPDX-License-Identifier: MIT
 * SSH against a real sshd: the same table of cases over both transports. What goes wrong is in test_ssh_failures.c. */
#include "tests/kit/kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/kit/kit_ssh.h"

static struct kit_sshd *server;

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

/* ---- the table: both transports ---- */

struct row {
    const char *command;
    const char *input;
    size_t input_bytes; /* 0: strlen */
    int status;         /* -1: ended by a signal */
    const char *out;
    size_t out_bytes;   /* 0: strlen */
    const char *err;
};

static const struct row rows[] = {
    {"true", NULL, 0, 0, "", 0, ""},
    {"exit 3", NULL, 0, 3, "", 0, ""},
    {"exit 255", NULL, 0, 255, "", 0, ""},
    {"no-such-command-x", NULL, 0, 127, "", 0, NULL},
    {"echo out; echo err >&2", NULL, 0, 0, "out\n", 0, "err\n"},
    {"cat", "hello", 0, 0, "hello", 0, ""},
    {"cat", "a\0b\xff\xfe\n", 6, 0, "a\0b\xff\xfe\n", 6, ""},
    {"cat >&2; exit 7", "to stderr", 0, 7, "", 0, "to stderr"},
    {"kill -TERM $$", NULL, 0, -1, "", 0, ""},
    {"echo before; kill -KILL $$", NULL, 0, -1, "before\n", 0, ""},
    {"exec true", "input that nobody reads", 0, 0, "", 0, ""},
    {"printf 'is canary-7781 here'", NULL, 0, 0, "is [redacted] here", 0, ""},
    {"printf 'can'; sleep 0.1; printf 'ary-77'; sleep 0.1; printf '81.' ; printf 'canary-7781' >&2",
        NULL, 0, 0, "[redacted].", 0, "[redacted]"},
    {"printf 'export DB_PASSWORD=abc\\n'", NULL, 0, 0, "export DB_PASSWORD=[redacted]\n", 0, ""},
};

static void table_over(enum ssh_transport transport)
{
    struct bed b;
    bed_open(&b, transport, (struct ssh_settings){0}, server->known_hosts);
    struct ssh_target t = bed_target(&b, server);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct result r;
        size_t n = row->input_bytes ? row->input_bytes : row->input ? strlen(row->input) : 0;
        bed_run(&b, &t,
            (struct ssh_request){.command = row->command, .input = row->input, .input_bytes = n}, &r);
        if (r.failed)
            fail_msg("'%s': %s", row->command, r.err.text);
        assert_true(r.outcome.maybe_ran);
        if (r.outcome.have_status != (row->status >= 0) ||
            (row->status >= 0 && r.outcome.status != row->status))
            fail_msg("'%s': status %d, signal '%s'", row->command, r.outcome.status,
                r.outcome.exit_signal);
        assert_int_equal(r.outcome.exit_signal[0] != '\0', row->status == -1);
        size_t bytes = row->out_bytes ? row->out_bytes : strlen(row->out);
        if (r.outcome.out_bytes != bytes || memcmp(r.out, row->out, bytes) != 0)
            fail_msg("'%s': out '%s'", row->command, r.out);
        if (row->err)
            assert_string_equal(r.err_out, row->err);
        assert_false(r.outcome.out_cut);
        assert_int_equal(r.outcome.fresh, i == 0); /* one session for all */
        result_done(&r);
    }
    struct ssh_counts counts;
    ssh_count(b.ssh, &counts);
    assert_int_equal(counts.connected, 1);
    assert_int_equal(counts.operations, 0);
    bed_close(&b);
}

static void signals_have_names(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    bed_run(b, &t, (struct ssh_request){.command = "kill -SEGV $$"}, &r);
    assert_string_equal(r.outcome.exit_signal, b->transport == SSH_LIBSSH2 ? "SEGV" : "unknown");
    result_done(&r);
}

static void long_output_is_cut(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    bed_run(b, &t,
        (struct ssh_request){
            .command = "head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2; exit 5",
            .out_bytes_max = 100000},
        &r);
    assert_false(r.failed);
    assert_int_equal(r.outcome.status, 5);
    assert_int_equal(r.outcome.out_bytes, 100000);
    assert_true(r.outcome.out_cut);
    assert_string_equal(r.err_out, "end\n");
    assert_false(r.outcome.err_cut);
    for (size_t i = 0; i < r.outcome.out_bytes; i++)
        assert_int_equal(r.out[i], 'x');
    result_done(&r);
}

/* All 256 bytes, many times, in both directions at once. */
static void binary_passes(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    size_t n = 900000;
    char *data = malloc(n);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(i * 7 + i / 256);
    bed_run(b, &t, (struct ssh_request){.command = "cat", .input = data, .input_bytes = n}, &r);
    assert_false(r.failed);
    assert_int_equal(r.outcome.out_bytes, n);
    assert_memory_equal(r.out, data, n);
    free(data);
    result_done(&r);
}

static void on_live(void *owner, uint64_t id, bool is_stderr, const char *data, size_t bytes)
{
    struct result *r = owner;
    assert_int_equal(id, r->id);
    if (r->live.bytes_max == 0)
        buf_init(&r->live, 1 << 20);
    assert_int_equal(buf_add_text(&r->live, is_stderr ? "e" : "o"), 0);
    assert_int_equal(buf_add(&r->live, data, bytes), 0);
}

static void output_comes_live(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    bed_start(b, &t,
        (struct ssh_request){.command = "echo one; echo two >&2; read x; echo canary-7781",
            .input = NULL, .on_output = on_live},
        &r);
    bed_wait(b, &r, 1);
    assert_non_null(memmem(r.live.data, r.live.bytes, "oone\n", 5));
    assert_non_null(memmem(r.live.data, r.live.bytes, "etwo\n", 5));
    assert_null(memmem(r.live.data, r.live.bytes, "canary", 6));
    result_done(&r);
}

static void deadline_while_running(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r[2];
    bed_run(b, &t, (struct ssh_request){.command = "true"}, &r[0]); /* so that only the command takes time */
    result_done(&r[0]);
    bed_start(b, &t, (struct ssh_request){.command = "echo started; exec sleep 300", .deadline_ms = 2500}, &r[0]);
    bed_start(b, &t, (struct ssh_request){.command = "sleep 3; echo fine"}, &r[1]);
    bed_wait(b, r, 2);
    assert_true(r[0].failed);
    assert_int_equal(r[0].err.kind, ERROR_UNCERTAIN);
    expect_text(r[0].err.text, "db-3 (127.0.0.1:");
    expect_text(r[0].err.text, "timed out while reading output (2.500 s)");
    assert_string_equal(r[0].outcome.doing, "reading output");
    assert_true(r[0].outcome.maybe_ran);
    assert_false(r[0].outcome.have_status);
    assert_string_equal(r[0].out, "started\n");
    assert_false(r[1].failed); /* its neighbour goes on */
    assert_string_equal(r[1].out, "fine\n");
    result_done(&r[0]);
    result_done(&r[1]);
}

static void cancel_at_each_point(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    /* at once: nothing was sent */
    bed_start(b, &t, (struct ssh_request){.command = "true"}, &r);
    ssh_cancel(b->ssh, r.id);
    ssh_cancel(b->ssh, r.id); /* again is fine */
    assert_false(r.done);
    bed_wait(b, &r, 1);
    assert_int_equal(r.err.kind, ERROR_CANCELLED);
    assert_false(r.outcome.maybe_ran);
    result_done(&r);
    /* after each number of turns: exactly one answer, and the right kind */
    for (int turns = 1; turns < 25; turns++) {
        bed_start(b, &t, (struct ssh_request){.command = "exec sleep 300"}, &r);
        for (int i = 0; i < turns; i++)
            loop_turn(b->loop, 5);
        ssh_cancel(b->ssh, r.id);
        bed_wait(b, &r, 1);
        for (int i = 0; i < 3; i++)
            loop_turn(b->loop, 1);
        assert_int_equal(r.times, 1);
        assert_true(r.failed);
        assert_int_equal(r.err.kind, r.outcome.maybe_ran ? ERROR_UNCERTAIN : ERROR_CANCELLED);
        expect_text(r.err.text, "cancelled while ");
        result_done(&r);
    }
    ssh_cancel(b->ssh, 999999); /* unknown is fine */
    bed_run(b, &t, (struct ssh_request){.command = "echo alive"}, &r);
    assert_string_equal(r.out, "alive\n");
    result_done(&r);
}

static void many_at_once(struct bed *b)
{
    enum { N = 100 };
    struct ssh_target t = bed_target(b, server);
    struct result *r = calloc(N, sizeof *r);
    kit_sshd_cut(server); /* a login that an earlier test gave up may still be under way, and would be counted */
    unsigned before = kit_sshd_logged(server, "Accepted publickey");
    for (int i = 0; i < N; i++) {
        char command[64];
        snprintf(command, sizeof command, "echo %d; echo e%d >&2; exit %d", i, i, i);
        bed_start(b, &t, (struct ssh_request){.command = command}, &r[i]);
    }
    bed_wait(b, r, N);
    struct ssh_counts counts;
    int64_t limit_ms = clock_mono_ms() + 20000;
    do { /* a session that nobody needs any more may still be on its way */
        loop_turn(b->loop, 10);
        ssh_count(b->ssh, &counts);
    } while (counts.handshakes > 0 && clock_mono_ms() < limit_ms);
    assert_in_range(counts.channels_peak, 2, 8);
    assert_in_range(counts.handshakes_host_peak, 1, 4);
    assert_int_equal(kit_sshd_logged(server, "Accepted publickey") - before, counts.connected);
    for (int i = 0; i < N; i++) {
        char out[16], err[16];
        snprintf(out, sizeof out, "%d\n", i);
        snprintf(err, sizeof err, "e%d\n", i);
        if (r[i].failed)
            fail_msg("%d: %s", i, r[i].err.text);
        assert_int_equal(r[i].outcome.status, i);
        assert_string_equal(r[i].out, out);
        assert_string_equal(r[i].err_out, err);
        assert_int_equal(r[i].times, 1);
        result_done(&r[i]);
    }
    free(r);
}

static void cancel_at_output(void *owner, uint64_t id, bool is_stderr, const char *data, size_t bytes)
{
    struct result *r = owner;
    (void)is_stderr;
    (void)data;
    (void)bytes;
    ssh_cancel(((struct bed *)r->more)->ssh, id);
}

/* A command that said all that was wanted is given up; the session is used on, and a few that never end do not fill it. */
static void given_up_channels_keep_the_session(struct bed *b)
{
    struct ssh_target t = bed_target(b, server);
    struct result r;
    for (int i = 0; i < 12; i++) {
        memset(&r, 0, sizeof r);
        bed_start(b, &t,
            (struct ssh_request){.command = "echo all; sleep 0.05", .on_output = cancel_at_output}, &r);
        r.more = b;
        bed_wait(b, &r, 1);
        assert_string_equal(r.out, "all\n");
        result_done(&r);
        struct result pause;
        bed_run(b, &t, (struct ssh_request){.command = "sleep 0.1"}, &pause);
        result_done(&pause);
    }
    struct ssh_counts counts;
    ssh_count(b->ssh, &counts);
    assert_int_equal(counts.connected, 1);
    for (int i = 0; i < 12; i++) {
        bed_start(b, &t,
            (struct ssh_request){.command = "echo all; exec sleep 300", .on_output = cancel_at_output}, &r);
        r.more = b;
        bed_wait(b, &r, 1);
        assert_int_equal(r.err.kind, ERROR_UNCERTAIN);
        result_done(&r);
    }
    ssh_count(b->ssh, &counts);
    assert_in_range(counts.connected, 2, 5);
    bed_run(b, &t, (struct ssh_request){.command = "echo good"}, &r);
    assert_string_equal(r.out, "good\n");
    result_done(&r);
}

/* Much goes both ways in one session, so that packets wait half sent; some are cancelled in the middle of it. */
static void traffic_with_cancels(struct bed *b)
{
    enum { N = 8, BYTES = 900000 };
    struct ssh_target t = bed_target(b, server);
    struct result r[N];
    char *data = malloc(BYTES);
    memset(data, 'd', BYTES);
    for (int i = 0; i < N; i++)
        bed_start(b, &t,
            (struct ssh_request){.command = "sleep 0.2; cat; head -c 500000 /dev/zero >&2",
                .input = data, .input_bytes = BYTES},
            &r[i]);
    for (int turns = 0; turns < 12; turns++)
        loop_turn(b->loop, 20);
    ssh_cancel(b->ssh, r[2].id);
    for (int turns = 0; turns < 12; turns++)
        loop_turn(b->loop, 20);
    ssh_cancel(b->ssh, r[5].id);
    bed_wait(b, r, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(r[i].times, 1);
        if (i != 2 && i != 5) {
            if (r[i].failed)
                fail_msg("%d: %s", i, r[i].err.text);
            assert_int_equal(r[i].outcome.status, 0);
            assert_int_equal(r[i].outcome.out_bytes, BYTES);
            assert_memory_equal(r[i].out, data, BYTES);
            assert_int_equal(r[i].outcome.err_bytes, 500000);
        }
        result_done(&r[i]);
    }
    free(data);
    struct result after;
    bed_run(b, &t, (struct ssh_request){.command = "echo after"}, &after);
    assert_string_equal(after.out, "after\n");
    result_done(&after);
}

/* A test's own bed around one scene, over one transport. */
typedef void scene(struct bed *b);
static void play(scene *fn, enum ssh_transport transport, struct ssh_settings settings)
{
    struct bed b;
    bed_open(&b, transport, settings, server->known_hosts);
    fn(&b);
    bed_close(&b);
}

#define BOTH(name, fn)                                        \
    static void name##_libssh2(void **state)                  \
    {                                                         \
        (void)state;                                          \
        play(fn, SSH_LIBSSH2, (struct ssh_settings){0});      \
    }                                                         \
    static void name##_openssh(void **state)                  \
    {                                                         \
        (void)state;                                          \
        play(fn, SSH_OPENSSH, (struct ssh_settings){0});      \
    }

static void table_libssh2(void **state)
{
    (void)state;
    table_over(SSH_LIBSSH2);
}
static void table_openssh(void **state)
{
    (void)state;
    table_over(SSH_OPENSSH);
}
BOTH(signals, signals_have_names)
BOTH(cut, long_output_is_cut)
BOTH(binary, binary_passes)
BOTH(live, output_comes_live)
BOTH(deadline, deadline_while_running)
BOTH(cancel, cancel_at_each_point)
BOTH(many, many_at_once)
BOTH(traffic, traffic_with_cancels)
BOTH(given_up, given_up_channels_keep_the_session)

static int start_servers(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    server = kit_sshd_start(NULL);
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    kit_sshd_stop(server);
    return 0;
}

#define ROWS(name) cmocka_unit_test(name##_libssh2), cmocka_unit_test(name##_openssh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(table),
        ROWS(signals),
        ROWS(cut),
        ROWS(binary),
        ROWS(live),
        ROWS(deadline),
        ROWS(cancel),
        ROWS(many),
        ROWS(traffic),
        ROWS(given_up),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
