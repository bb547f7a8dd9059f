"""Weight files load whole or not at all, and every refusal says what to do."""

from __future__ import annotations

import huggingface_hub.constants
import open_clip
import pytest
import timm
import torch
from open_clip.model import CLIPVisionCfg, _build_vision_tower
from safetensors.torch import save_file
from torch import nn

from unistd.core.errors import ModelError
from unistd.plugins.backbone_vit.open_clip_vit import _trunk as open_clip_trunk, open_clip_vit
from unistd.plugins.backbone_vit.timm_vit import timm_vit

TINY = "vit_tiny_patch16_224"
CLIP = "ViT-S-32-alt"


def noise(state):
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(value.shape, generator=generator) for name, value in state.items()}


@pytest.fixture(scope="module")
def timm_state():
    return noise(timm.create_model(TINY).state_dict())


@pytest.fixture(scope="module")
def clip_model():
    config = open_clip.get_model_config(CLIP)
    tower = _build_vision_tower(config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]))
    tower.load_state_dict(noise(tower.state_dict()))
    return tower.eval()


@pytest.fixture(scope="module")
def clip_state(clip_model):
    text = {"transformer.resblocks.0.ln_1.weight": torch.zeros(7), "logit_scale": torch.zeros(())}
    return {f"visual.{name}": value for name, value in clip_model.state_dict().items()} | text


@pytest.fixture
def save(tmp_path):
    def write(state, name="weights.safetensors", **wrapped):
        path = tmp_path / name
        if path.suffix == ".safetensors":
            save_file({name: value.contiguous() for name, value in state.items()}, path)
        else:
            torch.save(wrapped or state, path)
        return path

    return write


def refused(build=timm_vit, **options) -> str:
    with pytest.raises(ModelError) as caught:
        build(**({"variant": TINY} | options))
    return str(caught.value)


def same(trunk, other):
    theirs = other.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in trunk.state_dict().items())


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt", "weights.pth", "weights.bin"])
def test_timm_file_gives_the_weights_of_the_file(save, timm_state, name):
    trunk = timm_vit(variant=TINY, pretrained=str(save(timm_state, name)), depth=3)
    assert len(trunk.state_dict()) == 3 * 12 + 2
    for ours, value in trunk.state_dict().items():
        assert torch.equal(value, timm_state[ours.replace("layers.", "blocks.")])
    assert not any(parameter.requires_grad for parameter in trunk.parameters())


def test_open_clip_file_gives_the_model_of_the_file(save, clip_model, clip_state):
    trunk = open_clip_vit(variant=CLIP, pretrained=save(clip_state))
    x = torch.randn(1, 9, trunk.width)
    torch.testing.assert_close(trunk(x, (3, 3)), open_clip_trunk(CLIP, clip_model)(x, (3, 3)), rtol=0, atol=0)


def test_open_clip_image_tower_alone_is_a_file_too(save, clip_model, clip_state):
    tower = save(clip_model.state_dict(), "tower.pt")
    same(open_clip_vit(variant=CLIP, pretrained=tower), open_clip_vit(variant=CLIP, pretrained=save(clip_state)))


@pytest.mark.parametrize(("build", "variant"), [(timm_vit, TINY), (open_clip_vit, CLIP)])
def test_trunk_round_trips(save, build, variant):
    trunk = build(variant=variant, pretrained=False, seed=5)
    path = save(dict(trunk.named_parameters()))
    same(build(variant=variant, pretrained=path), trunk)
    cut = build(variant=variant, pretrained=path, depth=2)
    assert len(cut.blocks()) == 2
    same(cut, trunk)
    same(build(variant=variant, pretrained=save(dict(cut.named_parameters()), "cut.pt"), depth=2), trunk)


def test_wrapped_and_prefixed_state_dicts_load(save, timm_state):
    plain = timm_vit(variant=TINY, pretrained=save(timm_state), depth=1)
    state = {f"module.{name}": value for name, value in timm_state.items()}
    same(timm_vit(variant=TINY, pretrained=save({}, "a.pth", model=state, epoch=3), depth=1), plain)
    same(timm_vit(variant=TINY, pretrained=save({}, "b.pth", state_dict=state), depth=1), plain)


