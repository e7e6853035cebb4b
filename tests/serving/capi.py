"""A tiny client of TensorFlow's C API, the loader that TensorFlow Serving uses, by ctypes alone.

    python capi.py REQUEST REPLY

REQUEST and REPLY are pickles. REQUEST: {"libraries": the folder of the installed tensorflow,
"saved_model": a folder, "runs": [{"feeds": {tensor name: an array, or a list of bytes},
"fetches": [tensor names]}]}. REPLY: {"results": [[an array for each fetch] for each run],
"modules": the modules that this process imported}.
"""

import ctypes
import pathlib
import pickle
import sys

import numpy as np

TYPES = {1: np.float32, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
NUMBERS = {np.dtype(type_): number for number, type_ in TYPES.items()}
STRING = 7
STRING_BYTES = 24  # sizeof(TF_TString)

pointer = ctypes.c_void_p
SIGNATURES = {
    "TF_NewStatus": (pointer, []),
    "TF_GetCode": (ctypes.c_int, [pointer]),
    "TF_Message": (ctypes.c_char_p, [pointer]),
    "TF_NewGraph": (pointer, []),
    "TF_NewSessionOptions": (pointer, []),
    "TF_LoadSessionFromSavedModel": (
        pointer,
        [pointer, pointer, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int]
        + [pointer] * 3,
    ),
    "TF_GraphOperationByName": (pointer, [pointer, ctypes.c_char_p]),
    "TF_SessionRun": (
        None,
        [pointer, pointer]
        + [pointer, pointer, ctypes.c_int] * 2
        + [pointer, ctypes.c_int, pointer, pointer],
    ),
    "TF_AllocateTensor": (pointer, [ctypes.c_int, pointer, ctypes.c_int, ctypes.c_size_t]),
    "TF_TensorData": (pointer, [pointer]),
    "TF_TensorByteSize": (ctypes.c_size_t, [pointer]),
    "TF_TensorType": (ctypes.c_int, [pointer]),
    "TF_NumDims": (ctypes.c_int, [pointer]),
    "TF_Dim": (ctypes.c_int64, [pointer, ctypes.c_int]),
    "TF_StringInit": (None, [pointer]),
    "TF_StringCopy": (None, [pointer, ctypes.c_char_p, ctypes.c_size_t]),
}


class Output(ctypes.Structure):
    """TF_Output: an operation and the index of one of its outputs."""

    _fields_ = [("operation", pointer), ("index", ctypes.c_int)]


def load_library(folder: pathlib.Path) -> ctypes.CDLL:
    """TensorFlow's C API, with the types of the functions that are called here."""
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class SavedModel:
    """A SavedModel loaded for serving. Nothing is freed: the process ends soon."""

    def __init__(self, library: ctypes.CDLL, folder: str):
        self.library = library
        self.status = library.TF_NewStatus()
        self.graph = library.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = library.TF_LoadSessionFromSavedModel(
            library.TF_NewSessionOptions(),
            None,
            folder.encode(),
            tags,
            1,
            self.graph,
            None,
            self.status,
        )
        self.check()

    def check(self) -> None:
        """Raises where the last call failed."""
        if self.library.TF_GetCode(self.status):
            raise RuntimeError(self.library.TF_Message(self.status).decode())

    def outputs(self, names: list[str]) -> ctypes.Array:
        """The tensors with these names, as in operation:0."""
        found = []
        for name in names:
            operation, _, index = name.rpartition(":")
            found.append(
                Output(
                    self.library.TF_GraphOperationByName(self.graph, operation.encode()), int(index)
                )
            )
        return (Output * len(names))(*found)

    def run(self, feeds: dict[str, np.ndarray | list[bytes]], fetches: list[str]) -> list:
        """The arrays of `fetches` for these inputs."""
        values = (pointer * len(feeds))(*[self.tensor(value) for value in feeds.values()])
        results = (pointer * len(fetches))()
        self.library.TF_SessionRun(
            self.session,
            None,
            self.outputs(list(feeds)),
            values,
            len(feeds),
            self.outputs(fetches),
            results,
            len(fetches),
            None,
            0,
            None,
            self.status,
        )
        self.check()
        return [self.array(result) for result in results]

    def allocate(self, number: int, shape: tuple[int, ...], size: int) -> tuple[int, int]:
        """A new TF_Tensor and the address of its data."""
        sides = (ctypes.c_int64 * len(shape))(*shape)
        tensor = self.library.TF_AllocateTensor(number, sides, len(shape), size)
        return tensor, self.library.TF_TensorData(tensor)

    def tensor(self, value: np.ndarray | list[bytes]) -> int:
        """A TF_Tensor with the values of an array, or with strings."""
        if isinstance(value, list):
            tensor, data = self.allocate(STRING, (len(value),), STRING_BYTES * len(value))
            for position, text in enumerate(value):
                slot = data + STRING_BYTES * position
                self.library.TF_StringInit(slot)
                self.library.TF_StringCopy(slot, text, len(text))
            return tensor
        value = np.ascontiguousarray(value)
        tensor, data = self.allocate(NUMBERS[value.dtype], value.shape, value.nbytes)
        ctypes.memmove(data, value.ctypes.data, value.nbytes)
        return tensor

    def array(self, tensor: int) -> np.ndarray:
        """The values of a TF_Tensor."""
        library = self.library
        shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
        data = ctypes.string_at(library.TF_TensorData(tensor), library.TF_TensorByteSize(tensor))
        return np.frombuffer(data, TYPES[library.TF_TensorType(tensor)]).reshape(shape)


def main(request_path: str, reply_path: str) -> None:
    """Does what a request asks."""
    request = pickle.loads(pathlib.Path(request_path).read_bytes())
    model = SavedModel(load_library(pathlib.Path(request["libraries"])), request["saved_model"])
    reply = {
        "results": [model.run(each["feeds"], each["fetches"]) for each in request["runs"]],
        "modules": sorted(sys.modules),
    }
    pathlib.Path(reply_path).write_bytes(pickle.dumps(reply))


if __name__ == "__main__":
    main(*sys.argv[1:])
