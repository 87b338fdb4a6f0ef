# SPDX-License-Identifier: MIT
"""The scenario file of the documentation, as it stands, on a real small filesystem that is full; and the main cases over
both transports."""

import pathlib

import pytest

FILE = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "disk-full.yaml"
# A filesystem that is full of a log that logrotate may throw away. Package caches and logrotate's state lie on
# filesystems of the machine's own, so that nothing of the machine below is touched.
SMALL = """
mkdir -p /srv/small-{n}
mount -t tmpfs -o size=4m,mode=755 tmpfs /srv/small-{n}
head -c 4000000 /dev/zero >/srv/small-{n}/big.log
mountpoint -q /var/lib/logrotate || mount -t tmpfs tmpfs /var/lib/logrotate
mountpoint -q /var/cache/apt || mount -t tmpfs tmpfs /var/cache/apt
mkdir -p /var/cache/apt/archives/partial
rm -rf /etc/logrotate.d
cat >/etc/logrotate.conf <<'END'
{conf}
END
chmod 644 /etc/logrotate.conf
"""
FREES = "/srv/small-1/big.log {\n  rotate 0\n  nocreate\n}"
KEEPS = "/srv/small-1/none.log {\n  rotate 0\n  missingok\n}"


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    text = FILE.read_text(encoding="utf-8")
    stage.world.scenario("disk-full", text)
    hosts = list(stage.entries)
    for host, more in zip(hosts, TRANSPORTS.values()):
        stage.entries[host].update({k: str(stage.machine.keys[v]) if k == "key" else v for k, v in more.items()})
    stage.world.inventory({"acme": stage.entries})
    stage.world.node("tokyo")
    return stage


TRANSPORTS = {
    "libssh2": {"transport": "libssh2", "key": "ed25519"},
    "openssh": {"transport": "openssh", "key": "ed25519"},
    "openssh with an RSA key": {"transport": "openssh", "key": "rsa"},
}
CASES = {
    "resolved": ({}, 1),
    "self_healed": ({"check": "echo up"}, 0),
    "handed_over": ({"recover": "echo no >&2; false"}, 1),
}


def on(stage, name, scripts):
    """The host of this transport, broken anew."""
    host = list(stage.entries)[list(TRANSPORTS).index(name)]
    stage._free = [host, *(h for h in stage._free if h != host)]
    stage.machine.sh(f"rm -rf /srv/{host}")
    return stage.host(**scripts)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("case", CASES)
def test_over_each_transport(stage, transport, case):
    """Recovered, healthy and handed over, by libssh2, by the ssh program, and by the ssh program with an RSA key."""
    scripts, starts = CASES[case]
    host = on(stage, transport, scripts)
    made = stage.trigger(host)
    stage.ended(made, case, [host])
    assert stage.starts(host) == starts


def test_a_full_disk_is_freed(stage):
    """The file as it stands: logrotate frees the filesystem, resolved, with the biggest folders as evidence."""
    stage.machine.sh(SMALL.format(n=1, conf=FREES))
    host = list(stage.entries)[5]
    made = stage.world.trigger(f"[AMS:disk-full mount=/srv/small-1] {host}", {"host": host})
    stage.ended(made, "resolved", ["rotate logs", "healthy is < 85"])
    assert stage.machine.sh("test -e /srv/small-1/big.log && echo there || echo gone").strip() == "gone"
    stage.machine.sh("umount /srv/small-1")


def test_a_full_disk_that_stays_full(stage):
    """Nothing frees it: both tries are told, level 2, P2 and the scenario's sentence. (Its verify is shortened from two
    minutes to some seconds.)"""
    text = FILE.read_text(encoding="utf-8").replace("every: 15s", "every: 1s").replace("within: 2m", "within: 3s")
    stage.world.scenario("disk-full", text)
    stage.world.nodes["tokyo"].reload()
    stage.world.nodes["tokyo"].wait_log("event=reloaded")
    stage.machine.sh(SMALL.format(n=1, conf=KEEPS))
    host = list(stage.entries)[6]
    made = stage.world.trigger(f"[AMS:disk-full mount=/srv/small-1] {host}", {"host": host}, priority="P4")
    stage.ended(made, "handed_over", ["Still full; the biggest folders are above.", "rotate logs", "clear package caches"],
                status="triggered")
    shown = stage.world.incident(made)
    assert (shown["level"], shown["priority"]["name"]) == (2, "P2"), shown
    stage.machine.sh("umount /srv/small-1")
