from __future__ import annotations

import gzip
import json

import dask
import numpy as np
import pytest
import zarr

from unistd.cli.main import main
from unistd.core.data.finding import Finding


@pytest.fixture
def prepared(tmp_path):
    place = tmp_path / "city.zarr"
    size = ["-o", "days=14", "-o", "height=8", "-o", "width=9"]
    assert main(["data", "prepare", "synthetic-traffic", *size, "--out", str(place)]) == 0
    return place


def test_prepare_writes_what_a_spec_can_name(prepared, capsys):
    again = ["data", "prepare", "synthetic-traffic", "-o", "days=14", "-o", "height=8", "-o", "width=9"]
    assert main([*again, "--out", str(prepared)]) == 0
    assert "is there already, of the same task and options; nothing to do" in capsys.readouterr().out
    assert main(["data", "prepare", "synthetic-traffic", "--out", str(prepared)]) == 1
    assert "days" in capsys.readouterr().err


def test_prepare_without_out_goes_where_train_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UNISTD_STORES", str(tmp_path / "stores"))
    assert main(["data", "prepare", "synthetic-traffic", "-o", "days=14", "--workers", "1"]) == 0
    (store,) = (tmp_path / "stores").glob("*.zarr")
    assert f"wrote {store}: " in capsys.readouterr().out


