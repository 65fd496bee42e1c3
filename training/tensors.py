"""Safetensors files, read and written without another package."""
import json
import os
import struct

import torch

TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "BOOL": torch.bool, "I32": torch.int32, "I64": torch.int64}
NAMES = {v: k for k, v in TYPES.items()}


def load(path):
    """{name: tensor} of a file."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        base, out = f.tell(), {}
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                f.seek(base + begin)
                out[name] = torch.frombuffer(bytearray(f.read(end - begin)), dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return out


def save(path, tensors):
    """Writes the file whole or not at all."""
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors, key=lambda n: (-tensors[n].element_size(), n)):
        t = tensors[name].detach().cpu().contiguous()
        blob = (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(blobs)
    os.replace(path + ".part", path)


def prefixed(prefix, tensors):
    return {prefix + k: v for k, v in tensors.items()}
