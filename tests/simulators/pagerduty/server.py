#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A strict, stateful stand-in for PagerDuty: REST API v2, Events API v2, v3 webhooks, a web view, and controls.

Listens on the loopback if not told otherwise, and keeps everything in memory. README.md in this folder says how to use it.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import stat
import sys

from aiohttp import ClientPayloadError, web

import control
import events
import rest
import rest_incidents  # noqa: F401  registers its routes
import rest_other      # noqa: F401  registers its routes
import seed
import view
from clock import iso
from faults import SHOWN_LATE
from model import Problem
from world import World

BODY_SECONDS_MAX = 30
LOOPBACK = ("127.0.0.1", "::1")


class Site:
    """Takes every request to the part that answers it."""

    def __init__(self, world):
        self.world = world

    async def handle(self, request):
        path = request.path
        try:
            raw = await asyncio.wait_for(request.read(), BODY_SECONDS_MAX) if request.body_exists else b""
        except (asyncio.TimeoutError, web.HTTPRequestEntityTooLarge):
            return json_answer(413, {"error": {"message": "Payload Too Large", "code": 2001}})
        except (ConnectionError, ClientPayloadError):
            return web.Response(status=400)  # reaches nobody
        if path.startswith("/control"):
            return await self.control(request, path, raw)
        page = view.answer(self.world, path, request.query) if request.method in ("GET", "HEAD") else None
        return page if page is not None else await self.api(request, path, raw)  # an empty response is falsy

    async def control(self, request, path, raw):
        if request.remote not in LOOPBACK:
            return json_answer(403, {"error": {"message": "the control API is for the loopback", "code": 2010}})
        try:
            status, body = await control.answer(self.world, request.method, path, dict(request.query), raw)
            return json_answer(status, body)
        except Problem as problem:
            return json_answer(problem.status, problem.body())
        except (KeyError, TypeError, ValueError) as err:
            return json_answer(400, {"error": {"message": f"{type(err).__name__}: {err}", "code": 2001}})

    async def api(self, request, path, raw):
        """One request of the REST or Events API, with the fault that was ordered for it, if any."""
        world, name = self.world, rest.token_name(self.world, request.headers)
        record = world.requests.add({
            "method": request.method, "path": request.path_qs, "at": iso(world.clock.wall(), True), "token": name,
            "from": request.headers.get("From"), "status": None, "fault": None,
            "body": raw[:world.settings["request_body_kept"]].decode("utf-8", "replace")})
        fault = world.faults.take(request.method, request.path_qs, name)
        if fault is None:
            status, body, headers = self.act(request, path, raw)
        else:
            record["fault"] = fault.kind
            status, body, headers = await self.act_faulty(fault, request, path, raw)
        record["status"] = status
        world.counters[f"{request.method} {status}"] += 1
        if status is None:
            return cut(request, fault)
        return json_answer(status, body, headers)

    def act(self, request, path, raw, fault=None):
        """(status, JSON, headers) of a request that is not refused."""
        status, body, headers = self.answer(request, path, raw)
        self.world.record("request", method=request.method, path=request.path_qs, status=status, fault=fault)
        return status, body, headers

    def answer(self, request, path, raw):
        headers = {}
        try:
            if request.method == "POST" and path == "/v2/enqueue":
                return *events.enqueue(self.world, raw), headers
            if request.method == "POST" and path == "/v2/change/enqueue":
                return *events.change(self.world, raw), headers
            query = request.rel_url.raw_query_string
            return *rest.answer(self.world, request.method, path, query, request.headers, raw, headers), headers
        except Problem as problem:
            return problem.status, problem.body(), headers

    async def act_faulty(self, fault, request, path, raw):
        """As `act`, with a fault. Status None means: cut the connection."""
        kind = fault.kind
        if kind in ("cut_before", "500", "status", "429"):
            return refusal(fault)
        if kind == "delay":
            await asyncio.sleep(fault.ms / 1000)
        late = kind in SHOWN_LATE and fault.seconds > 0
        before = self.looks_before(path) if late else None
        status, body, headers = self.act(request, path, raw, kind)
        if late and status < 300:
            self.veil(before, path, body, self.world.clock.wall() + fault.seconds)
        if kind == "delay_after":
            await asyncio.sleep(fault.ms / 1000)
        if kind == "cut_after":
            return None, None, headers
        if kind == "act_then_status":
            return fault.status, fault.text, headers
        return status, body, headers

    def looks_before(self, path):
        """The incident of the path and how it looks now, for a write that shall be shown late."""
        parts = path.strip("/").split("/")
        if len(parts) < 2 or parts[0] != "incidents":
            return None
        try:
            incident = self.world.find_incident(parts[1])
        except Problem:
            return None
        return incident, incident.frozen()

    def veil(self, before, path, body, until):
        """What a write did shows only at `until`: its incident as it looked before, a new note or incident not at all."""
        if before and path.endswith("/notes"):
            note = next(note for note in before[0].notes if note.id == body["note"]["id"])
            note.visible_from = until
        elif before:
            incident, look = before
            incident.account.veil(incident, look, until)
        elif path == "/incidents" and "incident" in body:
            self.world.find_incident(body["incident"]["id"]).visible_from = until


