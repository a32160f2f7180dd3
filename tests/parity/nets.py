"""Nets against PyTorch: outputs, losses, every gradient and running statistic, with the same weights and images.

    make test-peers                                          # builds and runs all of this folder
    /usr/bin/python3 tests/parity/nets.py build [WORD…]      # cases whose names contain one of these words
    /usr/bin/python3 tests/parity/nets.py build --brief      # each case once, with gates, and without them only what is small

Ours is run_net's run. Two runs of PyTorch (torch_net.py) stand beside it, one in float32 and one in float64; float64 is the reference. An
error is the largest difference over the largest value of its tensor. It passes where ours is at most a factor times that of PyTorch's float32 for
the same tensor, or at most a floor, in units of the last place of the largest value: PyTorch is now and then off by less than one by luck, as in
a gradient of an fc's ten biases, which is as good as the logits are behind it. A row shows the largest errors among the tensors of a class, and
names those that do not pass. Convolutions run on the direct kernels first, held to DIRECT; where the kernels that are chosen by themselves give
other bits, Winograd is among them, and a second run is held to WINOGRAD.

A ReLU whose input is nearly 0 and a max pool with two nearly equal values can decide either way in float32, and one such flip moves a
gradient by 1e-3. So all three runs take *our* decisions, and rounding is all that is left between them; that these decisions were right is
checked apart: where float64 would decide otherwise, the values must be within NEAR_TIE (of the map's largest) of the kink.

A bias whose only way on is through a batch norm has a gradient of exactly 0, of which rounding errors remain: below ZERO of its layer's
other gradients in float64. Their size is compared with those; such rows are marked "0". With gates every third filter is closed; what rule 10 freezes must then have gradients of exactly 0 and keep
its running statistics bit for bit.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F

from torch_net import Net

DIRECT = (3, 4 * 2.0**-23)     # factor and floor, of convolutions computed directly
WINOGRAD = (10, 8 * 2.0**-23)  # where any is computed by Winograd's algorithm
NEAR_TIE = 1e-5
ZERO = 1e-10
ODD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "odd.yaml")

# name, model, image, classes, batch
CASES = [
    ("c3-authors", "{name: c3-authors}", "3x32x32", 10, 32),
    ("c3-authors, 28x28", "{name: c3-authors}", "1x28x28", 10, 20),
    ("c3", "{name: c3}", "3x32x32", 10, 32),
    ("c3, unpooled", "{name: c3, pool: off}", "3x32x32", 10, 16),
    ("c3, bn", "{name: c3, bn: on}", "3x32x32", 10, 32),
    ("vgg-narrow", "{name: vgg-narrow}", "3x32x32", 10, 32),
    ("vgg-narrow, dropout", "{name: vgg-narrow, bn: off, dropout: on}", "3x32x32", 10, 20),
    ("vgg16", "{name: vgg16}", "3x32x32", 10, 8),
    ("resnet-20", "{name: resnet, depth: 20}", "3x32x32", 10, 16),
    ("resnet-20, 27x30", "{name: resnet, depth: 20, stochastic_depth: on}", "3x27x30", 10, 8),
    ("resnet-18", "{name: resnet-18}", "3x32x32", 10, 4),
    ("densenet-40", "{name: densenet, variant: 40}", "3x32x32", 10, 4),
    ("densenet-bc-100", "{name: densenet, variant: bc-100, dropout: on}", "3x32x32", 10, 2),
    ("inception", "{name: inception}", "3x32x32", 10, 4),
    ("odd", f"{{name: {ODD}}}", "5x27x30", 7, 10),
]
LARGE = ("vgg16", "resnet-18", "densenet-40", "densenet-bc-100", "inception")


class Ours:
    """What run_net wrote."""

    def __init__(self, driver, case, with_gates, is_direct):
        _, model, image, classes, batch = case
        with tempfile.TemporaryDirectory() as folder:
            command = [driver, model, image, str(classes), str(batch), "1", folder]
            subprocess.run(command + (["--gates"] if with_gates else []) + (["--direct"] if is_direct else []), check=True)

            def read(name, dtype=numpy.float32):
                return torch.from_numpy(numpy.fromfile(os.path.join(folder, name), dtype=dtype))

            with open(os.path.join(folder, "meta.json")) as file:
                self.meta = json.load(file)
            size = self.meta["image"]
            self.parameters, self.gradients, self.statistics = read("parameters.f32"), read("gradients.f32"), read("statistics.f32")
            self.images = read("images.f32").reshape(batch, size["channels"], size["height"], size["width"])
            self.labels = read("labels.u8", numpy.uint8).long()
            self.closed = read("closed.u8", numpy.uint8) if with_gates else None
            self.train_logits = read("train_logits.f32").reshape(batch, -1)
            self.evaluate_logits = read("evaluate_logits.f32").reshape(batch, -1)
            self.losses = read("losses.f32")
            decisions = read("decisions.u8", numpy.uint8)
        self.net = Net(self.meta)
        names = {layer["name"]: i for i, layer in enumerate(self.net.layers)}
        self.decisions = {names[d["layer"]]: decisions[d["offset"] : d["offset"] + d["size"]] for d in self.meta["decisions"]}


class Theirs:
    """PyTorch's run of the same, in float32 or float64, with our decisions."""

    def __init__(self, ours, dtype):
        net, values = ours.net, ours.net.split(ours.parameters, dtype)
        run = net.run(values, ours.images, training=True, closed=ours.closed, decisions=ours.decisions)
        loss = F.cross_entropy(run.logits, ours.labels)
        loss.backward()
        self.train_logits = run.logits.detach()
        self.gradients = net.join([value.grad for value in values])
        self.statistics = net.join([run.statistics.get(number, value) for number, value in enumerate(values)])
        self.disagreements = run.disagreements
        with torch.no_grad():
            self.evaluate_logits = net.run(values, ours.images, training=False, closed=ours.closed).logits
            self.losses = F.cross_entropy(self.train_logits, ours.labels, reduction="none")
            self.losses_of_our_logits = F.cross_entropy(ours.train_logits.to(dtype), ours.labels, reduction="none")


