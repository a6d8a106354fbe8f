"""Packages by other people that only some tests take: requirements-elsewhere.txt."""

import importlib
import importlib.util
import os
import warnings
from types import ModuleType

import pytest


def needed(name: str) -> ModuleType:
    """Return a package. Where it is missing, a test file or a test is skipped; in CI it fails."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        reason = f"no {name}: make setup-elsewhere"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason, allow_module_level=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports in turn
        return importlib.import_module(name)