def refusal(fault):
    if fault.kind == "cut_before":
        return None, None, {}
    if fault.kind == "500":
        return 500, {"error": {"message": "Internal Server Error", "code": 2000}}, {}
    if fault.kind == "status":
        return fault.status, fault.text, {}
    headers = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": str(int(fault.seconds) or 1)}
    body = {"error": {"message": "Rate Limit Exceeded", "code": 2020}} if fault.body else ""
    return 429, body, headers if fault.headers else {}


def json_answer(status, body, headers=None):
    """A dict as JSON, text as it is (for answers of broken proxies), None as nothing."""
    if isinstance(body, str):
        return web.Response(status=status, text=body, content_type="text/html", headers=headers)
    if body is None:
        return web.Response(status=status, headers=headers)
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def cut(request, fault):
    """Closes the connection; the answer returned here reaches nobody."""
    if request.transport is not None:
        if fault.reset:
            request.transport.abort()
        else:
            request.transport.close()
    return web.Response(status=500)


# --- the process ------------------------------------------------------------------------------------------------

def options(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8099, help="0 chooses a free one (default 8099)")
    parser.add_argument("--address", default="127.0.0.1", help="to listen on; the control API answers the loopback only")
    parser.add_argument("--seed", help="JSON file with accounts and settings (default: seed.json beside this program)")
    parser.add_argument("--url", action="append", default=[], metavar="ID=URL",
                        help="where the seeded subscription ID really delivers to; may be given several times")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a setting, over the seed's")
    parser.add_argument("--html-base", metavar="URL", help="start of html_url in answers (default: the web view here)")
    parser.add_argument("--record", metavar="FILE", help="a line for each request, delivery and act of a person")
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    parser.add_argument("--ignore-stdin", action="store_true", help="do not exit when a piped stdin is closed")
    return parser.parse_args(argv)


def make_world(args):
    """Reads the seed; the file's settings come before the command line's."""
    path = args.seed or os.path.join(os.path.dirname(os.path.abspath(__file__)), "seed.json")
    with open(path, encoding="utf-8") as file:
        text = json.load(file)
    settings = dict(text.get("settings", {}))
    for pair in args.set:
        name, _, value = pair.partition("=")
        settings[name] = json.loads(value)
    world = World(settings)
    seed.apply(world, text)
    seed.url_overrides(world, args.url)
    if args.record:
        world.record_file = open(args.record, "a", buffering=1, encoding="utf-8")  # closed by the end of the process
    return world


def end_with_parent(loop, stop, args):
    """Sets `stop` when the parent dies, or when stdin is a pipe or socket and is closed."""
    if args.parent_pid:
        try:
            loop.add_reader(os.pidfd_open(args.parent_pid), stop.set)
        except ProcessLookupError:
            stop.set()
    mode = os.fstat(0).st_mode if not args.ignore_stdin else 0
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        loop.add_reader(0, lambda: None if read_some() else (loop.remove_reader(0), stop.set()))


def read_some():
    try:
        return os.read(0, 4096)
    except BlockingIOError:
        return b"?"
    except OSError:
        return b""


async def serve(args):
    world = make_world(args)
    await world.webhooks.start()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = web.Server(Site(world).handle, access_log=None)
    listener = await loop.create_server(server, args.address, args.port, backlog=1024)
    port = listener.sockets[0].getsockname()[1]
    world.web_base = args.html_base or f"http://127.0.0.1:{port}"
    end_with_parent(loop, stop, args)
    print(json.dumps({"ready": True, "port": port}), flush=True)
    clock = asyncio.create_task(world.clock.run())
    await stop.wait()
    clock.cancel()
    listener.close()
    await server.shutdown(1.0)
    await world.webhooks.stop()


def main():
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(serve(options(sys.argv[1:])))
    except (Problem, OSError, ValueError, KeyError) as err:
        details = f" ({'; '.join(err.errors)})" if isinstance(err, Problem) and err.errors else ""
        sys.exit(f"pagerduty simulator: {type(err).__name__}: {err}{details}")


if __name__ == "__main__":
    main()
