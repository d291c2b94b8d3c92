//! The distribution of ages as a picture: SVG, which any browser shows.

use std::fmt::Write;

use super::series::percentile;

const SIZE: (f64, f64) = (720.0, 360.0);
/// Left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (56.0, 64.0, 20.0, 48.0);
const BARS: usize = 60;

/// Draws how many of `ages`, in nanoseconds, lie in each of sixty steps up to the 99.9th percentile; what is older is counted
/// in the last one.
pub(crate) fn plot(title: &str, subtitle: &str, ages: &[u64]) -> String {
    let mut sorted = ages.to_vec();
    sorted.sort_unstable();
    let end = percentile(&sorted, 999).unwrap_or(0).max(1_000);
    let mut bars = [0_u64; BARS];
    for &age in &sorted {
        let step = u128::from(age) * BARS as u128 / (u128::from(end) + 1);
        bars[usize::try_from(step).unwrap_or(BARS).min(BARS - 1)] += 1;
    }
    let most = bars.iter().copied().max().unwrap_or(0).max(1);
    let (width, height) = (SIZE.0 - MARGIN.0 - MARGIN.2, SIZE.1 - MARGIN.1 - MARGIN.3);
    let ground = MARGIN.1 + height;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{}" y="24" font-size="16">{}</text>
<text x="{}" y="44" fill="#555">{}</text>
"##,
        SIZE.0,
        SIZE.1,
        MARGIN.0,
        escaped(title),
        MARGIN.0,
        escaped(subtitle),
    );
    for (index, &count) in bars.iter().enumerate() {
        let tall = count as f64 / most as f64 * height;
        let left = MARGIN.0 + index as f64 * width / BARS as f64;
        let _ = writeln!(
            svg,
            r##"<rect x="{left:.1}" y="{:.1}" width="{:.1}" height="{tall:.1}" fill="#4878a8"/>"##,
            ground - tall,
            width / BARS as f64 - 1.0
        );
    }
    for tenth in 0..=5 {
        let (age, x) = (end as f64 * f64::from(tenth) / 5.0, MARGIN.0 + width * f64::from(tenth) / 5.0);
        let _ = writeln!(
            svg,
            r##"<text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#555">{}</text>"##,
            ground + 18.0,
            label(age)
        );
    }
    for (per_mille, name) in [(500, "median"), (990, "p99")] {
        let Some(age) = percentile(&sorted, per_mille) else { continue };
        let x = MARGIN.0 + width * (age as f64 / end as f64).min(1.0);
        let _ = writeln!(
            svg,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{}" y2="{ground}" stroke="#c44" stroke-dasharray="4 3"/>
<text x="{x:.1}" y="{}" text-anchor="middle" fill="#c44">{name} {}</text>"##,
            MARGIN.1,
            MARGIN.1 - 4.0,
            label(age as f64)
        );
    }
    let _ = writeln!(
        svg,
        r##"<text x="{}" y="{}" fill="#555">age of a frame when the consumer has it, {} frames</text>
</svg>"##,
        MARGIN.0,
        SIZE.1 - 10.0,
        sorted.len()
    );
    svg
}

/// Nanoseconds in a unit that fits.
fn label(age: f64) -> String {
    match age {
        ..1e6 => format!("{:.0} µs", age / 1e3),
        ..1e9 => format!("{:.1} ms", age / 1e6),
        _ => format!("{:.2} s", age / 1e9),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_is_in_a_bar_and_the_median_where_it_belongs() {
        let ages: Vec<u64> = (0..1000).map(|n| 1_000_000 + n * 1_000).collect();
        let svg = plot("A <camera>", "YUYV & more", &ages);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("A &lt;camera&gt;") && svg.contains("YUYV &amp; more"));
        assert!(svg.contains("median 1.5 ms") && svg.contains("1000 frames"), "{svg}");
        assert_eq!(svg.matches("<rect").count(), BARS + 1);
        // The first half of the axis is empty: nothing is younger than a millisecond of two.
        let empty = svg.matches(r#"height="0.0""#).count();
        assert!((BARS / 2 - 2..=BARS / 2 + 2).contains(&empty), "{empty}");
    }

    #[test]
    fn nothing_at_all_is_drawn_too() {
        assert!(plot("", "", &[]).contains("0 frames"));
        assert!(plot("", "", &[u64::MAX]).contains("1 frames"));
    }
}
