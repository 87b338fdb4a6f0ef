/* SPDX-License-Identifier: MIT
 * What reads what others wrote, while memory runs out: the n-th allocation fails, for every n. It says so in words or gives the
 * whole result, crashes nowhere and keeps nothing; JSON alone ends the process, with a sentence. The allocator of this program, its libraries' too, is the one below. */
#include "tests/kit/kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/json_memory.h"
#include "cli/settings.h"
#include "coordinator/webhook.h"
#include "executor/scenario.h"
#include "executor/wrapper.h"
#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define ARENA_BYTES (16 * 1024 * 1024)
#define ALLOCATIONS_MAX 20000
#define NONCE "fl-0123-4567-89ab-cdef-0123-4567"
#define L NONCE " "

/* --- the allocator ------------------------------------------------------------------------------------------------ */

static long until_failure; /* 0: none fails */
static long living;        /* allocated less freed, while counted */
static bool counted, failed;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void __libc_free(void *old);

static bool fails(void)
{
    if (until_failure == 0 || --until_failure > 0)
        return false;
    failed = true;
    return true;
}

static void *count(void *got)
{
    living += counted && got;
    return got;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : count(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : count(__libc_calloc(n, bytes));
}

void *realloc(void *old, size_t bytes)
{
    if (fails())
        return NULL;
    void *got = __libc_realloc(old, bytes);
    return old ? got : count(got);
}

void free(void *old)
{
    living -= counted && old;
    __libc_free(old);
}

/* --- what is tried ------------------------------------------------------------------------------------------------ */

/* Each gives "" with the whole result, else what it said; "silent" where it said nothing, "partial" for a result that is none. */
static char said[1024];

static const char *scenario_said(const char *text, size_t bytes)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct diag *d = diag_new();
    (void)snprintf(said, sizeof said, "no memory to begin with");
    if (a && d) {
        struct yaml_node *root = yaml_parse(a, "disk-full.yaml", text, bytes, YAML_BYTES_MAX, YAML_NODES_MAX, d);
        struct scenario *s = root ? scenario_parse(a, root, "disk-full", d) : NULL;
        struct error err = {0};
        bool told = diag_error(d, &err) < 0;
        if (!s)
            (void)snprintf(said, sizeof said, "%s", told && err.text[0] ? err.text : "silent");
        else
            (void)snprintf(said, sizeof said, "%s", s->steps_count == 6 && s->values_count > 0 && s->steps[2].run && !told ? "" : "partial");
    }
    diag_free(d);
    arena_free(a);
    return said;
}

static const char *settings_said(const char *text, size_t bytes)
{
    struct diag *d = diag_new();
    (void)snprintf(said, sizeof said, "no memory to begin with");
    if (d) {
        struct settings *s = settings_parse("f.yaml", text, bytes, "/etc/firstline", d);
        struct error err = {0};
        bool told = diag_error(d, &err) < 0;
        if (!s)
            (void)snprintf(said, sizeof said, "%s", told && err.text[0] ? err.text : "silent");
        else
            (void)snprintf(said, sizeof said, "%s", s->services.count == 2 && s->customers.count == 1 && s->cluster && !told ? "" : "partial");
        settings_free(s);
    }
    diag_free(d);
    return said;
}

/* JSON's own memory is not what is tried here: it ends the process. */
static void *json_spared(size_t bytes)
{
#if SANITIZED
    return malloc(bytes);
#else
    return __libc_malloc(bytes);
#endif
}

static void json_spared_free(void *old)
{
#if SANITIZED
    free(old);
#else
    __libc_free(old);
#endif
}

static const char *webhook_said(const char *text, size_t bytes)
{
    struct arena *a = arena_new(ARENA_BYTES);
    (void)snprintf(said, sizeof said, "no memory to begin with");
    if (a) {
        struct webhook_event e;
        json_set_alloc_funcs(json_spared, json_spared_free);
        webhook_parse(a, text, bytes, (const char *const[]){"PBOT", NULL}, &e);
        json_memory_setup();
        bool whole = strcmp(e.incident, "PINC") == 0 && strcmp(e.title, "[AMS:disk-full host=web1] full") == 0 && e.whole;
        (void)snprintf(said, sizeof said, "%s", arena_starved(a) ? "out of memory" : e.odd ? e.odd : whole ? "" : "partial");
    }
    arena_free(a);
    return said;
}

