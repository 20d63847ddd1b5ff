"""What a recipe may say of a distillation's losses: their weights, what each takes, and which layers it compares.

`training/objective.py` has the functions, under the same names. pydantic; no torch.
"""

from __future__ import annotations

from pydantic import Field

from edgekit.recipe.part import AboveZero, Part, Share

POOLED = "pooled"  # in place of a layer's name: the vector that the last linear layer takes
Layers = dict[str, str]
_LAYERS = "the student's layer: the teacher's, by their names in the networks, as {blocks.2: blocks.5}"


class Loss(Part):
    """What all losses say: how much they count."""

    weight: Share = Field(1.0, description="how much it counts; 0 leaves it out")
    final_weight: Share | None = Field(
        None, description="what the weight becomes by the end of the training, in a straight line; null leaves it"
    )

    def at(self, progress: float) -> float:
        """Return the weight when the part `progress` (0..1) of the training is done."""
        final = self.weight if self.final_weight is None else self.final_weight
        return self.weight + (final - self.weight) * progress

    @property
    def counts(self) -> bool:
        """Whether it ever has a weight."""
        return bool(self.weight or self.final_weight)

    @property
    def compares(self) -> Layers:
        """Which layers it compares, the student's and the teacher's; none where it looks at the answers alone."""
        return {}


class SoftTarget(Loss):
    """The task's own way to learn from answers: of classes Hinton's, the teacher's probabilities at a temperature."""

    weight: Share = 0.9
    temperature: AboveZero = 4.0


class HardLabel(Loss):
    """The task's own loss against the targets: of classes cross-entropy."""

    weight: Share = 0.1


class Decoupled(Loss):
    """DKD: the probability of the right class, and how the others share the rest, each with a weight of its own."""

    alpha: Share = Field(1.0, description="weight of the right class against all others")
    beta: Share = Field(8.0, description="weight of the others among themselves; plain KD gives it 1 - p, nearly 0")
    temperature: AboveZero = 4.0


class Dist(Loss):
    """DIST: the correlation of student and teacher over the classes of an example, and over the examples of a class."""

    beta: Share = Field(1.0, description="weight of the correlation over the classes of an example")
    gamma: Share = Field(1.0, description="weight of the correlation over the examples of a class")
    temperature: AboveZero = 1.0


class Hint(Loss):
    """FitNets: the student's layer, through a projection that is learned with it, is to be the teacher's.

    Of a transformer's layer every token's vector is compared, padding left out; of layers along time every moment's.
    """

    layers: Layers = Field(
        {POOLED: POOLED}, min_length=1, description=f'{_LAYERS}; "pooled" is what the last linear layer takes'
    )

    @property
    def compares(self) -> Layers:
        """Give the layers it says."""
        return self.layers


class Attention(Loss):
    """Attention transfer: where a layer's feature map is large, whatever its channels."""

    layers: Layers = Field(min_length=1, description=_LAYERS)

    @property
    def compares(self) -> Layers:
        """Give the layers it says."""
        return self.layers


class AttentionMap(Loss):
    """TinyBERT: how much each token of a text looks at each other, in every head."""

    layers: Layers = Field(min_length=1, description=_LAYERS)

    @property
    def compares(self) -> Layers:
        """Give the layers it says."""
        return self.layers


class Relational(Loss):
    """RKD: how the pooled vectors of a batch lie to each other, by distance and by angle."""

    distance: Share = Field(1.0, description="weight of the distances between two examples")
    angle: Share = Field(
        2.0, description="weight of the angles among three; the work grows with the batch cubed, 0 leaves it out"
    )

    @property
    def compares(self) -> Layers:
        """Give the pooled vectors."""
        return {POOLED: POOLED}


class Losses(Part):
    """The losses of a distillation, added by weight; one that is not named is not there, but for the first two."""

    soft_target: SoftTarget = Field(SoftTarget(), alias="soft-target")
    hard_label: HardLabel = Field(HardLabel(), alias="hard-label")
    dkd: Decoupled | None = None
    dist: Dist | None = None
    hint: Hint | None = None
    attention: Attention | None = None
    attention_map: AttentionMap | None = Field(None, alias="attention-map")
    relational: Relational | None = None

    def counting(self) -> dict[str, Loss]:
        """Return the losses that ever have a weight, by the recipe's name for them."""
        named = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        return {name: loss for name, loss in named.items() if loss is not None and loss.counts}

    def layers(self) -> list[tuple[str, str]]:
        """Return every pair of layers that is compared, the student's and the teacher's."""
        return [pair for loss in self.counting().values() for pair in loss.compares.items()]
