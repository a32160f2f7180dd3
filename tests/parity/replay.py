"""A trial of ours, op by op, against PyTorch and NumPy.

    make test-peers                                               # runs all of this folder
    /usr/bin/python3 tests/parity/replay.py build [--brief]       # runs small experiments, exports their trials, replays them; --brief: no free runs
    /usr/bin/python3 tests/parity/replay.py [--free] NPZ…         # trials that `repr export` wrote; --free: see below

Each op starts from *our* state before it and is done here by code that shares none with ours; torch_net.py has the nets, SEMANTICS.md the rules.

train    The epoch runs in PyTorch twice, in float64 and then with the same decisions (torch_net.py) in float32. An error is the largest difference
         from float64 over the largest value of its layer, the larger one of parameters (BN statistics included) and optimizer state; the loss's is
         relative. Ours pass at FACTOR times those of PyTorch's float32, or at PER_STEP for each step of the epoch. A ReLU or a max
         pool that stands within NEAR (of its map's largest value) of a tie can decide otherwise in float32, which is an error of 1e-5 to 1e-2;
         so where errors are larger, such ties are turned over one by one, the one that helps most first, at most MOST_TURNED: the row
         says how many it took. What is frozen must keep its bits, and every other unit count its steps.
drop     Criteria are computed here in float64 and normalised. Scores must agree to SCORE of the largest one; the set, under the limits, must be the same
         but for filters that change places with one whose score is within the measured difference; count and limits_used must be exact. Nothing but
         marks, gates (unless they stay open), counters and at_drop may change.
regrow   Weights must have the properties of rules 16 and 17: NumPy's own constraints, their rank by SVD, cosines with those that could be met at
         most COSINE, the norm, and no preferred direction (|z| ≤ 5 over all coordinates in the complement); survivors are what readers were made
         before. The record of constraints must be the one counted here. Authors' mode is computed (Gram-Schmidt).
         Bias, BN, readers, optimizer state and marks must be as rule 18 says, the rest untouched, all bit for bit.

--free   takes the trials as seeds of one arm: PyTorch goes from each one's initial weights through its whole program, with its own scores, drops and
         draws of new filters (the order of images is ours). Up to its first regrow that is the same trial but for rounding, which near-ties let grow: what
         it drops otherwise must lie within DRIFT (of the largest score) of the cut. From then on only
         chance differs: the mean over the seeds of the last epoch's train loss, of the final test loss and of the test accuracy must be within
         NOISE = 3 standard errors of a difference of two such means: √(2 / n) times the standard deviation of our seeds (of an accuracy at
         least that of as many coins as there are test images).

Prints a row for each op and ends with 1 where one fails.
"""

import concurrent.futures
import contextlib
import io
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F

from torch_net import TRAINED, Net

FACTOR = 3
PER_STEP = 1e-7
NEAR = 3e-6
MOST_TURNED = 5
LEAST_HELP = 0.1  # of orders of magnitude
MOST_UNEXPLAINED = 1  # epochs of a trial, then no more near-ties are tried
SCORE = 2e-5
COSINE = 1e-6
MET = 1e-5  # ours counts a constraint as met up to here
DRIFT = 0.005
NOISE = 3


