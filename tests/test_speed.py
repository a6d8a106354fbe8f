"""What is measured in seconds: of this process alone, so that others on the same machine change little."""

import time
from collections.abc import Callable

import torch
from torch import nn

from d2lparams import count_parameters, initialize, parameter_table, ties


def seconds(work: Callable[[], object], times_run: int = 3) -> float:
    """Return the seconds that this process works for it, the best of three."""
    times = []
    for _ in range(times_run):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def test_the_table_of_a_billion_parameters_takes_less_than_a_second():
    with torch.device("meta"):  # 12 tensors and 12,596,224 numbers a layer
        net = nn.Sequential(*(nn.TransformerEncoderLayer(1024, 16, 4096) for _ in range(80)))

    def show():
        table = parameter_table(net)
        return table, repr(table) + table._repr_html_()

    assert count_parameters(net) > 1_000_000_000
    assert seconds(show) < 1
    table, text = show()
    assert len(table.rows) == 960
    assert "1,007,697,920 numbers, 3.75 GiB, on the meta device" in text


def test_the_cost_of_ties_grows_linearly_with_the_number_of_tensors():
    few, many = (nn.ModuleList(nn.Linear(4, 4) for _ in range(n)) for n in (400, 1600))  # of one shape: the worst case
    assert seconds(lambda: ties(many)) < 8 * seconds(lambda: ties(few))  # 4 if linear, 16 if quadratic


def test_initialize_fills_ten_thousand_tensors_in_a_second_and_linearly():
    few, many = (nn.ModuleList(nn.LayerNorm(4) for _ in range(n)) for n in (1250, 5000))
    rules = {nn.LayerNorm: nn.init.uniform_, "*.bias": nn.init.zeros_}
    g = torch.Generator().manual_seed(0)
    most = seconds(lambda: initialize(many, rules, g), 2)
    assert most < 1
    assert most < 8 * seconds(lambda: initialize(few, rules, g), 2)  # 4 if linear, 16 if quadratic
