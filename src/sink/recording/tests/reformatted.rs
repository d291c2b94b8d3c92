//! A track that comes back in another format: the recording goes on in another file.

use super::*;

/// Half of the width of the camera before.
fn smaller() -> TrackFormat {
    let TrackFormat::Video(format) = camera(b"GREY") else { unreachable!("a camera") };
    TrackFormat::Video(VideoFormat { width: 8, layout: layout(Fourcc(*b"GREY"), 8, 8, &[]), ..format })
}

#[test]
fn another_size_is_another_file_and_nothing_is_lost_between() {
    for segments in [None, Some(Segments::of_length(Duration::from_secs(60)))] {
        let folder = TempFolder::new();
        let (mut recording, progress) = begin(&folder.path("a.mkv"), segments, &[camera(b"GREY"), microphone()]);
        play(&mut recording, 0..30, 0..50, (5, 20));
        recording.reformat(0, smaller()).unwrap();
        for at in 30..45 {
            assert!(recording.video(0, picture_time(at), &[&[at as u8; 64]]).unwrap());
            sound(&mut recording, 1, (at + 20) * BLOCK, BLOCK);
        }
        recording.finish().unwrap();
        let files: Vec<_> = progress.files().into_iter().map(|file| (file.path, file.frames)).collect();
        assert_eq!(files.iter().map(|file| file.1).collect::<Vec<_>>(), [30, 15]);
        assert!(files[1].0.to_string_lossy().contains("a-000002-"), "{files:?}");
        assert_holds(&probe(&files[0].0), &["streams.stream.0.width=16"]);
        assert_holds(&probe(&files[1].0), &["streams.stream.0.width=8", "streams.stream.0.nb_read_frames=15"]);
        let heard: Vec<u32> = files.iter().flat_map(|file| positions(&file.0)).collect();
        assert_eq!(heard, (0..65 * 960).collect::<Vec<u32>>(), "each sample once");
    }
}

#[test]
fn a_format_that_the_file_cannot_hold_ends_the_recording_with_what_there_is() {
    let folder = TempFolder::new();
    let (mut recording, _) = begin(&folder.path("a.mkv"), None, &[camera(b"GREY")]);
    recording.video(0, picture_time(0), &[&picture(0)]).unwrap();
    assert!(recording.reformat(0, camera(b"NV16")).is_err());
    recording.close().unwrap();
    assert_eq!(pictures(&folder.path("a.mkv")), [0]);
}
