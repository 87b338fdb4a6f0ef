/* SPDX-License-Identifier: MIT
 * What somebody would write who has no matcher: one pattern a scenario, in their order, the first that is found wins.
 *
 *   match_peers pcre2|pcre2-jit|hyperscan|re2 PATTERNS TITLES TIMES
 *
 * Patterns and titles are files, one a line. Prints one line of JSON: titles, matched, load_ms, mean_ns, max_ns, rss_kib. No limits, no
 * NFKC: it does less than firstline. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <hs/hs.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../tools/peak.h"

#define LINES_MAX 200000

struct lines {
    char *text[LINES_MAX];
    size_t bytes[LINES_MAX];
    unsigned count;
};
static struct lines patterns, titles;
static pcre2_code **codes;
static pcre2_match_data *found;
static hs_database_t *database;
static hs_scratch_t *scratch;

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_lines(const char *path, struct lines *out)
{
    FILE *f = fopen(path, "r");
    size_t room = 0;
    while (f && out->count < LINES_MAX && getline(&out->text[out->count], &room, f) > 0) {
        out->text[out->count][strcspn(out->text[out->count], "\n")] = '\0';
        out->bytes[out->count] = strlen(out->text[out->count]);
        out->count++;
        room = 0;
    }
    if (f)
        (void)fclose(f);
}

static void load_pcre2(bool jit)
{
    codes = calloc(patterns.count, sizeof *codes);
    found = pcre2_match_data_create(16, NULL);
    for (unsigned i = 0; i < patterns.count; i++) {
        int code;
        PCRE2_SIZE at;
        codes[i] = pcre2_compile((PCRE2_SPTR)patterns.text[i], patterns.bytes[i], PCRE2_CASELESS | PCRE2_UTF, &code, &at, NULL);
        if (!codes[i] || (jit && pcre2_jit_compile(codes[i], PCRE2_JIT_COMPLETE) != 0))
            exit(1);
    }
}

static int match_pcre2(const char *title, size_t bytes)
{
    for (unsigned i = 0; i < patterns.count; i++)
        if (pcre2_match(codes[i], (PCRE2_SPTR)title, bytes, 0, 0, found, NULL) > 0)
            return (int)i;
    return -1;
}

static void load_hyperscan(void)
{
    unsigned *ids = calloc(patterns.count, sizeof *ids), *flags = calloc(patterns.count, sizeof *flags);
    for (unsigned i = 0; i < patterns.count; i++) {
        ids[i] = i;
        flags[i] = HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_SINGLEMATCH;
    }
    hs_compile_error_t *err = NULL;
    if (hs_compile_multi((const char *const *)patterns.text, flags, ids, patterns.count, HS_MODE_BLOCK, NULL, &database, &err) != 0) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
    if (hs_alloc_scratch(database, &scratch) != 0)
        exit(1);
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *out)
{
    (void)from, (void)to, (void)flags;
    int *first = out;
    if (*first < 0 || (int)id < *first)
        *first = (int)id;
    return 0;
}

static int match_hyperscan(const char *title, size_t bytes)
{
    int first = -1;
    (void)hs_scan(database, title, (unsigned)bytes, 0, scratch, on_hit, &first);
    return first;
}

int re2_load(char *const *texts, const size_t *bytes, unsigned count); /* match_re2.cc */
int re2_match(const char *title, size_t bytes);

static void load_re2(void)
{
    if (re2_load(patterns.text, patterns.bytes, patterns.count) != 0) {
        fprintf(stderr, "RE2 does not take these patterns\n");
        exit(1);
    }
}

static int find_re2(const char *title, size_t bytes)
{
    int first = re2_match(title, bytes);
    if (first == -2) {
        fprintf(stderr, "RE2's memory does not suffice\n");
        exit(1);
    }
    return first;
}

static void load_plain(void)
{
    load_pcre2(false);
}

static void load_jit(void)
{
    load_pcre2(true);
}

static const struct kind {
    const char *name;
    void (*load)(void);
    int (*match)(const char *title, size_t bytes); /* the number of the first pattern, -1: none */
} kinds[] = {{"pcre2", load_plain, match_pcre2}, {"pcre2-jit", load_jit, match_pcre2}, {"hyperscan", load_hyperscan, match_hyperscan},
    {"re2", load_re2, find_re2}};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int main(int argc, char **argv)
{
    int times = argc == 5 ? atoi(argv[4]) : 0;
    const struct kind *kind = argc == 5 ? find_kind(argv[1]) : NULL;
    if (times < 1 || !kind) {
        fprintf(stderr, "usage: match_peers pcre2|pcre2-jit|hyperscan|re2 PATTERNS TITLES TIMES\n");
        return 2;
    }
    read_lines(argv[2], &patterns);
    read_lines(argv[3], &titles);
    int64_t began = now_ns();
    kind->load();
    int64_t loaded = now_ns(), longest = 0, total = 0;
    size_t matched = 0;
    for (int round = 0; round < times; round++)
        for (unsigned i = 0; i < titles.count; i++) {
            int64_t from = now_ns();
            matched += kind->match(titles.text[i], titles.bytes[i]) >= 0;
            int64_t took = now_ns() - from;
            longest = took > longest ? took : longest;
            total += took;
        }
    size_t n = (size_t)titles.count * (size_t)times;
    printf("{\"titles\": %zu, \"matched\": %zu, \"load_ms\": %.1f, \"mean_ns\": %.0f, \"max_ns\": %lld, \"rss_kib\": %ld}\n", n, matched,
        (double)(loaded - began) / 1e6, (double)total / (double)n, (long long)longest, peak_kib());
    return 0;
}
