"""Writes the golden values in this folder with PyTorch and torchvision: `python3 make_goldens.py`.

Inputs are drawn from fixed seeds and rounded to float32; outputs are computed from them in float64 and rounded to
float32. The training trajectory is run in float32 as well, to see how far rounding carries it away. Layouts are the
library's: images NHWC, convolution weights HWIO, linear weights [in, out]; the weights of the trajectory alone are
PyTorch's OIHW and [out, in], because they carry PyTorch's names. Each case of a file has a name; its tensors are named
`case.tensor`, its settings are metadata named `case.setting`, and the metadata `cases` lists all cases as JSON.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode

FOLDER = pathlib.Path(__file__).parent

# Constants that torch and torchvision create on their own (such as blur kernels) are then of float64 too.
torch.set_default_dtype(torch.float64)


class GoldenFile:
    """Gathers the cases of one theme and writes them as safetensors: u64 header length, JSON header, data."""

    def __init__(self, name, seed):
        self.path = FOLDER / f"{name}.safetensors"
        self.tensors = {}
        self.metadata = {}
        self.cases = []
        torch.manual_seed(seed)

    def case(self, name, settings=None, **tensors):
        self.cases.append(name)
        for key, value in (settings or {}).items():
            self.metadata[f"{name}.{key}"] = value if isinstance(value, str) else repr(value)
        for key, value in tensors.items():
            self.add(f"{name}.{key}", value)

    def add(self, name, value):
        array = value.detach().contiguous().numpy()
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        elif array.dtype == np.int64:
            array = array.astype(np.uint32)
        assert array.dtype in (np.float32, np.uint32, np.uint8), array.dtype
        assert array.dtype != np.float32 or np.isfinite(array).all(), name
        self.tensors[name] = array

    def write(self):
        self.metadata["cases"] = json.dumps(self.cases)
        header, data = {"__metadata__": self.metadata}, b""
        dtypes = {"float32": "F32", "uint32": "U32", "uint8": "U8"}
        # Wide elements first, so that each tensor begins at a multiple of its element size.
        for name, array in sorted(self.tensors.items(), key=lambda item: -item[1].itemsize):
            chunk = array.astype(array.dtype.newbyteorder("<")).tobytes()
            offsets = [len(data), len(data) + len(chunk)]
            header[name] = {"dtype": dtypes[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
            data += chunk
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self.path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def rounded(x):
    """The nearest float32 values, as float64: what a reader of the file will have."""
    return x.to(torch.float32).to(torch.float64)


def randn(*shape, mean=0.0, std=1.0):
    return rounded(mean + std * torch.randn(*shape))


def rand(*shape, low=0.0, high=1.0):
    return rounded(low + (high - low) * torch.rand(*shape))


def leaf(x):
    return x.clone().requires_grad_()


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def make_matmul():
    golden = GoldenFile("matmul", 1)
    for name, m, n, k, transpose_a, transpose_b, with_bias in [
        ("nn", 5, 7, 3, False, False, False),
        ("tn", 13, 9, 11, True, False, False),
        ("nt", 9, 13, 17, False, True, False),
        ("tt", 7, 5, 6, True, True, False),
        ("nn bias", 33, 17, 65, False, False, True),
        ("nt bias", 3, 67, 5, False, True, True),
        ("one by one", 1, 1, 1, False, False, True),
        ("row", 1, 37, 5, False, False, True),
        ("column", 41, 1, 19, True, False, False),
        ("outer product", 11, 13, 1, False, False, False),
    ]:
        a = leaf(randn(k, m) if transpose_a else randn(m, k))
        b = leaf(randn(n, k) if transpose_b else randn(k, n))
        bias = leaf(randn(n))
        dc = randn(m, n)
        c = (a.T if transpose_a else a) @ (b.T if transpose_b else b) + (bias if with_bias else 0)
        c.backward(dc)
        settings = {"m": m, "n": n, "k": k, "transposeA": int(transpose_a), "transposeB": int(transpose_b)}
        tensors = {"a": a, "b": b, "c": c, "dc": dc, "da": a.grad, "db": b.grad}
        if with_bias:
            tensors.update(bias=bias, dBias=bias.grad)
        golden.case(name, settings, **tensors)
    golden.write()


def make_conv2d():
    golden = GoldenFile("conv2d", 2)
    square = [
        ("3x3", 2, 7, 5, 3, 5, 3, 3, 1, 1),
        ("3x3 stride 2", 2, 9, 7, 5, 7, 3, 3, 2, 1),
        ("3x3 stride 2 even map", 1, 6, 8, 3, 5, 3, 3, 2, 1),
        ("3x3 no padding", 1, 5, 9, 6, 3, 3, 3, 1, 0),
        ("1x1", 3, 5, 3, 9, 11, 1, 1, 1, 0),
        ("1x1 stride 2", 2, 7, 5, 5, 3, 1, 1, 2, 0),
        ("5x5 padding 2", 1, 7, 9, 2, 3, 5, 5, 1, 2),
        ("7x7 stride 2 padding 3", 2, 13, 11, 3, 5, 7, 7, 2, 3),
        ("3x5 stride 3 padding 2", 1, 8, 10, 3, 2, 3, 5, 3, 2),
        ("one channel", 1, 5, 5, 1, 1, 3, 3, 1, 1),
        ("one pixel", 1, 1, 1, 3, 5, 3, 3, 1, 1),
        ("wide channels", 1, 3, 5, 19, 37, 3, 3, 1, 1),
    ]
    # With dilation, groups, and whether there is a bias.
    others = [
        ("axes that differ", 2, 7, 9, 3, 4, 2, 5, (2, 1), (0, 3), 1, 1, False),
        ("bias", 2, 5, 4, 3, 5, 3, 3, 1, 1, 1, 1, True),
        ("dilation 2", 1, 9, 8, 3, 5, 3, 3, 1, 2, 2, 1, False),
        ("dilation 3 by 2, stride 2", 2, 11, 9, 2, 3, 3, 3, 2, (3, 1), (3, 2), 1, True),
        ("groups", 2, 5, 7, 6, 9, 3, 3, 1, 1, 1, 3, False),
        ("groups of vectors, stride 2", 1, 7, 6, 8, 16, 3, 3, 2, 1, 1, 2, True),
        ("groups, dilated, axes that differ", 1, 9, 8, 8, 8, 3, 2, (1, 2), (2, 0), (2, 3), 2, False),
        ("depthwise", 2, 7, 5, 5, 5, 3, 3, 1, 1, 1, 5, False),
        ("depthwise of vectors, 7x7", 1, 8, 9, 8, 8, 7, 7, 1, 3, 1, 8, True),
        ("depthwise, stride 2", 1, 9, 8, 4, 4, 3, 3, 2, 1, 1, 4, False),
        ("depthwise, dilated, stride 3 by 1", 1, 9, 7, 4, 4, 3, 3, (3, 1), 2, 2, 4, False),
        ("depthwise to twice the channels", 2, 5, 6, 3, 6, 3, 5, 1, (1, 2), 1, 3, True),
        ("depthwise to four times the channels, stride 2", 1, 7, 7, 4, 16, 3, 3, 2, 1, 1, 4, False),
    ]
    for case in [(*case, 1, 1, False) for case in square] + others:
        name, batch, height, width, cin, cout, kh, kw, stride, padding, dilation, groups, with_bias = case
        x = leaf(randn(batch, height, width, cin))
        weight = leaf(randn(kh, kw, cin // groups, cout))
        bias = leaf(randn(cout)) if with_bias else None
        y = nhwc(F.conv2d(nchw(x), weight.permute(3, 2, 0, 1), bias, stride, padding, dilation, groups))
        dy = randn(*y.shape)
        y.backward(dy)
        settings = {"batch": batch, "height": height, "width": width, "inChannels": cin, "outChannels": cout}
        settings.update(kernelHeight=kh, kernelWidth=kw, stride=stride, padding=padding)
        settings.update(dilation=dilation, groups=groups)
        tensors = {"x": x, "weight": weight, "y": y, "dy": dy, "dx": x.grad, "dWeight": weight.grad}
        if with_bias:
            tensors.update(bias=bias, dBias=bias.grad)
        if groups > 1:
            tensors.update(torchWeight=weight.permute(3, 2, 0, 1))
        golden.case(name, settings, **tensors)
    golden.write()


def make_batch_norm():
    golden = GoldenFile("batch-norm", 3)
    usual = [
        ("training", True, 3, 5, 3, 7, False, False, 0.0),
        ("training relu", True, 2, 3, 5, 5, False, True, 0.0),
        ("training residual", True, 2, 3, 3, 6, True, False, 0.0),
        ("training residual relu", True, 3, 5, 7, 9, True, True, 0.0),
        ("training one image", True, 1, 3, 5, 3, False, True, 0.0),
        ("training one channel", True, 5, 3, 3, 1, True, True, 0.0),
        ("training two rows", True, 2, 1, 1, 5, False, False, 0.0),
        ("training mean far from zero", True, 3, 5, 5, 3, False, False, 100.0),
        ("inference", False, 2, 3, 5, 7, False, False, 0.0),
        ("inference relu", False, 1, 5, 3, 3, False, True, 0.0),
        ("inference residual relu", False, 2, 3, 3, 5, True, True, 0.0),
    ]
    # With epsilon, momentum, and whether there are gamma and beta.
    others = [
        ("training another epsilon and momentum", True, 2, 3, 3, 6, False, True, 0.0, 0.25, 0.7, True),
        ("training not affine", True, 3, 3, 5, 7, False, False, 0.0, 1e-5, 0.1, False),
        ("training not affine residual relu", True, 2, 5, 3, 8, True, True, 0.0, 1e-3, 0.1, False),
        ("inference another epsilon", False, 2, 3, 5, 4, False, True, 0.0, 0.25, 0.1, True),
        ("inference not affine", False, 2, 3, 3, 5, True, False, 0.0, 1e-5, 0.1, False),
    ]
    for case in [(*case, 1e-5, 0.1, True) for case in usual] + others:
        name, training, batch, height, width, channels, with_residual, relu, mean, epsilon, momentum, affine = case
        shape = (batch, height, width, channels)
        x = leaf(randn(*shape, mean=mean, std=1.5))
        gamma, beta = leaf(randn(channels)), leaf(randn(channels))
        residual = leaf(randn(*shape))
        running_mean, running_variance = randn(channels), rand(channels, low=0.5, high=2)
        tensors = {"x": x, "runningMean": running_mean.clone(), "runningVariance": running_variance.clone()}
        running = (running_mean, running_variance)
        scale = (gamma, beta) if affine else (None, None)
        y = nhwc(F.batch_norm(nchw(x), *running, *scale, training, momentum, epsilon))
        y = y + residual if with_residual else y
        y = F.relu(y) if relu else y
        dy = randn(*shape)
        y.backward(dy)
        tensors.update(y=y, dy=dy, dx=x.grad)
        if affine:
            tensors.update(gamma=gamma, beta=beta, dGamma=gamma.grad, dBeta=beta.grad)
        if with_residual:
            tensors.update(residual=residual, dResidual=residual.grad)
        if training:
            tensors.update(nextRunningMean=running_mean, nextRunningVariance=running_variance)
        settings = {"training": int(training), "relu": int(relu), "epsilon": epsilon, "momentum": momentum}
        golden.case(name, settings, **tensors)
    golden.write()


def make_group_norm():
    golden = GoldenFile("group-norm", 13)
    for name, batch, height, width, channels, groups, with_residual, relu, mean, epsilon in [
        ("two channels a group", 3, 5, 3, 6, 3, False, False, 0.0, 1e-5),
        ("relu", 2, 3, 5, 12, 4, False, True, 0.0, 1e-5),
        ("residual", 2, 3, 3, 10, 2, True, False, 0.0, 1e-5),
        ("residual relu", 3, 3, 5, 9, 3, True, True, 0.0, 1e-5),
        ("one image", 1, 3, 5, 8, 4, False, True, 0.0, 1e-5),
        ("one channel a group", 2, 3, 5, 7, 7, False, True, 0.0, 1e-5),
        ("one group", 2, 5, 3, 5, 1, True, True, 0.0, 1e-5),
        ("one channel", 2, 3, 3, 1, 1, False, False, 0.0, 1e-5),
        ("one pixel", 5, 1, 1, 8, 2, False, False, 0.0, 1e-5),
        ("mean far from zero", 2, 5, 5, 4, 2, False, False, 100.0, 1e-5),
        ("another epsilon", 2, 3, 3, 6, 2, False, False, 0.0, 0.25),
    ]:
        shape = (batch, height, width, channels)
        x = leaf(randn(*shape, mean=mean, std=1.5))
        gamma, beta = leaf(randn(channels)), leaf(randn(channels))
        residual = leaf(randn(*shape))
        y = nhwc(F.group_norm(nchw(x), groups, gamma, beta, epsilon))
        y = y + residual if with_residual else y
        y = F.relu(y) if relu else y
        dy = randn(*shape)
        y.backward(dy)
        tensors = {"x": x, "gamma": gamma, "beta": beta, "y": y, "dy": dy}
        tensors.update(dx=x.grad, dGamma=gamma.grad, dBeta=beta.grad)
        if with_residual:
            tensors.update(residual=residual, dResidual=residual.grad)
        settings = {"batch": batch, "pixels": height * width, "channels": channels, "groups": groups}
        settings.update(relu=int(relu), epsilon=epsilon)
        golden.case(name, settings, **tensors)
    golden.write()


def make_weight_standardization():
    golden = GoldenFile("weight-standardization", 14)
    for name, kh, kw, cin, cout, mean, std in [
        ("3x3", 3, 3, 5, 7, 0.0, 0.1),
        ("3x3 to many channels", 3, 3, 3, 36, 0.0, 0.1),
        ("1x1", 1, 1, 13, 8, 0.0, 0.1),
        ("one channel", 3, 5, 1, 1, 0.0, 0.1),
        ("mean far from zero", 3, 3, 2, 4, 1.0, 0.02),
        ("as small as epsilon", 1, 1, 9, 5, 0.0, 1e-5),
    ]:
        weight = leaf(randn(kh, kw, cin, cout, mean=mean, std=std))
        variance, center = torch.var_mean(weight, dim=(0, 1, 2), unbiased=False)
        y = (weight - center) / torch.sqrt(variance + 1e-10)
        dy = randn(*y.shape)
        y.backward(dy)
        golden.case(name, weight=weight, y=y, dy=dy, dWeight=weight.grad)
    golden.write()


def make_elementwise():
    golden = GoldenFile("elementwise", 4)
    x = leaf(randn(7, 5))
    with torch.no_grad():
        x[0, 0], x[1, 1] = 0.0, -0.0
    dy = randn(7, 5)
    y = F.relu(x)
    y.backward(dy)
    golden.case("relu", x=x, y=y, dy=dy, dx=x.grad)
    x, bias = randn(9, 7), randn(7)
    golden.case("bias", x=x, bias=bias, y=x + bias)
    for rows, columns in [(13, 7), (1, 11), (131, 1), (67, 37)]:
        x = randn(rows, columns)
        settings = {"rows": rows, "columns": columns}
        sums = {"columnSums": x.sum(0), "rowMaxima": x.max(1).values}
        golden.case(f"sums {rows}x{columns}", settings, x=x, **sums)
    golden.write()


def make_functions():
    golden = GoldenFile("functions", 15)
    # Kinks, and numbers whose exponentials overflow float32.
    edges = [0.0, 1.25, -0.75, 10.0, -10.0, 30.0, -30.0, 95.0, -95.0]
    for name, function, positive in [
        ("scale", lambda x: -1.75 * x + 0.375, False),
        ("square", torch.square, False),
        ("sqrt", torch.sqrt, True),
        ("exp", lambda x: torch.exp(x / 4), False),
        ("log", torch.log, True),
        ("sigmoid", torch.sigmoid, False),
        ("tanh", torch.tanh, False),
        ("softplus", lambda x: F.softplus(x, threshold=1000), False),
        ("gelu", F.gelu, False),
        ("gelu-tanh", lambda x: F.gelu(x, approximate="tanh"), False),
        ("clamp", lambda x: torch.clamp(x, -0.75, 1.25), False),
        ("absolute", torch.abs, False),
        ("relu", F.relu, False),
    ]:
        x = rand(37, low=0.125, high=9) if positive else randn(37, std=2)
        if not positive:
            # PyTorch has the slope of these from 1 - y, which is rounded away where y is almost 1.
            own = edges[:5] if name in ("sigmoid", "tanh") else edges
            x[: len(own)] = torch.tensor(own)
        x = leaf(x)
        y = function(x)
        dy = randn(37)
        y.backward(dy)
        golden.case(name, x=x, y=y, dy=dy, dx=x.grad)
    golden.write()


def make_broadcast():
    golden = GoldenFile("broadcast", 16)
    for name, operation in [
        ("add", torch.add),
        ("subtract", torch.sub),
        ("multiply", torch.mul),
        ("divide", torch.div),
    ]:
        for form, a_shape, b_shape in [
            ("equal", (5, 7), (5, 7)),
            ("row", (5, 7), (7,)),
            ("column", (5, 1), (5, 7)),
            ("number", (5, 7), (1,)),
            ("row and column", (5, 1), (1, 7)),
            ("leading", (3, 1, 1), (3, 5, 7)),
            ("trailing", (3, 5, 7), (5, 7)),
        ]:
            a, b = leaf(randn(*a_shape)), randn(*b_shape)
            # Divisors are not close to 0.
            b = leaf(rounded(b + torch.sign(b) / 2) if name == "divide" else b)
            y = operation(a, b)
            dy = randn(*y.shape)
            y.backward(dy)
            golden.case(f"{name} {form}", {"operation": name}, a=a, b=b, y=y, dy=dy, da=a.grad, db=b.grad)
    golden.write()


def make_reductions():
    golden = GoldenFile("reductions", 17)
    dims = {"rows": 1, "columns": 0, "all": (0, 1)}
    for rows, columns, levels in [(5, 7, 0), (1, 11, 0), (13, 1, 0), (9, 5, 3)]:
        for of, dim in dims.items():
            functions = {"sum": lambda x: x.sum(dim), "mean": lambda x: x.mean(dim)}
            functions["log-sum-exp"] = lambda x: torch.logsumexp(x, dim)
            # The gradient of max over one dimension goes to one of equal elements, the first on the CPU.
            functions["maximum"] = lambda x: x.flatten().max(0).values if of == "all" else x.max(dim).values
            for name, function in functions.items():
                values = torch.randint(levels, (rows, columns)).double() if levels else randn(rows, columns, std=2)
                x = leaf(values)
                y = function(x).reshape(-1)
                dy = randn(*y.shape)
                y.backward(dy)
                settings = {"reduction": name, "of": of, "rows": rows, "columns": columns}
                title = f"{name} of {of} {rows}x{columns}"
                golden.case(title, settings, x=x, y=y, dy=dy, dx=x.grad)
    for name, function in [("softmax", F.softmax), ("log-softmax", F.log_softmax)]:
        for rows, columns, std in [(5, 7, 1.0), (3, 1, 1.0), (3, 37, 100.0)]:
            x = leaf(randn(rows, columns, std=std))
            y = function(x, dim=1)
            dy = randn(rows, columns)
            y.backward(dy)
            settings = {"logarithm": int(name == "log-softmax"), "rows": rows, "columns": columns}
            golden.case(f"{name} {rows}x{columns}", settings, x=x, y=y, dy=dy, dx=x.grad)
    golden.write()


def make_layer_norm():
    golden = GoldenFile("layer-norm", 18)
    for name, rows, columns, with_gamma, with_beta, mean, epsilon in [
        ("affine", 5, 7, True, True, 0.0, 1e-5),
        ("plain", 3, 13, False, False, 0.0, 1e-5),
        ("gamma alone", 9, 8, True, False, 0.0, 1e-5),
        ("one row", 1, 11, True, True, 0.0, 1e-5),
        ("one column", 5, 1, True, True, 0.0, 1e-5),
        ("mean far from zero", 5, 9, True, True, 100.0, 1e-5),
        ("another epsilon", 5, 6, True, True, 0.0, 0.25),
    ]:
        x = leaf(randn(rows, columns, mean=mean, std=1.5))
        gamma = leaf(randn(columns)) if with_gamma else None
        beta = leaf(randn(columns)) if with_beta else None
        y = F.layer_norm(x, (columns,), gamma, beta, epsilon)
        dy = randn(rows, columns)
        y.backward(dy)
        tensors = {"x": x, "y": y, "dy": dy, "dx": x.grad}
        if with_gamma:
            tensors.update(gamma=gamma, dGamma=gamma.grad)
        if with_beta:
            tensors.update(beta=beta, dBeta=beta.grad)
        golden.case(name, {"rows": rows, "columns": columns, "epsilon": epsilon}, **tensors)
    golden.write()


def make_attention():
    golden = GoldenFile("attention", 29)
    for name, batch, tokens, heads, depth, std in [
        ("two heads", 2, 17, 2, 8, 1.0),
        ("one token", 3, 1, 1, 8, 1.0),
        ("peaked", 1, 9, 3, 8, 10.0),
    ]:
        width = heads * depth
        qkv = leaf(randn(batch, tokens, 3 * width, std=std))
        q, k, v = qkv.reshape(batch, tokens, 3, heads, depth).permute(2, 0, 3, 1, 4)
        shares = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(depth), dim=-1)
        y = (shares @ v).transpose(1, 2).reshape(batch, tokens, width)
        dy = randn(batch, tokens, width)
        y.backward(dy)
        settings = {"batch": batch, "tokens": tokens, "heads": heads, "depth": depth}
        golden.case(name, settings, qkv=qkv, y=y, dy=dy, dqkv=qkv.grad)
    golden.write()


def make_batched_matmul():
    golden = GoldenFile("batched-matmul", 19)
    for name, batch, m, n, k, transpose_a, transpose_b in [
        ("nn", 3, 5, 7, 3, False, False),
        ("tn", 2, 13, 9, 5, True, False),
        ("nt", 4, 9, 9, 11, False, True),
        ("tt", 2, 7, 5, 6, True, True),
        ("one by one", 5, 1, 1, 1, False, False),
    ]:
        a = leaf(randn(batch, k, m) if transpose_a else randn(batch, m, k))
        b = leaf(randn(batch, n, k) if transpose_b else randn(batch, k, n))
        dc = randn(batch, m, n)
        c = torch.bmm(a.transpose(1, 2) if transpose_a else a, b.transpose(1, 2) if transpose_b else b)
        c.backward(dc)
        settings = {"batch": batch, "m": m, "n": n, "k": k}
        settings.update(transposeA=int(transpose_a), transposeB=int(transpose_b))
        golden.case(name, settings, a=a, b=b, c=c, dc=dc, da=a.grad, db=b.grad)
    golden.write()


def make_arrangement():
    golden = GoldenFile("arrangement", 20)

    def case(name, function, settings, *shapes, **extra):
        tensors = [leaf(randn(*shape)) for shape in shapes]
        y = function(*tensors)
        dy = randn(*y.shape)
        y.backward(dy)
        named = {f"x{i}": x for i, x in enumerate(tensors)}
        named.update({f"dx{i}": x.grad for i, x in enumerate(tensors)})
        golden.case(name, settings, y=y, dy=dy, **named, **extra)

    case("slice", lambda x: x[:, 2:5], {"axis": 1, "start": 2, "end": 5}, (3, 7, 5))
    case("concatenate", lambda a, b: torch.cat([a, b], 1), {"axis": 1}, (3, 2, 5), (3, 4, 5))
    case("permute", lambda x: x.permute(2, 0, 3, 1), {"order": json.dumps([2, 0, 3, 1])}, (2, 3, 5, 7))
    indices = torch.randint(9, (13,))
    case("gather rows", lambda x: x[indices], {"columns": 5}, (9, 5), indices=indices)
    places = torch.randint(6, (13,))
    added = lambda x: torch.zeros(7, 5).index_add(0, places, x)
    case("scatter-add rows", added, {"rows": 7, "columns": 5}, (13, 5), indices=places)
    golden.write()


def make_statistics():
    golden = GoldenFile("statistics", 21)
    for name, rows, columns, mean in [
        ("small", 13, 5, 0.0),
        ("one row", 1, 7, 0.0),
        ("mean far from zero", 9, 4, 50.0),
    ]:
        x = leaf(randn(rows, columns, mean=mean, std=1.5))
        variance, center = torch.var_mean(x, dim=0, unbiased=False)
        statistics = torch.stack([center, variance])
        d_statistics = randn(2, columns)
        statistics.backward(d_statistics)
        settings = {"rows": rows, "columns": columns}
        golden.case(name, settings, x=x, statistics=statistics, dStatistics=d_statistics, dx=x.grad)
    x, statistics = leaf(randn(11, 5)), torch.stack([randn(5), rand(5, low=0.1, high=4)])
    statistics = leaf(statistics)
    y = (x - statistics[0]) / torch.sqrt(statistics[1] + 1e-5)
    dy = randn(11, 5)
    y.backward(dy)
    tensors = {"x": x, "statistics": statistics, "y": y, "dy": dy}
    golden.case("standardize", {"rows": 11}, **tensors, dx=x.grad, dStatistics=statistics.grad)
    golden.write()


def make_pooling():
    golden = GoldenFile("pooling", 5)
    for name, batch, height, width, channels, kernel, stride, padding, levels in [
        ("max 3x3 stride 2 padding 1", 2, 9, 7, 5, 3, 2, 1, 0),
        ("max 3x3 stride 2 even map", 1, 8, 6, 3, 3, 2, 1, 0),
        ("max 2x2", 3, 5, 7, 1, 2, 2, 0, 0),
        ("max 3x3 overlapping", 1, 5, 5, 6, 3, 1, 1, 0),
        ("max with ties", 2, 7, 7, 3, 3, 2, 1, 3),
    ]:
        # With levels, values repeat, so that the winner is a matter of order.
        values = torch.randint(levels, (batch, height, width, channels)).double() if levels else None
        x = leaf(randn(batch, height, width, channels) if values is None else values - 1)
        y = nhwc(F.max_pool2d(nchw(x), kernel, stride, padding))
        dy = randn(*y.shape)
        y.backward(dy)
        settings = {"batch": batch, "height": height, "width": width, "channels": channels}
        settings.update(kernelHeight=kernel, kernelWidth=kernel, stride=stride, padding=padding)
        golden.case(name, settings, x=x, y=y, dy=dy, dx=x.grad)
    for name, shape in [
        ("average", (3, 5, 7, 9)),
        ("average one pixel", (2, 1, 1, 5)),
        ("average one map", (1, 3, 3, 1)),
    ]:
        x = leaf(randn(*shape))
        y = F.adaptive_avg_pool2d(nchw(x), 1).flatten(1)
        dy = randn(*y.shape)
        y.backward(dy)
        settings = {"batch": shape[0], "pixels": shape[1] * shape[2], "channels": shape[3]}
        golden.case(name, settings, x=x, y=y, dy=dy, dx=x.grad)
    golden.write()


def make_cross_entropy():
    golden = GoldenFile("cross-entropy", 6)
    for name, rows, classes, std in [
        ("small", 5, 3, 1.0),
        ("ten classes", 37, 10, 2.0),
        ("one row", 1, 7, 1.0),
        ("large logits", 9, 11, 300.0),
        ("many classes", 3, 131, 1.0),
    ]:
        logits = leaf(randn(rows, classes, std=std))
        labels = torch.randint(classes, (rows,))
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        golden.case(name, {"classes": classes}, logits=logits, labels=labels, loss=loss, dLogits=logits.grad)
    golden.write()


def make_l2_normalize():
    golden = GoldenFile("l2-normalize", 7)
    for name, rows, columns, scale in [
        ("small", 5, 3, 1.0),
        ("one column", 3, 1, 1.0),
        ("wide", 3, 131, 1.0),
        ("norm 1e3", 7, 9, 1e3),
        ("norm 1e-6", 7, 9, 1e-6),
        ("zero row", 3, 5, 1.0),
    ]:
        x = randn(rows, columns)
        x = leaf(rounded(scale * x / x.norm(dim=1, keepdim=True)) if scale != 1 else x)
        if name == "zero row":
            with torch.no_grad():
                x[1] = 0
        y = F.normalize(x, dim=1, eps=1e-12)
        dy = randn(rows, columns)
        y.backward(dy)
        golden.case(name, {"rows": rows, "columns": columns}, x=x, y=y, dy=dy, dx=x.grad)
    a, b = randn(7, 5), randn(11, 5)
    similarity = F.cosine_similarity(a[:, None], b[None], dim=2)
    golden.case("cosine similarity", {"rowsA": 7, "rowsB": 11, "columns": 5}, a=a, b=b, similarity=similarity)
    golden.write()


def nt_xent(unit, temperature):
    """NT-Xent of normalised rows by cross-entropy over each row of the similarity matrix without its diagonal."""
    anchors = len(unit)
    logits = unit @ unit.T / temperature
    logits = logits.masked_fill(torch.eye(anchors, dtype=torch.bool), -math.inf)
    positives = (torch.arange(anchors) + anchors // 2) % anchors
    return F.cross_entropy(logits, positives), logits, positives


def make_nt_xent():
    golden = GoldenFile("nt-xent", 8)
    for name, pairs, dimension, temperature, kind in [
        ("temperature 0.5", 5, 7, 0.5, "random"),
        ("temperature 0.05", 7, 9, 0.05, "random"),
        ("views alike", 9, 13, 0.1, "alike"),
        ("one pair", 1, 3, 0.5, "random"),
        ("norm 1e3", 6, 11, 0.05, "norm 1e3"),
        ("collapsed", 5, 9, 0.5, "collapsed"),
        ("collapsed at temperature 0.05", 5, 9, 0.05, "collapsed"),
        ("all zero", 3, 5, 0.5, "zero"),
        ("2N = 66", 33, 21, 0.2, "alike"),
        ("2N = 512", 256, 16, 0.5, "alike"),
    ]:
        z = torch.randn(2 * pairs, dimension)
        if kind == "alike":
            z[pairs:] = z[:pairs] + 0.5 * torch.randn(pairs, dimension)
        elif kind == "norm 1e3":
            z *= 1e3 / z.norm(dim=1, keepdim=True)
        elif kind == "collapsed":
            z[:] = z[0].clone()
        elif kind == "zero":
            z[:] = 0
        z = leaf(rounded(z))
        unit = F.normalize(z, dim=1, eps=1e-12)
        unit.retain_grad()
        loss, logits, positives = nt_xent(unit, temperature)
        loss.backward()
        tensors = {"z": z, "loss": loss, "logSumExp": logits.logsumexp(1), "dz": z.grad, "dNormalized": unit.grad}
        if kind in ("random", "alike", "norm 1e3"):
            tensors["accuracy"] = (logits.argmax(1) == positives).double().mean()
        golden.case(name, {"dimension": dimension, "temperature": temperature}, **tensors)
    golden.write()


def contrast(similarities, loss, temperature, mining, margin):
    """A loss of SimCLR's table 2: its mean, the share of positives that beat all negatives, how many of these count."""
    anchors = len(similarities)
    own = torch.eye(anchors, dtype=torch.bool)
    partner = own.roll(anchors // 2, 1)
    negative = ~(own | partner)
    positive = similarities[partner][:, None]
    ahead = positive - similarities
    # Far enough from where a negative begins or ceases to count: arithmetic in float32 decides alike.
    edges = torch.stack([ahead, ahead - margin])[:, negative].abs()
    assert edges.min() > 1e-5 * similarities.abs().max(), edges.min()
    counted = negative & (ahead > 0) & (ahead < margin) if mining == "semi-hard" else negative
    number = counted.sum(1).clamp(min=1)
    if loss == "nt-xent":
        logits = (similarities / temperature).masked_fill(~(counted | partner), -math.inf)
        losses = F.cross_entropy(logits, partner.int().argmax(1), reduction="none")
    elif loss == "nt-logistic":
        terms = F.logsigmoid(-similarities / temperature).masked_fill(~counted, 0)
        losses = -F.logsigmoid(positive[:, 0] / temperature) - terms.sum(1) / number
    else:
        losses = F.relu(margin - ahead).masked_fill(~counted, 0).sum(1) / number
    return losses.mean(), ((ahead > 0) | ~negative).all(1).double().mean(), counted.sum()


def make_contrast():
    golden = GoldenFile("contrast", 13)
    losses = ["nt-xent", "nt-logistic", "margin-triplet"]
    variants = [(loss, mining) for loss in losses for mining in ["none", "semi-hard"]]
    cases = [(f"{loss} {mining}", loss, mining, 7, 9, 0.5, 0.4, True, 1.0) for loss, mining in variants]
    cases += [(f"{loss} {mining}, two images", loss, mining, 2, 5, 0.1, 1.6, True, 1.0) for loss, mining in variants]
    cases += [
        (f"{loss} {mining}, temperature 0.05", loss, mining, 9, 13, 0.05, 0.8, True, 1.0)
        for loss, mining in variants
        if loss != "margin-triplet"
    ]
    cases += [
        (f"{loss} semi-hard, no such negative", loss, "semi-hard", 6, 7, 0.2, 0.01, True, 0.01) for loss in losses
    ]
    cases += [
        (f"{loss} {mining}, not normalised", loss, mining, 8, 11, 10.0, 8.0, False, 1.0) for loss, mining in variants
    ]
    for name, loss, mining, pairs, dimension, temperature, margin, normalize, spread in cases:
        z = torch.randn(2 * pairs, dimension)
        z[pairs:] = z[:pairs] + spread * torch.randn(pairs, dimension)
        z = leaf(rounded(z))
        compared = F.normalize(z, dim=1, eps=1e-12) if normalize else z
        value, accuracy, counted = contrast(compared @ compared.T, loss, temperature, mining, margin)
        assert (counted == 0) == name.endswith("no such negative"), name
        value.backward()
        settings = {"dimension": dimension, "loss": loss, "temperature": temperature, "mining": mining}
        settings.update(margin=margin, normalize=int(normalize))
        golden.case(name, settings, z=z, value=value, accuracy=accuracy, dz=z.grad)
    golden.write()


def lars_step(weight, gradient, velocity, lr, momentum, nesterov, weight_decay, eta, adapted):
    """LARS as in SimCLR: u = trust lr (g + weight_decay w), v = momentum v + u, w -= v (Nesterov: u + momentum v)."""
    gradient = gradient + weight_decay * weight
    weight_norm, step_norm = weight.norm(), gradient.norm()
    trust = eta * weight_norm / step_norm if adapted and weight_norm > 0 and step_norm > 0 else 1.0
    update = trust * lr * gradient
    velocity = momentum * velocity + update
    return weight - (update + momentum * velocity if nesterov else velocity), velocity


def clipped_lars_step(weight, gradient, velocity, lr, momentum, nesterov, weight_decay, eta, adapted):
    """LARS-clip: a local rate of min(eta |w| / (|g| + weight_decay |w| + 1e-8), lr), momentum without the rate."""
    weight_norm, gradient_norm = weight.norm(), gradient.norm()
    if not adapted:
        gradient = gradient + weight_decay * weight
    elif weight_norm > 0 and gradient_norm > 0:
        local_rate = eta * weight_norm / (gradient_norm + weight_decay * weight_norm + 1e-8)
        gradient = (gradient + weight_decay * weight) * min(local_rate, lr) / lr
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + momentum * velocity if nesterov else velocity), velocity


