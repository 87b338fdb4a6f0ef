# SPDX-License-Identifier: MIT
"""What was found about one promise: how much was judged, what was counted, and each violation in a sentence."""

import collections

SHOWN_MAX = 20


class Verdict:
    """A promise about which nothing was judged is not kept: a checker must not pass on nothing."""

    def __init__(self, name, promise):
        self.name = name
        self.promise = promise
        self.judged = collections.Counter()
        self.counts = {}
        self.violations = []

    def judge(self, what, true, sentence):
        """Counts one judgement; the sentence (text, or a function that makes it) is kept where it is not true."""
        self.judged[what] += 1
        if not true:
            self.violations.append(f"{what}: {sentence() if callable(sentence) else sentence}")
        return true

    def need(self, what):
        """At least one of these must have been judged."""
        if not self.judged[what]:
            self.violations.append(f"nothing to judge: there is no {what}")

    def kept(self):
        return not self.violations

    def as_json(self):
        return {"name": self.name, "promise": self.promise, "kept": self.kept(), "judged": dict(self.judged),
                "counts": self.counts, "violations": self.violations}

    def lines(self):
        judged = ", ".join(f"{count} {what}" for what, count in sorted(self.judged.items()))
        yield f"{'kept  ' if self.kept() else 'BROKEN'} {self.name}: {self.promise}"
        yield f"       judged: {judged or 'nothing'}"
        if self.counts:
            yield "       counted: " + ", ".join(f"{what} {count}" for what, count in self.counts.items())
        for violation in self.violations[:SHOWN_MAX]:
            yield f"       - {violation}"
        if len(self.violations) > SHOWN_MAX:
            yield f"       - and {len(self.violations) - SHOWN_MAX} more"
