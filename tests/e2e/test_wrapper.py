# SPDX-License-Identifier: MIT
"""over 600 lines: one machine's promises, which share one namespace.

The wrapper's shell side on real shells, real sudo and real filesystems: what a look and a recover tell, and that an
attempt starts at most once whatever is cut, killed, filled, rebooted or forgotten. The SSH channel is a pair of pipes.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from tests.kit.fixtures import fixture_nothing_left, fixture_wrapper_machine  # noqa: F401
from tests.kit.wrapper_world import SHELLS, USERS, VARIANTS, Place, wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="makes users and mounts in a namespace: needs root")

SHELL_NAMES = list(SHELLS)
# BusyBox of Debian has no flock of its own: "no-flock" is the same as "all"; for the others, "flock" is.
MATRIX = [(shell, variant) for shell in SHELLS for variant in VARIANTS
          if variant != ("no-flock" if shell == "busybox" else "flock")]


# --- what a script's end is called ----------------------------------------------------------------------------------

ENDS = [
    # script, status, signal
    ("exit 0", 0, ""),
    ("exit 3", 3, ""),
    ("exit 143", 143, ""),
    ("exit 130", 130, ""),
    ("exit 255", 255, ""),
    ("false", 1, ""),
    ("nosuchcommand", 127, ""),
    ("/etc/passwd", 126, ""),
    ("kill -TERM $$", -1, "TERM"),
    ("kill -KILL $$", -1, "KILL"),
    ("kill -PIPE $$", -1, "PIPE"),
    ("kill -SEGV $$", -1, "SEGV"),
    ("sh -c 'kill -KILL $$'", 137, ""),  # the script's own shell exits, though with what its child died of
    ("trap 'exit 4' TERM; kill -TERM $$; sleep 1", 4, ""),
    ("trap 'true' EXIT; exit 5", 5, ""),
    ("exec sh -c 'exit 6'", 6, ""),
    ("", 0, ""),
    ("# nothing but words", 0, ""),
]


@pytest.mark.short
@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_ends_of_a_look(machine, shell):
    for script, status, sign in ENDS:
        got = machine.ask(shell=shell, act="look", script=script, timeout=20)
        assert (got.verdict, got.status, got.signal) == ("ended", status, sign), (script, got)
        assert got.complete and not got.timed_out


@pytest.mark.parametrize("shell,variant", MATRIX)
def test_ends_of_a_recover(machine, shell, variant):
    place = Place(machine, shell=shell, variant=variant)
    for number, (script, status, sign) in enumerate(ENDS):
        if variant not in ("all", "bare") and number % 4:
            continue
        if variant == "bare" and "kill" in script:
            continue  # without a session of its own, nothing new is learnt
        got = place.ask("recover", attempt=number, script=script)
        assert (got.verdict, got.status, got.signal, got.already) == ("ended", status, sign, False), (script, got)
        again = place.ask("ask", attempt=number)
        assert (again.verdict, again.status, again.signal, again.started) == ("ended", status, sign, got.started)


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_broken_script_does_nothing(machine, shell):
    place = Place(machine, shell=shell)
    effects = place.counter()
    got = place.ask("recover", script=effects.add() + "\nif true; then\n")
    assert (got.verdict, got.status) == ("ended", 2) and b"yntax" in got.out
    assert effects.lines() == []


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_surroundings(machine, shell):
    """Standard input empty, folder, mask and language fixed, error lines numbered as the author's."""
    script = "cat; pwd; umask; echo $LC_ALL; echo error >&2\necho $0 >/dev/null\nnosuchcommand\nexit 0"
    got = machine.ask(shell=shell, act="look", script=script, timeout=20)
    folder, mask, language = got.out.split()
    assert (folder, int(mask, 8), language) == (b"/", 0o022, b"C")
    assert b"error\n" in got.err and b"nosuchcommand" in got.err
    if shell == "dash":
        assert b"3: " in got.err
    place = Place(machine, shell=shell)
    got = place.ask("recover", script=script)
    assert got.out.startswith(b"/\n") and b"error\n" in got.out and b"nosuchcommand" in got.out


LOGIN_SHELLS = {"tcsh": ["/usr/bin/tcsh"], "fish": ["/usr/bin/fish"], "dash": ["/bin/dash"], "bash": ["/bin/bash"],
                "busybox": ["/usr/bin/busybox", "sh"]}


@pytest.mark.parametrize("login", list(LOGIN_SHELLS))
def test_login_shells(machine, login):
    place = Place(machine, login=LOGIN_SHELLS[login])
    got = machine.ask(login=LOGIN_SHELLS[login], act="look", script="echo \"$v\"; exit 7", timeout=20,
                      values={"v": b"!a $HOME `id` 'q' \\".hex()})
    assert (got.status, got.out) == (7, b"!a $HOME `id` 'q' \\\n")
    got = place.ask("recover", script="echo done")
    assert (got.verdict, got.status, got.out) == ("ended", 0, b"done\n")


# --- values ---------------------------------------------------------------------------------------------------------

