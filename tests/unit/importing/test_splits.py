import numpy as np
import pytest

from unistd.core.errors import DataError

FILES = ("train/a", "train/b", "later/c", "later/d")


@pytest.fixture
def videos(noise, tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / f"{name}.npy", noise(6, 3, 4))
    return {"files": ["*/*.npy"], "sequence": "file"}


def splits(found):
    return {s.name: s.split[0] for s in found if len(set(s.split.tolist())) == 1}


def test_by_dates(read, noise, tmp_path):
    np.save(tmp_path / "a.npy", noise(8, 3, 4))
    (found,) = read(split={"dates": {"val": "2020-01-01T03:00", "test": "2020-01-01T06:00"}})
    assert found.split.tolist() == ["train"] * 3 + ["val"] * 3 + ["test"] * 2


def test_by_folder_file_and_pattern(read, videos):
    found = read(**videos, split={"names": {"train": ["train"], "val": ["later/c.npy"], "test": ["*/d*"]}})
    want = {"later/c.npy": "val", "later/d.npy": "test", "train/a.npy": "train", "train/b.npy": "train"}
    assert splits(found) == want


def test_by_lists(read, videos, tmp_path):
    for name, lines in {"train": "train/a.npy\ntrain/b.npy\n", "val": "later/c.npy", "test": "\nlater/d.npy\n"}.items():
        (tmp_path / f"{name}.txt").write_text(lines)
    found = read(**videos, split={"lists": {name: [f"{name}.txt"] for name in ("train", "val", "test")}})
    assert splits(found)["later/d.npy"] == "test"


def test_files_of_one_sequence_by_name(read, noise, tmp_path):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", noise(2, 3, 4))
    (found,) = read(split={"names": {"train": ["a.npy"], "val": ["b.npy"], "test": ["c.npy"]}})
    assert found.split.tolist() == ["train", "train", "val", "val", "test", "test"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"train": ["train"], "val": ["later/c*"], "test": ["x"]}, "d.npy: 'later/d.npy' is of no split"),
        ({"train": ["train"], "val": ["later"], "test": ["later/d*"]}, "d.npy: is of the splits 'test and val'"),
        ({"train": ["train", "gone"], "val": ["*/c*"], "test": ["*/d*"]}, "'gone' of split 'train' matches no file"),
    ],
)
def test_a_file_left_out_or_named_twice_is_refused(read, videos, names, message):
    with pytest.raises(DataError) as caught:
        read(**videos, split={"names": names})
    assert message in str(caught.value)


def test_a_list_that_is_not_there(read, videos, tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt: the list cannot be read: .*No such file"):
        read(**videos, split={"lists": {"train": ["gone.txt"], "val": ["gone.txt"], "test": ["gone.txt"]}})
