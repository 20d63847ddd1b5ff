from edgekit.latency.conditions import Conditions
from edgekit.latency.samples import Samples
from edgekit.measuring.recording import joined, together


def part(**names):
    return {
        name: Samples(name, [1, 2], rounds, True, copies, first_ns=9).to_dict()
        for name, (rounds, copies) in names.items()
    }


def test_joined_sittings_share_rounds_and_copies_only_where_they_sat_together():
    taken = joined([part(a=([0, 1], [0, 1]), b=([0, 1], [0, 0])), part(a=([0, 3], [0, 0])), part(b=([0, 1], [0, 1]))])
    assert taken["a"].rounds.tolist() == [0, 1, 2, 5] and taken["b"].rounds.tolist() == [0, 1, 6, 7]
    assert taken["a"].copies.tolist() == [0, 1, 2, 2] and taken["b"].copies.tolist() == [0, 0, 3, 4]
    assert taken["a"].first_ns == 9 and taken["a"].settled


def test_what_was_seen_in_several_sittings_is_added_up_and_averaged():
    one = Conditions(1.0, 2.0, 2, others=0.5, load=1.0, throttled=0.25, mhz=[2000.0], battery=False)
    other = Conditions(3.0, 2.0, 2, others=1.5, load=3.0, throttled=None, mhz=[1000.0], battery=True)
    seen = together([one, other])
    assert (seen.seconds, seen.others, seen.load, seen.throttled) == (4.0, 1.25, 3.0, 0.25)
    assert seen.mhz == [2000.0, 1000.0] and seen.battery is True
    assert together([one]) == one


def test_what_one_sitting_could_not_see_is_not_made_up():
    seen = together([Conditions(1.0, 2.0, 2, others=0.5), Conditions(1.0, 2.0, 2)])
    assert seen.others is seen.load is seen.throttled is seen.battery is None
