from __future__ import annotations

import numpy as np
import pytest
import torch

from edgekit.errors import DataError
from edgekit.training.losses.classification import hard_label

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
TARGETS = np.array([0, 2])


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_loss_is_the_cross_entropy_with_smoothed_labels(smoothing):
    wanted = (1 - smoothing) * np.eye(3)[TARGETS] + smoothing / 3
    expected = -(wanted * log_softmax(LOGITS)).sum(1).mean()
    loss = hard_label(torch.tensor(LOGITS), torch.tensor(TARGETS), smoothing)
    assert loss.item() == pytest.approx(expected)


def test_targets_may_be_probabilities():
    soft = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    loss = hard_label(torch.tensor(LOGITS), torch.tensor(soft))
    assert loss.item() == pytest.approx(-(soft * log_softmax(LOGITS)).sum(1).mean())


def test_a_label_that_the_network_has_no_output_for_is_named():
    with pytest.raises(DataError, match="a label is 3, and the network answers 3 classes") as caught:
        hard_label(torch.tensor(LOGITS), torch.tensor([0, 3]))
    assert caught.value.hint
