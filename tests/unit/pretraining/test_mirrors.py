import dataclasses

import torch

from unistd.core.data.schedule import JointSchedule
from unistd.core.pretraining.images import CARD
from unistd.core.pretraining.reader import StillReader
from unistd.core.training.settings import Uniform


def frames_read(source, mirrors):
    own = dataclasses.replace(source, card=dataclasses.replace(CARD, mirrors=mirrors))
    options = {"weights": {"a": 1.0}, "sampling": Uniform(), "steps": 9, "seed": 0, "batches": {"a": 8}}
    reader = StillReader({"a": own}, JointSchedule({"a": 8}, **options))
    return torch.cat([reader.read(step).frames for step in range(9)])


def test_frames_are_mirrored_along_the_axes_of_the_card_only(source):
    frame = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    own = source(frame.expand(8, 3, 4, 6))
    assert (frames_read(own, ()) == frame).all()
    read = frames_read(own, ("x",))
    turned = (read == frame.flip(-1)).flatten(1).all(1)
    assert ((read == frame).flatten(1).all(1) ^ turned).all()
    assert 10 < turned.sum() < 62
