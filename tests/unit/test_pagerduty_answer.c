/* SPDX-License-Identifier: MIT
 * What an answer of PagerDuty's allows the caller to do: one row here for each row of the table, and the odd
 * shapes. */
#include "tests/kit/kit.h"

#include <string.h>

#include "coordinator/pagerduty_answer.h"
#include "lib/base/limits.h"

#define ERROR_BODY(code, message) \
    "{\"error\":{\"message\":\"" message "\",\"code\":" #code ",\"errors\":[\"e1\",\"e2\"]}}"

static const struct {
    int status;
    const char *body;
    enum pagerduty_class class;
    int code;
    const char *says; /* in the error text; NULL: nothing is asked */
} rows[] = {
    {200, "{}", PAGERDUTY_DONE, 0, NULL},
    {201, "", PAGERDUTY_DONE, 0, NULL},
    {202, "accepted", PAGERDUTY_DONE, 0, NULL},
    {204, "", PAGERDUTY_DONE, 0, NULL},
    {301, "moved", PAGERDUTY_CONFIG, 0, "answered 301"},
    {429, ERROR_BODY(2020, "Rate Limit Exceeded"), PAGERDUTY_SLOW_DOWN, 2020, "Rate Limit Exceeded"},
    {429, "", PAGERDUTY_SLOW_DOWN, 0, "answered 429"},
    {400, ERROR_BODY(2020, "Rate Limit Exceeded"), PAGERDUTY_SLOW_DOWN, 2020, NULL},
    {400, ERROR_BODY(1001, "Incident Already Resolved"), PAGERDUTY_ALREADY, 1001, NULL},
    {403, ERROR_BODY(1001, "Incident Already Resolved"), PAGERDUTY_ALREADY, 1001, NULL},
    {400, ERROR_BODY(1002, "Incident Already Acknowledged"), PAGERDUTY_ALREADY, 1002, NULL},
    {400, ERROR_BODY(2001, "Incident Already Resolved"), PAGERDUTY_ALREADY, 2001, NULL},
    {400, ERROR_BODY(2016, "You must specify a user's email address in the \\\"From\\\" header to perform this action"),
        PAGERDUTY_CONFIG, 2016, "\"From\" header"},
    {400, ERROR_BODY(1008, "Requester User Not Found"), PAGERDUTY_CONFIG, 1008, "Requester User Not Found"},
    {400, ERROR_BODY(1018, "Requester not authorised"), PAGERDUTY_CONFIG, 1018, NULL},
    {400, ERROR_BODY(2006, "Authentication failed"), PAGERDUTY_CONFIG, 2006, NULL},
    {400, ERROR_BODY(2010, "Access Denied"), PAGERDUTY_CONFIG, 2010, NULL},
    {400, ERROR_BODY(1005, "Data Updated Since Last Request"), PAGERDUTY_UNKNOWN, 1005, NULL},
    {400, ERROR_BODY(2016, "Request took too long"), PAGERDUTY_UNKNOWN, 2016, NULL},
    {401, "{\"error\":\"not authorised\"}", PAGERDUTY_CONFIG, 0, "not authorised"},
    {403, ERROR_BODY(0, "Forbidden"), PAGERDUTY_CONFIG, 0, "Forbidden"},
    {408, "", PAGERDUTY_UNKNOWN, 0, NULL},
    {400, ERROR_BODY(2001, "Invalid Input Provided"), PAGERDUTY_NEVER, 2001, "Invalid Input Provided; e1; e2"},
    {402, ERROR_BODY(2014, "Account lacks the ability"), PAGERDUTY_NEVER, 2014, NULL},
    {404, ERROR_BODY(2100, "Not Found"), PAGERDUTY_NEVER, 2100, "Not Found"},
    {413, "<html>too large</html>", PAGERDUTY_NEVER, 0, "<html>too large</html>"},
    {418, "", PAGERDUTY_NEVER, 0, NULL},
    {500, ERROR_BODY(2000, "Internal Error"), PAGERDUTY_UNKNOWN, 2000, "Internal Error"},
    {502, "<html><body>Bad Gateway</body></html>", PAGERDUTY_UNKNOWN, 0, "Bad Gateway"},
    {503, "", PAGERDUTY_UNKNOWN, 0, NULL},
    {504, "", PAGERDUTY_UNKNOWN, 0, NULL},
    {999, "", PAGERDUTY_UNKNOWN, 0, NULL},
    /* odd shapes of the error */
    {400, "{\"error\":{\"message\":\"m\",\"code\":2001,\"errors\":{\"base\":[\"a\",\"b\"],\"name\":[\"c\"]}}}",
        PAGERDUTY_NEVER, 2001, "m; a; b; c"},
    {400, "{\"error\":{\"message\":null,\"code\":\"2001\",\"errors\":null}}", PAGERDUTY_NEVER, 0, "\"{"},
    {400, "{\"error\":{\"code\":-5}}", PAGERDUTY_NEVER, 0, NULL},
    {400, "{\"error\":[]}", PAGERDUTY_NEVER, 0, NULL},
    {400, "[1,2]", PAGERDUTY_NEVER, 0, "[1,2]"},
    {400, "{\"error\":{\"message\":\"m\",\"errors\":[[[[[[\"deep\"]]]]]]}}", PAGERDUTY_NEVER, 0, "\"m\""},
    {400, "{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":[\"no routing key\"]}",
        PAGERDUTY_NEVER, 0, "Event object is invalid; no routing key"},
    {400, "\xff\xfe\x01\r\nline two", PAGERDUTY_NEVER, 0, "line two"},
};

static void each_answer_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pagerduty_result r = {0};
        struct pagerduty_answer a = {.status = rows[i].status, .body = rows[i].body, .bytes = strlen(rows[i].body)};
        pagerduty_answer_class(&a, "try", &r);
        if (r.class != rows[i].class || r.code != rows[i].code || (rows[i].says && !strstr(r.err.text, rows[i].says)))
            fail_msg("row %zu (%d %s): class %s, code %d, '%s'", i, rows[i].status, rows[i].body,
                pagerduty_class_name(r.class), r.code, r.err.text);
        assert_int_equal(r.status, rows[i].status);
        assert_true((r.class == PAGERDUTY_DONE) == (r.err.kind == ERROR_NONE));
        assert_null(strchr(r.err.text, '\n'));
    }
}

