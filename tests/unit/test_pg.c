/* SPDX-License-Identifier: MIT
 * Parameters' values and arrays, and what an SQLSTATE means. */
#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

#include "lib/io/pg.h"
#include "tests/kit/kit.h"

/* What stands in the server's binary form of a one-dimensional array; -1: a null. */
static int element(const struct pg_value *array, int at, const char **out)
{
    uint32_t length;
    const char *p = array->data + 20;
    for (int i = 0;; i++) {
        memcpy(&length, p, sizeof length);
        length = ntohl(length);
        *out = p + sizeof length;
        if (i == at)
            return (int)length;
        p = *out + (length == UINT32_MAX ? 0 : length);
    }
}

static uint32_t header(const struct pg_value *array, int word)
{
    uint32_t number;
    memcpy(&number, array->data + 4 * word, sizeof number);
    return ntohl(number);
}

static void text_elements_stay_as_they_are(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "", "NULL", "a\"b", "c\\d", "{", "a,b", " c ", "\n", "\xc3\xa9"};
    struct buf b;
    buf_init(&b, 1024);
    pg_array_begin(&b);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pg_array_text(&b, texts[i]);
    pg_array_text(&b, NULL);
    struct pg_value v = pg_array_end(&b);
    assert_true(v.binary);
    assert_int_equal(header(&v, 0), 1);
    assert_int_equal(header(&v, 2), 25);
    assert_int_equal(header(&v, 3), sizeof texts / sizeof texts[0] + 1);
    const char *found;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(element(&v, (int)i, &found), strlen(texts[i]));
        assert_memory_equal(found, texts[i], strlen(texts[i]));
    }
    assert_int_equal(element(&v, sizeof texts / sizeof texts[0], &found), -1);
    assert_ptr_equal(found, v.data + v.bytes);
    pg_array_begin(&b);
    v = pg_array_end(&b);
    assert_string_equal(v.data, "{}"); /* fits any type */
    assert_false(v.binary);
    buf_done(&b);
}

static void other_elements(void **state)
{
    (void)state;
    struct buf b;
    const char *found;
    buf_init(&b, 1024);
    pg_array_begin(&b);
    pg_array_int(&b, -2);
    struct pg_value v = pg_array_end(&b);
    assert_int_equal(header(&v, 2), 20);
    assert_int_equal(element(&v, 0, &found), 8);
    assert_memory_equal(found, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
    pg_array_begin(&b);
    pg_array_bool(&b, true);
    v = pg_array_end(&b);
    assert_int_equal(header(&v, 2), 16);
    assert_int_equal(element(&v, 0, &found), 1);
    assert_int_equal(*found, 1);
    pg_array_begin(&b);
    pg_array_bytes(&b, "\0\xff{", 3);
    pg_array_bytes(&b, NULL, 0);
    v = pg_array_end(&b);
    assert_int_equal(header(&v, 2), 17);
    assert_int_equal(element(&v, 0, &found), 3);
    assert_memory_equal(found, "\0\xff{", 3);
    assert_int_equal(element(&v, 1, &found), 0);
    buf_done(&b);
}

static void an_array_past_its_limit_is_no_value(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 40);
    pg_array_begin(&b);
    pg_array_text(&b, "longer than sixteen");
    struct pg_value v = pg_array_end(&b);
    assert_true(b.over);
    assert_int_equal(v.bytes, -1);
    pg_array_begin(&b); /* the next one starts clean */
    pg_array_int(&b, 1);
    v = pg_array_end(&b);
    assert_int_equal(header(&v, 3), 1);
    assert_int_equal(v.bytes, 32);
    buf_done(&b);
}

static void scalars(void **state)
{
    (void)state;
    assert_null(pg_from_text(NULL).data);
    assert_int_equal(pg_from_text("").bytes, 0);
    assert_non_null(pg_from_text("").data);
    assert_string_equal(PG_INT(-7).data, "-7");
    assert_int_equal(PG_INT(-7).bytes, 2);
    assert_string_equal(pg_from_bool(true).data, "t");
    assert_true(pg_from_bytes("x", 1).binary);
    assert_non_null(pg_from_bytes(NULL, 0).data);
    assert_int_equal(pg_from_span("x", (size_t)INT_MAX + 1).bytes, -1);
}

static void a_sqlstate_says_what_the_caller_may_do(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum error_kind expected;
    } rows[] = {
        {"22021", ERROR_INPUT},     /* bytes that are no UTF-8     */
        {"22P05", ERROR_INPUT},     /* \u0000 in jsonb             */
        {"23505", ERROR_INPUT},     /* unique                      */
        {"42P01", ERROR_INPUT},     /* no such table               */
        {"42501", ERROR_CONFIG},    /* no right                    */
        {"54000", ERROR_INPUT},     /* index row too large         */
        {"08P01", ERROR_INPUT},     /* wrong number of parameters  */
        {"08006", ERROR_UNREACHED},
        {"40001", ERROR_UNREACHED},
        {"40P01", ERROR_UNREACHED},
        {"40003", ERROR_UNCERTAIN},
        {"53100", ERROR_UNREACHED}, /* disk full                   */
        {"57014", ERROR_UNREACHED},
        {"55P03", ERROR_UNREACHED},
        {"25006", ERROR_UNREACHED}, /* read-only                   */
        {"25001", ERROR_REFUSED},
        {"28P01", ERROR_CONFIG},
        {"3D000", ERROR_CONFIG},
        {"P0001", ERROR_REFUSED},
        {"XX000", ERROR_REFUSED},
        {"", ERROR_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (pg_sqlstate_kind(rows[i].sqlstate) != rows[i].expected)
            fail_msg("%s is %s", rows[i].sqlstate, error_kind_name(pg_sqlstate_kind(rows[i].sqlstate)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_elements_stay_as_they_are),
        cmocka_unit_test(other_elements),
        cmocka_unit_test(an_array_past_its_limit_is_no_value),
        cmocka_unit_test(scalars),
        cmocka_unit_test(a_sqlstate_says_what_the_caller_may_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
