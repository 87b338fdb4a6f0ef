# SPDX-License-Identifier: MIT
"""Webhook subscriptions and the delivery of signed v3 events to them.

Order is kept for each (subscription, incident): while one delivery is being retried, later ones wait behind it.
There is no order across incidents, and none across subscriptions.
"""

import asyncio
import collections
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from clock import iso
from model import Ring, new_id

EVENT_TYPES = tuple("incident." + name for name in (
    "triggered acknowledged unacknowledged escalated reassigned delegated reopened resolved priority_updated "
    "service_updated incident_type.changed annotated status_update_published responder.added responder.replied "
    "custom_field_values.updated conference_bridge.updated role.assigned task.created task.updated task.completed "
    "workflow.started workflow.completed action_invocation.created action_invocation.updated "
    "action_invocation.terminated").split()) + tuple("service." + name for name in (
        "created updated deleted custom_field_values.updated").split())

QUEUED_MAX = 100_000
ANSWER_BYTES_KEPT = 500


@dataclass
class Subscription:
    """Where events go. Several `secrets` mean a rotation is under way: each signs."""

    account: object
    id: str
    url: str
    secrets: list
    events: list
    filter: dict
    description: str = ""
    active: bool = True
    custom_headers: list = field(default_factory=list)
    method_id: str = ""
    drops_in_a_row: int = 0
    disabled_until: object = None    # a Timer while temporarily disabled
    slots: asyncio.Semaphore = None

    def wants(self, kind, service):
        if not self.active or kind not in self.events:
            return False
        if self.filter["type"] == "account_reference":
            return True
        if self.filter["type"] == "service_reference":
            return service is not None and service.id == self.filter["id"]
        return service is not None and any(team.id == self.filter["id"] for team in service.teams)

    def rest(self, show_secret=False):
        headers = [{"name": h["name"], "value": h["value"] if show_secret else "<redacted>"}
                   for h in self.custom_headers]
        return {"id": self.id, "type": "webhook_subscription", "active": self.active, "description": self.description,
                "events": self.events, "filter": self.filter,
                "delivery_method": {"id": self.method_id, "type": "http_delivery_method", "url": self.url,
                                    "secret": self.secrets[0] if show_secret else None,
                                    "temporarily_disabled": self.disabled_until is not None,
                                    "custom_headers": headers}}


def sign(secrets_, body):
    return ",".join("v1=" + hmac.new(s.encode(), body, hashlib.sha256).hexdigest() for s in secrets_)


def new_event_id():
    return new_id("0", 26)


