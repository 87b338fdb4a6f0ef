/* SPDX-License-Identifier: MIT
 * The peak memory of this process's own program: what getrusage says counts what it was forked from, too. */
#ifndef TESTS_TOOLS_PEAK_H
#define TESTS_TOOLS_PEAK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0 where the system does not say. */
static inline long peak_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f)
        (void)fclose(f);
    return kib;
}

#endif
