"""Ways to damage a file, each by what it knows of the file's structure.

A mutator takes bytes and a generator of random numbers, makes one change, and gives bytes. What it
can't make sense of, as it is damaged already, it changes as bytes (`fuzz.mutators.raw`).
"""
