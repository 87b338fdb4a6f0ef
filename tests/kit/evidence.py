# SPDX-License-Identifier: MIT
"""What a measurement says of itself: command, commit, machine, times. Written as JSON into docs/evidence/."""

import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit():
    """The checkout's commit; "+" behind it where tracked files differ from it."""
    def git(*words):
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""
    return (git("rev-parse", "HEAD") or "unknown") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    return f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} cores, {memory} MiB"


def head(what, began, ended, build):
    command = shlex.join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])
    return {"what": what, "command": command, "commit": commit(), "build": build, "machine": machine(),
            "load_at_end": [round(value, 1) for value in os.getloadavg()], "start": at(began), "end": at(ended),
            "seconds": round(ended - began, 1)}


def write(name, document):
    return write_to(ROOT / "docs/evidence" / name, document)


def write_to(path, document):
    """One key a line, so that two measurements can be compared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {json.dumps(key)}: {value_text(value)}" for key, value in document.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return path


def value_text(value):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n    " + ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)
