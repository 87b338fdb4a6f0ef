# SPDX-License-Identifier: MIT
"""The web view for people: a list of incidents, and one incident with its timeline, newest last.

Everything that came from outside is escaped. The pages work without scripts; a small script refreshes them.
"""

import html
import os

from aiohttp import web

from clock import iso

HERE = os.path.dirname(os.path.abspath(__file__))
STATIC = {"/static/view.css": "text/css", "/static/view.js": "text/javascript"}
LISTED_MAX = 200
TIMELINE_MAX = 500
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"


def answer(world, path, query):
    """A page, or None when the path is not the view's."""
    if path == "/":
        return page("Incidents", list_body(world), query)
    if path in STATIC:
        with open(os.path.join(HERE, path.lstrip("/")), encoding="utf-8") as file:
            return web.Response(text=file.read(), content_type=STATIC[path])
    if path.startswith("/incidents-view/"):
        incident = next((found for found in (a.find(path.rsplit("/", 1)[1]) for a in world.accounts.values())
                         if found), None)
        if incident is None:
            return page("Not here", "<p>There is no such incident. <a href='/'>All incidents</a></p>", query, 404)
        return page(incident.title, incident_body(world, incident), query)
    return None


def page(title, body, query, status=200):
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if query.get("part"):
        return web.Response(text=body, content_type="text/html", status=status, headers=headers)
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{esc(title)}</title><link rel="stylesheet" href="/static/view.css">
<script src="/static/view.js" defer></script></head>
<body><header><a href="/">PagerDuty simulator</a> <span id="live" title="refreshes by itself"></span></header>
<main id="content">{body}</main></body></html>"""
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def esc(text):
    return html.escape(str(text))


def plural(count, word):
    return f"{count} {word}{'' if count == 1 else 's'}"


def clock(seconds):
    return f'<time datetime="{iso(seconds, True)}">{iso(seconds)[11:19]} UTC</time>'


def badge(kind, text):
    return f'<span class="badge {esc(kind)}">{esc(text)}</span>'


def list_body(world):
    found = sorted((i for a in world.accounts.values() for i in a.incidents.values()),
                   key=lambda i: (not i.open(), -i.created_at, -i.number))
    still = sum(1 for i in found if i.open())
    if not found:
        return "<h1>No incidents yet</h1><p class='quiet'>They appear here as soon as one is triggered.</p>"
    rows = "".join(list_row(i) for i in found[:LISTED_MAX])
    rest = f"<p class='quiet'>and {len(found) - LISTED_MAX} older</p>" if len(found) > LISTED_MAX else ""
    return f"<h1>{still} open, {len(found) - still} resolved</h1><ul class='list'>{rows}</ul>{rest}"


def list_row(incident):
    people = ", ".join(user.name for _, user in incident.assignments)
    facts = [esc(incident.service.name), clock(incident.created_at), plural(len(incident.notes), "note")]
    facts += [esc(people)] if people else []
    return (f'<li><a href="/incidents-view/{incident.id}">{badge(incident.status, incident.status)}'
            f'<span class="what"><b>{esc(incident.title)}</b><span class="quiet">#{incident.number} &middot; '
            f'{" &middot; ".join(facts)}</span></span></a></li>')


def incident_body(world, incident):
    people = ", ".join(user.name for _, user in incident.assignments)
    held = f"{esc(people)} (level {incident.level} of {len(incident.policy.levels)})" if people else "nobody"
    facts = [("Service", esc(incident.service.name)), ("Urgency", esc(incident.urgency)),
             ("Priority", esc(incident.priority.name if incident.priority else "none")),
             ("Assigned to", held),
             ("Created", clock(incident.created_at)), ("Alerts", alerts_text(incident))]
    table = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    moments = timeline(incident)
    hidden = len(moments) - TIMELINE_MAX
    rows = "".join(moments[-TIMELINE_MAX:])
    first = f"<li class='quiet'>{hidden} earlier entries are not shown</li>" if hidden > 0 else ""
    return (f"<p class='quiet'>#{incident.number} &middot; {esc(incident.id)}</p>"
            f"<h1>{badge(incident.status, incident.status)} {esc(incident.title)}</h1><dl>{table}</dl>"
            f"<h2>Timeline</h2><ol class='timeline'>{first}{rows}</ol>")


def alerts_text(incident):
    counts = incident.alert_counts()
    if not counts["all"]:
        return "none"
    return f"{counts['triggered']} triggered, {counts['resolved']} resolved"


def timeline(incident):
    """Notes, status, titles and hands in the order in which they came; notes are shown whole."""
    found = []
    notes = {note.id: note for note in incident.notes}
    for entry in incident.log:
        kind = entry["type"][:-len("_log_entry")]
        note = notes.get(entry.get("note_id"))
        if kind == "annotate" and entry.get("note_id") and note is None:
            text = "<span class='quiet'>A note was added here and deleted later.</span>"
        elif note:
            text = f"<pre>{esc(note.content)}</pre>" + ("<span class='quiet'>edited</span>" if note.edits else "")
        else:
            text = plain_text(kind, entry)
        who = entry["agent"]["summary"] if entry["agent"] else "PagerDuty"
        when = f'<time datetime="{entry["created_at"]}">{entry["created_at"][11:19]} UTC</time>'
        found.append(f'<li id="{entry["id"]}" class="{esc(kind)}"><p class="quiet">{when} &middot; {esc(who)}</p>'
                     f'{text}</li>')
    return found


def plain_text(kind, entry):
    channel = entry.get("channel", {})
    fields = channel.get("changeset", {}).get("application_fields", [])
    if kind == "field_value_change" and fields:
        return f'<p>{esc(fields[0]["name"].capitalize())} is now <b>{esc(fields[0]["value"] or "none")}</b></p>'
    note = f"<pre>{esc(entry['note'])}</pre>" if entry.get("note") else ""
    return f"<p>{esc(entry['summary'])}</p>{note}"
