/* What usermedia.h promises, point by point, on the built-in camera and microphone. Exits 0 where it holds. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usermedia.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n  last error: %s\n", __LINE__, #condition,                                   \
                    usermedia_error_message() ? usermedia_error_message() : "none");                                   \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static usermedia_stream *open_stream(const char *constraints) {
    usermedia_stream *stream = NULL;
    CHECK(usermedia_get_user_media(constraints, USERMEDIA_SYNTHETIC, &stream) == USERMEDIA_OK);
    CHECK(stream != NULL);
    return stream;
}

static void nothing_goes_wrong_with_null(void) {
    usermedia_stream *stream = NULL;
    usermedia_frame *frame = NULL;
    usermedia_plane plane;
    CHECK(usermedia_get_user_media(NULL, 0, &stream) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_get_user_media("{\"video\":true}", USERMEDIA_SYNTHETIC, NULL) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_next_frame(NULL, 0, &frame) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_frame_plane(NULL, 0, &plane) == USERMEDIA_TYPE_ERROR);
    CHECK(strstr(usermedia_error_message(), "NULL") != NULL);
    CHECK(usermedia_frame_width(NULL) == 0 && usermedia_audio_data(NULL) == NULL && usermedia_stream_muted(NULL) == NULL);
    usermedia_frame_release(NULL);
    usermedia_audio_release(NULL);
    usermedia_stream_close(NULL);
    usermedia_free(NULL);
}

static void errors_say_what_happened_and_what_to_do(void) {
    usermedia_stream *stream = NULL;
    CHECK(usermedia_get_user_media("{\"video\": {\"width\": {\"min\": 100000}}}", USERMEDIA_SYNTHETIC, &stream) ==
          USERMEDIA_OVERCONSTRAINED_ERROR);
    CHECK(stream == NULL);
    CHECK(strcmp(usermedia_error_name(), "OverconstrainedError") == 0);
    CHECK(strcmp(usermedia_error_constraint(), "width") == 0);
    CHECK(usermedia_error_remedy() != NULL);
    CHECK(usermedia_get_user_media("{}", USERMEDIA_SYNTHETIC, &stream) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_get_user_media("{\"video\":true", USERMEDIA_SYNTHETIC, &stream) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_get_user_media("{\"video\":true}", 8, &stream) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_get_user_media("\xff", USERMEDIA_SYNTHETIC, &stream) == USERMEDIA_TYPE_ERROR);
}

static void *another_thread(void *none) {
    (void)none;
    return (void *)usermedia_error_message();
}

static void errors_belong_to_their_thread(void) {
    pthread_t thread;
    void *message = "not asked";
    CHECK(usermedia_get_user_media(NULL, 0, NULL) == USERMEDIA_TYPE_ERROR && usermedia_error_message() != NULL);
    CHECK(pthread_create(&thread, NULL, another_thread, NULL) == 0);
    CHECK(pthread_join(thread, &message) == 0);
    CHECK(message == NULL);
}

static void frames_come_in_order_and_outlive_their_stream(void) {
    usermedia_stream *stream = open_stream("{\"video\": {\"width\": 640, \"height\": 480, \"pixelFormat\": {\"exact\": \"YUYV\"}}}");
    usermedia_frame *frames[3];
    usermedia_audio *audio;
    int fd = -1;
    CHECK(usermedia_stream_video_fd(stream, &fd) == USERMEDIA_OK && fd >= 0);
    for (int i = 0; i < 3; i++) {
        int status;
        while ((status = usermedia_next_frame(stream, 0, &frames[i])) == USERMEDIA_AGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            CHECK(poll(&ready, 1, 5000) == 1);
        }
        CHECK(status == USERMEDIA_OK);
        CHECK(usermedia_frame_width(frames[i]) == 640 && usermedia_frame_height(frames[i]) == 480);
        CHECK(memcmp(&(uint32_t){usermedia_frame_fourcc(frames[i])}, "YUYV", 4) == 0);
        CHECK(i == 0 || usermedia_frame_sequence(frames[i]) > usermedia_frame_sequence(frames[i - 1]));
        CHECK(i == 0 || usermedia_frame_timestamp(frames[i]) > usermedia_frame_timestamp(frames[i - 1]));
    }
    CHECK(usermedia_next_audio(stream, 0, &audio) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_stream_muted(stream) == NULL);
    usermedia_stream_close(stream);

    usermedia_plane plane;
    CHECK(usermedia_frame_plane_count(frames[0]) == 1);
    CHECK(usermedia_frame_plane(frames[0], 1, &plane) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_frame_plane(frames[0], 0, &plane) == USERMEDIA_OK);
    CHECK(plane.stride == 1280 && plane.rows == 480 && plane.length == 1280 * 480);
    unsigned sum = 0;
    for (size_t i = 0; i < plane.length; i++)
        sum += plane.data[i];
    CHECK(sum > 0);

    size_t size = usermedia_frame_converted_size(frames[1], USERMEDIA_RGBA, 0);
    CHECK(size == 640 * 480 * 4);
    uint8_t *rgba = calloc(1, size);
    CHECK(usermedia_frame_convert(frames[1], USERMEDIA_RGBA, rgba, size - 1, 0) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_frame_convert(frames[1], (usermedia_pixel_format)99, rgba, size, 0) == USERMEDIA_TYPE_ERROR);
    CHECK(usermedia_frame_convert(frames[1], USERMEDIA_RGBA, rgba, size, 0) == USERMEDIA_OK);
    CHECK(rgba[3] == 255 && rgba[size - 1] == 255);
    free(rgba);
    /* The built-in camera's memory is no driver's. */
    CHECK(usermedia_frame_dma_buf(frames[0], 0, &fd) == USERMEDIA_NOT_SUPPORTED_ERROR);
    for (int i = 0; i < 3; i++)
        usermedia_frame_release(frames[i]);
}

