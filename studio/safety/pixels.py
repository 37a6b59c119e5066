"""Pixels as the studio uses them: upright, sRGB, 8 bit. It opens no file and never clips a deeper picture."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageCms

from studio.domain.errors import BadPicture

ORIENTATION = 0x0112  # the EXIF tag
_GREY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I", "F")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def srgb(picture: Image.Image) -> Image.Image:
    """Upright, sRGB, 8 bit; RGB, or RGBA where some pixel is not opaque."""
    profile = picture.info.get("icc_profile")
    turn = _UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    picture = _eight_bits(picture)
    alpha = None
    if picture.has_transparency_data:
        grey = picture.mode in _GREY  # stays grey for now: its profile is one of grey
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture = picture.getchannel("R") if grey else picture.convert("RGB")
    picture = _common(picture)
    picture = _from_profile(picture, profile).convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    picture = picture if turn is None else picture.transpose(turn)
    picture.info = {}  # no profile, text or orientation of the file may follow the pixels into something we write
    return picture  # converted above, so a picture of its own


def _common(picture: Image.Image) -> Image.Image:
    """In one of the modes that a profile is applied to: L, RGB or CMYK."""
    if picture.mode == "LAB":  # Pillow converts it by profiles alone
        lab = ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(picture, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is None:
            raise BadPicture("The colours of this picture cannot be read.")
        return converted
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert(_mode(picture))


def _mode(picture: Image.Image) -> str:
    return "L" if picture.mode in _GREY else picture.mode if picture.mode == "CMYK" else "RGB"


def _from_profile(picture: Image.Image, profile: object) -> Image.Image:
    """Convert by the ICC profile; one that does not fit the picture or cannot be read is ignored, as browsers do."""
    if not isinstance(profile, bytes) or not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if picture.mode == "RGB" and _is_srgb(source):
            return picture
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted if converted is not None else picture


def _is_srgb(source: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile leaves colours where they are. Measured on a cube of 512 colours: its name may lie."""
    steps = range(0, 256, 36)
    cube = Image.frombytes(
        "RGB", (512, 1), bytes(value for r in steps for g in steps for b in steps for value in (r, g, b))
    )
    converted = ImageCms.profileToProfile(cube, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return (
        converted is not None and max(abs(a - b) for a, b in zip(cube.tobytes(), converted.tobytes(), strict=True)) <= 2
    )


def has_strange_profile(picture: Image.Image) -> bool:
    """Whether the file has an ICC profile that we cannot apply; a browser might, and show what nobody checked."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return False
    mode = _mode(picture)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        ImageCms.profileToProfile(Image.new(mode, (1, 1)), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return True
    return False


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale deeper pixels to 8 bit; Pillow's own conversion would clip everything above 255 to white."""
    if not (picture.mode.startswith("I") or picture.mode == "F"):
        return picture
    import numpy as np  # here: the front imports this module and should stay quick

    values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        raise BadPicture("This picture holds values that are not numbers.")
    top = float(values.max(initial=0.0))
    if picture.mode.startswith("I;16"):
        white = 65_535.0
    elif picture.mode == "F" and top <= 1.0:
        white = 1.0
    else:  # the file does not say what white is: the smallest usual depth that holds the brightest pixel
        white = next(depth for depth in (255.0, 65_535.0, float(2**32), float("inf")) if top <= depth)
        white = top if white == float("inf") else white
    return Image.fromarray(np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8))
