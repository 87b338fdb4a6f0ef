/* SPDX-License-Identifier: MIT
 * Times matching as a run does it: loads a folder of scenarios, then matches each title of a file, so many times over.
 *
 *   match_bench FOLDER TITLES TIMES
 *
 * Prints one line of JSON: titles, matched, load_ms, mean_ns, p99_ns, max_ns (of one call; the arena, which a run has anyway, is
 * made before), max_cpu_ns (the longest call without the time that other processes had meanwhile), slowest_ns (CPU time of the
 * slowest title, the quickest of its calls: what the title itself costs, without what the machine did meanwhile), rss_kib. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor/match.h"
#include "tests/tools/peak.h"

#define TITLES_MAX 200000
#define ARENA_BYTES (256 * 1024)

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t); /* these clocks always exist */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static size_t read_titles(const char *path, char **titles)
{
    FILE *f = fopen(path, "r");
    size_t count = 0, room = 0;
    ssize_t bytes;
    while (f && count < TITLES_MAX && (bytes = getline(&titles[count], &room, f)) > 0) {
        titles[count][strcspn(titles[count], "\n")] = '\0';
        count++;
        room = 0;
    }
    if (f)
        (void)fclose(f);
    return count;
}

int main(int argc, char **argv)
{
    static char *titles[TITLES_MAX + 1];
    int times = argc == 4 ? atoi(argv[3]) : 0;
    size_t count = times > 0 ? read_titles(argv[2], titles) : 0;
    int64_t *took = calloc(count * (size_t)times + 1, sizeof *took);
    int64_t *quickest = calloc(count + 1, sizeof *quickest);
    struct diag *d = diag_new();
    if (count == 0 || !took || !quickest || !d) {
        fprintf(stderr, "usage: match_bench FOLDER TITLES TIMES\n");
        return 2;
    }
    int64_t began = clock_ns(CLOCK_MONOTONIC);
    struct scenario_set *set = scenario_set_load(argv[1], NULL, d);
    int64_t load_ns = clock_ns(CLOCK_MONOTONIC) - began;
    if (!set) {
        struct buf said;
        buf_init(&said, 65536);
        diag_print(d, DIAG_TEXT, false, &said);
        fputs(buf_text(&said), stderr);
        return 1;
    }
    size_t n = 0, matched = 0;
    int64_t total = 0, longest_cpu = 0;
    for (int round = 0; round < times; round++)
        for (size_t i = 0; i < count; i++, n++) {
            struct match_subject subject = {.title = titles[i]};
            struct match_result result;
            struct error err = {0};
            struct arena *a = arena_new(ARENA_BYTES);
            if (!a)
                return 1;
            int64_t cpu_from = clock_ns(CLOCK_THREAD_CPUTIME_ID), from = clock_ns(CLOCK_MONOTONIC);
            int rc = match_title(set, &subject, a, &result, &err);
            took[n] = clock_ns(CLOCK_MONOTONIC) - from;
            int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_from;
            longest_cpu = cpu > longest_cpu ? cpu : longest_cpu;
            quickest[i] = round == 0 || cpu < quickest[i] ? cpu : quickest[i];
            total += took[n];
            if (rc < 0) {
                fprintf(stderr, "%s: %s\n", titles[i], err.text);
                return 1;
            }
            matched += result.scenario != NULL;
            arena_free(a);
        }
    qsort(took, n, sizeof *took, by_number);
    qsort(quickest, count, sizeof *quickest, by_number);
    printf("{\"titles\": %zu, \"matched\": %zu, \"load_ms\": %.1f, \"mean_ns\": %.0f, \"p99_ns\": %lld, \"max_ns\": %lld, \"max_cpu_ns\": %lld, \"slowest_ns\": %lld, \"rss_kib\": %ld}\n", n, matched,
        (double)load_ns / 1e6, (double)total / (double)n, (long long)took[n * 99 / 100], (long long)took[n - 1], (long long)longest_cpu, (long long)quickest[count - 1], peak_kib());
    for (size_t i = 0; i < count; i++)
        free(titles[i]);
    free(took);
    free(quickest);
    scenario_set_free(set);
    diag_free(d);
    return 0;
}
