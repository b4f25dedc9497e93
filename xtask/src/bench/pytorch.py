"""One step of a DCGAN of 64 pixels in PyTorch on the CPU: the median of several, in seconds.

usage: pytorch.py WIDTH BATCH THREADS STEPS
"""

import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

width, batch, threads, steps = (int(argument) for argument in sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(0)


def up(inputs, outputs, stride, padding):
    return [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]


def down(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, True)]


generator = nn.Sequential(
    *up(100, 8 * width, 1, 0),
    *up(8 * width, 4 * width, 2, 1),
    *up(4 * width, 2 * width, 2, 1),
    *up(2 * width, width, 2, 1),
    nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),
    nn.Tanh(),
)
discriminator = nn.Sequential(
    nn.Conv2d(3, width, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, True),
    *down(width, 2 * width),
    *down(2 * width, 4 * width),
    *down(4 * width, 8 * width),
    nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False),
)
adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, discriminator)]
real = torch.rand(batch, 3, 64, 64) * 2 - 1
average = [parameter.detach().clone() for parameter in generator.parameters()]


def loss(pictures, wanted):
    return F.binary_cross_entropy_with_logits(discriminator(pictures).flatten(), torch.full((batch,), wanted))


def step():
    fake = generator(torch.randn(batch, 100, 1, 1))
    adams[1].zero_grad()
    (loss(real, 1.0) + loss(fake.detach(), 0.0)).backward()
    adams[1].step()
    adams[0].zero_grad()
    # Nobody uses the discriminator's own gradients here.
    for parameter in discriminator.parameters():
        parameter.requires_grad_(False)
    loss(fake, 1.0).backward()
    for parameter in discriminator.parameters():
        parameter.requires_grad_(True)
    adams[0].step()
    with torch.no_grad():
        torch._foreach_lerp_(average, list(generator.parameters()), 0.01)


for _ in range(3):
    step()
times = []
for _ in range(steps):
    start = time.perf_counter()
    step()
    times.append(time.perf_counter() - start)
print(statistics.median(times))
