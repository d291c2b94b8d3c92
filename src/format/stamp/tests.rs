use proptest::prelude::*;

use super::*;

/// Every format that a stamp can be written to.
const FORMATS: [&[u8; 4]; 24] = [
    b"YUYV", b"YVYU", b"UYVY", b"VYUY", b"NV12", b"NV21", b"NV16", b"NV61", b"NV24", b"NV42", b"YU12", b"YV12",
    b"422P", b"411P", b"YUV9", b"YVU9", b"GREY", b"Y16 ", b"RGB3", b"BGR3", b"XR24", b"AR24", b"RX24", b"XB24",
];

/// A picture of arbitrary bytes, from a seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn size(fourcc: Fourcc, width: u32, height: u32, bytesperline: u32) -> usize {
    layout(fourcc, width, height, &[bytesperline]).unwrap().memory_size(0)
}

#[test]
fn a_crc_is_the_catalogue_s() {
    // "123456789" without its last digit, as words; the catalogue's check value is of all nine, so this is its state
    // before the ninth: computed by the catalogue's own bytewise definition.
    let bytewise = b"12345678".iter().fold(0xffffu16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    });
    assert_eq!(crc(&[0x3132, 0x3334, 0x3536, 0x3738]), bytewise);
    let whole =
        (0..8).fold(
            bytewise ^ u16::from(b'9') << 8,
            |crc: u16, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        );
    assert_eq!(whole, 0x29b1);
}

#[test]
fn only_the_corner_is_written_to() {
    let (fourcc, width, height) = (Fourcc(*b"GREY"), 200, 100);
    let before = noise(20_000, 5);
    let mut after = before.clone();
    assert!(FrameStamp::new(1, 2).write_to(fourcc, width, height, 0, &mut after));
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(before == after || at % 200 < WIDTH && at / 200 < HEIGHT, "{at}");
    }
}

#[test]
fn a_stamp_has_no_colour() {
    let fourcc = Fourcc::YU12;
    let mut picture = vec![7; size(fourcc, 128, 64, 0)];
    assert!(FrameStamp::new(1, 2).write_to(fourcc, 128, 64, 0, &mut picture));
    assert!(picture[128 * 64..].iter().all(|&chroma| chroma == 128));
}

#[test]
fn what_is_too_small_too_short_or_compressed_is_left_alone() {
    let stamp = FrameStamp::new(1, 2);
    let mut memory = vec![9; 100_000];
    assert!(!stamp.write_to(Fourcc::YUYV, 127, 64, 0, &mut memory));
    assert!(!stamp.write_to(Fourcc::YUYV, 128, 63, 0, &mut memory));
    assert!(!stamp.write_to(Fourcc::MJPG, 640, 480, 0, &mut memory));
    assert!(!stamp.write_to(Fourcc(*b"NM12"), 640, 480, 0, &mut memory));
    assert!(memory.iter().all(|&byte| byte == 9));
    assert!(!stamp.write_to(Fourcc::YUYV, 640, 480, 0, &mut memory[..2000]));
    for (width, height) in [(127, 64), (128, 63), (0, 0), (u32::MAX, u32::MAX)] {
        assert_eq!(FrameStamp::read_from(Fourcc::YUYV, width, height, 0, &memory), None);
    }
    assert_eq!(FrameStamp::read_from(Fourcc::YUYV, 128, 64, u32::MAX, &memory), None);
    assert_eq!(FrameStamp::read_from(Fourcc::YUYV, 128, 64, 0, &[]), None);
}

#[test]
fn a_picture_of_one_colour_has_no_stamp() {
    for value in 0..=255 {
        assert_eq!(FrameStamp::read_from(Fourcc(*b"GREY"), 128, 64, 0, &[value; 128 * 64]), None);
    }
}

#[test]
fn two_stamps_half_and_half_are_none() {
    let (fourcc, width, height) = (Fourcc(*b"GREY"), 128, 64);
    let stamped = |number, time| {
        let mut picture = vec![0; 128 * 64];
        FrameStamp::new(number, time).write_to(fourcc, width, height, 0, &mut picture);
        picture
    };
    let (old, new) = (stamped(4, 1_000_000), stamped(5, 34_333_333));
    for line in 0..=64 {
        let torn = [&new[..line * 128], &old[line * 128..]].concat();
        let read = FrameStamp::read_from(fourcc, width, height, 0, &torn).map(|stamp| stamp.number);
        assert!(matches!(read, None | Some(4 | 5)), "torn at {line}: {read:?}");
        assert!(!(24..=56).contains(&line) || read.is_none(), "torn at {line}: {read:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stamp_reads_back_from_every_format_with_every_padding(
        number: u32, time: u64, seed: u64,
        format in 0..FORMATS.len(), width in 128u32..300, height in 64u32..200, padding in 0u32..3,
    ) {
        let fourcc = Fourcc(*FORMATS[format]);
        // As drivers do: whole groups of samples.
        let tight = layout(fourcc, width, height, &[0]).unwrap().planes()[0].row_bytes as u32;
        let bytesperline = if padding == 0 { 0 } else { tight.next_multiple_of(12) + 48 * padding };
        let mut picture = noise(size(fourcc, width, height, bytesperline), seed);
        let stamp = FrameStamp::new(number, time);
        prop_assert!(stamp.write_to(fourcc, width, height, bytesperline, &mut picture));
        prop_assert_eq!(FrameStamp::read_from(fourcc, width, height, bytesperline, &picture), Some(stamp));
    }

    #[test]
    fn a_stamp_survives_noise_and_a_change_of_range(number: u32, time: u64, seed: u64, full: bool) {
        let (fourcc, width, height) = (Fourcc(*b"GREY"), 160, 120);
        let mut picture = vec![128; 160 * 120];
        let stamp = FrameStamp::new(number, time);
        stamp.write_to(fourcc, width, height, 0, &mut picture);
        for (pixel, noise) in picture.iter_mut().zip(noise(160 * 120, seed)) {
            let level = if full { (i32::from(*pixel) - 16) * 255 / 219 } else { i32::from(*pixel) };
            *pixel = (level + i32::from(noise) / 2 - 64).clamp(0, 255) as u8;
        }
        prop_assert_eq!(FrameStamp::read_from(fourcc, width, height, 0, &picture), Some(stamp));
    }

    #[test]
    fn arbitrary_pictures_are_not_taken_for_stamps(seed: u64, blocky: bool) {
        let mut picture = noise(128 * 64, seed);
        if blocky {
            // The worst there is: arbitrary bits in perfect blocks.
            let bits = noise(128, seed);
            for (at, pixel) in picture.iter_mut().enumerate() {
                *pixel = if bits[at / 1024 * 16 + at % 128 / 8] & 1 == 1 { 235 } else { 16 };
            }
        }
        prop_assert_eq!(FrameStamp::read_from(Fourcc(*b"GREY"), 128, 64, 0, &picture), None);
    }

    #[test]
    fn a_flipped_block_is_noticed(number: u32, time: u64, block in 0usize..128) {
        let mut picture = vec![0; 128 * 64];
        FrameStamp::new(number, time).write_to(Fourcc(*b"GREY"), 128, 64, 0, &mut picture);
        for line in 0..8 {
            for x in 0..8 {
                let pixel = &mut picture[(block / 16 * 8 + line) * 128 + block % 16 * 8 + x];
                *pixel = 251 - *pixel;
            }
        }
        prop_assert_eq!(FrameStamp::read_from(Fourcc(*b"GREY"), 128, 64, 0, &picture), None);
    }
}
