"""By which path a module runs, if it stands in several places: the one by which its running parent holds it."""

from collections import Counter
from typing import NamedTuple

from torch import nn


class _Run(NamedTuple):
    """A module that is running: its path, and how often it has called each module that stands in several places."""

    path: str
    calls: Counter[nn.Module]


class Paths:
    """Follows which modules of a net are running.

    A module that its parent holds under several names goes by the first at the first call, by the second at the
    second, and so on; the last name stays for all further calls. A module that is not of the net counts as its caller.

    Args:
        net: any module.
    """

    def __init__(self, net: nn.Module) -> None:
        modules = dict(net.named_modules(remove_duplicate=False))
        self._paths: dict[nn.Module, list[str]] = {}
        self._holders: dict[str, str] = {"": ""}  # path -> that of the module that calls it, if all goes as usual
        for path, module in modules.items():
            self._paths.setdefault(module, []).append(path)
            holder = path
            while holder and (holder == path or not _runs(modules[holder])):
                holder = holder.rpartition(".")[0]
            self._holders[path] = holder
        self._running: list[_Run] = []

    def __contains__(self, module: nn.Module) -> bool:
        return module in self._paths

    def enter(self, module: nn.Module) -> str:
        """Note that a module begins to run; return its path, "" for the net itself."""
        path = self._path(module)
        self._running.append(_Run(path, Counter()))
        return path

    def leave(self) -> None:
        """Note that the module that began last has ended."""
        self._running.pop()

    def clear(self) -> None:
        """Forget what is running: a new pass begins."""
        self._running = []

    def _path(self, module: nn.Module) -> str:
        paths = self._paths.get(module)
        if paths is None:
            return self._running[-1].path if self._running else ""
        if len(paths) == 1 or not self._running:
            return paths[0]
        parent, found = self._parent(paths)
        call = parent.calls[module]
        parent.calls[module] += 1
        return found[min(call, len(found) - 1)]

    def _parent(self, paths: list[str]) -> tuple[_Run, list[str]]:
        """Return the innermost running module that holds some of these paths, and which."""
        for run in reversed(self._running):
            own = [path for path in paths if self._holders[path] == run.path]
            if found := own or [path for path in paths if path.startswith(f"{run.path}." if run.path else "")]:
                return run, found
        return self._running[0], paths


def _runs(module: nn.Module) -> bool:
    """Whether a module can be called; a ModuleList, for example, only holds others."""
    return type(module).forward is not nn.Module.forward