static const char *answer_said(const char *text, size_t bytes)
{
    struct arena *a = arena_new(ARENA_BYTES);
    (void)snprintf(said, sizeof said, "no memory to begin with");
    if (a) {
        struct wrapper_report r = {.verdict = WRAPPER_BROKEN, .text = ""};
        struct error err = {0};
        if (wrapper_parse(text, bytes, NONCE, a, &r, &err) < 0)
            (void)snprintf(said, sizeof said, "%s", err.text[0] ? err.text : "silent");
        else
            (void)snprintf(said, sizeof said, "%s", r.verdict == WRAPPER_ENDED && strcmp(r.out, "97\n") == 0 ? "" : r.text[0] ? r.text : "partial");
    }
    arena_free(a);
    return said;
}

/* --- the torture -------------------------------------------------------------------------------------------------- */

static void torture(const char *what, const char *(*reader)(const char *, size_t), const char *text)
{
    size_t bytes = strlen(text);
    if (reader(text, bytes)[0])
        fail_msg("%s with memory enough: %s", what, said);
    long n = 0;
    for (failed = true; failed && n < ALLOCATIONS_MAX;) {
        living = 0;
        failed = false;
        counted = true;
        until_failure = ++n;
        const char *told = reader(text, bytes);
        until_failure = 0;
        counted = false;
        if (living != 0)
            fail_msg("%s keeps %ld allocations when number %ld fails (%s)", what, living, n, told);
        if (strcmp(told, "silent") == 0 || strcmp(told, "partial") == 0 || (!failed && told[0]))
            fail_msg("%s is %s when allocation %ld fails", what, told, n);
    }
    assert_false(failed);
    assert_true(n > 1);
    printf("  %s: %ld allocations, each failed once\n", what, n - 1);
}

static void a_scenario_file(void **state)
{
    (void)state;
    char *text = kit_read("scenarios/disk-full.yaml", NULL);
    torture("the scenario", scenario_said, text);
    free(text);
}

static void the_settings(void **state)
{
    (void)state;
    torture("the settings", settings_said,
        "cluster: tests\nnode: { name: n, region: tokyo }\ndefaults: { first_responder: bot }\n"
        "customers:\n  - { name: acme, language: ja, time_zone: Asia/Tokyo }\n"
        "services:\n  - { id: PS1, customer: acme }\n  - { name: 'AMS *', customer: acme }\n");
}

static void a_webhook(void **state)
{
    (void)state;
    (void)webhook_said("{}", 2); /* OpenSSL sets itself up once, for the hash of a body without an id */
    torture("the webhook", webhook_said,
        "{\"event\":{\"id\":\"E1\",\"event_type\":\"incident.triggered\",\"resource_type\":\"incident\",\"occurred_at\":\"2026-11-20T10:00:00Z\","
        "\"agent\":null,\"data\":{\"id\":\"PINC\",\"type\":\"incident\",\"number\":7,\"title\":\"[AMS:disk-full host=web1] full\","
        "\"status\":\"triggered\",\"urgency\":\"high\",\"created_at\":\"2026-11-20T10:00:00Z\",\"html_url\":\"https://x.example/7\","
        "\"service\":{\"id\":\"PS1\",\"summary\":\"AMS shop\"},\"priority\":{\"summary\":\"P1\"}}}}");
}

/* The child's words and how it ended, when its JSON finds no memory. */
static void json_ends_the_process_with_a_sentence(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        until_failure = 1;
        (void)json_object();
        _exit(0);
    }
    int status = 0;
    char words[200] = "";
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(read(ends[0], words, sizeof words - 1) > 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(words, "out of memory for JSON"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_wrappers_answer(void **state)
{
    (void)state;
    torture("the wrapper's answer", answer_said,
        "\nfirstline-wrapper 1 " NONCE "\n" L "out\n97\n\n" L "status 0\n" L "shell 0\n" L "verdict ended\n" L "end\n");
}

int main(void)
{
    json_memory_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scenario_file),
        cmocka_unit_test(the_settings),
        cmocka_unit_test(a_webhook),
        cmocka_unit_test(json_ends_the_process_with_a_sentence),
        cmocka_unit_test(a_wrappers_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
