"""How fast is it? Ratios between contenders measured in one run on one machine: ``python -m bench``."""
