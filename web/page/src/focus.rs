//! Where the keyboard goes on when what had the focus is gone. A browser leaves the focus nowhere then, and whoever has no mouse
//! begins at the top of the page again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use leptos::prelude::{document, window_event_listener};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, FocusOptions, HtmlElement, IntersectionObserver, Node};

/// How many elements back the focus returns: a question and what it was about are two.
const REMEMBERED: usize = 8;

/// Elements that can have the focus; no fields, which would take the letters that are keys of the page.
const FOCUSABLE: &str = "button, a[href], summary, [tabindex='0']";

/// Watches whatever has the focus. When it is gone, the focus goes to what `data-focus-next` names at what was around it, back to
/// where it was before, or to the first element near where it was.
pub fn keep() {
    let past = Rc::new(RefCell::new(Past::default()));
    let on_change = {
        let past = Rc::clone(&past);
        Closure::<dyn FnMut()>::new(move || {
            // Before anything is focused, as that adds to the past.
            let next = past.borrow().next();
            if let Some(next) = next {
                let options = FocusOptions::new();
                options.set_prevent_scroll(true);
                // Fails for no visible element.
                let _ = next.focus_with_options(&options);
            }
        })
    };
    // It tells of an element that is hidden or removed, where no event does in every browser.
    let Ok(observer) = IntersectionObserver::new(on_change.as_ref().unchecked_ref()) else { return };
    on_change.forget();
    // A click beside everything takes the focus away, and is meant to.
    let _ = window_event_listener(leptos::ev::pointerdown, {
        let observer = observer.clone();
        move |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            let focused = document().active_element().filter(|active| active.tag_name() != "BODY");
            if !focused.is_some_and(|focused| focused.contains(target.as_ref())) {
                observer.disconnect();
            }
        }
    });
    let _ = window_event_listener(leptos::ev::focusin, move |event| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok()) else { return };
        observer.disconnect();
        observer.observe(&target);
        past.borrow_mut().add(target);
    });
}

/// What had the focus, the newest first.
#[derive(Default)]
struct Past {
    elements: VecDeque<HtmlElement>,
    /// What was around the newest, from the inside out: what is removed has nothing around it any more.
    around: Vec<Element>,
}

impl Past {
    fn add(&mut self, element: HtmlElement) {
        self.around = std::iter::successors(element.parent_element(), |element| element.parent_element()).collect();
        self.elements.retain(|known| *known != element);
        self.elements.push_front(element);
        self.elements.truncate(REMEMBERED);
    }

    /// What has the focus next, if what had it is gone and nothing has it.
    fn next(&self) -> Option<HtmlElement> {
        let is_free = document().active_element().is_none_or(|active| active.tag_name() == "BODY" || !is_seen(&active));
        let newest = self.elements.front()?;
        if !is_free || is_seen(newest) {
            return None;
        }
        let named = self
            .around
            .iter()
            .find_map(|around| document().get_element_by_id(&around.get_attribute("data-focus-next")?));
        let before = || self.elements.iter().skip(1).find(|element| can_take(element)).cloned();
        named.and_then(|named| named.dyn_into().ok()).filter(can_take).or_else(before).or_else(|| self.nearest())
    }

    /// The first element that can have the focus, in the smallest part that is still there.
    fn nearest(&self) -> Option<HtmlElement> {
        self.around.iter().filter(|around| is_seen(around)).find_map(|around| {
            let inside = around.query_selector_all(FOCUSABLE).ok()?;
            (0..inside.length()).find_map(|index| inside.get(index)?.dyn_into().ok().filter(can_take))
        })
    }
}

fn can_take(element: &HtmlElement) -> bool {
    is_seen(element) && element.matches(FOCUSABLE).unwrap_or(false) && !element.has_attribute("disabled")
}

/// Neither removed nor hidden.
fn is_seen(element: &Element) -> bool {
    element.is_connected() && element.get_client_rects().length() > 0
}
