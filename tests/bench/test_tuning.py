from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import edgekit
from edgekit import files


@pytest.fixture
def models(script):
    return script("small_models")


@pytest.fixture
def tuning(script):
    return script("tuning")


def test_the_ten_models_are_the_same_every_time_and_answer_with_numbers_of_a_usual_size(models, tmp_path):
    assert len(models.MODELS) == 10
    for number, name in enumerate(models.MODELS):
        bundle = models.bundle(name, tmp_path / str(number))
        assert models.MODELS[name]().SerializeToString() == (bundle / "model.onnx").read_bytes()
        session = onnxruntime.InferenceSession((bundle / "model.onnx").read_bytes())
        (taken,) = session.get_inputs()
        x = np.random.default_rng(0).normal(size=[2, *taken.shape[1:]]).astype(np.float32)
        (y,) = session.run(None, {"x": x})
        assert len(y) == 2 and 1e-3 < np.abs(y).max() < 100
        if bundle.joinpath("model.onnx").stat().st_size < 2_000_000:
            assert edgekit.load(bundle, threads=1).name == name


def test_a_model_is_tuned_by_one_process_and_measured_by_another(tuning, tmp_path, monkeypatch):
    seen = []
    told = {"file": "abc/f.json", "setting": "no arena", "schema": 1}

    def measured(words, env, text):
        kept = Path(env["EDGEKIT_HOME"]) / "tuned" / "abc" / "f.json"
        seen.append((words[2], files.read_json(kept)))
        return 'progress\n{"speedup": {"ratio": 1.5, "low": 1.4, "high": 1.6}}\n'

    monkeypatch.setattr(tuning, "tune", lambda bundle, seconds, environment: told)
    monkeypatch.setattr(tuning.subprocess, "check_output", measured)
    said = tuning.argparse.Namespace(seconds=1, measure_seconds=1)
    got = tuning.tried("dense, 26 KB", (False, False), said, None)
    assert got == {"tuning": told, "speedup": {"ratio": 1.5, "low": 1.4, "high": 1.6}}
    assert seen == [("--measure", {"setting": "no arena", "schema": 1})]
    assert tuning.tried("dense, 26 KB", (False, True), said, told)["tuning"] is told


def test_of_where_the_settings_lay_only_their_own_folder_and_name_are_kept(tuning, tmp_path, monkeypatch):
    said = '{"file": "/somebody/s/home/tuned/abc/f.json", "schema": 1}'
    done = tuning.subprocess.CompletedProcess([], 0, stdout=f"progress\n{said}\n", stderr="")
    monkeypatch.setattr(tuning.subprocess, "run", lambda *words, **kinds: done)
    assert tuning.tune(tmp_path, 1, {}) == {"file": "abc/f.json", "schema": 1}


def test_where_the_default_was_kept_both_sessions_have_the_same_settings(tuning):
    slower = {"ratio": 0.8, "low": 0.7, "high": 0.9}
    assert tuning.stands({"tuning": {"setting": "the default"}, "speedup": slower}) == "the same settings"
    assert tuning.stands({"tuning": {"setting": "no arena"}, "speedup": slower}) == "slower"


def test_a_record_of_the_same_kind_is_gone_on_with_and_no_other(tuning, tmp_path):
    path = tmp_path / "tuning.json"
    record = tuning.begun(path, {"tune_seconds": 1})
    record["results"] = {"resnet": {"alone": {}}}
    files.write_json(path, record)
    assert tuning.begun(path, {"tune_seconds": 1}) == record
    assert tuning.begun(path, {"tune_seconds": 2})["results"] == {}


def test_the_busy_program_runs_as_long_as_it_is_wanted_and_no_longer(tuning, monkeypatch):
    started = []

    class Program(tuning.subprocess.Popen):
        def __init__(self, *words, **kinds):
            super().__init__(*words, **kinds)
            started.append(self)

    monkeypatch.setattr(tuning.subprocess, "Popen", Program)
    with tuning.neighbour(False):
        assert not started
    with tuning.neighbour(True):
        assert started[0].poll() is None
    assert started[0].poll() is not None


@pytest.mark.parametrize(("high", "code"), [(0.9, 1), (1.05, 0)])
def test_it_fails_where_a_model_is_clearly_slower(tuning, tmp_path, monkeypatch, capsys, high, code):
    row = {
        "tuning": {"setting": "no arena"},
        "speedup": {"ratio": 0.85, "low": 0.8, "high": high},
        "p50_us": {"default": 10.0, "tuned": 12.0},
    }
    monkeypatch.setattr(tuning, "tried", lambda *asked: row)
    monkeypatch.setattr(tuning.sys, "argv", ["tuning.py", "--models", "resnet", "--output", str(tmp_path / "t.json")])
    assert tuning.main() == code
    told = capsys.readouterr().out
    assert "0.85× [0.80" in told and ("resnet (alone)" in told) == bool(code)
    assert set(files.read_json(tmp_path / "t.json")["results"]["resnet"]) == set(tuning.CONDITIONS)
