"""Writes methods.safetensors with PyTorch: five training steps of each method on the same views, `python3 make_methods.py`.

As make_goldens.py writes its files: drawn from fixed seeds and rounded to float32, computed in float64, weights in the
library's layouts. Every method is written out once more here, from its equation, on a small net with batch norm.
"""

import copy
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from make_goldens import GoldenFile, nchw, perturbed, rounded

STEPS, RUNS = 5, 64
# Images of each step, as numbers of a set: from the third step on some come back, the first of them from two steps before.
IMAGES = torch.tensor([[4, 9, 0, 7, 12], [3, 11, 6, 1, 8], [9, 2, 4, 10, 5], [6, 0, 3, 12, 9], [10, 7, 9, 11, 1]])
CLASSES = 3
BATCH, VIEWS = IMAGES.shape[1], 3
OPTIMIZER = {"learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3}
NO_IMAGE = 2**32 - 1


class Model(nn.Module):
    """An encoder of two convolutions, and what follows it by name: views [rows, 8, 8, 3] to representations [rows, 12]."""

    def __init__(self, **parts):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        for name, part in parts.items():
            self.add_module(name, part)

    def represent(self, views):
        x = F.relu(self.bn1(self.conv1(nchw(views))))
        return F.relu(self.bn2(self.conv2(x))).mean((2, 3))

    def embed(self, views):
        return self.head(self.represent(views))


def mlp(sizes, batch_norm=False, end="bias"):
    """Linear layers with rectifiers between, and batch norm before these; the last with a bias, none, or batch norm alone."""
    first, hidden, last = sizes
    norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
    layers = [nn.Linear(first, hidden, bias=not batch_norm), *norm, nn.ReLU(), nn.Linear(hidden, last, bias=end == "bias")]
    return nn.Sequential(*layers, *([nn.BatchNorm1d(last, affine=False)] if end == "norm" else []))


def unit(x):
    return F.normalize(x, dim=1, eps=1e-12)


def spread(x):
    """The standard deviation of rows of length 1, the mean over the dimensions."""
    return unit(x).std(0, unbiased=False).mean()


class Teacher:
    """A copy of a model without its predictor, whose parameters follow the model's as an average; its statistics are its own."""

    def __init__(self, model, options):
        self.model, self.options = model, options
        self.copy = copy.deepcopy(model).requires_grad_(False)
        self.copy.predictor = None

    def embed(self, views):
        with torch.no_grad():
            return self.copy.embed(views)

    def update(self, step):
        first, last = self.options["momentum"], self.options["finalMomentum"]
        m = last - (last - first) * (math.cos(math.pi * step / STEPS) + 1) / 2 if last > 0 else first
        student = dict(self.model.named_parameters())
        for name, average in self.copy.named_parameters():
            average.copy_(m * average + (1 - m) * student[name].detach())

    def state(self):
        return weights(self.copy, "teacher.")


class Method:
    """What a step of one is: its parts, its loss with what is measured beside it, and what follows the optimizer's step."""

    def __init__(self, model, options, before):
        self.model, self.options = model, options

    def after_update(self, step, images):
        pass

    def state(self):
        return {}


class SimCLR(Method):
    """NT-Xent of any number of views: the mean over the positives is that of their log-probabilities."""

    @staticmethod
    def parts(options):
        return {"head": mlp([12, 12, options["headOutput"]])}

    def measure(self, views, images, labels):
        u = unit(self.model.embed(views.flatten(0, 1)))
        image = images.repeat(len(views))
        itself = torch.eye(len(u), dtype=torch.bool)
        positive = (image[:, None] == image) & ~itself
        logits = (u @ u.T / self.options["temperature"]).masked_fill(itself, -math.inf)
        log_probabilities = F.log_softmax(logits, dim=1).masked_fill(~positive, 0)
        loss = -(log_probabilities.sum(1) / positive.sum(1)).mean()
        correct = positive.gather(1, logits.argmax(1, keepdim=True))
        return {"loss": loss, "contrastiveAccuracy": correct.to(u.dtype).mean(), "outputStd": spread(u)}


class Supervised(Method):
    @staticmethod
    def parts(options):
        return {"fc": nn.Linear(12, CLASSES)}

    def measure(self, views, images, labels):
        logits = self.model.fc(self.model.represent(views[0]))
        accuracy = (logits.argmax(1) == labels).to(logits.dtype).mean()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": accuracy}


class MoCo(Method):
    """He et al. 2020, algorithm 1, but for the keys of the query's own image, which do not count; one direction."""

    @staticmethod
    def parts(options):
        return {"head": mlp([12, 12, options["headOutput"]])}

    @staticmethod
    def before(options):
        keys = F.normalize(torch.randn(options["queue"], options["headOutput"]))
        return {"queue.keys": rounded(keys), "queue.images": torch.full([options["queue"]], NO_IMAGE)}

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.teacher = Teacher(model, options)
        self.keys, self.images = before["queue.keys"].clone(), before["queue.images"].clone()
        self.next, self.masked = 0, 0

    def measure(self, views, images, labels):
        temperature = self.options["temperature"]
        q, self.new = unit(self.model.embed(views[0])), self.teacher.embed(views[1])
        own = images[:, None] == self.images
        self.masked += own.sum().item()
        negatives = (q @ unit(self.keys).T / temperature).masked_fill(own, -math.inf)
        logits = torch.cat([(q * unit(self.new)).sum(1, keepdim=True) / temperature, negatives], dim=1)
        loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        accuracy = (logits.argmax(1) == 0).to(q.dtype).mean()
        return {"loss": loss, "contrastiveAccuracy": accuracy, "outputStd": spread(q)}

    def after_update(self, step, images):
        self.teacher.update(step)
        for key, image in zip(self.new, images):
            self.keys[self.next], self.images[self.next] = key, image
            self.next = (self.next + 1) % len(self.keys)

    def state(self):
        return {**self.teacher.state(), "queue.keys": self.keys, "queue.images": self.images}


class BYOL(Method):
    @staticmethod
    def parts(options):
        output = options["headOutput"]
        return {
            "head": mlp([12, options["headHidden"], output], batch_norm=True),
            "predictor": mlp([output, options["predictorHidden"], output], batch_norm=True),
        }

    def __init__(self, model, options, before):
        super().__init__(model, options, before)
        self.teacher = Teacher(model, options)

    def measure(self, views, images, labels):
        both = views.flatten(0, 1)
        p, z = self.model.predictor(self.model.embed(both)), self.teacher.embed(both)
        (p1, p2), (z1, z2) = p.chunk(2), z.chunk(2)
        loss = sum((2 - 2 * F.cosine_similarity(a, b)).mean() for a, b in [(p1, z2), (p2, z1)])
        return {"loss": loss, "outputStd": spread(p)}

    def after_update(self, step, images):
        self.teacher.update(step)

    def state(self):
        return self.teacher.state()


# Names and options are the library's. The number of views is followed by the seed of the initial weights: one with which no
# input of a rectifier comes closer to 0 than 2.9e-4, for runs part by a thousandth where rounding decides its side.
CASES = [
    ("simclr", SimCLR, "simclr", 2, 254, {"headOutput": 6, "temperature": 0.5}),
    ("simclr, three views", SimCLR, "simclr", 3, 26, {"headOutput": 6, "temperature": 0.2, "views": 3}),
    ("supervised", Supervised, "supervised", 1, 107, {}),
    ("moco", MoCo, "moco", 2, 292, {"headOutput": 6, "temperature": 0.2, "queue": 13, "momentum": 0.7, "finalMomentum": 0}),
    (
        "byol",
        BYOL,
        "byol",
        2,
        30,
        {"headHidden": 10, "headOutput": 6, "predictorHidden": 9, "momentum": 0.6, "finalMomentum": 1},
    ),
]


def ours(value):
    """A tensor of a model in the library's layout: convolutions [height, width, in, out], linear layers [in, out]."""
    return value.permute(2, 3, 1, 0) if value.dim() == 4 else value.T if value.dim() == 2 else value


def weights(model, prefix, of=lambda value: value):
    """Copies of a model's parameters and running statistics, or of what else there is of them, by name."""
    state = {name: of(value) for name, value in [*model.named_parameters(), *model.named_buffers()]}
    kept = {name: value for name, value in state.items() if value is not None and value.dim() > 0}
    return {f"{prefix}{name}": ours(value.detach()).clone() for name, value in kept.items()}


def train(kind, options, state, before, views, labels, dtype):
    """Everything that is compared, by name: what each step measured, gradients of the first, and what is there at the end."""
    model = Model(**kind.parts(options)).to(dtype)
    model.load_state_dict(state)
    method = kind(model, options, {name: x.to(dtype) if x.is_floating_point() else x for name, x in before.items()})
    decayed = [p for p in model.parameters() if p.dim() > 1]
    groups = [{"params": decayed}, {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}]
    rate, momentum, decay = OPTIMIZER.values()
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=momentum, weight_decay=decay)
    measured, gradients = [], {}
    for step, (step_views, images) in enumerate(zip(views.to(dtype), IMAGES)):
        found = method.measure(step_views, images, labels[step])
        optimizer.zero_grad()
        found["loss"].backward()
        gradients = gradients or weights(model, "gradient.", lambda value: value.grad)
        optimizer.step()
        method.after_update(step, images)
        measured.append({name: value.detach() for name, value in found.items()})
    together = {f"measured.{name}": torch.stack([found[name] for found in measured]) for name in measured[0]}
    after = {f"after.{name}": value for name, value in method.state().items()}
    return method, {**together, **gradients, **weights(model, "final."), **after}


