//! Resolution done naively: every mode written out, every rule by itself. Nothing here is shared with the library but the
//! types of its interface.

use usermedia::devices::{FrameRates, MediaDeviceInfo, Span};
use usermedia::{Fourcc, FrameRate};

/// One settings dictionary of one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub device: usize,
    pub fourcc: Fourcc,
    pub width: u32,
    pub height: u32,
    pub rate: Option<FrameRate>,
}

/// A numeric constraint as the tests write it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish {
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub exact: Option<f64>,
    pub ideal: Option<f64>,
}

impl Wish {
    fn distance(&self, actual: Option<f64>) -> f64 {
        let required = self.min.is_some() || self.max.is_some() || self.exact.is_some();
        let Some(actual) = actual else {
            return if required {
                f64::INFINITY
            } else if self.ideal.is_some() {
                1.0
            } else {
                0.0
            };
        };
        if self.min.is_some_and(|min| actual < min)
            || self.max.is_some_and(|max| actual > max)
            || self.exact.is_some_and(|exact| actual != exact)
        {
            return f64::INFINITY;
        }
        match self.ideal {
            None => 0.0,
            Some(ideal) if ideal == actual => 0.0,
            Some(ideal) => (actual - ideal).abs() / actual.abs().max(ideal.abs()),
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        let members = [("min", self.min), ("max", self.max), ("exact", self.exact), ("ideal", self.ideal)];
        let members: Vec<_> =
            members.iter().filter_map(|(name, value)| value.map(|value| format!("\"{name}\":{value}"))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A set of constraints: width, height, aspect ratio, frame rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Set(pub [Wish; 4]);

impl Set {
    pub fn distance(&self, settings: &Settings) -> f64 {
        self.distances(settings).iter().sum()
    }

    fn distances(&self, settings: &Settings) -> [f64; 4] {
        let ratio = (f64::from(settings.width) / f64::from(settings.height) * 1e10).round() / 1e10;
        [
            self.0[0].distance(Some(f64::from(settings.width))),
            self.0[1].distance(Some(f64::from(settings.height))),
            self.0[2].distance(Some(ratio)),
            self.0[3].distance(settings.rate.map(|rate| f64::from(rate.numerator()) / f64::from(rate.denominator()))),
        ]
    }

    /// As JSON, the constraints that are there.
    pub fn json(&self) -> String {
        let names = ["width", "height", "aspectRatio", "frameRate"];
        let members: Vec<_> = names
            .iter()
            .zip(&self.0)
            .filter(|(_, wish)| **wish != Wish::default())
            .map(|(name, wish)| format!("\"{name}\":{}", wish.json()))
            .collect();
        members.join(",")
    }
}

fn values(span: Span) -> Vec<u32> {
    match span {
        Span::Fixed(value) => vec![value],
        Span::Range { min, max, step } => (min..=max).step_by(step as usize).collect(),
    }
}

/// Every dictionary of the cameras. Ranges of rates are not expanded: give lists.
pub fn expand(devices: &[MediaDeviceInfo]) -> Vec<Settings> {
    let mut all = Vec::new();
    for (device, info) in devices.iter().enumerate() {
        for mode in &info.modes {
            for width in values(mode.width) {
                for height in values(mode.height) {
                    let mut add = |rate| all.push(Settings { device, fourcc: mode.fourcc, width, height, rate });
                    match &mode.frame_rates {
                        FrameRates::Unknown => add(None),
                        FrameRates::List(list) => list.iter().for_each(|rate| add(Some(*rate))),
                        FrameRates::Range { .. } => unreachable!("the oracle takes lists"),
                    }
                }
            }
        }
    }
    all
}

/// Every dictionary of the cameras and of what can be made of their modes: all smaller sizes, and of the lower rates those
/// that the sets name, which are the only ones where anything changes.
pub fn expand_made(devices: &[MediaDeviceInfo], sets: &[&Set]) -> Vec<Settings> {
    let named: Vec<FrameRate> = sets
        .iter()
        .flat_map(|set| [set.0[3].min, set.0[3].max, set.0[3].exact, set.0[3].ideal])
        .flatten()
        .filter_map(FrameRate::from_f64)
        .collect();
    let mut all = expand(devices);
    for own in all.clone() {
        let lower = named.iter().copied().filter(|rate| own.rate.is_some_and(|native| *rate < native)).map(Some);
        for rate in [own.rate].into_iter().chain(lower) {
            for width in 1..=own.width {
                all.extend((1..=own.height).map(|height| Settings { width, height, rate, ..own.clone() }));
            }
        }
    }
    all
}

/// How good a dictionary is: distance, camera, pixel distance, distance from 30.
pub fn order(basic: &Set, settings: &Settings) -> (f64, usize, f64, f64) {
    let (dx, dy) = (f64::from(settings.width) - 640.0, f64::from(settings.height) - 480.0);
    let rate = settings.rate.map_or(f64::INFINITY, |rate| (rate.as_f64() - 30.0).abs());
    (basic.distance(settings), settings.device, dx * dx + dy * dy, rate)
}

/// `SelectSettings` over all cameras; else the names of the constraints that nothing meets.
pub fn select(devices: &[MediaDeviceInfo], basic: &Set, advanced: &[Set]) -> Result<Settings, Vec<&'static str>> {
    select_of(&expand(devices), basic, advanced)
}

/// As [`select`], of these dictionaries.
pub fn select_of(all: &[Settings], basic: &Set, advanced: &[Set]) -> Result<Settings, Vec<&'static str>> {
    let mut left: Vec<&Settings> = all.iter().filter(|settings| basic.distance(settings).is_finite()).collect();
    if left.is_empty() {
        let names = ["width", "height", "aspectRatio", "frameRate"];
        let hopeless = |index: &usize| all.iter().all(|settings| basic.distances(settings)[*index].is_infinite());
        return Err((0..4).filter(hopeless).map(|index| names[index]).collect());
    }
    for set in advanced {
        let kept: Vec<&Settings> = left.iter().copied().filter(|settings| set.distance(settings).is_finite()).collect();
        if !kept.is_empty() {
            left = kept;
        }
    }
    let mut best = left[0];
    for settings in &left[1..] {
        if better(order(basic, settings), order(basic, best)) {
            best = settings;
        }
    }
    Ok(best.clone())
}

/// Sums of the same terms in another order differ by less; two modes that truly differ hardly ever do.
pub const ROUNDING: f64 = 1e-13;

/// Whether the first order is smaller, sums that differ by a rounding error being the same.
pub fn better(a: (f64, usize, f64, f64), b: (f64, usize, f64, f64)) -> bool {
    if (a.0 - b.0).abs() > ROUNDING {
        return a.0 < b.0;
    }
    (a.1, a.2, a.3) < (b.1, b.2, b.3)
}

/// The 2012 algorithm for a camera with discrete sizes and lists of rates; `None` for a failure.
pub fn libjingle(
    device: &MediaDeviceInfo,
    mandatory: &[(&str, String)],
    optional: &[(&str, String)],
) -> Option<(Fourcc, u32, u32, i64)> {
    #[derive(Clone, Copy)]
    struct Format {
        fourcc: Fourcc,
        width: i64,
        height: i64,
        interval: i64,
    }
    let mut formats = Vec::new();
    for mode in &device.modes {
        let (Span::Fixed(width), Span::Fixed(height)) = (mode.width, mode.height) else { unreachable!() };
        let intervals = match &mode.frame_rates {
            FrameRates::List(list) => list
                .iter()
                .map(|rate| 1_000_000_000 * i64::from(rate.denominator()) / i64::from(rate.numerator()))
                .collect(),
            _ => vec![0],
        };
        for interval in intervals {
            formats.push(Format { fourcc: mode.fourcc, width: width.into(), height: height.into(), interval });
        }
    }
    let pass = |format: Format, key: &str, value: &str, mandatory: bool| -> Option<Format> {
        let int = || value.parse::<f64>().map_or(0, |value| value as i64);
        let double = || value.parse::<f64>().unwrap_or(0.0);
        let fps = if format.interval == 0 { 0 } else { 1_000_000_000 / format.interval };
        let ratio = format.width as f64 / format.height as f64;
        let ok = match key {
            "minWidth" => int() <= format.width,
            "maxWidth" => int() >= format.width,
            "minHeight" => int() <= format.height,
            "maxHeight" => int() >= format.height,
            "minAspectRatio" => double() <= ratio + 0.0005,
            "maxAspectRatio" => double() >= ratio - 0.0005,
            "minFrameRate" => int() <= fps,
            "maxFrameRate" => {
                let mut value = int();
                if value <= 0 {
                    if mandatory {
                        return None;
                    }
                    value = 1;
                }
                if value > fps {
                    return None;
                }
                return Some(Format { interval: 1_000_000_000 / value, ..format });
            }
            "googNoiseReduction" => true,
            _ => false,
        };
        ok.then_some(format)
    };
    for (key, value) in mandatory {
        formats = formats.into_iter().filter_map(|format| pass(format, key, value, true)).collect();
    }
    if formats.is_empty() {
        return None;
    }
    for (key, value) in optional {
        let kept: Vec<Format> = formats.iter().filter_map(|format| pass(*format, key, value, false)).collect();
        if !kept.is_empty() {
            formats = kept;
        }
    }
    let area = |format: &Format| (640 * 480 - format.width * format.height).abs();
    let mut best = formats[0];
    let (mut best_area, mut best_interval) = (area(&best), 33_333_333);
    for format in &formats {
        let interval = (33_333_333 - format.interval).abs();
        if area(format) < best_area || (area(format) == best_area && interval < best_interval) {
            (best, best_area, best_interval) = (*format, area(format), interval);
        }
    }
    Some((best.fourcc, best.width as u32, best.height as u32, best.interval))
}
