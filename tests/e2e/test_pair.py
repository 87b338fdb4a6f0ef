# SPDX-License-Identifier: MIT
"""The pair of servers that other tests count on does what its page says: it waits, promotes, rejoins, forgets."""

import threading

import pytest

from tests.kit import processes
from tests.kit.pair import Pair


@pytest.fixture(name="pair")
def fixture_pair(scratch):
    with Pair(scratch / "pair", clocks=("", "+25s")) as made:
        made.query("create table t (n int)")
        yield made


def put(pair, n):
    """A commit under way in a thread of its own."""
    at = threading.Thread(target=pair.query, args=("insert into t values (%s)", n), daemon=True)
    at.start()
    return at


def numbers(server):
    return [n for n, in server.query("select n from t order by n")]


def test_a_pair_lives_through_all_that_its_page_says(pair):
    pair.keep("early")
    pair.query("insert into t values (1)")
    assert numbers(pair.standby) == [1]
    one, two = pair.hosts
    assert 20 < float(two.one("select extract(epoch from clock_timestamp())")) - float(one.one("select extract(epoch from clock_timestamp())")) < 60

    pair.standby.pause()
    late = put(pair, 2)
    processes.wait_until(lambda: pair.waiting() == 1, processes.PATIENCE_S, "a commit that waits")
    assert numbers(pair.primary) == [1]
    pair.standby.resume()
    late.join(30)
    assert numbers(pair.primary) == [1, 2]

    pair.fail_over("stale")
    pair.query("insert into t values (3)")
    assert (numbers(pair.primary), numbers(pair.old)) == ([1, 2, 3], [1, 2])
    pair.rejoin()
    pair.query("insert into t values (4)")
    assert numbers(one) == numbers(two) == [1, 2, 3, 4]
    assert pair.primary is two

    pair.fail_over("kill")
    pair.rejoin()
    assert numbers(pair.primary) == [1, 2, 3, 4]
    pair.restore("early")
    assert numbers(one) == numbers(two) == []
    with pytest.raises(RuntimeError, match="the old primary runs"):
        pair.promote()
