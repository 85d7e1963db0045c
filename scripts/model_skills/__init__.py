"""Building the generated files of the TAO model skills from facts and overlays."""
