import os
from pathlib import Path

import pytest

import d2lparams  # noqa: F401  # repairs a CPU-only torch's torchvision before any test imports it


@pytest.fixture(scope="session")
def archives():
    """The folder that holds the four official archives of Fashion-MNIST."""
    roots = [os.environ.get("D2LPARAMS_DATA"), Path(__file__).parent.parent / "data"]
    for root in filter(None, roots):
        for folder in (Path(root) / "FashionMNIST" / "raw", Path(root)):
            if (folder / "train-images-idx3-ubyte.gz").is_file():
                return folder
    pytest.skip("the real Fashion-MNIST archives are not here: set D2LPARAMS_DATA to their folder")


@pytest.fixture(scope="session")
def box():
    """A sandbox that is started once for all the tests that only ask it something."""
    from sandboxed import needs_walls

    from d2lparams.course.sandbox import Limits, Sandbox

    needs_walls()
    with Sandbox(Limits(seconds=4, memory=1 << 30, result=1 << 20)) as box:
        yield box
