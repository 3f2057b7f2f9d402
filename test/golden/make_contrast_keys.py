"""Writes contrast-keys.safetensors with PyTorch: contrastive losses of anchors and keys, `python3 make_contrast_keys.py`.

As make_goldens.py writes its files: drawn from fixed seeds and rounded to float32, computed in float64. Each loss is written from
its own equation. A case has its sets of embeddings by name, what marks their rows, and the gradients.
"""

import math

import torch
import torch.nn.functional as F

from make_goldens import GoldenFile, leaf, randn

DIMENSION = 8
# From where on f32 has no odd numbers.
LATE = 2**24
NO_IMAGE = 2**32 - 1


def numbers(images):
    """Numbers of images, spread over all that u32 has."""
    return (images + 1) * 0x9E3779B1 % 2**32


def unit(x):
    return F.normalize(x, dim=1, eps=1e-12)


def ahead(attracting, negative):
    """Where the best of those that attract is above every negative; a tie, which float64 may break by a rounding, is a miss."""
    return attracting.amax(1) > negative.amax(1) + 1e-9


def own_rows(z):
    return torch.eye(len(z["anchors"]), dtype=torch.bool)


def several_positives(s, positive, candidate):
    """Losses of the anchors with positives, the mean over these of -log softmax; and which ones are ahead."""
    anchors = positive.any(1)
    s, positive, candidate = s[anchors], positive[anchors], candidate[anchors]
    log_probability = F.log_softmax(s.masked_fill(~candidate, -math.inf), dim=1).masked_fill(~positive, 0)
    losses = -log_probability.sum(1) / positive.sum(1)
    hits = ahead(s.masked_fill(~positive, -math.inf), s.masked_fill(positive | ~candidate, -math.inf))
    return losses, hits, anchors


def within(z, temperature):
    return unit(z["anchors"]) @ unit(z["anchors"]).T / temperature


def nt_xent(z, marks, temperature):
    """Chen et al. 2020, equation 1, its mean over the positives of an anchor; SupCon, Khosla et al. 2020, equation 2, by labels."""
    groups, itself = marks["groups.anchors"], own_rows(z)
    return several_positives(within(z, temperature), (groups[:, None] == groups) & ~itself, ~itself)


def decoupled(z, marks, temperature):
    """Yeh et al. 2021, equation 6: the positive is no candidate."""
    groups = marks["groups.anchors"]
    s, same = within(z, temperature), groups[:, None] == groups
    positive = same & ~own_rows(z)
    assert (positive.sum(1) == 1).all()
    losses = s.masked_fill(same, -math.inf).logsumexp(1) - s[positive]
    hits = ahead(s.masked_fill(~positive, -math.inf), s.masked_fill(same, -math.inf))
    return losses, hits, torch.ones(len(s), dtype=torch.bool)


def moco(z, marks, temperature):
    """He et al. 2020, algorithm 1, but for keys of the query's own image in the queue, which do not count."""
    q, k, queue = (unit(z[name]) for name in ("anchors", "keys", "queue"))
    own = marks["groups.anchors"][:, None] == marks["groups.queue"]
    assert own.any() and not own.all(1).any()
    negatives = (q @ queue.T / temperature).masked_fill(own, -math.inf)
    logits = torch.cat([(q * k).sum(1, keepdim=True) / temperature, negatives], dim=1)
    losses = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long), reduction="none")
    return losses, ahead(logits[:, :1], negatives), torch.ones(len(q), dtype=torch.bool)


def apart(z, marks, temperature):
    """InfoNCE of queries with keys, of which key i is that of query i; gradients reach both."""
    logits = unit(z["anchors"]) @ unit(z["keys"]).T / temperature
    own = torch.eye(len(logits), dtype=torch.bool)
    losses = F.cross_entropy(logits, torch.arange(len(logits)), reduction="none")
    hits = ahead(logits[own][:, None], logits.masked_fill(own, -math.inf))
    return losses, hits, torch.ones(len(logits), dtype=torch.bool)


