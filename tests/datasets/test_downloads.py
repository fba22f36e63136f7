"""The loaders of downloaded data, on small folders in the format of each, made here."""

import hashlib
import pickle
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from course_lib.datasets import cifar10, image_folder, mnist, pictures, retinamnist, torchvision


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch, random):
    """Two training batches and a test batch of four pictures each, as the University of Toronto packs them."""
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()

    def write(name, content):
        data = pickle.dumps(content)
        (base / name).write_bytes(data)
        return [name, hashlib.md5(data).hexdigest()]

    def batch():
        return {"data": random.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [3, 1, 9, 0]}

    written = {name: batch() for name in ("data_batch_1", "data_batch_2", "test_batch")}
    sums = {name: write(name, content) for name, content in written.items()}
    kind = torchvision().datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [sums["data_batch_1"], sums["data_batch_2"]])
    monkeypatch.setattr(kind, "test_list", [sums["test_batch"]])
    name, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(kind, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path, written


def test_cifar_is_read_in_its_order_of_channels(cifar_folder):
    folder, written = cifar_folder
    images, labels = cifar10(folder, train=False)
    truth = written["test_batch"]["data"].reshape(4, 3, 32, 32)
    assert images.dtype == np.float32 and labels.dtype == np.int64
    raw = (images * 255).round().astype(np.uint8)
    found = {image.tobytes(): label for image, label in zip(raw, labels, strict=True)}
    assert found == {image.tobytes(): label for image, label in zip(truth, [3, 1, 9, 0], strict=True)}


def test_cifar_gives_as_many_as_asked_by_the_seed(cifar_folder):
    folder, _ = cifar_folder
    images, labels = cifar10(folder)
    assert images.shape == (8, 3, 32, 32)
    few, _ = cifar10(str(folder), n=3, seed=1)
    again, _ = pictures("cifar10", n=3, seed=1, folder=folder)
    assert few.shape == (3, 3, 32, 32) and np.array_equal(few, again)
    assert not np.array_equal(few, cifar10(folder, n=3, seed=2)[0])
    with pytest.raises(ValueError, match="9 pictures of CIFAR-10 asked for, there are 8"):
        cifar10(folder, n=9)


def test_a_damaged_file_of_cifar_is_not_read(cifar_folder):
    folder, _ = cifar_folder
    (folder / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"half")
    with pytest.raises(FileNotFoundError, match="no CIFAR10 in .*: pass download=True to fetch it there"):
        cifar10(folder)


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def test_mnist_is_read(tmp_path, random):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    truth = random.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    for name in ("train", "t10k"):
        write_idx(raw / f"{name}-images-idx3-ubyte", truth)
        write_idx(raw / f"{name}-labels-idx1-ubyte", np.arange(5))
    for train in (True, False):
        images, labels = mnist(tmp_path, train=train)
        assert images.shape == (5, 1, 28, 28) and images.dtype == np.float32
        assert np.array_equal((images[:, 0] * 255).round(), truth[labels])
    assert np.array_equal(pictures("mnist", n=5, folder=tmp_path)[0], images)


def test_retinamnist_is_read(tmp_path, random):
    arrays = {}
    for split, n in (("train", 6), ("test", 2)):
        arrays[f"{split}_images"] = random.integers(0, 256, (n, 28, 28, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(n)[:, None] % 5
    np.savez(tmp_path / "retinamnist.npz", **arrays)
    images, labels = retinamnist(tmp_path, train=False)
    assert images.shape == (2, 3, 28, 28) and sorted(labels) == [0, 1]
    assert np.array_equal((images.transpose(0, 2, 3, 1) * 255).round(), arrays["test_images"][labels])
    assert pictures("retinamnist", n=4, folder=tmp_path)[0].shape == (4, 3, 28, 28)


def test_an_archive_with_objects_is_refused(tmp_path):
    np.savez(tmp_path / "retinamnist.npz", train_images=np.array([{}], dtype=object), train_labels=np.zeros(1))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        retinamnist(tmp_path)


def test_a_folder_of_pictures_is_cut_to_squares_and_its_sub_folders_are_classes(tmp_path):
    for name, colour, size in (("mole/a.png", (255, 0, 0), (40, 20)), ("mole/b.JPG", (0, 255, 0), (16, 16)),
                               ("naevus/c.png", (0, 0, 255), (9, 30))):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size, colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    images, labels = image_folder(tmp_path, size=8)
    assert images.shape == (3, 3, 8, 8)
    strongest = images.mean(axis=(2, 3)).argmax(1)
    assert {(int(c), int(y)) for c, y in zip(strongest, labels, strict=True)} == {(0, 0), (1, 0), (2, 1)}
    assert image_folder(tmp_path / "mole", size=8)[1].tolist() == [0, 0]
    assert image_folder(tmp_path, size=8, n=2, seed=1)[0].shape == (2, 3, 8, 8)


def test_the_middle_of_a_picture_is_kept(tmp_path):
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    images, _ = image_folder(tmp_path, size=4)
    assert np.array_equal(images, np.full((1, 3, 4, 4), np.float32(200) / np.float32(255)))


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken.png' is no picture that can be read: remove it"):
        image_folder(tmp_path)


@pytest.mark.parametrize("source", ["photos", "fundus", "digits"])
def test_one_word_switches_the_data(source, tmp_path):
    images, labels = pictures(source, n=7, seed=2, folder=tmp_path / "nowhere")
    assert len(images) == len(labels) == 7 and not (tmp_path / "nowhere").exists()


def test_an_unknown_source_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no source 'imagenet'; there are: photos, fundus, digits, cifar10, mnist"):
        pictures("imagenet")


@pytest.mark.parametrize("source", ["cifar10", "mnist", "retinamnist"])
def test_nothing_is_fetched_or_made_without_being_asked(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="pass download=True to fetch it there"):
        pictures(source, folder=tmp_path / "data")
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("kind", ["CIFAR10", "MNIST"])
def test_a_download_without_a_network_says_what_to_do_instead(kind, tmp_path, monkeypatch):
    def offline(self):
        raise OSError("no route to host")

    monkeypatch.setattr(getattr(torchvision().datasets, kind), "download", offline)
    with pytest.raises(ConnectionError, match=rf"{kind} could not be fetched .no route.*: work with source 'photos'"):
        pictures(kind.lower(), folder=tmp_path, download=True)


def test_retinamnist_without_medmnist_or_network(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "medmnist", None)
    with pytest.raises(ModuleNotFoundError, match="medmnist is not installed: run `pip install medmnist`"):
        retinamnist(tmp_path, download=True)

    class Offline:
        @staticmethod
        def RetinaMNIST(**arguments):
            raise RuntimeError("something went wrong")

    monkeypatch.setitem(sys.modules, "medmnist", Offline)
    with pytest.raises(ConnectionError, match="RetinaMNIST could not be fetched .* work with source 'fundus'"):
        retinamnist(tmp_path, download=True)
