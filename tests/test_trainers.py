"""A tiny tied GPT-2 under other people's trainers: the numbers of a loop by hand, and the bits of one without."""

import copy
import logging
import warnings
from pathlib import Path

import pytest
import torch
from accelerated import Tied, data
from elsewhere import needed
from torch.utils.data import DataLoader, IterableDataset

import d2lparams
from d2lparams.chapter.processes import two_processes

STEPS, PARTS, MOST = 3, 2, 0.3  # PARTS batches for a step, whose gradient is clipped to a norm of MOST
TIED = "transformer.wte.weight"
PLACES = ["transformer.wte", "lm_head"]


def gpt2():
    transformers = needed("transformers")
    torch.manual_seed(0)
    sizes = {"vocab_size": 17, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2}
    quiet = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **quiet))


def adam(net):  # a gradient that is all rounding moves nothing much, by this eps
    return torch.optim.AdamW(net.parameters(), lr=0.01, eps=1e-3)


class Rows(IterableDataset):
    """Batches of two in their order."""

    def __iter__(self):
        torch.manual_seed(1)
        for row in torch.randint(17, (2 * PARTS * STEPS, 6)):
            yield {"input_ids": row, "labels": row}


def batches():
    return DataLoader(Rows(), batch_size=2)


def by_transformers(net, folder):
    needed("accelerate")  # which that trainer takes
    transformers = needed("transformers")
    options = {"max_steps": STEPS, "per_device_train_batch_size": 2, "gradient_accumulation_steps": PARTS}
    quiet = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no"}
    arguments = transformers.TrainingArguments(
        **(options | quiet), output_dir=str(folder), use_cpu=True, max_grad_norm=MOST, lr_scheduler_type="constant"
    )
    transformers.Trainer(net, arguments, train_dataset=Rows(), optimizers=(adam(net), None)).train()


def by_accelerate(net, folder):
    accelerator = needed("accelerate").Accelerator(cpu=True, gradient_accumulation_steps=PARTS)
    optimizer = adam(net)
    model, optimizer, loader = accelerator.prepare(net, optimizer, batches())
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), MOST)
            optimizer.step()
            optimizer.zero_grad()


def by_lightning(net, folder):
    lightning = needed("lightning.pytorch")

    class Lit(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net

        def training_step(self, batch, index):
            return self.net(**batch).loss

        def configure_optimizers(self):
            return adam(self.net)

    quiet = dict.fromkeys(["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False)
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=STEPS, accumulate_grad_batches=PARTS, gradient_clip_val=MOST, **quiet
    )
    trainer.fit(Lit(), batches())


TRAINERS = [by_transformers, by_accelerate, by_lightning]


@pytest.fixture(autouse=True)
def _quiet():
    """What these packages say of themselves and of this machine is not ours."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module="d2lparams")
        yield


@pytest.fixture(scope="module")
def wanted():
    """{(step, parameter): numbers} of a loop by hand, and the net that it leaves; uses are of an untied twin."""
    net, found = gpt2(), {}
    optimizer = adam(net)
    start, loader = copy.deepcopy(net.state_dict()), iter(batches())
    for step in range(STEPS):
        before = copy.deepcopy(net.state_dict())
        twin = copy.deepcopy(net)
        twin.lm_head.weight = torch.nn.Parameter(twin.lm_head.weight.detach().clone())
        optimizer.zero_grad()
        for batch in (next(loader) for _ in range(PARTS)):
            (net(**batch).loss / PARTS).backward()
            (twin(**batch).loss / PARTS).backward()
        whole = torch.nn.utils.clip_grad_norm_(net.parameters(), MOST)
        assert whole > MOST  # it is clipped, indeed
        optimizer.step()
        for name, p in net.named_parameters():
            update, distance = (p - before[name]).norm() / p.norm(), (p - start[name]).norm()
            found[step, name] = [x.item() for x in (p.norm(), p.grad.norm(), update, distance)]
        a, b = (p.grad.flatten() * MOST / whole for p in (twin.transformer.wte.weight, twin.lm_head.weight))
        found[step, "uses"] = [x.item() for x in (a.norm(), b.norm(), a @ b / (a.norm() * b.norm()))]
    return net, found


def numbers(record, prefix=""):
    """The same of a record."""
    found = {}
    for row in record.frame().itertuples():
        norms = [row.weight_norm, row.grad_norm, row.update_ratio, row.distance]
        found[row.step, row.parameter.removeprefix(prefix)] = norms
    for step, row in record.uses(prefix + TIED).iterrows():
        found[step, "uses"] = [*(row["norm", prefix + place] for place in PLACES), *row["cosine"]]
        assert row["check", "error"] < 1e-5
    return found


def meet(found, expected):
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-4, abs=1e-7), key


@pytest.mark.parametrize("train", TRAINERS)
def test_a_trainer_records_the_numbers_of_a_loop_by_hand_and_trains_to_the_same_bits(train, wanted, tmp_path):
    plain, tracked = gpt2(), gpt2()
    train(plain, tmp_path)
    with d2lparams.track(tracked, every=1) as record:
        train(tracked, tmp_path)
    assert record.errors == {}
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), tracked.parameters(), strict=True))
    net, expected = wanted
    for a, b in zip(net.parameters(), tracked.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    meet(numbers(record), expected)


def test_two_processes_of_accelerate_record_the_numbers_of_all_their_data():
    needed("accelerate")
    net, norms, uses = Tied(), [], []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for four in data().split(4):  # two batches of one row in each process
        by_use = d2lparams.gradient_by_use(net, lambda four=four: net(four))["embed.weight"]
        optimizer.zero_grad()
        net(four).backward()
        clipped = 0.1 / torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        optimizer.step()
        norms.append(net.embed.weight.grad.norm().item())
        uses.append([(part.norm() * clipped).item() for part in by_use.values()])
    found = two_processes((Path(__file__).parent / "accelerated.py").read_text(), seconds=100)
    assert found.keys() == {"process 0", "process 1"}, "the two processes could not train"
    for tracked, bare, *recorded in found.values():
        assert tracked == bare
        torch.testing.assert_close(torch.tensor(tracked), net.embed.weight.detach())
        assert recorded[0] == pytest.approx(norms, rel=1e-4)
        for step, wanted in zip(recorded[1], uses, strict=True):
            assert step == pytest.approx(wanted, rel=1e-4)