def time_contrast(z, marks, temperature, near=2, far=4):
    """Sermanet et al. 2018: frames of the clip up to `near` away attract, further than `far` they and other clips contrast."""
    clips, times = marks["groups.anchors"], marks["times.anchors"]
    clip, distance = clips[:, None] == clips, (times[:, None] - times).abs()
    positive = clip & (distance <= near) & ~own_rows(z)
    negative = ~clip | (distance > far)
    assert (clip & (distance > near) & (distance <= far)).any() and (clip & negative).any()
    return several_positives(within(z, temperature), positive, positive | negative)


def draw(loss, images):
    """Embeddings by the name of their set, which of them are related, and what marks the rows."""
    base, image = randn(images, DIMENSION), torch.arange(images)

    def views(count):
        return base.repeat(count, 1) + randn(count * images, DIMENSION, std=0.7)

    groups = numbers(image)
    if loss == "views":
        return {"anchors": views(3)}, {"groups.anchors": groups.repeat(3)}
    if loss == "labels":
        labels = torch.arange(2 * images) % 3
        labels[-1] = 3
        return {"anchors": views(2)}, {"groups.anchors": numbers(labels)}
    if loss == "decoupled":
        return {"anchors": views(2)}, {"groups.anchors": groups.repeat(2)}
    if loss == "queue":
        before = numbers(torch.cat([torch.arange(7) + images, torch.tensor([1, 2, 1])]))
        before[4] = NO_IMAGE
        z = {"anchors": views(1), "keys": views(1), "queue": randn(10, DIMENSION)}
        return z, {"groups.anchors": groups, "groups.keys": groups, "groups.queue": before}
    if loss == "apart":
        return {"anchors": views(1), "keys": views(1)}, {"groups.anchors": groups, "groups.keys": groups}
    # Clips of the even and of the odd frames; the last but one has none of its own near.
    times = LATE + torch.arange(2 * images)
    times[-2] += 20
    return {"anchors": views(2)}, {"groups.anchors": torch.arange(2 * images) % 2, "times.anchors": times}


LOSSES = {
    "views": (nt_xent, []),
    "labels": (nt_xent, []),
    "decoupled": (decoupled, []),
    "queue": (moco, []),
    "apart": (apart, ["keys"]),
    "times": (time_contrast, []),
}


def level(z, images):
    """Makes a positive of anchor 0 that of another one as well, where that is a negative; and rows of zeros."""
    if "queue" in z:
        z["queue"][0] = z["keys"][0]
    elif "keys" in z:
        z["keys"][0] = z["keys"][1]
        z["keys"][3] = 0
    else:
        z["anchors"][images] = z["anchors"][1]
    z["anchors"][2] = 0


def make_contrast_keys():
    golden = GoldenFile("contrast-keys", 17)
    for loss, (compute, also) in LOSSES.items():
        for images, temperature, special in [(4, 0.5, False), (5, 0.05, False), (5, 0.5, True)]:
            z, marks = draw(loss, images)
            z = {name: x.to(torch.float32).to(torch.float64) for name, x in z.items()}
            if special:
                level(z, images)
            z = {name: leaf(x) for name, x in z.items()}
            losses, hits, counted = compute(z, marks, temperature)
            assert counted.all() == (loss not in ("labels", "times")), loss
            losses.mean().backward()
            gradients = {f"gradient.{name}": z[name].grad for name in ["anchors", *also]}
            name = f"{loss}, {images} images, temperature {temperature}" + (", ties and zeros" if special else "")
            golden.case(
                name,
                {"loss": loss, "temperature": temperature},
                **{f"z.{key}": x for key, x in z.items()},
                **marks,
                **gradients,
                value=losses.mean(),
                accuracy=hits.double().mean(),
                anchored=counted.double().mean(),
            )
    golden.write()


if __name__ == "__main__":
    make_contrast_keys()
