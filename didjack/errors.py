"""The errors that didjack raises, one class per kind of remedy, and its warnings."""

from __future__ import annotations


class DidjackError(Exception):
    """Base class: catching it catches every error that didjack raises on purpose."""


class DataError(DidjackError, ValueError):
    """The data cannot be used as they are; the message names column, rows and remedy."""


class DesignError(DidjackError, ValueError):
    """The data are readable, but this design leaves nothing to estimate."""


class ChecksumError(DidjackError):
    """A file is not the one that the catalog describes."""


class DatasetUnavailable(DidjackError):  # noqa: N818 - it names a state, not a fault
    """A dataset that may not be redistributed is neither at hand nor to be downloaded."""


class MissingExtraError(DidjackError, ImportError):
    """A package of an extra is not installed; the message is the command that installs it."""


class ReportError(DidjackError):
    """A page cannot be planned or executed."""


class OutputError(DidjackError):
    """A file must not or cannot be written where it was asked for; nothing was changed."""


class LockedError(DidjackError):
    """Another run is writing into the same folder."""


class SiteError(DidjackError):
    """The site cannot be rendered, or contains unresolved references or dead links."""


class DidjackWarning(UserWarning):
    """Something changes the estimate or voids the inference; all warnings of didjack are of it.

    ``warnings.filterwarnings("ignore", category=didjack.DidjackWarning)`` silences them. What they
    say stays in `warnings` of every result.
    """


class SlowWarning(DidjackWarning):
    """Work is expected to take more than ten seconds; the message says how long."""


class FewTreatedWarning(DidjackWarning):
    """A p-value rests on so few treated clusters that it is too small, or is withheld."""


class DataWarning(DidjackWarning):
    """The data can be used, but something in them may not be meant; the message says what."""
