"""What docs/python/usermedia.py promises, on the built-in camera."""
import select

import numpy
import usermedia

passed = 0


def check(name, condition):
    global passed
    assert condition, name
    passed += 1


with usermedia.get_user_media({"video": {"width": 640, "height": 480, "pixelFormat": {"exact": "YUYV"}}}, synthetic=True) as stream:
    check("a descriptor to wait on", select.select([stream], [], [], 5)[0] == [stream])
    frames = stream.frames()
    first, second = next(frames), next(frames)
    view, stride, rows = first.plane()
    check("a plane is the lent memory, read-only", (len(view), stride, rows, view.readonly) == (614400, 1280, 480, True))
    check("frames are numbered", second.sequence > first.sequence and second.timestamp > first.timestamp)
    rgb = first.convert(usermedia.RGB)
    # BT.601 of limited range, as the built-in camera's YUYV is: a pixel in each of the bars.
    for x in range(40, 640, 80):
        y, u, _, v = view[240 * stride + x * 2:240 * stride + x * 2 + 4]
        luma, exact = 255 / 219 * (y - 16), lambda value: min(max(value, 0), 255)
        wanted = [exact(luma + 1.596 * (v - 128)), exact(luma - 0.392 * (u - 128) - 0.813 * (v - 128)), exact(luma + 2.017 * (u - 128))]
        at = (240 * 640 + x) * 3
        assert all(abs(got - want) <= 2 for got, want in zip(rgb[at:at + 3], wanted)), (x, list(rgb[at:at + 3]), wanted)
    check("a converted picture has its pixels", len(rgb) == 640 * 480 * 3)
    array = first.array()
    check("an array is of rows, read-only", array.shape == (480, 1280) and not array.flags.writeable)
    lent = numpy.frombuffer(view, numpy.uint8)
    check("an array is the plane itself", numpy.shares_memory(array, lent) and array.ctypes.data == lent.ctypes.data)
    first.release()
    second.release()
    check("settings are a dictionary", stream.settings()["video"]["width"] == 640)

try:
    usermedia.get_user_media({"video": {"width": {"min": 100000}}}, synthetic=True)
except usermedia.Error as error:
    check("an error names the constraint", (error.name, error.constraint) == ("OverconstrainedError", "width"))

print(f"{passed} of 8")
