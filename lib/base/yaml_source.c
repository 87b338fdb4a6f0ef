/* SPDX-License-Identifier: MIT
 * The check of a file's raw text before libyaml sees it. libyaml reports bad UTF-8 without a line,
 * and counts U+0085, U+2028 and a lone CR as line ends, which editors do not. */
#include <string.h>

#include "lib/base/text.h"
#include "lib/base/yaml_parts.h"

/* Why a code point may not stand in a file, or NULL. */
static const char *refused(int32_t point, char following)
{
    if (point < 0)
        return "this byte is not valid UTF-8";
    if (point == '\t' || point == '\n' || (point >= 0x20 && point < 0x7F))
        return NULL;
    if (point == '\r')
        return following == '\n' ? NULL : "a carriage return without a line feed";
    if (point == 0x85 || point == 0x2028 || point == 0x2029)
        return "an invisible line separator; end lines with a line feed";
    if (point < 0xA0 || point == 0xFFFE || point == 0xFFFF)
        return "a control character; write it as an escape in double quotes";
    if (point == 0xFEFF)
        return "a byte order mark inside the text; remove it";
    return NULL;
}

bool yaml_source_check(
    const char *file, const char *text, size_t bytes, size_t bytes_max, struct diag *d)
{
    if (bytes > bytes_max) {
        diag_add(d, DIAG_ERROR, file, 0, 0, "", "the file has %zu bytes; at most %zu are allowed",
            bytes, bytes_max);
        return false;
    }
    int line = 1, column = 1;
    size_t at = bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < bytes) {
        int32_t point;
        size_t n = text_next(text + at, bytes - at, &point);
        const char *why = refused(point, at + 1 < bytes ? text[at + 1] : '\0');
        if (why) {
            diag_add(d, DIAG_ERROR, file, line, column, "", "%s (0x%02X)", why,
                point < 0 ? (unsigned)(unsigned char)text[at] : (unsigned)point);
            return false;
        }
        at += n;
        column = point == '\n' ? 1 : column + 1;
        line += point == '\n';
    }
    return true;
}
