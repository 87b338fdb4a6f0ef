/* SPDX-License-Identifier: MIT
 * The strict YAML tree: places, counts and parents of the nodes fit together. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/yaml.h"

static void check(const struct yaml_node *node, const struct yaml_node *parent, int depth)
{
    MUST(depth <= YAML_DEPTH_MAX + 1);
    MUST(node->line >= 1 && node->column >= 1);
    MUST(node->parent == parent);
    bool holds = node->kind == YAML_LIST || node->kind == YAML_MAP;
    MUST(!holds || !node->text);
    MUST(node->text || holds || node->kind == YAML_NULL); /* an empty document has no text */
    int children = 0;
    for (const struct yaml_node *n = node->first; n; n = n->next) {
        MUST((n->key != NULL) == (node->kind == YAML_MAP));
        check(n, node, depth + 1);
        children++;
    }
    MUST(children == node->children);
    MUST(holds || children == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena *a = arena_new(FUZZ_ARENA_BYTES_MAX);
    struct diag *d = diag_new();
    MUST(a && d);
    struct yaml_node *root =
        yaml_parse(a, "fuzz.yaml", (const char *)data, bytes, YAML_BYTES_MAX, YAML_NODES_MAX, d);
    fuzz_check_diag(d, root == NULL);
    if (root)
        check(root, NULL, 1);
    diag_free(d);
    arena_free(a);
    return 0;
}
