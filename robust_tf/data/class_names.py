"""The names of the labels of the data sets that do not carry them in their files."""

from pathlib import Path

DIGITS = tuple("0123456789")

FASHION_MNIST = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CIFAR10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

STL10 = tuple("airplane bird car cat deer dog horse monkey ship truck".split())

CIFAR100 = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()
)

# ILSVRC2012's classes in the order of their WordNet ids, which is that of every published network;
# the names are torchvision's, all different (134 is the crane that is a bird, 517 the other).
_IMAGENET = Path(__file__).with_name("imagenet_classes.txt").read_text().splitlines()
IMAGENET_WNIDS, IMAGENET = zip(*(line.split(" ", 1) for line in _IMAGENET), strict=True)
