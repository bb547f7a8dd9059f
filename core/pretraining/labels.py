"""Supervised pre-training: which folder an image comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unistd.core.backbone import Backbone
from unistd.core.errors import DataError
from unistd.core.position import sine_cosine_2d
from unistd.core.pretraining.objective import HeldOut, Objective
from unistd.core.pretraining.reader import StillBatch
from unistd.core.pretraining.stills import FrameSource


class LabelClassifier(Objective):
    """Tells labels by the mean of the trunk's tokens, with a linear map for each source.

    Args:
        backbone: What is pre-trained.
        sources: What it is trained on.

    Raises:
        DataError: A source has fewer than two labels, or pictures without one.
        UsageError: A source has a name a module cannot have.
    """

    reference = "the labels' frequencies"

    def __init__(self, backbone: Backbone, sources: Mapping[str, FrameSource]) -> None:
        super().__init__(backbone, sources)
        for name, source in sources.items():
            labels = source.train.labels
            if labels is None or len(source.labels) < 2 or len(source.labels) <= labels.max():
                raise DataError(
                    f"the images of '{name}' do not all lie in one of two or more label folders",
                    help="<folder>/<label>/<file>, or objective: {kind: masked}, which needs no labels",
                )
        self.read_out = nn.ModuleDict(
            {name: nn.Linear(backbone.width, len(source.labels)) for name, source in sources.items()}
        )

    def forward(self, batch: StillBatch) -> Tensor:
        """Return the mean cross-entropy of the labels of ``batch``."""
        return cross_entropy(self._scores(batch), batch.labels)

    def _scores(self, batch: StillBatch) -> Tensor:
        patches, grid = self.patches(batch)
        tokens = self.tokens(batch.source, patches)
        positions = sine_cosine_2d(grid, self.backbone.width, tokens.device)
        mean = self.backbone(tokens + positions, grid).mean(1)
        return cast(Tensor, self.read_out[batch.source](mean)).float()

    def held_out(self, batches: Iterable[StillBatch]) -> HeldOut:
        """Score the labels of ``batches`` beside always answering with their own frequencies."""
        scores, labels = zip(*((self._scores(batch), batch.labels) for batch in batches), strict=True)
        answers, truth = torch.cat(scores), torch.cat(labels)
        share = truth.bincount().double() / len(truth)
        entropy = -(share * share.clamp(min=1e-300).log()).sum().item()
        right = (answers.argmax(1) == truth).double().mean().item()
        return HeldOut(cross_entropy(answers, truth).item(), entropy, right)
