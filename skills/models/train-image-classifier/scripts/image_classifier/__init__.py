"""Parts of the train-image-classifier scripts.

`errors`, `spec`, `folders`, `images` and `survey` import neither torch nor anything slow, so that a bad spec or bad
data is refused in a fraction of a second; the other modules are imported after those checks have passed.
"""
