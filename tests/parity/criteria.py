"""Ranking criteria against PyTorch: each built-in criterion's scores, with the same weights, images and gates.

    make test-peers                                      # builds and runs all of this folder
    /usr/bin/python3 tests/parity/criteria.py build [WORD…]      # cases whose names contain one of these words
    /usr/bin/python3 tests/parity/criteria.py build --brief      # the small nets only

run_net gives a net's weights, all off their 0s and 1s, and its gates, every third closed; score_net scores it on random images, which PyTorch
(torch_net.py, in float64, with gradients from autograd) sees, too. Each filter's score must agree within TOLERANCE, relative to itself or to
the scale that a criterion names: sums whose terms cancel are compared with the sum of their sizes. In deep nets, where rounding adds up, FACTOR
times what PyTorch itself is off by in float32 will do, too. A row shows the largest error and where.
PyTorch takes our decisions at every kink; that they were right is checked apart (see nets.py).

A new criterion gets a row of CRITERIA: what the experiment file says, and a function that computes it from a Measured, [filters] per conv.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
import types

import numpy
import torch
import torch.nn.functional as F

from nets import NEAR_TIE
from torch_net import Net

TOLERANCE = 1e-4
FACTOR = 10  # as in nets.py where convolutions are computed by Winograd's algorithm

# name, model, images (beyond 250 there is a second batch), whether every conv has a batch norm of its own
CASES = [
    ("c3-authors", "{name: c3-authors}", 255, False),
    ("c3, bn", "{name: c3, bn: on}", 255, True),
    ("resnet-20", "{name: resnet, depth: 20}", 64, True),
    ("vgg-narrow", "{name: vgg-narrow}", 64, True),
    ("densenet-40", "{name: densenet, variant: 40}", 16, False),
]
SMALL = ("c3-authors", "c3, bn")
IMAGE, SHAPE, CLASSES = (3, 32, 32), "3x32x32", 10


class Layer:
    """One conv of a Measured, in float64, active filters only: K = J."""

    def __init__(self, weight, map_, is_zero, map_gradient, weight_gradient, gamma, outgoing):
        self.weight = weight  # [J][C][R][S]
        self.map = map_  # [N][J][H][W], at the gate
        self.is_zero = is_zero  # shaped as map: not above 0; where a ReLU decided, what it decided
        self.map_gradient = map_gradient  # of each image's own loss
        self.weight_gradient = weight_gradient  # [J][C][R][S], of the mean loss
        self.gamma = gamma  # [J] or None
        self.outgoing = outgoing  # [J]: mean absolute weight by which active filters and fcs read the map

    def vectors(self):
        return self.weight.flatten(1)


class Measured:
    """A net and what one backward pass says of it."""

    def __init__(self, inputs, decisions, dtype=torch.float64):
        net, images, labels, closed = inputs.net, inputs.images, inputs.labels, inputs.closed
        self.net, self.images, self.labels = net, images, labels
        self.values = net.split(inputs.parameters, dtype)
        run = net.run(self.values, images, training=False, closed=closed, decisions=decisions)
        self.disagreements = run.disagreements
        gates = [net.gate_of(conv) for conv in net.convs]
        for gate in gates:
            run.maps[gate].retain_grad()
        F.cross_entropy(run.logits, labels, reduction="sum").backward()
        self.active = net.closed_by_conv(closed if closed is not None else [0] * net.n_filters)
        self.active = {conv: ~torch.tensor(parts) for conv, parts in self.active.items()}
        self.layers = [self.layer(run, conv, gate) for conv, gate in zip(net.convs, gates)]

    def layer(self, run, conv, gate):
        active, own = self.active[conv], self.net.of_layer[conv]
        weight, maps = self.values[own["conv weight"]], run.maps[gate]
        bn = self.net.sole_reader(conv, "batch_norm")
        gamma = self.values[self.net.of_layer[bn]["BN gamma"]].detach()[active].double() if bn is not None else None
        is_zero = run.decisions[gate].reshape(maps.shape) == 0 if gate in run.decisions else maps <= 0
        return Layer(
            weight.detach()[active].double(),
            maps.detach()[:, active].double(),
            is_zero[:, active],
            maps.grad[:, active].double(),
            weight.grad[active].double() / len(self.labels),
            gamma,
            self.outgoing(conv)[active],
        )

    def scores(self, score):
        """[n_filters], NaN for closed ones."""
        scores = []
        for conv, layer in zip(self.net.convs, self.layers):
            own, expected = torch.full((len(self.active[conv]),), math.nan, dtype=torch.float64), score(layer)
            own[self.active[conv]] = expected[0] if isinstance(expected, tuple) else expected
            scores.append(own)
        return torch.cat(scores)

    def outgoing(self, conv):
        """By a forward pass of marks: which input channels of each conv and fc each filter arrives at."""
        net, K = self.net, self.net.layers[conv]["filters"]
        sums, counts = torch.zeros(K, dtype=torch.float64), torch.zeros(K, dtype=torch.float64)
        origins = {-1: None}  # by layer: [channels] of sets of filters of this conv
        for i, layer in enumerate(net.layers):
            inputs = [origins[j] for j in net.inputs[i]]
            kind = layer["kind"]
            if kind in ("conv", "fc"):
                if inputs[0] is not None:
                    weight = self.values[net.of_layer[i][f"{kind} weight"]].detach().double()
                    weight = weight.reshape(weight.shape[0], len(inputs[0]), -1)
                    if kind == "conv":
                        weight = weight[self.active[i]]
                    for c, filters in enumerate(inputs[0]):
                        for k in filters:
                            sums[k] += weight[:, c].abs().sum()
                            counts[k] += weight[:, c].numel()
                origins[i] = [{k} for k in range(K)] if i == conv else None
                continue
            if all(given is None for given in inputs):
                origins[i] = None
                continue
            inputs = [given if given is not None else [set()] * self.width(j) for given, j in zip(inputs, net.inputs[i])]
            if kind == "concat":
                origins[i] = [filters for given in inputs for filters in given]
            elif kind == "add":
                origins[i] = [set().union(*filters) for filters in zip(*inputs)]
            elif kind == "pad_channels":
                origins[i] = inputs[0] + [set()] * (layer["channels"] - len(inputs[0]))
            else:
                origins[i] = inputs[0]
        return torch.where(counts > 0, sums / counts.clamp(min=1), torch.zeros(()).double())

    def width(self, layer):
        """Channels that a layer puts out."""
        if layer == -1:
            return self.net.image[0]
        if not hasattr(self, "widths"):
            values = [value.detach() for value in self.values]
            maps = self.net.run(values, self.images[:1], training=False).maps
            self.widths = {i: maps[i].shape[1] for i in range(len(self.net.layers))}
        return self.widths[layer]


# ---- Criteria: scores, and the scale that their errors are relative to where it is not their own size


def changes(layer):
    """[N][J]: Taylor's t."""
    return (layer.map * layer.map_gradient).mean(dim=(2, 3))


