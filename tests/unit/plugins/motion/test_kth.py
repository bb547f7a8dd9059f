import io
import os
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError, UsageError
from unistd.plugins.motion import kth
from unistd.plugins.motion.kth import Kth, clip_starts
from unistd.plugins.motion.kth_videos import FAST, LIST, SLOW, Video, read_sequences
from unistd.registry.errors import MissingRequirement

ACTIONS = (*SLOW, *FAST)


def video(action, numbers, person=1):
    return Video(f"person{person:02d}_{action}_d1", action, person, list(numbers), lambda: None, ())


def test_slow_actions_are_cut_from_the_end_into_windows_that_share_no_frame():
    assert clip_starts([video("boxing", range(1, 76))], 30, 30) == [[15, 45]]


def test_fast_actions_begin_a_window_every_third_frame():
    assert clip_starts([video("running", range(1, 41))], 30, 30) == [[1, 4, 7, 10]]


def test_windows_lie_within_consecutive_numbers_of_one_video():
    gap = [*range(1, 36), *range(50, 85)]
    starts = clip_starts([video("walking", gap), video("walking", range(1, 32), 2)], 30, 30)
    assert starts == [[5, 40], [1]]
    assert clip_starts([video("walking", range(1, 30))], 30, 30) == [[]]
    assert clip_starts([video("walking", range(1, 20)), video("walking", range(20, 40))], 30, 30) == [[], []]
    assert clip_starts([], 30, 30) == []


def test_a_stride_longer_than_a_window_runs_on_into_the_video_before():
    # The second video's only window begins at its frame 5; 30 back from there is frame 25 of the first, whose windows
    # of 20 frames then end at frames 44 and 14 instead of 49.
    assert clip_starts([video("boxing", range(50)), video("boxing", range(25))], 20, 30) == [[25], [5]]
    assert clip_starts([video("boxing", range(50))], 20, 30) == [[0, 30]]


def scan(categories, numbers, marks, length, slow):
    """The benchmarks' loop as it stands in their files, as a reference."""
    indices, index = [], len(marks) - 1
    while index >= length - 1:
        if marks[index] == marks[index - length + 1] and numbers[index] - numbers[index - length + 1] == length - 1:
            indices.append(index - length + 1)
            index -= slow - 1 if categories[index] == 1 else 2
        index -= 1
    return indices[::-1]


