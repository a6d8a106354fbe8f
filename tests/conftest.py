"""What all tests share: the order in which they start, what `--quick` leaves out, and where the data set lies.

On several cores the tests of a file stay together, in their order, since they share what is dear: a browser, a kernel,
a sandbox. What measures time stands in test_speed.py, so that no two of these run at once.
"""

import os
import sys
from pathlib import Path

import pytest

WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # as many processes as cores: one thread each, in the kernels they start too
    os.environ.setdefault("OMP_NUM_THREADS", "1")

LONG = {  # seconds on one core: these start first, the longest before the others, and `--quick` leaves them out
    "5-shared-mlp.ipynb": 90,
    "test_browser.py": 60,
    "test_lab_figures.py": 35,
    "test_course.py": 40,
    "c-sharing-in-practice.ipynb": 55,
    "test_exercises.py": 30,
    "test_notebooks.py": 30,
    "test_d2l_versions.py": 28,
    "test_widgets.py": 20,
    "test_two_processes.py": 20,
    "test_regimes.py": 9,
    "test_live_playground.py": 10,
    "test_optimizers.py": 7,
    "test_hostile.py": 40,
    "test_honest.py": 12,
    "test_round_trip.py": 12,
    "test_html.py": 40,
    "test_live_pages.py": 25,
    "test_live_explorer.py": 15,
    "test_replay.py": 6,
    "test_sandbox.py": 15,
    "test_trainers.py": 12,
    "test_loggers.py": 8,
    "2-initialization.ipynb": 10,
    "e-answers.ipynb": 10,
    "test_guesses.py": 10,
    "test_variants.py": 28,
    "test_drawn.py": 8,
    "test_contrast.py": 5,
    "test_left_behind.py": 5,
    "test_quiz.py": 8,
    "test_verdicts.py": 8,
    "test_bank.py": 7,
    "3-custom-initialization.ipynb": 6,
    "4-sharing.ipynb": 6,
    "test_plots.py": 5,
    "test_data.py": 4,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out notebooks and what takes long")


def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than there are cores: browsers and sandboxes are often waited for."""
    return min(4, (os.cpu_count() or 1) + 1)


class _CloseFigures:
    """Closes what the examples in docstrings leave open: too many figures are a warning."""

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if isinstance(item, pytest.DoctestItem) and pyplot:
            pyplot.close("all")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_CloseFigures())  # a conftest's own hooks see only the tests below it
    if config.getoption("quick"):
        config.option.nbval = False
    if WORKER or not config.getoption("numprocesses", None):  # a process that only gives out work need not wait for it
        import d2lparams  # noqa: F401  # repairs a CPU-only torch's torchvision before any test imports it


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.getoption("quick") and collection_path.name in LONG else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: -LONG.get(item.path.name, 0))


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
