"""Writes a model directory in the published layout:  python3 -m training.export DATA OUT [--codec MODEL_DIR] [--dit CHECKPOINT...] [--mean-with MODEL_DIR]"""
import argparse
import os

import torch

from training import tensors
from training.codec import pca_state
from training.echo_dit import SMALL, EchoDiT
from training.s1_dac import Decoder, Encoder, published


def averaged(path, name):
    return torch.load(path, map_location="cpu")["ema"][name]


def codec(data):
    """The trained halves and the quantiser."""
    decoder, encoder = Decoder(), Encoder()
    decoder.load_state_dict(averaged(f"{data}/decoder.pt", "decoder"))
    encoder.load_state_dict(averaged(f"{data}/encoder.pt", "encoder"))
    return {**published(decoder), **published(encoder), **tensors.load(f"{data}/codebooks.safetensors")}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data")
    p.add_argument("out")
    p.add_argument("--dit", nargs="+", help="checkpoints, of which the mean is taken; DATA/dit.pt without it")
    p.add_argument("--codec", help="a model directory whose codec is kept")
    p.add_argument("--mean-with", help="a model directory that training went on from: its weights are one more part of the mean, those that it has")
    p.add_argument("--float32", action="store_true", help="the transformer as it was trained, twice as large")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    dit = EchoDiT(SMALL)
    states = [averaged(path, "dit") for path in a.dit or [f"{a.data}/dit.pt"]]
    if a.mean_with:
        states.append({k: v.float() for k, v in tensors.load(a.mean_with + "/dit.safetensors").items()})
    parts = {k: [s[k] for s in states if k in s] for k in states[0]}
    dit.load_state_dict({k: sum(v) / len(v) for k, v in parts.items()})
    kind = torch.float32 if a.float32 else torch.bfloat16
    files = {"dit": {k: v.to(kind) for k, v in dit.state_dict().items()},
             "dac": tensors.load(a.codec + "/dac.safetensors") if a.codec else codec(a.data), "pca_state": pca_state()}
    matrix = lambda k, v: v.dtype == torch.float32 and v.ndim > 1 and "codebook" not in k and "original0" not in k
    files["dac"] = {k: v.bfloat16() if matrix(k, v) else v for k, v in files["dac"].items()}
    for name, content in files.items():
        tensors.save(f"{a.out}/{name}.safetensors", content)
        print(f"{name}: {sum(v.numel() for v in content.values()) / 1e6:.2f} million parameters, "
              f"{os.path.getsize(f'{a.out}/{name}.safetensors') / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
