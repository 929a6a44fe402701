"""What machine a figure was measured on."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from smkd_cli.train.setup import cores
from smkd_cli.train.site import device_name


def describe(device: str = "cpu") -> dict[str, Any]:
    """Processor, cores, memory, GPU and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    about = {
        "processor": device_name(torch.device("cpu")),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        about |= {
            "gpu": properties.name,
            "gpu_memory_gib": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return about
