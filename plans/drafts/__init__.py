"""Files that somebody begins with: written from what they say, with comments on what else there is.

A draft reads answers as people write them and gives the text of a file, or of several that agree:
`problem`, and `rig` with its method and reaction (`choices` and `peaks` are parts of it). Another
kind of file is another class of `draft.Draft`.
"""
