#!/usr/bin/env python3
"""torch_bench.py: what `repr bench` measures of training and evaluation, in PyTorch: the same nets, one thread, images/s of processor time.

    torch_bench.py [--model c3,pool=off] [--batch 64] [--seconds 2]

Prints one JSON object with the keys of `repr bench --json`. Each number is the best of both layouts (contiguous, channels last), and for
evaluation also of batches of 50 and 250: a peer should do as well as it can. Run it with glibc's allocator tuned as compare.sh does; else a
third of the time goes into page faults.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

CLASSES = 10
N_ROUNDS = 7
EVALUATION_BATCHES = (50, 250)


def pool(x):
    return functional.max_pool2d(x, 3, 2, ceil_mode=True)


class C3(nn.Module):
    """experiments/models/c3.yaml; c3-authors is the one with 5×5 kernels."""

    def __init__(self, depth=3, filters=32, kernel=3, pool="on", bn="off"):
        super().__init__()
        channels = [3] + [filters] * depth
        self.convs = nn.ModuleList(nn.Conv2d(c, filters, kernel, padding=kernel // 2) for c in channels[:-1])
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for _ in self.convs) if bn == "on" else [None] * depth
        self.has_pools = pool == "on"
        side = 32
        for _ in range(depth if self.has_pools else 0):
            side = (side + 1) // 2
        self.fc = nn.Linear(filters * side * side, CLASSES)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = conv(x)
            if norm is not None:
                x = norm(x)
            x = functional.relu(x, inplace=True)
            if self.has_pools:
                x = pool(x)
        return self.fc(x.flatten(1))


class Block(nn.Module):
    """Two 3×3 convolutions; the shortcut has no weights: every second pixel, channels of zeros behind (He et al. 2016, option A)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride, self.padding = stride, outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        if self.stride != 1 or self.padding:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.padding))
        return functional.relu(out.add_(x), inplace=True)


class ResNet(nn.Module):
    """experiments/models/resnet.yaml."""

    def __init__(self, depth=20, filters=16, filters2=32, filters3=64):
        super().__init__()
        n = (depth - 2) // 6
        self.conv = nn.Conv2d(3, filters, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(filters)
        blocks, inputs = [], filters
        for stage, outputs in enumerate((filters, filters2, filters3)):
            for i in range(n):
                blocks.append(Block(inputs, outputs, 2 if stage > 0 and i == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = self.blocks(functional.relu(self.bn(self.conv(x)), inplace=True))
        return self.fc(x.mean((2, 3)))


def c3_authors(filters=32):
    return C3(filters=filters, kernel=5)


MODELS = {"c3": C3, "c3-authors": c3_authors, "resnet": ResNet}


def make_model(text):
    """NAME[,KEY=VALUE…], as `repr bench --model` takes it."""
    name, *parameters = text.split(",")
    if name not in MODELS:
        sys.exit(f"torch_bench.py: there is no model '{name}' here; there are: {', '.join(MODELS)}")
    pairs = [parameter.partition("=")[::2] for parameter in parameters]
    try:
        return MODELS[name](**{key: int(value) if value.isdigit() else value for key, value in pairs})
    except TypeError as error:
        sys.exit(f"torch_bench.py: model {text}: {error}")


def make_training(text, batch, layout):
    net = make_model(text).to(memory_format=layout).train()
    images = torch.randn(batch, 3, 32, 32).to(memory_format=layout)
    labels = torch.arange(batch) % CLASSES
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-5)

    def step():
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        return batch

    return step


def make_evaluation(text, batch, layout):
    net = make_model(text).to(memory_format=layout).eval()
    images = torch.randn(batch, 3, 32, 32).to(memory_format=layout)

    def step():
        with torch.inference_mode():
            net(images)
        return batch

    return step


def time_slice(step, slice_s):
    started, n = time.process_time(), 0
    while True:
        n += step()
        passed = time.process_time() - started
        if passed >= slice_s:
            return n / passed


def status_bytes(field):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field + ":"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="c3-authors")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    layouts = torch.contiguous_format, torch.channels_last
    training = [make_training(options.model, options.batch, layout) for layout in layouts]
    evaluation = [make_evaluation(options.model, batch, layout) for layout in layouts for batch in EVALUATION_BATCHES]
    for step in training + evaluation:
        for _ in range(2):
            step()
    rates = {step: [] for step in training + evaluation}
    for _ in range(N_ROUNDS):
        for step in rates:
            rates[step].append(time_slice(step, options.seconds / N_ROUNDS))

    def best(steps):
        return {"images_per_second": max(statistics.median(rates[step]) for step in steps)}

    print(json.dumps({
        "model": options.model, "batch": options.batch, "threads": 1, "torch": torch.__version__,
        "train": best(training), "evaluate": best(evaluation), "peak_memory_bytes": status_bytes("VmHWM") - status_bytes("RssFile"),
    }))


if __name__ == "__main__":
    main()
