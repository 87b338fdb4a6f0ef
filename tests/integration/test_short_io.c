/* SPDX-License-Identifier: MIT
 * What the kernel may do at any time: move fewer bytes than it was given, none now, or be interrupted. Every result must be the
 * one that it is without. The seed of a round that failed is in the message. */
#include "tests/kit/kit_short.h"
#include "tests/integration/pg_world.h"
#include "tests/kit/kit_ssh.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/io/archive_file.h"
#include "lib/io/http_client.h"
#include "lib/io/http_server.h"

#define ROUNDS 8 /* FIRSTLINE_ROUNDS in the environment: other than that */
#define CALLS 6

static unsigned rounds(void)
{
    const char *text = getenv("FIRSTLINE_ROUNDS");
    return text ? (unsigned)strtoul(text, NULL, 10) : ROUNDS;
}

static char *filled(size_t bytes, unsigned seed)
{
    char *data = malloc(bytes + 1);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)('a' + (i * 7 + i / 251 + seed) % 26);
    data[bytes] = '\0';
    return data;
}

/* The faults must have come, else the round shows nothing. */
static void end_round(bool streams)
{
    struct kit_short_counts counts = kit_short_end();
    assert_true(counts.cut > 0);
    assert_true(!streams || (counts.again > 0 && counts.interrupted > 0));
}

/* ---- HTTP ---- */

static void echo(void *owner, struct http_request *req)
{
    (void)owner;
    size_t bytes = 0;
    const char *body = http_request_body(req, &bytes);
    http_answer_header(req, "X-Path", http_request_path(req));
    http_answer(req, 200, "text/plain", body, bytes);
}

/* In a process of its own: it waits by edge, where EAGAIN must be true. */
static pid_t serve(uint16_t *out_port)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct error err = {0};
        struct loop *l = loop_new(&err);
        struct http_server *s = l ? http_server_new(l, &(struct http_server_settings){0}, echo, NULL, &err) : NULL;
        uint16_t port = s ? http_server_port(s) : 0;
        if (write(ends[1], &port, sizeof port) != sizeof port || !s)
            _exit(1);
        loop_run(l);
        _exit(0);
    }
    assert_int_equal(read(ends[0], out_port, sizeof *out_port), sizeof *out_port);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_true(*out_port != 0);
    return pid;
}

struct call {
    char url[64], path[16];
    char *body; /* owned */
    size_t bytes;
    int times;
    bool same;
    struct error err;
};

static void on_reply(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    (void)id;
    struct call *c = owner;
    c->times++;
    if (err) {
        c->err = *err;
        return;
    }
    size_t bytes = 0;
    const char *body = http_reply_body(reply, &bytes), *path = http_reply_header(reply, "X-Path");
    c->same = http_reply_status(reply) == 200 && bytes == c->bytes && memcmp(body, c->body, bytes) == 0 && path &&
              strcmp(path, c->path) == 0;
}

static bool all_told(const struct call *calls)
{
    for (int i = 0; i < CALLS; i++)
        if (calls[i].times == 0)
            return false;
    return true;
}

static void http_round(struct world *w, struct http_client *client, uint16_t port, unsigned seed)
{
    struct call calls[CALLS] = {0};
    for (int i = 0; i < CALLS; i++) {
        struct call *c = &calls[i];
        c->bytes = 7919u * (size_t)(i * i);
        c->body = filled(c->bytes, seed + (unsigned)i);
        (void)snprintf(c->path, sizeof c->path, "/%u-%d", seed % 1000, i);
        (void)snprintf(c->url, sizeof c->url, "http://127.0.0.1:%u/%u-%d", port, seed % 1000, i);
        struct http_call call = {.method = "POST", .url = c->url, .body = c->body, .bytes = c->bytes, .timeout_ms = WAIT_MS};
        assert_true(http_send(client, &call, on_reply, c) != 0);
    }
    WAIT_FOR(w, all_told(calls));
    for (int i = 0; i < CALLS; i++) {
        if (calls[i].times != 1 || !calls[i].same)
            fail_msg("seed %u, call %d: %d times, %s", seed, i, calls[i].times, calls[i].err.text);
        free(calls[i].body);
    }
}

