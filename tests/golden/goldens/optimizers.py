"""Adam and the moving average of weights, step by step."""

import numpy as np
import torch

from .draws import normal
from .file import Case, Result

TOLERANCE = {"rel": 2e-6, "abs": 1e-7}


def adam(settings, inputs, dtype):
    count = sum(name.endswith(".init") for name in inputs)
    params = [inputs[f"param{i}.init"].clone().requires_grad_() for i in range(count)]
    betas = (settings["beta1"], settings["beta2"])
    optimizer = torch.optim.Adam(params, settings["lr"], betas, settings["eps"], settings["weight_decay"])
    after = [[] for _ in params]
    for step in range(settings["steps"]):
        for i, param in enumerate(params):
            param.grad = inputs[f"param{i}.grads"][step].clone()
        optimizer.step()
        for param, seen in zip(params, after):
            seen.append(param.detach().clone())
    outputs = {}
    for i, (param, seen) in enumerate(zip(params, after)):
        moments = optimizer.state[param]
        outputs[f"param{i}.after"] = torch.stack(seen)
        outputs |= {f"param{i}.{moment}": moments[moment] for moment in ("exp_avg", "exp_avg_sq")}
    return Result(outputs)


def adam_case(name, description, beta1, beta2):
    def draw(random, settings):
        inputs = {}
        for i, shape in enumerate([[4, 5], [7]]):
            # Each element has gradients of its own size, as in a network.
            grads = normal(random, [settings["steps"], *shape], 10 ** random.uniform(-2.5, 0.5, shape))
            elements = grads.reshape(settings["steps"], -1)
            elements[:, 0] = 0
            elements[:, 1] = np.clip(normal(random, [settings["steps"]], 5e-9), -1e-8, 1e-8)
            elements[3:, 2] = 0
            inputs |= {f"param{i}.init": normal(random, shape, 0.1), f"param{i}.grads": grads}
        return inputs

    settings = {
        "lr": 2e-4,
        "beta1": beta1,
        "beta2": beta2,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "steps": 10,
        "special_elements": "flattened element 0: gradient always 0; element 1: |gradient| <= 1e-8; "
        "element 2: gradient 0 from step 4 on",
    }
    return Case(name, description, settings, draw, adam, TOLERANCE, layout="any")


def average(settings, inputs, dtype):
    beta = 0.5 ** (settings["batch"] / max(settings["ema_nimg"], 1e-8))
    ema, after = inputs["ema_init"], []
    for params in inputs["params"]:
        ema = params.lerp(ema, beta)
        after.append(ema)
    return Result({"beta": beta, "ema_after": torch.stack(after)}, {"beta": beta})


def draw_average(random, settings):
    return {"params": normal(random, [settings["steps"], 9]), "ema_init": normal(random, [9])}


CASES = [
    adam_case("adam_b0_b099", "ten Adam steps on given gradients, betas (0, 0.99)", 0.0, 0.99),
    adam_case("adam_b05_b0999", "ten Adam steps on given gradients, betas (0.5, 0.999)", 0.5, 0.999),
    Case(
        "ema",
        "exponential moving average of weights, half-life given in images",
        {"batch": 32, "ema_nimg": 500.0, "steps": 12},
        draw_average,
        average,
        TOLERANCE,
        layout="any",
    ),
]
