# The protocol on cattle with the base step of the comparison.
_base_ = '../../configs/ikl_livestock_cattle.py'

base_config = 'ikl_livestock_cattle_step0.py'
