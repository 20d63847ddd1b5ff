from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.errors import ExportError
from edgekit.exporting import bundle, ladder, recurrence
from edgekit.exporting.deployment import Deployment
from edgekit.manifest import Manifest
from edgekit.measuring.predicting import first, predict
from edgekit.runtime.bundle import load
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

IDS = np.random.default_rng(0).integers(0, 9, (10, 12))
OF_TOKENS = Deployment(Tensor.parse("ids: int64[N,T]"), "logits", tuple("abcdefghi"))


class Cell(nn.Module):
    """Two states of different shapes, one written out step by step, as models of this kind are."""

    def __init__(self, forgets: bool = False, drops: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(9, 6)
        self.inner = nn.Linear(6 + 8, 8)
        self.head = nn.Linear(8 + 6, 9)
        self.states = {"h": (2, 4), "last": (6,)}
        self.forgets, self.drops = forgets, drops

    def forward(self, ids, *states):
        if states:
            return self._step(ids, *states)[: 2 if self.drops else 3]
        h, last, found = torch.zeros(len(ids), 2, 4), torch.zeros(len(ids), 6), []
        for place in range(ids.shape[1]):
            logits, h, last = self._step(ids[:, place : place + 1], h, last * (not self.forgets))
            found.append(logits)
        return torch.cat(found, 1)

    def _step(self, ids, h, last):
        x = self.table(ids[:, 0])
        h = torch.tanh(self.inner(torch.cat([x, h.flatten(1)], -1)))
        logits = self.head(torch.cat([h, last], -1))[:, None]
        return logits, h.view(-1, 2, 4), x


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, ladder.Exported, Path]:
    folder, network = tmp_path_factory.mktemp("cell"), Cell().eval()
    done = ladder.export(network, OF_TOKENS, IDS, folder / "step.onnx")
    session = open_session(folder / "step.onnx", threads=1)
    card = Manifest("cell", "next-token", session.inputs, session.outputs, labels=list(OF_TOKENS.labels))
    bundle.write(folder / "bundle", folder / "step.onnx", card, first(session, IDS))
    return network, done, folder / "bundle"


def test_a_network_with_states_becomes_a_step_that_takes_and_answers_them(
    shipped: tuple[nn.Module, ladder.Exported, Path],
) -> None:
    _, done, folder = shipped
    model = load(folder, threads=1)
    assert [str(tensor) for tensor in model.inputs] == ["ids: int64[N,1]", "h: float32[N,2,4]", "last: float32[N,6]"]
    assert [str(tensor) for tensor in model.outputs] == [
        "logits: float32[N,1,9]",
        "next_h: float32[N,2,4]",
        "next_last: float32[N,6]",
    ]
    assert done.parity.to_dict()["batches"] == [1, 2, 7]
    assert set(done.parity.to_dict()["outputs"]) == {"logits", "next_h", "next_last"}


def test_the_steps_answer_windows_as_the_network_does(shipped: tuple[nn.Module, ladder.Exported, Path]) -> None:
    network, _, folder = shipped
    with torch.inference_mode():
        wanted = network(torch.from_numpy(IDS)).numpy()
    np.testing.assert_allclose(predict(load(folder, threads=1).session)(IDS), wanted, atol=1e-5)


@pytest.mark.parametrize("prompt", ["a", "badge", "hi"])
def test_the_likeliest_text_is_that_of_pytorch(shipped: tuple[nn.Module, ladder.Exported, Path], prompt: str) -> None:
    network, _, folder = shipped
    ids = [OF_TOKENS.labels.index(character) for character in prompt]
    with torch.inference_mode():
        for _ in range(60):
            ids.append(int(network(torch.tensor([ids]))[0, -1].argmax()))
    wanted = "".join(OF_TOKENS.labels[token] for token in ids[len(prompt) :])
    assert "".join(load(folder, threads=1).generate(prompt, length=60)) == wanted


def test_the_proof_is_held_on_states_that_texts_left_and_on_none() -> None:
    network = Cell().eval()
    kept = recurrence.states(network, OF_TOKENS.input)
    found = recurrence.examples(network, OF_TOKENS.input, kept, IDS)
    h, last = found["h"], found["last"]
    assert h.shape == (10, 2, 4) and last.shape == (10, 6)
    empty = [not h[row].any() and not last[row].any() for row in range(10)]
    assert empty == [row == 1 for row in range(10)]
    with torch.inference_mode():
        state = (torch.zeros(1, 2, 4), torch.zeros(1, 6))
        for place in range(12 - 2):
            _, *state = network(torch.from_numpy(IDS[3:4, place : place + 1]), *state)
    np.testing.assert_allclose(h[3:4], state[0].numpy(), atol=1e-6)  # row 3 has read all but two
    assert len({h[row].tobytes() for row in range(10)}) == 10


def test_a_step_that_is_another_function_than_the_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"Cell answers otherwise step by step than at once: by .* at token 1"):
        ladder.export(Cell(forgets=True).eval(), OF_TOKENS, IDS, tmp_path / "m.onnx")


def test_a_network_that_answers_fewer_states_than_it_keeps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="answers 1 of its 2 states"):
        ladder.export(Cell(drops=True).eval(), OF_TOKENS, IDS, tmp_path / "m.onnx")


@pytest.mark.parametrize("said", [["h"], {"h": 4}, {"h": (0,)}, {"h": ("N",)}], ids=str)
def test_states_that_are_no_shapes_are_refused(said: object) -> None:
    network = nn.Linear(1, 1)
    network.states = said
    with pytest.raises(ExportError, match=r"states of Linear is .*"):
        recurrence.states(network, OF_TOKENS.input)


def test_a_network_with_states_reads_tokens() -> None:
    network = nn.Linear(1, 1)
    network.states = {"h": (4,)}
    with pytest.raises(ExportError, match=r'reads tokens \[N,T\], not "image'):
        recurrence.states(network, Tensor.parse("image: uint8[N,28,28,1]"))


def test_of_a_network_without_states_the_examples_are_the_inputs() -> None:
    assert recurrence.states(nn.Linear(1, 1), OF_TOKENS.input) == []
    assert recurrence.examples(nn.Linear(1, 1), OF_TOKENS.input, [], IDS)["ids"] is IDS