def make_optimizers():
    golden = GoldenFile("optimizers", 9)
    steps, size = 5, 37

    def torch_case(name, settings, create):
        weight = nn.Parameter(randn(size))
        initial, gradients, weights = weight.detach().clone(), randn(steps, size), []
        optimizer = create(weight)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
            weights.append(weight.detach().clone())
        golden.case(name, settings, initial=initial, gradients=gradients, weights=torch.stack(weights))

    for name, lr, momentum, nesterov, weight_decay in [
        ("sgd plain", 0.1, 0.0, False, 0.0),
        ("sgd momentum", 0.1, 0.9, False, 1e-2),
        ("sgd nesterov", 0.3, 0.9, True, 1e-4),
    ]:
        settings = {"learningRate": lr, "momentum": momentum, "nesterov": int(nesterov), "weightDecay": weight_decay}
        torch_case(
            name,
            settings,
            lambda w: torch.optim.SGD([w], lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay),
        )
    for name, lr, beta1, beta2, epsilon, weight_decay in [
        ("adamw", 1e-3, 0.9, 0.999, 1e-8, 1e-2),
        ("adamw no decay", 3e-2, 0.8, 0.95, 1e-6, 0.0),
    ]:
        settings = {"learningRate": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weightDecay": weight_decay}
        torch_case(
            name,
            settings,
            lambda w: torch.optim.AdamW([w], lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=weight_decay),
        )
    # The initial weights and the gradients are multiplied by the last two numbers.
    for name, step, rates, eta, weight_decay, nesterov, adapted, weights_by, gradients_by in [
        ("lars", lars_step, [0.3], 1e-3, 1e-4, False, True, 1, 1),
        ("lars no decay", lars_step, [0.3], 1e-3, 0.0, False, True, 1, 1),
        ("lars excluded", lars_step, [0.3], 1e-3, 0.0, False, False, 1, 1),
        ("lars zero weight", lars_step, [0.3], 1e-3, 1e-4, False, True, 0, 1),
        ("lars zero gradient", lars_step, [0.3], 1e-3, 1e-4, False, True, 1, 0),
        ("lars nesterov", lars_step, [0.3, 0.1], 1e-2, 1e-2, True, True, 1, 1),
        ("lars decayed offset", lars_step, [0.3, 0.1], 1e-3, 1e-2, False, False, 1, 1),
        # The local rate is about 0.02: some rates are above it, others below.
        ("lars clip", clipped_lars_step, [0.3, 0.005, 0.1, 0.01], 2e-2, 1e-2, False, True, 1, 1),
        ("lars clip nesterov", clipped_lars_step, [0.3, 0.005, 0.1, 0.01], 2e-2, 1e-2, True, True, 1, 1),
        ("lars clip excluded", clipped_lars_step, [0.3, 0.005], 2e-2, 0.0, False, False, 1, 1),
        ("lars clip zero weight", clipped_lars_step, [0.3, 0.005], 2e-2, 1e-2, False, True, 0, 1),
        ("lars clip zero gradient", clipped_lars_step, [0.3, 0.005], 2e-2, 1e-2, False, True, 1, 0),
    ]:
        initial, gradients = randn(size) * weights_by, randn(steps, size) * gradients_by
        weight, velocity, weights = initial, torch.zeros(size), []
        rates = [rates[i % len(rates)] for i in range(steps)]
        for gradient, lr in zip(gradients, rates):
            weight, velocity = step(weight, gradient, velocity, lr, 0.9, nesterov, weight_decay, eta, adapted)
            weights.append(weight)
        settings = {"momentum": 0.9, "nesterov": int(nesterov), "weightDecay": weight_decay, "eta": eta}
        settings.update(adapted=int(adapted), trustClip=int(step is clipped_lars_step), learningRates=json.dumps(rates))
        golden.case(name, settings, initial=initial, gradients=gradients, weights=torch.stack(weights))
    golden.write()


def make_weight_decay():
    """Steps of the parameters of a linear layer, all of them decayed, as torch.optim does by default."""
    golden = GoldenFile("weight-decay", 22)
    steps, inputs, outputs = 4, 13, 7
    for name, optimizer, settings in [
        ("sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
        ("adamw", torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.2}),
    ]:
        layer = nn.Linear(inputs, outputs)
        initial = [randn(outputs, inputs), randn(outputs)]
        layer.weight.data, layer.bias.data = initial[0].clone(), initial[1].clone()
        optimize = optimizer(layer.parameters(), **settings)
        gradients = [randn(steps, outputs, inputs), randn(steps, outputs)]
        weights, biases = [], []
        for step in range(steps):
            layer.weight.grad, layer.bias.grad = gradients[0][step].clone(), gradients[1][step].clone()
            optimize.step()
            weights.append(layer.weight.detach().T.clone())
            biases.append(layer.bias.detach().clone())
        golden.case(
            name,
            {"learningRate": settings["lr"], "weightDecay": settings["weight_decay"]},
            **{
                "initial.weight": initial[0].T,
                "initial.bias": initial[1],
                "gradients.weight": gradients[0].transpose(1, 2),
                "gradients.bias": gradients[1],
                "values.weight": torch.stack(weights),
                "values.bias": torch.stack(biases),
            },
        )
    golden.write()


def make_moving_average():
    """torch.optim.swa_utils.AveragedModel of one parameter, with a momentum that changes from step to step."""
    golden = GoldenFile("moving-average", 23)
    steps, size = 6, 37
    momenta = [0.5, 0.99, 0.996, 0.9995, 0.0, 1.0]
    student = nn.ParameterList([nn.Parameter(randn(size))])
    step = iter(momenta)

    def average(mean, value, _):
        momentum = next(step)
        return momentum * mean + (1 - momentum) * value

    teacher = torch.optim.swa_utils.AveragedModel(student, avg_fn=average)
    # The first call makes it equal to the student.
    teacher.update_parameters(student)
    initial, values, averages = student[0].detach().clone(), randn(steps, size), []
    for value in values:
        student[0].data = value.clone()
        teacher.update_parameters(student)
        averages.append(next(teacher.parameters()).detach().clone())
    settings = {"momenta": json.dumps(momenta)}
    golden.case("teacher", settings, initial=initial, values=values, averages=torch.stack(averages))
    golden.write()


def make_schedule():
    golden = GoldenFile("schedule", 10)

    def rates(create, steps):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)
        scheduler, values = create(optimizer), []
        for _ in range(steps):
            values.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return values

    for name, base, warmup, total in [
        ("warm-up", 0.3, 7, 53),
        ("no warm-up", 1.0, 0, 11),
        ("one warm-up step", 0.5, 1, 9),
    ]:
        lr = torch.optim.lr_scheduler
        values = []
        if warmup:
            values += rates(lambda o: lr.LinearLR(o, start_factor=1 / warmup, total_iters=max(1, warmup - 1)), warmup)
        values += rates(lambda o: lr.CosineAnnealingLR(o, T_max=total - warmup), total - warmup)
        settings = {"base": base, "warmupSteps": warmup, "totalSteps": total}
        golden.case(name, settings, learningRates=torch.tensor(values))
    for name, base, last, total in [("teacher momentum", 0.996, 1.0, 53), ("weight decay", 0.04, 0.4, 12)]:
        lr = torch.optim.lr_scheduler
        values = rates(lambda o: lr.CosineAnnealingLR(o, T_max=total, eta_min=last), total + 1)
        golden.case(name, {"from": base, "to": last, "totalSteps": total}, values=torch.tensor(values))
    golden.write()


