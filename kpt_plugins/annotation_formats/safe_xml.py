"""Parsing XML that nobody has checked."""

from __future__ import annotations

from xml.etree import ElementTree


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a DTD before it is read: entities, which can grow without limit, stand in it."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError(f'a document type declaration ({name}), expected XML without one')


def parse_xml(text: bytes | str) -> ElementTree.Element:
    """Root element of an XML document without a DTD.

    Raises:
        ValueError: If it is not XML, or has a DTD.
    """
    try:
        return ElementTree.fromstring(text, ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, LookupError) as error:
        raise ValueError(f'not XML: {error}') from error
