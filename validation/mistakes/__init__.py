"""Mistakes seen in published code of this field, put back one at a time: a test must see each."""
