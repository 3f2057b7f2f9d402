"""PyTorch as one of the engines of bench/peers.ts, on CUDA or on the CPU: no WebGPU, and named as what it is.

usage: pytorch.py [f32 | tf32 | amp | compiled]
f32 by default. tf32 lets CUDA multiply with 10-bit mantissas; amp is automatic mixed precision, with f16 on CUDA (bfloat16 on the CPU),
channels_last and a scaled loss; compiled is the same under torch.compile.

Speaks the protocol of task.ts: a JSON object a line, on stdin and stdout.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

LEAST_MILLISECONDS = 200
MOST_REPEATS = 50
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
MODE = sys.argv[1] if len(sys.argv) > 1 else "f32"
AMP = MODE in ("amp", "compiled")
HALF = torch.float16 if DEVICE.type == "cuda" else torch.bfloat16
FORMAT = torch.channels_last if AMP else torch.contiguous_format
# In f32, not the 10-bit mantissas that cuDNN takes for it by default.
torch.backends.cudnn.allow_tf32 = MODE == "tf32"
torch.backends.cuda.matmul.allow_tf32 = MODE == "tf32"
# cuDNN's fastest convolution for each shape, found in the first run.
torch.backends.cudnn.benchmark = True


class Runs:
    """A task ready to be run: `submit` computes at once and returns the loss or None."""

    def __init__(self, submit, check):
        self.submit = submit
        self.check = check


def nt_xent(z, temperature):
    rows = z.shape[0]
    normalized = F.normalize(z)
    # f16, in which automatic mixed precision multiplies, has no -1e9.
    logits = (normalized @ normalized.T).float() / temperature
    logits = logits.masked_fill(torch.eye(rows, dtype=torch.bool, device=z.device), -1e9)
    return F.cross_entropy(logits, (torch.arange(rows, device=z.device) + rows // 2) % rows)


def maps_of(array, shape):
    """[batch, height, width, channels] to PyTorch's [batch, channels, height, width]."""
    return torch.from_numpy(array.reshape(shape).transpose(0, 3, 1, 2).copy()).to(DEVICE, memory_format=FORMAT)


def filter_of(array, shape):
    """[height, width, in, out] to PyTorch's [out, in, height, width]."""
    return torch.from_numpy(array.reshape(shape).transpose(3, 2, 0, 1).copy()).to(DEVICE, memory_format=FORMAT)


def operand(tensor):
    """An operand of a product in the type that it is computed in."""
    return tensor.to(HALF) if AMP else tensor


def automatic(function):
    """A function in automatic mixed precision, and compiled, where the mode says so."""
    if not AMP:
        return function

    def mixed(*arguments):
        with torch.autocast(DEVICE.type, dtype=HALF):
            return function(*arguments)

    return torch.compile(mixed) if MODE == "compiled" else mixed


def embed(net, weights, views):
    def convolution(x, name, stride, padding):
        return F.conv2d(x, weights[name + ".weight"], stride=stride, padding=padding)

    def norm(x, name):
        return F.batch_norm(x, None, None, weights[name + ".weight"], weights[name + ".bias"], training=True)

    def linear(x, name):
        return x @ weights[name + ".weight"] + weights[name + ".bias"]

    x = views
    if net == "convnet":
        for i in range(4):
            x = F.relu(norm(convolution(x, f"layers.{i}.conv", 2, 1), f"layers.{i}.bn"))
    else:
        x = F.relu(norm(convolution(x, "conv1", 1, 1), "bn1"))
        for stage in range(1, 5):
            for block in range(2):
                name = f"layer{stage}.{block}"
                shrinks = stage > 1 and block == 0
                y = F.relu(norm(convolution(x, name + ".conv1", 2 if shrinks else 1, 1), name + ".bn1"))
                y = norm(convolution(y, name + ".conv2", 1, 1), name + ".bn2")
                if shrinks:
                    x = norm(convolution(x, name + ".downsample.0", 2, 0), name + ".downsample.1")
                x = F.relu(y + x)
    return linear(F.relu(linear(x.mean((2, 3)), "head.0")), "head.2")


