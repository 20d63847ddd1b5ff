"""The cell written here adds the token to its state and answers where that points: what follows can be told by hand."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.generation import _drawn
from edgekit.runtime.model import Model
from edgekit.runtime.states import states
from edgekit.runtime.stepping import Steps
from edgekit.signature import Tensor

# next_h = h + token + 1, and logits are highest at next_h modulo 5: tokens are numbered a=0, b=1, ...
_CELL = """(int64[N,1] ids, float[N,1] h) => (float[N,1,5] logits, float[N,1] next_h)
<float one = {1}, float five = {5}, float[5] places = {0, 1, 2, 3, 4}, int64[1] second = {1}> {
    token = Cast<to = 1>(ids)
    added = Add(token, one)
    next_h = Add(h, added)
    turns = Div(next_h, five)
    whole = Floor(turns)
    fives = Mul(whole, five)
    place = Sub(next_h, fives)
    far = Sub(places, place)
    off = Abs(far)
    flat = Neg(off)
    logits = Unsqueeze(flat, second)
}"""
_SIGNATURE = (
    ["ids: int64[N,1]", "h: float32[N,1]"],
    ["logits: float32[N,1,5]", "next_h: float32[N,1]"],
)


def _by_hand(prompt: str, length: int) -> str:
    state, text = 0, ""
    for character in prompt:
        state += "abcde".index(character) + 1
    for _ in range(length):
        token = state % 5
        text += "abcde"[token]
        state += token + 1
    return text


@pytest.fixture
def writer(bundle: Callable[..., Path]) -> Model:
    return load(bundle(_CELL, "next-token", *_SIGNATURE, labels=list("abcde")), threads=1)


@pytest.mark.parametrize("prompt", ["a", "e", "badc"])
def test_the_likeliest_tokens_follow_a_prompt_and_its_state(writer: Model, prompt: str) -> None:
    pieces = list(writer.generate(prompt, length=12))
    assert len(pieces) == 12
    assert "".join(pieces) == _by_hand(prompt, 12)


def test_pieces_come_as_they_are_written(writer: Model) -> None:
    pieces = writer.generate("b", length=10**9)
    assert [next(pieces) for _ in range(3)] == list(_by_hand("b", 3))


def test_two_texts_do_not_share_their_state(writer: Model) -> None:
    first, second = writer.generate("a", length=8), writer.generate("cc", length=8)
    both = list(zip(first, second, strict=True))
    assert ["".join(each) for each in zip(*both, strict=True)] == [_by_hand("a", 8), _by_hand("cc", 8)]


def test_threads_write_at_once(writer: Model) -> None:
    found: dict[str, str] = {}

    def write(prompt: str) -> None:
        found[prompt] = "".join(writer.generate(prompt, length=300))

    threads = [threading.Thread(target=write, args=[prompt]) for prompt in "abcde"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {prompt: _by_hand(prompt, 300) for prompt in "abcde"}


@pytest.mark.parametrize("stop", ["b", "da", "cab", "eeeee", "bd"])
def test_the_text_ends_before_the_stop(writer: Model, stop: str) -> None:
    whole = _by_hand("bad", 40)
    pieces = list(writer.generate("bad", length=40, stop=stop))
    assert "".join(pieces) == whole.partition(stop)[0]
    assert all(pieces)


def test_a_draw_is_the_same_for_the_same_seed_alone(writer: Model) -> None:
    texts = ["".join(writer.generate("a", length=60, temperature=2, seed=seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert set(texts[0]) == set("abcde")


def test_one_token_to_draw_from_is_the_likeliest(writer: Model) -> None:
    assert "".join(writer.generate("c", length=30, temperature=5, top_k=1)) == _by_hand("c", 30)
    assert "".join(writer.generate("c", length=30, temperature=1e-3)) == _by_hand("c", 30)


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (0.5, None), (2.0, 2)])
@pytest.mark.parametrize("logits", [True, False], ids=["logits", "probabilities"])
def test_draws_follow_the_chances_at_their_temperature(temperature: float, top_k: int | None, logits: bool) -> None:
    chances = np.array([0.1, 0.4, 0.2, 0.3])
    wanted = chances ** (1 / temperature)
    if top_k:
        wanted[[0, 2]] = 0
    wanted /= wanted.sum()
    given = (np.log(chances) + 7 if logits else chances).astype(np.float32)
    draw = _drawn(temperature, top_k, 0, logits)
    found = np.bincount([draw(given) for _ in range(20_000)], minlength=4) / 20_000
    np.testing.assert_allclose(found, wanted, atol=4 * 0.5 / 20_000**0.5)
    np.testing.assert_array_equal(found[wanted == 0], 0)


def test_of_equal_chances_as_many_as_asked_are_drawn_from() -> None:
    draw = _drawn(1.0, 2, 0, True)
    assert {draw(np.zeros(6, np.float32)) for _ in range(100)} == {0, 1}


def test_a_state_is_an_input_that_is_answered_as_the_next() -> None:
    inputs, outputs = ([Tensor.parse(line) for line in lines] for lines in _SIGNATURE)
    assert states(inputs, outputs) == {"h": "next_h"}
    assert states(inputs, [outputs[0], Tensor.parse("next_h: float32[N]")]) == {}
    assert states(inputs, [outputs[0], Tensor.parse("next_h: float16[N,1]")]) == {}


def test_steps_swap_two_sets_of_arrays_for_the_state(writer: Model) -> None:
    steps = _steps(writer, 1)
    ids, logits = steps.inputs["ids"], steps.outputs["logits"]
    seen = []
    for _ in range(6):
        seen.append(steps.state["h"])
        steps.step()
        assert steps.inputs["ids"] is ids and steps.outputs["logits"] is logits
    assert {id(each) for each in seen} == {id(seen[0]), id(seen[1])}
    assert all(each is seen[place % 2] for place, each in enumerate(seen)) and seen[0] is not seen[1]
    assert (steps.state["h"].item(), seen[1].item()) == (6, 5)
    steps.restart()
    assert steps.state["h"].item() == 0


def test_a_step_makes_no_array(writer: Model) -> None:
    steps = _steps(writer, 10_000)  # the least of its arrays is 40 KB
    steps.step()
    tracemalloc.start()
    try:
        np.zeros_like(steps.state["h"])
        assert tracemalloc.get_traced_memory()[1] > 40_000  # an array would be seen
        tracemalloc.reset_peak()
        for _ in range(100):
            steps.step()
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def _steps(model: Model, batch: int) -> Steps:
    feeds = {"ids": np.zeros((batch, 1), np.int64), "h": np.zeros((batch, 1), np.float32)}
    return Steps(model.session, feeds, {"h": "next_h"})


def test_a_step_that_cannot_be_taken_is_the_inputs_fault(bundle: Callable[..., Path], capfd: Any) -> None:
    text = """(int64[N,1] ids, float[N,1] h) => (float[N,1,2] logits, float[N,1] next_h)
    <float[2,2] table = {0, 1, 2, 3}> { logits = Gather(table, ids) next_h = Identity(h) }"""
    model = load(bundle(text, "next-token", *_of(2), labels=list("abc")), threads=1)
    with pytest.raises(BundleError, match="tells 2 tokens apart, and has 3 labels"):
        model.generate("a")
    steps = _steps(model, 1)
    steps.inputs["ids"][:] = 2
    with pytest.raises(InputError, match=r"cannot take the step ids \[\[2\]\]: .*out of data bounds"):
        steps.step()
    assert capfd.readouterr() == ("", "")  # onnxruntime says nothing of its own beside it


def _of(tokens: int) -> tuple[list[str], list[str]]:
    return _SIGNATURE[0], [f"logits: float32[N,1,{tokens}]", _SIGNATURE[1][1]]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("", "is empty"),
        ("abx", 'has "x" at place 2'),
        ("a\n", r"has U\+000A at place 1"),
        (3, "given int for a prompt"),
    ],
    ids=["empty", "letter", "line", "number"],
)
def test_a_prompt_of_other_tokens_is_refused_before_the_first_piece(writer: Model, prompt: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        writer.generate(prompt)


def test_what_a_model_does_not_know_is_read_as_its_token_for_that(bundle: Callable[..., Path]) -> None:
    model = load(bundle(_CELL, "next-token", *_SIGNATURE, labels=[*"ab", "\ufffd", *"de"]), threads=1)
    known, unknown, itself = ("".join(model.generate(prompt, length=9)) for prompt in ("ad", "a👍d", "a\ufffdd"))
    assert unknown == itself != known


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"length": 0}, "length is 0"),
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": "hot"}, 'temperature is "hot"'),
        ({"top_k": 0}, "top_k is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"stop": ""}, 'stop is ""'),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(writer: Model, said: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        writer.generate("a", **said)


def test_a_model_that_keeps_no_state_writes_no_text(vectors: Path) -> None:
    with pytest.raises(BundleError, match="writes no text: x: float32"):
        load(vectors, threads=1).generate("a")


def test_predicting_with_a_model_that_writes_says_so(writer: Model) -> None:
    with pytest.raises(BundleError, match="writes text") as raised:
        writer.predict("a")
    assert "--prompt" in str(raised.value.hint)
