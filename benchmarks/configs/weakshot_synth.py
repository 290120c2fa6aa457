# Weak-shot on the synthetic set with a backbone that starts from a few-shot model of the same base
# categories (weakshot_runs.py gives the checkpoint); its batch norms keep their statistics, since
# those of a batch would mix base and novel categories.
_base_ = '../../configs/weakshot_synth.py'

model = dict(backbone=dict(norm_cfg=dict(_delete_=True, type='BN'), norm_eval=True))
