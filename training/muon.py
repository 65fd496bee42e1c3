"""Momentum whose steps are made orthogonal (Muon), for the matrices of attention and MLPs: every direction of a matrix moves as far as every other,
so that what is rarely asked for is learnt as fast as what dominates the gradient."""
import torch

STEP = 0.2  # of the learning rate per weight, about what AdamW moves: both have one learning rate
ITERATIONS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # of the iteration: small singular values grow fast, large ones stay about 1


def orthogonal(matrices):
    """(N, rows, columns) -> matrices of the same singular vectors, with singular values of about 0.7 to 1.2 (Newton and Schulz's iteration)."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.square().sum((1, 2), keepdim=True).sqrt() + 1e-7)).bfloat16()
    for _ in range(ITERATIONS):
        a = x @ x.transpose(1, 2)
        x = A * x + (B * a + C * (a @ a)) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are taken together."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.01):
        super().__init__(list(parameters), dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            alike = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault(p.shape, []).append(p)
            for shape, matrices in alike.items():
                directions = []
                for p in matrices:
                    momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    momentum.lerp_(p.grad, 1 - group["momentum"])
                    directions.append(p.grad.lerp(momentum, group["momentum"]))
                for p, direction in zip(matrices, orthogonal(torch.stack(directions))):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"] * STEP * max(shape) ** 0.5)
