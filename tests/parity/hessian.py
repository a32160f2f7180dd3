"""The Hessian's products and the criterion hessian against PyTorch, with the same weights, images and random vectors.

    make test-peers                                             # builds and runs all of this folder
    /usr/bin/python3 tests/parity/hessian.py build [WORD…]      # cases whose names contain one of these words
    /usr/bin/python3 tests/parity/hessian.py build --brief      # c3-authors and a net with BN

Ours is run_hessian's run: H·z for a few random vectors, and the scores of both variants, by way of the plugin. The reference is PyTorch
(torch_net.py) in float64: H·z by differentiating the gradient once more, gradients of batches of 250, with each filter's score worked out
here. What passes:

    product      each conv's largest difference is at most 1e-4 of its largest value
    obd          each filter's score is within 1e-4 of the reference's
    hutchinson   each filter's score is within 1e-4 of its layer's largest: scores have both signs, and some are near 0

Both runs take our ReLUs' and max pools' decisions, as in nets.py: one that goes the other way moves a product by 1e-3 of its largest value.
Where float64 would decide otherwise, the values must be within NEAR_TIE of the kink.
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

TOLERANCE = 1e-4
NEAR_TIE = 1e-5
BATCH = 250  # what criteria are shown at a time
HERE = os.path.dirname(os.path.abspath(__file__))

# name, model, image, classes, images, draws
CASES = [
    ("c3-authors", "{name: c3-authors}", "3x32x32", 10, 252, 2),
    ("c3, bn", "{name: c3, bn: on}", "3x32x32", 10, 252, 2),
    ("vgg-narrow", "{name: vgg-narrow, dropout: on}", "3x32x32", 10, 30, 1),
    ("resnet-20", "{name: resnet, depth: 20}", "3x32x32", 10, 30, 2),
    ("resnet-18", "{name: resnet-18}", "3x32x32", 10, 4, 1),
    ("densenet-40", "{name: densenet, variant: 40}", "3x32x32", 10, 6, 1),
    ("inception", "{name: inception}", "3x32x32", 10, 6, 1),
    ("odd", f"{{name: {HERE}/odd.yaml}}", "4x27x30", 7, 12, 2),
]
# Large layers, whose kernels are chosen by the batch: one set of decisions would not be that of all batches.
DIRECT = ("vgg-narrow", "resnet-18", "inception")
BRIEF = ("c3-authors", "c3, bn")


class Ours:
    """What run_hessian wrote."""

    def __init__(self, build, case, with_gates):
        _, model, image, classes, images, draws = case
        with tempfile.TemporaryDirectory() as folder:
            driver, plugin = os.path.join(build, "tests/parity/run_hessian"), os.path.abspath(os.path.join(build, "rankers/hessian.so"))
            command = [driver, model, image, str(classes), str(images), str(draws), plugin, folder]
            options = (["--gates"] if with_gates else []) + (["--direct"] if case[0] in DIRECT else [])
            subprocess.run(command + options, check=True)

            def read(name, dtype=numpy.float32):
                return torch.from_numpy(numpy.fromfile(os.path.join(folder, name), dtype=dtype))

            with open(os.path.join(folder, "meta.json")) as file:
                self.meta = json.load(file)
            size = self.meta["image"]
            self.parameters = read("parameters.f32")
            self.images = read("images.f32").reshape(images, size["channels"], size["height"], size["width"])
            self.labels = read("labels.u8", numpy.uint8).long()
            self.closed = read("closed.u8", numpy.uint8) if with_gates else None
            self.directions = read("directions.f32").double().reshape(draws, -1)
            self.products = read("products.f32").double().reshape(draws, -1)
            self.multiplied = read("multiplied.u32", numpy.int32).long()
            decisions = read("decisions.u8", numpy.uint8)
            self.scores = {"obd": read("obd.f32").double(), "hutchinson": read("hutchinson.f32").double()}
        self.net = Net(self.meta)
        names = {layer["name"]: i for i, layer in enumerate(self.net.layers)}
        places = self.meta["decisions"]
        self.decisions = {names[d["layer"]]: decisions[d["offset"] : d["offset"] + d["size"]].reshape(images, -1) for d in places}


class Theirs:
    """PyTorch's. `weights` are the convs', `sizes` their numbers of values."""

    def __init__(self, ours):
        self.ours, self.net = ours, ours.net
        self.values = self.net.split(ours.parameters, torch.float64)
        self.weights = [self.values[self.net.of_layer[i]["conv weight"]] for i in self.net.convs]
        self.gap = 0  # the furthest from its kink that float64 would have decided otherwise
        self.sizes = [weight.numel() for weight in self.weights]
        self.open = [torch.ones(weight.shape[0], dtype=torch.float64) for weight in self.weights]
        if ours.closed is not None:
            parts = self.net.closed_by_conv(ours.closed)
            self.open = [1 - torch.tensor(parts[i], dtype=torch.float64) for i in self.net.convs]

    def loss(self, images):
        """The sum of the losses of these images (indices)."""
        decisions = {layer: taken[images].reshape(-1) for layer, taken in self.ours.decisions.items()}
        run = self.net.run(self.values, self.ours.images[images], training=False, closed=self.ours.closed, decisions=decisions)
        self.gap = max([self.gap] + [gap for _, _, gap in run.disagreements])
        return F.cross_entropy(run.logits, self.ours.labels[images], reduction="sum")

    def of_open_filters(self, parts):
        """Closed filters' weights are no variables."""
        return [part * is_open.reshape(-1, 1, 1, 1) for part, is_open in zip(parts, self.open)]

    def product(self, direction, size=20):
        """H·v of the mean loss, `size` images at a time to save memory."""
        v = self.of_open_filters([part.reshape(weight.shape) for part, weight in zip(direction.split(self.sizes), self.weights)])
        total = [torch.zeros_like(weight) for weight in self.weights]
        for images in self.ours.multiplied.split(size):
            gradients = torch.autograd.grad(self.loss(images), self.weights, create_graph=True)
            slope = sum((gradient * part).sum() for gradient, part in zip(gradients, v))
            for sum_so_far, part in zip(total, torch.autograd.grad(slope, self.weights)):
                sum_so_far += part / len(self.ours.multiplied)
        return torch.cat([part.reshape(-1) for part in self.of_open_filters(total)])

    def mean_square_gradients(self):
        """That of single images, from batches' sums: their variance, scaled to one image, and the mean squared; of one batch its square."""
        n, sums = len(self.ours.labels), []
        for images in torch.arange(n).split(BATCH):
            gradients = torch.autograd.grad(self.loss(images), self.weights)
            sums.append((len(images), torch.cat([gradient.reshape(-1) for gradient in gradients])))
        if len(sums) == 1:
            return sums[0][1] ** 2 / n
        mean = sum(one for _, one in sums) / n
        variance = sum((one - size * mean) ** 2 / size for size, one in sums) / (len(sums) - 1)
        return (1 - 1 / n) * variance + mean**2

    def filters(self, values):
        """Half the sum of each filter's values; NaN of closed ones."""
        found = []
        for part, weight, is_open in zip(values.split(self.sizes), self.weights, self.open):
            sums = part.reshape(weight.shape).sum(dim=(1, 2, 3)) / 2
            found.append(torch.where(is_open > 0, sums, torch.full_like(sums, float("nan"))))
        return torch.cat(found)


