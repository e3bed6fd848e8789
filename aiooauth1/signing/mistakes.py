"""Names mistakes in signing, and undoes those that are made with a finished signature."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote


__all__ = ["SIGNATURE_MISTAKES", "Cause", "targets"]

_HEX_DIGEST = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})")


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake that, alone or with the others found, gives exactly the signature.

    Attributes:
        name: Its name, for programs.
        text: What was done, a sentence.
        remedy: What to do, a sentence.
    """

    name: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}"


SIGNATURE_MISTAKES = {
    "plus": Cause("signature_plus", "A + of the signature became a space.", "Percent-encode the signature."),
    "escaped": Cause("signature_encoded_twice", "The signature was percent-encoded once too often.",
                     "Encode it once, when it is written into header, query or form."),
    "ends": Cause("signature_white_space", "The signature begins or ends with white space.", "Strip it."),
    "lines": Cause("signature_white_space", "The signature has line breaks in it.",
                   "Encode to base64 without line breaks (in Python b64encode, not encodebytes)."),
    "hex": Cause("signature_hex", "The signature is hexadecimal.", "Encode the digest's bytes to base64."),
    "url_safe": Cause("signature_url_safe", "The signature is URL-safe base64, with - and _.",
                      "Use the standard base64 alphabet, with + and /."),
    "quotes": Cause("signature_quotes", "The signature has quotes around it.",
                    'Write oauth_signature="…" into the header, with one pair of quotes.'),
    "padding": Cause("signature_padding", "The = at the end of the signature is missing.", "Send it whole."),
}  # fmt: skip


def targets(signature: str) -> dict[str, Cause | None]:
    """Return the signatures that a text may stand for, each with the mistake that changed it, or None."""
    found: dict[str, Cause | None] = {signature: None}
    for kind, text in (
        ("plus", signature.replace(" ", "+")),
        ("escaped", unquote(signature)),
        ("ends", signature.strip()),
        ("lines", "".join(signature.split())),
        ("quotes", signature.strip("\"'")),
        ("padding", signature + "=" * (-len(signature) % 4)),
        ("url_safe", signature.replace("-", "+").replace("_", "/")),
        ("hex", _from_hex(signature)),
        ("hex", _from_hex(_from_base64(signature))),
    ):
        if text:
            found.setdefault(text, SIGNATURE_MISTAKES[kind])
    return found


def _from_hex(text: str) -> str:
    """Return base64 of a digest that is written in hexadecimal digits, else an empty string."""
    return base64.b64encode(bytes.fromhex(text)).decode() if _HEX_DIGEST.fullmatch(text) else ""


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        return ""
