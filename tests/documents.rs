//! What the documents say of the sources and of each other: messages that are quoted exist, links lead somewhere, and the
//! migration table leaves no member out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every member of the interfaces that docs/migration.md is about, as their IDL has them: the 2012 draft (archive of 13
/// August), Media Capture and Streams (20 October 2025), mediacapture-transform, WebCodecs' frames.
const MEMBERS: &[&str] = &[
    // NavigatorUserMedia and its callbacks, 2012.
    "navigator.getUserMedia",
    "MediaStreamConstraints",
    "NavigatorUserMediaSuccessCallback",
    "NavigatorUserMediaErrorCallback",
    "NavigatorUserMediaError",
    "PERMISSION_DENIED",
    "NOT_SUPPORTED_ERROR",
    "MANDATORY_UNSATISFIED_ERROR",
    "code",
    "mandatory",
    "optional",
    "MediaTrackConstraintSet",
    "MediaTrackConstraint",
    // MediaStream, LocalMediaStream, MediaStreamTrackList, MediaStreamTrack, URL, 2012.
    "LocalMediaStream",
    "LocalMediaStream.stop",
    "audioTracks",
    "videoTracks",
    "ended",
    "MediaStream.onended",
    "MediaStreamTrackList",
    "length",
    "item",
    "add",
    "remove",
    "LIVE",
    "MUTED",
    "ENDED",
    "URL.createObjectURL",
    "loadedmetadata",
    "srcObject",
    // MediaDevices and what it lists.
    "navigator.mediaDevices",
    "ondevicechange",
    "DeviceChangeEvent",
    "devices",
    "userInsertedDevices",
    "enumerateDevices",
    "getSupportedConstraints",
    "MediaTrackSupportedConstraints",
    "mediaDevices.getUserMedia",
    "MediaDeviceInfo",
    "InputDeviceInfo",
    "InputDeviceInfo.getCapabilities",
    "toJSON",
    "MediaDeviceKind",
    "audioinput",
    "audiooutput",
    "videoinput",
    // MediaStream.
    "new MediaStream",
    "getAudioTracks",
    "getVideoTracks",
    "getTracks",
    "getTrackById",
    "addTrack",
    "removeTrack",
    "MediaStream.clone",
    "active",
    "onaddtrack",
    "onremovetrack",
    "MediaStreamTrackEvent",
    // MediaStreamTrack.
    "kind",
    "id",
    "label",
    "enabled",
    "muted",
    "onmute",
    "onunmute",
    "readyState",
    "onended",
    "MediaStreamTrack.clone",
    "MediaStreamTrack.stop",
    "getCapabilities",
    "getConstraints",
    "getSettings",
    "applyConstraints",
    // Constraints.
    "ConstrainULong",
    "ConstrainDouble",
    "ConstrainBoolean",
    "ConstrainDOMString",
    "ConstrainBooleanOrDOMString",
    "min",
    "max",
    "exact",
    "ideal",
    "advanced",
    "width",
    "height",
    "aspectRatio",
    "frameRate",
    "facingMode",
    "resizeMode",
    "sampleRate",
    "sampleSize",
    "echoCancellation",
    "autoGainControl",
    "noiseSuppression",
    "latency",
    "channelCount",
    "deviceId",
    "groupId",
    "backgroundBlur",
    "panTiltZoom",
    // Errors.
    "OverconstrainedError",
    "constraint",
    "TypeError",
    "NotFoundError",
    "NotAllowedError",
    "NotReadableError",
    "AbortError",
    "InvalidStateError",
    "SecurityError",
    // mediacapture-transform.
    "MediaStreamTrackProcessor",
    "readable",
    "maxBufferSize",
    "VideoTrackGenerator",
    "writable",
    // WebCodecs.
    "VideoFrame",
    "format",
    "codedWidth",
    "codedHeight",
    "codedRect",
    "visibleRect",
    "rotation",
    "flip",
    "displayWidth",
    "displayHeight",
    "duration",
    "timestamp",
    "colorSpace",
    "metadata",
    "allocationSize",
    "copyTo",
    "clone",
    "close",
    "VideoColorSpace",
    "primaries",
    "transfer",
    "matrix",
    "fullRange",
    "AudioData",
    "numberOfFrames",
    "numberOfChannels",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder with that ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the folder is read").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// README.md and every page of docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"), "md");
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// A string literal's text: without line continuations and escapes.
fn plain(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\n')) => while characters.next_if(|next| next.is_whitespace()).is_some() {},
            ('\\', Some('"')) => {}
            _ => text.push(character),
        }
    }
    text
}