@pytest.mark.parametrize(("length", "stride"), [(30, 30), (50, 50), (20, 20), (20, 10), (20, 30)])
def test_windows_are_those_of_the_benchmarks_scan(length, stride):
    rng = np.random.default_rng(length + stride)
    videos = []
    for number in range(40):
        runs = np.cumsum(rng.integers(1, 90, 6))
        numbers = [n for low, high in zip(runs[::2], runs[1::2], strict=True) for n in range(low, high)]
        videos.append(video(ACTIONS[number * 6 // 40], numbers, number))
    marks = [at for at, each in enumerate(videos) for _ in each.numbers]
    categories = [1 if videos[at].action in SLOW else 2 for at in marks]
    numbers = [number for each in videos for number in each.numbers]
    firsts = np.cumsum([0, *(len(each.numbers) for each in videos)])
    mine = [firsts[at] + start for at, starts in enumerate(clip_starts(videos, length, stride)) for start in starts]
    assert len(mine) > 20
    assert mine == scan(categories, numbers, marks, length, stride)


@cache
def png(value):
    content = io.BytesIO()
    Image.new("RGB", (160, 120), (value, value, value)).save(content, "png")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path):
    """25 people, each action once, 12 frames of 160×120; frame n of person p is 2p + n bright all over."""
    for action in ACTIONS:
        for person in range(1, 26):
            place = tmp_path / action / f"person{person:02d}_{action}_d1_uncomp"
            place.mkdir(parents=True)
            for number in range(1, 13):
                (place / f"image_{number:04d}.png").write_bytes(png(2 * person + number))
    return tmp_path


@pytest.mark.parametrize(
    ("protocol", "people"),
    [
        ("unistd", (range(1, 15), range(15, 17), range(17, 26))),
        ("predbench", (range(1, 15), range(15, 17), range(17, 26))),
        ("openstl", (range(1, 17), range(17, 26), range(17, 26))),
    ],
)
def test_people_are_in_the_splits_of_the_protocol(folder, protocol, people):
    seen = {"train": set(), "val": set(), "test": set()}
    count = 0
    for sequence in Kth(root=folder, protocol=protocol, future=1).sequences():
        seen[sequence.split].add(int(sequence.name[6:8]))
        count += 1
    assert [seen[split] for split in ("train", "val", "test")] == [set(part) for part in people]
    if protocol != "predbench":  # whose scan skips some of these short videos
        assert count == sum(map(len, people)) * 6


def test_frames_are_resized_and_read_by_window(folder, tmp_path):
    place = folder / "boxing" / "person01_boxing_d1_uncomp" / "image_0002.png"
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(place)
    store = prepare(Kth(root=folder, future=1), tmp_path / "store.zarr")
    train = Windows(store, "train", 10, 1)
    assert len(train) == 14 * 6
    past, future = train.read([0, 1])  # person 1 and 2 boxing: 12 frames, so the window begins at the second
    want = np.asarray(Image.fromarray(pixels[..., 0]).resize((128, 128), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(past[0, 0, 0] * 255, want, rtol=1e-5)
    np.testing.assert_allclose(past[1, :, 0, 60, 60] * 255, 4 + np.arange(2, 12), rtol=1e-6)
    np.testing.assert_allclose(future[1, :, 0, 60, 60] * 255, [4 + 12], rtol=1e-6)


def test_the_horizon_is_an_option_and_the_windows_follow_it():
    assert Kth(protocol="predbench").card.window.future == 10
    assert Kth().card.window.future == Kth(protocol="openstl").card.window.future == 20
    kth40 = Kth(future=40).card
    assert (kth40.window.past, kth40.window.future, kth40.stride) == (10, 40, (50, 50, 50))


def test_openstl_refuses_images_that_do_not_give_its_published_counts(folder, monkeypatch):
    with pytest.raises(DataError, match="give '0' windows of 10→20 in split 'train' instead of 5200"):
        list(Kth(root=folder, protocol="openstl").sequences())
    monkeypatch.setattr(kth, "OPENSTL_WINDOWS", {"train": 0, "val": 0, "test": 0})
    assert list(Kth(root=folder, protocol="openstl").sequences()) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "cannot be read as an image"),
        (lambda path: path.write_bytes(b"<html>"), "cannot be read as an image"),
        (lambda path: Image.new("I;16", (160, 120)).save(path), "is an image of mode 'I;16'"),
    ],
)
def test_a_damaged_image_is_named(folder, spoil, message):
    path = folder / "boxing" / "person01_boxing_d1_uncomp" / "image_0007.png"
    spoil(path)
    with pytest.raises(DataError) as caught:
        next(iter(Kth(root=folder, future=1).sequences())).frames.compute()
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_missing_members_are_named(folder):
    place = folder / "jogging" / "person09_jogging_d1_uncomp"
    place.rename(folder / "aside")
    with pytest.raises(DataError, match="no folder 'person09_jogging_d1_uncomp'"):
        list(Kth(root=folder).sequences())
    place.mkdir()
    with pytest.raises(DataError, match=r"person09_jogging_d1_uncomp: holds no 'image_<number>\.jpg'"):
        list(Kth(root=folder).sequences())
    (folder / "jogging").rename(folder / "elsewhere")
    with pytest.raises(DataError, match="no folder 'jogging'"):
        list(Kth(root=folder).sequences())


def listing(change=None):
    """A whole list; as in the official one, a video is missing and ranges may overlap."""
    lines = {
        f"person{person:02d}_{action}_d{scene}": "\tframes\t1-6, 5-9, 20-26"
        for action in ACTIONS
        for person in range(1, 26)
        for scene in range(1, 5)
    }
    lines["person13_handclapping_d3"] = "\t*missing*"
    lines |= change or {}
    return "About the data.\n\n" + "\n".join(f"{name}{rest}" for name, rest in lines.items() if rest is not None) + "\n"


def test_the_list_of_sequences_names_the_frames_used(tmp_path):
    change = {"person07_boxing_d2": "    \tframes\t1-3", "person07_jogging_d4": "\tframes\t300-301, 31-31"}
    (tmp_path / LIST).write_text(listing(change), encoding="utf-8")
    listed = read_sequences(tmp_path / LIST)
    assert len(listed) == 600
    assert listed["person01_boxing_d1"] == [*range(1, 10), *range(20, 27)]
    assert listed["person07_boxing_d2"] == [1, 2, 3]
    assert listed["person07_jogging_d4"] == [31, 300, 301]
    assert listed["person13_handclapping_d3"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person02_running_d4": None}, "has no line for 'person02_running_d4'"),
        ({"person01_boxing_d1": "\tframes\tall"}, f"{LIST}:3: 'person01_boxing_d1\tframes\tall' names no frames"),
    ],
)
def test_a_list_that_is_not_whole_is_named(tmp_path, change, message):
    (tmp_path / LIST).write_text(listing(change), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_sequences(tmp_path / LIST)
    assert message in str(caught.value)


def write_avi(path, frames):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 120, "yuv420p", 10_000_000
        for number in range(1, frames + 1):
            planes = np.full((180, 160), 128, np.uint8)
            planes[:120] = 16 + 5 * number  # luma runs from 16 to 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())


@pytest.fixture
def videos(tmp_path):
    write_avi(tmp_path / "one.avi", 30)
    text = listing()
    (tmp_path / LIST).write_text(text, encoding="utf-8")
    for name in (line.split()[0] for line in text.splitlines() if "frames" in line):
        os.link(tmp_path / "one.avi", tmp_path / f"{name}_uncomp.avi")
    return tmp_path


def test_images_are_known_by_their_folder(folder):
    files = {file for own in Kth(root=folder, future=2).sequences() for file in own.files}
    assert files
    assert all(Path(file).is_dir() for file in files)


def test_videos_give_the_frames_their_list_names(videos):
    sequences = list(Kth(root=videos, future=3, frames="avi").sequences())
    assert sequences == []  # 9 and 7 frames in a row hold no window of 13
    text = listing({"person01_boxing_d1": "\tframes\t1-4, 10-25"})
    (videos / LIST).write_text(text, encoding="utf-8")
    (clip,) = Kth(root=videos, future=3, frames="avi").sequences()
    assert clip.name == "person01_boxing_d1, frame 13"
    assert clip.files == (str(videos / "person01_boxing_d1_uncomp.avi"),)
    frames = clip.frames.compute()
    assert frames.shape == (13, 1, 128, 128)
    want = 5 * np.arange(13, 26) * 255 / 219
    np.testing.assert_allclose(frames[:, 0, 64, 64], want, atol=3)


def test_a_damaged_short_or_missing_video_is_named(videos):
    path = videos / "person01_boxing_d1_uncomp.avi"
    (videos / LIST).write_text(listing({"person01_boxing_d1": "\tframes\t10-31"}), encoding="utf-8")
    (clip,) = Kth(root=videos, future=12, frames="avi").sequences()
    with pytest.raises(DataError, match=r"person01_boxing_d1_uncomp\.avi: ends after '30' frames, .* goes to frame 31"):
        clip.frames.compute()
    path.unlink()
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"person01_boxing_d1_uncomp\.avi: cannot be read as video"):
        clip.frames.compute()
    path.unlink()
    with pytest.raises(DataError, match=r"no file 'person01_boxing_d1_uncomp\.avi'"):
        list(Kth(root=videos, future=12, frames="avi").sequences())
    (videos / "boxing").mkdir()  # videos may lie in the folder of their action
    os.link(videos / "one.avi", videos / "boxing" / path.name)
    assert len(list(Kth(root=videos, future=11, frames="avi").sequences())) == 1


def test_videos_without_pyav_say_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingRequirement) as caught:
        list(Kth(root=folder, frames="avi").sequences())
    assert "pip install 'unistd[video]'" in str(caught.value)


@pytest.mark.parametrize("protocol", ["openstl", "predbench"])
def test_the_benchmarks_are_not_defined_on_videos(protocol):
    with pytest.raises(UsageError, match=f"protocol '{protocol}' is defined on the images"):
        Kth(protocol=protocol, frames="avi")


def test_windows_of_the_official_videos_are_as_many_as_their_list_gives(real):
    listed = read_sequences(real("kth") / LIST)
    by_action = sorted(listed.items(), key=lambda item: ACTIONS.index(item[0].split("_")[1]))
    videos = [video(name.split("_")[1], numbers, int(name[6:8])) for name, numbers in by_action]
    counts = {}
    for split, people in kth.PEOPLE["unistd"].items():
        chosen = [each for each in videos if each.person in people]
        counts[split] = sum(map(len, clip_starts(chosen, 30, 30)))
    assert counts == {"train": 7580, "val": 1203, "test": 5045}
