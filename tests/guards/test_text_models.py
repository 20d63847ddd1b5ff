"""The networks for texts: BERT is Hugging Face's by name and answer; padding changes no answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgekit import modelfile

MODELS = Path(__file__).parents[2] / "models"
BERT: dict[str, Any] = {
    "layers": [0, 1, 2], "width": 24, "heads": 2, "intermediate": 48, "vocabulary": 120, "positions": 32,
    "separator": 7,
}  # fmt: skip
WORDS: dict[str, Any] = {"vocabulary": 120, "width": 24, "filters": 8}
# A short text, one as long as the batch, a pair, and one without anything: 7 ends a part, 0 pads.
TEXTS = torch.tensor([[5, 20, 7, 0, 0, 0], [5, 20, 21, 22, 23, 7], [5, 20, 7, 21, 7, 0], [0, 0, 0, 0, 0, 0]])


def make(file: str, args: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return modelfile.build(MODELS / file, args).eval()


@pytest.mark.parametrize(
    ("file", "args"),
    [
        pytest.param("bert.py", BERT, id="bert"),
        pytest.param("bert.py", BERT | {"pooling": "first"}, id="bert, first token"),
        pytest.param("bert.py", BERT | {"classes": 0}, id="bert, vectors"),
        pytest.param("text_cnn.py", WORDS, id="convolutions"),
        pytest.param("text_cnn.py", WORDS | {"kernels": [], "factor": 6}, id="bag of words"),
    ],
)
def test_padding_changes_no_answer(file: str, args: dict[str, Any]):
    network = make(file, args)
    with torch.inference_mode():
        padded = network(torch.nn.functional.pad(TEXTS, (0, 9)))
        alone = torch.cat([network(text[: max(int((text != 0).sum()), 1)][None]) for text in TEXTS])
    assert padded.isfinite().all()
    torch.testing.assert_close(padded[:3], alone[:3], rtol=0, atol=1e-6)  # of nothing there is no right answer


def test_the_second_of_a_pair_is_told_from_the_first():
    network = make("bert.py", BERT)
    heard: list[torch.Tensor] = []
    network.get_submodule("embeddings.token_type_embeddings").register_forward_pre_hook(
        lambda _, given: heard.append(given[0])
    )
    network(TEXTS)
    assert heard[0].tolist() == [[0] * 6, [0] * 6, [0, 0, 0, 1, 1, 0], [0] * 6]


def test_a_student_of_some_layers_finds_them_under_their_own_numbers():
    whole, cut = make("bert.py", BERT), make("bert.py", BERT | {"layers": [2]})
    assert set(cut.state_dict()) < set(whole.state_dict())
    assert {re.findall(r"layer\.(\d)", name)[0] for name in cut.state_dict() if "layer." in name} == {"2"}


def test_vectors_are_the_mean_over_the_tokens_and_of_length_1():
    network = make("bert.py", BERT | {"classes": 0})
    heard: list[torch.Tensor] = []
    network.get_submodule("encoder.layer.2").register_forward_hook(lambda _, given, answer: heard.append(answer))
    with torch.inference_mode():
        vector = network(TEXTS[:1])[0]
    mean = heard[0][0, :3].mean(0)
    torch.testing.assert_close(vector, mean / mean.norm())


def test_attention_scores_are_those_the_network_looks_by():
    network = make("bert.py", BERT)
    name, heard = "encoder.layer.1.attention.self", {}
    for part in ("scores", "value", ""):
        network.get_submodule(f"{name}.{part}".rstrip(".")).register_forward_hook(
            lambda _, given, answer, part=part: heard.__setitem__(part, answer)
        )
    with torch.inference_mode():
        network(TEXTS[:1])
    assert heard["scores"].shape == (1, 2, 6, 6)
    value = heard["value"].unflatten(2, (2, 12)).transpose(1, 2)[:, :, :3]
    looked = (heard["scores"][:, :, :3, :3].softmax(3) @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(looked, heard[""][:, :3])


def test_bert_is_the_one_of_hugging_face():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=120, hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=32,
    )  # fmt: skip
    torch.manual_seed(1)
    theirs = transformers.BertModel(config).eval()
    ours, vectors = make("bert.py", BERT | {"pooling": "first"}), make("bert.py", BERT | {"classes": 0})
    ours.load_state_dict(theirs.state_dict(), strict=False)
    missing, _ = vectors.load_state_dict(theirs.state_dict(), strict=False)
    assert missing == []
    heard: list[torch.Tensor] = []
    ours.get_submodule("pooler.dense").register_forward_hook(lambda _, given, answer: heard.append(answer.tanh()))
    texts = TEXTS[:3]
    kept, segments = (texts != 0).long(), torch.tensor([[0] * 6, [0] * 6, [0, 0, 0, 1, 1, 0]])
    with torch.inference_mode():
        wanted = theirs(input_ids=texts, attention_mask=kept, token_type_ids=segments)
        ours(texts)
        mean = (wanted.last_hidden_state * kept[:, :, None]).sum(1) / kept.sum(1, keepdim=True)
        torch.testing.assert_close(heard[0], wanted.pooler_output, rtol=0, atol=1e-6)
        torch.testing.assert_close(vectors(texts), torch.nn.functional.normalize(mean, dim=1), rtol=0, atol=1e-6)