def error(values, reference, scale=None):
    scale = reference.abs().max() if scale is None else scale
    return float(((values.double() - reference).abs().max() / scale).nan_to_num(nan=float("inf"), posinf=float("inf")))


def tensor_errors(ours, single, double):
    """(class, layer, our error, PyTorch's) for each tensor."""
    net = ours.net
    first = None
    for tensor in net.tensors:
        kind = tensor["kind"]
        part = slice(tensor["offset"], tensor["offset"] + tensor["K"] * tensor["C"] * tensor["E"])
        what = "statistics" if kind in ("BN mean", "BN variance") else "gradients"
        reference = getattr(double, what)[part]
        scale = reference.abs().max()
        if kind in ("conv weight", "fc weight", "BN gamma"):
            first = scale
        if what == "gradients" and scale < ZERO * first:
            kind, scale = f"{kind}, 0", first
        yield kind, tensor["layer"], error(getattr(ours, what)[part], reference, scale), error(getattr(single, what)[part], reference, scale)


def output_errors(ours, single, double):
    """Logits and each image's loss; the loss function by itself, on our logits; and the batch's mean, which is that of the losses."""
    for what in ("train_logits", "evaluate_logits", "losses"):
        reference = getattr(double, what)
        yield what.replace("_", " "), "", error(getattr(ours, what), reference), error(getattr(single, what), reference)
    reference = double.losses_of_our_logits
    yield "cross entropy", "", error(ours.losses, reference), error(single.losses_of_our_logits, reference)
    mean = ours.losses.double().mean()
    yield "mean loss", "", error(torch.tensor(ours.meta["loss"]), mean), error(ours.losses.mean(), mean)


class Table:
    def __init__(self):
        self.failed = 0

    def row(self, passed, case, what, text):
        self.failed += not passed
        print(f"{'OK  ' if passed else 'FAIL'} {case:34s} {what:16s} {text}", flush=True)

    def errors(self, case, found, bound):
        factor, floor = bound
        classes = {}
        for kind, layer, mine, torchs in found:
            classes.setdefault(kind, []).append((mine, torchs, layer))
        for kind, rows in classes.items():
            mine, _, layer = max(rows)
            torchs = max(row[1] for row in rows)
            beyond = [row for row in rows if row[0] > max(factor * row[1], floor)]
            ratio = mine / torchs if torchs > 0 else float("inf") if mine > 0 else 1
            where = f"{layer} is worst of {len(rows)}" if len(rows) > 1 else layer
            apart = "".join(f"; {name} {one:.2e} {other:.2e}" for one, other, name in beyond)
            self.row(not beyond, case, kind, f"{mine:9.2e} {torchs:9.2e} {ratio:6.2f}  {where}{apart}")

    def decisions(self, case, double):
        n = sum(n for _, n, _ in double.disagreements)
        gap = max((gap for _, _, gap in double.disagreements), default=0)
        self.row(gap <= NEAR_TIE, case, "decisions", f"{n} differ from float64's, at most {gap:.2g} from the kink")

    def frozen(self, case, ours):
        frozen = ours.net.frozen_values(ours.closed)
        moved = int(((ours.gradients != 0) & frozen).sum() + ((ours.statistics != ours.parameters) & frozen).sum())
        self.row(moved == 0, case, "frozen", f"{int(frozen.sum())} of {frozen.numel()} values, {moved} with a gradient or moved")


def compare(table, name, ours, with_gates, bound):
    single, double = Theirs(ours, torch.float32), Theirs(ours, torch.float64)
    table.errors(name, list(output_errors(ours, single, double)) + list(tensor_errors(ours, single, double)), bound)
    table.decisions(name, double)
    if with_gates:
        table.frozen(name, ours)


def check(table, driver, case, with_gates):
    started = time.monotonic()
    name = case[0] + (", gates" if with_gates else "")
    direct, chosen = Ours(driver, case, with_gates, True), Ours(driver, case, with_gates, False)
    compare(table, name, direct, with_gates, DIRECT)
    if not torch.equal(direct.gradients, chosen.gradients) or not torch.equal(direct.train_logits, chosen.train_logits):
        compare(table, name + ", Winograd", chosen, with_gates, WINOGRAD)
    print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    driver = os.path.join(sys.argv[1], "tests/parity/run_net")
    if not os.path.exists(driver):
        sys.exit(f"{driver} is not there: make it first")
    torch.set_num_threads(2)
    is_brief, words, table = "--brief" in sys.argv, [word for word in sys.argv[2:] if word != "--brief"], Table()
    print(f"     {'case':34s} {'class':16s} {'ours':>9s} {'torch':>9s} {'ratio':>6s}")
    for case in CASES:
        if not words or any(word in case[0] for word in words):
            for with_gates in (True,) if is_brief and case[0] in LARGE else (False, True):
                check(table, driver, case, with_gates)
    sys.exit(1 if table.failed else 0)


if __name__ == "__main__":
    main()
