import pytest

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.delenv("UNISTD_DATA", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path


@pytest.mark.parametrize("place", ["work/data", "shared/data"])
def test_looks_beside_the_working_folder(elsewhere, place):
    (elsewhere / place / "taxi").mkdir(parents=True)
    assert raw_folder(None, "taxi").samefile(elsewhere / place / "taxi")


def test_the_nearest_place_wins(elsewhere):
    for place in ("work/data", "shared/data"):
        (elsewhere / place / "taxi").mkdir(parents=True)
    assert raw_folder(None, "taxi").samefile(elsewhere / "work/data/taxi")


def test_unistd_data_is_the_only_place_once_set(elsewhere, monkeypatch):
    (elsewhere / "work/data/taxi").mkdir(parents=True)
    monkeypatch.setenv("UNISTD_DATA", str(elsewhere / "mine"))
    with pytest.raises(DataError) as caught:
        raw_folder(None, "taxi")
    assert f"looked at '{elsewhere / 'mine' / 'taxi'}'" in str(caught.value)
    (elsewhere / "mine/taxi").mkdir(parents=True)
    assert raw_folder(None, "taxi") == elsewhere / "mine/taxi"


def test_root_is_taken_as_it_is(elsewhere):
    (elsewhere / "work/data/taxi").mkdir(parents=True)
    (elsewhere / "other").mkdir()
    assert raw_folder(elsewhere / "other", "taxi") == elsewhere / "other"
    with pytest.raises(DataError, match="no folder with the raw files 'taxi'"):
        raw_folder(elsewhere / "gone", "taxi")


def test_all_places_are_named(elsewhere):
    with pytest.raises(DataError) as caught:
        raw_folder(None, "taxi")
    text = str(caught.value)
    assert "/work/data/taxi' and '" in text
    assert "shared/data/taxi'" in text
    assert "UNISTD_DATA" in text


def test_a_missing_file_is_named_with_what_is_there(elsewhere):
    (elsewhere / "flow_test.npz").touch()
    with pytest.raises(DataError) as caught:
        raw_file(elsewhere, "flow_train.npz")
    assert str(caught.value).startswith(f"{elsewhere / 'flow_train.npz'}: no file 'flow_train.npz'")
    assert "flow_test.npz" in caught.value.help