static void sound_comes_with_its_place(void) {
    usermedia_stream *stream = open_stream("{\"audio\": true}");
    usermedia_frame *frame;
    CHECK(usermedia_next_frame(stream, 0, &frame) == USERMEDIA_TYPE_ERROR);
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        usermedia_audio *audio;
        CHECK(usermedia_next_audio(stream, -1, &audio) == USERMEDIA_OK);
        size_t samples = (size_t)usermedia_audio_frame_count(audio) * usermedia_audio_channel_count(audio);
        CHECK(strcmp(usermedia_audio_sample_format(audio), "S16_LE") == 0);
        CHECK(samples > 0 && usermedia_audio_length(audio) == 2 * samples && usermedia_audio_data(audio) != NULL);
        CHECK(usermedia_audio_sample_rate(audio) == 48000 && usermedia_audio_lost(audio) == 0);
        CHECK(usermedia_audio_timestamp(audio) > last);
        last = usermedia_audio_timestamp(audio);
        usermedia_audio_release(audio);
    }
    usermedia_stream_close(stream);
}

static void settings_metrics_and_devices_are_texts_to_free(void) {
    usermedia_stream *stream = open_stream("{\"video\": true}");
    char *text = NULL;
    CHECK(usermedia_stream_settings(stream, &text) == USERMEDIA_OK && strstr(text, "\"width\":640") != NULL);
    usermedia_free(text);
    CHECK(usermedia_stream_metrics(stream, &text) == USERMEDIA_OK && strstr(text, "# TYPE usermedia_") != NULL);
    usermedia_free(text);
    CHECK(usermedia_stream_apply_constraints(stream, "{\"width\": {\"exact\": 320}}") == USERMEDIA_OK);
    CHECK(usermedia_stream_settings(stream, &text) == USERMEDIA_OK && strstr(text, "\"width\":320") != NULL);
    usermedia_free(text);
    CHECK(usermedia_stream_apply_constraints(stream, "true, \"audio\": true") == USERMEDIA_TYPE_ERROR);
    usermedia_stream_close(stream);
    CHECK(usermedia_enumerate_devices(USERMEDIA_SYNTHETIC, &text) == USERMEDIA_OK && strstr(text, "videoinput") != NULL);
    usermedia_free(text);
}

int main(void) {
    CHECK(usermedia_error_name() == NULL && usermedia_error_errno() == 0);
    nothing_goes_wrong_with_null();
    errors_say_what_happened_and_what_to_do();
    errors_belong_to_their_thread();
    frames_come_in_order_and_outlive_their_stream();
    sound_comes_with_its_place();
    settings_metrics_and_devices_are_texts_to_free();
    printf("usermedia %s keeps its word\n", usermedia_version());
    return 0;
}
