# configs/fmmp_synth.py as the paper has it: the recurrence starts at the centre of the crop, there
# is no proposal and so nothing to warm up.
_base_ = '../../configs/fmmp_synth.py'

model = dict(head=dict(proposal=None))
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'ProposalWarmupHook']
