import dataclasses

import numpy as np
import pytest

from edgekit.errors import DeviceError, InputError
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.subjects import Opened, Subject, of_call, of_onnx
from edgekit.signature import Tensor

TEXTS = [Tensor.parse("ids: int64[N,T]")]
IMAGE = [Tensor.parse("x: float32[N,4]")]


def fake(name="a", inputs=IMAGE, refused=(), answer=lambda feeds: None, placement=None):
    """A subject that opens everywhere but on the devices refused, and answers as it is told."""

    def opened(device, threads):
        if device in refused:
            raise DeviceError(f'there is no "{device}" here')
        return Opened(inputs, lambda feeds: lambda: answer(feeds), device, threads, placement)

    return Subject(name, "onnx", opened)


def labels(subjects, **asked):
    cells, notes = lay_out(subjects, Asked(**asked))
    return [cell.label for cell in cells], [str(note) for note in notes]


def test_every_setting_meets_every_other_and_the_models_stand_together_in_each():
    cells, _ = lay_out([fake("a"), fake("b")], Asked(devices=["cpu", "cuda"], threads=[1, 2], batches=[1, 8]))
    assert [cell.label for cell in cells][:5] == [
        "a, cpu, 1 thread, batch 1", "b, cpu, 1 thread, batch 1", "a, cpu, 1 thread, batch 8",
        "b, cpu, 1 thread, batch 8", "a, cpu, 2 threads, batch 1",
    ]  # fmt: skip
    assert len(cells) == 16 and len({cell.label for cell in cells}) == 16
    assert cells[2].feeds["x"].shape == (8, 4) and (cells[4].threads, cells[8].device) == (2, "cuda")


def test_a_label_tells_what_differs_alone():
    assert labels([fake("a"), fake("b")])[0] == ["a", "b"]
    assert labels([fake("a")], batches=[1, 2])[0] == ["a, batch 1", "a, batch 2"]
    assert labels([fake("a", TEXTS)], shapes=["T=16,64"])[0] == ["a, T 16", "a, T 64"]


def test_sizes_concern_the_models_that_have_them():
    assert labels([fake("image"), fake("text", TEXTS)], shapes=["T=16,64"])[0] == ["image", "text, T 16", "text, T 64"]


def texts(name, length):
    return dataclasses.replace(fake(name, TEXTS), lengths={"T": length})


def test_texts_that_nobody_sizes_are_as_long_as_every_model_takes_and_a_note_says_so():
    cells, notes = lay_out([texts("a", 64), texts("b", 16), fake("c", TEXTS)], Asked())
    assert [cell.feeds["ids"].shape for cell in cells] == [(1, 16)] * 3
    assert [note.kind for note in notes] == ["assumed-length"] and '"T": measured at 16' in notes[0].text


@pytest.mark.parametrize(
    "asked",
    [{"shapes": ["T=8"]}, {"shapes": ["ids=1,8"]}, {"arrays": {"ids": np.zeros((1, 8), np.int64)}}],
    ids=["dimension", "input", "array"],
)
def test_a_length_that_is_given_is_taken(asked):
    (cell,), notes = lay_out([texts("a", 64)], Asked(**asked))
    assert cell.feeds["ids"].shape == (1, 8) and not notes
    assert cell.shapes.get("T", (8,)) == (8,)


def test_a_function_runs_where_it_likes_and_stands_there_once():
    subjects = [fake("a"), of_call("mine", lambda: None)]
    found = labels(subjects, devices=["cpu", "cuda"], threads=[1, 2], batches=[1, 8])[0]
    assert [label for label in found if "mine" in label] == ["mine"] and len(found) == 9
    fed = labels([fake("a"), of_call("mine", lambda x: x, IMAGE)], threads=[1, 2], batches=[1, 8])[0]
    assert [label for label in fed if "mine" in label] == ["mine, batch 1", "mine, batch 8"]


