/* SPDX-License-Identifier: MIT
 * Keeps the library from being empty until its first module lands. */
extern int coordinator_placeholder;
int coordinator_placeholder;
