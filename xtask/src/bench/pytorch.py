"""One training step in PyTorch: the median of several, in seconds.

usage: pytorch.py RECIPE WIDTH BATCH THREADS STEPS [DEVICE]

DEVICE is the CPU if nothing else is said; `cuda` is a card that PyTorch was built for.
"""

import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

recipe = sys.argv[1]
width, batch, threads, steps = (int(argument) for argument in sys.argv[2:6])
device = sys.argv[6] if len(sys.argv) > 6 else "cpu"
torch.set_default_device(device)
torch.set_num_threads(threads)
torch.manual_seed(0)


def dcgan64():
    """The networks of PyTorch's tutorial, trained with binary cross entropy."""

    def up(inputs, outputs, stride, padding):
        conv = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU(True)]

    def down(inputs, outputs):
        conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        return [conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, True)]

    generator = nn.Sequential(
        nn.Unflatten(1, (100, 1, 1)),
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

    def loss(pictures, wanted):
        return F.binary_cross_entropy_with_logits(discriminator(pictures).flatten(), torch.full((batch,), wanted))

    def judge(real, fake):
        return loss(real, 1.0) + loss(fake, 0.0)

    return generator, discriminator, judge, lambda _, fake: loss(fake, 1.0), (100, 64)


FILTER = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16


class Halve(nn.Module):
    def forward(self, x):
        return F.conv2d(x, FILTER.expand(x.shape[1], 1, 3, 3), stride=2, padding=1, groups=x.shape[1])


class Double(nn.Module):
    def forward(self, x):
        kernel = 4 * FILTER.expand(x.shape[1], 1, 3, 3)
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, output_padding=1, groups=x.shape[1])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        inner = 2 * width
        self.inside = nn.Sequential(
            nn.Conv2d(width, inner, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner // 16),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(inner, width, 1, bias=False),
        )

    def forward(self, x):
        return x + self.inside(x)


class Basis(nn.Module):
    def __init__(self, latent, width):
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, 4, 4))
        self.linear = nn.Linear(latent, width, bias=False)

    def forward(self, z):
        return self.linear(z)[:, :, None, None] * self.basis


