"""Optimizers and schedules against PyTorch.

    make build/tests/parity/optimizer_stream build/tests/parity/schedule_rates
    /usr/bin/python3 tests/parity/optimizers.py build

Each optimizer takes 100 steps over the same random gradients as torch.optim, both in float32; afterwards every parameter has to agree to
1e-6 of its own size (parameters start between 0.5 and 1.5 in size and stay clear of 0). Some units are frozen for a while: to PyTorch, those
are parameters without a gradient, which it leaves alone, step count included. Schedules have to agree with torch.optim.lr_scheduler to
1e-12. Prints a line for each and exits with 1 where one fails.
"""

import os
import struct
import subprocess
import sys
import warnings

import torch

K, C, E, STEPS = 5, 3, 9, 100
N_UNITS = K * C + K
N_WEIGHTS = K * C * E
TOLERANCE = 1e-6
SCHEDULE_TOLERANCE = 1e-12


def unit_slices():
    """The parameters of each unit within the flat buffer: kernels (k, c), then biases."""
    kernels = [slice(i * E, (i + 1) * E) for i in range(K * C)]
    return kernels + [slice(N_WEIGHTS + k, N_WEIGHTS + k + 1) for k in range(K)]


def recorded_stream(seed):
    generator = torch.Generator().manual_seed(seed)
    n = N_WEIGHTS + K
    signs = torch.randint(0, 2, (n,), generator=generator).float() * 2 - 1
    start = signs * (0.5 + torch.rand(n, generator=generator))
    scale = 10 ** (torch.rand(n, generator=generator) * 4 - 3)  # gradients of 0.001 to 10
    gradients = torch.randn(STEPS, n, generator=generator) * scale
    frozen = torch.zeros(STEPS, N_UNITS, dtype=torch.uint8)
    frozen[0:20, 1] = 1  # starts late
    frozen[30:60, 4:9] = 1  # a sub-network phase
    frozen[50:, K * C] = 1  # a bias
    frozen[::3, 12] = 1
    return start, gradients, frozen


def of_torch(make, stream, weight_decay, weights_only):
    start, gradients, frozen = stream
    units = [start[s].clone().requires_grad_() for s in unit_slices()]
    biases_decay = 0.0 if weights_only else weight_decay
    optimizer = make([{"params": units[: K * C], "weight_decay": weight_decay}, {"params": units[K * C :], "weight_decay": biases_decay}])
    for step in range(STEPS):
        for unit, (values, part) in enumerate(zip(units, unit_slices())):
            values.grad = None if frozen[step, unit] else gradients[step, part].clone()
        optimizer.step()
    return torch.cat([u.detach() for u in units])


def of_ours(build, name, options, stream):
    start, gradients, frozen = stream
    data = struct.pack("=4I", K, C, E, STEPS) + start.numpy().tobytes()
    for step in range(STEPS):
        data += frozen[step].numpy().tobytes() + gradients[step].numpy().tobytes()
    command = [os.path.join(build, "tests/parity/optimizer_stream"), name] + [f"{k}={v!r}" if k != "decay" else f"decay={v}" for k, v in options.items()]
    out = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return torch.frombuffer(bytearray(out), dtype=torch.float32)