def make_knn():
    golden = GoldenFile("knn", 11)
    for name, queries, size, dimension, classes, k, temperature in [
        ("k 5", 7, 37, 9, 3, 5, 0.1),
        ("k 1", 5, 11, 4, 4, 1, 0.1),
        ("whole bank", 3, 13, 5, 3, 13, 0.5),
    ]:
        x, bank, labels = randn(queries, dimension), randn(size, dimension), torch.randint(classes, (size,))
        similarity = F.normalize(x, dim=1) @ F.normalize(bank, dim=1).T
        values, neighbors = similarity.topk(k, dim=1)
        votes = F.one_hot(labels[neighbors], classes) * (values / temperature).exp()[..., None]
        scores = votes.sum(1)
        settings = {"dimension": dimension, "classes": classes, "k": k, "temperature": temperature}
        tensors = {"queries": x, "bank": bank, "labels": labels, "neighbors": neighbors}
        golden.case(name, settings, **tensors, scores=scores, predictions=scores.argmax(1))
    golden.write()


def standardized(x):
    return (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)


def make_logistic_regression():
    golden = GoldenFile("logistic-regression", 13)
    for name, rows, dimension, classes, l2, distance in [
        ("three classes", 60, 5, 3, 1e-2, 1.0),
        ("two classes, one column", 31, 1, 2, 1e-1, 1.0),
        ("separable", 40, 4, 4, 1e-3, 9.0),
        ("strong penalty", 37, 7, 3, 1e2, 1.0),
        ("weak penalty", 150, 6, 5, 1e-5, 0.7),
    ]:
        labels = torch.arange(rows) % classes
        scales, centers = 10.0 ** torch.linspace(-1, 1, dimension), torch.randn(classes, dimension)
        x = rounded((torch.randn(rows, dimension) + distance * centers[labels]) * scales + scales)
        weight, bias = leaf(torch.zeros(dimension, classes)), leaf(torch.zeros(classes))

        def objective(weight, bias):
            loss = F.cross_entropy(standardized(x) @ weight + bias, labels)
            return loss + l2 / 2 * weight.square().sum()

        settings = {"max_iter": 2000, "tolerance_grad": 1e-8, "tolerance_change": 0.0, "history_size": 50}
        optimizer = torch.optim.LBFGS([weight, bias], line_search_fn="strong_wolfe", **settings)

        def closure():
            optimizer.zero_grad()
            loss = objective(weight, bias)
            loss.backward()
            return loss

        optimizer.step(closure)

        # L-BFGS stalls where rounding hides what it gains; Newton's steps go on. The shortest ones, for the mean of the
        # biases is free.
        def at_point(point):
            return objective(point[:-classes].view(dimension, classes), point[-classes:])

        point = torch.cat([weight.detach().flatten(), bias.detach()])
        for _ in range(5):
            gradient = torch.autograd.functional.jacobian(at_point, point)
            point = point - torch.linalg.pinv(torch.autograd.functional.hessian(at_point, point), hermitian=True) @ gradient
        assert torch.autograd.functional.jacobian(at_point, point).norm() < 1e-13, name
        weight, bias, minimum = point[:-classes].view(dimension, classes), point[-classes:], at_point(point)
        # Somewhere else, where the gradient is not zero.
        at, shift = leaf(randn(dimension, classes)), leaf(randn(classes))
        value = objective(at, shift)
        value.backward()
        tensors = {"x": x, "labels": labels, "weight": weight, "bias": bias, "minimum": minimum, "atWeight": at}
        tensors.update(atBias=shift, atValue=value, atDWeight=at.grad, atDBias=shift.grad)
        golden.case(name, {"dimension": dimension, "classes": classes, "l2": l2}, **tensors)
    golden.write()


