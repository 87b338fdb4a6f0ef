/* SPDX-License-Identifier: MIT
 * The clock by which a worker counts its lease runs through suspend: in a time namespace whose boot time is shifted and whose
 * monotonic clock is not, it follows the first. */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/kit/kit.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define SHIFT_S 100000

/* In a child, whose children live in the namespace; -1: not allowed here. */
static int in_shifted_time(void)
{
    static const char offsets[] = "boottime 100000 0\n";
    if (unshare(CLONE_NEWTIME) != 0)
        return -1;
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, offsets, sizeof offsets - 1) == (ssize_t)sizeof offsets - 1;
    if (fd >= 0)
        close(fd);
    return written ? 0 : -1;
}

static void the_lease_clock_runs_through_suspend(void **state)
{
    (void)state;
    int64_t before = clock_mono_ms(), inside = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t outer = fork();
    assert_true(outer >= 0);
    if (outer == 0) {
        if (in_shifted_time() != 0)
            _exit(77);
        pid_t inner = fork();
        if (inner == 0) {
            inside = clock_mono_ms();
            _exit(write(ends[1], &inside, sizeof inside) == (ssize_t)sizeof inside ? 0 : 1);
        }
        int status = 0;
        _exit(inner > 0 && waitpid(inner, &status, 0) == inner && status == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(outer, &status, 0), outer);
    close(ends[1]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no time namespace here (needs root and Linux 5.6)\n");
        close(ends[0]);
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &inside, sizeof inside), sizeof inside);
    close(ends[0]);
    assert_in_range(inside - before, SHIFT_S * 1000LL, SHIFT_S * 1000LL + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_lease_clock_runs_through_suspend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
