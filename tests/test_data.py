"""The data module: the real archives, the stand-in, and everything that can be wrong with a download."""

import gzip
import http.server
import os
import shutil
import threading
import time
import warnings

import pytest
import torch
from torchvision.datasets import FashionMNIST as Torchvision

from d2lparams import FashionMNIST
from d2lparams.chapter import data, standin

NAMES = [name for name, _ in Torchvision.resources]


@pytest.fixture
def root(archives, tmp_path):
    """A folder of the test's own with the four archives in torchvision's layout."""
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in NAMES:
        os.symlink((archives / name).resolve(), raw / name)
    return tmp_path / "root"


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def small(monkeypatch):
    """A stand-in of 200 images a set, for tests that are about finding it."""
    draw = standin.draw
    monkeypatch.setattr(standin, "draw", lambda number, seed: draw(200, seed))


@pytest.fixture
def offline(monkeypatch):
    """An address that refuses at once."""
    monkeypatch.setattr(Torchvision, "mirrors", ["http://127.0.0.1:9/"])


def stand_in(root, reason, **options):
    with pytest.warns(UserWarning, match="a stand-in is drawn in its place") as caught:
        found = FashionMNIST(root=root, **options)
    assert found.source == data.STAND_IN
    assert reason in str(caught[0].message)
    assert "set D2LPARAMS_DATA to their folder" in str(caught[0].message)
    return found


def test_the_images_are_those_that_torchvision_reads(root, tmp_path):
    (copy := tmp_path / "torchvision" / "FashionMNIST" / "raw").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(root / "FashionMNIST" / "raw" / name, copy)
    ours = FashionMNIST(root=root)
    assert ours.source == data.REAL
    for train, found in ((True, ours.train), (False, ours.val)):
        expected = Torchvision(tmp_path / "torchvision", train=train, download=True)  # unpacks, needs no network
        images, labels = (tensor.cpu() for tensor in found.tensors)
        assert torch.equal(images[:, 0], expected.data)
        assert torch.equal(labels, expected.targets)
    unpacked = tmp_path / "flat"
    unpacked.mkdir()
    for name in NAMES:
        shutil.copy(copy / name.removesuffix(".gz"), unpacked)
    assert torch.equal(FashionMNIST(root=unpacked).train.tensors[0], ours.train.tensors[0])


def test_the_root_is_the_argument_then_the_variable_then_the_book_s(root, small, offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path / "root")
    monkeypatch.setenv("D2LPARAMS_DATA", str(root))
    assert FashionMNIST().source == data.REAL
    stand_in(tmp_path / "empty", "not in")
    monkeypatch.delenv("D2LPARAMS_DATA")
    (tmp_path / "data").symlink_to(root)
    assert FashionMNIST().source == data.REAL  # ../data


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw = standin.draw
        patch.setattr(standin, "draw", lambda number, seed: draw(200, seed))
        patch.setattr(Torchvision, "mirrors", ["http://127.0.0.1:9/"])
        return FashionMNIST(batch_size=64, root=tmp_path_factory.mktemp("empty"), seed=3)


def test_batches(drawn):
    loader = drawn.train_dataloader()
    batches = list(loader)
    assert len(loader) == len(batches) == 4
    X, y = batches[0]
    assert X.shape == (64, 1, 28, 28)
    assert X.dtype == torch.float32
    assert y.dtype == torch.int64
    assert batches[-1][0].shape[0] == 200 - 3 * 64
    assert X.min() >= 0
    assert 0.5 < X.max() <= 1


def test_an_epoch_is_a_permutation_and_each_epoch_another(drawn):
    loader = drawn.train_dataloader()
    first, second = (torch.cat([X for X, _ in loader]) for _ in range(2))
    everything = drawn.train.tensors[0] / 255
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert torch.equal(epoch.sum((1, 2, 3)).sort()[0], everything.sum((1, 2, 3)).sort()[0])
    again = torch.cat([X for X, _ in drawn.train_dataloader()])
    assert torch.equal(first, again)


def test_labels_stay_with_their_images_and_the_test_set_keeps_its_order(drawn):
    images, labels = drawn.train.tensors
    known = {(image / 255).sum().item(): label.item() for image, label in zip(images, labels, strict=True)}
    for X, y in drawn.train_dataloader():
        assert [known[image.sum().item()] for image in X] == y.tolist()
    _, test_iter = drawn.iters()
    assert torch.equal(torch.cat([y for _, y in test_iter]), drawn.val.tensors[1])
    assert drawn.text_labels([0, 9]) == ["T-shirt/top", "Ankle boot"]