static void http_requests_and_replies_are_whole(void **state)
{
    (void)state;
    uint16_t port = 0;
    pid_t server = serve(&port);
    struct error err = {0};
    struct world w = {.loop = loop_new(&err)};
    struct http_client *client = http_client_new(w.loop, NULL, &err);
    assert_non_null(client);
    for (unsigned seed = 0; seed < rounds(); seed++) {
        kit_short_begin(seed, KIT_SHORT_STREAMS);
        http_round(&w, client, port, seed);
        end_round(true);
    }
    http_client_free(client);
    loop_free(w.loop);
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

/* ---- Postgres ---- */

#define WIDE_BYTES 150000

static const struct embedded statements[] = {
    {"put", "insert into t (id, body) values ($1::int, $2::bytea)", 0},
    {"twice", "select body || body from t where id = $1::int", 0},
    {"echo", "select $1::int as n", 0},
    {NULL, NULL, 0},
};

struct twice {
    const char *expected;
    int times;
};

static void on_twice(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct twice *t = owner;
    if (err)
        fail_msg("%s", err->text);
    struct buf b;
    buf_init(&b, 2 * WIDE_BYTES);
    assert_int_equal(pg_rows(answer, 0), 1);
    assert_int_equal(pg_blob(answer, 0, 0, 0, &b), 0);
    assert_int_equal(b.bytes, 2 * WIDE_BYTES);
    assert_memory_equal(b.data, t->expected, WIDE_BYTES);
    assert_memory_equal(b.data + WIDE_BYTES, t->expected, WIDE_BYTES);
    buf_done(&b);
    t->times++;
}

static void on_number(void *owner, const struct pg_answer *answer, const struct error *err)
{
    int *next = owner;
    assert_null(err);
    assert_int_equal(pg_int(answer, 0, 0, 0), *next);
    *next += 1;
}

/* Connecting and preparing are part of a round. */
static void pg_round(struct world *w, unsigned seed)
{
    struct error err = {0};
    struct pg_settings settings = {.conninfo = kit_pg_conninfo(w->server), .statements = statements};
    w->pg = pg_new(w->loop, &settings, &err);
    assert_non_null(w->pg);
    char *data = filled(WIDE_BYTES, seed);
    struct told put = {0};
    struct twice twice = {.expected = data};
    int next = 0;
    struct pg_value values[] = {PG_INT(seed), pg_from_bytes(data, WIDE_BYTES)};
    pg_query(w->pg, "put", values, 2, 0, on_done, &put);
    pg_query(w->pg, "twice", values, 1, 0, on_twice, &twice);
    for (int i = 0; i < 200; i++)
        pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(i)}, 1, 0, on_number, &next);
    WAIT_FOR(w, next == 200);
    assert_int_equal(put.times, 1);
    assert_false(put.failed);
    assert_int_equal(twice.times, 1);
    struct pg_lane numbers = numbers_of(w->pg);
    assert_int_equal(numbers.commits, 202);
    pg_free(w->pg);
    free(data);
}

static void statements_and_rows_are_whole(void **state)
{
    (void)state;
    struct error err = {0};
    struct world w = {.server = kit_pg_start(NULL), .loop = loop_new(&err)};
    kit_pg_run(w.server, "create table t (id int primary key, body bytea)");
    for (unsigned seed = 0; seed < rounds(); seed++) {
        kit_short_begin(seed, KIT_SHORT_STREAMS);
        pg_round(&w, seed);
        end_round(true);
    }
    char *count = kit_pg_ask(w.server, "select count(*) from t");
    assert_int_equal(atoi(count), rounds());
    free(count);
    loop_free(w.loop);
    kit_pg_free(w.server);
}

/* ---- SSH ---- */

static void expect(const struct result *r, unsigned seed, int status, const char *out, size_t bytes)
{
    if (r->failed || r->times != 1)
        fail_msg("seed %u: %d times, %s", seed, r->times, r->err.text);
    if (!r->outcome.have_status || r->outcome.status != status)
        fail_msg("seed %u: status %d, signal '%s', stderr '%s'", seed, r->outcome.status, r->outcome.exit_signal, r->err_out);
    if (r->outcome.out_bytes != bytes || memcmp(r->out, out, bytes) != 0)
        fail_msg("seed %u: %zu bytes of output instead of %zu", seed, r->outcome.out_bytes, bytes);
}

