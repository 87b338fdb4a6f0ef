# SPDX-License-Identifier: MIT
"""deploy/nginx.conf as it stands (but for name, ports and certificate): a signed webhook over TLS reaches the node."""

import hashlib
import hmac
import http.client
import json
import pathlib
import shutil
import ssl
import subprocess

import pytest

from tests.kit import processes
from tests.kit.node import ROOT, SUBSCRIPTIONS
from tests.kit.postgres import free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=firstline.example.com",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)


def write_config(folder, port, upstream):
    text = (ROOT / "deploy/nginx.conf").read_text()
    for old, new in (("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("127.0.0.1:8480", f"127.0.0.1:{upstream}"),
                     ("/etc/ssl/firstline.example.com.pem", str(folder / "cert.pem")),
                     ("/etc/ssl/firstline.example.com.key", str(folder / "key.pem"))):
        assert old in text
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    config = folder / "nginx.conf"
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}} "
                      f"http {{ access_log off; {paths} include {folder}/site.conf; }}")
    return config


def post(port, path, body, headers):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def proxy(world, scratch):
    node = world.node("tokyo")
    folder = pathlib.Path(scratch) / "nginx"
    folder.mkdir()
    make_certificate(folder)
    port = free_port()
    config = write_config(folder, port, node.port)
    process = processes.start([NGINX, "-p", str(folder), "-c", str(config)], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes.wait_until(lambda: (folder / "nginx.pid").exists(), processes.PATIENCE_S, "nginx to start")
    yield port
    process.terminate()
    process.wait(20)


def test_a_signed_webhook_passes_and_nothing_else(proxy):
    hook, secret = SUBSCRIPTIONS["tokyo"]
    body = json.dumps({"event": {"id": "E1", "event_type": "pagey.ping", "agent": None, "data": {"type": "ping"}}}).encode()
    signature = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Webhook-Subscription": hook, "X-PagerDuty-Signature": signature}
    assert post(proxy, "/webhooks/pagerduty", body, headers) == 202
    assert post(proxy, "/webhooks/pagerduty", body, {**headers, "X-PagerDuty-Signature": "v1=zz"}) == 401
    assert post(proxy, "/readyz", b"", {}) == 404
    assert post(proxy, "/webhooks/pagerduty", b"x" * (600 * 1024), headers) == 413