def make_indicators():
    golden = GoldenFile("indicators", 14)
    for name, rows, dimension, kind in [
        ("random", 17, 9, "random"),
        ("views alike", 40, 13, "alike"),
        ("two rows", 2, 3, "random"),
        ("one column", 11, 1, "random"),
        ("few directions", 50, 12, "low rank"),
        ("collapsed", 9, 5, "collapsed"),
        ("wide and off centre", 7, 31, "off centre"),
    ]:
        first = torch.randn(rows, dimension)
        second = torch.randn(rows, dimension)
        if kind == "alike":
            second = first + 0.1 * second
        elif kind == "low rank":
            turn = torch.randn(3, dimension)
            first, second = first[:, :3] @ turn, second[:, :3] @ turn
        elif kind == "collapsed":
            first, second = first[:1].expand(rows, -1), first[:1].expand(rows, -1)
        elif kind == "off centre":
            first, second = first + 5, second + 5
        first, second = rounded(first), rounded(second)
        unit = [F.normalize(x, dim=1, eps=1e-12) for x in (first, second)]
        alignment = (unit[0] - unit[1]).norm(dim=1).square().mean()
        uniformity = [torch.pdist(x).square().mul(-2).exp().mean().log() for x in unit]
        values = torch.linalg.svdvals(first - first.mean(0))
        tensors = {"first": first, "second": second, "alignment": alignment, "uniformity": torch.stack(uniformity)}
        if kind != "collapsed":
            shares = values / values.sum()
            tensors["effectiveRank"] = torch.special.entr(shares).sum().exp()
        deviation = unit[0].std(0, unbiased=False).mean()
        golden.case(name, {"dimension": dimension}, **tensors, singularValues=values, standardDeviation=deviation)
    golden.write()


