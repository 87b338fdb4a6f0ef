/* SPDX-License-Identifier: MIT
 * Lanes when servers stop, hang, die and change places: nothing is told twice, nothing that may be done is told as not
 * done, and a connection that may be committing is parked, not closed. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/pg_world.h"

#define LONG_MS 600000 /* far beyond the time limit of a test */

static const struct embedded statements[] = {
    {"put", "insert into t (id) values ($1::int)", 0},
    {"echo", "select $1::int as n", 0},
    {"sleep", "select pg_sleep($1::float8)", 0},
    {NULL, NULL, 0},
};

static struct pg *lane(struct world *w, struct pg_settings settings)
{
    struct error err = {0};
    settings.conninfo = settings.conninfo ? settings.conninfo : kit_pg_conninfo(w->server);
    settings.statements = statements;
    settings.application = "lane";
    struct pg *pg = pg_new(w->loop, &settings, &err);
    if (!pg)
        fail_msg("%s", err.text);
    return pg;
}

static int set_up(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    kit_pg_run(w->server, "drop table if exists t; create table t (id int primary key)");
    w->loop = loop_new(&err);
    assert_non_null(w->loop);
    w->pg = NULL;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pg_free(w->pg);
    loop_free(w->loop);
    return 0;
}

static uint64_t put(struct world *w, int id, unsigned timeout_ms, struct told *t)
{
    return pg_query(w->pg, "put", (struct pg_value[]){PG_INT(id)}, 1, timeout_ms, on_done, t);
}

static uint64_t nap(struct world *w, const char *seconds, unsigned timeout_ms, struct told *t)
{
    return pg_query(w->pg, "sleep", (struct pg_value[]){pg_from_text(seconds)}, 1, timeout_ms, on_done, t);
}

struct changes {
    int ups, downs;
    char primary[64];
    struct error why;
};

static void on_state(void *owner, bool up, const char *primary, const struct error *why)
{
    struct changes *c = owner;
    if (up)
        c->ups++;
    else
        c->downs++;
    (void)snprintf(c->primary, sizeof c->primary, "%s", primary);
    if (why)
        c->why = *why;
}

static void a_restarted_server_is_found_again(void **state)
{
    struct world *w = *state;
    struct changes changes = {0};
    struct told t = {0};
    char primary[64];
    w->pg = lane(w, (struct pg_settings){.on_state = on_state, .state_owner = &changes});
    assert_false(pg_ready(w->pg));
    assert_false(ask(w, "echo", (struct pg_value[]){PG_INT(1)}, 1).failed);
    WAIT_FOR(w, changes.ups == 1);
    (void)snprintf(primary, sizeof primary, "127.0.0.1:%d", kit_pg_port(w->server));
    assert_string_equal(changes.primary, primary);
    kit_pg_stop(w->server);
    WAIT_FOR(w, changes.downs > 0);
    assert_string_equal(changes.primary, "");
    assert_non_null(strstr(changes.why.text, "terminating connection"));
    assert_false(pg_ready(w->pg));
    put(w, 1, 0, &t); /* waits in the queue */
    kit_pg_again(w->server);
    WAIT_FOR(w, t.times);
    assert_false(t.failed); /* prepared anew */
    WAIT_FOR(w, changes.ups == 2);
    assert_int_equal(numbers_of(w->pg).reconnects, 1);
    assert_int_equal(numbers_of(w->pg).uncertain, 0);
}

static void a_killed_server_leaves_what_was_sent_uncertain(void **state)
{
    struct world *w = *state;
    struct told sent[2] = {{0}}, queued = {0}, patient = {0};
    w->pg = lane(w, (struct pg_settings){0});
    nap(w, "30", 0, &sent[0]);
    put(w, 1, 0, &sent[1]);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 2);
    kit_pg_kill(w->server);
    WAIT_FOR(w, sent[0].times && sent[1].times);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sent[i].err.kind, ERROR_UNCERTAIN);
    put(w, 2, 200, &queued);
    put(w, 3, LONG_MS, &patient);
    WAIT_FOR(w, queued.times);
    assert_int_equal(queued.err.kind, ERROR_UNREACHED);
    kit_pg_again(w->server);
    WAIT_FOR(w, patient.times);
    assert_false(patient.failed);
    assert_int_equal(sent[0].times + sent[1].times + queued.times + patient.times, 4);
    assert_int_equal(numbers_of(w->pg).uncertain, 2);
    kit_pg_wait(w->server, "select string_agg(id::text, ' ') from t", "3");
}

