/* SPDX-License-Identifier: MIT
 * Three clocks that cannot be mixed by eye: _mono_ms (this machine, for waiting; counts suspended time too),
 * _wall_ms (for people, UTC since 1970), and the database's (for leases; compared only inside SQL). */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME in milliseconds: does not stop in suspend, unlike CLOCK_MONOTONIC. */
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

/* "2026-11-22T15:04:05.678Z"; out holds at least CLOCK_TEXT_BYTES. */
#define CLOCK_TEXT_BYTES 32
void clock_wall_text(int64_t wall_ms, char *out);
/* Reads RFC 3339 (any fraction, Z or an offset). 0, or -1 when it is not a time. */
int clock_wall_parse(const char *text, int64_t *out_wall_ms);

#endif