def test_a_setting_that_does_not_run_is_noted_and_the_others_are_kept():
    found, notes = labels([fake("a"), fake("b", refused=["cuda"])], devices=["cpu", "cuda"])
    assert found == ["a, cpu", "b, cpu", "a, cuda"]
    assert notes == ['"b, cuda": there is no "cuda" here: mend what the error names, and measure it again']


def test_a_model_that_runs_nowhere_is_an_error():
    with pytest.raises(DeviceError, match='there is no "cpu" here'):
        labels([fake("a"), fake("b", refused=["cpu"])])


def test_the_first_device_need_not_be_there():
    assert labels([fake("a", refused=["cuda"])], devices=["cuda", "cpu"])[0] == ["a, cpu"]


def test_what_fails_on_made_up_inputs_says_how_to_give_others():
    def fails(feeds):
        raise IndexError("index out of\nrange")

    with pytest.raises(InputError, match='"a" fails: IndexError: index out of range') as caught:
        labels([fake(answer=fails)])
    assert "--input name=file.npy" in caught.value.hint


def test_a_model_that_cannot_run_is_named_with_the_way_out(model):
    text = "g (float[N,4] x, int64[2] s) => (float[a,b] y) { y = Reshape(x, s) }"
    with pytest.raises(InputError, match='"m": the model cannot run on x') as caught:
        lay_out([of_onnx("m", model(text=text))], Asked())
    assert "--range" in caught.value.hint
    cells, _ = lay_out([of_onnx("m", model(text=text))], Asked(arrays={"s": np.array([2, 2])}))
    assert cells[0].inputs() == {"x": "float32[1,4]", "s": "int64[2]"}


@pytest.mark.parametrize(
    "answer", [{"y": np.array([1, np.nan])}, [np.array(np.inf, np.float32)], (np.ones(2), [np.array([np.nan])])],
    ids=["nan", "infinity", "nested"],
)  # fmt: skip
def test_answers_that_are_no_numbers_are_noted(answer):
    cells, _ = lay_out([fake(answer=lambda feeds: answer)], Asked())
    assert [note.kind for note in cells[0].notes] == ["nan-outputs"]


def test_fine_answers_are_not_noted():
    cells, _ = lay_out([fake(answer=lambda feeds: [np.ones(3), np.array([2**62]), "text", None])], Asked())
    assert cells[0].notes == []


def test_nodes_that_run_elsewhere_are_noted():
    cells, _ = lay_out([fake(placement={"cuda": 5, "cpu": 2})], Asked(devices=["cuda"]))
    (note,) = cells[0].notes
    assert note.kind == "fallback-nodes" and "of its 7 nodes 2 on cpu" in note.text


def test_a_copy_is_opened_anew_and_fed_the_same():
    seen = []
    cells, _ = lay_out([fake(answer=seen.append)], Asked())
    cells[0].copy()()
    assert seen[0] is seen[1] is cells[0].feeds


@pytest.mark.parametrize(
    ("asked", "complaint", "hint"),
    [
        ({"ranges": {"id": (0, 9)}}, '--range "id": no model has such an input', 'did you mean "ids"?'),
        ({"ranges": {"T": (0, 9)}}, '--range "T" is a dimension, not an input', "--shape T=16,64 sizes it"),
        ({"arrays": {"zzz": np.zeros(1)}}, '--input "zzz": no model has such an input', "the inputs are ids"),
    ],
    ids=["a slip", "a dimension", "unknown"],
)
def test_what_is_said_of_no_input_is_refused(asked, complaint, hint):
    with pytest.raises(InputError) as caught:
        lay_out([fake(inputs=TEXTS)], Asked(**asked))
    assert complaint in str(caught.value) and caught.value.hint == hint


def test_the_first_cell_is_of_the_first_model_though_it_does_not_run_in_the_first_setting():
    found, _ = labels([fake("a", refused=["cuda"]), fake("b")], devices=["cuda", "cpu"])
    assert found == ["a, cpu", "b, cuda", "b, cpu"]
