"""What users hand over as data, as one pandas DataFrame: the only place that knows of others.

Frames of other libraries come through Arrow's stream protocol (``__arrow_c_stream__``), which
polars, pyarrow and DuckDB speak. So none of them is a dependency, and neither is a library that
would stand between: pyarrow alone is needed, and only where such a frame is handed over.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from didjack.errors import DataError
from didjack.extras import optional_imports
from didjack.sample import checks


def as_frame(data: Any) -> pd.DataFrame:
    """Return data as a DataFrame with rows, distinct columns, and levels of the index as columns.

    Parameters
    ----------
    data : DataFrame, or a frame of polars, pyarrow or DuckDB
        Is not modified. Numbers without missing values are shared, not copied, where Arrow holds
        them in one piece; so are the columns of a pandas frame.

    Raises
    ------
    DataError
        It is no frame, has no rows, or two columns of one name.
    MissingExtraError
        It is a frame of another library, and pyarrow is not installed.
    """
    if not isinstance(data, pd.DataFrame) and hasattr(data, "__arrow_c_stream__"):
        data = _from_arrow(data)
    if hasattr(data, "collect") and not isinstance(data, pd.DataFrame):
        raise DataError(f"data is a {type(data).__name__}, not computed yet. Pass data.collect().")
    checks.require_frame(data)
    return _with_index_levels(data)


def _from_arrow(data: Any) -> pd.DataFrame:
    with optional_imports():
        import pyarrow
    try:
        table = pyarrow.RecordBatchReader.from_stream(data).read_all()
        return table.to_pandas(split_blocks=True, ignore_metadata=True, date_as_object=False)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"data is a {type(data).__name__} that pyarrow cannot read as a table: {error}. Pass a "
            "pandas DataFrame."
        ) from error


def _with_index_levels(data: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with named levels of its index as columns, rows still labelled by them."""
    index = data.index
    levels = [name for name in index.names if name is not None and name not in data.columns]
    if not levels:
        return data
    data = data.copy(deep=False)
    for place, name in enumerate(index.names):
        if name not in levels:
            continue
        data[name] = index.get_level_values(place)
    data.index = index.to_flat_index().rename(None)  # a name twice would be ambiguous
    return data
