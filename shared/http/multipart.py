"""Handles a multipart form while it is parsed: the headers of each field, its data and its end."""

from abc import ABC, abstractmethod
from typing import Any


class MultipartCallbacks(ABC):
    """The callbacks of python-multipart; a subclass handles the fields."""

    def __init__(self) -> None:
        self.ended = False
        """Whether the form's last boundary was read; a truncated form has none."""

        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""

    def callbacks(self) -> Any:
        """Return the callbacks of `MultipartParser`, a dictionary type of a package that only some services have."""
        return {
            "on_part_begin": self._on_begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": lambda: self.field_named(self._disposition),
            "on_part_data": lambda data, start, end: self.field_data(data[start:end]),
            "on_part_end": self.field_ended,
            "on_end": self._on_end,
        }

    @abstractmethod
    def field_begun(self) -> None:
        """Begin a field."""

    @abstractmethod
    def field_named(self, disposition: bytes) -> None:
        """Handle a field's Content-Disposition: its name, and whether it is a file."""

    @abstractmethod
    def field_data(self, data: bytes) -> None:
        """Add to the content of the field."""

    @abstractmethod
    def field_ended(self) -> None:
        """End the field."""

    def _on_begin(self) -> None:
        self._disposition = b""
        self.field_begun()

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_end(self) -> None:
        self.ended = True
