# SPDX-License-Identifier: MIT
"""The REST API's front: authorisation, headers, rate limit, routing, and checks that many handlers share.

Handlers are in rest_incidents.py and rest_other.py: plain functions of a Call, which return (status, JSON).
"""

from urllib.parse import parse_qsl

from model import Actor, Problem, invalid, load_json, not_found

VENDOR = "application/vnd.pagerduty+json;version=2"
PAGE_END_MAX = 10_000
NO_FROM = "You must specify a user's email address in the \"From\" header to perform this action"
ROUTES = {}


def route(method, template, *, needs_from=False, needs_body=None):
    """Registers a handler. Templates have * where an id stands; writes with a body demand Content-Type and JSON."""
    def register(handler):
        body = needs_body if needs_body is not None else method in ("POST", "PUT")
        ROUTES[(method, template)] = (handler, needs_from, body)
        return handler
    return register


class Call:
    """One API request on its way to its handler."""

    __slots__ = ("world", "account", "token", "method", "template", "ids", "query", "headers", "body", "actor", "now")

    def __init__(self, world, method, template, ids, query, headers):
        self.world, self.method, self.template, self.ids = world, method, template, ids
        self.query, self.headers = query, headers
        self.account = self.token = self.body = self.actor = None
        self.now = world.clock.wall()

    # --- query --------------------------------------------------------------------------------------------------

    def know_query(self, *names):
        for name, _ in self.query:
            if name not in names:
                self.world.note_ignored(f"{self.method} /{self.template}", "?" + name)

    def one(self, name, default=None):
        return next((value for key, value in reversed(self.query) if key == name), default)

    def many(self, name, allowed=None):
        values = [value for key, value in self.query if key == name]
        wrong = [value for value in values if allowed and value not in allowed]
        if wrong:
            raise invalid(f"{name} may be {', '.join(allowed)}, not {wrong[0]}")
        return values

    def number(self, name, default, least, most):
        text = self.one(name)
        if text is None:
            return default
        if not text.isdigit() or not least <= int(text) <= most:
            raise invalid(f"{name} must be a number from {least} to {most}")
        return int(text)

    def page(self, name, items):
        """Classic paging over items, which are (rendered late) functions or finished JSON."""
        limit, offset = self.number("limit", 25, 1, 100), self.number("offset", 0, 0, 10**9)
        if limit + offset > PAGE_END_MAX:
            raise Problem(400, 2002, "Arguments Caused Error",
                          ["Offset+limit exceeds maximum allowed value of 10000"])
        part = items[offset:offset + limit]
        total = len(items) if self.one("total") == "true" else None
        return {name: part, "limit": limit, "offset": offset, "more": offset + limit < len(items), "total": total}

    # --- body ---------------------------------------------------------------------------------------------------

    def part(self, name, kind=dict):
        """The wrapped object of the body; 400 when it is missing or of another type."""
        value = self.body.get(name)
        if not isinstance(value, kind):
            raise invalid(f"{name} is required and must be {'an object' if kind is dict else 'a list'}")
        self.know(self.body, name, at="")
        return value

    def know(self, item, *names, at):
        """Counts what the API would silently ignore."""
        for name in item:
            if name not in names:
                self.world.note_ignored(f"{self.method} /{self.template}", f"{at}.{name}" if at else name)

    def incident(self, truth=True):
        """The incident of the path: as it is for writes, as it is shown for reads."""
        found = self.account.find(self.ids[0])
        if found is None or (not truth and found.visible_from > self.now):
            raise not_found()
        return found if truth else found.shown(self.now)


def authorise(world, headers):
    """(account, token), or None where the header is not exactly as PagerDuty wants it."""
    header = headers.get("Authorization", "")
    prefix = "Token token="
    return world.tokens.get(header[len(prefix):]) if header.startswith(prefix) else None


def token_name(world, headers):
    found = authorise(world, headers)
    return found[1].name if found else None


def find_route(method, path):
    """(template, ids, entry). 404 as PagerDuty answers for what it does not have."""
    parts = path.strip("/").split("/")
    ids = parts[1:4:2]
    template = "/".join("*" if n in (1, 3) else part for n, part in enumerate(parts))
    entry = ROUTES.get((method, template))
    if entry is None:
        raise not_found()
    return template, ids, entry


def rate_limit(world, token, answer_headers):
    limit = world.settings["rate_limit"]
    if not limit:
        return
    owner = token.user.id if token.user else token.value
    allowed, remaining, ends = world.take_from_budget(("rest", owner), limit, world.settings["rate_window_s"])
    answer_headers["ratelimit-limit"] = str(limit)
    answer_headers["ratelimit-remaining"] = str(remaining)
    answer_headers["ratelimit-reset"] = str(max(0, int(ends + 0.999)))
    if not allowed:
        raise Problem(429, 2020, "Rate Limit Exceeded")


def accepts(header):
    wanted = VENDOR.replace(" ", "")
    parts = [";".join(p for p in part.replace(" ", "").split(";") if not p.startswith("q="))
             for part in header.split(",")]
    return wanted in parts


def parse_body(headers, raw):
    """The JSON body. Without the right Content-Type PagerDuty's answer is this misleading one."""
    if not headers.get("Content-Type", "").lower().startswith("application/json"):
        raise invalid("params must be a Hash")
    try:
        body = load_json(raw)
    except ValueError as err:
        raise invalid("request body is not JSON") from err
    if not isinstance(body, dict):
        raise invalid("params must be a Hash")
    return body


def acting(call, needs_from):
    """Who acts: the owner of a user's key, else the user that From names."""
    if call.token.user:
        return Actor.of_user(call.token.user)
    email = call.headers.get("From")
    user = call.account.user_by_email(email) if email else None
    if user is None and email and needs_from:
        raise Problem(400, 1008, "Requester User Not Found", ["Requester User Not Found"])
    if user is None and needs_from:
        raise Problem(400, 2001, NO_FROM)
    return Actor.of_user(user) if user else None


def answer(world, method, path, query, headers, raw, answer_headers):
    """Runs one API request. Returns (status, JSON or None); raises Problem."""
    found = authorise(world, headers)
    if found is None:
        raise Problem(401, 2006, "Authentication Failed")
    account, token = found
    rate_limit(world, token, answer_headers)
    if world.settings["check_accept"] and not accepts(headers.get("Accept", "")):
        raise Problem(406, 2001, "Invalid Input Provided", [f"Accept must name {VENDOR}"])
    template, ids, (handler, needs_from, needs_body) = find_route(method, path)
    if token.read_only and method != "GET":
        raise Problem(403, 2010, "Access Denied")
    call = Call(world, method, template, ids, parse_qsl(query, keep_blank_values=True), headers)
    call.account, call.token = account, token
    if needs_body:
        call.body = parse_body(headers, raw)
    call.actor = acting(call, needs_from)
    return handler(call)