def largest(values):
    """NaN counts as infinite."""
    return float(values.nan_to_num(nan=float("inf"), posinf=float("inf")).max())


def product_error(ours, theirs, draw, reference):
    """The worst conv's."""
    parts = zip((ours.products[draw] - reference).split(theirs.sizes), reference.split(theirs.sizes))
    return max(largest(difference.abs()) / float(part.abs().max()) for difference, part in parts)


def score_error(ours, theirs, reference, by_layer):
    """The worst filter's; closed filters must be NaN on both sides."""
    if not torch.equal(ours.isnan(), reference.isnan()):
        return float("inf")
    worst = 0
    filters = [weight.shape[0] for weight in theirs.weights]
    for mine, part in zip(ours.split(filters), reference.split(filters)):
        seen = ~part.isnan()
        scale = part[seen].abs().max() if by_layer else part[seen].abs()
        difference = (mine[seen] - part[seen]).abs()
        worst = max(worst, largest(torch.where(difference == 0, difference, difference / scale)))  # a dead filter's score is 0
    return worst


class Table:
    def __init__(self):
        self.failed = 0

    def row(self, case, what, error, text="", tolerance=TOLERANCE):
        passed = error <= tolerance
        self.failed += not passed
        print(f"{'OK  ' if passed else 'FAIL'} {case:20s} {what:12s} {error:9.2e}  {text}", flush=True)


def check(table, build, case, with_gates):
    started = time.monotonic()
    name = case[0] + (", gates" if with_gates else "")
    ours = Ours(build, case, with_gates)
    theirs = Theirs(ours)
    references = torch.stack([theirs.product(direction) for direction in ours.directions])
    for draw, reference in enumerate(references):
        table.row(name, "product", product_error(ours, theirs, draw, reference), f"vector {draw + 1}")
    weights = torch.cat([weight.detach().reshape(-1) for weight in theirs.weights])
    obd = theirs.filters(theirs.mean_square_gradients() * weights**2)
    table.row(name, "obd", score_error(ours.scores["obd"], theirs, obd, by_layer=False))
    hutchinson = theirs.filters((ours.directions * references).mean(dim=0))
    table.row(name, "hutchinson", score_error(ours.scores["hutchinson"], theirs, hutchinson, by_layer=True))
    table.row(name, "decisions", theirs.gap, "from the kink at most, where float64 decides otherwise", NEAR_TIE)
    print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if not os.path.exists(os.path.join(sys.argv[1], "tests/parity/run_hessian")):
        sys.exit(f"{sys.argv[1]}/tests/parity/run_hessian is not there: make it first")
    torch.set_num_threads(2)
    is_brief, words, table = "--brief" in sys.argv, [word for word in sys.argv[2:] if word != "--brief"], Table()
    for case in CASES:
        if is_brief and case[0] not in BRIEF or words and not any(word in case[0] for word in words):
            continue
        for with_gates in (case[0] == "c3, bn",) if is_brief else (False, True):
            check(table, sys.argv[1], case, with_gates)
    sys.exit(1 if table.failed else 0)


if __name__ == "__main__":
    main()
