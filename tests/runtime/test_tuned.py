import copy
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import edgekit
from edgekit import files
from edgekit.manifest import FILE, MODEL
from edgekit.runtime import tuned
from edgekit.runtime.session import open_session
from edgekit.runtime.tuned import Tuned

FOUND = {
    "ort_config": {"session_options": {"intra_op_num_threads": 1, "enable_cpu_mem_arena": 0}},
    "session_config_entries": {"session.intra_op.allow_spinning": "0"},
    "speedup": {"ratio": 1.5, "low": 1.4, "high": 1.6},
    "batch": 1,
    "max_batch": None,
}


@pytest.fixture
def write(vectors):
    """Write a file of found settings for the bundle of vectors; keywords replace what it says; return its path."""
    model = json.loads((vectors / FILE).read_text("utf-8"))["files"][MODEL]["sha256"]

    def make(threads=None, **said):
        here = tuned.facts(threads)
        path = Path(tuned.place(str(files.home() / "tuned" / model[:16]), here))
        value = {"schema": tuned.SCHEMA, "of": {"model": model, **here}, **copy.deepcopy(FOUND), **said}
        files.write_json(path, value)
        return path

    return make


def test_a_bundle_runs_with_what_was_found_for_it_here_and_says_so(vectors, write):
    write()
    model = edgekit.load(vectors)
    settings = model.session._session.get_session_options()
    assert settings.intra_op_num_threads == model.session.threads == 1
    assert settings.enable_cpu_mem_arena is False
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    told = "tuned: 1 thread, no arena, no spinning (1.50× the speed of the default at batch 1)"
    assert model.session.where() == f"device='cpu', threads=1, {told}"
    assert told in repr(model)
    assert model(np.zeros((1, 3), np.float32))["probabilities"].shape == (1, 3)


def test_the_default_may_be_what_was_found(vectors, write):
    write(ort_config={"session_options": {}}, session_config_entries={})
    assert edgekit.load(vectors, threads=None).session.where().endswith("tuned: the default")


def test_a_batcher_joins_what_was_found(vectors, write):
    with edgekit.Batcher(edgekit.load(vectors)) as batcher:
        assert batcher.max_batch == 32
    write(max_batch=8)
    model = edgekit.load(vectors)
    assert model.session.where().endswith(", a Batcher joins 8 rows")
    with edgekit.Batcher(model) as found, edgekit.Batcher(model, max_batch=5) as asked:
        assert (found.max_batch, asked.max_batch) == (8, 5)


def test_it_is_turned_off_by_a_word(vectors, write):
    write()
    model = edgekit.load(vectors, tuned=False)
    assert model.session._session.get_session_options().enable_cpu_mem_arena is True
    assert "tun" not in model.session.where()


@pytest.mark.parametrize("given", [{"spinning": True}, {"spinning": False}, {"threads": 1}], ids=str)
def test_what_is_asked_for_wins(vectors, write, given):
    write()
    model = edgekit.load(vectors, **given)
    assert model.session.tuned is None
    assert model.session._session.get_session_options().enable_cpu_mem_arena is True


def test_settings_found_for_a_number_of_threads_are_for_that_number(vectors, write):
    write(threads=1)
    assert edgekit.load(vectors).session.tuned is None
    assert str(edgekit.load(vectors, threads=1).session.tuned) == "1 thread, no arena, no spinning"


def test_a_model_that_was_never_tuned_costs_no_look_at_the_machine(vectors, monkeypatch):
    monkeypatch.setattr(tuned, "facts", lambda threads: pytest.fail("it looked"))
    assert edgekit.load(vectors).session.tuned is None


def test_a_shared_pool_is_left_as_it_is(vectors, write, monkeypatch):
    write()
    monkeypatch.setattr(tuned, "shared", lambda: 2)
    assert edgekit.load(vectors).session.tuned is None


