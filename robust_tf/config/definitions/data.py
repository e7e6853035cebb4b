"""Flags of data sets and how they are read."""

from robust_tf.config import kinds
from robust_tf.config.defaults import BY_DATASET

kinds.choice("dataset", "digits", tuple(BY_DATASET), "what to train on and to evaluate on")
kinds.name("data_dir", None, "folder with the data sets in their official layout or as NAME.npz")
kinds.count("image_size", None, "resizes images to this many pixels square (by data set)", low=1)
kinds.count("channels", None, "1 or 3; 3 repeats grey three times (by data set)", low=1)
kinds.count("examples", None, "evaluate on the first N of the test split (all of it)", low=1)
kinds.count("per_class", None, "train on the first N images of each class (all)", low=1)
kinds.choice(
    "augment",
    "auto",
    ("auto", "none", "flip", "crop", "crop_flip", "imagenet"),
    "training augmentation; auto is by data set",
)
kinds.choice(
    "crop",
    None,
    ("none", "center", "whole"),
    "what an image is resized to fit with: none is the whole of it, squeezed; center the centre of "
    "the image whose shortest edge is 256 where the network takes 224; whole all of it, by the "
    "same cubic interpolation (by data set; whole for center in folders of a competition)",
)
kinds.count("data_processes", None, "processes that decode and augment (by data set and cores)")
kinds.number(
    "holdout",
    None,
    "share of the training images held out to choose the best network (by data set)",
    high=0.5,
)
