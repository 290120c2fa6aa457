import numpy as np
import pytest

from kpt_plugins.annotation_formats import losses, read_annotations, write_annotations

from .sample import assert_same, round_trip, sample, without, write_images

sio = pytest.importorskip('sleap_io')


def test_round_trip(tmp_path):
    expected = without(sample(), 'boxes', 'sizes')
    assert_same(round_trip(sample(), tmp_path / 'a.slp', 'sleap'), expected)
    images = write_images(tmp_path / 'images')
    found = round_trip(sample(), tmp_path / 'b.slp', 'sleap', images=images)
    assert_same(found, expected)
    with pytest.raises(ValueError, match='b.slp.*leads out'):
        read_annotations(tmp_path / 'b.slp')
    assert any('boxes of 3 of 3' in loss for loss in losses(sample(), 'sleap'))


def test_opens_in_sleap(tmp_path):
    images = write_images(tmp_path / 'images')
    write_annotations(sample(), tmp_path / 'a.slp', 'sleap', images)
    labels = sio.load_slp(str(tmp_path / 'a.slp'))
    assert labels.skeletons[0].node_names == sample().categories[0].keypoint_names
    assert labels.skeletons[0].edge_inds == [(0, 1), (0, 2)]
    assert labels.videos[0].exists() and labels.video[0].shape[:2] == (48, 64)
    [first] = labels.labeled_frames[0].instances
    assert isinstance(first, sio.PredictedInstance) and first.score == pytest.approx(0.8)
    np.testing.assert_array_equal(first.numpy()[0], [10.5, 20.25])
    assert np.isnan(first.numpy()[1]).all()


def video_labels(filename):
    """As SLEAP labels a video: a prediction, its correction, and a prediction of another animal."""
    skeleton = sio.Skeleton(['nose', 'tail'], edges=[('nose', 'tail')])
    video = sio.Video(filename=filename, open_backend=False)
    guess = sio.PredictedInstance.from_numpy(
        np.array([[9.0, 9], [9, 9]]), skeleton, np.array([0.2, 0.3]), 0.25
    )
    user = sio.Instance.from_numpy(np.array([[1.0, 2], [np.nan, np.nan]]), skeleton)
    user.from_predicted = guess
    other = sio.PredictedInstance.from_numpy(
        np.array([[5.0, 6], [7, 8]]), skeleton, np.array([0.5, 0.75]), 0.6
    )
    frame = sio.LabeledFrame(video=video, frame_idx=123, instances=[user, guess, other])
    return sio.Labels([frame])


@pytest.mark.parametrize('filename', ['/data/clips/clip 1.mp4', 'C:\\clips\\clip 1.mp4'])
def test_frames_of_a_video(tmp_path, filename):
    sio.save_slp(video_labels(filename), str(tmp_path / 'a.slp'), verbose=False)
    found = read_annotations(tmp_path / 'a.slp')
    [image] = found.images
    assert image.file_name == 'clip 1/000123.png'
    one, two = image.instances
    np.testing.assert_allclose(one.keypoints, [[1, 2, 2], [0, 0, 0]])
    np.testing.assert_allclose(two.keypoints, [[5, 6, 2], [7, 8, 2]])
    np.testing.assert_allclose(two.scores, [0.5, 0.75])
    assert one.scores is None and found.categories[0].skeleton == [(0, 1)]


@pytest.mark.parametrize('keep', [0, 8, 100, 3000])
def test_broken_files(tmp_path, keep):
    write_annotations(sample(), tmp_path / 'a.slp', 'sleap')
    content = (tmp_path / 'a.slp').read_bytes()
    (tmp_path / 'a.slp').write_bytes(content[:keep])
    with pytest.raises(ValueError, match='a.slp'):
        read_annotations(tmp_path / 'a.slp', 'sleap')


def test_other_hdf5(tmp_path):
    import h5py

    with h5py.File(tmp_path / 'a.slp', 'w') as file:
        file['x'] = [1]
    with pytest.raises(ValueError, match='a.slp.*sleap-io'):
        read_annotations(tmp_path / 'a.slp')


def test_name_of_the_file(tmp_path):
    with pytest.raises(ValueError, match='ends in .slp'):
        write_annotations(sample(), tmp_path / 'a.h5', 'sleap')


def test_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'sleap_io', None)
    with pytest.raises(ImportError, match=r"sleap_io.*pip install 'kpt_plugins\[formats\]'"):
        write_annotations(sample(), tmp_path / 'a.slp', 'sleap')