DAMAGED = {
    "another schema": ({"schema": 99}, "has schema 99, and this edgekit reads 1"),
    "an unknown option": ({"ort_config": {"session_options": {"register": 1}}}, "is damaged"),
    "a value out of range": ({"ort_config": {"session_options": {"intra_op_num_threads": 0}}}, "is damaged"),
    "a truth for a number": ({"ort_config": {"session_options": {"intra_op_num_threads": True}}}, "is damaged"),
    "an unknown entry": ({"session_config_entries": {"session.disable_cpu_ep_fallback": "1"}}, "is damaged"),
    "a list for a text": ({"session_config_entries": {"session.intra_op.allow_spinning": ["0"]}}, "is damaged"),
    "no options": ({"ort_config": None}, "is damaged"),
    "a list of entries": ({"session_config_entries": []}, "is damaged"),
    "no machine": ({"of": None}, "is damaged"),
    "no rows": ({"max_batch": 0}, "is damaged"),
    "a text for rows": ({"max_batch": "8"}, "is damaged"),
}


@pytest.mark.parametrize(("said", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_cannot_be_used_is_told_of_and_never_fails_a_load(vectors, write, said, why):
    path = write(**said)
    session = edgekit.load(vectors).session
    assert session.where().endswith(f'tuning ignored: "{path}" {why}; edgekit tune writes it anew')
    assert session._session.get_session_options().enable_cpu_mem_arena is True


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b"\xff\xfe", b"[" * 100_000, b"{}"], ids=range(7))
def test_a_file_that_is_no_document_of_ours_is_ignored(vectors, write, text):
    write().write_bytes(text)
    assert "tuning ignored" in edgekit.load(vectors).session.where()


def test_a_folder_in_the_files_place_is_ignored(vectors, write):
    path = write()
    path.unlink()
    path.mkdir()
    assert "cannot be read" in edgekit.load(vectors).session.where()


@pytest.mark.parametrize("fact", ["onnxruntime", "features", "model", "cores"])
def test_what_was_found_elsewhere_is_not_used_here(vectors, write, fact):
    path = write()
    said = json.loads(path.read_text("utf-8"))
    said["of"][fact] = "other"
    files.write_json(path, said)
    assert f"is of another {fact};" in edgekit.load(vectors).session.where()


def test_another_version_or_processor_or_number_of_cores_has_a_file_of_its_own():
    here = tuned.facts(None)
    others = [{"onnxruntime": "9.9"}, {"processor": "6.1.2"}, {"cores": 99}, {"threads": 3}]
    places = {tuned.place("models", here | other) for other in [{}, *others]}
    assert len(places) == 5
    assert {str(Path(place).parent) for place in places} == {"models"}


def test_the_options_are_written_as_onnxruntime_reads_them_from_a_models_metadata(graph, tmp_path, monkeypatch):
    options = {"intra_op_num_threads": 1, "inter_op_num_threads": 2, "execution_mode": 1, "graph_optimization_level": 2}
    model = onnx.load_from_string(graph("(float[N] x) => (float[N] y) { y = Neg(x) }"))
    onnx.helper.set_model_props(model, {"ort_config": json.dumps({"session_options": options})})
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    theirs = onnxruntime.InferenceSession(model.SerializeToString()).get_session_options()
    monkeypatch.delenv("ORT_LOAD_CONFIG_FROM_MODEL")
    ours = open_session(model.SerializeToString(), threads=1, tuned=Tuned(options))._session.get_session_options()
    for name in options:
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Tuned(), "the default"),
        (Tuned({"intra_op_num_threads": 2}), "2 threads"),
        (Tuned({"execution_mode": 1, "inter_op_num_threads": 2}), "parallel execution, 2 operators at once"),
        (Tuned({"graph_optimization_level": 2, "enable_mem_pattern": 0}), "no optimized layout, no memory pattern"),
        (Tuned({}, {"session.dynamic_block_base": "4"}), "blocks by 4"),
    ],
)
def test_settings_are_told_in_words(settings, told):
    assert str(settings) == told
