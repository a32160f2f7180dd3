#!/usr/bin/env python3
"""torch_train.py: what bench_train.c measures, in PyTorch: images/s of processor time, one thread, random images.

Run it with glibc's allocator tuned as compare.sh does; else a third of the time goes into page faults.
"""

import argparse
import time

import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self, kernel, has_pools):
        super().__init__()
        self.has_pools = has_pools
        self.convs = nn.ModuleList(nn.Conv2d(c, 32, kernel, padding=kernel // 2) for c in (3, 32, 32))
        self.fc = nn.Linear(512 if has_pools else 32 * 32 * 32, 10)

    def forward(self, x):
        for conv in self.convs:
            x = functional.relu(conv(x), inplace=True)
            if self.has_pools:
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        return self.fc(x.flatten(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["c3-authors", "c3"], default="c3-authors")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(1)
    net = Net(5 if options.model == "c3-authors" else 3, options.model == "c3-authors")
    images = torch.randn(options.batch, 3, 32, 32)
    if options.channels_last:
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    labels = torch.arange(options.batch) % 10
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def train():
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    def evaluate():
        with torch.no_grad():
            net(images)

    step = evaluate if options.evaluate else train
    for _ in range(3):
        step()
    n_steps = options.images // options.batch
    started = time.process_time()
    for _ in range(n_steps):
        step()
    print(f"{n_steps * options.batch / (time.process_time() - started):.0f}")


if __name__ == "__main__":
    main()
