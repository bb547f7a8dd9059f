import pytest


@pytest.fixture
def built_in_spec(tmp_path):
    """A spec of built-in components only."""
    path = tmp_path / "built_in.yaml"
    path.write_text(
        "name: city\n"
        "model: {backbone: {kind: timm-vit, variant: vit_tiny_patch16_224, pretrained: false}}\n"
        "tasks: {city: synthetic-traffic}\n"
        "output: runs/city\n"
    )
    return path
