# KAMP with a random triplet: what the choice is worth.
_base_ = 'ikl_livestock_cattle.py'

model = dict(triplets='random')
