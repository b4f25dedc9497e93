//! Where what is on the screen, for terminals of every size.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, LineGauge, Paragraph, Wrap};
use whelp::protocol::FinishReason;
use whelp::series::{LOSS_D, LOSS_G};

use super::color::Colors;
use super::picture;
use super::state::{Phase, State};
use crate::cli::ControlWord;
use crate::display::words::{time, with_error};

/// Rows that a chart needs, and columns beside which a picture has a place.
const CHART_ROWS: u16 = 7;
const PICTURE_COLUMNS: u16 = 60;

/// The least side of a sample in half cells.
const LEAST_SIDE: usize = 12;

const D: Color = Color::Cyan;
const G: Color = Color::Yellow;
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws everything. Returns where samples are to be drawn in pixels, if `has_pixels`.
pub fn draw(frame: &mut Frame, state: &State, colors: Colors, has_pixels: bool) -> Option<Rect> {
    let area = frame.area();
    let health = health(state);
    // What there is least need of goes first when there is little room.
    let health_rows = rows(&health, area.width).min(if area.height < 16 { 2 } else { 4 });
    let fixed = 4 + health_rows;
    let free = area.height.saturating_sub(fixed);
    let scores = score_lines(state);
    let head = u16::from(free > 2);
    let score_rows = (scores.len() as u16).min(free.saturating_sub(head + 1)).min(area.height / 5);
    let free = free.saturating_sub(head + score_rows);
    let has_chart = free > CHART_ROWS;
    let recent_rows = if has_chart { (free / 4).clamp(1, 5) } else { free };
    let [top, gauge, figures, middle, score_area, health_area, recent, keys] = Layout::vertical([
        Constraint::Length(head),
        Constraint::Length(1),
        Constraint::Length(2),
        if has_chart { Constraint::Min(0) } else { Constraint::Length(0) },
        Constraint::Length(score_rows),
        Constraint::Length(health_rows),
        if has_chart { Constraint::Length(recent_rows) } else { Constraint::Min(0) },
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(head_line(state, area.width), top);
    frame.render_widget(gauge_line(state), gauge);
    frame.render_widget(Paragraph::new(figure_lines(state, area.width)), figures);
    frame.render_widget(Paragraph::new(scores), score_area);
    frame.render_widget(Paragraph::new(health).wrap(Wrap { trim: true }), health_area);
    frame.render_widget(recent_lines(state, recent.height), recent);
    frame.render_widget(Line::from(key_spans(state)), keys);
    if !has_chart {
        return None;
    }
    let is_wide = middle.width >= PICTURE_COLUMNS;
    let picture_columns = if is_wide { (4 * middle.height).min(middle.width / 2) } else { 0 };
    let [chart, picture] = Layout::horizontal([Constraint::Min(0), Constraint::Length(picture_columns)]).areas(middle);
    losses(frame, state, chart);
    if is_wide { samples(frame, state, picture, colors, has_pixels) } else { None }
}

/// The run, what it trains, and where it can be watched.
fn head_line(state: &State, width: u16) -> Line<'_> {
    let subject = &state.subject;
    let mut spans = vec![Span::styled("whelp ", STRONG), Span::raw(subject.root.as_str())];
    let link = subject.link.iter().map(|link| Span::styled(format!("  {link}"), Style::new().fg(D)));
    let recipe = Span::styled(format!("  {} on {}", state.recipe, state.device), FAINT);
    let pictures = Span::styled(format!("  {}", state.pictures), FAINT);
    // A token at the end of an address must not be cut: then the address has the line to itself.
    for span in link.chain([recipe, pictures]) {
        let taken: usize = spans.iter().map(Span::width).sum();
        if taken + span.width() <= usize::from(width) {
            spans.push(span);
        } else if let Some(link) = subject.link.as_ref().filter(|link| span.content.contains(link.as_str())) {
            return Line::from(Span::styled(link.as_str(), Style::new().fg(D)));
        }
    }
    Line::from(spans)
}

fn gauge_line(state: &State) -> LineGauge<'_> {
    let progress = state.progress.as_ref();
    let fraction = progress.and_then(|progress| progress.fraction);
    let phase = match state.phase {
        Phase::Training => "training",
        Phase::Paused => "paused",
        Phase::Ended(FinishReason::Completed) => "done",
        Phase::Ended(FinishReason::Stopped) => "stopped",
        Phase::Ended(FinishReason::Stalled) => "stalled",
    };
    let percent = fraction.map_or_else(String::new, |fraction| format!(" {:>3.0} %", (100.0 * fraction).floor()));
    let left = progress.and_then(|progress| progress.remaining_secs);
    let left = left.map_or_else(String::new, |secs| format!(", {} left", time(secs)));
    let style =
        if state.phase == Phase::Paused { Style::new().fg(Color::Yellow) } else { Style::new().fg(Color::Green) };
    let ratio = fraction.filter(|fraction| fraction.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0);
    LineGauge::default()
        .filled_symbol("━")
        .unfilled_symbol("─")
        .ratio(ratio)
        .label(Span::styled(format!("{phase}{percent}{left}"), style))
        .filled_style(style)
}

