"""Writes no-negatives.safetensors and methods-no-negatives.safetensors with PyTorch: `python3 make_no_negatives.py`.

The first holds losses without negatives, with their gradients, at odd sizes; the second, five training steps of each method with
such a loss, as make_methods.py has them and in the same form. Every loss is written out here from its equation.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from make_goldens import GoldenFile, leaf, randn
from make_methods import CLASSES, IMAGES, OPTIMIZER, RUNS, Method, make_case, mlp, smooth_views, spread, unit


def participation_ratio(x):
    """Along how many directions centred rows vary."""
    return (x**2).sum() ** 2 / ((x.T @ x) ** 2).sum()


def signs_of_collapse(z, images):
    return {"outputStd": spread(z), "outputRank": participation_ratio(z[:images] - z[:images].mean(0))}


def off_diagonal(matrix):
    return matrix - torch.diag(torch.diag(matrix))


def barlow_twins(z1, z2, weight, scale):
    a, b = [(z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt() for z in (z1, z2)]
    c = a.T @ b / len(a)
    loss = ((torch.diag(c) - 1) ** 2).sum() + weight * (off_diagonal(c) ** 2).sum()
    return {"loss": scale * loss}


def vicreg(z1, z2, invariance, variance, covariance):
    def of_view(z):
        cov = torch.cov(z.T)
        short = F.relu(1 - (torch.diag(cov) + 1e-4).sqrt()).mean()
        return short, (off_diagonal(cov) ** 2).sum() / z.shape[1]

    (short1, cov1), (short2, cov2) = of_view(z1), of_view(z2)
    found = {"invariance": F.mse_loss(z1, z2), "variance": (short1 + short2) / 2, "covariance": cov1 + cov2}
    weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
    loss = sum(weight * found[name] for name, weight in weights.items())
    return {"loss": loss, **found}


def random_words(counter):
    """PCG4D (Jarzynski and Olano 2020) of uint32 [..., 4]."""
    x, y, z, w = np.moveaxis(counter * np.uint32(1664525) + np.uint32(1013904223), -1, 0)
    x = x + y * w
    y = y + z * x
    z = z + x * y
    w = w + y * z
    x, y, z, w = (v ^ (v >> np.uint32(16)) for v in (x, y, z, w))
    x = x + y * w
    y = y + z * x
    z = z + x * y
    w = w + y * z
    return np.stack([x, y, z, w], -1)


def directions(seed, step, count, dim):
    """Random directions [count, dim]: normal numbers (Box and Muller 1958) from a counter, rows of length 1."""
    fours = -(-dim // 4)
    counter = np.zeros([count, fours, 4], np.uint32)
    counter[..., 0], counter[..., 1] = seed, step
    counter[..., 2] = (0xC0000000 + np.arange(count, dtype=np.int64))[:, None]
    counter[..., 3] = np.arange(fours)
    u = (random_words(counter) >> np.uint32(8)).astype(np.float64) / 2**24
    radius, angle = np.sqrt(-2 * np.log(1 - u[..., :2])), 2 * math.pi * (u[..., 2:] - 0.5)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return unit(torch.from_numpy(pairs.reshape(count, 4 * fours)[:, :dim].copy()))


KNOTS = 17
T = 3 * torch.arange(KNOTS) / (KNOTS - 1)
PHI = torch.exp(-(T**2) / 2)
OMEGA = 2 * (T[1] - T[0]) * PHI * torch.tensor([0.5] + [1.0] * (KNOTS - 2) + [0.5])


def epps_pulley(y):
    """How far each column of y [rows, columns] is from a standard normal distribution: [columns]."""
    t, phi, omega = (x.to(y.dtype) for x in (T, PHI, OMEGA))
    angles = y[:, :, None] * t
    c, s = angles.cos().mean(0), angles.sin().mean(0)
    return len(y) * (((c - phi) ** 2 + s**2) * omega).sum(-1)


def lejepa(views, slices, weight, full=None):
    """`views` [views, images, dim], of which the first ones have full size."""
    sigreg = torch.stack([epps_pulley(z @ slices.T.to(z.dtype)).mean() for z in views]).mean()
    invariance = ((views - views[:full].mean(0)) ** 2).mean()
    return {"loss": weight * sigreg + (1 - weight) * invariance, "sigreg": sigreg, "invariance": invariance}


class SimSiam(Method):
    @staticmethod
    def parts(options):
        output = options["headOutput"]
        head = mlp([12, options["headHidden"], output], batch_norm=True, end="norm")
        return {"head": head, "predictor": mlp([output, options["predictorHidden"], output], batch_norm=True)}

    def measure(self, views, images, labels):
        z = self.model.embed(views.flatten(0, 1))
        p, given = (x.unflatten(0, views.shape[:2]) for x in (self.model.predictor(z), z.detach()))
        others = [torch.cat([given[:v], given[v + 1 :]]).mean(0) for v in range(len(views))]
        loss = -torch.stack([F.cosine_similarity(own, other).mean() for own, other in zip(p, others)]).mean()
        return {"loss": loss, **signs_of_collapse(z, len(images))}


class WithoutBias(Method):
    """A head whose last layer has no bias, and a loss of its outputs [views, images, dim]."""

    @staticmethod
    def parts(options):
        return {"head": mlp([12, options["headHidden"], options["headOutput"]], batch_norm=True, end="none")}

    def measure(self, views, images, labels):
        z = self.model.embed(views.flatten(0, 1))
        return {**self.loss(*z.unflatten(0, views.shape[:2])), **signs_of_collapse(z, len(images))}


class Barlow(WithoutBias):
    def loss(self, z1, z2):
        return barlow_twins(z1, z2, self.options["lambda"], self.options["scaleLoss"])


class VICReg(WithoutBias):
    def loss(self, z1, z2):
        return vicreg(z1, z2, *(self.options[name] for name in ("invariance", "variance", "covariance")))


class LeJEPA(Method):
    @staticmethod
    def parts(options):
        return {"head": mlp([12, options["headHidden"], options["headOutput"]], batch_norm=True)}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.step = 0

    def measure(self, views, images, labels):
        z = self.model.embed(views.flatten(0, 1))
        slices = directions(1, self.step, self.options["slices"], z.shape[1])
        self.step += 1
        found = lejepa(z.unflatten(0, views.shape[:2]), slices, self.options["lambda"])
        return {**found, "deviation": z.std(0, unbiased=False).mean(), **signs_of_collapse(z, len(images))}


# As in make_methods.py: views and seeds, with which no input of a rectifier comes close to 0.
HEAD = {"headLayers": 2, "headHidden": 10, "headOutput": 6}
CASES = [
    ("simsiam", SimSiam, "simsiam", 2, 399, {**HEAD, "predictorHidden": 5}),
    ("simsiam, three views", SimSiam, "simsiam", 3, 157, {**HEAD, "predictorHidden": 5, "views": 3}),
    ("barlow", Barlow, "barlow", 2, 343, {**HEAD, "lambda": 0.05, "scaleLoss": 0.5}),
    ("vicreg", VICReg, "vicreg", 2, 323, {**HEAD, "invariance": 2.5, "variance": 3, "covariance": 1.5}),
    ("lejepa", LeJEPA, "lejepa", 3, 117, {**HEAD, "views": 3, "slices": 9, "lambda": 0.2}),
]


def make_losses():
    golden = GoldenFile("no-negatives", 1)

    def case(name, z, settings, measure):
        z = leaf(z)
        found = measure(z, **settings)
        found["loss"].backward()
        golden.case(name, settings, z=z, dz=z.grad, **found)

    def two(loss):
        return lambda z, **settings: loss(*z.chunk(2), *settings.values())

    for size, (images, dim) in {"fewer rows": (5, 9), "fewer columns": (11, 3), "square": (7, 7), "two images": (2, 5)}.items():
        # Views that have something in common.
        z = randn(images, dim, mean=0.3, std=1.2).repeat(2, 1) + randn(2 * images, dim, std=0.4)
        case(f"barlow, {size}", z, {"lambda": 0.0051, "scale": 0.1}, two(barlow_twins))
        case(f"vicreg, {size}", z, {"invariance": 25, "variance": 25, "covariance": 1}, two(vicreg))
    # A dimension that says nothing, and outputs that have no common scale.
    z = randn(12, 8) * torch.tensor([1e-3, 0, 1, 5, 30, 1, 1, 2])
    case("barlow, uneven", z, {"lambda": 0.0051, "scale": 1}, two(barlow_twins))
    case("vicreg, uneven", z, {"invariance": 1, "variance": 1, "covariance": 80}, two(vicreg))
    for name, (views, full, images, dim, slices, std) in {
        "lejepa, two views": (2, 2, 37, 5, 11, 1),
        "lejepa, one slice": (3, 3, 5, 7, 1, 0.1),
        "lejepa, wide": (2, 2, 19, 3, 70, 8),
        "lejepa, small views": (5, 2, 9, 6, 13, 0.7),
    }.items():
        given = directions(3, 8, slices, dim)

        def measure(z, **settings):
            return lejepa(z.unflatten(0, (views, images)), given, settings["lambda"], settings["fullViews"])

        settings = {"lambda": 0.05, "views": views, "fullViews": full, "slices": slices}
        case(name, randn(views * images, dim, mean=0.2, std=std), settings, measure)
        golden.add(f"{name}.directions", given)
    golden.write()


def make_trajectories():
    golden = GoldenFile("methods-no-negatives", 1)
    views = smooth_views()
    labels = IMAGES % CLASSES
    golden.case("steps", {"classes": CLASSES, "runs": RUNS, **OPTIMIZER}, views=views, images=IMAGES, labels=labels)
    for name, kind, method, seen, seed, options in CASES:
        make_case(golden, name, kind, method, seen, seed, options, views, labels)
    golden.write()


if __name__ == "__main__":
    make_losses()
    make_trajectories()
