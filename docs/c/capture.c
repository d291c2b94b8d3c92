/*
 * Takes pictures from a camera without copying one, and writes the last as capture.ppm.
 *
 *     cc capture.c -o capture $(pkg-config --cflags --libs usermedia)
 *     ./capture '{"video": {"width": 640, "frameRate": 30}}' 30
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usermedia.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s: %s\n", what, usermedia_error_name(), usermedia_error_message());
    if (usermedia_error_remedy())
        fprintf(stderr, "  %s\n", usermedia_error_remedy());
    return 1;
}

static int write_ppm(const usermedia_frame *frame, const char *path) {
    size_t size = usermedia_frame_converted_size(frame, USERMEDIA_RGB, 0);
    uint8_t *rgb = malloc(size);
    FILE *file = rgb ? fopen(path, "wb") : NULL;
    int status = file ? usermedia_frame_convert(frame, USERMEDIA_RGB, rgb, size, 0) : USERMEDIA_OK;
    if (file && status == USERMEDIA_OK) {
        fprintf(file, "P6 %u %u 255\n", usermedia_frame_width(frame), usermedia_frame_height(frame));
        fwrite(rgb, 1, size, file);
    }
    int written = file && !ferror(file) && fclose(file) == 0;
    free(rgb);
    if (!written)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return status != USERMEDIA_OK ? failed("convert") : !written;
}

int main(int argc, char **argv) {
    const char *constraints = argc > 1 ? argv[1] : "{\"video\": true}";
    unsigned flags = getenv("USERMEDIA_SYNTHETIC") ? USERMEDIA_SYNTHETIC : 0;
    long left = argc > 2 ? atol(argv[2]) : 30;
    usermedia_stream *stream;
    if (usermedia_get_user_media(constraints, flags, &stream) != USERMEDIA_OK)
        return failed("getUserMedia");
    int status = USERMEDIA_OK, result = 0;
    usermedia_frame *frame;
    while (left > 0 && (status = usermedia_next_frame(stream, 5000, &frame)) == USERMEDIA_OK) {
        usermedia_plane plane;
        usermedia_frame_plane(frame, 0, &plane);
        printf("frame %llu at %.3f s: %ux%u, %zu bytes\n", (unsigned long long)usermedia_frame_sequence(frame),
               (double)usermedia_frame_timestamp(frame) / 1e9, usermedia_frame_width(frame),
               usermedia_frame_height(frame), plane.length);
        if (--left == 0)
            result = write_ppm(frame, "capture.ppm");
        usermedia_frame_release(frame);
    }
    const char *muted = usermedia_stream_muted(stream);
    if (status == USERMEDIA_AGAIN)
        fprintf(stderr, "no picture for 5 seconds: %s\n", muted ? muted : "the camera is slow");
    usermedia_stream_close(stream);
    return status < 0 ? failed("capture") : result || status != USERMEDIA_OK;
}