static void a_terminated_session_is_uncertain(void **state)
{
    struct world *w = *state;
    struct told t = {0};
    w->pg = lane(w, (struct pg_settings){0});
    nap(w, "30", 0, &t);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
    kit_pg_wait(w->server, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", "1");
    kit_pg_run(w->server,
        "select pg_terminate_backend((select pid from pg_stat_activity where wait_event = 'PgSleep'))");
    WAIT_FOR(w, t.times);
    assert_int_equal(t.err.kind, ERROR_UNCERTAIN);
    assert_false(ask(w, "echo", (struct pg_value[]){PG_INT(1)}, 1).failed);
}

static void a_cancelled_statement_was_rolled_back(void **state)
{
    struct world *w = *state;
    struct told t = {0};
    w->pg = lane(w, (struct pg_settings){0});
    nap(w, "30", 0, &t);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
    kit_pg_wait(w->server, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", "1");
    kit_pg_run(w->server,
        "select pg_cancel_backend((select pid from pg_stat_activity where wait_event = 'PgSleep'))");
    WAIT_FOR(w, t.times);
    assert_int_equal(t.err.kind, ERROR_UNREACHED);
    assert_string_equal(t.err.sqlstate, "57014");
    assert_true(pg_ready(w->pg));
}

/* ---- parking ---- */

static void no_answer_parks_the_connection_and_opens_another(void **state)
{
    struct world *w = *state;
    struct told slow = {0}, behind = {0};
    w->pg = lane(w, (struct pg_settings){.park_longest_ms = LONG_MS});
    nap(w, "2", 300, &slow);
    put(w, 1, 0, &behind);
    WAIT_FOR(w, slow.times && behind.times);
    assert_int_equal(slow.err.kind, ERROR_UNCERTAIN);
    assert_int_equal(behind.err.kind, ERROR_UNCERTAIN);
    struct told t = ask(w, "echo", (struct pg_value[]){PG_INT(3)}, 1);
    assert_int_equal(t.number, 3);
    assert_int_equal(numbers_of(w->pg).parked_ever, 1);
    WAIT_FOR(w, numbers_of(w->pg).parked == 0); /* its answers came late, and were dropped */
    assert_int_equal(slow.times + behind.times, 2);
    kit_pg_wait(w->server, "select count(*) from t", "1"); /* uncertain, and done */
    kit_pg_wait(w->server, "select count(*) from pg_stat_activity where application_name = 'lane'", "1");
}

static void a_parked_connection_keeps_its_session_until_its_time_is_over(void **state)
{
    struct world *w = *state;
    struct told slow = {0};
    w->pg = lane(w, (struct pg_settings){.park_longest_ms = 1500});
    nap(w, "60", 200, &slow);
    WAIT_FOR(w, slow.times && pg_ready(w->pg));
    assert_int_equal(numbers_of(w->pg).parked, 1);
    kit_pg_wait(w->server,
        "select count(*) from pg_stat_activity where application_name = 'lane' and state = 'active'", "1");
    WAIT_FOR(w, numbers_of(w->pg).parked == 0);
    assert_true(pg_ready(w->pg));
}

static void parked_connections_are_bounded(void **state)
{
    struct world *w = *state;
    struct told slow[2] = {{0}}, none = {0};
    w->pg = lane(w, (struct pg_settings){.parked_max = 1, .park_longest_ms = 3000});
    for (int i = 0; i < 2; i++) {
        nap(w, "60", 0, &slow[i]);
        WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
        struct told over = {0};
        pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(1)}, 1, 200, on_done, &over);
        WAIT_FOR(w, slow[i].times && over.times); /* the one behind it runs out of time */
        assert_int_equal(over.err.kind, ERROR_UNCERTAIN);
    }
    assert_int_equal(numbers_of(w->pg).parked, 2);
    put(w, 1, 500, &none);
    WAIT_FOR(w, none.times);
    assert_int_equal(none.err.kind, ERROR_UNREACHED); /* no third session while two are parked */
    assert_int_equal(numbers_of(w->pg).reconnects, 1);
    WAIT_FOR(w, pg_ready(w->pg)); /* their time is over */
    assert_true(numbers_of(w->pg).parked <= 1);
}

