/* SPDX-License-Identifier: MIT
 * The test kit's Postgres itself: what other tests lean on. */
#include <stdio.h>
#include <unistd.h>

#include "tests/kit/kit.h"
#include "tests/kit/kit_pg.h"

static void a_killed_server_comes_back_with_its_rows(void **state)
{
    (void)state;
    struct kit_pg *k = kit_pg_start(NULL);
    kit_pg_run(k, "create table t (n int); insert into t values (7)");
    kit_pg_kill(k);
    kit_pg_again(k);
    kit_pg_wait(k, "select n from t", "7");
    kit_pg_restart(k);
    kit_pg_pause(k);
    kit_pg_go_on(k);
    kit_pg_wait(k, "select n from t", "7");
    char folder[256];
    (void)snprintf(folder, sizeof folder, "%s", kit_pg_folder(k));
    assert_int_equal(access(folder, F_OK), 0);
    kit_pg_free(k);
    assert_int_equal(access(folder, F_OK), -1);
}

static void a_pair_is_synchronous_and_the_standby_takes_over(void **state)
{
    (void)state;
    struct kit_pg *standby = NULL;
    struct kit_pg *k = kit_pg_start_pair(&standby, NULL);
    kit_pg_run(k, "create table t (n int); insert into t values (7)");
    kit_pg_kill(k);
    kit_pg_promote(standby);
    kit_pg_run(standby, "update t set n = n + 1");
    kit_pg_wait(standby, "select n from t", "8");
    kit_pg_free(standby);
    kit_pg_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_server_comes_back_with_its_rows),
        cmocka_unit_test(a_pair_is_synchronous_and_the_standby_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