/* A session of its own: connecting, and several commands in it at once. By libssh2: `ssh` has sockets of its own. */
static void ssh_round(struct kit_sshd *server, unsigned seed)
{
    struct bed b;
    bed_open(&b, SSH_LIBSSH2, (struct ssh_settings){.keepalive_ms = 1000}, server->known_hosts);
    struct ssh_target t = bed_target(&b, server);
    enum { LARGE = 60000 };
    char *data = filled(LARGE, seed);
    struct result r[4];
    bed_start(&b, &t, (struct ssh_request){.command = "cat", .input = data, .input_bytes = LARGE}, &r[0]);
    bed_start(&b, &t, (struct ssh_request){.command = "cat >&2; exit 7", .input = data, .input_bytes = 999}, &r[1]);
    bed_start(&b, &t, (struct ssh_request){.command = "sleep 1.5; echo late"}, &r[2]); /* keepalives are sent meanwhile */
    bed_start(&b, &t, (struct ssh_request){.command = "head -c 60000 /dev/zero | tr '\\0' x; echo e >&2; exit 3"}, &r[3]);
    bed_wait(&b, r, 4);
    expect(&r[0], seed, 0, data, LARGE);
    expect(&r[1], seed, 7, "", 0);
    assert_memory_equal(r[1].err_out, data, 999);
    expect(&r[2], seed, 0, "late\n", 5);
    memset(data, 'x', LARGE);
    expect(&r[3], seed, 3, data, LARGE);
    assert_string_equal(r[3].err_out, "e\n");
    for (int i = 0; i < 4; i++)
        result_done(&r[i]);
    struct ssh_counts counts;
    ssh_count(b.ssh, &counts);
    assert_int_equal(counts.connected, 1); /* and it stayed */
    bed_close(&b);
    free(data);
}

static void commands_and_their_output_are_whole(void **state)
{
    (void)state;
    struct kit_sshd *server = kit_sshd_start(NULL);
    for (unsigned seed = 0; seed < rounds(); seed++) {
        kit_short_begin(seed, KIT_SHORT_STREAMS);
        ssh_round(server, seed);
        end_round(true);
    }
    kit_sshd_stop(server);
}

/* ---- files ---- */

#define LINES 4000

static char folder[] = "/tmp/firstline-short-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static void forget(const char *name)
{
    char path[ARCHIVE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path); /* not every test made it */
}

static int clean_folder(void **state)
{
    (void)state;
    forget("a.jsonl.gz");
    forget("a.2.jsonl.gz");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    forget("plain");
    return rmdir(folder); /* nothing else may be there: no half file stays */
}

static int write_archive(unsigned seed, char *out_path, struct error *err)
{
    struct archive_file *f = archive_begin(folder, "a.jsonl.gz", "test", err);
    if (!f)
        return -1;
    char line[64];
    unsigned random = 1 + seed;
    for (int i = 0; i < LINES; i++) {
        random = random * 1103515245u + 12345u;
        int bytes = snprintf(line, sizeof line, "{\"n\":%d,\"r\":\"%08x%08x\"}\n", i, random, random * 31);
        if (archive_add(f, line, (size_t)bytes, err) < 0) {
            archive_abandon(f);
            return -1;
        }
    }
    return archive_keep(f, LINES, out_path, err);
}

/* The same bytes again are found to be the same; others go beside. */
static void archives_are_whole(void **state)
{
    (void)state;
    struct error err = {0};
    char path[ARCHIVE_PATH_BYTES], again[ARCHIVE_PATH_BYTES];
    for (unsigned seed = 0; seed < rounds(); seed++) {
        assert_int_equal(write_archive(0, path, &err), 0);
        kit_short_begin(seed, KIT_SHORT_FILES);
        if (write_archive(0, again, &err) < 0)
            fail_msg("seed %u: %s", seed, err.text);
        assert_string_equal(again, path);
        if (write_archive(1, again, &err) < 0)
            fail_msg("seed %u: %s", seed, err.text);
        end_round(false);
        if (!strstr(again, "/a.2.jsonl.gz"))
            fail_msg("seed %u: other rows are in %s", seed, again);
        forget("a.jsonl.gz");
        forget("a.2.jsonl.gz");
    }
}

