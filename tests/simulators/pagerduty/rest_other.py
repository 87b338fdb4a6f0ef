# SPDX-License-Identifier: MIT
"""REST: users, services, escalation policies, priorities, abilities, and webhook subscriptions."""

import secrets

from model import SUBSCRIPTIONS_PER_SCOPE_MAX, Problem, invalid, not_found
from rest import route
from webhooks import EVENT_TYPES, Webhooks

PAGING = ("limit", "offset", "total")
FILTERS = ("account_reference", "service_reference", "team_reference")


def listing(template, name, attribute, *query):
    """GET of a whole table, filtered by `query` on the name, in classic pages."""
    def handler(call):
        call.know_query(*PAGING, *query)
        text = (call.one("query") or "").lower()
        exact = call.one("name")
        found = [thing for thing in getattr(call.account, attribute).values()
                 if text in thing.name.lower() and exact in (None, thing.name)]
        page = call.page(name, found)
        page[name] = [thing.full() for thing in page[name]]
        return 200, page
    route("GET", template)(handler)


def single(template, name, attribute, *query):
    def handler(call):
        call.know_query(*query)
        found = getattr(call.account, attribute).get(call.ids[0])
        if found is None:
            raise not_found()
        return 200, {name: found.full()}
    route("GET", template)(handler)


listing("users", "users", "users", "query", "include[]", "team_ids[]")
listing("services", "services", "services", "query", "name", "include[]", "team_ids[]", "time_zone", "sort_by")
listing("escalation_policies", "escalation_policies", "policies", "query", "include[]", "user_ids[]", "team_ids[]",
        "sort_by")
single("services/*", "service", "services", "include[]")
single("escalation_policies/*", "escalation_policy", "policies", "include[]")


@route("GET", "users/*")
def get_user(call):
    call.know_query("include[]")
    if call.ids[0] == "me":
        if not call.token.user:
            raise invalid("This endpoint needs a user's own API key")
        return 200, {"user": call.token.user.full()}
    if call.ids[0] not in call.account.users:
        raise not_found()
    return 200, {"user": call.account.users[call.ids[0]].full()}


@route("GET", "abilities")
def list_abilities(call):
    return 200, {"abilities": call.account.abilities}


@route("GET", "priorities")
def list_priorities(call):
    call.know_query(*PAGING)
    if not call.account.priorities:
        raise Problem(402, 2014, "Account does not have the abilities to perform the action")
    page = call.page("priorities", list(call.account.priorities.values()))
    page["priorities"] = [priority.full() for priority in page["priorities"]]
    return 200, page


# --- webhook subscriptions --------------------------------------------------------------------------------------

@route("GET", "webhook_subscriptions")
def list_subscriptions(call):
    call.know_query(*PAGING, "filter_type", "filter_id")
    kind, key = call.one("filter_type"), call.one("filter_id")
    if kind not in (None, "account", "service", "team"):
        raise invalid("filter_type must be account, service or team")
    found = [s for s in call.account.subscriptions.values()
             if (kind is None or s.filter["type"] == kind + "_reference") and key in (None, s.filter.get("id"))]
    page = call.page("webhook_subscriptions", found)
    page["webhook_subscriptions"] = [s.rest() for s in page["webhook_subscriptions"]]
    return 200, page


@route("POST", "webhook_subscriptions")
def create_subscription(call):
    item = call.part("webhook_subscription")
    call.know(item, "type", "active", "description", "events", "filter", "delivery_method", at="webhook_subscription")
    method = item.get("delivery_method")
    if item.get("type") != "webhook_subscription":
        raise invalid("webhook_subscription.type is required")
    if not isinstance(method, dict) or method.get("type") != "http_delivery_method":
        raise invalid("delivery_method.type must be http_delivery_method")
    call.know(method, "type", "url", "custom_headers", at="webhook_subscription.delivery_method")
    if not Webhooks.url_ok(method.get("url")):
        raise invalid("delivery_method.url is not a valid URL")
    events, scope = checked_events(item.get("events")), checked_filter(call, item.get("filter"))
    same = [s for s in call.account.subscriptions.values() if s.filter == scope]
    if len(same) >= SUBSCRIPTIONS_PER_SCOPE_MAX:
        raise Problem(400, 2019, "Product Limit Reached", ["Product Limit Reached"])
    made = call.world.webhooks.add(call.account, method["url"], events, scope, [secrets.token_urlsafe(48)],
                                   description=item.get("description") or "", active=item.get("active", True) is True,
                                   headers=checked_headers(method.get("custom_headers")))
    return 200, {"webhook_subscription": made.rest(show_secret=True)}


def checked_events(events):
    if not isinstance(events, list) or not events or len(set(map(str, events))) != len(events):
        raise invalid("events must be a list of different event types")
    wrong = [event for event in events if event not in EVENT_TYPES]
    if wrong:
        raise invalid(f"events: {wrong[0]} is not an event type")
    return events


def checked_filter(call, scope):
    if not isinstance(scope, dict) or scope.get("type") not in FILTERS:
        raise invalid("filter.type must be one of " + ", ".join(FILTERS))
    if scope["type"] == "account_reference":
        return {"type": "account_reference"}
    table = call.account.services if scope["type"] == "service_reference" else call.account.teams
    if scope.get("id") not in table:
        raise invalid("filter.id not found")
    return {"type": scope["type"], "id": scope["id"]}


def checked_headers(headers):
    headers = headers or []
    if not isinstance(headers, list) or not all(isinstance(h, dict) and isinstance(h.get("name"), str)
                                                and isinstance(h.get("value"), str) for h in headers):
        raise invalid("custom_headers must be a list of names and values")
    if len({h["name"].lower() for h in headers}) != len(headers):
        raise invalid("custom_headers must have unique names")
    return headers


def subscription_of(call):
    found = call.account.subscriptions.get(call.ids[0])
    if found is None:
        raise not_found()
    return found


@route("GET", "webhook_subscriptions/*")
def get_subscription(call):
    return 200, {"webhook_subscription": subscription_of(call).rest()}


@route("PUT", "webhook_subscriptions/*")
def put_subscription(call):
    """The delivery method cannot be changed: it is ignored, as the real API does, and counted."""
    found = subscription_of(call)
    item = call.part("webhook_subscription")
    call.know(item, "type", "active", "description", "events", "filter", at="webhook_subscription")
    events = checked_events(item["events"]) if "events" in item else found.events
    scope = checked_filter(call, item["filter"]) if "filter" in item else found.filter
    found.events, found.filter = events, scope
    found.description = item.get("description", found.description)
    found.active = item.get("active", found.active) is True
    return 200, {"webhook_subscription": found.rest()}


@route("DELETE", "webhook_subscriptions/*")
def delete_subscription(call):
    call.world.webhooks.remove(subscription_of(call))
    return 204, None


@route("POST", "webhook_subscriptions/*/enable", needs_body=False)
def enable_subscription(call):
    found = subscription_of(call)
    call.world.webhooks.enable(found)
    return 200, {"webhook_subscription": found.rest()}


@route("POST", "webhook_subscriptions/*/ping", needs_body=False)
def ping_subscription(call):
    call.world.webhooks.ping(subscription_of(call))
    return 202, {}
