/* SPDX-License-Identifier: MIT
 * Tells the service manager how far we are (sd_notify(3)), when it asked for that by NOTIFY_SOCKET; else does nothing.
 * A node says READY=1 when it serves and STOPPING=1 when it begins to stop. There is no watchdog: a node that stands still loses
 * its lease, and its runs go on elsewhere, long before a service manager could tell. */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

/* One datagram; whether it arrives is the manager's business. */
void notify_manager(const char *state);

#endif
