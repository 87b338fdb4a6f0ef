/* SPDX-License-Identifier: MIT
 * The automaton. Nodes are made by insertion, failure links by one walk in order of depth. A node's children are a list, or a
 * table where the list would be long: a title can be made of the bytes whose search goes to its end. */
#include "executor/match_index.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

struct node {
    int32_t first;  /* first child, 0: none (the root is nobody's child); -1 - n: table n */
    int32_t next;   /* sibling */
    int32_t fail;   /* the longest suffix that is a node too */
    int32_t out;    /* first of its outputs, -1: none */
    int32_t out_up; /* the next node on the fail chain that has outputs, 0: none */
    int32_t ends;   /* which of the nodes with outputs it is */
    unsigned char byte;
};

struct output {
    int32_t scenario;
    int32_t next; /* -1: last */
};

struct table {
    int32_t child[256]; /* 0: none */
};

struct match_index {
    struct node *nodes; /* owned; [0] is the root */
    int32_t nodes_count, nodes_room;
    struct output *outputs; /* owned */
    int32_t outputs_count, outputs_room;
    uint64_t *always; /* owned; bits */
    int count;
    struct table root; /* most bytes of a title lead nowhere */
    struct table *tables; /* owned; of nodes with many children */
    int32_t tables_count;
    int32_t ends_count; /* nodes with outputs */
};

struct match_index *match_index_new(int count)
{
    struct match_index *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->count = count;
    x->always = calloc(match_index_words(x) + 1, sizeof *x->always);
    x->nodes_room = 256;
    x->nodes = calloc((size_t)x->nodes_room, sizeof *x->nodes);
    if (!x->always || !x->nodes) {
        match_index_free(x);
        return NULL;
    }
    x->nodes[0].out = -1;
    x->nodes_count = 1;
    return x;
}

void match_index_free(struct match_index *x)
{
    if (!x)
        return;
    free(x->nodes);
    free(x->outputs);
    free(x->always);
    free(x->tables);
    free(x);
}

size_t match_index_words(const struct match_index *x)
{
    return ((size_t)x->count + 63) / 64;
}

static int32_t child_of(const struct match_index *x, int32_t node, unsigned char byte)
{
    if (node == 0)
        return x->root.child[byte];
    int32_t c = x->nodes[node].first;
    if (c < 0)
        return x->tables[-1 - c].child[byte];
    while (c != 0 && x->nodes[c].byte != byte)
        c = x->nodes[c].next;
    return c;
}

static int32_t add_child(struct match_index *x, int32_t node, unsigned char byte)
{
    if (x->nodes_count == x->nodes_room) {
        if (x->nodes_room > MATCH_INDEX_NODES_MAX / 2)
            return 0;
        struct node *more = realloc(x->nodes, 2 * (size_t)x->nodes_room * sizeof *more);
        if (!more)
            return 0;
        x->nodes = more;
        x->nodes_room *= 2;
    }
    int32_t c = x->nodes_count++;
    x->nodes[c] = (struct node){.byte = byte, .out = -1, .next = x->nodes[node].first};
    x->nodes[node].first = c;
    if (node == 0)
        x->root.child[byte] = c;
    return c;
}

static int add_output(struct match_index *x, int32_t node, int scenario)
{
    if (x->outputs_count == x->outputs_room) {
        int32_t room = x->outputs_room == 0 ? 256 : 2 * x->outputs_room;
        if (room > MATCH_INDEX_NODES_MAX)
            return -1;
        struct output *more = realloc(x->outputs, (size_t)room * sizeof *more);
        if (!more)
            return -1;
        x->outputs = more;
        x->outputs_room = room;
    }
    if (x->nodes[node].out < 0)
        x->nodes[node].ends = x->ends_count++;
    x->outputs[x->outputs_count] = (struct output){scenario, x->nodes[node].out};
    x->nodes[node].out = x->outputs_count++;
    return 0;
}

