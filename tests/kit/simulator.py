# SPDX-License-Identifier: MIT
"""Starts the PagerDuty simulator for a test, drives it, and receives webhooks. Standard library only.

    with Simulator() as pd:
        made = pd.trigger("[AMS:disk-full] web-1", alerts=[{"details": {"host": "web-1"}}])
        pd.wait_for(lambda: pd.incident(made["id"])["status"] == "resolved", "the incident is resolved")
"""

import http.client
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import quote, urlencode

SERVER = pathlib.Path(__file__).resolve().parents[1] / "simulators" / "pagerduty" / "server.py"
TOKEN = "demo-account-token-0001"
BOT = "firstline@demo.example"
ACCEPT = "application/vnd.pagerduty+json;version=2"
PATIENCE_S = 120.0
FAST = {"retry_base_s": 0.05, "retry_max_s": 0.2, "webhook_timeout_s": 5.0}


class Answer:
    """An HTTP answer: status, headers (lower-case names), text, and its JSON if it is some."""

    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, {k.lower(): v for k, v in headers}, text

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json["error"]["code"]


class ControlError(Exception):
    """The control API refused a call."""


def wait_for(condition, what, timeout=PATIENCE_S):
    """Returns the condition's first true value; fails, saying what was awaited, when none comes in time."""
    ends = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends:
            raise AssertionError(f"waited {timeout:g} s in vain for: {what}")
        time.sleep(0.02)


class Simulator:
    """One running simulator. `seed` is a dict or a path, None for the demo's; `settings` go over the seed's;
    `urls` say where subscriptions deliver to; `arguments` are further ones of its command line."""

    def __init__(self, seed=None, settings=None, urls=None, arguments=()):
        self._folder = tempfile.TemporaryDirectory(prefix="firstline-pagerduty-")
        self._errors = open(pathlib.Path(self._folder.name) / "stderr", "w+b")
        command = ["/usr/bin/python3", str(SERVER), "--port", "0", *arguments]
        if isinstance(seed, dict):
            path = pathlib.Path(self._folder.name) / "seed.json"
            path.write_text(json.dumps(seed))
            seed = path
        command += ["--seed", str(seed)] if seed else []
        for name, value in {**FAST, **(settings or {})}.items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        for key, url in (urls or {}).items():
            command += ["--url", f"{key}={url}"]
        # The pipe on its stdin ends it when this process dies, however it dies.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError("the simulator did not start: " + self.errors())
        self.port = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._local = threading.local()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def errors(self):
        """What it wrote to stderr so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self._errors.close()
        self._folder.cleanup()

    # --- HTTP ---------------------------------------------------------------------------------------------------

    def request(self, method, path, body=None, headers=None):
        """One request as it is. Raises http.client or OS errors when the connection is cut."""
        raw = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, raw, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read().decode())
        finally:
            connection.close()

    def api(self, method, path, body=None, *, token=TOKEN, sender=BOT, **headers):
        """One API request with PagerDuty's headers; a header given as None is left out (Content_Type=None)."""
        full = {"Authorization": f"Token token={token}", "Accept": ACCEPT, "From": sender,
                "Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.request(method, path, body, {k: v for k, v in full.items() if v is not None})

    def control(self, method, path, body=None, /, **query):
        """One call of the control API; its JSON. Raises ControlError when refused."""
        path = f"/control/{path}" + ("?" + urlencode(query) if query else "")
        answer = self.request(method, path, body if body is not None else ({} if method == "POST" else None))
        if answer.status != 200:
            raise ControlError(f"{method} {path}: {answer.status} {answer.text}")
        return answer.json

    # --- doing --------------------------------------------------------------------------------------------------

    def trigger(self, title, **more):
        """Monitoring triggers an incident; returns {id, number, alerts, html_url}."""
        return self.control("POST", "incidents", {"title": title, **more})

    def add_alert(self, incident, **alert):
        return self.control("POST", f"incidents/{incident}/alerts", alert)["id"]

    def clear(self, incident, alert=None):
        """Monitoring says that one alert, or all, are over."""
        return self.control("POST", f"incidents/{incident}/clear", {"alert": alert} if alert else {})

    def act(self, incident, who, do, **more):
        """A person (email or id), "service", or None for the clockwork does something."""
        return self.control("POST", f"incidents/{incident}/act", {"as": who, "do": do, **more})

    def fault(self, kind, method="*", path="", **more):
        return self.control("POST", "faults", {"kind": kind, "method": method, "path": path, **more})["id"]

    def settings(self, **values):
        return self.control("POST", "settings", values)

    # --- looking ------------------------------------------------------------------------------------------------

    def state(self, **query):
        return self.control("GET", "state", **query)

    def incident(self, incident):
        """Everything about one incident, as it truly is."""
        return self.control("GET", f"incidents/{quote(str(incident))}")

    def rows(self):
        """A short row for each incident: id, number, status, title, level, assignees, count of notes."""
        return self.control("GET", "incidents")["incidents"]

    def notes(self, incident):
        return [note["content"] for note in self.incident(incident)["notes"]]

    def requests(self, **query):
        return self.control("GET", "requests", **query)["requests"]

    def deliveries(self, **query):
        return self.control("GET", "deliveries", **query)["deliveries"]

    def ignored(self):
        """Fields and parameters that were sent and had no effect: {"METHOD /path field": count}."""
        return {f"{i['where']} {i['field']}": i["count"] for i in self.control("GET", "ignored")["ignored"]}

    @staticmethod
    def wait_for(condition, what, timeout=PATIENCE_S):
        return wait_for(condition, what, timeout)


class Receiver:
    """Receives webhooks. `answers` is a list of statuses to give first (then 202), or a function of the request."""

    def __init__(self, answers=None):
        self.received = []
        self.answers = answers if callable(answers) else list(answers or [])
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = receiver.take({"path": self.path, "raw": raw, "at": time.monotonic(),
                                        "headers": {k.lower(): v for k, v in self.headers.items()}})
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/pagerduty"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, request):
        self.received.append(request)
        if callable(self.answers):
            return self.answers(request)
        return self.answers.pop(0) if self.answers else 202

    def events(self):
        """The events in the order in which they came, retries included."""
        return [json.loads(request["raw"])["event"] for request in list(self.received)]

    def types(self):
        return [event["event_type"] for event in self.events()]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    with Simulator() as simulator:
        print(simulator.url, file=sys.stderr)
        simulator.process.wait()
