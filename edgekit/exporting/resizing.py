"""Pictures of any size made those a network was trained on, inside the graph: resized, then cropped. Imports torch.

The resampling is bilinear with antialiasing, in float32 and without rounding: the triangle filter that Pillow's
`Image.resize(..., BILINEAR)` and torchvision's `Resize` use, which round to whole levels besides. Four pictures of 101
to 640 pixels, made 64 to 300 high, differ from Pillow's by at most 1.0 of 255 levels and by 0.18 to 0.29 on average;
without antialiasing, as cv2 resizes, it would be up to 138. The crop is torchvision's `CenterCrop`. The legacy tracer
knows no such operator, so that the rungs before it must pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from edgekit.errors import UsageError

_RESAMPLING = "bilinear, antialiased, not rounded"


@dataclass(frozen=True)
class Resizing:
    """`resize`: (shorter side,), the ratio kept, or (height, width); `crop`: (height, width) of the middle; or empty.

    The longer side is cut to whole pixels.
    """

    resize: tuple[int, ...] = ()
    crop: tuple[int, ...] = ()

    @classmethod
    def read(cls, resize: str = "", crop: str = "") -> Resizing:
        """Read "256" or "240x320" for each; UsageError where that is no size, or there is less left than the crop."""
        size, part = _read("resize", resize), _read("crop", crop)
        part = part * 2 if len(part) == 1 else part
        least = size * 2 if len(size) == 1 else size
        if least and part and any(inner > outer for inner, outer in zip(part, least, strict=True)):
            raise UsageError(
                f"a crop of {'x'.join(map(str, part))} is larger than what {resize} leaves", "crop less, or resize less"
            )
        return cls(size, part)

    @staticmethod
    def asked(preprocessing: Mapping[str, Any]) -> dict[str, str]:
        """Return what `read` was given of a manifest's `preprocessing`, as `said` wrote it."""
        sides = [side for side in preprocessing.get("resize", {}).values() if isinstance(side, int)]
        texts = {"resize": sides, "crop": preprocessing.get("crop", ())}
        return {name: "x".join(map(str, each)) for name, each in texts.items() if each}

    def __bool__(self) -> bool:
        return bool(self.resize or self.crop)

    def likely(self) -> tuple[int, int]:
        """Return the ends between which a side of a picture may be, where nobody says: both odd, up- and downscaled."""
        if not self.resize:
            return (max(self.crop) | 1), 2 * max(self.crop) + 1
        return max(min(self.resize) // 2 | 1, 3), 2 * max(self.resize) + 3

    def said(self) -> dict[str, Any]:
        """Say for the manifest what is done."""
        told: dict[str, Any] = {}
        if self.resize:
            names = ("shorter_side",) if len(self.resize) == 1 else ("height", "width")
            told["resize"] = dict(zip(names, self.resize, strict=True)) | {"resampling": _RESAMPLING}
        return told | ({"crop": list(self.crop)} if self.crop else {})

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """Resize and crop float pictures (N, C, H, W)."""
        if self.resize:
            size: Any = self.resize
            if len(size) == 1:
                (side,), (height, width) = size, x.shape[-2:]
                shorter = torch.sym_min(height, width)  # type: ignore[no-untyped-call]
                size = height * side // shorter, width * side // shorter
            x = functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
        for axis, side in enumerate(self.crop, start=2):
            # Places are gathered, for a slice of a size that is computed makes exporters ask how large it is.
            spare = x.shape[axis] - side
            begin = (spare + spare // 2 % 2) // 2  # half of it, and halves to the even number
            x = x.index_select(axis, torch.arange(side, device=x.device) + begin)
        return x


def _read(what: str, text: str) -> tuple[int, ...]:
    found = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text.strip()) if text else None
    if text and not found:
        raise UsageError(f'--{what} "{text}" is no size', f"write it as --{what} 224, or --{what} 240x320")
    return tuple(int(side) for side in found.groups() if side) if found else ()
