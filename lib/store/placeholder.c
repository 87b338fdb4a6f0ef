/* SPDX-License-Identifier: MIT
 * Keeps the library from being empty until its first module lands. */
extern int store_placeholder;
int store_placeholder;
