from __future__ import annotations

from edgekit.reporting.differences import Bin, Calibration
from edgekit.reporting.reliability import reliability_svg

SURE = Calibration(
    ece=0.1, chance=0.02, n=40, bins=[Bin(n=10, confidence=0.6, correct=0.4), Bin(n=30, confidence=0.95, correct=0.9)]
)


def test_every_model_has_a_panel_and_the_title_tells_what_a_reader_cannot_see() -> None:
    drawn = reliability_svg([("teacher", SURE), ("pruned", SURE)], "sure", 860, 2)
    assert drawn.startswith('<svg class="plot" role="img" viewBox="0 0 860 310"')
    assert "pruned: ECE 10.0 points of 40 examples; 40.0 % right at 60.0 % (n = 10)" in drawn
    assert drawn.count("how often it was right") == 2
    assert 'viewBox="0 0 350 620"' in reliability_svg([("teacher", SURE), ("pruned", SURE)], "sure", 350, 1)


def test_bins_of_none_and_of_all_stay_in_the_frame() -> None:
    ends = Calibration(
        ece=0, chance=0, n=2, bins=[Bin(n=1, confidence=0, correct=0), Bin(n=1, confidence=1, correct=1)]
    )
    assert "nan" not in reliability_svg([("pruned", ends)], "sure", 350, 1)