class Last(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Parameter(torch.randn(width, 4, 4) / 4)
        self.linear = nn.Linear(width, 1, bias=False)

    def forward(self, x):
        return self.linear((x * self.depthwise).sum((2, 3)))


def r3gan_generator(width, latent):
    """Of 32 pixels."""
    wide = 2 * width
    return nn.Sequential(
        Basis(latent, wide),
        Block(wide),
        Double(),
        Block(wide),
        Double(),
        Block(wide),
        nn.Conv2d(wide, width, 1, bias=False),
        Double(),
        Block(width),
        nn.Conv2d(width, 3, 1, bias=False),
    )


def r3gan():
    """R3GAN of 32 pixels; R1 and R2 are differentiated twice."""
    wide, latent, gamma = 2 * width, 64, 0.05
    discriminator = nn.Sequential(
        nn.Conv2d(3, width, 1, bias=False),
        Block(width),
        Halve(),
        nn.Conv2d(width, wide, 1, bias=False),
        Block(wide),
        Halve(),
        Block(wide),
        Halve(),
        Block(wide),
        Last(wide),
    )
    generator = r3gan_generator(width, latent)

    def penalised(pictures):
        pictures = pictures.detach().requires_grad_(True)
        logits = discriminator(pictures)
        (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
        return logits, gamma / 2 * gradient.square().sum((1, 2, 3)).mean()

    def judge(real, fake):
        (real, r1), (fake, r2) = penalised(real), penalised(fake)
        return F.softplus(fake - real).mean() + r1 + r2

    def draw(real, fake):
        with torch.no_grad():
            real = discriminator(real)
        return F.softplus(real - discriminator(fake)).mean()

    return generator, discriminator, judge, draw, (latent, 32)


# Stages of EfficientNet-Lite0 up to its early taps: blocks, stride of the first, side of the depthwise kernel, channels.
STAGES = [(1, 1, 3, 16), (2, 2, 3, 24), (2, 2, 5, 40), (3, 2, 3, 80), (3, 1, 5, 112)]
TAPS = (2, 4, 10)
MIXED = 32


class Same(nn.Conv2d):
    """Padded as in TensorFlow; with ReLU6 behind it or not."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, relu=True):
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.relu = relu

    def forward(self, x):
        stride, kernel = self.stride[0], self.kernel_size[0]
        total = max((-(-x.shape[2] // stride) - 1) * stride + kernel - x.shape[2], 0)
        x = super().forward(F.pad(x, (total // 2, total - total // 2) * 2))
        return F.relu6(x) if self.relu else x


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        inner = inputs if outputs == 16 else 6 * inputs
        expand = [] if inner == inputs else [Same(inputs, inner)]
        self.skips = stride == 1 and inputs == outputs
        self.inside = nn.Sequential(
            *expand, Same(inner, inner, kernel, stride, inner), Same(inner, outputs, relu=False)
        )

    def forward(self, x):
        return x + self.inside(x) if self.skips else self.inside(x)


class Views(nn.Module):
    """What the heads of a projected discriminator look at: a frozen EfficientNet-Lite0, mixed. Its weights don't matter here."""

    def __init__(self, side):
        super().__init__()
        self.side, self.blocks, channels, inputs = side, nn.ModuleList(), [], 32
        self.stem = Same(3, 32, 3, 2)
        for blocks, stride, kernel, outputs in STAGES:
            for block in range(blocks):
                if len(self.blocks) in TAPS:
                    channels.append(outputs)
                self.blocks.append(Inverted(inputs, outputs, kernel, stride if block == 0 else 1))
                inputs = outputs
        self.mix = nn.ModuleList([nn.Conv2d(count, MIXED, 1) for count in channels])
        self.down = nn.ModuleList([nn.Conv2d(MIXED, MIXED, 1, bias=False) for _ in channels])
        self.to(memory_format=torch.channels_last).requires_grad_(False)

    def forward(self, pictures):
        x = F.interpolate(pictures, (self.side, self.side), mode="bilinear").contiguous(memory_format=torch.channels_last)
        x, maps, above = self.stem(x), [], None
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                maps.append(self.mix[len(maps)](x))
        for i in reversed(range(len(maps))):
            if above is not None:
                maps[i] = (maps[i] + F.interpolate(above, size=maps[i].shape[2:], mode="bilinear")) * 0.5**0.5
            maps[i] = above = self.down[i](maps[i])
        return [*maps, pictures]


def head(inputs, side, width):
    """One of the heads; that on the pixels begins with a layer without batch norm."""
    norm = nn.utils.parametrizations.spectral_norm
    layers = []
    if inputs == 3:
        layers += [norm(nn.Conv2d(3, width // 2, 4, 2, 1)), nn.LeakyReLU(0.2)]
        inputs, side = width // 2, side // 2
    elif side < 8:
        layers += [norm(nn.Conv2d(inputs, width, 3, 1, 1)), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
        inputs = width
    while side >= 8:
        layers += [norm(nn.Conv2d(inputs, width, 4, 2, 1)), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
        inputs, side = width, side // 2
    return nn.Sequential(*layers, norm(nn.Conv2d(inputs, 1, 3, 1, 1)))


def projected():
    """R3GAN's generator of 32 pixels, and heads on frozen features. Generated pictures' views are computed once a step."""
    latent, side = 64, 32
    views = Views(2 * side)
    shapes = [view.shape for view in views(torch.zeros(1, 3, side, side))]
    heads = nn.ModuleList([head(shape[1], shape[2], 2 * width) for shape in shapes])
    logits = lambda seen: [one(view) for one, view in zip(heads, seen)]
    drawn = []

    def judge(real, fake):
        with torch.no_grad():
            seen = views(real)
        pairs = zip(logits(seen), logits([view.detach() for view in drawn]))
        return sum(F.relu(1 - real).mean() + F.relu(1 + fake).mean() for real, fake in pairs) / len(heads)

    def draw(real, fake):
        return -sum(one.mean() for one in logits(drawn)) / len(heads)

    def see(fake):
        drawn[:] = views(fake)

    return r3gan_generator(width, latent), heads, judge, draw, (latent, side), see


RECIPES = {"dcgan64": dcgan64, "r3gan-small": r3gan, "projected": projected}
generator, discriminator, judge, draw, (latent, side), *see = RECIPES[recipe]()
adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, discriminator)]
real = torch.rand(batch, 3, side, side) * 2 - 1
average = [parameter.detach().clone() for parameter in generator.parameters()]


def step():
    fake = generator(torch.randn(batch, latent))
    for look in see:
        look(fake)
    adams[1].zero_grad()
    judge(real, fake.detach()).backward()
    adams[1].step()
    adams[0].zero_grad()
    # Nobody uses the discriminator's own gradients here.
    for parameter in discriminator.parameters():
        parameter.requires_grad_(False)
    draw(real, fake).backward()
    for parameter in discriminator.parameters():
        parameter.requires_grad_(True)
    adams[0].step()
    with torch.no_grad():
        torch._foreach_lerp_(average, list(generator.parameters()), 0.01)


for _ in range(3):
    step()
if device == "cuda":
    torch.cuda.synchronize()
times = []
for _ in range(steps):
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    times.append(time.perf_counter() - start)
print(statistics.median(times))
