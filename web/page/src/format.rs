//! Formats numbers for the page: short and with a unit, which stays on the same line.

use whelp::session::file_stem;

/// No-break space.
const NB: char = '\u{a0}';

/// A count in full, with separated thousands: `2,990`.
pub fn full(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count in three digits: `640`, `1.24 k`, `12.4 k`, `124 k`, `1.24 M`.
///
/// Digits are cut off and not rounded, so progress never shows more than was done, and 999,999 is not `1000 k`.
pub fn short(count: u64) -> String {
    let (unit, suffix) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "G"),
    };
    let whole = count / unit;
    let hundredths = count % unit * 100 / unit;
    match whole {
        0..10 => format!("{whole}.{hundredths:02}{NB}{suffix}"),
        10..100 => format!("{whole}.{}{NB}{suffix}", hundredths / 10),
        _ => format!("{}{NB}{suffix}", full(whole)),
    }
}

/// How much of a file is there: `0.4 of 1.4 MB`.
pub fn part_of(done: u64, total: u64) -> String {
    format!("{:.1} of {:.1}{NB}MB", done as f64 / 1e6, total as f64 / 1e6)
}

/// `1,200 of 5,000`.
pub fn count_of(done: usize, total: usize) -> String {
    format!("{} of {}", full(done as u64), full(total as u64))
}

/// A size on disk: `0.3 MB`, `34 MB`, `1,200 MB`.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{:.1}{NB}MB", bytes as f64 / 1e6),
        _ => format!("{}{NB}MB", full(bytes / 1_000_000)),
    }
}

/// A measured value in four digits: `0.6531`, `12.35`, `20,480`, `2e-4`; `–` where there is none.
pub fn measured(value: f64) -> String {
    // Without the sign of a zero.
    let value = value + 0.0;
    let size = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if size >= 9_999.5 {
        format!("{}{}", if value < 0.0 { "-" } else { "" }, full(size.round() as u64))
    } else if size >= 1e-3 || size == 0.0 {
        let before = if size < 1.0 { 0 } else { size.log10() as usize };
        let text = format!("{value:.*}", 4_usize.saturating_sub(before + usize::from(size >= 1.0)));
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        let text = format!("{value:.1e}");
        text.replacen(".0e", "e", 1)
    }
}

/// A speed: `310/s`, `4.2/s`, `0.35/s`; `–/s` while it is unknown.
pub fn per_second(speed: f64) -> String {
    if !speed.is_finite() || speed <= 0.0 {
        return "–/s".to_owned();
    }
    match speed {
        s if s < 1.0 => format!("{s:.2}/s"),
        s if s < 10.0 => format!("{s:.1}/s"),
        s => format!("{}/s", full(s.round() as u64)),
    }
}

/// A time in minutes and seconds, or with hours: `0:42`, `3:24`, `1:03:24`.
pub fn clock(secs: f64) -> String {
    let secs = secs.max(0.0) as u64;
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{secs:02}") } else { format!("{minutes}:{secs:02}") }
}

/// A rough duration: `50 s`, `4 min`, `2 h 10 min`, `3 days`.
pub fn duration(secs: f64) -> String {
    let secs = secs.max(0.0);
    match secs {
        s if s < 55.0 => format!("{}{NB}s", ((s / 5.0).ceil() * 5.0).max(5.0)),
        s if s < 3600.0 => format!("{}{NB}min", (s / 60.0).round().max(1.0)),
        s if s < 48.0 * 3600.0 => {
            let minutes = (s / 60.0).round() as u64;
            let (hours, minutes) = (minutes / 60, minutes % 60 / 10 * 10);
            if minutes == 0 { format!("{hours}{NB}h") } else { format!("{hours}{NB}h {minutes}{NB}min") }
        }
        s => format!("{}{NB}days", (s / 86_400.0).round()),
    }
}

/// How long ago something was: `just now`, `4 min ago`, `2 h ago`, `3 days ago`.
pub fn ago(secs: f64) -> String {
    let (count, unit) = match secs.max(0.0) {
        s if s < 60.0 => return "just now".to_owned(),
        s if s < 3600.0 => (s / 60.0, "min"),
        s if s < 48.0 * 3600.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    format!("{}{NB}{unit} ago", count.floor())
}

/// "1 picture", "2,990 pictures".
pub fn pictures(count: u64) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{} pictures", full(count)) }
}

/// The file name of a checkpoint: `whelp-dcgan32-12k.safetensors`.
pub fn checkpoint_name(recipe: &str, nimg: u64) -> String {
    file_stem(recipe, nimg) + ".safetensors"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace(NB, " ")
    }

    #[test]
    fn a_measured_value_has_four_digits() {
        let shown =
            [-0.0, 1.0, 0.653_147, -0.5, 12.345_6, 131.0, 9_999.4, 20_480.3, -12_000.0, 2e-4, 1.26e-5, 0.001, f64::NAN];
        let texts = shown.map(measured);
        let expected =
            ["0", "1", "0.6531", "-0.5", "12.35", "131", "9999", "20,480", "-12,000", "2e-4", "1.3e-5", "0.001", "–"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn counts_in_full_have_their_thousands_separated() {
        assert_eq!([0, 999, 1000, 2990, 1_234_567].map(full), ["0", "999", "1,000", "2,990", "1,234,567"]);
    }

    #[test]
    fn sizes_on_disk_are_short() {
        let words = [300_000, 9_940_000, 34_000_000, 1_200_000_000].map(megabytes).map(plain);
        assert_eq!(words, ["0.3 MB", "9.9 MB", "34 MB", "1,200 MB"]);
    }

    #[test]
    fn short_counts_have_three_digits_and_are_never_rounded_up() {
        assert_eq!(
            [0, 640, 999, 1240, 12_400, 12_499, 124_000, 999_999, 1_240_000].map(short).map(plain),
            ["0", "640", "999", "1.24 k", "12.4 k", "12.4 k", "124 k", "999 k", "1.24 M"]
        );
        assert_eq!(short(1_005), "1.00\u{a0}k");
    }

    #[test]
    fn speeds_keep_two_digits_when_slow() {
        assert_eq!([310.4, 4.25, 0.349, 0.0, f64::NAN].map(per_second), ["310/s", "4.2/s", "0.35/s", "–/s", "–/s"]);
    }

    #[test]
    fn clocks_show_hours_only_when_there_are_some() {
        assert_eq!([0.0, 42.9, 204.0, 3804.0].map(clock), ["0:00", "0:42", "3:24", "1:03:24"]);
    }

    #[test]
    fn durations_are_rough() {
        assert_eq!([1.0, 48.0, 58.0, 240.0].map(duration).map(plain), ["5 s", "50 s", "1 min", "4 min"]);
        assert_eq!([7800.0, 7200.0, 260_000.0].map(duration).map(plain), ["2 h 10 min", "2 h", "3 days"]);
    }

    #[test]
    fn times_past_are_rough() {
        let words = [0.0, 59.0, 60.0, 250.0, 3600.0, 170_000.0, 260_000.0].map(ago).map(plain);
        assert_eq!(words, ["just now", "just now", "1 min ago", "4 min ago", "1 h ago", "47 h ago", "3 days ago"]);
        assert_eq!(ago(-5.0), "just now", "the clock was set back");
    }
}
