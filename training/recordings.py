"""The teacher's own recordings with their latents, for the codec's encoder:
    ./teacher VOICE wave < TEXTS | python3 -m training.recordings DATA VOICE      (writes DATA/VOICE.recordings.npz)"""
import sys

import numpy as np
from scipy.signal import resample_poly

from training.latents import Space
from training.retime import clean
from training.trajectories import FRAME, on_grid, records
from training.vocoder import FRAME as SAMPLES, RATE


def main(data_dir, voice):
    space, waves, latents, lengths = Space(f"{data_dir}/space.npz"), [], [], []
    for _, data, segments, wave in records(sys.stdin.buffer, waves=True):
        grid = on_grid(data, segments)
        if grid is None:
            continue
        feats, inside, start = grid
        audio, n = resample_poly(wave.astype(np.float32) / 32768, 441, 160), len(inside) // 4
        first = int(round(start * RATE))
        padded = np.concatenate([np.zeros(max(-first, 0)), audio[max(first, 0):], np.zeros(SAMPLES * n)])[:SAMPLES * n]
        waves.append((padded.clip(-1, 1) * 32767).astype(np.int16))
        latents.append(space.encode(clean(feats), inside).astype(np.float16))
        lengths.append(n)
    np.savez(f"{data_dir}/{voice}.recordings.npz", waves=np.concatenate(waves), latents=np.concatenate(latents), lengths=np.array(lengths))
    print(f"{voice}: {len(lengths)} recordings, {sum(lengths) * FRAME / 60:.0f} minutes")


if __name__ == "__main__":
    main(*sys.argv[1:])
