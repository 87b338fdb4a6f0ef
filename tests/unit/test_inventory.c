/* SPDX-License-Identifier: MIT
 * The inventory: what is read, found and refused, and what 10,000 hosts cost. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/inventory.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

static const char good[] =
    "customers:\n"
    "  acme:\n"
    "    defaults: { user: ops, key: /keys/acme, groups: [all], variables: { service: nginx, tier: 2 } }\n"
    "    hosts:\n"
    "      web1:\n"
    "        address: 10.0.0.1\n"
    "        aliases: [web1.acme.example, i-0a1b2c3d]\n"
    "        groups: [web]\n"
    "        variables: { service: apache }\n"
    "      DB1:\n"
    "        address: '2001:db8::1'\n"
    "        port: 2222\n"
    "        user: dba\n"
    "        transport: openssh\n"
    "        known_as: db1.acme.example\n"
    "        region: osaka\n"
    "        machine: rack-7\n"
    "        folder: /var/lib/firstline\n"
    "        passphrase_file: /keys/phrase\n"
    "  globex:\n"
    "    hosts:\n"
    "      web1: { address: 10.0.0.1, user: root, transport: openssh }\n"
    "      web2: { address: web2.globex.example, user: root, key: /keys/globex }\n"
    "      日本-1: { address: 10.9.9.9, user: root, key: /keys/globex }\n";

static struct inventory *parse(struct diag *d, int files, const char *const *texts)
{
    static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml"};
    struct pack *p = pack_new(INVENTORY_BYTES_MAX);
    for (int i = 0; i < files; i++)
        assert_int_equal(pack_add(p, names[i], texts[i], strlen(texts[i]), NULL), 0);
    struct inventory *inv = inventory_parse(p, d);
    pack_free(p);
    return inv;
}

static struct inventory *parse_good(void)
{
    struct diag *d = diag_new();
    struct inventory *inv = parse(d, 1, (const char *const[]){good});
    struct error err = {0};
    if (diag_error(d, &err) < 0)
        fail_msg("%s", err.text);
    diag_free(d);
    assert_non_null(inv);
    return inv;
}

static void everything_is_read(void **state)
{
    (void)state;
    struct inventory *inv = parse_good();
    assert_int_equal(inventory_count(inv), 5);
    assert_int_equal(inventory_customers(inv), 2);
    const struct inventory_host *h = inventory_at(inv, 0);
    assert_string_equal(h->name, "web1");
    assert_string_equal(h->customer, "acme");
    assert_string_equal(h->user, "ops");
    assert_string_equal(h->key, "/keys/acme");
    assert_int_equal(h->port, 22);
    assert_int_equal(h->transport, INVENTORY_LIBSSH2);
    assert_null(h->machine);
    assert_true(inventory_in_group(h, "all"));
    assert_true(inventory_in_group(h, "web"));
    assert_false(inventory_in_group(h, "db"));
    assert_string_equal(inventory_variable(h, "service"), "apache");
    assert_string_equal(inventory_variable(h, "tier"), "2");
    assert_null(inventory_variable(h, "none"));
    assert_string_equal(h->file, "a.yaml");
    assert_int_equal(h->line, 5);
    assert_int_equal(h->column, 7);
    h = inventory_at(inv, 1);
    assert_string_equal(h->user, "dba");
    assert_string_equal(h->key, "/keys/acme");
    assert_int_equal(h->port, 2222);
    assert_int_equal(h->transport, INVENTORY_OPENSSH);
    assert_string_equal(h->known_as, "db1.acme.example");
    assert_string_equal(h->region, "osaka");
    assert_string_equal(h->machine, "rack-7");
    assert_string_equal(h->folder, "/var/lib/firstline");
    assert_string_equal(h->passphrase_file, "/keys/phrase");
    h = inventory_at(inv, 2);
    assert_string_equal(h->user, "root"); /* acme's defaults end with acme */
    assert_null(h->key);
    assert_int_equal(h->variables.count, 0);
    inventory_unref(inv);
}