VALUES = {
    "all_bytes": bytes(range(1, 256)),
    "backwards": bytes(range(255, 0, -1)) * 2,
    "meta": b"$(touch /tmp/x) `id` ; & | < > * ? [a] {b,c} ~ # ! \\ \" ' '' \\' $x ${y} \n\n \t end\n\n",
    "quotes": b"'" * 3000,
    "long": b"".join(b"%d '\"\\ \xff\xfe\x80\n" % n for n in range(6000))[:65536],
    "ends": b"\n}\nexit 9\n#'",
    "empty": b"",
    "_": b"underscore",
}


@pytest.mark.short
@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_values_arrive_whole(machine, shell):
    values = {k: v.hex() for k, v in VALUES.items() if k != "_"}
    for name, value in VALUES.items():
        if name == "_":
            continue
        got = machine.ask(shell=shell, act="look", script=f'printf %s "${name}"', timeout=20, values=values)
        assert got.out == value, name
    place = Place(machine, shell=shell)
    got = place.ask("recover", script='printf %s "$all_bytes$meta"', values=values)
    assert got.out == VALUES["all_bytes"] + VALUES["meta"]


@pytest.mark.short
@pytest.mark.parametrize("changes,words", [
    ({"values": {"v": b"a\0b".hex()}}, "NUL"),
    ({"values": {"PATH": b"/evil".hex()}}, "PATH"),
    ({"values": {"fl_n": b"x".hex()}}, "fl_n"),
    ({"values": {"a-b": b"x".hex()}}, "a-b"),
    ({"values": {"v": b"x".hex() * 65537}}, "65537"),
    ({"timeout": 0}, "deadline"),
    ({"become": "root; id"}, "root; id"),
    ({"become": "-s"}, "-s"),
    ({"folder": "/a/../b"}, "/a/../b"),
])
def test_what_is_refused_before_it_is_sent(machine, changes, words):
    text = machine.compose(expect=2, **{"act": "look", "script": "true", "timeout": 5, **changes})
    assert text.startswith("input: ") and words in text


def canary_places(machine, canary):
    """Where a text shows for everybody (argv) or for the same user (environment)."""
    found = []
    for entry in os.listdir("/proc"):
        for kind in ("cmdline", "environ"):
            try:
                text = pathlib.Path(f"/proc/{entry}/{kind}").read_bytes() if entry.isdigit() else b""
            except OSError:
                continue
            if canary in text:
                found.append((entry, kind, text[:300]))
    return found


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("become", [None, "root"])
def test_nothing_shows_in_proc(machine, shell, become):
    place = Place(machine, shell=shell)
    begun = place.counter("begun")
    script = f"# canary-in-script\n{begun.add()}; sleep 1 & wait $!"
    # The login's environment already exports such names: they must not take our values along.
    noise = {"secret": "old", "fl": "old", "fl_s": "old", "fl_role": "inner", "fl_n": "old"}
    for act in ("look", "recover"):
        session = place.start(act, script=script, become=become, environment=noise,
                              values={"secret": (b"canary-in-value" * 50).hex()})
        seen = []
        session.send()
        session.process.stdin.close()
        session.process.stdin = None
        wanted = 1 if act == "look" else 2
        while len(begun.lines()) < wanted:
            ended = session.process.poll() is not None
            seen += canary_places(machine, b"canary-in-")
            assert not ended or len(begun.lines()) == wanted, session.process.stderr.read()
        seen += canary_places(machine, b"canary-in-")
        assert seen == []
        out, _ = session.process.communicate(timeout=60)
        assert machine.parse(out, session.nonce).status == 0
    assert canary_places(machine, str(begun.path).encode()) == [], "the test's own words would show"


# --- what is sent back ----------------------------------------------------------------------------------------------

@pytest.mark.short
@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_output_of_any_bytes(machine, shell):
    blob = bytes(range(256)) * 40 + b"\0\0\nno newline at the end"
    path = machine.work / f"blob-{shell}"
    path.write_bytes(blob)
    place = Place(machine, shell=shell)
    for got in (machine.ask(shell=shell, act="look", script=f"cat {path}", timeout=20),
                place.ask("recover", script=f"cat {path}"), place.ask("ask")):
        assert got.out == blob and not got.cut and got.total == len(blob)


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("bound,lines", [(1000, 400), (65536, 30000), (20000, 1800), (0, 200000)])
def test_output_over_its_bound(machine, shell, bound, lines):
    place = Place(machine, shell=shell)
    whole = b"".join(b"%d\n" % n for n in range(1, lines + 1))
    got = place.ask("recover", script=f"seq 1 {lines}", out_max=bound)
    half = (bound or 65536) // 2
    if len(whole) <= (bound or 65536):
        assert got.out == whole and not got.cut
    else:
        note = f"\n[{len(whole) - 2 * half} bytes left out]\n".encode()
        assert got.out == whole[:half] + note + whole[-half:]
        assert got.cut
    assert got.total == len(whole) and got.status == 0
    kept = sum(f.stat().st_size for f in (place.own / f"r.{place.task['run']}").iterdir())
    assert kept < 4 * (bound or 65536) + 140000, "the folder grows with the output"


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_shell_whose_here_documents_are_no_pipes(machine, shell):
    """As bash before 5.1: named pipes take their place, and leave nothing behind."""
    place = Place(machine, shell=shell)
    no_pipe = (b"fl_pair() {\n", b"fl_pair() {\nreturn 1\n")
    got = place.ask("recover", script="seq 1 9000; exit 3", patch=no_pipe)
    assert (got.status, got.out) == (3, b"".join(b"%d\n" % n for n in range(1, 9001)))
    assert {f.name for f in (place.own / f"r.{place.task['run']}").iterdir()} == {"token", "1.1.record", "1.1.0", "1.1.1"}
    got = machine.ask(shell=shell, act="look", script="echo seen; exit 4", timeout=20, patch=no_pipe)
    assert (got.status, got.out) == (4, b"seen\n")


