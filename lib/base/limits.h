/* SPDX-License-Identifier: MIT
 * Every bound of the program, with its unit and reason. Each module has a section of its own. */
#ifndef LIB_BASE_LIMITS_H
#define LIB_BASE_LIMITS_H

/* YAML: files that people write. Deeper or larger ones are mistakes or attacks. */
#define YAML_BYTES_MAX (1024 * 1024)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 100000
#define DIAG_ERRORS_MAX 20 /* printed for each file; the rest is counted */

#endif
