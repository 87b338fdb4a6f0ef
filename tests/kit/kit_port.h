/* SPDX-License-Identifier: MIT
 * Ports for the servers of a test. */
#ifndef TESTS_KIT_KIT_PORT_H
#define TESTS_KIT_KIT_PORT_H

#include <stdint.h>

/* A port on 127.0.0.1 that is free now, below the range from which the system takes ports for outgoing connections, so that it
 * stays free until it is used and for a restart. It is claimed by a name that the kernel gives to one process only, until that
 * ends: tests beside this one get another (free_port in postgres.py claims likewise). Fails the test where there is none. */
uint16_t kit_free_port(void);

#endif
