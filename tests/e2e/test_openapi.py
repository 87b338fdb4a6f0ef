# SPDX-License-Identifier: MIT
"""Our requests to PagerDuty against PagerDuty's own description of its API.

A proxy (prism) stands between our client and the simulator, and answers each request that the description does not
allow, and each answer of the simulator's likewise, with an error of its own. The description is not ours to ship: the
test looks for it in ../shared/pagerduty/ beside the project, or in the folder named by FIRSTLINE_PAGERDUTY_OPENAPI, and
is skipped where it is not.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from tests.kit import processes
from tests.kit.postgres import free_port
from tests.kit.simulator import ACCEPT, BOT, TOKEN, Simulator, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("FIRSTLINE_BINARY", ROOT / "build" / "dev" / "firstline"))
REST, EVENTS = "derived-subset-vendor-accept.json", "events-v2-openapiv3.json"
FLAG = "Request terminated with error"  # what prism's log says of a request that is not allowed
ROUTING_KEY = "demo0000000000000000000000000001"


def description(name):
    """The path of one of PagerDuty's OpenAPI documents; skips the test where there is none."""
    named = os.environ.get("FIRSTLINE_PAGERDUTY_OPENAPI")
    folder = pathlib.Path(named) if named else ROOT.parent / "shared" / "pagerduty"
    if (folder / name).is_file():
        return folder / name
    return pytest.skip(f"PagerDuty's OpenAPI document {name} is not in {folder} (FIRSTLINE_PAGERDUTY_OPENAPI)")


@pytest.fixture(name="prism_script", scope="module")
def fixture_prism_script():
    description(REST)
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are missing: no prism")
    made = subprocess.run([ROOT / "tests" / "kit" / "prism-install"], capture_output=True, text=True, check=False,
                          timeout=300)
    if made.returncode != 0:
        pytest.skip("prism could not be installed: " + made.stderr.strip())
    return made.stdout.strip()


