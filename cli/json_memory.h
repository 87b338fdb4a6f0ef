/* SPDX-License-Identifier: MIT
 * What jansson does when memory runs out: the process ends with a sentence. Left to itself (2.14), its parser frees a string twice
 * where the allocation of one fails, and goes on with a broken heap. A node that ends loses nothing: its runs are taken over, and
 * an event that was not answered is sent again. */
#ifndef CLI_JSON_MEMORY_H
#define CLI_JSON_MEMORY_H

/* Once, before any JSON is made or read. */
void json_memory_setup(void);

#endif
