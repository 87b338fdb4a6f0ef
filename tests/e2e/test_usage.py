# SPDX-License-Identifier: MIT
"""What a person reads who mistypes a command: what was wrong, in which word, and where to read on; never silence."""

import pytest

from tests.kit.node import program

WRONG = [
    (["check", "--bogus"], '"--bogus"'),
    (["check", "--strict=yes", "scenarios"], '"--strict=yes"'),
    (["match", "--title"], '"--title"'),
    (["match", "-x"], '"-x"'),
    (["node", "--bogus"], '"--bogus"'),
    (["migrate", "extra"], '"extra"'),
    (["dev", "--port", "http"], '"http"'),
    (["runs", "--format", "xml"], '"xml"'),
    (["runs", "--most", "5x"], '"5x"'),
    (["runs", "--most", "0"], '"0"'),
    (["runs", "one", "two"], '"two"'),
    (["runs", "show"], "show wants a run"),
    (["stop", "region"], '"region"'),
    (["stop", "galaxy", "far"], '"galaxy"'),
    (["go", "region", "tokyo", "osaka"], '"osaka"'),
]


@pytest.mark.short
@pytest.mark.parametrize(("words", "named"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_wrong_command_line_is_named_with_where_to_read_on(words, named):
    status, out, error = program(*words)
    assert (status, out) == (2, "")
    assert error.startswith(f"firstline {words[0]}: ") and named in error, error
    assert error.endswith(f"; see: firstline {words[0]} --help\n"), error