/// How far, how fast, and with how much memory.
fn figure_lines(state: &State, width: u16) -> Vec<Line<'static>> {
    let Some(progress) = &state.progress else { return vec![Line::from("about to begin")] };
    let figure = |value: String, unit: &'static str| vec![Span::styled(value, STRONG), Span::raw(unit)];
    let mut groups = vec![
        vec![Span::raw("step "), Span::styled(progress.step.to_string(), STRONG)],
        figure(format!("{:.1}", progress.nimg as f64 / 1000.0), " kimg"),
        figure(format!("{:.2}", progress.epoch), " epochs"),
        figure(format!("{:.1}", progress.images_per_sec), " img/s"),
        figure(time(progress.elapsed_secs), ""),
    ];
    if let Some(bytes) = progress.memory_bytes {
        groups.push(figure(format!("{:.2}", bytes as f64 / 1e9), " GB"));
    }
    if let Some((_, [d, g])) = state.history.newest([LOSS_D, LOSS_G]) {
        groups.push(vec![Span::styled(format!("{LOSS_D} {d:.3}"), Style::new().fg(D))]);
        groups.push(vec![Span::styled(format!("{LOSS_G} {g:.3}"), Style::new().fg(G))]);
    }
    if let Some(step) = state.checkpoint {
        groups.push(vec![Span::raw(format!("saved at step {step}"))]);
    }
    flow(groups, width)
}

/// Puts groups into lines, each as full as it gets. Only the first two have a place.
fn flow(groups: Vec<Vec<Span<'static>>>, width: u16) -> Vec<Line<'static>> {
    const GAP: usize = 2;
    let mut lines: Vec<Vec<Span>> = vec![Vec::new()];
    let mut taken = 0;
    for group in groups {
        let needed: usize = group.iter().map(Span::width).sum();
        if taken > 0 && taken + GAP + needed > usize::from(width) {
            lines.push(Vec::new());
            taken = 0;
        }
        if taken > 0 {
            taken += GAP;
            lines.last_mut().expect("at least one").push(Span::raw(" ".repeat(GAP)));
        }
        taken += needed;
        lines.last_mut().expect("at least one").extend(group);
    }
    lines.into_iter().map(Line::from).collect()
}

fn score_lines(state: &State) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    if !state.scores.is_empty() {
        let scores: Vec<String> = state.scores.iter().map(|(name, value)| format!("{name} {value}")).collect();
        lines.push(Line::from(vec![Span::styled("scores  ", FAINT), Span::raw(scores.join("  "))]));
    }
    if let Some(best) = &state.best {
        let value = with_error(best.value, best.standard_error);
        let words = format!("{} {value} at step {}", best.name, best.step);
        lines.push(Line::from(vec![Span::styled("best    ", FAINT), Span::raw(words)]));
    }
    lines
}

fn health(state: &State) -> Line<'_> {
    let Some(health) = &state.health else { return Line::from("") };
    let style = if health.is_alarm { Style::new().fg(Color::Red).add_modifier(Modifier::BOLD) } else { Style::new() };
    let label = Span::styled(format!("health, step {}  ", health.step), FAINT);
    Line::from(vec![label, Span::styled(health.words.as_str(), style)])
}

/// Rows that a line takes when it is broken between words.
fn rows(line: &Line, width: u16) -> u16 {
    let mut rows = 1;
    let mut taken = 0;
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    for word in text.split_whitespace() {
        let needed = Span::raw(word).width() + usize::from(taken > 0);
        if taken + needed > usize::from(width) {
            rows += 1;
            taken = Span::raw(word).width();
        } else {
            taken += needed;
        }
    }
    rows
}

