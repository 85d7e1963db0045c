"""Parts of the finetune-causal-lm scripts.

`errors`, `cli`, `files`, `schema`, `spec`, `records`, `model_folder`, `units`, `survey` and `inspection` import neither
torch nor transformers, so that a bad spec, bad data or a broken model folder is refused in a fraction of a second. The
other modules are imported after those checks have passed.
"""
