import json

import numpy as np
import onnx.parser
import pytest

import edgekit
from edgekit import files
from edgekit.errors import BundleError, DeviceError, InputError, StorageError, UsageError
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.measuring import turns
from edgekit.measuring.batches import Batches
from edgekit.measuring.searching import DEFAULT, Search
from edgekit.measuring.tuning import Tuning, alike
from edgekit.runtime.tuned import Tuned
from edgekit.signature import Tensor

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,T,4] x) => (float[N,T,4] y) { y = Relu(x) }"""


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / MODEL).write_bytes(onnx.parser.parse_model(TEXT).SerializeToString())
    said = {MODEL: {"sha256": files.sha256(folder / MODEL), "bytes": (folder / MODEL).stat().st_size}}
    tensors = [Tensor.parse(f"{name}: float32[N,T,4]") for name in "xy"]
    files.write_sealed(folder / FILE, Manifest("tiny", "features", tensors[:1], tensors[1:], files=said).to_dict())
    return folder


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(turns, "_TURN", 0.001)


def test_a_tuning_is_written_where_the_bundle_finds_it(bundle, quick):
    tuning = Tuning(bundle, batch=2, shapes=["x=2,3,4"])
    tuning.tried = tuning.tried[:3]
    gone = []
    told = tuning.run(3, gone.append)
    assert gone and gone == sorted(gone)
    assert told["inputs"] == {"x": ["float32", 2, 3, 4]} and told["batch"] == 2
    # How many steps there is time for hangs on the machine; which they are, the search's own tests say.
    assert "alone" in {trial["step"] for trial in told["trials"]}
    assert {trial["setting"] for trial in told["trials"]} & {str(setting) for setting in tuning.tried}
    assert edgekit.load(bundle).session.tuned is None
    tuning.write(told)
    model = edgekit.load(bundle)
    assert str(model.session.tuned) == told["setting"]
    assert model.session.where().endswith("tuned: the default") == (told["setting"] == "the default")


def test_a_setting_that_is_clearly_faster_is_used_from_then_on(bundle):
    tuning = Tuning(bundle, threads=1, shapes=["x=1,3,4"])
    found = Search(Tuned({"enable_cpu_mem_arena": 0}), {"ratio": 1.2, "low": 1.1, "high": 1.3}, [])
    tuning.write(tuning._told(found, Batches(8, {"ratio": 1.5, "low": 1.4, "high": 1.6}), 1.0, []))
    model = edgekit.load(bundle, threads=1)
    assert model.session._session.get_session_options().enable_cpu_mem_arena is False
    assert model.session.where().endswith(
        "tuned: no arena (1.20× the speed of the default at batch 1), a Batcher joins 8 rows"
    )
    assert np.array_equal(model(np.ones((1, 3, 4), np.float32))["y"], np.ones((1, 3, 4)))


def test_threads_that_are_asked_for_are_kept(bundle):
    tuning = Tuning(bundle, threads=3, shapes=["x=1,3,4"])
    assert not any("intra_op_num_threads" in setting.options for setting in tuning.tried)
    assert tuning.open(DEFAULT).threads == tuning.open(Tuned({"enable_mem_pattern": 0})).threads == 3
    assert tuning.path.name.endswith("-3-threads.json")


def test_a_setting_that_answers_otherwise_or_does_not_open_is_not_tried(bundle):
    tuning = Tuning(bundle, shapes=["x=1,3,4"])
    assert tuning._answers_alike(Tuned({"enable_cpu_mem_arena": 0}))
    tuning._expected = {"y": tuning._expected["y"] + 1}
    assert not tuning._answers_alike(DEFAULT)


def test_where_all_settings_answer_otherwise_the_default_stays(bundle, quick):
    tuning = Tuning(bundle, threads=1, shapes=["x=1,3,4"])
    tuning._expected = {"y": tuning._expected["y"] + 1}
    told = tuning.run(0.1)
    assert told["setting"] == "the default" and told["trials"] == []


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        ([1.0, 2.0], [1.0, 2.001], True),
        ([1.0, 2.0], [1.0, 2.01], False),
        ([1e-9, 2.0], [0, 2.0], True),
        ([np.nan, 1], [np.nan, 1], True),
        ([np.inf, 1], [np.inf, 1], True),
        ([np.nan, 1], [1, 1], False),
        ([1, 2], [1, 2], True),
        ([1, 3], [1, 2], False),
        ([[1.0]], [1.0, 1.0], False),
        ([], [], True),
        (["a"], ["a"], True),
    ],
)
def test_answers_are_alike_to_a_thousandth_of_the_greatest(got, want, same):
    assert alike({"y": np.array(got)}, {"y": np.array(want)}) is same


def test_a_bare_file_has_no_settings_of_its_own(bundle):
    with pytest.raises(BundleError, match="is a bare file"):
        Tuning(bundle / MODEL, shapes=["x=1,3,4"])


def test_another_device_is_refused(bundle):
    with pytest.raises(DeviceError, match='device "cuda" has others'):
        Tuning(bundle, device="cuda")


def test_too_few_seconds_are_an_error_that_says_how_many(bundle):
    with pytest.raises(UsageError, match=r"0.2 s are too few") as raised:
        Tuning(bundle, shapes=["x=1,3,4"]).run(0.2)
    assert raised.value.hint.startswith("--seconds ") and int(raised.value.hint.split()[1]) > 2


def test_where_the_time_is_short_the_most_promising_changes_are_tried(bundle):
    tuning = Tuning(bundle, shapes=["x=1,3,4"])
    assert tuning._in_time(0.1, 8, 60) == 8
    assert 1 <= tuning._in_time(0.1, 8, 5) < 8
    with pytest.raises(UsageError, match="too few"):
        tuning._in_time(0.1, 8, 1)


@pytest.mark.parametrize(
    ("shapes", "error"), [([], InputError), (["x=1,3,4", "x=1,5,4"], UsageError), (["z=1"], InputError)]
)
def test_sizes_that_are_missing_or_too_many_are_errors(bundle, shapes, error):
    with pytest.raises(error):
        Tuning(bundle, shapes=shapes)


def test_a_home_that_cannot_be_written_is_told_before_anything_is_measured(bundle, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="cannot write"):
        Tuning(bundle, shapes=["x=1,3,4"]).run(60)


def test_what_is_written_is_json_that_names_model_and_machine(bundle):
    tuning = Tuning(bundle, shapes=["x=1,3,4"])
    tuning.write(tuning._told(Search(DEFAULT, None, []), Batches(None, None), 1.0, []))
    said = json.loads(tuning.path.read_text("utf-8"))
    assert said["of"]["model"] == files.sha256(bundle / MODEL) and said["of"]["processor"]
    assert said["ort_config"] == {"session_options": {}} and said["speedup"]["ratio"] == 1
