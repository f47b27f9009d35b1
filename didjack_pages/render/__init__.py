"""The report site: Quarto where it is installed, else pandoc with the same look and checks."""

from didjack_pages.render.build import SiteResult, build_site

__all__ = ["SiteResult", "build_site"]