/* zlib gives up when it is interrupted: then nothing has the name, the error says why, and the next attempt makes the file. */
static void an_interrupted_archive_is_whole_or_told(void **state)
{
    (void)state;
    int kept = 0, told = 0;
    for (unsigned seed = 0; seed < 40; seed++) {
        struct error err = {0};
        char path[ARCHIVE_PATH_BYTES];
        kit_short_begin(seed, KIT_SHORT_FILES | KIT_SHORT_FILES_EINTR);
        int rc = write_archive(seed, path, &err);
        (void)kit_short_end();
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/a.jsonl.gz", folder);
        assert_int_equal(stat(path, &st) == 0, rc == 0);
        if (rc < 0 && !strstr(err.text, "nterrupted"))
            fail_msg("seed %u: %s", seed, err.text);
        *(rc < 0 ? &told : &kept) += 1;
        assert_int_equal(write_archive(seed, path, &err), 0); /* the same bytes: found to be the same */
        forget("a.jsonl.gz");
    }
    assert_true(told > 0);
    print_message("kept %d, told %d\n", kept, told);
}

static void files_are_read_whole(void **state)
{
    (void)state;
    char path[ARCHIVE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/plain", folder);
    char *data = filled(200000, 3), *room = malloc(200000);
    assert_non_null(room);
    FILE *f = fopen(path, "w");
    assert_int_equal(fwrite(data, 1, 200000, f), 200000);
    assert_int_equal(fclose(f), 0);
    for (unsigned seed = 0; seed < rounds(); seed++) {
        struct error err = {0};
        struct buf b;
        size_t bytes = 0;
        buf_init(&b, 200000);
        kit_short_begin(seed, KIT_SHORT_FILES | KIT_SHORT_FILES_EINTR);
        assert_int_equal(file_read(path, &b, NULL, &err), 0);
        assert_int_equal(file_read_into(path, room, 200000, &bytes, NULL, &err), 0);
        end_round(false);
        assert_int_equal(b.bytes, 200000);
        assert_memory_equal(b.data, data, 200000);
        assert_int_equal(bytes, 200000);
        assert_memory_equal(room, data, 200000);
        buf_done(&b);
    }
    free(data);
    free(room);
}

/* The log goes to a file here; each line must be there whole, in order. */
static void log_lines_are_whole(void **state)
{
    (void)state;
    char path[ARCHIVE_PATH_BYTES], part[64];
    (void)snprintf(path, sizeof path, "%s/plain", folder);
    int before = dup(STDERR_FILENO), fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_true(before >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    kit_short_begin(1, KIT_SHORT_FILES | KIT_SHORT_FILES_EINTR);
    for (int i = 0; i < 300; i++)
        log_info(NULL, "a line of some length, so that it can be cut", LOG_I("n", i));
    end_round(false);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    (void)close(fd);
    struct buf b;
    struct error err = {0};
    buf_init(&b, 1000000);
    assert_int_equal(file_read(path, &b, NULL, &err), 0);
    const char *at = buf_text(&b);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(part, sizeof part, "can be cut\" n=%d\n", i);
        const char *end = strchr(at, '\n');
        if (!end || strncmp(at, "at=", 3) != 0 || !strstr(at, part) || strstr(at, part) > end)
            fail_msg("line %d: %.100s", i, at);
        at = end + 1;
    }
    assert_string_equal(at, "");
    buf_done(&b);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_requests_and_replies_are_whole),
        cmocka_unit_test(statements_and_rows_are_whole),
        cmocka_unit_test(commands_and_their_output_are_whole),
        cmocka_unit_test_teardown(archives_are_whole, clean_folder),
        cmocka_unit_test_teardown(an_interrupted_archive_is_whole_or_told, clean_folder),
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(log_lines_are_whole),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
