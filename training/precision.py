"""The number format in which the networks compute while they are trained."""

import torch


def halved() -> torch.autocast:
    """Compute convolutions and products in bfloat16 inside this context, where the processor has instructions for it.

    On a processor without AVX-512 PyTorch imitates the format, and a step takes many times as long as in 32 bits.
    """
    return torch.autocast("cpu", torch.bfloat16, enabled=is_native())


def is_native() -> bool:
    """Whether the processor's convolutions in bfloat16 are computed and not imitated."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
