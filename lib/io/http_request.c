/* SPDX-License-Identifier: MIT
 * One request of the HTTP server as its handler sees it, and the answer. Knows nothing of connections but how to
 * answer on one. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/http_server_inside.h"

void http_request_untie(struct http_request *req)
{
    assert(req->magic == REQUEST_MAGIC);
    if (req->server)
        req->server->bodies_bytes -= req->body.bytes;
    req->server = NULL;
    req->connection = NULL;
}

void http_request_free(struct http_request *req)
{
    if (!req)
        return;
    http_request_untie(req);
    for (size_t i = 0; i < req->headers_used; i++) {
        free(req->headers[i].name);
        free(req->headers[i].value);
    }
    buf_done(&req->body);
    free(req->method);
    free(req->path);
    req->magic = 0;
    free(req);
}

static void peer_text(struct MHD_Connection *mhd, char out[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info ? info->client_addr : NULL;
    out[0] = '\0';
    if (sa && sa->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out, INET6_ADDRSTRLEN);
    else if (sa && sa->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, out, INET6_ADDRSTRLEN);
}

struct http_request *http_request_new(struct http_server *s, struct MHD_Connection *mhd, const char *uri)
{
    struct http_request *req = calloc(1, sizeof *req);
    if (!req)
        return NULL;
    req->magic = REQUEST_MAGIC;
    req->server = s;
    buf_init(&req->body, s->set.body_bytes_max);
    req->path = strdup(uri);
    if (!req->path) {
        http_request_free(req);
        return NULL;
    }
    req->query = strchr(req->path, '?');
    if (req->query)
        *req->query++ = '\0';
    else
        req->query = req->path + strlen(req->path);
    peer_text(mhd, req->peer);
    return req;
}

const char *http_request_method(const struct http_request *req)
{
    assert(req->magic == REQUEST_MAGIC);
    return req->method;
}

const char *http_request_path(const struct http_request *req)
{
    assert(req->magic == REQUEST_MAGIC);
    return req->path;
}

const char *http_request_query(const struct http_request *req)
{
    assert(req->magic == REQUEST_MAGIC);
    return req->query;
}

const char *http_request_argument(const struct http_request *req, const char *name)
{
    assert(req->magic == REQUEST_MAGIC);
    const char *value = NULL;
    if (!req->connection || MHD_lookup_connection_value_n(req->connection->mhd, MHD_GET_ARGUMENT_KIND, name,
                                strlen(name), &value, NULL) != MHD_YES)
        return NULL;
    return value ? value : "";
}

const char *http_request_header(const struct http_request *req, const char *name)
{
    assert(req->magic == REQUEST_MAGIC);
    return req->connection ? MHD_lookup_connection_value(req->connection->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *http_request_body(const struct http_request *req, size_t *out_bytes)
{
    assert(req->magic == REQUEST_MAGIC);
    if (out_bytes)
        *out_bytes = req->body.bytes;
    return buf_text(&req->body);
}

const char *http_request_peer(const struct http_request *req)
{
    assert(req->magic == REQUEST_MAGIC);
    return req->peer;
}

void http_answer_header(struct http_request *req, const char *name, const char *value)
{
    assert(req->magic == REQUEST_MAGIC);
    assert(!strpbrk(name, "\r\n") && !strpbrk(value, "\r\n"));
    assert(req->headers_used < HTTP_SERVER_ANSWER_HEADERS_MAX);
    size_t i = req->headers_used++;
    req->headers[i].name = strdup(name);
    req->headers[i].value = strdup(value);
}

static int add_headers(struct MHD_Response *response, const struct http_request *req)
{
    for (size_t i = 0; i < req->headers_used; i++) {
        const char *name = req->headers[i].name, *value = req->headers[i].value;
        if (!name || !value || MHD_add_response_header(response, name, value) != MHD_YES)
            return -1;
    }
    return 0;
}

struct MHD_Response *http_response_new(const char *content_type, const void *body, size_t bytes)
{
    union {
        const void *in;
        void *out;
    } text = {.in = bytes ? body : ""}; /* MHD takes void *, and copies or leaves alone */
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, text.out,
        bytes ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    if (response && content_type)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type); /* best effort */
    return response;
}

void http_answer(struct http_request *req, unsigned status, const char *content_type, const void *body, size_t bytes)
{
    assert(req->magic == REQUEST_MAGIC);
    assert(status >= 200 && status <= 599);
    struct connection *c = req->connection;
    if (c) {
        assert(c->request == req && c->phase == PHASE_HANDLING);
        struct MHD_Response *response = http_response_new(content_type, body, bytes);
        if (response && add_headers(response, req) != 0) {
            MHD_destroy_response(response);
            response = NULL;
        }
        c->request = NULL;
        http_connection_answer(c, status, response);
    }
    http_request_free(req);
}
