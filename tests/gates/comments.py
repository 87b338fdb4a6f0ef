# SPDX-License-Identifier: MIT
"""In C, `//` marks what is not to be committed; comments to keep are written with slash and star."""

import gate

places = []
for path in gate.files(".c", ".h"):
    for line, word in gate.tokens(gate.read(path)):
        if word.startswith("//"):
            places.append((gate.name(path), line, f"a `//` comment is for work in progress: {word[:60]}"))
gate.verdict("comments: no // in C", places)
