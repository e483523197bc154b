"""The kinds of documents of legal authority."""

from services.release.domain.problem_codes import Code
from shared.core.errors import UnsupportedMedia

# The first bytes of a document determine its type, not the header of the request.
MAGIC = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}


def media_type_of(content: bytes) -> str:
    """Return the media type of a document by its first bytes. Raises: UnsupportedMedia for any other kind."""
    for magic, media_type in MAGIC.items():
        if content.startswith(magic):
            return media_type
    raise UnsupportedMedia(Code.DOCUMENT_KIND_UNKNOWN)
