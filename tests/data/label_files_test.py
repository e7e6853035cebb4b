import pytest

from robust_tf.data.label_files import TARGET, ClassFile
from robust_tf.errors import InputError


def classes(tmp_path, text: str, *names: str, **options) -> list[int]:
    """What a file of this text says of images, of ten classes."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return ClassFile(path, 10, **options).of([tmp_path / name for name in names]).tolist()


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a.png,0\nb,9\n", {}, [0, 9]),
        ("filename,class\nb.png,10\n\na.png,1\n", {"offset": 1}, [0, 9]),
        ("image_id,label,target\na,3,4\nb,5,6\n", {}, [3, 5]),
        ("image_id,label,target\na,3,4\nb,5,6\n", {"wanted": TARGET, "offset": 1}, [4, 6]),
        ("ImageId,URL,TrueLabel,TargetClass\na,x,1,2\nb,y,10,9\n", {}, [0, 9]),
        ("ImageId,URL,TrueLabel,TargetClass\na,x,1,2\nb,y,10,9\n", {"wanted": TARGET}, [1, 8]),
        ('\ufeffa.JPEG, 4\n"b.png",5\n', {}, [4, 5]),
    ],
)
def test_every_form_of_table(text, options, expected, tmp_path):
    assert classes(tmp_path, text, "a.png", "b.jpg", **options) == expected


def test_names_may_hold_anything(tmp_path):
    text = '"a,b.png",1\nü ü.png,2\nimage.v2.png,3\n'
    assert classes(tmp_path, text, "a,b.png", "ü ü.png", "image.v2.png") == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,1\n", {}, "has no class for b.png (1 of 2 images have none); expected one for each."),
        ("a,1\nb,10\n", {}, "gives b the class 10; expected 0 to 9"),
        ("a,0\nb,1\n", {"offset": 1}, "gives a the class 0; expected 1 to 10"),
        ("ImageId,TrueLabel\na,0\n", {}, "gives a the class 0; expected 1 to 10"),
        ("a,1\nb,two\n", {}, "Line 2 of"),
        ("a,1\nb\n", {}, "is 'b'; expected NAME,LABEL"),
        ("a,1\nb,-1\n", {}, "is 'b,-1'; expected NAME,LABEL"),
        ("a,1\nb,1\na.png,2\n", {}, "gives a.png two classes; expected one."),
        (
            "image_id,label\na,1\n",
            {"wanted": TARGET},
            "has no column target; expected",
        ),
        ("", {}, "has no class for a.png (2 of 2"),
    ],
)
def test_what_is_wrong_gets_a_sentence(text, options, sentence, tmp_path):
    with pytest.raises(InputError) as error:
        classes(tmp_path, text, "a.png", "b.png", **options)
    assert sentence in str(error.value)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
