"""The reference pages of the site, written from docstrings and from the help of the command."""

from __future__ import annotations

from didjack_pages.reference.groups import GROUPS, ReferenceGroup
from didjack_pages.reference.pages import group_markdown

__all__ = ["GROUPS", "ReferenceGroup", "group_markdown"]
