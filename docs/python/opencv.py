"""A camera in a window, by OpenCV, which reads the driver's memory in place. Ends with the key q.

    python3 opencv.py [FRAMES]
"""
import os
import sys

import cv2
import usermedia

# How OpenCV reads what cameras give.
CODES = {"YUYV": cv2.COLOR_YUV2BGR_YUY2, "UYVY": cv2.COLOR_YUV2BGR_UYVY, "RGB3": cv2.COLOR_RGB2BGR}


def bgr(frame):
    """The picture as OpenCV wants it; the bytes are read where the driver wrote them."""
    if frame.fourcc == "MJPG":
        return cv2.imdecode(frame.array(), cv2.IMREAD_COLOR)
    rows = frame.array()
    if frame.fourcc == "NV12":
        return cv2.cvtColorTwoPlane(rows[:, :frame.width], frame.array(1).reshape(frame.height // 2, -1, 2)[:, :frame.width // 2],
                                    cv2.COLOR_YUV2BGR_NV12)
    pixels = rows.reshape(frame.height, -1, 3 if frame.fourcc == "RGB3" else 2)[:, :frame.width]
    return cv2.cvtColor(pixels, CODES[frame.fourcc])


def main(limit):
    asked = {"video": {"pixelFormat": {"exact": ["YUYV", "MJPG", "NV12", "UYVY", "RGB3"]}}}
    with usermedia.get_user_media(asked, synthetic="USERMEDIA_SYNTHETIC" in os.environ) as stream:
        for number, frame in enumerate(stream.frames(), 1):
            with frame:
                picture = bgr(frame)
            if os.environ.get("DISPLAY"):
                cv2.imshow("usermedia", picture)
                if cv2.waitKey(1) == ord("q"):
                    break
            if number == limit:
                cv2.imwrite("opencv.png", picture)
                break


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
