/*
 * usermedia.h: navigator.getUserMedia for Linux, from C.
 *
 * You say what you want as JSON (https://www.w3.org/TR/mediacapture-streams/, MediaStreamConstraints), and get a stream
 * whose frames are the driver's own buffers, lent:
 *
 *     usermedia_stream *stream;
 *     if (usermedia_get_user_media("{\"video\": {\"width\": {\"max\": 1280}}}", 0, &stream) != USERMEDIA_OK)
 *         fprintf(stderr, "%s: %s\n", usermedia_error_name(), usermedia_error_message());
 *
 * Every function that can fail returns a usermedia_status: 0 when done, above 0 for what is no error (nothing came in time,
 * the track has ended), below 0 for an error, which the usermedia_error_* functions of the same thread describe until the
 * next error there. Handles may be used from any thread; a stream by several at once. NULL where a handle is required is
 * USERMEDIA_TYPE_ERROR, or 0 of what gives a number; the functions that release take NULL and do nothing.
 *
 * Texts are UTF-8. Times are nanoseconds of CLOCK_MONOTONIC. Numbers of pixels, rows and bytes are unsigned.
 */
#ifndef USERMEDIA_H
#define USERMEDIA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. The errors are those of the specification: DOMException names, section 10. */
typedef enum usermedia_status {
    USERMEDIA_OK = 0,
    USERMEDIA_AGAIN = 1,                  /* nothing came within the time given */
    USERMEDIA_END = 2,                    /* the track has ended: nothing will come any more */
    USERMEDIA_TYPE_ERROR = -1,            /* the request or an argument is malformed */
    USERMEDIA_NOT_SUPPORTED_ERROR = -2,   /* not known here, or not possible with this driver */
    USERMEDIA_NOT_FOUND_ERROR = -3,       /* there is no such device */
    USERMEDIA_OVERCONSTRAINED_ERROR = -4, /* no device meets what is required: usermedia_error_constraint() */
    USERMEDIA_NOT_ALLOWED_ERROR = -5,     /* denied by a policy or by the permissions of the node */
    USERMEDIA_NOT_READABLE_ERROR = -6,    /* the device is busy or failing */
    USERMEDIA_ABORT_ERROR = -7            /* stopped before it started, or no thread or memory for it */
} usermedia_status;

/* Flags of usermedia_enumerate_devices() and usermedia_get_user_media(). */
#define USERMEDIA_SYNTHETIC 1u /* the built-in camera and microphone in place of the machine's */

/* The version of the library, such as "0.1.0". */
const char *usermedia_version(void);

/* ---- The last error of this thread; NULL, or 0, where there is none or it has no such part. ---- */

const char *usermedia_error_name(void);       /* "NotAllowedError" */
const char *usermedia_error_message(void);    /* what happened */
const char *usermedia_error_remedy(void);     /* what to do about it */
const char *usermedia_error_constraint(void); /* the constraint in the way */
const char *usermedia_error_device(void);     /* the device's name */
int usermedia_error_errno(void);              /* the kernel's error number */

/* Frees a text that a function gave through a `char **`. */
void usermedia_free(char *text);

/* ---- Devices and streams ---- */

/* The cameras and microphones, as the JSON document of `usermedia devices --json`. Free it with usermedia_free(). */
int usermedia_enumerate_devices(unsigned flags, char **json);

typedef struct usermedia_stream usermedia_stream;

/*
 * A stream that meets the constraints (JSON, of today's specification or of the 2012 drafts): getUserMedia(). Waits for the
 * devices to start. A device that is unplugged later is waited for, and comes back on the same stream.
 */
int usermedia_get_user_media(const char *constraints, unsigned flags, usermedia_stream **stream);

/* Stops it and closes its devices. Frames that are held keep their bytes. No other call on it may be going on. */
void usermedia_stream_close(usermedia_stream *stream);

/* What it was given: the JSON of `usermedia resolve --json` for its camera and microphone. Free it with usermedia_free(). */
int usermedia_stream_settings(const usermedia_stream *stream, char **json);

/* What was counted so far, as Prometheus text. Free it with usermedia_free(). */
int usermedia_stream_metrics(const usermedia_stream *stream, char **text);

/* Why its camera gives nothing for now ("unplugged", "stalled", ...), a text that need not be freed; NULL while it does. */
const char *usermedia_stream_muted(const usermedia_stream *stream);

/* Asks its camera for something else, constraints of one track as JSON ({"width": 640}): applyConstraints(). */
int usermedia_stream_apply_constraints(const usermedia_stream *stream, const char *constraints);

