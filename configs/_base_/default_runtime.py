default_scope = 'mmpose'
custom_imports = dict(imports=['kpt_plugins'], allow_failed_imports=False)

# All draws of a training run follow from this seed: episodes and their augmentation (unless the
# dataset has a seed of its own), shuffling, initial weights. Evaluation lists have a fixed seed.
randomness = dict(seed=0)

# hooks
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Few-shot scores; methods with other metrics name theirs.
    checkpoint=dict(
        type='SafeCheckpointHook', interval=1, max_keep_ckpts=2, save_best='model/mPCK'
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)

custom_hooks = [
    dict(type='EpisodeEpochHook'),
    dict(type='EpochSeedHook'),
    dict(type='NonFiniteLossHook'),
    # Mean of batch norm's statistics over the ranks, before every validation.
    dict(type='SyncBuffersHook'),
]

# processes
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

# logs
vis_backends = [
    dict(type='LocalVisBackend'),
    # dict(type='TensorboardVisBackend'),  # or: tools/train.py --tensorboard
]
visualizer = dict(type='Visualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'
load_from = None
resume = False