def apoz(layer):
    return layer.is_zero.double().mean(dim=(0, 2, 3))


def apoz_from_threshold(layer):
    share = apoz(layer)
    deviation = share.std(unbiased=False)
    return (share.mean() + deviation - share) / deviation, torch.ones_like(share)


def overlap(vectors, variant):
    """vectors: [J][d]."""
    J = len(vectors)
    if variant == "authors":
        gram = vectors @ vectors.T / vectors.square().sum()
        return -(gram - torch.diag(gram.diag())).sum(dim=1).abs() / J
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T - torch.eye(J).double()
    return -(cosines.abs() if variant == "paper" else cosines).sum(dim=1) / J


def ortho(variant, of_kernels=False, by_dimension=False):
    def score(layer):
        J, C = layer.weight.shape[:2]
        groups = [layer.weight[:, c].reshape(J, -1) for c in range(C)] if of_kernels else [layer.vectors()]
        expected = math.sqrt(2 / (math.pi * groups[0].shape[1])) if by_dimension else 1
        scale = sum(overlap(group, "paper" if variant == "signed" else variant) for group in groups) / len(groups) / expected
        return sum(overlap(group, variant) for group in groups) / len(groups) / expected, scale

    return score


def one_by_one(variant, of_kernels=False, by_dimension=False):
    """Takes filters away: the one that overlaps most with those that are left, of equal ones the smaller, then the later. Each step compares
    all that are left anew. The scale is the overlap with all the others."""

    def score(layer):
        J, C = layer.weight.shape[:2]
        groups = layer.weight.transpose(0, 1).reshape(C, J, -1) if of_kernels else layer.vectors()[None]
        expected = math.sqrt(2 / (math.pi * groups.shape[2])) if by_dimension else 1
        norms, grams = groups.norm(dim=2, keepdim=True), groups @ groups.transpose(1, 2)
        terms = grams / grams.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None] if variant == "authors" else grams / norms / norms.transpose(1, 2)
        terms = (terms.abs() if variant == "paper" else terms) * (1 - torch.eye(J).double())
        sizes, left, scores, least = layer.vectors().norm(dim=1), list(range(J)), torch.zeros(J).double(), -math.inf
        while left:
            sums = terms[:, left][:, :, left].sum(dim=2)
            overlaps = (sums.abs() if variant == "authors" else sums).mean(dim=0) / J / expected
            equal = [i for i in range(len(left)) if overlaps[i] >= overlaps.max() - 1e-12]
            i = min(equal, key=lambda i: (sizes[left[i]], -left[i]))
            least = max(least, -float(overlaps[i]))
            scores[left.pop(i)] = least
        return scores, terms.abs().sum(dim=2).mean(dim=0) / J / expected

    return score