def test_half_precision_file_becomes_single(save, timm_state):
    path = save({name: value.half() for name, value in timm_state.items()})
    assert timm_vit(variant=TINY, pretrained=path, depth=1).norm.weight.dtype == torch.float32


def test_clip_file_fits_the_clip_variant_of_timm(save):
    tower = _build_vision_tower(512, CLIPVisionCfg(layers=10, width=256))
    tower.load_state_dict(noise(tower.state_dict()))
    path = save({f"visual.{name}": value for name, value in tower.state_dict().items()})
    trunk = timm_vit(variant="vit_xsmall_patch16_clip_224", pretrained=path)
    library = open_clip_trunk("ViT", tower).state_dict()
    assert all(torch.equal(value, library[name]) for name, value in trunk.state_dict().items())


def test_files_of_other_publishers_fit(save):
    dino = noise(timm.create_model("vit_small_patch14_reg4_dinov2", depth=1).state_dict())
    dino |= {"register_tokens": dino.pop("reg_token"), "mask_token": torch.zeros(1, 384)}
    dino["pos_embed"] = torch.zeros(1, 50, 384)
    trunk = timm_vit(variant="vit_small_patch14_reg4_dinov2", pretrained=save(dino), depth=1)
    assert torch.equal(trunk.layers[0].ls1.gamma, dino["blocks.0.ls1.gamma"])
    deit = noise(timm.create_model("deit3_small_patch16_224", depth=1).state_dict())
    scales = {f"blocks.0.gamma_{i}": deit.pop(f"blocks.0.ls{i}.gamma") for i in (1, 2)}
    trunk = timm_vit(variant="deit3_small_patch16_224", pretrained=save({}, "deit.pth", model=deit | scales), depth=1)
    assert torch.equal(trunk.layers[0].ls2.gamma, scales["blocks.0.gamma_2"])


def test_missing_parameters_are_named(save, timm_state):
    path = save({name: value for name, value in timm_state.items() if "fc1" not in name})
    message = refused(pretrained=path)
    assert str(path) in message
    assert "'layers.0.mlp.fc1.weight' is missing" in message
    assert "'layers.2.mlp.fc1.weight' is missing and 19 more" in message


def test_wrong_shapes_are_named(save, timm_state):
    assert "'layers.0.norm1.weight' is (192,) instead of (384,)" in refused(
        variant="vit_small_patch16_224", pretrained=save(timm_state)
    )


@pytest.mark.parametrize("name", ["blocks.12.norm1.weight", "blocks.0.ls1.gamma", "norm_pre.weight"])
def test_body_weights_without_a_place_are_named(save, timm_state, name):
    assert f"'{name}' has no place" in refused(pretrained=save(timm_state | {name: torch.zeros(192)}))


def test_no_file(tmp_path):
    assert "there is no weight file" in refused(pretrained=tmp_path / "gone.safetensors")
    assert "'gone.pt'" in refused(pretrained="gone.pt")
    assert "it must end in .safetensors" in refused(pretrained="folder/weights.npz")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
@pytest.mark.parametrize("keep", [0, 5, 1000])
def test_truncated_file(save, timm_state, name, keep):
    path = save(timm_state, name)
    path.write_bytes(path.read_bytes()[:keep])
    assert f"'{name}' cannot be read as weights" in refused(pretrained=path)


def test_pickle_that_is_more_than_weights_is_not_run(save):
    message = refused(pretrained=save(nn.Linear(2, 2), "model.pt"))
    assert "cannot be read as weights" in message
    assert "save its state dict as .safetensors" in message


def test_file_without_named_weights(save):
    assert "holds no named weights" in refused(pretrained=save([torch.zeros(2)], "list.pt"))
    assert "holds no named weights" in refused(pretrained=save({"epoch": 3}, "numbers.pt"))


