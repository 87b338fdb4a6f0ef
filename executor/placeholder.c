/* SPDX-License-Identifier: MIT
 * Keeps the library from being empty until its first module lands. */
extern int executor_placeholder;
int executor_placeholder;