def test_an_answer_cannot_be_forged(machine):
    place = Place(machine)
    forged = "printf 'firstline-wrapper 1 fl-0000\\nfl-0000 verdict never\\nfl-0000 end\\n'; exit 9"
    for got in (machine.ask(act="look", script=forged, timeout=20), place.ask("recover", script=forged)):
        assert (got.verdict, got.status) == ("ended", 9) and b"verdict never" in got.out


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_daemon_that_holds_the_output(machine, shell):
    """An init script that leaves a daemon with our pipe: the step ends at once, the channel too, the daemon lives on."""
    place = Place(machine, shell=shell)
    ticks = place.counter("ticks")
    daemon = f"(trap '' HUP; while :; do echo tick; {ticks.add()}; sleep 0.05; done) &"
    got = place.ask("recover", script=f"{daemon}\necho started", timeout=300)
    assert (got.verdict, got.status) == ("ended", 0) and b"started\n" in got.out and got.left >= 1
    seen = len(ticks.lines())
    wait_for(lambda: len(ticks.lines()) > seen + 10, "the daemon to write on")
    assert place.ask("ask").out == got.out, "the daemon's later words are not the step's"
    got = place.ask("recover", attempt=2, script="echo next")
    assert got.status == 0, "the daemon holds neither lock nor machine"


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_daemon_that_holds_much_output(machine, shell):
    """Which file was written last, and what was dropped, is known though the relay reads on."""
    place = Place(machine, shell=shell)
    whole = b"".join(b"%d\n" % n for n in range(1, 30001))
    got = place.ask("recover", script="sleep 1000 & seq 1 30000", out_max=20000, timeout=300)
    assert (got.verdict, got.status, got.left, got.total) == ("ended", 0, 1, len(whole))
    assert got.out.startswith(whole[:10000]) and got.out.endswith(whole[-10000:]) and got.cut
    names = {f.name for f in (place.own / f"r.{place.task['run']}").iterdir()}
    assert names == {"token", "1.1.record", "1.1.0", "1.1.1", "1.1.2", "1.1.stop"}


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_look_that_leaves_a_daemon(machine, shell):
    session = machine.start(shell=shell, act="look", script="sleep 1000 & echo ok", timeout=300)
    got = session.read_until_complete()
    assert (got.verdict, got.status, got.out) == ("ended", 0, b"ok\n")
    wait_for(lambda: alive_with(machine, b"sleep 1000"), "the daemon")
    session.hang_up()


# --- deadlines ------------------------------------------------------------------------------------------------------

def alive_with(machine, *words):
    return [p for p, line in machine.processes().items() if any(w in line for w in words)]


@pytest.mark.parametrize("shell,variant,become", [
    *((shell, variant, "root") for shell, variant in MATRIX),
    *(("dash", variant, become) for variant in ("all", "bare") for become in (None, "app"))])
def test_deadline_ends_the_tree(machine, shell, variant, become):
    place = Place(machine, shell=shell, variant=variant)
    script = """trap '' TERM
(trap '' TERM; sleep 1111; sleep 1111) &
sh -c "trap '' TERM; sleep 1112; sleep 1112" &
sleep 1113
sleep 1113"""
    got = place.ask("recover", script=script, timeout=1, become=become)
    assert got.verdict == "ended" and got.timed_out and got.left == 0, got
    assert alive_with(machine, b"sleep 111") == []
    session = machine.start(shell=shell, variant=variant, act="look", script=script, timeout=1, kill_after=1,
                            become=become)
    got = session.finish()
    assert got.timed_out and alive_with(machine, b"sleep 111") == []


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("variant", ["all", "bare"])
def test_double_fork_with_setsid(machine, shell, variant):
    place = Place(machine, shell=shell, variant=variant)
    script = "/usr/bin/setsid sh -c '(sleep 1114 &) ; exit' ; "
    got = place.ask("recover", script=script + "sleep 1115", timeout=1, become="root")
    assert got.timed_out and got.left == 0 and alive_with(machine, b"sleep 111") == []
    got = place.ask("recover", attempt=2, script=script + "true", become="root")
    assert (got.status, got.timed_out) == (0, False) and got.left == 1, "it is a daemon then, and reported"
    assert len(alive_with(machine, b"sleep 1114")) == 1