class Webhooks:
    """Delivers events. `settings` is the world's table and is read afresh for each try."""

    def __init__(self, world):
        self.world, self.settings, self.clock = world, world.settings, world.clock
        self.log = Ring(world.settings["deliveries_kept"])
        self.queues = {}         # (subscription id, resource id) -> deque of deliveries
        self.tasks = set()
        self.waiting = 0
        self.counters = collections.Counter()
        self.mode = "on"         # on | paused (kept until resumed) | off (lost, as when PagerDuty had no subscription)
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.session = None

    async def start(self):
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=self.settings["delivery_connections_per_host"])
        self.session = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    async def stop(self):
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.session:
            await self.session.close()

    def set_mode(self, mode):
        self.mode = mode
        if mode == "paused":
            self.resumed.clear()
        else:
            self.resumed.set()

    # --- putting into queues ------------------------------------------------------------------------------------

    def publish(self, account, service, resource, event):
        body = None
        for subscription in account.subscriptions.values():
            if not subscription.wants(event["event_type"], service):
                continue
            body = body or json.dumps({"event": event}, ensure_ascii=False, separators=(",", ":")).encode()
            self.enqueue(subscription, resource, event, body)

    def enqueue(self, subscription, resource, event, body):
        delivery = self.log.add({
            "event_id": event["id"], "event_type": event["event_type"], "webhook_id": str(uuid.uuid4()),
            "subscription": subscription.id, "account": subscription.account.name, "url": subscription.url,
            "resource": resource, "queued_at": iso(self.clock.wall(), True), "state": "queued", "attempts": [],
            "body": body.decode()})
        if self.mode == "off":
            return self._end(delivery, "off")
        if subscription.disabled_until is not None:
            return self._end(delivery, "lost while disabled")
        if self.waiting >= QUEUED_MAX:
            return self._end(delivery, "lost: simulator's queue is full")
        key = (subscription.id, resource)
        queue = self.queues.get(key)
        if queue is None:
            queue = self.queues[key] = collections.deque()
            self._task(self._work(subscription, key, queue))
        for _ in range(self.settings["webhook_copies"]):
            queue.append(delivery)
            self.waiting += 1
        return None

    def _task(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _end(self, delivery, state):
        delivery["state"] = state
        self.counters[state] += 1

    # --- taking out ---------------------------------------------------------------------------------------------

    async def _work(self, subscription, key, queue):
        """Delivers one queue in order, then ends."""
        try:
            while queue:
                await self.resumed.wait()
                if not queue:
                    break
                delivery = queue[0]
                await self._deliver(subscription, delivery)
                if queue and queue[0] is delivery:
                    queue.popleft()
                    self.waiting -= 1
        finally:
            self.waiting -= len(queue)
            queue.clear()
            if self.queues.get(key) is queue:
                del self.queues[key]

    async def _deliver(self, subscription, delivery):
        """Tries until there is an end: delivered, dropped, expired, or thrown away with the queue."""
        began, tries = time.monotonic(), 0
        if self.settings["webhook_delay_ms"]:
            await asyncio.sleep(self.settings["webhook_delay_ms"] / 1000)
        while True:
            await self.resumed.wait()
            if subscription.disabled_until is not None or subscription.id not in subscription.account.subscriptions:
                return self._end(delivery, "thrown away with the queue")
            if self.mode == "off":
                return self._end(delivery, "off")
            delivery["state"] = "sending"
            verdict = await self._attempt(subscription, delivery)
            if verdict != "retry":
                return self._judge(subscription, delivery, verdict)
            if time.monotonic() - began > self.settings["retry_for_s"]:
                return self._end(delivery, "expired")
            delivery["state"] = "retrying"
            self.counters["retries"] += 1
            wait = self.settings["retry_base_s"] * self.settings["retry_factor"] ** min(tries, 30)
            tries += 1
            await asyncio.sleep(min(wait, self.settings["retry_max_s"]))

    def _judge(self, subscription, delivery, verdict):
        self._end(delivery, verdict)
        if verdict == "delivered":
            subscription.drops_in_a_row = 0
            return
        subscription.drops_in_a_row += 1
        if subscription.drops_in_a_row >= self.settings["drops_to_disable"]:
            self.disable(subscription)

    async def _attempt(self, subscription, delivery):
        body = delivery["body"].encode()
        began = time.monotonic()
        attempt = {"at": iso(self.clock.wall(), True)}
        if len(delivery["attempts"]) < 200:
            delivery["attempts"].append(attempt)
        async with subscription.slots:
            try:
                status, answer = await self.post(subscription.url, self.headers(subscription, delivery, body), body)
                attempt.update(status=status, answer=answer)
            except asyncio.TimeoutError:
                status, attempt["error"] = None, "timeout"
            except (aiohttp.ClientError, OSError, ValueError) as err:
                status, attempt["error"] = None, f"{type(err).__name__}: {err}"
        attempt["ms"] = round((time.monotonic() - began) * 1000)
        self.counters["attempts"] += 1
        self.world.record("delivery", event_id=delivery["event_id"], type=delivery["event_type"],
                          incident=delivery["resource"], subscription=subscription.id, status=status or 0)
        if status is None or status >= 500 or status == 429:
            return "retry"
        return "delivered" if 200 <= status < 300 else "dropped"

    def headers(self, subscription, delivery, body):
        own = {h["name"]: h["value"] for h in subscription.custom_headers}
        return {"Accept": "application/json", "Content-Type": "application/json",
                "User-Agent": "PagerDuty-Webhook/V3.0", "X-Webhook-Id": delivery["webhook_id"],
                "X-Webhook-Subscription": subscription.id, "X-PagerDuty-Signature": sign(subscription.secrets, body),
                **own}

    async def post(self, url, headers, body):
        """One POST; returns (status, the answer's beginning). Raises on time-out and trouble of the connection."""
        timeout = aiohttp.ClientTimeout(total=self.settings["webhook_timeout_s"])
        async with self.session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False,
                                     skip_auto_headers=("Accept-Encoding",)) as answer:
            text = await answer.content.read(ANSWER_BYTES_KEPT)
            return answer.status, text.decode("utf-8", "replace")

    # --- subscriptions ------------------------------------------------------------------------------------------

    def add(self, account, url, events, filter_, secrets_, *, id_=None, description="", active=True, headers=()):
        subscription = Subscription(account, id_ or new_id("P", 7), url, list(secrets_), list(events), dict(filter_),
                                    description, active, list(headers), new_id("P", 7))
        subscription.slots = asyncio.Semaphore(self.settings["delivery_connections_per_host"])
        account.subscriptions[subscription.id] = subscription
        return subscription

    def remove(self, subscription):
        subscription.account.subscriptions.pop(subscription.id, None)
        self._throw_away(subscription)

    def disable(self, subscription):
        """Three drops in a row: off for a day of policy time, and what waits is lost."""
        self.counters["disabled"] += 1
        if subscription.disabled_until is None:
            subscription.disabled_until = self.clock.after(self.settings["disabled_for_s"],
                                                           lambda: self.enable(subscription))
        self._throw_away(subscription)

    def _throw_away(self, subscription):
        for key, queue in list(self.queues.items()):
            if key[0] != subscription.id:
                continue
            for delivery in list(queue)[1:]:
                self._end(delivery, "thrown away with the queue")
            self.waiting -= max(0, len(queue) - 1)
            while len(queue) > 1:
                queue.pop()

    def enable(self, subscription):
        if subscription.disabled_until is not None:
            subscription.disabled_until.cancel()
        subscription.disabled_until, subscription.drops_in_a_row = None, 0

    def ping(self, subscription):
        event = {"id": new_event_id(), "event_type": "pagey.ping", "resource_type": "pagey",
                 "occurred_at": iso(self.clock.wall(), True), "agent": None, "client": None,
                 "data": {"message": "Hello from your friend Pagey!", "type": "ping"}}
        body = json.dumps({"event": event}, separators=(",", ":")).encode()
        self.enqueue(subscription, "pagey", event, body)

    @staticmethod
    def url_ok(url):
        parts = urlsplit(url) if isinstance(url, str) else None
        return bool(parts and parts.scheme in ("http", "https") and parts.hostname)