def make_case(golden, name, kind, method, seen, seed, options, views, labels):
    torch.manual_seed(seed)
    state = {key: rounded(v) if v.is_floating_point() else v for key, v in Model(**kind.parts(options)).state_dict().items()}
    before = kind.before(options) if hasattr(kind, "before") else {}
    views = views[:, :seen]
    learner, exact = train(kind, options, state, before, views, labels, torch.float64)
    floats = {key: value for key, value in exact.items() if value.is_floating_point()}
    deviation = {key: torch.zeros(value.shape if key.startswith("measured.") else ()) for key, value in floats.items()}
    for _ in range(RUNS):
        moved = [{key: perturbed(value) for key, value in tensors.items()} for tensors in (state, before)]
        _, other = train(kind, options, *moved, perturbed(views), labels, torch.float32)
        for key, value in floats.items():
            away = (other[key] - value).abs()
            away = away if key.startswith("measured.") else away.max()
            deviation[key] = torch.maximum(deviation[key], away)
    for key, value in floats.items():
        # What is 0 but for rounding, such as the gradient of a bias before batch norm, has no size to be compared with.
        assert deviation[key].max() < 1e-5 * max(value.abs().max(), 0.1), key
    initial = {f"initial.{key}": ours(value) for key, value in state.items() if value.dim() > 0}
    started = {f"before.{key}": value for key, value in before.items()}
    deviations = {f"deviation.{key}": value for key, value in deviation.items()}
    golden.case(name, {"method": method, "options": json.dumps(options)}, **initial, **started, **exact, **deviations)
    return learner


def smooth_views():
    """Views of each step: each image is a smooth field of colours; its views are that field with noise."""
    fields = F.interpolate(torch.randn(int(IMAGES.max()) + 1, 3, 2, 2), (8, 8), mode="bilinear", align_corners=True)
    views = fields[IMAGES][:, None] + 0.5 * torch.randn(STEPS, VIEWS, BATCH, 3, 8, 8)
    return rounded(views.permute(0, 1, 2, 4, 5, 3))


def make_methods():
    golden = GoldenFile("methods", 1)
    views = smooth_views()
    labels = IMAGES % CLASSES
    settings = {"classes": CLASSES, "runs": RUNS, **OPTIMIZER}
    golden.case("steps", settings, views=views, images=IMAGES, labels=labels)
    for name, kind, method, seen, seed, options in CASES:
        learner = make_case(golden, name, kind, method, seen, seed, options, views, labels)
        # The loss of MoCo that does not leave out keys of the query's own image is another one.
        assert kind is not MoCo or learner.masked > 5
    golden.write()


if __name__ == "__main__":
    make_methods()
