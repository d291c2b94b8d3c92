"""navigator.getUserMedia for Linux, from Python: libusermedia.so by ctypes.

    import usermedia

    with usermedia.get_user_media({"video": {"width": {"max": 1280}}}) as stream:
        for frame in stream.frames():
            with frame:  # lent until the end of this block
                print(frame.sequence, frame.array().shape)

`Frame.array()` (numpy) and `Frame.plane()` are the driver's own memory, read-only, not to be used after the frame's release.
"""
import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ubyte, c_uint, c_uint32, c_uint64, c_void_p

RGB, RGBA, BGRA, I420, NV12 = range(5)
_OK, _AGAIN = 0, 1
_lib = ctypes.CDLL(os.environ.get("USERMEDIA_LIBRARY", "libusermedia.so.0"))


class _Plane(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t), ("stride", c_size_t), ("rows", c_size_t)]


def _declare(result, functions):
    for name, *arguments in functions:
        function = getattr(_lib, "usermedia_" + name)
        function.restype, function.argtypes = result, arguments


_handle, _out = c_void_p, POINTER(c_void_p)
_declare(c_int, [("get_user_media", c_char_p, c_uint, _out), ("enumerate_devices", c_uint, _out), ("error_errno",),
                 ("stream_settings", _handle, _out), ("stream_video_fd", _handle, POINTER(c_int)),
                 ("stream_apply_constraints", _handle, c_char_p),
                 ("next_frame", _handle, c_int, _out), ("frame_plane", _handle, c_size_t, POINTER(_Plane)),
                 ("frame_is_copied", _handle), ("frame_convert", _handle, c_uint, c_void_p, c_size_t, c_size_t)])
_declare(c_uint32, [("frame_width", _handle), ("frame_height", _handle), ("frame_fourcc", _handle)])
_declare(c_uint64, [("frame_timestamp", _handle), ("frame_sequence", _handle)])
_declare(c_size_t, [("frame_plane_count", _handle), ("frame_converted_size", _handle, c_uint, c_size_t)])
_declare(c_char_p, [("error_name",), ("error_message",), ("error_remedy",), ("error_constraint",), ("stream_muted", _handle)])
_declare(None, [("free", c_void_p), ("stream_close", _handle), ("frame_release", _handle)])


class Error(Exception):
    """What went wrong: `name` as the specification has it; `remedy`, `constraint`, `errno` where there are any."""

    def __init__(self):
        texts = [getattr(_lib, "usermedia_error_" + part)() for part in ("name", "message", "remedy", "constraint")]
        self.name, self.message, self.remedy, self.constraint = [text and text.decode() for text in texts]
        self.errno = _lib.usermedia_error_errno() or None
        super().__init__(f"{self.name}: {self.message}" + (f" ({self.remedy})" if self.remedy else ""))


def _check(status):
    if status < 0:
        raise Error()
    return status


def _text(function, argument):
    _check(function(argument, byref(pointer := c_void_p())))
    text = ctypes.string_at(pointer).decode()
    _lib.usermedia_free(pointer)
    return text


def enumerate_devices(synthetic=False):
    """The cameras and microphones."""
    return json.loads(_text(_lib.usermedia_enumerate_devices, int(synthetic)))["devices"]


def get_user_media(constraints, synthetic=False):
    """A Stream that meets the constraints, a dictionary of either dialect; Error otherwise."""
    constraints = json.dumps(constraints).encode()
    _check(_lib.usermedia_get_user_media(constraints, int(synthetic), byref(handle := c_void_p())))
    return Stream(handle)


class _Handle:
    def __init__(self, handle):
        self._handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        """Gives it back: a frame's buffer to the driver, a stream's devices to other programs."""
        self._handle = self._release(self._handle)


class Stream(_Handle):
    _release = _lib.usermedia_stream_close

    def settings(self):
        """What its tracks were given: {"video": {...}, "audio": None}."""
        return json.loads(_text(_lib.usermedia_stream_settings, self._handle))

    def apply_constraints(self, video):
        """Asks its camera for something else; Error, and nothing changes, where that cannot be."""
        _check(_lib.usermedia_stream_apply_constraints(self._handle, json.dumps(video).encode()))

    def fileno(self):
        """A descriptor that gets readable when frames come, until one more is asked for than there are (timeout=0)."""
        _check(_lib.usermedia_stream_video_fd(self._handle, byref(fd := c_int())))
        return fd.value

    def next_frame(self, timeout=None):
        """The next Frame, None at the track's end; TimeoutError where none came within `timeout` seconds."""
        handle, limit = c_void_p(), -1 if timeout is None else int(timeout * 1000)
        status = _check(_lib.usermedia_next_frame(self._handle, limit, byref(handle)))
        if status == _AGAIN:
            raise TimeoutError((_lib.usermedia_stream_muted(self._handle) or b"no frame in time").decode())
        return Frame(handle) if status == _OK else None

    def frames(self):
        """Frame after Frame until the track ends. Release each."""
        return iter(self.next_frame, None)


class Frame(_Handle):
    _release = _lib.usermedia_frame_release

    def __init__(self, handle):
        super().__init__(handle)
        for name in "width", "height", "fourcc", "sequence", "timestamp", "is_copied", "plane_count":
            setattr(self, name, getattr(_lib, "usermedia_frame_" + name)(handle))
        self.fourcc = self.fourcc.to_bytes(4, "little").decode("latin-1")

    def plane(self, index=0):
        """(memoryview, stride, rows) of a colour plane, not copied."""
        _check(_lib.usermedia_frame_plane(self._handle, index, byref(plane := _Plane())))
        data = memoryview((c_ubyte * plane.length).from_address(plane.data)).cast("B")
        return data.toreadonly(), plane.stride, plane.rows

    def array(self, index=0):
        """A colour plane as a numpy array of rows and bytes, not copied; of a compressed frame, its bytes."""
        import numpy
        view, stride, rows = self.plane(index)
        data = numpy.frombuffer(view, "u1")
        return data[:stride * rows].reshape(rows, stride) if stride and len(data) >= stride * rows else data

    def convert(self, pixel_format=RGB):
        """The picture in RGB, RGBA, BGRA, I420 or NV12, without padding, as a bytearray."""
        out = bytearray(_lib.usermedia_frame_converted_size(self._handle, pixel_format, 0))
        _check(_lib.usermedia_frame_convert(self._handle, pixel_format, (c_ubyte * len(out)).from_buffer(out), len(out), 0))
        return out
