"""Models of transformers with random weights, from folders: needs transformers, which the default suite does not."""

from __future__ import annotations

import json

import pytest
import torch

transformers = pytest.importorskip("transformers")

from edgekit.errors import EdgekitError  # noqa: E402
from edgekit.sources.opening import open_source  # noqa: E402
from edgekit.sources.source import Asked  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture
def bert(tmp_path):
    torch.manual_seed(0)
    config = transformers.BertConfig(**SMALL, vocab_size=100, max_position_embeddings=64, num_labels=3)
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


@pytest.fixture
def vit(tmp_path):
    config = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8, num_labels=4)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    said = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 0.5]}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(said))
    return tmp_path / "vit"


def test_a_text_model_says_what_it_takes(bert):
    source = open_source(Asked(f"hf:{bert}", task="text-classification"))
    assert source.known["inputs"] == [
        "input_ids: int64[N,T]",
        "attention_mask: int64[N,T]",
        "token_type_ids: int64[N,T]",
    ]
    assert source.known["ranges"]["input_ids"] == (0, 99)
    assert source.known["labels"] == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert source.examples["attention_mask"][:, 0].all()
    assert "directly" in source.notes[0]
    assert str(bert.parent) not in str(source.said)


def test_a_picture_model_has_its_normalisation_in_the_graph(vit):
    source = open_source(Asked(f"hf:{vit}", task="image-classification"))
    assert source.known["inputs"] == ["pixel_values: uint8[N,32,32,3]"]
    assert source.known["std"] == [0.25, 0.5, 0.5]


def test_weights_that_lack_what_the_task_needs_are_refused(tmp_path):
    config = transformers.BertConfig(**SMALL, vocab_size=100, max_position_embeddings=64)
    transformers.BertModel(config).save_pretrained(tmp_path / "plain")
    with pytest.raises(
        EdgekitError, match=r"has no weights for 2 tensors of BertForSequenceClassification: classifier"
    ):
        open_source(Asked(f"hf:{tmp_path / 'plain'}", task="text-classification"))


def test_a_folder_without_a_configuration_is_refused(tmp_path):
    with pytest.raises(EdgekitError, match=r"no Hugging Face folder: it has no config\.json"):
        open_source(Asked(f"hf:{tmp_path}"))
