//! What is kept, under which names, and what is left alone.

use std::fs;

use super::*;

/// Pictures of a second each, in segments of one.
fn record(path: &Path, segments: Segments, pictures: u64) -> RecordingProgress {
    let (mut recording, progress) = begin(path, Some(segments), &[camera(b"GREY")]);
    for index in 0..pictures {
        recording.video(0, START_NS + index * SECOND, &[&picture(index)]).unwrap();
    }
    recording.finish().unwrap();
    progress
}

fn seconds() -> Segments {
    Segments::of_length(Duration::from_secs(1))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_oldest_are_deleted_and_what_is_kept_fits() {
    let folder = TempFolder::new();
    for other in ["a.raw", "a-000001.raw", "b-000001-20200101T000000Z.raw", "a-000001-20200101T000000Z.mkv"] {
        fs::write(folder.path(other), [0; 5000]).unwrap();
    }
    // A directory and a link of a segment's name are none.
    fs::create_dir(folder.path("a-000003-20200101T000000Z.raw")).unwrap();
    std::os::unix::fs::symlink(folder.path("a.raw"), folder.path("a-000004-20200101T000000Z.raw")).unwrap();
    let progress = record(&folder.path("a.raw"), seconds().keep(5 * 128), 12);
    let kept: Vec<_> = progress.files().into_iter().filter(|file| !file.deleted).collect();
    assert_eq!((kept.len(), progress.files().len(), progress.deleted()), (5, 12, (7, 7 * 128)));
    assert!(progress.files()[..7].iter().all(|file| file.deleted && !file.path.exists()));
    assert!(kept.iter().all(|file| fs::read(&file.path).unwrap().len() == 128));
    assert_eq!(folder.files().len(), 5 + 6, "{:?}", folder.files());
}

#[test]
fn segments_of_earlier_recordings_count_and_go_first() {
    let folder = TempFolder::new();
    let path = folder.path("a.raw");
    record(&path, seconds(), 4);
    let before = folder.files();
    let progress = record(&path, seconds().keep(3 * 128), 2);
    assert_eq!(progress.deleted(), (3, 3 * 128));
    assert!(progress.files().iter().all(|file| !file.deleted));
    let after = folder.files();
    assert_eq!((after.len(), &after[0]), (3, &before[3]), "numbers go on after those that are there");
    assert!(name(&after[1]).starts_with("a-000005-") && name(&after[2]).starts_with("a-000006-"));
}

#[test]
fn the_segment_that_is_being_written_is_never_deleted() {
    let folder = TempFolder::new();
    let progress = record(&folder.path("a.raw"), seconds().keep(1), 3);
    // Not even one fits. Each goes once it is finished, the last with the recording.
    assert_eq!(progress.deleted(), (3, 3 * 128));
    let (mut recording, progress) = begin(&folder.path("a.raw"), Some(seconds().keep(1)), &[camera(b"GREY")]);
    recording.video(0, START_NS, &[&picture(0)]).unwrap();
    recording.shelf.as_ref().unwrap().grown();
    std::thread::sleep(Duration::from_millis(50));
    assert!(progress.files()[0].path.exists());
    recording.finish().unwrap();
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = TempFolder::new();
    let path = folder.path("a.raw");
    let (mut recording, progress) = begin(&path, Some(seconds()), &[camera(b"GREY")]);
    // Somebody takes the name between the look and the opening.
    let names = Names::of(&path).unwrap();
    for later in 0..3 {
        fs::write(names.name(1, SystemTime::now() + Duration::from_secs(later)), "precious").unwrap();
    }
    let precious = folder.files();
    recording.video(0, START_NS, &[&picture(0)]).unwrap();
    recording.finish().unwrap();
    assert!(name(&progress.files()[0].path).starts_with("a-000002-"));
    assert!(precious.iter().all(|file| fs::read(file).unwrap() == b"precious"));
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let path = Path::new("/nonexistent/a.mkv");
    let mut recording = Recording::create(path, FileFormat::from_path(path).unwrap(), RecordingProgress::new(path));
    recording.cut(seconds()).unwrap();
    let error = recording.begin(Metadata::default(), vec![camera(b"GREY")]).unwrap_err();
    assert!(
        error.message().contains("/nonexistent") && error.errno() == Some(2) && error.remedy().is_some(),
        "{error}"
    );
}
