import json

import onnx.parser
import pytest

from edgekit import cli
from edgekit.commands import under_load
from edgekit.errors import UsageError
from edgekit.latency.record import Record
from edgekit.measuring.scenarios import Scenario

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "relu.onnx"
    path.write_bytes(onnx.parser.parse_model(TEXT).SerializeToString())
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scenario", "server", "--p99", "300ms", "--seconds", "1"], "queries a second"),
        (["--scenario", "offline", "--seconds", "0.3"], "samples a second in batches of"),
        (["--scenario", "multi-stream", "--seconds", "0.2"], "p99"),
    ],
    ids=["server", "offline", "multi-stream"],
)
def test_a_scenario_is_measured_shown_and_kept(model, arguments, told, capsys):
    assert cli.run(["bench", str(model), "--output", "r.json", *arguments]) == 0
    out = capsys.readouterr().out
    assert told in out and out.endswith("record: r.json\n")
    assert max(len(line) for line in out.splitlines() if not line.startswith("note:")) <= 100
    (entry,) = Record.read(model.parent / "r.json").models
    assert entry.scenario == arguments[1] and entry.batch == (8 if arguments[1] == "multi-stream" else entry.batch)


def test_what_is_measured_in_one_go_keeps_nothing_of_it_when_interrupted(model, monkeypatch, capsys):
    def interrupt(self, tell):
        raise KeyboardInterrupt

    monkeypatch.setattr(Scenario, "measure", interrupt)
    assert cli.run(["bench", str(model), "--scenario", "offline", "--output", "r.json"]) == 130
    err = capsys.readouterr().err
    assert "nothing is kept" in err and "--resume" not in err


def test_what_finds_no_limits_does_not_take_options_of_them(model, capsys):
    assert cli.run(["bench", str(model), "--scenario", "offline", "--profile"]) == 2
    assert '--profile is for the scenario "single-stream"' in capsys.readouterr().err


def test_json_holds_the_loads_without_their_times(model, capsys):
    assert cli.run(["bench", str(model), "--scenario", "offline", "--seconds", "0.2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    (entry,) = told["models"]
    assert entry["loads"] and all("times_ns" not in load and "samples_per_second" in load for load in entry["loads"])
    kept = json.loads((model.parent / told["record"]).read_text("utf-8"))
    assert all(load["times_ns"] for load in kept["models"][0]["loads"])


@pytest.mark.parametrize(
    ("scenario", "p99", "through", "others", "said"),
    [
        ("sever", None, "session", {}, 'did you mean "server"'),
        ("server", None, "session", {}, "needs the bound"),
        ("server", "soon", "session", {}, 'no time'),
        ("server", "0ms", "session", {}, 'no time'),
        ("offline", "10ms", "session", {}, 'is for the scenario "server"'),
        ("single-stream", None, "batcher", {}, "is for the other scenarios"),
        ("offline", None, "post", {}, "none of session, batcher"),
        ("offline", None, "session", {"--gate": "5%"}, "--gate is for the scenario"),
        ("offline", None, "session", {"--profile": True}, "--profile is for the scenario"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_wrong_usage(scenario, p99, through, others, said):
    with pytest.raises(UsageError) as raised:
        under_load.check(scenario, p99, through, others)
    assert said in raised.value.render()


@pytest.mark.parametrize(("text", "ms"), [("10ms", 10), ("500us", 0.5), ("500 µs", 0.5), ("0.25s", 250)])
def test_a_bound_is_read_with_its_unit(text, ms):
    assert under_load.check("server", text, "session", {"--gate": None}) == ms


def test_single_stream_asks_for_nothing_more():
    assert under_load.check("single-stream", None, "session", {"--gate": "5%"}) is None
