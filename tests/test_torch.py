"""A torch that lacks one of its private names costs the one feature that needs it, and one warning at most."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from d2lparams import health, parameter_table, select

REMOVALS = {  # name: code that makes torch look as if it had renamed it
    "none": "",
    "overrides._get_current_function_mode": "del torch.overrides._get_current_function_mode",
    "_C._functorch.peek_interpreter_stack": "del torch._C._functorch.peek_interpreter_stack",
    "ops.aten.alias": "torch.ops.aten.alias = None",
    "_C._current_graph_task_id": "del torch._C._current_graph_task_id",
    "_execution_engine.queue_callback": (
        "Variable = torch.autograd.Variable\n"
        "Variable._execution_engine = SimpleNamespace(run_backward=Variable._execution_engine.run_backward)"
    ),
    "Tensor._version": "torch.Tensor._version = None",
    "UntypedStorage._cdata": """
def renamed(storage, number=torch.UntypedStorage._cdata):
    if sys._getframe(1).f_globals["__name__"].startswith("d2lparams"):  # torch's own copying goes on reading it
        raise AttributeError("_cdata")
    return number.__get__(storage)
torch.UntypedStorage._cdata = property(renamed)
""",
    "nn.Module._compiled_call_impl": (
        "del nn.Module._compiled_call_impl; nn.Module.__call__ = nn.Module._call_impl"  # torch itself reads it
    ),
    "nn.Module._non_persistent_buffers_set": (
        "for module in net.modules(): del vars(module)['_non_persistent_buffers_set']"
    ),
    "nn.modules.dropout._DropoutNd": "del nn.modules.dropout._DropoutNd",
}
SCRIPT = """
import json, os, sys, warnings
from types import SimpleNamespace
import torch, torch.overrides
from torch import nn

def training():
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with d2lparams.track(net, every=1) as record:
        for _ in range(2):
            net(X).square().sum().backward()
            optimizer.step()
    return repr(record)

torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # loads much, here once for all
for name, removal in json.load(sys.stdin).items():
    read, write = os.pipe()
    if child := os.fork():
        os.close(write)
        with os.fdopen(read) as answer:
            print(json.dumps([name, json.loads(answer.read())]))
        os.waitpid(child, 0)
        continue
    shared = nn.Linear(3, 3)
    net = nn.Sequential(shared, nn.BatchNorm1d(3), nn.Dropout(), shared)
    net.register_buffer("mask", torch.ones(3), persistent=False)
    X, y = torch.rand(4, 3), torch.arange(4) % 3
    planned = nn.Sequential(*(nn.Linear(3, 3, device="meta") for _ in range(3)))
    planned[1].weight.data = planned[0].weight.data
    exec(removal)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            import d2lparams
            answer = {
                "table": repr(d2lparams.parameter_table(net, buffers=True)),
                "ties": repr(d2lparams.ties(net)),
                "meta": repr(d2lparams.ties(planned)),
                "health": [layer.name for layer in d2lparams.health(net, X, y).layers],
                "record": training(),
            }
        except Exception as error:
            answer = {"error": repr(error)}
    with os.fdopen(write, "w") as file:
        json.dump([answer, [str(warning.message) for warning in caught]], file)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def answers():
    """What each of these torches answers, {removal: (answers, warnings)}; a child of one process for each."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, input=json.dumps(REMOVALS), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


LOST = {  # removal: (what answers otherwise than with the whole torch, a word of the one warning)
    "overrides._get_current_function_mode": (set(), ""),
    "_C._functorch.peek_interpreter_stack": ({"record"}, "not split"),
    "ops.aten.alias": ({"record"}, "not split"),
    "_C._current_graph_task_id": ({"record"}, "not split"),
    "_execution_engine.queue_callback": ({"record"}, "not split"),
    "Tensor._version": ({"record"}, "not split"),
    "UntypedStorage._cdata": ({"meta"}, "meta device"),
    "nn.Module._compiled_call_impl": (set(), "compiled in place"),
    "nn.Module._non_persistent_buffers_set": ({"table"}, "not saved"),
    "nn.modules.dropout._DropoutNd": (set(), ""),
}


@pytest.mark.parametrize("name", LOST)
def test_what_torch_lacks_costs_one_feature_and_one_warning(answers, name):
    whole, silence = answers["none"]
    assert silence == []
    answer, warned = answers[name]
    assert "error" not in answer, answer
    lost, word = LOST[name]
    assert {what for what in whole if answer[what] != whole[what]} == lost
    assert len(warned) <= 1
    if lost or warned:
        assert word in warned[0]
        assert name in warned[0]


def test_what_cannot_be_told_is_not_guessed(answers):
    assert "1 × same storage" in answers["none"][0]["meta"]
    assert "nothing shared" in answers["UntypedStorage._cdata"][0]["meta"]


class OptimizedModule(nn.Module):
    """What `torch.compile` returns, with another name for what it wraps."""

    def __init__(self, net):
        super().__init__()
        self.renamed = net

    def forward(self, X):
        return self.renamed(X)


def test_a_compiled_net_of_another_torch_is_looked_at_from_outside():
    net = OptimizedModule(nn.Linear(3, 3))
    with pytest.warns(RuntimeWarning, match="no OptimizedModule._orig_mod: a compiled net is looked at from outside"):
        report = health(net, torch.rand(4, 3), torch.arange(4) % 3)
    assert [layer.name for layer in report.layers] == ["renamed"]
    assert [row.name for row in parameter_table(net).rows] == list(select(net, "*"))
