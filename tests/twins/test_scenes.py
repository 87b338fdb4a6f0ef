# SPDX-License-Identifier: MIT
"""Scenes in which each broken twin does what its part guards against, judged by the checker from the history. The suite
`twins` (tests/kit/twins.py) runs each twice: the healthy program keeps all promises, the twin must be refused.

FIRSTLINE_TWIN names the twin that the nodes play; none: healthy. The nodes are of the build `faults`.
"""

import contextlib
import os
import pathlib
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.kit import processes  # noqa: E402
from tests.kit.history import History  # noqa: E402
from tests.kit.node import World  # noqa: E402
from tests.kit.postgres import Postgres  # noqa: E402
from tests.kit.recorded import Recorded  # noqa: E402
from tests.kit.simulator import Simulator  # noqa: E402
from tests.kit.sshd import Sshd  # noqa: E402

QUICK = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
TWIN = os.environ.get("FIRSTLINE_TWIN", "")


@pytest.fixture(name="scene")
def fixture_scene():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firstline-", dir="/tmp")))
        folder.chmod(0o755)
        history = History(folder / "history")
        database = stack.enter_context(Postgres(folder / "pg"))
        box = stack.enter_context(Sshd(folder / "box"))
        pagerduty = stack.enter_context(Simulator(arguments=history.simulator_arguments()))
        world = World(folder, database, box, pagerduty)
        stack.callback(world.stop)
        yield Recorded(world, history)
        for node in world.nodes.values():
            print(f"--- {node.name}\n{node.read_log()[-4000:]}")


def node(scene, name, faults=""):
    return scene.world.node(name, over=QUICK, faults=faults, twin=TWIN)


def judged(scene, known_within_s=60, **limits):
    """All promises held, else the checker's words."""
    scene.wait_settled(120, known_within_s)
    status, output = scene.judge("scene", {"only": scene.database.query}, **limits)
    assert status == 0, "\n" + output


def late_at_the_recover(scene, before_the_look=lambda: None):
    """tokyo has the recover in its journal, and stands still for longer than its lease; osaka takes over. Then tokyo wakes."""
    tokyo = node(scene, "tokyo", "recover.journaled=stop")
    made = scene.trigger("down")
    processes.wait_until(tokyo.is_stopped, 60, "tokyo to stand still")
    before_the_look()
    node(scene, "osaka")
    scene.database.wait("select ending is not null from (select * from run union all select * from run_history) r "
                        "where incident_key = %s", made, expected=True)
    began = scene.starts(made)
    scene.database.pause()  # so that it cannot learn that it is late: it keeps SSH and has lost only the database
    tokyo.resume()
    processes.wait_until(lambda: scene.starts(made) > began, 5, "what a late command may still do", quiet=True)
    scene.database.resume()
    return made


def test_a_late_worker_after_the_takeover(scene):
    """Its command comes when the successor's recover has been: the machine refuses it."""
    late_at_the_recover(scene)
    judged(scene)


def test_a_late_worker_after_a_look(scene):
    """The successor only looked: a stop switch kept it from a recover of its own. The late command is refused none the less."""
    scene.sure = False
    late_at_the_recover(scene, lambda: scene.database.query(
        "insert into control (scope, set_by, why) values ('global', 'a person', 'a test')"))
    judged(scene)


def test_the_connection_breaks_while_the_recover_runs(scene):
    """It is not done again."""
    node(scene, "tokyo")
    made = scene.trigger("slow")
    scene.wait_started(made)
    scene.machine.cut()
    judged(scene)


def test_a_note_whose_answer_was_lost(scene):
    """It stands there once: it is looked for before it is sent again."""
    node(scene, "tokyo")
    scene.pagerduty.fault("cut_after", "POST", "/notes$", count=1)
    scene.trigger("down")
    judged(scene)


def test_the_database_dies_as_an_event_comes(scene):
    """What was answered 2xx is in the database, whatever became of that meanwhile."""
    node(scene, "tokyo")
    scene.world.only("tokyo")
    scene.database.pause()
    made = scene.trigger("healthy")
    processes.wait_until(lambda: scene.pagerduty.deliveries(incident=made)[0]["attempts"], processes.PATIENCE_S, "the first delivery")
    time.sleep(1)  # an answer that comes too early comes by now
    scene.database.kill()
    scene.database.start()
    processes.wait_until(lambda: scene.pagerduty.deliveries(incident=made)[0]["state"] == "delivered", 60, "the delivery")
    judged(scene, known_within_s=5)
