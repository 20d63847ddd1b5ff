from __future__ import annotations

import xml.etree.ElementTree as ET

from edgekit.reporting.curves import curves_svg
from edgekit.reporting.record import Epoch

SVG = "{http://www.w3.org/2000/svg}"


def test_every_training_has_a_panel_with_its_last_loss() -> None:
    falling = [Epoch(epoch=epoch, loss=2.0 / epoch) for epoch in range(1, 21)]
    drawn = ET.fromstring(curves_svg([("teacher", falling), ("pruned", falling[:1])], "curves", 860, 4))
    texts = {"".join(element.itertext()).strip() for element in drawn.iter(f"{SVG}text")}
    assert {"teacher", "0.100 after 20 epochs", "pruned", "2.00 after 1 epoch"} <= texts
