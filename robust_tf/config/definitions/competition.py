"""Flags of the competitions: predict, perturb, and evaluate --protocol=caad."""

from absl import flags

from robust_tf import attack_names
from robust_tf.config import kinds

kinds.name("input_dir", None, "folder of the .png and .jpg images that predict or perturb takes")
kinds.name("output_file", None, "file for predict's lines, NAME,LABEL for each image")
kinds.name("output_dir", None, "folder for perturb's images, PNG files of the same names")
kinds.count(
    "max_epsilon",
    None,
    "levels of 255 that a pixel is moved by at most (16); with --protocol=caad those that the "
    "attackers were allowed (32)",
    low=1,
    high=255,
)
kinds.checked(
    "attack",
    attack_names.parse_for_validation,
    "how perturb attacks, by one of the names of --attacks (pgd-20)",
)
kinds.name(
    "targets",
    None,
    "file of NAME,CLASS lines that perturb leads to, or none (target_class.csv, where it is in "
    "--input_dir)",
)
kinds.name(
    "labels",
    None,
    "file of the images' classes: NAME,LABEL lines, or a table that begins with image_id,label or "
    "ImageId,TrueLabel, the latter counted from 1 (for perturb: what the model says itself)",
)
kinds.count(
    "label_offset", 0, "number of the first class in files of NAME,LABEL lines: 0 or 1", high=1
)
kinds.choice(
    "protocol",
    "attacks",
    ("attacks", "caad"),
    "attacks runs --attacks on --dataset; caad judges the images in --attacked_dirs by --labels",
)
flags.DEFINE_list("attacked_dirs", None, "folders of attacked images, one an attacker")
