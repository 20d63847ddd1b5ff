from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import ParityError, UsageError
from edgekit.exporting import shipping
from edgekit.exporting.cases import Cases
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.heads import Head
from edgekit.exporting.proof import prove
from edgekit.signature import Tensor

SCORES = torch.tensor([[0.1, 2.0, -1.0, 1.0], [3.0, 0.0, 0.2, -2.0]])


def answers(head: str) -> tuple[torch.Tensor, ...]:
    return Deployed(nn.Identity(), Deployment(Tensor.parse("x: float32[N,4]"), head)).finish([SCORES])


def test_softmax_top_argmax_and_threshold_are_what_numpy_says():
    powers = np.exp(SCORES.numpy())
    shares = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(answers("softmax")[0], shares, rtol=1e-6)
    best, classes = answers("top2")
    np.testing.assert_array_equal(classes, [[1, 3], [0, 2]])
    np.testing.assert_allclose(best, np.take_along_axis(shares, classes.numpy(), 1), rtol=1e-6)
    np.testing.assert_array_equal(answers("argmax")[0], [1, 0])
    probabilities, decisions = answers("threshold=0.6")
    np.testing.assert_allclose(probabilities, 1 / (1 + 1 / powers), rtol=1e-6)
    np.testing.assert_array_equal(decisions, [[False, True, False, True], [True, False, False, False]])
    assert answers("none")[0] is SCORES


@pytest.mark.parametrize(("output", "head"), [("probabilities", "softmax"), ("logits", "none"), ("value", "none")])
def test_a_recipe_names_the_head_by_what_it_answers(output, head):
    assert Head.read(output) == Head.read(head)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sofmax", 'there is no head "sofmax"'),
        ("top0", 'there is no head "top0"'),
        ("threshold", "is no threshold between 0 and 1"),
        ("threshold=1.5", "is no threshold between 0 and 1"),
    ],
)
def test_what_is_no_head_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        Head.read(text)


@pytest.mark.parametrize(
    ("head", "scores", "said"),
    [
        ("top5", "y: float32[N,4]", "the head top5 of 4 classes has none to answer"),
        ("argmax", "y: int64[N,4]", r"takes scores, floats along a last axis, and the network answers int64\[N,4\]"),
        ("softmax", "y: float32[]", "takes scores"),
    ],
)
def test_a_head_that_does_not_fit_the_answer_is_refused(head, scores, said):
    with pytest.raises(UsageError, match=said):
        Head.read(head).answered(Tensor.parse(scores))


@pytest.mark.parametrize(
    ("head", "outputs"),
    [
        ("softmax", ["probabilities: float32[N,4]", "spare: float32[N,3]"]),
        ("top3", ["top_probabilities: float32[N,3]", "top_classes: int64[N,3]", "spare: float32[N,3]"]),
        ("argmax", ["class: int64[N]", "spare: float32[N,3]"]),
        ("threshold=0.5", ["probabilities: float32[N,4]", "decisions: bool[N,4]", "spare: float32[N,3]"]),
    ],
)
def test_a_head_stands_before_the_other_outputs_of_the_bundle_and_answers_as_in_pytorch(tmp_path, head, outputs):
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.body = nn.Linear(3, 4)

        def forward(self, x):
            return {"scores": self.body(x), "spare": x * 2}

    network = Two().eval()
    done = shipping.export(network, None, tmp_path / "bundle", inputs=["x: float32[N,3]"], head=head)
    assert [str(each) for each in done.card.outputs] == outputs
    assert done.card.provenance["export"]["head"] == head
    x = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    answer = edgekit.load(done.folder)({"x": x})
    with torch.no_grad():
        wanted = Head.read(head).of(network.body(torch.from_numpy(x)))
    for output, expected in zip(outputs, wanted, strict=False):
        np.testing.assert_allclose(answer[output.partition(":")[0]], expected, atol=1e-6)
    np.testing.assert_array_equal(answer["spare"], x * 2)


GRAPH = """<ir_version: 8, opset_import: ["": 18]>
g (float[N,3] x) => (int64[N] class) <float[3] w = {{{}}}> {{ s = Mul(x, w)  class = ArgMax<axis=1, keepdims=0>(s) }}"""


@pytest.mark.parametrize(
    ("weights", "values", "ties"),
    [
        ("1, 1.00001, 1", [0.5, 0.5, 0.1], 1 + 2 + 7),
        ("1, 1.0001, 1", [0.5, 0.3, 0.1], 0),
        ("1, 1.1, 1", [0.5, 0.47, 0.1], 'output "class"\\[0\\] at batch 1 is 1; PyTorch gives 0'),
        ("1, 1.1, 1", [0.5, 0.3, 0.1], 'output "scores of class"\\[0, 1\\] at batch 1 is 0.33; PyTorch gives 0.3'),
    ],
    ids=["a tie within the tolerance", "nearly the same scores", "a class that scores less", "other scores"],
)  # fmt: skip
def test_a_class_may_be_another_only_where_both_score_alike(tmp_path, weights, values, ties):
    onnx.save(onnx.parser.parse_model(GRAPH.format(weights)), tmp_path / "a.onnx")
    tensor = Tensor.parse("x: float32[N,3]")
    module = Deployed(nn.Identity(), Deployment(tensor, "argmax")).eval()
    asked = Cases([tensor], {"x": np.array([values] * 7, np.float32)})
    if isinstance(ties, str):
        with pytest.raises(ParityError, match=ties):
            prove(module, tmp_path / "a.onnx", asked)
    else:
        parity = prove(module, tmp_path / "a.onnx", asked)
        assert (parity.ties, parity.outputs["class"].max_abs) == (ties, 0)
        assert parity.outputs["scores of class"].cosine == pytest.approx(1)
        assert parity.to_dict().get("ties", 0) == ties