def distances(layer):
    vectors = layer.vectors()
    return (vectors[:, None] - vectors[None]).norm(dim=2).sum(dim=1)


def correlations(layer):
    """A map that never changes gets −1."""
    values = layer.map.transpose(0, 1).flatten(1)
    values = values - values.mean(dim=1, keepdim=True)
    norms = values.norm(dim=1)
    unit = torch.where(norms[:, None] > 0, values / norms.clamp(min=1e-300)[:, None], torch.zeros(()).double())
    r = (unit @ unit.T).abs()
    return torch.where(norms > 0, -(r - torch.diag(r.diag())).amax(dim=1), -torch.ones(()).double())


CRITERIA = [
    ("{name: taylor}", lambda layer: changes(layer).abs().mean(dim=0)),
    ("{name: taylor, variant: signed}", lambda layer: (-changes(layer).mean(dim=0), changes(layer).abs().mean(dim=0))),
    ("{name: taylor, variant: squared}", lambda layer: changes(layer).square().mean(dim=0)),
    ("{name: gradient}", lambda layer: layer.weight_gradient.abs().mean(dim=(1, 2, 3))),
    ("{name: activation}", lambda layer: layer.map.abs().mean(dim=(0, 2, 3))),
    ("{name: apoz}", lambda layer: (-apoz(layer), torch.ones(()))),
    ("{name: apoz, threshold: layer}", apoz_from_threshold),
    ("{name: contribution}", lambda layer: layer.map.abs().mean(dim=(0, 2, 3)) * layer.outgoing),
    ("{name: correlation}", correlations),
    ("{name: l1}", lambda layer: layer.vectors().abs().mean(dim=1)),
    ("{name: l2}", lambda layer: layer.vectors().norm(dim=1) / math.sqrt(layer.vectors().shape[1])),
    ("{name: ortho}", ortho("paper")),
    ("{name: ortho, variant: authors}", ortho("authors")),
    ("{name: ortho, variant: signed}", ortho("signed")),
    ("{name: ortho, level: kernel}", ortho("paper", of_kernels=True)),
    ("{name: ortho, level: kernel, variant: authors}", ortho("authors", of_kernels=True)),
    ("{name: ortho, level: kernel, variant: signed}", ortho("signed", of_kernels=True)),
    ("{name: ortho, dimension: on}", ortho("paper", by_dimension=True)),
    ("{name: ortho, dimension: on, variant: signed}", ortho("signed", by_dimension=True)),
    ("{name: ortho, dimension: on, level: kernel, variant: authors}", ortho("authors", of_kernels=True, by_dimension=True)),
    ("{name: ortho, sequential: on}", one_by_one("paper")),
    ("{name: ortho, sequential: on, variant: authors}", one_by_one("authors")),
    ("{name: ortho, sequential: on, variant: signed}", one_by_one("signed")),
    ("{name: ortho, sequential: on, level: kernel}", one_by_one("paper", of_kernels=True)),
    ("{name: ortho, sequential: on, level: kernel, variant: authors}", one_by_one("authors", of_kernels=True)),
    ("{name: ortho, sequential: on, dimension: on, variant: signed}", one_by_one("signed", by_dimension=True)),
    ("{name: fpgm}", distances),
]
OF_BATCH_NORM = ("{name: bn-scale}", lambda layer: layer.gamma.abs())
# hessian needs second derivatives, and has a script of its own: hessian.py.


# ---- Comparing


def inputs_of(build, case, with_gates, folder):
    """Weights and gates of run_net; random images beside them, for both."""
    _, model, n_images, _ = case
    command = [os.path.join(build, "tests/parity/run_net"), model, SHAPE, str(CLASSES), "2", "1", folder]
    subprocess.run(command + (["--gates"] if with_gates else []), check=True)
    draw = numpy.random.RandomState(1)
    pixels = draw.randint(0, 256, (n_images, *IMAGE)).astype(numpy.uint8)
    labels = draw.randint(0, CLASSES, n_images).astype(numpy.uint8)
    pixels.tofile(os.path.join(folder, "pixels.u8"))
    labels.tofile(os.path.join(folder, "labels.u8"))
    with open(os.path.join(folder, "meta.json")) as file:
        net = Net(json.load(file))
    return types.SimpleNamespace(
        net=net,
        parameters=torch.from_numpy(numpy.fromfile(os.path.join(folder, "parameters.f32"), dtype=numpy.float32)),
        images=(torch.from_numpy(pixels).double() - 128) / 64,
        labels=torch.from_numpy(labels).long(),
        closed=numpy.fromfile(os.path.join(folder, "closed.u8"), dtype=numpy.uint8) if with_gates else None,
    )


