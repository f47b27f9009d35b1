"""Tables, figures and words: what people see of a result."""

from didjack.core.views import provide


def _provide() -> None:
    from didjack.display.views import register_views

    register_views()


provide(_provide)
