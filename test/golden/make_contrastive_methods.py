"""Writes contrastive-methods.safetensors with PyTorch: `python3 make_contrastive_methods.py`.

As make_methods.py writes its file, on its views and its net: five training steps of each method whose images contrast with each
other, written out once more from its equation.
"""

import math

import torch
import torch.nn.functional as F

from make_goldens import GoldenFile
from make_methods import CLASSES, IMAGES, Method, draw_views, make_case, mlp, spread, unit


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


# As CASES of make_methods.py has them: no input of a rectifier comes closer to 0 than 2.7e-4, and none switches within a difference
# of test/methods/finite-differences.test.ts.
CASES = [
    ("supcon", SupCon, "supcon", 2, 175, {"headOutput": 6, "temperature": 0.2}),
    ("supcon, three views", SupCon, "supcon", 3, 82, {"headOutput": 6, "temperature": 0.2, "views": 3}),
]


def make_contrastive_methods():
    golden = GoldenFile("contrastive-methods", 1)
    # Those of methods.safetensors, from the same seed.
    views = draw_views()
    for name, kind, method, seen, seed, options in CASES:
        make_case(golden, name, kind, method, seen, seed, options, views, IMAGES % CLASSES)
    golden.write()


if __name__ == "__main__":
    make_contrastive_methods()
