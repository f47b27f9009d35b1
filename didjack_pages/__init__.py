"""The pages of didjack: notebooks over the catalog, front page, course, reference, rendering."""