def test_a_dry_run_reads_names_and_writes_nothing(tmp_path, capsys):
    place = tmp_path / "city.zarr"
    assert main(["data", "prepare", "synthetic-traffic", "-o", "days=14", "--out", str(place), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "672 frames of (channel, y, x) = (2, 16, 12)" in said
    assert "values are checked when frames are read" in said
    assert not place.exists()


def test_a_dry_run_of_many_sequences_shows_the_first_and_the_last(tmp_path, capsys):
    digits = np.full(10 * 28 * 28, 7, np.uint8)
    head = b"".join(number.to_bytes(4, "big") for number in (0x803, 10, 28, 28))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + digits.tobytes()))
    arguments = ["-o", "train=30", "-o", "val=2", "-o", "test=2", "--source", str(tmp_path), "--dry-run"]
    assert main(["data", "prepare", "moving-digits", *arguments]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["sequence", "frames", "from", "to", "splits", "files"]
    first = "train-0 20 1970-01-01T00:00:00.000 1970-01-01T00:00:01.900 train t10k-images-idx3-ubyte.gz"
    assert " ".join(said[1].split()) == first
    assert said[9].startswith("… 18 more")
    assert said[17].startswith("test-1 ")
    assert said[18] == ""
    assert f"files lie in {tmp_path}" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nyc-taxy"], "unknown task 'nyc-taxy'"),
        (["nyc-taxi", "-o", "nope=3"], "unknown key 'nope' in task 'nyc-taxi'"),
        (
            ["synthetic-traffic", "--source", "."],
            "'synthetic-traffic' reads no raw files, so",
        ),
        (["nyc-taxi", "--source", "nowhere"], "the source 'nowhere' is no folder"),
        (["nyc-taxi", "--workers", "2", "--scheduler", "tcp://x:1"], "'--workers' are threads here"),
        (["synthetic-traffic", "--scheduler", "nonsense://x"], "no dask scheduler answers at 'nonsense://x'"),
    ],
)
def test_what_prepare_cannot_do_is_said(arguments, message, capsys):
    assert main(["data", "prepare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_cluster_that_is_not_there_leaves_nothing_behind(capsys):
    before = dask.config.get("scheduler", None)
    assert main(["data", "prepare", "synthetic-traffic", "--scheduler", "nonsense://x"]) == 2
    assert dask.config.get("scheduler", None) == before


def test_inspect_and_check(prepared, tmp_path, capsys):
    capsys.readouterr()
    assert main(["data", "inspect", str(prepared), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["frames"], found["grid"]) == (672, [8, 9])
    assert main(["data", "inspect", str(prepared), "--png", str(tmp_path / "city.png")]) == 0
    assert "frames that begin no window" in capsys.readouterr().out
    assert (tmp_path / "city.png").stat().st_size > 1000
    assert main(["data", "check", str(prepared)]) == 0
    assert capsys.readouterr().out.endswith("0 problems\n")
    frames = zarr.open_group(prepared, mode="r+")["frames"]
    frames[5] = frames[6]
    code = main(["data", "check", str(prepared), "--json"])
    answer = capsys.readouterr()
    assert code == 1
    assert "not what was written" in answer.out or "not whole" in answer.err


@pytest.mark.slow
def test_a_cluster_of_two_processes_writes_the_same_store(prepared, tmp_path, monkeypatch, recwarn):
    from distributed import LocalCluster

    monkeypatch.chdir(tmp_path)
    every_graph = {"distributed.admin.large-graph-warning-threshold": 1}  # byte; frames in memory are sent in the graph
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with dask.config.set(every_graph), cluster:
        arguments = ["data", "prepare", "synthetic-traffic", "-o", "days=14", "-o", "height=8", "-o", "width=9"]
        assert main([*arguments, "--out", "far.zarr", "--scheduler", cluster.scheduler_address]) == 0
    digests = [zarr.open_group(path).attrs["unistd"]["digest"] for path in (prepared, tmp_path / "far.zarr")]
    assert digests[0] == digests[1]
    assert not [own for own in recwarn if "large graph" in str(own.message)]


CARD = """\
name: waves
files: [waves.npy]
dims: [time, y, x]
channels: {height: {unit: m}}
time: {start: 2024-01-01}
step: [10, m]
window: {past: 4, future: 3}
split: {fractions: [0.6, 0.2, 0.2]}
"""


@pytest.mark.slow
def test_a_cluster_imports_files_although_its_workers_stand_in_another_folder(tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine" / "waves.npy", np.random.default_rng(0).normal(size=(60, 8, 9)))
    (tmp_path / "mine" / "card.yaml").write_text(CARD)
    assert main(["data", "import", "mine/card.yaml", "--out", "near.zarr", "--workers", "1"]) == 0
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        monkeypatch.chdir(tmp_path / "mine")
        command = ["data", "import", "card.yaml", "--out", "far.zarr", "--scheduler", cluster.scheduler_address]
        assert main(command) == 0
    digests = [zarr.open_group(tmp_path / path).attrs["unistd"]["digest"] for path in ("near.zarr", "mine/far.zarr")]
    assert digests[0] == digests[1]


def test_check_reads_raw_files_elsewhere_if_their_folder_is_named(tmp_path, monkeypatch, capsys):
    for folder in ("raw", "stores", "here"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    np.save(tmp_path / "raw/waves.npy", np.random.default_rng(0).normal(size=(60, 8, 9)))
    (tmp_path / "raw/card.yaml").write_text(CARD)
    assert main(["data", "import", "../raw/card.yaml", "--out", "../stores/s.zarr"]) == 0
    capsys.readouterr()
    assert main(["data", "check", "../stores/s.zarr"]) == 1
    assert "waves.npy' as a raw file, which lies where no raw files are known to be" in capsys.readouterr().err
    assert main(["data", "check", "../stores/s.zarr", "--source", "../raw"]) == 0
    assert capsys.readouterr().out.endswith("0 problems\n")


def test_a_finding_comes_with_what_to_do_about_it(prepared, monkeypatch, capsys):
    found = [Finding("problem", "frames differ", "prepare it again"), Finding("note", "2 unbroken runs of frames")]
    monkeypatch.setattr("unistd.cli.data_check.audit", lambda store, sources: iter(found))
    capsys.readouterr()
    assert main(["data", "check", str(prepared)]) == 1
    said = "problem: frames differ\n  help: prepare it again\nnote: 2 unbroken runs of frames\n1 problem\n"
    assert capsys.readouterr().out == said
    assert main(["data", "check", str(prepared), "--json"]) == 1
    assert [row["help"] for row in json.loads(capsys.readouterr().out)] == ["prepare it again", ""]
    monkeypatch.setattr("unistd.cli.data_check.audit", lambda store, sources: iter(found[1:]))
    assert main(["data", "check", str(prepared)]) == 0
