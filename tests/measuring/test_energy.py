import pytest

from edgekit.measuring.energy import Meter


@pytest.fixture
def powercap(tmp_path):
    def show(**microjoules):
        for name, value in microjoules.items():
            folder = tmp_path / name.replace("_", ":")
            folder.mkdir(exist_ok=True)
            (folder / "energy_uj").write_text(f"{value}\n")
            (folder / "max_energy_range_uj").write_text("1000000\n")
        return tmp_path

    return show


def test_the_packages_are_added_up(powercap):
    meter = Meter(powercap(**{"intel-rapl_0": 100, "intel-rapl_1": 200}))
    before = meter.read()
    powercap(**{"intel-rapl_0": 500_100, "intel-rapl_1": 300_200})
    assert meter.why_not is None and meter.between(before, meter.read()) == 0.8


def test_a_counter_that_began_anew_is_known(powercap):
    meter = Meter(powercap(**{"intel-rapl_0": 900_000}))
    before = meter.read()
    powercap(**{"intel-rapl_0": 100_000})
    assert meter.between(before, meter.read()) == 0.2


def test_a_machine_without_counters_says_so(tmp_path):
    meter = Meter(tmp_path)
    assert "no energy counter" in meter.why_not
    assert meter.between(meter.read(), meter.read()) is None


def test_a_counter_that_may_not_be_read_says_so(powercap):
    meter = Meter(powercap(**{"intel-rapl_0": "secret"}))
    assert "intel-rapl:0" in meter.why_not and meter.between([None], [1]) is None
