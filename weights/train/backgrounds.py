"""Backgrounds of training images."""
from photos import cutout, photo, place
from textures import texture


def ground(rng, height, width):
    """Returns a background, (H,W,3) uint8: a photo, a texture, or a texture with cut-out objects on it."""
    kind = rng.random()
    if kind < 0.3:
        return photo(rng, height, width)
    image = texture(rng, height, width)
    if kind < 0.4:
        for _ in range(rng.integers(1, 4)):
            place(rng, image, cutout(rng), rng.uniform(0.15, 0.6) * min(height, width))
    return image
