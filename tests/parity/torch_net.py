"""A net in PyTorch from the list of layers that run_net.c (or `rp_model_build`) writes: the same rules, none of the same code.

    net = Net(meta)                                  # meta["layers"], meta["tensors"], meta["image"]: see run_net.c
    values = net.split(flat, torch.float64)          # leaf tensors, one per row of meta["tensors"], with gradients where they are trained
    run = net.run(values, images, training=True)     # run.logits [N][classes], run.statistics {tensor's number: new running value}
    loss(run.logits).backward()
    net.join([v.grad for v in values])               # flat again; None becomes zeros

Any dtype works. `closed` ([filters], nonzero = gate closed) multiplies a closed filter's map by 0 at its gate, as SEMANTICS.md's rules 7 to 10
say, and keeps the running statistics of absent channels.

A run has *decisions*: which values a ReLU lets pass, which tap of its window a max pool takes, which values dropout keeps. `run.decisions` holds
those that were taken, by layer (uint8); `decisions=` forces others upon a run, so that two runs stand on the same side of every kink and
differ by rounding only. `run.disagreements` says what was forced against the run's own values: (layer, how many, the largest distance
from the kink, over the largest value of that map).
"""

import types

import torch
import torch.nn.functional as F

IMAGE = -1
PRESENT, ABSENT, PADDING = 0, 1, 2
TRAINED = ("conv weight", "fc weight", "bias", "BN gamma", "BN beta")


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: ceil(size / stride) windows, the odd pixel of padding after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padding_of(layer, height, width):
    """(left, right, top, bottom), in the order of torch.nn.functional.pad."""
    if layer["padding"] == "same":
        return same_padding(width, layer["kernel"], layer["stride"]) + same_padding(height, layer["kernel"], layer["stride"])
    rows = 0 if layer["padding"] == "valid" else int(layer["padding"])
    return (rows,) * 4


