"""Writes methods-banks.safetensors with PyTorch: five training steps of methods with banks, keys of the batch, prototypes and
clips, as make_methods.py writes those of others and on the same views, which are read from its file: `python3 make_bank_methods.py`.
"""

import json
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from make_goldens import FOLDER, GoldenFile, rounded
from make_methods import BATCH, CLASSES, IMAGES, OPTIMIZER, RUNS, Method, Teacher, make_case, mlp, spread, unit


def read_steps():
    """The views and labels of methods.safetensors."""
    data = (FOLDER / "methods.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])

    def tensor(name, dtype):
        first, end = header[f"steps.{name}"]["data_offsets"]
        array = np.frombuffer(data[start + first : start + end], dtype=dtype)
        return torch.from_numpy(array.reshape(header[f"steps.{name}"]["shape"]).astype(np.float64))

    return tensor("views", "<f4"), tensor("labels", "<u4").long()


class MoCoV3(Method):
    """Chen, Xie and He 2021, algorithm 1, on both views in one batch."""

    @staticmethod
    def parts(options):
        output, hidden, predicted = options["headOutput"], options["headHidden"], options["predictorHidden"]
        return {
            "head": nn.Sequential(
                nn.Linear(12, hidden, bias=False),
                nn.BatchNorm1d(hidden),
                nn.ReLU(),
                nn.Linear(hidden, output, bias=False),
                nn.BatchNorm1d(output, affine=False),
            ),
            "predictor": nn.Sequential(
                nn.Linear(output, predicted, bias=False),
                nn.BatchNorm1d(predicted),
                nn.ReLU(),
                nn.Linear(predicted, output, bias=False),
            ),
        }

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.teacher = Teacher(model, options)

    def measure(self, views, images, labels):
        temperature, both = self.options["temperature"], views.flatten(0, 1)
        q, k = unit(self.model.predictor(self.model.embed(both))), unit(self.teacher.embed(both))
        (q1, q2), (k1, k2) = q.chunk(2), k.chunk(2)
        own = torch.arange(len(q1))
        logits = [a @ b.T / temperature for a, b in [(q1, k2), (q2, k1)]]
        loss = sum(2 * temperature * F.cross_entropy(s, own) for s in logits)
        accuracy = sum((s.argmax(1) == own).to(q.dtype).mean() for s in logits) / 2
        return {"loss": loss, "contrastiveAccuracy": accuracy, "outputStd": (spread(q1) + spread(q2)) / 2}

    def after_update(self, step, images):
        self.teacher.update(step)

    def state(self):
        return self.teacher.state()


def sfc32(a, b, c):
    """Random 32-bit numbers as src/random.ts gives them."""
    mask, counter = 2**32 - 1, 1

    def step():
        nonlocal a, b, c, counter
        result = (a + b + counter) & mask
        counter = (counter + 1) & mask
        a, b, c = b ^ (b >> 9), (c + (c << 3)) & mask, ((((c << 21) & mask) | (c >> 11)) + result) & mask
        return result

    for _ in range(15):
        step()
    return step


class InstDisc(Method):
    """Wu et al. 2018, with the update of the bank that the authors' code has."""

    @staticmethod
    def parts(options):
        return {"head": nn.Sequential(nn.Linear(12, options["headOutput"]))}

    @staticmethod
    def before(options):
        return {"bank": rounded(unit(torch.randn(int(IMAGES.max()) + 1, options["headOutput"])))}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.bank, self.step, self.log_z = before["bank"].clone(), 0, None

    def measure(self, views, images, labels):
        self.u = unit(self.model.embed(views[0]))
        logits = self.u @ self.bank.T / self.options["temperature"]
        if self.options.get("loss") == "nce":
            return {"loss": self.estimated(logits, images), "outputStd": spread(self.u)}
        accuracy = (logits.argmax(1) == images).to(logits.dtype).mean()
        return {"loss": F.cross_entropy(logits, images), "contrastiveAccuracy": accuracy, "outputStd": spread(self.u)}

    def estimated(self, logits, images):
        n, m = len(self.bank), self.options["noise"]
        random = sfc32(1, self.step, 0x2CE)
        drawn = torch.tensor([random() * n >> 32 for _ in range(m)])
        own, noise = logits.gather(1, images[:, None]), logits[:, drawn]
        if self.log_z is None:
            self.log_z = (n * torch.cat([own, noise], 1).exp().mean()).log().detach()
        # h = P / (P + m / n)
        p, q = (own - self.log_z).exp(), (noise - self.log_z).exp()
        return -(p / (p + m / n)).log().mean() - (1 - q / (q + m / n)).log().sum(1).mean()

    def after_update(self, step, images):
        momentum = self.options["bankMomentum"]
        self.bank[images] = unit(momentum * self.bank[images] + (1 - momentum) * self.u.detach())
        self.step = step + 1

    def state(self):
        if self.log_z is None:
            return {"bank": self.bank}
        return {
            "bank": self.bank,
            "normalizer.logarithm": self.log_z.view(1, 1),
            "normalizer.place": torch.ones(1, dtype=torch.long),
        }


class SwAV(Method):
    """Caron et al. 2020, algorithm 1 (appendix A), with its exponentials as they stand there."""

    @staticmethod
    def parts(options):
        # Of [out, in], as which PyTorch has it, a column is a prototype.
        prototypes = nn.Linear(options["prototypes"], options["headOutput"], bias=False)
        prototypes.weight.data = F.normalize(prototypes.weight.data, dim=0)
        return {"head": mlp([12, options["headHidden"], options["headOutput"]], batch_norm=True), "prototypes": prototypes}

    @staticmethod
    def before(options):
        shape = [options.get("queue", 0), options["headOutput"]]
        return {f"queue.{view + 1}": torch.zeros(shape) for view in range(2 if shape[0] > 0 else 0)}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.queues, self.next, self.step = [queue.clone() for queue in before.values()], 0, 0

    def assign(self, scores, view):
        """One for each image of the batch, from the scores of a view and of what the queue holds."""
        scores, images = scores.detach(), len(scores)
        if self.queues and self.step >= math.ceil(self.options["queue"] / images):
            scores = torch.cat([scores, self.queues[view] @ self.model.prototypes.weight.detach()])
        q = (scores / self.options["epsilon"]).exp().T
        q = q / q.sum()
        for _ in range(self.options["iterations"]):
            q = q / q.sum(1, keepdim=True) / q.shape[0]
            q = q / q.sum(0, keepdim=True) / q.shape[1]
        return (q * q.shape[1]).T[:images]

    def measure(self, views, images, labels):
        u = [unit(z) for z in self.model.embed(views[:2].flatten(0, 1)).chunk(2)]
        self.u = [x.detach() for x in u]
        if self.options.get("smallViews", 0) > 0:
            u = [*u, unit(self.model.embed(views[2]))]
        scores = [x @ self.model.prototypes.weight for x in u]
        p = [F.softmax(s / self.options["temperature"], dim=1) for s in scores]
        q = [self.assign(s, view) for view, s in enumerate(scores[:2])]
        pairs = [(a, b) for a in range(2) for b in range(len(u)) if a != b]
        loss = sum(-(q[a] * p[b].log()).sum(1).mean() for a, b in pairs) / len(pairs)
        best = torch.cat(scores[:2]).argmax(1)
        assigned, predicted = torch.cat(q), torch.cat(p[:2]).mean(0)
        return {
            "loss": loss,
            "outputStd": spread(torch.cat(u[:2])),
            "prototypesUsed": torch.tensor(float(len(best.unique())), dtype=loss.dtype),
            "assignmentEntropy": -(assigned * assigned.log()).sum(1).mean(),
            "meanEntropy": -(predicted * predicted.log()).sum(),
        }

    def after_update(self, step, images):
        weight = self.model.prototypes.weight
        weight.data = F.normalize(weight.data, dim=0)
        for i in range(BATCH if self.queues else 0):
            for queue, u in zip(self.queues, self.u):
                queue[self.next] = u[i]
            self.next = (self.next + 1) % len(self.queues[0])
        self.step = step + 1

    def state(self):
        return {f"queue.{view + 1}": queue for view, queue in enumerate(self.queues)}


class TCN(Method):
    """Sermanet et al. 2018, section 3.2; triplets as TensorFlow's triplet_semihard_loss has them, n-pairs as its npairs_loss."""

    @staticmethod
    def parts(options):
        head = mlp([12, 12, options["headOutput"]])
        # Dot products of what a head begins with are next to nothing.
        head[2].weight.data *= 4 if options["loss"] == "n-pairs" else 1
        return {"head": head}

    def measure(self, views, images, labels):
        z = self.model.embed(views[0])
        # Of two clips, whose frames take turns.
        clip, time = images % 2, images // 2
        together = clip[:, None] == clip
        apart = (time[:, None] - time).abs()
        positive = together & (apart <= self.options["near"]) & ~torch.eye(len(z), dtype=torch.bool)
        negative = ~together | (apart > self.options["far"])
        losses = {"info-nce": self.info_nce, "triplet": self.triplets, "n-pairs": self.n_pairs}
        loss, accuracy = losses[self.options["loss"]](z, positive, negative)
        return {"loss": loss, "contrastiveAccuracy": accuracy, "outputStd": spread(z)}

    def info_nce(self, z, positive, negative):
        s = unit(z) @ unit(z).T / self.options["temperature"]
        losses, correct = [], []
        for own, p, n in zip(s, positive, negative):
            if p.any() and n.any():
                losses.append(own[p | n].logsumexp(0) - own[p].mean())
                correct.append(float(own[p].max() > own[n].max()))
        return torch.stack(losses).mean(), torch.tensor(correct, dtype=z.dtype).mean()

    def triplets(self, z, positive, negative):
        distances = (unit(z)[:, None] - unit(z)).square().sum(2)
        losses, correct = [], []
        for own, p, n in zip(distances, positive, negative):
            for d in own[p] if n.any() else []:
                farther = own[n][own[n] > d]
                losses.append(F.relu(self.options["margin"] + d - (farther.min() if len(farther) > 0 else own[n].max())))
                correct.append(float(d < own[n].min()))
        return torch.stack(losses).mean(), torch.tensor(correct, dtype=z.dtype).mean()

    def n_pairs(self, z, positive, negative):
        a, p = z[: len(z) // 2 * 2].view(-1, 2, z.shape[1]).unbind(1)
        products, own = a @ p.T, torch.arange(len(a))
        lengths = 0.002 / 4 * (a.square().sum(1).mean() + p.square().sum(1).mean())
        return F.cross_entropy(products, own) + lengths, (products.argmax(1) == own).to(z.dtype).mean()


TCN_OPTIONS = {"headOutput": 6, "temperature": 0.3, "margin": 0.3, "near": 3, "far": 4}
SWAV = {
    **{"headHidden": 10, "headOutput": 6, "prototypes": 7, "temperature": 0.3},
    **{"epsilon": 0.2, "iterations": 3, "frozenEpochs": 0},
}

# Names and options are the library's; the number of views is followed by the seed of the initial weights, as in make_methods.py.
CASES = [
    (
        "moco-v3",
        MoCoV3,
        "moco-v3",
        2,
        1369,
        {
            "headHidden": 10,
            "headOutput": 6,
            "predictorHidden": 9,
            "temperature": 1,
            "momentum": 0.6,
            "finalMomentum": 1,
        },
    ),
    ("instdisc", InstDisc, "instdisc", 1, 208, {"headOutput": 6, "temperature": 0.2, "bankMomentum": 0.5}),
    (
        "instdisc, nce",
        InstDisc,
        "instdisc",
        1,
        28,
        {"headOutput": 6, "temperature": 0.2, "bankMomentum": 0.3, "loss": "nce", "noise": 7},
    ),
    ("swav", SwAV, "swav", 2, 40, SWAV),
    (
        "swav, crops and a queue",
        SwAV,
        "swav",
        3,
        64,
        {**SWAV, "smallViews": 1, "smallSize": 8, "queue": 7, "queueEpochs": 0},
    ),
    ("tcn", TCN, "tcn", 1, 22, {**TCN_OPTIONS, "loss": "info-nce"}),
    ("tcn, triplet", TCN, "tcn", 1, 345, {**TCN_OPTIONS, "loss": "triplet"}),
    ("tcn, n-pairs", TCN, "tcn", 1, 12, {**TCN_OPTIONS, "loss": "n-pairs"}),
]


def make_bank_methods():
    golden = GoldenFile("methods-banks", 2)
    views, labels = read_steps()
    settings = {"classes": CLASSES, "runs": RUNS, **OPTIMIZER}
    golden.case("steps", settings, views=views, images=IMAGES, labels=labels)
    for name, kind, method, seen, seed, options in CASES:
        make_case(golden, name, kind, method, seen, seed, options, views, labels)
    golden.write()


if __name__ == "__main__":
    make_bank_methods()
