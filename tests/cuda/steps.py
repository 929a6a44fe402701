"""Takes the step of every method in each of its stages on CUDA tensors without numbers, over the stand-in runtime.

Run by ``test_standin.py``, with ``{"configs": [...], "methods": [...], "sizes": [...], "streamed": false,
"overrides": [...]}`` as argument (sizes of the training batches; whether images come from the host; overrides of the
recipe); prints a list of what went wrong.
"""

from __future__ import annotations

import gc
import itertools
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pairs import Stepped, untaught_pair
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from smkd_cli.data.images.reader import ImageReader
from smkd_cli.data.images.streamed import StreamedImages
from smkd_cli.methods import Companion
from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step import cuda_graph, optimizers
from smkd_cli.train.step.build import ImageFacts, resident_images
from smkd_cli.train.step.epoch_plan import Columns
from smkd_cli.train.step.peer import Peer


class OnTheDevice(TorchDispatchMode):
    """Refuses, while capturing, what goes over the host: torch would wait for such a copy."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if torch.cuda.is_current_stream_capturing():
            for tensor in (value for value in (*args, made) if isinstance(value, Tensor)):
                if tensor.device.type == "cpu":
                    raise RuntimeError(f"{function} has to do with a tensor of the host")
        return made


class OfAnySamples(StreamedImages):
    """Images from the host of samples whose indices have no numbers."""

    def stage(self, columns: Columns) -> None:
        samples = np.arange(columns["indices"].numel())
        self._place(samples, torch.zeros((len(samples), *self._shape), dtype=torch.uint8))


class Launches:
    """Counts how often a graph is replayed."""

    def __init__(self) -> None:
        self.count = 0
        replay = torch.cuda.CUDAGraph.replay

        def counted(graph: torch.cuda.CUDAGraph) -> None:
            self.count += 1
            replay(graph)

        torch.cuda.CUDAGraph.replay = counted


def without_numbers() -> None:
    """Change what would look into tensors, or copy them, while a pair is made; one step warms up as well as three."""
    cuda_graph._WARM_UP_STEPS = 1
    nn.Module._apply = replace_tensors
    optimizers._rate = lambda lr, parameters: lr

    def companion(self: Peer, made: Companion) -> nn.Module:
        network = self._spec.teachers[made.source] if made.is_file else self._fresh_network(0)
        return network.requires_grad_(False).eval()

    Peer._companion = companion


def replace_tensors(module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """What ``to`` does; torch's own writes into the tensors that are there."""
    for part in module.modules() if recurse else [module]:
        for name, value in part.named_parameters(recurse=False):
            part._parameters[name] = nn.Parameter(change(value.detach()), value.requires_grad)
        for name, value in part.named_buffers(recurse=False):
            part._buffers[name] = change(value)
    return module


def of_any_samples(recipe: Recipe, dataset: ImageFacts, reader: ImageReader, machine: Machine) -> OfAnySamples:
    """In the place of ``resident_images``."""
    return OfAnySamples(
        reader,
        dataset.image_shape,
        dataset.mean,
        dataset.std,
        machine.device,
        recipe.drawn,
        machine.memory_format,
        most=2 * recipe.batch_size,
        workers=0,
    )


def pair_of(method: str, compute: ComputeConfig, asked: dict[str, Any]) -> Stepped:
    """A pair whose optimisers take their rate from the device, as they do on CUDA."""
    placed = of_any_samples if asked["streamed"] else resident_images
    stepped = untaught_pair(method, compute, placed=placed, overrides=asked["overrides"])
    made = [optimizer for peer in stepped.pair.peers for optimizer in peer.optimizers]
    for optimizer in (*made, *(extra.optimizer for extra in stepped.pair.shared.values())):
        for group in optimizer.param_groups:
            group["lr"] = torch.zeros((), device="cuda")
    return stepped


def fault(method: str, compute: ComputeConfig, asked: dict[str, Any], launches: Launches) -> str | None:
    """What is wrong with the steps, or None."""
    stepped, before = pair_of(method, compute, asked), launches.count
    made, sizes = stepped.pair, asked["sizes"]
    for size, batch in zip(sizes, itertools.cycle(stepped.batches)):
        made.train_step({name: part[:size] for name, part in batch.items()})
    if made.falls_back:
        return made.falls_back
    captured = compute.step == "captured" and made.method.capturable(made.clock.stage)
    if launches.count - before != captured * len(sizes):
        return f"{launches.count - before} of {len(sizes)} steps were replayed"
    # Updates that are fused want gradients laid out as their weights are.
    for name, weight in made.networks[0].named_parameters():
        for stride, expected, size in zip(weight.grad.stride(), weight.stride(), weight.shape, strict=True):
            if size > 1 and stride != expected:
                return f"the gradient of {name} has another layout"
    return None


def main() -> None:
    asked = json.loads(sys.argv[1])
    without_numbers()
    faults, launches, numberless = [], Launches(), FakeTensorMode(allow_non_fake_inputs=True)
    gc.freeze()  # captures collect garbage, and torch is none
    configs = [ComputeConfig(**record) for record in asked["configs"]]
    for compute, method in itertools.product(configs, asked["methods"]):
        try:
            with numberless, OnTheDevice():
                found = fault(method, compute, asked, launches)
        except Exception:
            found = traceback.format_exc()
        if found:
            faults.append(f"{method}, {compute}: {found}")
    json.dump(faults, sys.stdout)


main()
