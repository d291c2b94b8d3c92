//! Frames as pictures of the crate `image`.

use image::{GrayImage, RgbImage, RgbaImage};
use usermedia::VideoMatrixCoefficients::{Bt601, Bt709};
use usermedia::convert::{PixelFormat, Rect, VideoFrameView};
use usermedia::{ErrorName, Fourcc, MediaDevices, MediaStreamConstraints, VideoColorSpace, VideoFrame};

/// A frame of the built-in camera, in this format.
fn frame(fourcc: &str) -> VideoFrame {
    let video = usermedia::MediaTrackConstraints::new()
        .pixel_format(usermedia::constraints::ConstrainDomString::new().exact(fourcc));
    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(video)).unwrap();
    let mut frames = stream.video_tracks()[0].processor(1);
    frames.next().expect("it runs").unwrap()
}

#[test]
fn a_frame_becomes_the_pixels_that_conversion_gives() {
    for fourcc in ["YUYV", "NV12"] {
        let frame = frame(fourcc);
        let size = PixelFormat::Rgba.buffer_size(frame.width(), frame.height(), 0).unwrap();
        let mut rgba = vec![0; size];
        frame.convert_to(PixelFormat::Rgba, &mut rgba, 0).unwrap();
        let image = frame.to_rgba_image().unwrap();
        assert_eq!(image.dimensions(), (frame.width(), frame.height()));
        assert!(image.as_raw() == &rgba, "{fourcc}");
        let rgb: Vec<u8> = rgba.as_chunks::<4>().0.iter().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        assert!(RgbImage::try_from(&frame).unwrap().as_raw() == &rgb, "{fourcc}");
        assert!(RgbaImage::try_from(&frame).unwrap() == image, "{fourcc}");
        assert_eq!(GrayImage::try_from(&frame).unwrap().dimensions(), image.dimensions());
    }
}

#[test]
fn a_part_becomes_an_image_of_that_part() {
    let frame = frame("YUYV");
    let rect = Rect::new(32, 48, 65, 31);
    let (whole, part) = (frame.to_rgb_image().unwrap(), frame.crop(rect).unwrap());
    let cut = image::imageops::crop_imm(&whole, rect.x, rect.y, rect.width, rect.height).to_image();
    assert!(part.to_rgb_image().unwrap() == cut);
    assert_eq!(GrayImage::try_from(&part).unwrap().dimensions(), (65, 31));
}

#[test]
fn rows_with_padding_and_the_frames_own_colour_space_are_respected() {
    // Two rows of two pixels and two bytes that are none; the same numbers are other colours by another matrix and range.
    let yuyv = [81, 90, 81, 240, 0xee, 0xee, 235, 128, 16, 128, 0xee, 0xee];
    let image = |matrix, full_range| {
        let space = VideoColorSpace::new(matrix, full_range);
        VideoFrameView::new(Fourcc::YUYV, 2, 2, &[(&yuyv, 6)], space).unwrap().to_rgb_image().unwrap()
    };
    let near = |pixel: [u8; 3], wanted: [u8; 3]| pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 1);
    // BT.601's red of limited range, white, black.
    let limited = image(Bt601, false);
    for (x, y, wanted) in [(0, 0, [254, 0, 0]), (1, 0, [254, 0, 0]), (0, 1, [255, 255, 255]), (1, 1, [0, 0, 0])] {
        assert!(near(limited.get_pixel(x, y).0, wanted), "{x},{y}: {:?}", limited.get_pixel(x, y));
    }
    assert!(near(image(Bt601, true).get_pixel(1, 1).0, [16, 16, 16]));
    assert!(near(image(Bt709, false).get_pixel(0, 0).0, [255, 24, 0]), "{:?}", image(Bt709, false).get_pixel(0, 0));
}

#[test]
fn grey_is_the_frames_brightness_in_full_range() {
    let samples = [0, 15, 16, 17, 125, 235, 236, 255];
    let grey = |full_range| {
        let space = VideoColorSpace::new(Bt601, full_range);
        let view = VideoFrameView::new(Fourcc(*b"GREY"), 8, 1, &[(&samples, 8)], space).unwrap();
        view.to_gray_image().unwrap().into_raw()
    };
    assert_eq!(grey(true), samples);
    assert_eq!(grey(false), [0, 0, 0, 1, 127, 255, 255, 255]);
}

#[test]
fn what_has_no_picture_says_why() {
    let space = VideoColorSpace::new(Bt601, true);
    let damaged = VideoFrameView::new(Fourcc::MJPG, 64, 64, &[(&[0xff, 0xd8, 0xff], 0)], space).unwrap();
    for error in [
        damaged.to_rgb_image().unwrap_err(),
        damaged.to_rgba_image().unwrap_err(),
        damaged.to_gray_image().unwrap_err(),
    ] {
        assert_eq!(error.name(), ErrorName::NotReadableError, "{error}");
    }
}