class Net:
    def __init__(self, meta):
        self.layers, self.tensors, self.n_classes = meta["layers"], meta["tensors"], meta["image"]["classes"]
        self.n_parameters = sum(t["K"] * t["C"] * t["E"] for t in self.tensors)
        self.image = tuple(meta["image"][side] for side in ("channels", "height", "width"))
        names = {"image": IMAGE}
        self.inputs = []
        for i, layer in enumerate(self.layers):
            given = layer.get("from")
            given = [given] if isinstance(given, str) else given
            self.inputs.append([names[name] for name in given] if given else [i - 1])
            names[layer["name"]] = i
        self.of_layer = [{} for _ in self.layers]  # kind → number of the tensor
        for number, tensor in enumerate(self.tensors):
            self.of_layer[names[tensor["layer"]]][tensor["kind"]] = number
        self.convs = [i for i, layer in enumerate(self.layers) if layer["kind"] == "conv"]
        self.n_filters = sum(self.layers[i]["filters"] for i in self.convs)
        self.gates = {self.gate_of(i): i for i in self.convs}

    # ---- Parameters

    def shape_of(self, number):
        tensor = self.tensors[number]
        if tensor["kind"] == "conv weight":
            side = round(tensor["E"] ** 0.5)
            return (tensor["K"], tensor["C"], side, side)
        if tensor["kind"] == "fc weight":
            return (tensor["K"], tensor["C"] * tensor["E"])
        return (tensor["K"],)

    def split(self, flat, dtype=torch.float32):
        flat = torch.as_tensor(flat)
        values = []
        for number, tensor in enumerate(self.tensors):
            shape = self.shape_of(number)
            size = tensor["K"] * tensor["C"] * tensor["E"]
            value = flat[tensor["offset"] : tensor["offset"] + size].to(dtype).reshape(shape).clone()
            values.append(value.requires_grad_(tensor["kind"] in TRAINED))
        return values

    def join(self, values):
        dtype = next(v.dtype for v in values if v is not None)
        flat = torch.zeros(self.n_parameters, dtype=dtype)
        for tensor, value in zip(self.tensors, values):
            if value is not None:
                flat[tensor["offset"] : tensor["offset"] + value.numel()] = value.detach().reshape(-1)
        return flat

    # ---- Gates (rules 7 to 9)

    def sole_reader(self, i, kind):
        readers = [reader for reader, inputs in enumerate(self.inputs) for one in inputs if one == i]
        is_it = len(readers) == 1 and self.layers[readers[0]]["kind"] == kind and len(self.inputs[readers[0]]) == 1
        return readers[0] if is_it else None

    def gate_of(self, conv):
        """The layer after which the gate of a conv's filters sits."""
        if self.layers[conv]["relu"]:
            return conv
        bn = self.sole_reader(conv, "batch_norm")
        gate = conv if bn is None else bn
        if self.layers[gate].get("relu"):
            return gate
        relu = self.sole_reader(gate, "relu")
        return gate if relu is None else relu

    def closed_by_conv(self, closed):
        parts, first = {}, 0
        for i in self.convs:
            n = self.layers[i]["filters"]
            parts[i] = [bool(c) for c in closed[first : first + n]]
            first += n
        return parts

    def channels_of(self, i, before, closed):
        """PRESENT, ABSENT or PADDING for each channel that layer i puts out; `before`: those of the layers before it, None for the image."""
        layer, inputs = self.layers[i], [before[j] for j in self.inputs[i]]
        kind = layer["kind"]
        if kind == "conv":
            return [ABSENT if c else PRESENT for c in closed[i]]
        if kind == "fc":
            return [PRESENT] * self.fc_outputs(layer)
        if any(channels is None for channels in inputs):
            return None if kind != "pad_channels" else [PRESENT] * layer["channels"]
        if kind == "concat":
            return [c for channels in inputs for c in channels]
        if kind == "add":
            return [PRESENT if PRESENT in summands else ABSENT if ABSENT in summands else PADDING for summands in zip(*inputs)]
        if kind == "pad_channels":
            return inputs[0] + [PADDING] * (layer["channels"] - len(inputs[0]))
        if kind == "batch_norm":
            return [ABSENT if c == ABSENT else PRESENT for c in inputs[0]]
        return inputs[0]

    def absent_channels(self, closed):
        """By layer: [channels] of bool, True where the channel is absent; None where the image comes through."""
        before = {IMAGE: None}
        parts = self.closed_by_conv(closed)
        for i in range(len(self.layers)):
            before[i] = self.channels_of(i, before, parts)
        return [None if before[i] is None else torch.tensor([c == ABSENT for c in before[i]]) for i in range(len(self.layers))]

    def frozen_values(self, closed):
        """Which values of the flat buffer must not move (rule 10): bool [n_parameters]."""
        absent, flat = self.absent_channels(closed), torch.zeros(self.n_parameters, dtype=torch.bool)
        for i, tensors in enumerate(self.of_layer):
            source = None if self.inputs[i][0] == IMAGE else absent[self.inputs[i][0]]
            for kind, number in tensors.items():
                tensor = self.tensors[number]
                frozen = torch.zeros(tensor["K"], tensor["C"], tensor["E"], dtype=torch.bool)
                if absent[i] is not None:
                    frozen |= absent[i].reshape(-1, 1, 1)
                if kind in ("conv weight", "fc weight") and source is not None:
                    frozen |= source.reshape(1, -1, 1)
                flat[tensor["offset"] : tensor["offset"] + frozen.numel()] = frozen.reshape(-1)
        return flat

    def output_sizes(self):
        """Values of one image that each layer puts out."""
        with torch.no_grad():
            values = [torch.ones(self.shape_of(number)) for number in range(len(self.tensors))]
            run = self.run(values, torch.zeros(1, *self.image), training=False)
        return [run.maps[i].numel() for i in range(len(self.layers))]

    def fc_outputs(self, layer):
        return self.n_classes if layer["outputs"] == "classes" else layer["outputs"]

    # ---- Running it

    def run(self, values, images, training, closed=None, decisions=None):
        run = types.SimpleNamespace(values=values, training=training, statistics={}, decisions={}, disagreements=[], forced=decisions)
        run.absent = None if closed is None else self.absent_channels(closed)
        maps = {IMAGE: images.to(values[0].dtype)}
        for i, layer in enumerate(self.layers):
            inputs = [maps[j] for j in self.inputs[i]]
            out = getattr(self, layer["kind"])(run, i, layer, *inputs)
            if layer["kind"] in ("conv", "batch_norm") and layer["relu"]:
                out = self.relu(run, i, layer, out)
            if run.absent is not None and i in self.gates:
                own = run.absent[i]
                out = out * (~own).to(out.dtype).reshape(1, -1, 1, 1)
            maps[i] = out
        run.maps = maps
        run.logits = maps[len(self.layers) - 1].flatten(1)
        return run

    def value(self, run, i, kind):
        number = self.of_layer[i].get(kind)
        return None if number is None else run.values[number]

    def decide(self, run, i, own, gaps):
        """The decision that counts: the run's own, or the forced one. `gaps`(forced): how far each is from the kink, over the map's largest value."""
        if run.forced is None or i not in run.forced:
            run.decisions[i] = own
            return own
        forced = run.decisions[i] = run.forced[i].reshape(own.shape)
        differing = forced != own
        if run.absent is not None and run.absent[i] is not None:
            differing &= ~run.absent[i].reshape(1, -1, 1, 1)
        if differing.any():
            # Equal values (0s behind a ReLU, mostly) are a matter of taste.
            gap = gaps(forced)[differing]
            run.disagreements.append((i, int((gap > 0).sum()), float(gap.max())))
        return forced

    def conv(self, run, i, layer, x):
        padded = F.pad(x, padding_of(layer, x.shape[2], x.shape[3]))
        return F.conv2d(padded, self.value(run, i, "conv weight"), self.value(run, i, "bias"), stride=layer["stride"])

    def relu(self, run, i, layer, x):
        seen = x.detach()
        own = (seen > 0).to(torch.uint8)
        passes = self.decide(run, i, own, lambda forced: seen.abs() / seen.abs().max())
        return x * passes.to(x.dtype)

    def batch_norm(self, run, i, layer, x):
        mean, variance = self.value(run, i, "BN mean").clone(), self.value(run, i, "BN variance").clone()
        out = F.batch_norm(
            x,
            mean,
            variance,
            self.value(run, i, "BN gamma"),
            self.value(run, i, "BN beta"),
            training=run.training,
            momentum=layer["momentum"],
            eps=layer["epsilon"],
        )
        absent = None if run.absent is None else run.absent[i]
        for kind, moved in (("BN mean", mean), ("BN variance", variance)):
            before = self.value(run, i, kind)
            run.statistics[self.of_layer[i][kind]] = moved if absent is None else torch.where(absent, before, moved)
        return out if absent is None else out * (~absent).to(out.dtype).reshape(1, -1, 1, 1)

    def max_pool(self, run, i, layer, x):
        kernel, stride = layer["kernel"], layer["stride"]
        padded = F.pad(x, padding_of(layer, x.shape[2], x.shape[3]), value=float("-inf"))
        _, largest = F.max_pool2d(padded.detach(), kernel, stride, return_indices=True)
        width = padded.shape[3]
        top = torch.arange(largest.shape[2]).reshape(-1, 1) * stride
        left = torch.arange(largest.shape[3]).reshape(1, -1) * stride
        own = ((largest // width - top) * kernel + largest % width - left).to(torch.uint8)

        def at(taps):
            taps = taps.long()
            index = (taps // kernel + top) * width + taps % kernel + left
            return padded.flatten(2).gather(2, index.flatten(2)).reshape(index.shape)

        return at(self.decide(run, i, own, lambda forced: (at(own) - at(forced)).detach() / x.detach().abs().max()))

    def avg_pool(self, run, i, layer, x):
        padding = padding_of(layer, x.shape[2], x.shape[3])
        pixels = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), padding), layer["kernel"], layer["stride"])
        return F.avg_pool2d(F.pad(x, padding), layer["kernel"], layer["stride"]) / pixels

    def global_avg_pool(self, run, i, layer, x):
        return x.mean(dim=(2, 3), keepdim=True)

    def fc(self, run, i, layer, x):
        return F.linear(x.flatten(1), self.value(run, i, "fc weight"), self.value(run, i, "bias")).reshape(x.shape[0], -1, 1, 1)

    def dropout(self, run, i, layer, x):
        if not run.training or layer["rate"] == 0:
            return x
        if run.forced is None or i not in run.forced:
            raise ValueError(f"{layer['name']} draws in training: its decisions must be given")
        return x * run.forced[i].reshape(x.shape).to(x.dtype) / (1 - layer["rate"])

    drop_path = dropout

    def add(self, run, i, layer, *inputs):
        out = inputs[0]
        for other in inputs[1:]:
            out = out + other
        return out

    def concat(self, run, i, layer, *inputs):
        return torch.cat(inputs, dim=1)

    def pad_channels(self, run, i, layer, x):
        kept = x[:, :, :: layer["stride"], :: layer["stride"]]
        return F.pad(kept, (0, 0, 0, 0, 0, layer["channels"] - x.shape[1]))
