/* SPDX-License-Identifier: MIT
 * Any bytes as a settings file: the YAML tree, the diagnostics and the table's reader. What is
 * accepted must have policies that can be asked, what is refused must say why. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct diag *d = diag_new();
    if (!d)
        abort();
    struct settings *s = settings_parse("f.yaml", (const char *)data, bytes, "/etc/firstline", d);
    if ((s == NULL) != (diag_errors(d) > 0))
        abort();
    if (s) {
        struct policy p;
        policy_of_service(&s->policies, "main", "PSVC001", "acme disk", &p);
        if (!p.time_zone)
            abort();
    }
    struct buf out;
    buf_init(&out, (size_t)4 * 1024 * 1024);
    diag_print(d, DIAG_TEXT, true, &out);
    diag_print(d, DIAG_JSON, false, &out);
    buf_done(&out);
    settings_free(s);
    diag_free(d);
    return 0;
}
