"""`python -m didjack` is the command `didjack`."""

from didjack.cli import app

if __name__ == "__main__":
    app(prog_name="didjack")
