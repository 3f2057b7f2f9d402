"""Writes methods-dino.safetensors with PyTorch: five training steps of DINO, as make_methods.py writes those of other methods and on
the same views, which are read from its file: `python3 make_dino.py`.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from make_bank_methods import read_steps
from make_goldens import GoldenFile, rounded
from make_methods import CLASSES, IMAGES, OPTIMIZER, RUNS, Method, Teacher, make_case, unit
from make_no_negatives import signs_of_collapse

STEPS_AN_EPOCH = (int(IMAGES.max()) + 1) // IMAGES.shape[1]


class Head(nn.Module):
    """Caron et al. 2021, appendix C: the last layer's weights have length 1, and no scale."""

    def __init__(self, hidden, bottleneck, prototypes, batch_norm):
        super().__init__()
        layers = []
        for width in (12, hidden):
            norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
            layers += [nn.Linear(width, hidden, bias=not batch_norm), *norm, nn.GELU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden, bottleneck))
        # Of [out, in], as which PyTorch has it, a column is a prototype.
        self.last = nn.Linear(prototypes, bottleneck, bias=False)
        self.moves = True

    def forward(self, h):
        return self.mlp(h)

    def scores(self, z):
        weight = self.last.weight if self.moves else self.last.weight.detach() + 0 * self.last.weight
        return unit(z) @ F.normalize(weight, dim=0)


class DINO(Method):
    @staticmethod
    def parts(options):
        return {"head": Head(options["headHidden"], options["headOutput"], options["prototypes"], options["headBatchNorm"])}

    @staticmethod
    def before(options):
        return {"center": rounded(0.1 * torch.randn(1, options["prototypes"]))}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.teacher, self.center, self.step = Teacher(model, options), before["center"].clone(), 0

    def temperature(self):
        first, last = self.options["warmupTemperature"], self.options["teacherTemperature"]
        steps = round(self.options["warmupTemperatureEpochs"] * STEPS_AN_EPOCH)
        return first + (last - first) * min(1, self.step / steps) if steps > 0 else last

    def measure(self, views, images, labels):
        self.model.head.moves = self.step >= round(self.options["frozenEpochs"] * STEPS_AN_EPOCH)
        # Each group of views goes through in one batch.
        groups = [views[:2].flatten(0, 1), *([views[2:].flatten(0, 1)] if len(views) > 2 else [])]
        z = [self.model.embed(group) for group in groups]
        outputs = [self.model.head.scores(own) for own in z]
        self.scores = self.teacher.copy.head.scores(self.teacher.embed(groups[0]))
        student = [(s / self.options["temperature"]).log_softmax(1) for out in outputs for s in out.split(len(images))]
        shares = ((self.scores - self.center) / self.temperature()).softmax(1)
        teacher = shares.split(len(images))
        pairs = [(a, b) for a in range(2) for b in range(len(student)) if a != b]
        kl = [F.kl_div(student[b], teacher[a], reduction="batchmean").detach() for a, b in pairs]
        return {
            "loss": sum(-(teacher[a] * student[b]).sum(1).mean() for a, b in pairs) / len(pairs),
            "teacherEntropy": -(shares * shares.log()).sum(1).mean(),
            "prototypesUsed": torch.tensor(float(len(shares.argmax(1).unique())), dtype=shares.dtype),
            "divergence": sum(kl) / len(kl),
            **signs_of_collapse(z[0], len(images)),
        }

    def after_update(self, step, images):
        self.teacher.update(step)
        momentum = self.options["centerMomentum"]
        self.center = momentum * self.center + (1 - momentum) * self.scores.mean(0, keepdim=True)
        self.step = step + 1

    def state(self):
        return {**self.teacher.state(), "center": self.center}


SETTINGS = {
    **{"headHidden": 10, "headOutput": 6, "prototypes": 7, "temperature": 0.3, "teacherTemperature": 0.1},
    **{"warmupTemperature": 0.1, "warmupTemperatureEpochs": 0, "centerMomentum": 0.6, "frozenEpochs": 0},
    **{"momentum": 0.6, "finalMomentum": 1, "headBatchNorm": False},
}
# Names and options are the library's; the number of views is followed by the seed of the initial weights, as in make_methods.py.
CASES = [
    ("dino", 2, 17, SETTINGS),
    (
        "dino, crops",
        3,
        4,
        {
            **SETTINGS,
            **{"smallViews": 1, "smallSize": 8, "headBatchNorm": True, "frozenEpochs": 0.5},
            **{"warmupTemperature": 0.25, "warmupTemperatureEpochs": 2},
        },
    ),
]


def make_dino():
    golden = GoldenFile("methods-dino", 3)
    views, labels = read_steps()
    settings = {"classes": CLASSES, "runs": RUNS, **OPTIMIZER}
    golden.case("steps", settings, views=views, images=IMAGES, labels=labels)
    for name, seen, seed, options in CASES:
        make_case(golden, name, DINO, "dino", seen, seed, options, views, labels)
    golden.write()


if __name__ == "__main__":
    make_dino()