class TieNet(Net):
    """A net that knows which of its decisions are near-ties, and can take them the other way, (step, layer, index) → decision, or follow another run."""

    def start(self, turned={}, follows=None, watches=False):
        self.step, self.turned, self.follows, self.watches = 0, turned, follows, watches
        self.taken, self.near = {}, {}

    def decide(self, run, i, own, gaps):
        own = own.clone() if self.follows is None else self.follows[self.step, i]
        for (step, layer, index), decision in self.turned.items():
            if (step, layer) == (self.step, i):
                own.view(-1)[index] = decision
        if self.watches:
            self.watch(i, own, gaps)
        self.taken[self.step, i] = own
        return own

    def watch(self, i, own, gaps):
        """Adds near-ties to self.near: (distance, what ties) → {(step, layer, index): the other decision}. Of a max pool two pixels tie, in all windows
        at once that have both; where several are equally near (0s behind a ReLU), one stands for all."""
        is_pool, seen = self.layers[i]["kind"] == "max_pool", set()
        for other in range(self.layers[i]["kernel"] ** 2) if is_pool else (0, 1):
            gap = gaps(torch.full_like(own, other))
            for index in torch.nonzero(((gap > 0) & (gap <= NEAR) & (own != other)).flatten()).flatten().tolist():
                key, distance = (self.step, i, index), float(gap.flatten()[index])
                if (key, distance) not in seen:
                    seen.add((key, distance))
                    what = (self.step, i, *self.pixels(i, own, index, other)) if is_pool else key
                    self.near.setdefault((distance, what), {})[key] = other

    def pixels(self, i, own, index, other):
        """Which map, and where in it the two taps of a window lie, padding included."""
        height, width = own.shape[2:]
        kernel, stride = self.layers[i]["kernel"], self.layers[i]["stride"]
        of_map, place = divmod(index, height * width)
        top, left = place // width * stride, place % width * stride
        return of_map, *((top + tap // kernel, left + tap % kernel) for tap in (int(own.flatten()[index]), other))

    def relu(self, run, i, layer, x):
        """What was turned over to pass is as little above 0 as it was below: a max pool behind it, all else being 0, must choose it."""
        out = super().relu(run, i, layer, x)
        passing = [index for (step, at, index), decision in self.turned.items() if (step, at) == (self.step, i) and decision]
        if not passing:
            return out
        lift = torch.zeros_like(out)
        lift.view(-1)[passing] = x.detach().reshape(-1)[passing].abs() * 2
        return out + lift


# ---- What was exported


class Trial:
    def __init__(self, path):
        self.arrays = numpy.load(path)
        self.meta = json.loads(bytes(self.arrays["meta"]))
        self.steps = self.meta["steps"]
        self.net = TieNet(self.meta)
        self.net.start()
        self.tensors = self.meta["tensors"]
        self.name = f"{self.meta['arm']}/{self.meta['seed']}"
        data = self.meta["data"]
        mean, deviation = (numpy.array(data[key], numpy.float32).reshape(-1, 1, 1) for key in ("mean", "deviation"))
        self.images = {part: torch.tensor((self.arrays[f"{part}_images"].astype(numpy.float32) - mean) / deviation) for part in ("train", "validation", "test")}
        self.labels = {part: torch.tensor(self.arrays[f"{part}_labels"].astype(numpy.int64)) for part in self.images}
        # weights of filters: (tensor, first filter, K) by conv; every value's owner
        self.convs, first = [], 0
        for i in self.net.convs:
            own = self.net.of_layer[i]
            bn = self.net.sole_reader(i, "batch_norm")
            self.convs.append((own["conv weight"], own.get("bias"), None if bn is None else self.net.of_layer[bn], first, self.tensors[own["conv weight"]]["K"]))
            first += self.convs[-1][4]
        assert [(c["first"], c["K"]) for c in self.meta["filters"]] == [(c[3], c[4]) for c in self.convs]
        self.n_filters = first
        self.n_unexplained = 0
        self.n_slots = len(self.arrays["1/slots"])
        self.n_units = sum(t["K"] * t["C"] for t in self.tensors)

    def state(self, i):
        names = ("parameters", "slots", "at_drop", "steps", "dropped", "closed", "drop_cycle", "last_regrow_epoch", "times_dropped")
        return {name: self.arrays[f"{i}/{name}"] for name in names}

    def of_op(self, i, name):
        return self.arrays[f"{i}/{name}"]

    def part(self, tensor, flat):
        """A tensor of a flat array of parameters, as [K][C][E], not copied."""
        t = self.tensors[tensor]
        return flat[t["offset"] : t["offset"] + t["K"] * t["C"] * t["E"]].reshape(t["K"], t["C"], t["E"])

    def units(self, tensor, flat):
        t = self.tensors[tensor]
        return flat[t["first_unit"] : t["first_unit"] + t["K"] * t["C"]].reshape(t["K"], t["C"])

    def of_values(self, of_units):
        """What each value's unit has."""
        flat = numpy.zeros(self.net.n_parameters, of_units.dtype)
        for number in range(len(self.tensors)):
            self.part(number, flat)[:] = self.units(number, of_units)[:, :, None]
        return flat

    def owned(self, marks):
        """The values, and the units, that belong to marked filters (rule 7)."""
        values, units = numpy.zeros(self.net.n_parameters, bool), numpy.zeros(self.n_units, bool)
        for weight, bias, bn, first, K in self.convs:
            rows = numpy.flatnonzero(marks[first : first + K])
            for tensor in [weight] + ([bias] if bias is not None else []) + (list(bn.values()) if bn else []):
                self.part(tensor, values)[rows] = True
                self.units(tensor, units)[rows] = True
        return values, units

    def read_by(self, marks):
        """The values, and the units, of weights that read channels of marked filters (rule 10); BN with other inputs is not in these nets."""
        frozen = self.net.frozen_values(marks).numpy()
        frozen = frozen & ~self.owned(marks)[0]
        units = numpy.zeros(self.n_units, bool)
        for number in range(len(self.tensors)):
            self.units(number, units)[:] = self.part(number, frozen)[:, :, 0]
        return frozen, units


# ---- Training


def change_of(how, gradient, slots, steps):
    """What a step moves by, over its learning rate, and the slots behind it. `steps`: those that each value has had, this one included."""
    if how["optimizer"] == "sgd":
        return gradient, slots
    if how["optimizer"] == "momentum":
        velocity = how["momentum"] * slots[0] + gradient
        return velocity, [velocity]
    assert how["optimizer"] == "adam"
    mean = how["beta1"] * slots[0] + (1 - how["beta1"]) * gradient
    square = how["beta2"] * slots[1] + (1 - how["beta2"]) * gradient**2
    corrected = (square / (1 - how["beta2"] ** steps)).sqrt()
    return mean / (1 - how["beta1"] ** steps) / (corrected + how["epsilon"]), [mean, square]


def train_epoch(trial, state, order, rates, dtype, **how_to_decide):
    """(parameters, slots, loss, right answers) after an epoch; trial.net knows then what was decided."""
    net, how = trial.net, trial.meta["train"]
    assert not (how["flip"] or how["crop"] or how["cutout"]) and how["last_batch"] == "drop"
    closed = state["closed"] if state["closed"].any() else None
    moves = torch.zeros(net.n_parameters, dtype=torch.bool)
    decay = torch.zeros(net.n_parameters, dtype=dtype)
    for tensor in trial.tensors:
        values = slice(tensor["offset"], tensor["offset"] + tensor["K"] * tensor["C"] * tensor["E"])
        moves[values] = tensor["kind"] in TRAINED
        decay[values] = how["weight_decay"] if how["decay"] == "all" or tensor["kind"].endswith("weight") else 0
    if closed is not None:
        moves &= ~net.frozen_values(closed)
    flat = torch.tensor(state["parameters"]).to(dtype)
    slots = [torch.tensor(slot).to(dtype) for slot in state["slots"]] or [torch.zeros_like(flat)] * trial.n_slots
    steps = torch.tensor(trial.of_values(state["steps"].astype(float)))
    total, right, batch = 0.0, 0, how["batch"]
    net.start(**how_to_decide)
    for net.step, rate in enumerate(rates):
        step = net.step
        picked = torch.tensor(order[step * batch : (step + 1) * batch].astype(numpy.int64))
        values = net.split(flat, dtype)
        run = net.run(values, trial.images["train"][picked], True, closed)
        loss = F.cross_entropy(run.logits, trial.labels["train"][picked])
        loss.backward()
        total += loss.item() * batch
        right += int((run.logits.argmax(1) == trial.labels["train"][picked]).sum())
        gradient = net.join([v.grad for v in values]).to(dtype) + decay * flat
        change, moved_slots = change_of(how, gradient, slots, (steps + step + 1).to(dtype))
        slots = [torch.where(moves, new, old) for new, old in zip(moved_slots, slots)]
        for number, moved in run.statistics.items():
            trial.part(number, flat)[:, 0, 0] = moved.detach()
        flat = torch.where(moves, flat - rate * change, flat)
    n = len(rates) * batch
    return flat.numpy(), numpy.array([slot.numpy() for slot in slots]).reshape(trial.n_slots, net.n_parameters), total / n, right


def layer_error(trial, got, expected):
    """The largest difference over the largest value of its layer."""
    worst = 0
    for _, numbers in itertools.groupby(range(len(trial.tensors)), lambda n: trial.tensors[n]["layer"]):
        parts = [(trial.part(n, got).astype(float), trial.part(n, expected).astype(float)) for n in numbers]
        largest = max(abs(e).max() for _, e in parts)
        difference = max(abs(g - e).max() for g, e in parts)
        worst = max(worst, difference / largest if largest else (numpy.inf if difference else 0))
    return worst


def errors_of(trial, ours, reference):
    """Of parameters and slots; of the loss."""
    slots = [layer_error(trial, *pair) for pair in zip(ours[1], reference[1])]
    return numpy.array([max([layer_error(trial, ours[0], reference[0])] + slots), abs(ours[2] / reference[2] - 1)])


def nearest_epoch(trial, before, order, rates, ours):
    """The epoch in float64 whose near-ties are decided so that it comes closest to ours: (reference, errors, errors allowed, how many were turned over)."""
    reference, turned, n_turned = train_epoch(trial, before, order, rates, torch.float64), {}, 0
    errors, taken = errors_of(trial, ours, reference), trial.net.taken
    single = errors_of(trial, train_epoch(trial, before, order, rates, torch.float32, follows=taken), reference)
    allowed = numpy.maximum(FACTOR * single, PER_STEP * len(rates))

    def excess(of):
        return numpy.log10(numpy.maximum(of / allowed, 1)).sum()

    while excess(errors) > 0 and n_turned < MOST_TURNED and trial.n_unexplained < MOST_UNEXPLAINED:
        train_epoch(trial, before, order, rates, torch.float64, turned=turned, watches=True)
        near, best = [tie for _, tie in sorted(trial.net.near.items()) if not turned.keys() & tie.keys()], (excess(errors) - LEAST_HELP, None)
        for tie in near:
            candidate = train_epoch(trial, before, order, rates, torch.float64, turned={**turned, **tie})
            best = min(best, (excess(errors_of(trial, ours, candidate)), (tie, candidate)), key=lambda one: one[0])
            if best[0] == 0:
                break
        if best[1] is None:
            break
        tie, reference = best[1]
        turned.update(tie)
        n_turned, errors = n_turned + 1, errors_of(trial, ours, reference)
    trial.n_unexplained += excess(errors) > 0
    return reference, errors, single, allowed, n_turned


def check_train(trial, i, before, after):
    step, order, rates = trial.steps[i], trial.of_op(i, "order"), trial.of_op(i, "lr")
    n_images = len(rates) * trial.meta["train"]["batch"]
    ours = (after["parameters"], after["slots"], step["train_loss"], step["train_acc"] * n_images)
    reference, own, single, allowed, n_turned = nearest_epoch(trial, before, order, rates, ours)
    problems = []
    if not own[0] <= allowed[0]:
        problems.append(f"parameters or slots are off by more than {allowed[0]:.1e}")
    if not own[1] <= allowed[1]:
        problems.append(f"the loss is off by more than {allowed[1]:.1e}")
    if not abs(ours[3] - reference[3]) <= 1e-6:
        problems.append(f"{ours[3]:.0f} right answers, not {reference[3]}")
    frozen = trial.net.frozen_values(before["closed"]).numpy() if before["closed"].any() else numpy.zeros(trial.net.n_parameters, bool)
    for name in ("parameters", "slots"):
        if before[name].shape == after[name].shape and not numpy.array_equal(bits(before[name])[..., frozen], bits(after[name])[..., frozen]):
            problems.append(f"frozen {name} moved")
    counts = numpy.zeros(trial.n_units, numpy.uint32)
    for number, tensor in enumerate(trial.tensors):
        if tensor["kind"] in TRAINED:
            trial.units(number, counts)[:] = len(rates) * ~trial.part(number, frozen)[:, :, 0]
    if not numpy.array_equal(before["steps"] + counts, after["steps"]):
        problems.append("step counts")
    problems += unchanged(before, after, ("at_drop", "dropped", "closed", "drop_cycle", "last_regrow_epoch", "times_dropped"))
    moved = layer_error(trial, before["parameters"], reference[0])
    what = f"error {own[0]:.1e} (PyTorch {single[0]:.1e}), loss {own[1]:.1e} ({single[1]:.1e}); moved {moved:.0e}, {int(frozen.sum())} values frozen"
    what += f"; {n_turned} near-tie{'s' * (n_turned > 1)} the other way" if n_turned else ""
    return what, problems


def bits(array):
    return numpy.ascontiguousarray(array).view(numpy.uint32)


def unchanged(before, after, names):
    return [f"{name} changed" for name in names if before[name].tobytes() != after[name].tobytes()]


# ---- Ranking


def l2(trial, state, options):
    scores = []
    for weight, _, _, _, _ in trial.convs:
        w = trial.part(weight, state["parameters"]).astype(float).reshape(trial.tensors[weight]["K"], -1)
        d = w.shape[1]
        scores.append(numpy.linalg.norm(w, axis=1) / {"sqrt-d": math.sqrt(d), "d": d, "none": 1}[options.get("divide", "sqrt-d")])
    return numpy.concatenate(scores)


def ortho(trial, state, options):
    scores = []
    for weight, _, _, first, K in trial.convs:
        w = trial.part(weight, state["parameters"]).astype(float).reshape(K, -1)
        active = state["closed"][first : first + K] == 0
        w = w * active[:, None]
        if options["variant"] == "authors":
            gram = w @ w.T / (w * w).sum()
            numpy.fill_diagonal(gram, 0)
            scores.append(-abs(gram.sum(1) / active.sum()))
        else:
            norms = numpy.linalg.norm(w, axis=1)
            unit = w / numpy.where(norms > 0, norms, 1)[:, None]
            cosines = abs(unit @ unit.T)
            numpy.fill_diagonal(cosines, 0)
            scores.append(-cosines.sum(1) / active.sum())
    return numpy.concatenate(scores)


def taylor(trial, state, options):
    """On all training images: they are fewer than 5,000."""
    net, gates = trial.net, sorted(trial.net.gates, key=lambda gate: trial.net.gates[gate])
    values = [v.detach() for v in net.split(state["parameters"], torch.float64)]
    values[0].requires_grad_()  # so that maps have gradients
    total = 0
    for net.step, first in enumerate(range(0, len(trial.images["train"]), 250)):
        some = slice(first, first + 250)
        run = net.run(values, trial.images["train"][some], False, state["closed"] if state["closed"].any() else None)
        loss = F.cross_entropy(run.logits, trial.labels["train"][some], reduction="sum")
        maps = [run.maps[gate] for gate in gates]
        gradients = torch.autograd.grad(loss, maps)
        total = total + torch.cat([(a * g).mean((2, 3)).abs().sum(0) for a, g in zip(maps, gradients)]).detach().numpy()
    return total / len(trial.images["train"])


def loss_without(trial, values, closed):
    run = trial.net.run(values, trial.images["validation"], False, closed if closed.any() else None)
    return F.cross_entropy(run.logits, trial.labels["validation"]).item()


def oracle_loss(trial, state, options):
    with torch.no_grad():
        values = trial.net.split(state["parameters"], torch.float64)
        base, scores = loss_without(trial, values, state["closed"]), numpy.zeros(trial.n_filters)
        for f in numpy.flatnonzero(state["closed"] == 0):
            closed = state["closed"].copy()
            closed[f] = 1
            scores[f] = loss_without(trial, values, closed) - base
    return scores


CRITERIA = {"l2": l2, "ortho": ortho, "taylor": taylor, "oracle-loss": oracle_loss}


def score(trial, i, state, **how_to_decide):
    """Normalised scores by the criterion of drop step i; NaN for closed filters."""
    step = trial.steps[i]
    assert step["criterion"]["score"] == {"data": "auto", "images": 0}
    trial.net.start(**how_to_decide)
    scores = CRITERIA[step["ranker"]](trial, state, step["criterion"]["options"])
    scores[state["closed"] != 0] = numpy.nan
    how = step["criterion"]["normalise"]
    for _, _, _, first, K in trial.convs:
        part = scores[first : first + K]
        divisor = {"none": 1, "layer-l2": math.sqrt(numpy.nansum(part**2))}[how]
        part /= divisor or 1
    return scores


def share(percent, n):
    """floor(percent / 100 · n), exactly: percentages of these experiments are whole."""
    assert percent == int(percent)
    return int(percent) * n // 100


def lowest(scores, candidates, n, room):
    """The n lowest scores of the candidates (no ties here), of each layer at most as many as it has room for; `room` shrinks by them."""
    chosen = numpy.zeros(len(scores), numpy.uint8)
    for f in numpy.argsort(scores, kind="stable"):
        if chosen.sum() < n and f in candidates and room[candidates[f]] > 0:
            chosen[f] = 1
            room[candidates[f]] -= 1
    return chosen


def room_of(trial, step, conv, state):
    """How many of a layer's filters may still go (rule 13)."""
    weight, _, _, first, K = conv
    gone = int((state["dropped"][first : first + K] != 0).sum())
    is_skipped = trial.tensors[weight]["layer"] in step["skip"]
    return 0 if is_skipped else max(min(K - gone - step["keep_at_least"], share(step["drop_at_most"], K) - gone), 0)


def worst(trial, step, scores, state, is_limited=True):
    """The set to drop; without `is_limited` the one that would go if there were no limits."""
    layer_of = numpy.repeat(range(len(trial.convs)), [K for *_, K in trial.convs])
    candidates = {f: layer_of[f] for f in range(trial.n_filters) if not state["dropped"][f]}
    room = [room_of(trial, step, conv, state) if is_limited else conv[4] for conv in trial.convs]
    if step["scope"] == "network":
        return lowest(scores, candidates, share(step["p"], trial.n_filters), room)
    quotas = [share(step["p"], K) if room[l] else 0 for l, (*_, K) in enumerate(trial.convs)]
    layers = [lowest(scores, {f: of for f, of in candidates.items() if of == l}, n, room) for l, n in enumerate(quotas)]
    return numpy.sum(layers, axis=0, dtype=numpy.uint8)


def nearest_scores(trial, i, state, ours):
    """Scores with near-ties decided so that they come closest to ours, where one matters (to the gradients of taylor): (scores, how many were turned over)."""
    scores, turned, n_turned = score(trial, i, state), {}, 0

    def difference(of):
        return numpy.nanmax(abs(ours - of))

    while difference(scores) > SCORE * numpy.nanmax(abs(scores)) and n_turned < MOST_TURNED:
        score(trial, i, state, turned=turned, watches=True)
        ties = [{**turned, **tie} for _, tie in sorted(trial.net.near.items()) if not turned.keys() & tie.keys()]
        closest = min(ties, key=lambda tie: difference(score(trial, i, state, turned=tie)), default=turned)
        candidate = score(trial, i, state, turned=closest)
        if not difference(candidate) < difference(scores):
            break
        scores, turned, n_turned = candidate, closest, n_turned + 1
    return scores, n_turned


def check_drop(trial, i, before, after):
    step, ours, chosen = trial.steps[i], trial.of_op(i, "scores").astype(float), trial.of_op(i, "set")
    scores, n_turned = nearest_scores(trial, i, before, ours)
    difference, largest = numpy.nanmax(abs(ours - scores)), numpy.nanmax(abs(scores))
    problems = []
    if not numpy.array_equal(numpy.isnan(ours), numpy.isnan(scores)) or not difference <= SCORE * largest:
        problems.append("scores differ")
    own = worst(trial, step, scores, before)
    disputed = numpy.flatnonzero(own != chosen)
    if any(abs(scores[f] - scores[(own != chosen) & (own != own[f])]).min(initial=numpy.inf) > 2 * difference for f in disputed):
        problems.append(f"filters {disputed} are dropped otherwise")
    if chosen.sum() != own.sum() or step["count"] != chosen.sum():
        problems.append(f"{chosen.sum()} are dropped, not {own.sum()}")
    limits_used = int((worst(trial, step, scores, before, is_limited=False) & ~own & 1).sum())
    if not len(disputed) and step["limits_used"] != limits_used:
        problems.append(f"limits are used {step['limits_used']} times, not {limits_used}")
    kept = trial.of_op(i, "ranks")
    if not numpy.array_equal(numpy.sort(kept[before["dropped"] == 0]), 1 + numpy.arange((before["dropped"] == 0).sum())) or not ordered(ours, kept):
        problems.append("ranks do not follow the scores")
    values, _ = trial.owned(chosen)
    at_drop = numpy.where(values, before["parameters"], before["at_drop"])
    marks = {
        "dropped": before["dropped"] | chosen,
        "closed": before["closed"] | (chosen if step["gate"] else 0),
        "drop_cycle": numpy.where(chosen, step["cycle"], before["drop_cycle"]),
        "times_dropped": before["times_dropped"] + chosen,
        "at_drop": at_drop,
    }
    problems += [f"{name} is not as rule 26 has it" for name, expected in marks.items() if not numpy.array_equal(after[name], expected)]
    problems += unchanged(before, after, ("parameters", "slots", "steps", "last_regrow_epoch"))
    per_layer = [int(chosen[first : first + K].sum()) for _, _, _, first, K in trial.convs]
    what = f"{step['ranker']}: scores within {difference / largest:.1e}; {len(disputed)} of {chosen.sum()} disputed; {per_layer} of the layers"
    what += f"; {n_turned} near-tie{'s' * (n_turned > 1)} the other way" if n_turned else ""
    what += "" if step["gate"] else ", gates open"
    what += f"; limits hold {limits_used}" if limits_used else ""
    return what, problems


def ordered(scores, ranks):
    by_rank = scores[numpy.argsort(ranks, kind="stable")][(ranks == 0).sum() :]
    return bool((numpy.diff(by_rank) <= 0).all())


# ---- Regrowing


def unit(vectors):
    norms = numpy.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / numpy.where(norms > 0, norms, 1)


def rank(vectors):
    return int((numpy.linalg.svd(numpy.array(vectors), compute_uv=False) > 1e-6).sum())


def fill(vectors, d):
    return len(vectors) >= d and rank(vectors) == d


class Constraints:
    """Those of rule 16 for one layer's filters in turn."""

    def __init__(self, survivors, d):
        self.survivors = [s for s in unit(survivors) if s.any()]
        self.d, self.regrown = d, []

    def of(self, own):
        """What the next filter can be orthogonal to. `own`: its value at its drop."""
        own = unit(own)
        taken = []
        for vector in ([own] if own.any() else []) + sorted(self.survivors, key=lambda s: -abs(s @ own)):
            if fill(taken + [vector], self.d):
                break
            taken.append(vector)
        if fill(taken + self.regrown, self.d):
            self.regrown = []
        return taken + self.regrown

    def add(self, vector):
        self.regrown.append(unit(vector))


def complement(taken, d):
    if not taken:
        return numpy.eye(d)
    _, sizes, right = numpy.linalg.svd(numpy.array(taken))
    return right[int((sizes > 1e-6).sum()) :]


def expected_norm(trial, layer, d):
    init = next(l for l in trial.meta["layers"] if l["name"] == layer)["init"]
    if init["name"] == "he":
        return math.sqrt(2 / d * d)
    assert init["name"] == "truncated-normal"
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    return math.sqrt(d * init["sigma"] ** 2 * (1 - 4 * density / math.erf(math.sqrt(2))))


def norm_of(trial, step, layer, own, survivors, direction):
    """Rule 17."""
    mean = numpy.linalg.norm(survivors, axis=1).mean() if len(survivors) else expected_norm(trial, layer, len(own))
    if step["scale"] == "clip":
        return min(mean, abs(survivors).max() / abs(direction).max()) if len(survivors) else mean
    return {"mean-norm": mean, "own": numpy.linalg.norm(own), "unit": 1.0, "init": expected_norm(trial, layer, len(own))}[step["scale"]]


def gram_schmidt(rows):
    """Rows orthonormalised one after the other; past the space's dimension they only lose their length."""
    out = unit(rows)
    for k in range(min(rows.shape)):
        left = rows[k].copy()
        for _ in range(2):
            left -= out[:k].T @ (out[:k] @ left)
        out[k] = unit(left)
    return out


def check_orthogonal(trial, i, conv, before, after, found):
    step, (weight, _, _, first, K) = trial.steps[i], conv
    layer = trial.tensors[weight]["layer"]
    old, new = (trial.part(weight, s).astype(float).reshape(K, -1) for s in (before["at_drop"], after["parameters"]))
    marked = before["dropped"][first : first + K] != 0
    survivors = new[~marked]  # as readers were made: they come first
    constraints, regrown = Constraints(survivors, new.shape[1]), []
    for k in numpy.flatnonzero(marked):
        taken, direction = constraints.of(old[k]), unit(new[k])
        cosines = [abs(direction @ t) for t in taken]
        found["taken"] = max([found["taken"]] + cosines)
        asked = [v for v in [unit(old[k])] + constraints.survivors + regrown if v.any()]
        found["asked"] += len(asked)
        found["met"] += sum(abs(direction @ v) <= MET for v in asked)
        found["left"] = max([found["left"]] + [abs(direction @ v) for v in asked])
        norm = norm_of(trial, step, layer, old[k], survivors, direction)
        found["norm"] = max(found["norm"], abs(numpy.linalg.norm(new[k]) / norm - 1))
        free = complement(taken, new.shape[1])
        found["coordinates"] += list(free @ direction * math.sqrt(len(free)))
        constraints.add(new[k])
        regrown.append(direction)


def check_authors(trial, i, conv, before, after, found):
    weight, _, _, first, K = conv
    marked = (before["dropped"][first : first + K] != 0)[:, None]
    old = numpy.where(marked, trial.part(weight, before["at_drop"]).reshape(K, -1), trial.part(weight, after["parameters"]).reshape(K, -1))
    new = trial.part(weight, after["parameters"]).astype(float).reshape(K, -1)
    found["authors"] = max(found["authors"], (abs(new - gram_schmidt(old.astype(float))) * marked).max())


def check_readers(trial, i, before, after, read, units):
    """Rule 18's readers: what else may have changed."""
    how = trial.steps[i]["readers"]
    if how == "keep":
        return unchanged({"readers": before["parameters"][read]}, {"readers": after["parameters"][read]}, ("readers",)) + unchanged(
            {"their slots": before["slots"][..., read], "their steps": before["steps"][units]},
            {"their slots": after["slots"][..., read], "their steps": after["steps"][units]},
            ("their slots", "their steps"),
        )
    problems = [] if not after["slots"][..., read].any() and not after["steps"][units].any() else ["optimizer state of readers is left"]
    if how == "zero" and after["parameters"][read].any():
        problems.append("readers are not zero")
    if how == "random":
        values = after["parameters"][read].astype(float)
        sigma = trial.meta["layers"][0]["init"]["sigma"]  # of all layers of these nets, truncated at two deviations
        is_init = abs(values).max() <= 2 * sigma and abs(values.std() / (0.8796 * sigma) - 1) < 5 / math.sqrt(2 * len(values))
        if not is_init or (values == before["parameters"][read]).mean() > 0.01:
            problems.append("readers are not drawn as at initialisation")
    return problems


def check_regrow(trial, i, before, after):
    step = trial.steps[i]
    marks = before["dropped"]
    found = {"taken": 0.0, "asked": 0, "met": 0, "left": 0.0, "norm": 0.0, "coordinates": [], "authors": 0.0}
    for conv in trial.convs:
        if marks[conv[3] : conv[3] + conv[4]].any():
            (check_authors if step["mode"] == "authors" else check_orthogonal)(trial, i, conv, before, after, found)
    problems = []
    if step["mode"] == "authors":
        what = f"authors: within {found['authors']:.1e} of Gram-Schmidt"
        if not found["authors"] <= 1e-6:
            problems.append("weights are not those of Gram-Schmidt")
    else:
        z = sum(found["coordinates"]) / math.sqrt(len(found["coordinates"]))
        what = f"{step['scale']}: cosines ≤ {found['taken']:.1e}; {found['met']} of {found['asked']} met; norms within {found['norm']:.1e}; z {z:.1f}"
        if not found["taken"] <= COSINE:
            problems.append("a constraint that can be met is not")
        if not found["norm"] <= 1e-6:
            problems.append("norms are not those of rule 17")
        if not abs(z) <= 5:
            problems.append("directions are not drawn evenly")
        if (found["asked"], found["met"]) != (step["constraints_asked"], step["constraints_met"]) or not abs(found["left"] - step["max_cos_left"]) <= 1e-6:
            problems.append(f"the record says {step['constraints_met']} of {step['constraints_asked']}, {step['max_cos_left']:.1e} left; here {found['left']:.1e}")
    values, units = trial.owned(marks)
    read, read_units = trial.read_by(marks)
    problems += check_readers(trial, i, before, after, read & ~values, read_units & ~units)
    for weight, bias, bn, first, K in trial.convs:
        rows = numpy.flatnonzero(marks[first : first + K])
        expected = {} if bias is None else {bias: trial.part(bias, before["parameters"])[rows] if step["bias"] == "keep" else 0}
        if bn:
            expected.update({bn["BN gamma"]: 1, bn["BN beta"]: 0, bn["BN mean"]: 0, bn["BN variance"]: 1})
        for number, value in expected.items():
            if (trial.part(number, after["parameters"])[rows] != value).any():
                problems.append(f"{trial.tensors[number]['kind']} of {trial.tensors[number]['layer']} is not reset")
    if after["slots"][..., values].any() or after["steps"][units].any():
        problems.append("optimizer state of regrown filters is left")
    if after["at_drop"].any() or after["dropped"].any() or after["closed"].any():
        problems.append("marks are left")
    if not numpy.array_equal(trial.of_op(i, "regrown"), marks) or step["regrown"] != marks.sum():
        problems.append("regrown")
    if not numpy.array_equal(after["last_regrow_epoch"], numpy.where(marks, step["epoch"], before["last_regrow_epoch"])):
        problems.append("last_regrow_epoch")
    rest, rest_units = ~(values | read), ~(units | read_units)
    problems += unchanged(
        {"other parameters": before["parameters"][rest], "other slots": before["slots"][..., rest], "other steps": before["steps"][rest_units]},
        {"other parameters": after["parameters"][rest], "other slots": after["slots"][..., rest], "other steps": after["steps"][rest_units]},
        ("other parameters", "other slots", "other steps"),
    )
    problems += unchanged(before, after, ("drop_cycle", "times_dropped"))
    return what, problems


# ---- Op by op


CHECKS = {"train": check_train, "drop": check_drop, "regrow": check_regrow}


def replay(trial, seen):
    """Checks each op; those that another trial has shared were checked there."""
    passed = True
    for i in range(1, len(trial.steps)):
        step = trial.steps[i]
        if step["id"] in seen and step["op"] != "drop":
            continue
        seen.add(step["id"])
        what, problems = CHECKS[step["op"]](trial, i, trial.state(i - 1), trial.state(i))
        passed &= not problems
        print(f"{'FAIL' if problems else 'OK  '} {trial.name:16} {step['epoch']:3} {step['op']:6} {what}" + "".join(f"\n       {p}" for p in problems), flush=True)
    return passed


# ---- A run of its own


def regrow_freely(trial, i, state, generator):
    step, marks = trial.steps[i], state["dropped"]
    assert step["mode"] == "orthogonal" and step["scale"] == "mean-norm" and step["bias"] == "zero" and step["readers"] == "keep"
    values, units = trial.owned(marks)
    for weight, bias, bn, first, K in trial.convs:
        w, old = (trial.part(weight, s).reshape(K, -1) for s in (state["parameters"], state["at_drop"]))
        marked = marks[first : first + K] != 0
        constraints = Constraints(w[~marked].astype(float), w.shape[1])
        norm = numpy.linalg.norm(w[~marked].astype(float), axis=1).mean()
        for k in numpy.flatnonzero(marked):
            free = complement(constraints.of(old[k].astype(float)), w.shape[1])
            w[k] = norm * unit(generator.standard_normal(len(free)) @ free)
            constraints.add(w[k].astype(float))
        for number, value in ([] if bias is None else [(bias, 0)]) + ([(bn[kind], value) for kind, value in (("BN gamma", 1), ("BN beta", 0), ("BN mean", 0), ("BN variance", 1))] if bn else []):
            trial.part(number, state["parameters"])[marked] = value
    state["slots"][..., values] = 0
    for name in ("dropped", "closed", "at_drop"):
        state[name][:] = 0


def run_freely(trial):
    """(train loss of the last epoch, test loss, test accuracy, how far from the cut filters lie that were dropped otherwise before its first regrow)"""
    generator = numpy.random.default_rng(trial.meta["seed"])
    state, drift, has_regrown = trial.state(0), 0.0, False
    state["slots"] = numpy.zeros((trial.n_slots, trial.net.n_parameters), numpy.float32)
    for i, step in enumerate(trial.steps):
        if step["op"] == "train":
            state["parameters"], state["slots"], train_loss, _ = train_epoch(trial, state, trial.of_op(i, "order"), trial.of_op(i, "lr"), torch.float32)
        elif step["op"] == "drop":
            scores = score(trial, i, state)
            chosen = worst(trial, step, scores, state)
            disputed = numpy.flatnonzero(chosen != trial.of_op(i, "set"))
            if not has_regrown and len(disputed):
                drift = max(drift, max(abs(scores[disputed] - scores[chosen != 0].max())) / numpy.nanmax(abs(scores)))
            values, _ = trial.owned(chosen)
            state["at_drop"] = numpy.where(values, state["parameters"], state["at_drop"])
            state["dropped"], state["closed"] = state["dropped"] | chosen, state["closed"] | (chosen if step["gate"] else 0)
        elif step["op"] == "regrow":
            has_regrown = True
            regrow_freely(trial, i, state, generator)
    trial.net.start()
    with torch.no_grad():
        logits = trial.net.run(trial.net.split(state["parameters"]), trial.images["test"], False).logits
    right = (logits.argmax(1) == trial.labels["test"]).double().mean().item()
    return train_loss, F.cross_entropy(logits.double(), trial.labels["test"]).item(), right, drift


def replay_freely(trials):
    own = [run_freely(trial) for trial in trials]
    passed = True
    for trial, run in zip(trials, own):
        good = run[3] <= DRIFT
        passed &= good
        print(f"{'OK  ' if good else 'FAIL'} {trial.name:16} free run: what is dropped otherwise before its first regrow lies within {run[3]:.1e} of the cut")
    for what, (index, key) in {"train loss": (0, "train_loss"), "test loss": (1, "test_loss"), "test accuracy": (2, "test_acc")}.items():
        ours = numpy.array([trial.steps[-1][key] for trial in trials])
        theirs = numpy.array([run[index] for run in own])
        coins = math.sqrt(ours.mean() * (1 - ours.mean()) / len(trials[0].labels["test"])) if key == "test_acc" else 0
        allowed = NOISE * math.sqrt(2 / len(ours)) * max(ours.std(ddof=1), coins)
        difference = theirs.mean() - ours.mean()
        good = abs(difference) <= allowed
        passed &= good
        print(
            f"{'OK  ' if good else 'FAIL'} free runs of {len(ours)} seeds: {what} {theirs.mean():.4f} ± {theirs.std(ddof=1):.4f}, "
            f"ours {ours.mean():.4f} ± {ours.std(ddof=1):.4f}; {difference:+.4f} of ±{allowed:.4f}"
        )
    return passed


# ---- All of it


def check(paths, is_free):
    """(output, whether all passed); in a process of its own."""
    torch.set_num_threads(1)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        trials, seen = [Trial(path) for path in paths], set()
        results = [replay_freely(trials)] if is_free else [replay(trial, seen) for trial in trials]
    return out.getvalue(), all(results)


def run_and_export(build, experiment, folder):
    """Runs an experiment beside this file and exports all its trials."""
    program, database = os.path.join(build, "repr"), os.path.join(folder, f"{experiment}.db")
    here, paths = os.path.dirname(os.path.abspath(__file__)), []

    def call(*arguments):
        done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        if done.returncode:
            sys.exit(f"repr {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    call("run", os.path.join(here, f"{experiment}.yaml"), "--db", database, "--jobs", "2")
    for line in call("status", "--db", database).splitlines()[1:]:
        paths.append(os.path.join(folder, f"{experiment}-{len(paths)}.npz"))
        call("export", line.split()[0], "--db", database, "-o", paths[-1])
    return paths


EXPERIMENTS = [
    ("replay-authors-arms", False),
    ("replay-bn-arms", False),
    ("replay-limits", False),
    ("replay-adam", False),
    ("replay-bn", True),
    ("replay-authors", True),
]


def run_all(build, is_brief):
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ProcessPoolExecutor(2) as pool:
        chosen = [(run_and_export(build, name, folder), is_free) for name, is_free in EXPERIMENTS if not (is_free and is_brief)]
        checks, passed = [pool.submit(check, *one) for one in chosen], True
        for one in checks:
            out, good = one.result()
            print(out, end="", flush=True)
            passed &= good
    return passed


def main():
    flags = {argument for argument in sys.argv[1:] if argument.startswith("--")}
    rest = [argument for argument in sys.argv[1:] if argument not in flags]
    if not rest or flags - {"--free", "--brief"}:
        sys.exit(__doc__)
    started = time.time()
    if all(path.endswith(".npz") for path in rest):
        out, passed = check(rest, "--free" in flags)
        print(out, end="")
    else:
        passed = run_all(rest[0], "--brief" in flags)
    print(f"{'All' if passed else 'Not all'} as it should be; {time.time() - started:.0f} s")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
