use super::*;
use crate::format::Fourcc;
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};

const FULL: VideoColorSpace = VideoColorSpace { matrix: VideoMatrixCoefficients::Bt601, full_range: true };

/// Four vertical bars of 8 pixels, 16 rows: white, red, green, blue.
fn bars() -> Vec<u8> {
    let colours = [[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]];
    (0..32 * 16).flat_map(|at| colours[at % 32 / 8]).collect()
}

fn bytes_of(fourcc: Fourcc, data: &[u8], picture_type: PictureType) -> Result<Vec<u8>> {
    let view = VideoFrameView::new(fourcc, 32, 16, &[(data, 96)], FULL)?;
    let mut out = Vec::new();
    encode(&view, picture_type, &mut out).map(|()| out)
}

#[test]
fn the_extension_chooses_the_file_type() {
    for (name, expected) in
        [("a.jpg", PictureType::Jpeg), ("b/c.JPEG", PictureType::Jpeg), ("photo.of.me.png", PictureType::Png)]
    {
        assert_eq!(PictureType::from_path(Path::new(name)), Ok(expected));
    }
    for name in ["photo", "photo.bmp", "jpg", ".png", "-"] {
        let error = PictureType::from_path(Path::new(name)).unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.remedy().unwrap().contains(".png"));
    }
}

#[test]
fn a_png_holds_the_pixels_as_they_are() {
    let file = bytes_of(Fourcc(*b"RGB3"), &bars(), PictureType::Png).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height, info.color_type), (32, 16, png::ColorType::Rgb));
    assert_eq!(pixels, bars());
}

#[test]
fn a_jpeg_holds_the_picture() {
    let file = bytes_of(Fourcc(*b"RGB3"), &bars(), PictureType::Jpeg).unwrap();
    let mut pixels = vec![0; 32 * 16 * 3];
    Jpeg::new(&file).unwrap().decode(Decoded::Rgb, &mut Vec::new(), &mut pixels).unwrap();
    for (at, expected) in [(3, [255, 255, 255]), (11, [255, 0, 0]), (19, [0, 255, 0]), (27, [0, 0, 255])] {
        let pixel = &pixels[(8 * 32 + at) * 3..][..3];
        assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 12), "{pixel:?}, not {expected:?}");
    }
}

#[test]
fn a_cameras_jpeg_passes_byte_by_byte() {
    let camera = bytes_of(Fourcc(*b"RGB3"), &bars(), PictureType::Jpeg).unwrap();
    let padded = [&camera[..], &[0; 64]].concat();
    assert_eq!(bytes_of(Fourcc::MJPG, &padded, PictureType::Jpeg).unwrap(), camera);
    let png = bytes_of(Fourcc::MJPG, &camera, PictureType::Png).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    let cut = &camera[..camera.len() / 2];
    assert_eq!(bytes_of(Fourcc::MJPG, cut, PictureType::Jpeg).unwrap_err().name(), ErrorName::NotReadableError);
}

#[test]
fn a_failing_file_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from_raw_os_error(28))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bars = bars();
    let view = VideoFrameView::new(Fourcc(*b"RGB3"), 32, 16, &[(&bars, 96)], FULL).unwrap();
    for picture_type in [PictureType::Jpeg, PictureType::Png] {
        let error = encode(&view, picture_type, &mut Full).unwrap_err();
        assert!(error.message().contains("No space left"), "{error}");
    }
}
