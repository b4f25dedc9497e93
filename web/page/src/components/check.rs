//! What the check of the pictures found: a verdict, advice, and the flagged files.

use leptos::{html, prelude::*};
use whelp::data::{Count, Flag, Flagged, Report};

use crate::store::{Data, Store};
use crate::{draw, format, notices::Tone};

/// Pictures in a row of the contact sheet.
const COLUMNS: usize = 10;

/// Gap between two pictures of the contact sheet, in their own pixels.
const GAP: usize = 1;

/// Flagged files named on the page; `whelp data check --json` names up to 10,000.
const NAMED: usize = 200;

/// Nothing for the built-in dogs, which need no check.
#[component]
pub fn Check() -> impl IntoView {
    let store = expect_context::<Store>();
    let report = move || {
        let of_own = |data: &Data| (!data.is_builtin).then(|| data.report.clone());
        store.data.with(|data| data.as_ref().and_then(of_own))
    };
    move || report().map(|report| view! { <Findings report=*report /> })
}

#[component]
fn Findings(report: Report) -> impl IntoView {
    let headline = headline(&report);
    let sentence = |text: &String| view! { <li>{text.clone()}</li> };
    let flagged = report.flagged.iter().take(NAMED).map(flagged).collect_view();
    let unnamed = report.flagged_count.saturating_sub(NAMED);
    let has_flagged = report.flagged_count > 0;
    view! {
        <details class="problems check" data-testid="data-check">
            <summary>{headline}</summary>
            <ul data-testid="data-advice">{report.advice.iter().map(sentence).collect_view()}</ul>
            {has_flagged.then(|| view! {
                <LeaveOut count=report.flagged_count excluded=report.excludes_flagged />
                <ul data-testid="data-flagged">
                    {flagged}
                    {(unnamed > 0).then(|| view! { <li>{format!("and {} more", format::full(unnamed as u64))}</li> })}
                </ul>
            })}
            <Counts title="Side lengths (pixels)" counts=report.sides />
            <Counts title="Formats" counts=report.formats />
            <Counts title="Classes" counts=report.classes />
            <ContactSheet />
        </details>
    }
}

/// A button that reads the pictures again, without the flagged ones or with them.
#[component]
fn LeaveOut(count: usize, excluded: bool) -> impl IntoView {
    let store = expect_context::<Store>();
    let label = exclusion_label(count, excluded);
    view! {
        <button
            type="button"
            class="button"
            data-testid="exclude-flagged"
            disabled=move || store.is_busy()
            on:click=move |_| store.exclude_flagged(!excluded)
        >
            {label}
        </button>
    }
}

/// A table of counts with bars.
#[component]
fn Counts(title: &'static str, counts: Vec<Count>) -> impl IntoView {
    let most = counts.iter().map(|count| count.count).max().unwrap_or_default().max(1);
    let row = move |Count { name, count }: Count| {
        let width = format!("{}%", 100 * count / most);
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="number">{format::full(count as u64)}</td>
                <td class="bar"><span style:width=width></span></td>
            </tr>
        }
    };
    (!counts.is_empty()).then(|| {
        view! {
            <table class="counts">
                <caption>{title}</caption>
                <tbody>{counts.into_iter().map(row).collect_view()}</tbody>
            </table>
        }
    })
}

/// Evenly spaced pictures of the data set, as the networks will see them.
#[component]
fn ContactSheet() -> impl IntoView {
    let store = expect_context::<Store>();
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        store.data.with(|data| {
            let Some(data) = data else { return };
            if draw::draw_grid(&canvas, &data.preview, COLUMNS, GAP).is_err() {
                let text = "The contact sheet could not be drawn. Training is not affected.";
                store.notices.show(Tone::Warning, text, &[]);
            }
        });
    });
    view! {
        <canvas
            node_ref=canvas
            class="sheet"
            data-testid="contact-sheet"
            role="img"
            aria-label="Some of the pictures, as the networks will see them"
        ></canvas>
    }
}

fn exclusion_label(count: usize, excluded: bool) -> String {
    let files =
        if count == 1 { "1 flagged file".to_owned() } else { format!("{} flagged files", format::full(count as u64)) };
    if excluded { format!("Include {files}") } else { format!("Leave out {files}") }
}

fn headline(report: &Report) -> String {
    let flagged = match report.flagged_count {
        0 => String::new(),
        count if report.excludes_flagged => format!(" · {} left out", format::full(count as u64)),
        count => format!(" · {} flagged", format::full(count as u64)),
    };
    format!("Check: {}{flagged}", report.verdict.label())
}

fn flagged(Flagged { name, flags, like }: &Flagged) -> impl IntoView + use<> {
    let flags = flags.iter().copied().map(word).collect::<Vec<_>>().join(", ");
    let like = like.as_ref().map_or_else(String::new, |like| format!(" of {like}"));
    view! { <li><span class="name">{name.clone()}</span>" "{flags}{like}</li> }
}

fn word(flag: Flag) -> &'static str {
    flag.label(1)
}

#[cfg(test)]
mod tests {
    use whelp::data::Verdict;

    use super::*;

    #[test]
    fn the_button_says_how_many_files_it_concerns() {
        assert_eq!(exclusion_label(1, false), "Leave out 1 flagged file");
        assert_eq!(exclusion_label(1200, true), "Include 1,200 flagged files");
    }

    #[test]
    fn the_headline_gives_the_verdict_and_the_number_of_flagged_files() {
        let report = Report { verdict: Verdict::Ready, ..Report::default() };
        assert_eq!(headline(&report), "Check: ready to train");
        let flagged = Report { flagged_count: 1200, ..report };
        assert_eq!(headline(&flagged), "Check: ready to train · 1,200 flagged");
        let excluded = Report { excludes_flagged: true, ..flagged };
        assert_eq!(headline(&excluded), "Check: ready to train · 1,200 left out");
    }
}
