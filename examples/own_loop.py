"""Your own training loop with the losses of smkd: SMKD on digits of which 40 % have a wrong label.

    python examples/own_loop.py

Everything except the losses is plain PyTorch. The images come in the same order as in `smkd train`. So, on the same
machine, the two networks end with the same weights as with this command:

    smkd train quickstart --set 'methods=[{name: SMKD-S+MyLC, eta: 4}]' --set 'seeds=[1]' --set epochs=5 --device cpu \
        --set 'compute={threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}'
"""

from __future__ import annotations

import numpy as np
import torch

import smkd_cli.api as smkd
from smkd_cli.seeds import generator, torch_seed

SEED, EPOCHS, BATCH, CLASSES, RATE = 1, 5, 128, 10, 0.1


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised images (n, 1, 8, 8), and noisy labels (n,), of which 40 % are wrong."""
    digits = smkd.dataset("digits")
    clean_labels = digits.labels("train").labels
    noisy_labels = smkd.corrupt_labels(clean_labels, kind="symmetric", rate=0.4, classes=CLASSES, seed=SEED)
    pixels = torch.from_numpy(digits.images("train").read(np.arange(len(clean_labels)))).float()
    (mean,), (std,) = digits.mean, digits.std
    # (x/255 − mean)/std as one multiplication and one addition.
    images = torch.addcmul(torch.tensor(-mean / std), pixels, torch.tensor(1 / (255 * std)))
    return images.permute(0, 3, 1, 2), torch.from_numpy(noisy_labels)


def make_network(index: int) -> torch.nn.Module:
    """Return network A (0) or B (1), each with its own initial weights."""
    torch.manual_seed(torch_seed(SEED, "network", index))
    return smkd.network("small_resnet", CLASSES, channels=1).to(memory_format=torch.channels_last)


def train() -> tuple[list[torch.nn.Module], smkd.PairLoss]:
    """Train both networks. Return them and their loss."""
    torch.set_num_threads(1)
    images, noisy_labels = load()
    networks = [make_network(index) for index in range(2)]
    optimizers = [
        torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, fused=True)
        for network in networks
    ]
    steps = -(-len(noisy_labels) // BATCH)
    method = smkd.method("SMKD-S+MyLC", eta=4.0, b1=16.0, rho=0.5)
    pair = smkd.PairLoss(method, noisy_labels, CLASSES, epochs=EPOCHS, steps_per_epoch=steps)

    for epoch in range(1, EPOCHS + 1):
        order = torch.from_numpy(generator(SEED, "batches", epoch).permutation(len(noisy_labels)))
        for step, indices in enumerate(order.split(BATCH)):
            done = (epoch - 1 + step / steps) / EPOCHS
            rate = RATE * 0.1 ** sum(done >= milestone - 1e-9 for milestone in (0.5, 0.75))
            batch = images[indices]
            logits = [network(batch) for network in networks]
            losses = pair(*logits, noisy_labels[indices], indices)
            for loss, optimizer in zip(losses, optimizers, strict=True):
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        pair.end_epoch()
        sent = sum(int(refined.sent.sum()) for refined in pair.refined)
        print(f"epoch {epoch}: losses {losses[0].item():.3f} {losses[1].item():.3f}, sent in the last batch: {sent}")
    return networks, pair


if __name__ == "__main__":
    train()