static void each_failure_has_its_class(void **state)
{
    (void)state;
    static const struct {
        enum error_kind kind;
        enum pagerduty_class class;
    } failures[] = {
        {ERROR_CONFIG, PAGERDUTY_CONFIG},
        {ERROR_INPUT, PAGERDUTY_NEVER},
        {ERROR_REFUSED, PAGERDUTY_NEVER},
        {ERROR_UNREACHED, PAGERDUTY_NOT_SENT},
        {ERROR_UNCERTAIN, PAGERDUTY_UNKNOWN},
        {ERROR_DEADLINE, PAGERDUTY_NOT_SENT},
        {ERROR_CANCELLED, PAGERDUTY_NOT_SENT},
        {ERROR_LIMIT, PAGERDUTY_NOT_SENT},
    };
    assert_int_equal(sizeof failures / sizeof failures[0], ERROR_KINDS - 1);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct error e = {0};
        error_set(&e, failures[i].kind, "cause");
        struct pagerduty_result r = {0};
        pagerduty_answer_class(&(struct pagerduty_answer){.failure = &e}, "try", &r);
        assert_int_equal(r.class, failures[i].class);
        assert_int_equal(r.err.kind, failures[i].kind);
        assert_string_equal(r.err.text, "PagerDuty: try: cause");
    }
}

static void what_is_gone_need_not_be_deleted(void **state)
{
    (void)state;
    struct pagerduty_result r = {0};
    struct pagerduty_answer a = {.status = 404, .body = "", .deletes = true};
    pagerduty_answer_class(&a, "delete", &r);
    assert_int_equal(r.class, PAGERDUTY_ALREADY);
    a.deletes = false;
    pagerduty_answer_class(&a, "read", &r);
    assert_int_equal(r.class, PAGERDUTY_NEVER);
}

static void a_429_says_how_long(void **state)
{
    (void)state;
    static const struct {
        const char *retry_after, *reset;
        int64_t wait_ms;
    } waits[] = {
        {NULL, NULL, PAGERDUTY_WAIT_MS},
        {"7", NULL, 7000},
        {NULL, "12", 12000},
        {"3", "12", 12000},
        {"30", "12", 30000},
        {"0", "0", 500},
        {"9999999999999999999999", NULL, PAGERDUTY_WAIT_MS_MAX},
        {"Wed, 21 Oct 2026 07:28:00 GMT", NULL, PAGERDUTY_WAIT_MS},
        {"-5", "", PAGERDUTY_WAIT_MS},
        {"1.9", NULL, 1000},
    };
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        struct pagerduty_result r = {0};
        pagerduty_answer_class(&(struct pagerduty_answer){.status = 429, .body = "",
                                   .retry_after = waits[i].retry_after, .ratelimit_reset = waits[i].reset},
            "try", &r);
        if (r.wait_ms != waits[i].wait_ms)
            fail_msg("row %zu: %lld", i, (long long)r.wait_ms);
    }
}

static void the_quote_is_bounded_and_without_the_secret(void **state)
{
    (void)state;
    static char big[100000];
    memset(big, 'x', sizeof big - 1);
    struct pagerduty_result r = {0};
    pagerduty_answer_class(&(struct pagerduty_answer){.status = 400, .body = big, .bytes = sizeof big - 1}, "try", &r);
    assert_true(strlen(r.err.text) < 300);
    const char *echo = "{\"error\":{\"message\":\"bad token s3cr3t, said s3cr3t\",\"code\":2006}}";
    pagerduty_answer_class(
        &(struct pagerduty_answer){.status = 401, .body = echo, .bytes = strlen(echo), .secret = "s3cr3t"}, "try", &r);
    assert_null(strstr(r.err.text, "s3cr3t"));
    assert_non_null(strstr(r.err.text, "bad token ***, said ***"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_class),
        cmocka_unit_test(each_failure_has_its_class),
        cmocka_unit_test(what_is_gone_need_not_be_deleted),
        cmocka_unit_test(a_429_says_how_long),
        cmocka_unit_test(the_quote_is_bounded_and_without_the_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