def optimizer_cases():
    optim = torch.optim
    makes = {
        "sgd": ({"lr": 0.001}, lambda lr: lambda p: optim.SGD(p, lr=lr)),
        "momentum": ({"lr": 0.0002, "momentum": 0.9}, lambda lr, momentum: lambda p: optim.SGD(p, lr=lr, momentum=momentum)),
        "nesterov": ({"lr": 0.0002, "momentum": 0.9}, lambda lr, momentum: lambda p: optim.SGD(p, lr=lr, momentum=momentum, nesterov=True)),
        "rmsprop": (
            {"lr": 0.0005, "alpha": 0.99, "epsilon": 1e-8},
            lambda lr, alpha, epsilon: lambda p: optim.RMSprop(p, lr=lr, alpha=alpha, eps=epsilon),
        ),
        "adam": (
            {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
            lambda lr, beta1, beta2, epsilon: lambda p: optim.Adam(p, lr=lr, betas=(beta1, beta2), eps=epsilon),
        ),
        "adamw": (
            {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
            lambda lr, beta1, beta2, epsilon: lambda p: optim.AdamW(p, lr=lr, betas=(beta1, beta2), eps=epsilon),
        ),
    }
    others = {"rmsprop": {"lr": 0.0005, "alpha": 0.9, "epsilon": 1e-3}, "adam": {"lr": 0.001, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1}}
    others["adamw"] = others["adam"]
    for name, (options, make) in makes.items():
        for settings in [options] + ([others[name]] if name in others else []):
            for weight_decay, decay in ((0.0, "all"), (0.05, "all"), (0.05, "weights")):
                yield name, dict(settings, weight_decay=weight_decay, decay=decay), make(**settings)


def check_optimizers(build):
    passed = True
    for i, (name, options, make) in enumerate(optimizer_cases()):
        stream = recorded_stream(i)
        expected = of_torch(make, stream, options["weight_decay"], options["decay"] == "weights")
        ours = of_ours(build, name, options, stream)
        moved = (expected - stream[0]).abs().max().item()
        worst = ((ours.double() - expected.double()).abs() / expected.double().abs()).max().item()
        good = worst <= TOLERANCE and moved > 0.01
        passed &= good
        print(f"{'OK  ' if good else 'FAIL'} {name} {options}: worst relative difference {worst:.2g}")
    return passed


def rates_of_torch(make, lr, n):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def warm_up_and_cosine(optimizer):
    schedulers = torch.optim.lr_scheduler
    rise = schedulers.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    fall = schedulers.CosineAnnealingLR(optimizer, T_max=55, eta_min=0.003)
    return schedulers.SequentialLR(optimizer, [rise, fall], milestones=[5])


def check_schedules(build):
    schedulers = torch.optim.lr_scheduler
    cases = [
        ("staircase", {"lr": 0.1, "factor": 0.1, "every": 30}, 100, lambda o: schedulers.StepLR(o, step_size=30, gamma=0.1)),
        ("exponential", {"lr": 0.1, "factor": 0.97}, 200, lambda o: schedulers.ExponentialLR(o, gamma=0.97)),
        (
            "cyclical",
            {"low": 0.001, "high": 0.1, "half_period": 7},
            100,
            lambda o: schedulers.CyclicLR(o, base_lr=0.001, max_lr=0.1, step_size_up=7, mode="triangular", cycle_momentum=False),
        ),
        ("cosine", {"lr": 0.1, "final": 0, "length": 100}, 100, lambda o: schedulers.CosineAnnealingLR(o, T_max=100)),
        ("cosine", {"lr": 0.1, "final": 0.003, "length": 77}, 77, lambda o: schedulers.CosineAnnealingLR(o, T_max=77, eta_min=0.003)),
        ("cosine", {"lr": 0.1, "final": 0.003, "warm_up": 5, "length": 60}, 60, warm_up_and_cosine),
    ]
    passed = True
    for name, options, n, make in cases:
        command = [os.path.join(build, "tests/parity/schedule_rates"), name, str(n)] + [f"{k}={v!r}" for k, v in options.items()]
        ours = [float(line) for line in subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()]
        expected = rates_of_torch(make, options.get("lr", 0.1), n)
        top = max(expected)
        worst = max(abs(a - b) for a, b in zip(ours, expected)) / top if len(ours) == n else float("inf")
        good = worst <= SCHEDULE_TOLERANCE
        passed &= good
        print(f"{'OK  ' if good else 'FAIL'} {name} {options}: worst difference {worst:.2g} of the highest lr")
    return passed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for driver in ("optimizer_stream", "schedule_rates"):
        if not os.path.exists(os.path.join(sys.argv[1], "tests/parity", driver)):
            sys.exit(f"{sys.argv[1]}/tests/parity/{driver} is not there: make it first (see this file's head)")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    passed = check_optimizers(sys.argv[1])
    passed &= check_schedules(sys.argv[1])
    print("OK" if passed else "FAIL")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