/// The sources without their tests: a message that only a test has is printed by nobody.
fn sources() -> String {
    let mut all = String::new();
    let mut sources = files(&root().join("src"), "rs");
    // Of the scripts that browsers run.
    sources.extend(files(&root().join("src"), "js"));
    for path in sources {
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        let scripted = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("scripted" | "fuzzing")));
        if is_test || scripted {
            continue;
        }
        let source = read(&path);
        let end = source.find("\nmod tests {").unwrap_or(source.len());
        // Documentation may say anything.
        let code = source[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
        all.push_str(&plain(&code.collect::<Vec<_>>().join("\n")));
        all.push('\n');
    }
    all
}

/// What stands between backticks.
fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The cells of a table's row.
fn cells(row: &str) -> Vec<&str> {
    row.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// The messages that a page's tables quote, in their columns called "message" and "reason".
fn quoted(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut columns: Vec<usize> = Vec::new();
    for line in page.lines() {
        if !line.starts_with('|') {
            columns.clear();
            continue;
        }
        let cells = cells(line);
        if columns.is_empty() {
            let is_quoted = |(_, cell): &(usize, &&str)| matches!(**cell, "message" | "reason");
            columns = cells.iter().enumerate().filter(is_quoted).map(|(at, _)| at).collect();
            // A table of something else.
            if columns.is_empty() {
                columns.push(usize::MAX);
            }
            continue;
        }
        let in_columns = columns.iter().filter_map(|&at| cells.get(at));
        found.extend(in_columns.flat_map(|cell| code_spans(cell)).map(str::to_owned));
    }
    found
}

#[test]
fn every_message_that_is_quoted_is_in_the_sources() {
    let (page, sources) = (read(&root().join("docs/troubleshooting.md")), sources());
    let quoted = quoted(&page);
    assert!(quoted.len() > 150, "{} messages are too few: is the table still read?", quoted.len());
    let mut missing = Vec::new();
    for message in &quoted {
        // Between two places where something is filled in; a comma or a full stop alone says nothing.
        let fragments = message.split('…').map(str::trim).filter(|part| part.len() > 2);
        let own: usize = fragments.clone().map(str::len).sum();
        assert!(own > 5 || !message.contains('…'), "`{message}` has hardly a word of its own");
        missing
            .extend(fragments.filter(|part| !sources.contains(*part)).map(|part| format!("{part:?} of `{message}`")));
    }
    assert!(missing.is_empty(), "not in src/:\n{}", missing.join("\n"));
}

#[test]
fn every_reason_is_explained() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let spans: HashSet<&str> = code_spans(&page).into_iter().collect();
    for file in ["src/devices/model.rs", "src/capture/recovery/event.rs"] {
        let source = read(&root().join(file));
        let enumerations = source.split("pub const fn as_str").skip(1);
        let mut words = 0;
        for body in enumerations.map(|body| body.split("\n    }\n").next().unwrap_or_default()) {
            for word in body.split('"').skip(1).step_by(2) {
                // What is no reason: kinds of devices, and where a camera points.
                if matches!(word, "videoinput" | "audioinput" | "user" | "environment" | "left" | "right") {
                    continue;
                }
                words += 1;
                assert!(
                    word == "muted" || spans.contains(word),
                    "`{word}` of {file} is not in docs/troubleshooting.md"
                );
            }
        }
        assert!(words > 5, "{file} has no reasons any more: {words}");
    }
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|&character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.map(|character| if character == ' ' { '-' } else { character }).collect()
}

/// The lines of a page outside its blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence && !line.starts_with("    ")
    })
}

fn anchors(page: &str) -> HashSet<String> {
    let headings = prose(page).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Where a page's links lead: what follows `](`.
fn links(page: &str) -> Vec<String> {
    let prose: Vec<&str> = prose(page).collect();
    let text = prose.join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(|target| target.trim().to_owned()).collect()
}

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let mut dead = Vec::new();
    let mut count = 0;
    for path in pages() {
        let page = read(&path);
        for link in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().expect("a page is in a folder").join(file),
            };
            if !target.exists() {
                dead.push(format!("{}: {link}", path.display()));
            } else if !heading.is_empty() && !anchors(&read(&target)).contains(heading) {
                dead.push(format!("{}: {link} (no such heading)", path.display()));
            }
        }
    }
    assert!(count > 50, "{count} links are too few: are they still found?");
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
}

#[test]
fn no_member_of_the_web_interfaces_is_left_out_of_the_migration_table() {
    let page = read(&root().join("docs/migration.md"));
    let first_cells: Vec<&str> =
        page.lines().filter(|line| line.starts_with('|')).filter_map(|line| cells(line).first().copied()).collect();
    let mut named = HashSet::new();
    for span in first_cells.into_iter().flat_map(code_spans) {
        // `stop()` names `stop`; `a.b(c)` names `a.b`.
        named.insert(span.split('(').next().unwrap_or_default());
    }
    let missing: Vec<_> = MEMBERS.iter().filter(|member| !named.contains(**member)).collect();
    assert!(missing.is_empty(), "not in a first column of docs/migration.md: {missing:?}");
}
