/* SPDX-License-Identifier: MIT
 * Sets of files: order, hash, the packed form and what is refused, reading folders. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/pack.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])
#define ROOM 100000

static struct pack *two(const char *first, const char *second)
{
    struct pack *p = pack_new(ROOM);
    assert_int_equal(pack_add(p, first, first, strlen(first), NULL), 0);
    assert_int_equal(pack_add(p, second, second, strlen(second), NULL), 0);
    return p;
}

static void order_does_not_matter(void **state)
{
    (void)state;
    struct pack *a = two("a.yaml", "b/c.yaml"), *b = two("b/c.yaml", "a.yaml");
    char x[ID_SHA256_BYTES], y[ID_SHA256_BYTES];
    assert_int_equal(pack_hash(a, x, NULL), 0);
    assert_int_equal(pack_hash(b, y, NULL), 0);
    assert_string_equal(x, y);
    assert_string_equal(pack_at(b, 0)->name, "a.yaml");
    assert_string_equal(pack_find(b, "b/c.yaml")->data, "b/c.yaml");
    assert_null(pack_find(b, "c.yaml"));
    assert_null(pack_at(b, 2));
    assert_int_equal(pack_add(a, "c", "", 0, NULL), 0);
    assert_int_equal(pack_hash(a, y, NULL), 0);
    assert_string_not_equal(x, y);
    pack_free(a);
    pack_free(b);
}

static void packed_and_back(void **state)
{
    (void)state;
    struct pack *a = two("a.yaml", "b/c.yaml");
    assert_int_equal(pack_add(a, "nul", "x\0\n7 z\ny", 8, NULL), 0);
    assert_int_equal(pack_add(a, "empty", "", 0, NULL), 0);
    struct buf whole;
    buf_init(&whole, ROOM);
    assert_int_equal(pack_write(a, &whole, NULL), 0);
    struct error err = {0};
    struct pack *b = pack_parse(buf_text(&whole), whole.bytes, ROOM, &err);
    assert_non_null(b);
    assert_int_equal(pack_count(b), 4);
    assert_memory_equal(pack_find(b, "nul")->data, "x\0\n7 z\ny", 8);
    char x[ID_SHA256_BYTES], y[ID_SHA256_BYTES];
    assert_int_equal(pack_hash(a, x, NULL), 0);
    assert_int_equal(pack_hash(b, y, NULL), 0);
    assert_string_equal(x, y);
    pack_free(b);
    int whole_sets = 0;
    for (size_t cut = 0; cut < whole.bytes; cut++) { /* each shorter one is a set of fewer files, or refused */
        char *copy = malloc(cut + 1); /* of its own, so that reading past it is seen */
        memcpy(copy, buf_text(&whole), cut);
        b = pack_parse(copy, cut, ROOM, &err);
        whole_sets += b != NULL;
        pack_free(b);
        free(copy);
    }
    assert_int_equal(whole_sets, 4); /* none, one, two, three files */
    buf_done(&whole);
    pack_free(a);
}

static void what_is_no_pack(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "firstline-pack 2\n", "firstline-pack 1\nx", "firstline-pack 1\n5 a\nabc", "firstline-pack 1\n3 a\nabcd",
        "firstline-pack 1\n-1 a\n\n", "firstline-pack 1\n3 \nabc\n", "firstline-pack 1\n 3 a\nabc\n",
        "firstline-pack 1\n999999999999 a\nabc\n", "firstline-pack 1\n1 a\nx\n1 a\nx\n",
        "firstline-pack 1\n99999999999999999999 a\nx\n",
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct error err = {0};
        assert_null(pack_parse(rows[i], strlen(rows[i]), ROOM, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
    }
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct pack *p = pack_new(10);
    struct error err = {0};
    assert_int_equal(pack_add(p, "a", "123456789", 9, &err), 0);
    assert_int_equal(pack_bytes_left(p), 0);
    assert_int_equal(pack_add(p, "b", "", 0, &err), -1);
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(pack_add(p, "a", "", 0, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(pack_add(p, "", "", 0, &err), -1);
    assert_int_equal(pack_add(p, "x\ny", "", 0, &err), -1);
    assert_int_equal(pack_count(p), 1);
    pack_free(p);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_folder_is_read(void **state)
{
    (void)state;
    char folder[] = "/tmp/firstline-pack-XXXXXX", path[300];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put(folder, "b.yaml", "b");
    put(folder, "a.yml", "a");
    put(folder, ".hidden.yaml", "no");
    put(folder, "note.txt", "no");
    put(path, "c.yaml", "c");
    char link[300];
    (void)snprintf(link, sizeof link, "%s/d.yaml", folder);
    assert_int_equal(symlink("sub/c.yaml", link), 0);
    (void)snprintf(link, sizeof link, "%s/sub/loop", folder);
    assert_int_equal(symlink("..", link), 0);
    struct pack *p = pack_new(ROOM);
    struct error err = {0};
    int read = pack_read(p, folder, ".yaml", "", &err);
    (void)snprintf(path, sizeof path, "%s/b.yaml", folder);
    int single = pack_read(p, path, ".yaml", "more/", &err);
    (void)snprintf(path, sizeof path, "%s/none", folder);
    int none = pack_read(p, path, ".yaml", "", &err);
    struct pack *small = pack_new(5);
    struct error small_err = {0};
    int full = pack_read(small, folder, ".yaml", "", &small_err);
    static const char *const made[] = {"sub/loop", "d.yaml", "sub/c.yaml", "note.txt", ".hidden.yaml", "a.yml", "b.yaml"};
    for (size_t i = 0; i < SIZE(made); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, made[i]);
        assert_int_equal(unlink(path), 0);
    }
    (void)snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);

    assert_int_equal(read, 0);
    assert_int_equal(single, 0);
    assert_int_equal(none, -1);
    assert_int_equal(full, -1);
    assert_int_equal(small_err.kind, ERROR_LIMIT);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_int_equal(pack_count(p), 5);
    static const char *const names[] = {"a.yml", "b.yaml", "d.yaml", "more/b.yaml", "sub/c.yaml"};
    for (int i = 0; i < 5; i++)
        assert_string_equal(pack_at(p, i)->name, names[i]);
    assert_string_equal(pack_at(p, 2)->data, "c");
    pack_free(small);
    pack_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(packed_and_back),
        cmocka_unit_test(what_is_no_pack),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_folder_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