static void a_paused_server_parks_and_comes_back(void **state)
{
    struct world *w = *state;
    struct told t[3] = {{0}};
    w->pg = lane(w, (struct pg_settings){.park_longest_ms = LONG_MS, .connect_timeout_ms = 500});
    WAIT_FOR(w, pg_ready(w->pg));
    kit_pg_pause(w->server);
    put(w, 1, 300, &t[0]);
    put(w, 2, LONG_MS, &t[1]);
    WAIT_FOR(w, t[0].times && t[1].times);
    put(w, 3, LONG_MS, &t[2]);
    WAIT_FOR(w, numbers_of(w->pg).connect_failures > 0);
    assert_int_equal(t[0].err.kind, ERROR_UNCERTAIN);
    assert_int_equal(t[1].err.kind, ERROR_UNCERTAIN);
    assert_int_equal(numbers_of(w->pg).parked, 1);
    kit_pg_go_on(w->server);
    WAIT_FOR(w, t[2].times && numbers_of(w->pg).parked == 0);
    assert_false(t[2].failed);
    assert_int_equal(t[0].times + t[1].times + t[2].times, 3);
    kit_pg_wait(w->server, "select count(*) from t", "3"); /* the server had them all along */
}

/* ---- several hosts ---- */

/* A port where connections are taken by the system and nothing ever answers. */
static int mute_listener(int *out_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    *out_port = ntohs(at.sin_port);
    return fd;
}

static void dead_hosts_do_not_delay_a_live_one(void **state)
{
    struct world *w = *state;
    char info[256];
    int mute = 0, fd = mute_listener(&mute);
    static const char *const forms[] = {
        "host=127.0.0.1,127.0.0.1,localhost port=1,%d,%d user=postgres dbname=test",
        "postgresql://postgres@127.0.0.1:1,127.0.0.1:%d,localhost:%d/test",
        "host=no.such.name.invalid,127.0.0.1,127.0.0.1 port=1,%d,%d user=postgres dbname=test",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(info, sizeof info, forms[i], mute, kit_pg_port(w->server));
#pragma GCC diagnostic pop
        w->pg = lane(w, (struct pg_settings){.conninfo = info, .connect_timeout_ms = LONG_MS});
        assert_int_equal(ask(w, "echo", (struct pg_value[]){PG_INT(4)}, 1).number, 4);
        assert_true(numbers_of(w->pg).connect_failures > 0 || i == 2);
        pg_free(w->pg);
        w->pg = NULL;
    }
    close(fd);
}

static void a_unix_socket_will_do(void **state)
{
    struct world *w = *state;
    w->pg = lane(w, (struct pg_settings){.conninfo = kit_pg_conninfo_unix(w->server)});
    assert_int_equal(ask(w, "echo", (struct pg_value[]){PG_INT(4)}, 1).number, 4);
    assert_non_null(strstr(pg_primary(w->pg), kit_pg_folder(w->server)));
}

static void a_lane_that_never_came_up_says_why(void **state)
{
    struct world *w = *state;
    struct changes changes = {0};
    struct told t = {0};
    w->pg = lane(w, (struct pg_settings){.conninfo = "host=127.0.0.1 port=1", .on_state = on_state,
        .state_owner = &changes});
    put(w, 1, 300, &t);
    WAIT_FOR(w, t.times && changes.downs);
    assert_int_equal(t.err.kind, ERROR_UNREACHED);
    assert_non_null(strstr(t.err.text, "refused"));
    assert_non_null(strstr(changes.why.text, "refused"));
    struct error err = {0};
    static const char *const wrong[] = {"host", "host=a,b port=1,2,3", "nonsense=1",
        "host=a,b hostaddr=127.0.0.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pg_settings settings = {.conninfo = wrong[i]};
        assert_null(pg_new(w->loop, &settings, &err));
        assert_int_equal(err.kind, ERROR_CONFIG);
    }
}

static void a_password_comes_from_its_file(void **state)
{
    struct world *w = *state;
    char path[192], info[192], line[256];
    (void)snprintf(path, sizeof path, "%s/secret", kit_pg_folder(w->server));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("right one\n", f);
    fclose(f);
    kit_pg_run(w->server, "drop role if exists guest; create role guest login password 'right one'");
    (void)snprintf(line, sizeof line, "cd '%s/data' && sed -i '1i host all guest 127.0.0.1/32 scram-sha-256' "
        "pg_hba.conf", kit_pg_folder(w->server));
    FILE *sh = popen(line, "r");
    assert_int_equal(pclose(sh), 0);
    kit_pg_run(w->server, "select pg_reload_conf()");
    (void)snprintf(info, sizeof info, "host=127.0.0.1 port=%d user=guest dbname=test", kit_pg_port(w->server));
    w->pg = lane(w, (struct pg_settings){.conninfo = info, .password_file = path});
    assert_int_equal(ask(w, "echo", (struct pg_value[]){PG_INT(4)}, 1).number, 4);
}

