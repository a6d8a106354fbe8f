"""What an epoch costs: `make bench`. Everything is timed in one run, in turn, inside a Jupyter kernel, as learners do.

The net, batches and evaluation are those of notebook 5; the machine's noise is why ratios are medians over rounds.
Then, in Chromium: how long it takes from a slider's move until the picture is painted.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # for `lab`, which drives JupyterLab

ROUNDS, EPOCHS = 5, 2


def shared_mlp():
    from torch import nn

    shared = nn.Linear(256, 256)
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.5)),
        *(shared, nn.ReLU(), nn.Dropout(0.3), shared, nn.ReLU(), nn.Dropout(0.1)),
        nn.Linear(256, 10),
    )


def epochs(data):
    """Yield (name, function that runs one epoch: 60,000 images of training and 10,000 of evaluation)."""
    import torch
    from d2l import torch as d2l
    from torch.nn import functional as F

    import d2lparams
    from d2lparams import plots

    class Net(d2l.Classifier):
        def __init__(self):
            super().__init__()
            self.lr, self.net = 0.5, shared_mlp()

    class Trained:
        """One net that d2l's Trainer takes through one epoch after another, on a board that goes on."""

        def __init__(self, data, board=None, tracked=False):
            self.data, self.tracked, self.net = data, tracked, Net()
            self.net.board = board or self.net.board
            self.trainer = d2l.Trainer(max_epochs=100, num_gpus=d2l.num_gpus())
            self.trainer.prepare_data(data)
            self.trainer.prepare_model(self.net)
            self.trainer.optim = self.net.configure_optimizers()
            self.trainer.epoch = self.trainer.train_batch_idx = self.trainer.val_batch_idx = 0

        def __call__(self):
            if self.tracked:
                with d2lparams.track(self.net):
                    self.trainer.fit_epoch()
            else:
                self.trainer.fit_epoch()
            self.trainer.epoch += 1

    def bare():
        net = shared_mlp().to(data.device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        train, val = data.iters()

        def epoch():
            net.train()
            for X, y in train:
                loss = F.cross_entropy(net(X), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            net.eval()
            right = 0
            with torch.no_grad():
                for X, y in val:
                    out = net(X)
                    right += (out.argmax(1) == y).sum()
                    F.cross_entropy(out, y)
            return float(right)

        return epoch

    def products():
        """The eleven matrix products of a step: four forward, four for weights, three for inputs; four to evaluate."""
        sizes = [(784, 256), (256, 256), (256, 256), (256, 10)]
        W = [torch.randn(o, i, device=data.device) for i, o in sizes]
        X = [torch.randn(256, i, device=data.device) for i, _ in sizes]
        G = [torch.randn(256, o, device=data.device) for _, o in sizes]

        def epoch():
            for _ in range(235):
                for w, x in zip(W, X, strict=True):
                    x @ w.T
                for w, x, g in zip(W, X, G, strict=True):
                    g.T @ x
                    if w is not W[0]:
                        g @ w
            for _ in range(40):
                for w, x in zip(W, X, strict=True):
                    x @ w.T
            if data.device.type == "cuda":
                torch.cuda.synchronize()

        return epoch

    yield "stock d2l.Trainer, stock d2l.FashionMNIST", Trained(d2l.FashionMNIST(batch_size=256))
    yield "d2l.Trainer, ours, not tracked", Trained(data, plots.Board())
    yield "d2l.Trainer, ours, tracked", Trained(data, plots.Board(), tracked=True)
    yield "bare PyTorch loop, same batches", bare()
    yield "matrix products alone", products()


def as_idx(data, folder):
    """Write a data set as the unpacked files that torchvision reads, so that stock d2l sees the same images."""
    folder.mkdir(parents=True)
    for name, dataset in (("train", data.train), ("t10k", data.val)):
        images, labels = (tensor.cpu().numpy().astype("uint8") for tensor in dataset.tensors)
        for kind, array in (("images-idx3", images.reshape(-1, 28, 28)), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + array.tobytes())


def main():
    """Runs in the kernel; prints the table."""
    import warnings

    import torch

    import d2lparams

    warnings.filterwarnings("ignore", message="This DataLoader will create")  # stock d2l wants 4 workers
    data = d2lparams.FashionMNIST(batch_size=256)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "notebooks").mkdir()
        as_idx(data, root / "data" / "FashionMNIST" / "raw")
        here = Path.cwd()
        os.chdir(root / "notebooks")  # d2l looks for ../data
        runs = dict(epochs(data))
        os.chdir(here)
        seconds = {name: [] for name in runs}
        for turn in range(ROUNDS + 1):
            for name, epoch in runs.items():
                started = time.perf_counter()
                for _ in range(EPOCHS):
                    epoch()
                if turn:  # the first round warms up
                    seconds[name].append((time.perf_counter() - started) / EPOCHS)
            print(f"round {turn} of {ROUNDS}", file=sys.stderr)
    stock, plain, tracked, bare, _ = seconds

    def ratio(a, b):
        return statistics.median(x / y for x, y in zip(seconds[a], seconds[b], strict=True))

    print(f"\n{data}; {torch.get_num_threads()} threads; torch {torch.__version__}\n")
    print(f"{'one epoch, median of ' + str(ROUNDS):45}{'s':>8}{'to bare':>10}{'to stock':>10}")
    for name, times in seconds.items():
        print(f"{name:45}{statistics.median(times):8.2f}{ratio(name, bare):10.2f}{ratio(name, stock):10.2f}")
    print(f"\ntracking costs {ratio(tracked, plain) - 1:+.1%} at its default setting (wanted: at most 5%)")
    print(f"import d2lparams costs {import_cost() * 1000:.0f} ms over import torch (wanted: at most 50 ms)")
    monitored(data)
    tables()


def monitored(data, rounds=3, epochs=10):
    """Print what the monitor costs over the same tracked training without it, at its default rate."""
    import torch
    from torch.nn import functional as F

    import d2lparams

    def train(watch):
        net = shared_mlp().to(data.device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        started = time.perf_counter()
        with d2lparams.track(net) as record, watch(record):
            for _ in range(epochs):
                for X, y in data.train_dataloader():
                    loss = F.cross_entropy(net(X), y)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        return time.perf_counter() - started

    ratios = []
    for _ in range(rounds):
        alone, watched = train(contextlib.nullcontext), train(d2lparams.widgets.monitor)
        ratios.append(watched / alone)
        print(f"monitor: {alone:.1f} s tracked, {watched:.1f} s with the monitor", file=sys.stderr)
    cost = statistics.median(ratios) - 1
    print(f"the monitor costs {cost:+.1%} over the same tracked training without it (wanted: at most 5%)")


def tables():
    """Print what `parameter_table` and `ties` cost on nets without memory: linear in the number of tensors?"""
    import torch
    from torch import nn

    import d2lparams

    print(f"\n{'on the meta device':20}{'numbers':>16}{'tensors':>10}{'table, s':>10}{'ties, s':>10}")
    for blocks in (125, 250, 500, 1000):
        with torch.device("meta"):
            net = nn.Sequential(*(nn.TransformerEncoderLayer(1024, 16, 1024) for _ in range(blocks)))
        costs = []
        for inspect in (d2lparams.parameter_table, d2lparams.ties):
            work = timeit.Timer(lambda inspect=inspect, net=net: repr(inspect(net)))  # without garbage collection
            costs.append(min(work.repeat(3, number=1)))
        numbers, tensors = d2lparams.count_parameters(net), len(list(net.parameters()))
        print(f"{blocks:>4} encoder layers {numbers:16,}{tensors:10,}{costs[0]:10.3f}{costs[1]:10.3f}")


def import_cost():
    """Return seconds that `import d2lparams` adds to `import torch`, the median of five processes."""
    code = "import time, torch; t = time.perf_counter(); import d2lparams; print(time.perf_counter() - t)"
    times = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return statistics.median(float(done.stdout) for done in times)


def in_a_kernel():
    """Run `main` in a fresh Jupyter kernel and print what it prints."""
    from jupyter_client.manager import KernelManager

    def relay(message):
        if message["msg_type"] == "stream" and "\r" not in message["content"]["text"]:  # no progress bars
            print(message["content"]["text"], end="", flush=True)
        elif message["msg_type"] == "error":
            print("\n".join(message["content"]["traceback"]))

    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel(extra_arguments=["--log-level=ERROR"])
    client = kernel.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        here = str(Path(__file__).parent)
        code = f"%matplotlib inline\nimport sys\nsys.path.insert(0, {here!r})\nimport bench\nbench.main()"
        reply = client.execute_interactive(code, output_hook=relay, timeout=3600)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    return 0 if reply["content"]["status"] == "ok" else 1


EXPLORER = "from d2lparams.chapter import init_explorer\n\ninit_explorer()"
PLAYGROUND = "from d2lparams.chapter import tie_playground\n\ntie_playground()"
NAIVE = """
import ipywidgets
import matplotlib.pyplot as plt
from d2lparams.chapter.deep_net import first_pass

def draw(gain):
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 3.4), layout="constrained")
    start = first_pass(gain=gain)
    for axis, (kind, stds) in zip(axes, start.stds.items()):
        for tensor in getattr(start, kind):
            axis.hist(tensor.flatten().numpy(), bins=65, alpha=0.5)
        axes[3].semilogy(stds)
    plt.show()

gain = ipywidgets.FloatLogSlider(description="gain", value=1, min=-1, max=1, step=0.02)
ipywidgets.VBox([gain, ipywidgets.interactive_output(draw, {"gain": gain})])
"""
TURN = """moves => {  // press a key, or two buttons in turn, wait until its answer is painted, rest a while, and so on
  window.times = [];
  let pressed, painted;
  const drawn = () => pressed && requestAnimationFrame(() => setTimeout(() => painted?.()));
  document.addEventListener('load', event => event.target.tagName === 'IMG' && drawn(), true);
  const drawImage = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...given) { drawn(); drawImage.apply(this, given); };
  const handle = document.querySelector('.noUi-handle');
  const inTurn = button => /^(write|start again)$/.test(button.textContent);
  const buttons = [...document.querySelectorAll('button')].filter(inTurn);
  const rest = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  (async () => {
    await rest(3000);
    handle.focus();
    for (let move = 0; move < moves; move++) {
      const key = move % 40 < 20 ? 'ArrowRight' : 'ArrowLeft';
      const answer = new Promise(done => { painted = done; });
      pressed = performance.now();
      if (buttons.length) buttons[(move + 1) % 2].click();
      else handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
      await answer;
      window.times.push(performance.now() - pressed);
      pressed = painted = null;
      await rest(50);
    }})(); }"""


def in_a_browser(moves=60):
    """Print the milliseconds from a key or a click to painted pixels: of 4 hidden layers of 65,536 weights; of ties."""
    import lab

    if not lab.CHROMIUM:
        print("\nno Chromium, so no slider was timed: apt-get install chromium")
        return
    print(f"\n{'from slider to painted pixels, ms':45}{'median':>8}{'p90':>10}")
    naive = ("interactive_output, a new figure for each", NAIVE)
    for name, source in (("the init explorer", EXPLORER), naive, ("the tie playground, on a click", PLAYGROUND)):
        times = sorted(turned(source, moves + 5)[5:])
        print(f"{name:45}{statistics.median(times):8.0f}{times[int(0.9 * len(times))]:10.0f}", flush=True)


def turned(source, moves):
    """Return the milliseconds that each move of the first slider, or click, takes: a notebook with this one cell."""
    import lab
    import nbformat

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata=kernel)
    with tempfile.TemporaryDirectory() as folder, lab.server(folder) as address, lab.own_browser() as connect:
        nbformat.write(notebook, Path(folder) / "bench.ipynb")
        context = connect()
        opened = lab.Lab(context, address).open("bench.ipynb")
        opened.run_all(60)
        opened.page.locator(".jp-OutputArea-output :is(img, canvas)").first.wait_for()
        opened.page.evaluate(TURN, moves)
        times = []
        while len(times) < moves:
            context.browser.close()
            time.sleep(15)
            context = connect()
            times = next(page for page in context.pages if address in page.url).evaluate("window.times")
    return times


if __name__ == "__main__":
    failed = in_a_kernel()
    in_a_browser()
    sys.exit(failed)
