"""Group-time effects and their averages."""

from didjack.effects.aggregate import Aggregate, aggte
from didjack.effects.attgt import ATTgt
from didjack.effects.group_time import att_gt
from didjack.effects.joint import Joint

__all__ = ["ATTgt", "Aggregate", "Joint", "aggte", "att_gt"]