/* ---- a synchronous standby ---- */

struct pair {
    struct world w;
    struct kit_pg *standby;
    char info[128];
};

static void start_pair(struct pair *p)
{
    struct error err = {0};
    p->w.server = kit_pg_start_pair(&p->standby, NULL);
    (void)snprintf(p->info, sizeof p->info, "host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=test",
        kit_pg_port(p->standby), kit_pg_port(p->w.server));
    kit_pg_run(p->w.server, "create table t (id int primary key)");
    p->w.loop = loop_new(&err);
    assert_non_null(p->w.loop);
}

static void end_pair(struct pair *p)
{
    pg_free(p->w.pg);
    loop_free(p->w.loop);
    kit_pg_free(p->standby);
    kit_pg_free(p->w.server);
}

static void a_cancelled_wait_for_the_standby_is_no_success(void **state)
{
    (void)state;
    struct pair p = {0};
    struct told t[2] = {{0}};
    start_pair(&p);
    p.w.pg = lane(&p.w, (struct pg_settings){.conninfo = p.info, .answer_timeout_ms = LONG_MS});
    put(&p.w, 1, 0, &t[0]);
    WAIT_FOR(&p.w, t[0].times);
    assert_false(t[0].failed); /* the standby has it */
    assert_non_null(strstr(pg_primary(p.w.pg), ":"));
    kit_pg_pause(p.standby);
    put(&p.w, 2, 0, &t[1]);
    WAIT_FOR(&p.w, numbers_of(p.w.pg).in_flight == 1);
    kit_pg_wait(p.w.server, "select count(*) from pg_stat_activity where wait_event = 'SyncRep'", "1");
    kit_pg_run(p.w.server, "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    WAIT_FOR(&p.w, t[1].times);
    assert_true(t[1].failed);
    assert_int_equal(t[1].err.kind, ERROR_UNCERTAIN);
    assert_non_null(strstr(t[1].err.text, "not replicated"));
    kit_pg_wait(p.w.server, "select count(*) from t", "2"); /* that server would say it is done */
    kit_pg_go_on(p.standby);
    assert_false(ask(&p.w, "put", (struct pg_value[]){PG_INT(3)}, 1).failed); /* the flag was that group's only */
    end_pair(&p);
}

static void a_failover_closes_what_was_parked_at_the_old_primary(void **state)
{
    (void)state;
    struct pair p = {0};
    struct told t[3] = {{0}};
    start_pair(&p);
    p.w.pg = lane(&p.w, (struct pg_settings){.conninfo = p.info, .park_longest_ms = LONG_MS,
        .connect_timeout_ms = 500});
    assert_false(ask(&p.w, "put", (struct pg_value[]){PG_INT(1)}, 1).failed);
    kit_pg_pause(p.w.server);
    put(&p.w, 2, 300, &t[0]);
    WAIT_FOR(&p.w, t[0].times);
    assert_int_equal(t[0].err.kind, ERROR_UNCERTAIN);
    assert_int_equal(numbers_of(p.w.pg).parked, 1);
    put(&p.w, 3, LONG_MS, &t[1]);
    kit_pg_promote(p.standby);
    WAIT_FOR(&p.w, t[1].times);
    assert_false(t[1].failed);
    char primary[64];
    (void)snprintf(primary, sizeof primary, "127.0.0.1:%d", kit_pg_port(p.standby));
    assert_string_equal(pg_primary(p.w.pg), primary);
    assert_int_equal(numbers_of(p.w.pg).parked, 0);
    kit_pg_wait(p.standby, "select string_agg(id::text, ' ' order by id) from t", "1 3");
    end_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_restarted_server_is_found_again),
        ROW(a_killed_server_leaves_what_was_sent_uncertain),
        ROW(a_terminated_session_is_uncertain),
        ROW(a_cancelled_statement_was_rolled_back),
        ROW(no_answer_parks_the_connection_and_opens_another),
        ROW(a_parked_connection_keeps_its_session_until_its_time_is_over),
        ROW(parked_connections_are_bounded),
        ROW(a_paused_server_parks_and_comes_back),
        ROW(dead_hosts_do_not_delay_a_live_one),
        ROW(a_unix_socket_will_do),
        ROW(a_lane_that_never_came_up_says_why),
        ROW(a_password_comes_from_its_file),
        cmocka_unit_test(a_cancelled_wait_for_the_standby_is_no_success),
        cmocka_unit_test(a_failover_closes_what_was_parked_at_the_old_primary),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
