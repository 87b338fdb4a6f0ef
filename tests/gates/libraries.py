# SPDX-License-Identifier: MIT
"""Each outside library with a module of its own is seen by that module only."""

import re

import gate

ONLY_IN = {
    "uv.h": r"lib/io/",
    "libpq-fe.h": r"lib/io/pg\w*\.[ch]$",
    "libssh2.h": r"lib/io/ssh\w*\.[ch]$",
    "libssh2_publickey.h": r"lib/io/ssh\w*\.[ch]$",
    "libssh2_sftp.h": r"lib/io/ssh\w*\.[ch]$",
    "curl/curl.h": r"lib/io/http_client\w*\.[ch]$",
    "microhttpd.h": r"lib/io/http_server\w*\.[ch]$",
    "zlib.h": r"lib/io/archive_file\.c$",
    "yaml.h": r"lib/base/yaml\w*\.[ch]$",
}
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", re.M)

places = []
for path in gate.files(".c", ".h", under=gate.PROGRAM):
    where = gate.name(path)
    text = gate.code(gate.read(path))
    for match in INCLUDE.finditer(text):
        home = ONLY_IN.get(match.group(1))
        if home and not re.match(home, where):
            line = text.count("\n", 0, match.start()) + 1
            places.append((where, line, f"<{match.group(1)}> belongs to {home} only"))
gate.verdict("libraries: each is seen by its own module only", places)
