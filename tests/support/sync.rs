//! Flash and tick: how far apart a recording shows what happened at once, as a player would show it.

use std::path::Path;
use std::process::Command;

/// What FFmpeg's tools say, as bytes.
fn run(tool: &str, before: &str, file: &Path, after: &str) -> Vec<u8> {
    let output = Command::new(tool)
        .args(["-v", "error"])
        .args(before.split_whitespace())
        .arg(file)
        .args(after.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("this test needs {tool} ({error}): `make test` installs the package ffmpeg"));
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A stream's packets: their presentation times in seconds, and their bytes.
fn packets(file: &Path, stream: &str) -> Vec<(f64, usize)> {
    let before = format!("-select_streams {stream} -show_entries packet=pts_time,size -of csv=p=0 -i");
    let text = String::from_utf8(run("ffprobe", &before, file, "")).expect("ffprobe writes text");
    let packet = |line: &str| {
        let mut fields = line.split(',');
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    text.lines().map(|line| packet(line).unwrap_or_else(|| panic!("{line:?} is no packet"))).collect()
}

/// When the picture turned bright, in seconds of the file.
pub fn flashes(file: &Path) -> Vec<f64> {
    const SIZE: usize = 64 * 48;
    let times = packets(file, "v:0");
    let filter = "-map 0:v:0 -vf scale=64:48:flags=area,format=gray -fps_mode passthrough -f rawvideo -";
    let pictures = run("ffmpeg", "-i", file, filter);
    let brightness: Vec<f64> = pictures
        .chunks_exact(SIZE)
        .map(|picture| picture.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / SIZE as f64)
        .collect();
    assert_eq!(brightness.len(), times.len(), "every packet is a picture");
    let threshold = halfway(&brightness);
    onsets(&brightness, threshold, 5).map(|frame| times[frame].0).collect()
}

/// When the sound turned loud, in seconds of the file.
pub fn ticks(file: &Path, rate: u32) -> Vec<f64> {
    let samples: Vec<f64> = run("ffmpeg", "-i", file, "-map 0:a:0 -ac 1 -f f32le -")
        .chunks_exact(4)
        .map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().expect("four bytes"))).abs())
        .collect();
    let packets = packets(file, "a:0");
    let bytes: usize = packets.iter().map(|packet| packet.1).sum();
    // The time of a sample is its packet's, and its place in there.
    let time = |sample: usize| {
        let mut first = 0;
        for &(time, size) in &packets {
            let count = size * samples.len() / bytes;
            if sample < first + count {
                return time + (sample - first) as f64 / f64::from(rate);
            }
            first += count;
        }
        panic!("sample {sample} is in no packet");
    };
    let loud = halfway(&samples);
    onsets(&samples, loud, rate as usize / 4).map(time).collect()
}

/// Between the quietest and the loudest, the darkest and the brightest.
fn halfway(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    (low + high) / 2.0
}

/// Where values rise above the threshold after at least `rest` below it; not at the very start, where the rest is not seen.
fn onsets(values: &[f64], threshold: f64, rest: usize) -> impl Iterator<Item = usize> + '_ {
    let mut below = 0;
    values.iter().enumerate().filter_map(move |(index, &value)| {
        let onset = value > threshold && below >= rest;
        below = if value > threshold { 0 } else { below + 1 };
        onset.then_some(index)
    })
}

/// How far each flash is from the tick nearest to it, in seconds, the nearest first.
pub fn skews(file: &Path, rate: u32) -> Vec<f64> {
    let (flashes, ticks) = (flashes(file), ticks(file, rate));
    let mut skews: Vec<f64> = flashes
        .iter()
        .filter_map(|flash| ticks.iter().map(|tick| (tick - flash).abs()).min_by(f64::total_cmp))
        // One whose partner lies outside the recording.
        .filter(|skew| *skew < 0.5)
        .collect();
    skews.sort_by(f64::total_cmp);
    println!("flashes at {flashes:.4?}, ticks at {ticks:.4?}");
    skews
}
