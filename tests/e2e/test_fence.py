# SPDX-License-Identifier: MIT
"""The fence on a machine, judged by a recorder there that it knows nothing of: recovers are started and ended in a file that
their own scripts add lines to. A late worker is one that stands still, or that has lost Postgres, between the commit of
`started` and the command. What the recorder
must show where there is no fence, broken twins do."""

import re

import pytest

from tests.kit import processes
from tests.kit.proxy import Proxy
from tests.kit.stage import Stage, scenario

QUICK = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
RECORDED = 'cd "/srv/$host" && echo start >>starts && sh ./recover; s=$?; echo end >>starts; exit $s'
STOPPED = "recover.journaled=stop"
MEETS = "for i in $(seq {tenths}); do test $(grep -c start starts) -ge 2 && break; sleep 0.1; done; sleep 0.5"


@pytest.fixture(name="stage")
def fixture_stage(world):
    stage = Stage(world)
    world.scenario("broken", scenario(recover=RECORDED, within="3s"))
    return stage


def recorded(stage, host):
    return stage.machine.sh(f"cat /srv/{host}/starts 2>/dev/null || true").split()


def refusals(stage):
    """What the machine's folders hold about requests that came too late."""
    return stage.machine.sh(f"cat {stage.machine.folder}/home/ops/.local/state/firstline/*/*/r.*/refused 2>/dev/null || true")


def hold_all(stage):
    stage.database.query("insert into control (scope, set_by, why) values ('global', 'a person', 'a test')")


def late_at_the_recover(stage, faults, over=None, twin=None):
    """tokyo has a recover in its journal and stands still before the command."""
    tokyo = stage.world.node("tokyo", over={**QUICK, **(over or {})}, faults=faults, twin=twin)
    host = stage.host()
    made = stage.trigger(host)
    started = "select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'recover'"
    stage.database.wait(started, made, expected=1)
    return tokyo, host, made


def the_late_one_did(stage, tokyo, host, twin=""):
    """Nothing: it was refused, which the machine and the log know. A twin: it began."""
    if twin:
        processes.wait_until(lambda: recorded(stage, host), processes.PATIENCE_S, "the twin to do what the fence forbids")
        return
    tokyo.wait_log("a later holder has been there")
    assert re.search(r"^recover 2\.3 sent \d+ token 1 1 \S+ end$", refusals(stage), re.MULTILINE), refusals(stage)
    assert recorded(stage, host) == []


@pytest.mark.parametrize("twin", ["", "no-fence"])
def test_a_worker_that_slept(stage, twin):
    """SIGSTOP past its lease; the peer takes over and only looks (a stop switch keeps it from a recover of its own)."""
    tokyo, host, made = late_at_the_recover(stage, STOPPED, twin=twin)
    processes.wait_until(tokyo.is_stopped, processes.PATIENCE_S, "tokyo to stand still")
    hold_all(stage)
    stage.world.node("osaka", over=QUICK)
    assert stage.ending(made) == "handed_over"
    stage.database.pause()  # the database would tell it that it is late, and it would drop the run by itself
    tokyo.resume()
    the_late_one_did(stage, tokyo, host, twin)
    stage.database.resume()


def test_a_worker_that_lost_only_postgres(stage, scratch):
    """It keeps SSH, and learns from nobody but the machine that it is late."""
    with Proxy(stage.database.port) as way:
        conninfo = f"host=127.0.0.1 port={way.port} user=postgres dbname=firstline"
        wait = f"recover.journaled=touch:{scratch}/here,recover.journaled=wait:{scratch}/go"
        tokyo, host, made = late_at_the_recover(stage, wait, {"database": {"conninfo": conninfo}})
        processes.wait_until((scratch / "here").exists, processes.PATIENCE_S, "tokyo to be about to send")
        way.silence()
        hold_all(stage)
        stage.world.node("osaka", over=QUICK)
        assert stage.ending(made) == "handed_over"
        (scratch / "go").touch()
        the_late_one_did(stage, tokyo, host)
        way.heal()


def test_a_person_stops_the_run_while_a_late_worker_holds_ssh(stage):
    """When the timeline says that it was stopped, nothing starts any more."""
    tokyo, host, made = late_at_the_recover(stage, STOPPED)
    processes.wait_until(tokyo.is_stopped, processes.PATIENCE_S, "tokyo to stand still")
    stage.world.node("osaka", over=QUICK)
    stage.pagerduty.act(made, "PAIKO01", "acknowledge")
    assert stage.ending(made) == "stopped", stage.story(made)
    stage.database.pause()  # the database would tell it that it is late, and it would drop the run by itself
    tokyo.resume()
    the_late_one_did(stage, tokyo, host)
    stage.database.resume()


@pytest.mark.parametrize("twin", ["", "no-fence"])
def test_two_incidents_for_one_machine_under_two_names(world, twin):
    """Two entries of the inventory, one machine: their recovers never overlap, whichever nodes run them."""
    stage = Stage(world, machine="one-machine")
    world.scenario("broken", scenario(recover=RECORDED.replace("$host", "both"), within="3s"))
    both = MEETS.format(tenths=150 if twin else 20)  # a twin's second one is waited for: a slow machine sends it late
    stage.machine.sh(f"mkdir -p /srv/both; chmod 777 /srv/both; echo '{both}' >/srv/both/recover")
    for region in ("tokyo", "osaka"):
        world.node(region, over=QUICK, twin=twin or None)
    made = [stage.trigger(stage.host(check="test -e seen && echo up || { touch seen; echo down; }")) for _ in range(2)]
    for incident in made:
        assert stage.ending(incident) == "resolved", stage.story(incident)
    lines = recorded(stage, "both")
    assert sorted(lines) == ["end", "end", "start", "start"], lines
    assert (lines == ["start", "end", "start", "end"]) == (not twin), "the recorder shows what the twin did"
