from torch.utils.data import ConcatDataset, Dataset

from kpt_plugins.engine import EpisodeEpochHook

from .toy import ToyDataset, toy_runner


class Wrapper(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


def train(work_dir, dataset, **kwargs):
    runner = toy_runner(work_dir, hooks=[EpisodeEpochHook()], dataset=dataset, **kwargs)
    runner.train()
    # The runner copies what it is given.
    return runner.train_dataloader.dataset


def test_every_epoch_is_passed_on(tmp_path):
    assert train(tmp_path, ToyDataset(), max_epochs=3).epochs == [0, 1, 2]


def test_datasets_inside_wrappers(tmp_path):
    inside = ConcatDataset([Wrapper(ToyDataset(2)), ToyDataset(2)])
    first, second = train(tmp_path, Wrapper(inside), max_epochs=2).dataset.datasets
    assert first.dataset.epochs == second.epochs == [0, 1]


def test_resumed_run_goes_on_counting(tmp_path):
    toy_runner(tmp_path, max_epochs=2).train()
    assert train(tmp_path, ToyDataset(), max_epochs=4, resume=True).epochs == [2, 3]
