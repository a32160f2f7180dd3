"""Dropout keeps the mean: what training mode puts out, against what it reads.

    make test-peers                              # builds and runs all of this folder
    /usr/bin/python3 tests/parity/dropout.py build

For each dropout and drop_path of some nets: every value is multiplied by 0 or by 1 / (1 - rate) (to float32's rounding); drop_path's factor is the
same for a whole image; the share of zeros and the mean of the output are those of independent draws, to 5 standard deviations; and no two
layers or images draw alike. The gradient through these factors is compared in nets.py.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy

from torch_net import Net

SIGMAS = 5
ROUNDING = 2.0**-23
CASES = [
    ("vgg-narrow", "{name: vgg-narrow, dropout: on}", 64),
    ("densenet-40", "{name: densenet, dropout: on}", 4),
    ("resnet-20", "{name: resnet, depth: 20, stochastic_depth: on}", 64),
]


def maps_of(driver, model, batch):
    """The net and its outputs in training mode, by layer: [N, values of an image] in float64."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([driver, model, "3x32x32", "10", str(batch), "1", folder, "--maps"], check=True)
        with open(os.path.join(folder, "meta.json")) as file:
            net = Net(json.load(file))
        values = numpy.fromfile(os.path.join(folder, "maps.f32"), dtype=numpy.float32).astype(numpy.float64)
    maps, first = [], 0
    for size in net.output_sizes():
        maps.append(values[first : first + batch * size].reshape(batch, size))
        first += batch * size
    assert first == values.size
    return net, maps


def problems_of(layer, read, put_out):
    """What is wrong with one layer's draws, as a list of sentences, and the kept share of the values that it read (0s say nothing)."""
    kept = 1 / (1 - layer["rate"])
    spread = layer["rate"] / (1 - layer["rate"])  # variance of a factor, whose mean is 1
    factors = numpy.where(read != 0, put_out / numpy.where(read != 0, read, 1), numpy.nan)
    drawn = factors[~numpy.isnan(factors)]
    found = []
    if (numpy.minimum(abs(drawn), abs(drawn - kept)) > kept * ROUNDING).any():
        found.append(f"factors other than 0 and {kept:g}")
    if (put_out[read == 0] != 0).any():
        found.append("0 becomes something else")
    if layer["kind"] == "drop_path":
        if (numpy.nanmax(factors, axis=1) - numpy.nanmin(factors, axis=1) > kept * ROUNDING).any():
            found.append("an image's factors differ")
        read, drawn = read.sum(axis=1), numpy.nanmean(factors, axis=1)
    share, deviation = (drawn == 0).mean(), (layer["rate"] * (1 - layer["rate"]) / drawn.size) ** 0.5
    if abs(share - layer["rate"]) > SIGMAS * deviation:
        found.append(f"{share:.4f} of the values are 0")
    off, deviation = put_out.sum() - read.sum(), (spread * (read**2).sum()) ** 0.5
    if abs(off) > SIGMAS * deviation:
        found.append(f"the sum is {abs(off) / deviation:.1f} deviations off")
    return found, factors, off / deviation


def are_alike(factors, others):
    """Whether two rows of factors agree far more often than chance lets them: where both say something."""
    both = ~numpy.isnan(factors) & ~numpy.isnan(others)
    return both.sum() > 30 and ((factors == 0) == (others == 0))[both].all()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    driver, failed = os.path.join(sys.argv[1], "tests/parity/run_net"), 0
    for name, model, batch in CASES:
        net, maps = maps_of(driver, model, batch)
        before = None
        for i, layer in enumerate(net.layers):
            if layer["kind"] not in ("dropout", "drop_path"):
                continue
            found, factors, off = problems_of(layer, maps[net.inputs[i][0]], maps[i])
            rows = factors[:, :1].T if layer["kind"] == "drop_path" else factors
            if any(are_alike(a, b) for a, b in zip(rows, rows[1:])):
                found.append("two images draw alike")
            if before is not None and before.shape == rows.shape and are_alike(before[0], rows[0]):
                found.append("draws as the layer before does")
            before = rows
            failed += len(found) > 0
            print(f"{'FAIL' if found else 'OK  '} {name} {layer['name']} at {layer['rate']}: {'; '.join(found) or f'the mean is {off:+.1f} deviations off'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
