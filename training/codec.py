"""What the codec's networks share: how latents sit in its wide representation."""
import torch

from training.echo_dit import LATENT

WIDTH = 192
CONSTANT = 6.0  # a channel that keeps the norms of quiet frames from blowing up what is small


def widened(latents):
    """(..., 80) -> (..., WIDTH): what pca_state.safetensors makes of latents."""
    z = torch.zeros(*latents.shape[:-1], WIDTH, device=latents.device)
    z[..., :LATENT] = latents
    z[..., LATENT] = CONSTANT
    return z


def pca_state():
    components, mean = torch.zeros(LATENT, WIDTH), torch.zeros(WIDTH)
    components[:, :LATENT] = torch.eye(LATENT)
    mean[LATENT] = CONSTANT
    return {"pca_components": components, "pca_mean": mean, "latent_scale": torch.ones(1)}