static void hosts_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *customer, *text, *host; /* NULL: why is not ONE */
        enum inventory_why why;
    } rows[] = {
        {"acme", "web1", "web1", INVENTORY_ONE},
        {"acme", "WEB1", "web1", INVENTORY_ONE},
        {"acme", "web1.ACME.example", "web1", INVENTORY_ONE},
        {"acme", "i-0a1b2c3d", "web1", INVENTORY_ONE},
        {"acme", "10.0.0.1", "web1", INVENTORY_ONE},
        {"ACME", "db1", "DB1", INVENTORY_ONE},
        {"acme", "2001:DB8::1", "DB1", INVENTORY_ONE},
        {"acme", "[2001:db8::1]", "DB1", INVENTORY_ONE},
        {"acme", "ｗｅｂ１", "web1", INVENTORY_ONE},
        {"globex", "10.0.0.1", "web1", INVENTORY_ONE},
        {"globex", "日本-1", "日本-1", INVENTORY_ONE},
        {"globex", "db1", NULL, INVENTORY_NONE}, /* another customer's */
        {"acme", "web2", NULL, INVENTORY_NONE},
        {"acme", "", NULL, INVENTORY_NONE},
        {"acme", "[]", NULL, INVENTORY_NONE},
        {"acme", NULL, NULL, INVENTORY_NONE},
        {"none", "web1", NULL, INVENTORY_NO_CUSTOMER},
        {NULL, "web1", NULL, INVENTORY_NO_CUSTOMER},
        {"web1", "web1", NULL, INVENTORY_NO_CUSTOMER},
    };
    struct inventory *inv = parse_good();
    for (size_t i = 0; i < SIZE(rows); i++) {
        enum inventory_why why = 99;
        const struct inventory_host *h = inventory_find(inv, rows[i].customer, rows[i].text, &why);
        if (why != rows[i].why || (h == NULL) != (rows[i].host == NULL) || (h && strcmp(h->name, rows[i].host) != 0))
            fail_msg("row %zu: %s, %s", i, inventory_why_name(why), h ? h->name : "none");
        if (h && strcmp(rows[i].customer, "globex") == 0)
            assert_string_equal(h->customer, "globex");
    }
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(inventory_find(inv, "acme", longest, NULL));
    inventory_unref(inv);
}

#define C "customers:\n  acme:\n    defaults: {user: ops, key: /k}\n    hosts:\n"

