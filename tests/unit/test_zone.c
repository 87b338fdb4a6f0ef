/* SPDX-License-Identifier: MIT
 * Time zones: changes on file, rules behind the last change, names that are none. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/zone.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *at, *expected;
    } rows[] = {
        {"Asia/Tokyo", "2026-11-22T15:04:05Z", "2026-11-23 00:04:05 JST +32400"},
        {"Asia/Tokyo", "2049-12-31T15:00:00Z", "2050-01-01 00:00:00 JST +32400"},
        {"Etc/UTC", "2024-02-29T23:59:59Z", "2024-02-29 23:59:59 UTC +0"},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59 CET +3600"},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00 CEST +7200"},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25 02:59:59 CEST +7200"},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25 02:00:00 CET +3600"},
        /* by the footer's rule */
        {"Europe/Berlin", "2045-03-26T00:59:59Z", "2045-03-26 01:59:59 CET +3600"},
        {"Europe/Berlin", "2045-03-26T01:00:00Z", "2045-03-26 03:00:00 CEST +7200"},
        {"Europe/Berlin", "2045-10-29T00:59:59Z", "2045-10-29 02:59:59 CEST +7200"},
        {"Europe/Berlin", "2045-10-29T01:00:00Z", "2045-10-29 02:00:00 CET +3600"},
        {"America/New_York", "2045-07-04T16:00:00Z", "2045-07-04 12:00:00 EDT -14400"},
        {"America/New_York", "2045-01-04T16:00:00Z", "2045-01-04 11:00:00 EST -18000"},
        {"Australia/Sydney", "2045-01-04T16:00:00Z", "2045-01-05 03:00:00 AEDT +39600"}, /* summer over the new year */
        {"Australia/Sydney", "2045-07-04T16:00:00Z", "2045-07-05 02:00:00 AEST +36000"},
        {"Asia/Kolkata", "2026-11-22T15:04:05Z", "2026-11-22 20:34:05 IST +19800"},
        {"Asia/Kathmandu", "2045-11-22T15:04:05Z", "2045-11-22 20:49:05 +0545 +20700"},
        {"America/Argentina/Buenos_Aires", "2026-01-01T01:00:00Z", "2025-12-31 22:00:00 -03 -10800"},
        {"Asia/Tokyo", "1969-12-31T23:59:59Z", "1970-01-01 08:59:59 JST +32400"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct error err = {0};
        struct zone *z = zone_new(rows[i].zone, &err);
        if (!z)
            fail_msg("%s: %s", rows[i].zone, err.text);
        int64_t wall_ms = 0;
        assert_int_equal(clock_wall_parse(rows[i].at, &wall_ms), 0);
        struct zone_time t;
        zone_time_at(z, wall_ms, &t);
        char text[96];
        (void)snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d %s %+d", t.year, t.month, t.day, t.hour, t.minute,
            t.second, t.name, t.offset_s == 0 ? 0 : t.offset_s);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s at %s: \"%s\", expected \"%s\"", rows[i].zone, rows[i].at, text, rows[i].expected);
        zone_free(z);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "Asia", "Asia/Nowhere", "../../../etc/passwd", "/etc/passwd", "tzdata.zi", "Asia/Tokyo\n",
        "zone.tab", "Europe/Ber lin",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < SIZE(names); i++) {
        struct error err = {0};
        assert_null(zone_new(names[i], &err));
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_true(err.text[0] != '\0');
    }
    struct zone_time t;
    zone_time_at(NULL, -1, &t);
    assert_string_equal(t.name, "UTC");
    assert_int_equal(t.year, 1969);
    assert_int_equal(t.second, 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
