# SPDX-License-Identifier: MIT
"""The table of hostile and odd requests: each kind, how often it comes, and what it may get.

A kind makes the bytes of one request (or of none), and says how they are sent. Outcomes are HTTP statuses, "closed"
(the connection ended without an answer) and "left" (we went away and expect nothing). Nothing is sent from here.
"""

import dataclasses
import typing

from tests.kit import webhooks
from tests.kit.node import SUBSCRIPTIONS

CLOSED, LEFT = "closed", "left"
BODY_LIMIT = 512 * 1024  # the standard setting
PLAIN, SLOWLY, SILENT, GREEDY, LEAVE, RESET, PIECES, HALF_CLOSE, TWICE = (
    "plain", "slowly", "silent", "greedy", "leave", "reset", "pieces", "half-close", "twice")


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    weight: int                       # its share
    make: typing.Callable             # (random) -> the bytes to send
    expected: frozenset
    signed: bool = False              # correctly
    way: str = PLAIN


def request(method=b"POST", path=b"/webhooks/pagerduty", headers=(), body=b"", version=b"HTTP/1.1", host=True, length=True):
    lines = [method + b" " + path + b" " + version]
    if host:
        lines.append(b"Host: firstline.example")
    lines += [b"%s: %s" % pair for pair in headers]
    if length and (body or method == b"POST"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def pairs(body, **how):
    return [(name.encode(), value.encode()) for name, value in webhooks.headers(body, **how).items()]


def delivery(body, extra=(), **how):
    body = webhooks.raw(body)
    return request(headers=[*pairs(body, **how), *extra], body=body)


# --- correctly signed ---------------------------------------------------------------------------------------------

def key(random):
    """Of a bounded set, as a real account's open incidents are."""
    return f"QHOSTILE{random.randrange(300):06}"


AGENT = {"id": "PAIKO01", "type": "user_reference", "summary": "Aiko Tanaka"}


def usual(random):
    kind = random.choice(["acknowledged", "escalated", "priority_updated", "resolved", "unacknowledged", "reassigned"])
    status = {"resolved": "resolved", "unacknowledged": "triggered"}.get(kind, "acknowledged")
    return webhooks.event(webhooks.incident(key(random), status=status, age_s=60), "incident." + kind, agent=AGENT)


def duplicate(random):
    made = usual(random)
    made["event"]["id"] = f"HOSTILEDUPLICATE{random.randrange(50):010}"
    return made


def with_nul(random):
    made = usual(random)
    made["event"]["data"]["title"] = "a\0b"
    made["event"]["data"]["service"]["summary"] = "\0"
    return made


def long_id(random):
    made = usual(random)
    made["event"]["id"] = webhooks.new_id(64) * 192
    return made


def absent(random):
    made = usual(random)
    for name in random.sample(sorted(made["event"]), 4):
        del made["event"][name]
    return made


def wrong_types(random):
    made = usual(random)
    for name in random.sample(sorted(made["event"]), 3):
        made["event"][name] = random.choice([7, -1e300, None, [], {}, [[1]], True, {"id": {"id": []}}])
    return made


def unknown_type(random):
    made = usual(random)
    made["event"]["event_type"] = random.choice(["incident.eaten", "", "x" * 5000, "service.updated", "\u202e"])
    return made


def deep(random):
    levels = random.choice([100, 2000, 3000, 60000])
    return b'{"event":' + b"[" * levels + b"]" * levels + b"}"


def big(random):
    made = usual(random)
    made["event"]["data"]["title"] = "漢" * random.randrange(20_000, 80_000)
    return made


def no_json(random):
    return random.randbytes(random.randrange(1, 2000))


def bad_utf8(random):
    return webhooks.raw(usual(random)).replace(b"Aiko", random.choice([b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8"]))


def twice_the_key(random):
    return webhooks.raw(usual(random)).replace(b'{"event":{', b'{"event":{"id":"X","id":["X"],')


def too_old(random):
    return webhooks.event(webhooks.incident(f"QOLD{random.randrange(300):06}", age_s=100 * 3600))


def odd_times(random):
    made = usual(random)
    made["event"]["occurred_at"] = random.choice(["9999-12-31T23:59:59Z", "1969-01-01T00:00:00Z", "yesterday", "2026-13-40", ""])
    made["event"]["data"]["created_at"] = random.choice(["infinity", "-infinity", "now", "epoch", "294277-01-01", "NaN"])
    return made


def chunked(random):
    body = webhooks.raw(usual(random))
    cut = random.randrange(1, len(body))
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:cut], body[cut:], b""))
    return request(headers=[*pairs(body), (b"Transfer-Encoding", b"chunked")], length=False) + parts


def rotated(random):
    body = webhooks.raw(usual(random))
    right = webhooks.sign(body, SUBSCRIPTIONS["tokyo"][1])
    wrong = [webhooks.sign(body, f"old secret {n}") for n in range(3)]
    return request(headers=pairs(body, signature=", ".join([*wrong, "v2=" + "0" * 64, right])), body=body)


def pipelined(random):
    return delivery(usual(random)) + delivery(usual(random))


def expecting(random):
    return delivery(usual(random), extra=[(b"Expect", b"100-continue")])


def signed_empty(_random):
    return delivery(b"")


def signed(make):
    return lambda random: delivery(make(random))


# --- not signed, or not as it should be -----------------------------------------------------------------------------

def unsigned(random):
    return delivery(usual(random), signature="")


def malformed(random):
    return delivery(usual(random), signature=random.choice(
        ["v1=", "v1=zz", "sha256=" + "a" * 64, "v1=" + "a" * 63, "v1=" + "g" * 64, ",,,,", "v1 " * 500, "\x7f"]))


def wrong(random):
    return delivery(usual(random), signature="v1=" + random.randbytes(32).hex())


def of_another(random):
    body = webhooks.raw(usual(random))
    return request(headers=pairs(body, signature=webhooks.sign(body, SUBSCRIPTIONS["osaka"][1])), body=body)


def changed(random):
    body = webhooks.raw(usual(random))
    return request(headers=pairs(body), body=body[:-1] + b" ")


def unknown_subscription(random):
    return delivery(usual(random), subscription=random.choice(["PNOBODY", "' or 1=1 --", "x" * 4000, "PHOOKTY\t,PHOOKOS"]))


def no_subscription(random):
    body = webhooks.raw(usual(random))
    return request(headers=[p for p in pairs(body) if p[0] != b"X-Webhook-Subscription"], body=body)


def other_method(random):
    return request(method=random.choice([b"GET", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"BREW"]))


def nowhere(random):
    return request(b"GET", random.choice([b"/", b"/admin", b"/../../etc/passwd", b"/%2e%2e/%00", b"/healthz/", b"/wp-login.php",
                                          b"//webhooks//pagerduty", b"/WEBHOOKS/PAGERDUTY", b"*"]))


def alive(random):
    return request(b"GET", random.choice([b"/healthz", b"/healthz?a=b&a=%zz"]))


# --- not HTTP as we speak it ----------------------------------------------------------------------------------------

def too_large(_random):
    return request(headers=[(b"Content-Length", b"%d" % (BODY_LIMIT + 1))], length=False) + b"x" * 1000


def absurd_length(random):
    return request(headers=[(b"Content-Length", random.choice(
        [b"-1", b"0x10", b"1e3", b"99999999999999999999999", b"12 12", b"", b"+5", b"18446744073709551616"]))], length=False)


def chunks_without_end(random):
    size = random.choice([b"ffffffffffffffff", b"fffffff", b"g", b"-1", b"\x00"])
    return request(headers=[(b"Transfer-Encoding", b"chunked")], length=False) + size + b"\r\nabc"


def two_lengths(_random):
    return request(headers=[(b"Content-Length", b"5"), (b"Content-Length", b"6")], length=False) + b"abcdef"


def length_and_chunks(_random):
    return request(headers=[(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], length=False) + b"0\r\n\r\n"


def unknown_encoding(random):
    return request(headers=[(b"Transfer-Encoding", random.choice([b"gzip, chunked", b"chunked, identity", b"xchunked"]))],
                   length=False) + b"0\r\n\r\n"


def without_host(_random):
    return request(host=False)


def two_hosts(_random):
    return request(headers=[(b"Host", b"other.example")])


def big_headers(random):
    if random.random() < 0.5:
        return request(headers=[(b"X-%d" % n, b"y" * 100) for n in range(300)])
    return request(headers=[(b"X-Long", b"y" * 40_000)])


def long_path(_random):
    return request(b"GET", b"/" + b"a" * 60_000)


def other_version(random):
    return request(version=random.choice([b"HTTP/2.0", b"HTTP/1.2", b"HTTP/9.9", b"HTTP/0.9", b"HTCPCP/1.0", b"HTTP/1.1.1"]))


def garbage(random):
    return random.randbytes(random.randrange(20, 400)) + b"\r\n\r\n"


def tls(random):
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(500) + b"\r\n\r\n"


def http2(_random):
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00"


def bad_header_name(random):
    line = random.choice([b"X y: z", b"X\x00: z", b": z", b"Content-Length : 5", b"\xff\xfe: z", b"no colon at all"])
    return b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: a\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n"


# --- slow and broken --------------------------------------------------------------------------------------------------

def half_head(random):
    made = delivery(usual(random))
    return made[:random.randrange(1, made.index(b"\r\n\r\n"))]


def half_body(random):
    made = delivery(usual(random))
    return made[:-random.randrange(1, 300)]


def nothing(_random):
    return b""


def many_questions(_random):
    return request(b"GET", b"/readyz") * 200


def kind(name, weight, make, *expected, **more):
    return Kind(name, weight, make, frozenset(expected), **more)


REFUSED = (400, CLOSED)
KINDS = (
    kind("signed, usual", 70, signed(usual), 202, signed=True),
    kind("signed, the same event.id again", 15, signed(duplicate), 202, signed=True),
    kind("signed, \\u0000 in texts", 10, signed(with_nul), 202, signed=True),
    kind("signed, an id of 12 KB", 8, signed(long_id), 202, signed=True),
    kind("signed, fields absent", 10, signed(absent), 202, signed=True),
    kind("signed, fields of wrong types", 10, signed(wrong_types), 202, signed=True),
    kind("signed, unknown event type", 8, signed(unknown_type), 202, signed=True),
    kind("signed, thousands of levels", 5, signed(deep), 202, signed=True),
    kind("signed, a title of up to 240 KB", 3, signed(big), 202, signed=True),
    kind("signed, no JSON", 8, signed(no_json), 202, signed=True),
    kind("signed, broken UTF-8", 8, signed(bad_utf8), 202, signed=True),
    kind("signed, a key twice", 5, signed(twice_the_key), 202, signed=True),
    kind("signed, an incident of four days ago", 5, signed(too_old), 202, signed=True),
    kind("signed, impossible times", 8, signed(odd_times), 202, signed=True),
    kind("signed, chunked", 7, chunked, 202, signed=True),
    kind("signed, five signatures in the header", 7, rotated, 202, signed=True),
    kind("signed, two pipelined", 4, pipelined, 202, signed=True, way=TWICE),
    kind("signed, Expect: 100-continue", 3, expecting, 202, signed=True),
    kind("signed, empty", 2, signed_empty, 202, signed=True),
    kind("signed, 16 bytes at a time", 1, signed(usual), 202, signed=True, way=PIECES),
    kind("signed, half closed behind it", 3, signed(usual), 202, CLOSED, signed=True, way=HALF_CLOSE),
    kind("no signature", 60, unsigned, 401),
    kind("malformed signature", 60, malformed, 401),
    kind("wrong signature", 60, wrong, 503),
    kind("another subscription's secret", 30, of_another, 503),
    kind("body changed after signing", 30, changed, 503),
    kind("unknown subscription", 40, unknown_subscription, 401),
    kind("no subscription", 30, no_subscription, 401),
    kind("other method", 40, other_method, 405, 400),
    kind("no such path", 50, nowhere, 404, 400),
    kind("a health check between", 40, alive, 200),
    kind("Content-Length over the limit", 25, too_large, 413),
    kind("absurd Content-Length", 30, absurd_length, *REFUSED, 413),
    kind("broken or endless chunks", 25, chunks_without_end, *REFUSED, 413),
    kind("two Content-Length", 20, two_lengths, 400),
    kind("Content-Length and chunked", 20, length_and_chunks, 400),
    kind("unknown Transfer-Encoding", 20, unknown_encoding, *REFUSED),
    kind("no Host", 20, without_host, 400),
    kind("two Host", 15, two_hosts, 400),
    kind("headers over 16 KiB", 15, big_headers, 431, 413, CLOSED),
    kind("a path of 60 KB", 10, long_path, 414, 431, CLOSED),
    kind("another HTTP version", 15, other_version, 400, 505, CLOSED),
    kind("garbage", 25, garbage, 400, 404, 431, CLOSED),
    kind("a TLS hello", 15, tls, 400, 404, 431, CLOSED),
    kind("HTTP/2's preface", 10, http2, 400, 404, 505, CLOSED),
    kind("malformed header names", 15, bad_header_name, *REFUSED, 401),
    kind("reset in the middle of the head", 15, half_head, LEFT, way=RESET),
    kind("reset in the middle of the body", 10, half_body, LEFT, way=RESET),
    kind("gone before the answer", 10, signed(wrong_types), LEFT, way=LEAVE),
    kind("connects and goes", 13, nothing, LEFT, way=LEAVE),
    kind("head so slow that it never ends", 4, half_head, CLOSED, 408, way=SLOWLY),
    kind("body so slow that it never ends", 4, half_body, CLOSED, 408, way=SLOWLY),
    kind("connects and says nothing", 2, nothing, CLOSED, way=SILENT),
    kind("200 questions, no answer read", 2, many_questions, CLOSED, LEFT, way=GREEDY),
)
