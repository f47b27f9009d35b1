"""From the frame of a user to coded data and cells, with a ledger of what was left out."""