/*
 * A descriptor for poll() or epoll that gets readable when a frame (a block of sound), or the end, comes. Take without
 * waiting until USERMEDIA_AGAIN then: that makes it unreadable. It belongs to the stream.
 */
int usermedia_stream_video_fd(usermedia_stream *stream, int *fd);
int usermedia_stream_audio_fd(usermedia_stream *stream, int *fd);

/* ---- Pictures ---- */

typedef struct usermedia_frame usermedia_frame;

/*
 * The next frame of the stream's camera; waits `timeout_ms`, for ever if negative. The newest two are kept for who is slow.
 * It is yours until usermedia_frame_release(). Hold few: they are the driver's buffers.
 */
int usermedia_next_frame(usermedia_stream *stream, int timeout_ms, usermedia_frame **frame);

/* Gives the buffer back to the driver. From any thread, also after the stream was closed. */
void usermedia_frame_release(usermedia_frame *frame);

uint32_t usermedia_frame_width(const usermedia_frame *frame);
uint32_t usermedia_frame_height(const usermedia_frame *frame);
uint32_t usermedia_frame_fourcc(const usermedia_frame *frame);    /* V4L2_PIX_FMT_* */
uint64_t usermedia_frame_timestamp(const usermedia_frame *frame); /* when it was captured */
uint64_t usermedia_frame_sequence(const usermedia_frame *frame);  /* from 0; lost frames leave their numbers out */
int usermedia_frame_is_copied(const usermedia_frame *frame);      /* 1 where the bytes are no driver's buffer */

typedef struct usermedia_plane {
    const uint8_t *data; /* until the frame is released */
    size_t length;       /* bytes that may be read */
    size_t stride;       /* bytes from one row to the next; 0 of a compressed frame */
    size_t rows;
} usermedia_plane;

/* Its colour planes: 1 of packed and compressed formats, 2 of NV12, 3 of YU12. */
size_t usermedia_frame_plane_count(const usermedia_frame *frame);
int usermedia_frame_plane(const usermedia_frame *frame, size_t index, usermedia_plane *plane);

/*
 * A dma-buf of one of its pieces of memory, for other devices and processes. The descriptor is yours to close; the memory is
 * the frame's only until that is released. NOT_SUPPORTED where the driver cannot, and for copies.
 */
size_t usermedia_frame_memory_count(const usermedia_frame *frame);
int usermedia_frame_dma_buf(const usermedia_frame *frame, size_t memory, int *fd);

typedef enum usermedia_pixel_format {
    USERMEDIA_RGB = 0,  /* 3 bytes a pixel */
    USERMEDIA_RGBA = 1, /* 4 bytes a pixel */
    USERMEDIA_BGRA = 2, /* 4 bytes a pixel */
    USERMEDIA_I420 = 3, /* three planes, one after the other */
    USERMEDIA_NV12 = 4  /* two planes, one after the other */
} usermedia_pixel_format;

/* The bytes that the picture takes in that format, rows `stride` bytes apart, 0 for no padding; 0 where that cannot be. */
size_t usermedia_frame_converted_size(const usermedia_frame *frame, usermedia_pixel_format format, size_t stride);

/* Writes the picture in that format to `out`, of `length` bytes. */
int usermedia_frame_convert(const usermedia_frame *frame, usermedia_pixel_format format, uint8_t *out, size_t length,
                            size_t stride);

/* ---- Sound ---- */

typedef struct usermedia_audio usermedia_audio;

/* The next block of the stream's microphone, as usermedia_next_frame(). */
int usermedia_next_audio(usermedia_stream *stream, int timeout_ms, usermedia_audio **audio);
void usermedia_audio_release(usermedia_audio *audio);

uint32_t usermedia_audio_sample_rate(const usermedia_audio *audio);      /* per second */
uint32_t usermedia_audio_channel_count(const usermedia_audio *audio);
uint32_t usermedia_audio_frame_count(const usermedia_audio *audio);      /* samples of each channel */
const char *usermedia_audio_sample_format(const usermedia_audio *audio); /* ALSA's name: "S16_LE" */
uint64_t usermedia_audio_timestamp(const usermedia_audio *audio);        /* of its first sample */
uint64_t usermedia_audio_lost(const usermedia_audio *audio);             /* samples missing right before it */
const void *usermedia_audio_data(const usermedia_audio *audio);          /* interleaved, until it is released */
size_t usermedia_audio_length(const usermedia_audio *audio);             /* bytes */

#ifdef __cplusplus
}
#endif

#endif
