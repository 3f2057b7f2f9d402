"""Writes methods-contrastive.safetensors with PyTorch: `python3 make_contrastive_methods.py`.

As make_methods.py writes its file, on its views and its net: five training steps of each method whose images contrast with each
other, written out once more from its equation.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from make_goldens import GoldenFile, rounded
from make_negatives import by_logarithms, decoupled
from make_methods import CLASSES, IMAGES, OPTIMIZER, RUNS, Method, smooth_views, make_case, mlp, spread, unit


class SupCon(Method):
    """Khosla et al. 2020, equation 2: the mean over the positives of their log-probabilities."""

    @staticmethod
    def parts(options):
        return {"head": mlp([12, 12, options["headOutput"]])}

    def measure(self, views, images, labels):
        u = unit(self.model.embed(views.flatten(0, 1)))
        label = labels.repeat(len(views))
        itself = torch.eye(len(u), dtype=torch.bool)
        positive = (label[:, None] == label) & ~itself
        logits = (u @ u.T / self.options["temperature"]).masked_fill(itself, -math.inf)
        log_probabilities = F.log_softmax(logits, dim=1).masked_fill(~positive, 0)
        loss = -(log_probabilities.sum(1) / positive.sum(1)).mean()
        correct = positive.gather(1, logits.argmax(1, keepdim=True))
        return {"loss": loss, "contrastiveAccuracy": correct.to(u.dtype).mean(), "outputStd": spread(u)}


class Chosen(Method):
    """SimCLR with negatives that are chosen or weighed: losses of make_negatives.py."""

    @staticmethod
    def parts(options):
        return {"head": mlp([12, 12, options["headOutput"]])}

    def measure(self, views, images, labels):
        z = self.model.embed(views.flatten(0, 1))
        compute, settings = {
            "decoupled": (decoupled, {}),
            "hard": (by_logarithms, {"prior": "classPrior", "beta": "hardness"}),
        }[self.options["negatives"]]
        given = {name: self.options[option] for name, option in settings.items()}
        losses, measured = compute(z, len(images), self.options["temperature"], **given)
        found = {"loss": losses.mean(), "contrastiveAccuracy": measured["accuracy"], "outputStd": spread(z)}
        return {**found, "clampedShare": measured["clamped"]} if "clamped" in measured else found


class NNCLR(Method):
    """Dwibedi et al. 2021, equation 3, both directions; the first views join the queue."""

    @staticmethod
    def parts(options):
        output = options["headOutput"]
        return {
            "head": nn.Sequential(*mlp([12, options["headHidden"], output], batch_norm=True), nn.BatchNorm1d(output)),
            "predictor": mlp([output, options["predictorHidden"], output], batch_norm=True),
        }

    @staticmethod
    def before(options):
        return {"queue.keys": rounded(unit(torch.randn(options["queue"], options["headOutput"])))}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.keys, self.next = before["queue.keys"].clone(), 0
        # How far the second nearest neighbour was from the nearest: where rounding decides, runs part.
        self.gap = math.inf

    def measure(self, views, images, labels):
        z = self.model.embed(views.flatten(0, 1))
        p = unit(self.model.predictor(z)).chunk(2)
        u = unit(z.detach())
        nearest, indices = (u @ self.keys.T).topk(2, dim=1)
        self.gap = min(self.gap, (nearest[:, 0] - nearest[:, 1]).min().item())
        neighbours = self.keys[indices[:, 0]].chunk(2)
        self.new = u[: len(images)]
        losses, hits = [], []
        for anchors, keys in [(neighbours[0], p[1]), (neighbours[1], p[0])]:
            logits = anchors @ keys.T / self.options["temperature"]
            own = torch.arange(len(logits))
            losses.append(F.cross_entropy(logits, own))
            hits.append((logits.argmax(1) == own).to(u.dtype).mean())
        measured = {"loss": sum(losses) / 2, "contrastiveAccuracy": sum(hits) / 2, "outputStd": spread(z)}
        return {**measured, "neighbourSimilarity": nearest[:, 0].mean()}

    def after_update(self, step, images):
        for row in self.new:
            self.keys[self.next] = row
            self.next = (self.next + 1) % len(self.keys)

    def state(self):
        return {"queue.keys": self.keys}


# As CASES of make_methods.py has them: no input of a rectifier comes closer to 0 than 2.7e-4, and none switches within a difference
# of test/methods/finite-differences.test.ts.
CASES = [
    ("supcon", SupCon, "supcon", 2, 175, {"headOutput": 6, "temperature": 0.2}),
    (
        "nnclr",
        NNCLR,
        "nnclr",
        2,
        748,
        {"headLayers": 2, "headHidden": 10, "headOutput": 6, "predictorHidden": 9, "temperature": 1, "queue": 13},
    ),
    (
        "simclr, hard negatives",
        Chosen,
        "simclr",
        2,
        332,
        {"headOutput": 6, "temperature": 0.5, "negatives": "hard", "classPrior": 0.05, "hardness": 1.0},
    ),
    (
        "simclr, three views, decoupled",
        Chosen,
        "simclr",
        3,
        581,
        {"headOutput": 6, "temperature": 0.5, "views": 3, "negatives": "decoupled"},
    ),
    ("supcon, three views", SupCon, "supcon", 3, 82, {"headOutput": 6, "temperature": 0.2, "views": 3}),
]


def make_contrastive_methods():
    golden = GoldenFile("methods-contrastive", 1)
    # The views are those of methods.safetensors, from the same seed.
    views, labels = smooth_views(), IMAGES % CLASSES
    golden.case("steps", {"classes": CLASSES, "runs": RUNS, **OPTIMIZER}, views=views, images=IMAGES, labels=labels)
    for name, kind, method, seen, seed, options in CASES:
        make_case(golden, name, kind, method, seen, seed, options, views, labels)
    golden.write()


if __name__ == "__main__":
    make_contrastive_methods()