def test_what_cannot_be_killed_is_reported(machine):
    """A set-user-id child of an ordinary user is out of that user's reach."""
    place = Place(machine)
    got = place.ask("recover", script="sudo -n sh -c 'trap \"\" TERM; sleep 1116; sleep 1116'", timeout=1)
    assert got.timed_out and (got.left > 0 or alive_with(machine, b"sleep 1116") == [])


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_deadline_holds_when_everybody_is_gone(machine, shell):
    place = Place(machine, shell=shell)
    session = place.start("recover", script="trap '' TERM; sleep 1117; sleep 1117", timeout=5, become="root")
    session.send()
    session.process.stdin.close()
    wait_for(lambda: alive_with(machine, b"sleep 1117"), "the script")
    session.hang_up()
    record = (place.own / f"r.{place.task['run']}" / "1.1.record").read_text().split()
    os.kill(int(record[record.index("outer") + 1].split(":")[0]), signal.SIGKILL)
    wait_for(lambda: not alive_with(machine, b"sleep 1117"), "the deadline")
    got = wait_for(lambda: (r := place.ask("ask")).verdict != "running" and r, "the end")
    assert got.verdict == "outcome lost"


def test_the_watchdog_survives_killall_sleep(machine):
    place = Place(machine)
    ours = '[ "$(readlink $p/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]'  # only what runs in our own namespace
    kill = f"for p in /proc/[0-9]*; do read -r c <$p/comm && [ $c = sleep ] && {ours} && kill -KILL ${{p#/proc/}}; done 2>/dev/null"
    got = place.ask("recover", script=f"{kill}; while :; do sleep 0.1; done", timeout=2, become="root")
    assert got.timed_out and got.left == 0


# --- at most once ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_second_start_is_answered_with_the_first(machine, shell):
    place = Place(machine, shell=shell)
    effects = place.counter()
    first = place.ask("recover", script=effects.add() + "; echo one; exit 3")
    for changes in ({}, {"script": "echo two"}, {"epoch": 9, "incarnation": "inc-b"}, {"timeline": 2, "epoch": 1}):
        again = place.ask("recover", **{"script": effects.add(), **changes})
        assert (again.verdict, again.already, again.status, again.out) == ("ended", True, 3, b"one\n"), again
        assert again.started == first.started
    assert effects.lines() == ["x"]