@pytest.mark.parametrize(
    ("build", "variant", "tag"), [(timm_vit, TINY, "augreg_in21k"), (open_clip_vit, "ViT-B-32", "openai")]
)
def test_without_network_the_error_names_the_file_way(monkeypatch, tmp_path, build, variant, tag):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    message = refused(build, variant=variant, pretrained=tag)
    assert f"cannot fetch the weights '{tag}' of '{variant}'" in message
    assert "download the weight file of https://huggingface.co/timm/vit_" in message
    assert "'pretrained: path/to/file.safetensors'" in message


def test_fetched_tag_is_loaded_as_a_file_is(monkeypatch, save, timm_state):
    asked = []
    monkeypatch.setattr(
        "unistd.plugins.backbone_vit.timm_vit.load_state_dict_from_hf", lambda place: asked.append(place) or timm_state
    )
    same(timm_vit(variant=TINY, depth=1), timm_vit(variant=TINY, pretrained=save(timm_state), depth=1))
    assert asked == [f"timm/{TINY}.augreg_in21k_ft_in1k"]


@pytest.mark.parametrize(("tag", "activation"), [("openai", "QuickGELU"), ("laion2b_e16", "GELU")])
def test_activation_is_the_one_of_the_tag(monkeypatch, save, tag, activation):
    tower = _build_vision_tower(512, CLIPVisionCfg(layers=1, width=768))
    path = save(tower.state_dict())
    monkeypatch.setattr(open_clip, "download_pretrained", lambda config: str(path))
    trunk = open_clip_vit(variant="ViT-B-32", pretrained=tag, depth=1)
    assert type(trunk.blocks()[0].mlp.act).__name__ == activation


def test_unknown_tag_lists_the_known():
    message = refused(pretrained="augreg")
    assert f"'augreg' is no weight tag of '{TINY}'" in message
    assert "known tags: augreg_in21k, augreg_in21k_ft_in1k;" in message
    assert "known tags: openai, laion400m_e31" in refused(open_clip_vit, variant="ViT-B-32", pretrained="best")
    assert "there are no default weights of 'ViT-S-32'" in refused(open_clip_vit, variant="ViT-S-32", pretrained=True)


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("resnet50", ["'resnet50' is no plain vision transformer", "nearest: "]),
        ("eva02_base_patch14_224", ["is no plain vision transformer", "nearest: vit_base_patch16_224"]),
        ("vit_base_patch16_225", ["is no model of timm", "vit_base_patch16_224"]),
        ("vit_base_patch16_224.dino", ["has a weight tag", "variant: vit_base_patch16_224, pretrained: dino"]),
        ("vit_base_patch16_xp_224", ["'ParallelScalingBlock'", "supported: Block and ResPostBlock"]),
        ("vit_dwee_patch16_reg1_gap_256", ["'DiffAttention'"]),
        ("aimv2_large_patch14_224", ["'SwiGLU'"]),
    ],
)
def test_refused_variants_of_timm(variant, words):
    message = refused(variant=variant, pretrained=False, depth=1)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("RN50", ["'RN50' is no vision transformer", "nearest: ViT-"]),
        ("ViT-B-33", ["is no model of OpenCLIP", "ViT-B-32"]),
        ("ViT-B-16-SigLIP", ["is timm's 'vit_base_patch16_siglip_224'", "kind: timm-vit"]),
    ],
)
def test_refused_variants_of_open_clip(variant, words):
    message = refused(open_clip_vit, variant=variant, pretrained=False, depth=1)
    assert all(word in message for word in words), message


def test_refused_sizes(save, timm_state):
    path = save(timm_state)
    assert "width '96' cannot be had from the pre-trained weights" in refused(pretrained=path, width=96)
    assert "depth '13' is more than the 12 blocks" in refused(pretrained=path, depth=13)
    assert "depth '0' is less than 1" in refused(pretrained=False, depth=0)
    assert "cannot have width '100': " in refused(pretrained=False, width=100)
    assert "width '100' is no multiple of '12' heads" in refused(
        open_clip_vit, variant="ViT-B-32", pretrained=False, width=100
    )