class Prism:
    """A proxy that checks each request against a description before it passes it on to `upstream`."""

    def __init__(self, script, document, upstream, log):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(log, "w+", encoding="utf-8")
        self.process = processes.start(
            ["node", script, "proxy", "--errors", "-h", "127.0.0.1", "-p", str(self.port), str(document), upstream],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def __enter__(self):
        wait_for(self.listens, "prism listens: " + self.said(), timeout=60)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def said(self):
        return pathlib.Path(self.log.name).read_text(encoding="utf-8", errors="replace")

    def listens(self):
        assert self.process.poll() is None, "prism ended: " + self.said()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def plain(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.said())

    def expect(self, checked, flagged=0):
        """It looked at `checked` requests and flagged `flagged`: its log goes through a pipe and follows its answers."""
        wait_for(lambda: self.plain().count("Request received") >= checked and self.plain().count(FLAG) >= flagged,
                 f"{checked} requests looked at, {flagged} flagged", timeout=60)
        assert (self.plain().count("Request received"), self.plain().count(FLAG)) == (checked, flagged), self.said()


@pytest.fixture(name="named")
def fixture_named():
    """A simulator whose links are such as the description takes for links: not to an address in numbers."""
    hooks = {"PHOOKTY": "https://tokyo.demo.example/hook", "PHOOKOS": "https://osaka.demo.example/hook"}
    with Simulator(urls=hooks, arguments=["--html-base", "https://demo.pagerduty.example"]) as pd:
        pd.control("POST", "webhooks", {"mode": "off"})
        yield pd


@pytest.fixture(name="proxied")
def fixture_proxied(named, prism_script, scratch):
    with Prism(prism_script, description(REST), named.url, scratch / "prism.log") as prism:
        yield prism


class Tool:
    """Our client, a call at a time."""

    def __init__(self, url):
        path = BINARY.parent / "tests" / "pagerduty_tool"
        assert path.is_file(), f"{path} is not built"
        self.process = processes.start([str(path), url, TOKEN, BOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(60) == 0

    def __call__(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        print(words[0], *words[1:], "->", answer)
        return answer


def all_calls(tool, incident, alerts):
    """Every call of our client once, with what it must answer."""
    assert tool("read_incident", incident)["id"] == incident
    assert tool("list_alerts", incident)["count"] == alerts
    made = tool("add_note", incident, "\N{SNOWMAN}-[fl:0123]")
    assert made["class"] == "done" and made["id"]
    assert tool("list_notes", incident)["count"] == 1
    assert tool("delete_note", incident, made["id"])["class"] == "done"
    assert tool("delete_note", incident, made["id"])["class"] == "already"
    assert tool("change_incident", incident, "title", "[RUNNING] web-1 is full")["title"] == "[RUNNING] web-1 is full"
    assert tool("change_incident", incident, "level", "2")["class"] == "done"
    assert tool("change_incident", incident, "policy", "PPOL001")["class"] == "done"
    assert tool("change_incident", incident, "priority_id", "PPRIO01")["class"] == "done"
    assert tool("change_incident", incident, "priority", "P2")["class"] == "done"
    assert tool("change_incident", incident, "status", "acknowledged")["incident_status"] == "acknowledged"
    assert tool("list_open_incidents")["count"] >= 1
    assert tool("change_incident", incident, "status", "resolved")["incident_status"] == "resolved"
    assert tool("change_incident", incident, "status", "resolved")["class"] == "already"
    assert tool("list_subscriptions")["count"] == 2
    assert tool("enable_subscription", "PHOOKTY")["class"] == "done"
    assert tool("read_incident", "QNOTHERE")["class"] == "never"
    return 19  # requests: one a call, and one more for the priority's name


def test_all_our_requests_are_allowed(named, proxied, capsys):
    made = named.trigger("web-1 is full", alerts=[{"details": {"host": "web-1"}}])
    with Tool(proxied.url) as tool:
        sent = all_calls(tool, made["id"], 1)
    proxied.expect(sent)
    assert len(named.control("GET", "requests", limit=1000)["requests"]) == sent, "one did not pass"
    with capsys.disabled():
        print(f"\n  {sent} requests of the REST client were checked against PagerDuty's OpenAPI document")


REFUSED = [
    ("no From", "POST", "/incidents/{id}/notes", {"note": {"content": "x"}}, {"From": None}),
    ("From is no address", "POST", "/incidents/{id}/notes", {"note": {"content": "x"}}, {"From": "bot"}),
    ("no content", "POST", "/incidents/{id}/notes", {"note": {}}, {}),
    ("no type", "PUT", "/incidents/{id}", {"incident": {"status": "resolved"}}, {}),
    ("no such status", "PUT", "/incidents/{id}", {"incident": {"type": "incident_reference", "status": "done"}}, {}),
    ("no token", "GET", "/incidents/{id}", None, {"Authorization": None}),
]


def test_what_is_not_allowed_is_flagged(named, proxied):
    """The check can fail: the same requests with one thing wrong."""
    incident = named.trigger("x")["id"]
    before = len(named.notes(incident))
    for what, method, path, body, change in REFUSED:
        headers = {"Authorization": f"Token token={TOKEN}", "Accept": ACCEPT, "From": BOT,
                   "Content-Type": "application/json", **change}
        connection = http.client.HTTPConnection("127.0.0.1", proxied.port, timeout=30)
        connection.request(method, path.format(id=incident), json.dumps(body) if body else None,
                           {k: v for k, v in headers.items() if v is not None})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status in (400, 401, 422) and "stoplight.io/prism/errors" in text, f"{what}: not flagged: {text}"
    assert len(named.notes(incident)) == before
    proxied.expect(len(REFUSED), flagged=len(REFUSED))


def test_our_alarms_are_allowed_by_the_events_api(simulator, prism_script, scratch, capsys):
    document = json.loads(description(EVENTS).read_text(encoding="utf-8"))
    document["paths"] = {"/v2" + path: what for path, what in document["paths"].items()}  # prism ignores servers' paths
    document["servers"] = [{"url": "https://events.pagerduty.com"}]
    (scratch / "events.json").write_text(json.dumps(document), encoding="utf-8")
    with Prism(prism_script, scratch / "events.json", simulator.url, scratch / "events.log") as prism:
        with Tool(prism.url) as tool:
            for action in ("trigger", "resolve"):
                assert tool("send_event", ROUTING_KEY, action, "the outbox cannot deliver")["class"] == "done", prism.said()
        prism.expect(2)
    with capsys.disabled():
        print("\n  2 requests to the Events API were checked against PagerDuty's OpenAPI document")