def test_the_stand_in_has_fashion_mnist_s_form_and_is_no_gift():
    images, labels = standin.draw(6000, seed=0)
    test_images, test_labels = standin.draw(2000, seed=1)
    assert images.shape == (6000, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert labels.bincount().tolist() == [600] * 10
    assert torch.equal(standin.draw(6000, seed=0)[0], images)
    X, T = images.flatten(1) / 255.0, test_images.flatten(1) / 255.0
    X, T = (torch.cat([part, torch.ones(len(part), 1)], 1) for part in (X, T))
    ridge = torch.linalg.solve(X.T @ X + torch.eye(785), X.T @ one_hot(labels))  # the linear model with a closed form
    accuracy = ((T @ ridge).argmax(1) == test_labels).float().mean()
    assert 0.5 < accuracy < 0.9


def one_hot(labels):
    return torch.nn.functional.one_hot(labels, 10).float()


def test_a_truncated_archive(root, small):
    file = root / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    half = file.read_bytes()[:1000]
    file.unlink()
    file.write_bytes(half)
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz has 1,000 bytes and MD5 \w+, but") as caught:
        FashionMNIST(root=root)
    assert "Delete it, and it will be downloaded again" in str(caught.value)
    assert file.read_bytes() == half


def test_a_wrong_checksum(root):
    file = root / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    altered = gzip.compress(gzip.decompress(file.read_bytes())[:-1] + b"\x07")
    file.unlink()
    file.write_bytes(altered)
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte.gz has .* but MD5 25c8"):
        FashionMNIST(root=root)


def test_a_bad_archive_beside_a_good_unpacked_file_does_no_harm(root):
    file = root / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    (file.parent / "t10k-labels-idx1-ubyte").write_bytes(gzip.decompress(file.read_bytes()))
    file.unlink()
    file.write_bytes(b"half")
    assert FashionMNIST(root=root).source == data.REAL


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file; give the folder that holds the archives"):
        FashionMNIST(root=tmp_path / "file")


def test_no_network(tmp_path, small, offline):
    found = stand_in(tmp_path / "root", "refused", batch_size=7)
    assert repr(found).startswith("stand-in data (drawn, not Fashion-MNIST): 200 training and 200 test images")
    assert files(tmp_path) == []


def test_a_network_that_never_answers(tmp_path, small, monkeypatch):
    import pooch

    monkeypatch.setattr(data, "ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(pooch, "retrieve", lambda *_, **__: time.sleep(5))  # as a name look-up may hang
    started = time.monotonic()
    stand_in(tmp_path / "root", "no answer within 0.2 s")
    assert time.monotonic() - started < 4


def test_a_root_that_cannot_be_written(tmp_path, small):
    (tmp_path / "file").write_text("")
    stand_in(tmp_path / "file" / "root", "")  # not even root can make a folder inside a file
    if os.geteuid():
        (locked := tmp_path / "locked").mkdir(mode=0o555)
        stand_in(locked, "ermission")


def test_a_read_only_root_with_the_archives_is_fine(root):
    raw = root / "FashionMNIST" / "raw"
    raw.chmod(0o555)
    assert FashionMNIST(root=root).source == data.REAL
    assert len(files(root)) == 4  # nothing is unpacked beside them
    raw.chmod(0o755)


class _Serve(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; cuts off the body of whatever is named in `cut`."""

    cut = ()

    def do_GET(self):
        content = (self.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:5000] if self.path.lstrip("/") in self.cut else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(archives, monkeypatch):
    handler = type("Handler", (_Serve,), {"folder": archives})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(Torchvision, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    yield handler
    server.shutdown()
    server.server_close()


def test_a_download(tmp_path, mirror, capsys):
    assert FashionMNIST(root=tmp_path / "new").source == data.REAL
    assert files(tmp_path) == sorted(NAMES)
    assert "100%" in capsys.readouterr().err  # the progress bar
    mirror.folder = tmp_path / "nowhere"
    assert FashionMNIST(root=tmp_path / "new").source == data.REAL  # and it is there the next time


def test_a_half_finished_download(tmp_path, mirror, small):
    mirror.cut = ("train-images-idx3-ubyte.gz",)
    stand_in(tmp_path / "new", "train-images-idx3-ubyte.gz not in")
    assert "train-images-idx3-ubyte.gz" not in files(tmp_path)
    assert set(files(tmp_path)) <= set(NAMES)  # no half, no temporary file
    mirror.cut = ()
    assert FashionMNIST(root=tmp_path / "new").source == data.REAL  # it goes on where it stopped


def test_a_mirror_that_serves_something_else(tmp_path, archives, mirror, small):
    mirror.folder = tmp_path / "mirror"
    mirror.folder.mkdir()
    for name in NAMES:
        (mirror.folder / name).write_bytes(gzip.compress(b"a login page"))
    stand_in(tmp_path / "new", "hash")
    assert files(tmp_path / "new") == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_the_order_is_that_of_the_cpu(root):
    gpu, cpu = FashionMNIST(root=root), FashionMNIST(root=root, device="cpu")
    assert gpu.train.tensors[0].is_cuda
    (X, y), (U, v) = next(iter(gpu.train_dataloader())), next(iter(cpu.train_dataloader()))
    assert torch.equal(X.cpu(), U)
    assert torch.equal(y.cpu(), v)
