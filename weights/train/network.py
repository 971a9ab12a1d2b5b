"""YOLOv8n for our classes as an Ultralytics model, with DySample (arXiv 2308.15085) for both upsampling layers."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.ops import batched_nms
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from labels import NAMES


class DySample(nn.Module):
    """Upsampling N,C,H,W -> N,C,sH,sW by bilinear sampling at learned offsets, style lp.

    Channel k of the offset map is ((d*G + g)*s + i)*s + j, with d = 0 for x and 1 for y. An offset of 1 in the map is a
    quarter of a source pixel.
    """

    def __init__(self, channels, scale=2, groups=4):
        super().__init__()
        assert channels % groups == 0
        self.scale, self.style, self.groups = scale, "lp", groups
        self.offset = nn.Conv2d(channels, 2 * groups * scale**2, 1)
        nn.init.normal_(self.offset.weight, std=0.001)
        nn.init.zeros_(self.offset.bias)

    def forward(self, x):
        n, c, h, w = x.shape
        s, groups = self.scale, self.groups
        offset = 0.25 * self.offset(x).view(n, 2, groups, s, s, h, w).permute(0, 2, 5, 3, 6, 4, 1)
        at = lambda count: (torch.arange(s * count, device=x.device, dtype=offset.dtype) + 0.5) / s  # in pixels
        centres = torch.stack(torch.meshgrid(at(w), at(h), indexing="xy"), -1).view(1, 1, h, s, w, s, 2)
        size = torch.tensor([w, h], device=x.device, dtype=offset.dtype)
        grid = ((offset + centres) * (2 / size) - 1).reshape(n * groups, s * h, s * w, 2)
        # grid_sample is fast on contiguous planes, whatever the memory format of the neighbouring layers
        planes = x.contiguous().view(n * groups, c // groups, h, w)
        out = F.grid_sample(planes, grid.to(x.dtype), "bilinear", "border", align_corners=False)
        return out.view(n, c, s * h, s * w).contiguous(memory_format=torch.channels_last)


def build(upsample="dysample", seed=0):
    """Returns the network with random weights. Names of rows and parameters are those of Ultralytics."""
    torch.manual_seed(seed)
    table = yaml_model_load("yolov8n.yaml") | {"nc": len(NAMES)}
    model = DetectionModel(table, ch=3, verbose=False)
    model.names = dict(enumerate(NAMES))
    if upsample == "dysample":
        channels = {10: model.model[9].cv2.conv.out_channels, 13: model.model[12].cv2.conv.out_channels}
        for i, old in enumerate(model.model):
            if isinstance(old, nn.Upsample):
                new = DySample(channels[i])
                new.i, new.f, new.type = old.i, old.f, "DySample"
                new.np = sum(p.numel() for p in new.parameters())
                model.model[i] = new
                model.yaml["head"][i - len(model.yaml["backbone"])][2:] = ["DySample", []]
    return model.to(memory_format=torch.channels_last)


def to_input(images, device="cpu"):
    """Converts BGR images of the same size to (N,3,H,W) RGB in 0..1, channels last."""
    x = torch.from_numpy(np.stack(images)[..., ::-1].copy()).to(device)
    return x.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def detections(model, images, conf=0.25, iou=0.7, most=300):
    """Returns for each of the images (all of the same size) boxes (N,4: x1,y1,x2,y2 in pixels), scores (N) and classes
    (N), after NMS per class. most: maximum number of boxes per image."""
    outputs = model(to_input(images, next(model.parameters()).device))[0]
    found = []
    for output in outputs.float().cpu():
        scores, classes = output[4:].max(0)
        keep = scores > conf
        centre, size = output[:2, keep].T, output[2:4, keep].T
        boxes, scores, classes = torch.cat([centre - size / 2, centre + size / 2], 1), scores[keep], classes[keep]
        best = batched_nms(boxes, scores, classes, iou)[:most]
        found.append((boxes[best], scores[best], classes[best]))
    return found
