"""Models of transformers with random weights, from folders: needs transformers, which the default suite does not.

`make test-wheels` makes an environment that has it, and runs this file there.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

import tokenizers  # noqa: E402

import edgekit  # noqa: E402
from edgekit import cli  # noqa: E402
from edgekit.errors import EdgekitError  # noqa: E402
from edgekit.sources import taking  # noqa: E402
from edgekit.sources.opening import open_source  # noqa: E402
from edgekit.sources.source import Asked  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own are nobody's here
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "very", "film", "not", "a"]
TEXTS = ["a very good film", "bad", "not a film"]


@pytest.fixture(autouse=True)
def same_weights():
    torch.manual_seed(0)


@pytest.fixture
def bert(tmp_path):
    config = transformers.BertConfig(**SMALL, vocab_size=100, max_position_embeddings=64, num_labels=3)
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


@pytest.fixture
def distilbert(tmp_path):
    """A text model with a tokenizer."""
    config = transformers.DistilBertConfig(
        dim=32, n_layers=2, n_heads=2, hidden_dim=64, vocab_size=len(WORDS), max_position_embeddings=64, num_labels=2,
        id2label={0: "bad", 1: "good"}, initializer_range=0.5,
    )  # fmt: skip
    transformers.DistilBertForSequenceClassification(config).save_pretrained(tmp_path / "distilbert")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        "[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)]
    )
    words.save(str(tmp_path / "distilbert" / "tokenizer.json"))
    (tmp_path / "distilbert" / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    return tmp_path / "distilbert"


@pytest.fixture
def vit(tmp_path):
    config = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8, num_labels=4)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    said = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 0.5]}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(said))
    return tmp_path / "vit"


@pytest.fixture
def whisper(tmp_path):
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    config = transformers.WhisperConfig(
        d_model=32, encoder_layers=2, decoder_layers=2, vocab_size=100, max_source_positions=20, num_mel_bins=8,
        max_target_positions=20, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, **heads,
    )  # fmt: skip
    transformers.WhisperModel(config).save_pretrained(tmp_path / "whisper")
    return tmp_path / "whisper"


@pytest.fixture
def gpt2(tmp_path):
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=100, n_positions=64, bos_token_id=99, eos_token_id=99,
        initializer_range=0.5,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


def export(folder, *words: str):
    """Export a folder from the command line, and open the bundle."""
    bundle = folder.parent / "bundle"
    assert cli.run(["export", f"hf:{folder}", "-o", str(bundle), *words]) == 0
    return edgekit.load(bundle)


def test_a_text_model_says_what_it_takes(bert):
    source = open_source(Asked(f"hf:{bert}", task="text-classification"))
    assert source.known["inputs"] == [
        "input_ids: int64[N,T]",
        "attention_mask: int64[N,T]",
        "token_type_ids: int64[N,T]",
    ]
    assert source.known["ranges"]["input_ids"] == (0, 99)
    assert source.known["labels"] == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert "directly" in source.notes[0]
    assert str(bert.parent) not in str(source.said)


def test_a_text_model_is_exported_for_any_length(bert):
    model = export(bert, "--task", "text-classification")
    ids, mask = np.arange(40).reshape(2, 20), np.ones((2, 20), np.int64)
    mask[1, 9:] = 0
    answer = model({"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})["logits"]
    network = transformers.AutoModelForSequenceClassification.from_pretrained(bert).eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_a_tokenizer_travels_and_texts_of_several_lengths_are_predicted(distilbert):
    model = export(distilbert, "--task", "text-classification")
    assert "tokenizer.json" in model.manifest.files
    found = model.predict(TEXTS)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(distilbert).eval()
    for text, each in zip(TEXTS, found, strict=True):
        ids = [2, *(WORDS.index(word) for word in text.split()), 3]
        with torch.inference_mode():
            expected = network(torch.tensor([ids])).logits.softmax(-1)[0]
        assert each.label == ["bad", "good"][int(expected.argmax())]
        assert each.probability == pytest.approx(float(expected.max()), abs=1e-5)


def test_a_picture_model_has_its_normalisation_in_the_graph(vit):
    source = open_source(Asked(f"hf:{vit}", task="image-classification"))
    assert source.known["inputs"] == ["pixel_values: uint8[N,32,32,3]"]
    model = export(vit, "--task", "image-classification")
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    answer = model({"pixel_values": image[None]})["logits"]
    values = ((image / 255 - 0.5) / [0.25, 0.5, 0.5]).transpose(2, 0, 1)[None].astype(np.float32)
    network = transformers.AutoModelForImageClassification.from_pretrained(vit).eval()
    with torch.inference_mode():
        np.testing.assert_allclose(answer, network(torch.from_numpy(values)).logits, atol=1e-4)
    assert model.predict(image).label in ("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3")


def test_of_an_encoder_and_a_decoder_the_encoder_is_exported(whisper, capsys):
    model = export(whisper)
    assert "WhisperModel has an encoder and a decoder: the encoder alone is exported" in capsys.readouterr().err
    assert [str(each) for each in model.inputs] == ["input_features: float32[N,8,40]"]
    sound = np.random.default_rng(0).normal(size=(2, 8, 40)).astype(np.float32)
    network = transformers.WhisperModel.from_pretrained(whisper).get_encoder().eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(sound)).last_hidden_state
    np.testing.assert_allclose(model({"input_features": sound})["last_hidden_state"], expected, atol=1e-4)


def test_a_decoder_with_its_past_says_the_tokens_that_pytorch_generates(gpt2):
    model = export(gpt2, "--task", "text-generation")
    assert [str(each) for each in model.inputs][:4] == [
        "input_ids: int64[N,T]",
        "attention_mask: int64[N,P+T]",
        "position_ids: int64[N,T]",
        "past_key_values.0.key: float32[N,2,P,16]",
    ]
    assert {case["P"] for case in model.manifest.parity["cases"]} == {0, 16}
    ids = np.array([[7, 8, 9, 10], [99, 99, 3, 4]])
    mask = (ids != 99).astype(np.int64)  # two texts of two lengths, the shorter one filled up on the left
    network = transformers.AutoModelForCausalLM.from_pretrained(gpt2).eval()
    given = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    expected = network.generate(**given, max_new_tokens=20, min_new_tokens=20, do_sample=False, pad_token_id=99)

    past = {each.name: np.zeros((2, 2, 0, 16), np.float32) for each in model.inputs if "past" in each.name}
    said, new = ids, ids
    for _ in range(20):
        places = (mask.cumsum(1) - 1).clip(0)[:, -new.shape[1] :]
        answer = model({"input_ids": new, "attention_mask": mask, "position_ids": places, **past})
        answer["logits"][..., 99] = -np.inf  # no end before the twenty are said
        new = answer["logits"][:, -1:].argmax(-1)
        said, mask = np.concatenate([said, new], 1), np.concatenate([mask, np.ones((2, 1), np.int64)], 1)
        past = {name: answer[name.replace("past_key_values", "present")] for name in past}
    assert len(set(said[0])) > 5
    np.testing.assert_array_equal(said, expected)


def test_what_no_one_knows_is_told_by_optimum_or_asked_for(tmp_path):
    config = transformers.Wav2Vec2Config(
        **SMALL, conv_dim=(16, 16), conv_stride=(5, 2), conv_kernel=(10, 3), num_feat_extract_layers=2,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, vocab_size=20,
    )  # fmt: skip
    network = transformers.Wav2Vec2ForCTC(config).eval()
    network.save_pretrained(tmp_path / "sounds")
    assert taking.known(network, config, {}) == {}
    source = open_source(Asked(f"hf:{tmp_path / 'sounds'}"))
    if taking.by_optimum(network):
        assert source.known["inputs"] == ["input_values: float32[batch_size,sequence_length]"]
        assert "told by optimum" in source.notes[0]
    else:
        assert "inputs" not in source.known
        assert "pip install optimum-onnx, or say --input" in source.notes[0]


def hub(folder, home, name: str) -> None:
    """Lay `folder` into the cache of the hub, as a download would leave it."""
    place = home / "hub" / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")


def test_a_model_of_the_hub_is_found_in_its_cache_with_its_tokenizer(distilbert, tmp_path, monkeypatch):
    from huggingface_hub import constants

    hub(distilbert, tmp_path, "somebody/films")
    for module in (constants, transformers.utils.hub):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", True, raising=False)
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
        monkeypatch.setattr(module, "TRANSFORMERS_CACHE", str(tmp_path / "hub"), raising=False)
    source = open_source(Asked("hf:somebody/films", task="text-classification"))
    assert source.beside["tokenizer.json"].read_bytes() == (distilbert / "tokenizer.json").read_bytes()
    assert source.known["labels"] == ["bad", "good"]
    assert source.preprocessing == {"pad_token": "[PAD]", "max_length": 64}
    assert source.said["hugging_face"] == "films"
    with pytest.raises(EdgekitError, match='cannot load "somebody/else"') as caught:
        open_source(Asked("hf:somebody/else"))
    assert "\n" not in str(caught.value)
    assert "no network" in caught.value.hint


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
