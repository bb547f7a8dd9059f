import pytest
import torch
from torch import nn

from unistd.core.backbone import Backbone
from unistd.core.errors import ModelError, UsageError
from unistd.core.position import sine_cosine_2d
from unistd.core.pretraining.masked import MaskedAutoencoder
from unistd.core.pretraining.masking import draw_order
from unistd.core.pretraining.reader import StillBatch
from unistd.core.pretraining.settings import Masked


def batch_of(frames, number=3):
    index = torch.arange(len(frames))
    return StillBatch("photos", frames, torch.zeros(len(frames), dtype=torch.int64), index, number)


@pytest.fixture
def frames():
    return torch.randn(2, 3, 10, 14, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def objective(trunk, source, frames):
    torch.manual_seed(0)
    return MaskedAutoencoder(trunk, {"photos": source(frames)}, Masked(share=0.5))


def test_the_target_is_the_hidden_patches_alone(objective, frames):
    found = objective.reconstruct(batch_of(frames))
    assert found.grid == (3, 4)  # 10 and 14 pixels padded to patches of 4
    seen = draw_order(3, 2, 12)[:, :6]
    patches, _ = objective.patches(batch_of(frames))
    for number in range(2):
        assert found.target[number, seen[number]].isnan().all()
        hidden = sorted(set(range(12)) - set(seen[number].tolist()))
        assert torch.equal(found.target[number, hidden].nan_to_num(7), patches[number, hidden].nan_to_num(7))


def test_what_is_hidden_cannot_be_seen(objective, frames):
    batch = batch_of(frames)
    seen, _ = objective.picture(batch)
    other = frames.where(seen.isfinite(), frames + 5)
    assert torch.equal(objective.reconstruct(batch).guess, objective.reconstruct(batch._replace(frames=other)).guess)
    assert not torch.equal(objective(batch), objective(batch._replace(frames=other)))


def test_seen_and_missing_pixels_take_no_part_in_the_loss(objective, frames):
    batch = batch_of(frames)
    seen, _ = objective.picture(batch)
    hidden = seen.isnan()
    missing = frames.clone()
    missing[hidden & (torch.rand(frames.shape, generator=torch.Generator().manual_seed(1)) < 0.5)] = torch.nan
    guess = objective.picture(batch)[1]
    for given in (frames, missing):
        counted = hidden & given.isfinite()
        wanted = (guess - frames)[counted].square().mean()
        assert objective(batch._replace(frames=given)).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_frame_without_a_valid_pixel_costs_nothing(objective, frames):
    loss = objective(batch_of(torch.full_like(frames, torch.nan)))
    assert loss.item() == 0
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in objective.parameters())


def test_seen_tokens_have_the_positions_of_the_joint_model(objective, frames, monkeypatch):
    given = {}
    forward = objective.backbone.forward
    monkeypatch.setattr(objective.backbone, "forward", lambda t, g: given.update(tokens=t, grid=g) or forward(t, g))
    objective(batch_of(frames))
    patches, grid = objective.patches(batch_of(frames))
    whole = objective.tokens("photos", patches) + sine_cosine_2d(grid, 32, torch.device("cpu"))
    seen = draw_order(3, 2, 12)[:, :6]
    assert given["grid"] == grid
    assert given["tokens"].shape == (2, 6, 32)
    assert torch.allclose(given["tokens"][1], whole[1, seen[1]], atol=1e-6)


def test_the_reference_is_the_spread_of_the_hidden_pixels(objective, frames):
    batch = batch_of(frames)
    hidden = objective.picture(batch)[0].isnan()
    apart = sum((own := frames[:, c][hidden[:, c]]).var(correction=0) * len(own) for c in range(3)) / hidden.sum()
    found = objective.held_out([batch])
    assert found.reference == pytest.approx(apart.item(), rel=1e-5)
    assert found.loss == pytest.approx(objective(batch).item(), rel=1e-5)
    assert found.accuracy is None


def test_the_picture_keeps_what_was_seen(objective, frames):
    seen, guessed = objective.picture(batch_of(frames))
    assert seen.shape == guessed.shape == frames.shape
    assert torch.equal(seen[seen.isfinite()], frames[seen.isfinite()])
    assert torch.equal(guessed[seen.isfinite()], frames[seen.isfinite()])
    assert not torch.equal(guessed[seen.isnan()], frames[seen.isnan()])


class WholeGrid(Backbone):
    """A backbone that says nothing of parts of the grid."""

    width = 32

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(32, 32)

    def forward(self, tokens, grid):
        return self.map(tokens)

    def sites(self):
        return []

    def blocks(self):
        return []


def test_a_backbone_that_needs_the_whole_grid_is_refused(source, frames):
    with pytest.raises(ModelError, match="'WholeGrid' needs every token of the grid") as error:
        MaskedAutoencoder(WholeGrid(), {"photos": source(frames)}, Masked())
    assert "'timm-vit', or the objective 'labels'" in error.value.help


def test_a_frame_of_one_patch_is_refused(trunk, source, frames):
    objective = MaskedAutoencoder(trunk, {"photos": source(frames, patch=16)}, Masked())
    with pytest.raises(UsageError, match="a frame of 'photos' is a single patch") as error:
        objective(batch_of(frames))
    assert error.value.help == "a smaller 'patch'"


def test_a_source_named_like_a_part_of_a_module_is_refused(trunk, source, frames):
    with pytest.raises(UsageError, match="a source cannot be named 'train'"):
        MaskedAutoencoder(trunk, {"train": source(frames)}, Masked())