static void mistakes_have_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *text, *second; /* second: another file, or NULL */
        const char *expected;
    } rows[] = {
        {"customer: {}\n", NULL, "a.yaml:1:1: unknown key \"customer\"; did you mean \"customers\"?"},
        {"- a\n", NULL, "a.yaml:1:1: this inventory file wants a map (key: value), not a list"},
        {"customers: [acme]\n", NULL, "a.yaml:1:12: customers wants a map of names to customers, not a list"},
        {"customers:\n  acme: 1\n", NULL, "a.yaml:2:9: this customer wants a map"},
        {"customers:\n  acme: {host: {}}\n", NULL, "a.yaml:2:10: unknown key \"host\"; did you mean \"hosts\"?"},
        {"customers:\n  acme: {hosts: [a]}\n", NULL, "a.yaml:2:17: hosts wants a map of names to hosts, not a list"},
        {"customers:\n  '-x': {}\n", NULL, "a.yaml:2:3: \"-x\" cannot be a customer's name"},
        {C "      a: {adress: 10.0.0.1}\n", NULL, "a.yaml:5:10: this host has no \"address\""},
        {C "      a: {address: 10.0.0.1, prot: 22}\n", NULL, "a.yaml:5:30: unknown key \"prot\"; did you mean \"port\"?"},
        {C "      a: {address: 10.0.0.1, port: 0}\n", NULL, "a.yaml:5:36: port is 0; it must be at least 1"},
        {C "      a: {address: 10.0.0.1, port: 65536}\n", NULL, "a.yaml:5:36: port is 65536; it must be at most 65535"},
        {C "      a: {address: 10.0.0.1, port: '22'}\n", NULL, "a.yaml:5:36: port wants a whole number, without quotes"},
        {C "      a: {address: 10.0.0.1, transport: ssh}\n", NULL, "a.yaml:5:41: transport wants libssh2 or openssh, not ssh"},
        {C "      a: {address: 10.0.0.1, transport: openshs}\n", NULL, "did you mean \"openssh\"?"},
        {C "      a: {address: 10, aliases: [b]}\n", NULL, "a.yaml:5:20: address wants text, not a whole number; write it in quotes: \"10\""},
        {C "      a: {address: 'a b'}\n", NULL, "a.yaml:5:20: \"a b\" is no IP address and no host name"},
        {C "      a: {address: '-oProxyCommand=x'}\n", NULL, "is no IP address and no host name"},
        {C "      a: {address: x, user: '-l root'}\n", NULL, "a.yaml:5:29: user wants a name of at most 100"},
        {C "      a: {address: x, key: keys/a}\n", NULL, "a.yaml:5:28: key must be an absolute path"},
        {C "      a: {address: x, folder: /a/../b}\n", NULL, "a.yaml:5:31: folder must be an absolute path"},
        {C "      a: {address: x, aliases: b}\n", NULL, "a.yaml:5:32: aliases wants a list, not text"},
        {C "      a: {address: x, aliases: ['b c']}\n", NULL, "a.yaml:5:33: \"b c\" cannot be used in aliases"},
        {C "      a: {address: x, variables: {k: [1]}}\n", NULL, "a.yaml:5:38: \"k\" wants text or a number, not a list"},
        {C "      a: {address: }\n", NULL, "a.yaml:5:11: address has no value"},
        {C "      'a b': {address: x}\n", NULL, "a.yaml:5:7: \"a b\" cannot be a host's name"},
        {"customers: {acme: {hosts: {a: {address: x, key: /k}}}}\n", NULL, "host \"a\" has no user"},
        {"customers: {acme: {hosts: {a: {address: x, user: u}}}}\n", NULL, "host \"a\" has no key"},
        {C "      a: {address: 10.0.0.1}\n      A: {address: 10.0.0.2}\n", NULL,
            "a.yaml:6:7: name \"A\" is already the name of host \"a\" of \"acme\" (a.yaml:5:7)"},
        {C "      a: {address: 10.0.0.1}\n      b: {address: 10.0.0.2, aliases: [c, a]}\n", NULL,
            "a.yaml:6:43: alias \"a\" is already the name of host \"a\" of \"acme\" (a.yaml:5:7)"},
        {C "      a: {address: 10.0.0.1}\n      b: {address: 10.0.0.1}\n", NULL,
            "a.yaml:6:20: address \"10.0.0.1\" is already the address of host \"a\" of \"acme\" (a.yaml:5:7); if both are meant"},
        {C "      a: {address: x}\n      x: {address: 10.0.0.1}\n", NULL, "name \"x\" is already the address of host \"a\""},
        {C "      a: {address: x}\n", C "      b: {address: y, aliases: [A]}\n",
            "b.yaml:5:33: alias \"A\" is already the name of host \"a\" of \"acme\" (a.yaml:5:7)"},
        {C "      a: {address: x}\n", "customers: {Acme: {}}\n", "b.yaml:1:13: customer \"Acme\" is written \"acme\" elsewhere"},
        {C "      a: {address: x}\n      a: {address: y}\n", NULL, "a.yaml:6:7: key \"a\" is given twice"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct diag *d = diag_new();
        struct inventory *inv = parse(d, rows[i].second ? 2 : 1, (const char *const[]){rows[i].text, rows[i].second});
        struct error err = {0};
        assert_null(inv);
        assert_int_equal(diag_error(d, &err), -1);
        if (!strstr(err.text, rows[i].expected))
            fail_msg("row %zu: got \"%s\", expected \"%s\"", i, err.text, rows[i].expected);
        diag_free(d);
    }
}

static void one_address_may_serve_several_entries(void **state)
{
    (void)state;
    const char *text = C "      a: {address: 10.0.0.1, machine: m1}\n"
                         "      b: {address: 10.0.0.1, machine: m2}\n"
                         "      c: {address: 10.0.0.1, port: 2222}\n"
                         "      d: {address: 10.0.0.1, user: other}\n";
    struct diag *d = diag_new();
    struct inventory *inv = parse(d, 1, &text);
    assert_non_null(inv);
    enum inventory_why why;
    assert_null(inventory_find(inv, "acme", "10.0.0.1", &why));
    assert_int_equal(why, INVENTORY_AMBIGUOUS);
    assert_string_equal(inventory_find(inv, "acme", "b", &why)->machine, "m2");
    inventory_unref(inv);
    diag_free(d);
}

static void all_mistakes_at_once(void **state)
{
    (void)state;
    const char *text = C "      a: {address: 1, port: x}\n      b: {}\n  globex: {hosts: {c: {address: y}}}\n";
    struct diag *d = diag_new();
    assert_null(parse(d, 1, &text));
    assert_int_equal(diag_errors(d), 5); /* address, port; no address; no user, no key */
    diag_free(d);
}

