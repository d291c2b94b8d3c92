//! What cannot be converted says why, and what to do.

use usermedia::convert::{Converter, PixelFormat, PlaneMut, Rect, VideoFrameView};
use usermedia::{ErrorName, Fourcc, VideoColorSpace, VideoMatrixCoefficients};

const LIMITED_601: VideoColorSpace = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, false);

fn view<'a>(
    code: &[u8; 4],
    width: u32,
    height: u32,
    planes: &[(&'a [u8], usize)],
) -> usermedia::Result<VideoFrameView<'a>> {
    VideoFrameView::new(Fourcc(*code), width, height, planes, LIMITED_601)
}

#[test]
fn a_short_frame_is_refused_before_it_is_read() {
    assert!(view(b"YUYV", 4, 2, &[(&[0; 16], 8)]).is_ok());
    // The last row may lack its padding, and no more.
    assert!(view(b"YUYV", 4, 2, &[(&[0; 18], 10)]).is_ok());
    assert_eq!(view(b"YUYV", 4, 2, &[(&[0; 17], 10)]).unwrap_err().name(), ErrorName::NotReadableError);
    assert!(view(b"YUYV", 4, 2, &[(&[0; 15], 8)]).is_err());
    assert!(view(b"YUYV", 4, 2, &[(&[0; 16], 7)]).is_err());
    assert!(view(b"NV12", 4, 2, &[(&[0; 8], 4)]).is_err());
    assert!(view(b"NV12", 4, 2, &[]).is_err());
    assert!(view(b"YUYV", 0, 2, &[(&[0; 16], 8)]).is_err());
    assert!(view(b"YUYV", u32::MAX, u32::MAX, &[(&[0; 16], usize::MAX)]).is_err());
    assert!(view(b"RGB3", 2, u32::MAX, &[(&[0; 16], usize::MAX)]).is_err());
}

#[test]
fn a_format_that_is_not_converted_is_named_with_those_that_are() {
    for code in [b"H264", b"BA81", b"HM12", b"????"] {
        let error = view(code, 4, 2, &[(&[0; 64], 8)]).unwrap_err();
        assert_eq!(error.name(), ErrorName::NotSupportedError);
        assert!(error.remedy().unwrap().contains("YUYV"), "{error}");
    }
}

#[test]
fn a_buffer_too_small_is_told_its_size() {
    let view = view(b"YUYV", 4, 2, &[(&[0; 16], 8)]).unwrap();
    for (format, needed) in
        [(PixelFormat::Rgb, 24), (PixelFormat::Bgra, 32), (PixelFormat::I420, 12), (PixelFormat::Nv12, 12)]
    {
        assert_eq!(format.buffer_size(4, 2, 0), Some(needed));
        assert!(view.convert_to(format, &mut vec![0; needed], 0).is_ok());
        let error = view.convert_to(format, &mut vec![0; needed - 1], 0).unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.remedy().unwrap().contains(&format!("{needed} bytes")), "{error}");
    }
    let error = view.convert_to(PixelFormat::Rgba, &mut [0; 64], 15).unwrap_err();
    assert!(error.name() == ErrorName::TypeError && error.remedy().unwrap().contains("at least 16"), "{error}");
    assert!(view.convert_to(PixelFormat::Rgba, &mut [0; 64], usize::MAX).is_err());
    assert_eq!(PixelFormat::Rgba.buffer_size(4, 2, 15), None);
    assert_eq!(PixelFormat::Rgba.buffer_size(u32::MAX, u32::MAX, 0), None);
    assert_eq!(PixelFormat::I420.buffer_size(0, 2, 0), None);
}

#[test]
fn planes_too_few_or_too_small_are_refused() {
    let view = view(b"YUYV", 4, 2, &[(&[0; 16], 8)]).unwrap();
    let mut converter = Converter::new();
    let (mut y, mut pairs) = ([0; 8], [0; 4]);
    let mut planes = [PlaneMut::new(&mut y, 4), PlaneMut::new(&mut pairs, 4)];
    assert!(converter.convert_planes(&view, PixelFormat::Nv12, &mut planes).is_ok());
    assert_eq!(
        converter.convert_planes(&view, PixelFormat::I420, &mut planes).unwrap_err().name(),
        ErrorName::TypeError
    );
    let mut planes = [PlaneMut::new(&mut y, 4), PlaneMut::new(&mut pairs, 3)];
    assert!(converter.convert_planes(&view, PixelFormat::Nv12, &mut planes).is_err());
    let mut planes = [PlaneMut::new(&mut y, usize::MAX), PlaneMut::new(&mut pairs, 4)];
    assert!(converter.convert_planes(&view, PixelFormat::Nv12, &mut planes).is_err());
    assert!(converter.convert_planes(&view, PixelFormat::Rgb, &mut []).is_err());
}

#[test]
fn a_crop_outside_or_between_chroma_samples_is_refused_with_the_nearest_start() {
    let nv12 = view(b"NV12", 8, 4, &[(&[0; 32], 8), (&[0; 16], 8)]).unwrap();
    for outside in [
        Rect::new(0, 0, 9, 4),
        Rect::new(8, 0, 1, 1),
        Rect::new(0, 0, 0, 4),
        Rect::new(u32::MAX, 0, 2, 2),
        Rect::new(2, 2, u32::MAX, 1),
    ] {
        assert_eq!(nv12.crop(outside).unwrap_err().name(), ErrorName::TypeError, "{outside:?}");
    }
    let error = nv12.crop(Rect::new(3, 2, 4, 2)).unwrap_err();
    assert!(error.remedy().unwrap().starts_with("start at 2,2"), "{error}");
    assert!(nv12.crop(Rect::new(2, 1, 4, 2)).is_err());
    let yuyv = view(b"YUYV", 8, 4, &[(&[0; 64], 16)]).unwrap();
    assert_eq!((yuyv.crop_alignment(), nv12.crop_alignment()), ((2, 1), (2, 2)));
    assert!(yuyv.crop(Rect::new(2, 1, 5, 3)).is_ok() && yuyv.crop(Rect::new(1, 1, 5, 3)).is_err());
}
