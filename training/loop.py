"""The loop that all trainers share: learning rate, averaged weights, a line of progress with the time left, checkpoints that survive.

Several processes train one model when each is started with torch's variables (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT): every process
draws its own batches, and gradients are averaged."""
import argparse
import os
import time

import numpy as np
import torch

from training.muon import Muon


def arguments(doc, steps, lr, every=50):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="directory of corpora; checkpoints are written there too")
    p.add_argument("--steps", type=int, default=steps, help="the learning rate falls to its end there")
    p.add_argument("--lr", type=float, default=lr)
    p.add_argument("--every", type=int, default=every, help="steps between two lines of progress, and two checkpoints")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=1)
    return p


class Loop:
    """Trains `modules` ({name: module}), `matrices` of their parameters by Muon and the others by AdamW. A checkpoint holds all that the next step depends on: a
    stopped run goes on as if nothing was."""

    def __init__(self, args, name, modules, matrices=(), warmup=100, flat=0.4, ema=0.997, clip=1.0, betas=(0.9, 0.98), autocast=True):
        self.args, self.path, self.modules = args, f"{args.data}/{name}.pt", modules
        self.warmup, self.flat, self.ema_rate, self.clip, self.autocast = min(warmup, args.steps // 10 + 1), flat, ema, clip, autocast
        torch.set_num_threads(args.threads)
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.world > 1:
            torch.distributed.init_process_group("gloo")
        self.seed(0)
        for m in modules.values():
            m.to(args.device)
        self.parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        fused = {"fused": True} if tuple(int(n) for n in torch.__version__.split(".")[:2]) >= (2, 4) else {}
        turned = {id(p) for p in matrices}
        others = [p for p in self.parameters if id(p) not in turned]
        self.optimisers = [torch.optim.AdamW(others, lr=args.lr, betas=betas, weight_decay=0.01, **fused)]
        if matrices:
            self.optimisers.append(Muon(matrices, lr=args.lr))
        self.step, self.cpu = 0, 0.0

    def seed(self, step):
        torch.manual_seed(self.args.seed + 1000003 * self.rank + step)
        self.rng = np.random.default_rng([self.args.seed, self.rank, step])

    def start(self):
        """To be called when the modules have their first weights."""
        self.ema = {n: {k: v.detach().clone() for k, v in m.state_dict().items()} for n, m in self.modules.items()}
        if os.path.exists(self.path):
            state = torch.load(self.path, map_location=self.args.device)
            for n, m in self.modules.items():
                m.load_state_dict(state["modules"][n])
            self.ema, self.step, self.cpu = state["ema"], state["step"], state["cpu"]
            for optimiser, was in zip(self.optimisers, state["optimisers"]):
                optimiser.load_state_dict(was)
            if self.world > 1:
                self.seed(self.step)
            else:
                self.rng.bit_generator.state = state["rng"]
                torch.set_rng_state(state["torch_rng"].cpu())
            print("continues from step", self.step, flush=True)

    def save(self):
        torch.save({"modules": {n: m.state_dict() for n, m in self.modules.items()}, "ema": self.ema, "step": self.step, "cpu": self.cpu,
                    "optimisers": [o.state_dict() for o in self.optimisers], "rng": self.rng.bit_generator.state, "torch_rng": torch.get_rng_state()},
                   self.path + ".part")
        os.replace(self.path + ".part", self.path)

    def share_gradients(self):
        """Means over all processes."""
        for p in self.parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        flat = torch.cat([p.grad.flatten() for p in self.parameters])
        torch.distributed.all_reduce(flat)
        for p, g in zip(self.parameters, flat.div_(self.world).split([p.numel() for p in self.parameters])):
            p.grad.copy_(g.view_as(p))

    def rate(self):
        part = self.step / self.args.steps
        fall = 1.0 if part < self.flat else max(0.03, (1 - part) / (1 - self.flat))
        return self.args.lr * min(1.0, (self.step + 1) / self.warmup) * fall

    def averaged(self):
        """Within `with`: the modules have their averaged weights."""
        return _Averaged(self)

    def run(self, batch_loss, held_figures):
        """batch_loss(loop) -> (loss, {name: figure}); held_figures() -> text, called with averaged weights."""
        sums, begun, cpu_then, first = {}, time.time(), time.process_time(), self.step
        while self.step < self.args.steps:
            for group in (g for optimiser in self.optimisers for g in optimiser.param_groups):
                group["lr"] = self.rate()
            with torch.autocast(self.args.device, dtype=torch.bfloat16, enabled=self.autocast):
                loss, figures = batch_loss(self)
            for optimiser in self.optimisers:
                optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if self.world > 1:
                self.share_gradients()
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
            if not torch.isfinite(norm):
                raise SystemExit(f"step {self.step}: the gradient is {float(norm)}")
            for optimiser in self.optimisers:
                optimiser.step()
            self.step += 1
            rate = min(self.ema_rate, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                for n, m in self.modules.items():
                    for k, v in m.state_dict().items():
                        self.ema[n][k].lerp_(v, 1 - rate)
            for k, v in {**figures, "norm": norm}.items():
                total, count = sums.get(k, (0.0, 0))
                sums[k] = (total + float(torch.as_tensor(v).detach()), count + 1)
            if self.rank == 0 and (self.step % self.args.every == 0 or self.step == self.args.steps):
                self.cpu += time.process_time() - cpu_then
                cpu_then = time.process_time()
                with self.averaged(), torch.no_grad(), torch.autocast(self.args.device, dtype=torch.bfloat16, enabled=self.autocast):
                    held = held_figures()
                left = (time.time() - begun) / (self.step - first) * (self.args.steps - self.step) / 60
                print(f"{time.strftime('%H:%M:%S')} step {self.step} of {self.args.steps}, {left:.0f} min left, CPU {self.cpu / 60:.1f} min | "
                      + " ".join(f"{k} {total / count:.4f}" for k, (total, count) in sums.items()) + f" | held out: {held}", flush=True)
                sums = {}
                self.save()


class _Averaged:
    def __init__(self, loop):
        self.loop = loop

    def __enter__(self):
        self.own = {n: {k: v.clone() for k, v in m.state_dict().items()} for n, m in self.loop.modules.items()}
        for n, m in self.loop.modules.items():
            m.load_state_dict(self.loop.ema[n])

    def __exit__(self, *_):
        for n, m in self.loop.modules.items():
            m.load_state_dict(self.own[n])
