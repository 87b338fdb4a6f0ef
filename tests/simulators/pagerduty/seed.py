# SPDX-License-Identifier: MIT
"""Reads a seed: accounts with users, services, policies, priorities, tokens and webhook subscriptions, as JSON."""

import re
import secrets

from model import Account, Policy, Priority, Problem, Service, Team, Token, User, new_id
from webhooks import EVENT_TYPES, Webhooks


class SeedError(Problem):
    def __init__(self, where, what):
        super().__init__(400, 2001, f"seed: {where}: {what}")


def known(where, item, names):
    if not isinstance(item, dict):
        raise SeedError(where, "must be an object")
    unknown = sorted(set(item) - set(names.split()) - {"about"})
    if unknown:
        raise SeedError(where, f"unknown key {', '.join(unknown)} (known: {names})")
    return item


def apply(world, seed):
    """Adds the seed's accounts to the world; an account that exists is added to. Returns their names."""
    known("file", seed, "settings speed accounts")
    if "speed" in seed:
        world.clock.set_speed(float(seed["speed"]))
    return [apply_account(world, item).name for item in seed.get("accounts", [])]


def apply_account(world, item):
    known("account", item, "name subdomain abilities note_utc_offset_minutes users teams priorities "
                           "escalation_policies services tokens subscriptions")
    name = item.get("name") or "demo"
    account = world.accounts.get(name)
    if account is None:
        account = world.accounts[name] = Account(world, name, item.get("subdomain", name), world.clock.wall())
    account.abilities = item.get("abilities", account.abilities)
    account.note_utc_offset_minutes = item.get("note_utc_offset_minutes", account.note_utc_offset_minutes)
    for part, add in (("users", add_user), ("teams", add_team), ("priorities", add_priority),
                      ("escalation_policies", add_policy), ("services", add_service), ("tokens", add_token),
                      ("subscriptions", add_subscription)):
        for entry in item.get(part, []):
            add(account, entry)
    return account


def add_user(account, item):
    known("user", item, "id name email role time_zone")
    key = item.get("id") or new_id("P", 7)
    account.users[key] = User(account, key, item["name"], item["email"], item.get("role", "user"),
                              item.get("time_zone", "Etc/UTC"))


def add_team(account, item):
    known("team", item, "id name")
    key = item.get("id") or new_id("P", 7)
    account.teams[key] = Team(account, key, item["name"])


def add_priority(account, item):
    known("priority", item, "id name description")
    key = item.get("id") or new_id("P", 7)
    account.priorities[key] = Priority(account, key, item["name"], item.get("description", ""))


def add_policy(account, item):
    known("escalation policy", item, "id name levels num_loops")
    levels = []
    for level in item["levels"]:
        known("level", level, "users delay_s")
        levels.append({"delay_s": float(level.get("delay_s", 1800)), "users": [user(account, u) for u in level["users"]]})
    key = item.get("id") or new_id("P", 7)
    account.policies[key] = Policy(account, key, item["name"], levels, int(item.get("num_loops", 0)))


def add_service(account, item):
    known("service", item, "id name description escalation_policy routing_key teams acknowledgement_timeout_s "
                           "auto_resolve_timeout_s integration_id")
    policy = one("escalation policy", account.policies, item["escalation_policy"])
    key = item.get("id") or new_id("P", 7)
    service = Service(account, key, item["name"], policy, item.get("routing_key") or secrets.token_hex(16),
                      item.get("description", ""), [one("team", account.teams, t) for t in item.get("teams", [])],
                      float(item.get("acknowledgement_timeout_s") or 0), float(item.get("auto_resolve_timeout_s") or 0),
                      item.get("integration_id") or new_id("P", 7))
    if len(service.routing_key) != 32:
        raise SeedError(f"service {service.name}", "routing_key must have 32 characters")
    account.services[key] = service
    account.world.routing_keys[service.routing_key] = service


def add_token(account, item):
    known("token", item, "value name user read_only")
    token = Token(item["value"], item.get("name") or account.name, user(account, item["user"]) if item.get("user")
                  else None, bool(item.get("read_only")))
    account.world.tokens[token.value] = (account, token)


def add_subscription(account, item):
    known("subscription", item, "id url secret secrets events filter description active custom_headers")
    where = f"subscription {item.get('id', '')}"
    if not Webhooks.url_ok(item.get("url")):
        raise SeedError(where, "url must be http or https")
    events = item.get("events") or [e for e in EVENT_TYPES if e.startswith("incident.")]
    wrong = [e for e in events if e not in EVENT_TYPES]
    if wrong:
        raise SeedError(where, f"unknown events {wrong}")
    given = item.get("secrets") or [item.get("secret") or secrets.token_urlsafe(48)]
    return account.world.webhooks.add(account, item["url"], events, item.get("filter") or {"type": "account_reference"},
                                      given, id_=item.get("id"), description=item.get("description", ""),
                                      active=item.get("active", True), headers=item.get("custom_headers", []))


def user(account, text):
    found = account.users.get(text) or account.user_by_email(text)
    if found is None:
        raise SeedError(f"user {text}", "not in this account")
    return found


def one(kind, table, text):
    """By id, else by name."""
    found = table.get(text) or next((t for t in table.values() if t.name == text), None)
    if found is None:
        raise SeedError(f"{kind} {text}", "not in this account")
    return found


def url_overrides(world, pairs):
    """--url ID=URL of the command line: where a seeded subscription really goes."""
    for pair in pairs:
        match = re.fullmatch(r"([^=]+)=(https?://.+)", pair)
        subscription = match and next((a.subscriptions[match[1]] for a in world.accounts.values()
                                       if match[1] in a.subscriptions), None)
        if not subscription:
            raise SeedError("--url " + pair, "must be the id of a seeded subscription, =, and an http address")
        subscription.url = match[2]
