//! Shows a notice when the page itself panics.

use leptos::prelude::document;
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, HtmlAnchorElement, Url};

thread_local! {
    /// The latest checkpoint and its file name. It is outside of the reactive system, which may be broken after a panic.
    static RESCUE: RefCell<Option<(Blob, String)>> = const { RefCell::new(None) };
}

/// Remembers a checkpoint, to offer it for download after a panic.
pub fn keep(blob: &Blob, name: &str) {
    RESCUE.with_borrow_mut(|rescue| *rescue = Some((blob.clone(), name.to_owned())));
}

/// Makes every panic show a notice on the page and write a line to the console.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&info.to_string().into());
        // A second error has nowhere to be reported.
        let _ = show();
    }));
}

/// Builds the notice from plain DOM elements, as Leptos may not work after a panic.
fn show() -> Result<(), JsValue> {
    if document().get_element_by_id("page-broke").is_some() {
        return Ok(());
    }
    let notice = document().create_element("div")?;
    notice.set_id("page-broke");
    notice.set_class_name("notice error broken");
    notice.set_attribute("role", "alert")?;
    notice.set_attribute("data-testid", "error")?;
    let sentence = document().create_element("p")?;
    notice.append_child(&sentence)?;
    let rescue = RESCUE.with(|rescue| rescue.try_borrow().ok().and_then(|rescue| rescue.clone()));
    sentence.set_text_content(Some(match rescue {
        Some(_) => {
            "This page crashed because of a bug in Whelp. Download the last checkpoint, reload the page and open it."
        }
        None => "This page crashed because of a bug in Whelp. Reload the page to start again.",
    }));
    if let Some((blob, name)) = rescue {
        let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
        link.set_href(&Url::create_object_url_with_blob(&blob)?);
        link.set_download(&name);
        link.set_text_content(Some("Download the last checkpoint"));
        link.set_class_name("button");
        notice.append_child(&link)?;
    }
    document().body().ok_or("no body")?.append_child(&notice)?;
    Ok(())
}
