/* SPDX-License-Identifier: MIT
 * known_hosts from any bytes: a key that stands in no line never matches, whatever the file says. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "lib/base/known_hosts.h"

/* Not decodable from any line: a key blob begins with the length of its type's name, and this length is absurd. */
static const unsigned char stranger[64] = {0xff, 0xff, 0xff, 0xff, 'n', 'o', 'b', 'o', 'd', 'y'};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const hosts[] = {"web1", "10.0.0.1", "a.example", "::1", ""};
    static const uint16_t ports[] = {22, 2222};
    struct diag *d = diag_new();
    struct error err = {0};
    MUST(d);
    struct known_hosts *k = known_hosts_parse("fuzz", data, bytes, d, &err);
    MUST(k || err.kind == ERROR_LIMIT);
    for (size_t i = 0; k && i < sizeof hosts / sizeof hosts[0] * 2; i++) {
        const char *host = hosts[i / 2];
        uint16_t port = ports[i % 2];
        char room[KNOWN_HOSTS_NAME_BYTES];
        struct known_hosts_types types = known_hosts_types(k, host, port);
        const char *name = known_hosts_name(k, host, port, room);
        MUST(name || types.usable == 0);
        MUST(types.usable < 1u << KNOWN_HOSTS_TYPES);
        struct known_hosts_answer got = known_hosts_check(k, host, port, stranger, sizeof stranger);
        MUST(got.verdict != KNOWN_HOSTS_MATCH);
        got = known_hosts_check(k, host, port, data, bytes);
        MUST(got.verdict != KNOWN_HOSTS_MATCH || got.line > 0);
    }
    known_hosts_free(k);
    diag_free(d);
    return 0;
}