int match_index_add(struct match_index *x, const char *literal, size_t bytes, int scenario)
{
    if (bytes > MATCH_LITERAL_BYTES_MAX)
        bytes = MATCH_LITERAL_BYTES_MAX; /* its beginning: more candidates, none lost */
    int32_t node = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)literal[i];
        int32_t c = child_of(x, node, byte);
        node = c != 0 ? c : add_child(x, node, byte);
        if (node == 0)
            return -1;
    }
    return add_output(x, node, scenario);
}

void match_index_add_always(struct match_index *x, int scenario)
{
    x->always[scenario / 64] |= UINT64_C(1) << (scenario % 64);
}

static void link_child(struct match_index *x, int32_t parent, int32_t child)
{
    int32_t f = x->nodes[parent].fail;
    int32_t to = 0;
    if (parent != 0)
        while ((to = child_of(x, f, x->nodes[child].byte)) == 0 && f != 0)
            f = x->nodes[f].fail;
    x->nodes[child].fail = to;
    x->nodes[child].out_up = x->nodes[to].out >= 0 ? to : x->nodes[to].out_up;
}

static int children(const struct match_index *x, int32_t node)
{
    int count = 0;
    for (int32_t c = x->nodes[node].first; c != 0; c = x->nodes[c].next)
        count++;
    return count;
}

static int make_tables(struct match_index *x)
{
    size_t room = 0;
    for (int32_t node = 1; node < x->nodes_count; node++)
        room += children(x, node) > MATCH_INDEX_LIST_MAX;
    x->tables = calloc(room + 1, sizeof *x->tables);
    for (int32_t node = 1; x->tables && node < x->nodes_count; node++) {
        if (children(x, node) <= MATCH_INDEX_LIST_MAX)
            continue;
        for (int32_t c = x->nodes[node].first; c != 0; c = x->nodes[c].next)
            x->tables[x->tables_count].child[x->nodes[c].byte] = c;
        x->nodes[node].first = -1 - x->tables_count++;
    }
    return x->tables ? 0 : -1;
}

int match_index_finish(struct match_index *x)
{
    int32_t *queue = calloc((size_t)x->nodes_count, sizeof *queue);
    if (!queue)
        return -1;
    int32_t head = 0, tail = 0;
    queue[tail++] = 0;
    while (head < tail) {
        int32_t node = queue[head++];
        for (int32_t c = x->nodes[node].first; c != 0; c = x->nodes[c].next) {
            link_child(x, node, c);
            queue[tail++] = c;
        }
    }
    free(queue);
    return make_tables(x);
}

size_t match_index_seen_words(const struct match_index *x)
{
    return ((size_t)x->ends_count + 63) / 64;
}

/* Sets the bit; whether it was not set. */
static bool mark(uint64_t *bits, int32_t number)
{
    uint64_t bit = UINT64_C(1) << (number % 64);
    bool fresh = !(bits[number / 64] & bit);
    bits[number / 64] |= bit;
    return fresh;
}

size_t match_index_find(const struct match_index *x, const char *title, size_t bytes,
    uint64_t *seen_bits, uint64_t *bits)
{
    memcpy(bits, x->always, match_index_words(x) * sizeof *bits);
    memset(seen_bits, 0, match_index_seen_words(x) * sizeof *seen_bits);
    size_t taken = 0;
    int32_t node = 0;
    for (size_t i = 0; i < bytes; i++) {
        int32_t to;
        while ((to = child_of(x, node, (unsigned char)title[i])) == 0 && node != 0)
            node = x->nodes[node].fail;
        node = to;
        int32_t seen = x->nodes[node].out >= 0 ? node : x->nodes[node].out_up;
        /* What is up the chain from a node that was seen was seen with it. */
        for (; seen != 0 && mark(seen_bits, x->nodes[seen].ends); seen = x->nodes[seen].out_up)
            for (int32_t o = x->nodes[seen].out; o >= 0; o = x->outputs[o].next, taken++)
                (void)mark(bits, x->outputs[o].scenario);
    }
    return taken;
}
