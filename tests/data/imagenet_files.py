"""Small folders in the layouts of ILSVRC2012 and of the NIPS 2017 images."""

import io

from PIL import Image

from robust_tf.data.class_names import IMAGENET_WNIDS


def encoded(level, file_format="JPEG", mode="RGB", size=(20, 16)):
    """An image file of one colour."""
    image = Image.new("RGB", size, (level, level, level)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, file_format)
    return buffer.getvalue()


def write_train(folder, labels=(0, 2, 999), each=2):
    """train/WNID/*.JPEG; the levels count from 10 on by tens, in the order of the classes."""
    level = 0
    for label in labels:
        wnid = IMAGENET_WNIDS[label]
        (folder / "train" / wnid).mkdir(parents=True)
        for i in range(each):
            level += 10
            (folder / "train" / wnid / f"{wnid}_{i}.JPEG").write_bytes(encoded(level))


def write_val(folder, count=3):
    """val/ILSVRC2012_val_0000000N.JPEG; the levels count from 10 on by tens."""
    (folder / "val").mkdir(parents=True)
    for i in range(1, count + 1):
        (folder / "val" / f"ILSVRC2012_val_{i:08d}.JPEG").write_bytes(encoded(10 * i))


def levels(examples):
    """The level of each image."""
    return [int(examples.image(i)[0, 0, 0]) for i in range(len(examples))]
