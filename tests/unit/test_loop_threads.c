/* SPDX-License-Identifier: MIT
 * Work in libuv's threads: what it wrote is there for its done, which is called on the loop. In the build `tsan` also that a
 * race between such work and the loop is reported: else the suite of that name would show nothing. */
#include "tests/kit/kit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/io/loop.h"

#define JOBS 64

struct job {
    pthread_t loop_thread;
    unsigned char bytes[4096];
    int seed, left_loop, sum, *done;
};

static int sum_of(const struct job *j)
{
    int sum = 0;
    for (size_t i = 0; i < sizeof j->bytes; i++)
        sum += j->bytes[i];
    return sum;
}

static void fill(void *owner)
{
    struct job *j = owner;
    j->left_loop = !pthread_equal(pthread_self(), j->loop_thread);
    for (size_t i = 0; i < sizeof j->bytes; i++)
        j->bytes[i] = (unsigned char)(i * (size_t)j->seed);
    j->sum = sum_of(j);
}

static void look(void *owner)
{
    struct job *j = owner;
    assert_true(pthread_equal(pthread_self(), j->loop_thread));
    assert_true(j->left_loop);
    assert_int_equal(sum_of(j), j->sum);
    *j->done += 1;
}

static void what_a_thread_wrote_is_there_when_it_is_done(void **state)
{
    (void)state;
    struct error err = {0};
    struct loop *l = loop_new(&err);
    assert_non_null(l);
    struct job *jobs = calloc(JOBS, sizeof *jobs);
    assert_non_null(jobs);
    int done = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.loop_thread = pthread_self(), .seed = i + 1, .done = &done};
        assert_true(loop_work_start(l, fill, look, &jobs[i]));
    }
    while (done < JOBS / 2)
        loop_turn(l, 1000);
    loop_free(l); /* waits for the others */
    assert_int_equal(done, JOBS);
    free(jobs);
}

#ifdef __SANITIZE_THREAD__

static volatile int shared;

static void bump(void *owner)
{
    (void)owner;
    shared++;
}

static void nothing(void *owner)
{
    (void)owner;
}

/* What this program does when it is told `race`. */
static int race(void)
{
    struct error err = {0};
    struct loop *l = loop_new(&err);
    if (!l || !loop_work_start(l, bump, nothing, NULL))
        return 1;
    bump(NULL);
    loop_free(l);
    return 0;
}

static void a_race_is_reported(void **state)
{
    (void)state;
    char self[512] = "", command[1024], said[16384];
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    (void)snprintf(command, sizeof command, "TSAN_OPTIONS=exitcode=66:log_path=stderr '%s' race 2>&1", self);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    size_t bytes = fread(said, 1, sizeof said - 1, child);
    said[bytes] = '\0';
    int status = pclose(child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 66);
    assert_non_null(strstr(said, "ThreadSanitizer: data race"));
    assert_non_null(strstr(said, " bump ")); /* with the place */
}

#else

static int race(void)
{
    return 1;
}

#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_thread_wrote_is_there_when_it_is_done),
#ifdef __SANITIZE_THREAD__
        cmocka_unit_test(a_race_is_reported),
#endif
    };
    if (argc > 1 && strcmp(argv[1], "race") == 0)
        return race();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
