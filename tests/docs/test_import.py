"""The cards that docs/import.md and the example show can be read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from unistd.cli.main import main
from unistd.core.importing.card import ImportCard
from unistd.registry.import_card import load_card

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
CARDS = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", CARDS, ids=[card.splitlines()[0] for card in CARDS])
def test_a_card_shown_can_be_read(text, tmp_path):
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    load_card(tmp_path / "card.yaml")


def test_there_is_a_card_for_each_family_of_formats():
    text = "\n".join(CARDS)
    assert [suffix for suffix in (".npy", ".npz", ".nc", ".jpg", ".png", ".tif", ".mp4") if suffix not in text] == []


def test_no_field_shown_is_unknown_and_ways_to_split_are_all_told():
    named = set(re.findall(r"^\* `(\w+)", PAGE.partition("`split` is one of")[2], flags=re.MULTILINE))
    assert named == set(ImportCard.model_fields["split"].annotation.model_fields)


def test_the_example_imports_and_its_spec_is_valid(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "examples" / "waves"
    folder.mkdir(parents=True)
    for name in ("make_frames.py", "card.yaml", "spec.yaml"):
        (folder / name).write_bytes((ROOT / "examples" / "waves" / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    first = (folder / "card.yaml").read_text(encoding="utf-8").splitlines()[0]
    script, words = re.fullmatch(r"# Run:  python (\S+) && unistd (.*)", first).groups()
    subprocess.run([sys.executable, script], check=True)
    assert main(words.split()) == 0
    assert "720 frames of 24×32, height [m]" in capsys.readouterr().out
    assert main(["data", "check", "data/waves.zarr"]) == 0
    assert main(["validate", str(folder / "spec.yaml")]) == 0
    assert Path("data/waves.zarr").is_dir()
