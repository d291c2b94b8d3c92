use proptest::prelude::*;

use super::*;

/// A sequence parameter set as x264 writes it for 64x48 in the high profile, and its picture parameter set.
const SPS: [u8; 24] = [
    0x67, 0x64, 0x00, 0x0a, 0xac, 0xd9, 0x44, 0x26, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0,
    0x3c, 0x48, 0x96, 0x58, 0x80,
];
const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

fn frame(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], *unit].concat()).collect()
}

#[test]
fn units_lie_between_start_codes_of_either_length() {
    let bytes = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 0, 3];
    assert_eq!(units(&bytes).collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68, 2], &[0x65, 0, 3]]);
    assert_eq!(units(&[0x65, 1, 2, 3]).count(), 0, "no start code");
    assert_eq!(units(&[0, 0, 1]).count(), 0);
    assert_eq!(units(&[0, 0, 1, 0, 0, 1, 9, 0, 0, 1]).collect::<Vec<_>>(), [[9]]);
}

#[test]
fn a_frame_gets_lengths_in_place_of_start_codes() {
    let mut out = Vec::new();
    length_prefixed(&[0, 0, 1, 0x67, 1, 0, 0, 1, 0x65], &mut out);
    assert_eq!(out, [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x65]);
}

#[test]
fn key_frames_are_told_by_their_slices_and_sets_are_kept() {
    let mut sets = ParameterSets::default();
    assert_eq!(sets.look_at(&frame(&[&[0x41, 1]])), Picture::default());
    assert!(!sets.are_complete() && sets.avcc().is_empty());
    let all = sets.look_at(&frame(&[&[9, 0x10], &SPS, &PPS, &[6, 5], &[0x65, 1]]));
    assert_eq!(all, Picture { keyframe: true, has_sets: true });
    assert!(sets.are_complete());
    // A later key frame without them, as some cameras send it.
    assert_eq!(sets.look_at(&frame(&[&[0x25, 1]])), Picture { keyframe: true, has_sets: false });
    assert_eq!(sets.annex_b(), frame(&[&SPS, &PPS]));
    // Newer ones take the place of the old.
    sets.look_at(&frame(&[&[0x68, 9]]));
    assert_eq!(sets.annex_b(), frame(&[&SPS, &[0x68, 9]]));
}

#[test]
fn the_decoder_configuration_holds_both_sets_and_the_depths_of_a_high_profile() {
    let mut sets = ParameterSets::default();
    sets.look_at(&frame(&[&SPS, &PPS]));
    let mut expected = vec![1, 0x64, 0, 0x0a, 0xff, 0xe1, 0, 24];
    expected.extend_from_slice(&SPS);
    expected.extend_from_slice(&[1, 0, 6]);
    expected.extend_from_slice(&PPS);
    // 4:2:0 in 8 bits, and no extension.
    expected.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
    assert_eq!(sets.avcc(), expected);
    let baseline = [0x67, 66, 0xc0, 0x1e, 1, 2];
    sets.look_at(&frame(&[&baseline]));
    assert_eq!(sets.avcc().len(), 6 + 2 + 6 + 1 + 2 + 6, "nothing more is said of a low one");
}

#[test]
fn numbers_of_a_set_are_read_as_the_standard_has_them() {
    let mut bits = Bits { bytes: vec![0b1010_0110, 0b0100_0010, 0b1000_0000], at: 0 };
    assert_eq!([bits.exp_golomb(), bits.exp_golomb(), bits.exp_golomb()], [Some(0), Some(1), Some(2)]);
    assert_eq!([bits.exp_golomb(), bits.exp_golomb()], [Some(3), Some(4)]);
    assert_eq!(bits.exp_golomb(), None, "none ends in zeroes");
    assert_eq!(unescaped(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
}

proptest! {
    #[test]
    fn whatever_a_camera_sends_is_looked_at_without_harm(
        pieces in prop::collection::vec(prop_oneof![
            Just(vec![0, 0, 1]), Just(vec![0, 0, 0, 1, 0x67]), Just(vec![0, 0, 1, 0x68]), Just(vec![0, 0, 1, 0x65]),
            Just(SPS.to_vec()), prop::collection::vec(any::<u8>(), 0..40),
        ], 0..20)
    ) {
        let bytes = pieces.concat();
        let mut sets = ParameterSets::default();
        let picture = sets.look_at(&bytes);
        prop_assert!(!picture.has_sets || sets.are_complete());
        let _ = (sets.avcc(), sets.annex_b());
        let mut out = Vec::new();
        length_prefixed(&bytes, &mut out);
        // Every length leads to the next, the units are those that were read, and nothing is left over.
        let (mut rest, mut read) = (&out[..], Vec::new());
        while !rest.is_empty() {
            let (length, behind) = rest.split_at(4);
            let (unit, behind) = behind.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            read.push(unit);
            rest = behind;
        }
        prop_assert_eq!(read, units(&bytes).collect::<Vec<_>>());
        let simple: usize = bytes.windows(3).filter(|window| *window == [0, 0, 1]).count();
        prop_assert!(units(&bytes).count() <= simple);
    }
}