/// The latest lines, the newest at the bottom; warnings stand out.
fn recent_lines(state: &State, rows: u16) -> Paragraph<'_> {
    // What has a place of its own is left out.
    let shown = |line: &&String| !["health ", "scores ", "best "].iter().any(|kind| line.starts_with(kind));
    let latest: Vec<&String> = state.recent.iter().rev().filter(shown).take(usize::from(rows)).collect();
    let lines = latest.into_iter().rev().map(|line| {
        let is_warning = ["warning", "whelp:", "paused  "].iter().any(|kind| line.starts_with(kind));
        Line::from(line.as_str()).style(if is_warning { Style::new().fg(Color::Yellow) } else { FAINT })
    });
    Paragraph::new(lines.collect::<Vec<_>>())
}

fn key_spans(state: &State) -> Vec<Span<'static>> {
    let waiting = match state.asked {
        Some(ControlWord::Pause) => Some("pausing after this step"),
        Some(ControlWord::Resume) => Some("going on"),
        Some(ControlWord::Sample) => Some("drawing samples"),
        Some(ControlWord::Save) => Some("saving a checkpoint"),
        Some(ControlWord::Stop) => Some("saving a checkpoint, then the run ends"),
        None => None,
    };
    if let Some(waiting) = waiting {
        return vec![Span::styled(waiting, STRONG)];
    }
    let pause = if state.phase == Phase::Paused { " go on  " } else { " pause  " };
    [("p", pause), ("s", " samples  "), ("c", " checkpoint  "), ("q", " save and stop")]
        .into_iter()
        .flat_map(|(key, words)| [Span::styled(key, STRONG.add_modifier(Modifier::REVERSED)), Span::raw(words)])
        .collect()
}

fn losses(frame: &mut Frame, state: &State, area: Rect) {
    let (steps, [d, g]) = state.history.columns([LOSS_D, LOSS_G]);
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        steps.iter().copied().zip(values.iter().copied()).filter(|(_, value)| value.is_finite()).collect()
    };
    let (d, g) = (points(&d), points(&g));
    let title = Line::from(vec![
        Span::raw(" losses  "),
        Span::styled(format!("⠒⠒ {LOSS_D}  "), Style::new().fg(D)),
        Span::styled(format!("•• {LOSS_G} "), Style::new().fg(G)),
    ]);
    let block = Block::bordered().title(title).border_style(FAINT);
    let Some([low, high]) = range(d.iter().chain(&g).map(|(_, value)| *value)) else {
        frame.render_widget(block, area);
        return;
    };
    let bounds = [steps.first().copied().unwrap_or_default(), steps.last().copied().unwrap_or(1.0)];
    let label = |value: f64| Span::styled(format!("{value:.2}"), FAINT);
    // Two kinds of marks, for eyes and terminals without colours.
    let line = |points, marker, color| {
        let line = Dataset::default().data(points).marker(marker).graph_type(GraphType::Line);
        line.style(Style::new().fg(color))
    };
    let chart = Chart::new(vec![line(&d, Marker::Braille, D), line(&g, Marker::Dot, G)])
        .block(block)
        .legend_position(None)
        .x_axis(Axis::default().bounds(bounds).style(FAINT).labels(bounds.map(|step| format!("{step:.0}"))))
        .y_axis(Axis::default().bounds([low, high]).style(FAINT).labels([label(low), label(high)]));
    frame.render_widget(chart, area);
}

/// What nearly all values lie in, with some room: a single spike must not flatten the rest. None without values.
fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    const RARE: f64 = 0.01;
    const ROOM: f64 = 0.05;
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let rare = (last as f64 * RARE) as usize;
    let (low, high) = (sorted[rare], sorted[last - rare]);
    let room = ((high - low) * ROOM).max(1e-3);
    Some([low - room, high + room])
}

/// Draws the samples in cells, or returns where they are to be drawn in pixels.
fn samples(frame: &mut Frame, state: &State, area: Rect, colors: Colors, has_pixels: bool) -> Option<Rect> {
    let title =
        state.samples.as_ref().map_or_else(|| " samples ".to_owned(), |it| format!(" samples, step {} ", it.step));
    let block = Block::bordered().title(title).border_style(FAINT);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let samples = state.samples.as_ref()?;
    if has_pixels {
        return Some(inner);
    }
    if let Some(pixels) =
        picture::fit(&samples.grid, usize::from(inner.width), 2 * usize::from(inner.height), LEAST_SIDE)
    {
        pixels.draw(inner, frame.buffer_mut(), colors);
    }
    None
}

#[cfg(test)]
mod tests;