@pytest.mark.parametrize("shell,variant", [("dash", "all"), ("dash", "no-flock"), ("bash", "all"), ("busybox", "all")])
def test_twenty_at_once_start_once(machine, shell, variant):
    place = Place(machine, shell=shell, variant=variant)
    effects = place.counter()
    sessions = [place.start("recover", script=effects.add() + "; sleep 1") for _ in range(20)]
    reports = []
    threads = [threading.Thread(target=lambda s=s: reports.append(s.finish())) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects.lines() == ["x"]
    assert len([r for r in reports if not r.already and r.verdict == "ended"]) == 1
    assert {r.verdict for r in reports if r.already} <= {"running", "ended"}
    assert {r.verdict for r in reports} <= {"running", "ended", "machine busy"}, reports


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_a_request_cut_on_its_way_does_nothing(machine, shell):
    place = Place(machine, shell=shell)
    effects = place.counter()
    whole = len(place.start("recover", script="true").payload)
    points = [0, 1, 2, 100, *range(500, whole, max(1, whole // 23)), *range(whole - 9, whole - 1)]
    for number, point in enumerate(points):
        session = place.start("recover", attempt=number, script=effects.add())
        session.payload = session.payload[:point - whole] if point < whole else session.payload
        got = session.finish()
        assert got.verdict == "unreadable", (point, got)
        assert place.ask("ask", attempt=number).verdict == "never started"
    assert effects.lines() == []


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("become", [None, "root"])
def test_a_connection_cut_at_any_time(machine, shell, become):
    """The channel goes at some moment after the request was sent: it is done once or not at all, and the record knows."""
    place = Place(machine, shell=shell)
    effects = place.counter()
    talk = "seq 1 3000; sleep 0.05; seq 1 3000"  # dies of SIGPIPE if the channel were its output
    for number in range(16):
        session = place.start("recover", attempt=number, script=f"{talk}; {effects.add(str(number))}; exit 5", become=become)
        session.send()
        session.process.stdin.close()
        time.sleep(number * 0.012)  # a different moment each time; nothing is concluded from it
        session.hang_up()
        wait_for(lambda s=session: s.process.poll() is not None, "the outer shell to end")
        got = place.ask("ask", attempt=number)
        assert (got.verdict, got.status, str(number) in effects.lines()) == ("ended", 5, True), got
        assert got.out.endswith(b"2999\n3000\n") and got.total == 2 * 13893
    assert sorted(set(effects.lines())) == sorted(effects.lines())


def shells_of(machine, place):
    """The outer shells and their forks: relay and, where no other user is asked for, the watchdog."""
    return [p for p, line in machine.processes().items() if p != machine.holder.pid and b"fl_role=outer" in line]


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("become", [None, "root"])
def test_the_outer_shell_killed_at_any_time(machine, shell, become):
    place = Place(machine, shell=shell)
    effects = place.counter()
    pid_file = place.counter("pid").path
    told = set()
    for number in range(60):
        if number >= 16 and "outcome lost" in told:
            break
        script = f"echo $$ >{pid_file}; {effects.add(str(number))}; sleep 0.3"
        session = place.start("recover", attempt=number, script=script, become=become)
        session.send()
        session.process.stdin.close()
        time.sleep(0.02 + number * 0.009 * 1.1 ** max(0, number - 16))  # on a slow machine the script begins later
        for pid in shells_of(machine, place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        session.process.wait()
        session.hang_up()
        got = place.ask("ask", attempt=number)
        if got.verdict == "running":
            late = place.ask("recover", step=2, attempt=number, become=become, script=(
                f"grep -q '^State:.[^Z]' /proc/$(cat {pid_file})/status 2>/dev/null && {effects.add('overlap')}; true"))
            assert (late.verdict, late.status) == ("ended", 0)
            got = place.ask("ask", attempt=number)
        told.add(got.verdict)
        started = str(number) in effects.lines()
        assert got.verdict in ("never started", "outcome lost", "ended"), got
        assert got.verdict != "never started" or not started
        assert got.verdict != "ended" or started
        again = place.ask("recover", attempt=number, script=effects.add(str(number)), become=become)
        assert again.already and again.verdict == got.verdict
        assert effects.lines().count(str(number)) == (1 if started else 0)
    assert "overlap" not in effects.lines()
    assert "outcome lost" in told, told


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("place_of_death,told", [
    ((b"fr_session=$1\n", b"kill -s KILL $$\n"), "never started"),
    ((b'[ -z "$fl_fed" ] || printf', b'kill -s KILL $$; [ -z "$fl_fed" ] || printf'), "outcome lost"),
])
def test_the_outer_shell_dies_with_the_script_in_its_hands(machine, shell, place_of_death, told):
    """The script's shell is there, and its record not yet or just written: it finds no script, and nothing was done."""
    place = Place(machine, shell=shell)
    effects = place.counter()
    session = place.start("recover", script=effects.add(), patch=place_of_death)
    assert session.finish().verdict == "cut off"
    got = wait_for(lambda: (r := place.ask("ask")).verdict != "running" and r, "the script's shell to find that out")
    assert got.verdict == told and effects.lines() == []
    assert place.ask("recover", attempt=2, script=effects.add("next")).status == 0 and effects.lines() == ["next"]


@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_asking_forbids_a_start(machine, shell):
    """Bytes that are still on their way find the attempt closed, even with the asker's own token."""
    place = Place(machine, shell=shell)
    effects = place.counter()
    assert place.ask("ask").verdict == "never started"
    got = place.ask("recover", script=effects.add())
    assert (got.verdict, got.already) == ("never started", True)
    assert effects.lines() == []
    assert place.ask("recover", attempt=2, script=effects.add()).verdict == "ended"


# --- tokens ---------------------------------------------------------------------------------------------------------

TOKENS = [
    # what was there, what comes, passes
    ((1, 5, "inc-a"), (1, 5, "inc-a"), True),
    ((1, 5, "inc-a"), (1, 5, "inc-b"), False),
    ((1, 5, "inc-a"), (1, 4, "inc-a"), False),
    ((1, 5, "inc-a"), (1, 6, "inc-b"), True),
    ((1, 5, "inc-a"), (2, 1, "inc-b"), True),
    ((2, 5, "inc-a"), (1, 9, "inc-b"), False),
    ((1, 99, "inc-a"), (1, 100, "inc-b"), True),
    ((1, 9, "inc-a"), (1, 10, "inc-b"), True),
    ((1, 2**62, "inc-a"), (1, 2**62 + 1, "inc-b"), True),
    ((1, 2**62 + 1, "inc-a"), (1, 2**62, "inc-b"), False),
]


@pytest.mark.short
@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_tokens(machine, shell):
    place = Place(machine, shell=shell)
    effects = place.counter()
    for number, (there, comes, passes) in enumerate(TOKENS):
        names = ("timeline", "epoch", "incarnation")
        run = f"tokens-{number}"
        assert place.ask("ask", run=run, attempt=9, **dict(zip(names, there))).verdict == "never started"
        got = place.ask("recover", run=run, script=effects.add(str(number)), **dict(zip(names, comes)))
        assert got.verdict == ("ended" if passes else "refused: a newer holder was there"), (there, comes, got)
        assert (got.epoch, got.incarnation) == ((comes if passes else there)[1:])
        assert (str(number) in effects.lines()) == passes


@pytest.mark.parametrize("act", ["ask", "end"])
def test_a_successor_that_only_looked_stops_the_late_one(machine, act):
    place = Place(machine)
    effects = place.counter()
    late = place.start("recover", script=effects.add())  # connected, and then paused
    assert place.ask(act, epoch=6, incarnation="inc-b").verdict == "never started"
    assert late.finish().verdict == "refused: a newer holder was there"
    assert effects.lines() == []
    assert place.ask("ask").verdict == "refused: a newer holder was there", "asking is fenced, too"


# --- memory ---------------------------------------------------------------------------------------------------------

def test_another_memory_or_boot_refuses(machine):
    place = Place(machine)
    effects = place.counter()
    forgotten = "refused: the machine has forgotten"
    for act in ("recover", "ask", "end"):
        got = place.ask(act, memory="0123456789abcdef", script=effects.add())
        assert (got.verdict, got.memory) == (forgotten, place.contact.memory)
        got = place.ask(act, boot="11111111-0000-0000-0000-000000000000", script=effects.add())
        assert (got.verdict, got.boot) == (forgotten, place.contact.boot)
    assert effects.lines() == []


def test_a_reboot_and_a_lost_folder(machine):
    place = Place(machine)
    effects = place.counter()
    place.ask("recover", script=effects.add())
    old = machine.boot_file.read_text()
    machine.boot_file.write_text("99999999-2222-3333-4444-555555555555\n")
    try:
        got = place.ask("ask")
        assert got.verdict == "refused: the machine has forgotten" and got.boot.startswith("99999999")
        again = machine.ask(act="contact", cluster="c1", machine="m1", folder=str(place.folder))
        assert (again.memory, again.boot) == (place.contact.memory, got.boot), "a reboot does not empty this folder"
        assert place.ask("recover", boot=got.boot, script=effects.add()).already
    finally:
        machine.boot_file.write_text(old)
    subprocess.run(["rm", "-rf", place.own], check=True)
    assert place.ask("recover", script=effects.add()).verdict == "refused: the machine has forgotten"
    assert place.ask("ask").verdict == "refused: the machine has forgotten"
    again = machine.ask(act="contact", cluster="c1", machine="m1", folder=str(place.folder))
    assert again.memory != place.contact.memory
    assert place.ask("recover", script=effects.add()).verdict == "refused: the machine has forgotten"
    assert effects.lines() == ["x"]


def test_a_new_memory_does_not_say_never(machine):
    """The folder was lost after the attempt ran; the successor's contact made a new one, which knows nothing."""
    place = Place(machine)
    effects = place.counter()
    place.ask("recover", script=effects.add())
    subprocess.run(["rm", "-rf", place.own], check=True)
    new = machine.ask(act="contact", cluster="c1", machine="m1", folder=str(place.folder)).memory
    for sent in (place.contact.memory, None):
        for _ in range(2):
            got = place.ask("ask", run=f"run-{sent}", memory=new, sent_memory=sent, epoch=6, incarnation="inc-b")
            assert got.verdict == "outcome lost" and "younger" in got.text
        late = place.ask("recover", run=f"run-{sent}", memory=new, epoch=6, incarnation="inc-b", script=effects.add())
        assert (late.verdict, late.already) == ("outcome lost", True)
    assert effects.lines() == ["x"]


def test_first_contacts_at_once_agree(machine):
    folder = machine.base / "home" / "ops" / "race"
    sessions = [machine.start(act="contact", cluster="c1", machine="m1", folder=str(folder)) for _ in range(10)]
    reports = []
    threads = [threading.Thread(target=lambda s=s: reports.append(s.finish())) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.verdict for r in reports} == {"done"} and len({r.memory for r in reports}) == 1


# --- the machine is held --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell,variant", [("dash", "all"), ("dash", "no-flock"), ("busybox", "all"), ("bash", "all")])
def test_one_at_a_time(machine, shell, variant):
    place = Place(machine, shell=shell, variant=variant)
    order = place.counter()
    session = place.start("recover", script=f"{order.add('a1')}; sleep 1; {order.add('a2')}")
    session.send()
    session.process.stdin.close()
    wait_for(order.lines, "the first")
    assert place.ask("ask").verdict == "running", "asking does not wait for the script"
    other = place.ask("recover", run="other", script=f"{order.add('b1')}; {order.add('b2')}")
    assert other.verdict == "ended"
    assert order.lines() == ["a1", "a2", "b1", "b2"]
    session.hang_up()


def test_busy_after_ten_seconds(machine):
    place = Place(machine)
    effects = place.counter()
    begun = place.counter("begun")
    session = place.start("recover", script=f"{begun.add()}; sleep 30", timeout=60, become="root")
    session.send()
    session.process.stdin.close()
    wait_for(begun.lines, "the first")
    got = place.ask("recover", run="other", script=effects.add())
    assert (got.verdict, got.holder) == ("machine busy", f"{place.task['run']} 1 1")
    assert place.ask("end").verdict == "ended"
    assert effects.lines() == []
    got = place.ask("recover", run="other", script=effects.add())
    assert got.verdict == "ended" and not got.already, "busy used nothing up"
    session.hang_up()


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_a_supervisor_killed_does_not_free_the_machine(machine, shell):
    place = Place(machine, shell=shell)
    effects = place.counter()
    session = place.start("recover", script=f"{effects.add('begun')}; trap '' TERM; sleep 1118; sleep 1118", timeout=100,
                          become="root")
    session.send()
    session.process.stdin.close()
    wait_for(effects.lines, "the script")
    for pid, line in machine.processes().items():  # all of firstline's own, but not the script's tree
        if b"fl_role" in line and b"fl_role=session" not in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    session.hang_up()
    assert place.ask("ask").verdict == "running"
    assert place.ask("recover", run="other", script=effects.add("overlap"), become="root").verdict == "machine busy"
    got = place.ask("end")
    assert got.verdict == "outcome lost" and alive_with(machine, b"sleep 1118") == []
    assert place.ask("recover", run="other", script=effects.add("next"), become="root").verdict == "ended"
    assert effects.lines() == ["begun", "next"]


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("become", [None, "root", "app"])
def test_end_from_another_session(machine, shell, become):
    place = Place(machine, shell=shell)
    begun = place.counter()
    session = place.start("recover", script=f"{begun.add()}; echo here; sleep 1119", timeout=100, become=become)
    thread = threading.Thread(target=lambda: setattr(session, "report", session.finish()))
    thread.start()
    wait_for(begun.lines, "the script")
    got = place.ask("end", epoch=6, incarnation="inc-b")
    thread.join()
    assert (got.verdict, got.ended_by_us) == ("ended", True) and got.signal in ("TERM", "KILL"), got
    lines = got.out.split(b"\n")
    assert lines[0] == b"here" and set(lines[1:]) <= {b"", b"Terminated", b"Killed"}, "a shell whose child goes first says so"
    assert session.report.ended_by_us and alive_with(machine, b"sleep 1119") == []


def test_a_dead_owner_of_the_link_lock(machine):
    place = Place(machine, variant="no-flock")
    lock = place.own / "lock.held"
    lock.write_text(f"{place.contact.boot} {2**22 - 1} 12345\nend\n")
    assert place.ask("ask").verdict == "never started"
    assert not lock.exists()
    lock.write_text(f"another-boot {os.getpid()} 1\nend\n")
    assert place.ask("ask").verdict == "never started"
    stat = pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    lock.write_text(f"{place.contact.boot} {os.getpid()} {stat[19]}\nend\n")
    assert place.ask("ask").verdict == "machine busy", "a living owner is never robbed, whosever process it is"


# --- sudo -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", SHELL_NAMES)
def test_becoming_another_user(machine, shell):
    place = Place(machine, shell=shell)
    for number, user in enumerate(["root", "app", "ops"]):
        got = place.ask("recover", attempt=number, script="id -un", become=user)
        assert got.out == f"{user}\n".encode(), got
        got = machine.ask(shell=shell, act="look", script="id -un; exit 4", become=user, timeout=20)
        assert (got.out, got.status) == (f"{user}\n".encode(), 4)


def test_sudo_that_refuses(machine):
    place = Place(machine, user="plain")
    effects = place.counter()
    got = place.ask("recover", script=effects.add(), become="root")
    assert got.verdict == "could not become the user" and "sudo" in got.text, got
    again = place.ask("recover", script=effects.add(), become="root")
    assert (again.verdict, again.already) == ("never started", True)
    look = machine.ask(user="plain", act="look", script=effects.add(), become="root", timeout=5)
    assert look.verdict == "could not become the user" and b"sudo" in look.err
    assert effects.lines() == []


# --- folders --------------------------------------------------------------------------------------------------------

def choose(machine, user, **how):
    return machine.ask(act="contact", cluster="c1", machine="m1", user=user, **how)


def test_the_folder_that_is_chosen(machine):
    assert choose(machine, "root").folder == "/dev/shm/firstline.0"
    assert choose(machine, "system").folder == f"/dev/shm/firstline.{USERS['system']}"
    assert choose(machine, "plain").folder == f"{machine.base}/home/plain/.local/state/firstline"
    homeless = {"HOME": "/nonexistent"}
    assert choose(machine, "plain", environment=homeless).folder == f"/var/tmp/firstline.{USERS['plain']}"
    machine.run("root", "sh", "-c", f"mkdir /run/firstline && chown {USERS['app']} /run/firstline")
    assert choose(machine, "app").folder == "/run/firstline"
    assert choose(machine, "plain").folder != "/run/firstline"


def test_folders_that_are_not_safe(machine):
    homeless = {"HOME": "/nonexistent"}
    uid = USERS["app"]
    machine.run("root", "sh", "-c", f"rm -rf /run/firstline; mkdir /var/tmp/mine && chown {uid} /var/tmp/mine")
    machine.run("app", "ln", "-s", "/var/tmp/mine", f"/var/tmp/firstline.{uid}")
    got = choose(machine, "app", environment=homeless)
    assert got.folder == f"/tmp/firstline.{uid}", "a link is not followed"
    machine.run("root", "rm", "-rf", f"/tmp/firstline.{uid}", f"/var/tmp/firstline.{uid}")
    machine.run("root", "mkdir", "-m", "777", f"/var/tmp/firstline.{uid}")
    assert choose(machine, "app", environment=homeless).folder == f"/tmp/firstline.{uid}", "another's is not taken"
    machine.run("root", "rm", "-rf", f"/tmp/firstline.{uid}")
    wide = machine.base / "home" / "app" / "wide"
    machine.run("app", "mkdir", "-m", "777", str(wide))
    got = choose(machine, "app", folder=str(wide))
    assert got.verdict == "no usable folder" and "wide" in got.text
    place = Place(machine)
    place.own.rename(place.own.with_name("moved"))
    place.own.symlink_to("moved")
    assert place.ask("recover", script="true").verdict == "no usable folder"


def test_a_full_filesystem(machine):
    """The folder's own filesystem has not a byte left, as in the scenario that is to clear it."""
    place = Place(machine, folder=machine.base / "small" / "state")
    fill = f"dd if=/dev/zero of={machine.base}/small/fill bs=512 2>/dev/null"
    for attempt in range(3):
        machine.run("ops", "sh", "-c", fill, check=False)
        assert machine.run("ops", "sh", "-c", f"echo x >{machine.base}/small/y", check=False).returncode != 0
        got = place.ask("recover", attempt=attempt, script=f"seq 1 100; rm {machine.base}/small/fill; exit 3")
        assert (got.verdict, got.status) == ("ended", 3), got
        assert got.out == b"".join(b"%d\n" % n for n in range(1, 101)), got
        assert place.ask("ask", attempt=attempt).status == 3


@pytest.mark.parametrize("shell", SHELL_NAMES)
@pytest.mark.parametrize("what,out_max", [("bytes", 200000), ("bytes", 60000), ("files", 60000)])
def test_a_filesystem_that_fills_while_it_runs(machine, shell, what, out_max):
    """No byte is left, or no file can be made, when the output comes. What finds no room is lost, at most what was read while
    that showed; it is said to be missing, the rest is kept in its order, and the script does not notice."""
    where = machine.base / {"bytes": "small", "files": "few"}[what]
    fill = {"bytes": f"dd if=/dev/zero of={where}/fill bs=512 2>/dev/null; echo full >{where}/z",
            "files": f"i=0; while true >{where}/fill$i; do i=$((i + 1)); done 2>/dev/null"}[what]
    place = Place(machine, shell=shell, folder=where / f"state-{shell}-{out_max}")
    effects = place.counter()
    got = place.ask("recover", script=f"{fill}; seq 1 20000; {effects.add()}; exit 3", out_max=out_max)
    machine.run("ops", "sh", "-c", f"rm -f {where}/fill*")
    assert (got.verdict, got.status, effects.lines()) == ("ended", 3, ["x"]), got
    whole = [b"%d" % n for n in range(1, 20001)]
    assert got.cut or got.out.split() == whole, "what is missing is said to be"
    numbers = [int(line) for line in got.out.split(b"\n")[1:-1] if line.isdigit()]
    numbers = [one for one, before in zip(numbers[1:], numbers) if one > 9999 or before > 9999]  # none that a gap made of two
    assert numbers == sorted(numbers) and len(got.out) > min(out_max, 100000) // 2 - 32768
    again = place.ask("ask", out_max=out_max)
    assert (again.status, again.out, again.cut) == (3, got.out, got.cut)
    machine.run("ops", "sh", "-c", f"rm -rf {where}/*")


def test_records_leave_after_seven_days(machine):
    place = Place(machine)
    place.ask("recover", script="true")
    place.ask("recover", run="young", script="true")
    old = place.own / f"r.{place.task['run']}"
    week = time.time() - 9 * 86400
    os.utime(old, (week, week))
    assert machine.ask(act="contact", cluster="c1", machine="m1", folder=str(place.folder)).verdict == "done"
    assert not old.exists() and (place.own / "r.young").exists()


def test_contact_tells_what_the_machine_is(machine):
    got = machine.ask(act="contact", cluster="c1", folder=str(machine.base / "home" / "ops" / "told"), real_boot=True)
    assert got.machine == pathlib.Path("/etc/machine-id").read_text().strip()
    assert got.boot == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (got.uid, got.login) == (USERS["ops"], "ops")
    assert got.tools.split() == ["setsid", "flock", "sudo", "timeout"]
    assert (machine.base / "home" / "ops" / "told" / "c1" / got.machine / "memory").exists()


def test_a_missing_tool_is_named(machine):
    place = Place(machine)
    tools = machine.base / "bin" / "dash-all"
    (tools / "dd").rename(tools / "hidden")
    try:
        got = place.ask("recover", script="true")
    finally:
        (tools / "hidden").rename(tools / "dd")
    assert got.verdict == "the machine lacks something" and "dd" in got.text
    assert place.ask("recover", script="true").verdict == "ended", "nothing was used up"


@pytest.mark.parametrize("rebooted", [False, True])
def test_an_attempt_that_was_lost_as_it_began(machine, rebooted):
    """Its record says "starting". The shells are gone, so the script was never sent; but after a reboot that record may be older
    than what happened, and proves nothing."""
    place = Place(machine)
    effects = place.counter()
    session = place.start("recover", script=effects.add(), patch=(b"fl_execute() {\n", b"fl_execute() {\nsleep 60\n"))
    session.send()
    session.process.stdin.close()
    wait_for(lambda: list(place.own.glob("r.*/*.record")), "the record")
    session.hang_up()
    machine.kill_all()
    old = machine.boot_file.read_text()
    try:
        if rebooted:
            machine.boot_file.write_text("88888888-2222-3333-4444-555555555555\n")
        got = place.ask("ask", boot=machine.boot_file.read_text().strip())
        assert got.verdict == ("outcome lost" if rebooted else "never started"), got
    finally:
        machine.boot_file.write_text(old)
    assert effects.lines() == []


@pytest.mark.parametrize("act", ["ask", "end", "other"])
def test_an_outcome_is_not_overwritten_by_who_looks_meanwhile(machine, act):
    """The outer shell writes the outcome, without the lock, and goes, between another's reading and looking for it."""
    place = Place(machine)
    begun = place.counter()
    held_up = (b"fl_runs() {\n", b"fl_runs() {\nsleep 2\n")
    session = place.start("recover", script=f"{begun.add()}; sleep 0.3; exit 3")
    session.send()
    session.process.stdin.close()
    wait_for(begun.lines, "the script")
    looking = {"run": "other", "script": "true"} if act == "other" else {}
    got = place.ask("recover" if looking else act, patch=held_up, **looking)
    assert got.verdict == "ended" and got.status == (0 if looking else 3 if act == "ask" else got.status), got
    assert place.ask("ask").verdict == "ended"
    session.hang_up()
