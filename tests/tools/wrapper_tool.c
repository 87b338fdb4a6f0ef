/* SPDX-License-Identifier: MIT
 * For tests: `wrapper_tool command`, `compose` (a JSON task on standard input, the request on
 * standard output; the first line of standard error is the boundary) and `parse BOUNDARY` (an
 * answer on standard input, JSON on standard output, its output in hex). Values may be given in
 * hex, since JSON holds no odd bytes. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/wrapper.h"
#include "lib/base/limits.h"

static const char *const act_names[] = {"look", "recover", "ask", "end", "contact"};

static int complain(const struct error *err)
{
    fprintf(stderr, "%s: %s\n", error_kind_name(err->kind), err->text);
    return 2;
}

static char *from_hex(const char *hex, size_t *bytes)
{
    *bytes = strlen(hex) / 2;
    char *out = calloc(1, *bytes + 1);
    for (size_t i = 0; out && i < *bytes; i++) {
        unsigned byte = 0;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            exit(3);
        out[i] = (char)byte;
    }
    return out;
}

static const char *text(json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static unsigned number(json_t *j, const char *key)
{
    return (unsigned)json_integer_value(json_object_get(j, key));
}

static struct wrapper_task task_of(json_t *j, struct wrapper_value *values)
{
    struct wrapper_task t = {.script = text(j, "script"),
        .values = values,
        .become = text(j, "become"),
        .timeout_s = number(j, "timeout"),
        .kill_after_s = number(j, "kill_after"),
        .cluster = text(j, "cluster"),
        .machine = text(j, "machine"),
        .folder = text(j, "folder"),
        .memory_id = text(j, "memory"),
        .boot_id = text(j, "boot"),
        .sent_memory_id = text(j, "sent_memory"),
        .run = text(j, "run"),
        .step = (int)number(j, "step"),
        .attempt = (int)number(j, "attempt"),
        .out_bytes_max = number(j, "out_max"),
        .token = {.timeline = number(j, "timeline"),
            .incarnation = text(j, "incarnation"),
            .epoch = (uint64_t)json_integer_value(json_object_get(j, "epoch"))}};
    for (int i = 0; i < WRAPPER_ACTS; i++)
        if (text(j, "act") && strcmp(text(j, "act"), act_names[i]) == 0)
            t.act = (enum wrapper_act)i;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(j, "values"), name, value)
    {
        struct wrapper_value *v = &values[t.values_count++];
        v->name = name;
        v->value = from_hex(json_string_value(value), &v->bytes);
    }
    return t;
}

static int compose(void)
{
    static struct wrapper_value values[WRAPPER_VALUES_MAX];
    json_t *j = json_loadf(stdin, 0, NULL);
    if (!j)
        return 3;
    struct wrapper_task task = task_of(j, values);
    char nonce[WRAPPER_NONCE_BYTES];
    wrapper_nonce(nonce);
    struct buf out;
    struct error err = {0};
    buf_init(&out, WRAPPER_STDIN_BYTES_MAX);
    int rc = wrapper_compose(&task, nonce, &out, &err) < 0 ? complain(&err) : 0;
    if (rc == 0) {
        fprintf(stderr, "%s\n", nonce);
        fwrite(out.data, 1, out.bytes, stdout);
    }
    for (int i = 0; i < task.values_count; i++)
        free((void *)(uintptr_t)values[i].value);
    buf_done(&out);
    json_decref(j);
    return rc;
}

static json_t *report_of(const struct wrapper_report *r)
{
    char *hex = calloc(1, r->out_bytes * 2 + 1);
    for (size_t i = 0; hex && i < r->out_bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)r->out[i]);
    json_t *j = json_pack("{s:s s:b s:i s:s s:b s:b s:s s:b s:I s:i s:I s:I s:I}", "verdict",
        wrapper_verdict_name(r->verdict), "already", r->already, "status", r->status, "signal",
        r->signal, "timed_out", r->timed_out, "ended_by_us", r->ended_by_us, "out", hex, "cut",
        r->out_cut, "total", (json_int_t)r->out_bytes_total, "left", r->left, "started",
        (json_int_t)r->started_wall_s, "ms", (json_int_t)r->duration_ms, "uid", (json_int_t)r->uid);
    free(hex);
    const struct {
        const char *name, *value;
    } words[] = {{"memory", r->memory_id}, {"boot", r->boot_id}, {"machine", r->machine_id},
        {"folder", r->folder}, {"login", r->login}, {"tools", r->tools}, {"holder", r->holder},
        {"text", r->text}, {"incarnation", r->token.incarnation}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        json_t *v = json_string(words[i].value);
        json_object_set_new(j, words[i].name, v ? v : json_string("(not UTF-8)"));
    }
    json_object_set_new(j, "epoch", json_integer((json_int_t)r->token.epoch));
    return j;
}

static int parse(const char *nonce)
{
    struct buf in;
    buf_init(&in, 64 * 1024 * 1024);
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;)
        if (buf_add(&in, chunk, n) < 0)
            return 3;
    struct arena *arena = arena_new(64 * 1024 * 1024);
    struct wrapper_report r;
    struct error err = {0};
    int rc =
        wrapper_parse(buf_text(&in), in.bytes, nonce, arena, &r, &err) < 0 ? complain(&err) : 0;
    if (rc == 0) {
        json_t *j = report_of(&r);
        json_object_set_new(
            j, "complete", json_boolean(wrapper_complete(buf_text(&in), in.bytes, nonce)));
        json_dumpf(j, stdout, JSON_COMPACT);
        json_decref(j);
    }
    arena_free(arena);
    buf_done(&in);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "command") == 0)
        return puts(wrapper_command()) < 0;
    if (argc == 2 && strcmp(argv[1], "compose") == 0)
        return compose();
    if (argc == 3 && strcmp(argv[1], "parse") == 0)
        return parse(argv[2]);
    fputs("wrapper_tool command | compose | parse BOUNDARY\n", stderr);
    return 3;
}