def load_step(task, read):
    everything = read("parameters")
    weights, offset = {}, 0
    for entry in task["parameters"]:
        size = int(np.prod(entry["shape"]))
        part = everything[offset : offset + size].reshape(entry["shape"])
        offset += size
        tensor = filter_of(part, entry["shape"]) if part.ndim == 4 else torch.from_numpy(part.copy()).to(DEVICE)
        weights[entry["name"]] = tensor.requires_grad_()
    before = [value.detach().clone() for value in weights.values()]
    views = maps_of(read("views"), (2 * task["batch"], task["size"], task["size"], 3))

    def build():
        optimizer = torch.optim.SGD(
            weights.values(), lr=task["learningRate"], momentum=task["momentum"], nesterov=True
        )
        # So small that no step is skipped while it finds its size.
        scaler = torch.cuda.amp.GradScaler(init_scale=256.0, enabled=AMP and DEVICE.type == "cuda")
        loss_of = automatic(lambda: nt_xent(embed(task["net"], weights, views).float(), task["temperature"]))

        def submit():
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss.item()

        def check(loss):
            after = [value.detach() for value in weights.values()]
            return {"loss": loss, "updates": [float((a - b).norm()) for a, b in zip(after, before)]}

        return Runs(submit, check)

    return build


def operation(compute, to_result):
    def submit():
        compute()

    return Runs(submit, lambda loss: to_result(compute().float().cpu().numpy()))


def load_convolution(task, read):
    maps = (task["batch"], task["size"], task["size"], task["channels"])
    filters = (3, 3, task["channels"], task["channels"])
    x, dy = operand(maps_of(read("x"), maps)), operand(maps_of(read("dy"), maps))
    weight = operand(filter_of(read("weight"), filters))

    def to_maps(data):
        return data.transpose(0, 2, 3, 1)

    def build():
        if task["direction"] == "forward":
            return operation(lambda: F.conv2d(x, weight, padding=1), to_maps)
        if task["direction"] == "input gradient":
            return operation(lambda: torch.nn.grad.conv2d_input(x.shape, weight, dy, padding=1), to_maps)
        return operation(
            lambda: torch.nn.grad.conv2d_weight(x, weight.shape, dy, padding=1),
            lambda data: data.transpose(2, 3, 1, 0),
        )

    return build


def load_matmul(task, read):
    shape = (task["size"], task["size"])
    a, b = (operand(torch.from_numpy(read(name).reshape(shape)).to(DEVICE)) for name in "ab")
    return lambda: operation(lambda: a @ b, lambda data: data)


def load_nt_xent(task, read):
    z = torch.from_numpy(read("z").reshape(task["rows"], task["dimension"])).to(DEVICE).requires_grad_()

    loss_of = automatic(lambda: nt_xent(z, task["temperature"]))

    def submit():
        z.grad = None
        loss = loss_of()
        loss.backward()
        return loss.item()

    return lambda: Runs(submit, lambda loss: z.grad.cpu().numpy())


LOADERS = {"step": load_step, "convolution": load_convolution, "matmul": load_matmul, "nt-xent": load_nt_xent}


def wait():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def timed(runs, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        loss = runs.submit()
    wait()
    return {"milliseconds": 1000 * (time.perf_counter() - begin) / repeats, "loss": loss, "dispatches": None}


def device_bytes():
    return torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else None


def prepare(request):
    task = request["prepare"]
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    build = LOADERS[task["kind"]](task, lambda name: np.fromfile(f"{request['inputs']}/{name}.f32", "<f4"))
    begin = time.perf_counter()
    runs = build()
    loss = runs.submit()
    wait()
    milliseconds = 1000 * (time.perf_counter() - begin)
    findings = runs.check(loss)
    repeats = 1
    if isinstance(findings, np.ndarray):
        np.ascontiguousarray(findings, "<f4").tofile(request["result"])
        findings = {} if loss is None else {"loss": loss}
        warm = timed(runs, 1)["milliseconds"]
        repeats = min(MOST_REPEATS, max(1, round(LEAST_MILLISECONDS / warm)))
    return runs, repeats, {"milliseconds": milliseconds, "deviceBytes": device_bytes(), "findings": findings}


def main():
    def say(answer):
        # NaN is no JSON.
        print(json.dumps(answer, allow_nan=False), flush=True)

    # As many as a software adapter takes; PyTorch itself may choose fewer.
    torch.set_num_threads(os.cpu_count() or 1)
    if DEVICE.type == "cuda":
        place, adapter = "CUDA", torch.cuda.get_device_name()
    else:
        place, adapter = f"the CPU, threads: {torch.get_num_threads()}", "CPU"
    runs, repeats = None, 1
    mode = "" if MODE == "f32" else f", {MODE}"
    say({"ready": f"PyTorch {torch.__version__}{mode} on {place} (no WebGPU)", "adapter": adapter})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                runs, repeats, answer = prepare(request)
            else:
                answer = timed(runs, repeats)
            say(answer)
        except Exception as error:
            say({"error": str(error)})


main()
