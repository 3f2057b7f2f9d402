"""Writes negatives.safetensors with PyTorch: contrastive losses that choose or weigh negatives, `python3 make_negatives.py`.

As make_goldens.py writes its files: drawn from fixed seeds and rounded to float32, computed in float64. Each loss is written from
its own equation, without logarithms of sums where the paper has none. A case has the embeddings z, [view, image] by rows, the
gradient, and in `deviation` the largest distance of the value and of each row of the gradient from those of RUNS runs in float32
whose inputs were moved by one float32 step at random; `size` is what the absolute terms of each row of the gradient add up to.
"""

import math

import torch
import torch.nn.functional as F

from make_goldens import GoldenFile, leaf, perturbed, randn, rounded

DIMENSION, RUNS = 8, 64
# Cosines of all pairs of rows, for their gradients.
COSINES = []


def unit(x):
    return F.normalize(x, dim=1, eps=1e-12)


def ahead(positive, negative):
    """Where a positive is above every negative; a tie, which float64 may break by a rounding, is a miss."""
    return (positive.amax(1) > negative.amax(1) + 1e-9).to(positive.dtype)


def logits_of(z, images, temperature):
    """Logits [rows, others] with the other views of the own image, and [rows, all the rest] with those of other images."""
    u = unit(z)
    image = torch.arange(len(z)) % images
    same = image[:, None] == image
    cosines = u @ u.T
    if cosines.requires_grad:
        cosines.retain_grad()
        COSINES.append(cosines)
    s, rows = cosines / temperature, len(z)
    return s[same & ~torch.eye(rows, dtype=torch.bool)].view(rows, -1), s[~same].view(rows, -1)


def decoupled(z, images, temperature):
    """DCL, Yeh et al. 2021, equation 6: the positive is no candidate."""
    positive, negative = logits_of(z, images, temperature)
    return negative.logsumexp(1) - positive.mean(1), {"accuracy": ahead(positive, negative).mean()}


def weighted(z, images, temperature, sigma=0.5):
    """DCLW: pairs of views that are far apart count more; a weight has no gradient."""
    positive, negative = logits_of(z, images, temperature)
    u = unit(z.detach()).view(-1, images, z.shape[1])
    views = len(u)
    terms = 0
    for one in range(views):
        others = [view for view in range(views) if view != one]
        for place, other in enumerate(others):
            weight = 2 - images * F.softmax((u[one] * u[other]).sum(1) / sigma, dim=0)
            own = positive[one * images : (one + 1) * images, place]
            terms = terms + F.pad(weight * own, (one * images, (views - 1 - one) * images)) / len(others)
    return negative.logsumexp(1) - terms, {"accuracy": ahead(positive, negative).mean()}


def hard(z, images, temperature, prior=0.1, beta=1.0):
    """Robinson et al. 2021, as in its code; with beta 0 the debiased loss, Chuang et al. 2020, equation 8 with its M positives."""
    positive, negative = logits_of(z, images, temperature)
    count = negative.shape[1]
    pos, neg = positive.exp(), negative.exp()
    weights = (beta * negative).exp()
    total = (weights / weights.mean(1, keepdim=True) * neg).sum(1)
    estimate = (total - prior * count * pos.mean(1)) / (1 - prior)
    least = count * math.exp(-1 / temperature)
    losses = torch.log(pos.sum(1) + estimate.clamp(min=least)) - positive.mean(1)
    return losses, {"accuracy": ahead(positive, negative).mean(), "clamped": (estimate < least).to(z.dtype).mean()}


def debiased(z, images, temperature, prior=0.1):
    return hard(z, images, temperature, prior, beta=0.0)


def by_logarithms(z, images, temperature, prior=0.1, beta=0.0):
    """The same without exponentials that overflow in float16, and float32 at low temperatures."""
    positive, negative = logits_of(z, images, temperature / (1 + beta))
    accuracy = ahead(positive, negative).mean()
    positive, count = positive / (1 + beta), negative.shape[1]
    total = negative.logsumexp(1)
    if beta > 0:
        total = total + math.log(count) - logits_of(z, images, temperature / beta)[1].logsumexp(1)
    of_class = prior * count * (positive - total[:, None]).exp().mean(1)
    estimate = total + (1 - of_class).clamp(min=1e-30).log() - math.log(1 - prior)
    least = math.log(count) - 1 / temperature
    losses = torch.cat([positive, estimate.clamp(min=least)[:, None]], dim=1).logsumexp(1) - positive.mean(1)
    return losses, {"accuracy": accuracy, "clamped": (estimate < least).to(z.dtype).mean()}


# Each as its equation says, and as it is computed in float32.
LOSSES = {
    "decoupled": (decoupled, decoupled, {}),
    "decoupled-weighted": (weighted, weighted, {"sigma": 0.5}),
    "debiased": (debiased, by_logarithms, {"prior": 0.1}),
    "hard": (hard, by_logarithms, {"prior": 0.1, "beta": 1.0}),
    "harder": (hard, by_logarithms, {"prior": 0.02, "beta": 2.5}),
}


def train(compute, settings, z, images, temperature):
    z = leaf(z)
    COSINES.clear()
    losses, also = compute(z, images, temperature, **settings)
    losses.mean().backward()
    slopes = sum(cosines.grad.abs() for cosines in COSINES)
    size = (slopes.sum(0) + slopes.sum(1)) / z.detach().norm(dim=1).clamp(min=1e-12)
    return {"value": losses.mean(), "gradient": z.grad, "size": size, **also}


def make_negatives():
    golden = GoldenFile("negatives", 23)
    clamped = []
    for loss, (compute, compute_in_float32, settings) in LOSSES.items():
        for images, views, temperature, special in [
            (4, 2, 0.5, False),
            (7, 2, 0.05, False),
            (5, 3, 0.5, False),
            (5, 3, 0.05, False),
            (5, 2, 0.5, True),
        ]:
            z = rounded(randn(images, DIMENSION).repeat(views, 1) + randn(views * images, DIMENSION, std=0.9))
            if special:
                # A positive that is another image's as well; and a row of zeros.
                z[images] = z[1]
                z[2] = 0
            found = train(compute, settings, z, images, temperature)
            other = train(compute_in_float32, settings, z, images, temperature)
            assert all(torch.allclose(other[key], found[key], rtol=1e-9) for key in ("value", "gradient"))
            deviation = {"value": torch.zeros(()), "gradient": torch.zeros(len(z))}
            for _ in range(RUNS):
                moved = train(compute_in_float32, settings, perturbed(z).to(torch.float32), images, temperature)
                for key, most in deviation.items():
                    away = (moved[key] - found[key]).abs()
                    deviation[key] = torch.maximum(most, away.amax(1) if away.dim() else away)
            name = f"{loss}, {views} views of {images} images, temperature {temperature}"
            golden.case(
                name + (", ties and zeros" if special else ""),
                {"loss": loss, "images": images, "temperature": temperature, **settings},
                z=z,
                **{**found, "size": other["size"]},
                **{f"deviation.{key}": x for key, x in deviation.items()},
            )
            clamped += [found["clamped"].item()] if "clamped" in found else []
    assert min(clamped) == 0 and max(clamped) > 0.5
    golden.write()


if __name__ == "__main__":
    make_negatives()
