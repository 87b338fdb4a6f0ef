/* SPDX-License-Identifier: MIT
 * stub */
#include "lib/io/ssh_internal.h"
struct ssh_session *ssh_openssh_new(struct ssh_group *g, struct error *err)
{
    (void)g;
    error_set(err, ERROR_CONFIG, "not yet");
    return NULL;
}
void ssh_openssh_clean(struct ssh *ssh)
{
    (void)ssh;
}
