/* SPDX-License-Identifier: MIT
 * Durations, sizes, percentages: read, printed, and read again. */
#include "tests/kit/kit.h"

#include <string.h>

#include "lib/base/duration.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
        const char *printed;
    } rows[] = {
        {"30s", 30000, "30s"}, {"2m", 120000, "2m"}, {"1h30m", 5400000, "1h30m"}, {"500ms", 500, "500ms"},
        {"1.5s", 1500, "1s500ms"}, {"90s", 90000, "1m30s"}, {"7d", 604800000, "7d"}, {"0s", 0, "0s"},
        {"1d2h3m4s5ms", 93784005, "1d2h3m4s5ms"}, {"0.25h", 900000, "15m"}, {"1m0.5s", 60500, "1m500ms"},
        {"3660d", DURATION_MS_MAX, "3660d"},
        {"", -1, NULL}, {"30", -1, NULL}, {"s", -1, NULL}, {"30 s", -1, NULL}, {"-1s", -1, NULL}, {"+1s", -1, NULL},
        {"1s1m", -1, NULL}, {"1s1s", -1, NULL}, {"1.5h10m", -1, NULL}, {"1.s", -1, NULL}, {".5s", -1, NULL},
        {"0.5ms", -1, NULL}, {"1sec", -1, NULL}, {"1S", -1, NULL}, {"3661d", -1, NULL}, {"3660d1ms", -1, NULL},
        {"99999999999999999999s", -1, NULL}, {"1e3s", -1, NULL}, {"1s ", -1, NULL}, {"\xef\xbc\x91s", -1, NULL},
        {"0.0000000001s", -1, NULL}, {"1125899906842624d", -1, NULL},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        int64_t ms = -1;
        struct error err = {0};
        int rc = duration_parse(rows[i].text, &ms, &err);
        if (ms != rows[i].ms || rc != (rows[i].ms < 0 ? -1 : 0))
            fail_msg("\"%s\": %lld (%s)", rows[i].text, (long long)ms, err.text);
        if (rc < 0) {
            assert_int_equal(err.kind, ERROR_INPUT);
            continue;
        }
        char out[DURATION_TEXT_BYTES];
        assert_string_equal(duration_print(ms, out), rows[i].printed);
        int64_t again = -1;
        assert_int_equal(duration_parse(out, &again, NULL), 0);
        assert_int_equal(again, ms);
    }
    char out[DURATION_TEXT_BYTES];
    assert_string_equal(duration_print(-1500, out), "-1s500ms");
    assert_true(strlen(duration_print(INT64_MIN, out)) < DURATION_TEXT_BYTES);
}

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
        const char *printed;
        const char *rough;
    } rows[] = {
        {"512B", 512, "512B", "512B"}, {"64KiB", 65536, "64KiB", "64.0KiB"}, {"4MB", 4000000, "4MB", "3.8MiB"},
        {"1.5GiB", 1610612736, "1536MiB", "1.5GiB"}, {"1025B", 1025, "1025B", "1.0KiB"}, {"0B", 0, "0B", "0B"},
        {"2kB", 2000, "2KB", "2.0KiB"}, {"1TiB", INT64_C(1) << 40, "1TiB", "1.0TiB"},
        {"64", -1, NULL, NULL}, {"64K", -1, NULL, NULL}, {"64kib", -1, NULL, NULL}, {"1.5B", -1, NULL, NULL},
        {"-1B", -1, NULL, NULL}, {"", -1, NULL, NULL}, {"9999999999TiB", -1, NULL, NULL}, {"4 MB", -1, NULL, NULL},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        int64_t bytes = -1;
        struct error err = {0};
        int rc = size_parse(rows[i].text, &bytes, &err);
        if (bytes != rows[i].bytes || rc != (rows[i].bytes < 0 ? -1 : 0))
            fail_msg("\"%s\": %lld (%s)", rows[i].text, (long long)bytes, err.text);
        char out[DURATION_TEXT_BYTES];
        if (rc == 0) {
            assert_string_equal(size_print(bytes, out), rows[i].printed);
            assert_string_equal(size_print_rough(bytes, out), rows[i].rough);
        }
    }
}

static void percentages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double percent; /* -1: refused */
    } rows[] = {
        {"85%", 85}, {"99.5%", 99.5}, {"0%", 0}, {"100%", 100},
        {"100.1%", -1}, {"101%", -1}, {"85", -1}, {"-1%", -1}, {"%", -1}, {"", -1}, {"85%%", -1}, {"8 %", -1},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        double percent = -1;
        int rc = percent_parse(rows[i].text, &percent, NULL);
        if (percent != rows[i].percent || rc != (rows[i].percent < 0 ? -1 : 0))
            fail_msg("\"%s\": %f", rows[i].text, percent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(percentages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