def chw(image):
    return image.permute(2, 0, 1)


def hwc(image):
    return image.permute(1, 2, 0)


def make_augment():
    golden = GoldenFile("augment", 12)
    for name, width, height, left, top, box_width, box_height, out_width, out_height in [
        ("crop smaller", 17, 13, 0, 0, 17, 13, 7, 5),
        ("crop larger", 11, 9, 3, 2, 4, 3, 9, 8),
        ("crop wider and lower", 13, 19, 1, 2, 5, 15, 11, 4),
        ("crop same size", 9, 7, 2, 1, 5, 5, 5, 5),
        ("crop to one pixel", 9, 11, 0, 3, 9, 7, 1, 1),
        ("crop of one pixel", 5, 5, 4, 4, 1, 1, 3, 5),
    ]:
        rgba = torch.randint(256, (height, width, 4), dtype=torch.uint8)
        cropped = TF.crop(chw(rgba[..., :3].double() / 255), top, left, box_height, box_width)
        y = hwc(TF.resize(cropped, [out_height, out_width], InterpolationMode.BILINEAR, antialias=True))
        settings = {"width": width, "height": height, "left": left, "top": top}
        settings.update(boxWidth=box_width, boxHeight=box_height, outWidth=out_width, outHeight=out_height)
        golden.case(name, settings, rgba=rgba, y=y)

    # Random colours with the pixels that are special to hue: grays, black, white, pure colours and equal maxima.
    height, width = 5, 7
    image = rand(height, width, 3)
    special = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.25]]
    special += [[0.25, 0.5, 0.5], [0.5, 0.25, 0.5], [0.75, 0.25, 0.25]]
    image.view(-1, 3)[: len(special)] = torch.tensor(special)
    size = {"width": width, "height": height}
    golden.case("flip", size, x=image, y=hwc(TF.hflip(chw(image))))
    golden.case("grayscale", size, x=image, y=hwc(TF.rgb_to_grayscale(chw(image), num_output_channels=3)))

    adjust = {
        "brightness": TF.adjust_brightness,
        "contrast": TF.adjust_contrast,
        "saturation": TF.adjust_saturation,
        "hue": TF.adjust_hue,
    }
    for order, brightness, contrast, saturation, hue in [
        ("brightness", 1.6, 1, 1, 0),
        ("brightness", 0.3, 1, 1, 0),
        ("contrast", 1, 1.7, 1, 0),
        ("contrast", 1, 0.4, 1, 0),
        ("saturation", 1, 1, 1.8, 0),
        ("saturation", 1, 1, 0.2, 0),
        ("hue", 1, 1, 1, 0.1),
        ("hue", 1, 1, 1, -0.2),
        ("hue", 1, 1, 1, 0.5),
        ("brightness,contrast,saturation,hue", 1.3, 0.6, 1.7, 0.15),
        ("hue,saturation,contrast,brightness", 0.7, 1.5, 0.4, -0.1),
        ("saturation,brightness,hue,contrast", 1.7, 1.6, 1.4, 0.05),
        ("contrast,hue,brightness,saturation", 0.5, 0.4, 0.3, -0.2),
    ]:
        factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        y = chw(image)
        for adjustment in order.split(","):
            y = adjust[adjustment](y, factors[adjustment])
        name = f"jitter {order}" if "," in order else f"{order} {factors[order]}"
        golden.case(name, {**size, "order": order, **factors}, x=image, y=hwc(y))

    for kernel_size, sigma in [(3, 0.1), (3, 1.3), (5, 2.0), (9, 0.7)]:
        y = hwc(TF.gaussian_blur(chw(image), [kernel_size, kernel_size], [sigma, sigma]))
        settings = {**size, "kernelSize": kernel_size, "sigma": sigma}
        golden.case(f"blur {kernel_size} sigma {sigma}", settings, x=image, y=y)

    for turns in [1, 2, 3]:
        square = image[:, :5]
        golden.case(f"turns {turns}", {"width": 5, "height": 5, "turns": turns}, x=square, y=torch.rot90(square, turns))

    # As in DeVries and Taylor's code: a square of 2 * (side // 2) pixels around a pixel.
    for row, column, side in [(2, 3, 2), (0, 6, 4), (4, 0, 6)]:
        y = image.clone()
        y[max(row - side // 2, 0) : row + side // 2, max(column - side // 2, 0) : column + side // 2] = 0.5
        golden.case(f"cutout {side} at {row},{column}", {**size, "row": row, "column": column, "side": side}, x=image, y=y)

    padded = F.pad(TF.rgb_to_grayscale(chw(image))[None], [1, 1, 1, 1], mode="replicate")
    gradient = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    gx, gy = F.conv2d(padded, torch.stack([gradient, gradient.T])[:, None])[0]
    golden.case("sobel", size, x=image, y=((gx**2 + gy**2) / 2).sqrt()[..., None].expand(-1, -1, 3))
    golden.case("solarize", size, x=image, y=hwc(TF.solarize(chw(image), 0.5)))
    golden.write()


class SmallResNet(torchvision.models.ResNet):
    """torchvision's ResNet with the CIFAR stem, two stages of one basic block (8 and 16 channels), and a head."""

    def __init__(self):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, 8, 1, 1, 64
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(torchvision.models.resnet.BasicBlock, 8, 1)
        self.layer2 = self._make_layer(torchvision.models.resnet.BasicBlock, 16, 1, stride=2)
        self.head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, x):
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))
        return self.head(x.mean((2, 3)))


