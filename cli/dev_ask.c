/* SPDX-License-Identifier: MIT
 * Requests to the demo's simulator and nodes; waits for each answer. */
#include "cli/dev_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/http_client.h"
#include "lib/io/loop.h"

#define ASK_LONGEST_MS 15000

struct asked {
    bool done;
    json_t *json; /* NULL: none came */
    struct error err;
};

static void on_reply(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    (void)id;
    struct asked *a = owner;
    a->done = true;
    if (err) {
        a->err = *err;
        return;
    }
    size_t bytes;
    const char *body = http_reply_body(reply, &bytes);
    if (http_reply_status(reply) >= 400) {
        error_set(&a->err, ERROR_REFUSED, "status %d: %.300s", http_reply_status(reply), body);
        return;
    }
    json_error_t why;
    a->json = json_loadb(body, bytes, 0, &why);
    if (!a->json)
        error_set(&a->err, ERROR_INPUT, "no JSON came: %s", why.text);
}

json_t *dev_ask(struct dev *d, const char *method, int port, const char *path, json_t *body, struct error *err)
{
    char url[512];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    char *text = body ? json_dumps(body, 0) : NULL;
    json_decref(body);
    const struct http_header headers[] = {{"Content-Type", "application/json"}, {0}};
    struct http_call call = {.method = method, .url = url, .headers = text ? headers : NULL, .body = text,
        .bytes = text ? strlen(text) : 0, .timeout_ms = ASK_LONGEST_MS, .body_bytes_max = DEV_ANSWER_BYTES_MAX};
    struct asked a = {0};
    (void)http_send(d->http, &call, on_reply, &a);
    while (!a.done)
        loop_turn(d->loop, 1000);
    free(text);
    if (!a.json && err) {
        *err = a.err;
        error_wrap(err, "%s %s", method, url);
    }
    return a.json;
}

json_t *dev_control(struct dev *d, const char *method, const char *path, json_t *body, struct error *err)
{
    char full[256];
    (void)snprintf(full, sizeof full, "/control/%s", path);
    return dev_ask(d, method, d->port, full, body, err);
}