static void a_customer_may_be_spread_over_files(void **state)
{
    (void)state;
    const char *const texts[] = {C "      a: {address: x}\n",
        "customers: {acme: {defaults: {user: two, key: /k2}, hosts: {b: {address: y}}}}\n", ""};
    struct diag *d = diag_new();
    struct inventory *inv = parse(d, 3, texts);
    assert_non_null(inv);
    assert_int_equal(inventory_customers(inv), 1);
    assert_string_equal(inventory_find(inv, "acme", "a", NULL)->user, "ops");
    assert_string_equal(inventory_find(inv, "acme", "b", NULL)->user, "two");
    inventory_unref(inv);
    diag_free(d);
}

static void packed_and_back(void **state)
{
    (void)state;
    struct inventory *inv = parse_good();
    struct buf bytes;
    buf_init(&bytes, 100000);
    assert_int_equal(inventory_pack(inv, &bytes, NULL), 0);
    struct error err = {0};
    struct inventory *again = inventory_unpack(buf_text(&bytes), bytes.bytes, &err);
    assert_non_null(again);
    assert_string_equal(inventory_hash(again), inventory_hash(inv));
    assert_string_equal(inventory_find(again, "acme", "db1", NULL)->machine, "rack-7");
    assert_ptr_equal(inventory_ref(again), again);
    inventory_unref(again);
    inventory_unref(again);
    assert_null(inventory_unpack("x", 1, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_null(inventory_unpack("firstline-pack 1\n3 a\nx: \n", 25, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    buf_done(&bytes);
    inventory_unref(inv);
}

static void a_missing_path_is_told(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    assert_null(inventory_load((const char *const[]){"/nonexistent/inventory", NULL}, d));
    struct error err = {0};
    assert_int_equal(diag_error(d, &err), -1);
    assert_non_null(strstr(err.text, "/nonexistent/inventory"));
    diag_free(d);
}

static void hosts_are_read_from_a_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/firstline-inventory-XXXXXX", path[300];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/acme.yaml", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(good, f);
    fclose(f);
    struct diag *d = diag_new();
    struct inventory *inv = inventory_load((const char *const[]){folder, NULL}, d);
    struct inventory *two = inventory_load((const char *const[]){path, folder, NULL}, d);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_non_null(inv);
    assert_string_equal(inventory_at(inv, 0)->file, path);
    inventory_unref(inv);
    assert_null(two); /* the same hosts twice, each told with its place */
    assert_int_equal(diag_errors(d), 11);
    diag_free(d);
}

/* The time is printed for people and for the note; the machine's load is not this test's to judge. */
static void ten_thousand_hosts(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, (size_t)16 * 1024 * 1024);
    buf_add_text(&text, C);
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "      host%d:\n        address: 10.%d.%d.%d\n        aliases: [host%d.acme.example, i-%08x]\n"
                          "        groups: [web, g%d]\n        variables: { service: nginx, shard: %d }\n",
            i, i / 62500, i / 250 % 250, i % 250 + 1, i, (unsigned)i * 2654435U, i % 40, i % 7);
    struct pack *p = pack_new(INVENTORY_BYTES_MAX);
    assert_int_equal(pack_add(p, "big.yaml", buf_text(&text), text.bytes, NULL), 0);
    struct diag *d = diag_new();
    int64_t begin = clock_mono_ms();
    struct inventory *inv = inventory_parse(p, d);
    print_message("10,000 hosts, %zu bytes of YAML: %lld ms\n", text.bytes, (long long)(clock_mono_ms() - begin));
    assert_non_null(inv);
    assert_int_equal(inventory_count(inv), 10000);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "HOST%d.acme.example", i);
        const struct inventory_host *h = inventory_find(inv, "acme", name, NULL);
        assert_ptr_equal(h, inventory_at(inv, i));
    }
    inventory_unref(inv);
    diag_free(d);
    pack_free(p);
    buf_done(&text);
}

static void the_schema_is_json(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100000);
    schema_json(&inventory_schema, "inventory", &out);
    assert_false(out.over);
    assert_non_null(strstr(buf_text(&out), "\"additionalProperties\":false"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(hosts_are_found),
        cmocka_unit_test(mistakes_have_their_places),
        cmocka_unit_test(one_address_may_serve_several_entries),
        cmocka_unit_test(all_mistakes_at_once),
        cmocka_unit_test(a_customer_may_be_spread_over_files),
        cmocka_unit_test(packed_and_back),
        cmocka_unit_test(a_missing_path_is_told),
        cmocka_unit_test(hosts_are_read_from_a_folder),
        cmocka_unit_test(ten_thousand_hosts),
        cmocka_unit_test(the_schema_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
