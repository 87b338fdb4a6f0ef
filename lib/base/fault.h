/* SPDX-License-Identifier: MIT
 * Faults on command, for the tests alone: places at which a node of the build `faults` (FIRSTLINE_FAULTS=ON) stops, dies or
 * fails, and behaviours of it that are broken on purpose. In every other build all of this is nothing: no code, no name, no
 * variable of the environment, and a test looks for them in the program.
 *
 *     fault_point("recover.journaled");            a place; nothing happens there unless the environment says so
 *     if (fault_fails("recover.answered")) ...     a place that may also be told to fail
 *     if (fault_fails_for("recover.journaled", host)) ...   likewise, for one of many: told as recover.journaled/HOST
 *     if (!fault_twin("no-fence")) ...             a twin's way: true in the process that plays this twin
 *
 * FIRSTLINE_FAULT=place=action[@n],...   what happens the n-th time that the place is passed (1 when absent, @* each time):
 *     stop             SIGSTOP; the test sends SIGCONT, or another signal
 *     kill             SIGKILL
 *     exit             leaves at once, with 70
 *     fail             fault_fails answers true
 *     touch:PATH       makes the file: "I have come so far"
 *     wait:PATH        stands still until the file is there
 *     leak             256 KiB of memory and a descriptor are never given back
 * One place may be named several times: the actions follow in their order, so "a=touch:/t/here,a=stop" tells and stops.
 * FIRSTLINE_TWIN=name                    the one twin that this process plays.
 *
 * A node of this build says so in its version and its log, and logs each action. A wrong FIRSTLINE_FAULT ends it with 70. */
#ifndef LIB_BASE_FAULT_H
#define LIB_BASE_FAULT_H

#include <stdbool.h>

#ifdef FIRSTLINE_FAULTS

#define FAULT_BUILD true
void fault_point(const char *place);
bool fault_fails(const char *place);
bool fault_fails_for(const char *place, const char *which);
bool fault_twin(const char *name);
/* For the version: what the environment asks for, behind a warning. Static. */
const char *fault_notice(void);

#else

#define FAULT_BUILD false
#define fault_point(place) ((void)0)
#define fault_fails(place) false
#define fault_fails_for(place, which) false
#define fault_twin(name) false
#define fault_notice() ""

#endif
#endif
