"""Writes vit.safetensors and timm_shapes.json with PyTorch: a vision transformer written out once more, `python3 make_vit.py`.

Names and shapes are those of timm's `VisionTransformer` without a classifier; weights keep PyTorch's layouts, and images are NHWC.
As make_goldens.py writes its files: drawn from fixed seeds and rounded to float32, computed in float64. `deviation` is the largest
distance from the results of runs in float32 whose inputs and weights were moved by one float32 step at random.
"""

import json

import torch
import torch.nn as nn
import torch.nn.functional as F

from make_goldens import FOLDER, GoldenFile, nchw, perturbed, randn, rounded

RUNS = 64


class LayerScale(nn.Module):
    def __init__(self, channels, initial):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x):
        return x * self.gamma


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x):
        batch, tokens, channels = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        shares = (q @ k.transpose(-2, -1) / (channels // self.heads) ** 0.5).softmax(-1)
        return self.proj((shares @ v).transpose(1, 2).reshape(batch, tokens, channels))


class Mlp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, channels, heads, scale):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = Mlp(channels)
        self.ls1, self.ls2 = [LayerScale(channels, scale) if scale else nn.Identity() for _ in range(2)]

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, channels, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, channels, patch, stride=patch)

    def forward(self, images):
        return self.proj(nchw(images))


def sine_positions(grid, channels):
    """MAE's: the column's sines and cosines, then the row's."""
    waves = 10000 ** (-torch.arange(channels // 4) / (channels / 4))
    rows, columns = [place.flatten() for place in torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")]
    angles = [place[:, None] * waves for place in (columns, rows)]
    return torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1)[None]


class VisionTransformer(nn.Module):
    """Images [batch, height, width, 3] to representations [batch, channels]."""

    def __init__(self, channels, depth, heads, image_size, patch, class_token=True, sine=False, scale=0.0):
        super().__init__()
        self.grid, self.class_token = image_size // patch, class_token
        if class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        positions = torch.zeros(1, self.grid**2 + int(class_token), channels)
        if sine:
            positions[:, int(class_token) :] = sine_positions(self.grid, channels)
        self.pos_embed = nn.Parameter(positions, requires_grad=not sine)
        self.patch_embed = PatchEmbed(channels, patch)
        self.blocks = nn.Sequential(*[Block(channels, heads, scale) for _ in range(depth)])
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def positions(self, grid):
        first = int(self.class_token)
        own = self.pos_embed[:, first:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        other = F.interpolate(own, size=(grid, grid), mode="bicubic", align_corners=False) if grid != self.grid else own
        return torch.cat([self.pos_embed[:, :first], other.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, images):
        patches = self.patch_embed(images)
        x = patches.flatten(2).transpose(1, 2)
        if self.class_token:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self.norm(self.blocks(x + self.positions(patches.shape[2])))
        return x[:, 0] if self.class_token else x.mean(1)


# Settings are the library's.
CASES = [
    ("class token", 16, 4, {"pooling": "class", "positions": "learned", "layerScale": 0}),
    ("mean, sines, scaled", 16, 8, {"pooling": "mean", "positions": "sine", "layerScale": 0.5}),
]
CHANNELS, DEPTH, HEADS = 16, 4, 4


def run(model, state, images, gradients, dtype):
    """Representations of images of both sizes, and the gradients of all parameters."""
    model = model.to(dtype)
    model.load_state_dict({key: value.to(dtype) for key, value in state.items()})
    model.zero_grad()
    found = {}
    for name, own, dy in zip(["y", "small y"], images, gradients):
        found[name] = model(own.to(dtype))
        found[name].backward(dy.to(dtype))
    trained = {f"gradient.{name}": value.grad.clone() for name, value in model.named_parameters() if value.requires_grad}
    return {**{name: value.detach() for name, value in found.items()}, **trained}


def make_vit():
    golden = GoldenFile("vit", 30)
    for name, image_size, patch, settings in CASES:
        model = VisionTransformer(
            *(CHANNELS, DEPTH, HEADS, image_size, patch),
            class_token=settings["pooling"] == "class",
            sine=settings["positions"] == "sine",
            scale=settings["layerScale"],
        )
        for key, value in model.named_parameters():
            # Everything is far from where it starts, so that no path is next to nothing.
            if value.requires_grad:
                value.data = torch.ones_like(value) * ("norm" in key and "weight" in key) + 0.25 * torch.randn_like(value)
        state = {key: rounded(value) for key, value in model.state_dict().items()}
        images = [randn(2, image_size, image_size, 3), randn(3, image_size // 2, image_size // 2, 3)]
        gradients = [randn(2, CHANNELS), randn(3, CHANNELS)]
        exact = run(model, state, images, gradients, torch.float64)
        deviation = {key: torch.zeros(()) for key in exact}
        for _ in range(RUNS):
            moved = {key: perturbed(value) for key, value in state.items()}
            other = run(model, moved, [perturbed(x) for x in images], gradients, torch.float32)
            for key, value in exact.items():
                deviation[key] = torch.maximum(deviation[key], (other[key] - value).abs().max().double())
        tensors = {"images": images[0], "small images": images[1], "dy": gradients[0], "small dy": gradients[1], **exact}
        tensors.update({f"state.{key}": value for key, value in state.items()})
        tensors.update({f"deviation.{key}": value for key, value in deviation.items()})
        golden.case(name, {"imageSize": image_size, "patch": patch, **settings}, **tensors)
    golden.write()


def make_timm_shapes():
    shapes = {}
    for name, channels, depth, heads, patch, size in [
        ("vit_tiny_patch16_224", 192, 12, 3, 16, 224),
        ("vit_base_patch14_28", 768, 12, 12, 14, 28),
    ]:
        state = VisionTransformer(channels, depth, heads, size, patch).state_dict()
        shapes[name] = {key: list(value.shape) for key, value in state.items()}
    lines = [
        f' "{model}": {{\n' + ",\n".join(f'  "{key}": {json.dumps(shape)}' for key, shape in entries.items()) + "\n }"
        for model, entries in shapes.items()
    ]
    (FOLDER / "timm_shapes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    make_vit()
    make_timm_shapes()
