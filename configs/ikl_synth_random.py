# KAMP with a random triplet: what the choice is worth.
_base_ = 'ikl_synth.py'

model = dict(triplets='random')