def train(state, batches, dtype):
    model = SmallResNet().to(dtype)
    model.load_state_dict(state)
    model.train()
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 1e-4},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    losses, gradients = [], {}
    for batch in batches.to(dtype):
        loss, _, _ = nt_xent(F.normalize(model(nchw(batch)), dim=1, eps=1e-12), 0.5)
        optimizer.zero_grad()
        loss.backward()
        gradients = gradients or {name: p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), model.state_dict(), gradients


def perturbed(x):
    """x with each value moved by one float32 step up, down or not at all."""
    return rounded(x * (1 + 2.0**-23 * torch.randint(-1, 2, x.shape))) if x.is_floating_point() else x


def make_trajectory():
    # For most seeds rounding flips a ReLU, and the runs part by a thousandth; not for this one, and its loss falls.
    golden = GoldenFile("trajectory", 38)
    steps, pairs, runs = 10, 6, 64
    state = {key: rounded(v) if v.is_floating_point() else v for key, v in SmallResNet().state_dict().items()}
    # Each image is a smooth field of colours; its two views are that field with noise.
    fields = F.interpolate(torch.randn(steps * pairs, 3, 2, 2), (8, 8), mode="bilinear", align_corners=True)
    views = fields.view(steps, 1, pairs, 3, 8, 8) + 0.5 * torch.randn(steps, 2, pairs, 3, 8, 8)
    batches = rounded(views.reshape(steps, 2 * pairs, 3, 8, 8).permute(0, 1, 3, 4, 2))
    settings = {"steps": steps, "temperature": 0.5, "learningRate": 0.1, "momentum": 0.9, "weightDecay": 1e-4}

    losses, final, gradients = train(state, batches, torch.float64)
    loss_deviation = torch.zeros(steps)
    deviation = {key: torch.zeros(()) for key in [*final, *(f"gradient.{key}" for key in gradients)]}
    for _ in range(runs):
        noisy_state = {key: perturbed(value) for key, value in state.items()}
        other_losses, other_final, other_gradients = train(noisy_state, perturbed(batches), torch.float32)
        loss_deviation = torch.maximum(loss_deviation, (other_losses - losses).abs())
        for key in final:
            deviation[key] = torch.maximum(deviation[key], (other_final[key] - final[key]).abs().max())
        for key in gradients:
            difference = (other_gradients[key] - gradients[key]).abs().max()
            deviation[f"gradient.{key}"] = torch.maximum(deviation[f"gradient.{key}"], difference)

    def floats(tensors):
        return {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}

    golden.case("batches", settings, nhwc=batches)
    golden.case("initial", **floats(state))
    golden.case("gradient", **gradients)
    golden.case("final", loss=losses, **floats(final))
    golden.case("deviation", {"runs": runs}, loss=loss_deviation, **floats(deviation))
    golden.write()


def make_torchvision_shapes():
    shapes = {}
    for name in ["resnet18", "resnet34", "resnet50"]:
        state = getattr(torchvision.models, name)(weights=None).state_dict()
        shapes[name] = {key: list(value.shape) for key, value in state.items()}
    lines = [
        f' "{model}": {{\n' + ",\n".join(f'  "{key}": {json.dumps(shape)}' for key, shape in entries.items()) + "\n }"
        for model, entries in shapes.items()
    ]
    (FOLDER / "torchvision_shapes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, numpy {np.__version__}")
    make_matmul()
    make_conv2d()
    make_batch_norm()
    make_group_norm()
    make_weight_standardization()
    make_elementwise()
    make_functions()
    make_broadcast()
    make_reductions()
    make_layer_norm()
    make_attention()
    make_batched_matmul()
    make_arrangement()
    make_statistics()
    make_pooling()
    make_cross_entropy()
    make_l2_normalize()
    make_nt_xent()
    make_contrast()
    make_optimizers()
    make_weight_decay()
    make_moving_average()
    make_schedule()
    make_knn()
    make_logistic_regression()
    make_indicators()
    make_augment()
    make_trajectory()
    make_torchvision_shapes()