def decisions_of(net, n_images, folder):
    """By layer that decides."""
    all_of_them = torch.from_numpy(numpy.fromfile(os.path.join(folder, "decisions.u8"), dtype=numpy.uint8))
    decisions, first = {}, 0
    for i, (layer, size) in enumerate(zip(net.layers, net.output_sizes())):
        if layer["kind"] in ("relu", "max_pool") or layer.get("relu"):
            decisions[i] = all_of_them[first : first + n_images * size]
        first += n_images * size
    return decisions


def ours_of(build, case, folder, criteria):
    """[criteria][filters]."""
    _, model, n_images, _ = case
    command = [os.path.join(build, "tests/parity/score_net"), model, SHAPE, str(CLASSES), str(n_images), folder, os.path.join(build, "rankers")]
    subprocess.run(command + [words for words, _ in criteria], check=True)
    scores = numpy.fromfile(os.path.join(folder, "scores.f32"), dtype=numpy.float32)
    return torch.from_numpy(scores.reshape(len(criteria), -1).astype(numpy.float64))


def compare(measured, mine, score):
    """The largest error over all filters and where it is; inactive filters must have no score."""
    worst, where, first = 0.0, "", 0
    for conv, layer in zip(measured.net.convs, measured.layers):
        active = measured.active[conv]
        own = mine[first : first + len(active)]
        first += len(active)
        if not bool(own[~active].isnan().all()):
            return float("inf"), f"{measured.net.layers[conv]['name']}: a closed filter has a score"
        expected = score(layer)
        expected, scale = expected if isinstance(expected, tuple) else (expected, expected)
        errors = (own[active] - expected).abs() / scale.abs()
        errors = torch.where(own[active] == expected, torch.zeros(()).double(), errors).nan_to_num(nan=float("inf"))
        if float(errors.max()) >= worst:
            worst, where = float(errors.max()), measured.net.layers[conv]["name"]
    return worst, where


def row(passed, case, what, error, where):
    print(f"{'OK  ' if passed else 'FAIL'} {case:22s} {what:64s} {error:9.2e}  {where}", flush=True)
    return not passed


def check(build, case, with_gates):
    name, started = case[0] + (", gates" if with_gates else ""), time.monotonic()
    criteria = CRITERIA + ([OF_BATCH_NORM] if case[3] else [])
    with tempfile.TemporaryDirectory() as folder:
        inputs = inputs_of(build, case, with_gates, folder)
        ours = ours_of(build, case, folder, criteria)
        decisions = decisions_of(inputs.net, case[2], folder)
        measured = Measured(inputs, decisions)
    gap = max((gap for _, _, gap in measured.disagreements), default=0)
    n = sum(n for _, n, _ in measured.disagreements)
    single = None
    failed = row(gap <= NEAR_TIE, name, "decisions", gap, f"{n} differ from float64's")
    for (words, score), mine in zip(criteria, ours):
        worst, where = compare(measured, mine, score)
        allowed = TOLERANCE
        if worst > TOLERANCE and case[0] not in SMALL:
            single = single or Measured(inputs, decisions, torch.float32)
            torchs, _ = compare(measured, single.scores(score), score)
            allowed, where = max(TOLERANCE, FACTOR * torchs), f"{where}; PyTorch in float32: {torchs:.2e}"
        failed += row(worst <= allowed, name, words, worst, where)
    print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)
    return failed


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, is_brief = sys.argv[1], "--brief" in sys.argv
    for driver in ("run_net", "score_net"):
        if not os.path.exists(os.path.join(build, "tests/parity", driver)):
            sys.exit(f"{build}/tests/parity/{driver} is not there: make it first")
    torch.set_num_threads(2)
    words, failed = [word for word in sys.argv[2:] if word != "--brief"], 0
    print(f"     {'case':22s} {'criterion':64s} {'error':>9s}")
    for case in CASES:
        if (words and not any(word in case[0] for word in words)) or (is_brief and case[0] not in SMALL):
            continue
        for with_gates in (True,) if is_brief and case[0] == SMALL[0] else (False, True):
            failed += check(build, case, with_gates)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
